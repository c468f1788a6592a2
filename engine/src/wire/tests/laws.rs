//! What is written reads the same; sums agree with the definition of RFC 1071.

use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use proptest::prelude::*;

use super::strategies::*;
use crate::tcp::seq::Seq;
use crate::wire::checksum::{self, Sum};
use crate::wire::*;

/// "Adjacent octets to be checksummed are paired to form 16-bit integers, and the 1's complement sum of
/// these 16-bit integers is formed" (RFC 1071 §1).
fn naive_sum(bytes: &[u8]) -> u16 {
    bytes.chunks(2).fold(0u16, |sum, pair| {
        let word = u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]);
        let (sum, carry) = sum.overflowing_add(word);
        sum + u16::from(carry)
    })
}

/// The pseudo-header as RFC 9293 §3.1 and RFC 8200 §8.1 draw it.
fn drawn_pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, len: usize) -> Vec<u8> {
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let [.., l2, l3] = (len as u32).to_be_bytes();
            [&src.octets()[..], &dst.octets(), &[0, protocol, l2, l3]].concat()
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            [&src.octets()[..], &dst.octets(), &(len as u32).to_be_bytes(), &[0, 0, 0, protocol]].concat()
        }
        _ => unreachable!("addresses of one version"),
    }
}

/// Any message for which there is a number in the version at hand.
fn icmp<'a>(choice: u8, (code, word): (u8, u32), data: &'a [u8], quoted: Quoted<'a>) -> IcmpMessage<'a> {
    let (v6, low) = (quoted.src.is_ipv6(), word & 0xffff);
    let (ident, seq) = ((word >> 16) as u16, low as u16);
    match choice % 10 {
        0 => IcmpMessage::EchoRequest { ident, seq, data },
        1 => IcmpMessage::EchoReply { ident, seq, data },
        2 => IcmpMessage::Unreachable { code: Unreachable::Network, quoted },
        3 => IcmpMessage::Unreachable { code: Unreachable::Host, quoted },
        4 => IcmpMessage::Unreachable { code: Unreachable::Port, quoted },
        5 => IcmpMessage::Unreachable { code: Unreachable::Prohibited, quoted },
        6 => IcmpMessage::Unreachable { code: Unreachable::Other(5), quoted },
        7 => IcmpMessage::PacketTooBig { mtu: if v6 { word } else { low }, quoted },
        8 => IcmpMessage::TimeExceeded { code, quoted },
        _ => IcmpMessage::ParameterProblem { code, pointer: if v6 { word } else { word & 0xff }, quoted },
    }
}

/// A packet with a segment.
fn packet(ip: &IpHeader, segment: &TcpSegment<'_>) -> Vec<u8> {
    let mut packet = Vec::new();
    ip.emit(segment.len(), &mut packet);
    segment.emit(ip.src, ip.dst, &mut packet);
    packet
}

#[test]
fn behind_what_is_no_ip_header_there_is_no_template() {
    let ends = (IpAddr::from([1; 4]), IpAddr::from([2; 4]));
    let ip = IpHeader {
        src: ends.0,
        dst: ends.1,
        protocol: Protocol::Tcp,
        hop_limit: 64,
        ecn: 0,
        dscp: 0,
        ident: 0,
        options: IpOptions::NONE,
    };
    let segment = TcpSegment { flags: Flags::ACK, payload: &[7; 600], ..TcpSegment::default() };
    let packet = packet(&ip, &segment);
    let ethernet = [&[2; 12][..], &[8, 0], &packet].concat();
    assert!(Template::of(&ethernet, 14).is_some());
    let length = (8 + packet.len() as u16).to_be_bytes();
    let snap = [&[2; 12][..], &length, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &packet].concat();
    assert!(Template::of(&snap, 14).is_none());
    let padded = [&packet[..], &[0; 4]].concat();
    assert!(Template::of(&padded, 0).is_none());
}

/// More words than any of the integers could hold that they are added in, were they added without a break.
#[test]
fn a_sum_of_much_is_that_of_the_definition() {
    for octets in [vec![0; 5 << 20 | 3], vec![0xff; 5 << 20 | 3], vec![0x7f; 5 << 20 | 3]] {
        assert_eq!(Sum::of(&octets).folded(), naive_sum(&octets));
    }
}

proptest! {
    #[test]
    fn a_sum_is_that_of_the_definition_however_it_is_cut(bytes in payload(), cuts in any::<[prop::sample::Index; 3]>()) {
        let expected = naive_sum(&bytes);
        prop_assert_eq!(Sum::of(&bytes).folded(), expected);

        let mut cuts = cuts.map(|cut| cut.index(bytes.len() + 1));
        cuts.sort_unstable();
        let [a, b, c] = cuts;
        let mut sum = Sum::ZERO;
        for part in [&bytes[..a], &bytes[a..b], &bytes[b..c], &bytes[c..]] {
            sum.add(part);
        }
        prop_assert_eq!(sum, Sum::of(&bytes));
    }

    #[test]
    fn appending_copies_and_sums(bytes in payload(), before in payload()) {
        let mut out = before.clone();
        prop_assert_eq!(checksum::append_and_sum(&mut out, &bytes), Sum::of(&bytes));
        prop_assert_eq!(out, [before, bytes].concat());
    }

    #[test]
    fn the_pseudo_header_sums_as_it_is_drawn((src, dst) in addresses(), protocol: u8, len in 0usize..=0xffff) {
        let expected = naive_sum(&drawn_pseudo_header(src, dst, protocol, len));
        prop_assert_eq!(checksum::pseudo_header(src, dst, protocol.into(), len).folded(), expected);
    }

    #[test]
    fn an_ip_packet_reads_as_it_was_written(header in ip_header(), data in payload(), padding in 0usize..46) {
        let mut frame = Vec::new();
        header.emit(data.len(), &mut frame);
        prop_assert_eq!(frame.len(), header.len());
        frame.extend_from_slice(&data);
        let len = frame.len();
        frame.resize(len + padding, 0xee);
        let IpHeader { src, dst, protocol, hop_limit, ecn, dscp, ident, options: _ } = header;
        let packet = IpPacket::parse(&frame);
        let packet_octets = &frame[..len];
        prop_assert_eq!(
            packet,
            Ok(IpPacket { src, dst, protocol, hop_limit, ecn, dscp, fragment: None, payload: &data, packet: packet_octets })
        );
        if src.is_ipv4() {
            prop_assert_eq!(&frame[4..8], &[ident.to_be_bytes(), [0x40, 0]].concat()[..], "DF, no fragment");
        }
    }

    #[test]
    fn a_segment_reads_as_it_was_written((src, dst) in addresses(), header in tcp_header(), data in payload()) {
        let segment = TcpSegment { payload: &data, ..header };
        let mut bytes = Vec::new();
        segment.emit(src, dst, &mut bytes);
        prop_assert_eq!(bytes.len(), segment.len());
        prop_assert_eq!(TcpSegment::parse(&bytes, (src, dst), ChecksumPolicy::Verify), Ok(segment));
        prop_assert_eq!(TcpSegment::parse(&bytes, (src, dst), ChecksumPolicy::AllowPartial), Ok(segment));
        let whole = [drawn_pseudo_header(src, dst, 6, bytes.len()), bytes].concat();
        prop_assert_eq!(naive_sum(&whole), 0xffff);
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //= type=test
    //# The content of the header beyond the End of Option List Option MUST be header padding of
    //# zeros (MUST-69).
    #[test]
    fn written_options_fill_whole_words_without_an_end_of_the_list((src, dst) in addresses(), header in tcp_header()) {
        let mut bytes = Vec::new();
        header.emit(src, dst, &mut bytes);
        let mut options = &bytes[20..usize::from(bytes[12] >> 4) * 4];
        while let Some((&kind, rest)) = options.split_first() {
            prop_assert_ne!(kind, 0, "the list ends with the header, and nothing is left to be padded");
            options = if kind == 1 { rest } else { &options[usize::from(rest[0])..] };
        }
    }

    #[test]
    fn a_payload_in_two_parts_is_written_as_one(
        (src, dst) in addresses(), header in tcp_header(), data in payload(), cut: prop::sample::Index,
    ) {
        let (first, second) = data.split_at(cut.index(data.len() + 1));
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        TcpSegment { payload: &data, ..header }.emit(src, dst, &mut whole);
        header.emit_parts(src, dst, [first, second], &mut parts);
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn headers_that_are_copied_are_those_that_are_written(
        ip in ip_header_with_options(), header in tcp_header(), data in payload(), (seq, flags) in any::<(u32, u8)>(), partial: bool,
    ) {
        let ip = IpHeader { protocol: Protocol::Tcp, ident: 0, ..ip };
        let summing = if partial { Summing::Pseudo } else { Summing::All };
        let first = packet(&ip, &TcpSegment { payload: b"first", ..header });
        let headers = SegmentHeaders::of(&first[..first.len() - 5], ip.len(), ip.src.is_ipv6()).expect("headers");
        prop_assert_eq!(headers.ends(), (ip.len(), first.len() - 5));
        let mut copied = b"before".to_vec();
        headers.emit((Seq(seq), Flags(flags)), [&data[..data.len() / 2], &data[data.len() / 2..]], summing, &mut copied);

        let next = TcpSegment { seq: Seq(seq), flags: Flags(flags), payload: &data, ..header };
        let mut written = b"before".to_vec();
        ip.emit(next.len(), &mut written);
        if partial {
            next.emit_partial(ip.src, ip.dst, [&data[..]], &mut written);
        } else {
            next.emit(ip.src, ip.dst, &mut written);
        }
        prop_assert_eq!(copied, written);
    }

    #[test]
    fn the_next_segment_reads_as_it_does_header_by_header(
        ip in ip_header_with_options(), header in tcp_header(), (before, after) in (payload(), payload()),
        enclosing in prop::sample::select(vec![0usize, 14, 18]), (seq, ident) in any::<(u32, u16)>(), push: bool,
    ) {
        prop_assume!(!before.is_empty());
        let header = TcpSegment { flags: Flags::ACK, ..header };
        let ip = IpHeader { protocol: Protocol::Tcp, ..ip };
        let frame = [vec![7; enclosing], packet(&ip, &TcpSegment { payload: &before, ..header })].concat();
        let template = Template::of(&frame, enclosing).expect("a segment that others follow");
        prop_assert_eq!((template.ends(), template.ecn()), ((ip.src, ip.dst), ip.ecn));

        let flags = if push { Flags::ACK | Flags::PSH } else { Flags::ACK };
        let next = TcpSegment { seq: Seq(seq), flags, payload: &after, ..header };
        let ip = IpHeader { ident, ..ip };
        let frame = [vec![7; enclosing], packet(&ip, &next)].concat();
        prop_assert_eq!(template.read(&frame, ChecksumPolicy::Verify), Some(next));
    }

    #[test]
    fn what_a_template_reads_is_what_is_there(
        ip in ip_header_with_options(), header in tcp_header(), data in payload(), enclosing in prop::sample::select(vec![0usize, 14, 18]),
        (at, change) in (any::<prop::sample::Index>(), 1u8..), within_headers: bool, cut in 0usize..3, repair: bool,
    ) {
        prop_assume!(!data.is_empty());
        let segment = TcpSegment { flags: Flags::ACK, payload: &data, ..header };
        let ip = IpHeader { protocol: Protocol::Tcp, ..ip };
        let frame = [vec![7; enclosing], packet(&ip, &segment)].concat();
        let template = Template::of(&frame, enclosing).expect("a segment that others follow");

        let mut other = frame.clone();
        let reach = if within_headers { frame.len() - data.len() } else { frame.len() };
        other[at.index(reach)] ^= change;
        other.truncate(frame.len() - cut);
        if repair && ip.src.is_ipv4() {
            checksum::fill(&mut other, enclosing + 10, 0);
            let sum = Sum::of(&other[enclosing..enclosing + ip.len()]).checksum();
            checksum::fill(&mut other, enclosing + 10, sum);
        }
        for policy in [ChecksumPolicy::Verify, ChecksumPolicy::AllowPartial, ChecksumPolicy::Ignore] {
            let Some(read) = template.read(&other, policy) else { continue };
            prop_assert_eq!(&other[..enclosing], &frame[..enclosing]);
            let there = IpPacket::parse(&other[enclosing..]).expect("it was read");
            prop_assert_eq!((there.src, there.dst, there.ecn, there.fragment), (ip.src, ip.dst, ip.ecn, None));
            prop_assert_eq!(there.protocol, Protocol::Tcp);
            prop_assert_eq!(there.packet.len(), other.len() - enclosing);
            prop_assert_eq!(TcpSegment::parse(there.payload, (ip.src, ip.dst), policy), Ok(read));
        }
    }

    #[test]
    fn a_partial_checksum_is_for_those_who_allow_it((src, dst) in addresses(), header in tcp_header(), data in payload()) {
        let segment = TcpSegment { payload: &data, ..header };
        let mut bytes = Vec::new();
        segment.emit_partial(src, dst, [&data[..]], &mut bytes);
        prop_assert_eq!(TcpSegment::parse(&bytes, (src, dst), ChecksumPolicy::AllowPartial), Ok(segment));
        // The sum of the pseudo-header alone is right if the rest sums to nothing; that is rare.
        let mut rest = bytes.clone();
        checksum::fill(&mut rest, 16, 0);
        prop_assume!(naive_sum(&rest) != 0xffff);
        let whole = [drawn_pseudo_header(src, dst, 6, bytes.len()), bytes.clone()].concat();
        prop_assume!(naive_sum(&whole) != 0xffff);
        prop_assert_eq!(
            TcpSegment::parse(&bytes, (src, dst), ChecksumPolicy::Verify), Err(Malformed::BadChecksum)
        );
    }

    #[test]
    fn sack_blocks_without_room_are_left_out_from_the_end(options in tcp_options(), blocks: [(u32, u32); 4]) {
        let blocks = blocks.map(|(left, right)| (crate::tcp::seq::Seq(left), crate::tcp::seq::Seq(right)));
        let options = TcpOptions { sack: blocks.into_iter().collect(), ..options };
        let (src, dst) = (IpAddr::from([1; 4]), IpAddr::from([2; 4]));
        let mut bytes = Vec::new();
        TcpSegment { options, ..TcpSegment::default() }.emit(src, dst, &mut bytes);
        let read = TcpSegment::parse(&bytes, (src, dst), ChecksumPolicy::Verify).expect("a segment");
        prop_assert_eq!(bytes.len(), 20 + options.len());
        prop_assert!(options.len() <= 40);
        prop_assert_eq!(read.options.sack.as_slice(), &blocks[..options.sack_room()]);
        prop_assert_eq!(TcpOptions { sack: options.sack, ..read.options }, options);
    }

    //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.4
    //= type=test
    //# A host MUST implement the facility to generate and validate UDP checksums.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.4
    //= type=test
    //# An application MAY optionally be able to control whether a UDP checksum will be generated,
    //# but it MUST default to checksumming on.
    #[test]
    fn a_datagram_reads_as_it_was_written((src, dst) in addresses(), src_port: u16, dst_port: u16, data in payload()) {
        let datagram = UdpDatagram { src_port, dst_port, payload: &data };
        let mut bytes = Vec::new();
        datagram.emit(src, dst, &mut bytes);
        prop_assert_ne!(&bytes[6..8], &[0, 0], "a checksum of 0 would say that there is none");
        bytes.push(0xee);
        prop_assert_eq!(UdpDatagram::parse(&bytes, (src, dst), ChecksumPolicy::Verify), Ok(datagram));
    }

    #[test]
    fn an_icmp_message_reads_as_it_was_written(
        header in ip_header(), segment in tcp_header(), data in payload(),
        choice: u8, fields in any::<(u8, u32)>(),
    ) {
        let header = IpHeader { protocol: Protocol::Tcp, ..header };
        let mut packet = Vec::new();
        header.emit(segment.len() + data.len(), &mut packet);
        TcpSegment { payload: &data, ..segment }.emit(header.src, header.dst, &mut packet);
        let quote_len_max = if header.src.is_ipv4() { 576 - 28 } else { 1280 - 48 };

        let message = icmp(choice, fields, &data, Quoted::parse(&packet).expect("a packet"));
        // As the other side would read it, with no more quoted than goes.
        let packet = &packet[..packet.len().min(quote_len_max)];
        let quoted = Quoted::parse(packet).expect("a packet");
        prop_assert_eq!(
            (quoted.src, quoted.dst, quoted.src_port, quoted.dst_port, quoted.seq),
            (header.src, header.dst, segment.src_port, segment.dst_port, Some(segment.seq))
        );
        let expected = icmp(choice, fields, &data, quoted);

        let mut bytes = Vec::new();
        message.emit(header.dst, header.src, &mut bytes);
        let read = IcmpMessage::parse(&bytes, (header.dst, header.src), ChecksumPolicy::Verify);
        prop_assert_eq!(read, Ok(expected));
    }

    #[test]
    fn an_icmp_message_without_a_name_keeps_its_numbers((src, dst) in addresses(), kind in 13u8..=127, code: u8) {
        let mut bytes = Vec::new();
        IcmpMessage::Other { kind, code }.emit(src, dst, &mut bytes);
        prop_assert_eq!(
            IcmpMessage::parse(&bytes, (src, dst), ChecksumPolicy::Verify),
            Ok(IcmpMessage::Other { kind, code })
        );
    }

    #[test]
    fn protocols_and_their_numbers_agree(number: u8) {
        prop_assert_eq!(Protocol::from(number).number(), number);
    }
}
