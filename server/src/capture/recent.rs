//! What a thread keeps of its recent past: the last packets of its stacks, never more than so many octets.
//!
//! ```text
//! forgotten: lab/a/link1 1200, the last at 3.2 s   | kept: 3.2 s  3.2 s  3.3 s ... now
//! ```
//!
//! It belongs to the thread, which puts every packet in, and gives a capture that begins what that wants of it: nobody waits,
//! and between the past and what follows there is neither a hole nor a packet twice. What gave way is counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sockwright_engine::time::Instant;

use super::queue::Entry;
use super::record::{Interface, Record};
use super::select::{Ends, Owner, Selection};

/// The recent packets of a thread.
#[derive(Debug)]
pub(crate) struct Recent {
    /// In octets.
    room: Room,
    kept: VecDeque<Kept>,
    octets: usize,
    /// By the name of the interface: how many are not here any more, and when the last of them passed.
    forgotten: BTreeMap<String, (Arc<Interface>, u64, Instant)>,
}

#[derive(Debug)]
struct Kept {
    record: Arc<Record>,
    owner: Option<Arc<Owner>>,
}

impl Recent {
    /// Nothing yet.
    pub(crate) fn new(room: Room) -> Self {
        Recent { room, kept: VecDeque::new(), octets: 0, forgotten: BTreeMap::new() }
    }

    /// How many octets it keeps at most.
    pub(crate) fn limit(&self) -> usize {
        self.room.octets
    }

    /// Goes on with another limit.
    pub(crate) fn resize(&mut self, room: Room) {
        self.room = room;
        self.shrink();
    }

    /// Keeps a packet, and whose it is.
    pub(crate) fn push(&mut self, record: &Arc<Record>, owner: Option<&Arc<Owner>>) {
        self.octets += record.cost();
        self.kept.push_back(Kept { record: Arc::clone(record), owner: owner.cloned() });
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.octets > self.room.octets
            && let Some(Kept { record, .. }) = self.kept.pop_front()
        {
            self.octets -= record.cost();
            let (_, packets, last) = self
                .forgotten
                .entry(record.interface.name())
                .or_insert_with(|| (Arc::clone(&record.interface), 0, record.at));
            (*packets, *last) = (*packets + 1, record.at);
        }
    }

    /// What a capture wants of it from then on, and before it what it would have wanted and is not here.
    pub(super) fn wanted(&self, selection: &Selection, since: Instant) -> impl Iterator<Item = Entry> {
        let lacking = self
            .forgotten
            .values()
            .filter(move |(interface, _, last)| *last >= since && selection.may_want(interface));
        let lacking = lacking.map(|(interface, packets, at)| Entry::Forgotten {
            interface: Arc::clone(interface),
            packets: *packets,
            at: *at,
        });
        let kept = self.kept.iter().filter(move |Kept { record, owner }| {
            let ends = Ends::of(&record.frame, record.interface.medium);
            record.at >= since && selection.wants(record, owner.as_deref(), &ends)
        });
        lacking.chain(kept.map(|kept| Entry::Past(Arc::clone(&kept.record))))
    }
}

/// Octets for the recent past of one thread, out of those that a server has for all; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    octets: usize,
    from: Arc<AtomicUsize>,
}

impl Room {
    /// So many out of what is left; where that is less, how much it is.
    pub(super) fn of(from: &Arc<AtomicUsize>, octets: u64) -> Result<Self, usize> {
        let octets = usize::try_from(octets).unwrap_or(usize::MAX);
        let left = from.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(octets));
        left.map(|_| Room { octets, from: Arc::clone(from) })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.from.fetch_add(self.octets, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sockwright_link::virtual_link::Medium;
    use sockwright_proto::v1 as pb;

    use super::*;
    use crate::capture::record::{Direction, Known};

    fn record(stack: &str, second: u64) -> Arc<Record> {
        let medium = Medium::Ip;
        let interface =
            Interface { stack: stack.into(), link: "link1".into(), medium, began: Duration::ZERO };
        Arc::new(Record {
            at: Instant::from_nanos(second),
            interface: Arc::new(interface),
            direction: Direction::Out,
            frame: vec![0; 744],
            known: Known::default(),
        })
    }

    fn selection(stacks: &[&str]) -> Selection {
        let stacks = stacks.iter().map(|stack| (*stack).to_owned()).collect();
        let filter = Some(pb::Filter { stacks, ..Default::default() });
        Selection::parse(&pb::CaptureRequest { filter, ..Default::default() }).unwrap()
    }

    /// When each packet was, and what is missing: the name of the interface, how many, and the last.
    fn wanted(recent: &Recent, stacks: &[&str], since: u64) -> (Vec<u64>, Vec<(String, u64, u64)>) {
        let (mut packets, mut missing) = (Vec::new(), Vec::new());
        for entry in recent.wanted(&selection(stacks), Instant::from_nanos(since)) {
            match entry {
                Entry::Past(record) => packets.push(record.at.as_nanos()),
                Entry::Forgotten { interface, packets, at } => {
                    missing.push((interface.name(), packets, at.as_nanos()));
                }
                other => panic!("{other:?}"),
            }
        }
        (packets, missing)
    }

    #[test]
    fn the_oldest_gives_way_and_is_told_where_it_was_asked_for() {
        let left = Arc::new(AtomicUsize::new(10_000));
        let mut recent = Recent::new(Room::of(&left, 4000).unwrap());
        // Each costs 1000 octets.
        for second in 0..10 {
            recent.push(&record(if second % 2 == 0 { "lab/a" } else { "lab/b" }, second), None);
            assert!(recent.octets <= 4000);
        }
        let missing = |a: u64| ("lab/a/link1".to_owned(), a, 4);
        assert_eq!(wanted(&recent, &["lab/a"], 0), (vec![6, 8], vec![missing(3)]));
        assert_eq!(wanted(&recent, &["lab/a"], 5), (vec![6, 8], vec![]));
        assert_eq!(wanted(&recent, &[], 5), (vec![6, 7, 8, 9], vec![("lab/b/link1".to_owned(), 3, 5)]));
        assert_eq!(wanted(&recent, &["lab/c"], 0), (vec![], vec![]));

        recent.resize(Room::of(&left, 2000).unwrap());
        assert_eq!(wanted(&recent, &[], 7), (vec![8, 9], vec![("lab/b/link1".to_owned(), 4, 7)]));
    }

    #[test]
    fn room_is_shared_and_given_back() {
        let left = Arc::new(AtomicUsize::new(100));
        let first = Room::of(&left, 60).unwrap();
        assert_eq!(Room::of(&left, 60).unwrap_err(), 40);
        let second = Room::of(&left, 40).unwrap();
        assert_eq!(Room::of(&left, u64::MAX).unwrap_err(), 0);
        drop(first);
        assert_eq!(Room::of(&left, 60).unwrap().octets, 60);
        drop(second);
        assert_eq!(left.load(Ordering::Acquire), 100);
    }
}
