//! Selective acknowledgments that we send: which blocks, in which order (RFC 2018), duplicates first (RFC 2883).
//!
//! Owns: [`SackReport`], the one duplicate that waits to be told. The blocks themselves are what the assembler holds at
//! the moment of sending, so that they are never wrong. What the peer's blocks mean is `recovery/`'s business.
//!
//! ```text
//! rcv.nxt = 100, held [200..300) [400..500), and 250..260 comes again:
//! ack 100, sack 250:260 200:300 400:500
//! ```

use super::assembler::Assembler;
use crate::tcp::seq::Seq;
use crate::wire::SackBlocks;

/// What is to be told besides the pieces that are held.
#[derive(Clone, Debug, Default)]
pub(crate) struct SackReport {
    /// Octets that came again, from the first to the one after the last.
    duplicate: Option<(Seq, Seq)>,
}

impl SackReport {
    /// The segment at hand brought octets that were here already. Of several runs in one segment the first is told.
    //= https://www.rfc-editor.org/rfc/rfc2883#section-4
    //# A D-SACK block is only used to report a duplicate contiguous
    //# sequence of data received by the receiver in the most recent packet.
    pub(crate) fn on_duplicate(&mut self, left: Seq, right: Seq) {
        self.duplicate.get_or_insert((left, right));
    }

    /// Whether a duplicate waits to be told.
    pub(crate) fn is_due(&self) -> bool {
        self.duplicate.is_some()
    }

    /// An acknowledgment with the blocks was sent.
    //= https://www.rfc-editor.org/rfc/rfc2883#section-4
    //# Each duplicate contiguous sequence of data received is reported
    //# in at most one D-SACK block.
    pub(crate) fn sent(&mut self) {
        self.duplicate = None;
    }

    /// The blocks of an acknowledgment, at most `room`: the duplicate, then what the last segment is part of, then the
    /// others, the most recent ones first.
    //= https://www.rfc-editor.org/rfc/rfc2883#section-4
    //# When D-SACK is used, the
    //# first block of the SACK option should be a D-SACK block specifying
    //# the sequence numbers for the duplicate segment that triggers the
    //# acknowledgement.
    //= https://www.rfc-editor.org/rfc/rfc2018#section-4
    //# The first SACK block (i.e., the one immediately following the
    //# kind and length fields in the option) MUST specify the contiguous
    //# block of data containing the segment which triggered this ACK,
    //# unless that segment advanced the Acknowledgment Number field in
    //# the header.
    //= https://www.rfc-editor.org/rfc/rfc2018#section-4
    //# The data receiver SHOULD include as many distinct SACK blocks as
    //# possible in the SACK option.
    //= https://www.rfc-editor.org/rfc/rfc2018#section-4
    //# The SACK option SHOULD be filled out by repeating the most recently reported SACK blocks
    //# (based on first SACK blocks in previous SACK options) that are not subsets of a SACK block
    //# already included in the SACK option being constructed.
    //= https://www.rfc-editor.org/rfc/rfc2018#section-8
    //# The first SACK block MUST reflect the newest segment.
    //= https://www.rfc-editor.org/rfc/rfc2018#section-8
    //# Except for the newest segment, all SACK blocks MUST NOT report any old data which is no
    //# longer actually held by the receiver.
    pub(crate) fn blocks(&self, held: &Assembler, room: usize) -> SackBlocks {
        self.duplicate.into_iter().chain(held.most_recent(room)).take(room).collect()
    }
}
