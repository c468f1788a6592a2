//! Packets captured from the loopback interface of Linux, and the examples of the RFCs.
//!
//! Loopback frames never meet hardware, so their TCP and UDP checksums are partial.

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::tcp::seq::Seq;
use crate::wire::checksum::Sum;
use crate::wire::*;

/// `connect()` to a port of 127.0.0.1.
const SYN: &str = "4500003ce5894000400657307f0000017f000001\
    98808619b205b6b600000000a002ffd7fe3000000204ffd70402080af43a8d5a000000000103030a";
/// Its answer.
const SYN_ACK: &str = "4500003c0000400040063cba7f0000017f000001\
    861998806039b92cb205b6b7a012ffcbfe3000000204ffd70402080aa66f235df43a8d5a0103030a";
/// `send("GET /\r\n")` on that connection.
const DATA: &str = "4500003be58b40004006572f7f0000017f000001\
    98808619b205b6b76039b92d80180040fe2f00000101080af43a8d5ba66f235d474554202f0d0a";
/// `connect()` to a port of `::1`.
const SYN_V6: &str = "600853b4002806400000000000000000000000000000000100000000000000000000000000000001\
    ae28d65b8faf2aa600000000a002ffc4003000000204ffc40402080afbe1b983000000000103030a";
/// `send("hello")` to UDP port 9, where nobody listens, and what came back for it.
const UDP: &str = "4500002128a040004011142a7f0000017f000001d7c10009000dfe2068656c6c6f";
const UDP_REFUSED: &str = "45c0003d21b3000040015a4b7f0000017f0000010303e33100000000\
    4500002128a040004011142a7f0000017f000001d7c10009000dfe2068656c6c6f";
/// The same over IPv6.
const UDP_REFUSED_V6: &str = "6000cded003d3a400000000000000000000000000000000100000000000000000000000000000001\
    010449c200000000600957f2000d11400000000000000000000000000000000100000000000000000000000000000001\
    a76d0009000d002068656c6c6f";

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).expect("a hex digit")).collect();
    digits.as_chunks().0.iter().map(|[high, low]| (high << 4 | low) as u8).collect()
}

fn tcp<'a>(packet: &IpPacket<'a>, policy: ChecksumPolicy) -> Result<TcpSegment<'a>, Malformed> {
    assert_eq!(packet.protocol, Protocol::Tcp);
    TcpSegment::parse(packet.payload, (packet.src, packet.dst), policy)
}

fn show(hex: &str) -> alloc::string::String {
    let frame = octets(hex);
    let packet = IpPacket::parse(&frame).expect("an IP packet");
    alloc::format!("{}", tcp(&packet, ChecksumPolicy::AllowPartial).expect("a TCP segment"))
}

#[test]
fn the_example_of_rfc_1071_sums_to_ddf2() {
    let example = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    assert_eq!(Sum::of(&example).folded(), 0xddf2);
    assert_eq!(Sum::of(&example).checksum(), 0x220d);
    // The same, cut after an odd number of octets (RFC 1071 §3, the last example).
    let mut sum = Sum::of(&example[..3]);
    sum.add(&example[3..]);
    assert_eq!(sum.folded(), 0xddf2);
}

#[test]
fn a_linux_handshake_reads_as_tcpdump_shows_it() {
    assert_eq!(
        show(SYN),
        "S 2986718902:2986718902(0) win 65495 <mss 65495,sackOK,TS val 4097477978 ecr 0,wscale 10>"
    );
    assert_eq!(
        show(SYN_ACK),
        "S. 1614395692:1614395692(0) ack 2986718903 win 65483 \
         <mss 65495,sackOK,TS val 2792301405 ecr 4097477978,wscale 10>"
    );
    assert_eq!(
        show(DATA),
        "P. 2986718903:2986718910(7) ack 1614395693 win 64 <TS val 4097477979 ecr 2792301405>"
    );
}

#[test]
fn a_packet_that_never_left_the_machine_is_whole_and_not_corrupt() {
    for hex in [SYN, SYN_ACK, DATA, SYN_V6] {
        let frame = octets(hex);
        let packet = IpPacket::parse(&frame).expect("an IP packet");
        assert_eq!(tcp(&packet, ChecksumPolicy::Verify), Err(Malformed::BadChecksum));
        assert!(tcp(&packet, ChecksumPolicy::AllowPartial).is_ok());
        assert!(tcp(&packet, ChecksumPolicy::Ignore).is_ok());
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
//= type=test
//# The sender MUST generate it (MUST-2) and the receiver MUST check it (MUST-3).
#[test]
fn what_linux_wrote_is_written_again_octet_for_octet() {
    for (hex, ident) in [(SYN, 0xe589), (SYN_ACK, 0), (DATA, 0xe58b)] {
        let frame = octets(hex);
        let packet = IpPacket::parse(&frame).expect("an IP packet");
        let segment = tcp(&packet, ChecksumPolicy::AllowPartial).expect("a TCP segment");
        let IpPacket { src, dst, protocol, hop_limit, ecn, dscp, .. } = packet;
        let mut written = Vec::new();
        IpHeader { src, dst, protocol, hop_limit, ecn, dscp, ident, options: Default::default() }
            .emit(segment.len(), &mut written);
        segment.emit_partial(src, dst, [segment.payload], &mut written);
        assert_eq!(written, frame);
    }
}

#[test]
fn a_refused_datagram_is_quoted_with_its_ports() {
    let loopback = |v6| if v6 { "::1" } else { "127.0.0.1" }.parse::<IpAddr>().expect("an address");
    for (hex, v6, src_port) in [(UDP_REFUSED, false, 55233), (UDP_REFUSED_V6, true, 42861)] {
        let frame = octets(hex);
        let packet = IpPacket::parse(&frame).expect("an IP packet");
        let message = IcmpMessage::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Verify);
        let quoted_packet = &packet.payload[8..];
        let quoted = Quoted {
            src: loopback(v6),
            dst: loopback(v6),
            protocol: Protocol::Udp,
            src_port,
            dst_port: 9,
            seq: None,
            len: quoted_packet.len(),
            packet: quoted_packet,
        };
        assert_eq!(message, Ok(IcmpMessage::Unreachable { code: Unreachable::Port, quoted }));

        // And this is how Linux would have it from us.
        let mut written = Vec::new();
        IcmpMessage::Unreachable { code: Unreachable::Port, quoted: Quoted::parse(quoted_packet).unwrap() }
            .emit(packet.src, packet.dst, &mut written);
        assert_eq!(written, packet.payload);
    }
}

#[test]
fn a_udp_datagram_ends_where_its_length_says() {
    let mut frame = octets(UDP);
    frame.extend_from_slice(&[0xee; 13]); // the padding of a short Ethernet frame
    let packet = IpPacket::parse(&frame).expect("an IP packet");
    assert_eq!(packet.packet.len(), 33);
    let datagram = UdpDatagram::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::AllowPartial);
    assert_eq!(datagram, Ok(UdpDatagram { src_port: 55233, dst_port: 9, payload: b"hello" }));
}

#[test]
fn a_quoted_segment_gives_its_sequence_number_if_the_quote_reaches_that_far() {
    let frame = octets(SYN);
    assert_eq!(Quoted::parse(&frame).unwrap().seq, Some(Seq(0xb205_b6b6)));
    // The least that RFC 792 promises: the IP header and 64 bits.
    assert_eq!(Quoted::parse(&frame[..28]).unwrap().seq, Some(Seq(0xb205_b6b6)));
    assert_eq!(Quoted::parse(&frame[..27]).unwrap().seq, None);
    assert_eq!(Quoted::parse(&frame[..23]), Err(Malformed::Truncated));
}
