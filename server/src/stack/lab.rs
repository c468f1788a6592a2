//! A lab on its thread: a [`World`], and what moves its clock.
//!
//! | clock | moves |
//! |---|---|
//! | virtual | to the next timer or delivery whenever nothing is left to do now, so many times after each call |
//! | manual | by `AdvanceTime` only |
//! | real | by itself, at its speed |

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use sockwright_engine::event::Interest;
use sockwright_engine::host::Engine;
use sockwright_engine::host::op::{Outcome, Reply, Request};
use sockwright_engine::id::{LinkId, OpId, SocketId};
use sockwright_engine::time::Instant;
use sockwright_link::Impairments;
use sockwright_sim::{LinkIndex, StackId, World};

use super::clock::{Clock, Running};
use super::command::{Advance, AdvanceError, Advanced};
use super::site::{Goal, Next, Site, SiteOutput, Until};
use crate::config::Limits;

/// What moves the clock.
#[derive(Clone, Copy, Debug)]
enum Time {
    Virtual,
    Manual,
    Real {
        running: Running,
        /// What it said last.
        now: Instant,
    },
}

impl Time {
    /// A clock that says `now`.
    fn of(clock: Clock, now: Instant) -> Time {
        match clock {
            Clock::Virtual => Time::Virtual,
            Clock::Manual => Time::Manual,
            Clock::Real(speed) => Time::Real { running: Running::begin(now, speed), now },
        }
    }
}

/// A lab.
pub(crate) struct Lab {
    world: World,
    time: Time,
    /// Jumps and steps that a virtual clock has left until the next call.
    jumps_left: u64,
    steps_left: u64,
    /// Times that they were used up.
    limits_hit: BTreeMap<&'static str, u64>,
    limits: Limits,
    /// They are used up, and that was told.
    stands_still: bool,
    told: (Interest, bool),
    /// Frames are told for whoever captures.
    tapped: bool,
    /// What the links are called, by number.
    links: Vec<Arc<str>>,
    /// When the driver wants to be asked.
    alarm: Option<Instant>,
    /// What the lab itself has to say.
    outputs: VecDeque<SiteOutput>,
}

impl Lab {
    /// A lab of this world.
    pub(crate) fn new(mut world: World, links: Vec<Arc<str>>, clock: Clock, limits: &Limits) -> Self {
        world.tell_frames(false);
        Lab {
            time: Time::of(clock, world.now()),
            world,
            jumps_left: limits.virtual_jumps,
            steps_left: limits.virtual_steps,
            limits_hit: BTreeMap::new(),
            limits: limits.clone(),
            stands_still: false,
            told: (Interest::NONE, false),
            tapped: false,
            links,
            alarm: None,
            outputs: VecDeque::new(),
        }
    }

    /// When something happens next: to the world, or to its driver.
    fn next_time(&self) -> Option<Instant> {
        let alarm = self.alarm.map(|at| at.max(self.world.now()));
        self.world.next_time().into_iter().chain(alarm).min()
    }

    /// Does the next thing; of two at the same time, the world's.
    fn step(&mut self) {
        match (self.alarm, self.world.next_time()) {
            (Some(alarm), next) if next.is_none_or(|next| alarm < next) => self.world.advance_to(alarm),
            _ => _ = self.world.step(),
        }
    }

    /// The driver has something to do now, before anything else happens.
    fn driver_is_due(&self) -> bool {
        self.world.has_woken() || self.alarm.is_some_and(|at| at <= self.world.now())
    }

    /// Does what is due until `time`. Whether nothing more is, within the budget.
    fn work_until(&mut self, time: Instant) -> bool {
        let budget = self.world.inputs() + INPUTS_PER_TURN;
        while self.world.inputs() < budget {
            if self.driver_is_due() {
                return false;
            }
            match self.next_time() {
                Some(next) if next <= time => self.step(),
                _ => return true,
            };
        }
        false
    }

    fn work_real(&mut self, running: Running, now: Instant) -> Next {
        if !self.work_until(now) {
            return Next::AtOnce;
        }
        self.world.advance_to(now);
        match self.next_time() {
            Some(next) => Next::After(running.until_passed(next - now)),
            None => Next::Whenever,
        }
    }

    fn work_manual(&mut self) -> Next {
        if self.work_until(self.world.now()) { Next::Whenever } else { Next::AtOnce }
    }

    fn work_virtual(&mut self) -> Next {
        let budget = self.world.inputs() + INPUTS_PER_TURN;
        while self.world.inputs() < budget {
            if self.driver_is_due() {
                return Next::AtOnce;
            }
            let Some(next) = self.next_time() else { return Next::Whenever };
            let jump = u64::from(next > self.world.now());
            let used_up = match (self.jumps_left.checked_sub(jump), self.steps_left.checked_sub(1)) {
                (Some(jumps), Some(steps)) => {
                    (self.jumps_left, self.steps_left) = (jumps, steps);
                    None
                }
                (None, _) => Some(VIRTUAL_JUMPS),
                (_, None) => Some(VIRTUAL_STEPS),
            };
            if let Some(limit) = used_up {
                self.stand_still(limit);
                return Next::Whenever;
            }
            self.step();
        }
        Next::AtOnce
    }

    /// A limit was hit; told once, until the next call.
    fn stand_still(&mut self, limit: &'static str) {
        if !std::mem::replace(&mut self.stands_still, true) {
            *self.limits_hit.entry(limit).or_default() += 1;
            self.outputs.push_back(SiteOutput::LimitHit { at: self.world.now(), limit });
        }
    }
}

impl Site for Lab {
    fn tick(&mut self) {
        if let Time::Real { running, now } = &mut self.time {
            *now = running.now();
            // What is due happens late rather than that a lab which always has something to do has no time.
            self.world.pass_to(*now);
        }
    }

    fn now(&self) -> Instant {
        self.world.now()
    }

    fn stacks(&self) -> Vec<StackId> {
        self.world.stacks().collect()
    }

    fn engine(&self, stack: StackId) -> Option<&Engine> {
        self.world.engine(stack)
    }

    fn set_interest(&mut self, interest: Interest, frame_losses: bool) {
        if self.told == (interest, frame_losses) {
            return;
        }
        self.told = (interest, frame_losses);
        self.world.tell_frames(frame_losses || self.tapped);
        for stack in self.stacks() {
            if let Some(engine) = self.world.engine_mut(stack) {
                engine.set_interest(interest);
            }
        }
    }

    fn set_tap(&mut self, open: bool) {
        if std::mem::replace(&mut self.tapped, open) != open {
            self.world.tell_frames(open || self.told.1);
            self.world.tell_arrivals(open);
        }
    }

    fn link_name(&self, link: LinkId) -> Arc<str> {
        // A stack that is on none has one that leads nowhere.
        self.links.get(link.0 as usize).map_or_else(|| Arc::from("none"), Arc::clone)
    }

    fn began(&self) -> Duration {
        Duration::ZERO
    }

    fn op(&mut self, stack: StackId, op: OpId, request: Request) -> Outcome {
        self.world.op(stack, op, request)
    }

    fn input<T>(&mut self, stack: StackId, input: impl FnOnce(&mut Engine, Instant) -> T) -> Option<T> {
        self.world.input(stack, input)
    }

    fn poll_woken(&mut self) -> Option<(StackId, SocketId, NonZeroU64)> {
        self.world.poll_woken()
    }

    fn set_alarm(&mut self, at: Option<Instant>) {
        self.alarm = at;
    }

    fn has_real_clock(&self) -> bool {
        matches!(self.time, Time::Real { .. })
    }

    fn cancel(&mut self, stack: StackId, op: OpId) {
        self.world.cancel_op(stack, op);
    }

    fn restore(&mut self, stack: StackId, socket: SocketId, reply: Reply) {
        self.world.restore(stack, socket, reply);
    }

    fn called(&mut self) {
        self.jumps_left = self.limits.virtual_jumps;
        self.steps_left = self.limits.virtual_steps;
        self.stands_still = false;
    }

    fn work(&mut self) -> Next {
        match self.time {
            Time::Virtual => self.work_virtual(),
            Time::Manual => self.work_manual(),
            Time::Real { running, now } => self.work_real(running, now),
        }
    }

    fn begin_advance(&self, how: Advance) -> Result<Goal, AdvanceError> {
        let now = self.world.now();
        let until = match how {
            _ if self.has_real_clock() => return Err(AdvanceError::RealClock),
            Advance::To(time) if time < now => return Err(AdvanceError::InThePast(now)),
            Advance::To(time) => Until::Time(time),
            Advance::By(length) => Until::Time(now + length),
            Advance::Steps(steps) => Until::Steps(steps),
            Advance::UntilIdle => Until::Idle,
        };
        Ok(Goal { until, steps: 0 })
    }

    fn advance(&mut self, goal: &mut Goal) -> Option<Result<Advanced, AdvanceError>> {
        if self.has_real_clock() {
            return Some(Err(AdvanceError::RealClock));
        }
        let budget = self.world.inputs() + INPUTS_PER_TURN;
        while self.world.inputs() < budget {
            if self.driver_is_due() {
                return None;
            }
            let next = self.next_time();
            let arrived = match goal.until {
                Until::Time(time) if next.is_none_or(|next| next > time) => {
                    self.world.advance_to(time);
                    true
                }
                Until::Time(_) => false,
                Until::Steps(steps) => goal.steps == steps || next.is_none(),
                Until::Idle => next.is_none(),
            };
            let advanced = Advanced { now: self.world.now(), steps: goal.steps };
            if arrived {
                return Some(Ok(advanced));
            }
            if goal.steps == self.limits.advance_steps {
                return Some(Err(AdvanceError::TooManySteps(advanced)));
            }
            self.step();
            goal.steps += 1;
        }
        None
    }

    fn set_clock(&mut self, clock: Clock) {
        self.tick();
        self.time = Time::of(clock, self.world.now());
    }

    fn set_impairments(&mut self, link: LinkIndex, impairments: Impairments) -> bool {
        self.world.set_impairments(link, impairments).is_ok()
    }

    fn poll_output(&mut self) -> Option<SiteOutput> {
        self.world.poll_output().map(SiteOutput::World).or_else(|| self.outputs.pop_front())
    }

    fn limits_hit(&self) -> BTreeMap<&'static str, u64> {
        self.limits_hit.clone()
    }

    fn frames_lost(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }

    fn sleeps_until_told(&self) -> bool {
        true
    }

    fn sleep(&mut self, at_most: Option<Duration>) {
        match at_most {
            Some(length) => std::thread::park_timeout(length),
            None => std::thread::park(),
        }
    }
}

/// Timers and deliveries in one turn: few enough for all that they have to say to stay in the processor's cache.
const INPUTS_PER_TURN: u64 = 128;
/// The names of the limits in [`Limits`].
const VIRTUAL_JUMPS: &str = "virtual_jumps";
const VIRTUAL_STEPS: &str = "virtual_steps";
