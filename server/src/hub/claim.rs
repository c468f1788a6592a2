//! Room for sockets that are yet to be made. It is counted before they are there, so that calls of one instant do not all find the
//! same room.
//!
//! ```text
//! Hub::claim --> Claim: counted --- filled: a socket has it -----> counted until that is released
//!                               \-- dropped: nothing was made --> counted no more
//! ```
//!
//! A workload has [`Room`]: what it is sure to need is claimed before it begins, and each socket beyond that as it is made.

use std::sync::Arc;

use sockwright_engine::id::SocketId;

use super::Hub;
use crate::access::identity::IdentityId;

/// Room for so many sockets of somebody.
#[derive(Debug)]
pub(crate) struct Claim {
    hub: Arc<Hub>,
    owner: IdentityId,
    sockets: usize,
}

impl Hub {
    /// Takes room for so many more sockets of one who may have `at_most`. `None` where there is not so much.
    pub(crate) fn claim(
        self: &Arc<Self>,
        owner: IdentityId,
        sockets: usize,
        at_most: Option<usize>,
    ) -> Option<Claim> {
        let room = self.lock().mirror.claim(owner, sockets, at_most.unwrap_or(usize::MAX));
        room.then(|| Claim { hub: Arc::clone(self), owner, sockets })
    }

    /// A connection that was accepted goes back to its listener.
    pub(crate) fn unclaim(&self, socket: SocketId) {
        self.lock().mirror.unclaim(socket);
    }
}

impl Claim {
    /// One of it is this socket's, which is made and not told yet, or was accepted.
    pub(crate) fn fill(&mut self, socket: SocketId) {
        self.hub.lock().mirror.fill(socket);
        self.sockets = self.sockets.saturating_sub(1);
    }
}

/// Where the sockets of a workload have their places, for as long as it runs.
#[derive(Debug)]
pub(crate) struct Room {
    /// What is left of what was claimed, and perhaps one more.
    claim: Claim,
    at_most: usize,
}

impl Room {
    /// Begins with what is claimed already, for one who may have `at_most`.
    pub(crate) fn new(claim: Claim, at_most: usize) -> Self {
        Room { claim, at_most }
    }

    /// Whether there is a place for one more. It is kept until a socket has it.
    pub(crate) fn has_one(&mut self) -> bool {
        let Room { claim: Claim { hub, owner, sockets }, at_most } = self;
        if *sockets == 0 && hub.lock().mirror.claim(*owner, 1, *at_most) {
            *sockets = 1;
        }
        *sockets > 0
    }

    /// A place is this socket's, which is made and not told yet, or was accepted.
    pub(crate) fn fill(&mut self, socket: SocketId) {
        self.claim.fill(socket);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.sockets > 0 {
            self.hub.lock().mirror.give_up(self.owner, self.sockets);
        }
    }
}
