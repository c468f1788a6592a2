//! Traces: everything that the server knows of a session, or of what a filter admits, kept until somebody wants it as a file.
//!
//! ```text
//! hub ---- events ----\
//! captures - packets ---> recorder (a thread of its own): spools --> bundle: one .zip --> its reader
//! calls, log -- lines -/
//! ```
//!
//! Owns: which traces there are ([`Traces`]), and what each hears of calls and of the log ([`ear`]). What is kept of a trace, and
//! the file that is made of it, belong to its [`recorder`]. docs/traces.md has the format. Never touches an engine.

mod bundle;
mod call;
mod contract;
mod ear;
mod log;
mod manifest;
mod recorder;
mod spool;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use sockwright_engine::host::Errno;
use sockwright_engine::id::SessionId;
use sockwright_proto::v1 as pb;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tonic::Status;

use crate::access::caller::Caller;
use crate::access::identity::IdentityId;
use crate::access::owner::owner_of;
use crate::access::quota::Quota;
use crate::access::sight::Sight;
use crate::capture::Selection;
use crate::config::Limits;
use crate::convert::session_name;
use crate::error::status_saying;
use crate::hub::{CompiledFilter, Hub};
use crate::networks::Networks;
pub(crate) use bundle::BundleStream;
pub(crate) use call::{Call, Way};
use ear::Ear;
pub use log::layer as log_layer;
pub(crate) use manifest::time;
use recorder::{Command, Recorder};
pub(crate) use recorder::{EndedBy, Parts};

/// The traces of a server.
pub(crate) struct Traces {
    hub: Arc<Hub>,
    networks: Arc<Networks>,
    limits: Limits,
    table: Mutex<Table>,
    /// Traces that have not ended, to be read without the mutex.
    hearing: AtomicUsize,
    /// Calls that some trace wants and that have not ended, by the order in which they came.
    open: Mutex<BTreeMap<u64, Arc<Call>>>,
    /// Octets that are left for what they carried.
    room: Arc<Semaphore>,
    calls: AtomicU64,
}

#[derive(Default)]
struct Table {
    traces: BTreeMap<u64, Entry>,
    begun: u64,
    stopping: bool,
}

struct Entry {
    ear: Arc<Ear>,
    recorder: mpsc::UnboundedSender<Command>,
    title: String,
    /// The event that it begins behind.
    after: u64,
}

/// What is to be traced.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// As it was asked for.
    pub(crate) asked: pb::TracesStartRequest,
    /// `None`: what belongs to the session.
    pub(crate) filter: Option<CompiledFilter>,
    /// How large each part may become.
    pub(crate) limits: Parts<u64>,
}

impl Traces {
    /// None yet.
    pub(crate) fn new(hub: Arc<Hub>, networks: Arc<Networks>) -> Arc<Self> {
        let limits = networks.config().limits.clone();
        Arc::new(Traces {
            hub,
            networks,
            limits,
            table: Mutex::default(),
            hearing: AtomicUsize::new(0),
            open: Mutex::default(),
            room: Arc::new(Semaphore::new(call::ROOM)),
            calls: AtomicU64::new(0),
        })
    }

    /// Begins a trace that belongs to `session`; its name, and the event that it begins behind.
    pub(crate) fn start(
        self: &Arc<Self>,
        caller: &Caller,
        plan: Plan,
        session: SessionId,
    ) -> Result<(String, u64), Status> {
        let mut table = self.table();
        if table.stopping {
            return Err(Status::unavailable("the server is stopping"));
        }
        if table.traces.len() >= self.limits.traces {
            let message = format!("there are {} traces already", self.limits.traces);
            return Err(status_saying(Errno::ENOBUFS, message, None));
        }
        let own = table.traces.values().filter(|entry| owner_of(entry.ear.session()) == owner_of(session));
        caller.has_room(Quota::Traces, || own.count())?;
        let Plan { asked, filter, limits } = plan;
        let places = self.networks.follow(filter.is_none().then_some(session));
        let filter = match filter {
            Some(filter) => filter,
            None => everything_of(session)?.or_on(Arc::clone(&places)),
        };
        let filter = filter.seen_by(caller.sight());
        // Begun in this order, frames and calls of all that is told are there.
        let ear = Arc::new(Ear::new(session, filter.clone()));
        let capture = match asked.no_packets {
            true => None,
            false => Some(self.networks.capture_of_trace(Selection::of_trace(filter.clone()))?),
        };
        let (follower, sockets, after) = self.hub.follow(filter)?;
        let number = self.hub.epoch() % 1_000_000 * 1_000_000 + table.begun + 1;
        let (commands, inbox) = mpsc::unbounded_channel();
        let title = asked.title.clone();
        let recorder = Recorder {
            name: name(number),
            traces: Arc::downgrade(self),
            number,
            ear: Arc::clone(&ear),
            hub: Arc::clone(&self.hub),
            networks: Arc::downgrade(&self.networks),
            asked,
            limits,
            linger: self.limits.trace_linger,
            places,
            began: SystemTime::now(),
            after,
            follower: Some(follower),
            capture,
        };
        recorder.spawn(&sockets, inbox).map_err(|error| {
            status_saying(Errno::ENOBUFS, format!("the trace has nowhere to go: {error}"), None)
        })?;
        table.begun += 1;
        log::hear(&ear);
        self.hearing.fetch_add(1, Ordering::Release);
        table.traces.insert(number, Entry { ear, recorder: commands, title, after });
        tracing::info!(trace = name(number), session = session_name(session), "trace begun");
        Ok((name(number), after))
    }

    /// Ends a trace, unless it has ended, and gives what there is of it.
    pub(crate) async fn stop(self: &Arc<Self>, caller: &Caller, trace: &str) -> Result<BundleStream, Status> {
        let (_, recorder) = self.find(caller, trace)?;
        let (answer, answered) = oneshot::channel();
        recorder.send(Command::Fetch(answer)).map_err(|_| no_such_trace(trace))?;
        let bundle = answered.await.map_err(|_| self.gone(trace))?;
        let bundle = bundle.map_err(|problem| status_saying(Errno::ENOBUFS, problem.to_string(), None))?;
        let (traces, number) = (Arc::downgrade(self), parse_name(trace));
        Ok(BundleStream::new(bundle, move || {
            if let (Some(traces), Some(number)) = (traces.upgrade(), number) {
                traces.forget(number);
            }
        }))
    }

    /// Ends a trace of which nobody wants anything.
    pub(crate) fn discard(&self, caller: &Caller, trace: &str) -> Result<(), Status> {
        let (number, _) = self.find(caller, trace)?;
        self.forget(number).then_some(()).ok_or_else(|| no_such_trace(trace))
    }

    /// The traces that somebody sees, the oldest first.
    pub(crate) fn list(&self, sight: Sight) -> Vec<pb::Trace> {
        let table = self.table();
        let shown = |(number, entry): (&u64, &Entry)| pb::Trace {
            trace: name(*number),
            title: entry.title.clone(),
            session: session_name(entry.ear.session()),
            ended: entry.ear.is_deaf(),
            at: Some(self.hub.position_at(entry.after)),
        };
        let seen = table.traces.iter().filter(|(_, entry)| sight.sees_session(entry.ear.session()));
        seen.map(shown).collect()
    }

    /// A session is about to end: its traces look at what it has as long as it is there.
    pub(crate) async fn session_ends(&self, session: SessionId) {
        for recorder in self.of_session(session, |ear| !ear.is_deaf()) {
            let (answer, answered) = oneshot::channel();
            if recorder.send(Command::Look(answer)).is_ok() {
                // One that ends meanwhile does not look. One that has ended may be long at its file, and is not asked.
                _ = answered.await;
            }
        }
    }

    /// A session has ended, and all that it had was treated.
    pub(crate) fn session_ended(&self, session: SessionId) {
        for recorder in self.of_session(session, |_| true) {
            // One that is gone has ended.
            _ = recorder.send(Command::End(EndedBy::Session));
        }
    }

    /// Ends all traces, now and from now on.
    pub(crate) fn shut_down(&self) {
        let traces = {
            let mut table = self.table();
            table.stopping = true;
            std::mem::take(&mut table.traces)
        };
        traces.values().for_each(|entry| self.deafen(&entry.ear));
    }

    // ---- for the layer that hears calls

    /// Whether anybody traces. Cheap.
    pub(crate) fn hear(&self) -> bool {
        self.hearing.load(Ordering::Acquire) > 0
    }

    /// The number of a call that comes.
    fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    /// The last event so far.
    pub(crate) fn seq(&self) -> u64 {
        self.hub.position().seq
    }

    /// The traces that want a call whose request names these.
    fn wanting(&self, named: &contract::Named, caller: Option<IdentityId>) -> Vec<Arc<Ear>> {
        let table = self.table();
        let ears = table.traces.values().map(|entry| &entry.ear);
        ears.filter(|ear| !ear.is_deaf() && ear.wants_call(named, caller, &self.hub)).cloned().collect()
    }

    /// A call that somebody wants is under way.
    fn opened(&self, key: u64, call: &Arc<Call>) {
        self.open().insert(key, Arc::clone(call));
    }

    fn ended(&self, key: u64) {
        self.open().remove(&key);
    }

    /// The lines of calls that a trace wants and that have not ended; it hears no more of them.
    fn leave_calls(&self, ear: &Arc<Ear>) -> Vec<String> {
        let calls: Vec<Arc<Call>> = self.open().values().cloned().collect();
        calls.iter().filter_map(|call| call.leave(ear)).collect()
    }

    // ---- inside

    /// A trace to do something with: where its caller does not see it, it is not there.
    fn find(&self, caller: &Caller, trace: &str) -> Result<(u64, mpsc::UnboundedSender<Command>), Status> {
        let table = self.table();
        let entry = parse_name(trace).and_then(|number| Some((number, table.traces.get(&number)?)));
        let seen = entry.filter(|(_, entry)| caller.sight().sees_session(entry.ear.session()));
        let (number, entry) = seen.ok_or_else(|| no_such_trace(trace))?;
        caller.drives(owner_of(entry.ear.session()))?;
        Ok((number, entry.recorder.clone()))
    }

    fn of_session(
        &self,
        session: SessionId,
        wanted: impl Fn(&Ear) -> bool,
    ) -> Vec<mpsc::UnboundedSender<Command>> {
        let table = self.table();
        let own = table.traces.values().filter(|entry| entry.ear.session() == session);
        let own = own.filter(|entry| wanted(&entry.ear));
        own.map(|entry| entry.recorder.clone()).collect()
    }

    /// A trace hears nothing more.
    fn deafen(&self, ear: &Ear) {
        if ear.deafen() {
            self.hearing.fetch_sub(1, Ordering::Release);
        }
    }

    /// Forgets a trace; whether there was one.
    fn forget(&self, number: u64) -> bool {
        let entry = self.table().traces.remove(&number);
        entry.inspect(|entry| self.deafen(&entry.ear)).is_some()
    }

    fn gone(&self, trace: &str) -> Status {
        match self.table().stopping {
            true => Status::unavailable("the server is stopping"),
            false => no_such_trace(trace),
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Call>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every change of it is whole before anything can panic.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every kind of event at the sockets of a session.
fn everything_of(session: SessionId) -> Result<CompiledFilter, Status> {
    let filter = pb::Filter { sessions: vec![session_name(session)], ..Default::default() };
    Ok(CompiledFilter::try_from(&of_every_kind(filter))?)
}

/// A filter without kinds means all of them.
pub(crate) fn of_every_kind(mut filter: pb::Filter) -> pb::Filter {
    if filter.kinds.is_empty() {
        filter.kinds = (1..).map_while(|kind| pb::EventKind::try_from(kind).ok()).map(i32::from).collect();
    }
    filter
}

fn name(number: u64) -> String {
    format!("t-{number}")
}

fn parse_name(text: &str) -> Option<u64> {
    let number = text.strip_prefix("t-")?.parse().ok()?;
    (name(number) == text).then_some(number)
}

fn no_such_trace(trace: &str) -> Status {
    let trace: String = trace.chars().take(64).collect();
    status_saying(Errno::ENOENT, format!("there is no trace {trace:?}"), None)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::hub::HubConfig;

    #[tokio::test]
    async fn the_end_of_a_session_does_not_wait_for_a_trace_that_makes_its_file() {
        let hub = Hub::new(HubConfig::default());
        let networks = Networks::new(Config::default(), Arc::clone(&hub));
        let traces = Traces::new(hub, networks);
        let ear = Arc::new(Ear::new(SessionId(7), everything_of(SessionId(7)).unwrap()));
        // It reads what it is told when the file is made.
        let (recorder, mut inbox) = mpsc::unbounded_channel();
        let entry = Entry { ear: Arc::clone(&ear), recorder, title: String::new(), after: 0 };
        traces.table().traces.insert(1, entry);
        let ends = |traces: &Arc<Traces>| {
            let traces = Arc::clone(traces);
            async move { tokio::time::timeout(Duration::from_millis(50), traces.session_ends(SessionId(7))).await }
        };
        assert!(ends(&traces).await.is_err(), "one that records looks first");
        assert!(matches!(inbox.try_recv(), Ok(Command::Look(_))));
        ear.deafen();
        assert!(ends(&traces).await.is_ok());
    }
}
