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
    ChecksumPolicy, EtherType, IpHeader, IpOptions, IpPacket, Mac, NDP_HOP_LIMIT, NdpMessage, NdpOption,
    NdpOptions, Protocol, solicited_node,
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
            //= https://www.rfc-editor.org/rfc/rfc4861#section-4.1
            //= type=exception
            //= reason=routers are named by whoever sets up a stack, so none are solicited
            //# MUST NOT be included if the Source Address is the unspecified address.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-4.1
            //= type=exception
            //= reason=routers are named by whoever sets up a stack, so none are solicited
            //# Otherwise, it SHOULD be included on link layers that have addresses.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.7
            //= type=exception
            //= reason=routers are named by whoever sets up a stack, so none are solicited
            //# To obtain Router Advertisements quickly, a host SHOULD transmit up to
            //# MAX_RTR_SOLICITATIONS Router Solicitation messages, each separated by at least
            //# RTR_SOLICITATION_INTERVAL seconds.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.7
            //= type=exception
            //= reason=routers are named by whoever sets up a stack, so none are solicited
            //# The Source Link-Layer Address option SHOULD be set to the host's link-layer address, if
            //# the IP source address is not the unspecified address.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.7
            //= type=exception
            //= reason=routers are named by whoever sets up a stack, so none are solicited
            //# Before a host sends an initial solicitation, it SHOULD delay the transmission for a
            //# random amount of time between 0 and MAX_RTR_SOLICITATION_DELAY.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.7
            //= type=exception
            //= reason=routers are named by whoever sets up a stack, so none are solicited
            //# Once the host sends a Router Solicitation, and receives a valid Router Advertisement
            //# with a non-zero Router Lifetime, the host MUST desist from sending additional
            //# solicitations on that interface, until the next time one of the above events occurs.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.7
            //= type=exception
            //= reason=routers are named by whoever sets up a stack, so none are solicited
            //# Moreover, a host SHOULD send at least one solicitation in the case where an
            //# advertisement is received prior to having sent a solicitation.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6
            //# A host MUST silently discard any received Router Solicitation messages.
            NdpMessage::RouterSolicitation => self.drop_frame(now, DropReason::Unasked),
            // Whoever sets up a stack names its routers: any neighbor could claim to be one, or to know a better one.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-4.2
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# A Lifetime of 0 indicates that the router is not a default router and SHOULD NOT appear
            //# on the default router list.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# In other words, if the L flag is not set a host MUST NOT conclude that an address
            //# derived from the prefix is off-link.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# That is, it MUST NOT update a previous indication that the address is on-link.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# A router SHOULD NOT send a prefix option for the link-local prefix and a host SHOULD
            //# ignore such a prefix option.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-5.1
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# Received Router Advertisements SHOULD NOT modify the invalidation timer for the
            //# link-local prefix.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# Hosts accept the union of all received information; the receipt of a Router
            //# Advertisement MUST NOT invalidate all information received in a previous advertisement
            //# or from another source.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# In particular, a host MUST NOT interpret the unspecified value as meaning change back to
            //# the default value that was in use before the first Router Advertisement was received.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# However, a host MUST retain at least two router addresses and SHOULD retain more.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# If the received Cur Hop Limit value is non-zero, the host SHOULD set its CurHopLimit
            //# variable to the received value.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# If the received Reachable Time value is non-zero, the host SHOULD set its
            //# BaseReachableTime variable to the received value.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# If the new value differs from the previous value, the host SHOULD re-compute a new
            //# random ReachableTime value.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# In such cases, an implementation SHOULD ensure that a new random value gets re-computed
            //# at least once every few hours.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# The RetransTimer variable SHOULD be copied from the Retrans Timer field, if the received
            //# value is non-zero.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# If the advertisement contains a Source Link-Layer Address option, the link-layer address
            //# SHOULD be recorded in the Neighbor Cache entry for the router (creating an entry if
            //# necessary) and the IsRouter flag in the Neighbor Cache entry MUST be set to TRUE.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# If a Neighbor Cache entry is created for the router, its reachability state MUST be set
            //# to STALE as specified in Section 7.3.3.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# If a cache entry already exists and is updated with a different link-layer address, the
            //# reachability state MUST also be set to STALE.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# If the MTU option is present, hosts SHOULD copy the option's value into LinkMTU so long
            //# as the value is greater than or equal to the minimum link MTU [IPv6] and does not exceed
            //# the maximum LinkMTU value specified in the link-type-specific document (e.g.,
            //# [IPv6-ETHER]).
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# Note, however, that a Prefix Information option with the on-link flag set to zero
            //# conveys no information concerning on-link determination and MUST NOT be interpreted to
            //# mean that addresses covered by the prefix are off-link.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.5
            //= type=exception
            //= reason=routers are named by whoever sets up a stack: any station could claim to be one, so
            //= router advertisements are dropped
            //# When removing a router from the Default Router list, the node MUST update the
            //# Destination Cache in such a way that all entries using the router perform next-hop
            //# determination again rather than continue sending traffic to the (deleted) router.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-8.1
            //= type=exception
            //= reason=any station could claim to know a better way, and take it; redirects are dropped
            //# A host MUST NOT consider a redirect invalid just because the Target Address of the
            //# redirect is not covered under one of the link's prefixes.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-8.3
            //= type=exception
            //= reason=any station could claim to know a better way, and take it; redirects are dropped
            //# A host receiving a valid redirect SHOULD update its Destination Cache accordingly so
            //# that subsequent traffic goes to the specified target.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-8.3
            //= type=exception
            //= reason=any station could claim to know a better way, and take it; redirects are dropped
            //# If no Destination Cache entry exists for the destination, an implementation SHOULD
            //# create such an entry.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-8.3
            //= type=exception
            //= reason=any station could claim to know a better way, and take it; redirects are dropped
            //# If a Neighbor Cache entry is created for the target, its reachability state MUST be set
            //# to STALE as specified in Section 7.3.3.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-8.3
            //= type=exception
            //= reason=any station could claim to know a better way, and take it; redirects are dropped
            //# If a cache entry already existed and it is updated with a different link-layer address,
            //# its reachability state MUST also be set to STALE.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-8.3
            //= type=exception
            //= reason=any station could claim to know a better way, and take it; redirects are dropped
            //# If the Target and Destination Addresses are the same, the host MUST treat the Target as
            //# on-link.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-8.3
            //= type=exception
            //= reason=any station could claim to know a better way, and take it; redirects are dropped
            //# If the Target Address is not the same as the Destination Address, the host MUST set
            //# IsRouter to TRUE for the target.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.4
            //= type=exception
            //= reason=no router is learned from messages, so no neighbor has an IsRouter flag
            //# If no Source Link-Layer Address is included, but a corresponding Neighbor Cache entry
            //# exists, its IsRouter flag MUST be set to TRUE.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.3
            //= type=exception
            //= reason=no router is learned from messages, so no neighbor has an IsRouter flag
            //# If a Neighbor Cache entry is created, the IsRouter flag SHOULD be set to FALSE.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.3
            //= type=exception
            //= reason=no router is learned from messages, so no neighbor has an IsRouter flag
            //# If a Neighbor Cache entry already exists, its IsRouter flag MUST NOT be modified.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
            //= type=exception
            //= reason=no router is learned from messages, so no neighbor has an IsRouter flag
            //# The IsRouter flag in the cache entry MUST be set based on the Router flag in the
            //# received advertisement.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
            //= type=exception
            //= reason=no router is learned from messages, so no neighbor has an IsRouter flag
            //# In those cases where the IsRouter flag changes from TRUE to FALSE as a result of this
            //# update, the node MUST remove that router from the Default Router List and update the
            //# Destination Cache entries for all destinations using that neighbor as a router as
            //# specified in Section 7.3.3.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
            //= type=exception
            //= reason=no router is learned from messages, so no neighbor has an IsRouter flag
            //# To properly detect the case where a router switches from being a router to being a host
            //# (e.g., if its IP forwarding capability is turned off by system management), a node MUST
            //# compare the Router flag field in all received Neighbor Advertisement messages with the
            //# IsRouter flag recorded in the Neighbor Cache entry.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
            //= type=exception
            //= reason=no router is learned from messages, so no neighbor has an IsRouter flag
            //# When a node detects that a neighbor has changed from being a router to being a host, the
            //# node MUST remove that router from the Default Router List and update the Destination
            //# Cache as described in Section 6.3.5.
            //= https://www.rfc-editor.org/rfc/rfc4861#appendix-D
            //= type=exception
            //= reason=no router is learned from messages, so no neighbor has an IsRouter flag
            //# But when there is no host vs. router information in the ND message, the receipt of the
            //# message MUST NOT cause a change to the IsRouter state.
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
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.3
            //# If the Source Address is the unspecified address, the node MUST NOT create or update the
            //# Neighbor Cache entry.
            self.on_probe(now, link, target.into(), station_mac);
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
        //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2
        //# These messages MUST NOT create or update neighbor cache entries, except with respect to
        //# the IsRouter flag as specified in Sections 6.3.4 and 7.2.5.
        if let Some(mac) = mac {
            neighbors.learn(&mut self.shared.cx(now), packet.src, target.into(), mac);
            self.act(now, link);
        }
        //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.4
        //# Otherwise, the
        //# node MUST set the Solicited flag to one and unicast the advertisement to the Source
        //# Address of the solicitation.
        let advertisement =
            //= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
            //# It SHOULD be set in other solicited advertisements and in unsolicited advertisements.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
            //# This option MUST be included on link layers that have addresses when responding to
            //# multicast solicitations.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
            //# When responding to a unicast Neighbor Solicitation this option SHOULD be included.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
            //# The option MUST be included for multicast solicitations in order to avoid infinite
            //# Neighbor Solicitation "recursion" when the peer node does not have a cache entry to
            //# return a Neighbor Advertisements message.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.4
            //# If the solicitation's IP Destination Address is a multicast address, the Target
            //# Link-Layer option MUST be included in the advertisement.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.4
            //# Furthermore, if the node is a router, it MUST set the Router flag to one; otherwise, it
            //# MUST set the flag to zero.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.4
            //# Otherwise, the Override flag SHOULD be set to one.
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
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.3
    //# Otherwise, on link layers that have addresses this option MUST be included in multicast
    //# solicitations and SHOULD be included in unicast solicitations.
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
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.3
    //# MUST NOT be included when the source IP address is the unspecified address.
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
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
    //# It MUST NOT be set in multicast advertisements or in unsolicited unicast advertisements.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-4.4
    //# It SHOULD be set in other solicited advertisements and in unsolicited advertisements.
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
//= https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4
//# A host MUST NOT send Router Advertisement messages at any time.
//= https://www.rfc-editor.org/rfc/rfc4861#section-8.3
//# A host MUST NOT send Redirect messages.
//= https://www.rfc-editor.org/rfc/rfc4861#section-9
//# When adding options to an ND packet, a node MUST NOT exceed the link MTU.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2.2
//# A host SHOULD NOT send an ICMP Redirect message; Redirects are to be sent only by
//# gateways.
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
        options: IpOptions::NONE,
    };
    let mut packet = Vec::with_capacity(header.len() + body.len());
    header.emit(body.len(), &mut packet);
    packet.extend_from_slice(&body);
    packet
}
