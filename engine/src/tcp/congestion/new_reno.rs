//! Congestion avoidance of NewReno (RFC 5681 §3.1): a segment more in each round trip, half of it after a loss.
//!
//! Owns: [`NewReno`], what was acknowledged since the window last grew. The rest of the algorithm is in
//! `loss_based/`, for it is CUBIC's too; what it does in recovery is `recovery/`'s business (RFC 6582).

/// Congestion avoidance of NewReno.
#[derive(Clone, Debug, Default)]
pub(super) struct NewReno {
    /// Octets acknowledged since the window last grew.
    acked: u32,
}

impl NewReno {
    /// The window after another `acked` octets.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //# The RECOMMENDED way to increase cwnd during congestion avoidance is
    //# to count the number of bytes that have been acknowledged by ACKs for
    //# new data.
    //
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //# Note that during congestion avoidance, cwnd MUST NOT be
    //# increased by more than SMSS bytes per RTT.
    //
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //# * SHOULD increment cwnd per equation (2) once per RTT
    //
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //= type=exception
    //= reason=Octets are counted, as the RFC recommends; the formula of which it speaks is not in use.
    //# If the above formula yields 0, the result SHOULD be rounded up to 1
    //# byte.
    pub(super) fn grown(&mut self, cwnd: u32, mss: u32, acked: u32) -> u32 {
        self.acked = self.acked.saturating_add(acked);
        if self.acked < cwnd {
            return cwnd;
        }
        self.acked -= cwnd;
        //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
        //# * MUST NOT increment cwnd by more than SMSS bytes
        cwnd.saturating_add(mss)
    }

    /// `ssthresh` when congestion shows with `flight` octets outstanding.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //# the value of ssthresh MUST be set to no more
    //# than the value given in equation (4):
    //#
    //#    ssthresh = max (FlightSize / 2, 2*SMSS)            (4)
    //
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4.1
    //# The calculated cwnd value MUST NOT be reduced below 1 TCP Maximum
    //# Segment Size (MSS).
    pub(super) fn reduced(&mut self, flight: u32, mss: u32) -> u32 {
        self.acked = 0;
        (flight / 2).max(2 * mss)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::MSS;
    use super::*;

    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //= type=test
    //# Note that during congestion avoidance, cwnd MUST NOT be
    //# increased by more than SMSS bytes per RTT.
    //
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //= type=test
    //# The RECOMMENDED way to increase cwnd during congestion avoidance is
    //# to count the number of bytes that have been acknowledged by ACKs for
    //# new data.
    //
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //= type=test
    //# * SHOULD increment cwnd per equation (2) once per RTT
    #[test]
    fn a_window_of_acknowledgments_adds_a_segment_however_it_is_cut() {
        for piece in [1, 100, MSS, 3 * MSS] {
            let (mut reno, mut acked) = (NewReno::default(), 0);
            while acked + piece < 10 * MSS {
                assert_eq!(reno.grown(10 * MSS, MSS, piece), 10 * MSS);
                acked += piece;
            }
            assert_eq!(reno.grown(10 * MSS, MSS, piece), 11 * MSS);
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //= type=test
    //# * MUST NOT increment cwnd by more than SMSS bytes
    #[test]
    fn one_acknowledgment_of_everything_adds_one_segment() {
        let mut reno = NewReno::default();
        assert_eq!(reno.grown(10 * MSS, MSS, 25 * MSS), 11 * MSS);
    }

    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //= type=test
    //# the value of ssthresh MUST be set to no more
    //# than the value given in equation (4):
    //#
    //#    ssthresh = max (FlightSize / 2, 2*SMSS)            (4)
    //
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4.1
    //= type=test
    //# The calculated cwnd value MUST NOT be reduced below 1 TCP Maximum
    //# Segment Size (MSS).
    #[test]
    fn half_of_what_is_outstanding_and_two_segments_at_least() {
        let mut reno = NewReno::default();
        assert_eq!(reno.reduced(20 * MSS, MSS), 10 * MSS);
        assert_eq!(reno.reduced(3 * MSS, MSS), 2 * MSS);
    }
}
