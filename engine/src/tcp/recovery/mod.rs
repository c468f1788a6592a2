//! "What is lost": which octets to send again, and when.
//!
//! Owns: [`Recovery`], the duplicate-ACK count and the range to send again, and [`rtt`], the round-trip time and the
//! retransmission timeout that follows from it. Never sees a window: how fast the range goes out is `congestion/`'s
//! business.
//!
//! ```text
//! snd.una                    snd.nxt
//!    | sent again | not yet     |
//!    |------------|-------------|
//!                 ^ resend.next, up to resend.end
//! ```

pub(crate) mod rtt;

use super::seq::Seq;
use crate::event::RetransmissionReason;

/// Duplicate acknowledgments that mean loss (RFC 5681 §3.2).
const DUPLICATE_THRESHOLD: u32 = 3;

/// What is being recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing.
    Open,
    /// Duplicate acknowledgments told of a loss (RFC 6582).
    Fast,
    /// The retransmission timer fired.
    Loss,
}

/// Octets to be sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resend {
    pub(crate) next: Seq,
    pub(crate) end: Seq,
    pub(crate) reason: RetransmissionReason,
}

/// The state of loss recovery.
#[derive(Clone, Debug)]
pub(crate) struct Recovery {
    pub(crate) phase: Phase,
    duplicates: u32,
    /// `snd.nxt` when recovery began: it is over when this is acknowledged.
    recover: Seq,
    /// What the retransmission timer last fired for.
    timed_out: Seq,
    /// Whether there was a recovery: before the first, `recover` says nothing.
    recovered_before: bool,
    pub(crate) resend: Option<Resend>,
    /// In fast recovery: the window, inflated by what left the network (RFC 6582 §3.2).
    pub(crate) window: u32,
}

/// What an acknowledgment means for recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing out of the ordinary.
    Nothing,
    /// Fast recovery begins.
    EnterFast,
    /// A duplicate in fast recovery.
    Duplicate,
    /// Fast recovery goes on with the next hole.
    Partial,
    /// Fast recovery is over.
    Recovered,
}

impl Recovery {
    pub(crate) fn new(iss: Seq) -> Self {
        Recovery {
            phase: Phase::Open,
            duplicates: 0,
            recover: iss,
            timed_out: iss,
            recovered_before: false,
            resend: None,
            window: 0,
        }
    }

    /// Fast recovery began, or goes on: the window follows.
    pub(crate) fn inflate(&mut self, verdict: Verdict, acked: u32, ssthresh: u32, mss: u32) {
        self.window = match verdict {
            Verdict::EnterFast => ssthresh + DUPLICATE_THRESHOLD * mss,
            Verdict::Duplicate => self.window.saturating_add(mss),
            //= https://www.rfc-editor.org/rfc/rfc6582#section-3.2
            //# Deflate the congestion window by the amount of new data acknowledged by the
            //# Cumulative Acknowledgment field.  If the partial ACK
            //# acknowledges at least one SMSS of new data, then add back SMSS
            //# bytes to the congestion window.
            Verdict::Partial => {
                let back = if acked >= mss { mss } else { 0 };
                (self.window.saturating_sub(acked) + back).max(mss)
            }
            Verdict::Nothing | Verdict::Recovered => self.window,
        };
    }

    /// `una` advanced to `ack`; `mss` bounds what a partial acknowledgment sends again.
    pub(crate) fn on_ack(&mut self, ack: Seq, nxt: Seq, mss: u32) -> Verdict {
        self.duplicates = 0;
        if let Some(resend) = &mut self.resend {
            resend.next = resend.next.max(ack);
            if resend.next.at_or_after(resend.end) {
                self.resend = None;
            }
        }
        let over = ack.at_or_after(self.recover);
        match self.phase {
            Phase::Open => {
                // What was recovered is history, and comes round again after two gigabytes.
                self.recovered_before &= !ack.after(self.recover);
                Verdict::Nothing
            }
            Phase::Fast if over => {
                self.phase = Phase::Open;
                self.resend = None;
                Verdict::Recovered
            }
            Phase::Fast => {
                let reason = RetransmissionReason::Recovery;
                self.resend = Some(Resend { next: ack, end: (ack + mss).min(nxt), reason });
                Verdict::Partial
            }
            Phase::Loss => {
                if over {
                    self.phase = Phase::Open;
                }
                Verdict::Nothing
            }
        }
    }

    /// A duplicate acknowledgment of `una` came while octets up to `nxt` are outstanding.
    pub(crate) fn on_duplicate(&mut self, una: Seq, nxt: Seq, mss: u32) -> Verdict {
        match self.phase {
            Phase::Fast => return Verdict::Duplicate,
            Phase::Loss => return Verdict::Nothing,
            Phase::Open => self.duplicates += 1,
        }
        //= https://www.rfc-editor.org/rfc/rfc6582#section-3.2
        //# When the third duplicate ACK is received, the TCP sender first
        //# checks the value of recover to see if the Cumulative
        //# Acknowledgment field covers more than recover.
        if self.duplicates != DUPLICATE_THRESHOLD || self.recovered_before && !una.after(self.recover) {
            return Verdict::Nothing;
        }
        self.begin(Phase::Fast, nxt);
        self.resend =
            Some(Resend { next: una, end: (una + mss).min(nxt), reason: RetransmissionReason::Fast });
        Verdict::EnterFast
    }

    /// Whether the timer fired already for the segment at `una`.
    pub(crate) fn timed_out_at(&self, una: Seq) -> bool {
        self.phase == Phase::Loss && self.timed_out == una
    }

    /// The retransmission timer fired: all from `una` to `nxt` counts as lost.
    pub(crate) fn on_timeout(&mut self, una: Seq, nxt: Seq) {
        self.begin(Phase::Loss, nxt);
        self.timed_out = una;
        self.resend = Some(Resend { next: una, end: nxt, reason: RetransmissionReason::Timeout });
    }

    /// Sends again what is outstanding, though nothing says that it was lost: a closed window opened.
    pub(crate) fn resend_all(&mut self, una: Seq, nxt: Seq) {
        self.resend = Some(Resend { next: una, end: nxt, reason: RetransmissionReason::Recovery });
    }

    /// `len` octets at `resend.next` were sent.
    pub(crate) fn on_resent(&mut self, len: u32) {
        if let Some(resend) = &mut self.resend {
            resend.next += len;
            if resend.reason == RetransmissionReason::Timeout {
                resend.reason = RetransmissionReason::Recovery;
            }
            if resend.next.at_or_after(resend.end) {
                self.resend = None;
            }
        }
    }

    fn begin(&mut self, phase: Phase, nxt: Seq) {
        self.phase = phase;
        self.duplicates = 0;
        self.recover = nxt;
        self.recovered_before = true;
    }
}
