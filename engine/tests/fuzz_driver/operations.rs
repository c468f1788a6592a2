//! One engine: any calls, hostile segments, any passing of time.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockwright_engine::host::LinkChange;
use sockwright_engine::host::op::{Family, Outcome, Reply, Request, ShutdownHow, SocketKind, Wait};
use sockwright_engine::id::{SessionId, SocketId};
use sockwright_engine::limits::Limits;
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::wire::{
    ChecksumPolicy, Flags, IcmpMessage, IpPacket, Protocol, Quoted, TcpOptions, TcpSegment, UdpDatagram,
    Unreachable,
};

use super::Choices;
use super::watched::{Watched, packet, segment_packet};

/// Limits that a few hundred bytes can hit.
const LIMITS: Limits = Limits {
    fast_open_pending: 2,
    fast_open_cookies: 2,
    sockets: 20,
    half_open: 3,
    backlog: 3,
    time_wait: 2,
    out_of_order_pieces: 3,
    scoreboard_records: 8,
    scoreboard_cuts: 1,
    tuned_send_buffer: 4 << 20,
    tuned_receive_buffer: 6 << 20,
    parked_calls: 3,
    datagram_bytes: 400,
    heard_remotes: 2,
    stray_packets: 6,
    loopback_frames: 6,
    stray_replies_per_second: 50,
    stray_replies_per_destination: 25,
    echo_replies_per_second: 5,
    echo_replies_per_destination: 3,
    reassembly_packets: 3,
    reassembly_bytes: 400,
    reassembly_fragments: 3,
    path_mtus: 2,
    identifications: 5,
    challenge_acks_per_second: 5,
    neighbors: 3,
    unresolved_packets: 2,
    neighbor_solicitations_per_second: 5,
    routes: 2,
    vanished: 2,
};

/// Plays what `bytes` say on one engine.
pub(crate) fn operations(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut world = World::new(choices.coin());
    world.open(&mut choices);
    while !choices.is_over() {
        world.step(&mut choices);
    }
    world.host.end();
}

struct World {
    host: Watched,
    own: IpAddr,
    peer: IpAddr,
    /// What the last segment of each connection told its peer: the number expected next, and what comes next.
    told: BTreeMap<(SocketAddr, SocketAddr), (Seq, Seq)>,
    /// The last frames that left.
    frames: Vec<Vec<u8>>,
    /// What a call gave, to be given back perhaps.
    given: Option<(SocketId, Reply)>,
}

impl World {
    fn new(v6: bool) -> Self {
        let [own, peer]: [IpAddr; 2] =
            if v6 { ["fd00::1", "fd00::2"] } else { ["10.0.0.1", "10.0.0.2"] }.map(|ip| ip.parse().unwrap());
        World {
            host: Watched::new(own, 7, LIMITS),
            own,
            peer,
            told: BTreeMap::new(),
            frames: Vec::new(),
            given: None,
        }
    }

    /// A listener, a connection that it accepted, and one that we began: most of what there is to break.
    fn open(&mut self, choices: &mut Choices<'_>) {
        let create = |options| {
            let family = Family::from(self.own);
            Request::Create {
                kind: SocketKind::Stream,
                family,
                session: SessionId(0),
                label: "".into(),
                options,
            }
        };
        for request in [create(choices.options()), create(choices.options())] {
            self.host.op(request);
        }
        let sockets = self.host.engine.sockets();
        if let [listener, client, ..] = sockets[..] {
            self.host.op(Request::Bind { socket: listener, local: SocketAddr::new(self.own, 80) });
            self.host.op(Request::Listen { socket: listener, backlog: 2 });
            let remote = SocketAddr::new(self.peer, 80);
            self.host.op(Request::Connect { socket: client, remote, data: vec![], wait: Wait::Park });
            let (src, dst) = (SocketAddr::new(self.peer, 1000), SocketAddr::new(self.own, 80));
            let syn = TcpSegment { flags: Flags::SYN, window: 9000, ..TcpSegment::default() };
            self.host.frame(&segment_packet(src, dst, &syn));
            self.read_what_left();
            for ((local, remote), (ack, seq)) in self.told.clone() {
                let ours = remote.port() == 80;
                let flags = if ours { Flags::SYN | Flags::ACK } else { Flags::ACK };
                let answer = TcpSegment { seq, ack, flags, window: 9000, ..TcpSegment::default() };
                self.host.frame(&segment_packet(remote, local, &answer));
            }
            self.host.op(Request::Accept { socket: listener, wait: Wait::Park });
            self.read_what_left();
        }
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        match choices.byte() % 32 {
            0..=11 => self.call(choices),
            12 if !self.host.waiting.is_empty() => {
                let at = choices.below(self.host.waiting.len());
                self.host.cancel(at);
            }
            12 | 13 => {
                if let Some((socket, reply)) = self.given.take() {
                    self.host.restore(socket, reply);
                }
            }
            14 => {
                let change =
                    choices.pick(&[LinkChange::Up, LinkChange::Up, LinkChange::Down, LinkChange::Mtu(1280)]);
                self.host.link(change);
            }
            15 | 16 => _ = self.host.pass_to_next_timer(),
            17 => self.host.pass(Duration::from_millis(choices.byte().into())),
            18 => self.host.pass(Duration::from_secs(choices.byte().into())),
            // Time passes, and the timers are not looked at yet.
            19 => self.host.now += Duration::from_millis(choices.pick(&[1, 300, 70_000])),
            20 => self.garbage(choices),
            21 => self.icmp(choices),
            22 => self.datagram(choices),
            23 => self.echo_of_our_own(choices),
            24 => self.syn(choices),
            25 | 26 => self.answer(choices),
            _ => self.segment(choices),
        }
        self.read_what_left();
    }

    fn call(&mut self, choices: &mut Choices<'_>) {
        let call = choices.byte() % 24;
        if call < 3 {
            let kind = if call == 0 { SocketKind::Datagram } else { SocketKind::Stream };
            let options = choices.options();
            let family = Family::from(self.own);
            self.host.op(Request::Create { kind, family, session: SessionId(0), label: "".into(), options });
            return;
        }
        let sockets = self.host.engine.sockets();
        // One that is not there, too.
        let socket = sockets.get(choices.below(sockets.len() + 1)).copied().unwrap_or(SocketId(99_999));
        let wait = if choices.coin() { Wait::Never } else { Wait::Park };
        let how = choices.pick(&[ShutdownHow::Write, ShutdownHow::Read, ShutdownHow::Both]);
        let request = match call {
            3 => Request::Bind { socket, local: self.local(choices) },
            4 | 5 => Request::Listen { socket, backlog: choices.pick(&[1, 0, 2, u32::MAX]) },
            6 | 7 => Request::Accept { socket, wait },
            8 | 9 => Request::Connect { socket, remote: self.remote(choices), data: vec![], wait },
            10..=12 => Request::Send {
                socket,
                data: vec![7; choices.pick(&[1, 0, 100, 1460, 9000])],
                urgent: choices.coin(),
                wait,
            },
            13..=15 => Request::Recv {
                socket,
                max: choices.pick(&[1 << 20, 1, 0, 50]),
                min: choices.pick(&[1, 0, 100, usize::MAX]),
                peek: choices.byte() % 4 == 3,
                wait,
            },
            16 => Request::SendTo {
                socket,
                remote: self.remote(choices),
                data: vec![7; choices.pick(&[10, 0, 1400, 3000])],
            },
            17 => Request::RecvFrom {
                socket,
                max: choices.pick(&[100, 0]),
                peek: choices.byte() % 4 == 3,
                wait,
            },
            18 => Request::Shutdown { socket, how },
            19 | 20 => Request::Close { socket },
            21 => Request::SetOptions { socket, options: choices.options() },
            22 if choices.coin() => Request::Abort { socket },
            22 => Request::Reassign { socket, session: SessionId(1) },
            _ if choices.byte() % 4 == 3 => Request::Vanish { socket },
            _ => Request::Shutdown { socket, how: ShutdownHow::Write },
        };
        let is_peek =
            matches!(request, Request::Recv { peek: true, .. } | Request::RecvFrom { peek: true, .. });
        if let Outcome::Done(Ok(reply)) = self.host.op(request)
            && !is_peek
        {
            self.given = Some((socket, reply));
        }
    }

    /// A segment close to what one of the connections expects.
    fn segment(&mut self, choices: &mut Choices<'_>) {
        let Some((local, remote, ack, seq)) = self.connection(choices) else { return self.syn(choices) };
        const FLAGS: [Flags; 14] = [
            Flags(0x10), // .
            Flags(0x18), // P.
            Flags(0x11), // F.
            Flags(0x04), // R
            Flags(0x14), // R.
            Flags(0x02), // S
            Flags(0x12), // S.
            Flags(0x10),
            Flags(0x00),
            Flags(0x01), // F
            Flags(0x13), // SF.
            Flags(0x30), // U.
            Flags(0x3f),
            Flags(0xd0), // EC.
        ];
        let flags = choices.pick(&FLAGS);
        let seq = self.near(seq, choices);
        let ack = self.near(ack, choices);
        let len = choices.pick(&[0, 0, 1, 10, 100, 1460]);
        let payload = vec![9; len];
        let window = choices.pick(&[65_535, 1000, 1, 0, 100]);
        let segment = TcpSegment { seq, ack, flags, window, payload: &payload, ..TcpSegment::default() };
        self.host.frame(&segment_packet(remote, local, &segment));
    }

    /// The segment that a peer in good health would send: it takes what came and has something to say.
    fn answer(&mut self, choices: &mut Choices<'_>) {
        let Some((local, remote, ack, seq)) = self.connection(choices) else { return self.syn(choices) };
        let what = choices.byte();
        let syn = if what & 0x30 == 0x10 { Flags::SYN } else { Flags(0) };
        let fin = if what & 0xc0 == 0xc0 { Flags::FIN } else { Flags(0) };
        let payload = vec![8; [0, 0, 5, 1460][usize::from(what & 3)]];
        let window = [65_535, 65_535, 3000, 0][usize::from(what >> 2 & 3)];
        let options = TcpOptions { mss: (what & 1 == 1).then_some(1460), ..TcpOptions::NONE };
        let flags = Flags::ACK | syn | fin;
        let segment =
            TcpSegment { seq, ack, flags, window, options, payload: &payload, ..TcpSegment::default() };
        self.host.frame(&segment_packet(remote, local, &segment));
    }

    fn syn(&mut self, choices: &mut Choices<'_>) {
        let src = SocketAddr::new(self.peer, 1000 + u16::from(choices.byte() % 6));
        let dst = self.local(choices);
        let dst = SocketAddr::new(self.own, dst.port());
        let seq = Seq(choices.pick(&[0, 1000, u32::MAX, 1 << 31]));
        let options =
            TcpOptions { mss: choices.pick(&[None, Some(1460), Some(0), Some(100)]), ..TcpOptions::NONE };
        let flags = if choices.byte() % 8 == 7 { Flags::SYN | Flags::FIN } else { Flags::SYN };
        let payload = vec![6; choices.pick(&[0, 0, 0, 10])];
        let window = choices.pick(&[65_535, 0, 1]);
        let segment = TcpSegment { seq, flags, window, options, payload: &payload, ..TcpSegment::default() };
        self.host.frame(&segment_packet(src, dst, &segment));
    }

    fn datagram(&mut self, choices: &mut Choices<'_>) {
        let (src, dst) = (SocketAddr::new(self.peer, 1000), self.local(choices));
        let payload = vec![5; choices.pick(&[10, 0, 200, 1400])];
        let mut bytes = Vec::new();
        UdpDatagram { src_port: src.port(), dst_port: dst.port(), payload: &payload }.emit(
            src.ip(),
            self.own,
            &mut bytes,
        );
        self.host.frame(&packet(src.ip(), self.own, Protocol::Udp, &bytes));
    }

    /// An ICMP message that quotes a frame of ours.
    fn icmp(&mut self, choices: &mut Choices<'_>) {
        if self.frames.is_empty() {
            return;
        }
        let frame = &self.frames[choices.below(self.frames.len())];
        let Ok(quoted) = Quoted::parse(frame) else { return };
        let quoted = if choices.byte() % 4 == 3 {
            Quoted { seq: quoted.seq.map(|seq| seq + u32::from(choices.word())), ..quoted }
        } else {
            quoted
        };
        let code = choices.pick(&[
            Unreachable::Port,
            Unreachable::Host,
            Unreachable::Network,
            Unreachable::Protocol,
            Unreachable::Prohibited,
        ]);
        let message = match choices.byte() % 6 {
            0..=2 => IcmpMessage::Unreachable { code, quoted },
            3 => IcmpMessage::TimeExceeded { code: 0, quoted },
            4 => IcmpMessage::PacketTooBig { mtu: choices.word().into(), quoted },
            _ => IcmpMessage::EchoRequest { ident: 1, seq: 2, data: b"ping" },
        };
        let protocol = if self.own.is_ipv4() { Protocol::Icmpv4 } else { Protocol::Icmpv6 };
        let mut bytes = Vec::new();
        message.emit(self.peer, self.own, &mut bytes);
        self.host.frame(&packet(self.peer, self.own, protocol, &bytes));
    }

    /// Bytes as they are, or behind a header that is whole.
    fn garbage(&mut self, choices: &mut Choices<'_>) {
        let len = choices.below(64);
        let protocol = choices.pick(&[Protocol::Tcp, Protocol::Udp, Protocol::Icmpv4, Protocol::Icmpv6]);
        let raw = choices.coin();
        let bytes = choices.take(len);
        if raw {
            self.host.frame(bytes);
        } else {
            self.host.frame(&packet(self.peer, self.own, protocol, bytes));
        }
    }

    /// A frame of ours comes back as it left, or an old one.
    fn echo_of_our_own(&mut self, choices: &mut Choices<'_>) {
        if !self.frames.is_empty() {
            let frame = self.frames[choices.below(self.frames.len())].clone();
            self.host.frame(&frame);
        }
    }

    fn connection(&self, choices: &mut Choices<'_>) -> Option<(SocketAddr, SocketAddr, Seq, Seq)> {
        if self.told.is_empty() {
            return None;
        }
        let at = choices.below(self.told.len());
        self.told.iter().nth(at).map(|((local, remote), (ack, seq))| (*local, *remote, *ack, *seq))
    }

    fn near(&self, seq: Seq, choices: &mut Choices<'_>) -> Seq {
        match choices.byte() {
            0..=127 => seq,
            near @ 128..=191 => seq + u32::from(near - 128),
            near @ 192..=223 => seq - u32::from(near - 192),
            224..=239 => seq + u32::from(choices.word()),
            240..=251 => seq - u32::from(choices.word()),
            _ => Seq(u32::from(choices.word()) << 16),
        }
    }

    fn local(&self, choices: &mut Choices<'_>) -> SocketAddr {
        let any: IpAddr = if self.own.is_ipv4() { [0u8; 4].into() } else { [0u8; 16].into() };
        let ip = choices.pick(&[self.own, self.own, any, self.peer]);
        SocketAddr::new(ip, choices.pick(&[80, 81, 0]))
    }

    fn remote(&self, choices: &mut Choices<'_>) -> SocketAddr {
        // To ourselves, too.
        let ip =
            choices.pick(&[self.peer, self.peer, self.own, [224, 0, 0, 1].into(), [192, 0, 2, 1].into()]);
        SocketAddr::new(ip, choices.pick(&[80, 1000, 81, 0]))
    }

    /// Notes where the connections are, as far as their segments tell.
    fn read_what_left(&mut self) {
        while let Some(frame) = self.host.sent.pop_front() {
            if let Ok(ip) = IpPacket::parse(&frame)
                && ip.protocol == Protocol::Tcp
                && let Ok(tcp) = TcpSegment::parse(ip.payload, (ip.src, ip.dst), ChecksumPolicy::Ignore)
                && !tcp.rst()
            {
                let (local, remote) =
                    (SocketAddr::new(ip.src, tcp.src_port), SocketAddr::new(ip.dst, tcp.dst_port));
                self.told.insert((local, remote), (tcp.seq + tcp.seq_len(), tcp.ack));
                if self.told.len() > 16 {
                    self.told.pop_first();
                }
            }
            self.frames.push(frame);
            if self.frames.len() > 16 {
                self.frames.remove(0);
            }
        }
        self.host.completed.clear();
    }
}
