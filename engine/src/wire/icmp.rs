//! What ICMPv4 and ICMPv6 say, as one set of messages.
//!
//! Owns: [`IcmpMessage`] and the packet that an error quotes ([`Quoted`]), which is how an error finds the
//! connection that it is about. The numbers of each version are in `icmpv4` and `icmpv6`.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::checksum::ChecksumPolicy;
use super::ip::{self, Version};
use super::{Malformed, Protocol, icmpv4, icmpv6, ipv4, ipv6};
use crate::tcp::seq::Seq;

/// An ICMP message of either version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpMessage<'a> {
    /// A request to be sent its data back.
    EchoRequest {
        /// The identifier: often of the process that asks.
        ident: u16,
        /// The sequence number of the request.
        seq: u16,
        /// The data.
        data: &'a [u8],
    },
    /// The answer, with everything as it was asked.
    EchoReply {
        /// The identifier of the request.
        ident: u16,
        /// The sequence number of the request.
        seq: u16,
        /// The data of the request.
        data: &'a [u8],
    },
    /// The quoted packet did not arrive, and why.
    Unreachable {
        /// Why.
        code: Unreachable,
        /// The packet.
        quoted: Quoted<'a>,
    },
    /// The quoted packet was too long for the next link: ICMPv6 Packet Too Big, or ICMPv4 Destination
    /// Unreachable with the code "fragmentation needed and DF set".
    PacketTooBig {
        /// The MTU of that link in octets; 0 from IPv4 routers older than RFC 1191.
        mtu: u32,
        /// The packet.
        quoted: Quoted<'a>,
    },
    /// The quoted packet ran out of hops (code 0), or its fragments out of time (code 1).
    TimeExceeded {
        /// The code.
        code: u8,
        /// The packet.
        quoted: Quoted<'a>,
    },
    /// Something in the header of the quoted packet was not understood.
    ParameterProblem {
        /// The code.
        code: u8,
        /// Where: octets from the start of the packet. IPv4 has 8 bits for it.
        pointer: u32,
        /// The packet.
        quoted: Quoted<'a>,
    },
    /// Any other message.
    Other {
        /// The ICMP type.
        kind: u8,
        /// The ICMP code.
        code: u8,
    },
}

/// Why a destination was unreachable: the reasons that both versions know, and IPv4's "protocol".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unreachable {
    /// There is no route to its network. IPv4 code 0, IPv6 code 0.
    Network,
    /// There is a network but no such host. IPv4 code 1, IPv6 code 3.
    Host,
    /// The host does not speak the protocol. IPv4 code 2. IPv6 says that with a Parameter Problem that
    /// points at the Next Header, and that is what is written for it.
    Protocol,
    /// Nobody listens on the port. IPv4 code 3, IPv6 code 4.
    Port,
    /// Somebody forbade it. IPv4 code 13, IPv6 code 1.
    Prohibited,
    /// Any other code of the version at hand.
    Other(u8),
}

impl<'a> IcmpMessage<'a> {
    /// Reads a message that came between the addresses `(src, dst)`, whose version is the message's.
    ///
    /// An error whose quote does not tell whom it is about is of no use, and malformed.
    pub fn parse(
        bytes: &'a [u8],
        (src, dst): (IpAddr, IpAddr),
        policy: ChecksumPolicy,
    ) -> Result<Self, Malformed> {
        match src {
            IpAddr::V4(_) => icmpv4::parse(bytes, policy),
            IpAddr::V6(_) => icmpv6::parse(bytes, (src, dst), policy),
        }
    }

    /// Whether no error may be sent about `packet`: it carries one itself, or it is a fragment other than the first.
    /// Whatever else is wrong with it does not matter.
    pub fn is_error_or_later_fragment(packet: &[u8]) -> bool {
        match ip::version(packet) {
            Ok(Version::V4) => match ipv4::parse_quoted(packet) {
                Ok((_, _, Protocol::Icmpv4, payload)) => {
                    !payload.first().is_some_and(|kind| icmpv4::is_query(*kind))
                }
                Ok(_) => false,
                Err(_) => true,
            },
            Ok(Version::V6) => ipv6::carries_error_or_is_later_fragment(packet),
            Err(_) => true,
        }
    }

    /// Appends the message, checksum included, on its way from `src` to `dst`.
    ///
    /// Of a quoted packet goes as much as its version allows. An [`IcmpMessage::Other`] has no body.
    pub fn emit(&self, src: IpAddr, dst: IpAddr, out: &mut Vec<u8>) {
        match src {
            IpAddr::V4(_) => icmpv4::emit(self, out),
            IpAddr::V6(_) => icmpv6::emit(self, (src, dst), out),
        }
    }
}

/// The packet that an ICMP error is about, as far as the error quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted<'a> {
    /// Who sent the packet: us, if the error is genuine.
    pub src: IpAddr,
    /// Where it was going.
    pub dst: IpAddr,
    /// What it carried.
    pub protocol: Protocol,
    /// The source port; 0 for protocols other than TCP and UDP.
    pub src_port: u16,
    /// The destination port; 0 for protocols other than TCP and UDP.
    pub dst_port: u16,
    /// The sequence number of a TCP segment: what tells an error from a forged one (RFC 5927 §4.1).
    pub seq: Option<Seq>,
    /// The length that the packet announces, in octets.
    pub len: usize,
    /// The packet itself, from its IP header on.
    pub packet: &'a [u8],
}

impl<'a> Quoted<'a> {
    /// Reads the start of a packet, cut off anywhere behind the ports of its payload.
    pub fn parse(packet: &'a [u8]) -> Result<Self, Malformed> {
        let (src, dst, protocol, payload, len) = match ip::version(packet)? {
            Version::V4 => {
                let (src, dst, protocol, payload) = ipv4::parse_quoted(packet)?;
                (IpAddr::V4(src), IpAddr::V4(dst), protocol, payload, ipv4::announced_len(packet)?)
            }
            Version::V6 => {
                let (src, dst, protocol, payload) = ipv6::parse_quoted(packet)?;
                (IpAddr::V6(src), IpAddr::V6(dst), protocol, payload, ipv6::announced_len(packet)?)
            }
        };
        let (mut src_port, mut dst_port, mut seq) = (0, 0, None);
        if matches!(protocol, Protocol::Tcp | Protocol::Udp) {
            let (&[s0, s1, d0, d1], rest) = payload.split_first_chunk().ok_or(Malformed::Truncated)?;
            src_port = u16::from_be_bytes([s0, s1]);
            dst_port = u16::from_be_bytes([d0, d1]);
            if protocol == Protocol::Tcp {
                seq = rest.first_chunk().map(|number| Seq(u32::from_be_bytes(*number)));
            }
        }
        Ok(Quoted { src, dst, protocol, src_port, dst_port, seq, len, packet })
    }

    /// A packet to quote that need not be understood: nobody's ports are looked for in it.
    pub fn unread(src: IpAddr, dst: IpAddr, packet: &'a [u8]) -> Self {
        let protocol = Protocol::Unknown(u8::MAX);
        Quoted { src, dst, protocol, src_port: 0, dst_port: 0, seq: None, len: packet.len(), packet }
    }

    /// As much of the packet as fits in `len` octets.
    pub(super) fn start(&self, len: usize) -> &'a [u8] {
        self.packet.get(..len).unwrap_or(self.packet)
    }
}

/// The eight octets that start every message: type, code, checksum (0 until it is filled), and four that
/// depend on the type.
pub(super) fn header(kind: u8, code: u8, rest: [u8; 4]) -> [u8; 8] {
    let [a, b, c, d] = rest;
    [kind, code, 0, 0, a, b, c, d]
}

/// Two 16-bit fields in the place of four octets.
pub(super) fn pair(first: u16, second: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (first.to_be_bytes(), second.to_be_bytes());
    [a, b, c, d]
}
