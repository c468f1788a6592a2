//! A seed under way: the world, its judges, and the calls that wait, in one place for the actors to work with.
//!
//! After every call and every step everything the world has to say is taken in: judged first, then kept for the
//! actors. The first violation stops the run; the last outputs before it are the story of how it came about.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use sockwright_engine::event::Interest;
use sockwright_engine::host::op::{Completion, Outcome, Reply, Request};
use sockwright_engine::host::{Config, Engine, OpError};
use sockwright_engine::id::{IdSource, OpId, SocketId};
use sockwright_engine::rng::Rng;
use sockwright_engine::time::Instant;

use super::datagrams::Flows;
use super::ledger::Ledger;
use super::plan::Plan;
use crate::check::{Laws, Violation};
use crate::output::Output;
use crate::text::{Brief, stack_name};
use crate::world::{LinkConfig, LinkIndex, StackId, World};

/// Names an actor: its place among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActorId(pub usize);

/// A seed under way.
pub struct Run {
    /// The world.
    pub world: World,
    /// Its link.
    pub link: LinkIndex,
    /// What the plan says.
    pub plan: Plan,
    /// What was asked of each connection.
    pub ledger: Ledger,
    /// What was asked of each flow of datagrams.
    pub flows: Flows,
    /// Dice for the actors.
    pub dice: Rng,
    /// Whether new faults and new calls are over.
    pub calm: bool,
    laws: Laws,
    violation: Option<Violation>,
    ids: IdSource,
    calls: BTreeMap<OpId, (StackId, ActorId)>,
    calls_made: u64,
    completions: VecDeque<(StackId, Completion)>,
    wakes: BTreeSet<(Instant, ActorId)>,
    tail: VecDeque<Output>,
    digest: Option<Digest>,
    verbose: bool,
    outputs: u64,
}

impl Run {
    /// The world of a plan, before anything happens in it.
    pub fn new(seed: u64, plan: Plan, verbose: bool, digest: bool) -> Result<Run, Violation> {
        let mut world = World::new(seed);
        let ids = IdSource::new();
        let members: Vec<_> = (0..plan.stacks)
            .map(|number| {
                let stack = world.add_stack(Config::default(), ids.clone());
                (stack, plan.addresses(number))
            })
            .collect();
        for (stack, _) in &members {
            if let Some(engine) = world.engine_mut(*stack) {
                engine.set_interest(Interest::ALL);
            }
        }
        let (impairments, mtu, segmentation_offload) = (plan.faults, plan.mtu, plan.segmentation_offload);
        let config = LinkConfig { impairments, mtu, segmentation_offload };
        let link =
            world.add_link(config, &members).map_err(|error| Violation::new("a world can be made", error))?;
        for ((stack, _), line) in members.iter().zip(&plan.lines) {
            world
                .set_impairments_from(link, *stack, *line)
                .map_err(|error| Violation::new("a world can be made", error))?;
        }
        let ledger = Ledger::new(&plan.connections, plan.listeners.len(), seed);
        let flows = Flows::new(&plan.flows, seed);
        Ok(Run {
            world,
            link,
            plan,
            ledger,
            flows,
            dice: Rng::from_u64(seed ^ ACTOR_SALT),
            calm: false,
            laws: Laws::default(),
            violation: None,
            ids,
            calls: BTreeMap::new(),
            calls_made: 0,
            completions: VecDeque::new(),
            wakes: BTreeSet::new(),
            tail: VecDeque::new(),
            digest: digest.then(Digest::default),
            verbose,
            outputs: 0,
        })
    }

    // ---- for actors

    /// The time.
    pub fn now(&self) -> Instant {
        self.world.now()
    }

    /// A stack's engine.
    ///
    /// # Panics
    /// If there is none: the plan makes them all at the start.
    pub fn engine(&self, stack: StackId) -> &Engine {
        self.world.engine(stack).expect("stacks are never removed")
    }

    /// Makes a call for an actor, who is told of its completion if it parks.
    pub fn call(&mut self, actor: ActorId, stack: StackId, request: Request) -> (OpId, Outcome) {
        self.calls_made += 1;
        let op = OpId(self.calls_made);
        if self.verbose {
            println!("{} {} op {op} {}", self.now(), stack_name(stack), brief(&request));
        }
        self.calls.insert(op, (stack, actor));
        let sends = if let Request::Send { socket, .. } = &request { Some(*socket) } else { None };
        let outcome = self.world.op(stack, op, request);
        if let Outcome::Done(result) = &outcome {
            self.calls.remove(&op);
            if self.verbose {
                println!("{} {} op {op} {}", self.now(), stack_name(stack), Brief(result));
            }
            if let (Some(socket), Ok(Reply::Sent { accepted })) = (sends, result) {
                self.ledger.sent(stack, socket, *accepted);
            }
            if let Some(digest) = &mut self.digest {
                digest.add(format!("{op} {result:?}").as_bytes());
            }
        }
        self.absorb();
        (op, outcome)
    }

    /// Makes a call that never parks.
    pub fn call_now(&mut self, actor: ActorId, stack: StackId, request: Request) -> Result<Reply, OpError> {
        let name = format!("{request:?}");
        match self.call(actor, stack, request) {
            (_, Outcome::Done(result)) => result,
            (op, Outcome::Parked) => {
                self.violate(Violation::new("this call never parks", name));
                self.cancel(op);
                Ok(Reply::Done)
            }
        }
    }

    /// Ends the wait of a call. False where it has ended already, and its completion is about to be told.
    pub fn cancel(&mut self, op: OpId) -> bool {
        let ended = self.completions.iter().any(|(_, completion)| completion.op == op);
        let Some((stack, _)) = self.calls.get(&op).copied().filter(|_| !ended) else { return false };
        if self.verbose {
            println!("{} {} op {op} cancelled", self.now(), stack_name(stack));
        }
        self.calls.remove(&op);
        self.world.cancel_op(stack, op);
        self.absorb();
        true
    }

    /// Whether a call on a socket failed, and its caller is about to be told.
    pub fn failure_is_coming(&self, stack: StackId, socket: SocketId) -> bool {
        self.completions
            .iter()
            .any(|(at, completion)| *at == stack && completion.socket == socket && completion.result.is_err())
    }

    /// Puts back what a call gave.
    pub fn restore(&mut self, stack: StackId, socket: SocketId, reply: Reply) {
        if self.verbose {
            println!("{} {} #{socket} restored", self.now(), stack_name(stack));
        }
        self.world.restore(stack, socket, reply);
        self.absorb();
    }

    /// A stack loses all it knew and begins anew.
    pub fn restart(&mut self, stack: StackId) {
        if self.verbose {
            println!("{} {} restarts", self.now(), stack_name(stack));
        }
        self.calls.retain(|_, (at, _)| *at != stack);
        self.completions.retain(|(at, _)| *at != stack);
        self.ledger.restarted(stack);
        match self.world.restart_stack(stack, Config::default(), self.ids.clone()) {
            Ok(()) => {}
            Err(error) => self.violate(Violation::new("a stack can restart", error)),
        }
        if let Some(engine) = self.world.engine_mut(stack) {
            engine.set_interest(Interest::ALL);
        }
        self.absorb();
    }

    /// A stack's clock leaps ahead.
    pub fn leap(&mut self, stack: StackId, by: Duration) {
        let from = self.world.clock(stack);
        if self.verbose {
            println!("{} {} leaps by {by:?}", self.now(), stack_name(stack));
        }
        self.laws.leaps(stack, from, from + by);
        self.ledger.leapt(stack, by);
        self.world.leap_clock(stack, by);
    }

    /// Lets a frame arrive that none of the others sent.
    pub fn inject(&mut self, stack: StackId, frame: &[u8]) {
        if self.verbose {
            println!("{} {} injected", self.now(), stack_name(stack));
        }
        self.world.inject(self.link, stack, frame);
        self.absorb();
    }

    /// An actor wants to act at `at`, or now if that has passed.
    pub fn wake_at(&mut self, actor: ActorId, at: Instant) {
        self.wakes.insert((at.max(self.now()), actor));
    }

    /// An actor wants to act after some time.
    pub fn wake_in(&mut self, actor: ActorId, time: Duration) {
        self.wake_at(actor, self.now() + time);
    }

    /// Something is wrong. The first violation counts.
    pub fn violate(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    /// As [`Run::violate`], if it is one.
    pub fn judge(&mut self, result: Result<(), Violation>) {
        if let Err(violation) = result {
            self.violate(violation);
        }
    }

    // ---- for whoever runs it

    /// The violation, if there is one.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The next completion that an actor is to be told of.
    pub fn next_completion(&mut self) -> Option<(ActorId, Completion)> {
        let (stack, completion) = self.completions.pop_front()?;
        match self.calls.remove(&completion.op) {
            Some((of, actor)) if of == stack => Some((actor, completion)),
            _ => {
                let detail = format_args!("{completion:?}");
                let violation = Violation::new("a completion is of a call that waits", detail);
                self.violate(violation);
                None
            }
        }
    }

    /// When the next actor acts.
    pub fn next_wake(&self) -> Option<Instant> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// The actor that acts now, if nothing else happens before.
    pub fn pop_wake(&mut self) -> Option<ActorId> {
        self.wakes.pop_first().map(|(_, actor)| actor)
    }

    /// Lets the world do the next thing.
    pub fn step(&mut self) -> bool {
        let stepped = self.world.step();
        self.absorb();
        stepped
    }

    /// Moves the clock to when an actor acts.
    pub fn advance_to(&mut self, at: Instant) {
        self.world.advance_to(at);
        self.absorb();
    }

    /// Calls that wait.
    pub fn calls_waiting(&self) -> usize {
        self.calls.len()
    }

    /// Everything that happened so far, in number and as a hash.
    pub fn summary(&self) -> (u64, u64) {
        (self.outputs, self.digest.as_ref().map_or(0, |digest| digest.0))
    }

    /// The last things that happened, a line each.
    pub fn tail(&self) -> impl Iterator<Item = String> + '_ {
        self.tail.iter().map(ToString::to_string)
    }

    fn absorb(&mut self) {
        while let Some(output) = self.world.poll_output() {
            self.outputs += 1;
            if let Some(digest) = &mut self.digest {
                digest.output(&output);
            }
            if self.verbose {
                println!("{output}");
            }
            if self.violation.is_none() {
                let judged = self.laws.check(&self.world, &output).and_then(|()| self.ledger.output(&output));
                if let Output::Completion { stack, completion, .. } = &output {
                    // On one stack what was sent may be received before its sender is told.
                    if let Ok(Reply::Sent { accepted }) = &completion.result {
                        self.ledger.sent(*stack, completion.socket, *accepted);
                    }
                    self.completions.push_back((*stack, completion.clone()));
                }
                self.tail.push_back(output);
                if self.tail.len() > TAIL {
                    self.tail.pop_front();
                }
                self.judge(judged);
            }
        }
        let judged = self.laws.after_input(&self.world);
        self.judge(judged);
    }
}

/// A hash of everything that happened (FNV-1a).
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Digest(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn add(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = (self.0 ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn output(&mut self, output: &Output) {
        let mut text = String::new();
        let _ = write!(text, "{output:?}");
        self.add(text.as_bytes());
    }
}

/// A request without its data.
fn brief(request: &Request) -> String {
    match request {
        Request::Send { socket, data, urgent, wait } => {
            let urgent = if *urgent { " urgent" } else { "" };
            format!("Send #{socket} {}{urgent} octets, {wait:?}", data.len())
        }
        Request::SendTo { socket, remote, data } => {
            format!("SendTo #{socket} {remote} {} octets", data.len())
        }
        other => format!("{other:?}"),
    }
}

/// Outputs kept for the story.
const TAIL: usize = 40;
const ACTOR_SALT: u64 = 0x00ac_7012;
