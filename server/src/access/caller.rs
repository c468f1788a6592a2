//! One who calls, with all that he may do; and the policy that says it, which may be another one tomorrow.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use http::Extensions;
use sockwright_engine::host::Errno;
use sockwright_engine::id::SessionId;
use tonic::{Code, Status};

use super::audit::{Audit, Deed, Seldom};
use super::identity::{Identity, IdentityId, Proof, caller};
use super::meter::Meter;
use super::owner::{no_session_of, owner_of};
use super::policy::{Denied, Grants, Limits, Policy};
use super::sight::Sight;
use crate::convert::session_name;
use crate::error::status_saying;
use crate::hub::Name;
use crate::listen::Peer;

/// What callers may do, and who has called.
#[derive(Debug)]
pub(crate) struct Access {
    inner: RwLock<Inner>,
    /// Goes up with each policy.
    generation: AtomicU64,
    servers_own: Arc<Grants>,
    audit: Audit,
    strangers: Seldom,
    /// Whether the policy limits the calls of anybody.
    limits_calls: AtomicBool,
}

#[derive(Debug)]
struct Inner {
    policy: Arc<Policy>,
    known: HashMap<IdentityId, Known>,
    /// For what is from no socket.
    anybody: Wire,
}

/// One who has called.
#[derive(Clone, Debug)]
struct Known {
    identity: Identity,
    grants: Arc<Grants>,
    meter: Arc<Meter>,
}

/// What an identity may do on real wires, and how much it does.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    grants: Arc<Grants>,
    meter: Arc<Meter>,
}

/// One who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    identity: Identity,
    grants: Arc<Grants>,
    audit: Audit,
    /// From where.
    peer: Option<SocketAddr>,
}

impl Access {
    /// Under this policy.
    pub(crate) fn new(policy: Policy, audit: Audit) -> Arc<Self> {
        let limits_calls = policy.limits_calls().into();
        let anybody = Wire { grants: Arc::new(policy.anybodys()), meter: Arc::default() };
        let inner = Inner { policy: Arc::new(policy), known: HashMap::new(), anybody };
        let (generation, servers_own) = (AtomicU64::new(1), Arc::new(Policy::servers_own()));
        let (inner, strangers) = (RwLock::new(inner), Seldom::default());
        Arc::new(Access { inner, generation, servers_own, audit, strangers, limits_calls })
    }

    /// How much somebody may have, if the policy limits the calls of anybody.
    pub(crate) fn limits_of_calls(&self, identity: &Identity) -> Option<Limits> {
        let limits = self.limits_calls.load(Ordering::Relaxed);
        limits.then(|| *self.known(identity.clone()).grants.limits())
    }

    /// Who makes the call that these extensions belong to.
    pub(crate) fn caller(&self, extensions: &Extensions) -> Result<Caller, Status> {
        let peer = extensions.get().and_then(Peer::remote_addr);
        caller(extensions).map(|identity| Caller { peer, ..self.known(identity) })
    }

    /// Goes on with another policy, at once: the next call is asked what that says, and so is the next packet.
    pub(crate) fn follow(&self, policy: Policy) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        self.limits_calls.store(policy.limits_calls(), Ordering::Relaxed);
        let Inner { policy: current, known, anybody } = &mut *inner;
        anybody.grants = Arc::new(policy.anybodys());
        for known in known.values_mut() {
            known.grants = grants(&policy, &known.identity);
        }
        *current = Arc::new(policy);
        self.generation.fetch_add(1, Ordering::AcqRel);
        drop(inner);
        self.audit.tell("server", None, &Deed { method: "Policy/Reload", ..Deed::default() }, Ok(()));
    }

    /// Whether it is written down what callers do.
    pub(crate) fn is_audited(&self) -> bool {
        self.audit.is_kept()
    }

    /// A session of somebody has ended, and these of its stacks with it.
    pub(crate) fn session_ended(&self, session: SessionId, detached: &[Name]) {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let owner = inner.known.get(&owner_of(session)).map_or("server", |known| known.identity.name());
        let session = &session_name(session);
        for stack in detached {
            let deed = Deed { method: "Networks/Detach", stack, session, ..Deed::default() };
            self.audit.tell(owner, None, &deed, Ok(()));
        }
        self.audit.tell(owner, None, &Deed { method: "Sessions/End", session, ..Deed::default() }, Ok(()));
    }

    /// A call of nobody was refused. Whoever reaches the server can make them: one a second is told, with how many there were.
    pub(crate) fn nobody_called(&self, peer: Option<SocketAddr>, method: &str, refused: &Status) {
        if self.is_audited()
            && let Some(more) = self.strangers.take(std::time::Instant::now())
        {
            let deed = Deed { method, more: (more > 0).then_some(more), ..Deed::default() };
            self.audit.tell("nobody", peer, &deed, Err(refused));
        }
    }

    /// Of these roles, those that the policy does not have: they give nothing.
    pub(crate) fn undefined<'r>(&self, roles: &'r [Box<str>]) -> Vec<&'r str> {
        let policy = Arc::clone(&self.inner.read().unwrap_or_else(PoisonError::into_inner).policy);
        roles.iter().map(|role| &**role).filter(|role| policy.lacks(role)).collect()
    }

    /// Which policy this is: another number, another policy.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What this one may do on real wires: who never called, what anybody may.
    pub(crate) fn wire_of(&self, id: IdentityId) -> Wire {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        match inner.known.get(&id) {
            Some(known) => Wire { grants: Arc::clone(&known.grants), meter: Arc::clone(&known.meter) },
            None => inner.anybody.clone(),
        }
    }

    /// What leaves on real wires in nobody's name, and how much that is.
    pub(crate) fn wire_of_anybody(&self) -> Wire {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).anybody.clone()
    }

    /// What this identity may do.
    pub(crate) fn known(&self, identity: Identity) -> Caller {
        if identity.proof() == Proof::Server {
            let (grants, audit) = (Arc::clone(&self.servers_own), self.audit.clone());
            return Caller { identity, grants, audit, peer: None };
        }
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = inner.known.get(&identity.id()) {
            let (grants, audit) = (Arc::clone(&known.grants), self.audit.clone());
            return Caller { identity, grants, audit, peer: None };
        }
        drop(inner);
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let grants = grants(&inner.policy, &identity);
        let known = Known { identity: identity.clone(), grants: Arc::clone(&grants), meter: Arc::default() };
        // Somebody else may have been quicker: what is counted is counted once.
        inner.known.entry(identity.id()).or_insert(known);
        // What is known of it elsewhere may be of before.
        self.generation.fetch_add(1, Ordering::AcqRel);
        Caller { identity, grants, audit: self.audit.clone(), peer: None }
    }
}

fn grants(policy: &Policy, identity: &Identity) -> Arc<Grants> {
    Arc::new(policy.grants(identity.name(), identity.roles().iter().map(|role| &**role)))
}

impl Wire {
    /// What it may do.
    pub(crate) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Whether it may send so much more now.
    pub(crate) fn take(&self, packets: u64, octets: u64) -> bool {
        let limits = self.grants.limits();
        // Reading a clock for nothing costs more than all the rest.
        !limits.measures_packets() || self.meter.take(std::time::Instant::now(), limits, packets, octets)
    }
}

impl Caller {
    /// Its number.
    pub(crate) fn id(&self) -> IdentityId {
        self.identity.id()
    }

    /// Whether what it does is written down: then what a line needs is worth finding out.
    pub(crate) fn is_audited(&self) -> bool {
        self.audit.is_kept()
    }

    /// Has it written down what it did, and what came of it.
    pub(crate) fn tell(&self, deed: &Deed<'_>, came: Result<(), &Status>) {
        self.audit.tell(self.name(), self.peer, deed, came);
    }

    /// Something that it begins to do, of which it is told what came of it, or that nobody awaited its end.
    pub(crate) fn begins<'d>(&'d self, deed: Deed<'d>) -> Undertaking<'d> {
        Undertaking { caller: self, deed, over: false }
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

/// What somebody is doing. Dropped before its end, it is told as cancelled.
#[derive(Debug)]
pub(crate) struct Undertaking<'d> {
    caller: &'d Caller,
    pub(crate) deed: Deed<'d>,
    over: bool,
}

impl Undertaking<'_> {
    /// Tells what came of it.
    pub(crate) fn came_to<T>(mut self, came: Result<T, &Status>) {
        self.over = true;
        self.caller.tell(&self.deed, came.map(drop));
    }

    /// The same of a call that is told by whoever denies it, where it is denied.
    pub(crate) fn unless_denied<T>(mut self, came: &Result<T, Status>) {
        match came {
            Err(denied) if denied.code() == Code::PermissionDenied => self.over = true,
            came => self.came_to(came.as_ref()),
        }
    }
}

impl Drop for Undertaking<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.caller.tell(&self.deed, Err(&Status::cancelled("nobody waited for the end of it")));
        }
    }
}

impl From<Denied> for Status {
    fn from(denied: Denied) -> Status {
        status_saying(Errno::EPERM, denied.to_string(), None)
    }
}
