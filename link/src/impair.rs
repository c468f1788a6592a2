//! Impairments: what a bad network does to packets, as a value with a seed. No I/O and no clock.
//!
//! An [`Impairer`] stands for one direction of one line. A packet passes these stages in this order:
//!
//! ```text
//! mtu ─> queue ─> rate ─> loss ─> mark ─> duplicate ─┬─> corrupt ─> delay + jitter ─> reorder ─> delivery
//!  │       │                │                        └─> the same for the copy, with dice of its own
//! TooBig  QueueFull        Lost
//! ```
//!
//! - **The line is first in, first out.** Jitter alone never reorders: a packet that draws a shorter delay than the one
//!   before arrives right behind it. Only `reorder` reorders, by holding a packet back for `reorder_by` while
//!   later ones pass.
//! - **Each packet costs the same number of dice**, whatever is set. So changing one impairment leaves the others
//!   as they were: the packets lost at a loss of 10 % are among those lost at 20 %, with or without jitter.

mod congestion;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use sockwright_engine::time::Instant;

use crate::rng::Rng;

/// What one direction of a line does to packets. The default does nothing.
///
/// Probabilities are from 0 to 1 and independent for each packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impairments {
    /// The probability that a packet is lost.
    pub loss: f64,
    /// Losses that come in bursts, on top of `loss`.
    pub bursts: Option<Bursts>,
    /// The probability that a packet is marked as having met congestion (CE, RFC 3168), where it says that it may be;
    /// others pass as they are.
    pub mark: f64,
    /// The least time a packet is under way.
    pub delay: Duration,
    /// The most that is added to `delay`: each packet draws from 0 to this, uniformly.
    pub jitter: Duration,
    /// The probability that a packet is held back, so that later ones overtake it.
    pub reorder: f64,
    /// How long such a packet is held back, on top of its delay. Must not be zero where `reorder` is set.
    pub reorder_by: Duration,
    /// The probability that a packet arrives twice. A copy is neither lost nor copied again.
    pub duplicate: f64,
    /// The probability that one bit of a packet is flipped, in its headers or its payload.
    pub corrupt: f64,
    /// Bits per second that the line takes, counting IP packets alone. `None` is infinitely fast.
    pub rate_bps: Option<u64>,
    /// How many packets may wait for the line, the one on it included; the next is dropped. Without a rate none wait.
    pub queue_limit: usize,
    /// The longest packet, in bytes with its IP header. Longer ones vanish: the line is no router and sends no ICMP.
    pub mtu: Option<usize>,
}

/// Losses in bursts, by the model of Gilbert and Elliott: a line is in a good state, in which this loses nothing, or in a
/// bad one. Each packet may change the state first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bursts {
    /// The probability that a good line turns bad.
    pub begin: f64,
    /// The probability that a bad line turns good: a burst is of `1 / end` packets in the mean.
    pub end: f64,
    /// The probability that a packet is lost in the bad state.
    pub loss: f64,
}

impl Default for Impairments {
    fn default() -> Self {
        Impairments {
            loss: 0.0,
            bursts: None,
            mark: 0.0,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: 0.0,
            reorder_by: Duration::from_millis(1),
            duplicate: 0.0,
            corrupt: 0.0,
            rate_bps: None,
            queue_limit: 1000,
            mtu: None,
        }
    }
}

impl Impairments {
    /// Whether all that a packet meets is a delay, the same for each.
    pub fn only_delay(&self) -> bool {
        *self == Impairments { delay: self.delay, queue_limit: self.queue_limit, ..Impairments::default() }
    }

    /// Whether every packet meets the same.
    fn leave_nothing_to_chance(&self) -> bool {
        let chances = [self.loss, self.mark, self.reorder, self.duplicate, self.corrupt];
        chances == [0.0; 5] && self.bursts.is_none() && self.jitter.is_zero()
    }

    /// Checks every field against its range.
    pub fn validate(&self) -> Result<(), InvalidImpairment> {
        let probabilities = [
            ("loss", self.loss),
            ("mark", self.mark),
            ("reorder", self.reorder),
            ("duplicate", self.duplicate),
            ("corrupt", self.corrupt),
        ];
        let bursts = self.bursts.map(|Bursts { begin, end, loss }| {
            [("bursts.begin", begin), ("bursts.end", end), ("bursts.loss", loss)]
        });
        for (field, value) in probabilities.into_iter().chain(bursts.into_iter().flatten()) {
            within((0.0..=1.0).contains(&value), field, "a probability from 0 to 1", value)?;
        }
        for (field, value) in
            [("delay", self.delay), ("jitter", self.jitter), ("reorder_by", self.reorder_by)]
        {
            within(value <= DELAY_MAX, field, "at most one hour", format_args!("{value:?}"))?;
        }
        let held = self.reorder == 0.0 || self.reorder_by > Duration::ZERO;
        within(held, "reorder_by", "more than zero where reorder is set", "0s")?;
        within(self.rate_bps != Some(0), "rate_bps", "at least 1 bit per second", 0)?;
        within(
            (1..=QUEUE_LIMIT_MAX).contains(&self.queue_limit),
            "queue_limit",
            "from 1 to 1000000",
            self.queue_limit,
        )?;
        let mtu = self.mtu.unwrap_or(MTU_MIN);
        within((MTU_MIN..=MTU_MAX).contains(&mtu), "mtu", "from 68 to 65535 bytes", mtu)
    }
}

fn within(
    holds: bool,
    field: &'static str,
    allowed: &'static str,
    value: impl fmt::Display,
) -> Result<(), InvalidImpairment> {
    if holds { Ok(()) } else { Err(InvalidImpairment { field, allowed, value: value.to_string() }) }
}

/// A field of [`Impairments`] outside its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidImpairment {
    /// The name of the field.
    pub field: &'static str,
    /// What it may be.
    pub allowed: &'static str,
    /// What it was.
    pub value: String,
}

impl fmt::Display for InvalidImpairment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}, not {}", self.field, self.allowed, self.value)
    }
}

impl Error for InvalidImpairment {}

/// What became of one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It goes no further.
    Dropped(DropCause),
    /// It arrives, and so does its copy if it was duplicated.
    Delivered(Delivery<'a>, Option<Delivery<'a>>),
}

/// Why the line dropped a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropCause {
    /// Lost by chance ([`Impairments::loss`], [`Impairments::bursts`]).
    Lost,
    /// Too many packets waited for the line ([`Impairments::queue_limit`]).
    QueueFull,
    /// Longer than the line's MTU ([`Impairments::mtu`]).
    TooBig,
}

/// One arrival of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// When it arrives; later than it was sent if the line delayed it.
    pub at: Instant,
    /// Its bytes: those that were sent, unless corrupted.
    pub frame: Cow<'a, [u8]>,
    /// What befell it on the way.
    pub marks: Marks,
}

/// What befell a packet that arrives, besides its delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The bit that was flipped, counted from the first bit on the wire.
    pub corrupted_bit: Option<usize>,
    /// It was marked as having met congestion.
    pub marked: bool,
    /// It was held back, so that later packets could overtake it.
    pub reordered: bool,
    /// It is the copy of another.
    pub duplicate: bool,
}

/// One direction of a line, with its state: what waits, what arrived last, and the dice.
#[derive(Clone, Debug)]
pub struct Impairer {
    impairments: Impairments,
    rng: Rng,
    /// Dice for bursts alone, so that the others fall as they would without.
    burst_rng: Rng,
    /// A burst of losses is under way.
    bad: bool,
    /// The dice of `mark` alone: a seed means for all else what it meant before there was that.
    marking: Rng,
    /// When each packet on or before the line has left it.
    departures: VecDeque<Instant>,
    /// The latest arrival so far of a packet that was not held back.
    last_arrival: Instant,
    /// Octets of each frame before its IP packet.
    header_len: usize,
    /// Nothing is left to chance: no dice are thrown.
    sure: bool,
    /// Nor does anything happen but a delay.
    only_delays: bool,
}

impl Impairer {
    /// A line with `impairments`, whose chance is decided by `seed`.
    pub fn new(impairments: Impairments, seed: u64) -> Result<Impairer, InvalidImpairment> {
        let mut impairer = Impairer::unimpaired(seed);
        impairer.set(impairments)?;
        Ok(impairer)
    }

    /// A line that does nothing yet, whose chance is decided by `seed`.
    pub fn unimpaired(seed: u64) -> Impairer {
        Impairer {
            impairments: Impairments::default(),
            rng: Rng::from_seed(seed),
            burst_rng: Rng::from_seed(!seed),
            bad: false,
            marking: Rng::from_seed(seed.rotate_left(32)),
            departures: VecDeque::new(),
            last_arrival: Instant::ZERO,
            header_len: 0,
            sure: true,
            only_delays: true,
        }
    }

    /// The same for frames with so many octets before their IP packets: they take no time on the line and count for no
    /// MTU, but a bit of them may be flipped.
    pub fn with_header(self, header_len: usize) -> Impairer {
        Impairer { header_len, ..self }
    }

    /// What the line does to packets now.
    pub fn impairments(&self) -> &Impairments {
        &self.impairments
    }

    /// Changes what the line does to packets from here on. Those under way arrive as they would have, and packets
    /// sent from now on still do not overtake them.
    pub fn set(&mut self, impairments: Impairments) -> Result<(), InvalidImpairment> {
        impairments.validate()?;
        self.impairments = impairments;
        self.sure = impairments.leave_nothing_to_chance();
        self.only_delays = impairments.only_delay();
        self.bad &= !self.sure;
        Ok(())
    }

    /// When a frame arrives that is sent down the line at `now`, which never goes backwards, where that is all that happens
    /// to it: the way of most. `None`: it is for [`Impairer::apply`], which does the same and all else.
    pub fn delay(&mut self, now: Instant) -> Option<Instant> {
        if !self.only_delays || !self.departures.is_empty() {
            return None;
        }
        self.last_arrival = self.last_arrival.max(now + self.impairments.delay);
        Some(self.last_arrival)
    }

    /// Sends `frame` down the line at `now`, which never goes backwards.
    pub fn apply<'a>(&mut self, now: Instant, frame: &'a [u8]) -> Verdict<'a> {
        let dice = if self.sure { Dice::SURE } else { Dice::throw(&mut self.rng) };
        let in_burst = !self.sure && self.lost_in_burst();
        let marks = !self.sure && self.marking.next_unit() < self.impairments.mark;
        let packet_len = frame.len().saturating_sub(self.header_len);
        if self.impairments.mtu.is_some_and(|mtu| packet_len > mtu) {
            return Verdict::Dropped(DropCause::TooBig);
        }
        let Some(departure) = self.transmit(now, packet_len) else {
            return Verdict::Dropped(DropCause::QueueFull);
        };
        if in_burst || dice.loss < self.impairments.loss {
            return Verdict::Dropped(DropCause::Lost);
        }
        let original = self.propagate(departure, frame, marks, dice.original);
        let copy = (dice.duplicate < self.impairments.duplicate).then(|| {
            let mut copy = self.propagate(departure, frame, marks, dice.copy);
            copy.marks.duplicate = true;
            copy
        });
        Verdict::Delivered(original, copy)
    }

    /// Moves the line between good and bad, and throws for a packet there.
    fn lost_in_burst(&mut self) -> bool {
        let (change, loss) = (self.burst_rng.next_unit(), self.burst_rng.next_unit());
        let Some(bursts) = self.impairments.bursts else {
            self.bad = false;
            return false;
        };
        self.bad = if self.bad { change >= bursts.end } else { change < bursts.begin };
        self.bad && loss < bursts.loss
    }

    /// Queues a packet for the line; when it has left it, or `None` where the queue is full.
    fn transmit(&mut self, now: Instant, length: usize) -> Option<Instant> {
        while self.departures.front().is_some_and(|&departure| departure <= now) {
            self.departures.pop_front();
        }
        let Some(rate_bps) = self.impairments.rate_bps else {
            return Some(now);
        };
        if self.departures.len() >= self.impairments.queue_limit {
            return None;
        }
        let starts = self.departures.back().copied().unwrap_or(now);
        let departure = starts + time_on_line(length, rate_bps);
        self.departures.push_back(departure);
        Some(departure)
    }

    /// Sends one packet from the end of the queue to the far end of the line.
    fn propagate<'a>(
        &mut self,
        departure: Instant,
        frame: &'a [u8],
        marks: bool,
        dice: PathDice,
    ) -> Delivery<'a> {
        let Impairments { delay, jitter, reorder, reorder_by, corrupt, .. } = self.impairments;
        let jitter = if jitter.is_zero() { jitter } else { jitter.mul_f64(dice.jitter) };
        let in_order = self.last_arrival.max(departure + delay + jitter);
        let mut delivery = Delivery { at: in_order, frame: Cow::Borrowed(frame), marks: Marks::default() };
        if dice.reorder < reorder {
            delivery.at += reorder_by;
            delivery.marks.reordered = true;
        } else {
            self.last_arrival = in_order;
        }
        if marks {
            let packet = delivery.frame.to_mut().get_mut(self.header_len..);
            delivery.marks.marked = packet.is_some_and(congestion::mark);
        }
        if dice.corrupt < corrupt && !frame.is_empty() {
            let bit = (dice.corrupt_where * (frame.len() * 8) as f64) as usize;
            delivery.frame.to_mut()[bit / 8] ^= 0x80 >> (bit % 8);
            delivery.marks.corrupted_bit = Some(bit);
        }
        delivery
    }
}

/// How long `length` bytes occupy a line of `rate_bps`, rounded up to the nanosecond.
fn time_on_line(length: usize, rate_bps: u64) -> Duration {
    let nanos = (length as u128 * 8 * NANOS_PER_SECOND).div_ceil(u128::from(rate_bps));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The chances of one packet, each from 0 up to 1, all thrown before any is looked at.
struct Dice {
    loss: f64,
    duplicate: f64,
    original: PathDice,
    copy: PathDice,
}

struct PathDice {
    corrupt: f64,
    corrupt_where: f64,
    jitter: f64,
    reorder: f64,
}

impl Dice {
    /// For a line on which they have no say.
    const SURE: Dice = Dice { loss: 1.0, duplicate: 1.0, original: PathDice::SURE, copy: PathDice::SURE };

    fn throw(rng: &mut Rng) -> Dice {
        Dice {
            loss: rng.next_unit(),
            duplicate: rng.next_unit(),
            original: PathDice::throw(rng),
            copy: PathDice::throw(rng),
        }
    }
}

impl PathDice {
    const SURE: PathDice = PathDice { corrupt: 1.0, corrupt_where: 0.0, jitter: 0.0, reorder: 1.0 };

    fn throw(rng: &mut Rng) -> PathDice {
        PathDice {
            corrupt: rng.next_unit(),
            corrupt_where: rng.next_unit(),
            jitter: rng.next_unit(),
            reorder: rng.next_unit(),
        }
    }
}

const NANOS_PER_SECOND: u128 = 1_000_000_000;
/// The longest delay: long enough for any path, short enough to be meant.
const DELAY_MAX: Duration = Duration::from_secs(3600);
/// The longest queue, for the memory's sake.
const QUEUE_LIMIT_MAX: usize = 1_000_000;
/// Every internet module must be able to forward a datagram of 68 octets (RFC 791 §3.2).
const MTU_MIN: usize = 68;
/// What the length field of an IP packet can say.
const MTU_MAX: usize = 65535;

#[cfg(test)]
mod tests;
