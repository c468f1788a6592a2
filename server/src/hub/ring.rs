//! The recent events of the whole server, in one sequence.
//!
//! Owns: [`Record`], an event with all that is needed to filter and print it later; [`Block`], those that were published at
//! once; and [`Ring`], the last so many of them. Their numbers have no hole: the record after number `n` is `n + 1`. Whoever
//! reads takes blocks, not records: what is shared is counted once for hundreds of events.
//!
//! ```text
//! forgotten          | remembered                      last
//! [4500 .. 4711 4712 | 4713 ..] [4756] [4757 .. 5012] [5013 5014]
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sockwright_engine::event::{Event, EventKind};
use sockwright_engine::id::{SessionId, SocketId};
use sockwright_engine::time::Instant;
use sockwright_proto::v1 as pb;
use std::net::SocketAddr;

use super::Name;
use super::mirror::Row;
use crate::convert::{Envelope, event_kind, tcp_state_to_proto, write_event};

/// What is published: an engine's event, what an impaired link did to a frame, what the host lost, or what befell the server.
#[derive(Clone, Debug, PartialEq)]
pub enum HubEvent {
    /// From an engine.
    Engine(Event),
    /// A limit of the server itself was hit.
    LimitHit {
        /// When, on the clock of the stack.
        at: Instant,
        /// Its name in the server's configuration.
        limit: &'static str,
    },
    /// From a link between engines, or from the host.
    FrameLost {
        /// When, on the clock of the stack.
        at: Instant,
        /// What was done to the frame: `LOST`, `CORRUPTED`, ... as `FrameLost.what` lists them.
        what: &'static str,
        /// The frame as tcpdump prints it, or empty.
        text: String,
        /// How many frames.
        frames: u64,
    },
    /// The thread of the stack ended by a fault of its own.
    StackFailed {
        /// When, on the clock of the stack.
        at: Instant,
        /// What it was.
        message: Arc<str>,
    },
    /// The server ends soon.
    Draining {
        /// By then it has ended.
        within: Duration,
    },
}

impl From<Event> for HubEvent {
    fn from(event: Event) -> Self {
        HubEvent::Engine(event)
    }
}

impl HubEvent {
    /// When, on the clock of the stack.
    pub fn at(&self) -> Instant {
        match self {
            HubEvent::Engine(event) => event.at,
            HubEvent::FrameLost { at, .. }
            | HubEvent::LimitHit { at, .. }
            | HubEvent::StackFailed { at, .. } => *at,
            HubEvent::Draining { .. } => Instant::ZERO,
        }
    }

    /// To which socket, if to any.
    pub fn socket(&self) -> Option<SocketId> {
        match self {
            HubEvent::Engine(event) => event.socket,
            _ => None,
        }
    }

    /// What an engine told, if one did.
    pub(super) fn engine_kind(&self) -> Option<&EventKind> {
        match self {
            HubEvent::Engine(event) => Some(&event.kind),
            _ => None,
        }
    }

    /// The two ends of what travelled.
    pub(super) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        match self.engine_kind()? {
            EventKind::SegmentSent(segment)
            | EventKind::SegmentReceived(segment)
            | EventKind::SegmentDropped { segment, .. } => Some((segment.source, segment.destination)),
            EventKind::Datagram { source, destination, .. } => Some((*source, *destination)),
            _ => None,
        }
    }
}

/// An event in the stream.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Its number.
    pub(super) seq: u64,
    /// Where it happened.
    pub(super) stack: Name,
    /// What happened.
    pub(super) event: HubEvent,
    /// The socket as it was after the event.
    pub(super) row: Option<Arc<Row>>,
}

impl Record {
    /// The event as watchers get it: appends a message `Event`.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        let row = self.row.as_deref();
        let envelope = Envelope {
            seq: self.seq,
            stack: &self.stack,
            session: row.map_or(SessionId(0), |row| row.session),
            label: row.map_or("", |row| &row.label),
            tcp_state: tcp_state_to_proto(row.and_then(|row| row.tcp_state)),
        };
        write_event(envelope, &self.event, to);
    }

    pub(super) fn kind(&self) -> pb::EventKind {
        event_kind(&self.event)
    }
}

/// Records that follow each other.
#[derive(Debug)]
pub(super) struct Block {
    /// The socket of each, or 0: so that a search for one socket touches no other's memory.
    sockets: Vec<u64>,
    records: Vec<Record>,
}

impl Block {
    /// The next events that have happened, not yet numbered: up to [`BLOCK`], `None` where there is none.
    pub(super) fn of_next(events: &mut impl Iterator<Item = (Name, HubEvent)>) -> Option<Block> {
        let room = events.size_hint().1.unwrap_or(BLOCK).min(BLOCK);
        let mut block = Block { sockets: Vec::with_capacity(room), records: Vec::with_capacity(room) };
        for (stack, event) in events.take(BLOCK) {
            block.sockets.push(event.socket().map_or(0, |socket| socket.0));
            block.records.push(Record { seq: 0, stack, event, row: None });
        }
        (!block.records.is_empty()).then_some(block)
    }

    /// Its records, to be numbered.
    pub(super) fn records_mut(&mut self) -> &mut [Record] {
        &mut self.records
    }

    /// Its records after `seq`.
    pub(super) fn after(&self, seq: u64) -> &[Record] {
        self.records.get(self.index_after(seq)..).unwrap_or_default()
    }

    fn index_after(&self, seq: u64) -> usize {
        let first = self.records.first().map_or(0, |first| first.seq);
        usize::try_from((seq + 1).saturating_sub(first)).unwrap_or(usize::MAX)
    }

    fn last(&self) -> u64 {
        self.records.last().map_or(0, |last| last.seq)
    }
}

/// The last `capacity` records.
#[derive(Debug)]
pub(super) struct Ring {
    blocks: VecDeque<Arc<Block>>,
    /// Records in `blocks`. Those of the first block may be forgotten in part.
    held: usize,
    capacity: usize,
    last: u64,
}

impl Ring {
    pub(super) fn new(capacity: usize) -> Self {
        Ring { blocks: VecDeque::new(), held: 0, capacity: capacity.max(1), last: 0 }
    }

    /// The number of the last record; 0 before the first.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// How many records are here.
    pub(super) fn remembered(&self) -> usize {
        self.held.min(self.capacity)
    }

    /// Whether every record after `seq` is still here.
    pub(super) fn remembers_after(&self, seq: u64) -> bool {
        seq >= self.forgotten()
    }

    /// The number of the last record that is not here any more.
    fn forgotten(&self) -> u64 {
        self.last - self.remembered() as u64
    }

    /// Appends a block, whose records have the numbers that follow.
    pub(super) fn push(&mut self, block: Block) {
        self.last = block.last();
        self.held += block.records.len();
        self.blocks.push_back(Arc::new(block));
        while let Some(first) = self.blocks.front()
            && self.held - first.records.len() >= self.capacity
        {
            self.held -= first.records.len();
            self.blocks.pop_front();
        }
    }

    /// The block that holds the record after `seq`, if that has happened.
    pub(super) fn block_after(&self, seq: u64) -> Option<&Arc<Block>> {
        self.blocks.get(self.blocks.partition_point(|block| block.last() <= seq))
    }

    /// Those of the first `look_at` records after `seq` that are about `socket`.
    pub(super) fn about(&self, socket: SocketId, seq: u64, look_at: usize) -> impl Iterator<Item = &Record> {
        let seq = seq.max(self.forgotten());
        let blocks = self.blocks.range(self.blocks.partition_point(|block| block.last() <= seq)..);
        let entries = blocks.flat_map(move |block| {
            let from = block.index_after(seq);
            let sockets = block.sockets.get(from..).unwrap_or_default();
            sockets.iter().zip(block.after(seq))
        });
        let about = entries.take(look_at).filter(move |(about, _)| **about == socket.0);
        about.map(|(_, record)| record)
    }
}

/// So many events are published at a time: the hub's mutex is held no longer than that takes.
const BLOCK: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(at: u64) -> HubEvent {
        HubEvent::FrameLost { at: Instant::from_nanos(at), what: "LOST", text: String::new(), frames: 1 }
    }

    /// Pushes a block of so many.
    fn push(ring: &mut Ring, count: u64) {
        let mut block = Block::of_next(&mut (0..count).map(|at| ("s".into(), lost(at)))).unwrap();
        for (record, seq) in block.records_mut().iter_mut().zip(ring.last() + 1..) {
            record.seq = seq;
        }
        ring.push(block);
    }

    fn numbers(ring: &Ring, after: u64) -> Vec<u64> {
        ring.about(SocketId(0), after, usize::MAX).map(|record| record.seq).collect()
    }

    #[test]
    fn numbers_begin_at_one_and_have_no_hole() {
        let mut ring = Ring::new(4);
        assert_eq!((ring.last(), ring.remembers_after(0)), (0, true));
        push(&mut ring, 1);
        push(&mut ring, 2);
        assert_eq!(numbers(&ring, 0), [1, 2, 3]);
        assert_eq!(numbers(&ring, 2), [3]);
        assert_eq!(numbers(&ring, 3), [0; 0]);
        assert_eq!(numbers(&ring, 99), [0; 0]);
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut ring = Ring::new(4);
        for _ in 0..10 {
            push(&mut ring, 1);
        }
        assert_eq!(numbers(&ring, 6), [7, 8, 9, 10]);
        assert!(ring.remembers_after(6) && !ring.remembers_after(5));
    }

    #[test]
    fn what_is_remembered_does_not_depend_on_how_it_was_published() {
        for sizes in [&[10][..], &[3, 3, 3, 1], &[1, 8, 1], &[6, 4], &[7, 3]] {
            let mut ring = Ring::new(4);
            sizes.iter().for_each(|size| push(&mut ring, *size));
            assert_eq!(numbers(&ring, 0), [7, 8, 9, 10], "{sizes:?}");
            assert_eq!(numbers(&ring, 8), [9, 10], "{sizes:?}");
            assert!(ring.remembers_after(6) && !ring.remembers_after(5), "{sizes:?}");
            let mut cursor = 6;
            while let Some(block) = ring.block_after(cursor) {
                let after = block.after(cursor);
                assert_eq!(after[0].seq, cursor + 1, "{sizes:?}");
                cursor += after.len() as u64;
            }
            assert_eq!(cursor, 10);
        }
    }
}
