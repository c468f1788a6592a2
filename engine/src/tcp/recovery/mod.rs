//! "What is lost": which octets to send again, and when.
//!
//! Owns: [`Recovery`], the state of the sender's loss recovery, an idea in each file: [`sent`] the scoreboard, [`sack`]
//! what is believed of a SACK option, [`rack`] loss by time, [`duplicates`] loss by count, [`tlp`] the tail loss probe,
//! [`prr`] what may go in recovery, [`frto`] and [`undo`] whether it was for nothing, [`rtt`] the round trip and the
//! timeout, [`rate`] how fast data is delivered. What an acknowledgment or a timer means for all of them together is
//! `connection/recover.rs`. Never sees a congestion window: how fast it all goes is `congestion/`'s business.
//!
//! ```text
//!            SACK, duplicate           lost                all acknowledged
//!   OPEN ----------------> DISORDER ---------> RECOVERY ------------------> OPEN
//!     |  ECN: CWR                                 |  undo
//!     '------------- timeout: LOSS ---------------'
//! ```

pub(crate) mod duplicates;
pub(crate) mod frto;
pub(crate) mod prr;
pub(crate) mod rack;
pub(crate) mod rate;
pub(crate) mod rtt;
pub(crate) mod sack;
pub(crate) mod sent;
pub(crate) mod tlp;
pub(crate) mod undo;

use self::duplicates::Duplicates;
use self::frto::Frto;
use self::prr::Prr;
use self::rack::Rack;
use self::sent::Sent;
use self::tlp::Tlp;
use self::undo::Undo;
use super::rest::AtRest;
use super::seq::Seq;
use crate::event::RecoveryPhase;
use crate::time::Instant;

/// DupThresh: duplicate acknowledgments that mean loss (RFC 5681 §3.2).
const DUPLICATE_THRESHOLD: u32 = 3;

/// What the retransmission timer means: its three uses share one slot (RFC 8985 §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The retransmission timeout (RFC 6298).
    #[default]
    Timeout,
    /// The tail loss probe.
    LossProbe,
    /// RACK's reordering timer.
    Reordering,
}

/// The state of loss recovery.
#[derive(Clone, Debug)]
pub(crate) struct Recovery {
    pub(crate) phase: RecoveryPhase,
    /// SND.NXT when the phase began (RecoveryPoint, recover): the phase is over when this is acknowledged.
    pub(crate) high: Seq,
    /// Whether there was a recovery of late: else `high` says nothing once it is over.
    pub(crate) recovered_before: bool,
    /// SND.NXT when the segments up to it were found to be out of order: what lies beyond is limited transmit's.
    pub(crate) disorder_from: Seq,
    /// What the retransmission timer last fired for.
    pub(crate) timed_out: Seq,
    /// How often it fired since SND.UNA last advanced.
    pub(crate) timeouts: u8,
    pub(crate) sent: Sent,
    pub(crate) duplicates: Duplicates,
    pub(crate) rack: Rack,
    pub(crate) tlp: Tlp,
    pub(crate) prr: Prr,
    pub(crate) frto: Frto,
    pub(crate) undo: Undo,
    /// The first segment goes again whatever the window: the timer fired.
    pub(crate) first_goes: bool,
    /// A tail loss probe goes.
    pub(crate) probe_goes: bool,
    /// Rescue retransmissions that this recovery still has (RFC 6675's RescueRxt).
    pub(crate) rescue: bool,
    /// What the running timer means.
    pub(crate) slot: Slot,
    /// When the retransmission timeout passes.
    pub(crate) timeout_at: Option<Instant>,
    /// New data went out, or was acknowledged, since the timer was last set.
    pub(crate) progress: bool,
    /// Without SACK: this recovery had a partial acknowledgment.
    pub(crate) had_partial: bool,
    /// The congestion window held data back; it limits the sender until this is acknowledged.
    pub(crate) limited_until: Option<Seq>,
}

/// Nothing is outstanding, and nothing was amiss of late. The sequence numbers are those of nothing: each is set with what
/// it is for.
static AT_REST: Recovery = Recovery {
    phase: RecoveryPhase::Open,
    high: Seq(0),
    recovered_before: false,
    disorder_from: Seq(0),
    timed_out: Seq(0),
    timeouts: 0,
    sent: Sent::EMPTY,
    duplicates: Duplicates::NONE,
    rack: Rack::NEW,
    tlp: Tlp::AT_REST,
    prr: Prr::NONE,
    frto: Frto::Off,
    undo: Undo::NOTHING,
    first_goes: false,
    probe_goes: false,
    rescue: false,
    slot: Slot::Timeout,
    timeout_at: None,
    progress: false,
    had_partial: false,
    limited_until: None,
};

impl AtRest for Recovery {
    fn at_rest() -> &'static Self {
        &AT_REST
    }

    fn is_at_rest(&self) -> bool {
        self.sent.len() == 0
            && self.phase == RecoveryPhase::Open
            && !self.recovered_before
            && self.timeouts == 0
            && self.duplicates.is_none()
            && self.rack.is_at_rest()
            && self.tlp.is_at_rest()
            && self.frto == Frto::Off
            && self.undo.is_nothing()
            && !(self.first_goes || self.probe_goes)
            && self.timeout_at.is_none()
            && self.limited_until.is_none()
    }
}

impl Recovery {
    /// Of a new connection, which has not measured a round trip.
    pub(crate) fn new() -> Self {
        Recovery { tlp: Tlp::NEW, ..AT_REST.clone() }
    }

    /// Forgets what ended with `una`, before which everything was acknowledged, where nothing is outstanding.
    pub(crate) fn on_empty(&mut self, una: Seq) {
        if self.sent.len() == 0 {
            self.limited_until = self.limited_until.filter(|until| una.before(*until));
            self.rack.on_empty(una);
        }
    }

    /// Octets that are believed to be in the network.
    pub(crate) fn pipe(&self) -> u32 {
        self.sent.pipe().saturating_sub(self.duplicates.credit())
    }

    /// In fast recovery, or in that of a timeout.
    pub(crate) fn is_recovering(&self) -> bool {
        matches!(self.phase, RecoveryPhase::Recovery | RecoveryPhase::Loss)
    }

    /// The window shrinks.
    pub(crate) fn is_reducing(&self) -> bool {
        matches!(self.phase, RecoveryPhase::Recovery | RecoveryPhase::Cwr)
    }

    /// Whether three duplicate acknowledgments of `una` may begin a recovery: without SACK those of one that is over may not.
    //= https://www.rfc-editor.org/rfc/rfc6582#section-3.2
    //# When the third duplicate ACK is received, the TCP sender first
    //# checks the value of recover to see if the Cumulative
    //# Acknowledgment field covers more than recover.
    //= https://www.rfc-editor.org/rfc/rfc6582#section-6
    //# When three or more duplicate acknowledgments are received, the Cumulative Acknowledgment
    //# field doesn't cover more than recover, and a new fast recovery is not invoked, the sender
    //# should follow the guidance in Section 4.
    pub(crate) fn believes_duplicates(&self, una: Seq) -> bool {
        self.is_recovering() || !self.recovered_before || una.after(self.high)
    }

    /// Whether the timer fired already for the segment at `una`.
    pub(crate) fn timed_out_at(&self, una: Seq) -> bool {
        self.phase == RecoveryPhase::Loss && self.timed_out == una
    }

    /// The timer that comes first in rank, and when it fires; the retransmission timeout passes at `timeout_at`.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-8
    //# When arming a RACK reordering timer or TLP
    //# PTO timer, the sender SHOULD cancel any other pending timers.
    pub(crate) fn next_timer(&self, timeout_at: Instant) -> (Slot, Instant) {
        match (self.rack.deadline(), self.tlp.deadline()) {
            (Some(at), _) => (Slot::Reordering, at),
            (None, Some(at)) => (Slot::LossProbe, at.min(timeout_at)),
            (None, None) => (Slot::Timeout, timeout_at),
        }
    }

    /// Nothing is outstanding any more, and nothing will be.
    pub(crate) fn clear(&mut self) {
        self.sent.clear();
        self.duplicates.reset();
        self.rack.stop();
        self.tlp.reset();
        self.first_goes = false;
        self.probe_goes = false;
    }
}
