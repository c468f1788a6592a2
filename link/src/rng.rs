//! A small random number generator that gives the same numbers on every machine and in every version.
//!
//! xoshiro256** by Blackman and Vigna, seeded through SplitMix64 as its authors recommend
//! (<https://prng.di.unimi.it/>). Fast and statistically sound; not for secrets.

/// A seeded source of random numbers.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The generator that `seed` names.
    pub fn from_seed(seed: u64) -> Self {
        let mut mix = seed;
        Rng { state: [(); 4].map(|()| split_mix(&mut mix)) }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let [s0, s1, s2, s3] = &mut self.state;
        let result = s1.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *s1 << 17;
        *s2 ^= *s0;
        *s3 ^= *s1;
        *s1 ^= *s2;
        *s0 ^= *s3;
        *s2 ^= shifted;
        *s3 = s3.rotate_left(45);
        result
    }

    /// A number from 0 up to, but never, 1, in steps of 2⁻⁵³.
    pub fn next_unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// SplitMix64: turns any seed, even zero, into well mixed state.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_gives_the_reference_sequence() {
        let mut state = 1234567;
        let got = [(); 3].map(|()| split_mix(&mut state));
        assert_eq!(got, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn xoshiro_gives_the_reference_sequence() {
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let got = [(); 6].map(|()| rng.next_u64());
        assert_eq!(got, [11520, 0, 1509978240, 1215971899390074240, 1216172134540287360, 607988272756665600]);
    }

    #[test]
    fn units_are_uniform_and_below_one() {
        let mut rng = Rng::from_seed(0);
        let units: Vec<f64> = (0..100_000).map(|_| rng.next_unit()).collect();
        assert!(units.iter().all(|u| (0.0..1.0).contains(u)));
        let mean = units.iter().sum::<f64>() / units.len() as f64;
        assert!((mean - 0.5).abs() < 0.005, "mean {mean}");
    }
}
