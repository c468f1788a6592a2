//! ARP (RFC 826) for IPv4 on Ethernet: who has an address, and who says so.
//!
//! Owns: [`Arp`]. Never touches a cache: what a message does to one is in `neighbor`.
//!
//! ```text
//! 00 01 | 08 00 | 06 | 04 | 00 01 | 02 00 00 00 00 01 | 0a 00 00 01 | 00 00 00 00 00 00 | 0a 00 00 02
//! who has 10.0.0.2, tell 10.0.0.1 at 02:00:00:00:00:01
//! ```

use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv4Addr;

use super::ethernet::Mac;
use super::{EtherType, Malformed};

/// Hardware type Ethernet, protocol type IPv4, addresses of six and four octets.
const ETHERNET_AND_IPV4: [u8; 6] = {
    let [hi, lo] = EtherType::Ipv4.number().to_be_bytes();
    [0, 1, hi, lo, 6, 4]
};

/// What an ARP message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArpOperation {
    /// 1: asks for the target's hardware address.
    Request,
    /// 2: tells the sender's.
    Reply,
}

/// An ARP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Request or reply.
    pub operation: ArpOperation,
    /// Who sent it.
    pub sender_mac: Mac,
    /// The sender's address; unspecified in a probe, which must not enter anybody's cache (RFC 5227 §1.1).
    pub sender_ip: Ipv4Addr,
    /// Of a request: nothing. Of a reply: who asked.
    pub target_mac: Mac,
    /// Of a request: the address asked for. Of a reply: of who asked.
    pub target_ip: Ipv4Addr,
}

/// As tcpdump prints it.
impl fmt::Display for Arp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.operation {
            ArpOperation::Request => write!(f, "who has {} tell {}", self.target_ip, self.sender_ip),
            ArpOperation::Reply => write!(f, "{} is at {}", self.sender_ip, self.sender_mac),
        }
    }
}

impl Arp {
    /// Reads a message; what follows it is padding.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let (kind, rest) = bytes.split_first_chunk().ok_or(Malformed::Truncated)?;
        let (operation, rest) = rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        if *kind != ETHERNET_AND_IPV4 {
            return Err(Malformed::UnknownLinkProtocol);
        }
        let operation = match u16::from_be_bytes(*operation) {
            1 => ArpOperation::Request,
            2 => ArpOperation::Reply,
            _ => return Err(Malformed::UnknownLinkProtocol),
        };
        let (sender_mac, rest) = rest.split_first_chunk::<6>().ok_or(Malformed::Truncated)?;
        let (sender_ip, rest) = rest.split_first_chunk::<4>().ok_or(Malformed::Truncated)?;
        let (target_mac, rest) = rest.split_first_chunk::<6>().ok_or(Malformed::Truncated)?;
        let target_ip = rest.first_chunk::<4>().ok_or(Malformed::Truncated)?;
        Ok(Arp {
            operation,
            sender_mac: Mac(*sender_mac),
            sender_ip: Ipv4Addr::from(*sender_ip),
            target_mac: Mac(*target_mac),
            target_ip: Ipv4Addr::from(*target_ip),
        })
    }

    /// Appends the message: 28 octets.
    //= https://www.rfc-editor.org/rfc/rfc826
    //# The packet data should be viewed as a byte stream in which only 3 byte pairs are defined
    //# to be words (ar$hrd, ar$pro and ar$op) which are sent most significant byte first
    //# (Ethernet/PDP-10 byte style).
    pub fn emit(&self, out: &mut Vec<u8>) {
        let operation = match self.operation {
            ArpOperation::Request => 1u16,
            ArpOperation::Reply => 2,
        };
        out.extend_from_slice(&ETHERNET_AND_IPV4);
        out.extend_from_slice(&operation.to_be_bytes());
        out.extend_from_slice(&self.sender_mac.0);
        out.extend_from_slice(&self.sender_ip.octets());
        out.extend_from_slice(&self.target_mac.0);
        out.extend_from_slice(&self.target_ip.octets());
    }
}
