//! A world: engines and virtual links, joined under one clock that its owner moves; and outsiders, other peers that
//! the owner drives.
//!
//! Owns the engines, the links and the order of things; decides nothing about TCP. After each input to an engine
//! everything that the engine has to say is taken out before anything else happens: frames go to their links, the
//! rest to the queue behind [`World::poll_output`]. Of frames that come together only the last is followed by that; where
//! they come while their sender still sends, it goes on sending before.
//!
//! ```text
//! op(a, Connect) ─> Parked           poll_output() ─> Event SYN-SENT, Event SegmentSent(S), Link Flying { to: b }
//! next_time()    ─> Some(10 ms)      step()        ─> b handles the SYN, its SYN,ACK flies, ...
//! ```
//!
//! Under a virtual clock the owner calls [`World::step`] until nothing is left to do, or [`World::advance_to`] some
//! time. Under a real clock it sleeps until [`World::next_time`] and calls `advance_to` with what the clock says.

mod link;
mod making;

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use sockwright_engine::host::op::{Outcome, Reply, Request};
use sockwright_engine::host::{Engine, Errno, LinkChange, Transmit};
use sockwright_engine::id::{LinkId, OpId, SocketId};
use sockwright_engine::rng::Rng;
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{ChecksumPolicy, Mac};
use sockwright_link::impair::{Impairments, InvalidImpairment};
use sockwright_link::virtual_link::{self, AttachError, EndpointId};

use crate::agenda::{Agenda, Source};
use crate::output::Output;

use link::Link;
pub use link::LinkConfig;

/// Names a stack of one world. Never used again once the stack is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackId(pub u32);

/// Names a link of one world. The engines know the link as the [`LinkId`] of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkIndex(pub u32);

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
    arrivals_told: bool,
    overdue_timers: u64,
    /// When timers fired last, and how often at that instant.
    fired_at: Instant,
    fired_at_once: u32,
    /// Frames taken in and timers fired.
    inputs: u64,
    /// A stack is given what has reached it while another one sends.
    delivers_early: bool,
    /// A stack that was given frames in that way and lets more be answered with them.
    gathers: Option<Gathered>,
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

/// What a stack was given together, of which nothing it says was taken out yet.
#[derive(Clone, Copy)]
struct Gathered {
    by: StackId,
    octets: usize,
    frames: u64,
}

impl Gathered {
    fn nothing(by: StackId) -> Self {
        Gathered { by, octets: 0, frames: 0 }
    }

    fn is_full(&self) -> bool {
        self.octets >= GATHERED_MAX || self.frames >= FRAMES_GATHERED_MAX
    }
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
            arrivals_told: false,
            overdue_timers: 0,
            fired_at: Instant::ZERO,
            fired_at_once: 0,
            inputs: 0,
            delivers_early: false,
            gathers: None,
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

    /// Frames that arrived and times that timers fired, in all steps so far: what a step took is not always the same.
    pub fn inputs(&self) -> u64 {
        self.inputs
    }

    /// Timers that were still due after they had been handled. Each is a bug of the engine.
    pub fn overdue_timers(&self) -> u64 {
        self.overdue_timers
    }

    // ---- settings

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

    /// Whether frames are told as [`Output::Arrival`] where they reach a stack. They are not, unless turned on.
    pub fn tell_arrivals(&mut self, told: bool) {
        self.arrivals_told = told;
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
        let outputs = self.frames_told.then_some(&mut self.outputs);
        let sent = there.send(self.now, from, &mut frame.to_vec(), outputs);
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
        self.inputs += 1;
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
        if let Some(first) = self.links[link.0 as usize].segment.poll_deliver(self.now) {
            self.hand_over(link, first, None);
        }
        self.note_link(link);
    }

    /// Hands over what has reached another stack while this one goes on sending: by the time that it had sent all,
    /// no cache would hold the first of it. Only where nothing else is due before that.
    fn deliver_early(&mut self, link: LinkIndex, sender: StackId) {
        if self.agenda.next().is_none_or(|(_, source)| source != Source::Link(link)) {
            return;
        }
        let there = &mut self.links[link.0 as usize];
        let Some(busy) = there.members.get(&sender).copied().filter(|_| !self.delivers_early) else { return };
        if let Some(first) = there.segment.poll_deliver_past(self.now, busy, None) {
            self.delivers_early = true;
            self.inputs += 1;
            self.hand_over(link, first, Some(busy));
            self.delivers_early = false;
            self.note_link(link);
        }
    }

    /// Gives a stack frames that wait together, for as long as it lets them be answered together.
    fn hand_over(&mut self, link: LinkIndex, first: virtual_link::Arrival, busy: Option<EndpointId>) {
        let there = &mut self.links[link.0 as usize];
        let receiver = first.to;
        let Some(to) = there.owner(receiver) else { return there.segment.recycle(first.frame) };
        if self.gathers.is_some_and(|gathered| gathered.by != to) {
            self.settle_gathered();
        }
        let there = &mut self.links[link.0 as usize];
        let clock = self.now + self.ahead.get(to.0 as usize).copied().unwrap_or_default();
        let engine = match self.stacks.get_mut(to.0 as usize) {
            Some(Node::Engine(engine)) => engine,
            Some(Node::Outsider(arrivals)) => {
                return arrivals.push_back(Arrival { at: self.now, link, frame: first.frame });
            }
            Some(Node::Removed) | None => return there.segment.recycle(first.frame),
        };
        let (checksums, medium) = (there.checksums(), there.segment.medium());
        let before = self.gathers.take().filter(|before| before.by == to);
        let (mut next, mut gathered) = (Some(first), before.unwrap_or(Gathered::nothing(to)));
        let (mut frames, mut more) = (0, true);
        while let Some(virtual_link::Arrival { frame, marks, .. }) = next {
            frames += 1;
            gathered =
                Gathered { octets: gathered.octets + frame.len(), frames: gathered.frames + 1, ..gathered };
            let before = self.outputs.len();
            // What was corrupted was finished before: an unfinished frame meets nothing but delay.
            let checksums = if marks.corrupted_bit.is_some() { ChecksumPolicy::Verify } else { checksums };
            more = engine.handle_frame_of_batch(clock, LinkId(link.0), checksums, &frame);
            if self.arrivals_told {
                take_events(engine, to, &mut self.outputs);
                let told = self.outputs.len() - before;
                let (at, frame) = (self.now, frame.clone());
                self.outputs.insert(before, Output::Arrival { link, at, to, marks, medium, frame, told });
            }
            there.segment.recycle(frame);
            more &= !gathered.is_full();
            if !more {
                break;
            }
            next = match busy {
                Some(busy) => there.segment.poll_deliver_past(self.now, busy, Some(receiver)),
                None => there.segment.poll_deliver_to(self.now, receiver),
            };
        }
        // The first is counted with the step.
        self.inputs += frames - 1;
        // Whoever sends may have more for it before that is taken out.
        if more && busy.is_some() {
            self.gathers = Some(gathered);
        } else {
            self.drain(to);
        }
    }

    /// Takes out what is left of early deliveries.
    fn settle_gathered(&mut self) {
        if let Some(gathered) = self.gathers.take() {
            let before = std::mem::replace(&mut self.delivers_early, true);
            self.drain(gathered.by);
            self.delivers_early = before;
        }
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
        let mut carried = 0;
        while let Some(transmit) = self.poll_transmit(stack, clock) {
            let index = LinkIndex(transmit.link.0);
            let Some(link) = self.links.get_mut(index.0 as usize) else { continue };
            carried += transmit.len;
            let outputs = self.frames_told.then_some(&mut self.outputs);
            link.carry(self.now, stack, (&mut self.buffer, transmit.unfinished), outputs);
            self.note_link(index);
            while carried >= EARLY {
                carried -= EARLY;
                self.deliver_early(index, stack);
            }
        }
        let Some(Node::Engine(engine)) = self.stacks.get_mut(stack.0 as usize) else { return };
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
        if !self.delivers_early {
            self.settle_gathered();
        }
    }

    /// The next frame of a stack, in the buffer; what it told before is told.
    fn poll_transmit(&mut self, stack: StackId, clock: Instant) -> Option<Transmit> {
        let Some(Node::Engine(engine)) = self.stacks.get_mut(stack.0 as usize) else { return None };
        take_events(engine, stack, &mut self.outputs);
        let transmit = engine.poll_transmit(clock, &mut self.buffer);
        // The segment is told before the frame that carries it.
        take_events(engine, stack, &mut self.outputs);
        transmit
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
/// And frames.
const FRAMES_GATHERED_MAX: u64 = 64;
/// Octets that a stack sends before those that have reached another one are given to it: few enough to be near still.
const EARLY: usize = 32 << 10;
/// How often timers may fire at one instant.
const FIRED_AT_ONCE_MAX: u32 = 100_000;
/// How long a timer waits that is still due after it was handled.
const OVERDUE_RETRY: Duration = Duration::from_micros(1);
