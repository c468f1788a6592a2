//! Somebody who listens and accepts, sometimes slowly, sometimes changing its mind.

use std::net::SocketAddr;
use std::time::Duration;

use sockwright_engine::host::op::{Outcome, Reply, Request, SocketKind, Wait};
use sockwright_engine::host::{Errno, OpError};
use sockwright_engine::id::{OpId, SessionId, SocketId};
use sockwright_engine::time::Instant;

use super::dice::Dice;
use super::ledger::EndId;
use super::plan::{ListenerPlan, address};
use super::run::{ActorId, Run};
use crate::check::Violation;
use crate::world::StackId;

/// Somebody who listens.
#[derive(Debug)]
pub struct Listener {
    actor: ActorId,
    number: usize,
    stack: StackId,
    plan: ListenerPlan,
    socket: Option<SocketId>,
    accept: Option<OpId>,
    accept_at: Instant,
    /// Put back; the next one accepted must be it.
    restored: Option<SocketId>,
    closed: bool,
    accepted: Vec<(EndId, SocketId)>,
}

impl Listener {
    /// The listener of that number in the plan.
    pub fn new(actor: ActorId, number: usize, plan: ListenerPlan) -> Listener {
        Listener {
            actor,
            number,
            stack: StackId(plan.stack),
            plan,
            socket: None,
            accept: None,
            accept_at: Instant::ZERO,
            restored: None,
            closed: false,
            accepted: Vec::new(),
        }
    }

    /// Where it is.
    pub fn stack(&self) -> StackId {
        self.stack
    }

    /// Its host restarted: it listens again, at once.
    pub fn restarted(&mut self, run: &mut Run) {
        (self.socket, self.accept, self.restored) = (None, None, None);
        self.wake(run);
    }

    /// Who was accepted since the last time this was asked.
    pub fn take_accepted(&mut self) -> Vec<(EndId, SocketId)> {
        std::mem::take(&mut self.accepted)
    }

    /// Whether nobody waits to be accepted.
    pub fn is_idle(&self, run: &Run) -> bool {
        let info = self.socket.and_then(|socket| run.engine(self.stack).info(socket));
        info.and_then(|info| info.queues).is_none_or(|queues| queues.half_open + queues.accept_queue == 0)
    }

    /// Its time has come.
    pub fn wake(&mut self, run: &mut Run) {
        if self.closed {
            return;
        }
        if self.socket.is_none() {
            self.listen(run);
        }
        if self.plan.closes.is_some_and(|closes| run.now() >= Instant::ZERO + closes) {
            return self.close(run);
        }
        if !run.calm
            && run.dice.chance(self.plan.habits.cancels)
            && self.accept.is_some_and(|op| run.cancel(op))
        {
            self.accept = None;
        }
        self.go(run);
    }

    /// Its accept ended.
    pub fn completed(&mut self, run: &mut Run, op: OpId, result: Result<Reply, OpError>) {
        if self.accept == Some(op) {
            self.accept = None;
            self.accepted(run, result);
        }
        self.go(run);
    }

    /// Stops to listen.
    pub fn close(&mut self, run: &mut Run) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        run.ledger.listener_closes(self.number);
        let Some(socket) = self.socket else { return };
        let closed = run.call_now(self.actor, self.stack, Request::Close { socket });
        if !matches!(closed, Ok(Reply::State { .. })) {
            self.unexpected(run, "Close", &closed);
        }
    }

    fn listen(&mut self, run: &mut Run) {
        let plan = &self.plan;
        let create = Request::Create {
            kind: SocketKind::Stream,
            family: plan.family,
            session: SessionId(1),
            label: "".into(),
            options: plan.options.clone(),
        };
        let (port, backlog) = (plan.port, plan.backlog);
        let local = SocketAddr::new(address(plan.stack, plan.family), port);
        let socket = match run.call_now(self.actor, self.stack, create) {
            Ok(Reply::Created { socket }) => socket,
            other => return self.unexpected(run, "Create", &other),
        };
        self.socket = Some(socket);
        for request in [Request::Bind { socket, local }, Request::Listen { socket, backlog }] {
            let name = format!("{request:?}");
            let result = run.call_now(self.actor, self.stack, request);
            if result != Ok(Reply::Named { local }) {
                return self.unexpected(run, &name, &result);
            }
        }
        if let Some(closes) = self.plan.closes {
            run.wake_at(self.actor, Instant::ZERO + closes);
        }
    }

    fn go(&mut self, run: &mut Run) {
        let Some(socket) = self.socket else { return };
        while !self.closed && self.accept.is_none() && self.accept_at <= run.now() {
            let wait = if self.plan.habits.parks { Wait::Park } else { Wait::Never };
            match run.call(self.actor, self.stack, Request::Accept { socket, wait }) {
                (op, Outcome::Parked) => self.accept = Some(op),
                (_, Outcome::Done(result)) => self.accepted(run, result),
            }
            if run.violation().is_some() {
                return;
            }
        }
        if self.closed {
            return;
        }
        if self.accept.is_none() {
            run.wake_at(self.actor, self.accept_at);
        } else if self.plan.habits.cancels > 0.0 && !run.calm {
            let time = Duration::from_micros(run.dice.log(1_000, 3_000_000));
            run.wake_in(self.actor, time);
        }
    }

    fn accepted(&mut self, run: &mut Run, result: Result<Reply, OpError>) {
        let (child, local, remote) = match result {
            Ok(Reply::Accepted { socket, local, remote }) => (socket, local, remote),
            Err(error) if error.errno == Errno::EAGAIN => {
                self.accept_at = run.now() + POLL;
                return;
            }
            Err(error) if error.errno == Errno::ECONNABORTED && self.closed => return,
            other => return self.unexpected(run, "Accept", &other),
        };
        if self
            .restored
            .take()
            .is_some_and(|restored| restored != child && run.engine(self.stack).info(restored).is_some())
        {
            run.violate(Violation::new(
                "what is restored is first again",
                format_args!("Accept gave #{child}"),
            ));
        }
        self.accept_at = run.now() + self.plan.pause;
        if run.dice.chance(self.plan.habits.restores)
            && let Some(socket) = self.socket
        {
            self.restored = Some(child);
            let reply = Reply::Accepted { socket: child, local, remote };
            return run.restore(self.stack, socket, reply);
        }
        let id = run.ledger.end_of(self.stack, child);
        let Some(id) = id.filter(|id| id.side == 1) else {
            let detail = format_args!("#{child} {remote}");
            return run.violate(Violation::new("what is accepted was opened", detail));
        };
        if !run.ledger.end(id).attended && run.ledger.end(id).socket == Some((self.stack, child)) {
            run.ledger.end_mut(id).attended = true;
            return self.accepted.push((id, child));
        }
        // An old duplicate of a SYN opens a connection again, as long as its first life left no TIME-WAIT.
        if !run.ledger.end(id).over {
            let detail = format_args!("#{child} {id:?}");
            return run.violate(Violation::new("a connection is accepted once", detail));
        }
        let aborted = run.call_now(self.actor, self.stack, Request::Abort { socket: child });
        if aborted.is_err() {
            self.unexpected(run, "Abort", &aborted);
        }
    }

    fn unexpected(&mut self, run: &mut Run, call: &str, result: &Result<Reply, OpError>) {
        let detail = format_args!("listener {} {call} gave {result:?}", self.number);
        run.violate(Violation::new("a call gives what it promises", detail));
    }
}

/// How often somebody asks who does not wait.
const POLL: Duration = Duration::from_millis(100);
