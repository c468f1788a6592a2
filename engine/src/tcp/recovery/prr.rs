//! Proportional rate reduction (RFC 6937): how much may go while the window shrinks to `ssthresh`.
//!
//! Owns: [`Prr`], for one reduction. Of the two reduction bounds the one is taken that RFC 9937 takes: the slow-start
//! bound only while SND.UNA advances and nothing more is lost, the conservative one otherwise; and the first
//! retransmission always goes.

/// What one acknowledgment told. Lengths are octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// Newly delivered (DeliveredData).
    pub(crate) delivered: u32,
    /// In the network now (pipe).
    pub(crate) pipe: u32,
    /// SND.UNA advanced, and nothing more was found lost.
    pub(crate) safe: bool,
}

/// The state of one reduction. The names are those of RFC 6937 §2.
//= https://www.rfc-editor.org/rfc/rfc8985#section-9.3
//# The Proportional Rate Reduction (PRR) algorithm [RFC6937] is RECOMMENDED for the specific
//# congestion control actions taken upon the losses detected by RACK- TLP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prr {
    ssthresh: u32,
    recover_fs: u32,
    delivered: u32,
    out: u32,
    /// What may be in the network: what was there at the last acknowledgment, and sndcnt.
    window: u32,
}

impl Prr {
    /// No reduction.
    pub(crate) const NONE: Self = Prr { ssthresh: 0, recover_fs: 0, delivered: 0, out: 0, window: 0 };

    /// A reduction to `ssthresh` begins with `flight` octets outstanding that were not delivered before.
    pub(crate) fn begin(ssthresh: u32, flight: u32) -> Self {
        Prr { ssthresh, recover_fs: flight.max(1), ..Prr::NONE }
    }

    /// The congestion window while it shrinks, in octets.
    pub(crate) fn window(&self) -> u32 {
        self.window
    }

    /// An acknowledgment came, the one with which the reduction began included.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
    //= type=exception
    //= reason=proportional rate reduction (RFC 6937) decides in their place what goes while a loss is
    //= repaired
    //# 3. The lost segment starting at SND.UNA MUST be retransmitted and cwnd set to ssthresh
    //# plus 3*SMSS.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
    //= type=exception
    //= reason=proportional rate reduction (RFC 6937) decides in their place what goes while a loss is
    //= repaired
    //# 4. For each additional duplicate ACK received (after the third), cwnd MUST be incremented
    //# by SMSS.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
    //= type=exception
    //= reason=proportional rate reduction (RFC 6937) decides in their place what goes while a loss is
    //= repaired
    //# 5. When previously unsent data is available and the new value of cwnd and the receiver's
    //# advertised window allow, a TCP SHOULD send 1*SMSS bytes of previously unsent data.
    pub(crate) fn on_ack(&mut self, ack: Progress, mss: u32) {
        self.delivered = self.delivered.saturating_add(ack.delivered);
        let mut quota = if ack.pipe > self.ssthresh {
            self.proportional()
        } else {
            self.bounded(ack, mss).min(self.ssthresh - ack.pipe)
        };
        if self.out == 0 {
            // The first retransmission goes at once, whatever the sums say.
            quota = quota.max(mss);
        }
        if ack.delivered > 0 || self.out == 0 {
            self.window = ack.pipe + quota;
        }
    }

    /// `octets` went.
    pub(crate) fn on_sent(&mut self, octets: u32) {
        self.out = self.out.saturating_add(octets);
    }

    //= https://www.rfc-editor.org/rfc/rfc6937#section-3
    //# sndcnt = CEIL(prr_delivered * ssthresh / RecoverFS) - prr_out
    //= https://www.rfc-editor.org/rfc/rfc5681#section-4.3
    //# Second, until all lost segments in the window of data in question are repaired, the number
    //# of segments transmitted in each RTT MUST be no more than half the number of outstanding
    //# segments when the loss was detected.
    fn proportional(&self) -> u32 {
        let target = (u64::from(self.delivered) * u64::from(self.ssthresh)).div_ceil(self.recover_fs.into());
        u32::try_from(target).unwrap_or(u32::MAX).saturating_sub(self.out)
    }

    //= https://www.rfc-editor.org/rfc/rfc6937#section-3
    //# limit = MAX(prr_delivered - prr_out, DeliveredData) + MSS
    fn bounded(&self, ack: Progress, mss: u32) -> u32 {
        let limit = self.delivered.saturating_sub(self.out).max(ack.delivered);
        if ack.safe { limit.saturating_add(mss) } else { limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const MSS: u32 = 1000;

    /// RFC 6937 §3.1: `acks` duplicates after `lost` of 20 segments; gives what went for each.
    fn curve(lost: u32, acks: u32, safe: bool) -> Vec<u32> {
        let mut prr = Prr::begin(10 * MSS, 20 * MSS);
        let mut pipe = (20 - lost) * MSS;
        (0..acks)
            .map(|_| {
                pipe -= MSS;
                prr.on_ack(Progress { delivered: MSS, pipe, safe }, MSS);
                let segments = (prr.window() - pipe) / MSS;
                prr.on_sent(segments * MSS);
                pipe += segments * MSS;
                segments
            })
            .collect()
    }

    //= https://www.rfc-editor.org/rfc/rfc5681#section-4.3
    //= type=test
    //# Second, until all lost segments in the window of data in question are repaired, the number
    //# of segments transmitted in each RTT MUST be no more than half the number of outstanding
    //# segments when the loss was detected.
    #[test]
    fn one_loss_halves_by_sending_for_every_second_acknowledgment() {
        assert_eq!(curve(1, 10, false), [1, 0, 0, 1, 0, 1, 0, 1, 0, 1]);
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-9.3
    //= type=test
    //# A segment marked as lost by RACK-TLP MUST NOT be retransmitted until congestion control
    //# deems this appropriate.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-9.3
    //= type=test
    //# The Proportional Rate Reduction (PRR) algorithm [RFC6937] is RECOMMENDED for the specific
    //# congestion control actions taken upon the losses detected by RACK- TLP.
    #[test]
    fn a_burst_of_losses_falls_to_packet_conservation_and_grows_only_with_progress() {
        // Fifteen of twenty: below ssthresh from the beginning.
        assert_eq!(curve(15, 4, false), [1, 1, 1, 1]);
        assert_eq!(curve(15, 7, true), [2, 2, 2, 2, 2, 1, 1]);
    }

    #[test]
    fn the_first_retransmission_always_goes() {
        let mut prr = Prr::begin(500, 20 * MSS);
        prr.on_ack(Progress { delivered: 10, pipe: 19 * MSS, safe: false }, MSS);
        assert_eq!(prr.window(), 20 * MSS);
        prr.on_sent(MSS);
        prr.on_ack(Progress { delivered: 10, pipe: 20 * MSS, safe: false }, MSS);
        assert_eq!(prr.window(), 20 * MSS);
    }
}
