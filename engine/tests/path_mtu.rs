//! Path MTU discovery (RFC 1191, RFC 8201) and whom it believes (RFC 5927 §7).

mod common;

use common::router::{Manner, Router, too_big};
use common::{Host, Pair};
use sockwright_engine::event::EventKind;
use sockwright_engine::host::op::{Reply, Request, SocketKind, Wait};
use sockwright_engine::host::{Config, Errno, LinkChange};
use sockwright_engine::id::{LinkId, SocketId};
use sockwright_engine::limits::{Limit, Limits};
use sockwright_engine::tcp::config::{OptionsPatch, PathMtuDiscovery};
use sockwright_engine::wire::{ChecksumPolicy, IpPacket, TcpSegment, UdpDatagram};
use std::time::Duration;

fn octets(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

fn pairs() -> [Pair; 2] {
    [Pair::new(), Pair::v6()]
}

fn receive_all(host: &mut Host, socket: SocketId) -> Vec<u8> {
    let mut all = Vec::new();
    while host.engine.info(socket).unwrap().tcp.unwrap().receive_queue > 0 {
        all.extend(host.recv(socket).0);
    }
    all
}

fn path_mtus(host: &Host) -> Vec<u32> {
    let told = host.events.iter().filter_map(|event| match event.kind {
        EventKind::PathMtu { mtu } => Some(mtu),
        _ => None,
    });
    told.collect()
}

fn pmtu(host: &Host, socket: SocketId) -> u32 {
    host.engine.info(socket).unwrap().tcp.unwrap().pmtu
}

fn cwnd(host: &Host, socket: SocketId) -> u32 {
    host.engine.info(socket).unwrap().tcp.unwrap().cwnd
}

fn longest(host: &Host) -> usize {
    host.sent.iter().map(Vec::len).max().unwrap_or(0)
}

//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//= type=test
//# When a host receives a Datagram Too Big message, it MUST reduce its
//# estimate of the PMTU for the relevant path, based on the value of the
//# Next-Hop MTU field in the message (see section 4).
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//= type=test
//# When a node receives a Packet Too Big message, it must reduce its
//# estimate of the PMTU for the relevant path, based on the value of the
//# MTU field in the message.
//= https://www.rfc-editor.org/rfc/rfc8201#section-5.4
//= type=test
//# The packet size used in the retransmission should be
//# no larger than the new PMTU.
//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//= type=test
//# We do require that after receiving a Datagram Too Big message, a host MUST attempt to
//# avoid eliciting more such messages in the near future.
//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//= type=test
//# Hosts using PMTU Discovery MUST detect decreases in Path MTU as fast as possible.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.1
//= type=test
//# The packetization layers must still be able to respond to changes in the Path MTU, by
//# changing the size of the datagrams they send, and must also be able to specify that
//# datagrams are sent with the DF bit set.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
//= type=test
//# The latter should be done as soon as practical (i.e., asynchronously from the point of
//# view of the packetization layer instance), while the former may be delayed until a
//# packetization layer instance wants to create a packet.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
//= type=test
//# The TCP layer must track the PMTU for the destination of a connection; it should not send
//# datagrams that would be larger than this.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
//= type=test
//# The datagram size used in the retransmission should, of course, be no larger than the new
//# PMTU.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
//= type=test
//# Note: One MUST not retransmit in response to every Datagram Too Big message, since a burst
//# of several oversized segments will give rise to several such messages and hence several
//# retransmissions of the same data.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
//= type=test
//# This means that the TCP layer must be able to recognize when a Datagram Too Big
//# notification actually decreases the PMTU that it has already used to send a datagram on
//# the given connection, and should ignore any other notifications.
//= https://www.rfc-editor.org/rfc/rfc8201#section-1
//= type=test
//# IPv6 nodes should implement Path MTU Discovery in order to discover and take advantage of
//# paths with PMTU greater than the IPv6 minimum link MTU [RFC8200].
//= https://www.rfc-editor.org/rfc/rfc8201#section-3
//= type=test
//# Note that Path MTU Discovery must be performed even in cases where a node "thinks" a
//# destination is attached to the same link as itself, as it might have a PMTU lower than the
//# link MTU.
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//= type=test
//# After receiving a Packet Too Big message, a node must attempt to avoid eliciting more such
//# messages in the near future.
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//= type=test
//# The node must reduce the size of the packets it is sending along the path.
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//= type=test
//# Because each of these messages (and the dropped packets they respond to) consume network
//# resources, nodes using Path MTU Discovery must detect decreases in PMTU as fast as
//# possible.
//= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
//= type=test
//# The latter should be done as soon as practical (i.e., asynchronously from the point of
//# view of the packetization layer instance), while the former may be delayed until a
//# packetization layer instance wants to create a packet.
//= https://www.rfc-editor.org/rfc/rfc8201#section-5.4
//= type=test
//# A packetization layer (e.g., TCP) must use the PMTU for the path(s) in use by a
//# connection; it should not send segments that would result in packets larger than the PMTU,
//# except to probe during PMTU Discovery (this probe packet must not be fragmented to the
//# PMTU).
//= https://www.rfc-editor.org/rfc/rfc7323#section-5.7
//= type=test
//# Setting the DF bit implies the use of Path MTU Discovery as described in [RFC1191],
//# [RFC1981], and [RFC4821]; thus, any TCP implementation that implements PAWS MUST also
//# implement Path MTU Discovery.
//= https://www.rfc-editor.org/rfc/rfc4443#section-3.2
//= type=test
//# An incoming Packet Too Big message MUST be passed to the upper-layer process if the
//# relevant process can be identified (see Section 2.4, (d)).
#[test]
fn a_connection_follows_the_path_at_once_and_loses_no_time() {
    for mut pair in pairs() {
        let (client, server) = pair.connected();
        let mut router = Router::new(1400, Manner::Tells);
        pair.a.send(client, &octets(20_000));
        router.run(&mut pair);
        assert!(receive_all(&mut pair.b, server) == octets(20_000), "without waiting for a timer");
        assert_eq!((pmtu(&pair.a, client), path_mtus(&pair.a)), (1400, vec![1400]));
        let too_long = router.too_long;
        pair.a.send(client, &octets(20_000));
        router.run(&mut pair);
        assert_eq!(router.too_long, too_long, "nothing is too long any more");
    }
}

//= https://www.rfc-editor.org/rfc/rfc8201#section-5.4
//= type=test
//# A loss caused by a PMTU probe indicated by the reception of a Packet
//# Too Big message must not be considered as a congestion notification,
//# and hence the congestion window may not change.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
//= type=test
//# Unlike a retransmission caused by a TCP retransmission timeout, a retransmission caused by
//# a Datagram Too Big message should not change the congestion window.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
//= type=test
//# Retransmission should be done for only for those packets that are known to be dropped, as
//# indicated by a Datagram Too Big message.
#[test]
fn a_packet_that_was_too_big_is_no_sign_of_congestion() {
    let mut pair = Pair::new();
    let (client, _server) = pair.connected();
    pair.a.send(client, &octets(3000));
    let before = cwnd(&pair.a, client);
    let first = pair.a.sent[0].clone();
    pair.lose();
    pair.a.frame(&too_big(&first, 1400));
    assert!(cwnd(&pair.a, client) >= before * 9 / 10, "{} of {before}", cwnd(&pair.a, client));
    assert!(!pair.a.sent.is_empty() && longest(&pair.a) <= 1400);
}

//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//= type=test
//# Hosts MUST be able to deal with Datagram Too Big messages that do not
//# include the next-hop MTU, since it is not feasible to upgrade all the
//# routers in the Internet in any finite time.
//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//= type=test
//# Clearly, the former strategy may continue to elicit Datagram Too Big messages for a while,
//# but since each of these messages (and the dropped datagrams they respond to) consume
//# Internet resources, the host MUST force the PMTU Discovery process to converge.
//= https://www.rfc-editor.org/rfc/rfc1191#section-5
//= type=test
//# Any search strategy must have some "memory" of previous estimates in order to chose the
//# next one.
//= https://www.rfc-editor.org/rfc/rfc1191#section-7
//= type=test
//# Implementors should use up-to-date references to pick a set of plateaus; it is important
//# that the table not contain too many entries or the process of searching for a PMTU might
//# waste Internet resources.
#[test]
fn routers_that_do_not_tell_their_mtu_are_searched_for_it() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    let mut router = Router::new(1000, Manner::TellsNoMtu);
    pair.a.send(client, &octets(20_000));
    router.advance(&mut pair, Duration::from_secs(5));
    assert!(receive_all(&mut pair.b, server) == octets(20_000));
    assert_eq!(path_mtus(&pair.a), [1492, 1006, 552]);
}

#[test]
fn a_path_below_the_floor_gets_packets_that_it_may_cut() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    let mut router = Router::new(300, Manner::Tells);
    pair.a.send(client, &octets(5000));
    router.advance(&mut pair, Duration::from_secs(1));
    assert!(receive_all(&mut pair.b, server) == octets(5000));
    assert_eq!(path_mtus(&pair.a), [552]);
}

//= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
//= type=test
//# Any packetization layer instance
//# (for example, a TCP connection) that is actively using the path
//# must be notified if the PMTU estimate is decreased.
//= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
//= type=test
//# Note: even if the Packet Too Big message contains an Original
//# Packet Header that refers to a UDP packet, the TCP layer must be
//# notified if any of its connections use the given path.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
//= type=test
//# The packetization layers must be notified about decreases in the PMTU.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
//= type=test
//# Any packetization layer instance (for example, a TCP connection) that is actively using
//# the path must be notified if the PMTU estimate is decreased.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
//= type=test
//# Note: even if the Datagram Too Big message contains an Original Datagram Header that
//# refers to a UDP packet, the TCP layer must be notified if any of its connections use the
//# given
//= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
//= type=test
//# The packetization layers must be notified about decreases in the PMTU.
//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=test
//# All hosts SHOULD use IPv4 fragmentation in a mode that mimics IPv6 functionality.
//= https://www.rfc-editor.org/rfc/rfc4821#section-8
//= type=test
//# It is RECOMMENDED that IPv4 implementations use a strategy that mimics IPv6 functionality.
//= https://www.rfc-editor.org/rfc/rfc4821#section-8
//= type=test
//# When an application sends datagrams that are larger than the effective Path MTU, they SHOULD be
//# fragmented to the Path MTU in the host IP layer even if they are smaller than the MTU of the
//# first link, directly attached to the host.
#[test]
fn what_one_socket_learns_all_know() {
    for mut pair in pairs() {
        let (client, _server) = pair.connected();
        let datagrams = pair.a.create(SocketKind::Datagram, OptionsPatch::default());
        pair.a.bind(datagrams, 53);
        let receiver = pair.b.create(SocketKind::Datagram, OptionsPatch::default());
        pair.b.bind(receiver, 53);
        let mut router = Router::new(1300, Manner::Tells);
        let send = Request::SendTo { socket: datagrams, remote: pair.b.at(53), data: octets(1400) };
        pair.a.call(send.clone()).unwrap();
        router.run(&mut pair);
        let receive = Request::RecvFrom { socket: receiver, max: 2000, peek: false, wait: Wait::Never };
        assert!(pair.b.call(receive.clone()).is_err(), "the first is lost");
        pair.a.call(send).unwrap();
        router.run(&mut pair);
        assert!(matches!(pair.b.call(receive), Ok(Reply::ReceivedFrom { data, .. }) if data == octets(1400)));
        pair.a.send(client, &octets(5000));
        assert_eq!(longest(&pair.a), 1300, "the connection knows");
        assert_eq!(router.too_long, 1);
    }
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-5.2
//= type=test
//# Since Network Address Translators (NATs) and other forms of middle boxes may exhibit differing
//# PMTUs simultaneously at a single IP address, the minimum value SHOULD be stored.
//= https://www.rfc-editor.org/rfc/rfc4821#section-5.2
//= type=test
//# Network or subnet numbers MUST NOT be used as representations of a path, because there is not a
//# general mechanism to determine the network mask at the remote host.
#[test]
fn of_what_routers_claim_of_a_destination_the_least_holds_and_for_that_one_alone() {
    let mut host = Host::new("10.0.0.1", 1);
    let socket = host.create(SocketKind::Datagram, OptionsPatch::default());
    host.bind(socket, 53);
    let frames = |host: &mut Host, last| {
        host.sent.clear();
        let remote = format!("10.0.0.{last}:53").parse().unwrap();
        host.call(Request::SendTo { socket, remote, data: octets(1400) }).unwrap();
        host.sent.iter().map(Vec::len).collect::<Vec<_>>()
    };
    frames(&mut host, 2);
    let claims = [1200, 1000, 1100].map(|mtu| too_big(&host.sent[0], mtu));
    claims.iter().for_each(|claim| host.frame(claim));
    assert_eq!(frames(&mut host, 2), [996, 452]);
    assert_eq!(frames(&mut host, 3), [1428]);
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=test
//# All implementations MUST include mechanisms for applications to selectively transmit packets
//# larger than the current effective Path MTU, but smaller than the first-hop link MTU.
//= https://www.rfc-editor.org/rfc/rfc4821#section-9
//= type=test
//# All implementations MUST include a mechanism where applications using connectionless protocols
//# can send their own probes.
//= https://www.rfc-editor.org/rfc/rfc4821#section-9
//= type=test
//# There MUST be a mechanism that permits an application to send datagrams that are larger than
//# eff_pmtu, the operating systems estimate of the Path MTU, without being fragmented.
//= https://www.rfc-editor.org/rfc/rfc4821#section-9
//= type=test
//# If these are IPv4 packets, they MUST have the DF bit set.
//= https://www.rfc-editor.org/rfc/rfc4821#section-9
//= type=test
//# A third mode is REQUIRED where the datagram is sent even if it is larger than the current
//# estimate of the Path MTU.
#[test]
fn a_datagram_may_probe_its_path_up_to_the_first_link() {
    for mut pair in pairs() {
        let headers = if pair.a.ip.is_ipv4() { 28 } else { 48 };
        let options =
            OptionsPatch { path_mtu_discovery: Some(PathMtuDiscovery::Probe), ..OptionsPatch::default() };
        let socket = pair.a.create(SocketKind::Datagram, options);
        pair.a.bind(socket, 53);
        let remote = pair.b.at(53);
        let mut router = Router::new(1300, Manner::Tells);
        let send = |len| Request::SendTo { socket, remote, data: octets(len) };
        // The path is known by the second time, and probed all the same.
        for _ in 0..2 {
            pair.a.call(send(1500 - headers)).unwrap();
            assert_eq!(pair.a.sent.iter().map(Vec::len).collect::<Vec<_>>(), [1500]);
            assert!(!pair.a.ip.is_ipv4() || pair.a.sent[0][6] & 0x40 != 0, "nobody cuts it");
            router.run(&mut pair);
        }
        assert_eq!(router.too_long, 2);
        assert_eq!(pair.a.errno(send(1501 - headers)), Errno::EMSGSIZE);
    }
}

//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//= type=test
//# An attempt to detect an increase (by sending a packet
//# larger than the current estimate) must not be done less than 5
//# minutes after a Packet Too Big message has been received for the
//# given path.
//= https://www.rfc-editor.org/rfc/rfc8201#section-5.3
//= type=test
//# No
//# such mechanism exists for realizing that a stale PMTU value is too
//# small, so an implementation should "age" cached values.  When a PMTU value
//# has not been decreased for a while (on the order of 10 minutes), it
//# should probe to find if a larger PMTU is supported.
//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//= type=test
//# Hosts MAY detect increases in Path MTU, but because doing so requires sending datagrams
//# larger than the current estimated PMTU, and because the likelihood is that the PMTU will
//# not have increased, this MUST be done at infrequent intervals.
//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//= type=test
//# An attempt to detect an increase (by sending a datagram larger than the current estimate)
//# MUST NOT be done less than 5 minutes after a Datagram Too Big message has been received
//# for the given destination, or less than 1 minute after a previous, successful attempted
//# increase.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.3
//= type=test
//# No such mechanism exists for realizing that a stale PMTU value is too small, so an
//# implementation should "age" cached values.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.3
//= type=test
//# When a PMTU value has not been decreased for a while (on the order of 10 minutes), the
//# PMTU estimate should be set to the first-hop data-link MTU, and the packetization layers
//# should be notified of the change.
//= https://www.rfc-editor.org/rfc/rfc1191#section-7.1
//= type=test
//# Since it is likely that this process will simply "rediscover" the current PTMU estimate,
//# at the cost of several dropped datagrams, it should not be done often.
//= https://www.rfc-editor.org/rfc/rfc1191#section-7.1
//= type=test
//# In no case should the timeout be shorter than the estimated round-trip time, if this is
//# known.
//= https://www.rfc-editor.org/rfc/rfc8201#section-3
//= type=test
//# Therefore, attempts to detect increases in a path's PMTU should be done infrequently.
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//= type=test
//# Nodes may detect increases in PMTU, but because doing so requires sending packets larger
//# than the current estimated PMTU, and because the likelihood is that the PMTU will not have
//# increased, this must be done at infrequent intervals.
#[test]
fn after_ten_minutes_the_larger_size_is_tried_again() {
    for mut pair in pairs() {
        let (client, server) = pair.connected();
        let mut router = Router::new(1400, Manner::Tells);
        pair.a.send(client, &octets(5000));
        router.run(&mut pair);
        router.mtu = 1500;
        router.advance(&mut pair, Duration::from_secs(599));
        pair.a.send(client, &octets(5000));
        assert_eq!(longest(&pair.a), 1400);
        router.advance(&mut pair, Duration::from_secs(2));
        pair.a.send(client, &octets(5000));
        assert_eq!(longest(&pair.a), 1500);
        router.advance(&mut pair, Duration::from_secs(1));
        assert_eq!(receive_all(&mut pair.b, server).len(), 15_000);
        assert_eq!(path_mtus(&pair.a), [1400, 1500]);
    }
}

//= https://www.rfc-editor.org/rfc/rfc1191#section-6.1
//= type=test
//# We therefore believe that the IP layer should store PMTU information and that the ICMP
//# layer should process received Datagram Too Big messages.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
//= type=test
//# In general, the IP layer should associate each PMTU value that it has learned with a
//# specific path.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
//= type=test
//# A host will not have a route for every possible destination, but it should be able to
//# cache a per-host route for every active destination.
//= https://www.rfc-editor.org/rfc/rfc1191#section-3.1
//= type=test
//# Moreover, doing this prevents PMTU Discovery from discovering PMTUs larger than 576, so
//# hosts SHOULD no longer lower the value they send
//= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
//= type=test
//# Ideally, a PMTU value should be associated with a specific path traversed by packets
//# exchanged between the source and destination nodes.
//= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
//= type=test
//# Rather, a node must associate a PMTU value with some local representation of a path.
#[test]
fn a_new_connection_begins_with_what_is_known_of_the_path() {
    let mut pair = Pair::new();
    let (client, _) = pair.connected();
    let mut router = Router::new(1400, Manner::Tells);
    pair.a.send(client, &octets(5000));
    router.run(&mut pair);
    let other = pair.a.stream();
    let remote = pair.b.at(80);
    pair.a.start_connect(other, remote);
    let packet = IpPacket::parse(&pair.a.sent[0]).unwrap();
    let syn = TcpSegment::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Verify).unwrap();
    assert_eq!(syn.options.mss, Some(1460), "what we take is another matter");
    router.run(&mut pair);
    pair.a.send(other, &octets(5000));
    assert_eq!(longest(&pair.a), 1400);
}

//= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
//= type=test
//# The PMTU fields in these route entries should be initialized to be the MTU of the
//# associated first-hop data link, and must never be changed by the PMTU Discovery process.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.3
//= type=test
//# An upper layer MUST not retransmit datagrams in response to an increase in the PMTU
//# estimate, since this increase never comes in response to an indication of a dropped
//# datagram.
#[test]
fn open_connections_follow_the_mtu_of_their_link() {
    for mut pair in pairs() {
        let (client, server) = pair.connected();
        pair.a.engine.handle_link(pair.a.now, LinkId(0), LinkChange::Mtu(1300));
        pair.a.drain();
        assert_eq!(pmtu(&pair.a, client), 1300);
        pair.a.send(client, &octets(5000));
        assert_eq!(longest(&pair.a), 1300);
        pair.a.engine.handle_link(pair.a.now, LinkId(0), LinkChange::Mtu(1500));
        pair.a.drain();
        pair.run();
        pair.a.send(client, &octets(5000));
        assert_eq!(longest(&pair.a), 1500);
        pair.advance(Duration::from_secs(1));
        assert_eq!(receive_all(&mut pair.b, server).len(), 10_000);
    }
}

//= https://www.rfc-editor.org/rfc/rfc5927#section-7.2
//= type=test
//# At this stage, these
//# implementations are more cautious with the errors being reported by
//# the network, and therefore just record the received error message,
//# and delay the update of the assumed Path-MTU.
//= https://www.rfc-editor.org/rfc/rfc5927#section-7.2
//= type=test
//# If, while there is a pending ICMP "Packet Too Big" error message, the
//# TCP SEQ claimed by the pending message is acknowledged (i.e., an ACK
//# that acknowledges that sequence number is received), then the
//# "pending error" condition is cleared.
#[test]
fn a_forged_claim_does_nothing_to_a_connection_that_makes_progress() {
    for mut pair in pairs() {
        let (client, server) = pair.connected();
        pair.a.send(client, &octets(5000));
        pair.run();
        pair.a.send(client, &octets(5000));
        let forged = too_big(&pair.a.sent[0], 1280);
        pair.a.frame(&forged);
        assert_eq!(pmtu(&pair.a, client), 1500);
        pair.run();
        pair.advance(Duration::from_secs(10));
        assert_eq!(receive_all(&mut pair.b, server).len(), 10_000);
        assert_eq!(path_mtus(&pair.a), [0u32; 0]);
    }
}

//= https://www.rfc-editor.org/rfc/rfc5927#section-7.2
//= type=test
//# Thus, if nsegrto is greater than or equal to MAXSEGRTO, and there's a
//# pending ICMP "Packet Too Big" error message, the corresponding error
//# message is processed.
#[test]
fn a_path_that_grows_narrow_is_found_with_the_first_timeout() {
    for mut pair in pairs() {
        let (client, server) = pair.connected();
        pair.a.send(client, &octets(5000));
        pair.run();
        let mut router = Router::new(1300, Manner::Tells);
        pair.a.send(client, &octets(5000));
        router.run(&mut pair);
        assert_eq!(pmtu(&pair.a, client), 1500);
        router.advance(&mut pair, Duration::from_secs(3));
        assert_eq!(pmtu(&pair.a, client), 1300);
        assert_eq!(receive_all(&mut pair.b, server).len(), 10_000);
    }
}

//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//= type=test
//# If a node receives a Packet Too Big message reporting a next-hop MTU
//# that is less than the IPv6 minimum link MTU, it must discard it.
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//= type=test
//# A node must not increase its estimate of the Path MTU in response to
//# the contents of a Packet Too Big message.
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//= type=test
//# Nodes should appropriately validate the payload of ICMPv6 PTB
//# messages to ensure these are received in response to transmitted
//# traffic (i.e., a reported error condition that corresponds to an IPv6
//# packet actually sent by the application) per [ICMPv6].
//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//= type=test
//# A host MUST not increase its estimate of the Path MTU in response to the contents of a
//# Datagram Too Big message.
//= https://www.rfc-editor.org/rfc/rfc1191#section-8
//= type=test
//# This should not entirely stop data flow, since the victim host should never set its PMTU
//# estimate below the absolute minimum, but at 8 octets of IP data per datagram, progress
//# could be slow.
//= https://www.rfc-editor.org/rfc/rfc1191#section-8
//= type=test
//# A host, however, should never raise its estimate of the PMTU based on a Datagram Too Big
//# message, so should not be vulnerable to this attack.
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//= type=test
//# A node must not reduce its estimate of the Path MTU below the IPv6 minimum link MTU on
//# receipt of a Packet Too Big message.
//= https://www.rfc-editor.org/rfc/rfc8201#section-6
//= type=test
//# In response, the victim node should never set its PMTU estimate below the IPv6 minimum
//# link MTU.
//= https://www.rfc-editor.org/rfc/rfc8201#section-6
//= type=test
//# A node, however, must not raise its estimate of the PMTU based on a Packet Too Big
//# message, so it should not be vulnerable to this attack.
#[test]
fn claims_that_cannot_be_true_are_dropped_and_counted() {
    for mut pair in pairs() {
        let v4 = pair.a.ip.is_ipv4();
        let (client, _server) = pair.connected();
        pair.a.send(client, &octets(5000));
        let data = pair.a.sent[0].clone();
        pair.lose();
        let mut claims =
            vec![too_big(&data, 1500), too_big(&data, 9000), too_big(&data, if v4 { 67 } else { 1279 })];
        // Of data that was never sent, and of a connection that there is not.
        let header = if v4 { 20 } else { 40 };
        for (at, value) in [(header + 4, 0x55), (header + 1, 0x55)] {
            let mut other = data.clone();
            other[at] ^= value;
            claims.push(too_big(&other, 1400));
        }
        // Of a datagram that no socket sent.
        let mut datagram = data[..header].to_vec();
        datagram[if v4 { 9 } else { 6 }] = 17;
        UdpDatagram { src_port: 53, dst_port: 53, payload: &octets(1480 - 8) }.emit(
            pair.a.ip,
            pair.b.ip,
            &mut datagram,
        );
        datagram.truncate(data.len());
        if v4 {
            datagram[10..12].fill(0);
            let checksum = sockwright_engine::wire::checksum::Sum::of(&datagram[..20]).checksum();
            datagram[10..12].copy_from_slice(&checksum.to_be_bytes());
        }
        claims.push(too_big(&datagram, 1400));
        pair.a.events.clear();
        for claim in &claims {
            pair.a.frame(claim);
        }
        assert_eq!(pair.a.drops(), vec!["UNHANDLED_ICMP"; claims.len()]);
        assert_eq!((pmtu(&pair.a, client), path_mtus(&pair.a)), (1500, vec![]));
    }
}

#[test]
fn without_discovery_nobody_is_believed() {
    let mut pair = Pair::new();
    let off = OptionsPatch { path_mtu_discovery: Some(PathMtuDiscovery::Off), ..OptionsPatch::default() };
    let (client, _server) = pair.connected_with(off, OptionsPatch::default());
    pair.a.send(client, &octets(5000));
    let data = pair.a.sent[0].clone();
    pair.a.frame(&too_big(&data, 1400));
    assert_eq!(pmtu(&pair.a, client), 1500);
    assert_eq!(pair.a.drops(), ["UNHANDLED_ICMP"]);
}

#[test]
fn paths_beyond_the_limit_push_out_the_oldest() {
    let limits = Limits { path_mtus: 2, ..Limits::default() };
    let mut host = Host::with_config("10.0.0.1", 1, Config { limits, ..Config::default() });
    let socket = host.create(SocketKind::Datagram, OptionsPatch::default());
    host.bind(socket, 53);
    let send = |host: &mut Host, last: u8| {
        host.sent.clear();
        let remote = format!("10.0.0.{last}:53").parse().unwrap();
        host.call(Request::SendTo { socket, remote, data: octets(1400) }).unwrap();
    };
    for last in [2, 3, 4] {
        send(&mut host, last);
        let told = too_big(&host.sent[0], 1000);
        host.frame(&told);
        host.advance(Duration::from_secs(1));
    }
    assert_eq!(host.limit_hits(Limit::PathMtus), 1);
    assert_eq!(host.engine.counters().limits_hit.get(&Limit::PathMtus), Some(&1));
    for (last, fragments) in [(2, 1), (3, 2), (4, 2)] {
        send(&mut host, last);
        assert_eq!(host.sent.len(), fragments, "to {last}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-7.7
//= type=test
//# If there is a full-stop timeout and there was not an ICMP message
//# indicating a reason (PTB, Net unreachable, etc., or the ICMP message
//# was ignored for some reason), the RECOMMENDED first recovery action
//# is to treat this as a detected ICMP black hole as defined in
//# [RFC2923].
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.7
//= type=test
//# Under all conditions, a full-stop timeout (also known as a
//# "persistent timeout" in other documents) SHOULD be taken as an
//# indication of some significantly disruptive event in the network,
//# such as a router failure or a routing change to a path with a smaller
//# MTU.
#[test]
fn a_black_hole_is_found_after_three_timeouts_and_searched_from_below() {
    for (mut pair, found, next) in [(Pair::new(), 1024, 1262), (Pair::v6(), 1280, 1390)] {
        let (client, server) = pair.connected();
        let mut router = Router::new(1300, Manner::BlackHole);
        pair.a.send(client, &octets(20_000));
        router.advance(&mut pair, Duration::from_secs(20));
        assert!(receive_all(&mut pair.b, server) == octets(20_000));
        assert_eq!(path_mtus(&pair.a), [found]);
        router.mtu = 1500;
        for _ in 0..10 {
            pair.a.send(client, &octets(20_000));
            router.advance(&mut pair, Duration::from_secs(1));
            receive_all(&mut pair.b, server);
        }
        assert_eq!(path_mtus(&pair.a)[..2], [found, next]);
    }
}

#[test]
fn a_peer_that_is_gone_is_not_taken_for_a_narrow_path_by_others() {
    let mut pair = Pair::new();
    let (client, _server) = pair.connected();
    let mut nobody = Router::new(0, Manner::BlackHole);
    pair.a.send(client, &octets(5000));
    nobody.advance(&mut pair, Duration::from_secs(30));
    assert_eq!(path_mtus(&pair.a), [1024, 552]);
    let other = pair.a.stream();
    let remote = pair.b.at(80);
    pair.a.start_connect(other, remote);
    pair.run();
    pair.a.send(other, &octets(5000));
    assert_eq!(longest(&pair.a), 1500);
}
