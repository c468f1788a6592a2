//! What happened between two stacks: events, and the calls that both sides made, in one order.

use sockwright_proto::v1::Event;

/// Two sides, and what happened between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    /// The stack on the left.
    pub left: Party,
    /// The stack on the right.
    pub right: Party,
    /// What happened, in order.
    pub moments: Vec<Moment>,
}

/// One side of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Its stack, as events name it.
    pub stack: String,
    /// How people call it.
    pub title: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Moment {
    /// An event of one of the stacks.
    Event(Box<Event>),
    /// A new act begins.
    Act(String),
    /// A call began, ended, or did both at once.
    Call {
        /// Who called.
        side: Side,
        /// The call as a programmer writes it: `connect()`, `recv() = 18`.
        text: String,
        /// Which part of it.
        part: CallPart,
    },
}

/// Which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

/// Which part of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallPart {
    /// It begins, and blocks.
    Begins,
    /// It was blocked, and returns.
    Returns,
    /// It returns at once.
    AtOnce,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Side {
        match self {
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        }
    }
}

impl Story {
    /// Puts calls between events: each behind the event of its number.
    pub fn tell(left: Party, right: Party, events: Vec<Event>, calls: Vec<(u64, Moment)>) -> Story {
        let mut moments: Vec<(u64, usize, Moment)> = Vec::new();
        moments.extend(events.into_iter().map(|event| (event.seq, 0, Moment::Event(Box::new(event)))));
        moments.extend(calls.into_iter().enumerate().map(|(place, (seq, call))| (seq, place + 1, call)));
        moments.sort_by_key(|(seq, place, _)| (*seq, *place));
        Story { left, right, moments: moments.into_iter().map(|(_, _, moment)| moment).collect() }
    }

    /// The side that a stack is on.
    pub(super) fn side_of(&self, stack: &str) -> Option<Side> {
        if stack == self.left.stack {
            Some(Side::Left)
        } else if stack == self.right.stack {
            Some(Side::Right)
        } else {
            None
        }
    }
}
