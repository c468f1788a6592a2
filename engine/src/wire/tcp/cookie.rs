//! The cookie of TCP Fast Open (RFC 7413 §4.1.1).

use core::fmt;

/// A Fast Open cookie: none at all as a request for one, or 4 to 16 octets, an even number of them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct FastOpenCookie {
    octets: [u8; FastOpenCookie::LEN_MAX],
    len: u8,
}

impl FastOpenCookie {
    /// The longest cookie, in octets.
    pub const LEN_MAX: usize = 16;
    /// The empty cookie, with which a client asks for one.
    pub const REQUEST: FastOpenCookie = FastOpenCookie { octets: [0; FastOpenCookie::LEN_MAX], len: 0 };

    /// A cookie of these octets; `None` where it cannot have that length.
    pub fn new(octets: &[u8]) -> Option<Self> {
        let len = octets.len();
        if !(len == 0 || (4..=Self::LEN_MAX).contains(&len) && len.is_multiple_of(2)) {
            return None;
        }
        let mut cookie = FastOpenCookie { len: len as u8, ..FastOpenCookie::REQUEST };
        cookie.octets.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        Some(cookie)
    }

    /// Its octets.
    pub fn as_slice(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or(&self.octets)
    }

    /// Whether it only asks for one.
    pub const fn is_request(&self) -> bool {
        self.len == 0
    }
}

/// As packetdrill writes it: `FO`, or `FO 0123456789abcdef`.
impl fmt::Display for FastOpenCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_request() { "FO" } else { "FO " })?;
        self.as_slice().iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for FastOpenCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    //= https://www.rfc-editor.org/rfc/rfc7413#section-4.1.1
    //= type=test
    //# The number MUST be even.
    #[test]
    fn a_cookie_has_a_length_that_the_option_allows() {
        for len in 0..=20 {
            let allowed = [0, 4, 6, 8, 10, 12, 14, 16].contains(&len);
            assert_eq!(FastOpenCookie::new(&[7; 20][..len]).is_some(), allowed, "{len}");
        }
    }

    #[test]
    fn it_prints_as_packetdrill_does() {
        assert_eq!(FastOpenCookie::REQUEST.to_string(), "FO");
        assert_eq!(FastOpenCookie::new(&[1, 2, 0xab, 0xff]).unwrap().to_string(), "FO 0102abff");
    }
}
