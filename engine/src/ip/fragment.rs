//! Cutting a packet that is longer than its way allows (RFC 791 §3.2, RFC 8200 §4.5).

use alloc::vec::Vec;

use crate::wire::{Fragment, IpHeader};

/// The fragments of a packet with this header and payload, each of at most `mtu` octets, in their order.
///
/// `mtu` leaves room for eight octets behind the headers: the least that IPv4 and IPv6 allow, 68 and 1280, leave more.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//# Fragments must not be created that overlap with any other fragments
//# created from the original packet.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//# The lengths of the fragments must be chosen such that the
//# resulting fragment packets fit within the MTU of the path to the
//# packet's destination(s).  Each complete fragment, except possibly the
//# last ("rightmost") one, is an integer multiple of 8 octets long.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//# The Per-Fragment headers must consist of the IPv6 header plus any extension headers that
//# must be processed by nodes en route to the destination, that is, all headers up to and
//# including the Routing header if present, else the Hop-by-Hop Options header if present,
//# else no extension headers.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//# These headers must be in the first fragment.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.1
//# Each extension header should occur at most once, except for the Destination Options
//# header, which should occur at most twice (once before a Routing header and once before the
//# upper-layer header).
//= https://www.rfc-editor.org/rfc/rfc5722#section-4
//# IPv6 nodes transmitting datagrams that need to be fragmented MUST NOT create overlapping
//# fragments.
pub(crate) fn cut<'a>(
    header: &'a IpHeader,
    payload: &'a [u8],
    mtu: usize,
    ident: u32,
) -> impl Iterator<Item = Vec<u8>> + 'a {
    let room = (mtu.saturating_sub(header.fragment_len()) & !0b111).max(8);
    payload.chunks(room).enumerate().map(move |(i, part)| {
        // A payload has at most 65,535 octets, and so has each offset into it.
        let offset = i * room;
        let fragment = Fragment { ident, offset: offset as u16, more: offset + part.len() < payload.len() };
        let mut packet = Vec::with_capacity(header.fragment_len() + part.len());
        header.emit_fragment(fragment, part.len(), &mut packet);
        packet.extend_from_slice(part);
        packet
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{IpPacket, Protocol};
    use core::net::IpAddr;
    use proptest::prelude::*;

    fn header(src: IpAddr, dst: IpAddr) -> IpHeader {
        IpHeader {
            src,
            dst,
            protocol: Protocol::Udp,
            hop_limit: 9,
            ecn: 0,
            dscp: 4,
            ident: 0,
            options: Default::default(),
        }
    }

    proptest! {
        //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
        //= type=test
        //# The lengths of the fragments must be chosen such that the
        //# resulting fragment packets fit within the MTU of the path to the
        //# packet's destination(s).
        //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
        //= type=test
        //# Fragments must not be created that overlap with any other fragments
        //# created from the original packet.
        //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
        //= type=test
        //# The Per-Fragment headers must consist of the IPv6 header plus any extension headers that
        //# must be processed by nodes en route to the destination, that is, all headers up to and
        //# including the Routing header if present, else the Hop-by-Hop Options header if present,
        //# else no extension headers.
        //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
        //= type=test
        //# These headers must be in the first fragment.
        //= https://www.rfc-editor.org/rfc/rfc8200#section-4.1
        //= type=test
        //# Each extension header should occur at most once, except for the Destination Options
        //# header, which should occur at most twice (once before a Routing header and once before the
        //# upper-layer header).
        //= https://www.rfc-editor.org/rfc/rfc5722#section-4
        //= type=test
        //# IPv6 nodes transmitting datagrams that need to be fragmented MUST NOT create overlapping
        //# fragments.
        #[test]
        fn fragments_fit_follow_each_other_and_are_all_of_the_payload(
            v4: bool, len in 1usize..=65_000, mtu in 68usize..9000, ident in 0u32..=0xffff,
        ) {
            let mtu = if v4 { mtu } else { mtu.max(1280) };
            let header = if v4 { header([1; 4].into(), [2; 4].into()) } else { header([1; 16].into(), [2; 16].into()) };
            let payload: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let mut whole = Vec::new();
            let packets: Vec<_> = cut(&header, &payload, mtu, ident).collect();
            for (i, frame) in packets.iter().enumerate() {
                prop_assert!(frame.len() <= mtu);
                let packet = IpPacket::parse(frame).unwrap();
                prop_assert_eq!((packet.src, packet.dst, packet.protocol), (header.src, header.dst, Protocol::Udp));
                prop_assert_eq!((packet.hop_limit, packet.dscp), (9, 4));
                let more = i + 1 < packets.len();
                let fragment = (!whole.is_empty() || more).then_some(Fragment { ident, offset: whole.len() as u16, more });
                prop_assert_eq!(packet.fragment, fragment);
                whole.extend_from_slice(packet.payload);
            }
            prop_assert_eq!(whole, payload);
        }
    }
}
