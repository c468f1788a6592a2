//! Sessions: leases, and what becomes of what they own.
//!
//! A session lives as long as its client says so in time. Its end, by `Close` or by the clock, happens once: it leaves
//! the table first, so that nobody can make anything for it any more, then waits for what was being made, and then has
//! [`Networks::end_session`] treat all that it owns.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sockwright_engine::host::Errno;
use sockwright_engine::id::SessionId;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tonic::Status;

use crate::access::caller::{Access, Caller};
use crate::access::owner::{is_no_session, owner_of, session_of};
use crate::access::quota::Quota;
use crate::convert::{parse_session, session_name};
use crate::error::status_saying;
use crate::networks::Networks;
use crate::stack::command::{At, Policy};
use crate::traces::Traces;

/// The sessions of a server.
pub(crate) struct Sessions {
    access: Arc<Access>,
    table: Mutex<HashMap<SessionId, Session>>,
    next: AtomicU64,
    networks: Arc<Networks>,
    traces: Arc<Traces>,
}

struct Session {
    lease: Duration,
    deadline: Instant,
    /// However often it is kept alive, where its owner's sessions have a length.
    ends: Option<Instant>,
    on_expiry: Policy,
    label: String,
    /// Held for reading while something is made for the session.
    making: Arc<RwLock<()>>,
    timer: Option<AbortHandle>,
}

/// A session that something is being made for. It cannot end as long as this lives.
#[derive(Debug)]
pub(crate) struct Owner {
    /// Which; of a caller that names none, the one that stands for that.
    pub(crate) session: SessionId,
    /// What keeps it.
    pub(crate) guard: Option<OwnedRwLockReadGuard<()>>,
}

impl Sessions {
    /// None yet. Numbers begin somewhere that depends on the epoch, so that the sessions of a server that was restarted
    /// are not taken for those of the one before.
    pub(crate) fn new(
        access: Arc<Access>,
        networks: Arc<Networks>,
        traces: Arc<Traces>,
        epoch: u64,
    ) -> Arc<Self> {
        let first = epoch % 1_000_000 * 1_000_000 + 1;
        Arc::new(Sessions { access, table: Mutex::default(), next: AtomicU64::new(first), networks, traces })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.table().len()
    }

    /// Opens a session; its lease runs from now.
    pub(crate) fn open(
        self: &Arc<Self>,
        caller: &Caller,
        lease: Duration,
        on_expiry: Policy,
        label: String,
    ) -> Result<SessionId, Status> {
        let mut table = self.table();
        let own = table.keys().filter(|session| owner_of(**session) == caller.id());
        caller.has_room(Quota::Sessions, || own.count())?;
        let limit = self.networks.config().limits.sessions;
        if table.len() >= limit {
            let message = format!("the server's limit of {limit} sessions is reached");
            return Err(status_saying(Errno::ENOBUFS, message, None));
        }
        let session = session_of(caller.id(), self.next.fetch_add(1, Ordering::Relaxed));
        let now = Instant::now();
        let ends = caller.grants().limits().session_length.map(|length| now + length);
        let timer = tokio::spawn(Arc::clone(self).expire(session)).abort_handle();
        tracing::info!(session = session_name(session), label, "session opened");
        table.insert(
            session,
            Session {
                lease,
                deadline: ends.map_or(now + lease, |ends| ends.min(now + lease)),
                ends,
                on_expiry,
                label,
                making: Arc::default(),
                timer: Some(timer),
            },
        );
        Ok(session)
    }

    /// Starts the lease anew, and says how long it is.
    pub(crate) fn keep_alive(&self, caller: &Caller, name: &str) -> Result<Duration, Status> {
        let id = self.find(caller, name)?;
        let mut table = self.table();
        let session = table.get_mut(&id).ok_or_else(|| no_such_session(name))?;
        let deadline = Instant::now() + session.lease;
        session.deadline = session.ends.map_or(deadline, |ends| deadline.min(ends));
        Ok(session.deadline.saturating_duration_since(Instant::now()).min(session.lease))
    }

    /// Ends a session now, by `policy` if one is given. How many sockets it was applied to.
    pub(crate) async fn close(
        self: &Arc<Self>,
        caller: &Caller,
        name: &str,
        policy: Option<Policy>,
    ) -> Result<At<u32>, Status> {
        let id = self.find(caller, name)?;
        let session = self.table().remove(&id).ok_or_else(|| no_such_session(name))?;
        if let Some(timer) = &session.timer {
            timer.abort();
        }
        // On a task of its own: a client that goes away meanwhile must not leave it half done.
        let ending = tokio::spawn(Arc::clone(self).end(id, session, policy));
        ending.await.map_err(|error| {
            tracing::error!(%error, "a session's end failed");
            status_saying(Errno::ENETDOWN, "the session ended, but not all of it could be treated", None)
        })
    }

    /// Ends all of them, each by its policy.
    pub(crate) async fn end_all(self: &Arc<Self>) {
        let all: Vec<_> = self.table().drain().collect();
        let mut ending = JoinSet::new();
        for (id, session) in all {
            if let Some(timer) = &session.timer {
                timer.abort();
            }
            ending.spawn(Arc::clone(self).end(id, session, None));
        }
        ending.join_all().await;
    }

    /// The session of that name, to make something for; the empty name is none.
    pub(crate) fn owner(&self, caller: &Caller, name: &str) -> Result<Owner, Status> {
        if name.is_empty() {
            return Ok(Owner { session: caller.no_session(), guard: None });
        }
        let id = self.find(caller, name)?;
        let making = match self.table().get(&id) {
            Some(session) => Arc::clone(&session.making),
            None => return Err(no_such_session(name)),
        };
        // Whoever ends it took it out of the table first and waits for us, or has been there before.
        let guard = making.try_read_owned().map_err(|_| no_such_session(name))?;
        if !self.table().contains_key(&id) {
            return Err(no_such_session(name));
        }
        tracing::Span::current().record("session", name);
        Ok(Owner { session: id, guard: Some(guard) })
    }

    /// The session of that name, to do something with: where its caller does not see it, it is not there.
    fn find(&self, caller: &Caller, name: &str) -> Result<SessionId, Status> {
        let id = parse_session(name).filter(|id| !is_no_session(*id) && caller.sees(owner_of(*id)));
        let id = id.filter(|id| self.table().contains_key(id)).ok_or_else(|| no_such_session(name))?;
        caller.drives(owner_of(id))?;
        Ok(id)
    }

    /// Ends a session when its lease has run out.
    async fn expire(self: Arc<Self>, id: SessionId) {
        let session = loop {
            let deadline = match self.table().get(&id) {
                Some(session) => session.deadline,
                None => return,
            };
            tokio::time::sleep_until(deadline).await;
            let mut table = self.table();
            // It may have been kept alive in the meantime.
            if table.get(&id).is_some_and(|session| session.deadline <= Instant::now()) {
                break table.remove(&id);
            }
        };
        if let Some(session) = session {
            tracing::info!(session = session_name(id), label = session.label, "session expired");
            self.end(id, session, None).await;
        }
    }

    async fn end(self: Arc<Self>, id: SessionId, session: Session, policy: Option<Policy>) -> At<u32> {
        // What is being made for it is made by now, and can be treated.
        drop(session.making.write().await);
        let policy = policy.unwrap_or(session.on_expiry);
        self.traces.session_ends(id).await;
        let (treated, detached) = self.networks.end_session(id, policy).await;
        self.traces.session_ended(id);
        self.access.session_ended(id, &detached);
        tracing::info!(session = session_name(id), ?policy, sockets = treated.value, "session ended");
        treated
    }

    fn table(&self) -> MutexGuard<'_, HashMap<SessionId, Session>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_such_session(name: &str) -> Status {
    let name: String = name.chars().take(64).collect();
    status_saying(Errno::ENOENT, format!("there is no session {name:?}"), None)
}
