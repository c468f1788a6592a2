//! The socket calls.
//!
//! Each is tried at once; one that has to wait parks, and is tried again whenever its socket was touched (`settle.rs`).
//! Of two waiting calls of one kind the earlier goes first, so that bytes and connections keep their order.

mod data;
mod names;
mod open;
mod shut;

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::config::PortKind;
use super::op::{Call, Completion, Family, Outcome, Reply, Request, SocketKind, SocketState, Wait};
use super::socket::{Parked, Phase, Socket, Waiting};
use super::{Engine, Errno, OpError, initial_phase};
use crate::event::EventKind;
use crate::id::{OpId, SessionId, SocketId};
use crate::limits::Limit;
use crate::tcp::config::{Options, OptionsPatch};
use crate::time::Instant;

/// A call's end, or `None` where it has to wait.
type Attempt = Option<Result<Reply, OpError>>;

impl Engine {
    /// Carries out a call, or parks it under `op`.
    pub fn handle_op(&mut self, now: Instant, op: OpId, request: Request) -> Outcome {
        self.begin_input();
        let outcome = self.start_op(now, op, request);
        self.settle(now);
        // What settling finished at once was, for the caller, never parked.
        if outcome == Outcome::Parked
            && let Some(at) = self.completions.iter().position(|completion| completion.op == op)
            && let Some(Completion { result, .. }) = self.completions.remove(at)
        {
            return Outcome::Done(result);
        }
        outcome
    }

    /// Ends the wait of a parked call, and nothing else. No completion follows.
    pub fn cancel_op(&mut self, now: Instant, op: OpId) {
        self.begin_input();
        let Some(id) = self.parked.remove(&op) else { return };
        if let Some(socket) = self.sockets.get_mut(&id) {
            if let Some(parked) = socket.parked.awake() {
                parked.retain(|parked| parked.op != op);
            }
            socket.parked.rest();
            self.touch(id);
            self.settle(now);
        }
    }

    /// Takes back what Accept, Recv or RecvFrom gave and nobody received: a connection to the front of the accept queue,
    /// bytes to the front of the buffer. Replies of other calls are ignored.
    pub fn restore(&mut self, now: Instant, socket: SocketId, reply: Reply) {
        self.begin_input();
        self.take_back(now, socket, reply);
        self.touch(socket);
        self.settle(now);
    }

    fn start_op(&mut self, now: Instant, op: OpId, request: Request) -> Outcome {
        let done = match request {
            Request::Create { kind, family, session, label, options } => {
                self.create(now, kind, family, session, label, &options)
            }
            Request::Bind { socket, local } => self.bind(now, socket, local),
            Request::Listen { socket, backlog } => self.listen(now, socket, backlog),
            Request::Accept { socket, wait } => return self.wait_for(now, op, socket, Waiting::Accept, wait),
            Request::Connect { socket, remote, data, wait } => {
                match self.connect(now, socket, remote, &data, wait) {
                    Some(result) => result,
                    None => return self.wait_for(now, op, socket, Waiting::Connect, wait),
                }
            }
            Request::Send { socket, data, urgent, wait } => {
                return self.wait_for(now, op, socket, Waiting::Send { data, urgent }, wait);
            }
            Request::Recv { socket, max, min, peek, wait } => {
                return self.wait_for(now, op, socket, Waiting::Recv { max, min, peek }, wait);
            }
            Request::SendTo { socket, remote, data } => self.send_to(now, socket, remote, &data),
            Request::RecvFrom { socket, max, peek, wait } => {
                return self.wait_for(now, op, socket, Waiting::RecvFrom { max, peek }, wait);
            }
            Request::Shutdown { socket, how } => self.shutdown(now, socket, how),
            Request::Close { socket } => match self.close(now, socket) {
                Some(result) => result,
                None => return self.park(now, op, socket, Waiting::Close),
            },
            Request::Abort { socket } => self.abort(now, socket, Call::Abort),
            Request::Vanish { socket } => self.vanish(now, socket),
            Request::Reassign { socket, session } => self.reassign(socket, session),
            Request::SetOptions { socket, options } => self.set_options(now, socket, &options),
        };
        Outcome::Done(done)
    }

    /// Tries a call that may have to wait, behind those that wait already.
    fn wait_for(&mut self, now: Instant, op: OpId, id: SocketId, mut call: Waiting, wait: Wait) -> Outcome {
        let socket = match self.open_socket(id) {
            Ok(socket) => socket,
            Err(error) => return Outcome::Done(Err(error)),
        };
        let queued = socket.parked.iter().any(|parked| parked.call.call() == call.call());
        if !queued && let Some(result) = self.attempt(now, id, &mut call) {
            self.touch(id);
            return Outcome::Done(result);
        }
        match (wait, &call) {
            (Wait::Park, _) => self.park(now, op, id, call),
            (Wait::Never, Waiting::Connect) => Outcome::Done(Err(Errno::EINPROGRESS.into())),
            (Wait::Never, _) => Outcome::Done(Err(Errno::EAGAIN.into())),
        }
    }

    fn park(&mut self, now: Instant, op: OpId, id: SocketId, call: Waiting) -> Outcome {
        let limit = self.shared.limits.parked_calls;
        let Some(socket) = self.sockets.get_mut(&id) else { return Outcome::Done(Err(Errno::EBADF.into())) };
        if socket.parked.len() >= limit {
            self.shared.cx(now).limit_hit(Some(id), Limit::ParkedCalls);
            return Outcome::Done(Err(Errno::ENOBUFS.into()));
        }
        socket.parked.push(Parked { op, call });
        self.parked.insert(op, id);
        self.touch(id);
        Outcome::Parked
    }

    /// The socket, if a caller has it and has not closed it.
    pub(in crate::host) fn open_socket(&mut self, id: SocketId) -> Result<&mut Socket, OpError> {
        let socket = self.sockets.get_mut(&id).ok_or(Errno::EBADF)?;
        let detail = if !socket.held {
            "The connection has not been accepted."
        } else if socket.state == SocketState::Closed {
            "The socket was closed by its caller."
        } else {
            return Ok(socket);
        };
        Err(OpError { errno: Errno::EBADF, state: socket.tcp_state(), detail: Some(detail) })
    }

    fn create(
        &mut self,
        now: Instant,
        kind: SocketKind,
        family: Family,
        session: SessionId,
        label: Box<str>,
        patch: &OptionsPatch,
    ) -> Result<Reply, OpError> {
        let v4 = family == Family::V4;
        if !self.interfaces.iter().flat_map(|i| &i.addresses).any(|(ip, _)| ip.is_ipv4() == v4) {
            return Err(OpError {
                detail: Some("The stack has no address of that family."),
                ..Errno::EAFNOSUPPORT.into()
            });
        }
        let options = patched(patch, &self.defaults, family)?;
        let options = if options == *self.defaults { self.defaults.clone() } else { options.into() };
        if self.sockets.len() >= self.shared.limits.sockets {
            self.shared.cx(now).limit_hit(None, Limit::Sockets);
            return Err(Errno::EMFILE.into());
        }
        let id = self.ids.next_socket();
        let socket = Socket {
            id,
            session,
            label: label.clone(),
            kind,
            family,
            state: SocketState::Unbound,
            options,
            local: None,
            remote: None,
            listener: Default::default(),
            opened: now,
            error: None,
            held: true,
            phase: initial_phase(kind),
            parked: Default::default(),
            driver: None,
            is_driven: false,
            is_woken: false,
            supersedes: Default::default(),
            frozen: None,
            in_ready_queue: false,
            is_warm: false,
            registered: None,
        };
        self.sockets.insert(id, Box::new(socket));
        self.shared.cx(now).tell(id, EventKind::Opened { kind, family, session, label, listener: None });
        Ok(Reply::Created { socket: id })
    }

    fn set_options(&mut self, now: Instant, id: SocketId, patch: &OptionsPatch) -> Result<Reply, OpError> {
        let socket = self.open_socket(id)?;
        let begun = !matches!(socket.phase, Phase::Idle | Phase::Listener(_) | Phase::Datagram(_));
        if begun && patch.needs_no_connection() {
            return Err(OpError {
                errno: Errno::EISCONN,
                state: socket.tcp_state(),
                detail: Some("This option has to be set before the connection exists."),
            });
        }
        let options: Arc<Options> = patched(patch, &socket.options, socket.family)?.into();
        socket.options = options.clone();
        // As in `bind`: two datagram sockets of one address could not both receive.
        if let (Some(local), SocketKind::Stream) = (socket.local(), socket.kind) {
            self.ports.set_reuse(PortKind::Tcp, local.port(), id, options.reuse_address);
        }
        if let Some(Phase::Connection(connection)) = self.sockets.get_mut(&id).map(|socket| &mut socket.phase)
        {
            connection.set_options(&mut self.shared.cx(now), options);
        }
        self.touch(id);
        Ok(Reply::Done)
    }

    fn reassign(&mut self, id: SocketId, session: SessionId) -> Result<Reply, OpError> {
        let socket = self.sockets.get_mut(&id).ok_or(Errno::EBADF)?;
        socket.session = session;
        Ok(Reply::Done)
    }
}

fn patched(patch: &OptionsPatch, options: &Options, family: Family) -> Result<Options, OpError> {
    if family == Family::V6 && patch.ip_options.is_some_and(|options| !options.is_empty()) {
        return Err(OpError { detail: Some("ip_options are of IPv4."), ..Errno::EINVAL.into() });
    }
    patch.apply(options).map_err(|out| OpError { detail: Some(out.sentence), ..Errno::EINVAL.into() })
}
