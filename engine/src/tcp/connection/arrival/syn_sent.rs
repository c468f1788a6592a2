//! RFC 9293 §3.10.7.3: SYN-SENT.

use super::sequence::{trim, without_syn};
use super::*;

impl Connection {
    pub(super) fn arrive_in_syn_sent(
        &mut self,
        cx: &mut Cx<'_>,
        segment: &TcpSegment<'_>,
    ) -> ControlFlow<End> {
        let cause = Cause::Segment(segment.flags);
        // First, the ACK bit.
        if segment.ack() && !(segment.ack.after(self.snd.iss) && segment.ack.at_or_before(self.snd.nxt)) {
            cx.refuse(self.tuple, Some(self.id), segment);
            return drop_segment(DropReason::UnacceptableAck);
        }
        // Second, the RST bit.
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.3
        //= type=exception
        //= reason=before the peer's SYN there is no RCV.NXT to compare with; the reset is believed because
        //= it acknowledges our SYN
        //# A TCP implementation that supports the mitigation described in RFC 5961 SHOULD first check
        //# that the sequence number exactly matches RCV.NXT prior to executing the action in the next
        //# paragraph.
        if segment.rst() {
            if !segment.ack() {
                return drop_segment(DropReason::RstWithoutAck);
            }
            self.fail(cx, Trigger::Rst, cause, Errno::ECONNREFUSED);
            return ControlFlow::Break(End::Processed);
        }
        // Fourth, the SYN bit. Fifth, neither: drop.
        if !segment.syn() {
            return drop_segment(DropReason::UselessInSynSent);
        }
        self.on_peer_syn(cx, segment);
        let segment = &self.without_what_was_not_agreed(segment);
        if !segment.ack() {
            self.answer_simultaneous_open(cx, cause);
            return ControlFlow::Break(End::Processed);
        }
        self.recover_syn(cx, segment);
        self.soft_error = None;
        self.restart_send_timers(cx, false);
        self.transition(cx, Trigger::SynAck, cause);
        self.on_established(cx);
        self.on_fast_open_answer(cx, segment);
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.3
        //# Data or controls that were queued for transmission MAY be included.
        self.rcv.acks.at_once();
        let rest = trim(without_syn(*segment), self.rcv.nxt, self.receive_window());
        self.hear_user_timeout(cx, &segment.options);
        self.check_urgent(cx, segment);
        self.take_text(cx, &rest)?;
        self.check_fin(cx, &rest)
    }

    /// Both sides opened at once: our SYN goes again, as a SYN,ACK.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.5
    //# A TCP implementation MUST support simultaneous open attempts (MUST-10).
    fn answer_simultaneous_open(&mut self, cx: &mut Cx<'_>, cause: Cause) {
        self.transition(cx, Trigger::Syn, cause);
        self.recovery.clear();
        self.snd.nxt = self.snd.iss;
        self.stop(cx, TimerKind::Retransmit);
    }
}
