//! ICMPv6 (RFC 4443): its numbers and its checksum, which covers a pseudo-header.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::checksum::{self, ChecksumPolicy};
use super::icmp::{header, pair};
use super::{IcmpMessage, Malformed, Protocol, Quoted, Unreachable, ipv6};

/// Whether RFC 4443 §2.4 (e) forbids an error about a message of this type.
pub(super) const fn is_error_or_redirect(kind: u8) -> bool {
    kind < 128 || kind == REDIRECT
}

const UNREACHABLE: u8 = 1;
const PACKET_TOO_BIG: u8 = 2;
const TIME_EXCEEDED: u8 = 3;
const PARAMETER_PROBLEM: u8 = 4;
const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;
const REDIRECT: u8 = 137;

const UNRECOGNIZED_NEXT_HEADER: u8 = 1;

//= https://www.rfc-editor.org/rfc/rfc4443#section-2.4
//# Every ICMPv6 error message (type < 128) MUST include as much of
//# the IPv6 offending (invoking) packet (the packet that caused the
//# error) as possible without making the error message packet exceed
//# the minimum IPv6 MTU [IPv6].
const QUOTE_LEN_MAX: usize = 1280 - ipv6::HEADER_LEN - 8;

pub(super) fn parse(
    bytes: &[u8],
    (src, dst): (IpAddr, IpAddr),
    policy: ChecksumPolicy,
) -> Result<IcmpMessage<'_>, Malformed> {
    let (&[kind, code, sum0, sum1, a, b, c, d], body) =
        bytes.split_first_chunk().ok_or(Malformed::Truncated)?;
    let pseudo = checksum::pseudo_header(src, dst, Protocol::Icmpv6, bytes.len());
    policy.check(pseudo, bytes, u16::from_be_bytes([sum0, sum1]))?;
    let (ident, seq) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let word = u32::from_be_bytes([a, b, c, d]);
    Ok(match (kind, code) {
        (ECHO_REQUEST, 0) => IcmpMessage::EchoRequest { ident, seq, data: body },
        (ECHO_REPLY, 0) => IcmpMessage::EchoReply { ident, seq, data: body },
        (UNREACHABLE, code) => {
            IcmpMessage::Unreachable { code: unreachable_of(code), quoted: Quoted::parse(body)? }
        }
        // The code is "set to 0 (zero) by the originator and ignored by the receiver" (§3.2).
        (PACKET_TOO_BIG, _) => IcmpMessage::PacketTooBig { mtu: word, quoted: Quoted::parse(body)? },
        (TIME_EXCEEDED, code) => IcmpMessage::TimeExceeded { code, quoted: Quoted::parse(body)? },
        (PARAMETER_PROBLEM, code) => {
            IcmpMessage::ParameterProblem { code, pointer: word, quoted: Quoted::parse(body)? }
        }
        (kind, code) => IcmpMessage::Other { kind, code },
    })
}

pub(super) fn emit(message: &IcmpMessage<'_>, (src, dst): (IpAddr, IpAddr), out: &mut Vec<u8>) {
    let (header, body) = match *message {
        IcmpMessage::EchoRequest { ident, seq, data } => (header(ECHO_REQUEST, 0, pair(ident, seq)), data),
        IcmpMessage::EchoReply { ident, seq, data } => (header(ECHO_REPLY, 0, pair(ident, seq)), data),
        IcmpMessage::Unreachable { code, quoted } => {
            (unreachable_header(code, quoted.packet), quoted.start(QUOTE_LEN_MAX))
        }
        IcmpMessage::PacketTooBig { mtu, quoted } => {
            (header(PACKET_TOO_BIG, 0, mtu.to_be_bytes()), quoted.start(QUOTE_LEN_MAX))
        }
        IcmpMessage::TimeExceeded { code, quoted } => {
            (header(TIME_EXCEEDED, code, [0; 4]), quoted.start(QUOTE_LEN_MAX))
        }
        IcmpMessage::ParameterProblem { code, pointer, quoted } => {
            (header(PARAMETER_PROBLEM, code, pointer.to_be_bytes()), quoted.start(QUOTE_LEN_MAX))
        }
        IcmpMessage::Other { kind, code } => (header(kind, code, [0; 4]), &[][..]),
    };
    let start = out.len();
    let mut sum = checksum::pseudo_header(src, dst, Protocol::Icmpv6, header.len() + body.len());
    sum.append(checksum::append_and_sum(out, &header));
    sum.append(checksum::append_and_sum(out, body));
    checksum::fill(out, start + 2, sum.checksum());
}

fn unreachable_of(code: u8) -> Unreachable {
    match code {
        0 => Unreachable::Network,
        1 => Unreachable::Prohibited,
        3 => Unreachable::Host,
        4 => Unreachable::Port,
        code => Unreachable::Other(code),
    }
}

fn unreachable_header(code: Unreachable, packet: &[u8]) -> [u8; 8] {
    let code = match code {
        Unreachable::Network => 0,
        Unreachable::Prohibited => 1,
        Unreachable::Host => 3,
        Unreachable::Port => 4,
        Unreachable::Other(code) => code,
        Unreachable::Protocol => {
            let pointer = ipv6::upper_layer_named_at(packet).unwrap_or(0) as u32;
            return header(PARAMETER_PROBLEM, UNRECOGNIZED_NEXT_HEADER, pointer.to_be_bytes());
        }
    };
    header(UNREACHABLE, code, [0; 4])
}
