//! The largest of late: the best three samples of a window, as Kathleen Nichols's filter in Linux keeps them
//! (`lib/win_minmax.c`).

/// A filter of the largest value in a window of rounds.
#[derive(Clone, Debug, Default)]
pub(super) struct MaxFilter {
    /// The largest, and the largest since then, and since then.
    best: [At; 3],
}

#[derive(Clone, Copy, Debug, Default)]
struct At {
    round: u64,
    value: u64,
}

impl MaxFilter {
    /// The largest value of the window.
    pub(super) fn max(&self) -> u64 {
        self.best[0].value
    }

    /// Takes a value in `round`, and forgets those from more than `window` rounds ago.
    pub(super) fn add(&mut self, round: u64, value: u64, window: u64) {
        let new = At { round, value };
        let [first, second, third] = self.best;
        if value >= first.value || round - third.round > window {
            self.best = [new; 3];
            return;
        }
        if value >= second.value {
            self.best = [first, new, new];
        } else if value >= third.value {
            self.best = [first, second, new];
        }
        let [first, second, third] = self.best;
        let age = round - first.round;
        if age > window {
            self.best = [second, third, new];
            if round - second.round > window {
                self.best = [third, new, new];
            }
        } else if second.round == first.round && age > window / 4 {
            self.best = [first, new, new];
        } else if third.round == second.round && age > window / 2 {
            self.best = [first, second, new];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_largest_is_kept_for_its_window_and_the_next_best_follows() {
        let mut filter = MaxFilter::default();
        filter.add(0, 100, 10);
        for round in 1..=10 {
            filter.add(round, 50 - round, 10);
            assert_eq!(filter.max(), 100);
        }
        filter.add(11, 10, 10);
        assert!((40..50).contains(&filter.max()), "{}", filter.max());
        filter.add(12, 1000, 10);
        assert_eq!(filter.max(), 1000);
    }

    proptest! {
        #[test]
        fn it_is_one_of_the_window_and_no_less_than_the_newest(values in prop::collection::vec(0u64..1000, 1..80)) {
            let mut filter = MaxFilter::default();
            for (round, value) in values.iter().enumerate() {
                filter.add(round as u64, *value, 10);
                let window = &values[round.saturating_sub(10)..=round];
                prop_assert!(window.contains(&filter.max()));
                prop_assert!(filter.max() >= *value);
            }
        }
    }
}
