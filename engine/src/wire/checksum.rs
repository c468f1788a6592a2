//! The Internet checksum (RFC 1071): a one's complement sum of 16-bit words.
//!
//! Owns: [`Sum`], the sum of a run of octets, and the rule for when a received one is good enough
//! ([`ChecksumPolicy`]). Never touches a format: callers know where the field is.
//!
//! `00 01 f2 03 f4 f5 f6 f7` sums to `ddf2`, so that its checksum is `220d` (RFC 1071 §3).

use alloc::vec::Vec;
use core::net::IpAddr;

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
        let (words, tail) = bytes.as_chunks();
        let mut wide = Wide(0);
        for word in words {
            wide.add(*word);
        }
        wide.finish(tail)
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
/// §2(C)). So take the machine's own words, and let the carries pile up in the upper half of an integer
/// that no length of input can fill.
struct Wide(u128);

impl Wide {
    fn add(&mut self, word: [u8; 8]) {
        self.0 += u128::from(u64::from_ne_bytes(word));
    }

    fn finish(mut self, tail: &[u8]) -> Sum {
        let mut padded = [0; 8];
        for (to, from) in padded.iter_mut().zip(tail) {
            *to = *from;
        }
        self.add(padded);
        // Each fold adds the halves; the second takes in the carry that the first may give.
        let sum = self.0;
        let sum = (sum & 0xffff_ffff_ffff_ffff) + (sum >> 64);
        let sum = (sum & 0xffff_ffff) + (sum >> 32 & 0xffff_ffff) + (sum >> 64);
        let sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = (sum & 0xffff) + (sum >> 16);
        Sum { folded: u16::from_be(sum as u16), odd: tail.len() % 2 == 1 }
    }
}

/// The sum of the pseudo-header of a TCP segment, UDP datagram or ICMPv6 message of `len` octets.
///
/// IPv4 (RFC 9293 §3.1) and IPv6 (RFC 8200 §8.1) lay it out differently, but the sum does not see that.
pub fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: Protocol, len: usize) -> Sum {
    let mut sum = Sum::ZERO;
    for address in [src, dst] {
        match address {
            IpAddr::V4(address) => sum.add(&address.octets()),
            IpAddr::V6(address) => sum.add(&address.octets()),
        }
    }
    sum.add(&[0, protocol.number()]);
    sum.add(&(len as u32).to_be_bytes());
    sum
}

/// Copies `src` to the start of `dst` and sums what it copies, with one pass over memory.
///
/// When `dst` is the shorter, both the copy and the sum end with it.
pub fn copy_and_sum(dst: &mut [u8], src: &[u8]) -> Sum {
    let len = src.len().min(dst.len());
    let (dst_words, dst_tail) = dst.get_mut(..len).unwrap_or_default().as_chunks_mut();
    let (src_words, src_tail) = src.get(..len).unwrap_or_default().as_chunks();
    let mut wide = Wide(0);
    for (to, from) in dst_words.iter_mut().zip(src_words) {
        *to = *from;
        wide.add(*from);
    }
    for (to, from) in dst_tail.iter_mut().zip(src_tail) {
        *to = *from;
    }
    wide.finish(src_tail)
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
