//! What the engines' threads counted, those that have ended included.
//!
//! Owns [`Ledger`]: one account for each thread, opened before it starts and closed as it ends. Attached stacks are few and
//! stay: each is told by its name. Labs are many and come and go: they are told together, as [`LABS`], so that there are
//! never more names than attached stacks, and what an ended lab counted is not lost between two readings. Never asks a
//! thread: what they answer is [noted](Ledger::note) here.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sockwright_engine::counters::Counters;

use super::TURN_BOUNDS;
use super::durations::Durations;

/// What one engine's thread counted, its stacks together.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    /// What never shrinks.
    pub(crate) totals: Totals,
    /// Calls that wait for something to happen.
    pub(crate) parked: usize,
    /// Workloads that run.
    pub(crate) workloads: usize,
}

/// What a thread has counted since it began.
#[derive(Clone, Debug)]
pub(crate) struct Totals {
    /// By its engines.
    pub(crate) counters: Counters,
    /// Frames that the host lost, by reason.
    pub(crate) frames_lost: BTreeMap<&'static str, u64>,
    /// Hits of the server's own limits, by name.
    pub(crate) limits_hit: BTreeMap<&'static str, u64>,
    /// Its turns, without the sleep after them.
    pub(crate) turns: Durations,
}

impl Default for Totals {
    fn default() -> Self {
        Totals {
            counters: Counters::default(),
            frames_lost: BTreeMap::new(),
            limits_hit: BTreeMap::new(),
            turns: Durations::within(TURN_BOUNDS),
        }
    }
}

impl AddAssign<&Totals> for Totals {
    fn add_assign(&mut self, other: &Totals) {
        let Totals { counters, frames_lost, limits_hit, turns } = other;
        self.counters += counters;
        for (reason, count) in frames_lost {
            *self.frames_lost.entry(reason).or_default() += count;
        }
        for (limit, count) in limits_hit {
            *self.limits_hit.entry(limit).or_default() += count;
        }
        self.turns += turns;
    }
}

/// The accounts of a server's engine threads.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    inner: Mutex<Inner>,
}

/// An account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AccountId(u64);

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    open: BTreeMap<AccountId, Account>,
    /// Of the labs that have ended.
    ended: Totals,
}

#[derive(Debug)]
struct Account {
    /// `None`: a lab.
    stack: Option<Arc<str>>,
    /// As it was last noted.
    last: Option<Counted>,
}

impl Ledger {
    /// An account for the thread of an attached stack, or of a lab where there is no name.
    pub(crate) fn open(&self, stack: Option<Arc<str>>) -> AccountId {
        let mut inner = self.lock();
        let id = AccountId(inner.next);
        inner.next += 1;
        inner.open.insert(id, Account { stack, last: None });
        id
    }

    /// What a thread has counted by now. One whose account is closed has said its last before.
    pub(crate) fn note(&self, id: AccountId, counted: Counted) {
        if let Some(account) = self.lock().open.get_mut(&id) {
            account.last = Some(counted);
        }
    }

    /// A thread ended, and this is all that it counted.
    pub(crate) fn close(&self, id: AccountId, totals: &Totals) {
        let mut inner = self.lock();
        if inner.open.remove(&id).is_some_and(|account| account.stack.is_none()) {
            inner.ended += totals;
        }
    }

    /// What was counted: of each attached stack, by name, and of all labs together.
    pub(crate) fn read(&self) -> BTreeMap<Arc<str>, Counted> {
        let inner = self.lock();
        let labs = Counted { totals: inner.ended.clone(), parked: 0, workloads: 0 };
        let mut read = BTreeMap::from([(Arc::from(LABS), labs)]);
        for account in inner.open.values() {
            let Some(last) = &account.last else { continue };
            let name = account.stack.clone().unwrap_or_else(|| Arc::from(LABS));
            match read.get_mut(&name) {
                Some(sum) => {
                    sum.totals += &last.totals;
                    sum.parked += last.parked;
                    sum.workloads += last.workloads;
                }
                None => _ = read.insert(name, last.clone()),
            }
        }
        read
    }

    /// A panic in between leaves nothing half done that matters.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name that all labs are told under. No stack can have it.
pub(crate) const LABS: &str = "(labs)";

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(frames_in: u64) -> Counted {
        let counters = Counters { frames_in, ..Counters::default() };
        Counted { totals: Totals { counters, ..Totals::default() }, parked: 1, workloads: 0 }
    }

    fn frames_in(ledger: &Ledger, name: &str) -> Option<u64> {
        ledger.read().get(name).map(|counted| counted.totals.counters.frames_in)
    }

    #[test]
    fn what_a_lab_counted_is_counted_once_before_and_after_its_end() {
        let ledger = Ledger::default();
        assert_eq!(frames_in(&ledger, LABS), Some(0));
        let (one, other) = (ledger.open(None), ledger.open(None));
        ledger.note(one, counted(3));
        ledger.note(other, counted(4));
        assert_eq!(frames_in(&ledger, LABS), Some(7));
        ledger.close(one, &counted(5).totals);
        assert_eq!(frames_in(&ledger, LABS), Some(9));
        // An answer that comes late says nothing new.
        ledger.note(one, counted(3));
        assert_eq!(frames_in(&ledger, LABS), Some(9));
        assert_eq!(ledger.read()[LABS].parked, 1, "of the one that is left");
    }

    #[test]
    fn an_attached_stack_is_told_by_its_name_while_it_is_there() {
        let ledger = Ledger::default();
        let stack = ledger.open(Some("wire".into()));
        assert_eq!(frames_in(&ledger, "wire"), None, "nothing is known yet");
        ledger.note(stack, counted(3));
        assert_eq!((frames_in(&ledger, "wire"), frames_in(&ledger, LABS)), (Some(3), Some(0)));
        ledger.close(stack, &counted(4).totals);
        assert_eq!((frames_in(&ledger, "wire"), frames_in(&ledger, LABS)), (None, Some(0)));
    }
}
