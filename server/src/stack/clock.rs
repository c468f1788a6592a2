//! How time passes in a lab, and how a clock that runs by itself follows the host's.

use std::time::Duration;

use sockwright_engine::time::Instant;

/// How time passes in a lab.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Clock {
    /// It jumps.
    Virtual,
    /// It stands still.
    Manual,
    /// It runs, at this speed.
    Real(Speed),
}

/// How many seconds pass in a lab while one passes here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Speed(f64);

impl Speed {
    /// As here.
    pub(crate) const ONE: Speed = Speed(1.0);
    /// Slow enough to read each segment of a loopback; so fast that hours are seconds.
    const RANGE: std::ops::RangeInclusive<f64> = 0.0001..=10_000.0;

    /// `None` where it is out of its range, or no number.
    pub(crate) fn new(factor: f64) -> Option<Speed> {
        Self::RANGE.contains(&factor).then_some(Speed(factor))
    }

    /// The factor.
    pub(crate) fn factor(self) -> f64 {
        self.0
    }
}

/// A clock that runs by itself, from a moment on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    speed: Speed,
    /// What it said then.
    from: Instant,
    since: std::time::Instant,
}

impl Running {
    /// It says `from` now, and goes on at this speed.
    pub(super) fn begin(from: Instant, speed: Speed) -> Running {
        Running { speed, from, since: std::time::Instant::now() }
    }

    /// What it says.
    pub(super) fn now(&self) -> Instant {
        self.after(self.since.elapsed())
    }

    fn after(&self, elapsed: Duration) -> Instant {
        // In whole nanoseconds at the usual speed: a product of fractions may be one off.
        let passed = match self.speed == Speed::ONE {
            true => elapsed,
            false => {
                Duration::try_from_secs_f64(elapsed.as_secs_f64() * self.speed.0).unwrap_or(Duration::MAX)
            }
        };
        self.from + passed
    }

    /// How long it takes here until so much has passed on it.
    pub(super) fn until_passed(&self, length: Duration) -> Duration {
        Duration::try_from_secs_f64(length.as_secs_f64() / self.speed.0).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(speed: f64) -> Running {
        Running::begin(Instant::from_nanos(5_000_000_000), Speed::new(speed).unwrap())
    }

    #[test]
    fn a_clock_goes_on_from_what_it_said_at_its_speed() {
        let after = |speed: f64, elapsed: Duration| running(speed).after(elapsed).as_nanos();
        assert_eq!(after(1.0, Duration::from_nanos(7)), 5_000_000_007);
        assert_eq!(after(0.001, Duration::from_secs(1)), 5_001_000_000);
        assert_eq!(after(100.0, Duration::from_millis(20)), 7_000_000_000);
        assert_eq!(running(10_000.0).after(Duration::MAX), Instant::MAX, "it stands at its end");
    }

    #[test]
    fn what_is_far_on_a_fast_clock_is_near_here() {
        let length = Duration::from_millis(10);
        assert_eq!(running(0.1).until_passed(length), Duration::from_millis(100));
        assert_eq!(running(100.0).until_passed(length), Duration::from_micros(100));
        assert_eq!(running(0.0001).until_passed(Duration::MAX), Duration::MAX);
    }

    #[test]
    fn a_speed_is_a_number_in_its_range() {
        for factor in [0.0, -1.0, 0.00009, 10_001.0, f64::INFINITY, f64::NAN] {
            assert_eq!(Speed::new(factor), None, "{factor}");
        }
        assert_eq!(Speed::new(1.0), Some(Speed::ONE));
    }
}
