//! Listeners: their queues, the children in them, and their end (RFC 9293 §3.10.7.2).

mod common;

use common::script::Script;
use common::{Host, Pair, states};
use sockwright_engine::event::EventKind;
use sockwright_engine::host::op::{Outcome, Reply, Request, SocketKind, Wait};
use sockwright_engine::host::{Config, Errno, Interface, ListenerInfo, Medium, Offload};
use sockwright_engine::id::{LinkId, SocketId};
use sockwright_engine::limits::{Limit, Limits};
use sockwright_engine::tcp::config::{OptionsPatch, SynCookies};
use sockwright_engine::wire::ChecksumPolicy;
use std::time::Duration;

fn patch() -> OptionsPatch {
    OptionsPatch::default()
}

/// Clients of one listener with that backlog, each with its connect under way.
fn crowd(backlog: u32, clients: usize) -> (Pair, SocketId, Vec<(SocketId, sockwright_engine::id::OpId)>) {
    let mut pair = Pair::new();
    let listener = pair.b.listen_with(80, backlog, patch());
    let clients = (0..clients)
        .map(|_| {
            let client = pair.a.stream();
            (client, pair.a.start_connect(client, pair.b.at(80)))
        })
        .collect();
    (pair, listener, clients)
}

fn queues(host: &Host, listener: SocketId) -> ListenerInfo {
    host.engine.info(listener).unwrap().queues.unwrap()
}

#[test]
fn connections_are_accepted_in_the_order_in_which_their_handshakes_ended() {
    let mut s = Script::listening(patch());
    let mut children = Vec::new();
    for port in [4000, 4001, 4002] {
        s.remote.set_port(port);
        s.inject("S 0:0(0) win 100");
        s.sent();
        children.push((port, s.iss));
    }
    for (port, iss) in children.iter().rev() {
        s.remote.set_port(*port);
        s.iss = *iss;
        s.inject(". 1:1(0) ack 1 win 100");
    }
    for port in [4002, 4001, 4000] {
        let child = s.host.accept(s.socket);
        assert_eq!(s.host.engine.info(child).unwrap().remote.unwrap().port(), port);
    }
    let ready: Vec<u32> = s
        .host
        .events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::AcceptReady { queued, .. } => Some(queued),
            _ => None,
        })
        .collect();
    assert_eq!(ready, [1, 2, 3]);
}

#[test]
fn a_full_accept_queue_stops_handshakes_and_room_lets_them_end_later() {
    let (mut pair, listener, clients) = crowd(2, 3);
    pair.run();
    // The third handshake was begun before the queue was full: its client believes that it is over.
    assert!(clients.iter().all(|(client, _)| pair.a.state(*client) == "ESTABLISHED"));
    let full = ListenerInfo { backlog: 2, half_open: 1, accept_queue: 2, overflows: 1 };
    assert_eq!(queues(&pair.b, listener), full);
    assert_eq!(pair.b.drops(), ["ACCEPT_QUEUE_FULL"]);
    // A SYN that comes now is dropped.
    let late = pair.a.stream();
    let connect = pair.a.start_connect(late, pair.b.at(80));
    pair.run();
    assert_eq!(pair.a.state(late), "SYN-SENT");
    pair.b.accept(listener);
    pair.b.accept(listener);
    // The SYN,ACK goes again, and its answer finds room; so does the SYN.
    pair.advance(Duration::from_secs(1));
    let room = ListenerInfo { backlog: 2, half_open: 0, accept_queue: 2, overflows: 2 };
    assert_eq!(queues(&pair.b, listener), room);
    pair.a.completed(connect).unwrap();
}

#[test]
fn data_for_a_handshake_that_found_no_room_comes_again() {
    let (mut pair, listener, clients) = crowd(1, 2);
    pair.run();
    pair.a.send(clients[1].0, b"early");
    pair.run();
    pair.b.accept(listener);
    pair.advance(Duration::from_secs(3));
    let child = pair.b.accept(listener);
    assert_eq!(pair.b.recv(child).0, b"early");
}

#[test]
fn the_limit_of_handshakes_under_way_drops_syns() {
    let limits = Limits { half_open: 2, ..Limits::default() };
    let host = Host::with_config("10.0.0.1", 1, Config { limits, ..Config::default() });
    let options = OptionsPatch { syn_cookies: Some(SynCookies::Off), ..patch() };
    let mut s = Script::listening_on(host, options);
    for port in [4000, 4001] {
        s.remote.set_port(port);
        s.inject("S 0:0(0) win 100");
        assert_eq!(s.sent().len(), 1);
    }
    s.remote.set_port(4002);
    s.exchange("S 0:0(0) win 100", &[]);
    assert_eq!(s.drops(), ["SYN_QUEUE_FULL"]);
    assert_eq!(s.host.limit_hits(Limit::HalfOpen), 1);
    assert_eq!(s.host.engine.counters().limits_hit[&Limit::HalfOpen], 1);
    // A handshake that is given up makes room.
    s.remote.set_port(4000);
    s.inject("R 1:1(0) win 0");
    s.remote.set_port(4002);
    s.inject("S 0:0(0) win 100");
    assert_eq!(s.sent().len(), 1);
}

#[test]
fn a_closed_listener_resets_who_waits_and_forgets_who_was_about_to() {
    let mut s = Script::listening(patch());
    s.inject("S 0:0(0) win 100");
    s.sent();
    s.inject(". 1:1(0) ack 1 win 100");
    let waiting = s.child();
    let port = s.remote.port();
    s.remote.set_port(4001);
    let first_iss = s.iss;
    s.inject("S 0:0(0) win 100");
    s.sent();
    let half_open = s.child();
    let second_iss = s.iss;
    let parked = s.host.op(Request::Accept { socket: s.socket, wait: Wait::Park });
    assert!(matches!(parked.1, Outcome::Done(Ok(_))), "one was waiting");
    let accepted = waiting;
    // Another that waits.
    s.remote.set_port(4002);
    s.inject("S 0:0(0) win 100");
    s.sent();
    s.inject(". 1:1(0) ack 1 win 100");
    let waiting = s.child();
    s.host.close(s.socket);
    s.expect(&["R. 1:1(0) ack 1 win 0"]);
    assert_eq!(states(&s.host.events, half_open), ["LISTEN", "SYN-RECEIVED", "CLOSED"]);
    assert_eq!(states(&s.host.events, waiting), ["LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSED"]);
    assert_eq!(s.host.engine.sockets(), [accepted], "who was accepted lives on");
    // The answer of the one that was about to.
    s.remote.set_port(4001);
    s.iss = second_iss;
    s.exchange(". 1:1(0) ack 1 win 100", &["R 1:1(0) win 0"]);
    s.remote.set_port(port);
    s.iss = first_iss;
    s.exchange("P. 1:3(2) ack 1 win 100", &[]);
    s.host.close(accepted);
    assert_eq!(s.sent().len(), 1);
}

#[test]
fn a_waiting_accept_ends_with_its_listener() {
    let mut host = Host::new("10.0.0.1", 1);
    let socket = host.listen(80);
    let (op, outcome) = host.op(Request::Accept { socket, wait: Wait::Park });
    assert_eq!(outcome, Outcome::Parked);
    host.close(socket);
    assert_eq!(host.completed(op).unwrap_err().errno, Errno::ECONNABORTED);
    assert!(host.engine.sockets().is_empty());
}

#[test]
fn a_child_that_its_peer_reset_is_accepted_and_says_so() {
    let mut s = Script::listening(patch());
    s.inject("S 0:0(0) win 100");
    s.sent();
    s.inject("P. 1:3(2) ack 1 win 100");
    s.inject("R 3:3(0) win 0");
    let child = s.host.accept(s.socket);
    let recv = Request::Recv { socket: child, max: 1, min: 1, peek: false, wait: Wait::Never };
    assert_eq!(s.host.errno(recv), Errno::ECONNRESET);
    s.host.close(child);
    assert_eq!(s.host.engine.sockets(), [s.socket]);
}

#[test]
fn a_child_belongs_to_nobody_before_it_is_accepted() {
    let mut s = Script::listening(patch());
    s.inject("S 0:0(0) win 100");
    s.sent();
    s.inject(". 1:1(0) ack 1 win 100");
    let child = s.child();
    let send = Request::Send { socket: child, data: vec![1], urgent: false, wait: Wait::Never };
    assert_eq!(s.host.errno(send), Errno::EBADF);
    s.host.abort(child);
    assert_eq!(s.sent(), ["R. 1:1(0) ack 1 win 0"]);
    assert_eq!(queues(&s.host, s.socket).accept_queue, 0);
}

#[test]
fn an_accept_that_nobody_received_is_given_back_and_comes_first() {
    let (mut pair, listener, _) = crowd(4, 2);
    pair.run();
    let first = pair.b.call(Request::Accept { socket: listener, wait: Wait::Never }).unwrap();
    let Reply::Accepted { socket: child, .. } = first else { panic!() };
    pair.b.engine.restore(pair.b.now, listener, first);
    pair.b.drain();
    assert_eq!(pair.b.accept(listener), child);
}

#[test]
fn an_accept_that_nobody_received_after_its_listener_closed_is_reset() {
    let (mut pair, listener, clients) = crowd(4, 1);
    pair.run();
    let reply = pair.b.call(Request::Accept { socket: listener, wait: Wait::Never }).unwrap();
    pair.b.close(listener);
    pair.b.engine.restore(pair.b.now, listener, reply);
    pair.b.drain();
    pair.run();
    assert!(pair.b.engine.sockets().is_empty());
    assert_eq!(pair.a.state(clients[0].0), "CLOSED");
}

#[test]
fn a_listener_that_vanishes_says_nothing_to_anybody() {
    let mut s = Script::listening(patch());
    s.inject("S 0:0(0) win 100");
    s.sent();
    s.host.call(Request::Vanish { socket: s.socket }).unwrap();
    s.exchange(". 1:1(0) ack 1 win 100", &[]);
    s.exchange("P. 1:11(10) ack 1 win 100", &[]);
    assert_eq!(s.drops(), ["VANISHED", "VANISHED"]);
    assert_eq!(s.host.engine.poll_timeout(), None);
}

#[test]
fn a_listener_on_any_address_takes_connections_to_each() {
    let mut pair = Pair::new();
    let listener = pair.b.stream();
    let local = "0.0.0.0:80".parse().unwrap();
    pair.b.call(Request::Bind { socket: listener, local }).unwrap();
    pair.b.call(Request::Listen { socket: listener, backlog: 0 }).unwrap();
    let client = pair.a.stream();
    let connect = pair.a.start_connect(client, pair.b.at(80));
    pair.run();
    pair.a.completed(connect).unwrap();
    let child = pair.b.accept(listener);
    assert_eq!(pair.b.engine.info(child).unwrap().local, Some(pair.b.at(80)));
    assert_eq!(queues(&pair.b, listener).backlog, 128);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
//= type=test
//# Every passive OPEN call either creates a new connection record in LISTEN state, or it
//# returns an error; it MUST NOT affect any previously created connection record (MUST-41).
#[test]
fn a_second_listener_is_refused_and_the_first_goes_on() {
    let reuse = OptionsPatch { reuse_address: Some(true), ..patch() };
    let mut pair = Pair::new();
    let [first, second] = [(); 2].map(|()| {
        let socket = pair.b.create(SocketKind::Stream, reuse.clone());
        pair.b.bind(socket, 80);
        socket
    });
    pair.b.call(Request::Listen { socket: first, backlog: 1 }).unwrap();
    assert_eq!(pair.b.errno(Request::Listen { socket: second, backlog: 1 }), Errno::EADDRINUSE);
    let client = pair.a.stream();
    let connect = pair.a.start_connect(client, pair.b.at(80));
    pair.run();
    pair.a.completed(connect).unwrap();
    pair.b.accept(first);
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
//= type=test
//# A host MUST silently discard an incoming datagram that is not destined for the host.
#[test]
fn a_segment_for_another_host_is_dropped_in_silence() {
    let mut s = Script::listening(patch());
    s.local = "10.0.0.7:80".parse().unwrap();
    s.exchange("S 0:0(0) win 5000", &[]);
    assert_eq!(s.drops(), ["NOT_OUR_ADDRESS"]);
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
//= type=test
//# MUST NOT be sent, except as a source address as part of an initialization procedure by
//# which the host learns its own IP address.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
//= type=test
//# It MUST NOT be sent, except as a source address as part of an initialization procedure by
//# which the host learns its full IP address.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
//= type=test
//# It MUST NOT be used as a source address.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
//= type=test
//# A host MUST support the subnet extensions to IP [IP:3].
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.9
//= type=test
//# A host MUST support the first, and MAY implement all three, of the following methods for
//# determining the address mask(s) corresponding to its IP address(es):
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.9
//= type=test
//# A host SHOULD make some reasonableness check on any address mask it installs; see
//# IMPLEMENTATION section below.
#[test]
fn an_interface_has_unicast_addresses_with_prefixes_that_fit_them() {
    for (address, prefix) in [
        ("0.0.0.0", 24),
        ("255.255.255.255", 24),
        ("224.0.0.1", 24),
        ("10.2.0.0", 24),
        ("10.2.0.255", 24),
        ("10.2.0.1", 33),
    ] {
        let mut host = Host::new("10.0.0.1", 1);
        let addresses = vec![(address.parse().unwrap(), prefix)];
        let interface = Interface {
            link: LinkId(1),
            addresses,
            mtu: 1500,
            checksums: ChecksumPolicy::Verify,
            offload: Offload::default(),
            medium: Medium::Ip,
            shared_with_host: false,
        };
        assert!(host.engine.add_interface(interface).is_err(), "{address}/{prefix}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
//= type=test
//# A TCP implementation that supports multiple concurrent connections MUST provide an OPEN
//# call that will functionally allow an application to LISTEN on a port while a connection
//# block with the same local port is in SYN-SENT or SYN-RECEIVED state (MUST-42).
#[test]
fn a_port_listens_while_a_connection_of_it_is_being_opened() {
    let reuse = OptionsPatch { reuse_address: Some(true), ..patch() };
    let mut s = Script::connecting(reuse.clone());
    s.sent();
    for state in ["SYN-SENT", "SYN-RECEIVED"] {
        assert_eq!(s.state(), state);
        let listener = s.host.listen_with(4000, 1, reuse.clone());
        assert_eq!(s.host.state(listener), "LISTEN");
        s.host.close(listener);
        // The peer opens at once with us.
        s.inject("S 0:0(0) win 5000");
    }
}

/// The LAND attack: answered, it would be answered again without end.
#[test]
fn a_syn_that_claims_to_come_from_the_listener_itself_is_dropped_in_silence() {
    let mut host = Host::new("10.0.0.1", 1);
    host.listen(80);
    let segment = sockwright_engine::wire::TcpSegment {
        src_port: 80,
        dst_port: 80,
        flags: sockwright_engine::wire::Flags::SYN,
        ..Default::default()
    };
    let protocol = sockwright_engine::wire::Protocol::Tcp;
    let header = sockwright_engine::wire::IpHeader {
        src: host.ip,
        dst: host.ip,
        protocol,
        hop_limit: 64,
        ecn: 0,
        dscp: 0,
        ident: 0,
        options: Default::default(),
    };
    let mut frame = Vec::new();
    header.emit(segment.len(), &mut frame);
    segment.emit(host.ip, host.ip, &mut frame);
    host.frame(&frame);
    assert_eq!(host.drops(), ["BAD_ADDRESS"]);
    assert!(host.sent.is_empty());
    assert_eq!(host.engine.sockets().len(), 1, "nothing is half open");
}
