//! Durations, and points on a lab's clock.
//!
//! ```text
//! 500ms, 2s, 1m30s, 0  ->  Duration
//! 1500000000, 1.5s      ->  1500000000 (ns on the clock)
//! ```

use std::time::Duration;

/// Reads a duration with its unit, or 0.
pub(crate) fn std_duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if let Some(duration) = decimal(text) {
        return Ok(duration);
    }
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

/// `1.5s`, which humantime does not read.
fn decimal(text: &str) -> Option<Duration> {
    let unit_at = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let (whole, fraction) = number.split_once('.')?;
    let unit_ns: u64 = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let digits = u32::try_from(fraction.len()).ok().filter(|digits| (1..=9).contains(digits))?;
    let whole = u128::from(whole.parse::<u64>().ok()?) * u128::from(unit_ns);
    let fraction = u128::from(fraction.parse::<u64>().ok()?) * u128::from(unit_ns) / 10u128.pow(digits);
    u64::try_from(whole + fraction).ok().map(Duration::from_nanos)
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
        assert!(std_duration("1.s").is_err());
        assert_eq!(duration("2s").unwrap(), prost_types::Duration { seconds: 2, nanos: 0 });
    }

    #[test]
    fn a_clock_time_is_in_nanoseconds_unless_it_has_a_unit() {
        assert_eq!(clock_time("1500"), Ok(1500));
        assert_eq!(clock_time("2h"), Ok(7_200_000_000_000));
    }
}
