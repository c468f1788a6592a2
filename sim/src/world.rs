//! A world: engines and virtual links, joined under one clock that its owner moves; and outsiders, other peers that
//! the owner drives.
//!
//! Owns the engines, the links and the order of things; decides nothing about TCP. After each input to an engine
//! everything that the engine has to say is taken out before anything else happens: frames go to their links, the
//! rest to the queue behind [`World::poll_output`].
//!
//! ```text
//! op(a, Connect) ─> Parked           poll_output() ─> Event SYN-SENT, Event SegmentSent(S), Link Flying { to: b }
//! next_time()    ─> Some(10 ms)      step()        ─> b handles the SYN, its SYN,ACK flies, ...
//! ```
//!
//! Under a virtual clock the owner calls [`World::step`] until nothing is left to do, or [`World::advance_to`] some
//! time. Under a real clock it sleeps until [`World::next_time`] and calls `advance_to` with what the clock says.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use sockwright_engine::host::op::{Outcome, Reply, Request};
use sockwright_engine::host::{
    Config, Engine, Errno, Ethernet, Interface, LinkChange, Medium, Offload, Route,
};
use sockwright_engine::id::{IdSource, LinkId, OpId, SocketId};
use sockwright_engine::rng::Rng;
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{ChecksumPolicy, Mac};
use sockwright_link::impair::{Impairments, InvalidImpairment};
use sockwright_link::virtual_link::{self, AttachError, EndpointId, Sent, VirtualLink};

use crate::agenda::{Agenda, Source};
use crate::output::{Fate, Output};

/// Names a stack of one world. Never used again once the stack is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackId(pub u32);

/// Names a link of one world. The engines know the link as the [`LinkId`] of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkIndex(pub u32);

/// How a link is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkConfig {
    /// What the link does to the frames of each of its members.
    pub impairments: Impairments,
    /// The largest IP packet, as its members know it.
    pub mtu: usize,
}

impl Default for LinkConfig {
    /// A perfect link with Ethernet's MTU.
    fn default() -> Self {
        LinkConfig { impairments: Impairments::default(), mtu: 1500 }
    }
}

/// A stack's place on an Ethernet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// Which.
    pub stack: StackId,
    /// Its MAC address, which no other has there.
    pub mac: Mac,
    /// Its addresses, each with the length of its prefix.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// Why the world did not change as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorldError {
    /// There is no such stack, or it was removed.
    NoSuchStack(StackId),
    /// There is no such link.
    NoSuchLink(LinkIndex),
    /// The stack is on the link already, or never was.
    Membership(StackId, LinkIndex),
    /// An impairment is out of its range.
    Impairment(InvalidImpairment),
    /// The link refused the endpoint.
    Attach(AttachError),
    /// The engine refused the interface.
    Interface(&'static str),
}

/// Stacks and links under one clock.
pub struct World {
    now: Instant,
    seeds: Rng,
    /// By number.
    stacks: Vec<Node>,
    /// How far each stack's clock is ahead of the world's, by the same number.
    ahead: Vec<Duration>,
    links: Vec<Link>,
    agenda: Agenda,
    outputs: VecDeque<Output>,
    /// Sockets that woke up, for whoever drives them.
    woken: VecDeque<(StackId, SocketId, NonZeroU64)>,
    frames_told: bool,
    overdue_timers: u64,
    /// When timers fired last, and how often at that instant.
    fired_at: Instant,
    fired_at_once: u32,
    /// Where frames are written, used again and again.
    buffer: Vec<u8>,
}

/// What has the number of a stack.
enum Node {
    Engine(Box<Engine>),
    /// A peer that is no engine, and the frames that reached it.
    Outsider(VecDeque<Arrival>),
    Removed,
}

/// A frame that reached an outsider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Instant,
    /// On which link.
    pub link: LinkIndex,
    /// The IP packet, or on an Ethernet the frame.
    pub frame: Vec<u8>,
}

struct Link {
    segment: VirtualLink,
    config: LinkConfig,
    members: BTreeMap<StackId, EndpointId>,
    /// What the members are called there.
    addresses: BTreeMap<StackId, Vec<(IpAddr, u8)>>,
    /// On an Ethernet, the MAC address of each.
    macs: BTreeMap<StackId, Mac>,
    owners: BTreeMap<EndpointId, StackId>,
}

impl World {
    /// An empty world at [`Instant::ZERO`]; `seed` decides all chance in it.
    pub fn new(seed: u64) -> World {
        World {
            now: Instant::ZERO,
            seeds: Rng::from_u64(seed),
            stacks: Vec::new(),
            ahead: Vec::new(),
            links: Vec::new(),
            agenda: Agenda::default(),
            outputs: VecDeque::new(),
            woken: VecDeque::new(),
            frames_told: true,
            overdue_timers: 0,
            fired_at: Instant::ZERO,
            fired_at_once: 0,
            buffer: Vec::new(),
        }
    }

    // ---- getters

    /// What its clock says.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// What a stack's clock says, by which its engine lives and its events are dated: the world's, and what it leapt.
    pub fn clock(&self, stack: StackId) -> Instant {
        self.now + self.ahead_of(stack)
    }

    /// When something happens next: a timer fires or a frame arrives. Never before [`World::now`].
    pub fn next_time(&self) -> Option<Instant> {
        self.agenda.next().map(|(at, _)| at.max(self.now))
    }

    /// A stack's engine. An outsider has none.
    pub fn engine(&self, stack: StackId) -> Option<&Engine> {
        match self.stacks.get(stack.0 as usize)? {
            Node::Engine(engine) => Some(engine),
            Node::Outsider(_) | Node::Removed => None,
        }
    }

    /// The stacks there are, without the outsiders, ascending.
    pub fn stacks(&self) -> impl Iterator<Item = StackId> + '_ {
        let numbered = self.stacks.iter().zip(0..);
        numbered.filter(|(node, _)| matches!(node, Node::Engine(_))).map(|(_, number)| StackId(number))
    }

    /// How a link is configured now; its members' lines may differ.
    pub fn link(&self, link: LinkIndex) -> Option<&LinkConfig> {
        Some(&self.links.get(link.0 as usize)?.config)
    }

    /// What passed across a link.
    pub fn link_counters(&self, link: LinkIndex) -> Option<&virtual_link::Counters> {
        Some(self.links.get(link.0 as usize)?.segment.counters())
    }

    /// Frames on their way, on all links.
    pub fn frames_in_flight(&self) -> usize {
        self.links.iter().map(|link| link.segment.in_flight()).sum()
    }

    /// Timers that were still due after they had been handled. Each is a bug of the engine.
    pub fn overdue_timers(&self) -> u64 {
        self.overdue_timers
    }

    // ---- making a world

    /// Adds a stack.
    pub fn add_stack(&mut self, config: Config, ids: IdSource) -> StackId {
        let stack = StackId(self.stacks.len() as u32);
        let engine = self.new_engine(config, ids);
        self.stacks.push(engine);
        self.ahead.push(Duration::ZERO);
        stack
    }

    /// Restarts a stack as if its power had failed for a moment: its engine is gone with all its sockets, unheard, and
    /// another takes its place with the same interfaces, addresses and routes and a seed of its own. The calls that waited
    /// never end. What is on its way to the stack reaches the new engine.
    pub fn restart_stack(&mut self, stack: StackId, config: Config, ids: IdSource) -> Result<(), WorldError> {
        let old = self.engine(stack).ok_or(WorldError::NoSuchStack(stack))?;
        let routes = old.routes().to_vec();
        let mut node = self.new_engine(config, ids);
        for (link, number) in self.links.iter().zip(0..) {
            if let (Some(addresses), Node::Engine(engine)) = (link.addresses.get(&stack), &mut node) {
                let mac = link.macs.get(&stack).copied();
                let interface = link.interface(LinkIndex(number), mac, addresses.clone());
                engine.add_interface(interface).map_err(WorldError::Interface)?;
            }
        }
        if let Node::Engine(engine) = &mut node {
            for route in routes {
                engine.add_route(route).map_err(WorldError::Interface)?;
            }
        }
        if let Some(there) = self.stacks.get_mut(stack.0 as usize) {
            *there = node;
        }
        self.drain(stack);
        Ok(())
    }

    /// A stack's clock leaps ahead, as a host's does that slept. Timers that ended meanwhile fire next.
    pub fn leap_clock(&mut self, stack: StackId, by: Duration) {
        if let Some(ahead) = self.ahead.get_mut(stack.0 as usize) {
            *ahead += by;
            self.note_stack(stack);
        }
    }

    /// Adds a peer that is no engine: another implementation, driven by the owner of the world. It joins links as a
    /// stack does, sends with [`World::send_frame`] and receives with [`World::poll_arrival`].
    pub fn add_outsider(&mut self) -> StackId {
        let outsider = StackId(self.stacks.len() as u32);
        self.stacks.push(Node::Outsider(VecDeque::new()));
        self.ahead.push(Duration::ZERO);
        outsider
    }

    /// Removes a stack as if its plug was pulled: nothing more is sent, frames on their way to it are gone.
    pub fn remove_stack(&mut self, stack: StackId) -> Option<Engine> {
        self.engine(stack)?;
        let node = std::mem::replace(self.stacks.get_mut(stack.0 as usize)?, Node::Removed);
        let Node::Engine(engine) = node else { return None };
        self.agenda.set(Source::Stack(stack), None);
        for number in 0..self.links.len() {
            let link = &mut self.links[number];
            if let Some(endpoint) = link.members.remove(&stack) {
                link.addresses.remove(&stack);
                link.macs.remove(&stack);
                link.owners.remove(&endpoint);
                link.segment.detach(endpoint);
            }
            self.note_link(LinkIndex(number as u32));
        }
        Some(*engine)
    }

    /// Adds a link between stacks, each with its addresses on it. Where it fails, members that came before the
    /// failing one keep an interface on a link that leads nowhere.
    pub fn add_link(
        &mut self,
        config: LinkConfig,
        members: &[(StackId, Vec<(IpAddr, u8)>)],
    ) -> Result<LinkIndex, WorldError> {
        config.impairments.validate().map_err(WorldError::Impairment)?;
        if let Some((stack, _)) = members.iter().find(|(stack, _)| !self.is_there(*stack)) {
            return Err(WorldError::NoSuchStack(*stack));
        }
        let segment = VirtualLink::new(self.seeds.next_u64(), virtual_link::Limits::default());
        let link = self.push_link(segment, config);
        for (stack, addresses) in members {
            self.join(link, *stack, addresses.clone())?;
        }
        Ok(link)
    }

    /// Adds an Ethernet between stacks. They find each other by ARP and
    /// neighbor discovery, and use their addresses without asking whether somebody else does.
    pub fn add_ethernet(
        &mut self,
        config: LinkConfig,
        stations: Vec<Station>,
    ) -> Result<LinkIndex, WorldError> {
        config.impairments.validate().map_err(WorldError::Impairment)?;
        let segment = VirtualLink::ethernet(self.seeds.next_u64(), virtual_link::Limits::default());
        let link = self.push_link(segment, config);
        for Station { stack, mac, addresses } in stations {
            self.attach(link, stack, Some(mac), addresses)?;
        }
        Ok(link)
    }

    fn push_link(&mut self, segment: VirtualLink, config: LinkConfig) -> LinkIndex {
        let link = LinkIndex(self.links.len() as u32);
        self.links.push(Link {
            segment,
            config,
            members: BTreeMap::new(),
            addresses: BTreeMap::new(),
            macs: BTreeMap::new(),
            owners: BTreeMap::new(),
        });
        link
    }

    /// Adds a route to a stack, over a link that it is on; `gateway` as in [`Route::gateway`].
    pub fn add_route(
        &mut self,
        stack: StackId,
        link: LinkIndex,
        (destination, prefix): (IpAddr, u8),
        gateway: Option<IpAddr>,
    ) -> Result<(), WorldError> {
        let engine = self.engine_mut(stack).ok_or(WorldError::NoSuchStack(stack))?;
        let route = Route { destination, prefix, gateway, link: LinkId(link.0) };
        engine.add_route(route).map_err(WorldError::Interface)
    }

    /// Gives a stack an interface on a link that is there already.
    pub fn join(
        &mut self,
        link: LinkIndex,
        stack: StackId,
        addresses: Vec<(IpAddr, u8)>,
    ) -> Result<(), WorldError> {
        self.attach(link, stack, None, addresses)
    }

    fn attach(
        &mut self,
        link: LinkIndex,
        stack: StackId,
        mac: Option<Mac>,
        addresses: Vec<(IpAddr, u8)>,
    ) -> Result<(), WorldError> {
        let there = self.links.get_mut(link.0 as usize).ok_or(WorldError::NoSuchLink(link))?;
        let node = self.stacks.get_mut(stack.0 as usize).ok_or(WorldError::NoSuchStack(stack))?;
        if there.members.contains_key(&stack) {
            return Err(WorldError::Membership(stack, link));
        }
        let plain: Vec<IpAddr> = addresses.iter().map(|(address, _)| *address).collect();
        let endpoint = match mac {
            Some(mac) => there.segment.attach_station(mac),
            None => there.segment.attach(&plain),
        };
        let endpoint = endpoint.map_err(WorldError::Attach)?;
        let interface = there.interface(link, mac, addresses.clone());
        let added = match node {
            Node::Engine(engine) => engine.add_interface(interface).map_err(WorldError::Interface),
            Node::Outsider(_) => Ok(()),
            Node::Removed => Err(WorldError::NoSuchStack(stack)),
        };
        let added = added.and_then(|()| {
            let impairments = there.config.impairments;
            there.segment.set_impairments(endpoint, impairments).map_err(WorldError::Impairment)
        });
        if added.is_err() {
            there.segment.detach(endpoint);
            return added;
        }
        there.members.insert(stack, endpoint);
        there.addresses.insert(stack, addresses);
        there.macs.extend(mac.map(|mac| (stack, mac)));
        there.owners.insert(endpoint, stack);
        self.drain(stack);
        Ok(())
    }

    /// Changes what a link does to frames that are sent from here on.
    pub fn set_impairments(&mut self, link: LinkIndex, impairments: Impairments) -> Result<(), WorldError> {
        let there = self.links.get_mut(link.0 as usize).ok_or(WorldError::NoSuchLink(link))?;
        for endpoint in there.members.values() {
            there.segment.set_impairments(*endpoint, impairments).map_err(WorldError::Impairment)?;
        }
        there.config.impairments = impairments;
        Ok(())
    }

    /// Changes what a link does to the frames of one member, the others' untouched.
    pub fn set_impairments_from(
        &mut self,
        link: LinkIndex,
        from: StackId,
        impairments: Impairments,
    ) -> Result<(), WorldError> {
        let there = self.links.get_mut(link.0 as usize).ok_or(WorldError::NoSuchLink(link))?;
        let endpoint = there.members.get(&from).ok_or(WorldError::Membership(from, link))?;
        there.segment.set_impairments(*endpoint, impairments).map_err(WorldError::Impairment)
    }

    /// Whether frames are told as [`Output::Link`], each with its octets. They are, unless turned off.
    pub fn tell_frames(&mut self, told: bool) {
        self.frames_told = told;
    }

    /// A stack's engine, to set what is no input, such as its interest. Whatever it has to say afterwards is told with
    /// the next input; for calls and frames there are [`World::op`] and the links.
    pub fn engine_mut(&mut self, stack: StackId) -> Option<&mut Engine> {
        match self.stacks.get_mut(stack.0 as usize)? {
            Node::Engine(engine) => Some(engine),
            Node::Outsider(_) | Node::Removed => None,
        }
    }

    // ---- inputs

    /// Sends an outsider's frame down a link. `false` where it is not on the link.
    pub fn send_frame(&mut self, link: LinkIndex, from: StackId, frame: &[u8]) -> bool {
        let Some(there) = self.links.get_mut(link.0 as usize) else { return false };
        let (at, medium) = (self.now, there.segment.medium());
        let sent = there.send(at, from, &mut frame.to_vec(), |fate| {
            if self.frames_told {
                self.outputs.push_back(Output::Link { link, at, from, fate, medium, frame: frame.to_vec() });
            }
        });
        self.note_link(link);
        sent
    }

    /// Makes a call on a stack. ENODEV where there is no such stack.
    pub fn op(&mut self, stack: StackId, op: OpId, request: Request) -> Outcome {
        let now = self.clock(stack);
        match self.engine_mut(stack) {
            Some(engine) => {
                let outcome = engine.handle_op(now, op, request);
                self.drain(stack);
                outcome
            }
            None => Outcome::Done(Err(Errno::ENODEV.into())),
        }
    }

    /// Ends the wait of a parked call and nothing else.
    pub fn cancel_op(&mut self, stack: StackId, op: OpId) {
        self.input(stack, |engine, now| engine.cancel_op(now, op));
    }

    /// Makes an input that has no method here: what a driver does on a stack, of which sockets it is told by
    /// [`World::poll_woken`]. `None` where there is no such stack.
    pub fn input<T>(&mut self, stack: StackId, input: impl FnOnce(&mut Engine, Instant) -> T) -> Option<T> {
        let now = self.clock(stack);
        let result = input(self.engine_mut(stack)?, now);
        self.drain(stack);
        Some(result)
    }

    /// Lets a frame arrive at a stack now that none of the others sent: what an attacker would, or a capture holds.
    pub fn inject(&mut self, link: LinkIndex, to: StackId, frame: &[u8]) {
        self.input(to, |engine, now| engine.handle_frame(now, LinkId(link.0), frame));
    }

    /// Takes back what a call gave and nobody received.
    pub fn restore(&mut self, stack: StackId, socket: SocketId, reply: Reply) {
        self.input(stack, |engine, now| engine.restore(now, socket, reply));
    }

    /// Tells a stack that a link of its changed.
    pub fn handle_link(&mut self, stack: StackId, link: LinkIndex, change: LinkChange) {
        self.input(stack, |engine, now| engine.handle_link(now, LinkId(link.0), change));
    }

    /// Moves the clock to `time`, and does everything that is due until then, each at its own time. A `time` that has
    /// passed leaves the clock alone.
    pub fn advance_to(&mut self, time: Instant) {
        let time = time.max(self.now);
        while self.next_time().is_some_and(|next| next <= time) {
            self.step();
        }
        self.now = time;
    }

    /// Moves the clock to `time` and does nothing: what is due until then happens late, as where there is more to do than
    /// time to do it in.
    pub fn pass_to(&mut self, time: Instant) {
        self.now = self.now.max(time);
    }

    /// Moves the clock to [`World::next_time`] and does one thing that is due then: a stack's timers fire, or what arrives at
    /// a stack together is taken in. Whether there was one.
    pub fn step(&mut self) -> bool {
        let Some((at, source)) = self.agenda.next() else {
            return false;
        };
        self.now = self.now.max(at);
        match source {
            Source::Link(link) => self.deliver(link),
            Source::Stack(stack) => self.fire(stack),
        }
        true
    }

    // ---- outputs

    /// What happened next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next socket that woke up, of those that a driver watches, and its name.
    pub fn poll_woken(&mut self) -> Option<(StackId, SocketId, NonZeroU64)> {
        self.woken.pop_front()
    }

    /// Whether a socket woke up.
    pub fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    /// The next frame that reached an outsider.
    pub fn poll_arrival(&mut self, outsider: StackId) -> Option<Arrival> {
        match self.stacks.get_mut(outsider.0 as usize)? {
            Node::Outsider(arrivals) => arrivals.pop_front(),
            Node::Engine(_) | Node::Removed => None,
        }
    }

    // ---- inside

    fn is_there(&self, stack: StackId) -> bool {
        matches!(self.stacks.get(stack.0 as usize), Some(Node::Engine(_) | Node::Outsider(_)))
    }

    fn new_engine(&mut self, config: Config, ids: IdSource) -> Node {
        let mut seed = [0; 32];
        for word in seed.chunks_exact_mut(8) {
            word.copy_from_slice(&self.seeds.next_u64().to_le_bytes());
        }
        Node::Engine(Box::new(Engine::new(config, seed, ids)))
    }

    fn ahead_of(&self, stack: StackId) -> Duration {
        self.ahead.get(stack.0 as usize).copied().unwrap_or_default()
    }

    /// When a stack's next timer is due, by the world's clock.
    fn note_stack(&mut self, stack: StackId) {
        let origin = Instant::ZERO + self.ahead_of(stack);
        let due = self.engine_mut(stack).and_then(|engine| engine.poll_timeout());
        self.agenda.set(Source::Stack(stack), due.map(|due| Instant::ZERO + due.since(origin)));
    }

    /// Hands what a link carries over to the stack that it has reached: one frame, or several that arrive there together.
    fn deliver(&mut self, link: LinkIndex) {
        let segment = &mut self.links[link.0 as usize].segment;
        let Some(first) = segment.poll_deliver(self.now) else { return self.note_link(link) };
        let to = self.links[link.0 as usize].owner(first.to);
        match to.and_then(|to| Some((to, self.stacks.get_mut(to.0 as usize)?))) {
            Some((_, Node::Outsider(arrivals))) => {
                arrivals.push_back(Arrival { at: self.now, link, frame: first.frame });
            }
            Some((to, Node::Engine(_))) => self.hand_over(link, to, first),
            Some((_, Node::Removed)) | None => self.links[link.0 as usize].segment.recycle(first.frame),
        }
        self.note_link(link);
    }

    /// Gives an engine frames that wait together, for as long as it lets them be answered together.
    fn hand_over(&mut self, link: LinkIndex, to: StackId, first: virtual_link::Arrival) {
        let clock = self.clock(to);
        let there = &mut self.links[link.0 as usize];
        let Some(Node::Engine(engine)) = self.stacks.get_mut(to.0 as usize) else { return };
        let (receiver, mut next, mut gathered) = (first.to, Some(first), 0);
        while let Some(virtual_link::Arrival { frame, .. }) = next {
            gathered += frame.len();
            let more = engine.handle_frame_of_batch(clock, LinkId(link.0), ChecksumPolicy::Verify, &frame);
            there.segment.recycle(frame);
            let goes_on = more && gathered < GATHERED_MAX;
            next = goes_on.then(|| there.segment.poll_deliver_to(self.now, receiver)).flatten();
        }
        self.drain(to);
    }

    /// Lets a stack's timers fire that are due.
    fn fire(&mut self, stack: StackId) {
        let (now, clock) = (self.now, self.clock(stack));
        let Some(engine) = self.engine_mut(stack) else { return };
        engine.handle_timeout(clock);
        let left_behind = engine.poll_timeout().is_some_and(|at| at <= clock);
        self.drain(stack);
        // A timer of no length may be due again at once, but not for ever.
        self.fired_at_once = if self.fired_at == now { self.fired_at_once + 1 } else { 0 };
        self.fired_at = now;
        if left_behind || self.fired_at_once > FIRED_AT_ONCE_MAX {
            self.overdue_timers += 1;
            let at = self.agenda.of(Source::Stack(stack)).map(|at| at.max(now + OVERDUE_RETRY));
            self.agenda.set(Source::Stack(stack), at);
        }
    }

    /// Takes out everything that a stack's engine has to say.
    fn drain(&mut self, stack: StackId) {
        let clock = self.clock(stack);
        let Some(Node::Engine(engine)) = self.stacks.get_mut(stack.0 as usize) else { return };
        while let Some(transmit) = {
            take_events(engine, stack, &mut self.outputs);
            engine.poll_transmit(clock, &mut self.buffer)
        } {
            // The segment is told before the frame that carries it.
            take_events(engine, stack, &mut self.outputs);
            let Some(link) = self.links.get_mut(transmit.link.0 as usize) else { continue };
            let index = LinkIndex(transmit.link.0);
            let (at, medium) = (self.now, link.segment.medium());
            let told = self.frames_told.then(|| self.buffer.clone());
            link.send(at, stack, &mut self.buffer, |fate| {
                if let Some(frame) = told.clone() {
                    let (link, from) = (index, stack);
                    self.outputs.push_back(Output::Link { link, at, from, fate, medium, frame });
                }
            });
            self.agenda.set(Source::Link(index), link.segment.next_delivery());
        }
        take_events(engine, stack, &mut self.outputs);
        while let Some(completion) = engine.poll_completion() {
            self.outputs.push_back(Output::Completion { stack, at: self.now, completion });
        }
        while let Some((socket, token)) = engine.poll_woken() {
            self.woken.push_back((stack, socket, token));
        }
        // Ports need no giving back: no kernel shares these addresses.
        while engine.poll_released_port().is_some() {}
        self.note_stack(stack);
    }

    fn note_link(&mut self, link: LinkIndex) {
        let next = self.links[link.0 as usize].segment.next_delivery();
        self.agenda.set(Source::Link(link), next);
    }
}

fn take_events(engine: &mut Engine, stack: StackId, outputs: &mut VecDeque<Output>) {
    while let Some(event) = engine.poll_event() {
        outputs.push_back(Output::Event { stack, event });
    }
}

impl Link {
    /// The interface that a member has there.
    fn interface(&self, link: LinkIndex, mac: Option<Mac>, addresses: Vec<(IpAddr, u8)>) -> Interface {
        Interface {
            link: LinkId(link.0),
            addresses,
            mtu: self.config.mtu,
            checksums: ChecksumPolicy::Verify,
            offload: Offload::default(),
            medium: mac.map_or(Medium::Ip, |mac| {
                Medium::Ethernet(Ethernet { mac, vlan: None, detect_duplicates: false })
            }),
            shared_with_host: false,
        }
    }

    /// Sends a member's frame, and tells what became of it on each way that it goes; `false` where the sender is no member.
    /// The octets of the frame may go with it: what is in it afterwards means nothing.
    fn send(&mut self, now: Instant, from: StackId, frame: &mut Vec<u8>, mut tell: impl FnMut(Fate)) -> bool {
        let Some(&endpoint) = self.members.get(&from) else { return false };
        match self.segment.flood(now, endpoint, frame) {
            Some(sent) => sent.into_iter().filter_map(|sent| self.fate(sent)).for_each(tell),
            None => {
                let sent = self.segment.send_buffer(now, endpoint, frame);
                self.fate(sent).into_iter().for_each(&mut tell);
            }
        }
        true
    }

    fn fate(&self, sent: Sent) -> Option<Fate> {
        Some(match sent {
            Sent::Dropped(cause) => Fate::Dropped(cause),
            Sent::Flying { to, original, copy } => Fate::Flying { to: self.owner(to)?, original, copy },
        })
    }

    fn owner(&self, endpoint: EndpointId) -> Option<StackId> {
        self.owners.get(&endpoint).copied()
    }
}

impl fmt::Display for StackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for LinkIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorldError::NoSuchStack(stack) => write!(f, "there is no stack {stack}"),
            WorldError::NoSuchLink(link) => write!(f, "there is no link {link}"),
            WorldError::Membership(stack, link) => {
                write!(f, "stack {stack} is on link {link} already, or is not on it at all")
            }
            WorldError::Impairment(invalid) => fmt::Display::fmt(invalid, f),
            WorldError::Attach(refused) => fmt::Display::fmt(refused, f),
            WorldError::Interface(refused) => f.write_str(refused),
        }
    }
}

impl Error for WorldError {}

/// Octets that arrive together at most.
const GATHERED_MAX: usize = 64 << 10;
/// How often timers may fire at one instant.
const FIRED_AT_ONCE_MAX: u32 = 100_000;
/// How long a timer waits that is still due after it was handled.
const OVERDUE_RETRY: Duration = Duration::from_micros(1);
