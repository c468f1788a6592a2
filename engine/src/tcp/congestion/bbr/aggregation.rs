//! Acknowledgments that come in lumps: how much more came at once than the bandwidth explains, so that the window can
//! hold what waits for the next lump.

use crate::time::Instant;

/// Rounds that one of the two slots of the filter collects.
const WINDOW_ROUNDS: u32 = 5;
/// No lump is longer than what this many milliseconds bring.
const LUMP_MAX_MS: u64 = 100;

/// What came beyond the bandwidth of late.
#[derive(Clone, Debug, Default)]
pub(super) struct Aggregation {
    epoch: Instant,
    /// Octets delivered since the epoch began.
    acked: u64,
    /// The most of these rounds, and of those before them.
    extra: [u64; 2],
    rounds: u32,
}

impl Aggregation {
    /// `delivered` octets more at `now`, at a bandwidth of `bandwidth` octets a second.
    pub(super) fn add(
        &mut self,
        now: Instant,
        delivered: u32,
        bandwidth: u64,
        round_begins: bool,
        cwnd: u32,
    ) {
        if round_begins {
            self.rounds += 1;
            if self.rounds >= WINDOW_ROUNDS {
                self.rounds = 0;
                self.extra = [0, self.extra[0]];
            }
        }
        let nanos = (now - self.epoch).as_nanos();
        let mut expected = u64::try_from(u128::from(bandwidth) * nanos / 1_000_000_000).unwrap_or(u64::MAX);
        if self.acked <= expected {
            self.epoch = now;
            self.acked = 0;
            expected = 0;
        }
        self.acked += u64::from(delivered);
        let extra = self.acked.saturating_sub(expected).min(u64::from(cwnd));
        self.extra[0] = self.extra[0].max(extra);
    }

    /// Octets that the window is to have more.
    pub(super) fn allowance(&self, bandwidth: u64) -> u64 {
        let most = bandwidth.saturating_mul(LUMP_MAX_MS) / 1000;
        self.extra[0].max(self.extra[1]).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::at;
    use super::*;

    const BANDWIDTH: u64 = 1_000_000;

    #[test]
    fn a_lump_is_allowed_for_and_forgotten_after_ten_rounds() {
        let mut aggregation = Aggregation::default();
        // 20 ms of data at once, every 20 ms: all of it beyond what the moment explains.
        for lump in 1..5 {
            aggregation.add(at(lump * 20), 20_000, BANDWIDTH, false, 100_000);
        }
        assert_eq!(aggregation.allowance(BANDWIDTH), 20_000);
        // Then a steady stream.
        for ms in 100..110 {
            aggregation.add(at(ms), 1000, BANDWIDTH, true, 100_000);
        }
        assert!(aggregation.allowance(BANDWIDTH) <= 2000, "{}", aggregation.allowance(BANDWIDTH));
    }

    #[test]
    fn no_lump_is_longer_than_the_window_or_than_a_tenth_of_a_second() {
        let mut aggregation = Aggregation::default();
        aggregation.add(at(1), 1_000_000, BANDWIDTH, false, 500_000);
        assert_eq!(aggregation.allowance(BANDWIDTH), 100_000);
        assert_eq!(aggregation.allowance(100 * BANDWIDTH), 500_000);
    }
}
