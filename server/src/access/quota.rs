//! How much of a thing somebody may have.
//!
//! Nothing is counted here: who gives something out knows how much of it somebody has, for it is what is there. So nothing can leak,
//! however a thing comes to its end. Counting and giving are one step, under one lock; a socket takes longer to be made, and its room
//! is [claimed](Claim) meanwhile.

use std::fmt;
use std::sync::Arc;

use sockwright_engine::host::Errno;
use tonic::Status;

use super::caller::Caller;
use super::identity::IdentityId;
use super::policy::Limits;
use crate::error::status_saying;
use crate::hub::{Claim, Hub, Room};

/// What there is a quota of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quota {
    Sockets,
    Sessions,
    Labs,
    Stacks,
    Watchers,
    Captures,
    Traces,
}

impl Quota {
    fn of(self, limits: &Limits) -> Option<usize> {
        match self {
            Quota::Sockets => limits.sockets,
            Quota::Sessions => limits.sessions,
            Quota::Labs => limits.labs,
            Quota::Stacks => limits.stacks,
            Quota::Watchers => limits.watchers,
            Quota::Captures => limits.captures,
            Quota::Traces => limits.traces,
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Quota::Sockets => "sockets",
            Quota::Sessions => "sessions",
            Quota::Labs => "labs",
            Quota::Stacks => "stacks",
            Quota::Watchers => "watchers",
            Quota::Captures => "captures",
            Quota::Traces => "traces",
        })
    }
}

impl Caller {
    /// Whether it may have one more. `has` counts what it has, and is asked only where there is a limit. Who asks holds what it is
    /// counted in until it has one more.
    pub(crate) fn has_room(&self, quota: Quota, has: impl FnOnce() -> usize) -> Result<(), Status> {
        match quota.of(self.grants().limits()) {
            Some(limit) if has() >= limit => Err(self.has_no_more(quota, limit)),
            _ => Ok(()),
        }
    }

    /// Takes room for so many sockets that are to be `owner`'s, which are counted from now on; `None` where there is no limit.
    pub(crate) fn claim_sockets(
        &self,
        hub: &Arc<Hub>,
        owner: IdentityId,
        sockets: usize,
    ) -> Result<Option<Claim>, Status> {
        let Some(limit) = self.most_sockets(owner) else { return Ok(None) };
        let claim = hub.claim(owner, sockets, Some(limit));
        claim.map(Some).ok_or_else(|| self.has_no_more(Quota::Sockets, limit))
    }

    /// The same for a workload: these, and as it runs more of them, while there are some.
    pub(crate) fn room_for_sockets(
        &self,
        hub: &Arc<Hub>,
        owner: IdentityId,
        sockets: usize,
    ) -> Result<Option<Room>, Status> {
        let claim = self.claim_sockets(hub, owner, sockets)?;
        Ok(claim.zip(self.most_sockets(owner)).map(|(claim, limit)| Room::new(claim, limit)))
    }

    /// How many connections may wait at a listener of `owner`: no more than he may have sockets.
    pub(crate) fn backlog(&self, owner: IdentityId, asked: u32) -> u32 {
        let limit = self.most_sockets(owner).and_then(|limit| u32::try_from(limit).ok());
        limit.map_or(asked, |limit| asked.min(limit.max(1)))
    }

    /// How many sockets of `owner` this one may make there be. What another has is counted for him: whoever drives it all may go
    /// beyond what he is given.
    fn most_sockets(&self, owner: IdentityId) -> Option<usize> {
        if owner == self.id() { Quota::Sockets.of(self.grants().limits()) } else { None }
    }

    fn has_no_more(&self, quota: Quota, limit: usize) -> Status {
        let message = format!("the policy gives {} no more than {limit} {quota}", self.name());
        status_saying(Errno::ENOBUFS, message, None)
    }
}
