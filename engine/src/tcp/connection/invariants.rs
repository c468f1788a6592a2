//! What is always true of a connection, checked after every input.
//!
//! In a debug build a broken invariant is a panic; in a release it ends that one connection, with a reset and an event,
//! and is counted. Only what costs more than a few comparisons is left to debug builds.

use super::*;

impl Connection {
    /// The first invariant that is broken, by name.
    pub(crate) fn broken_invariant(&self) -> Option<&'static str> {
        let Send { una, nxt, syn_acknowledged, ref buffer, .. } = self.snd;
        let checks = [
            ("snd.una =< snd.nxt", una.at_or_before(nxt)),
            (
                "snd.nxt =< the end of what there is to send",
                self.is_closed() || nxt.at_or_before(self.send_end()),
            ),
            (
                "the send buffer starts at snd.una",
                self.is_closed() || !syn_acknowledged || buffer.start() == una || self.fin_acknowledged(),
            ),
            (
                "rcv.nxt =< the window's edge",
                self.state.peer_closed() || self.rcv.nxt.at_or_before(self.rcv.window.edge()),
            ),
            (
                "reassembly is in order and ahead of rcv.nxt",
                !cfg!(debug_assertions) || self.rcv.assembler.is_consistent(self.rcv.nxt),
            ),
            (
                "the scoreboard is what is outstanding, and its sums are right",
                !cfg!(debug_assertions) || self.is_closed() || self.recovery.sent.is_consistent(una, nxt),
            ),
            (
                "octets outstanding are timed",
                self.is_closed()
                    || self.state == State::TimeWait
                    || self.passive && self.state == State::SynReceived
                    || self.flight() == 0
                    || self.timers.is_running(TimerKind::Retransmit)
                    || self.timers.is_running(TimerKind::Persist),
            ),
            (
                "TIME-WAIT is timed",
                self.state != State::TimeWait || self.timers.is_running(TimerKind::TimeWait),
            ),
            ("no timer outlives the connection", !self.is_closed() || self.timers.next().is_none()),
            ("a FIN is queued in the states after CLOSE", !self.state.fin_outstanding() || self.snd.fin),
        ];
        checks.into_iter().find(|(_, holds)| !holds).map(|(name, _)| name)
    }

    pub(super) fn check_invariants(&mut self, cx: &mut Cx<'_>) {
        if let Some(name) = self.broken_invariant() {
            debug_assert!(false, "{name}: {self:?}");
            self.break_invariant(cx, name);
        }
    }
}
