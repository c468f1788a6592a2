//! The swarm: a random world for each seed, random callers in it, and judges that look at every event.
//!
//! ```text
//! faults on ──(1 to 60 s)──> faults off, no new mischief ──(everybody finishes)──> everything closed ──> nothing left
//!     safety: no law is ever broken          liveness: before a deadline            no leak
//! ```
//!
//! A run is a function of its seed. What it prints when it fails is enough to see what happened and to do it again.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use sockwright_engine::host::OpError;
use sockwright_engine::host::op::{Family, Reply};
use sockwright_engine::id::OpId;
use sockwright_engine::time::Instant;
use sockwright_link::impair::Impairments;

use crate::check::Violation;
use crate::text::stack_name;
use crate::world::StackId;

pub mod attacker;
pub mod datagrams;
pub mod dice;
pub mod ledger;
pub mod listener;
pub mod plan;
pub mod run;
pub mod stream;
#[cfg(test)]
mod tests;

use attacker::Attacker;
use datagrams::{Receiver, Sender};
use ledger::EndId;
use listener::Listener;
use plan::{MishapKind, Opening, Plan};
use run::{ActorId, Run};
use stream::Stream;

/// What is wanted of a run besides the verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Print everything that happens.
    pub verbose: bool,
    /// Hash everything that happens.
    pub digest: bool,
}

/// A seed that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Things that happened.
    pub outputs: u64,
    /// The hash of them all, where it was asked for.
    pub digest: u64,
    /// How long it took in the world's time.
    pub lasted: Duration,
}

/// A seed that failed.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The seed.
    pub seed: u64,
    /// What was violated.
    pub violation: Violation,
    /// When.
    pub at: Instant,
    /// The last things that happened.
    pub tail: Vec<String>,
}

/// Runs one seed.
pub fn run(seed: u64, settings: Settings) -> Result<Passed, Box<Failed>> {
    let plan = Plan::new(seed);
    if settings.verbose {
        println!("{plan:#?}");
    }
    let failed = |violation, at, tail| Box::new(Failed { seed, violation, at, tail });
    let mut run = match catch_unwind(|| Run::new(seed, plan, settings.verbose, settings.digest)) {
        Ok(Ok(run)) => run,
        Ok(Err(violation)) => return Err(failed(violation, Instant::ZERO, Vec::new())),
        Err(panic) => return Err(failed(panicked(panic), Instant::ZERO, Vec::new())),
    };
    // Whatever the panic left behind is only read.
    let result = catch_unwind(AssertUnwindSafe(|| Swarm::new(&mut run).drive()));
    let result = result.unwrap_or_else(|panic| Err(panicked(panic)));
    match run.violation().cloned().map_or(result, Err) {
        Ok(()) => {
            let (outputs, digest) = run.summary();
            Ok(Passed { outputs, digest, lasted: run.now().since(Instant::ZERO) })
        }
        Err(violation) => Err(failed(violation, run.now(), run.tail().collect())),
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} failed at {}", self.seed, self.at)?;
        writeln!(f, "  {}", self.violation)?;
        writeln!(f, "  the last {} things that happened:", self.tail.len())?;
        for line in &self.tail {
            writeln!(f, "    {line}")?;
        }
        write!(
            f,
            "  replay: cargo run --release -p sockwright-sim -- --seeds 1 --from {} --verbose",
            self.seed
        )
    }
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Violation {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    Violation::new("nothing panics", text.unwrap_or_default())
}

/// The actors of a run.
struct Swarm<'a> {
    run: &'a mut Run,
    actors: Vec<Actor>,
    steps: u64,
}

enum Actor {
    Stream(Stream),
    Listener(Listener),
    Sender(Sender),
    Receiver(Receiver),
    Attacker(Attacker),
}

impl<'a> Swarm<'a> {
    fn new(run: &'a mut Run) -> Swarm<'a> {
        let mut swarm = Swarm { run, actors: Vec::new(), steps: 0 };
        let plan = swarm.run.plan.clone();
        for stack in 0..plan.stacks {
            for (address, _) in plan.addresses(stack) {
                let family = Family::from(address);
                swarm.add(Duration::ZERO, |actor| {
                    Actor::Receiver(Receiver::new(actor, StackId(stack), family))
                });
            }
        }
        for (number, listener) in plan.listeners.iter().enumerate() {
            swarm
                .add(Duration::ZERO, |actor| Actor::Listener(Listener::new(actor, number, listener.clone())));
        }
        for (number, flow) in plan.flows.iter().enumerate() {
            swarm.add(flow.starts, |actor| Actor::Sender(Sender::new(actor, number, flow.clone())));
        }
        if let Some(pause) = plan.attacks {
            swarm.add(pause, |actor| Actor::Attacker(Attacker::new(actor, pause)));
        }
        for (number, connection) in plan.connections.iter().enumerate() {
            let openers: &[u32] = match &connection.opening {
                Opening::ToListener { from, .. } | Opening::ToNobody { from, .. } => &[*from],
                Opening::Crossing { ends } => &[ends[0].0, ends[1].0],
            };
            for (side, stack) in openers.iter().enumerate() {
                let id = EndId { connection: number, side };
                let side = connection.sides[side].clone();
                swarm.add(connection.starts, |actor| {
                    Actor::Stream(Stream::opener(actor, id, StackId(*stack), side))
                });
            }
            if matches!(connection.opening, Opening::ToNobody { .. }) {
                swarm.run.ledger.excuse(number, "nobody listens");
            }
        }
        swarm
    }

    fn add(&mut self, starts: Duration, make: impl FnOnce(ActorId) -> Actor) {
        let id = ActorId(self.actors.len());
        self.actors.push(make(id));
        self.run.wake_in(id, starts);
    }

    fn drive(mut self) -> Result<(), Violation> {
        let began = self.run.now();
        let (weather, mishaps) = (self.run.plan.weather.clone(), self.run.plan.mishaps.clone());
        let (mut weather, mut mishaps) = (weather.iter().peekable(), mishaps.iter().peekable());
        loop {
            let change = weather.peek().map(|change| change.at);
            let mishap = mishaps.peek().map(|mishap| mishap.at);
            let Some(at) = change.into_iter().chain(mishap).min() else { break };
            self.until(began + at, |_| false)?;
            if let Some(change) = weather.next_if(|change| change.at == at) {
                self.impair(change.from, change.impairments)?;
            } else if let Some(mishap) = mishaps.next() {
                self.befall(StackId(mishap.stack), mishap.kind);
            }
        }
        self.until(began + self.run.plan.faults_for, |_| false)?;
        self.run.calm = true;
        self.impair(None, self.run.plan.calm())?;
        let deadline = self.run.now() + PATIENCE;
        self.until(deadline, Self::is_finished)?;
        self.abandon_the_hopeless()?;
        self.close_everything();
        let deadline = self.run.now() + PATIENCE;
        self.until(deadline, Self::is_empty)?;
        self.verdict()
    }

    /// Lets a mishap befall a host, and whoever is on it.
    fn befall(&mut self, stack: StackId, kind: MishapKind) {
        match kind {
            MishapKind::Leap(by) => self.run.leap(stack, by),
            MishapKind::Restart => {
                self.run.restart(stack);
                for actor in &mut self.actors {
                    actor.restarted(self.run, stack);
                }
            }
        }
    }

    /// Changes what the link does to the frames of one stack, or of all.
    fn impair(&mut self, from: Option<u32>, impairments: Impairments) -> Result<(), Violation> {
        let (world, link) = (&mut self.run.world, self.run.link);
        let changed = match from {
            Some(stack) => world.set_impairments_from(link, StackId(stack), impairments),
            None => world.set_impairments(link, impairments),
        };
        changed.map_err(|error| Violation::new("a world can be made", error))
    }

    /// Goes on until `time`, or until `enough`.
    fn until(&mut self, time: Instant, enough: impl Fn(&Self) -> bool) -> Result<(), Violation> {
        while !enough(self) {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Err(Violation::new("a storm ends", format_args!("{STEPS_MAX} steps")));
            }
            let (wake, next) = (self.run.next_wake(), self.run.world.next_time());
            match (wake, next) {
                (_, Some(next)) if next <= time && wake.is_none_or(|wake| next <= wake) => {
                    self.run.step();
                }
                (Some(wake), _) if wake <= time => {
                    self.run.advance_to(wake);
                    if let Some(actor) = self.run.pop_wake() {
                        self.with(actor, Actor::wake);
                    }
                }
                (None, None) => break,
                _ => {
                    self.run.advance_to(time);
                    break;
                }
            }
            self.tell_completions();
            if let Some(violation) = self.run.violation() {
                return Err(violation.clone());
            }
        }
        Ok(())
    }

    fn tell_completions(&mut self) {
        while let Some((actor, completion)) = self.run.next_completion() {
            self.with(actor, |actor, run| actor.completed(run, completion.op, completion.result));
        }
    }

    fn with(&mut self, actor: ActorId, act: impl FnOnce(&mut Actor, &mut Run)) {
        act(&mut self.actors[actor.0], self.run);
        let Actor::Listener(listener) = &mut self.actors[actor.0] else { return };
        for (id, socket) in listener.take_accepted() {
            let plan = self.run.ledger.connections()[id.connection].plan.sides[id.side].clone();
            let stack = self.run.ledger.end(id).socket.map_or(StackId(0), |(stack, _)| stack);
            self.add(Duration::ZERO, |actor| Actor::Stream(Stream::accepted(actor, id, stack, plan, socket)));
        }
    }

    fn is_finished(&self) -> bool {
        // A datagram may still be on its way.
        let quiet = self.run.world.frames_in_flight() == 0;
        quiet
            && self.actors.iter().all(|actor| match actor {
                Actor::Stream(stream) => stream.is_done(),
                Actor::Listener(listener) => listener.is_idle(self.run),
                Actor::Sender(sender) => sender.is_done(),
                Actor::Receiver(_) | Actor::Attacker(_) => true,
            })
            && self.run.ledger.connections().iter().all(|connection| {
                // A connection that nobody accepted yet is still to be.
                let never = connection.excuse.is_some();
                never || connection.ends.iter().all(|end| end.attended)
            })
    }

    /// Parts of datagrams that never became whole are forgotten in their own time.
    fn is_empty(&self) -> bool {
        self.run.world.stacks().all(|stack| self.run.engine(stack).sockets().is_empty())
            && self.run.world.next_time().is_none()
    }

    /// Whoever waits for a peer that is gone, and has no keep-alive to tell it, is closed. Nobody else may still wait.
    fn abandon_the_hopeless(&mut self) -> Result<(), Violation> {
        for number in 0..self.actors.len() {
            let Actor::Stream(stream) = &mut self.actors[number] else { continue };
            if stream.is_done() {
                continue;
            }
            if !stream.is_hopeless(self.run) {
                let detail = stream.describe(self.run);
                return Err(Violation::new("without faults everybody finishes", detail));
            }
            stream.abandon(self.run);
        }
        self.tell_completions();
        if let Some(stuck) = self.actors.iter().find_map(|actor| match actor {
            Actor::Listener(listener) if !listener.is_idle(self.run) => Some(listener),
            _ => None,
        }) {
            return Err(Violation::new("without faults everybody is accepted", format_args!("{stuck:?}")));
        }
        self.run.violation().cloned().map_or(Ok(()), Err)
    }

    fn close_everything(&mut self) {
        for actor in &mut self.actors {
            match actor {
                Actor::Listener(listener) => listener.close(self.run),
                Actor::Receiver(receiver) => receiver.close(self.run),
                Actor::Stream(_) | Actor::Sender(_) | Actor::Attacker(_) => {}
            }
        }
        self.tell_completions();
    }

    fn verdict(&self) -> Result<(), Violation> {
        for stack in self.run.world.stacks() {
            let engine = self.run.engine(stack);
            if let Some(socket) = engine.sockets().first() {
                let detail = format!("stack {} still has {:?}", stack_name(stack), engine.info(*socket));
                return Err(Violation::new("no socket is leaked", detail));
            }
        }
        // Fragments of a datagram, the rest of which was lost, are kept for a minute.
        let soon = self.run.world.now() + Duration::from_secs(60);
        if let Some(next) = self.run.world.next_time().filter(|next| *next > soon) {
            return Err(Violation::new("nothing is left to do", format_args!("but at {next}")));
        }
        if self.run.calls_waiting() > 0 {
            let detail = format_args!("{} never ended", self.run.calls_waiting());
            return Err(Violation::new("each call ends with its socket", detail));
        }
        self.run.ledger.verdict()?;
        if self.run.plan.is_lossless() { self.run.flows.verdict_lossless() } else { Ok(()) }
    }
}

impl Actor {
    fn wake(&mut self, run: &mut Run) {
        match self {
            Actor::Stream(stream) => stream.wake(run),
            Actor::Listener(listener) => listener.wake(run),
            Actor::Sender(sender) => sender.wake(run),
            Actor::Receiver(receiver) => receiver.wake(run),
            Actor::Attacker(attacker) => attacker.wake(run),
        }
    }

    /// A host restarted: its sockets are gone.
    fn restarted(&mut self, run: &mut Run, stack: StackId) {
        match self {
            Actor::Stream(stream) if stream.stack() == stack => stream.restarted(),
            Actor::Listener(listener) if listener.stack() == stack => listener.restarted(run),
            Actor::Sender(sender) if sender.stack() == stack => sender.restarted(),
            Actor::Receiver(receiver) if receiver.stack() == stack => receiver.restarted(run),
            _ => {}
        }
    }

    fn completed(&mut self, run: &mut Run, op: OpId, result: Result<Reply, OpError>) {
        match self {
            Actor::Stream(stream) => stream.completed(run, op, result),
            Actor::Listener(listener) => listener.completed(run, op, result),
            Actor::Sender(_) | Actor::Attacker(_) => {}
            Actor::Receiver(receiver) => receiver.completed(run, op, result),
        }
    }
}

/// How long everybody has to finish once there are no more faults.
const PATIENCE: Duration = Duration::from_secs(4 * 3600);
/// More than any world needs.
const STEPS_MAX: u64 = 5_000_000;
