//! What a hub counts of itself, for `/metrics`: never per watcher, and never under the mutex while it is written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use sockwright_engine::host::op::{SocketKind, SocketState};
use sockwright_engine::tcp::state::State;
use sockwright_proto::v1::{Delivery, GapReason};

use super::Hub;
use super::mirror::Row;
use crate::access::identity::IdentityId;
use crate::convert::{kind_to_proto, socket_state_to_proto, tcp_state_to_proto};

/// A hub at one moment.
#[derive(Clone, Debug)]
pub(crate) struct HubFigures {
    /// Events so far.
    pub(crate) published: u64,
    /// Events in the ring.
    pub(crate) remembered: usize,
    /// Events for which it has room.
    pub(crate) remembered_limit: usize,
    /// Watches, by delivery.
    pub(crate) watchers: [(&'static str, usize); 2],
    /// Events that the watcher furthest behind has not looked at.
    pub(crate) lag: u64,
    /// Octets that wait for watchers, the ring aside.
    pub(crate) waiting_bytes: usize,
    /// Events told so far, by delivery.
    pub(crate) told: [(&'static str, u64); 2],
    /// Gaps told so far, by reason.
    pub(crate) gaps: [(&'static str, u64); 3],
    /// `WaitFor` calls.
    pub(crate) waiters: usize,
    /// Sockets by kind and state.
    pub(crate) sockets: Vec<(&'static str, &'static str, usize)>,
    /// Sockets opened so far, by kind.
    pub(crate) opened: [(&'static str, u64); 2],
}

/// What a hub has told so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    told_lossless: AtomicU64,
    told_conflated: AtomicU64,
    gaps: [AtomicU64; GAPS.len()],
}

impl Tally {
    pub(super) fn told(&self, delivery: Delivery, events: usize) {
        let count = match delivery {
            Delivery::Conflate => &self.told_conflated,
            Delivery::Lossless | Delivery::Unspecified => &self.told_lossless,
        };
        count.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(super) fn gap(&self, reason: GapReason) {
        if let Some(place) = GAPS.iter().position(|gap| *gap == reason)
            && let Some(count) = self.gaps.get(place)
        {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The reasons of gaps.
const GAPS: [GapReason; 3] = [GapReason::WatcherTooSlow, GapReason::Forgotten, GapReason::OtherEpoch];

/// A watch, as the hub knows it.
#[derive(Debug)]
pub(super) struct Watcher {
    /// Of one that has read everything.
    pub(super) waker: Option<Waker>,
    pub(super) delivery: Delivery,
    pub(super) place: Arc<Place>,
    /// Whose it is; `None`: a trace's.
    pub(super) owner: Option<IdentityId>,
}

/// How far a watch is, as it tells itself.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The last event that it looked at.
    pub(super) cursor: AtomicU64,
    /// Octets that wait for its client.
    pub(super) waiting: AtomicUsize,
}

/// How many sockets are in which state.
#[derive(Debug, Default)]
pub(super) struct Census {
    there: BTreeMap<Standing, usize>,
    streams_opened: u64,
    datagrams_opened: u64,
}

/// The state that a socket is counted in: of a stream that of TCP, of a datagram socket its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    Stream(State),
    Datagram(SocketState),
}

impl Standing {
    pub(super) fn of(row: &Row) -> Self {
        match row.tcp_state {
            Some(state) => Standing::Stream(state),
            None => Standing::Datagram(row.socket_state),
        }
    }

    fn kind(self) -> SocketKind {
        match self {
            Standing::Stream(_) => SocketKind::Stream,
            Standing::Datagram(_) => SocketKind::Datagram,
        }
    }

    /// The contract's names, without their prefixes.
    fn names(self) -> (&'static str, &'static str) {
        let state = match self {
            Standing::Stream(state) => short(tcp_state_to_proto(Some(state)).as_str_name(), "TCP_STATE_"),
            Standing::Datagram(state) => short(socket_state_to_proto(state).as_str_name(), "SOCKET_STATE_"),
        };
        (kind_name(self.kind()), state)
    }
}

impl Census {
    pub(super) fn came(&mut self, standing: Standing) {
        match standing.kind() {
            SocketKind::Stream => self.streams_opened += 1,
            SocketKind::Datagram => self.datagrams_opened += 1,
        }
        self.enters(standing);
    }

    pub(super) fn changed(&mut self, from: Standing, to: Standing) {
        if from != to {
            self.leaves(from);
            self.enters(to);
        }
    }

    pub(super) fn went(&mut self, standing: Standing) {
        self.leaves(standing);
    }

    fn enters(&mut self, standing: Standing) {
        *self.there.entry(standing).or_default() += 1;
    }

    fn leaves(&mut self, standing: Standing) {
        if let Some(count) = self.there.get_mut(&standing) {
            *count = count.saturating_sub(1);
        }
    }

    /// Every state that a socket was in, though none may be now.
    pub(super) fn sockets(&self) -> Vec<(&'static str, &'static str, usize)> {
        let told = self.there.iter().map(|(standing, count)| {
            let (kind, state) = standing.names();
            (kind, state, *count)
        });
        told.collect()
    }

    fn opened(&self) -> [(&'static str, u64); 2] {
        [
            (kind_name(SocketKind::Stream), self.streams_opened),
            (kind_name(SocketKind::Datagram), self.datagrams_opened),
        ]
    }
}

impl Hub {
    /// The hub at this moment. Takes the time of a look at each watcher.
    pub(crate) fn figures(&self) -> HubFigures {
        let inner = self.lock();
        let last = inner.ring.last();
        let of = |delivery| {
            let count = inner.watchers.values().filter(|watcher| watcher.delivery == delivery).count();
            (delivery_name(delivery), count)
        };
        let places = inner.watchers.values().map(|watcher| &watcher.place);
        let lags = places.map(|place| last.saturating_sub(place.cursor.load(Ordering::Relaxed)));
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        HubFigures {
            published: last,
            remembered: inner.ring.remembered(),
            remembered_limit: self.config.remember,
            watchers: [of(Delivery::Lossless), of(Delivery::Conflate)],
            lag: lags.max().unwrap_or(0),
            waiting_bytes: self.crowd.waiting(),
            told: [
                (delivery_name(Delivery::Lossless), count(&self.tally.told_lossless)),
                (delivery_name(Delivery::Conflate), count(&self.tally.told_conflated)),
            ],
            gaps: std::array::from_fn(|place| {
                (short(GAPS[place].as_str_name(), "GAP_REASON_"), count(&self.tally.gaps[place]))
            }),
            waiters: inner.waiters.count,
            sockets: inner.mirror.census().sockets(),
            opened: inner.mirror.census().opened(),
        }
    }
}

fn delivery_name(delivery: Delivery) -> &'static str {
    short(delivery.as_str_name(), "DELIVERY_")
}

fn kind_name(kind: SocketKind) -> &'static str {
    short(kind_to_proto(kind).as_str_name(), "SOCKET_KIND_")
}

fn short(name: &'static str, prefix: &str) -> &'static str {
    name.strip_prefix(prefix).unwrap_or(name)
}
