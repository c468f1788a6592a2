//! HyStart++ (RFC 9406): leaving slow start before it loses a window of segments.
//!
//! When the shortest round trip of a round is longer than that of the round before by more than a threshold, a queue
//! builds up. Slow start then goes on at a quarter of its pace, for five rounds at most ("conservative slow start"):
//! if the round trips shorten again it was no queue; if not, congestion avoidance begins.
//!
//! Owns: [`HyStart`], the round trips of the round and of the one before. Never touches the window.
//!
//! ```text
//!              longer                    five rounds
//!  SLOW START --------> CONSERVATIVE ------------------> congestion avoidance
//!       ^                    |
//!       '----- shorter ------'
//! ```

use core::time::Duration;

use super::Sample;
use super::rounds::Rounds;
use crate::tcp::rest::AtRest;

/// A round trip that is longer by less than this is no queue.
const THRESHOLD_MIN: Duration = Duration::from_millis(4);
/// One that is longer by this is.
const THRESHOLD_MAX: Duration = Duration::from_millis(16);
/// Between the two, what part of the round trip counts.
const THRESHOLD_DIVISOR: u32 = 8;
/// Measurements that make a round worth a judgment.
const SAMPLES: u32 = 8;
/// Rounds of conservative slow start.
const CONSERVATIVE_ROUNDS: u32 = 5;
/// How much slower conservative slow start is.
pub(super) const GROWTH_DIVISOR: u32 = 4;
/// Segments that one acknowledgment may add to the window of a sender that does not pace.
pub(super) const SEGMENTS_PER_ACK: u32 = 8;

/// What slow start is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    /// Go on.
    Grow,
    /// Go on at a quarter of the pace.
    GrowSlowly,
    /// Congestion avoidance, from this window on.
    Leave,
}

/// The search for the end of slow start.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HyStart {
    rounds: Rounds,
    last_min: Option<Duration>,
    current_min: Option<Duration>,
    samples: u32,
    conservative: Option<Conservative>,
}

/// Conservative slow start.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Conservative {
    /// The round trip that began it.
    baseline: Duration,
    rounds: u32,
}

/// Before the first acknowledgment.
static AT_REST: HyStart =
    HyStart { rounds: Rounds::NONE, last_min: None, current_min: None, samples: 0, conservative: None };

impl AtRest for HyStart {
    fn at_rest() -> &'static Self {
        &AT_REST
    }

    fn is_at_rest(&self) -> bool {
        *self == AT_REST
    }
}

impl HyStart {
    /// An acknowledgment came in slow start.
    pub(super) fn on_ack(&mut self, sample: &Sample) -> Advice {
        if self.rounds.begins(sample.una, sample.nxt) {
            self.last_min = self.current_min.take();
            self.samples = 0;
            // The round in which it began counts, whole or not.
            if let Some(conservative) = &mut self.conservative {
                conservative.rounds += 1;
                if conservative.rounds >= CONSERVATIVE_ROUNDS {
                    return Advice::Leave;
                }
            }
        }
        if let Some(rtt) = sample.rtt {
            self.current_min = Some(self.current_min.map_or(rtt, |min| min.min(rtt)));
            self.samples += 1;
        }
        self.judge();
        if self.is_conservative() { Advice::GrowSlowly } else { Advice::Grow }
    }

    /// Whether slow start is conservative.
    pub(super) fn is_conservative(&self) -> bool {
        self.conservative.is_some()
    }

    /// After an idle time the queues are others.
    pub(super) fn restart(&mut self) {
        self.clone_from(&AT_REST);
    }

    fn judge(&mut self) {
        let Some(current) = self.current_min.filter(|_| self.samples >= SAMPLES) else { return };
        match (self.conservative, self.last_min) {
            (Some(conservative), _) if current < conservative.baseline => self.conservative = None,
            (None, Some(last)) if current >= last + threshold(last) => {
                self.conservative = Some(Conservative { baseline: current, rounds: 0 });
            }
            _ => {}
        }
    }
}

/// How much longer than `last` is too long.
fn threshold(last: Duration) -> Duration {
    (last / THRESHOLD_DIVISOR).clamp(THRESHOLD_MIN, THRESHOLD_MAX)
}

#[cfg(test)]
mod tests {
    use super::super::testing::ack;
    use super::*;
    use crate::tcp::rest::Rest;
    use crate::tcp::seq::Seq;

    /// A slow start whose rounds have ten acknowledgments.
    #[derive(Default)]
    struct Rig {
        hystart: Rest<HyStart>,
        round: u32,
    }

    impl Rig {
        /// One round whose round trips take so long: the last advice.
        fn round(&mut self, rtt_us: u64) -> Advice {
            self.partial_round(rtt_us, 10)
        }

        fn partial_round(&mut self, rtt_us: u64, acks: u32) -> Advice {
            let start = self.round * 100;
            self.round += 1;
            let mut advice = Advice::Grow;
            for i in 0..acks {
                let rtt = Some(Duration::from_micros(rtt_us));
                let sample = Sample { una: Seq(start + i), nxt: Seq(start + 100), rtt, ..ack(1000) };
                advice = self.hystart.on_ack(&sample);
                if advice == Advice::Leave {
                    break;
                }
            }
            advice
        }
    }

    #[test]
    fn a_round_trip_longer_by_an_eighth_begins_conservative_slow_start_and_five_rounds_end_it() {
        let mut rig = Rig::default();
        assert_eq!(rig.round(80_000), Advice::Grow);
        assert_eq!(rig.round(89_999), Advice::Grow);
        assert_eq!(rig.round(101_249), Advice::GrowSlowly);
        for _ in 0..4 {
            assert_eq!(rig.round(120_000), Advice::GrowSlowly);
        }
        assert_eq!(rig.round(120_000), Advice::Leave);
    }

    #[test]
    fn the_threshold_is_four_milliseconds_at_least_and_sixteen_at_most() {
        let mut short = Rig::default();
        short.round(1_000);
        assert_eq!(short.round(4_999), Advice::Grow);
        let mut short = Rig::default();
        short.round(1_000);
        assert_eq!(short.round(5_000), Advice::GrowSlowly);
        let mut long = Rig::default();
        long.round(400_000);
        assert_eq!(long.round(416_000), Advice::GrowSlowly);
    }

    #[test]
    fn fewer_than_eight_measurements_are_no_judgment() {
        let mut rig = Rig::default();
        rig.round(20_000);
        assert_eq!(rig.partial_round(60_000, 7), Advice::Grow);
        assert_eq!(rig.partial_round(120_000, 8), Advice::GrowSlowly);
    }

    #[test]
    fn round_trips_that_shorten_again_resume_slow_start() {
        let mut rig = Rig::default();
        rig.round(20_000);
        assert_eq!(rig.round(30_000), Advice::GrowSlowly);
        assert_eq!(rig.round(29_999), Advice::Grow);
        // And the search begins anew, from there.
        assert_eq!(rig.round(33_000), Advice::Grow);
        assert_eq!(rig.round(38_000), Advice::GrowSlowly);
    }
}
