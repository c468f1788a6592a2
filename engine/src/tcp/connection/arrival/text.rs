//! Seventh: the segment text.

use super::*;

impl Connection {
    pub(in crate::tcp::connection) fn take_text(
        &mut self,
        cx: &mut Cx<'_>,
        segment: &TcpSegment<'_>,
    ) -> ControlFlow<End> {
        if segment.payload.is_empty() {
            return ControlFlow::Continue(());
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
        //# This should not occur since a FIN has been received from the
        //# remote side.  Ignore the segment text.
        if !self.state.may_receive() {
            return ControlFlow::Continue(());
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
        //# If such a host issues a CLOSE call while received data is still pending in the TCP
        //# connection, or if new data is received after CLOSE is called, its TCP implementation
        //# SHOULD send a RST to show that data was lost (SHLD-3).
        if self.orphan {
            self.send_reset(cx);
            self.fail(cx, Trigger::LateData, Cause::Segment(segment.flags), Errno::ECONNRESET);
            return drop_segment(DropReason::DataAfterClose);
        }
        // Nothing comes after a FIN.
        let end = self.rcv.fin.map_or(usize::MAX, |fin| fin.octets_since(segment.seq) as usize);
        let payload = &segment.payload[..segment.payload.len().min(end)];
        if payload.is_empty() {
            self.rcv.acks.now();
        } else if segment.seq == self.rcv.nxt {
            self.note_held(segment.seq, payload);
            self.take_in_order(cx, payload);
        } else if !payload.is_empty() {
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
            //# Segments with higher
            //# beginning sequence numbers SHOULD be held for later
            //# processing (SHLD-31).
            //= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
            //# Out-of-order data segments SHOULD be acknowledged
            //# immediately, in order to accelerate loss recovery.
            self.rcv.acks.now();
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
            //# A TCP implementation MAY send an ACK segment acknowledging RCV.NXT when a valid
            //# segment arrives that is in the window but not at the left window edge (MAY-13).
            //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
            //# A TCP receiver SHOULD send an immediate duplicate ACK when an out- of-order segment
            //# arrives.
            //= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
            //# To trigger the fast retransmit algorithm, the receiver SHOULD send an immediate
            //# duplicate ACK when it receives a data segment above a gap in the sequence space.
            self.note_held(segment.seq, payload);
            //= https://www.rfc-editor.org/rfc/rfc2018#section-4
            //# The receiver SHOULD send an ACK for every valid segment that arrives containing new
            //# data, and each of these "duplicate" ACKs SHOULD bear a SACK option.
            if self.rcv.assembler.insert(segment.seq, payload, cx.limits.out_of_order_pieces).is_err() {
                cx.limit_hit(Some(self.id), crate::limits::Limit::OutOfOrderPieces);
                //= https://www.rfc-editor.org/rfc/rfc2018#section-8
                //= type=exception
                //= reason=a segment beyond the limit of pieces is as one that never came: told of it, the
                //= peer would not send it again before a timeout
                //# Even if the newest segment is going to be discarded and the receiver has already
                //# discarded adjacent segments, the first SACK block MUST report, at a minimum, the
                //# left and right edges of the newest segment.
                return drop_segment(DropReason::OutOfOrderLimit);
            }
            self.totals.troubles.rcv_ooopack += 1;
        }
        ControlFlow::Continue(())
    }

    /// Octets that are held out of order came again: that is told.
    fn note_held(&mut self, seq: Seq, payload: &[u8]) {
        if let Some((left, right)) = self.rcv.assembler.overlap(seq, seq + payload.len() as u32) {
            self.rcv.sack.on_duplicate(left, right);
            self.rcv.acks.now();
        }
    }

    pub(super) fn take_in_order(&mut self, cx: &mut Cx<'_>, payload: &[u8]) {
        let mut taken = payload.len() as u32;
        let capacity = self.receive_capacity();
        cx.spares.lend_octets(&mut self.rcv.ready, capacity);
        self.rcv.ready.reserve(payload.len());
        // In parts: what is longer glibc leaves to an instruction of the processor that is slower where it begins anywhere.
        payload.chunks(COPIED_AT_ONCE).for_each(|part| self.rcv.ready.extend(part));
        self.rcv.nxt += taken;
        let had_gap = !self.rcv.assembler.is_empty();
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
        //# In general, the processing of received segments MUST be implemented to aggregate ACK
        //# segments whenever possible (MUST-58).
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
        //# For example, if the TCP endpoint is processing a series of queued segments, it MUST
        //# process them all before sending any ACK segments (MUST-59).
        while had_gap && let Some(more) = self.rcv.assembler.take(self.rcv.nxt) {
            self.rcv.nxt += more.len() as u32;
            taken += more.len() as u32;
            self.rcv.ready.extend(more);
        }
        self.totals.bytes_received += u64::from(taken);
        cx.counters.bytes_received += u64::from(taken);
        self.rcv.acks.on_data(taken, self.rcv.mss);
        //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
        //# In addition, a TCP receiver SHOULD send an immediate ACK when the incoming segment fills
        //# in all or part of a gap in the sequence space.
        if had_gap {
            //= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
            //# To provide feedback to senders recovering
            //# from losses, the receiver SHOULD send an immediate ACK when it
            //# receives a data segment that fills in all or part of a gap in the
            //# sequence space.
            self.rcv.acks.now();
        }
        self.tell_readable(cx);
    }
}

/// Octets that one copy moves.
const COPIED_AT_ONCE: usize = 4096;
