//! Explicit congestion notification (RFC 3168): who may mark, what a mark does, and what nonsense does not.

mod common;

use common::Pair;
use common::script::Script;
use sockwright_engine::event::{EventKind, RecoveryCause, RecoveryPhase};
use sockwright_engine::tcp::config::{CongestionControl, Ecn, OptionsPatch, SynCookies};
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{ChecksumPolicy, IpPacket, TcpSegment};
use std::time::Duration;

const NOT_ECT: u8 = 0;
const ECT0: u8 = 2;
const CE: u8 = 3;
/// More than the retransmission timeout, in milliseconds.
const RTO: u64 = 200;

fn option(ecn: Ecn) -> OptionsPatch {
    let congestion = Some(CongestionControl::NewReno);
    OptionsPatch { ecn: Some(ecn), congestion, ..OptionsPatch::default() }
}

/// A connection that the peer opened and that agreed on ECN, with a window of ten segments of 1000 octets.
fn agreed() -> Script {
    let mut s = Script::listening(option(Ecn::Passive));
    s.handshake("SEW 0:0(0) win 60000 <mss 1000>", 60_000);
    s
}

/// The flags of the SYN,ACK that answers this SYN.
fn answer(syn: &str, ecn: Ecn) -> String {
    let mut s = Script::listening(option(ecn));
    s.inject(&format!("{syn} 0:0(0) win 60000 <mss 1000>"));
    let (line, mark) = s.sent_marked().remove(0);
    assert_eq!(mark, NOT_ECT);
    line.split(' ').next().unwrap().to_owned()
}

fn lines(sent: Vec<(String, u8)>) -> Vec<(String, u8)> {
    sent.into_iter().map(|(line, mark)| (line.split(" win").next().unwrap().to_owned(), mark)).collect()
}

fn line(text: &str, mark: u8) -> (String, u8) {
    (text.to_owned(), mark)
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
//= type=test
//# If a host has received an ECN-setup SYN packet, then it MAY send
//# an ECN-setup SYN-ACK packet.  Otherwise, it MUST NOT send an
//# ECN-setup SYN-ACK packet.
//
//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
//= type=test
//# A host that is not willing to use ECN on a TCP connection SHOULD
//# clear both the ECE and CWR flags in all non-ECN-setup SYN and/or
//# SYN-ACK packets that it sends to indicate this unwillingness.
//
//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
//= type=test
//# A host MUST NOT set ECT on SYN or SYN-ACK packets.
#[test]
fn a_listener_agrees_with_a_peer_that_asks_and_with_no_other() {
    for ecn in [Ecn::Passive, Ecn::Active] {
        assert_eq!(answer("SEW", ecn), "S.E");
        for syn in ["S", "SE", "SW"] {
            assert_eq!(answer(syn, ecn), "S.");
        }
    }
    assert_eq!(answer("SEW", Ecn::Off), "S.");
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
//= type=test
//# A host MUST NOT set ECT on data packets unless it has sent at
//# least one ECN-setup SYN or ECN-setup SYN-ACK packet, and has
//# received at least one ECN-setup SYN or ECN-setup SYN-ACK packet,
//# and has sent no non-ECN-setup SYN or non-ECN-setup SYN-ACK
//# packet.
//
//= https://www.rfc-editor.org/rfc/rfc3168#section-5
//= type=test
//# Protocols and senders that only require a single ECT
//# codepoint SHOULD use ECT(0).
//
//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
//= type=test
//# When only one ECT codepoint
//# is needed by a sender for all packets sent on a TCP connection,
//# ECT(0) SHOULD be used.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.2
//= type=test
//# A TCP endpoint SHOULD implement ECN as described in RFC 3168 (SHLD- 8).
#[test]
fn a_connector_asks_when_it_is_told_to_and_marks_when_the_peer_agrees() {
    for (ecn, syn_ack, syn, mark) in [
        (Ecn::Active, "S.E", "SEW", ECT0),
        (Ecn::Active, "S.", "SEW", NOT_ECT),
        // The peer reflects what it does not know.
        (Ecn::Active, "S.EW", "SEW", NOT_ECT),
        (Ecn::Active, "S.W", "SEW", NOT_ECT),
        // The peer agrees to what nobody asked for.
        (Ecn::Passive, "S.E", "S", NOT_ECT),
        (Ecn::Off, "S.E", "S", NOT_ECT),
    ] {
        let mut s = Script::connecting(option(ecn));
        let sent = s.sent_marked();
        assert!(sent[0].0.starts_with(&format!("{syn} 0:0(0)")), "{sent:?}");
        assert_eq!(sent[0].1, NOT_ECT);
        s.inject(&format!("{syn_ack} 0:0(0) ack 1 win 10000 <mss 1000>"));
        s.sent();
        s.send(100);
        assert_eq!(lines(s.sent_marked()), [line("P. 1:101(100) ack 1", mark)], "{ecn:?} {syn_ack}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1.1
//= type=test
//# A host that receives no reply to an ECN-setup SYN within the normal
//# SYN retransmission timeout interval MAY resend the SYN and any
//# subsequent SYN retransmissions with CWR and ECE cleared.
#[test]
fn a_lost_syn_goes_again_without_the_question() {
    let mut s = Script::connecting(option(Ecn::Active));
    assert!(s.sent()[0].starts_with("SEW "));
    for wait in [1000, 2000] {
        s.advance(wait);
        assert!(s.sent()[0].starts_with("S "));
    }
    // The answer to the first one: we do not mark, but listen, for we said that we would.
    s.inject("S.E 0:0(0) ack 1 win 10000 <mss 1000>");
    s.sent();
    s.send(100);
    assert_eq!(lines(s.sent_marked()), [line("P. 1:101(100) ack 1", NOT_ECT)]);
    s.inject_marked("P. 1:11(10) ack 101 win 10000", CE);
    assert_eq!(lines(s.sent_marked()), [line(".E 101:101(0) ack 11", NOT_ECT)]);
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
//= type=test
//# If a host has received at least one non-ECN-setup SYN
//# or non-ECN-setup SYN-ACK packet, then it SHOULD NOT set ECT on
//# data packets.
#[test]
fn a_peer_that_asks_once_and_then_does_not_is_not_marked_for() {
    let mut s = Script::listening(option(Ecn::Passive));
    s.inject("SEW 0:0(0) win 60000 <mss 1000>");
    assert!(s.sent()[0].starts_with("S.E "));
    s.inject("S 0:0(0) win 60000 <mss 1000>");
    assert!(s.sent()[0].starts_with("S. "));
    s.inject(". 1:1(0) ack 1 win 60000");
    s.socket = s.host.accept(s.listener.unwrap());
    s.send(100);
    assert_eq!(lines(s.sent_marked()), [line("P. 1:101(100) ack 1", NOT_ECT)]);
}

#[test]
fn a_cookie_keeps_the_agreement_in_the_timestamps_and_offers_none_without_them() {
    let always = |timestamps| OptionsPatch {
        syn_cookies: Some(SynCookies::Always),
        timestamps: Some(timestamps),
        ..option(Ecn::Passive)
    };
    for (syn, syn_ack, mark) in [("SEW", "S.E ", ECT0), ("S", "S. ", NOT_ECT)] {
        let mut s = Script::listening(always(true));
        s.advance(10_000);
        s.inject(&format!("{syn} 0:0(0) win 60000 <mss 1000,TS val 1 ecr 0>"));
        let sent = s.sent().remove(0);
        assert!(sent.starts_with(syn_ack), "{sent}");
        let echo = sent.split("TS val ").nth(1).unwrap().split(' ').next().unwrap();
        s.inject(&format!(". 1:1(0) ack 1 win 60000 <TS val 2 ecr {echo}>"));
        s.socket = s.host.accept(s.listener.unwrap());
        s.send(100);
        assert_eq!(s.sent_marked()[0].1, mark);
    }
    let mut s = Script::listening(always(false));
    s.inject("SEW 0:0(0) win 60000 <mss 1000>");
    assert!(s.sent()[0].starts_with("S. "));
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-5.2
//= type=test
//# We believe that this aspect is still the subject of research, so this
//# document specifies that at this time, "pure" ACK packets MUST NOT
//# indicate ECN-Capability.
//
//= https://www.rfc-editor.org/rfc/rfc3168#section-5.2
//= type=test
//# To ensure the reliable delivery of the congestion indication of the
//# CE codepoint, an ECT codepoint MUST NOT be set in a packet unless the
//# loss of that packet in the network would be detected by the end nodes
//# and interpreted as an indication of congestion.
//
//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.4
//= type=test
//# For the current generation of TCP congestion control algorithms, pure
//# acknowledgement packets (e.g., packets that do not contain any
//# accompanying data) MUST be sent with the not-ECT codepoint.
//
//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.5
//= type=test
//# This document specifies ECN-capable TCP implementations MUST NOT set
//# either ECT codepoint (ECT(0) or ECT(1)) in the IP header for
//# retransmitted data packets
//
//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.5
//= type=test
//# we
//# specify that a legitimate TCP data sender MUST NOT set an ECT
//# codepoint on retransmitted data packets, and that the TCP data
//# receiver SHOULD ignore the CE codepoint on out-of-window packets.
//
//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
//= type=test
//# Thus, the
//# CWR bit in the TCP header SHOULD NOT be set on retransmitted packets.
#[test]
fn acknowledgments_retransmissions_and_a_bare_fin_are_not_marked() {
    let mut s = agreed();
    s.inject("P. 1:1001(1000) ack 1 win 60000");
    s.inject("P. 1001:2001(1000) ack 1 win 60000");
    assert_eq!(lines(s.sent_marked()), [line(". 1:1(0) ack 2001", NOT_ECT)]);
    s.send(100);
    assert_eq!(lines(s.sent_marked()), [line("P. 1:101(100) ack 2001", ECT0)]);
    s.advance(200);
    assert_eq!(lines(s.sent_marked()), [line("P. 1:101(100) ack 2001", NOT_ECT)]);
    s.inject(". 2001:2001(0) ack 101 win 60000");
    s.recv(1, 2000);
    s.host.close(s.socket);
    assert_eq!(lines(s.sent_marked()), [line("F. 101:101(0) ack 2001", NOT_ECT)]);
    // What lies outside of the window is answered, and not listened to.
    s.inject_marked("P. 1:1001(1000) ack 101 win 60000", CE);
    assert_eq!(lines(s.sent_marked()), [line(". 102:102(0) ack 2001", NOT_ECT)]);
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.6
//= type=test
//# Therefore, the TCP data sender MUST NOT set either an ECT codepoint
//# or the CWR bit on window probe packets.
#[test]
fn a_window_probe_is_not_marked() {
    let mut s = agreed();
    s.inject(". 1:1(0) ack 1 win 0");
    s.send(100);
    assert_eq!(s.sent_marked(), []);
    s.advance(200);
    assert_eq!(lines(s.sent_marked()), [line(". 1:2(1) ack 1", NOT_ECT)]);
    s.inject(". 1:1(0) ack 2 win 60000");
    assert_eq!(lines(s.sent_marked()), [line("P. 2:101(99) ack 1", ECT0)]);
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.6
//= type=test
//# Therefore, if
//# a window probe arrives with the CE codepoint set, then the receiver
//# SHOULD respond to the ECN indications.
#[test]
fn a_window_probe_with_a_mark_is_listened_to() {
    let options = OptionsPatch { receive_buffer: Some(2000), ..option(Ecn::Passive) };
    let mut s = Script::listening(options);
    s.handshake("SEW 0:0(0) win 60000 <mss 1000>", 60_000);
    s.inject("P. 1:2001(2000) ack 1 win 60000");
    s.sent();
    s.inject_marked(". 2001:2002(1) ack 1 win 60000", CE);
    assert_eq!(lines(s.sent_marked()), [line(".E 1:1(0) ack 2001", NOT_ECT)]);
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
//= type=test
//# If a host has sent at least one ECN-setup SYN or ECN-setup SYN-
//# ACK packet, and has received no non-ECN-setup SYN or non-ECN-
//# setup SYN-ACK packet, then if that host receives TCP data
//# packets with ECT and CE codepoints set in the IP header, then
//# that host MUST process these packets as specified for an ECN-
//# capable connection.
#[test]
fn a_mark_is_echoed_on_every_acknowledgment_until_the_peer_says_that_it_slowed_down() {
    let mut s = agreed();
    s.inject_marked("P. 1:101(100) ack 1 win 60000", CE);
    assert_eq!(lines(s.sent_marked()), [line(".E 1:1(0) ack 101", NOT_ECT)]);
    s.inject_marked("P. 101:1101(1000) ack 1 win 60000", ECT0);
    s.inject_marked("P. 1101:2101(1000) ack 1 win 60000", ECT0);
    assert_eq!(lines(s.sent_marked()), [line(".E 1:1(0) ack 2101", NOT_ECT)]);
    s.send(10);
    assert_eq!(lines(s.sent_marked()), [line("P.E 1:11(10) ack 2101", ECT0)]);
    s.inject_marked("P.W 2101:2201(100) ack 11 win 60000", ECT0);
    assert_eq!(lines(s.sent_marked()), [line(". 11:11(0) ack 2201", NOT_ECT)]);
    // A pure acknowledgment can have no mark that means anything.
    s.inject_marked(". 2201:2201(0) ack 11 win 60000", CE);
    s.send(10);
    assert_eq!(lines(s.sent_marked()), [line("P. 11:21(10) ack 2201", ECT0)]);
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-5
//= type=test
//# Upon the receipt by an ECN-Capable transport of a single CE packet,
//# the congestion control algorithms followed at the end-systems MUST be
//# essentially the same as the congestion control response to a *single*
//# dropped packet.
//
//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
//= type=test
//# TCP should not react to congestion indications more than once every
//# window of data (or more loosely, more than once every round-trip
//# time).
//
//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
//= type=test
//# The sending
//# TCP SHOULD NOT increase the congestion window in response to the
//# receipt of an ECN-Echo ACK packet.
//
//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
//= type=test
//# When the TCP data sender is ready to set the CWR bit after reducing
//# the congestion window, it SHOULD set the CWR bit only on the first
//# new data packet that it transmits.
//
//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
//= type=test
//# If a host ever sets the ECT codepoint on a data packet, then
//# that host MUST correctly set/clear the CWR TCP bit on all
//# subsequent packets in the connection.
#[test]
fn an_echo_halves_the_window_once_a_round_trip_and_the_next_new_data_says_so() {
    let mut s = agreed();
    s.send(40_000);
    assert_eq!(s.sent().len(), 10);
    for n in 1..=10 {
        s.inject(&format!(".E 1:1(0) ack {} win 60000", n * 1000 + 1));
    }
    let info = s.info();
    assert_eq!((info.cwnd, info.ssthresh), (5000, 5000));
    assert_eq!(info.totals.retransmissions, 0);
    let sent = s.sent_marked();
    s.inject(". 1:1(0) ack 11001 win 60000");
    let flags: Vec<&str> = sent.iter().map(|(line, _)| line.split(' ').next().unwrap()).collect();
    assert_eq!(flags, [".W", ".", ".", ".", "."], "PRR lets one go for two that arrive");
    assert!(sent.iter().all(|(_, mark)| *mark == ECT0));
    let phases: Vec<_> = s
        .host
        .events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Recovery { from, to, cause } => Some((from, to, cause)),
            _ => None,
        })
        .collect();
    assert_eq!(
        phases,
        [
            (RecoveryPhase::Open, RecoveryPhase::Cwr, RecoveryCause::Ecn),
            (RecoveryPhase::Cwr, RecoveryPhase::Open, RecoveryCause::Acknowledged),
        ]
    );
}

#[test]
fn a_loss_in_the_round_trip_of_an_echo_is_the_same_congestion() {
    let mut s = agreed();
    s.send(40_000);
    s.sent();
    s.inject(".E 1:1(0) ack 1001 win 60000");
    assert_eq!(s.info().ssthresh, 5000);
    for _ in 0..3 {
        s.inject(". 1:1(0) ack 1001 win 60000");
    }
    assert_eq!(s.info().ssthresh, 5000);
    assert_eq!(s.info().totals.retransmissions, 1);
}

#[test]
fn a_timeout_is_told_to_the_peer_too() {
    let mut s = agreed();
    s.send(1000);
    s.advance(200);
    s.sent();
    s.inject(". 1:1(0) ack 1001 win 60000");
    s.send(2000);
    let sent = lines(s.sent_marked());
    assert_eq!(sent[0], line(".W 1001:2001(1000) ack 1", ECT0));
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
//= type=test
//# TCP should not react to congestion indications more than once every
//# window of data (or more loosely, more than once every round-trip
//# time).
#[test]
fn an_echo_of_what_a_timeout_answered_already_reduces_nothing() {
    let mut s = agreed();
    s.send(8000);
    s.sent();
    s.advance(RTO);
    assert_eq!(s.info().ssthresh, 4000);
    let by_marks = |s: &Script| {
        let marks = |kind: &EventKind| matches!(kind, EventKind::Recovery { cause: RecoveryCause::Ecn, .. });
        s.host.events.iter().filter(|event| marks(&event.kind)).count()
    };
    // All of it came late; the peer has not heard yet that we slowed down.
    s.inject(".E 1:1(0) ack 8001 win 60000");
    assert_eq!((s.info().ssthresh, by_marks(&s)), (4000, 0));
    s.send(1000);
    assert_eq!(lines(s.sent_marked()).last(), Some(&line("P.W 8001:9001(1000) ack 1", ECT0)));
    s.inject(".E 1:1(0) ack 9001 win 60000");
    assert_eq!((s.info().ssthresh, by_marks(&s)), (2000, 1));
}

//= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
//= type=test
//# Therefore, the sending TCP MUST reset the
//# retransmit timer on receiving the ECN-Echo packet when the congestion
//# window is one.
#[test]
fn an_echo_to_a_window_of_one_segment_resets_the_timer() {
    let options = OptionsPatch { initial_window: Some(1), ..option(Ecn::Passive) };
    let mut s = Script::listening(options);
    s.handshake("SEW 0:0(0) win 60000 <mss 1000>", 60_000);
    s.send(2000);
    s.expect(&[". 1:1001(1000) ack 1 win 65535"]);
    s.advance(150);
    s.inject(".E 1:1(0) ack 1 win 60000");
    let rto = s.info().rto;
    assert!(s.info().timers.iter().any(|(_, at)| *at == s.host.now + rto));
}

#[test]
fn an_echo_where_nothing_is_marked_means_nothing() {
    for (syn, ecn) in [("S", Ecn::Active), ("SEW", Ecn::Off)] {
        let mut s = Script::listening(option(ecn));
        s.handshake(&format!("{syn} 0:0(0) win 60000 <mss 1000>"), 60_000);
        s.send(10_000);
        s.sent();
        s.inject(".E 1:1(0) ack 1001 win 60000");
        assert_eq!(s.info().ssthresh, u32::MAX);
        assert_eq!(s.info().cwnd, 11_000);
        s.inject_marked("P. 1:11(10) ack 1001 win 60000", CE);
        s.advance(40);
        assert!(s.sent().iter().all(|line| !line.contains('E') && !line.contains('W')));
    }
}

/// Every tenth data segment is marked on its way: the transfer loses nothing, and slows down.
#[test]
fn two_of_ours_agree_and_heed_the_marks_of_a_path() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected_with(option(Ecn::Active), option(Ecn::Passive));
    let data: Vec<u8> = (0..200_000u32).map(|i| (i % 253) as u8).collect();
    let (mut sent, mut received, mut seen, mut reduced) = (0, Vec::new(), 0, 0);
    while received.len() < data.len() {
        sent += pair.a.send(client, &data[sent..(sent + 50_000).min(data.len())]);
        for frame in std::mem::take(&mut pair.a.sent) {
            let packet = IpPacket::parse(&frame).unwrap();
            let ends = (packet.src, packet.dst);
            let segment = TcpSegment::parse(packet.payload, ends, ChecksumPolicy::Verify).unwrap();
            reduced += u32::from(segment.flags.to_string().contains('W'));
            seen += u32::from(packet.ecn == ECT0);
            let marks = packet.ecn == ECT0 && seen % 10 == 0;
            pair.b.frame(&if marks { marked(&frame) } else { frame.clone() });
        }
        for frame in std::mem::take(&mut pair.b.sent) {
            pair.a.frame(&frame);
        }
        if pair.b.engine.info(server).unwrap().tcp.unwrap().receive_queue > 0 {
            received.extend(pair.b.recv(server).0);
        }
        let now = pair.a.now + Duration::from_millis(10);
        for host in [&mut pair.a, &mut pair.b] {
            host.now = now;
            host.engine.handle_timeout(now);
            host.drain();
        }
        assert!(now < Instant::ZERO + Duration::from_secs(60), "nothing moves");
    }
    assert_eq!(received, data);
    let info = pair.a.engine.info(client).unwrap().tcp.unwrap();
    assert_eq!(info.totals.retransmissions, 0);
    assert!(info.ssthresh < 20_000, "{}", info.ssthresh);
    assert!(reduced > 3, "{reduced}");
}

/// The packet with CE in its header.
fn marked(frame: &[u8]) -> Vec<u8> {
    use sockwright_engine::wire::IpHeader;
    let IpPacket { src, dst, protocol, hop_limit, dscp, payload, .. } = IpPacket::parse(frame).unwrap();
    let mut marked = Vec::new();
    IpHeader { src, dst, protocol, hop_limit, ecn: CE, dscp, ident: 0, options: Default::default() }
        .emit(payload.len(), &mut marked);
    marked.extend(payload);
    marked
}
