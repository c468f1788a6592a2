//! Calls on sockets: when they are made, while they wait, and how they end.
//!
//! ```text
//! Call -> its turn to receive? -- no: held --> made -> done at once, or parked until its completion -> answered
//! ```

use sockwright_engine::host::op::{Completion, Outcome, Reply, Request};
use sockwright_engine::host::{Errno, OpError};
use sockwright_engine::id::{OpId, SocketId};
use sockwright_sim::StackId;
use tokio::sync::oneshot;

use super::{OWN_CALL, Thread};
use crate::hub::Claim;
use crate::stack::command::{Answer, At, Call, Kept};
use crate::stack::handle::socket_of;
use crate::stack::order::{Admission, peeks_at, receives_from};
use crate::stack::receipt::{Receipt, Taken};
use crate::stack::site::Site;

/// A call that waits for its completion.
pub(super) struct Parked {
    stack: StackId,
    socket: Option<SocketId>,
    receives: bool,
    answer: oneshot::Sender<Answer>,
    /// Room for the connection that it waits for.
    claim: Option<Claim>,
}

impl<S: Site> Thread<S> {
    /// Makes a call, or holds it until it is its turn.
    pub(super) fn call(&mut self, call: Call) {
        if call.answer.is_closed() {
            return;
        }
        let admission = match (receives_from(&call.request), peeks_at(&call.request)) {
            (Some(socket), _) => self.order.admit(socket, call, RECEIVERS_HELD),
            (_, Some(socket)) => self.order.admit_peek(socket, call, RECEIVERS_HELD),
            (None, None) => Admission::Go(call),
        };
        match admission {
            Admission::Go(call) => self.make(call),
            Admission::Held => {}
            Admission::Full(call) => {
                let detail = Some("too many calls receive from the socket");
                _ = call.answer.send(Err(OpError { detail, ..Errno::ENOBUFS.into() }));
            }
        }
    }

    pub(super) fn make(&mut self, call: Call) {
        let Call { op, stack, request, answer, kept: Kept { session, claim } } = call;
        let receives = receives_from(&request).is_some();
        let socket = socket_of(&request);
        let reassigned = match request {
            Request::Reassign { socket, session } => Some((socket, session)),
            _ => None,
        };
        let outcome = self.site.op(stack, op, request);
        drop(session);
        match outcome {
            Outcome::Parked => {
                self.parked.insert(op, Parked { stack, socket, receives, answer, claim });
            }
            Outcome::Done(result) => {
                if let (Some((socket, session)), Ok(_)) = (reassigned, &result) {
                    self.hub.reassign(socket, session);
                }
                // The events of the call come before its answer.
                self.collect();
                self.finish(op, Parked { stack, socket, receives, answer, claim }, result);
            }
        }
    }

    /// Answers a call, and lets the next receiver go on where it received nothing.
    fn finish(&mut self, op: OpId, call: Parked, result: Result<Reply, OpError>) {
        let Parked { stack, socket, receives, answer, claim } = call;
        let reply = match result {
            Ok(reply) => reply,
            Err(error) => {
                self.answers.push((self.happened.len(), Box::new(move |_| _ = answer.send(Err(error)))));
                return self.leave(socket, op);
            }
        };
        if let (Some(claim), Reply::Created { socket } | Reply::Accepted { socket, .. }) = (claim, &reply) {
            self.claims.push((claim, *socket));
        }
        let taken = match socket {
            Some(socket) if receives => Taken::Out(self.order.given(socket, op)),
            Some(_) if matches!(reply, Reply::Received { .. } | Reply::ReceivedFrom { .. }) => Taken::Peeked,
            _ => Taken::Out(None),
        };
        let peeked = matches!(taken, Taken::Peeked);
        let about = match (&reply, socket) {
            (Reply::Created { socket }, _) => *socket,
            (_, Some(socket)) => socket,
            (_, None) => SocketId(0),
        };
        let gave = Receipt::issue(reply, about, stack, taken, self.urgent.clone());
        // If the receiver is gone, the receipt is dropped here and sends it back.
        self.answers
            .push((self.happened.len(), Box::new(move |at| drop(answer.send(Ok(At { value: gave, at }))))));
        if peeked {
            self.leave(socket, op);
        }
    }

    /// A call took nothing from its socket: whoever waits for its turn goes on.
    fn leave(&mut self, socket: Option<SocketId>, op: OpId) {
        if let Some(socket) = socket {
            let next = self.order.left(socket, op);
            self.go_on(next);
        }
    }

    /// Lets a call go on whose turn it is now. Each that ends at once makes room for the next.
    pub(super) fn go_on(&mut self, next: Option<Call>) {
        if let Some(call) = next {
            self.make(call);
        }
    }

    pub(super) fn cancel(&mut self, op: OpId, socket: Option<SocketId>) {
        if let Some(parked) = self.parked.remove(&op) {
            self.site.cancel(parked.stack, op);
            self.collect();
        }
        self.leave(socket, op);
    }

    /// A connection or octets go back to where they were; a socket that nobody heard of is closed.
    pub(super) fn take_back(&mut self, stack: StackId, socket: SocketId, reply: Reply) {
        match reply {
            Reply::Created { socket } => {
                self.site.op(stack, OWN_CALL, Request::Abort { socket });
            }
            reply => {
                if let Reply::Accepted { socket: child, .. } = &reply {
                    self.hub.unclaim(*child);
                }
                self.site.restore(stack, socket, reply);
            }
        }
        self.collect();
    }

    pub(super) fn completion(&mut self, completion: Completion) {
        let Completion { op, result, .. } = completion;
        if let Some(call) = self.parked.remove(&op) {
            self.finish(op, call, result);
        }
    }
}

/// Calls that may wait for their turn to receive from one socket.
const RECEIVERS_HELD: usize = 256;
