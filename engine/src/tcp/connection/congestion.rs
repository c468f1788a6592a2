//! What is told of the congestion window: each change of phase, and each reduction; not each acknowledgment.

use super::*;
use crate::event::CongestionPhase;

/// What was last told, and the window that was last seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    phase: CongestionPhase,
    ssthresh: u32,
    cwnd: u32,
}

impl Default for Told {
    fn default() -> Self {
        Told { phase: CongestionPhase::default(), ssthresh: u32::MAX, cwnd: 0 }
    }
}

impl Connection {
    /// Tells of the congestion window if it fell, or is ruled by something else now.
    pub(super) fn tell_of_congestion(&mut self, cx: &mut Cx<'_>) {
        let (cwnd, ssthresh) = (self.congestion_window(), self.congestion.ssthresh());
        let phase = self.congestion.phase();
        let last = self.congestion_told;
        self.congestion_told = Told { phase, ssthresh, cwnd };
        // In recovery the window goes up and down with what is in the network; BBR's follows its model all the time.
        let steady = phase != CongestionPhase::Recovery && self.congestion.uses_prr();
        let fell = cwnd < last.cwnd && steady;
        if phase != last.phase || ssthresh != last.ssthresh || fell {
            cx.tell_if(Interest::CONGESTION, self.id, || EventKind::Congestion { cwnd, ssthresh, phase });
        }
    }
}
