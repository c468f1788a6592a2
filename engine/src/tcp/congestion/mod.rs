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

mod bbr;
mod cube_root;
mod cubic;
mod hystart;
mod initial_window;
mod loss_based;
mod new_reno;
mod pacing;
mod repair;
mod rounds;
mod sample;
#[cfg(test)]
mod testing;
mod usage;

use alloc::boxed::Box;
use core::time::Duration;

use self::bbr::Bbr;
use self::cubic::Cubic;
use self::loss_based::{Avoidance, LossBased};
use self::new_reno::NewReno;
pub(crate) use self::sample::{CongestionCause, DeliveryRate, Sample};
use super::config::CongestionControl;
use crate::event::CongestionPhase;
use crate::tcp::info::CongestionVariables;
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
    /// What chance is made of, where an algorithm needs any.
    pub(crate) seed: u32,
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
    Bbr(Box<Bbr>),
}

impl Controller {
    pub(crate) fn new(config: &Config) -> Self {
        let loss_based = |avoidance| Controller::LossBased(LossBased::new(config, avoidance));
        match config.algorithm {
            CongestionControl::NewReno => loss_based(Avoidance::NewReno(NewReno::default())),
            CongestionControl::Cubic => loss_based(Avoidance::Cubic(Cubic::default())),
            CongestionControl::Bbr => Controller::Bbr(Box::new(Bbr::new(config))),
        }
    }

    /// The congestion window, in octets. Between `on_congestion` and `on_recovered` it is what it was before, where PRR
    /// decides what goes.
    pub(crate) fn cwnd(&self) -> u32 {
        match self {
            Controller::LossBased(c) => c.cwnd(),
            Controller::Bbr(c) => c.cwnd(),
        }
    }

    /// The slow-start threshold, in octets; [`u32::MAX`] where there is none.
    pub(crate) fn ssthresh(&self) -> u32 {
        match self {
            Controller::LossBased(c) => c.ssthresh(),
            Controller::Bbr(_) => u32::MAX,
        }
    }

    /// What the algorithm is doing.
    pub(crate) fn phase(&self) -> CongestionPhase {
        match self {
            Controller::LossBased(c) => c.phase(),
            Controller::Bbr(c) => c.phase(),
        }
    }

    /// What the algorithm remembers of the path.
    pub(crate) fn variables(&self) -> CongestionVariables {
        match self {
            Controller::LossBased(c) => c.variables(),
            Controller::Bbr(c) => c.variables(),
        }
    }

    /// How fast to send, in octets a second, where the sender is to pace.
    pub(crate) fn pacing_rate(&self) -> Option<u64> {
        match self {
            Controller::LossBased(c) => c.pacing_rate(),
            Controller::Bbr(c) => Some(c.pacing_rate()),
        }
    }

    /// Whether recovery decides by PRR (RFC 6937) what is sent until `on_recovered`. Otherwise it is told of every
    /// acknowledgment, and `cwnd` decides.
    pub(crate) fn uses_prr(&self) -> bool {
        matches!(self, Controller::LossBased(_))
    }

    /// An acknowledgment came; with PRR, outside of fast recovery. After a timeout slow start repairs the loss.
    pub(crate) fn on_ack(&mut self, sample: &Sample) {
        match self {
            Controller::LossBased(c) => c.on_ack(sample),
            Controller::Bbr(c) => c.on_ack(sample),
        }
    }

    /// Congestion showed with `flight` octets outstanding, SND.NXT - SND.UNA: `ssthresh` falls.
    //= https://www.rfc-editor.org/rfc/rfc3168#section-5
    //# Upon the receipt by an ECN-Capable transport of a single CE packet,
    //# the congestion control algorithms followed at the end-systems MUST be
    //# essentially the same as the congestion control response to a *single*
    //# dropped packet.
    pub(crate) fn on_congestion(&mut self, _now: Instant, flight: u32, cause: CongestionCause) {
        match (self, cause) {
            (Controller::LossBased(c), CongestionCause::Loss | CongestionCause::Ecn) => {
                c.on_congestion(flight)
            }
            (Controller::Bbr(c), CongestionCause::Loss) => c.on_loss(),
            // To BBR neither says anything of the bandwidth, and a mark cost nothing.
            (Controller::Bbr(_), CongestionCause::Ecn) => {}
        }
    }

    /// What was lost is repaired: `cwnd` is `ssthresh`.
    pub(crate) fn on_recovered(&mut self, _now: Instant) {
        match self {
            Controller::LossBased(c) => c.on_recovered(),
            Controller::Bbr(c) => c.on_recovered(),
        }
    }

    /// The retransmission timer fired with `flight` octets outstanding, for the first time for SND.UNA or `again`.
    pub(crate) fn on_timeout(&mut self, _now: Instant, flight: u32, again: bool) {
        match self {
            Controller::LossBased(c) => c.on_timeout(flight, again),
            Controller::Bbr(c) => c.on_timeout(),
        }
    }

    /// The last reduction was spurious: `cwnd` and `ssthresh` are again what they were.
    pub(crate) fn on_undo(&mut self, _now: Instant) {
        match self {
            Controller::LossBased(c) => c.on_undo(),
            Controller::Bbr(c) => c.on_undo(),
        }
    }

    /// Data is about to be sent after nothing was for `idle`.
    pub(crate) fn on_idle(&mut self, now: Instant, idle: Duration, rto: Duration) {
        match self {
            Controller::LossBased(c) => c.on_idle(idle, rto),
            Controller::Bbr(c) => c.on_idle(now),
        }
    }

    /// The handshake took a round trip of `srtt`: the first window is spread over the next.
    pub(crate) fn on_handshake(&mut self, srtt: Duration) {
        match self {
            Controller::LossBased(c) => c.on_handshake(srtt),
            Controller::Bbr(c) => c.on_handshake(srtt),
        }
    }

    /// The SYN or the SYN,ACK had to go again.
    pub(crate) fn on_lost_syn(&mut self) {
        match self {
            Controller::LossBased(c) => c.on_lost_syn(),
            Controller::Bbr(c) => c.on_lost_syn(),
        }
    }

    /// SND.MSS is another: the path changed.
    pub(crate) fn set_mss(&mut self, mss: u32) {
        match self {
            Controller::LossBased(c) => c.set_mss(mss),
            Controller::Bbr(c) => c.set_mss(mss),
        }
    }

    /// `len` octets were sent, with which `in_flight` are outstanding.
    pub(crate) fn on_sent(&mut self, now: Instant, len: u32, in_flight: u32) {
        match self {
            Controller::LossBased(c) => c.on_sent(now, len, in_flight),
            Controller::Bbr(_) => {}
        }
    }
}
