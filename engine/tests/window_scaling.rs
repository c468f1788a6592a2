//! Window scaling (RFC 7323 §2): what the SYNs agree on, windows beyond 64 KiB in both directions, and the rounding of
//! what is announced.

mod common;

use common::Pair;
use common::script::{Script, modern, plain};
use sockwright_engine::host::op::Request;
use sockwright_engine::tcp::config::OptionsPatch;
use std::time::Duration;

/// Scaled windows alone, with a buffer of a megabyte.
fn scaled() -> OptionsPatch {
    OptionsPatch {
        window_scaling: Some(true),
        receive_buffer: Some(1 << 20),
        ..plain(OptionsPatch::default())
    }
}

fn with_buffer(octets: u32) -> OptionsPatch {
    OptionsPatch { receive_buffer: Some(octets), ..scaled() }
}

/// A connection that the peer began, with a shift count of 7 and an MSS of 1000.
fn accepted(options: OptionsPatch) -> Script {
    let mut s = Script::listening(options);
    s.handshake("S 0:0(0) win 10000 <mss 1000,wscale 7>", 1000);
    s
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-2.2
//= type=test
//# Thus, a TCP that is prepared to scale windows SHOULD send the option,
//# even if its own scale factor is 1 and the exponent 0.
//= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
//= type=test
//# The Window Scale option MUST be sent with shift.cnt = R, where R
//# is the value that the TCP would like to use for its receive
//# window.
#[test]
fn a_syn_offers_the_smallest_scale_that_tells_of_the_buffer() {
    for (buffer, syn) in [
        (1000, "S 0:0(0) win 1000 <mss 1460,wscale 0>"),
        (65_535, "S 0:0(0) win 65535 <mss 1460,wscale 0>"),
        (65_536, "S 0:0(0) win 65535 <mss 1460,wscale 1>"),
        (1 << 20, "S 0:0(0) win 65535 <mss 1460,wscale 5>"),
        (64 << 20, "S 0:0(0) win 65535 <mss 1460,wscale 11>"),
    ] {
        Script::connecting(with_buffer(buffer)).expect(&[syn]);
    }
    Script::connecting(plain(OptionsPatch::default())).expect(&["S 0:0(0) win 65535 <mss 1460>"]);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-2.2
//= type=test
//# The window field in a segment where the SYN bit is set (i.e., a <SYN>
//# or <SYN,ACK>) MUST NOT be scaled.
//= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
//= type=test
//# Upon receiving a <SYN> segment with a Window Scale option
//# containing shift.cnt = S, a TCP MUST set Snd.Wind.Shift to S and
//# MUST set Rcv.Wind.Shift to R; otherwise, it MUST set both
//# Snd.Wind.Shift and Rcv.Wind.Shift to zero.
//= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
//= type=test
//# The window field (SEG.WND) in the header of every incoming
//# segment, with the exception of <SYN> segments, MUST be left-
//# shifted by Snd.Wind.Shift bits before updating SND.WND
//= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
//= type=test
//# The window field (SEG.WND) of every outgoing segment, with the
//# exception of <SYN> segments, MUST be right-shifted by
//# Rcv.Wind.Shift bits
//= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
//= type=test
//# If a TCP receives a <SYN> segment containing a Window Scale option, it SHOULD send its own
//# Window Scale option in the <SYN,ACK> segment.
#[test]
fn windows_are_scaled_in_both_directions_but_for_those_of_the_syns() {
    let mut s = Script::connecting(scaled());
    s.sent();
    s.exchange("S. 0:0(0) ack 1 win 5000 <mss 1000,wscale 7>", &[". 1:1(0) ack 1 win 32768"]);
    assert_eq!((s.info().snd_wnd, s.info().rcv_wnd), (5000, 1 << 20));
    s.inject(". 1:1(0) ack 1 win 5000");
    assert_eq!(s.info().snd_wnd, 640_000);
    // The passive side learns the same.
    let mut s = Script::listening(scaled());
    s.exchange("S 0:0(0) win 5000 <mss 1000,wscale 7>", &["S. 0:0(0) ack 1 win 65535 <mss 1460,wscale 5>"]);
    s.inject(". 1:1(0) ack 1 win 5000");
    s.socket = s.host.accept(s.listener.unwrap());
    assert_eq!((s.info().snd_wnd, s.info().rcv_wnd), (640_000, 65_535));
    s.exchange("P. 1:1001(1000) ack 1 win 5000", &[]);
    s.expect_after(40, &[". 1:1(0) ack 1001 win 32736"]);
    assert_eq!(s.info().rcv_wnd, 32_736 << 5);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-2.2
//= type=test
//# This option is an offer, not a promise; both sides MUST send Window
//# Scale options in their <SYN> segments to enable window scaling in
//# either direction.
#[test]
fn windows_are_not_scaled_unless_both_syns_say_so() {
    // We offer, the peer does not.
    let mut s = Script::connecting(scaled());
    s.sent();
    s.exchange("S. 0:0(0) ack 1 win 5000 <mss 1000>", &[". 1:1(0) ack 1 win 65535"]);
    s.inject(". 1:1(0) ack 1 win 6000");
    assert_eq!((s.info().snd_wnd, s.info().rcv_wnd), (6000, 65_535));
    // The peer offers in vain, be it in a SYN or in a SYN,ACK that nobody asked.
    let mut s = Script::listening(plain(OptionsPatch::default()));
    s.exchange("S 0:0(0) win 5000 <mss 1000,wscale 7>", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    s.inject(". 1:1(0) ack 1 win 5000");
    s.socket = s.host.accept(s.listener.unwrap());
    assert_eq!(s.info().snd_wnd, 5000);
    let mut s = Script::connecting(plain(OptionsPatch::default()));
    s.sent();
    s.inject("S. 0:0(0) ack 1 win 5000 <mss 1000,wscale 7>");
    s.inject(". 1:1(0) ack 1 win 6000");
    assert_eq!(s.info().snd_wnd, 6000);
    // And no SYN,ACK of ours offers what the SYN did not.
    let mut s = Script::listening(scaled());
    s.exchange("S 0:0(0) win 5000 <mss 1000>", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-2.2
//= type=test
//# A Window Scale option in a segment
//# without a SYN bit MUST be ignored.
#[test]
fn a_scale_that_comes_later_is_ignored() {
    let mut s = accepted(scaled());
    s.inject(". 1:1(0) ack 1 win 1000 <wscale 3>");
    assert_eq!(s.info().snd_wnd, 128_000);
    let mut s = Script::accepted();
    s.inject(". 1:1(0) ack 1 win 1000 <wscale 3>");
    assert_eq!(s.info().snd_wnd, 1000);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
//= type=test
//# If a
//# Window Scale option is received with a shift.cnt value larger than
//# 14, the TCP SHOULD log the error but MUST use 14 instead of the
//# specified value.
#[test]
fn a_scale_above_14_is_used_as_14_and_counted() {
    for (shift, lowered) in [(14, 0), (15, 1), (255, 1)] {
        let mut s = Script::listening(scaled());
        s.handshake(&format!("S 0:0(0) win 10000 <mss 1000,wscale {shift}>"), 65_535);
        assert_eq!(s.info().snd_wnd, 65_535 << 14);
        assert_eq!(s.host.engine.counters().window_scales_lowered, lowered);
        let mut s = Script::connecting(scaled());
        s.sent();
        s.inject(&format!("S. 0:0(0) ack 1 win 10000 <mss 1000,wscale {shift}>"));
        s.inject(". 1:1(0) ack 1 win 65535");
        assert_eq!(s.info().snd_wnd, 65_535 << 14);
        assert_eq!(s.host.engine.counters().window_scales_lowered, lowered);
    }
}

#[test]
fn both_sides_of_a_simultaneous_open_scale() {
    let mut s = Script::connecting(scaled());
    s.sent();
    let syn_ack = "S. 0:0(0) ack 1 win 65535 <mss 1460,wscale 5>";
    s.exchange("S 0:0(0) win 5000 <mss 1000,wscale 7>", &[syn_ack]);
    // The window of the SYN,ACK is no more scaled than that of the SYN.
    s.inject("S. 0:0(0) ack 1 win 6000 <mss 1000,wscale 7>");
    assert_eq!((s.state(), s.info().snd_wnd), ("ESTABLISHED", 6000));
    s.inject(". 1:1(0) ack 1 win 6000");
    assert_eq!(s.info().snd_wnd, 768_000);
}

/// A SYN,ACK cannot tell of more than 65,535 octets: the first read of a connection that the peer began does, once.
#[test]
fn the_first_read_tells_of_the_window_that_a_syn_could_not() {
    let mut s = accepted(scaled());
    s.exchange("P. 1:2(1) ack 1 win 1000", &[]);
    s.recv(1, 1);
    s.expect(&[". 1:1(0) ack 2 win 32768"]);
    s.exchange("P. 2:3(1) ack 1 win 1000", &[]);
    s.recv(2, 1);
    s.expect(&[]);

    let mut s = accepted(with_buffer(65_535));
    s.exchange("P. 1:2(1) ack 1 win 1000", &[]);
    s.recv(1, 1);
    s.expect(&[]);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-2.4
//= type=test
//# The receiver MUST honor, as in window, any segment that would
//# have been in window for any <ACK> sent by the receiver.
//= https://www.rfc-editor.org/rfc/rfc7323#section-2.4
//= type=test
//# When window scaling is in effect, the receiver SHOULD track the
//# actual maximum window sequence number (which is likely to be
//# greater than the window announced by the most recent <ACK>, if
//# more than one segment has arrived since the application consumed
//# any data in the receive buffer).
#[test]
fn what_was_announced_is_taken_though_rounding_took_some_of_it_back() {
    // As in RFC 7323, appendix F: a window in units of two octets, and segments of one.
    let options = OptionsPatch { delayed_ack: Some(Duration::ZERO), ..with_buffer(65_600) };
    let mut s = accepted(options);
    s.inject("P. 1:60001(60000) ack 1 win 1000");
    s.sent();
    let (mut at, mut rightmost, mut back) = (60_001, 0, 0);
    for _ in 0..100 {
        s.inject(&format!("P. {at}:{}(1) ack 1 win 1000", at + 1));
        at += 1;
        let sent = s.sent();
        let window: u32 = sent[0].split_whitespace().last().unwrap().parse().unwrap();
        let told = at + (window << 1);
        back = back.max(rightmost.max(told) - told);
        rightmost = rightmost.max(told);
        assert_eq!(at + s.info().rcv_wnd, rightmost);
    }
    assert_eq!(back, 1, "less than a unit was taken back");
    s.inject(&format!("P. {at}:{}({}) ack 1 win 1000", rightmost + 1, rightmost + 1 - at));
    s.recv(1, rightmost as usize - 1);
}

#[test]
fn a_window_that_cannot_be_told_any_more_opens_again_when_all_is_read() {
    for octets in [65_536, 70_001, 100_000] {
        let mut s = accepted(with_buffer(octets));
        let mut at = 1;
        while s.info().rcv_wnd > 0 {
            let len = s.info().rcv_wnd.min(1000);
            s.inject(&format!("P. {at}:{}({len}) ack 1 win 1000", at + len));
            at += len;
            s.advance(40);
        }
        let told = octets / 2 * 2;
        assert!((told..=octets).contains(&s.info().receive_queue), "{}", s.info().receive_queue);
        s.sent();
        s.recv(1, s.info().receive_queue as usize);
        assert_eq!(s.sent().len(), 1);
        assert_eq!(s.info().rcv_wnd, told);
    }
}

#[test]
fn a_buffer_made_smaller_than_the_scale_is_no_window_closed_for_ever() {
    let mut s = accepted(scaled());
    s.inject("P. 1:1001(1000) ack 1 win 1000");
    s.advance(40);
    s.sent();
    let options = OptionsPatch { receive_buffer: Some(10), ..OptionsPatch::default() };
    s.host.call(Request::SetOptions { socket: s.socket, options }).unwrap();
    // The peer fills what it was promised before.
    let mut at = 1001;
    while s.info().rcv_wnd > 0 {
        let len = s.info().rcv_wnd.min(60_000);
        s.inject(&format!("P. {at}:{}({len}) ack 1 win 1000", at + len));
        at += len;
        s.advance(40);
    }
    s.sent();
    s.recv(1, at as usize - 1);
    s.expect(&[&format!(". 1:1(0) ack {at} win 1")]);
    s.inject(&format!("P. {at}:{}(32) ack 1 win 1000", at + 32));
    s.advance(40);
    s.recv(at, 32);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-2.4
//= type=test
//# The initial transmission MUST be within the window announced by
//# the most recent <ACK>.
//= https://www.rfc-editor.org/rfc/rfc7323#section-2.4
//= type=test
//# On first retransmission, or if the sequence number is out of
//# window by less than 2^Rcv.Wind.Shift, then do normal
//# retransmission(s) without regard to the receiver window as long
//# as the original segment was in window when it was sent.
#[test]
fn what_a_peer_takes_back_by_rounding_is_sent_again_but_nothing_new_is() {
    let mut s = Script::listening(OptionsPatch { no_delay: Some(true), ..scaled() });
    s.handshake("S 0:0(0) win 1280 <mss 1000,wscale 7>", 10);
    s.send(1280);
    s.expect(&[". 1:1001(1000) ack 1 win 32768", "P. 1001:1281(280) ack 1 win 32768"]);
    // 100 octets came and were not read: of the 1180 that are left, 9 units can be told.
    s.send(100);
    s.exchange(". 1:1(0) ack 101 win 9", &[]);
    assert_eq!(s.info().snd_wnd, 1152);
    // A bare ACK is numbered from where the peer takes it.
    s.exchange("P. 5:6(1) ack 101 win 9", &[". 1281:1281(0) ack 1 win 32768"]);
    s.advance(200);
    assert_eq!(s.sent(), [". 101:1101(1000) ack 1 win 32768"]);
    s.exchange(". 1:1(0) ack 1101 win 1", &[". 1101:1281(180) ack 1 win 32768"]);
}

#[test]
fn a_megabyte_is_in_flight_at_once() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected_with(modern(), modern());
    let mut left: usize = 3 << 20;
    let mut received = 0;
    let mut widest = 0;
    while received < 3 << 20 {
        left -= pair.a.send(client, &vec![7; left.min(1 << 16)]);
        pair.run();
        widest = widest.max(pair.a.engine.info(client).unwrap().tcp.unwrap().snd_wnd);
        pair.advance(Duration::from_millis(40));
        let tcp = pair.b.engine.info(server).unwrap().tcp.unwrap();
        if tcp.receive_queue > 0 {
            received += pair.b.recv(server).0.len();
        }
    }
    assert!(received == 3 << 20 && widest > 900_000, "{received} {widest}");
}
