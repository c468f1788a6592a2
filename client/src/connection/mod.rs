//! One connection, as its events tell it. Everything that draws a connection derives what it draws from this.
//!
//! Owns: the events of a socket, and of its other end where that is ours too, in the order of `seq` and each once; where
//! events are missing; what was last known of both ends. Never touches the server: see [`Following`] for that.
//!
//! | module | what it derives |
//! |---|---|
//! | [`flights`] | what became of each segment |
//! | [`road`] | the states that an end went through, with causes and dwell times |
//! | [`ladder`] | both, as the rows of a ladder |
//! | [`curves`] | windows and round trips over time |
//! | [`timers`] | the timers that run |

pub mod curves;
pub mod flights;
pub mod following;
pub mod ladder;
pub mod road;
pub mod timers;

pub use following::Following;

use std::collections::{BTreeMap, VecDeque};

use sockwright_proto::v1;
use sockwright_proto::v1::event::Kind;

use crate::mirror::Socket;

/// A connection, and what happened to it.
#[derive(Clone, Debug)]
pub struct Connection {
    socket: u64,
    events: BTreeMap<u64, v1::Event>,
    /// Gaps by the `seq` that they come after.
    gaps: BTreeMap<u64, v1::Gap>,
    near: Option<End>,
    far: Option<End>,
    /// What `GetInfo` told, the newest last.
    told: VecDeque<v1::GetInfoResponse>,
    forgotten: u64,
}

/// What is known of one end of a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct End {
    /// The socket, as the last event or snapshot tells it.
    pub socket: Socket,
    /// It was released: it is no more.
    pub released: bool,
    /// The `seq` of the last event that was applied.
    applied: u64,
}

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The socket that is looked at.
    Near,
    /// Its peer.
    Far,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Near => Self::Far,
            Self::Far => Self::Near,
        }
    }
}

impl Connection {
    /// The connection of a socket, of which nothing is known.
    pub fn new(socket: u64) -> Self {
        Self {
            socket,
            events: BTreeMap::new(),
            gaps: BTreeMap::new(),
            near: None,
            far: None,
            told: VecDeque::new(),
            forgotten: 0,
        }
    }

    /// The socket that is looked at.
    pub fn socket(&self) -> u64 {
        self.socket
    }

    /// An end; nothing where it is not ours, or nothing is known of it.
    pub fn end(&self, side: Side) -> Option<&End> {
        match side {
            Side::Near => self.near.as_ref(),
            Side::Far => self.far.as_ref(),
        }
    }

    /// The address of an end, which is known of a peer that is not ours too.
    pub fn address(&self, side: Side) -> Option<&v1::SocketAddress> {
        let summary = &self.near.as_ref()?.socket.summary;
        match side {
            Side::Near => summary.local.as_ref(),
            Side::Far => summary.remote.as_ref(),
        }
    }

    /// What happened, in the order of `seq`.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &v1::Event> + Clone {
        self.events.values()
    }

    /// Where events are missing, by the `seq` that they come after.
    pub fn gaps(&self) -> &BTreeMap<u64, v1::Gap> {
        &self.gaps
    }

    /// How many old events were let go, because there were too many.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What `GetInfo` told last.
    pub fn info(&self) -> Option<&v1::GetInfoResponse> {
        self.told.back()
    }

    /// The latest time that is known on the stack's clock, in nanoseconds.
    pub fn now_ns(&self) -> u64 {
        let event = self.events.values().next_back().map_or(0, |event| event.time_ns);
        event.max(self.info().map_or(0, |info| info.time_ns))
    }

    /// What a snapshot says of an end.
    pub fn summarise(&mut self, side: Side, summary: v1::SocketSummary) {
        let end = self.end_mut(side).get_or_insert_default();
        end.socket.summary = summary;
    }

    /// What `GetInfo` tells of the socket.
    pub fn tell(&mut self, info: v1::GetInfoResponse) {
        let Some(summary) = info.summary.clone().filter(|summary| summary.socket == self.socket) else {
            return;
        };
        // An answer may have been overtaken by events.
        if self.near.as_ref().is_none_or(|near| info.at.is_some_and(|at| at.seq >= near.applied)) {
            self.summarise(Side::Near, summary);
        }
        self.told.push_back(info);
        if self.told.len() > TOLD_MAX {
            self.told.pop_front();
        }
    }

    /// Events in any order, of which some may be known. Those of no socket, such as frames lost on a link, are kept too;
    /// those of a socket that is not the one that is looked at are the other end's.
    pub fn push(&mut self, events: impl IntoIterator<Item = v1::Event>) {
        for event in events {
            if event.socket != 0 {
                let side = if event.socket == self.socket { Side::Near } else { Side::Far };
                self.end_mut(side).get_or_insert_default().apply(&event);
            }
            self.events.insert(event.seq, event);
        }
        while self.events.len() > EVENTS_MAX {
            self.events.pop_first();
            self.forgotten += 1;
        }
        if let Some((first, _)) = self.events.first_key_value() {
            self.gaps = self.gaps.split_off(&first.saturating_sub(1));
        }
    }

    /// Events that are not going to come.
    pub fn gap(&mut self, gap: v1::Gap) {
        let after = self.events.last_key_value().map_or(0, |(seq, _)| *seq);
        self.gaps.insert(after, gap);
    }

    fn end_mut(&mut self, side: Side) -> &mut Option<End> {
        match side {
            Side::Near => &mut self.near,
            Side::Far => &mut self.far,
        }
    }
}

impl End {
    /// What an event says of its end, unless a later one was heard.
    fn apply(&mut self, event: &v1::Event) {
        if event.seq <= self.applied {
            return;
        }
        if self.socket.summary.socket == 0 {
            self.socket = Socket::heard_of(event);
        }
        self.applied = event.seq;
        self.released |= matches!(event.kind, Some(Kind::Released(_)));
        self.socket.apply(event);
    }
}

/// Events kept at most; beyond that the oldest go.
const EVENTS_MAX: usize = 20_000;
/// Answers of `GetInfo` kept at most: one a second for ten minutes.
const TOLD_MAX: usize = 600;
