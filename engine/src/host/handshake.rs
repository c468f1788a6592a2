//! Handshakes at listeners (RFC 9293 §3.10.7.2): the record of each, or a SYN cookie in its place; the acknowledgment that
//! ends it; and connections that follow one in TIME-WAIT.
//!
//! ```text
//! SYN       -> a child that is half open, and its SYN,ACK      or: a SYN,ACK with a cookie, and nothing kept
//! ACK       -> the child is open and waits to be accepted
//! ```

use alloc::boxed::Box;

use super::fast_open::Answer;
use super::op::SocketState;
use super::ports::Hold;
use super::settle::{flush_thawed, tell_closed};
use super::socket::{Phase, Socket};
use super::{Engine, PortKind};
use crate::event::{Cause, DropReason, EventKind, SegmentRecord, TimerAction};
use crate::id::SocketId;
use crate::limits::Limit;
use crate::tcp::connection::{Connection, Origin, Owner, SegmentSizes};
use crate::tcp::cx::{Tuple, arriving};
use crate::tcp::ecn::Codepoint;
use crate::tcp::passive::cookie;
use crate::tcp::passive::half_open::HalfOpen;
use crate::tcp::passive::listener::Listener;
use crate::tcp::state::{State, Trigger};
use crate::tcp::time_wait::Past;
use crate::time::Instant;
use crate::wire::{Flags, TcpSegment};

impl Engine {
    /// RFC 9293 §3.10.7.2: LISTEN.
    pub(super) fn segment_at_listener(
        &mut self,
        now: Instant,
        id: SocketId,
        tuple: Tuple,
        codepoint: Codepoint,
        segment: &TcpSegment<'_>,
    ) {
        let record = arriving(&tuple, segment, None);
        if segment.rst() || segment.ack() || !segment.syn() {
            if self.take_cookie(now, id, tuple, codepoint, segment) {
                return;
            }
            let mut cx = self.shared.cx(now);
            cx.dropped(Some(id), DropReason::ListenerWantsSyn, record);
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.2
            //# Any acknowledgment is bad if it arrives on a connection still
            //# in the LISTEN state.  An acceptable reset segment should be
            //# formed for any arriving ACK-bearing segment.
            if segment.ack() {
                cx.refuse(tuple, None, segment);
            }
            return;
        }
        let refused = self.refuses_syn(id);
        if self.give_cookie(now, id, tuple, segment, refused) {
            return;
        }
        let Some((reason, limit)) = refused else {
            return self.begin_handshake(now, id, tuple, segment, None);
        };
        let mut cx = self.shared.cx(now);
        cx.dropped(Some(id), reason, record);
        if let Some(limit) = limit {
            cx.limit_hit(Some(id), limit);
        }
    }

    /// Why a listener cannot keep the record of another handshake, if it cannot.
    fn refuses_syn(&mut self, id: SocketId) -> Option<(DropReason, Option<Limit>)> {
        if self.sockets.len() >= self.shared.limits.sockets {
            return Some((DropReason::SocketLimit, Some(Limit::Sockets)));
        }
        let limits = &self.shared.limits;
        listener_of(self.sockets.get_mut(&id)?)?.refuses_syn(limits)
    }

    /// Answers a SYN with a cookie where the listener is to do so.
    //= https://www.rfc-editor.org/rfc/rfc4987#section-4
    //# TCP implementers should provide some means of defense to SYN
    //# flooding attacks in end-host implementations.
    fn give_cookie(
        &mut self,
        now: Instant,
        id: SocketId,
        tuple: Tuple,
        segment: &TcpSegment<'_>,
        refused: Option<(DropReason, Option<Limit>)>,
    ) -> bool {
        let mtu = self.mtu_to(tuple.remote().ip());
        let Some(socket) = self.sockets.get_mut(&id) else { return false };
        let options = socket.options.clone();
        let Some(listener) = listener_of(socket) else { return false };
        if !listener.bakes(options.syn_cookies, refused.map(|(reason, _)| reason)) {
            return false;
        }
        listener.cookies_until = Some(now + cookie::LIFETIME);
        let iss = self.cookies.bake(now, &mut self.shared.rng, &tuple, segment.seq, segment.options.mss);
        let clock = self.timestamp_offsets.clock(now, &tuple);
        let sizes = SegmentSizes::new(mtu, tuple.local().is_ipv4(), &options);
        let origin = Origin { owner: Owner { id, tuple, options }, sizes, iss, clock };
        let half = HalfOpen::new(now, &origin, segment);
        let mut cx = self.shared.cx(now);
        cx.counters.cookies_sent += 1;
        let record = arriving(&tuple, segment, Some(half.relative_in()));
        cx.received(id, || record);
        if let Some((_, Some(limit))) = refused {
            cx.limit_hit(Some(id), limit);
        }
        cx.send_stray(half.syn_ack_with_cookie(&origin.owner, now));
        true
    }

    /// Takes an acknowledgment that may bring back a cookie; says whether it was one to judge.
    fn take_cookie(
        &mut self,
        now: Instant,
        id: SocketId,
        tuple: Tuple,
        codepoint: Codepoint,
        segment: &TcpSegment<'_>,
    ) -> bool {
        let mtu = self.mtu_to(tuple.remote().ip());
        let full = self.sockets.len() >= self.shared.limits.sockets;
        let Some(socket) = self.sockets.get_mut(&id) else { return false };
        let options = socket.options.clone();
        let Some(listener) = listener_of(socket) else { return false };
        let expected = listener.cookies_until.is_some_and(|until| now <= until);
        if !expected || segment.rst() || segment.syn() || !segment.ack() {
            return false;
        }
        let mut cx = self.shared.cx(now);
        let record = arriving(&tuple, segment, None);
        let Some(mss) = self.cookies.read(now, &tuple, segment.ack - 1, segment.seq - 1) else {
            cx.counters.cookies_refused += 1;
            cx.dropped(Some(id), DropReason::CookieRefused, record);
            cx.refuse(tuple, Some(id), segment);
            return true;
        };
        if full {
            cx.dropped(Some(id), DropReason::SocketLimit, record);
            cx.limit_hit(Some(id), Limit::Sockets);
            return true;
        }
        if listener.refuses_connection() {
            cx.dropped(Some(id), DropReason::AcceptQueueFull, record);
            return true;
        }
        cx.counters.cookies_accepted += 1;
        let child = self.ids.next_socket();
        let clock = self.timestamp_offsets.clock(now, &tuple);
        let sizes = SegmentSizes::new(mtu, tuple.local().is_ipv4(), &options);
        let owner = Owner { id: child, tuple, options };
        let origin = Origin { owner, sizes, iss: segment.ack - 1, clock };
        let half = HalfOpen::from_cookie(now, &origin, mss, segment);
        self.add_child(now, id, origin.owner, half, segment.flags, None);
        self.segment_at_half_open(now, child, codepoint, segment);
        // Whatever was wrong with it: a record that no SYN,ACK will follow is of no use.
        if let Some(Phase::HalfOpen(_)) = self.sockets.get(&child).map(|socket| &socket.phase) {
            let cause = Cause::Segment(segment.flags);
            let mut cx = self.shared.cx(now);
            tell_closed(&mut cx, child, State::SynReceived, Trigger::Abort, cause, tuple);
            self.set_phase(child, Phase::Gone);
        }
        true
    }

    /// A SYN that a listener takes: the child is half open, and its SYN,ACK goes. It may follow another connection.
    fn begin_handshake(
        &mut self,
        now: Instant,
        listener_id: SocketId,
        tuple: Tuple,
        segment: &TcpSegment<'_>,
        before: Option<(SocketId, Past)>,
    ) {
        //= https://www.rfc-editor.org/rfc/rfc7413#section-4.2
        //# FastOpenEnabled: default is off.  It MUST be turned on explicitly by
        //# the application.  When this flag is off, the server does not
        //# perform any TFO-related operations and MUST ignore all cookie
        //# options.
        let fast_open = match self.sockets.get(&listener_id) {
            Some(parent) if parent.options.fast_open && before.is_none() => {
                self.answer_fast_open(now, listener_id, tuple, segment)
            }
            _ => Answer::Ignore,
        };
        let child = self.ids.next_socket();
        let mtu = self.mtu_to(tuple.remote().ip());
        let Some(parent) = self.sockets.get(&listener_id) else { return };
        let options = parent.options.clone();
        let sizes = SegmentSizes::new(mtu, tuple.local().is_ipv4(), &options);
        let clocked = self.isn.isn(now, &tuple);
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
        //# assigns its initial sequence number for the new connection to be
        //# larger than the largest sequence number it used on the previous
        //# connection incarnation
        let clocked = before.map_or(clocked, |(_, past)| past.next_iss(clocked));
        let iss = options.initial_sequence_number.map_or(clocked, crate::tcp::seq::Seq);
        let clock = self.timestamp_offsets.clock(now, &tuple);
        let origin = Origin { owner: Owner { id: child, tuple, options }, sizes, iss, clock };
        let mut half = HalfOpen::new(now, &origin, segment);
        if let Answer::Give(cookie) = fast_open {
            half.cookie = Some(cookie);
        }
        let record = arriving(&tuple, segment, Some(half.relative_in()));
        let syn_ack = half.syn_ack(&origin.owner, now);
        self.add_child(now, listener_id, origin.owner, half, segment.flags, Some(record));
        if let (Some((before, _)), Some(child)) = (before, self.sockets.get_mut(&child)) {
            child.supersedes = Some(before).into();
        }
        self.shared.cx(now).note_window_scale(&segment.options);
        match fast_open {
            Answer::Open => self.open_fast(now, listener_id, child, segment),
            Answer::Give(_) | Answer::Ignore => self.shared.cx(now).send_stray(syn_ack),
        }
    }

    /// Makes the socket of a handshake, and tells of it: a segment with `flags` began it, or `arrived` did.
    fn add_child(
        &mut self,
        now: Instant,
        listener: SocketId,
        owner: Owner,
        half: HalfOpen,
        flags: Flags,
        arrived: Option<SegmentRecord>,
    ) {
        let Owner { id: child, tuple, options } = owner;
        let Some(parent) = self.sockets.get_mut(&listener) else { return };
        let timers = half.timers();
        let socket = Socket {
            id: child,
            session: parent.session,
            label: parent.label.clone(),
            kind: parent.kind,
            family: parent.family,
            state: SocketState::Connecting,
            options,
            local: Some(tuple.local().into()),
            remote: Some(tuple.remote().into()),
            listener: Some(listener).into(),
            supersedes: None.into(),
            opened: now,
            error: None,
            held: false,
            phase: Phase::HalfOpen(Box::new(half)),
            parked: Default::default(),
            driver: None,
            is_driven: false,
            is_woken: false,
            frozen: None,
            in_ready_queue: false,
            is_warm: false,
            registered: None,
        };
        if let Some(listener) = listener_of(parent) {
            listener.half_open.insert(child);
        }
        let hold = Hold::Bound { reuse: socket.options.reuse_address, listening: false };
        self.ports.hold(PortKind::Tcp, tuple.local(), child, hold);
        self.demux.connect(&self.sockets, PortKind::Tcp, tuple, child);

        let mut cx = self.shared.cx(now);
        let (local, remote) = (tuple.local(), Some(tuple.remote()));
        let (session, label) = (socket.session, socket.label.clone());
        let (kind, family, listener) = (socket.kind, socket.family, Some(listener));
        cx.tell(child, EventKind::Opened { kind, family, session, label, listener });
        cx.tell(child, EventKind::Named { local, remote });
        if let Some(record) = arrived {
            cx.received(child, || record);
        }
        cx.tell(child, EventKind::SocketState { from: SocketState::Unbound, to: SocketState::Connecting });
        let (from, to, cause) = (State::Listen, State::SynReceived, Cause::Segment(flags));
        cx.tell(child, EventKind::TcpState { from, to, cause, local, remote });
        for (timer, at) in timers {
            cx.tell_timer(child, timer, TimerAction::Started(at));
        }
        self.sockets.insert(child, Box::new(socket));
        self.touch(child);
    }

    /// A SYN that may begin the next connection with the addresses of one in TIME-WAIT does so, where somebody listens for
    /// it and has room. Until that is open, the other one waits on, and has its addresses back if it never is: the SYN was
    /// an old duplicate.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
    //# However, it MAY accept a new SYN from the remote TCP endpoint to
    //# reopen the connection directly from TIME-WAIT state (MAY-2), if it:
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
    //# returns to TIME-WAIT state if the SYN turns out to be an old
    //# duplicate
    pub(super) fn follow_time_wait(
        &mut self,
        now: Instant,
        id: SocketId,
        tuple: Tuple,
        segment: &TcpSegment<'_>,
    ) -> bool {
        if !segment.syn() || segment.ack() || segment.rst() || segment.fin() {
            return false;
        }
        let past = match self.sockets.get(&id).map(|socket| &socket.phase) {
            Some(Phase::TimeWait(record)) => Some(record.past()),
            Some(Phase::Connection(connection)) => connection.past(),
            _ => None,
        };
        let (Some(past), Some(listener)) = (past, self.demux.bound(PortKind::Tcp, tuple.local())) else {
            return false;
        };
        let timestamps = self.sockets.get(&listener).is_some_and(|socket| socket.options.timestamps);
        let listens = self.sockets.get_mut(&listener).and_then(|socket| listener_of(socket)).is_some();
        if !listens || !past.may_be_followed_by(segment, timestamps) || self.refuses_syn(listener).is_some() {
            return false;
        }
        self.touch(listener);
        self.begin_handshake(now, listener, tuple, segment, Some((id, past)));
        true
    }

    /// The handshake of `id` is over: the connection that had its addresses before has waited long enough.
    fn end_time_wait_before(&mut self, now: Instant, id: SocketId, flags: Flags) {
        let Some(before) =
            self.sockets.get_mut(&id).and_then(|socket| core::mem::take(&mut socket.supersedes).get())
        else {
            return;
        };
        let Some(socket) = self.sockets.get_mut(&before) else { return };
        let mut cx = self.shared.cx(now);
        let tuple = socket.tuple();
        match (&mut socket.phase, tuple) {
            (Phase::TimeWait(_), Some(tuple)) => {
                let cause = Cause::Segment(flags);
                tell_closed(&mut cx, before, State::TimeWait, Trigger::Syn, cause, tuple);
                socket.phase = Phase::Gone;
            }
            (Phase::Connection(connection), _) => connection.supersede(&mut cx, flags),
            _ => {}
        }
        self.touch(before);
    }

    /// The handshake of a released child came to nothing: the connection in TIME-WAIT has its addresses back.
    pub(super) fn return_to_time_wait(&mut self, before: SocketId) {
        if let Some(socket) = self.sockets.get(&before)
            && socket.tcp_state() == Some(State::TimeWait)
            && let Some(tuple) = socket.tuple()
        {
            self.demux.connect(&self.sockets, PortKind::Tcp, tuple, before);
        }
    }

    /// A segment for a handshake under way.
    pub(super) fn segment_at_half_open(
        &mut self,
        now: Instant,
        id: SocketId,
        codepoint: Codepoint,
        segment: &TcpSegment<'_>,
    ) {
        let Some(socket) = self.sockets.get(&id) else { return };
        let (Some(owner), Some(listener_id)) = (socket.owner(), socket.listener.get()) else { return };
        let Phase::HalfOpen(half) = &socket.phase else { return };
        let mut half = (**half).clone();
        let record = arriving(&owner.tuple, segment, Some(half.relative_in()));
        let Some(Phase::Listener(listener)) = self.sockets.get_mut(&listener_id).map(|s| &mut s.phase) else {
            return;
        };
        let mut cx = self.shared.cx(now);
        if half.is_repeated_syn(segment) {
            // Our SYN,ACK was lost, or is late.
            cx.received(id, || record);
            cx.dropped(Some(id), DropReason::DuplicateSyn, record);
            half.on_repeated_syn(segment, now);
            cx.send_stray(half.syn_ack(&owner, now));
            return self.set_phase(id, Phase::HalfOpen(Box::new(half)));
        }
        let opens = segment.ack() && !segment.rst() && !segment.syn();
        if opens && listener.refuses_connection() {
            cx.received(id, || record);
            return cx.dropped(Some(id), DropReason::AcceptQueueFull, record);
        }
        let mut connection = Connection::thaw(&half, owner, now);
        connection.on_segment(&mut cx, segment, codepoint);
        let after = connection.state();
        if after == State::SynReceived {
            flush_thawed(&mut connection, &mut cx);
            connection.refreeze(&mut half);
            return self.set_phase(id, Phase::HalfOpen(Box::new(half)));
        }
        listener.half_open.remove(&id);
        if after == State::Closed {
            // Back to LISTEN, which the listener never left: the child is no more.
            return self.set_phase(id, Phase::Gone);
        }
        listener.accept_queue.push_back(id);
        let queued = listener.accept_queue.len() as u32;
        cx.tell(listener_id, EventKind::AcceptReady { child: id, queued });
        self.set_phase(id, Phase::Connection(Box::new(connection)));
        self.touch(listener_id);
        self.end_time_wait_before(now, id, segment.flags);
    }

    fn set_phase(&mut self, id: SocketId, phase: Phase) {
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.phase = phase;
        }
    }
}

fn listener_of(socket: &mut Socket) -> Option<&mut Listener> {
    match &mut socket.phase {
        Phase::Listener(listener) => Some(listener),
        _ => None,
    }
}
