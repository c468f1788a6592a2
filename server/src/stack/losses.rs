//! What an impaired link did to a frame, as an event.

use std::net::SocketAddr;

use sockwright_engine::wire::{
    Arp, ChecksumPolicy, EtherType, EthernetFrame, IpPacket, Protocol, TcpSegment, UdpDatagram,
};
use sockwright_link::impair;
use sockwright_link::virtual_link::{DropCause, Medium, Path};
use sockwright_sim::{Fate, Output};

use crate::hub::HubEvent;

/// The events that a frame on a link gives: none where it arrives once, whole and in its order.
pub(super) fn frame_losses(output: &Output) -> impl Iterator<Item = HubEvent> + use<> {
    let Output::Link { at, fate, medium, frame, .. } = output else { return Vec::new().into_iter() };
    let what = match fate {
        Fate::Dropped(cause) => vec![dropped(*cause)],
        Fate::Flying { original, copy, .. } => {
            let copied = copy.map(|_| "DUPLICATED");
            marks(original)
                .into_iter()
                .chain(copied)
                .chain(copy.as_ref().map(marks).unwrap_or_default())
                .collect()
        }
    };
    let events: Vec<_> = what
        .into_iter()
        .map(|what| HubEvent::FrameLost { at: *at, what, text: text(*medium, frame), frames: 1 })
        .collect();
    events.into_iter()
}

/// Why a frame went nowhere, as the contract names it.
pub(super) fn dropped(cause: DropCause) -> &'static str {
    match cause {
        DropCause::Impaired(impair::DropCause::Lost) => "LOST",
        DropCause::Impaired(impair::DropCause::QueueFull) | DropCause::LinkFull => "QUEUE_FULL",
        DropCause::Impaired(impair::DropCause::TooBig) => "TOO_BIG",
        // A packet that contradicts itself has no destination that can be trusted.
        DropCause::NoSuchHost | DropCause::NoSuchEndpoint | DropCause::Malformed => "NO_SUCH_HOST",
    }
}

fn marks(path: &Path) -> Vec<&'static str> {
    let corrupted = path.marks.corrupted_bit.map(|_| "CORRUPTED");
    let reordered = path.marks.reordered.then_some("REORDERED");
    corrupted.into_iter().chain(reordered).collect()
}

/// The frame as tcpdump prints it, as far as it can be read.
fn text(medium: Medium, frame: &[u8]) -> String {
    let (ends, ether_type, payload) = match (medium, EthernetFrame::parse(frame)) {
        (Medium::Ip, _) => return packet_text(frame),
        (Medium::Ethernet, Ok(frame)) => {
            (format!("{} > {}", frame.src, frame.dst), frame.ether_type, frame.payload)
        }
        (Medium::Ethernet, Err(_)) => return String::new(),
    };
    match ether_type {
        EtherType::Ipv4 | EtherType::Ipv6 => format!("{ends}: {}", packet_text(payload)),
        EtherType::Arp => match Arp::parse(payload) {
            Ok(arp) => format!("{ends}: {arp}"),
            Err(malformed) => format!("{ends}: ARP, {malformed}"),
        },
        EtherType::Unknown(number) => format!("{ends}: type {number:#06x}"),
    }
}

fn packet_text(frame: &[u8]) -> String {
    let Ok(packet) = IpPacket::parse(frame) else { return String::new() };
    let (src, dst) = (packet.src, packet.dst);
    let ends = |source, destination| {
        format!("{} > {}:", SocketAddr::new(src, source), SocketAddr::new(dst, destination))
    };
    if let Some(fragment) = packet.fragment {
        let more = if fragment.more { "+" } else { "" };
        return format!(
            "{src} > {dst}: frag {}:{}@{}{more}",
            fragment.ident,
            packet.payload.len(),
            fragment.offset
        );
    }
    match packet.protocol {
        Protocol::Tcp => match TcpSegment::parse(packet.payload, (src, dst), ChecksumPolicy::Ignore) {
            Ok(segment) => format!("{} {segment}", ends(segment.src_port, segment.dst_port)),
            Err(malformed) => format!("{src} > {dst}: TCP, {malformed}"),
        },
        Protocol::Udp => match UdpDatagram::parse(packet.payload, (src, dst), ChecksumPolicy::Ignore) {
            Ok(datagram) => {
                let ends = ends(datagram.src_port, datagram.dst_port);
                format!("{ends} UDP, length {}", datagram.payload.len())
            }
            Err(malformed) => format!("{src} > {dst}: UDP, {malformed}"),
        },
        Protocol::Icmpv4 => format!("{src} > {dst}: ICMP, length {}", packet.payload.len()),
        Protocol::Icmpv6 => format!("{src} > {dst}: ICMPv6, length {}", packet.payload.len()),
        Protocol::Unknown(number) => format!("{src} > {dst}: protocol {number}"),
    }
}
