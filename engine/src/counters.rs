//! What an engine counted: frames, segments, retransmissions and drops by reason, limits by name.
//!
//! What is counted here outlives the connections that it happened to; what one of them counted is in its
//! [`Totals`](crate::tcp::info::Totals).

use alloc::collections::BTreeMap;
use core::ops::AddAssign;

use crate::event::{DropReason, RetransmissionReason};
use crate::limits::Limit;

/// Counts since the engine was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames taken in.
    pub frames_in: u64,
    /// Frames given out.
    pub frames_out: u64,
    /// TCP segments that arrived for a socket: as many as there are `SegmentReceived` events.
    pub segments_in: u64,
    /// TCP segments sent, for a socket or nobody: as many as there are `SegmentSent` events.
    pub segments_out: u64,
    /// Octets of data in TCP segments sent, those sent again included.
    pub bytes_sent: u64,
    /// Octets of data that TCP received in order.
    pub bytes_received: u64,
    /// What was sent again, by reason: as many as there are `Retransmission` events.
    pub retransmissions: BTreeMap<RetransmissionReason, u64>,
    /// Frames and segments dropped, by reason.
    pub drops: BTreeMap<DropReason, u64>,
    /// Limits hit, by name.
    pub limits_hit: BTreeMap<Limit, u64>,
    /// Handshakes that were kept in a SYN cookie alone.
    pub cookies_sent: u64,
    /// Cookies that came back in time, and made connections.
    pub cookies_accepted: u64,
    /// Acknowledgments of no cookie, or of one that is too old.
    pub cookies_refused: u64,
    /// ACKs that were not sent because another went less than half a second before: in reply to segments of no use.
    pub acks_withheld: u64,
    /// SYNs with a window scale above 14, which was used as 14 (RFC 7323 §2.3).
    pub window_scales_lowered: u64,
    /// SACK blocks that were ignored: empty, reversed, acknowledged already, or of what was never sent.
    pub sack_blocks_ignored: u64,
    /// Connections ended because an invariant was broken. Each is a bug of ours.
    pub invariants_broken: u64,
}

impl Counters {
    pub(crate) fn dropped(&mut self, reason: DropReason) {
        *self.drops.entry(reason).or_default() += 1;
    }

    pub(crate) fn retransmitted(&mut self, reason: RetransmissionReason) {
        *self.retransmissions.entry(reason).or_default() += 1;
    }

    pub(crate) fn limit(&mut self, limit: Limit) {
        *self.limits_hit.entry(limit).or_default() += 1;
    }
}

/// Of several engines together.
impl AddAssign<&Counters> for Counters {
    fn add_assign(&mut self, other: &Counters) {
        let Counters {
            frames_in,
            frames_out,
            segments_in,
            segments_out,
            bytes_sent,
            bytes_received,
            retransmissions,
            drops,
            limits_hit,
            cookies_sent,
            cookies_accepted,
            cookies_refused,
            acks_withheld,
            window_scales_lowered,
            sack_blocks_ignored,
            invariants_broken,
        } = other;
        self.frames_in += frames_in;
        self.frames_out += frames_out;
        self.segments_in += segments_in;
        self.segments_out += segments_out;
        self.bytes_sent += bytes_sent;
        self.bytes_received += bytes_received;
        add_each(&mut self.retransmissions, retransmissions);
        add_each(&mut self.drops, drops);
        add_each(&mut self.limits_hit, limits_hit);
        self.cookies_sent += cookies_sent;
        self.cookies_accepted += cookies_accepted;
        self.cookies_refused += cookies_refused;
        self.acks_withheld += acks_withheld;
        self.window_scales_lowered += window_scales_lowered;
        self.sack_blocks_ignored += sack_blocks_ignored;
        self.invariants_broken += invariants_broken;
    }
}

fn add_each<K: Copy + Ord>(to: &mut BTreeMap<K, u64>, counts: &BTreeMap<K, u64>) {
    for (key, count) in counts {
        *to.entry(*key).or_default() += count;
    }
}
