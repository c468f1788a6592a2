//! The Identification of packets that are, or may become, fragments (RFC 6864, RFC 8200 §4.5, RFC 7739 §5.3).
//!
//! A fixed number of counters is shared by all destinations, and a keyed hash decides who has which, and where in the
//! number space each tuple begins: no two packets of a tuple have one number within a lifetime, and the numbers that
//! one peer sees tell it nothing about those that another does.

use alloc::vec::Vec;
use core::hash::BuildHasher;
use core::net::IpAddr;
use core::time::Duration;

use super::rate::{Flow, TokenBucket};
use crate::hash::SipKeys;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::Protocol;

/// How many counters there are.
const COUNTERS: usize = 256;

/// The maximum datagram lifetime: the two minutes that RFC 6864 §3 takes from RFC 793 and 1122.
const LIFETIME: Duration = Duration::from_secs(120);

/// The counters.
#[derive(Debug)]
pub(crate) struct Idents {
    counters: Vec<Counter>,
    keys: SipKeys,
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    next: u32,
    unused: TokenBucket,
}

impl Idents {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let keys = SipKeys::new(rng);
        let counter = |_| Counter { next: rng.next_u64() as u32, unused: TokenBucket::default() };
        Idents { counters: (0..COUNTERS).map(counter).collect(), keys }
    }

    /// The number of the next packet from `src` to `dst`; `None` where each that IPv4 has was used too recently.
    ///
    /// Of the `burst` numbers that may be used at once as many more become free in a lifetime: with at most half of the
    /// 65,536 there are, none comes again within one.
    //= https://www.rfc-editor.org/rfc/rfc6864#section-4.3
    //# Sources emitting non-atomic datagrams MUST NOT repeat IPv4 ID
    //# values within one MDL for a given source address/destination
    //# address/protocol tuple.
    //= https://www.rfc-editor.org/rfc/rfc6864#section-5.2
    //# Sources of non-atomic IPv4 datagrams MUST rate-limit their output
    //# to comply with the ID uniqueness requirements.
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
    //# The Identification must be different than that of any other fragmented packet sent
    //# recently* with the same Source Address and Destination Address.
    //= https://www.rfc-editor.org/rfc/rfc6864#section-4.2
    //# The IPv4 ID of non-atomic datagrams MUST NOT be reused when sending a copy of an earlier
    //# non-atomic datagram.
    //= https://www.rfc-editor.org/rfc/rfc6864#section-4.2
    //# The IPv4 ID of non-atomic datagrams MUST NOT be reused when sending a copy of an earlier
    //# non-atomic datagram.
    pub(crate) fn next(
        &mut self,
        now: Instant,
        (src, dst): (IpAddr, IpAddr),
        protocol: Protocol,
        burst: usize,
    ) -> Option<u32> {
        let hash = self.keys.hash_one((src, dst, protocol));
        let counter = self.counters.get_mut((hash >> 32) as usize % COUNTERS)?;
        if src.is_ipv4() {
            let burst = burst.min(1 << 15) as u32;
            let flow = Flow { interval: LIFETIME.checked_div(burst).unwrap_or_default(), burst };
            if !counter.unused.take(now, flow) {
                return None;
            }
        }
        counter.next = counter.next.wrapping_add(1);
        let ident = (hash as u32).wrapping_add(counter.next);
        if src.is_ipv6() {
            return Some(ident);
        }
        // Raw sockets of Linux replace a zero, in each fragment by another number.
        match ident & 0xffff {
            0 => {
                counter.next = counter.next.wrapping_add(1);
                Some(1)
            }
            ident => Some(ident),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    const BURST: usize = 1 << 15;

    fn ends(last: u8) -> (IpAddr, IpAddr) {
        ([10, 0, 0, 1].into(), [10, 0, 0, last].into())
    }

    //= https://www.rfc-editor.org/rfc/rfc6864#section-4.3
    //= type=test
    //# Sources emitting non-atomic datagrams MUST NOT repeat IPv4 ID
    //# values within one MDL for a given source address/destination
    //# address/protocol tuple.
    //= https://www.rfc-editor.org/rfc/rfc6864#section-5.2
    //= type=test
    //# Sources of non-atomic IPv4 datagrams MUST rate-limit their output
    //# to comply with the ID uniqueness requirements.
    #[test]
    fn no_number_comes_twice_within_two_minutes_however_fast_they_are_asked_for() {
        let mut idents = Idents::new(&mut Rng::from_u64(1));
        let mut seen: BTreeMap<u32, Instant> = BTreeMap::new();
        let mut given = 0;
        for millis in (0..300_000).step_by(3) {
            let now = Instant::ZERO + Duration::from_millis(millis);
            if let Some(ident) = idents.next(now, ends(2), Protocol::Udp, BURST) {
                given += 1;
                let before = seen.insert(ident, now);
                assert!(before.is_none_or(|before| now - before > LIFETIME), "{ident} after {:?}", before);
            }
        }
        assert!((BURST + 2 * BURST..BURST * 4).contains(&given), "{given} in 300 s");
    }

    #[test]
    fn what_one_destination_sees_tells_nothing_about_another() {
        let mut idents = Idents::new(&mut Rng::from_u64(1));
        let firsts: alloc::vec::Vec<u32> = (2..10)
            .map(|last| idents.next(Instant::ZERO, ends(last), Protocol::Udp, BURST).unwrap())
            .collect();
        let apart = |pair: &[u32]| pair[0].abs_diff(pair[1]);
        assert!(firsts.windows(2).all(|pair| apart(pair) > 4), "{firsts:?}");
    }

    //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
    //= type=test
    //# The Identification must be different than that of any other fragmented packet sent
    //# recently* with the same Source Address and Destination Address.
    #[test]
    fn no_number_is_zero() {
        let mut idents = Idents::new(&mut Rng::from_u64(1));
        let mut given = 0;
        for second in 0..300 {
            let now = Instant::ZERO + Duration::from_secs(second);
            while let Some(ident) = idents.next(now, ends(2), Protocol::Udp, BURST) {
                assert_ne!(ident, 0);
                given += 1;
            }
        }
        assert!(given > 1 << 16, "each of them");
    }

    #[test]
    fn the_numbers_of_ipv6_are_long_and_not_rationed() {
        let mut idents = Idents::new(&mut Rng::from_u64(1));
        let ends = ([1; 16].into(), [2; 16].into());
        let numbers: alloc::collections::BTreeSet<_> =
            (0..100_000).map(|_| idents.next(Instant::ZERO, ends, Protocol::Udp, BURST).unwrap()).collect();
        assert_eq!(numbers.len(), 100_000);
        assert!(numbers.iter().any(|number| *number > 0xffff));
    }
}
