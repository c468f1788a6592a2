//! Pacing: segments are spread over the round trip, at the rate that congestion control gives.
//!
//! Owns: when the next segment with data may go, and the timer for it. What must not wait (the first segment after a
//! timeout, probes, acknowledgments) does not ask.
//!
//! ```text
//! bursts   |||||               |||||
//! paced    |   |   |   |   |   |   |   |   |   |      len / rate apart
//! ```

use core::time::Duration;

use super::*;

/// What a timer that fired late may make up for.
const SLACK: Duration = Duration::from_millis(1);
/// No segment waits longer, however slow the rate.
const GAP_MAX: Duration = Duration::from_secs(1);

impl Connection {
    /// Whether data would be sent too early now; then a timer runs until it may go.
    pub(super) fn waits_for_its_pace(&mut self, cx: &mut Cx<'_>) -> bool {
        let something = self.recovery.sent.has_due() || self.snd.nxt != self.send_end();
        let waits = something && cx.now < self.next_send && !self.recovery.first_goes;
        if waits && !self.timers.is_running(TimerKind::Pacing) {
            self.start(cx, TimerKind::Pacing, self.next_send - cx.now);
        }
        waits
    }

    /// `len` octets of data went.
    pub(super) fn pace(&mut self, now: Instant, len: u32) {
        let Some(rate) = self.congestion.pacing_rate() else { return };
        let nanos = u64::from(len) * 1_000_000_000 / rate.max(1);
        let earliest = Instant::from_nanos(now.as_nanos().saturating_sub(SLACK.as_nanos() as u64));
        self.next_send = self.next_send.max(earliest) + Duration::from_nanos(nanos).min(GAP_MAX);
    }
}
