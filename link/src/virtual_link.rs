//! A network segment inside this process: any number of endpoints, joined at the IP level or by Ethernet.
//!
//! On the former a frame is a whole IP packet. One that an endpoint sends passes that endpoint's [`Impairer`] and arrives at the
//! endpoint that owns the destination address:
//!
//! ```text
//! send(now, a, "10.0.0.1 > 10.0.0.2 ...") ─> Sent::Flying { to: b, .. }
//! next_delivery() ─> Some(now + 30 ms)
//! poll_deliver(now + 30 ms) ─> Some(Arrival { to: b, frame, .. })
//! ```
//!
//! Time is whatever the caller says it is, so the same link serves a virtual clock and a real one, and the same calls
//! with the same seed give the same arrivals. There is no ARP and no broadcast: an address is known once attached.
//!
//! On an Ethernet a frame has its header, and the segment is a switch that knows every station: a frame goes to the station
//! that it is for, or, where it is for a group, to all the others, to each by a way of its own ([`VirtualLink::flood`]).

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::error::Error;
use std::fmt;
use std::net::IpAddr;

use sockwright_engine::time::Instant;
use sockwright_engine::wire::{EthernetFrame, Mac, ethernet_header_len};

use crate::impair::{self, Delivery, Impairer, Impairments, InvalidImpairment, Marks, Verdict};
use crate::packet;
use crate::rng::Rng;

/// A segment, and the frames on their way across it.
#[derive(Debug)]
pub struct VirtualLink {
    endpoints: BTreeMap<EndpointId, Impairer>,
    owners: BTreeMap<IpAddr, EndpointId>,
    /// The last of these that was looked for: most packets go where the one before them went, or came from.
    last_owners: [Option<((u128, bool), EndpointId)>; 2],
    /// The stations of an Ethernet.
    stations: BTreeMap<Mac, EndpointId>,
    medium: Medium,
    in_flight: InFlight,
    next_id: u64,
    next_flight: u64,
    seeds: Rng,
    limits: Limits,
    counters: Counters,
    /// Buffers of delivered frames, to be used again.
    spare: Vec<Vec<u8>>,
}

/// What a segment carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Medium {
    /// IP packets.
    #[default]
    Ip,
    /// Ethernet frames, without tags.
    Ethernet,
}

/// Names an endpoint of one link. Never used again once detached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(u64);

/// What a segment holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Endpoints attached at the same time.
    pub endpoints: usize,
    /// Addresses of all endpoints together.
    pub addresses: usize,
    /// Frames on their way at the same time; one too many is dropped.
    pub frames_in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { endpoints: 1024, addresses: 4096, frames_in_flight: 65536 }
    }
}

/// What became of a frame that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It went nowhere.
    Dropped(DropCause),
    /// It is on its way.
    Flying {
        /// The endpoint it goes to.
        to: EndpointId,
        /// When it arrives, and what befell it.
        original: Path,
        /// The same of its copy, if it was duplicated.
        copy: Option<Path>,
    },
}

/// When a frame arrives, and what befell it on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// When it arrives.
    pub at: Instant,
    /// What befell it.
    pub marks: Marks,
}

/// Why a frame went nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropCause {
    /// Its sender is not attached.
    NoSuchEndpoint,
    /// Its Ethernet header is cut short, or its IP header is or contradicts its length.
    Malformed,
    /// Nobody on the segment owns its destination.
    NoSuchHost,
    /// [`Limits::frames_in_flight`] was reached.
    LinkFull,
    /// The line from its sender dropped it.
    Impaired(impair::DropCause),
}

/// A frame that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it arrived.
    pub at: Instant,
    /// The endpoint that sent it.
    pub from: EndpointId,
    /// The endpoint it arrived at.
    pub to: EndpointId,
    /// The packet. Give it back with [`VirtualLink::recycle`] to save an allocation.
    pub frame: Vec<u8>,
    /// What befell it on the way.
    pub marks: Marks,
}

/// What passed across a segment since it was made, in frames.
///
/// Every frame is somewhere: `sent + duplicated = delivered + dropped() + orphaned + in flight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames given to [`VirtualLink::send`].
    pub sent: u64,
    /// Copies made by duplication.
    pub duplicated: u64,
    /// Frames and copies taken from [`VirtualLink::poll_deliver`].
    pub delivered: u64,
    /// Frames and copies whose receiver was detached while they were under way.
    pub orphaned: u64,
    /// Dropped as [`DropCause::NoSuchEndpoint`].
    pub no_such_endpoint: u64,
    /// Dropped as [`DropCause::Malformed`].
    pub malformed: u64,
    /// Dropped as [`DropCause::NoSuchHost`].
    pub no_such_host: u64,
    /// Dropped as [`DropCause::LinkFull`].
    pub link_full: u64,
    /// Dropped as [`impair::DropCause::Lost`].
    pub lost: u64,
    /// Dropped as [`impair::DropCause::QueueFull`].
    pub queue_full: u64,
    /// Dropped as [`impair::DropCause::TooBig`].
    pub too_big: u64,
    /// Frames and copies marked as having met congestion.
    pub marked: u64,
    /// Frames and copies with a bit flipped.
    pub corrupted: u64,
    /// Frames and copies held back.
    pub reordered: u64,
}

/// Why an endpoint could not be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachError {
    /// Another endpoint, or this one in the same list, owns the address.
    AddressTaken(IpAddr),
    /// Another station has the MAC address.
    MacTaken(Mac),
    /// [`Limits::endpoints`] was reached.
    TooManyEndpoints(usize),
    /// [`Limits::addresses`] was reached.
    TooManyAddresses(usize),
}

impl VirtualLink {
    /// A segment without endpoints; `seed` decides all chance on it.
    pub fn new(seed: u64, limits: Limits) -> VirtualLink {
        VirtualLink {
            endpoints: BTreeMap::new(),
            owners: BTreeMap::new(),
            last_owners: [None; 2],
            stations: BTreeMap::new(),
            medium: Medium::Ip,
            in_flight: InFlight::default(),
            next_id: 0,
            next_flight: 0,
            seeds: Rng::from_seed(seed),
            limits,
            counters: Counters::default(),
            spare: Vec::new(),
        }
    }

    /// An Ethernet without stations; `seed` decides all chance on it.
    pub fn ethernet(seed: u64, limits: Limits) -> VirtualLink {
        VirtualLink { medium: Medium::Ethernet, ..VirtualLink::new(seed, limits) }
    }

    /// What it carries.
    pub fn medium(&self) -> Medium {
        self.medium
    }

    /// Attaches a station to an Ethernet. Its line does nothing to frames until
    /// [`set_impairments`](VirtualLink::set_impairments).
    pub fn attach_station(&mut self, mac: Mac) -> Result<EndpointId, AttachError> {
        if self.stations.contains_key(&mac) {
            return Err(AttachError::MacTaken(mac));
        }
        let id = self.attach(&[])?;
        self.stations.insert(mac, id);
        Ok(id)
    }

    /// Attaches an endpoint that owns `addresses`. Its line does nothing to frames until
    /// [`set_impairments`](VirtualLink::set_impairments).
    pub fn attach(&mut self, addresses: &[IpAddr]) -> Result<EndpointId, AttachError> {
        if self.endpoints.len() >= self.limits.endpoints {
            return Err(AttachError::TooManyEndpoints(self.limits.endpoints));
        }
        if self.owners.len() + addresses.len() > self.limits.addresses {
            return Err(AttachError::TooManyAddresses(self.limits.addresses));
        }
        for (i, address) in addresses.iter().enumerate() {
            if self.owners.contains_key(address) || addresses[..i].contains(address) {
                return Err(AttachError::AddressTaken(*address));
            }
        }
        let id = EndpointId(self.next_id);
        self.next_id += 1;
        self.owners.extend(addresses.iter().map(|&address| (address, id)));
        let header_len = match self.medium {
            Medium::Ip => 0,
            Medium::Ethernet => ethernet_header_len(None),
        };
        let impairer = Impairer::unimpaired(self.seeds.next_u64()).with_header(header_len);
        self.endpoints.insert(id, impairer);
        Ok(id)
    }

    /// Detaches an endpoint. Frames on their way to it are gone; those that it sent still arrive.
    pub fn detach(&mut self, endpoint: EndpointId) {
        self.endpoints.remove(&endpoint);
        self.owners.retain(|_, owner| *owner != endpoint);
        self.last_owners = [None; 2];
        self.stations.retain(|_, station| *station != endpoint);
        let before = self.in_flight.len();
        self.in_flight.retain(|flight| flight.arrival.to != endpoint);
        self.counters.orphaned += (before - self.in_flight.len()) as u64;
    }

    /// What the line from `endpoint` does to frames; `None` if it is not attached.
    pub fn impairments(&self, endpoint: EndpointId) -> Option<&Impairments> {
        self.endpoints.get(&endpoint).map(Impairer::impairments)
    }

    /// Changes what the line from `endpoint` does to frames sent from here on. Of no effect if it is not attached.
    pub fn set_impairments(
        &mut self,
        endpoint: EndpointId,
        impairments: Impairments,
    ) -> Result<(), InvalidImpairment> {
        impairments.validate()?;
        match self.endpoints.get_mut(&endpoint) {
            Some(impairer) => impairer.set(impairments),
            None => Ok(()),
        }
    }

    /// Sends `frame` from an endpoint at `now`, which never goes backwards. One that is for a group goes nowhere.
    pub fn send(&mut self, now: Instant, from: EndpointId, frame: &[u8]) -> Sent {
        let mut buffer = self.copy_of(frame);
        let sent = self.send_buffer(now, from, &mut buffer);
        self.recycle(buffer);
        sent
    }

    /// The same with the very octets of `frame`: what is in it afterwards means nothing.
    #[inline]
    pub fn send_buffer(&mut self, now: Instant, from: EndpointId, frame: &mut Vec<u8>) -> Sent {
        let to = self.receiver(frame);
        self.send_to(now, from, to, frame)
    }

    /// Sends `frame`, which is for a group of stations, to each of the others as [`VirtualLink::send`] does to one: the line
    /// from its sender carries it as often. `None` where it is for no group.
    #[inline]
    pub fn flood(&mut self, now: Instant, from: EndpointId, frame: &[u8]) -> Option<Vec<Sent>> {
        if self.medium != Medium::Ethernet || frame.first().is_none_or(|octet| octet & GROUP == 0) {
            return None;
        }
        let others: Vec<_> = self.endpoints.keys().copied().filter(|other| *other != from).collect();
        let send = |to| {
            let mut buffer = self.copy_of(frame);
            let sent = self.send_to(now, from, Ok(to), &mut buffer);
            self.recycle(buffer);
            sent
        };
        Some(others.into_iter().map(send).collect())
    }

    /// When the next frame arrives, if any is on its way.
    #[inline]
    pub fn next_delivery(&self) -> Option<Instant> {
        self.in_flight.first().map(|flight| flight.arrival.at)
    }

    /// The next frame that has arrived by `now`.
    #[inline]
    pub fn poll_deliver(&mut self, now: Instant) -> Option<Arrival> {
        if self.next_delivery()? > now {
            return None;
        }
        let flight = self.in_flight.pop()?;
        self.counters.delivered += 1;
        Some(flight.arrival)
    }

    /// The same, where it arrived at `receiver`.
    #[inline]
    pub fn poll_deliver_to(&mut self, now: Instant, receiver: EndpointId) -> Option<Arrival> {
        let first = self.in_flight.first()?;
        if first.arrival.to == receiver { self.poll_deliver(now) } else { None }
    }

    /// The next frame that has arrived by `now` at any but `busy`, which takes in nothing yet: at `receiver`, if that is
    /// given.
    #[inline]
    pub fn poll_deliver_past(
        &mut self,
        now: Instant,
        busy: EndpointId,
        receiver: Option<EndpointId>,
    ) -> Option<Arrival> {
        let flight = self.in_flight.pop_past(now, busy, receiver)?;
        self.counters.delivered += 1;
        Some(flight.arrival)
    }

    /// Takes back the buffer of a delivered frame, for a later one.
    #[inline]
    pub fn recycle(&mut self, frame: Vec<u8>) {
        if self.spare.len() < SPARE_BUFFERS {
            self.spare.push(frame);
        }
    }

    /// Frames on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// What passed across the segment so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whom a frame is for.
    #[inline]
    fn receiver(&mut self, frame: &[u8]) -> Result<EndpointId, DropCause> {
        let owner = match self.medium {
            Medium::Ip => self.owner(packet::destination(frame).ok_or(DropCause::Malformed)?),
            Medium::Ethernet => {
                let frame = EthernetFrame::parse(frame).map_err(|_| DropCause::Malformed)?;
                self.stations.get(&frame.dst).copied()
            }
        };
        owner.ok_or(DropCause::NoSuchHost)
    }

    /// Who owns an address.
    #[inline]
    fn owner(&mut self, address: IpAddr) -> Option<EndpointId> {
        // Compared as numbers: an address of 17 octets that was just read would have to reach the cache first.
        let bits = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        };
        for (last, owner) in self.last_owners.into_iter().flatten() {
            if last == (bits, address.is_ipv6()) {
                return Some(owner);
            }
        }
        let owner = *self.owners.get(&address)?;
        self.last_owners = [Some(((bits, address.is_ipv6()), owner)), self.last_owners[0]];
        Some(owner)
    }

    #[inline]
    fn send_to(
        &mut self,
        now: Instant,
        from: EndpointId,
        to: Result<EndpointId, DropCause>,
        frame: &mut Vec<u8>,
    ) -> Sent {
        self.counters.sent += 1;
        let sent = self.try_send(now, from, to, frame);
        if let Err(cause) = sent {
            *self.counters.of(cause) += 1;
        }
        sent.unwrap_or_else(Sent::Dropped)
    }

    #[inline]
    fn try_send(
        &mut self,
        now: Instant,
        from: EndpointId,
        to: Result<EndpointId, DropCause>,
        frame: &mut Vec<u8>,
    ) -> Result<Sent, DropCause> {
        let impairer = self.endpoints.get_mut(&from).ok_or(DropCause::NoSuchEndpoint)?;
        let to = to?;
        if let Some(at) = impairer.delay(now) {
            let octets = std::mem::replace(frame, self.spare.pop().unwrap_or_default());
            let launched = self.launch(from, to, (at, Marks::default(), octets));
            let original = launched.ok_or(DropCause::LinkFull)?;
            return Ok(Sent::Flying { to, original, copy: None });
        }
        match impairer.apply(now, frame) {
            Verdict::Dropped(cause) => Err(DropCause::Impaired(cause)),
            Verdict::Delivered(Delivery { at, frame: octets, marks }, copy) => {
                let copy = copy.map(|copy| (copy.at, copy.marks, copy.frame.into_owned()));
                let octets = match octets {
                    Cow::Borrowed(_) => std::mem::replace(frame, self.spare.pop().unwrap_or_default()),
                    Cow::Owned(changed) => changed,
                };
                let original = self.launch(from, to, (at, marks, octets)).ok_or(DropCause::LinkFull)?;
                let copy = copy.and_then(|copy| self.launch(from, to, copy));
                self.counters.duplicated += u64::from(copy.is_some());
                Ok(Sent::Flying { to, original, copy })
            }
        }
    }

    /// Puts one frame on its way, unless too many are.
    #[inline]
    fn launch(
        &mut self,
        from: EndpointId,
        to: EndpointId,
        (at, marks, frame): (Instant, Marks, Vec<u8>),
    ) -> Option<Path> {
        if self.in_flight.len() >= self.limits.frames_in_flight {
            return None;
        }
        self.counters.marked += u64::from(marks.marked);
        self.counters.corrupted += u64::from(marks.corrupted_bit.is_some());
        self.counters.reordered += u64::from(marks.reordered);
        let arrival = Arrival { at, from, to, frame, marks };
        self.in_flight.push(Flight { number: self.next_flight, arrival });
        self.next_flight += 1;
        Some(Path { at, marks })
    }

    fn copy_of(&mut self, frame: &[u8]) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(frame);
        buffer
    }
}

impl Counters {
    /// Frames dropped, for whatever cause.
    pub fn dropped(&self) -> u64 {
        self.no_such_endpoint
            + self.malformed
            + self.no_such_host
            + self.link_full
            + self.lost
            + self.queue_full
            + self.too_big
    }

    fn of(&mut self, cause: DropCause) -> &mut u64 {
        match cause {
            DropCause::NoSuchEndpoint => &mut self.no_such_endpoint,
            DropCause::Malformed => &mut self.malformed,
            DropCause::NoSuchHost => &mut self.no_such_host,
            DropCause::LinkFull => &mut self.link_full,
            DropCause::Impaired(impair::DropCause::Lost) => &mut self.lost,
            DropCause::Impaired(impair::DropCause::QueueFull) => &mut self.queue_full,
            DropCause::Impaired(impair::DropCause::TooBig) => &mut self.too_big,
        }
    }
}

/// The frames on their way, the earliest first; of those at the same time, the one sent first.
#[derive(Debug, Default)]
struct InFlight {
    /// Those that overtake none: nearly all.
    in_order: VecDeque<Flight>,
    /// Those that arrive before one that was sent earlier.
    others: BinaryHeap<Reverse<Flight>>,
}

impl InFlight {
    fn push(&mut self, flight: Flight) {
        let key = flight.key();
        if self.in_order.back().is_none_or(|last| last.key() < key) {
            self.in_order.push_back(flight);
        } else {
            self.others.push(Reverse(flight));
        }
    }

    fn first(&self) -> Option<&Flight> {
        let other = self.others.peek().map(|Reverse(flight)| flight);
        self.in_order.front().into_iter().chain(other).min()
    }

    fn pop(&mut self) -> Option<Flight> {
        let overtaken = match (self.in_order.front(), self.others.peek()) {
            (Some(flight), Some(Reverse(other))) => other < flight,
            (flight, _) => flight.is_none(),
        };
        if overtaken { self.others.pop().map(|Reverse(flight)| flight) } else { self.in_order.pop_front() }
    }

    /// The first that arrives by `now` at any but `busy`, and at `receiver`. Where some overtake others, none.
    fn pop_past(&mut self, now: Instant, busy: EndpointId, receiver: Option<EndpointId>) -> Option<Flight> {
        let index = self.in_order.iter().position(|flight| flight.arrival.to != busy)?;
        let Arrival { at, to, .. } = self.in_order[index].arrival;
        let is_due = at <= now && receiver.is_none_or(|receiver| receiver == to) && self.others.is_empty();
        if is_due { self.in_order.remove(index) } else { None }
    }

    fn len(&self) -> usize {
        self.in_order.len() + self.others.len()
    }

    fn retain(&mut self, mut keep: impl FnMut(&Flight) -> bool) {
        self.in_order.retain(&mut keep);
        self.others.retain(|Reverse(flight)| keep(flight));
    }
}

/// A frame on its way. Ordered by arrival, then by when it was sent.
#[derive(Debug)]
struct Flight {
    number: u64,
    arrival: Arrival,
}

impl Flight {
    fn key(&self) -> (Instant, u64) {
        (self.arrival.at, self.number)
    }
}

impl Ord for Flight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Flight {}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttachError::AddressTaken(address) => write!(f, "{address} is already on this segment"),
            AttachError::MacTaken(mac) => write!(f, "{mac} is already on this segment"),
            AttachError::TooManyEndpoints(limit) => {
                write!(f, "this segment already has all {limit} endpoints")
            }
            AttachError::TooManyAddresses(limit) => {
                write!(f, "this segment takes no more than {limit} addresses")
            }
        }
    }
}

impl Error for AttachError {}

/// Set in the first octet of the destination of a frame that is for a group.
const GROUP: u8 = 1;
/// Buffers kept for later frames.
const SPARE_BUFFERS: usize = 256;

#[cfg(test)]
mod tests;
