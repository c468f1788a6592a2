//! What leaves: which segment goes next, if any.
//!
//! The order: the SYN; what is lost; new data as both windows allow, with the FIN after the last of it; a probe; a
//! bare acknowledgment. Any of them acknowledges what came.

use super::*;
use crate::event::{RetransmissionReason, SegmentRecord};
use crate::tcp::receive::ack_policy::Owed;
use crate::tcp::recovery::Phase;
use crate::tcp::send::nagle::Candidate;
use crate::wire::TcpSegment;

/// A segment to be sent; its data is `len` octets of the send buffer from `seq` on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    pub(crate) seq: Seq,
    pub(crate) ack: Option<Seq>,
    pub(crate) flags: Flags,
    pub(crate) window: u16,
    pub(crate) options: TcpOptions,
    pub(crate) len: u32,
}

impl Outgoing {
    /// Octets of sequence space.
    fn seq_len(&self) -> u32 {
        self.len + u32::from(self.flags.contains(Flags::SYN)) + u32::from(self.flags.contains(Flags::FIN))
    }
}

impl Connection {
    /// The data of an outgoing segment.
    pub(crate) fn payload(&self, out: &Outgoing) -> [&[u8]; 2] {
        self.snd.buffer.slice(out.seq, out.len)
    }

    /// The segment as the wire has it, its data apart.
    pub(crate) fn segment(&self, out: &Outgoing) -> TcpSegment<'static> {
        TcpSegment {
            src_port: self.tuple.local.port(),
            dst_port: self.tuple.remote.port(),
            seq: out.seq,
            ack: out.ack.unwrap_or_default(),
            flags: out.flags,
            window: out.window,
            urgent: 0,
            options: out.options,
            payload: &[],
        }
    }

    /// The next segment to send now, if there is one. The connection counts it as sent.
    ///
    /// To be called after every input until it gives none: only then do the timers follow from what the input did.
    pub(crate) fn poll_segment(&mut self, cx: &mut Cx<'_>) -> Option<Outgoing> {
        let Some(out) = self.poll_segment_quietly(cx) else {
            if !self.is_closed() {
                self.settle(cx);
            }
            return None;
        };
        let mut summary = self.segment(&out).summary();
        summary.len = out.len;
        let Tuple { local, remote } = self.tuple;
        let relative = Some(self.relative_out());
        cx.tell_if(Interest::SEGMENTS, self.id, || {
            EventKind::SegmentSent(SegmentRecord { source: local, destination: remote, summary, relative })
        });
        Some(out)
    }

    /// As [`Connection::poll_segment`], for whoever tells of the segment itself and keeps the time.
    pub(crate) fn poll_segment_quietly(&mut self, cx: &mut Cx<'_>) -> Option<Outgoing> {
        if self.is_closed() {
            return None;
        }
        let mut out = self.next_segment(cx)?;
        self.acknowledge(cx, &mut out);
        self.on_sent(cx, &out);
        Some(out)
    }

    fn next_segment(&mut self, cx: &mut Cx<'_>) -> Option<Outgoing> {
        if self.snd.nxt == self.snd.iss && !self.snd.syn_acknowledged {
            return Some(self.syn());
        }
        self.resend(cx)
            .or_else(|| self.new_data(cx))
            .or_else(|| self.probe(cx))
            .or_else(|| self.keep_alive_probe())
            .or_else(|| self.bare_ack())
    }

    /// The SYN, or the SYN,ACK once the peer's SYN is here.
    fn syn(&self) -> Outgoing {
        let ack = (self.state != State::SynSent).then_some(self.rcv.nxt);
        let flags = if ack.is_some() { Flags::SYN | Flags::ACK } else { Flags::SYN };
        Outgoing { seq: self.snd.iss, ack, flags, window: 0, options: TcpOptions::NONE, len: 0 }
    }

    /// A segment of `len` octets of data from `seq` on, with the FIN where it follows them.
    fn data_segment(&self, seq: Seq, len: u32) -> Outgoing {
        let data_end = seq + len;
        let mut flags = Flags::ACK;
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
        //# If
        //# PUSH flags are not implemented, then the sending TCP peer: (1) MUST
        //# NOT buffer data indefinitely (MUST-60), and (2) MUST set the PSH bit
        //# in the last buffered segment (i.e., when there is no more queued data
        //# to be sent) (MUST-61).
        if len > 0 && data_end == self.snd.buffer.end() {
            flags |= Flags::PSH;
        }
        Outgoing {
            seq,
            ack: Some(self.rcv.nxt),
            flags,
            window: 0,
            options: TcpOptions::NONE,
            len,
        }
    }

    /// Sends again what recovery says, as the congestion window allows.
    fn resend(&mut self, cx: &mut Cx<'_>) -> Option<Outgoing> {
        let resend = self.recovery.resend?;
        let first = matches!(resend.reason, RetransmissionReason::Timeout | RetransmissionReason::Fast);
        let ahead = resend.next.octets_since(self.snd.una);
        if !first
            && self.recovery.phase != Phase::Fast
            && ahead + self.snd.mss > self.congestion_window().max(self.snd.mss)
        {
            return None;
        }
        let out = if resend.next == self.snd.iss && !self.snd.syn_acknowledged {
            self.syn()
        } else {
            let len = resend.end.octets_since(resend.next).min(self.snd.mss);
            let len =
                len.min(self.snd.buffer.end().octets_since(resend.next)).min(self.resend_room(resend.next)?);
            let mut out = self.data_segment(resend.next, len);
            // The FIN goes again when the range reaches it.
            if self.snd.fin && out.seq + len == self.snd.buffer.end() && resend.end.after(out.seq + len) {
                out.flags |= Flags::FIN;
            }
            out
        };
        if out.seq_len() == 0 {
            self.recovery.resend = None;
            return None;
        }
        self.totals.retransmissions += 1;
        self.rtt.on_resent();
        self.recovery.on_resent(out.seq_len());
        let kind = EventKind::Retransmission { seq: out.seq.0, len: out.len, reason: resend.reason };
        cx.tell_if(Interest::RETRANSMISSIONS, self.id, || kind);
        Some(out)
    }

    /// How much from `seq` on may be sent again, if any, when the peer shrank its window. Behind a closed one a segment
    /// from `snd.una` is as good as a probe.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
    //# If this happens, the sender SHOULD NOT send new data
    //# (SHLD-15), but SHOULD retransmit normally the old unacknowledged data
    //# between SND.UNA and SND.UNA+SND.WND (SHLD-16).
    fn resend_room(&self, seq: Seq) -> Option<u32> {
        match self.honoured_edge().octets_since(seq) {
            0 if seq == self.snd.una => Some(self.snd.mss),
            0 => None,
            room => Some(room),
        }
    }

    /// New data, or the FIN alone, as the windows, Nagle and silly-window avoidance allow.
    fn new_data(&mut self, cx: &mut Cx<'_>) -> Option<Outgoing> {
        if matches!(self.state, State::SynSent | State::SynReceived) || self.snd.nxt == self.send_end() {
            return None;
        }
        if self.recovery.phase == Phase::Loss && self.recovery.resend.is_some() {
            return None;
        }
        if self.flight() == 0 {
            self.congestion.on_idle(cx.now, cx.now - self.snd.last_sent, self.rtt.rto());
        }
        let waiting = self.snd.buffer.end().octets_since(self.snd.nxt);
        let by_peer = (self.snd.una + self.snd.wnd).octets_since(self.snd.nxt);
        let by_path = self.congestion_window().saturating_sub(self.flight());
        let candidate = Candidate {
            waiting,
            usable: by_peer.min(by_path),
            mss: self.snd.mss,
            max_window: self.snd.max_wnd,
            in_flight: self.flight() > 0,
            no_delay: self.options.no_delay,
            fin_follows: self.snd.fin,
            override_silly: self.snd.probe && by_peer > 0,
        };
        let len = candidate.segment_len();
        if len == 0 && waiting > 0 {
            return None;
        }
        let mut out = self.data_segment(self.snd.nxt, len);
        // The FIN takes a place in the window too.
        if self.snd.fin && len == waiting && by_peer > len {
            out.flags |= Flags::FIN;
        }
        if out.seq_len() == 0 {
            return None;
        }
        self.snd.probe = false;
        Some(out)
    }

    /// A zero-window probe: one octet, or the FIN, beyond the window.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
    //# The sending TCP peer must regularly transmit at least one octet of new
    //# data (if available), or retransmit to the receiving TCP peer even if
    //# the send window is zero, in order to "probe" the window.
    fn probe(&mut self, cx: &mut Cx<'_>) -> Option<Outgoing> {
        if !core::mem::take(&mut self.snd.probe) || self.snd.una == self.send_end() {
            return None;
        }
        let seq = self.snd.una;
        let len = self.snd.buffer.len().min(1);
        let mut out = self.data_segment(seq, len);
        if len == 0 {
            out.flags |= Flags::FIN;
        }
        if seq.before(self.snd.nxt) {
            self.totals.retransmissions += 1;
            self.rtt.on_resent();
        }
        let kind = EventKind::Retransmission { seq: seq.0, len, reason: RetransmissionReason::WindowProbe };
        cx.tell_if(Interest::RETRANSMISSIONS, self.id, || kind);
        Some(out)
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
    //# An implementation SHOULD send a keep-alive segment with no data (SHLD-12); however, it MAY be
    //# configurable to send a keep-alive segment containing one garbage
    //# octet (MAY-6), for compatibility with erroneous TCP implementations.
    fn keep_alive_probe(&mut self) -> Option<Outgoing> {
        core::mem::take(&mut self.snd.keep_alive_probe).then(|| self.data_segment(self.snd.nxt - 1, 0)).map(
            |mut out| {
                out.flags = Flags::ACK;
                out
            },
        )
    }

    fn bare_ack(&mut self) -> Option<Outgoing> {
        let due = match self.rcv.acks.owed() {
            Owed::Nothing => false,
            Owed::Soon => self.options.delayed_ack.is_zero(),
            Owed::Now => true,
        };
        (due && self.state != State::SynSent).then(|| self.data_segment(self.acceptable_seq(), 0))
    }

    /// The sequence number of a segment without data: SND.NXT, unless a probe took it beyond the peer's window. There
    /// the peer would find it unacceptable and answer it, and if we are probed at the same time we would answer that,
    /// without end. Linux does the same.
    pub(super) fn acceptable_seq(&self) -> Seq {
        if !self.state.is_synchronized() || self.state == State::TimeWait {
            return self.snd.nxt;
        }
        self.snd.nxt.min(self.honoured_edge())
    }

    /// The right edge up to which the peer takes what was sent already. Where it announced less than before by no more
    /// than the rounding of its scale, it still takes what it announced before.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.4
    //# On first retransmission, or if the sequence number is out of
    //# window by less than 2^Rcv.Wind.Shift, then do normal
    //# retransmission(s) without regard to the receiver window as long
    //# as the original segment was in window when it was sent.
    pub(super) fn honoured_edge(&self) -> Seq {
        let edge = self.snd.una + self.snd.wnd;
        let rounded_off = self.snd.edge.octets_since(edge) < 1 << self.agreed.snd_shift();
        if rounded_off { self.snd.edge } else { edge }
    }

    /// Keeps the books on a segment that goes out.
    fn on_sent(&mut self, cx: &mut Cx<'_>, out: &Outgoing) {
        let end = out.seq + out.seq_len();
        if end.after(self.snd.nxt) {
            // The SYN,ACK of a simultaneous open is our SYN, sent again.
            if self.snd.nxt == out.seq && !out.flags.contains(Flags::SYN | Flags::ACK) {
                self.rtt.on_sent(cx.now, end);
            }
            self.snd.nxt = end;
        }
        self.totals.segments_out += 1;
        self.totals.bytes_sent += u64::from(out.len);
        if out.seq_len() > 0 {
            self.snd.last_sent = cx.now;
            self.congestion.on_sent(cx.now, out.len, self.flight());
        }
    }
}
