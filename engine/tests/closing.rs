//! How connections close: in every order of FINs and ACKs, halves, TIME-WAIT (RFC 9293 §3.6, §3.10.4).

mod common;

use common::script::Script;
use common::{Pair, states};
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::{Request, ShutdownHow, Wait};
use sockwright_engine::tcp::config::OptionsPatch;
use std::time::Duration;

const OPEN: [&str; 3] = ["LISTEN", "SYN-RECEIVED", "ESTABLISHED"];

#[track_caller]
fn went_on_through(s: &Script, rest: &[&str]) {
    assert_eq!(states(&s.host.events, s.socket), [&OPEN[..], rest].concat());
}

#[test]
fn fin_ack_fin_ack_is_the_active_close() {
    let mut s = Script::accepted();
    s.host.close(s.socket);
    s.expect(&["F. 1:1(0) ack 1 win 65535"]);
    s.exchange(". 1:1(0) ack 2 win 10000", &[]);
    s.exchange("F. 1:1(0) ack 2 win 10000", &[". 2:2(0) ack 2 win 65534"]);
    s.advance(60_000);
    went_on_through(&s, &["FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED"]);
    assert_eq!(s.host.engine.sockets(), [s.listener.unwrap()]);
    assert_eq!(s.host.engine.poll_timeout(), None);
}

#[test]
fn a_fin_that_acknowledges_ours_is_two_steps() {
    let mut s = Script::accepted();
    s.host.close(s.socket);
    s.sent();
    s.exchange("F. 1:1(0) ack 2 win 10000", &[". 2:2(0) ack 2 win 65534"]);
    went_on_through(&s, &["FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"]);
}

#[test]
fn two_fins_that_cross_are_a_simultaneous_close() {
    let mut s = Script::accepted();
    s.host.close(s.socket);
    s.sent();
    s.exchange("F. 1:1(0) ack 1 win 10000", &[". 2:2(0) ack 2 win 65534"]);
    assert_eq!(s.state(), "CLOSING");
    s.exchange(". 2:2(0) ack 2 win 10000", &[]);
    went_on_through(&s, &["FIN-WAIT-1", "CLOSING", "TIME-WAIT"]);
}

#[test]
fn in_closing_a_lost_fin_goes_again() {
    let mut s = Script::accepted();
    s.host.close(s.socket);
    s.sent();
    s.inject("F. 1:1(0) ack 1 win 10000");
    s.sent();
    s.expect_after(200, &["F. 1:1(0) ack 2 win 65534"]);
    s.exchange("F. 1:1(0) ack 1 win 10000", &[". 2:2(0) ack 2 win 65534"]);
    s.exchange(". 2:2(0) ack 2 win 10000", &[]);
    assert_eq!(s.state(), "TIME-WAIT");
}

#[test]
fn the_passive_close_ends_with_the_ack_of_its_fin() {
    let mut s = Script::accepted();
    s.exchange("F. 1:1(0) ack 1 win 10000", &[". 1:1(0) ack 2 win 65534"]);
    s.host.close(s.socket);
    s.expect(&["F. 1:1(0) ack 2 win 65534"]);
    s.exchange(". 2:2(0) ack 2 win 10000", &[]);
    went_on_through(&s, &["CLOSE-WAIT", "LAST-ACK", "CLOSED"]);
    assert_eq!(s.host.engine.sockets(), [s.listener.unwrap()]);
}

#[test]
fn in_last_ack_a_fin_whose_ack_is_lost_goes_again_until_nobody_knows_us() {
    let mut s = Script::accepted();
    s.inject("F. 1:1(0) ack 1 win 10000");
    s.sent();
    s.host.close(s.socket);
    let fin = "F. 1:1(0) ack 2 win 65534";
    s.expect(&[fin]);
    s.expect_after(200, &[fin]);
    s.expect_after(400, &[fin]);
    s.exchange("R 2:2(0) win 0", &[]);
    went_on_through(&s, &["CLOSE-WAIT", "LAST-ACK", "CLOSED"]);
    assert_eq!(s.host.engine.poll_timeout(), None);
}

#[test]
fn a_fin_follows_the_last_octet_of_data() {
    let mut s = Script::accepted();
    s.send(1500);
    s.host.close(s.socket);
    s.expect(&[". 1:1001(1000) ack 1 win 65535", "FP. 1001:1501(500) ack 1 win 65535"]);
    s.exchange(". 1:1(0) ack 1501 win 10000", &[]);
    assert_eq!(s.state(), "FIN-WAIT-1");
    s.exchange(". 1:1(0) ack 1502 win 10000", &[]);
    assert_eq!(s.state(), "FIN-WAIT-2");
}

#[test]
fn a_lost_fin_with_data_goes_again_with_it() {
    let mut s = Script::accepted();
    s.send(500);
    s.host.close(s.socket);
    s.sent();
    s.expect_after(200, &["FP. 1:501(500) ack 1 win 65535"]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
//= type=test
//# When a connection is closed actively, it MUST linger in the TIME-
//# WAIT state for a time 2xMSL (Maximum Segment Lifetime) (MUST-13).
#[test]
fn time_wait_lasts_exactly_twice_the_msl() {
    for msl in [Duration::ZERO, Duration::from_millis(7), Duration::from_secs(30), Duration::from_secs(120)] {
        let mut s = Script::accepted_with(OptionsPatch { msl: Some(msl), ..OptionsPatch::default() });
        s.host.close(s.socket);
        s.inject("F. 1:1(0) ack 2 win 10000");
        let started = s.host.now;
        assert_eq!(s.state(), "TIME-WAIT");
        assert_eq!(s.host.engine.poll_timeout(), Some(started + msl * 2));
        s.host.advance(msl * 2);
        assert_eq!(s.state(), "gone");
        let closed = s.host.events.last().unwrap().at;
        assert_eq!(closed, started + msl * 2);
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# The only thing that can arrive in this state is a
//# retransmission of the remote FIN.  Acknowledge it, and
//# restart the 2 MSL timeout.
#[test]
fn time_wait_starts_again_with_the_repeated_fin_and_with_nothing_else() {
    for held in [true, false] {
        // Not the default: a record knows that of its socket.
        let msl = Duration::from_secs(25);
        let mut s = Script::accepted_with(OptionsPatch { msl: Some(msl), ..OptionsPatch::default() });
        s.host.shutdown(s.socket, ShutdownHow::Write);
        s.inject("FP. 1:11(10) ack 2 win 10000");
        s.sent();
        s.recv_end(1, 10);
        if !held {
            s.host.close(s.socket);
        }
        let started = s.host.now;
        s.advance(10_000);
        // Old data, an old ACK, a SYN, data from beyond the FIN.
        let ack = ". 2:2(0) ack 12 win 65524";
        s.exchange("P. 1:5(4) ack 2 win 10000", &[ack]);
        s.exchange(". 11:11(0) ack 2 win 10000", &[ack]);
        s.half_a_second_later();
        s.exchange("S 5:5(0) win 10000", &[ack]);
        s.exchange("F. 5:5(0) ack 2 win 10000", &[ack]);
        s.exchange("P. 12:15(3) ack 2 win 10000", &[]);
        s.exchange(". 12:12(0) ack 2 win 10000", &[]);
        let wait = msl * 2;
        assert_eq!(s.host.engine.poll_timeout(), Some(started + wait));
        // The FIN, with its data or without it.
        s.exchange("FP. 1:11(10) ack 2 win 10000", &[ack]);
        assert_eq!(s.host.engine.poll_timeout(), Some(s.host.now + wait));
        s.advance(10_000);
        s.exchange("F. 11:11(0) ack 2 win 10000", &[ack]);
        assert_eq!(s.host.engine.poll_timeout(), Some(s.host.now + wait));
        s.host.advance(wait);
        assert_eq!(s.state(), if held { "CLOSED" } else { "gone" });
    }
}

#[test]
fn a_lost_last_ack_is_sent_again_when_the_fin_comes_again() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    pair.a.close(client);
    pair.run();
    pair.b.close(server);
    let fin: Vec<_> = pair.b.sent.drain(..).collect();
    fin.iter().for_each(|frame| pair.a.frame(frame));
    assert_eq!(pair.a.state(client), "TIME-WAIT");
    pair.lose();
    assert_eq!(pair.b.state(server), "LAST-ACK");
    pair.advance(Duration::from_secs(1));
    assert_eq!(pair.b.state(server), "gone");
    pair.advance(Duration::from_secs(70));
    assert_eq!(pair.a.state(client), "gone");
}

/// It has no octets that could tell of the gap: only the acknowledgment does.
#[test]
fn a_fin_beyond_a_gap_is_acknowledged_at_once() {
    let mut s = Script::accepted();
    s.exchange("F. 11:11(0) ack 1 win 10000", &[". 1:1(0) ack 1 win 65535"]);
    assert_eq!(s.state(), "ESTABLISHED");
    s.exchange("P. 1:11(10) ack 1 win 10000", &[". 1:1(0) ack 12 win 65524"]);
    assert_eq!(s.state(), "CLOSE-WAIT");
}

#[test]
fn each_half_closes_by_itself_while_data_flows_in_the_other() {
    let mut s = Script::accepted();
    s.host.shutdown(s.socket, ShutdownHow::Write);
    s.expect(&["F. 1:1(0) ack 1 win 65535"]);
    s.inject(". 1:1(0) ack 2 win 10000");
    for (at, last) in [(1, false), (1001, false), (2001, true)] {
        let flags = if last { "FP." } else { "P." };
        s.inject(&format!("{flags} {at}:{}(1000) ack 2 win 10000", at + 1000));
        if last { s.recv_end(at, 1000) } else { s.recv(at, 1000) }
    }
    assert_eq!(s.state(), "TIME-WAIT");
    let mut s = Script::accepted();
    s.exchange("F. 1:1(0) ack 1 win 10000", &[". 1:1(0) ack 2 win 65534"]);
    assert_eq!(s.host.recv(s.socket), (vec![], true));
    s.send(2000);
    s.expect(&[". 1:1001(1000) ack 2 win 65534", "P. 1001:2001(1000) ack 2 win 65534"]);
    s.exchange(". 2:2(0) ack 2001 win 10000", &[]);
    s.host.shutdown(s.socket, ShutdownHow::Write);
    s.expect(&["F. 2001:2001(0) ack 2 win 65534"]);
    assert_eq!(s.state(), "LAST-ACK");
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-4.2.2.13
//= type=test
//# If such a host issues a
//# CLOSE call while received data is still pending in TCP, or
//# if new data is received after CLOSE is called, its TCP
//# SHOULD send a RST to show that data was lost.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
//= type=test
//# A host MAY implement a "half-duplex" TCP close sequence, so that an application that has
//# called CLOSE cannot continue to read data from the connection (MAY-1).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
//= type=test
//# If such a host issues a CLOSE call while received data is still pending in the TCP
//# connection, or if new data is received after CLOSE is called, its TCP implementation
//# SHOULD send a RST to show that data was lost (SHLD-3).
#[test]
fn a_close_with_unread_data_is_a_reset() {
    for (before, ack) in [("P. 1:11(10) ack 1 win 10000", 11), ("FP. 1:11(10) ack 1 win 10000", 12)] {
        let mut s = Script::accepted();
        s.inject(before);
        s.sent();
        s.host.close(s.socket);
        s.expect(&[&format!("R. 1:1(0) ack {ack} win 0")]);
        assert_eq!(s.state(), "gone");
        assert_eq!(s.host.engine.poll_timeout(), None);
    }
    // In CLOSING as well.
    let mut s = Script::accepted();
    s.host.shutdown(s.socket, ShutdownHow::Write);
    s.inject("FP. 1:11(10) ack 1 win 10000");
    s.sent();
    s.host.close(s.socket);
    s.expect(&["R. 2:2(0) ack 12 win 0"]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
//= type=test
//# A host MAY implement a "half-duplex" TCP close sequence, so that an application that has
//# called CLOSE cannot continue to read data from the connection (MAY-1).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
//= type=test
//# If such a host issues a CLOSE call while received data is still pending in the TCP
//# connection, or if new data is received after CLOSE is called, its TCP implementation
//# SHOULD send a RST to show that data was lost (SHLD-3).
#[test]
fn data_after_a_close_is_a_reset_and_old_data_is_not() {
    let mut s = Script::accepted();
    s.inject("P. 1:11(10) ack 1 win 10000");
    s.recv(1, 10);
    s.host.close(s.socket);
    s.inject(". 11:11(0) ack 2 win 10000");
    s.sent();
    s.exchange("P. 1:11(10) ack 2 win 10000", &[". 2:2(0) ack 11 win 65525"]);
    assert_eq!(s.state(), "FIN-WAIT-2");
    s.exchange("P. 11:12(1) ack 2 win 10000", &["R. 2:2(0) ack 11 win 0"]);
    assert_eq!(s.state(), "gone");
    assert_eq!(s.drops(), ["OUTSIDE_WINDOW", "DATA_AFTER_CLOSE"]);
}

#[test]
fn data_after_shutdown_of_writing_is_received() {
    let mut s = Script::accepted();
    s.host.shutdown(s.socket, ShutdownHow::Write);
    s.inject("P. 1:11(10) ack 2 win 10000");
    s.recv(1, 10);
    assert_eq!(
        s.host.errno(Request::Send { socket: s.socket, data: vec![1], urgent: false, wait: Wait::Never }),
        Errno::EPIPE
    );
}

#[test]
fn shutdown_of_reading_ends_the_stream_for_the_user_alone() {
    let mut s = Script::accepted();
    let (op, _) =
        s.host.op(Request::Recv { socket: s.socket, max: 10, min: 1, peek: false, wait: Wait::Park });
    s.host.shutdown(s.socket, ShutdownHow::Read);
    assert!(format!("{:?}", s.host.completed(op)).contains("end_of_stream: true"));
    s.expect_nothing();
    assert_eq!(s.state(), "ESTABLISHED");
    s.inject("P. 1:11(10) ack 1 win 10000");
    s.expect_after(40, &[". 1:1(0) ack 11 win 65525"]);
}

#[test]
fn the_orphan_of_a_peer_that_never_closes_is_given_up_after_a_minute_whatever_the_msl() {
    for msl in [Duration::ZERO, Duration::from_secs(30)] {
        let mut s = Script::accepted_with(OptionsPatch { msl: Some(msl), ..OptionsPatch::default() });
        s.host.close(s.socket);
        s.inject(". 1:1(0) ack 2 win 10000");
        s.sent();
        s.advance(59_999);
        assert_eq!(s.state(), "FIN-WAIT-2");
        s.advance(1);
        assert_eq!(s.state(), "gone");
        s.expect_nothing();
        // What comes now finds nobody.
        s.exchange("F. 1:1(0) ack 2 win 10000", &["R 2:2(0) win 0"]);
    }
}

#[test]
fn who_keeps_the_socket_waits_in_fin_wait_2_for_ever() {
    let mut s = Script::accepted();
    s.host.shutdown(s.socket, ShutdownHow::Write);
    s.inject(". 1:1(0) ack 2 win 10000");
    assert_eq!(s.host.engine.poll_timeout(), None);
    s.advance(3_600_000);
    assert_eq!(s.state(), "FIN-WAIT-2");
    s.host.close(s.socket);
    s.advance(60_000);
    assert_eq!(s.state(), "gone");
}

fn lingering(millis: u64) -> Script {
    let linger = Some(Some(Duration::from_millis(millis)));
    Script::accepted_with(OptionsPatch { linger, ..OptionsPatch::default() })
}

#[test]
fn a_lingering_close_waits_until_all_is_acknowledged() {
    let mut s = lingering(5000);
    s.send(100);
    let (op, _) = s.host.op(Request::Close { socket: s.socket });
    s.expect(&["P. 1:101(100) ack 1 win 65535", "F. 101:101(0) ack 1 win 65535"]);
    s.inject(". 1:1(0) ack 101 win 10000");
    assert!(!s.host.completions.contains_key(&op));
    s.inject(". 1:1(0) ack 102 win 10000");
    s.host.completed(op).unwrap();
    assert_eq!(s.state(), "FIN-WAIT-2");
    assert_eq!(s.host.engine.poll_timeout(), Some(s.host.now + Duration::from_secs(60)), "no more linger");
    s.inject("F. 1:1(0) ack 102 win 10000");
    s.advance(60_000);
    assert_eq!(s.host.engine.poll_timeout(), None);
}

#[test]
fn a_lingering_close_gives_up_waiting_but_not_the_connection() {
    let mut s = lingering(100);
    s.send(100);
    let (op, _) = s.host.op(Request::Close { socket: s.socket });
    s.sent();
    s.advance(99);
    assert!(!s.host.completions.contains_key(&op));
    s.advance(1);
    s.host.completed(op).unwrap();
    assert_eq!(s.state(), "FIN-WAIT-1");
    s.exchange(". 1:1(0) ack 102 win 10000", &[]);
    assert_eq!(s.state(), "FIN-WAIT-2");
}

#[test]
fn a_close_that_lingers_no_time_is_a_reset() {
    let mut s = lingering(0);
    s.send(100);
    s.sent();
    s.host.close(s.socket);
    s.expect(&["R. 101:101(0) ack 1 win 0"]);
    assert_eq!(s.state(), "gone");
}

#[test]
fn an_abort_resets_where_the_peer_may_still_care() {
    let mut s = Script::accepted();
    s.host.abort(s.socket);
    s.expect(&["R. 1:1(0) ack 1 win 0"]);
    let mut s = Script::connecting(OptionsPatch::default());
    s.sent();
    s.host.abort(s.socket);
    s.expect_nothing();
    assert_eq!(s.host.completed(s.connect.unwrap()).unwrap_err().errno, Errno::ECONNABORTED);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.5
//= type=test
//# Respond with "ok" and delete the TCB, enter CLOSED state, and
//# return.
#[test]
fn an_abort_after_both_fins_is_silent() {
    for (peers, ours) in [(true, false), (false, true)] {
        let mut s = Script::accepted();
        if peers {
            s.inject("F. 1:1(0) ack 1 win 10000");
        }
        s.host.shutdown(s.socket, ShutdownHow::Write);
        if ours {
            s.inject("F. 1:1(0) ack 1 win 10000");
        }
        s.sent();
        assert_eq!(s.state(), if peers { "LAST-ACK" } else { "CLOSING" });
        s.host.abort(s.socket);
        s.expect_nothing();
    }
}

#[test]
fn a_socket_held_after_the_end_costs_nothing_and_says_how_it_ended() {
    let mut s = Script::accepted();
    s.inject("P. 1:11(10) ack 1 win 10000");
    s.inject("R 11:11(0) win 0");
    let recv = Request::Recv { socket: s.socket, max: 10, min: 1, peek: false, wait: Wait::Never };
    assert_eq!(s.host.errno(recv.clone()), Errno::ECONNRESET);
    assert_eq!(s.host.recv(s.socket), (vec![], true));
    let send = Request::Send { socket: s.socket, data: vec![1], urgent: false, wait: Wait::Never };
    assert_eq!(s.host.errno(send), Errno::EPIPE);
    assert_eq!(s.host.engine.poll_timeout(), None);
    // Its addresses are free for the peer's next connection.
    s.exchange("S 0:0(0) win 10000", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
}

#[test]
fn everything_closed_leaves_nothing() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    pair.a.send(client, &[1; 50_000]);
    pair.run();
    pair.advance(Duration::from_secs(1));
    while !pair.b.recv(server).0.is_empty() {
        pair.advance(Duration::from_secs(1));
        if pair.b.engine.info(server).unwrap().tcp.unwrap().receive_queue == 0 {
            break;
        }
    }
    for socket in pair.b.engine.sockets() {
        pair.b.close(socket);
    }
    pair.run();
    pair.a.close(client);
    pair.advance(Duration::from_secs(600));
    for host in [&mut pair.a, &mut pair.b] {
        assert!(host.engine.sockets().is_empty());
        assert_eq!(host.engine.poll_timeout(), None);
    }
}

#[test]
fn an_idle_connection_wants_no_wakeup() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    pair.a.send(client, b"ping");
    pair.run();
    pair.b.recv(server);
    pair.b.send(server, b"pong");
    pair.run();
    pair.advance(Duration::from_secs(1));
    assert_eq!((pair.a.engine.poll_timeout(), pair.b.engine.poll_timeout()), (None, None));
}
