//! Looking for packets before sleeping: what spares a thread its wake-up, and what that costs.
//!
//! A thread that sleeps is woken by the packet, which takes tens of microseconds where the packet comes from another
//! core. One that looks again and again has it at once, and keeps a processor from everybody else meanwhile. So it looks
//! for so long and no longer:
//!
//! ```text
//! busy-poll 50 µs, a packet after 20 µs   look look look ... there it is
//! busy-poll 50 µs, a packet after 1 ms    look look look ... 50 µs | asleep ... woken
//! busy-poll 0                             asleep ... woken
//! ```
//!
//! Owns the order of looks and sleep; knows no descriptor and no clock.

use std::time::Duration;

/// How long a thread looks before it sleeps. Zero: it sleeps at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BusyPoll(pub(crate) Duration);

impl BusyPoll {
    /// Waits until `look` finds something, for `at_most` in all. `elapsed` is the time since the wait began; `look` waits
    /// for as long as it is told, and says whether there was something.
    pub(super) fn wait(
        self,
        at_most: Option<Duration>,
        elapsed: impl Fn() -> Duration,
        mut look: impl FnMut(Option<Duration>) -> bool,
    ) {
        let busy = at_most.map_or(self.0, |at_most| at_most.min(self.0));
        while elapsed() < busy {
            if look(Some(Duration::ZERO)) {
                return;
            }
            // Whoever is to send the packet may be waiting for this very processor.
            std::thread::yield_now();
        }
        look(at_most.map(|at_most| at_most.saturating_sub(elapsed())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    const US: Duration = Duration::from_micros(1);

    /// The looks of a wait in which each takes 10 µs, and the one of this number finds something.
    fn looks(busy: u32, at_most: Option<u32>, found: usize) -> Vec<Option<Duration>> {
        let (clock, looks) = (Cell::new(Duration::ZERO), RefCell::new(Vec::new()));
        BusyPoll(busy * US).wait(
            at_most.map(|at_most| at_most * US),
            || clock.get(),
            |wait| {
                clock.set(clock.get() + 10 * US);
                looks.borrow_mut().push(wait);
                looks.borrow().len() == found
            },
        );
        looks.into_inner()
    }

    #[test]
    fn without_it_a_thread_sleeps_at_once() {
        assert_eq!(looks(0, None, 9), [None]);
        assert_eq!(looks(0, Some(70), 9), [Some(70 * US)]);
    }

    #[test]
    fn it_looks_until_something_is_there() {
        let now = Some(Duration::ZERO);
        assert_eq!(looks(50, None, 1), [now]);
        assert_eq!(looks(50, Some(1000), 3), [now; 3]);
    }

    #[test]
    fn it_looks_for_so_long_and_then_sleeps_for_the_rest() {
        let now = Some(Duration::ZERO);
        assert_eq!(looks(30, None, 9), [now, now, now, None]);
        assert_eq!(looks(30, Some(100), 9), [now, now, now, Some(70 * US)]);
    }

    #[test]
    fn it_does_not_outlast_the_wait() {
        let now = Some(Duration::ZERO);
        assert_eq!(looks(1000, Some(20), 9), [now; 3]);
    }
}
