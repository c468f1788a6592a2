//! Putting fragments together again (RFC 791 §3.2, RFC 1122 §3.3.2, RFC 8200 §4.5).
//!
//! Owns: [`Reassembly`], the fragments of packets that are not whole yet, within its limits. A packet whose fragments
//! overlap is discarded with all of its fragments, those still to come included, in IPv4 as in IPv6 (RFC 5722):
//! nobody sends such by accident, and whichever octets were kept, some filter on the way took the others for the packet.
//! Only an exact copy of a fragment is dropped by itself.
//!
//! ```text
//! 0:1480+  2960:400   -> kept
//! 1480:1480+          -> whole: 0..3360
//! ```

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use crate::event::DropReason;
use crate::limits::Limit;
use crate::tcp::cx::Cx;
use crate::time::Instant;
use crate::wire::{Fragment, IpPacket};

/// How long the first fragment to arrive waits for the others.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.2
//# There MUST be a reassembly timeout.  The reassembly timeout
//# value SHOULD be a fixed value, not set from the remaining TTL.
//# It is recommended that the value lie between 60 seconds and 120
//# seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The ECN codepoints that matter where fragments differ.
const NOT_ECT: u8 = 0;
const CE: u8 = 3;

/// The packets under reassembly.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    packets: BTreeMap<Key, Assembly>,
    deadlines: BTreeSet<(Instant, Key)>,
    /// Octets of all fragments.
    octets: usize,
}

/// What the fragments of one packet have in common.
//= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
//# An original packet is reassembled only from fragment packets that
//# have the same Source Address, Destination Address, and Fragment
//# Identification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    ident: u32,
    /// IPv4's numbers are counted for each protocol (RFC 791 §3.2).
    protocol: Option<u8>,
}

/// What there is of one packet.
#[derive(Debug)]
struct Assembly {
    deadline: Instant,
    /// The fragments, headers included, by their offset.
    parts: BTreeMap<u16, Part>,
    /// Octets of payload in them.
    payload: usize,
    /// Octets of payload of the whole, once the last fragment is here.
    end: Option<usize>,
    /// Its fragments overlapped, or contradicted each other: what still comes is dropped.
    abandoned: bool,
}

#[derive(Debug)]
struct Part {
    packet: Box<[u8]>,
    payload_at: usize,
    ecn: u8,
}

/// What became of a fragment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It waits for the others.
    Kept,
    /// It was the last that was missing: the packet, as it was before it was cut.
    Whole(Vec<u8>),
    /// It is not kept.
    Dropped(DropReason),
}

/// A packet that never became whole.
#[derive(Debug)]
pub(crate) struct Expired {
    /// Its first fragment, if that came.
    pub(crate) first: Option<Box<[u8]>>,
}

impl Reassembly {
    /// Takes in a fragment.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.2
    //# The IP layer MUST implement reassembly of IP datagrams.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.2
    //# EMTU_R MUST be greater than or equal to 576, SHOULD be either configurable or indefinite,
    //# and SHOULD be greater than or equal to the MTU of the connected network(s).
    pub(crate) fn take(&mut self, cx: &mut Cx<'_>, packet: &IpPacket<'_>, fragment: Fragment) -> Taken {
        let protocol = packet.src.is_ipv4().then(|| packet.protocol.number());
        let key = Key { src: packet.src, dst: packet.dst, ident: fragment.ident, protocol };
        if !self.packets.contains_key(&key) {
            self.make_room_for_packet(cx);
            let deadline = cx.now + TIMEOUT;
            self.deadlines.insert((deadline, key));
            self.packets.insert(key, Assembly::new(deadline));
        }
        if !self.make_room_for_octets(cx, key, packet.packet.len()) {
            return Taken::Dropped(DropReason::FragmentLimit);
        }
        let Some(assembly) = self.packets.get_mut(&key) else {
            return Taken::Dropped(DropReason::FragmentLimit);
        };
        match assembly.check(packet, fragment) {
            Ok(()) => {}
            Err(DropReason::FragmentDuplicate) => return Taken::Dropped(DropReason::FragmentDuplicate),
            Err(reason) => {
                self.octets -= assembly.abandon();
                return Taken::Dropped(reason);
            }
        }
        if assembly.parts.len() >= cx.limits.reassembly_fragments {
            self.octets -= assembly.abandon();
            cx.limit_hit(None, Limit::ReassemblyFragments);
            return Taken::Dropped(DropReason::FragmentLimit);
        }
        self.octets += assembly.add(packet, fragment);
        if assembly.end != Some(assembly.payload) {
            return Taken::Kept;
        }
        match self.remove(key).and_then(|assembly| assembly.join()) {
            Some(whole) => Taken::Whole(whole),
            None => Taken::Dropped(DropReason::Fragment),
        }
    }

    /// When [`Reassembly::expire`] wants to be called next.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Gives up the packet that waits longest, if that is too long; `None` when there is no more.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.2
    //# If this timeout expires, the partially-reassembled
    //# datagram MUST be discarded and an ICMP Time Exceeded message
    //# sent to the source host (if fragment zero has been received).
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
    //# If insufficient fragments are received to complete reassembly of a packet within 60
    //# seconds of the reception of the first- arriving fragment of that packet, reassembly of
    //# that packet must be abandoned and all the fragments that have been received for that
    //# packet must be discarded.
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
    //# If the first fragment (i.e., the one with a Fragment Offset of zero) has been received, an
    //# ICMP Time Exceeded -- Fragment Reassembly Time Exceeded message should be sent to the
    //# source of that fragment.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Expired> {
        let (_, key) = *self.deadlines.first().filter(|(deadline, _)| *deadline <= now)?;
        let mut assembly = self.remove(key)?;
        Some(Expired { first: assembly.parts.remove(&0).map(|part| part.packet) })
    }

    /// The oldest gives way when there are as many as the limit.
    fn make_room_for_packet(&mut self, cx: &mut Cx<'_>) {
        while self.packets.len() >= cx.limits.reassembly_packets.max(1) {
            let Some((_, oldest)) = self.deadlines.first().copied() else { return };
            self.evict(cx, oldest, Limit::ReassemblyPackets);
        }
    }

    /// The oldest but `key` give way until `len` more octets have room; says whether they have.
    fn make_room_for_octets(&mut self, cx: &mut Cx<'_>, key: Key, len: usize) -> bool {
        while self.octets + len > cx.limits.reassembly_bytes {
            let mut others = self.deadlines.iter().map(|(_, other)| *other);
            let Some(oldest) = others.find(|other| *other != key) else {
                cx.limit_hit(None, Limit::ReassemblyBytes);
                return false;
            };
            self.evict(cx, oldest, Limit::ReassemblyBytes);
        }
        true
    }

    fn evict(&mut self, cx: &mut Cx<'_>, key: Key, limit: Limit) {
        cx.limit_hit(None, limit);
        cx.counters.dropped(DropReason::FragmentLimit);
        self.remove(key);
    }

    fn remove(&mut self, key: Key) -> Option<Assembly> {
        let assembly = self.packets.remove(&key)?;
        self.deadlines.remove(&(assembly.deadline, key));
        self.octets -= assembly.octets();
        Some(assembly)
    }
}

impl Assembly {
    fn new(deadline: Instant) -> Self {
        Assembly { deadline, parts: BTreeMap::new(), payload: 0, end: None, abandoned: false }
    }

    /// Whether a fragment fits with those that are here.
    //= https://www.rfc-editor.org/rfc/rfc8200#section-4.5
    //# If any of the fragments being reassembled overlap with any
    //# other fragments being reassembled for the same packet,
    //# reassembly of that packet must be abandoned and all the
    //# fragments that have been received for that packet must be
    //# discarded, and no ICMP error messages should be sent.
    //= https://www.rfc-editor.org/rfc/rfc5722#section-4
    //# When reassembling an IPv6 datagram, if
    //# one or more its constituent fragments is determined to be an
    //# overlapping fragment, the entire datagram (and any constituent
    //# fragments, including those not yet received) MUST be silently
    //# discarded.
    fn check(&self, packet: &IpPacket<'_>, fragment: Fragment) -> Result<(), DropReason> {
        let (start, end) = span(fragment.offset, packet.payload.len());
        if self.abandoned {
            return Err(DropReason::Fragment);
        }
        if let Some(part) = self.parts.get(&fragment.offset)
            && part.payload() == packet.payload
            && (self.end == Some(end)) != fragment.more
        {
            return Err(DropReason::FragmentDuplicate);
        }
        let before = self.parts.range(..=fragment.offset).next_back();
        let after = self.parts.range(fragment.offset..).next();
        let overlaps = before.is_some_and(|(offset, part)| span(*offset, part.payload().len()).1 > start)
            || after.is_some_and(|(offset, _)| usize::from(*offset) < end);
        // Two ends, or something behind the end.
        let reaches = self.parts.last_key_value().map_or(0, |(at, part)| span(*at, part.payload().len()).1);
        let contradicts = match self.end {
            Some(last) => end > last || !fragment.more,
            None => !fragment.more && end < reaches,
        };
        if overlaps || contradicts { Err(DropReason::Fragment) } else { Ok(()) }
    }

    /// Keeps a fragment; the octets that it takes.
    fn add(&mut self, packet: &IpPacket<'_>, fragment: Fragment) -> usize {
        let (len, payload) = (packet.packet.len(), packet.payload.len());
        if !fragment.more {
            self.end = Some(span(fragment.offset, payload).1);
        }
        self.payload += payload;
        let part = Part { packet: packet.packet.into(), payload_at: len - payload, ecn: packet.ecn };
        self.parts.insert(fragment.offset, part);
        len
    }

    /// Forgets every fragment, and keeps in mind that none is wanted; the octets that they took.
    fn abandon(&mut self) -> usize {
        let octets = self.octets();
        self.parts.clear();
        self.abandoned = true;
        octets
    }

    fn octets(&self) -> usize {
        self.parts.values().map(|part| part.packet.len()).sum()
    }

    /// The packet; `None` where its fragments do not belong together after all.
    fn join(&self) -> Option<Vec<u8>> {
        let first = IpPacket::parse(&self.parts.get(&0)?.packet).ok()?;
        let mut whole = first.header_of_whole(self.payload, self.ecn(first.ecn)?)?;
        self.parts.values().for_each(|part| whole.extend_from_slice(part.payload()));
        Some(whole)
    }

    /// The codepoint of the whole; `None` where it has none.
    //= https://www.rfc-editor.org/rfc/rfc3168#section-5.3
    //# * Set the CE codepoint on the reassembled packet.  However, this
    //# MUST NOT occur if any of the other fragments contributing to
    //# this reassembly carries the Not-ECT codepoint.
    //= https://www.rfc-editor.org/rfc/rfc3168#section-5.3
    //# Reassembly of a fragmented packet MUST NOT lose indications of congestion.
    //= https://www.rfc-editor.org/rfc/rfc3168#section-5.3
    //# Reassembly of a fragmented packet MUST NOT change the ECN codepoint when all of the
    //# fragments carry the same codepoint.
    fn ecn(&self, first: u8) -> Option<u8> {
        let any = |codepoint| self.parts.values().any(|part| part.ecn == codepoint);
        match (any(CE), any(NOT_ECT)) {
            (true, true) => None,
            (true, false) => Some(CE),
            _ => Some(first),
        }
    }
}

impl Part {
    fn payload(&self) -> &[u8] {
        self.packet.get(self.payload_at..).unwrap_or_default()
    }
}

/// From where to where in the packet a fragment reaches.
fn span(offset: u16, len: usize) -> (usize, usize) {
    (usize::from(offset), usize::from(offset) + len)
}
