//! What waits for the reader of one capture: never more than so many octets.
//!
//! Engine threads put records in and wait for nobody. Where there is no room, records are counted in place of being kept,
//! until the reader has made room for a while to come: what it missed is told where it was missed.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use sockwright_engine::time::Instant;

use super::record::{Interface, Record};

/// The queue of a capture.
#[derive(Debug)]
pub(super) struct Queue {
    /// In octets.
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Entry>,
    octets: usize,
    /// There was no room, and there is not half of it yet.
    full: bool,
    /// By interface, since the last entry; and when that was.
    missed: HashMap<Arc<Interface>, (u64, Instant)>,
    end: Option<End>,
    reader: Option<Waker>,
}

/// Something for the reader.
#[derive(Debug)]
pub(super) enum Entry {
    /// A packet.
    Packet(Arc<Record>),
    /// Packets of this interface are missing here.
    Missed {
        /// Which.
        interface: Arc<Interface>,
        /// How many.
        packets: u64,
        /// When the last of them passed.
        at: Instant,
    },
}

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All that was named to be captured is gone.
    Gone,
    /// The server is stopping.
    Stopping,
}

impl Queue {
    pub(super) fn new(limit: usize) -> Self {
        Queue { limit, inner: Mutex::default() }
    }

    /// Puts a record in, or counts it where there is no room.
    pub(super) fn push(&self, record: &Arc<Record>) {
        let mut inner = self.lock();
        if inner.end.is_some() {
            return;
        }
        inner.full = match inner.full {
            true => inner.octets > self.limit / 2,
            false => inner.octets + record.cost() > self.limit,
        };
        if inner.full {
            inner.miss(record);
        } else {
            inner.tell_missed();
            inner.octets += record.cost();
            inner.entries.push_back(Entry::Packet(Arc::clone(record)));
        }
        let reader = inner.reader.take();
        drop(inner);
        reader.into_iter().for_each(Waker::wake);
    }

    /// Nothing more comes. The first reason stays.
    pub(super) fn end(&self, end: End) {
        let mut inner = self.lock();
        inner.end.get_or_insert(end);
        let reader = inner.reader.take();
        drop(inner);
        reader.into_iter().for_each(Waker::wake);
    }

    /// Takes entries of about `octets`, in order; with none left, the end.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>, octets: usize) -> Poll<Result<Vec<Entry>, End>> {
        let mut inner = self.lock();
        let (mut taken, mut entries) = (0, Vec::new());
        while taken < octets {
            let Some(entry) = inner.entries.pop_front() else { break };
            if let Entry::Packet(record) = &entry {
                taken += record.cost();
                inner.octets -= record.cost();
            }
            entries.push(entry);
        }
        if inner.entries.is_empty() {
            // Whether another packet ever comes or not.
            inner.tell_missed();
            entries.extend(inner.entries.drain(..));
        }
        match inner.end {
            _ if !entries.is_empty() => Poll::Ready(Ok(entries)),
            Some(end) => Poll::Ready(Err(end)),
            None => {
                inner.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// A panic in between leaves nothing half done that matters.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn miss(&mut self, record: &Record) {
        let interface = match self.missed.len() {
            // Of too many to be told apart, one stands for the rest.
            MISSED_INTERFACES if !self.missed.contains_key(&record.interface) => {
                self.missed.keys().next().unwrap_or(&record.interface)
            }
            _ => &record.interface,
        };
        let missed = self.missed.entry(Arc::clone(interface)).or_insert((0, record.at));
        *missed = (missed.0 + 1, record.at);
    }

    /// What was missed takes its place between the packets.
    fn tell_missed(&mut self) {
        let missed = self.missed.drain();
        let told = missed.map(|(interface, (packets, at))| Entry::Missed { interface, packets, at });
        self.entries.extend(told);
    }
}

/// Interfaces that missed packets are counted for one by one.
const MISSED_INTERFACES: usize = 1024;
