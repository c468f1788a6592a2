//! How often a host answers those whom it does not know: token buckets, one for all and one for each destination.
//!
//! A flood from one sender uses up the share of its own destination; only a flood that claims many senders uses up the
//! whole. There is a fixed number of shares, and a keyed hash decides who has which: nobody can make the table grow,
//! nor choose an address that takes the share of another.

use alloc::vec;
use alloc::vec::Vec;
use core::hash::BuildHasher;
use core::net::IpAddr;
use core::time::Duration;

use crate::hash::SipKeys;
use crate::rng::Rng;
use crate::time::Instant;

/// How many shares there are.
const SHARES: usize = 256;

/// A bucket that `rate` tokens a second flow into and that holds no more than `burst`.
///
/// It is kept as the time at which it is full again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TokenBucket {
    full_at: Instant,
}

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    /// The time that one token takes.
    pub(crate) interval: Duration,
    /// Tokens in a full bucket.
    pub(crate) burst: u32,
}

impl Flow {
    /// So many a second, all of which may come at once; 0 is none ever.
    pub(crate) fn per_second(rate: usize) -> Self {
        let rate = u32::try_from(rate).unwrap_or(u32::MAX);
        Flow { interval: Duration::from_secs(1).checked_div(rate).unwrap_or_default(), burst: rate }
    }
}

impl TokenBucket {
    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, now: Instant, flow: Flow) -> bool {
        let full_at = self.full_at.max(now) + flow.interval;
        let allowed = flow.burst > 0 && full_at - now <= flow.interval * flow.burst;
        if allowed {
            self.full_at = full_at;
        }
        allowed
    }
}

/// Why something is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exhausted {
    /// This destination had its share.
    Destination,
    /// All had theirs.
    Engine,
}

/// The buckets of one kind of answer.
#[derive(Debug)]
pub(crate) struct Limiter {
    engine: TokenBucket,
    shares: Vec<TokenBucket>,
    keys: SipKeys,
}

impl Limiter {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Limiter {
            engine: TokenBucket::default(),
            shares: vec![TokenBucket::default(); SHARES],
            keys: SipKeys::new(rng),
        }
    }

    /// Whether something may go to `destination` now, with `all` a second in total and `each` to one destination.
    pub(crate) fn allows(
        &mut self,
        now: Instant,
        destination: IpAddr,
        all: usize,
        each: usize,
    ) -> Result<(), Exhausted> {
        // Whoever has one IPv6 address has the 2^64 around it.
        let network = match destination {
            IpAddr::V4(ip) => u64::from(ip.to_bits()),
            IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
        };
        let at = self.keys.hash_one((destination.is_ipv4(), network)) as usize % SHARES;
        let share = self.shares.get_mut(at).ok_or(Exhausted::Destination)?;
        if !share.take(now, Flow::per_second(each)) {
            return Err(Exhausted::Destination);
        }
        if self.engine.take(now, Flow::per_second(all)) { Ok(()) } else { Err(Exhausted::Engine) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let mut bucket = TokenBucket::default();
        let flow = Flow::per_second(10);
        let taken = |bucket: &mut TokenBucket, now| (0..100).filter(|_| bucket.take(now, flow)).count();
        assert_eq!(taken(&mut bucket, ms(0)), 10);
        assert_eq!(taken(&mut bucket, ms(99)), 0);
        assert_eq!(taken(&mut bucket, ms(350)), 3);
        assert_eq!(taken(&mut bucket, ms(100_000)), 10, "it never holds more than its burst");
    }

    #[test]
    fn a_rate_of_nothing_lets_nothing_pass() {
        assert!(!TokenBucket::default().take(ms(5), Flow::per_second(0)));
    }

    #[test]
    fn one_destination_does_not_use_up_what_is_there_for_all() {
        let mut limiter = Limiter::new(&mut Rng::from_u64(1));
        let flooder: IpAddr = [10, 0, 0, 1].into();
        let passed = (0..1000).filter(|_| limiter.allows(ms(0), flooder, 100, 10).is_ok()).count();
        assert_eq!(passed, 10);
        assert_eq!(limiter.allows(ms(0), flooder, 100, 10), Err(Exhausted::Destination));
        assert_eq!(limiter.allows(ms(0), [10, 0, 0, 2].into(), 100, 10), Ok(()));
    }

    #[test]
    fn many_destinations_share_what_there_is() {
        let mut limiter = Limiter::new(&mut Rng::from_u64(1));
        let allowed: Vec<_> =
            (0..1000u32).map(|i| limiter.allows(ms(0), IpAddr::V4(i.into()), 100, 10)).collect();
        assert_eq!(allowed.iter().filter(|it| it.is_ok()).count(), 100);
        assert_eq!(allowed.last(), Some(&Err(Exhausted::Engine)));
    }

    #[test]
    fn neighbours_in_an_ipv6_network_are_one_destination() {
        let mut limiter = Limiter::new(&mut Rng::from_u64(1));
        let neighbour = |i: u16| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, i]);
        let passed = (0..100).filter(|i| limiter.allows(ms(0), neighbour(*i), 100, 10).is_ok()).count();
        assert_eq!(passed, 10);
    }
}
