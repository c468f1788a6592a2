//! "How fast": the congestion window, and the rate at which it is used.
//!
//! Owns: the [`Controller`], one enum over the algorithms. It hears of acknowledgments, of congestion and of time,
//! and answers with `cwnd` and `ssthresh`. Never sees what is lost or when to send it again: that is `recovery/`.
//!
//! ```text
//!             on_congestion            on_recovered
//!  cwnd grows ------------> ssthresh falls --------> cwnd = ssthresh
//!      |                    PRR decides what goes
//!      | on_timeout: ssthresh falls, cwnd = 1 segment
//!      '-- on_undo: both as they were before the last reduction
//! ```

mod cube_root;
mod cubic;
mod hystart;
mod loss_based;
mod new_reno;
mod pacing;
mod rounds;
mod sample;
#[cfg(test)]
mod testing;
mod usage;

use core::time::Duration;

use self::cubic::Cubic;
use self::loss_based::{Avoidance, LossBased};
use self::new_reno::NewReno;
pub(crate) use self::sample::{CongestionCause, DeliveryRate, Sample};
use super::config::CongestionControl;
use crate::event::CongestionPhase;
use crate::time::Instant;

/// What a controller is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) algorithm: CongestionControl,
    /// SND.MSS, in octets.
    pub(crate) mss: u32,
    /// The initial window, in segments.
    pub(crate) initial_window: u8,
    /// Leave slow start by HyStart++.
    pub(crate) hystart: bool,
    /// Spread segments over the round trip.
    pub(crate) pacing: bool,
}

/// A congestion controller.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.2
//# A TCP endpoint MUST implement the basic congestion control algorithms slow start,
//# congestion avoidance, and exponential backoff of RTO to avoid creating congestion collapse
//# conditions (MUST-19).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.2
//# An endpoint MAY implement such alternative algorithms provided that the algorithms are
//# conformant with the TCP specifications from the IETF Standards Track as described in RFC
//# 2914, RFC 5033 [7], and RFC 8961 [15] (MAY-18).
#[derive(Clone, Debug)]
pub(crate) enum Controller {
    LossBased(LossBased),
}

impl Controller {
    pub(crate) fn new(config: &Config) -> Self {
        let avoidance = match config.algorithm {
            CongestionControl::NewReno => Avoidance::NewReno(NewReno::default()),
            CongestionControl::Cubic | CongestionControl::Bbr => Avoidance::Cubic(Cubic::default()),
        };
        Controller::LossBased(LossBased::new(config, avoidance))
    }

    /// The congestion window, in octets. Between `on_congestion` and `on_recovered` it is what it was before: PRR
    /// decides what goes.
    pub(crate) fn cwnd(&self) -> u32 {
        let Controller::LossBased(c) = self;
        c.cwnd()
    }

    /// The slow-start threshold, in octets.
    pub(crate) fn ssthresh(&self) -> u32 {
        let Controller::LossBased(c) = self;
        c.ssthresh()
    }

    /// What the algorithm is doing.
    pub(crate) fn phase(&self) -> CongestionPhase {
        let Controller::LossBased(c) = self;
        c.phase()
    }

    /// How fast to send, in octets a second, where the sender is to pace.
    pub(crate) fn pacing_rate(&self) -> Option<u64> {
        let Controller::LossBased(c) = self;
        c.pacing_rate()
    }

    /// Whether recovery decides by PRR (RFC 6937) what is sent until `on_recovered`.
    pub(crate) fn uses_prr(&self) -> bool {
        true
    }

    /// An acknowledgment came, outside of fast recovery: after a timeout too, where slow start repairs the loss.
    pub(crate) fn on_ack(&mut self, sample: &Sample) {
        let Controller::LossBased(c) = self;
        c.on_ack(sample);
    }

    /// Congestion showed with `flight` octets outstanding, SND.NXT - SND.UNA: `ssthresh` falls.
    pub(crate) fn on_congestion(&mut self, _now: Instant, flight: u32, cause: CongestionCause) {
        let Controller::LossBased(c) = self;
        c.on_congestion(flight, cause);
    }

    /// What was lost is repaired: `cwnd` is `ssthresh`.
    pub(crate) fn on_recovered(&mut self, _now: Instant) {
        let Controller::LossBased(c) = self;
        c.on_recovered();
    }

    /// The retransmission timer fired with `flight` octets outstanding, for the first time for SND.UNA or `again`.
    pub(crate) fn on_timeout(&mut self, _now: Instant, flight: u32, again: bool) {
        let Controller::LossBased(c) = self;
        c.on_timeout(flight, again);
    }

    /// The last reduction was spurious: `cwnd` and `ssthresh` are again what they were.
    pub(crate) fn on_undo(&mut self, _now: Instant) {
        let Controller::LossBased(c) = self;
        c.on_undo();
    }

    /// Data is about to be sent after nothing was for `idle`.
    pub(crate) fn on_idle(&mut self, _now: Instant, idle: Duration, rto: Duration) {
        let Controller::LossBased(c) = self;
        c.on_idle(idle, rto);
    }

    /// The SYN or the SYN,ACK had to go again.
    pub(crate) fn on_lost_syn(&mut self) {
        let Controller::LossBased(c) = self;
        c.on_lost_syn();
    }

    /// SND.MSS is another: the path changed.
    pub(crate) fn set_mss(&mut self, mss: u32) {
        let Controller::LossBased(c) = self;
        c.set_mss(mss);
    }

    /// `len` octets were sent, with which `in_flight` are outstanding.
    pub(crate) fn on_sent(&mut self, now: Instant, len: u32, in_flight: u32) {
        let Controller::LossBased(c) = self;
        c.on_sent(now, len, in_flight);
    }
}
