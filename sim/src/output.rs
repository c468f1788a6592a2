//! What a world tells its owner: events, completions and frames, in the order in which they happened.
//!
//! A segment on its way from stack 0 to stack 1, which loses nothing, is told as
//!
//! ```text
//! Event { stack: 0, SegmentSent }  Link { from: 0, fate: Flying { to: 1, at } }  Event { stack: 1, SegmentReceived }
//! ```
//!
//! which, with the `TcpState` events in between, is all that a two-column ladder needs: each end's state beside each
//! segment, when it left and when, if at all, it arrived.

use sockwright_engine::event::Event;
use sockwright_engine::host::op::Completion;
use sockwright_engine::time::Instant;
use sockwright_link::impair::Marks;
use sockwright_link::virtual_link::{DropCause, Medium, Path};

use crate::world::{LinkIndex, StackId};

/// Something that happened in a world.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// An engine told an event.
    Event {
        /// Whose.
        stack: StackId,
        /// What.
        event: Event,
    },
    /// A parked call ended.
    Completion {
        /// Where.
        stack: StackId,
        /// When.
        at: Instant,
        /// How.
        completion: Completion,
    },
    /// A frame was put on a link.
    Link {
        /// Which.
        link: LinkIndex,
        /// When.
        at: Instant,
        /// By whom.
        from: StackId,
        /// What became of it; one for a group of stations is told for each.
        fate: Fate,
        /// What the link carries.
        medium: Medium,
        /// The frame as it was sent, whatever befell it.
        frame: Vec<u8>,
    },
    /// A frame reached a stack. Told only where it is [asked for](crate::World::tell_arrivals).
    Arrival {
        /// Over which link.
        link: LinkIndex,
        /// When.
        at: Instant,
        /// Whom.
        to: StackId,
        /// What befell it on the way.
        marks: Marks,
        /// What the link carries.
        medium: Medium,
        /// The frame as it arrived.
        frame: Vec<u8>,
        /// The stack told so many events of it, which come next.
        told: usize,
    },
}

/// What a link did with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It went nowhere.
    Dropped(DropCause),
    /// It is on its way.
    Flying {
        /// To whom.
        to: StackId,
        /// When it arrives, and what befell it.
        original: Path,
        /// The same of its copy, if it was duplicated.
        copy: Option<Path>,
    },
}

impl Output {
    /// When it happened.
    pub fn at(&self) -> Instant {
        match self {
            Output::Event { event, .. } => event.at,
            Output::Completion { at, .. } | Output::Link { at, .. } | Output::Arrival { at, .. } => *at,
        }
    }

    /// At which stack it happened; for a frame, its sender's.
    pub fn stack(&self) -> StackId {
        match self {
            Output::Event { stack, .. } | Output::Completion { stack, .. } => *stack,
            Output::Link { from, .. } => *from,
            Output::Arrival { to, .. } => *to,
        }
    }
}
