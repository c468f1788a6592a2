//! Super-segments: what a link that cuts puts on the wire is what the engine would have sent in single segments.

mod common;

use common::ethernet::{self, arp_reply, mac};
use common::script::Script;
use common::{Host, Pair, states};
use proptest::prelude::*;
use sockwright_engine::event::{Event, EventKind};
use sockwright_engine::host::op::{ShutdownHow, SocketKind};
use sockwright_engine::host::{Config, Interface, LinkChange, Medium, Offload};
use sockwright_engine::id::LinkId;
use sockwright_engine::tcp::config::{Ecn, LossDetection, OptionsPatch, PathMtuDiscovery};
use sockwright_engine::wire::{ChecksumPolicy, Flags, IpPacket, Protocol, TcpSegment};
use std::time::Duration;

const CUTS: Offload = Offload { checksums: true, segmentation: 65_535 };
const SUMS: Offload = Offload { checksums: true, segmentation: 0 };
const NONE: Offload = Offload { checksums: false, segmentation: 0 };

fn interface(ip: &str, offload: Offload) -> Interface {
    let ip: std::net::IpAddr = ip.parse().unwrap();
    Interface {
        link: LinkId(0),
        addresses: vec![(ip, if ip.is_ipv4() { 24 } else { 64 })],
        mtu: 1500,
        checksums: ChecksumPolicy::Verify,
        offload,
        medium: Medium::Ip,
        shared_with_host: false,
    }
}

fn pair(ends: [&str; 2], offload: Offload) -> Pair {
    Pair {
        a: Host::with_interface(interface(ends[0], offload), 1, Config::default()),
        b: Host::new(ends[1], 2),
    }
}

/// Every packet of a transfer of `len` octets from `a` to `b` and of the close after it, and what watchers of `a` saw.
fn transfer(mut pair: Pair, len: usize, lost: impl Fn(usize) -> bool) -> (Vec<Vec<u8>>, Vec<String>, Host) {
    let options = OptionsPatch { receive_buffer: Some(1 << 20), ..OptionsPatch::default() };
    let (client, server) = pair.connected_with(options.clone(), options);
    let data: Vec<u8> = (0..len).map(|at| (at * 7 + at / 251) as u8).collect();
    let (mut wire, mut received, mut sent) = (vec![], vec![], 0);
    for _ in 0..10_000 {
        if sent < len {
            sent += pair.a.send(client, &data[sent..]);
            if sent == len {
                pair.a.shutdown(client, ShutdownHow::Write);
            }
        }
        pair.a.advance(Duration::from_millis(1));
        pair.b.advance(Duration::from_millis(1));
        let from_a = std::mem::take(&mut pair.a.sent);
        for frame in &from_a {
            if !lost(wire.len()) {
                pair.b.frame(frame);
            }
            wire.push(frame.clone());
        }
        let (more, end) = pair.b.recv_some(server);
        received.extend(more);
        if end {
            assert!(received == data, "the data arrived whole");
            pair.b.close(server);
            pair.run();
            assert_eq!(states(&pair.a.events, client).last(), Some(&"TIME-WAIT"));
            let told = pair.a.events.iter().filter_map(segment_sent).collect();
            return (wire, told, pair.a);
        }
        let from_b = std::mem::take(&mut pair.b.sent);
        from_b.iter().for_each(|frame| pair.a.frame(frame));
    }
    panic!("the transfer never ends");
}

fn segment_sent(event: &Event) -> Option<String> {
    match &event.kind {
        EventKind::SegmentSent(segment) => Some(segment.summary.to_string()),
        _ => None,
    }
}

#[test]
fn the_wire_and_the_watchers_see_what_they_would_without() {
    // Lengths of which the last segment is short, and full: then PSH and FIN are on a super-segment, and the last of it.
    for (ends, len) in [
        (["10.0.0.1", "10.0.0.2"], 900_001),
        (["10.0.0.1", "10.0.0.2"], 10 * 1448),
        (["10.0.0.1", "10.0.0.2"], 35 * 1448),
        (["fd00::1", "fd00::2"], 900_001),
        (["fd00::1", "fd00::2"], 35 * 1428),
    ] {
        let (alone, told_alone, host) = transfer(pair(ends, NONE), len, |_| false);
        assert!(host.cut.is_empty());
        for offload in [SUMS, CUTS] {
            let (wire, told, host) = transfer(pair(ends, offload), len, |_| false);
            assert!(wire == alone, "the same octets in the same order");
            assert_eq!(told, told_alone);
            let largest = host.cut.into_iter().max();
            assert_eq!(largest, if offload == CUTS { Some(10) } else { Some(1) });
        }
    }
}

fn tcp(frame: &[u8]) -> (u16, u32, usize, Flags) {
    let packet = IpPacket::parse(frame).unwrap();
    let segment =
        TcpSegment::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Verify).unwrap();
    (segment.src_port, segment.seq.0, segment.payload.len(), segment.flags)
}

#[test]
fn what_no_link_cuts_leaves_in_segments_each_told_before_its_frame() {
    for (v6, full) in [(false, 1448), (true, 1428)] {
        let mut pair = if v6 { Pair::v6() } else { Pair::new() };
        let (client, _) = pair.connected();
        let a = &mut pair.a;
        a.engine.send_slice(a.now, client, &vec![7; 6 * full]).unwrap();
        let (mut frame, mut next, mut pieces) = (Vec::new(), None, Vec::new());
        loop {
            while a.engine.poll_event().is_some() {}
            if a.engine.poll_transmit(a.now, &mut frame).is_none() {
                break;
            }
            let told: Vec<String> = std::iter::from_fn(|| a.engine.poll_event())
                .filter_map(|event| segment_sent(&event))
                .collect();
            assert_eq!(told.len(), 1, "{told:?}");
            let (_, seq, len, flags) = tcp(&frame);
            assert_eq!(seq, *next.get_or_insert(seq), "they follow each other");
            next = Some(seq.wrapping_add(len as u32));
            pieces.push((len, flags));
        }
        let mut expected = vec![(full, Flags::ACK); 5];
        expected.push((full, Flags::ACK | Flags::PSH));
        assert_eq!(pieces, expected);
        assert_eq!(a.engine.counters().segments_out, 2 + 6, "with those of the handshake");
    }
}

#[test]
fn who_has_something_to_send_at_the_same_time_takes_turns_segment_by_segment() {
    let mut pair = Pair::new();
    let listener = pair.b.listen(80);
    let clients = [pair.a.stream(), pair.a.stream()];
    for client in clients {
        pair.a.start_connect(client, pair.b.at(80));
        pair.run();
        pair.b.accept(listener);
        pair.a.sent.clear();
    }
    for client in clients {
        pair.a.send(client, &[7; 40 * 1448]);
    }
    pair.a.sent.iter().for_each(|frame| pair.b.frame(frame));
    pair.a.sent.clear();
    let acks = std::mem::take(&mut pair.b.sent);
    assert!(acks.len() > 4);
    pair.a.frames_at_once(&acks);
    let ports: Vec<u16> = pair.a.sent.iter().map(|frame| tcp(frame).0).collect();
    assert!(ports.len() > 20, "{ports:?}");
    assert!(ports.windows(2).all(|two| two[0] != two[1]), "{ports:?}");
}

#[test]
fn of_a_super_segment_only_what_was_lost_is_sent_again() {
    let ends = ["10.0.0.1", "10.0.0.2"];
    let lost = |number| number == 60 || number == 63;
    let (wire, _, host) = transfer(pair(ends, CUTS), 500_000, lost);
    assert!(host.cut.iter().any(|segments| *segments >= 10));
    let (alone, ..) = transfer(pair(ends, NONE), 500_000, lost);
    assert!(wire == alone);
    let again = host.events.iter().filter_map(|event| match event.kind {
        EventKind::Retransmission { len, .. } => Some(len),
        _ => None,
    });
    assert_eq!(again.collect::<Vec<_>>(), [1448, 1448]);
}

/// The largest number of segments in one packet of a transfer.
fn largest_cut(options: OptionsPatch, offload: Offload) -> usize {
    let mut pair = pair(["10.0.0.1", "10.0.0.2"], offload);
    let (client, _) = pair.connected_with(options, OptionsPatch::default());
    pair.a.send(client, &[7; 60_000]);
    pair.run();
    pair.a.cut.iter().copied().max().unwrap_or(0)
}

#[test]
fn what_a_link_cannot_cut_goes_in_single_segments() {
    let plain = || OptionsPatch::default();
    assert!(largest_cut(plain(), CUTS) >= 10);
    // Each packet that routers may cut takes an identification of its own.
    let cut_by_routers = OptionsPatch { path_mtu_discovery: Some(PathMtuDiscovery::Off), ..plain() };
    assert_eq!(largest_cut(cut_by_routers, CUTS), 1);
    // Two headers and two segments do not fit.
    assert_eq!(largest_cut(plain(), Offload { segmentation: 2999, ..CUTS }), 1);
    assert_eq!(largest_cut(plain(), Offload { segmentation: 3100, ..CUTS }), 2);
}

#[test]
fn a_paced_sender_puts_no_more_into_one_packet_than_a_millisecond_takes() {
    let largest = |pacing| {
        let mut pair = pair(["10.0.0.1", "10.0.0.2"], CUTS);
        pair.b.listen(80);
        let client =
            pair.a.create(SocketKind::Stream, OptionsPatch { pacing: Some(pacing), ..Default::default() });
        pair.a.start_connect(client, pair.b.at(80));
        // Fifty milliseconds each way: the window of ten segments is less than one in a millisecond. The pace is known
        // with the first acknowledgment of data.
        for round in 0..4 {
            pair.b.advance(Duration::from_millis(50));
            pair.a.sent.drain(..).for_each(|frame| pair.b.frame(&frame));
            pair.a.advance(Duration::from_millis(100));
            pair.b.sent.drain(..).for_each(|frame| pair.a.frame(&frame));
            if round == 1 {
                assert_eq!(pair.a.state(client), "ESTABLISHED");
                pair.a.send(client, &[7; 1000]);
            }
        }
        assert!(std::mem::take(&mut pair.a.cut).iter().all(|segments| *segments == 1));
        pair.a.send(client, &[7; 60_000]);
        pair.a.advance(Duration::from_millis(90));
        pair.a.cut.iter().copied().max()
    };
    assert_eq!((largest(false), largest(true)), (Some(10), Some(1)));
}

#[test]
fn what_tells_of_a_reduced_window_goes_alone() {
    let host = Host::with_interface(interface("10.0.0.1", CUTS), 1, Config::default());
    let options = OptionsPatch { ecn: Some(Ecn::Passive), ..OptionsPatch::default() };
    let mut s = Script::listening_on(host, options);
    s.handshake("SEW 0:0(0) win 60000 <mss 1000>", 60_000);
    s.send(40_000);
    assert_eq!((s.sent().len(), std::mem::take(&mut s.host.cut)), (10, vec![10]));
    s.inject(".E 1:1(0) ack 10001 win 60000");
    let flags: Vec<String> = s.sent().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(flags[..2], [".W", "."], "only the first tells");
    assert_eq!(s.host.cut[..2], [1, flags.len() - 1]);
}

/// A client with segments of 1000 octets whose link cuts, and the second flight, of ten segments and the FIN, under way.
fn with_a_fin_in_flight() -> Script {
    let host = Host::with_interface(interface("10.0.0.1", CUTS), 1, Config::default());
    let options = OptionsPatch { sack: Some(true), ..OptionsPatch::default() };
    let mut s = Script::listening_on(host, options);
    s.handshake("S 0:0(0) win 60000 <mss 1000,sackOK>", 60_000);
    s.send(20_000);
    s.host.shutdown(s.socket, ShutdownHow::Write);
    s.sent();
    s.host.cut.clear();
    s.inject(". 1:1(0) ack 10001 win 60000");
    s
}

#[test]
fn a_tail_loss_probe_sends_again_the_last_segment_with_its_fin() {
    let mut s = with_a_fin_in_flight();
    let sent = s.sent();
    assert_eq!(s.host.cut, [10]);
    let last = sent.last().unwrap().clone();
    assert!(last.starts_with("FP. 19001:20001(1000)"), "{last}");
    s.inject(". 1:1(0) ack 18001 win 60000");
    s.host.advance(Duration::from_millis(150));
    assert_eq!(s.sent(), [last]);
}

//= https://www.rfc-editor.org/rfc/rfc6675#section-4
//= type=test
//# then one segment of up to SMSS octets that MUST
//# include the highest outstanding unSACKed sequence number
//# SHOULD be returned, and RescueRxt set to RecoveryPoint.
#[test]
fn what_is_rescued_of_a_super_segment_is_its_last_segment() {
    let host = Host::with_interface(interface("10.0.0.1", CUTS), 1, Config::default());
    let options = OptionsPatch {
        sack: Some(true),
        loss_detection: Some(LossDetection::DuplicateAcks),
        ..OptionsPatch::default()
    };
    let mut s = Script::listening_on(host, options);
    s.handshake("S 0:0(0) win 60000 <mss 1000,sackOK>", 60_000);
    s.send(6000);
    assert_eq!((s.sent().len(), std::mem::take(&mut s.host.cut)), (6, vec![6]));
    // The first and the last two are lost.
    s.inject(". 1:1(0) ack 1 win 60000 <sack 1001:4001>");
    s.expect(&[". 1:1001(1000) ack 1 win 65535", "P. 5001:6001(1000) ack 1 win 65535"]);
}

#[test]
fn a_link_that_cuts_computes_checksums_whatever_it_says_of_them() {
    assert!(largest_cut(OptionsPatch::default(), Offload { checksums: false, ..CUTS }) >= 10);
}

#[test]
fn what_waits_for_a_neighbor_waits_as_it_will_be_on_the_wire() {
    let cutting = Interface { offload: CUTS, ..ethernet::interface(&["10.0.0.1/24"]) };
    let mut host = Host::with_interface(cutting, 1, Config::default());
    let socket = host.create(SocketKind::Stream, OptionsPatch::default());
    host.start_connect(socket, "10.0.0.9:80".parse().unwrap());
    host.frame(&arp_reply(mac(9), "10.0.0.9"));
    let syn = host.sent.last().unwrap().clone();
    let syn = IpPacket::parse(&syn[14..]).unwrap();
    let syn = TcpSegment::parse(syn.payload, (syn.src, syn.dst), ChecksumPolicy::Verify).unwrap();
    let answer = TcpSegment {
        src_port: 80,
        dst_port: syn.src_port,
        ack: syn.seq + 1,
        flags: Flags::SYN | Flags::ACK,
        window: 60_000,
        ..TcpSegment::default()
    };
    let (ours, theirs) = ("10.0.0.1".parse().unwrap(), "10.0.0.9".parse().unwrap());
    let mut body = vec![];
    answer.emit(theirs, ours, &mut body);
    host.frame(&ethernet::enclosed(&ethernet::packet(theirs, ours, Protocol::Tcp, 64, &body)));
    // Nothing is known any more of the neighbor, and data goes.
    host.link(LinkChange::Down);
    host.link(LinkChange::Up);
    host.sent.clear();
    host.cut.clear();
    host.send(socket, &[7; 5000]);
    host.frame(&arp_reply(mac(9), "10.0.0.9"));
    let frames = std::mem::take(&mut host.sent);
    assert!(host.cut.is_empty(), "nothing is left to the link");
    let lengths: Vec<usize> = frames[1..]
        .iter()
        .map(|frame| {
            let packet = IpPacket::parse(&frame[14..]).unwrap();
            let ends = (packet.src, packet.dst);
            TcpSegment::parse(packet.payload, ends, ChecksumPolicy::Verify).unwrap().payload.len()
        })
        .collect();
    assert_eq!(lengths, [536; 9], "an answer without MSS");
}

proptest! {
    /// Whatever is lost, the wire is that of single segments.
    #[test]
    fn what_is_lost_of_super_segments_goes_again_as_it_would_without(
        lost in prop::collection::btree_set(16usize..200, 0..40),
    ) {
        let ends = ["10.0.0.1", "10.0.0.2"];
        let (wire, ..) = transfer(pair(ends, CUTS), 200_000, |number| lost.contains(&number));
        let (alone, ..) = transfer(pair(ends, NONE), 200_000, |number| lost.contains(&number));
        prop_assert!(wire == alone);
    }

    /// What is cut here is whole: each segment's checksums hold, and together they are the data.
    #[test]
    fn the_segments_of_a_super_segment_are_its_data(len in 1usize..60_000, v6: bool) {
        let ends = if v6 { ["fd00::1", "fd00::2"] } else { ["10.0.0.1", "10.0.0.2"] };
        let mut pair = pair(ends, CUTS);
        let (client, _) = pair.connected();
        let data: Vec<u8> = (0..len).map(|at| (at * 13) as u8).collect();
        let taken = pair.a.send(client, &data);
        let first: Vec<Vec<u8>> = std::mem::take(&mut pair.a.sent);
        let mut joined = vec![];
        for (number, frame) in first.iter().enumerate() {
            let packet = IpPacket::parse(frame).unwrap();
            let ends = (packet.src, packet.dst);
            let segment = TcpSegment::parse(packet.payload, ends, ChecksumPolicy::Verify).unwrap();
            joined.extend_from_slice(segment.payload);
            let last = number + 1 == first.len() && joined.len() == taken;
            prop_assert_eq!(segment.summary().to_string().starts_with("P."), last);
        }
        prop_assert!(!joined.is_empty() && data.starts_with(&joined));
    }
}
