//! What nearly every segment of a bulk transfer is: the one before with other data.
//!
//! A [`Template`] is made of a segment that was read, and reads the next one by comparing its headers as octets. All are
//! the same but those that tell where its data begin and end, PSH, IPv4's identification, and checksums, which are looked
//! at as always.
//!
//! ```text
//! IP len 1500 | 10.0.0.1 > 10.0.0.2 | TCP 40000 > 80 seq 100  . ack 1 win 502 TS 7 3 | 1448 octets     of()
//! IP len 1500 | 10.0.0.1 > 10.0.0.2 | TCP 40000 > 80 seq 1548 . ack 1 win 502 TS 7 3 | 1448 octets     read() = Some
//! IP len 1500 | 10.0.0.1 > 10.0.0.2 | TCP 40000 > 80 seq 2996 . ack 9 win 502 TS 7 3 | 1448 octets     read() = None
//! ```

use core::net::IpAddr;

use super::checksum::{self, ChecksumPolicy, Sum};
use super::segmentation::{CHECKSUM, FLAGS, SEQ, V4_CHECKSUM, V4_TOTAL_LEN, V6_PAYLOAD_LEN};
use super::{ETHERNET_HEADER_LEN_MAX, Flags, IpPacket, Protocol, TcpSegment, ipv6};
use crate::tcp::seq::Seq;

/// The headers of a segment, from the first octet of its frame on.
#[derive(Debug)]
pub(crate) struct Template {
    octets: [u8; LEN_MAX],
    /// What has to be the same.
    mask: [u8; LEN_MAX],
    len: usize,
    ip_at: usize,
    tcp_at: usize,
    v6: bool,
    /// Of what is the same of the header of IPv4.
    ip_sum: Sum,
    /// But for the length of the segment.
    pseudo: Sum,
    ecn: u8,
    ends: (IpAddr, IpAddr),
    segment: TcpSegment<'static>,
}

impl Template {
    /// That of the segment in a frame whose IP packet begins behind `ip_at` octets, an even number, and ends with it. `None`
    /// where nothing like it is to be expected: it is no such segment, a fragment, one without data, or with any control
    /// bit but ACK.
    pub(crate) fn of(frame: &[u8], ip_at: usize) -> Option<Template> {
        let packet = IpPacket::parse(frame.get(ip_at..)?).ok()?;
        let ends = (packet.src, packet.dst);
        let is_whole = packet.fragment.is_none() && ip_at + packet.packet.len() == frame.len();
        if packet.protocol != Protocol::Tcp || !is_whole {
            return None;
        }
        let segment = TcpSegment::parse(packet.payload, ends, ChecksumPolicy::Ignore).ok()?;
        if segment.flags != Flags::ACK || segment.payload.is_empty() {
            return None;
        }
        let (v6, tcp_at) = (packet.src.is_ipv6(), frame.len() - packet.payload.len());
        let len = frame.len() - segment.payload.len();
        // Behind other headers a length is somewhere else.
        if v6 && tcp_at - ip_at != ipv6::HEADER_LEN {
            return None;
        }
        let (mut octets, mut mask) = ([0; LEN_MAX], [0; LEN_MAX]);
        octets.get_mut(..len)?.copy_from_slice(frame.get(..len)?);
        mask.get_mut(..len)?.fill(u8::MAX);
        let differing = if v6 {
            [ip_at + V6_PAYLOAD_LEN..ip_at + V6_PAYLOAD_LEN + 2, 0..0]
        } else {
            // The length and the identification, and the checksum.
            [ip_at + V4_TOTAL_LEN..ip_at + V4_TOTAL_LEN + 4, ip_at + V4_CHECKSUM..ip_at + V4_CHECKSUM + 2]
        };
        let of_tcp = [tcp_at + SEQ..tcp_at + SEQ + 4, tcp_at + CHECKSUM..tcp_at + CHECKSUM + 2];
        for range in differing.into_iter().chain(of_tcp) {
            octets.get_mut(range.clone())?.fill(0);
            mask.get_mut(range)?.fill(0);
        }
        *mask.get_mut(tcp_at + FLAGS)? = !Flags::PSH.0;
        Some(Template {
            ip_sum: Sum::of(octets.get(ip_at..tcp_at)?),
            pseudo: checksum::pseudo_header(ends.0, ends.1, Protocol::Tcp, 0),
            segment: TcpSegment { payload: &[], ..segment },
            ecn: packet.ecn,
            octets,
            mask,
            len,
            ip_at,
            tcp_at,
            v6,
            ends,
        })
    }

    /// Between which addresses.
    pub(crate) fn ends(&self) -> (IpAddr, IpAddr) {
        self.ends
    }

    /// The two ECN bits.
    pub(crate) fn ecn(&self) -> u8 {
        self.ecn
    }

    /// The segment, its data apart.
    pub(crate) fn segment(&self) -> &TcpSegment<'static> {
        &self.segment
    }

    /// The segment in a frame, where its headers are these and its checksums are good: what reading it header by header
    /// would give. Of `None` nothing follows.
    pub(crate) fn read<'a>(&self, frame: &'a [u8], policy: ChecksumPolicy) -> Option<TcpSegment<'a>> {
        let (head, payload) = frame.split_at_checked(self.len)?;
        // The lengths of all headers are even.
        let (head, _) = head.as_chunks::<2>();
        let same = self.octets.as_chunks::<2>().0.iter().zip(self.mask.as_chunks::<2>().0);
        let differ = |seen: &[u8; 2], (same, mask): (&[u8; 2], &[u8; 2])| {
            (u16::from_ne_bytes(*seen) ^ u16::from_ne_bytes(*same)) & u16::from_ne_bytes(*mask)
        };
        if head.iter().zip(same).fold(0, |all, (seen, same)| all | differ(seen, same)) != 0 {
            return None;
        }
        let packet = frame.get(self.ip_at..)?;
        let segment = frame.get(self.tcp_at..)?;
        if self.v6 {
            if word(packet, V6_PAYLOAD_LEN)? != u16::try_from(segment.len()).ok()? {
                return None;
            }
        } else {
            let len = word(packet, V4_TOTAL_LEN)?;
            if len != u16::try_from(packet.len()).ok()? {
                return None;
            }
            let mut sum = self.ip_sum;
            for word in [len, word(packet, V4_TOTAL_LEN + 2)?, word(packet, V4_CHECKSUM)?] {
                sum.append(Sum::of_word(word));
            }
            if sum.checksum() != 0 {
                return None;
            }
        }
        let mut pseudo = self.pseudo;
        pseudo.append(Sum::of_word(u16::try_from(segment.len()).ok()?));
        policy.check(pseudo, segment, word(segment, CHECKSUM)?).ok()?;
        let seq = Seq(u32::from_be_bytes(*segment.get(SEQ..)?.first_chunk()?));
        Some(TcpSegment { seq, flags: Flags(*segment.get(FLAGS)?), payload, ..self.segment })
    }
}

fn word(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*octets.get(at..)?.first_chunk()?))
}

/// The longest headers of a frame, of IP and of TCP.
const LEN_MAX: usize = ETHERNET_HEADER_LEN_MAX + 60 + 60;
