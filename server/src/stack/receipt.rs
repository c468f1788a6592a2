//! What a call gave, until somebody has it: a cancelled `Accept` loses no connection, a cancelled `Recv` no byte.
//!
//! A result travels from the engine's thread through a oneshot to a future, and from there into the body of a
//! response. Wherever on this way its receiver is dropped, the [`Receipt`] that travels with it sends the result back,
//! and the engine puts it in front of its queue again ([`Engine::restore`]). Once the response's octets are in HTTP/2's
//! hands it is [settled](Receipt::settle).
//!
//! ```text
//! engine thread ── oneshot ──> handler ── response ──> body ──> HTTP/2
//!       ^             │           │           │          │
//!       └─ restore ───┴───────────┴───────────┘          └─ settle
//! ```
//!
//! [`Engine::restore`]: sockwright_engine::host::Engine::restore

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use sockwright_engine::host::op::Reply;
use sockwright_engine::id::SocketId;
use sockwright_sim::StackId;

use super::command::Command;
use super::handle::Urgent;

/// A result that goes back where it came from unless it is settled.
#[derive(Debug, Default)]
pub(crate) struct Receipt(Option<Held>);

#[derive(Debug)]
struct Held {
    back: GiveBack,
    socket: SocketId,
    stack: StackId,
    turn: Option<Arc<Turn>>,
    urgent: Urgent,
}

/// The part of a reply that must not be lost.
#[derive(Debug)]
enum GiveBack {
    Reply(Reply),
    /// The octets are shared with the response, so that the usual way costs no copy.
    Received {
        data: Bytes,
        end_of_stream: bool,
    },
}

/// Whether what a call gave was taken out of the socket.
#[derive(Debug)]
pub(super) enum Taken {
    /// It was, in this turn where there is one.
    Out(Option<Arc<Turn>>),
    /// It is still there.
    Peeked,
}

/// A reply on its way to a handler, with its receipt.
#[derive(Debug)]
pub(crate) struct Given {
    /// What the engine gave. `Received` has its octets in `data`.
    pub(crate) reply: Reply,
    /// The octets of a `Received` or `ReceivedFrom`.
    pub(crate) data: Bytes,
    /// To be settled when the client has it.
    pub(crate) receipt: Receipt,
}

impl Receipt {
    /// The client has it.
    pub(crate) fn settle(mut self) {
        if let Some(held) = self.0.take()
            && let Some(turn) = held.turn
            && turn.end()
        {
            held.urgent.send(Command::TurnOver { socket: held.socket, turn });
        }
    }

    /// Whether there is nothing to give back.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Splits `reply` into what the handler works with and the receipt for it.
    pub(super) fn issue(
        mut reply: Reply,
        socket: SocketId,
        stack: StackId,
        taken: Taken,
        urgent: Urgent,
    ) -> Given {
        let mut data = Bytes::new();
        let (taken, turn) = match taken {
            Taken::Out(turn) => (true, turn),
            Taken::Peeked => (false, None),
        };
        let back = match &mut reply {
            Reply::Received { data: octets, end_of_stream, urgent: _ } => {
                data = Bytes::from(std::mem::take(octets));
                taken.then(|| GiveBack::Received { data: data.clone(), end_of_stream: *end_of_stream })
            }
            Reply::ReceivedFrom { data: octets, .. } => {
                data = Bytes::copy_from_slice(octets);
                taken.then(|| GiveBack::Reply(reply.clone()))
            }
            Reply::Accepted { .. } | Reply::Created { .. } => Some(GiveBack::Reply(reply.clone())),
            _ => None,
        };
        let receipt = Receipt(back.map(|back| Held { back, socket, stack, turn, urgent }));
        Given { reply, data, receipt }
    }
}

/// Nobody took it.
impl Drop for Receipt {
    fn drop(&mut self) {
        let Some(Held { back, socket, stack, turn, urgent }) = self.0.take() else { return };
        let reply = match back {
            GiveBack::Reply(reply) => reply,
            GiveBack::Received { data, end_of_stream } => {
                // How much is urgent follows from the octets once they are back.
                Reply::Received { data: data.into(), end_of_stream, urgent: 0 }
            }
        };
        urgent.send(Command::Restore { stack, socket, reply, turn });
    }
}

/// One receiver's turn at a socket, from the moment it was given something until that is settled.
///
/// The engine's thread looks at it when the next `Recv` comes, so that the usual case, settled long before, costs no
/// message.
#[derive(Debug, Default)]
pub(crate) struct Turn(AtomicU8);

impl Turn {
    /// It is over. Whether the engine's thread waits to be told so.
    fn end(&self) -> bool {
        self.0.swap(OVER, Ordering::AcqRel) == AWAITED
    }

    /// Whether it is over; if not, its end will be told by [`Command::TurnOver`] or [`Command::Restore`].
    pub(super) fn is_over_or_await(&self) -> bool {
        self.0.compare_exchange(RUNNING, AWAITED, Ordering::AcqRel, Ordering::Acquire) == Err(OVER)
    }
}

const RUNNING: u8 = 0;
const AWAITED: u8 = 1;
const OVER: u8 = 2;
