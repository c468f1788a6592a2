//! All sockets of the server as the events tell them, and how the ones that are gone ended.
//!
//! Owns: [`Row`], one socket at one point of the stream, and [`Mirror`]. Rows lie in pages that are copied when they
//! change while a snapshot still reads them: taking a snapshot is cheap, however many sockets there are, and it
//! stays as it was while the mirror goes on.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sockwright_engine::event::{Event, EventKind};
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::{Family, SocketKind, SocketState};
use sockwright_engine::id::{SessionId, SocketId};
use sockwright_engine::tcp::state::State;
use sockwright_engine::time::Instant;
use sockwright_proto::v1 as pb;

use super::Name;
use super::figures::{Census, Standing};
use super::page::{Page, page_of};
use super::ring::HubEvent;
use crate::access::identity::IdentityId;
use crate::access::owner::owner_of;
use crate::convert::{
    address_to_proto, family_to_proto, kind_to_proto, session_name, socket_state_to_proto, tcp_state_to_proto,
};

/// A socket at one point of the stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) socket: SocketId,
    pub(super) stack: Name,
    pub(super) session: SessionId,
    pub(super) label: Arc<str>,
    pub(super) kind: SocketKind,
    pub(super) family: Family,
    pub(super) socket_state: SocketState,
    /// `None` for datagram sockets.
    pub(super) tcp_state: Option<State>,
    /// Its ends, in less room than a `SocketAddr` takes: there are as many rows as sockets.
    local: Option<(IpAddr, u16)>,
    remote: Option<(IpAddr, u16)>,
    /// 0: none.
    listener: u64,
    pub(super) opened: Instant,
    /// When its TCP state (of a datagram socket: its socket state) last changed.
    pub(super) changed: Instant,
    /// What its connection failed with, if it did.
    pub(super) failed: Option<Errno>,
}

/// Between whom a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketFlow {
    pub(crate) kind: SocketKind,
    /// Its own address.
    pub(crate) local: SocketAddr,
    /// Its peer's.
    pub(crate) remote: SocketAddr,
    /// The peer began: it came to a listener.
    pub(crate) answers: bool,
}

impl Row {
    /// The socket as lists and snapshots show it.
    pub(super) fn summary(&self) -> pb::SocketSummary {
        pb::SocketSummary {
            socket: self.socket.0,
            stack: self.stack.to_string(),
            session: session_name(self.session),
            label: self.label.to_string(),
            kind: kind_to_proto(self.kind).into(),
            family: family_to_proto(self.family).into(),
            socket_state: socket_state_to_proto(self.socket_state).into(),
            tcp_state: tcp_state_to_proto(self.tcp_state).into(),
            local: self.local().map(address_to_proto),
            remote: self.remote().map(address_to_proto),
            listener: self.listener,
            opened_time_ns: self.opened.as_nanos(),
            state_time_ns: self.changed.as_nanos(),
        }
    }

    pub(super) fn local(&self) -> Option<SocketAddr> {
        self.local.map(SocketAddr::from)
    }

    pub(super) fn remote(&self) -> Option<SocketAddr> {
        self.remote.map(SocketAddr::from)
    }

    /// Between whom it is, if it has a peer.
    pub(super) fn flow(&self) -> Option<SocketFlow> {
        let (local, remote) = (self.local()?, self.remote()?);
        Some(SocketFlow { kind: self.kind, local, remote, answers: self.listener != 0 })
    }

    fn set_ends(&mut self, local: SocketAddr, remote: Option<SocketAddr>) {
        let kept = |address: SocketAddr| (address.ip(), address.port());
        self.local = Some(kept(local));
        self.remote = remote.map(kept).or(self.remote);
    }

    /// Takes in what an event says of the socket.
    fn apply(&mut self, at: Instant, kind: &EventKind) {
        match *kind {
            EventKind::Named { local, remote } => {
                self.set_ends(local, remote);
            }
            EventKind::SocketState { to, .. } => {
                self.socket_state = to;
                if self.kind == SocketKind::Datagram {
                    self.changed = at;
                }
            }
            EventKind::TcpState { from, to, local, remote, .. } => {
                if from == State::Closed {
                    // Another attempt: the failure of the last one says nothing about it.
                    self.failed = None;
                }
                self.tcp_state = Some(to);
                self.changed = at;
                self.set_ends(local, remote);
            }
            EventKind::Failed(errno) => self.failed = Some(errno),
            _ => {}
        }
    }

    /// The row of a new socket. `before`, where it is of the same label, shares that with it.
    fn opened(
        stack: &Name,
        socket: SocketId,
        at: Instant,
        kind: &EventKind,
        before: Option<&Arc<str>>,
    ) -> Option<Row> {
        let EventKind::Opened { kind, family, session, label, listener } = kind else { return None };
        Some(Row {
            socket,
            stack: stack.clone(),
            session: *session,
            label: before
                .filter(|before| ***before == **label)
                .map_or_else(|| Arc::from(&**label), Arc::clone),
            kind: *kind,
            family: *family,
            // Where a connection that arrived goes from here is told next, in the same batch.
            socket_state: SocketState::Unbound,
            tcp_state: (*kind == SocketKind::Stream).then_some(State::Closed),
            local: None,
            remote: None,
            listener: listener.map_or(0, |listener| listener.0),
            opened: at,
            changed: at,
            failed: None,
        })
    }
}

/// Whether an event may change the row of its socket.
pub(super) fn changes(event: &HubEvent) -> bool {
    matches!(
        event,
        HubEvent::Engine(Event {
            kind: EventKind::Opened { .. }
                | EventKind::Released
                | EventKind::Named { .. }
                | EventKind::SocketState { .. }
                | EventKind::TcpState { .. }
                | EventKind::Failed(_),
            ..
        })
    )
}

/// The last row of a released socket.
#[derive(Clone, Debug)]
pub(super) struct LastRow {
    pub(super) row: Arc<Row>,
    /// The number of its `Released`.
    pub(super) seq: u64,
}

/// All sockets, and the last `capacity` ones that are gone.
#[derive(Debug)]
pub(super) struct Mirror {
    pages: BTreeMap<u64, Arc<Page>>,
    ended: HashMap<SocketId, LastRow>,
    /// The keys of `ended`, oldest first.
    ended_order: VecDeque<SocketId>,
    capacity: usize,
    census: Census,
    /// How many are whose, those included that are yet to be made.
    owned: HashMap<IdentityId, usize>,
    /// Those that are counted already, or though a listener has made them: created and not told yet, or accepted.
    claimed: HashSet<SocketId>,
    /// Of the socket that was opened last: the next one is likely to have the same.
    last_label: Option<Arc<str>>,
}

impl Mirror {
    pub(super) fn new(capacity: usize) -> Self {
        let (pages, ended, ended_order) = (BTreeMap::new(), HashMap::new(), VecDeque::new());
        let census = Census::default();
        let (owned, claimed) = (HashMap::new(), HashSet::new());
        Mirror { pages, ended, ended_order, capacity, census, owned, claimed, last_label: None }
    }

    /// Takes in the event with number `seq`. Gives the socket as it is after it (once released: as it last was).
    pub(super) fn apply(&mut self, stack: &Name, seq: u64, event: &HubEvent) -> Option<Arc<Row>> {
        let HubEvent::Engine(Event { at, socket: Some(socket), kind }) = event else { return None };
        match kind {
            EventKind::Opened { .. } => {
                let row = Arc::new(Row::opened(stack, *socket, *at, kind, self.last_label.as_ref())?);
                self.last_label = Some(Arc::clone(&row.label));
                self.insert(Arc::clone(&row));
                return Some(row);
            }
            EventKind::Released => {
                if let Some(row) = self.remove(*socket) {
                    self.remember(Arc::clone(&row), seq);
                    return Some(row);
                }
            }
            EventKind::Named { .. }
            | EventKind::SocketState { .. }
            | EventKind::TcpState { .. }
            | EventKind::Failed(_) => {
                if let Some(row) = self.change(*socket, |row| row.apply(*at, kind)) {
                    return Some(Arc::clone(row));
                }
            }
            _ => {}
        }
        self.get(*socket).or_else(|| self.ended.get(socket).map(|last| &last.row)).cloned()
    }

    /// The socket, if it is there.
    pub(super) fn get(&self, socket: SocketId) -> Option<&Arc<Row>> {
        self.pages.get(&page_of(socket))?.get(socket)
    }

    /// The socket as it last was, if it is gone and remembered.
    pub(super) fn ended(&self, socket: SocketId) -> Option<&LastRow> {
        self.ended.get(&socket)
    }

    /// How many sockets are in which state.
    pub(super) fn census(&self) -> &Census {
        &self.census
    }

    /// Takes room for more sockets of somebody. Whether he has so much.
    pub(super) fn claim(&mut self, owner: IdentityId, sockets: usize, at_most: usize) -> bool {
        let has = self.count_of(owner).saturating_add(sockets);
        if has > at_most {
            return false;
        }
        self.owned.insert(owner, has);
        true
    }

    /// Gives it back.
    pub(super) fn give_up(&mut self, owner: IdentityId, sockets: usize) {
        match self.owned.get_mut(&owner) {
            Some(has) if *has > sockets => *has -= sockets,
            _ => _ = self.owned.remove(&owner),
        }
    }

    /// Room that was taken is this socket's.
    pub(super) fn fill(&mut self, socket: SocketId) {
        self.claimed.insert(socket);
    }

    /// A socket that a listener has made gives up its room, if it had any.
    pub(super) fn unclaim(&mut self, socket: SocketId) {
        if self.claimed.remove(&socket)
            && let Some(owner) = self.get(socket).map(|row| owner_of(row.session))
        {
            self.give_up(owner, 1);
        }
    }

    /// How many sockets somebody has, and has room for that is taken.
    pub(super) fn count_of(&self, owner: IdentityId) -> usize {
        self.owned.get(&owner).copied().unwrap_or(0)
    }

    /// The pages that hold `from` and everything after it.
    pub(super) fn pages_from(&self, from: SocketId) -> Vec<Arc<Page>> {
        self.pages.range(page_of(from)..).map(|(_, page)| Arc::clone(page)).collect()
    }

    /// The sockets of a stack, ascending.
    pub(super) fn sockets_of(&self, stack: &Name) -> Vec<SocketId> {
        let rows = self.pages.values().flat_map(|page| page.rows());
        rows.filter(|row| row.stack == *stack).map(|row| row.socket).collect()
    }

    /// Changes a socket's row, if it is there, and gives it.
    pub(super) fn change(&mut self, socket: SocketId, change: impl FnOnce(&mut Row)) -> Option<&Arc<Row>> {
        let row = Arc::make_mut(self.pages.get_mut(&page_of(socket))?).get_mut(socket)?;
        let before = Standing::of(row);
        change(Arc::make_mut(row));
        self.census.changed(before, Standing::of(row));
        Some(row)
    }

    fn insert(&mut self, row: Arc<Row>) {
        self.census.came(Standing::of(&row));
        // What a listener makes is somebody's when he accepts it.
        if row.listener == 0 && !self.claimed.remove(&row.socket) {
            *self.owned.entry(owner_of(row.session)).or_default() += 1;
        }
        Arc::make_mut(self.pages.entry(page_of(row.socket)).or_default()).insert(row);
    }

    fn remove(&mut self, socket: SocketId) -> Option<Arc<Row>> {
        let page = self.pages.get_mut(&page_of(socket))?;
        let row = Arc::make_mut(page).remove(socket)?;
        self.census.went(Standing::of(&row));
        if page.rows().is_empty() {
            self.pages.remove(&page_of(socket));
        }
        if self.claimed.remove(&socket) || row.listener == 0 {
            self.give_up(owner_of(row.session), 1);
        }
        Some(row)
    }

    fn remember(&mut self, row: Arc<Row>, seq: u64) {
        let socket = row.socket;
        if self.ended.insert(socket, LastRow { row, seq }).is_none() {
            self.ended_order.push_back(socket);
        }
        while self.ended_order.len() > self.capacity {
            if let Some(oldest) = self.ended_order.pop_front() {
                self.ended.remove(&oldest);
            }
        }
    }
}
