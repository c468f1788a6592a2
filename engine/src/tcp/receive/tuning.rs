//! The receive buffer that grows with what the user takes: dynamic right-sizing, as Linux does it.
//!
//! A sender can have a window of data under way each round trip, so a receiver whose buffer is smaller than what the path
//! holds slows it down, and one that is larger only costs memory. How much the path holds shows in how much the user
//! takes in a round trip: the buffer is to hold twice that, and more while it still becomes more (a sender in slow start
//! doubles). It never shrinks: what was announced once is not taken back.
//!
//! ```text
//! round trip      1         2         3
//! taken          100 KB    200 KB    400 KB
//! buffer          ..    2 · 200 · (1 + 2 · (200 - 100)/100) = 1200 KB, ..
//! ```
//!
//! Owns: [`Tuning`], what was measured and what the buffer grew to. Never touches a window: that follows from the buffer.
//! Where an option set the size of the buffer there is none of this.

use core::time::Duration;

use crate::tcp::seq::Seq;
use crate::time::Instant;

/// The state of one connection that takes much.
#[derive(Clone, Debug)]
pub(crate) struct Tuning {
    /// What the buffer grew to, in octets.
    capacity: u32,
    /// The most octets that the user took in a round trip.
    most: u32,
    /// The round trip under way: when it began, and the first octet that the user had not taken then.
    since: Instant,
    from: Seq,
    /// The round trip that echoes tell of, smoothed, once there was one.
    rtt: Option<Duration>,
    /// The echo that told of it last: only the first segment with it comes straight from its acknowledgment.
    echo: u32,
}

impl Tuning {
    /// Begins to measure, with a buffer of `capacity` octets, of which the user has not taken those from `from` on.
    pub(crate) fn new(now: Instant, from: Seq, capacity: u32) -> Self {
        Tuning { capacity, most: (capacity / 4).max(1), since: now, from, rtt: None, echo: 0 }
    }

    /// Octets that the buffer has.
    pub(crate) fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Data came with the echo of a timestamp that left a round trip ago.
    pub(crate) fn on_echo(&mut self, echo: u32, round_trip: Option<Duration>) {
        if core::mem::replace(&mut self.echo, echo) == echo {
            return;
        }
        let Some(sample) = round_trip else { return };
        self.rtt = Some(self.rtt.map_or(sample, |rtt| (rtt * 7 + sample) / 8));
    }

    /// The user took all before `taken`. Without echoes a round trip takes `rtt`; a segment has `mss` octets. Says whether
    /// the buffer grew; it never has more than `max` octets by that.
    pub(crate) fn on_taken(
        &mut self,
        now: Instant,
        taken: Seq,
        rtt: Option<Duration>,
        mss: u32,
        max: u32,
    ) -> bool {
        let Some(rtt) = self.rtt.or(rtt) else { return false };
        // A path that takes no time holds nothing.
        if rtt.is_zero() || now - self.since < rtt {
            return false;
        }
        let octets = taken.octets_since(self.from);
        (self.since, self.from) = (now, taken);
        if octets <= self.most {
            return false;
        }
        let (before, most) = (u64::from(self.most), u64::from(octets));
        self.most = octets;
        let twice = 2 * most + 16 * u64::from(mss);
        let wanted = twice + 2 * (twice * (most - before) / before);
        let before = self.capacity;
        self.capacity = before.max(u32::try_from(wanted).unwrap_or(u32::MAX).min(max));
        self.capacity > before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1000;
    const RTT: Duration = Duration::from_millis(10);

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_round_trip_that_took_more_makes_room_for_the_next() {
        let mut tuning = Tuning::new(at(0), Seq(0), 400_000);
        assert!(
            !tuning.on_taken(at(9), Seq(300_000), Some(RTT), MSS, u32::MAX),
            "the round trip is not over"
        );
        assert!(tuning.on_taken(at(10), Seq(200_000), Some(RTT), MSS, u32::MAX));
        assert_eq!(tuning.capacity(), 3 * (2 * 200_000 + 16 * MSS), "twice as much, and it had doubled");
        assert!(!tuning.on_taken(at(20), Seq(400_000), Some(RTT), MSS, u32::MAX), "as much as before");
    }

    #[test]
    fn a_path_that_takes_no_time_holds_nothing() {
        let mut tuning = Tuning::new(at(0), Seq(0), 400_000);
        assert!(!tuning.on_taken(at(0), Seq(300_000), Some(Duration::ZERO), MSS, u32::MAX));
        assert!(!tuning.on_taken(at(9), Seq(300_000), Some(Duration::ZERO), MSS, u32::MAX));
        assert_eq!(tuning.capacity(), 400_000);
        assert!(
            tuning.on_taken(at(10), Seq(300_000), Some(RTT), MSS, u32::MAX),
            "nothing was counted before"
        );
    }

    #[test]
    fn it_neither_passes_the_limit_nor_shrinks() {
        let mut tuning = Tuning::new(at(0), Seq(0), 400_000);
        assert!(tuning.on_taken(at(10), Seq(350_000), Some(RTT), MSS, 1_000_000));
        assert_eq!(tuning.capacity(), 1_000_000);
        assert!(!tuning.on_taken(at(20), Seq(1_000_000), Some(RTT), MSS, 500_000));
        assert_eq!(tuning.capacity(), 1_000_000);
    }

    #[test]
    fn the_first_segment_with_an_echo_tells_the_round_trip() {
        let mut tuning = Tuning::new(at(0), Seq(0), 400_000);
        tuning.on_echo(1, Some(RTT * 4));
        tuning.on_echo(1, Some(RTT * 9));
        assert!(
            !tuning.on_taken(at(30), Seq(350_000), Some(RTT), MSS, u32::MAX),
            "a longer round trip than that"
        );
        assert!(tuning.on_taken(at(40), Seq(350_000), Some(RTT), MSS, u32::MAX));
    }
}
