//! Header prediction: what nearly every segment of a bulk transfer is, checked for at once.
//!
//! In ESTABLISHED the next segment is likely to begin at RCV.NXT, to lie in the window, to have ACK and perhaps PSH, to
//! acknowledge something between SND.UNA and SND.NXT, and to have no options but the timestamps that were agreed on. Of
//! such a one all but a few of the numbered checks are known to pass, and have nothing to do. The idea is Van Jacobson's; what
//! follows is what the numbered checks do, in their order, and no more.

use super::*;
use crate::event::RecoveryPhase;

impl Connection {
    /// Whether a segment, which came in ESTABLISHED, is as expected.
    pub(super) fn predicts(&self, segment: &TcpSegment<'_>) -> bool {
        let options = &segment.options;
        segment.flags.without(Flags::PSH) == Flags::ACK
            && segment.seq == self.rcv.nxt
            && segment.payload.len() <= self.receive_window() as usize
            && segment.ack.at_or_after(self.snd.una)
            && segment.ack.at_or_before(self.snd.nxt)
            && options.timestamps.is_some() == self.agreed.timestamps
            && options.sack.is_empty()
            && options.user_timeout.is_none()
            && self.rcv.assembler.is_empty()
            && self.rcv.fin.is_none()
            && !self.orphan
    }

    /// RFC 9293 §3.10.7.4, of a segment that is as expected.
    pub(super) fn arrive_as_predicted(
        &mut self,
        cx: &mut Cx<'_>,
        segment: &TcpSegment<'_>,
        codepoint: Codepoint,
    ) -> ControlFlow<End> {
        self.check_timestamps(cx, segment)?;
        self.on_heard(cx);
        self.take_timestamp(cx, segment);
        let window = self.true_window(segment);
        let advances = segment.ack.after(self.snd.una);
        // To a receiver that has nothing outstanding an acknowledgment of nothing tells nothing.
        if self.flight() > 0 || self.recovery.phase != RecoveryPhase::Open {
            self.process_ack(cx, segment, window);
        }
        self.update_window(cx, segment, window, advances);
        if segment.payload.is_empty() {
            return ControlFlow::Continue(());
        }
        self.hear_mark(segment, segment, codepoint);
        self.take_in_order(cx, segment.payload);
        ControlFlow::Continue(())
    }
}
