//! A timer fires when it said it would, and TIME-WAIT lasts 2·MSL from when it last began.

use std::collections::BTreeMap;
use std::time::Duration;

use sockwright_engine::event::{Cause, DropReason, Event, EventKind, TimerAction};
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::tcp::state::State;
use sockwright_engine::tcp::timers::TimerKind;
use sockwright_engine::time::Instant;
use sockwright_engine::wire::Flags;

use super::{Violation, unequal};
use crate::world::StackId;

/// The timers that run.
#[derive(Debug, Default)]
pub struct Timers {
    running: BTreeMap<(StackId, SocketId, TimerKind), Instant>,
    msl: BTreeMap<(StackId, SocketId), Duration>,
    /// When each socket in TIME-WAIT last began to wait.
    waiting_since: BTreeMap<(StackId, SocketId), Instant>,
    /// What that was before the last FIN came.
    waited_since: BTreeMap<(StackId, SocketId), Instant>,
    /// Where the FIN ends that came to a socket.
    fins: BTreeMap<(StackId, SocketId), Seq>,
    /// The last leap of each stack's clock.
    leaps: BTreeMap<StackId, (Instant, Instant)>,
}

impl Timers {
    /// What a socket's maximum segment lifetime is from here on.
    pub fn note_msl(&mut self, stack: StackId, socket: SocketId, msl: Duration) {
        self.msl.insert((stack, socket), msl);
    }

    /// The clock of a stack leaps. Whatever would have ended meanwhile ends then, and once: a timer that starts again does
    /// so for a time to come.
    pub fn leaps(&mut self, stack: StackId, from: Instant, to: Instant) {
        self.leaps.insert(stack, (from, to));
    }

    /// Whether `at` is when something has to be noticed that was due at `due`.
    fn is_when(&self, stack: StackId, due: Instant, at: Instant) -> bool {
        let leapt_over = |(from, to): &(Instant, Instant)| *from < due && due <= *to && at == *to;
        due == at || self.leaps.get(&stack).is_some_and(leapt_over)
    }

    /// The event that a stack told.
    pub fn event(&mut self, stack: StackId, event: &Event) -> Result<(), Violation> {
        let Some(socket) = event.socket else { return Ok(()) };
        let key = (stack, socket);
        match &event.kind {
            EventKind::Timer { timer, action } => self.timer(key, event.at, *timer, *action),
            // A FIN that came before comes again because our acknowledgment of it was lost: 2·MSL begin anew.
            EventKind::SegmentReceived(segment) if segment.summary.flags.contains(Flags::FIN) => {
                let summary = &segment.summary;
                let end = summary.seq + summary.len + 1;
                let again = *self.fins.entry(key).or_insert(end) == end;
                if let Some(since) = self.waiting_since.get_mut(&key).filter(|_| again) {
                    self.waited_since.insert(key, *since);
                    *since = event.at;
                }
                Ok(())
            }
            // One with an old timestamp is no FIN that comes again, but one that was under way for long.
            EventKind::SegmentDropped { segment, reason: DropReason::OldTimestamp }
                if segment.summary.flags.contains(Flags::FIN) =>
            {
                if let Some(since) = self.waited_since.remove(&key) {
                    self.waiting_since.insert(key, since);
                }
                Ok(())
            }
            EventKind::TcpState { to: State::TimeWait, .. } => {
                self.waiting_since.insert(key, event.at);
                Ok(())
            }
            EventKind::TcpState { from: State::TimeWait, cause, .. } => {
                let since = self.waiting_since.remove(&key).unwrap_or(event.at);
                match (self.msl.get(&key), cause) {
                    (Some(msl), Cause::Timer(TimerKind::TimeWait))
                        if !self.is_when(stack, since + *msl * 2, event.at) =>
                    {
                        let detail = unequal("it", *msl * 2, event.at.since(since));
                        Err(Violation::new("TIME-WAIT lasts 2·MSL", format_args!("#{socket}: {detail}")))
                    }
                    _ => Ok(()),
                }
            }
            EventKind::Released => {
                self.running.retain(|(at, of, _), _| (*at, *of) != key);
                self.msl.remove(&key);
                self.waiting_since.remove(&key);
                self.waited_since.remove(&key);
                self.fins.remove(&key);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn timer(
        &mut self,
        key: (StackId, SocketId),
        at: Instant,
        timer: TimerKind,
        action: TimerAction,
    ) -> Result<(), Violation> {
        let socket = key.1;
        let slot = (key.0, socket, timer);
        match action {
            TimerAction::Started(deadline) if deadline < at => Err(Violation::new(
                "a timer ends in the future",
                format_args!("#{socket} {timer} started at {at} for {deadline}"),
            )),
            TimerAction::Started(deadline) => {
                self.running.insert(slot, deadline);
                if let (TimerKind::TimeWait, Some(since)) = (timer, self.waiting_since.get_mut(&key)) {
                    *since = at;
                }
                Ok(())
            }
            TimerAction::Stopped => {
                self.running.remove(&slot);
                Ok(())
            }
            TimerAction::Fired => match self.running.remove(&slot) {
                Some(deadline) if self.is_when(key.0, deadline, at) => Ok(()),
                Some(deadline) => Err(Violation::new(
                    "a timer fires when it said",
                    format_args!("#{socket} {timer} fired at {at}, not at {deadline}"),
                )),
                None => Err(Violation::new(
                    "a timer fires when it said",
                    format_args!("#{socket} {timer} fired and was not running"),
                )),
            },
        }
    }
}
