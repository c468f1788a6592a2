//! Ethernet frames (IEEE 802.3, RFC 894, RFC 1042 to read) with at most one 802.1Q tag.
//!
//! Owns: [`EthernetFrame`], [`Mac`], [`Vlan`] and [`EtherType`]. Never touches what a frame carries: short frames are
//! padded, and the padding is cut off by the length in the IP header, not here.
//!
//! ```text
//! 02 00 00 00 00 02 | 02 00 00 00 00 01 | 08 00             | 45 00 ...     untagged
//! 02 00 00 00 00 02 | 02 00 00 00 00 01 | 81 00 20 07 08 00 | 45 00 ...     priority 1 on VLAN 7
//! ```

use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv6Addr};
use core::str::FromStr;

use super::Malformed;

/// The longest header that is written: with a tag.
pub const ETHERNET_HEADER_LEN_MAX: usize = HEADER_LEN + TAG_LEN;

const HEADER_LEN: usize = 14;
const TAG_LEN: usize = 4;
/// The EtherType of an 802.1Q tag.
const TAG: u16 = 0x8100;
/// The least number that is an EtherType. Below, it is the length of an IEEE 802.3 frame.
const ETHER_TYPE_MIN: u16 = 0x0600;
/// LLC with the SNAP and the organization code of EtherTypes.
const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Everybody on the segment.
    pub const BROADCAST: Mac = Mac([0xff; 6]);

    /// Whether it is of one station: neither a group's nor nobody's.
    pub fn is_unicast(self) -> bool {
        !self.is_group() && self != Mac([0; 6])
    }

    /// Whether it is of a group, as the broadcast address is.
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// The group that an IPv6 multicast address is sent to: `33:33` and its last four octets (RFC 2464 §7).
    pub const fn of_multicast(ip: Ipv6Addr) -> Mac {
        let [.., a, b, c, d] = ip.octets();
        Mac([0x33, 0x33, a, b, c, d])
    }
}

/// `02:00:00:00:00:01`.
impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not six pairs of hex digits with colons between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAMac;

impl fmt::Display for NotAMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not six pairs of hex digits with colons between them")
    }
}

impl core::error::Error for NotAMac {}

impl FromStr for Mac {
    type Err = NotAMac;

    fn from_str(text: &str) -> Result<Self, NotAMac> {
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part =
                parts.next().filter(|part| part.len() == 2 && !part.starts_with('+')).ok_or(NotAMac)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| NotAMac)?;
        }
        if parts.next().is_some() { Err(NotAMac) } else { Ok(Mac(octets)) }
    }
}

/// An 802.1Q tag: which virtual LAN a frame belongs to, and how urgent it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vlan {
    /// 1 to 4094; 0 says that the tag is there for its priority only.
    pub id: u16,
    /// 0 to 7.
    pub priority: u8,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EtherType {
    /// 0x0800.
    Ipv4,
    /// 0x0806.
    Arp,
    /// 0x86dd.
    Ipv6,
    /// Any other number. [`EtherType::from`] never makes this of a number that has a name.
    Unknown(u16),
}

impl EtherType {
    /// The number that IEEE assigned.
    pub const fn number(self) -> u16 {
        match self {
            EtherType::Ipv4 => 0x0800,
            EtherType::Arp => 0x0806,
            EtherType::Ipv6 => 0x86dd,
            EtherType::Unknown(number) => number,
        }
    }
}

impl From<u16> for EtherType {
    fn from(number: u16) -> Self {
        match number {
            0x0800 => EtherType::Ipv4,
            0x0806 => EtherType::Arp,
            0x86dd => EtherType::Ipv6,
            number => EtherType::Unknown(number),
        }
    }
}

/// What carries packets of the version of `ip`.
impl From<IpAddr> for EtherType {
    fn from(ip: IpAddr) -> Self {
        if ip.is_ipv4() { EtherType::Ipv4 } else { EtherType::Ipv6 }
    }
}

/// An Ethernet frame, without the frame check sequence, which hardware adds and takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthernetFrame<'a> {
    /// To whom.
    pub dst: Mac,
    /// From whom.
    pub src: Mac,
    /// Its tag, if it has one. A second one behind it is an unknown type.
    pub vlan: Option<Vlan>,
    /// What the payload is.
    pub ether_type: EtherType,
    /// What it carries, and padding behind that.
    pub payload: &'a [u8],
}

impl<'a> EthernetFrame<'a> {
    /// Reads a frame.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-2.3.3
    //# MUST be able to send and receive packets using RFC-894
    //# encapsulation;
    pub fn parse(frame: &'a [u8]) -> Result<Self, Malformed> {
        let (dst, rest) = frame.split_first_chunk::<6>().ok_or(Malformed::Truncated)?;
        let (src, rest) = rest.split_first_chunk::<6>().ok_or(Malformed::Truncated)?;
        let (mut number, mut payload) = word(rest)?;
        let mut vlan = None;
        if number == TAG {
            let (control, rest) = word(payload)?;
            vlan = Some(Vlan { id: control & 0x0fff, priority: (control >> 13) as u8 });
            (number, payload) = word(rest)?;
        }
        //= https://www.rfc-editor.org/rfc/rfc1122#section-2.3.3
        //# SHOULD be able to receive RFC-1042 packets, intermixed
        //# with RFC-894 packets; and
        if number < ETHER_TYPE_MIN {
            let body = payload.get(..usize::from(number)).ok_or(Malformed::Truncated)?;
            let snap = body.strip_prefix(&SNAP).ok_or(Malformed::UnknownLinkProtocol)?;
            (number, payload) = word(snap)?;
        }
        Ok(EthernetFrame { dst: Mac(*dst), src: Mac(*src), vlan, ether_type: number.into(), payload })
    }

    /// Appends the frame, unpadded: whoever has a wire pads.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + ethernet_header_len(self.vlan), 0);
        if let Some(header) = out.get_mut(start..) {
            self.fill_header(header);
        }
        out.extend_from_slice(self.payload);
    }

    /// Writes the header into the start of `out`, which has [`ethernet_header_len`] octets of room for it.
    pub fn fill_header(&self, out: &mut [u8]) {
        let tag = self.vlan.map(|Vlan { id, priority }| {
            let control = u16::from(priority & 7) << 13 | id & 0x0fff;
            (u32::from(TAG) << 16 | u32::from(control)).to_be_bytes()
        });
        let number = self.ether_type.number().to_be_bytes();
        let octets = self.dst.0.iter().chain(&self.src.0).chain(tag.iter().flatten()).chain(&number);
        for (to, from) in out.iter_mut().zip(octets) {
            *to = *from;
        }
    }
}

/// The octets in front of the payload: 14, or 18 with a tag.
pub const fn ethernet_header_len(vlan: Option<Vlan>) -> usize {
    if vlan.is_some() { HEADER_LEN + TAG_LEN } else { HEADER_LEN }
}

fn word(bytes: &[u8]) -> Result<(u16, &[u8]), Malformed> {
    let (word, rest) = bytes.split_first_chunk().ok_or(Malformed::Truncated)?;
    Ok((u16::from_be_bytes(*word), rest))
}
