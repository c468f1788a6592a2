//! What the sender tells its congestion controller: one [`Sample`] for each acknowledgment, and the causes of a
//! reduction.
//!
//! Owns: the words between "what is lost" (`recovery/`) and "how fast" (`congestion/`); neither sees more of the other.

use core::time::Duration;

use crate::tcp::seq::Seq;
use crate::time::Instant;

/// What an acknowledgment told. Lengths are octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) now: Instant,
    /// Newly acknowledged cumulatively.
    pub(crate) acked: u32,
    /// Newly known to have left the network, cumulatively or by SACK.
    pub(crate) delivered: u32,
    /// Newly marked lost since the last sample.
    pub(crate) lost: u32,
    /// In the network after this acknowledgment ("pipe").
    pub(crate) in_flight: u32,
    /// In the network before it.
    pub(crate) prior_in_flight: u32,
    /// SND.UNA after this acknowledgment. With `nxt`, it counts round trips.
    pub(crate) una: Seq,
    /// SND.NXT.
    pub(crate) nxt: Seq,
    /// The round trip that this acknowledgment measured.
    pub(crate) rtt: Option<Duration>,
    /// The smoothed round trip (RFC 6298).
    pub(crate) srtt: Option<Duration>,
    /// How fast data was delivered.
    pub(crate) rate: Option<DeliveryRate>,
    /// The congestion window, and nothing else, held the sender back: only then does it grow.
    pub(crate) window_limited: bool,
}

/// A delivery rate sample (draft-cheng-iccrg-delivery-rate-estimation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeliveryRate {
    /// Octets delivered ...
    pub(crate) delivered: u32,
    /// ... in this time, the longer of what sending and what acknowledging them took; not zero.
    pub(crate) interval: Duration,
    /// The sender had nothing to send for a part of it: the path may be faster than this.
    pub(crate) app_limited: bool,
    /// Octets delivered on the connection when the segment that was measured was sent.
    pub(crate) prior_delivered: u64,
    /// Octets delivered on the connection until now.
    pub(crate) total_delivered: u64,
}

/// What tells of congestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CongestionCause {
    /// A segment was lost.
    Loss,
    /// A segment was marked (RFC 3168).
    Ecn,
}
