//! What the sender of a packet that is of no use is told, and when it is told nothing (RFC 792, RFC 1122 §3.2,
//! RFC 4443 §2.4, RFC 8200 §4); what an engine costs those whom it does not know.

mod common;

use common::{Host, Pair};
use sockwright_engine::host::Config;
use sockwright_engine::host::op::{Request, SocketKind};
use sockwright_engine::limits::{Limit, Limits};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::wire::{
    ChecksumPolicy, Flags, Fragment, IcmpMessage, IpHeader, IpPacket, Protocol, Quoted, TcpSegment,
    UdpDatagram, Unreachable,
};
use std::net::IpAddr;
use std::time::Duration;

fn host(v4: bool) -> Host {
    Host::new(if v4 { "10.0.0.1" } else { "fd00::1" }, 1)
}

fn peer_of(host: &Host) -> IpAddr {
    if host.ip.is_ipv4() { "10.0.0.9" } else { "fd00::9" }.parse().unwrap()
}

fn header(src: IpAddr, dst: IpAddr, protocol: Protocol) -> IpHeader {
    IpHeader { src, dst, protocol, hop_limit: 64, ecn: 0, dscp: 0, ident: 0, options: Default::default() }
}

fn packet(src: IpAddr, dst: IpAddr, protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    header(src, dst, protocol).emit(payload.len(), &mut frame);
    frame.extend_from_slice(payload);
    frame
}

/// A packet from the peer to the host.
fn to(host: &Host, protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    packet(peer_of(host), host.ip, protocol, payload)
}

/// A datagram from `src` to a port of the host that nobody has.
fn stray_datagram_from(host: &Host, src: IpAddr, len: usize) -> Vec<u8> {
    let mut payload = Vec::new();
    UdpDatagram { src_port: 4000, dst_port: 53, payload: &vec![7; len] }.emit(src, host.ip, &mut payload);
    packet(src, host.ip, Protocol::Udp, &payload)
}

fn stray_datagram(host: &Host, len: usize) -> Vec<u8> {
    stray_datagram_from(host, peer_of(host), len)
}

/// The message in a frame.
fn icmp(frame: &[u8]) -> IcmpMessage<'_> {
    let packet = IpPacket::parse(frame).unwrap();
    IcmpMessage::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Verify).unwrap()
}

fn problem(frame: &[u8]) -> (u8, u32) {
    match frame[20] {
        // An IPv4 quote of what was not understood is not understood either.
        12 if frame[0] >> 4 == 4 => (frame[21], u32::from(frame[24])),
        _ => {
            let packet = IpPacket::parse(frame).unwrap();
            assert_eq!((packet.protocol, packet.payload[0]), (Protocol::Icmpv6, 4));
            (packet.payload[1], u32::from_be_bytes(packet.payload[4..8].try_into().unwrap()))
        }
    }
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.1
//= type=test
//# A host SHOULD generate Destination Unreachable messages with
//# code:
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.8
//= type=test
//# Wherever practical, hosts MUST return ICMP error datagrams on detection of an error,
//# except in those cases where returning an ICMP error message is specifically prohibited.
//= https://www.rfc-editor.org/rfc/rfc4443#section-3.1
//= type=test
//# A destination node SHOULD originate a Destination Unreachable message with Code 4 in
//# response to a packet for which the transport protocol (e.g., UDP) has no listener, if that
//# transport protocol has no alternative means to inform the sender.
#[test]
fn a_protocol_or_port_that_nobody_has_is_said_to_be_unreachable() {
    let mut host = host(true);
    let frame = to(&host, Protocol::Unknown(200), b"12345678");
    host.frame(&frame);
    let unknown =
        IcmpMessage::Unreachable { code: Unreachable::Protocol, quoted: Quoted::parse(&frame).unwrap() };
    assert_eq!(icmp(&host.sent[0]), unknown);
    let frame = stray_datagram(&host, 20);
    host.frame(&frame);
    let port = IcmpMessage::Unreachable { code: Unreachable::Port, quoted: Quoted::parse(&frame).unwrap() };
    assert_eq!(icmp(&host.sent[1]), port);
    assert_eq!(host.drops(), ["UNKNOWN_PROTOCOL", "NO_SOCKET"]);
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
//= type=test
//# An ICMP error message SHOULD be sent with normal (i.e., zero) TOS bits.
//= https://www.rfc-editor.org/rfc/rfc8200#section-8.4
//= type=test
//# When an upper-layer protocol sends one or more packets in response to a received packet
//# that included a Routing header, the response packet(s) must not include a Routing header
//# that was automatically derived by "reversing" the received Routing header UNLESS the
//# integrity and authenticity of the received Source Address and Routing header have been
//# verified (e.g., via the use of an Authentication header in the received packet).
#[test]
fn an_error_has_no_code_point_and_no_routing_header_of_its_own() {
    let mut host = host(false);
    let peer = peer_of(&host);
    // No segments left, and a UDP header behind it.
    let routed = [&[17, 0, 0, 0, 0, 0, 0, 0][..], &stray_datagram(&host, 8)[40..]].concat();
    let header = IpHeader { dscp: 10, ..header(peer, host.ip, Protocol::from(43)) };
    let mut frame = Vec::new();
    header.emit(routed.len(), &mut frame);
    frame.extend(routed);
    host.frame(&frame);
    let answer = IpPacket::parse(&host.sent[0]).unwrap();
    assert_eq!((answer.dscp, answer.protocol), (0, Protocol::Icmpv6));
    assert_eq!(host.sent[0][6], 58, "the message follows the fixed header");
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.7
//= type=test
//# A host MUST NOT discard a datagram just because it was received with TTL less than 2.
#[test]
fn a_packet_that_arrives_with_its_last_hop_is_taken() {
    for v4 in [true, false] {
        for hop_limit in [0, 1] {
            let mut host = host(v4);
            let mut frame = Vec::new();
            let datagram = stray_datagram(&host, 8);
            let payload = IpPacket::parse(&datagram).unwrap().payload;
            let header = IpHeader { hop_limit, ..header(peer_of(&host), host.ip, Protocol::Udp) };
            header.emit(payload.len(), &mut frame);
            frame.extend_from_slice(payload);
            host.frame(&frame);
            assert_eq!(host.sent.len(), 1, "nobody has the port, which is said");
        }
    }
}

//= https://www.rfc-editor.org/rfc/rfc4443#section-3.1
//= type=test
//# For security reasons, it is recommended that implementations SHOULD allow sending of ICMP
//# destination unreachable messages to be disabled, preferably on a per-interface basis.
#[test]
fn a_host_whose_limit_is_nothing_tells_nobody() {
    let limits = Limits { stray_replies_per_second: 0, ..Limits::default() };
    let mut host = Host::with_config("fd00::1", 1, Config { limits, ..Config::default() });
    let frame = stray_datagram(&host, 8);
    host.frame(&frame);
    assert!(host.sent.is_empty());
}

//= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
//= type=test
//# If an ICMPv6 informational message of unknown type is received, it MUST be silently
//# discarded.
//= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
//= type=test
//# If an ICMPv6 informational message of unknown type is received, it MUST be silently
//# discarded.
#[test]
fn a_message_over_ipv6_that_nobody_knows_is_dropped_in_silence() {
    let mut host = host(false);
    for kind in [127, 200, 255] {
        let mut message = Vec::new();
        IcmpMessage::Other { kind, code: 0 }.emit(peer_of(&host), host.ip, &mut message);
        let frame = to(&host, Protocol::Icmpv6, &message);
        host.frame(&frame);
    }
    assert!(host.sent.is_empty());
    assert_eq!(host.drops(), ["UNHANDLED_ICMP"; 3]);
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
//= type=test
//# Every ICMP error message includes the Internet header and at
//# least the first 8 data octets of the datagram that triggered
//# the error; more than 8 octets MAY be sent; this header and data
//# MUST be unchanged from the received datagram.
//= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
//= type=test
//# Every ICMPv6 error message (type < 128) MUST include as much of
//# the IPv6 offending (invoking) packet (the packet that caused the
//# error) as possible without making the error message packet exceed
//# the minimum IPv6 MTU [IPv6].
#[test]
fn an_error_quotes_the_packet_as_it_came_up_to_576_or_1280_octets() {
    for (v4, longest) in [(true, 576), (false, 1280)] {
        for len in [0, 8, 1400] {
            let mut host = host(v4);
            let frame = stray_datagram(&host, len);
            host.frame(&frame);
            let error = &host.sent[0];
            let quote = &error[error.len().min(if v4 { 28 } else { 48 })..];
            assert!(frame.starts_with(quote));
            assert_eq!(error.len(), longest.min(frame.len() + error.len() - quote.len()));
        }
    }
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.5
//= type=test
//# A host SHOULD generate Parameter Problem messages.
#[test]
fn an_ipv4_option_with_a_bad_length_is_pointed_at() {
    let mut host = host(true);
    let mut frame = to(&host, Protocol::Udp, &[0; 8]);
    frame.splice(20..20, [1, 7, 9, 4]);
    frame[0] = 0x46;
    frame[3] += 4;
    frame[10..12].fill(0);
    let checksum = sockwright_engine::wire::checksum::Sum::of(&frame[..24]).checksum();
    frame[10..12].copy_from_slice(&checksum.to_be_bytes());
    host.frame(&frame);
    assert_eq!(problem(&host.sent[0]), (0, 21));
    assert_eq!(host.drops(), ["IP_OPTION"]);
}

//= https://www.rfc-editor.org/rfc/rfc8200#section-4.2
//= type=test
//# 01 - discard the packet.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.2
//= type=test
//# 10 - discard the packet and, regardless of whether or not the
//# packet's Destination Address was a multicast address, send an
//# ICMP Parameter Problem, Code 2, message to the packet's
//# Source Address, pointing to the unrecognized Option Type.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.2
//= type=test
//# 11 - discard the packet and, only if the packet's Destination
//# Address was not a multicast address, send an ICMP Parameter
//# Problem, Code 2, message to the packet's Source Address,
//# pointing to the unrecognized Option Type.
//= https://www.rfc-editor.org/rfc/rfc4443#section-2.2
//= type=test
//# the Source Address of the ICMPv6 packet MUST be a unicast address belonging to the node.
//= https://www.rfc-editor.org/rfc/rfc4443#section-2.2
//= type=test
//# The address SHOULD be chosen according to the rules that would be used to select the
//# source address for any other packet originated by the node, given the destination address
//# of the packet.
//= https://www.rfc-editor.org/rfc/rfc4443#section-3.4
//= type=test
//# If an IPv6 node processing a packet finds a problem with a field in the IPv6 header or
//# extension headers such that it cannot complete processing the packet, it MUST discard the
//# packet and SHOULD originate an ICMPv6 Parameter Problem message to the packet's source,
//# indicating the type and location of the problem.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.2
//= type=test
//# The Option Type identifiers are internally encoded such that their highest-order 2 bits
//# specify the action that must be taken if the processing IPv6 node does not recognize the
//# Option Type:
#[test]
fn an_unknown_ipv6_option_says_by_its_highest_bits_whether_its_sender_is_told() {
    let group: IpAddr = "ff02::1".parse().unwrap();
    for (kind, to_us, to_group) in
        [(0x5e, None, None), (0x9e, Some((2, 42)), Some((2, 42))), (0xde, Some((2, 42)), None)]
    {
        for (header, dst, told) in [(0, None, to_us), (60, None, to_us), (60, Some(group), to_group)] {
            let mut host = host(false);
            let dst = dst.unwrap_or(host.ip);
            let options = [17, 0, kind, 4, 0, 0, 0, 0];
            host.frame(&packet(peer_of(&host), dst, Protocol::Unknown(header), &options));
            assert_eq!(host.sent.first().map(|frame| problem(frame)), told, "{kind:x} to {dst}");
            assert_eq!(host.drops(), ["IP_OPTION"]);
            if let Some(frame) = host.sent.first() {
                assert_eq!(IpPacket::parse(frame).unwrap().src, host.ip);
            }
        }
    }
}

//= https://www.rfc-editor.org/rfc/rfc8200#section-4.4
//= type=test
//# If Segments Left is non-zero, the node must discard the packet and
//# send an ICMP Parameter Problem, Code 0, message to the packet's
//# Source Address, pointing to the unrecognized Routing Type.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.4
//= type=test
//# If Segments Left is zero, the node must ignore the Routing header
//# and proceed to process the next header in the packet, whose type
//# is identified by the Next Header field in the Routing header.
#[test]
fn a_routing_header_goes_no_further_and_one_that_arrived_is_passed_over() {
    for kind in [0, 2, 4, 200] {
        let mut host = host(false);
        let frame = to(&host, Protocol::Unknown(43), &[17, 0, kind, 1, 0, 0, 0, 0]);
        host.frame(&frame);
        assert_eq!(problem(&host.sent[0]), (0, 42));
        assert_eq!(host.drops(), ["SOURCE_ROUTE"]);
        let mut payload = vec![17, 0, kind, 0, 0, 0, 0, 0];
        UdpDatagram { src_port: 1, dst_port: 2, payload: &[] }.emit(peer_of(&host), host.ip, &mut payload);
        let frame = to(&host, Protocol::Unknown(43), &payload);
        host.frame(&frame);
        assert!(matches!(icmp(&host.sent[1]), IcmpMessage::Unreachable { code: Unreachable::Port, .. }));
    }
}

//= https://www.rfc-editor.org/rfc/rfc8200#section-4
//= type=test
//# If, as a result of processing a header, the destination node is required to proceed to the
//# next header but the Next Header value in the current header is unrecognized by the node,
//# it should discard the packet and send an ICMP Parameter Problem message to the source of
//# the packet, with an ICMP Code value of 1 ("unrecognized Next Header type encountered") and
//# the ICMP Pointer field containing the offset of the unrecognized value within the original
//# packet.
#[test]
fn what_follows_an_ipv6_header_and_nobody_knows_is_pointed_at() {
    for (payload, code, pointer) in [
        (&[200, 0, 1, 4, 0, 0, 0, 0, 9][..], 1, 40),
        (&[0, 0, 1, 4, 0, 0, 0, 0][..], 1, 40),
        (&[44, 0, 1, 4, 0, 0, 0, 0, 99, 0, 0, 1, 0, 0, 0, 0, 1][..], 0, 4),
    ] {
        let mut host = host(false);
        let frame = to(&host, Protocol::Unknown(60), payload);
        host.frame(&frame);
        assert_eq!(problem(&host.sent[0]), (code, pointer));
    }
    let mut host = host(false);
    let frame = to(&host, Protocol::Unknown(59), b"padding");
    host.frame(&frame);
    assert_eq!((host.sent.len(), host.drops()), (0, vec!["MALFORMED"]));
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
//= type=test
//# *    an ICMP error message, or
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
//= type=test
//# *    a datagram destined to an IP broadcast or IP multicast
//# address, or
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
//= type=test
//# *    a non-initial fragment, or
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
//= type=test
//# *    a datagram whose source address does not define a single
//# host -- e.g., a zero address, a loopback address, a
//# broadcast address, a multicast address, or a Class E
//# address.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
//= type=test
//# An ICMP error message MUST NOT be sent as the result of receiving:
//= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
//= type=test
//# An ICMPv6 error message MUST NOT be originated as a result of receiving the following:
//= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
//= type=test
//# An ICMPv6 error message MUST NOT be originated as a result of receiving the following:
#[test]
fn nobody_is_told_about_errors_groups_later_fragments_or_by_who_is_no_single_host() {
    for v4 in [true, false] {
        let mut host = host(v4);
        let sources = if v4 {
            &["0.0.0.0", "127.0.0.1", "10.0.0.255", "255.255.255.255", "224.0.0.1", "240.0.0.1", "10.0.0.1"][..]
        } else {
            &["::", "::1", "ff02::1", "fd00::1"]
        };
        for src in sources {
            let frame = stray_datagram_from(&host, src.parse().unwrap(), 10);
            host.frame(&frame);
            assert_eq!(host.sent.len(), 0, "to {src}");
        }
        let groups = if v4 { &["10.0.0.255", "255.255.255.255", "224.0.0.1"][..] } else { &["ff02::1"] };
        for group in groups {
            host.frame(&packet(peer_of(&host), group.parse().unwrap(), Protocol::Unknown(200), &[0; 8]));
            assert_eq!(host.sent.len(), 0, "about {group}");
        }
        // An error behind something that would be told.
        let about = stray_datagram_from(&host, host.ip, 10);
        let quoted = Quoted::parse(&about).unwrap();
        let mut error = Vec::new();
        IcmpMessage::Unreachable { code: Unreachable::Port, quoted }.emit(
            peer_of(&host),
            host.ip,
            &mut error,
        );
        let frame = if v4 {
            let mut frame = to(&host, Protocol::Icmpv4, &error);
            frame.splice(20..20, [7, 1, 0, 0]);
            (frame[0], frame[3]) = (0x46, frame[3] + 4);
            frame[10..12].fill(0);
            let checksum = sockwright_engine::wire::checksum::Sum::of(&frame[..24]).checksum();
            frame[10..12].copy_from_slice(&checksum.to_be_bytes());
            frame
        } else {
            to(&host, Protocol::Unknown(60), &[&[58, 0, 0x9e, 4, 0, 0, 0, 0][..], &error].concat())
        };
        host.frame(&frame);
        assert_eq!((host.sent.len(), host.drops().last()), (0, Some(&"IP_OPTION")));
        // The same about an echo request.
        let at = frame.len() - error.len();
        let echo = [&frame[..at], &[if v4 { 8 } else { 128 }, 0], &frame[at + 2..]].concat();
        host.frame(&echo);
        assert_eq!(host.sent.len(), 1);
    }
    let mut host = host(false);
    let header = IpHeader {
        src: peer_of(&host),
        dst: host.ip,
        protocol: Protocol::Unknown(200),
        hop_limit: 64,
        ecn: 0,
        dscp: 0,
        ident: 0,
        options: Default::default(),
    };
    for (offset, told) in [(8, 0), (0, 1)] {
        let mut frame = Vec::new();
        header.emit_fragment(Fragment { ident: 1, offset, more: true }, 7, &mut frame);
        frame.extend_from_slice(&[0; 7]);
        host.frame(&frame);
        assert_eq!(host.sent.len(), told, "a fragment at {offset} whose length is no multiple of eight");
    }
}

//= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
//= type=test
//# Finally, in order to limit the bandwidth and forwarding costs
//# incurred by originating ICMPv6 error messages, an IPv6 node MUST
//# limit the rate of ICMPv6 error messages it originates.
#[test]
fn one_flood_does_not_silence_what_others_are_told() {
    for v4 in [true, false] {
        let limits =
            Limits { stray_replies_per_second: 10, stray_replies_per_destination: 4, ..Limits::default() };
        let ip = host(v4).ip.to_string();
        let mut host = Host::with_config(&ip, 1, Config { limits, ..Config::default() });
        for _ in 0..100 {
            let frame = stray_datagram(&host, 10);
            host.frame(&frame);
        }
        assert_eq!(host.sent.len(), 4);
        assert_eq!(host.limit_hits(Limit::StrayRepliesPerDestination), 96);
        let other = if v4 { "10.0.0.77" } else { "fd77::1" }.parse().unwrap();
        // Whoever is not on a network of ours is not reached: the IPv6 one may be anybody near.
        let other = if v4 { other } else { "fd00::77".parse().unwrap_or(other) };
        let frame = stray_datagram_from(&host, other, 10);
        host.frame(&frame);
        assert_eq!(host.sent.len(), if v4 { 5 } else { 4 }, "an IPv6 network is one sender");
        host.advance(Duration::from_secs(1));
        host.frame(&frame);
        assert_eq!(host.sent.len(), if v4 { 6 } else { 5 });
    }
}

#[test]
fn echo_replies_have_limits_of_their_own() {
    let limits = Limits { echo_replies_per_second: 5, echo_replies_per_destination: 3, ..Limits::default() };
    let mut host = Host::with_config("10.0.0.1", 1, Config { limits, ..Config::default() });
    let ask = |host: &mut Host, src: &str| {
        let src = src.parse().unwrap();
        let mut payload = Vec::new();
        IcmpMessage::EchoRequest { ident: 1, seq: 1, data: b"data" }.emit(src, host.ip, &mut payload);
        host.frame(&packet(src, host.ip, Protocol::Icmpv4, &payload));
    };
    (0..5).for_each(|_| ask(&mut host, "10.0.0.9"));
    assert_eq!((host.sent.len(), host.limit_hits(Limit::EchoRepliesPerDestination)), (3, 2));
    ["10.0.0.10", "10.0.0.11", "10.0.0.12"].iter().for_each(|src| ask(&mut host, src));
    assert_eq!((host.sent.len(), host.limit_hits(Limit::EchoRepliesPerSecond)), (5, 1));
    // Errors are still told.
    let frame = stray_datagram(&host, 1);
    host.frame(&frame);
    assert_eq!(host.sent.len(), 6);
}

/// No stimulus of a stranger makes an engine send much more than it received: an error is the packet that came, cut to
/// its limit, behind two headers of 28 or 48 octets; a reset or SYN,ACK has its headers alone; an echo reply is as long
/// as the request.
#[test]
fn a_stranger_gets_back_little_more_than_it_sends() {
    for v4 in [true, false] {
        let overhead = if v4 { 28 } else { 48 };
        let icmp = if v4 { Protocol::Icmpv4 } else { Protocol::Icmpv6 };
        let tcp = |host: &Host, port, flags, data: &[u8]| {
            let segment = TcpSegment {
                src_port: 4000,
                dst_port: port,
                flags,
                window: 100,
                payload: data,
                ..Default::default()
            };
            let mut payload = Vec::new();
            segment.emit(peer_of(host), host.ip, &mut payload);
            to(host, Protocol::Tcp, &payload)
        };
        let mut host = host(v4);
        host.listen(80);
        let datagrams = host.create(SocketKind::Datagram, OptionsPatch::default());
        host.bind(datagrams, 53);
        host.call(Request::Close { socket: datagrams }).unwrap();
        let mut echo = Vec::new();
        IcmpMessage::EchoRequest { ident: 1, seq: 1, data: &[7; 100] }.emit(
            peer_of(&host),
            host.ip,
            &mut echo,
        );
        let stimuli = [
            ("a SYN to nobody", tcp(&host, 81, Flags::SYN, b"")),
            ("an ACK to nobody", tcp(&host, 81, Flags::ACK, b"data")),
            ("a reset to nobody", tcp(&host, 81, Flags::RST, b"")),
            ("an ACK to a listener", tcp(&host, 80, Flags::ACK, b"")),
            ("an empty datagram", stray_datagram(&host, 0)),
            ("a datagram", stray_datagram(&host, 1000)),
            ("an echo request", to(&host, icmp, &echo)),
            ("an unknown protocol", to(&host, Protocol::Unknown(200), b"")),
            ("a bad protocol header", to(&host, Protocol::Tcp, b"1234")),
            ("a fragment", {
                let mut frame = Vec::new();
                IpHeader {
                    src: peer_of(&host),
                    dst: host.ip,
                    protocol: Protocol::Udp,
                    hop_limit: 1,
                    ecn: 0,
                    dscp: 0,
                    ident: 0,
                    options: Default::default(),
                }
                .emit_fragment(Fragment { ident: 1, offset: 0, more: true }, 8, &mut frame);
                frame.extend_from_slice(&[0; 8]);
                frame
            }),
        ];
        for (what, frame) in stimuli {
            host.sent.clear();
            host.frame(&frame);
            host.advance(Duration::from_secs(600));
            let out: usize = host.sent.iter().map(Vec::len).sum();
            assert!(out <= frame.len() + overhead, "{what}: {out} octets for {}", frame.len());
            println!("IPv{} {what}: {} in, {out} out", if v4 { 4 } else { 6 }, frame.len());
        }
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2
//= type=test
//# The TTL value used to send TCP segments MUST be
//# configurable (MUST-49).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
//= type=test
//# TCP implementations
//# SHOULD pass the current Differentiated Services field value without
//# change to the IP layer, when it sends segments on the connection
//# (SHLD-22).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
//= type=test
//# The application layer MUST be able to specify the Differentiated Services field for
//# segments that are sent on a connection (MUST-48).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
//= type=test
//# It is not required, but the application SHOULD be able to change the Differentiated
//# Services field during the connection lifetime (SHLD-21).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.6
//= type=test
//# The IP layer MUST provide a means for the transport layer to set the TOS field of every
//# datagram that is sent; the default is all zero bits.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.7
//= type=test
//# The IP layer MUST provide a means for the transport layer to set the TTL field of every
//# datagram that is sent.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.7
//= type=test
//# When a fixed TTL value is used, it MUST be configurable.
#[test]
fn hop_limit_and_code_point_are_set_and_change_during_a_connection() {
    for mut pair in [Pair::new(), Pair::v6()] {
        let fields = |host: &mut Host| {
            let seen: std::collections::BTreeSet<_> = host
                .sent
                .iter()
                .map(|frame| IpPacket::parse(frame).map(|packet| (packet.hop_limit, packet.dscp)).unwrap())
                .collect();
            seen.into_iter().collect::<Vec<_>>()
        };
        let options = |hop_limit, dscp| OptionsPatch {
            hop_limit: Some(hop_limit),
            dscp: Some(dscp),
            ..OptionsPatch::default()
        };
        let client = pair.a.create(SocketKind::Stream, options(9, 10));
        pair.b.listen_with(80, 4, options(7, 8));
        let remote = pair.b.at(80);
        pair.a.start_connect(client, remote);
        assert_eq!(fields(&mut pair.a), [(9, 10)], "the SYN");
        pair.a.sent.drain(..).for_each(|frame| pair.b.frame(&frame));
        assert_eq!(fields(&mut pair.b), [(7, 8)], "the SYN,ACK");
        pair.run();
        pair.a.call(Request::SetOptions { socket: client, options: options(200, 46) }).unwrap();
        pair.a.send(client, b"data");
        assert_eq!(fields(&mut pair.a), [(200, 46)], "data");
        pair.run();
        pair.a.abort(client);
        assert_eq!(fields(&mut pair.a), [(200, 46)], "the reset");
        let datagrams = pair.a.create(SocketKind::Datagram, options(3, 4));
        pair.a.bind(datagrams, 53);
        pair.a.sent.clear();
        let remote = pair.b.at(53);
        pair.a.call(Request::SendTo { socket: datagrams, remote, data: vec![0; 2000] }).unwrap();
        assert_eq!(fields(&mut pair.a), [(3, 4)], "fragments");
    }
}
