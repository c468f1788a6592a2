//! UDP datagrams (RFC 768, RFC 8200 §8.1).
//!
//! The whole format: two ports, a length, a checksum that may be absent over IPv4 and must not be over
//! IPv6, and the payload.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::checksum::{self, ChecksumPolicy};
use super::{Malformed, Protocol};

const HEADER_LEN: usize = 8;

/// A UDP datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpDatagram<'a> {
    /// The source port; 0 when no reply is expected.
    pub src_port: u16,
    /// The destination port.
    pub dst_port: u16,
    /// The data.
    pub payload: &'a [u8],
}

impl<'a> UdpDatagram<'a> {
    /// Reads a datagram that came between the addresses `(src, dst)`.
    pub fn parse(
        bytes: &'a [u8],
        (src, dst): (IpAddr, IpAddr),
        policy: ChecksumPolicy,
    ) -> Result<Self, Malformed> {
        let h: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        let len = usize::from(u16::from_be_bytes([h[4], h[5]]));
        let datagram = bytes.get(..len).ok_or(Malformed::Truncated)?;
        let payload = datagram.get(HEADER_LEN..).ok_or(Malformed::BadTotalLength)?;
        match (u16::from_be_bytes([h[6], h[7]]), src) {
            (_, _) if policy == ChecksumPolicy::Ignore => {}
            //= https://www.rfc-editor.org/rfc/rfc768
            //# An all zero  transmitted
            //# checksum  value means that the transmitter  generated  no checksum
            (0, IpAddr::V4(_)) => {}
            //= https://www.rfc-editor.org/rfc/rfc8200#section-8.1
            //# IPv6 receivers must discard UDP packets containing a
            //# zero checksum and should log the error.
            (0, IpAddr::V6(_)) => return Err(Malformed::MissingChecksum),
            //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.4
            //# If a UDP datagram is received with a checksum that is non-
            //# zero and invalid, UDP MUST silently discard the datagram.
            (field, _) => {
                policy.check(checksum::pseudo_header(src, dst, Protocol::Udp, len), datagram, field)?;
            }
        }
        Ok(UdpDatagram {
            src_port: u16::from_be_bytes([h[0], h[1]]),
            dst_port: u16::from_be_bytes([h[2], h[3]]),
            payload,
        })
    }

    /// The length of the datagram in octets, header included.
    #[allow(clippy::len_without_is_empty, reason = "a datagram has a header and is never empty")]
    pub const fn len(&self) -> usize {
        HEADER_LEN + self.payload.len()
    }

    /// Appends the datagram, checksum included, on its way from `src` to `dst`. The payload is at most
    /// 65,527 octets, less what the IP header takes.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.4
    //# A host MUST implement the facility to generate and validate UDP checksums.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.4
    //# An application MAY optionally be able to control whether a UDP checksum will be generated,
    //# but it MUST default to checksumming on.
    //= https://www.rfc-editor.org/rfc/rfc8200#section-8.1
    //# That is, whenever originating a UDP packet, an IPv6 node must compute a UDP checksum over
    //# the packet and the pseudo-header, and, if that computation yields a result of zero, it
    //# must be changed to hex FFFF for placement in the UDP header.
    pub fn emit(&self, src: IpAddr, dst: IpAddr, out: &mut Vec<u8>) {
        let start = out.len();
        let len = u16::try_from(self.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&self.src_port.to_be_bytes());
        out.extend_from_slice(&self.dst_port.to_be_bytes());
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        let mut sum = checksum::pseudo_header(src, dst, Protocol::Udp, self.len());
        sum.add(out.get(start..).unwrap_or_default());
        sum.append(checksum::append_and_sum(out, self.payload));
        //= https://www.rfc-editor.org/rfc/rfc768
        //# If the computed  checksum  is zero,  it is transmitted  as all ones (the
        //# equivalent  in one's complement  arithmetic).
        let checksum = match sum.checksum() {
            0 => 0xffff,
            checksum => checksum,
        };
        checksum::fill(out, start + 6, checksum);
    }
}
