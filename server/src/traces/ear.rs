//! What a trace hears of calls and of the log: lines, as they come, until its recorder takes them.
//!
//! Those who speak wait for nobody. Up to so many octets wait; what has no room then is counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sockwright_engine::id::{SessionId, SocketId};
use tokio::sync::Notify;

use super::contract::Named;
use crate::access::identity::IdentityId;
use crate::access::sight::Sight;
use crate::convert::{parse_session, session_name};
use crate::hub::{CompiledFilter, Hub, Name};

/// The ear of a trace.
#[derive(Debug)]
pub(super) struct Ear {
    /// Whose the trace is; 0 is nobody.
    session: SessionId,
    /// What it is of.
    filter: CompiledFilter,
    deaf: AtomicBool,
    heard: Mutex<Heard>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Heard {
    lines: VecDeque<Line>,
    octets: usize,
    missed: Missed,
}

/// A line of one of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A call.
    Call(String),
    /// Of the log.
    Log(String),
}

/// How many lines had no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) calls: u64,
    pub(super) log_lines: u64,
}

impl Ear {
    pub(super) fn new(session: SessionId, filter: CompiledFilter) -> Self {
        Ear { session, filter, deaf: AtomicBool::new(false), heard: Mutex::default(), more: Notify::new() }
    }

    /// Whose the trace is.
    pub(super) fn session(&self) -> SessionId {
        self.session
    }

    /// Whether it hears nothing more.
    pub(super) fn is_deaf(&self) -> bool {
        self.deaf.load(Ordering::Acquire)
    }

    /// It hears nothing more; whether it did.
    pub(super) fn deafen(&self) -> bool {
        !self.deaf.swap(true, Ordering::AcqRel)
    }

    /// Whether a call whose request names these is of the trace.
    pub(super) fn wants_call(&self, named: &Named, caller: Option<IdentityId>, hub: &Hub) -> bool {
        let stack = |stack: &String| self.filter.admits_names(None, "", stack);
        if !caller.is_some_and(|caller| self.filter.sight().sees(caller)) {
            return false;
        }
        self.filter.admits_all()
            || named.sessions.iter().any(|name| self.filter.admits_names(parse_session(name), "", ""))
            || named.labels.iter().any(|label| self.filter.admits_names(None, label, ""))
            || named.stacks.iter().any(stack)
            || named.labs.iter().any(|lab| self.filter.names_lab(lab))
            || named.sockets.iter().any(|socket| hub.admits_socket(&self.filter, SocketId(*socket)))
    }

    /// Whether a stack is of the trace: something that happens there may be.
    pub(super) fn wants_stack(&self, stack: &Name) -> bool {
        self.filter.may_be_on(stack)
    }

    /// Whether a line of the log with these fields is: none of them names somebody else.
    pub(super) fn wants_log(&self, session: Option<&str>, lab: Option<&str>, stack: Option<&str>) -> bool {
        let own_session = |name: &str| name.is_empty() || name == session_name(self.session);
        let admitted = |name: &str| self.filter.admits_names(parse_session(name), "", "");
        // Who does not see everything hears of what says that it is his.
        let sight = self.filter.sight();
        let named = session.filter(|name| !name.is_empty()).and_then(parse_session);
        if sight != Sight::All && !named.is_some_and(|session| sight.sees_session(session)) {
            return false;
        }
        self.filter.admits_all()
            || session.is_none_or(|name| own_session(name) || admitted(name))
                && lab.is_none_or(|lab| self.filter.names_lab(lab))
                && stack.is_none_or(|stack| self.filter.admits_names(None, "", stack))
    }

    /// Hears a line. Waits for nobody.
    pub(super) fn hear(&self, line: Line) {
        if self.is_deaf() {
            return;
        }
        let mut heard = self.heard();
        if heard.octets + line.text().len() <= ROOM {
            heard.octets += line.text().len();
            heard.lines.push_back(line);
        } else {
            match line {
                Line::Call(_) => heard.missed.calls += 1,
                Line::Log(_) => heard.missed.log_lines += 1,
            }
        }
        drop(heard);
        self.more.notify_one();
    }

    /// Takes what it has heard.
    pub(super) fn take(&self) -> VecDeque<Line> {
        let mut heard = self.heard();
        heard.octets = 0;
        std::mem::take(&mut heard.lines)
    }

    /// Waits until there is something to take.
    pub(super) async fn more(&self) {
        self.more.notified().await;
    }

    /// How many lines had no room so far.
    pub(super) fn missed(&self) -> Missed {
        self.heard().missed
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn text(&self) -> &str {
        match self {
            Line::Call(text) | Line::Log(text) => text,
        }
    }
}

/// Octets of lines that wait for a recorder.
const ROOM: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_and_the_rest_is_counted() {
        let ear = Ear::new(SessionId(0), CompiledFilter::default());
        let text = "x".repeat(ROOM / 10);
        for _ in 0..10 {
            ear.hear(Line::Call(text.clone()));
        }
        ear.hear(Line::Log(text.clone()));
        ear.hear(Line::Call(text.clone()));
        assert_eq!(ear.missed(), Missed { calls: 1, log_lines: 1 });
        assert_eq!(ear.take().len(), 10);
        ear.hear(Line::Log(text.clone()));
        assert_eq!(ear.take(), [Line::Log(text.clone())]);
        assert!(ear.deafen() && !ear.deafen());
        ear.hear(Line::Log(text));
        assert!(ear.take().is_empty());
    }
}
