//! Neighbor discovery for IPv6 (RFC 4861): its five messages, their options, and what makes one valid.
//!
//! Owns: [`NdpMessage`], [`NdpOption`], and the checks of §6.1, §7.1 and §8.1 that need no more than the packet. Never
//! touches a cache: what a message does to one is in `neighbor`.
//!
//! ```text
//! 87 00 .. .. | 00 00 00 00 | fd 00 ... 02                     neighbor solicitation for fd00::2
//! 01 01 02 00 00 00 00 01                                      source link-layer address 02:00:00:00:00:01
//! ```

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use super::checksum::{self, ChecksumPolicy};
use super::ethernet::Mac;
use super::{IpPacket, Malformed, Protocol};

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOR_SOLICITATION: u8 = 135;
const NEIGHBOR_ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;

/// The hop limit of every message: one that crossed a router has less.
pub const NDP_HOP_LIMIT: u8 = 255;

/// A message, but for its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NdpMessage {
    /// Asks routers to advertise themselves.
    RouterSolicitation,
    /// A router tells of itself and of the link.
    RouterAdvertisement(RouterAdvertisement),
    /// Asks for the link-layer address of the target, or whether it is still there.
    NeighborSolicitation {
        /// The address asked for.
        target: Ipv6Addr,
    },
    /// Tells the link-layer address of the target.
    NeighborAdvertisement {
        /// The sender is a router.
        router: bool,
        /// It answers a solicitation.
        solicited: bool,
        /// It overrides what a cache has.
        overrides: bool,
        /// The address that it is about.
        target: Ipv6Addr,
    },
    /// A router knows a better first hop to the destination.
    Redirect {
        /// The better first hop; the destination itself where that is a neighbor.
        target: Ipv6Addr,
        /// The destination.
        destination: Ipv6Addr,
    },
}

/// What a router tells (§4.2). Zero means "unspecified by this router", but for the lifetime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouterAdvertisement {
    /// The hop limit that hosts should send with.
    pub hop_limit: u8,
    /// Addresses come by DHCPv6.
    pub managed: bool,
    /// Other configuration comes by DHCPv6.
    pub other: bool,
    /// For how many seconds it is a default router; 0: it is none.
    pub lifetime_s: u16,
    /// For how many milliseconds a neighbor is reachable after a confirmation.
    pub reachable_ms: u32,
    /// The milliseconds between solicitations.
    pub retransmit_ms: u32,
}

/// An option of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NdpOption<'a> {
    /// The link-layer address of the packet's sender.
    SourceLinkLayer(Mac),
    /// The link-layer address of the target.
    TargetLinkLayer(Mac),
    /// A prefix of the link.
    Prefix(PrefixInformation),
    /// The packet that led to a redirect, as far as it is quoted.
    RedirectedHeader(&'a [u8]),
    /// The MTU of the link.
    Mtu(u32),
    /// Any other, or one of a length that it cannot have.
    Unknown(u8),
}

/// A prefix of the link (§4.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixInformation {
    /// The prefix; the bits behind its length mean nothing.
    pub prefix: Ipv6Addr,
    /// Its length in bits.
    pub length: u8,
    /// Addresses of it are neighbors.
    pub on_link: bool,
    /// Hosts may choose addresses of it.
    pub autonomous: bool,
    /// Seconds for which it is valid; all ones: for ever.
    pub valid_s: u32,
    /// Seconds for which addresses of it are preferred; all ones: for ever.
    pub preferred_s: u32,
}

/// The options of a message whose lengths are right, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NdpOptions<'a>(&'a [u8]);

impl NdpMessage {
    /// Whether an ICMPv6 message of this type is one of neighbor discovery.
    pub const fn is_type(kind: u8) -> bool {
        matches!(kind, ROUTER_SOLICITATION..=REDIRECT)
    }

    /// Reads the message in `packet`, and checks all that a receiver has to check before it looks at its state.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.1
    //# A node MUST silently discard any received Neighbor Solicitation
    //# messages that do not satisfy all of the following validity checks:
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.2
    //# A node MUST silently discard any received Neighbor Advertisement
    //# messages that do not satisfy all of the following validity checks:
    //= https://www.rfc-editor.org/rfc/rfc4861#section-6.1.2
    //# A node MUST silently discard any received Router Advertisement
    //# messages that do not satisfy all of the following validity checks:
    //= https://www.rfc-editor.org/rfc/rfc4861#section-8.1
    //# A host MUST silently discard any received Redirect message that does
    //# not satisfy all of the following validity checks:
    pub fn parse<'a>(
        packet: &IpPacket<'a>,
        policy: ChecksumPolicy,
    ) -> Result<(Self, NdpOptions<'a>), Malformed> {
        let (IpAddr::V6(src), IpAddr::V6(dst)) = (packet.src, packet.dst) else {
            return Err(Malformed::UnknownLinkProtocol);
        };
        let bytes = packet.payload;
        let (&[kind, code, sum0, sum1], body) = bytes.split_first_chunk().ok_or(Malformed::Truncated)?;
        if packet.hop_limit != NDP_HOP_LIMIT {
            return Err(Malformed::Forwarded);
        }
        let pseudo = checksum::pseudo_header(packet.src, packet.dst, Protocol::Icmpv6, bytes.len());
        policy.check(pseudo, bytes, u16::from_be_bytes([sum0, sum1]))?;
        let valid = |holds: bool| if holds { Ok(()) } else { Err(Malformed::InvalidNeighborDiscovery) };
        valid(code == 0)?;
        let (message, options) = Self::read(kind, body)?;
        let options = NdpOptions::parse(options)?;
        match message {
            NdpMessage::RouterSolicitation => {
                valid(!src.is_unspecified() || options.source_link_layer().is_none())?;
            }
            NdpMessage::RouterAdvertisement(_) => valid(src.is_unicast_link_local())?,
            //= https://www.rfc-editor.org/rfc/rfc4861#section-4.3
            //# It MUST NOT be a multicast address.
            NdpMessage::NeighborSolicitation { target } => {
                let probe = src.is_unspecified();
                valid(!target.is_multicast())?;
                valid(!probe || is_solicited_node(dst) && options.source_link_layer().is_none())?;
            }
            //= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
            //# The Target Address MUST NOT be a multicast address.
            NdpMessage::NeighborAdvertisement { solicited, target, .. } => {
                valid(!target.is_multicast())?;
                valid(!(dst.is_multicast() && solicited))?;
            }
            NdpMessage::Redirect { target, destination } => {
                valid(src.is_unicast_link_local() && !destination.is_multicast())?;
                valid(target.is_unicast_link_local() || target == destination)?;
            }
        }
        Ok((message, options))
    }

    /// The message of this type, and what of `body` is options.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.1
    //# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.2
    //# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.3
    //# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
    //# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.5
    //# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-6.1.2
    //# The contents of the Reserved field, and of any unrecognized options, MUST be ignored.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.1
    //# The contents of the Reserved field, and of any unrecognized options, MUST be ignored.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.2
    //# The contents of the Reserved field, and of any unrecognized options, MUST be ignored.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-8.1
    //# The contents of the Reserved field, and of any unrecognized options, MUST be ignored.
    fn read(kind: u8, body: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let (&[a, b, c, d], rest) = body.split_first_chunk().ok_or(Malformed::Truncated)?;
        let address = |bytes| <[u8]>::split_first_chunk::<16>(bytes).ok_or(Malformed::Truncated);
        Ok(match kind {
            ROUTER_SOLICITATION => (NdpMessage::RouterSolicitation, rest),
            ROUTER_ADVERTISEMENT => {
                let (reachable, rest) = rest.split_first_chunk().ok_or(Malformed::Truncated)?;
                let (retransmit, rest) = rest.split_first_chunk().ok_or(Malformed::Truncated)?;
                let advertisement = RouterAdvertisement {
                    hop_limit: a,
                    managed: b & MANAGED != 0,
                    other: b & OTHER != 0,
                    lifetime_s: u16::from_be_bytes([c, d]),
                    reachable_ms: u32::from_be_bytes(*reachable),
                    retransmit_ms: u32::from_be_bytes(*retransmit),
                };
                (NdpMessage::RouterAdvertisement(advertisement), rest)
            }
            NEIGHBOR_SOLICITATION => {
                let (target, rest) = address(rest)?;
                (NdpMessage::NeighborSolicitation { target: (*target).into() }, rest)
            }
            NEIGHBOR_ADVERTISEMENT => {
                let (target, rest) = address(rest)?;
                let message = NdpMessage::NeighborAdvertisement {
                    router: a & ROUTER != 0,
                    solicited: a & SOLICITED != 0,
                    overrides: a & OVERRIDE != 0,
                    target: (*target).into(),
                };
                (message, rest)
            }
            REDIRECT => {
                let (target, rest) = address(rest)?;
                let (destination, rest) = address(rest)?;
                let (target, destination) = ((*target).into(), (*destination).into());
                (NdpMessage::Redirect { target, destination }, rest)
            }
            _ => return Err(Malformed::UnknownLinkProtocol),
        })
    }

    /// Appends the message with `options`, checksum included, on its way from `src` to `dst`.
    pub fn emit(&self, options: &[NdpOption<'_>], src: Ipv6Addr, dst: Ipv6Addr, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(64);
        let kind = match self {
            NdpMessage::RouterSolicitation => {
                body.extend([0; 4]);
                ROUTER_SOLICITATION
            }
            NdpMessage::RouterAdvertisement(advertisement) => {
                let [hi, lo] = advertisement.lifetime_s.to_be_bytes();
                let flags = bit(advertisement.managed, MANAGED) | bit(advertisement.other, OTHER);
                body.extend([advertisement.hop_limit, flags, hi, lo]);
                body.extend(advertisement.reachable_ms.to_be_bytes());
                body.extend(advertisement.retransmit_ms.to_be_bytes());
                ROUTER_ADVERTISEMENT
            }
            NdpMessage::NeighborSolicitation { target } => {
                body.extend([0; 4]);
                body.extend(target.octets());
                NEIGHBOR_SOLICITATION
            }
            NdpMessage::NeighborAdvertisement { router, solicited, overrides, target } => {
                let flags = bit(*router, ROUTER) | bit(*solicited, SOLICITED) | bit(*overrides, OVERRIDE);
                body.extend([flags, 0, 0, 0]);
                body.extend(target.octets());
                NEIGHBOR_ADVERTISEMENT
            }
            NdpMessage::Redirect { target, destination } => {
                body.extend([0; 4]);
                body.extend(target.octets());
                body.extend(destination.octets());
                REDIRECT
            }
        };
        options.iter().for_each(|option| option.emit(&mut body));
        let start = out.len();
        let header = [kind, 0, 0, 0];
        let mut sum =
            checksum::pseudo_header(src.into(), dst.into(), Protocol::Icmpv6, header.len() + body.len());
        sum.append(checksum::append_and_sum(out, &header));
        sum.append(checksum::append_and_sum(out, &body));
        checksum::fill(out, start + 2, sum.checksum());
    }
}

impl<'a> NdpOptions<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = bytes;
        while !rest.is_empty() {
            //= https://www.rfc-editor.org/rfc/rfc4861#section-4.6
            //# The value 0 is invalid.  Nodes MUST
            //# silently discard an ND packet that contains an
            //# option with length zero.
            (_, rest) = split_option(rest).ok_or(Malformed::BadOption)?;
        }
        Ok(NdpOptions(bytes))
    }

    /// Every option.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-9
    //# all nodes MUST silently ignore any options
    //# they do not recognize in received ND packets and continue processing
    //# the packet.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.1
    //# Receivers MUST silently ignore any options they do not recognize and continue processing
    //# the message.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.2
    //# Receivers MUST silently ignore any options they do not recognize and continue processing
    //# the message.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.3
    //# Receivers MUST silently ignore any options they do not recognize and continue processing
    //# the message.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
    //# Receivers MUST silently ignore any options they do not recognize and continue processing
    //# the message.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-9
    //# A node MUST NOT ignore valid options just because the ND message contains unrecognized
    //# ones.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-9
    //# Receivers MUST silently ignore any options they do not recognize and continue processing
    //# the message.
    pub fn iter(self) -> impl Iterator<Item = NdpOption<'a>> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (option, after) = split_option(rest)?;
            rest = after;
            Some(NdpOption::parse(option))
        })
    }

    /// The first source link-layer address.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.1
    //# These options MUST be silently ignored for other Neighbor Discovery messages.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2
    //# The Prefix Information option appears in Router Advertisement packets and MUST be silently
    //# ignored for other messages.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.3
    //# This option MUST be silently ignored for other Neighbor Discovery messages.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.4
    //# This option MUST be silently ignored for other Neighbor Discovery messages.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-6.1.2
    //# The contents of any defined options that are not specified to be used with Router
    //# Advertisement messages MUST be ignored and the packet processed as normal.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.1
    //# The contents of any defined options that are not specified to be used with Neighbor
    //# Solicitation messages MUST be ignored and the packet processed as normal.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.2
    //# The contents of any defined options that are not specified to be used with Neighbor
    //# Advertisement messages MUST be ignored and the packet processed as normal.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-8.1
    //# The contents of any defined options that are not specified to be used with Redirect
    //# messages MUST be ignored and the packet processed as normal.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-9
    //# Options in Neighbor Discovery packets can appear in any order; receivers MUST be prepared
    //# to process them independently of their order.
    pub fn source_link_layer(self) -> Option<Mac> {
        self.iter().find_map(|option| match option {
            NdpOption::SourceLinkLayer(mac) => Some(mac),
            _ => None,
        })
    }

    /// The first target link-layer address.
    pub fn target_link_layer(self) -> Option<Mac> {
        self.iter().find_map(|option| match option {
            NdpOption::TargetLinkLayer(mac) => Some(mac),
            _ => None,
        })
    }
}

impl<'a> NdpOption<'a> {
    /// Reads a whole option: type, length in units of eight octets, and its body.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2
    //# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2
    //# The bits in the prefix after the prefix length are reserved and MUST be initialized to
    //# zero by the sender and ignored by the receiver.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.3
    //# They MUST be initialized to zero by the sender and MUST be ignored by the receiver.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.4
    //# It MUST be initialized to zero by the sender and MUST be ignored by the receiver.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-9
    //# All options specified in this document MUST be recognized.
    fn parse(option: &'a [u8]) -> Self {
        match *option {
            [SOURCE_LINK_LAYER, 1, a, b, c, d, e, f] => NdpOption::SourceLinkLayer(Mac([a, b, c, d, e, f])),
            [TARGET_LINK_LAYER, 1, a, b, c, d, e, f] => NdpOption::TargetLinkLayer(Mac([a, b, c, d, e, f])),
            [MTU, 1, _, _, a, b, c, d] => NdpOption::Mtu(u32::from_be_bytes([a, b, c, d])),
            [REDIRECTED_HEADER, _, _, _, _, _, _, _, ref quoted @ ..] => NdpOption::RedirectedHeader(quoted),
            [PREFIX, 4, length, flags, v0, v1, v2, v3, p0, p1, p2, p3, _, _, _, _, ref prefix @ ..] => {
                let prefix: [u8; 16] = prefix.try_into().unwrap_or_default();
                NdpOption::Prefix(PrefixInformation {
                    prefix: prefix.into(),
                    length,
                    on_link: flags & ON_LINK != 0,
                    autonomous: flags & AUTONOMOUS != 0,
                    valid_s: u32::from_be_bytes([v0, v1, v2, v3]),
                    preferred_s: u32::from_be_bytes([p0, p1, p2, p3]),
                })
            }
            [kind, ..] => NdpOption::Unknown(kind),
            [] => NdpOption::Unknown(0),
        }
    }

    /// Appends the option. An unknown one is written with an empty body; a quoted packet loses what is beyond a
    /// multiple of eight octets.
    fn emit(&self, out: &mut Vec<u8>) {
        match *self {
            NdpOption::SourceLinkLayer(mac) => {
                out.extend([SOURCE_LINK_LAYER, 1]);
                out.extend(mac.0);
            }
            NdpOption::TargetLinkLayer(mac) => {
                out.extend([TARGET_LINK_LAYER, 1]);
                out.extend(mac.0);
            }
            NdpOption::Mtu(mtu) => {
                out.extend([MTU, 1, 0, 0]);
                out.extend(mtu.to_be_bytes());
            }
            NdpOption::RedirectedHeader(quoted) => {
                let units = (quoted.len() / 8).min(usize::from(u8::MAX) - 1);
                out.extend([REDIRECTED_HEADER, 1 + units as u8, 0, 0, 0, 0, 0, 0]);
                out.extend_from_slice(quoted.get(..units * 8).unwrap_or_default());
            }
            NdpOption::Prefix(prefix) => {
                let flags = bit(prefix.on_link, ON_LINK) | bit(prefix.autonomous, AUTONOMOUS);
                out.extend([PREFIX, 4, prefix.length, flags]);
                out.extend(prefix.valid_s.to_be_bytes());
                out.extend(prefix.preferred_s.to_be_bytes());
                out.extend([0; 4]);
                out.extend(prefix.prefix.octets());
            }
            NdpOption::Unknown(kind) => out.extend([kind, 1, 0, 0, 0, 0, 0, 0]),
        }
    }
}

/// The group that solicitations for `ip` are sent to: `ff02::1:ff` and its last three octets.
pub const fn solicited_node(ip: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = ip.octets();
    Ipv6Addr::from_octets([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}

fn is_solicited_node(ip: Ipv6Addr) -> bool {
    solicited_node(ip) == ip
}

fn split_option(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match bytes {
        [_, 0, ..] => None,
        [_, units, ..] => bytes.split_at_checked(usize::from(*units) * 8),
        _ => None,
    }
}

fn bit(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;
const PREFIX: u8 = 3;
const REDIRECTED_HEADER: u8 = 4;
const MTU: u8 = 5;

const MANAGED: u8 = 0x80;
const OTHER: u8 = 0x40;
const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
const ON_LINK: u8 = 0x80;
const AUTONOMOUS: u8 = 0x40;
