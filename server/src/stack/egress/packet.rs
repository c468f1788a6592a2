//! What leaves, read as far as it takes to know what to ask: from where to where, and which piece of what.

use std::net::{IpAddr, SocketAddr};

use crate::access::policy::Transport;

/// What is read of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// Of a fragment behind the first, no more than its address.
    pub(super) flow: Flow,
    /// It is a piece of a packet.
    pub(super) fragment: Option<Fragment>,
}

/// From where to where: what is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// With ports.
    Ports(Ports),
    /// Without: ICMP, and fragments behind the first.
    Address(IpAddr),
    /// What a link needs to be one.
    Link,
}

/// The ends of a flow, ours first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) transport: Transport,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
}

/// A piece of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) key: PacketKey,
    pub(super) first: bool,
    pub(super) last: bool,
}

/// What the fragments of one packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PacketKey {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u32,
}

/// Where the IP packet of a frame begins, if it is one that carries any.
pub(in crate::stack) fn ip_packet(frame: &[u8], ethernet: bool) -> Option<usize> {
    if !ethernet {
        return Some(0);
    }
    let ether_type = |at: usize| Some([*frame.get(at)?, *frame.get(at + 1)?]);
    let at = if ether_type(12)? == VLAN { 16 } else { 12 };
    [IPV4, IPV6].contains(&ether_type(at)?).then_some(at + 2)
}

impl Read {
    /// Of an IP packet, whose lengths a link may have yet to fill in.
    pub(super) fn of(packet: &[u8]) -> Option<Read> {
        match packet.first()? >> 4 {
            4 => Read::of_v4(packet),
            6 => Read::of_v6(packet),
            _ => None,
        }
    }

    fn of_v4(packet: &[u8]) -> Option<Read> {
        let header = usize::from(packet[0] & 0xf) * 4;
        let ip = |at: usize| Some(IpAddr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
        let word = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
        let (source, destination, protocol) = (ip(12)?, ip(16)?, *packet.get(9)?);
        let (identification, place) = (u32::from(word(4)?), word(6)?);
        let (behind, last) = (place & OFFSET, place & MORE == 0);
        let key = PacketKey { source, destination, protocol, identification };
        let fragment = (behind != 0 || !last).then_some(Fragment { key, first: behind == 0, last });
        let flow = match behind {
            0 => Flow::of(protocol, packet.get(header..)?, source, destination)?,
            _ => Flow::Address(destination),
        };
        Some(Read { flow, fragment })
    }

    fn of_v6(packet: &[u8]) -> Option<Read> {
        let ip = |at: usize| Some(IpAddr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?));
        let (source, destination) = (ip(8)?, ip(24)?);
        let (mut protocol, mut at, mut fragment) = (*packet.get(6)?, 40, None);
        // What stands between the header and what is carried, as far as there is any.
        loop {
            match protocol {
                HOP_BY_HOP | ROUTING | DESTINATION => {
                    let length = usize::from(*packet.get(at + 1)?) * 8 + 8;
                    (protocol, at) = (*packet.get(at)?, at + length);
                }
                FRAGMENT => {
                    let word = |behind: usize| packet.get(at + behind..at + behind + 4)?.try_into().ok();
                    let place = u32::from_be_bytes(word(0)?);
                    let identification = u32::from_be_bytes(word(4)?);
                    (protocol, at) = (*packet.get(at)?, at + 8);
                    let (behind, last) = (place & 0xfff8, place & 1 == 0);
                    let key = PacketKey { source, destination, protocol, identification };
                    fragment = Some(Fragment { key, first: behind == 0, last });
                    if behind != 0 {
                        return Some(Read { flow: Flow::Address(destination), fragment });
                    }
                }
                protocol => {
                    let flow = Flow::of(protocol, packet.get(at..)?, source, destination)?;
                    return Some(Read { flow, fragment });
                }
            }
        }
    }
}

impl Flow {
    fn of(protocol: u8, payload: &[u8], source: IpAddr, destination: IpAddr) -> Option<Flow> {
        let port = |at: usize| Some(u16::from_be_bytes([*payload.get(at)?, *payload.get(at + 1)?]));
        let transport = match protocol {
            TCP => Transport::Tcp,
            UDP => Transport::Udp,
            ICMPV6 if LINK_TYPES.contains(payload.first()?) => return Some(Flow::Link),
            _ => return Some(Flow::Address(destination)),
        };
        let (local, remote) = (SocketAddr::new(source, port(0)?), SocketAddr::new(destination, port(2)?));
        Some(Flow::Ports(Ports { transport, local, remote }))
    }
}

/// IPv4's fragment offset, in units of eight octets, and whether there are more.
const OFFSET: u16 = 0x1fff;
const MORE: u16 = 0x2000;

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

    fn segment() -> Vec<u8> {
        let mut segment = vec![0; 20];
        segment[..4].copy_from_slice(&[0x1f, 0x90, 0, 80]);
        segment
    }

    fn flow(packet: &[u8]) -> Option<Flow> {
        Read::of(packet).map(|read| read.flow)
    }

    fn ports(local: &str, remote: &str) -> Option<Flow> {
        let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
        Some(Flow::Ports(Ports { transport: Transport::Tcp, local, remote }))
    }

    #[test]
    fn a_flow_is_read_from_either_kind_of_header() {
        let v4 = packet("10.0.0.1", "10.0.0.2", Protocol::Tcp, &segment());
        assert_eq!(flow(&v4), ports("10.0.0.1:8080", "10.0.0.2:80"));
        let v6 = packet("fd00::1", "fd00::2", Protocol::Tcp, &segment());
        assert_eq!(flow(&v6), ports("[fd00::1]:8080", "[fd00::2]:80"));
        assert_eq!([&v4, &v6].map(|whole| Read::of(whole).unwrap().fragment), [None; 2]);
        // The link fills in the lengths of what it cuts.
        let mut uncut = v4.clone();
        uncut[2..4].copy_from_slice(&[0, 0]);
        assert_eq!(flow(&uncut), flow(&v4));
        // With options, the ports are further behind.
        let mut options = v4.clone();
        options[0] = 0x46;
        options.splice(20..20, [1, 1, 1, 0]);
        assert_eq!(flow(&options), flow(&v4));
    }

    #[test]
    fn a_fragment_tells_which_piece_of_what_it_is() {
        let pieces = |first: Vec<u8>, place: &dyn Fn(&mut Vec<u8>, u8, bool)| {
            [(0, true), (1, true), (2, false)].map(|(behind, more)| {
                let mut piece = first.clone();
                place(&mut piece, behind, more);
                Read::of(&piece).unwrap()
            })
        };
        let mut v4 = packet("10.0.0.1", "10.0.0.2", Protocol::Tcp, &segment());
        v4[4..6].copy_from_slice(&[1, 2]);
        let v4 = pieces(v4, &|piece, behind, more| {
            piece[6..8].copy_from_slice(&[if more { 0x20 } else { 0 }, behind]);
        });
        let mut v6 = packet("fd00::1", "fd00::2", Protocol::Udp, &[UDP, 0, 0, 0, 0, 0, 1, 2, 9, 9, 9, 9]);
        v6[6] = FRAGMENT;
        let v6 = pieces(v6, &|piece, behind, more| piece[43] = behind << 3 | u8::from(more));
        for [first, second, last] in [v4, v6] {
            assert!(matches!(first.flow, Flow::Ports(_)) && matches!(second.flow, Flow::Address(_)));
            let told = [first, second, last].map(|read| read.fragment.unwrap());
            assert_eq!(told.map(|piece| piece.key), [told[0].key; 3]);
            assert_eq!(told[0].key.identification, 0x102);
            assert_eq!(told.map(|at| (at.first, at.last)), [(true, false), (false, false), (false, true)]);
        }
    }

    #[test]
    fn what_has_no_ports_is_asked_about_by_its_address() {
        let mut reply = packet("10.0.0.1", "10.0.0.2", Protocol::Udp, &[0; 8]);
        reply[9] = 1;
        assert_eq!(flow(&reply), Some(Flow::Address("10.0.0.2".parse().unwrap())));
    }

    #[test]
    fn a_link_has_what_it_needs_and_nothing_hides_as_that() {
        let message = |kind: u8| {
            let mut message =
                packet("fd00::1", "ff02::1:ff00:2", Protocol::Udp, &[kind, 0, 0, 0, 0, 0, 0, 0]);
            message[6] = ICMPV6;
            flow(&message)
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
        let whole = packet("fd00::1", "fd00::2", Protocol::Tcp, &segment());
        for length in 0..44 {
            assert_eq!(Read::of(&whole[..length]), None, "{length}");
        }
    }
}
