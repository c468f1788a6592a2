//! Numbers with a unit.
//!
//! ```text
//! 64k -> 65536 octets        10M, 10Mbit -> 10000000 bits a second
//! ```

/// Reads a size in octets, up to 4 GiB less one.
pub(crate) fn octets(text: &str) -> Result<u32, String> {
    size(text)?.try_into().map_err(|_| "too large".to_string())
}

/// Reads a size in octets, with `k`, `M` or `G` for 2^10, 2^20 and 2^30.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (number, factor) = match text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()) {
        number if number.len() == text.len() => (number, 1),
        number => match &text[number.len()..] {
            "k" | "K" | "Ki" | "KiB" => (number, 1 << 10),
            "M" | "Mi" | "MiB" => (number, 1 << 20),
            "G" | "Gi" | "GiB" => (number, 1 << 30),
            unit => return Err(format!("`{unit}` is not a unit of octets (k, M, G)")),
        },
    };
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a size (like 1460, 64k, 4M)"))?;
    number.checked_mul(factor).ok_or_else(|| "too large".to_string())
}

/// Reads a rate in bits a second, with `k`, `M` or `G` for powers of 1000.
pub(crate) fn bits_per_second(text: &str) -> Result<u64, String> {
    let plain = ["bit/s", "bps", "bit"].iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(text);
    let (number, factor) = match plain.chars().last() {
        Some('k' | 'K') => (&plain[..plain.len() - 1], 1_000),
        Some('M') => (&plain[..plain.len() - 1], 1_000_000),
        Some('G') => (&plain[..plain.len() - 1], 1_000_000_000),
        _ => (plain, 1),
    };
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a rate (like 56k, 10M, 1Gbit)"))?;
    number.checked_mul(factor).ok_or_else(|| "too large".to_string())
}

/// Reads a probability, 0 to 1, or 0% to 100%.
pub(crate) fn probability(text: &str) -> Result<f64, String> {
    let value = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    value
        .ok()
        .filter(|value| (0.0..=1.0).contains(value))
        .ok_or_else(|| format!("`{text}` is not a probability (0 to 1, or 0% to 100%)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_powers_of_two_and_rates_in_powers_of_ten() {
        assert_eq!(octets("1460"), Ok(1460));
        assert_eq!(octets("64k"), Ok(65_536));
        assert_eq!(octets("4MiB"), Ok(4 << 20));
        assert_eq!(octets("4096M").unwrap_err(), "too large");
        assert_eq!(octets("4x").unwrap_err(), "`x` is not a unit of octets (k, M, G)");
        assert_eq!(size("10G"), Ok(10 << 30));
        assert_eq!(bits_per_second("10M"), Ok(10_000_000));
        assert_eq!(bits_per_second("1Gbit"), Ok(1_000_000_000));
        assert_eq!(bits_per_second("9600bit/s"), Ok(9600));
        assert!(bits_per_second("fast").is_err());
        assert!(bits_per_second("").is_err());
    }

    #[test]
    fn probabilities_are_between_nothing_and_everything() {
        assert_eq!(probability("0.1"), Ok(0.1));
        assert_eq!(probability("25%"), Ok(0.25));
        for text in ["1.1", "-0.1", "NaN", "101%", "often"] {
            assert!(probability(text).is_err(), "{text}");
        }
    }
}
