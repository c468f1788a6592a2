//! Where packets go: networks of our own, static routes, and routers that do not answer.

mod common;

use common::Host;
use common::ethernet::*;
use sockwright_engine::host::op::{Family, Reply, Request};
use sockwright_engine::host::{Config, Engine, Errno, Route};
use sockwright_engine::id::{IdSource, LinkId};
use sockwright_engine::limits::{Limit, Limits};
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::wire::{ChecksumPolicy, EthernetFrame, Flags, IpPacket, Protocol, TcpSegment};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn route(destination: &str, gateway: &str, link: u32) -> Route {
    let (ip, prefix) = destination.split_once('/').unwrap();
    Route {
        destination: ip.parse().unwrap(),
        prefix: prefix.parse().unwrap(),
        gateway: (!gateway.is_empty()).then(|| gateway.parse().unwrap()),
        link: LinkId(link),
    }
}

/// 10.0.0.1/24 and fd00::1/64 with those routes on link 0.
fn routed(routes: &[(&str, &str)]) -> Host {
    let mut host = host();
    for (destination, gateway) in routes {
        host.engine.add_route(route(destination, gateway, 0)).unwrap();
    }
    host
}

/// Whom a datagram to `remote` makes us ask for, and the address that it comes from.
fn asked(host: &mut Host, remote: &str) -> String {
    let family = if remote.starts_with('[') { Family::V6 } else { Family::V4 };
    let socket = host.datagram_socket(family);
    let request = Request::SendTo { socket, remote: remote.parse().unwrap(), data: vec![] };
    let from = match host.call(request) {
        Ok(Reply::Named { local }) => local.ip(),
        other => panic!("{other:?}"),
    };
    let frames = host.frames();
    let whom = frames[0].split("who has ").nth(1).unwrap_or("nobody");
    format!("{} from {from}", whom.split(' ').next().unwrap())
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.1
//= type=test
//# To decide if the destination is on a connected network, the following algorithm MUST be
//# used [see IP:3]:
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.2
//= type=test
//# When there is no route cache entry for the destination host address (and the destination
//# is not on the connected network), the IP layer MUST pick a gateway from its list of
//# "default" gateways.
#[test]
fn neighbors_are_asked_for_themselves_and_others_by_their_router() {
    let mut host = routed(&[("0.0.0.0/0", "10.0.0.254"), ("::/0", "fd00::fe")]);
    assert_eq!(asked(&mut host, "10.0.0.9:7"), "10.0.0.9 from 10.0.0.1");
    assert_eq!(asked(&mut host, "192.0.2.1:7"), "10.0.0.254 from 10.0.0.1");
    assert_eq!(asked(&mut host, "[fd00::9]:7"), "fd00::9 from fd00::1");
    assert_eq!(asked(&mut host, "[2001:db8::1]:7"), "fd00::fe from fd00::1");
}

#[test]
fn a_network_may_be_on_the_link_without_an_address_of_ours() {
    let mut host = routed(&[("0.0.0.0/0", "10.0.0.254"), ("10.5.0.0/16", ""), ("2001:db8::/64", "")]);
    assert_eq!(asked(&mut host, "10.5.3.9:7"), "10.5.3.9 from 10.0.0.1");
    assert_eq!(asked(&mut host, "10.6.0.9:7"), "10.0.0.254 from 10.0.0.1");
    assert_eq!(asked(&mut host, "[2001:db8::9]:7"), "2001:db8::9 from fd00::1");
}

#[test]
fn a_packet_by_a_router_has_his_link_layer_address_and_the_destinations_ip() {
    let mut host = routed(&[("0.0.0.0/0", "10.0.0.254")]);
    let socket = host.datagram_socket(Family::V4);
    host.send_to(socket, "192.0.2.1:7", "x");
    host.frames();
    host.frame(&arp_reply(mac(254), "10.0.0.254"));
    assert_eq!(host.frames(), ["to 02:00:00:00:00:fe: 10.0.0.1 > 192.0.2.1: UDP x"]);
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.6
//= type=test
//# The following information MUST be configurable:
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.6
//= type=test
//# A manual method of entering this configuration data MUST be provided.
#[test]
fn the_longest_prefix_wins_and_our_own_network_over_an_equal_one() {
    let mut host = routed(&[
        ("0.0.0.0/0", "10.0.0.254"),
        ("192.0.2.0/24", "10.0.0.253"),
        ("192.0.2.128/25", "10.0.0.252"),
        ("10.0.0.0/24", "10.0.0.251"),
        ("10.0.0.77/32", "10.0.0.250"),
    ]);
    let asked_for: Vec<String> =
        ["198.51.100.1:7", "192.0.2.1:7", "192.0.2.129:7", "10.0.0.9:7", "10.0.0.77:7"]
            .map(|remote| asked(&mut host, remote))
            .to_vec();
    let expected = ["10.0.0.254", "10.0.0.253", "10.0.0.252", "10.0.0.9", "10.0.0.250"];
    assert_eq!(asked_for, expected.map(|ip| format!("{ip} from 10.0.0.1")));
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.1
//= type=test
//# The host IP layer MUST operate correctly in a minimal network environment, and in
//# particular, when there are no gateways.
#[test]
fn without_a_route_a_network_is_unreachable() {
    let mut host = routed(&[("192.0.2.0/24", "10.0.0.254")]);
    for (family, remote) in [(Family::V4, "198.51.100.1:7"), (Family::V6, "[2001:db8::1]:7")] {
        let socket = host.datagram_socket(family);
        let send = Request::SendTo { socket, remote: remote.parse().unwrap(), data: vec![] };
        assert_eq!(host.errno(send), Errno::ENETUNREACH);
    }
    let socket = host.stream();
    let remote = "198.51.100.1:80".parse().unwrap();
    let connect =
        Request::Connect { socket, remote, data: vec![], wait: sockwright_engine::host::op::Wait::Park };
    assert_eq!(host.errno(connect), Errno::ENETUNREACH);
}

#[test]
fn a_packet_comes_from_the_address_that_its_router_knows() {
    let interface = interface(&["10.0.0.1/24", "10.5.0.1/24", "fe80::1/64", "fd00::1/64"]);
    let mut host = Host::with_interface(interface, 1, Config::default());
    host.engine.add_route(route("0.0.0.0/0", "10.5.0.254", 0)).unwrap();
    host.engine.add_route(route("::/0", "fe80::fe", 0)).unwrap();
    assert_eq!(asked(&mut host, "192.0.2.1:7"), "10.5.0.254 from 10.5.0.1");
    // The router's address is link-local, the destination's is not.
    assert_eq!(asked(&mut host, "[2001:db8::1]:7"), "fe80::fe from fd00::1");
    assert_eq!(asked(&mut host, "[fe80::9]:7"), "fe80::9 from fe80::1");
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.6
//= type=test
//# 1) Routers that are reachable or probably reachable (i.e., in any
//# state other than INCOMPLETE) SHOULD be preferred over routers
//# whose reachability is unknown or suspect (i.e., in the
//# INCOMPLETE state, or for which no Neighbor Cache entry exists).
//= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.6
//= type=test
//# 2) When no routers on the list are known to be reachable or
//# probably reachable, routers SHOULD be selected in a round-robin
//# fashion, so that subsequent requests for a default router do not
//# return the same router until all other routers have been
//# selected.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.2
//= type=test
//# The IP layer MUST support multiple default gateways.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.4
//= type=test
//# The IP layer MUST be able to detect the failure of a "next- hop" gateway that is listed in
//# its route cache and to choose an alternate gateway (see Section 3.3.1.5).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.5
//= type=test
//# If it is the current default that failed, the IP layer MUST select a different default
//# gateway (assuming more than one default is known) for the failed route and for
//# establishing new routes.
#[test]
fn of_equal_routers_one_that_answers_is_taken_and_else_each_in_turn() {
    let mut host =
        routed(&[("0.0.0.0/0", "10.0.0.254"), ("0.0.0.0/0", "10.0.0.253"), ("0.0.0.0/0", "10.0.0.252")]);
    for router in ["10.0.0.254", "10.0.0.253", "10.0.0.252", "10.0.0.254"] {
        assert_eq!(asked(&mut host, "192.0.2.1:7"), format!("{router} from 10.0.0.1"));
        host.advance(SECOND * 3);
        host.frames();
    }
    host.frame(&arp_request(mac(252), "10.0.0.252", "10.0.0.1"));
    host.frames();
    let socket = host.datagram_socket(Family::V4);
    host.send_to(socket, "192.0.2.1:7", "x");
    assert_eq!(host.frames(), ["to 02:00:00:00:00:fc: 10.0.0.1 > 192.0.2.1: UDP x"]);
    // It goes away: polled in vain it is forgotten, and another is asked for.
    host.advance(SECOND * 10);
    host.frames();
    host.send_to(socket, "192.0.2.1:7", "x");
    assert!(!host.frames()[0].contains("10.0.0.252"));
}

/// A segment of the peer's, 192.0.2.1:80, by the router that it comes through.
fn segment(ours: &TcpSegment<'_>, flags: Flags) -> Vec<u8> {
    let (src, dst) = ("192.0.2.1".parse().unwrap(), "10.0.0.1".parse().unwrap());
    let mut body = vec![];
    let (seq, ack) = (Seq(1000), ours.seq + 1);
    TcpSegment { src_port: 80, dst_port: ours.src_port, seq, ack, flags, window: 9000, ..Default::default() }
        .emit(src, dst, &mut body);
    enclosed(&packet(src, dst, Protocol::Tcp, 64, &body))
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//= type=test
//# The following procedure MUST be used to handle excessive retransmissions of data segments
//# (MUST-20):
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//= type=test
//# When the number of transmissions of the same segment reaches or
//# exceeds threshold R1, pass negative advice (see Section 3.3.1.4
//# of [19]) to the IP layer, to trigger dead-gateway diagnosis.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//= type=test
//# The value of R1 SHOULD correspond to at least 3 retransmissions, at the current RTO (SHLD-10).
#[test]
fn a_router_that_goes_silent_is_asked_after_three_timeouts_and_another_takes_its_place() {
    let mut host = routed(&[("0.0.0.0/0", "10.0.0.254"), ("0.0.0.0/0", "10.0.0.253")]);
    for router in [253, 254] {
        host.frame(&arp_request(mac(router), &format!("10.0.0.{router}"), "10.0.0.1"));
    }
    let socket = host.stream();
    host.sent.clear();
    let connect = host.start_connect(socket, "192.0.2.1:80".parse().unwrap());
    let syn = host.sent.pop().unwrap();
    let syn = IpPacket::parse(EthernetFrame::parse(&syn).unwrap().payload).unwrap();
    let syn = TcpSegment::parse(syn.payload, (syn.src, syn.dst), ChecksumPolicy::Verify).unwrap();
    host.frame(&segment(&syn, Flags::SYN | Flags::ACK));
    host.completed(connect).unwrap();
    assert_eq!(host.neighbor("10.0.0.254"), "REACHABLE", "our SYN arrived by it");
    host.frames();
    host.send(socket, b"x");
    // The data, and with each timeout again: at 0.2, 0.6 and 1.4 seconds.
    host.advance(Duration::from_millis(1399));
    let by_silent = |line: &String| line.starts_with("to 02:00:00:00:00:fe: 10.0.0.1 > ");
    assert!(host.neighbor("10.0.0.254") == "REACHABLE" && host.frames().iter().all(by_silent));
    host.advance(Duration::from_millis(1));
    assert_eq!(host.neighbor("10.0.0.254"), "PROBE");
    host.advance(SECOND * 3);
    let asked = host.frames().iter().filter(|line| line.contains("who has 10.0.0.254")).count();
    assert_eq!((asked, host.neighbor("10.0.0.254")), (2, "none"));
    host.advance(SECOND * 2);
    let frames = host.frames();
    assert!(frames[0].starts_with("to 02:00:00:00:00:fd: 10.0.0.1 > "), "{frames:?}");
}

#[test]
fn a_router_in_doubt_that_answers_stays_and_is_asked_once_a_second_at_most() {
    let mut host = routed(&[("0.0.0.0/0", "10.0.0.254")]);
    let socket = host.stream();
    host.start_connect(socket, "192.0.2.1:80".parse().unwrap());
    host.frame(&arp_reply(mac(254), "10.0.0.254"));
    host.frames();
    // The SYN goes again after 1, 3 and 7 seconds, and then after each timeout the router is asked.
    let mut asked = Vec::new();
    for second in 1..=40 {
        host.advance(SECOND);
        if host.frames().iter().any(|line| line.contains("who has 10.0.0.254")) {
            asked.push(second);
            host.frame(&arp_reply(mac(254), "10.0.0.254"));
        }
        assert_eq!(host.neighbor("10.0.0.254"), "REACHABLE");
    }
    assert_eq!(asked, [7, 15, 31]);
}

#[test]
fn a_route_that_makes_no_sense_is_refused() {
    let mut host = host();
    for wrong in [
        route("0.0.0.0/0", "10.0.0.254", 1),
        route("0.0.0.0/33", "10.0.0.254", 0),
        route("::/129", "fd00::2", 0),
        route("0.0.0.0/0", "fd00::2", 0),
        route("0.0.0.0/0", "10.0.0.1", 0),
        route("0.0.0.0/0", "10.0.1.254", 0),
        route("0.0.0.0/0", "224.0.0.1", 0),
        route("::/0", "fd01::2", 0),
    ] {
        assert!(host.engine.add_route(wrong).is_err(), "{wrong:?}");
    }
    assert!(host.engine.add_route(route("::/0", "fe80::2", 0)).is_ok(), "link-local routers are neighbors");
    let mut v4_only = Engine::new(Config::default(), [1; 32], IdSource::new());
    v4_only.add_interface(interface(&["10.0.0.1/24"])).unwrap();
    assert!(v4_only.add_route(route("::/0", "fe80::2", 0)).is_err(), "without an address to send from");
}

#[test]
fn routes_are_limited() {
    let limits = Limits { routes: 2, ..Limits::default() };
    let mut host = host_with(Config { limits, ..Config::default() });
    for prefix in [8, 9] {
        host.engine.add_route(route(&format!("192.0.0.0/{prefix}"), "10.0.0.254", 0)).unwrap();
    }
    assert!(host.engine.add_route(route("0.0.0.0/0", "10.0.0.254", 0)).is_err());
    assert_eq!(host.engine.counters().limits_hit.get(&Limit::Routes), Some(&1));
    assert_eq!(host.engine.routes().len(), 2);
}
