//! First: the sequence number.

use super::*;
use crate::limits::Limit;

impl Connection {
    /// Whether any of the segment is in the window; gives the part that is.
    pub(super) fn check_sequence<'a>(
        &mut self,
        cx: &mut Cx<'_>,
        segment: &TcpSegment<'a>,
    ) -> ControlFlow<End, TcpSegment<'a>> {
        let mut segment = *segment;
        if self.is_answer_to_simultaneous_open(&segment) {
            segment = without_syn(segment);
        }
        let (nxt, wnd) = (self.rcv.nxt, self.receive_window());
        // A peer that filled the window acknowledges from its right edge. Table 6 leaves that out; answered, it would
        // be answered again where the other direction stands alike. Linux accepts it, too.
        let from_the_edge = segment.seq_len() == 0 && !segment.rst() && segment.seq == nxt + wnd;
        if from_the_edge || is_acceptable(segment.seq, segment.seq_len(), nxt, wnd) {
            self.note_duplicate(&segment);
            return ControlFlow::Continue(trim(segment, nxt, wnd));
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
        //# If the RCV.WND is zero, no segments will be acceptable, but
        //# special allowance should be made to accept valid ACKs, URGs,
        //# and RSTs.
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4
        //# A TCP receiver MUST process the RST and URG
        //# fields of all incoming segments, even when the receive window is zero
        //# (MUST-66).
        if wnd == 0 && segment.seq == nxt && !segment.syn() {
            let record = arriving(&self.tuple, &segment, Some(self.relative_in(segment.seq)));
            cx.dropped(Some(self.id), DropReason::OutsideWindow, record);
            self.rcv.acks.now();
            return ControlFlow::Continue(TcpSegment {
                payload: &[],
                flags: segment.flags.without(Flags::FIN),
                ..segment
            });
        }
        if self.may_end_crossed_probes(&segment) {
            let record = arriving(&self.tuple, &segment, Some(self.relative_in(segment.seq)));
            cx.dropped(Some(self.id), DropReason::OutsideWindow, record);
            if self.may_answer_keep_alive(cx) {
                self.rcv.acks.now();
            }
            return ControlFlow::Continue(segment);
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
        //# If an incoming segment is not acceptable, an acknowledgment
        //# should be sent in reply (unless the RST bit is set, if so
        //# drop the segment and return)
        if self.serves_early() && !self.snd.syn_acknowledged && segment.syn() && segment.seq == self.rcv.irs {
            // Our SYN,ACK was lost, or is late.
            self.snd.syn_again = true;
            return drop_segment(DropReason::DuplicateSyn);
        }
        if !segment.rst() {
            self.answer_unacceptable(cx, &segment);
            self.on_heard(cx);
            self.recognise_repeated_fin(cx, &segment);
        }
        //= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
        //# In all other cases, where the SEQ-field does not match and is outside the window, the
        //# receiver MUST silently discard the segment.
        //= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
        //# In all other cases the receiver MUST silently discard the segment.
        drop_segment(DropReason::OutsideWindow)
    }

    /// Acknowledges what is here in reply to a segment that is of no use.
    pub(super) fn answer_unacceptable(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>) {
        self.note_duplicate(segment);
        // Data wants to be acknowledged, and is no answer to anything.
        let wanted = segment.seq_len() > 0 && !segment.syn();
        let allowed = match () {
            () if wanted => true,
            () if self.looks_like_keep_alive(segment) => self.may_answer_keep_alive(cx),
            () => self.may_reply(cx),
        };
        if allowed {
            self.rcv.acks.now();
        }
    }

    /// Octets before the window were received before: that they came again is told, at once.
    fn note_duplicate(&mut self, segment: &TcpSegment<'_>) {
        let left = segment.seq + u32::from(segment.syn());
        let right = (left + segment.payload.len() as u32).min(self.rcv.nxt);
        if left.before(right) {
            self.rcv.sack.on_duplicate(left, right);
            self.rcv.acks.now();
        }
    }

    /// A bare ACK from one octet before the window, while a probe of ours lies beyond the peer's. Where both ends probed
    /// a window that had opened meanwhile, each took the other's octet, and each stands one octet behind for the other:
    /// unless one of them reads what the other acknowledges, neither ever does.
    fn may_end_crossed_probes(&self, segment: &TcpSegment<'_>) -> bool {
        self.state.is_synchronized()
            && self.snd.nxt.after(self.honoured_edge())
            && segment.seq_len() == 0
            && !segment.rst()
            && segment.seq + 1 == self.rcv.nxt
    }

    /// Whether the one reply of this half second is still to be given. Two ends that disagree about what was sent would
    /// answer each other for ever, were it not for this: so would an open connection, and the handshake that an old SYN of
    /// its peer began.
    pub(super) fn may_reply(&mut self, cx: &mut Cx<'_>) -> bool {
        let allowed = self.rcv.replies.allows(cx.now);
        cx.counters.acks_withheld += u64::from(!allowed);
        allowed
    }

    /// A keep-alive probe wants its answer, however often it comes. Of two ends that differ by an octet, each takes the
    /// other's acknowledgment for one: so there is an end to these answers, too.
    fn may_answer_keep_alive(&mut self, cx: &mut Cx<'_>) -> bool {
        let allowed = self.rcv.keep_alive_answers.allows(cx.now, cx.limits.challenge_acks_per_second);
        if !allowed {
            cx.limit_hit(Some(self.id), Limit::ChallengeAcksPerSecond);
        }
        allowed
    }

    /// An empty segment from just before the window.
    fn looks_like_keep_alive(&self, segment: &TcpSegment<'_>) -> bool {
        let open = self.state.is_synchronized() && self.state != State::TimeWait;
        open && segment.seq_len() == 0 && segment.seq + 1 == self.rcv.nxt
    }

    /// The SYN,ACK with which the peer of a simultaneous open answers our SYN. Its SYN is the one that we have, and
    /// so before the window; its ACK is the one that we wait for (RFC 9293 figure 7).
    fn is_answer_to_simultaneous_open(&self, segment: &TcpSegment<'_>) -> bool {
        let waiting = !self.passive && !self.snd.syn_acknowledged;
        waiting && segment.syn() && segment.ack() && segment.seq == self.rcv.irs
    }

    /// In TIME-WAIT, the FIN that brought us here, again: our ACK of it was lost, and the peer may ask again.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
    //# The only thing that can arrive in this state is a
    //# retransmission of the remote FIN.  Acknowledge it, and
    //# restart the 2 MSL timeout.
    fn recognise_repeated_fin(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>) {
        if self.state == State::TimeWait && segment.fin() && segment.seq + segment.seq_len() == self.rcv.nxt {
            self.restart_time_wait(cx);
        }
    }
}

/// RFC 9293 §3.10.7.4, table 6.
fn is_acceptable(seq: Seq, len: u32, nxt: Seq, wnd: u32) -> bool {
    match (len, wnd) {
        (0, 0) => seq == nxt,
        (0, _) => seq.within(nxt, wnd),
        (_, 0) => false,
        (_, _) => seq.within(nxt, wnd) || (seq + (len - 1)).within(nxt, wnd),
    }
}

/// The part of an acceptable segment that lies in the window.
pub(super) fn trim(mut segment: TcpSegment<'_>, nxt: Seq, wnd: u32) -> TcpSegment<'_> {
    if segment.seq.before(nxt) && segment.syn() {
        segment = without_syn(segment);
    }
    let old = (nxt.octets_since(segment.seq) as usize).min(segment.payload.len());
    segment.payload = &segment.payload[old..];
    segment.seq = segment.seq.max(nxt);
    let room = (nxt + wnd).octets_since(segment.seq) as usize;
    if segment.payload.len() + usize::from(segment.fin()) > room && segment.seq_len() > 0 {
        segment.flags = segment.flags.without(Flags::FIN);
        segment.payload = &segment.payload[..segment.payload.len().min(room)];
    }
    segment
}

pub(super) fn without_syn(segment: TcpSegment<'_>) -> TcpSegment<'_> {
    TcpSegment { seq: segment.seq + 1, flags: segment.flags.without(Flags::SYN), ..segment }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_cases_of_table_6() {
        let nxt = Seq(u32::MAX - 5);
        assert!(is_acceptable(nxt, 0, nxt, 0));
        assert!(!is_acceptable(nxt + 1, 0, nxt, 0));
        assert!(is_acceptable(nxt + 9, 0, nxt, 10));
        assert!(!is_acceptable(nxt + 10, 0, nxt, 10));
        assert!(!is_acceptable(nxt - 1, 0, nxt, 10));
        assert!(!is_acceptable(nxt, 1, nxt, 0));
        assert!(is_acceptable(nxt - 3, 4, nxt, 10));
        assert!(!is_acceptable(nxt - 3, 3, nxt, 10));
        assert!(is_acceptable(nxt + 9, 100, nxt, 10));
    }

    #[test]
    fn only_what_is_in_the_window_remains() {
        let segment = TcpSegment {
            seq: Seq(8),
            flags: Flags::FIN | Flags::ACK,
            payload: b"0123456789",
            ..TcpSegment::default()
        };
        let left = trim(segment, Seq(10), 100);
        assert_eq!((left.seq, left.payload, left.fin()), (Seq(10), &b"23456789"[..], true));
        let both = trim(segment, Seq(10), 8);
        assert_eq!((both.seq, both.payload, both.fin()), (Seq(10), &b"23456789"[..], false));
        let right = trim(segment, Seq(8), 3);
        assert_eq!((right.payload, right.fin()), (&b"012"[..], false));
        let fin_alone = trim(TcpSegment { payload: b"01", ..segment }, Seq(10), 5);
        assert_eq!((fin_alone.payload, fin_alone.fin()), (&b""[..], true));
    }
}
