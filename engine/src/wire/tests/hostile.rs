//! Bytes that nobody should have sent: each gets its name, and none gets through.

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use proptest::prelude::*;

use super::strategies::*;
use crate::wire::checksum::{self, Sum};
use crate::wire::*;

/// Everything that a host would do with a frame.
fn understand(frame: &[u8], policy: ChecksumPolicy) -> Result<(), Malformed> {
    let packet = IpPacket::parse(frame)?;
    let addresses = (packet.src, packet.dst);
    match packet.protocol {
        Protocol::Tcp => {
            let segment = TcpSegment::parse(packet.payload, addresses, policy)?;
            let _shown = alloc::format!("{segment}");
        }
        Protocol::Udp => _ = UdpDatagram::parse(packet.payload, addresses, policy)?,
        Protocol::Icmpv4 | Protocol::Icmpv6 => _ = IcmpMessage::parse(packet.payload, addresses, policy)?,
        Protocol::Unknown(_) => {}
    }
    Ok(())
}

/// All entrances, with no regard to which one the bytes were meant for.
fn try_everything(bytes: &[u8]) {
    if let Some(problem) = understand(bytes, ChecksumPolicy::Ignore).err().and_then(Malformed::problem) {
        assert!((problem.pointer as usize) < bytes.len(), "a problem is somewhere in the packet");
    }
    if let Ok(packet) = IpPacket::parse(bytes) {
        let _ = packet.header_of_whole(packet.payload.len(), packet.ecn);
    }
    let _ = IcmpMessage::is_error_or_later_fragment(bytes);
    let _ = Quoted::parse(bytes);
    let _ = TcpOptions::parse(bytes);
    for addresses in [([1; 4].into(), [2; 4].into()), ([1; 16].into(), [2; 16].into())] {
        for policy in [ChecksumPolicy::Verify, ChecksumPolicy::AllowPartial, ChecksumPolicy::Ignore] {
            let _ = TcpSegment::parse(bytes, addresses, policy);
            let _ = UdpDatagram::parse(bytes, addresses, policy);
            let _ = IcmpMessage::parse(bytes, addresses, policy);
        }
    }
}

fn ipv4(total_len: u16, flags_and_offset: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::from([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    frame[2..4].copy_from_slice(&total_len.to_be_bytes());
    frame[6..8].copy_from_slice(&flags_and_offset.to_be_bytes());
    let checksum = Sum::of(&frame).checksum();
    checksum::fill(&mut frame, 10, checksum);
    frame.extend_from_slice(payload);
    frame
}

fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = (IpAddr::from([1; 16]), IpAddr::from([2; 16]));
    let protocol = Protocol::Unknown(next_header);
    let mut frame = Vec::new();
    IpHeader { src, dst, protocol, hop_limit: 64, ecn: 0, dscp: 0, ident: 0, options: Default::default() }
        .emit(payload.len(), &mut frame);
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn an_ipv4_header_that_lies_about_lengths_is_refused() {
    let refused = |frame: &[u8]| IpPacket::parse(frame).expect_err("a malformed packet");
    assert_eq!(refused(&[]), Malformed::Truncated);
    assert_eq!(refused(&[0x50; 60]), Malformed::BadVersion);
    assert_eq!(refused(&[0x44; 60]), Malformed::BadHeaderLength);
    assert_eq!(refused(&[&[0x4f][..], &[0; 40]].concat()), Malformed::Truncated, "options beyond the frame");
    assert_eq!(refused(&ipv4(19, 0, &[])), Malformed::BadTotalLength);
    assert_eq!(refused(&ipv4(25, 0, &[0; 4])), Malformed::Truncated);
    assert!(IpPacket::parse(&ipv4(24, 0, &[0; 4])).is_ok());
}

#[test]
fn a_fragment_says_which_part_it_is() {
    let fragment = |frame: &[u8]| IpPacket::parse(frame).unwrap().fragment;
    let part = |ident, offset, more| Some(Fragment { ident, offset, more });
    assert_eq!(fragment(&ipv4(28, 0x2000, &[0; 8])), part(0, 0, true));
    assert_eq!(fragment(&ipv4(28, 0x6002, &[0; 8])), part(0, 16, true), "DF says nothing any more");
    assert_eq!(fragment(&ipv4(21, 0x1f00, &[0])), part(0, 0xf800, false));
    assert_eq!(fragment(&ipv4(20, 0x4000, &[])), None, "DF does not make a fragment");
    assert_eq!(
        fragment(&ipv6(44, &[99, 0, 0, 1, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0])),
        part(0x0102_0304, 0, true)
    );
    assert_eq!(fragment(&ipv6(44, &[6, 0, 0, 14, 0, 0, 0, 0, 9])), part(0, 8, false), "reserved bits");
}

//= https://www.rfc-editor.org/rfc/rfc1858
//= type=test
//# IF FO=1 and PROTOCOL=TCP then
//# DROP PACKET
#[test]
fn a_fragment_that_is_part_of_no_ipv4_packet_is_refused() {
    let refused = |frame: &[u8]| IpPacket::parse(frame).err();
    let bad = Some(Malformed::BadFragment(None));
    assert_eq!(refused(&ipv4(20, 0x2000, &[])), bad, "nothing, and more to come");
    assert_eq!(refused(&ipv4(27, 0x2000, &[0; 7])), bad, "no multiple of eight");
    assert_eq!(refused(&ipv4(28, 0x1fff, &[0; 8])), bad, "beyond 65,535 octets");
    assert_eq!(refused(&ipv4(28, 0x0001, &[0; 8])), bad, "the flags of a TCP segment apart from its ports");
}

//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//= type=test
//# If the length of a fragment, as derived from the fragment
//# packet's Payload Length field, is not a multiple of 8 octets
//# and the M flag of that fragment is 1, then that fragment must
//# be discarded and an ICMP Parameter Problem, Code 0, message
//# should be sent to the source of the fragment, pointing to the
//# Payload Length field of the fragment packet.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//= type=test
//# If the length and offset of a fragment are such that the
//# Payload Length of the packet reassembled from that fragment
//# would exceed 65,535 octets, then that fragment must be
//# discarded and an ICMP Parameter Problem, Code 0, message should
//# be sent to the source of the fragment, pointing to the Fragment
//# Offset field of the fragment packet.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//= type=test
//# If the first fragment does not include all headers through an
//# Upper-Layer header, then that fragment should be discarded and
//# an ICMP Parameter Problem, Code 3, message should be sent to
//# the source of the fragment, with the Pointer field set to zero.
#[test]
fn a_fragment_that_is_part_of_no_ipv6_packet_is_refused_and_says_why() {
    let refused = |payload: &[u8]| {
        let refused =
            IpPacket::parse(&ipv6(60, &[&[44, 0, 1, 4, 0, 0, 0, 0], payload].concat())).unwrap_err();
        assert!(matches!(refused, Malformed::BadFragment(_)), "{refused}");
        refused.problem().map(|problem| (problem.code, problem.pointer))
    };
    assert_eq!(refused(&[99, 0, 0, 1, 0, 0, 0, 0]), Some((0, 4)));
    assert_eq!(refused(&[99, 0, 0, 9, 0, 0, 0, 0, 1, 2, 3]), Some((0, 4)));
    assert_eq!(refused(&[99, 0, 0xff, 0xf8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Some((0, 50)));
    assert_eq!(
        refused(&[6, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        Some((3, 0)),
        "part of a TCP header"
    );
    let options = [60, 0, 0, 1, 0, 0, 0, 0, 6, 1, 1, 4, 0, 0, 0, 0];
    assert_eq!(refused(&options), Some((3, 0)), "part of an extension header");
}

#[test]
fn the_header_of_the_whole_is_that_of_the_first_fragment() {
    let mut first = ipv4(28, 0x2000, b"12345678");
    first[5] = 7;
    let checksum = Sum::of(&[&first[..10], &[0, 0], &first[12..20]].concat()).checksum();
    checksum::fill(&mut first, 10, checksum);
    let header = IpPacket::parse(&first).unwrap().header_of_whole(11, 0).unwrap();
    let whole = [&header[..], b"12345678901"].concat();
    let packet = IpPacket::parse(&whole).unwrap();
    assert_eq!((packet.fragment, packet.payload), (None, &b"12345678901"[..]));

    let first = ipv6(60, &[&[44, 0, 1, 4, 0, 0, 0, 0, 99, 0, 0, 1, 0, 0, 0, 7][..], b"12345678"].concat());
    let header = IpPacket::parse(&first).unwrap().header_of_whole(11, 0).unwrap();
    let whole = [&header[..], b"12345678901"].concat();
    assert_eq!(whole, ipv6(60, &[&[99, 0, 1, 4, 0, 0, 0, 0][..], b"12345678901"].concat()));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2
//= type=test
//# When received options are passed up to TCP from the IP layer, a TCP implementation MUST
//# ignore options that it does not understand (MUST- 50).
#[test]
fn ipv4_options_are_skipped() {
    let mut frame = Vec::from([0x46, 0, 0, 26, 0, 0, 0, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 0]);
    let checksum = Sum::of(&frame).checksum();
    checksum::fill(&mut frame, 10, checksum);
    frame.extend_from_slice(b"hi");
    assert_eq!(IpPacket::parse(&frame).unwrap().payload, b"hi");
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
//= type=test
//# The IP and transport layer MUST each interpret those IP options
//# that they understand and silently ignore the others.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
//= type=test
//# This option is obsolete; it SHOULD NOT be sent, and it MUST be silently ignored if
//# received.
#[test]
fn ipv4_options_hold_together_or_are_pointed_at_and_no_route_is_taken_from_them() {
    let refused = |options: [u8; 4]| {
        let mut frame = Vec::from([0x46, 0, 0, 24, 0, 0, 0, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
        frame.extend_from_slice(&options);
        let checksum = Sum::of(&frame).checksum();
        checksum::fill(&mut frame, 10, checksum);
        IpPacket::parse(&frame).err()
    };
    let bad_at = |pointer| Some(Malformed::BadIpOption(Problem { code: 0, pointer, even_to_group: false }));
    assert_eq!(refused([7, 4, 4, 0]), None, "record route");
    assert_eq!(refused([200, 2, 1, 0]), None, "one that nobody knows");
    assert_eq!(refused([0, 200, 1, 131]), None, "padding behind the end");
    assert_eq!(refused([1, 68, 4, 5]), bad_at(21), "beyond the header");
    assert_eq!(refused([200, 1, 0, 0]), bad_at(20), "shorter than itself");
    assert_eq!(refused([1, 1, 1, 200]), bad_at(23), "no length");
    assert_eq!(refused([131, 3, 4, 0]), Some(Malformed::SourceRoute));
    assert_eq!(refused([1, 137, 3, 4]), Some(Malformed::SourceRoute));
}

//= https://www.rfc-editor.org/rfc/rfc8200#section-4
//= type=test
//# Therefore, extension headers must be processed strictly in the order they appear in the
//# packet; a receiver must not, for example, scan through a packet looking for a particular
//# kind of extension header and process that header prior to processing all preceding ones.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.2
//= type=test
//# The sequence of options within a header must be processed strictly in the order they
//# appear in the header; a receiver must not, for example, scan through the header looking
//# for a particular kind of option and process that option prior to processing all preceding
//# ones.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.2
//= type=test
//# These padding options must be recognized by all IPv6 implementations:
#[test]
fn extension_headers_are_walked_in_order() {
    let hop_by_hop = [43, 0, 5, 2, 0, 0, 1, 0]; // router alert, PadN of no octets
    let routing = [44, 0, 0, 0, 0, 0, 0, 0]; // no segments left
    let atomic_fragment = [60, 0, 0, 0, 0, 0, 0, 7];
    let destination = [6, 0, 0, 0, 1, 2, 0, 0]; // Pad1, Pad1, PadN
    let frame = ipv6(0, &[&hop_by_hop[..], &routing, &atomic_fragment, &destination, b"tcp"].concat());
    let packet = IpPacket::parse(&frame).unwrap();
    assert_eq!((packet.protocol, packet.payload), (Protocol::Tcp, &b"tcp"[..]));
    for len in 0..frame.len() {
        assert_eq!(IpPacket::parse(&frame[..len]), Err(Malformed::Truncated));
    }
}

//= https://www.rfc-editor.org/rfc/rfc8200#section-4.4
//= type=test
//# If Segments Left is non-zero, the node must discard the packet and
//# send an ICMP Parameter Problem, Code 0, message to the packet's
//# Source Address, pointing to the unrecognized Routing Type.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4
//= type=test
//# The Hop-by-Hop Options header, when present, must
//# immediately follow the IPv6 header.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4
//= type=test
//# The same action should be taken if a node encounters a Next Header value of zero in any
//# header other than an IPv6 header.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.7
//= type=test
//# If the Payload Length field of the IPv6 header indicates the presence of octets past the
//# end of a header whose Next Header field contains 59, those octets must be ignored and
//# passed on unchanged if the packet is forwarded.
#[test]
fn extension_headers_that_a_host_must_not_skip_are_refused() {
    let refused = |next_header, payload: &[u8]| IpPacket::parse(&ipv6(next_header, payload)).err();
    let problem = |code, pointer| Problem { code, pointer, even_to_group: false };
    let unknown = |problem| Some(Malformed::UnknownIpOption(problem));
    assert_eq!(refused(59, &[]), Some(Malformed::NoNextHeader));
    assert_eq!(refused(43, &[6, 0, 0, 1, 0, 0, 0, 0]), Some(Malformed::RoutingHeader(problem(0, 42))));
    assert_eq!(refused(60, &[6, 0, 0x1e, 4, 0, 0, 0, 0]), None, "an unknown option that may be skipped");
    assert_eq!(refused(60, &[6, 0, 0x5e, 4, 0, 0, 0, 0]), unknown(None));
    let told = Problem { even_to_group: true, ..problem(2, 42) };
    assert_eq!(refused(60, &[6, 0, 0x80, 4, 0, 0, 0, 0]), unknown(Some(told)));
    assert_eq!(refused(60, &[6, 0, 0, 0xc2, 3, 0, 0, 0]), unknown(Some(problem(2, 43))));
    let bad_at = |pointer| Some(Malformed::BadIpOption(problem(0, pointer)));
    assert_eq!(refused(60, &[6, 0, 0x1e, 5, 0, 0, 0, 0]), bad_at(42));
    assert_eq!(refused(60, &[6, 0, 0, 0, 0, 0, 0, 1]), bad_at(47), "no length");
    assert_eq!(refused(60, &[6, 1, 0, 0, 0, 0, 0, 0]), Some(Malformed::Truncated));
    let late = Malformed::UnknownProtocol(problem(1, 40));
    assert_eq!(refused(60, &[0, 0, 1, 4, 0, 0, 0, 0]), Some(late), "a late hop-by-hop");
    let endless = [60, 0, 1, 4, 0, 0, 0, 0].repeat(8);
    assert_eq!(refused(60, &endless), Some(Malformed::Truncated), "eight are walked");
    assert_eq!(refused(60, &[60, 0, 1, 4, 0, 0, 0, 0].repeat(9)), Some(Malformed::TooManyExtensionHeaders));
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.1
//= type=test
//# A datagram whose version number is not 4 MUST be silently discarded.
#[test]
fn a_frame_of_another_version_is_refused() {
    let mut frame = Vec::from([0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    for version in (0..16).filter(|version| ![4, 6].contains(version)) {
        frame[0] = version << 4 | 5;
        assert!(IpPacket::parse(&frame).is_err(), "{version}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.4
//= type=test
//# If a UDP datagram is received with a checksum that is non- zero and invalid, UDP MUST
//# silently discard the datagram.
#[test]
fn one_flipped_bit_of_a_datagram_is_noticed() {
    let ends = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
    let mut bytes = Vec::new();
    UdpDatagram { src_port: 5, dst_port: 53, payload: b"question" }.emit(ends.0, ends.1, &mut bytes);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(UdpDatagram::parse(&flipped, ends, ChecksumPolicy::Verify).is_err(), "{bit}");
    }
}

#[test]
fn an_unknown_protocol_over_ipv6_is_answered_by_pointing_at_its_number() {
    let frame = ipv6(60, &[200, 0, 1, 4, 0, 0, 0, 0, 1, 2, 3]);
    let (src, dst) = (IpAddr::from([2; 16]), IpAddr::from([1; 16]));
    let quoted = Quoted::parse(&frame).unwrap();
    let mut bytes = Vec::new();
    IcmpMessage::Unreachable { code: Unreachable::Protocol, quoted }.emit(src, dst, &mut bytes);
    let read = IcmpMessage::parse(&bytes, (src, dst), ChecksumPolicy::Verify);
    assert_eq!(read, Ok(IcmpMessage::ParameterProblem { code: 1, pointer: 40, quoted }));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
//= type=test
//# TCP implementations MUST be prepared to handle
//# an illegal option length (e.g., zero); a suggested procedure is to
//# reset the connection and log the error cause (MUST-7).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
//= type=test
//# All TCP Options except End of Option List Option (EOL) and No-Operation (NOP) MUST have
//# length fields, including all future options (MUST-68).
#[test]
fn an_option_with_an_illegal_length_is_refused() {
    let illegal: [&[u8]; 13] = [
        &[2],
        &[2, 0],
        &[2, 1],
        &[2, 3, 0],
        &[2, 4, 1],
        &[2, 5, 0, 0, 0],
        &[3, 2],
        &[4, 3, 0],
        &[5, 2],
        &[5, 9, 0, 0, 0, 0, 0, 0, 0],
        &[5, 42],
        &[8, 2],
        &[99, 0],
    ];
    for options in illegal {
        assert_eq!(TcpOptions::parse(options), Err(Malformed::BadOption), "{options:?}");
    }
    let five_blocks = [&[5, 42][..], &[0; 40]].concat();
    assert_eq!(TcpOptions::parse(&five_blocks), Err(Malformed::BadOption));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
//= type=test
//# A TCP implementation MUST (MUST-6) ignore without error any TCP
//# Option it does not implement, assuming that the option has a length
//# field.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
//= type=test
//# A given TCP implementation can support any currently defined options, but the following
//# options MUST be supported (MUST-4 -- note Maximum Segment Size Option support is also part
//# of MUST-14 in Section 3.7.1):
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.2
//= type=test
//# There is no guarantee that senders will use this option, so receivers MUST be prepared to
//# process options even if they do not begin on a word boundary (MUST-64).
#[test]
fn an_option_that_nobody_knows_is_skipped_at_any_alignment() {
    let options = TcpOptions::parse(&[1, 99, 2, 253, 5, 7, 7, 7, 2, 4, 5, 0xb4, 1, 3, 3, 7, 0, 2, 0]);
    let expected = TcpOptions { mss: Some(1460), window_scale: Some(7), ..TcpOptions::NONE };
    assert_eq!(options, Ok(expected), "what follows the end of the list is padding");
}

#[test]
fn a_data_offset_outside_the_segment_is_refused() {
    let addresses = ([1; 4].into(), [2; 4].into());
    for (data_offset, expected) in
        [(4, Some(Malformed::BadHeaderLength)), (6, Some(Malformed::BadHeaderLength)), (5, None)]
    {
        let mut bytes = [0; 20];
        bytes[12] = data_offset << 4;
        assert_eq!(TcpSegment::parse(&bytes, addresses, ChecksumPolicy::Ignore).err(), expected);
    }
}

//= https://www.rfc-editor.org/rfc/rfc8200#section-8.1
//= type=test
//# IPv6 receivers must discard UDP packets containing a zero checksum and should log the
//# error.
#[test]
fn a_datagram_without_a_checksum_is_for_ipv4_only() {
    let bytes = [0, 1, 0, 2, 0, 9, 0, 0, b'x'];
    let parse = |addresses, policy| UdpDatagram::parse(&bytes, addresses, policy).map(|read| read.payload);
    let (v4, v6) = (([1; 4].into(), [2; 4].into()), ([1; 16].into(), [2; 16].into()));
    assert_eq!(parse(v4, ChecksumPolicy::Verify), Ok(&b"x"[..]));
    assert_eq!(parse(v6, ChecksumPolicy::Verify), Err(Malformed::MissingChecksum));
    assert_eq!(parse(v6, ChecksumPolicy::AllowPartial), Err(Malformed::MissingChecksum));
    assert_eq!(parse(v6, ChecksumPolicy::Ignore), Ok(&b"x"[..]));
}

//= https://www.rfc-editor.org/rfc/rfc8200#section-8.1
//= type=test
//# That is, whenever originating a UDP packet, an IPv6 node must compute a UDP checksum over
//# the packet and the pseudo-header, and, if that computation yields a result of zero, it
//# must be changed to hex FFFF for placement in the UDP header.
#[test]
fn a_datagram_whose_checksum_would_be_zero_says_ffff() {
    let (src, dst) = (IpAddr::from([0; 4]), IpAddr::from([0; 4]));
    // 17 + 10 + 10 and the two octets are all that is summed.
    let payload = (0xffff - 17 - 10 - 10u16).to_be_bytes();
    let mut bytes = Vec::new();
    UdpDatagram { src_port: 0, dst_port: 0, payload: &payload }.emit(src, dst, &mut bytes);
    assert_eq!(bytes[6..8], [0xff, 0xff]);
    assert!(UdpDatagram::parse(&bytes, (src, dst), ChecksumPolicy::Verify).is_ok());
}

#[test]
fn a_udp_length_without_room_for_its_header_is_refused() {
    let refused = |len| {
        let bytes = [0, 1, 0, 2, 0, len, 0, 0];
        UdpDatagram::parse(&bytes, ([1; 4].into(), [2; 4].into()), ChecksumPolicy::Verify).err()
    };
    assert_eq!(refused(7), Some(Malformed::BadTotalLength));
    assert_eq!(refused(9), Some(Malformed::Truncated));
    assert_eq!(refused(8), None);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        try_everything(&bytes);
    }

    /// Random bytes seldom get past the version: help them.
    #[test]
    fn random_bytes_behind_a_plausible_header_never_panic(
        header in ip_header(),
        protocol in prop::sample::select(&[0u8, 1, 6, 17, 43, 44, 58, 60][..]),
        bytes in prop::collection::vec(prop_oneof![0u8..10, any::<u8>()], 0..300),
    ) {
        let mut frame = Vec::new();
        IpHeader { protocol: Protocol::Unknown(protocol), ..header }.emit(bytes.len(), &mut frame);
        frame.extend_from_slice(&bytes);
        try_everything(&frame);
    }

    #[test]
    fn a_frame_cut_anywhere_is_refused(header in ip_header(), segment in tcp_header(), cut: prop::sample::Index) {
        let header = IpHeader { protocol: Protocol::Tcp, ..header };
        let mut frame = Vec::new();
        header.emit(segment.len(), &mut frame);
        segment.emit(header.src, header.dst, &mut frame);
        prop_assert_eq!(understand(&frame, ChecksumPolicy::Verify), Ok(()));
        let cut = cut.index(frame.len());
        prop_assert!(IpPacket::parse(&frame[..cut]).is_err());
        try_everything(&frame[..cut]);
        try_everything(&frame[cut..]);
        // The same loss, hidden by a header that counts only what is left.
        let segment_octets = &frame[header.len()..];
        let kept = &segment_octets[..cut.min(segment_octets.len() - 1)];
        let mut shorter = Vec::new();
        header.emit(kept.len(), &mut shorter);
        shorter.extend_from_slice(kept);
        try_everything(&shorter);
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //= type=test
    //# The sender MUST generate it (MUST-2) and the receiver MUST check it (MUST-3).
    //= https://www.rfc-editor.org/rfc/rfc6864#section-5.2
    //= type=test
    //# Higher-layer protocols SHOULD verify the integrity of IPv4 datagrams, e.g., using a
    //# checksum or hash that can detect reassembly errors (the UDP and TCP checksums are weak in
    //# this regard, but better than nothing).
    //= https://www.rfc-editor.org/rfc/rfc6864#section-5.2
    //= type=test
    //# Higher-layer protocols SHOULD verify the integrity of IPv4 datagrams, e.g., using a
    //# checksum or hash that can detect reassembly errors (the UDP and TCP checksums are weak in
    //# this regard, but better than nothing).
    #[test]
    fn one_flipped_bit_of_a_segment_is_noticed(
        (src, dst) in addresses(), header in tcp_header(), data in payload(), flip: prop::sample::Index,
    ) {
        let mut bytes = Vec::new();
        TcpSegment { payload: &data, ..header }.emit(src, dst, &mut bytes);
        let bit = flip.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(
            TcpSegment::parse(&bytes, (src, dst), ChecksumPolicy::Verify), Err(Malformed::BadChecksum)
        );
    }

    #[test]
    fn one_flipped_bit_of_an_icmpv6_message_is_noticed(
        src: [u8; 16], dst: [u8; 16], data in payload(), flip: prop::sample::Index,
    ) {
        let (src, dst) = (src.into(), dst.into());
        let mut bytes = Vec::new();
        IcmpMessage::EchoReply { ident: 1, seq: 2, data: &data }.emit(src, dst, &mut bytes);
        let bit = flip.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(
            IcmpMessage::parse(&bytes, (src, dst), ChecksumPolicy::Verify), Err(Malformed::BadChecksum)
        );
    }

    /// Behind the first octet, whose bits decide what the others are.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.2
    //= type=test
    //# A host MUST verify the IP header checksum on every received datagram and silently discard
    //# every datagram that has a bad checksum.
    #[test]
    fn one_flipped_bit_of_an_ipv4_header_is_noticed(
        src: [u8; 4], dst: [u8; 4], header in ip_header(), bit in 8usize..160,
    ) {
        let mut frame = Vec::new();
        IpHeader { src: src.into(), dst: dst.into(), ..header }.emit(0, &mut frame);
        frame[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(IpPacket::parse(&frame), Err(Malformed::BadChecksum));
    }

    #[test]
    fn sequence_space_is_what_the_payload_and_the_two_controls_take(header in tcp_header(), data in payload()) {
        let segment = TcpSegment { payload: &data, ..header };
        let controls = [Flags::SYN, Flags::FIN].into_iter().filter(|flag| header.flags.contains(*flag));
        prop_assert_eq!(segment.seq_len(), (data.len() + controls.count()) as u32);
    }
}

//= https://www.rfc-editor.org/rfc/rfc7413#section-4.1.1
//= type=test
//# Options with invalid Length values or without the SYN flag set MUST
//# be ignored.
//= https://www.rfc-editor.org/rfc/rfc7413#section-9
//= type=test
//# Current and new
//# implementations SHOULD use option (34).
#[test]
fn a_fast_open_option_of_an_impossible_length_is_ignored() {
    for len in [1, 2, 3, 5, 7, 15, 17, 18, 30] {
        let option = [&[34, 2 + len as u8][..], &[9; 30][..len]].concat();
        assert_eq!(TcpOptions::parse(&option), Ok(TcpOptions::NONE), "{len}");
    }
    let cookie = FastOpenCookie::new(&[9; 8]);
    assert_eq!(TcpOptions::parse(&[34, 10, 9, 9, 9, 9, 9, 9, 9, 9]).unwrap().fast_open, cookie);
}

//= https://www.rfc-editor.org/rfc/rfc5482#section-3.4
//= type=test
//# A TCP User Timeout Option with a "User Timeout" field of zero and a
//# "Granularity" bit of either minutes (1) or seconds (0) is reserved
//# for future use.  Current TCP implementations MUST NOT send it and
//# MUST ignore it upon reception.
#[test]
fn a_user_timeout_of_nothing_is_neither_heard_nor_said() {
    for field in [[0, 0], [0x80, 0]] {
        assert_eq!(TcpOptions::parse(&[28, 4, field[0], field[1]]), Ok(TcpOptions::NONE));
    }
    let mut bytes = Vec::new();
    let options = TcpOptions { user_timeout: Some(Duration::from_millis(1)), ..TcpOptions::NONE };
    let (src, dst) = (IpAddr::from([1; 4]), IpAddr::from([2; 4]));
    TcpSegment { options, ..TcpSegment::default() }.emit(src, dst, &mut bytes);
    assert_eq!(bytes[20..], [28, 4, 0, 1]);
}

//= https://www.rfc-editor.org/rfc/rfc5482#section-3.3
//= type=test
//# Length of the TCP option in octets [RFC0793]; its value MUST be 4.
//= https://www.rfc-editor.org/rfc/rfc5482#section-3.3
//= type=test
//# When set (G = 1), the time interval in the "User Timeout"
//# field MUST be interpreted as minutes.  Otherwise (G = 0), the time
//# interval in the "User Timeout" field MUST be interpreted as
//# seconds.
//= https://www.rfc-editor.org/rfc/rfc5482#section-3.3
//= type=test
//# This MUST be 28, i.e., the TCP option number [RFC0793] that has
//# been assigned by IANA (see Section 7).
//= https://www.rfc-editor.org/rfc/rfc5482#section-3.3
//= type=test
//# It
//# MUST be interpreted as a 15-bit unsigned integer.
#[test]
fn a_user_timeout_is_in_seconds_or_minutes() {
    let timeout = |option: &[u8]| TcpOptions::parse(option).map(|options| options.user_timeout);
    assert_eq!(timeout(&[28, 4, 0x7f, 0xff]), Ok(Some(Duration::from_secs(32_767))));
    assert_eq!(timeout(&[28, 4, 0xff, 0xff]), Ok(Some(Duration::from_secs(32_767 * 60))));
    assert_eq!(timeout(&[28, 4, 0x80, 2]), Ok(Some(Duration::from_secs(120))));
    assert_eq!(timeout(&[28, 3, 0x80]), Err(Malformed::BadOption));
    assert_eq!(timeout(&[28, 5, 0, 1, 0]), Err(Malformed::BadOption));
}
