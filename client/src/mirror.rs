//! The sockets of a server, kept true by its events.
//!
//! Owns: what is known of each socket: the last snapshot, and what happened since. Never touches: the line to the server,
//! which is [`Watching`]'s.
//!
//! ```no_run
//! # async fn example(client: sockwright_client::Client) -> Result<(), sockwright_client::Error> {
//! use sockwright_client::{StateMirror, v1};
//!
//! let mut mirror = StateMirror::new(&client, v1::Filter { ports: vec![80], ..Default::default() });
//! let open = |socket: &v1::SocketSummary| socket.tcp_state() == v1::TcpState::Established;
//! mirror.until(|sockets| sockets.iter().filter(|socket| open(&socket.summary)).count() == 2).await?;
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;

use sockwright_proto::v1;
use sockwright_proto::v1::event::Kind;

use crate::watching::{Line, Told, Watching};
use crate::{Client, Error};

/// A mirror of the sockets that a filter admits. It survives lost connections and restarts of the server: it resumes where it
/// was, or begins anew from a snapshot where that cannot be.
///
/// Nothing runs in the background: the mirror moves while [`StateMirror::next`] is awaited.
#[derive(Debug)]
pub struct StateMirror {
    watching: Watching,
    line: Line,
    sockets: SocketMap,
    /// A snapshot of which not all parts are here.
    coming: Option<BTreeMap<u64, Socket>>,
}

/// What moved a mirror.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// The line to the server changed. While it is lost, the mirror stays as it was.
    Line(Line),
    /// A snapshot is complete, and is what there is now.
    Snapshot,
    /// Something happened.
    Events {
        /// What, in the order of `seq`.
        events: Vec<v1::Event>,
        /// The sockets that it released, as they were last.
        released: Vec<Socket>,
    },
    /// Something happened that will not be told. A snapshot follows.
    Gap(v1::Gap),
}

/// A socket of the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Socket {
    /// As lists and snapshots show it, with what happened since. Of a socket that was heard of first by an event other than
    /// `opened`, its kind is not known until its TCP state changes, nor its listener.
    pub summary: v1::SocketSummary,
    /// How its connection failed, if that was seen.
    pub failed: Option<v1::SocketError>,
}

/// Sockets by identifier.
#[derive(Clone, Debug, Default)]
pub struct SocketMap {
    all: BTreeMap<u64, Socket>,
    /// Only those in one of these states are shown; empty: all.
    states: Vec<i32>,
    times: BTreeMap<String, u64>,
}

impl StateMirror {
    /// A mirror of the sockets that `filter` admits. It is empty until it was awaited: see [`StateMirror::next`].
    ///
    /// `filter.tcp_states` is applied here, because a watch that is filtered by state does not tell who leaves it;
    /// `filter.kinds` is not used.
    pub fn new(client: &Client, mut filter: v1::Filter) -> Self {
        let states = std::mem::take(&mut filter.tcp_states);
        filter.kinds.clear();
        Self {
            watching: Watching::new(client, filter, v1::Delivery::Conflate),
            line: Line::Connecting,
            sockets: SocketMap { states, ..SocketMap::default() },
            coming: None,
        }
    }

    /// The sockets that there are.
    pub fn sockets(&self) -> &SocketMap {
        &self.sockets
    }

    /// The state of the line to the server.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// How far in the stream of events the mirror is; nothing before the first snapshot.
    pub fn position(&self) -> Option<v1::Position> {
        self.watching.position()
    }

    /// A stack's clock has reached this time: for those who learn it by other calls.
    pub fn tell_time(&mut self, stack: &str, time_ns: u64) {
        self.sockets.tell_time(stack, time_ns);
    }

    /// Waits until something moved the mirror. Dropping the future before it is ready loses nothing.
    ///
    /// Errors: what trying again does not mend, such as `INVALID_ARGUMENT` for a filter that cannot be understood.
    pub async fn next(&mut self) -> Result<Update, Error> {
        loop {
            match self.watching.next().await? {
                Told::Line(line) => {
                    self.line = line.clone();
                    return Ok(Update::Line(line));
                }
                Told::Snapshot { sockets, begins, ends } => {
                    if self.snapshot(sockets, begins, ends) {
                        return Ok(Update::Snapshot);
                    }
                }
                Told::Events { events, .. } => {
                    let released = events.iter().filter_map(|event| self.sockets.apply(event)).collect();
                    return Ok(Update::Events { events, released });
                }
                Told::Gap(gap) => return Ok(Update::Gap(gap)),
            }
        }
    }

    /// Waits until something is true of the sockets, over lost connections and restarts too.
    pub async fn until(&mut self, mut is_true: impl FnMut(&SocketMap) -> bool) -> Result<(), Error> {
        while self.position().is_none() || !is_true(&self.sockets) {
            self.next().await?;
        }
        Ok(())
    }

    /// Takes a part of a snapshot; true with the last. What is not in it is not there.
    fn snapshot(&mut self, sockets: Vec<v1::SocketSummary>, begins: bool, ends: bool) -> bool {
        let mut coming = self.coming.take().filter(|_| !begins).unwrap_or_default();
        for summary in sockets {
            self.sockets.tell_time(&summary.stack, summary.state_time_ns);
            let failed = self.sockets.all.get(&summary.socket).and_then(|socket| socket.failed.clone());
            coming.insert(summary.socket, Socket { summary, failed });
        }
        if ends {
            self.sockets.all = coming;
        } else {
            self.coming = Some(coming);
        }
        ends
    }
}

impl SocketMap {
    /// The sockets, by ascending identifier.
    pub fn iter(&self) -> impl Iterator<Item = &Socket> {
        self.all.values().filter(|socket| self.shows(socket))
    }

    /// One of them.
    pub fn get(&self, socket: u64) -> Option<&Socket> {
        self.all.get(&socket).filter(|socket| self.shows(socket))
    }

    /// The latest time that was told of a stack's clock, in nanoseconds.
    pub fn time(&self, stack: &str) -> Option<u64> {
        self.times.get(stack).copied()
    }

    fn tell_time(&mut self, stack: &str, time_ns: u64) {
        match self.times.get_mut(stack) {
            Some(time) => *time = time_ns.max(*time),
            None => _ = self.times.insert(stack.to_owned(), time_ns),
        }
    }

    fn shows(&self, socket: &Socket) -> bool {
        self.states.is_empty() || self.states.contains(&socket.summary.tcp_state)
    }

    /// Takes an event; gives the socket if that released it.
    fn apply(&mut self, event: &v1::Event) -> Option<Socket> {
        self.tell_time(&event.stack, event.time_ns);
        if event.socket == 0 {
            return None;
        }
        if let Some(Kind::Released(_)) = event.kind {
            return self.all.remove(&event.socket);
        }
        let socket = self.all.entry(event.socket).or_insert_with(|| Socket::heard_of(event));
        socket.apply(event);
        None
    }
}

impl Socket {
    /// What an event tells of a socket that nothing was known of.
    pub(crate) fn heard_of(event: &v1::Event) -> Self {
        let summary = v1::SocketSummary {
            socket: event.socket,
            stack: event.stack.clone(),
            session: event.session.clone(),
            label: event.label.clone(),
            opened_time_ns: event.time_ns,
            state_time_ns: event.time_ns,
            ..Default::default()
        };
        Self { summary, failed: None }
    }

    /// What an event tells of it.
    pub(crate) fn apply(&mut self, event: &v1::Event) {
        let summary = &mut self.summary;
        match &event.kind {
            Some(Kind::Opened(opened)) => {
                summary.kind = opened.kind;
                summary.family = opened.family;
                summary.listener = opened.listener;
                summary.socket_state = v1::SocketState::Unbound.into();
                if opened.kind() == v1::SocketKind::Stream {
                    summary.tcp_state = v1::TcpState::Closed.into();
                }
            }
            Some(Kind::Named(named)) => {
                summary.local.clone_from(&named.local);
                if named.remote.is_some() {
                    summary.remote.clone_from(&named.remote);
                }
            }
            Some(Kind::SocketStateChanged(changed)) => {
                summary.socket_state = changed.to;
                if summary.kind() == v1::SocketKind::Datagram {
                    summary.state_time_ns = event.time_ns;
                }
            }
            Some(Kind::TcpStateChanged(changed)) => {
                summary.kind = v1::SocketKind::Stream.into();
                summary.tcp_state = changed.to;
                summary.state_time_ns = event.time_ns;
                if changed.local.is_some() {
                    summary.local.clone_from(&changed.local);
                }
                if changed.remote.is_some() {
                    summary.remote.clone_from(&changed.remote);
                }
            }
            Some(Kind::Failed(error)) => self.failed = Some(error.clone()),
            _ => {}
        }
    }
}
