//! The connection searches for what its path takes by larger segments (RFC 4821 §7): when one may go, and what became
//! of it. What size it has, and what that tells, is decided in `tcp/path_search.rs`.

use core::time::Duration;

use super::*;
use crate::event::RecoveryPhase;
use crate::tcp::path_mtu::SearchStart;
use crate::tcp::path_search::{Next, Room};
use crate::tcp::recovery::sent::Record;

/// Segments that are to follow a probe, for its loss to show: Tcprexmtthresh.
const FOLLOWING: u32 = 3;

/// The longest that no probe goes after one that failed; after a timeout it is five times as long.
const INTERVAL_MAX: Duration = Duration::from_secs(3600);

/// A probe, or none.
pub(super) enum ProbeStep {
    /// It has this many octets of data.
    Send(u32),
    /// Nothing goes until it can.
    Wait,
    /// What would go anyhow.
    Skip,
}

impl Connection {
    /// The peer takes segments of `mss` octets, options included.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //# To use PLPMTUD, a Packetization Layer MUST have a loss reporting
    //# mechanism that provides the sender with timely and accurate
    //# indications of which packets were lost in the network.
    pub(super) fn begin_path_search(&mut self, mss: u32) {
        // Options of IP take their octets from what the peer takes.
        let most = mss.saturating_sub(self.ip_option_len()).saturating_add(self.headers_len());
        let peer = self.agreed.sack.then_some(most);
        let start = match self.options.path_mtu_discovery {
            PathMtuDiscovery::Probe => SearchStart::AtOnce,
            PathMtuDiscovery::Off | PathMtuDiscovery::Icmp => SearchStart::BlackHole,
        };
        self.path.on_handshake(peer, start);
    }

    /// What to do of new data, `waiting` octets of it, of which the peer's window takes `by_peer` and the congestion
    /// window `quota`; a segment has `mss`.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.4
    //# Before sending a probe, the flow MUST meet at least the following
    //# conditions:
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.4
    //# In addition, the timely loss detection algorithms in most protocols
    //# have pre-conditions that SHOULD be satisfied before sending a probe.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.4
    //# For example, TCP Fast Retransmit is not robust unless there are
    //# sufficient segments following a probe; that is, the sender SHOULD
    //# have enough data queued and sufficient receiver window to send the
    //# probe plus at least Tcprexmtthresh [RFC2760] additional segments.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.4
    //# The delayed sending
    //# algorithm SHOULD use some self-scaling technique to appropriately
    //# limit the time that the data is delayed.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-5.1
    //# When conducting a probe, the Packetization Layer MUST determine the probe packet's final
    //# size including IP headers.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-10.1
    //= type=exception
    //= reason=a probe is followed by the data behind it: nothing goes twice
    //# As such, an implementation using this approach SHOULD limit the probe size to three times
    //# the current MSS (causing at most 2 duplicate acknowledgments), or appropriately adjust its
    //# duplicate acknowledgment threshold for data immediately after a successful probe.
    pub(super) fn next_probe(
        &mut self,
        now: Instant,
        (waiting, by_peer, quota): (u32, u32, u32),
        mss: u32,
    ) -> ProbeStep {
        let calm = self.recovery.phase == RecoveryPhase::Open && self.recovery.sent.sacked() == 0;
        if !calm || self.recovery.sent.has_due() || !self.state.is_synchronized() || self.may_be_cut() {
            return ProbeStep::Skip;
        }
        let headers = self.path.mtu().saturating_sub(mss);
        let following = mss.saturating_mul(FOLLOWING);
        let data = waiting.min(by_peer).saturating_sub(following);
        let soon = data.min(self.congestion_window().saturating_sub(following));
        let room = Room { now: soon.min(quota).saturating_add(headers), soon: soon.saturating_add(headers) };
        let mut next = Next::Data;
        self.path.update_search(|search| next = search.next(now, room));
        match next {
            Next::Probe(size) => {
                let len = size - headers;
                self.path.update_search(|search| search.on_sent(self.snd.nxt, self.snd.nxt + len, size));
                ProbeStep::Send(len)
            }
            // What is in flight is acknowledged, and makes the room.
            Next::Wait if self.flight() > 0 => ProbeStep::Wait,
            Next::Wait | Next::Data => ProbeStep::Skip,
        }
    }

    /// An acknowledgment was taken in; it may tell that the probe `arrived`.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //# Whenever the MTU is raised, the congestion state variables MUST be
    //# rescaled so as not to raise the window size in bytes (or data rate in
    //# bytes per seconds).
    pub(super) fn follow_path_search(&mut self, cx: &mut Cx<'_>, arrived: bool) {
        let (now, una, before) = (cx.now, self.snd.una, self.path.mtu());
        let (interval, rto) = (self.probe_interval(), self.rtt.rto());
        let raised = self.path.update_search(|search| {
            if arrived {
                search.on_arrived(now, rto);
            }
            search.on_progress(una, now, interval);
        });
        if raised {
            self.follow_path(cx, before);
        }
    }

    /// So many octets arrived, and so many were found lost: where the larger segments lose too many, they become smaller.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.8
    //# PLPMTUD implementations SHOULD implement MTU verification.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.1
    //# To be robust in such
    //# a case, the Packetization Layer SHOULD conduct MTU verification as
    //# described in Section 7.8.
    pub(super) fn verify_path_mtu(&mut self, cx: &mut Cx<'_>, result: (u32, u32)) {
        let (now, before, interval) = (cx.now, self.path.mtu(), self.probe_interval());
        if self.path.update_search(|search| search.on_result(now, interval, result)) {
            self.follow_path(cx, before);
        }
    }

    /// Something was lost: says whether that is the probe alone, which is no congestion.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.2
    //# In this case alone, the
    //# loss SHOULD NOT be interpreted as congestion signal.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.2
    //# A probe failure event is the one situation under which the
    //# Packetization Layer SHOULD ignore loss as a congestion signal.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //# Normal congestion control algorithms MUST remain in effect under all
    //# conditions except when only an isolated probe packet is detected as
    //# lost.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //# In this case alone, the normal congestion (window or data
    //# rate) reduction SHOULD be suppressed.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //# If any other data loss is
    //# detected, standard congestion control MUST take place.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-6.1
    //# PLPMTUD can also be implemented in protocols that rely on timeouts as their primary
    //# mechanism for loss recovery; however, timeouts SHOULD NOT be used as the primary mechanism
    //# for loss indication unless there are no other alternatives.
    pub(super) fn only_probe_is_lost(&mut self) -> bool {
        let Some(probe) = self.path.search().and_then(|search| search.probe()) else { return false };
        let calm = matches!(self.recovery.phase, RecoveryPhase::Open | RecoveryPhase::Disorder);
        let is_probe = |record: &Record| probe.covers(record.start, record.end);
        let lost = || self.recovery.sent.iter().filter(|record| record.lost.is_some());
        let alone = lost().all(is_probe);
        if lost().any(is_probe) {
            self.path.on_probe_lost(probe.end);
        }
        if !calm || !alone || probe.is_lost() || self.snd.una != probe.start {
            self.path.update_search(|search| search.on_others_lost());
            return false;
        }
        // All of it: a count of duplicates stands for one segment.
        self.resend_where(is_probe);
        let nxt = self.snd.nxt;
        self.path.update_search(|search| search.on_lost(nxt));
        true
    }

    /// A router says that it takes packets of `mtu` octets and not the one of `len` at `seq`; says whether that was the
    /// probe.
    pub(super) fn probe_was_too_big(&mut self, cx: &mut Cx<'_>, (mtu, len): (u32, usize), seq: Seq) -> bool {
        let (now, interval) = (cx.now, self.probe_interval());
        let awaited = self.path.search().and_then(|search| search.awaited());
        let Some(probe) = awaited.filter(|probe| probe.start == seq && probe.size as usize == len) else {
            return false;
        };
        let mut believed = false;
        self.path.update_search(|search| believed = search.on_too_big(mtu, now, interval));
        if believed {
            self.path.on_probe_too_big(probe.end, mtu);
            self.resend_where(|record| probe.covers(record.start, record.end));
        }
        believed
    }

    /// The retransmission timer fired.
    pub(super) fn probe_timed_out(&mut self, now: Instant) {
        let interval = self.probe_interval();
        let probe = self.path.search().and_then(|search| search.probe());
        if let Some(probe) = probe {
            self.path.on_probe_lost(probe.end);
        }
        self.path.update_search(|search| search.on_timeout(now, interval));
    }

    /// How long no probe goes after one that failed.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //# This
    //# SHOULD be enforced by requiring a minimum headway between a
    //# suppressed congestion adjustment (due to a failed probe) and the next
    //# attempted probe, which is equal to one round-trip time for each
    //# packet permitted by the congestion window.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.2
    //# Specifically, after a probe failure event and suppressed congestion
    //# control, PLPMTUD MUST NOT probe again until an interval that is
    //# larger than the expected interval between congestion control events.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //# Suppressed congestion control MUST be rate limited such that it occurs less frequently than
    //# the worst-case loss rate for TCP congestion control at a comparable data rate over the same
    //# path (i.e., less than the "TCP-friendly" loss rate [tcp-friendly]).
    fn probe_interval(&self) -> Duration {
        let packets = self.congestion.cwnd().div_ceil(self.snd.mss.max(1));
        self.rtt.srtt().unwrap_or(self.rtt.rto()).saturating_mul(packets).min(INTERVAL_MAX)
    }
}
