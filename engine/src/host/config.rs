//! How an engine is set up: its limits, its defaults, its interfaces.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::op::SocketKind;
use crate::id::LinkId;
use crate::limits::Limits;
use crate::neighbor;
use crate::tcp::config::Options;
use crate::wire::{ChecksumPolicy, Mac, Unfinished};

/// The configuration of an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Its limits.
    pub limits: Limits,
    /// The options that its sockets begin with.
    pub options: Options,
    /// How its neighbors on Ethernet are resolved and watched.
    pub neighbors: neighbor::Config,
}

impl Config {
    /// The options that sockets begin with, within the limits.
    pub(super) fn defaults(&self) -> Options {
        let within = |most: u32, limit: usize| u32::try_from(limit).unwrap_or(u32::MAX).min(most);
        Options {
            send_buffer_max: within(self.options.send_buffer_max, self.limits.tuned_send_buffer),
            receive_buffer_max: within(self.options.receive_buffer_max, self.limits.tuned_receive_buffer),
            ..self.options.clone()
        }
    }
}

/// One of an engine's interfaces: addresses on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The link that its packets go to and come from.
    pub link: LinkId,
    /// What the link carries.
    pub medium: Medium,
    /// Its addresses, each with the length of its prefix.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The largest IP packet the link carries.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.3
    //# The MTU of each physical interface MUST be configurable.
    pub mtu: usize,
    /// Whether the checksums of arriving packets can be trusted to be there.
    pub checksums: ChecksumPolicy,
    /// What the link does for the packets that it is given.
    pub offload: Offload,
    /// The kernel of the host has the same addresses. Segments to ports that no socket of ours uses are its business:
    /// they are neither reset nor answered with port unreachable, and neither is an echo request. Everything that is
    /// no address of ours is reached through this interface.
    pub shared_with_host: bool,
}

/// What a link finishes in the TCP segments that it is given, before they are on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// It computes their checksums.
    pub checksums: bool,
    /// The longest IP packet, in octets, that it cuts into segments of the size that is told with it; at most 65535.
    /// 0: it cuts none. One that cuts computes checksums too.
    pub segmentation: u32,
}

/// What a link carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Medium {
    /// IP packets: there is nobody but the other end, or the link knows where packets go.
    #[default]
    Ip,
    /// Ethernet frames, between stations that find each other by ARP and neighbor discovery.
    Ethernet(Ethernet),
}

/// An interface's place on an Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ethernet {
    /// Its own address: a unicast one.
    pub mac: Mac,
    /// The virtual LAN that its frames are tagged for, 1 to 4094; `None`: its frames have no tag.
    pub vlan: Option<u16>,
    /// Its IP addresses are tentative, and not used, until `handle_link` told that the link is up and one probe for
    /// each stayed unanswered for a second.
    pub detect_duplicates: bool,
}

impl Ethernet {
    /// Whether a neighbor may have this address: a station's, and not our own.
    pub(super) fn may_be_neighbor(&self, mac: Mac) -> bool {
        mac.is_unicast() && mac != self.mac
    }
}

/// A way to other networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// An address of the network it leads to; unspecified with a prefix of 0: everywhere.
    pub destination: IpAddr,
    /// The length of that network's prefix.
    pub prefix: u8,
    /// The router, a neighbor on `link`; `None`: the network is on the link itself.
    pub gateway: Option<IpAddr>,
    /// The link.
    pub link: LinkId,
}

/// A packet that `poll_transmit` wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where it goes.
    pub link: LinkId,
    /// Its octets.
    pub len: usize,
    /// What the link is to do with it, where that is more than to carry it: only where [`Offload`] says that it can.
    pub unfinished: Option<Unfinished>,
}

/// Whether a link carries packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// It does.
    Up,
    /// It does not.
    Down,
    /// It does not: there is none for now.
    Gone,
}

/// What became of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// It carries packets.
    Up,
    /// It carries none: what would be sent is lost, as on a wire that was cut.
    Down,
    /// There is none, until `Up` or `Down` say that it is back: calls that would send over it fail with ENETDOWN.
    Gone,
    /// It carries IP packets of this size now. Connections respect it at once.
    Mtu(usize),
}

/// A port on an address, as the host's kernel has to know it where an address is shared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// TCP or UDP.
    pub kind: PortKind,
    /// The address; unspecified: every address of the stack.
    pub ip: IpAddr,
    /// The port.
    pub port: u16,
}

/// Whose port it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortKind {
    /// TCP's.
    Tcp,
    /// UDP's.
    Udp,
}

impl From<SocketKind> for PortKind {
    fn from(kind: SocketKind) -> Self {
        match kind {
            SocketKind::Stream => PortKind::Tcp,
            SocketKind::Datagram => PortKind::Udp,
        }
    }
}
