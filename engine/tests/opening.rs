//! How connections open: actively, passively, at once from both sides (RFC 9293 §3.5, §3.10.7.2, §3.10.7.3).

mod common;

use common::script::Script;
use common::{Host, Pair, states};
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::{Reply, Request, Wait};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::wire::IpPacket;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
//= type=test
//# TCP endpoints MUST implement both sending and receiving the MSS Option (MUST-14).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.2
//= type=test
//# This field may be sent in the initial connection request (i.e., in segments with the SYN
//# control bit set) and MUST NOT be sent in other segments (MUST- 65).
#[test]
fn an_active_open_is_syn_synack_ack() {
    let mut s = Script::connecting(OptionsPatch::default());
    s.expect(&["S 0:0(0) win 65535 <mss 1460>"]);
    assert_eq!(s.state(), "SYN-SENT");
    s.exchange("S. 0:0(0) ack 1 win 5000 <mss 1000>", &[". 1:1(0) ack 1 win 65535"]);
    assert_eq!(s.state(), "ESTABLISHED");
    assert!(matches!(s.host.completed(s.connect.unwrap()), Ok(Reply::Connected { .. })));
    let info = s.info();
    assert_eq!((info.snd_mss, info.snd_wnd, info.rcv_mss), (1000, 5000, 1460));
}

#[test]
fn a_passive_open_needs_no_call_but_listen() {
    let mut s = Script::listening(OptionsPatch::default());
    s.exchange("S 0:0(0) win 5000 <mss 1000>", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    assert_eq!(s.host.state(s.child()), "SYN-RECEIVED");
    s.exchange(". 1:1(0) ack 1 win 6000", &[]);
    assert_eq!(s.host.state(s.child()), "ESTABLISHED");
    s.socket = s.host.accept(s.listener.unwrap());
    assert_eq!((s.info().snd_mss, s.info().snd_wnd), (1000, 6000));
    assert_eq!(states(&s.host.events, s.socket), ["LISTEN", "SYN-RECEIVED", "ESTABLISHED"]);
}

#[test]
fn the_ack_of_the_handshake_may_carry_data_and_fin() {
    let mut s = Script::listening(OptionsPatch::default());
    s.inject("S 0:0(0) win 5000 <mss 1000>");
    s.sent();
    s.exchange("FP. 1:11(10) ack 1 win 5000", &[". 1:1(0) ack 12 win 65524"]);
    s.socket = s.host.accept(s.listener.unwrap());
    assert_eq!(s.state(), "CLOSE-WAIT");
    s.recv_end(1, 10);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//= type=test
//# In particular, R2 for a SYN segment MUST be set large enough to provide retransmission of
//# the segment for at least 3 minutes (MUST-23).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//= type=test
//# SYN retransmissions MUST be handled in the general way just described for data
//# retransmissions, including notification of the application layer.
//= https://www.rfc-editor.org/rfc/rfc6298#section-2
//= type=test
//# Until a round-trip time (RTT) measurement has been made for a segment sent between the
//# sender and receiver, the sender SHOULD set RTO <- 1 second, though the "backing off" on
//# repeated retransmission discussed in (5.5) still applies.
#[test]
fn a_lost_syn_goes_again_twice_as_late_each_time() {
    let mut s = Script::connecting(OptionsPatch::default());
    let syn = "S 0:0(0) win 65535 <mss 1460>";
    s.expect(&[syn]);
    for millis in [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 120_000] {
        s.expect_after(millis, &[syn]);
    }
    // Five minutes after the first one the attempt is given up, in silence.
    s.advance(300_000 - 247_000);
    s.expect_nothing();
    assert_eq!(s.host.completed(s.connect.unwrap()).unwrap_err().errno, Errno::ETIMEDOUT);
    assert_eq!(s.host.engine.poll_timeout(), None);
}

#[test]
fn a_lost_syn_ack_goes_again_twice_as_late_each_time_and_the_child_is_forgotten() {
    let mut s = Script::listening(OptionsPatch::default());
    let syn_ack = "S. 0:0(0) ack 1 win 65535 <mss 1460>";
    s.exchange("S 0:0(0) win 5000 <mss 1000>", &[syn_ack]);
    for millis in [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 120_000] {
        s.expect_after(millis, &[syn_ack]);
    }
    let child = s.child();
    s.advance(300_000 - 247_000);
    s.expect_nothing();
    assert_eq!(states(&s.host.events, child), ["LISTEN", "SYN-RECEIVED", "CLOSED"]);
    assert_eq!(s.host.engine.sockets(), [s.listener.unwrap()]);
    assert_eq!(s.host.engine.poll_timeout(), None);
}

#[test]
fn a_repeated_syn_is_answered_with_the_syn_ack() {
    let mut s = Script::listening(OptionsPatch::default());
    let syn_ack = "S. 0:0(0) ack 1 win 65535 <mss 1460>";
    s.exchange("S 0:0(0) win 5000 <mss 1000>", &[syn_ack]);
    s.exchange("S 0:0(0) win 5000 <mss 1000>", &[syn_ack]);
    assert_eq!(s.drops(), ["DUPLICATE_SYN"]);
    s.exchange(". 1:1(0) ack 1 win 5000", &[]);
    s.host.accept(s.listener.unwrap());
}

//= https://www.rfc-editor.org/rfc/rfc6298#section-5
//= type=test
//# (5.7) If the timer expires awaiting the ACK of a SYN segment and the
//# TCP implementation is using an RTO less than 3 seconds, the RTO
//# MUST be re-initialized to 3 seconds when data transmission
//# begins (i.e., after the three-way handshake completes).
#[test]
fn after_a_lost_syn_the_first_data_is_timed_with_three_seconds() {
    let mut s = Script::connecting(OptionsPatch::default());
    s.advance(1000);
    s.sent();
    s.inject("S. 0:0(0) ack 1 win 5000 <mss 1000>");
    s.sent();
    assert_eq!(s.info().rto, Duration::from_secs(3));
    s.send(10);
    s.expect(&["P. 1:11(10) ack 1 win 65535"]);
    s.expect_after(3000, &["P. 1:11(10) ack 1 win 65535"]);
    s.expect_after(6000, &["P. 1:11(10) ack 1 win 65535"]);
}

#[test]
fn after_a_lost_syn_ack_the_first_data_is_timed_with_three_seconds() {
    let mut s = Script::listening(OptionsPatch::default());
    s.inject("S 0:0(0) win 5000 <mss 1000>");
    s.advance(1000);
    s.sent();
    s.inject(". 1:1(0) ack 1 win 5000");
    s.socket = s.host.accept(s.listener.unwrap());
    assert_eq!((s.info().rto, s.info().cwnd), (Duration::from_secs(3), 1000));
}

#[test]
fn a_closed_port_refuses() {
    let mut pair = Pair::new();
    let client = pair.a.stream();
    let connect = pair.a.start_connect(client, pair.b.at(81));
    pair.run();
    assert_eq!(pair.a.completed(connect).unwrap_err().errno, Errno::ECONNREFUSED);
    assert_eq!(states(&pair.a.events, client), ["CLOSED", "SYN-SENT", "CLOSED"]);
    assert_eq!(pair.b.drops(), ["NO_SOCKET"]);
    pair.a.close(client);
    assert!(pair.a.engine.sockets().is_empty());
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.5
//= type=test
//# A TCP implementation MUST support simultaneous open attempts (MUST-
//# 10).
#[test]
fn two_sides_that_open_at_once_meet() {
    let mut s = Script::connecting(OptionsPatch::default());
    s.sent();
    s.exchange("S 0:0(0) win 5000 <mss 1000>", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    assert_eq!(s.state(), "SYN-RECEIVED");
    s.exchange("S. 0:0(0) ack 1 win 6000 <mss 1000>", &[]);
    assert_eq!(s.state(), "ESTABLISHED");
    assert!(s.host.completed(s.connect.unwrap()).is_ok());
    assert_eq!((s.info().snd_wnd, s.info().snd_mss), (6000, 1000));
    assert_eq!(states(&s.host.events, s.socket), ["CLOSED", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED"]);
    s.send(5);
    s.expect(&["P. 1:6(5) ack 1 win 65535"]);
}

#[test]
fn a_simultaneous_open_measures_no_round_trip_of_a_syn_sent_twice() {
    let mut s = Script::connecting(OptionsPatch::default());
    s.advance(500);
    s.sent();
    s.inject("S 0:0(0) win 5000 <mss 1000>");
    s.sent();
    s.advance(1);
    s.inject(". 1:1(0) ack 1 win 6000");
    assert_eq!(s.info().srtt, None);
}

#[test]
fn in_a_simultaneous_open_a_lost_syn_ack_goes_again() {
    let mut s = Script::connecting(OptionsPatch::default());
    s.sent();
    let syn_ack = "S. 0:0(0) ack 1 win 65535 <mss 1460>";
    s.exchange("S 0:0(0) win 5000 <mss 1000>", &[syn_ack]);
    s.expect_after(1000, &[syn_ack]);
    s.expect_after(2000, &[syn_ack]);
    s.exchange(". 1:1(0) ack 1 win 6000", &[]);
    assert_eq!(s.state(), "ESTABLISHED");
}

#[test]
fn two_engines_that_open_at_once_meet_whichever_packet_is_lost() {
    for lost in 0..8 {
        let mut pair = Pair::new();
        let (a, b) = (pair.a.stream(), pair.b.stream());
        pair.a.bind(a, 1000);
        pair.b.bind(b, 2000);
        let connect_a = pair.a.start_connect(a, pair.b.at(2000));
        let connect_b = pair.b.start_connect(b, pair.a.at(1000));
        // The packets of the two sides cross on the wire; the one of that number does not arrive.
        let mut number = 0;
        loop {
            let (from_a, from_b) = (std::mem::take(&mut pair.a.sent), std::mem::take(&mut pair.b.sent));
            if from_a.is_empty() && from_b.is_empty() {
                break;
            }
            for (frames, to) in [(from_a, &mut pair.b), (from_b, &mut pair.a)] {
                for frame in frames {
                    if number != lost {
                        to.frame(&frame);
                    }
                    number += 1;
                }
            }
        }
        pair.advance(Duration::from_secs(10));
        assert!(pair.a.completed(connect_a).is_ok() && pair.b.completed(connect_b).is_ok(), "{lost}");
        assert_eq!((pair.a.state(a), pair.b.state(b)), ("ESTABLISHED", "ESTABLISHED"), "{lost}");
        pair.a.send(a, b"hi");
        pair.run();
        assert_eq!(pair.b.recv(b).0, b"hi");
    }
}

#[test]
fn a_close_in_a_simultaneous_open_is_a_fin_behind_the_syn() {
    let mut s = Script::connecting(OptionsPatch::default());
    s.sent();
    s.exchange("S 0:0(0) win 5000 <mss 1000>", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    s.host.close(s.socket);
    assert_eq!(s.state(), "FIN-WAIT-1");
    s.expect(&["F. 1:1(0) ack 1 win 65535"]);
    // The peer's SYN,ACK crossed our FIN: it acknowledges the SYN alone.
    s.exchange("S. 0:0(0) ack 1 win 6000 <mss 1000>", &[]);
    s.exchange(". 1:1(0) ack 2 win 6000", &[]);
    assert_eq!(s.state(), "FIN-WAIT-2");
    s.exchange("F. 1:1(0) ack 2 win 6000", &[". 2:2(0) ack 2 win 65534"]);
    assert_eq!(s.state(), "TIME-WAIT");
}

#[test]
fn a_close_in_a_simultaneous_open_with_a_closed_window_waits_for_the_handshake() {
    let mut s = Script::connecting(OptionsPatch::default());
    s.sent();
    s.inject("S 0:0(0) win 0 <mss 1000>");
    s.sent();
    s.host.close(s.socket);
    s.expect_nothing();
    // What goes again is the SYN,ACK, and no probe.
    s.expect_after(1000, &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    s.exchange("S. 0:0(0) ack 1 win 6000 <mss 1000>", &["F. 1:1(0) ack 1 win 65535"]);
}

#[test]
fn two_engines_that_open_at_once_and_close_at_once_part() {
    let mut pair = Pair::new();
    let (a, b) = (pair.a.stream(), pair.b.stream());
    pair.a.bind(a, 1000);
    pair.b.bind(b, 2000);
    pair.a.start_connect(a, pair.b.at(2000));
    pair.b.start_connect(b, pair.a.at(1000));
    let (from_a, from_b) = (std::mem::take(&mut pair.a.sent), std::mem::take(&mut pair.b.sent));
    from_a.iter().for_each(|frame| pair.b.frame(frame));
    from_b.iter().for_each(|frame| pair.a.frame(frame));
    assert_eq!((pair.a.state(a), pair.b.state(b)), ("SYN-RECEIVED", "SYN-RECEIVED"));
    pair.a.close(a);
    pair.b.close(b);
    pair.run();
    pair.advance(Duration::from_secs(120));
    assert!(pair.a.engine.sockets().is_empty() && pair.b.engine.sockets().is_empty());
}

#[test]
fn data_on_a_syn_ack_is_received_as_far_as_the_window_goes() {
    let mut s = Script::connecting(OptionsPatch { receive_buffer: Some(10), ..OptionsPatch::default() });
    s.expect(&["S 0:0(0) win 10 <mss 1460>"]);
    s.exchange("S. 0:20(20) ack 1 win 5000 <mss 1000>", &[". 1:1(0) ack 11 win 0"]);
    s.recv(1, 10);
}

#[test]
fn fin_on_a_syn_ack_closes_the_other_half() {
    let mut s = Script::connecting(OptionsPatch::default());
    s.sent();
    s.exchange("FS. 0:5(5) ack 1 win 5000 <mss 1000>", &[". 1:1(0) ack 7 win 65529"]);
    assert_eq!(s.state(), "CLOSE-WAIT");
    s.recv_end(1, 5);
}

#[test]
fn data_on_a_syn_is_not_acknowledged_and_comes_again() {
    let mut s = Script::listening(OptionsPatch::default());
    s.exchange("S 0:10(10) win 5000 <mss 1000>", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    s.exchange("P. 1:11(10) ack 1 win 5000", &[]);
    s.socket = s.host.accept(s.listener.unwrap());
    s.recv(1, 10);
}

#[test]
fn connect_answers_by_the_state_it_finds() {
    let mut s = Script::connecting(OptionsPatch::default());
    s.sent();
    let (socket, remote) = (s.socket, s.remote);
    let connect = |wait| Request::Connect { socket, remote, data: vec![], wait };
    assert_eq!(s.host.errno(connect(Wait::Never)), Errno::EALREADY);
    s.inject("S. 0:0(0) ack 1 win 5000");
    s.sent();
    assert_eq!(s.host.errno(connect(Wait::Never)), Errno::EISCONN);
    let another = s.host.stream();
    let request = Request::Connect { socket: another, remote: s.remote, data: vec![], wait: Wait::Never };
    assert_eq!(s.host.errno(request), Errno::EINPROGRESS);
}

#[test]
fn a_chosen_initial_sequence_number_is_used_by_both_kinds_of_open() {
    let options = OptionsPatch { initial_sequence_number: Some(77), ..OptionsPatch::default() };
    let mut active = Script::connecting(options.clone());
    active.sent();
    assert_eq!(active.iss.unwrap().0, 77);
    let mut passive = Script::listening(options);
    passive.inject("S 0:0(0) win 5000");
    passive.sent();
    assert_eq!(passive.iss.unwrap().0, 77);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
//= type=test
//# If an MSS Option is not received at connection setup, TCP
//# implementations MUST assume a default send MSS of 536 (576 - 40) for
//# IPv4 or 1220 (1280 - 60) for IPv6 (MUST-15).
//= https://www.rfc-editor.org/rfc/rfc1191#section-3.1
//= type=test
//# A host doing PMTU Discovery must obey the rule that it not send IP datagrams larger than
//# 576 octets unless it has permission from the receiver.
#[test]
fn without_an_mss_option_segments_have_the_default_size() {
    for (ip, size) in [("10.0.0.1", 536), ("fd00::1", 1220)] {
        let mut active = Script::connecting_on(Host::new(ip, 1), OptionsPatch::default());
        active.sent();
        active.inject("S. 0:0(0) ack 1 win 5000");
        assert_eq!(active.info().snd_mss, size);
        let mut passive = Script::listening_on(Host::new(ip, 1), OptionsPatch::default());
        passive.handshake("S 0:0(0) win 5000", 5000);
        assert_eq!(passive.info().snd_mss, size);
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
//= type=test
//# The maximum size of a segment that a TCP endpoint really sends, the "effective send MSS",
//# MUST be the smaller (MUST-16) of the send MSS (that reflects the available reassembly
//# buffer size at the remote host, the EMTU_R [19]) and the largest transmission size
//# permitted by the IP layer (EMTU_S [19]):
//= https://www.rfc-editor.org/rfc/rfc1191#section-3.1
//= type=test
//# For TCP connections, this means that a host must not send datagrams larger than 40 octets
//# plus the Maximum Segment Size (MSS) sent by its peer.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
//= type=test
//# A TCP implementation must also store the MSS value received from its peer (which defaults
//# to 536), and not send any segment larger than this MSS, regardless of the PMTU.
//= https://www.rfc-editor.org/rfc/rfc8201#section-5.4
//= type=test
//# A TCP implementation must also store the Maximum Segment Size (MSS) value received from
//# its peer, which represents the EMTU_R, the largest packet that can be reassembled by the
//# receiver, and must not send any segment larger than this MSS, regardless of the PMTU.
#[test]
fn the_smallest_of_link_option_and_peer_bounds_a_segment() {
    let limited = OptionsPatch { max_segment_size: Some(500), ..OptionsPatch::default() };
    for (options, peer, expected) in [
        (OptionsPatch::default(), 9000, 1460),
        (OptionsPatch::default(), 1400, 1400),
        (limited.clone(), 1400, 500),
        (limited, 400, 400),
        // A peer that asks for segments of nothing gets what any path carries.
        (OptionsPatch::default(), 1, 48),
    ] {
        let mut s = Script::connecting(options);
        s.sent();
        s.inject(&format!("S. 0:0(0) ack 1 win 60000 <mss {peer}>"));
        s.sent();
        assert_eq!(s.info().snd_mss, expected);
        s.send(5000);
        assert!(s.sent()[0].contains(&format!(" 1:{}({expected}) ", expected + 1)));
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
//= type=test
//# TCP endpoints MUST implement both sending and receiving the MSS Option (MUST-14).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
//= type=test
//# TCP implementations SHOULD send an MSS Option in every SYN segment when its receive MSS
//# differs from the default 536 for IPv4 or 1220 for IPv6 (SHLD-5), and MAY send it always
//# (MAY-3).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
//= type=test
//# where MMS_R is the maximum size for a transport-layer message that can be received (and
//# reassembled at the IP layer) (MUST-67).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.3
//= type=test
//# As a result, when the effective MTU of an interface varies packet-to- packet, TCP
//# implementations SHOULD use the smallest effective MTU of the interface to calculate the
//# value to advertise in the MSS Option (SHLD-6).
//= https://www.rfc-editor.org/rfc/rfc8200#section-8.3
//= type=test
//# When computing the maximum payload size available for upper-layer data, an upper-layer
//# protocol must take into account the larger size of the IPv6 header relative to the IPv4
//# header.
//= https://www.rfc-editor.org/rfc/rfc8200#section-8.3
//= type=test
//# When using TCP over IPv6, the MSS must be computed as the maximum packet size minus 60
//# octets, because the minimum-length IPv6 header (i.e., an IPv6 header with no extension
//# headers) is 20 octets longer than a minimum-length IPv4 header.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.2
//= type=test
//# There MUST be a mechanism by which the transport layer can learn MMS_R, the maximum
//# message size that can be received and reassembled in an IP datagram (see GET_MAXSIZES
//# calls in Section 3.4).
#[test]
fn the_announced_mss_follows_the_link_and_the_option() {
    let mut v6 = Script::connecting_on(Host::new("fd00::1", 1), OptionsPatch::default());
    v6.expect(&["S 0:0(0) win 65535 <mss 1440>"]);
    let limited = OptionsPatch { max_segment_size: Some(500), ..OptionsPatch::default() };
    let mut s = Script::listening(limited);
    s.exchange("S 0:0(0) win 5000", &["S. 0:0(0) ack 1 win 65535 <mss 500>"]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
//= type=test
//# The optional "local IP address" parameter MUST be supported to allow the specification of
//# the local IP address (MUST-43).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
//= type=test
//# If an application on a multihomed host does not specify the local IP address when actively
//# opening a TCP connection, then the TCP implementation MUST ask the IP layer to select a
//# local IP address before sending the (first) SYN (MUST-44).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
//= type=test
//# At all other times, a previous segment has either been sent or received on this
//# connection, and TCP implementations MUST use the same local address that was used in those
//# previous segments (MUST- 45).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
//= type=test
//# When a host sends any datagram, the IP source address MUST be one of its own IP addresses
//# (but not a broadcast or multicast address).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.4.2
//= type=test
//# An application MUST be able to explicitly specify the source address for initiating a
//# connection or a request.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.4.2
//= type=test
//# In the absence of such a specification, the networking software MUST choose a source
//# address.
#[test]
fn a_host_of_two_addresses_uses_the_one_named_or_the_one_of_the_route_and_keeps_it() {
    let other: IpAddr = "10.1.0.1".parse().unwrap();
    for (bound, remote, expected) in [
        (None, "10.1.0.9:80", other),
        (None, "10.0.0.9:80", "10.0.0.1".parse().unwrap()),
        (Some(other), "10.0.0.9:80", other),
    ] {
        let mut host = Host::new("10.0.0.1", 1);
        host.add_address(other);
        let socket = host.stream();
        if let Some(ip) = bound {
            host.call(Request::Bind { socket, local: SocketAddr::new(ip, 0) }).unwrap();
        }
        host.start_connect(socket, remote.parse().unwrap());
        host.advance(Duration::from_secs(10));
        let sources: Vec<IpAddr> =
            host.sent.iter().map(|frame| IpPacket::parse(frame).unwrap().src).collect();
        assert!(sources.len() > 2 && sources.iter().all(|src| *src == expected), "{sources:?}");
    }
}

#[test]
fn ipv6_talks_as_ipv4_does() {
    let mut pair = Pair::v6();
    let (client, server) = pair.connected();
    pair.a.send(client, &[7; 100_000]);
    pair.advance(Duration::from_secs(1));
    let mut received = 0;
    while received < 100_000 {
        let (data, _) = pair.b.recv(server);
        received += data.len();
        pair.advance(Duration::from_secs(1));
    }
    assert_eq!(received, 100_000);
}
