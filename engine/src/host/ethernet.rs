//! Interfaces on Ethernet: frames in and out, the neighbors they go to, and the addresses that we claim there.
//!
//! Owns: [`Station`], what the engine keeps for each such interface. What ARP and neighbor discovery say is read in
//! `arp` and `ndp`; what it means for a neighbor is decided in [`crate::neighbor`].

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use super::config::Ethernet;
use super::ingress::Arrived;
use super::routes::Hop;
use super::{Engine, Errno, Interface};
use crate::event::{DropReason, EventKind};
use crate::id::LinkId;
use crate::neighbor::{Action, AddressState, Cache, Claims, Conflict, Neighbor, Resolution, Step};
use crate::rng::Rng;
use crate::tcp::cx::Cx;
use crate::time::Instant;
use crate::wire::{EtherType, EthernetFrame, Mac, Unfinished, Vlan, ethernet_header_len, solicited_node};

/// An interface's station on its Ethernet.
#[derive(Debug)]
pub(super) struct Station {
    pub(super) ethernet: Ethernet,
    pub(super) neighbors: Cache,
    pub(super) claims: Claims,
}

/// What an Ethernet frame told of the packet in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Enclosed {
    pub(super) link: LinkId,
    pub(super) src: Mac,
    /// It was for more than this station.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-2.4
    //# The packet receive interface between the IP layer and the link
    //# layer MUST include a flag to indicate whether the incoming packet
    //# was addressed to a link-layer broadcast address.
    pub(super) for_many: bool,
}

impl Engine {
    /// Every neighbor of every interface on Ethernet: by link, then by address.
    pub fn neighbors(&self, now: Instant) -> Vec<Neighbor> {
        let of = |(link, station): (&LinkId, &Station)| {
            let link = *link;
            let rows = station.neighbors.neighbors(now);
            rows.map(move |(ip, mac, state)| Neighbor { link, ip, mac, state }).collect::<Vec<_>>()
        };
        self.stations.iter().flat_map(of).collect()
    }

    /// Whether `ip` is an address of this stack, and may be used.
    pub fn address_state(&self, ip: IpAddr) -> Option<AddressState> {
        let claimed = self.stations.values().find_map(|station| station.claims.state(ip));
        claimed.or_else(|| self.is_own(ip).then_some(AddressState::Assigned))
    }

    /// A new interface is on Ethernet.
    pub(super) fn add_station(&mut self, interface: &Interface, ethernet: Ethernet) {
        let addresses = || interface.addresses.iter().map(|(ip, _)| *ip);
        if ethernet.detect_duplicates {
            self.unusable.extend(addresses());
        }
        let jitter = Rng::from_u64(self.shared.rng.next_u64());
        let station = Station {
            ethernet,
            neighbors: Cache::new(self.config.neighbors.clone(), jitter),
            claims: Claims::new(addresses(), ethernet.detect_duplicates),
        };
        self.headroom = self.headroom.max(ethernet_header_len(tag(&ethernet)));
        self.stations.insert(interface.link, station);
    }

    // ---- in

    /// Takes in a frame of an Ethernet.
    pub(super) fn take_ethernet(&mut self, now: Instant, link: LinkId, arrived: Arrived, frame: &[u8]) {
        let Some(ethernet) = self.stations.get(&link).map(|station| station.ethernet) else { return };
        let read = EthernetFrame::parse(frame).map_err(DropReason::from);
        let read =
            read.and_then(
                |frame| if self.is_for(link, &frame) { Ok(frame) } else { Err(DropReason::OtherStation) },
            );
        match read {
            Ok(frame) if matches!(frame.ether_type, EtherType::Ipv4 | EtherType::Ipv6) => {
                let enclosed = Enclosed { link, src: frame.src, for_many: frame.dst != ethernet.mac };
                let arrived = Arrived { enclosed: Some(enclosed), ..arrived };
                // What does not begin with the version that the frame says is no packet of either.
                let version = if frame.ether_type == EtherType::Ipv4 { 4 } else { 6 };
                if frame.payload.first().is_some_and(|first| first >> 4 == version) {
                    return self.take_frame(now, arrived, frame.payload);
                }
                self.shared.counters.frames_in += 1;
                self.drop_frame(now, DropReason::Malformed);
            }
            Ok(frame) => {
                self.shared.counters.frames_in += 1;
                match frame.ether_type {
                    EtherType::Arp => self.take_arp(now, link, frame.payload),
                    _ => self.drop_frame(now, DropReason::UnknownEtherType),
                }
            }
            Err(reason) => {
                self.shared.counters.frames_in += 1;
                self.drop_frame(now, reason);
            }
        }
    }

    /// Whether a frame is for us: for our station, all, or a group that an address of ours makes us a member of.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.1
    //# When a multicast-capable interface becomes enabled, the node MUST
    //# join the all-nodes multicast address on that interface, as well as
    //# the solicited-node multicast address corresponding to each of the IP
    //# addresses assigned to the interface.
    fn is_for(&self, link: LinkId, frame: &EthernetFrame<'_>) -> bool {
        let Some(station) = self.stations.get(&link) else { return false };
        let Ethernet { mac, vlan, .. } = station.ethernet;
        // A tag without a VLAN is there for its priority.
        let tagged = frame.vlan.map(|vlan| vlan.id).filter(|id| *id != 0);
        let for_us = frame.dst == mac
            || frame.dst == Mac::BROADCAST
            || frame.dst == Mac::of_multicast(ALL_NODES)
            || frame.dst.is_group()
                && station.claims.addresses().any(|ip| match ip {
                    IpAddr::V6(ip) => frame.dst == Mac::of_multicast(solicited_node(ip)),
                    IpAddr::V4(_) => false,
                });
        tagged == vlan && for_us && frame.src != mac && frame.src.is_unicast()
    }

    // ---- out

    /// Puts the packet in `buf`, behind the headroom, into what its link carries; says whether it can leave now.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-2.3.3
    //# Address translation from Internet addresses to link-layer addresses on Ethernet and IEEE
    //# 802 networks MUST be managed by the Address Resolution Protocol (ARP).
    //= https://www.rfc-editor.org/rfc/rfc826
    //# In the case of the 10Mbit Ethernet, address resolution is needed and some lower layer
    //# (probably the hardware driver) must consult the Address Resolution module (perhaps
    //# implemented in the Ethernet support module) to convert the <protocol type, target protocol
    //# address> pair to a 48.bit Ethernet address.
    pub(super) fn enclose(
        &mut self,
        now: Instant,
        hop: &Hop,
        src: IpAddr,
        unfinished: Option<Unfinished>,
        buf: &mut Vec<u8>,
    ) -> bool {
        let link = self.interfaces.get(hop.interface).map(|interface| interface.link);
        let Some((link, station)) = link.and_then(|link| Some((link, self.stations.get_mut(&link)?))) else {
            buf.drain(..self.headroom.min(buf.len()));
            return true;
        };
        let packet = buf.get(self.headroom..).unwrap_or_default();
        let mut cx = self.shared.cx(now);
        let resolution = match unfinished {
            // What waits for its neighbor waits as it will be on the wire.
            Some(rest) if !station.neighbors.knows(hop.next) => {
                for packet in rest.finish(packet) {
                    station.neighbors.resolve(&mut cx, hop.next, src, &packet);
                }
                Resolution::Waits
            }
            _ => station.neighbors.resolve(&mut cx, hop.next, src, packet),
        };
        let Resolution::Known(dst) = resolution else {
            self.act(now, link);
            return false;
        };
        let vlan = tag(&station.ethernet);
        buf.drain(..self.headroom - ethernet_header_len(vlan));
        let header =
            EthernetFrame { dst, src: station.ethernet.mac, vlan, ether_type: hop.next.into(), payload: &[] };
        header.fill_header(buf);
        true
    }

    /// Queues a frame of our own.
    pub(super) fn send_frame(&mut self, link: LinkId, dst: Mac, ether_type: EtherType, payload: &[u8]) {
        let Some(station) = self.stations.get(&link) else { return };
        if self.links_down.contains(&link) {
            return;
        }
        let Ethernet { mac: src, .. } = station.ethernet;
        let mut frame = Vec::with_capacity(payload.len() + self.headroom);
        EthernetFrame { dst, src, vlan: tag(&station.ethernet), ether_type, payload }.emit(&mut frame);
        self.frames.push_back((link, frame));
    }

    /// Sends a packet of our own to a neighbor.
    pub(super) fn send_to_neighbor(
        &mut self,
        now: Instant,
        link: LinkId,
        (src, dst): (IpAddr, IpAddr),
        packet: &[u8],
    ) {
        let Some(station) = self.stations.get_mut(&link) else { return };
        match station.neighbors.resolve(&mut self.shared.cx(now), dst, src, packet) {
            Resolution::Known(to) => self.send_frame(link, to, dst.into(), packet),
            Resolution::Waits => self.act(now, link),
        }
    }

    /// Does what the neighbors of a link ask for.
    pub(super) fn act(&mut self, now: Instant, link: LinkId) {
        while let Some(action) =
            self.stations.get_mut(&link).and_then(|station| station.neighbors.poll_action())
        {
            match action {
                Action::Solicit { ip, source, to } => self.solicit(link, ip, source, to),
                Action::Send { to, packet } => {
                    let version = packet.first().map(|first| first >> 4);
                    let ether_type = if version == Some(4) { EtherType::Ipv4 } else { EtherType::Ipv6 };
                    self.send_frame(link, to, ether_type, &packet);
                }
                Action::Unreachable { packet } => {
                    self.failed_gateways = self.failed_gateways.wrapping_add(1);
                    self.on_send_failure(now, &packet, Errno::EHOSTUNREACH);
                }
            }
        }
    }

    /// Asks for a neighbor.
    fn solicit(&mut self, link: LinkId, ip: IpAddr, source: IpAddr, to: Option<Mac>) {
        let Some(station) = self.stations.get(&link) else { return };
        let assigned = |ip: &IpAddr| station.claims.state(*ip) == Some(AddressState::Assigned);
        //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
        //# If the source address of the packet prompting the solicitation is the
        //# same as one of the addresses assigned to the outgoing interface, that
        //# address SHOULD be placed in the IP Source Address of the outgoing
        //# solicitation.
        let others = station.claims.addresses().filter(|own| own.is_ipv4() == ip.is_ipv4());
        let source = core::iter::once(source).chain(others).find(assigned);
        match (source, ip) {
            (Some(IpAddr::V4(source)), IpAddr::V4(ip)) => self.send_arp_request(link, source, ip, to),
            (Some(IpAddr::V6(source)), IpAddr::V6(ip)) => self.send_solicitation(link, source, ip, to),
            _ => {}
        }
    }

    // ---- time

    /// When a neighbor or a claim wants to be looked at.
    pub(super) fn next_station_timeout(&self) -> Option<Instant> {
        let of = |station: &Station| {
            [station.neighbors.next_timeout(), station.claims.next_timeout()].into_iter().flatten().min()
        };
        self.stations.values().filter_map(of).min()
    }

    /// Does what is due on every Ethernet.
    pub(super) fn on_station_timeout(&mut self, now: Instant) {
        let links: Vec<LinkId> = self.stations.keys().copied().collect();
        for link in links {
            while let Some(step) = self.stations.get_mut(&link).and_then(|station| station.claims.due(now)) {
                match step {
                    Step::Probe(IpAddr::V4(ip)) => self.send_arp_probe(link, ip),
                    Step::Probe(IpAddr::V6(ip)) => self.send_duplicate_probe(link, ip),
                    Step::Announce(ip) => {
                        self.unusable.remove(&ip);
                        self.announce(link, ip);
                    }
                }
            }
            if let Some(station) = self.stations.get_mut(&link) {
                station.neighbors.on_timeout(&mut self.shared.cx(now));
            }
            self.act(now, link);
        }
    }

    /// A link came up.
    pub(super) fn begin_claims(&mut self, now: Instant, link: LinkId) {
        if let Some(station) = self.stations.get_mut(&link) {
            station.claims.begin(now);
        }
    }

    /// A link went down: nothing is known any more of who is on it.
    pub(super) fn forget_neighbors(&mut self, now: Instant, link: LinkId) {
        if let Some(station) = self.stations.get_mut(&link) {
            station.claims.suspend();
            station.neighbors.clear(&mut self.shared.cx(now));
        }
    }

    // ---- addresses of ours

    /// Somebody else uses, or wants, an address of ours.
    pub(super) fn on_conflict(&mut self, now: Instant, link: LinkId, ip: IpAddr, mac: Mac) {
        let Some(station) = self.stations.get_mut(&link) else { return };
        let conflict = station.claims.on_conflict(now, ip);
        let lost = conflict == Conflict::Lost;
        if conflict != Conflict::Old {
            self.shared.events.push(now, None, EventKind::AddressConflict { ip, mac, lost });
        }
        if conflict == Conflict::Defend {
            self.announce(link, ip);
        }
    }

    /// Somebody asks whether an address of ours is free. That it is not, the answer says.
    pub(super) fn on_probe(&mut self, now: Instant, link: LinkId, ip: IpAddr, mac: Mac) {
        let Some(station) = self.stations.get_mut(&link) else { return };
        if station.claims.on_probe(now, ip) {
            self.shared.events.push(now, None, EventKind::AddressConflict { ip, mac, lost: false });
        }
    }

    fn announce(&mut self, link: LinkId, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.send_arp_request(link, ip, ip, None),
            IpAddr::V6(ip) => self.send_unsolicited_advertisement(link, ip),
        }
    }

    // ---- what upper layers know

    /// A peer's segments show that ours arrive.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.1
    //# When available, this upper-layer information SHOULD be
    //# used.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
    //# However, link-specific information MUST NOT be used to confirm the reachability of a
    //# neighbor; such information does not provide end-to-end confirmation between neighboring IP
    //# layers.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.4
    //# To avoid pinging, the layers above and/or below the Internet layer SHOULD be able to give
    //# "advice" on the status of route cache entries when either positive (gateway OK) or
    //# negative (gateway dead) information is available.
    pub(super) fn confirm_path(&mut self, now: Instant, remote: IpAddr) {
        self.advise(now, remote, Cache::confirm);
    }

    /// A connection sends the same to `remote` again and again: the first hop is asked whether it is still there. Where it
    /// is not, and there is another router, the next packet goes by that.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
    //# The following procedure MUST be used to handle excessive retransmissions of data segments
    //# (MUST-20):
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
    //# When the number of transmissions of the same segment reaches or
    //# exceeds threshold R1, pass negative advice (see Section 3.3.1.4
    //# of [19]) to the IP layer, to trigger dead-gateway diagnosis.
    pub(super) fn doubt_path(&mut self, now: Instant, remote: IpAddr) {
        self.advise(now, remote, Cache::doubt);
    }

    fn advise(&mut self, now: Instant, remote: IpAddr, advice: fn(&mut Cache, &mut Cx<'_>, IpAddr)) {
        let Some(Hop { interface, next, .. }) = self.route(remote) else { return };
        let Some(link) = self.interfaces.get(interface).map(|interface| interface.link) else { return };
        if let Some(station) = self.stations.get_mut(&link) {
            advice(&mut station.neighbors, &mut self.shared.cx(now), next);
        }
    }
}

/// The tag of an interface's frames.
fn tag(ethernet: &Ethernet) -> Option<Vlan> {
    ethernet.vlan.map(|id| Vlan { id, priority: 0 })
}

/// Every IPv6 node of a link.
pub(super) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
