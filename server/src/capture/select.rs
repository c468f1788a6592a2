//! What a capture wants, as it was asked for.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockwright_engine::id::SessionId;
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{
    ChecksumPolicy, EtherType, EthernetFrame, IpPacket, Protocol, TcpSegment, UdpDatagram,
};
use sockwright_link::virtual_link::Medium;
use sockwright_proto::v1 as pb;

use super::record::{Direction, Interface, Record};
use crate::access::sight::Sight;
use crate::convert::{Invalid, duration};
use crate::hub::{CompiledFilter, Name};

/// What a capture wants.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    /// A link of a lab: each frame as it enters it, and no other.
    link: Option<LabLink>,
    filter: CompiledFilter,
    since: Option<Since>,
    /// What passes from now on is wanted.
    follows: bool,
}

/// From when on the recent past is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// So long ago.
    Age(Duration),
    /// Then.
    Time(Instant),
    /// As long as it is kept.
    Ever,
}

/// A link of a lab, by the lab's name and its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LabLink {
    pub(crate) lab: Name,
    pub(crate) link: String,
}

/// Whose a socket is, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Its session.
    pub(crate) session: SessionId,
    /// Its label.
    pub(crate) label: Box<str>,
}

impl Selection {
    /// Parses a request.
    pub(crate) fn parse(request: &pb::CaptureRequest) -> Result<Self, Invalid> {
        let link = match request.link.as_str() {
            "" => None,
            name => match name.split_once('/') {
                Some((lab, link)) => Some(LabLink { lab: lab.into(), link: link.to_owned() }),
                None => return Err(Invalid::new("link", "it is named by its lab and itself: LAB/LINK")),
            },
        };
        if let Some(filter) = &request.filter {
            if !filter.kinds.is_empty() {
                return Err(Invalid::new("filter.kinds", "a capture has packets, and no kinds of event"));
            }
            if !filter.tcp_states.is_empty() {
                return Err(Invalid::new("filter.tcp_states", "a packet is not admitted by a state"));
            }
        }
        let since = request.since.as_ref().map(Since::parse).transpose()?;
        if request.no_follow && since.is_none() {
            return Err(Invalid::new("no_follow", "without `since` there is nothing to end behind"));
        }
        let filter = CompiledFilter::of(request.filter.as_ref())?;
        Ok(Selection { link, filter, since, follows: !request.no_follow })
    }

    /// What a trace wants: what this filter admits, whatever state its socket is in.
    pub(crate) fn of_trace(filter: CompiledFilter) -> Self {
        Selection { link: None, filter, since: None, follows: true }
    }

    /// Of it only what somebody sees.
    pub(crate) fn seen_by(self, sight: Sight) -> Self {
        Selection { filter: self.filter.seen_by(sight), ..self }
    }

    /// With the lab that its link's is.
    pub(crate) fn in_lab(self, lab: Name) -> Self {
        let link = self.link.map(|link| LabLink { lab, ..link });
        Selection { link, ..self }
    }

    /// From when on it wants the recent past, if it does.
    pub(crate) fn since(&self) -> Option<Since> {
        self.since
    }

    /// Whether it wants what passes from now on.
    pub(crate) fn follows(&self) -> bool {
        self.follows
    }

    /// Whether it may want frames of this interface.
    pub(super) fn may_want(&self, interface: &Interface) -> bool {
        self.is_of_link(interface)
            && self.filter.sight().sees(interface.stack.owner())
            && self.filter.admits_stack(&interface.stack)
    }

    /// The link that was named.
    pub(crate) fn link(&self) -> Option<&LabLink> {
        self.link.as_ref()
    }

    /// Whether it asks whose the socket of a frame is.
    pub(crate) fn asks_owner(&self) -> bool {
        self.filter.asks_owner()
    }

    /// Whether it wants this frame.
    pub(crate) fn wants(&self, record: &Record, owner: Option<&Owner>, ends: &Ends) -> bool {
        let enters = self.link.is_none() || record.direction == Direction::Out;
        enters
            && self.is_of_link(&record.interface)
            && self.filter.admits_frame(
                &record.interface.stack,
                record.known.socket,
                owner.map(|owner| (owner.session, &*owner.label)),
                &ends.0,
            )
    }

    fn is_of_link(&self, interface: &Interface) -> bool {
        self.link.as_ref().is_none_or(|LabLink { lab, link }| {
            interface.stack.lab().as_ref() == Some(lab) && *interface.link == **link
        })
    }
}

impl Since {
    fn parse(since: &pb::Since) -> Result<Self, Invalid> {
        use pb::since::Since as Asked;
        match &since.since {
            Some(Asked::Age(age)) => duration(age, "since.age").map(Since::Age),
            Some(Asked::TimeNs(time)) => Ok(Since::Time(Instant::from_nanos(*time))),
            Some(Asked::All(true)) => Ok(Since::Ever),
            Some(Asked::All(false)) => Err(Invalid::new("since.all", "nothing is asked for")),
            None => Err(Invalid::new("since", "nothing is asked for")),
        }
    }

    /// When that is, on a clock that says `now`.
    pub(super) fn on_clock(self, now: Instant) -> Instant {
        match self {
            Since::Age(age) => {
                let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
                Instant::from_nanos(now.as_nanos().saturating_sub(age))
            }
            Since::Time(time) => time,
            Since::Ever => Instant::ZERO,
        }
    }
}

/// The ends that a frame names, from and to. A packet that has no ports, or not in this fragment, has port 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends(pub(crate) [Option<SocketAddr>; 2]);

impl Ends {
    /// Reads them.
    pub(crate) fn of(frame: &[u8], medium: Medium) -> Ends {
        ip_packet(frame, medium).map(|packet| Ends::of_packet(&packet)).unwrap_or_default()
    }

    fn of_packet(packet: &IpPacket<'_>) -> Ends {
        let ends = (packet.src, packet.dst);
        let first = packet.fragment.is_none_or(|fragment| fragment.offset == 0);
        let ports = match packet.protocol {
            Protocol::Tcp if first => TcpSegment::parse(packet.payload, ends, ChecksumPolicy::Ignore)
                .map(|segment| (segment.src_port, segment.dst_port))
                .ok(),
            Protocol::Udp if first => UdpDatagram::parse(packet.payload, ends, ChecksumPolicy::Ignore)
                .map(|datagram| (datagram.src_port, datagram.dst_port))
                .ok(),
            _ => None,
        };
        let (source, destination) = ports.unwrap_or_default();
        let end = |ip: IpAddr, port| Some(SocketAddr::new(ip, port));
        Ends([end(ends.0, source), end(ends.1, destination)])
    }
}

/// The sequence number of the TCP segment in a frame, and how much data it has.
pub(crate) fn tcp_data(frame: &[u8], medium: Medium) -> Option<(Seq, u32)> {
    let packet = ip_packet(frame, medium).filter(|packet| packet.protocol == Protocol::Tcp)?;
    let ends = (packet.src, packet.dst);
    let segment = TcpSegment::parse(packet.payload, ends, ChecksumPolicy::Ignore).ok()?;
    Some((segment.seq, segment.payload.len() as u32))
}

/// The IP packet in a frame.
fn ip_packet(frame: &[u8], medium: Medium) -> Option<IpPacket<'_>> {
    let packet = match medium {
        Medium::Ip => frame,
        Medium::Ethernet => {
            let frame = EthernetFrame::parse(frame).ok()?;
            matches!(frame.ether_type, EtherType::Ipv4 | EtherType::Ipv6).then_some(frame.payload)?
        }
    };
    IpPacket::parse(packet).ok()
}
