//! Lengths of time as a policy writes them: `90s`, `15m`, `2h`, `1d`.

use std::time::Duration;

/// Reads one: a whole number and its unit.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a length of time such as 90s, 15m, 2h or 1d");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let length =
        number.checked_mul(seconds).filter(|length| (1..=YEAR).contains(length)).ok_or_else(wrong)?;
    Ok(Duration::from_secs(length))
}

/// Longer than any lease can be kept for a purpose.
const YEAR: u64 = 366 * 86_400;
