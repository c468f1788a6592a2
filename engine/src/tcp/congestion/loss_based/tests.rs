use alloc::vec::Vec;

use super::*;
use crate::tcp::config::CongestionControl;
use crate::tcp::congestion::CongestionCause;
use crate::tcp::congestion::Controller;
use crate::tcp::congestion::testing::{MSS, ack, at, config};
use crate::tcp::seq::Seq;

fn new(algorithm: CongestionControl) -> Controller {
    Controller::new(&config(algorithm))
}

fn reno() -> Controller {
    new(CongestionControl::NewReno)
}

/// Windows in segments.
fn windows(c: &Controller) -> (u32, u32) {
    (c.cwnd() / MSS, c.ssthresh() / MSS)
}

fn acks(c: &mut Controller, count: u32) {
    (0..count).for_each(|_| c.on_ack(&ack(MSS)));
}

/// In congestion avoidance at `segments`.
fn avoiding(algorithm: CongestionControl, segments: u32) -> Controller {
    let mut c = new(algorithm);
    acks(&mut c, 1000);
    c.on_congestion(at(0), flight_for(algorithm, segments), CongestionCause::Loss);
    c.on_recovered(at(0));
    assert_eq!(windows(&c), (segments, segments));
    c
}

fn flight_for(algorithm: CongestionControl, segments: u32) -> u32 {
    match algorithm {
        CongestionControl::NewReno => 2 * segments * MSS,
        _ => segments * MSS * 10 / 7 + 1,
    }
}

//= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
//= type=test
//# The initial value of ssthresh SHOULD be set arbitrarily high (e.g.,
//# to the size of the largest possible advertised window)
//
//= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
//= type=test
//# The slow start and congestion avoidance algorithms MUST be used by a
//# TCP sender to control the amount of outstanding data being injected
//# into the network.
//
//= https://www.rfc-editor.org/rfc/rfc8312#section-4.8
//= type=test
//# CUBIC MUST employ a slow-start algorithm, when the cwnd is no more
//# than ssthresh.
#[test]
fn slow_start_doubles_a_round_and_congestion_avoidance_adds_a_segment_or_less() {
    for algorithm in [CongestionControl::NewReno, CongestionControl::Cubic] {
        let mut c = new(algorithm);
        assert_eq!((c.ssthresh(), c.phase()), (u32::MAX, CongestionPhase::SlowStart));
        acks(&mut c, 10);
        assert_eq!(c.cwnd(), 20 * MSS);
        let mut c = avoiding(algorithm, 20);
        assert_eq!(c.phase(), CongestionPhase::CongestionAvoidance);
        acks(&mut c, 20);
        assert!(c.cwnd() > 20 * MSS && c.cwnd() <= 21 * MSS);
    }
}

//= https://www.rfc-editor.org/rfc/rfc3465#section-2.2
//= type=test
//# This document proposes that a TCP sender SHOULD increase cwnd
//# by the number of previously unacknowledged bytes ACKed by each
//# incoming acknowledgment, provided the increase is not more than L
//# bytes.
//
//= https://www.rfc-editor.org/rfc/rfc3465#section-2.3
//= type=test
//# This document specifies that TCP implementations MAY use L=2*SMSS
//# bytes
#[test]
fn slow_start_counts_octets_up_to_a_limit() {
    let grown = |hystart, pacing, acked| {
        let mut c = Controller::new(&Config { hystart, pacing, ..config(CongestionControl::NewReno) });
        c.on_ack(&ack(acked));
        c.cwnd() - 10 * MSS
    };
    assert_eq!(grown(false, false, 1), 1);
    assert_eq!(grown(false, false, 9 * MSS), 2 * MSS);
    assert_eq!(grown(true, false, 9 * MSS), 8 * MSS);
    assert_eq!(grown(true, true, 9 * MSS), 9 * MSS);
}

//= https://www.rfc-editor.org/rfc/rfc3465#section-2.3
//= type=test
//# The exception to the above suggestion is during a slow start phase
//# that follows a retransmission timeout (RTO).  In this situation, a
//# TCP MUST use L=1*SMSS as specified in RFC 2581
#[test]
fn after_a_timeout_an_acknowledgment_adds_one_segment_until_what_was_outstanding_is_acknowledged() {
    let mut c = reno();
    acks(&mut c, 50);
    c.on_timeout(at(0), 60 * MSS, false);
    let nxt = Seq(60 * MSS);
    let of = |una: u32| Sample { una: Seq(una * MSS), nxt, ..ack(10 * MSS) };
    c.on_ack(&of(10));
    assert_eq!(c.cwnd(), 2 * MSS);
    c.on_ack(&of(20));
    assert_eq!(c.cwnd(), 3 * MSS);
    c.on_ack(&of(60));
    assert_eq!(c.cwnd(), 5 * MSS);
}

//= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
//= type=test
//# ssthresh
//# MUST be reduced in response to congestion.
//
//= https://www.rfc-editor.org/rfc/rfc5681#section-4.3
//= type=test
//# Finally, after all loss in the given window of segments
//# has been successfully retransmitted, cwnd MUST be set to no more than
//# ssthresh and congestion avoidance MUST be used to further increase
//# cwnd.
#[test]
fn a_loss_lowers_the_threshold_and_the_window_follows_when_it_is_repaired() {
    for (algorithm, left) in [(CongestionControl::NewReno, 25), (CongestionControl::Cubic, 35)] {
        let mut c = new(algorithm);
        acks(&mut c, 50);
        c.on_congestion(at(0), 50 * MSS, CongestionCause::Loss);
        assert_eq!(windows(&c), (60, left));
        assert_eq!(c.phase(), CongestionPhase::Recovery);
        c.on_recovered(at(100));
        assert_eq!(windows(&c), (left, left));
        assert_eq!(c.phase(), CongestionPhase::CongestionAvoidance);
        c.on_recovered(at(100));
        assert_eq!(windows(&c), (left, left));
    }
}

//= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
//= type=test
//# Furthermore, upon a timeout (as specified in [RFC2988]) cwnd MUST be
//# set to no more than the loss window, LW, which equals 1 full-sized
//# segment (regardless of the value of IW).
//
//= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
//= type=test
//# On the other hand, when a TCP sender detects segment loss using the
//# retransmission timer and the given segment has already been
//# retransmitted by way of the retransmission timer at least once, the
//# value of ssthresh is held constant.
//
//= https://www.rfc-editor.org/rfc/rfc8312#section-4.7
//= type=test
//# In case of timeout, CUBIC follows Standard TCP to reduce cwnd
//# [RFC5681], but sets ssthresh using beta_cubic (same as in
//# Section 4.5) that is different from Standard TCP [RFC5681].
#[test]
fn a_timeout_leaves_one_segment_and_a_second_one_leaves_the_threshold() {
    for (algorithm, left) in [(CongestionControl::NewReno, 25), (CongestionControl::Cubic, 35)] {
        let mut c = new(algorithm);
        acks(&mut c, 50);
        c.on_timeout(at(0), 50 * MSS, false);
        assert_eq!(windows(&c), (1, left));
        acks(&mut c, 3);
        c.on_timeout(at(1000), 4 * MSS, true);
        assert_eq!(windows(&c), (1, left));
        // Up to the threshold, and no further than that in one step.
        acks(&mut c, left - 1);
        assert_eq!(windows(&c), (left, left));
        assert_eq!(c.phase(), CongestionPhase::CongestionAvoidance);
    }
}

#[test]
fn a_spurious_reduction_is_undone_once() {
    for algorithm in [CongestionControl::NewReno, CongestionControl::Cubic] {
        let mut c = avoiding(algorithm, 40);
        c.on_timeout(at(1000), 40 * MSS, false);
        c.on_undo(at(1100));
        assert_eq!(windows(&c), (40, 40));
        c.on_congestion(at(2000), 40 * MSS, CongestionCause::Loss);
        c.on_undo(at(2100));
        assert_eq!(windows(&c), (40, 40));
        assert_eq!(c.phase(), CongestionPhase::CongestionAvoidance);
        c.on_undo(at(2100));
        c.on_timeout(at(3000), 20 * MSS, true);
        c.on_undo(at(3100));
        assert_eq!(c.cwnd(), MSS, "there was nothing to undo");
    }
}

#[test]
fn the_curve_goes_on_after_a_spurious_reduction_as_if_it_had_not_been() {
    let (mut left_alone, mut disturbed) =
        (avoiding(CongestionControl::Cubic, 400), avoiding(CongestionControl::Cubic, 400));
    let round = |c: &mut Controller, round: u64| {
        for _ in 0..c.cwnd() / MSS {
            let srtt = Some(Duration::from_millis(100));
            c.on_ack(&Sample { now: at(round * 100), srtt, ..ack(MSS) });
        }
    };
    for i in 0..100 {
        round(&mut left_alone, i);
        round(&mut disturbed, i);
        if i == 50 {
            disturbed.on_timeout(at(i * 100), 400 * MSS, false);
            disturbed.on_undo(at(i * 100 + 1));
        }
    }
    assert_eq!(left_alone.cwnd(), disturbed.cwnd());
}

#[test]
fn a_spurious_timeout_in_recovery_gives_back_what_recovery_would_have_left() {
    let mut c = reno();
    acks(&mut c, 50);
    c.on_congestion(at(0), 60 * MSS, CongestionCause::Loss);
    c.on_timeout(at(500), 40 * MSS, false);
    assert_eq!(windows(&c), (1, 20));
    c.on_undo(at(600));
    assert_eq!(windows(&c), (30, 30));
}

//= https://www.rfc-editor.org/rfc/rfc5681#section-4.1
//= type=test
//# Therefore, a TCP SHOULD set cwnd to no more than RW before beginning
//# transmission if the TCP has not sent data in an interval exceeding
//# the retransmission timeout.
#[test]
fn after_an_idle_time_longer_than_the_timeout_the_window_is_the_initial_one() {
    let rto = Duration::from_millis(200);
    let mut c = reno();
    acks(&mut c, 30);
    c.on_idle(at(200), rto, rto);
    assert_eq!(c.cwnd(), 40 * MSS);
    c.on_idle(at(201), Duration::from_millis(201), rto);
    assert_eq!(c.cwnd(), 10 * MSS);
    // A smaller one stays as it is; where it was is remembered.
    let mut c = avoiding(CongestionControl::NewReno, 40);
    c.on_idle(at(1000), rto * 2, rto);
    assert_eq!(windows(&c), (10, 40));
    acks(&mut c, 40);
    acks(&mut c, 40);
    c.on_idle(at(2000), rto * 2, rto);
    assert_eq!(windows(&c), (10, 40));
    let mut c = avoiding(CongestionControl::NewReno, 5);
    c.on_idle(at(1000), rto * 2, rto);
    assert_eq!(windows(&c), (5, 5));
    // The path took larger segments meanwhile than the whole of it was.
    let two = Config { initial_window: 2, ..config(CongestionControl::NewReno) };
    let mut c = Controller::new(&two);
    acks(&mut c, 30);
    c.set_mss(3 * MSS);
    c.on_idle(at(1000), rto * 2, rto);
    assert_eq!(c.cwnd(), 3 * MSS);
}

//= https://www.rfc-editor.org/rfc/rfc6928#section-2
//= type=test
//# implementations SHOULD fall back to RFC 3390 for the restart window
//# (RW) if any packet loss is detected during either the initial window
//# or a restart window, and more than 4 KB of data is sent.
#[test]
fn a_loss_in_the_initial_window_makes_for_smaller_restarts() {
    let restarted = |sent: u32, acked: u32| {
        let mut c = reno();
        (1..=sent).for_each(|n| c.on_sent(at(0), MSS, n * MSS));
        acks(&mut c, acked);
        c.on_congestion(at(0), 60 * MSS, CongestionCause::Loss);
        c.on_recovered(at(0));
        c.on_idle(at(1000), Duration::from_secs(1), Duration::from_millis(200));
        c.cwnd() / MSS
    };
    assert_eq!(restarted(10, 3), 4);
    assert_eq!(restarted(10, 10), 10);
    assert_eq!(restarted(4, 3), 10);
}

//= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
//= type=test
//# Further, if the SYN or SYN/ACK is lost, the initial window used by a
//# sender after a correctly transmitted SYN MUST be one segment
//# consisting of at most SMSS bytes.
//
//= https://www.rfc-editor.org/rfc/rfc6928#section-2
//= type=test
//# If the SYN or SYN/ACK is lost, the initial window used by a sender
//# after a correctly transmitted SYN MUST be one segment consisting
//# of MSS bytes.
#[test]
fn a_lost_syn_leaves_one_segment() {
    let mut c = reno();
    c.on_lost_syn();
    assert_eq!(c.cwnd(), MSS);
}

//= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
//= type=test
//# Specifically, cwnd SHOULD be reduced by the ratio of the old segment
//# size to the new segment size.
//
//= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
//= type=test
//# When initial congestion windows of more than one segment are
//# implemented along with Path MTU Discovery [RFC1191], and the MSS
//# being used is found to be too large, the congestion window cwnd
//# SHOULD be reduced to prevent large bursts of smaller segments.
//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=test
//# Whenever the MTU is reduced (e.g., when processing ICMP PTB messages), the congestion state
//# variable SHOULD be rescaled so as not to raise the window size in packets.
#[test]
fn a_smaller_segment_size_keeps_the_number_of_segments() {
    let mut c = reno();
    c.set_mss(MSS / 2);
    assert_eq!(c.cwnd(), 10 * MSS / 2);
    c.set_mss(MSS);
    assert_eq!(c.cwnd(), 10 * MSS / 2);
}

//= https://www.rfc-editor.org/rfc/rfc7661#section-4.4
//= type=test
//# A sender that is not cwnd-limited MUST NOT increase the cwnd
//# when ACK packets are received in this phase
#[test]
fn a_window_that_is_not_used_does_not_grow() {
    for algorithm in [CongestionControl::NewReno, CongestionControl::Cubic] {
        let mut c = avoiding(algorithm, 20);
        for n in 0..200 {
            c.on_sent(at(n * 100), MSS, MSS);
            c.on_ack(&Sample { now: at(n * 100 + 20), window_limited: false, ..ack(MSS) });
        }
        assert_eq!(c.cwnd(), 20 * MSS);
    }
}

//= https://www.rfc-editor.org/rfc/rfc7661#section-4.4.3
//= type=test
//# If the sender exits the non-validated phase after this
//# period, it MUST update the ssthresh:
//#
//#       ssthresh = max(ssthresh, 3*cwnd/4).
//
//= https://www.rfc-editor.org/rfc/rfc7661#section-4.4.3
//= type=test
//# The sender MUST then update cwnd to be not greater than:
//#
//#          cwnd = max((1/2)*cwnd, IW).
#[test]
fn five_minutes_of_little_use_halve_the_window() {
    let mut c = avoiding(CongestionControl::NewReno, 80);
    let trickle = |c: &mut Controller, from: u64, to: u64| {
        for n in from..to {
            c.on_sent(at(n * 100), MSS, MSS);
            let una = Seq((n as u32 + 1) * MSS);
            let sample = Sample { now: at(n * 100 + 20), una, nxt: una, window_limited: false, ..ack(MSS) };
            c.on_ack(&sample);
        }
    };
    trickle(&mut c, 0, 3001);
    assert_eq!(windows(&c), (80, 80));
    trickle(&mut c, 3001, 3003);
    assert_eq!(windows(&c), (40, 80));
    trickle(&mut c, 3003, 20_000);
    assert_eq!(windows(&c), (10, 80));
}

//= https://www.rfc-editor.org/rfc/rfc7661#section-4.4
//= type=test
//# If the Retransmission Timeout (RTO) expires while in the non-
//# validated phase, the sender MUST exit the non-validated phase.
#[test]
fn a_timeout_looks_at_what_is_outstanding_alone() {
    let mut c = avoiding(CongestionControl::NewReno, 80);
    for n in 0..6u32 {
        c.on_sent(at(0), MSS, (n + 1) * MSS);
    }
    for n in 0..6u32 {
        let (una, nxt) = (Seq((n + 1) * MSS), Seq(6 * MSS));
        c.on_ack(&Sample { una, nxt, window_limited: false, ..ack(MSS) });
    }
    let mut lost = c.clone();
    lost.on_congestion(at(10), 4 * MSS, CongestionCause::Loss);
    assert_eq!(lost.ssthresh(), 3 * MSS);
    c.on_timeout(at(10), 4 * MSS, false);
    assert_eq!(c.ssthresh(), 2 * MSS);
}

#[test]
fn hystart_leaves_slow_start_when_the_round_trips_grow() {
    for algorithm in [CongestionControl::NewReno, CongestionControl::Cubic] {
        let mut c = Controller::new(&Config { hystart: true, ..config(algorithm) });
        let (mut una, mut phases) = (0, Vec::new());
        for round in 0..12u64 {
            let (window, rtt) = (c.cwnd() / MSS, Duration::from_millis(20 + 10 * round.saturating_sub(2)));
            for _ in 0..window {
                una += MSS;
                let nxt = Seq(una + window * MSS);
                c.on_ack(&Sample { una: Seq(una), nxt, rtt: Some(rtt), srtt: Some(rtt), ..ack(MSS) });
                if phases.last() != Some(&c.phase()) {
                    phases.push(c.phase());
                }
            }
        }
        let slow = [CongestionPhase::SlowStart, CongestionPhase::ConservativeSlowStart];
        assert_eq!(phases, [slow[0], slow[1], CongestionPhase::CongestionAvoidance]);
        assert!(c.ssthresh() < u32::MAX);
    }
}

#[test]
fn a_paced_sender_is_told_a_rate_once_a_round_trip_is_known() {
    let mut c = Controller::new(&Config { pacing: true, ..config(CongestionControl::NewReno) });
    assert_eq!(c.pacing_rate(), None);
    c.on_ack(&Sample { srtt: Some(Duration::from_millis(10)), ..ack(MSS) });
    assert_eq!(c.pacing_rate(), Some(2_200_000));
    assert_eq!(reno().pacing_rate(), None);
}
