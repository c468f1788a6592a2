//! One engine against a peer made by hand: each segment in is written as tcpdump prints it, with relative sequence
//! numbers, and each segment out is compared with what tcpdump would print.
//!
//! ```text
//! let mut s = Script::accepted();
//! s.inject("P. 1:11(10) ack 1 win 1000");
//! s.expect(&[". 1:1(0) ack 11 win 65525"]);
//! ```
//!
//! The octet at relative sequence number `n` is `n % 251`, in both directions ([`octets`]).
//!
//! A script is about sequence numbers and states, and so its segments are plain ([`plain`]): no scaled windows, no
//! timestamps, no selective acknowledgments, unless the test asks for them ([`modern`]). A timestamp of the engine's is
//! printed as milliseconds of its clock, and so is one that the peer echoes.

use std::net::SocketAddr;
use std::time::Duration;

use sockwright_engine::event::EventKind;
use sockwright_engine::host::Config;
use sockwright_engine::host::op::SocketKind;
use sockwright_engine::id::{OpId, SocketId};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::tcp::info::TcpInfo;
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::wire::{
    ChecksumPolicy, FastOpenCookie, Flags, IpHeader, IpPacket, Protocol, TcpOptions, TcpSegment, Timestamps,
};

use super::Host;

/// The peer's initial sequence number.
pub(crate) const PEER_ISS: u32 = 1_000_000;

/// An engine, a socket of it, and the peer that the test plays.
pub(crate) struct Script {
    pub(crate) host: Host,
    pub(crate) listener: Option<SocketId>,
    pub(crate) socket: SocketId,
    pub(crate) connect: Option<OpId>,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// The engine's initial sequence number, once it has sent a SYN.
    pub(crate) iss: Option<Seq>,
    pub(crate) peer_iss: Seq,
    /// The engine's timestamp when its clock stands at zero.
    offset: Option<u32>,
    payloads: Vec<Vec<u8>>,
}

/// The options without what changes each segment, where a test does not ask for it; the buffer is what a window of
/// sixteen bits can tell.
pub(crate) fn plain(options: OptionsPatch) -> OptionsPatch {
    OptionsPatch {
        window_scaling: options.window_scaling.or(Some(false)),
        timestamps: options.timestamps.or(Some(false)),
        sack: options.sack.or(Some(false)),
        receive_buffer: options.receive_buffer.or(Some(65_535)),
        ..options
    }
}

/// Everything that a SYN can offer, and the buffer of a megabyte.
pub(crate) fn modern() -> OptionsPatch {
    OptionsPatch {
        window_scaling: Some(true),
        timestamps: Some(true),
        sack: Some(true),
        receive_buffer: Some(1 << 20),
        ..OptionsPatch::default()
    }
}

impl Script {
    /// A listener on port 80, and a peer that has sent nothing yet.
    pub(crate) fn listening(options: OptionsPatch) -> Self {
        Self::listening_on(Host::new("10.0.0.1", 1), options)
    }

    pub(crate) fn listening_on(mut host: Host, options: OptionsPatch) -> Self {
        let listener = host.listen_with(80, 16, plain(options));
        let remote = if host.ip.is_ipv4() { "10.0.0.9:4000" } else { "[fd00::9]:4000" };
        let local = host.at(80);
        Self::on(host, listener, Some(listener), local, remote.parse().unwrap())
    }

    /// The peer of a listener on port 80 that is there already.
    pub(crate) fn listening_at(host: Host, listener: SocketId) -> Self {
        let local = host.at(80);
        Self::on(host, listener, Some(listener), local, "10.0.0.9:4000".parse().unwrap())
    }

    fn on(
        host: Host,
        socket: SocketId,
        listener: Option<SocketId>,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Self {
        let peer_iss = Seq(PEER_ISS);
        let (connect, iss, offset, payloads) = (None, None, None, vec![]);
        Script { host, listener, socket, connect, local, remote, iss, peer_iss, offset, payloads }
    }

    /// A socket whose SYN is out: `expect` finds it.
    pub(crate) fn connecting(options: OptionsPatch) -> Self {
        Self::connecting_on(Host::new("10.0.0.1", 1), options)
    }

    pub(crate) fn connecting_on(mut host: Host, options: OptionsPatch) -> Self {
        let socket = host.create(SocketKind::Stream, plain(options));
        host.bind(socket, 4000);
        let remote = if host.ip.is_ipv4() { "10.0.0.9:80" } else { "[fd00::9]:80" };
        let remote: SocketAddr = remote.parse().unwrap();
        let connect = host.start_connect(socket, remote);
        let local = host.at(4000);
        Script { connect: Some(connect), ..Self::on(host, socket, None, local, remote) }
    }

    /// An open connection that the peer began, accepted. The peer's window is 10,000 and its MSS 1000.
    pub(crate) fn accepted() -> Self {
        Self::accepted_with(OptionsPatch::default())
    }

    pub(crate) fn accepted_with(options: OptionsPatch) -> Self {
        Self::accepted_in(Config::default(), options)
    }

    pub(crate) fn accepted_in(config: Config, options: OptionsPatch) -> Self {
        let mut s = Self::listening_on(Host::with_config("10.0.0.1", 1, config), options);
        s.handshake("S 0:0(0) win 10000 <mss 1000>", 10_000);
        s
    }

    /// Opens from the peer's side with that SYN, and accepts.
    pub(crate) fn handshake(&mut self, syn: &str, window: u32) {
        self.inject(syn);
        self.sent();
        self.inject(&format!(". 1:1(0) ack 1 win {window}"));
        self.expect(&[]);
        let listener = self.listener.unwrap();
        self.socket = self.host.accept(listener);
    }

    /// An open connection that the engine began. The peer's window is 10,000 and its MSS 1000.
    pub(crate) fn connected() -> Self {
        Self::connected_with(OptionsPatch::default())
    }

    pub(crate) fn connected_with(options: OptionsPatch) -> Self {
        let mut s = Self::connecting(options);
        s.sent();
        s.inject("S. 0:0(0) ack 1 win 10000 <mss 1000>");
        s.sent();
        let connect = s.connect.unwrap();
        s.host.completed(connect).unwrap();
        s
    }

    /// Gives the engine a segment of the peer's.
    pub(crate) fn inject(&mut self, line: &str) {
        let frame = self.frame(line);
        self.host.frame(&frame);
    }

    /// Gives the engine a segment of the peer's with these bits of ECN in its IP header.
    pub(crate) fn inject_marked(&mut self, line: &str, ecn: u8) {
        let frame = self.frame(line);
        let IpPacket { src, dst, protocol, hop_limit, dscp, payload, .. } = IpPacket::parse(&frame).unwrap();
        let mut marked = Vec::new();
        IpHeader { src, dst, protocol, hop_limit, ecn, dscp, ident: 0, options: Default::default() }
            .emit(payload.len(), &mut marked);
        marked.extend(payload);
        self.host.frame(&marked);
    }

    /// Everything that the engine sent since the last look, each with the bits of ECN in its IP header.
    pub(crate) fn sent_marked(&mut self) -> Vec<(String, u8)> {
        let frames: Vec<Vec<u8>> = self.host.sent.drain(..).collect();
        frames.iter().map(|frame| (self.print(frame), IpPacket::parse(frame).unwrap().ecn)).collect()
    }

    /// The packet of a segment of the peer's.
    pub(crate) fn frame(&self, line: &str) -> Vec<u8> {
        let Line { flags, seq, len, ack, window, urgent, mut options } = Line::parse(line);
        if let Some(timestamps) = &mut options.timestamps {
            timestamps.echo = timestamps.echo.wrapping_add(self.offset.unwrap_or_default());
        }
        let ours = self.iss.unwrap_or_default().0;
        options.sack = options.sack.iter().map(|(left, right)| (left + ours, right + ours)).collect();
        let payload = octets(seq.max(1), len);
        let segment = TcpSegment {
            src_port: self.remote.port(),
            dst_port: self.local.port(),
            seq: self.peer_iss + seq,
            ack: ack.map_or(Seq(0), |ack| self.iss.expect("the engine has sent no SYN") + ack),
            flags,
            window,
            urgent,
            options,
            payload: &payload,
        };
        ip(self.remote, self.local, Protocol::Tcp, |src, dst, out| segment.emit(src, dst, out))
    }

    /// Everything that the engine sent since the last look, as tcpdump prints it.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        let frames: Vec<Vec<u8>> = self.host.sent.drain(..).collect();
        frames.iter().map(|frame| self.print(frame)).collect()
    }

    fn print(&mut self, frame: &[u8]) -> String {
        let packet = IpPacket::parse(frame).unwrap();
        let ends = (packet.src, packet.dst);
        assert_eq!(ends, (self.local.ip(), self.remote.ip()), "a packet for somebody else");
        if packet.protocol != Protocol::Tcp {
            return format!("{:?}", packet.protocol);
        }
        let segment = TcpSegment::parse(packet.payload, ends, ChecksumPolicy::Verify).unwrap();
        assert_eq!((segment.src_port, segment.dst_port), (self.local.port(), self.remote.port()));
        if segment.syn() {
            self.iss = Some(segment.seq);
        }
        if !segment.payload.is_empty() {
            let first = segment.seq + u32::from(segment.syn());
            let at = first - self.iss.expect("data before a SYN");
            assert_eq!(segment.payload, octets(at as u32, segment.payload.len()), "the octets at {at}");
            self.payloads.push(segment.payload.to_vec());
        }
        let mut summary = segment.summary();
        // Of a reset to what somebody else sent the timestamp is zero.
        if let Some(timestamps) =
            summary.options.timestamps.as_mut().filter(|_| segment.ack() || segment.syn())
        {
            let millis = (self.host.now.as_nanos() / 1_000_000) as u32;
            let offset = *self.offset.get_or_insert(timestamps.value.wrapping_sub(millis));
            timestamps.value = timestamps.value.wrapping_sub(offset);
        }
        // Of a reset by nobody there is no ISN: it is printed as if there were one of zero.
        summary.display_relative(self.iss.unwrap_or_default(), self.peer_iss).to_string()
    }

    /// Asserts on everything that the engine sent since the last look.
    #[track_caller]
    pub(crate) fn expect(&mut self, lines: &[&str]) {
        assert_eq!(self.sent(), lines);
    }

    #[track_caller]
    pub(crate) fn expect_nothing(&mut self) {
        self.expect(&[]);
    }

    /// Injects, and asserts on the answer.
    #[track_caller]
    pub(crate) fn exchange(&mut self, line: &str, answer: &[&str]) {
        self.inject(line);
        assert_eq!(self.sent(), answer, "in answer to {line}");
    }

    /// Sends the next `len` octets of the pattern.
    pub(crate) fn send(&mut self, len: usize) -> usize {
        let info = self.info();
        let at = (info.snd_una - info.iss).max(1) as u32 + info.send_queue;
        self.host.send(self.socket, &octets(at, len))
    }

    /// Receives, and asserts that it is the pattern from `at` on.
    #[track_caller]
    pub(crate) fn recv(&mut self, at: u32, len: usize) {
        let (data, end) = self.host.recv(self.socket);
        assert_eq!((data, end), (octets(at, len), false));
    }

    /// Receives, and asserts that it is the rest of the pattern from `at` on.
    #[track_caller]
    pub(crate) fn recv_end(&mut self, at: u32, len: usize) {
        self.recv(at, len);
        assert_eq!(self.host.recv(self.socket), (vec![], true));
    }

    pub(crate) fn advance(&mut self, millis: u64) {
        self.host.advance(Duration::from_millis(millis));
    }

    /// Lets the time pass in which nothing useless is answered twice, and whatever is sent in it.
    pub(crate) fn half_a_second_later(&mut self) {
        self.advance(500);
        self.sent();
    }

    /// Asserts that nothing leaves for that long, and that `lines` leave at that very time.
    #[track_caller]
    pub(crate) fn expect_after(&mut self, millis: u64, lines: &[&str]) {
        self.host.advance(Duration::from_millis(millis) - Duration::from_nanos(1));
        assert_eq!(self.sent(), [""; 0], "before {millis} ms");
        self.host.advance(Duration::from_nanos(1));
        assert_eq!(self.sent(), lines, "after {millis} ms");
    }

    pub(crate) fn state(&self) -> &'static str {
        self.host.state(self.socket)
    }

    pub(crate) fn info(&self) -> TcpInfo {
        self.host.engine.info(self.socket).and_then(|info| info.tcp).expect("there is no connection")
    }

    /// Why segments were dropped since the last look.
    pub(crate) fn drops(&mut self) -> Vec<&'static str> {
        let drops = self.host.drops();
        self.host.events.retain(|event| {
            !matches!(event.kind, EventKind::SegmentDropped { .. } | EventKind::FrameDropped(_))
        });
        drops
    }

    /// The child that a SYN made at the listener, though nobody accepted it.
    pub(crate) fn child(&self) -> SocketId {
        *self.host.engine.sockets().iter().max().unwrap()
    }
}

/// The pattern: `len` octets from relative sequence number `at` on.
pub(crate) fn octets(at: u32, len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (at.wrapping_add(i) % 251) as u8).collect()
}

/// An IP packet from one address to another.
pub(crate) fn ip(
    from: SocketAddr,
    to: SocketAddr,
    protocol: Protocol,
    emit: impl FnOnce(std::net::IpAddr, std::net::IpAddr, &mut Vec<u8>),
) -> Vec<u8> {
    let (src, dst) = (from.ip(), to.ip());
    let mut body = Vec::new();
    emit(src, dst, &mut body);
    let mut frame = Vec::new();
    IpHeader { src, dst, protocol, hop_limit: 64, ecn: 0, dscp: 0, ident: 0, options: Default::default() }
        .emit(body.len(), &mut frame);
    frame.extend(body);
    frame
}

struct Line {
    flags: Flags,
    seq: u32,
    len: usize,
    ack: Option<u32>,
    window: u16,
    urgent: u16,
    options: TcpOptions,
}

impl Line {
    /// Reads `PU. 1:11(10) ack 1 win 1000 urg 10 <mss 1460,sackOK,TS val 1 ecr 0,wscale 7,sack 21:31 41:51>`; numbers may be
    /// negative.
    fn parse(line: &str) -> Self {
        let (line, options) = line.split_once(" <").unwrap_or((line, ">"));
        let mut words = line.split_whitespace();
        let flags = words.next().unwrap().chars().fold(Flags::NONE, |flags, letter| {
            flags
                | match letter {
                    'F' => Flags::FIN,
                    'S' => Flags::SYN,
                    'R' => Flags::RST,
                    'P' => Flags::PSH,
                    '.' => Flags::ACK,
                    'U' => Flags::URG,
                    'E' => Flags::ECE,
                    'W' => Flags::CWR,
                    '-' => Flags::NONE,
                    other => panic!("{other} is no flag: {line}"),
                }
        });
        let (seq, rest) = words.next().unwrap().split_once(':').unwrap();
        let (end, len) = rest.strip_suffix(')').unwrap().split_once('(').unwrap();
        let (seq, len) = (number(seq), number(len));
        assert_eq!(number(end), seq.wrapping_add(len), "{line}");
        let options = parse_options(options.strip_suffix('>').expect(line));
        let mut parsed = Line { flags, seq, len: len as usize, ack: None, window: 0, urgent: 0, options };
        while let Some(word) = words.next() {
            let value = words.next().unwrap();
            match word {
                "ack" => parsed.ack = Some(number(value)),
                "urg" => parsed.urgent = value.parse().unwrap(),
                "win" => parsed.window = value.parse().unwrap(),
                other => panic!("{other}: {line}"),
            }
        }
        parsed
    }
}

fn parse_options(text: &str) -> TcpOptions {
    let mut options = TcpOptions::NONE;
    for option in text.split(',').filter(|option| !option.is_empty()) {
        let words: Vec<&str> = option.split_whitespace().collect();
        match words.as_slice() {
            ["mss", mss] => options.mss = Some(mss.parse().unwrap()),
            ["wscale", shift] => options.window_scale = Some(shift.parse().unwrap()),
            ["sackOK"] => options.sack_permitted = true,
            ["TS", "val", value, "ecr", echo] => {
                options.timestamps = Some(Timestamps { value: number(value), echo: number(echo) });
            }
            ["uto", seconds] => {
                let seconds = seconds.strip_suffix('s').unwrap().parse().unwrap();
                options.user_timeout = Some(Duration::from_secs(seconds));
            }
            ["FO", cookie @ ..] => {
                let octet = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
                let octets: Vec<u8> = cookie.concat().as_bytes().chunks(2).map(octet).collect();
                options.fast_open = Some(FastOpenCookie::new(&octets).unwrap());
            }
            ["sack", blocks @ ..] => {
                let block = |block: &&str| {
                    let (left, right) = block.split_once(':').unwrap();
                    (Seq(number(left)), Seq(number(right)))
                };
                options.sack = blocks.iter().map(block).collect();
            }
            other => panic!("{other:?} is no option"),
        }
    }
    options
}

fn number(text: &str) -> u32 {
    text.parse::<i64>().unwrap() as u32
}
