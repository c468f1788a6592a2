//! How much somebody sends on real wires: packets and octets a second, all its stacks together.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::policy::Limits;

/// What one identity has left to send. It fills up as time passes, to what may be sent in a second.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    left: Mutex<Option<Left>>,
}

#[derive(Clone, Copy, Debug)]
struct Left {
    at: Instant,
    packets: f64,
    octets: f64,
}

impl Meter {
    /// Takes so much of it: `false` where there is not so much left, and then nothing is taken. A packet that is larger than what may
    /// be sent in a second passes when nothing else did in that time.
    pub(crate) fn take(&self, now: Instant, limits: &Limits, packets: u64, octets: u64) -> bool {
        if !limits.measures_packets() {
            return true;
        }
        let [packet_rate, octet_rate] = [limits.packets_per_second, limits.octets_per_second]
            .map(|rate| rate.map_or(f64::INFINITY, |rate| rate as f64));
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let before = left.unwrap_or(Left { at: now, packets: packet_rate, octets: octet_rate });
        let passed = now.saturating_duration_since(before.at).as_secs_f64();
        // Without a limit there is never less than everything.
        let filled =
            |left: f64, rate: f64| if rate.is_finite() { (left + passed * rate).min(rate) } else { rate };
        let filled = Left {
            at: now,
            packets: filled(before.packets, packet_rate),
            octets: filled(before.octets, octet_rate),
        };
        let (packets, octets) = (packets as f64, octets as f64);
        // What is larger than the rate passes when all of it is left, which of nothing is always so.
        let some = packet_rate > 0.0 && octet_rate > 0.0;
        let passes =
            some && filled.packets >= packets.min(packet_rate) && filled.octets >= octets.min(octet_rate);
        *left = Some(if passes {
            Left { packets: filled.packets - packets, octets: filled.octets - octets, ..filled }
        } else {
            filled
        });
        passes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_may_be_sent_in_a_second_is_sent_and_no_more() {
        let limits =
            Limits { packets_per_second: Some(10), octets_per_second: Some(1000), ..Limits::default() };
        let (meter, began) = (Meter::default(), Instant::now());
        let sent = (0..30).filter(|_| meter.take(began, &limits, 1, 10)).count();
        assert_eq!(sent, 10, "packets");
        let half = began + Duration::from_millis(500);
        assert_eq!((0..30).filter(|_| meter.take(half, &limits, 1, 150)).count(), 5);
        let later = began + Duration::from_secs(100);
        let sent = (0..30).filter(|_| meter.take(later, &limits, 1, 250)).count();
        assert_eq!(sent, 4, "octets");
    }

    #[test]
    fn a_packet_larger_than_a_second_passes_when_nothing_else_did() {
        let limits = Limits { octets_per_second: Some(1000), ..Limits::default() };
        let (meter, began) = (Meter::default(), Instant::now());
        assert!(meter.take(began, &limits, 1, 5000));
        assert!(!meter.take(began + Duration::from_secs(4), &limits, 1, 5000));
        assert!(meter.take(began + Duration::from_secs(5), &limits, 1, 5000));
    }

    #[test]
    fn a_rate_of_nothing_lets_nothing_pass() {
        let packets = Limits { packets_per_second: Some(0), ..Limits::default() };
        let octets = Limits { octets_per_second: Some(0), ..Limits::default() };
        for limits in [packets, octets] {
            assert!(!Meter::default().take(Instant::now(), &limits, 1, 60), "{limits:?}");
        }
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let meter = Meter::default();
        assert!(meter.take(Instant::now(), &Limits::default(), u64::MAX, u64::MAX));
        assert!(meter.left.lock().unwrap().is_none());
    }
}
