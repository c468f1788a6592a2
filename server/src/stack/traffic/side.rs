//! One side of a workload: its connections, from being opened or accepted to their end.
//!
//! Owns: [`Side`]. Its connections have slots, and their sockets are watched under the number of the slot, so that the
//! one that woke up is found without a search. What a connection does is [`Connection`]'s business.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::time::Duration;

use sockwright_engine::host::op::{Family, Outcome, Reply, Request, SocketKind, Wait};
use sockwright_engine::host::{Errno, OpError};
use sockwright_engine::id::{OpId, SocketId};
use sockwright_engine::time::Instant;
use sockwright_sim::StackId;

use super::connection::{BLOCK, Connection, Fate, Reach, Shared};
use super::plan::{Limits, Place, Role, SidePlan};
use super::tally::{Figures, Tally};
use crate::stack::site::Site;

/// One side.
pub(super) struct Side {
    plan: SidePlan,
    /// What the names of its sockets have in common.
    names: Names,
    began: Instant,
    slots: Vec<Option<Connection>>,
    free: Vec<u32>,
    listeners: Vec<SocketId>,
    /// Those of them whose accept queue may hold connections that found no room here.
    crowded: Vec<SocketId>,
    /// Octets that are due on connections that are held open, soonest first.
    due: VecDeque<(Instant, u32, SocketId)>,
    /// Nothing could be opened or taken, for want of a port or a socket, and is tried again.
    paused_until: Option<Instant>,
    /// No more connections are to come.
    is_closing: bool,
    /// Those that are here are closed, whatever they do.
    is_ending: bool,
    /// The slots from here on are to be looked at, whatever happened to them.
    look_over: Option<usize>,
    shared: Shared,
}

/// The names that a side's sockets are watched under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Names(NonZeroU64);

impl Names {
    /// Those of one side of a run.
    pub(super) fn new(run: u32, is_peer: bool) -> Self {
        Names(NonZeroU64::MIN.saturating_add((u64::from(run) << 33) | (u64::from(is_peer) << 32)))
    }

    /// The run, the side and the slot behind a name.
    pub(super) fn read(token: NonZeroU64) -> (u32, bool, u32) {
        let number = token.get() - 1;
        ((number >> 33) as u32, (number >> 32) & 1 == 1, number as u32)
    }

    fn of(self, slot: u32) -> NonZeroU64 {
        self.0.saturating_add(slot.into())
    }
}

impl Side {
    /// A side that has begun: it listens, or is about to connect.
    pub(super) fn begin<S: Site>(plan: SidePlan, names: Names, site: &mut S) -> Result<Self, OpError> {
        let now = site.now();
        let Limits { octets, exchanges, .. } = plan.limits;
        let shared = Shared {
            role: plan.role,
            tally: Tally::new(now),
            octets_left: octets,
            exchanges_left: exchanges,
            scratch: vec![0; BLOCK],
        };
        let mut side = Side {
            plan,
            names,
            began: now,
            slots: Vec::new(),
            free: Vec::new(),
            listeners: Vec::new(),
            crowded: Vec::new(),
            due: VecDeque::new(),
            paused_until: None,
            is_closing: false,
            is_ending: false,
            look_over: None,
            shared,
        };
        if let Place::Listening { locals, backlog } = side.plan.place.clone() {
            for local in locals {
                side.listen(site, local, backlog)?;
            }
        }
        Ok(side)
    }

    fn listen<S: Site>(&mut self, site: &mut S, local: SocketAddr, backlog: u32) -> Result<(), OpError> {
        let socket = self.create(site, local.ip())?;
        self.watch(site, socket, LISTENER);
        let stack = self.plan.stack;
        let listening = done(site.op(stack, OWN_CALL, Request::Bind { socket, local }))
            .and_then(|_| done(site.op(stack, OWN_CALL, Request::Listen { socket, backlog })));
        match listening {
            Ok(_) => {
                self.listeners.push(socket);
                Ok(())
            }
            Err(error) => {
                self.reach(site, socket).abort();
                Err(error)
            }
        }
    }

    /// Where it listens, first of all; of any address, the stack's first.
    pub(super) fn local<S: Site>(&self, site: &S) -> Option<SocketAddr> {
        let engine = site.engine(self.plan.stack)?;
        let local = engine.info(*self.listeners.first()?)?.local?;
        if !local.ip().is_unspecified() {
            return Some(local);
        }
        let addresses = engine.interfaces().iter().flat_map(|interface| &interface.addresses);
        let own = addresses.map(|(ip, _)| *ip).find(|ip| ip.is_ipv4() == local.is_ipv4())?;
        Some(SocketAddr::new(own, local.port()))
    }

    /// Fills in where it connects to, from where the other side listens.
    pub(super) fn aim(&mut self, local: SocketAddr) {
        let Place::Connecting { remotes, .. } = &mut self.plan.place else { return };
        if remotes.is_empty() {
            remotes.push(local);
        }
        for remote in remotes.iter_mut().filter(|remote| remote.port() == 0) {
            remote.set_port(local.port());
        }
    }

    // ---- what it tells

    pub(super) fn stack(&self) -> StackId {
        self.plan.stack
    }

    /// Connections that are there.
    pub(super) fn open(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// A number that changes whenever it did something.
    pub(super) fn moves(&self) -> u64 {
        self.shared.tally.moves()
    }

    pub(super) fn established(&self) -> u64 {
        self.shared.tally.counts().established
    }

    pub(super) fn progress(&mut self, now: Instant) -> Figures {
        let open = self.open();
        self.shared.tally.progress(self.began, now, open)
    }

    pub(super) fn total(&self, now: Instant) -> Figures {
        self.shared.tally.total(self.began, now, self.open())
    }

    /// The limit of octets is used up.
    pub(super) fn octets_are_used_up(&self) -> bool {
        self.shared.octets_left == Some(0)
    }

    /// The limit of exchanges is.
    pub(super) fn exchanges_are_used_up(&self) -> bool {
        self.shared.exchanges_left == Some(0)
    }

    /// Whether it finishes by itself when its limit of octets is reached: all has to be sent, and acknowledged.
    pub(super) fn sends_to_the_limit(&self) -> bool {
        matches!(self.plan.role, Role::Stream { send: Some(_), .. })
    }

    /// Whether it has no connection, and will have none.
    pub(super) fn is_over(&self) -> bool {
        let all_came = match self.plan.place {
            Place::Connecting { .. } => !self.has_more_to_open(),
            Place::Listening { .. } => self.listeners.is_empty(),
        };
        self.open() == 0 && (all_came || self.is_closing)
    }

    /// When it has something to do next, whatever happens.
    pub(super) fn next_time(&self) -> Option<Instant> {
        let opens = (self.has_more_to_open() && self.open() < self.plan.concurrency)
            .then(|| self.next_opening().max(self.paused_until.unwrap_or(self.began)));
        let octet = self.due.front().map(|(at, ..)| *at);
        let over = self.look_over.map(|_| self.began);
        let takes = self.paused_until.filter(|_| !self.crowded.is_empty());
        [opens, octet, over, takes].into_iter().flatten().min()
    }

    // ---- what it does

    /// Does what is due. Within the budget of a round; what is left is due at once.
    pub(super) fn work<S: Site>(&mut self, site: &mut S) {
        self.look_over(site);
        self.open_more(site);
        self.send_due(site);
        let crowded = std::mem::take(&mut self.crowded);
        if !crowded.is_empty() {
            self.paused_until = None;
        }
        for listener in crowded {
            self.accept(site, listener);
        }
        if self.shared.octets_left == Some(0) || self.shared.exchanges_left == Some(0) {
            self.close_in(site);
        }
    }

    /// Something happened to the connection in a slot, or to the listener.
    pub(super) fn woken<S: Site>(&mut self, site: &mut S, slot: u32, socket: SocketId) {
        if slot == LISTENER {
            return self.accept(site, socket);
        }
        let Some(Some(connection)) = self.slots.get_mut(slot as usize) else { return };
        if connection.socket != socket {
            return;
        }
        if self.is_ending {
            return self.follow(site, slot, socket, Fate::Ends);
        }
        let (was_open, stack) = (connection.is_open, self.plan.stack);
        let fate = connection.attend(Reach { site: &mut *site, stack, socket }, &mut self.shared);
        if !was_open && connection.is_open {
            self.schedule(site.now(), slot, socket);
        }
        self.follow(site, slot, socket, fate);
    }

    /// No more connections are to come; those that are here find out for themselves.
    fn close_in<S: Site>(&mut self, site: &mut S) {
        if !std::mem::replace(&mut self.is_closing, true) {
            self.look_over = Some(0);
            if self.sends_to_the_limit() {
                self.stop_listening(site);
            }
        }
    }

    /// Begins to let go of all that is left, by closing it.
    pub(super) fn close_all<S: Site>(&mut self, site: &mut S) {
        if !std::mem::replace(&mut self.is_ending, true) {
            self.is_closing = true;
            self.look_over = Some(0);
            self.stop_listening(site);
        }
    }

    /// Forgets all that is left: somebody else took care of it.
    pub(super) fn forget_all(&mut self) {
        self.is_closing = true;
        self.listeners.clear();
        self.crowded.clear();
        self.slots.clear();
        self.free.clear();
        self.due.clear();
    }

    fn stop_listening<S: Site>(&mut self, site: &mut S) {
        self.crowded.clear();
        for listener in std::mem::take(&mut self.listeners) {
            self.let_go(site, listener).close();
        }
    }

    fn look_over<S: Site>(&mut self, site: &mut S) {
        let Some(from) = self.look_over.take() else { return };
        let to = self.slots.len().min(from + PER_ROUND);
        self.look_over = (to < self.slots.len()).then_some(to);
        for slot in from..to {
            if let Some(Some(connection)) = self.slots.get(slot) {
                let socket = connection.socket;
                self.woken(site, slot as u32, socket);
            }
        }
    }

    // ---- connecting

    fn has_more_to_open(&self) -> bool {
        let opened = self.shared.tally.counts().opened;
        matches!(self.plan.place, Place::Connecting { .. })
            && !self.is_closing
            && self.plan.limits.connections.is_none_or(|limit| opened < limit)
    }

    /// When the next connection is due.
    fn next_opening(&self) -> Instant {
        let opened = self.shared.tally.counts().opened;
        match self.plan.place {
            Place::Connecting { per_second: Some(per_second), .. } => {
                self.began + Duration::from_nanos((opened as f64 / per_second * 1e9) as u64)
            }
            _ => self.began,
        }
    }

    fn open_more<S: Site>(&mut self, site: &mut S) {
        let now = site.now();
        for _ in 0..PER_ROUND {
            let due = self.has_more_to_open() && self.open() < self.plan.concurrency;
            if !due || self.next_opening() > now || self.paused_until.is_some_and(|until| until > now) {
                return;
            }
            self.paused_until = None;
            if let Err(error) = self.connect(site) {
                self.shared.tally.failed(error.errno);
                // Ports and sockets come back as TCP lets go of them; whatever it was, there is no hurry.
                self.paused_until = Some(now + PAUSE);
            }
        }
    }

    fn connect<S: Site>(&mut self, site: &mut S) -> Result<(), OpError> {
        let opened = self.shared.tally.counts().opened;
        self.shared.tally.opened();
        let Place::Connecting { remotes, .. } = &self.plan.place else { return Ok(()) };
        let turn = opened.checked_rem(remotes.len() as u64).unwrap_or(0);
        let remote = *remotes.get(turn as usize).ok_or(Errno::EDESTADDRREQ)?;
        let socket = self.create(site, remote.ip())?;
        let now = site.now();
        let slot = self.occupy(Connection::connecting(socket, now));
        self.watch(site, socket, slot);
        let connect = Request::Connect { socket, remote, data: Vec::new(), wait: Wait::Never };
        match done(site.op(self.plan.stack, OWN_CALL, connect)) {
            Ok(_) => Ok(()),
            Err(error) if error.errno == Errno::EINPROGRESS => Ok(()),
            Err(error) => {
                self.vacate(slot);
                self.let_go(site, socket).abort();
                Err(error)
            }
        }
    }

    fn create<S: Site>(&mut self, site: &mut S, peer: IpAddr) -> Result<SocketId, OpError> {
        if self.plan.room.as_mut().is_some_and(|room| !room.has_one()) {
            let detail = Some("The policy gives no more sockets.");
            return Err(OpError { detail, ..Errno::ENOBUFS.into() });
        }
        let create = Request::Create {
            kind: SocketKind::Stream,
            family: if peer.is_ipv4() { Family::V4 } else { Family::V6 },
            session: self.plan.session,
            label: self.plan.label.clone(),
            options: self.plan.options.clone(),
        };
        match done(site.op(self.plan.stack, OWN_CALL, create))? {
            Some(Reply::Created { socket }) => {
                self.counts(socket);
                Ok(socket)
            }
            _ => Err(Errno::ENETDOWN.into()),
        }
    }

    /// A new socket of this side has a place.
    fn counts(&mut self, socket: SocketId) {
        if let Some(room) = &mut self.plan.room {
            room.fill(socket);
        }
    }

    // ---- listening

    /// Whether there is a place for a connection that waits. Where none does, none is taken.
    fn has_room<S: Site>(&mut self, site: &S, listener: SocketId) -> bool {
        let Some(room) = &mut self.plan.room else { return true };
        let listening = site.engine(self.plan.stack).and_then(|engine| engine.info(listener)?.queues);
        listening.is_none_or(|queues| queues.accept_queue == 0) || room.has_one()
    }

    fn accept<S: Site>(&mut self, site: &mut S, listener: SocketId) {
        for _ in 0..PER_ROUND {
            if !self.listeners.contains(&listener) {
                return;
            }
            if self.plan.limits.connections.is_some_and(|limit| self.shared.tally.counts().opened >= limit) {
                return self.stop_listening(site);
            }
            if self.open() >= self.plan.concurrency {
                return self.accept_later(listener);
            }
            if !self.has_room(site, listener) {
                self.paused_until = Some(site.now() + PAUSE);
                return self.accept_later(listener);
            }
            let accept = Request::Accept { socket: listener, wait: Wait::Never };
            let Ok(Some(Reply::Accepted { socket, .. })) = done(site.op(self.plan.stack, OWN_CALL, accept))
            else {
                return;
            };
            let now = site.now();
            self.counts(socket);
            self.shared.tally.opened();
            let connection = Connection::accepted(socket, now, &mut self.shared);
            let slot = self.occupy(connection);
            self.watch(site, socket, slot);
            self.schedule(now, slot, socket);
        }
        self.accept_later(listener);
    }

    fn accept_later(&mut self, listener: SocketId) {
        if !self.crowded.contains(&listener) {
            self.crowded.push(listener);
        }
    }

    // ---- octets that are due

    fn schedule(&mut self, now: Instant, slot: u32, socket: SocketId) {
        if let Role::Idle { every: Some(every) } = self.plan.role {
            self.due.push_back((now + every, slot, socket));
        }
    }

    fn send_due<S: Site>(&mut self, site: &mut S) {
        let now = site.now();
        for _ in 0..PER_ROUND {
            let Some((_, slot, socket)) = self.due.pop_front_if(|(at, ..)| *at <= now) else { return };
            let Some(Some(connection)) = self.slots.get_mut(slot as usize) else { continue };
            if connection.socket != socket {
                continue;
            }
            let reach = Reach { site: &mut *site, stack: self.plan.stack, socket };
            let fate = connection.tick(reach, &mut self.shared);
            self.schedule(now, slot, socket);
            self.follow(site, slot, socket, fate);
        }
    }

    // ---- slots

    fn follow<S: Site>(&mut self, site: &mut S, slot: u32, socket: SocketId, fate: Fate) {
        match fate {
            Fate::Goes => return,
            Fate::Ends => {
                self.let_go(site, socket).close();
                self.shared.tally.closed();
            }
            Fate::Aborts => {
                self.let_go(site, socket).abort();
                self.shared.tally.closed();
            }
            Fate::Fails(errno) => {
                self.let_go(site, socket).abort();
                self.shared.tally.failed(errno);
            }
        }
        self.vacate(slot);
    }

    fn occupy(&mut self, connection: Connection) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(connection);
                slot
            }
            None => {
                self.slots.push(Some(connection));
                self.slots.len() as u32 - 1
            }
        }
    }

    fn vacate(&mut self, slot: u32) {
        self.slots[slot as usize] = None;
        self.free.push(slot);
    }

    fn reach<'a, S: Site>(&self, site: &'a mut S, socket: SocketId) -> Reach<'a, S> {
        Reach { site, stack: self.plan.stack, socket }
    }

    /// A socket that is about to be closed: it still tells whose it was.
    fn let_go<'a, S: Site>(&self, site: &'a mut S, socket: SocketId) -> Reach<'a, S> {
        let name = self.names.of(NO_SLOT);
        site.input(self.plan.stack, |engine, _| engine.leave(socket, name));
        self.reach(site, socket)
    }

    fn watch<S: Site>(&self, site: &mut S, socket: SocketId, slot: u32) {
        let name = self.names.of(slot);
        site.input(self.plan.stack, |engine, _| engine.watch(socket, name));
    }
}

/// The outcome of a call that does not park.
fn done(outcome: Outcome) -> Result<Option<Reply>, OpError> {
    match outcome {
        Outcome::Done(result) => result.map(Some),
        Outcome::Parked => Ok(None),
    }
}

/// The slot of a listener.
const LISTENER: u32 = u32::MAX;
/// That of what has been let go.
const NO_SLOT: u32 = u32::MAX - 1;
/// Connections that are opened, accepted or looked at in one round.
const PER_ROUND: usize = 64;
/// How long nothing is opened after nothing could be.
const PAUSE: Duration = Duration::from_millis(10);
/// The name of the calls that a workload makes. None of them waits.
const OWN_CALL: OpId = OpId(0);
