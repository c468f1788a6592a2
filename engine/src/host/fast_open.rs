//! TCP Fast Open at a listener (RFC 7413 §4.2): which SYN opens a connection at once, and who gets a cookie.

use alloc::boxed::Box;

use super::Engine;
use super::socket::Phase;
use crate::event::EventKind;
use crate::id::SocketId;
use crate::limits::Limit;
use crate::tcp::connection::Connection;
use crate::tcp::cx::Tuple;
use crate::tcp::fast_open::Path;
use crate::tcp::state::State;
use crate::time::Instant;
use crate::wire::{FastOpenCookie, TcpSegment};

/// What a listener does about the Fast Open option of a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing.
    Ignore,
    /// The handshake is the usual one, and its SYN,ACK brings this cookie.
    Give(FastOpenCookie),
    /// The cookie is good: data is taken, and the user served, at once.
    Open,
}

impl Engine {
    /// How the listener `id`, whose option `fast_open` is on, answers `syn`.
    //= https://www.rfc-editor.org/rfc/rfc7413#section-4.2
    //# PendingFastOpenRequests: tracks the number of TFO connections in SYN-
    //# RCVD state.  If this variable goes over a preset system limit, the
    //# server MUST disable TFO for all new connection requests until
    //# PendingFastOpenRequests drops below the system limit.
    pub(super) fn answer_fast_open(
        &mut self,
        now: Instant,
        id: SocketId,
        tuple: Tuple,
        syn: &TcpSegment<'_>,
    ) -> Answer {
        let Some(cookie) = syn.options.fast_open else { return Answer::Ignore };
        if self.fast_open_pending(id) >= self.shared.limits.fast_open_pending {
            self.shared.cx(now).limit_hit(Some(id), Limit::FastOpenPending);
            return Answer::Ignore;
        }
        let path = Path { local: tuple.local().ip(), remote: tuple.remote().ip() };
        if self.fast_open.is_valid(now, path, cookie) {
            Answer::Open
        } else {
            Answer::Give(self.fast_open.cookie(now, path))
        }
    }

    /// Opens the connection of `child`, whose record stands, at once: its user takes the data of `syn` and may answer before
    /// the handshake is over.
    pub(super) fn open_fast(&mut self, now: Instant, id: SocketId, child: SocketId, syn: &TcpSegment<'_>) {
        let Some(socket) = self.sockets.get_mut(&child) else { return };
        let (Phase::HalfOpen(half), Some(owner)) = (&socket.phase, socket.owner()) else { return };
        let connection = Connection::open_fast_from(&mut self.shared.cx(now), half, owner, syn);
        socket.phase = Phase::Connection(Box::new(connection));
        let Some(Phase::Listener(listener)) = self.sockets.get_mut(&id).map(|s| &mut s.phase) else { return };
        listener.half_open.remove(&child);
        listener.fast_open_pending.insert(child);
        listener.accept_queue.push_back(child);
        let queued = listener.accept_queue.len() as u32;
        self.shared.cx(now).tell(id, EventKind::AcceptReady { child, queued });
        self.touch(child);
        self.touch(id);
    }

    /// How many connections that Fast Open opened at the listener are in SYN-RECEIVED.
    fn fast_open_pending(&mut self, id: SocketId) -> usize {
        let Some(Phase::Listener(listener)) = self.sockets.get_mut(&id).map(|s| &mut s.phase) else {
            return 0;
        };
        let mut pending = core::mem::take(&mut listener.fast_open_pending);
        pending.retain(|child| {
            self.sockets.get(child).is_some_and(|child| child.tcp_state() == Some(State::SynReceived))
        });
        let count = pending.len();
        if let Some(Phase::Listener(listener)) = self.sockets.get_mut(&id).map(|s| &mut s.phase) {
            listener.fast_open_pending = pending;
        }
        count
    }
}
