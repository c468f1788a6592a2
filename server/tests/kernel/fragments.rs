//! What is longer than the wire takes at once: fragments of the kernel's put together by us, and ours by the kernel.

use std::io::Read;
use std::net::UdpSocket;

use socket2::{Domain, Protocol, Socket, Type};
use sockwright_proto::v1 as pb;

use crate::rig::station::as_a_station;
use crate::rig::{PATIENCE, Rig, address, content, on_veth};

/// The longest that a datagram of either family carries.
const LONGEST: usize = 65_507;

#[test]
fn long_datagrams_go_both_ways_over_ethernet() {
    as_a_station(|rig| async move { exchange(&rig).await });
}

#[test]
fn long_datagrams_go_both_ways_over_raw_sockets() {
    on_veth(|rig| async move { exchange(&rig).await });
}

async fn exchange(rig: &Rig) {
    let kernel = rig.theirs.run(|| UdpSocket::bind(rig.theirs.port(0))).expect("a kernel socket");
    kernel.set_read_timeout(Some(PATIENCE)).expect("set");
    let remote = Some(address(kernel.local_addr().expect("an address")));
    let socket = rig.create(pb::SocketKind::Datagram).await;
    let mut buffer = vec![0; 1 << 16];
    let [reassembled, cut] = counters(rig);
    for (number, length) in [(1, 1500), (2, 4000), (3, 20_000), (4, LONGEST)] {
        let sent = octets(number, length);
        let request = pb::SendToRequest { socket, remote: remote.clone(), data: sent.clone().into() };
        rig.sockets.clone().send_to(request).await.expect("sent");
        let (n, from) = kernel.recv_from(&mut buffer).expect("received");
        assert!(buffer[..n] == sent, "{n} octets came of {length}, or others");

        let sent = octets(10 + number, length);
        kernel.send_to(&sent, from).expect("sent");
        let request = pb::RecvFromRequest { socket, ..Default::default() };
        let answer = rig.sockets.clone().recv_from(request).await.expect("received").into_inner();
        assert!(answer.data == sent, "{} octets came of {length}, or others", answer.data.len());
    }
    // It was fragments that crossed the wire.
    let now = counters(rig);
    assert_eq!(now, [reassembled + 4, cut + 4], "datagrams put together, and cut, by the kernel");
    rig.close(socket).await;
}

#[test]
fn echo_requests_of_any_length_are_answered() {
    as_a_station(|rig| async move {
        let v4 = rig.ours.address.is_ipv4();
        // Any group may ping.
        rig.theirs.sysctl("ipv4/ping_group_range", "0\t2147483647");
        let (domain, protocol, [request, reply]) = match v4 {
            true => (Domain::IPV4, Protocol::ICMPV4, [8, 0]),
            false => (Domain::IPV6, Protocol::ICMPV6, [128, 129]),
        };
        let kernel =
            rig.theirs.run(|| Socket::new(domain, Type::DGRAM, Some(protocol))).expect("a kernel socket");
        kernel.set_read_timeout(Some(PATIENCE)).expect("set");
        kernel.connect(&rig.ours.port(0).into()).expect("a peer");
        let [reassembled, cut] = counters(&rig);
        for (number, length) in [(1, 0), (2, 56), (3, 4000), (4, LONGEST)] {
            let data = octets(number, length);
            // The identifier and the checksum are the kernel's to fill in.
            let message = [&[request, 0, 0, 0, 0, 0, 0, number as u8], &data[..]].concat();
            kernel.send(&message).expect("sent");
            let mut answer = vec![0; 1 << 16];
            let n = (&kernel).read(&mut answer).expect("answered");
            assert_eq!((answer[0], answer[7]), (reply, number as u8));
            assert!(answer[8..n] == data, "{n} octets came of {length} and 8, or others");
        }
        assert_eq!(counters(&rig), [reassembled + 2, cut + 2]);
    });
}

/// What the peer's kernel put together, and cut.
fn counters(rig: &Rig) -> [u64; 2] {
    let names = match rig.theirs.address.is_ipv4() {
        true => ["Ip ReasmOKs", "Ip FragOKs"],
        false => ["Ip6ReasmOKs", "Ip6FragOKs"],
    };
    names.map(|name| rig.theirs.counter(name))
}

/// So many octets that are nowhere alike.
fn octets(seed: u64, length: usize) -> Vec<u8> {
    let mut octets: Vec<u8> = content(seed, 1).flatten().collect();
    octets.truncate(length);
    octets
}
