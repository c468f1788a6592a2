//! NewReno: slow start and congestion avoidance (RFC 5681), with byte counting (RFC 3465). What it does in recovery is
//! `recovery/`'s business (RFC 6582): here it only falls.

use core::time::Duration;

use super::{Config, CongestionCause, Sample};

/// The state of NewReno.
#[derive(Clone, Debug)]
pub(crate) struct NewReno {
    mss: u32,
    initial_window: u32,
    cwnd: u32,
    ssthresh: u32,
    /// Octets acknowledged in congestion avoidance since `cwnd` last grew.
    acked: u32,
    /// `cwnd` and `ssthresh` before the last reduction.
    before: Option<(u32, u32)>,
}

impl NewReno {
    pub(super) fn new(config: &Config) -> Self {
        let &Config { mss, initial_window, .. } = config;
        let initial_window = u32::from(initial_window) * mss;
        NewReno { mss, initial_window, cwnd: initial_window, ssthresh: u32::MAX, acked: 0, before: None }
    }

    pub(super) fn cwnd(&self) -> u32 {
        self.cwnd
    }

    pub(super) fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    pub(super) fn on_ack(&mut self, sample: &Sample) {
        if self.cwnd < self.ssthresh {
            //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
            //# While traditionally TCP implementations have increased cwnd by
            //# precisely SMSS bytes upon receipt of an ACK covering new data, we
            //# RECOMMEND that TCP implementations increase cwnd, per:
            //#
            //#    cwnd += min (N, SMSS)
            self.cwnd = self.cwnd.saturating_add(sample.acked.min(self.mss));
        } else {
            self.acked = self.acked.saturating_add(sample.acked);
            if self.acked >= self.cwnd {
                self.acked -= self.cwnd;
                self.cwnd = self.cwnd.saturating_add(self.mss);
            }
        }
    }

    pub(super) fn on_congestion(&mut self, in_flight: u32, cause: CongestionCause) {
        self.before = Some((self.cwnd, self.ssthresh));
        self.ssthresh = self.halved(in_flight);
        self.acked = 0;
        // Nothing is lost, so that there is no recovery to wait for.
        if cause == CongestionCause::Ecn {
            self.cwnd = self.ssthresh;
        }
    }

    pub(super) fn on_recovered(&mut self) {
        self.cwnd = self.ssthresh;
    }

    pub(super) fn on_timeout(&mut self, in_flight: u32, again: bool) {
        //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
        //# On the other hand, when a TCP sender detects segment loss using the
        //# retransmission timer and the given segment has already been
        //# retransmitted by way of the retransmission timer at least once, the
        //# value of ssthresh is held constant.
        if !again {
            self.before = Some((self.cwnd, self.ssthresh));
            self.ssthresh = self.halved(in_flight);
        }
        self.cwnd = self.mss;
        self.acked = 0;
    }

    pub(super) fn on_undo(&mut self) {
        if let Some((cwnd, ssthresh)) = self.before.take() {
            self.cwnd = self.cwnd.max(cwnd);
            self.ssthresh = ssthresh;
        }
    }

    pub(super) fn on_idle(&mut self, idle: Duration, rto: Duration) {
        //= https://www.rfc-editor.org/rfc/rfc5681#section-4.1
        //# a TCP SHOULD set cwnd to no more than RW before
        //# beginning transmission if the TCP has not sent data in an interval
        //# exceeding the retransmission timeout.
        if idle > rto {
            self.cwnd = self.cwnd.min(self.initial_window);
        }
    }

    pub(super) fn on_lost_syn(&mut self) {
        //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
        //# Further, if the SYN or SYN/ACK is lost, the initial
        //# window used by a sender after a correctly transmitted SYN MUST be one
        //# segment consisting of at most SMSS bytes.
        self.cwnd = self.mss;
    }

    pub(super) fn set_mss(&mut self, mss: u32) {
        self.mss = mss;
        self.cwnd = self.cwnd.max(mss);
    }

    fn halved(&self, in_flight: u32) -> u32 {
        (in_flight / 2).max(2 * self.mss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::config::CongestionControl;
    use crate::tcp::seq::Seq;
    use crate::time::Instant;

    const MSS: u32 = 1000;

    fn new() -> NewReno {
        NewReno::new(&Config { algorithm: CongestionControl::NewReno, mss: MSS, initial_window: 4 })
    }

    /// An acknowledgment of `acked` octets to a sender whose window is full.
    fn ack(acked: u32) -> Sample {
        Sample {
            now: Instant::ZERO,
            acked,
            delivered: acked,
            lost: 0,
            in_flight: 0,
            prior_in_flight: acked,
            una: Seq(0),
            nxt: Seq(0),
            rtt: None,
            min_rtt: None,
            srtt: None,
            rate: None,
            window_limited: true,
        }
    }

    #[test]
    fn slow_start_doubles_a_round() {
        let mut c = new();
        assert_eq!(c.cwnd(), 4000);
        (0..4).for_each(|_| c.on_ack(&ack(MSS)));
        assert_eq!(c.cwnd(), 8000);
    }

    #[test]
    fn congestion_avoidance_adds_a_segment_a_round() {
        let mut c = new();
        c.on_timeout(20_000, false);
        assert_eq!((c.cwnd(), c.ssthresh()), (1000, 10_000));
        while c.cwnd() < 10_000 {
            c.on_ack(&ack(MSS));
        }
        (0..10).for_each(|_| c.on_ack(&ack(MSS)));
        assert_eq!(c.cwnd(), 11_000);
    }

    #[test]
    fn a_second_timeout_leaves_ssthresh() {
        let mut c = new();
        c.on_timeout(20_000, false);
        c.on_timeout(1_000, true);
        assert_eq!(c.ssthresh(), 10_000);
    }

    #[test]
    fn a_loss_halves_what_was_in_flight_and_the_window_follows_when_it_is_repaired() {
        let mut c = new();
        c.on_congestion(20_000, CongestionCause::Loss);
        assert_eq!((c.cwnd(), c.ssthresh()), (4000, 10_000));
        c.on_recovered();
        assert_eq!(c.cwnd(), 10_000);
    }

    #[test]
    fn a_spurious_reduction_is_undone_once() {
        let mut c = new();
        (0..6).for_each(|_| c.on_ack(&ack(MSS)));
        c.on_timeout(10_000, false);
        c.on_undo();
        assert_eq!((c.cwnd(), c.ssthresh()), (10_000, u32::MAX));
        c.on_timeout(1_000, true);
        c.on_undo();
        assert_eq!(c.cwnd(), 1000);
    }
}
