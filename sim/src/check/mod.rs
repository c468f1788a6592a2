//! Laws that hold whatever happens, each checked after every event: the judges of a simulation.
//!
//! A law sees outputs one by one, in the order in which they happened, and keeps just enough to tell the first one
//! that cannot be. None of them knows how the engine works; they know RFC 9293 and what was asked.
//!
//! | module | what must hold |
//! |---|---|
//! | [`lifetimes`] | a socket opens once, and after Released there is nothing; the clock never runs backwards |
//! | [`states`] | every transition is in the table, and begins where the one before ended |
//! | [`timers`] | timers fire when they said, or when the clock leapt over that; TIME-WAIT lasts 2·MSL |
//! | [`windows`] | nobody sends beyond the window, takes one back, or acknowledges what never came |
//! | [`selective`] | what is selectively acknowledged came, what is echoed was heard, what was acknowledged is not sent again |
//! | [`congestion`] | the congestion window is kept to, grows where it is used and falls where something is lost or marked |
//! | [`ecn`] | what is marked may be, and only new data may |
//! | [`frames`] | what is on the wire can be read, fits the link, and was told |

use std::fmt;
use std::time::Duration;

use sockwright_engine::event::EventKind;
use sockwright_engine::time::Instant;

use crate::output::Output;
use crate::world::{StackId, World};

pub mod congestion;
pub mod ecn;
pub mod frames;
pub mod lifetimes;
pub mod selective;
pub mod states;
#[cfg(test)]
mod tests;
pub mod timers;
pub mod windows;

/// A law that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The law, in a few words.
    pub law: &'static str,
    /// How it was broken.
    pub detail: String,
}

impl Violation {
    /// A violation of `law`.
    pub fn new(law: &'static str, detail: impl fmt::Display) -> Violation {
        Violation { law, detail: detail.to_string() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.detail)
    }
}

/// All laws together.
#[derive(Debug, Default)]
pub struct Laws {
    lifetimes: lifetimes::Lifetimes,
    states: states::States,
    timers: timers::Timers,
    windows: windows::Windows,
    selective: selective::Selective,
    congestion: congestion::Congestion,
    ecn: ecn::Ecn,
    frames: frames::Frames,
}

impl Laws {
    /// The clock of a stack is about to leap.
    pub fn leaps(&mut self, stack: StackId, from: Instant, to: Instant) {
        self.timers.leaps(stack, from, to);
    }

    /// Checks what happened next in `world`, which has told nothing later yet.
    pub fn check(&mut self, world: &World, output: &Output) -> Result<(), Violation> {
        match output {
            Output::Event { stack, event } => {
                self.lifetimes.event(world.clock(*stack), *stack, event)?;
                if let (Some(socket), EventKind::Opened { .. } | EventKind::TcpState { .. }) =
                    (event.socket, &event.kind)
                    && let Some(options) = world.engine(*stack).and_then(|engine| engine.options(socket))
                {
                    self.timers.note_msl(*stack, socket, options.msl);
                }
                self.states.event(*stack, event)?;
                self.timers.event(*stack, event)?;
                self.windows.event(*stack, event)?;
                self.selective.event(*stack, event)?;
                self.congestion.event(*stack, event);
                self.frames.event(*stack, event);
                Ok(())
            }
            Output::Link { link, from, frame, fate, .. } => {
                self.ecn.frame(frame, fate)?;
                let mtu = world.link(*link).map_or(usize::MAX, |link| link.mtu);
                self.frames.frame(*from, frame, mtu)
            }
            Output::Completion { .. } | Output::Arrival { .. } => Ok(()),
        }
    }

    /// Checks what must hold after each input: no invariant broken, no timer left behind, and what each sender made of it.
    pub fn after_input(&mut self, world: &World) -> Result<(), Violation> {
        self.congestion.settled(|stack, socket| world.engine(stack)?.info(socket)?.tcp)?;
        for stack in world.stacks() {
            let broken = world.engine(stack).map_or(0, |engine| engine.counters().invariants_broken);
            if broken > 0 {
                return Err(Violation::new(
                    "invariants hold",
                    format_args!("{broken} broken on stack {stack}"),
                ));
            }
        }
        match world.overdue_timers() {
            0 => Ok(()),
            _ => Err(Violation::new(
                "no timer is left behind",
                "handle_timeout left a deadline that has passed",
            )),
        }
    }
}

/// The difference between two lengths of time that must be the same, for a sentence.
fn unequal(what: &str, expected: Duration, found: Duration) -> String {
    format!("{what} is {found:?} and should be {expected:?}")
}
