//! What the tests of the algorithms share.

use core::time::Duration;

use super::{Config, Sample};
use crate::tcp::config::CongestionControl;
use crate::tcp::seq::Seq;
use crate::time::Instant;

pub(super) const MSS: u32 = 1000;

pub(super) fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

pub(super) fn config(algorithm: CongestionControl) -> Config {
    Config { algorithm, mss: MSS, initial_window: 10, hystart: false, pacing: false, seed: 0 }
}

/// An acknowledgment of `acked` octets to a sender whose window is full.
pub(super) fn ack(acked: u32) -> Sample {
    Sample {
        now: Instant::ZERO,
        acked,
        delivered: acked,
        lost: 0,
        in_flight: 0,
        prior_in_flight: acked,
        una: Seq(0),
        nxt: Seq(0),
        rtt: None,
        srtt: None,
        rate: None,
        window_limited: true,
    }
}
