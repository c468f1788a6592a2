//! One turn of an engine's thread: now → commands → frames → timers → transmits → completions → events → sleep.
//!
//! Each step has a budget, so that no client and no peer can keep the thread from the others. Whatever the engines
//! have to say is collected in the order in which it happened and published at the end of the turn; only then are
//! answers released, each with the position right behind the last event that its call caused:
//!
//! ```text
//! commands   Connect on a     -> events 41, 42                 parked
//! frames     SYN,ACK for a    -> events 43, 44, 45             Connect completes: at 45
//! publish    41..=45          -> watchers, then the answers
//! ```

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sockwright_engine::event::{Event, EventKind, Interest};
use sockwright_engine::host::op::{Completion, Outcome, Reply, Request};
use sockwright_engine::host::{Errno, OpError};
use sockwright_engine::id::{OpId, SessionId, SocketId};
use sockwright_engine::tcp::state::State;
use sockwright_engine::time::Instant;
use sockwright_proto::v1::Position;
use sockwright_sim::{Output, StackId};
use tokio::sync::oneshot;

use super::attached::Attached;
use super::command::{
    AdvanceError, Advanced, Answer, At, Call, Command, Description, Inspection, Policy, StackDescription,
    Stop,
};
use super::handle::{Inbox, ThreadHandle, Urgent, Waker, queues, socket_of};
use super::lab::Lab;
use super::losses::frame_losses;
use super::order::{Admission, Order, peeks_at, receives_from};
use super::receipt::{Receipt, Taken};
use super::site::{Goal, Next, Site, SiteOutput};
use super::tap::{Tap, is_watched};
use super::traffic::Traffic;
use crate::capture::Captures;
use crate::hub::{Hub, HubEvent};

/// The name of a stack.
pub(crate) type Name = Arc<str>;

/// What is left to do when a thread has ended, for whatever reason: told the last time on its clock, it removes the
/// stacks and says where that took effect.
pub(crate) type Ending = Box<dyn FnOnce(Instant) -> Position + Send>;

/// Who hears of what happens on a thread.
#[derive(Clone)]
pub(crate) struct Ears {
    /// Of every event.
    pub(crate) hub: Arc<Hub>,
    /// Of every frame, while there are any.
    pub(crate) captures: Arc<Captures>,
}

/// Starts the thread of a lab.
pub(crate) fn spawn_lab(
    lab: Lab,
    names: BTreeMap<StackId, Name>,
    ears: Ears,
    room: usize,
    ending: Ending,
) -> std::io::Result<ThreadHandle> {
    spawn_site(lab, names, ears, room, ending)
}

/// Starts the thread of any site that sleeps by parking.
pub(super) fn spawn_site(
    site: impl Site + Send + 'static,
    names: BTreeMap<StackId, Name>,
    ears: Ears,
    room: usize,
    ending: Ending,
) -> std::io::Result<ThreadHandle> {
    let waker = Waker::Park(std::sync::OnceLock::new());
    spawn(site, names, ears, queues(room, waker), ending)
}

/// Starts the thread of an attached stack.
pub(crate) fn spawn_attached(
    attached: Attached,
    name: Name,
    ears: Ears,
    room: usize,
    ending: Ending,
) -> std::io::Result<ThreadHandle> {
    let waker = Waker::Poll(attached.waker()?);
    let names = BTreeMap::from([(super::attached::ONLY, name)]);
    spawn(attached, names, ears, queues(room, waker), ending)
}

fn spawn(
    site: impl Site + Send + 'static,
    names: BTreeMap<StackId, Name>,
    ears: Ears,
    (handle, inbox): (ThreadHandle, Inbox),
    ending: Ending,
) -> std::io::Result<ThreadHandle> {
    let urgent = handle.urgent();
    let first = names.values().next().map_or("engine", |name| name.split('/').next().unwrap_or(name));
    thread::Builder::new().name(format!("stack {first}")).spawn(move || {
        inbox.wake().is_this_thread();
        Thread::new(site, names, ears, inbox, urgent).run_to_the_end(ending);
    })?;
    Ok(handle)
}

/// Everything that an engine's thread knows.
struct Thread<S> {
    site: S,
    names: BTreeMap<StackId, Name>,
    hub: Arc<Hub>,
    tap: Tap,
    /// The frequent events that somebody watches.
    watched: Interest,
    frame_losses_watched: bool,
    inbox: Inbox,
    urgent: Urgent,
    parked: HashMap<OpId, Parked>,
    order: Order,
    advances: VecDeque<Advancing>,
    traffic: Traffic,
    /// What happened in this turn.
    happened: Vec<(StackId, HubEvent)>,
    /// What is to be answered when that is published, each behind the event of this number.
    answers: Vec<(usize, Release)>,
    /// Those that are published, with their positions; empty between turns.
    releases: Vec<(Release, Position)>,
    /// When a message came, if that was a moment ago.
    last_message: Option<std::time::Instant>,
    /// The thread ends with its last connection.
    ends_when_closed: bool,
    stopped: Option<Option<oneshot::Sender<Position>>>,
}

/// A clock that is being moved, and who waits for it.
struct Advancing {
    goal: Goal,
    answer: oneshot::Sender<Result<At<Advanced>, AdvanceError>>,
}

struct Parked {
    stack: StackId,
    socket: Option<SocketId>,
    receives: bool,
    answer: oneshot::Sender<Answer>,
}

/// Sends an answer, now that its position is known.
type Release = Box<dyn FnOnce(Position)>;

impl<S: Site> Thread<S> {
    fn new(site: S, names: BTreeMap<StackId, Name>, ears: Ears, inbox: Inbox, urgent: Urgent) -> Self {
        Thread {
            site,
            names,
            hub: ears.hub,
            tap: Tap::new(ears.captures),
            watched: Interest::NONE,
            frame_losses_watched: false,
            inbox,
            urgent,
            parked: HashMap::new(),
            order: Order::default(),
            advances: VecDeque::new(),
            traffic: Traffic::default(),
            happened: Vec::new(),
            answers: Vec::new(),
            releases: Vec::new(),
            last_message: None,
            ends_when_closed: false,
            stopped: None,
        }
    }

    /// Turns until it is stopped. A panic ends this thread and its stacks, and nobody else's.
    fn run_to_the_end(mut self, ending: Ending) {
        let ended = catch_unwind(AssertUnwindSafe(|| {
            while self.stopped.is_none() {
                self.turn();
            }
        }));
        if ended.is_err() {
            let stacks: Vec<&str> = self.names.values().map(|name| &**name).collect();
            tracing::error!(?stacks, "an engine's thread panicked; its stacks are gone");
        }
        self.inbox.close();
        let at = ending(self.site.now());
        let answer = self.stopped.take().flatten();
        // Gives the links back to the host, and tells everyone who waits that the stack is gone, before its end is told.
        drop(self);
        if let Some(answer) = answer {
            _ = answer.send(at);
        }
    }

    fn turn(&mut self) {
        self.site.tick();
        let commands_left = self.take_commands();
        let mut next = self.work();
        if commands_left {
            next = Next::AtOnce;
        }
        self.publish();
        if self.ends_when_closed && !self.has_connections() {
            self.stopped.get_or_insert(None);
        }
        if self.stopped.is_none() && next != Next::AtOnce {
            let at_most = match next {
                Next::After(length) => Some(length),
                _ => None,
            };
            if !self.linger(at_most) && self.inbox.may_sleep() {
                self.site.sleep(at_most);
            }
            self.inbox.awake();
        }
    }

    /// Looks for messages for a moment before it sleeps, where the last one came a moment ago and nothing else can wake it:
    /// a client that called often calls again at once, and waking the thread would take longer than the call. Whoever
    /// waits for the processor gets it meanwhile. Whether there is a message, or `at_most` is over.
    fn linger(&mut self, at_most: Option<Duration>) -> bool {
        if !self.site.sleeps_until_told() {
            return false;
        }
        let until = match self.last_message {
            Some(last) => last + LINGER,
            None => return false,
        };
        let over = at_most.and_then(|at_most| std::time::Instant::now().checked_add(at_most));
        loop {
            if !self.inbox.is_empty() {
                return true;
            }
            let now = std::time::Instant::now();
            if over.is_some_and(|over| now >= over) {
                return true;
            }
            if now >= until {
                self.last_message = None;
                return false;
            }
            thread::yield_now();
        }
    }

    // ---- commands

    /// Whether some may be left.
    fn take_commands(&mut self) -> bool {
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

    fn tell_interest(&mut self) {
        self.watched = self.hub.interest();
        self.frame_losses_watched = self.hub.wants_frame_losses();
        let tapped = self.tap.look();
        let interest = if tapped { self.watched | Tap::interest() } else { self.watched };
        self.site.set_interest(interest, self.frame_losses_watched);
        self.site.set_tap(tapped);
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
            Command::Describe { answer } => {
                let description = self.describe();
                self.answer(answer, description);
            }
            Command::Advance { how, answer } => {
                self.site.called();
                match self.site.begin_advance(how) {
                    Ok(goal) => self.advances.push_back(Advancing { goal, answer }),
                    Err(error) => _ = answer.send(Err(error)),
                }
            }
            Command::Impair { link, impairments, answer } => {
                let there = self.site.set_impairments(link, *impairments);
                self.answer(answer, there);
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
                self.traffic.end_session(session, policy, NOBODY);
                self.answer(answer, treated);
            }
            Command::Stop { how, answer } => self.stop(how, answer),
        }
        self.collect();
    }

    fn call(&mut self, call: Call) {
        if call.answer.is_closed() {
            return;
        }
        let admission = match (receives_from(&call.request), peeks_at(&call.request)) {
            (Some(socket), _) => self.order.admit(socket, call, RECEIVERS_HELD),
            (_, Some(socket)) => self.order.admit_peek(socket, call, RECEIVERS_HELD),
            (None, None) => Admission::Go(call),
        };
        match admission {
            Admission::Go(call) => self.make(call),
            Admission::Held => {}
            Admission::Full(call) => {
                let detail = Some("too many calls receive from the socket");
                _ = call.answer.send(Err(OpError { detail, ..Errno::ENOBUFS.into() }));
            }
        }
    }

    fn make(&mut self, call: Call) {
        let Call { op, stack, request, answer, session } = call;
        let receives = receives_from(&request).is_some();
        let socket = socket_of(&request);
        let reassigned = match request {
            Request::Reassign { socket, session } => Some((socket, session)),
            _ => None,
        };
        let outcome = self.site.op(stack, op, request);
        drop(session);
        match outcome {
            Outcome::Parked => {
                self.parked.insert(op, Parked { stack, socket, receives, answer });
            }
            Outcome::Done(result) => {
                if let (Some((socket, session)), Ok(_)) = (reassigned, &result) {
                    self.hub.reassign(socket, session);
                }
                // The events of the call come before its answer.
                self.collect();
                self.finish(op, Parked { stack, socket, receives, answer }, result);
            }
        }
    }

    /// Answers a call, and lets the next receiver go on where it received nothing.
    fn finish(&mut self, op: OpId, call: Parked, result: Result<Reply, OpError>) {
        let Parked { stack, socket, receives, answer } = call;
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => {
                self.answers.push((self.happened.len(), Box::new(move |_| _ = answer.send(Err(error)))));
                return self.leave(socket, op);
            }
        };
        let taken = match socket {
            Some(socket) if receives => Taken::Out(self.order.given(socket, op)),
            Some(_) if matches!(reply, Reply::Received { .. } | Reply::ReceivedFrom { .. }) => Taken::Peeked,
            _ => Taken::Out(None),
        };
        let peeked = matches!(taken, Taken::Peeked);
        let about = match (&reply, socket) {
            (Reply::Created { socket }, _) => *socket,
            (_, Some(socket)) => socket,
            (_, None) => SocketId(0),
        };
        let gave = Receipt::issue(reply, about, stack, taken, self.urgent.clone());
        // If the receiver is gone, the receipt is dropped here and sends it back.
        self.answers
            .push((self.happened.len(), Box::new(move |at| drop(answer.send(Ok(At { value: gave, at }))))));
        if peeked {
            self.leave(socket, op);
        }
    }

    /// A call took nothing from its socket: whoever waits for its turn goes on.
    fn leave(&mut self, socket: Option<SocketId>, op: OpId) {
        if let Some(socket) = socket {
            let next = self.order.left(socket, op);
            self.go_on(next);
        }
    }

    /// Tells something that is true now.
    fn answer<T: 'static>(&mut self, answer: oneshot::Sender<At<T>>, value: T) {
        let release = move |at| _ = answer.send(At { value, at });
        self.answers.push((self.happened.len(), Box::new(release)));
    }

    /// Lets a call go on whose turn it is now. Each that ends at once makes room for the next.
    fn go_on(&mut self, next: Option<Call>) {
        if let Some(call) = next {
            self.make(call);
        }
    }

    fn cancel(&mut self, op: OpId, socket: Option<SocketId>) {
        if let Some(parked) = self.parked.remove(&op) {
            self.site.cancel(parked.stack, op);
            self.collect();
        }
        self.leave(socket, op);
    }

    /// A connection or octets go back to where they were; a socket that nobody heard of is closed.
    fn take_back(&mut self, stack: StackId, socket: SocketId, reply: Reply) {
        match reply {
            Reply::Created { socket } => {
                self.site.op(stack, OWN_CALL, Request::Abort { socket });
            }
            reply => self.site.restore(stack, socket, reply),
        }
        self.collect();
    }

    fn inspect(&self, stack: StackId, socket: SocketId) -> Option<Inspection> {
        let engine = self.site.engine(stack)?;
        let (info, options) = (engine.info(socket)?, engine.options(socket)?.clone());
        Some(Inspection { info, options, now: self.site.now() })
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
        }
    }

    /// Treats the sockets of a session, and says how many there were.
    fn end_session(&mut self, session: SessionId, policy: Policy) -> u32 {
        let mut treated = 0;
        for stack in self.site.stacks() {
            for socket in self.sockets_of(stack, session) {
                let request = match policy {
                    Policy::Reset => Request::Abort { socket },
                    Policy::Fin => Request::Close { socket },
                    Policy::Vanish => Request::Vanish { socket },
                    Policy::Keep => Request::Reassign { socket, session: NOBODY },
                };
                let outcome = self.site.op(stack, OWN_CALL, request);
                match outcome {
                    // With a linger time; nobody waits for it.
                    Outcome::Parked => self.site.cancel(stack, OWN_CALL),
                    Outcome::Done(Ok(_)) if policy == Policy::Keep => self.hub.reassign(socket, NOBODY),
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

    fn has_connections(&self) -> bool {
        let open = |info: sockwright_engine::host::SocketInfo| {
            info.tcp_state.is_some_and(|state| !matches!(state, State::Closed | State::Listen))
        };
        self.site
            .stacks()
            .into_iter()
            .filter_map(|stack| self.site.engine(stack))
            .any(|engine| engine.sockets().into_iter().any(|socket| engine.info(socket).is_some_and(open)))
    }

    // ---- work

    fn work(&mut self) -> Next {
        self.tell_interest();
        if self.stopped.is_some() {
            return Next::AtOnce;
        }
        // Nobody waits for the rest of a journey whose caller went away.
        while self.advances.front().is_some_and(|advancing| advancing.answer.is_closed()) {
            self.advances.pop_front();
        }
        let Some(advancing) = self.advances.front_mut() else { return self.work_and_drive() };
        let ended = self.site.advance(&mut advancing.goal);
        self.collect();
        self.drive();
        if let Some(result) = ended
            && let Some(Advancing { answer, .. }) = self.advances.pop_front()
        {
            let release = move |at| _ = answer.send(result.map(|value| At { value, at }));
            self.answers.push((self.happened.len(), Box::new(release)));
        }
        Next::AtOnce
    }

    /// Lets the site work and the workloads after it, in turn, until there is nothing left to do now.
    fn work_and_drive(&mut self) -> Next {
        for _ in 0..ROUNDS_PER_TURN {
            let next = self.site.work();
            self.collect();
            if !self.drive() {
                return next;
            }
            self.site.tick();
        }
        Next::AtOnce
    }

    /// Whether the workloads had anything to do.
    fn drive(&mut self) -> bool {
        let did = self.traffic.drive(&mut self.site);
        self.site.flush();
        self.collect();
        for notice in self.traffic.take_notices() {
            self.answers.push((self.happened.len(), Box::new(move |at| notice.tell(at))));
        }
        did
    }

    // ---- what happened

    /// Takes in what the site has to say.
    fn collect(&mut self) {
        while let Some(output) = self.site.poll_output() {
            match output {
                SiteOutput::World(Output::Event { stack, event }) => self.event(stack, event),
                SiteOutput::World(Output::Completion { completion, .. }) => self.completion(completion),
                SiteOutput::World(output @ (Output::Link { .. } | Output::Arrival { .. })) => {
                    if self.frame_losses_watched {
                        let stack = output.stack();
                        let losses = frame_losses(&output);
                        self.happened.extend(losses.map(|loss| (stack, loss)));
                    }
                    if self.tap.is_open() {
                        self.tap.output(output, &self.site, &self.names);
                    }
                }
                SiteOutput::Frame(frame) => {
                    if self.tap.is_open() {
                        self.tap.frame(*frame, &self.site, &self.names);
                    }
                }
                SiteOutput::FramesLost { at, what, frames } => {
                    if let Some(stack) = self.names.keys().next() {
                        let text = String::new();
                        self.happened.push((*stack, HubEvent::FrameLost { at, what, text, frames }));
                    }
                }
                SiteOutput::LimitHit { at, limit } => {
                    if let Some(stack) = self.names.keys().next() {
                        self.happened.push((*stack, HubEvent::LimitHit { at, limit }));
                    }
                }
            }
        }
        if self.tap.is_open() {
            self.tap.deliver(&self.site);
        }
    }

    fn event(&mut self, stack: StackId, event: Event) {
        if self.tap.is_open() {
            self.tap.event(stack, &event);
            if !is_watched(&event.kind, self.watched) {
                return;
            }
        }
        let gone = match event {
            Event { kind: EventKind::Released, socket, .. } => socket,
            _ => None,
        };
        self.happened.push((stack, event.into()));
        if let Some(socket) = gone {
            for call in self.order.forget(socket) {
                self.make(call);
            }
        }
    }

    fn completion(&mut self, completion: Completion) {
        let Completion { op, result, .. } = completion;
        if let Some(call) = self.parked.remove(&op) {
            self.finish(op, call, result);
        }
    }

    /// Publishes what happened, and then releases the answers, each with its own position.
    fn publish(&mut self) {
        let Thread { happened, answers, names, hub, .. } = self;
        let mut happened = happened.drain(..);
        let (mut published, mut at) = (0, hub.position());
        for (behind, release) in answers.drain(..) {
            // As many events as come before the answer.
            if behind > published {
                at = hub.publish_of_many(named(names, happened.by_ref().take(behind - published)));
                published = behind;
            }
            self.releases.push((release, at));
        }
        hub.publish_of_many(named(names, happened));
        for (release, at) in self.releases.drain(..) {
            release(at);
        }
    }
}

/// Events with the names of their stacks.
fn named(
    names: &BTreeMap<StackId, Name>,
    events: impl Iterator<Item = (StackId, HubEvent)>,
) -> impl Iterator<Item = (Name, HubEvent)> {
    events.filter_map(|(stack, event)| Some((Arc::clone(names.get(&stack)?), event)))
}

/// Rounds of frames and workloads in one turn.
const ROUNDS_PER_TURN: usize = 64;
/// How long a thread looks for the next message before it sleeps: a client that waits for each answer calls again within it.
pub(super) const LINGER: Duration = Duration::from_micros(100);
/// Messages carried out in one turn.
const COMMANDS_PER_TURN: usize = 256;
/// Calls that may wait for their turn to receive from one socket.
const RECEIVERS_HELD: usize = 256;
/// The name of the calls that the thread makes by itself. Clients' names begin at 1.
const OWN_CALL: OpId = OpId(0);
/// The session of sockets that belong to none.
const NOBODY: SessionId = SessionId(0);
