//! Neighbor discovery (RFC 4861) as a host does it: what its messages do, and those that we send.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use super::ethernet::{ALL_NODES, Enclosed, Station};
use super::{Engine, is_unicast};
use crate::event::DropReason;
use crate::id::LinkId;
use crate::neighbor::{AddressState, Advertisement};
use crate::time::Instant;
use crate::wire::{
    ChecksumPolicy, EtherType, IpHeader, IpPacket, Mac, NDP_HOP_LIMIT, NdpMessage, NdpOption, NdpOptions,
    Protocol, solicited_node,
};

impl Engine {
    /// Takes in a message.
    pub(super) fn take_ndp(
        &mut self,
        now: Instant,
        from: &Enclosed,
        checksums: ChecksumPolicy,
        packet: &IpPacket<'_>,
    ) {
        let (message, options) = match NdpMessage::parse(packet, checksums) {
            Ok(read) => read,
            Err(malformed) => return self.drop_frame(now, malformed.into()),
        };
        match message {
            NdpMessage::NeighborSolicitation { target } => {
                self.take_solicitation(now, from, packet, target, options);
            }
            NdpMessage::NeighborAdvertisement { solicited, overrides, target, .. } => {
                let told = Advertisement { mac: options.target_link_layer(), solicited, overrides };
                self.take_advertisement(now, from, target, &told);
            }
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.1.1
            //# Hosts MUST silently discard any received Router Solicitation
            //# Messages.
            NdpMessage::RouterSolicitation => self.drop_frame(now, DropReason::Unasked),
            // Whoever sets up a stack names its routers: any neighbor could claim to be one, or to know a better one.
            NdpMessage::RouterAdvertisement(_) | NdpMessage::Redirect { .. } => {
                self.drop_frame(now, DropReason::Unasked);
            }
        }
    }

    fn take_solicitation(
        &mut self,
        now: Instant,
        from: &Enclosed,
        packet: &IpPacket<'_>,
        target: Ipv6Addr,
        options: NdpOptions<'_>,
    ) {
        let Enclosed { link, src: station_mac, .. } = *from;
        let Some(Station { ethernet, claims, neighbors }) = self.stations.get_mut(&link) else { return };
        let probe = packet.src.is_unspecified();
        match claims.state(target.into()) {
            Some(AddressState::Assigned) => {}
            // Two that want one address at the same time: neither gets it.
            Some(AddressState::Tentative) if probe => {
                return self.on_conflict(now, link, target.into(), station_mac);
            }
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.3
            //# A valid Neighbor Solicitation that does not meet any of the following
            //# requirements MUST be silently discarded:
            _ => return self.drop_frame(now, DropReason::NotOurAddress),
        }
        if probe {
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.4
            //# If the source of the solicitation is the unspecified address, the
            //# node MUST set the Solicited flag to zero and multicast the
            //# advertisement to the all-nodes address.
            return self.send_unsolicited_advertisement(link, target);
        }
        let IpAddr::V6(asker) = packet.src else { return };
        let mac = options.source_link_layer();
        if !is_unicast(packet.src)
            || claims.state(packet.src).is_some()
            || mac.is_some_and(|mac| !ethernet.may_be_neighbor(mac))
        {
            return self.drop_frame(now, DropReason::BadAddress);
        }
        //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.3
        //# If the Source Address is not the unspecified
        //# address and, on link layers that have addresses, the solicitation
        //# includes a Source Link-Layer Address option, then the recipient
        //# SHOULD create or update the Neighbor Cache entry for the IP Source
        //# Address of the solicitation.
        if let Some(mac) = mac {
            neighbors.learn(&mut self.shared.cx(now), packet.src, target.into(), mac);
            self.act(now, link);
        }
        //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.4
        //# Otherwise, the
        //# node MUST set the Solicited flag to one and unicast the advertisement to the Source
        //# Address of the solicitation.
        let advertisement =
            NdpMessage::NeighborAdvertisement { router: false, solicited: true, overrides: true, target };
        let Some(own) = self.mac_of(link) else { return };
        let packet = discovery(&advertisement, NdpOption::TargetLinkLayer(own), target, asker);
        match mac {
            // The table may have had no room for it.
            Some(mac) => self.send_frame(link, mac, EtherType::Ipv6, &packet),
            None => self.send_to_neighbor(now, link, (target.into(), asker.into()), &packet),
        }
    }

    fn take_advertisement(&mut self, now: Instant, from: &Enclosed, target: Ipv6Addr, told: &Advertisement) {
        let Enclosed { link, src: station_mac, .. } = *from;
        let Some(Station { ethernet, claims, neighbors }) = self.stations.get_mut(&link) else { return };
        if claims.state(target.into()).is_some() {
            return self.on_conflict(now, link, target.into(), told.mac.unwrap_or(station_mac));
        }
        if told.mac.is_some_and(|mac| !ethernet.may_be_neighbor(mac)) {
            return self.drop_frame(now, DropReason::BadAddress);
        }
        if !neighbors.contains(target.into()) {
            return self.drop_frame(now, DropReason::Unasked);
        }
        neighbors.advertised(&mut self.shared.cx(now), target.into(), told);
        self.act(now, link);
    }

    /// Asks everybody, or the one who had it, for the link-layer address of `target`.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
    //# If the solicitation is being sent to a solicited-node multicast
    //# address, the sender MUST include its link-layer address (if it has
    //# one) as a Source Link-Layer Address option.  Otherwise, the sender
    //# SHOULD include its link-layer address (if it has one) as a Source
    //# Link-Layer Address option.
    pub(super) fn send_solicitation(
        &mut self,
        link: LinkId,
        source: Ipv6Addr,
        target: Ipv6Addr,
        to: Option<Mac>,
    ) {
        let Some(own) = self.mac_of(link) else { return };
        let dst = if to.is_some() { target } else { solicited_node(target) };
        let solicitation = NdpMessage::NeighborSolicitation { target };
        let packet = discovery(&solicitation, NdpOption::SourceLinkLayer(own), source, dst);
        self.send_frame(link, to.unwrap_or(Mac::of_multicast(dst)), EtherType::Ipv6, &packet);
    }

    /// Asks whether anybody has `ip`, which is to be ours.
    pub(super) fn send_duplicate_probe(&mut self, link: LinkId, ip: Ipv6Addr) {
        let dst = solicited_node(ip);
        let packet =
            discovery(&NdpMessage::NeighborSolicitation { target: ip }, None, Ipv6Addr::UNSPECIFIED, dst);
        self.send_frame(link, Mac::of_multicast(dst), EtherType::Ipv6, &packet);
    }

    /// Tells everybody that `ip` is ours.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.6
    //# The Solicited flag
    //# MUST be set to zero, in order to avoid confusing the Neighbor
    //# Unreachability Detection algorithm.  If the node is a router, it MUST
    //# set the Router flag to one; otherwise, it MUST set it to zero.
    pub(super) fn send_unsolicited_advertisement(&mut self, link: LinkId, ip: Ipv6Addr) {
        let Some(own) = self.mac_of(link) else { return };
        let advertisement = NdpMessage::NeighborAdvertisement {
            router: false,
            solicited: false,
            overrides: true,
            target: ip,
        };
        let packet = discovery(&advertisement, NdpOption::TargetLinkLayer(own), ip, ALL_NODES);
        self.send_frame(link, Mac::of_multicast(ALL_NODES), EtherType::Ipv6, &packet);
    }
}

/// A packet with a message.
fn discovery<'a>(
    message: &NdpMessage,
    option: impl Into<Option<NdpOption<'a>>>,
    src: Ipv6Addr,
    dst: Ipv6Addr,
) -> Vec<u8> {
    let mut body = Vec::with_capacity(32);
    message.emit(option.into().as_slice(), src, dst, &mut body);
    let (src, dst) = (IpAddr::V6(src), IpAddr::V6(dst));
    let header = IpHeader {
        src,
        dst,
        protocol: Protocol::Icmpv6,
        hop_limit: NDP_HOP_LIMIT,
        ecn: 0,
        dscp: 0,
        ident: 0,
    };
    let mut packet = Vec::with_capacity(header.len() + body.len());
    header.emit(body.len(), &mut packet);
    packet.extend_from_slice(&body);
    packet
}
