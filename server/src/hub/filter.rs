//! Filters: which sockets and events are meant, compiled once.

use std::collections::HashSet;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sockwright_engine::id::{SessionId, SocketId};
use sockwright_engine::tcp::state::State;
use sockwright_proto::v1 as pb;

use super::Name;
use super::interest::Kinds;
use super::mirror::Row;
use super::places::Places;
use super::ring::{HubEvent, Record};
use crate::access::owner::is_no_session;
use crate::access::sight::Sight;
use crate::convert::{Invalid, ip, parse_session, tcp_state_to_proto, unknown};

/// A filter that was understood.
///
/// An event is matched against the socket as it was right after it, and against its own addresses where it is about a
/// segment or datagram. An event without a socket has no session, label or state: a filter that asks for one does
/// not admit it.
#[derive(Clone, Debug, Default)]
pub struct CompiledFilter {
    sessions: HashSet<SessionId>,
    sockets: HashSet<u64>,
    labels: HashSet<String>,
    stacks: HashSet<String>,
    addresses: HashSet<IpAddr>,
    ports: HashSet<u16>,
    /// A bit for each number of the contract's enum; 0 admits all.
    tcp_states: u32,
    kinds: Option<Kinds>,
    /// And whatever is on these stacks.
    places: Option<Arc<Places>>,
    /// Of all that, only what somebody sees.
    sight: Sight,
}

/// The most values in one field of a filter.
const VALUES_MAX: usize = 4096;

impl TryFrom<&pb::Filter> for CompiledFilter {
    type Error = Invalid;

    /// An error names the field, as `filter.<field>`.
    fn try_from(filter: &pb::Filter) -> Result<Self, Invalid> {
        let mut kinds = None;
        for number in bounded(&filter.kinds, "filter.kinds")? {
            let kind = pb::EventKind::try_from(*number).map_err(|_| unknown(*number, "filter.kinds"))?;
            kinds = Some(kinds.unwrap_or(Kinds::NONE).with(kind));
        }
        let mut tcp_states = 0;
        for number in bounded(&filter.tcp_states, "filter.tcp_states")? {
            let state = pb::TcpState::try_from(*number).map_err(|_| unknown(*number, "filter.tcp_states"))?;
            tcp_states |= bit(state);
        }
        Ok(CompiledFilter {
            sessions: set(&filter.sessions, "filter.sessions", |name| {
                parse_session(name)
                    .ok_or_else(|| Invalid::new("filter.sessions", "not a session's identifier"))
            })?,
            sockets: set(&filter.sockets, "filter.sockets", |socket| Ok(*socket))?,
            labels: set(&filter.labels, "filter.labels", |label| Ok(label.clone()))?,
            stacks: set(&filter.stacks, "filter.stacks", |stack| Ok(stack.clone()))?,
            addresses: set(&filter.addresses, "filter.addresses", |text| ip(text, "filter.addresses"))?,
            ports: set(&filter.ports, "filter.ports", |port| {
                u16::try_from(*port)
                    .map_err(|_| Invalid::new("filter.ports", format!("{port} is more than 65535")))
            })?,
            tcp_states,
            kinds,
            places: None,
            sight: Sight::All,
        })
    }
}

impl CompiledFilter {
    /// The filter of a request that may lack one.
    pub fn of(filter: Option<&pb::Filter>) -> Result<Self, Invalid> {
        filter.map_or_else(|| Ok(CompiledFilter::default()), CompiledFilter::try_from)
    }

    /// Admits of the same kinds whatever is on these stacks as well.
    pub(crate) fn or_on(self, places: Arc<Places>) -> Self {
        CompiledFilter { places: Some(places), ..self }
    }

    /// Admits of it only what somebody sees.
    pub(crate) fn seen_by(self, sight: Sight) -> Self {
        CompiledFilter { sight, ..self }
    }

    /// Of all that it admits, what somebody sees.
    pub(crate) fn sight(&self) -> Sight {
        self.sight
    }

    /// The kinds it admits: those of [`Kinds::DEFAULT`] where it names none.
    pub(super) fn kinds(&self) -> Kinds {
        self.kinds.unwrap_or(Kinds::DEFAULT)
    }

    /// Whether a list or snapshot shows this socket.
    pub(super) fn admits_row(&self, row: &Row) -> bool {
        self.sight.sees_session(row.session)
            && (self.is_on_place(&row.stack)
                || self.admits_stack(&row.stack)
                    && self.admits_socket(row)
                    && self.admits_ends(&[row.local(), row.remote()]))
    }

    /// Whether somebody sees it: what happened at a socket, its owner; at none, the owner of the stack.
    fn sees(&self, record: &Record) -> bool {
        match &record.row {
            Some(row) => self.sight.sees_session(row.session),
            None => self.sight.sees(record.stack.owner()),
        }
    }

    /// Whether a watcher is told this event.
    pub(super) fn admits_event(&self, record: &Record) -> bool {
        if !self.kinds().contains(record.kind()) {
            return false;
        }
        // Of no stack and no socket: it is everybody's.
        if matches!(record.event, HubEvent::Draining { .. }) {
            return true;
        }
        if !self.sees(record) {
            return false;
        }
        if self.is_on_place(&record.stack) {
            return true;
        }
        if !self.admits_stack(&record.stack) {
            return false;
        }
        let (one, other) = record.event.ends().unzip();
        match &record.row {
            Some(row) => {
                self.admits_socket(row) && self.admits_ends(&[row.local(), row.remote(), one, other])
            }
            None => self.asks_no_socket() && self.admits_ends(&[one, other]),
        }
    }

    /// Whether a capture shows a frame of a stack: between these ends, where it has any, and of this socket, whose session and
    /// label are given where the filter [asks for them](CompiledFilter::asks_owner).
    pub(crate) fn admits_frame(
        &self,
        stack: &Name,
        socket: Option<SocketId>,
        owner: Option<(SessionId, &str)>,
        ends: &[Option<SocketAddr>],
    ) -> bool {
        let own = || owner.is_some_and(|(session, _)| self.sight.sees_session(session));
        (self.sight.sees(stack.owner()) || own())
            && (self.is_on_place(stack)
                || self.admits_stack(stack)
                    && (self.sockets.is_empty()
                        || socket.is_some_and(|socket| self.sockets.contains(&socket.0)))
                    && (self.sessions.is_empty()
                        || owner.is_some_and(|(session, _)| self.sessions.contains(&asked(session))))
                    && (self.labels.is_empty()
                        || owner.is_some_and(|(_, label)| self.labels.contains(label)))
                    && self.admits_ends(ends))
    }

    /// Whether it asks for a socket's session or label.
    pub(crate) fn asks_owner(&self) -> bool {
        !self.sessions.is_empty() || !self.labels.is_empty() || self.sight != Sight::All
    }

    /// Whether a call that names these, sockets aside, is one of what it admits.
    pub(crate) fn admits_names(&self, session: Option<SessionId>, label: &str, stack: &str) -> bool {
        session.is_some_and(|session| self.sessions.contains(&asked(session)))
            || (!label.is_empty() && self.labels.contains(label))
            || (!stack.is_empty() && (self.stacks.contains(stack) || self.names_place(stack)))
    }

    /// Whether everything is admitted.
    pub(crate) fn admits_all(&self) -> bool {
        self.asks_no_socket() && self.stacks.is_empty() && self.addresses.is_empty() && self.ports.is_empty()
    }

    /// Whether a stack of this lab is named.
    pub(crate) fn names_lab(&self, lab: &str) -> bool {
        let of = |stack: &String| stack.split_once('/').is_some_and(|(of, _)| of == lab);
        self.stacks.iter().any(of) || self.places.as_ref().is_some_and(|places| places.contains_lab(lab))
    }

    /// Whether a stack is to be looked at: of a session, those that it has; of others, those that are named, or all.
    pub(crate) fn may_be_on(&self, stack: &Name) -> bool {
        self.sight.sees(stack.owner())
            && match &self.places {
                Some(places) => places.contains(stack),
                None => self.admits_stack(stack),
            }
    }

    fn is_on_place(&self, stack: &Name) -> bool {
        self.places.as_ref().is_some_and(|places| places.contains(stack))
    }

    fn names_place(&self, stack: &str) -> bool {
        self.places.as_ref().is_some_and(|places| places.contains_text(stack))
    }

    /// Whether it admits what happens on this stack.
    pub(crate) fn admits_stack(&self, stack: &str) -> bool {
        self.stacks.is_empty() || self.stacks.contains(stack)
    }

    fn admits_socket(&self, row: &Row) -> bool {
        admits(&self.sessions, &asked(row.session))
            && admits(&self.sockets, &row.socket.0)
            && (self.labels.is_empty() || self.labels.contains(&*row.label))
            && (self.tcp_states == 0 || self.tcp_states & state_bit(row.tcp_state) != 0)
    }

    fn asks_no_socket(&self) -> bool {
        self.sessions.is_empty() && self.sockets.is_empty() && self.labels.is_empty() && self.tcp_states == 0
    }

    fn admits_ends(&self, ends: &[Option<SocketAddr>]) -> bool {
        let known = || ends.iter().flatten();
        (self.addresses.is_empty() || known().any(|end| self.addresses.contains(&end.ip())))
            && (self.ports.is_empty() || known().any(|end| self.ports.contains(&end.port())))
    }
}

/// A session as a filter asks for it: the empty name is no session, whose it may be.
fn asked(session: SessionId) -> SessionId {
    if is_no_session(session) { SessionId(0) } else { session }
}

/// The bit of a state in a set.
pub(super) fn bit(state: pb::TcpState) -> u32 {
    1 << state as u32
}

pub(super) fn state_bit(state: Option<State>) -> u32 {
    bit(tcp_state_to_proto(state))
}

fn admits<T: Eq + Hash>(set: &HashSet<T>, value: &T) -> bool {
    set.is_empty() || set.contains(value)
}

fn set<T, U: Eq + Hash>(
    values: &[T],
    field: &str,
    parse: impl Fn(&T) -> Result<U, Invalid>,
) -> Result<HashSet<U>, Invalid> {
    bounded(values, field)?.iter().map(parse).collect()
}

fn bounded<'v, T>(values: &'v [T], field: &str) -> Result<&'v [T], Invalid> {
    if values.len() > VALUES_MAX {
        return Err(Invalid::new(field, format!("more than {VALUES_MAX} values")));
    }
    Ok(values)
}
