//! Reassembly: octets that came out of order wait here for the gap before them to close.
//!
//! ```text
//! rcv.nxt = 100: [150..200) [300..310)      a segment 100..160 arrives:
//! delivers 100..200, keeps [300..310)
//! ```
//!
//! Where segments overlap, what came first stays (RFC 9293 lets us choose; a later segment cannot change what an
//! earlier one said).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Range;

use crate::tcp::rest::AtRest;
use crate::tcp::seq::Seq;

/// A run of octets.
#[derive(Clone, Debug)]
struct Piece {
    start: Seq,
    octets: VecDeque<u8>,
    /// Which arrival it last grew by, or was met by.
    arrival: u64,
}

impl Piece {
    fn end(&self) -> Seq {
        self.start + self.octets.len() as u32
    }

    /// Takes the octets of `data` (at `seq`) that lie before it.
    fn prepend(&mut self, seq: Seq, data: &[u8]) {
        let len = (self.start.octets_since(seq) as usize).min(data.len());
        data.iter().take(len).rev().for_each(|octet| self.octets.push_front(*octet));
        self.start = self.start.min(seq);
    }

    /// Takes the octets of `data` (at `seq`) that lie between its end and `end`.
    fn append_up_to(&mut self, seq: Seq, data: &[u8], end: Seq) {
        let from = self.end().octets_since(seq) as usize;
        let to = (end.octets_since(seq) as usize).min(data.len());
        self.octets.extend(data.get(from..to).unwrap_or_default());
    }

    /// Takes in the one that begins where it ends. The smaller is copied to the larger, so that a peer that makes small
    /// pieces grow together cannot have a large one copied for each.
    fn join(&mut self, mut next: Piece) {
        if self.octets.len() >= next.octets.len() {
            return self.octets.append(&mut next.octets);
        }
        let first = core::mem::replace(&mut self.octets, next.octets);
        first.into_iter().rev().for_each(|octet| self.octets.push_front(octet));
    }
}

/// Octets ahead of `rcv.nxt`: pieces in order, not overlapping, not touching. No memory while there are none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assembler {
    pieces: Vec<Piece>,
    /// Segments that came out of order.
    arrivals: u64,
}

/// There are as many pieces as the limit allows, and this one closes no gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyPieces;

static NO_PIECES: Assembler = Assembler { pieces: Vec::new(), arrivals: 0 };

impl AtRest for Assembler {
    fn at_rest() -> &'static Self {
        &NO_PIECES
    }

    /// Which arrivals there were before says nothing of pieces that come later.
    fn is_at_rest(&self) -> bool {
        self.pieces.is_empty()
    }
}

impl Assembler {
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Octets held.
    pub(crate) fn len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.octets.len()).sum()
    }

    /// What is held, ascending.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<Seq>> + '_ {
        self.pieces.iter().map(|piece| piece.start..piece.end())
    }

    /// Keeps `data`, which starts at `seq`, ahead of `rcv.nxt`.
    pub(crate) fn insert(&mut self, seq: Seq, data: &[u8], limit: usize) -> Result<(), TooManyPieces> {
        let end = seq + data.len() as u32;
        self.arrivals += 1;
        let arrival = self.arrivals;
        // The pieces that touch or overlap the new one.
        let first = self.pieces.partition_point(|piece| piece.end().before(seq));
        let last = self.pieces.partition_point(|piece| piece.start.at_or_before(end));
        if first == last {
            if self.pieces.len() >= limit {
                return Err(TooManyPieces);
            }
            self.pieces.insert(first, Piece { start: seq, octets: data.iter().copied().collect(), arrival });
            return Ok(());
        }
        let mut touched = self.pieces.splice(first..last, []);
        let Some(mut merged) = touched.next() else { return Ok(()) };
        merged.prepend(seq, data);
        for piece in touched {
            merged.append_up_to(seq, data, piece.start);
            merged.join(piece);
        }
        merged.append_up_to(seq, data, end);
        merged.arrival = arrival;
        self.pieces.insert(first, merged);
        Ok(())
    }

    /// Up to `count` pieces, from the first octet to the one after the last: the one that the last segment is part of
    /// comes first, the one that was met longest ago last.
    pub(crate) fn most_recent(&self, count: usize) -> impl Iterator<Item = (Seq, Seq)> + '_ {
        let mut before = u64::MAX;
        (0..count).map_while(move |_| {
            let older = self.pieces.iter().filter(|piece| piece.arrival < before);
            let piece = older.max_by_key(|piece| piece.arrival)?;
            before = piece.arrival;
            Some((piece.start, piece.end()))
        })
    }

    /// The first run of octets from `start` to `end` that is held already.
    pub(crate) fn overlap(&self, start: Seq, end: Seq) -> Option<(Seq, Seq)> {
        let first = self.pieces.get(self.pieces.partition_point(|piece| piece.end().at_or_before(start)))?;
        first.start.before(end).then(|| (first.start.max(start), first.end().min(end)))
    }

    /// What can be delivered when everything before `nxt` is: the octets from `nxt` on, if they are here.
    pub(crate) fn take(&mut self, nxt: Seq) -> Option<Vec<u8>> {
        while self.pieces.first().is_some_and(|piece| piece.start.at_or_before(nxt)) {
            let mut piece = self.pieces.remove(0);
            let old = nxt.octets_since(piece.start) as usize;
            if old < piece.octets.len() {
                piece.octets.drain(..old);
                return Some(piece.octets.into());
            }
        }
        if self.pieces.is_empty() {
            self.pieces = Vec::new();
        }
        None
    }

    /// Forgets what is at `end` and after it.
    pub(crate) fn truncate(&mut self, end: Seq) {
        self.pieces.retain(|piece| piece.start.before(end));
        if let Some(last) = self.pieces.last_mut() {
            last.octets.truncate(end.octets_since(last.start) as usize);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.pieces = Vec::new();
    }

    /// Whether the pieces are in order and apart from each other and from `nxt`.
    pub(crate) fn is_consistent(&self, nxt: Seq) -> bool {
        self.pieces.first().is_none_or(|piece| piece.start.after(nxt))
            && self.pieces.windows(2).all(|pair| pair[0].end().before(pair[1].start))
            && self.pieces.iter().all(|piece| !piece.octets.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_gap_that_closes_delivers_what_waited() {
        let mut assembler = Assembler::default();
        assembler.insert(Seq(3), b"def", 8).unwrap();
        assembler.insert(Seq(8), b"ij", 8).unwrap();
        assert_eq!(assembler.take(Seq(0)), None);
        assert_eq!(assembler.take(Seq(4)).as_deref(), Some(&b"ef"[..]));
        assert_eq!(assembler.len(), 2);
    }

    #[test]
    fn what_came_first_stays() {
        let mut assembler = Assembler::default();
        assembler.insert(Seq(2), b"cc", 8).unwrap();
        assembler.insert(Seq(6), b"gg", 8).unwrap();
        assembler.insert(Seq(1), b"XXXXXXXX", 8).unwrap();
        assert_eq!(assembler.take(Seq(1)).as_deref(), Some(&b"XccXXggX"[..]));
    }

    #[test]
    fn the_limit_counts_pieces() {
        let mut assembler = Assembler::default();
        assembler.insert(Seq(10), b"a", 2).unwrap();
        assembler.insert(Seq(20), b"b", 2).unwrap();
        assert_eq!(assembler.insert(Seq(30), b"c", 2), Err(TooManyPieces));
        assert_eq!(assembler.insert(Seq(11), b"joins", 2), Ok(()));
    }

    #[test]
    fn what_is_truncated_is_not_delivered() {
        let mut assembler = Assembler::default();
        assembler.insert(Seq(1), b"abcd", 8).unwrap();
        assembler.insert(Seq(6), b"f", 8).unwrap();
        assembler.truncate(Seq(3));
        assert_eq!((assembler.len(), assembler.take(Seq(1)).as_deref()), (2, Some(&b"ab"[..])));
    }

    proptest! {
        /// Against an array in which each position is written once.
        #[test]
        fn any_order_gives_the_first_octets_that_came(
            base: u32,
            segments in prop::collection::vec((1u32..200, 1usize..60, any::<u8>()), 1..60),
        ) {
            let base = Seq(base);
            let (mut assembler, mut oracle) = (Assembler::default(), [None; 300]);
            for (at, len, fill) in segments {
                assembler.insert(base + at, &std::vec![fill; len], 1000).unwrap();
                for slot in &mut oracle[at as usize..at as usize + len] {
                    slot.get_or_insert(fill);
                }
                prop_assert!(assembler.is_consistent(base));
                prop_assert_eq!(assembler.len(), oracle.iter().flatten().count());
            }
            let mut at = 0;
            while at < oracle.len() {
                match assembler.take(base + at as u32) {
                    Some(octets) => {
                        for octet in octets {
                            prop_assert_eq!(Some(octet), oracle[at]);
                            at += 1;
                        }
                    }
                    None => {
                        prop_assert_eq!(oracle[at], None);
                        at += 1;
                    }
                }
            }
        }
    }
}
