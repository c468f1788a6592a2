//! Which of the frequent kinds of event somebody wants to see: the union of what all watchers and waiters need.
//!
//! Owns: [`Kinds`], a set of event kinds; [`Wanted`], the count of who wants what; [`Want`], one who does, for as
//! long as it lives. Engine threads read the union from an atomic each turn.

use std::fmt;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sockwright_engine::event::Interest;
use sockwright_proto::v1::EventKind;

/// A set of event kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds(u32);

impl Kinds {
    pub(super) const NONE: Kinds = Kinds(0);

    /// What a watch without `kinds` gets: what tells states and errors, and costs nothing.
    pub(super) const DEFAULT: Kinds = Kinds::of(&[
        EventKind::Opened,
        EventKind::Named,
        EventKind::SocketStateChanged,
        EventKind::TcpStateChanged,
        EventKind::AcceptReady,
        EventKind::Failed,
        EventKind::LimitHit,
        EventKind::Released,
        EventKind::AddressConflict,
        EventKind::LinkChanged,
        EventKind::StackFailed,
        EventKind::Draining,
    ]);

    pub(super) const fn of(kinds: &[EventKind]) -> Kinds {
        let mut bits = 0;
        let mut rest = kinds;
        while let [kind, more @ ..] = rest {
            bits |= 1 << *kind as u32;
            rest = more;
        }
        Kinds(bits)
    }

    /// With `kind` in it. `EVENT_KIND_UNSPECIFIED` may be, and no event has it.
    pub(super) const fn with(self, kind: EventKind) -> Kinds {
        Kinds(self.0 | Kinds::of(&[kind]).0)
    }

    pub(super) const fn contains(self, kind: EventKind) -> bool {
        self.0 & Kinds::of(&[kind]).0 != 0
    }

    const fn intersects(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }
}

/// What is told only while somebody wants it. The index is the bit in [`Wanted::bits`].
const GATED: [(Kinds, Interest); 11] = [
    (
        Kinds::of(&[EventKind::SegmentSent, EventKind::SegmentReceived, EventKind::Datagram]),
        Interest::SEGMENTS,
    ),
    (Kinds::of(&[EventKind::SegmentDropped]), Interest::DROPS),
    (Kinds::of(&[EventKind::Retransmission]), Interest::RETRANSMISSIONS),
    (Kinds::of(&[EventKind::Timer]), Interest::TIMERS),
    (Kinds::of(&[EventKind::Readable, EventKind::Acknowledged]), Interest::DATA),
    (Kinds::of(&[EventKind::Recovery, EventKind::Undo]), Interest::RECOVERY),
    (Kinds::of(&[EventKind::Congestion]), Interest::CONGESTION),
    (Kinds::of(&[EventKind::RttSample]), Interest::RTT),
    (Kinds::of(&[EventKind::Windows]), Interest::WINDOWS),
    (Kinds::of(&[EventKind::Neighbor]), Interest::NEIGHBORS),
    // The links' business, not the engines'.
    (Kinds::of(&[EventKind::FrameLost]), Interest::NONE),
];

const FRAMES: u16 = 1 << (GATED.len() - 1);

/// Who wants what.
#[derive(Default)]
pub(super) struct Wanted {
    bits: AtomicU16,
    counts: Mutex<[u32; GATED.len()]>,
    hooks: Mutex<Vec<(u64, Hook)>>,
    next_hook: AtomicU64,
}

type Hook = Arc<dyn Fn() + Send + Sync>;

impl Wanted {
    pub(super) fn interest(&self) -> Interest {
        let bits = self.bits.load(Ordering::Acquire);
        let wanted = GATED.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0);
        wanted.fold(Interest::NONE, |all, (_, (_, interest))| all | *interest)
    }

    pub(super) fn frames(&self) -> bool {
        self.bits.load(Ordering::Acquire) & FRAMES != 0
    }

    /// Wants these kinds for as long as the result lives. When this returns, [`Wanted::interest`] has them, and
    /// hooks were called if it changed.
    pub(super) fn want(self: &Arc<Self>, kinds: Kinds) -> Want {
        let more = self.count(kinds, |count| count.saturating_add(1));
        if more {
            let hooks: Vec<Hook> = lock(&self.hooks).iter().map(|(_, hook)| Arc::clone(hook)).collect();
            hooks.iter().for_each(|hook| hook());
        }
        Want { wanted: Arc::clone(self), kinds }
    }

    pub(super) fn hook(self: &Arc<Self>, wake: impl Fn() + Send + Sync + 'static) -> InterestHook {
        let key = self.next_hook.fetch_add(1, Ordering::Relaxed);
        lock(&self.hooks).push((key, Arc::new(wake)));
        InterestHook { wanted: Arc::clone(self), key }
    }

    /// Counts anew for each group that `kinds` touches. Says whether something is wanted that was not.
    fn count(&self, kinds: Kinds, step: impl Fn(u32) -> u32) -> bool {
        let mut counts = lock(&self.counts);
        let mut bits = 0;
        for (bit, (group, _)) in GATED.iter().enumerate() {
            if kinds.intersects(*group) {
                counts[bit] = step(counts[bit]);
            }
            bits |= u16::from(counts[bit] > 0) << bit;
        }
        let before = self.bits.swap(bits, Ordering::AcqRel);
        bits & !before != 0
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted").field("interest", &self.interest()).finish_non_exhaustive()
    }
}

/// Somebody who wants some kinds, until it is dropped.
#[derive(Debug)]
pub(super) struct Want {
    wanted: Arc<Wanted>,
    kinds: Kinds,
}

impl Drop for Want {
    fn drop(&mut self) {
        self.wanted.count(self.kinds, |count| count.saturating_sub(1));
    }
}

/// A function that is called when [`Hub::interest`](super::Hub::interest) grows, until this is dropped.
#[derive(Debug)]
pub struct InterestHook {
    wanted: Arc<Wanted>,
    key: u64,
}

impl Drop for InterestHook {
    fn drop(&mut self) {
        lock(&self.wanted.hooks).retain(|(key, _)| *key != self.key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn interest_is_the_union_and_ends_with_the_last_who_wants_it() {
        let wanted = Arc::new(Wanted::default());
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let hook = wanted.hook(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(wanted.interest(), Interest::NONE);

        let segments = wanted.want(Kinds::of(&[EventKind::SegmentSent, EventKind::Opened]));
        let timers = wanted.want(Kinds::of(&[EventKind::Timer, EventKind::Datagram]));
        assert_eq!(wanted.interest(), Interest::SEGMENTS | Interest::TIMERS);
        drop(segments);
        assert_eq!(wanted.interest(), Interest::SEGMENTS | Interest::TIMERS);
        drop(timers);
        assert_eq!(wanted.interest(), Interest::NONE);
        assert_eq!(calls.load(Ordering::Relaxed), 2, "only growth is told");

        drop(hook);
        let frames = wanted.want(Kinds::of(&[EventKind::FrameLost]));
        assert!(wanted.frames() && wanted.interest() == Interest::NONE);
        drop(frames);
        assert!(!wanted.frames());
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn the_default_kinds_cost_nothing() {
        let wanted = Arc::new(Wanted::default());
        let _want = wanted.want(Kinds::DEFAULT);
        assert_eq!(wanted.interest(), Interest::NONE);
        assert!(!wanted.frames());
    }
}
