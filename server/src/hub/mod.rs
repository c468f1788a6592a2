//! The hub: every event of the server in one sequence, and the state of every socket that follows from them.
//!
//! Owns: the ring of recent events, the mirror of all sockets, and those who watch and wait. Engine threads publish a
//! batch a turn and never wait for anybody; watchers own nothing but a place in the ring, and read on by themselves.
//! One mutex guards it all and is held for a batch at a time, so that a snapshot, its position and the events after it
//! belong together. Never touches an engine.
//!
//! ```text
//! engine threads -- publish --> ring: ... 4711 4712 4713        <-- cursor -- watch
//!                          \--> mirror: socket -> row, at 4713  --> snapshot
//!                           \-> whoever waits for that socket
//! ```

mod claim;
mod conflate;
mod crowd;
mod figures;
mod filter;
mod follow;
mod interest;
mod mirror;
mod name;
mod page;
mod places;
mod ring;
mod told;
mod wait;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use sockwright_engine::event::{Event, EventKind, Interest};
use sockwright_engine::host::Errno;
use sockwright_engine::id::{SessionId, SocketId};
use sockwright_engine::tcp::state::State;
use sockwright_engine::time::Instant;
use sockwright_proto::v1::{self as pb, Position};
use tonic::Status;

pub(crate) use claim::{Claim, Room};
pub(crate) use figures::HubFigures;
pub use filter::CompiledFilter;
pub(crate) use follow::{Followed, Follower};
pub use interest::InterestHook;
pub use name::Name;
pub use places::Places;
pub use ring::HubEvent;
pub use told::{Batch, Told};
pub use wait::Current;
pub use watch::WatchStream;

use crate::access::owner::is_no_session;
use crowd::Crowd;
use figures::{Tally, Watcher};
use interest::Wanted;
use mirror::{Mirror, SocketFlow, changes};
use ring::{Block, Record, Ring};
use wait::Waiters;

/// The limits of a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubConfig {
    /// Events that are remembered, at least 1. The oldest gives way.
    pub remember: usize,
    /// Released sockets whose end is remembered. The oldest gives way.
    pub remember_released: usize,
    /// Watches at a time. One more is refused with RESOURCE_EXHAUSTED.
    pub watchers: usize,
    /// The most events that may wait for one watcher, and the default of `WatchRequest.queue_limit`.
    pub watcher_queue: usize,
    /// Octets that may wait for all watchers together, what the ring has for all of them aside. Beyond that, whoever has more
    /// than its share of them has fallen behind.
    pub watcher_bytes: usize,
    /// `WaitFor` calls at a time. One more is refused with RESOURCE_EXHAUSTED.
    pub waiters: usize,
}

impl Default for HubConfig {
    fn default() -> Self {
        HubConfig {
            remember: 262_144,
            remember_released: 65_536,
            watchers: 4096,
            watcher_queue: 65_536,
            watcher_bytes: 256 << 20,
            waiters: 65_536,
        }
    }
}

/// How a released socket ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The socket as it last was.
    pub summary: pb::SocketSummary,
    /// What its connection failed with, if it did.
    pub error: Option<Errno>,
    /// Its `Released` event.
    pub at: Position,
}

/// The hub of a server. One for all its stacks.
#[derive(Debug)]
pub struct Hub {
    config: HubConfig,
    epoch: u64,
    /// The number of the last event, to be read without the mutex.
    last: AtomicU64,
    wanted: Arc<Wanted>,
    tally: Tally,
    crowd: Crowd,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    ring: Ring,
    mirror: Mirror,
    /// One for each watch.
    watchers: HashMap<u64, Watcher>,
    waiters: Waiters,
    next_key: u64,
    stopping: bool,
}

impl Hub {
    /// An empty hub of a new epoch.
    pub fn new(config: HubConfig) -> Arc<Hub> {
        let inner = Inner {
            ring: Ring::new(config.remember),
            mirror: Mirror::new(config.remember_released),
            watchers: HashMap::new(),
            waiters: Waiters::default(),
            next_key: 0,
            stopping: false,
        };
        Arc::new(Hub {
            config,
            // The seeds of a `RandomState` are the operating system's randomness.
            epoch: RandomState::new().hash_one("epoch").max(1),
            last: AtomicU64::new(0),
            wanted: Arc::new(Wanted::default()),
            tally: Tally::default(),
            crowd: Crowd::default(),
            inner: Mutex::new(inner),
        })
    }

    /// This run of the server. Never 0.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The last event that was published.
    pub fn position(&self) -> Position {
        self.position_at(self.last.load(Ordering::Acquire))
    }

    /// The event `seq` of this epoch.
    pub fn position_at(&self, seq: u64) -> Position {
        Position { epoch: self.epoch, seq }
    }

    /// Publishes what happened on a stack, in order.
    ///
    /// The result is the last event of the batch: where the calls of that turn took effect.
    pub fn publish(&self, stack: &Name, events: impl IntoIterator<Item = HubEvent>) -> Position {
        self.publish_of_many(events.into_iter().map(|event| (stack.clone(), event)))
    }

    /// [`Hub::publish`] of several stacks at once. Engine threads call this once a turn; it waits for nobody.
    pub fn publish_of_many(&self, events: impl IntoIterator<Item = (Name, HubEvent)>) -> Position {
        let mut events = events.into_iter();
        let mut at = self.position();
        // Taken from the caller before the mutex is.
        while let Some(block) = Block::of_next(&mut events) {
            at = self.publish_with(|inner| inner.publish(block));
        }
        at
    }

    /// A stack is gone: publishes `Released` for each of its sockets that is left.
    pub fn remove_stack(&self, stack: &Name, at: Instant) -> Position {
        self.publish_with(|inner| {
            let released = |socket| Event { at, socket: Some(socket), kind: EventKind::Released };
            let sockets = inner.mirror.sockets_of(stack).into_iter();
            let mut events = sockets.map(|socket| (stack.clone(), released(socket).into()));
            while let Some(block) = Block::of_next(&mut events) {
                inner.publish(block);
            }
        })
    }

    /// A socket belongs to another session, or to nobody. There is no event for it; later ones tell the new session.
    pub fn reassign(&self, socket: SocketId, session: SessionId) {
        self.lock().mirror.change(socket, |row| row.session = session);
    }

    /// What engines have to tell beyond what is always told. Cheap.
    ///
    /// An engine thread reads it after it took commands from its queue and before it carries them out: then everything
    /// that a command causes is told to whoever began to watch or wait before the command was given.
    pub fn interest(&self) -> Interest {
        self.wanted.interest()
    }

    /// Whether anybody wants to hear of frames that links lost or changed.
    pub fn wants_frame_losses(&self) -> bool {
        self.wanted.frames()
    }

    /// Has `wake` called whenever [`Hub::interest`] has grown, so that an idle engine thread can read it. It is called
    /// on any thread, without a lock that [`Hub`]'s methods take, and has to return at once.
    pub fn on_interest_change(&self, wake: impl Fn() + Send + Sync + 'static) -> InterestHook {
        self.wanted.hook(wake)
    }

    /// A socket that is there.
    pub fn summary(&self, socket: SocketId) -> Option<pb::SocketSummary> {
        let row = self.lock().mirror.get(socket).cloned();
        row.map(|row| row.summary())
    }

    /// A socket that is gone, for as long as it is remembered.
    pub fn ended(&self, socket: SocketId) -> Option<Ended> {
        let last = self.lock().mirror.ended(socket).cloned()?;
        let at = self.position_at(last.seq);
        Some(Ended { summary: last.row.summary(), error: last.row.failed, at })
    }

    /// The stack of a socket that is there, and the session that it belongs to.
    pub fn place_of(&self, socket: SocketId) -> Option<(Name, SessionId)> {
        self.lock().mirror.get(socket).map(|row| (row.stack.clone(), row.session))
    }

    /// The addresses of a socket that is there, as far as it has any: its own and its peer's.
    pub(crate) fn ends_of(&self, socket: SocketId) -> Option<(Option<SocketAddr>, Option<SocketAddr>)> {
        self.lock().mirror.get(socket).map(|row| (row.local(), row.remote()))
    }

    /// Between whom a socket is, that is there and has a peer.
    pub(crate) fn flow_of(&self, socket: SocketId) -> Option<SocketFlow> {
        self.lock().mirror.get(socket)?.flow()
    }

    /// How many sockets somebody has, and has room claimed for. Connections that wait to be accepted are not his yet.
    #[cfg(test)]
    pub(crate) fn sockets_of(&self, owner: crate::access::identity::IdentityId) -> usize {
        self.lock().mirror.count_of(owner)
    }

    /// The sockets of a stack, and whose they are: at most `limit`.
    pub(crate) fn sockets_on(&self, stack: &Name, limit: usize) -> Vec<(SocketId, SessionId)> {
        let inner = self.lock();
        let sockets = inner.mirror.sockets_of(stack).into_iter().take(limit);
        sockets.filter_map(|socket| Some((socket, inner.mirror.get(socket)?.session))).collect()
    }

    /// At most `limit` of the sockets after `after_socket` that the filter admits, ascending, and when that was true.
    pub fn list(
        &self,
        filter: &CompiledFilter,
        after_socket: u64,
        limit: usize,
    ) -> (Vec<pb::SocketSummary>, Position) {
        let (pages, at) = {
            let inner = self.lock();
            (inner.mirror.pages_from(SocketId(after_socket)), self.position_at(inner.ring.last()))
        };
        let rows = pages.iter().flat_map(|page| page.rows());
        let admitted = rows.filter(|row| row.socket.0 > after_socket && filter.admits_row(row));
        (admitted.take(limit).map(|row| row.summary()).collect(), at)
    }

    /// Tells every watcher that the server ends soon.
    pub(crate) fn tell_draining(&self, within: Duration) -> Position {
        self.publish(&Name::from(""), [HubEvent::Draining { within }])
    }

    /// Whether any session, there or ended, has a connection on one of these stacks that is not over, TIME-WAIT aside.
    pub(crate) fn has_connections_of_sessions(&self, on: impl Fn(&Name) -> bool) -> bool {
        let over = |state| matches!(state, State::Closed | State::Listen | State::TimeWait);
        let pages = self.lock().mirror.pages_from(SocketId(0));
        pages.iter().flat_map(|page| page.rows()).any(|row| {
            row.tcp_state.is_some_and(|state| !over(state)) && !is_no_session(row.session) && on(&row.stack)
        })
    }

    /// Ends all watches and waits with UNAVAILABLE, now and from now on. Watches are sent what was published before.
    pub fn shutdown(&self) {
        self.publish_with(|inner| {
            inner.stopping = true;
            inner.waiters.stop();
        });
    }

    /// Publishes under the mutex, then wakes those that have something to read.
    fn publish_with(&self, body: impl FnOnce(&mut Inner)) -> Position {
        let mut inner = self.lock();
        body(&mut inner);
        let last = inner.ring.last();
        self.last.store(last, Ordering::Release);
        let watchers: Vec<Waker> =
            inner.watchers.values_mut().filter_map(|watcher| watcher.waker.take()).collect();
        let waiters = inner.waiters.take_woken();
        drop(inner);
        watchers.into_iter().for_each(Waker::wake);
        waiters.iter().for_each(|waiter| waiter.notify_one());
        self.position_at(last)
    }

    /// A panic in between leaves nothing half done that matters: the hub goes on.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn publish(&mut self, mut block: Block) {
        let mut before: Option<&Record> = None;
        for (record, seq) in block.records_mut().iter_mut().zip(self.ring.last() + 1..) {
            record.seq = seq;
            record.row = match before {
                // The usual case: more of what goes on at the same socket.
                Some(before) if before.event.socket() == record.event.socket() && !changes(&record.event) => {
                    before.row.clone()
                }
                _ => self.mirror.apply(&record.stack, seq, &record.event),
            };
            self.waiters.offer(record);
            before = Some(record);
        }
        self.ring.push(block);
    }

    fn new_key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }
}

/// What a watch or wait ends with as the server stops.
fn stopping() -> Status {
    Status::unavailable("the server is stopping")
}
