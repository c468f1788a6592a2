//! What an engine counted: frames, drops by reason, limits by name.

use alloc::collections::BTreeMap;

use crate::event::DropReason;
use crate::limits::Limit;

/// Counts since the engine was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames taken in.
    pub frames_in: u64,
    /// Frames given out.
    pub frames_out: u64,
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

    pub(crate) fn limit(&mut self, limit: Limit) {
        *self.limits_hit.entry(limit).or_default() += 1;
    }
}
