//! Loss recovery with SACK: holes, lost retransmissions, reordering, probes of the tail, and recoveries for nothing
//! (RFC 6675, RFC 8985, RFC 6937, RFC 5682, RFC 4015, RFC 2018, RFC 2883).

mod common;

use common::script::Script;
use sockwright_engine::event::{EventKind, RecoveryPhase, RetransmissionReason, UndoCause};
use sockwright_engine::tcp::config::{CongestionControl, LossDetection, OptionsPatch};

/// A round trip, in milliseconds.
const RTT: u64 = 20;

fn options() -> OptionsPatch {
    OptionsPatch {
        sack: Some(true),
        congestion: Some(CongestionControl::NewReno),
        no_delay: Some(true),
        ..OptionsPatch::default()
    }
}

/// A connection with SACK whose round trip was measured, its peer's window 60,000 and its MSS 1000.
fn open(options: OptionsPatch) -> Script {
    let mut s = Script::listening(options);
    s.inject("S 0:0(0) win 60000 <mss 1000,sackOK>");
    s.sent();
    s.advance(RTT);
    s.inject(". 1:1(0) ack 1 win 60000");
    s.socket = s.host.accept(s.listener.unwrap());
    s.send(1000);
    s.sent();
    s.advance(RTT);
    s.exchange(". 1:1(0) ack 1001 win 60000", &[]);
    s
}

/// Sends `count` segments, a millisecond between each two; the first is number 1, from 1001 on.
fn flight(s: &mut Script, count: u32) {
    for n in 1..=count {
        s.send(1000);
        assert_eq!(s.sent(), [line(n)]);
        if n < count {
            s.advance(1);
        }
    }
}

fn at(n: u32) -> u32 {
    n * 1000 + 1
}

/// Segment number `n` as it is sent, alone in the buffer.
fn line(n: u32) -> String {
    format!("P. {}:{}(1000) ack 1 win 65535", at(n), at(n + 1))
}

/// As it is sent again while others follow it.
fn again(n: u32) -> String {
    line(n).replace("P. ", ". ")
}

/// An acknowledgment of everything before segment `n`, with the segments in each of `blocks` sacked.
fn ack(n: u32, blocks: &[(u32, u32)]) -> String {
    let blocks: Vec<String> = blocks.iter().map(|(l, r)| format!("{}:{}", at(*l), at(*r))).collect();
    let sack = if blocks.is_empty() { String::new() } else { format!(" <sack {}>", blocks.join(" ")) };
    format!(". 1:1(0) ack {} win 60000{sack}", at(n))
}

fn reasons(s: &Script) -> Vec<RetransmissionReason> {
    let reason = |kind: &EventKind| match kind {
        EventKind::Retransmission { reason, .. } => Some(*reason),
        _ => None,
    };
    s.host.events.iter().filter_map(|event| reason(&event.kind)).collect()
}

fn phases(s: &Script) -> Vec<&'static str> {
    let phase = |kind: &EventKind| match kind {
        EventKind::Recovery { to, .. } => Some(to.name()),
        _ => None,
    };
    s.host.events.iter().filter_map(|event| phase(&event.kind)).collect()
}

fn undone(s: &Script) -> Vec<UndoCause> {
    let cause = |kind: &EventKind| match kind {
        EventKind::Undo(cause) => Some(*cause),
        _ => None,
    };
    s.host.events.iter().filter_map(|event| cause(&event.kind)).collect()
}

//= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
//= type=test
//# The reordering window SHOULD be set to zero if no reordering has
//# been observed on the connection so far, and either (a) three
//# segments have been SACKed since the last recovery or (b) the
//# sender is already in fast or RTO recovery.
//= https://www.rfc-editor.org/rfc/rfc6675#section-5
//= type=test
//# An incoming cumulative ACK for a sequence number greater than
//# RecoveryPoint signals the end of loss recovery, and the loss
//# recovery phase MUST be terminated.
//= https://www.rfc-editor.org/rfc/rfc2018#section-5
//= type=test
//# When receiving an ACK containing a SACK option, the data sender SHOULD record the
//# selective acknowledgment for future reference.
//= https://www.rfc-editor.org/rfc/rfc2018#section-5.1
//= type=test
//# However, the congestion control algorithms present in the de facto standard TCP
//# implementations MUST be preserved [Stevens94].
//= https://www.rfc-editor.org/rfc/rfc6675#section-5
//= type=test
//# (A) An incoming cumulative ACK for a sequence number greater than RecoveryPoint signals
//# the end of loss recovery, and the loss recovery phase MUST be terminated.
//= https://www.rfc-editor.org/rfc/rfc6675#section-5
//= type=test
//# Any information contained in the scoreboard for sequence numbers greater than the new
//# value of HighACK SHOULD NOT be cleared when leaving the loss recovery phase.
#[test]
fn holes_below_three_sacked_segments_go_again_and_what_is_sacked_does_not() {
    let mut s = open(options());
    flight(&mut s, 8);
    s.advance(RTT - 7);
    // Segments 1 and 3 are lost.
    s.exchange(&ack(1, &[(2, 3)]), &[]);
    s.exchange(&ack(1, &[(4, 5), (2, 3)]), &[]);
    s.exchange(&ack(1, &[(4, 6), (2, 3)]), &[&again(1)]);
    s.inject(&ack(1, &[(4, 7), (2, 3)]));
    s.inject(&ack(1, &[(4, 8), (2, 3)]));
    s.inject(&ack(1, &[(4, 9), (2, 3)]));
    s.expect(&[&again(3)]);
    s.advance(RTT);
    s.exchange(&ack(3, &[(4, 9)]), &[]);
    s.exchange(&ack(9, &[]), &[]);
    assert_eq!(phases(&s), ["DISORDER", "RECOVERY", "OPEN"]);
    assert_eq!(reasons(&s), [RetransmissionReason::Rack; 2]);
    let info = s.info();
    assert_eq!((info.cwnd, info.ssthresh), (4000, 4000), "half of eight");
    assert_eq!(s.host.engine.poll_timeout(), None);
}

//= https://www.rfc-editor.org/rfc/rfc8985#section-6.1
//= type=test
//# Upon transmitting a new segment or retransmitting an old segment,
//# record the time in Segment.xmit_ts and set Segment.lost to FALSE.
#[test]
fn a_lost_retransmission_is_found_without_a_timeout() {
    let mut s = open(options());
    flight(&mut s, 10);
    s.advance(RTT - 9);
    // Segments 1 and 2 are lost.
    s.inject(&ack(1, &[(3, 6)]));
    s.expect(&[&again(1)]);
    s.advance(1);
    s.inject(&ack(1, &[(3, 9)]));
    s.expect(&[&again(2)]);
    // The second retransmission arrives, the first does not.
    s.advance(RTT);
    s.inject(&ack(1, &[(2, 11)]));
    s.expect(&[&again(1)]);
    s.advance(RTT);
    s.exchange(&ack(11, &[]), &[]);
    assert_eq!(reasons(&s), [RetransmissionReason::Rack; 3]);
    assert_eq!(phases(&s), ["RECOVERY", "OPEN"]);
}

//= https://www.rfc-editor.org/rfc/rfc8985#section-6.2
//= type=test
//# For timely loss detection, it is RECOMMENDED that the
//# sender install a reordering timer.
//= https://www.rfc-editor.org/rfc/rfc8985#section-4
//= type=test
//# 1. The connection MUST use selective acknowledgment (SACK) options [RFC2018], and the
//# sender MUST keep SACK scoreboard information on a per-connection basis ("SACK scoreboard"
//# has the same meaning here as in [RFC6675], Section 3).
//= https://www.rfc-editor.org/rfc/rfc8985#section-8
//= type=test
//# When arming a RACK reordering timer or TLP PTO timer, the sender SHOULD cancel any other
//# pending timers.
//= https://www.rfc-editor.org/rfc/rfc8985#section-9.2
//= type=test
//# Therefore, the algorithm [RFC6675] MUST NOT be used with RACK-TLP; instead, a modified
//# recovery algorithm that carefully addresses such a case is needed.
#[test]
fn fewer_than_three_sacked_segments_wait_for_the_reordering_timer() {
    let mut s = open(options());
    flight(&mut s, 3);
    s.advance(RTT - 2);
    // Segment 3 arrived 20 ms after it left, 1 and 2 have a quarter of the round trip more.
    s.advance(2);
    s.exchange(&ack(1, &[(3, 4)]), &[]);
    s.expect_after(4, &[&again(1)]);
    s.advance(RTT);
    s.exchange(&ack(2, &[(3, 4)]), &[&again(2)]);
    s.advance(RTT);
    s.exchange(&ack(4, &[]), &[]);
    assert_eq!(reasons(&s), [RetransmissionReason::Rack; 2]);
}

#[test]
fn of_what_one_acknowledgment_tells_the_latest_block_first_nothing_was_reordered() {
    let mut s = open(options());
    flight(&mut s, 5);
    s.advance(RTT);
    // The acknowledgment that told of segment 2 alone was lost.
    s.inject(&ack(1, &[(4, 5), (2, 3)]));
    assert_eq!(s.info().reordering_seen, 0);
    s.inject(&ack(1, &[(3, 5)]));
    assert_eq!(s.info().reordering_seen, 1);
}

#[test]
fn reordering_within_the_window_sends_nothing_again() {
    let mut s = open(options());
    flight(&mut s, 4);
    s.advance(RTT - 1);
    s.exchange(&ack(1, &[(2, 3)]), &[]);
    s.exchange(&ack(1, &[(2, 4)]), &[]);
    s.advance(2);
    s.exchange(&ack(4, &[]), &[]);
    s.advance(1);
    s.exchange(&ack(5, &[]), &[]);
    assert_eq!(s.info().totals.retransmissions, 0);
    assert_eq!(phases(&s), ["DISORDER", "OPEN"]);
}

//= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
//= type=test
//# If such an unsent segment is not available, then the sender SHOULD
//# retransmit the highest-sequence segment sent so far and set
//# TLP.is_retrans to true.
//= https://www.rfc-editor.org/rfc/rfc8985#section-7.4.2
//= type=test
//# The sender then
//# SHOULD invoke a congestion control response equivalent to a fast
//# recovery.
//= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
//= type=test
//# If both conditions are met, then the sender SHOULD transmit a previously unsent data
//# segment, if one exists and the receive window allows, and increment the FlightSize
//# accordingly.
//= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
//= type=test
//# After attempting to send a loss probe, regardless of whether a loss probe was sent, the
//# sender MUST re-arm the RTO timer, not the PTO timer, if the FlightSize is not zero.
#[test]
fn a_lost_tail_is_repaired_by_a_probe_and_the_window_shrinks_for_it() {
    let mut s = open(options());
    let srtt = s.info().srtt.unwrap();
    flight(&mut s, 4);
    s.advance(RTT - 3);
    s.exchange(&ack(4, &[]), &[]);
    // One segment is outstanding: its acknowledgment may be delayed.
    let pto = (s.info().srtt.unwrap() * 2).as_millis() as u64 + 200;
    assert!(srtt.as_millis() > 0 && s.info().rto.as_millis() as u64 <= pto);
    let rto = s.info().rto;
    s.host.advance(rto);
    s.expect(&[&line(4)]);
    assert_eq!(reasons(&s), [RetransmissionReason::TailLossProbe]);
    s.advance(RTT);
    s.exchange(&ack(5, &[]), &[]);
    let before = s.info().cwnd;
    // What follows shows that the probe repaired a loss.
    s.send(1000);
    s.expect(&[&line(5)]);
    s.advance(RTT);
    s.exchange(&ack(6, &[]), &[]);
    assert!(s.info().cwnd < before, "{} of {before}", s.info().cwnd);
    assert_eq!(phases(&s), ["CWR", "OPEN"]);
}

//= https://www.rfc-editor.org/rfc/rfc8985#section-7.2
//= type=test
//# The sender SHOULD start or
//# restart a loss probe PTO timer after transmitting new data (that was
//# not itself a loss probe) or upon receiving an ACK that cumulatively
//# acknowledges new data unless it is already in fast recovery, RTO
//# recovery, or segments have been SACKed (i.e., RACK.segs_sacked is not
//# zero).
//= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
//= type=test
//# The sender MUST follow the RACK transmission procedures in the "Upon Transmitting a Data
//# Segment" section upon sending either a retransmission or a new data loss probe.
#[test]
fn a_probe_goes_two_round_trips_after_the_last_segment_and_rack_repairs_what_was_lost_before_it() {
    let mut s = open(options());
    flight(&mut s, 4);
    let pto = s.info().srtt.unwrap() * 2;
    s.host.advance(pto);
    s.expect(&[&line(4)]);
    s.advance(RTT);
    // Only the probe arrived: all that was sent before it is lost.
    s.inject(&ack(1, &[(4, 5)]));
    s.expect(&[&again(1)]);
    s.advance(RTT);
    s.inject(&ack(2, &[(4, 5)]));
    s.expect(&[&again(2), &again(3)]);
    s.advance(RTT);
    s.exchange(&ack(5, &[]), &[]);
    assert!(!phases(&s).contains(&"LOSS"));
}

//= https://www.rfc-editor.org/rfc/rfc5682#section-3.1
//= type=test
//# This algorithm
//# SHOULD NOT be applied if the TCP sender is already in loss recovery
//# when a retransmission timeout occurs.
//= https://www.rfc-editor.org/rfc/rfc5682#section-3.1
//= type=test
//# If the sender applies the SACK-enhanced F-RTO algorithm, it MUST follow the steps below.
#[test]
fn a_delay_spike_is_recognised_by_new_data_and_the_window_comes_back() {
    let mut s = open(OptionsPatch { tail_loss_probe: Some(false), ..options() });
    let before = s.info().cwnd;
    flight(&mut s, 4);
    let rto = s.info().rto;
    s.host.advance(rto);
    s.expect(&[&again(1)]);
    assert_eq!(s.info().cwnd, 1000);
    s.host.send(s.socket, &common::script::octets(at(5), 3000));
    s.expect(&[]);
    // The acknowledgments of the first transmissions come late.
    s.inject(&ack(2, &[]));
    s.expect(&[&again(5), &again(6)]);
    s.inject(&ack(3, &[]));
    assert_eq!(undone(&s), [UndoCause::ForwardRto]);
    assert_eq!(phases(&s), ["LOSS", "OPEN"]);
    assert!(s.info().cwnd >= before);
    s.expect(&[&line(7)]);
    assert_eq!(s.info().totals.retransmissions, 1);
}

//= https://www.rfc-editor.org/rfc/rfc4015#section-3.1
//= type=test
//# SRTT   <- max (SRTT_prev, RTT-SAMPLE)
//# RTTVAR <- max (RTTVAR_prev, RTT-SAMPLE/2)
//# RTO    <- SRTT + max (G, 4*RTTVAR)
//= https://www.rfc-editor.org/rfc/rfc4015#section-3.1
//= type=test
//# The algorithm MUST NOT be reinitiated after a timeout-based loss recovery has already been
//# started but not completed.
#[test]
fn after_a_spurious_timeout_the_timer_is_more_patient() {
    let mut s = open(OptionsPatch { tail_loss_probe: Some(false), ..options() });
    flight(&mut s, 4);
    s.advance(300);
    s.sent();
    s.host.send(s.socket, &common::script::octets(at(5), 2000));
    s.inject(&ack(2, &[]));
    s.inject(&ack(3, &[]));
    assert_eq!(undone(&s), [UndoCause::ForwardRto]);
    s.inject(&ack(5, &[]));
    s.advance(150);
    // The first measurement of what was not sent before the timeout.
    s.inject(&ack(7, &[]));
    let info = s.info();
    assert_eq!(
        (info.srtt.unwrap().as_millis(), info.rttvar.as_millis(), info.rto.as_millis()),
        (150, 75, 450)
    );
}

//= https://www.rfc-editor.org/rfc/rfc4015#section-3.4
//= type=test
//# This is unless the acceptable ACK signals
//# congestion through the ECN-Echo flag [RFC3168].  In that case, the
//# TCP sender MUST refrain from reversing congestion control state.
//= https://www.rfc-editor.org/rfc/rfc4015#section-2
//= type=test
//# If the Eifel response algorithm is implemented at the TCP sender, it MUST be implemented
//# together with a detection algorithm that is specified in a standards track or experimental
//# RFC.
//= https://www.rfc-editor.org/rfc/rfc4015#section-3.1
//= type=test
//# If the Eifel response algorithm is used, the following steps MUST be taken by the TCP
//# sender, but only upon initiation of a timeout-based loss recovery.
#[test]
fn an_echo_from_before_the_retransmission_undoes_the_timeout_unless_the_network_marked() {
    for ecn_echo in [false, true] {
        let options = OptionsPatch { timestamps: Some(true), tail_loss_probe: Some(false), ..options() };
        let mut s = Script::listening(options);
        s.inject("SEW 0:0(0) win 60000 <mss 1012,sackOK,TS val 1 ecr 0>");
        s.sent();
        s.inject(". 1:1(0) ack 1 win 60000 <TS val 1 ecr 0>");
        s.socket = s.host.accept(s.listener.unwrap());
        s.advance(10);
        s.send(4000);
        assert_eq!(s.sent().len(), 4);
        s.advance(200);
        assert_eq!(s.sent().len(), 1);
        // The peer echoes the timestamp of the first transmission, 200 ms before.
        let flags = if ecn_echo { ".E" } else { "." };
        s.inject(&format!("{flags} 1:1(0) ack 1001 win 60000 <TS val 2 ecr 10>"));
        let expected: &[UndoCause] = if ecn_echo { &[] } else { &[UndoCause::Timestamp] };
        assert_eq!(undone(&s), expected);
    }
}

#[test]
fn when_every_retransmission_came_twice_the_recovery_is_undone() {
    let mut s = open(options());
    flight(&mut s, 6);
    s.advance(RTT);
    // Reordering beyond the window: segment 1 comes last.
    s.inject(&ack(1, &[(2, 5)]));
    s.expect(&[&again(1)]);
    let before = 10_000;
    assert!(s.info().cwnd < before);
    s.inject(&ack(7, &[]));
    s.advance(RTT);
    // Its retransmission comes, too.
    s.inject(&ack(7, &[(1, 2)]));
    assert_eq!(undone(&s), [UndoCause::DuplicateSack]);
    assert!(s.info().cwnd >= before, "{}", s.info().cwnd);
}

//= https://www.rfc-editor.org/rfc/rfc7661#section-4.4
//= type=test
//# A sender that is not cwnd-limited MUST NOT increase the cwnd
//# when ACK packets are received in this phase
#[test]
fn what_a_reduction_held_back_does_not_make_the_window_grow_that_comes_back() {
    let mut s = open(options());
    flight(&mut s, 4);
    s.advance(RTT);
    s.inject(&ack(1, &[(2, 5)]));
    // While the window is reduced it holds data back.
    s.send(3000);
    s.sent();
    s.inject(&ack(5, &[]));
    s.sent();
    s.inject(&ack(5, &[(1, 2)]));
    assert_eq!(undone(&s), [UndoCause::DuplicateSack]);
    let back = s.info().cwnd;
    s.sent();
    s.inject(&ack(6, &[]));
    s.inject(&ack(8, &[]));
    assert_eq!(s.info().cwnd, back, "three segments of ten were in flight");
}

#[test]
fn a_late_report_of_an_old_recovery_gives_nothing_back_of_what_a_tail_loss_probe_took() {
    let mut s = open(options());
    flight(&mut s, 6);
    s.advance(RTT);
    // Reordering beyond the window: the retransmission of segment 1 is for nothing, but nobody says so yet.
    s.inject(&ack(1, &[(2, 5)]));
    s.expect(&[&again(1)]);
    s.exchange(&ack(7, &[]), &[]);
    let before_probe = s.info().cwnd;
    // The next segment is lost, and repaired by a probe.
    s.send(1000);
    s.expect(&[&line(7)]);
    let rto = s.info().rto;
    s.host.advance(rto);
    s.expect(&[&line(7)]);
    assert_eq!(reasons(&s).last(), Some(&RetransmissionReason::TailLossProbe));
    s.advance(RTT);
    s.exchange(&ack(8, &[]), &[]);
    s.send(1000);
    s.expect(&[&line(8)]);
    s.advance(RTT);
    s.exchange(&ack(9, &[]), &[]);
    let reduced = s.info().cwnd;
    assert!(reduced < before_probe, "{reduced} of {before_probe}");
    // Now the retransmission of segment 1 comes, too, and whatever the probe repaired.
    s.exchange(&ack(9, &[(1, 2)]), &[]);
    s.exchange(&ack(9, &[(7, 8)]), &[]);
    assert_eq!((undone(&s), s.info().cwnd), (vec![], reduced));
}

//= https://www.rfc-editor.org/rfc/rfc2018#section-5
//= type=test
//# The data sender MUST retransmit the segment at the left
//# edge of the window after a retransmit timeout, whether or not the
//# SACKed bit is on for that segment.
//= https://www.rfc-editor.org/rfc/rfc2018#section-8
//= type=test
//# Since the data receiver may later discard data reported in a SACK option, the sender MUST
//# NOT discard data before it is acknowledged by the Acknowledgment Number field in the TCP
//# header.
//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//= type=test
//# Note: SACK information is advisory and therefore SACKed data MUST NOT be removed from the
//# TCP's retransmission buffer until the data is cumulatively acknowledged [RFC2018].
#[test]
fn a_peer_that_takes_back_what_it_sacked_gets_it_again() {
    let mut s = open(options());
    flight(&mut s, 3);
    s.advance(RTT);
    s.inject(&ack(1, &[(2, 4)]));
    s.advance(50);
    s.sent();
    // Segment 1 arrived, but 2 and 3 were dropped by the peer.
    s.inject(&ack(2, &[]));
    s.expect(&[]);
    let rto = s.info().rto;
    s.host.advance(rto);
    s.expect(&[&again(2)]);
    s.exchange(&ack(3, &[]), &[&line(3)]);
    s.exchange(&ack(4, &[]), &[]);
    assert_eq!(s.host.engine.poll_timeout(), None);
}

#[test]
fn sack_blocks_that_lie_are_ignored_and_counted() {
    let mut s = open(options());
    flight(&mut s, 4);
    // Never sent; reversed; empty; already acknowledged.
    s.inject(". 1:1(0) ack 1001 win 60000 <sack 9001:9501 3001:2001 3001:3001 1:501>");
    assert_eq!(s.host.engine.counters().sack_blocks_ignored, 4);
    assert_eq!(phases(&s), [""; 0]);
    s.advance(RTT);
    s.exchange(&ack(5, &[]), &[]);
}

fn by_count() -> OptionsPatch {
    OptionsPatch { loss_detection: Some(LossDetection::DuplicateAcks), ..options() }
}

//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//= type=test
//# The routine returns true when either
//# DupThresh discontiguous SACKed sequences have arrived above
//# 'SeqNum' or more than (DupThresh - 1) * SMSS bytes with sequence
//# numbers greater than 'SeqNum' have been SACKed.
//= https://www.rfc-editor.org/rfc/rfc3042#section-2
//= type=test
//# If the connection is using selective acknowledgments [RFC2018],
//# the data sender MUST NOT send new segments in response to duplicate
//# ACKs that contain no new SACK information
//= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
//= type=test
//# Note that a sender using SACK [RFC2018] MUST NOT send new data unless the incoming
//# duplicate acknowledgment contains new SACK information.
//= https://www.rfc-editor.org/rfc/rfc3042#section-2
//= type=test
//# Note: If the connection is using selective acknowledgments [RFC2018], the data sender MUST
//# NOT send new segments in response to duplicate ACKs that contain no new SACK information,
//# as a misbehaving receiver can generate such ACKs to trigger inappropriate transmission of
//# data segments.
//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//= type=test
//# NextSeg () MUST return the sequence number range of the next segment that is to be
//# transmitted, per the following rules:
//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//= type=test
//# If there exists a smallest unSACKed sequence number 'S2' that meets the following three
//# criteria for determining loss, the sequence range of one segment of up to SMSS octets
//# starting with S2 MUST be returned.
//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//= type=test
//# If no sequence number 'S2' per rule (1) exists but there exists available unsent data and
//# the receiver's advertised window allows, the sequence range of one segment of up to SMSS
//# octets of previously unsent data starting with sequence number HighData+1 MUST be
//# returned.
//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//= type=test
//# If the conditions for each of (1), (2), (3), and (4) are not met, then NextSeg () MUST
//# indicate failure, and no segment is returned.
//= https://www.rfc-editor.org/rfc/rfc6675#section-5
//= type=test
//# Upon the receipt of any ACK containing SACK information, the scoreboard MUST be updated
//# via the Update () routine.
//= https://www.rfc-editor.org/rfc/rfc6675#section-5
//= type=test
//# If the incoming ACK is a cumulative acknowledgment, the TCP MUST reset DupAcks to zero.
//= https://www.rfc-editor.org/rfc/rfc6675#section-5
//= type=test
//# If the incoming ACK is a duplicate acknowledgment per the definition in Section 2
//# (regardless of its status as a cumulative acknowledgment), and the TCP is not currently in
//# loss recovery, the TCP MUST increase DupAcks by one and take the following steps:
//= https://www.rfc-editor.org/rfc/rfc6675#section-5
//= type=test
//# Once a TCP is in the loss recovery phase, the following procedure MUST be used for each
//# arriving ACK:
//= https://www.rfc-editor.org/rfc/rfc6675#section-5
//= type=test
//# (B) Upon receipt of an ACK that does not cover RecoveryPoint, the following actions MUST
//# be taken:
//= https://www.rfc-editor.org/rfc/rfc6675#section-5
//= type=test
//# (C) If cwnd - pipe >= 1 SMSS, the sender SHOULD transmit one or more segments as follows:
//= https://www.rfc-editor.org/rfc/rfc6675#section-5
//= type=test
//# (C.1) The scoreboard MUST be queried via NextSeg () for the sequence number range of the
//# next segment to transmit (if any), and the given segment sent.
#[test]
fn by_count_three_sacked_segments_are_a_loss_and_what_repeats_them_is_not() {
    let mut s = open(by_count());
    flight(&mut s, 6);
    s.advance(RTT);
    s.exchange(&ack(1, &[(2, 3)]), &[]);
    (0..5).for_each(|_| s.exchange(&ack(1, &[(2, 3)]), &[]));
    s.exchange(&ack(1, &[(2, 4)]), &[]);
    s.exchange(&ack(1, &[(2, 5)]), &[&again(1)]);
    s.advance(RTT);
    s.exchange(&ack(7, &[]), &[]);
    assert_eq!(reasons(&s), [RetransmissionReason::Fast]);
    assert_eq!(phases(&s), ["DISORDER", "RECOVERY", "OPEN"]);
}

//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//= type=test
//# then one segment of up to SMSS octets that MUST
//# include the highest outstanding unSACKed sequence number
//# SHOULD be returned, and RescueRxt set to RecoveryPoint.
//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//= type=test
//# If the conditions for rules (1) and (2) fail, but there exists an unSACKed sequence number
//# 'S3' that meets the criteria for detecting loss given in steps (1.a) and (1.b) above
//# (specifically excluding step (1.c)), then one segment of up to SMSS octets starting with
//# S3 SHOULD be returned.
//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//= type=test
//# If HighACK is greater than RescueRxt (or RescueRxt is undefined), then one segment of up
//# to SMSS octets that MUST include the highest outstanding unSACKed sequence number SHOULD
//# be returned, and RescueRxt set to RecoveryPoint.
#[test]
fn by_count_the_last_segment_is_rescued_once() {
    let mut s = open(by_count());
    flight(&mut s, 6);
    s.advance(RTT);
    // Segments 1, 5 and 6 are lost.
    s.inject(&ack(1, &[(2, 5)]));
    s.expect(&[&again(1)]);
    s.advance(RTT);
    s.inject(&ack(5, &[]));
    s.expect(&[&line(6)]);
    s.advance(RTT);
    s.inject(&ack(5, &[(6, 7)]));
    s.expect(&[&again(5)]);
    s.exchange(&ack(7, &[]), &[]);
    assert!(!phases(&s).contains(&RecoveryPhase::Loss.name()));
}

//= https://www.rfc-editor.org/rfc/rfc6675#section-5.1
//= type=test
//# In addition, a new
//# recovery phase (as described in Section 5) MUST NOT be initiated
//# until HighACK is greater than or equal to the new value of
//# RecoveryPoint.
//= https://www.rfc-editor.org/rfc/rfc6675#section-5.1
//= type=test
//# Further, a SACK TCP sender SHOULD utilize all SACK information made available during the
//# loss recovery following an RTO.
//= https://www.rfc-editor.org/rfc/rfc6675#section-5.1
//= type=test
//# If an RTO occurs during loss recovery as specified in this document, RecoveryPoint MUST be
//# set to HighData.
//= https://www.rfc-editor.org/rfc/rfc6675#section-5.1
//= type=test
//# Further, the new value of RecoveryPoint MUST be preserved and the loss recovery algorithm
//# outlined in this document MUST be terminated.
//= https://www.rfc-editor.org/rfc/rfc6675#section-5.1
//= type=test
//# As described in Sections 4 and 5, Update () SHOULD continue to be used appropriately upon
//# receipt of ACKs.
//= https://www.rfc-editor.org/rfc/rfc6675#section-5.1
//= type=test
//# In this case, a TCP sender SHOULD use this SACK information when determining what data
//# should be sent in each segment following an RTO.
#[test]
fn by_count_no_recovery_begins_before_that_of_a_timeout_is_over() {
    let mut s = open(by_count());
    flight(&mut s, 6);
    let rto = s.info().rto;
    s.host.advance(rto);
    s.expect(&[&again(1)]);
    s.inject(&ack(1, &[(3, 6)]));
    s.inject(&ack(2, &[(3, 6)]));
    assert_eq!(phases(&s), ["LOSS"]);
    s.inject(&ack(7, &[]));
    assert_eq!(phases(&s), ["LOSS", "OPEN"]);
}

#[test]
fn a_probe_of_a_closed_window_may_be_of_what_was_sacked() {
    let mut s = open(options());
    s.send(1000);
    s.send(1);
    s.sent();
    s.exchange(". 1:1(0) ack 1001 win 60000 <sack 2001:2002>", &[&again(1)]);
    // The peer acknowledges up to what it said that it has, and no further: it dropped that.
    s.exchange(". 1:1(0) ack 2001 win 0", &[]);
    let rto = s.info().rto;
    s.host.advance(rto);
    s.expect(&["P. 2001:2002(1) ack 1 win 65535"]);
    s.exchange(". 1:1(0) ack 2002 win 60000", &[]);
    assert_eq!((s.state(), s.info().send_queue), ("ESTABLISHED", 0));
}
