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
use crate::tcp::spares::Spares;
use crate::time::Instant;
use crate::wire::SackBlocks;

/// Octets sent in one segment, or in one super-segment that was cut on its way out: it may be longer than SND.MSS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) start: Seq,
    pub(crate) end: Seq,
    /// When it was last sent.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-4
    //# 2. For each data segment sent, the sender MUST store its most recent transmission time
    //# with a timestamp whose granularity is finer than 1/4 of the minimum RTT of the connection.
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
    /// The second part of a segment that was cut.
    cut: bool,
    /// Octets of each of the segments that it is of; 0: it is of one.
    each: u16,
}

impl Record {
    pub(crate) fn len(&self) -> u32 {
        self.end.octets_since(self.start)
    }

    /// The segments that it is of.
    pub(crate) fn segments(&self) -> usize {
        self.len().checked_div(self.each.into()).map_or(1, |full| full.max(1) as usize)
    }

    /// Whether one of its segments ends at `at`, and another begins.
    fn is_between_segments(&self, at: Seq) -> bool {
        at.octets_since(self.start).checked_rem(self.each.into()) == Some(0)
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

/// The records of everything outstanding.
//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//# For the purposes of the algorithm defined in this document, the scoreboard SHOULD
//# implement the following functions:
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    records: VecDeque<Record>,
    /// The segments that the records are of.
    segments: usize,
    sacked: u32,
    lost: u32,
    resent: u32,
    /// Records that are sacked.
    sacked_records: u32,
    /// Octets that wait to be sent again: no record is searched for while there are none.
    due: u32,
    /// No record before this waits to be sent again.
    due_from: Seq,
    /// Second parts of segments that were cut.
    cuts: usize,
    /// Blocks of which every record is sacked, the latest first: a peer repeats its blocks with each acknowledgment, and a
    /// long one is not to be walked again for the segment by which it grew.
    known: [Option<(Seq, Seq)>; KNOWN_BLOCKS],
}

/// As many as an option can hold.
const KNOWN_BLOCKS: usize = SackBlocks::MAX;

impl Sent {
    /// Nothing is outstanding.
    pub(crate) const EMPTY: Self = Sent {
        records: VecDeque::new(),
        segments: 0,
        sacked: 0,
        lost: 0,
        resent: 0,
        sacked_records: 0,
        due: 0,
        due_from: Seq(0),
        cuts: 0,
        known: [None; KNOWN_BLOCKS],
    };

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

    /// Segments outstanding, and the parts of those that were cut.
    pub(crate) fn segments(&self) -> usize {
        self.segments
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Record> {
        self.records.get(index)
    }

    pub(crate) fn first(&self) -> Option<&Record> {
        self.records.front()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Record> + ExactSizeIterator + '_ {
        self.records.iter()
    }

    /// Takes memory from the spare one.
    pub(crate) fn borrow(&mut self, spares: &mut Spares) {
        spares.lend_records(&mut self.records);
    }

    /// Gives its memory back, where nothing is outstanding.
    pub(crate) fn give_back(&mut self, spares: &mut Spares) {
        if self.records.is_empty() {
            spares.take_records(&mut self.records);
        }
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
            each: 0,
        });
        self.segments += 1;
    }

    /// What was taken down last is of segments of `each` octets.
    pub(crate) fn last_is_of(&mut self, each: u16) {
        let Some(last) = self.records.back_mut() else { return };
        self.segments -= last.segments();
        last.each = each;
        self.segments += last.segments();
    }

    /// Takes down that the record was sent again. Of one that was sacked the peer is not believed any more to have it.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-6.1
    //# Upon transmitting a new segment or retransmitting an old segment,
    //# record the time in Segment.xmit_ts and set Segment.lost to FALSE.
    //# Upon retransmitting a segment, set Segment.retransmitted to TRUE.
    pub(crate) fn on_resent(&mut self, index: usize, now: Instant, stamp: Stamp) {
        if self.records.get(index).is_some_and(|record| record.sacked) {
            self.known = Default::default();
        }
        self.change(index, |record| {
            record.sacked = false;
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
                self.segments -= record.segments();
                delivered(&record);
            }
        }
        for known in &mut self.known {
            // Of what is acknowledged nothing is sacked; and its numbers come round again.
            *known = known.filter(|(_, right)| right.after(ack));
        }
        if let Some(first) = self.records.front_mut() {
            // What it was cut from is gone.
            self.cuts -= usize::from(core::mem::take(&mut first.cut));
        }
    }

    /// The peer has what is between `left` and `right`. Shows each record that this is news of. Segments are cut at the
    /// ends of the block while no more than `cuts_max` were.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //# Given the information provided in an ACK, each octet that is
    //# cumulatively ACKed or SACKed should be marked accordingly in the
    //# scoreboard data structure, and the total number of octets SACKed
    //# should be recorded.
    //= https://www.rfc-editor.org/rfc/rfc2018#section-5
    //# When receiving an ACK containing a SACK option, the data sender SHOULD record the
    //# selective acknowledgment for future reference.
    pub(crate) fn sack(
        &mut self,
        left: Seq,
        right: Seq,
        cuts_max: usize,
        mut delivered: impl FnMut(&Record),
    ) -> Sacked {
        let mut done = Sacked::default();
        let from = self.walked_to(left, right);
        for edge in [left, right] {
            let index = self.index_of(edge);
            let inside = self.records.get(index).filter(|r| r.start.before(edge) && !r.sacked);
            let Some(record) = inside else { continue };
            if record.is_between_segments(edge) || self.cuts < cuts_max {
                self.cut(index, edge);
            } else {
                done.refused = true;
            }
        }
        let mut index = self.index_of(from);
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
        if !done.refused {
            self.remember(left, right);
        }
        done
    }

    /// From where on a block may hold what is not sacked: a known one that begins with it was walked to its end.
    fn walked_to(&self, left: Seq, right: Seq) -> Seq {
        let inside = |known: &&(Seq, Seq)| known.0.at_or_before(left) && known.1.at_or_after(left);
        let furthest = self.known.iter().flatten().filter(inside).map(|known| known.1);
        furthest.fold(left, Seq::max).min(right)
    }

    /// Every record between `left` and `right` is sacked.
    fn remember(&mut self, left: Seq, right: Seq) {
        let covered = |known: &Option<(Seq, Seq)>| {
            known.is_none_or(|(known_left, known_right)| {
                left.at_or_before(known_left) && known_right.at_or_before(right)
            })
        };
        // In the place of one that it covers, or else of the oldest.
        let place = self.known.iter().position(covered).unwrap_or(KNOWN_BLOCKS - 1);
        if let Some(before) = self.known.get_mut(..=place) {
            before.rotate_right(1);
        }
        if let Some(first) = self.known.first_mut() {
            *first = Some((left, right));
        }
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
        self.known = Default::default();
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
        self.segments -= record.segments();
        let between = record.is_between_segments(at);
        let second =
            Record { start: at, cut: !between, each: if between { record.each } else { 0 }, ..*record };
        record.end = at;
        self.segments += record.segments() + second.segments();
        self.cuts += usize::from(!between);
        self.sacked_records += u32::from(second.sacked);
        self.records.insert(index + 1, second);
    }

    /// Joins to a record what follows and waits to be sent again like it, up to `len` octets in all.
    pub(crate) fn fill(&mut self, index: usize, len: u32) {
        while let (Some(record), Some(next)) = (self.records.get(index), self.records.get(index + 1)) {
            let room = len.saturating_sub(record.len());
            if room == 0 || !record.is_due() || !next.is_due() {
                return;
            }
            if next.len() > room {
                let at = next.start + room;
                self.cut(index + 1, at);
            }
            let Some(next) = self.records.remove(index + 1) else { return };
            self.cuts -= usize::from(next.cut);
            self.segments -= next.segments();
            if let Some(record) = self.records.get_mut(index) {
                self.segments -= record.segments();
                self.segments += 1;
                record.end = next.end;
                // They go again as one.
                record.each = 0;
                record.retransmissions = record.retransmissions.max(next.retransmissions);
            }
        }
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
            recount.segments += record.segments();
            at = record.end;
        }
        let sums = |sent: &Sent| {
            let Sent { segments, sacked, lost, resent, sacked_records, due, cuts, .. } = *sent;
            (segments, sacked, lost, resent, sacked_records, due, cuts)
        };
        at == nxt && sums(&recount) == sums(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const REASON: RetransmissionReason = RetransmissionReason::Rack;

    /// Ten segments of 1000 octets from 0 on.
    fn flight() -> Sent {
        let mut sent = Sent::default();
        (0..10)
            .for_each(|i| sent.push(Seq(i * 1000), Seq(i * 1000 + 1000), Instant::ZERO, Stamp::default(), 0));
        sent
    }

    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //= type=test
    //# This routine traverses the sequence space from HighACK to HighData and MUST set the "pipe"
    //# variable to an estimate of the number of octets that are currently in transit between the
    //# TCP sender and the TCP receiver.
    #[test]
    fn pipe_leaves_out_what_is_sacked_or_lost_and_counts_what_went_again() {
        let mut sent = flight();
        assert_eq!(sent.sack(Seq(2000), Seq(5000), 0, |_| {}).octets, 3000);
        assert_eq!(sent.pipe(), 7000);
        assert_eq!(sent.mark_lost(0, REASON) + sent.mark_lost(1, REASON), 2000);
        assert_eq!(sent.mark_lost(2, REASON), 0, "what is sacked is not lost");
        assert_eq!((sent.pipe(), sent.next_due()), (5000, Some(0)));
        sent.on_resent(0, Instant::ZERO, Stamp::default());
        assert_eq!((sent.pipe(), sent.next_due()), (6000, Some(1)));
        assert_eq!(sent.mark_lost(0, REASON), 1000, "its retransmission");
        assert_eq!((sent.pipe(), sent.next_due()), (5000, Some(0)));
        sent.acknowledge(Seq(6500), |_| {});
        assert_eq!((sent.pipe(), sent.outstanding(), sent.next_due()), (3500, 3500, None));
        assert!(sent.is_consistent(Seq(6500), Seq(10_000)));
    }

    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //= type=test
    //# Note: SACK information is advisory and therefore SACKed data MUST
    //# NOT be removed from the TCP's retransmission buffer until the data
    //# is cumulatively acknowledged [RFC2018].
    #[test]
    fn what_the_peer_takes_back_counts_as_never_sacked() {
        let mut sent = flight();
        sent.sack(Seq(0), Seq(9000), 0, |_| {});
        sent.unmark_sacked();
        assert_eq!((sent.pipe(), sent.sacked(), sent.outstanding()), (10_000, 0, 10_000));
    }

    #[test]
    fn a_block_cuts_records_only_while_it_may() {
        let mut sent = flight();
        let both = sent.sack(Seq(1500), Seq(3500), 2, |_| {});
        assert_eq!((both, sent.len()), (Sacked { octets: 2000, refused: false }, 12));
        let neither = sent.sack(Seq(5500), Seq(7500), 2, |_| {});
        assert_eq!((neither, sent.len()), (Sacked { octets: 1000, refused: true }, 12));
        sent.acknowledge(Seq(4000), |_| {});
        assert!(!sent.sack(Seq(8500), Seq(9000), 2, |_| {}).refused, "those that were cut are gone");
    }

    #[test]
    fn between_two_segments_of_a_record_nothing_is_cut_in_two() {
        let mut sent = Sent::default();
        sent.push(Seq(0), Seq(10_001), Instant::ZERO, Stamp::default(), 0);
        sent.last_is_of(1000);
        assert_eq!(sent.segments(), 10);
        let between = sent.sack(Seq(2000), Seq(3000), 0, |_| {});
        assert_eq!((between, sent.len(), sent.segments()), (Sacked { octets: 1000, refused: false }, 3, 10));
        assert!(sent.sack(Seq(4500), Seq(6000), 0, |_| {}).refused);
        assert!(!sent.sack(Seq(4500), Seq(4600), 2, |_| {}).refused);
        assert!(sent.sack(Seq(8000), Seq(8500), 2, |_| {}).refused, "of what was cut nobody knows");
        sent.acknowledge(Seq(10_001), |_| {});
        assert_eq!((sent.segments(), sent.cuts), (0, 0));
    }

    #[test]
    fn an_idle_scoreboard_holds_no_memory() {
        let (mut sent, mut spares) = (flight(), Spares::default());
        sent.acknowledge(Seq(9_000), |_| {});
        sent.give_back(&mut spares);
        assert!(sent.records.capacity() > 0, "something is outstanding");
        sent.acknowledge(Seq(10_000), |_| {});
        sent.give_back(&mut spares);
        assert_eq!((sent.records.capacity(), sent.pipe()), (0, 0));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u32, u16),
        Acknowledge(u32),
        Sack(u32, u32),
        Lose(u32),
        Resend,
        Fill(u32),
        UnmarkLost,
        UnmarkSacked,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1u32..40, 0u16..20).prop_map(|(len, each)| Step::Push(len, each)),
            2 => (0u32..60).prop_map(Step::Acknowledge),
            4 => (0u32..200, 1u32..60).prop_map(|(from, len)| Step::Sack(from, len)),
            3 => (0u32..40).prop_map(Step::Lose),
            3 => Just(Step::Resend),
            1 => (0u32..50).prop_map(Step::Fill),
            1 => Just(Step::UnmarkLost),
            1 => Just(Step::UnmarkSacked),
        ]
    }

    /// An octet as the oracle knows it.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    struct Octet {
        sacked: bool,
        lost: bool,
        resent: bool,
    }

    #[test]
    fn a_block_that_grew_is_walked_from_where_it_ended_until_the_peer_takes_it_back() {
        let mut sent = flight();
        sent.sack(Seq(2000), Seq(5000), 0, |_| {});
        sent.sack(Seq(7000), Seq(8000), 0, |_| {});
        assert_eq!(sent.walked_to(Seq(2000), Seq(6000)), Seq(5000));
        assert_eq!(sent.walked_to(Seq(3000), Seq(4000)), Seq(4000));
        assert_eq!(sent.walked_to(Seq(6000), Seq(8000)), Seq(6000));
        assert_eq!(sent.sack(Seq(2000), Seq(6000), 0, |_| {}).octets, 1000);
        assert_eq!(sent.walked_to(Seq(2000), Seq(9000)), Seq(6000));
        // A probe sends again what was sacked: it is not known any more.
        sent.on_resent(3, Instant::ZERO, Stamp::default());
        assert_eq!(sent.sack(Seq(2000), Seq(6000), 0, |_| {}).octets, 1000);
        sent.unmark_sacked();
        assert_eq!(sent.sack(Seq(2000), Seq(6000), 0, |_| {}).octets, 4000);
        sent.acknowledge(Seq(6000), |_| {});
        assert_eq!(sent.walked_to(Seq(2000), Seq(6000)), Seq(2000));
    }

    proptest! {
        /// Against a list of single octets; sequence numbers wrap on the way.
        //= https://www.rfc-editor.org/rfc/rfc6675#section-4
        //= type=test
        //# For the purposes of the algorithm defined in this document, the scoreboard SHOULD
        //# implement the following functions:
        #[test]
        fn the_records_say_of_each_octet_what_a_list_of_octets_does(
            start: u32,
            steps in prop::collection::vec(step(), 1..80),
        ) {
            let (mut una, mut nxt) = (Seq(start), Seq(start));
            let (mut sent, mut octets) = (Sent::default(), Vec::<Octet>::new());
            for step in steps {
                match step {
                    Step::Push(len, each) => {
                        sent.push(nxt, nxt + len, Instant::ZERO, Stamp::default(), 0);
                        sent.last_is_of(each);
                        octets.extend((0..len).map(|_| Octet::default()));
                        nxt += len;
                    }
                    Step::Acknowledge(len) => {
                        let len = len.min(octets.len() as u32);
                        let mut shown = 0;
                        sent.acknowledge(una + len, |record| shown += record.len());
                        prop_assert_eq!(shown, len);
                        octets.drain(..len as usize);
                        una += len;
                    }
                    Step::Sack(from, len) => {
                        let from = from.min(octets.len() as u32);
                        let to = (from + len).min(octets.len() as u32);
                        let news = octets[from as usize..to as usize].iter().filter(|o| !o.sacked).count();
                        let sacked = sent.sack(una + from, una + to, usize::MAX, |_| {});
                        prop_assert_eq!(sacked, Sacked { octets: news as u32, refused: false });
                        octets[from as usize..to as usize].fill(Octet { sacked: true, ..Octet::default() });
                    }
                    Step::Lose(index) => {
                        let Some(record) = sent.get(index as usize).copied() else { continue };
                        sent.mark_lost(index as usize, REASON);
                        for at in 0..record.len() {
                            let octet = &mut octets[(record.start.octets_since(una) + at) as usize];
                            if !octet.sacked {
                                *octet = Octet { lost: true, ..Octet::default() };
                            }
                        }
                    }
                    Step::Resend => {
                        let due = octets.iter().position(|octet| octet.lost && !octet.resent);
                        let index = sent.next_due();
                        let record = index.and_then(|index| sent.get(index)).copied();
                        prop_assert_eq!(record.map(|r| r.start), due.map(|at| una + at as u32));
                        if let (Some(index), Some(record)) = (index, record) {
                            sent.on_resent(index, Instant::ZERO, Stamp::default());
                            let at = record.start.octets_since(una) as usize;
                            octets[at..at + record.len() as usize].iter_mut().for_each(|o| o.resent = true);
                        }
                    }
                    Step::Fill(len) => {
                        if let Some(index) = sent.next_due() {
                            sent.fill(index, len);
                        }
                    }
                    Step::UnmarkLost => {
                        sent.unmark_lost();
                        octets.iter_mut().for_each(|octet| octet.lost = false);
                    }
                    Step::UnmarkSacked => {
                        sent.unmark_sacked();
                        octets.iter_mut().for_each(|octet| octet.sacked = false);
                    }
                }
                prop_assert!(sent.is_consistent(una, nxt));
                let count = |which: fn(&Octet) -> bool| octets.iter().filter(|o| which(o)).count() as u32;
                prop_assert_eq!(sent.sacked(), count(|o| o.sacked));
                prop_assert_eq!(sent.lost(), count(|o| o.lost));
                let pipe = count(|o| !o.sacked && !o.lost) + count(|o| o.resent);
                prop_assert_eq!(sent.pipe(), pipe);
            }
        }
    }
}
