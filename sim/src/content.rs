//! What is sent: octets that follow from a key and a position, so that nobody needs to keep what was sent in order
//! to know what must arrive.
//!
//! The octet at position 1,000,000 of a stream costs no more than the first one; a receiver, or somebody who looks at
//! a retransmission on the wire, checks any run of octets by itself.

use sockwright_engine::rng::Rng;

/// The content of one direction of one connection, or of one flow of datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content(u64);

/// The first octet that is not what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Its position in the stream.
    pub position: u64,
    /// What was sent there.
    pub expected: u8,
    /// What arrived.
    pub found: u8,
}

impl Content {
    /// The content that `key` names.
    pub fn new(key: u64) -> Content {
        Content(key)
    }

    /// The `len` octets from `position` on.
    pub fn slice(&self, position: u64, len: usize) -> Vec<u8> {
        let mut octets = Vec::with_capacity(len + WORD as usize);
        let mut word = position / WORD;
        octets.extend_from_slice(&self.word(word)[(position % WORD) as usize..]);
        while octets.len() < len {
            word += 1;
            octets.extend_from_slice(&self.word(word));
        }
        octets.truncate(len);
        octets
    }

    /// Checks that `octets` are what was sent at `position`.
    pub fn check(&self, position: u64, octets: &[u8]) -> Result<(), Mismatch> {
        let expected = self.slice(position, octets.len());
        let differs = expected.iter().zip(octets).position(|(expected, found)| expected != found);
        differs.map_or(Ok(()), |index| {
            let position = position + index as u64;
            Err(Mismatch { position, expected: expected[index], found: octets[index] })
        })
    }

    fn word(&self, index: u64) -> [u8; 8] {
        Rng::from_u64(self.0 ^ index.wrapping_mul(0xd6e8_feb8_6659_fd93)).next_u64().to_le_bytes()
    }
}

const WORD: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_the_same_wherever_it_begins() {
        let content = Content::new(1);
        let whole = content.slice(0, 100);
        for start in 0..100 {
            assert_eq!(content.slice(start, 100 - start as usize), whole[start as usize..]);
        }
        assert_ne!(whole, Content::new(2).slice(0, 100));
    }

    #[test]
    fn one_wrong_octet_is_found() {
        let content = Content::new(3);
        let mut octets = content.slice(1_000, 50);
        assert_eq!(content.check(1_000, &octets), Ok(()));
        octets[7] ^= 1;
        let found = octets[7];
        assert_eq!(
            content.check(1_000, &octets),
            Err(Mismatch { position: 1_007, expected: found ^ 1, found })
        );
    }

    #[test]
    fn a_shift_by_one_is_found() {
        let content = Content::new(3);
        assert!(content.check(1_000, &content.slice(1_001, 50)).is_err());
    }
}
