//! The TCP header and its segment (RFC 9293 §3.1).

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use super::options::OptionBytes;
use super::{Flags, TcpOptions, TcpSummary};
use crate::tcp::seq::Seq;
use crate::wire::checksum::{self, ChecksumPolicy, Sum};
use crate::wire::{Malformed, Protocol};

const HEADER_LEN: usize = 20;
const CHECKSUM_AT: usize = 16;

/// A TCP segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpSegment<'a> {
    /// The source port.
    pub src_port: u16,
    /// The destination port.
    pub dst_port: u16,
    /// SEG.SEQ: the sequence number of the first octet, or of the SYN.
    pub seq: Seq,
    /// SEG.ACK: significant with ACK set.
    pub ack: Seq,
    /// The control bits.
    pub flags: Flags,
    /// The window field, not scaled.
    pub window: u16,
    /// The urgent pointer: significant with URG set.
    pub urgent: u16,
    /// The options that we know.
    pub options: TcpOptions,
    /// The data.
    pub payload: &'a [u8],
}

impl<'a> TcpSegment<'a> {
    /// Reads a segment that came between the addresses `(src, dst)`: all of the IP payload.
    pub fn parse(
        bytes: &'a [u8],
        (src, dst): (IpAddr, IpAddr),
        policy: ChecksumPolicy,
    ) -> Result<Self, Malformed> {
        let h: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        // Before anything is believed: a corrupt segment is to be reported as that, and not as whatever
        // the corruption made of it.
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
        //# The TCP checksum is never optional.  The sender MUST generate it
        //# (MUST-2) and the receiver MUST check it (MUST-3).
        let pseudo = checksum::pseudo_header(src, dst, Protocol::Tcp, bytes.len());
        //= https://www.rfc-editor.org/rfc/rfc6864#section-5.2
        //# Higher-layer protocols SHOULD verify the integrity of IPv4 datagrams, e.g., using a
        //# checksum or hash that can detect reassembly errors (the UDP and TCP checksums are weak in
        //# this regard, but better than nothing).
        //= https://www.rfc-editor.org/rfc/rfc6864#section-5.2
        //# Higher-layer protocols SHOULD verify the integrity of IPv4 datagrams, e.g., using a
        //# checksum or hash that can detect reassembly errors (the UDP and TCP checksums are weak in
        //# this regard, but better than nothing).
        policy.check(pseudo, bytes, u16::from_be_bytes([h[16], h[17]]))?;

        let data_offset = usize::from(h[12] >> 4) * 4;
        let (header, payload) = bytes.split_at_checked(data_offset).ok_or(Malformed::BadHeaderLength)?;
        let options = header.get(HEADER_LEN..).ok_or(Malformed::BadHeaderLength)?;
        Ok(TcpSegment {
            src_port: u16::from_be_bytes([h[0], h[1]]),
            dst_port: u16::from_be_bytes([h[2], h[3]]),
            seq: Seq(u32::from_be_bytes([h[4], h[5], h[6], h[7]])),
            ack: Seq(u32::from_be_bytes([h[8], h[9], h[10], h[11]])),
            flags: Flags(h[13]),
            window: u16::from_be_bytes([h[14], h[15]]),
            urgent: u16::from_be_bytes([h[18], h[19]]),
            options: TcpOptions::parse(options)?,
            payload,
        })
    }

    /// SEG.LEN: the sequence space that the segment takes, its SYN and FIN included.
    pub const fn seq_len(&self) -> u32 {
        self.payload.len() as u32 + self.syn() as u32 + self.fin() as u32
    }

    /// The length of the header with its options, in octets.
    pub fn header_len(&self) -> usize {
        HEADER_LEN + self.options.len()
    }

    /// The length of the segment, header included, in octets.
    #[allow(clippy::len_without_is_empty, reason = "a segment has a header and is never empty")]
    pub fn len(&self) -> usize {
        self.header_len() + self.payload.len()
    }

    /// Whether SYN is set.
    pub const fn syn(&self) -> bool {
        self.flags.contains(Flags::SYN)
    }

    /// Whether ACK is set.
    pub const fn ack(&self) -> bool {
        self.flags.contains(Flags::ACK)
    }

    /// Whether RST is set.
    pub const fn rst(&self) -> bool {
        self.flags.contains(Flags::RST)
    }

    /// Whether FIN is set.
    pub const fn fin(&self) -> bool {
        self.flags.contains(Flags::FIN)
    }

    /// What there is to print of the segment, for events to keep.
    pub const fn summary(&self) -> TcpSummary {
        TcpSummary {
            flags: self.flags,
            seq: self.seq,
            ack: self.ack,
            window: self.window,
            len: self.payload.len() as u32,
            urgent: self.urgent,
            options: self.options,
        }
    }

    /// Appends the segment, checksum included, on its way from `src` to `dst`.
    pub fn emit(&self, src: IpAddr, dst: IpAddr, out: &mut Vec<u8>) {
        self.emit_parts(src, dst, [self.payload], out);
    }

    /// As [`TcpSegment::emit`], with the payload in the parts in which a buffer has it. They take the place
    /// of `self.payload`.
    pub fn emit_parts<'p>(
        &self,
        src: IpAddr,
        dst: IpAddr,
        payload: impl IntoIterator<Item = &'p [u8]>,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        let mut sum = self.emit_header(out);
        for part in payload {
            sum.append(checksum::append_and_sum(out, part));
        }
        let mut whole = checksum::pseudo_header(src, dst, Protocol::Tcp, out.len() - start);
        whole.append(sum);
        checksum::fill(out, start + CHECKSUM_AT, whole.checksum());
    }

    /// As [`TcpSegment::emit_parts`], with the sum of the pseudo-header alone in the checksum field: for
    /// links that complete it (checksum offload), and that save us the look at every octet.
    pub fn emit_partial<'p>(
        &self,
        src: IpAddr,
        dst: IpAddr,
        payload: impl IntoIterator<Item = &'p [u8]>,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        self.emit_header(out);
        for part in payload {
            out.extend_from_slice(part);
        }
        let pseudo = checksum::pseudo_header(src, dst, Protocol::Tcp, out.len() - start);
        checksum::fill(out, start + CHECKSUM_AT, pseudo.folded());
    }

    /// Appends the header with a checksum of 0, and gives its sum.
    fn emit_header(&self, out: &mut Vec<u8>) -> Sum {
        let start = out.len();
        let mut options = OptionBytes::new();
        self.options.emit(&mut options);
        let options = options.as_slice();
        let [s0, s1] = self.src_port.to_be_bytes();
        let [d0, d1] = self.dst_port.to_be_bytes();
        let [q0, q1, q2, q3] = self.seq.0.to_be_bytes();
        let [a0, a1, a2, a3] = self.ack.0.to_be_bytes();
        let [w0, w1] = self.window.to_be_bytes();
        let [u0, u1] = self.urgent.to_be_bytes();
        let data_offset = (((HEADER_LEN + options.len()) / 4) << 4) as u8;
        #[rustfmt::skip]
        let header: [u8; HEADER_LEN] = [
            s0, s1, d0, d1,
            q0, q1, q2, q3,
            a0, a1, a2, a3,
            data_offset, self.flags.0, w0, w1,
            0, 0, u0, u1,
        ];
        out.extend_from_slice(&header);
        out.extend_from_slice(options);
        out.get(start..).map_or(Sum::ZERO, Sum::of)
    }
}

/// As [`TcpSummary`] prints it: `P. 1:1001(1000) ack 1 win 257`.
impl fmt::Display for TcpSegment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.summary(), f)
    }
}
