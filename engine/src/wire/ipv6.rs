//! IPv6 headers (RFC 8200 §3) and the extension headers between them and the payload (§4).
//!
//! Extension headers are walked in their order and within a limit. What a destination has to understand in
//! them, it does: options that ask to be discarded when unknown, routing headers that are not finished,
//! fragments.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use super::{IpHeader, IpPacket, Malformed, Protocol};

/// The length of the fixed header.
pub(super) const HEADER_LEN: usize = 40;

/// How many extension headers a packet may have. RFC 8200 §4.1 knows an order with seven.
const EXTENSION_HEADERS_MAX: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const NO_NEXT_HEADER: u8 = 59;
const DESTINATION_OPTIONS: u8 = 60;

pub(super) fn parse(frame: &[u8]) -> Result<IpPacket<'_>, Malformed> {
    let fixed = Fixed::parse(frame)?;
    // Ethernet pads short frames to 60 octets: what lies beyond the payload length is not ours.
    let packet = frame.get(..HEADER_LEN + fixed.payload_len).ok_or(Malformed::Truncated)?;
    let upper = UpperLayer::find(packet, fixed.next_header)?;
    Ok(IpPacket {
        src: IpAddr::V6(fixed.src),
        dst: IpAddr::V6(fixed.dst),
        protocol: Protocol::from(upper.number),
        hop_limit: fixed.hop_limit,
        ecn: fixed.traffic_class & 0b11,
        dscp: fixed.traffic_class >> 2,
        payload: upper.payload,
        packet,
    })
}

/// Reads a packet that an ICMP error quotes: cut off somewhere, so that its length says nothing.
pub(super) fn parse_quoted(packet: &[u8]) -> Result<(Ipv6Addr, Ipv6Addr, Protocol, &[u8]), Malformed> {
    let fixed = Fixed::parse(packet)?;
    let upper = UpperLayer::find(packet, fixed.next_header)?;
    Ok((fixed.src, fixed.dst, Protocol::from(upper.number), upper.payload))
}

/// How far into `packet` the Next Header field lies that names its payload.
pub(super) fn upper_layer_named_at(packet: &[u8]) -> Result<usize, Malformed> {
    let fixed = Fixed::parse(packet)?;
    Ok(UpperLayer::find(packet, fixed.next_header)?.named_at)
}

/// The fields of the fixed header.
struct Fixed {
    traffic_class: u8,
    payload_len: usize,
    next_header: u8,
    hop_limit: u8,
    src: Ipv6Addr,
    dst: Ipv6Addr,
}

impl Fixed {
    fn parse(frame: &[u8]) -> Result<Fixed, Malformed> {
        let (h, rest) = frame.split_first_chunk::<8>().ok_or(Malformed::Truncated)?;
        let (src, rest) = rest.split_first_chunk::<16>().ok_or(Malformed::Truncated)?;
        let dst = rest.first_chunk::<16>().ok_or(Malformed::Truncated)?;
        Ok(Fixed {
            traffic_class: h[0] << 4 | h[1] >> 4,
            payload_len: usize::from(u16::from_be_bytes([h[4], h[5]])),
            next_header: h[6],
            hop_limit: h[7],
            src: Ipv6Addr::from(*src),
            dst: Ipv6Addr::from(*dst),
        })
    }
}

/// What lies behind the extension headers.
struct UpperLayer<'a> {
    number: u8,
    /// How far into the packet the Next Header field lies that holds `number`.
    named_at: usize,
    payload: &'a [u8],
}

impl<'a> UpperLayer<'a> {
    fn find(packet: &'a [u8], next_header: u8) -> Result<Self, Malformed> {
        let mut number = next_header;
        let mut named_at = 6;
        let mut offset = HEADER_LEN;
        for _ in 0..=EXTENSION_HEADERS_MAX {
            let rest = packet.get(offset..).ok_or(Malformed::Truncated)?;
            let extension = match number {
                // "Hop-by-Hop Options headers must appear only immediately after the IPv6 header" (§4.1).
                HOP_BY_HOP if offset != HEADER_LEN => return Err(Malformed::UnknownProtocol),
                HOP_BY_HOP | DESTINATION_OPTIONS => options_header(rest)?,
                ROUTING => routing_header(rest)?,
                FRAGMENT => fragment_header(rest)?,
                NO_NEXT_HEADER => return Err(Malformed::NoNextHeader),
                number => return Ok(UpperLayer { number, named_at, payload: rest }),
            };
            number = extension.next_header;
            named_at = offset;
            offset += extension.len;
        }
        Err(Malformed::TooManyExtensionHeaders)
    }
}

/// An extension header that has been dealt with.
struct Extension {
    next_header: u8,
    len: usize,
}

fn options_header(bytes: &[u8]) -> Result<Extension, Malformed> {
    let (extension, mut options) = sized_header(bytes)?;
    while let Some((&kind, rest)) = options.split_first() {
        if kind == 0 {
            options = rest; // Pad1, the one option without a length
            continue;
        }
        let (&len, rest) = rest.split_first().ok_or(Malformed::BadOption)?;
        let (_, rest) = rest.split_at_checked(usize::from(len)).ok_or(Malformed::BadOption)?;
        // The two highest bits say what to do with an option that one does not know (§4.2), and none but
        // 00 means to go on. The options that we could know without harm, such as PadN, all have 00.
        if kind >> 6 != 0 {
            return Err(Malformed::UnknownIpOption);
        }
        options = rest;
    }
    Ok(extension)
}

fn routing_header(bytes: &[u8]) -> Result<Extension, Malformed> {
    let (extension, body) = sized_header(bytes)?;
    let [_routing_type, segments_left, ..] = body else { return Err(Malformed::Truncated) };
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4.4
    //# If Segments Left is non-zero, the node must discard the packet and
    //# send an ICMP Parameter Problem, Code 0, message to the packet's
    //# Source Address, pointing to the unrecognized Routing Type.
    if *segments_left != 0 { Err(Malformed::RoutingHeader) } else { Ok(extension) }
}

fn fragment_header(bytes: &[u8]) -> Result<Extension, Malformed> {
    let h: &[u8; 8] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
    let offset_and_more = u16::from_be_bytes([h[2], h[3]]) & !0b110;
    // A fragment that is all there is (offset 0, nothing more) is a whole packet (§4.5).
    if offset_and_more != 0 {
        Err(Malformed::Fragment)
    } else {
        Ok(Extension { next_header: h[0], len: h.len() })
    }
}

/// A header that starts with Next Header and its own length, in units of 8 octets not counting the first,
/// and the body after these two octets.
fn sized_header(bytes: &[u8]) -> Result<(Extension, &[u8]), Malformed> {
    let [next_header, units, ..] = bytes else { return Err(Malformed::Truncated) };
    let len = 8 + usize::from(*units) * 8;
    let body = bytes.get(2..len).ok_or(Malformed::Truncated)?;
    Ok((Extension { next_header: *next_header, len }, body))
}

pub(super) fn emit(header: &IpHeader, src: Ipv6Addr, dst: Ipv6Addr, payload_len: usize, out: &mut Vec<u8>) {
    let payload_len = u16::try_from(payload_len).unwrap_or(u16::MAX);
    let class = header.traffic_class();
    out.extend_from_slice(&[0x60 | class >> 4, class << 4, 0, 0]);
    out.extend_from_slice(&payload_len.to_be_bytes());
    out.extend_from_slice(&[header.protocol.number(), header.hop_limit]);
    out.extend_from_slice(&src.octets());
    out.extend_from_slice(&dst.octets());
}
