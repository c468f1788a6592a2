//! BBR, version 1 (Cardwell et al., "BBR: Congestion-Based Congestion Control", 2016; as Linux's `tcp_bbr.c` of today,
//! without its detector of policers): sends at the bandwidth that the path has shown, and keeps in flight what that
//! bandwidth carries in the shortest round trip.
//!
//! Owns: [`Bbr`], the model of the path (the largest delivery rate of ten rounds, the shortest round trip of ten
//! seconds) and where it is in probing for either. Loss is no sign of congestion here, nor are marks; in recovery the
//! window follows what is delivered, and is then what it was.
//!
//! ```text
//!  STARTUP --------> DRAIN --------> PROBE_BW <------.
//!  gain 2.89,        gain 0.35       gains 1.25, 0.75, 1, 1, 1, 1, 1, 1
//!  until the rate    until the       a round trip each
//!  grows no more     queue is gone        |    ^
//!                                         v    | 200 ms, 4 segments
//!                                       PROBE_RTT, when no round trip was as short for 10 s
//! ```

mod aggregation;
mod max_filter;

use core::time::Duration;

use self::aggregation::Aggregation;
use self::max_filter::MaxFilter;
use crate::event::CongestionPhase;
use crate::tcp::congestion::Config;
use crate::tcp::congestion::initial_window::initial_window;
use crate::tcp::congestion::repair::Repair;
use crate::tcp::congestion::sample::{DeliveryRate, Sample};
use crate::tcp::info::CongestionVariables;
use crate::time::Instant;

/// Gains are in 256ths.
const UNIT: u64 = 256;
/// 2 / ln 2: the least that doubles the rate in each round.
const HIGH_GAIN: u64 = 739;
/// Its inverse: it takes a round to drain what STARTUP queued.
const DRAIN_GAIN: u64 = 88;
const CWND_GAIN: u64 = 2 * UNIT;
/// PROBE_BW: more for a round trip, less by as much for the next, and then steady.
const CYCLE: [u64; 8] = [UNIT * 5 / 4, UNIT * 3 / 4, UNIT, UNIT, UNIT, UNIT, UNIT, UNIT];
/// Rounds that the largest delivery rate is of.
const BANDWIDTH_ROUNDS: u64 = 10;
/// A rate that grew by less than a quarter in each of three rounds is all that there is.
const FULL_GROWTH: u64 = UNIT * 5 / 4;
const FULL_ROUNDS: u32 = 3;
const MIN_RTT_WINDOW: Duration = Duration::from_secs(10);
const PROBE_RTT_TIME: Duration = Duration::from_millis(200);
/// The least window, in segments: it keeps acknowledgments coming from a receiver that delays them.
const MIN_SEGMENTS: u32 = 4;
/// Segments beyond the product: what waits to be paced out, and for an acknowledgment that is delayed.
const QUEUED_SEGMENTS: u64 = 3;
/// The rate stays below the bandwidth by this, so that queues can empty.
const MARGIN_PERCENT: u64 = 1;
/// The round trip before any is measured.
const NOMINAL_RTT: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Startup,
    Drain,
    ProbeBandwidth,
    ProbeRtt,
}

/// Where the sender's loss recovery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recovery {
    None,
    /// It begins with the acknowledgment at hand.
    Entering,
    Under,
}

/// The state of BBR.
#[derive(Clone, Debug)]
pub(crate) struct Bbr {
    mss: u32,
    initial_window: u32,
    cwnd: u32,
    /// The window to return to after recovery and PROBE_RTT.
    prior_cwnd: u32,
    pacing_rate: u64,
    /// The rate does not follow a round trip yet.
    rate_is_nominal: bool,
    mode: Mode,
    recovery: Recovery,
    repair: Repair,
    /// In the first round of recovery no more goes than is delivered.
    conserving: bool,

    bandwidth: MaxFilter,
    rounds: u64,
    round_begins: bool,
    /// Octets delivered when the round is over.
    round_ends: u64,
    aggregation: Aggregation,

    min_rtt: Option<Duration>,
    min_rtt_at: Instant,
    /// PROBE_RTT is over then; `None` until little enough is in flight.
    probe_rtt_ends: Option<Instant>,
    probe_rtt_round_over: bool,
    /// What is sent before this much is delivered was held back by ourselves.
    limited_until: u64,

    full_bandwidth: u64,
    full_rounds: u32,
    cycle: usize,
    cycle_began: Instant,
    /// Data flows again after a time without any.
    restarted: bool,
    /// Decides the phase of PROBE_BW that comes first, so that flows do not probe together.
    seed: u32,
}

impl Bbr {
    pub(super) fn new(config: &Config) -> Self {
        let cwnd = initial_window(config);
        let mut bbr = Bbr {
            mss: config.mss,
            initial_window: cwnd,
            cwnd,
            prior_cwnd: 0,
            pacing_rate: 0,
            rate_is_nominal: true,
            mode: Mode::Startup,
            recovery: Recovery::None,
            repair: Repair::Over,
            conserving: false,
            bandwidth: MaxFilter::default(),
            rounds: 0,
            round_begins: false,
            round_ends: 0,
            aggregation: Aggregation::default(),
            min_rtt: None,
            min_rtt_at: Instant::ZERO,
            probe_rtt_ends: None,
            probe_rtt_round_over: false,
            limited_until: 0,
            full_bandwidth: 0,
            full_rounds: 0,
            cycle: 0,
            cycle_began: Instant::ZERO,
            restarted: false,
            seed: config.seed,
        };
        bbr.pacing_rate = bbr.rate_for(bbr.window_rate(NOMINAL_RTT), HIGH_GAIN);
        bbr
    }

    pub(super) fn cwnd(&self) -> u32 {
        self.cwnd
    }

    pub(super) fn phase(&self) -> CongestionPhase {
        match self.mode {
            Mode::Startup => CongestionPhase::Startup,
            Mode::Drain => CongestionPhase::Drain,
            Mode::ProbeBandwidth => CongestionPhase::ProbeBandwidth,
            Mode::ProbeRtt => CongestionPhase::ProbeRtt,
        }
    }

    pub(super) fn variables(&self) -> CongestionVariables {
        CongestionVariables::Bbr {
            bandwidth: self.bandwidth.max(),
            min_rtt: self.min_rtt,
            pacing_gain: self.pacing_gain() as u32,
            cwnd_gain: self.cwnd_gain() as u32,
        }
    }

    pub(super) fn pacing_rate(&self) -> u64 {
        self.pacing_rate
    }

    pub(super) fn on_ack(&mut self, sample: &Sample) {
        self.update_bandwidth(sample);
        self.update_cycle(sample);
        self.update_full_bandwidth(sample);
        self.update_drain(sample);
        self.update_min_rtt(sample);
        self.set_pacing_rate(sample.srtt);
        self.set_cwnd(sample);
    }

    /// A segment was lost: recovery begins.
    pub(super) fn on_loss(&mut self) {
        self.save_cwnd();
        self.recovery = Recovery::Entering;
    }

    pub(super) fn on_recovered(&mut self) {
        self.recovery = Recovery::None;
        self.restore_cwnd();
    }

    pub(super) fn on_timeout(&mut self) {
        self.save_cwnd();
        self.recovery = Recovery::None;
        self.repair = Repair::Begun;
        self.conserving = false;
        // Whether the pipe is full is to be found out anew.
        self.full_bandwidth = 0;
        self.round_begins = true;
        self.cwnd = self.mss;
    }

    pub(super) fn on_undo(&mut self) {
        self.full_bandwidth = 0;
        self.full_rounds = 0;
        self.recovery = Recovery::None;
        self.repair = Repair::Over;
        self.restore_cwnd();
    }

    /// Data is about to flow again.
    pub(super) fn on_idle(&mut self, now: Instant) {
        self.restarted = true;
        match self.mode {
            // Neither faster nor slower than the path, for what its queues hold is not known.
            Mode::ProbeBandwidth => self.pacing_rate = self.rate_for(self.bandwidth.max(), UNIT),
            Mode::ProbeRtt => self.end_probe_rtt(now),
            Mode::Startup | Mode::Drain => {}
        }
    }

    pub(super) fn on_lost_syn(&mut self) {
        self.cwnd = self.mss;
    }

    pub(super) fn set_mss(&mut self, mss: u32) {
        self.mss = mss;
        self.cwnd = self.cwnd.max(mss);
    }

    /// Counts rounds, and takes the delivery rate.
    fn update_bandwidth(&mut self, sample: &Sample) {
        self.round_begins = false;
        let Some(rate) = sample.rate else { return };
        if rate.prior_delivered >= self.round_ends {
            self.round_ends = rate.total_delivered;
            self.rounds += 1;
            self.round_begins = true;
            self.conserving = false;
        }
        let delivery_rate = octets_per_second(&rate);
        // A rate that was ours and not the path's counts only where it is higher still.
        if !self.is_limited(&rate) || delivery_rate >= self.bandwidth.max() {
            self.bandwidth.add(self.rounds, delivery_rate, BANDWIDTH_ROUNDS);
        }
        let bandwidth = self.bandwidth.max();
        self.aggregation.add(sample.now, sample.delivered, bandwidth, self.round_begins, self.cwnd);
    }

    fn is_limited(&self, rate: &DeliveryRate) -> bool {
        rate.app_limited || rate.prior_delivered < self.limited_until
    }

    fn update_cycle(&mut self, sample: &Sample) {
        if self.mode == Mode::ProbeBandwidth && self.cycle_is_over(sample) {
            self.advance_cycle(sample.now);
        }
    }

    fn cycle_is_over(&self, sample: &Sample) -> bool {
        let lasted = sample.now - self.cycle_began > self.min_rtt.unwrap_or_default();
        let in_flight = u64::from(sample.prior_in_flight);
        match self.cycle_gain() {
            // Until it had its effect: the queue is there, or there is no room for one.
            gain if gain > UNIT => lasted && (sample.lost > 0 || in_flight >= self.inflight(gain)),
            // Until the queue is gone.
            gain if gain < UNIT => lasted || in_flight <= self.inflight(UNIT),
            _ => lasted,
        }
    }

    fn advance_cycle(&mut self, now: Instant) {
        self.cycle = (self.cycle + 1) % CYCLE.len();
        self.cycle_began = now;
    }

    fn cycle_gain(&self) -> u64 {
        CYCLE.get(self.cycle).copied().unwrap_or(UNIT)
    }

    /// Whether STARTUP has found all that there is.
    fn update_full_bandwidth(&mut self, sample: &Sample) {
        let limited = sample.rate.is_none_or(|rate| self.is_limited(&rate));
        if self.is_full() || !self.round_begins || limited {
            return;
        }
        let bandwidth = self.bandwidth.max();
        if bandwidth >= self.full_bandwidth.saturating_mul(FULL_GROWTH) / UNIT {
            self.full_bandwidth = bandwidth;
            self.full_rounds = 0;
        } else {
            self.full_rounds += 1;
        }
    }

    fn is_full(&self) -> bool {
        self.full_rounds >= FULL_ROUNDS
    }

    fn update_drain(&mut self, sample: &Sample) {
        if self.mode == Mode::Startup && self.is_full() {
            self.mode = Mode::Drain;
        }
        if self.mode == Mode::Drain && u64::from(sample.in_flight) <= self.inflight(UNIT) {
            self.begin_probe_bandwidth(sample.now);
        }
    }

    /// PROBE_BW, in a phase of its cycle that chance decides: any but the slow one.
    fn begin_probe_bandwidth(&mut self, now: Instant) {
        self.mode = Mode::ProbeBandwidth;
        // Numerical Recipes' generator; its high bits are the good ones.
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let back = (self.seed >> 16) as usize % (CYCLE.len() - 1);
        self.cycle = CYCLE.len() - 1 - back;
        self.advance_cycle(now);
    }

    fn update_min_rtt(&mut self, sample: &Sample) {
        let expired = self.min_rtt.is_some() && sample.now - self.min_rtt_at > MIN_RTT_WINDOW;
        if let Some(rtt) = sample.rtt
            && (expired || self.min_rtt.is_none_or(|min| rtt < min))
        {
            self.min_rtt = Some(rtt);
            self.min_rtt_at = sample.now;
        }
        if expired && !self.restarted && self.mode != Mode::ProbeRtt {
            self.save_cwnd();
            self.mode = Mode::ProbeRtt;
            self.probe_rtt_ends = None;
        }
        if self.mode == Mode::ProbeRtt {
            self.probe_rtt(sample);
        }
        if sample.delivered > 0 {
            self.restarted = false;
        }
    }

    /// Little is in flight for 200 ms and a round trip, so that queues of ours are gone.
    fn probe_rtt(&mut self, sample: &Sample) {
        let delivered = sample.rate.map_or(self.round_ends, |rate| rate.total_delivered);
        self.limited_until = delivered + u64::from(sample.in_flight);
        if self.probe_rtt_ends.is_some() {
            self.probe_rtt_round_over |= self.round_begins;
            if self.probe_rtt_round_over {
                self.end_probe_rtt(sample.now);
            }
        } else if sample.in_flight <= self.min_cwnd() {
            self.probe_rtt_ends = Some(sample.now + PROBE_RTT_TIME);
            self.probe_rtt_round_over = false;
            self.round_ends = delivered;
        }
    }

    fn end_probe_rtt(&mut self, now: Instant) {
        if self.probe_rtt_ends.is_none_or(|at| now <= at) {
            return;
        }
        self.min_rtt_at = now;
        self.restore_cwnd();
        if self.is_full() {
            self.begin_probe_bandwidth(now);
        } else {
            self.mode = Mode::Startup;
        }
    }

    pub(super) fn on_handshake(&mut self, srtt: Duration) {
        self.rate_is_nominal = false;
        self.pacing_rate = self.rate_for(self.window_rate(srtt), HIGH_GAIN);
    }

    fn set_pacing_rate(&mut self, srtt: Option<Duration>) {
        // Of a handshake that measured nothing.
        if let Some(srtt) = srtt.filter(|_| self.rate_is_nominal) {
            self.on_handshake(srtt);
        }
        let rate = self.rate_for(self.bandwidth.max(), self.pacing_gain());
        if self.is_full() || rate > self.pacing_rate {
            self.pacing_rate = rate;
        }
    }

    fn pacing_gain(&self) -> u64 {
        match self.mode {
            Mode::Startup => HIGH_GAIN,
            Mode::Drain => DRAIN_GAIN,
            Mode::ProbeBandwidth => self.cycle_gain(),
            Mode::ProbeRtt => UNIT,
        }
    }

    fn cwnd_gain(&self) -> u64 {
        match self.mode {
            Mode::Startup | Mode::Drain => HIGH_GAIN,
            Mode::ProbeBandwidth => CWND_GAIN,
            Mode::ProbeRtt => UNIT,
        }
    }

    fn set_cwnd(&mut self, sample: &Sample) {
        if sample.delivered > 0 && !self.follow_recovery(sample) {
            let target = self.target_cwnd(self.cwnd_gain());
            let grown = self.cwnd.saturating_add(sample.delivered);
            if self.is_full() {
                self.cwnd = grown.min(target);
            } else if self.cwnd < target || self.delivered_little(sample) {
                self.cwnd = grown;
            }
            self.cwnd = self.cwnd.max(self.min_cwnd());
        }
        if self.mode == Mode::ProbeRtt {
            self.cwnd = self.cwnd.min(self.min_cwnd());
        }
    }

    fn delivered_little(&self, sample: &Sample) -> bool {
        sample.rate.is_none_or(|rate| rate.total_delivered < u64::from(self.initial_window))
    }

    /// In recovery the window is what is in flight and what was delivered, so that as much goes as arrived; whether
    /// that was all.
    fn follow_recovery(&mut self, sample: &Sample) -> bool {
        if self.repair.ends_with(sample) {
            self.restore_cwnd();
        }
        self.cwnd = self.cwnd.saturating_sub(sample.lost).max(self.mss);
        // Small segments in flight leave room for a full one all the same.
        let delivered = sample.in_flight.saturating_add(sample.delivered).max(self.mss);
        if self.recovery == Recovery::Entering {
            self.recovery = Recovery::Under;
            self.conserving = true;
            self.round_ends = sample.rate.map_or(self.round_ends, |rate| rate.total_delivered);
            self.cwnd = delivered;
        }
        if self.conserving {
            self.cwnd = self.cwnd.max(delivered);
        }
        self.conserving
    }

    fn save_cwnd(&mut self) {
        let calm = self.recovery == Recovery::None && !self.repair.is_under_way();
        let least = if calm && self.mode != Mode::ProbeRtt { 0 } else { self.prior_cwnd };
        self.prior_cwnd = self.cwnd.max(least);
    }

    fn restore_cwnd(&mut self) {
        self.conserving = false;
        self.cwnd = self.cwnd.max(self.prior_cwnd);
    }

    fn min_cwnd(&self) -> u32 {
        MIN_SEGMENTS * self.mss
    }

    /// What the window is to be with this gain: the product of bandwidth and delay, and room for what comes in lumps.
    fn target_cwnd(&self, gain: u64) -> u32 {
        let lumps = if self.is_full() { self.aggregation.allowance(self.bandwidth.max()) } else { 0 };
        u32::try_from(self.inflight(gain).saturating_add(lumps)).unwrap_or(u32::MAX)
    }

    /// Octets in flight at this gain.
    fn inflight(&self, gain: u64) -> u64 {
        let Some(min_rtt) = self.min_rtt else { return u64::from(self.initial_window) };
        let product = u128::from(self.bandwidth.max()) * min_rtt.as_nanos() / 1_000_000_000;
        let product = u64::try_from(product * u128::from(gain) / u128::from(UNIT)).unwrap_or(u64::MAX);
        let probes = self.mode == Mode::ProbeBandwidth && self.cycle_gain() > UNIT;
        let queued = QUEUED_SEGMENTS + if probes { 2 } else { 0 };
        product.saturating_add(queued * u64::from(self.mss))
    }

    /// The rate that sends a window in each `rtt`.
    fn window_rate(&self, rtt: Duration) -> u64 {
        u64::try_from(u128::from(self.cwnd) * 1_000_000_000 / rtt.as_nanos().max(1)).unwrap_or(u64::MAX)
    }

    fn rate_for(&self, bandwidth: u64, gain: u64) -> u64 {
        let rate = u128::from(bandwidth) * u128::from(gain) * u128::from(100 - MARGIN_PERCENT);
        u64::try_from(rate / (100 * u128::from(UNIT))).unwrap_or(u64::MAX)
    }
}

fn octets_per_second(rate: &DeliveryRate) -> u64 {
    let per_second = u128::from(rate.delivered) * 1_000_000_000 / rate.interval.as_nanos().max(1);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
