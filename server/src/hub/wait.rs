//! Waiting: until something is true of a socket, or was after a given position.
//!
//! Owns: [`Hub::wait_for`], the conditions, and [`Waiters`]. Who waits registers first and looks afterwards, so that
//! nothing falls in between: what happened up to the registration is searched in the ring, what happens later is
//! offered to the waiter as it is published.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use prost::Message;
use sockwright_engine::event::{Cause, EventKind};
use sockwright_engine::host::op::SocketState;
use sockwright_engine::host::{Errno, OpError, SocketInfo};
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::state::State;
use sockwright_engine::wire::Flags;
use sockwright_proto::v1::wait_for_request::Condition as Asked;
use sockwright_proto::v1::{self as pb, Position};
use tokio::sync::Notify;
use tonic::Status;

use super::filter::state_bit;
use super::interest::Kinds;
use super::mirror::Row;
use super::ring::Record;
use super::{Hub, stopping};
use crate::access::sight::Sight;
use crate::convert::{Invalid, socket_state_to_proto, unknown};
use crate::error::{no_such_socket, status, status_saying};

/// What an engine tells of a socket, for conditions that events alone do not decide.
#[derive(Clone, Debug, PartialEq)]
pub struct Current {
    /// The socket.
    pub info: SocketInfo,
    /// When that was true: the position after the turn that read it.
    pub at: Position,
}

impl Hub {
    /// Waits as `Sockets.WaitFor` says, for one who sees so much: what he does not see is not there, whenever it came.
    ///
    /// `current` asks the socket's engine; `None` is the answer of an engine that has no such socket any more. It is
    /// asked only for `readable` and `all_acknowledged`, after the interest in what will change the answer was raised.
    /// Dropping the future ends the wait and nothing else.
    ///
    /// With `after`, the first event after it that makes the condition true is the answer; without such an event,
    /// the present counts. Kinds of event that are told only while somebody asks for them can be found
    /// after `after` only if somebody did.
    pub(crate) async fn wait_for<F, A>(
        self: &Arc<Self>,
        request: pb::WaitForRequest,
        sight: Sight,
        current: F,
    ) -> Result<pb::WaitForResponse, Status>
    where
        F: Fn() -> A + Send + Sync,
        A: Future<Output = Result<Option<Current>, Status>> + Send,
    {
        let socket = SocketId(request.socket);
        let condition = Condition::parse(request.condition)?;
        let _want = self.wanted.want(condition.kinds());
        let start = self.start_waiting(socket, sight, condition, request.after)?;

        if let Some(after) = request.after
            && let Some(record) = self.search(socket, condition, after.seq, start.last).await?
        {
            return Ok(self.came_true(socket, &record));
        }
        let Some(slot) = start.slot else {
            return self.waited_for_the_gone(socket, condition);
        };
        let mut ask = match condition.of_row(&start.row) {
            Verdict::True => return Ok(self.is_true(socket, self.position_at(start.last))),
            Verdict::Ask => true,
            Verdict::Nothing | Verdict::Never => false,
        };
        loop {
            if ask && let Some(now) = current().await? {
                let row = self.lock().mirror.get(socket).cloned();
                match condition.of_info(&now.info, row.as_deref()) {
                    Verdict::True => return Ok(self.is_true(socket, now.at)),
                    Verdict::Never => return Err(never(socket, now.info.tcp_state)),
                    Verdict::Ask | Verdict::Nothing => {}
                }
            }
            slot.notify.notified().await;
            ask = match slot.take() {
                Outcome::True(record) => return Ok(self.came_true(socket, &record)),
                Outcome::Never(state) => return Err(never(socket, state)),
                Outcome::Stopped => return Err(stopping()),
                Outcome::Waiting { ask } => ask,
            };
        }
    }

    /// Registers a waiter, and tells the present as of that.
    fn start_waiting(
        self: &Arc<Self>,
        socket: SocketId,
        sight: Sight,
        condition: Condition,
        after: Option<Position>,
    ) -> Result<Start, Status> {
        let mut inner = self.lock();
        let last = inner.ring.last();
        if inner.stopping {
            return Err(stopping());
        }
        if inner.waiters.count >= self.config.waiters {
            return Err(status_saying(Errno::ENOBUFS, "too many calls are waiting", Some(socket)));
        }
        match after {
            Some(after) if after.epoch != self.epoch => return Err(forgotten(socket, "is of another epoch")),
            Some(after) if after.seq > last => {
                return Err(Invalid::new("after", "that has not happened yet").into());
            }
            Some(after) if !inner.ring.remembers_after(after.seq) => {
                return Err(forgotten(socket, "is no longer remembered"));
            }
            _ => {}
        }
        let seen = |row: &Arc<Row>| sight.sees_session(row.session);
        if let Some(row) = inner.mirror.get(socket).filter(|row| seen(row)).cloned() {
            let key = inner.new_key();
            let notify = Arc::new(Notify::new());
            inner
                .waiters
                .add(socket, Waiter { key, condition, outcome: Outcome::WAITING, notify: notify.clone() });
            let slot = Slot { hub: Arc::clone(self), socket, key, notify };
            return Ok(Start { last, row, slot: Some(slot) });
        }
        match inner.mirror.ended(socket).filter(|ended| seen(&ended.row)) {
            Some(ended) => Ok(Start { last, row: Arc::clone(&ended.row), slot: None }),
            None => Err(no_such_socket(socket)),
        }
    }

    /// The first event about `socket` after `after`, up to and with `last`, that makes the condition true.
    async fn search(
        &self,
        socket: SocketId,
        condition: Condition,
        after: u64,
        last: u64,
    ) -> Result<Option<Record>, Status> {
        let mut cursor = after;
        while cursor < last {
            let step = (last - cursor).min(SEARCH_STEP);
            let found = {
                let inner = self.lock();
                if !inner.ring.remembers_after(cursor) {
                    return Err(forgotten(socket, "was forgotten while it was searched"));
                }
                let mut about = inner.ring.about(socket, cursor, usize::try_from(step).unwrap_or(usize::MAX));
                about.find(|record| matches!(condition.of_event(record), Verdict::True)).cloned()
            };
            if found.is_some() {
                return Ok(found);
            }
            cursor += step;
            tokio::task::yield_now().await;
        }
        Ok(None)
    }

    /// The answer for a socket that was released before the wait began, and no event told it.
    fn waited_for_the_gone(
        &self,
        socket: SocketId,
        condition: Condition,
    ) -> Result<pb::WaitForResponse, Status> {
        let ended = self.ended(socket).ok_or_else(|| no_such_socket(socket))?;
        match condition {
            Condition::Released => {
                Ok(pb::WaitForResponse { event: None, summary: Some(ended.summary), at: Some(ended.at) })
            }
            _ => Err(never(socket, None)),
        }
    }

    fn came_true(&self, socket: SocketId, record: &Record) -> pb::WaitForResponse {
        let mut octets = Vec::new();
        record.write(&mut octets);
        // What we wrote ourselves can be read.
        let event = pb::Event::decode(&*octets).ok();
        pb::WaitForResponse { event, ..self.is_true(socket, self.position_at(record.seq)) }
    }

    fn is_true(&self, socket: SocketId, at: Position) -> pb::WaitForResponse {
        let summary = self.summary(socket).or_else(|| self.ended(socket).map(|ended| ended.summary));
        pb::WaitForResponse { event: None, summary, at: Some(at) }
    }
}

/// So many records are looked at under the mutex at a time.
const SEARCH_STEP: u64 = 4096;

struct Start {
    /// The last event before the registration.
    last: u64,
    /// The socket as of that.
    row: Arc<Row>,
    /// `None`: the socket is gone.
    slot: Option<Slot>,
}

fn never(socket: SocketId, state: Option<State>) -> Status {
    let detail = Some("the socket is gone or its connection ended: it cannot come true any more");
    status(OpError { errno: Errno::ENOTCONN, state, detail }, Some(socket))
}

fn forgotten(socket: SocketId, what: &str) -> Status {
    status_saying(Errno::EOVERFLOW, format!("the position `after` {what}"), Some(socket))
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// A bit for each number of the contract's `TcpState`.
    TcpStates(u32),
    /// A bit for each number of the contract's `SocketState`.
    SocketStates(u32),
    Kinds(Kinds),
    Readable(u32),
    AllAcknowledged,
    Released,
}

/// What an event, or the present, says about a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing.
    Nothing,
    /// It may have come true: the engine knows.
    Ask,
    /// It came true.
    True,
    /// It cannot come true any more.
    Never,
}

impl Condition {
    fn parse(asked: Option<Asked>) -> Result<Self, Invalid> {
        match asked {
            None => Err(Invalid::new("condition", "there is none")),
            Some(Asked::TcpStates(pb::TcpStates { states })) => {
                bits(&states, "tcp_states.states", |number| Some(pb::TcpState::try_from(number).ok()? as u32))
                    .map(Condition::TcpStates)
            }
            Some(Asked::SocketStates(pb::SocketStates { states })) => {
                let of = |number| Some(pb::SocketState::try_from(number).ok()? as u32);
                bits(&states, "socket_states.states", of).map(Condition::SocketStates)
            }
            Some(Asked::EventKinds(pb::EventKinds { kinds })) => {
                bits(&kinds, "event_kinds.kinds", |number| {
                    Some(pb::EventKind::try_from(number).ok()? as u32)
                })?;
                let kinds = kinds.iter().filter_map(|number| pb::EventKind::try_from(*number).ok());
                Ok(Condition::Kinds(kinds.fold(Kinds::NONE, Kinds::with)))
            }
            // Zero is there always: what is meant is anything.
            Some(Asked::Readable(count)) => Ok(Condition::Readable(count.max(1))),
            Some(Asked::AllAcknowledged(true)) => Ok(Condition::AllAcknowledged),
            Some(Asked::Released(true)) => Ok(Condition::Released),
            Some(Asked::AllAcknowledged(false)) => Err(Invalid::new("all_acknowledged", "it has to be true")),
            Some(Asked::Released(false)) => Err(Invalid::new("released", "it has to be true")),
        }
    }

    /// The kinds of event that have to be told for it to be noticed.
    fn kinds(self) -> Kinds {
        match self {
            Condition::Kinds(kinds) => kinds,
            Condition::Readable(_) => Kinds::of(&[pb::EventKind::Readable]),
            Condition::AllAcknowledged => Kinds::of(&[pb::EventKind::Acknowledged]),
            Condition::TcpStates(_) | Condition::SocketStates(_) | Condition::Released => Kinds::NONE,
        }
    }

    /// What an event about the socket says.
    fn of_event(self, record: &Record) -> Verdict {
        let Some(kind) = record.event.engine_kind() else { return Verdict::Nothing };
        let is_true = |condition| if condition { Verdict::True } else { Verdict::Nothing };
        match self {
            Condition::Kinds(kinds) => is_true(kinds.contains(record.kind())),
            Condition::Released => is_true(*kind == EventKind::Released),
            Condition::TcpStates(states) => match kind {
                EventKind::TcpState { to, .. } => is_true(states & state_bit(Some(*to)) != 0),
                _ => Verdict::Nothing,
            },
            Condition::SocketStates(states) => match kind {
                EventKind::SocketState { to, .. } => is_true(states & socket_state_bit(*to) != 0),
                _ => Verdict::Nothing,
            },
            Condition::Readable(count) => readable(count, kind),
            Condition::AllAcknowledged => all_acknowledged(kind, record.row.as_deref()),
        }
    }

    /// What the present says, as far as the mirror knows it.
    fn of_row(self, row: &Row) -> Verdict {
        let is_true = |condition| if condition { Verdict::True } else { Verdict::Nothing };
        match self {
            Condition::TcpStates(states) => is_true(states & state_bit(row.tcp_state) != 0),
            Condition::SocketStates(states) => is_true(states & socket_state_bit(row.socket_state) != 0),
            Condition::Kinds(_) | Condition::Released => Verdict::Nothing,
            Condition::Readable(_) | Condition::AllAcknowledged => Verdict::Ask,
        }
    }

    /// What the engine's answer says.
    fn of_info(self, info: &SocketInfo, row: Option<&Row>) -> Verdict {
        let is_true = |condition| if condition { Verdict::True } else { Verdict::Nothing };
        match self {
            Condition::Readable(count) => is_true(
                info.tcp.as_ref().is_some_and(|tcp| tcp.receive_queue >= count || tcp.shutdown_read)
                    || info.tcp_state.is_some_and(State::peer_closed)
                    || info.socket_state == SocketState::Disconnected
                    || info.queues.is_some_and(|queues| queues.accept_queue >= count)
                    || info.datagrams.is_some_and(|datagrams| datagrams.queued >= count),
            ),
            Condition::AllAcknowledged if row.is_some_and(|row| row.failed.is_some()) || vanished(info) => {
                Verdict::Never
            }
            Condition::AllAcknowledged => is_true(
                info.tcp.as_ref().is_none_or(|tcp| tcp.send_queue == 0)
                    && !info.tcp_state.is_some_and(State::fin_outstanding),
            ),
            Condition::TcpStates(_)
            | Condition::SocketStates(_)
            | Condition::Kinds(_)
            | Condition::Released => Verdict::Nothing,
        }
    }
}

/// There was a connection and the engine forgot it: nobody knows what the peer has.
fn vanished(info: &SocketInfo) -> bool {
    info.tcp_state == Some(State::Closed) && info.tcp.is_none() && info.remote.is_some()
}

/// So much can be taken, or the stream ended: with a FIN, or with the connection.
fn readable(count: u32, kind: &EventKind) -> Verdict {
    match *kind {
        EventKind::Readable { available, end_of_stream } if available >= count || end_of_stream => {
            Verdict::True
        }
        EventKind::AcceptReady { queued, .. } if queued >= count => Verdict::True,
        EventKind::TcpState { to, .. } if to.peer_closed() => Verdict::True,
        EventKind::SocketState { to: SocketState::Disconnected, .. } => Verdict::True,
        EventKind::Readable { .. } | EventKind::TcpState { .. } | EventKind::SocketState { .. } => {
            Verdict::Ask
        }
        _ => Verdict::Nothing,
    }
}

/// Nothing is outstanding, neither data nor a FIN.
fn all_acknowledged(kind: &EventKind, row: Option<&Row>) -> Verdict {
    match *kind {
        EventKind::Acknowledged { outstanding: 0, .. } => {
            let fin = row.and_then(|row| row.tcp_state).is_some_and(State::fin_outstanding);
            if fin { Verdict::Ask } else { Verdict::True }
        }
        // Our FIN is acknowledged, and with it everything before it. A reset acknowledges nothing.
        EventKind::TcpState { from, to, cause: Cause::Segment(flags), .. }
            if from.fin_outstanding() && !to.fin_outstanding() && !flags.contains(Flags::RST) =>
        {
            Verdict::True
        }
        EventKind::Failed(_) => Verdict::Never,
        EventKind::Acknowledged { .. } | EventKind::TcpState { .. } => Verdict::Ask,
        _ => Verdict::Nothing,
    }
}

fn socket_state_bit(state: SocketState) -> u32 {
    1 << socket_state_to_proto(state) as u32
}

/// A set of enum numbers, as bits. Not empty, and none of them unspecified.
fn bits(numbers: &[i32], field: &str, of: impl Fn(i32) -> Option<u32>) -> Result<u32, Invalid> {
    if numbers.is_empty() {
        return Err(Invalid::new(field, "it is empty"));
    }
    numbers.iter().try_fold(0, |bits, number| match of(*number) {
        Some(1..) => Ok(bits | 1 << number),
        _ => Err(unknown(*number, field)),
    })
}

/// Those that wait, by socket.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    by_socket: HashMap<SocketId, Vec<Waiter>>,
    pub(super) count: usize,
    /// To be notified once the mutex is free.
    woken: Vec<Arc<Notify>>,
}

#[derive(Debug)]
struct Waiter {
    key: u64,
    condition: Condition,
    outcome: Outcome,
    notify: Arc<Notify>,
}

/// What a waiter was told since it last looked.
#[derive(Clone, Debug)]
enum Outcome {
    /// Nothing decisive; whether the engine is to be asked again.
    Waiting { ask: bool },
    /// This made it true.
    True(Box<Record>),
    /// It cannot come true, the connection having been in this state.
    Never(Option<State>),
    /// The server stops.
    Stopped,
}

impl Outcome {
    const WAITING: Outcome = Outcome::Waiting { ask: false };
}

impl Waiters {
    /// Tells an event to those that wait for its socket.
    pub(super) fn offer(&mut self, record: &Record) {
        let Some(waiters) = record.event.socket().and_then(|socket| self.by_socket.get_mut(&socket)) else {
            return;
        };
        for waiter in waiters {
            if !matches!(waiter.outcome, Outcome::Waiting { .. }) {
                continue;
            }
            let state = record.row.as_ref().and_then(|row| row.tcp_state);
            waiter.outcome = match waiter.condition.of_event(record) {
                Verdict::True => Outcome::True(Box::new(record.clone())),
                Verdict::Never => Outcome::Never(state),
                Verdict::Ask => Outcome::Waiting { ask: true },
                Verdict::Nothing if record.kind() == pb::EventKind::Released => Outcome::Never(state),
                Verdict::Nothing => continue,
            };
            self.woken.push(Arc::clone(&waiter.notify));
        }
    }

    /// Ends all waits.
    pub(super) fn stop(&mut self) {
        for waiter in self.by_socket.values_mut().flatten() {
            waiter.outcome = Outcome::Stopped;
            self.woken.push(Arc::clone(&waiter.notify));
        }
    }

    /// Those that have something to look at.
    pub(super) fn take_woken(&mut self) -> Vec<Arc<Notify>> {
        std::mem::take(&mut self.woken)
    }

    fn add(&mut self, socket: SocketId, waiter: Waiter) {
        self.by_socket.entry(socket).or_default().push(waiter);
        self.count += 1;
    }

    fn remove(&mut self, socket: SocketId, key: u64) {
        let Some(waiters) = self.by_socket.get_mut(&socket) else { return };
        let before = waiters.len();
        waiters.retain(|waiter| waiter.key != key);
        self.count -= before - waiters.len();
        if waiters.is_empty() {
            self.by_socket.remove(&socket);
        }
    }

    /// What a waiter was told; after it, nothing but whether it came true.
    fn look(&mut self, socket: SocketId, key: u64) -> Outcome {
        let mut waiters = self.by_socket.get_mut(&socket).into_iter().flatten();
        match waiters.find(|waiter| waiter.key == key) {
            Some(waiter) => std::mem::replace(&mut waiter.outcome, Outcome::WAITING),
            None => Outcome::WAITING,
        }
    }
}

/// A place among the waiters, given back when it is dropped.
struct Slot {
    hub: Arc<Hub>,
    socket: SocketId,
    key: u64,
    notify: Arc<Notify>,
}

impl Slot {
    fn take(&self) -> Outcome {
        self.hub.lock().waiters.look(self.socket, self.key)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.hub.lock().waiters.remove(self.socket, self.key);
    }
}
