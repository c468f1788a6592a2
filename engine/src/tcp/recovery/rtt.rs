//! The round-trip time and the retransmission timeout (RFC 6298).
//!
//! Owns: [`RttEstimator`], the smoothed round trip, its variation, the timeout with its back-off, and the shortest round
//! trip of late. Never knows what was sent when: measurements come from the scoreboard or from timestamps, and none from
//! what was sent twice.

use alloc::boxed::Box;
use core::time::Duration;

use crate::time::{Instant, Span};

/// The clock granularity G of RFC 6298.
const GRANULARITY: Duration = Duration::from_millis(1);
/// RFC 6298 (2.5): a maximum of at least 60 seconds.
const RTO_MAX: Duration = Duration::from_secs(120);
const RTO_AFTER_LOST_SYN: Duration = Duration::from_secs(3);
/// How long the shortest round trip is remembered, as in Linux.
const MIN_RTT_WINDOW: Duration = Duration::from_secs(300);

/// The estimator.
#[derive(Clone, Debug)]
pub(crate) struct RttEstimator {
    srtt: Option<Span>,
    rttvar: Span,
    rto: Span,
    min: Span,
    backoff: u32,
    /// RACK.rtt when there was nothing outstanding, and RACK forgot it.
    before_rest: Span,
    shortest: Shortest,
    /// SRTT_prev and RTTVAR_prev, from before the last timeout (RFC 4015 §3.1).
    before_timeout: Option<Box<(Duration, Duration)>>,
    /// That timeout was spurious: the next measurement of new data adapts to them.
    was_spurious: bool,
}

impl RttEstimator {
    pub(crate) fn new(initial: Duration, min: Duration) -> Self {
        //= https://www.rfc-editor.org/rfc/rfc6298#section-2
        //# (2.1) Until a round-trip time (RTT) measurement has been made for a
        //# segment sent between the sender and receiver, the sender SHOULD
        //# set RTO <- 1 second
        RttEstimator {
            srtt: None,
            rttvar: Span::ZERO,
            rto: initial.into(),
            min: min.into(),
            backoff: 0,
            before_rest: Span::ZERO,
            shortest: Shortest::default(),
            before_timeout: None,
            was_spurious: false,
        }
    }

    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.srtt.map(Duration::from)
    }

    pub(crate) fn rttvar(&self) -> Duration {
        self.rttvar.into()
    }

    /// The shortest round trip of the last five minutes.
    pub(crate) fn min_rtt(&self) -> Option<Duration> {
        self.shortest.get()
    }

    /// The timeout, doubled for each time it fired in a row.
    //= https://www.rfc-editor.org/rfc/rfc6298#section-1
    //# However, a TCP MUST NOT be more aggressive than the following algorithms allow.
    //= https://www.rfc-editor.org/rfc/rfc6298#section-2
    //= type=exception
    //= reason=the floor is 200 ms by default, as in Linux (decision 0002), and can be set
    //# Whenever RTO is computed, if it is less than 1 second, then the RTO SHOULD be rounded up
    //# to 1 second.
    pub(crate) fn rto(&self) -> Duration {
        Duration::from(self.rto.max(self.min)).saturating_mul(1 << self.backoff.min(16)).min(RTO_MAX)
    }

    pub(crate) fn backoff(&self) -> u32 {
        self.backoff
    }

    /// Takes a measurement, one of `samples` in a round trip: each counts for so much less, that the estimate remembers
    /// as long as it would with one. `new_data`: of something that was not sent before the last timeout.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-4.2
    //# When multiple RTTMs per RTT are available
    //# to update the RTT estimator, an implementation SHOULD try to adhere
    //# to the spirit of the history specified in [RFC6298].
    pub(crate) fn sample(&mut self, now: Instant, r: Duration, samples: u32, new_data: bool) {
        // 1/alpha and 1/beta, as RFC 7323 Appendix G has them; nothing is forgotten more slowly than over 8192 samples.
        let samples = samples.clamp(1, 1024);
        let (alpha, beta) = (8 * samples, 4 * samples);
        let before = self.before_timeout.as_deref().copied().filter(|_| new_data && self.was_spurious);
        let (srtt, rttvar) = match (self.srtt(), before) {
            //= https://www.rfc-editor.org/rfc/rfc6298#section-2
            //# (2.2) When the first RTT measurement R is made, the host MUST set
            //#
            //#    SRTT <- R
            //#    RTTVAR <- R/2
            (None, _) => (r, r / 2),
            //= https://www.rfc-editor.org/rfc/rfc4015#section-3.1
            //# SRTT   <- max (SRTT_prev, RTT-SAMPLE)
            //# RTTVAR <- max (RTTVAR_prev, RTT-SAMPLE/2)
            //# RTO    <- SRTT + max (G, 4*RTTVAR)
            (Some(_), Some((srtt, rttvar))) => {
                self.was_spurious = false;
                (srtt.max(r), rttvar.max(r / 2))
            }
            //= https://www.rfc-editor.org/rfc/rfc6298#section-2
            //# The above SHOULD be computed using alpha=1/8 and beta=1/4
            //= https://www.rfc-editor.org/rfc/rfc6298#section-2
            //# When a subsequent RTT measurement R' is made, a host MUST set
            //= https://www.rfc-editor.org/rfc/rfc6298#section-2
            //# That is, updating RTTVAR and SRTT MUST be computed in the above order.
            (Some(srtt), None) => {
                let rttvar = (self.rttvar() * (beta - 1) + srtt.abs_diff(r)) / beta;
                ((srtt * (alpha - 1) + r) / alpha, rttvar)
            }
        };
        self.srtt = Some(srtt.into());
        self.rttvar = rttvar.into();
        //= https://www.rfc-editor.org/rfc/rfc6298#section-2
        //# RTO <- SRTT + max (G, K*RTTVAR)
        //= https://www.rfc-editor.org/rfc/rfc6298#section-4
        //# However, if the K*RTTVAR term in the RTO calculation equals zero, the variance term MUST
        //# be rounded to G seconds (i.e., use the equation given in step 2.3).
        self.rto = (srtt + GRANULARITY.max(rttvar * 4)).into();
        self.backoff = 0;
        self.shortest.sample(now, r);
    }

    /// The retransmission timer fired.
    //= https://www.rfc-editor.org/rfc/rfc6298#section-5
    //# (5.5) The host MUST set RTO <- RTO * 2 ("back off the timer").
    pub(crate) fn on_timeout(&mut self) {
        //= https://www.rfc-editor.org/rfc/rfc4015#section-3.1
        //# SRTT_prev <- SRTT + (2 * G)
        //# RTTVAR_prev <- RTTVAR
        if self.backoff == 0 {
            self.before_timeout = self.srtt().map(|srtt| Box::new((srtt + GRANULARITY * 2, self.rttvar())));
            self.was_spurious = false;
        }
        self.backoff += 1;
    }

    /// The timeout turned out to be spurious: the timer is to become more patient.
    pub(crate) fn on_spurious_timeout(&mut self) {
        self.was_spurious = true;
    }

    /// The handshake is over, and its SYN had to go again: there is no measurement.
    //= https://www.rfc-editor.org/rfc/rfc6298#section-5
    //# (5.7) If the timer expires awaiting the ACK of a SYN segment and the
    //# TCP implementation is using an RTO less than 3 seconds, the RTO
    //# MUST be re-initialized to 3 seconds when data transmission
    //# begins (i.e., after the three-way handshake completes).
    pub(crate) fn on_lost_syn(&mut self) {
        self.rto = self.rto.max(RTO_AFTER_LOST_SYN.into());
        self.backoff = 0;
    }

    /// RACK.rtt as it was when there was nothing outstanding.
    pub(crate) fn before_rest(&self) -> Duration {
        self.before_rest.into()
    }

    pub(crate) fn set_before_rest(&mut self, rtt: Duration) {
        self.before_rest = rtt.into();
    }

    /// Whether it matters to the next measurement what was sent before the last timeout.
    pub(crate) fn is_to_adapt(&self) -> bool {
        self.was_spurious
    }

    pub(crate) fn set_min(&mut self, min: Duration) {
        self.min = min.into();
    }
}

/// The minimum over a sliding window, kept as the best three of ever later parts of it (Kathleen Nichols' filter, as in
/// Linux's `win_minmax`).
//= https://www.rfc-editor.org/rfc/rfc8985#section-6.2
//# The sender SHOULD
//# track a windowed min-filtered estimate of recent RTT measurements
//# that can adapt when migrating to significantly longer paths rather
//# than tracking a simple global minimum of all RTT measurements.
#[derive(Clone, Copy, Debug, Default)]
struct Shortest([Option<(Instant, Span)>; 3]);

impl Shortest {
    fn get(&self) -> Option<Duration> {
        self.0[0].map(|(_, rtt)| rtt.into())
    }

    fn sample(&mut self, now: Instant, rtt: Duration) {
        let rtt = Span::from(rtt);
        let this = Some((now, rtt));
        let [Some(best), Some(second), Some(third)] = self.0 else {
            self.0 = [this; 3];
            return;
        };
        if rtt <= best.1 || now - third.0 > MIN_RTT_WINDOW {
            self.0 = [this; 3];
        } else if rtt <= second.1 {
            self.0 = [Some(best), this, this];
        } else if rtt <= third.1 {
            self.0[2] = this;
        }
        if now - best.0 > MIN_RTT_WINDOW {
            self.0 = [self.0[1], self.0[2], this];
        } else if second.0 == best.0 && now - best.0 > MIN_RTT_WINDOW / 4 {
            self.0 = [self.0[0], this, this];
        } else if third.0 == second.0 && now - best.0 > MIN_RTT_WINDOW / 2 {
            self.0[2] = this;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const NOW: Instant = Instant::ZERO;

    //= https://www.rfc-editor.org/rfc/rfc6298#section-2
    //= type=test
    //# When the first RTT measurement R is made, the host MUST set
    #[test]
    fn the_first_sample_sets_the_estimate() {
        let mut rtt = RttEstimator::new(MS * 1000, MS * 200);
        assert_eq!(rtt.rto(), MS * 1000);
        rtt.sample(NOW, MS * 100, 1, true);
        assert_eq!((rtt.srtt(), rtt.rttvar(), rtt.rto()), (Some(MS * 100), MS * 50, MS * 300));
    }

    //= https://www.rfc-editor.org/rfc/rfc6298#section-2
    //= type=test
    //# When a subsequent RTT measurement R' is made, a host MUST set
    //= https://www.rfc-editor.org/rfc/rfc6298#section-2
    //= type=test
    //# That is, updating RTTVAR and SRTT MUST be computed in the above order.
    //= https://www.rfc-editor.org/rfc/rfc6298#section-2
    //= type=test
    //# The above SHOULD be computed using alpha=1/8 and beta=1/4 (as suggested in [JK88]).
    #[test]
    fn later_samples_are_smoothed() {
        let mut rtt = RttEstimator::new(MS * 1000, MS);
        rtt.sample(NOW, MS * 100, 1, true);
        rtt.sample(NOW, MS * 180, 1, true);
        assert_eq!(rtt.srtt(), Some(MS * 110));
        assert_eq!(rtt.rttvar(), (MS * 150 + MS * 80) / 4);
    }

    //= https://www.rfc-editor.org/rfc/rfc6298#section-4
    //= type=test
    //# However, if the K*RTTVAR term in the RTO calculation equals zero, the variance term MUST
    //# be rounded to G seconds (i.e., use the equation given in step 2.3).
    #[test]
    fn a_round_trip_that_does_not_vary_leaves_one_tick() {
        let mut rtt = RttEstimator::new(MS * 1000, MS);
        (0..200).for_each(|_| rtt.sample(NOW, MS * 100, 1, true));
        assert!(rtt.rttvar() < MS / 4);
        assert_eq!(rtt.rto(), MS * 101);
    }

    //= https://www.rfc-editor.org/rfc/rfc6298#section-1
    //= type=test
    //# However, a TCP MUST NOT be more aggressive than the following algorithms allow.
    //= https://www.rfc-editor.org/rfc/rfc6298#section-5
    //= type=test
    //# The host MUST set RTO <- RTO * 2 ("back off the timer").
    #[test]
    fn the_floor_holds_and_backoff_doubles_from_it() {
        let mut rtt = RttEstimator::new(MS * 1000, MS * 200);
        rtt.sample(NOW, MS, 1, true);
        assert_eq!(rtt.rto(), MS * 200);
        rtt.on_timeout();
        rtt.on_timeout();
        assert_eq!(rtt.rto(), MS * 800);
        (0..40).for_each(|_| rtt.on_timeout());
        assert_eq!(rtt.rto(), RTO_MAX);
    }

    #[test]
    fn after_a_spurious_timeout_the_next_sample_makes_the_timer_patient() {
        let mut rtt = RttEstimator::new(MS * 1000, MS * 200);
        rtt.sample(NOW, MS * 100, 1, true);
        rtt.on_timeout();
        rtt.on_spurious_timeout();
        rtt.sample(NOW, MS * 400, 1, true);
        assert_eq!((rtt.srtt(), rtt.rttvar(), rtt.rto()), (Some(MS * 400), MS * 200, MS * 1200));
        rtt.sample(NOW, MS * 400, 1, true);
        assert_eq!(rtt.rttvar(), MS * 150, "smoothed again");
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-6.2
    //= type=test
    //# The sender SHOULD track a windowed min-filtered estimate of recent RTT measurements that
    //# can adapt when migrating to significantly longer paths rather than tracking a simple
    //# global minimum of all RTT measurements.
    #[test]
    fn the_shortest_round_trip_is_forgotten_after_five_minutes() {
        let mut rtt = RttEstimator::new(MS * 1000, MS * 200);
        rtt.sample(NOW, MS * 10, 1, true);
        for second in 1..=300 {
            rtt.sample(NOW + MS * 1000 * second, MS * 30, 1, true);
            assert_eq!(rtt.min_rtt(), Some(MS * 10));
        }
        rtt.sample(NOW + MS * 301_000, MS * 30, 1, true);
        assert_eq!(rtt.min_rtt(), Some(MS * 30));
        rtt.sample(NOW + MS * 302_000, MS * 20, 1, true);
        assert_eq!(rtt.min_rtt(), Some(MS * 20));
    }

    //= https://www.rfc-editor.org/rfc/rfc7323#section-4.2
    //= type=test
    //# When multiple RTTMs per RTT are available to update the RTT estimator, an implementation
    //# SHOULD try to adhere to the spirit of the history specified in [RFC6298].
    #[test]
    fn many_samples_in_a_round_trip_count_together_as_one() {
        let run = |samples: u32| {
            let mut rtt = RttEstimator::new(MS * 1000, MS);
            rtt.sample(NOW, MS * 100, 1, true);
            (0..samples).for_each(|_| rtt.sample(NOW, MS * 180, samples, true));
            rtt.srtt().unwrap()
        };
        assert_eq!(run(1), MS * 110);
        assert!(run(50).abs_diff(MS * 110) < MS, "{:?}", run(50));
    }
}
