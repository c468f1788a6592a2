//! The recent events of the whole server, in one sequence.
//!
//! Owns: [`Record`], an event with all that is needed to filter and print it later, and [`Ring`], the last so many
//! of them. Their numbers have no hole: the record after number `n` is `n + 1`.

use std::collections::VecDeque;
use std::sync::Arc;

use sockwright_engine::event::{Event, EventKind, SegmentRecord};
use sockwright_engine::id::SocketId;
use sockwright_engine::time::Instant;
use sockwright_proto::v1 as pb;
use std::net::SocketAddr;

use super::mirror::Row;
use crate::convert::{event_kind, event_to_proto, session_name, tcp_state_to_proto};

/// What is published: an engine's event, what an impaired link did to a frame, or what the host lost.
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
            HubEvent::FrameLost { at, .. } | HubEvent::LimitHit { at, .. } => *at,
        }
    }

    /// To which socket, if to any.
    pub fn socket(&self) -> Option<SocketId> {
        match self {
            HubEvent::Engine(event) => event.socket,
            HubEvent::FrameLost { .. } | HubEvent::LimitHit { .. } => None,
        }
    }

    /// What an engine told, if one did.
    pub(super) fn engine_kind(&self) -> Option<&EventKind> {
        match self {
            HubEvent::Engine(event) => Some(&event.kind),
            HubEvent::FrameLost { .. } | HubEvent::LimitHit { .. } => None,
        }
    }

    /// The two ends of what travelled.
    pub(super) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        match self.engine_kind()? {
            EventKind::SegmentSent(SegmentRecord { source, destination, .. })
            | EventKind::SegmentReceived(SegmentRecord { source, destination, .. })
            | EventKind::SegmentDropped { segment: SegmentRecord { source, destination, .. }, .. }
            | EventKind::Datagram { source, destination, .. } => Some((*source, *destination)),
            _ => None,
        }
    }
}

/// An event in the stream.
#[derive(Debug)]
pub(super) struct Record {
    /// Its number.
    pub(super) seq: u64,
    /// Where it happened.
    pub(super) stack: Arc<str>,
    /// What happened.
    pub(super) event: HubEvent,
    /// The socket as it was after the event.
    pub(super) row: Option<Arc<Row>>,
}

impl Record {
    /// The event as watchers get it.
    pub(super) fn to_proto(&self) -> pb::Event {
        let row = self.row.as_deref();
        pb::Event {
            seq: self.seq,
            time_ns: self.event.at().as_nanos(),
            stack: self.stack.to_string(),
            socket: self.event.socket().map_or(0, |socket| socket.0),
            session: row.map(|row| session_name(row.session)).unwrap_or_default(),
            label: row.map(|row| row.label.to_string()).unwrap_or_default(),
            kind: Some(event_to_proto(&self.event, tcp_state_to_proto(row.and_then(|row| row.tcp_state)))),
        }
    }

    pub(super) fn kind(&self) -> pb::EventKind {
        event_kind(&self.event)
    }
}

/// The last `capacity` records.
#[derive(Debug)]
pub(super) struct Ring {
    records: VecDeque<Entry>,
    capacity: usize,
    last: u64,
}

/// The socket's number lies beside the record, so that a search for one socket touches no other's memory.
#[derive(Debug)]
struct Entry {
    socket: u64,
    record: Arc<Record>,
}

impl Ring {
    pub(super) fn new(capacity: usize) -> Self {
        Ring { records: VecDeque::new(), capacity: capacity.max(1), last: 0 }
    }

    /// The number of the last record; 0 before the first.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether every record after `seq` is still here.
    pub(super) fn remembers_after(&self, seq: u64) -> bool {
        seq >= self.last - self.records.len() as u64
    }

    pub(super) fn push(&mut self, stack: Arc<str>, event: HubEvent, row: Option<Arc<Row>>) -> &Arc<Record> {
        if self.records.len() == self.capacity {
            self.records.pop_front();
        }
        self.last += 1;
        let socket = event.socket().map_or(0, |socket| socket.0);
        let record = Arc::new(Record { seq: self.last, stack, event, row });
        self.records.push_back(Entry { socket, record });
        &self.records[self.records.len() - 1].record
    }

    /// The records after `seq`, oldest first. All of them only where [`Ring::remembers_after`] it.
    pub(super) fn after(&self, seq: u64) -> impl Iterator<Item = &Arc<Record>> {
        self.entries_after(seq).map(|entry| &entry.record)
    }

    /// Those of the first `look_at` records after `seq` that are about `socket`.
    pub(super) fn about(
        &self,
        socket: SocketId,
        seq: u64,
        look_at: usize,
    ) -> impl Iterator<Item = &Arc<Record>> {
        let entries = self.entries_after(seq).take(look_at);
        entries.filter(move |entry| entry.socket == socket.0).map(|entry| &entry.record)
    }

    fn entries_after(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        let forgotten = self.last - self.records.len() as u64;
        let skip = usize::try_from(seq.saturating_sub(forgotten)).unwrap_or(usize::MAX);
        self.records.range(skip.min(self.records.len())..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(at: u64) -> HubEvent {
        HubEvent::FrameLost { at: Instant::from_nanos(at), what: "LOST", text: String::new(), frames: 1 }
    }

    fn numbers(ring: &Ring, after: u64) -> Vec<u64> {
        ring.after(after).map(|record| record.seq).collect()
    }

    #[test]
    fn numbers_begin_at_one_and_have_no_hole() {
        let mut ring = Ring::new(4);
        assert_eq!((ring.last(), ring.remembers_after(0)), (0, true));
        for at in 0..3 {
            ring.push("s".into(), lost(at), None);
        }
        assert_eq!(numbers(&ring, 0), [1, 2, 3]);
        assert_eq!(numbers(&ring, 2), [3]);
        assert_eq!(numbers(&ring, 3), []);
        assert_eq!(numbers(&ring, 99), []);
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut ring = Ring::new(4);
        for at in 0..10 {
            ring.push("s".into(), lost(at), None);
        }
        assert_eq!(numbers(&ring, 6), [7, 8, 9, 10]);
        assert!(ring.remembers_after(6) && !ring.remembers_after(5));
    }
}
