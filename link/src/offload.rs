//! What stands before each frame of a packet socket or tunnel that takes part in offloads: a `virtio_net_hdr`.
//!
//! ```text
//! flags, kind | octets of headers | octets of data a segment | where the sum starts | where it belongs, behind that
//! 01     01   | 42 00             | b4 05                    | 22 00                | 10 00     TCP over IPv4 to be cut
//! 01     00   | 00 00             | 00 00                    | 22 00                | 10 00     the checksum alone
//! 00     00   | 00 00             | 00 00                    | 00 00                | 00 00     nothing is left to do
//! ```
//!
//! The words are in the machine's own order. Where a checksum is left to do, its field holds the sum over the
//! pseudo-header.

use sockwright_engine::wire::{ChecksumPolicy, Unfinished};

/// Octets of the header.
pub(crate) const LEN: usize = 10;

/// The header of a frame or packet that goes out.
pub(crate) fn header(unfinished: Option<Unfinished>) -> [u8; LEN] {
    let Some(Unfinished { tcp_at, data_at, v6, cut, .. }) = unfinished else { return [0; LEN] };
    let kind = match cut {
        None => NO_SEGMENTATION,
        Some(_) if v6 => TCP_OVER_IPV6,
        Some(_) => TCP_OVER_IPV4,
    };
    let [h0, h1] = data_at.to_ne_bytes();
    let [c0, c1] = cut.unwrap_or(0).to_ne_bytes();
    let [s0, s1] = tcp_at.to_ne_bytes();
    let [o0, o1] = TCP_CHECKSUM_AT.to_ne_bytes();
    [NEEDS_CHECKSUM, kind, h0, h1, c0, c1, s0, s1, o0, o1]
}

/// What is to be believed of the checksums of a frame that came with this header: where none was computed because the
/// frame never left the machine, or hardware has looked already, there is nothing to look for.
pub(crate) fn policy(header: &[u8; LEN]) -> ChecksumPolicy {
    if header[0] & (NEEDS_CHECKSUM | CHECKSUM_IS_RIGHT) == 0 {
        ChecksumPolicy::Verify
    } else {
        ChecksumPolicy::Ignore
    }
}

/// Whether it is more than one packet.
pub(crate) fn is_joined(header: &[u8; LEN]) -> bool {
    header[1] != NO_SEGMENTATION
}

/// Of datagrams that came joined: the octets before the first one's UDP header, and those of data in each but the last.
pub(crate) fn joined_datagrams(header: &[u8; LEN]) -> Option<(usize, usize)> {
    let [_, kind, _, _, e0, e1, start @ .., _, _] = *header;
    let each = usize::from(u16::from_ne_bytes([e0, e1]));
    let udp_at = usize::from(u16::from_ne_bytes(start));
    (kind == UDP_DATAGRAMS && each > 0 && sum_left_to_do(header).is_some()).then_some((udp_at, each))
}

/// Where octets are to be summed from, and where in the frame the sum belongs; `None`: it has its checksum.
pub(crate) fn sum_left_to_do(header: &[u8; LEN]) -> Option<(usize, usize)> {
    let [flags, _, _, _, _, _, start @ .., o0, o1] = *header;
    let start = usize::from(u16::from_ne_bytes(start));
    let offset = usize::from(u16::from_ne_bytes([o0, o1]));
    (flags & NEEDS_CHECKSUM != 0).then_some((start, start + offset))
}

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`.
const NEEDS_CHECKSUM: u8 = 1;
/// `VIRTIO_NET_HDR_F_DATA_VALID`.
const CHECKSUM_IS_RIGHT: u8 = 2;
/// `VIRTIO_NET_HDR_GSO_NONE`.
const NO_SEGMENTATION: u8 = 0;
/// `VIRTIO_NET_HDR_GSO_TCPV4`.
const TCP_OVER_IPV4: u8 = 1;
/// `VIRTIO_NET_HDR_GSO_TCPV6`.
const TCP_OVER_IPV6: u8 = 4;
/// `VIRTIO_NET_HDR_GSO_UDP_L4`.
const UDP_DATAGRAMS: u8 = 5;
/// Octets before the checksum in a TCP header.
const TCP_CHECKSUM_AT: u16 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_do_is_read_as_it_is_written() {
        let rest = Unfinished { ip_at: 14, tcp_at: 34, data_at: 66, v6: false, cut: Some(1448) };
        let cut = header(Some(rest));
        assert_eq!((cut[1], is_joined(&cut), sum_left_to_do(&cut)), (TCP_OVER_IPV4, true, Some((34, 50))));
        assert_eq!(policy(&cut), ChecksumPolicy::Ignore);
        let v6 = header(Some(Unfinished { v6: true, ..rest }));
        assert_eq!(v6[1], TCP_OVER_IPV6);
        let one = header(Some(Unfinished { cut: None, ..rest }));
        assert_eq!((is_joined(&one), sum_left_to_do(&one)), (false, Some((34, 50))));
        let whole = header(None);
        assert_eq!((is_joined(&whole), sum_left_to_do(&whole)), (false, None));
        assert_eq!(policy(&whole), ChecksumPolicy::Verify);
    }
}
