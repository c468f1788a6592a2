//! The scoreboard: what was sent and is not yet acknowledged, a record for each transmission.
//!
//! Owns: [`Sent`] and its [`Record`]s, in the order of their sequence numbers and without a gap from SND.UNA to SND.NXT,
//! and the sums over them from which `pipe` follows. Never decides that something is lost: it only takes it down.
//!
//! ```text
//!  snd.una                                        snd.nxt
//!     | lost, resent | sacked | lost   | in flight  |
//!     |--------------|--------|--------|------------|
//!  pipe: counted       not      not      counted
//! ```

use alloc::collections::VecDeque;

use super::rate::Stamp;
use crate::event::RetransmissionReason;
use crate::tcp::seq::Seq;
use crate::time::Instant;

/// Octets sent in one segment, or in one super-segment that the link cuts: it may be longer than SND.MSS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) start: Seq,
    pub(crate) end: Seq,
    /// When it was last sent.
    pub(crate) sent_at: Instant,
    /// What had been delivered when it was last sent.
    pub(crate) stamp: Stamp,
    /// The peer said that it has it. It may take that back (RFC 2018 §8).
    pub(crate) sacked: bool,
    /// Why it counts as lost, if it does. It still does while its retransmission is under way.
    pub(crate) lost: Option<RetransmissionReason>,
    /// A retransmission of it is under way.
    pub(crate) resent: bool,
    /// How often it was sent again.
    pub(crate) retransmissions: u8,
    /// The second part of a record that was cut.
    cut: bool,
}

impl Record {
    pub(crate) fn len(&self) -> u32 {
        self.end.octets_since(self.start)
    }

    /// Whether it waits to be sent again.
    fn is_due(&self) -> bool {
        self.lost.is_some() && !self.resent
    }
}

/// What [`Sent::sack`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sacked {
    /// Octets of which the peer now said for the first time that it has them.
    pub(crate) octets: u32,
    /// An end of the block lies inside a record that may not be cut: that record stays as it was.
    pub(crate) refused: bool,
}

/// The records of everything outstanding. Without any it holds no memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    records: VecDeque<Record>,
    sacked: u32,
    lost: u32,
    resent: u32,
    /// Records that are sacked.
    sacked_records: u32,
    /// Octets that wait to be sent again: no record is searched for while there are none.
    due: u32,
    /// No record before this waits to be sent again.
    due_from: Seq,
    /// Second parts of records that were cut.
    cuts: usize,
}

impl Sent {
    /// Octets outstanding.
    pub(crate) fn outstanding(&self) -> u32 {
        match (self.records.front(), self.records.back()) {
            (Some(first), Some(last)) => last.end.octets_since(first.start),
            _ => 0,
        }
    }

    /// Octets that are believed to be in the network.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //# This routine traverses the sequence space from HighACK to HighData
    //# and MUST set the "pipe" variable to an estimate of the number of
    //# octets that are currently in transit between the TCP sender and
    //# the TCP receiver.
    pub(crate) fn pipe(&self) -> u32 {
        // What is lost was not sacked, and what was resent is counted beside its first transmission.
        (self.outstanding() - self.sacked - self.lost).saturating_add(self.resent)
    }

    pub(crate) fn sacked(&self) -> u32 {
        self.sacked
    }

    pub(crate) fn lost(&self) -> u32 {
        self.lost
    }

    pub(crate) fn resent(&self) -> u32 {
        self.resent
    }

    /// Segments that are sacked; a record of several counts for as many as fill it.
    pub(crate) fn sacked_segments(&self, mss: u32) -> u32 {
        self.sacked_records.max(self.sacked / mss.max(1))
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn cuts(&self) -> usize {
        self.cuts
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Record> {
        self.records.get(index)
    }

    pub(crate) fn first(&self) -> Option<&Record> {
        self.records.front()
    }

    pub(crate) fn last(&self) -> Option<&Record> {
        self.records.back()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Record> + ExactSizeIterator + '_ {
        self.records.iter()
    }

    /// Takes down what was sent at `sent_at`, and `retransmissions` times before. It begins where the last record ends.
    pub(crate) fn push(&mut self, start: Seq, end: Seq, sent_at: Instant, stamp: Stamp, retransmissions: u8) {
        debug_assert!(self.records.back().is_none_or(|last| last.end == start));
        self.records.push_back(Record {
            start,
            end,
            sent_at,
            stamp,
            sacked: false,
            lost: None,
            resent: false,
            retransmissions,
            cut: false,
        });
    }

    /// Takes down that the record was sent again.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-6.1
    //# Upon transmitting a new segment or retransmitting an old segment,
    //# record the time in Segment.xmit_ts and set Segment.lost to FALSE.
    //# Upon retransmitting a segment, set Segment.retransmitted to TRUE.
    pub(crate) fn on_resent(&mut self, index: usize, now: Instant, stamp: Stamp) {
        self.change(index, |record| {
            record.resent = true;
            record.retransmissions = record.retransmissions.saturating_add(1);
            record.sent_at = now;
            record.stamp = stamp;
        });
    }

    /// Forgets what is before `ack`, and shows each record that it covers; of the last one only the part.
    pub(crate) fn acknowledge(&mut self, ack: Seq, mut delivered: impl FnMut(&Record)) {
        while let Some(first) = self.records.front() {
            if !first.start.before(ack) {
                break;
            }
            if first.end.after(ack) {
                self.cut(0, ack);
            }
            if let Some(record) = self.records.pop_front() {
                self.count(&record, false);
                self.cuts -= usize::from(record.cut);
                delivered(&record);
            }
        }
        if let Some(first) = self.records.front_mut() {
            // What it was cut from is gone.
            self.cuts -= usize::from(core::mem::take(&mut first.cut));
        } else {
            self.records = VecDeque::new();
        }
    }

    /// The peer has what is between `left` and `right`. Shows each record that this is news of. Records are cut at the
    /// ends of the block while no more than `cuts_max` were.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //# Given the information provided in an ACK, each octet that is
    //# cumulatively ACKed or SACKed should be marked accordingly in the
    //# scoreboard data structure, and the total number of octets SACKed
    //# should be recorded.
    pub(crate) fn sack(
        &mut self,
        left: Seq,
        right: Seq,
        cuts_max: usize,
        mut delivered: impl FnMut(&Record),
    ) -> Sacked {
        let mut done = Sacked::default();
        for edge in [left, right] {
            let index = self.index_of(edge);
            let inside = self.records.get(index).filter(|r| r.start.before(edge) && !r.sacked);
            if inside.is_some() && self.cuts < cuts_max {
                self.cut(index, edge);
            } else {
                done.refused |= inside.is_some();
            }
        }
        let mut index = self.index_of(left);
        while let Some(record) = self.records.get(index).copied() {
            if record.end.after(right) {
                break;
            }
            if !record.sacked && record.start.at_or_after(left) {
                delivered(&record);
                done.octets += record.len();
                self.change(index, |record| {
                    record.sacked = true;
                    record.lost = None;
                    record.resent = false;
                });
            }
            index += 1;
        }
        done
    }

    /// Marks a record lost, its retransmission too if one was under way. Says how many octets left the network by that.
    pub(crate) fn mark_lost(&mut self, index: usize, reason: RetransmissionReason) -> u32 {
        let Some(record) = self.records.get(index).copied() else { return 0 };
        if record.sacked || record.is_due() {
            return 0;
        }
        self.change(index, |record| {
            record.lost = Some(reason);
            record.resent = false;
        });
        self.due_from = if self.due == record.len() { record.start } else { self.due_from.min(record.start) };
        record.len()
    }

    /// Nothing is lost after all: what is under way again stays so.
    pub(crate) fn unmark_lost(&mut self) {
        for index in 0..self.records.len() {
            self.change(index, |record| record.lost = None);
        }
    }

    /// The peer may have dropped what it sacked: it counts as never sacked.
    pub(crate) fn unmark_sacked(&mut self) {
        for index in 0..self.records.len() {
            self.change(index, |record| record.sacked = false);
        }
    }

    /// Whether anything waits to be sent again.
    pub(crate) fn has_due(&self) -> bool {
        self.due > 0
    }

    /// The first record that waits to be sent again.
    pub(crate) fn next_due(&mut self) -> Option<usize> {
        if self.due == 0 {
            return None;
        }
        let from = self.index_of(self.due_from);
        let index = from + self.records.iter().skip(from).position(Record::is_due)?;
        self.due_from = self.records.get(index)?.start;
        Some(index)
    }

    /// The record that holds the octet at `seq`; one beyond the last where there is none.
    pub(crate) fn index_of(&self, seq: Seq) -> usize {
        self.records.partition_point(|record| record.end.at_or_before(seq))
    }

    /// Cuts a record in two at `at`, which lies inside it.
    pub(crate) fn cut(&mut self, index: usize, at: Seq) {
        let Some(record) = self.records.get_mut(index) else { return };
        debug_assert!(at.after(record.start) && at.before(record.end));
        let second = Record { start: at, cut: true, ..*record };
        record.end = at;
        self.cuts += 1;
        self.sacked_records += u32::from(second.sacked);
        self.records.insert(index + 1, second);
    }

    pub(crate) fn clear(&mut self) {
        *self = Sent::default();
    }

    /// Changes a record, and the sums with it.
    fn change(&mut self, index: usize, change: impl FnOnce(&mut Record)) {
        let Some(record) = self.records.get_mut(index) else { return };
        let before = *record;
        change(record);
        let after = *record;
        self.count(&before, false);
        self.count(&after, true);
    }

    /// Adds a record to the sums, or takes it out of them.
    fn count(&mut self, record: &Record, add: bool) {
        let len = record.len();
        let bump = |sum: &mut u32, by: u32| *sum = if add { *sum + by } else { *sum - by };
        if record.sacked {
            bump(&mut self.sacked, len);
            bump(&mut self.sacked_records, 1);
        }
        if record.lost.is_some() {
            bump(&mut self.lost, len);
        }
        if record.resent {
            bump(&mut self.resent, len);
        }
        if record.is_due() {
            bump(&mut self.due, len);
        }
    }

    /// Whether the records reach from `una` to `nxt` without a gap, and the sums are those of a recount.
    pub(crate) fn is_consistent(&self, una: Seq, nxt: Seq) -> bool {
        let mut recount = Sent::default();
        let mut at = una;
        for record in &self.records {
            if record.start != at
                || !record.end.after(at)
                || record.sacked && (record.lost.is_some() || record.resent)
            {
                return false;
            }
            recount.count(record, true);
            recount.cuts += usize::from(record.cut);
            at = record.end;
        }
        let sums =
            |sent: &Sent| (sent.sacked, sent.lost, sent.resent, sent.sacked_records, sent.due, sent.cuts);
        at == nxt && sums(&recount) == sums(self)
    }
}
