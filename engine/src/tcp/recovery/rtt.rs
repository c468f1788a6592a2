//! The round-trip time and the retransmission timeout (RFC 6298).

use core::time::Duration;

use crate::tcp::seq::Seq;
use crate::time::Instant;

/// The clock granularity G of RFC 6298.
const GRANULARITY: Duration = Duration::from_millis(1);
/// RFC 6298 (2.5): a maximum of at least 60 seconds.
const RTO_MAX: Duration = Duration::from_secs(120);
const RTO_AFTER_LOST_SYN: Duration = Duration::from_secs(3);

/// The estimator, and the one segment that it times.
#[derive(Clone, Debug)]
pub(crate) struct RttEstimator {
    srtt: Option<Duration>,
    rttvar: Duration,
    rto: Duration,
    min: Duration,
    backoff: u32,
    /// The segment being timed: acknowledged by anything at or after this number; sent then.
    timed: Option<(Seq, Instant)>,
}

impl RttEstimator {
    pub(crate) fn new(initial: Duration, min: Duration) -> Self {
        //= https://www.rfc-editor.org/rfc/rfc6298#section-2
        //# (2.1) Until a round-trip time (RTT) measurement has been made for a
        //# segment sent between the sender and receiver, the sender SHOULD
        //# set RTO <- 1 second
        RttEstimator { srtt: None, rttvar: Duration::ZERO, rto: initial, min, backoff: 0, timed: None }
    }

    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.srtt
    }

    pub(crate) fn rttvar(&self) -> Duration {
        self.rttvar
    }

    /// The timeout, doubled for each time it fired in a row.
    pub(crate) fn rto(&self) -> Duration {
        self.rto.max(self.min).saturating_mul(1 << self.backoff.min(16)).min(RTO_MAX)
    }

    pub(crate) fn backoff(&self) -> u32 {
        self.backoff
    }

    /// New octets up to `end` were sent. One segment is timed at a time.
    pub(crate) fn on_sent(&mut self, now: Instant, end: Seq) {
        if self.timed.is_none() {
            self.timed = Some((end, now));
        }
    }

    /// Something was sent again: an acknowledgment may now be of either, so none is measured (Karn).
    //= https://www.rfc-editor.org/rfc/rfc6298#section-3
    //# TCP MUST use Karn's algorithm [KP87] for taking RTT samples.  That
    //# is, RTT samples MUST NOT be made using segments that were
    //# retransmitted (and thus for which it is ambiguous whether the reply
    //# was for the first instance of the packet or a later instance).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.1
    //# The RTO MUST be computed according to the algorithm in [10], including Karn's algorithm
    //# for taking RTT samples (MUST-18).
    pub(crate) fn on_resent(&mut self) {
        self.timed = None;
    }

    /// Everything before `ack` is acknowledged, with an echo of a timestamp that tells of a round trip of `echoed`. Our own
    /// clock is finer, and nobody else's word; but it is no help where something was sent twice, and the echo is.
    /// `samples` are to be expected in a round trip.
    pub(crate) fn on_ack(&mut self, now: Instant, ack: Seq, echoed: Option<Duration>, samples: u32) {
        let measured = match self.timed {
            Some((end, sent)) if ack.at_or_after(end) => Some(now - sent),
            Some(_) => return,
            None => echoed,
        };
        self.timed = None;
        if let Some(r) = measured {
            self.sample(r, samples);
        }
    }

    /// Takes a measurement, one of `samples` in a round trip: each counts for so much less, that the estimate remembers
    /// as long as it would with one.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-4.2
    //# When multiple RTTMs per RTT are available
    //# to update the RTT estimator, an implementation SHOULD try to adhere
    //# to the spirit of the history specified in [RFC6298].
    pub(crate) fn sample(&mut self, r: Duration, samples: u32) {
        // 1/alpha and 1/beta, as RFC 7323 Appendix G has them; nothing is forgotten more slowly than over 8192 samples.
        let samples = samples.clamp(1, 1024);
        let (alpha, beta) = (8 * samples, 4 * samples);
        match self.srtt {
            None => {
                self.srtt = Some(r);
                self.rttvar = r / 2;
            }
            Some(srtt) => {
                self.rttvar = (self.rttvar * (beta - 1) + srtt.abs_diff(r)) / beta;
                self.srtt = Some((srtt * (alpha - 1) + r) / alpha);
            }
        }
        //= https://www.rfc-editor.org/rfc/rfc6298#section-2
        //# RTO <- SRTT + max (G, K*RTTVAR)
        self.rto = self.srtt.unwrap_or_default() + GRANULARITY.max(self.rttvar * 4);
        self.backoff = 0;
    }

    /// The retransmission timer fired.
    //= https://www.rfc-editor.org/rfc/rfc6298#section-5
    //# (5.5) The host MUST set RTO <- RTO * 2 ("back off the timer").
    pub(crate) fn on_timeout(&mut self) {
        self.backoff += 1;
        self.timed = None;
    }

    /// The handshake is over, and its SYN had to go again: there is no measurement.
    //= https://www.rfc-editor.org/rfc/rfc6298#section-5
    //# (5.7) If the timer expires awaiting the ACK of a SYN segment and the
    //# TCP implementation is using an RTO less than 3 seconds, the RTO
    //# MUST be re-initialized to 3 seconds when data transmission
    //# begins (i.e., after the three-way handshake completes).
    pub(crate) fn on_lost_syn(&mut self) {
        self.rto = self.rto.max(RTO_AFTER_LOST_SYN);
        self.backoff = 0;
    }

    pub(crate) fn set_min(&mut self, min: Duration) {
        self.min = min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_sample_sets_the_estimate() {
        let mut rtt = RttEstimator::new(MS * 1000, MS * 200);
        assert_eq!(rtt.rto(), MS * 1000);
        rtt.sample(MS * 100, 1);
        assert_eq!((rtt.srtt(), rtt.rttvar(), rtt.rto()), (Some(MS * 100), MS * 50, MS * 300));
    }

    #[test]
    fn later_samples_are_smoothed() {
        let mut rtt = RttEstimator::new(MS * 1000, MS);
        rtt.sample(MS * 100, 1);
        rtt.sample(MS * 180, 1);
        assert_eq!(rtt.srtt(), Some(MS * 110));
        assert_eq!(rtt.rttvar(), (MS * 150 + MS * 80) / 4);
    }

    #[test]
    fn the_floor_holds_and_backoff_doubles_from_it() {
        let mut rtt = RttEstimator::new(MS * 1000, MS * 200);
        rtt.sample(MS, 1);
        assert_eq!(rtt.rto(), MS * 200);
        rtt.on_timeout();
        rtt.on_timeout();
        assert_eq!(rtt.rto(), MS * 800);
        (0..40).for_each(|_| rtt.on_timeout());
        assert_eq!(rtt.rto(), RTO_MAX);
    }

    #[test]
    fn a_segment_sent_again_is_not_measured() {
        let mut rtt = RttEstimator::new(MS * 1000, MS);
        rtt.on_sent(Instant::ZERO, Seq(10));
        rtt.on_resent();
        rtt.on_ack(Instant::ZERO + MS, Seq(10), None, 1);
        assert_eq!(rtt.srtt(), None);
        // Its echo says which one is acknowledged.
        rtt.on_ack(Instant::ZERO + MS, Seq(10), Some(MS), 1);
        assert_eq!(rtt.srtt(), Some(MS));
    }

    #[test]
    fn many_samples_in_a_round_trip_count_together_as_one() {
        let run = |samples: u32| {
            let mut rtt = RttEstimator::new(MS * 1000, MS);
            rtt.sample(MS * 100, 1);
            (0..samples).for_each(|_| rtt.sample(MS * 180, samples));
            rtt.srtt().unwrap()
        };
        assert_eq!(run(1), MS * 110);
        assert!(run(50).abs_diff(MS * 110) < MS, "{:?}", run(50));
    }
}
