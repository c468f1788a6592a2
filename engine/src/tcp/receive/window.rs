//! The receive window: its right edge, which never moves left, and moves right only in worthwhile steps; and how it is
//! told in sixteen bits.
//!
//! With a shift count the peer learns of windows in units of `1 << shift` octets only. What is announced is rounded up
//! where the buffer has room for it, and down where it has not. Then the peer's right edge is a little to the left of
//! one that it knew, and what it sent up to that one is taken all the same (RFC 7323 §2.4):
//!
//! ```text
//! shift 5:   nxt ...... told ... edge        edge: the rightmost that the peer ever knew, and that we honour
//!            | 32 · n   |        |           told: the one that it knows from our last segment
//! ```

use crate::tcp::seq::Seq;

/// The receive window.
#[derive(Clone, Debug)]
pub(crate) struct ReceiveWindow {
    /// The rightmost edge ever announced.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.4
    //# When window scaling is in effect, the receiver SHOULD track the
    //# actual maximum window sequence number
    edge: Seq,
    /// The edge as announced last.
    told: Seq,
    /// Rcv.Wind.Shift.
    shift: u8,
}

/// What the window follows from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// RCV.NXT.
    pub(crate) nxt: Seq,
    /// Free octets of the buffer.
    pub(crate) free: u32,
    /// All octets of the buffer.
    pub(crate) capacity: u32,
    /// RCV.MSS.
    pub(crate) mss: u32,
}

impl ReceiveWindow {
    /// The window that the SYN announced: as much of `capacity` as sixteen bits tell.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.2
    //# The window field in a segment where the SYN bit is set (i.e., a <SYN>
    //# or <SYN,ACK>) MUST NOT be scaled.
    pub(crate) fn new(nxt: Seq, capacity: u32, shift: u8) -> Self {
        Self::until(nxt + u32::from(on_syn(capacity)), shift)
    }

    /// A window whose edge is known.
    pub(crate) fn until(edge: Seq, shift: u8) -> Self {
        ReceiveWindow { edge, told: edge, shift }
    }

    /// RCV.WND: what is acceptable from `nxt` on.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.4
    //# The receiver MUST honor, as in window, any segment that would
    //# have been in window for any <ACK> sent by the receiver.
    pub(crate) fn size(&self, nxt: Seq) -> u32 {
        self.edge.octets_since(nxt)
    }

    pub(crate) fn edge(&self) -> Seq {
        self.edge
    }

    /// The least that a window can be without being none.
    pub(crate) fn unit(&self) -> u32 {
        1 << self.shift
    }

    /// Moves the edge to where the room allows, if that is worthwhile, and gives SEG.WND.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2.2
    //# A TCP implementation MUST include a SWS avoidance algorithm in the receiver (MUST-39).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
    //# A TCP receiver SHOULD NOT shrink the window, i.e., move the right
    //# window edge to the left (SHLD-14).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
    //# A TCP implementation MAY keep its offered receive window closed indefinitely (MAY-8).
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
    //# The window field (SEG.WND) of every outgoing segment, with the
    //# exception of <SYN> segments, MUST be right-shifted by
    //# Rcv.Wind.Shift bits
    pub(crate) fn announce(&mut self, room: Room) -> u16 {
        if self.gain(room) >= (room.capacity / 2).min(room.mss).max(1) {
            self.edge = self.edge.max(self.target(room));
        }
        let units = self.size(room.nxt) >> self.shift;
        let rounded_up = self.size(room.nxt).div_ceil(self.unit());
        let fits = rounded_up <= u32::from(u16::MAX) && rounded_up << self.shift <= room.free;
        let window = u16::try_from(if fits { rounded_up } else { units }).unwrap_or(u16::MAX);
        self.told = room.nxt + (u32::from(window) << self.shift);
        self.edge = self.edge.max(self.told);
        window
    }

    /// Whether the peer should be told of the room without waiting for a segment to go: it gained enough, and may
    /// have been held up.
    pub(crate) fn update_is_due(&self, room: Room) -> bool {
        let step = (room.capacity / 2).min(2 * room.mss).max(1);
        let gain = self.gain(room);
        gain >= step && (gain >= room.capacity / 2 || self.told.octets_since(room.nxt) < 2 * room.mss)
    }

    /// How far the edge that the peer knows could move.
    fn gain(&self, room: Room) -> u32 {
        self.target(room).octets_since(self.told)
    }

    /// Where the edge would be with all of the room, as far as it can be told.
    fn target(&self, Room { nxt, free, .. }: Room) -> Seq {
        nxt + ((free >> self.shift).min(u32::from(u16::MAX)) << self.shift)
    }
}

/// The window of a SYN.
pub(crate) fn on_syn(capacity: u32) -> u16 {
    u16::try_from(capacity).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn room(nxt: u32, free: u32, capacity: u32, mss: u32) -> Room {
        Room { nxt: Seq(nxt), free, capacity, mss }
    }

    #[test]
    fn the_edge_never_moves_left() {
        let mut window = ReceiveWindow::new(Seq(0), 1000, 0);
        assert_eq!(window.announce(room(500, 100, 1000, 100)), 500);
        assert_eq!((window.edge(), window.size(Seq(500))), (Seq(1000), 500));
    }

    #[test]
    fn the_edge_moves_in_steps_of_a_segment_or_half_the_buffer() {
        let mut window = ReceiveWindow::new(Seq(0), 10_000, 0);
        assert_eq!(window.announce(room(10_000, 999, 10_000, 1000)), 0);
        assert_eq!(window.announce(room(10_000, 1000, 10_000, 1000)), 1000);
        let mut small = ReceiveWindow::new(Seq(0), 100, 0);
        assert_eq!(small.announce(room(100, 50, 100, 1000)), 50);
    }

    #[test]
    fn what_cannot_be_told_is_rounded_up_while_there_is_room_and_down_when_there_is_none() {
        let mut window = ReceiveWindow::new(Seq(0), 65_535, 5);
        assert_eq!(window.announce(room(0, 1 << 20, 1 << 20, 1460)), 32_768);
        assert_eq!(window.edge(), Seq(1 << 20));
        // One octet came and was read: the edge moves on by one rather than back by 31.
        assert_eq!(window.announce(room(1, 1 << 20, 1 << 20, 1460)), 32_768);
        assert_eq!(window.edge(), Seq((1 << 20) + 1));
        // Another came and was not: what was announced holds, though the peer cannot be told of all of it.
        assert_eq!(window.announce(room(2, (1 << 20) - 1, 1 << 20, 1460)), 32_767);
        assert_eq!(window.edge(), Seq((1 << 20) + 1));
    }

    proptest! {
        /// Whatever comes and is read: what the peer believes never passes what we take, that never moves left, and never
        /// passes the buffer; and once all is read, the window is open.
        #[test]
        fn the_buffer_is_never_promised_twice(
            shift in 0u8..=14,
            capacity in 1u32..3_000_000,
            mss in 1u32..9000,
            steps in prop::collection::vec((any::<u32>(), any::<u32>(), any::<bool>()), 1..200),
        ) {
            let (start, capacity) = (Seq(u32::MAX - 70_000), capacity.max(1 << shift));
            let (mut nxt, mut ready) = (start, 0);
            let mut window = ReceiveWindow::new(nxt, capacity, shift);
            for (arrives, read, small) in steps {
                let arrives = arrives % (if small { 3 } else { window.size(nxt) } + 1);
                let arrives = arrives.min(window.size(nxt));
                nxt += arrives;
                ready += arrives;
                ready -= (read % (ready + 1)).min(if small { 2 } else { u32::MAX });
                let before = window.edge();
                let field = window.announce(Room { nxt, free: capacity - ready, capacity, mss });
                prop_assert!(window.edge().at_or_after(before));
                prop_assert!(u32::from(field) << shift <= window.size(nxt));
                prop_assert!(window.size(nxt) <= capacity - ready);
            }
            let empty = Room { nxt, free: capacity, capacity, mss };
            prop_assert!(window.update_is_due(empty) || window.told.octets_since(nxt) > 0);
            prop_assert!(window.announce(empty) > 0);
        }
    }
}
