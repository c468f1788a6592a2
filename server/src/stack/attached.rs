//! An attached stack on its thread: an engine, its raw links, and the ports it holds.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use mio::{Events, Poll, Token};
use sockwright_engine::event::Interest;
use sockwright_engine::host::op::{Outcome, Reply, Request};
use sockwright_engine::host::{Config, Engine, Errno, Interface, Medium};
use sockwright_engine::id::{IdSource, LinkId, OpId, SocketId};
use sockwright_engine::time::Instant;
use sockwright_engine::wire::ChecksumPolicy;
use sockwright_link::raw_ip::{Checksums, SendError};
use sockwright_link::{LinkError, RawIp};
use sockwright_sim::{Output, StackId};

use super::command::{Advance, AdvanceError, Advanced, Description, StackDescription};
use super::handle::socket_of;
use super::ports::Ports;
use super::site::{Goal, Next, Site, SiteOutput};

/// An engine on raw sockets of the host.
pub(crate) struct Attached {
    engine: Engine,
    links: Vec<Link>,
    ports: Ports,
    poll: Poll,
    events: Events,
    /// Where the clock of every real stack of this server began.
    origin: std::time::Instant,
    now: Instant,
    outputs: VecDeque<Output>,
    buffer: Vec<u8>,
}

struct Link {
    raw: RawIp,
    /// Something may wait: the poll tells only of changes.
    readable: bool,
}

/// What it takes to attach a stack.
#[derive(Clone, Debug)]
pub(crate) struct AttachedConfig {
    /// One IPv4 address, one IPv6 address, or one of each.
    pub(crate) addresses: Vec<IpAddr>,
    /// The interface to bind to.
    pub(crate) interface: Option<String>,
    /// Of the engine.
    pub(crate) engine: Config,
    /// Its seed.
    pub(crate) seed: [u8; 32],
    /// Ports that it may hold.
    pub(crate) guarded_ports: usize,
    /// Where its clock began.
    pub(crate) origin: std::time::Instant,
}

impl Attached {
    /// Opens the links.
    pub(crate) fn open(config: AttachedConfig, ids: IdSource) -> Result<Self, LinkError> {
        let setup = |what| move |source| LinkError::Io { what, source };
        let poll = Poll::new().map_err(setup("make a poll"))?;
        let mut engine = Engine::new(config.engine, config.seed, ids);
        let mut links = Vec::new();
        for (number, address) in (0..).zip(&config.addresses) {
            let raw = RawIp::open(*address, config.interface.as_deref())?;
            raw.register(poll.registry(), Token(number as usize)).map_err(setup("watch a raw socket"))?;
            let interface = Interface {
                link: LinkId(number),
                addresses: vec![(*address, if address.is_ipv4() { 32 } else { 128 })],
                mtu: raw.mtu(),
                checksums: match raw.checksums() {
                    Checksums::Complete => ChecksumPolicy::Verify,
                    Checksums::MayBePartial => ChecksumPolicy::AllowPartial,
                },
                medium: Medium::Ip,
                shared_with_host: true,
            };
            engine.add_interface(interface).map_err(|reason| LinkError::Io {
                what: "set up the stack",
                source: io::Error::other(reason),
            })?;
            links.push(Link { raw, readable: true });
        }
        Ok(Attached {
            engine,
            links,
            ports: Ports::new(config.addresses, config.guarded_ports),
            poll,
            events: Events::with_capacity(64),
            origin: config.origin,
            now: Instant::ZERO + config.origin.elapsed(),
            outputs: VecDeque::new(),
            buffer: Vec::new(),
        })
    }

    /// The stack as it begins.
    pub(crate) fn describe(&self) -> Description {
        let stack = StackDescription {
            stack: ONLY,
            sockets: 0,
            interfaces: self.engine.interfaces().to_vec(),
            counters: self.engine.counters().clone(),
        };
        Description { now: self.now, stacks: vec![stack], limits_hit: BTreeMap::new() }
    }

    /// What wakes its thread.
    pub(super) fn waker(&self) -> io::Result<mio::Waker> {
        mio::Waker::new(self.poll.registry(), WAKE)
    }

    /// Gives the engine frames from one link. Whether the link has no more, within the budget.
    fn take_frames(&mut self, number: usize) -> bool {
        for _ in 0..FRAMES_PER_TURN {
            let link = &mut self.links[number];
            match link.raw.recv() {
                Ok(Some(packet)) => {
                    if self.ports.admit(packet) {
                        self.engine.handle_frame(self.now, LinkId(number as u32), packet);
                        self.drain();
                    }
                }
                Ok(None) => {
                    link.readable = false;
                    return true;
                }
                Err(error) => {
                    // Such as the interface going down: it is reported once, and the next packet clears it.
                    tracing::warn!(%error, address = %link.raw.address(), "a raw socket failed to receive");
                    link.readable = false;
                    return true;
                }
            }
        }
        false
    }

    /// Takes out everything that the engine has to say; packets leave at once.
    fn drain(&mut self) {
        let stack = ONLY;
        let mut refused = Vec::new();
        loop {
            // The transmit that gives nothing may tell something all the same: only then timers are set.
            let transmit = self.engine.poll_transmit(self.now, &mut self.buffer);
            while let Some(event) = self.engine.poll_event() {
                self.outputs.push_back(Output::Event { stack, event });
            }
            let Some(transmit) = transmit else { break };
            let Some(link) = self.links.get_mut(transmit.link.0 as usize) else { continue };
            // A packet that the host cannot take now is lost, as on any router; TCP sends it again.
            if let Err(error) = link.raw.send(&self.buffer) {
                tracing::debug!(%error, address = %link.raw.address(), "a packet was not sent");
                if let Some(errno) = unreachable(&error) {
                    refused.push((self.buffer.clone(), errno));
                }
            }
        }
        while let Some(completion) = self.engine.poll_completion() {
            self.outputs.push_back(Output::Completion { stack, at: self.now, completion });
        }
        while let Some(port) = self.engine.poll_released_port() {
            self.ports.release(port);
        }
        for (packet, errno) in refused {
            self.engine.handle_send_failure(self.now, &packet, errno);
            self.drain();
        }
    }

    fn make(&mut self, op: OpId, request: Request) -> Outcome {
        let outcome = self.engine.handle_op(self.now, op, request);
        self.drain();
        outcome
    }

    /// Makes a call that needs a port, after taking it from the host.
    fn make_with_port(&mut self, op: OpId, request: Request) -> Outcome {
        let Some(needed) = self.engine.port_needed(&request) else { return self.make(op, request) };
        let Some(socket) = socket_of(&request) else { return self.make(op, request) };
        let local = match self.ports.claim(&mut self.engine, needed) {
            Ok(local) => local,
            Err(error) => return Outcome::Done(Err(error)),
        };
        let bound = self.make(op, Request::Bind { socket, local });
        if let Outcome::Done(Err(_)) = bound {
            self.ports.release(sockwright_engine::host::Port { port: local.port(), ..needed });
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

    fn op(&mut self, _stack: StackId, op: OpId, request: Request) -> Outcome {
        self.make_with_port(op, request)
    }

    fn cancel(&mut self, _stack: StackId, op: OpId) {
        self.engine.cancel_op(self.now, op);
        self.drain();
    }

    fn restore(&mut self, _stack: StackId, socket: SocketId, reply: Reply) {
        self.engine.restore(self.now, socket, reply);
        self.drain();
    }

    fn called(&mut self) {}

    fn work(&mut self) -> Next {
        let mut all_taken = true;
        for number in 0..self.links.len() {
            if self.links[number].readable {
                all_taken &= self.take_frames(number);
            }
        }
        if self.engine.poll_timeout().is_some_and(|at| at <= self.now) {
            self.engine.handle_timeout(self.now);
            self.drain();
        }
        match self.engine.poll_timeout() {
            _ if !all_taken => Next::AtOnce,
            Some(at) => Next::After(at - self.now),
            None => Next::Whenever,
        }
    }

    fn begin_advance(&self, _how: Advance) -> Result<Goal, AdvanceError> {
        Err(AdvanceError::RealClock)
    }

    fn advance(&mut self, _goal: &mut Goal) -> Option<Result<Advanced, AdvanceError>> {
        Some(Err(AdvanceError::RealClock))
    }

    fn poll_output(&mut self) -> Option<SiteOutput> {
        self.outputs.pop_front().map(SiteOutput::World)
    }

    fn limits_hit(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }

    fn sleep(&mut self, at_most: Option<Duration>) {
        if let Err(error) = self.poll.poll(&mut self.events, at_most)
            && error.kind() != io::ErrorKind::Interrupted
        {
            tracing::error!(%error, "polling failed");
        }
        for event in &self.events {
            if let Some(link) = self.links.get_mut(event.token().0) {
                link.readable = true;
            }
        }
    }
}

/// What it means to the sender of a packet that the host does not send it; `None`: it is lost on the way like any other.
fn unreachable(error: &SendError) -> Option<Errno> {
    match error {
        SendError::Busy | SendError::TooBig { .. } => None,
        SendError::Filtered => Some(Errno::EPERM),
        // Our packets are whole: so the kernel has no way from this source to this destination.
        SendError::Malformed => Some(Errno::ENETUNREACH),
        SendError::Io(error) => match error.kind() {
            io::ErrorKind::HostUnreachable => Some(Errno::EHOSTUNREACH),
            _ => Some(Errno::ENETUNREACH),
        },
    }
}

/// The only stack of its thread.
pub(crate) const ONLY: StackId = StackId(0);
/// Packets taken from one link in one turn.
const FRAMES_PER_TURN: usize = 256;
/// What the waker's readiness is told under; the links have the numbers from 0.
const WAKE: Token = Token(usize::MAX - 1);
