//! Sequence numbers: positions in a space of 2³² that wraps (RFC 9293 §3.4).
//!
//! Owns: [`Seq`]. It has no `Ord` on purpose: `a < b` on a circle is a bug that shows only every four
//! gigabytes. There is `before`, `after`, and `-`, which gives the signed distance.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// A sequence number. `snd.una`, `rcv.nxt` and their kin are all of this type.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Seq(pub u32);

impl Seq {
    /// Whether `self` comes before `other` on the circle, no more than half of it away.
    pub const fn before(self, other: Seq) -> bool {
        (self.0.wrapping_sub(other.0) as i32) < 0
    }

    /// Whether `self` comes after `other`.
    pub const fn after(self, other: Seq) -> bool {
        other.before(self)
    }

    /// `self` is `other` or comes before it.
    pub const fn at_or_before(self, other: Seq) -> bool {
        !other.before(self)
    }

    /// `self` is `other` or comes after it.
    pub const fn at_or_after(self, other: Seq) -> bool {
        !self.before(other)
    }

    /// Whether `start =< self < start + len`.
    pub const fn within(self, start: Seq, len: u32) -> bool {
        self.0.wrapping_sub(start.0) < len
    }

    /// The later of two.
    pub const fn max(self, other: Seq) -> Seq {
        if self.before(other) { other } else { self }
    }

    /// The earlier of two.
    pub const fn min(self, other: Seq) -> Seq {
        if self.before(other) { self } else { other }
    }

    /// Octets from `earlier` to `self`, or 0 when `earlier` is in fact later.
    pub const fn octets_since(self, earlier: Seq) -> u32 {
        if self.before(earlier) { 0 } else { self.0.wrapping_sub(earlier.0) }
    }
}

impl Add<u32> for Seq {
    type Output = Seq;

    fn add(self, rhs: u32) -> Seq {
        Seq(self.0.wrapping_add(rhs))
    }
}

impl AddAssign<u32> for Seq {
    fn add_assign(&mut self, rhs: u32) {
        *self = *self + rhs;
    }
}

/// The sequence number `rhs` octets before.
impl Sub<u32> for Seq {
    type Output = Seq;

    fn sub(self, rhs: u32) -> Seq {
        Seq(self.0.wrapping_sub(rhs))
    }
}

/// The signed distance from `rhs` to `self`.
impl Sub<Seq> for Seq {
    type Output = i32;

    fn sub(self, rhs: Seq) -> i32 {
        self.0.wrapping_sub(rhs.0) as i32
    }
}

impl fmt::Debug for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_survives_the_wrap() {
        let last = Seq(u32::MAX);
        assert!(last.before(last + 1));
        assert!((last + 1).after(last));
        assert_eq!((last + 5) - last, 5);
        assert_eq!(last - (last + 5), -5);
        assert!((last + 2).within(last, 3));
        assert!(!(last + 3).within(last, 3));
    }

    proptest! {
        #[test]
        fn distance_and_addition_agree(start: u32, len in 0u32..(1 << 31)) {
            let (a, b) = (Seq(start), Seq(start) + len);
            prop_assert_eq!(b.octets_since(a), len);
            prop_assert_eq!(a.octets_since(b), 0);
            prop_assert_eq!(a.before(b), len != 0);
            prop_assert_eq!(a.max(b), b);
            prop_assert_eq!(a.min(b), a);
            prop_assert!(a.at_or_before(b) && b.at_or_after(a));
        }
    }
}
