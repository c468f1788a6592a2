//! Super-segments: what is left to a link that cuts and sums, and the same done here.
//!
//! ```text
//! IP | TCP seq 100, PSH | 4000 octets         cut: 1460
//! ── IP | TCP seq 100       | 1460
//! ── IP | TCP seq 1560      | 1460
//! ── IP | TCP seq 3020, PSH | 1080            each with its own lengths and checksums
//! ```

use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use super::checksum::{self, Sum};
use super::{Flags, Protocol, ipv6};
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

    /// The packets or frames that a link makes of `packet`, which is as unfinished as this says. None of what is no such packet.
    pub fn finish(self, packet: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
        let (head, data) = packet.split_at_checked(self.data_at.into()).unwrap_or((packet, &[]));
        let (before, headers) = head.split_at_checked(self.ip_at.into()).unwrap_or((&[], head));
        let tcp_at = self.tcp_at.checked_sub(self.ip_at).map(usize::from);
        let headers = tcp_at.and_then(|tcp_at| SegmentHeaders::of(headers, tcp_at, self.v6));
        let step = self.cut.map_or(data.len(), usize::from).max(1);
        (0..data.len().div_ceil(step).max(1)).map_while(move |number| {
            let (headers, from) = (headers.as_ref()?, number * step);
            let to = data.len().min(from + step);
            let last = to == data.len();
            let flags = if last { headers.flags } else { headers.flags.without(Flags::PSH | Flags::FIN) };
            let mut one = Vec::with_capacity(head.len() + to - from);
            one.extend_from_slice(before);
            let part = data.get(from..to).unwrap_or_default();
            headers.emit((headers.seq + from as u32, flags), [part], Summing::All, &mut one);
            Some(one)
        })
    }
}

/// The headers of segments that differ in where their data begin and end, in their control bits, and in nothing else: each
/// gets a copy, into which its own are put.
#[derive(Debug)]
pub(crate) struct SegmentHeaders {
    /// What differs is 0.
    octets: [u8; HEADERS_MAX],
    len: usize,
    tcp_at: usize,
    v6: bool,
    /// Of the first.
    seq: Seq,
    flags: Flags,
    /// Of the IPv4 header.
    ip_sum: Sum,
    /// Of the pseudo-header, but for the length of the segment.
    pseudo: Sum,
    tcp_sum: Sum,
}

/// How much of a segment is in the checksum that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Summing {
    All,
    /// The pseudo-header alone: a link does the rest.
    Pseudo,
}

impl SegmentHeaders {
    /// Those of a segment that was written, from the header of its IP packet on to the one of TCP, which begins behind
    /// `tcp_at` octets. `None` where they are no such headers.
    pub(crate) fn of(headers: &[u8], tcp_at: usize, v6: bool) -> Option<SegmentHeaders> {
        let len = headers.len();
        let mut octets = [0; HEADERS_MAX];
        octets.get_mut(..len)?.copy_from_slice(headers);
        let (ip, tcp) = octets.get_mut(..len)?.split_at_mut_checked(tcp_at)?;
        let ends = if v6 {
            put(ip, V6_PAYLOAD_LEN, [0; 2]);
            (Ipv6Addr::from(at::<16>(ip, 8)).into(), Ipv6Addr::from(at::<16>(ip, 24)).into())
        } else {
            put(ip, V4_TOTAL_LEN, [0; 2]);
            put(ip, V4_CHECKSUM, [0; 2]);
            (Ipv4Addr::from(at::<4>(ip, 12)).into(), Ipv4Addr::from(at::<4>(ip, 16)).into())
        };
        let seq = Seq(u32::from_be_bytes(at(tcp, SEQ)));
        let flags = Flags(*tcp.get(FLAGS)?);
        put(tcp, SEQ, [0; 4]);
        put(tcp, FLAGS, [0]);
        put(tcp, CHECKSUM, [0; 2]);
        let (ip_sum, tcp_sum) = (Sum::of(ip), Sum::of(tcp));
        let pseudo = checksum::pseudo_header(ends.0, ends.1, Protocol::Tcp, 0);
        Some(SegmentHeaders { octets, len, tcp_at, v6, seq, flags, ip_sum, pseudo, tcp_sum })
    }

    /// Octets before the TCP header, and before the data.
    pub(crate) fn ends(&self) -> (usize, usize) {
        (self.tcp_at, self.len)
    }

    /// Appends a segment.
    pub(crate) fn emit<'p>(
        &self,
        (seq, flags): (Seq, Flags),
        data: impl IntoIterator<Item = &'p [u8]>,
        summing: Summing,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        out.extend_from_slice(self.octets.get(..self.len).unwrap_or_default());
        let mut sum = self.tcp_sum;
        for part in data {
            match summing {
                Summing::All => sum.append(checksum::append_and_sum(out, part)),
                Summing::Pseudo => out.extend_from_slice(part),
            }
        }
        let Some(packet) = out.get_mut(start..) else { return };
        let packet_len = packet.len();
        let Some((ip, tcp)) = packet.split_at_mut_checked(self.tcp_at) else { return };
        if self.v6 {
            put(ip, V6_PAYLOAD_LEN, (packet_len.saturating_sub(ipv6::HEADER_LEN) as u16).to_be_bytes());
        } else {
            let mut sum = self.ip_sum;
            sum.append(Sum::of_word(packet_len as u16));
            put(ip, V4_TOTAL_LEN, (packet_len as u16).to_be_bytes());
            put(ip, V4_CHECKSUM, sum.checksum().to_be_bytes());
        }
        let mut whole = self.pseudo;
        whole.append(Sum::of_word(tcp.len() as u16));
        let checksum = match summing {
            Summing::Pseudo => whole.folded(),
            Summing::All => {
                for word in [(seq.0 >> 16) as u16, seq.0 as u16, flags.0.into()] {
                    whole.append(Sum::of_word(word));
                }
                // Last: behind an odd number of octets words would be swapped.
                whole.append(sum);
                whole.checksum()
            }
        };
        put(tcp, SEQ, seq.0.to_be_bytes());
        put(tcp, FLAGS, [flags.0]);
        put(tcp, CHECKSUM, checksum.to_be_bytes());
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

/// The longest headers of a segment: IPv4's and TCP's, each with as many options as there can be.
const HEADERS_MAX: usize = 60 + 60;
/// Where the fields are, in their header.
pub(super) const V4_TOTAL_LEN: usize = 2;
pub(super) const V4_CHECKSUM: usize = 10;
pub(super) const V6_PAYLOAD_LEN: usize = 4;
pub(super) const SEQ: usize = 4;
pub(super) const FLAGS: usize = 13;
pub(super) const CHECKSUM: usize = 16;
