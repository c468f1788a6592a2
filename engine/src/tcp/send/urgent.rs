//! The sender's urgent pointer (RFC 9293 §3.8.5, RFC 6093).
//!
//! One point in the stream, SND.UP: what lies before it is urgent. It moves forward only, and while it lies ahead of a
//! segment every segment says how far.

use crate::tcp::seq::Seq;

/// SND.UP, while something before it is unacknowledged.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
//# However, TCP implementations MUST still include support for the urgent mechanism
//# (MUST-30).
//= https://www.rfc-editor.org/rfc/rfc6093#section-5
//# However, TCP implementations MUST still include support for the urgent mechanism such that
//# existing applications can still use it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SendUrgent {
    pointer: Option<Seq>,
}

impl SendUrgent {
    /// All before `end` is urgent.
    pub(crate) fn mark(&mut self, end: Seq) {
        self.pointer = Some(end);
    }

    /// Everything before `una` is acknowledged.
    pub(crate) fn on_acknowledged(&mut self, una: Seq) {
        self.pointer = self.pointer.filter(|pointer| pointer.after(una));
    }

    /// Whether something from `seq` on is urgent.
    pub(crate) fn is_ahead_of(self, seq: Seq) -> bool {
        self.pointer.is_some_and(|pointer| pointer.after(seq))
    }

    /// The urgent field of a segment that begins at `seq`; `None` where URG is not set.
    ///
    /// A pointer that lies further ahead than the field can say is announced as far ahead as it can, so that the peer
    /// is in urgent mode already; later segments bring it nearer. Linux does the same.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
    //# The urgent pointer MUST point to the sequence number of the octet
    //# following the urgent data (MUST-62).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
    //# A TCP implementation MUST support a sequence of urgent data of any
    //# length (MUST-31) [19].
    pub(crate) fn field(self, seq: Seq) -> Option<u16> {
        let pointer = self.pointer.filter(|pointer| pointer.after(seq))?;
        Some(u16::try_from(pointer.octets_since(seq)).unwrap_or(u16::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_counts_from_each_segment_to_the_octet_after_the_urgent_ones() {
        let mut urgent = SendUrgent::default();
        assert_eq!(urgent.field(Seq(0)), None);
        urgent.mark(Seq(10));
        assert_eq!((urgent.field(Seq(0)), urgent.field(Seq(9))), (Some(10), Some(1)));
        assert_eq!((urgent.field(Seq(10)), urgent.field(Seq(11))), (None, None));
        urgent.on_acknowledged(Seq(9));
        assert_eq!(urgent.field(Seq(9)), Some(1));
        urgent.on_acknowledged(Seq(10));
        assert_eq!(urgent.field(Seq(9)), None);
    }

    #[test]
    fn a_pointer_too_far_for_the_field_is_announced_as_far_as_it_goes() {
        let mut urgent = SendUrgent::default();
        urgent.mark(Seq(100_000));
        assert_eq!(urgent.field(Seq(0)), Some(u16::MAX));
        assert_eq!(urgent.field(Seq(99_000)), Some(1_000));
    }
}
