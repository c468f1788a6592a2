//! What acknowledgments and timers mean for loss recovery, and what congestion control hears of it.
//!
//! The order for each acknowledgment: the scoreboard takes it in; the probe, the phase under way, and what is newly lost
//! follow from it; last the congestion controller gets its sample. The pieces are in `tcp/recovery/`; what goes out then
//! is decided in `transmit.rs`.

use core::time::Duration;

use super::*;
use crate::event::{RecoveryCause, RecoveryPhase, RetransmissionReason, UndoCause};
use crate::limits::Limit;
use crate::tcp::congestion::{CongestionCause, Sample};
use crate::tcp::recovery::prr::{Progress, Prr};
use crate::tcp::recovery::rack::Circumstances;
use crate::tcp::recovery::rate::Latest;
use crate::tcp::recovery::sack::{Block, Report};
use crate::tcp::recovery::sent::Record;
use crate::tcp::recovery::{Slot, duplicates, frto, tlp};
use crate::wire::TcpSegment;

/// R1: timeouts of one segment after which its path is in doubt. Linux's `tcp_retries1`.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//# The value of R1 SHOULD correspond to at least 3 retransmissions, at the current RTO (SHLD-10).
const R1: u8 = 3;

/// What one acknowledgment told.
#[derive(Clone, Copy, Debug, Default)]
struct News {
    /// SND.UNA and pipe before it.
    una: Seq,
    pipe: u32,
    /// Octets newly acknowledged, newly sacked, and newly delivered in either way.
    acked: u32,
    sacked: u32,
    delivered: u32,
    /// Octets newly lost.
    lost: u32,
    /// SND.UNA advanced.
    advances: bool,
    /// It repeats the last acknowledgment, or with SACK brings news of segments beyond it.
    duplicate: bool,
    /// It repeats the last acknowledgment, and has no SACK blocks.
    bare_duplicate: bool,
    /// It says that the network marked a segment (RFC 3168).
    ecn_echo: bool,
    /// What arrived twice.
    dsack: Option<Block>,
    /// When the segment that it answers was sent at the latest, where timestamps tell.
    echo: Option<Instant>,
    /// The round trip of the earliest segment that it tells of for the first time and that was sent once.
    rtt: Option<Duration>,
    /// The round trip of a segment that was sent twice, and of which it says that it came twice: it answers the second.
    second_rtt: Option<Duration>,
    /// It acknowledges something that was sent more than once.
    ambiguous: bool,
    latest: Latest,
    /// A segment that was sent before the recovery, and once, has arrived.
    original: bool,
    /// A segment that was first sent in the recovery has arrived.
    beyond: bool,
    /// The segment that probes the path has arrived.
    path_probe: bool,
    /// It ended or undid a reduction: the window is what that made it.
    settled: bool,
}

impl Connection {
    /// Takes in an acknowledgment of `una` or more. `repeats` says that it is a duplicate by RFC 5681 §2.
    pub(super) fn recover(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>, repeats: bool) {
        let mut news = self.update_scoreboard(cx, segment, repeats);
        self.measure(cx, &news, segment);
        // The SYN's acknowledgment grows no window.
        if !self.snd.syn_acknowledged {
            //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
            //# As specified in [RFC3390], the SYN/ACK and the acknowledgment of the SYN/ACK MUST NOT
            //# increase the size of the congestion window.
            if news.advances {
                self.on_syn_acknowledged();
            }
            return;
        }
        self.follow_path_search(cx, news.path_probe);
        self.answer_probe(cx, &mut news);
        self.follow_phase(cx, &mut news);
        self.detect_losses(cx, &mut news);
        self.answer_echo(cx, &news);
        self.tell_congestion(cx, &news);
    }

    /// The acknowledgment of our SYN by the peer's.
    pub(super) fn recover_syn(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>) {
        let news = self.update_scoreboard(cx, segment, false);
        self.measure(cx, &news, segment);
        self.on_syn_acknowledged();
    }

    fn on_syn_acknowledged(&mut self) {
        self.snd.syn_acknowledged = true;
        if let Some(srtt) = self.rtt.srtt() {
            self.congestion.on_handshake(srtt);
        }
    }

    /// Marks what is acknowledged and what is sacked, and gathers what that tells.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-5
    //# Upon the receipt of any ACK containing SACK information, the
    //# scoreboard MUST be updated via the Update () routine.
    fn update_scoreboard(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>, repeats: bool) -> News {
        let (now, ack, min_rtt) = (cx.now, segment.ack, self.rtt.min_rtt());
        let (sack, high) = (self.agreed.sack, self.recovery.high);
        let una = self.snd.una.max(ack);
        let timestamps = segment.options.timestamps.filter(|_| self.agreed.timestamps);
        let mut news = News {
            una: self.snd.una,
            pipe: self.recovery.pipe(),
            advances: ack.after(self.snd.una),
            acked: ack.octets_since(self.snd.una),
            bare_duplicate: repeats && segment.options.sack.is_empty(),
            ecn_echo: self.ecn.hears_echo(segment.flags),
            echo: timestamps.and_then(|timestamps| self.clock.sent_at(timestamps.echo, now)),
            ..News::default()
        };
        let report = Report::read(&segment.options.sack, ack, una, self.snd.nxt);
        cx.counters.sack_blocks_ignored += u64::from(report.ignored);
        news.dsack = report.dsack;
        if report.dsack.is_some() {
            self.totals.troubles.dsack_dups += 1;
        }

        let recovery = &mut *self.recovery;
        let rack = &mut recovery.rack;
        let path_probe = self.path.search().and_then(|search| search.awaited());
        let mut arrived = |news: &mut News, record: &Record| {
            let covered = path_probe.is_some_and(|probe| probe.covers(record.start, record.end));
            news.path_probe |= covered && record.retransmissions == 0;
            if sack {
                rack.on_delivered(record, now, min_rtt, news.echo);
            }
            news.latest.on_delivered(record.stamp, record.sent_at);
            news.beyond |= record.end.after(high);
            if record.retransmissions == 0 {
                news.rtt.get_or_insert(now - record.sent_at);
                news.original |= record.end.at_or_before(high);
            }
            if record.retransmissions == 1 && news.dsack.is_some_and(|(left, _)| left == record.start) {
                news.second_rtt.get_or_insert(now - record.sent_at);
            }
            news.ambiguous |= record.retransmissions > 0;
        };
        recovery.sent.acknowledge(una, |record| {
            if !record.sacked {
                news.delivered += record.len();
                arrived(&mut news, record);
            }
        });
        recovery.sent.give_back(cx.spares);
        // What waited for a gap to be filled took longer than a round trip.
        news.rtt = news.rtt.filter(|_| !news.ambiguous);
        for &(left, right) in report.blocks() {
            let cuts_max = cx.limits.scoreboard_cuts;
            let mut delivered = |record: &Record| arrived(&mut news, record);
            let sacked = recovery.sent.sack(left, right, cuts_max, &mut delivered);
            news.sacked += sacked.octets;
            if sacked.refused {
                cx.limit_hit(Some(self.id), Limit::ScoreboardCuts);
            }
        }
        news.delivered += news.sacked;
        //= https://www.rfc-editor.org/rfc/rfc3042#section-2
        //# If the connection is using selective acknowledgments [RFC2018],
        //# the data sender MUST NOT send new segments in response to duplicate
        //# ACKs that contain no new SACK information
        //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
        //# Note that a sender using SACK [RFC2018] MUST NOT send new data unless the incoming
        //# duplicate acknowledgment contains new SACK information.
        //= https://www.rfc-editor.org/rfc/rfc3042#section-2
        //# Note: If the connection is using selective acknowledgments [RFC2018], the data sender MUST
        //# NOT send new segments in response to duplicate ACKs that contain no new SACK information,
        //# as a misbehaving receiver can generate such ACKs to trigger inappropriate transmission of
        //# data segments.
        news.duplicate = if sack { news.sacked > 0 } else { repeats };
        let unknown = recovery.sent.outstanding() - recovery.sent.lost();
        if news.advances {
            let acked = recovery.duplicates.on_advance(news.acked, unknown, self.snd.mss);
            news.delivered = if sack { news.delivered } else { acked };
            self.snd.una = ack;
        } else if news.duplicate {
            recovery.duplicates.on_duplicate();
            if !sack && (recovery.believes_duplicates(ack) || !recovery.duplicates.reached_threshold()) {
                news.delivered = recovery.duplicates.credit_one(unknown, self.snd.mss);
            }
        }
        if sack {
            recovery.rack.on_ack(una, self.snd.nxt, report.dsack.is_some());
        }
        report.dsack.into_iter().for_each(|block| recovery.undo.on_dsack(block));
        recovery.undo.on_acknowledged(una);
        news
    }

    /// Takes a round trip from the scoreboard, or from the echo of a timestamp where all that it tells of was sent twice.
    //= https://www.rfc-editor.org/rfc/rfc6298#section-3
    //# TCP MUST use Karn's algorithm [KP87] for taking RTT samples.  That
    //# is, RTT samples MUST NOT be made using segments that were
    //# retransmitted (and thus for which it is ambiguous whether the reply
    //# was for the first instance of the packet or a later instance).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.1
    //# The RTO MUST be computed according to the algorithm in [10], including Karn's algorithm
    //# for taking RTT samples (MUST-18).
    //= https://www.rfc-editor.org/rfc/rfc6298#section-3
    //# A TCP implementation MUST take at least one RTT measurement per RTT (unless that is not
    //# possible per Karn's algorithm).
    fn measure(&mut self, cx: &mut Cx<'_>, news: &News, segment: &TcpSegment<'_>) {
        // After a lost SYN there is to be no measurement (RFC 6298 (5.7)).
        let lost_syn = !self.snd.syn_acknowledged && self.rtt.backoff() > 0;
        // With a D-SACK the acknowledgment answers a segment that came twice, and echoes the first: between them lie the loss
        // of an acknowledgment and our own timeout. Taken for a round trip, the timeout would feed on itself.
        let echoed = match news.dsack {
            _ if !news.advances || lost_syn => None,
            Some(_) => news.second_rtt,
            None => self.echoed_round_trip(cx, segment),
        };
        let Some(rtt) = news.rtt.or(echoed) else { return };
        let in_a_round_trip = (self.flight() + news.acked).div_ceil(2 * self.snd.mss);
        self.rtt.sample(cx.now, rtt, in_a_round_trip, news.beyond);
        self.recovery.tlp.on_measured();
        let (srtt, rttvar, rto) = (self.rtt.srtt().unwrap_or_default(), self.rtt.rttvar(), self.rtt.rto());
        cx.tell_if(Interest::RTT, self.id, || EventKind::RttSample { rtt, srtt, rttvar, rto });
    }

    /// The probe may have repaired a loss: that is one reduction of the window, and over at once.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.4.2
    //# The sender then
    //# SHOULD invoke a congestion control response equivalent to a fast
    //# recovery.
    fn answer_probe(&mut self, cx: &mut Cx<'_>, news: &mut News) {
        let News { dsack, bare_duplicate, .. } = *news;
        let answer = tlp::Answer { ack: self.snd.una, dsack, bare_duplicate };
        let repaired = self.recovery.tlp.on_ack(answer);
        if repaired && !self.recovery.is_recovering() && !self.recovery.is_reducing() {
            // What an older recovery took is not given back any more: all that it sent again was acknowledged before.
            self.enter_phase(cx, RecoveryPhase::Cwr, RecoveryCause::TailLossProbe);
            self.congestion.on_congestion(cx.now, self.flight() + news.acked, CongestionCause::Loss);
            //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
            //# 6. When the next ACK arrives that acknowledges previously unacknowledged data, a TCP
            //# MUST set cwnd to ssthresh (the value set in step 2).
            self.congestion.on_recovered(cx.now);
            self.ecn.on_reduced(self.snd.nxt);
            self.enter_phase(cx, RecoveryPhase::Open, RecoveryCause::Acknowledged);
            news.settled = true;
        }
    }

    /// What the acknowledgment means for the phase under way.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-5
    //# Once a TCP is in the loss recovery phase, the following procedure MUST be used for each
    //# arriving ACK:
    //= https://www.rfc-editor.org/rfc/rfc6675#section-5
    //# (B) Upon receipt of an ACK that does not cover RecoveryPoint, the following actions MUST
    //# be taken:
    fn follow_phase(&mut self, cx: &mut Cx<'_>, news: &mut News) {
        let over = news.advances && self.snd.una.at_or_after(self.recovery.high);
        //= https://www.rfc-editor.org/rfc/rfc4015#section-3.4
        //# This is unless the acceptable ACK signals
        //# congestion through the ECN-Echo flag [RFC3168].  In that case, the
        //# TCP sender MUST refrain from reversing congestion control state.
        let answers_original =
            news.advances && !news.ecn_echo && self.recovery.undo.is_answer_to_original(news.echo);
        let all_came_twice = news.dsack.is_some() && self.recovery.undo.all_were_duplicates();
        match self.recovery.phase {
            RecoveryPhase::Loss => self.follow_timeout(cx, news, over, answers_original),
            RecoveryPhase::Recovery if answers_original => self.undo(cx, news, UndoCause::Timestamp),
            _ if all_came_twice => self.undo(cx, news, UndoCause::DuplicateSack),
            // Beyond what was outstanding when the echo came: only then the peer has seen CWR.
            RecoveryPhase::Cwr if !self.snd.una.after(self.recovery.high) => {}
            RecoveryPhase::Recovery | RecoveryPhase::Cwr if over => {
                //= https://www.rfc-editor.org/rfc/rfc6675#section-5
                //# An incoming cumulative ACK for a sequence number greater than
                //# RecoveryPoint signals the end of loss recovery, and the loss
                //# recovery phase MUST be terminated.
                self.congestion.on_recovered(cx.now);
                // What held data back was the reduction, not the window that it led to.
                self.recovery.limited_until = None;
                //= https://www.rfc-editor.org/rfc/rfc6582#section-6
                //# Note that after cwnd is set based on the procedure for exiting fast recovery
                //# (Section 3.2, step 3), cwnd should not be updated until a further event occurs
                //# (e.g., arrival of an ack, or timeout) after this adjustment.
                self.end_recovery(cx, RecoveryCause::Acknowledged);
                news.settled = true;
            }
            RecoveryPhase::Recovery if news.advances && !self.agreed.sack => self.follow_partial(news),
            _ => {}
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6582#section-3.2
    //# If this ACK does *not* acknowledge all of the data up to and
    //# including recover, then this is a partial ACK.  In this case,
    //# retransmit the first unacknowledged segment.
    fn follow_partial(&mut self, news: &mut News) {
        let reason = RetransmissionReason::Recovery;
        news.lost += duplicates::mark_first_lost(&mut self.recovery.sent, self.snd.mss, reason);
    }

    /// After a timeout: was it spurious (F-RTO, or by timestamps), or is what it lost repaired?
    fn follow_timeout(&mut self, cx: &mut Cx<'_>, news: &mut News, over: bool, answers_original: bool) {
        if answers_original {
            return self.undo_timeout(cx, news, UndoCause::Timestamp);
        }
        let room = (self.snd.una + self.snd.wnd).after(self.snd.nxt);
        let step = self.recovery.frto.on_ack(frto::News {
            original: news.original && !news.beyond,
            advances: news.advances,
            covers_all: over,
            duplicate: news.duplicate,
            sack: self.agreed.sack,
            can_send: room && self.snd.buffer.end().after(self.snd.nxt),
        });
        match step {
            frto::Verdict::Spurious => self.undo_timeout(cx, news, UndoCause::ForwardRto),
            //= https://www.rfc-editor.org/rfc/rfc5682#section-3.1
            //# When a new acknowledgment arrives, set variable
            //# "RecoveryPoint" to indicate the highest sequence number
            //# transmitted so far.
            frto::Verdict::SendNew => self.recovery.high = self.snd.nxt,
            frto::Verdict::Conventional if over => {
                let all_came_twice = self.recovery.undo.all_were_duplicates();
                if all_came_twice {
                    return self.undo_timeout(cx, news, UndoCause::DuplicateSack);
                }
                self.end_recovery(cx, RecoveryCause::Acknowledged);
            }
            frto::Verdict::Conventional => {}
        }
    }

    /// Finds what is lost by now, and begins a recovery if anything is.
    fn detect_losses(&mut self, cx: &mut Cx<'_>, news: &mut News) {
        let (lost, resent_lost, cause) = self.mark_losses(cx, news.duplicate);
        if lost > 0 && self.only_probe_is_lost() {
            return self.note_disorder(cx, news);
        }
        self.verify_path_mtu(cx, (news.delivered, lost));
        news.lost += lost;
        match self.recovery.phase {
            //= https://www.rfc-editor.org/rfc/rfc5681#section-4.3
            //= type=exception
            //= reason=a retransmission that is lost again takes its octets from the pipe, and so from what
            //= proportional rate reduction lets go; the window is reduced once for a recovery, as in Linux
            //# Loss in two successive windows of data, or the loss of a retransmission, should be taken
            //# as two indications of congestion and, therefore, cwnd (and ssthresh) MUST be lowered
            //# twice in this case.
            RecoveryPhase::Recovery => {}
            //= https://www.rfc-editor.org/rfc/rfc6675#section-5.1
            //# In addition, a new
            //# recovery phase (as described in Section 5) MUST NOT be initiated
            //# until HighACK is greater than or equal to the new value of
            //# RecoveryPoint.
            RecoveryPhase::Loss if !resent_lost => {}
            _ if lost > 0 => self.begin_recovery(cx, news, cause),
            RecoveryPhase::Open | RecoveryPhase::Disorder => self.note_disorder(cx, news),
            RecoveryPhase::Cwr | RecoveryPhase::Loss => {}
        }
    }

    /// Marks what is newly lost: how many octets, whether a retransmission is among them, and by which rule.
    fn mark_losses(&mut self, cx: &Cx<'_>, duplicate: bool) -> (u32, bool, RecoveryCause) {
        let mss = self.snd.mss;
        //= https://www.rfc-editor.org/rfc/rfc8985#section-4
        //# 1. The connection MUST use selective acknowledgment (SACK) options [RFC2018], and the
        //# sender MUST keep SACK scoreboard information on a per-connection basis ("SACK scoreboard"
        //# has the same meaning here as in [RFC6675], Section 3).
        //= https://www.rfc-editor.org/rfc/rfc8985#section-9.2
        //# Therefore, the algorithm [RFC6675] MUST NOT be used with RACK-TLP; instead, a modified
        //# recovery algorithm that carefully addresses such a case is needed.
        if self.loses_by_time() {
            let is = self.circumstances();
            let resent = self.recovery.sent.resent();
            let recovery = &mut *self.recovery;
            let lost = recovery.rack.detect(&mut recovery.sent, cx.now, is);
            return (lost, recovery.sent.resent() < resent, RecoveryCause::Rack);
        }
        let mut lost = 0;
        if self.agreed.sack && self.recovery.phase != RecoveryPhase::Loss {
            lost = duplicates::mark_lost_below_sacked(&mut self.recovery.sent, mss);
        }
        let believed = self.agreed.sack || self.recovery.believes_duplicates(self.snd.una);
        let calm = !self.recovery.is_recovering();
        if duplicate && calm && believed && self.recovery.duplicates.reached_threshold() {
            let reason = RetransmissionReason::Fast;
            lost += duplicates::mark_first_lost(&mut self.recovery.sent, mss, reason);
        }
        (lost, false, RecoveryCause::DuplicateAcks)
    }

    /// What RACK's reordering window follows from.
    pub(super) fn circumstances(&self) -> Circumstances {
        Circumstances {
            rtt_before: self.rtt.before_rest(),
            min_rtt: self.rtt.min_rtt(),
            srtt: self.rtt.srtt(),
            segs_sacked: self.recovery.sent.sacked_segments(self.snd.mss),
            recovering: self.recovery.is_recovering(),
        }
    }

    /// Something was lost: the window is reduced, once for all that was lost of this flight.
    //= https://www.rfc-editor.org/rfc/rfc2018#section-5.1
    //# However, the congestion control algorithms present in the de facto standard TCP
    //# implementations MUST be preserved [Stevens94].
    fn begin_recovery(&mut self, cx: &mut Cx<'_>, news: &News, cause: RecoveryCause) {
        if self.recovery.phase != RecoveryPhase::Cwr {
            self.recovery.undo.begin(self.snd.una);
            let flight = self.flight_before_disorder();
            //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
            //# 2. When the third duplicate ACK is received, a TCP MUST set ssthresh to no more than the
            //# value given in equation (4).
            //= https://www.rfc-editor.org/rfc/rfc5681#section-4.3
            //# That is, when the first loss in a window of data is detected, ssthresh MUST be set to no
            //# more than the value given by equation (4).
            self.congestion.on_congestion(cx.now, flight, CongestionCause::Loss);
            self.ecn.on_reduced(self.snd.nxt);
            // What was sacked before is not delivered again, and what this acknowledgment tells of is.
            let sacked_before = self.recovery.sent.sacked().saturating_sub(news.sacked);
            let undelivered = self.flight() + news.acked - sacked_before;
            self.recovery.prr = Prr::begin(self.congestion.ssthresh(), undelivered);
        }
        self.recovery.tlp.reset();
        self.recovery.frto.stop();
        self.recovery.rescue = true;
        self.recovery.had_partial = false;
        self.recovery.high = self.snd.nxt;
        self.recovery.recovered_before = true;
        self.enter_phase(cx, RecoveryPhase::Recovery, cause);
    }

    /// The network marked a segment of ours: the window is reduced as by a loss, though nothing is to be sent again.
    fn answer_echo(&mut self, cx: &mut Cx<'_>, news: &News) {
        let is_news = self.ecn.is_echo_news(self.snd.una);
        if !news.ecn_echo {
            return;
        }
        //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
        //# Therefore, the sending TCP MUST reset the
        //# retransmit timer on receiving the ECN-Echo packet when the congestion
        //# window is one.
        if self.congestion.cwnd() <= self.snd.mss && self.recovery.timeout_at.is_some() {
            self.recovery.timeout_at = Some(cx.now + self.rtt.rto());
        }
        if !is_news || !matches!(self.recovery.phase, RecoveryPhase::Open | RecoveryPhase::Disorder) {
            return;
        }
        // Of what is not lost, nothing can turn out not to have been.
        self.recovery.undo.end();
        let flight = self.flight() + news.acked;
        self.congestion.on_congestion(cx.now, flight, CongestionCause::Ecn);
        self.ecn.on_reduced(self.snd.nxt);
        let sacked_before = self.recovery.sent.sacked().saturating_sub(news.sacked);
        let target = self.congestion.ssthresh().min(self.congestion.cwnd());
        self.recovery.prr = Prr::begin(target, flight - sacked_before);
        self.recovery.high = self.snd.nxt;
        self.enter_phase(cx, RecoveryPhase::Cwr, RecoveryCause::Ecn);
    }

    /// FlightSize, without what limited transmit added to it.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-5
    //# Additionally, note that [RFC5681] requires that any
    //# segments sent as part of the Limited Transmit mechanism not
    //# be counted in FlightSize for the purpose of the above
    //# equation.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
    //# When [RFC3042] is in use, additional data sent in limited transmit MUST NOT be included in
    //# this calculation.
    fn flight_before_disorder(&self) -> u32 {
        match self.recovery.phase {
            RecoveryPhase::Disorder => self.recovery.disorder_from.octets_since(self.snd.una),
            _ => self.flight(),
        }
    }

    /// The phase is OPEN while nothing is amiss, and DISORDER while segments are missing that are not lost yet.
    fn note_disorder(&mut self, cx: &mut Cx<'_>, news: &News) {
        let amiss = self.recovery.sent.sacked() > 0 || self.recovery.duplicates.credit() > 0;
        let was_amiss = self.recovery.phase == RecoveryPhase::Disorder;
        if amiss && (!was_amiss || news.advances) {
            self.recovery.disorder_from = self.snd.nxt;
        }
        if amiss && !was_amiss {
            self.enter_phase(cx, RecoveryPhase::Disorder, RecoveryCause::DuplicateAcks);
        } else if !amiss && was_amiss {
            self.enter_phase(cx, RecoveryPhase::Open, RecoveryCause::Acknowledged);
        }
        // What was recovered is history, and comes round again after two gigabytes.
        self.recovery.recovered_before &= !self.snd.una.after(self.recovery.high);
    }

    /// What a recovery was for is acknowledged.
    //= https://www.rfc-editor.org/rfc/rfc6675#section-5
    //# Any information contained in the scoreboard for sequence numbers greater than the new
    //# value of HighACK SHOULD NOT be cleared when leaving the loss recovery phase.
    fn end_recovery(&mut self, cx: &mut Cx<'_>, cause: RecoveryCause) {
        if self.recovery.is_recovering() {
            self.recovery.rack.on_recovered();
            self.recovery.undo.expire_at(self.snd.nxt);
        }
        self.recovery.frto.stop();
        self.enter_phase(cx, RecoveryPhase::Open, cause);
    }

    /// The recovery was for nothing: the window is what it was, and nothing counts as lost.
    fn undo(&mut self, cx: &mut Cx<'_>, news: &mut News, cause: UndoCause) {
        news.settled = true;
        cx.tell_if(Interest::RECOVERY, self.id, || EventKind::Undo(cause));
        self.recovery.sent.unmark_lost();
        self.recovery.undo.end();
        self.recovery.first_goes = false;
        self.recovery.limited_until = None;
        self.ecn.on_restored();
        self.congestion.on_undo(cx.now);
        self.end_recovery(cx, RecoveryCause::Undone);
    }

    /// The timeout was spurious: the timer is to become more patient, too.
    //= https://www.rfc-editor.org/rfc/rfc4015#section-3.1
    //# (11)    Adapt the conservativeness of the retransmission timer:
    //= https://www.rfc-editor.org/rfc/rfc4015#section-3.1
    //# If the Eifel response algorithm is used, the following steps MUST be taken by the TCP
    //# sender, but only upon initiation of a timeout-based loss recovery.
    fn undo_timeout(&mut self, cx: &mut Cx<'_>, news: &mut News, cause: UndoCause) {
        self.rtt.on_spurious_timeout();
        self.undo(cx, news, cause);
        //= https://www.rfc-editor.org/rfc/rfc4015#section-4
        //# If the NewReno algorithm [RFC3782] is used in combination with the Eifel response
        //# algorithm, step (1) of the NewReno algorithm SHOULD be modified as follows, but only if
        //# SpuriousRecovery equals SPUR_TO:
        self.recovery.recovered_before &= cause == UndoCause::DuplicateSack;
    }

    fn enter_phase(&mut self, cx: &mut Cx<'_>, to: RecoveryPhase, cause: RecoveryCause) {
        let from = core::mem::replace(&mut self.recovery.phase, to);
        if from != to {
            self.totals.on_phase(cx.now, to);
            cx.tell_if(Interest::RECOVERY, self.id, || EventKind::Recovery { from, to, cause });
        }
    }

    /// The congestion controller hears of the acknowledgment; while the window shrinks, PRR does in its place.
    fn tell_congestion(&mut self, cx: &mut Cx<'_>, news: &News) {
        let (now, pipe, min_rtt) = (cx.now, self.recovery.pipe(), self.rtt.min_rtt());
        let rate = self.rate.on_ack(now, news.delivered, news.latest, min_rtt);
        self.meters.on_rate(rate);
        if news.ecn_echo {
            self.totals.troubles.delivered_ce += u64::from(news.delivered);
        }
        let window_limited = self.recovery.limited_until.is_some_and(|until| news.una.before(until));
        self.recovery.limited_until = self.recovery.limited_until.filter(|_| window_limited);
        if self.recovery.is_reducing() && self.congestion.uses_prr() {
            let safe = news.advances && news.lost == 0;
            let progress = Progress { delivered: news.delivered, pipe, safe };
            return self.recovery.prr.on_ack(progress, self.snd.mss);
        }
        let told = news.delivered > 0 || news.lost > 0;
        //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
        //# The sending
        //# TCP SHOULD NOT increase the congestion window in response to the
        //# receipt of an ECN-Echo ACK packet.
        let grows_nothing = news.settled || news.ecn_echo;
        if told && !(grows_nothing && self.congestion.uses_prr()) {
            self.congestion.on_ack(&Sample {
                now,
                acked: news.acked,
                delivered: news.delivered,
                lost: news.lost,
                in_flight: pipe,
                prior_in_flight: news.pipe,
                una: self.snd.una,
                nxt: self.snd.nxt,
                rtt: news.rtt,
                srtt: self.rtt.srtt(),
                rate,
                window_limited,
            });
        }
    }

    /// The timer of loss recovery fired.
    pub(super) fn on_recovery_timer(&mut self, cx: &mut Cx<'_>) {
        match self.recovery.slot {
            Slot::Timeout => self.on_retransmission_timeout(cx),
            Slot::Reordering => {
                let mut news = News { una: self.snd.una, pipe: self.recovery.pipe(), ..News::default() };
                self.detect_losses(cx, &mut news);
                self.tell_congestion(cx, &news);
            }
            Slot::LossProbe => {
                self.recovery.probe_goes = self.recovery.tlp.on_timer();
                if !self.recovery.probe_goes && self.recovery.timeout_at.is_some_and(|at| at <= cx.now) {
                    self.on_retransmission_timeout(cx);
                }
            }
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6298#section-5
    //# (5.4) Retransmit the earliest segment that has not been acknowledged
    //# by the TCP receiver.
    //= https://www.rfc-editor.org/rfc/rfc6298#section-5
    //# The following is the RECOMMENDED algorithm for managing the retransmission timer:
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
    //# SYN retransmissions MUST be handled in the general way just described for data
    //# retransmissions, including notification of the application layer.
    fn on_retransmission_timeout(&mut self, cx: &mut Cx<'_>) {
        self.path_timed_out(cx);
        self.totals.troubles.total_rto += 1;
        self.recovery.timeouts = self.recovery.timeouts.saturating_add(1);
        self.doubts_path |= self.recovery.timeouts >= R1;
        let una = self.snd.una;
        let again = self.recovery.timed_out_at(una);
        let from_calm = !self.recovery.is_recovering();
        self.on_fast_open_unanswered(cx);
        if self.snd.syn_acknowledged {
            //= https://www.rfc-editor.org/rfc/rfc4015#section-3.1
            //# The algorithm MUST NOT be reinitiated after a timeout-based loss recovery has already
            //# been started but not completed.
            if from_calm {
                self.recovery.undo.begin(una);
            }
            //= https://www.rfc-editor.org/rfc/rfc5682#section-3.1
            //# If "RecoveryPoint" is larger than or
            //# equal to SND.UNA, do not enter step 2 of this algorithm.
            self.recovery.frto.on_timeout(from_calm || again);
            self.congestion.on_timeout(cx.now, self.flight(), again);
            self.ecn.on_reduced(self.snd.nxt);
            self.recovery.timed_out = una;
            //= https://www.rfc-editor.org/rfc/rfc6675#section-5.1
            //# If an RTO occurs during loss recovery as specified in this document, RecoveryPoint MUST
            //# be set to HighData.
            //= https://www.rfc-editor.org/rfc/rfc6675#section-5.1
            //# Further, the new value of RecoveryPoint MUST be preserved and the loss recovery
            //# algorithm outlined in this document MUST be terminated.
            self.recovery.high = self.snd.nxt;
            self.recovery.recovered_before = true;
        }
        //= https://www.rfc-editor.org/rfc/rfc6675#section-5.1
        //# Further, a SACK TCP sender SHOULD utilize all SACK information made available during the
        //# loss recovery following an RTO.
        //= https://www.rfc-editor.org/rfc/rfc6675#section-5.1
        //# As described in Sections 4 and 5, Update () SHOULD continue to be used appropriately upon
        //# receipt of ACKs.
        //= https://www.rfc-editor.org/rfc/rfc6675#section-5.1
        //# In this case, a TCP sender SHOULD use this SACK information when determining what data
        //# should be sent in each segment following an RTO.
        self.mark_lost_by_timeout(cx);
        self.recovery.duplicates.reset();
        self.recovery.tlp.reset();
        self.recovery.first_goes = true;
        self.rtt.on_timeout();
        // (5.6) Start the retransmission timer.
        self.recovery.timeout_at = Some(cx.now + self.rtt.rto());
        if self.snd.syn_acknowledged {
            self.enter_phase(cx, RecoveryPhase::Loss, RecoveryCause::Timeout);
        }
    }

    /// All that is outstanding and not sacked is lost; with RACK, what had the time to arrive.
    //= https://www.rfc-editor.org/rfc/rfc2018#section-5
    //= type=exception
    //= reason=As in Linux what is sacked stays so, unless the peer shows that it reneged: its first segment is sacked and still not acknowledged.
    //# After a retransmit timeout the data sender SHOULD turn off all of the
    //# SACKed bits, since the timeout might indicate that the data receiver
    //# has reneged.
    //= https://www.rfc-editor.org/rfc/rfc2018#section-5.1
    //= type=exception
    //= reason=as in Linux, what is sacked stays so unless the peer shows that it reneged: its first segment
    //= is sacked and still not acknowledged
    //# Because the data receiver is allowed to discard SACKed data, when a retransmit timeout
    //# occurs the data sender MUST ignore prior SACK information in determining which data to
    //# retransmit.
    fn mark_lost_by_timeout(&mut self, cx: &mut Cx<'_>) {
        let is = Circumstances { recovering: true, ..self.circumstances() };
        let by_time = self.loses_by_time();
        let recovery = &mut *self.recovery;
        //= https://www.rfc-editor.org/rfc/rfc2018#section-5
        //# The data sender MUST retransmit the segment at the left
        //# edge of the window after a retransmit timeout, whether or not the
        //# SACKed bit is on for that segment.
        let reneged = recovery.sent.first().is_some_and(|first| first.sacked);
        if reneged {
            recovery.sent.unmark_sacked();
        }
        if by_time && !reneged {
            return recovery.rack.on_timeout(&mut recovery.sent, cx.now, is);
        }
        for index in 0..recovery.sent.len() {
            let first = index == 0;
            let reason = if first { RetransmissionReason::Timeout } else { RetransmissionReason::Recovery };
            recovery.sent.mark_lost(index, reason);
        }
    }

    /// Sends again what did not arrive for another reason than loss: behind a window that was closed, or too large.
    pub(super) fn resend_where(&mut self, which: impl Fn(&Record) -> bool) {
        for index in 0..self.recovery.sent.len() {
            if self.recovery.sent.get(index).is_some_and(&which) {
                self.recovery.sent.mark_lost(index, RetransmissionReason::Recovery);
            }
        }
    }
}
