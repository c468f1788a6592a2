//! Loss by count: three duplicate acknowledgments (RFC 5681, RFC 6582), or as much sacked (RFC 6675).
//!
//! Owns: [`Duplicates`], the count; what stands in for the scoreboard where the peer gives no SACK; and RFC 6675's IsLost
//! where it does. Used with SACK only for `LossDetection::DuplicateAcks`: RACK has its own rule.

use super::DUPLICATE_THRESHOLD;
use super::sent::Sent;
use crate::event::RetransmissionReason;

/// Duplicate acknowledgments since SND.UNA last advanced.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Duplicates {
    count: u32,
    /// Without SACK: octets that duplicates told of, though not which.
    credit: u32,
}

impl Duplicates {
    /// Octets that are known to have left the network, though not which: none with SACK.
    pub(crate) const NONE: Self = Duplicates { count: 0, credit: 0 };

    pub(crate) fn is_none(&self) -> bool {
        self.count == 0 && self.credit == 0
    }

    pub(crate) fn credit(&self) -> u32 {
        self.credit
    }

    /// DupAcks has reached DupThresh.
    pub(crate) fn reached_threshold(&self) -> bool {
        self.count >= DUPLICATE_THRESHOLD
    }

    /// A duplicate came.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-5
    //# If the incoming ACK is a duplicate acknowledgment per the definition in Section 2
    //# (regardless of its status as a cumulative acknowledgment), and the TCP is not currently in
    //# loss recovery, the TCP MUST increase DupAcks by one and take the following steps:
    pub(crate) fn on_duplicate(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// Without SACK a duplicate tells of one segment that arrived, as long as `outstanding` may hold one. Says how many
    /// octets that are.
    //= https://www.rfc-editor.org/rfc/rfc6937#section-2
    //# In recovery without SACK,
    //# DeliveredData is estimated to be 1 SMSS on duplicate
    //# acknowledgements, and on a subsequent partial or full ACK,
    //# DeliveredData is estimated to be the change in snd.una, minus 1
    //# SMSS for each preceding duplicate ACK.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
    //# 1. On the first and second duplicate ACKs received at a sender, a TCP SHOULD send a
    //# segment of previously unsent data per [RFC3042] provided that the receiver's advertised
    //# window allows, the total FlightSize would remain less than or equal to cwnd plus 2*SMSS,
    //# and that new data is available for transmission.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
    //# Further, the TCP sender MUST NOT change cwnd to reflect these two segments [RFC3042].
    //= https://www.rfc-editor.org/rfc/rfc3042#section-2
    //# When a TCP sender has previously unsent data queued for transmission it SHOULD use the
    //# Limited Transmit algorithm, which calls for a TCP sender to transmit new data upon the
    //# arrival of the first two consecutive duplicate ACKs when the following conditions are
    //# satisfied:
    //= https://www.rfc-editor.org/rfc/rfc3042#section-2
    //# The congestion window (cwnd) MUST NOT be changed when these new segments are transmitted.
    pub(crate) fn credit_one(&mut self, outstanding: u32, mss: u32) -> u32 {
        let octets = mss.min(outstanding.saturating_sub(self.credit));
        self.credit += octets;
        octets
    }

    /// SND.UNA advanced by `acked` octets, of which a segment filled the gap and duplicates told of the others; at most
    /// `unknown` octets may still have been told of. Says how many were news.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-5
    //# If the incoming ACK is a cumulative acknowledgment, the TCP MUST
    //# reset DupAcks to zero.
    //= https://www.rfc-editor.org/rfc/rfc6937#section-2
    //# Furthermore, for any TCP (with or without SACK), the sum of DeliveredData must agree with
    //# the forward progress over the same time interval.
    pub(crate) fn on_advance(&mut self, acked: u32, unknown: u32, mss: u32) -> u32 {
        let told = self.credit.min(acked.saturating_sub(mss));
        self.count = 0;
        self.credit = (self.credit - told).min(unknown);
        acked - told
    }

    pub(crate) fn reset(&mut self) {
        *self = Duplicates::default();
    }
}

/// RFC 6675's IsLost, for all records at once: marks each that lies below enough of what is sacked. Says how many octets
/// are newly lost.
//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//# The routine returns true when either
//# DupThresh discontiguous SACKed sequences have arrived above
//# 'SeqNum' or more than (DupThresh - 1) * SMSS bytes with sequence
//# numbers greater than 'SeqNum' have been SACKed.
pub(crate) fn mark_lost_below_sacked(sent: &mut Sent, mss: u32) -> u32 {
    if sent.sacked() == 0 {
        return 0;
    }
    let (mut octets, mut runs, mut in_run) = (0, 0, false);
    let mut end = 0;
    for (index, record) in sent.iter().enumerate().rev() {
        if record.sacked {
            octets += record.len();
            runs += u32::from(!in_run);
        }
        in_run = record.sacked;
        if runs >= DUPLICATE_THRESHOLD || octets > (DUPLICATE_THRESHOLD - 1) * mss {
            end = index;
            break;
        }
    }
    let mut lost = 0;
    for index in 0..end {
        // What was sent again is not looked at a second time: its loss is for the timer to find.
        if sent.get(index).is_some_and(|record| record.lost.is_none()) {
            let reason = if index == 0 { RetransmissionReason::Fast } else { RetransmissionReason::Recovery };
            lost += sent.mark_lost(index, reason);
        }
    }
    lost
}

/// The first segment is lost: three duplicates, or a partial acknowledgment, say so. Says how many octets that are.
//= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
//# The TCP sender SHOULD use the "fast retransmit" algorithm to detect and repair loss, based
//# on incoming duplicate ACKs.
pub(crate) fn mark_first_lost(sent: &mut Sent, mss: u32, reason: RetransmissionReason) -> u32 {
    let Some(first) = sent.first().copied().filter(|first| first.lost.is_none() && !first.sacked) else {
        return 0;
    };
    if first.len() > mss {
        sent.cut(0, first.start + mss);
    }
    sent.mark_lost(0, reason)
}

/// RFC 6675's NextSeg, rule (3), when nothing is known to be lost and nothing new can go: what lies below something that
/// is sacked, and was not sent again yet.
//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//# then one segment of up to
//# SMSS octets starting with S3 SHOULD be returned.
pub(crate) fn below_sacked(sent: &Sent) -> Option<usize> {
    let behind = sent.iter().rev().position(|record| record.sacked)?;
    sent.iter().take(sent.len() - behind).position(|record| !record.sacked && record.retransmissions == 0)
}

/// Rule (4), when rule (3) finds nothing: the last segment that is not sacked ("rescue"), once in each recovery.
//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//# then one segment of up to SMSS octets that MUST
//# include the highest outstanding unSACKed sequence number
//# SHOULD be returned, and RescueRxt set to RecoveryPoint.
//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//= type=exception
//= reason=there is no HighRxt: each record of the scoreboard knows whether it was sent again
//# HighRxt MUST NOT be updated.
//= https://www.rfc-editor.org/rfc/rfc6675#section-5
//= type=exception
//= reason=there is no HighRxt: each record of the scoreboard knows whether it was sent again
//# (C.2) If any of the data octets sent in (C.1) are below HighData, HighRxt MUST be set to
//# the highest sequence number of the retransmitted segment unless NextSeg () rule (4) was
//# invoked for this retransmission.
pub(crate) fn rescue(sent: &Sent) -> Option<usize> {
    let behind = sent.iter().rev().position(|record| !record.sacked)?;
    Some(sent.len() - 1 - behind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::seq::Seq;
    use crate::time::Instant;
    use alloc::vec::Vec;

    const MSS: u32 = 1000;

    fn flight(sacked: &[u32]) -> Sent {
        let mut sent = Sent::default();
        for i in 0..10 {
            sent.push(Seq(i * MSS), Seq((i + 1) * MSS), Instant::ZERO, Default::default(), 0);
        }
        sacked.iter().for_each(|i| _ = sent.sack(Seq(i * MSS), Seq((i + 1) * MSS), 0, |_| {}));
        sent
    }

    fn lost(sacked: &[u32]) -> Vec<u32> {
        let mut sent = flight(sacked);
        mark_lost_below_sacked(&mut sent, MSS);
        sent.iter().filter(|record| record.lost.is_some()).map(|record| record.start.0 / MSS).collect()
    }

    #[test]
    fn what_lies_below_three_sacked_segments_is_lost() {
        assert_eq!(lost(&[3, 4]), []);
        assert_eq!(lost(&[3, 4, 5]), [0, 1, 2]);
        assert_eq!(lost(&[3, 5, 9]), [0, 1, 2]);
        assert_eq!(lost(&[1, 3, 5, 9]), [0, 2]);
    }

    #[test]
    fn three_runs_are_enough_however_short() {
        let mut sent = flight(&[]);
        for start in [3000, 5000, 7000] {
            sent.sack(Seq(start), Seq(start + 10), 9, |_| {});
        }
        assert_eq!(mark_lost_below_sacked(&mut sent, MSS), 3000);
    }

    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //= type=test
    //# If the conditions for rules (1) and (2) fail, but there exists an unSACKed sequence number
    //# 'S3' that meets the criteria for detecting loss given in steps (1.a) and (1.b) above
    //# (specifically excluding step (1.c)), then one segment of up to SMSS octets starting with
    //# S3 SHOULD be returned.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //= type=test
    //# If HighACK is greater than RescueRxt (or RescueRxt is undefined), then one segment of up
    //# to SMSS octets that MUST include the highest outstanding unSACKed sequence number SHOULD
    //# be returned, and RescueRxt set to RecoveryPoint.
    #[test]
    fn the_last_resort_is_below_what_is_sacked_and_then_the_last_segment_once() {
        let mut sent = flight(&[2, 8]);
        assert_eq!(below_sacked(&sent), Some(0));
        (0..8).filter(|i| *i != 2).for_each(|i| sent.on_resent(i, Instant::ZERO, Default::default()));
        assert_eq!((below_sacked(&sent), rescue(&sent)), (None, Some(9)));
        sent.sack(Seq(9000), Seq(10_000), 0, |_| {});
        assert_eq!(rescue(&sent), Some(7));
    }

    //= https://www.rfc-editor.org/rfc/rfc6937#section-2
    //= type=test
    //# Furthermore, for any TCP (with or without SACK), the sum of DeliveredData must agree with
    //# the forward progress over the same time interval.
    #[test]
    fn a_duplicate_stands_for_a_segment_until_an_acknowledgment_names_it() {
        let mut duplicates = Duplicates::default();
        for _ in 0..3 {
            duplicates.on_duplicate();
            assert_eq!(duplicates.credit_one(9000, MSS), MSS);
        }
        assert!(duplicates.reached_threshold());
        assert_eq!(duplicates.on_advance(4000, 5000, MSS), 1000);
        assert_eq!((duplicates.credit(), duplicates.reached_threshold()), (0, false));
        duplicates.credit_one(500, MSS);
        assert_eq!(duplicates.credit(), 500, "no more than is outstanding");
    }
}
