//! What a connection counts in its life.
//!
//! Owns: [`Tally`]. What happens only where something went wrong takes no room before it happens. Nothing here decides
//! anything: `info.rs` reads it.

use super::*;
use crate::event::RecoveryPhase;
use crate::tcp::rest::AtRest;

/// The counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) bytes_sent: u64,
    pub(super) bytes_acked: u64,
    pub(super) bytes_received: u64,
    pub(super) segments_out: u64,
    pub(super) segments_in: u64,
    pub(super) data_segs_out: u64,
    pub(super) data_segs_in: u64,
    pub(super) troubles: Rest<Troubles>,
}

/// Those of what went wrong, or was marked. The names are those of [`Totals`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Troubles {
    pub(super) retransmissions: u64,
    pub(super) bytes_retrans: u64,
    pub(super) rcv_ooopack: u64,
    pub(super) delivered_ce: u64,
    pub(super) dsack_dups: u64,
    pub(super) total_rto: u64,
    total_rto_recoveries: u64,
    total_rto_time: core::time::Duration,
    /// When the recovery from a timeout began that is under way.
    timed_out_at: Option<Instant>,
}

static NO_TROUBLES: Troubles = Troubles {
    retransmissions: 0,
    bytes_retrans: 0,
    rcv_ooopack: 0,
    delivered_ce: 0,
    dsack_dups: 0,
    total_rto: 0,
    total_rto_recoveries: 0,
    total_rto_time: core::time::Duration::ZERO,
    timed_out_at: None,
};

impl AtRest for Troubles {
    fn at_rest() -> &'static Self {
        &NO_TROUBLES
    }

    fn is_at_rest(&self) -> bool {
        *self == NO_TROUBLES
    }
}

impl Tally {
    /// Segments with `len` octets of data went out, `again` of them not for the first time.
    pub(super) fn on_sent(&mut self, segments: u32, len: u32, again: u32) {
        self.segments_out += u64::from(segments);
        self.data_segs_out += if len > 0 { segments.into() } else { 0 };
        self.bytes_sent += u64::from(len);
        if again > 0 {
            self.troubles.bytes_retrans += u64::from(again);
        }
    }

    /// A segment with `len` octets of data arrived.
    pub(super) fn on_received(&mut self, len: usize) {
        self.segments_in += 1;
        self.data_segs_in += u64::from(len > 0);
    }

    /// Loss recovery is in another phase now.
    pub(super) fn on_phase(&mut self, now: Instant, phase: RecoveryPhase) {
        if phase == RecoveryPhase::Loss {
            self.troubles.total_rto_recoveries += 1;
            self.troubles.timed_out_at = Some(now);
        } else if let Some(began) = self.troubles.timed_out_at {
            self.troubles.timed_out_at = None;
            self.troubles.total_rto_time += now - began;
        }
    }

    /// As they are told.
    pub(super) fn totals(&self) -> Totals {
        Totals {
            retransmissions: self.troubles.retransmissions,
            bytes_sent: self.bytes_sent,
            bytes_acked: self.bytes_acked,
            bytes_received: self.bytes_received,
            segments_out: self.segments_out,
            segments_in: self.segments_in,
            data_segs_out: self.data_segs_out,
            data_segs_in: self.data_segs_in,
            bytes_retrans: self.troubles.bytes_retrans,
            rcv_ooopack: self.troubles.rcv_ooopack,
            delivered_ce: self.troubles.delivered_ce,
            dsack_dups: self.troubles.dsack_dups,
            total_rto: self.troubles.total_rto,
            total_rto_recoveries: self.troubles.total_rto_recoveries,
            total_rto_time: self.troubles.total_rto_time,
        }
    }
}
