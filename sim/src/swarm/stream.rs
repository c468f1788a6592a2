//! One side of a connection: opens it, sends, receives, and ends it as planned, with the habits of its caller.

use std::net::SocketAddr;
use std::time::Duration;

use sockwright_engine::host::op::{Outcome, Reply, Request, ShutdownHow, SocketKind, Wait};
use sockwright_engine::host::{Errno, OpError};
use sockwright_engine::id::{OpId, SessionId, SocketId};
use sockwright_engine::tcp::state::State;
use sockwright_engine::time::Instant;

use super::dice::Dice;
use super::ledger::EndId;
use super::plan::{Ending, Opening, SHARED_PORTS, SidePlan, address};
use super::run::{ActorId, Run};
use crate::check::Violation;
use crate::world::StackId;

/// One side of a connection.
#[derive(Debug)]
pub struct Stream {
    actor: ActorId,
    id: EndId,
    stack: StackId,
    plan: SidePlan,
    began: Instant,
    phase: Phase,
    /// Parked calls.
    connect: Option<OpId>,
    send: Option<(OpId, usize)>,
    receive: Option<OpId>,
    close: Option<OpId>,
    /// The earliest next call.
    write_at: Instant,
    read_at: Instant,
    /// How long it waits before it asks again.
    patience: Duration,
    shut: bool,
    failed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Planned,
    Connecting(SocketId),
    Open(SocketId),
    Done,
}

impl Stream {
    /// The side that opens, or one of two that do.
    pub fn opener(actor: ActorId, id: EndId, stack: StackId, plan: SidePlan) -> Stream {
        Stream {
            actor,
            id,
            stack,
            plan,
            began: Instant::ZERO,
            phase: Phase::Planned,
            connect: None,
            send: None,
            receive: None,
            close: None,
            write_at: Instant::ZERO,
            read_at: Instant::ZERO,
            patience: PATIENCE_MIN,
            shut: false,
            failed: false,
        }
    }

    /// The side that was accepted.
    pub fn accepted(actor: ActorId, id: EndId, stack: StackId, plan: SidePlan, socket: SocketId) -> Stream {
        Stream { phase: Phase::Open(socket), ..Stream::opener(actor, id, stack, plan) }
    }

    /// Where it is.
    pub fn stack(&self) -> StackId {
        self.stack
    }

    /// Its host restarted. What it had begun is over; what it had not is still to come.
    pub fn restarted(&mut self) {
        if self.phase != Phase::Planned {
            self.phase = Phase::Done;
        }
        (self.connect, self.send, self.receive, self.close) = (None, None, None, None);
    }

    /// Whether it has nothing left to do.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done && self.close.is_none()
    }

    /// What it does, for the story.
    pub fn describe(&self, run: &Run) -> String {
        let end = run.ledger.end(self.id);
        let info = match self.phase {
            Phase::Connecting(socket) | Phase::Open(socket) => run.engine(self.stack).info(socket),
            _ => None,
        };
        let state = info.and_then(|info| info.tcp_state);
        format!(
            "connection {} side {}: {:?} in {state:?}, sent {} of {}, received {}, end of stream {}, {:?}",
            self.id.connection,
            self.id.side,
            self.phase,
            end.sent,
            self.plan.send,
            end.received,
            end.end_of_stream,
            self.plan.ending
        )
    }

    /// Whether nothing that it waits for can still come: its peer is gone, and it has nothing to say that would show it.
    pub fn is_hopeless(&self, run: &Run) -> bool {
        let info = match self.phase {
            Phase::Connecting(socket) | Phase::Open(socket) => run.engine(self.stack).info(socket),
            Phase::Planned | Phase::Done => None,
        };
        if info.and_then(|info| info.tcp).is_some_and(|tcp| tcp.unacked > 0 || tcp.send_queue > 0) {
            return false;
        }
        let connection = &run.ledger.connections()[self.id.connection];
        let peer = run.ledger.end(self.id.peer());
        connection.excuse.is_some() && (peer.over || peer.socket.is_none())
    }

    /// Closes what waits in vain.
    pub fn abandon(&mut self, run: &mut Run) {
        if let Phase::Connecting(socket) | Phase::Open(socket) = self.phase {
            let aborted = run.call_now(self.actor, self.stack, Request::Abort { socket });
            self.phase = Phase::Done;
            if aborted.is_err() {
                self.unexpected(run, "Abort", &aborted);
            }
        }
    }

    /// Its time has come.
    pub fn wake(&mut self, run: &mut Run) {
        if self.phase == Phase::Planned {
            self.open(run);
        }
        self.maybe_cancel(run);
        self.maybe_nonsense(run);
        self.go(run);
    }

    /// One of its calls ended.
    pub fn completed(&mut self, run: &mut Run, op: OpId, result: Result<Reply, OpError>) {
        if self.connect == Some(op) {
            self.connect = None;
            self.connected(run, result);
        } else if self.receive == Some(op) {
            self.receive = None;
            self.received(run, result, false);
        } else if let Some((_, asked)) = self.send.take_if(|(send, _)| *send == op) {
            self.sent(run, result, asked);
        } else if self.close == Some(op) {
            self.close = None;
        }
        self.go(run);
    }

    // ---- opening

    fn open(&mut self, run: &mut Run) {
        self.began = run.now();
        let connection = run.ledger.connections()[self.id.connection].plan.clone();
        let family = connection.family;
        let created = run.call_now(
            self.actor,
            self.stack,
            Request::Create {
                kind: SocketKind::Stream,
                family,
                session: SessionId(1),
                label: "".into(),
                options: self.plan.options.clone(),
            },
        );
        let socket = match created {
            Ok(Reply::Created { socket }) => socket,
            other => return self.unexpected(run, "Create", &other),
        };
        let listener_port =
            |listener: usize| (run.plan.listeners[listener].stack, run.plan.listeners[listener].port);
        let (port, to) = match connection.opening {
            Opening::ToListener { listener, port, .. } => (port, listener_port(listener)),
            Opening::ToNobody { to, .. } => (None, (to, NOBODYS_PORT)),
            Opening::Crossing { ends } => (Some(ends[self.id.side].1), ends[1 - self.id.side]),
        };
        let remote = SocketAddr::new(address(to.0, family), to.1);
        run.ledger.attach(self.id, self.stack, socket);
        run.ledger.end_mut(self.id).attended = true;
        self.phase = Phase::Connecting(socket);
        if let Some(port) = port {
            let local = SocketAddr::new(address(self.stack.0, family), port);
            match run.call_now(self.actor, self.stack, Request::Bind { socket, local }) {
                Ok(Reply::Named { .. }) => {}
                Err(error) if SHARED_PORTS.contains(&port) && error.errno == Errno::EADDRINUSE => {
                    return self.give_up(run, "its port was taken");
                }
                other => return self.unexpected(run, "Bind", &other),
            }
        }
        let wait = self.wait();
        let (op, outcome) =
            run.call(self.actor, self.stack, Request::Connect { socket, remote, data: vec![], wait });
        match outcome {
            Outcome::Parked => self.connect = Some(op),
            Outcome::Done(result) => self.connected(run, result),
        }
    }

    fn connected(&mut self, run: &mut Run, result: Result<Reply, OpError>) {
        let Phase::Connecting(socket) = self.phase else { return };
        match result {
            Ok(Reply::Connected { .. }) => self.phase = Phase::Open(socket),
            // It goes on without us: sends and receives will tell.
            Err(error) if error.errno == Errno::EINPROGRESS => self.phase = Phase::Open(socket),
            // The connection before is not quite gone.
            Err(error) if matches!(error.errno, Errno::EADDRINUSE | Errno::EADDRNOTAVAIL) => {
                self.give_up(run, "its addresses were taken");
            }
            Err(error) => self.fail(run, "Connect", &error),
            other => self.unexpected(run, "Connect", &other),
        }
    }

    // ---- open

    /// Does all that it can do now, and sees to it that it wakes when there is more.
    fn go(&mut self, run: &mut Run) {
        let mut exhausted = true;
        for _ in 0..TURN_CALLS_MAX {
            let Phase::Open(socket) = self.phase else { return };
            if self.failed {
                return self.close_now(run, socket);
            }
            if !(self.write(run, socket) || self.read(run, socket) || self.end(run, socket)) {
                exhausted = false;
                break;
            }
        }
        let Phase::Open(_) = self.phase else { return };
        let now = run.now();
        let later = |waits: bool, at: Instant| (waits && at > now).then_some(at);
        let write = later(self.wants_to_write(run) && self.send.is_none(), self.write_at);
        let read = later(self.wants_to_read(run) && self.receive.is_none(), self.read_at);
        let abort = matches!(self.plan.ending, Ending::Abort(_)).then(|| (self.began + ABORT_AFTER).max(now));
        let abort = abort.filter(|at| *at > now);
        let next = [write, read, abort].into_iter().flatten().min();
        let restless = self.plan.habits.cancels + self.plan.habits.nonsense > 0.0 && !run.calm;
        let fidget = restless.then(|| now + Duration::from_micros(run.dice.log(1_000, 3_000_000)));
        if let Some(at) = next.into_iter().chain(fidget).min() {
            run.wake_at(self.actor, at);
        }
        if exhausted {
            run.wake_at(self.actor, now);
        }
    }

    fn wants_to_write(&self, run: &Run) -> bool {
        !self.shut && run.ledger.end(self.id).sent < self.plan.send
    }

    fn wants_to_read(&self, run: &Run) -> bool {
        !run.ledger.end(self.id).end_of_stream
    }

    fn write(&mut self, run: &mut Run, socket: SocketId) -> bool {
        if !self.wants_to_write(run) || self.send.is_some() || self.write_at > run.now() {
            return false;
        }
        let end = run.ledger.end(self.id);
        let (content, position) = (end.content, end.sent);
        let left = self.plan.send - position;
        let len = run.dice.log(1, left.min(self.plan.chunk as u64)) as usize;
        let len = if run.dice.chance(0.5) { len } else { left.min(self.plan.chunk as u64) as usize };
        let (data, wait) = (content.slice(position, len), self.wait());
        let urgent = run.dice.chance(self.plan.habits.urgent);
        let request = Request::Send { socket, data, urgent, wait };
        match run.call(self.actor, self.stack, request) {
            (op, Outcome::Parked) => self.send = Some((op, len)),
            (_, Outcome::Done(result)) => self.sent(run, result, len),
        }
        true
    }

    fn sent(&mut self, run: &mut Run, result: Result<Reply, OpError>, asked: usize) {
        match result {
            Ok(Reply::Sent { accepted }) if (1..=asked).contains(&accepted) => {
                self.patience = PATIENCE_MIN;
                self.write_at = run.now() + self.plan.write_pause;
            }
            Err(error) if asks_again(&error) => self.write_at = run.now() + self.lose_patience(),
            Err(error) => self.fail(run, "Send", &error),
            other => self.unexpected(run, "Send", &other),
        }
    }

    fn read(&mut self, run: &mut Run, socket: SocketId) -> bool {
        if !self.wants_to_read(run) || self.receive.is_some() || self.read_at > run.now() {
            return false;
        }
        let received = run.ledger.end(self.id).received;
        if let Some((_, pause)) = self.plan.stall.take_if(|(after, _)| received >= *after) {
            self.read_at = run.now() + pause;
            return false;
        }
        let max = run.dice.log(1, self.plan.read as u64) as usize;
        let max = if run.dice.chance(0.5) { max } else { self.plan.read };
        if run.dice.chance(0.05) {
            let request = Request::Recv { socket, max, min: 1, peek: true, wait: Wait::Never };
            let peeked = run.call_now(self.actor, self.stack, request);
            self.received(run, peeked, true);
            if self.failed {
                return true;
            }
        }
        // More than fits the buffer never comes.
        let room = self.plan.options.receive_buffer.unwrap_or(1 << 20) as usize;
        let min = if run.dice.chance(0.1) { max.min(room / 2).max(1) } else { 1 };
        let request = Request::Recv { socket, max, min, peek: false, wait: self.wait() };
        match run.call(self.actor, self.stack, request) {
            (op, Outcome::Parked) => self.receive = Some(op),
            (_, Outcome::Done(result)) => self.received(run, result, false),
        }
        true
    }

    fn received(&mut self, run: &mut Run, result: Result<Reply, OpError>, peek: bool) {
        match result {
            Ok(Reply::Received { data, .. }) if peek => {
                let judged = run.ledger.peeked(self.id, &data);
                run.judge(judged);
            }
            Ok(reply @ Reply::Received { .. }) if run.dice.chance(self.plan.habits.restores) => {
                if let Phase::Open(socket) = self.phase {
                    run.restore(self.stack, socket, reply);
                }
            }
            // Another call of ours has the error already; this one came after it.
            Ok(Reply::Received { data, end_of_stream: true, .. })
                if data.is_empty() && self.failure_is_coming(run) =>
            {
                self.failed = true;
            }
            Ok(Reply::Received { data, end_of_stream, .. }) => {
                if data.is_empty() && !end_of_stream {
                    run.violate(Violation::new("Recv gives something", format_args!("{:?}", self.id)));
                }
                let judged = run.ledger.received(self.id, &data, end_of_stream);
                run.judge(judged);
                self.patience = PATIENCE_MIN;
                self.read_at = run.now() + self.plan.read_pause;
            }
            Err(error) if asks_again(&error) => {
                if !peek {
                    self.read_at = run.now() + self.lose_patience();
                }
            }
            Err(error) => self.fail(run, "Recv", &error),
            other => self.unexpected(run, "Recv", &other),
        }
    }

    // ---- ending

    fn end(&mut self, run: &mut Run, socket: SocketId) -> bool {
        let end = run.ledger.end(self.id);
        let sent_all = end.sent == self.plan.send && self.send.is_none();
        let (received, end_of_stream) = (end.received, end.end_of_stream);
        let passed = end.sent + received;
        match self.plan.ending {
            Ending::Abort(octets) if passed >= octets || run.now() >= self.began + ABORT_AFTER => {
                run.ledger.excuse(self.id.connection, "one side aborts");
                let aborted = run.call_now(self.actor, self.stack, Request::Abort { socket });
                if aborted.is_err() {
                    self.unexpected(run, "Abort", &aborted);
                }
                // It closes, too.
                self.phase = Phase::Done;
            }
            Ending::Abort(_) => return false,
            Ending::CloseEarly(octets) if received >= octets || end_of_stream => {
                run.ledger.excuse(self.id.connection, "one side closes early");
                self.close_now(run, socket);
            }
            Ending::CloseEarly(_) => return false,
            Ending::ShutdownRead(octets) if received >= octets && !run.ledger.end(self.id).deaf => {
                run.ledger.excuse(self.id.connection, "one side stops to receive");
                run.ledger.end_mut(self.id).deaf = true;
                self.shutdown(run, socket, ShutdownHow::Read);
                let end = run.ledger.end_mut(self.id);
                end.end_of_stream = self.receive.is_none();
            }
            Ending::HalfClose | Ending::ShutdownRead(_) if sent_all && !self.shut => {
                self.shut = true;
                run.ledger.end_mut(self.id).finished = true;
                self.shutdown(run, socket, ShutdownHow::Write);
            }
            Ending::CloseAfterSend if sent_all => {
                if run.ledger.connections()[self.id.connection].plan.sides[1 - self.id.side].send > 0
                    && !end_of_stream
                {
                    run.ledger.excuse(self.id.connection, "one side closes before it received everything");
                }
                // It does not wait for the end of the stream.
                run.ledger.end_mut(self.id).end_of_stream = true;
                self.close_now(run, socket);
            }
            _ if sent_all && end_of_stream => self.close_now(run, socket),
            _ => return false,
        }
        true
    }

    /// A connection that ends before it is open is no more (RFC 9293 §3.10.4, SYN-SENT).
    fn note_premature_end(&self, run: &mut Run, socket: SocketId) {
        let state = run.engine(self.stack).info(socket).and_then(|info| info.tcp_state);
        if state == Some(State::SynSent) {
            run.ledger.excuse(self.id.connection, "it is closed before it is open");
            run.ledger.end_mut(self.id).deaf = true;
        }
    }

    fn shutdown(&mut self, run: &mut Run, socket: SocketId, how: ShutdownHow) {
        self.note_premature_end(run, socket);
        match run.call_now(self.actor, self.stack, Request::Shutdown { socket, how }) {
            Ok(Reply::State { .. }) => {}
            // Not open yet, or not any more.
            Err(error) if error.errno == Errno::ENOTCONN => self.fail(run, "Shutdown", &error),
            other => self.unexpected(run, "Shutdown", &other),
        }
    }

    fn close_now(&mut self, run: &mut Run, socket: SocketId) {
        self.note_premature_end(run, socket);
        self.phase = Phase::Done;
        self.shut = true;
        run.ledger.end_mut(self.id).finished = true;
        let (op, outcome) = run.call(self.actor, self.stack, Request::Close { socket });
        match outcome {
            Outcome::Parked => self.close = Some(op),
            Outcome::Done(Ok(Reply::State { .. })) => {}
            Outcome::Done(other) => self.unexpected(run, "Close", &other),
        }
    }

    // ---- mishaps

    /// A call gave an error that only a connection gives that failed.
    fn fail(&mut self, run: &mut Run, call: &str, error: &OpError) {
        if self.phase == Phase::Done {
            // Whatever was parked ends with the socket.
            return;
        }
        self.failed = true;
        let connection = &run.ledger.connections()[self.id.connection];
        if connection.excuse.is_none() {
            let detail = format_args!("{:?} {call}: {error}, with no event before", self.id);
            run.violate(Violation::new("a call fails for a reason", detail));
        }
        if let Phase::Connecting(socket) = self.phase {
            self.close_now(run, socket);
        }
    }

    fn failure_is_coming(&self, run: &Run) -> bool {
        matches!(self.phase, Phase::Open(socket) if run.failure_is_coming(self.stack, socket))
    }

    fn give_up(&mut self, run: &mut Run, why: &'static str) {
        run.ledger.excuse(self.id.connection, why);
        if let Phase::Connecting(socket) = self.phase {
            self.close_now(run, socket);
        }
    }

    fn unexpected(&mut self, run: &mut Run, call: &str, result: &Result<Reply, OpError>) {
        let detail = format_args!("{:?} {call} gave {result:?}", self.id);
        run.violate(Violation::new("a call gives what it promises", detail));
        self.phase = Phase::Done;
    }

    /// Ends the wait of calls, as callers do whose deadline has passed.
    fn maybe_cancel(&mut self, run: &mut Run) {
        let chance = self.plan.habits.cancels;
        if run.calm || !run.dice.chance(chance) {
            return;
        }
        if let (Some(op), Phase::Connecting(socket)) = (self.connect, self.phase)
            && run.cancel(op)
        {
            self.connect = None;
            self.phase = Phase::Open(socket);
        }
        if self.receive.is_some_and(|op| run.cancel(op)) {
            self.receive = None;
        }
        if self.send.is_some_and(|(op, _)| run.cancel(op)) {
            self.send = None;
        }
    }

    /// Makes a call that cannot succeed.
    fn maybe_nonsense(&mut self, run: &mut Run) {
        let Phase::Open(socket) = self.phase else { return };
        if run.calm || !run.dice.chance(self.plan.habits.nonsense) {
            return;
        }
        let remote = SocketAddr::new(address(0, run.ledger.connections()[self.id.connection].plan.family), 7);
        let wait = Wait::Park;
        let request = match run.dice.below(5) {
            0 => Request::Listen { socket, backlog: 1 },
            1 => Request::Connect { socket, remote, data: vec![], wait: Wait::Never },
            2 => Request::Accept { socket, wait },
            3 => Request::Bind { socket, local: remote },
            _ => Request::Recv { socket: SocketId(u64::MAX), max: 1, min: 1, peek: false, wait },
        };
        // A connection that failed gives its error to whoever calls next; the calls after it would miss that.
        if run.engine(self.stack).info(socket).is_none_or(|info| info.error.is_some() || info.tcp.is_none()) {
            return;
        }
        let name = format!("{request:?}");
        if let Ok(reply) = run.call_now(self.actor, self.stack, request) {
            run.violate(Violation::new(
                "a call that makes no sense fails",
                format_args!("{name} gave {reply:?}"),
            ));
        }
    }

    fn wait(&self) -> Wait {
        if self.plan.habits.parks { Wait::Park } else { Wait::Never }
    }

    fn lose_patience(&mut self) -> Duration {
        let patience = self.patience;
        self.patience = (patience * 2).min(PATIENCE_MAX);
        patience
    }
}

/// The call would have had to wait, or came before the connection was open.
fn asks_again(error: &OpError) -> bool {
    error.errno == Errno::EAGAIN
}

const NOBODYS_PORT: u16 = 9;
/// An abort does not wait longer for its octets.
const ABORT_AFTER: Duration = Duration::from_secs(20);
const PATIENCE_MIN: Duration = Duration::from_millis(1);
const PATIENCE_MAX: Duration = Duration::from_secs(1);
/// Calls made in a row before others have their turn.
const TURN_CALLS_MAX: usize = 64;
