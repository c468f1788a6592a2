//! What is always true of a connection, checked after every input.
//!
//! In a debug build a broken invariant is a panic; in a release it ends that one connection, with a reset and an event,
//! and is counted. Only what costs more than a few comparisons is left to debug builds.

use super::*;

impl Connection {
    /// The first invariant that is broken, by name.
    pub(crate) fn broken_invariant(&self) -> Option<&'static str> {
        let Send { una, nxt, syn_acknowledged, ref buffer, .. } = self.snd;
        let closed = self.is_closed();
        match () {
            () if !una.at_or_before(nxt) => Some("snd.una =< snd.nxt"),
            () if !closed && nxt.after(self.send_end()) => {
                Some("snd.nxt =< the end of what there is to send")
            }
            () if !closed && syn_acknowledged && buffer.start() != una && !self.fin_acknowledged() => {
                Some("the send buffer starts at snd.una")
            }
            () if !self.state.peer_closed() && self.rcv.nxt.after(self.rcv.window.edge()) => {
                Some("rcv.nxt =< the window's edge")
            }
            () if cfg!(debug_assertions) && !self.rcv.assembler.is_consistent(self.rcv.nxt) => {
                Some("reassembly is in order and ahead of rcv.nxt")
            }
            () if cfg!(debug_assertions) && !closed && !self.recovery.sent.is_consistent(una, nxt) => {
                Some("the scoreboard is what is outstanding, and its sums are right")
            }
            () if !self.is_timed() => Some("octets outstanding are timed"),
            () if self.state == State::TimeWait && !self.timers.is_running(TimerKind::TimeWait) => {
                Some("TIME-WAIT is timed")
            }
            () if closed && self.timers.next().is_some() => Some("no timer outlives the connection"),
            () if self.state.fin_outstanding() && !self.snd.fin => {
                Some("a FIN is queued in the states after CLOSE")
            }
            () => None,
        }
    }

    /// Whether a timer runs for what is outstanding, if anything is.
    fn is_timed(&self) -> bool {
        self.flight() == 0
            || self.timers.is_running(TimerKind::Retransmit)
            || self.timers.is_running(TimerKind::Persist)
            || self.is_closed()
            || self.state == State::TimeWait
            || self.passive && self.state == State::SynReceived
    }

    pub(super) fn check_invariants(&mut self, cx: &mut Cx<'_>) {
        if let Some(name) = self.broken_invariant() {
            debug_assert!(false, "{name}: {self:?}");
            self.break_invariant(cx, name);
        }
    }
}
