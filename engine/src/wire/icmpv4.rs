//! ICMPv4 (RFC 792, RFC 1122 §3.2.2, RFC 1191 §4): its numbers and its checksum.

use alloc::vec::Vec;

use super::checksum::{self, ChecksumPolicy, Sum};
use super::icmp::{header, pair};
use super::{IcmpMessage, Malformed, Quoted, Unreachable, ipv4};

/// Whether a message of this type asks something or answers it. Every other is an error, or may be one (RFC 1122
/// §3.2.2).
pub(super) const fn is_query(kind: u8) -> bool {
    matches!(kind, ECHO_REPLY | ECHO_REQUEST | 13..=18)
}

const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const ECHO_REQUEST: u8 = 8;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;

const FRAGMENTATION_NEEDED: u8 = 4;

/// "The ICMP datagram SHOULD contain as much of the original datagram as possible without the length of
/// the ICMP datagram exceeding 576 bytes" (RFC 1812 §4.3.2.3).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
//# Every ICMP error message includes the Internet header and at least the first 8 data octets
//# of the datagram that triggered the error; more than 8 octets MAY be sent; this header and
//# data MUST be unchanged from the received datagram.
const QUOTE_LEN_MAX: usize = 576 - ipv4::HEADER_LEN - 8;

pub(super) fn parse(bytes: &[u8], policy: ChecksumPolicy) -> Result<IcmpMessage<'_>, Malformed> {
    let (&[kind, code, sum0, sum1, a, b, c, d], body) =
        bytes.split_first_chunk().ok_or(Malformed::Truncated)?;
    // There is no pseudo-header, hence nothing that a checksum could be partial to.
    match policy {
        ChecksumPolicy::Ignore => {}
        ChecksumPolicy::Verify | ChecksumPolicy::AllowPartial => {
            ChecksumPolicy::Verify.check(Sum::ZERO, bytes, u16::from_be_bytes([sum0, sum1]))?;
        }
    }
    let (ident, seq) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Ok(match (kind, code) {
        (ECHO_REQUEST, 0) => IcmpMessage::EchoRequest { ident, seq, data: body },
        (ECHO_REPLY, 0) => IcmpMessage::EchoReply { ident, seq, data: body },
        (UNREACHABLE, FRAGMENTATION_NEEDED) => {
            let mtu = u32::from(u16::from_be_bytes([c, d]));
            IcmpMessage::PacketTooBig { mtu, quoted: Quoted::parse(body)? }
        }
        (UNREACHABLE, code) => {
            IcmpMessage::Unreachable { code: unreachable_of(code), quoted: Quoted::parse(body)? }
        }
        (TIME_EXCEEDED, code) => IcmpMessage::TimeExceeded { code, quoted: Quoted::parse(body)? },
        (PARAMETER_PROBLEM, code) => {
            IcmpMessage::ParameterProblem { code, pointer: u32::from(a), quoted: Quoted::parse(body)? }
        }
        (kind, code) => IcmpMessage::Other { kind, code },
    })
}

pub(super) fn emit(message: &IcmpMessage<'_>, out: &mut Vec<u8>) {
    let (header, body) = match *message {
        IcmpMessage::EchoRequest { ident, seq, data } => (header(ECHO_REQUEST, 0, pair(ident, seq)), data),
        IcmpMessage::EchoReply { ident, seq, data } => (header(ECHO_REPLY, 0, pair(ident, seq)), data),
        IcmpMessage::Unreachable { code, quoted } => {
            (header(UNREACHABLE, code_of(code), [0; 4]), quoted.start(QUOTE_LEN_MAX))
        }
        IcmpMessage::PacketTooBig { mtu, quoted } => {
            let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
            (header(UNREACHABLE, FRAGMENTATION_NEEDED, pair(0, mtu)), quoted.start(QUOTE_LEN_MAX))
        }
        IcmpMessage::TimeExceeded { code, quoted } => {
            (header(TIME_EXCEEDED, code, [0; 4]), quoted.start(QUOTE_LEN_MAX))
        }
        IcmpMessage::ParameterProblem { code, pointer, quoted } => {
            let pointer = u8::try_from(pointer).unwrap_or(u8::MAX);
            (header(PARAMETER_PROBLEM, code, [pointer, 0, 0, 0]), quoted.start(QUOTE_LEN_MAX))
        }
        IcmpMessage::Other { kind, code } => (header(kind, code, [0; 4]), &[][..]),
    };
    let start = out.len();
    let mut sum = checksum::append_and_sum(out, &header);
    sum.append(checksum::append_and_sum(out, body));
    checksum::fill(out, start + 2, sum.checksum());
}

fn unreachable_of(code: u8) -> Unreachable {
    match code {
        0 => Unreachable::Network,
        1 => Unreachable::Host,
        2 => Unreachable::Protocol,
        3 => Unreachable::Port,
        13 => Unreachable::Prohibited,
        code => Unreachable::Other(code),
    }
}

fn code_of(unreachable: Unreachable) -> u8 {
    match unreachable {
        Unreachable::Network => 0,
        Unreachable::Host => 1,
        Unreachable::Protocol => 2,
        Unreachable::Port => 3,
        Unreachable::Prohibited => 13,
        Unreachable::Other(code) => code,
    }
}
