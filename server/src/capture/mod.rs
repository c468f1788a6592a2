//! Captures: frames with what the engines knew of them, as pcapng, for whoever reads.
//!
//! ```text
//! engine threads -- records --> queue of each capture that wants it -- blocks --> its reader
//! ```
//!
//! Owns: which captures there are ([`Captures`]), what each wants ([`Selection`]), what waits for its reader, and what a thread
//! keeps of its recent past ([`Recent`]), where it is asked to. How a frame
//! and the events that belong to it become one [`Record`] is the business of [`tap`](crate::stack), on the engine threads,
//! which read the list again only when it has changed. Never touches an engine.

mod pcapng;
mod queue;
mod recent;
mod record;
mod select;
mod stream;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sockwright_engine::host::Errno;
use sockwright_engine::time::Instant;
use tonic::Status;

use crate::access::caller::Caller;
use crate::access::identity::IdentityId;
use crate::access::quota::Quota;
use crate::config::Limits;
use crate::error::status_saying;
use crate::hub::Name;
use queue::{End, Queue};
pub(crate) use recent::{Recent, Room};
pub(crate) use record::{Direction, Fault, Interface, Known, Record};
pub(crate) use select::{Ends, LabLink, Owner, Selection, tcp_data};
pub(crate) use stream::CaptureStream;

/// The captures of a server.
#[derive(Debug)]
pub(crate) struct Captures {
    /// At a time.
    at_most: usize,
    /// Octets that may wait for one reader.
    octets: usize,
    /// How often the list has changed.
    changes: AtomicU64,
    /// Octets that are left for the recent past of all threads.
    room: Arc<AtomicUsize>,
    /// And for what waits of it for the readers of all captures.
    past: Arc<AtomicUsize>,
    counted: Arc<Counted>,
    inner: Mutex<Inner>,
}

/// Packets of all captures, those that are over included.
#[derive(Debug, Default)]
struct Counted {
    wanted: AtomicU64,
    missed: AtomicU64,
}

/// The captures at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CaptureFigures {
    /// Those that run.
    pub(crate) running: usize,
    /// Packets that captures wanted so far.
    pub(crate) packets: u64,
    /// Those of them that they missed, for their reader was slow.
    pub(crate) missed: u64,
}

#[derive(Debug, Default)]
struct Inner {
    running: BTreeMap<u64, Arc<Capture>>,
    next_key: u64,
    stopping: bool,
}

/// A capture that somebody reads.
#[derive(Debug)]
pub(crate) struct Capture {
    /// Whose it is; `None`: a trace's.
    owner: Option<IdentityId>,
    selection: Selection,
    /// Stacks without which it has nothing to show; none: whatever stacks there are.
    stacks: Mutex<Option<Vec<Name>>>,
    queue: Queue,
    counted: Arc<Counted>,
}

impl Captures {
    /// None yet.
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Captures {
            at_most: limits.captures,
            octets: limits.capture_bytes,
            changes: AtomicU64::new(0),
            counted: Arc::default(),
            room: Arc::new(AtomicUsize::new(limits.record_bytes)),
            past: Arc::new(AtomicUsize::new(limits.record_bytes)),
            inner: Mutex::default(),
        })
    }

    /// Room for so much of the recent past of a thread.
    pub(crate) fn room(&self, octets: u64) -> Result<Room, Status> {
        Room::of(&self.room, octets).map_err(|left| {
            let message = format!("{octets} octets of recent packets are more than the {left} that are left");
            status_saying(Errno::ENOBUFS, message, None)
        })
    }

    /// Begins a capture, which ends as the stream is dropped, or with the last of `stacks`, where they are named.
    pub(crate) fn begin(
        self: &Arc<Self>,
        selection: Selection,
        stacks: Option<Vec<Name>>,
        queue_octets: usize,
        caller: Option<&Caller>,
    ) -> Result<CaptureStream, Status> {
        let mut inner = self.lock();
        if inner.stopping {
            return Err(Status::unavailable("the server is stopping"));
        }
        if inner.running.len() >= self.at_most {
            let message = format!("there are {} captures already", self.at_most);
            return Err(status_saying(Errno::ENOBUFS, message, None));
        }
        if let Some(caller) = caller {
            let own = inner.running.values().filter(|capture| capture.owner == Some(caller.id()));
            caller.has_room(Quota::Captures, || own.count())?;
        }
        let octets = match queue_octets {
            0 => self.octets,
            octets => octets.min(self.octets),
        };
        let queue = Queue::new(octets, &self.past);
        let key = inner.next_key;
        inner.next_key += 1;
        let capture = Arc::new(Capture {
            owner: caller.map(Caller::id),
            selection,
            stacks: Mutex::new(stacks),
            queue,
            counted: Arc::clone(&self.counted),
        });
        let stream = CaptureStream::new(Arc::clone(self), key, Arc::clone(&capture))?;
        inner.running.insert(key, capture);
        self.changes.fetch_add(1, Ordering::Release);
        Ok(stream)
    }

    /// How often the list has changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// The captures that run, the oldest first.
    pub(crate) fn running(&self) -> Vec<Arc<Capture>> {
        self.lock().running.values().cloned().collect()
    }

    /// How many there are, and what they got.
    pub(crate) fn figures(&self) -> CaptureFigures {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let Counted { wanted, missed } = &*self.counted;
        CaptureFigures { running: self.lock().running.len(), packets: count(wanted), missed: count(missed) }
    }

    /// A stack is gone, with all that it had to tell.
    pub(crate) fn stack_gone(&self, stack: &Name) {
        for capture in self.running() {
            capture.stack_gone(stack);
        }
    }

    /// Ends all captures, now and from now on.
    pub(crate) fn shut_down(&self) {
        let mut inner = self.lock();
        inner.stopping = true;
        inner.running.values().for_each(|capture| capture.queue.end(End::Stopping));
    }

    fn forget(&self, key: u64) {
        self.lock().running.remove(&key);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Every change of it is whole before anything can panic.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Capture {
    /// What it wants.
    pub(crate) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Gives it a record that it wants. Waits for nobody.
    pub(crate) fn push(&self, record: &Arc<Record>) {
        self.counted.wanted.fetch_add(1, Ordering::Relaxed);
        if !self.queue.push(record) {
            self.counted.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Gives it what it wants of the recent past of a thread whose clock says `now`. What passes there comes behind it.
    pub(crate) fn recall(&self, recent: &Recent, now: Instant) {
        if let Some(since) = self.selection.since() {
            self.queue.push_past(recent.wanted(&self.selection, since.on_clock(now)));
        }
    }

    fn stack_gone(&self, stack: &Name) {
        let mut named = self.stacks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stacks) = &mut *named {
            stacks.retain(|other| other != stack);
            if stacks.is_empty() {
                self.queue.end(End::Gone);
            }
        }
    }
}
