//! When each socket wants to be looked at: one entry a socket, the earliest first.
//!
//! A deadline that moves later leaves its entry where it is: when that comes up, it is seen to be early and moves. So the
//! timers that are set anew with every segment cost nothing. Of a socket that has nothing more to do for now the entry
//! moves at once: to look at the socket again, when much else happened meanwhile, costs more.

use alloc::collections::BTreeSet;

use crate::id::SocketId;
use crate::time::Instant;

/// The entries.
#[derive(Debug, Default)]
pub(crate) struct Agenda(BTreeSet<(Instant, SocketId)>);

impl Agenda {
    /// Sees to it that the socket's entry, at `registered` if it has one, is at or before `deadline`.
    pub(crate) fn schedule(
        &mut self,
        socket: SocketId,
        deadline: Option<Instant>,
        registered: &mut Option<Instant>,
    ) {
        if let Some(deadline) = deadline
            && registered.is_none_or(|at| deadline < at)
        {
            if let Some(at) = registered.replace(deadline) {
                self.0.remove(&(at, socket));
            }
            self.0.insert((deadline, socket));
        }
    }

    /// Sees to it that the socket's entry, at `registered` if it has one, is at `deadline`, or that there is none.
    pub(crate) fn reschedule(
        &mut self,
        socket: SocketId,
        deadline: Option<Instant>,
        registered: &mut Option<Instant>,
    ) {
        if *registered != deadline
            && let Some(at) = registered.take()
        {
            self.0.remove(&(at, socket));
        }
        self.schedule(socket, deadline, registered);
    }

    /// The earliest entry.
    pub(crate) fn peek(&self) -> Option<(Instant, SocketId)> {
        self.0.first().copied()
    }

    /// Takes out the earliest entry.
    pub(crate) fn pop(&mut self) {
        self.0.pop_first();
    }
}
