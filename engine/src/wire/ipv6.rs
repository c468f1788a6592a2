//! IPv6 headers (RFC 8200 §3) and the extension headers between them and the payload (§4).
//!
//! Extension headers are walked in their order and within a limit. What a destination has to understand in
//! them, it does: options that ask to be discarded when unknown, routing headers that are not finished,
//! fragments. Where RFC 8200 wants the sender told, what is wrong says where.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use super::{Fragment, IpHeader, IpPacket, Malformed, Problem, Protocol, icmpv6};

/// The length of the fixed header.
pub(super) const HEADER_LEN: usize = 40;

/// The length of a fragment header.
pub(super) const FRAGMENT_HEADER_LEN: usize = 8;

/// How many extension headers a packet may have. RFC 8200 §4.1 knows an order with seven.
const EXTENSION_HEADERS_MAX: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
pub(super) const FRAGMENT: u8 = 44;
const ICMPV6: u8 = 58;
const NO_NEXT_HEADER: u8 = 59;
const DESTINATION_OPTIONS: u8 = 60;

/// Codes of ICMPv6 Parameter Problems (RFC 4443 §3.4, RFC 7112 §5).
const UNRECOGNIZED_NEXT_HEADER: u8 = 1;
const UNRECOGNIZED_OPTION: u8 = 2;
const INCOMPLETE_HEADER_CHAIN: u8 = 3;

pub(super) fn parse(frame: &[u8]) -> Result<IpPacket<'_>, Malformed> {
    let fixed = Fixed::parse(frame)?;
    // Ethernet pads short frames to 60 octets: what lies beyond the payload length is not ours.
    let packet = frame.get(..HEADER_LEN + fixed.payload_len).ok_or(Malformed::Truncated)?;
    let upper = UpperLayer::find(packet, fixed.next_header, Walk::UpToFragment)?;
    if let Some(fragment) = upper.fragment {
        check_fragment(packet, &upper, fragment)?;
    }
    Ok(IpPacket {
        src: IpAddr::V6(fixed.src),
        dst: IpAddr::V6(fixed.dst),
        protocol: Protocol::from(upper.number),
        hop_limit: fixed.hop_limit,
        ecn: fixed.traffic_class & 0b11,
        dscp: fixed.traffic_class >> 2,
        fragment: upper.fragment,
        payload: upper.payload,
        packet,
    })
}

/// Reads a packet that an ICMP error quotes: cut off somewhere, so that its length says nothing.
pub(super) fn parse_quoted(packet: &[u8]) -> Result<(Ipv6Addr, Ipv6Addr, Protocol, &[u8]), Malformed> {
    let fixed = Fixed::parse(packet)?;
    let upper = UpperLayer::find(packet, fixed.next_header, Walk::IntoFirstFragment)?;
    Ok((fixed.src, fixed.dst, Protocol::from(upper.number), upper.payload))
}

/// How far into `packet` the Next Header field lies that names its payload.
pub(super) fn upper_layer_named_at(packet: &[u8]) -> Result<usize, Malformed> {
    let fixed = Fixed::parse(packet)?;
    Ok(UpperLayer::find(packet, fixed.next_header, Walk::IntoFirstFragment)?.named_at)
}

pub(super) fn addresses(packet: &[u8]) -> Result<(IpAddr, IpAddr), Malformed> {
    let fixed = Fixed::parse(packet)?;
    Ok((IpAddr::V6(fixed.src), IpAddr::V6(fixed.dst)))
}

/// Whether a packet carries an ICMPv6 error or redirect, or is a fragment other than the first. Its extension headers are
/// walked and not looked at.
pub(super) fn carries_error_or_is_later_fragment(packet: &[u8]) -> bool {
    let Ok(Fixed { next_header: mut number, .. }) = Fixed::parse(packet) else { return true };
    let mut offset = HEADER_LEN;
    for _ in 0..=EXTENSION_HEADERS_MAX {
        let rest = packet.get(offset..).unwrap_or_default();
        let extension = match number {
            HOP_BY_HOP | DESTINATION_OPTIONS | ROUTING => sized_header(rest).map(|(extension, _)| extension),
            FRAGMENT => match fragment_header(rest) {
                Ok((_, Some(Fragment { offset: 1.., .. }))) => return true,
                other => other.map(|(extension, _)| extension),
            },
            ICMPV6 => return rest.first().is_none_or(|kind| icmpv6::is_error_or_redirect(*kind)),
            _ => return false,
        };
        // Cut off: there is no message in it.
        let Ok(extension) = extension else { return false };
        number = extension.next_header;
        offset += extension.len;
    }
    false
}

/// The length that a packet announces, its header included.
pub(super) fn announced_len(packet: &[u8]) -> Result<usize, Malformed> {
    Ok(HEADER_LEN + Fixed::parse(packet)?.payload_len)
}

/// The headers of the first fragment, as they were before the packet was cut: without the fragment header at their
/// end, which says that `first` follows.
pub(super) fn header_of_whole(
    headers: &[u8],
    first: Protocol,
    payload_len: usize,
    ecn: u8,
) -> Option<Vec<u8>> {
    let mut whole = headers.get(..headers.len().checked_sub(FRAGMENT_HEADER_LEN)?)?.to_vec();
    let fixed = Fixed::parse(headers).ok()?;
    let found = UpperLayer::find(headers, fixed.next_header, Walk::UpToFragment).ok()?;
    *whole.get_mut(found.fragment_named_at?)? = first.number();
    let len = u16::try_from(whole.len() - HEADER_LEN + payload_len).ok()?;
    let class = whole.get_mut(1)?;
    *class = *class & !(0b11 << 4) | (ecn & 0b11) << 4;
    whole.get_mut(4..6)?.copy_from_slice(&len.to_be_bytes());
    Some(whole)
}

/// Whether a fragment can be part of any packet (§4.5).
fn check_fragment(packet: &[u8], found: &UpperLayer<'_>, fragment: Fragment) -> Result<(), Malformed> {
    let len = found.payload.len();
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
    //# If the length of a fragment, as derived from the fragment
    //# packet's Payload Length field, is not a multiple of 8 octets
    //# and the M flag of that fragment is 1, then that fragment must
    //# be discarded and an ICMP Parameter Problem, Code 0, message
    //# should be sent to the source of the fragment, pointing to the
    //# Payload Length field of the fragment packet.
    if fragment.more && (len == 0 || !len.is_multiple_of(8)) {
        return Err(Malformed::BadFragment(Some(Problem::at(4))));
    }
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
    //# If the length and offset of a fragment are such that the
    //# Payload Length of the packet reassembled from that fragment
    //# would exceed 65,535 octets, then that fragment must be
    //# discarded and an ICMP Parameter Problem, Code 0, message should
    //# be sent to the source of the fragment, pointing to the Fragment
    //# Offset field of the fragment packet.
    let header_at = packet.len() - len - FRAGMENT_HEADER_LEN;
    if header_at - HEADER_LEN + usize::from(fragment.offset) + len > usize::from(u16::MAX) {
        return Err(Malformed::BadFragment(Some(Problem::at(header_at + 2))));
    }
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
    //# If the first fragment does not include all headers through an
    //# Upper-Layer header, then that fragment should be discarded and
    //# an ICMP Parameter Problem, Code 3, message should be sent to
    //# the source of the fragment, with the Pointer field set to zero.
    let incomplete =
        Malformed::BadFragment(Some(Problem { code: INCOMPLETE_HEADER_CHAIN, ..Problem::at(0) }));
    if fragment.offset == 0 {
        let next_header = Fixed::parse(packet)?.next_header;
        match UpperLayer::find(packet, next_header, Walk::IntoFirstFragment) {
            Ok(upper) if upper.payload.len() < upper_header_len(upper.number) => return Err(incomplete),
            Err(Malformed::Truncated) => return Err(incomplete),
            // Anything else is said of the whole packet, should it ever be one.
            _ => {}
        }
    }
    Ok(())
}

/// The least octets of the upper-layer headers that we know.
fn upper_header_len(number: u8) -> usize {
    match Protocol::from(number) {
        Protocol::Tcp => 20,
        Protocol::Udp | Protocol::Icmpv6 => 8,
        _ => 0,
    }
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

/// How far extension headers are walked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Walk {
    /// Up to the payload, or to a part of it.
    UpToFragment,
    /// Up to the payload, be it only the first part of it.
    IntoFirstFragment,
}

/// What lies behind the extension headers.
struct UpperLayer<'a> {
    number: u8,
    /// How far into the packet the Next Header field lies that holds `number`.
    named_at: usize,
    fragment: Option<Fragment>,
    /// How far into the packet the Next Header field lies that names the fragment header.
    fragment_named_at: Option<usize>,
    payload: &'a [u8],
}

impl<'a> UpperLayer<'a> {
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4
    //# Therefore, extension headers must be processed strictly in the order they appear in the
    //# packet; a receiver must not, for example, scan through a packet looking for a particular
    //# kind of extension header and process that header prior to processing all preceding ones.
    fn find(packet: &'a [u8], next_header: u8, walk: Walk) -> Result<Self, Malformed> {
        let mut number = next_header;
        let mut named_at = 6;
        let mut offset = HEADER_LEN;
        let (mut fragment, mut fragment_named_at) = (None, None);
        for _ in 0..=EXTENSION_HEADERS_MAX {
            let rest = packet.get(offset..).ok_or(Malformed::Truncated)?;
            let extension = match number {
                //= https://www.rfc-editor.org/rfc/rfc8200#section-4
                //# The Hop-by-Hop Options header, when present, must
                //# immediately follow the IPv6 header.
                //= https://www.rfc-editor.org/rfc/rfc8200#section-4
                //# The same action should be taken if a node encounters a Next Header value of zero in
                //# any header other than an IPv6 header.
                HOP_BY_HOP if offset != HEADER_LEN => {
                    let problem = Problem { code: UNRECOGNIZED_NEXT_HEADER, ..Problem::at(named_at) };
                    return Err(Malformed::UnknownProtocol(problem));
                }
                HOP_BY_HOP | DESTINATION_OPTIONS => options_header(rest, offset)?,
                ROUTING => routing_header(rest, offset)?,
                FRAGMENT => {
                    let (extension, part) = fragment_header(rest)?;
                    fragment_named_at = Some(named_at);
                    fragment = part;
                    match (part, walk) {
                        (Some(Fragment { offset: 1.., .. }), Walk::IntoFirstFragment) => {
                            return Err(Malformed::LaterFragment);
                        }
                        (Some(_), Walk::UpToFragment) => {
                            let payload = rest.get(extension.len..).ok_or(Malformed::Truncated)?;
                            let (number, named_at) = (extension.next_header, offset);
                            return Ok(UpperLayer { number, named_at, fragment, fragment_named_at, payload });
                        }
                        _ => {}
                    }
                    extension
                }
                //= https://www.rfc-editor.org/rfc/rfc8200#section-4.7
                //# The value 59 in the Next Header field of an IPv6 header or any
                //# extension header indicates that there is nothing following that
                //# header.
                //= https://www.rfc-editor.org/rfc/rfc8200#section-4.7
                //# If the Payload Length field of the IPv6 header indicates the presence of octets past
                //# the end of a header whose Next Header field contains 59, those octets must be
                //# ignored and passed on unchanged if the packet is forwarded.
                NO_NEXT_HEADER => return Err(Malformed::NoNextHeader),
                number => {
                    return Ok(UpperLayer { number, named_at, fragment, fragment_named_at, payload: rest });
                }
            };
            number = extension.next_header;
            named_at = offset;
            offset += extension.len;
        }
        //= https://www.rfc-editor.org/rfc/rfc8200#section-4.1
        //= type=exception
        //= reason=More headers in a row than the standard has kinds serve nobody but who wants to keep us busy; eight are walked.
        //# IPv6 nodes must accept and attempt to process extension headers in
        //# any order and occurring any number of times in the same packet,
        //# except for the Hop-by-Hop Options header, which is restricted to
        //# appear immediately after an IPv6 header only.
        Err(Malformed::TooManyExtensionHeaders)
    }
}

/// An extension header that has been dealt with.
struct Extension {
    next_header: u8,
    len: usize,
}

/// Reads the options of a header that lies at `at`.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.2
//# The sequence of options within a header must be processed strictly in the order they
//# appear in the header; a receiver must not, for example, scan through the header looking
//# for a particular kind of option and process that option prior to processing all preceding
//# ones.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.2
//# The Option Type identifiers are internally encoded such that their highest-order 2 bits
//# specify the action that must be taken if the processing IPv6 node does not recognize the
//# Option Type:
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.2
//# These padding options must be recognized by all IPv6 implementations:
fn options_header(bytes: &[u8], at: usize) -> Result<Extension, Malformed> {
    let (extension, mut options) = sized_header(bytes)?;
    while let Some((&kind, rest)) = options.split_first() {
        let option_at = at + extension.len - options.len();
        if kind == 0 {
            options = rest; // Pad1, the one option without a length
            continue;
        }
        let bad = || Malformed::BadIpOption(Problem::at(option_at));
        let (&len, rest) = rest.split_first().ok_or_else(bad)?;
        let (_, rest) = rest.split_at_checked(usize::from(len)).ok_or_else(bad)?;
        // The two highest bits say what to do with an option that one does not know (§4.2). The options that we could
        // know without harm, such as PadN, all have 00.
        let problem = Problem { code: UNRECOGNIZED_OPTION, ..Problem::at(option_at) };
        match kind >> 6 {
            0b00 => {}
            //= https://www.rfc-editor.org/rfc/rfc8200#section-4.2
            //# 01 - discard the packet.
            0b01 => return Err(Malformed::UnknownIpOption(None)),
            //= https://www.rfc-editor.org/rfc/rfc8200#section-4.2
            //# 10 - discard the packet and, regardless of whether or not the
            //# packet's Destination Address was a multicast address, send an
            //# ICMP Parameter Problem, Code 2, message to the packet's
            //# Source Address, pointing to the unrecognized Option Type.
            0b10 => {
                return Err(Malformed::UnknownIpOption(Some(Problem { even_to_group: true, ..problem })));
            }
            //= https://www.rfc-editor.org/rfc/rfc8200#section-4.2
            //# 11 - discard the packet and, only if the packet's Destination
            //# Address was not a multicast address, send an ICMP Parameter
            //# Problem, Code 2, message to the packet's Source Address,
            //# pointing to the unrecognized Option Type.
            _ => return Err(Malformed::UnknownIpOption(Some(problem))),
        }
        options = rest;
    }
    Ok(extension)
}

/// Reads a routing header that lies at `at`. We know no type of it: type 0 is to be treated as if nobody did, for what
/// it can be used to amplify (RFC 5095).
fn routing_header(bytes: &[u8], at: usize) -> Result<Extension, Malformed> {
    let (extension, body) = sized_header(bytes)?;
    let [_routing_type, segments_left, ..] = body else { return Err(Malformed::Truncated) };
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4.4
    //# If Segments Left is zero, the node must ignore the Routing header
    //# and proceed to process the next header in the packet, whose type
    //# is identified by the Next Header field in the Routing header.
    if *segments_left == 0 {
        return Ok(extension);
    }
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4.4
    //# If Segments Left is non-zero, the node must discard the packet and
    //# send an ICMP Parameter Problem, Code 0, message to the packet's
    //# Source Address, pointing to the unrecognized Routing Type.
    Err(Malformed::RoutingHeader(Problem::at(at + 2)))
}

/// Reads a fragment header; `None` where it is of a whole packet.
fn fragment_header(bytes: &[u8]) -> Result<(Extension, Option<Fragment>), Malformed> {
    let h: &[u8; FRAGMENT_HEADER_LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
    let offset_and_more = u16::from_be_bytes([h[2], h[3]]);
    let fragment = Fragment {
        ident: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
        offset: offset_and_more & !0b111,
        more: offset_and_more & 1 != 0,
    };
    let extension = Extension { next_header: h[0], len: h.len() };
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
    //# If the fragment is a whole datagram (that is, both the Fragment
    //# Offset field and the M flag are zero), then it does not need
    //# any further reassembly and should be processed as a fully
    //# reassembled packet (i.e., updating Next Header, adjust Payload
    //# Length, removing the Fragment header, etc.).
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
    //# Any other fragments that match this packet (i.e., the same IPv6 Source Address, IPv6
    //# Destination Address, and Fragment Identification) should be processed independently.
    let whole = fragment.offset == 0 && !fragment.more;
    Ok((extension, (!whole).then_some(fragment)))
}

/// A header that starts with Next Header and its own length, in units of 8 octets not counting the first,
/// and the body after these two octets.
fn sized_header(bytes: &[u8]) -> Result<(Extension, &[u8]), Malformed> {
    let [next_header, units, ..] = bytes else { return Err(Malformed::Truncated) };
    let len = 8 + usize::from(*units) * 8;
    let body = bytes.get(2..len).ok_or(Malformed::Truncated)?;
    Ok((Extension { next_header: *next_header, len }, body))
}

//= https://www.rfc-editor.org/rfc/rfc4987#section-4
//# When a SYN cache and/or SYN cookies are implemented with IPv6, the IPv6 flow label value used on
//# the SYN-ACK should be consistent with the flow label used for the rest of the packets within
//# that flow.
pub(super) fn emit(
    header: &IpHeader,
    src: Ipv6Addr,
    dst: Ipv6Addr,
    next_header: u8,
    payload_len: usize,
    out: &mut Vec<u8>,
) {
    // A buffer without room gets it once for the whole packet.
    out.reserve(header.len() + payload_len);
    let payload_len = u16::try_from(payload_len).unwrap_or(u16::MAX);
    let class = header.traffic_class();
    out.extend_from_slice(&[0x60 | class >> 4, class << 4, 0, 0]);
    out.extend_from_slice(&payload_len.to_be_bytes());
    out.extend_from_slice(&[next_header, header.hop_limit]);
    out.extend_from_slice(&src.octets());
    out.extend_from_slice(&dst.octets());
}

/// Appends a fragment header in front of what begins as `first` does.
pub(super) fn emit_fragment_header(first: Protocol, fragment: Fragment, out: &mut Vec<u8>) {
    out.extend_from_slice(&[first.number(), 0]);
    out.extend_from_slice(&fragment.in_ipv6().to_be_bytes());
    out.extend_from_slice(&fragment.ident.to_be_bytes());
}
