//! A raw link carries whole packets over real wires, with the quirks that its module lists.

mod common;

use std::net::{IpAddr, UdpSocket};
use std::os::unix::process::CommandExt;
use std::process::Command;

use common::{Host, TCP, UDP, World, datagram_to, packet, pseudo_header_sum, split, udp};
use sockwright_link::raw_ip::{Checksums, SendError};
use sockwright_link::{LinkError, RawIp, netns};

fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 7) as u8).collect()
}

fn header_len(host: &Host) -> usize {
    if host.address.is_ipv4() { 20 } else { 40 }
}

/// The packet that the link of `to` receives on `port`, after `send`.
fn received(to: &Host, port: u16, send: impl FnOnce()) -> Vec<u8> {
    let mut link = to.link();
    send();
    link.wait_for("the datagram", |packet| datagram_to(packet) == Some(port))
}

#[test]
fn a_packet_arrives_as_it_was_sent() {
    let Some(world) = World::new() else { return };
    for (a, b) in world.pairs() {
        let sent = packet(a.address, b.address, UDP, &udp(7, 9, &payload(1000)));
        assert_eq!(received(&b, 9, || a.link().send(&sent)), sent);
    }
}

#[test]
fn the_longest_packet_crosses_loopback() {
    let Some(world) = World::new() else { return };
    for (a, b) in world.loopback_pairs() {
        let link = a.link();
        assert_eq!(link.link.mtu(), 65535);
        let sent = packet(a.address, b.address, UDP, &udp(7, 9, &payload(65535 - header_len(&a) - 8)));
        assert_eq!(received(&b, 9, || a.link().send(&sent)), sent);
    }
}

#[test]
fn a_packet_above_the_mtu_is_refused_by_name() {
    let Some(world) = World::new() else { return };
    for (a, b) in world.wire_pairs() {
        let mut link = a.link();
        assert_eq!(link.link.mtu(), 1500);
        let of_length =
            |n: usize| packet(a.address, b.address, UDP, &udp(7, 9, &payload(n - header_len(&a) - 8)));
        link.send(&of_length(1500));
        let error = link.link.send(&of_length(1501)).expect_err("too big");
        assert!(matches!(error, SendError::TooBig { length: 1501, mtu: 1500 }), "{error}");
        assert!(!error.is_transient());
    }
}

#[test]
fn bytes_that_are_no_packet_of_the_family_are_refused() {
    let Some(world) = World::new() else { return };
    let [(v4, _), (v6, _)] = world.loopback_pairs();
    let six = packet(v6.address, v6.address, UDP, &udp(7, 9, b""));
    for bytes in [&b""[..], &[0x45; 19], &six] {
        assert!(matches!(v4.link().link.send(bytes), Err(SendError::Malformed)));
    }
}

#[test]
fn fragments_come_reassembled() {
    let Some(world) = World::new() else { return };
    for (a, b) in world.wire_pairs() {
        let got = received(&b, 9, || {
            let socket = a.run(|| UdpSocket::bind(a.port(0))).expect("a socket");
            socket.send_to(&payload(9000), b.port(9)).expect("sent");
        });
        assert_eq!(split(&got).1[8..], payload(9000));
    }
}

#[test]
fn a_packet_that_never_left_the_machine_has_a_partial_checksum() {
    let Some(world) = World::new() else { return };
    for (a, b) in world.pairs() {
        let mut link = b.link();
        assert_eq!(link.link.checksums(), Checksums::MayBePartial);
        let socket = a.run(|| UdpSocket::bind(a.port(0))).expect("a socket");
        socket.send_to(b"local", b.port(9)).expect("sent");
        let got = link.wait_for("the datagram", |packet| datagram_to(packet) == Some(9));
        assert_eq!(common::be16(split(&got).1, common::checksum_offset(UDP)), pseudo_header_sum(&got));
    }
}

#[test]
fn pings_are_left_to_the_kernel_and_their_replies_are_not() {
    let Some(world) = World::new() else { return };
    for (a, b) in world.pairs() {
        let (icmp, request, reply) = if a.address.is_ipv4() { (1, 8, 0) } else { (58, 128, 129) };
        let echo = |kind, id| [kind, 0, 0, 0, 0, id, 0, 1];
        let is_echo = |packet: &[u8], id| {
            let (protocol, message) = split(packet);
            protocol == icmp && message[5] == id
        };
        let (mut at_a, mut at_b) = (a.link(), b.link());
        at_b.send(&packet(b.address, a.address, icmp, &echo(request, 1)));
        let got = at_b.wait_for("the kernel's reply", |packet| is_echo(packet, 1));
        assert_eq!(split(&got).1[0], reply);
        // The request has passed `a` by now; had the link let it in, it would come before this.
        at_b.send(&packet(b.address, a.address, icmp, &echo(reply, 2)));
        let mut seen = false;
        at_a.wait_for("a reply", |packet| {
            seen |= is_echo(packet, 1);
            is_echo(packet, 2)
        });
        assert!(!seen, "the link let an echo request in");
    }
}

#[test]
fn a_link_gets_nothing_for_other_addresses() {
    let Some(world) = World::new() else { return };
    for (a, b) in world.loopback_pairs() {
        let mut at_a = a.link();
        let mut at_b = b.link();
        at_a.send(&packet(a.address, b.address, UDP, &udp(7, 1, b"")));
        at_b.wait_for("the packet for b", |packet| datagram_to(packet) == Some(1));
        at_b.send(&packet(b.address, a.address, UDP, &udp(7, 2, b"")));
        at_a.wait_for("the packet for a", |packet| {
            assert_eq!(datagram_to(packet), Some(2));
            true
        });
    }
}

#[test]
fn a_link_bound_to_an_interface_works_on_it() {
    let Some(world) = World::new() else { return };
    for (a, b) in world.wire_pairs() {
        let open = |host: &Host| host.run(|| RawIp::open(host.address, Some("wire"))).expect("a link");
        let (mut from, mut to) = (open(&a), common::Tap::new(open(&b)));
        from.send(&packet(a.address, b.address, TCP, &common::tcp(7, 9, 1, 0, common::RST))).expect("sent");
        to.wait_for("the segment", |packet| common::segment(packet).is_some_and(|s| s.to_port == 9));
    }
}

#[test]
fn what_cannot_be_opened_is_named() {
    let Some(world) = World::new() else { return };
    let open = |host: &Host, address: &str, interface| {
        let address: IpAddr = address.parse().expect("an address");
        host.run(|| RawIp::open(address, interface)).expect_err("not to be opened")
    };
    let [(host, _), ..] = world.pairs();
    for address in ["192.0.2.1", "2001:db8::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"] {
        let error = open(&host, address, None);
        assert!(matches!(error, LinkError::AddressNotOwned(_)), "{address}: {error}");
    }
    let error = open(&host, "10.78.0.1", Some("eth77"));
    assert!(matches!(&error, LinkError::NoSuchInterface(name) if name == "eth77"), "{error}");
    let error = netns::run_in("no-such-namespace", || ()).expect_err("there is none");
    assert!(matches!(error, LinkError::NoSuchNamespace(_)), "{error}");
}

/// Runs itself again as a user without capabilities.
#[test]
fn without_cap_net_raw_it_is_not_permitted() {
    const CHILD: &str = "SOCKWRIGHT_TEST_UNPRIVILEGED";
    if std::env::var_os(CHILD).is_some() {
        let error = RawIp::open(IpAddr::from([127, 0, 0, 1]), None).expect_err("no capability");
        assert!(matches!(error, LinkError::NotPermitted { capability: "CAP_NET_RAW", .. }), "{error}");
        return;
    }
    let name = "without_cap_net_raw_it_is_not_permitted";
    let mut again = Command::new(std::env::current_exe().expect("this test"));
    match again.args(["--exact", name]).env(CHILD, "1").uid(65534).gid(65534).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(why) => println!("skipped: cannot run as another user: {why}"),
    }
}

#[test]
fn what_does_not_fit_the_receive_queue_is_counted() {
    let Some(world) = World::new() else { return };
    for (a, b) in world.pairs() {
        let (mut from, to) = (a.link(), b.link());
        let longest = if a.address.is_ipv4() { 1472 } else { 1452 };
        let flood = packet(a.address, b.address, UDP, &udp(7, 9, &payload(longest)));
        let mut sent = 0_u32;
        while to.link.lost().overflowed == 0 {
            from.send(&flood);
            sent += 1;
            assert!(sent < 1_000_000, "{sent} packets in a queue of a few megabytes");
        }
        assert_eq!((to.link.lost().oversized, to.link.lost().unreadable), (0, 0));
        // Room again: the link goes on.
        let mut to = to;
        to.wait_for("the first of them", |packet| datagram_to(packet) == Some(9));
        while to.link.recv().expect("received").is_some() {}
        from.send(&packet(a.address, b.address, UDP, &udp(7, 10, b"")));
        to.wait_for("the one after them", |packet| datagram_to(packet) == Some(10));
    }
}

#[test]
fn a_full_queue_of_the_interface_is_told() {
    let Some(world) = World::new() else { return };
    let pairs = world.wire_pairs();
    let sent = |a: &Host, b: &Host| packet(a.address, b.address, UDP, &udp(7, 9, &payload(1000)));
    for (a, b) in &pairs {
        // The kernel knows the way from here on, and does not keep packets until it does.
        received(b, 9, || a.link().send(&sent(a, b)));
    }
    let Some(()) = pairs[0].0.slow_wire("8kbit") else { return };
    for (a, b) in &pairs {
        let mut link = a.link().link;
        let refused = (0..100).find_map(|_| link.send(&sent(a, b)).err()).expect("no queue is so long");
        assert!(matches!(refused, SendError::Busy) && refused.is_transient(), "{refused}");
    }
}

#[test]
fn an_mtu_that_changes_is_seen_at_the_next_look() {
    let Some(world) = World::new() else { return };
    for (a, b) in world.wire_pairs() {
        let mut link = a.link().link;
        assert_eq!(link.look_at_mtu(), None);
        a.ip("link set wire mtu 1300");
        let of_length = packet(a.address, b.address, UDP, &udp(7, 9, &payload(1400 - header_len(&a) - 8)));
        assert!(matches!(link.send(&of_length), Err(SendError::TooBig { .. })));
        assert_eq!((link.look_at_mtu(), link.mtu(), link.look_at_mtu()), (Some(1300), 1300, None));
        a.ip("link set wire mtu 1500");
        assert_eq!(link.look_at_mtu(), Some(1500));
    }
}
