//! A workload as it was asked for, parsed: what each side does, and when it ends.

use std::net::SocketAddr;
use std::time::Duration;

use sockwright_engine::id::SessionId;
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_sim::StackId;

use super::pattern::Pattern;
use crate::hub::Room;

/// A workload.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The side that the workload was asked of.
    pub(crate) ours: SidePlan,
    /// The other one, where the same lab plays it.
    pub(crate) peer: Option<SidePlan>,
    /// Its end by the clock.
    pub(crate) time: Option<Duration>,
    /// How often progress is told.
    pub(crate) progress: Duration,
}

/// One side of a workload.
#[derive(Debug)]
pub(crate) struct SidePlan {
    /// Where its sockets are.
    pub(crate) stack: StackId,
    /// Whose they are.
    pub(crate) session: SessionId,
    /// What they are called.
    pub(crate) label: Box<str>,
    /// Their options.
    pub(crate) options: OptionsPatch,
    /// Which of the two it is.
    pub(crate) place: Place,
    /// What it does on each connection.
    pub(crate) role: Role,
    /// Connections at a time.
    pub(crate) concurrency: usize,
    /// What ends it.
    pub(crate) limits: Limits,
    /// Where its sockets have their places, where there is a quota of them.
    pub(crate) room: Option<Room>,
}

/// Which of the two sides one is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// It opens the connections.
    Connecting {
        /// Where to, in turn. With a listening side on the same thread: its port where the port is 0, and its first
        /// address where there is none.
        remotes: Vec<SocketAddr>,
        /// Connections a second.
        per_second: Option<f64>,
    },
    /// It takes them.
    Listening {
        /// Where: at least one address.
        locals: Vec<SocketAddr>,
        /// How many may wait.
        backlog: u32,
    },
}

/// What is done on each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Octets one way or both, at once.
    Stream {
        /// What is sent.
        send: Option<Content>,
        /// What has to come; otherwise it does not matter.
        verify: Option<Pattern>,
    },
    /// What comes goes back.
    Echo,
    /// A request and a response.
    Exchange {
        /// Who one is.
        part: Part,
        /// Octets of a request.
        request: u32,
        /// Octets of a response.
        response: u32,
        /// What follows.
        then: Then,
    },
    /// Nothing but an octet every so often.
    Idle {
        /// How often.
        every: Option<Duration>,
    },
}

/// What a side sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Zeros.
    Zeros,
    /// What the other side checks.
    Pattern(Pattern),
}

/// A part in an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It asks.
    Request,
    /// It answers.
    Respond,
}

/// What follows an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next one.
    Again,
    /// This side closes the connection.
    Close,
    /// This side aborts it.
    Abort,
    /// The peer closes or aborts it.
    PeerCloses,
}

/// What ends a side, apart from time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Octets in all.
    pub(crate) octets: Option<u64>,
    /// Connections in all.
    pub(crate) connections: Option<u64>,
    /// Exchanges in all.
    pub(crate) exchanges: Option<u64>,
}

impl Role {
    /// What the other side has to do.
    pub(crate) fn counterpart(self) -> Role {
        match self {
            Role::Stream { send: Some(Content::Pattern(pattern)), verify: None } => {
                Role::Stream { send: None, verify: Some(pattern) }
            }
            Role::Stream { send: None, verify: Some(pattern) } => {
                Role::Stream { send: Some(Content::Pattern(pattern)), verify: None }
            }
            Role::Stream { send: None, verify: None } => {
                Role::Stream { send: Some(Content::Zeros), verify: None }
            }
            Role::Stream { send: Some(Content::Zeros), .. } => Role::Stream { send: None, verify: None },
            Role::Stream { send: Some(_), verify: Some(_) } => Role::Echo,
            Role::Echo => {
                let pattern = Pattern::new(0);
                Role::Stream { send: Some(Content::Pattern(pattern)), verify: Some(pattern) }
            }
            Role::Exchange { part, request, response, then } => {
                let part = match part {
                    Part::Request => Part::Respond,
                    Part::Respond => Part::Request,
                };
                Role::Exchange { part, request, response, then: then.counterpart() }
            }
            Role::Idle { .. } => Role::Idle { every: None },
        }
    }
}

impl Then {
    /// What follows on the other side. Where the peer is to abort, that is [`Then::Abort`] there: here nobody knows, and
    /// it need not be known.
    fn counterpart(self) -> Then {
        match self {
            Then::Again => Then::Again,
            Then::Close | Then::Abort => Then::PeerCloses,
            Then::PeerCloses => Then::Close,
        }
    }
}
