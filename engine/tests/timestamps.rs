//! Timestamps (RFC 7323 §3 to §5): who sends them, what is echoed, what is measured by them, and which segments are old
//! duplicates (PAWS).
//!
//! The engine's timestamps are printed as milliseconds of its clock, which begins at zero.

mod common;

use common::Pair;
use common::script::{Script, modern, plain};
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::ShutdownHow;
use sockwright_engine::tcp::config::OptionsPatch;
use std::time::Duration;

/// Timestamps alone.
fn stamped() -> OptionsPatch {
    OptionsPatch { timestamps: Some(true), ..plain(OptionsPatch::default()) }
}

/// A connection that the peer began when its clock stood at 100. Its window is 10,000 and its MSS 1000.
fn accepted() -> Script {
    let mut s = Script::listening(stamped());
    s.inject("S 0:0(0) win 10000 <mss 1000,TS val 100 ecr 0>");
    s.sent();
    s.inject(". 1:1(0) ack 1 win 10000 <TS val 100 ecr 0>");
    s.socket = s.host.accept(s.listener.unwrap());
    s
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
//= type=test
//# Once TSopt has been successfully negotiated, that is both <SYN> and
//# <SYN,ACK> contain TSopt, the TSopt MUST be sent in every non-<RST>
//# segment for the duration of the connection, and SHOULD be sent in an
//# <RST> segment (see Section 5.2 for details).
//= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
//= type=test
//# If
//# the ACK bit is not set in the outgoing TCP header, the sender of that
//# segment SHOULD set the TSecr field to zero.  When the ACK bit is set
//# in an outgoing segment, the sender MUST echo a recently received
//# TSval sent by the remote TCP in the TSval field of a Timestamps
//# option.
//= https://www.rfc-editor.org/rfc/rfc7323#section-4.3
//= type=test
//# When a TSopt is sent, its TSecr field is set to the current
//# TS.Recent value.
//= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
//= type=test
//# The TCP SHOULD remember this state by setting a flag, referred to as Snd.TS.OK, to one.
//= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
//= type=test
//# If an <RST> is being generated because of a user abort, and Snd.TS.OK is set, then a
//# Timestamps option SHOULD be included in the <RST>.
#[test]
fn every_segment_of_a_connection_that_agreed_carries_timestamps() {
    let mut s = Script::connecting(stamped());
    s.expect(&["S 0:0(0) win 65535 <mss 1460,TS val 0 ecr 0>"]);
    s.advance(20);
    s.exchange(
        "S. 0:0(0) ack 1 win 10000 <mss 1000,TS val 7000 ecr 0>",
        &[". 1:1(0) ack 1 win 65535 <TS val 20 ecr 7000>"],
    );
    s.send(10);
    s.expect(&["P. 1:11(10) ack 1 win 65535 <TS val 20 ecr 7000>"]);
    s.expect_after(200, &["P. 1:11(10) ack 1 win 65535 <TS val 220 ecr 7000>"]);
    s.exchange("P. 1:11(10) ack 11 win 10000 <TS val 7005 ecr 220>", &[]);
    s.expect_after(40, &[". 11:11(0) ack 11 win 65525 <TS val 260 ecr 7005>"]);
    s.host.shutdown(s.socket, ShutdownHow::Write);
    s.expect(&["F. 11:11(0) ack 11 win 65525 <TS val 260 ecr 7005>"]);
    s.host.abort(s.socket);
    s.expect(&["R. 12:12(0) ack 11 win 0 <TS val 260 ecr 7005>"]);
}

#[test]
fn without_the_agreement_of_both_no_segment_carries_timestamps() {
    let mut s = Script::connecting(stamped());
    s.sent();
    s.exchange("S. 0:0(0) ack 1 win 10000 <mss 1000>", &[". 1:1(0) ack 1 win 65535"]);
    let mut s = Script::listening(stamped());
    s.exchange("S 0:0(0) win 10000 <mss 1000>", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    let mut s = Script::listening(plain(OptionsPatch::default()));
    s.exchange("S 0:0(0) win 10000 <mss 1000,TS val 1 ecr 0>", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
//= type=test
//# If a TSopt is received on a connection where TSopt was not negotiated
//# in the initial three-way handshake, the TSopt MUST be ignored and the
//# packet processed normally.
#[test]
fn timestamps_that_nobody_agreed_on_are_ignored() {
    let mut s = Script::accepted();
    s.inject("P. 1:11(10) ack 1 win 10000 <TS val 100 ecr 0>");
    s.inject("P. 11:21(10) ack 1 win 10000 <TS val 5 ecr 0>");
    s.inject("P. 21:31(10) ack 1 win 10000");
    s.recv(1, 30);
    assert!(s.drops().is_empty());
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
//= type=test
//# If a
//# non-<RST> segment is received without a TSopt, a TCP SHOULD silently
//# drop the segment.  A TCP MUST NOT abort a TCP connection because any
//# segment lacks an expected TSopt.
#[test]
fn a_segment_that_lacks_its_timestamps_is_dropped_in_silence() {
    let mut s = accepted();
    for segment in ["P. 1:11(10) ack 1 win 10000", ". 1:1(0) ack 1 win 5", "F. 1:1(0) ack 1 win 10000"] {
        s.exchange(segment, &[]);
        assert_eq!(s.drops(), ["TIMESTAMP_MISSING"], "{segment}");
    }
    assert_eq!((s.state(), s.info().snd_wnd, s.info().receive_queue), ("ESTABLISHED", 10_000, 0));
    // A reset has none, and counts; a SYN begins something that has agreed on nothing yet, and is challenged.
    s.exchange("S 500:500(0) win 10000", &[". 1:1(0) ack 1 win 65535 <TS val 0 ecr 100>"]);
    s.exchange("R 1:1(0) win 0", &[]);
    assert_eq!(s.host.engine.info(s.socket).unwrap().error, Some(Errno::ECONNRESET));
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-4.3
//= type=test
//# Thus,
//# when delayed ACKs are in use, the receiver SHOULD reply with the
//# TSval field from the earliest unacknowledged segment.
#[test]
fn of_segments_acknowledged_together_the_earliest_is_echoed() {
    let mut s = accepted();
    s.exchange("P. 1:101(100) ack 1 win 10000 <TS val 101 ecr 0>", &[]);
    s.exchange(
        "P. 101:201(100) ack 1 win 10000 <TS val 102 ecr 0>",
        &[". 1:1(0) ack 201 win 65335 <TS val 0 ecr 101>"],
    );
    s.exchange("P. 201:301(100) ack 1 win 10000 <TS val 103 ecr 0>", &[]);
    s.expect_after(40, &[". 1:1(0) ack 301 win 65235 <TS val 40 ecr 103>"]);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-4.3
//= type=test
//# An <ACK> for an out-of-order segment
//# SHOULD, therefore, contain the timestamp from the most recent
//# segment that advanced RCV.NXT.
//= https://www.rfc-editor.org/rfc/rfc7323#section-4.3
//= type=test
//# Thus, the timestamp from the
//# latest segment (which filled the hole) MUST be echoed.
//= https://www.rfc-editor.org/rfc/rfc7323#section-4.3
//= type=test
//# SEG.TSval >= TS.Recent and SEG.SEQ <= Last.ACK.sent
//#
//# then SEG.TSval is copied to TS.Recent; otherwise, it is ignored.
#[test]
fn out_of_order_what_advanced_the_window_last_is_echoed() {
    // The second example of §4.3, with segments of 100: A1 C3 B2 E5 D4.
    let mut s = accepted();
    s.inject("P. 1:101(100) ack 1 win 10000 <TS val 101 ecr 0>");
    s.advance(40);
    s.expect(&[". 1:1(0) ack 101 win 65435 <TS val 40 ecr 101>"]);
    for (segment, value, ack, free, echo) in [
        ("201:301", 103, 101, 65_435, 101),
        ("101:201", 102, 301, 65_235, 102),
        ("401:501", 105, 301, 65_235, 102),
        ("301:401", 104, 501, 65_035, 104),
    ] {
        s.exchange(
            &format!("P. {segment}(100) ack 1 win 10000 <TS val {value} ecr 0>"),
            &[&format!(". 1:1(0) ack {ack} win {free} <TS val 40 ecr {echo}>")],
        );
    }
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-5.3
//= type=test
//# If there is a Timestamps option in the arriving segment,
//# SEG.TSval < TS.Recent, TS.Recent is valid (see later
//# discussion), and if the RST bit is not set, then treat the
//# arriving segment as not acceptable:
//#
//# Send an acknowledgment in reply as specified in Section 3.9
//# of [RFC0793], page 69, and drop the segment.
//= https://www.rfc-editor.org/rfc/rfc7323#section-5.3
//= type=test
//# Also, PAWS processing MUST take precedence over the regular TCP
//# acceptability check (Section 3.3 in [RFC0793]), which is performed
//# after verification of the received Timestamps option
//= https://www.rfc-editor.org/rfc/rfc7323#section-5.3
//= type=test
//# If the PAWS algorithm is used, the following processing MUST be performed on all incoming
//# segments for a synchronized connection.
#[test]
fn a_segment_from_before_the_wrap_is_acknowledged_and_dropped_wherever_it_lies() {
    for segment in ["P. 1:11(10) ack 1", "P. 5:15(10) ack 1", "F. 1:1(0) ack 1", "P. 99000:99010(10) ack 1"] {
        let mut s = accepted();
        s.exchange(
            &format!("{segment} win 5 <TS val 99 ecr 0>"),
            &[". 1:1(0) ack 1 win 65535 <TS val 0 ecr 100>"],
        );
        assert_eq!(s.drops(), ["OLD_TIMESTAMP"], "{segment}");
        assert_eq!((s.state(), s.info().receive_queue, s.info().snd_wnd), ("ESTABLISHED", 0, 10_000));
    }
}

#[test]
fn the_order_of_timestamps_survives_their_wrap() {
    let mut s = Script::listening(stamped());
    s.inject("S 0:0(0) win 10000 <mss 1000,TS val 4294967295 ecr 0>");
    s.sent();
    s.inject(". 1:1(0) ack 1 win 10000 <TS val 4294967295 ecr 0>");
    s.socket = s.host.accept(s.listener.unwrap());
    s.inject("P. 1:11(10) ack 1 win 10000 <TS val 3 ecr 0>");
    s.recv(1, 10);
    s.inject("P. 11:21(10) ack 1 win 10000 <TS val 4294967295 ecr 0>");
    assert_eq!(s.drops(), ["OLD_TIMESTAMP"]);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-5.3
//= type=test
//# It is important to note that the timestamp MUST be checked only when a segment first
//# arrives at the receiver, regardless of whether it is in sequence or it must be queued for
//# later delivery.
#[test]
fn what_waits_out_of_order_is_not_checked_again() {
    let mut s = accepted();
    s.inject("P. 101:201(100) ack 1 win 10000 <TS val 110 ecr 0>");
    s.inject("P. 1:101(100) ack 1 win 10000 <TS val 120 ecr 0>");
    // What waited is older by its timestamp than what came last, and is delivered all the same.
    s.recv(1, 200);
    assert!(s.drops().is_empty());
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
//= type=test
//# When an <RST> segment is
//# received, it MUST NOT be subjected to the PAWS check by verifying an
//# acceptable value in SEG.TSval, and information from the Timestamps
//# option MUST NOT be used to update connection state information.
#[test]
fn a_reset_counts_whatever_its_timestamp_and_teaches_none() {
    let mut s = accepted();
    // In the window, and challenged: its timestamp is not echoed.
    s.exchange("R. 5:5(0) ack 1 win 0 <TS val 5000 ecr 0>", &[". 1:1(0) ack 1 win 65535 <TS val 0 ecr 100>"]);
    s.exchange("R. 1:1(0) ack 1 win 0 <TS val 1 ecr 0>", &[]);
    assert_eq!(s.state(), "CLOSED");
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
//= type=test
//# The choice of incoming timestamps to be saved for this comparison
//# MUST guarantee a value that is monotonically non-decreasing.
//= https://www.rfc-editor.org/rfc/rfc7323#section-5.3
//= type=test
//# If an arriving segment satisfies SEG.TSval >= TS.Recent and
//# SEG.SEQ <= Last.ACK.sent (see Section 4.3), then record its
//# timestamp in TS.Recent.
#[test]
fn an_attacker_outside_the_window_cannot_move_the_timestamp_that_is_expected() {
    let mut s = accepted();
    for segment in [
        // Outside the window on either side, ahead of what was acknowledged, with an ACK of what was never sent.
        "P. 99000:99010(10) ack 1",
        "P. -500:-490(10) ack 1",
        "P. 500:510(10) ack 1",
        "P. 1:11(10) ack 500",
        "P. 1:11(10) ack -20000",
        "P 1:11(10)",
    ] {
        s.inject(&format!("{segment} win 10000 <TS val 2000000000 ecr 0>"));
        s.advance(1000);
    }
    s.sent();
    s.inject("P. 1:11(10) ack 1 win 10000 <TS val 101 ecr 0>");
    s.recv(1, 10);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-5.5
//= type=test
//# We therefore require that an implementation of PAWS include a
//# mechanism to "invalidate" the TS.Recent value when a connection is
//# idle for more than 24 days.
#[test]
fn after_24_idle_days_any_timestamp_is_new() {
    let day = 86_400_000;
    let mut s = accepted();
    s.advance(24 * day);
    s.inject("P. 1:11(10) ack 1 win 10000 <TS val 99 ecr 0>");
    assert_eq!(s.drops(), ["OLD_TIMESTAMP"]);
    s.sent();
    s.advance(1);
    s.inject("P. 1:11(10) ack 1 win 10000 <TS val 99 ecr 0>");
    s.recv(1, 10);
    // From here on, that is the one that counts.
    s.inject("P. 11:21(10) ack 1 win 10000 <TS val 98 ecr 0>");
    assert_eq!(s.drops(), ["OLD_TIMESTAMP"]);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-4.1
//= type=test
//# A TSecr value received in a segment MAY be used to update
//# the averaged RTT measurement only if the segment advances
//# the left edge of the send window, i.e., SND.UNA is
//# increased.
#[test]
fn what_was_sent_twice_is_measured_by_its_echo() {
    let mut s = accepted();
    s.send(100);
    s.sent();
    s.advance(200);
    assert_eq!(s.sent(), ["P. 1:101(100) ack 1 win 65535 <TS val 200 ecr 100>"]);
    s.advance(50);
    let before = s.info().srtt;
    // Nothing new is acknowledged: nothing is measured.
    s.inject("P. 1:11(10) ack 1 win 10000 <TS val 101 ecr 200>");
    assert_eq!(s.info().srtt, before);
    s.inject(". 11:11(0) ack 101 win 10000 <TS val 101 ecr 200>");
    assert_eq!(s.info().srtt, Some((before.unwrap() * 7 + Duration::from_millis(50)) / 8));
}

#[test]
fn an_echo_of_what_was_never_sent_measures_nothing() {
    for echo in ["251", "-1", "4000000000"] {
        let mut s = accepted();
        s.send(100);
        s.advance(200);
        s.advance(50);
        let before = s.info().srtt;
        s.inject(&format!(". 1:1(0) ack 101 win 10000 <TS val 101 ecr {echo}>"));
        assert_eq!((s.info().srtt, s.info().send_queue), (before, 0), "{echo}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
//= type=test
//# When the ACK bit is not set, the receiver MUST ignore the value of the TSecr field.
#[test]
fn the_echo_of_a_segment_without_ack_is_ignored() {
    let mut s = Script::connecting(stamped());
    s.sent();
    s.advance(20);
    s.inject("S 0:0(0) win 10000 <mss 1000,TS val 100 ecr 10>");
    assert_eq!((s.state(), s.info().srtt), ("SYN-RECEIVED", None));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
//= type=test
//# Note that some options
//# might not be included on all segments, but that for each segment
//# sent, the sender should adjust the data length accordingly, within
//# the Eff.snd.MSS.
#[test]
fn timestamps_take_their_place_from_the_data() {
    let mut s = accepted();
    assert_eq!(s.info().snd_mss, 988);
    s.send(2000);
    let sent = s.sent();
    assert!(sent[0].starts_with(". 1:989(988) ") && sent[1].starts_with(". 989:1977(988) "), "{sent:?}");
    // On the wire no packet is larger than the link carries.
    let mut pair = Pair::new();
    let (client, _) = pair.connected();
    pair.a.send(client, &[1; 9000]);
    assert_eq!(pair.a.sent.iter().map(Vec::len).max(), Some(1500));
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
//= type=test
//# In the <RST> segment,
//# SEG.TSecr SHOULD be set to SEG.TSval from the incoming segment and
//# SEG.TSval SHOULD be set to zero.
//= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
//= type=test
//# While still under discussion, to enable research into this area it is now RECOMMENDED that
//# when generating an <RST>, if the segment causing the <RST> to be generated contains a
//# Timestamps option, the <RST> should also contain a Timestamps option.
#[test]
fn a_reset_for_nobody_echoes_the_timestamp_of_what_it_answers() {
    let mut s = Script::listening(stamped());
    s.local.set_port(81);
    s.inject("S 5:5(0) win 100 <mss 1000,TS val 77 ecr 0>");
    let packet = s.host.sent.pop().unwrap();
    assert_eq!(common::text(&packet), "R. 0:0(0) ack 1000006 win 0 <TS val 0 ecr 77>");
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-5.4
//= type=test
//# A random offset may be added to the timestamp clock on a per-
//# connection basis.
//= https://www.rfc-editor.org/rfc/rfc7323#section-7
//= type=test
//# It is therefore RECOMMENDED to generate a random, per-connection offset to be used with
//# the clock source when generating the Timestamps option value (see Section 5.4).
#[test]
fn clocks_of_different_tuples_say_nothing_of_each_other_nor_of_uptime() {
    let first = |port: u16| {
        let mut s = Script::listening(stamped());
        s.remote.set_port(port);
        s.inject("S 0:0(0) win 10000 <mss 1000,TS val 1 ecr 0>");
        let text = common::text(&s.host.sent.pop().unwrap());
        let (_, value) = text.split_once("TS val ").unwrap();
        value.split_once(' ').unwrap().0.parse::<u32>().unwrap()
    };
    let values: Vec<u32> = (4000..4050).map(first).collect();
    assert_eq!(values[0], first(4000), "one tuple has one clock");
    for pair in values.windows(2) {
        assert!(pair[0].abs_diff(pair[1]) > 1000, "{pair:?}");
    }
    assert!(values.iter().filter(|value| **value > 1 << 31).count() > 10);
}

#[test]
fn a_repeated_syn_is_the_one_that_is_timed() {
    let mut s = Script::listening(stamped());
    s.exchange(
        "S 0:0(0) win 10000 <mss 1000,TS val 100 ecr 0>",
        &["S. 0:0(0) ack 1 win 65535 <mss 1460,TS val 0 ecr 100>"],
    );
    s.exchange(
        "S 0:0(0) win 10000 <mss 1000,TS val 900 ecr 0>",
        &["S. 0:0(0) ack 1 win 65535 <mss 1460,TS val 0 ecr 900>"],
    );
}

/// What arrived and was not acknowledged in time is sent again and acknowledged as a duplicate, with the echo of the first
/// time: between the two lies our own timeout. Measured, it would make the next timeout longer, and so on.
#[test]
fn lost_acknowledgments_do_not_make_the_timeout_feed_on_itself() {
    let mut pair = Pair::new();
    let (client, _) = pair.connected_with(modern(), modern());
    let rto = |pair: &Pair| pair.a.engine.info(client).unwrap().tcp.unwrap().rto;
    let at_first = rto(&pair);
    for _ in 0..10 {
        pair.a.send(client, &[7; 100]);
        let sent = std::mem::take(&mut pair.a.sent);
        sent.iter().for_each(|frame| pair.b.frame(frame));
        // Its acknowledgment is lost, at once or when it is due.
        pair.b.advance(Duration::from_millis(100));
        pair.a.advance(Duration::from_millis(100));
        pair.lose();
        pair.advance(rto(&pair) * 2);
        assert_eq!(pair.a.engine.info(client).unwrap().tcp.unwrap().send_queue, 0);
    }
    assert_eq!(rto(&pair), at_first);
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
//= type=test
//# If a TSopt is received on a connection where TSopt was not negotiated
//# in the initial three-way handshake, the TSopt MUST be ignored and the
//# packet processed normally.
#[test]
fn the_echo_of_a_timestamp_that_was_not_agreed_on_measures_nothing() {
    let mut s = Script::accepted_with(plain(OptionsPatch::default()));
    s.send(100);
    s.sent();
    let before = s.info().srtt;
    // Sent again: without an echo the acknowledgment says nothing of the round trip.
    s.advance(1000);
    assert!(!s.sent().is_empty());
    let echo = s.host.now.as_nanos() / 1_000_000 - 7;
    s.inject(&format!(". 1:1(0) ack 101 win 10000 <TS val 5 ecr {echo}>"));
    assert_eq!((s.info().snd_una - s.info().iss, s.info().srtt), (101, before));
}
