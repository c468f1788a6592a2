//! "How fast": the congestion window.
//!
//! Owns: the [`Controller`], one enum over the algorithms, which hears of acknowledgments, duplicates and losses and
//! answers with `cwnd`. Never sees what is lost: that is `recovery/`.

mod new_reno;

use self::new_reno::NewReno;
use super::config::CongestionControl;

/// A congestion controller.
#[derive(Clone, Debug)]
pub(crate) enum Controller {
    NewReno(NewReno),
}

impl Controller {
    pub(crate) fn new(algorithm: CongestionControl, mss: u32) -> Self {
        match algorithm {
            CongestionControl::NewReno | CongestionControl::Cubic | CongestionControl::Bbr => {
                Controller::NewReno(NewReno::new(mss))
            }
        }
    }

    /// The congestion window, in octets.
    pub(crate) fn cwnd(&self) -> u32 {
        let Controller::NewReno(c) = self;
        c.cwnd()
    }

    /// The slow-start threshold, in octets.
    pub(crate) fn ssthresh(&self) -> u32 {
        let Controller::NewReno(c) = self;
        c.ssthresh()
    }

    /// New data was acknowledged outside of fast recovery.
    pub(crate) fn on_ack(&mut self, acked: u32) {
        let Controller::NewReno(c) = self;
        c.on_ack(acked);
    }

    /// Loss was inferred from duplicate acknowledgments with `flight` octets outstanding.
    pub(crate) fn on_fast_retransmit(&mut self, flight: u32) {
        let Controller::NewReno(c) = self;
        c.on_fast_retransmit(flight);
    }

    /// Another duplicate acknowledgment in fast recovery: a segment has left the network.
    pub(crate) fn on_duplicate_in_recovery(&mut self) {
        let Controller::NewReno(c) = self;
        c.on_duplicate_in_recovery();
    }

    /// An acknowledgment in fast recovery that does not end it.
    pub(crate) fn on_partial_ack(&mut self, acked: u32) {
        let Controller::NewReno(c) = self;
        c.on_partial_ack(acked);
    }

    /// Fast recovery is over, with `flight` octets outstanding.
    pub(crate) fn on_recovered(&mut self, flight: u32) {
        let Controller::NewReno(c) = self;
        c.on_recovered(flight);
    }

    /// The retransmission timer fired, for the first time for what is outstanding now or again.
    pub(crate) fn on_timeout(&mut self, flight: u32, again: bool) {
        let Controller::NewReno(c) = self;
        c.on_timeout(flight, again);
    }

    /// Nothing was sent for longer than a retransmission timeout.
    pub(crate) fn on_idle(&mut self) {
        let Controller::NewReno(c) = self;
        c.on_idle();
    }

    /// The SYN or the SYN,ACK had to go again.
    pub(crate) fn on_lost_syn(&mut self) {
        let Controller::NewReno(c) = self;
        c.on_lost_syn();
    }
}
