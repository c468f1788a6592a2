//! Windows: closed ones and their probes, silly ones, shrinking ones; Nagle; delayed acknowledgment (RFC 9293 §3.8.6).

mod common;

use common::Pair;
use common::script::Script;
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::{Request, Wait};
use sockwright_engine::tcp::config::OptionsPatch;
use std::time::Duration;

fn patch() -> OptionsPatch {
    OptionsPatch::default()
}

/// An open connection whose peer acknowledged 1000 octets and closed its window.
fn closed_window() -> Script {
    let mut s = Script::accepted();
    s.send(1000);
    s.sent();
    s.inject(". 1:1(0) ack 1001 win 0");
    s.sent();
    s
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
//= type=test
//# The transmitting host SHOULD send the first zero-window probe when a
//# zero window has existed for the retransmission timeout period (SHLD-
//# 29) (Section 3.8.1), and SHOULD increase exponentially the interval
//# between successive probes (SHLD-30).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
//= type=test
//# Probing of zero (offered) windows MUST be supported (MUST-36).
#[test]
fn a_closed_window_is_probed_with_one_octet_ever_more_rarely() {
    let mut s = closed_window();
    s.send(500);
    s.expect_nothing();
    let probe = ". 1001:1002(1) ack 1 win 65535";
    for millis in [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000] {
        s.expect_after(millis, &[probe]);
        s.exchange(". 1:1(0) ack 1001 win 0", &[]);
    }
    assert_eq!(s.state(), "ESTABLISHED");
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
//= type=test
//# As long as the receiving TCP
//# peer continues to send acknowledgments in response to the probe
//# segments, the sending TCP peer MUST allow the connection to stay
//# open (MUST-37).
#[test]
fn a_closed_window_is_no_reason_to_give_up_while_probes_are_answered() {
    let mut s = closed_window();
    s.send(500);
    for _ in 0..200 {
        s.advance(60_000);
        if !s.sent().is_empty() {
            s.inject(". 1:1(0) ack 1001 win 0");
        }
    }
    assert_eq!(s.state(), "ESTABLISHED");
    // Without answers the user timeout counts.
    s.advance(301_000);
    assert_eq!(s.state(), "CLOSED");
    assert_eq!(s.host.engine.info(s.socket).unwrap().error, Some(Errno::ETIMEDOUT));
}

#[test]
fn the_orphan_of_a_peer_that_never_opens_its_window_is_given_up() {
    let mut s = closed_window();
    s.send(500);
    s.host.close(s.socket);
    for _ in 0..400 {
        s.advance(1000);
        if !s.sent().is_empty() && s.state() != "gone" {
            s.inject(". 1:1(0) ack 1001 win 0");
        }
    }
    assert_eq!(s.state(), "gone");
}

#[test]
fn when_the_window_opens_the_probe_goes_again_and_the_rest_behind_it() {
    let mut s = closed_window();
    s.send(2500);
    s.advance(200);
    s.sent();
    s.exchange(
        ". 1:1(0) ack 1001 win 10000",
        &[
            ". 1001:1002(1) ack 1 win 65535",
            ". 1002:2002(1000) ack 1 win 65535",
            ". 2002:3002(1000) ack 1 win 65535",
        ],
    );
    s.exchange(". 1:1(0) ack 3002 win 10000", &["P. 3002:3501(499) ack 1 win 65535"]);
}

#[test]
fn a_probe_that_is_taken_is_followed_by_the_next_octet() {
    let mut s = closed_window();
    s.send(2500);
    s.expect_after(200, &[". 1001:1002(1) ack 1 win 65535"]);
    s.exchange(". 1:1(0) ack 1002 win 0", &[]);
    s.advance(400);
    s.expect(&[". 1002:1003(1) ack 1 win 65535"]);
    s.inject(". 1:1(0) ack 1003 win 10000");
    assert_eq!(s.sent().len(), 2);
}

#[test]
fn a_fin_behind_a_closed_window_is_the_probe() {
    let mut s = closed_window();
    s.host.close(s.socket);
    s.expect_nothing();
    let fin = "F. 1001:1001(0) ack 1 win 65535";
    s.expect_after(200, &[fin]);
    s.expect_after(400, &[fin]);
    s.exchange(". 1:1(0) ack 1001 win 10000", &[fin]);
    s.exchange(". 1:1(0) ack 1002 win 10000", &[]);
    assert_eq!(s.state(), "FIN-WAIT-2");
}

#[test]
fn a_peer_that_does_not_know_that_its_probe_was_taken_is_heard() {
    let mut s = Script::accepted_with(OptionsPatch { receive_buffer: Some(10), ..patch() });
    s.send(1000);
    s.inject("P. 1:11(10) ack 1 win 10000");
    s.inject(". 11:11(0) ack 1001 win 0");
    s.send(500);
    s.advance(40);
    s.sent();
    // Both windows are closed. Our probe crosses the peer's.
    s.expect_after(160, &[". 1001:1002(1) ack 11 win 0"]);
    s.recv(1, 10);
    s.expect(&[". 1001:1001(0) ack 11 win 10"]);
    s.inject(". 11:12(1) ack 1001 win 0");
    // The peer took ours as well, and acknowledges from where our window ended.
    s.inject(". 11:11(0) ack 1002 win 10000");
    s.expect(&["P. 1002:1501(499) ack 12 win 9"]);
}

#[test]
fn a_window_update_that_is_lost_is_found_by_the_probe() {
    let mut pair = Pair::new();
    let small = OptionsPatch { receive_buffer: Some(1000), ..patch() };
    let (client, server) = pair.connected_with(patch(), small);
    pair.a.send(client, &[5; 3000]);
    pair.run();
    assert_eq!(pair.b.recv(server).0.len(), 1000);
    pair.lose();
    pair.advance(Duration::from_millis(200));
    assert!(pair.b.recv(server).0.len() >= 500);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
//= type=test
//# If the window shrinks to zero, the TCP
//# implementation MUST probe it in the standard way (described below)
//# (MUST-35).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
//= type=test
//# However, a sending TCP peer MUST be robust against window shrinking, which may cause the
//# "usable window" (see Section 3.8.6.2.1) to become negative (MUST-34).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
//= type=test
//# The sender MAY also retransmit old data beyond SND.UNA+SND.WND (MAY-7), but SHOULD NOT
//# time out the connection if data beyond the right window edge is not acknowledged
//# (SHLD-17).
#[test]
fn a_window_that_shrinks_to_nothing_under_data_is_probed_and_reopens() {
    let mut s = Script::accepted();
    s.send(4000);
    assert_eq!(s.sent().len(), 4);
    s.exchange(". 1:1(0) ack 1001 win 0", &[]);
    for millis in [200, 400, 800] {
        s.expect_after(millis, &[". 1001:2001(1000) ack 1 win 65535"]);
        s.exchange(". 1:1(0) ack 1001 win 0", &[]);
    }
    assert_eq!(s.state(), "ESTABLISHED");
    s.exchange(". 1:1(0) ack 1001 win 1500", &[". 1001:2001(1000) ack 1 win 65535"]);
    s.exchange(
        ". 1:1(0) ack 2001 win 1500",
        &[". 2001:3001(1000) ack 1 win 65535", ". 3001:3501(500) ack 1 win 65535"],
    );
    s.inject(". 1:1(0) ack 3501 win 1500");
    s.expect(&["P. 3501:4001(500) ack 1 win 65535"]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
//= type=test
//# The window size MUST be treated as an unsigned number, or else large window sizes will
//# appear like negative windows and TCP will not work (MUST-1).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
//= type=test
//# It is RECOMMENDED that implementations will reserve 32-bit fields for the send and receive
//# window sizes in the connection record and do all window computations with 32 bits (REC-
//# 1).
#[test]
fn a_window_above_32767_octets_is_large_and_not_negative() {
    let mut s = Script::accepted();
    for window in [40_000, 65_535] {
        s.inject(&format!(". 1:1(0) ack 1 win {window}"));
        assert_eq!(s.info().snd_wnd, window);
    }
    s.send(3000);
    assert_eq!(s.sent().len(), 3);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
//= type=test
//# A TCP implementation MAY keep its offered receive window closed indefinitely (MAY-8).
#[test]
fn a_user_that_never_reads_keeps_the_window_closed() {
    let mut s = Script::accepted_with(OptionsPatch { receive_buffer: Some(1000), ..patch() });
    s.inject("P. 1:1001(1000) ack 1 win 10000");
    s.expect_after(40, &[". 1:1(0) ack 1001 win 0"]);
    for _ in 0..100 {
        s.advance(60_000);
        s.exchange("P. 1001:1002(1) ack 1 win 10000", &[". 1:1(0) ack 1001 win 0"]);
    }
    assert_eq!(s.state(), "ESTABLISHED");
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
//= type=test
//# If this happens, the sender SHOULD NOT send new data
//# (SHLD-15), but SHOULD retransmit normally the old unacknowledged data
//# between SND.UNA and SND.UNA+SND.WND (SHLD-16).
//= https://www.rfc-editor.org/rfc/rfc7323#section-2.4
//= type=test
//# Implementations MUST ensure that they handle a shrinking window, as specified in Section
//# 4.2.2.16 of [RFC1122].
#[test]
fn what_is_sent_again_stays_inside_a_window_that_shrank() {
    let mut s = Script::accepted();
    s.send(9000);
    s.sent();
    s.exchange(". 1:1(0) ack 1 win 300", &[]);
    s.expect_after(200, &[". 1:301(300) ack 1 win 65535"]);
    s.inject(". 1:1(0) ack 301 win 700");
    s.expect(&[". 301:1001(700) ack 1 win 65535"]);
}

#[test]
fn a_window_that_closed_under_data_and_opens_a_little_gets_no_more_than_it_holds() {
    let mut s = Script::accepted();
    s.send(4000);
    s.sent();
    s.exchange(". 1:1(0) ack 1 win 0", &[]);
    s.exchange(
        ". 1:1(0) ack 1 win 1500",
        &[". 1:1001(1000) ack 1 win 65535", ". 1001:1501(500) ack 1 win 65535"],
    );
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2.1
//= type=test
//# A TCP implementation MUST include a SWS avoidance algorithm in the sender (MUST-38).
#[test]
fn a_silly_window_waits_for_more_or_for_the_override() {
    let mut s = Script::accepted();
    s.send(1000);
    s.sent();
    s.exchange(". 1:1(0) ack 1001 win 100", &[]);
    s.send(5000);
    s.expect_nothing();
    s.expect_after(200, &[". 1001:1101(100) ack 1 win 65535"]);
    // Half of the largest window ever is no longer silly.
    s.exchange(". 1:1(0) ack 1101 win 999", &[]);
    s.exchange(". 1:1(0) ack 1101 win 1000", &[". 1101:2101(1000) ack 1 win 65535"]);
}

#[test]
fn half_of_a_small_peers_largest_window_is_enough() {
    let mut s = Script::listening(patch());
    s.handshake("S 0:0(0) win 200 <mss 1000>", 200);
    s.send(1000);
    s.expect(&[". 1:201(200) ack 1 win 65535"]);
    s.exchange(". 1:1(0) ack 201 win 99", &[]);
    s.exchange(". 1:1(0) ack 201 win 100", &[". 201:301(100) ack 1 win 65535"]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4
//= type=test
//# If there is unacknowledged data (i.e., SND.NXT > SND.UNA), then
//# the sending TCP endpoint buffers all user data (regardless of the
//# PSH bit) until the outstanding data has been acknowledged or
//# until the TCP endpoint can send a full-sized segment
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4
//= type=test
//# A TCP implementation SHOULD implement the Nagle algorithm to coalesce short segments
//# (SHLD-7).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4
//= type=test
//# However, there MUST be a way for an application to disable the Nagle algorithm on an
//# individual connection (MUST-17).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
//= type=test
//# The transmitter SHOULD collapse successive bits when it packetizes data, to send the
//# largest possible segment (SHLD-27).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
//= type=test
//# However, a TCP implementation SHOULD send a maximum-sized segment whenever possible
//# (SHLD-28) to improve performance (see Section 3.8.6.2.1).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
//= type=test
//# If PUSH flags are not implemented, then the sending TCP peer: (1) MUST NOT buffer data
//# indefinitely (MUST-60), and (2) MUST set the PSH bit in the last buffered segment (i.e.,
//# when there is no more queued data to be sent) (MUST-61).
#[test]
fn nagle_gathers_small_writes_and_no_delay_does_not() {
    let mut s = Script::accepted();
    s.send(10);
    s.expect(&["P. 1:11(10) ack 1 win 65535"]);
    s.send(10);
    s.send(10);
    s.expect_nothing();
    s.send(985);
    s.expect(&[". 11:1011(1000) ack 1 win 65535"]);
    s.exchange(". 1:1(0) ack 1011 win 10000", &["P. 1011:1016(5) ack 1 win 65535"]);
    let mut s = Script::accepted_with(OptionsPatch { no_delay: Some(true), ..patch() });
    s.send(10);
    s.send(20);
    s.expect(&["P. 1:11(10) ack 1 win 65535", "P. 11:31(20) ack 1 win 65535"]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2.2
//= type=test
//# A TCP implementation MUST include a SWS avoidance algorithm in the receiver (MUST-39).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
//= type=test
//# A TCP receiver SHOULD NOT shrink the window, i.e., move the right window edge to the left
//# (SHLD-14).
#[test]
fn the_window_never_shrinks_and_opens_in_worthwhile_steps() {
    let mut s = Script::accepted_with(OptionsPatch { receive_buffer: Some(4000), ..patch() });
    s.inject("P. 1:1001(1000) ack 1 win 10000");
    s.exchange("P. 1001:2001(1000) ack 1 win 10000", &[". 1:1(0) ack 2001 win 2000"]);
    // A smaller buffer takes back nothing that was announced.
    let options = OptionsPatch { receive_buffer: Some(100), ..patch() };
    s.host.call(Request::SetOptions { socket: s.socket, options }).unwrap();
    s.inject("P. 2001:4001(2000) ack 1 win 10000");
    s.expect_after(40, &[". 1:1(0) ack 4001 win 0"]);
    let options = OptionsPatch { receive_buffer: Some(4000), ..patch() };
    s.host.call(Request::SetOptions { socket: s.socket, options }).unwrap();
    s.expect_nothing();
    // Of 4000 read one by one, the peer hears when half of the buffer is free.
    let recv = |max| Request::Recv { socket: s.socket, max, min: 1, peek: false, wait: Wait::Never };
    let (one_short, one) = (recv(1999), recv(1));
    s.host.call(one_short).unwrap();
    s.expect_nothing();
    s.host.call(one).unwrap();
    s.expect(&[". 1:1(0) ack 4001 win 2000"]);
}

#[test]
fn buffers_of_one_octet_carry_a_stream() {
    let one = OptionsPatch { receive_buffer: Some(1), send_buffer: Some(1), ..patch() };
    let mut pair = Pair::new();
    let (client, server) = pair.connected_with(one.clone(), one);
    for octet in 0..50u8 {
        assert_eq!(pair.a.send(client, &[octet, 99]), 1);
        pair.run();
        assert_eq!(pair.b.recv(server).0, [octet]);
        pair.run();
        pair.advance(Duration::from_millis(40));
    }
    pair.a.close(client);
    pair.run();
    assert_eq!(pair.b.recv(server), (vec![], true));
}

#[test]
fn a_reader_that_wants_as_much_as_the_buffer_holds_is_served() {
    let small = OptionsPatch { receive_buffer: Some(1000), ..patch() };
    let mut pair = Pair::new();
    let (client, server) = pair.connected_with(patch(), small);
    pair.a.send(client, &[5; 10_000]);
    pair.run();
    let recv = |max, min| Request::Recv { socket: server, max, min, peek: false, wait: Wait::Park };
    let mut left = 10_000;
    for i in 0.. {
        let (max, min) = if i % 2 == 0 { (400, 1) } else { (1000, 1000) };
        let (op, outcome) = pair.b.op(recv(max, min));
        pair.advance(Duration::from_secs(10));
        let reply = match outcome {
            sockwright_engine::host::op::Outcome::Done(reply) => reply,
            sockwright_engine::host::op::Outcome::Parked if left < 1000 => return,
            sockwright_engine::host::op::Outcome::Parked => pair.b.completed(op),
        };
        let Ok(sockwright_engine::host::op::Reply::Received { data, .. }) = reply else { panic!() };
        left -= data.len();
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.3
//= type=test
//# A TCP endpoint SHOULD implement a delayed ACK (SHLD-18), but an ACK
//# should not be excessively delayed; in particular, the delay MUST be
//# less than 0.5 seconds (MUST-40).  An ACK SHOULD be generated for at
//# least every second full-sized segment or 2*RMSS bytes of new data
//= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
//= type=test
//# The delayed ACK algorithm specified in [RFC1122] SHOULD be used by a TCP receiver.
//= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
//= type=test
//# When using delayed ACKs, a TCP receiver MUST NOT excessively delay acknowledgments.
//= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
//= type=test
//# Specifically, an ACK SHOULD be generated for at least every second full-sized segment, and
//# MUST be generated within 500 ms of the arrival of the first unacknowledged packet.
//= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
//= type=test
//# Finally, we repeat that an ACK MUST NOT be delayed for more than 500 ms waiting on a
//# second full-sized segment to arrive.
#[test]
fn an_acknowledgment_waits_for_the_second_segment_the_timer_or_data() {
    let mut s = Script::accepted();
    s.inject("P. 1:1001(1000) ack 1 win 10000");
    s.expect_after(40, &[". 1:1(0) ack 1001 win 64535"]);
    s.inject("P. 1001:2001(1000) ack 1 win 10000");
    s.exchange("P. 2001:3001(1000) ack 1 win 10000", &[". 1:1(0) ack 3001 win 62535"]);
    s.inject("P. 3001:4001(1000) ack 1 win 10000");
    s.send(10);
    s.expect(&["P. 1:11(10) ack 4001 win 61535"]);
    s.advance(40);
    s.expect_nothing();
    let mut s = Script::accepted_with(OptionsPatch { delayed_ack: Some(Duration::ZERO), ..patch() });
    s.exchange("P. 1:11(10) ack 1 win 10000", &[". 1:1(0) ack 11 win 65525"]);
}

#[test]
fn the_window_is_announced_in_sixteen_bits_however_large_the_buffer() {
    let mut s = Script::accepted_with(OptionsPatch { receive_buffer: Some(1 << 20), ..patch() });
    for i in 0..60 {
        let at = 1 + i * 1000;
        s.inject(&format!("P. {at}:{}(1000) ack 1 win 10000", at + 1000));
    }
    s.advance(40);
    assert_eq!(s.sent().last().unwrap(), ". 1:1(0) ack 60001 win 65535");
}

#[test]
fn the_send_buffer_bounds_what_is_taken_and_room_wakes_the_sender() {
    let mut s = Script::accepted_with(OptionsPatch { send_buffer: Some(1500), ..patch() });
    assert_eq!(s.send(5000), 1500);
    let (op, _) =
        s.host.op(Request::Send { socket: s.socket, data: vec![7; 10], urgent: false, wait: Wait::Park });
    s.sent();
    s.inject(". 1:1(0) ack 5 win 10000");
    let reply = s.host.completed(op).unwrap();
    assert_eq!(reply, sockwright_engine::host::op::Reply::Sent { accepted: 4 });
}

/// A bare ACK from beyond a gap is newer than what comes in order after it; an acknowledgment of something new is newer still.
#[test]
fn an_ack_of_something_new_tells_the_window_whatever_came_out_of_order() {
    let mut s = Script::accepted();
    s.send(1000);
    s.sent();
    s.inject(". 101:101(0) ack 1 win 8000");
    assert_eq!(s.info().snd_wnd, 8000);
    s.inject(". 1:1(0) ack 501 win 5000");
    assert_eq!((s.info().snd_una - s.info().iss, s.info().snd_wnd), (501, 5000));
}
