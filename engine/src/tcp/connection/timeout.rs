//! What time does: arming the timers after every change, and acting when one fires (RFC 9293 §3.8, §3.10.8).
//!
//! Who owns which timer: `Retransmit` and `Persist` exclude each other and follow from what is outstanding and from
//! the window; `UserTimeout` runs while anything is unacknowledged; `DelayedAck` while an acknowledgment waits;
//! `KeepAlive` on an open connection with the option; `FinWait2`, `TimeWait` and `Linger` are set where the state changes.

use core::time::Duration;

use super::*;
use crate::event::RecoveryPhase;
use crate::tcp::receive::ack_policy::Owed;

/// The override of silly-window avoidance.
const OVERRIDE_MIN: Duration = Duration::from_millis(100);
const OVERRIDE_MAX: Duration = Duration::from_secs(1);

impl Connection {
    /// Fires every timer that is due.
    pub(crate) fn on_timeout(&mut self, cx: &mut Cx<'_>) {
        while let Some(timer) = self.timers.due(cx.now) {
            self.timers.set(timer, None);
            cx.tell_timer(self.id, timer, TimerAction::Fired);
            self.fire(cx, timer);
        }
    }

    fn fire(&mut self, cx: &mut Cx<'_>, timer: TimerKind) {
        match timer {
            TimerKind::Retransmit => self.on_recovery_timer(cx),
            TimerKind::Persist => {
                self.snd.persist.on_probe();
                self.snd.probe = true;
                // Whatever the probe meets, the next one follows it.
                let interval = self.persist_interval();
                self.start(cx, TimerKind::Persist, interval);
            }
            TimerKind::DelayedAck => self.rcv.acks.now(),
            TimerKind::KeepAlive => self.on_keep_alive(cx),
            TimerKind::UserTimeout => self.give_up(cx, timer),
            TimerKind::FinWait2 => self.transition(cx, Trigger::GiveUpTimeout, Cause::Timer(timer)),
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.8
            //# If the time-wait timeout expires on a connection, delete the TCB,
            //# enter the CLOSED state, and return.
            TimerKind::TimeWait => self.transition(cx, Trigger::TwoMslTimeout, Cause::Timer(timer)),
            // Only the waiting call ends; the connection goes on by itself.
            TimerKind::Linger => {}
            // What waits for it goes when the caller asks for the next segment.
            TimerKind::Pacing => {}
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.8
    //# For any state if the user timeout expires, flush all queues,
    //# signal the user "error: connection aborted due to user timeout" in
    //# general and for any outstanding calls, delete the TCB, enter the
    //# CLOSED state, and return.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
    //# The following procedure MUST be used to handle excessive retransmissions of data segments
    //# (MUST-20):
    fn give_up(&mut self, cx: &mut Cx<'_>, timer: TimerKind) {
        let error = self.soft_error.take().unwrap_or(Errno::ETIMEDOUT);
        self.fail(cx, Trigger::GiveUpTimeout, Cause::Timer(timer), error);
    }

    fn on_keep_alive(&mut self, cx: &mut Cx<'_>) {
        let Some(keep) = self.options.keep_alive else { return };
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
        //# Keep-alive packets MUST only be sent when no sent data is
        //# outstanding, and no data or acknowledgment packets have been received
        //# for the connection within an interval (MUST-26).
        let idle = self.keep_alive_idle(keep.idle);
        let idle_until = self.rcv.last_heard + idle;
        if self.flight() > 0 || self.snd.keep_alive_unanswered == 0 && cx.now < idle_until {
            let wait = if cx.now < idle_until { idle_until - cx.now } else { idle };
            return self.start(cx, TimerKind::KeepAlive, wait);
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
        //# It is extremely important to remember that ACK segments that contain
        //# no data are not reliably transmitted by TCP.  Consequently, if a keep-
        //# alive mechanism is implemented it MUST NOT interpret failure to
        //# respond to any specific probe as a dead connection (MUST-29).
        if self.snd.keep_alive_unanswered >= keep.probes {
            self.send_reset(cx);
            return self.give_up(cx, TimerKind::KeepAlive);
        }
        self.snd.keep_alive_unanswered += 1;
        self.snd.keep_alive_probe = true;
        self.start(cx, TimerKind::KeepAlive, keep.interval);
    }

    /// Starts, restarts or stops the keep-alive timer, as the option and the state say.
    pub(super) fn arm_keep_alive(&mut self, cx: &mut Cx<'_>) {
        self.snd.keep_alive_unanswered = 0;
        match self.options.keep_alive {
            Some(keep) if self.state.is_synchronized() && self.state != State::TimeWait => {
                let idle = self.keep_alive_idle(keep.idle);
                self.start(cx, TimerKind::KeepAlive, idle);
            }
            _ => self.stop(cx, TimerKind::KeepAlive),
        }
    }

    /// The peer is there. The timer itself is left: when it fires it sees that it was too early, and that costs
    /// less than moving it for every segment.
    pub(super) fn on_heard(&mut self, cx: &mut Cx<'_>) {
        self.rcv.last_heard = cx.now;
        self.snd.persist.on_heard();
        if self.snd.keep_alive_unanswered > 0 {
            self.arm_keep_alive(cx);
        }
    }

    /// The window is closed, or too small to use, and nothing on its way will bring an acknowledgment that opens it.
    fn must_persist(&self) -> bool {
        let closed = self.snd.wnd == 0 && self.flight() <= 1;
        let waits = self.send_end().after(self.snd.nxt);
        self.snd.syn_acknowledged
            && (closed && self.snd.una != self.send_end() || self.flight() == 0 && waits)
    }

    /// How long until a closed window is probed, or a small one is used all the same.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2.1
    //# The override timeout should be in the range 0.1 - 1.0 seconds.
    fn persist_interval(&self) -> Duration {
        if self.snd.wnd > 0 {
            return self.snd.persist.interval(self.rtt.rto()).clamp(OVERRIDE_MIN, OVERRIDE_MAX);
        }
        // A peer that answers every probe keeps the connection (MUST-37): so it is asked before the user timeout.
        self.snd.persist.interval(self.rtt.rto()).min(self.user_timeout() / 3)
    }

    /// Sets the timers that follow from what is outstanding.
    fn arm_send_timers(&mut self, cx: &mut Cx<'_>) {
        if self.is_closed() || self.state == State::TimeWait {
            return;
        }
        if self.must_persist() {
            if let Some(recovery) = self.recovery.awake() {
                recovery.timeout_at = None;
            }
            self.stop(cx, TimerKind::Retransmit);
            if !self.timers.is_running(TimerKind::Persist) {
                let interval = self.persist_interval();
                self.start(cx, TimerKind::Persist, interval);
            }
        } else {
            self.snd.persist.reset();
            self.snd.probe = false;
            self.stop(cx, TimerKind::Persist);
            self.arm_recovery_timer(cx);
        }
        if self.all_acknowledged() {
            self.stop(cx, TimerKind::Linger);
        }
        let unacknowledged = self.snd.una != self.send_end() || self.flight() > 0;
        if !unacknowledged {
            self.stop(cx, TimerKind::UserTimeout);
        } else if !self.timers.is_running(TimerKind::UserTimeout) {
            let timeout = self.user_timeout();
            self.start(cx, TimerKind::UserTimeout, timeout);
        }
    }

    /// Sets the one timer of loss recovery to what comes next: the retransmission timeout, a tail loss probe or RACK's
    /// reordering timer.
    fn arm_recovery_timer(&mut self, cx: &mut Cx<'_>) {
        if self.flight() == 0 {
            //= https://www.rfc-editor.org/rfc/rfc6298#section-5
            //# (5.2) When all outstanding data has been acknowledged, turn off the
            //# retransmission timer.
            if let Some(recovery) = self.recovery.awake() {
                recovery.timeout_at = None;
                recovery.tlp.stop();
                recovery.rack.stop();
            }
            return self.stop(cx, TimerKind::Retransmit);
        }
        //= https://www.rfc-editor.org/rfc/rfc6298#section-5
        //# (5.1) Every time a packet containing data is sent (including a
        //# retransmission), if the timer is not running, start it running
        //# so that it will expire after RTO seconds (for the current value
        //# of RTO).
        let timeout_at = *self.recovery.timeout_at.get_or_insert(cx.now + self.rtt.rto());
        if !self.may_probe_the_tail() {
            self.recovery.tlp.stop();
        } else if core::mem::take(&mut self.recovery.progress) {
            let one_segment = self.flight() <= self.snd.mss;
            self.recovery.tlp.schedule(cx.now, self.rtt.srtt(), one_segment, timeout_at);
        }
        let (slot, at) = self.recovery.next_timer(timeout_at);
        self.recovery.slot = slot;
        if self.timers.get(TimerKind::Retransmit) != Some(at) {
            self.start_at(cx, TimerKind::Retransmit, at.max(cx.now));
        }
    }

    /// A tail loss probe needs RACK, and nothing that shows a loss already.
    fn may_probe_the_tail(&self) -> bool {
        self.options.tail_loss_probe
            && self.loses_by_time()
            && self.state.is_synchronized()
            && self.recovery.phase == RecoveryPhase::Open
            && self.recovery.sent.sacked() == 0
    }

    /// The peer made progress, or shows that it lives behind a closed window: both timers begin anew. Without SACK the
    /// retransmission timer does so for the first `partial` acknowledgment of a recovery only, that a recovery of many
    /// losses ends with a timeout rather than last as many round trips (RFC 6582 §4, "impatient").
    //= https://www.rfc-editor.org/rfc/rfc6298#section-5
    //# (5.3) When an ACK is received that acknowledges new data, restart the
    //# retransmission timer so that it will expire after RTO seconds
    //# (for the current value of RTO).
    //= https://www.rfc-editor.org/rfc/rfc6582#section-3.2
    //# For the first partial ACK that arrives during fast recovery, also
    //# reset the retransmit timer.
    //= https://www.rfc-editor.org/rfc/rfc6928#section-9
    //# To minimize spurious retransmissions, implementations MUST follow RFC 6298 [RFC6298] to
    //# restart the retransmission timer with the current value of RTO for each ACK received that
    //# acknowledges new data.
    pub(super) fn restart_send_timers(&mut self, cx: &mut Cx<'_>, partial: bool) {
        self.recovery.timeouts = 0;
        self.stop(cx, TimerKind::UserTimeout);
        let impatient = partial && !self.agreed.sack;
        if impatient && core::mem::replace(&mut self.recovery.had_partial, true) {
            return;
        }
        self.recovery.timeout_at = None;
        self.recovery.progress = true;
        self.stop(cx, TimerKind::Retransmit);
    }

    /// Starts the delayed-acknowledgment timer where an acknowledgment waits.
    fn arm_delayed_ack(&mut self, cx: &mut Cx<'_>) {
        if self.rcv.acks.owed() != Owed::Soon || self.timers.is_running(TimerKind::DelayedAck) {
            return;
        }
        self.start(cx, TimerKind::DelayedAck, self.options.delayed_ack);
    }

    /// Nothing more goes out now: what waits is timed.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>) {
        self.arm_delayed_ack(cx);
        self.arm_send_timers(cx);
        self.measure_stalls(cx.now);
        self.tell_levels(cx);
        self.check_invariants(cx);
    }
}
