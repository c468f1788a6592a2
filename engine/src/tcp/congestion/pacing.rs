//! The rate at which a window is spread over a round trip (as Linux does it).
//!
//! Owns: the rate. When a segment may go is the business of whoever sends.

use core::time::Duration;

/// Hundredths of a window to send in a round trip: in slow start the window will have doubled by its end ...
const SLOW_START_PERCENT: u128 = 200;
/// ... and in congestion avoidance a little more than the window, so that the window and not the pace is the limit.
const AVOIDANCE_PERCENT: u128 = 120;

/// The rate of `window` octets in each `srtt`, in octets a second; `doubling` when far from the end of slow start.
pub(super) fn rate(window: u32, srtt: Duration, doubling: bool) -> u64 {
    let percent = if doubling { SLOW_START_PERCENT } else { AVOIDANCE_PERCENT };
    let per_second = u128::from(window) * percent * 10_000_000 / srtt.as_nanos().max(1);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_windows_in_a_round_trip_of_slow_start_and_a_little_more_than_one_after_it() {
        let rtt = Duration::from_millis(20);
        assert_eq!(rate(10_000, rtt, true), 1_000_000);
        assert_eq!(rate(10_000, rtt, false), 600_000);
        assert_eq!(rate(u32::MAX, Duration::ZERO, true), u64::from(u32::MAX) * 2_000_000_000);
    }
}
