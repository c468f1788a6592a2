//! A link of a world: a virtual segment, and who of the world is on it.
//!
//! Owns: which stack has which endpoint, what a member's interface there is like, and what is left of a super-segment on
//! the way. What a line does to frames is the segment's business.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use sockwright_engine::host::{Ethernet, Interface, Medium, Offload};
use sockwright_engine::id::LinkId;
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{ChecksumPolicy, Mac, Unfinished};
use sockwright_link::impair::Impairments;
use sockwright_link::virtual_link::{EndpointId, Sent, VirtualLink};

use super::{LinkIndex, StackId};
use crate::output::{Fate, Output};

/// How a link is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkConfig {
    /// What the link does to the frames of each of its members.
    pub impairments: Impairments,
    /// The largest IP packet, as its members know it.
    pub mtu: usize,
    /// It cuts and sums for its members what they give it, as a network card does. Where nothing on it meets single
    /// frames, the cutting is left undone, as between the two ends of a veth pair: what was sent together arrives as one
    /// packet of up to 65,535 octets.
    pub segmentation_offload: bool,
}

impl Default for LinkConfig {
    /// A perfect link with Ethernet's MTU.
    fn default() -> Self {
        LinkConfig { impairments: Impairments::default(), mtu: 1500, segmentation_offload: false }
    }
}

pub(super) struct Link {
    pub(super) segment: VirtualLink,
    pub(super) config: LinkConfig,
    pub(super) members: BTreeMap<StackId, EndpointId>,
    /// What the members are called there.
    pub(super) addresses: BTreeMap<StackId, Vec<(IpAddr, u8)>>,
    /// On an Ethernet, the MAC address of each.
    pub(super) macs: BTreeMap<StackId, Mac>,
    pub(super) owners: BTreeMap<EndpointId, StackId>,
    /// One of the members is no engine, and takes only what a wire carries.
    pub(super) has_outsider: bool,
    index: LinkIndex,
}

impl Link {
    pub(super) fn new(index: LinkIndex, segment: VirtualLink, config: LinkConfig) -> Self {
        Link {
            segment,
            config,
            members: BTreeMap::new(),
            addresses: BTreeMap::new(),
            macs: BTreeMap::new(),
            owners: BTreeMap::new(),
            has_outsider: false,
            index,
        }
    }

    /// The interface that a member has there.
    pub(super) fn interface(&self, mac: Option<Mac>, addresses: Vec<(IpAddr, u8)>) -> Interface {
        let offload = match self.config.segmentation_offload {
            true => Offload { checksums: true, segmentation: LONGEST_PACKET },
            false => Offload::default(),
        };
        Interface {
            link: LinkId(self.index.0),
            addresses,
            mtu: self.config.mtu,
            checksums: self.checksums(),
            offload,
            medium: mac.map_or(Medium::Ip, |mac| {
                Medium::Ethernet(Ethernet { mac, vlan: None, detect_duplicates: false })
            }),
            shared_with_host: false,
        }
    }

    /// What is to be believed of the checksums of what arrives.
    pub(super) fn checksums(&self) -> ChecksumPolicy {
        match self.config.segmentation_offload {
            true => ChecksumPolicy::AllowPartial,
            false => ChecksumPolicy::Verify,
        }
    }

    /// Carries what a member sent: as it is, or where it is unfinished and single frames matter, finished. Each frame is
    /// told where somebody wants to know of them.
    pub(super) fn carry(
        &mut self,
        now: Instant,
        from: StackId,
        (frame, unfinished): (&mut Vec<u8>, Option<Unfinished>),
        mut outputs: Option<&mut VecDeque<Output>>,
    ) {
        match unfinished {
            Some(rest) if outputs.is_some() || !self.leaves_frames_joined(from) => {
                for mut one in rest.finish(frame) {
                    self.send(now, from, &mut one, outputs.as_deref_mut());
                }
            }
            _ => _ = self.send(now, from, frame, outputs),
        }
    }

    /// Nothing happens to the frames of this member that depends on how many they are.
    fn leaves_frames_joined(&self, from: StackId) -> bool {
        let line = self.members.get(&from).and_then(|endpoint| self.segment.impairments(*endpoint));
        !self.has_outsider && line.is_some_and(Impairments::only_delay)
    }

    /// Sends a member's frame, and tells what became of it on each way that it goes; `false` where the sender is no member.
    /// The octets of the frame may go with it: what is in it afterwards means nothing.
    pub(super) fn send(
        &mut self,
        at: Instant,
        from: StackId,
        frame: &mut Vec<u8>,
        outputs: Option<&mut VecDeque<Output>>,
    ) -> bool {
        let Some(&endpoint) = self.members.get(&from) else { return false };
        let told = outputs.map(|outputs| (outputs, frame.clone()));
        let sent = match self.segment.flood(at, endpoint, frame) {
            None if told.is_none() => {
                self.segment.send_buffer(at, endpoint, frame);
                return true;
            }
            None => [self.segment.send_buffer(at, endpoint, frame)].into(),
            Some(flooded) => flooded,
        };
        if let Some((outputs, frame)) = told {
            let (link, medium) = (self.index, self.segment.medium());
            let fates = sent.into_iter().filter_map(|sent| self.fate(sent));
            outputs.extend(fates.map(|fate| Output::Link {
                link,
                at,
                from,
                fate,
                medium,
                frame: frame.clone(),
            }));
        }
        true
    }

    fn fate(&self, sent: Sent) -> Option<Fate> {
        Some(match sent {
            Sent::Dropped(cause) => Fate::Dropped(cause),
            Sent::Flying { to, original, copy } => Fate::Flying { to: self.owner(to)?, original, copy },
        })
    }

    pub(super) fn owner(&self, endpoint: EndpointId) -> Option<StackId> {
        self.owners.get(&endpoint).copied()
    }
}

/// Octets of the longest IP packet.
const LONGEST_PACKET: u32 = 65_535;
