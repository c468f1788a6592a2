//! How fast data is delivered (draft-cheng-iccrg-delivery-rate-estimation, as Linux's `tcp_rate.c`).
//!
//! Owns: [`Rate`], the count of what was delivered, and the [`Stamp`] of that count which each transmission carries. When
//! a transmission is known to have arrived, what was delivered since its stamp, over the time that took, is a sample of
//! the bandwidth. The time is the longer of what sending and what acknowledging took: neither a burst of segments nor
//! acknowledgments squeezed together look faster than the path is.

use core::time::Duration;

use crate::tcp::congestion::DeliveryRate;
use crate::time::Instant;

/// What had been delivered when a segment was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    app_limited: bool,
}

/// What was delivered in the life of the connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    delivered: u64,
    delivered_at: Instant,
    /// When the segment was sent from which the next interval of sending counts.
    first_sent_at: Instant,
    /// The sender has been without data to send until this much is delivered; 0: it has not.
    app_limited_until: u64,
}

/// The latest sent of the segments that one acknowledgment tells of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latest(Option<(Stamp, Instant)>);

impl Latest {
    /// One of them.
    pub(crate) fn on_delivered(&mut self, stamp: Stamp, sent_at: Instant) {
        if self.0.is_none_or(|(latest, at)| (sent_at, stamp.delivered) >= (at, latest.delivered)) {
            self.0 = Some((stamp, sent_at));
        }
    }
}

impl Rate {
    /// The stamp of a segment that is sent now, while `in_flight` octets are.
    pub(crate) fn stamp(&mut self, now: Instant, in_flight: u32) -> Stamp {
        if in_flight == 0 {
            self.first_sent_at = now;
            self.delivered_at = now;
        }
        Stamp {
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            app_limited: self.app_limited_until > 0,
        }
    }

    /// Octets delivered in the life of the connection.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// There is nothing to send though the window would let it, with `in_flight` octets under way.
    pub(crate) fn on_app_limited(&mut self, in_flight: u32) {
        self.app_limited_until = (self.delivered + u64::from(in_flight)).max(1);
    }

    /// `octets` more are delivered; `latest` was the latest sent of them. Intervals shorter than `min_rtt` say nothing.
    pub(crate) fn on_ack(
        &mut self,
        now: Instant,
        octets: u32,
        latest: Latest,
        min_rtt: Option<Duration>,
    ) -> Option<DeliveryRate> {
        if octets == 0 {
            return None;
        }
        self.delivered += u64::from(octets);
        self.delivered_at = now;
        if self.delivered > self.app_limited_until {
            self.app_limited_until = 0;
        }
        let (stamp, sent_at) = latest.0?;
        self.first_sent_at = sent_at;
        let interval = (sent_at - stamp.first_sent_at).max(now - stamp.delivered_at);
        if interval.is_zero() || min_rtt.is_some_and(|min_rtt| interval < min_rtt) {
            return None;
        }
        Some(DeliveryRate {
            delivered: u32::try_from(self.delivered - stamp.delivered).unwrap_or(u32::MAX),
            interval,
            app_limited: stamp.app_limited,
            prior_delivered: stamp.delivered,
            total_delivered: self.delivered,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn ack(rate: &mut Rate, now: u64, octets: u32, stamp: Stamp, sent: u64) -> Option<DeliveryRate> {
        let mut latest = Latest::default();
        latest.on_delivered(stamp, at(sent));
        rate.on_ack(at(now), octets, latest, Some(Duration::from_millis(20)))
    }

    #[test]
    fn a_flight_over_its_round_trip_is_the_rate() {
        let mut rate = Rate::default();
        let stamps: Vec<Stamp> = (0..10).map(|i| rate.stamp(at(1000), i * 1000)).collect();
        // The last of ten segments in a burst, acknowledged one each millisecond after 20 ms.
        let samples: Vec<_> =
            stamps.iter().zip(1020..).map(|(stamp, now)| ack(&mut rate, now, 1000, *stamp, 1000)).collect();
        let last = samples[9].unwrap();
        assert_eq!((last.delivered, last.interval), (10_000, Duration::from_millis(29)));
        assert!(!last.app_limited);
    }

    #[test]
    fn acknowledgments_squeezed_together_do_not_look_fast() {
        let mut rate = Rate::default();
        let first = rate.stamp(at(0), 0);
        ack(&mut rate, 100, 1000, first, 0);
        // Sent over 100 ms, acknowledged at once.
        let sent: Vec<(Stamp, u64)> =
            (0..5).map(|i| (rate.stamp(at(100 + i * 25), i as u32 * 1000), 100 + i * 25)).collect();
        let samples: Vec<_> = sent.iter().map(|(stamp, at)| ack(&mut rate, 230, 1000, *stamp, *at)).collect();
        assert_eq!(samples[4].unwrap().interval, Duration::from_millis(130));
    }

    #[test]
    fn a_sender_without_data_marks_its_samples_until_they_are_delivered() {
        let mut rate = Rate::default();
        let before = rate.stamp(at(0), 0);
        rate.on_app_limited(1000);
        let during = rate.stamp(at(1), 1000);
        assert!(!ack(&mut rate, 30, 1000, before, 0).unwrap().app_limited);
        assert!(ack(&mut rate, 60, 1000, during, 1).unwrap().app_limited);
        assert!(!rate.stamp(at(61), 1).app_limited);
    }

    #[test]
    fn an_interval_shorter_than_any_round_trip_gives_no_sample() {
        let mut rate = Rate::default();
        let stamp = rate.stamp(at(0), 0);
        assert_eq!(ack(&mut rate, 5, 1000, stamp, 0), None);
    }
}
