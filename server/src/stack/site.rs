//! What an engine's thread owns: one or more engines under one clock, and the links between them or to the world.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use sockwright_engine::event::Interest;
use sockwright_engine::host::Engine;
use sockwright_engine::host::op::{Outcome, Reply, Request};
use sockwright_engine::id::{LinkId, OpId, SocketId};
use sockwright_engine::time::Instant;
use sockwright_link::Impairments;
use sockwright_sim::{LinkIndex, Output, StackId};

use super::clock::Clock;
use super::command::{Advance, AdvanceError, Advanced};
use super::tap::Frame;

/// Engines under one clock, on one thread.
///
/// After each input everything that the engines have to say waits in [`Site::poll_output`], in the order in which it
/// happened; frames have left already.
pub(super) trait Site {
    /// Reads the clock, where it is a real one.
    fn tick(&mut self);

    /// What the clock said.
    fn now(&self) -> Instant;

    /// The stacks.
    fn stacks(&self) -> Vec<StackId>;

    /// A stack's engine.
    fn engine(&self, stack: StackId) -> Option<&Engine>;

    /// Which of the frequent events are to be told, and whether the frames are that a link lost.
    fn set_interest(&mut self, interest: Interest, frame_losses: bool);

    /// Whether every frame is told, as it leaves and as it arrives.
    fn set_tap(&mut self, open: bool);

    /// What a link is called.
    fn link_name(&self, link: LinkId) -> Arc<str>;

    /// When the clock began, since 1970; 0 for a clock of the stacks' own.
    fn began(&self) -> Duration;

    /// Makes a call.
    fn op(&mut self, stack: StackId, op: OpId, request: Request) -> Outcome;

    /// Makes an input of a driver's; `None` where there is no such stack.
    fn input<T>(&mut self, stack: StackId, input: impl FnOnce(&mut Engine, Instant) -> T) -> Option<T>;

    /// The next socket that woke up for its driver, and its name.
    fn poll_woken(&mut self) -> Option<(StackId, SocketId, NonZeroU64)>;

    /// The driver has something to do at that time: the clock does not pass it before.
    fn set_alarm(&mut self, at: Option<Instant>);

    /// Whether time passes by itself.
    fn has_real_clock(&self) -> bool;

    /// Ends the wait of a parked call.
    fn cancel(&mut self, stack: StackId, op: OpId);

    /// Takes back what a call gave.
    fn restore(&mut self, stack: StackId, socket: SocketId, reply: Reply);

    /// A client did something: a clock that had stopped going by itself goes on.
    fn called(&mut self);

    /// Does what is due: frames and timers, within the budgets of one turn, and until a socket wakes up for its driver.
    /// Frames that come from outside may be answered only when the driver has had its turn: see [`Site::flush`].
    fn work(&mut self) -> Next;

    /// The driver has had its turn: what was kept for it to add to leaves.
    fn flush(&mut self) {}

    /// Begins to move the clock.
    fn begin_advance(&self, how: Advance) -> Result<Goal, AdvanceError>;

    /// Moves the clock on towards the goal, within the budget of one turn. `None`: there is more to do.
    fn advance(&mut self, goal: &mut Goal) -> Option<Result<Advanced, AdvanceError>>;

    /// Changes how time passes, from now on: of a lab.
    fn set_clock(&mut self, _clock: Clock) {}

    /// Changes what a link does to frames from now on; `false` where it is no link of a lab. They are valid.
    fn set_impairments(&mut self, _link: LinkIndex, _impairments: Impairments) -> bool {
        false
    }

    /// What happened next.
    fn poll_output(&mut self) -> Option<SiteOutput>;

    /// Times that the server's own limits were hit here, by name.
    fn limits_hit(&self) -> BTreeMap<&'static str, u64>;

    /// Frames that the host lost so far, by reason.
    fn frames_lost(&self) -> BTreeMap<&'static str, u64>;

    /// Whether nothing but time and messages ends its sleep: no frame comes from outside.
    fn sleeps_until_told(&self) -> bool;

    /// Waits for frames, for a message, or for so long.
    fn sleep(&mut self, at_most: Option<Duration>);
}

/// What a site has to say.
#[derive(Debug)]
pub(super) enum SiteOutput {
    /// As a world says it.
    World(Output),
    /// A frame at a link of the host, where every frame is told.
    Frame(Box<Frame>),
    /// The host lost frames.
    FramesLost {
        /// When it was told.
        at: Instant,
        /// Why, as `FrameLost.what` lists it.
        what: &'static str,
        /// How many.
        frames: u64,
    },
    /// A limit of the server was hit.
    LimitHit {
        /// When.
        at: Instant,
        /// Its name.
        limit: &'static str,
    },
}

/// When a site has something to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The budget was spent.
    AtOnce,
    /// So long from now.
    After(Duration),
    /// When a frame or a message comes.
    Whenever,
}

/// Where a clock is being moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Goal {
    /// What ends it.
    pub(super) until: Until,
    /// Steps so far.
    pub(super) steps: u64,
}

/// What ends the moving of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// This time.
    Time(Instant),
    /// So many steps in all.
    Steps(u64),
    /// Nothing being left.
    Idle,
}
