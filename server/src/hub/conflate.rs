//! Conflation: what a dashboard has not been sent yet, with what is outdated left out.
//!
//! Owns [`Conflater`]. Of the events of one socket that tell a level (its addresses, its states, what can be taken or
//! is unacknowledged, its windows and round trips) only the last of each kind survives; all others are kept. Survivors keep their numbers and
//! their order.
//!
//! ```text
//! in    1 Opened, 2 TcpState SYN-SENT, 3 SegmentSent, 4 TcpState ESTABLISHED, 5 TcpState FIN-WAIT-1
//! out   1 Opened, 3 SegmentSent, 5 TcpState FIN-WAIT-1
//! ```

use std::collections::{BTreeMap, HashMap};

use sockwright_engine::id::SocketId;
use sockwright_proto::v1::EventKind;

use super::ring::Record;

/// Events that wait for a watcher, merged.
#[derive(Debug, Default)]
pub(super) struct Conflater {
    waiting: BTreeMap<u64, Box<Record>>,
    /// The number of the event of `waiting` that tells a level of a socket.
    levels: HashMap<(SocketId, EventKind), u64>,
}

impl Conflater {
    /// Takes the next event of the stream: a copy, so that what waits for long holds nothing but itself.
    pub(super) fn push(&mut self, record: &Record) {
        if let Some(key) = level(record)
            && let Some(outdated) = self.levels.insert(key, record.seq)
        {
            self.waiting.remove(&outdated);
        }
        self.waiting.insert(record.seq, Box::new(record.clone()));
    }

    /// Gives the oldest survivor.
    pub(super) fn pop(&mut self) -> Option<Box<Record>> {
        let (_, record) = self.waiting.pop_first()?;
        if let Some(key) = level(&record) {
            self.levels.remove(&key);
        }
        Some(record)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    #[cfg(test)]
    pub(super) fn levels(&self) -> usize {
        self.levels.len()
    }

    /// The number of the oldest survivor.
    pub(super) fn first(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|(seq, _)| *seq)
    }
}

/// The level that an event tells, if it tells one. Two events with the same level: the later replaces the earlier.
fn level(record: &Record) -> Option<(SocketId, EventKind)> {
    let socket = record.event.socket()?;
    let kind = record.kind();
    let is_level = match kind {
        EventKind::Named
        | EventKind::SocketStateChanged
        | EventKind::TcpStateChanged
        | EventKind::Readable
        | EventKind::Acknowledged
        | EventKind::AcceptReady
        | EventKind::Recovery
        | EventKind::Congestion
        | EventKind::RttSample
        | EventKind::Windows
        | EventKind::PathMtu => true,
        EventKind::Unspecified
        | EventKind::Opened
        | EventKind::SegmentSent
        | EventKind::SegmentReceived
        | EventKind::SegmentDropped
        | EventKind::Retransmission
        | EventKind::Timer
        | EventKind::Failed
        | EventKind::IcmpReceived
        | EventKind::LimitHit
        | EventKind::Datagram
        | EventKind::Released
        | EventKind::Neighbor
        | EventKind::AddressConflict
        | EventKind::LinkChanged
        | EventKind::StackFailed
        | EventKind::Draining
        | EventKind::FrameLost
        | EventKind::Undo
        | EventKind::Urgent => false,
    };
    is_level.then_some((socket, kind))
}
