//! NewReno: slow start, congestion avoidance, fast recovery (RFC 5681, RFC 6582), with byte counting (RFC 3465).

/// The state of NewReno.
#[derive(Clone, Debug)]
pub(crate) struct NewReno {
    mss: u32,
    cwnd: u32,
    ssthresh: u32,
    /// Octets acknowledged in congestion avoidance since `cwnd` last grew.
    acked: u32,
}

impl NewReno {
    pub(super) fn new(mss: u32) -> Self {
        NewReno { mss, cwnd: initial_window(mss), ssthresh: u32::MAX, acked: 0 }
    }

    pub(super) fn cwnd(&self) -> u32 {
        self.cwnd
    }

    pub(super) fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    pub(super) fn on_ack(&mut self, acked: u32) {
        if self.cwnd < self.ssthresh {
            //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
            //# While traditionally TCP implementations have increased cwnd by
            //# precisely SMSS bytes upon receipt of an ACK covering new data, we
            //# RECOMMEND that TCP implementations increase cwnd, per:
            //#
            //#    cwnd += min (N, SMSS)
            self.cwnd = self.cwnd.saturating_add(acked.min(self.mss));
        } else {
            self.acked = self.acked.saturating_add(acked);
            if self.acked >= self.cwnd {
                self.acked -= self.cwnd;
                self.cwnd = self.cwnd.saturating_add(self.mss);
            }
        }
    }

    pub(super) fn on_fast_retransmit(&mut self, flight: u32) {
        self.ssthresh = self.halved(flight);
        self.cwnd = self.ssthresh + 3 * self.mss;
        self.acked = 0;
    }

    pub(super) fn on_duplicate_in_recovery(&mut self) {
        self.cwnd = self.cwnd.saturating_add(self.mss);
    }

    pub(super) fn on_partial_ack(&mut self, acked: u32) {
        //= https://www.rfc-editor.org/rfc/rfc6582#section-3.2
        //# Deflate the congestion window by the amount of new data acknowledged by the
        //# Cumulative Acknowledgment field.  If the partial ACK
        //# acknowledges at least one SMSS of new data, then add back SMSS
        //# bytes to the congestion window.
        let back = if acked >= self.mss { self.mss } else { 0 };
        self.cwnd = (self.cwnd.saturating_sub(acked) + back).max(self.mss);
    }

    pub(super) fn on_recovered(&mut self, flight: u32) {
        // RFC 6582 §3.2 step 3, option 1: no burst of what the inflated window held back.
        self.cwnd = self.ssthresh.min(flight.max(self.mss) + self.mss);
    }

    pub(super) fn on_timeout(&mut self, flight: u32, again: bool) {
        //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
        //# On the other hand, when a TCP sender detects segment loss using the
        //# retransmission timer and the given segment has already been
        //# retransmitted by way of the retransmission timer at least once, the
        //# value of ssthresh is held constant.
        if !again {
            self.ssthresh = self.halved(flight);
        }
        self.cwnd = self.mss;
        self.acked = 0;
    }

    pub(super) fn on_idle(&mut self) {
        //= https://www.rfc-editor.org/rfc/rfc5681#section-4.1
        //# a TCP SHOULD set cwnd to no more than RW before
        //# beginning transmission if the TCP has not sent data in an interval
        //# exceeding the retransmission timeout.
        self.cwnd = self.cwnd.min(initial_window(self.mss));
    }

    pub(super) fn on_lost_syn(&mut self) {
        //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
        //# Further, if the SYN or SYN/ACK is lost, the initial
        //# window used by a sender after a correctly transmitted SYN MUST be one
        //# segment consisting of at most SMSS bytes.
        self.cwnd = self.mss;
    }

    fn halved(&self, flight: u32) -> u32 {
        (flight / 2).max(2 * self.mss)
    }
}

/// RFC 5681 §3.1, equation IW.
fn initial_window(mss: u32) -> u32 {
    match mss {
        0..=1095 => 4 * mss,
        1096..=2190 => 3 * mss,
        _ => 2 * mss,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1000;

    #[test]
    fn slow_start_doubles_a_round() {
        let mut c = NewReno::new(MSS);
        assert_eq!(c.cwnd(), 4000);
        (0..4).for_each(|_| c.on_ack(MSS));
        assert_eq!(c.cwnd(), 8000);
    }

    #[test]
    fn congestion_avoidance_adds_a_segment_a_round() {
        let mut c = NewReno::new(MSS);
        c.on_timeout(20_000, false);
        assert_eq!((c.cwnd(), c.ssthresh()), (1000, 10_000));
        while c.cwnd() < 10_000 {
            c.on_ack(MSS);
        }
        (0..10).for_each(|_| c.on_ack(MSS));
        assert_eq!(c.cwnd(), 11_000);
    }

    #[test]
    fn a_second_timeout_leaves_ssthresh() {
        let mut c = NewReno::new(MSS);
        c.on_timeout(20_000, false);
        c.on_timeout(1_000, true);
        assert_eq!(c.ssthresh(), 10_000);
    }

    #[test]
    fn fast_recovery_inflates_deflates_and_ends_at_ssthresh() {
        let mut c = NewReno::new(MSS);
        c.on_fast_retransmit(20_000);
        assert_eq!(c.cwnd(), 13_000);
        c.on_duplicate_in_recovery();
        assert_eq!(c.cwnd(), 14_000);
        c.on_partial_ack(3_000);
        assert_eq!(c.cwnd(), 12_000);
        c.on_recovered(15_000);
        assert_eq!(c.cwnd(), 10_000);
    }
}
