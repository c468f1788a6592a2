//! An engine that is drained after every input and held to what is always true of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockwright_engine::event::{Event, EventKind, Interest};
use sockwright_engine::host::op::{Completion, Outcome, Reply, Request, SocketKind, SocketState};
use sockwright_engine::host::{Config, Engine, Interface, LinkChange, Medium, Offload, OpError};
use sockwright_engine::id::{IdSource, LinkId, OpId, SocketId};
use sockwright_engine::limits::Limits;
use sockwright_engine::tcp::state::{State, TRANSITIONS};
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{ChecksumPolicy, IcmpMessage, IpPacket, Protocol, TcpSegment, UdpDatagram};

const LINK: LinkId = LinkId(0);
const MTU: usize = 1500;
/// What a link does that takes super-segments.
const CUTS: Offload = Offload { checksums: true, segmentation: 65_535 };
/// More packets than this from one input never end.
const OUTPUTS_MAX: usize = 100_000;

pub(super) struct Watched {
    pub(super) engine: Engine,
    pub(super) now: Instant,
    limits: Limits,
    /// Frames that left and nobody took.
    pub(super) sent: VecDeque<Vec<u8>>,
    pub(super) completed: Vec<(OpId, Result<Reply, OpError>)>,
    /// Sockets whose connection failed.
    pub(super) failed: BTreeSet<SocketId>,
    /// Sockets that vanished: they stay, silent, until there are too many of them.
    vanished: BTreeSet<SocketId>,
    /// Calls that wait.
    pub(super) waiting: Vec<OpId>,
    next_op: u64,
    /// What the events told, by socket.
    tcp_states: BTreeMap<SocketId, State>,
    socket_states: BTreeMap<SocketId, SocketState>,
    released: BTreeSet<SocketId>,
    /// Octets that were given back to a socket, ever.
    given_back: BTreeMap<SocketId, usize>,
    /// `FUZZ_TRACE` in the environment prints every event, to read what an input does.
    trace: Option<IpAddr>,
}

impl Watched {
    pub(super) fn new(ip: IpAddr, seed: u8, limits: Limits) -> Self {
        let config = Config { limits: limits.clone(), ..Config::default() };
        let mut engine = Engine::new(config, [seed; 32], IdSource::new());
        let prefix = if ip.is_ipv4() { 24 } else { 64 };
        // Of two hosts one, and which of them depends on the family.
        let cuts = (seed % 2 == 1) == ip.is_ipv4();
        let interface = Interface {
            link: LINK,
            addresses: vec![(ip, prefix)],
            mtu: MTU,
            checksums: ChecksumPolicy::Verify,
            offload: if cuts { CUTS } else { Offload::default() },
            medium: Medium::Ip,
            shared_with_host: false,
        };
        engine.add_interface(interface).expect("the interface makes sense");
        engine.set_interest(Interest::ALL);
        Watched {
            engine,
            now: Instant::ZERO,
            limits,
            sent: VecDeque::new(),
            completed: Vec::new(),
            failed: BTreeSet::new(),
            vanished: BTreeSet::new(),
            waiting: Vec::new(),
            next_op: 1,
            tcp_states: BTreeMap::new(),
            socket_states: BTreeMap::new(),
            released: BTreeSet::new(),
            given_back: BTreeMap::new(),
            trace: std::env::var_os("FUZZ_TRACE").map(|_| ip),
        }
    }

    pub(super) fn frame(&mut self, frame: &[u8]) {
        // Its outputs are taken in any case: whether they may wait is of no account.
        self.engine.handle_frame_of_batch(self.now, LINK, ChecksumPolicy::Verify, frame);
        self.drain();
    }

    pub(super) fn op(&mut self, request: Request) -> Outcome {
        let op = OpId(self.next_op);
        self.next_op += 1;
        if let Request::Vanish { socket } = request {
            self.vanished.insert(socket);
        }
        let outcome = self.engine.handle_op(self.now, op, request);
        if outcome == Outcome::Parked {
            self.waiting.push(op);
        }
        self.drain();
        outcome
    }

    pub(super) fn cancel(&mut self, at: usize) {
        let op = self.waiting.swap_remove(at);
        self.engine.cancel_op(self.now, op);
        self.drain();
    }

    pub(super) fn restore(&mut self, socket: SocketId, reply: Reply) {
        if let Reply::ReceivedFrom { data, .. } | Reply::Received { data, .. } = &reply {
            *self.given_back.entry(socket).or_default() += data.len();
        }
        self.engine.restore(self.now, socket, reply);
        self.drain();
    }

    pub(super) fn link(&mut self, change: LinkChange) {
        self.engine.handle_link(self.now, LINK, change);
        self.drain();
    }

    /// Lets time pass. Timers are late when they fire, as on a machine that was busy.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.engine.handle_timeout(self.now);
        if let Some(at) = self.engine.poll_timeout() {
            assert!(at > self.now, "a timer of {at} is due still at {}", self.now);
        }
        self.drain();
    }

    /// Lets the next timer fire at its time; says whether there is one.
    pub(super) fn pass_to_next_timer(&mut self) -> bool {
        let Some(at) = self.engine.poll_timeout() else { return false };
        self.pass(at.since(self.now));
        true
    }

    /// Aborts everything; nothing is left.
    pub(super) fn end(&mut self) {
        for socket in self.engine.sockets() {
            self.op(Request::Abort { socket });
        }
        assert_eq!(self.waiting, [], "calls wait on sockets that are gone");
        let left = self.engine.sockets();
        for &socket in &left {
            // A listener takes those with it that nobody accepted.
            let listener = self.engine.info(socket).and_then(|info| info.listener).unwrap_or(socket);
            let vanished = self.vanished.contains(&socket) || self.vanished.contains(&listener);
            assert!(vanished, "{:?} is left", self.engine.info(socket));
        }
        assert!(left.len() <= self.limits.vanished, "more vanished sockets than the limit");
        assert_eq!(self.engine.poll_timeout(), None, "a timer of nobody");
    }

    fn drain(&mut self) {
        let mut packet = Vec::new();
        for count in 0.. {
            let Some(transmit) = self.engine.poll_transmit(self.now, &mut packet) else { break };
            assert!(count < OUTPUTS_MAX, "the output never ends");
            assert_eq!(transmit.len, packet.len());
            let whole = || vec![packet.clone()];
            for packet in transmit.unfinished.map_or_else(whole, |rest| rest.finish(&packet).collect()) {
                assert!(packet.len() <= MTU, "{} octets on a link of {MTU}", packet.len());
                check_packet(&packet);
                self.sent.push_back(packet);
            }
        }
        while let Some(Completion { op, socket: _, result }) = self.engine.poll_completion() {
            let at = self.waiting.iter().position(|waiting| *waiting == op);
            self.waiting.swap_remove(at.expect("only a call that waits completes, and only once"));
            self.completed.push((op, result));
        }
        while let Some(event) = self.engine.poll_event() {
            self.check_event(&event);
        }
        while self.engine.poll_released_port().is_some() {}
        assert!(self.engine.poll_transmit(self.now, &mut packet).is_none(), "the output was over");
        self.check();
    }

    /// The events of a socket follow each other.
    fn check_event(&mut self, event: &Event) {
        if let Some(ip) = self.trace {
            println!("{} {ip} {:?} {:?}", event.at, event.socket, event.kind);
        }
        assert_eq!(event.at, self.now);
        let Some(socket) = event.socket else { return };
        assert!(!self.released.contains(&socket), "an event of a socket that is gone: {event:?}");
        match event.kind {
            EventKind::TcpState { from, to, .. } => {
                let before = self.tcp_states.insert(socket, to);
                let expected = before.map_or(matches!(from, State::Closed | State::Listen), |it| it == from);
                assert!(expected, "{socket} was in {before:?}: {event:?}");
                assert!(
                    TRANSITIONS.iter().any(|(f, _, t)| (*f, *t) == (from, to)),
                    "no such transition: {event:?}"
                );
            }
            EventKind::SocketState { from, to } => {
                let before = self.socket_states.insert(socket, to).unwrap_or(SocketState::Unbound);
                assert_eq!(before, from, "{event:?}");
            }
            EventKind::Failed(_) => {
                self.failed.insert(socket);
            }
            EventKind::Released => {
                self.released.insert(socket);
            }
            _ => {}
        }
    }

    /// What is true of an engine at rest.
    fn check(&self) {
        assert_eq!(self.engine.counters().invariants_broken, 0);
        let sockets = self.engine.sockets();
        let mut time_waits = 0;
        assert!(sockets.len() <= self.limits.sockets, "{} sockets", sockets.len());
        for id in sockets {
            assert!(!self.released.contains(&id), "{id} was released");
            let info = self.engine.info(id).expect("a socket that is listed");
            // What can be read is what was told.
            let told = self.socket_states.get(&id).copied().unwrap_or(SocketState::Unbound);
            assert_eq!(info.socket_state, told, "{info:?}");
            if info.kind == SocketKind::Stream {
                let told = self.tcp_states.get(&id).copied().unwrap_or(State::Closed);
                assert_eq!(info.tcp_state, Some(told), "{info:?}");
            }
            let let_go = info.socket_state == SocketState::Closed;
            time_waits += usize::from(let_go && info.tcp_state == Some(State::TimeWait));
            if let Some(queues) = info.queues {
                assert!(queues.half_open as usize <= self.limits.half_open, "{queues:?}");
                assert!(queues.backlog as usize <= self.limits.backlog, "{queues:?}");
            }
            if let Some(queue) = info.datagrams {
                // An empty queue takes any datagram, and what was given back is not lost.
                let back = self.given_back.get(&id).copied().unwrap_or(0);
                let bound = self.limits.datagram_bytes + back;
                assert!(queue.queued <= 1 || queue.queued_bytes as usize <= bound, "{queue:?}");
                assert!(queue.queued as usize <= self.limits.datagram_bytes / 64 + 2, "{queue:?}");
            }
            if let Some(tcp) = info.tcp {
                assert!(tcp.out_of_order <= 65_535, "{tcp:?}");
                assert!(tcp.cwnd >= tcp.snd_mss.min(1), "{tcp:?}");
            }
        }
        assert!(time_waits <= self.limits.time_wait, "{time_waits} connections in TIME-WAIT");
    }
}

/// What we send, everybody understands.
fn check_packet(frame: &[u8]) {
    let packet = IpPacket::parse(frame).expect("an IP packet");
    if packet.fragment.is_some() {
        return;
    }
    let ends = (packet.src, packet.dst);
    let understood = match packet.protocol {
        Protocol::Tcp => TcpSegment::parse(packet.payload, ends, ChecksumPolicy::Verify).map(drop),
        Protocol::Udp => UdpDatagram::parse(packet.payload, ends, ChecksumPolicy::Verify).map(drop),
        Protocol::Icmpv4 | Protocol::Icmpv6 => {
            IcmpMessage::parse(packet.payload, ends, ChecksumPolicy::Verify).map(drop)
        }
        Protocol::Unknown(number) => panic!("protocol {number}"),
    };
    understood.expect("a transport that is whole");
}

/// A packet of `protocol` from one address to another.
pub(super) fn packet(src: IpAddr, dst: IpAddr, protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    let header = sockwright_engine::wire::IpHeader {
        src,
        dst,
        protocol,
        hop_limit: 64,
        ecn: 0,
        dscp: 0,
        ident: 0,
        options: Default::default(),
    };
    let mut frame = Vec::new();
    header.emit(payload.len(), &mut frame);
    frame.extend_from_slice(payload);
    frame
}

/// A segment as a packet; the ports are those of the addresses.
pub(super) fn segment_packet(src: SocketAddr, dst: SocketAddr, segment: &TcpSegment<'_>) -> Vec<u8> {
    let segment = TcpSegment { src_port: src.port(), dst_port: dst.port(), ..*segment };
    let mut payload = Vec::new();
    segment.emit(src.ip(), dst.ip(), &mut payload);
    packet(src.ip(), dst.ip(), Protocol::Tcp, &payload)
}
