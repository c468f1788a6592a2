//! IPv4 headers (RFC 791 §3.1, RFC 1122 §3.2.1).
//!
//! Options are read as far as they have to be: their lengths have to hold together, and a source route is refused. Those
//! that are sent are made in `ip_options`.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::checksum::{self, Sum};
use super::{Fragment, IpHeader, IpPacket, Malformed, Problem, Protocol};

/// The length of a header without options.
pub(super) const HEADER_LEN: usize = 20;

pub(super) const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

pub(super) const END_OF_OPTIONS: u8 = 0;
pub(super) const NO_OPERATION: u8 = 1;
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
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2
//= type=exception
//= reason=they record a way for diagnosis: they can be sent, and nobody here fills them in or reads them
//# A TCP implementation MAY support the Timestamp (MAY-10) and Record Route (MAY-11) Options.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
//= type=exception
//= reason=packets with IP options hardly get through today's networks (RFC 7126): those that come are read
//= past
//# All IP options (except NOP or END-OF-LIST) received in datagrams MUST be passed to the
//# transport layer (or to ICMP processing when the datagram is an ICMP message).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
//= type=exception
//= reason=packets with IP options hardly get through today's networks (RFC 7126): those that come are read
//= past
//# The originating host MUST record a timestamp in a Timestamp option whose Internet address
//# fields are not pre-specified or whose first pre-specified address is the host's interface
//# address. o The destination host MUST (if possible) add the current timestamp to a
//# Timestamp option before passing the option to the transport layer or to ICMP for
//# processing.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
//= type=exception
//= reason=packets with IP options hardly get through today's networks (RFC 7126): those that come are read
//= past
//# A timestamp value MUST follow the rules given in Section 3.2.2.8 for the ICMP Timestamp
//# message.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6
//= type=exception
//= reason=packets with IP options hardly get through today's networks (RFC 7126): those that come are read
//= past
//# If a Record Route and/or Time Stamp option is received in an ICMP Echo Request, this
//# option (these options) SHOULD be updated to include the current host and included in the
//# IP header of the Echo Reply message, without "truncation".
//= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.2
//= type=exception
//= reason=packets with IP options hardly get through today's networks (RFC 7126): those that come are read
//= past
//# UDP MUST pass any IP option that it receives from the IP layer transparently to the
//# application layer.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
//# This option is obsolete; it SHOULD NOT be sent, and it MUST be silently ignored if
//# received.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
//= type=exception
//= reason=packets with IP options hardly get through today's networks (RFC 7126): those that come are read
//= past
//# The originating host MUST record a timestamp in a Timestamp option whose Internet address
//# fields are not pre-specified or whose first pre-specified address is the host's interface
//# address. o The destination host MUST (if possible) add the current timestamp to a
//# Timestamp option before passing the option to the transport layer or to ICMP for
//# processing.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
//= type=exception
//= reason=packets with IP options hardly get through today's networks (RFC 7126): those that come are read
//= past
//# A timestamp value MUST follow the rules given in Section 3.2.2.8 for the ICMP Timestamp
//# message.
pub(super) fn check_options(mut options: &[u8]) -> Result<(), Malformed> {
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
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.1
            //= type=exception
            //= reason=source routes let a stranger choose the way of our replies; networks drop them (RFC
            //= 7126 section 4.3), and so do we
            //# An application MUST be able to specify a source route when it actively opens a TCP
            //# connection (MUST-51), and this MUST take precedence over a source route received in a
            //# datagram (MUST-52).
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.1
            //= type=exception
            //= reason=source routes let a stranger choose the way of our replies; networks drop them (RFC
            //= 7126 section 4.3), and so do we
            //# When a TCP connection is OPENed passively and a packet arrives with a completed IP
            //# Source Route Option (containing a return route), TCP implementations MUST save the
            //# return route and use it for all segments sent on this connection (MUST-53).
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.1
            //= type=exception
            //= reason=source routes let a stranger choose the way of our replies; networks drop them (RFC
            //= 7126 section 4.3), and so do we
            //# If a different source route arrives in a later segment, the later definition SHOULD
            //# override the earlier one (SHLD-24).
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
            //= type=exception
            //= reason=source routes are neither sent nor taken: networks drop them (RFC 7126 section 4.3),
            //= and so do we, in silence
            //# If host receives a datagram containing a completed source route (i.e., the pointer
            //# points beyond the last field), the datagram has reached its final destination; the
            //# option as received (the recorded route) MUST be passed up to the transport layer (or to
            //# ICMP message processing).
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
            //= type=exception
            //= reason=source routes are neither sent nor taken: networks drop them (RFC 7126 section 4.3),
            //= and so do we, in silence
            //# When a return source route is built, it MUST be correctly formed even if the recorded
            //# route included the source host (see case (B) in the discussion below).
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
            //= type=exception
            //= reason=source routes are neither sent nor taken: networks drop them (RFC 7126 section 4.3),
            //= and so do we, in silence
            //# An IP header containing more than one Source Route option MUST NOT be sent; the effect
            //# on routing of multiple Source Route options is implementation- specific.
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.6
            //= type=exception
            //= reason=source routes are neither sent nor taken: networks drop them (RFC 7126 section 4.3),
            //= and so do we, in silence
            //# If a Source Route option is received in an ICMP Echo Request, the return route MUST be
            //# reversed and used as a Source Route option for the Echo Reply message.
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.5
            //= type=exception
            //= reason=source routes are neither sent nor taken: networks drop them (RFC 7126 section 4.3),
            //= and so do we, in silence
            //# If a host receives a datagram with an incomplete source route but does not forward it
            //# for some reason, the host SHOULD return an ICMP Destination Unreachable (code 5, Source
            //# Route Failed) message, unless the datagram was itself an ICMP error message.
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

    //= https://www.rfc-editor.org/rfc/rfc6864#section-4.1
    //# All devices that examine IPv4 headers MUST ignore the IPv4 ID field of atomic datagrams.
    //= https://www.rfc-editor.org/rfc/rfc6864#section-4.1
    //# All devices that examine IPv4 headers MUST ignore the IPv4 ID field of atomic datagrams.
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
    // A buffer without room gets it once for the whole packet.
    out.reserve(header.len() + payload_len);
    let start = out.len();
    let total_len = u16::try_from(header.len() + payload_len).unwrap_or(u16::MAX);
    out.extend_from_slice(&[0x40 | (header.len() / 4) as u8, header.traffic_class()]);
    out.extend_from_slice(&total_len.to_be_bytes());
    out.extend_from_slice(&header.ident.to_be_bytes());
    out.extend_from_slice(&flags_and_offset.to_be_bytes());
    out.extend_from_slice(&[header.hop_limit, header.protocol.number(), 0, 0]);
    out.extend_from_slice(&src.octets());
    out.extend_from_slice(&dst.octets());
    out.extend_from_slice(header.options.octets());
    let sum = out.get(start..).map_or(Sum::ZERO, Sum::of);
    checksum::fill(out, start + 10, sum.checksum());
}
