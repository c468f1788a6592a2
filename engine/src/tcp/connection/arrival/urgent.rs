//! Sixth: the URG bit.

use super::*;

impl Connection {
    /// Notes how far the peer's urgent data reaches, and tells the user of news.
    ///
    /// `segment` is the segment as it came: its pointer counts from its own first octet, trimmed or not.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
    //# A TCP implementation MUST (MUST-32) inform the application layer
    //# asynchronously whenever it receives an urgent pointer and there was
    //# previously no pending urgent data, or whenever the urgent pointer
    //# advances in the data stream.
    pub(super) fn check_urgent(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>) {
        // A peer that has sent its FIN has nothing urgent to say.
        if !segment.flags.contains(Flags::URG) || !self.state.may_receive() {
            return;
        }
        let pointer = segment.seq + u32::from(segment.urgent);
        let pointer = self.rcv.fin.map_or(pointer, |fin| pointer.min(fin));
        if self.rcv.urgent.announce(pointer, self.consumed()) {
            cx.tell(self.id, EventKind::Urgent { pointer: pointer.0 });
        }
    }
}
