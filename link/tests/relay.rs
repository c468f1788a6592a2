//! A relay between two interfaces: it passes packets both ways, impairs what it is told to, and says what became of each.

mod common;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use common::path::Path;
use common::{Host, UDP, datagram_to, packet, udp};
use sockwright_link::impair::Impairments;
use sockwright_link::relay::{Counters, Relay, Side};
use sockwright_link::{LinkError, netns};

/// A datagram of the left host to the right, or the other way.
fn datagram(from: &Host, to: &Host, payload: &[u8]) -> Vec<u8> {
    packet(from.address, to.address, UDP, &udp(7, 9, payload))
}

#[test]
fn packets_cross_both_ways_as_they_were_sent() {
    let Some(path) = Path::new(1500, 1) else { return };
    for v4 in [true, false] {
        let (left, right) = (path.left(v4), path.right(v4));
        for (from, to) in [(&left, &right), (&right, &left)] {
            let mut link = to.link();
            for length in [0, 1, 1400] {
                let sent = datagram(from, to, &vec![length as u8; length]);
                from.link().send(&sent);
                assert_eq!(link.wait_for("the datagram", |packet| datagram_to(packet) == Some(9)), sent);
            }
        }
    }
    for side in [Side::Left, Side::Right] {
        // The last one is counted as sent a moment after it arrived.
        let counters = once(&path, side, |counters| counters.received == counters.sent);
        assert_eq!((counters.refused, counters.aggregated), (0, 0));
    }
}

#[test]
fn checksums_that_a_kernel_left_to_hardware_are_whole_behind_the_relay() {
    let Some(path) = Path::new(1500, 1) else { return };
    for v4 in [true, false] {
        let (left, right) = (path.left(v4), path.right(v4));
        let mut link = right.link();
        let socket = left.run(|| UdpSocket::bind(left.port(7))).expect("a socket");
        socket.send_to(b"by the kernel", right.port(9)).expect("sent");
        let received = link.wait_for("the datagram", |packet| datagram_to(packet) == Some(9));
        let whole = datagram(&left, &right, b"by the kernel");
        assert_eq!(received[received.len() - 21..], whole[whole.len() - 21..]);
    }
}

/// Waits until the relay has counted this of the frames from one side.
fn once(path: &Path, side: Side, counted: impl Fn(&Counters) -> bool) -> Counters {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let counters = path.counters(side);
        if counted(&counters) {
            return counters;
        }
        assert!(Instant::now() < deadline, "the relay has {counters:?}");
        std::thread::yield_now();
    }
}

// The next tests count frames: on wires too narrow for IPv6 no kernel adds any.

#[test]
fn what_is_lost_duplicated_and_corrupted_is_the_seeds_choice_and_counted() {
    let impairments = Impairments { loss: 0.2, duplicate: 0.1, corrupt: 0.1, ..Impairments::default() };
    let outcome = |seed| {
        let path = Path::new(576, seed)?;
        path.impair(impairments);
        let (left, right) = (path.left(true), path.right(true));
        let (mut from, mut to) = (left.link(), right.link());
        for number in 0..200u8 {
            from.send(&datagram(&left, &right, &[number; 32]));
        }
        once(&path, Side::Left, |counters| counters.received >= 200);
        path.impair(Impairments::default());
        from.send(&packet(left.address, right.address, UDP, &udp(7, 10, &[])));
        let mut arrived = Vec::new();
        to.wait_for("the last datagram", |packet| {
            arrived.push(packet.to_vec());
            datagram_to(packet) == Some(10)
        });
        // The last one is counted as sent a moment after it arrived.
        let all =
            |now: &Counters| now.received == 201 && now.received + now.duplicated == now.sent + now.lost;
        Some((arrived, once(&path, Side::Left, all)))
    };
    let (Some((first, counters)), Some((again, _)), Some((other, _))) = (outcome(1), outcome(1), outcome(2))
    else {
        return;
    };
    assert!(first == again, "one seed, two outcomes");
    assert!(first != other, "two seeds, one outcome");
    assert!((20..60).contains(&counters.lost), "{counters:?}");
    assert!(counters.duplicated > 5 && counters.corrupted > 5, "{counters:?}");
}

#[test]
fn a_delay_holds_for_each_packet() {
    let Some(path) = Path::new(576, 1) else { return };
    let (left, right) = (path.left(true), path.right(true));
    let (mut from, mut to) = (left.link(), right.link());
    let delay = Duration::from_millis(50);
    path.impair(Impairments { delay, ..Impairments::default() });
    let sent = Instant::now();
    from.send(&datagram(&left, &right, &[]));
    to.wait_for("the datagram", |packet| datagram_to(packet) == Some(9));
    assert!(sent.elapsed() >= delay);
}

#[test]
fn what_finds_the_queue_full_or_is_too_long_is_dropped_and_counted() {
    let Some(path) = Path::new(576, 1) else { return };
    let (left, right) = (path.left(true), path.right(true));
    let mut from = left.link();
    // A line that takes four seconds for one packet, and keeps three.
    path.impair(Impairments {
        rate_bps: Some(1000),
        queue_limit: 3,
        mtu: Some(540),
        ..Impairments::default()
    });
    for _ in 0..10 {
        from.send(&datagram(&left, &right, &[0; 472]));
    }
    from.send(&datagram(&left, &right, &[0; 513]));
    let counters = once(&path, Side::Left, |counters| counters.received >= 11);
    assert_eq!((counters.queue_full, counters.too_big, counters.sent), (7, 1, 0));
}

#[test]
fn an_interface_that_is_not_there_is_told_by_name() {
    let Some(path) = Path::new(1500, 1) else { return };
    let left = path.left(true);
    let error = netns::run_in(&left.namespace, || Relay::start("wire", "nothing", 1))
        .expect("entered")
        .expect_err("none");
    assert!(matches!(error, LinkError::NoSuchInterface(name) if name == "nothing"));
}
