//! The table of neighbors under load and attack: it is bounded, and strangers do not push out those we talk to.

mod common;

use common::Host;
use common::ethernet::*;
use proptest::prelude::*;
use sockwright_engine::host::op::{Family, Request};
use sockwright_engine::host::{Config, LinkChange};
use sockwright_engine::id::LinkId;
use sockwright_engine::limits::{Limit, Limits};
use sockwright_engine::wire::{EtherType, NdpMessage, NdpOption};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn limited(limits: Limits) -> Host {
    host_with(Config { limits, ..Config::default() })
}

#[track_caller]
fn was_hit(host: &Host, limit: Limit, times: u64) {
    assert_eq!(host.engine.counters().limits_hit.get(&limit), Some(&times), "the counter of {limit}");
    assert_eq!(host.limit_hits(limit) as u64, times, "the events of {limit}");
}

/// Somebody asks for us.
fn asks(host: &mut Host, number: u8) {
    host.frame(&arp_request(mac(number), &format!("10.0.0.{number}"), "10.0.0.1"));
}

fn known(host: &Host) -> Vec<String> {
    host.engine.neighbors(host.now).iter().map(|neighbor| neighbor.ip.to_string()).collect()
}

#[test]
fn neighbors_that_told_an_address_give_way_in_their_order() {
    let mut host = limited(Limits { neighbors: 2, ..Limits::default() });
    for number in [7, 8, 9] {
        asks(&mut host, number);
        host.advance(SECOND);
    }
    assert_eq!(known(&host), ["10.0.0.8", "10.0.0.9"]);
    was_hit(&host, Limit::Neighbors, 1);
    assert_eq!(host.frames().len(), 3, "all were answered");
}

#[test]
fn strangers_never_push_out_a_neighbor_that_we_send_to() {
    let mut host = limited(Limits { neighbors: 2, ..Limits::default() });
    let socket = host.datagram_socket(Family::V4);
    for number in [7, 8] {
        asks(&mut host, number);
        host.send_to(socket, &format!("10.0.0.{number}:7"), "x");
        host.advance(SECOND);
    }
    for number in 20..60 {
        asks(&mut host, number);
    }
    assert_eq!(known(&host), ["10.0.0.7", "10.0.0.8"]);
    was_hit(&host, Limit::Neighbors, 40);
    // A packet of our own makes room: the one that was sent to longest ago goes.
    host.send_to(socket, "10.0.0.7:7", "x");
    host.send_to(socket, "10.0.0.9:7", "x");
    assert_eq!(known(&host), ["10.0.0.7", "10.0.0.9"]);
}

#[test]
fn a_neighbor_that_was_just_asked_for_stays_so_that_it_is_not_asked_for_again() {
    let mut host = limited(Limits { neighbors: 1, ..Limits::default() });
    let socket = host.datagram_socket(Family::V4);
    for remote in ["10.0.0.7:7", "10.0.0.8:7", "10.0.0.7:7", "10.0.0.8:7"] {
        host.send_to(socket, remote, "x");
    }
    assert_eq!(host.frames(), ["to ff:ff:ff:ff:ff:ff: who has 10.0.0.7 tell 10.0.0.1"]);
    was_hit(&host, Limit::Neighbors, 2);
    host.advance(SECOND * 3);
    host.frames();
    host.send_to(socket, "10.0.0.8:7", "x");
    assert_eq!(host.frames(), ["to ff:ff:ff:ff:ff:ff: who has 10.0.0.8 tell 10.0.0.1"]);
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
//= type=test
//# While waiting for address resolution to complete, the sender MUST,
//# for each neighbor, retain a small queue of packets waiting for
//# address resolution to complete.  The queue MUST hold at least one
//# packet, and MAY contain more.  However, the number of queued packets
//# per neighbor SHOULD be limited to some small value.  When a queue
//# overflows, the new arrival SHOULD replace the oldest entry.
#[test]
fn of_the_packets_that_wait_the_oldest_gives_way() {
    let mut host = limited(Limits { unresolved_packets: 2, ..Limits::default() });
    let socket = host.datagram_socket(Family::V4);
    for data in ["one", "two", "three"] {
        host.send_to(socket, "10.0.0.9:7", data);
    }
    was_hit(&host, Limit::UnresolvedPackets, 1);
    host.frames();
    host.frame(&arp_reply(mac(9), "10.0.0.9"));
    let sent: Vec<_> = host.frames().iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
    assert_eq!(sent, ["two", "three"]);
}

#[test]
fn requests_for_all_neighbors_together_are_limited() {
    let mut host = limited(Limits { neighbor_solicitations_per_second: 2, ..Limits::default() });
    let socket = host.datagram_socket(Family::V4);
    for number in 5..10 {
        host.send_to(socket, &format!("10.0.0.{number}:7"), "x");
    }
    assert_eq!(host.frames().len(), 2);
    assert_eq!(known(&host), ["10.0.0.5", "10.0.0.6"]);
    was_hit(&host, Limit::NeighborSolicitationsPerSecond, 3);
    // What is asked again counts as well; a request that is not sent is as good as lost.
    host.advance(SECOND);
    assert_eq!(host.frames().len(), 2);
    host.send_to(socket, "10.0.0.9:7", "x");
    assert_eq!(host.frames(), [""; 0]);
}

/// A scan of our network, from forged addresses: a segment to a closed port from each makes us answer.
#[test]
fn a_flood_from_forged_neighbors_is_bounded_in_requests_and_memory() {
    let mut host = host();
    let mut interface = interface(&["10.1.0.1/16"]);
    interface.link = LinkId(1);
    host.engine.add_interface(interface).unwrap();
    let mut asked = 0;
    for i in 0..2000u16 {
        let [a, b] = (i + 2).to_be_bytes();
        let (src, dst) = ([10, 1, a, b].into(), "10.1.0.1".parse().unwrap());
        let segment = sockwright_engine::wire::TcpSegment {
            flags: sockwright_engine::wire::Flags::SYN,
            dst_port: 1,
            ..Default::default()
        };
        let mut body = vec![];
        segment.emit(src, dst, &mut body);
        let packet = packet(src, dst, sockwright_engine::wire::Protocol::Tcp, 64, &body);
        host.engine.handle_frame(host.now, LinkId(1), &enclosed(&packet));
        host.drain();
        asked += host.frames().len();
    }
    let limits = Limits::default();
    assert_eq!(asked, limits.neighbor_solicitations_per_second);
    assert_eq!(host.engine.neighbors(host.now).len(), limits.neighbor_solicitations_per_second);
    // One that we want is found all the same, a second later.
    host.advance(SECOND);
    host.frames();
    host.advance(SECOND * 2);
    assert_eq!(host.engine.neighbors(host.now), [], "nobody answered");
}

#[test]
fn an_interface_says_what_is_wrong_with_it() {
    let mut host = host();
    let with = |change: &dyn Fn(&mut sockwright_engine::host::Ethernet)| {
        let mut interface = interface(&["10.9.0.1/24"]);
        interface.link = LinkId(9);
        if let sockwright_engine::host::Medium::Ethernet(ethernet) = &mut interface.medium {
            change(ethernet);
        }
        interface
    };
    for interface in [
        with(&|ethernet| ethernet.mac = sockwright_engine::wire::Mac::BROADCAST),
        with(&|ethernet| ethernet.vlan = Some(0)),
        with(&|ethernet| ethernet.vlan = Some(4095)),
    ] {
        assert!(host.engine.add_interface(interface.clone()).is_err(), "{interface:?}");
    }
    assert!(host.engine.add_interface(with(&|_| ())).is_ok());
}

/// What may come from a segment full of strangers.
#[derive(Clone, Debug)]
enum Input {
    Arp { request: bool, sender: u8, ip: u8, target: u8 },
    Solicitation { sender: u8, ip: Option<u8>, target: u8 },
    Advertisement { told: Option<u8>, solicited: bool, overrides: bool, target: u8, hop_limit: u8 },
    Garbage { arp: bool, bytes: Vec<u8> },
    Send { to: u8, v6: bool },
    Link { up: bool },
    Time { millis: u16 },
}

fn input() -> impl Strategy<Value = Input> {
    let few = || prop_oneof![Just(0u8), Just(1), 2u8..12];
    prop_oneof![
        4 => (any::<bool>(), few(), few(), few())
            .prop_map(|(request, sender, ip, target)| Input::Arp { request, sender, ip, target }),
        3 => (few(), prop::option::of(few()), few())
            .prop_map(|(sender, ip, target)| Input::Solicitation { sender, ip, target }),
        4 => (prop::option::of(few()), any::<(bool, bool)>(), few(), prop_oneof![Just(255u8), any::<u8>()]).prop_map(
            |(told, (solicited, overrides), target, hop_limit)| {
                Input::Advertisement { told, solicited, overrides, target, hop_limit }
            }
        ),
        1 => (any::<bool>(), prop::collection::vec(any::<u8>(), 0..80))
            .prop_map(|(arp, bytes)| Input::Garbage { arp, bytes }),
        6 => (few(), any::<bool>()).prop_map(|(to, v6)| Input::Send { to, v6 }),
        1 => any::<bool>().prop_map(|up| Input::Link { up }),
        4 => (0u16..3000).prop_map(|millis| Input::Time { millis }),
    ]
}

fn play(inputs: &[Input]) -> Vec<String> {
    let limits = Limits { neighbors: 4, unresolved_packets: 2, ..Limits::default() };
    let mut host = limited(limits.clone());
    let (v4_socket, v6_socket) = (host.datagram_socket(Family::V4), host.datagram_socket(Family::V6));
    let mut asked: Vec<(String, u64)> = Vec::new();
    let mut log = Vec::new();
    for input in inputs {
        match input {
            Input::Arp { request: true, sender, ip, target } => {
                host.frame(&arp_request(mac(*sender), &format!("10.0.0.{ip}"), &format!("10.0.0.{target}")));
            }
            Input::Arp { sender, ip, .. } => host.frame(&arp_reply(mac(*sender), &format!("10.0.0.{ip}"))),
            Input::Solicitation { sender, ip, target } => {
                let ip = ip.map_or("::".to_owned(), |ip| format!("fd00::{ip:x}"));
                host.frame(&solicitation(mac(*sender), &ip, &format!("fd00::{target:x}")));
            }
            Input::Advertisement { told, solicited, overrides, target, hop_limit } => {
                let (solicited, overrides, ip) = (*solicited, *overrides, format!("fd00::{target:x}"));
                let target = v6(&ip);
                let message =
                    NdpMessage::NeighborAdvertisement { router: false, solicited, overrides, target };
                let option = told.map(|told| NdpOption::TargetLinkLayer(mac(told)));
                host.frame(&ndp((mac(9), &ip), (OUR_MAC, "fd00::1"), *hop_limit, message, option));
            }
            Input::Garbage { arp, bytes } => {
                let ether_type = if *arp { EtherType::Arp } else { EtherType::Ipv6 };
                host.frame(&frame(mac(9), OUR_MAC, ether_type, bytes));
                host.frame(bytes);
            }
            Input::Send { to, v6 } => {
                let (socket, remote) = match v6 {
                    true => (v6_socket, format!("[fd00::{to:x}]:7")),
                    false => (v4_socket, format!("10.0.0.{to}:7")),
                };
                let _refused_or_not = host.call(Request::SendTo {
                    socket,
                    remote: remote.parse().unwrap(),
                    data: b"x".to_vec(),
                });
            }
            Input::Link { up } => {
                let change = if *up { LinkChange::Up } else { LinkChange::Down };
                host.link(change);
            }
            Input::Time { millis } => host.advance(Duration::from_millis((*millis).into())),
        }
        let neighbors = host.engine.neighbors(host.now);
        assert!(neighbors.len() <= limits.neighbors);
        assert!(neighbors.iter().all(|n| n.mac.is_none_or(|mac| mac.is_unicast() && mac != OUR_MAC)));
        assert!(!neighbors.iter().any(|n| n.ip == host.ip || n.ip.is_unspecified()), "ourselves");
        // A link that goes down forgets when it asked.
        if matches!(input, Input::Link { .. }) {
            asked.clear();
        }
        let now = host.now.as_nanos() / 1_000_000;
        for line in host.frames() {
            let question = line.rsplit_once("who has ").map(|(_, rest)| rest.to_owned());
            let announcement = line.contains("10.0.0.1 tell 10.0.0.1");
            if let Some(question) = question.filter(|_| !announcement && !matches!(input, Input::Time { .. }))
            {
                let again = asked.iter().any(|(other, at)| *other == question && now < at + 1000);
                assert!(!again, "{question} twice within a second");
                asked.push((question, now));
            }
            log.push(line);
        }
    }
    log
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_segment_full_of_strangers_breaks_nothing_and_plays_twice_the_same(
        inputs in prop::collection::vec(input(), 0..200),
    ) {
        prop_assert_eq!(play(&inputs), play(&inputs));
    }
}
