//! ARP (RFC 826; RFC 1122 §2.3.2): what is asked, answered, learned and refused.

mod common;

use common::Host;
use common::ethernet::*;
use sockwright_engine::event::{Event, EventKind};
use sockwright_engine::host::op::{Family, Request, Wait};
use sockwright_engine::host::{Config, Errno, Ethernet, LinkChange, LinkState, Medium};
use sockwright_engine::neighbor::AddressState;
use sockwright_engine::wire::{EtherType, Mac, Protocol};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const ASK: &str = "to ff:ff:ff:ff:ff:ff: who has 10.0.0.9 tell 10.0.0.1";
const POLL: &str = "to 02:00:00:00:00:09: who has 10.0.0.9 tell 10.0.0.1";

fn datagram(data: &str) -> String {
    format!("to 02:00:00:00:00:09: 10.0.0.1 > 10.0.0.9: UDP {data}")
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-2.3.2.2
//= type=test
//# The link layer SHOULD save (rather than discard) at least
//# one (the latest) packet of each set of packets destined to
//# the same unresolved IP address, and transmit the saved
//# packet when the address has been resolved.
//= https://www.rfc-editor.org/rfc/rfc1122#section-2.3.3
//= type=test
//# Address translation from Internet addresses to link-layer addresses on Ethernet and IEEE
//# 802 networks MUST be managed by the Address Resolution Protocol (ARP).
//= https://www.rfc-editor.org/rfc/rfc826
//= type=test
//# In the case of the 10Mbit Ethernet, address resolution is needed and some lower layer
//# (probably the hardware driver) must consult the Address Resolution module (perhaps
//# implemented in the Ethernet support module) to convert the <protocol type, target protocol
//# address> pair to a 48.bit Ethernet address.
#[test]
fn packets_wait_for_the_answer_and_go_in_their_order() {
    let mut host = host();
    let socket = host.datagram_socket(Family::V4);
    for data in ["one", "two", "three"] {
        host.send_to(socket, "10.0.0.9:7", data);
    }
    assert_eq!(host.frames(), [ASK], "one request for three packets");
    host.frame(&arp_reply(mac(9), "10.0.0.9"));
    assert_eq!(host.frames(), [datagram("one"), datagram("two"), datagram("three")]);
    host.send_to(socket, "10.0.0.9:7", "four");
    assert_eq!(host.frames(), [datagram("four")]);
    assert_eq!(host.neighbor_events(), ["10.0.0.9 INCOMPLETE", "10.0.0.9 REACHABLE 02:00:00:00:00:09"]);
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-2.3.2.1
//= type=test
//# A mechanism to prevent ARP flooding (repeatedly sending an
//# ARP Request for the same IP address, at a high rate) MUST be
//# included.  The recommended maximum rate is 1 per second per
//# destination.
#[test]
fn nobody_is_asked_for_more_than_once_a_second() {
    let mut host = host();
    let socket = host.datagram_socket(Family::V4);
    let mut asked = Vec::new();
    for i in 0..100u64 {
        host.send_to(socket, "10.0.0.9:7", "x");
        asked.extend(host.frames().into_iter().map(|line| (i, line)));
        host.advance(Duration::from_millis(100));
    }
    let at: Vec<u64> = asked.iter().map(|(i, _)| *i).collect();
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= 10), "asked at {at:?}, in tenths of a second");
    assert!(asked.iter().all(|(_, line)| line == ASK));
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-2.4
//= type=test
//# The link layer MUST NOT report a Destination Unreachable error to
//# IP solely because there is no ARP cache entry for a destination.
#[test]
fn a_host_that_answers_no_request_is_unreachable_after_three() {
    let mut host = host();
    let socket = host.stream();
    let connect = host.start_connect(socket, "10.0.0.9:80".parse().unwrap());
    assert_eq!(host.frames(), [ASK]);
    host.advance(SECOND * 3 - Duration::from_nanos(1));
    assert_eq!(host.frames(), [ASK, ASK]);
    assert_eq!(host.state(socket), "SYN-SENT");
    host.advance(Duration::from_nanos(1));
    assert_eq!(host.completed(connect).unwrap_err().errno, Errno::EHOSTUNREACH);
    assert_eq!(host.neighbor_events(), ["10.0.0.9 INCOMPLETE", "10.0.0.9 gone"]);
    assert_eq!(host.frames(), [""; 0]);
    assert_eq!(host.engine.poll_timeout(), None);
}

#[test]
fn a_datagram_that_nobody_took_is_an_error_of_the_next_call() {
    let mut host = host();
    let socket = host.datagram_socket(Family::V4);
    let remote = "10.0.0.9:7".parse().unwrap();
    host.call(Request::Connect { socket, remote, data: vec![], wait: Wait::Never }).unwrap();
    host.send(socket, b"x");
    host.advance(SECOND * 3);
    let send = Request::Send { socket, data: vec![1], urgent: false, wait: Wait::Never };
    assert_eq!(host.errno(send), Errno::EHOSTUNREACH);
}

#[test]
fn a_request_is_answered_to_its_sender_and_teaches_his_address() {
    let mut host = host();
    host.frame(&arp_request(mac(9), "10.0.0.9", "10.0.0.1"));
    assert_eq!(host.frames(), ["to 02:00:00:00:00:09: 10.0.0.1 is at 02:00:00:00:00:01"]);
    assert_eq!((host.neighbor("10.0.0.9"), host.mac_of("10.0.0.9")), ("STALE", Some(mac(9))));
}

#[test]
fn requests_for_others_and_unasked_replies_add_nothing() {
    let mut host = host();
    host.frame(&arp_request(mac(9), "10.0.0.9", "10.0.0.5"));
    host.frame(&arp_request(mac(9), "10.0.0.9", "10.0.0.9"));
    host.frame(&arp_reply(mac(9), "10.0.0.9"));
    assert_eq!(host.frames(), [""; 0]);
    assert_eq!(host.engine.neighbors(host.now), []);
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
//= type=test
//# In addition, should a cached link-layer address be modified due to receiving one of the
//# above messages, the state SHOULD also be set to STALE to provide prompt verification that
//# the path to the new link-layer address is working.
#[test]
fn an_entry_follows_its_station_to_another_address_and_is_verified_again() {
    let mut host = host();
    let socket = host.datagram_socket(Family::V4);
    host.send_to(socket, "10.0.0.9:7", "x");
    host.frame(&arp_reply(mac(9), "10.0.0.9"));
    host.frames();
    // A gratuitous request, such as is sent when a network card was changed.
    host.frame(&arp_request(mac(7), "10.0.0.9", "10.0.0.9"));
    assert_eq!((host.neighbor("10.0.0.9"), host.mac_of("10.0.0.9")), ("STALE", Some(mac(7))));
    host.send_to(socket, "10.0.0.9:7", "y");
    assert_eq!(host.frames(), ["to 02:00:00:00:00:07: 10.0.0.1 > 10.0.0.9: UDP y"]);
    assert_eq!(host.neighbor("10.0.0.9"), "DELAY");
    host.advance(SECOND * 5);
    assert_eq!(host.frames(), ["to 02:00:00:00:00:07: who has 10.0.0.9 tell 10.0.0.1"]);
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-2.3.2.1
//= type=test
//# An implementation of the Address Resolution Protocol (ARP)
//# [LINK:2] MUST provide a mechanism to flush out-of-date cache
//# entries.  If this mechanism involves a timeout, it SHOULD be
//# possible to configure the timeout value.
//= https://www.rfc-editor.org/rfc/rfc826
//= type=test
//# Also, as we know from experience, there is always the danger of incorrect routing
//# information accidentally getting transmitted through hardware or software error; it should
//# not be allowed to persist forever.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.4
//= type=test
//# A particular gateway SHOULD NOT be used indefinitely in the absence of positive
//# indications that it is functioning.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.4
//= type=test
//# In particular, hosts MUST NOT actively check the status of a first-hop gateway by simply
//# pinging the gateway continuously.
#[test]
fn an_entry_in_use_is_polled_and_deleted_when_two_polls_are_not_answered() {
    for minutes in [1, 10] {
        let mut config = Config::default();
        config.neighbors.arp.reachable = SECOND * 60 * minutes;
        let mut host = host_with(config);
        let socket = host.datagram_socket(Family::V4);
        host.send_to(socket, "10.0.0.9:7", "x");
        host.frame(&arp_reply(mac(9), "10.0.0.9"));
        host.advance(SECOND * 29 * minutes);
        assert_eq!(host.neighbor("10.0.0.9"), "REACHABLE", "half the time is sure");
        host.advance(SECOND * 61 * minutes);
        assert_eq!(host.neighbor("10.0.0.9"), "STALE", "one and a half times is the most");
        host.frames();
        host.advance(SECOND * 3600);
        assert_eq!(host.frames(), [""; 0], "nobody polls for nothing");
        host.send_to(socket, "10.0.0.9:7", "y");
        host.advance(SECOND * 6);
        assert_eq!(host.frames(), [&datagram("y"), POLL, POLL]);
        host.advance(SECOND);
        assert_eq!(host.neighbor("10.0.0.9"), "none");
    }
}

#[test]
fn an_answered_poll_leaves_the_entry_as_it_was() {
    let mut host = host();
    host.frame(&arp_request(mac(9), "10.0.0.9", "10.0.0.1"));
    let socket = host.datagram_socket(Family::V4);
    host.send_to(socket, "10.0.0.9:7", "x");
    host.frames();
    host.advance(SECOND * 5);
    assert_eq!(host.frames(), [POLL]);
    host.frame(&arp_reply(mac(9), "10.0.0.9"));
    assert_eq!(host.neighbor("10.0.0.9"), "REACHABLE");
    let states =
        ["STALE", "DELAY", "PROBE", "REACHABLE"].map(|state| format!("10.0.0.9 {state} 02:00:00:00:00:09"));
    assert_eq!(host.neighbor_events(), states);
}

// ---- hostile

#[test]
fn an_address_outside_of_the_network_is_nobodys() {
    let mut host = host();
    for ip in ["10.0.1.9", "192.0.2.1", "255.255.255.255", "224.0.0.1"] {
        host.frame(&arp_request(mac(9), ip, "10.0.0.1"));
    }
    assert_eq!(host.drops(), ["NOT_A_NEIGHBOR"; 4]);
    assert_eq!((host.frames(), host.engine.neighbors(host.now)), (vec![], vec![]));
}

#[test]
fn a_group_or_we_ourselves_are_no_sender() {
    let mut host = host();
    let from = |sender: Mac| {
        let mut frame = arp_request(sender, "10.0.0.9", "10.0.0.1");
        frame[6..12].copy_from_slice(&mac(9).0);
        frame
    };
    for sender in [Mac::BROADCAST, Mac([1, 0, 0x5e, 0, 0, 1]), Mac([0; 6]), OUR_MAC] {
        host.frame(&from(sender));
    }
    assert_eq!(host.drops(), ["BAD_ADDRESS"; 4]);
    assert_eq!((host.frames(), host.engine.neighbors(host.now)), (vec![], vec![]));
}

#[test]
fn whoever_claims_our_address_is_told_of_and_answered_once_in_ten_seconds() {
    let mut host = host();
    let defence = "to ff:ff:ff:ff:ff:ff: who has 10.0.0.1 tell 10.0.0.1";
    let conflict = EventKind::AddressConflict { ip: host.ip, mac: mac(7), lost: false };
    for (after, answers) in [(0, 1), (1, 0), (8, 0), (1, 1)] {
        host.advance(SECOND * after);
        host.frame(&arp_request(mac(7), "10.0.0.1", "10.0.0.9"));
        host.frame(&arp_reply(mac(7), "10.0.0.1"));
        assert_eq!(host.frames(), vec![defence; answers]);
        let told = host.events.iter().filter(|event| event.kind == conflict).count();
        assert_eq!(told, answers);
        host.events.clear();
    }
    assert_eq!(host.engine.neighbors(host.now), []);
}

// ---- addresses that are asked for first

fn cautious() -> Host {
    let mut interface = interface(&["10.0.0.1/24"]);
    interface.medium = Medium::Ethernet(Ethernet { mac: OUR_MAC, vlan: None, detect_duplicates: true });
    Host::with_interface(interface, 1, Default::default())
}

const PROBE: &str = "to ff:ff:ff:ff:ff:ff: who has 10.0.0.1 tell 0.0.0.0";
const ANNOUNCEMENT: &str = "to ff:ff:ff:ff:ff:ff: who has 10.0.0.1 tell 10.0.0.1";

#[test]
fn an_address_is_asked_for_and_after_a_second_announced_and_ours() {
    let mut host = cautious();
    let tentative = Some(AddressState::Tentative);
    assert_eq!(host.engine.address_state(host.ip), tentative);
    assert_eq!(host.engine.poll_timeout(), None, "nothing is asked before the link is up");
    host.link(LinkChange::Up);
    assert_eq!(host.frames(), [PROBE]);
    let socket = host.stream();
    let bind = Request::Bind { socket, local: host.at(80) };
    assert_eq!(host.errno(bind.clone()), Errno::EADDRNOTAVAIL);
    host.frame(&arp_request(mac(9), "10.0.0.9", "10.0.0.1"));
    assert_eq!(host.frames(), [""; 0], "nobody answers for it yet");
    host.advance(SECOND - Duration::from_nanos(1));
    assert_eq!(host.engine.address_state(host.ip), tentative);
    host.advance(Duration::from_nanos(1));
    assert_eq!(host.frames(), [ANNOUNCEMENT]);
    assert_eq!(host.engine.address_state(host.ip), Some(AddressState::Assigned));
    host.call(bind).unwrap();
    assert_eq!(host.engine.poll_timeout(), None);
}

#[test]
fn an_address_that_somebody_has_or_wants_is_never_ours() {
    let answers = [
        ("a reply", arp_reply(mac(7), "10.0.0.1")),
        ("an announcement", arp_request(mac(7), "10.0.0.1", "10.0.0.1")),
        ("use", arp_request(mac(7), "10.0.0.1", "10.0.0.9")),
        ("a probe", arp_request(mac(7), "0.0.0.0", "10.0.0.1")),
    ];
    for (what, answer) in answers {
        let mut host = cautious();
        host.link(LinkChange::Up);
        host.frames();
        host.frame(&answer);
        let conflict = EventKind::AddressConflict { ip: host.ip, mac: mac(7), lost: true };
        assert!(host.events.iter().any(|event| event.kind == conflict), "{what}");
        host.advance(SECOND * 60);
        assert_eq!(host.engine.address_state(host.ip), Some(AddressState::Duplicate), "{what}");
        host.frame(&arp_request(mac(9), "10.0.0.9", "10.0.0.1"));
        assert_eq!(host.frames(), [""; 0], "{what}");
        let socket = host.stream();
        let connect = Request::Connect {
            socket,
            remote: "10.0.0.9:80".parse().unwrap(),
            data: vec![],
            wait: Wait::Never,
        };
        assert_eq!(host.errno(connect), Errno::ENETUNREACH, "{what}");
        // A link that comes up again is another try.
        host.link(LinkChange::Down);
        host.link(LinkChange::Up);
        assert_eq!(host.frames(), [PROBE], "{what}");
    }
}

#[test]
fn a_probe_for_an_address_of_ours_is_answered_told_once_in_ten_seconds_and_teaches_nothing() {
    let mut host = host();
    let conflict = EventKind::AddressConflict { ip: host.ip, mac: mac(7), lost: false };
    for (after, told) in [(0, 1), (9, 0), (1, 1)] {
        host.advance(SECOND * after);
        host.frame(&arp_request(mac(7), "0.0.0.0", "10.0.0.1"));
        assert_eq!(host.frames(), ["to 02:00:00:00:00:07: 10.0.0.1 is at 02:00:00:00:00:01"]);
        assert_eq!(host.events.iter().filter(|event| event.kind == conflict).count(), told);
        host.events.clear();
    }
    assert_eq!(host.engine.neighbors(host.now), []);
}

#[test]
fn a_link_that_goes_down_forgets_its_neighbors_and_announces_us_when_it_is_back() {
    let mut host = host();
    host.frame(&arp_request(mac(9), "10.0.0.9", "10.0.0.1"));
    host.frames();
    host.link(LinkChange::Down);
    assert_eq!(host.engine.neighbors(host.now), []);
    let socket = host.datagram_socket(Family::V4);
    host.send_to(socket, "10.0.0.9:7", "lost");
    assert_eq!(host.frames(), [""; 0]);
    host.link(LinkChange::Up);
    host.advance(Duration::from_millis(10));
    let link = |event: &Event| match event.kind {
        EventKind::Link { state, mtu, .. } => Some((state, mtu)),
        _ => None,
    };
    let told: Vec<_> = host.events.iter().filter_map(link).collect();
    assert_eq!(told, [(LinkState::Down, 1500), (LinkState::Up, 1500)]);
    let announcements = host.frames();
    assert_eq!(announcements[0], ANNOUNCEMENT);
    assert_eq!(announcements.len(), 2, "and the IPv6 address");
}

#[test]
fn a_link_that_is_gone_fails_the_calls_that_need_it_until_it_is_back() {
    let mut host = host();
    let remote = "10.0.0.9:7".parse().unwrap();
    for back in [LinkChange::Down, LinkChange::Up] {
        host.link(LinkChange::Gone);
        let socket = host.datagram_socket(Family::V4);
        let send = || Request::SendTo { socket, remote, data: vec![] };
        assert_eq!(host.errno(send()), Errno::ENETDOWN);
        let stream = host.stream();
        let connect = Request::Connect { socket: stream, remote, data: vec![], wait: Wait::Park };
        assert_eq!(host.errno(connect), Errno::ENETDOWN);
        assert_eq!(host.engine.poll_timeout(), None);
        host.link(back);
        host.op(send());
    }
    let state = |event: &Event| match event.kind {
        EventKind::Link { state, .. } => Some(state),
        _ => None,
    };
    let told: Vec<_> = host.events.iter().filter_map(state).collect();
    assert_eq!(told, [LinkState::Gone, LinkState::Down, LinkState::Gone, LinkState::Up]);
    host.advance(Duration::from_millis(10));
    assert_eq!(host.frames()[0], ANNOUNCEMENT);
}

// ---- frames

#[test]
fn frames_for_other_stations_and_vlans_are_not_taken() {
    let mut host = host();
    let request = arp_request(mac(9), "10.0.0.9", "10.0.0.1");
    host.frame(&frame(mac(9), mac(5), EtherType::Arp, &request[14..]));
    host.frame(&frame(mac(9), Mac([1, 0, 0x5e, 0, 0, 1]), EtherType::Arp, &request[14..]));
    host.frame(&frame(OUR_MAC, Mac::BROADCAST, EtherType::Arp, &request[14..]));
    host.frame(&tagged(&request, 7));
    assert_eq!(host.drops(), ["OTHER_STATION"; 4]);
    host.events.clear();
    host.frame(&frame(mac(9), OUR_MAC, EtherType::Unknown(0x88cc), b"lldp"));
    host.frame(&frame(mac(9), OUR_MAC, EtherType::Ipv6, &[0x45; 40]));
    assert_eq!(host.drops(), ["UNKNOWN_ETHER_TYPE", "MALFORMED"]);
    assert_eq!(host.frames(), [""; 0]);
    host.frame(&tagged(&request, 0));
    assert_eq!(host.frames().len(), 1, "a tag for its priority only");
}

#[test]
fn an_interface_in_a_vlan_takes_and_sends_tagged_frames() {
    let mut interface = interface(&["10.0.0.1/24"]);
    interface.medium = Medium::Ethernet(Ethernet { mac: OUR_MAC, vlan: Some(7), detect_duplicates: false });
    let mut host = Host::with_interface(interface, 1, Default::default());
    let request = arp_request(mac(9), "10.0.0.9", "10.0.0.1");
    host.frame(&request);
    host.frame(&tagged(&request, 8));
    assert_eq!(host.frames(), [""; 0]);
    host.frame(&tagged(&request, 7));
    assert_eq!(host.frames(), ["to 02:00:00:00:00:09 vlan 7: 10.0.0.1 is at 02:00:00:00:00:01"]);
    let socket = host.datagram_socket(Family::V4);
    host.send_to(socket, "10.0.0.9:7", "x");
    assert_eq!(host.frames(), ["to 02:00:00:00:00:09 vlan 7: 10.0.0.1 > 10.0.0.9: UDP x"]);
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.6
//= type=test
//# A host SHOULD silently discard a datagram that is received via
//# a link-layer broadcast (see Section 2.4) but does not specify
//# an IP multicast or broadcast destination address.
//= https://www.rfc-editor.org/rfc/rfc1122#section-2.4
//= type=test
//# The packet receive interface between the IP layer and the link
//# layer MUST include a flag to indicate whether the incoming packet
//# was addressed to a link-layer broadcast address.
#[test]
fn a_packet_for_us_in_a_broadcast_is_dropped() {
    let mut host = host();
    let echo = [8, 0, 0xf7, 0xfd, 0, 1, 0, 1];
    let packet = packet("10.0.0.9".parse().unwrap(), host.ip, Protocol::Icmpv4, 64, &echo);
    host.frame(&frame(mac(9), Mac::BROADCAST, EtherType::Ipv4, &packet));
    assert_eq!(host.drops(), ["LINK_BROADCAST"]);
    assert_eq!(host.frames(), [""; 0]);
    host.frame(&enclosed(&packet));
    assert_eq!(host.frames(), [ASK], "and an echo reply behind it");
}
