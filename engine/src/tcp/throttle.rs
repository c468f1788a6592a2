//! How often something is answered that nobody should have sent.
//!
//! Owns: [`Throttle`], so many a second; [`Budget`], so many a second but nobody outside knows how many; [`Spacing`], one in
//! half a second. What is answered, and what is told of an answer that was not given, is the business of who asks.

use core::time::Duration;

use crate::rng::Rng;
use crate::time::Instant;

/// The time between two answers of one connection: Linux's `tcp_invalid_ratelimit`.
const SPACING: Duration = Duration::from_millis(500);

/// So many a second, counted in whole seconds of the engine's clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throttle {
    second: u32,
    used: u32,
}

impl Throttle {
    pub(crate) fn allows(&mut self, now: Instant, per_second: usize) -> bool {
        // What comes round after a century is another second than the last one, too.
        let second = second_of(now) as u32;
        if second != self.second {
            *self = Throttle { second, used: 0 };
        }
        self.used = self.used.saturating_add(1);
        self.used as usize <= per_second
    }
}

/// So many a second on average: between half as many and one and a half times as many, each second anew. A number that is
/// always the same, and that all connections share, tells an outsider what happens on a connection that is not his: he
/// uses up the rest himself and counts (Cao et al., "Off-Path TCP Exploits", 2016). Linux does the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget {
    second: Option<u64>,
    left: usize,
}

impl Budget {
    pub(crate) fn allows(&mut self, now: Instant, rng: &mut Rng, per_second: usize) -> bool {
        let second = second_of(now);
        if self.second != Some(second) {
            let spread = u32::try_from(per_second).unwrap_or(u32::MAX).max(1);
            self.second = Some(second);
            self.left = per_second.div_ceil(2) + rng.below(spread) as usize;
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

/// One in half a second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spacing {
    last: Option<Instant>,
}

impl Spacing {
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        let allowed = self.last.is_none_or(|last| now - last >= SPACING);
        if allowed {
            self.last = Some(now);
        }
        allowed
    }
}

fn second_of(now: Instant) -> u64 {
    now.as_nanos() / Duration::from_secs(1).as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_different_every_second_and_right_on_average() {
        let (mut budget, mut rng) = (Budget::default(), Rng::from_u64(1));
        let spent: std::vec::Vec<u32> = (0..100)
            .map(|second| {
                let now = Instant::ZERO + Duration::from_secs(second);
                (0..1000).map(|_| u32::from(budget.allows(now, &mut rng, 100))).sum()
            })
            .collect();
        assert!(spent.iter().all(|spent| (50..150).contains(spent)), "{spent:?}");
        let different: std::collections::BTreeSet<_> = spent.iter().collect();
        assert!(different.len() > 40);
        assert!((9000..11_000).contains(&spent.iter().sum::<u32>()));
    }
}
