//! Buffers that no connection needs just now, for the next one that does.
//!
//! A connection with nothing to send and nothing to be read holds no buffers: a million of them may be idle. One that runs
//! empties its buffers and fills them again with every segment, though, and is not to ask the allocator each time. So what
//! runs empty is put here, and what needs a buffer takes the one that was put here last, which is still in the cache. No
//! timer has to find out who is idle.
//!
//! Owns: the spare buffers, no more of them than a few flows can use. Never looks at what was in them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::recovery::sent::Record;
use super::send::buffer::Piece;

/// The spare buffers of one engine.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    octets: Pool<u8>,
    records: Pool<Record>,
    pieces: Pool<Piece>,
}

impl Spares {
    /// The most octets of memory that are held of each kind: the buffers of a few flows that are large.
    const HELD_MAX: usize = 8 << 20;
    /// The most buffers of each kind: so many pieces of a send buffer are as much.
    const BUFFERS_MAX: usize = 128;

    /// Sees to it that `buffer`, which is to hold `most` octets at most, has memory, if there is some to spare that it could
    /// have grown to itself. A buffer that is small by choice, or one of many that hold a single octet, is not to keep what
    /// another flow grew.
    pub(crate) fn lend_octets(&mut self, buffer: &mut VecDeque<u8>, most: u32) {
        self.octets.lend(buffer, most as usize);
    }

    /// Takes the memory of `buffer`, which ran empty.
    pub(crate) fn take_octets(&mut self, buffer: &mut VecDeque<u8>) {
        self.octets.take(buffer);
    }

    /// Empty memory for up to `most` octets of a send buffer: spare, if there is some.
    pub(crate) fn piece(&mut self, most: u32) -> Vec<u8> {
        let mut memory = VecDeque::new();
        self.octets.lend(&mut memory, most as usize);
        memory.into()
    }

    /// Takes the memory of a piece of a send buffer that is acknowledged.
    pub(crate) fn take_piece(&mut self, piece: Vec<u8>) {
        self.octets.take(&mut piece.into());
    }

    /// As [`Spares::lend_octets`], for the list of such pieces.
    pub(crate) fn lend_pieces(&mut self, pieces: &mut VecDeque<Piece>) {
        self.pieces.lend(pieces, usize::MAX);
    }

    /// As [`Spares::take_octets`], of the list of such pieces.
    pub(crate) fn take_pieces(&mut self, pieces: &mut VecDeque<Piece>) {
        self.pieces.take(pieces);
    }

    /// As [`Spares::lend_octets`], for a scoreboard. One limit is for all of them.
    pub(crate) fn lend_records(&mut self, buffer: &mut VecDeque<Record>) {
        self.records.lend(buffer, usize::MAX);
    }

    /// As [`Spares::take_octets`], of a scoreboard.
    pub(crate) fn take_records(&mut self, buffer: &mut VecDeque<Record>) {
        self.records.take(buffer);
    }
}

/// Buffers of one kind: the last to come is the first to go.
#[derive(Debug)]
struct Pool<T> {
    buffers: Vec<VecDeque<T>>,
    /// Octets of memory that they have.
    held: usize,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Pool { buffers: Vec::new(), held: 0 }
    }
}

impl<T> Pool<T> {
    fn lend(&mut self, buffer: &mut VecDeque<T>, most: usize) {
        if buffer.capacity() > 0 {
            return;
        }
        // What grows doubles its memory each time.
        let fits = |spare: &VecDeque<T>| spare.capacity() / 2 <= most;
        if let Some(last) = self.buffers.iter().rposition(fits) {
            *buffer = self.buffers.remove(last);
            self.held -= Self::memory(buffer);
        }
    }

    fn take(&mut self, buffer: &mut VecDeque<T>) {
        let mut spare = core::mem::take(buffer);
        spare.clear();
        let memory = Self::memory(&spare);
        let room = self.held + memory <= Spares::HELD_MAX && self.buffers.len() < Spares::BUFFERS_MAX;
        if memory > 0 && room {
            self.held += memory;
            self.buffers.push(spare);
        }
    }

    fn memory(buffer: &VecDeque<T>) -> usize {
        buffer.capacity() * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_to_come_is_the_first_to_go_and_comes_empty() {
        let mut spares = Spares::default();
        for capacity in [100, 200] {
            spares.take_octets(&mut VecDeque::from(alloc::vec![1; capacity]));
        }
        let mut buffer = VecDeque::new();
        spares.lend_octets(&mut buffer, u32::MAX);
        assert_eq!((buffer.len(), buffer.capacity()), (0, 200));
        spares.lend_octets(&mut buffer, u32::MAX);
        assert_eq!(buffer.capacity(), 200, "it has memory already");
    }

    #[test]
    fn nobody_gets_more_than_it_could_have_grown_to() {
        let mut spares = Spares::default();
        for capacity in [100, 201] {
            spares.take_octets(&mut VecDeque::with_capacity(capacity));
        }
        for (most, capacity) in [(49, 0), (99, 100), (99, 0), (100, 201)] {
            let mut buffer = VecDeque::new();
            spares.lend_octets(&mut buffer, most);
            assert_eq!(buffer.capacity(), capacity, "{most}");
        }
        assert_eq!((spares.octets.buffers.len(), spares.octets.held), (0, 0));
    }

    #[test]
    fn no_more_is_held_than_the_limit() {
        let mut spares = Spares::default();
        for _ in 0..3 {
            spares.take_octets(&mut VecDeque::with_capacity(Spares::HELD_MAX / 2));
        }
        assert_eq!((spares.octets.buffers.len(), spares.octets.held), (2, Spares::HELD_MAX));
        spares.lend_octets(&mut VecDeque::new(), u32::MAX);
        assert_eq!(spares.octets.held, Spares::HELD_MAX / 2);
    }
}
