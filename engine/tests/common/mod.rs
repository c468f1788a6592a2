//! Two engines on a wire, for tests: a [`Host`] is an engine with everything that it put out, a [`Pair`] is two of
//! them whose packets reach each other at once, and whose clock moves when told.
#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod ethernet;
pub(crate) mod router;
pub(crate) mod script;

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockwright_engine::event::{Event, EventKind, Interest, TimerAction};
use sockwright_engine::host::op::{Family, Outcome, Reply, Request, ShutdownHow, SocketKind, Wait};
use sockwright_engine::host::{Config, Engine, Errno, Interface, Medium, Offload, OpError};
use sockwright_engine::id::{IdSource, LinkId, OpId, SessionId, SocketId};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::tcp::timers::TimerKind;
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{ChecksumPolicy, IpPacket, TcpSegment};

/// An engine, its clock, and what came out of it.
pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) ip: IpAddr,
    pub(crate) now: Instant,
    pub(crate) events: Vec<Event>,
    pub(crate) sent: Vec<Vec<u8>>,
    /// Into how many segments each packet was cut that the engine left to the link.
    pub(crate) cut: Vec<usize>,
    pub(crate) completions: HashMap<OpId, Result<Reply, OpError>>,
    next_op: u64,
    timers: HashSet<(SocketId, TimerKind)>,
}

impl Host {
    pub(crate) fn new(ip: &str, seed: u8) -> Self {
        Self::with_config(ip, seed, Config::default())
    }

    pub(crate) fn with_config(ip: &str, seed: u8, config: Config) -> Self {
        let ip: IpAddr = ip.parse().unwrap();
        let prefix = if ip.is_ipv4() { 24 } else { 64 };
        let interface = Interface {
            link: LinkId(0),
            addresses: vec![(ip, prefix)],
            mtu: 1500,
            checksums: ChecksumPolicy::Verify,
            offload: Offload::default(),
            medium: Medium::Ip,
            shared_with_host: false,
        };
        Self::with_interface(interface, seed, config)
    }

    /// A host with one interface, whose first address is its own.
    pub(crate) fn with_interface(interface: Interface, seed: u8, config: Config) -> Self {
        let ip = interface.addresses[0].0;
        let mut engine = Engine::new(config, [seed; 32], IdSource::new());
        engine.add_interface(interface).unwrap();
        engine.set_interest(Interest::ALL);
        let now = Instant::ZERO;
        Host {
            engine,
            ip,
            now,
            events: vec![],
            sent: vec![],
            cut: vec![],
            completions: HashMap::new(),
            next_op: 1,
            timers: HashSet::new(),
        }
    }

    /// Gives the host a second link with an address of its own.
    pub(crate) fn add_address(&mut self, ip: IpAddr) {
        self.engine
            .add_interface(Interface {
                link: LinkId(1),
                addresses: vec![(ip, 24)],
                mtu: 1500,
                checksums: ChecksumPolicy::Verify,
                offload: Offload::default(),
                medium: Medium::Ip,
                shared_with_host: false,
            })
            .unwrap();
    }

    pub(crate) fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, port)
    }

    /// Takes every output.
    pub(crate) fn drain(&mut self) {
        let mut buf = Vec::new();
        while let Some(transmit) = self.engine.poll_transmit(self.now, &mut buf) {
            // As the link does that said it would.
            match transmit.unfinished {
                None => self.sent.push(buf.clone()),
                Some(rest) => {
                    let before = self.sent.len();
                    self.sent.extend(rest.finish(&buf));
                    self.cut.push(self.sent.len() - before);
                }
            }
        }
        while let Some(completion) = self.engine.poll_completion() {
            self.completions.insert(completion.op, completion.result);
        }
        while let Some(event) = self.engine.poll_event() {
            self.check_timers(&event);
            self.events.push(event);
        }
        while self.engine.poll_released_port().is_some() {}
    }

    /// What events say of timers holds together: only one that runs can stop or fire, and none outlives its socket.
    fn check_timers(&mut self, event: &Event) {
        let Some(socket) = event.socket else { return };
        match event.kind {
            EventKind::Timer { timer, action: TimerAction::Started(at) } => {
                assert!(at >= event.at, "{timer} starts in the past");
                self.timers.insert((socket, timer));
            }
            EventKind::Timer { timer, action } => {
                assert!(self.timers.remove(&(socket, timer)), "{timer} {action:?} without a start");
            }
            EventKind::Released => {
                let left: Vec<_> = self.timers.iter().filter(|(owner, _)| *owner == socket).collect();
                assert!(left.is_empty(), "timers outlive their socket: {left:?}");
            }
            _ => {}
        }
    }

    pub(crate) fn frame(&mut self, frame: &[u8]) {
        self.engine.handle_frame(self.now, LinkId(0), frame);
        self.drain();
    }

    /// Takes in frames that came together.
    pub(crate) fn frames_at_once(&mut self, frames: &[Vec<u8>]) {
        for frame in frames {
            let policy = ChecksumPolicy::Verify;
            if !self.engine.handle_frame_of_batch(self.now, LinkId(0), policy, frame) {
                self.drain();
            }
        }
        self.drain();
    }

    pub(crate) fn op(&mut self, request: Request) -> (OpId, Outcome) {
        let op = OpId(self.next_op);
        self.next_op += 1;
        let outcome = self.engine.handle_op(self.now, op, request);
        self.drain();
        (op, outcome)
    }

    /// A call that does not wait.
    pub(crate) fn call(&mut self, request: Request) -> Result<Reply, OpError> {
        match self.op(request).1 {
            Outcome::Done(result) => result,
            Outcome::Parked => panic!("the call waits"),
        }
    }

    pub(crate) fn errno(&mut self, request: Request) -> Errno {
        self.call(request).expect_err("the call succeeds").errno
    }

    pub(crate) fn create(&mut self, kind: SocketKind, options: OptionsPatch) -> SocketId {
        let family = Family::from(self.ip);
        let request = Request::Create { kind, family, session: SessionId(0), label: "".into(), options };
        match self.call(request) {
            Ok(Reply::Created { socket }) => socket,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn stream(&mut self) -> SocketId {
        self.create(SocketKind::Stream, OptionsPatch::default())
    }

    pub(crate) fn bind(&mut self, socket: SocketId, port: u16) {
        let local = self.at(port);
        self.call(Request::Bind { socket, local }).unwrap();
    }

    pub(crate) fn listen(&mut self, port: u16) -> SocketId {
        self.listen_with(port, 16, OptionsPatch::default())
    }

    pub(crate) fn listen_with(&mut self, port: u16, backlog: u32, options: OptionsPatch) -> SocketId {
        let socket = self.create(SocketKind::Stream, options);
        self.bind(socket, port);
        self.call(Request::Listen { socket, backlog }).unwrap();
        socket
    }

    pub(crate) fn start_connect(&mut self, socket: SocketId, remote: SocketAddr) -> OpId {
        let (op, outcome) = self.op(Request::Connect { socket, remote, data: vec![], wait: Wait::Park });
        assert_eq!(outcome, Outcome::Parked);
        op
    }

    pub(crate) fn completed(&mut self, op: OpId) -> Result<Reply, OpError> {
        self.completions.remove(&op).expect("the call still waits")
    }

    pub(crate) fn accept(&mut self, socket: SocketId) -> SocketId {
        match self.call(Request::Accept { socket, wait: Wait::Never }) {
            Ok(Reply::Accepted { socket, .. }) => socket,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn send(&mut self, socket: SocketId, data: &[u8]) -> usize {
        match self.call(Request::Send { socket, data: data.to_vec(), urgent: false, wait: Wait::Never }) {
            Ok(Reply::Sent { accepted }) => accepted,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn recv(&mut self, socket: SocketId) -> (Vec<u8>, bool) {
        match self.call(Request::Recv { socket, max: 1 << 20, min: 1, peek: false, wait: Wait::Never }) {
            Ok(Reply::Received { data, end_of_stream, .. }) => (data, end_of_stream),
            other => panic!("{other:?}"),
        }
    }

    /// What can be taken now, if anything.
    pub(crate) fn recv_some(&mut self, socket: SocketId) -> (Vec<u8>, bool) {
        match self.call(Request::Recv { socket, max: 1 << 20, min: 1, peek: false, wait: Wait::Never }) {
            Ok(Reply::Received { data, end_of_stream, .. }) => (data, end_of_stream),
            Err(error) if error.errno == Errno::EAGAIN => (vec![], false),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn shutdown(&mut self, socket: SocketId, how: ShutdownHow) {
        self.call(Request::Shutdown { socket, how }).unwrap();
    }

    pub(crate) fn close(&mut self, socket: SocketId) {
        self.call(Request::Close { socket }).unwrap();
    }

    pub(crate) fn abort(&mut self, socket: SocketId) {
        self.call(Request::Abort { socket }).unwrap();
    }

    pub(crate) fn state(&self, socket: SocketId) -> &'static str {
        self.engine.info(socket).and_then(|info| info.tcp_state).map_or("gone", |state| state.name())
    }

    /// The last `n` packets sent, as tcpdump prints them with absolute numbers.
    pub(crate) fn take_sent(&mut self) -> Vec<String> {
        self.sent.drain(..).map(|frame| text(&frame)).collect()
    }

    /// Why segments were dropped, in order.
    pub(crate) fn drops(&self) -> Vec<&'static str> {
        self.events
            .iter()
            .filter_map(|event| match event.kind {
                EventKind::SegmentDropped { reason, .. } | EventKind::FrameDropped(reason) => {
                    Some(reason.name())
                }
                _ => None,
            })
            .collect()
    }

    /// How often a limit was told to be hit.
    pub(crate) fn limit_hits(&self, limit: sockwright_engine::limits::Limit) -> usize {
        self.events.iter().filter(|event| event.kind == EventKind::LimitHit(limit)).count()
    }

    /// Moves the clock, firing each timer at its time.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(at) = self.engine.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.engine.handle_timeout(at);
            self.drain();
        }
        self.now = end;
    }
}

/// A packet as tcpdump prints it.
pub(crate) fn text(frame: &[u8]) -> String {
    let packet = IpPacket::parse(frame).unwrap();
    match TcpSegment::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Verify) {
        Ok(segment) => segment.summary().to_string(),
        Err(_) => format!("{:?}", packet.protocol),
    }
}

/// Two hosts on one wire.
pub(crate) struct Pair {
    pub(crate) a: Host,
    pub(crate) b: Host,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Pair { a: Host::new("10.0.0.1", 1), b: Host::new("10.0.0.2", 2) }
    }

    pub(crate) fn v6() -> Self {
        Pair { a: Host::new("fd00::1", 1), b: Host::new("fd00::2", 2) }
    }

    /// Carries packets until there are none.
    pub(crate) fn run(&mut self) {
        for _round in 0..100_000 {
            let (from_a, from_b) = (std::mem::take(&mut self.a.sent), std::mem::take(&mut self.b.sent));
            if from_a.is_empty() && from_b.is_empty() {
                return;
            }
            from_a.iter().for_each(|frame| self.b.frame(frame));
            from_b.iter().for_each(|frame| self.a.frame(frame));
        }
        panic!("the packets never end");
    }

    /// Loses everything that is on its way.
    pub(crate) fn lose(&mut self) {
        self.a.sent.clear();
        self.b.sent.clear();
    }

    /// Moves both clocks, carrying packets whenever a timer sent some.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.a.now + by;
        loop {
            self.run();
            let next =
                [self.a.engine.poll_timeout(), self.b.engine.poll_timeout()].into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            for host in [&mut self.a, &mut self.b] {
                host.now = at;
                host.engine.handle_timeout(at);
                host.drain();
            }
        }
        (self.a.now, self.b.now) = (end, end);
    }

    /// A listener on `b`, and an open connection from `a` to it: the sockets of both ends.
    pub(crate) fn connected(&mut self) -> (SocketId, SocketId) {
        self.connected_with(OptionsPatch::default(), OptionsPatch::default())
    }

    pub(crate) fn connected_with(&mut self, a: OptionsPatch, b: OptionsPatch) -> (SocketId, SocketId) {
        let listener = self.b.listen_with(80, 16, b);
        let client = self.a.create(SocketKind::Stream, a);
        let connect = self.a.start_connect(client, self.b.at(80));
        self.run();
        self.a.completed(connect).unwrap();
        let server = self.b.accept(listener);
        (client, server)
    }
}

/// The states that a socket went through, from its events.
pub(crate) fn states(events: &[Event], socket: SocketId) -> Vec<&'static str> {
    let mut names = Vec::new();
    for event in events.iter().filter(|event| event.socket == Some(socket)) {
        if let EventKind::TcpState { from, to, .. } = event.kind {
            if names.is_empty() {
                names.push(from.name());
            }
            assert_eq!(names.last(), Some(&from.name()), "the states do not follow each other");
            names.push(to.name());
        }
    }
    names
}
