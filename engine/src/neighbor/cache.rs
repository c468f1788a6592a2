//! The neighbors of one interface: a bounded table of entries, and the packets that wait for them.
//!
//! What is done to the table leaves [`Action`]s behind, which its owner carries out at once.
//!
//! A full table gives up what is worth least: first a neighbor that told its address and that we never sent to, the one
//! that told it first; then, and only for a packet of our own, the one that we sent to longest ago. So strangers who
//! tell addresses never push out the neighbors that we talk to.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use super::entry::{Advertisement, Due, Entry};
use super::{Config, NeighborState, Timings};
use crate::event::{EventKind, Interest};
use crate::limits::Limit;
use crate::rng::Rng;
use crate::tcp::cx::Cx;
use crate::tcp::throttle::Throttle;
use crate::time::Instant;
use crate::wire::Mac;

/// The neighbors of one interface.
#[derive(Debug)]
pub(crate) struct Cache {
    config: Config,
    table: BTreeMap<IpAddr, Row>,
    /// Who is asked or given up next.
    timers: BTreeSet<(Instant, IpAddr)>,
    /// Who gives way first.
    order: BTreeSet<(Worth, IpAddr)>,
    solicitations: Throttle,
    jitter: Rng,
    actions: VecDeque<Action>,
}

/// What a neighbor is worth when the table is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// It told its address at that time; nothing was ever sent to it.
    Learned(Instant),
    /// Something was last sent to it at about that time.
    Used(Instant),
}

#[derive(Debug)]
struct Row {
    entry: Entry,
    worth: Worth,
    /// When it was last asked for.
    asked: Option<Instant>,
    /// The source of the packet that made us ask.
    source: IpAddr,
    waiting: VecDeque<Vec<u8>>,
}

/// What the owner of the cache is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask for a neighbor's link-layer address, from `source`: everybody, or the one who had it.
    Solicit { ip: IpAddr, source: IpAddr, to: Option<Mac> },
    /// Send a packet that waited.
    Send { to: Mac, packet: Vec<u8> },
    /// Tell the sender of a packet that its neighbor does not answer.
    Unreachable { packet: Vec<u8> },
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// There.
    Known(Mac),
    /// The cache keeps it, or a limit dropped it.
    Waits,
}

impl Cache {
    pub(crate) fn new(config: Config, jitter: Rng) -> Self {
        Cache {
            config,
            table: BTreeMap::new(),
            timers: BTreeSet::new(),
            order: BTreeSet::new(),
            solicitations: Throttle::default(),
            jitter,
            actions: VecDeque::new(),
        }
    }

    /// The next thing to do.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Cache::on_timeout`] wants to be called next.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Every neighbor, by address.
    pub(crate) fn neighbors(
        &self,
        now: Instant,
    ) -> impl Iterator<Item = (IpAddr, Option<Mac>, NeighborState)> {
        self.table.iter().map(move |(ip, row)| (*ip, row.entry.mac(), row.entry.state(now)))
    }

    /// Whether a neighbor's link-layer address is known.
    pub(crate) fn knows(&self, ip: IpAddr) -> bool {
        self.table.get(&ip).is_some_and(|row| row.entry.mac().is_some())
    }

    /// Whether there is an entry.
    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        self.table.contains_key(&ip)
    }

    /// Where to send `packet`, which goes from `source` to or through the neighbor `ip`.
    pub(crate) fn resolve(
        &mut self,
        cx: &mut Cx<'_>,
        ip: IpAddr,
        source: IpAddr,
        packet: &[u8],
    ) -> Resolution {
        if !self.table.contains_key(&ip) && !self.begin(cx, ip, source) {
            return Resolution::Waits;
        }
        let mut known = None;
        self.change(cx, ip, |cx, row, timings, _| {
            row.worth = row.worth.used(cx.now);
            row.entry.on_use(cx.now, timings);
            known = row.entry.mac();
            if known.is_none() {
                row.source = source;
                row.keep(cx, packet);
            }
        });
        known.map_or(Resolution::Waits, Resolution::Known)
    }

    /// A neighbor told its address, asking for something itself.
    pub(crate) fn learn(&mut self, cx: &mut Cx<'_>, ip: IpAddr, source: IpAddr, mac: Mac) {
        if self.table.contains_key(&ip) {
            return self.change(cx, ip, |_, row, _, _| row.entry.on_source(mac));
        }
        if self.make_room(cx, Worth::Learned(cx.now)) {
            let entry = Entry::stale(mac);
            self.insert(cx, ip, Row::new(entry, Worth::Learned(cx.now), None, source));
        }
    }

    /// A neighbor told its address, and nothing is to be made of it where nobody asked.
    pub(crate) fn refresh(&mut self, cx: &mut Cx<'_>, ip: IpAddr, mac: Mac) {
        self.change(cx, ip, |_, row, _, _| row.entry.on_source(mac));
    }

    /// A neighbor was advertised.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
    //# If no entry exists, the advertisement SHOULD be silently discarded.
    pub(crate) fn advertised(&mut self, cx: &mut Cx<'_>, ip: IpAddr, told: &Advertisement) {
        self.change(cx, ip, |cx, row, timings, jitter| {
            row.entry.on_advertisement(cx.now, told, reachable_time(timings, jitter));
        });
    }

    /// Whether a neighbor was asked and owes an answer.
    pub(crate) fn was_asked(&self, ip: IpAddr) -> bool {
        self.table.get(&ip).is_some_and(|row| row.entry.was_asked())
    }

    /// An upper layer saw that what we send to or through a neighbor arrives.
    pub(crate) fn confirm(&mut self, cx: &mut Cx<'_>, ip: IpAddr) {
        self.change(cx, ip, |cx, row, timings, jitter| {
            row.entry.on_confirmation(cx.now, reachable_time(timings, jitter));
        });
    }

    /// An upper layer has reason to think that what we send to or through a neighbor does not arrive.
    pub(crate) fn doubt(&mut self, cx: &mut Cx<'_>, ip: IpAddr) {
        self.change(cx, ip, |cx, row, timings, _| {
            let next = row.asked.map_or(cx.now, |asked| cx.now.max(asked + timings.retransmit));
            row.entry.on_doubt(next);
        });
    }

    /// Asks again, or gives up, whoever is due.
    pub(crate) fn on_timeout(&mut self, cx: &mut Cx<'_>) {
        while let Some(&(at, ip)) = self.timers.first() {
            if at > cx.now {
                return;
            }
            let mut due = None;
            let allowed = self.solicitations.allows(cx.now, cx.limits.neighbor_solicitations_per_second);
            self.change(cx, ip, |cx, row, timings, _| {
                let fired = row.entry.on_timeout(cx.now, timings);
                if fired != Due::Failed && allowed {
                    row.asked = Some(cx.now);
                }
                due = Some((fired, row.source));
            });
            match due {
                Some((Due::Solicit(to), source)) if allowed => {
                    self.actions.push_back(Action::Solicit { ip, source, to });
                }
                // As good as lost on the wire: it is asked again.
                Some((Due::Solicit(_), _)) => cx.limit_hit(None, Limit::NeighborSolicitationsPerSecond),
                //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
                //# If no Neighbor Advertisement is received after MAX_MULTICAST_SOLICIT
                //# solicitations, address resolution has failed.  The sender MUST return
                //# ICMP destination unreachable indications with code 3 (Address
                //# Unreachable) for each packet queued awaiting address resolution.
                // The sender is a socket of ours: it is told without an ICMP message.
                //= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
                //# If address
                //# resolution fails, the entry SHOULD be deleted
                Some((Due::Failed, _)) => {
                    //= https://www.rfc-editor.org/rfc/rfc4443#section-3.1
                    //= type=exception
                    //= reason=who cannot be sent to is told by the call that sends, since the sender is a
                    //= socket of ours
                    //# A Destination Unreachable message SHOULD be generated by a router, or by the
                    //# IPv6 layer in the originating node, in response to a packet that cannot be
                    //# delivered to its destination address for reasons other than congestion.
                    let waiting = self.remove(cx, ip);
                    self.actions.extend(waiting.into_iter().map(|packet| Action::Unreachable { packet }));
                }
                None => return,
            }
        }
    }

    /// Forgets everybody: the link is down.
    pub(crate) fn clear(&mut self, cx: &mut Cx<'_>) {
        while let Some(ip) = self.table.keys().next().copied() {
            self.remove(cx, ip);
        }
    }

    /// Asks for a neighbor that is not in the table; says whether it is now.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-2.3.2.1
    //# A mechanism to prevent ARP flooding (repeatedly sending an
    //# ARP Request for the same IP address, at a high rate) MUST be
    //# included.  The recommended maximum rate is 1 per second per
    //# destination.
    // One entry asks once a second, and none gives way within a second of its request; besides, there is a limit on
    // requests for all neighbors together.
    fn begin(&mut self, cx: &mut Cx<'_>, ip: IpAddr, source: IpAddr) -> bool {
        if !self.solicitations.allows(cx.now, cx.limits.neighbor_solicitations_per_second) {
            cx.limit_hit(None, Limit::NeighborSolicitationsPerSecond);
            return false;
        }
        if !self.make_room(cx, Worth::Used(cx.now)) {
            return false;
        }
        let entry = Entry::incomplete(cx.now, timings(&self.config, ip));
        self.insert(cx, ip, Row::new(entry, Worth::Used(cx.now), Some(cx.now), source));
        self.actions.push_back(Action::Solicit { ip, source, to: None });
        true
    }

    /// Sees to it that one more fits; says whether it does.
    fn make_room(&mut self, cx: &mut Cx<'_>, newcomer: Worth) -> bool {
        if self.table.len() < cx.limits.neighbors {
            return true;
        }
        cx.limit_hit(None, Limit::Neighbors);
        let mut candidates = self.order.iter().take_while(|(worth, _)| {
            matches!((worth, newcomer), (Worth::Learned(_), _) | (_, Worth::Used(_)))
        });
        let victim = candidates.find(|(_, ip)| {
            let asked = self.table.get(ip).and_then(|row| row.asked);
            asked.is_none_or(|asked| asked + timings(&self.config, *ip).retransmit <= cx.now)
        });
        let Some((_, ip)) = victim.copied() else { return false };
        self.remove(cx, ip);
        true
    }

    fn insert(&mut self, cx: &mut Cx<'_>, ip: IpAddr, row: Row) {
        self.order.insert((row.worth, ip));
        self.timers.extend(row.entry.deadline().map(|at| (at, ip)));
        tell(cx, ip, Some(&row.entry));
        self.table.insert(ip, row);
    }

    /// Takes a neighbor out, and gives what waited for it.
    fn remove(&mut self, cx: &mut Cx<'_>, ip: IpAddr) -> VecDeque<Vec<u8>> {
        let Some(row) = self.table.remove(&ip) else { return VecDeque::new() };
        self.order.remove(&(row.worth, ip));
        if let Some(at) = row.entry.deadline() {
            self.timers.remove(&(at, ip));
        }
        tell(cx, ip, None);
        row.waiting
    }

    /// Changes a neighbor, if it is there; moves its timer, tells its new state, and lets go what waited.
    fn change(
        &mut self,
        cx: &mut Cx<'_>,
        ip: IpAddr,
        change: impl FnOnce(&mut Cx<'_>, &mut Row, &Timings, &mut Rng),
    ) {
        let Some(row) = self.table.get_mut(&ip) else { return };
        let timings = timings(&self.config, ip);
        let before = (row.entry.mac(), row.entry.state(cx.now), row.entry.deadline(), row.worth);
        change(cx, row, timings, &mut self.jitter);
        //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
        //# Once
        //# address resolution completes, the node transmits any queued packets.
        if let (Some(to), false) = (row.entry.mac(), row.waiting.is_empty()) {
            row.entry.on_use(cx.now, timings);
            self.actions.extend(row.waiting.drain(..).map(|packet| Action::Send { to, packet }));
        }
        let (mac, state, deadline, worth) = before;
        if worth != row.worth {
            self.order.remove(&(worth, ip));
            self.order.insert((row.worth, ip));
        }
        if deadline != row.entry.deadline() {
            if let Some(at) = deadline {
                self.timers.remove(&(at, ip));
            }
            self.timers.extend(row.entry.deadline().map(|at| (at, ip)));
        }
        if (mac, state) != (row.entry.mac(), row.entry.state(cx.now)) {
            tell(cx, ip, Some(&row.entry));
        }
    }
}

impl Row {
    fn new(entry: Entry, worth: Worth, asked: Option<Instant>, source: IpAddr) -> Self {
        Row { entry, worth, asked, source, waiting: VecDeque::new() }
    }

    /// Keeps a packet until the neighbor answers.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-2.3.2.2
    //# The link layer SHOULD save (rather than discard) at least
    //# one (the latest) packet of each set of packets destined to
    //# the same unresolved IP address, and transmit the saved
    //# packet when the address has been resolved.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
    //# While waiting for address resolution to complete, the sender MUST,
    //# for each neighbor, retain a small queue of packets waiting for
    //# address resolution to complete.  The queue MUST hold at least one
    //# packet, and MAY contain more.  However, the number of queued packets
    //# per neighbor SHOULD be limited to some small value.  When a queue
    //# overflows, the new arrival SHOULD replace the oldest entry.
    fn keep(&mut self, cx: &mut Cx<'_>, packet: &[u8]) {
        if self.waiting.len() >= cx.limits.unresolved_packets.max(1) {
            self.waiting.pop_front();
            cx.limit_hit(None, Limit::UnresolvedPackets);
        }
        self.waiting.push_back(packet.to_vec());
    }
}

impl Worth {
    /// As of a packet now. To the second: that spares most packets the work of moving it.
    fn used(self, now: Instant) -> Self {
        match self {
            Worth::Used(at) if now - at < Duration::from_secs(1) => self,
            _ => Worth::Used(now),
        }
    }
}

fn timings(config: &Config, ip: IpAddr) -> &Timings {
    if ip.is_ipv4() { &config.arp } else { &config.ndp }
}

/// "a uniformly distributed random value between MIN_RANDOM_FACTOR and MAX_RANDOM_FACTOR times BaseReachableTime"
/// (RFC 4861 §6.3.2), anew for each confirmation.
fn reachable_time(timings: &Timings, jitter: &mut Rng) -> Duration {
    timings.reachable.mul_f64(0.5 + jitter.unit())
}

fn tell(cx: &mut Cx<'_>, ip: IpAddr, entry: Option<&Entry>) {
    if cx.events.wants(Interest::NEIGHBORS) {
        let mac = entry.and_then(Entry::mac);
        let state = entry.map(|entry| entry.state(cx.now));
        cx.events.push(cx.now, None, EventKind::Neighbor { ip, mac, state });
    }
}
