//! Which SACK blocks are to be believed (RFC 2018, RFC 2883).
//!
//! Owns: [`Report`], what the SACK option of one acknowledgment says once the blocks that cannot be true are gone. Never
//! touches the scoreboard.
//!
//! ```text
//! ack 1000, sack 500:600 3000:4000 9000:9500, nxt 5000
//!   500:600    below the acknowledgment: a duplicate arrived (D-SACK)
//!   3000:4000  news for the scoreboard
//!   9000:9500  never sent: ignored
//! ```

use crate::tcp::seq::Seq;
use crate::wire::SackBlocks;

/// Sequence numbers from the first up to the second.
pub(crate) type Block = (Seq, Seq);

/// What a SACK option says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// What the peer holds beyond its acknowledgment, in the order of sequence numbers.
    blocks: [Block; SackBlocks::MAX],
    count: usize,
    /// What the peer received twice.
    pub(crate) dsack: Option<Block>,
    /// Blocks that are empty, reversed, already acknowledged, or of what was never sent.
    pub(crate) ignored: u32,
}

impl Report {
    /// Reads the blocks that came with the acknowledgment of `ack`, while everything before `una` is acknowledged and
    /// everything before `nxt` is sent.
    pub(crate) fn read(option: &SackBlocks, ack: Seq, una: Seq, nxt: Seq) -> Self {
        let mut report = Report::default();
        let blocks = option.as_slice();
        for (index, &(left, right)) in blocks.iter().enumerate() {
            let whole = left.before(right) && right.at_or_before(nxt);
            if index == 0 && whole && is_duplicate((left, right), blocks.get(1).copied(), ack) {
                report.dsack = Some((left, right));
            } else if whole && left.after(una) {
                if let Some(slot) = report.blocks.get_mut(report.count) {
                    *slot = (left, right);
                    report.count += 1;
                }
            } else {
                report.ignored += 1;
            }
        }
        // RACK takes what is told with the lowest numbers first (RFC 8985 §6.2): the peer puts the latest first, and
        // what it tells after that was not reordered because of it.
        if let Some(blocks) = report.blocks.get_mut(..report.count) {
            blocks.sort_unstable_by_key(|(left, _)| left.octets_since(una));
        }
        report
    }

    pub(crate) fn blocks(&self) -> &[Block] {
        self.blocks.get(..self.count).unwrap_or_default()
    }
}

/// Whether the first block reports a duplicate: by RFC 2883 it lies below the acknowledgment, or within the second block.
//= https://www.rfc-editor.org/rfc/rfc2883#section-5
//# An implementation MUST NOT compare the sequence space in the SACK block to the TCP state
//# variable snd.una (which carries the total cumulative ACK), as this may result in the wrong
//# conclusion if ACK packets are reordered.
fn is_duplicate((left, right): Block, second: Option<Block>, ack: Seq) -> bool {
    //= https://www.rfc-editor.org/rfc/rfc2883#section-5
    //# In order for the sender to check that the first (D)SACK block of an
    //# acknowledgement in fact acknowledges duplicate data, the sender
    //# should compare the sequence space in the first SACK block to the
    //# cumulative ACK which is carried IN THE SAME PACKET.
    let below = left.before(ack) && right.at_or_before(ack);
    below || second.is_some_and(|(l, r)| left.at_or_after(l) && right.at_or_before(r))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(blocks: &[(u32, u32)], ack: u32) -> Report {
        let option: SackBlocks = blocks.iter().map(|&(l, r)| (Seq(l), Seq(r))).collect();
        Report::read(&option, Seq(ack), Seq(1000), Seq(5000))
    }

    #[test]
    fn blocks_beyond_the_acknowledgment_are_news() {
        let report = read(&[(3000, 4000), (1500, 2000)], 1000);
        assert_eq!(report.blocks(), [(Seq(1500), Seq(2000)), (Seq(3000), Seq(4000))]);
        assert_eq!((report.dsack, report.ignored), (None, 0));
    }

    #[test]
    fn blocks_that_cannot_be_true_are_ignored_and_counted() {
        // Reversed, empty, never sent, partly never sent.
        let report = read(&[(4000, 3000), (3000, 3000), (6000, 7000), (4500, 5001)], 1000);
        assert_eq!((report.blocks(), report.ignored), (&[][..], 4));
        // What begins where everything is missing is acknowledged, not sacked.
        assert_eq!(read(&[(1000, 2000)], 1000).ignored, 1);
    }

    #[test]
    fn the_first_block_may_report_a_duplicate() {
        assert_eq!(read(&[(500, 600), (3000, 4000)], 1000).dsack, Some((Seq(500), Seq(600))));
        assert_eq!(read(&[(3200, 3400), (3000, 4000)], 1000).dsack, Some((Seq(3200), Seq(3400))));
        assert_eq!(read(&[(3000, 4000), (500, 600)], 1000).dsack, None);
        assert_eq!(read(&[(3000, 4000), (500, 600)], 1000).ignored, 1);
    }

    //= https://www.rfc-editor.org/rfc/rfc2883#section-5
    //= type=test
    //# An implementation MUST NOT compare the sequence space in the SACK block to the TCP state
    //# variable snd.una (which carries the total cumulative ACK), as this may result in the wrong
    //# conclusion if ACK packets are reordered.
    #[test]
    fn a_late_acknowledgment_is_measured_by_its_own_number() {
        // Sent when 700 was acknowledged: what lay beyond that is acknowledged by now, and no duplicate.
        let report = read(&[(800, 900)], 700);
        assert_eq!((report.dsack, report.ignored), (None, 1));
    }
}
