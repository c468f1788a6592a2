//! The timer heap: when each socket wants to be looked at.
//!
//! A deadline that moves later costs nothing until the old one comes up; one that moves earlier is pushed beside it.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

use crate::id::SocketId;
use crate::time::Instant;

/// The heap.
#[derive(Debug, Default)]
pub(crate) struct TimerHeap(BinaryHeap<Reverse<(Instant, SocketId)>>);

impl TimerHeap {
    /// Sees to it that the heap has an entry at or before `deadline`; `registered` is the socket's earliest.
    pub(crate) fn schedule(
        &mut self,
        socket: SocketId,
        deadline: Option<Instant>,
        registered: &mut Option<Instant>,
    ) {
        if let Some(deadline) = deadline
            && registered.is_none_or(|at| deadline < at)
        {
            *registered = Some(deadline);
            self.0.push(Reverse((deadline, socket)));
        }
    }

    /// The earliest entry.
    pub(crate) fn peek(&self) -> Option<(Instant, SocketId)> {
        self.0.peek().map(|Reverse(entry)| *entry)
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }
}
