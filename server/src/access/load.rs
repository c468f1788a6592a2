//! What somebody has under way, and how fast they call.
//!
//! The rate is kept as one moment, that at which the next call would be due if calls came evenly (the generic cell rate algorithm
//! of ITU-T I.371): one word, no lock, nothing to refill.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What one identity has under way. Empty to begin with.
#[derive(Debug, Default)]
pub(crate) struct Load {
    under_way: AtomicUsize,
    /// When the next call is due, in nanoseconds of the clock that [`Load::take_turn`] is given.
    due: AtomicU64,
}

impl Load {
    /// One more is under way: how many were before.
    pub(crate) fn begin(&self) -> usize {
        self.under_way.fetch_add(1, Ordering::Relaxed)
    }

    /// One is over.
    pub(crate) fn end(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many are under way.
    #[cfg(test)]
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Whether one more may begin now, where so many may in any second and as many at once; or after what time it may.
    pub(crate) fn take_turn(&self, now: Duration, per_second: NonZeroU32) -> Result<(), Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let apart = SECOND / u64::from(per_second.get());
        let ahead = SECOND - apart;
        let taken = self.due.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |due| {
            (due <= now.saturating_add(ahead)).then(|| due.max(now).saturating_add(apart))
        });
        taken.map(drop).map_err(|due| Duration::from_nanos(due - ahead - now))
    }
}

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_second_s_worth_may_come_at_once_and_then_each_at_its_time() {
        let four = NonZeroU32::new(4).unwrap();
        let load = Load::default();
        for _ in 0..4 {
            assert_eq!(load.take_turn(at(10_000), four), Ok(()));
        }
        assert_eq!(load.take_turn(at(10_000), four), Err(at(250)));
        assert_eq!(load.take_turn(at(10_100), four), Err(at(150)), "who is refused loses no turn");
        assert_eq!(load.take_turn(at(10_250), four), Ok(()));
        assert_eq!(load.take_turn(at(10_250), four), Err(at(250)));
        // Silence is not saved up for more than a second.
        for _ in 0..4 {
            assert_eq!(load.take_turn(at(60_000), four), Ok(()));
        }
        assert_eq!(load.take_turn(at(60_000), four), Err(at(250)));
    }

    #[test]
    fn over_a_minute_of_asking_all_the_time_the_rate_is_what_was_given() {
        let rate = NonZeroU32::new(7).unwrap();
        let load = Load::default();
        let taken = (0..60_000).filter(|ms| load.take_turn(at(*ms), rate).is_ok()).count();
        assert!((60 * 7..=61 * 7).contains(&taken), "{taken}");
    }
}
