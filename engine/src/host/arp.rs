//! ARP (RFC 826): what its messages do, and those that we send.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::ethernet::Station;
use super::{Engine, in_prefix, is_unicast};
use crate::event::DropReason;
use crate::id::LinkId;
use crate::neighbor::{AddressState, Advertisement};
use crate::time::Instant;
use crate::wire::{Arp, ArpOperation, EtherType, Mac};

impl Engine {
    /// Takes in a message, in the order of the RFC's "Packet Reception", with two rules more: an address that is not of
    /// a network of the link is nobody's here, and a reply that nobody asked for adds nothing to the table. Either
    /// would let strangers fill it.
    pub(super) fn take_arp(&mut self, now: Instant, link: LinkId, message: &[u8]) {
        let message = match Arp::parse(message) {
            Ok(message) => message,
            Err(malformed) => return self.drop_frame(now, malformed.into()),
        };
        let Some(Station { ethernet, claims, .. }) = self.stations.get(&link) else { return };
        let Arp { operation, sender_mac: mac, sender_ip, target_ip, .. } = message;
        let (sender, target) = (IpAddr::V4(sender_ip), IpAddr::V4(target_ip));
        if !ethernet.may_be_neighbor(mac) {
            return self.drop_frame(now, DropReason::BadAddress);
        }
        let target_state = claims.state(target);
        if claims.state(sender).is_some() {
            return self.on_conflict(now, link, sender, mac);
        }
        if sender_ip.is_unspecified() {
            // A probe: somebody wants the address, and is not in anybody's table yet (RFC 5227 §1.1).
            return match target_state {
                Some(AddressState::Tentative) => self.on_conflict(now, link, target, mac),
                Some(AddressState::Assigned) => {
                    self.on_probe(now, link, target, mac);
                    self.send_arp_reply(link, &message)
                }
                _ => {}
            };
        }
        if !is_unicast(sender) || !self.is_on_link(link, sender) {
            return self.drop_frame(now, DropReason::NotANeighbor);
        }
        let for_us = target_state == Some(AddressState::Assigned);
        let mut cx = self.shared.cx(now);
        let Some(Station { neighbors, .. }) = self.stations.get_mut(&link) else { return };
        match operation {
            ArpOperation::Request if for_us => {
                neighbors.learn(&mut cx, sender, target, mac);
                self.act(now, link);
                self.send_arp_reply(link, &message);
            }
            ArpOperation::Reply if for_us && neighbors.was_asked(sender) => {
                let told = Advertisement { mac: Some(mac), solicited: true, overrides: true };
                neighbors.advertised(&mut cx, sender, &told);
                self.act(now, link);
            }
            ArpOperation::Request | ArpOperation::Reply => {
                neighbors.refresh(&mut cx, sender, mac);
                self.act(now, link);
            }
        }
    }

    fn send_arp_reply(&mut self, link: LinkId, request: &Arp) {
        let Some(mac) = self.mac_of(link) else { return };
        let reply = Arp {
            operation: ArpOperation::Reply,
            sender_mac: mac,
            sender_ip: request.target_ip,
            target_mac: request.sender_mac,
            target_ip: request.sender_ip,
        };
        self.send_arp(link, request.sender_mac, &reply);
    }

    /// Asks everybody, or the one who had it, who has `target_ip`. Of `sender_ip` itself, that is an announcement.
    pub(super) fn send_arp_request(
        &mut self,
        link: LinkId,
        sender_ip: Ipv4Addr,
        target_ip: Ipv4Addr,
        to: Option<Mac>,
    ) {
        let Some(sender_mac) = self.mac_of(link) else { return };
        let nobody = Mac([0; 6]);
        let operation = ArpOperation::Request;
        let request = Arp { operation, sender_mac, sender_ip, target_mac: to.unwrap_or(nobody), target_ip };
        self.send_arp(link, to.unwrap_or(Mac::BROADCAST), &request);
    }

    /// Asks whether anybody has `ip`, which is to be ours.
    pub(super) fn send_arp_probe(&mut self, link: LinkId, ip: Ipv4Addr) {
        self.send_arp_request(link, Ipv4Addr::UNSPECIFIED, ip, None);
    }

    fn send_arp(&mut self, link: LinkId, to: Mac, message: &Arp) {
        let mut payload = Vec::with_capacity(28);
        message.emit(&mut payload);
        self.send_frame(link, to, EtherType::Arp, &payload);
    }

    pub(super) fn mac_of(&self, link: LinkId) -> Option<Mac> {
        self.stations.get(&link).map(|station| station.ethernet.mac)
    }

    /// Whether `ip` lies in a network of the interface on `link`, or in one that a route says to be there.
    fn is_on_link(&self, link: LinkId, ip: IpAddr) -> bool {
        let interfaces = self.interfaces.iter().filter(|interface| interface.link == link);
        let mut routes = self.routes.iter().filter(|route| route.link == link && route.gateway.is_none());
        interfaces.flat_map(|at| &at.addresses).any(|(own, prefix)| in_prefix(ip, *own, *prefix))
            || routes.any(|route| in_prefix(ip, route.destination, route.prefix))
    }
}
