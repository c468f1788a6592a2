//! Datagram sockets, ports, our own address, and checksums that a link does not complete.

mod common;

use common::script::{Script, ip};
use common::{Host, Pair};
use sockwright_engine::host::op::{Family, Reply, Request, SocketKind, Wait};
use sockwright_engine::host::{Config, Engine, Errno, Interface, Medium, Offload};
use sockwright_engine::id::{IdSource, LinkId, SocketId};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{
    ChecksumPolicy, Flags, IcmpMessage, IpPacket, Protocol, TcpSegment, Unreachable,
};
use std::net::SocketAddr;
use std::time::Duration;

fn datagram(host: &mut Host) -> SocketId {
    host.create(SocketKind::Datagram, OptionsPatch::default())
}

fn send_to(socket: SocketId, remote: SocketAddr, data: &[u8]) -> Request {
    Request::SendTo { socket, remote, data: data.to_vec() }
}

fn recv_from(socket: SocketId) -> Request {
    Request::RecvFrom { socket, max: 100, peek: false, wait: Wait::Never }
}

fn recv(socket: SocketId) -> Request {
    Request::Recv { socket, max: 100, min: 1, peek: false, wait: Wait::Never }
}

fn send(socket: SocketId, data: &[u8]) -> Request {
    Request::Send { socket, data: data.to_vec(), urgent: false, wait: Wait::Never }
}

fn connect(socket: SocketId, remote: SocketAddr) -> Request {
    Request::Connect { socket, remote, data: vec![], wait: Wait::Never }
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.5
//= type=test
//# When a UDP datagram is received, its specific-destination address MUST be passed up to the
//# application layer.
//= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.5
//= type=test
//# There SHOULD be a way to communicate the chosen source address up to the application layer
//# (e.g, so that the application can later receive a reply datagram only from the
//# corresponding interface).
//= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.6
//= type=test
//# When a host sends a UDP datagram, the source address MUST be (one of) the IP address(es)
//# of the host.
#[test]
fn datagrams_keep_their_bounds_and_tell_where_they_are_from() {
    for mut pair in [Pair::new(), Pair::v6()] {
        let (a, b) = (datagram(&mut pair.a), datagram(&mut pair.b));
        pair.b.bind(b, 53);
        let Ok(Reply::Named { local }) = pair.a.call(send_to(a, pair.b.at(53), b"one")) else { panic!() };
        pair.a.call(send_to(a, pair.b.at(53), b"")).unwrap();
        pair.a.call(send_to(a, pair.b.at(53), b"three")).unwrap();
        pair.run();
        for expected in [&b"one"[..], b"", b"three"] {
            let Ok(Reply::ReceivedFrom { data, remote, local: at, truncated }) = pair.b.call(recv_from(b))
            else {
                panic!()
            };
            assert_eq!((&data[..], remote, at, truncated), (expected, local, pair.b.at(53), false));
        }
        assert_eq!(pair.b.errno(recv_from(b)), Errno::EAGAIN);
    }
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.5
//= type=test
//# An application program MUST be able to specify the IP source address to be used for
//# sending a UDP datagram or to leave it unspecified (in which case the networking software
//# will choose an appropriate source address).
#[test]
fn a_datagram_leaves_from_the_address_that_its_socket_has() {
    let (first, second) = ("10.0.0.1", "10.1.0.1");
    for (bound, remote, expected) in
        [(Some(second), "10.0.0.9:53", second), (None, "10.0.0.9:53", first), (None, "10.1.0.9:53", second)]
    {
        let mut host = Host::new(first, 1);
        host.add_address(second.parse().unwrap());
        let socket = datagram(&mut host);
        if let Some(ip) = bound {
            host.call(Request::Bind { socket, local: SocketAddr::new(ip.parse().unwrap(), 0) }).unwrap();
        }
        let sent = host.call(send_to(socket, remote.parse().unwrap(), b"?"));
        let Ok(Reply::Named { local }) = sent else { panic!("{sent:?}") };
        assert_eq!(local.ip().to_string(), expected);
        assert_eq!(IpPacket::parse(&host.sent[0]).unwrap().src, local.ip());
    }
}

#[test]
fn a_connected_datagram_socket_hears_its_peer_alone() {
    let mut pair = Pair::new();
    let (a, other, b) = (datagram(&mut pair.a), datagram(&mut pair.a), datagram(&mut pair.b));
    pair.a.bind(a, 1000);
    pair.b.bind(b, 53);
    pair.b.call(connect(b, pair.a.at(1000))).unwrap();
    pair.a.call(send_to(other, pair.b.at(53), b"stranger")).unwrap();
    pair.run();
    assert_eq!(pair.b.errno(recv(b)), Errno::EAGAIN);
    pair.a.call(send_to(a, pair.b.at(53), b"peer")).unwrap();
    pair.run();
    assert_eq!(pair.b.recv(b).0, b"peer");
    pair.b.call(send(b, b"back")).unwrap();
    pair.run();
    assert!(matches!(pair.a.call(recv_from(a)), Ok(Reply::ReceivedFrom { data, .. }) if data == b"back"));
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.1
//= type=test
//# If a datagram arrives addressed to a UDP port for which
//# there is no pending LISTEN call, UDP SHOULD send an ICMP
//# Port Unreachable message.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
//= type=test
//# In those cases where the Internet layer is required to pass an ICMP error message to the
//# transport layer, the IP protocol number MUST be extracted from the original header and
//# used to select the appropriate transport protocol entity to handle the error.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.1
//= type=test
//# A Destination Unreachable message that is received MUST be reported to the transport
//# layer.
#[test]
fn a_port_that_nobody_has_refuses_the_connected_and_not_the_unconnected() {
    for mut pair in [Pair::new(), Pair::v6()] {
        let (connected, free) = (datagram(&mut pair.a), datagram(&mut pair.a));
        pair.a.call(connect(connected, pair.b.at(53))).unwrap();
        pair.a.call(send(connected, b"?")).unwrap();
        pair.a.call(send_to(free, pair.b.at(53), b"?")).unwrap();
        let frames: Vec<_> = pair.a.sent.drain(..).collect();
        frames.iter().for_each(|frame| pair.b.frame(frame));
        let packet = IpPacket::parse(&pair.b.sent[0]).unwrap();
        let message = IcmpMessage::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Verify);
        let Ok(IcmpMessage::Unreachable { code: Unreachable::Port, quoted }) = message else { panic!() };
        assert_eq!((quoted.dst_port, quoted.protocol), (53, Protocol::Udp));
        pair.run();
        assert_eq!(pair.a.errno(recv(connected)), Errno::ECONNREFUSED);
        assert_eq!(pair.a.errno(recv(connected)), Errno::EAGAIN, "it is told once");
        assert_eq!(pair.a.errno(recv_from(free)), Errno::EAGAIN);
    }
}

#[test]
fn a_datagram_that_no_packet_can_hold_is_refused() {
    for (mut pair, longest) in [(Pair::new(), 65_507), (Pair::v6(), 65_527)] {
        let a = datagram(&mut pair.a);
        pair.a.call(send_to(a, pair.b.at(53), &vec![0; longest])).unwrap();
        assert_eq!(pair.a.errno(send_to(a, pair.b.at(53), &vec![0; longest + 1])), Errno::EMSGSIZE);
    }
}

#[test]
fn ports_conflict_unless_both_reuse_and_nobody_listens() {
    let mut host = Host::new("10.0.0.1", 1);
    let reuse = OptionsPatch { reuse_address: Some(true), ..OptionsPatch::default() };
    let bind = |host: &mut Host, options: OptionsPatch| {
        let socket = host.create(SocketKind::Stream, options);
        let local = host.at(80);
        (socket, host.call(Request::Bind { socket, local }).map_err(|error| error.errno))
    };
    let (first, bound) = bind(&mut host, reuse.clone());
    bound.unwrap();
    assert_eq!(bind(&mut host, OptionsPatch::default()).1, Err(Errno::EADDRINUSE));
    let (second, bound) = bind(&mut host, reuse.clone());
    bound.unwrap();
    host.call(Request::Listen { socket: first, backlog: 1 }).unwrap();
    assert_eq!(host.errno(Request::Listen { socket: second, backlog: 1 }), Errno::EADDRINUSE);
    assert_eq!(bind(&mut host, reuse).1, Err(Errno::EADDRINUSE));
    host.close(first);
    host.close(second);
    bind(&mut host, OptionsPatch::default()).1.unwrap();
}

#[test]
fn whether_a_port_is_shared_can_change_after_bind() {
    let mut host = Host::new("10.0.0.1", 1);
    let reuse =
        |reuse_address| OptionsPatch { reuse_address: Some(reuse_address), ..OptionsPatch::default() };
    let set = |host: &mut Host, socket, to| {
        host.call(Request::SetOptions { socket, options: reuse(to) }).unwrap();
    };
    let (first, second) = (host.stream(), host.create(SocketKind::Stream, reuse(true)));
    let local = host.at(80);
    host.bind(first, 80);
    assert_eq!(host.errno(Request::Bind { socket: second, local }), Errno::EADDRINUSE);
    set(&mut host, first, true);
    host.bind(second, 80);
    set(&mut host, second, false);
    let third = host.create(SocketKind::Stream, reuse(true));
    assert_eq!(host.errno(Request::Bind { socket: third, local }), Errno::EADDRINUSE);
    // Whoever listens has the port alone, whatever it says afterwards.
    host.call(Request::Listen { socket: first, backlog: 1 }).unwrap();
    host.close(second);
    set(&mut host, first, true);
    assert_eq!(host.errno(Request::Bind { socket: third, local }), Errno::EADDRINUSE);

    let mut datagrams = || host.create(SocketKind::Datagram, reuse(true));
    let [one, other] = std::array::from_fn(|_| datagrams());
    host.bind(one, 53);
    set(&mut host, one, true);
    let local = host.at(53);
    assert_eq!(host.errno(Request::Bind { socket: other, local }), Errno::EADDRINUSE);
}

#[test]
fn time_wait_holds_the_port_of_a_server_that_does_not_reuse_it() {
    let mut s = Script::accepted();
    s.host.close(s.socket);
    s.inject("F. 1:1(0) ack 2 win 10000");
    s.host.close(s.listener.unwrap());
    let again = s.host.stream();
    let local = s.host.at(80);
    assert_eq!(s.host.errno(Request::Bind { socket: again, local }), Errno::EADDRINUSE);
    s.advance(60_000);
    s.host.call(Request::Bind { socket: again, local }).unwrap();
}

//= https://www.rfc-editor.org/rfc/rfc6056#section-3.2
//= type=test
//# As a result, port numbers that may be needed for providing a particular service at the
//# local host SHOULD NOT be included in the pool of port numbers available for ephemeral port
//# randomization.
//= https://www.rfc-editor.org/rfc/rfc6056#section-3.3
//= type=test
//# Ephemeral port selection algorithms SHOULD obfuscate the selection of their ephemeral
//# ports, since this helps to mitigate a number of attacks that depend on the attacker's
//# ability to guess or know the five-tuple that identifies the transport-protocol instance to
//# be attacked.
#[test]
fn ephemeral_ports_are_of_the_upper_half_and_differ() {
    let mut host = Host::new("10.0.0.1", 1);
    let mut ports = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let socket = host.stream();
        let local = host.at(0);
        let Ok(Reply::Named { local }) = host.call(Request::Bind { socket, local }) else { panic!() };
        assert!(local.port() >= 32_768);
        assert!(ports.insert(local.port()));
    }
}

#[test]
fn the_same_pair_of_addresses_is_one_connection() {
    let mut pair = Pair::new();
    let (client, _) = pair.connected();
    let local = pair.a.engine.info(client).unwrap().local.unwrap();
    let reuse = OptionsPatch { reuse_address: Some(true), ..OptionsPatch::default() };
    let again = pair.a.create(SocketKind::Stream, reuse);
    let bound = pair.a.call(Request::Bind { socket: again, local });
    assert!(bound.is_ok(), "an ephemeral port may be shared: {bound:?}");
    assert_eq!(pair.a.errno(connect(again, pair.b.at(80))), Errno::EADDRINUSE);
}

#[test]
fn a_host_talks_to_itself() {
    for own in ["10.0.0.1", "fd00::1"] {
        let mut host = Host::new(own, 1);
        let listener = host.listen(80);
        let client = host.stream();
        let remote = host.at(80);
        let (op, _) = host.op(Request::Connect { socket: client, remote, data: vec![], wait: Wait::Park });
        host.completed(op).unwrap();
        let server = host.accept(listener);
        host.send(client, &[3; 50_000]);
        host.advance(Duration::from_millis(40));
        assert_eq!(host.recv(server).0, [3; 50_000]);
        host.close(client);
        assert_eq!(host.recv(server), (vec![], true));
        host.close(server);
        host.close(listener);
        host.advance(Duration::from_secs(60));
        assert!(host.engine.sockets().is_empty() && host.sent.is_empty());
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
//= type=test
//# A TCP implementation MUST reject as an error a local OPEN call for an invalid remote IP
//# address (e.g., a broadcast or multicast address) (MUST-46).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
//= type=test
//# Addresses of this form MUST NOT appear outside a host.
#[test]
fn what_cannot_be_reached_or_is_no_peer_is_refused_at_once() {
    let mut host = Host::new("10.0.0.1", 1);
    let socket = host.stream();
    for (remote, errno) in [
        ("192.0.2.1:80", Errno::ENETUNREACH),
        ("127.0.0.1:80", Errno::ENETUNREACH),
        ("224.0.0.1:80", Errno::ENETUNREACH),
        ("255.255.255.255:80", Errno::ENETUNREACH),
        ("0.0.0.0:80", Errno::EINVAL),
        ("10.0.0.2:0", Errno::EINVAL),
        ("[fd00::1]:80", Errno::EAFNOSUPPORT),
    ] {
        assert_eq!(host.errno(connect(socket, remote.parse().unwrap())), errno, "{remote}");
    }
    let family = Family::V6;
    let request = Request::Create {
        kind: SocketKind::Stream,
        family,
        session: sockwright_engine::id::SessionId(0),
        label: "".into(),
        options: OptionsPatch::default(),
    };
    assert_eq!(host.errno(request), Errno::EAFNOSUPPORT);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.3
//= type=test
//# A TCP implementation MUST silently discard an incoming SYN segment that is addressed to a
//# broadcast or multicast address [(MUST-57)].
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.3
//= type=test
//# An incoming SYN with an invalid source address MUST be ignored either by TCP or by the IP
//# layer [(MUST-63)] (see Section 3.2.1.3).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
//= type=test
//# A host MUST silently discard an incoming datagram containing an IP source address that is
//# invalid by the rules of this section.
#[test]
fn segments_from_or_to_a_group_are_dropped_in_silence() {
    let mut s = Script::listening(OptionsPatch::default());
    for (remote, local) in [
        ("224.0.0.1:4000", "10.0.0.1:80"),
        ("255.255.255.255:4000", "10.0.0.1:80"),
        ("10.0.0.9:4000", "224.0.0.1:80"),
    ] {
        (s.remote, s.local) = (remote.parse().unwrap(), local.parse().unwrap());
        s.exchange("S 0:0(0) win 100", &[]);
        assert_eq!(s.drops(), ["BAD_ADDRESS"]);
    }
}

fn syn(emit: impl FnOnce(&TcpSegment<'_>, std::net::IpAddr, std::net::IpAddr, &mut Vec<u8>)) -> Vec<u8> {
    let segment = TcpSegment { src_port: 4000, dst_port: 80, flags: Flags::SYN, ..Default::default() };
    let (from, to) = ("10.0.0.9:4000".parse().unwrap(), "10.0.0.1:80".parse().unwrap());
    ip(from, to, Protocol::Tcp, |src, dst, out| emit(&segment, src, dst, out))
}

#[test]
fn a_checksum_over_the_pseudo_header_alone_is_whole_where_the_link_allows_it() {
    let partial = syn(|segment, src, dst, out| segment.emit_partial(src, dst, [], out));
    for (checksums, answers) in [(ChecksumPolicy::Verify, 0), (ChecksumPolicy::AllowPartial, 1)] {
        let mut engine = Engine::new(Config::default(), [1; 32], IdSource::new());
        let addresses = vec![("10.0.0.1".parse().unwrap(), 24)];
        let link = LinkId(0);
        engine
            .add_interface(Interface {
                link,
                medium: Medium::Ip,
                addresses,
                mtu: 1500,
                checksums,
                offload: Offload::default(),
                shared_with_host: false,
            })
            .unwrap();
        engine.handle_frame(Instant::ZERO, link, &partial);
        let mut buf = Vec::new();
        let sent = std::iter::from_fn(|| engine.poll_transmit(Instant::ZERO, &mut buf)).count();
        assert_eq!(sent, answers);
    }
}

#[test]
fn a_corrupt_segment_is_dropped_in_silence() {
    let mut s = Script::listening(OptionsPatch::default());
    let mut frame = syn(|segment, src, dst, out| segment.emit(src, dst, out));
    *frame.last_mut().unwrap() ^= 1;
    s.host.frame(&frame);
    s.expect_nothing();
    assert_eq!(s.drops(), ["BAD_CHECKSUM"]);
}
