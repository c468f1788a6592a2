//! SEGMENT ARRIVES: the checks of RFC 9293 §3.10.7, in its order, in every state that they tell apart.

mod common;

use common::script::{Script, ip, modern, plain};
use common::{Host, Pair, states};
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::{Request, ShutdownHow};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::wire::{Flags, Protocol, TcpOptions, TcpSegment, Timestamps};
use std::time::Duration;

/// The synchronized states, each reached by the calls and segments that lead to it. The peer's next octet is the
/// second number, ours the third.
fn synchronized() -> Vec<(&'static str, u32, u32, Script)> {
    let mut all = Vec::new();
    for state in ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"]
    {
        let mut s = Script::accepted();
        let mut peer = 1;
        let mut ours = 1;
        if ["CLOSE-WAIT", "LAST-ACK"].contains(&state) {
            s.inject("F. 1:1(0) ack 1 win 10000");
            peer = 2;
        }
        if !["ESTABLISHED", "CLOSE-WAIT"].contains(&state) {
            s.host.shutdown(s.socket, ShutdownHow::Write);
            ours = 2;
        }
        if ["FIN-WAIT-2", "TIME-WAIT"].contains(&state) {
            s.inject(". 1:1(0) ack 2 win 10000");
        }
        if ["CLOSING", "TIME-WAIT"].contains(&state) {
            s.inject(&format!("F. 1:1(0) ack {} win 10000", if state == "CLOSING" { 1 } else { 2 }));
            peer = 2;
        }
        s.sent();
        s.drops();
        assert_eq!(s.state(), state);
        all.push((state, peer, ours, s));
    }
    all
}

fn window(s: &Script) -> u32 {
    s.info().rcv_wnd
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# If an incoming segment is not acceptable, an acknowledgment
//# should be sent in reply (unless the RST bit is set, if so
//# drop the segment and return)
#[test]
fn what_lies_outside_the_window_is_acknowledged_and_dropped_in_every_state() {
    for (state, peer, ours, mut s) in synchronized() {
        let wnd = window(&s);
        let answer = format!(". {ours}:{ours}(0) ack {peer} win {wnd}");
        for (seq, len) in [
            (i64::from(peer) - 1, 0),
            (i64::from(peer) - 11, 10),
            // One further: at the very edge a peer that filled the window acknowledges.
            (i64::from(peer + wnd) + 1, 0),
            (i64::from(peer + wnd), 10),
        ] {
            let line = format!(". {seq}:{}({len}) ack {ours} win 10000", seq + len);
            s.inject(&line);
            assert_eq!(s.sent(), [answer.as_str()], "{state}: {line}");
            assert_eq!(s.drops(), ["OUTSIDE_WINDOW"], "{state}: {line}");
            assert_eq!(s.state(), state);
            s.half_a_second_later();
        }
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# If the RST bit is set and the sequence number exactly matches the next expected
//# sequence number (RCV.NXT), then TCP endpoints MUST reset the connection in the manner
//# prescribed below according to the connection state.
//= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
//= type=test
//# If the RST bit is set and the sequence number exactly matches the next expected sequence
//# number (RCV.NXT), then TCP MUST reset the connection.
//= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
//= type=test
//# If the RST bit is set and the sequence number exactly matches the next expected sequence
//# number (RCV.NXT), then TCP MUST reset the connection.
#[test]
fn a_reset_at_the_left_edge_ends_every_state() {
    for (state, peer, ours, mut s) in synchronized() {
        s.inject(&format!("R. {peer}:{peer}(0) ack {ours} win 0"));
        // The wait goes on: RFC 1337.
        if state == "TIME-WAIT" {
            assert_eq!((s.state(), s.sent().len(), s.drops()), (state, 0, vec!["TIME_WAIT"]));
            continue;
        }
        assert_eq!((s.state(), s.sent().len()), ("CLOSED", 0), "{state}");
        let error = s.host.engine.info(s.socket).unwrap().error;
        let silent = ["CLOSING", "LAST-ACK", "TIME-WAIT"].contains(&state);
        assert_eq!(error, (!silent).then_some(Errno::ECONNRESET), "{state}");
        assert_eq!(s.host.engine.poll_timeout(), None, "{state}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# If the RST bit is set and the sequence number does not
//# exactly match the next expected sequence value, yet is
//# within the current receive window, TCP endpoints MUST send
//# an acknowledgment (challenge ACK)
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# 3) If the RST bit is set and the sequence number does not exactly match the next expected
//# sequence value, yet is within the current receive window, TCP endpoints MUST send an
//# acknowledgment (challenge ACK):
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# After sending the challenge ACK, TCP endpoints MUST drop the unacceptable segment and stop
//# processing the incoming packet further.
//= https://www.rfc-editor.org/rfc/rfc5961#section-1.1
//= type=test
//# The mitigations suggested in this document SHOULD be implemented in devices that regularly
//# need to maintain TCP connections of the kind most vulnerable to the attacks described in
//# this document.
//= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
//= type=test
//# Instead, implementations SHOULD implement the following steps in place of those specified
//# in [RFC0793] (as listed above).
//= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
//= type=test
//# If the RST bit is set and the sequence number does not exactly match the next expected
//# sequence value, yet is within the current receive window (RCV.NXT < SEG.SEQ <
//# RCV.NXT+RCV.WND), TCP MUST send an acknowledgment (challenge ACK):
//= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
//= type=test
//# After sending the challenge ACK, TCP MUST drop the unacceptable segment and stop
//# processing the incoming packet further.
//= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
//= type=test
//# If the RST bit is set and the sequence number does not exactly match the next expected
//# sequence value, yet is within the current receive window (RCV.NXT < SEG.SEQ <
//# RCV.NXT+RCV.WND), TCP MUST send an acknowledgment (challenge ACK):
#[test]
fn a_reset_elsewhere_in_the_window_is_challenged_in_every_state() {
    for (state, peer, ours, mut s) in synchronized() {
        let wnd = window(&s);
        for seq in [peer + 1, peer + wnd - 1] {
            s.inject(&format!("R {seq}:{seq}(0) win 0"));
            assert_eq!(s.sent(), [format!(". {ours}:{ours}(0) ack {peer} win {wnd}")], "{state}");
            assert_eq!(s.drops(), ["RST_CHALLENGED"]);
            s.half_a_second_later();
        }
        assert_eq!(s.state(), state);
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.5.3
//= type=test
//# TCP implementations SHOULD allow a received RST segment to include data (SHLD-2).
#[test]
fn a_reset_may_carry_data() {
    let mut s = Script::accepted();
    s.exchange("RP. 1:11(10) ack 1 win 0", &[]);
    assert_eq!(s.state(), "CLOSED");
    assert_eq!(s.host.engine.info(s.socket).unwrap().error, Some(Errno::ECONNRESET));
}

//= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
//= type=test
//# In all other cases, where the SEQ-field does not match and is outside the window, the
//# receiver MUST silently discard the segment.
//= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
//= type=test
//# In all other cases the receiver MUST silently discard the segment.
#[test]
fn a_reset_outside_the_window_is_dropped_in_silence_in_every_state() {
    for (state, peer, _, mut s) in synchronized() {
        let wnd = window(&s);
        for seq in [peer - 1, peer + wnd] {
            s.exchange(&format!("R {seq}:{seq}(0) win 0"), &[]);
            assert_eq!(s.drops(), ["OUTSIDE_WINDOW"]);
        }
        assert_eq!(s.state(), state);
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# RFC 5961 recommends that in
//# these synchronized states, if the SYN bit is set,
//# irrespective of the sequence number, TCP endpoints MUST send
//# a "challenge ACK" to the remote peer
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# RFC 5961 recommends that in these synchronized states, if the SYN bit is set, irrespective
//# of the sequence number, TCP endpoints MUST send a "challenge ACK" to the remote peer:
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# After sending the acknowledgment, TCP implementations MUST drop the unacceptable segment
//# and stop processing further.
//= https://www.rfc-editor.org/rfc/rfc5961#section-4.2
//= type=test
//# Instead, the handling of the SYN in the synchronized state SHOULD be performed as follows:
//= https://www.rfc-editor.org/rfc/rfc5961#section-4.2
//= type=test
//# If the SYN bit is set, irrespective of the sequence number, TCP MUST send an ACK (also
//# referred to as challenge ACK) to the remote peer:
//= https://www.rfc-editor.org/rfc/rfc5961#section-4.2
//= type=test
//# After sending the acknowledgment, TCP MUST drop the unacceptable segment and stop
//# processing further.
//= https://www.rfc-editor.org/rfc/rfc5961#section-4.2
//= type=test
//# If the SYN bit is set, irrespective of the sequence number, TCP MUST send an ACK (also
//# referred to as challenge ACK) to the remote peer:
#[test]
fn a_syn_is_challenged_in_every_state() {
    for (state, peer, ours, mut s) in synchronized() {
        let answer = format!(". {ours}:{ours}(0) ack {peer} win {}", window(&s));
        s.exchange("S 0:0(0) win 10000", &[&answer]);
        s.half_a_second_later();
        // In TIME-WAIT a newer one begins the next connection (RFC 6191).
        if state == "TIME-WAIT" {
            continue;
        }
        s.exchange(&format!("S {0}:{0}(0) win 10000", peer + 5), &[&answer]);
        s.half_a_second_later();
        s.exchange(&format!("S. {0}:{0}(0) ack {ours} win 10000", peer + 5), &[&answer]);
        assert_eq!(s.state(), state);
        assert_eq!(s.drops(), ["OUTSIDE_WINDOW", "SYN_CHALLENGED", "SYN_CHALLENGED"]);
    }
}

#[test]
fn a_segment_without_an_ack_is_dropped_in_silence_in_every_state() {
    for (state, peer, _, mut s) in synchronized() {
        s.exchange(&format!("P {peer}:{}(5) win 10000", peer + 5), &[]);
        s.exchange(&format!("F {peer}:{peer}(0) win 10000"), &[]);
        assert_eq!(s.drops(), ["NO_ACK", "NO_ACK"]);
        assert_eq!(s.state(), state);
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# If the ACK acks
//# something not yet sent (SEG.ACK > SND.NXT), then send an
//# ACK, drop the segment, and return.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# RFC 5961 [9], Section 5 describes a potential blind data injection attack, and
//# mitigation that implementations MAY choose to include (MAY-12).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# TCP stacks that implement RFC 5961 MUST add an input check that the ACK value is
//# acceptable only if it is in the range of ((SND.UNA - MAX.SND.WND) =< SEG.ACK =< SND.NXT).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# All incoming segments whose ACK value doesn't satisfy the above condition MUST be
//# discarded and an ACK sent back.
//= https://www.rfc-editor.org/rfc/rfc5961#section-5.2
//= type=test
//# TCP stacks that implement this mitigation MUST add an additional input check to any
//# incoming segment.
#[test]
fn an_ack_of_what_was_never_sent_is_answered_and_its_data_dropped() {
    for (state, peer, ours, mut s) in synchronized() {
        let answer = format!(". {ours}:{ours}(0) ack {peer} win {}", window(&s));
        let line = format!("P. {peer}:{}(5) ack {} win 10000", peer + 5, ours + 1);
        s.exchange(&line, &[&answer]);
        assert_eq!(s.drops(), ["ACK_OF_UNSENT"], "{state}");
        assert_eq!((s.state(), s.info().receive_queue), (state, 0));
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# TCP stacks that implement RFC
//# 5961 MUST add an input check that the ACK value is
//# acceptable only if it is in the range of ((SND.UNA -
//# MAX.SND.WND) =< SEG.ACK =< SND.NXT).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# RFC 5961 [9], Section 5 describes a potential blind data injection attack, and
//# mitigation that implementations MAY choose to include (MAY-12).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# All incoming segments whose ACK value doesn't satisfy the above condition MUST be
//# discarded and an ACK sent back.
//= https://www.rfc-editor.org/rfc/rfc5961#section-5.2
//= type=test
//# TCP stacks that implement this mitigation MUST add an additional input check to any
//# incoming segment.
//= https://www.rfc-editor.org/rfc/rfc5961#section-5.2
//= type=test
//# All incoming segments whose ACK value doesn't satisfy the above condition MUST be
//# discarded and an ACK sent back.
#[test]
fn an_ack_older_than_the_largest_window_is_challenged() {
    let mut s = Script::accepted();
    s.exchange("P. 1:6(5) ack -9999 win 10000", &[]);
    assert_eq!(s.info().receive_queue, 5);
    s.exchange("P. 6:11(5) ack -10000 win 10000", &[". 1:1(0) ack 6 win 65530"]);
    assert_eq!(s.drops(), ["ACK_TOO_OLD"]);
    assert_eq!(s.info().receive_queue, 5);
}

#[test]
fn an_old_ack_moves_nothing() {
    let mut s = Script::accepted();
    s.send(100);
    s.inject(". 1:1(0) ack 101 win 9000");
    s.sent();
    s.exchange(". 1:1(0) ack 51 win 5", &[]);
    assert_eq!((s.info().snd_una - s.info().iss, s.info().snd_wnd), (101, 9000));
}

#[test]
fn a_window_is_not_taken_from_an_older_segment() {
    let mut s = Script::accepted();
    s.inject("P. 1:6(5) ack 1 win 9000");
    s.sent();
    // An older segment with data still to come would be out of order; its window is older as well.
    s.inject("P. 11:16(5) ack 1 win 8000");
    assert_eq!(s.info().snd_wnd, 8000);
    s.inject("P. 6:11(5) ack 1 win 7000");
    assert_eq!(s.info().snd_wnd, 8000);
}

#[test]
fn data_that_overlaps_what_came_is_trimmed_on_the_left() {
    let mut s = Script::accepted();
    s.inject("P. 1:11(10) ack 1 win 10000");
    s.exchange("P. 5:21(16) ack 1 win 10000", &[". 1:1(0) ack 21 win 65515"]);
    s.recv(1, 20);
}

#[test]
fn data_beyond_the_window_is_trimmed_on_the_right_with_its_fin() {
    let mut s = Script::accepted_with(OptionsPatch { receive_buffer: Some(10), ..Default::default() });
    s.inject("FP. 1:21(20) ack 1 win 10000");
    s.expect_after(40, &[". 1:1(0) ack 11 win 0"]);
    assert_eq!(s.state(), "ESTABLISHED");
    s.recv(1, 10);
    s.expect(&[". 1:1(0) ack 11 win 10"]);
    s.exchange("FP. 11:16(5) ack 1 win 10000", &[". 1:1(0) ack 17 win 4"]);
    s.recv_end(11, 5);
}

#[test]
fn a_fin_right_behind_a_full_window_waits_for_room() {
    let mut s = Script::accepted_with(OptionsPatch { receive_buffer: Some(10), ..Default::default() });
    s.inject("FP. 1:11(10) ack 1 win 10000");
    s.expect_after(40, &[". 1:1(0) ack 11 win 0"]);
    s.exchange("F. 11:11(0) ack 1 win 10000", &[". 1:1(0) ack 11 win 0"]);
    assert_eq!(s.state(), "ESTABLISHED");
    s.recv(1, 10);
    s.expect(&[". 1:1(0) ack 11 win 10"]);
    s.exchange("F. 11:11(0) ack 1 win 10000", &[". 1:1(0) ack 12 win 9"]);
    assert_eq!(s.state(), "CLOSE-WAIT");
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# If the RCV.WND is zero, no segments will be acceptable, but
//# special allowance should be made to accept valid ACKs, URGs,
//# and RSTs.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.4
//= type=test
//# A TCP receiver MUST process the RST and URG fields of all incoming segments, even when the
//# receive window is zero (MUST-66).
#[test]
fn behind_a_closed_window_acks_and_resets_count_and_data_does_not() {
    let mut s = Script::accepted_with(OptionsPatch { receive_buffer: Some(10), ..Default::default() });
    s.inject("P. 1:11(10) ack 1 win 10000");
    s.sent();
    s.send(100);
    s.expect(&["P. 1:101(100) ack 11 win 0"]);
    s.exchange("P. 11:12(1) ack 101 win 10000", &[". 101:101(0) ack 11 win 0"]);
    assert_eq!(s.info().send_queue, 0);
    s.send(100);
    s.sent();
    s.exchange(". 11:11(0) ack 201 win 10000", &[]);
    assert_eq!(s.info().send_queue, 0);
    s.exchange("R 11:11(0) win 0", &[]);
    assert_eq!(s.state(), "CLOSED");
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# In general, the processing of received segments MUST be implemented to aggregate ACK
//# segments whenever possible (MUST-58).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# For example, if the TCP endpoint is processing a series of queued segments, it MUST
//# process them all before sending any ACK segments (MUST-59).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# Segments with higher beginning sequence numbers SHOULD be held for later processing
//# (SHLD-31).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# A TCP implementation MAY send an ACK segment acknowledging RCV.NXT when a valid segment
//# arrives that is in the window but not at the left window edge (MAY-13).
//= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
//= type=test
//# A TCP receiver SHOULD send an immediate duplicate ACK when an out- of-order segment
//# arrives.
//= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
//= type=test
//# In addition, a TCP receiver SHOULD send an immediate ACK when the incoming segment fills
//# in all or part of a gap in the sequence space.
//= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
//= type=test
//# Out-of-order data segments SHOULD be acknowledged immediately, in order to accelerate loss
//# recovery.
//= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
//= type=test
//# To trigger the fast retransmit algorithm, the receiver SHOULD send an immediate duplicate
//# ACK when it receives a data segment above a gap in the sequence space.
//= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
//= type=test
//# To provide feedback to senders recovering from losses, the receiver SHOULD send an
//# immediate ACK when it receives a data segment that fills in all or part of a gap in the
//# sequence space.
//= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
//= type=test
//# A TCP receiver MUST NOT generate more than one ACK for every incoming segment, other than
//# to update the offered window as the receiving application consumes new data (see [RFC813]
//# and page 42 of [RFC793]).
#[test]
fn out_of_order_data_is_kept_acknowledged_at_once_and_delivered_in_order() {
    let mut s = Script::accepted();
    s.exchange("P. 11:21(10) ack 1 win 10000", &[". 1:1(0) ack 1 win 65535"]);
    s.exchange("P. 31:41(10) ack 1 win 10000", &[". 1:1(0) ack 1 win 65535"]);
    s.exchange("P. 1:11(10) ack 1 win 10000", &[". 1:1(0) ack 21 win 65515"]);
    s.recv(1, 20);
    s.exchange("P. 15:36(21) ack 1 win 10000", &[". 1:1(0) ack 41 win 65495"]);
    s.recv(21, 20);
    assert_eq!(s.info().out_of_order, 0);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
//= type=test
//# A TCP implementation MUST be able to receive a TCP Option in any segment (MUST-5).
#[test]
fn an_option_may_come_with_any_segment() {
    let mut s = Script::accepted();
    let mss = s.info().snd_mss;
    s.inject("P. 1:11(10) ack 1 win 10000 <mss 500>");
    s.recv(1, 10);
    s.inject("F. 11:11(0) ack 1 win 10000 <mss 500>");
    assert_eq!((s.state(), s.info().snd_mss), ("CLOSE-WAIT", mss), "it counts on a SYN alone");
}

#[test]
fn a_fin_out_of_order_waits_for_what_is_missing() {
    let mut s = Script::accepted();
    s.exchange("FP. 11:21(10) ack 1 win 10000", &[". 1:1(0) ack 1 win 65535"]);
    assert_eq!(s.state(), "ESTABLISHED");
    s.exchange("P. 1:11(10) ack 1 win 10000", &[". 1:1(0) ack 22 win 65514"]);
    assert_eq!(s.state(), "CLOSE-WAIT");
    s.recv_end(1, 20);
}

#[test]
fn nothing_is_taken_from_behind_a_fin() {
    let mut s = Script::accepted();
    s.inject("F. 11:11(0) ack 1 win 10000");
    s.sent();
    s.exchange("P. 11:21(10) ack 1 win 10000", &[". 1:1(0) ack 1 win 65535"]);
    s.exchange("P. 15:21(6) ack 1 win 10000", &[". 1:1(0) ack 1 win 65535"]);
    s.exchange("P. 5:21(16) ack 1 win 10000", &[". 1:1(0) ack 1 win 65535"]);
    s.exchange("P. 1:5(4) ack 1 win 10000", &[". 1:1(0) ack 12 win 65524"]);
    s.recv_end(1, 10);
    assert_eq!(s.state(), "CLOSE-WAIT");
}

#[test]
fn a_segment_that_spans_the_fin_we_have_is_old() {
    let mut s = Script::accepted();
    s.inject("FP. 1:11(10) ack 1 win 10000");
    s.sent();
    s.exchange("FP. 1:11(10) ack 1 win 10000", &[". 1:1(0) ack 12 win 65524"]);
    assert_eq!(s.drops(), ["OUTSIDE_WINDOW"]);
    s.recv_end(1, 10);
}

#[test]
fn in_syn_sent_only_what_acknowledges_the_syn_matters() {
    let mut s = Script::connecting(OptionsPatch::default());
    s.sent();
    // An ACK of something else is reset; a reset that acknowledges something else is not believed.
    s.exchange(". 5:5(0) ack 2 win 100", &["R 2:2(0) win 0"]);
    s.exchange("S. 0:0(0) ack 0 win 100", &["R 0:0(0) win 0"]);
    s.exchange("R. 0:0(0) ack 2 win 0", &[]);
    s.exchange("R 0:0(0) win 0", &[]);
    s.exchange(". 5:5(0) ack 1 win 100", &[]);
    s.exchange("F. 5:5(0) ack 1 win 100", &[]);
    assert_eq!(
        s.drops(),
        [
            "UNACCEPTABLE_ACK",
            "UNACCEPTABLE_ACK",
            "UNACCEPTABLE_ACK",
            "RST_WITHOUT_ACK",
            "USELESS_IN_SYN_SENT",
            "USELESS_IN_SYN_SENT"
        ]
    );
    assert_eq!(s.state(), "SYN-SENT");
    s.exchange("R. 0:0(0) ack 1 win 0", &[]);
    assert_eq!(s.state(), "CLOSED");
    assert_eq!(s.host.completed(s.connect.unwrap()).unwrap_err().errno, Errno::ECONNREFUSED);
}

#[test]
fn a_handshake_under_way_survives_what_is_not_its_own() {
    let mut s = Script::listening(OptionsPatch::default());
    s.inject("S 0:0(0) win 10000");
    s.sent();
    let ack = ". 1:1(0) ack 1 win 65535";
    s.exchange(". 0:0(0) ack 1 win 10000", &[ack]);
    // One answer in half a second is enough.
    s.exchange("S 70000:70000(0) win 10000", &[]);
    s.exchange("R 5:5(0) win 0", &[]);
    s.half_a_second_later();
    s.exchange("S 70000:70000(0) win 10000", &[ack]);
    s.half_a_second_later();
    s.exchange("R 5:5(0) win 0", &[ack]);
    s.exchange("R 70000:70000(0) win 0", &[]);
    s.exchange("P 1:6(5) win 10000", &[]);
    // An ACK of something else: RFC 9293 §3.5.2, group 2.
    s.exchange(". 1:1(0) ack 2 win 10000", &["R 2:2(0) win 0"]);
    s.exchange(". 1:1(0) ack 0 win 10000", &["R 0:0(0) win 0"]);
    assert_eq!(s.host.state(s.child()), "SYN-RECEIVED");
    // All the while the SYN,ACK was timed as if nothing had come.
    s.expect_after(2000, &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    s.exchange(". 1:1(0) ack 1 win 10000", &[]);
    assert_eq!(s.host.state(s.child()), "ESTABLISHED");
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.5
//= type=test
//# Note that a TCP implementation MUST keep track of whether a connection has reached
//# SYN-RECEIVED state as the result of a passive OPEN or an active OPEN (MUST-11).
#[test]
fn a_handshake_under_way_returns_to_listen_on_a_reset_or_a_syn_in_the_window() {
    for end in ["R 1:1(0) win 0", "R. 1:1(0) ack 1 win 0", "S 9:9(0) win 10000"] {
        let mut s = Script::listening(OptionsPatch::default());
        s.inject("S 0:0(0) win 10000");
        s.sent();
        let child = s.child();
        s.exchange(end, &[]);
        assert_eq!(states(&s.host.events, child), ["LISTEN", "SYN-RECEIVED", "CLOSED"], "{end}");
        assert_eq!(s.host.engine.sockets(), [s.listener.unwrap()], "{end}");
        s.exchange("S 0:0(0) win 10000", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.5
//= type=test
//# Note that a TCP implementation MUST keep track of whether a connection has reached
//# SYN-RECEIVED state as the result of a passive OPEN or an active OPEN (MUST-11).
#[test]
fn an_active_open_that_became_passive_is_refused_by_a_reset() {
    let mut s = Script::connecting(OptionsPatch::default());
    s.inject("S 0:0(0) win 10000");
    s.sent();
    s.exchange("R 1:1(0) win 0", &[]);
    assert_eq!(s.host.completed(s.connect.unwrap()).unwrap_err().errno, Errno::ECONNREFUSED);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.5.2
//= type=test
//# If the connection does not exist (CLOSED), then a reset is sent
//# in response to any incoming segment except another reset.
#[test]
fn nobody_answers_with_a_reset_but_to_a_reset() {
    let mut s = Script::listening(OptionsPatch::default());
    s.iss = Some(sockwright_engine::tcp::seq::Seq(500));
    s.local.set_port(81);
    s.exchange(". 5:15(10) ack 7 win 100", &["R 7:7(0) win 0"]);
    // Without an ACK the number is zero, and what came is acknowledged.
    s.iss = Some(sockwright_engine::tcp::seq::Seq(0));
    s.exchange("FP 5:15(10) win 100", &["R. 0:0(0) ack 16 win 0"]);
    s.exchange("S 5:5(0) win 100", &["R. 0:0(0) ack 6 win 0"]);
    s.exchange("R 5:5(0) win 0", &[]);
    assert_eq!(s.drops(), ["NO_SOCKET"; 4]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.2
//= type=test
//# Any acknowledgment is bad if it arrives on a connection still
//# in the LISTEN state.  An acceptable reset segment should be
//# formed for any arriving ACK-bearing segment.
#[test]
fn a_listener_resets_acks_and_ignores_the_rest() {
    let mut s = Script::listening(OptionsPatch::default());
    s.iss = Some(sockwright_engine::tcp::seq::Seq(500));
    s.exchange(". 5:15(10) ack 7 win 100", &["R 7:7(0) win 0"]);
    s.exchange("S. 5:5(0) ack 7 win 100", &["R 7:7(0) win 0"]);
    s.exchange("R 5:5(0) win 0", &[]);
    s.exchange("R. 5:5(0) ack 7 win 0", &[]);
    s.exchange("P 5:15(10) win 100", &[]);
    s.exchange("SR 5:5(0) win 100", &[]);
    assert_eq!(s.drops(), ["LISTENER_WANTS_SYN"; 6]);
}

//= https://www.rfc-editor.org/rfc/rfc5961#section-4.2
//= type=test
//# Upon receipt of a valid RST, the local TCP endpoint MUST terminate its connection.
#[test]
fn a_half_open_connection_is_discovered_by_the_reset_of_its_answer() {
    // RFC 9293 figure 9: the peer crashed, and opens anew with the same addresses.
    let mut s = Script::accepted();
    s.exchange("S 200000:200000(0) win 10000", &[". 1:1(0) ack 1 win 65535"]);
    // The peer in SYN-SENT resets what that ACK acknowledges.
    s.exchange("R 1:1(0) win 0", &[]);
    assert_eq!(s.state(), "CLOSED");
    s.iss = None;
    s.inject("S 200000:200000(0) win 10000");
    assert_eq!(s.sent(), ["S. 0:0(0) ack 200001 win 65535 <mss 1460>"]);
}

#[test]
fn a_half_open_connection_is_discovered_by_its_own_data() {
    // RFC 9293 figure 10.
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    pair.b.call(sockwright_engine::host::op::Request::Abort { socket: server }).unwrap();
    pair.lose();
    pair.a.send(client, b"anyone?");
    pair.run();
    assert_eq!(pair.a.state(client), "CLOSED");
    assert_eq!(pair.a.engine.info(client).unwrap().error, Some(Errno::ECONNRESET));
}

#[test]
fn two_ends_that_disagree_do_not_answer_each_other_for_ever() {
    let mut pair = Pair::new();
    // A forger that cannot see the timestamps forges in vain.
    let (client, server) =
        pair.connected_with(plain(OptionsPatch::default()), plain(OptionsPatch::default()));
    let (a, b) = (pair.a.engine.info(client).unwrap(), pair.b.engine.info(server).unwrap());
    // Data forged in both directions: each side has more than the other sent.
    for (from, to, host) in [(&b, &a, &mut pair.a), (&a, &b, &mut pair.b)] {
        let (source, destination) = (from.local.unwrap(), to.local.unwrap());
        let segment = TcpSegment {
            src_port: source.port(),
            dst_port: destination.port(),
            seq: from.tcp.as_ref().unwrap().snd_nxt,
            ack: to.tcp.as_ref().unwrap().snd_nxt,
            flags: Flags::ACK,
            window: 1000,
            payload: b"forged",
            ..TcpSegment::default()
        };
        let frame = ip(source, destination, Protocol::Tcp, |src, dst, out| segment.emit(src, dst, out));
        host.frame(&frame);
    }
    pair.advance(Duration::from_secs(1));
    assert_eq!((pair.a.state(client), pair.b.state(server)), ("ESTABLISHED", "ESTABLISHED"));
    let withheld = |host: &Host| host.engine.counters().acks_withheld;
    assert!(withheld(&pair.a) + withheld(&pair.b) > 0, "they never disagreed");
}

/// What an old SYN makes of a listener, and the connection that has its addresses, disagree about every number: each
/// would answer the other's answers without end.
#[test]
fn a_connection_and_the_ghost_that_an_old_syn_made_do_not_answer_each_other_for_ever() {
    for options in [plain(OptionsPatch::default()), modern()] {
        let mut pair = Pair::new();
        let (client, server) = pair.connected_with(options.clone(), options);
        let (from, to) = (pair.b.engine.info(server).unwrap(), pair.a.engine.info(client).unwrap());
        // The server forgot the connection, and takes the old SYN for a new one.
        pair.b.call(Request::Vanish { socket: server }).unwrap();
        pair.b.call(Request::Abort { socket: server }).unwrap();
        pair.lose();
        let timestamps = to.tcp.as_ref().unwrap().snd_mss == 1448;
        let syn = TcpSegment {
            src_port: to.local.unwrap().port(),
            dst_port: from.local.unwrap().port(),
            seq: to.tcp.as_ref().unwrap().iss - 1_000_000_000,
            flags: Flags::SYN,
            window: 65_535,
            options: TcpOptions {
                timestamps: timestamps.then_some(Timestamps { value: 1, echo: 0 }),
                ..TcpOptions::NONE
            },
            ..TcpSegment::default()
        };
        let (source, destination) = (to.local.unwrap(), from.local.unwrap());
        let frame = ip(source, destination, Protocol::Tcp, |src, dst, out| syn.emit(src, dst, out));
        pair.b.frame(&frame);
        let before = pair.a.engine.counters().frames_in + pair.b.engine.counters().frames_in;
        // The SYN,ACK goes nine times in five minutes; each is answered, and some of the answers are.
        pair.advance(Duration::from_secs(300));
        let frames = pair.a.engine.counters().frames_in + pair.b.engine.counters().frames_in - before;
        assert!((2..40).contains(&frames), "{frames} frames");
        assert_eq!(pair.a.state(client), "ESTABLISHED");
    }
}

#[test]
fn useless_segments_are_answered_once_in_half_a_second() {
    // In each of them there is a reason of its own for the answer.
    let useless = [
        "S 500:500(0) win 10000",
        "R 500:500(0) win 0",
        ". 99000:99000(0) ack 1 win 10000",
        ". 1:1(0) ack 500 win 10000",
        "P. 1:6(5) ack -20000 win 10000",
    ];
    let mut s = Script::accepted();
    for first in useless {
        s.inject(first);
        assert_eq!(s.sent(), [". 1:1(0) ack 1 win 65535"], "{first}");
        for next in useless {
            s.exchange(next, &[]);
        }
        s.advance(499);
        s.exchange(first, &[]);
        s.advance(1);
    }
    assert_eq!(s.host.engine.counters().acks_withheld, 5 * 6);
    // Old data is acknowledged all the same: its sender waits for it.
    for _ in 0..3 {
        s.exchange("P. -5:0(5) ack 1 win 10000", &[". 1:1(0) ack 1 win 65535"]);
    }
}

#[test]
fn records_remember_that_they_answered() {
    let mut s = Script::listening(OptionsPatch::default());
    s.inject("S 0:0(0) win 10000");
    s.sent();
    let answer = ". 1:1(0) ack 1 win 65535";
    s.exchange(". 99000:99000(0) ack 1 win 10000", &[answer]);
    s.exchange(". 99000:99000(0) ack 1 win 10000", &[]);
    s.advance(500);
    s.exchange(". 99000:99000(0) ack 1 win 10000", &[answer]);
    let mut s = Script::accepted();
    s.host.close(s.socket);
    s.inject("F. 1:1(0) ack 2 win 10000");
    s.sent();
    s.exchange(". 99000:99000(0) ack 2 win 10000", &[". 2:2(0) ack 2 win 65534"]);
    s.exchange(". 99000:99000(0) ack 2 win 10000", &[]);
}

#[test]
fn what_looks_like_a_keep_alive_probe_is_answered_a_limited_number_of_times() {
    let mut s = Script::accepted();
    for _ in 0..1000 {
        s.exchange(". 0:0(0) ack 1 win 10000", &[". 1:1(0) ack 1 win 65535"]);
    }
    s.exchange(". 0:0(0) ack 1 win 10000", &[]);
    s.advance(1000);
    s.exchange(". 0:0(0) ack 1 win 10000", &[". 1:1(0) ack 1 win 65535"]);
}
