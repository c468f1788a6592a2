//! The Internet checksum (RFC 1071): a one's complement sum of 16-bit words.
//!
//! Owns: [`Sum`], the sum of a run of octets, and the rule for when a received one is good enough
//! ([`ChecksumPolicy`]). Never touches a format: callers know where the field is.
//!
//! `00 01 f2 03 f4 f5 f6 f7` sums to `ddf2`, so that its checksum is `220d` (RFC 1071 §3).

use alloc::vec::Vec;
use core::net::IpAddr;

use wide::{i16x8, i32x4};

use super::{Malformed, Protocol};

/// The one's complement sum of a run of octets.
///
/// Runs of any length are joined with [`Sum::append`]. A run of odd length leaves its last octet in the
/// high half of a word, so what comes after is summed with its octets swapped (RFC 1071 §2(B)); a `Sum`
/// remembers which half is next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    folded: u16,
    odd: bool,
}

impl Sum {
    /// The sum of nothing.
    pub const ZERO: Sum = Sum { folded: 0, odd: false };

    /// The sum of `bytes`.
    pub fn of(bytes: &[u8]) -> Sum {
        if bytes.len() <= SHORT {
            return Sum { folded: u16::from_be(fold(short(bytes))), odd: bytes.len() % 2 == 1 };
        }
        let mut wide = Wide::default();
        let rest = wide.add_blocks(bytes);
        wide.finish(rest)
    }

    /// The sum of one word.
    pub(super) const fn of_word(word: u16) -> Sum {
        Sum { folded: word, odd: false }
    }

    /// Continues the run with another.
    pub fn append(&mut self, next: Sum) {
        let folded = if self.odd { next.folded.swap_bytes() } else { next.folded };
        let (sum, carry) = self.folded.overflowing_add(folded);
        self.folded = sum + u16::from(carry);
        self.odd ^= next.odd;
    }

    /// Continues the run with `bytes`.
    pub fn add(&mut self, bytes: &[u8]) {
        self.append(Sum::of(bytes));
    }

    /// The 16-bit sum, not complemented: what Linux leaves in the checksum field of a packet for which it
    /// expects the hardware to do the rest.
    pub const fn folded(self) -> u16 {
        self.folded
    }

    /// The checksum: the complement of the sum.
    pub const fn checksum(self) -> u16 {
        !self.folded
    }
}

/// A sum in the making. The one's complement sum does not depend on the width of its words nor, but for
/// the order of the two octets of the result, on the byte order in which they are read (RFC 1071 §2(B),
/// §2(C)). So take the machine's own words, as many at once as it has registers for.
///
/// What x86-64 has for that, and others in a few steps, is a sum of products of signed words (`pmaddwd`). One factor of each is
/// 1, and each word is taken as what it is more than the middle of its range, which is added again at the end.
#[derive(Default)]
struct Wide {
    lanes: [i32x4; LANES],
    total: u64,
}

/// Sums that are made side by side, so that none waits for the one before.
const LANES: usize = 4;
/// Octets that are added at once: eight words for each lane.
const BLOCK: usize = 16 * LANES;
/// Blocks that no lane can overflow with: each adds two words, of up to 2^15 either way, to each of its four integers.
const BLOCKS_MAX: usize = 1 << 14;
/// The middle of a word's range.
const MIDDLE: u64 = 1 << 15;

impl Wide {
    /// Adds all whole blocks, and gives what is left over.
    fn add_blocks<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        for run in blocks.chunks(BLOCKS_MAX) {
            run.iter().for_each(|block| self.add(block));
            self.gather(run.len());
        }
        rest
    }

    fn add(&mut self, block: &[u8; BLOCK]) {
        let (parts, _) = block.as_chunks::<16>();
        for (lane, part) in self.lanes.iter_mut().zip(parts) {
            let (pairs, _) = part.as_chunks();
            let mut words = [0; 8];
            words.iter_mut().zip(pairs).for_each(|(word, pair)| *word = i16::from_ne_bytes(*pair));
            let less = i16x8::new(words) ^ i16x8::splat(i16::MIN);
            *lane += less.dot(i16x8::splat(1));
        }
    }

    /// Empties the lanes, which are of so many blocks.
    fn gather(&mut self, blocks: usize) {
        let lanes = core::mem::take(&mut self.lanes).into_iter().flat_map(i32x4::to_array);
        let signed: i64 = lanes.map(i64::from).sum();
        let words = blocks as u64 * (BLOCK as u64 / 2);
        self.total += (words * MIDDLE).wrapping_add_signed(signed);
    }

    /// Adds what is left over, shorter than a block, and gives the sum.
    fn finish(self, rest: &[u8]) -> Sum {
        Sum { folded: u16::from_be(fold(self.total + short(rest))), odd: rest.len() % 2 == 1 }
    }
}

/// The words of 32 bits of a run of few octets, added: a header is over before several could be added at once.
fn short(bytes: &[u8]) -> u64 {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut sum = 0;
    for word in words {
        let word = u64::from_ne_bytes(*word);
        sum += (word & 0xffff_ffff) + (word >> 32);
    }
    let (words, tail) = tail.as_chunks::<4>();
    for word in words {
        sum += u64::from(u32::from_ne_bytes(*word));
    }
    let mut padded = [0; 4];
    for (to, from) in padded.iter_mut().zip(tail) {
        *to = *from;
    }
    sum + u64::from(u32::from_ne_bytes(padded))
}

/// The longest run that is added word by word.
const SHORT: usize = 64;

/// The sum of the words of 16 bits that a number is of. Each step adds the halves; what it may carry goes into the next.
const fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}

/// The sum of the pseudo-header of a TCP segment, UDP datagram or ICMPv6 message of `len` octets.
///
/// IPv4 (RFC 9293 §3.1) and IPv6 (RFC 8200 §8.1) lay it out differently, but the sum does not see that.
pub fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: Protocol, len: usize) -> Sum {
    let address = |address| match address {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            [bits, bits >> 32, bits >> 64, bits >> 96].map(|part| part as u64 & 0xffff_ffff).iter().sum()
        }
    };
    let words = address(src) + address(dst) + u64::from(protocol.number()) + u64::from(len as u32);
    Sum { folded: fold(words), odd: false }
}

/// Appends `src` to `out` and sums it, in blocks that are still in the cache when they are read again:
/// filling `out` with zeros first, to have something to copy into, would cost more than that.
pub(super) fn append_and_sum(out: &mut Vec<u8>, src: &[u8]) -> Sum {
    let mut sum = Sum::ZERO;
    for block in src.chunks(4096) {
        out.extend_from_slice(block);
        sum.add(block);
    }
    sum
}

/// Writes a checksum into its field, `at` octets into `out`.
pub(super) fn fill(out: &mut [u8], at: usize, checksum: u16) {
    if let Some(field) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *field = checksum.to_be_bytes();
    }
}

/// Which transport checksums to believe. A property of the link: some deliver packets whose checksum
/// nobody has computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ChecksumPolicy {
    /// Only a right one. For packets that came over a wire.
    #[default]
    Verify,
    /// A right one, or the sum of the pseudo-header alone, which is what Linux leaves in packets that
    /// never left the machine (`CHECKSUM_PARTIAL`): they are whole, not corrupt.
    AllowPartial,
    /// Any. For links that have already looked.
    Ignore,
}

impl ChecksumPolicy {
    /// Judges a transport's octets, given the sum of their pseudo-header and what the checksum field says.
    pub(super) fn check(self, pseudo: Sum, bytes: &[u8], field: u16) -> Result<(), Malformed> {
        let accepted = match self {
            ChecksumPolicy::Ignore => true,
            ChecksumPolicy::AllowPartial if field == pseudo.folded() => true,
            ChecksumPolicy::AllowPartial | ChecksumPolicy::Verify => {
                let mut sum = pseudo;
                sum.add(bytes);
                sum.checksum() == 0
            }
        };
        if accepted { Ok(()) } else { Err(Malformed::BadChecksum) }
    }
}
