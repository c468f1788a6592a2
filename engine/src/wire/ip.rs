//! What the two IP versions have in common, as one packet and one header.
//!
//! Owns: [`IpPacket`] (read), [`IpHeader`] (written) and [`Fragment`] (both), and the choice of the version. The formats are in
//! `ipv4` and `ipv6`.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{IpOptions, Malformed, Protocol, ipv4, ipv6};

/// An IP packet, read: where from, where to, and what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpPacket<'a> {
    /// The source address.
    pub src: IpAddr,
    /// The destination address, of the same version.
    pub dst: IpAddr,
    /// What the payload is.
    pub protocol: Protocol,
    /// The IPv4 TTL or the IPv6 Hop Limit.
    pub hop_limit: u8,
    /// The two ECN bits (RFC 3168 §5): 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE.
    pub ecn: u8,
    /// The six bits of the differentiated services code point.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
    //= type=exception
    //= reason=the calls are those of sockets, which do not tell it; a capture of the link shows it
    //# TCP implementations MAY pass the most recently received Differentiated Services field up
    //# to the application (MAY-9).
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.6
    //= type=exception
    //= reason=TCP and UDP would do nothing with it; a capture of the link shows it
    //# The IP layer SHOULD pass received TOS values up to the transport layer.
    pub dscp: u8,
    /// Which part of a larger packet this is, if it is one. The payload is that part, and the protocol what the
    /// first part begins with.
    pub fragment: Option<Fragment>,
    /// What follows the IP header, its options and extension headers, without padding of the link.
    pub payload: &'a [u8],
    /// The whole packet, headers included, without padding of the link: what an ICMP error quotes.
    pub packet: &'a [u8],
}

impl<'a> IpPacket<'a> {
    /// Reads a frame that starts with an IP header.
    pub fn parse(frame: &'a [u8]) -> Result<Self, Malformed> {
        match version(frame)? {
            Version::V4 => ipv4::parse(frame),
            Version::V6 => ipv6::parse(frame),
        }
    }

    /// The source and the destination of a packet whose other headers may be anything.
    pub fn addresses(packet: &[u8]) -> Result<(IpAddr, IpAddr), Malformed> {
        match version(packet)? {
            Version::V4 => ipv4::addresses(packet),
            Version::V6 => ipv6::addresses(packet),
        }
    }

    /// The headers of the packet that this is the first fragment of, as they are when it has `payload_len` octets, with
    /// these two ECN bits.
    pub fn header_of_whole(&self, payload_len: usize, ecn: u8) -> Option<Vec<u8>> {
        let header = self.packet.get(..self.packet.len() - self.payload.len())?;
        match self.src {
            IpAddr::V4(_) => ipv4::header_of_whole(header, payload_len, ecn),
            IpAddr::V6(_) => ipv6::header_of_whole(header, self.protocol, payload_len, ecn),
        }
    }
}

/// Which part of a larger packet a fragment is (RFC 791 §3.2, RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// What the fragments of one packet have in common: 16 bits of IPv4, 32 of IPv6.
    pub ident: u32,
    /// Where in the packet its payload belongs, in octets: a multiple of eight.
    pub offset: u16,
    /// It is not the last.
    pub more: bool,
}

impl Fragment {
    /// The offset and the flag in the form of IPv6.
    pub(super) const fn in_ipv6(self) -> u16 {
        self.offset & !0b111 | self.more as u16
    }

    /// The same in the form of IPv4, with its flag Don't Fragment clear.
    pub(super) const fn in_ipv4(self) -> u16 {
        self.offset >> 3 | (self.more as u16) << 13
    }
}

/// The two IP versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V4,
    V6,
}

/// The version that a packet claims to be of.
pub(super) fn version(packet: &[u8]) -> Result<Version, Malformed> {
    match packet.first().map(|first| first >> 4) {
        Some(4) => Ok(Version::V4),
        Some(6) => Ok(Version::V6),
        //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.1
        //# A datagram whose version number is not 4 MUST be silently
        //# discarded.
        Some(_) => Err(Malformed::BadVersion),
        None => Err(Malformed::Truncated),
    }
}

/// An IP header to write.
///
/// Both addresses should be of one version. A mixed pair is written as IPv6, with the IPv4 address mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpHeader {
    /// The source address.
    pub src: IpAddr,
    /// The destination address.
    pub dst: IpAddr,
    /// What the payload is.
    pub protocol: Protocol,
    /// The IPv4 TTL or the IPv6 Hop Limit.
    pub hop_limit: u8,
    /// The two ECN bits; the rest is not looked at.
    pub ecn: u8,
    /// The six bits of the differentiated services code point; the rest is not looked at.
    pub dscp: u8,
    /// The IPv4 Identification. IPv6 has none.
    pub ident: u16,
    /// The options of IPv4. IPv6 has none.
    pub options: IpOptions,
}

impl IpHeader {
    /// The length of the header in octets: 20 to 60, or 40.
    #[allow(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub const fn len(&self) -> usize {
        match self.addresses() {
            Addresses::V4(..) => ipv4::HEADER_LEN + self.options.len(),
            Addresses::V6(..) => ipv6::HEADER_LEN,
        }
    }

    /// The longest payload that the length field of the header can announce.
    pub const fn payload_len_max(&self) -> usize {
        match self.addresses() {
            Addresses::V4(..) => u16::MAX as usize - self.len(),
            Addresses::V6(..) => u16::MAX as usize,
        }
    }

    /// Appends the header of a packet with `payload_len` octets of payload, at most
    /// [`IpHeader::payload_len_max`], that nobody may cut into fragments. The caller appends the payload.
    pub fn emit(&self, payload_len: usize, out: &mut Vec<u8>) {
        debug_assert!(payload_len <= self.payload_len_max(), "a payload too long for an IP packet");
        match self.addresses() {
            Addresses::V4(src, dst) => {
                ipv4::emit(self, src, dst, payload_len, ipv4::DONT_FRAGMENT, out);
            }
            Addresses::V6(src, dst) => {
                ipv6::emit(self, src, dst, self.protocol.number(), payload_len, out);
            }
        }
    }

    /// As [`IpHeader::emit`], of a packet that IPv4 routers may cut. Those of IPv6 never do.
    pub fn emit_fragmentable(&self, payload_len: usize, out: &mut Vec<u8>) {
        match self.addresses() {
            Addresses::V4(src, dst) => ipv4::emit(self, src, dst, payload_len, 0, out),
            Addresses::V6(..) => self.emit(payload_len, out),
        }
    }

    /// As [`IpHeader::emit`], of one fragment with `payload_len` octets of the payload.
    pub fn emit_fragment(&self, fragment: Fragment, payload_len: usize, out: &mut Vec<u8>) {
        match self.addresses() {
            Addresses::V4(src, dst) => {
                let options = if fragment.offset == 0 { self.options } else { self.options.copied() };
                let header = IpHeader { ident: fragment.ident as u16, options, ..*self };
                ipv4::emit(&header, src, dst, payload_len, fragment.in_ipv4(), out);
            }
            Addresses::V6(src, dst) => {
                let len = payload_len + ipv6::FRAGMENT_HEADER_LEN;
                ipv6::emit(self, src, dst, ipv6::FRAGMENT, len, out);
                ipv6::emit_fragment_header(self.protocol, fragment, out);
            }
        }
    }

    /// The octets of headers that a fragment has: the first, and others at most.
    pub const fn fragment_len(&self) -> usize {
        match self.addresses() {
            Addresses::V4(..) => self.len(),
            Addresses::V6(..) => ipv6::HEADER_LEN + ipv6::FRAGMENT_HEADER_LEN,
        }
    }

    /// The octet of IPv4's TOS and IPv6's Traffic Class.
    pub(super) const fn traffic_class(&self) -> u8 {
        self.dscp << 2 | self.ecn & 0b11
    }

    const fn addresses(&self) -> Addresses {
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Addresses::V4(src, dst),
            (src, dst) => Addresses::V6(mapped(src), mapped(dst)),
        }
    }
}

/// Two addresses of one version.
enum Addresses {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

const fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}
