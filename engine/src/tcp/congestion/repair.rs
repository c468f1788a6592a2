//! The time after a retransmission timeout in which what was outstanding goes again.

use super::Sample;
use crate::tcp::seq::Seq;

/// Whether what a timeout found outstanding is still being repaired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Repair {
    #[default]
    Over,
    /// The timer fired, and no acknowledgment came yet.
    Begun,
    /// Until everything before this is acknowledged.
    Until(Seq),
}

impl Repair {
    /// An acknowledgment came; whether it is the one that ends it.
    pub(super) fn ends_with(&mut self, sample: &Sample) -> bool {
        let end = match *self {
            Repair::Over => return false,
            Repair::Begun => sample.nxt,
            Repair::Until(end) => end,
        };
        let over = sample.una.at_or_after(end);
        *self = if over { Repair::Over } else { Repair::Until(end) };
        over
    }

    pub(super) fn is_under_way(self) -> bool {
        self != Repair::Over
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::ack;
    use super::*;

    #[test]
    fn it_lasts_until_what_was_outstanding_at_the_first_acknowledgment_is_acknowledged() {
        let of = |una, nxt| Sample { una: Seq(una), nxt: Seq(nxt), ..ack(1) };
        let mut repair = Repair::default();
        assert!(!repair.ends_with(&of(1, 1)));
        repair = Repair::Begun;
        assert!(!repair.ends_with(&of(1, 5)) && repair.is_under_way());
        assert!(!repair.ends_with(&of(4, 9)) && repair.is_under_way());
        assert!(repair.ends_with(&of(5, 9)) && !repair.is_under_way());
    }
}
