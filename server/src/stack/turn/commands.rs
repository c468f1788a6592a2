//! Commands: what clients and the server ask of a thread, calls on sockets aside.

use sockwright_engine::counters::Counters;
use sockwright_engine::host::SocketInfo;
use sockwright_engine::host::op::{Outcome, Request};
use sockwright_engine::id::{SessionId, SocketId};
use sockwright_engine::tcp::state::State;
use sockwright_proto::v1::Position;
use sockwright_sim::StackId;
use tokio::sync::oneshot;

use super::{Advancing, OWN_CALL, Thread};
use crate::access::owner::{no_session_of, owner_of};
use crate::metrics::{Counted, Totals};
use crate::stack::command::{At, Command, Description, Inspection, Policy, StackDescription, Stop};
use crate::stack::site::Site;

impl<S: Site> Thread<S> {
    /// Whether some may be left.
    pub(super) fn take_commands(&mut self) -> bool {
        for number in 0..COMMANDS_PER_TURN {
            let Some(command) = self.inbox.next() else { return false };
            if number == 0 {
                self.last_message = Some(std::time::Instant::now());
            }
            // Asked again for each: whoever watches before he calls is to see what the call does.
            self.tell_interest();
            self.carry_out(command);
            if self.stopped.is_some() {
                return false;
            }
        }
        true
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Call(call) => {
                self.site.called();
                self.call(call);
            }
            Command::Cancel { op, socket } => self.cancel(op, socket),
            Command::Restore { stack, socket, reply, turn } => {
                self.take_back(stack, socket, reply);
                if let Some(turn) = turn {
                    let next = self.order.over(socket, &turn);
                    self.go_on(next);
                }
            }
            Command::TurnOver { socket, turn } => {
                let next = self.order.over(socket, &turn);
                self.go_on(next);
            }
            Command::Inspect { stack, socket, answer } => {
                self.site.called();
                let inspection = self.inspect(stack, socket);
                self.answer(answer, inspection);
            }
            // It takes no effect either, and what arrived is behind no event that somebody waits for.
            Command::HasHeard { stack, socket, remote, answer } => {
                let now = self.site.now();
                let heard = self.site.engine(stack).is_some_and(|at| at.has_heard(now, socket, remote));
                _ = answer.send(heard);
            }
            Command::Describe { answer } => {
                let description = self.describe();
                self.answer(answer, description);
            }
            // Nothing took effect that would have a position: it is answered at once.
            Command::Count { answer } => _ = answer.send(self.counted()),
            Command::Advance { how, answer } => {
                self.site.called();
                match self.site.begin_advance(how) {
                    Ok(goal) => self.advances.push_back(Advancing { goal, answer }),
                    Err(error) => _ = answer.send(Err(error)),
                }
            }
            Command::SetClock { clock, answer } => {
                self.site.called();
                self.site.set_clock(clock);
                let now = self.site.now();
                self.answer(answer, now);
            }
            Command::Impair { link, impairments, answer } => {
                let there = self.site.set_impairments(link, *impairments);
                self.answer(answer, there);
            }
            Command::Record { room, answer } => {
                self.tap.record(room);
                // What the call of next comes with is told already.
                self.tell_interest();
                self.answer(answer, ());
            }
            Command::StartTraffic { plan, feed, at_most, answer, session } => {
                self.site.called();
                if !answer.is_closed() {
                    let urgent = self.urgent.clone();
                    let started = self.traffic.start(*plan, feed, at_most, &mut self.site, urgent);
                    self.collect();
                    // If nobody waits any more, what has begun is dropped here, which cancels it.
                    let release = move |at| _ = answer.send(started.map(|value| At { value, at }));
                    self.answers.push((self.happened.len(), Box::new(release)));
                }
                drop(session);
            }
            Command::CancelTraffic { key } => {
                self.site.called();
                self.traffic.cancel(&mut self.site, key);
            }
            Command::EndSession { session, policy, answer } => {
                self.site.called();
                let treated = self.end_session(session, policy);
                self.traffic.end_session(session, policy, no_session_of(owner_of(session)));
                self.answer(answer, treated);
            }
            #[cfg(test)]
            Command::Panic => panic!("as the test asked"),
            Command::Stop { how, answer } => self.stop(how, answer),
        }
        self.collect();
    }

    fn inspect(&self, stack: StackId, socket: SocketId) -> Option<Inspection> {
        let engine = self.site.engine(stack)?;
        let (info, options) = (engine.info(socket)?, engine.options(socket)?.clone());
        Some(Inspection { info, options, now: self.site.now() })
    }

    fn counted(&self) -> Counted {
        Counted { totals: self.totals(), parked: self.parked.len(), workloads: self.traffic.running() }
    }

    /// What was counted since the beginning, of all stacks together.
    pub(super) fn totals(&self) -> Totals {
        let mut counters = Counters::default();
        for stack in self.site.stacks() {
            if let Some(engine) = self.site.engine(stack) {
                counters += engine.counters();
            }
        }
        let (frames_lost, limits_hit) = (self.site.frames_lost(), self.site.limits_hit());
        Totals { counters, frames_lost, limits_hit, turns: self.turns.clone() }
    }

    fn describe(&self) -> Description {
        let describe = |stack| {
            let engine = self.site.engine(stack)?;
            Some(StackDescription {
                stack,
                sockets: engine.sockets().len(),
                interfaces: engine.interfaces().to_vec(),
                routes: engine.routes().to_vec(),
                counters: engine.counters().clone(),
                frames_lost: self.site.frames_lost(),
            })
        };
        Description {
            now: self.site.now(),
            stacks: self.site.stacks().into_iter().filter_map(describe).collect(),
            limits_hit: self.site.limits_hit(),
            recorded_at_most: self.tap.recorded_at_most(),
        }
    }

    /// Treats the sockets of a session, and says how many there were.
    fn end_session(&mut self, session: SessionId, policy: Policy) -> u32 {
        let mut treated = 0;
        let nobody = no_session_of(owner_of(session));
        for stack in self.site.stacks() {
            for socket in self.sockets_of(stack, session) {
                let request = match policy {
                    Policy::Reset => Request::Abort { socket },
                    Policy::Fin => Request::Close { socket },
                    Policy::Vanish => Request::Vanish { socket },
                    Policy::Keep => Request::Reassign { socket, session: nobody },
                };
                let outcome = self.site.op(stack, OWN_CALL, request);
                match outcome {
                    // With a linger time; nobody waits for it.
                    Outcome::Parked => self.site.cancel(stack, OWN_CALL),
                    Outcome::Done(Ok(_)) if policy == Policy::Keep => self.hub.reassign(socket, nobody),
                    Outcome::Done(Ok(_)) => {}
                    // Closed by its caller before, or gone with its listener.
                    Outcome::Done(Err(_)) => continue,
                }
                treated += 1;
                self.collect();
            }
        }
        treated
    }

    fn sockets_of(&self, stack: StackId, session: SessionId) -> Vec<SocketId> {
        let Some(engine) = self.site.engine(stack) else { return Vec::new() };
        let mut sockets = engine.sockets();
        sockets.retain(|socket| engine.info(*socket).is_some_and(|info| info.session == session));
        sockets
    }

    fn stop(&mut self, how: Stop, answer: oneshot::Sender<Position>) {
        match how {
            Stop::WhenClosed => {
                self.ends_when_closed = true;
                self.traffic.end_all();
                self.answers.push((self.happened.len(), Box::new(move |at| _ = answer.send(at))));
                return;
            }
            Stop::Reset => {
                for stack in self.site.stacks() {
                    for socket in self.site.engine(stack).map(|engine| engine.sockets()).unwrap_or_default() {
                        self.site.op(stack, OWN_CALL, Request::Abort { socket });
                        self.collect();
                    }
                }
            }
            Stop::Silently => {}
        }
        self.stopped = Some(Some(answer));
    }

    pub(super) fn has_connections(&self) -> bool {
        let open = |info: SocketInfo| {
            info.tcp_state.is_some_and(|state| !matches!(state, State::Closed | State::Listen))
        };
        self.site
            .stacks()
            .into_iter()
            .filter_map(|stack| self.site.engine(stack))
            .any(|engine| engine.sockets().into_iter().any(|socket| engine.info(socket).is_some_and(open)))
    }
}

/// Messages carried out in one turn.
const COMMANDS_PER_TURN: usize = 256;
