//! What crosses from tokio to an engine's thread, and what comes back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use sockwright_engine::counters::Counters;
use sockwright_engine::host::op::{Reply, Request};
use sockwright_engine::host::{Interface, OpError, Route, SocketInfo};
use sockwright_engine::id::{OpId, SessionId, SocketId};
use sockwright_engine::tcp::config::Options;
use sockwright_engine::time::Instant;
use sockwright_link::Impairments;
use sockwright_proto::v1::Position;
use sockwright_sim::{LinkIndex, StackId};
use tokio::sync::{OwnedRwLockReadGuard, oneshot};

use super::clock::Clock;
use super::receipt::{Given, Turn};
use super::traffic::plan::Plan;
use super::traffic::{Feed, Running};
use crate::capture::Room;
use crate::hub::Claim;
use crate::metrics::Counted;

/// A message to an engine's thread.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are calls: a box for each would cost more")]
pub(crate) enum Command {
    /// Carry out a call.
    Call(Call),
    /// Nobody waits for this call any more.
    Cancel {
        /// The call.
        op: OpId,
        /// Its socket.
        socket: Option<SocketId>,
    },
    /// Nobody took what a call gave.
    Restore {
        /// Where.
        stack: StackId,
        /// The socket that it was called on.
        socket: SocketId,
        /// What it gave.
        reply: Reply,
        /// The turn at the socket that ends with it.
        turn: Option<Arc<Turn>>,
    },
    /// What a `Recv` gave was taken, and others wait for their turn.
    TurnOver {
        /// The socket.
        socket: SocketId,
        /// The turn that is over.
        turn: Arc<Turn>,
    },
    /// Tell about a socket.
    Inspect {
        /// Where.
        stack: StackId,
        /// Which.
        socket: SocketId,
        /// To whom; `None` where there is no such socket.
        answer: oneshot::Sender<At<Option<Inspection>>>,
    },
    /// Tell whether a datagram socket has heard from an address.
    HasHeard {
        /// Where.
        stack: StackId,
        /// Which.
        socket: SocketId,
        /// From whom.
        remote: SocketAddr,
        /// To whom.
        answer: oneshot::Sender<bool>,
    },
    /// Tell about the stacks.
    Describe {
        /// To whom.
        answer: oneshot::Sender<At<Description>>,
    },
    /// Tell what was counted.
    Count {
        /// To whom.
        answer: oneshot::Sender<Counted>,
    },
    /// Move the clock.
    Advance {
        /// How far.
        how: Advance,
        /// To whom.
        answer: oneshot::Sender<Result<At<Advanced>, AdvanceError>>,
    },
    /// Change how time passes.
    SetClock {
        /// How it passes from now on.
        clock: Clock,
        /// To whom: the time at which it was changed.
        answer: oneshot::Sender<At<Instant>>,
    },
    /// Change what a link does to frames.
    Impair {
        /// Which link.
        link: LinkIndex,
        /// All that it does from now on.
        impairments: Box<Impairments>,
        /// To whom; `false` where there is no such link.
        answer: oneshot::Sender<At<bool>>,
    },
    /// Keep so much of the recent past, or nothing.
    Record {
        /// How much.
        room: Option<Room>,
        /// To whom.
        answer: oneshot::Sender<At<()>>,
    },
    /// Begin a workload.
    StartTraffic {
        /// What.
        plan: Box<Plan>,
        /// Who hears of it.
        feed: Feed,
        /// Workloads that the thread may have.
        at_most: usize,
        /// To whom, when it has begun.
        answer: oneshot::Sender<Result<At<Running>, OpError>>,
        /// Keeps the session that its sockets are made for from ending until then.
        session: Option<OwnedRwLockReadGuard<()>>,
    },
    /// Nobody listens to a workload any more.
    CancelTraffic {
        /// Which.
        key: u32,
    },
    /// Treat the sockets of a session.
    EndSession {
        /// The session.
        session: SessionId,
        /// How.
        policy: Policy,
        /// How many it was applied to.
        answer: oneshot::Sender<At<u32>>,
    },
    /// Fail, as a fault in an engine would.
    #[cfg(test)]
    Panic,
    /// End the thread.
    Stop {
        /// How.
        how: Stop,
        /// When it is done.
        answer: oneshot::Sender<Position>,
    },
}

/// Something, and the point in the stream of events at which it was so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At<T> {
    /// What.
    pub(crate) value: T,
    /// When.
    pub(crate) at: Position,
}

/// A call on its way to the engine.
#[derive(Debug)]
pub(crate) struct Call {
    /// Its name among the calls of this thread.
    pub(crate) op: OpId,
    /// Where.
    pub(crate) stack: StackId,
    /// What.
    pub(crate) request: Request,
    /// To whom.
    pub(crate) answer: oneshot::Sender<Answer>,
    /// What it keeps until it is made.
    pub(crate) kept: Kept,
}

/// What a call that makes something keeps until that is there.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The session that it is made for, which does not end meanwhile.
    pub(crate) session: Option<OwnedRwLockReadGuard<()>>,
    /// Room for the socket.
    pub(crate) claim: Option<Claim>,
}

/// How a call ended.
pub(crate) type Answer = Result<At<Given>, OpError>;

/// Everything about a socket.
#[derive(Clone, Debug)]
pub(crate) struct Inspection {
    /// What can be read of it.
    pub(crate) info: SocketInfo,
    /// Its options.
    pub(crate) options: Options,
    /// The stack's clock.
    pub(crate) now: Instant,
}

/// Everything about the stacks of a thread.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// The clock.
    pub(crate) now: Instant,
    /// The stacks, in the order of their numbers.
    pub(crate) stacks: Vec<StackDescription>,
    /// Times that the server's own limits were hit, by name.
    pub(crate) limits_hit: BTreeMap<&'static str, u64>,
    /// Octets of the recent past that are kept at most.
    pub(crate) recorded_at_most: usize,
}

/// One stack.
#[derive(Clone, Debug)]
pub(crate) struct StackDescription {
    /// Which.
    pub(crate) stack: StackId,
    /// Sockets on it.
    pub(crate) sockets: usize,
    /// Its interfaces.
    pub(crate) interfaces: Vec<Interface>,
    /// Its routes.
    pub(crate) routes: Vec<Route>,
    /// What it counted.
    pub(crate) counters: Counters,
    /// Frames that the host lost so far, by reason.
    pub(crate) frames_lost: BTreeMap<&'static str, u64>,
}

/// How far a clock is to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advance {
    /// So long from now.
    By(std::time::Duration),
    /// To this time.
    To(Instant),
    /// So many steps.
    Steps(u64),
    /// Until nothing is left.
    UntilIdle,
}

/// How far a clock was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advanced {
    /// Where it stands.
    pub(crate) now: Instant,
    /// Timers and deliveries on the way.
    pub(crate) steps: u64,
}

/// Why a clock was not moved, or not so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdvanceError {
    /// The clock is real.
    RealClock,
    /// The time has passed.
    InThePast(Instant),
    /// Too many steps; the clock stands here.
    TooManySteps(Advanced),
}

/// What becomes of the sockets of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// A RST each.
    Reset,
    /// A FIN each.
    Fin,
    /// Silence.
    Vanish,
    /// They live on as nobody's.
    Keep,
}

/// How a thread ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// At once, without a segment.
    Silently,
    /// Connections are reset first.
    Reset,
    /// When the last connection is CLOSED. The answer comes at once.
    WhenClosed,
}
