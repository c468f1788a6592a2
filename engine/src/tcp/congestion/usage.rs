//! How much of the congestion window is used: a window that is not used says nothing about the path.
//!
//! Owns: [`Usage`], which tells whether the window may grow, and how much of it was in use of late (RFC 7661's
//! `pipeACK`). Never touches the window.
//!
//! ```text
//!  cwnd      ----------------------------------------
//!                  ______                               limited: may grow
//!  cwnd / 2  -----/------\-------------------------------
//!            ____/        \______________________       pipeACK below: not validated
//! ```

use core::time::Duration;

use super::Sample;
use crate::tcp::rest::AtRest;
use crate::tcp::seq::Seq;
use crate::time::Instant;

/// The pipeACK Sampling Period, unless three round trips are longer.
const PERIOD_MIN: Duration = Duration::from_secs(1);
/// Parts of the period, each with its largest sample.
const PARTS: usize = 5;
/// The non-validated period, NVP.
//= https://www.rfc-editor.org/rfc/rfc7661#section-4.4
//# The NVP SHOULD NOT exceed
//# five minutes.
//
//= https://www.rfc-editor.org/rfc/rfc7661#section-4.4.2
//= type=exception
//= reason=Pacing is an option, off by default as in Linux; a sender that paces spreads this window too.
//# A TCP sender in
//# the non-validated phase SHOULD control the maximum burst size, e.g.,
//# using a rate-based pacing algorithm in which a sender paces out the
//# cwnd over its estimate of the RTT, or some other method, to prevent
//# many segments being transmitted contiguously at line-rate.
const NON_VALIDATED_PERIOD: Duration = Duration::from_secs(300);

/// How much of the window is used.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Usage {
    /// The end of this round trip: what was sent when its first acknowledgment came.
    round: Option<Seq>,
    /// Octets acknowledged in it.
    acked: u32,
    /// The most that was in flight in this round and in the last one.
    most: [u32; 2],
    samples: PipeAck,
    /// Since when less than half of the window is used.
    non_validated: Option<Instant>,
}

/// Nothing was sent yet.
static AT_REST: Usage = Usage {
    round: None,
    acked: 0,
    most: [0; 2],
    samples: PipeAck { parts: [None; PARTS], part_began: Instant::ZERO },
    non_validated: None,
};

impl AtRest for Usage {
    fn at_rest() -> &'static Self {
        &AT_REST
    }

    fn is_at_rest(&self) -> bool {
        *self == AT_REST
    }
}

impl Usage {
    /// An acknowledgment came outside of recovery, with `cwnd` in force.
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.2
    //# The pipeACK variable MUST NOT be updated during TCP Fast Recovery.
    pub(super) fn on_ack(&mut self, sample: &Sample, cwnd: u32) {
        self.acked = self.acked.saturating_add(sample.acked);
        if sample.una.at_or_after(*self.round.get_or_insert(sample.nxt)) {
            self.round = Some(sample.nxt);
            //= https://www.rfc-editor.org/rfc/rfc7661#section-4.2
            //# A sender is not required to continuously update the pipeACK variable
            //# after each received ACK but SHOULD perform a pipeACK sample at least
            //# once per RTT when it has sent unacknowledged segments.
            let period = (sample.srtt.unwrap_or_default() * 3).max(PERIOD_MIN);
            self.samples.add(sample.now, core::mem::take(&mut self.acked), period);
            self.most = [sample.in_flight, self.most[0]];
        }
        //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4
        //# A TCP sender implementing this specification MUST enter the non-
        //# validated phase when the pipeACK is less than (1/2)*cwnd.
        //
        //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4
        //# A sender with a pipeACK variable greater than (1/2)*cwnd SHOULD
        //# enter the validated phase.
        match self.samples.max() {
            Some(pipe_ack) if pipe_ack < cwnd / 2 => {
                self.non_validated.get_or_insert(sample.now);
            }
            _ => self.non_validated = None,
        }
    }

    /// Octets were sent, and `in_flight` are outstanding with them; `first` of a flight when nothing was before.
    pub(super) fn on_sent(&mut self, in_flight: u32, first: bool) {
        if first {
            // What is acknowledged from here on is a round of its own, and what was in flight before says nothing of it.
            self.round = None;
            self.acked = 0;
            self.most = [0; 2];
        }
        self.most[0] = self.most[0].max(in_flight);
    }

    /// Whether the window may grow by `sample`.
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4
    //# A sender that is not cwnd-limited MUST NOT increase the cwnd
    //# when ACK packets are received in this phase
    //
    // As in Linux, slow start is limited by a window of which half is used: it would double it.
    pub(super) fn allows_growth(&self, sample: &Sample, cwnd: u32, slow_start: bool) -> bool {
        sample.window_limited || slow_start && cwnd / 2 < self.most[0].max(self.most[1])
    }

    /// What counts as outstanding when congestion shows, of `flight`.
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4.1
    //# A sender that detects a packet drop MUST record the current
    //# FlightSize in the variable LossFlightSize and MUST calculate a safe
    //# cwnd for loss recovery using the method below:
    //
    // Validated or not: a flight whose end was lost may be small when the loss shows, and was large before.
    pub(super) fn on_congestion(&mut self, flight: u32) -> u32 {
        let in_use = if self.non_validated.is_some() { self.samples.max().unwrap_or(0) } else { 0 };
        self.forget();
        flight.max(in_use)
    }

    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4
    //# If the sender receives an indication of congestion while in the
    //# non-validated phase (i.e., detects loss), the sender MUST exit the
    //# non-validated phase
    //
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4
    //# If the Retransmission Timeout (RTO) expires while in the non-
    //# validated phase, the sender MUST exit the non-validated phase.
    //
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4.1
    //# After completing the loss recovery phase, the sender MUST
    //# re-initialise the pipeACK variable to the "undefined" value.
    pub(super) fn forget(&mut self) {
        self.samples = PipeAck::default();
        self.non_validated = None;
        self.acked = 0;
        self.round = None;
    }

    /// Whether a whole non-validated period is over; then another begins.
    pub(super) fn period_is_over(&mut self, now: Instant) -> bool {
        let over = self.non_validated.is_some_and(|since| now - since >= NON_VALIDATED_PERIOD);
        if over {
            self.non_validated = Some(now);
        }
        over
    }
}

/// The largest of the samples of a period: `pipeACK`, undefined without one.
#[derive(Clone, Debug, Default, PartialEq)]
struct PipeAck {
    /// The largest sample of each part of the period, the newest first.
    parts: [Option<u32>; PARTS],
    part_began: Instant,
}

impl PipeAck {
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.2
    //# The value of the pipeACK variable MUST NOT
    //# exceed the maximum (highest value) within the pipeACK Sampling
    //# Period.
    fn add(&mut self, now: Instant, sample: u32, period: Duration) {
        let part = period / PARTS as u32;
        let passed = (now - self.part_began).as_nanos() / part.as_nanos().max(1);
        if passed > 0 {
            let kept = PARTS.saturating_sub(usize::try_from(passed).unwrap_or(PARTS));
            self.parts.rotate_right(PARTS - kept);
            for stale in self.parts.iter_mut().take(PARTS - kept) {
                *stale = None;
            }
            self.part_began = now;
        }
        if let Some(newest) = self.parts.first_mut() {
            *newest = Some(newest.unwrap_or(0).max(sample));
        }
    }

    fn max(&self) -> Option<u32> {
        self.parts.iter().copied().flatten().max()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{MSS, ack, at};
    use super::*;
    use crate::tcp::seq::Seq;

    /// A sender that sends bursts, each acknowledged segment by segment a round trip later.
    #[derive(Default)]
    struct Rig {
        usage: Usage,
        nxt: u32,
    }

    impl Rig {
        fn burst(&mut self, millis: u64, segments: u32, cwnd: u32) {
            let una = self.nxt;
            for i in 1..=segments {
                self.usage.on_sent(i * MSS, i == 1);
            }
            self.nxt += segments * MSS;
            for i in 1..=segments {
                let sample = Sample {
                    now: at(millis),
                    una: Seq(una + i * MSS),
                    nxt: Seq(self.nxt),
                    in_flight: (segments - i) * MSS,
                    window_limited: false,
                    ..ack(MSS)
                };
                self.usage.on_ack(&sample, cwnd);
            }
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4
    //= type=test
    //# A TCP sender implementing this specification MUST enter the non-
    //# validated phase when the pipeACK is less than (1/2)*cwnd.
    //
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4
    //= type=test
    //# A sender with a pipeACK variable greater than (1/2)*cwnd SHOULD
    //# enter the validated phase.
    //
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.2
    //= type=test
    //# A sender is not required to continuously update the pipeACK variable
    //# after each received ACK but SHOULD perform a pipeACK sample at least
    //# once per RTT when it has sent unacknowledged segments.
    #[test]
    fn half_of_the_window_in_use_validates_it() {
        let mut rig = Rig::default();
        rig.burst(0, 4, 10 * MSS);
        assert_eq!(rig.usage.samples.max(), Some(4 * MSS));
        assert!(rig.usage.non_validated.is_some());
        rig.burst(100, 6, 10 * MSS);
        assert_eq!(rig.usage.samples.max(), Some(6 * MSS));
        assert!(rig.usage.non_validated.is_none());
    }

    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.2
    //= type=test
    //# The value of the pipeACK variable MUST NOT
    //# exceed the maximum (highest value) within the pipeACK Sampling
    //# Period.
    #[test]
    fn a_burst_is_forgotten_after_a_second() {
        let mut rig = Rig::default();
        rig.burst(0, 9, 10 * MSS);
        for tenth in 1..=9 {
            rig.burst(tenth * 100, 1, 10 * MSS);
            assert_eq!(rig.usage.samples.max(), Some(9 * MSS), "{tenth}");
        }
        for tenth in 10..=12 {
            rig.burst(tenth * 100, 1, 10 * MSS);
        }
        assert_eq!(rig.usage.samples.max(), Some(MSS));
    }

    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4.1
    //= type=test
    //# A sender that detects a packet drop MUST record the current
    //# FlightSize in the variable LossFlightSize and MUST calculate a safe
    //# cwnd for loss recovery using the method below:
    //
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4
    //= type=test
    //# If the sender receives an indication of congestion while in the
    //# non-validated phase (i.e., detects loss), the sender MUST exit the
    //# non-validated phase
    //
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4.1
    //= type=test
    //# After completing the loss recovery phase, the sender MUST
    //# re-initialise the pipeACK variable to the "undefined" value.
    //
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.2
    //= type=test
    //# The pipeACK variable MUST NOT be updated during TCP Fast Recovery.
    #[test]
    fn congestion_finds_what_was_in_use_of_late_and_what_is_outstanding_whichever_is_more() {
        let mut rig = Rig::default();
        rig.burst(0, 4, 10 * MSS);
        assert_eq!(rig.usage.clone().on_congestion(2 * MSS), 4 * MSS);
        assert_eq!(rig.usage.on_congestion(7 * MSS), 7 * MSS);
        assert!(rig.usage.non_validated.is_none());
        assert_eq!(rig.usage.samples.max(), None);
        assert_eq!(rig.usage.on_congestion(2 * MSS), 2 * MSS);
    }

    #[test]
    fn slow_start_grows_while_it_uses_half() {
        let mut rig = Rig::default();
        let unlimited = Sample { window_limited: false, ..ack(MSS) };
        rig.burst(0, 5, 10 * MSS);
        assert!(!rig.usage.allows_growth(&unlimited, 10 * MSS, true));
        rig.burst(10, 6, 10 * MSS);
        assert!(rig.usage.allows_growth(&unlimited, 10 * MSS, true));
        assert!(!rig.usage.allows_growth(&unlimited, 10 * MSS, false));
        assert!(rig.usage.allows_growth(&ack(MSS), 10 * MSS, false));
        rig.usage.on_sent(MSS, true);
        assert!(!rig.usage.allows_growth(&unlimited, 10 * MSS, true), "what was in flight before is over");
    }

    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4
    //= type=test
    //# The NVP SHOULD NOT exceed
    //# five minutes.
    #[test]
    fn a_window_of_which_little_is_used_is_preserved_for_five_minutes() {
        let mut rig = Rig::default();
        for second in 0..300 {
            rig.burst(second * 1000, 2, 10 * MSS);
            assert!(!rig.usage.period_is_over(at(second * 1000)));
        }
        assert!(rig.usage.period_is_over(at(300_000)));
        assert!(!rig.usage.period_is_over(at(599_999)));
        assert!(rig.usage.period_is_over(at(600_000)));
    }
}
