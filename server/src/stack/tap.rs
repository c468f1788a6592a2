//! The tap: joins each frame with the events that belong to it, and gives the captures what they want.
//!
//! A site tells frames among the events of its engines, while somebody captures, in the order in which they happened:
//!
//! ```text
//! sent:      Timer fired   Retransmission   SegmentSent   frame (out)
//! received:  frame (in), 3 events:   SegmentReceived   TcpState   Opened
//! ```
//!
//! A segment may be told well before the frame that carries it: the answer to one that arrives, or what waits for a neighbor
//! to be found. Owns what waits for its frame, and the drafts of one collection, in which the states are filled in at its end:
//! a state that nothing has changed meanwhile is still what the engine says.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use sockwright_engine::event::{
    Cause, Event, EventKind, Interest, RetransmissionReason, SegmentRecord, TimerAction,
};
use sockwright_engine::id::{LinkId, SocketId};
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::tcp::state::State;
use sockwright_engine::tcp::timers::TimerKind;
use sockwright_engine::time::Instant;
use sockwright_link::impair::Marks;
use sockwright_link::virtual_link::Medium;
use sockwright_sim::{Fate, Output, StackId};

use super::losses;
use super::site::Site;
use super::turn::Name;
use crate::capture::{
    Capture, Captures, Direction, Ends, Fault, Interface, Known, Owner, Recent, Record, Room, tcp_data,
};

/// A frame as a site tells it.
#[derive(Debug)]
pub(super) struct Frame {
    /// When.
    pub(super) at: Instant,
    /// At which stack.
    pub(super) stack: StackId,
    /// On which of its links.
    pub(super) link: LinkId,
    /// What that carries.
    pub(super) medium: Medium,
    /// Its octets.
    pub(super) octets: Vec<u8>,
    /// Which way it goes.
    pub(super) way: Way,
}

/// Which way a frame goes.
#[derive(Debug)]
pub(super) enum Way {
    /// It arrived, and the stack told so many events of it, which come next.
    In {
        /// How many.
        told: usize,
    },
    /// It was given to the link.
    Out {
        /// The octets of data in each segment that the link makes of it.
        cut: Option<u16>,
        /// The link did not take it.
        refused: bool,
    },
}

/// The tap of a thread.
pub(super) struct Tap {
    captures: Arc<Captures>,
    /// What is kept of the recent past, where that is asked for.
    recent: Option<Recent>,
    /// The list of captures is that after so many changes.
    changes: u64,
    running: Vec<Arc<Capture>>,
    interfaces: BTreeMap<(StackId, LinkId), Arc<Interface>>,
    /// Segments that were told, and whose frames are yet to come.
    told: BTreeMap<StackId, VecDeque<Told>>,
    /// What was said of the next segment of a socket.
    said: HashMap<SocketId, Said>,
    /// Those of this collection.
    drafts: Vec<Draft>,
    /// States that are known to have changed in it.
    states: States,
    /// The stack at which a frame has arrived, and how many of the events that come are about it.
    arriving: Option<(StackId, usize)>,
    /// Of the sockets that frames belong to, where somebody asks for it.
    owners: HashMap<SocketId, Arc<Owner>>,
    /// Sockets that are gone.
    released: Vec<SocketId>,
}

/// A segment that was told.
struct Told {
    source: SocketAddr,
    destination: SocketAddr,
    /// `None`: a datagram.
    seq: Option<Seq>,
    known: Known,
    states: Moment,
}

/// What was said of the next segment of a socket.
#[derive(Default)]
struct Said {
    /// It is sent again from here, so long, for this reason.
    resent: Option<(Seq, u32, RetransmissionReason)>,
    timer: Option<TimerKind>,
    /// The state before it changed.
    changed: Option<(State, Cause)>,
}

/// A record of which the states are open.
struct Draft {
    stack: StackId,
    record: Record,
    states: Moment,
    /// The frame changed the state.
    changed: bool,
}

/// The states of a socket before and after a segment. `None`: what it was in when the collection began.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    before: Option<State>,
    after: Option<State>,
}

/// What the states of sockets were when the collection began, and what they are, of those that changed.
#[derive(Default)]
struct States {
    began: HashMap<SocketId, State>,
    now: HashMap<SocketId, State>,
}

impl Tap {
    /// What has to be told, besides what anybody watches, while somebody captures.
    pub(super) fn interest() -> Interest {
        Interest::SEGMENTS | Interest::DROPS | Interest::RETRANSMISSIONS | Interest::TIMERS
    }

    /// The tap of a thread, for these captures.
    pub(super) fn new(captures: Arc<Captures>) -> Self {
        Tap {
            captures,
            recent: None,
            changes: 0,
            running: Vec::new(),
            interfaces: BTreeMap::new(),
            told: BTreeMap::new(),
            said: HashMap::new(),
            drafts: Vec::new(),
            states: States::default(),
            arriving: None,
            owners: HashMap::new(),
            released: Vec::new(),
        }
    }

    /// Looks whether somebody captures. Cheap. A capture that has begun gets what it wants of the past.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        let changes = self.captures.changes();
        if self.changes != changes {
            self.changes = changes;
            let before = std::mem::replace(&mut self.running, self.captures.running());
            if let Some(recent) = &self.recent {
                let is_new =
                    |capture: &&Arc<Capture>| !before.iter().any(|other| Arc::ptr_eq(other, capture));
                self.running.iter().filter(is_new).for_each(|capture| capture.recall(recent, now));
            }
            self.rest_unless_open();
        }
        self.is_open()
    }

    /// Whether somebody captures, or the recent past is kept.
    pub(super) fn is_open(&self) -> bool {
        !self.running.is_empty() || self.recent.is_some()
    }

    /// Keeps so much of the recent past from now on.
    pub(super) fn record(&mut self, room: Option<Room>) {
        match (room, &mut self.recent) {
            (Some(room), Some(recent)) => recent.resize(room),
            (room, recent) => *recent = room.map(Recent::new),
        }
        self.rest_unless_open();
    }

    /// Octets of the recent past that are kept at most.
    pub(super) fn recorded_at_most(&self) -> usize {
        self.recent.as_ref().map_or(0, Recent::limit)
    }

    /// Forgets all that is there to join frames with events.
    fn rest_unless_open(&mut self) {
        if !self.is_open() {
            *self = Tap { changes: self.changes, ..Tap::new(Arc::clone(&self.captures)) };
        }
    }

    /// Takes in an event.
    pub(super) fn event(&mut self, stack: StackId, event: &Event) {
        let Event { socket, kind, .. } = event;
        let arrival = match &mut self.arriving {
            Some((at, left)) if *at == stack && *left > 0 => {
                *left -= 1;
                self.drafts.last_mut()
            }
            _ => None,
        };
        match (kind, arrival) {
            (EventKind::SegmentSent(segment), _) => self.sent(stack, *socket, segment),
            (EventKind::Datagram { source, destination, sent: true, .. }, _) => {
                let known = Known { socket: *socket, ..Known::default() };
                let (source, destination, states) = (*source, *destination, Moment::default());
                self.wait_for_frame(stack, Told { source, destination, seq: None, known, states });
            }
            (EventKind::Retransmission { seq, len, reason }, _) => {
                self.say(*socket, |said| said.resent = Some((Seq(*seq), *len, *reason)));
            }
            (EventKind::Timer { timer, action: TimerAction::Fired }, _) => {
                self.say(*socket, |said| said.timer = Some(*timer));
            }
            (EventKind::TcpState { from, to, cause, .. }, arrival) => {
                let Some(id) = *socket else { return };
                match arrival {
                    Some(draft) => draft.changed(id, *from, *to),
                    None => self.say(*socket, |said| _ = said.changed.get_or_insert((*from, *cause))),
                }
                self.states.change(id, *from, *to);
            }
            (
                EventKind::SegmentReceived(_) | EventKind::Datagram { .. } | EventKind::Icmp { .. },
                Some(draft),
            ) => {
                draft.received(*socket, &self.states);
                self.say(*socket, |said| said.timer = None);
            }
            (EventKind::SegmentDropped { reason, .. } | EventKind::FrameDropped(reason), Some(draft)) => {
                draft.received(*socket, &self.states);
                draft.record.known.dropped = Some(*reason);
            }
            (EventKind::Released, _) => self.released.extend(*socket),
            _ => {}
        }
    }

    /// Takes in a frame at a link of the host.
    pub(super) fn frame(&mut self, frame: Frame, site: &impl Site, names: &BTreeMap<StackId, Name>) {
        let Frame { at, stack, link, medium, octets, way } = frame;
        let Some(interface) = self.interface((stack, link), medium, site, names) else { return };
        let (direction, known) = match way {
            Way::In { told } => {
                self.arriving = Some((stack, told));
                (Direction::In, Known::default())
            }
            Way::Out { cut, refused } => {
                let faults = refused.then_some(Fault::Named("NOT_SENT")).into_iter().collect();
                (Direction::Out, Known { cut, faults, ..Known::default() })
            }
        };
        self.draft(stack, Record { at, interface, direction, frame: octets, known });
    }

    /// Takes in a frame at a link of a lab.
    pub(super) fn output(&mut self, output: Output, site: &impl Site, names: &BTreeMap<StackId, Name>) {
        match output {
            Output::Link { link, at, from, fate, medium, frame } => {
                let Some(interface) = self.interface((from, LinkId(link.0)), medium, site, names) else {
                    return;
                };
                let mut known = Known::default();
                befell(&fate, &mut known);
                if let Some(last) = self.drafts.last_mut()
                    && is_other_way(&last.record, &interface, at, &frame)
                {
                    last.record.known.faults.extend(known.faults);
                    last.record.known.arrives.extend(known.arrives);
                    return;
                }
                self.draft(from, Record { at, interface, direction: Direction::Out, frame, known });
            }
            Output::Arrival { link, at, to, marks, medium, frame, told } => {
                let Some(interface) = self.interface((to, LinkId(link.0)), medium, site, names) else {
                    return;
                };
                let known = Known { faults: faults(&marks), ..Known::default() };
                self.arriving = Some((to, told));
                self.draft(to, Record { at, interface, direction: Direction::In, frame, known });
            }
            Output::Event { .. } | Output::Completion { .. } => {}
        }
    }

    /// Ends a collection: every frame in it has all the events that belong to it.
    pub(super) fn deliver(&mut self, site: &impl Site) {
        self.arriving = None;
        let state_of = |states: &States, stack, socket| {
            let now = || site.engine(stack)?.info(socket)?.tcp_state;
            states.began.get(&socket).copied().or_else(now)
        };
        for (stack, told) in &mut self.told {
            for told in told {
                if let Some(socket) = told.known.socket {
                    told.states.fill(|| state_of(&self.states, *stack, socket));
                }
            }
        }
        let asks_owner =
            self.recent.is_some() || self.running.iter().any(|capture| capture.selection().asks_owner());
        for Draft { mut record, stack, mut states, .. } in std::mem::take(&mut self.drafts) {
            let socket = record.known.socket;
            if let Some(socket) = socket {
                states.fill(|| state_of(&self.states, stack, socket));
                record.known.states = states.before.zip(states.after);
            }
            if let Some(socket) = socket.filter(|_| asks_owner)
                && let Some(info) = site.engine(stack).and_then(|engine| engine.info(socket))
            {
                let owner = Owner { session: info.session, label: info.label };
                // Most packets are of a socket that is known.
                if self.owners.get(&socket).is_none_or(|known| **known != owner) {
                    self.owners.insert(socket, Arc::new(owner));
                }
            }
            let owner = socket.and_then(|socket| self.owners.get(&socket));
            let ends = Ends::of(&record.frame, record.interface.medium);
            let wanted = |capture: &&Arc<Capture>| {
                capture.selection().follows()
                    && capture.selection().wants(&record, owner.map(|owner| &**owner), &ends)
            };
            let takers: Vec<_> = self.running.iter().filter(wanted).cloned().collect();
            let record = Arc::new(record);
            if let Some(recent) = &mut self.recent {
                recent.push(&record, owner);
            }
            takers.iter().for_each(|capture| capture.push(&record));
        }
        self.states = States::default();
        self.said.clear();
        for socket in self.released.drain(..) {
            self.owners.remove(&socket);
        }
    }

    // ---- inside

    fn interface(
        &mut self,
        (stack, link): (StackId, LinkId),
        medium: Medium,
        site: &impl Site,
        names: &BTreeMap<StackId, Name>,
    ) -> Option<Arc<Interface>> {
        if let Some(known) = self.interfaces.get(&(stack, link)) {
            return Some(Arc::clone(known));
        }
        let name = names.get(&stack)?.clone();
        let (link_name, began) = (site.link_name(link), site.began());
        let interface = Arc::new(Interface { stack: name, link: link_name, medium, began });
        self.interfaces.insert((stack, link), Arc::clone(&interface));
        Some(interface)
    }

    fn say(&mut self, socket: Option<SocketId>, what: impl FnOnce(&mut Said)) {
        if let Some(socket) = socket {
            what(self.said.entry(socket).or_default());
        }
    }

    /// A segment leaves, with what was said of it before.
    fn sent(&mut self, stack: StackId, socket: Option<SocketId>, segment: &SegmentRecord) {
        let SegmentRecord { source, destination, summary, .. } = *segment;
        let mut known = Known { socket, ..Known::default() };
        let mut states = Moment::default();
        if let Some(socket) = socket {
            let said = self.said.entry(socket).or_default();
            let changed = said.changed.take();
            known.cause = changed.map(|(_, cause)| cause);
            known.timer = said.timer.take();
            known.retransmission = said.resent_at(summary.seq, summary.len);
            let after = self.states.now.get(&socket).copied();
            states = Moment { before: changed.map(|(from, _)| from).or(after), after };
        }
        self.wait_for_frame(stack, Told { source, destination, seq: Some(summary.seq), known, states });
    }

    fn wait_for_frame(&mut self, stack: StackId, told: Told) {
        let waiting = self.told.entry(stack).or_default();
        waiting.push_back(told);
        // What a stack sends to itself never comes, nor what finds no neighbor.
        if waiting.len() > TOLD_MAX {
            waiting.pop_front();
        }
    }

    fn draft(&mut self, stack: StackId, mut record: Record) {
        let states = match record.direction {
            Direction::Out => self.claim(stack, &mut record),
            Direction::In => Moment::default(),
        };
        self.drafts.push(Draft { stack, record, states, changed: false });
    }

    /// Finds the segments that a frame carries among those that were told.
    fn claim(&mut self, stack: StackId, record: &mut Record) -> Moment {
        let Some(waiting) = self.told.get_mut(&stack) else { return Moment::default() };
        let medium = record.interface.medium;
        let (ends, data) = (Ends::of(&record.frame, medium), tcp_data(&record.frame, medium));
        let is_between = |told: &Told| [Some(told.source), Some(told.destination)] == ends.0;
        let is_it = |told: &Told| is_between(told) && told.seq == data.map(|(seq, _)| seq);
        let Some(at) = waiting.iter().position(is_it) else { return Moment::default() };
        let Some(Told { known, states, .. }) = waiting.remove(at) else { return Moment::default() };
        // The segments that the link makes of it were told one by one.
        while let (Some(_), Some((seq, len)), Some(next)) = (record.known.cut, data, waiting.get(at))
            && is_between(next)
            && next.seq.is_some_and(|next| next.octets_since(seq) < len)
        {
            waiting.remove(at);
        }
        let Known { faults, cut, arrives, .. } = std::mem::take(&mut record.known);
        record.known = Known { faults, cut, arrives, ..known };
        states
    }
}

impl Draft {
    /// It arrived for this socket, if for any.
    fn received(&mut self, socket: Option<SocketId>, states: &States) {
        let of = self.record.known.socket.or(socket);
        self.record.known.socket = of;
        if !self.changed && of == socket {
            let now = socket.and_then(|socket| states.now.get(&socket).copied());
            self.states = Moment { before: now, after: now };
        }
    }

    /// It changed the state of this socket.
    fn changed(&mut self, socket: SocketId, from: State, to: State) {
        if *self.record.known.socket.get_or_insert(socket) == socket {
            if !std::mem::replace(&mut self.changed, true) {
                self.states.before = Some(from);
            }
            self.states.after = Some(to);
        }
    }
}

impl Said {
    /// Why the segment at `seq` is sent again, if it is.
    fn resent_at(&mut self, seq: Seq, len: u32) -> Option<RetransmissionReason> {
        let (start, resent, reason) = self.resent?;
        let offset = seq.octets_since(start);
        let again = offset < resent.max(1);
        // One that a link cuts is told in pieces.
        if !again || offset + len >= resent {
            self.resent = None;
        }
        again.then_some(reason)
    }
}

impl Moment {
    /// Fills in what nothing has changed.
    fn fill(&mut self, state: impl Fn() -> Option<State>) {
        self.before = self.before.or_else(&state);
        self.after = self.after.or_else(&state);
    }
}

impl States {
    fn change(&mut self, socket: SocketId, from: State, to: State) {
        self.began.entry(socket).or_insert(from);
        self.now.insert(socket, to);
    }
}

/// Whether an event is one that somebody watches: of the kinds that the tap needs, perhaps nobody does.
pub(super) fn is_watched(kind: &EventKind, watched: Interest) -> bool {
    watched.contains(match kind {
        EventKind::SegmentSent(_) | EventKind::SegmentReceived(_) | EventKind::Datagram { .. } => {
            Interest::SEGMENTS
        }
        EventKind::SegmentDropped { .. } | EventKind::FrameDropped(_) => Interest::DROPS,
        EventKind::Retransmission { .. } => Interest::RETRANSMISSIONS,
        EventKind::Timer { .. } => Interest::TIMERS,
        _ => Interest::NONE,
    })
}

/// What becomes of a frame on a link of a lab.
fn befell(fate: &Fate, known: &mut Known) {
    match fate {
        Fate::Dropped(cause) => known.faults.push(Fault::Named(losses::dropped(*cause))),
        Fate::Flying { original, copy, .. } => {
            for path in [Some(original), copy.as_ref()].into_iter().flatten() {
                known.faults.extend(faults(&path.marks));
                known.arrives.push(path.at);
            }
        }
    }
}

fn faults(marks: &Marks) -> Vec<Fault> {
    let corrupted = marks.corrupted_bit.map(Fault::Corrupted);
    let reordered = marks.reordered.then_some(Fault::Named("REORDERED"));
    let marked = marks.marked.then_some(Fault::Marked);
    let copied = marks.duplicate.then_some(Fault::Named("DUPLICATED"));
    [corrupted, reordered, marked, copied].into_iter().flatten().collect()
}

/// Whether a frame is the last one on another way: a frame for a group of stations is told for each of them.
fn is_other_way(last: &Record, interface: &Arc<Interface>, at: Instant, frame: &[u8]) -> bool {
    interface.medium == Medium::Ethernet
        && frame.first().is_some_and(|octet| octet & GROUP != 0)
        && Arc::ptr_eq(&last.interface, interface)
        && (last.at, last.direction) == (at, Direction::Out)
        && last.frame == frame
}

/// Segments of one stack that wait for their frames.
const TOLD_MAX: usize = 256;
/// Set in the first octet of the destination of a frame that is for a group.
const GROUP: u8 = 1;
