//! What leaves: which segment goes next, if any.
//!
//! The order: the SYN; what is lost; new data as both windows allow, with the FIN after the last of it; a probe; a
//! bare acknowledgment. Any of them acknowledges what came.

use core::time::Duration;

use super::path_search::ProbeStep;
use super::*;
use crate::event::{RecoveryPhase, RetransmissionReason, SegmentRecord};
use crate::limits::Limit;
use crate::tcp::cx::Cutter;
use crate::tcp::ecn::Codepoint;
use crate::tcp::receive::ack_policy::Owed;
use crate::tcp::recovery::duplicates;
use crate::tcp::recovery::frto::Frto;
use crate::tcp::recovery::sent::Record;
use crate::tcp::send::nagle::Candidate;
use crate::wire::{TcpSegment, TcpSummary};

/// A segment to be sent, or a super-segment that the link cuts; its data is `len` octets of the send buffer from `seq`
/// on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    pub(crate) seq: Seq,
    pub(crate) ack: Option<Seq>,
    pub(crate) flags: Flags,
    pub(crate) codepoint: Codepoint,
    pub(crate) window: u16,
    pub(crate) urgent: u16,
    pub(crate) options: TcpOptions,
    pub(crate) len: u32,
    /// Octets of data in each of the segments that it is cut into, where it is more than one.
    pub(crate) cut: Option<u16>,
}

/// What new data may use of the congestion window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowance {
    /// What it leaves free.
    Quota,
    /// One segment, whatever it leaves free.
    Segment,
}

impl Outgoing {
    /// Octets of sequence space.
    fn seq_len(&self) -> u32 {
        self.len + u32::from(self.flags.contains(Flags::SYN)) + u32::from(self.flags.contains(Flags::FIN))
    }

    /// The segments that are on the wire in the end.
    fn segments(&self) -> u32 {
        self.cut.map_or(1, |cut| self.len.div_ceil(cut.into()))
    }

    /// Takes the first of the segments that it is to be cut into out of it; of the last one nothing is left.
    pub(crate) fn cut_first(&mut self) -> Outgoing {
        let each = self.cut.map_or(self.len, u32::from).min(self.len);
        let mut first = Outgoing { len: each, cut: None, ..*self };
        self.seq += each;
        self.len -= each;
        if self.len > 0 {
            // What ends the data, or tells that it is all, is for the last.
            first.flags = self.flags.without(Flags::PSH | Flags::FIN);
        }
        first
    }
}

impl Connection {
    /// The data of an outgoing segment; `near` as in [`SendBuffer::slice`].
    pub(crate) fn payload(&self, out: &Outgoing, near: &mut usize) -> impl Iterator<Item = &[u8]> {
        self.snd.buffer.slice(out.seq, out.len, near)
    }

    /// The segment as the wire has it, its data apart.
    pub(crate) fn segment(&self, out: &Outgoing) -> TcpSegment<'static> {
        TcpSegment {
            src_port: self.tuple.local().port(),
            dst_port: self.tuple.remote().port(),
            seq: out.seq,
            ack: out.ack.unwrap_or_default(),
            flags: out.flags,
            window: out.window,
            urgent: out.urgent,
            options: out.options,
            payload: &[],
        }
    }

    /// The next segment to send now, if there is one. The connection counts it as sent.
    ///
    /// To be called after every input until it gives none: only then do the timers follow from what the input did.
    pub(crate) fn poll_segment(&mut self, cx: &mut Cx<'_>) -> Option<Outgoing> {
        let out = self.poll_segment_quietly(cx);
        if out.is_none() && !self.is_closed() {
            self.settle(cx);
        }
        out
    }

    /// Counts and tells what is on the wire in the end: each of the segments that a link cuts.
    pub(crate) fn tell_sent(&self, cx: &mut Cx<'_>, out: &Outgoing) {
        cx.counters.segments_out += u64::from(out.segments());
        cx.counters.bytes_sent += u64::from(out.len);
        if !cx.events.wants(Interest::SEGMENTS) {
            return;
        }
        let whole = self.segment(out).summary();
        let (local, remote) = (self.tuple.local(), self.tuple.remote());
        let relative = Some(self.relative_out());
        let step = out.cut.map_or(out.len, u32::from);
        for number in 0..out.segments() {
            let from = number * step;
            let mut summary = TcpSummary { seq: whole.seq + from, len: step.min(out.len - from), ..whole };
            if number + 1 < out.segments() {
                summary.flags = whole.flags.without(Flags::PSH | Flags::FIN);
            }
            let segment = SegmentRecord { source: local, destination: remote, summary, relative };
            cx.tell(self.id, EventKind::SegmentSent(Box::new(segment)));
        }
    }

    /// As [`Connection::poll_segment`], for whoever tells of the segment itself and keeps the time.
    pub(crate) fn poll_segment_quietly(&mut self, cx: &mut Cx<'_>) -> Option<Outgoing> {
        if self.is_closed() {
            return None;
        }
        let mut out = self.next_segment(cx)?;
        self.acknowledge(cx, &mut out);
        self.mark(&mut out);
        self.on_sent(cx, &out);
        Some(out)
    }

    fn next_segment(&mut self, cx: &mut Cx<'_>) -> Option<Outgoing> {
        if self.snd.nxt == self.snd.iss && !self.snd.syn_acknowledged {
            let mut syn = self.syn();
            self.fill_first_syn(cx.now, &mut syn);
            return Some(syn);
        }
        if core::mem::take(&mut self.snd.syn_again) {
            return Some(self.syn());
        }
        if self.has_only_to_acknowledge() {
            self.note_app_limited();
            return self.bare_ack();
        }
        self.loss_probe(cx)
            .or_else(|| self.lost_or_new(cx))
            .or_else(|| self.probe(cx))
            .or_else(|| self.keep_alive_probe())
            .or_else(|| self.bare_ack())
    }

    /// There is no data to send, new or lost, and nothing is to be probed: so it is with every segment of a receiver.
    fn has_only_to_acknowledge(&self) -> bool {
        self.snd.nxt == self.send_end()
            && self.recovery.phase == RecoveryPhase::Open
            && !self.recovery.sent.has_due()
            && !(self.snd.probe || self.snd.keep_alive_probe || self.recovery.probe_goes)
    }

    /// What is lost goes before what is new; only F-RTO wants it the other way round.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-5
    //# The scoreboard MUST be queried via NextSeg () for the
    //# sequence number range of the next segment to transmit (if
    //# any), and the given segment sent.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //# NextSeg () MUST return the sequence number range of the next segment that is to be
    //# transmitted, per the following rules:
    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //# If there exists a smallest unSACKed sequence number 'S2' that meets the following three
    //# criteria for determining loss, the sequence range of one segment of up to SMSS octets
    //# starting with S2 MUST be returned.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //# If no sequence number 'S2' per rule (1) exists but there exists available unsent data and
    //# the receiver's advertised window allows, the sequence range of one segment of up to SMSS
    //# octets of previously unsent data starting with sequence number HighData+1 MUST be
    //# returned.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-4
    //# If the conditions for each of (1), (2), (3), and (4) are not met, then NextSeg () MUST
    //# indicate failure, and no segment is returned.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-5
    //# (C) If cwnd - pipe >= 1 SMSS, the sender SHOULD transmit one or more segments as follows:
    fn lost_or_new(&mut self, cx: &mut Cx<'_>) -> Option<Outgoing> {
        if self.waits_for_its_pace(cx) {
            return None;
        }
        if self.recovery.frto == Frto::Probing {
            if let Some(out) = self.new_data(cx, Allowance::Quota) {
                return Some(out);
            }
            if self.snd.nxt.after(self.recovery.high) {
                return None;
            }
            // Nothing new could go: the recovery is the usual one.
            self.recovery.frto.stop();
        }
        if self.recovery.sent.has_due() {
            return self.resend(cx);
        }
        self.new_data(cx, Allowance::Quota).or_else(|| self.last_resort(cx))
    }

    /// The SYN, or the SYN,ACK once the peer's SYN is here.
    fn syn(&self) -> Outgoing {
        let ack = (self.state != State::SynSent).then_some(self.rcv.nxt);
        let flags = if ack.is_some() { Flags::SYN | Flags::ACK } else { Flags::SYN };
        let codepoint = Codepoint::NotEct;
        Outgoing {
            seq: self.snd.iss,
            ack,
            flags,
            codepoint,
            window: 0,
            urgent: 0,
            options: TcpOptions::NONE,
            len: 0,
            cut: None,
        }
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
        // Bare acknowledgments carry it, too: that is how it passes a closed window.
        let urgent = self.snd.urgent.field(seq);
        if urgent.is_some() {
            flags |= Flags::URG;
        }
        Outgoing {
            seq,
            ack: Some(self.rcv.nxt),
            flags,
            codepoint: Codepoint::NotEct,
            window: 0,
            urgent: urgent.unwrap_or(0),
            options: TcpOptions::NONE,
            len,
            cut: None,
        }
    }

    /// Octets that may go now: the congestion window, while it shrinks PRR, less what is in the network.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-9.3
    //# A segment marked
    //# as lost by RACK-TLP MUST NOT be retransmitted until congestion
    //# control deems this appropriate.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-2
    //# At any given time, a TCP MUST NOT send data with a sequence number higher than the sum of
    //# the highest acknowledged sequence number and the minimum of cwnd and rwnd.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3
    //# In some situations, it may be beneficial for a TCP sender to be more conservative than the
    //# algorithms allow; however, a TCP MUST NOT be more aggressive than the following algorithms
    //# allow (that is, MUST NOT send data when the value of cwnd computed by the following
    //# algorithms would not allow the data to be sent).
    fn quota(&self) -> u32 {
        self.congestion_window().saturating_sub(self.recovery.pipe())
    }

    /// Sends again the first of what is lost.
    fn resend(&mut self, cx: &mut Cx<'_>) -> Option<Outgoing> {
        let index = self.recovery.sent.next_due()?;
        let mss = self.effective_send_mss();
        // A SYN goes alone: what follows it would count as sent again with it.
        if self.snd.syn_acknowledged || index > 0 {
            self.recovery.sent.fill(index, mss);
        }
        let record = *self.recovery.sent.get(index)?;
        let reason = record.lost?;
        let forced = index == 0 && self.recovery.first_goes;
        let len = self.resend_len(&record)?;
        if !forced && len > self.quota() {
            self.note_window_limited();
            return None;
        }
        self.recovery.first_goes &= !forced;
        Some(self.resend_record(cx, index, len, reason))
    }

    /// RFC 6675's last resort, where neither RACK nor anything that is known to be lost is left to go on.
    fn last_resort(&mut self, cx: &mut Cx<'_>) -> Option<Outgoing> {
        if self.recovery.phase != RecoveryPhase::Recovery || !self.agreed.sack || self.loses_by_time() {
            return None;
        }
        let sent = &self.recovery.sent;
        let below = duplicates::below_sacked(sent);
        let rescue = || duplicates::rescue(sent).filter(|_| self.recovery.rescue);
        let index = match below {
            Some(index) => index,
            None => rescue().map(|index| self.cut_to_last_segment(index))?,
        };
        let record = *self.recovery.sent.get(index)?;
        let len = self.resend_len(&record)?;
        if len > self.quota() {
            return None;
        }
        self.recovery.rescue &= below.is_some();
        Some(self.resend_record(cx, index, len, RetransmissionReason::Recovery))
    }

    /// How much of a record goes again in one segment: what still fits into one, and the FIN behind it.
    fn resend_len(&self, record: &Record) -> Option<u32> {
        let (mss, data_end) = (self.effective_send_mss(), self.snd.buffer.end().min(record.end));
        let fits = data_end.octets_since(record.start) <= mss;
        let len = if fits { record.len() } else { mss };
        Some(len.min(self.resend_room(record.start)?))
    }

    /// Sends `len` octets of a record again: it is cut where it is longer.
    fn resend_record(
        &mut self,
        cx: &mut Cx<'_>,
        index: usize,
        len: u32,
        reason: RetransmissionReason,
    ) -> Outgoing {
        let (start, end) =
            self.recovery.sent.get(index).map_or((self.snd.una, self.snd.una), |r| (r.start, r.end));
        if start + len != end {
            self.recovery.sent.cut(index, start + len);
        }
        let out = self.segment_again(start, len);
        //= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
        //# The sender MUST follow the RACK transmission procedures in the "Upon Transmitting a Data
        //# Segment" section upon sending either a retransmission or a new data loss probe.
        let stamp = self.rate.stamp(cx.now, self.recovery.pipe());
        self.recovery.sent.on_resent(index, cx.now, stamp);
        self.recovery.undo.on_resent(cx.now);
        if index == 0 {
            //= https://www.rfc-editor.org/rfc/rfc6298#section-5
            //# An implementation MUST manage the retransmission timer(s) in such a
            //# way that a segment is never retransmitted too early, i.e., less than
            //# one RTO after the previous transmission of that segment.
            self.recovery.timeout_at = self.recovery.timeout_at.max(Some(cx.now + self.rtt.rto()));
        }
        self.note_resent(cx, &out, reason);
        out
    }

    /// The segment of `len` octets of sequence space from `start` on, as it was sent before: SYN, data, FIN.
    fn segment_again(&self, start: Seq, len: u32) -> Outgoing {
        if start == self.snd.iss && !self.snd.syn_acknowledged {
            return self.syn();
        }
        let data = len.min(self.snd.buffer.end().octets_since(start));
        let mut out = self.data_segment(start, data);
        if data < len {
            out.flags |= Flags::FIN;
        }
        out
    }

    fn note_resent(&mut self, cx: &mut Cx<'_>, out: &Outgoing, reason: RetransmissionReason) {
        self.totals.troubles.retransmissions += 1;
        cx.retransmitted(self.id, out.seq, out.len, reason);
    }

    /// A tail loss probe, which no congestion window holds back: a new segment, or else the last one again.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
    //# If both conditions are met, then the sender SHOULD transmit a
    //# previously unsent data segment, if one exists and the receive window
    //# allows, and increment the FlightSize accordingly.
    fn loss_probe(&mut self, cx: &mut Cx<'_>) -> Option<Outgoing> {
        if !core::mem::take(&mut self.recovery.probe_goes) {
            return None;
        }
        //= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
        //# After attempting to send a loss probe, regardless of whether a loss
        //# probe was sent, the sender MUST re-arm the RTO timer, not the PTO
        //# timer, if the FlightSize is not zero.
        self.recovery.timeout_at = Some(cx.now + self.rtt.rto());
        if let Some(out) = self.new_data(cx, Allowance::Segment) {
            self.recovery.tlp.on_sent(out.seq + out.seq_len(), false);
            return Some(out);
        }
        //= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
        //# If such an unsent segment is not available, then the sender SHOULD
        //# retransmit the highest-sequence segment sent so far and set
        //# TLP.is_retrans to true.
        let last = self.recovery.sent.len().checked_sub(1)?;
        let index = self.cut_to_last_segment(last);
        let probe = *self.recovery.sent.get(index)?;
        if self.resend_room(probe.start)? < probe.len() {
            return None;
        }
        self.recovery.tlp.on_sent(self.snd.nxt, true);
        Some(self.resend_record(cx, index, probe.len(), RetransmissionReason::TailLossProbe))
    }

    /// Cuts from a record of more than one segment the last of them, with the FIN if it has it, and says where that is.
    fn cut_to_last_segment(&mut self, index: usize) -> usize {
        let Some(record) = self.recovery.sent.get(index).copied() else { return index };
        let fin = u32::from(record.end.after(self.snd.buffer.end()));
        let segment = self.effective_send_mss() + fin;
        if record.len() <= segment {
            return index;
        }
        self.recovery.sent.cut(index, record.end - segment);
        index + 1
    }

    /// How much from `seq` on may be sent again, if any, when the peer shrank its window. Behind a closed one a segment
    /// from `snd.una` is as good as a probe.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
    //# If this happens, the sender SHOULD NOT send new data
    //# (SHLD-15), but SHOULD retransmit normally the old unacknowledged data
    //# between SND.UNA and SND.UNA+SND.WND (SHLD-16).
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.4
    //# Implementations MUST ensure that they handle a shrinking window, as specified in Section
    //# 4.2.2.16 of [RFC1122].
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
    //= type=exception
    //= reason=what lies beyond the window would not be taken
    //# The sender MAY also retransmit old data beyond SND.UNA+SND.WND (MAY-7), but SHOULD NOT
    //# time out the connection if data beyond the right window edge is not acknowledged
    //# (SHLD-17).
    fn resend_room(&self, seq: Seq) -> Option<u32> {
        match self.honoured_edge().octets_since(seq) {
            0 if seq == self.snd.una => Some(self.snd.mss),
            0 => None,
            room => Some(room),
        }
    }

    /// New data, or the FIN alone, as the windows, Nagle and silly-window avoidance allow.
    fn new_data(&mut self, cx: &mut Cx<'_>, allowance: Allowance) -> Option<Outgoing> {
        let opening =
            self.state == State::SynSent || self.state == State::SynReceived && !self.serves_early();
        if opening || self.snd.nxt == self.send_end() {
            self.note_app_limited();
            return None;
        }
        if self.recovery.sent.segments() >= cx.limits.scoreboard_records {
            cx.limit_hit(Some(self.id), Limit::ScoreboardRecords);
            return None;
        }
        if self.flight() == 0 {
            self.congestion.on_idle(cx.now, cx.now - self.snd.last_sent, self.rtt.rto());
        }
        let mss = self.effective_send_mss();
        let waiting = self.snd.buffer.end().octets_since(self.snd.nxt);
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
        //# However, a sending TCP peer MUST be robust against window shrinking, which may cause the
        //# "usable window" (see Section 3.8.6.2.1) to become negative (MUST-34).
        //= https://www.rfc-editor.org/rfc/rfc7323#section-2.4
        //# The initial transmission MUST be within the window announced by the most recent <ACK>.
        let by_peer = (self.snd.una + self.snd.wnd).octets_since(self.snd.nxt);
        let by_path = match allowance {
            Allowance::Quota => self.quota(),
            Allowance::Segment => mss,
        };
        if allowance == Allowance::Quota {
            match self.next_probe(cx.now, (waiting, by_peer, by_path), mss) {
                ProbeStep::Send(len) => return Some(self.data_segment(self.snd.nxt, len)),
                ProbeStep::Wait => {
                    self.note_window_limited();
                    return None;
                }
                ProbeStep::Skip => {}
            }
        }
        let candidate = Candidate {
            waiting,
            usable: by_peer.min(by_path),
            mss,
            max_window: self.snd.max_wnd,
            // A SYN that is not acknowledged is no data: the answer to Fast Open's goes at once.
            in_flight: self.snd.nxt.after(self.snd.buffer.start()),
            no_delay: self.options.no_delay
                || self.snd.urgent.is_ahead_of(self.snd.nxt)
                || allowance == Allowance::Segment,
            fin_follows: self.snd.fin,
            override_silly: self.snd.probe && by_peer > 0,
        };
        let len = candidate.segment_len();
        if len == 0 && waiting > 0 {
            if by_path < waiting.min(by_peer).min(mss) {
                self.note_window_limited();
            }
            return None;
        }
        let (len, cut) = match allowance {
            Allowance::Quota => self.super_segment(cx, len, &candidate),
            Allowance::Segment => (len, None),
        };
        let mut out = self.data_segment(self.snd.nxt, len);
        out.cut = cut;
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

    /// Where somebody cuts, as many full segments at once as may go now; and what each of them is. What is urgent, and
    /// what tells the peer that the window was reduced, of a duplicate or of a timeout, goes in a segment of its own: of all
    /// that is cut from one only the first may say so, and few links know that. What routers may cut needs an identification
    /// each. And what is paced goes at its pace, segment by segment, where no link is worth a burst.
    fn super_segment(&self, cx: &Cx<'_>, len: u32, may: &Candidate) -> (u32, Option<u16>) {
        let mss = may.mss;
        let alone = self.snd.urgent.is_ahead_of(self.snd.nxt)
            || self.ecn.reduced()
            || self.has_news_to_tell()
            || self.may_be_cut();
        let longest = match cx.cutter {
            Cutter::Link(longest) => longest.min(u16::MAX.into()),
            Cutter::Engine if self.congestion.pacing_rate().is_none() => u16::MAX.into(),
            Cutter::Engine | Cutter::Nobody => 0,
        };
        let room = longest.saturating_sub(HEADERS_MAX);
        if room < mss || len < mss || alone {
            return (len, None);
        }
        let paced = self.congestion.pacing_rate().map_or(u32::MAX, |rate| {
            u32::try_from(u128::from(rate) * AT_ONCE.as_nanos() / 1_000_000_000).unwrap_or(u32::MAX)
        });
        // Each of them counts as a segment, as it would had it gone alone.
        let records = cx.limits.scoreboard_records.saturating_sub(self.recovery.sent.segments());
        let counted = u32::try_from(records).unwrap_or(u32::MAX).saturating_mul(mss);
        let all = may.waiting.min(may.usable).min(room).min(paced).min(counted);
        let full = all - all % mss;
        if full < 2 * mss { (len, None) } else { (full, u16::try_from(mss).ok()) }
    }

    /// The congestion window, and nothing else, holds data back.
    fn note_window_limited(&mut self) {
        self.recovery.limited_until = Some(self.snd.nxt);
    }

    /// There is no data that could go.
    fn note_app_limited(&mut self) {
        let pipe = self.recovery.pipe();
        if !self.recovery.sent.has_due() && pipe < self.congestion_window() {
            self.rate.on_app_limited(pipe);
        }
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
            let stamp = self.rate.stamp(cx.now, self.recovery.pipe());
            self.recovery.sent.on_resent(0, cx.now, stamp);
            self.totals.troubles.retransmissions += 1;
        }
        cx.retransmitted(self.id, seq, len, RetransmissionReason::WindowProbe);
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
        if rounded_off { self.snd.edge.max(edge) } else { edge }
    }

    /// Keeps the books on a segment that goes out.
    fn on_sent(&mut self, cx: &mut Cx<'_>, out: &Outgoing) {
        let end = out.seq + out.seq_len();
        let again = self.snd.nxt.octets_since(out.seq).min(out.len);
        self.totals.on_sent(out.segments(), out.len, again);
        if end.after(self.snd.nxt) {
            // The SYN,ACK of a simultaneous open is our SYN, sent again.
            let again = out.flags.contains(Flags::SYN | Flags::ACK) && !self.passive;
            self.recovery.sent.borrow(cx.spares);
            self.note_sent(cx.now, self.snd.nxt, end, again.into());
            if let Some(each) = out.cut {
                self.recovery.sent.last_is_of(each);
            }
            self.snd.nxt = end;
            self.recovery.progress |= !self.recovery.tlp.is_probing_with(end);
        }
        if out.len > 0 {
            // Of several the first to arrive tells that the path takes them.
            let (end, largest) =
                out.cut.map_or((end, out.len), |each| (out.seq + u32::from(each), each.into()));
            self.path_takes(end, out.options.len() as u32 + largest);
        }
        if out.seq_len() > 0 {
            self.snd.last_sent = cx.now;
            self.recovery.prr.on_sent(out.seq_len());
            self.congestion.on_sent(cx.now, out.len, self.recovery.pipe());
            self.pace(cx.now, out.len);
        }
        self.meters.on_sent(cx.now, out.len, out.ack.map(|_| self.receive_window()));
    }

    /// Puts on the scoreboard what was sent at `at`, and `retransmissions` times before.
    pub(super) fn note_sent(&mut self, at: Instant, start: Seq, end: Seq, retransmissions: u8) {
        let stamp = self.rate.stamp(at, self.recovery.pipe());
        self.recovery.sent.push(start, end, at, stamp, retransmissions);
    }
}

/// The longest headers that a segment has: IPv6's or IPv4's with options, and TCP's with options.
const HEADERS_MAX: u32 = 60 + 60;
/// How much of its time a paced sender puts into one super-segment, as Linux does.
const AT_ONCE: Duration = Duration::from_millis(1);
