//! Ethernet, ARP and neighbor discovery: examples octet by octet, laws, and frames that nobody should have sent.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::strategies::*;
use crate::wire::*;

const A: Mac = Mac([2, 0, 0, 0, 0, 1]);
const B: Mac = Mac([2, 0, 0, 0, 0, 2]);

/// `who has 10.1.0.2, tell 10.1.0.1`.
const ARP_REQUEST: &str = "ffffffffffff0200000000010806\
    00010800060400010200000000010a0100010000000000000a010002";

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).expect("a hex digit") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A packet of neighbor discovery.
fn ndp(
    message: NdpMessage,
    options: &[NdpOption<'_>],
    (src, dst): (Ipv6Addr, Ipv6Addr),
    hop_limit: u8,
) -> Vec<u8> {
    let mut body = Vec::new();
    message.emit(options, src, dst, &mut body);
    packet(&body, (src, dst), hop_limit)
}

fn packet(body: &[u8], (src, dst): (Ipv6Addr, Ipv6Addr), hop_limit: u8) -> Vec<u8> {
    let (src, dst) = (IpAddr::V6(src), IpAddr::V6(dst));
    let mut packet = Vec::new();
    IpHeader {
        src,
        dst,
        protocol: Protocol::Icmpv6,
        hop_limit,
        ecn: 0,
        dscp: 0,
        ident: 0,
        options: Default::default(),
    }
    .emit(body.len(), &mut packet);
    packet.extend_from_slice(body);
    packet
}

fn ends(src: &str, dst: &str) -> (Ipv6Addr, Ipv6Addr) {
    (src.parse().unwrap(), dst.parse().unwrap())
}

fn read(packet: &[u8]) -> Result<NdpMessage, Malformed> {
    NdpMessage::parse(&IpPacket::parse(packet).unwrap(), ChecksumPolicy::Verify).map(|(message, _)| message)
}

const SOLICITATION: NdpMessage =
    NdpMessage::NeighborSolicitation { target: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2) };

fn advertisement(solicited: bool) -> NdpMessage {
    let target = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
    NdpMessage::NeighborAdvertisement { router: false, solicited, overrides: true, target }
}

//= https://www.rfc-editor.org/rfc/rfc826
//= type=test
//# The packet data should be viewed as a byte stream in which only 3 byte pairs are defined
//# to be words (ar$hrd, ar$pro and ar$op) which are sent most significant byte first
//# (Ethernet/PDP-10 byte style).
#[test]
fn a_request_reads_as_what_it_asks() {
    let bytes = octets(ARP_REQUEST);
    let frame = EthernetFrame::parse(&bytes).unwrap();
    assert_eq!((frame.dst, frame.src, frame.vlan), (Mac::BROADCAST, A, None));
    assert_eq!(frame.ether_type, EtherType::Arp);
    let request = Arp {
        operation: ArpOperation::Request,
        sender_mac: A,
        sender_ip: Ipv4Addr::new(10, 1, 0, 1),
        target_mac: Mac([0; 6]),
        target_ip: Ipv4Addr::new(10, 1, 0, 2),
    };
    assert_eq!(Arp::parse(frame.payload), Ok(request));
    let mut written = Vec::new();
    request.emit(&mut written);
    assert_eq!(written, frame.payload);
}

#[test]
fn a_tag_is_between_the_addresses_and_the_type() {
    let vlan = Some(Vlan { id: 7, priority: 1 });
    let frame = EthernetFrame { dst: B, src: A, vlan, ether_type: EtherType::Ipv4, payload: b"ip" };
    let mut written = Vec::new();
    frame.emit(&mut written);
    assert_eq!(
        written,
        octets("020000000002020000000001810020070800").into_iter().chain(*b"ip").collect::<Vec<_>>()
    );
    assert_eq!(EthernetFrame::parse(&written), Ok(frame));
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-2.3.3
//= type=test
//# SHOULD be able to receive RFC-1042 packets, intermixed
//# with RFC-894 packets; and
#[test]
fn an_ieee_802_frame_with_a_snap_is_read_and_its_length_believed() {
    let frame = octets("020000000002020000000001000aaaaa030000000800abcdee");
    let read = EthernetFrame::parse(&frame).unwrap();
    assert_eq!((read.ether_type, read.payload), (EtherType::Ipv4, &[0xab, 0xcd][..]));
    let refused = |hex: &str| EthernetFrame::parse(&octets(hex)).unwrap_err();
    assert_eq!(
        refused("0200000000020200000000010003424203"),
        Malformed::UnknownLinkProtocol,
        "spanning tree"
    );
    assert_eq!(refused("0200000000020200000000010010aaaa030000000800"), Malformed::Truncated);
    assert_eq!(refused("0200000000020200000000010007aaaa0300000008"), Malformed::Truncated);
}

#[test]
fn a_second_tag_is_an_unknown_type() {
    let frame = octets("0200000000020200000000018100000781000008");
    assert_eq!(EthernetFrame::parse(&frame).unwrap().ether_type, EtherType::Unknown(0x8100));
}

#[test]
fn addresses_read_as_they_are_written() {
    for text in ["02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "0a:1b:2c:3d:4e:5f"] {
        assert_eq!(text.parse::<Mac>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "02:00:00:00:00",
        "02:00:00:00:00:01:02",
        "2:0:0:0:0:1",
        "02-00-00-00-00-01",
        "+2:00:00:00:00:01",
    ] {
        assert_eq!(text.parse::<Mac>(), Err(NotAMac), "{text}");
    }
    assert!(A.is_unicast() && !Mac::BROADCAST.is_unicast() && !Mac([0; 6]).is_unicast());
    assert_eq!(Mac::of_multicast("ff02::1:ff00:2".parse().unwrap()).to_string(), "33:33:ff:00:00:02");
    assert_eq!(
        solicited_node("fd00::12:3456".parse().unwrap()),
        "ff02::1:ff12:3456".parse::<Ipv6Addr>().unwrap()
    );
}

#[test]
fn an_arp_message_of_other_hardware_or_protocols_is_refused() {
    let message = octets(ARP_REQUEST)[14..].to_vec();
    for (at, value) in [(1, 6), (2, 0x86), (4, 8), (5, 16), (7, 3), (7, 0), (6, 1)] {
        let mut other = message.clone();
        other[at] = value;
        assert_eq!(Arp::parse(&other), Err(Malformed::UnknownLinkProtocol), "{value} at {at}");
    }
    for len in 0..message.len() {
        assert!(Arp::parse(&message[..len]).is_err(), "{len} octets");
    }
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.1
//= type=test
//# A node MUST silently discard any received Neighbor Solicitation
//# messages that do not satisfy all of the following validity checks:
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.3
//= type=test
//# It MUST NOT be a multicast address.
#[test]
fn each_check_of_a_solicitation_is_made() {
    let to = ends("fd00::1", "ff02::1:ff00:2");
    let source = [NdpOption::SourceLinkLayer(A)];
    assert_eq!(read(&ndp(SOLICITATION, &source, to, 255)), Ok(SOLICITATION));
    for hop_limit in [0, 64, 254] {
        assert_eq!(read(&ndp(SOLICITATION, &source, to, hop_limit)), Err(Malformed::Forwarded));
    }
    let invalid = Err(Malformed::InvalidNeighborDiscovery);
    let group = NdpMessage::NeighborSolicitation { target: "ff02::1".parse().unwrap() };
    assert_eq!(read(&ndp(group, &source, to, 255)), invalid, "a group");
    let probe = ends("::", "ff02::1:ff00:2");
    assert_eq!(read(&ndp(SOLICITATION, &[], probe, 255)), Ok(SOLICITATION), "a probe for duplicates");
    assert_eq!(read(&ndp(SOLICITATION, &source, probe, 255)), invalid, "a probe that tells an address");
    assert_eq!(read(&ndp(SOLICITATION, &[], ends("::", "fd00::2"), 255)), invalid, "a probe for one");
    assert_eq!(read(&coded(SOLICITATION, to)), invalid, "a code");
}

/// With code 1, and a checksum that fits.
fn coded(message: NdpMessage, ends: (Ipv6Addr, Ipv6Addr)) -> Vec<u8> {
    let mut body = Vec::new();
    message.emit(&[], ends.0, ends.1, &mut body);
    body[1] = 1;
    let sum = u16::from_be_bytes([body[2], body[3]]);
    // One's complement: what is added to a word is taken from the checksum.
    body[2..4].copy_from_slice(
        &(!checksum::Sum::of(&[(!sum).to_be_bytes(), [0, 1]].concat()).folded()).to_be_bytes(),
    );
    packet(&body, ends, 255)
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.2
//= type=test
//# A node MUST silently discard any received Neighbor Advertisement
//# messages that do not satisfy all of the following validity checks:
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
//= type=test
//# The Target Address MUST NOT be a multicast address.
#[test]
fn each_check_of_an_advertisement_is_made() {
    let (unicast, multicast) = (ends("fd00::2", "fd00::1"), ends("fd00::2", "ff02::1"));
    let target = [NdpOption::TargetLinkLayer(B)];
    assert_eq!(read(&ndp(advertisement(true), &target, unicast, 255)), Ok(advertisement(true)));
    assert_eq!(read(&ndp(advertisement(false), &target, multicast, 255)), Ok(advertisement(false)));
    assert_eq!(read(&ndp(advertisement(true), &target, unicast, 254)), Err(Malformed::Forwarded));
    let invalid = Err(Malformed::InvalidNeighborDiscovery);
    assert_eq!(read(&ndp(advertisement(true), &target, multicast, 255)), invalid, "solicited by everybody");
    assert_eq!(read(&coded(advertisement(true), unicast)), invalid, "a code");
    let target = "ff02::2".parse().unwrap();
    let group = NdpMessage::NeighborAdvertisement { router: false, solicited: true, overrides: true, target };
    assert_eq!(read(&ndp(group, &[], unicast, 255)), invalid, "a group");
    let mut corrupt = ndp(advertisement(true), &[], unicast, 255);
    corrupt[60] ^= 1;
    assert_eq!(read(&corrupt), Err(Malformed::BadChecksum));
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-6.1.2
//= type=test
//# A node MUST silently discard any received Router Advertisement
//# messages that do not satisfy all of the following validity checks:
//= https://www.rfc-editor.org/rfc/rfc4861#section-8.1
//= type=test
//# A host MUST silently discard any received Redirect message that does
//# not satisfy all of the following validity checks:
#[test]
fn routers_speak_from_link_local_addresses() {
    let advertisement = NdpMessage::RouterAdvertisement(RouterAdvertisement::default());
    let destination = "fd01::9".parse().unwrap();
    let to_router = NdpMessage::Redirect { target: "fe80::2".parse().unwrap(), destination };
    let on_link = NdpMessage::Redirect { target: destination, destination };
    let invalid = Err(Malformed::InvalidNeighborDiscovery);
    for message in [advertisement, to_router, on_link] {
        assert_eq!(read(&ndp(message, &[], ends("fe80::1", "fd00::1"), 255)), Ok(message));
        assert_eq!(read(&ndp(message, &[], ends("fd00::9", "fd00::1"), 255)), invalid);
        assert_eq!(read(&ndp(message, &[], ends("fe80::1", "fd00::1"), 64)), Err(Malformed::Forwarded));
        assert_eq!(read(&coded(message, ends("fe80::1", "fd00::1"))), invalid);
    }
    let elsewhere = NdpMessage::Redirect { target: "fd00::7".parse().unwrap(), destination };
    assert_eq!(read(&ndp(elsewhere, &[], ends("fe80::1", "fd00::1"), 255)), invalid);
    let group = "ff02::1".parse().unwrap();
    let to_group = NdpMessage::Redirect { target: group, destination: group };
    assert_eq!(read(&ndp(to_group, &[], ends("fe80::1", "fd00::1"), 255)), invalid);
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-4.6
//= type=test
//# The value 0 is invalid.  Nodes MUST
//# silently discard an ND packet that contains an
//# option with length zero.
#[test]
fn options_that_lie_about_their_length_spoil_the_message() {
    let ends = ends("fd00::1", "ff02::1:ff00:2");
    for option in [&[1, 0, 0, 0, 0, 0, 0, 0][..], &[1], &[1, 1, 2], &[9, 2, 0, 0, 0, 0, 0, 0]] {
        let mut body = Vec::new();
        SOLICITATION.emit(&[], ends.0, ends.1, &mut body);
        body.extend_from_slice(option);
        let packet = packet(&body, ends, 255);
        let read = NdpMessage::parse(&IpPacket::parse(&packet).unwrap(), ChecksumPolicy::Ignore);
        assert_eq!(read.map(|_| ()), Err(Malformed::BadOption), "{option:?}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-9
//= type=test
//# all nodes MUST silently ignore any options
//# they do not recognize in received ND packets and continue processing
//# the packet.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.3
//= type=test
//# Receivers MUST silently ignore any options they do not recognize and continue processing
//# the message.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
//= type=test
//# Receivers MUST silently ignore any options they do not recognize and continue processing
//# the message.
//= https://www.rfc-editor.org/rfc/rfc4861#section-9
//= type=test
//# A node MUST NOT ignore valid options just because the ND message contains unrecognized
//# ones.
#[test]
fn options_that_nobody_knows_are_passed_over() {
    let ends = ends("fd00::1", "ff02::1:ff00:2");
    let options = [NdpOption::Unknown(99), NdpOption::SourceLinkLayer(A)];
    let packet = ndp(SOLICITATION, &options, ends, 255);
    let packet = IpPacket::parse(&packet).unwrap();
    let (message, read) = NdpMessage::parse(&packet, ChecksumPolicy::Verify).unwrap();
    assert_eq!(message, SOLICITATION);
    assert_eq!(read.iter().next(), Some(NdpOption::Unknown(99)));
    assert_eq!(read.source_link_layer(), Some(A));
}

/// A packet of neighbor discovery whose message has this body, checksum included.
fn with_body(kind: u8, body: &[u8], (src, dst): (Ipv6Addr, Ipv6Addr)) -> Vec<u8> {
    let mut message = [&[kind, 0, 0, 0], body].concat();
    let pseudo = checksum::pseudo_header(src.into(), dst.into(), Protocol::Icmpv6, message.len());
    let mut sum = pseudo;
    sum.add(&message);
    checksum::fill(&mut message, 2, sum.checksum());
    packet(&message, (src, dst), 255)
}

const ON_LINK: PrefixInformation = PrefixInformation {
    prefix: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0),
    length: 64,
    on_link: true,
    autonomous: true,
    valid_s: 3600,
    preferred_s: 1800,
};

//= https://www.rfc-editor.org/rfc/rfc4861#section-4.1
//= type=test
//# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.2
//= type=test
//# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.3
//= type=test
//# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
//= type=test
//# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.5
//= type=test
//# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2
//= type=test
//# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2
//= type=test
//# The bits in the prefix after the prefix length are reserved and MUST be initialized to
//# zero by the sender and ignored by the receiver.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.3
//= type=test
//# They MUST be initialized to zero by the sender and MUST be ignored by the receiver.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.4
//= type=test
//# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
//= https://www.rfc-editor.org/rfc/rfc4861#section-6.1.2
//= type=test
//# The contents of the Reserved field, and of any unrecognized options, MUST be ignored.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.1
//= type=test
//# The contents of the Reserved field, and of any unrecognized options, MUST be ignored.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.2
//= type=test
//# The contents of the Reserved field, and of any unrecognized options, MUST be ignored.
//= https://www.rfc-editor.org/rfc/rfc4861#section-8.1
//= type=test
//# The contents of the Reserved field, and of any unrecognized options, MUST be ignored.
#[test]
fn reserved_fields_are_written_as_zeros_and_ignored() {
    let ends = ends("fe80::1", "fd00::2");
    let target: Ipv6Addr = "fd00::2".parse().unwrap();
    let options = [NdpOption::Prefix(ON_LINK), NdpOption::Mtu(1500), NdpOption::RedirectedHeader(&[7; 8])];
    let advertised = NdpMessage::RouterAdvertisement(RouterAdvertisement::default());
    let redirect = NdpMessage::Redirect { target, destination: target };
    // Of each message, the octets of its body that are reserved, and the bits of the one that is so in part.
    let messages: [(NdpMessage, &[usize], (usize, u8)); 5] = [
        (NdpMessage::RouterSolicitation, &[0, 1, 2, 3], (0, 0)),
        (advertised, &[], (1, 0x3f)),
        (SOLICITATION, &[0, 1, 2, 3], (0, 0)),
        (advertisement(true), &[1, 2, 3], (0, 0x1f)),
        (redirect, &[0, 1, 2, 3], (0, 0)),
    ];
    for (message, reserved, (partly, bits)) in messages {
        let written = ndp(message, &options, ends, 255);
        let kind = written[40];
        let mut body = written[44..].to_vec();
        let options_at = body.len() - 32 - 8 - 16;
        // The reserved octets of the prefix, MTU and redirected header options, in their order.
        let of_options = [12, 13, 14, 15, 34, 35, 42, 43, 44, 45, 46, 47].map(|at| options_at + at);
        for &at in reserved.iter().chain(&of_options) {
            assert_eq!(body[at], 0, "{message:?} {at}");
            body[at] = 0xff;
        }
        for (at, bits) in [(partly, bits), (options_at + 3, 0x3f)] {
            assert_eq!(body[at] & bits, 0, "{message:?} {at}");
            body[at] |= bits;
        }
        let changed = with_body(kind, &body, ends);
        let changed = IpPacket::parse(&changed).unwrap();
        let (read, found) = NdpMessage::parse(&changed, ChecksumPolicy::Verify).unwrap();
        assert_eq!(read, message);
        assert_eq!(found.iter().collect::<Vec<_>>(), options);
    }
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.1
//= type=test
//# These options MUST be silently ignored for other Neighbor Discovery messages.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2
//= type=test
//# The Prefix Information option appears in Router Advertisement packets and MUST be silently
//# ignored for other messages.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.3
//= type=test
//# This option MUST be silently ignored for other Neighbor Discovery messages.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.4
//= type=test
//# This option MUST be silently ignored for other Neighbor Discovery messages.
//= https://www.rfc-editor.org/rfc/rfc4861#section-6.1.2
//= type=test
//# The contents of any defined options that are not specified to be used with Router
//# Advertisement messages MUST be ignored and the packet processed as normal.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.1
//= type=test
//# The contents of any defined options that are not specified to be used with Neighbor
//# Solicitation messages MUST be ignored and the packet processed as normal.
//= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.2
//= type=test
//# The contents of any defined options that are not specified to be used with Neighbor
//# Advertisement messages MUST be ignored and the packet processed as normal.
//= https://www.rfc-editor.org/rfc/rfc4861#section-8.1
//= type=test
//# The contents of any defined options that are not specified to be used with Redirect
//# messages MUST be ignored and the packet processed as normal.
//= https://www.rfc-editor.org/rfc/rfc4861#section-9
//= type=test
//# Options in Neighbor Discovery packets can appear in any order; receivers MUST be prepared
//# to process them independently of their order.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.1
//= type=test
//# Receivers MUST silently ignore any options they do not recognize and continue processing
//# the message.
//= https://www.rfc-editor.org/rfc/rfc4861#section-4.2
//= type=test
//# Receivers MUST silently ignore any options they do not recognize and continue processing
//# the message.
//= https://www.rfc-editor.org/rfc/rfc4861#section-9
//= type=test
//# Receivers MUST silently ignore any options they do not recognize and continue processing
//# the message.
#[test]
fn options_of_other_messages_are_passed_over_in_any_order() {
    let ends = ends("fe80::1", "fd00::2");
    let target = "fd00::2".parse().unwrap();
    let advertised = NdpMessage::RouterAdvertisement(RouterAdvertisement::default());
    let redirect = NdpMessage::Redirect { target, destination: target };
    let mut options = [
        NdpOption::Prefix(ON_LINK),
        NdpOption::Unknown(99),
        NdpOption::SourceLinkLayer(A),
        NdpOption::RedirectedHeader(&[7; 8]),
        NdpOption::TargetLinkLayer(B),
        NdpOption::Mtu(1500),
    ];
    for _ in 0..options.len() {
        options.rotate_left(1);
        for message in
            [NdpMessage::RouterSolicitation, advertised, SOLICITATION, advertisement(true), redirect]
        {
            let written = ndp(message, &options, ends, 255);
            let packet = IpPacket::parse(&written).unwrap();
            let (read, found) = NdpMessage::parse(&packet, ChecksumPolicy::Verify).unwrap();
            assert_eq!(read, message);
            assert_eq!((found.source_link_layer(), found.target_link_layer()), (Some(A), Some(B)));
        }
    }
}

proptest! {
    //= https://www.rfc-editor.org/rfc/rfc1122#section-2.3.3
    //= type=test
    //# MUST be able to send and receive packets using RFC-894 encapsulation;
    #[test]
    fn a_frame_reads_as_it_was_written(
        (dst, src) in (mac(), mac()), tag: Option<(u16, u8)>, number in 0x0600u16.., data in payload(),
    ) {
        prop_assume!(number != 0x8100);
        let vlan = tag.map(|(id, priority)| Vlan { id: id & 0x0fff, priority: priority & 7 });
        let frame = EthernetFrame { dst, src, vlan, ether_type: number.into(), payload: &data };
        let mut bytes = Vec::new();
        frame.emit(&mut bytes);
        prop_assert_eq!(bytes.len(), ethernet_header_len(vlan) + data.len());
        prop_assert_eq!(EthernetFrame::parse(&bytes), Ok(frame));
        for len in 0..ethernet_header_len(vlan) {
            prop_assert_eq!(EthernetFrame::parse(&bytes[..len]), Err(Malformed::Truncated));
        }
    }

    #[test]
    fn an_arp_message_reads_as_it_was_written(reply: bool, macs in (mac(), mac()), ips: ([u8; 4], [u8; 4]), padding in 0usize..20) {
        let operation = if reply { ArpOperation::Reply } else { ArpOperation::Request };
        let (sender_ip, target_ip) = (ips.0.into(), ips.1.into());
        let message = Arp { operation, sender_mac: macs.0, sender_ip, target_mac: macs.1, target_ip };
        let mut bytes = Vec::new();
        message.emit(&mut bytes);
        bytes.resize(bytes.len() + padding, 0);
        prop_assert_eq!(Arp::parse(&bytes), Ok(message));
    }

    //= https://www.rfc-editor.org/rfc/rfc4861#section-9
    //= type=test
    //# All options specified in this document MUST be recognized.
    #[test]
    fn neighbor_discovery_reads_as_it_was_written(
        message in ndp_message(), macs in (mac(), mac()), mtu: u32, prefix in prefix(), quoted in payload(),
    ) {
        let quoted = &quoted[..quoted.len() / 8 * 8];
        let options = [
            NdpOption::TargetLinkLayer(macs.1),
            NdpOption::Mtu(mtu),
            NdpOption::Prefix(prefix),
            NdpOption::RedirectedHeader(quoted),
            NdpOption::SourceLinkLayer(macs.0),
        ];
        let packet = ndp(message, &options, ends("fe80::1", "fd00::1"), 255);
        let packet = IpPacket::parse(&packet).unwrap();
        let (read, read_options) = NdpMessage::parse(&packet, ChecksumPolicy::Verify).unwrap();
        prop_assert_eq!(read, message);
        prop_assert_eq!(read_options.iter().collect::<Vec<_>>(), options);
        prop_assert_eq!(read_options.source_link_layer(), Some(macs.0));
        prop_assert_eq!(read_options.target_link_layer(), Some(macs.1));
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(prop_oneof![0u8..3, any::<u8>()], 0..200), kind in 130u8..140) {
        let _ = EthernetFrame::parse(&bytes);
        let _ = Arp::parse(&bytes);
        let ends = ends("fe80::1", "fd00::1");
        let body = [&[kind, 0, 0, 0][..], &bytes].concat();
        let packet = packet(&body, ends, 255);
        if let Ok((message, options)) = NdpMessage::parse(&IpPacket::parse(&packet).unwrap(), ChecksumPolicy::Ignore) {
            let _ = (options.iter().count(), options.source_link_layer(), options.target_link_layer());
            let all: Vec<_> = options.iter().collect();
            let mut written = Vec::new();
            message.emit(&all, ends.0, ends.1, &mut written);
        }
    }
}
