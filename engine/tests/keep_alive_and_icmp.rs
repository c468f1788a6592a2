//! Keep-alive, and what ICMP says (RFC 9293 §3.8.4, §3.9.2.2; RFC 5927; RFC 1122 §3.2.2).

mod common;

use common::script::{Script, ip};
use common::{Host, states};
use sockwright_engine::event::EventKind;
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::ShutdownHow;
use sockwright_engine::tcp::config::{KeepAlive, OptionsPatch};
use sockwright_engine::wire::{ChecksumPolicy, IcmpMessage, IpPacket, Protocol, Quoted, Unreachable};
use std::time::Duration;

fn kept_alive() -> Script {
    let keep = KeepAlive { idle: Duration::from_secs(10), interval: Duration::from_secs(1), probes: 3 };
    Script::accepted_with(OptionsPatch { keep_alive: Some(Some(keep)), ..OptionsPatch::default() })
}

const PROBE: &str = ". 0:0(0) ack 1 win 65535";

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# Implementers MAY include "keep-alives" in their TCP implementations (MAY-5), although this
//# practice is not universally accepted.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# This interval MUST be configurable (MUST-27) and MUST default to no less than two hours
//# (MUST-28).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# Consequently, if a keep-alive mechanism is implemented it MUST NOT interpret failure to
//# respond to any specific probe as a dead connection (MUST-29).
#[test]
fn an_idle_peer_is_probed_and_an_answer_starts_the_wait_anew() {
    let mut s = kept_alive();
    s.expect_after(10_000, &[PROBE]);
    s.exchange(". 1:1(0) ack 1 win 10000", &[]);
    s.expect_after(10_000, &[PROBE]);
    s.expect_after(1000, &[PROBE]);
    s.exchange(". 1:1(0) ack 1 win 10000", &[]);
    s.expect_after(10_000, &[PROBE]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# Consequently, if a keep-alive mechanism is implemented it MUST NOT interpret failure to
//# respond to any specific probe as a dead connection (MUST-29).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# An implementation SHOULD send a keep-alive segment with no data (SHLD-12); however, it MAY
//# be configurable to send a keep-alive segment containing one garbage octet (MAY-6), for
//# compatibility with erroneous TCP implementations.
#[test]
fn a_peer_that_answers_no_probe_is_given_up_with_a_reset() {
    let mut s = kept_alive();
    s.expect_after(10_000, &[PROBE]);
    s.expect_after(1000, &[PROBE]);
    s.expect_after(1000, &[PROBE]);
    s.expect_after(1000, &["R. 1:1(0) ack 1 win 0"]);
    assert_eq!(s.state(), "CLOSED");
    assert_eq!(s.host.engine.info(s.socket).unwrap().error, Some(Errno::ETIMEDOUT));
    assert_eq!(s.host.engine.poll_timeout(), None);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# This interval MUST be configurable (MUST-27) and MUST default to no less than two hours
//# (MUST-28).
#[test]
fn keep_alive_waits_two_hours_unless_told_otherwise() {
    let keep_alive = Some(Some(KeepAlive::default()));
    let mut s = Script::accepted_with(OptionsPatch { keep_alive, ..OptionsPatch::default() });
    s.expect_after(7_200_000, &[PROBE]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# Keep-alive packets MUST only be sent when no sent data is
//# outstanding, and no data or acknowledgment packets have been received
//# for the connection within an interval (MUST-26).
#[test]
fn a_peer_that_talks_or_owes_an_acknowledgment_is_not_probed() {
    let mut s = kept_alive();
    s.advance(9000);
    s.inject("P. 1:11(10) ack 1 win 10000");
    s.advance(40);
    s.sent();
    s.expect_after(9960, &[". 0:0(0) ack 11 win 65525"]);
    s.inject(". 11:11(0) ack 1 win 10000");
    s.send(10);
    s.sent();
    s.advance(60_000);
    let sent = s.sent();
    assert!(!sent.is_empty() && sent.iter().all(|line| line.starts_with("P. 1:11(10)")), "{sent:?}");
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
//= type=test
//# they MUST
//# default to off (MUST-25).
#[test]
fn without_the_option_nobody_is_probed() {
    let mut s = Script::accepted();
    s.advance(100_000_000);
    s.expect_nothing();
    assert_eq!(s.state(), "ESTABLISHED");
}

#[test]
fn keep_alive_goes_on_in_half_closed_states_and_ends_in_time_wait() {
    let mut s = kept_alive();
    s.host.shutdown(s.socket, ShutdownHow::Write);
    s.sent();
    s.inject(". 1:1(0) ack 2 win 10000");
    s.expect_after(10_000, &[". 1:1(0) ack 1 win 65535"]);
    s.inject("F. 1:1(0) ack 2 win 10000");
    s.sent();
    s.advance(59_000);
    s.expect_nothing();
    s.advance(1000);
    assert_eq!(s.host.engine.poll_timeout(), None);
}

/// The ICMP error that quotes a segment of the engine's, which starts at relative sequence number `seq`.
fn icmp(s: &Script, seq: u32, message: impl FnOnce(Quoted<'_>) -> IcmpMessage<'_>) -> Vec<u8> {
    let iss = s.iss.unwrap();
    let segment = sockwright_engine::wire::TcpSegment {
        src_port: s.local.port(),
        dst_port: s.remote.port(),
        seq: iss + seq,
        flags: sockwright_engine::wire::Flags::ACK,
        ..Default::default()
    };
    let packet = ip(s.local, s.remote, Protocol::Tcp, |src, dst, out| segment.emit(src, dst, out));
    let message = message(Quoted::parse(&packet).unwrap());
    let protocol = if s.local.is_ipv4() { Protocol::Icmpv4 } else { Protocol::Icmpv6 };
    ip(s.remote, s.local, protocol, |src, dst, out| message.emit(src, dst, out))
}

fn unreachable(s: &Script, seq: u32, code: Unreachable) -> Vec<u8> {
    icmp(s, seq, |quoted| IcmpMessage::Unreachable { code, quoted })
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
//= type=test
//# TCP implementations MUST act on an ICMP error message passed up from the IP layer,
//# directing it to the connection that created the error (MUST-54).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.1
//= type=test
//# The transport layer SHOULD use the information appropriately; for example, see Sections
//# 4.1.3.3, 4.2.3.9, and 4.2.4 below.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.1
//= type=test
//# A transport protocol that has its own mechanism for notifying the sender that a port is
//# unreachable (e.g., TCP, which sends RST segments) MUST nevertheless accept an ICMP Port
//# Unreachable for the same purpose.
#[test]
fn a_hard_error_ends_an_attempt_to_connect() {
    for (code, errno) in [
        (Unreachable::Port, Errno::ECONNREFUSED),
        (Unreachable::Protocol, Errno::ECONNREFUSED),
        (Unreachable::Prohibited, Errno::EHOSTUNREACH),
    ] {
        let mut s = Script::connecting(OptionsPatch::default());
        s.sent();
        let error = unreachable(&s, 0, code);
        s.host.frame(&error);
        assert_eq!(s.host.completed(s.connect.unwrap()).unwrap_err().errno, errno);
        assert_eq!(states(&s.host.events, s.socket), ["CLOSED", "SYN-SENT", "CLOSED"]);
        assert!(s.host.events.iter().any(|event| matches!(event.kind, EventKind::Icmp { fatal: true, .. })));
    }
}

fn soft<'a>(what: &str, quoted: Quoted<'a>) -> IcmpMessage<'a> {
    match what {
        "network" => IcmpMessage::Unreachable { code: Unreachable::Network, quoted },
        "host" => IcmpMessage::Unreachable { code: Unreachable::Host, quoted },
        "time" => IcmpMessage::TimeExceeded { code: 0, quoted },
        _ => IcmpMessage::ParameterProblem { code: 0, pointer: 0, quoted },
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
//= type=test
//# Since these Unreachable messages indicate soft error conditions, a
//# TCP implementation MUST NOT abort the connection (MUST-56), and it
//# SHOULD make the information available to the application (SHLD-25).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.4
//= type=test
//# An incoming Time Exceeded message MUST be passed to the transport layer.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.5
//= type=test
//# An incoming Parameter Problem message MUST be passed to the transport layer, and it MAY be
//# reported to the user.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.1
//= type=test
//# A Destination Unreachable message that is received with code 0 (Net), 1 (Host), or 5 (Bad
//# Source Route) may result from a routing transient and MUST therefore be interpreted as
//# only a hint, not proof, that the specified destination is unreachable [IP:11].
#[test]
fn a_soft_error_is_the_reason_should_the_attempt_time_out() {
    for (what, errno) in [
        ("network", Errno::ENETUNREACH),
        ("host", Errno::EHOSTUNREACH),
        ("time", Errno::EHOSTUNREACH),
        ("parameter", Errno::EHOSTUNREACH),
    ] {
        let mut s = Script::connecting(OptionsPatch::default());
        s.sent();
        let error = icmp(&s, 0, |quoted| soft(what, quoted));
        s.host.frame(&error);
        assert_eq!(s.state(), "SYN-SENT");
        s.advance(300_000);
        assert_eq!(s.host.completed(s.connect.unwrap()).unwrap_err().errno, errno);
    }
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.1
//= type=test
//# For example, it MUST NOT be used as proof of a dead gateway (see Section 3.3.1).
#[test]
fn no_error_ends_an_open_connection_and_progress_forgets_it() {
    let mut s = Script::accepted();
    s.send(100);
    s.sent();
    for code in [Unreachable::Port, Unreachable::Protocol, Unreachable::Host] {
        let error = unreachable(&s, 1, code);
        s.host.frame(&error);
        assert_eq!(s.state(), "ESTABLISHED");
    }
    s.inject(". 1:1(0) ack 101 win 10000");
    s.send(100);
    s.advance(300_000);
    assert_eq!(s.host.engine.info(s.socket).unwrap().error, Some(Errno::ETIMEDOUT));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.8
//= type=test
//# There MUST be a mechanism for reporting soft TCP error conditions to the application
//# (MUST-47).
#[test]
fn an_open_connection_that_times_out_tells_the_soft_error() {
    let mut s = Script::accepted();
    s.send(100);
    let error = unreachable(&s, 1, Unreachable::Host);
    s.host.frame(&error);
    s.advance(300_000);
    assert_eq!(s.host.engine.info(s.socket).unwrap().error, Some(Errno::EHOSTUNREACH));
}

//= https://www.rfc-editor.org/rfc/rfc5927#section-4.1
//= type=test
//# If an ICMP error message does not pass this check,
//# it is discarded.
#[test]
fn an_error_about_nothing_in_flight_is_not_believed() {
    let mut s = Script::connecting(OptionsPatch::default());
    s.sent();
    for seq in [1, 1000, u32::MAX] {
        let error = unreachable(&s, seq, Unreachable::Port);
        s.host.frame(&error);
        assert_eq!(s.state(), "SYN-SENT");
        assert_eq!(s.drops(), ["UNHANDLED_ICMP"]);
    }
    let mut s = Script::accepted();
    let error = unreachable(&s, 0, Unreachable::Host);
    s.host.frame(&error);
    assert_eq!(s.drops(), ["UNHANDLED_ICMP"]);
}

/// An ICMPv4 message of a type that has no name here, about a segment of the engine's.
fn nameless(s: &Script, kind: u8) -> Vec<u8> {
    let mut frame = unreachable(s, 1, Unreachable::Network);
    let message = &mut frame[20..];
    message[..4].copy_from_slice(&[kind, 0, 0, 0]);
    let word = |pair: &[u8]| u32::from(pair[0]) * 256 + u32::from(pair.get(1).copied().unwrap_or(0));
    let sum: u32 = message.chunks(2).map(word).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    message[2..4].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
    frame
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
//= type=test
//# Source Quench TCP implementations MUST silently discard any received ICMP Source Quench
//# messages (MUST-55).
#[test]
fn a_source_quench_is_dropped_in_silence() {
    let mut s = Script::accepted();
    s.send(100);
    s.sent();
    let before = s.info();
    let quench = nameless(&s, 4);
    s.host.frame(&quench);
    s.expect_nothing();
    assert_eq!(s.drops(), ["UNHANDLED_ICMP"]);
    assert_eq!((s.info().cwnd, s.info().ssthresh), (before.cwnd, before.ssthresh));
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
//= type=test
//# If an ICMP message of unknown type is received, it MUST be silently discarded.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.7
//= type=test
//# A host SHOULD NOT implement these messages.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.9
//= type=test
//# Conversely, if Address Mask messages are disabled, then no ICMP Address Mask Requests will
//# be sent, and any ICMP Address Mask Replies received for that local IP address MUST be
//# (silently) ignored.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.9
//= type=test
//# A system MUST NOT send an Address Mask Reply unless it is an authoritative agent for
//# address masks.
#[test]
fn information_masks_clocks_and_types_that_nobody_knows_are_dropped_in_silence() {
    let mut s = Script::accepted();
    s.send(100);
    s.sent();
    for kind in [13, 14, 15, 16, 17, 18, 41, 200, 255] {
        let message = nameless(&s, kind);
        s.host.frame(&message);
        s.expect_nothing();
        assert_eq!(s.drops(), ["UNHANDLED_ICMP"], "{kind}");
    }
    assert_eq!(s.state(), "ESTABLISHED");
}

//= https://www.rfc-editor.org/rfc/rfc4443#section-3.1
//= type=test
//# A node receiving the ICMPv6 Destination Unreachable message MUST notify the upper-layer
//# process if the relevant process can be identified (see Section 2.4, (d)).
//= https://www.rfc-editor.org/rfc/rfc4443#section-3.3
//= type=test
//# An incoming Time Exceeded message MUST be passed to the upper-layer process if the
//# relevant process can be identified (see Section 2.4, (d)).
//= https://www.rfc-editor.org/rfc/rfc4443#section-3.4
//= type=test
//# A node receiving this ICMPv6 message MUST notify the upper-layer process if the relevant
//# process can be identified (see Section 2.4, (d)).
#[test]
fn errors_over_ipv6_are_the_same() {
    let mut s = Script::connecting_on(Host::new("fd00::1", 1), OptionsPatch::default());
    s.sent();
    let error = unreachable(&s, 0, Unreachable::Port);
    s.host.frame(&error);
    assert_eq!(s.host.completed(s.connect.unwrap()).unwrap_err().errno, Errno::ECONNREFUSED);
    for what in ["host", "time", "parameter"] {
        let mut s = Script::connecting_on(Host::new("fd00::1", 1), OptionsPatch::default());
        s.sent();
        let error = icmp(&s, 0, |quoted| soft(what, quoted));
        s.host.frame(&error);
        assert_eq!(s.state(), "SYN-SENT");
        s.advance(300_000);
        assert_eq!(s.host.completed(s.connect.unwrap()).unwrap_err().errno, Errno::EHOSTUNREACH);
    }
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6
//= type=test
//# Every host MUST implement an ICMP Echo server function that receives Echo Requests and
//# sends corresponding Echo Replies.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6
//= type=test
//# The IP source address in an ICMP Echo Reply MUST be the same as the specific-destination
//# address (defined in Section 3.2.1.3) of the corresponding ICMP Echo Request message.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6
//= type=test
//# Data received in an ICMP Echo Request MUST be entirely included in the resulting Echo
//# Reply.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.4.2
//= type=test
//# If the datagram is sent in response to a received datagram, the source address for the
//# response SHOULD be the specific-destination address of the request.
//= https://www.rfc-editor.org/rfc/rfc4443#section-4.1
//= type=test
//# Every node MUST implement an ICMPv6 Echo responder function that receives Echo Requests
//# and originates corresponding Echo Replies.
//= https://www.rfc-editor.org/rfc/rfc4443#section-4.2
//= type=test
//# The source address of an Echo Reply sent in response to a unicast Echo Request message
//# MUST be the same as the destination address of that Echo Request message.
//= https://www.rfc-editor.org/rfc/rfc4443#section-4.2
//= type=test
//# The data received in the ICMPv6 Echo Request message MUST be returned entirely and
//# unmodified in the ICMPv6 Echo Reply message.
//= https://www.rfc-editor.org/rfc/rfc4443#section-2.2
//= type=test
//# If the node has more than one unicast address, it MUST choose the Source Address of the
//# message as follows:
//= https://www.rfc-editor.org/rfc/rfc4443#section-2.2
//= type=test
//# If the message is a response to a message sent to one of the node's unicast addresses, the
//# Source Address of the reply MUST be that same address.
//= https://www.rfc-editor.org/rfc/rfc4443#section-4.2
//= type=test
//# Every node MUST implement an ICMPv6 Echo responder function that receives Echo Requests
//# and originates corresponding Echo Replies.
#[test]
fn an_echo_request_is_answered_with_all_of_its_data() {
    for (own, other) in [("10.0.0.1", "10.0.0.9"), ("fd00::1", "fd00::9")] {
        let mut host = Host::new(own, 1);
        let (from, to) = (format!("[{other}]:1"), host.at(1));
        let from = from.parse().unwrap_or_else(|_| format!("{other}:1").parse().unwrap());
        let protocol = if host.ip.is_ipv4() { Protocol::Icmpv4 } else { Protocol::Icmpv6 };
        let data: Vec<u8> = (0..=255).collect();
        let request = IcmpMessage::EchoRequest { ident: 7, seq: 9, data: &data };
        let frame = ip(from, to, protocol, |src, dst, out| request.emit(src, dst, out));
        host.frame(&frame);
        let packet = IpPacket::parse(&host.sent[0]).unwrap();
        assert_eq!((packet.src, packet.dst), (to.ip(), from.ip()));
        let reply = IcmpMessage::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Verify);
        assert_eq!(reply, Ok(IcmpMessage::EchoReply { ident: 7, seq: 9, data: &data }));
        assert_eq!(host.sent.len(), 1);
    }
}
