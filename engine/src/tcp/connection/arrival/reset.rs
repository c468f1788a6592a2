//! Second: the RST bit.

use super::*;

impl Connection {
    /// A reset at the left edge ends the connection; one elsewhere in the window is challenged (RFC 5961 §3.2).
    //= https://www.rfc-editor.org/rfc/rfc5961#section-1.1
    //# The mitigations suggested in this document SHOULD be implemented in devices that regularly
    //# need to maintain TCP connections of the kind most vulnerable to the attacks described in
    //# this document.
    //= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
    //# Instead, implementations SHOULD implement the following steps in place of those specified
    //# in [RFC0793] (as listed above).
    pub(super) fn check_reset(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>) -> ControlFlow<End> {
        if !segment.rst() {
            return ControlFlow::Continue(());
        }
        if segment.seq != self.rcv.nxt {
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
            //# If the RST bit is set and the sequence number does not
            //# exactly match the next expected sequence value, yet is
            //# within the current receive window, TCP endpoints MUST send
            //# an acknowledgment (challenge ACK)
            //= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
            //# If the RST bit is set and the sequence number does not exactly match the next expected
            //# sequence value, yet is within the current receive window (RCV.NXT < SEG.SEQ <
            //# RCV.NXT+RCV.WND), TCP MUST send an acknowledgment (challenge ACK):
            //= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
            //# If the RST bit is set and the sequence number does not exactly match the next expected
            //# sequence value, yet is within the current receive window (RCV.NXT < SEG.SEQ <
            //# RCV.NXT+RCV.WND), TCP MUST send an acknowledgment (challenge ACK):
            self.challenge(cx);
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
            //# After sending the challenge ACK, TCP endpoints MUST drop the unacceptable segment and
            //# stop processing the incoming packet further.
            //= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
            //# After sending the challenge ACK, TCP MUST drop the unacceptable segment and stop
            //# processing the incoming packet further.
            return drop_segment(DropReason::RstChallenged);
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.5.3
        //# TCP implementations SHOULD allow a received RST segment to include data (SHLD-2).
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
        //# If the RST bit is set and the sequence number exactly matches the next expected
        //# sequence number (RCV.NXT), then TCP endpoints MUST reset the connection in the manner
        //# prescribed below according to the connection state.
        //= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
        //# If the RST bit is set and the sequence number exactly matches the next expected sequence
        //# number (RCV.NXT), then TCP MUST reset the connection.
        //= https://www.rfc-editor.org/rfc/rfc5961#section-4.2
        //# Upon receipt of a valid RST, the local TCP endpoint MUST terminate its connection.
        //= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
        //# If the RST bit is set and the sequence number exactly matches the next expected sequence
        //# number (RCV.NXT), then TCP MUST reset the connection.
        //= https://www.rfc-editor.org/rfc/rfc1337#section-3
        //# One could also argue that it is formally the correct thing to do;
        //# since allowing time for old duplicate segments to die is one of
        //# TIME-WAIT state's functions, the state should not be truncated by
        //# a RST segment.
        if self.state == State::TimeWait {
            return drop_segment(DropReason::TimeWait);
        }
        let cause = Cause::Segment(segment.flags);
        match self.state {
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
            //# If this connection was initiated with a passive OPEN
            //# (i.e., came from the LISTEN state), then return this
            //# connection to LISTEN state and return.  The user need not
            //# be informed.
            State::SynReceived if self.passive && !self.serves_early() => {
                self.transition(cx, Trigger::Rst, cause)
            }
            State::SynReceived if !self.passive => self.fail(cx, Trigger::Rst, cause, Errno::ECONNREFUSED),
            // Nobody waits for anything any more in these.
            State::Closing | State::LastAck => self.transition(cx, Trigger::Rst, cause),
            _ => self.fail(cx, Trigger::Rst, cause, Errno::ECONNRESET),
        }
        ControlFlow::Break(End::Processed)
    }
}
