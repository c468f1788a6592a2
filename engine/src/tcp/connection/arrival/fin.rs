//! Eighth: the FIN bit.

use super::*;

impl Connection {
    /// Notes the peer's FIN, and acts on it once all before it is here.
    pub(super) fn check_fin(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>) -> ControlFlow<End> {
        if !self.state.may_receive() {
            // Remain in the state (CLOSE-WAIT, CLOSING, LAST-ACK): the FIN is the one we have.
            return ControlFlow::Continue(());
        }
        if segment.fin() {
            let fin = *self.rcv.fin.get_or_insert(segment.seq + segment.payload.len() as u32);
            // Nothing comes after a FIN, even if it came before.
            if let Some(assembler) = self.rcv.assembler.awake() {
                assembler.truncate(fin);
            }
            self.rcv.urgent.truncate(fin);
        }
        if self.rcv.fin == Some(self.rcv.nxt) {
            self.rcv.nxt += 1;
            self.rcv.acks.at_once();
            self.transition(cx, Trigger::Fin, Cause::Segment(segment.flags));
            self.tell_readable(cx);
        } else if segment.fin() {
            // Out of order it is acknowledged as any segment out of order is.
            self.rcv.acks.now();
        }
        ControlFlow::Continue(())
    }
}
