//! Packets in fragments: sent, put together again, and refused (RFC 791, 1122 §3.3, 1858, 5722, 6864, 8200 §4.5).

mod common;

use common::{Host, Pair};
use proptest::prelude::*;
use sockwright_engine::host::op::{Reply, Request, SocketKind, Wait};
use sockwright_engine::host::{Config, Errno};
use sockwright_engine::id::SocketId;
use sockwright_engine::limits::{Limit, Limits};
use sockwright_engine::tcp::config::{Ecn, OptionsPatch, PathMtuDiscovery};
use sockwright_engine::wire::{
    ChecksumPolicy, Fragment, IcmpMessage, IpHeader, IpPacket, Protocol, UdpDatagram,
};
use std::net::IpAddr;
use std::time::Duration;

fn octets(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

fn datagram_socket(host: &mut Host, port: u16) -> SocketId {
    let socket = host.create(SocketKind::Datagram, OptionsPatch::default());
    host.bind(socket, port);
    socket
}

fn send_to(host: &mut Host, socket: SocketId, to: &Host, data: &[u8]) -> Result<Reply, Errno> {
    let request = Request::SendTo { socket, remote: to.at(53), data: data.to_vec() };
    host.call(request).map_err(|error| error.errno)
}

fn received(host: &mut Host, socket: SocketId) -> Option<Vec<u8>> {
    let request = Request::RecvFrom { socket, max: 1 << 20, peek: false, wait: Wait::Never };
    match host.call(request) {
        Ok(Reply::ReceivedFrom { data, .. }) => Some(data),
        Err(error) if error.errno == Errno::EAGAIN => None,
        other => panic!("{other:?}"),
    }
}

/// The payload of a UDP datagram from the peer to port 53 of `host`, with its data.
fn udp(host: &Host, len: usize) -> Vec<u8> {
    let mut payload = Vec::new();
    UdpDatagram { src_port: 4000, dst_port: 53, payload: &octets(len) }.emit(
        peer_of(host),
        host.ip,
        &mut payload,
    );
    payload
}

fn peer_of(host: &Host) -> IpAddr {
    if host.ip.is_ipv4() { "10.0.0.9" } else { "fd00::9" }.parse().unwrap()
}

/// A fragment from the peer to `host`: octets `from..to` of `payload`.
fn part(host: &Host, ident: u32, payload: &[u8], from: usize, to: usize) -> Vec<u8> {
    with_ecn(host, ident, payload, from, to, 0)
}

fn with_ecn(host: &Host, ident: u32, payload: &[u8], from: usize, to: usize, ecn: u8) -> Vec<u8> {
    let header = IpHeader {
        src: peer_of(host),
        dst: host.ip,
        protocol: Protocol::Udp,
        hop_limit: 64,
        ecn,
        dscp: 0,
        ident: 0,
        options: Default::default(),
    };
    let fragment = Fragment { ident, offset: from as u16, more: to < payload.len() };
    let mut frame = Vec::new();
    header.emit_fragment(fragment, to - from, &mut frame);
    frame.extend_from_slice(&payload[from..to]);
    frame
}

fn hosts() -> [Host; 2] {
    [Host::new("10.0.0.1", 1), Host::new("fd00::1", 1)]
}

/// The ICMP message in a frame.
fn icmp(frame: &[u8]) -> IcmpMessage<'_> {
    let packet = IpPacket::parse(frame).unwrap();
    IcmpMessage::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Verify).unwrap()
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.2
//= type=test
//# The IP layer MUST implement reassembly of IP datagrams.
//= https://www.rfc-editor.org/rfc/rfc8200#section-5
//= type=test
//# A node must be able to accept a fragmented packet that, after
//# reassembly, is as large as 1500 octets.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.2
//= type=test
//# EMTU_R MUST be greater than or equal to 576, SHOULD be either configurable or indefinite,
//# and SHOULD be greater than or equal to the MTU of the connected network(s).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.3
//= type=test
//# A host MUST implement a mechanism to allow the transport layer to learn MMS_S, the maximum
//# transport-layer message size that may be sent for a given {source, destination, TOS}
//# triplet (see GET_MAXSIZES call in Section 3.4).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.3
//= type=test
//# The MTU of each physical interface MUST be configurable.
#[test]
fn datagrams_up_to_the_longest_arrive_in_fragments_that_fit_the_link() {
    for (mut pair, longest) in [(Pair::new(), 65_507), (Pair::v6(), 65_527)] {
        let (a, b) = (datagram_socket(&mut pair.a, 53), datagram_socket(&mut pair.b, 53));
        for (len, frames) in [(0, 1), (1400, 1), (1473, 2), (3000, 3), (longest, 45.max(longest / 1448))] {
            send_to(&mut pair.a, a, &pair.b, &octets(len)).unwrap();
            assert!(pair.a.sent.iter().all(|frame| frame.len() <= 1500));
            assert!(
                (frames..frames + 2).contains(&pair.a.sent.len()),
                "{} frames of {len}",
                pair.a.sent.len()
            );
            pair.run();
            assert_eq!(received(&mut pair.b, b), Some(octets(len)));
        }
        assert_eq!(pair.b.drops(), [""; 0]);
        assert_eq!(pair.b.engine.poll_timeout(), None, "nothing is left to wait for");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any order, and any copies.
    #[test]
    fn fragments_arrive_in_any_order_and_more_than_once(
        v4: bool, cuts in prop::collection::btree_set(1usize..300, 1..12), order in any::<prop::sample::Index>(), copies: u16,
    ) {
        let [v4_host, v6_host] = hosts();
        let mut host = if v4 { v4_host } else { v6_host };
        let socket = datagram_socket(&mut host, 53);
        let payload = udp(&host, 2400);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut * 8).filter(|cut| *cut < payload.len()).collect();
        ends.push(payload.len());
        let mut parts = Vec::new();
        let mut from = 0;
        for (i, to) in ends.into_iter().enumerate() {
            let frame = part(&host, 7, &payload, from, to);
            if copies & 1 << i != 0 {
                parts.push(frame.clone());
            }
            parts.push(frame);
            from = to;
        }
        let middle = order.index(parts.len());
        parts.rotate_left(middle);
        // Of the last one to arrive no copy follows: it would begin another packet.
        while parts.len() > 1 && parts[..parts.len() - 1].contains(parts.last().unwrap()) {
            parts.pop();
        }
        parts.iter().for_each(|frame| host.frame(frame));
        prop_assert_eq!(received(&mut host, socket), Some(octets(2400)));
        prop_assert_eq!(received(&mut host, socket), None);
    }
}

proptest! {
    /// Whatever fragments come, nothing of them is left when their time is over.
    #[test]
    fn any_fragments_are_borne_and_forgotten(
        v4: bool,
        parts in prop::collection::vec((0u32..3, 0u16..40, 0usize..80, any::<bool>(), 0u64..30_000), 1..200),
    ) {
        let limits = Limits { reassembly_packets: 2, reassembly_bytes: 2000, reassembly_fragments: 5, ..Limits::default() };
        let ip = if v4 { "10.0.0.1" } else { "fd00::1" };
        let mut host = Host::with_config(ip, 1, Config { limits, ..Config::default() });
        let header = IpHeader {
            src: peer_of(&host), dst: host.ip, protocol: Protocol::Udp, hop_limit: 64, ecn: 0, dscp: 0, ident: 0, options: Default::default()
        };
        for (ident, eights, len, more, millis) in parts {
            let mut frame = Vec::new();
            header.emit_fragment(Fragment { ident, offset: eights * 8, more }, len, &mut frame);
            frame.resize(frame.len() + len, 7);
            host.frame(&frame);
            host.advance(Duration::from_millis(millis));
        }
        host.advance(Duration::from_secs(60));
        prop_assert_eq!(host.engine.poll_timeout(), None);
    }
}

//= https://www.rfc-editor.org/rfc/rfc5722#section-4
//= type=test
//# When reassembling an IPv6 datagram, if
//# one or more its constituent fragments is determined to be an
//# overlapping fragment, the entire datagram (and any constituent
//# fragments, including those not yet received) MUST be silently
//# discarded.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//= type=test
//# If any of the fragments being reassembled overlap with any
//# other fragments being reassembled for the same packet,
//# reassembly of that packet must be abandoned and all the
//# fragments that have been received for that packet must be
//# discarded, and no ICMP error messages should be sent.
#[test]
fn a_packet_whose_fragments_overlap_is_discarded_with_all_that_still_come() {
    for (from, to) in [(0, 16), (8, 32), (16, 24), (24, 64), (0, 64)] {
        for mut host in hosts() {
            let socket = datagram_socket(&mut host, 53);
            let payload = udp(&host, 200);
            host.frame(&part(&host, 7, &payload, 0, 24));
            let mut other = part(&host, 7, &payload, from, to);
            *other.last_mut().unwrap() ^= 1;
            host.frame(&other);
            if (from, to) == (24, 64) {
                host.frame(&part(&host, 7, &payload, 56, 72));
            }
            host.frame(&part(&host, 7, &payload, 24, payload.len()));
            host.frame(&part(&host, 7, &payload, 0, 24));
            assert!(host.drops().iter().all(|reason| *reason == "FRAGMENT"), "{:?}", host.drops());
            assert!(host.drops().len() >= 2);
            host.advance(Duration::from_secs(61));
            assert_eq!((received(&mut host, socket), host.sent.len()), (None, 0), "{from}..{to}");
            // Its number is free again.
            host.frame(&part(&host, 7, &payload, 0, 24));
            host.frame(&part(&host, 7, &payload, 24, payload.len()));
            assert_eq!(received(&mut host, socket), Some(octets(200)));
        }
    }
}

#[test]
fn a_packet_with_two_ends_or_something_behind_its_end_is_discarded() {
    for mut host in hosts() {
        let socket = datagram_socket(&mut host, 53);
        let payload = udp(&host, 200);
        host.frame(&part(&host, 1, &payload, 104, payload.len()));
        host.frame(&part(&host, 1, &payload[..80], 40, 80));
        host.frame(&part(&host, 2, &payload[..80], 40, 80));
        host.frame(&part(&host, 2, &payload, 80, 104));
        host.frame(&part(&host, 3, &payload, 80, 104));
        host.frame(&part(&host, 3, &payload[..80], 40, 80));
        assert_eq!(host.drops(), ["FRAGMENT"; 3]);
        assert_eq!(received(&mut host, socket), None);
    }
}

//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//= type=test
//# An original packet is reassembled only from fragment packets that
//# have the same Source Address, Destination Address, and Fragment
//# Identification.
#[test]
fn fragments_of_different_packets_do_not_mix() {
    for mut host in hosts() {
        let socket = datagram_socket(&mut host, 53);
        let (one, two) = (udp(&host, 100), udp(&host, 200));
        host.frame(&part(&host, 1, &one, 0, 48));
        host.frame(&part(&host, 2, &two, 0, 48));
        host.frame(&part(&host, 2, &two, 48, two.len()));
        host.frame(&part(&host, 1, &one, 48, one.len()));
        assert_eq!(received(&mut host, socket), Some(octets(200)));
        assert_eq!(received(&mut host, socket), Some(octets(100)));
    }
}

//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//= type=test
//# If the fragment is a whole datagram (that is, both the Fragment
//# Offset field and the M flag are zero), then it does not need
//# any further reassembly and should be processed as a fully
//# reassembled packet (i.e., updating Next Header, adjust Payload
//# Length, removing the Fragment header, etc.).
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//= type=test
//# Any other fragments that match this packet (i.e., the same IPv6 Source Address, IPv6
//# Destination Address, and Fragment Identification) should be processed independently.
//= https://www.rfc-editor.org/rfc/rfc6864#section-4.1
//= type=test
//# All devices that examine IPv4 headers MUST ignore the IPv4 ID field of atomic datagrams.
//= https://www.rfc-editor.org/rfc/rfc6864#section-4.1
//= type=test
//# All devices that examine IPv4 headers MUST ignore the IPv4 ID field of atomic datagrams.
#[test]
fn a_fragment_that_is_all_there_is_meets_no_other() {
    let mut host = Host::new("fd00::1", 1);
    let socket = datagram_socket(&mut host, 53);
    let payload = udp(&host, 100);
    host.frame(&part(&host, 7, &payload, 0, 48));
    host.frame(&part(&host, 7, &payload, 0, payload.len()));
    assert_eq!(received(&mut host, socket), Some(octets(100)));
    host.frame(&part(&host, 7, &payload, 48, payload.len()));
    assert_eq!(received(&mut host, socket), Some(octets(100)));
    assert_eq!(host.drops(), [""; 0]);
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.2
//= type=test
//# There MUST be a reassembly timeout.  The reassembly timeout
//# value SHOULD be a fixed value, not set from the remaining TTL.
//# It is recommended that the value lie between 60 seconds and 120
//# seconds.  If this timeout expires, the partially-reassembled
//# datagram MUST be discarded and an ICMP Time Exceeded message
//# sent to the source host (if fragment zero has been received).
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//= type=test
//# If insufficient fragments are received to complete reassembly
//# of a packet within 60 seconds of the reception of the first-
//# arriving fragment of that packet, reassembly of that packet
//# must be abandoned and all the fragments that have been received
//# for that packet must be discarded.  If the first fragment
//# (i.e., the one with a Fragment Offset of zero) has been
//# received, an ICMP Time Exceeded -- Fragment Reassembly Time
//# Exceeded message should be sent to the source of that fragment.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//= type=test
//# If insufficient fragments are received to complete reassembly of a packet within 60
//# seconds of the reception of the first- arriving fragment of that packet, reassembly of
//# that packet must be abandoned and all the fragments that have been received for that
//# packet must be discarded.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//= type=test
//# If insufficient fragments are received to complete reassembly of a packet within 60
//# seconds of the reception of the first- arriving fragment of that packet, reassembly of
//# that packet must be abandoned and all the fragments that have been received for that
//# packet must be discarded.
#[test]
fn what_does_not_come_in_a_minute_comes_too_late_and_the_sender_of_the_first_fragment_is_told() {
    for mut host in hosts() {
        let socket = datagram_socket(&mut host, 53);
        let payload = udp(&host, 100);
        let first = part(&host, 7, &payload, 0, 48);
        host.frame(&first);
        host.frame(&part(&host, 8, &payload, 48, payload.len()));
        // A later fragment does not make it wait longer.
        host.advance(Duration::from_secs(30));
        host.frame(&part(&host, 7, &payload, 48, 56));
        host.advance(Duration::from_secs(30) - Duration::from_nanos(1));
        assert_eq!(host.sent.len(), 0);
        host.advance(Duration::from_nanos(1));
        assert_eq!(host.sent.len(), 1, "one without its first fragment is nobody's");
        match icmp(&host.sent[0]) {
            IcmpMessage::TimeExceeded { code: 1, quoted } => assert_eq!(quoted.packet, first),
            other => panic!("{other:?}"),
        }
        assert_eq!(IpPacket::parse(&host.sent[0]).unwrap().dst, peer_of(&host));
        assert_eq!(host.drops(), ["REASSEMBLY_TIMEOUT"; 2]);
        host.frame(&part(&host, 7, &payload, 56, payload.len()));
        assert_eq!(received(&mut host, socket), None);
    }
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-5.3
//= type=test
//# * Set the CE codepoint on the reassembled packet.  However, this
//# MUST NOT occur if any of the other fragments contributing to
//# this reassembly carries the Not-ECT codepoint.
#[test]
fn a_packet_of_which_one_fragment_met_congestion_and_another_is_not_capable_of_ecn_is_dropped() {
    for mut host in hosts() {
        let socket = datagram_socket(&mut host, 53);
        let payload = udp(&host, 100);
        for (ident, one, other, arrives) in
            [(1, 3, 0, false), (2, 0, 3, false), (3, 2, 3, true), (4, 0, 2, true)]
        {
            host.frame(&with_ecn(&host, ident, &payload, 0, 48, one));
            host.frame(&with_ecn(&host, ident, &payload, 48, payload.len(), other));
            assert_eq!(received(&mut host, socket).is_some(), arrives, "{one} and {other}");
        }
    }
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-5.3
//= type=test
//# Reassembly of a fragmented packet MUST NOT lose indications of congestion.
//= https://www.rfc-editor.org/rfc/rfc3168#section-5.3
//= type=test
//# Reassembly of a fragmented packet MUST NOT change the ECN codepoint when all of the fragments
//# carry the same codepoint.
#[test]
fn a_segment_in_fragments_has_the_codepoint_that_they_have_or_tells_that_one_met_congestion() {
    const ECT1: u8 = 1;
    const ECT0: u8 = 2;
    const CE: u8 = 3;
    for (codepoints, echoed) in [
        ([ECT0, ECT0], false),
        ([ECT1, ECT1], false),
        ([CE, CE], true),
        ([ECT0, CE], true),
        ([CE, ECT0], true),
    ] {
        let mut pair = Pair::new();
        let active = OptionsPatch { ecn: Some(Ecn::Active), ..OptionsPatch::default() };
        let (client, server) = pair.connected_with(active.clone(), active);
        pair.a.send(client, &octets(1000));
        let whole = pair.a.sent.remove(0);
        let segment = IpPacket::parse(&whole).unwrap().payload.to_vec();
        for (cut, ecn) in [(0..480, codepoints[0]), (480..segment.len(), codepoints[1])] {
            let header = IpHeader {
                src: pair.a.ip,
                dst: pair.b.ip,
                protocol: Protocol::Tcp,
                hop_limit: 64,
                ecn,
                dscp: 0,
                ident: 0,
                options: Default::default(),
            };
            let fragment = Fragment { ident: 7, offset: cut.start as u16, more: cut.end < segment.len() };
            let mut frame = Vec::new();
            header.emit_fragment(fragment, cut.len(), &mut frame);
            frame.extend_from_slice(&segment[cut]);
            pair.b.frame(&frame);
        }
        pair.b.advance(Duration::from_secs(1));
        assert_eq!(pair.b.recv(server).0, octets(1000));
        let answer = common::text(&pair.b.sent[0]);
        assert_eq!(answer.starts_with(".E "), echoed, "{codepoints:?}: {answer}");
    }
}

fn limited(limits: Limits) -> (Host, SocketId) {
    let mut host = Host::with_config("10.0.0.1", 1, Config { limits, ..Config::default() });
    let socket = datagram_socket(&mut host, 53);
    (host, socket)
}

#[track_caller]
fn was_hit(host: &Host, limit: Limit, times: u64) {
    assert_eq!(host.engine.counters().limits_hit.get(&limit), Some(&times), "the counter of {limit}");
    assert_eq!(host.limit_hits(limit) as u64, times, "the events of {limit}");
}

#[test]
fn the_oldest_packet_gives_way_to_one_too_many() {
    let (mut host, socket) = limited(Limits { reassembly_packets: 2, ..Limits::default() });
    let payload = udp(&host, 100);
    for ident in 1..4 {
        host.frame(&part(&host, ident, &payload, 0, 48));
        host.advance(Duration::from_millis(1));
    }
    was_hit(&host, Limit::ReassemblyPackets, 1);
    for ident in [2, 3] {
        host.frame(&part(&host, ident, &payload, 48, payload.len()));
        assert_eq!(received(&mut host, socket), Some(octets(100)));
    }
    host.frame(&part(&host, 1, &payload, 48, payload.len()));
    assert_eq!(received(&mut host, socket), None);
}

#[test]
fn the_octets_of_fragments_are_limited_and_the_oldest_packet_gives_way() {
    let (mut host, socket) = limited(Limits { reassembly_bytes: 3000, ..Limits::default() });
    let payload = udp(&host, 2000);
    for ident in 1..4 {
        host.frame(&part(&host, ident, &payload, 0, 1400));
    }
    was_hit(&host, Limit::ReassemblyBytes, 1);
    host.frame(&part(&host, 3, &payload, 1400, payload.len()));
    assert_eq!(received(&mut host, socket), Some(octets(2000)));
    was_hit(&host, Limit::ReassemblyBytes, 2);
    // One that is alone and too large.
    host.frame(&part(&host, 9, &udp(&host, 9000), 0, 4000));
    assert_eq!(host.drops(), ["FRAGMENT_LIMIT"]);
}

#[test]
fn a_packet_in_too_many_fragments_is_discarded() {
    let (mut host, socket) = limited(Limits { reassembly_fragments: 4, ..Limits::default() });
    let payload = udp(&host, 100);
    for from in (0..payload.len()).step_by(16) {
        host.frame(&part(&host, 1, &payload, from, payload.len().min(from + 16)));
    }
    was_hit(&host, Limit::ReassemblyFragments, 1);
    assert_eq!(host.drops(), ["FRAGMENT_LIMIT", "FRAGMENT", "FRAGMENT"]);
    assert_eq!(received(&mut host, socket), None);
}

//= https://www.rfc-editor.org/rfc/rfc6864#section-4.1
//= type=test
//# The IPv4 ID field MUST NOT be used for purposes other than fragmentation and reassembly.
//= https://www.rfc-editor.org/rfc/rfc6864#section-4.2
//= type=test
//# The IPv4 ID of non-atomic datagrams MUST NOT be reused when sending a copy of an earlier
//# non-atomic datagram.
//= https://www.rfc-editor.org/rfc/rfc6864#section-4.1
//= type=test
//# The IPv4 ID field MUST NOT be used for purposes other than fragmentation and reassembly.
//= https://www.rfc-editor.org/rfc/rfc6864#section-4.2
//= type=test
//# The IPv4 ID of non-atomic datagrams MUST NOT be reused when sending a copy of an earlier
//# non-atomic datagram.
//= https://www.rfc-editor.org/rfc/rfc4821#section-8
//= type=test
//# This approach is NOT RECOMMENDED.
#[test]
fn a_packet_that_fits_is_atomic_and_one_in_fragments_has_a_number_of_its_own() {
    let mut pair = Pair::new();
    let a = datagram_socket(&mut pair.a, 53);
    let mut idents = Vec::new();
    for len in [100, 2000, 2000] {
        send_to(&mut pair.a, a, &pair.b, &octets(len)).unwrap();
        for frame in pair.a.sent.drain(..) {
            let dont_fragment = frame[6] & 0x40 != 0;
            assert_eq!(dont_fragment, len == 100);
            if !dont_fragment {
                idents.push(u16::from_be_bytes([frame[4], frame[5]]));
            }
        }
    }
    assert_eq!((idents[0], idents[2]), (idents[1], idents[3]));
    assert_ne!(idents[0], idents[2]);
}

#[test]
fn without_path_mtu_discovery_routers_may_cut_what_leaves() {
    let mut pair = Pair::new();
    let off = OptionsPatch { path_mtu_discovery: Some(PathMtuDiscovery::Off), ..OptionsPatch::default() };
    let (client, _server) = pair.connected_with(off.clone(), off);
    pair.a.send(client, &octets(3000));
    let idents: std::collections::BTreeSet<_> = pair.a.sent.iter().map(|frame| &frame[4..6]).collect();
    assert_eq!(idents.len(), pair.a.sent.len(), "each has a number of its own");
    assert!(pair.a.sent.iter().all(|frame| frame[6] & 0x40 == 0));
}

//= https://www.rfc-editor.org/rfc/rfc6864#section-5.2
//= type=test
//# Sources of non-atomic IPv4 datagrams MUST rate-limit their output
//# to comply with the ID uniqueness requirements.
#[test]
fn without_a_number_no_fragments_are_sent() {
    let (mut host, socket) = limited(Limits { identifications: 2, ..Limits::default() });
    let peer = Host::new("10.0.0.2", 2);
    for expected in [Ok(()), Ok(()), Err(Errno::ENOBUFS)] {
        assert_eq!(send_to(&mut host, socket, &peer, &octets(2000)).map(drop), expected);
    }
    was_hit(&host, Limit::Identifications, 1);
    send_to(&mut host, socket, &peer, &octets(100)).unwrap();
    // Half of the time that a packet may live, for one of the two.
    host.advance(Duration::from_secs(60));
    send_to(&mut host, socket, &peer, &octets(2000)).unwrap();
}

#[test]
fn a_long_echo_request_is_answered_in_fragments() {
    for mut host in hosts() {
        let protocol = if host.ip.is_ipv4() { Protocol::Icmpv4 } else { Protocol::Icmpv6 };
        let data = octets(5000);
        let mut payload = Vec::new();
        IcmpMessage::EchoRequest { ident: 7, seq: 9, data: &data }.emit(
            peer_of(&host),
            host.ip,
            &mut payload,
        );
        let header = IpHeader {
            src: peer_of(&host),
            dst: host.ip,
            protocol,
            hop_limit: 64,
            ecn: 0,
            dscp: 10,
            ident: 0,
            options: Default::default(),
        };
        for from in (0..payload.len()).step_by(1000) {
            let to = payload.len().min(from + 1000);
            let fragment = Fragment { ident: 3, offset: from as u16, more: to < payload.len() };
            let mut frame = Vec::new();
            header.emit_fragment(fragment, to - from, &mut frame);
            frame.extend_from_slice(&payload[from..to]);
            host.frame(&frame);
        }
        assert_eq!(host.sent.len(), 4);
        let body: Vec<u8> =
            host.sent.iter().flat_map(|frame| IpPacket::parse(frame).unwrap().payload).copied().collect();
        let reply = IcmpMessage::parse(&body, (host.ip, peer_of(&host)), ChecksumPolicy::Verify);
        assert_eq!(reply, Ok(IcmpMessage::EchoReply { ident: 7, seq: 9, data: &data }));
        assert!(host.sent.iter().all(|frame| IpPacket::parse(frame).unwrap().dscp == 10));
    }
}
