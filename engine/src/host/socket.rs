//! A socket: what its caller holds, whatever TCP makes of it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::num::NonZeroU64;

use super::config::PortKind;
use super::errno::Errno;
use super::op::{Call, Family, SocketKind, SocketState};
use crate::endpoint::Endpoint;
use crate::id::{MaybeSocket, OpId, SessionId, SocketId};
use crate::tcp::config::Options;
use crate::tcp::connection::{Connection, Owner};
use crate::tcp::cx::Tuple;
use crate::tcp::passive::half_open::HalfOpen;
use crate::tcp::passive::listener::Listener;
use crate::tcp::rest::{AtRest, Rest};
use crate::tcp::state::State;
use crate::tcp::time_wait::TimeWait;
use crate::time::Instant;
use crate::udp::UdpSocket;

/// A socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) id: SocketId,
    pub(crate) session: SessionId,
    pub(crate) label: Box<str>,
    pub(crate) kind: SocketKind,
    pub(crate) family: Family,
    pub(crate) state: SocketState,
    pub(crate) options: Arc<Options>,
    pub(crate) local: Option<Endpoint>,
    pub(crate) remote: Option<Endpoint>,
    pub(crate) listener: MaybeSocket,
    /// The connection in TIME-WAIT that had its addresses before, until it is open.
    pub(crate) supersedes: MaybeSocket,
    pub(crate) opened: Instant,
    /// A datagram socket's pending error. A connection keeps its own.
    pub(crate) error: Option<Errno>,
    /// Whether a caller has it: created, or accepted.
    pub(crate) held: bool,
    pub(crate) phase: Phase,
    /// Calls that wait, the oldest first.
    pub(crate) parked: Rest<Vec<Parked>>,
    /// The name under which its driver is told when something happens to it.
    pub(crate) driver: Option<NonZeroU64>,
    /// That driver wants to be told.
    pub(crate) is_driven: bool,
    /// It is in the queue of those that woke up.
    pub(crate) is_woken: bool,
    /// Since when it is no more than a record in TIME-WAIT.
    pub(crate) frozen: Option<Instant>,
    /// It is in the queue of those that may have something to send.
    pub(crate) in_ready_queue: bool,
    /// It is in the queue of those that keep their working memory.
    pub(crate) is_warm: bool,
    /// Its earliest entry in the timer heap.
    pub(crate) registered: Option<Instant>,
}

/// What there is behind a socket.
#[derive(Debug)]
pub(crate) enum Phase {
    /// A stream socket before `listen` or `connect`.
    Idle,
    Listener(Box<Listener>),
    HalfOpen(Box<HalfOpen>),
    Connection(Box<Connection>),
    /// Of a socket that its caller closed.
    TimeWait(Box<TimeWait>),
    Datagram(Box<UdpSocket>),
    /// Silent for good: what arrives is ignored.
    Vanished,
    /// Nothing any more.
    Gone,
}

/// A call that waits.
#[derive(Clone, Debug)]
pub(crate) struct Parked {
    pub(crate) op: OpId,
    pub(crate) call: Waiting,
}

static NONE_PARKED: Vec<Parked> = Vec::new();

impl AtRest for Vec<Parked> {
    fn at_rest() -> &'static Self {
        &NONE_PARKED
    }

    fn is_at_rest(&self) -> bool {
        self.is_empty()
    }
}

/// What a waiting call wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Waiting {
    Accept,
    Connect,
    Send { data: Vec<u8>, urgent: bool },
    Recv { max: usize, min: usize, peek: bool },
    RecvFrom { max: usize, peek: bool },
    Close,
}

impl Waiting {
    /// Its name: of two calls of one name the earlier goes first.
    pub(crate) fn call(&self) -> Call {
        match self {
            Waiting::Accept => Call::Accept,
            Waiting::Connect => Call::Connect,
            Waiting::Send { .. } => Call::Send,
            Waiting::Recv { .. } => Call::Recv,
            Waiting::RecvFrom { .. } => Call::RecvFrom,
            Waiting::Close => Call::Close,
        }
    }
}

impl Socket {
    pub(crate) fn port_kind(&self) -> PortKind {
        self.kind.into()
    }

    /// The state of RFC 9293, for streams.
    pub(crate) fn tcp_state(&self) -> Option<State> {
        Some(match &self.phase {
            Phase::Idle | Phase::Vanished | Phase::Gone if self.kind == SocketKind::Stream => State::Closed,
            Phase::Listener(_) => State::Listen,
            Phase::HalfOpen(_) => State::SynReceived,
            Phase::Connection(connection) => connection.state(),
            Phase::TimeWait(_) => State::TimeWait,
            _ => return None,
        })
    }

    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.local.map(SocketAddr::from)
    }

    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.remote.map(SocketAddr::from)
    }

    pub(crate) fn set_local(&mut self, local: SocketAddr) {
        self.local = Some(local.into());
    }

    pub(crate) fn set_remote(&mut self, remote: SocketAddr) {
        self.remote = Some(remote.into());
    }

    /// Both ends, where it has them.
    pub(crate) fn tuple(&self) -> Option<Tuple> {
        Some(Tuple::new(self.local()?, self.remote()?))
    }

    /// What its connection needs to know of it, where it has both ends.
    pub(crate) fn owner(&self) -> Option<Owner> {
        Some(Owner { id: self.id, tuple: self.tuple()?, options: self.options.clone() })
    }

    /// It has a connection, and that is over.
    pub(crate) fn connection_error(&self) -> Option<Errno> {
        match &self.phase {
            Phase::Connection(connection) => connection.error(),
            _ => None,
        }
    }

    pub(crate) fn phase_is_closed(&self) -> bool {
        matches!(&self.phase, Phase::Connection(connection) if connection.is_closed())
    }

    /// No call waits, the caller's view is that of TCP, and nothing is over.
    pub(crate) fn is_settled(&self) -> bool {
        let Phase::Connection(connection) = &self.phase else { return false };
        connection.state() == State::Established
            && self.state == SocketState::Connected
            && self.parked.is_empty()
    }

    /// All who are to know that something happened to it know: a frame before told them.
    pub(crate) fn is_noted(&self) -> bool {
        self.in_ready_queue && self.is_warm && (self.is_woken || !self.is_driven)
    }

    /// When it wants to be looked at.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::HalfOpen(half) => Some(half.next_timeout()),
            Phase::Connection(connection) => connection.next_timeout(),
            Phase::TimeWait(record) => Some(record.deadline),
            _ => None,
        }
    }

    /// What its caller's view is now.
    pub(crate) fn current_state(&self) -> SocketState {
        if self.state == SocketState::Closed {
            return SocketState::Closed;
        }
        match &self.phase {
            Phase::Listener(_) => SocketState::Listening,
            Phase::HalfOpen(_) => SocketState::Connecting,
            Phase::Connection(connection) => match connection.state() {
                State::SynSent | State::SynReceived => SocketState::Connecting,
                State::Closed => SocketState::Disconnected,
                _ => SocketState::Connected,
            },
            Phase::TimeWait(_) => SocketState::Connected,
            Phase::Vanished | Phase::Gone => SocketState::Closed,
            Phase::Idle | Phase::Datagram(_) => match (self.local, self.remote) {
                (_, Some(_)) => SocketState::Connected,
                (Some(_), None) => SocketState::Bound,
                (None, None) => SocketState::Unbound,
            },
        }
    }
}
