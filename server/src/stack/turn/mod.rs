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
//!
//! Here is the turn itself; [`commands`] has what is asked of a thread, [`calls`] the calls on sockets among that, [`tell`] what
//! happened and who hears of it, and [`spawn`] how a thread begins.

mod calls;
mod commands;
pub(super) mod spawn;
mod tell;

use std::any::Any;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sockwright_engine::event::Interest;
use sockwright_engine::id::{OpId, SocketId};
use sockwright_engine::time::Instant;
use sockwright_proto::v1::Position;
use sockwright_sim::StackId;
use tokio::sync::oneshot;

use super::command::{AdvanceError, Advanced, At};
use super::handle::{Inbox, Urgent};
use super::order::Order;
use super::site::{Goal, Next, Site};
use super::tap::Tap;
use super::traffic::Traffic;
use crate::capture::Captures;
pub(crate) use crate::hub::Name;
use crate::hub::{Claim, Hub, HubEvent};
use crate::metrics::{Durations, TURN_BOUNDS, Totals};
use calls::Parked;
pub(crate) use spawn::{spawn_attached, spawn_lab};
use tell::Release;

/// What is left to do when a thread has ended, for whatever reason: told the last time on its clock and all that it
/// counted, it removes the stacks and says where that took effect.
pub(crate) type Ending = Box<dyn FnOnce(Instant, &Totals) -> Position + Send>;

/// Who hears of what happens on a thread.
#[derive(Clone)]
pub(crate) struct Ears {
    /// Of every event.
    pub(crate) hub: Arc<Hub>,
    /// Of every frame, while there are any.
    pub(crate) captures: Arc<Captures>,
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
    /// Room of sockets that were made in it, which is theirs before they are told.
    claims: Vec<(Claim, SocketId)>,
    /// What is to be answered when that is published, each behind the event of this number.
    answers: Vec<(usize, Release)>,
    /// Those that are published, with their positions; empty between turns.
    releases: Vec<(Release, Position)>,
    /// How long the turns took.
    turns: Durations,
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
            claims: Vec::new(),
            answers: Vec::new(),
            releases: Vec::new(),
            turns: Durations::within(TURN_BOUNDS),
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
        self.inbox.close();
        if let Err(panic) = ended {
            self.tell_of_a_panic(&*panic);
        }
        // After a panic the site may be in any state.
        let last = || (self.site.now(), self.totals());
        let (now, totals) =
            catch_unwind(AssertUnwindSafe(last)).unwrap_or_else(|_| (Instant::ZERO, Totals::default()));
        let at = ending(now, &totals);
        let answer = self.stopped.take().flatten();
        // Gives the links back to the host, and tells everyone who waits that the stack is gone, before its end is told.
        drop(self);
        if let Some(answer) = answer {
            _ = answer.send(at);
        }
    }

    fn tell_of_a_panic(&self, panic: &(dyn Any + Send)) {
        let message = panic.downcast_ref::<&str>().copied();
        let message =
            message.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
        let stacks: Vec<&str> = self.names.values().map(|name| &**name).collect();
        tracing::error!(?stacks, message, "an engine's thread panicked; its stacks are gone");
        let at = catch_unwind(AssertUnwindSafe(|| self.site.now())).unwrap_or(Instant::ZERO);
        let message: Arc<str> = Arc::from(message);
        for name in self.names.values() {
            self.hub.publish(name, [HubEvent::StackFailed { at, message: Arc::clone(&message) }]);
        }
    }

    fn turn(&mut self) {
        let began = std::time::Instant::now();
        self.site.tick();
        let commands_left = self.take_commands();
        let mut next = self.work();
        if commands_left {
            next = Next::AtOnce;
        }
        self.publish();
        self.turns.note(began.elapsed());
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

    fn tell_interest(&mut self) {
        self.watched = self.hub.interest();
        self.frame_losses_watched = self.hub.wants_frame_losses();
        let tapped = self.tap.look(self.site.now());
        let interest = if tapped { self.watched | Tap::interest() } else { self.watched };
        self.site.set_interest(interest, self.frame_losses_watched);
        self.site.set_tap(tapped);
    }

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
}

/// Rounds of frames and workloads in one turn.
const ROUNDS_PER_TURN: usize = 64;
/// How long a thread looks for the next message before it sleeps: a client that waits for each answer calls again within it.
pub(super) const LINGER: Duration = Duration::from_micros(100);
/// The name of the calls that the thread makes by itself. Clients' names begin at 1.
const OWN_CALL: OpId = OpId(0);
