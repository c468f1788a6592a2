//! Ends: shutdown, close, abort, vanish.

use super::*;
use crate::event::Cause;
use crate::host::op::ShutdownHow;
use crate::host::settle::tell_closed;
use crate::tcp::cx::Tuple;
use crate::tcp::state::{State, Trigger};

impl Engine {
    pub(super) fn shutdown(
        &mut self,
        now: Instant,
        id: SocketId,
        how: ShutdownHow,
    ) -> Result<Reply, OpError> {
        let (read, write) = match how {
            ShutdownHow::Read => (true, false),
            ShutdownHow::Write => (false, true),
            ShutdownHow::Both => (true, true),
        };
        let socket = self.open_socket(id)?;
        if !matches!(socket.current_state(), SocketState::Connecting | SocketState::Connected) {
            return Err(socket.refusal(Errno::ENOTCONN, Errno::ENOTCONN.meaning()));
        }
        let Some(socket) = self.sockets.get_mut(&id) else { return Err(Errno::EBADF.into()) };
        match &mut socket.phase {
            Phase::Connection(connection) => {
                if read {
                    connection.shutdown_read();
                }
                if write {
                    connection.shutdown_write(&mut self.shared.cx(now), Call::Shutdown);
                }
            }
            Phase::Datagram(queue) => {
                queue.shut_read |= read;
                queue.shut_write |= write;
            }
            _ => return Err(Errno::ENOTCONN.into()),
        }
        let tcp_state = socket.tcp_state();
        self.touch(id);
        Ok(Reply::State { tcp_state })
    }

    /// Lets go of a socket; `None`: it lingers.
    pub(super) fn close(&mut self, now: Instant, id: SocketId) -> Attempt {
        let socket = match self.open_socket(id) {
            Ok(socket) => socket,
            Err(error) => return Some(Err(error)),
        };
        let linger = socket.options.linger;
        if linger.is_some_and(|time| time.is_zero()) && matches!(socket.phase, Phase::Connection(_)) {
            return Some(
                self.abort(now, id, Call::Close).map(|_| Reply::State { tcp_state: Some(State::Closed) }),
            );
        }
        self.abandon_calls(id, &[Call::Accept, Call::Connect, Call::Send, Call::Recv, Call::RecvFrom]);
        self.close_listener(now, id, Call::Close);
        let mut waits = false;
        if let Some(socket) = self.sockets.get_mut(&id) {
            let mut cx = self.shared.cx(now);
            if let Phase::Connection(connection) = &mut socket.phase {
                connection.close(&mut cx);
                if let Some(time) = linger
                    && !connection.all_acknowledged()
                {
                    connection.linger(&mut cx, time);
                    waits = true;
                }
            }
        }
        let reply = self.let_go(now, id);
        (!waits).then_some(Ok(reply))
    }

    /// The caller has it no more.
    fn let_go(&mut self, now: Instant, id: SocketId) -> Reply {
        let Some(socket) = self.sockets.get_mut(&id) else { return Reply::State { tcp_state: None } };
        let from = core::mem::replace(&mut socket.state, SocketState::Closed);
        if from != SocketState::Closed {
            self.shared.cx(now).tell(id, EventKind::SocketState { from, to: SocketState::Closed });
        }
        let tcp_state = socket.tcp_state();
        self.touch(id);
        Reply::State { tcp_state }
    }

    /// What a lingering `close` waits for: everything acknowledged, or the time over.
    pub(in crate::host) fn try_closed(&mut self, id: SocketId) -> Attempt {
        let socket = self.sockets.get(&id)?;
        if let Phase::Connection(connection) = &socket.phase
            && !connection.all_acknowledged()
            && connection.is_lingering()
        {
            return None;
        }
        Some(Ok(Reply::State { tcp_state: socket.tcp_state() }))
    }

    pub(super) fn abort(&mut self, now: Instant, id: SocketId, call: Call) -> Result<Reply, OpError> {
        // A connection that nobody accepted, or that its caller closed, may be aborted too.
        let socket = self.sockets.get_mut(&id).ok_or(Errno::EBADF)?;
        let (owner, mut cx) = (socket.owner(), self.shared.cx(now));
        match (&mut socket.phase, owner) {
            (Phase::Connection(connection), _) => connection.abort(&mut cx, call),
            (Phase::HalfOpen(half), Some(owner)) => {
                let mut reset = half.syn_ack(&owner, now);
                reset.seq += 1;
                reset.flags = crate::wire::Flags::RST | crate::wire::Flags::ACK;
                reset.window = 0;
                reset.options = crate::wire::TcpOptions::NONE;
                cx.send_stray(reset);
                tell_closed(&mut cx, id, State::SynReceived, Trigger::Abort, Cause::Call(call), owner.tuple);
                socket.phase = Phase::Gone;
            }
            (Phase::TimeWait(_), Some(owner)) => {
                tell_closed(&mut cx, id, State::TimeWait, Trigger::Abort, Cause::Call(call), owner.tuple);
                socket.phase = Phase::Gone;
            }
            // Its silence ends, too.
            (Phase::Vanished, _) => {
                socket.phase = Phase::Gone;
                self.vanished.retain(|vanished| *vanished != id);
            }
            _ => {}
        }
        self.finish(now, id, call);
        Ok(Reply::Done)
    }

    /// Forgets a connection and sends nothing, now or in answer to what still comes.
    pub(super) fn vanish(&mut self, now: Instant, id: SocketId) -> Result<Reply, OpError> {
        let socket = self.sockets.get_mut(&id).ok_or(Errno::EBADF)?;
        let mut cx = self.shared.cx(now);
        let (call, tuple) = (Call::Vanish, socket.tuple());
        let silent = match (&mut socket.phase, tuple) {
            (Phase::Connection(connection), _) => {
                let alive = !connection.is_closed();
                connection.vanish(&mut cx);
                alive
            }
            (Phase::HalfOpen(_), Some(tuple)) => {
                tell_closed(&mut cx, id, State::SynReceived, Trigger::Abort, Cause::Call(call), tuple);
                true
            }
            (Phase::TimeWait(_), Some(tuple)) => {
                tell_closed(&mut cx, id, State::TimeWait, Trigger::Abort, Cause::Call(call), tuple);
                true
            }
            _ => false,
        };
        if !silent {
            self.finish(now, id, call);
            return Ok(Reply::Done);
        }
        self.leave_listener(id);
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.phase = Phase::Vanished;
            socket.held = true;
        }
        self.vanished.push_back(id);
        if self.vanished.len() > self.shared.limits.vanished
            && let Some(oldest) = self.vanished.pop_front()
        {
            self.shared.cx(now).limit_hit(Some(oldest), Limit::Vanished);
            self.touched.push_back(oldest);
        }
        self.abandon_calls(id, &ALL_WAITING);
        self.let_go(now, id);
        Ok(Reply::Done)
    }

    /// The end of a socket that has nothing more to do.
    fn finish(&mut self, now: Instant, id: SocketId, call: Call) {
        self.abandon_calls(id, &ALL_WAITING);
        self.close_listener(now, id, call);
        self.leave_listener(id);
        if let Some(socket) = self.sockets.get_mut(&id)
            && let Phase::Connection(connection) = &mut socket.phase
        {
            connection.close(&mut self.shared.cx(now));
        }
        self.let_go(now, id);
    }

    /// A child that is no more leaves its listener's queues.
    fn leave_listener(&mut self, id: SocketId) {
        let Some(listener) = self.sockets.get(&id).and_then(|socket| socket.listener.get()) else { return };
        if let Some(Phase::Listener(queues)) = self.sockets.get_mut(&listener).map(|s| &mut s.phase) {
            queues.half_open.remove(&id);
            queues.accept_queue.retain(|child| *child != id);
        }
    }

    /// A listener's end: handshakes under way are forgotten, as in Linux; connections that nobody accepted are reset.
    fn close_listener(&mut self, now: Instant, id: SocketId, call: Call) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if !matches!(socket.phase, Phase::Listener(_)) {
            return;
        }
        let Phase::Listener(listener) = core::mem::replace(&mut socket.phase, Phase::Gone) else { return };
        let (local, kind) = (socket.local(), socket.port_kind());
        if let Some(local) = local {
            self.demux.unbind(kind, local, id);
            let (from, to) = (State::Listen, State::Closed);
            self.shared
                .cx(now)
                .tell(id, EventKind::TcpState { from, to, cause: Cause::Call(call), local, remote: None });
        }
        for child in listener.half_open {
            if call == Call::Vanish {
                let vanished = self.vanish(now, child);
                debug_assert!(vanished.is_ok(), "a child that is not there");
                continue;
            }
            let Some(socket) = self.sockets.get_mut(&child) else { continue };
            let Some(tuple) = socket.tuple() else { continue };
            socket.phase = Phase::Gone;
            self.end_child(now, child, tuple, call);
        }
        for child in listener.accept_queue {
            let ended =
                if call == Call::Vanish { self.vanish(now, child) } else { self.abort(now, child, call) };
            debug_assert!(ended.is_ok(), "a child that is not there");
        }
    }

    fn end_child(&mut self, now: Instant, child: SocketId, tuple: Tuple, call: Call) {
        let mut cx = self.shared.cx(now);
        tell_closed(&mut cx, child, State::SynReceived, Trigger::Abort, Cause::Call(call), tuple);
        self.touch(child);
    }

    /// Ends the waiting calls of these kinds with ECONNABORTED.
    fn abandon_calls(&mut self, id: SocketId, calls: &[Call]) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if socket.parked.is_empty() {
            return;
        }
        let (abandoned, kept): (alloc::vec::Vec<_>, _) = core::mem::take(&mut *socket.parked)
            .into_iter()
            .partition(|parked| calls.contains(&parked.call.call()));
        *socket.parked = kept;
        socket.parked.rest();
        for Parked { op, .. } in abandoned {
            self.parked.remove(&op);
            let result = Err(Errno::ECONNABORTED.into());
            self.completions.push_back(Completion { op, socket: id, result });
        }
    }
}

const ALL_WAITING: [Call; 6] =
    [Call::Accept, Call::Connect, Call::Send, Call::Recv, Call::RecvFrom, Call::Close];
