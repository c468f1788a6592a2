//! Whom a datagram socket without a peer has heard from: what tells an answer from a datagram that nobody asked for.
//!
//! Owns [`Heard`]. Whether anything may be sent is no business of its, nor of the engine's: whoever guards a wire asks.

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::SocketAddr;
use core::time::Duration;

use crate::time::Instant;

/// How long it is remembered: what RFC 4787 §4.3 has a NAT wait for the next datagram of a flow at least.
pub(crate) const HEARD_FOR: Duration = Duration::from_secs(120);
/// A datagram that comes so soon after another from there changes nothing.
const ABOUT_NOW: Duration = Duration::from_secs(1);

/// Remote addresses, each with when it was last heard from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    last: BTreeMap<SocketAddr, Instant>,
    /// The same, the oldest first.
    ages: BTreeSet<(Instant, SocketAddr)>,
}

impl Heard {
    /// A datagram came from there. Whether another address was forgotten for it before its time, there being no room for more
    /// than `limit`.
    pub(crate) fn hear(&mut self, now: Instant, remote: SocketAddr, limit: usize) -> bool {
        let before = self.last.get(&remote).copied();
        if before.is_some_and(|before| now - before < ABOUT_NOW) {
            return false;
        }
        if let Some(before) = before {
            self.ages.remove(&(before, remote));
        }
        self.last.insert(remote, now);
        self.ages.insert((now, remote));
        let mut full = false;
        while let Some(&(at, oldest)) = self.ages.first() {
            let over = now - at > HEARD_FOR;
            if !over && self.ages.len() <= limit {
                break;
            }
            full |= !over;
            self.ages.pop_first();
            self.last.remove(&oldest);
        }
        full
    }

    /// Whether one came from there in the last [`HEARD_FOR`].
    pub(crate) fn has(&self, now: Instant, remote: SocketAddr) -> bool {
        self.last.get(&remote).is_some_and(|at| now - *at <= HEARD_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(number: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], number))
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn the_oldest_is_forgotten_first_and_each_in_its_time() {
        let mut heard = Heard::default();
        assert!(!heard.hear(at(0), from(1), 2));
        assert!(!heard.hear(at(10), from(2), 2));
        assert!(!heard.hear(at(20), from(1), 2), "the same once more");
        assert!(heard.hear(at(30), from(3), 2), "one too many");
        let known = |heard: &Heard, now| [1, 2, 3].map(|number| heard.has(at(now), from(number)));
        assert_eq!(known(&heard, 30), [true, false, true]);
        assert_eq!(known(&heard, 140), [true, false, true]);
        assert_eq!(known(&heard, 141), [false, false, true]);
        assert!(!heard.hear(at(200), from(4), 2), "none had to go before its time");
        assert_eq!((heard.last.len(), heard.ages.len()), (1, 1), "nothing is kept of what is over");
        assert!(!heard.has(at(200), SocketAddr::from(([10, 0, 0, 2], 4))), "another host");
    }

    #[test]
    fn a_stream_of_datagrams_is_remembered_from_its_last_second() {
        let mut heard = Heard::default();
        for tenth in 0..3000 {
            heard.hear(Instant::ZERO + Duration::from_millis(100) * tenth, from(1), 1);
        }
        assert!(heard.has(at(299) + HEARD_FOR, from(1)));
        assert_eq!(heard.ages.len(), 1);
    }
}
