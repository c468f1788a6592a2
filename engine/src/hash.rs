//! Hashing: what strangers choose, with a key; what we choose ourselves, with next to nothing.

use core::hash::{BuildHasher, Hasher};

use siphasher::sip::SipHasher13;

use crate::rng::Rng;

/// Keyed, so that nobody outside can choose addresses that collide.
#[derive(Clone, Debug)]
pub(crate) struct SipKeys(u64, u64);

impl SipKeys {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        SipKeys(rng.next_u64(), rng.next_u64())
    }
}

impl BuildHasher for SipKeys {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}

/// For maps by [`SocketId`](crate::id::SocketId) and the like: we count them up ourselves, so nobody can make them collide.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IdHash;

impl BuildHasher for IdHash {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher(0)
    }
}

/// Fibonacci hashing: a multiplication spreads neighbouring numbers over all bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        octets.iter().for_each(|octet| self.write_u64((*octet).into()));
    }

    fn write_u64(&mut self, number: u64) {
        let spread = (self.0 ^ number).wrapping_mul(GOLDEN);
        // The low bits of a product follow from the low bits of the number alone; the map takes its place from them.
        self.0 = spread ^ (spread >> 32);
    }
}

/// 2⁶⁴ divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
