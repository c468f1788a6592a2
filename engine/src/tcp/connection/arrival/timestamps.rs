//! Before all numbered checks: the timestamps (RFC 7323 §5.3); and what an accepted segment's timestamps tell.

use core::time::Duration;

use super::*;

impl Connection {
    /// Drops old duplicates, whatever their sequence numbers say, and segments without the timestamps that were agreed on.
    /// A SYN without them begins another connection, which has agreed on nothing yet: it is challenged like any other.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.3
    //# Also, PAWS processing MUST take precedence over the regular TCP
    //# acceptability check (Section 3.3 in [RFC0793]), which is performed
    //# after verification of the received Timestamps option
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
    //# When an <RST> segment is
    //# received, it MUST NOT be subjected to the PAWS check by verifying an
    //# acceptable value in SEG.TSval
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.3
    //# If the PAWS algorithm is used, the following processing MUST be performed on all incoming
    //# segments for a synchronized connection.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.3
    //# It is important to note that the timestamp MUST be checked only when a segment first
    //# arrives at the receiver, regardless of whether it is in sequence or it must be queued for
    //# later delivery.
    pub(super) fn check_timestamps(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>) -> ControlFlow<End> {
        if !self.agreed.timestamps || segment.rst() {
            return ControlFlow::Continue(());
        }
        match segment.options.timestamps {
            //= https://www.rfc-editor.org/rfc/rfc7323#section-5.3
            //# If there is a Timestamps option in the arriving segment,
            //# SEG.TSval < TS.Recent, TS.Recent is valid (see later
            //# discussion), and if the RST bit is not set, then treat the
            //# arriving segment as not acceptable:
            //#
            //# Send an acknowledgment in reply as specified in Section 3.9
            //# of [RFC0793], page 69, and drop the segment.
            Some(timestamps) if self.clock.is_old(timestamps.value, cx.now) => {
                self.answer_unacceptable(cx, segment);
                drop_segment(DropReason::OldTimestamp)
            }
            //= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
            //# If a
            //# non-<RST> segment is received without a TSopt, a TCP SHOULD silently
            //# drop the segment.  A TCP MUST NOT abort a TCP connection because any
            //# segment lacks an expected TSopt.
            None if !segment.syn() => drop_segment(DropReason::TimestampMissing),
            _ => ControlFlow::Continue(()),
        }
    }

    /// Takes the timestamp of an acceptable segment for the one to echo (RFC 7323 §5.3, R3).
    pub(super) fn take_timestamp(&mut self, cx: &Cx<'_>, segment: &TcpSegment<'_>) {
        if let Some(timestamps) = segment.options.timestamps {
            if let Some(tuning) = &mut self.rcv.tuning
                && !segment.payload.is_empty()
            {
                tuning.on_echo(timestamps.echo, self.clock.round_trip(timestamps.echo, cx.now));
            }
            self.clock.take(timestamps.value, segment.seq, self.rcv.last_ack_sent, cx.now);
        }
    }

    /// The round trip that an acknowledgment of something new tells of by its echo.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-4.1
    //# A TSecr value received in a segment MAY be used to update
    //# the averaged RTT measurement only if the segment advances
    //# the left edge of the send window, i.e., SND.UNA is
    //# increased.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
    //# When the ACK bit is not set, the receiver MUST ignore the value of the TSecr field.
    pub(in crate::tcp::connection) fn echoed_round_trip(
        &self,
        cx: &Cx<'_>,
        segment: &TcpSegment<'_>,
    ) -> Option<Duration> {
        self.clock.round_trip(segment.options.timestamps?.echo, cx.now)
    }
}
