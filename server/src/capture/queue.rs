//! What waits for the reader of one capture: never more than so many octets.
//!
//! Engine threads put records in and wait for nobody. Where there is no room, records are counted in place of being kept,
//! until the reader has made room for a while to come: what it missed is told where it was missed. Of the recent past a thread
//! gives what it kept, all at once: what waits of it in all queues together takes no more than a server keeps of it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use sockwright_engine::time::Instant;

use super::recent::Room;
use super::record::{Interface, Record};

/// The queue of a capture.
#[derive(Debug)]
pub(super) struct Queue {
    /// In octets.
    limit: usize,
    /// Octets that are left for the past in the queues of all captures.
    past: Arc<AtomicUsize>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Entry>,
    octets: usize,
    /// Of the past, and what was taken for it out of what all captures have: given back when the last of it is read.
    past: (usize, Vec<Room>),
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
    /// A packet of the recent past, which takes no room of this queue's own.
    Past(Arc<Record>),
    /// Packets of this interface that passed in the time that is asked for are not kept any more.
    Forgotten {
        /// Which.
        interface: Arc<Interface>,
        /// How many are not, of any time.
        packets: u64,
        /// When the last of them passed.
        at: Instant,
    },
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
    pub(super) fn new(limit: usize, past: &Arc<AtomicUsize>) -> Self {
        Queue { limit, past: Arc::clone(past), inner: Mutex::default() }
    }

    /// Puts a record in, or counts it where there is no room: then it is missed.
    pub(super) fn push(&self, record: &Arc<Record>) -> bool {
        let mut inner = self.lock();
        if inner.end.is_some() {
            return true;
        }
        let fits = inner.octets + record.cost() <= self.limit;
        inner.full = !fits || (inner.full && inner.octets > self.limit / 2);
        if inner.full {
            inner.miss(record);
        } else {
            inner.tell_missed();
            inner.octets += record.cost();
            inner.entries.push_back(Entry::Packet(Arc::clone(record)));
        }
        let (reader, kept) = (inner.reader.take(), !inner.full);
        drop(inner);
        reader.into_iter().for_each(Waker::wake);
        kept
    }

    /// Puts in what was kept, or as much of the end of it as there is room for; the rest is missed.
    pub(super) fn push_past(&self, past: impl Iterator<Item = Entry>) {
        let mut inner = self.lock();
        if inner.end.is_none() {
            let mut past: VecDeque<Entry> = past.collect();
            let mut octets = past.iter().map(Entry::past_cost).sum::<usize>();
            let room = loop {
                match Room::of(&self.past, octets as u64) {
                    Ok(room) => break room,
                    Err(left) => octets -= inner.miss_past(&mut past, octets - left),
                }
            };
            inner.tell_missed();
            inner.past.0 += octets;
            inner.past.1.push(room);
            inner.entries.extend(past);
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
            match &entry {
                Entry::Packet(record) => {
                    taken += record.cost();
                    inner.octets -= record.cost();
                }
                Entry::Past(record) => {
                    taken += record.cost();
                    inner.past.0 -= record.cost();
                    if inner.past.0 == 0 {
                        inner.past.1.clear();
                    }
                }
                Entry::Missed { .. } | Entry::Forgotten { .. } => {}
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

impl Entry {
    fn past_cost(&self) -> usize {
        match self {
            Entry::Past(record) => record.cost(),
            _ => 0,
        }
    }
}

impl Inner {
    /// Takes the oldest out of a past until it is smaller by so many octets, and says by how many it is.
    fn miss_past(&mut self, past: &mut VecDeque<Entry>, octets: usize) -> usize {
        let mut taken = 0;
        past.retain(|entry| match entry {
            Entry::Past(record) if taken < octets => {
                taken += record.cost();
                self.miss(record);
                false
            }
            _ => true,
        });
        taken
    }

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

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use sockwright_link::virtual_link::Medium;

    use super::*;
    use crate::capture::record::{Direction, Known};

    fn record(stack: &str, number: u64) -> Arc<Record> {
        let medium = Medium::Ip;
        let interface =
            Interface { stack: stack.into(), link: "link1".into(), medium, began: Duration::ZERO };
        Arc::new(Record {
            at: Instant::from_nanos(number),
            interface: Arc::new(interface),
            direction: Direction::Out,
            frame: vec![0; 1000],
            known: Known::default(),
        })
    }

    fn at(number: u64) -> Instant {
        Instant::from_nanos(number)
    }

    /// What is there, without waiting: when each packet was, and how many are missing.
    fn take(queue: &Queue) -> (Vec<u64>, u64) {
        let mut cx = Context::from_waker(Waker::noop());
        let (mut packets, mut missing) = (Vec::new(), 0);
        while let Poll::Ready(Ok(entries)) = queue.poll_take(&mut cx, 2000) {
            for entry in entries {
                match entry {
                    Entry::Packet(record) => packets.push(record.at.as_nanos()),
                    Entry::Missed { packets, .. } => missing += packets,
                    other => panic!("{other:?}"),
                }
            }
        }
        (packets, missing)
    }

    #[test]
    fn it_never_holds_more_than_its_limit_and_counts_the_rest() {
        let queue = Queue::new(100_000, &Arc::default());
        for number in 0..10_000 {
            queue.push(&record(if number % 2 == 0 { "a" } else { "b" }, number));
            let inner = queue.lock();
            let held: usize = inner
                .entries
                .iter()
                .map(|entry| match entry {
                    Entry::Packet(record) => record.cost(),
                    _ => 0,
                })
                .sum();
            assert!(held == inner.octets && held <= 100_000 && inner.missed.len() <= 2);
        }
        let (packets, missing) = take(&queue);
        assert_eq!(packets, (0..packets.len() as u64).collect::<Vec<_>>());
        assert_eq!(packets.len() as u64 + missing, 10_000);
        // There is room again, and nothing is told twice.
        queue.push(&record("a", 10_000));
        assert_eq!(take(&queue), (vec![10_000], 0));
    }

    #[test]
    fn interfaces_that_come_and_go_do_not_grow_what_is_counted() {
        let queue = Queue::new(1000, &Arc::default());
        for number in 0..5000 {
            queue.push(&record(&format!("lab{number}/a"), number));
        }
        assert_eq!(queue.lock().missed.len(), MISSED_INTERFACES);
        assert_eq!(take(&queue).1, 5000);
    }

    #[test]
    fn the_past_in_all_queues_together_takes_no_more_than_there_is_for_it() {
        let cost = record("a", 0).cost();
        let room = Arc::new(AtomicUsize::new(10 * cost));
        let (first, second) = (Queue::new(1, &room), Queue::new(1, &room));
        let past = |from| (from..from + 8).map(|number| Entry::Past(record("a", number)));
        first.push_past(past(0));
        second.push_past(past(0));
        assert_eq!(room.load(Ordering::Relaxed), 0);
        // The last two of it, and what is missing comes first.
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(entries)) = second.poll_take(&mut cx, usize::MAX) else { panic!("nothing") };
        assert!(matches!(entries[0], Entry::Missed { packets: 6, .. }), "{entries:?}");
        assert!(
            matches!(&entries[1..], [Entry::Past(one), Entry::Past(two)] if (one.at, two.at) == (at(6), at(7)))
        );
        assert_eq!(room.load(Ordering::Relaxed), 2 * cost, "read, it takes no room");
        drop(first);
        assert_eq!(room.load(Ordering::Relaxed), 10 * cost, "nor does what nobody reads any more");
    }

    #[test]
    fn what_waits_comes_before_the_end() {
        let queue = Queue::new(100_000, &Arc::default());
        queue.push(&record("a", 1));
        queue.end(End::Gone);
        queue.end(End::Stopping);
        queue.push(&record("a", 2));
        assert_eq!(take(&queue), (vec![1], 0));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(queue.poll_take(&mut cx, 1), Poll::Ready(Err(End::Gone))));
    }
}
