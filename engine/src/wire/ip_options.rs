//! The options of an IPv4 header that is sent (RFC 791 §3.1).
//!
//! Owns: [`IpOptions`], which cannot be longer than a header has room for, nor contradict themselves, nor route by their
//! source; and [`IpOption`], one of them. What comes is read in `ipv4`.
//!
//! ```
//! use sockwright_engine::wire::{IpOption, IpOptions};
//!
//! let options = IpOptions::new(&[IpOption::RecordRoute(1), IpOption::RouterAlert(0)]).unwrap();
//! assert_eq!(options.octets(), [7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0]);
//! ```

use alloc::vec::Vec;
use core::fmt;

use super::{Malformed, ipv4};

const RECORD_ROUTE: u8 = 7;
const ROUTER_ALERT: u8 = 148;
/// Set in the type of an option that every fragment has, and not the first alone.
const COPIED: u8 = 0x80;

/// An option to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IpOption {
    /// Record Route (RFC 791), with room for the addresses of so many routers, 1 to 9.
    RecordRoute(u8),
    /// Router Alert (RFC 2113), with its value: 0 asks every router to look at the packet.
    RouterAlert(u16),
    /// Options as the wire has them.
    Raw(Vec<u8>),
}

impl IpOption {
    fn append(&self, out: &mut Vec<u8>) -> Result<(), InvalidIpOptions> {
        match self {
            IpOption::RecordRoute(addresses @ 1..=9) => {
                // The pointer to the first slot counts from 1, the option's type included.
                out.extend_from_slice(&[RECORD_ROUTE, 3 + 4 * addresses, 4]);
                out.resize(out.len() + 4 * usize::from(*addresses), 0);
            }
            IpOption::RecordRoute(_) => return Err(InvalidIpOptions::RecordRoute),
            IpOption::RouterAlert(value) => {
                out.extend_from_slice(&[ROUTER_ALERT, 4]);
                out.extend_from_slice(&value.to_be_bytes());
            }
            IpOption::Raw(octets) => out.extend_from_slice(octets),
        }
        Ok(())
    }

    fn read(octets: &[u8]) -> IpOption {
        match *octets {
            [RECORD_ROUTE, len @ 7..=39, 4, ref slots @ ..]
                if (len - 3).is_multiple_of(4) && slots.iter().all(|octet| *octet == 0) =>
            {
                IpOption::RecordRoute((len - 3) / 4)
            }
            [ROUTER_ALERT, 4, high, low] => IpOption::RouterAlert(u16::from_be_bytes([high, low])),
            _ => IpOption::Raw(octets.to_vec()),
        }
    }
}

/// The options of a header: 0 to 40 octets, a multiple of four.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IpOptions {
    octets: [u8; IpOptions::LEN_MAX],
    len: u8,
}

impl IpOptions {
    /// No options.
    pub const NONE: IpOptions = IpOptions { octets: [0; IpOptions::LEN_MAX], len: 0 };
    /// The octets that a header has room for.
    pub const LEN_MAX: usize = 40;

    /// These options, in this order, and after them End of Option List up to the next multiple of four octets.
    pub fn new(options: &[IpOption]) -> Result<Self, InvalidIpOptions> {
        let mut octets = Vec::new();
        for option in options {
            option.append(&mut octets)?;
            if octets.len() > IpOptions::LEN_MAX {
                return Err(InvalidIpOptions::TooLong);
            }
        }
        ipv4::check_options(&octets).map_err(|malformed| match malformed {
            Malformed::SourceRoute => InvalidIpOptions::SourceRoute,
            _ => InvalidIpOptions::Malformed,
        })?;
        Ok(Self::padded(&octets))
    }

    fn padded(octets: &[u8]) -> Self {
        let mut options = IpOptions { len: octets.len().next_multiple_of(4) as u8, ..IpOptions::NONE };
        for (to, from) in options.octets.iter_mut().zip(octets) {
            *to = *from;
        }
        options
    }

    /// As the wire has them.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.len()).unwrap_or_default()
    }

    /// How many octets they are.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One by one, without what fills up the header.
    pub fn list(&self) -> Vec<IpOption> {
        self.each().map(IpOption::read).collect()
    }

    /// Those of a fragment that is not the first (RFC 791 §3.1, the copied flag).
    pub(super) fn copied(&self) -> IpOptions {
        let copied = self.each().filter(|option| option.first().is_some_and(|kind| kind & COPIED != 0));
        Self::padded(&copied.flatten().copied().collect::<Vec<_>>())
    }

    fn each(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.octets();
        core::iter::from_fn(move || {
            let len = match *rest.first()? {
                ipv4::END_OF_OPTIONS => return None,
                ipv4::NO_OPERATION => 1,
                _ => usize::from(*rest.get(1)?),
            };
            let (option, behind) = rest.split_at_checked(len)?;
            rest = behind;
            Some(option)
        })
    }
}

impl Default for IpOptions {
    fn default() -> Self {
        IpOptions::NONE
    }
}

impl fmt::Debug for IpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}

/// Why options cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidIpOptions {
    /// They are longer than a header has room for.
    TooLong,
    /// The length of one of them does not hold together.
    Malformed,
    /// Record Route has room for no address, or for more than a header has.
    RecordRoute,
    /// They route the packet by its source.
    SourceRoute,
}

impl fmt::Display for InvalidIpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidIpOptions::TooLong => "Together they have to be at most 40 octets.",
            InvalidIpOptions::Malformed => "The length of each has to cover its type and its length.",
            InvalidIpOptions::RecordRoute => "Record Route has room for 1 to 9 addresses.",
            InvalidIpOptions::SourceRoute => "Source routes are not sent: networks drop them (RFC 7126).",
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn raw(octets: &[u8]) -> Result<IpOptions, InvalidIpOptions> {
        IpOptions::new(&[IpOption::Raw(octets.to_vec())])
    }

    #[test]
    fn options_are_told_as_they_were_given() {
        let given = vec![
            IpOption::RecordRoute(2),
            IpOption::RouterAlert(1),
            IpOption::Raw(vec![1]),
            IpOption::Raw(vec![68, 6, 5, 0, 9, 9]),
        ];
        let options = IpOptions::new(&given).unwrap();
        assert_eq!(options.list(), given);
        assert_eq!(options.len(), 24);
        assert_eq!(options.octets()[..11], [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(options.octets()[11..], [148, 4, 0, 1, 1, 68, 6, 5, 0, 9, 9, 0, 0]);
        assert_eq!(IpOptions::new(&[]), Ok(IpOptions::NONE));
    }

    #[test]
    fn what_no_header_can_have_is_refused() {
        assert_eq!(IpOptions::new(&[IpOption::RecordRoute(9)]).unwrap().len(), 40);
        for slots in [0, 10, 255] {
            let refused = IpOptions::new(&[IpOption::RecordRoute(slots)]);
            assert_eq!(refused, Err(InvalidIpOptions::RecordRoute));
        }
        let many = vec![IpOption::RouterAlert(0); 11];
        assert_eq!(IpOptions::new(&many[1..]).unwrap().len(), 40);
        assert_eq!(IpOptions::new(&many), Err(InvalidIpOptions::TooLong));
        assert_eq!(raw(&[1; 41]), Err(InvalidIpOptions::TooLong));
        for octets in [&[7][..], &[7, 0], &[7, 1], &[7, 3], &[148, 4, 0]] {
            assert_eq!(raw(octets), Err(InvalidIpOptions::Malformed), "{octets:?}");
        }
        for kind in [131, 137] {
            assert_eq!(raw(&[kind, 7, 4, 10, 0, 0, 9]), Err(InvalidIpOptions::SourceRoute));
        }
    }

    #[test]
    fn later_fragments_have_what_is_to_be_copied() {
        let options = IpOptions::new(&[IpOption::RecordRoute(3), IpOption::RouterAlert(7)]).unwrap();
        assert_eq!(options.copied().list(), [IpOption::RouterAlert(7)]);
        assert_eq!(options.copied().len(), 4);
    }
}
