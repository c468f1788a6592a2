//! What the tests against the kernel share: network namespaces, a link that waits with a deadline, and packets.
//!
//! Each test has namespaces of its own, so that no test disturbs another or the host. Where they cannot be made, the
//! test prints one line that says why, and passes.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

pub mod path;
pub mod routed;

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use sockwright_link::{RawIp, netns};

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const ACK: u8 = 0x10;

/// Two namespaces joined by a veth pair. Gone when dropped.
///
/// In the first: 10.77.0.1 and fd77::1 on the wire; 10.78.0.1, 10.78.0.2, fd78::1 and fd78::2 on loopback.
/// In the second: 10.77.0.2 and fd77::2 on the wire.
pub struct World {
    names: [String; 2],
}

/// A host in one of the namespaces, by one address.
#[derive(Clone, Debug)]
pub struct Host {
    pub namespace: String,
    pub address: IpAddr,
}

impl World {
    /// `None`, after saying why, where namespaces cannot be made here.
    pub fn new() -> Option<World> {
        let world = World { names: namespace_names(["a", "b"]) };
        let [a, b] = &world.names;
        let made = steps(&[
            format!("netns add {a}"),
            format!("netns add {b}"),
            // Were both ends number 2 in their namespaces, the kernel would take them for one device that is its own
            // lower one, and let up to a second pass between the carrier coming up and the first packet out.
            format!("-n {a} link add wire index 77 type veth peer name wire netns {b}"),
            format!("-n {a} address add 10.77.0.1/24 dev wire"),
            format!("-n {b} address add 10.77.0.2/24 dev wire"),
            format!("-n {a} address add fd77::1/64 dev wire nodad"),
            format!("-n {b} address add fd77::2/64 dev wire nodad"),
            format!("-n {a} address add 10.78.0.1/32 dev lo"),
            format!("-n {a} address add 10.78.0.2/32 dev lo"),
            format!("-n {a} address add fd78::1/128 dev lo nodad"),
            format!("-n {a} address add fd78::2/128 dev lo nodad"),
            format!("-n {a} link set lo up"),
            format!("-n {a} link set wire up"),
            format!("-n {b} link set wire up"),
        ]);
        made.then_some(world)
    }

    fn host(&self, end: usize, address: &str) -> Host {
        Host { namespace: self.names[end].clone(), address: address.parse().expect("an address") }
    }

    /// The two hosts of each wire to test on: loopback and veth, IPv4 and IPv6.
    pub fn pairs(&self) -> [(Host, Host); 4] {
        [
            (self.host(0, "10.78.0.1"), self.host(0, "10.78.0.2")),
            (self.host(0, "fd78::1"), self.host(0, "fd78::2")),
            (self.host(0, "10.77.0.1"), self.host(1, "10.77.0.2")),
            (self.host(0, "fd77::1"), self.host(1, "fd77::2")),
        ]
    }

    /// Of [`pairs`](World::pairs), those on loopback.
    pub fn loopback_pairs(&self) -> [(Host, Host); 2] {
        let [v4, v6, ..] = self.pairs();
        [v4, v6]
    }

    /// Of [`pairs`](World::pairs), those on the veth pair.
    pub fn wire_pairs(&self) -> [(Host, Host); 2] {
        let [.., v4, v6] = self.pairs();
        [v4, v6]
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for name in &self.names {
            // Fails for one that was never made, which is as well.
            let _ = ip(&format!("netns delete {name}"));
        }
    }
}

/// Whether there can be TUN and TAP interfaces here; says why not.
pub fn tunnels() -> bool {
    let opened = fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    if let Err(why) = &opened {
        println!("skipped: /dev/net/tun: {why}");
    }
    opened.is_ok()
}

/// The same for a process that is not root's.
pub fn tunnels_for_everybody() -> bool {
    let mode = fs::metadata("/dev/net/tun").map_or(0, |device| device.permissions().mode());
    let opens = mode & 0o006 == 0o006;
    if !opens {
        println!("skipped: /dev/net/tun has the mode {:03o}", mode & 0o777);
    }
    opens && tunnels()
}

/// Names for namespaces that nobody else has.
fn namespace_names<const N: usize>(ends: [&str; N]) -> [String; N] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    ends.map(|end| format!("swlink-{}-{number}{end}", std::process::id()))
}

/// Carries out one call of `ip` after another; where one fails, says why and tells so.
fn steps(steps: &[String]) -> bool {
    for step in steps {
        if let Err(why) = ip(step) {
            println!("skipped: no network namespaces here: `ip {step}`: {}", why.trim());
            return false;
        }
    }
    true
}

fn ip(arguments: &str) -> Result<String, String> {
    carried_out("ip", arguments)
}

/// What a program says that is called with these arguments.
fn carried_out(program: &str, arguments: &str) -> Result<String, String> {
    let output =
        Command::new(program).args(arguments.split(' ')).output().map_err(|error| error.to_string())?;
    let said = if output.status.success() { Ok(output.stdout) } else { Err(output.stderr) };
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    said.map(text).map_err(text)
}

impl Host {
    /// Runs `work` where this host is.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        netns::run_in(&self.namespace, work).expect("enter the namespace of the test")
    }

    /// What `ip` says, called where this host is.
    pub fn ip(&self, arguments: &str) -> String {
        let said = ip(&format!("-n {} {arguments}", self.namespace));
        said.unwrap_or_else(|why| panic!("ip {arguments}: {}", why.trim()))
    }

    /// Has `ip` carry out one line after another where this host is.
    pub fn ip_batch(&self, lines: &str) {
        let mut ip = Command::new("ip");
        ip.args(["-n", &self.namespace, "-batch", "-"]).stdin(Stdio::piped());
        let mut ip = ip.spawn().expect("`ip` runs");
        ip.stdin.take().expect("piped").write_all(lines.as_bytes()).expect("written");
        assert!(ip.wait().expect("it ends").success(), "ip -batch {lines}");
    }

    /// Has the interface `wire` send no more than this, as in `8kbit`, and drop what a short queue does not hold. `None`,
    /// after saying why, where `tc` cannot do that.
    pub fn slow_wire(&self, rate: &str) -> Option<()> {
        let shape =
            format!("-n {} qdisc replace dev wire root tbf rate {rate} burst 4kb limit 8kb", self.namespace);
        match carried_out("tc", &shape) {
            Ok(_) => Some(()),
            Err(why) => {
                println!("skipped: no slow wires here: `tc {shape}`: {}", why.trim());
                None
            }
        }
    }

    /// Sets `net.NAME`, as in `ipv4/ip_forward`, in the namespace of this host.
    pub fn sysctl(&self, name: &str, value: &str) {
        let path = format!("/proc/sys/net/{name}");
        self.run(|| fs::write(&path, value)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// A counter of the kernel's where this host is, as in `Ip ReasmOKs` or, of IPv6, `Ip6ReasmOKs`.
    pub fn counter(&self, name: &str) -> u64 {
        let counters = self.run(|| {
            ["snmp", "snmp6"].map(|file| fs::read_to_string(format!("/proc/thread-self/net/{file}")))
        });
        let [four, six] = counters.map(|text| text.expect("the kernel's counters"));
        let value = match name.split_once(' ') {
            None => six.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(char::is_whitespace)),
            Some((protocol, name)) => {
                let mut lines =
                    four.lines().filter_map(|line| line.strip_prefix(protocol)?.strip_prefix(": "));
                let column = lines.next().and_then(|names| names.split(' ').position(|other| other == name));
                column.and_then(|column| lines.next()?.split(' ').nth(column))
            }
        };
        value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("no counter {name}"))
    }

    pub fn port(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, port)
    }

    /// A raw link on this host.
    pub fn link(&self) -> Tap {
        Tap::new(self.run(|| RawIp::open(self.address, None)).expect("a raw link"))
    }
}

/// A raw link whose packets can be waited for.
pub struct Tap {
    pub link: RawIp,
    poll: Poll,
}

impl Tap {
    pub fn new(link: RawIp) -> Tap {
        let poll = Poll::new().expect("a poll");
        link.register(poll.registry(), Token(0)).expect("registered");
        Tap { link, poll }
    }

    /// The first packet that `wanted` accepts, having dropped those before it.
    pub fn wait_for(&mut self, what: &str, mut wanted: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        let mut events = Events::with_capacity(4);
        loop {
            while let Some(packet) = self.link.recv().expect("received") {
                if wanted(packet) {
                    return packet.to_vec();
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain for {what}");
            poll_once(&mut self.poll, &mut events, left);
        }
    }

    pub fn send(&mut self, packet: &[u8]) {
        self.link.send(packet).expect("sent");
    }
}

/// What `look` finds on a link, which it looks at again whenever something arrives.
pub fn wait_on<L, T>(
    link: &mut L,
    register: impl Fn(&L, &Registry, Token) -> io::Result<()>,
    deregister: impl Fn(&L, &Registry) -> io::Result<()>,
    what: &str,
    mut look: impl FnMut(&mut L) -> Option<T>,
) -> T {
    let mut poll = Poll::new().expect("a poll");
    register(link, poll.registry(), Token(0)).expect("registered");
    let (deadline, mut events) = (Instant::now() + PATIENCE, Events::with_capacity(4));
    let found = loop {
        if let Some(found) = look(link) {
            break found;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "waited in vain for {what}");
        poll_once(&mut poll, &mut events, left);
    };
    deregister(link, poll.registry()).expect("deregistered");
    found
}

/// Waits until a socket is ready.
pub fn wait_until_ready(what: &str, socket: &impl std::os::fd::AsRawFd, interest: Interest) {
    let mut poll = Poll::new().expect("a poll");
    poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), Token(0), interest).expect("registered");
    let mut events = Events::with_capacity(1);
    let deadline = Instant::now() + PATIENCE;
    while events.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "waited in vain for {what}");
        poll_once(&mut poll, &mut events, left);
    }
}

/// Polls until something happens, the time is up, or a signal comes.
fn poll_once(poll: &mut Poll, events: &mut Events, timeout: Duration) {
    if let Err(error) = poll.poll(events, Some(timeout)) {
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
    }
}

pub const PATIENCE: Duration = Duration::from_secs(5);

/// A whole IP packet, with the checksum of its transport filled in: traffic class 3 (ECN CE), hop limit 33.
pub fn packet(from: IpAddr, to: IpAddr, protocol: u8, transport: &[u8]) -> Vec<u8> {
    let length = transport.len() as u16;
    let mut packet = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = vec![0x45, 3, 0, 0, 0x12, 0x34, 0, 0, 33, protocol, 0, 0];
            header[2..4].copy_from_slice(&(length + 20).to_be_bytes());
            header.extend(from.octets().into_iter().chain(to.octets()));
            let checksum = !sum(0, &header);
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
            header
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut header = vec![0x60, 0x30, 0, 0, 0, 0, protocol, 33];
            header[4..6].copy_from_slice(&length.to_be_bytes());
            header.extend(from.octets().into_iter().chain(to.octets()));
            header
        }
        _ => panic!("{from} and {to} are of two families"),
    };
    let start = packet.len();
    packet.extend(transport);
    let at = start + checksum_offset(protocol);
    packet[at..at + 2].fill(0);
    let checksum = !sum(pseudo_header_sum(&packet), &packet[start..]);
    packet[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    packet
}

/// Where the checksum is in the header of a transport.
pub fn checksum_offset(protocol: u8) -> usize {
    match protocol {
        TCP => 16,
        UDP => 6,
        _ => 2,
    }
}

/// The sum over the pseudo-header of a packet; zero for ICMP over IPv4, which has none.
pub fn pseudo_header_sum(packet: &[u8]) -> u16 {
    let (protocol, transport) = split(packet);
    let addresses = match (packet[0] >> 4, protocol) {
        (4, 1) => return 0,
        (4, _) => &packet[12..20],
        _ => &packet[8..40],
    };
    sum(sum(u16::from(protocol), addresses), &(transport.len() as u16).to_be_bytes())
}

/// The ones' complement sum of 16-bit words (RFC 1071).
fn sum(start: u16, bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|word| u64::from(word[0]) << 8 | u64::from(*word.get(1).unwrap_or(&0)));
    let mut total = words.fold(u64::from(start), |total, word| total + word);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// A UDP datagram.
pub fn udp(from_port: u16, to_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    for field in [from_port, to_port, payload.len() as u16 + 8, 0] {
        datagram.extend(field.to_be_bytes());
    }
    datagram.extend(payload);
    datagram
}

/// A TCP segment without payload.
pub fn tcp(from_port: u16, to_port: u16, seq: u32, ack: u32, flags: u8) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(from_port.to_be_bytes().into_iter().chain(to_port.to_be_bytes()));
    segment.extend(seq.to_be_bytes().into_iter().chain(ack.to_be_bytes()));
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment
}

/// A TCP segment as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub from_port: u16,
    pub to_port: u16,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
}

/// The protocol and the transport's bytes of a packet.
pub fn split(packet: &[u8]) -> (u8, &[u8]) {
    match packet[0] >> 4 {
        4 => (packet[9], &packet[20..]),
        _ => (packet[6], &packet[40..]),
    }
}

/// `packet` read as TCP.
pub fn segment(packet: &[u8]) -> Option<Segment> {
    let (TCP, tcp) = split(packet) else {
        return None;
    };
    Some(Segment {
        from_port: be16(tcp, 0),
        to_port: be16(tcp, 2),
        seq: be32(tcp, 4),
        ack: be32(tcp, 8),
        flags: tcp[13],
    })
}

/// The destination port of `packet` read as UDP.
pub fn datagram_to(packet: &[u8]) -> Option<u16> {
    let (UDP, udp) = split(packet) else {
        return None;
    };
    Some(be16(udp, 2))
}

/// The destination port of the packet that `packet`, a "port unreachable", complains about.
pub fn unreachable_port(packet: &[u8]) -> Option<u16> {
    match (packet[0] >> 4, split(packet)) {
        (4, (1, message)) if message[..2] == [3, 3] => Some(be16(message, 8 + 20 + 2)),
        (6, (58, message)) if message[..2] == [1, 4] => Some(be16(message, 8 + 40 + 2)),
        _ => None,
    }
}

pub fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from(be16(bytes, at)) << 16 | u32::from(be16(bytes, at + 2))
}
