//! One receiver at a time: what a cancelled `Recv` gives back comes before what arrived after it.
//!
//! A `Recv` may be given octets while its client is cancelling it; they come back a moment later
//! ([`Receipt`](super::receipt::Receipt)). Were a second `Recv` given the octets behind them in that moment, the stream
//! would be out of order. So the second one is held until the first one's turn is over: cancelled, failed, given back,
//! or settled. In the usual case the first was settled long ago, and nobody waits.
//!
//! A peek takes nothing, and so has no turn that others wait for. But it waits for that of what was given, too: it would
//! see the octets behind.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use sockwright_engine::host::op::{Request, Wait};
use sockwright_engine::id::{OpId, SocketId};

use super::command::Call;
use super::receipt::Turn;

/// Whose turn it is at each socket that somebody receives from.
#[derive(Debug, Default)]
pub(super) struct Order {
    sockets: HashMap<SocketId, Line>,
}

#[derive(Debug)]
struct Line {
    holder: Holder,
    waiting: VecDeque<Call>,
}

#[derive(Debug)]
enum Holder {
    /// Its call is parked in the engine, or about to be made.
    Waiting(OpId),
    /// It was given something.
    Given(Arc<Turn>),
}

/// What is to be done with a call.
#[derive(Debug)]
pub(super) enum Admission {
    /// Make it.
    Go(Call),
    /// It waits for its turn.
    Held,
    /// Too many wait already.
    Full(Call),
}

/// The socket that a call takes octets or datagrams from.
pub(super) fn receives_from(request: &Request) -> Option<SocketId> {
    match request {
        Request::Recv { socket, peek: false, .. } | Request::RecvFrom { socket, peek: false, .. } => {
            Some(*socket)
        }
        _ => None,
    }
}

/// The socket at whose octets or datagrams a call looks.
pub(super) fn peeks_at(request: &Request) -> Option<SocketId> {
    match request {
        Request::Recv { socket, peek: true, .. } | Request::RecvFrom { socket, peek: true, .. } => {
            Some(*socket)
        }
        _ => None,
    }
}

impl Order {
    /// A call that receives from `socket` wants its turn.
    pub(super) fn admit(&mut self, socket: SocketId, call: Call, limit: usize) -> Admission {
        let Some(line) = self.sockets.get_mut(&socket) else {
            self.sockets.insert(socket, Line::new(call.op));
            return Admission::Go(call);
        };
        match &line.holder {
            Holder::Given(turn) if line.waiting.is_empty() && turn.is_over_or_await() => {
                line.holder = Holder::Waiting(call.op);
                Admission::Go(call)
            }
            // The one that waits finds too little for itself; this one takes what there is, or EAGAIN.
            Holder::Waiting(_) if never_waits(&call.request) => Admission::Go(call),
            _ if line.waiting.len() >= limit => Admission::Full(call),
            _ => {
                line.waiting.push_back(call);
                Admission::Held
            }
        }
    }

    /// A call looks at what there is at `socket`. One that is held leaves, when its turn has come, as soon as it has seen.
    pub(super) fn admit_peek(&mut self, socket: SocketId, call: Call, limit: usize) -> Admission {
        match self.sockets.get_mut(&socket) {
            Some(Line { holder: Holder::Given(turn), waiting }) if !turn.is_over_or_await() => {
                if waiting.len() >= limit {
                    return Admission::Full(call);
                }
                waiting.push_back(call);
                Admission::Held
            }
            _ => Admission::Go(call),
        }
    }

    /// The holder of the turn was given something; the turn lasts until that is settled or given back.
    pub(super) fn given(&mut self, socket: SocketId, op: OpId) -> Option<Arc<Turn>> {
        let line = self.sockets.get_mut(&socket)?;
        if !matches!(line.holder, Holder::Waiting(holder) if holder == op) {
            return None;
        }
        let turn = Arc::new(Turn::default());
        line.holder = Holder::Given(Arc::clone(&turn));
        // Whoever waits already has to be told of its end.
        if !line.waiting.is_empty() {
            turn.is_over_or_await();
        }
        Some(turn)
    }

    /// The turn of `op` ended without anything given. The call whose turn it is now, if any.
    pub(super) fn left(&mut self, socket: SocketId, op: OpId) -> Option<Call> {
        let line = self.sockets.get_mut(&socket)?;
        if matches!(line.holder, Holder::Waiting(holder) if holder == op) {
            return self.pass_on(socket);
        }
        line.waiting.retain(|call| call.op != op);
        None
    }

    /// What was given was settled or given back. The call whose turn it is now, if any.
    pub(super) fn over(&mut self, socket: SocketId, over: &Arc<Turn>) -> Option<Call> {
        match &self.sockets.get(&socket)?.holder {
            Holder::Given(turn) if Arc::ptr_eq(turn, over) => self.pass_on(socket),
            // Somebody saw that it was over before this was told.
            _ => None,
        }
    }

    fn pass_on(&mut self, socket: SocketId) -> Option<Call> {
        let line = self.sockets.get_mut(&socket)?;
        while let Some(call) = line.waiting.pop_front() {
            if !call.answer.is_closed() {
                line.holder = Holder::Waiting(call.op);
                return Some(call);
            }
        }
        self.sockets.remove(&socket);
        None
    }

    /// The socket is gone, and every turn with it. Those that waited are to hear so from the engine.
    pub(super) fn forget(&mut self, socket: SocketId) -> impl Iterator<Item = Call> + use<> {
        self.sockets.remove(&socket).into_iter().flat_map(|line| line.waiting)
    }
}

impl Line {
    fn new(holder: OpId) -> Self {
        Line { holder: Holder::Waiting(holder), waiting: VecDeque::new() }
    }
}

fn never_waits(request: &Request) -> bool {
    matches!(request, Request::Recv { wait: Wait::Never, .. } | Request::RecvFrom { wait: Wait::Never, .. })
}
