//! The way in for a driver: a caller on the engine's own thread that moves octets through many sockets as fast as TCP
//! takes them.
//!
//! A call that parks costs its data, a completion, and a message to whoever waits. A driver is told instead that
//! something happened to a socket it watches, looks what, and moves octets in place: out of the receive buffer without
//! copying what it throws away, and into the send buffer from memory of its own.
//!
//! ```text
//! watch(socket, 7)       an ACK makes room -> poll_woken()      = (socket, 7)
//!                                             readiness(socket) = { writable: 65536, .. }
//!                                             send_slice(socket, octets) = 65536
//! ```
//!
//! Owns nothing of TCP: what a driver does is what `Send`, `Recv` and `GetInfo` do.

use core::num::NonZeroU64;

use super::socket::Phase;
use super::{Engine, Errno, OpError};
use crate::id::SocketId;
use crate::tcp::send::buffer::Given;
use crate::tcp::state::State;
use crate::time::Instant;

/// What a driver wants to know of a stream socket, cheap to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Its state.
    pub tcp_state: State,
    /// Octets that can be received now.
    pub readable: usize,
    /// No more come behind those.
    pub end_of_stream: bool,
    /// Octets that the send buffer has room for now; 0 where none may be sent.
    pub writable: usize,
    /// Octets that the peer acknowledged so far.
    pub acknowledged: u64,
    /// Segments that were sent again so far.
    pub retransmissions: u64,
    /// The error that ended the connection, if one did.
    pub error: Option<Errno>,
}

impl Engine {
    /// Watches a socket under a name of the caller's choice, in place of the one it was watched under before: it wakes
    /// up at once, with every input that touches it from now on, and when it is released. Whether there is such a socket.
    pub fn watch(&mut self, id: SocketId, token: NonZeroU64) -> bool {
        let Some(socket) = self.sockets.get_mut(&id) else { return false };
        socket.driver = Some(token);
        socket.is_driven = true;
        self.rouse(id);
        true
    }

    /// Has a socket that its driver lets go of keep a name, under which it wakes up no more.
    pub fn leave(&mut self, id: SocketId, token: NonZeroU64) {
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.driver = Some(token);
            socket.is_driven = false;
        }
    }

    /// The name that a socket is watched under, or was left with.
    pub fn watched_as(&self, id: SocketId) -> Option<NonZeroU64> {
        self.sockets.get(&id)?.driver
    }

    /// The next socket that woke up, and its name: once, however much happened to it. It need not be there any more. This
    /// is no output that has to be drained before the next input.
    pub fn poll_woken(&mut self) -> Option<(SocketId, NonZeroU64)> {
        let (id, mut token) = self.woken.pop_front()?;
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.is_woken = false;
            token = socket.driver.unwrap_or(token);
        }
        Some((id, token))
    }

    /// Whether a socket woke up.
    pub fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    /// What a stream socket is ready for; `None` where there is none. A socket without a connection is ready for
    /// nothing.
    pub fn readiness(&self, id: SocketId) -> Option<Readiness> {
        let socket = self.sockets.get(&id)?;
        Some(match &socket.phase {
            Phase::Connection(connection) => connection.readiness(),
            _ => Readiness {
                tcp_state: socket.tcp_state()?,
                readable: 0,
                end_of_stream: false,
                writable: 0,
                acknowledged: 0,
                retransmissions: 0,
                error: None,
            },
        })
    }

    /// Puts as much of `data` at the end of the send buffer as fits, and says how much: `Send` that never waits and
    /// takes nothing over. 0 octets: there is no room, or the handshake is not over. Errors: those of `Send`.
    pub fn send_slice(&mut self, now: Instant, id: SocketId, data: &[u8]) -> Result<usize, OpError> {
        self.send_given(now, id, Given::Lent(data))
    }

    /// As [`Engine::send_slice`], of octets that are always there: they are not copied before they leave.
    pub fn send_static(&mut self, now: Instant, id: SocketId, data: &'static [u8]) -> Result<usize, OpError> {
        self.send_given(now, id, Given::Static(data))
    }

    fn send_given(&mut self, now: Instant, id: SocketId, data: Given<'_>) -> Result<usize, OpError> {
        self.begin_input();
        self.open_socket(id)?;
        let result = match self.sockets.get_mut(&id).map(|socket| &mut socket.phase) {
            Some(Phase::Connection(connection)) => {
                connection.send(&mut self.shared.cx(now), data, false).unwrap_or(Ok(0))
            }
            _ => Err(Errno::ENOTCONN),
        };
        self.touch(id);
        self.settle(now);
        Ok(result?)
    }

    /// Takes up to `max` octets out of the receive buffer, shows them to `take` where they lie, in at most a few pieces,
    /// and says how many they were: `Recv` that never waits and copies nothing. Errors: `EBADF`, `ENOTCONN`; what ended
    /// the connection is told by [`Engine::readiness`].
    pub fn recv_with(
        &mut self,
        now: Instant,
        id: SocketId,
        max: usize,
        mut take: impl FnMut(&[u8]),
    ) -> Result<usize, OpError> {
        self.begin_input();
        self.open_socket(id)?;
        let Some(Phase::Connection(connection)) = self.sockets.get_mut(&id).map(|socket| &mut socket.phase)
        else {
            return Err(Errno::ENOTCONN.into());
        };
        let taken = connection.recv_with(&mut self.shared.cx(now), max, &mut take);
        self.touch(id);
        self.settle(now);
        Ok(taken)
    }

    /// Something happened to a socket.
    pub(super) fn rouse(&mut self, id: SocketId) {
        if let Some(socket) = self.sockets.get_mut(&id)
            && socket.is_driven
            && let Some(token) = socket.driver
            && !core::mem::replace(&mut socket.is_woken, true)
        {
            self.woken.push_back((id, token));
        }
    }
}
