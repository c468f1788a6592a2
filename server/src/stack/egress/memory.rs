//! What was found out about packets before: of whole ones by their flow, of fragments by their packet. Both are bounded, and what is
//! forgotten is asked about again, or, of a fragment, is lost.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use super::packet::{Fragment, PacketKey, Ports};
use super::{Passed, Whose};
use crate::access::identity::IdentityId;
use crate::access::policy::Leave;

/// The flows that were asked about last: each has one place, which another may take from it.
#[derive(Debug, Default)]
pub(super) struct Flows {
    /// Empty until there is one.
    places: Vec<Option<Known>>,
}

/// What is known of a flow under the policy that there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) ports: Ports,
    /// Whose it was when it was asked about.
    pub(super) owner: IdentityId,
    /// Whether the peer had begun it.
    pub(super) answers: bool,
    pub(super) leave: Leave,
}

impl Flows {
    pub(super) fn of(&self, ports: &Ports) -> Option<&Known> {
        self.places.get(place_of(ports))?.as_ref().filter(|known| known.ports == *ports)
    }

    pub(super) fn note(&mut self, known: Known) {
        if self.places.is_empty() {
            self.places = vec![None; FLOWS];
        }
        if let Some(place) = self.places.get_mut(place_of(&known.ports)) {
            *place = Some(known);
        }
    }

    pub(super) fn forget(&mut self) {
        self.places.clear();
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// Whoever chooses addresses that share a place has no more of it than that they are asked about again.
fn place_of(ports: &Ports) -> usize {
    let fold = |address: SocketAddr| {
        let ip = match address.ip() {
            IpAddr::V4(ip) => u64::from(ip.to_bits()),
            IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64 ^ ip.to_bits() as u64,
        };
        ip.rotate_left(16) ^ u64::from(address.port())
    };
    let mixed = fold(ports.local).rotate_left(32) ^ fold(ports.remote);
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - FLOWS.ilog2())) as usize
}

/// The packets of which a first fragment left, or did not, and the last has yet to come.
#[derive(Debug, Default)]
pub(super) struct Cut {
    /// The oldest first.
    packets: VecDeque<(PacketKey, Passed, Whose)>,
}

impl Cut {
    /// What became of the first fragment, and whose it is.
    pub(super) fn of(&self, key: &PacketKey) -> Option<(Passed, Whose)> {
        let known = self.packets.iter().rev().find(|(known, ..)| known == key);
        known.map(|(_, passed, whose)| (*passed, *whose))
    }

    /// What became of a fragment.
    pub(super) fn note(&mut self, fragment: Fragment, passed: Passed, whose: Whose) {
        let Fragment { key, first, last } = fragment;
        if first || last {
            self.packets.retain(|(known, ..)| *known != key);
        }
        if first && !last {
            if self.packets.len() >= CUT_PACKETS {
                self.packets.pop_front();
            }
            self.packets.push_back((key, passed, whose));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }
}

/// Flows that are remembered; a power of two.
const FLOWS: usize = 256;
/// Packets in fragments that are remembered: an engine sends the fragments of one behind each other.
pub(super) const CUT_PACKETS: usize = 32;
