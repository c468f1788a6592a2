//! The persist timer's back-off: zero-window probes and the override of silly-window avoidance.

use core::time::Duration;

/// The longest time between two probes, as in BSD and Linux's practice of about a minute or two.
const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// How often a probe went out without the window opening.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Persist {
    probes: u32,
    /// Probes since the peer was last heard.
    unanswered: u32,
}

impl Persist {
    /// The time to the next probe.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
    //# The transmitting host SHOULD send the first zero-window probe when a
    //# zero window has existed for the retransmission timeout period (SHLD-29)
    //# (Section 3.8.1), and SHOULD increase exponentially the interval
    //# between successive probes (SHLD-30).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
    //# If the window shrinks to zero, the TCP implementation MUST probe it in the standard way
    //# (described below) (MUST-35).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
    //# Probing of zero (offered) windows MUST be supported (MUST-36).
    pub(crate) fn interval(self, rto: Duration) -> Duration {
        rto.saturating_mul(1 << self.probes.min(16)).min(INTERVAL_MAX)
    }

    pub(crate) fn on_probe(&mut self) {
        self.probes += 1;
        self.unanswered += 1;
    }

    /// The peer was heard.
    pub(crate) fn on_heard(&mut self) {
        self.unanswered = 0;
    }

    pub(crate) fn reset(&mut self) {
        self.probes = 0;
    }

    /// How often the interval was doubled.
    pub(crate) fn backoff(self) -> u32 {
        self.probes
    }

    pub(crate) fn unanswered(self) -> u32 {
        self.unanswered
    }
}
