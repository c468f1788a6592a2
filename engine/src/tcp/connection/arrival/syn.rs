//! Fourth (the third, security, has no place on today's networks): the SYN bit.

use super::*;

impl Connection {
    /// A SYN on a connection that has one already. `trimmed` lacks the SYN where that is the one we have, again: as the
    /// answer to a simultaneous open, or with data behind it.
    pub(super) fn check_syn(
        &mut self,
        cx: &mut Cx<'_>,
        segment: &TcpSegment<'_>,
        trimmed: &TcpSegment<'_>,
    ) -> ControlFlow<End> {
        let old = !trimmed.syn() && !self.snd.syn_acknowledged;
        if !segment.syn() || old {
            return ControlFlow::Continue(());
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
        //# If the connection was initiated with a passive OPEN, then
        //# return this connection to the LISTEN state and return.
        if self.state == State::SynReceived && self.passive && !self.serves_early() {
            self.transition(cx, Trigger::Syn, Cause::Segment(segment.flags));
            return ControlFlow::Break(End::Processed);
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
        //# RFC 5961 recommends that in
        //# these synchronized states, if the SYN bit is set,
        //# irrespective of the sequence number, TCP endpoints MUST send
        //# a "challenge ACK" to the remote peer
        //= https://www.rfc-editor.org/rfc/rfc5961#section-4.2
        //# Instead, the handling of the SYN in the synchronized state SHOULD be performed as follows:
        //= https://www.rfc-editor.org/rfc/rfc5961#section-4.2
        //# If the SYN bit is set, irrespective of the sequence number, TCP MUST send an ACK (also
        //# referred to as challenge ACK) to the remote peer:
        //= https://www.rfc-editor.org/rfc/rfc5961#section-4.2
        //# If the SYN bit is set, irrespective of the sequence number, TCP MUST send an ACK (also
        //# referred to as challenge ACK) to the remote peer:
        self.challenge(cx);
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
        //# After sending the acknowledgment, TCP implementations MUST drop the unacceptable segment
        //# and stop processing further.
        //= https://www.rfc-editor.org/rfc/rfc5961#section-4.2
        //# After sending the acknowledgment, TCP MUST drop the unacceptable segment and stop
        //# processing further.
        drop_segment(DropReason::SynChallenged)
    }
}
