//! Congestion avoidance of CUBIC (RFC 8312, with what RFC 9438 changed): the window follows a cubic curve of the time
//! since the last reduction, flat where congestion showed then, and never slower than Reno's.
//!
//! Owns: [`Cubic`], the curve and Reno's estimate. The rest of the algorithm is in `loss_based/`. All in integers:
//! octets and milliseconds, the same on every machine.
//!
//! ```text
//!                                    /
//!  W_max  ........ ______-----------'    W(t) = C (t - K)^3 + W_max
//!               .-'
//!  cwnd_epoch  /
//!              |-------- K ------|       K = cbrt((W_max - cwnd_epoch) / C)
//! ```

use alloc::boxed::Box;
use core::time::Duration;

use super::cube_root::cube_root;
use crate::tcp::info::{CongestionVariables, CubicEpoch};
use crate::time::Instant;

/// C, in segments a cubic second, is 0.4: as a fraction of cubic milliseconds.
//= https://www.rfc-editor.org/rfc/rfc8312#section-5.1
//# Therefore, C
//# SHOULD be set to 0.4.
const C_NUMERATOR: i128 = 4;
const C_DENOMINATOR: i128 = 10_000_000_000;

/// The factor of a reduction, beta.
//= https://www.rfc-editor.org/rfc/rfc8312#section-4.5
//# Parameter beta_cubic SHOULD be set to
//# 0.7.
const BETA: (u32, u32) = (7, 10);
/// Fast convergence leaves (1 + beta) / 2.
const CONVERGENCE: (u32, u32) = (17, 20);
/// The additive increase that is as fast as Reno's with this beta: 3 (1 - beta) / (1 + beta).
const ALPHA: (u64, u64) = (9, 17);
/// Further from K the curve is steeper than any window may grow.
const FAR_MS: i64 = 1 << 20;
/// Fractions of an octet that Reno's estimate counts.
const FRACTION_BITS: u32 = 10;

/// Congestion avoidance of CUBIC. Windows are in octets.
#[derive(Clone, Debug, Default)]
pub(super) struct Cubic {
    /// Where congestion showed; 0 when that is not known.
    w_max: u32,
    /// The window before the last reduction.
    cwnd_prior: u32,
    epoch: Option<Box<Epoch>>,
}

/// The current stage of congestion avoidance.
#[derive(Clone, Debug)]
struct Epoch {
    /// When it began, later by every time in which the window was not in use.
    start: Instant,
    /// When it was last seen.
    seen: Instant,
    k_ms: i64,
    /// The window at the plateau.
    origin: u32,
    /// What Reno's window would be, in fractions of an octet.
    w_est: u64,
    /// Growth that is less than a segment so far, weighed with the window.
    credit: u64,
}

impl Cubic {
    /// The window after another `acked` octets, which the window held back.
    pub(super) fn grown(&mut self, now: Instant, cwnd: u32, mss: u32, acked: u32, srtt: Duration) -> u32 {
        let w_max = self.w_max;
        let epoch = self.epoch.get_or_insert_with(|| Box::new(Epoch::new(now, cwnd, w_max, mss)));
        epoch.seen = now;
        let t_ms = milliseconds(now - epoch.start);
        let w_est = epoch.reno(cwnd, mss, acked, self.cwnd_prior);
        //= https://www.rfc-editor.org/rfc/rfc8312#section-4.2
        //# When
        //# receiving an ACK in congestion avoidance (cwnd could be greater than
        //# or less than W_max), CUBIC checks whether W_cubic(t) is less than
        //# W_est(t).  If so, CUBIC is in the TCP-friendly region and cwnd SHOULD
        //# be set to W_est(t) at each reception of an ACK.
        if epoch.window(t_ms, mss) < w_est {
            return cwnd.max(w_est);
        }
        //= https://www.rfc-editor.org/rfc/rfc8312#section-4.3
        //# In this region, cwnd MUST be incremented by
        //# (W_cubic(t+RTT) - cwnd)/cwnd for each received ACK, where
        //# W_cubic(t+RTT) is calculated using Eq. 1.
        //
        //= https://www.rfc-editor.org/rfc/rfc8312#section-4.4
        //# In this region, cwnd MUST be incremented by
        //# (W_cubic(t+RTT) - cwnd)/cwnd for each received ACK, where
        //# W_cubic(t+RTT) is calculated using Eq. 1.
        //
        // RFC 9438 §4.2 holds the target between the window and one and a half of it.
        let target = epoch.window(t_ms + milliseconds(srtt), mss).clamp(cwnd, cwnd.saturating_add(cwnd / 2));
        epoch.grow(cwnd, target, mss, acked)
    }

    pub(super) fn variables(&self) -> CongestionVariables {
        let epoch = self.epoch.as_ref().map(|epoch| CubicEpoch {
            start: epoch.start,
            k: Duration::from_millis(epoch.k_ms.unsigned_abs()),
            origin: epoch.origin,
            w_est: u32::try_from(epoch.w_est >> FRACTION_BITS).unwrap_or(u32::MAX),
        });
        CongestionVariables::Cubic { w_max: self.w_max, epoch }
    }

    /// The window was not in use until `now`.
    //= https://www.rfc-editor.org/rfc/rfc8312#section-5.8
    //# In case of long periods when cwnd has not been updated due
    //# to the application rate limit, such as idle periods, t in Eq. 1 MUST
    //# NOT include these periods
    pub(super) fn pause(&mut self, now: Instant) {
        if let Some(epoch) = &mut self.epoch {
            epoch.start += now - epoch.seen;
            epoch.seen = now;
        }
    }

    /// `ssthresh` when congestion shows at this window with `flight` octets outstanding (RFC 9438 §4.6).
    pub(super) fn reduced(&mut self, cwnd: u32, flight: u32, mss: u32) -> u32 {
        self.epoch = None;
        self.cwnd_prior = cwnd;
        //= https://www.rfc-editor.org/rfc/rfc8312#section-4.6
        //# To speed up this bandwidth release by
        //# existing flows, the following mechanism called "fast convergence"
        //# SHOULD be implemented.
        //
        //= https://www.rfc-editor.org/rfc/rfc8312#section-4.6
        //= type=exception
        //= reason=A sender cannot know that it is alone, and Linux converges fast by default too.
        //# In network environments with only a single
        //# CUBIC flow and without any other traffic, the fast convergence SHOULD
        //# be disabled.
        self.w_max = if cwnd < self.w_max { part(cwnd, CONVERGENCE) } else { cwnd };
        part(flight, BETA).max(2 * mss)
    }

    /// As [`Cubic::reduced`], by the retransmission timer: what the path bore is not known any more.
    //= https://www.rfc-editor.org/rfc/rfc8312#section-4.7
    //# During the first congestion avoidance after a timeout, CUBIC
    //# increases its congestion window size using Eq. 1, where t is the
    //# elapsed time since the beginning of the current congestion avoidance,
    //# K is set to 0, and W_max is set to the congestion window size at the
    //# beginning of the current congestion avoidance.
    pub(super) fn timed_out(&mut self, cwnd: u32, flight: u32, mss: u32) -> u32 {
        let ssthresh = self.reduced(cwnd, flight, mss);
        self.w_max = 0;
        ssthresh
    }
}

impl Epoch {
    fn new(now: Instant, cwnd: u32, w_max: u32, mss: u32) -> Self {
        // Seconds cubed are segments over C.
        let below = u64::from(w_max.saturating_sub(cwnd));
        let k_ms = cube_root(below * (C_DENOMINATOR / C_NUMERATOR) as u64 / u64::from(mss));
        Epoch {
            start: now,
            seen: now,
            k_ms: k_ms as i64,
            origin: w_max.max(cwnd),
            w_est: u64::from(cwnd) << FRACTION_BITS,
            credit: 0,
        }
    }

    /// W_cubic(t).
    fn window(&self, t_ms: i64, mss: u32) -> u32 {
        let from_k = i128::from((t_ms - self.k_ms).clamp(-FAR_MS, FAR_MS));
        let offset = C_NUMERATOR * i128::from(mss) * from_k * from_k * from_k / C_DENOMINATOR;
        (i128::from(self.origin) + offset).clamp(0, i128::from(u32::MAX)) as u32
    }

    /// W_est after another `acked` octets (RFC 9438 §4.3): as slow as it has to be until it is where the window was
    /// before the reduction, a segment in a round trip after that.
    fn reno(&mut self, cwnd: u32, mss: u32, acked: u32, cwnd_prior: u32) -> u32 {
        let caught_up = self.w_est >> FRACTION_BITS >= u64::from(cwnd_prior);
        let (numerator, denominator) = if caught_up { (1, 1) } else { ALPHA };
        let acked = u64::from(acked.min(cwnd));
        let weighed = (acked * u64::from(mss) * numerator) << FRACTION_BITS;
        self.w_est += weighed / (u64::from(cwnd) * denominator);
        u32::try_from(self.w_est >> FRACTION_BITS).unwrap_or(u32::MAX)
    }

    /// The window on its way to `target`, which it reaches with a window of acknowledgments; whole segments.
    fn grow(&mut self, cwnd: u32, target: u32, mss: u32, acked: u32) -> u32 {
        let step = u64::from(cwnd) * u64::from(mss);
        let more = u64::from(target - cwnd) * u64::from(acked.min(cwnd));
        self.credit = self.credit.saturating_add(more);
        let segments = self.credit / step.max(1);
        self.credit -= segments * step;
        cwnd.saturating_add(u32::try_from(segments).unwrap_or(u32::MAX).saturating_mul(mss))
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).min(FAR_MS)
}

fn part(of: u32, (numerator, denominator): (u32, u32)) -> u32 {
    (u64::from(of) * u64::from(numerator) / u64::from(denominator)) as u32
}

#[cfg(test)]
mod tests {
    use super::super::testing::{MSS, at};
    use super::*;

    const RTT: u64 = 100;

    /// A window that is always full, acknowledged segment by segment over each round trip.
    struct Rig {
        cubic: Cubic,
        cwnd: u32,
        now: u64,
    }

    impl Rig {
        /// Congestion avoidance after a loss at `segments`.
        fn after_loss(segments: u32) -> Self {
            let mut cubic = Cubic::default();
            let cwnd = cubic.reduced(segments * MSS, segments * MSS, MSS);
            Rig { cubic, cwnd, now: 1000 }
        }

        fn ack(&mut self) {
            let srtt = Duration::from_millis(RTT);
            self.cwnd = self.cubic.grown(at(self.now), self.cwnd, MSS, MSS, srtt);
        }

        fn round(&mut self) {
            for _ in 0..self.cwnd / MSS {
                self.ack();
            }
            self.now += RTT;
        }

        fn rounds(&mut self, count: u32) -> u32 {
            (0..count).for_each(|_| self.round());
            self.cwnd / MSS
        }
    }

    /// W_cubic in floating point, of the RFC's own equation.
    fn curve(t: f64, w_max: f64, cwnd_epoch: f64) -> f64 {
        let k = ((w_max - cwnd_epoch) / 0.4).cbrt();
        0.4 * (t - k).powi(3) + w_max
    }

    #[test]
    fn the_curve_is_the_one_of_the_rfc() {
        for w_max in [10u32, 100, 1000, 20_000] {
            let cwnd = w_max * 7 / 10;
            let epoch = Epoch::new(at(0), cwnd * 1448, w_max * 1448, 1448);
            for t_ms in [0, 1, 50, 1000, 4217, 10_000, 60_000] {
                let real = curve(t_ms as f64 / 1000.0, f64::from(w_max), f64::from(cwnd));
                let ours = f64::from(epoch.window(t_ms, 1448)) / 1448.0;
                let slope = 1.2 * (t_ms as f64 / 1000.0).powi(2) + 1.0;
                assert!(
                    (real - ours).abs() < 0.01 * slope + w_max as f64 / 1000.0,
                    "{w_max} {t_ms}: {ours} {real}"
                );
            }
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc8312#section-4.5
    //= type=test
    //# Parameter beta_cubic SHOULD be set to
    //# 0.7.
    #[test]
    fn a_reduction_leaves_seven_tenths_of_what_is_outstanding() {
        let mut cubic = Cubic::default();
        assert_eq!(cubic.reduced(100 * MSS, 90 * MSS, MSS), 63 * MSS);
        assert_eq!(cubic.w_max, 100 * MSS);
        assert_eq!(cubic.reduced(2 * MSS, 2 * MSS, MSS), 2 * MSS);
    }

    //= https://www.rfc-editor.org/rfc/rfc8312#section-4.6
    //= type=test
    //# To speed up this bandwidth release by
    //# existing flows, the following mechanism called "fast convergence"
    //# SHOULD be implemented.
    #[test]
    fn a_loss_below_the_last_one_makes_room() {
        let mut cubic = Cubic::default();
        cubic.reduced(100 * MSS, 100 * MSS, MSS);
        cubic.reduced(80 * MSS, 80 * MSS, MSS);
        assert_eq!(cubic.w_max, 68 * MSS);
        cubic.reduced(70 * MSS, 70 * MSS, MSS);
        assert_eq!(cubic.w_max, 70 * MSS);
    }

    //= https://www.rfc-editor.org/rfc/rfc8312#section-4.3
    //= type=test
    //# In this region, cwnd MUST be incremented by
    //# (W_cubic(t+RTT) - cwnd)/cwnd for each received ACK, where
    //# W_cubic(t+RTT) is calculated using Eq. 1.
    //
    //= https://www.rfc-editor.org/rfc/rfc8312#section-4.4
    //= type=test
    //# In this region, cwnd MUST be incremented by
    //# (W_cubic(t+RTT) - cwnd)/cwnd for each received ACK, where
    //# W_cubic(t+RTT) is calculated using Eq. 1.
    //
    //= https://www.rfc-editor.org/rfc/rfc8312#section-5.1
    //= type=test
    //# Therefore, C
    //# SHOULD be set to 0.4.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.2
    //= type=test
    //# An endpoint MAY implement such alternative algorithms provided that the algorithms are
    //# conformant with the TCP specifications from the IETF Standards Track as described in RFC
    //# 2914, RFC 5033 [7], and RFC 8961 [15] (MAY-18).
    #[test]
    fn the_window_climbs_to_where_it_was_rests_there_and_goes_on() {
        // W_max is 1000 segments: K is cbrt(300 / 0.4), 9.09 seconds.
        let mut rig = Rig::after_loss(1000);
        for second in 1..=14 {
            let window = f64::from(rig.rounds(10));
            let real = curve(f64::from(second), 1000.0, 700.0);
            assert!((window - real).abs() < 0.01 * real, "{second} s: {window}, and not {real}");
        }
        assert!(rig.cwnd > 1040 * MSS);
    }

    //= https://www.rfc-editor.org/rfc/rfc8312#section-4.2
    //= type=test
    //# When
    //# receiving an ACK in congestion avoidance (cwnd could be greater than
    //# or less than W_max), CUBIC checks whether W_cubic(t) is less than
    //# W_est(t).  If so, CUBIC is in the TCP-friendly region and cwnd SHOULD
    //# be set to W_est(t) at each reception of an ACK.
    #[test]
    fn a_small_window_grows_no_slower_than_renos_would() {
        // W_max is 20 segments; K is 2.47 s. At a round trip of 10 ms Reno is much faster.
        let mut cubic = Cubic::default();
        let mut cwnd = cubic.reduced(20 * MSS, 20 * MSS, MSS);
        let (mut now, mut rounds) = (0, 0);
        let mut round = |cwnd: &mut u32| {
            for _ in 0..*cwnd / MSS {
                *cwnd = cubic.grown(at(now), *cwnd, MSS, MSS, Duration::from_millis(10));
            }
            now += 10;
            rounds += 1;
            rounds
        };
        // 9/17 of a segment in each round, until the window is what it was ...
        while cwnd < 20 * MSS {
            round(&mut cwnd);
        }
        let caught_up = round(&mut cwnd);
        assert!((11..=13).contains(&caught_up), "{caught_up}");
        // ... and then a whole one.
        let before = cwnd;
        (0..10).for_each(|_| {
            round(&mut cwnd);
        });
        assert!((9 * MSS..=11 * MSS).contains(&(cwnd - before)), "{}", cwnd - before);
    }

    //= https://www.rfc-editor.org/rfc/rfc8312#section-5.8
    //= type=test
    //# In case of long periods when cwnd has not been updated due
    //# to the application rate limit, such as idle periods, t in Eq. 1 MUST
    //# NOT include these periods
    #[test]
    fn an_idle_hour_is_as_if_it_had_not_been() {
        let (mut idle, mut busy) = (Rig::after_loss(500), Rig::after_loss(500));
        idle.rounds(20);
        busy.rounds(20);
        idle.now += 3_600_000;
        // Up to here no acknowledgment came since the last one of the round before.
        idle.cubic.pause(at(idle.now - RTT));
        assert_eq!(idle.rounds(30), busy.rounds(30));
    }

    //= https://www.rfc-editor.org/rfc/rfc8312#section-4.7
    //= type=test
    //# During the first congestion avoidance after a timeout, CUBIC
    //# increases its congestion window size using Eq. 1, where t is the
    //# elapsed time since the beginning of the current congestion avoidance,
    //# K is set to 0, and W_max is set to the congestion window size at the
    //# beginning of the current congestion avoidance.
    #[test]
    fn after_a_timeout_the_curve_begins_at_its_plateau() {
        let mut cubic = Cubic::default();
        let ssthresh = cubic.timed_out(1000 * MSS, 1000 * MSS, MSS);
        assert_eq!(ssthresh, 700 * MSS);
        let mut rig = Rig { cubic, cwnd: ssthresh, now: 0 };
        // Reno's pace, for the plateau of the curve is flatter: 9/17 of a segment a round.
        let window = rig.rounds(20);
        assert!((708..=712).contains(&window), "{window}");
        let window = rig.rounds(60);
        let real = curve(8.0, 700.0, 700.0);
        assert!((f64::from(window) - real).abs() < 10.0, "{window}, and not {real}");
    }

    #[test]
    fn no_acknowledgment_grows_the_window_by_more_than_half() {
        let mut rig = Rig::after_loss(10);
        rig.ack();
        rig.now += 1_000_000;
        let before = rig.cwnd;
        let srtt = Duration::from_secs(1);
        let after = rig.cubic.grown(at(rig.now), before, MSS, u32::MAX, srtt);
        assert!(after <= before + before / 2, "{before} to {after}");
    }
}
