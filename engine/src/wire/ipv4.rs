//! IPv4 headers (RFC 791 §3.1, RFC 1122 §3.2.1).
//!
//! Options are skipped; fragments are refused; what we send never allows to be fragmented.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::checksum::{self, Sum};
use super::{IpHeader, IpPacket, Malformed, Protocol};

/// The length of a header without options.
pub(super) const HEADER_LEN: usize = 20;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

pub(super) fn parse(frame: &[u8]) -> Result<IpPacket<'_>, Malformed> {
    let fixed = Fixed::parse(frame)?;
    let header = frame.get(..fixed.header_len).ok_or(Malformed::Truncated)?;
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.2
    //# A host MUST verify the IP header checksum on every received
    //# datagram and silently discard every datagram that has a bad
    //# checksum.
    if Sum::of(header).checksum() != 0 {
        return Err(Malformed::BadChecksum);
    }
    if fixed.total_len < fixed.header_len {
        return Err(Malformed::BadTotalLength);
    }
    // Ethernet pads short frames to 60 octets: what lies beyond the total length is not ours.
    let packet = frame.get(..fixed.total_len).ok_or(Malformed::Truncated)?;
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2
    //# When received options are passed up to TCP from the IP layer, a TCP implementation MUST
    //# ignore options that it does not understand (MUST- 50).
    let payload = packet.get(fixed.header_len..).ok_or(Malformed::Truncated)?;
    if fixed.fragment {
        return Err(Malformed::Fragment);
    }
    Ok(IpPacket {
        src: IpAddr::V4(fixed.src),
        dst: IpAddr::V4(fixed.dst),
        protocol: fixed.protocol,
        hop_limit: fixed.hop_limit,
        ecn: fixed.traffic_class & 0b11,
        dscp: fixed.traffic_class >> 2,
        payload,
        packet,
    })
}

/// Reads a packet that an ICMP error quotes: cut off somewhere, and changed on its way, so that neither
/// its length nor its checksum can be held against it.
pub(super) fn parse_quoted(packet: &[u8]) -> Result<(Ipv4Addr, Ipv4Addr, Protocol, &[u8]), Malformed> {
    let fixed = Fixed::parse(packet)?;
    let payload = packet.get(fixed.header_len..).ok_or(Malformed::Truncated)?;
    // The start of the payload, with its ports, is in the first fragment and in no other.
    if fixed.later_fragment {
        Err(Malformed::Fragment)
    } else {
        Ok((fixed.src, fixed.dst, fixed.protocol, payload))
    }
}

/// The fields of the fixed part of the header.
struct Fixed {
    header_len: usize,
    total_len: usize,
    traffic_class: u8,
    fragment: bool,
    later_fragment: bool,
    hop_limit: u8,
    protocol: Protocol,
    src: Ipv4Addr,
    dst: Ipv4Addr,
}

impl Fixed {
    fn parse(frame: &[u8]) -> Result<Fixed, Malformed> {
        let h: &[u8; HEADER_LEN] = frame.first_chunk().ok_or(Malformed::Truncated)?;
        let header_len = usize::from(h[0] & 0x0f) * 4;
        if header_len < HEADER_LEN {
            return Err(Malformed::BadHeaderLength);
        }
        let flags_and_offset = u16::from_be_bytes([h[6], h[7]]);
        Ok(Fixed {
            header_len,
            total_len: usize::from(u16::from_be_bytes([h[2], h[3]])),
            traffic_class: h[1],
            fragment: flags_and_offset & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0,
            later_fragment: flags_and_offset & FRAGMENT_OFFSET != 0,
            hop_limit: h[8],
            protocol: Protocol::from(h[9]),
            src: Ipv4Addr::new(h[12], h[13], h[14], h[15]),
            dst: Ipv4Addr::new(h[16], h[17], h[18], h[19]),
        })
    }
}

pub(super) fn emit(header: &IpHeader, src: Ipv4Addr, dst: Ipv4Addr, payload_len: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let total_len = u16::try_from(HEADER_LEN + payload_len).unwrap_or(u16::MAX);
    out.extend_from_slice(&[0x45, header.traffic_class()]);
    out.extend_from_slice(&total_len.to_be_bytes());
    out.extend_from_slice(&header.ident.to_be_bytes());
    // Path MTU discovery needs the bit (RFC 1191 §3), and we ask nobody to reassemble.
    out.extend_from_slice(&DONT_FRAGMENT.to_be_bytes());
    out.extend_from_slice(&[header.hop_limit, header.protocol.number(), 0, 0]);
    out.extend_from_slice(&src.octets());
    out.extend_from_slice(&dst.octets());
    let sum = out.get(start..).map_or(Sum::ZERO, Sum::of);
    checksum::fill(out, start + 10, sum.checksum());
}
