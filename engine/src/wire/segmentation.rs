//! Super-segments: what is left to a link that cuts and sums, and the same done here.
//!
//! ```text
//! IP | TCP seq 100, PSH | 4000 octets         cut: 1460
//! ── IP | TCP seq 100       | 1460
//! ── IP | TCP seq 1560      | 1460
//! ── IP | TCP seq 3020, PSH | 1080            each with its own lengths and checksums
//! ```

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Flags, Protocol, checksum};
use crate::tcp::seq::Seq;

/// What is left to be done to a packet with a TCP segment: its checksum, of which only the sum over the pseudo-header is
/// there, and, where it is a super-segment, the cutting. Each of its segments gets the headers of the whole, with its own
/// lengths and sequence number; PSH and FIN are the last one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Octets before the IP packet: none, or those of the header of the frame that it is in.
    pub ip_at: u16,
    /// Octets before the TCP header.
    pub tcp_at: u16,
    /// Octets before the data.
    pub data_at: u16,
    /// It is an IPv6 packet.
    pub v6: bool,
    /// Octets of data in each segment but the last, where there is more than one.
    pub cut: Option<u16>,
}

impl Unfinished {
    /// The same of the packet behind `more` octets.
    pub(crate) fn behind(self, more: usize) -> Unfinished {
        let more = more as u16;
        let Unfinished { ip_at, tcp_at, data_at, .. } = self;
        Unfinished { ip_at: ip_at + more, tcp_at: tcp_at + more, data_at: data_at + more, ..self }
    }

    /// The packets or frames that a link makes of `packet`, which is as unfinished as this says.
    pub fn finish(self, packet: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
        let (headers, data) = packet.split_at_checked(self.data_at.into()).unwrap_or((packet, &[]));
        let step = self.cut.map_or(data.len(), usize::from).max(1);
        (0..data.len().div_ceil(step).max(1)).map(move |number| {
            let from = number * step;
            let to = data.len().min(from + step);
            let mut one = Vec::with_capacity(headers.len() + to - from);
            one.extend_from_slice(headers);
            one.extend_from_slice(data.get(from..to).unwrap_or_default());
            self.complete(&mut one, from as u32, to == data.len());
            one
        })
    }

    /// Corrects the headers of a segment whose data begins `offset` octets into that of the whole.
    fn complete(self, frame: &mut [u8], offset: u32, last: bool) {
        let Some(packet) = frame.get_mut(self.ip_at.into()..) else { return };
        let tcp_at = usize::from(self.tcp_at - self.ip_at);
        let len = packet.len() as u16;
        let ends = if self.v6 {
            put(packet, 4, (len - IPV6_HEADER_LEN).to_be_bytes());
            (v6_address(packet, 8), v6_address(packet, 24))
        } else {
            put(packet, 2, len.to_be_bytes());
            put(packet, 10, [0, 0]);
            let mut sum = checksum::Sum::ZERO;
            sum.add(packet.get(..tcp_at).unwrap_or_default());
            put(packet, 10, sum.checksum().to_be_bytes());
            (v4_address(packet, 12), v4_address(packet, 16))
        };
        let Some(segment) = packet.get_mut(tcp_at..) else { return };
        let seq = Seq(u32::from_be_bytes(at(segment, 4))) + offset;
        put(segment, 4, seq.0.to_be_bytes());
        if !last && let Some(flags) = segment.get_mut(13) {
            *flags &= !(Flags::FIN | Flags::PSH).0;
        }
        put(segment, 16, [0, 0]);
        let mut sum = checksum::pseudo_header(ends.0, ends.1, Protocol::Tcp, segment.len());
        sum.add(segment);
        put(segment, 16, sum.checksum().to_be_bytes());
    }
}

fn at<const N: usize>(octets: &[u8], at: usize) -> [u8; N] {
    octets.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

fn put<const N: usize>(octets: &mut [u8], at: usize, value: [u8; N]) {
    if let Some(field) = octets.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *field = value;
    }
}

fn v4_address(packet: &[u8], from: usize) -> IpAddr {
    Ipv4Addr::from(at::<4>(packet, from)).into()
}

fn v6_address(packet: &[u8], from: usize) -> IpAddr {
    Ipv6Addr::from(at::<16>(packet, from)).into()
}

/// Octets of an IPv6 header (RFC 8200).
const IPV6_HEADER_LEN: u16 = 40;
