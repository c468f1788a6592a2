//! SYN cookies (RFC 4987 §3.6): a handshake that is kept by the peer alone, in the sequence number that it acknowledges.
//!
//! Owns: [`Cookies`], which bakes and reads them. A cookie holds the MSS; where there are timestamps, the low bits of the
//! first TSval hold the rest ([`Agreed::pack`]). When they are used is the listener's business.
//!
//! ```text
//! ISS = h(secret, tuple) + IRS + (count mod 256) << 24 + (h(secret, tuple, IRS) + index of the MSS) mod 2^24
//! ```
//!
//! The count is that of 64-second periods, and each has a secret of its own: a cookie is taken in its period and the next.

use core::hash::{Hash, Hasher};
use core::time::Duration;

use siphasher::sip::SipHasher24;

use crate::rng::Rng;
use crate::tcp::cx::Tuple;
use crate::tcp::seq::Seq;
use crate::time::Instant;

/// How long one secret bakes cookies.
const PERIOD: Duration = Duration::from_secs(64);
/// How long a cookie is taken at most.
pub(crate) const LIFETIME: Duration = PERIOD.saturating_mul(2);

/// The sizes that a cookie can tell apart: those of Linux. The largest that the peer can take is chosen.
const MSS_V4: [u16; 4] = [536, 1300, 1440, 1460];
const MSS_V6: [u16; 4] = [1220, 1420, 1440, 8940];

const LOW_24: u32 = (1 << 24) - 1;

/// The secret of one period.
#[derive(Clone, Copy, Debug)]
struct Secret {
    count: u64,
    keys: (u64, u64),
}

/// Where cookies come from: the secrets of this period and the last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cookies {
    secrets: [Option<Secret>; 2],
}

impl Cookies {
    /// The initial sequence number that keeps a handshake which begins with `irs` and `mss`.
    //= https://www.rfc-editor.org/rfc/rfc4987#section-3.6
    //# A common consideration is that to prevent replay,
    //# some time-dependent random bits must be embedded in the sequence
    //# number.
    pub(crate) fn bake(
        &mut self,
        now: Instant,
        rng: &mut Rng,
        tuple: &Tuple,
        irs: Seq,
        mss: Option<u16>,
    ) -> Seq {
        let secret = self.secret_of(now, rng);
        let sizes = sizes_of(tuple);
        let index = mss.map_or(0, |mss| sizes.iter().rposition(|size| *size <= mss).unwrap_or(0));
        let low = secret.hash(tuple, Some(irs)).wrapping_add(index as u32) & LOW_24;
        let high = (secret.count as u32) << 24;
        irs + secret.hash(tuple, None).wrapping_add(high | low)
    }

    /// The MSS of the handshake with these initial sequence numbers, if it is one that we began not long ago.
    pub(crate) fn read(&self, now: Instant, tuple: &Tuple, iss: Seq, irs: Seq) -> Option<u16> {
        let fresh = self.secrets.iter().flatten().filter(|secret| count_of(now) - secret.count <= 1);
        fresh.into_iter().find_map(|secret| {
            let cookie = (iss - irs.0).0.wrapping_sub(secret.hash(tuple, None));
            let index = cookie.wrapping_sub(secret.hash(tuple, Some(irs))) & LOW_24;
            let of_this_count = cookie >> 24 == secret.count as u32 & 0xff;
            sizes_of(tuple).get(index as usize).copied().filter(|_| of_this_count)
        })
    }

    /// The secret of this period, made when it is first asked for.
    fn secret_of(&mut self, now: Instant, rng: &mut Rng) -> Secret {
        let count = count_of(now);
        match self.secrets[0] {
            Some(secret) if secret.count == count => secret,
            last => {
                let secret = Secret { count, keys: (rng.next_u64(), rng.next_u64()) };
                self.secrets = [Some(secret), last];
                secret
            }
        }
    }
}

impl Secret {
    /// The part of a cookie that says when it was baked, or with `irs` the one that says for whom.
    fn hash(&self, tuple: &Tuple, irs: Option<Seq>) -> u32 {
        let mut f = SipHasher24::new_with_keys(self.keys.0, self.keys.1);
        tuple.hash(&mut f);
        irs.hash(&mut f);
        f.finish() as u32
    }
}

fn count_of(now: Instant) -> u64 {
    now.as_nanos() / PERIOD.as_nanos() as u64
}

fn sizes_of(tuple: &Tuple) -> &'static [u16; 4] {
    if tuple.local().is_ipv4() { &MSS_V4 } else { &MSS_V6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(port: u16) -> Tuple {
        Tuple::new(([10, 0, 0, 1], 80).into(), ([10, 0, 0, 2], port).into())
    }

    #[test]
    fn a_cookie_keeps_the_largest_size_that_the_peer_takes() {
        let (mut cookies, mut rng) = (Cookies::default(), Rng::from_u64(1));
        for (mss, kept) in
            [(None, 536), (Some(100), 536), (Some(536), 536), (Some(1400), 1300), (Some(9000), 1460)]
        {
            let iss = cookies.bake(Instant::ZERO, &mut rng, &tuple(1), Seq(u32::MAX), mss);
            assert_eq!(cookies.read(Instant::ZERO, &tuple(1), iss, Seq(u32::MAX)), Some(kept));
        }
    }

    #[test]
    fn a_cookie_is_taken_for_one_tuple_one_number_and_two_periods() {
        let (mut cookies, mut rng) = (Cookies::default(), Rng::from_u64(1));
        let at = Instant::ZERO + PERIOD * 300 + Duration::from_secs(63);
        let iss = cookies.bake(at, &mut rng, &tuple(1), Seq(7), Some(1460));
        let read = |cookies: &Cookies, after, port, irs| {
            cookies.read(at + Duration::from_secs(after), &tuple(port), iss, Seq(irs))
        };
        assert_eq!(read(&cookies, 64, 1, 7), Some(1460));
        assert_eq!(read(&cookies, 65, 1, 7), None);
        assert_eq!(read(&cookies, 0, 2, 7), None);
        assert_eq!(read(&cookies, 0, 1, 8), None);
        // Another cookie of a later period does not displace it before its time.
        cookies.bake(at + Duration::from_secs(1), &mut rng, &tuple(2), Seq(7), None);
        assert_eq!(read(&cookies, 1, 1, 7), Some(1460));
    }

    #[test]
    fn guesses_are_refused() {
        let (mut cookies, mut rng) = (Cookies::default(), Rng::from_u64(1));
        cookies.bake(Instant::ZERO, &mut rng, &tuple(1), Seq(7), Some(1460));
        let mut guesses = Rng::from_u64(2);
        let hit = (0..200_000).filter(|_| {
            let iss = Seq(guesses.next_u64() as u32);
            cookies.read(Instant::ZERO, &tuple(1), iss, Seq(7)).is_some()
        });
        assert_eq!(hit.count(), 0, "one guess in a billion is right");
    }
}
