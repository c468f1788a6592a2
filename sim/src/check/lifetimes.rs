//! A socket opens once, lives, and is released once; time never runs backwards.

use std::collections::BTreeMap;

use sockwright_engine::event::{Event, EventKind};
use sockwright_engine::id::SocketId;
use sockwright_engine::time::Instant;

use super::Violation;
use crate::world::StackId;

/// Which sockets live.
#[derive(Debug, Default)]
pub struct Lifetimes {
    /// Whether each socket that was ever opened still lives.
    lives: BTreeMap<(StackId, SocketId), bool>,
}

impl Lifetimes {
    /// The event that a stack told at `now`.
    pub fn event(&mut self, now: Instant, stack: StackId, event: &Event) -> Result<(), Violation> {
        if event.at != now {
            return Err(Violation::new(
                "an event is told when it happens",
                format_args!("it is {now} and the event says {}", event.at),
            ));
        }
        let Some(socket) = event.socket else { return Ok(()) };
        let lives = self.lives.get(&(stack, socket)).copied();
        match (&event.kind, lives) {
            (EventKind::Opened { .. }, None) => {
                self.lives.insert((stack, socket), true);
                Ok(())
            }
            (EventKind::Opened { .. }, Some(_)) => {
                Err(Violation::new("a socket opens once", format_args!("#{socket} opened again")))
            }
            (EventKind::Released, Some(true)) => {
                self.lives.insert((stack, socket), false);
                Ok(())
            }
            (_, Some(true)) => Ok(()),
            (kind, None) => Err(Violation::new(
                "a socket opens before anything happens to it",
                format_args!("#{socket} never opened: {kind:?}"),
            )),
            (kind, Some(false)) => Err(Violation::new(
                "after Released there is nothing",
                format_args!("#{socket} was released: {kind:?}"),
            )),
        }
    }
}
