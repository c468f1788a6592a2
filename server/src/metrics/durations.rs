//! How long things took: counted by the first bound that they did not exceed, as a histogram of Prometheus' has it.

use std::ops::AddAssign;
use std::time::Duration;

/// The times of one kind of thing. Plain numbers: whoever shares it guards it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Durations {
    bounds: &'static [Duration],
    /// One for each bound, and one for what took longer than all of them.
    counts: Box<[u64]>,
    sum: Duration,
}

impl Durations {
    /// None yet. The bounds ascend.
    pub(crate) fn within(bounds: &'static [Duration]) -> Self {
        Durations { bounds, counts: vec![0; bounds.len() + 1].into(), sum: Duration::ZERO }
    }

    /// Something took so long.
    pub(crate) fn note(&mut self, took: Duration) {
        let place = self.bounds.partition_point(|bound| *bound < took);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(took);
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long they took together, in seconds.
    pub(crate) fn sum_seconds(&self) -> f64 {
        self.sum.as_secs_f64()
    }

    /// The bounds in seconds, infinity last, with what is counted at each and not at the one before.
    pub(crate) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().copied()).collect()
    }
}

/// Of things with the same bounds.
impl AddAssign<&Durations> for Durations {
    fn add_assign(&mut self, other: &Durations) {
        debug_assert_eq!(self.bounds, other.bounds);
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &[Duration] = &[Duration::from_millis(1), Duration::from_millis(10)];

    #[test]
    fn each_is_counted_at_the_first_bound_that_it_does_not_exceed() {
        let mut durations = Durations::within(BOUNDS);
        for micros in [0, 1000, 1001, 10_000, 10_001, 5_000_000] {
            durations.note(Duration::from_micros(micros));
        }
        assert_eq!(durations.buckets(), [(0.001, 2), (0.01, 2), (f64::INFINITY, 2)]);
        assert_eq!((durations.count(), durations.sum_seconds()), (6, 5.022_002));
    }

    #[test]
    fn the_times_of_several_add_up() {
        let mut all = Durations::within(BOUNDS);
        let mut one = Durations::within(BOUNDS);
        one.note(Duration::from_millis(5));
        all += &one;
        all += &one;
        assert_eq!(all.buckets(), [(0.001, 0), (0.01, 2), (f64::INFINITY, 0)]);
        assert_eq!(all.sum_seconds(), 0.01);
    }
}
