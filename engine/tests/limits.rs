//! Each limit is hit, holds, is counted and told. (`half_open` is in `listening.rs`, those of the IP layer are in
//! `fragments.rs` and `icmp_errors.rs`, those of neighbors and routes in `neighbors.rs` and `routes.rs`, those of buffers that
//! grow in `buffer_tuning.rs`.)

mod common;

use common::script::{Script, ip};
use common::{Host, Pair};
use sockwright_engine::event::EventKind;
use sockwright_engine::host::op::{Family, Outcome, Request, SocketKind, Wait};
use sockwright_engine::host::{Config, Errno, Interface, Medium, Offload};
use sockwright_engine::id::{LinkId, SessionId, SocketId};
use sockwright_engine::limits::{Limit, Limits};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::wire::{ChecksumPolicy, IcmpMessage, Protocol, UdpDatagram};
use std::net::SocketAddr;
use std::time::Duration;

fn config(limits: Limits) -> Config {
    Config { limits, ..Config::default() }
}

fn host(limits: Limits) -> Host {
    Host::with_config("10.0.0.1", 1, config(limits))
}

#[track_caller]
fn was_hit(host: &Host, limit: Limit, times: u64) {
    assert_eq!(host.engine.counters().limits_hit.get(&limit), Some(&times), "the counter of {limit}");
    assert_eq!(host.limit_hits(limit) as u64, times, "the events of {limit}");
}

fn create(kind: SocketKind) -> Request {
    let (family, session, options) = (Family::V4, SessionId(0), OptionsPatch::default());
    Request::Create { kind, family, session, label: "".into(), options }
}

#[test]
fn sockets() {
    let mut host = host(Limits { sockets: 2, ..Limits::default() });
    host.listen(80);
    let other = host.stream();
    assert_eq!(host.errno(create(SocketKind::Stream)), Errno::EMFILE);
    was_hit(&host, Limit::Sockets, 1);
    host.close(other);
    host.stream();
}

#[test]
fn sockets_of_syns() {
    let mut s =
        Script::listening_on(host(Limits { sockets: 1, ..Limits::default() }), OptionsPatch::default());
    s.exchange("S 0:0(0) win 100", &[]);
    assert_eq!(s.drops(), ["SOCKET_LIMIT"]);
    was_hit(&s.host, Limit::Sockets, 1);
}

#[test]
fn backlog() {
    let mut host = host(Limits { backlog: 3, ..Limits::default() });
    let listener = host.listen_with(80, 4, OptionsPatch::default());
    assert_eq!(host.engine.info(listener).unwrap().queues.unwrap().backlog, 3);
    was_hit(&host, Limit::Backlog, 1);
}

#[test]
fn time_wait() {
    let host = host(Limits { time_wait: 2, ..Limits::default() });
    let mut s = Script::listening_on(host, OptionsPatch::default());
    let mut closed = Vec::new();
    for port in 4000..4003 {
        s.remote.set_port(port);
        s.handshake("S 0:0(0) win 100", 100);
        s.host.close(s.socket);
        s.inject("F. 1:1(0) ack 2 win 100");
        s.sent();
        closed.push(s.socket);
        s.advance(1);
    }
    let state = |s: &Script, i: usize| s.host.state(closed[i]);
    assert_eq!([state(&s, 0), state(&s, 1), state(&s, 2)], ["gone", "TIME-WAIT", "TIME-WAIT"]);
    was_hit(&s.host, Limit::TimeWait, 1);
}

#[test]
fn time_waits_that_ended_count_no_more() {
    let host = host(Limits { time_wait: 2, ..Limits::default() });
    let mut s = Script::listening_on(host, OptionsPatch::default());
    for port in 4000..4010 {
        s.remote.set_port(port);
        s.handshake("S 0:0(0) win 100", 100);
        // The first stays longer than all of the others.
        let msl = Some(Duration::from_secs(if port == 4000 { 3600 } else { 1 }));
        let options = OptionsPatch { msl, ..OptionsPatch::default() };
        s.host.call(Request::SetOptions { socket: s.socket, options }).unwrap();
        s.host.close(s.socket);
        s.inject("F. 1:1(0) ack 2 win 100");
        s.sent();
        s.advance(2000);
    }
    assert_eq!(s.host.limit_hits(Limit::TimeWait), 0);
    assert_eq!(s.host.engine.sockets().len(), 2, "the listener and the first");
}

#[test]
fn out_of_order_pieces() {
    let limits = Limits { out_of_order_pieces: 2, ..Limits::default() };
    let mut s = Script::accepted_in(config(limits), OptionsPatch::default());
    for at in [11, 31, 51] {
        s.exchange(&format!("P. {at}:{}(5) ack 1 win 100", at + 5), &[". 1:1(0) ack 1 win 65535"]);
    }
    assert_eq!(s.drops(), ["OUT_OF_ORDER_LIMIT"]);
    was_hit(&s.host, Limit::OutOfOrderPieces, 1);
    assert_eq!(s.info().out_of_order, 10);
}

#[test]
fn parked_calls() {
    let limits = Limits { parked_calls: 2, ..Limits::default() };
    let mut s = Script::accepted_in(config(limits), OptionsPatch::default());
    let recv = Request::Recv { socket: s.socket, max: 1, min: 1, peek: false, wait: Wait::Park };
    assert_eq!(s.host.op(recv.clone()).1, Outcome::Parked);
    assert_eq!(s.host.op(recv.clone()).1, Outcome::Parked);
    assert_eq!(s.host.errno(recv), Errno::ENOBUFS);
    was_hit(&s.host, Limit::ParkedCalls, 1);
}

fn datagram(len: usize) -> Vec<u8> {
    let payload = vec![0; len];
    let datagram = UdpDatagram { src_port: 4000, dst_port: 53, payload: &payload };
    let (from, to) = ("10.0.0.9:4000".parse().unwrap(), "10.0.0.1:53".parse().unwrap());
    ip(from, to, Protocol::Udp, |src, dst, out| datagram.emit(src, dst, out))
}

//= https://www.rfc-editor.org/rfc/rfc4443#section-3.1
//= type=test
//# (An ICMPv6 message MUST NOT be generated if a packet is dropped due to congestion.)
#[test]
fn datagram_bytes() {
    // Two of them have 100 octets, and the first costs 64 more.
    let mut host = host(Limits { datagram_bytes: 164, ..Limits::default() });
    let socket = host.create(SocketKind::Datagram, OptionsPatch::default());
    host.bind(socket, 53);
    for len in [60, 60, 40] {
        host.frame(&datagram(len));
    }
    let info = host.engine.info(socket).unwrap().datagrams.unwrap();
    assert_eq!((info.queued, info.queued_bytes, info.overflows), (2, 100, 1));
    assert_eq!(host.drops(), ["DATAGRAM_QUEUE_FULL"]);
    assert!(host.sent.is_empty());
    was_hit(&host, Limit::DatagramBytes, 1);
}

#[test]
fn heard_remotes() {
    let mut host = host(Limits { heard_remotes: 2, ..Limits::default() });
    let socket = host.create(SocketKind::Datagram, OptionsPatch::default());
    host.bind(socket, 53);
    let remotes = [4000, 4001, 4002].map(|port| SocketAddr::from(([10, 0, 0, 9], port)));
    for remote in remotes {
        let datagram = UdpDatagram { src_port: remote.port(), dst_port: 53, payload: b"x" };
        host.frame(&ip(remote, host.at(53), Protocol::Udp, |src, dst, out| datagram.emit(src, dst, out)));
        host.advance(Duration::from_secs(2));
    }
    let heard = |host: &Host| remotes.map(|remote| host.engine.has_heard(host.now, socket, remote));
    assert_eq!(heard(&host), [false, true, true]);
    was_hit(&host, Limit::HeardRemotes, 1);
    host.advance(Duration::from_secs(117));
    assert_eq!(heard(&host), [false, false, true]);
}

#[test]
fn stray_packets() {
    // One closing listener resets three at once.
    let limits = Limits { stray_packets: 2, ..Limits::default() };
    let mut s = Script::listening_on(host(limits), OptionsPatch::default());
    for port in 4000..4003 {
        s.remote.set_port(port);
        s.inject("S 0:0(0) win 100");
        s.sent();
        s.inject(". 1:1(0) ack 1 win 100");
    }
    s.host.close(s.socket);
    assert_eq!(s.host.take_sent().len(), 2);
    was_hit(&s.host, Limit::StrayPackets, 1);
}

#[test]
fn loopback_frames() {
    let mut host = host(Limits { loopback_frames: 2, ..Limits::default() });
    let listener = host.listen(80);
    let client = host.stream();
    let remote = host.at(80);
    let connect = host.start_connect(client, remote);
    host.completed(connect).unwrap();
    let server = host.accept(listener);
    host.send(client, &[1; 20_000]);
    assert!(host.limit_hits(Limit::LoopbackFrames) > 0);
    // What was lost goes again, as on any wire.
    let mut received = 0;
    while received < 20_000 {
        received += host.recv(server).0.len();
        host.advance(Duration::from_secs(5));
        if host.engine.info(server).unwrap().tcp.unwrap().receive_queue == 0 {
            break;
        }
    }
    assert_eq!(received, 20_000);
}

//= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
//= type=test
//# The rate-limiting parameters SHOULD be configurable.
#[test]
fn stray_replies_per_second() {
    let mut host = host(Limits { stray_replies_per_second: 2, ..Limits::default() });
    for _ in 0..3 {
        host.frame(&datagram(1));
    }
    assert_eq!(host.sent.len(), 2);
    was_hit(&host, Limit::StrayRepliesPerSecond, 1);
    // Resets share it, and each second begins anew.
    host.advance(Duration::from_secs(1));
    let mut s = Script::listening_on(host, OptionsPatch::default());
    s.host.sent.clear();
    s.local.set_port(81);
    for answers in [1, 1, 0] {
        s.inject("S 0:0(0) win 100");
        assert_eq!(s.sent().len(), answers);
    }
}

//= https://www.rfc-editor.org/rfc/rfc5961#section-7
//= type=test
//# The values for both the time and number of ACKs SHOULD be tunable by the system
//# administrator to accommodate different perceived levels of threat and/or system resources.
//= https://www.rfc-editor.org/rfc/rfc5961#section-7
//= type=test
//# An implementation SHOULD include an ACK throttling mechanism to be conservative.
//= https://www.rfc-editor.org/rfc/rfc5961#section-7
//= type=test
//# The values for both the time and number of ACKs SHOULD be tunable by the system
//# administrator to accommodate different perceived levels of threat and/or system resources.
#[test]
fn challenge_acks_per_second() {
    let limits = Limits { challenge_acks_per_second: 2, ..Limits::default() };
    let mut s = Script::accepted_in(config(limits), OptionsPatch::default());
    // Others may spend it for this connection, which spends no more than one in half a second itself.
    let mut clients = vec![s.remote.port()];
    for port in 5000..5004 {
        s.remote.set_port(port);
        s.handshake("S 0:0(0) win 10000 <mss 1000>", 10_000);
        clients.push(port);
    }
    let challenged = |s: &mut Script| -> usize {
        let each = clients.iter().map(|port| {
            s.remote.set_port(*port);
            s.inject("R 5:5(0) win 0");
            s.host.sent.drain(..).count()
        });
        each.sum()
    };
    let mut told = 0;
    let mut answered = Vec::new();
    for _ in 0..20 {
        let answers = challenged(&mut s);
        told += 5 - answers as u64;
        answered.push(answers);
        s.advance(1000);
    }
    // Sometimes one, sometimes two: an outsider who counts them learns nothing.
    assert!(answered.iter().all(|answers| (1..=2).contains(answers)), "{answered:?}");
    assert!(answered.contains(&1) && answered.contains(&2));
    was_hit(&s.host, Limit::ChallengeAcksPerSecond, told);
}

#[test]
fn vanished() {
    let host = host(Limits { vanished: 1, ..Limits::default() });
    let mut s = Script::listening_on(host, OptionsPatch::default());
    let mut isns = Vec::new();
    for port in [4000, 4001] {
        s.remote.set_port(port);
        s.handshake("S 0:0(0) win 100", 100);
        isns.push(s.iss);
        s.host.call(Request::Vanish { socket: s.socket }).unwrap();
        s.expect_nothing();
    }
    was_hit(&s.host, Limit::Vanished, 1);
    // Of the first nothing is known any more: the listener answers for it. The second one is silent still.
    s.exchange("P. 1:3(2) ack 1 win 100", &[]);
    s.remote.set_port(4000);
    s.iss = isns[0];
    s.exchange("P. 1:3(2) ack 1 win 100", &["R 1:1(0) win 0"]);
}

/// An open connection with SACK, and eight segments of 1000 octets in flight.
fn eight_in_flight(limits: Limits) -> Script {
    eight_in_flight_of(host(limits))
}

/// The same, and they left as one super-segment.
fn eight_at_once_in_flight(limits: Limits) -> Script {
    let interface = Interface {
        link: LinkId(0),
        addresses: vec![("10.0.0.1".parse().unwrap(), 24)],
        mtu: 1500,
        checksums: ChecksumPolicy::Verify,
        offload: Offload { checksums: true, segmentation: 65_535 },
        medium: Medium::Ip,
        shared_with_host: false,
    };
    eight_in_flight_of(Host::with_interface(interface, 1, config(limits)))
}

fn eight_in_flight_of(host: Host) -> Script {
    let options = OptionsPatch { sack: Some(true), ..OptionsPatch::default() };
    let mut s = Script::listening_on(host, options);
    s.handshake("S 0:0(0) win 60000 <mss 1000,sackOK>", 60_000);
    s.send(8000);
    s
}

#[test]
fn scoreboard_records() {
    let mut s = eight_in_flight(Limits { scoreboard_records: 3, ..Limits::default() });
    assert_eq!(s.sent().len(), 3);
    assert!(s.host.limit_hits(Limit::ScoreboardRecords) > 0);
    s.inject(". 1:1(0) ack 2001 win 60000");
    assert_eq!(s.sent().len(), 2, "two have left the scoreboard");
}

#[test]
fn scoreboard_records_of_super_segments() {
    let mut s = eight_at_once_in_flight(Limits { scoreboard_records: 3, ..Limits::default() });
    assert_eq!((s.sent().len(), s.host.cut.last()), (3, Some(&3)));
    assert!(s.host.limit_hits(Limit::ScoreboardRecords) > 0);
    s.inject(". 1:1(0) ack 2001 win 60000");
    assert_eq!(s.sent().len(), 2, "two have left the scoreboard");
}

#[test]
fn scoreboard_cuts() {
    let mut s = eight_in_flight(Limits { scoreboard_cuts: 2, ..Limits::default() });
    s.sent();
    s.inject(". 1:1(0) ack 1 win 60000 <sack 2501:3501>");
    assert_eq!(s.host.limit_hits(Limit::ScoreboardCuts), 0);
    // Only what it covers wholly is marked from now on: of 1000 octets here none.
    s.inject(". 1:1(0) ack 1 win 60000 <sack 5501:6501 2501:3501>");
    was_hit(&s.host, Limit::ScoreboardCuts, 1);
}

#[test]
fn scoreboard_cuts_of_super_segments() {
    let mut s = eight_at_once_in_flight(Limits { scoreboard_cuts: 2, ..Limits::default() });
    assert_eq!((s.sent().len(), s.host.cut.last()), (8, Some(&8)));
    // Between two of its segments nothing is cut in two.
    s.inject(". 1:1(0) ack 1 win 60000 <sack 5001:6001 3001:4001 1001:2001>");
    assert_eq!(s.host.limit_hits(Limit::ScoreboardCuts), 0);
    s.inject(". 1:1(0) ack 1 win 60000 <sack 6501:7501 5001:6001 3001:4001>");
    assert_eq!(s.host.limit_hits(Limit::ScoreboardCuts), 0);
    s.inject(". 1:1(0) ack 1 win 60000 <sack 2501:2601 6501:7501 5001:6001>");
    was_hit(&s.host, Limit::ScoreboardCuts, 1);
}

#[test]
fn every_limit_has_a_test() {
    let here = [
        include_str!("limits.rs"),
        include_str!("listening.rs"),
        include_str!("fragments.rs"),
        include_str!("icmp_errors.rs"),
        include_str!("neighbors.rs"),
        include_str!("routes.rs"),
        include_str!("path_mtu.rs"),
        include_str!("fast_open.rs"),
        include_str!("buffer_tuning.rs"),
    ]
    .concat();
    for limit in Limit::ALL {
        assert!(here.contains(&format!("Limit::{limit:?}")), "{limit} has none");
    }
}

#[test]
fn limits_are_told_to_whoever_watches_nothing_else() {
    let mut pair = Pair::new();
    pair.a.engine.set_interest(sockwright_engine::event::Interest::NONE);
    let unknown = SocketId(1 << 40);
    assert_eq!(pair.a.errno(Request::Close { socket: unknown }), Errno::EBADF);
    let echo = IcmpMessage::EchoRequest { ident: 1, seq: 1, data: &[] };
    let frame = ip(pair.b.at(1), pair.a.at(1), Protocol::Icmpv4, |src, dst, out| echo.emit(src, dst, out));
    pair.a.frame(&frame);
    pair.a.listen_with(80, 1 << 20, OptionsPatch::default());
    assert!(pair.a.events.iter().any(|event| event.kind == EventKind::LimitHit(Limit::Backlog)));
}
