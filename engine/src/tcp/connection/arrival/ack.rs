//! Fifth: the ACK field.

use super::*;
use crate::event::RecoveryPhase;

impl Connection {
    /// `arrived` is the segment as it came, `segment` the part of it that lies in the window.
    pub(super) fn check_ack(
        &mut self,
        cx: &mut Cx<'_>,
        arrived: &TcpSegment<'_>,
        segment: &TcpSegment<'_>,
    ) -> ControlFlow<End> {
        if !segment.ack() {
            return drop_segment(DropReason::NoAck);
        }
        let window = self.true_window(arrived);
        let opens_ours = self.state == State::SynReceived && !self.passive;
        if self.state == State::SynReceived {
            self.check_ack_of_syn(cx, segment, window)?;
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
        //# TCP stacks that implement RFC
        //# 5961 MUST add an input check that the ACK value is
        //# acceptable only if it is in the range of ((SND.UNA -
        //# MAX.SND.WND) =< SEG.ACK =< SND.NXT).
        if segment.ack.after(self.snd.nxt) {
            self.challenge(cx);
            return drop_segment(DropReason::AckOfUnsent);
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
        //# RFC 5961 [9], Section 5 describes a potential blind data injection attack, and mitigation
        //# that implementations MAY choose to include (MAY-12).
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
        //# All incoming segments whose ACK value doesn't satisfy the above condition MUST be
        //# discarded and an ACK sent back.
        //= https://www.rfc-editor.org/rfc/rfc5961#section-5.2
        //# TCP stacks that implement this mitigation MUST add an additional input check to any
        //# incoming segment.
        //= https://www.rfc-editor.org/rfc/rfc5961#section-5.2
        //# All incoming segments whose ACK value doesn't satisfy the above condition MUST be
        //# discarded and an ACK sent back.
        if segment.ack.before(self.snd.una - self.snd.max_wnd) {
            self.challenge(cx);
            return drop_segment(DropReason::AckTooOld);
        }
        self.take_timestamp(cx, arrived);
        if self.state == State::TimeWait {
            return self.check_fin_in_time_wait(cx, segment);
        }
        let advances = segment.ack.after(self.snd.una);
        self.process_ack(cx, arrived, window);
        if opens_ours {
            self.on_fast_open_answer(cx, arrived);
        }
        self.update_window(cx, segment, window, advances);
        self.on_fin_acknowledged(cx, segment)
    }

    /// The window that a segment announces.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
    //# The window field (SEG.WND) in the header of every incoming
    //# segment, with the exception of <SYN> segments, MUST be left-
    //# shifted by Snd.Wind.Shift bits before updating SND.WND
    pub(super) fn true_window(&self, arrived: &TcpSegment<'_>) -> u32 {
        let shift = if arrived.syn() { 0 } else { self.agreed.snd_shift() };
        u32::from(arrived.window) << shift
    }

    /// In SYN-RECEIVED, an acceptable ACK opens the connection.
    fn check_ack_of_syn(
        &mut self,
        cx: &mut Cx<'_>,
        segment: &TcpSegment<'_>,
        window: u32,
    ) -> ControlFlow<End> {
        if !(segment.ack.after(self.snd.una) && segment.ack.at_or_before(self.snd.nxt)) {
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
            //# If the segment acknowledgment is not acceptable, form a
            //# reset segment
            //#    <SEQ=SEG.ACK><CTL=RST>
            cx.refuse(self.tuple, Some(self.id), segment);
            return drop_segment(DropReason::UnacceptableAck);
        }
        self.set_send_window(window, segment.seq, segment.ack);
        self.transition(cx, Trigger::AckOfSyn, Cause::Segment(segment.flags));
        self.on_established(cx);
        ControlFlow::Continue(())
    }

    /// Takes in what it acknowledges, if that is anything.
    pub(super) fn process_ack(&mut self, cx: &mut Cx<'_>, arrived: &TcpSegment<'_>, window: u32) {
        let advances = arrived.ack.after(self.snd.una);
        let partial =
            self.recovery.phase == RecoveryPhase::Recovery && arrived.ack.before(self.recovery.high);
        let repeats = self.is_duplicate_ack(arrived, window);
        self.recover(cx, arrived, repeats);
        if !advances {
            return;
        }
        self.path.on_progress(arrived.ack);
        let acked = self.snd.buffer.acknowledge(arrived.ack, cx.spares);
        self.snd.urgent.on_acknowledged(arrived.ack);
        self.snd.persist.reset();
        // The way there is open again.
        self.soft_error = None;
        self.restart_send_timers(cx, partial);
        if acked > 0 {
            self.totals.bytes_acked += u64::from(acked);
            let outstanding = self.snd.buffer.len();
            cx.tell_if(Interest::DATA, self.id, || EventKind::Acknowledged { bytes: acked, outstanding });
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc5681#section-2
    //# An acknowledgment is considered a
    //# "duplicate" in the following algorithms when (a) the receiver of
    //# the ACK has outstanding data, (b) the incoming acknowledgment
    //# carries no data, (c) the SYN and FIN bits are both off, (d) the
    //# acknowledgment number is equal to the greatest acknowledgment
    //# received on the given connection (TCP.UNA from [RFC793]) and (e)
    //# the advertised window in the incoming acknowledgment equals the
    //# advertised window in the last incoming acknowledgment.
    fn is_duplicate_ack(&self, segment: &TcpSegment<'_>, window: u32) -> bool {
        self.flight() > 0
            && segment.seq_len() == 0
            && segment.ack == self.snd.una
            && window == self.snd.wnd
            && self.snd.wnd > 0
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
    //# If SND.UNA =< SEG.ACK =< SND.NXT, the send window should
    //# be updated.  If (SND.WL1 < SEG.SEQ or (SND.WL1 = SEG.SEQ
    //# and SND.WL2 =< SEG.ACK)), set SND.WND <- SEG.WND, set
    //# SND.WL1 <- SEG.SEQ, and set SND.WL2 <- SEG.ACK.
    //
    // An acknowledgment of something new is newer than any before it, whatever came out of order (as in Linux): left
    // alone, SND.WND would count from the new SND.UNA and reach beyond the edge that the peer announced.
    pub(super) fn update_window(
        &mut self,
        cx: &mut Cx<'_>,
        segment: &TcpSegment<'_>,
        window: u32,
        advances: bool,
    ) {
        let newer = advances
            || self.snd.wl1.before(segment.seq)
            || self.snd.wl1 == segment.seq && self.snd.wl2.at_or_before(segment.ack);
        if segment.ack.before(self.snd.una) || !newer {
            return;
        }
        let was_closed = self.snd.wnd == 0;
        self.set_send_window(window, segment.seq, segment.ack);
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
        //# The sender MAY also retransmit old data beyond SND.UNA+SND.WND (MAY-7), but SHOULD NOT
        //# time out the connection if data beyond the right window edge is not acknowledged
        //# (SHLD-17).
        if self.snd.wnd == 0 && !self.orphan {
            // Of a connection that nobody has, resource management may think otherwise.
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
            //# As long as the receiving TCP
            //# peer continues to send acknowledgments in response to the probe
            //# segments, the sending TCP peer MUST allow the connection to stay
            //# open (MUST-37).
            self.stop(cx, TimerKind::UserTimeout);
        } else if was_closed && self.snd.wnd > 0 {
            // What was probed beyond the closed window was not kept: it goes again now, not at the next timeout.
            self.snd.persist.reset();
            self.stop(cx, TimerKind::Persist);
            if self.flight() > 0 {
                self.resend_where(|_| true);
            }
        }
    }

    /// The states that wait for the acknowledgment of our FIN.
    fn on_fin_acknowledged(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>) -> ControlFlow<End> {
        if self.state.fin_outstanding() && self.fin_acknowledged() {
            self.transition(cx, Trigger::AckOfFin, Cause::Segment(segment.flags));
        }
        match self.state {
            State::Closed | State::TimeWait => ControlFlow::Break(End::Processed),
            _ => ControlFlow::Continue(()),
        }
    }

    /// TIME-WAIT: nothing but a repeated FIN matters.
    fn check_fin_in_time_wait(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>) -> ControlFlow<End> {
        if segment.fin() {
            self.rcv.acks.now();
            self.restart_time_wait(cx);
            return ControlFlow::Break(End::Processed);
        }
        drop_segment(DropReason::TimeWait)
    }
}
