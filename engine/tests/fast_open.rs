//! TCP Fast Open (RFC 7413), both sides.

mod common;

use std::time::Duration;

use common::script::{Script, ip, octets, plain};
use common::{Host, Pair};
use sockwright_engine::host::op::{Outcome, Reply, Request, SocketKind, Wait};
use sockwright_engine::host::{Config, Errno};
use sockwright_engine::id::{OpId, SocketId};
use sockwright_engine::limits::{Limit, Limits};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::tcp::info::FastOpenFailure;
use sockwright_engine::wire::{IcmpMessage, Protocol, Quoted, Unreachable};

fn on() -> OptionsPatch {
    OptionsPatch { fast_open: Some(true), ..OptionsPatch::default() }
}

fn connect(host: &mut Host, socket: SocketId, remote: std::net::SocketAddr, data: Vec<u8>) -> OpId {
    let (op, outcome) = host.op(Request::Connect { socket, remote, data, wait: Wait::Park });
    assert_eq!(outcome, Outcome::Parked);
    op
}

/// A client whose SYN is out, as a peer by hand sees it; `cookie` is what an earlier connection got from the server.
fn client(cookie: Option<&str>, data: usize) -> Script {
    let mut s = Script::connecting(plain(on()));
    if let Some(cookie) = cookie {
        s.expect(&["S 0:0(0) win 65535 <mss 1460,FO>"]);
        s.exchange(
            &format!("S. 0:0(0) ack 1 win 10000 <mss 1000,FO {cookie}>"),
            &[". 1:1(0) ack 1 win 65535"],
        );
        again(&mut s, data);
    }
    s
}

/// The client gives up what it has, and opens once more from the same port.
fn again(s: &mut Script, data: usize) {
    s.host.abort(s.socket);
    s.sent();
    s.socket = s.host.create(SocketKind::Stream, plain(on()));
    s.host.bind(s.socket, 4000);
    s.connect = Some(connect(&mut s.host, s.socket, s.remote, octets(1, data)));
}

/// A listener with Fast Open, and the cookie that it gave the peer.
fn server(config: Config) -> (Script, String) {
    let host = Host::with_config("10.0.0.1", 1, config);
    let mut s = Script::listening_on(host, plain(on()));
    s.inject("S 0:0(0) win 10000 <mss 1000,FO>");
    let syn_ack = s.sent().pop().unwrap();
    let cookie = syn_ack.split("FO ").nth(1).expect(&syn_ack).trim_end_matches('>').to_owned();
    s.inject("R. 1:1(0) ack 1 win 0");
    s.host.events.clear();
    (s, cookie)
}

fn accept(s: &mut Script) {
    s.socket = s.host.accept(s.listener.unwrap());
}

//= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.1
//= type=test
//# Any client attempting TFO MUST first request a cookie from the server
//# with the following steps:
//= https://www.rfc-editor.org/rfc/rfc7413#section-4.1.3
//= type=test
//# The client MUST cache cookies from servers for later Fast Open
//# connections.
//= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
//= type=test
//# To open a TFO connection, the client MUST have obtained a cookie from
//# the server:
//= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
//= type=test
//# The client SHOULD perform the following steps upon receiving the SYN-
//# ACK:
#[test]
fn a_client_asks_for_a_cookie_and_uses_it_the_next_time() {
    let mut s = client(None, 0);
    s.expect(&["S 0:0(0) win 65535 <mss 1460,FO>"]);
    assert_eq!(s.info().fast_open_failure, None, "it is still to be seen");
    s.exchange("S. 0:0(0) ack 1 win 10000 <mss 1000>", &[". 1:1(0) ack 1 win 65535"]);
    assert_eq!(s.info().fast_open_failure, Some(FastOpenFailure::CookieUnavailable));
    let mut s = client(Some("0102030405060708"), 100);
    s.expect(&["S 0:100(100) win 65535 <mss 1460,FO 0102030405060708>"]);
    // Both are acknowledged: the connection is open, and the data is done with.
    s.exchange("S. 0:0(0) ack 101 win 10000 <mss 1000>", &[". 101:101(0) ack 1 win 65535"]);
    let connect = s.connect.unwrap();
    assert!(matches!(s.host.completed(connect), Ok(Reply::Connected { .. })));
    assert_eq!((s.state(), s.info().send_queue, s.info().fast_open), ("ESTABLISHED", 0, true));
    assert_eq!(s.info().fast_open_failure, None);
    assert_eq!(s.host.engine.poll_timeout(), None);
}

//= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
//= type=test
//# The client SHOULD retransmit
//# any unacknowledged data in the first ACK packet in step 2.
//= https://www.rfc-editor.org/rfc/rfc7413#section-4.1.3.1
//= type=test
//# The client MUST cache negative responses from the server in order to
//# avoid potential connection failures.
#[test]
fn data_that_the_server_did_not_take_goes_again_at_once() {
    let mut s = client(Some("0102030405060708"), 100);
    s.sent();
    s.exchange("S. 0:0(0) ack 1 win 10000 <mss 1000>", &["P. 1:101(100) ack 1 win 65535"]);
    assert!(!s.info().fast_open);
    assert_eq!(s.info().fast_open_failure, Some(FastOpenFailure::DataNotAcked));
    s.inject(". 1:1(0) ack 101 win 10000");
    assert_eq!((s.info().send_queue, s.info().totals.retransmissions), (0, 0));
    // The server said no and gave no cookie: it is not tried again for a while.
    again(&mut s, 10);
    s.expect(&["S 0:0(0) win 65535 <mss 1460>"]);
}

#[test]
fn a_server_that_gives_another_cookie_is_tried_again_with_that() {
    let mut s = client(Some("0102030405060708"), 100);
    s.sent();
    s.exchange("S. 0:0(0) ack 1 win 10000 <mss 1000,FO aabbccdd>", &["P. 1:101(100) ack 1 win 65535"]);
    again(&mut s, 10);
    s.expect(&["S 0:10(10) win 65535 <mss 1460,FO aabbccdd>"]);
}

//= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
//= type=test
//# To deal with network or servers dropping SYN packets with payload or
//# unknown options, when the SYN timer fires, the client SHOULD
//# retransmit a SYN packet without data and Fast Open options.
#[test]
fn a_syn_that_nobody_answers_goes_again_as_an_ordinary_one() {
    let mut s = client(Some("0102030405060708"), 100);
    s.sent();
    s.expect_after(1000, &["S 0:0(0) win 65535 <mss 1460>"]);
    assert_eq!(s.info().fast_open_failure, Some(FastOpenFailure::SynRetransmitted));
    // Of the plain SYN:
    s.exchange("S. 0:0(0) ack 1 win 10000 <mss 1000>", &["P. 1:101(100) ack 1 win 65535"]);
    again(&mut s, 10);
    s.expect(&["S 0:0(0) win 65535 <mss 1460>"]);
    // After a while it is tried again.
    s.inject("R. 0:0(0) ack 1 win 0");
    s.host.advance(Duration::from_secs(3600));
    again(&mut s, 10);
    s.expect(&["S 0:10(10) win 65535 <mss 1460,FO 0102030405060708>"]);
}

#[test]
fn the_answer_to_the_first_syn_may_come_after_the_second() {
    let mut s = client(Some("0102030405060708"), 100);
    s.sent();
    s.advance(1000);
    s.sent();
    s.exchange("S. 0:0(0) ack 101 win 10000 <mss 1000>", &[". 101:101(0) ack 1 win 65535"]);
    assert_eq!((s.state(), s.info().send_queue), ("ESTABLISHED", 0));
}

//= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
//= type=test
//# Include any data up to the cached server MSS or
//# default 536 bytes.
#[test]
fn the_syn_takes_what_the_servers_segments_may_hold() {
    let mut s = client(Some("0102030405060708"), 5000);
    // 1000 less 4 of the MSS and 12 of the cookie.
    s.expect(&["S 0:984(984) win 65535 <mss 1460,FO 0102030405060708>"]);
    s.exchange(
        "S. 0:0(0) ack 985 win 10000 <mss 1000>",
        &[
            ". 985:1985(1000) ack 1 win 65535",
            ". 1985:2985(1000) ack 1 win 65535",
            ". 2985:3985(1000) ack 1 win 65535",
            ". 3985:4985(1000) ack 1 win 65535",
        ],
    );
}

//= https://www.rfc-editor.org/rfc/rfc7413#section-2
//= type=test
//# Therefore, TCP implementations MUST NOT use TFO by default, but only
//# use TFO if requested explicitly by the application on a per-service-
//# port basis.
//= https://www.rfc-editor.org/rfc/rfc7413#section-4.2
//= type=test
//# FastOpenEnabled: default is off.  It MUST be turned on explicitly by
//# the application.  When this flag is off, the server does not
//# perform any TFO-related operations and MUST ignore all cookie
//# options.
#[test]
fn nothing_of_it_happens_unless_asked_for() {
    let mut s = Script::connecting(plain(OptionsPatch::default()));
    s.expect(&["S 0:0(0) win 65535 <mss 1460>"]);
    let socket = s.host.create(SocketKind::Stream, OptionsPatch::default());
    let data = Request::Connect { socket, remote: s.remote, data: vec![1], wait: Wait::Never };
    assert_eq!(s.host.errno(data), Errno::EOPNOTSUPP);

    let mut s = Script::listening(plain(OptionsPatch::default()));
    s.exchange("S 0:0(0) win 10000 <mss 1000,FO>", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
}

//= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
//= type=test
//# If the FastOpened flag is set, the
//# server MUST follow [RFC5681] (based on [RFC3390]) to set the
//# initial congestion window for sending more data packets.
#[test]
fn a_server_serves_before_the_handshake_is_over() {
    let (mut s, cookie) = server(Config::default());
    s.exchange(
        &format!("S 0:100(100) win 60000 <mss 1000,FO {cookie}>"),
        &["S. 0:0(0) ack 101 win 65435 <mss 1460>"],
    );
    accept(&mut s);
    assert_eq!(s.state(), "SYN-RECEIVED");
    s.recv(1, 100);
    // The answer goes before the handshake is over, as the initial window allows.
    s.send(20_000);
    // Ten segments, less the octet of the SYN,ACK.
    assert_eq!(s.sent().len(), 9);
    s.exchange(". 101:101(0) ack 1 win 60000", &[". 9001:10001(1000) ack 101 win 65435"]);
    assert_eq!((s.state(), s.info().fast_open), ("ESTABLISHED", true));
}

#[test]
fn a_stranger_and_a_forger_get_a_cookie_and_an_ordinary_handshake() {
    let (mut s, cookie) = server(Config::default());
    for forged in ["0000000000000000", "01020304"] {
        s.exchange(
            &format!("S 0:100(100) win 10000 <mss 1000,FO {forged}>"),
            &[&format!("S. 0:0(0) ack 1 win 65535 <mss 1460,FO {cookie}>")],
        );
        assert_eq!(s.host.errno(Request::Accept { socket: s.socket, wait: Wait::Never }), Errno::EAGAIN);
        s.inject("R. 1:1(0) ack 1 win 0");
    }
    // It expires.
    s.host.advance(Duration::from_secs(3 * 3600));
    s.inject(&format!("S 0:100(100) win 10000 <mss 1000,FO {cookie}>"));
    let answer = s.sent().pop().unwrap();
    assert!(answer.starts_with("S. 0:0(0) ack 1 ") && !answer.contains(&cookie), "{answer}");
}

//= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
//= type=test
//# If the SYN-ACK timer fires, the server SHOULD retransmit a SYN-ACK
//# segment with neither data nor Fast Open options for compatibility
//# reasons.
#[test]
fn a_syn_ack_goes_again_without_the_option_and_without_data() {
    let (mut s, cookie) = server(Config::default());
    s.inject("S 0:0(0) win 10000 <mss 1000,FO>");
    s.sent();
    s.expect_after(1000, &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    s.inject("R. 1:1(0) ack 1 win 0");

    s.inject(&format!("S 0:100(100) win 10000 <mss 1000,FO {cookie}>"));
    s.sent();
    s.expect_after(1000, &["S. 0:0(0) ack 101 win 65435 <mss 1460>"]);
    // The plain SYN of a client that heard nothing gets it, too.
    s.exchange("S 0:0(0) win 10000 <mss 1000>", &["S. 0:0(0) ack 101 win 65435 <mss 1460>"]);
    s.exchange(". 101:101(0) ack 1 win 10000", &[]);
    accept(&mut s);
    assert_eq!(s.state(), "ESTABLISHED");
}

#[test]
fn a_reset_before_the_handshake_is_over_reaches_the_user() {
    let (mut s, cookie) = server(Config::default());
    s.inject(&format!("S 0:100(100) win 10000 <mss 1000,FO {cookie}>"));
    accept(&mut s);
    s.inject("R. 101:101(0) ack 1 win 0");
    assert_eq!(s.state(), "CLOSED");
    let send = Request::Send { socket: s.socket, data: vec![1], urgent: false, wait: Wait::Never };
    assert_eq!(s.host.errno(send), Errno::ECONNRESET);
}

#[test]
fn a_small_answer_goes_before_the_handshake_is_over_and_a_second_waits_for_it() {
    let (mut s, cookie) = server(Config::default());
    s.inject(&format!("S 0:100(100) win 10000 <mss 1000,FO {cookie}>"));
    s.sent();
    accept(&mut s);
    s.recv(1, 100);
    s.send(10);
    s.expect(&["P. 1:11(10) ack 101 win 65435"]);
    // Nagle's algorithm: now there is data under way.
    s.send(10);
    s.expect_nothing();
    s.exchange(". 101:101(0) ack 11 win 10000", &["P. 11:21(10) ack 101 win 65435"]);
}

#[test]
fn a_lost_answer_goes_again_beside_its_syn_ack() {
    let (mut s, cookie) = server(Config::default());
    s.inject(&format!("S 0:100(100) win 10000 <mss 1000,FO {cookie}>"));
    s.sent();
    accept(&mut s);
    s.recv(1, 100);
    s.send(10);
    s.sent();
    let both = ["S. 0:0(0) ack 101 win 65535 <mss 1460>", "P. 1:11(10) ack 101 win 65435"];
    s.expect_after(1000, &both);
    s.expect_after(2000, &both);
    s.exchange(". 101:101(0) ack 11 win 10000", &[]);
    assert_eq!((s.state(), s.info().send_queue), ("ESTABLISHED", 0));
}

#[test]
fn the_syn_ack_of_a_simultaneous_open_gives_no_cookie() {
    let mut s = client(Some("0102030405060708"), 100);
    s.expect(&["S 0:100(100) win 65535 <mss 1460,FO 0102030405060708>"]);
    s.exchange("S 0:0(0) win 10000 <mss 1000>", &["S. 0:100(100) ack 1 win 65535 <mss 1460>"]);
    s.exchange("S. 0:0(0) ack 101 win 10000 <mss 1000>", &[]);
    assert_eq!((s.state(), s.info().send_queue), ("ESTABLISHED", 0));
}

//= https://www.rfc-editor.org/rfc/rfc7413#section-4.2
//= type=test
//# PendingFastOpenRequests: tracks the number of TFO connections in SYN-
//# RCVD state.  If this variable goes over a preset system limit, the
//# server MUST disable TFO for all new connection requests until
//# PendingFastOpenRequests drops below the system limit.
#[test]
fn beyond_the_limit_a_good_cookie_opens_an_ordinary_handshake() {
    let limits = Limits { fast_open_pending: 1, ..Limits::default() };
    let (mut s, cookie) = server(Config { limits, ..Config::default() });
    let syn = format!("S 0:100(100) win 10000 <mss 1000,FO {cookie}>");
    s.exchange(&syn, &["S. 0:0(0) ack 101 win 65435 <mss 1460>"]);
    let first = s.remote;
    s.remote.set_port(5000);
    s.iss = None;
    s.exchange(&syn, &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    assert_eq!(s.host.limit_hits(Limit::FastOpenPending), 1);
    s.inject("R. 1:1(0) ack 1 win 0");
    // The first one's handshake ends.
    let second = std::mem::replace(&mut s.remote, first);
    s.socket = s.host.accept(s.listener.unwrap());
    s.iss = Some(s.info().iss);
    s.inject(". 101:101(0) ack 1 win 10000");
    s.remote = second;
    s.exchange(&syn, &["S. 0:0(0) ack 101 win 65435 <mss 1460>"]);
}

#[test]
fn two_engines_do_it_with_all_options_and_a_long_stream() {
    let mut pair = Pair::new();
    let listener = pair.b.listen_with(80, 16, on());
    for round in 0..3 {
        let client = pair.a.create(SocketKind::Stream, on());
        let remote = pair.b.at(80);
        let op = connect(&mut pair.a, client, remote, octets(1, 3000));
        pair.run();
        pair.a.completed(op).unwrap();
        let server = pair.b.accept(listener);
        pair.advance(Duration::from_millis(100));
        assert_eq!(pair.b.recv(server).0, octets(1, 3000), "round {round}");
        let fast = |host: &Host, socket| host.engine.info(socket).unwrap().tcp.unwrap().fast_open;
        assert_eq!([fast(&pair.a, client), fast(&pair.b, server)], [round > 0; 2]);
        pair.a.abort(client);
        pair.run();
    }
}

#[test]
fn cookies_are_remembered_up_to_the_limit() {
    let limits = Limits { fast_open_cookies: 1, ..Limits::default() };
    let mut host = Host::with_config("10.0.0.1", 1, Config { limits, ..Config::default() });
    for peer in ["10.0.0.8:80", "10.0.0.9:80"] {
        let remote = peer.parse().unwrap();
        let socket = host.create(SocketKind::Stream, plain(on()));
        connect(&mut host, socket, remote, vec![]);
        // Nobody answers: the server is remembered as one to leave in peace.
        host.advance(Duration::from_secs(1));
    }
    assert_eq!(host.limit_hits(Limit::FastOpenCookies), 1);
}

#[test]
fn where_both_opened_and_the_peer_left_the_data_it_goes_with_the_handshake() {
    let mut s = client(Some("0102030405060708"), 100);
    s.sent();
    s.exchange("S 0:0(0) win 10000 <mss 1000>", &["S. 0:100(100) ack 1 win 65535 <mss 1460>"]);
    s.exchange("S. 0:0(0) ack 1 win 10000 <mss 1000>", &["P. 1:101(100) ack 1 win 65535"]);
    s.inject(". 1:1(0) ack 101 win 10000");
    assert_eq!((s.state(), s.info().send_queue), ("ESTABLISHED", 0));
}

#[test]
fn a_repeated_syn_gets_its_syn_ack_though_the_server_has_closed() {
    let (mut s, cookie) = server(Config::default());
    s.inject(&format!("S 0:100(100) win 10000 <mss 1000,FO {cookie}>"));
    s.sent();
    accept(&mut s);
    s.recv(1, 100);
    s.host.call(Request::Close { socket: s.socket }).unwrap();
    assert_eq!(s.state(), "FIN-WAIT-1");
    s.sent();
    s.exchange("S 0:0(0) win 10000 <mss 1000>", &["S. 0:0(0) ack 101 win 65535 <mss 1460>"]);
}

#[test]
fn an_icmp_error_before_the_handshake_is_over_reaches_the_user() {
    let (mut s, cookie) = server(Config::default());
    s.inject(&format!("S 0:100(100) win 10000 <mss 1000,FO {cookie}>"));
    accept(&mut s);
    let syn_ack = s.host.sent.pop().unwrap();
    let quoted = Quoted::parse(&syn_ack).unwrap();
    let message = IcmpMessage::Unreachable { code: Unreachable::Port, quoted };
    let frame = ip(s.remote, s.local, Protocol::Icmpv4, |src, dst, out| message.emit(src, dst, out));
    s.host.frame(&frame);
    assert_eq!(s.state(), "CLOSED");
    let send = Request::Send { socket: s.socket, data: vec![1], urgent: false, wait: Wait::Never };
    assert_eq!(s.host.errno(send), Errno::ECONNREFUSED);
}
