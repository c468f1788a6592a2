//! The timers of a connection: which there are, and when each fires.
//!
//! Owns: [`TimerKind`] and [`Timers`], one slot a kind while any runs. A timer that is not running costs nothing; the engine
//! asks for the earliest deadline after each input. Never decides what a timer means: `connection/timeout.rs` does.

use core::fmt;

use super::rest::{AtRest, Rest};
use crate::time::Instant;

/// The timers of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKind {
    /// Retransmission (RFC 6298). The slot of every timer of loss recovery.
    Retransmit,
    /// Zero-window probe and override of silly-window avoidance (RFC 9293 §3.8.6).
    Persist,
    /// Delayed acknowledgment (RFC 9293 §3.8.6.3).
    DelayedAck,
    /// Keep-alive (RFC 9293 §3.8.4).
    KeepAlive,
    /// Giving up what stays unacknowledged (RFC 9293 §3.8.3).
    UserTimeout,
    /// An orphan's FIN-WAIT-2.
    FinWait2,
    /// 2·MSL.
    TimeWait,
    /// How long `close` waits.
    Linger,
    /// When the next segment may go, of a sender that paces.
    Pacing,
}

impl TimerKind {
    /// Every kind.
    pub const ALL: [TimerKind; 9] = [
        TimerKind::Retransmit,
        TimerKind::Persist,
        TimerKind::DelayedAck,
        TimerKind::KeepAlive,
        TimerKind::UserTimeout,
        TimerKind::FinWait2,
        TimerKind::TimeWait,
        TimerKind::Linger,
        TimerKind::Pacing,
    ];

    /// The name in events.
    pub const fn name(self) -> &'static str {
        match self {
            TimerKind::Retransmit => "RETRANSMIT",
            TimerKind::Persist => "PERSIST",
            TimerKind::DelayedAck => "DELAYED_ACK",
            TimerKind::KeepAlive => "KEEP_ALIVE",
            TimerKind::UserTimeout => "USER_TIMEOUT",
            TimerKind::FinWait2 => "FIN_WAIT_2",
            TimerKind::TimeWait => "TIME_WAIT",
            TimerKind::Linger => "LINGER",
            TimerKind::Pacing => "PACING",
        }
    }
}

impl fmt::Display for TimerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// When each timer fires.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers(Rest<Deadlines>);

#[derive(Clone, Debug)]
struct Deadlines([Option<Instant>; TimerKind::ALL.len()]);

impl AtRest for Deadlines {
    fn at_rest() -> &'static Self {
        &Deadlines([None; TimerKind::ALL.len()])
    }

    fn is_at_rest(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

impl Timers {
    pub(crate) fn get(&self, timer: TimerKind) -> Option<Instant> {
        self.0.0[timer as usize]
    }

    pub(crate) fn set(&mut self, timer: TimerKind, deadline: Option<Instant>) {
        if self.get(timer) != deadline {
            self.0.0[timer as usize] = deadline;
        }
    }

    /// Takes no room where none runs.
    pub(crate) fn rest(&mut self) {
        self.0.rest();
    }

    pub(crate) fn is_running(&self, timer: TimerKind) -> bool {
        self.get(timer).is_some()
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.0.iter().flatten().min().copied()
    }

    /// The timer that fires first, if one is due.
    pub(crate) fn due(&self, now: Instant) -> Option<TimerKind> {
        self.running()
            .filter(|(_, deadline)| *deadline <= now)
            .min_by_key(|(_, deadline)| *deadline)
            .map(|(t, _)| t)
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = (TimerKind, Instant)> + '_ {
        TimerKind::ALL.into_iter().filter_map(|timer| Some((timer, self.get(timer)?)))
    }
}
