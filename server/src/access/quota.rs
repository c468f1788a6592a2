//! How much of a thing somebody may have.
//!
//! Nothing is counted here: who gives something out knows how much of it somebody has, for it is what is there. So nothing can leak,
//! however a thing comes to its end.

use std::fmt;

use sockwright_engine::host::Errno;
use tonic::Status;

use super::caller::Caller;
use super::policy::Limits;
use crate::error::status_saying;

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
    /// Whether it may have one more. `has` counts what it has, and is asked only where there is a limit.
    pub(crate) fn has_room(&self, quota: Quota, has: impl FnOnce() -> usize) -> Result<(), Status> {
        self.has_room_for(1, quota, has)
    }

    /// The same for so many.
    pub(crate) fn has_room_for(
        &self,
        more: usize,
        quota: Quota,
        has: impl FnOnce() -> usize,
    ) -> Result<(), Status> {
        match quota.of(self.grants().limits()) {
            Some(limit) if has().saturating_add(more) > limit => {
                let message = format!("the policy gives {} no more than {limit} {quota}", self.name());
                Err(status_saying(Errno::ENOBUFS, message, None))
            }
            _ => Ok(()),
        }
    }
}
