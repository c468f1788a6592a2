//! Durations, and points on a lab's clock.
//!
//! ```text
//! 500ms, 2s, 1m30s, 0  ->  Duration
//! 1500000000, 1.5s      ->  1500000000 (ns on the clock)
//! ```

use std::time::Duration;

/// Reads a duration with its unit, or 0.
pub(crate) fn std_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error} (like 500ms, 2s, 1m30s)"))
}

/// Reads a duration into the contract's type.
pub(crate) fn duration(text: &str) -> Result<prost_types::Duration, String> {
    std_duration(text)?.try_into().map_err(|_| "too long".to_string())
}

/// Reads a time on a lab's clock: nanoseconds, or a duration from its zero.
pub(crate) fn clock_time(text: &str) -> Result<u64, String> {
    if let Ok(time_ns) = text.parse() {
        return Ok(time_ns);
    }
    u64::try_from(std_duration(text)?.as_nanos()).map_err(|_| "too far".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(std_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(std_duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(std_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(std_duration("0.25ms"), Ok(Duration::from_micros(250)));
        assert_eq!(std_duration("0"), Ok(Duration::ZERO));
        assert!(std_duration("5").unwrap_err().ends_with("(like 500ms, 2s, 1m30s)"));
        assert!(std_duration("-1s").is_err());
        assert_eq!(duration("2s").unwrap(), prost_types::Duration { seconds: 2, nanos: 0 });
    }

    #[test]
    fn a_clock_time_is_in_nanoseconds_unless_it_has_a_unit() {
        assert_eq!(clock_time("1500"), Ok(1500));
        assert_eq!(clock_time("2h"), Ok(7_200_000_000_000));
    }
}
