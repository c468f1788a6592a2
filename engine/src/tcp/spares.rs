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

/// The spare buffers of one engine.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    octets: Pool<u8>,
    records: Pool<Record>,
}

impl Spares {
    /// The most octets of memory that are held of each kind: the buffers of a few flows that are large.
    const HELD_MAX: usize = 8 << 20;
    /// The most buffers of each kind.
    const BUFFERS_MAX: usize = 32;

    /// Sees to it that `buffer` has memory, if there is some to spare.
    pub(crate) fn lend_octets(&mut self, buffer: &mut VecDeque<u8>) {
        self.octets.lend(buffer);
    }

    /// Takes the memory of `buffer`, which ran empty.
    pub(crate) fn take_octets(&mut self, buffer: &mut VecDeque<u8>) {
        self.octets.take(buffer);
    }

    /// As [`Spares::lend_octets`], for a scoreboard.
    pub(crate) fn lend_records(&mut self, buffer: &mut VecDeque<Record>) {
        self.records.lend(buffer);
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
    fn lend(&mut self, buffer: &mut VecDeque<T>) {
        if buffer.capacity() == 0
            && let Some(spare) = self.buffers.pop()
        {
            self.held -= Self::memory(&spare);
            *buffer = spare;
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
        spares.lend_octets(&mut buffer);
        assert_eq!((buffer.len(), buffer.capacity()), (0, 200));
        spares.lend_octets(&mut buffer);
        assert_eq!(buffer.capacity(), 200, "it has memory already");
    }

    #[test]
    fn no_more_is_held_than_the_limit() {
        let mut spares = Spares::default();
        for _ in 0..3 {
            spares.take_octets(&mut VecDeque::with_capacity(Spares::HELD_MAX / 2));
        }
        assert_eq!((spares.octets.buffers.len(), spares.octets.held), (2, Spares::HELD_MAX));
        spares.lend_octets(&mut VecDeque::new());
        assert_eq!(spares.octets.held, Spares::HELD_MAX / 2);
    }
}
