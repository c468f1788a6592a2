//! Many watchers at once: what they may have together.
//!
//! Owns [`Crowd`], which bounds two things that a limit for each watcher does not: the memory that waits for all of them,
//! and the time in which those look at events that need not see each. It is the same for a thousand watchers as for ten, so
//! that one more dashboard does not make a test lose events.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The watchers of a hub, all together.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    watchers: AtomicUsize,
    conflating: AtomicUsize,
    /// Octets.
    waiting: AtomicUsize,
}

impl Crowd {
    pub(super) fn came(&self, conflates: bool) {
        self.watchers.fetch_add(1, Ordering::Relaxed);
        self.conflating.fetch_add(conflates.into(), Ordering::Relaxed);
    }

    /// One is gone, for which so many octets waited.
    pub(super) fn went(&self, conflates: bool, octets: usize) {
        self.watchers.fetch_sub(1, Ordering::Relaxed);
        self.conflating.fetch_sub(conflates.into(), Ordering::Relaxed);
        self.waiting.fetch_sub(octets, Ordering::Relaxed);
    }

    /// So many octets wait for one in place of so many.
    pub(super) fn waits(&self, before: usize, now: usize) {
        if now >= before {
            self.waiting.fetch_add(now - before, Ordering::Relaxed);
        } else {
            self.waiting.fetch_sub(before - now, Ordering::Relaxed);
        }
    }

    /// Octets that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether more waits than `limit`, and for this one more than its share.
    pub(super) fn is_too_much(&self, octets: usize, limit: usize) -> bool {
        self.waiting() > limit && octets > limit / self.watchers.load(Ordering::Relaxed).max(1)
    }

    /// How long one that conflates rests after it looked for so long: the others that do could have done the same meanwhile
    /// several times over, so that they all take a part of one processor together, and leave the rest to who sees each
    /// event. `None`: it is not worth it.
    pub(super) fn rest(&self, looked: Duration) -> Option<Duration> {
        let others = self.conflating.load(Ordering::Relaxed).saturating_sub(1);
        let others = u32::try_from(others).unwrap_or(u32::MAX);
        let rest = looked.saturating_mul(others.saturating_mul(PART)).min(REST_AT_MOST);
        (rest >= REST_AT_LEAST).then_some(rest)
    }
}

/// Those that conflate have an eighth of a processor together.
const PART: u32 = 8;
/// What a timer is worth.
const REST_AT_LEAST: Duration = Duration::from_millis(1);
/// How late a dashboard may be.
const REST_AT_MOST: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_more_than_its_share_is_never_too_much() {
        let crowd = Crowd::default();
        (0..10).for_each(|_| crowd.came(false));
        crowd.waits(0, 900);
        assert!(!crowd.is_too_much(900, 1000), "together they are within it");
        crowd.waits(0, 200);
        assert!(crowd.is_too_much(900, 1000));
        assert!(crowd.is_too_much(101, 1000) && !crowd.is_too_much(100, 1000));
        crowd.went(false, 900);
        assert!(!crowd.is_too_much(200, 1000));
    }

    #[test]
    fn one_that_conflates_rests_for_longer_than_the_others_may_take() {
        let crowd = Crowd::default();
        crowd.came(true);
        let looked = Duration::from_micros(500);
        assert_eq!(crowd.rest(looked), None, "there are no others");
        (0..10).for_each(|_| crowd.came(true));
        assert_eq!(crowd.rest(looked), Some(Duration::from_millis(40)));
        assert_eq!(crowd.rest(Duration::from_micros(10)), None, "too short for a timer");
        (0..4000).for_each(|_| crowd.came(true));
        assert_eq!(crowd.rest(looked), Some(REST_AT_MOST));
    }
}
