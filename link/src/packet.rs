//! The little that a link reads of a packet: where it goes, and to which port.
//!
//! Never judges what lies beyond: checksums, options and flags are the engine's business.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::guard::Protocol;

/// The destination of a whole IP packet, or `None` where its header is cut short or contradicts its length.
pub(crate) fn destination(packet: &[u8]) -> Option<IpAddr> {
    parse(packet).map(|ip| ip.destination)
}

/// The port that a TCP or UDP packet is for; `None` for any other packet, and for a fragment without the ports.
pub(crate) fn destination_port(packet: &[u8]) -> Option<(Protocol, SocketAddr)> {
    let ip = parse(packet)?;
    let protocol = Protocol::from_ip_number(ip.protocol)?;
    let port = ip.payload.get(2..4)?;
    Some((protocol, SocketAddr::new(ip.destination, u16::from_be_bytes([port[0], port[1]]))))
}

struct Ip<'a> {
    destination: IpAddr,
    protocol: u8,
    /// What follows the header; empty in all but the first fragment.
    payload: &'a [u8],
}

fn parse(packet: &[u8]) -> Option<Ip<'_>> {
    match packet.first()? >> 4 {
        4 => parse_v4(packet),
        6 => parse_v6(packet),
        _ => None,
    }
}

fn parse_v4(packet: &[u8]) -> Option<Ip<'_>> {
    let (header, _) = packet.split_first_chunk::<IPV4_HEADER>()?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header_len < IPV4_HEADER || header_len > total_len || total_len > packet.len() {
        return None;
    }
    let fragment_offset = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    let payload = if fragment_offset == 0 { &packet[header_len..total_len] } else { &[] };
    let destination = Ipv4Addr::new(header[16], header[17], header[18], header[19]).into();
    Some(Ip { destination, protocol: header[9], payload })
}

/// Extension headers are not walked: the raw link's kernel strips them, and the engine sends none.
fn parse_v6(packet: &[u8]) -> Option<Ip<'_>> {
    let (header, rest) = packet.split_first_chunk::<IPV6_HEADER>()?;
    let payload = rest.get(..usize::from(u16::from_be_bytes([header[4], header[5]])))?;
    let destination: [u8; 16] = *header.last_chunk()?;
    Some(Ip { destination: Ipv6Addr::from(destination).into(), protocol: header[6], payload })
}

/// Bytes of an IPv4 header without options (RFC 791).
pub(crate) const IPV4_HEADER: usize = 20;
/// Bytes of an IPv6 header (RFC 8200).
pub(crate) const IPV6_HEADER: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UDP_V4: [u8; 28] =
        [0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 7, 0x1f, 0x90, 0, 8, 0, 0];

    #[test]
    fn the_port_of_a_whole_packet_is_found() {
        assert_eq!(destination_port(&UDP_V4), Some((Protocol::Udp, "10.0.0.2:8080".parse().unwrap())));
    }

    #[test]
    fn a_later_fragment_has_a_destination_and_no_port() {
        let mut fragment = UDP_V4;
        fragment[7] = 1;
        assert_eq!(destination(&fragment), Some("10.0.0.2".parse().unwrap()));
        assert_eq!(destination_port(&fragment), None);
    }

    #[test]
    fn every_cut_of_a_packet_is_refused() {
        for len in 0..UDP_V4.len() {
            assert_eq!(destination(&UDP_V4[..len]), None, "{len} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), six: bool) {
            if let Some(first) = bytes.first_mut() {
                *first = if six { 0x60 } else { 0x40 } | *first & 0x0f;
            }
            let _ = destination_port(&bytes);
        }
    }
}
