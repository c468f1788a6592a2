//! The send buffer: octets from `start` on, the first of them the oldest unacknowledged one.
//!
//! They lie in pieces, as they came. What came with its memory stays where it is; what was copied fills pieces of up to
//! [`PIECE_MAX`] octets, whose memory is that of the ones acknowledged last, and so in the cache still:
//!
//! ```text
//! push(100 octets), take(70,000), push(10)   [100 ....] [70,000] [10 ....]
//! slice(una + 50, 1000)                          [50]   [950]
//! acknowledge(una + 100)                                [70,000] [10 ....]
//! ```

use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::tcp::seq::Seq;
use crate::tcp::spares::Spares;

/// Octets that the user gives.
#[derive(Debug)]
pub(crate) enum Given<'a> {
    /// To be copied.
    Lent(&'a [u8]),
    /// With their memory, which is gone if they are taken all; the others stay as they are.
    Owned(&'a mut Vec<u8>),
    /// That are always there.
    Static(&'static [u8]),
}

impl Given<'_> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Given::Lent(octets) => octets,
            Given::Owned(octets) => octets,
            Given::Static(octets) => octets,
        }
    }
}

/// Octets taken from the user. No memory until there are some.
#[derive(Clone, Debug)]
pub(crate) struct SendBuffer {
    /// The sequence number of the first octet.
    start: Seq,
    len: u32,
    /// In order, without gaps. The first may begin before `start`.
    pieces: VecDeque<Piece>,
}

/// Octets that lie together.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    start: Seq,
    octets: Cow<'static, [u8]>,
    /// Its memory is the buffer's own, and more may be copied behind these.
    own: bool,
}

impl Piece {
    fn end(&self) -> Seq {
        self.start + self.octets.len() as u32
    }
}

impl SendBuffer {
    pub(crate) fn new(start: Seq) -> Self {
        SendBuffer { start, len: 0, pieces: VecDeque::new() }
    }

    pub(crate) fn start(&self) -> Seq {
        self.start
    }

    /// The sequence number after the last octet.
    pub(crate) fn end(&self) -> Seq {
        self.start + self.len
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Takes as much of what is given as leaves no more than `capacity` octets, and says how much.
    pub(crate) fn push(&mut self, given: Given<'_>, capacity: u32, spares: &mut Spares) -> usize {
        let room = capacity.saturating_sub(self.len) as usize;
        let taken = given.as_slice().len().min(room);
        match given {
            Given::Static(octets) if taken >= KEPT_MIN => {
                self.add(Cow::Borrowed(octets.get(..taken).unwrap_or(octets)), false, spares);
            }
            // One that has room to spare would have it held for as long.
            Given::Owned(octets) if taken >= KEPT_MIN && taken == octets.len() && is_full(octets) => {
                self.add(Cow::Owned(core::mem::take(octets)), false, spares);
            }
            given => self.copy(given.as_slice().get(..taken).unwrap_or_default(), capacity, spares),
        }
        taken
    }

    fn copy(&mut self, mut octets: &[u8], capacity: u32, spares: &mut Spares) {
        // A small buffer has small pieces: one stays until all of it is acknowledged.
        let most = PIECE_MAX.min(capacity as usize);
        while !octets.is_empty() {
            let last = match self.pieces.back_mut() {
                Some(Piece { octets: Cow::Owned(last), own: true, .. }) if last.len() < most => last,
                _ => {
                    let memory = spares.piece(most as u32);
                    self.add(Cow::Owned(memory), true, spares);
                    continue;
                }
            };
            let (now, later) = octets.split_at(octets.len().min(most - last.len()));
            last.extend_from_slice(now);
            self.len += now.len() as u32;
            octets = later;
        }
    }

    fn add(&mut self, octets: Cow<'static, [u8]>, own: bool, spares: &mut Spares) {
        spares.lend_pieces(&mut self.pieces);
        let start = self.end();
        self.len += octets.len() as u32;
        self.pieces.push_back(Piece { start, octets, own });
    }

    /// Forgets what is before `una`, and says how many octets that were.
    //= https://www.rfc-editor.org/rfc/rfc2018#section-8
    //# Since the data receiver may later discard data reported in a SACK option, the sender MUST
    //# NOT discard data before it is acknowledged by the Acknowledgment Number field in the TCP
    //# header.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //# Note: SACK information is advisory and therefore SACKed data MUST NOT be removed from the
    //# TCP's retransmission buffer until the data is cumulatively acknowledged [RFC2018].
    pub(crate) fn acknowledge(&mut self, una: Seq, spares: &mut Spares) -> u32 {
        let acked = una.octets_since(self.start).min(self.len);
        self.start += acked;
        self.len -= acked;
        while let Some(first) = self.pieces.pop_front_if(|first| first.end().at_or_before(self.start)) {
            if let Piece { octets: Cow::Owned(octets), own: true, .. } = first {
                spares.take_piece(octets);
            }
        }
        if self.pieces.is_empty() {
            // An idle connection keeps no memory.
            spares.take_pieces(&mut self.pieces);
        }
        acked
    }

    /// `len` octets from `seq` on, in the parts in which they lie. `near`: the piece that they may begin in, and afterwards
    /// the one that they do begin in.
    pub(crate) fn slice(&self, seq: Seq, len: u32, near: &mut usize) -> impl Iterator<Item = &[u8]> + Clone {
        let from = seq.max(self.start);
        let to = (from + len).min(self.end());
        let begins = |piece: &Piece| piece.start.at_or_before(from) && from.before(piece.end());
        if !self.pieces.get(*near).is_some_and(begins) {
            *near = self.pieces.partition_point(|piece| piece.end().at_or_before(from));
        }
        let first = *near;
        let reached = self.pieces.iter().skip(first).take_while(move |piece| piece.start.before(to));
        reached.filter_map(move |piece| {
            let begin = from.octets_since(piece.start) as usize;
            let end = to.octets_since(piece.start) as usize;
            piece.octets.get(begin..end.min(piece.octets.len()))
        })
    }

    /// Gives back the memory that nothing is in, or nothing that is not acknowledged.
    pub(crate) fn rest(&mut self) {
        self.pieces.shrink_to_fit();
        if let Some(Piece { start, octets: Cow::Owned(first), .. }) = self.pieces.front_mut() {
            first.drain(..self.start.octets_since(*start) as usize);
            *start = self.start;
        }
        for piece in &mut self.pieces {
            if let Cow::Owned(octets) = &mut piece.octets {
                octets.shrink_to_fit();
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = SendBuffer::new(self.end());
    }
}

/// Whether nearly all of its memory is in use.
fn is_full(octets: &Vec<u8>) -> bool {
    octets.capacity() - octets.len() <= octets.len() / 4
}

/// Octets that are worth a piece of their own: fewer are copied sooner than looked after.
const KEPT_MIN: usize = 4096;
/// Octets in a piece that copies fill.
const PIECE_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    static OCTETS: [u8; 400_000] = {
        let mut octets = [0; 400_000];
        let mut at = 0;
        while at < octets.len() {
            octets[at] = (at % 251) as u8;
            at += 1;
        }
        octets
    };

    fn all_of<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        parts.flatten().copied().collect()
    }

    proptest! {
        /// Against a plain list of all octets ever taken, of which each is given in one of the three ways.
        #[test]
        fn it_keeps_what_is_between_una_and_the_end(
            start: u32,
            steps in prop::collection::vec((0..3, 0usize..400, 0u32..400, 0u32..400, 0u32..400), 1..60),
            scale in prop::sample::select(vec![1, 30, 1000]),
        ) {
            let (start, capacity) = (Seq(start), 700 * scale);
            let (mut buffer, mut all) = (SendBuffer::new(start), Vec::new());
            let mut spares = Spares::default();
            let (mut una, mut near) = (0u32, 0);
            for (way, push, ack, offset, len) in steps {
                let [push, ack, offset, len] = [push as u32, ack, offset, len].map(|n| n * scale);
                let data = &OCTETS[push as usize % 13..][..push as usize];
                let mut owned = data.to_vec();
                let given = match way {
                    0 => Given::Lent(data),
                    1 => Given::Owned(&mut owned),
                    _ => Given::Static(data),
                };
                let taken = buffer.push(given, capacity, &mut spares);
                prop_assert_eq!(taken, push.min(capacity - (all.len() as u32 - una)) as usize);
                prop_assert!(owned == data || owned.is_empty() && taken == data.len());
                all.extend(&data[..taken]);
                let acked = ack.min(all.len() as u32 - una);
                prop_assert_eq!(buffer.acknowledge(start + una + ack, &mut spares), acked);
                una += acked;
                let from = (una + offset).min(all.len() as u32);
                let to = (from + len).min(all.len() as u32);
                prop_assert_eq!(all_of(buffer.slice(start + from, len, &mut near)), &all[from as usize..to as usize]);
                prop_assert_eq!(buffer.end(), start + all.len() as u32);
                prop_assert!(buffer.pieces.iter().all(|piece| !piece.octets.is_empty()));
            }
        }
    }

    #[test]
    fn what_comes_with_its_memory_stays_where_it_is() {
        let (mut buffer, mut spares) = (SendBuffer::new(Seq(0)), Spares::default());
        let mut owned = OCTETS[..10_000].to_vec();
        let place = owned.as_ptr();
        assert_eq!(buffer.push(Given::Owned(&mut owned), u32::MAX, &mut spares), 10_000);
        assert_eq!(buffer.push(Given::Static(&OCTETS), u32::MAX, &mut spares), OCTETS.len());
        let places: Vec<_> = buffer.slice(Seq(0), u32::MAX >> 1, &mut 0).map(<[u8]>::as_ptr).collect();
        assert_eq!(places, [place, OCTETS.as_ptr()]);
    }

    #[test]
    fn what_has_no_room_is_left() {
        let (mut buffer, mut spares) = (SendBuffer::new(Seq(0)), Spares::default());
        let mut owned = OCTETS[..10_000].to_vec();
        assert_eq!(buffer.push(Given::Owned(&mut owned), 8000, &mut spares), 8000);
        assert_eq!(owned, &OCTETS[..10_000]);
        assert_eq!(all_of(buffer.slice(Seq(0), 10_000, &mut 0)), &OCTETS[..8000]);
    }

    #[test]
    fn little_is_kept_with_much_memory_nowhere() {
        let (mut buffer, mut spares) = (SendBuffer::new(Seq(0)), Spares::default());
        let mut owned = Vec::with_capacity(1 << 20);
        owned.extend_from_slice(&OCTETS[..KEPT_MIN]);
        buffer.push(Given::Owned(&mut owned), u32::MAX, &mut spares);
        let held = |buffer: &SendBuffer| match &buffer.pieces[0].octets {
            Cow::Owned(octets) => octets.capacity(),
            Cow::Borrowed(_) => 0,
        };
        assert_eq!(held(&buffer), KEPT_MIN);
        buffer.push(Given::Static(&OCTETS[..KEPT_MIN]), u32::MAX, &mut spares);
        buffer.acknowledge(Seq(100), &mut spares);
        buffer.rest();
        assert_eq!((buffer.pieces.len(), held(&buffer)), (2, KEPT_MIN - 100));
        assert_eq!(
            all_of(buffer.slice(Seq(100), KEPT_MIN as u32, &mut 0)),
            [&OCTETS[100..KEPT_MIN], &OCTETS[..100]].concat()
        );
    }

    #[test]
    fn a_small_buffer_that_is_never_empty_stays_small() {
        let (mut buffer, mut spares) = (SendBuffer::new(Seq(0)), Spares::default());
        for _ in 0..10_000 {
            buffer.push(Given::Lent(&OCTETS[..100]), 4096, &mut spares);
            buffer.acknowledge(buffer.end() + u32::MAX, &mut spares);
        }
        let held: usize = buffer.pieces.iter().map(|piece| piece.octets.len()).sum();
        assert!((1..2 * 4096).contains(&held), "{held} for {} octets", buffer.len());
    }

    #[test]
    fn acknowledged_memory_is_used_again_and_an_idle_one_has_none() {
        let (mut buffer, mut spares) = (SendBuffer::new(Seq(0)), Spares::default());
        buffer.push(Given::Lent(&OCTETS[..2 * PIECE_MAX]), u32::MAX, &mut spares);
        let place = |buffer: &SendBuffer| buffer.pieces.back().map(|piece| piece.octets.as_ptr());
        let first = buffer.pieces.front().map(|piece| piece.octets.as_ptr());
        buffer.acknowledge(Seq(PIECE_MAX as u32), &mut spares);
        buffer.push(Given::Lent(&OCTETS[..10]), u32::MAX, &mut spares);
        assert_eq!(place(&buffer), first);
        buffer.acknowledge(buffer.end(), &mut spares);
        assert_eq!((buffer.len(), buffer.pieces.capacity()), (0, 0));
    }
}
