//! Numbers as people read them, as the dashboard shows them: of bounded width, so that columns of figures stand still.

/// Nanoseconds as a span of time with three significant digits: `40.0 ms`, `2.50 s`, `3 h 12 m`.
pub(crate) fn span(ns: u64) -> String {
    let value = ns as f64;
    if ns < 1_000 {
        return format!("{ns} ns");
    }
    if value < 999.5e3 {
        return format!("{} us", digits(value / 1e3));
    }
    if value < 999.5e6 {
        return format!("{} ms", digits(value / 1e6));
    }
    let seconds = value / 1e9;
    if seconds < 59.95 {
        return format!("{} s", digits(seconds));
    }
    let whole = seconds.round() as u64;
    let minutes = whole / 60;
    match (minutes, minutes / 60) {
        (0..60, _) => format!("{minutes} m {} s", whole % 60),
        (_, hours @ 0..48) => format!("{hours} h {} m", minutes % 60),
        (_, hours) => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// Octets: `512`, `1.46 kB`, `12.3 MB`. Powers of a thousand, as rates have them.
pub(crate) fn octets(count: u64) -> String {
    if count < 1000 {
        return count.to_string();
    }
    let mut value = count as f64 / 1000.0;
    let mut units = ["kB", "MB", "GB", "TB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    format!("{} {unit}", digits(value))
}

fn digits(value: f64) -> String {
    match value {
        99.95.. => format!("{value:.0}"),
        9.995.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_three_digits() {
        let cases = [
            (7, "7 ns"),
            (40_000_000, "40.0 ms"),
            (999_600, "1.00 ms"),
            (2_500_000_000, "2.50 s"),
            (59_960_000_000, "1 m 0 s"),
            (11_520_000_000_000, "3 h 12 m"),
            (7_200_000_000_000 * 60, "5 d 0 h"),
        ];
        for (ns, text) in cases {
            assert_eq!(span(ns), text);
        }
    }

    #[test]
    fn octets_have_three_digits_and_a_unit() {
        for (count, text) in [(999, "999"), (1460, "1.46 kB"), (999_600, "1.00 MB"), (12_340_000, "12.3 MB")]
        {
            assert_eq!(octets(count), text);
        }
    }
}
