//! What may leave by a real wire: each packet of an attached stack is asked about as it leaves, whoever made it, and measured.
//!
//! The calls that begin something are asked before ([`services`](crate::services)), and say which rule denies. This stands behind them: it
//! has answers to strangers, what listens, retransmissions of a flow that a new policy denies, and whatever a call was not asked
//! about. ARP and what IPv6 does in its place are what a link is, and go.
//!
//! Of a packet, the identity counts whose socket it is from: a stack of the command line may have sockets of several. One that is from
//! no socket goes where anybody's may.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sockwright_engine::host::{Engine, PortKind};

use crate::access::caller::{Access, Wire};
use crate::access::owner::owner_of;
use crate::access::policy::{Reach, Transport};

/// What may leave by the links of a stack.
#[derive(Debug)]
pub(super) struct Egress {
    access: Arc<Access>,
    /// Of the policy that `known` is of.
    generation: u64,
    /// The flows that were asked about last.
    known: Vec<(Flow, Asked)>,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// It leaves.
    Leaves,
    /// No rule allows it.
    Denied,
    /// It is more than may be sent in this time.
    TooMuch,
}

#[derive(Clone, Debug)]
struct Asked {
    allowed: bool,
    /// Of the identity that it is from, if it is from any.
    wire: Option<Wire>,
}

/// From where to where: what is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// With ports. It begins a connection.
    Ports { transport: Transport, local: SocketAddr, remote: SocketAddr, begins: bool },
    /// Without: ICMP, and fragments behind the first.
    Address(IpAddr),
    /// What a link needs to be one.
    Link,
}

impl Egress {
    pub(super) fn new(access: Arc<Access>) -> Self {
        Egress { access, generation: 0, known: Vec::new() }
    }

    /// Sockets came or went: a flow may be another's by now.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    /// Whether an IP packet leaves, which a link may cut into pieces with so many octets of data.
    pub(super) fn pass(&mut self, engine: &Engine, packet: &[u8], cut: Option<u16>) -> Passed {
        // One that cannot be read goes nowhere.
        let Some(flow) = Flow::of(packet) else { return Passed::Denied };
        if flow == Flow::Link {
            return Passed::Leaves;
        }
        let generation = self.access.generation();
        if self.generation != generation {
            self.generation = generation;
            self.known.clear();
        }
        let place = match self.known.iter().position(|(known, _)| *known == flow) {
            Some(place) => place,
            None => {
                if self.known.len() >= KNOWN {
                    self.known.clear();
                }
                self.known.push((flow, self.ask(engine, flow)));
                self.known.len() - 1
            }
        };
        let Asked { allowed, wire } = &self.known[place].1;
        let packets = cut.map_or(1, |cut| packet.len().div_ceil(usize::from(cut).max(1)));
        match wire {
            _ if !allowed => Passed::Denied,
            Some(wire) if !wire.take(packets as u64, packet.len() as u64) => Passed::TooMuch,
            _ => Passed::Leaves,
        }
    }

    fn ask(&self, engine: &Engine, flow: Flow) -> Asked {
        let (transport, local, remote, begins) = match flow {
            Flow::Link => return Asked { allowed: true, wire: None },
            Flow::Address(remote) => {
                return Asked { allowed: self.access.anyone_may_answer(remote), wire: None };
            }
            Flow::Ports { transport, local, remote, begins } => (transport, local, remote, begins),
        };
        let kind = match transport {
            Transport::Tcp => PortKind::Tcp,
            Transport::Udp => PortKind::Udp,
        };
        let session = engine.session_between(kind, local, remote);
        let Some(wire) = session.and_then(|session| self.access.wire_of(owner_of(session))) else {
            return Asked { allowed: self.access.anyone_may_answer(remote.ip()), wire: None };
        };
        let back = Reach::In(transport, remote.ip(), local.port());
        let allowed = wire.grants().may_leave(begins, Reach::Out(transport, remote), back);
        Asked { allowed, wire: Some(wire) }
    }
}

/// Where the IP packet of a frame begins, if it is one that carries any.
pub(super) fn ip_packet(frame: &[u8], ethernet: bool) -> Option<usize> {
    if !ethernet {
        return Some(0);
    }
    let ether_type = |at: usize| Some([*frame.get(at)?, *frame.get(at + 1)?]);
    let at = if ether_type(12)? == VLAN { 16 } else { 12 };
    [IPV4, IPV6].contains(&ether_type(at)?).then_some(at + 2)
}

impl Flow {
    /// That of an IP packet, whose lengths a link may have yet to fill in.
    fn of(packet: &[u8]) -> Option<Flow> {
        match packet.first()? >> 4 {
            4 => Flow::of_v4(packet),
            6 => Flow::of_v6(packet),
            _ => None,
        }
    }

    fn of_v4(packet: &[u8]) -> Option<Flow> {
        let header = usize::from(packet[0] & 0xf) * 4;
        let ip = |at: usize| Some(IpAddr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
        let (source, destination) = (ip(12)?, ip(16)?);
        let behind = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & 0x1fff;
        if behind != 0 {
            return Some(Flow::Address(destination));
        }
        Flow::of_payload(*packet.get(9)?, packet.get(header..)?, source, destination)
    }

    fn of_v6(packet: &[u8]) -> Option<Flow> {
        let ip = |at: usize| Some(IpAddr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?));
        let (source, destination) = (ip(8)?, ip(24)?);
        let (mut protocol, mut at) = (*packet.get(6)?, 40);
        // What stands between the header and what is carried, as far as there is any.
        loop {
            match protocol {
                HOP_BY_HOP | ROUTING | DESTINATION => {
                    let length = usize::from(*packet.get(at + 1)?) * 8 + 8;
                    (protocol, at) = (*packet.get(at)?, at + length);
                }
                FRAGMENT => {
                    let behind = u16::from_be_bytes([*packet.get(at + 2)?, *packet.get(at + 3)?]) & 0xfff8;
                    if behind != 0 {
                        return Some(Flow::Address(destination));
                    }
                    (protocol, at) = (*packet.get(at)?, at + 8);
                }
                protocol => return Flow::of_payload(protocol, packet.get(at..)?, source, destination),
            }
        }
    }

    fn of_payload(protocol: u8, payload: &[u8], source: IpAddr, destination: IpAddr) -> Option<Flow> {
        let port = |at: usize| Some(u16::from_be_bytes([*payload.get(at)?, *payload.get(at + 1)?]));
        let transport = match protocol {
            TCP => Transport::Tcp,
            UDP => Transport::Udp,
            ICMPV6 if LINK_TYPES.contains(payload.first()?) => return Some(Flow::Link),
            _ => return Some(Flow::Address(destination)),
        };
        let begins = transport == Transport::Tcp && payload.get(13)? & (SYN | ACK) == SYN;
        let (local, remote) = (SocketAddr::new(source, port(0)?), SocketAddr::new(destination, port(2)?));
        Some(Flow::Ports { transport, local, remote, begins })
    }
}

/// Flows whose answer is remembered: a look at a few of them costs less than to ask again.
const KNOWN: usize = 64;

/// Ethernet's words for what a frame carries.
const VLAN: [u8; 2] = [0x81, 0x00];
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];

const HOP_BY_HOP: u8 = 0;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const ICMPV6: u8 = 58;
const DESTINATION: u8 = 60;
/// Listeners' reports (RFC 2710, RFC 3810) and neighbor discovery (RFC 4861), redirects aside, which only routers send.
const LINK_TYPES: [u8; 8] = [130, 131, 132, 133, 134, 135, 136, 143];
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

#[cfg(test)]
mod tests {
    use sockwright_engine::wire::{IpHeader, Protocol};

    use super::*;

    fn packet(source: &str, destination: &str, protocol: Protocol, payload: &[u8]) -> Vec<u8> {
        let header = IpHeader {
            src: source.parse().unwrap(),
            dst: destination.parse().unwrap(),
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
        packet
    }

    fn segment(flags: u8) -> Vec<u8> {
        let mut segment = vec![0; 20];
        segment[..4].copy_from_slice(&[0x1f, 0x90, 0, 80]);
        segment[13] = flags;
        segment
    }

    fn ports(text: (&str, &str), begins: bool) -> Option<Flow> {
        let (local, remote) = (text.0.parse().unwrap(), text.1.parse().unwrap());
        Some(Flow::Ports { transport: Transport::Tcp, local, remote, begins })
    }

    #[test]
    fn a_flow_is_read_from_either_kind_of_header() {
        let v4 = packet("10.0.0.1", "10.0.0.2", Protocol::Tcp, &segment(SYN));
        assert_eq!(Flow::of(&v4), ports(("10.0.0.1:8080", "10.0.0.2:80"), true));
        let v6 = packet("fd00::1", "fd00::2", Protocol::Tcp, &segment(SYN | ACK));
        assert_eq!(Flow::of(&v6), ports(("[fd00::1]:8080", "[fd00::2]:80"), false));
        // The link fills in the lengths of what it cuts.
        let mut uncut = v4.clone();
        uncut[2..4].copy_from_slice(&[0, 0]);
        assert_eq!(Flow::of(&uncut), Flow::of(&v4));
        // With options, the ports are further behind.
        let mut options = v4.clone();
        options[0] = 0x46;
        options.splice(20..20, [1, 1, 1, 0]);
        assert_eq!(Flow::of(&options), Flow::of(&v4));
    }

    #[test]
    fn what_has_no_ports_is_asked_about_by_its_address() {
        let mut behind = packet("10.0.0.1", "10.0.0.2", Protocol::Tcp, &segment(SYN));
        behind[7] = 1;
        assert_eq!(Flow::of(&behind), Some(Flow::Address("10.0.0.2".parse().unwrap())));
        let mut fragment =
            packet("fd00::1", "fd00::2", Protocol::Udp, &[UDP, 0, 0, 8, 0, 0, 0, 7, 1, 2, 3, 4]);
        fragment[6] = FRAGMENT;
        assert_eq!(Flow::of(&fragment), Some(Flow::Address("fd00::2".parse().unwrap())));
        fragment[43] = 0;
        assert!(matches!(Flow::of(&fragment), Some(Flow::Ports { transport: Transport::Udp, .. })));
        let mut reply = packet("10.0.0.1", "10.0.0.2", Protocol::Udp, &[0; 8]);
        reply[9] = 1;
        assert_eq!(Flow::of(&reply), Some(Flow::Address("10.0.0.2".parse().unwrap())));
    }

    #[test]
    fn a_link_has_what_it_needs_and_nothing_hides_as_that() {
        let message = |kind: u8| {
            let mut message =
                packet("fd00::1", "ff02::1:ff00:2", Protocol::Udp, &[kind, 0, 0, 0, 0, 0, 0, 0]);
            message[6] = ICMPV6;
            Flow::of(&message)
        };
        assert_eq!([message(135), message(136), message(143)], [Some(Flow::Link); 3]);
        assert_eq!(message(128), Some(Flow::Address("ff02::1:ff00:2".parse().unwrap())), "a ping");
    }

    #[test]
    fn a_packet_is_found_in_its_frame() {
        let frame = |words: &[[u8; 2]]| [&[2; 12][..], words.as_flattened(), &[0x45, 0, 0, 0]].concat();
        assert_eq!(ip_packet(&frame(&[IPV4]), true), Some(14));
        assert_eq!(ip_packet(&frame(&[VLAN, [0x20, 7], IPV6]), true), Some(18));
        assert_eq!(ip_packet(&frame(&[[8, 6]]), true), None, "ARP");
        assert_eq!(ip_packet(&frame(&[]), false), Some(0));
    }

    #[test]
    fn a_packet_that_ends_too_soon_has_no_flow() {
        let whole = packet("fd00::1", "fd00::2", Protocol::Tcp, &segment(SYN));
        for length in 0..whole.len() - 6 {
            assert_eq!(Flow::of(&whole[..length]), None, "{length}");
        }
    }
}
