//! Two engines and a wire that is hostile first and good afterwards.
//!
//! Whatever the wire does, what one side receives is a beginning of what the other sent. When the wire is good again and
//! no side gave up, everything arrives.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockwright_engine::host::op::{Family, Outcome, Reply, Request, ShutdownHow, SocketKind, Wait};
use sockwright_engine::id::{SessionId, SocketId};
use sockwright_engine::limits::Limits;
use sockwright_engine::tcp::config::{OptionsPatch, SynCookies};

use super::Choices;
use super::watched::Watched;

/// Frames on the wire; what is beyond is lost.
const WIRE_MAX: usize = 256;
/// Steps on a good wire after which it is quiet, or never will be.
const CALM_STEPS: usize = 50_000;

/// Plays what `bytes` say on two engines.
pub(crate) fn pair(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut world = World::new(&mut choices);
    while !choices.is_over() {
        world.step(&mut choices);
    }
    world.calm();
    for side in &mut world.sides {
        side.host.end();
    }
}

struct World {
    sides: [Side; 2],
    listener: SocketId,
    wire: Vec<Frame>,
}

struct Side {
    host: Watched,
    socket: Option<SocketId>,
    /// Octets that `send` took.
    sent: u64,
    /// Octets that `recv` gave.
    received: u64,
    ended: bool,
    shut: bool,
    /// It closed or aborted: the other side may lose data.
    left: bool,
    /// No more is sent than the other side takes in a bearable number of segments.
    sent_max: u64,
}

struct Frame {
    to: usize,
    bytes: Vec<u8>,
    /// One flipped bit no checksum misses; two it may.
    flipped: bool,
}

impl World {
    fn new(choices: &mut Choices<'_>) -> Self {
        let ips: [IpAddr; 2] = if choices.coin() { ["fd00::1", "fd00::2"] } else { ["10.0.0.1", "10.0.0.2"] }
            .map(|ip| ip.parse().unwrap());
        let mut hosts = [0, 1].map(|i| Watched::new(ips[i], i as u8 + 1, Limits::default()));
        let family = Family::from(ips[0]);
        let mut sent_max = [0; 2];
        let [client, listener] = [0, 1].map(|i| {
            let mut options = choices.options();
            // Of a handshake in a cookie whose last segment is lost nobody knows: it never ends.
            options.syn_cookies = options.syn_cookies.filter(|cookies| *cookies != SynCookies::Always);
            sent_max[1 - i] = u64::from(options.receive_buffer.unwrap_or(1000).min(1000)) * 40;
            // What arrives in the end is the question: nobody is to give up before.
            options.user_timeout = Some(Duration::from_secs(86_400));
            options.keep_alive = None;
            if i == 1 {
                // With one number for all of its connections a listener takes a late SYN and the ACK of an earlier
                // connection for a new one.
                options.initial_sequence_number = None;
            }
            options.max_segment_size = options.max_segment_size.filter(|octets| *octets >= 88);
            // They are of IPv4.
            options.ip_options = options.ip_options.filter(|_| family == Family::V4);
            create(&mut hosts[i], family, options)
        });
        let remote = SocketAddr::new(ips[1], 80);
        hosts[1].op(Request::Bind { socket: listener, local: remote });
        hosts[1].op(Request::Listen { socket: listener, backlog: 1 });
        hosts[0].op(Request::Connect { socket: client, remote, data: vec![], wait: Wait::Park });
        let mut ends = [Some(client), None].into_iter().zip(sent_max);
        let sides = hosts.map(|host| {
            let (socket, sent_max) = ends.next().expect("two ends");
            Side { host, socket, sent: 0, received: 0, ended: false, shut: false, left: false, sent_max }
        });
        let mut world = World { sides, listener, wire: Vec::new() };
        world.collect();
        world
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        // Nothing on a wire happens at one time: initial sequence numbers follow the clock.
        self.sides.iter_mut().for_each(|side| side.host.now += Duration::from_micros(10));
        let what = choices.byte();
        let who = usize::from(what >> 7);
        match what & 31 {
            0..=9 if !self.wire.is_empty() => {
                let frame = self.wire.remove(0);
                self.deliver(frame);
            }
            10 | 11 if !self.wire.is_empty() => {
                let at = choices.below(self.wire.len());
                let frame = self.wire.remove(at);
                self.deliver(frame);
            }
            12 | 13 if !self.wire.is_empty() => {
                let at = choices.below(self.wire.len());
                self.wire.remove(at);
            }
            14 | 15 if !self.wire.is_empty() => {
                let Frame { to, ref bytes, flipped } = self.wire[choices.below(self.wire.len())];
                self.wire.push(Frame { to, bytes: bytes.clone(), flipped });
            }
            16 if !self.wire.is_empty() => {
                let at = choices.below(self.wire.len());
                let bit = usize::from(choices.word());
                let frame = &mut self.wire[at];
                if !frame.flipped {
                    let len = frame.bytes.len();
                    frame.bytes[bit / 8 % len] ^= 1 << (bit % 8);
                    frame.flipped = true;
                }
            }
            17 | 18 => _ = self.pass_to_next_timer(),
            19 => self.pass(Duration::from_millis(choices.byte().into())),
            20..=23 => self.send(who, choices.pick(&[1, 10, 700, 5000, 20_000]), choices.coin()),
            24 | 25 => _ = self.receive(who, choices.pick(&[1, 100, 1 << 20])),
            26 => self.shut(who),
            27 => {
                let options = choices.options();
                // What may change on a connection, and lets everything still arrive.
                let options = OptionsPatch {
                    no_delay: options.no_delay,
                    msl: options.msl,
                    linger: options.linger,
                    send_buffer: options.send_buffer,
                    receive_buffer: options.receive_buffer.filter(|octets| *octets >= 700),
                    delayed_ack: options.delayed_ack,
                    rto_min: options.rto_min,
                    rto_initial: options.rto_initial,
                    reuse_address: options.reuse_address,
                    tail_loss_probe: options.tail_loss_probe,
                    hop_limit: options.hop_limit,
                    dscp: options.dscp,
                    path_mtu_discovery: options.path_mtu_discovery,
                    ..OptionsPatch::default()
                };
                if let Some(socket) = self.sides[who].socket {
                    self.sides[who].host.op(Request::SetOptions { socket, options });
                }
            }
            28 if choices.byte() % 8 == 7 => self.leave(who, choices.coin()),
            _ => self.pass(Duration::from_millis(1)),
        }
        self.collect();
    }

    /// A good wire, and users who read: everything that can arrive does.
    fn calm(&mut self) {
        let broken = |side: &Side| side.left || !side.host.failed.is_empty();
        let was_broken = self.sides.iter().any(broken);
        let mut steps = 0;
        loop {
            while !self.wire.is_empty() {
                let frame = self.wire.remove(0);
                self.deliver(frame);
                self.receive_all();
                steps += 1;
                assert!(steps < CALM_STEPS, "the wire is never quiet");
            }
            self.receive_all();
            if self.wire.is_empty() && !self.pass_to_next_timer() {
                break;
            }
            self.collect();
            steps += 1;
            assert!(steps < CALM_STEPS, "there is always another timer");
        }
        if !was_broken {
            let [a, b] = &self.sides;
            assert!(!broken(a) && !broken(b), "a good wire broke the connection");
            assert!(b.socket.is_some(), "the handshake never ended");
            assert_eq!((a.sent, b.sent), (b.received, a.received), "something never arrived");
            assert_eq!((a.shut, b.shut), (b.ended, a.ended), "a FIN never arrived");
        }
    }

    fn deliver(&mut self, frame: Frame) {
        self.sides[frame.to].host.frame(&frame.bytes);
    }

    /// Puts on the wire what left, and lets the server accept.
    fn collect(&mut self) {
        for from in 0..2 {
            while let Some(bytes) = self.sides[from].host.sent.pop_front() {
                if self.wire.len() < WIRE_MAX {
                    self.wire.push(Frame { to: 1 - from, bytes, flipped: false });
                }
            }
        }
        if self.sides[1].socket.is_none() {
            let accept = Request::Accept { socket: self.listener, wait: Wait::Never };
            if let Outcome::Done(Ok(Reply::Accepted { socket, .. })) = self.sides[1].host.op(accept) {
                self.sides[1].socket = Some(socket);
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.sides.iter_mut().for_each(|side| side.host.pass(time));
    }

    fn pass_to_next_timer(&mut self) -> bool {
        let timers = self.sides.iter_mut().filter_map(|side| side.host.engine.poll_timeout());
        let Some(at) = timers.min() else { return false };
        self.pass(at.since(self.sides[0].host.now));
        true
    }

    fn send(&mut self, who: usize, len: usize, urgent: bool) {
        let side = &mut self.sides[who];
        let Some(socket) = side.socket else { return };
        let len = len.min((side.sent_max - side.sent) as usize);
        let data = (side.sent..).take(len).map(|at| octet(who, at)).collect();
        if let Outcome::Done(Ok(Reply::Sent { accepted })) =
            side.host.op(Request::Send { socket, data, urgent, wait: Wait::Never })
        {
            assert!(accepted <= len && !side.shut);
            side.sent += accepted as u64;
        }
    }

    fn receive_all(&mut self) {
        for who in 0..2 {
            while self.receive(who, 1 << 20) {}
        }
        self.collect();
    }

    /// Says whether there was data.
    fn receive(&mut self, who: usize, max: usize) -> bool {
        let (sent, shut) = (self.sides[1 - who].sent, self.sides[1 - who].shut || self.sides[1 - who].left);
        let side = &mut self.sides[who];
        let Some(socket) = side.socket else { return false };
        let recv = Request::Recv { socket, max, min: 1, peek: false, wait: Wait::Never };
        let Outcome::Done(Ok(Reply::Received { data, end_of_stream, .. })) = side.host.op(recv) else {
            return false;
        };
        for &received in &data {
            assert_eq!(received, octet(1 - who, side.received), "octet {}", side.received);
            side.received += 1;
        }
        assert!(side.received <= sent, "more arrives than was sent");
        if end_of_stream && !side.left && !side.host.failed.contains(&socket) {
            assert!(shut, "the stream ends, but nobody ended it");
            assert_eq!(side.received, sent, "the stream ends early");
            side.ended = true;
        }
        !data.is_empty()
    }

    fn shut(&mut self, who: usize) {
        let side = &mut self.sides[who];
        let Some(socket) = side.socket else { return };
        // Before the connection is there it would end the attempt.
        let open = side
            .host
            .engine
            .info(socket)
            .and_then(|info| info.tcp_state)
            .is_some_and(|it| it.is_synchronized());
        if open {
            let how = ShutdownHow::Write;
            side.shut |= matches!(side.host.op(Request::Shutdown { socket, how }), Outcome::Done(Ok(_)));
        }
    }

    fn leave(&mut self, who: usize, abort: bool) {
        let side = &mut self.sides[who];
        let Some(socket) = side.socket else { return };
        side.left = true;
        side.host.op(if abort { Request::Abort { socket } } else { Request::Close { socket } });
    }
}

fn create(host: &mut Watched, family: Family, options: OptionsPatch) -> SocketId {
    let kind = SocketKind::Stream;
    let request = Request::Create { kind, family, session: SessionId(0), label: "".into(), options };
    match host.op(request) {
        Outcome::Done(Ok(Reply::Created { socket })) => socket,
        other => panic!("{other:?}"),
    }
}

/// The octet at `at` in what `who` sends: neighbours, and what is a segment or a window away, differ.
fn octet(who: usize, at: u64) -> u8 {
    (at.wrapping_mul(167) ^ (at >> 7) ^ (at >> 16) ^ who as u64) as u8
}
