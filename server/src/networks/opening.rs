//! The place of a stack that is about to be attached: taken before anything is opened for it, so that calls of one instant do not all
//! find the same place free and probe addresses on the wire with it.

use std::sync::Arc;

use tonic::Status;

use super::{Networks, Registry};
use crate::access::caller::Caller;
use crate::access::identity::IdentityId;
use crate::access::quota::Quota;

/// A place. Dropped, it is given back.
pub(crate) struct Opening {
    networks: Arc<Networks>,
    owner: IdentityId,
    is_over: bool,
}

impl Networks {
    /// Takes a place for a stack that is to be `owner`'s.
    pub(crate) fn begin_opening(
        self: &Arc<Self>,
        caller: &Caller,
        owner: IdentityId,
    ) -> Result<Opening, Status> {
        let mut registry = self.registry();
        registry.check_room_for_attached(&self.config.limits)?;
        caller.has_room(Quota::Stacks, || registry.count_of(owner).1)?;
        registry.opens(owner);
        Ok(Opening { networks: Arc::clone(self), owner, is_over: false })
    }
}

impl Opening {
    /// The stack is there, and counted as one that is.
    pub(super) fn settle(mut self, registry: &mut Registry) {
        self.is_over = true;
        registry.opened(self.owner);
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.is_over {
            self.networks.registry().opened(self.owner);
        }
    }
}
