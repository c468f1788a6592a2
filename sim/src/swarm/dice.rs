//! A few more ways to throw the dice.

use sockwright_engine::rng::Rng;

/// Throws of dice that plans and actors need.
pub trait Dice {
    /// A number from `low` to `high`, each order of magnitude as likely as another.
    fn log(&mut self, low: u64, high: u64) -> u64;
    /// One of several.
    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T;
}

impl Dice for Rng {
    fn log(&mut self, low: u64, high: u64) -> u64 {
        let (low, high) = (low.max(1), high.max(1));
        if low >= high {
            return low;
        }
        let (from, to) = ((low as f64).ln(), ((high + 1) as f64).ln());
        ((from + self.unit() * (to - from)).exp() as u64).clamp(low, high)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u32) as usize]
    }
}
