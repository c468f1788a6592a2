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
    pub(crate) fn credit(&self) -> u32 {
        self.credit
    }

    /// DupAcks has reached DupThresh.
    pub(crate) fn reached_threshold(&self) -> bool {
        self.count >= DUPLICATE_THRESHOLD
    }

    /// A duplicate came.
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

    #[test]
    fn the_last_resort_is_below_what_is_sacked_and_then_the_last_segment_once() {
        let mut sent = flight(&[2, 8]);
        assert_eq!(below_sacked(&sent), Some(0));
        (0..8).filter(|i| *i != 2).for_each(|i| sent.on_resent(i, Instant::ZERO, Default::default()));
        assert_eq!((below_sacked(&sent), rescue(&sent)), (None, Some(9)));
        sent.sack(Seq(9000), Seq(10_000), 0, |_| {});
        assert_eq!(rescue(&sent), Some(7));
    }

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
