//! Bytes to meaning and back: Ethernet, ARP, IP, TCP, UDP, ICMP and neighbor discovery as they travel.
//!
//! Owns: the formats, their checksums, and the names of everything that can be wrong with them
//! ([`Malformed`]). Never touches a connection, a socket or a clock: the same bytes always mean the same.
//!
//! Reading borrows and writing appends, so that a segment is copied once on its way out and not at all on
//! its way in:
//!
//! ```
//! use sockwright_engine::wire::{ChecksumPolicy, IpHeader, IpOptions, IpPacket, Protocol, TcpSegment};
//!
//! let (src, dst) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
//! let segment = TcpSegment { src_port: 40000, dst_port: 80, payload: b"GET", ..TcpSegment::default() };
//! let mut frame = Vec::new();
//! let options = IpOptions::NONE;
//! IpHeader { src, dst, protocol: Protocol::Tcp, hop_limit: 64, ecn: 0, dscp: 0, ident: 7, options }
//!     .emit(segment.len(), &mut frame);
//! segment.emit(src, dst, &mut frame);
//!
//! let packet = IpPacket::parse(&frame).unwrap();
//! let read = TcpSegment::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Verify);
//! assert_eq!(read, Ok(segment));
//! ```
//!
//! Nothing here panics on any input. The lints below hold the code to that, and `engine/fuzz` looks for
//! what lints cannot see.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

mod arp;
pub mod checksum;
mod ethernet;
mod icmp;
mod icmpv4;
mod icmpv6;
mod ip;
mod ip_options;
mod ipv4;
mod ipv6;
mod ndp;
mod segmentation;
mod tcp;
mod template;
mod udp;

pub use arp::{Arp, ArpOperation};
pub use checksum::ChecksumPolicy;
pub use ethernet::{
    ETHERNET_HEADER_LEN_MAX, EtherType, EthernetFrame, Mac, NotAMac, Vlan, ethernet_header_len,
};
pub use icmp::{IcmpMessage, Quoted, Unreachable};
pub use ip::{Fragment, IpHeader, IpPacket};
pub use ip_options::{InvalidIpOptions, IpOption, IpOptions};
pub use ndp::{
    NDP_HOP_LIMIT, NdpMessage, NdpOption, NdpOptions, PrefixInformation, RouterAdvertisement, solicited_node,
};
pub use segmentation::Unfinished;
pub(crate) use segmentation::{SegmentHeaders, Summing};
pub use tcp::{FastOpenCookie, Flags, SackBlocks, TcpOptions, TcpSegment, TcpSummary, Timestamps};
pub(crate) use template::Template;
pub use udp::UdpDatagram;

use core::fmt;

/// Why bytes were not understood. Each is the name of a reason to drop them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// The bytes end before a header, or before the length that a header announces.
    Truncated,
    /// The IP version is neither 4 nor 6.
    BadVersion,
    /// A header claims to be shorter than its fixed part (IHL, TCP data offset), or longer than what
    /// holds it.
    BadHeaderLength,
    /// The IPv4 total length or the UDP length is less than the headers that it counts.
    BadTotalLength,
    /// A checksum does not match: of the IPv4 header, or of a transport.
    BadChecksum,
    /// UDP over IPv6 without a checksum (RFC 8200 §8.1).
    MissingChecksum,
    /// A TCP option has a length that it cannot have.
    BadOption,
    /// An IPv4 or IPv6 option has a length that it cannot have.
    BadIpOption(Problem),
    /// A fragment that can be part of no packet: it is not the last and its length is no multiple of eight
    /// octets, it reaches beyond the longest packet there is, or it is the first and has no room for the
    /// headers.
    BadFragment(Option<Problem>),
    /// The quoted packet is a fragment other than the first: it does not tell whose it was.
    LaterFragment,
    /// An IPv4 packet that asks to be routed by its source.
    SourceRoute,
    /// An IPv6 hop-by-hop header is not the first header, which RFC 8200 §4.1 wants treated as a header that
    /// nobody knows.
    UnknownProtocol(Problem),
    /// An IPv6 packet says that nothing follows its headers (RFC 8200 §4.7): there is nothing to deliver.
    NoNextHeader,
    /// An IPv6 routing header has segments left: the packet is on its way to somebody else, and we do not
    /// forward (RFC 8200 §4.4).
    RoutingHeader(Problem),
    /// An IPv6 option that we do not know and whose type asks for the packet to be discarded, and maybe for
    /// its sender to be told (RFC 8200 §4.2).
    UnknownIpOption(Option<Problem>),
    /// More IPv6 extension headers in a row than anybody needs.
    TooManyExtensionHeaders,
    /// Nobody here speaks what an Ethernet frame carries, or what an ARP message asks for.
    UnknownLinkProtocol,
    /// A message of neighbor discovery whose hop limit is not 255: it crossed a router, or was forged beyond one.
    Forwarded,
    /// A message of neighbor discovery that fails another of the checks of RFC 4861 §6.1, §7.1 or §8.1.
    InvalidNeighborDiscovery,
}

/// What an ICMP Parameter Problem tells of a packet that was refused (RFC 792, RFC 4443 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// The code.
    pub code: u8,
    /// Octets from the start of the packet to what was not understood.
    pub pointer: u32,
    /// It is told even of a packet that was sent to a group.
    pub even_to_group: bool,
}

impl Problem {
    /// Something at `pointer` contradicts itself, or the rest.
    const fn at(pointer: usize) -> Self {
        Problem { code: 0, pointer: pointer as u32, even_to_group: false }
    }
}

impl Malformed {
    /// What the sender of the packet is to be told, if anything.
    pub const fn problem(self) -> Option<Problem> {
        match self {
            Malformed::BadIpOption(problem)
            | Malformed::UnknownProtocol(problem)
            | Malformed::RoutingHeader(problem) => Some(problem),
            Malformed::BadFragment(problem) | Malformed::UnknownIpOption(problem) => problem,
            _ => None,
        }
    }

    /// The reason in a few words, without a capital or a full stop.
    pub const fn as_str(self) -> &'static str {
        match self {
            Malformed::Truncated => "truncated",
            Malformed::BadVersion => "bad IP version",
            Malformed::BadHeaderLength => "bad header length",
            Malformed::BadTotalLength => "bad total length",
            Malformed::BadChecksum => "bad checksum",
            Malformed::MissingChecksum => "missing checksum",
            Malformed::BadOption => "bad option",
            Malformed::BadIpOption(_) => "bad IP option",
            Malformed::BadFragment(_) => "fragment of no packet",
            Malformed::LaterFragment => "not the first fragment",
            Malformed::SourceRoute => "source route",
            Malformed::UnknownProtocol(_) => "unknown protocol",
            Malformed::NoNextHeader => "no next header",
            Malformed::RoutingHeader(_) => "routing header with segments left",
            Malformed::UnknownIpOption(_) => "unknown IP option",
            Malformed::TooManyExtensionHeaders => "too many extension headers",
            Malformed::UnknownLinkProtocol => "unknown protocol of the link",
            Malformed::Forwarded => "neighbor discovery from beyond the link",
            Malformed::InvalidNeighborDiscovery => "invalid neighbor discovery",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for Malformed {}

/// What an IP packet carries: the IPv4 Protocol and the last IPv6 Next Header, one number space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// 6.
    Tcp,
    /// 17.
    Udp,
    /// 1.
    Icmpv4,
    /// 58.
    Icmpv6,
    /// Any other number. [`Protocol::from`] never makes this of a number that has a name.
    Unknown(u8),
}

impl Protocol {
    /// The number that IANA assigned.
    pub const fn number(self) -> u8 {
        match self {
            Protocol::Icmpv4 => 1,
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Icmpv6 => 58,
            Protocol::Unknown(number) => number,
        }
    }
}

impl From<u8> for Protocol {
    fn from(number: u8) -> Self {
        match number {
            1 => Protocol::Icmpv4,
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            58 => Protocol::Icmpv6,
            number => Protocol::Unknown(number),
        }
    }
}

impl From<Protocol> for u8 {
    fn from(protocol: Protocol) -> u8 {
        protocol.number()
    }
}

#[cfg(test)]
mod tests;
