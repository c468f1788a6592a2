//! One who calls, with all that he may do; and the policy that says it, which may be another one tomorrow.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use http::Extensions;
use sockwright_engine::host::Errno;
use sockwright_engine::id::SessionId;
use tonic::Status;

use super::identity::{Identity, IdentityId, Proof, caller};
use super::owner::no_session_of;
use super::policy::{Denied, Grants, Limits, Policy};
use super::sight::Sight;
use crate::error::status_saying;

/// What callers may do, and who has called.
#[derive(Debug)]
pub(crate) struct Access {
    inner: RwLock<Inner>,
    servers_own: Arc<Grants>,
    /// Whether the policy limits the calls of anybody.
    limits_calls: AtomicBool,
}

#[derive(Debug)]
struct Inner {
    policy: Arc<Policy>,
    known: HashMap<IdentityId, Known>,
}

/// One who has called.
#[derive(Clone, Debug)]
struct Known {
    identity: Identity,
    grants: Arc<Grants>,
}

/// One who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    identity: Identity,
    grants: Arc<Grants>,
}

impl Access {
    /// Under this policy.
    pub(crate) fn new(policy: Policy) -> Arc<Self> {
        let limits_calls = policy.limits_calls().into();
        let inner = Inner { policy: Arc::new(policy), known: HashMap::new() };
        let servers_own = Arc::new(Policy::servers_own());
        Arc::new(Access { inner: RwLock::new(inner), servers_own, limits_calls })
    }

    /// Under this policy from now on. What was allowed and is there, stays.
    pub(crate) fn follow(&self, policy: Policy) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        self.limits_calls.store(policy.limits_calls(), Ordering::Relaxed);
        *inner = Inner { policy: Arc::new(policy), known: HashMap::new() };
    }

    /// How much somebody may have, if the policy limits the calls of anybody.
    pub(crate) fn limits_of_calls(&self, identity: &Identity) -> Option<Limits> {
        let limits = self.limits_calls.load(Ordering::Relaxed);
        limits.then(|| *self.known(identity.clone()).grants.limits())
    }

    /// Who makes the call that these extensions belong to.
    pub(crate) fn caller(&self, extensions: &Extensions) -> Result<Caller, Status> {
        caller(extensions).map(|identity| self.known(identity))
    }

    /// What this identity may do.
    pub(crate) fn known(&self, identity: Identity) -> Caller {
        if identity.proof() == Proof::Server {
            return Caller { identity, grants: Arc::clone(&self.servers_own) };
        }
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let known =
            inner.known.get(&identity.id()).filter(|known| known.identity.roles().eq(identity.roles()));
        if let Some(known) = known {
            return Caller { identity, grants: Arc::clone(&known.grants) };
        }
        drop(inner);
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let grants = Arc::new(inner.policy.grants(identity.name(), identity.roles()));
        let known = Known { identity: identity.clone(), grants: Arc::clone(&grants) };
        inner.known.insert(identity.id(), known);
        Caller { identity, grants }
    }
}

impl Caller {
    /// Its number.
    pub(crate) fn id(&self) -> IdentityId {
        self.identity.id()
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.identity.name()
    }

    /// What it may do.
    pub(crate) fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// What it makes without a session belongs to this one.
    pub(crate) fn no_session(&self) -> SessionId {
        no_session_of(self.id())
    }

    /// What it sees.
    pub(crate) fn sight(&self) -> Sight {
        if self.grants.sees_all() { Sight::All } else { Sight::Own(self.id()) }
    }

    /// Whether it sees what belongs to this one.
    pub(crate) fn sees(&self, owner: IdentityId) -> bool {
        self.sight().sees(owner)
    }

    /// Whether it may do something with what belongs to this one, which it sees.
    pub(crate) fn drives(&self, owner: IdentityId) -> Result<(), Status> {
        match owner == self.id() || self.grants.drives_all() {
            true => Ok(()),
            false => Err(status_saying(
                Errno::EPERM,
                "it belongs to somebody else: a role with `drive = \"all\"` would have it",
                None,
            )),
        }
    }
}

impl From<Denied> for Status {
    fn from(denied: Denied) -> Status {
        status_saying(Errno::EPERM, denied.to_string(), None)
    }
}
