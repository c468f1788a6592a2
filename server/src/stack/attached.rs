//! An attached stack on its thread: an engine, its links to the host's wires, and the ports it holds.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mio::{Events, Poll, Token};
use sockwright_engine::event::{EventKind, Interest};
use sockwright_engine::host::op::{Outcome, Reply, Request};
use sockwright_engine::host::{
    Config, Engine, Errno, Ethernet, Interface, LinkChange, Medium, Offload, Route,
};
use sockwright_engine::id::{IdSource, LinkId, OpId, SocketId};
use sockwright_engine::neighbor::AddressState;
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{ChecksumPolicy, Unfinished};
use sockwright_link::af_packet::Received;
use sockwright_link::tun::{self, Layer};
use sockwright_link::virtual_link;
use sockwright_link::{AfPacket, Bell, LinkError, RawIp, Tun};
use sockwright_sim::{Output, StackId};

use super::busy_poll::BusyPoll;
use super::command::{Advance, AdvanceError, Advanced, Description, StackDescription};
use super::egress::{Egress, Passed, ip_packet};
use super::handle::socket_of;
use super::host_losses::{Loss, Losses};
use super::ports::Ports;
use super::site::{Goal, Next, Site, SiteOutput};
use super::tap::{Frame, Way};
use super::wire::{self, Device, Known, Wire};
use crate::access::caller::Access;

/// An engine on links of the host.
pub(crate) struct Attached {
    engine: Engine,
    links: Vec<Link>,
    /// It tells that an interface is to be looked at.
    bell: Bell,
    /// It may have rung: the poll tells only of changes.
    rung: bool,
    /// What may leave.
    egress: Egress,
    /// Of a stack that shares its addresses with the host.
    ports: Option<Ports>,
    poll: Poll,
    events: Events,
    busy_poll: BusyPoll,
    /// How often it looked for something.
    looks: u32,
    /// Where the clock of every real stack of this server began.
    origin: std::time::Instant,
    now: Instant,
    outputs: VecDeque<SiteOutput>,
    /// When the driver wants to be asked.
    alarm: Option<Instant>,
    /// Frames are told for whoever captures.
    tapped: bool,
    /// What the engine has to say is kept until the driver has had its turn.
    keeps: bool,
    buffer: Vec<u8>,
}

struct Link {
    wire: Wire,
    /// Something may wait: the poll tells only of changes.
    readable: bool,
    /// It carries frames, and not packets alone.
    ethernet: bool,
    losses: Losses,
}

impl Link {
    /// As it begins: nobody has looked yet.
    fn new(wire: Wire, ethernet: bool) -> Self {
        Link { wire, readable: true, ethernet, losses: Losses::default() }
    }
}

/// What it takes to attach a stack.
#[derive(Clone, Debug)]
pub(crate) struct AttachedConfig {
    /// Where.
    pub(crate) place: Place,
    /// Of the engine.
    pub(crate) engine: Config,
    /// Its seed.
    pub(crate) seed: [u8; 32],
    /// Ports that it may hold.
    pub(crate) guarded_ports: usize,
    /// Where its clock began.
    pub(crate) origin: std::time::Instant,
    /// How long its thread looks for packets before it sleeps.
    pub(crate) busy_poll: BusyPoll,
    /// What may leave by it.
    pub(crate) access: Arc<Access>,
}

/// The link of an attached stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Raw sockets on addresses of the host.
    RawIp {
        /// One IPv4 address, one IPv6 address, or one of each.
        addresses: Vec<IpAddr>,
        /// The interface to bind to.
        interface: Option<String>,
    },
    /// A station of its own on an interface of the host.
    AfPacket {
        /// The interface.
        interface: String,
        /// Who it is there.
        station: Station,
    },
    /// The other end of a TUN or TAP interface of the host.
    Tun {
        /// The interface.
        config: tun::Config,
        /// Who it is there.
        station: Station,
    },
}

/// Who a stack is on a link that has no address without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Station {
    /// Its addresses, with the lengths of their prefixes.
    pub(crate) addresses: Vec<(IpAddr, u8)>,
    /// What the link carries.
    pub(crate) medium: Medium,
    /// Networks and the routers that lead there.
    pub(crate) routes: Vec<((IpAddr, u8), Option<IpAddr>)>,
}

impl Place {
    /// The kind of link, as the contract names it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Place::RawIp { .. } => "raw_ip",
            Place::AfPacket { .. } => "af_packet",
            Place::Tun { config, .. } => match config.layer {
                Layer::Ip => "tun",
                Layer::Ethernet => "tap",
            },
        }
    }
}

impl Attached {
    /// Opens the links. On an interface that is up this takes a second: the time in which others may object to the
    /// addresses.
    pub(crate) fn open(config: AttachedConfig, ids: IdSource) -> Result<Self, LinkError> {
        let poll = Poll::new().map_err(setup("make a poll"))?;
        let engine = Engine::new(config.engine, config.seed, ids);
        // Before there is a link: whatever becomes of its interface is heard.
        let bell = Bell::hang()?;
        bell.register(poll.registry(), BELL).map_err(setup("hear of changes of interfaces"))?;
        let mut attached = Attached {
            engine,
            links: Vec::new(),
            bell,
            rung: false,
            egress: Egress::new(config.access),
            ports: None,
            poll,
            events: Events::with_capacity(64),
            busy_poll: config.busy_poll,
            looks: 0,
            origin: config.origin,
            now: Instant::ZERO + config.origin.elapsed(),
            outputs: VecDeque::new(),
            alarm: None,
            tapped: false,
            keeps: false,
            buffer: Vec::new(),
        };
        match config.place {
            Place::RawIp { addresses, interface } => {
                for address in &addresses {
                    attached.add_raw(RawIp::open(*address, interface.as_deref())?)?;
                }
                attached.ports = Some(Ports::new(addresses, config.guarded_ports));
            }
            Place::AfPacket { interface, station } => {
                let Medium::Ethernet(Ethernet { mac, .. }) = station.medium else {
                    return Err(nonsense("a station on an Ethernet needs a MAC address"));
                };
                attached.add_station(Device::Packet(AfPacket::open(&interface, mac)?), station)?;
            }
            Place::Tun { config, station } => {
                attached.add_station(Device::Tun(Tun::open(&config)?), station)?;
            }
        }
        Ok(attached)
    }

    fn add_raw(&mut self, raw: RawIp) -> Result<(), LinkError> {
        let number = self.links.len();
        raw.register(self.poll.registry(), Token(number)).map_err(setup("watch a raw socket"))?;
        let address = raw.address();
        let interface = Interface {
            link: LinkId(number as u32),
            addresses: vec![(address, if address.is_ipv4() { 32 } else { 128 })],
            mtu: raw.mtu(),
            checksums: ChecksumPolicy::Verify,
            offload: Offload::default(),
            medium: Medium::Ip,
            shared_with_host: true,
        };
        self.engine.add_interface(interface).map_err(nonsense)?;
        self.links.push(Link::new(Wire::RawIp(raw), false));
        Ok(())
    }

    fn add_station(&mut self, device: Device, station: Station) -> Result<(), LinkError> {
        let number = self.links.len();
        device.register(self.poll.registry(), Token(number)).map_err(setup("watch an interface"))?;
        let status =
            device.status().ok_or_else(|| LinkError::NoSuchInterface(device.interface().to_owned()))?;
        let link = LinkId(number as u32);
        let ethernet = matches!(station.medium, Medium::Ethernet(_));
        let interface = Interface {
            link,
            addresses: station.addresses,
            mtu: status.mtu,
            checksums: ChecksumPolicy::Verify,
            offload: device.offload(),
            medium: station.medium,
            shared_with_host: false,
        };
        self.engine.add_interface(interface).map_err(nonsense)?;
        for ((destination, prefix), gateway) in station.routes {
            self.engine.add_route(Route { destination, prefix, gateway, link }).map_err(nonsense)?;
        }
        let place = wire::Place { device, known: Known::of(status), try_again: None, failed: false };
        self.links.push(Link::new(Wire::Interface(Box::new(place)), ethernet));
        let change = if status.running { LinkChange::Up } else { LinkChange::Down };
        self.engine.handle_link(self.now, link, change);
        self.drain();
        self.claim_addresses()
    }

    /// Waits until nobody objected to the addresses. Where the interface is down, and stays so for a while, they remain
    /// tentative: they are asked for when it comes up. One that is removed meanwhile is none.
    fn claim_addresses(&mut self) -> Result<(), LinkError> {
        let addresses: Vec<IpAddr> =
            self.engine.interfaces().iter().flat_map(|at| &at.addresses).map(|(ip, _)| *ip).collect();
        let patience = self.now + CARRIER_TIME;
        loop {
            self.tick();
            let next = self.work();
            let in_state =
                |state| addresses.iter().find(|ip| self.engine.address_state(**ip) == Some(state)).copied();
            if let Some(ip) = in_state(AddressState::Duplicate) {
                return Err(LinkError::AddressTaken(ip));
            }
            if let Some(link) = self.links.iter().find(|link| link.wire.is_gone()) {
                return Err(LinkError::NoSuchInterface(link.wire.to_string()));
            }
            let down = self.links.iter().any(|link| !link.wire.is_running()) && self.now >= patience;
            if down || in_state(AddressState::Tentative).is_none() {
                return Ok(());
            }
            match next {
                Next::AtOnce => {}
                Next::After(length) => self.sleep(Some(length)),
                // Until patience is over: nothing but the bell tells before that the interface is up.
                Next::Whenever => self.sleep(Some(patience - self.now)),
            }
        }
    }

    /// The interface of the host that it is on.
    pub(crate) fn interface(&self) -> Option<&str> {
        self.links.first().and_then(|link| link.wire.interface())
    }

    /// The stack as it begins.
    pub(crate) fn describe(&self) -> Description {
        let stack = StackDescription {
            stack: ONLY,
            sockets: 0,
            interfaces: self.engine.interfaces().to_vec(),
            routes: self.engine.routes().to_vec(),
            counters: self.engine.counters().clone(),
            frames_lost: self.frames_lost(),
        };
        Description { now: self.now, stacks: vec![stack], limits_hit: BTreeMap::new(), recorded_at_most: 0 }
    }

    /// What wakes its thread.
    pub(super) fn waker(&self) -> io::Result<mio::Waker> {
        mio::Waker::new(self.poll.registry(), WAKE)
    }

    /// Gives the engine frames from one link: those that wait together are answered together. Whether the link has no
    /// more, within the budget.
    fn take_frames(&mut self, number: usize) -> bool {
        let mut gathered = 0;
        let (mut taken, mut failed) = (false, false);
        self.links[number].losses.stir(self.now);
        for _ in 0..FRAMES_PER_TURN {
            let link = &mut self.links[number];
            match link.wire.recv() {
                Ok(Some(Received { frame, checksums })) => {
                    failed = false;
                    if self.ports.as_ref().is_none_or(|ports| ports.admit(frame)) {
                        gathered += frame.len();
                        let link = LinkId(number as u32);
                        let before = self.outputs.len();
                        let more = self.engine.handle_frame_of_batch(self.now, link, checksums, frame);
                        if self.tapped {
                            take_events(&mut self.engine, &mut self.egress, &mut self.outputs);
                            let told = self.outputs.len() - before;
                            let frame =
                                tapped(self.now, &self.engine, link, frame.to_vec(), Way::In { told });
                            self.outputs.insert(before, frame);
                        }
                        self.keeps = more && self.engine.has_woken();
                        if !more || gathered >= GATHERED_MAX {
                            gathered = 0;
                            self.flush();
                        }
                    }
                }
                Ok(None) => {
                    link.readable = false;
                    taken = true;
                    break;
                }
                // Told once, it does not keep from us what waits behind it.
                Err(error) if !failed => {
                    tracing::warn!(%error, link = %link.wire, "a link failed to receive");
                    failed = true;
                }
                // Again at once: it is left alone until something else arrives.
                Err(_) => {
                    link.readable = false;
                    taken = true;
                    break;
                }
            }
        }
        self.unless_kept();
        taken
    }

    /// Takes out what the engine has to say, unless the driver is to add to it.
    fn unless_kept(&mut self) {
        if !self.keeps {
            self.drain();
        }
    }

    /// Takes out everything that the engine has to say; packets leave at once.
    fn drain(&mut self) {
        let stack = ONLY;
        let mut refused = Vec::new();
        loop {
            // The transmit that gives nothing may tell something all the same: only then timers are set.
            let transmit = self.engine.poll_transmit(self.now, &mut self.buffer);
            take_events(&mut self.engine, &mut self.egress, &mut self.outputs);
            let Some(transmit) = transmit else { break };
            let Some(link) = self.links.get_mut(transmit.link.0 as usize) else { continue };
            let cut = transmit.unfinished.and_then(|rest| rest.cut);
            let passed = match ip_packet(&self.buffer, link.ethernet) {
                Some(at) => self.egress.pass(self.now, &self.engine, &self.buffer[at..], cut),
                None => Passed::Leaves,
            };
            match passed {
                Passed::Leaves => {}
                Passed::TooMuch => {
                    link.losses.kept_back(self.now, Loss::RateExceeded);
                    continue;
                }
                Passed::Denied => {
                    link.losses.kept_back(self.now, Loss::Denied);
                    let at = ip_packet(&self.buffer, link.ethernet).unwrap_or_default();
                    refused.push((whole(&self.buffer, transmit.unfinished).split_off(at), Errno::EPERM));
                    continue;
                }
            }
            // A packet that the host cannot take now is lost, as on any router, and told; TCP sends it again.
            let sent = match self.tapped {
                // What became of it is told with it.
                true => link.wire.send(&self.buffer, transmit.unfinished),
                false => link.wire.queue(&self.buffer, transmit.unfinished),
            };
            if self.tapped {
                let way =
                    Way::Out { cut: transmit.unfinished.and_then(|rest| rest.cut), refused: sent.is_err() };
                let octets = whole(&self.buffer, transmit.unfinished);
                self.outputs.push_back(tapped(self.now, &self.engine, transmit.link, octets, way));
            }
            if let Err(error) = sent {
                tracing::trace!(%error, link = %link.wire, "a packet was not sent");
                link.losses.not_sent(self.now, &error);
                if let Some(errno) = link.wire.unreachable(&error) {
                    refused.push((self.buffer.clone(), errno));
                }
            }
        }
        for link in &mut self.links {
            for error in link.wire.flush() {
                tracing::trace!(%error, link = %link.wire, "a packet was not sent");
                link.losses.not_sent(self.now, &error);
            }
        }
        while let Some(completion) = self.engine.poll_completion() {
            let completed = Output::Completion { stack, at: self.now, completion };
            self.outputs.push_back(SiteOutput::World(completed));
        }
        while let Some(port) = self.engine.poll_released_port() {
            if let Some(ports) = &mut self.ports {
                ports.release(port);
            }
        }
        for (packet, errno) in refused {
            self.engine.handle_send_failure(self.now, &packet, errno);
            self.drain();
        }
    }

    /// Tells the engine what became of the links since the last look, and the watchers what was lost there.
    fn look_at_links(&mut self) {
        let rang = std::mem::take(&mut self.rung) && self.bell.rang();
        for number in 0..self.links.len() {
            let Link { wire, losses, readable, .. } = &mut self.links[number];
            let due = rang || wire.try_again().is_some_and(|at| at <= self.now);
            let changes = if due { wire.changes(self.now) } else { Vec::new() };
            // Of what waited on an interface before, nothing is told again.
            *readable |= !changes.is_empty();
            if losses.next_look().is_some_and(|at| at <= self.now) {
                let told = losses
                    .look(self.now, wire.lost())
                    .into_iter()
                    .map(|(loss, frames)| SiteOutput::FramesLost { at: self.now, what: loss.name(), frames });
                self.outputs.extend(told);
            }
            for change in changes {
                self.engine.handle_link(self.now, LinkId(number as u32), change);
                self.drain();
            }
        }
    }

    /// Whether there is something, or comes within `wait`: at the packet sockets themselves, which is quickest, and by the poll.
    /// Where it need not sleep only some looks are at the poll: so what became of interfaces is heard however much comes.
    fn look(&mut self, wait: Option<Duration>) -> bool {
        let mut are_packet_sockets = true;
        for link in &mut self.links {
            match link.wire.waits() {
                Some(waits) => link.readable |= waits,
                None => are_packet_sockets = false,
            }
        }
        let found = self.links.iter().any(|link| link.readable);
        let wait = if found { Some(Duration::ZERO) } else { wait };
        self.looks = self.looks.wrapping_add(1);
        if are_packet_sockets && wait == Some(Duration::ZERO) && !self.looks.is_multiple_of(LOOKS_PER_POLL) {
            return found;
        }
        match self.poll.poll(&mut self.events, wait) {
            Ok(()) => found || !self.events.is_empty(),
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    tracing::error!(%error, "polling failed");
                }
                true
            }
        }
    }

    fn make(&mut self, op: OpId, request: Request) -> Outcome {
        let outcome = self.engine.handle_op(self.now, op, request);
        self.unless_kept();
        outcome
    }

    /// Makes a call that needs a port, after taking it from the host.
    fn make_with_port(&mut self, op: OpId, request: Request) -> Outcome {
        let Some(ports) = &mut self.ports else { return self.make(op, request) };
        let Some(needed) = self.engine.port_needed(&request) else { return self.make(op, request) };
        let Some(socket) = socket_of(&request) else { return self.make(op, request) };
        let local = match ports.claim(&mut self.engine, needed) {
            Ok(local) => local,
            Err(error) => return Outcome::Done(Err(error)),
        };
        let bound = self.make(op, Request::Bind { socket, local });
        if let (Outcome::Done(Err(_)), Some(ports)) = (&bound, &mut self.ports) {
            ports.release(sockwright_engine::host::Port { port: local.port(), ..needed });
        }
        match (&bound, request) {
            (Outcome::Done(Ok(_)), request) if !matches!(request, Request::Bind { .. }) => {
                self.make(op, request)
            }
            _ => bound,
        }
    }
}

impl Site for Attached {
    fn tick(&mut self) {
        self.now = Instant::ZERO + self.origin.elapsed();
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn stacks(&self) -> Vec<StackId> {
        vec![ONLY]
    }

    fn engine(&self, stack: StackId) -> Option<&Engine> {
        (stack == ONLY).then_some(&self.engine)
    }

    fn set_interest(&mut self, interest: Interest, _frame_losses: bool) {
        self.engine.set_interest(interest);
    }

    fn set_tap(&mut self, open: bool) {
        self.tapped = open;
    }

    fn link_name(&self, link: LinkId) -> Arc<str> {
        let interface = self.links.get(link.0 as usize).and_then(|link| link.wire.interface());
        Arc::from(interface.unwrap_or("raw_ip"))
    }

    fn began(&self) -> Duration {
        // A clock that stood before 1970 is taken for one that stands there.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(self.origin.elapsed())
    }

    fn op(&mut self, _stack: StackId, op: OpId, request: Request) -> Outcome {
        self.make_with_port(op, request)
    }

    fn input<T>(&mut self, stack: StackId, input: impl FnOnce(&mut Engine, Instant) -> T) -> Option<T> {
        let result = (stack == ONLY).then(|| input(&mut self.engine, self.now));
        self.unless_kept();
        result
    }

    fn poll_woken(&mut self) -> Option<(StackId, SocketId, NonZeroU64)> {
        self.engine.poll_woken().map(|(socket, token)| (ONLY, socket, token))
    }

    fn set_alarm(&mut self, at: Option<Instant>) {
        self.alarm = at;
    }

    fn has_real_clock(&self) -> bool {
        true
    }

    fn cancel(&mut self, _stack: StackId, op: OpId) {
        self.engine.cancel_op(self.now, op);
        self.unless_kept();
    }

    fn restore(&mut self, _stack: StackId, socket: SocketId, reply: Reply) {
        self.engine.restore(self.now, socket, reply);
        self.drain();
    }

    fn called(&mut self) {}

    fn work(&mut self) -> Next {
        let mut all_taken = true;
        self.look_at_links();
        for number in 0..self.links.len() {
            if self.links[number].readable {
                all_taken &= self.take_frames(number);
            }
        }
        if self.engine.poll_timeout().is_some_and(|at| at <= self.now) {
            self.flush();
            self.engine.handle_timeout(self.now);
            self.drain();
        }
        let looks = self.links.iter().flat_map(|link| [link.wire.try_again(), link.losses.next_look()]);
        let looks = looks.flatten();
        match self.engine.poll_timeout().into_iter().chain(looks).chain(self.alarm).min() {
            _ if !all_taken => Next::AtOnce,
            Some(at) => Next::After(at - self.now),
            None => Next::Whenever,
        }
    }

    fn flush(&mut self) {
        self.keeps = false;
        self.drain();
    }

    fn begin_advance(&self, _how: Advance) -> Result<Goal, AdvanceError> {
        Err(AdvanceError::RealClock)
    }

    fn advance(&mut self, _goal: &mut Goal) -> Option<Result<Advanced, AdvanceError>> {
        Some(Err(AdvanceError::RealClock))
    }

    fn poll_output(&mut self) -> Option<SiteOutput> {
        self.outputs.pop_front()
    }

    fn limits_hit(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }

    fn sleeps_until_told(&self) -> bool {
        false
    }

    fn frames_lost(&self) -> BTreeMap<&'static str, u64> {
        let mut all = BTreeMap::new();
        for (loss, count) in self.links.iter().flat_map(|link| link.losses.counts()) {
            *all.entry(loss.name()).or_default() += count;
        }
        all
    }

    fn sleep(&mut self, at_most: Option<Duration>) {
        let (began, busy_poll) = (std::time::Instant::now(), self.busy_poll);
        self.events.clear();
        busy_poll.wait(at_most, || began.elapsed(), |wait| self.look(wait));
        for event in &self.events {
            self.rung |= event.token() == BELL;
            if let Some(link) = self.links.get_mut(event.token().0) {
                link.readable = true;
            }
        }
    }
}

/// Takes out the events. Whose sockets there are decides what may leave.
fn take_events(engine: &mut Engine, egress: &mut Egress, outputs: &mut VecDeque<SiteOutput>) {
    while let Some(event) = engine.poll_event() {
        if let EventKind::Opened { session, .. } = &event.kind {
            egress.opened(*session);
        }
        outputs.push_back(SiteOutput::World(Output::Event { stack: ONLY, event }));
    }
}

/// A frame, told.
fn tapped(at: Instant, engine: &Engine, link: LinkId, octets: Vec<u8>, way: Way) -> SiteOutput {
    let ethernet = engine
        .interfaces()
        .iter()
        .any(|interface| interface.link == link && matches!(interface.medium, Medium::Ethernet(_)));
    let medium = if ethernet { virtual_link::Medium::Ethernet } else { virtual_link::Medium::Ip };
    SiteOutput::Frame(Box::new(Frame { at, stack: ONLY, link, medium, octets, way }))
}

/// A frame as it was given to a link, uncut, with the lengths and the checksum that the link is to fill in.
fn whole(frame: &[u8], unfinished: Option<Unfinished>) -> Vec<u8> {
    let uncut = unfinished.map(|rest| Unfinished { cut: None, ..rest });
    uncut.and_then(|rest| rest.finish(frame).next()).unwrap_or_else(|| frame.to_vec())
}

fn setup(what: &'static str) -> impl FnOnce(io::Error) -> LinkError {
    move |source| LinkError::Io { what, source }
}

/// The engine found no sense in what it was given.
fn nonsense(reason: &'static str) -> LinkError {
    LinkError::Io { what: "set up the stack", source: io::Error::new(io::ErrorKind::InvalidInput, reason) }
}

/// How long an interface may take to find its carrier: the kernel looks at some no more than once a second.
const CARRIER_TIME: Duration = Duration::from_secs(2);
/// The only stack of its thread.
pub(crate) const ONLY: StackId = StackId(0);
/// Octets of frames that are answered together: some twenty segments on Ethernet, one super-segment.
const GATHERED_MAX: usize = 32 << 10;
/// Looks that need not wait for one that finds messages as well, and what became of interfaces.
const LOOKS_PER_POLL: u32 = 4;
/// Packets taken from one link in one turn.
const FRAMES_PER_TURN: usize = 256;
/// What the waker's readiness is told under; the links have the numbers from 0.
const WAKE: Token = Token(usize::MAX - 1);
/// What the bell's is told under.
const BELL: Token = Token(usize::MAX - 2);
