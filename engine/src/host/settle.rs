//! After each input: what it means for the sockets that it touched.
//!
//! Waiting calls that can finish do; the caller's view follows TCP's; what nobody holds any more is released; timers are
//! registered; sockets that may have something to send queue up.

use alloc::boxed::Box;

use super::op::{Completion, Reply, SocketState};
use super::socket::{Parked, Phase, Waiting};
use super::{Engine, Errno, OpError};
use crate::event::{Cause, EventKind, RetransmissionReason, TimerAction};
use crate::id::SocketId;
use crate::limits::Limit;
use crate::tcp::connection::Connection;
use crate::tcp::cx::{Cx, Stray};
use crate::tcp::state::{State, Trigger};
use crate::tcp::timers::TimerKind;
use crate::time::Instant;

/// Connections that keep the memory that they work with, and their place among the timers, while they have nothing to do:
/// a few flows do not get them anew with every exchange, and those that are idle, however many, do without. No more than
/// fit into a processor's cache, where one that gives something back is still, and where the next one finds it.
const WARM_MAX: usize = if cfg!(debug_assertions) { 4 } else { 64 };

impl Engine {
    /// Settles every touched socket.
    pub(super) fn settle(&mut self, now: Instant) {
        while let Some(id) = self.touched.pop_front() {
            // What most segments change concerns nobody but TCP, and whoever drives the socket.
            if let Some(socket) = self.sockets.get(&id)
                && socket.is_settled()
            {
                if !socket.is_noted() {
                    self.rouse(id);
                    self.enqueue_ready(id);
                }
                continue;
            }
            self.wake(now, id);
            self.follow_tcp(now, id);
            self.rouse(id);
            self.release_if_over(now, id);
            self.enqueue_ready(id);
        }
    }

    /// Finishes the waiting calls that can finish, the oldest of each kind first.
    fn wake(&mut self, now: Instant, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if socket.parked.is_empty() {
            return;
        }
        let waiting = core::mem::take(&mut *socket.parked);
        let failed =
            socket.connection_error().map(|errno| OpError { state: socket.tcp_state(), ..errno.into() });
        let mut blocked = alloc::vec::Vec::new();
        for Parked { op, mut call } in waiting {
            let kind = call.call();
            let result = match &failed {
                //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
                //# If the RST bit is set, then any outstanding RECEIVEs and
                //# SEND should receive "reset" responses.
                Some(error) if self.error_was_taken(id) => Some(Err(error.clone())),
                _ if blocked.contains(&kind) => None,
                _ => self.attempt(now, id, &mut call),
            };
            match result {
                Some(result) => {
                    self.parked.remove(&op);
                    self.completions.push_back(Completion { op, socket: id, result });
                }
                None => {
                    blocked.push(kind);
                    if let Some(socket) = self.sockets.get_mut(&id) {
                        socket.parked.push(Parked { op, call });
                    }
                }
            }
        }
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.parked.rest();
        }
    }

    /// One of the calls that waited got the connection's error: those behind it get it too.
    fn error_was_taken(&self, id: SocketId) -> bool {
        self.sockets.get(&id).is_some_and(|socket| socket.connection_error().is_none())
    }

    /// Lets the caller's view follow what TCP did.
    fn follow_tcp(&mut self, now: Instant, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let to = socket.current_state();
        if to != socket.state {
            let from = core::mem::replace(&mut socket.state, to);
            self.shared.cx(now).tell(id, EventKind::SocketState { from, to });
        }
        // Of TIME-WAIT that nobody reads from, a record is enough.
        if let Phase::Connection(connection) = &mut socket.phase
            && connection.may_freeze()
        {
            // The acknowledgment that it owes goes first.
            flush_thawed(connection, &mut self.shared.cx(now));
            let Some(record) = connection.freeze() else { return };
            socket.phase = Phase::TimeWait(Box::new(record));
            socket.frozen = Some(now);
            self.time_waits.insert((now, id));
            self.bound_time_waits(now);
        }
    }

    /// The oldest TIME-WAIT gives way when there are more than the limit.
    fn bound_time_waits(&mut self, now: Instant) {
        while self.time_waits.len() > self.shared.limits.time_wait {
            let Some((_, oldest)) = self.time_waits.pop_first() else { return };
            let Some(socket) = self.sockets.get_mut(&oldest) else { continue };
            if let (Phase::TimeWait(_), Some(tuple)) = (&socket.phase, socket.tuple()) {
                let mut cx = self.shared.cx(now);
                cx.limit_hit(Some(oldest), Limit::TimeWait);
                tell_closed(
                    &mut cx,
                    oldest,
                    State::TimeWait,
                    Trigger::Limit,
                    Cause::Limit(Limit::TimeWait),
                    tuple,
                );
                socket.phase = Phase::Gone;
                self.touched.push_back(oldest);
            }
        }
    }

    /// A socket goes when its caller let go of it, or never had it, and TCP is done.
    fn release_if_over(&mut self, now: Instant, id: SocketId) {
        let Some(socket) = self.sockets.get(&id) else { return };
        let abandoned = socket.state == SocketState::Closed || matches!(socket.phase, Phase::Gone);
        let over = match &socket.phase {
            Phase::Connection(connection) => connection.is_closed(),
            Phase::Listener(_) | Phase::HalfOpen(_) | Phase::TimeWait(_) => false,
            Phase::Vanished => !self.vanished.contains(&id),
            Phase::Idle | Phase::Datagram(_) | Phase::Gone => true,
        };
        if abandoned && over && socket.parked.is_empty() {
            self.release(now, id);
        } else if matches!(socket.phase, Phase::Connection(ref c) if c.is_closed()) {
            // Held still, for what can be read from it; but its addresses are free.
            self.free_tuple(id);
        }
    }

    fn free_tuple(&mut self, id: SocketId) {
        if let Some(socket) = self.sockets.get(&id)
            && let Some(tuple) = socket.tuple()
        {
            self.demux.disconnect(socket.port_kind(), &tuple, id);
        }
    }

    /// Forgets a socket and gives back what it held.
    pub(super) fn release(&mut self, now: Instant, id: SocketId) {
        self.free_tuple(id);
        self.write_strays_of(now, id);
        self.rouse(id);
        let Some(socket) = self.sockets.remove(&id) else { return };
        if let Some(before) = socket.supersedes.get() {
            self.return_to_time_wait(before);
        }
        if let Some(since) = socket.frozen {
            self.time_waits.remove(&(since, id));
        }
        let kind = socket.port_kind();
        if let Some(local) = socket.local() {
            self.demux.unbind(kind, local, id);
            self.released_ports.extend(self.ports.release(kind, local, id));
        }
        if let Some(listener) = socket.listener.get()
            && let Some(Phase::Listener(listener)) = self.sockets.get_mut(&listener).map(|s| &mut s.phase)
        {
            listener.half_open.remove(&id);
            listener.accept_queue.retain(|child| *child != id);
        }
        for &Parked { op, .. } in &*socket.parked {
            self.parked.remove(&op);
            let result = Err(Errno::ECONNABORTED.into());
            self.completions.push_back(Completion { op, socket: id, result });
        }
        self.shared.cx(now).tell(id, EventKind::Released);
    }

    fn enqueue_ready(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        // One that is over has nothing to send; held for what can be read from it, it would queue up for ever.
        if !matches!(&socket.phase, Phase::Connection(c) if !c.is_closed()) {
            return self.timers.schedule(id, socket.next_timeout(), &mut socket.registered);
        }
        // Its timers follow when it has nothing more to send.
        if !core::mem::replace(&mut socket.in_ready_queue, true) {
            self.ready.push_back(id);
        }
        if !core::mem::replace(&mut socket.is_warm, true) {
            self.warm.push_back(id);
            self.cool_one();
        }
    }

    /// The connection that was touched longest ago gives back what it does not use now, where too many keep that. If it
    /// uses it still, the next touch brings it back here. Its timers do not come up early: by then it is far away.
    fn cool_one(&mut self) {
        if self.warm.len() <= WARM_MAX {
            return;
        }
        let Some(id) = self.warm.pop_front() else { return };
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        socket.is_warm = false;
        if let Phase::Connection(connection) = &mut socket.phase {
            connection.rest();
            self.timers.reschedule(id, connection.next_timeout(), &mut socket.registered);
        }
    }

    /// A socket's earliest timer is due.
    pub(super) fn on_socket_timeout(&mut self, now: Instant, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let mut cx = self.shared.cx(now);
        match &mut socket.phase {
            Phase::Connection(connection) => {
                connection.on_timeout(&mut cx);
                if connection.take_path_doubt() {
                    let remote = connection.tuple.remote().ip();
                    self.doubt_path(now, remote);
                }
            }
            Phase::HalfOpen(_) => self.on_half_open_timeout(now, id),
            Phase::TimeWait(record) => {
                let record = **record;
                let Some(owner) = socket.owner() else { return };
                let mut connection = Connection::thaw_time_wait(&record, owner, now);
                connection.on_timeout(&mut cx);
                socket.phase = Phase::Connection(Box::new(connection));
            }
            _ => {}
        }
        self.touch(id);
    }

    /// Nobody answered a SYN,ACK. Of that the path is no likelier cause than who forged the SYN.
    fn on_half_open_timeout(&mut self, now: Instant, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let (owner, mut cx) = (socket.owner(), self.shared.cx(now));
        let (Phase::HalfOpen(half), Some(owner)) = (&mut socket.phase, owner) else { return };
        if half.give_up_at <= now {
            let cause = Cause::Timer(TimerKind::UserTimeout);
            cx.tell_timer(id, TimerKind::UserTimeout, TimerAction::Fired);
            tell_closed(&mut cx, id, State::SynReceived, Trigger::GiveUpTimeout, cause, owner.tuple);
            socket.phase = Phase::Gone;
            return;
        }
        half.on_retransmit(&owner.options, now);
        let syn_ack = half.syn_ack(&owner, now);
        cx.tell_timer(id, TimerKind::Retransmit, TimerAction::Fired);
        cx.tell_timer(id, TimerKind::Retransmit, TimerAction::Started(half.retransmit_at));
        cx.retransmitted(id, syn_ack.seq, 0, RetransmissionReason::Timeout);
        cx.send_stray(syn_ack);
    }

    /// Gives a socket's answer to a linger or other wait. Used by `wake` for each kind of waiting call.
    pub(super) fn attempt(
        &mut self,
        now: Instant,
        id: SocketId,
        call: &mut Waiting,
    ) -> Option<Result<Reply, OpError>> {
        match call {
            Waiting::Accept => self.try_accept(id),
            Waiting::Connect => self.try_connected(id),
            Waiting::Send { data, urgent } => self.try_send(now, id, data, *urgent),
            Waiting::Recv { max, min, peek } => self.try_recv(now, id, *max, *min, *peek),
            Waiting::RecvFrom { max, peek } => self.try_recv_from(id, *max, *peek),
            Waiting::Close => self.try_closed(id),
        }
    }
}

/// The event of a record's end: records have no connection to tell it.
pub(super) fn tell_closed(
    cx: &mut Cx<'_>,
    id: SocketId,
    from: State,
    trigger: Trigger,
    cause: Cause,
    tuple: crate::tcp::cx::Tuple,
) {
    let to = from.after(trigger).unwrap_or(State::Closed);
    debug_assert_eq!(to, State::Closed, "{from} does not end on {trigger}");
    let timers: &[TimerKind] = match (from, trigger) {
        (State::TimeWait, _) => &[TimerKind::TimeWait],
        (_, Trigger::GiveUpTimeout) => &[TimerKind::Retransmit],
        _ => &[TimerKind::Retransmit, TimerKind::UserTimeout],
    };
    for &timer in timers {
        cx.tell_timer(id, timer, TimerAction::Stopped);
    }
    cx.tell(id, EventKind::TcpState { from, to, cause, local: tuple.local(), remote: Some(tuple.remote()) });
}

/// Sends what a thawed connection has to say, before it is frozen or thrown away. It never has data.
pub(super) fn flush_thawed(connection: &mut Connection, cx: &mut Cx<'_>) {
    while let Some(out) = connection.poll_segment_quietly(cx) {
        cx.send_stray(Stray {
            tuple: connection.tuple,
            socket: Some(connection.id),
            seq: out.seq,
            ack: out.ack,
            flags: out.flags,
            window: out.window,
            options: out.options,
            relative: Some(connection.relative_out()),
        });
    }
}
