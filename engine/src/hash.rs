//! Hashing what strangers choose.

use core::hash::BuildHasher;

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
