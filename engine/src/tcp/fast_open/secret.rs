//! The server's cookies: what only it can make, for one client, for a while.

use core::hash::{Hash, Hasher};
use core::time::Duration;

use siphasher::sip::SipHasher24;

use super::Path;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::FastOpenCookie;

/// How long a cookie is the one to give. It is good for as long again.
const EPOCH: Duration = Duration::from_secs(3600);

/// The secret that cookies follow from.
#[derive(Clone, Debug)]
pub(crate) struct CookieSecret(u64, u64);

impl CookieSecret {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        CookieSecret(rng.next_u64(), rng.next_u64())
    }

    /// The cookie to give at the server's end of `path` now.
    pub(crate) fn cookie(&self, now: Instant, path: Path) -> FastOpenCookie {
        self.cookie_of(epoch(now), path)
    }

    /// Whether `cookie` is one that was given there not too long ago.
    pub(crate) fn is_valid(&self, now: Instant, path: Path, cookie: FastOpenCookie) -> bool {
        let now = epoch(now);
        [Some(now), now.checked_sub(1)]
            .into_iter()
            .flatten()
            .any(|epoch| self.cookie_of(epoch, path) == cookie)
    }

    //= https://www.rfc-editor.org/rfc/rfc7413#section-4.1.2
    //# The
    //# cookie SHOULD be a MAC tag with the following properties.
    fn cookie_of(&self, epoch: u64, path: Path) -> FastOpenCookie {
        let mut mac = SipHasher24::new_with_keys(self.0, self.1);
        (epoch, path).hash(&mut mac);
        FastOpenCookie::new(&mac.finish().to_be_bytes()).unwrap_or_default()
    }
}

fn epoch(now: Instant) -> u64 {
    now.as_nanos() / EPOCH.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(client: u8) -> Path {
        Path { local: [10, 0, 0, 1].into(), remote: [10, 0, 0, client].into() }
    }

    //= https://www.rfc-editor.org/rfc/rfc7413#section-4.1.2
    //= type=test
    //# The
    //# cookie SHOULD be a MAC tag with the following properties.
    #[test]
    fn a_cookie_is_good_for_its_client_and_for_a_while() {
        let secret = CookieSecret::new(&mut Rng::from_u64(1));
        let now = Instant::ZERO + EPOCH * 5;
        let cookie = secret.cookie(now, path(2));
        assert_eq!(cookie.as_slice().len(), 8);
        assert!(secret.is_valid(now, path(2), cookie));
        assert!(secret.is_valid(now + EPOCH, path(2), cookie));
        assert!(!secret.is_valid(now + EPOCH * 2, path(2), cookie), "it expires");
        assert!(!secret.is_valid(now, path(3), cookie), "another client's");
        assert!(!secret.is_valid(now, path(2), FastOpenCookie::REQUEST));
        let other = CookieSecret::new(&mut Rng::from_u64(2));
        assert!(!other.is_valid(now, path(2), cookie), "another server's");
    }
}
