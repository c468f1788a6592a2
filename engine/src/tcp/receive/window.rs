//! The receive window: its right edge, which never moves left, and moves right only in worthwhile steps.

use crate::tcp::seq::Seq;

/// The largest window that the header can tell without scaling.
pub(crate) const WINDOW_MAX: u32 = u16::MAX as u32;

/// The receive window.
#[derive(Clone, Debug)]
pub(crate) struct ReceiveWindow {
    /// The right edge as announced: `rcv.nxt + rcv.wnd`.
    edge: Seq,
}

impl ReceiveWindow {
    /// A window of `size` octets from `nxt` on.
    pub(crate) fn new(nxt: Seq, size: u32) -> Self {
        ReceiveWindow { edge: nxt + size.min(WINDOW_MAX) }
    }

    /// RCV.WND as the peer knows it.
    pub(crate) fn size(&self, nxt: Seq) -> u32 {
        self.edge.octets_since(nxt)
    }

    pub(crate) fn edge(&self) -> Seq {
        self.edge
    }

    /// Moves the edge to where `free` octets of buffer allow, if that is worthwhile.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2.2
    //# A TCP implementation MUST include a SWS avoidance algorithm in the receiver (MUST-39).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
    //# A TCP receiver SHOULD NOT shrink the window, i.e., move the right
    //# window edge to the left (SHLD-14).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
    //# A TCP implementation MAY keep its offered receive window closed indefinitely (MAY-8).
    pub(crate) fn advance(&mut self, nxt: Seq, free: u32, capacity: u32, mss: u32) {
        if self.gain(nxt, free) >= (capacity / 2).min(mss).max(1) {
            self.edge = nxt + free.min(WINDOW_MAX);
        }
    }

    /// Whether the peer should be told of the room without waiting for a segment to go: it gained enough, and may
    /// have been held up.
    pub(crate) fn update_is_due(&self, nxt: Seq, free: u32, capacity: u32, mss: u32) -> bool {
        let step = (capacity / 2).min(2 * mss).max(1);
        let gain = self.gain(nxt, free);
        gain >= step && (gain >= capacity / 2 || self.size(nxt) < 2 * mss)
    }

    /// How far the edge could move.
    fn gain(&self, nxt: Seq, free: u32) -> u32 {
        (nxt + free.min(WINDOW_MAX)).octets_since(self.edge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_never_moves_left() {
        let mut window = ReceiveWindow::new(Seq(0), 1000);
        window.advance(Seq(500), 100, 1000, 100);
        assert_eq!((window.edge(), window.size(Seq(500))), (Seq(1000), 500));
    }

    #[test]
    fn the_edge_moves_in_steps_of_a_segment_or_half_the_buffer() {
        let mut window = ReceiveWindow::new(Seq(0), 10_000);
        window.advance(Seq(10_000), 999, 10_000, 1000);
        assert_eq!(window.size(Seq(10_000)), 0);
        window.advance(Seq(10_000), 1000, 10_000, 1000);
        assert_eq!(window.size(Seq(10_000)), 1000);
        let mut small = ReceiveWindow::new(Seq(0), 100);
        small.advance(Seq(100), 50, 100, 1000);
        assert_eq!(small.size(Seq(100)), 50);
    }
}
