//! The receiver's urgent pointer (RFC 9293 §3.8.5, RFC 6093): RCV.UP, and how far ahead of the user it lies.
//!
//! Urgent data stays in its place in the stream: the pointer only says up to where the user should hurry.

use crate::tcp::seq::Seq;

/// RCV.UP, while it lies ahead of what the user took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReceiveUrgent {
    pointer: Option<Seq>,
}

impl ReceiveUrgent {
    /// The peer announces `pointer`, and the user has taken everything before `consumed`. Whether that is news: there was
    /// no urgent data, or it reaches further now.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
    //# If the URG bit is set, RCV.UP <- max(RCV.UP,SEG.UP), and
    //# signal the user that the remote side has urgent data if the
    //# urgent pointer (RCV.UP) is in advance of the data consumed.
    pub(crate) fn announce(&mut self, pointer: Seq, consumed: Seq) -> bool {
        self.on_consumed(consumed);
        let news = pointer.after(consumed) && self.pointer.is_none_or(|known| pointer.after(known));
        if news {
            self.pointer = Some(pointer);
        }
        news
    }

    /// The user has taken everything before `consumed`. A pointer far behind it is forgotten before its number comes
    /// round again; one close behind stays, for the user may turn out not to have got what it was given.
    pub(crate) fn on_consumed(&mut self, consumed: Seq) {
        self.pointer = self.pointer.filter(|pointer| consumed.octets_since(*pointer) < 1 << 30);
    }

    /// Nothing comes after `end`, whatever the pointer said.
    pub(crate) fn truncate(&mut self, end: Seq) {
        self.pointer = self.pointer.map(|pointer| pointer.min(end));
    }

    /// Octets from `consumed` to the pointer; 0 outside of urgent mode. They need not have arrived yet.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
    //# The TCP implementation MUST (MUST-33)
    //# provide a way for the application to learn how much urgent data
    //# remains to be read from the connection, or at least to determine
    //# whether more urgent data remains to be read [19].
    pub(crate) fn remaining(self, consumed: Seq) -> u32 {
        self.pointer.map_or(0, |pointer| pointer.octets_since(consumed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pointer_moves_forward_only_and_ends_when_it_is_reached() {
        let mut urgent = ReceiveUrgent::default();
        assert!(!urgent.announce(Seq(100), Seq(100)), "all of it is consumed");
        assert!(urgent.announce(Seq(110), Seq(100)));
        assert!(!urgent.announce(Seq(110), Seq(100)), "known");
        assert!(!urgent.announce(Seq(105), Seq(100)), "it does not recede");
        assert!(urgent.announce(Seq(120), Seq(100)));
        assert_eq!(urgent.remaining(Seq(119)), 1);
        assert_eq!(urgent.remaining(Seq(120)), 0);
        assert!(urgent.announce(Seq(121), Seq(120)));
        urgent.truncate(Seq(121));
        assert_eq!(urgent.remaining(Seq(100)), 21);
        urgent.truncate(Seq(101));
        assert_eq!(urgent.remaining(Seq(100)), 1);
    }

    #[test]
    fn an_old_pointer_does_not_come_round_again() {
        let mut urgent = ReceiveUrgent::default();
        urgent.announce(Seq(10), Seq(0));
        for step in 1..=9u32 {
            let consumed = Seq(step.wrapping_mul(1 << 29));
            urgent.on_consumed(consumed);
            assert_eq!(urgent.remaining(consumed), 0);
        }
    }
}
