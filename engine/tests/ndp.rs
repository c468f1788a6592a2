//! Neighbor discovery (RFC 4861) as a host does it: solicitations, advertisements, and the states of a neighbor.

mod common;

use common::Host;
use common::ethernet::*;
use sockwright_engine::event::EventKind;
use sockwright_engine::host::op::{Family, Reply, Request, SocketKind};
use sockwright_engine::host::{Errno, Ethernet, LinkChange, Medium};
use sockwright_engine::id::{SessionId, SocketId};
use sockwright_engine::neighbor::AddressState;
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::wire::{
    ChecksumPolicy, EthernetFrame, Flags, IpPacket, Mac, NdpMessage, NdpOption, Protocol,
    RouterAdvertisement, TcpSegment,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const ASK: &str =
    "to 33:33:ff:00:00:09: fd00::1 > ff02::1:ff00:9: who has fd00::9 (source 02:00:00:00:00:01)";
const PROBE: &str = "to 02:00:00:00:00:09: fd00::1 > fd00::9: who has fd00::9 (source 02:00:00:00:00:01)";
const ANSWER: &str = "to 02:00:00:00:00:09: fd00::1 > fd00::9: fd00::1 is here SO (target 02:00:00:00:00:01)";
const TELL_ALL: &str =
    "to 33:33:00:00:00:01: fd00::1 > ff02::1: fd00::1 is here O (target 02:00:00:00:00:01)";

fn told(mac: Option<Mac>, solicited: bool, overrides: bool) -> Vec<u8> {
    advertisement(Advertise { mac, solicited, overrides })
}

fn datagram(data: &str) -> String {
    format!("to 02:00:00:00:00:09: fd00::1 > fd00::9: UDP {data}")
}

fn stream(host: &mut Host) -> SocketId {
    let (kind, family, session) = (SocketKind::Stream, Family::V6, SessionId(0));
    match host.call(Request::Create { kind, family, session, label: "".into(), options: Default::default() })
    {
        Ok(Reply::Created { socket }) => socket,
        other => panic!("{other:?}"),
    }
}

/// A host that sent something to fd00::9, whose neighbor is in the state that the answers give it.
fn asking() -> (Host, SocketId) {
    let mut host = host();
    let socket = host.datagram_socket(Family::V6);
    host.send_to(socket, "[fd00::9]:7", "x");
    (host, socket)
}

fn reachable() -> (Host, SocketId) {
    let (mut host, socket) = asking();
    host.frame(&told(Some(mac(9)), true, true));
    host.frames();
    host.neighbor_events();
    (host, socket)
}

fn stale() -> (Host, SocketId) {
    let (mut host, socket) = reachable();
    host.advance(SECOND * 46);
    assert_eq!(host.neighbor("fd00::9"), "STALE");
    (host, socket)
}

fn delay() -> (Host, SocketId) {
    let (mut host, socket) = stale();
    host.send_to(socket, "[fd00::9]:7", "y");
    host.frames();
    assert_eq!(host.neighbor("fd00::9"), "DELAY");
    (host, socket)
}

fn probe() -> (Host, SocketId) {
    let (mut host, socket) = delay();
    host.advance(SECOND * 5);
    assert_eq!(host.frames(), [PROBE]);
    assert_eq!(host.neighbor("fd00::9"), "PROBE");
    (host, socket)
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
//= type=test
//# If the solicitation is being sent to a solicited-node multicast
//# address, the sender MUST include its link-layer address (if it has
//# one) as a Source Link-Layer Address option.  Otherwise, the sender
//# SHOULD include its link-layer address (if it has one) as a Source
//# Link-Layer Address option.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
//= type=test
//# While awaiting a response, the sender SHOULD retransmit Neighbor
//# Solicitation messages approximately every RetransTimer milliseconds,
//# even in the absence of additional traffic to the neighbor.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
//= type=test
//# Retransmissions MUST be rate-limited to at most one solicitation per
//# neighbor every RetransTimer milliseconds.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.3
//= type=test
//# Otherwise, on link layers that have addresses this option MUST be included in multicast
//# solicitations and SHOULD be included in unicast solicitations.
//= https://www.rfc-editor.org/rfc/rfc4861#section-9
//= type=test
//# When adding options to an ND packet, a node MUST NOT exceed the link MTU.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
//= type=test
//# A node MUST NOT send Neighbor Solicitations to the same neighbor more frequently than once
//# every RetransTimer milliseconds.
#[test]
fn a_neighbor_is_asked_for_by_its_group_once_a_second() {
    let (mut host, socket) = asking();
    assert!(host.sent.iter().all(|frame| frame.len() <= 1280), "it fits any link");
    assert_eq!(host.frames(), [ASK]);
    for _ in 0..9 {
        host.send_to(socket, "[fd00::9]:7", "x");
        host.advance(SECOND / 10);
    }
    assert_eq!(host.frames(), [""; 0]);
    host.advance(SECOND / 10);
    assert_eq!(host.frames(), [ASK]);
    host.advance(SECOND);
    assert_eq!(host.frames(), [ASK]);
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
//= type=test
//# If no Neighbor Advertisement is received after MAX_MULTICAST_SOLICIT
//# solicitations, address resolution has failed.  The sender MUST return
//# ICMP destination unreachable indications with code 3 (Address
//# Unreachable) for each packet queued awaiting address resolution.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
//= type=test
//# If address
//# resolution fails, the entry SHOULD be deleted
#[test]
fn a_neighbor_that_never_answers_is_unreachable_for_every_socket_that_waits() {
    let mut host = host();
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let socket = stream(&mut host);
            host.start_connect(socket, "[fd00::9]:80".parse().unwrap())
        })
        .collect();
    host.advance(SECOND * 3);
    for call in calls {
        assert_eq!(host.completed(call).unwrap_err().errno, Errno::EHOSTUNREACH);
    }
    assert_eq!(host.neighbor("fd00::9"), "none");
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
//= type=test
//# If the source address of the packet prompting the solicitation is the
//# same as one of the addresses assigned to the outgoing interface, that
//# address SHOULD be placed in the IP Source Address of the outgoing
//# solicitation.
#[test]
fn a_solicitation_comes_from_the_address_of_the_packet() {
    let interface = interface(&["fd00::1/64", "fd00::2/64"]);
    let mut host = Host::with_interface(interface, 1, Default::default());
    let socket = host.datagram_socket(Family::V6);
    host.call(Request::Bind { socket, local: "[fd00::2]:7".parse().unwrap() }).unwrap();
    host.send_to(socket, "[fd00::9]:7", "x");
    assert!(host.frames()[0].contains(" fd00::2 > ff02::1:ff00:9: who has fd00::9"));
}

// ---- advertisements in each state (appendix C)

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
//= type=test
//# If the
//# link layer has addresses and no Target Link-Layer Address option is
//# included, the receiving node SHOULD silently discard the received
//# advertisement.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
//= type=test
//# Once
//# address resolution completes, the node transmits any queued packets.
#[test]
fn advertisements_while_incomplete() {
    for (mac_told, solicited, overrides, state) in [
        (None, true, true, "INCOMPLETE"),
        (Some(mac(9)), true, false, "REACHABLE"),
        (Some(mac(9)), true, true, "REACHABLE"),
        // What waited goes at once, and STALE does not outlast that.
        (Some(mac(9)), false, false, "DELAY"),
        (Some(mac(9)), false, true, "DELAY"),
    ] {
        let (mut host, _) = asking();
        host.frames();
        host.frame(&told(mac_told, solicited, overrides));
        assert_eq!(host.neighbor("fd00::9"), state);
        assert_eq!(host.mac_of("fd00::9"), mac_told);
        let sent = if mac_told.is_some() { vec![datagram("x")] } else { vec![] };
        assert_eq!(host.frames(), sent);
    }
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
//= type=test
//# The link-layer address in the Target Link-Layer Address option
//# MUST be inserted in the cache (if one is supplied and differs
//# from the already recorded address).
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
//= type=test
//# If the Solicited flag is set, the state of the entry MUST be
//# set to REACHABLE.  If the Solicited flag is zero and the link-
//# layer address was updated with a different address, the state
//# MUST be set to STALE.  Otherwise, the entry's state remains
//# unchanged.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
//= type=test
//# a. If the state of the entry is REACHABLE, set it to STALE, but
//# do not update the entry in any other way.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
//= type=test
//# b. Otherwise, the received advertisement should be ignored and
//# MUST NOT update the cache.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.1
//= type=test
//# Receipt of other Neighbor Discovery messages, such as Router
//# Advertisements and Neighbor Advertisement with the Solicited flag set
//# to zero, MUST NOT be treated as a reachability confirmation.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
//= type=test
//# II. If the Override flag is set, or the supplied link-layer address is the same as that in
//# the cache, or no Target Link-Layer Address option was supplied, the received advertisement
//# MUST update the Neighbor Cache entry as follows:
#[test]
fn advertisements_in_every_other_state() {
    let states =
        [("REACHABLE", reachable as fn() -> _), ("STALE", stale), ("DELAY", delay), ("PROBE", probe)];
    for (name, state) in states {
        let after = |mac_told, solicited, overrides| {
            let (mut host, _): (Host, SocketId) = state();
            host.frame(&told(mac_told, solicited, overrides));
            (host.neighbor("fd00::9"), host.mac_of("fd00::9").unwrap())
        };
        let same = Some(mac(9));
        for mac_told in [same, None] {
            for overrides in [false, true] {
                assert_eq!(after(mac_told, true, overrides), ("REACHABLE", mac(9)), "{name}");
                assert_eq!(after(mac_told, false, overrides), (name, mac(9)), "{name}");
            }
        }
        let other = Some(mac(7));
        assert_eq!(after(other, true, true), ("REACHABLE", mac(7)), "{name}");
        assert_eq!(after(other, false, true), ("STALE", mac(7)), "{name}");
        let doubted = if name == "REACHABLE" { "STALE" } else { name };
        assert_eq!(after(other, true, false), (doubted, mac(9)), "{name}");
        assert_eq!(after(other, false, false), (doubted, mac(9)), "{name}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
//= type=test
//# If no entry exists, the advertisement SHOULD be silently discarded.
#[test]
fn an_advertisement_that_nobody_asked_for_adds_nothing() {
    let mut host = host();
    host.frame(&told(Some(mac(9)), true, true));
    assert_eq!(host.drops(), ["UNASKED"]);
    assert_eq!((host.frames(), host.engine.neighbors(host.now)), (vec![], vec![]));
}

// ---- solicitations

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.3
//= type=test
//# If an entry does not already exist, the
//# node SHOULD create a new one and set its reachability state to STALE
//# as specified in Section 7.3.3.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.3
//= type=test
//# If an entry already exists, and the
//# cached link-layer address differs from the one in the received Source
//# Link-Layer option, the cached address should be replaced by the
//# received address, and the entry's reachability state MUST be set to
//# STALE.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.4
//= type=test
//# Otherwise, the
//# node MUST set the Solicited flag to one and unicast the advertisement to the Source
//# Address of the solicitation.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
//= type=test
//# It SHOULD be set in other solicited advertisements and in unsolicited advertisements.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
//= type=test
//# This option MUST be included on link layers that have addresses when responding to
//# multicast solicitations.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
//= type=test
//# When responding to a unicast Neighbor Solicitation this option SHOULD be included.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
//= type=test
//# The option MUST be included for multicast solicitations in order to avoid infinite
//# Neighbor Solicitation "recursion" when the peer node does not have a cache entry to return
//# a Neighbor Advertisements message.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.4
//= type=test
//# If the solicitation's IP Destination Address is a multicast address, the Target Link-Layer
//# option MUST be included in the advertisement.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.4
//= type=test
//# Furthermore, if the node is a router, it MUST set the Router flag to one; otherwise, it
//# MUST set the flag to zero.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.4
//= type=test
//# Otherwise, the Override flag SHOULD be set to one.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.3
//= type=test
//# If the Source Address is not the unspecified address and, on link layers that have
//# addresses, the solicitation includes a Source Link-Layer Address option, then the
//# recipient SHOULD create or update the Neighbor Cache entry for the IP Source Address of
//# the solicitation.
#[test]
fn a_solicitation_is_answered_and_teaches_the_address_of_who_asks() {
    let mut host = host();
    host.frame(&solicitation(mac(9), "fd00::9", "fd00::1"));
    assert_eq!(host.frames(), [ANSWER]);
    assert_eq!((host.neighbor("fd00::9"), host.mac_of("fd00::9")), ("STALE", Some(mac(9))));
    let (mut host, _) = reachable();
    host.frame(&solicitation(mac(9), "fd00::9", "fd00::1"));
    assert_eq!(host.neighbor("fd00::9"), "REACHABLE", "nothing new");
    host.frame(&solicitation(mac(7), "fd00::9", "fd00::1"));
    assert_eq!((host.neighbor("fd00::9"), host.mac_of("fd00::9")), ("STALE", Some(mac(7))));
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2
//= type=test
//# These messages MUST NOT create or update neighbor cache entries, except with respect to
//# the IsRouter flag as specified in Sections 6.3.4 and 7.2.5.
#[test]
fn a_solicitation_without_an_address_is_answered_once_that_is_known() {
    let mut host = host();
    let message = NdpMessage::NeighborSolicitation { target: v6("fd00::1") };
    host.frame(&ndp((mac(9), "fd00::9"), (OUR_MAC, "fd00::1"), 255, message, None));
    assert_eq!(host.frames(), [ASK]);
    host.frame(&told(Some(mac(9)), true, true));
    assert_eq!(host.frames(), [ANSWER]);
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.3
//= type=test
//# A valid Neighbor Solicitation that does not meet any of the following
//# requirements MUST be silently discarded:
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.3
//= type=test
//# If the Source Address is the unspecified address, the node MUST NOT
//# create or update the Neighbor Cache entry.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.4
//= type=test
//# If the source of the solicitation is the unspecified address, the
//# node MUST set the Solicited flag to zero and multicast the
//# advertisement to the all-nodes address.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
//= type=test
//# It MUST NOT be set in multicast advertisements or in unsolicited unicast advertisements.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
//= type=test
//# It SHOULD be set in other solicited advertisements and in unsolicited advertisements.
#[test]
fn a_probe_for_our_address_is_answered_to_all_and_one_for_others_not() {
    let mut host = host();
    host.frame(&solicitation(mac(7), "::", "fd00::1"));
    assert_eq!(host.frames(), [TELL_ALL]);
    let ip = "fd00::1".parse().unwrap();
    let conflict = EventKind::AddressConflict { ip, mac: mac(7), lost: false };
    assert_eq!(host.events.iter().filter(|event| event.kind == conflict).count(), 1);
    // fd00:1::1 has the same group as fd00::1.
    host.frame(&solicitation(mac(7), "fd00::9", "fd00:1::1"));
    assert_eq!(host.drops(), ["NOT_OUR_ADDRESS"]);
    assert_eq!((host.frames(), host.engine.neighbors(host.now)), (vec![], vec![]));
}

// ---- unreachability

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
//= type=test
//# The first time a node sends a packet to a neighbor whose entry is
//# STALE, the sender changes the state to DELAY and sets a timer to
//# expire in DELAY_FIRST_PROBE_TIME seconds.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
//= type=test
//# A node MUST NOT send Neighbor Solicitations to the
//# same neighbor more frequently than once every RetransTimer
//# milliseconds.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
//= type=test
//# If no response is received after waiting RetransTimer milliseconds after sending the
//# MAX_UNICAST_SOLICIT solicitations, retransmissions cease and the entry SHOULD be deleted.
#[test]
fn a_neighbor_in_use_that_went_away_is_forgotten_and_asked_for_anew() {
    let (mut host, socket) = stale();
    host.neighbor_events();
    host.send_to(socket, "[fd00::9]:7", "y");
    assert_eq!(host.frames(), [datagram("y")]);
    for sent in [5, 1, 1].map(|after| {
        host.advance(SECOND * after);
        host.frames()
    }) {
        assert_eq!(sent, [PROBE]);
    }
    host.send_to(socket, "[fd00::9]:7", "z");
    assert_eq!(host.frames(), [datagram("z")], "packets go on meanwhile");
    host.advance(SECOND);
    let mac = " 02:00:00:00:00:09";
    let states =
        [format!("DELAY{mac}"), format!("PROBE{mac}"), "gone".into()].map(|state| format!("fd00::9 {state}"));
    assert_eq!(host.neighbor_events(), states);
    host.send_to(socket, "[fd00::9]:7", "z");
    assert_eq!(host.frames(), [ASK]);
}

/// An open connection of ours to fd00::9, as the peer sees it: our next sequence number.
fn connected(host: &mut Host) -> (SocketId, Seq) {
    let listener = stream(host);
    host.call(Request::Bind { socket: listener, local: "[fd00::1]:80".parse().unwrap() }).unwrap();
    host.call(Request::Listen { socket: listener, backlog: 1 }).unwrap();
    host.frame(&segment(1000, 0, Flags::SYN, b""));
    let syn_ack = host.sent.pop().unwrap();
    let packet = IpPacket::parse(EthernetFrame::parse(&syn_ack).unwrap().payload).unwrap();
    let read = TcpSegment::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Verify).unwrap();
    let ours = read.seq + 1;
    host.frame(&segment(1001, ours.0, Flags::ACK, b""));
    (host.accept(listener), ours)
}

fn segment(seq: u32, ack: u32, flags: Flags, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = ("fd00::9".parse().unwrap(), "fd00::1".parse().unwrap());
    let mut body = vec![];
    let (seq, ack) = (Seq(seq), Seq(ack));
    TcpSegment { src_port: 9, dst_port: 80, seq, ack, flags, window: 9000, payload, ..Default::default() }
        .emit(src, dst, &mut body);
    enclosed(&packet(src, dst, Protocol::Tcp, 64, &body))
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.1
//= type=test
//# When available, this upper-layer information SHOULD be
//# used.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
//= type=test
//# When a reachability confirmation is received (either through upper-
//# layer advice or a solicited Neighbor Advertisement), an entry's state
//# changes to REACHABLE.  The one exception is that upper-layer advice
//# has no effect on entries in the INCOMPLETE state (e.g., for which no
//# link-layer address is cached).
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
//= type=test
//# However, link-specific information MUST NOT be used to confirm the reachability of a
//# neighbor; such information does not provide end-to-end confirmation between neighboring IP
//# layers.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.4
//= type=test
//# To avoid pinging, the layers above and/or below the Internet layer SHOULD be able to give
//# "advice" on the status of route cache entries when either positive (gateway OK) or
//# negative (gateway dead) information is available.
#[test]
fn progress_of_a_connection_confirms_its_neighbor_and_repetition_does_not() {
    let mut host = host();
    host.frame(&solicitation(mac(9), "fd00::9", "fd00::1"));
    let (socket, ours) = connected(&mut host);
    assert_eq!(host.neighbor("fd00::9"), "REACHABLE", "our SYN,ACK arrived");
    for (what, seq, acked, payload, state) in [
        ("new data", 1001, 0, &b"abc"[..], "REACHABLE"),
        ("old data", 1001, 0, b"abc", "DELAY"),
        ("a new acknowledgment", 1004, 10, b"", "REACHABLE"),
        ("an old acknowledgment", 1004, 10, b"", "STALE"),
    ] {
        host.advance(SECOND * 46);
        if acked == 10 && state == "REACHABLE" {
            host.send(socket, b"0123456789");
        }
        host.frame(&segment(seq, (ours + acked).0, Flags::ACK, payload));
        host.advance(Duration::from_millis(100));
        assert_eq!(host.neighbor("fd00::9"), state, "{what}");
        // The acknowledgment of old data asked for a probe; let it be answered.
        host.frame(&told(None, true, false));
    }
    assert!(!host.frames().iter().any(|line| line.contains("who has")));
}

// ---- hostile

#[test]
fn a_forged_advertisement_from_beyond_the_link_changes_nothing() {
    let (mut host, _) = asking();
    for hop_limit in [0, 1, 64, 254] {
        let message = NdpMessage::NeighborAdvertisement {
            router: false,
            solicited: true,
            overrides: true,
            target: v6("fd00::9"),
        };
        let option = Some(NdpOption::TargetLinkLayer(mac(7)));
        host.frame(&ndp((mac(7), "fd00::9"), (OUR_MAC, "fd00::1"), hop_limit, message, option));
    }
    assert_eq!(host.drops(), ["FORWARDED"; 4]);
    assert_eq!(host.neighbor("fd00::9"), "INCOMPLETE");
}

#[test]
fn an_address_of_a_group_is_no_link_layer_address() {
    let (mut host, _) = asking();
    host.frame(&told(Some(Mac::BROADCAST), true, true));
    host.frame(&solicitation(mac(9), "fd00::8", "fd00::1"));
    let message = NdpMessage::NeighborSolicitation { target: v6("fd00::1") };
    let group = Some(NdpOption::SourceLinkLayer(Mac([1, 0, 0x5e, 0, 0, 1])));
    host.frame(&ndp((mac(9), "fd00::7"), (OUR_MAC, "fd00::1"), 255, message, group));
    assert_eq!(host.drops(), ["BAD_ADDRESS"; 2]);
    assert_eq!([host.neighbor("fd00::9"), host.neighbor("fd00::7")], ["INCOMPLETE", "none"]);
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-6.1.1
//= type=test
//# Hosts MUST silently discard any received Router Solicitation
//# Messages.
//= https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6
//= type=test
//# A host MUST silently discard any received Router Solicitation messages.
//= https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4
//= type=test
//# A host MUST NOT send Router Advertisement messages at any time.
//= https://www.rfc-editor.org/rfc/rfc4861#section-8.3
//= type=test
//# A host MUST NOT send Redirect messages.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.2
//= type=test
//# A host SHOULD NOT send an ICMP Redirect message; Redirects are to be sent only by
//# gateways.
#[test]
fn what_routers_say_changes_no_route() {
    let mut host = host();
    let advertisement =
        NdpMessage::RouterAdvertisement(RouterAdvertisement { lifetime_s: 1800, ..Default::default() });
    let redirect = NdpMessage::Redirect { target: v6("fe80::7"), destination: v6("fd00::9") };
    for message in [NdpMessage::RouterSolicitation, advertisement, redirect] {
        let option = Some(NdpOption::SourceLinkLayer(mac(7)));
        host.frame(&ndp((mac(7), "fe80::7"), (OUR_MAC, "fd00::1"), 255, message, option));
    }
    assert_eq!(host.drops(), ["UNASKED"; 3]);
    assert_eq!((host.frames(), host.engine.neighbors(host.now)), (vec![], vec![]));
    let socket = host.datagram_socket(Family::V6);
    let to = |remote: &str| Request::SendTo { socket, remote: remote.parse().unwrap(), data: vec![] };
    assert_eq!(host.errno(to("[2001:db8::1]:7")), Errno::ENETUNREACH);
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.6
//= type=test
//# These advertisements MUST be separated by at least RetransTimer seconds.
#[test]
fn whoever_advertises_our_address_is_told_of_and_answered() {
    let mut host = host();
    let message = NdpMessage::NeighborAdvertisement {
        router: false,
        solicited: false,
        overrides: true,
        target: v6("fd00::1"),
    };
    let option = Some(NdpOption::TargetLinkLayer(mac(7)));
    let forged =
        ndp((mac(7), "fd00::1"), (Mac::of_multicast(v6("ff02::1")), "ff02::1"), 255, message, option);
    host.frame(&forged);
    host.frame(&forged);
    let ip = "fd00::1".parse().unwrap();
    let conflict = EventKind::AddressConflict { ip, mac: mac(7), lost: false };
    assert_eq!(host.events.iter().filter(|event| event.kind == conflict).count(), 1);
    assert_eq!(host.frames(), [TELL_ALL]);
    assert_eq!(host.engine.address_state(ip), Some(AddressState::Assigned));
}

// ---- duplicate address detection

fn cautious() -> Host {
    let mut interface = interface(&["fd00::1/64"]);
    interface.medium = Medium::Ethernet(Ethernet { mac: OUR_MAC, vlan: None, detect_duplicates: true });
    let mut host = Host::with_interface(interface, 1, Default::default());
    host.link(LinkChange::Up);
    host
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.6
//= type=test
//# The Solicited flag
//# MUST be set to zero, in order to avoid confusing the Neighbor
//# Unreachability Detection algorithm.  If the node is a router, it MUST
//# set the Router flag to one; otherwise, it MUST set it to zero.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.3
//= type=test
//# MUST NOT be included when the source IP address is the unspecified address.
#[test]
fn an_address_that_nobody_has_is_ours_after_a_second() {
    let mut host = cautious();
    assert_eq!(host.frames(), ["to 33:33:ff:00:00:01: :: > ff02::1:ff00:1: who has fd00::1"]);
    host.frame(&solicitation(mac(9), "fd00::9", "fd00::1"));
    assert_eq!(host.frames(), [""; 0], "a tentative address is not answered for");
    assert_eq!(host.engine.address_state(host.ip), Some(AddressState::Tentative));
    host.advance(SECOND);
    assert_eq!(host.frames(), [TELL_ALL]);
    assert_eq!(host.engine.address_state(host.ip), Some(AddressState::Assigned));
}

#[test]
fn an_address_that_somebody_has_or_wants_is_never_ours() {
    let message = NdpMessage::NeighborAdvertisement {
        router: false,
        solicited: false,
        overrides: true,
        target: v6("fd00::1"),
    };
    let option = Some(NdpOption::TargetLinkLayer(mac(7)));
    let all = (Mac::of_multicast(v6("ff02::1")), "ff02::1");
    for answer in [ndp((mac(7), "fd00::1"), all, 255, message, option), solicitation(mac(7), "::", "fd00::1")]
    {
        let mut host = cautious();
        host.frame(&answer);
        let conflict = EventKind::AddressConflict { ip: host.ip, mac: mac(7), lost: true };
        assert!(host.events.iter().any(|event| event.kind == conflict));
        host.frames();
        host.advance(SECOND * 60);
        assert_eq!(host.engine.address_state(host.ip), Some(AddressState::Duplicate));
        host.frame(&solicitation(mac(9), "fd00::9", "fd00::1"));
        assert_eq!(host.frames(), [""; 0]);
    }
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.6
//= type=test
//# In
//# such a case, the node SHOULD introduce a small delay between the
//# sending of each advertisement to reduce the probability of the
//# advertisements being lost due to congestion.
#[test]
fn several_addresses_are_announced_one_after_the_other() {
    let mut host = Host::with_interface(interface(&["fd00::1/64", "fd00::2/64"]), 1, Default::default());
    host.link(LinkChange::Up);
    assert_eq!(host.frames(), [TELL_ALL]);
    host.advance(Duration::from_millis(10));
    assert_eq!(host.frames().len(), 1);
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.1
//= type=test
//# When a multicast-capable interface becomes enabled, the node MUST
//# join the all-nodes multicast address on that interface, as well as
//# the solicited-node multicast address corresponding to each of the IP
//# addresses assigned to the interface.
#[test]
fn frames_for_our_groups_are_taken_and_for_others_not() {
    let mut host = host();
    let to_all = ndp(
        (mac(9), "fd00::9"),
        (Mac::of_multicast(v6("ff02::1")), "ff02::1"),
        255,
        NdpMessage::NeighborSolicitation { target: v6("fd00::1") },
        Some(NdpOption::SourceLinkLayer(mac(9))),
    );
    host.frame(&to_all);
    assert_eq!(host.frames(), [ANSWER]);
    host.frame(&solicitation(mac(9), "fd00::9", "fd00::5"));
    assert_eq!(host.drops(), ["OTHER_STATION"]);
}
