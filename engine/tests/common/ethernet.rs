//! An engine on an Ethernet, and stations that the test plays by hand: frames in are made here, frames out are printed
//! in one line each.
//!
//! ```text
//! to ff:ff:ff:ff:ff:ff: who has 10.0.0.9 tell 10.0.0.1
//! to 02:00:00:00:00:09: 10.0.0.1 is at 02:00:00:00:00:01
//! to 33:33:ff:00:00:09: fd00::1 > ff02::1:ff00:9: who has fd00::9 (source 02:00:00:00:00:01)
//! to 02:00:00:00:00:09: 10.0.0.1 > 10.0.0.9: S 0:0(0) ...
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sockwright_engine::event::EventKind;
use sockwright_engine::host::op::{Family, Reply, Request, SocketKind};
use sockwright_engine::host::{Config, Ethernet, Interface, LinkChange, Medium, Offload};
use sockwright_engine::id::{LinkId, SessionId, SocketId};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::wire::{
    Arp, ArpOperation, ChecksumPolicy, EtherType, EthernetFrame, IpHeader, IpPacket, Mac, NdpMessage,
    NdpOption, Protocol, TcpSegment, UdpDatagram, Vlan,
};

use super::Host;

/// The MAC address of the engine under test.
pub(crate) const OUR_MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);

/// The MAC address of the station with this number.
pub(crate) fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

pub(crate) fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

pub(crate) fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// An interface on link 0.
pub(crate) fn interface(addresses: &[&str]) -> Interface {
    let parse = |text: &&str| {
        let (ip, prefix) = text.split_once('/').unwrap();
        (ip.parse().unwrap(), prefix.parse().unwrap())
    };
    Interface {
        link: LinkId(0),
        addresses: addresses.iter().map(parse).collect(),
        mtu: 1500,
        checksums: ChecksumPolicy::Verify,
        offload: Offload::default(),
        medium: Medium::Ethernet(Ethernet { mac: OUR_MAC, vlan: None, detect_duplicates: false }),
        shared_with_host: false,
    }
}

/// 10.0.0.1/24 and fd00::1/64 on Ethernet.
pub(crate) fn host() -> Host {
    host_with(Config::default())
}

pub(crate) fn host_with(config: Config) -> Host {
    Host::with_interface(interface(&["10.0.0.1/24", "fd00::1/64"]), 1, config)
}

// ---- frames of others

pub(crate) fn frame(src: Mac, dst: Mac, ether_type: EtherType, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    EthernetFrame { dst, src, vlan: None, ether_type, payload }.emit(&mut out);
    // As a wire would.
    out.resize(out.len().max(60), 0);
    out
}

pub(crate) fn tagged(frame: &[u8], id: u16) -> Vec<u8> {
    let read = EthernetFrame::parse(frame).unwrap();
    let mut out = vec![];
    EthernetFrame { vlan: Some(Vlan { id, priority: 0 }), ..read }.emit(&mut out);
    out
}

fn arp(operation: ArpOperation, sender: (Mac, &str), target: (Mac, &str), to: Mac) -> Vec<u8> {
    let mut payload = vec![];
    let ((sender_mac, sender_ip), (target_mac, target_ip)) = (sender, target);
    let (sender_ip, target_ip) = (v4(sender_ip), v4(target_ip));
    Arp { operation, sender_mac, sender_ip, target_mac, target_ip }.emit(&mut payload);
    frame(sender_mac, to, EtherType::Arp, &payload)
}

/// `who has target, tell ip`, to everybody.
pub(crate) fn arp_request(sender: Mac, ip: &str, target: &str) -> Vec<u8> {
    arp(ArpOperation::Request, (sender, ip), (Mac([0; 6]), target), Mac::BROADCAST)
}

/// `ip is at sender`, to us.
pub(crate) fn arp_reply(sender: Mac, ip: &str) -> Vec<u8> {
    arp(ArpOperation::Reply, (sender, ip), (OUR_MAC, "10.0.0.1"), OUR_MAC)
}

pub(crate) fn ndp(
    src: (Mac, &str),
    dst: (Mac, &str),
    hop_limit: u8,
    message: NdpMessage,
    option: Option<NdpOption<'_>>,
) -> Vec<u8> {
    let (from, to) = (v6(src.1), v6(dst.1));
    let mut body = vec![];
    message.emit(option.as_slice(), from, to, &mut body);
    let packet = packet(from.into(), to.into(), Protocol::Icmpv6, hop_limit, &body);
    frame(src.0, dst.0, EtherType::Ipv6, &packet)
}

/// A solicitation for `target` from `ip` with its link-layer address, to the group of `target`.
pub(crate) fn solicitation(sender: Mac, ip: &str, target: &str) -> Vec<u8> {
    let group = sockwright_engine::wire::solicited_node(v6(target));
    let option = (ip != "::").then_some(NdpOption::SourceLinkLayer(sender));
    let message = NdpMessage::NeighborSolicitation { target: v6(target) };
    ndp((sender, ip), (Mac::of_multicast(group), &group.to_string()), 255, message, option)
}

/// Of an advertisement of fd00::9 to us.
#[derive(Clone, Copy)]
pub(crate) struct Advertise {
    pub(crate) mac: Option<Mac>,
    pub(crate) solicited: bool,
    pub(crate) overrides: bool,
}

pub(crate) fn advertisement(told: Advertise) -> Vec<u8> {
    let Advertise { mac: told, solicited, overrides } = told;
    let target = v6("fd00::9");
    let message = NdpMessage::NeighborAdvertisement { router: false, solicited, overrides, target };
    ndp((mac(9), "fd00::9"), (OUR_MAC, "fd00::1"), 255, message, told.map(NdpOption::TargetLinkLayer))
}

pub(crate) fn packet(src: IpAddr, dst: IpAddr, protocol: Protocol, hop_limit: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    IpHeader { src, dst, protocol, hop_limit, ecn: 0, dscp: 0, ident: 0, options: Default::default() }
        .emit(body.len(), &mut out);
    out.extend_from_slice(body);
    out
}

/// An IP packet for us in a frame of station 9.
pub(crate) fn enclosed(packet: &[u8]) -> Vec<u8> {
    let version = packet[0] >> 4;
    frame(mac(9), OUR_MAC, if version == 4 { EtherType::Ipv4 } else { EtherType::Ipv6 }, packet)
}

// ---- frames of ours

impl Host {
    /// Everything that was sent since the last look.
    pub(crate) fn frames(&mut self) -> Vec<String> {
        self.sent.drain(..).map(|frame| show(&frame)).collect()
    }

    /// Something became of link 0.
    pub(crate) fn link(&mut self, change: LinkChange) {
        self.engine.handle_link(self.now, LinkId(0), change);
        self.drain();
        self.advance(Duration::ZERO);
    }

    pub(crate) fn datagram_socket(&mut self, family: Family) -> SocketId {
        let (kind, session, options) = (SocketKind::Datagram, SessionId(0), OptionsPatch::default());
        match self.call(Request::Create { kind, family, session, label: "".into(), options }).unwrap() {
            Reply::Created { socket } => socket,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn send_to(&mut self, socket: SocketId, remote: &str, data: &str) {
        let remote = remote.parse().unwrap();
        self.call(Request::SendTo { socket, remote, data: data.into() }).unwrap();
    }

    /// What was told of neighbors, from the first: `10.0.0.9 REACHABLE 02:..`; `gone` without a state.
    pub(crate) fn neighbor_events(&mut self) -> Vec<String> {
        let told = |kind: &EventKind| match kind {
            EventKind::Neighbor { ip, mac, state } => {
                let state = state.map_or("gone", |state| state.name());
                Some(mac.map_or(format!("{ip} {state}"), |mac| format!("{ip} {state} {mac}")))
            }
            _ => None,
        };
        let lines = self.events.iter().filter_map(|event| told(&event.kind)).collect();
        self.events.retain(|event| told(&event.kind).is_none());
        lines
    }

    /// The state of one neighbor now.
    pub(crate) fn neighbor(&self, ip: &str) -> &'static str {
        let ip: IpAddr = ip.parse().unwrap();
        let found = self.engine.neighbors(self.now).into_iter().find(|neighbor| neighbor.ip == ip);
        found.map_or("none", |neighbor| neighbor.state.name())
    }

    /// The MAC address of one neighbor.
    pub(crate) fn mac_of(&self, ip: &str) -> Option<Mac> {
        let ip: IpAddr = ip.parse().unwrap();
        self.engine.neighbors(self.now).into_iter().find(|neighbor| neighbor.ip == ip)?.mac
    }
}

fn show(bytes: &[u8]) -> String {
    let frame = EthernetFrame::parse(bytes).unwrap();
    assert_eq!(frame.src, OUR_MAC);
    let tag = frame.vlan.map_or(String::new(), |vlan| format!(" vlan {}", vlan.id));
    format!("to {}{tag}: {}", frame.dst, what(&frame))
}

fn what(frame: &EthernetFrame<'_>) -> String {
    if frame.ether_type == EtherType::Arp {
        let Arp { operation, sender_mac, sender_ip, target_ip, .. } = Arp::parse(frame.payload).unwrap();
        return match operation {
            ArpOperation::Request => format!("who has {target_ip} tell {sender_ip}"),
            ArpOperation::Reply => format!("{sender_ip} is at {sender_mac}"),
        };
    }
    let packet = IpPacket::parse(frame.payload).unwrap();
    let ends = (packet.src, packet.dst);
    let what = match packet.protocol {
        Protocol::Icmpv6 => match NdpMessage::parse(&packet, ChecksumPolicy::Verify) {
            Ok((message, options)) => discovery(&message, options.iter().next()),
            Err(_) => "ICMPv6".to_owned(),
        },
        Protocol::Tcp => TcpSegment::parse(packet.payload, ends, ChecksumPolicy::Verify)
            .unwrap()
            .summary()
            .flags
            .to_string(),
        Protocol::Udp => {
            let datagram = UdpDatagram::parse(packet.payload, ends, ChecksumPolicy::Verify).unwrap();
            format!("UDP {}", String::from_utf8_lossy(datagram.payload))
        }
        other => format!("{other:?}"),
    };
    format!("{} > {}: {what}", packet.src, packet.dst)
}

fn discovery(message: &NdpMessage, option: Option<NdpOption<'_>>) -> String {
    let option = match option {
        Some(NdpOption::SourceLinkLayer(mac)) => format!(" (source {mac})"),
        Some(NdpOption::TargetLinkLayer(mac)) => format!(" (target {mac})"),
        _ => String::new(),
    };
    match *message {
        NdpMessage::NeighborSolicitation { target } => format!("who has {target}{option}"),
        NdpMessage::NeighborAdvertisement { router, solicited, overrides, target } => {
            let flags = [(router, 'R'), (solicited, 'S'), (overrides, 'O')];
            let flags: String = flags.into_iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect();
            format!("{target} is here {flags}{option}")
        }
        other => format!("{other:?}"),
    }
}
