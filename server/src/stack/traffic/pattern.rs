//! Octets that follow from a seed and from where in a stream they are.
//!
//! Octet `i` is octet `i mod 8`, the least significant one first, of the number that SplitMix64 gives after `i div 8`
//! others. Any part of the stream is made without what comes before it, so that nothing has to be kept for
//! what is sent again or checked later.

/// A stream of octets without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    seed: u64,
}

/// An octet that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Where it is in the stream.
    pub(crate) offset: u64,
    /// What it should be.
    pub(crate) expected: u8,
    /// What it is.
    pub(crate) found: u8,
}

impl Pattern {
    /// The stream of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Pattern { seed }
    }

    /// Writes the octets from `offset` on.
    pub(super) fn fill(self, offset: u64, octets: &mut [u8]) {
        let (head, words) = octets.split_at_mut(until_word(offset, octets.len()));
        for (octet, at) in head.iter_mut().zip(offset..) {
            *octet = self.octet(at);
        }
        let first = (offset + head.len() as u64) / WORD;
        let mut words = words.chunks_exact_mut(WORD as usize);
        let mut number = first;
        for word in &mut words {
            word.copy_from_slice(&self.word(number).to_le_bytes());
            number += 1;
        }
        for (octet, at) in words.into_remainder().iter_mut().zip(number * WORD..) {
            *octet = self.octet(at);
        }
    }

    /// The first of `octets`, which lie at `offset`, that is not as it should be.
    pub(super) fn check(self, offset: u64, octets: &[u8]) -> Result<(), Mismatch> {
        let (head, words) = octets.split_at(until_word(offset, octets.len()));
        self.check_each(offset, head)?;
        let mut at = offset + head.len() as u64;
        let mut words = words.chunks_exact(WORD as usize);
        for word in &mut words {
            if word != self.word(at / WORD).to_le_bytes() {
                return self.check_each(at, word);
            }
            at += WORD;
        }
        self.check_each(at, words.remainder())
    }

    fn check_each(self, offset: u64, octets: &[u8]) -> Result<(), Mismatch> {
        for (&found, offset) in octets.iter().zip(offset..) {
            let expected = self.octet(offset);
            if found != expected {
                return Err(Mismatch { offset, expected, found });
            }
        }
        Ok(())
    }

    fn octet(self, offset: u64) -> u8 {
        self.word(offset / WORD).to_le_bytes()[(offset % WORD) as usize]
    }

    /// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
    fn word(self, number: u64) -> u64 {
        let state = self.seed.wrapping_add((number.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Octets from `offset` to the next word, of so many.
fn until_word(offset: u64, length: usize) -> usize {
    (((WORD - offset % WORD) % WORD) as usize).min(length)
}

/// Octets of a number.
const WORD: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_splitmix64() {
        // The first numbers that the authors' reference implementation gives for the seed 1234567.
        let mut octets = [0; 16];
        Pattern::new(1_234_567).fill(0, &mut octets);
        let [first, second] = [0, 8].map(|at| u64::from_le_bytes(octets[at..at + 8].try_into().unwrap()));
        assert_eq!((first, second), (6_457_827_717_110_365_317, 3_203_168_211_198_807_973));
    }

    proptest! {
        /// However the stream is cut, its parts are those of the whole, and each is as it should be.
        #[test]
        fn any_part_is_that_of_the_whole(seed: u64, from in 0usize..64, length in 0usize..300) {
            let pattern = Pattern::new(seed);
            let mut whole = vec![0; 400];
            pattern.fill(0, &mut whole);
            let mut part = vec![0; length];
            pattern.fill(from as u64, &mut part);
            prop_assert_eq!(&part[..], &whole[from..from + length]);
            prop_assert_eq!(pattern.check(from as u64, &part), Ok(()));
        }

        /// One flipped bit is found where it is.
        #[test]
        fn a_flipped_bit_is_found(seed: u64, from in 0u64..1 << 40, length in 1usize..300, at: u64, bit in 0u8..8) {
            let pattern = Pattern::new(seed);
            let mut octets = vec![0; length];
            pattern.fill(from, &mut octets);
            let at = (at % length as u64) as usize;
            let expected = octets[at];
            octets[at] ^= 1 << bit;
            let mismatch = Mismatch { offset: from + at as u64, expected, found: octets[at] };
            prop_assert_eq!(pattern.check(from, &octets), Err(mismatch));
        }
    }
}
