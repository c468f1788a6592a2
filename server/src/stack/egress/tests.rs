//! What engines send, asked about.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockwright_engine::event::EventKind;
use sockwright_engine::host::op::{Family, Outcome, Reply, Request, SocketKind, Wait};
use sockwright_engine::host::{Config, Interface, Medium, Offload, Route};
use sockwright_engine::id::{IdSource, LinkId, OpId, SocketId};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::wire::{
    ChecksumPolicy, Flags, IcmpMessage, IpHeader, Protocol, TcpSegment, UdpDatagram,
};

use super::memory::CUT_PACKETS;
use super::*;
use crate::access::audit::Audit;
use crate::access::identity::{Identities, Proof};
use crate::access::owner::no_session_of;
use crate::access::policy::Policy;

const OURS: &str = "10.0.0.1";

/// A stack at 10.0.0.1 behind what may leave.
struct Stack {
    engine: Engine,
    egress: Egress,
    access: Arc<Access>,
    identities: Identities,
    now: Instant,
    sent: Vec<(Vec<u8>, Passed)>,
}

fn policy(text: &str) -> Policy {
    Policy::parse(text, "policy.toml").unwrap_or_else(|error| panic!("{error}"))
}

/// What two roles with these rules come to, of `token:a` and of `token:b`.
fn roles(a: &str, b: &str) -> Policy {
    policy(&format!(
        "[identities]\n\"token:a\" = [\"a\"]\n\"token:b\" = [\"b\"]\n[roles.a]\n{a}\n[roles.b]\n{b}\n"
    ))
}

impl Stack {
    fn under(policy: Policy) -> Stack {
        let access = Access::new(policy, Audit::default());
        let mut engine = Engine::new(Config::default(), [7; 32], IdSource::new());
        let interface = Interface {
            link: LinkId(0),
            addresses: vec![(OURS.parse().unwrap(), 24)],
            mtu: 1500,
            checksums: ChecksumPolicy::Verify,
            offload: Offload::default(),
            medium: Medium::Ip,
            shared_with_host: false,
        };
        engine.add_interface(interface).unwrap();
        let (destination, gateway) = ("0.0.0.0".parse().unwrap(), "10.0.0.254".parse().ok());
        engine.add_route(Route { destination, prefix: 0, gateway, link: LinkId(0) }).unwrap();
        let egress = Egress::new(Arc::clone(&access));
        Stack { engine, egress, access, identities: Identities::new(8), now: Instant::ZERO, sent: vec![] }
    }

    /// Takes every output.
    fn settle(&mut self) {
        let mut packet = Vec::new();
        loop {
            let transmit = self.engine.poll_transmit(self.now, &mut packet);
            while let Some(event) = self.engine.poll_event() {
                if let EventKind::Opened { session, .. } = event.kind {
                    self.egress.opened(session);
                }
            }
            if transmit.is_none() {
                break;
            }
            let passed = self.egress.pass(self.now, &self.engine, &packet, None);
            self.sent.push((packet.clone(), passed));
        }
        while self.engine.poll_completion().is_some() || self.engine.poll_released_port().is_some() {}
    }

    /// The packets since the last look, in their order, with what became of each.
    fn drain(&mut self) -> Vec<(Vec<u8>, Passed)> {
        std::mem::take(&mut self.sent)
    }

    fn passed(&mut self) -> Vec<Passed> {
        self.drain().into_iter().map(|(_, passed)| passed).collect()
    }

    fn call(&mut self, request: Request) -> Reply {
        let outcome = self.engine.handle_op(self.now, OpId(1), request);
        self.settle();
        match outcome {
            Outcome::Done(Ok(reply)) => reply,
            Outcome::Done(Err(error)) => panic!("{error:?}"),
            Outcome::Parked => panic!("it waits"),
        }
    }

    fn create(&mut self, who: &str, kind: SocketKind) -> SocketId {
        let identity = self.identities.known(who, Proof::Token, Box::default()).unwrap();
        self.access.known(identity.clone());
        let (session, options) = (no_session_of(identity.id()), OptionsPatch::default());
        let create = Request::Create { kind, family: Family::V4, session, label: "".into(), options };
        match self.call(create) {
            Reply::Created { socket } => socket,
            other => panic!("{other:?}"),
        }
    }

    fn bound(&mut self, who: &str, kind: SocketKind, port: u16) -> SocketId {
        let socket = self.create(who, kind);
        self.call(Request::Bind { socket, local: SocketAddr::new(OURS.parse().unwrap(), port) });
        socket
    }

    fn listen(&mut self, who: &str, port: u16) -> SocketId {
        let socket = self.bound(who, SocketKind::Stream, port);
        self.call(Request::Listen { socket, backlog: 5 });
        socket
    }

    /// Begins a connection.
    fn connect(&mut self, who: &str, remote: &str) -> SocketId {
        let socket = self.create(who, SocketKind::Stream);
        let (remote, wait) = (remote.parse().unwrap(), Wait::Never);
        let connect = Request::Connect { socket, remote, data: vec![], wait };
        self.engine.handle_op(self.now, OpId(1), connect);
        self.settle();
        socket
    }

    fn send_to(&mut self, socket: SocketId, remote: &str, octets: usize) {
        self.call(Request::SendTo { socket, remote: remote.parse().unwrap(), data: vec![0; octets] });
    }

    fn arrives(&mut self, from: IpAddr, protocol: Protocol, payload: &[u8]) {
        let header = IpHeader {
            src: from,
            dst: OURS.parse().unwrap(),
            protocol,
            hop_limit: 64,
            ecn: 0,
            dscp: 0,
            ident: 0,
            options: Default::default(),
        };
        let mut packet = Vec::new();
        header.emit(payload.len(), &mut packet);
        packet.extend_from_slice(payload);
        self.engine.handle_frame(self.now, LinkId(0), &packet);
        self.settle();
    }

    fn datagram(&mut self, from: &str, port: u16) {
        let from: SocketAddr = from.parse().unwrap();
        let mut payload = Vec::new();
        let datagram = UdpDatagram { src_port: from.port(), dst_port: port, payload: b"?" };
        datagram.emit(from.ip(), OURS.parse().unwrap(), &mut payload);
        self.arrives(from.ip(), Protocol::Udp, &payload);
    }

    fn segment(&mut self, from: &str, port: u16, flags: Flags, ack: u32) {
        let from: SocketAddr = from.parse().unwrap();
        let mut payload = Vec::new();
        let segment = TcpSegment {
            src_port: from.port(),
            dst_port: port,
            seq: Seq(1),
            ack: Seq(ack),
            flags,
            window: 1000,
            urgent: 0,
            options: Default::default(),
            payload: &[],
        };
        segment.emit(from.ip(), OURS.parse().unwrap(), &mut payload);
        self.arrives(from.ip(), Protocol::Tcp, &payload);
    }

    fn ping(&mut self, from: &str, octets: usize) {
        let mut payload = Vec::new();
        let from = from.parse().unwrap();
        let echo = IcmpMessage::EchoRequest { ident: 1, seq: 1, data: &vec![0; octets] };
        echo.emit(OURS.parse().unwrap(), from, &mut payload);
        self.arrives(from, Protocol::Icmpv4, &payload);
    }
}

use Passed::{Denied, Leaves, TooMuch};

#[test]
fn a_datagram_leaves_where_it_may_begin_or_to_who_was_heard_from() {
    let rules = r#"
        reach = [{ to = ["10.0.0.2"], ports = [53] }]
        listen = [{ from = ["10.0.0.0/24"], ports = [53] }]
    "#;
    let mut stack = Stack::under(roles(rules, ""));
    let socket = stack.bound("token:a", SocketKind::Datagram, 53);
    let sent = |stack: &mut Stack, socket, remote| {
        stack.send_to(socket, remote, 10);
        stack.passed()
    };
    assert_eq!(sent(&mut stack, socket, "10.0.0.2:53"), [Leaves]);
    assert_eq!(sent(&mut stack, socket, "10.0.0.9:4000"), [Denied], "nobody asked for it");
    stack.datagram("10.0.0.9:4000", 53);
    assert_eq!(sent(&mut stack, socket, "10.0.0.9:4000"), [Leaves]);
    assert_eq!(sent(&mut stack, socket, "10.0.0.9:4001"), [Denied], "that one did not ask");
    stack.now += Duration::from_secs(121);
    assert_eq!(sent(&mut stack, socket, "10.0.0.9:4000"), [Denied], "that is long ago");

    stack.datagram("10.0.0.9:4000", 53);
    stack.call(Request::Close { socket });
    let other = stack.bound("token:a", SocketKind::Datagram, 53);
    assert_eq!(sent(&mut stack, other, "10.0.0.9:4000"), [Denied], "it was another who was asked");
    stack.datagram("192.0.2.1:4000", 53);
    assert_eq!(sent(&mut stack, other, "192.0.2.1:4000"), [Denied], "he may not ask");
}

#[test]
fn who_calls_is_let_in_by_a_rule_under_listen_and_by_none_other() {
    let rules = r#"
        reach = [{ to = ["10.0.0.0/24"] }]
        listen = [{ from = ["10.0.0.8"] }]
        deny = [{ to = ["10.0.0.8"], ports = [81] }]
    "#;
    let mut stack = Stack::under(roles(rules, ""));
    for port in [80, 81] {
        stack.listen("token:a", port);
    }
    let mut called = |from, port| {
        stack.segment(from, port, Flags::SYN, 0);
        stack.passed()
    };
    assert_eq!(called("10.0.0.8:4000", 80), [Leaves]);
    assert_eq!(called("10.0.0.9:4000", 80), [Denied], "he may be reached, and not be let in");
    assert_eq!(called("10.0.0.8:4000", 81), [Denied], "a rule denies that port of ours");
    assert_eq!(called("10.0.0.8:81", 80), [Denied], "or his");
    stack.connect("token:a", "10.0.0.9:80");
    assert_eq!(stack.passed(), [Leaves]);
}

#[test]
fn what_ends_a_connection_leaves_as_the_connection_did() {
    let a = r#"reach = [{ to = ["10.0.0.9"] }]"#;
    let b = r#"deny = [{ to = ["10.0.0.9"] }]"#;
    let mut stack = Stack::under(roles(a, b));
    stack.listen("token:b", 80);
    let socket = stack.connect("token:a", "10.0.0.9:80");
    let (syn, passed) = stack.drain().remove(0);
    assert_eq!(passed, Leaves);
    let word = |at: usize| u32::from_be_bytes(syn[at..at + 4].try_into().unwrap());
    let (port, iss) = ((word(20) >> 16) as u16, word(24));
    stack.segment("10.0.0.9:80", port, Flags::SYN | Flags::ACK, iss.wrapping_add(1));
    assert_eq!(stack.passed(), [Leaves]);
    stack.call(Request::Abort { socket });
    let (rst, passed) = stack.drain().remove(0);
    assert_eq!((rst[33] & 0x04, passed), (0x04, Leaves), "though nobody has a socket there any more");
    // To a stranger at the same address nobody's segment goes.
    stack.segment("10.0.0.9:4000", 9, Flags::SYN, 0);
    assert_eq!(stack.passed(), [Denied]);
}

#[test]
fn strangers_are_answered_where_nothing_denies_it_and_as_often_as_who_is_there_may() {
    let a = r#"
        reach = [{ to = ["10.0.0.0/24"] }]
        deny = [{ to = ["10.0.0.7"] }, { to = ["10.0.0.6"], ports = [9] }]
        limits = { packets_per_second = 3 }
    "#;
    let mut stack = Stack::under(roles(a, ""));
    stack.listen("token:a", 80);
    stack.segment("10.0.0.9:4000", 9, Flags::SYN, 0);
    stack.ping("10.0.0.9", 10);
    stack.ping("10.0.0.6", 10);
    stack.segment("10.0.0.6:4000", 9, Flags::SYN, 0);
    stack.ping("10.0.0.7", 10);
    stack.ping("192.0.2.1", 10);
    let passed = stack.passed();
    let count = |which| passed.iter().filter(|passed| **passed == which).count();
    assert_eq!((count(Leaves), count(Denied)), (3, 3), "{passed:?}");
    stack.ping("10.0.0.9", 10);
    assert_eq!(stack.passed(), [TooMuch]);
}

#[test]
fn fragments_leave_as_the_first_does() {
    let a = r#"
        reach = [{ to = ["10.0.0.9"], ports = [53], transports = ["udp"] }]
        limits = { packets_per_second = 4 }
    "#;
    let mut stack = Stack::under(roles(a, ""));
    let socket = stack.bound("token:a", SocketKind::Datagram, 53);
    stack.send_to(socket, "10.0.0.9:54", 4000);
    assert_eq!(stack.passed(), [Denied; 3], "each piece of what may not leave");
    stack.send_to(socket, "10.0.0.9:53", 4000);
    stack.send_to(socket, "10.0.0.9:53", 4000);
    stack.send_to(socket, "10.0.0.9:53", 4000);
    let sent = stack.drain();
    let passed: Vec<_> = sent.iter().map(|(_, passed)| *passed).collect();
    assert_eq!(passed, [[Leaves; 3], [Leaves, TooMuch, TooMuch], [TooMuch; 3]].concat());
    // Whose first piece is unknown goes nowhere, wherever that may be.
    let [first, later, _] = [0, 1, 2].map(|piece| sent[piece].0.clone());
    let mut pass = |packet: &[u8]| stack.egress.pass(stack.now, &stack.engine, packet, None);
    assert_eq!(pass(&later), Denied);
    for number in 0..100 {
        let mut first = first.clone();
        first[4..6].copy_from_slice(&u16::to_be_bytes(number));
        pass(&first);
    }
    assert_eq!(stack.egress.cut.len(), CUT_PACKETS);
}

#[test]
fn the_fragments_of_what_answers_a_stranger_are_denied_with_it() {
    let a = r#"
        reach = [{ to = ["10.0.0.0/24"] }]
        deny = [{ to = ["10.0.0.7"] }]
    "#;
    let mut stack = Stack::under(roles(a, ""));
    stack.ping("10.0.0.9", 1400);
    assert_eq!(stack.passed(), [Leaves]);
    for (remote, passed) in [("10.0.0.7", Denied), ("10.0.0.9", Leaves)] {
        let socket = stack.bound("token:a", SocketKind::Datagram, 53);
        stack.send_to(socket, &format!("{remote}:9"), 4000);
        assert_eq!(stack.passed(), [passed; 3], "{remote}");
        stack.call(Request::Close { socket });
    }
}

#[test]
fn where_all_may_do_everything_nothing_is_looked_at() {
    let all = r#"
        reach = [{ to = ["0.0.0.0/0", "::/0"] }]
        listen = [{ from = ["0.0.0.0/0", "::/0"] }]
    "#;
    let mut stack = Stack::under(roles(all, r#"reach = [{ to = ["10.0.0.9"] }]"#));
    stack.connect("token:a", "192.0.2.1:80");
    stack.connect("token:a", "10.0.0.9:80");
    assert_eq!(stack.passed(), [Leaves; 2]);
    assert!(stack.egress.flows.is_empty(), "they were asked about");
    // Not even whether it is a packet.
    assert_eq!(stack.egress.pass(stack.now, &stack.engine, &[0x45], None), Leaves);

    // One who may not do everything is asked, and so are all from then on.
    stack.connect("token:b", "192.0.2.1:80");
    stack.connect("token:b", "10.0.0.9:80");
    stack.connect("token:a", "192.0.2.1:80");
    let mut passed = stack.passed();
    passed.sort_unstable_by_key(|passed| *passed == Denied);
    assert_eq!(passed, [Leaves, Leaves, Denied]);
    assert!(!stack.egress.flows.is_empty());
    assert_eq!(stack.egress.pass(stack.now, &stack.engine, &[0x45], None), Denied);
}

#[test]
fn another_policy_counts_from_the_next_packet_on() {
    let all = r#"
        reach = [{ to = ["0.0.0.0/0", "::/0"] }]
        listen = [{ from = ["0.0.0.0/0", "::/0"] }]
    "#;
    let mut stack = Stack::under(roles(all, all));
    stack.connect("token:a", "10.0.0.9:80");
    assert_eq!(stack.passed(), [Leaves]);
    stack.access.follow(roles(r#"reach = [{ to = ["10.0.0.8"] }]"#, all));
    stack.connect("token:a", "10.0.0.9:80");
    assert_eq!(stack.passed(), [Denied]);
    stack.connect("token:a", "10.0.0.8:80");
    assert_eq!(stack.passed(), [Leaves]);
    stack.access.follow(roles(all, all));
    stack.connect("token:a", "10.0.0.9:80");
    assert_eq!(stack.passed(), [Leaves]);
}

#[test]
fn whose_an_address_was_says_nothing_of_who_has_it_now() {
    let a = r#"reach = [{ to = ["10.0.0.9"] }]"#;
    let mut stack = Stack::under(roles(a, r#"reach = [{ to = ["10.0.0.8"] }]"#));
    for (who, passed) in [("token:a", Leaves), ("token:b", Denied), ("token:a", Leaves)] {
        let socket = stack.bound(who, SocketKind::Datagram, 53);
        stack.send_to(socket, "10.0.0.9:53", 10);
        assert_eq!(stack.passed(), [passed], "{who}");
        stack.call(Request::Close { socket });
    }
}
