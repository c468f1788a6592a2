//! Round trips, counted by sequence numbers: one is over when what was sent at its beginning is acknowledged.
//!
//! ```text
//!      SND.UNA           SND.NXT
//!         |  round under way | next round
//!                            ^ end
//! ```

use crate::tcp::seq::Seq;

/// The round under way.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rounds {
    end: Option<Seq>,
}

impl Rounds {
    /// None has begun.
    pub(super) const NONE: Self = Rounds { end: None };

    /// Whether a round begins with the acknowledgment of everything before `una`, while all before `nxt` was sent.
    pub(super) fn begins(&mut self, una: Seq, nxt: Seq) -> bool {
        let over = self.end.is_none_or(|end| una.at_or_after(end));
        if over {
            self.end = Some(nxt);
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_over_when_what_was_sent_at_its_beginning_is_acknowledged() {
        let mut rounds = Rounds::default();
        let last = Seq(u32::MAX);
        assert!(rounds.begins(last, last + 10));
        assert!(!rounds.begins(last + 9, last + 20));
        assert!(rounds.begins(last + 10, last + 20));
        assert!(!rounds.begins(last + 19, last + 30));
    }
}
