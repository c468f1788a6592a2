//! IPv4 headers (RFC 791 §3.1, RFC 1122 §3.2.1).
//!
//! Options are read as far as they have to be: their lengths have to hold together, and a source route is refused. We
//! send none.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::checksum::{self, Sum};
use super::{Fragment, IpHeader, IpPacket, Malformed, Problem, Protocol};

/// The length of a header without options.
pub(super) const HEADER_LEN: usize = 20;

pub(super) const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

const END_OF_OPTIONS: u8 = 0;
const NO_OPERATION: u8 = 1;
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STRICT_SOURCE_ROUTE: u8 = 137;

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
    check_options(header.get(HEADER_LEN..).unwrap_or_default())?;
    let fragment = fixed.fragment();
    if let Some(fragment) = fragment {
        check_fragment(&fixed, fragment, payload.len())?;
    }
    Ok(IpPacket {
        src: IpAddr::V4(fixed.src),
        dst: IpAddr::V4(fixed.dst),
        protocol: fixed.protocol,
        hop_limit: fixed.hop_limit,
        ecn: fixed.traffic_class & 0b11,
        dscp: fixed.traffic_class >> 2,
        fragment,
        payload,
        packet,
    })
}

/// Walks the options. What they say does not concern the end of the way, but for a route that their sender chose.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
//# The IP and transport layer MUST each interpret those IP options
//# that they understand and silently ignore the others.
fn check_options(mut options: &[u8]) -> Result<(), Malformed> {
    let all = options.len();
    while let Some((&kind, rest)) = options.split_first() {
        let bad = || Malformed::BadIpOption(Problem::at(HEADER_LEN + all - options.len()));
        match kind {
            END_OF_OPTIONS => return Ok(()),
            NO_OPERATION => options = rest,
            // RFC 7126 §4.3 and Linux's default (`accept_source_route`): the route serves whoever wants the reply to
            // pass by him.
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
            //= type=exception
            //= reason=A source route lets a stranger choose the way of our replies; Linux refuses them by default, and so do we.
            //# A host MUST support originating a source route and MUST be
            //# able to act as the final destination of a source route.
            LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE => return Err(Malformed::SourceRoute),
            _ => {
                let len = usize::from(*rest.first().ok_or_else(bad)?);
                options = options.get(len..).filter(|_| len >= 2).ok_or_else(bad)?;
            }
        }
    }
    Ok(())
}

/// Whether a fragment can be part of any packet.
fn check_fragment(fixed: &Fixed, fragment: Fragment, len: usize) -> Result<(), Malformed> {
    let beyond = fixed.header_len + usize::from(fragment.offset) + len > usize::from(u16::MAX);
    let uneven = fragment.more && (len == 0 || !len.is_multiple_of(8));
    // Its second fragment would overwrite, or complete, the ports and flags that a filter on the way let pass.
    //= https://www.rfc-editor.org/rfc/rfc1858
    //# IF FO=1 and PROTOCOL=TCP then
    //# DROP PACKET
    let rewrites_header = fixed.protocol == Protocol::Tcp && fragment.offset == 8;
    if beyond || uneven || rewrites_header { Err(Malformed::BadFragment(None)) } else { Ok(()) }
}

/// Reads a packet that an ICMP error quotes: cut off somewhere, and changed on its way, so that neither
/// its length nor its checksum can be held against it.
pub(super) fn parse_quoted(packet: &[u8]) -> Result<(Ipv4Addr, Ipv4Addr, Protocol, &[u8]), Malformed> {
    let fixed = Fixed::parse(packet)?;
    let payload = packet.get(fixed.header_len..).ok_or(Malformed::Truncated)?;
    // The start of the payload, with its ports, is in the first fragment and in no other.
    match fixed.fragment() {
        Some(Fragment { offset: 1.., .. }) => Err(Malformed::LaterFragment),
        _ => Ok((fixed.src, fixed.dst, fixed.protocol, payload)),
    }
}

pub(super) fn addresses(packet: &[u8]) -> Result<(IpAddr, IpAddr), Malformed> {
    let fixed = Fixed::parse(packet)?;
    Ok((IpAddr::V4(fixed.src), IpAddr::V4(fixed.dst)))
}

/// The total length that a packet announces.
pub(super) fn announced_len(packet: &[u8]) -> Result<usize, Malformed> {
    Ok(Fixed::parse(packet)?.total_len)
}

/// The header of the first fragment, as it was before the packet was cut.
pub(super) fn header_of_whole(header: &[u8], payload_len: usize, ecn: u8) -> Option<Vec<u8>> {
    let mut whole = header.to_vec();
    let total_len = u16::try_from(header.len() + payload_len).ok()?;
    let [t0, t1] = total_len.to_be_bytes();
    let fields = whole.first_chunk_mut::<HEADER_LEN>()?;
    fields[1] = fields[1] & !0b11 | ecn & 0b11;
    [fields[2], fields[3]] = [t0, t1];
    [fields[6], fields[7]] = [0, 0];
    [fields[10], fields[11]] = [0, 0];
    let checksum = Sum::of(&whole).checksum();
    checksum::fill(&mut whole, 10, checksum);
    Some(whole)
}

/// The fields of the fixed part of the header.
struct Fixed {
    header_len: usize,
    total_len: usize,
    traffic_class: u8,
    ident: u16,
    flags_and_offset: u16,
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
        Ok(Fixed {
            header_len,
            total_len: usize::from(u16::from_be_bytes([h[2], h[3]])),
            traffic_class: h[1],
            ident: u16::from_be_bytes([h[4], h[5]]),
            flags_and_offset: u16::from_be_bytes([h[6], h[7]]),
            hop_limit: h[8],
            protocol: Protocol::from(h[9]),
            src: Ipv4Addr::new(h[12], h[13], h[14], h[15]),
            dst: Ipv4Addr::new(h[16], h[17], h[18], h[19]),
        })
    }

    fn fragment(&self) -> Option<Fragment> {
        let part = self.flags_and_offset & (MORE_FRAGMENTS | FRAGMENT_OFFSET);
        (part != 0).then_some(Fragment {
            ident: u32::from(self.ident),
            offset: part << 3,
            more: part & MORE_FRAGMENTS != 0,
        })
    }
}

pub(super) fn emit(
    header: &IpHeader,
    src: Ipv4Addr,
    dst: Ipv4Addr,
    payload_len: usize,
    flags_and_offset: u16,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let total_len = u16::try_from(HEADER_LEN + payload_len).unwrap_or(u16::MAX);
    out.extend_from_slice(&[0x45, header.traffic_class()]);
    out.extend_from_slice(&total_len.to_be_bytes());
    out.extend_from_slice(&header.ident.to_be_bytes());
    out.extend_from_slice(&flags_and_offset.to_be_bytes());
    out.extend_from_slice(&[header.hop_limit, header.protocol.number(), 0, 0]);
    out.extend_from_slice(&src.octets());
    out.extend_from_slice(&dst.octets());
    let sum = out.get(start..).map_or(Sum::ZERO, Sum::of);
    checksum::fill(out, start + 10, sum.checksum());
}
