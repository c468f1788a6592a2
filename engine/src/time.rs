//! The engine's clock reading: nanoseconds since an origin that the caller chose.
//!
//! Owns: [`Instant`], and [`Span`], a length of time as the state of a connection keeps it. Never touches a real clock;
//! every input carries its `now`. Lengths of time are [`core::time::Duration`] everywhere else.

use core::fmt;
use core::num::NonZero;
use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

/// A point in time: nanoseconds since the origin of the stack's clock.
///
/// Under a virtual clock the origin is the creation of the lab; on a real wire it is the start of the
/// server. 64 bits of nanoseconds last 584 years.
///
/// One more than that is kept: a connection has dozens of times that may not have been, and the niche halves them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(NonZero<u64>);

impl Instant {
    /// The origin of the clock.
    pub const ZERO: Instant = Instant(NonZero::<u64>::MIN);
    /// The last instant that can be written.
    pub const MAX: Instant = Instant(NonZero::<u64>::MAX);

    /// The instant `nanos` nanoseconds after the origin, [`Instant::MAX`] at the latest.
    pub const fn from_nanos(nanos: u64) -> Self {
        Instant(NonZero::<u64>::MIN.saturating_add(nanos))
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0.get() - 1
    }

    /// The time from `earlier` to `self`, or zero when `earlier` is later.
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.as_nanos().saturating_sub(earlier.as_nanos()))
    }
}

impl Default for Instant {
    fn default() -> Self {
        Instant::ZERO
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instant").field(&self.as_nanos()).finish()
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Saturates at [`Instant::MAX`]: a deadline beyond it never comes.
    fn add(self, rhs: Duration) -> Instant {
        let nanos = u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_add(nanos))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, rhs: Duration) {
        *self = *self + rhs;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, rhs: Instant) -> Duration {
        self.since(rhs)
    }
}

/// Seconds with microseconds, as tcpdump prints them: `1.000042`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.as_nanos();
        write!(f, "{}.{:06}", nanos / 1_000_000_000, nanos % 1_000_000_000 / 1_000)
    }
}

/// A length of time in half the room of a [`Duration`], of which a connection keeps dozens: nanoseconds, 584 years at most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(NonZero<u64>);

impl Span {
    pub(crate) const ZERO: Span = Span(NonZero::<u64>::MIN);
}

impl Default for Span {
    fn default() -> Self {
        Span::ZERO
    }
}

/// One that is longer than can be kept counts as the longest.
impl From<Duration> for Span {
    fn from(length: Duration) -> Self {
        let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        Span(NonZero::<u64>::MIN.saturating_add(nanos))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Duration::from_nanos(span.0.get() - 1)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Duration::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_may_not_have_been_costs_no_more_than_one_that_was() {
        assert_eq!(size_of::<Option<Instant>>(), size_of::<u64>());
    }

    #[test]
    fn a_length_that_may_not_be_known_costs_no_more_than_one_that_is() {
        assert_eq!(size_of::<Option<Span>>(), size_of::<u64>());
        for length in [Duration::ZERO, Duration::from_nanos(1), Duration::from_nanos(u64::MAX - 1)] {
            assert_eq!(Duration::from(Span::from(length)), length);
        }
        assert_eq!(Span::from(Duration::MAX), Span::from(Duration::from_nanos(u64::MAX)));
    }

    #[test]
    fn every_time_is_what_it_was_made_of_but_the_last() {
        for nanos in [0, 1, u64::MAX - 1] {
            assert_eq!(Instant::from_nanos(nanos).as_nanos(), nanos);
        }
        assert_eq!(Instant::from_nanos(u64::MAX), Instant::MAX);
        assert_eq!(Instant::MAX + Duration::MAX, Instant::MAX);
        assert_eq!(Instant::default(), Instant::ZERO);
    }
}
