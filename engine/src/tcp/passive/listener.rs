//! A listener: its two queues and their limits.
//!
//! A SYN makes a half-open connection here (SYN-RECEIVED); the ACK of the handshake moves it to the accept queue,
//! where it waits, open, for the user to accept it. No call takes part in the handshake.

use alloc::collections::{BTreeSet, VecDeque};

use crate::event::DropReason;
use crate::id::SocketId;
use crate::limits::{Limit, Limits};
use crate::tcp::config::SynCookies;
use crate::time::Instant;

/// The queues of a listener.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listener {
    /// Connections that may wait to be accepted.
    pub(crate) backlog: usize,
    /// Handshakes under way.
    pub(crate) half_open: BTreeSet<SocketId>,
    /// Connections waiting to be accepted, the oldest first.
    pub(crate) accept_queue: VecDeque<SocketId>,
    /// Connections that Fast Open opened, some of them still in SYN-RECEIVED: PendingFastOpenRequests.
    pub(crate) fast_open_pending: BTreeSet<SocketId>,
    /// SYNs and ACKs that found a queue full.
    pub(crate) overflows: u64,
    /// Until when acknowledgments may bring back a cookie.
    pub(crate) cookies_until: Option<Instant>,
}

impl Listener {
    pub(crate) fn new(backlog: usize) -> Self {
        Listener { backlog, ..Listener::default() }
    }

    /// Why another SYN cannot be taken, if it cannot. As in Linux, a full accept queue stops SYNs already.
    pub(crate) fn refuses_syn(&mut self, limits: &Limits) -> Option<(DropReason, Option<Limit>)> {
        let reason = if self.accept_queue.len() >= self.backlog {
            (DropReason::AcceptQueueFull, None)
        } else if self.half_open.len() >= limits.half_open {
            (DropReason::SynQueueFull, Some(Limit::HalfOpen))
        } else {
            return None;
        };
        self.overflows += 1;
        Some(reason)
    }

    /// Whether a SYN is answered with a cookie: `refused` is why it cannot be taken otherwise.
    //= https://www.rfc-editor.org/rfc/rfc4987#section-4
    //= type=exception
    //= reason=the default is to use them while the queue of handshakes is full, and else every SYN would be dropped then
    //# For these reasons, SYN cookies should not be enabled by default on
    //# systems that provide them.
    pub(crate) fn bakes(&self, cookies: SynCookies, refused: Option<DropReason>) -> bool {
        match (cookies, refused) {
            (SynCookies::Off, _) => false,
            (_, Some(reason)) => reason == DropReason::SynQueueFull,
            (SynCookies::WhenFull, None) => false,
            (SynCookies::Always, None) => true,
        }
    }

    /// Whether a finished handshake finds no place. The connection then stays half open, and its SYN,ACK goes again.
    pub(crate) fn refuses_connection(&mut self) -> bool {
        let full = self.accept_queue.len() >= self.backlog;
        self.overflows += u64::from(full);
        full
    }
}
