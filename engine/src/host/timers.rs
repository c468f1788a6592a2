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

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    const SOCKET: SocketId = SocketId(7);

    fn at(nanos: u64) -> Option<Instant> {
        Some(Instant::from_nanos(nanos))
    }

    /// An agenda with an entry of another socket, at 50, and one of [`SOCKET`], at 10.
    fn agenda() -> (Agenda, Option<Instant>) {
        let (mut agenda, mut registered) = (Agenda::default(), None);
        agenda.schedule(SocketId(8), at(50), &mut None);
        agenda.schedule(SOCKET, at(10), &mut registered);
        (agenda, registered)
    }

    fn entries(mut agenda: Agenda) -> Vec<(u64, SocketId)> {
        let next = || agenda.peek().inspect(|_| agenda.pop());
        core::iter::from_fn(next).map(|(at, socket)| (at.as_nanos(), socket)).collect()
    }

    #[test]
    fn a_deadline_that_moves_later_leaves_its_entry_where_it_is() {
        for (deadline, entry) in [(at(60), 10), (None, 10), (at(5), 5)] {
            let (mut agenda, mut registered) = agenda();
            agenda.schedule(SOCKET, deadline, &mut registered);
            assert_eq!(registered, at(entry));
            assert_eq!(entries(agenda), [(entry, SOCKET), (50, SocketId(8))]);
        }
    }

    #[test]
    fn the_entry_of_a_socket_at_rest_is_at_its_deadline() {
        for (deadline, expected) in [
            (at(60), vec![(50, SocketId(8)), (60, SOCKET)]),
            (at(10), vec![(10, SOCKET), (50, SocketId(8))]),
            (at(5), vec![(5, SOCKET), (50, SocketId(8))]),
            (None, vec![(50, SocketId(8))]),
        ] {
            let (mut agenda, mut registered) = agenda();
            agenda.reschedule(SOCKET, deadline, &mut registered);
            assert_eq!(registered, deadline);
            assert_eq!(entries(agenda), expected);
        }
    }
}
