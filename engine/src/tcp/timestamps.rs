//! The timestamps of a connection (RFC 7323 §3 to §5).
//!
//! Owns: [`Clock`], our timestamp clock and what we heard of the peer's (TS.Recent), and [`OffsetSecret`], which hides our
//! uptime. Decides what to echo, what is an old duplicate (PAWS), and what an echo says of the round trip; what follows
//! from it is the connection's business. Never touches a segment.
//!
//! ```text
//! TSval = offset(tuple) + milliseconds of the engine's clock          TSecr = TS.Recent
//! ```

use core::hash::{Hash, Hasher};
use core::time::Duration;

use siphasher::sip::SipHasher24;

use super::agreed::PACKED_BITS;
use super::cx::Tuple;
use super::seq::Seq;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::Timestamps;

/// How long TS.Recent says something of the peer's clock.
//= https://www.rfc-editor.org/rfc/rfc7323#section-5.5
//# We therefore require that an implementation of PAWS include a
//# mechanism to "invalidate" the TS.Recent value when a connection is
//# idle for more than 24 days.
const RECENT_FOR: Duration = Duration::from_secs(24 * 86_400);

const PACKED_MASK: u32 = (1 << PACKED_BITS) - 1;

/// The secret that the offsets of timestamp clocks follow from.
#[derive(Clone, Debug)]
pub(crate) struct OffsetSecret(u64, u64);

impl OffsetSecret {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        OffsetSecret(rng.next_u64(), rng.next_u64())
    }

    /// The clock of a connection that begins now. Its offset belongs to the tuple: so the clock goes on from one
    /// connection of a tuple to its next (RFC 6191), and says nothing of uptime or of who else is behind an address.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.4
    //# A random offset may be added to the timestamp clock on a per-
    //# connection basis.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-7
    //# It is therefore RECOMMENDED to generate a random, per-connection offset to be used with
    //# the clock source when generating the Timestamps option value (see Section 5.4).
    pub(crate) fn clock(&self, now: Instant, tuple: &Tuple) -> Clock {
        let mut f = SipHasher24::new_with_keys(self.0, self.1);
        tuple.hash(&mut f);
        Clock { offset: f.finish() as u32, began: now, recent: 0, recent_at: now }
    }
}

/// Our timestamp clock, and the peer's as far as we heard of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    offset: u32,
    /// When the connection began: no echo is older.
    began: Instant,
    /// TS.Recent.
    recent: u32,
    recent_at: Instant,
}

impl Clock {
    /// The option of a segment that leaves now. Before the peer's SYN came, TS.Recent is zero, as TSecr is to be.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-4.3
    //# When a TSopt is sent, its TSecr field is set to the current
    //# TS.Recent value.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
    //# If
    //# the ACK bit is not set in the outgoing TCP header, the sender of that
    //# segment SHOULD set the TSecr field to zero.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
    //# When the ACK bit is set in an outgoing segment, the sender MUST echo a recently received
    //# TSval sent by the remote TCP in the TSval field of a Timestamps option.
    pub(crate) fn option(&self, now: Instant) -> Timestamps {
        Timestamps { value: self.value(now), echo: self.recent }
    }

    /// The option of a SYN,ACK of which nothing is kept: its low bits hold what was agreed on, and so its TSval is a little
    /// less than the clock says, never more.
    pub(crate) fn option_with(&self, packed: u32, now: Instant) -> Timestamps {
        let millis = millis(now) as u32;
        let stamped = millis & !PACKED_MASK | packed;
        let stamped = if stamped > millis { stamped.wrapping_sub(1 << PACKED_BITS) } else { stamped };
        Timestamps { value: self.offset.wrapping_add(stamped), echo: self.recent }
    }

    /// What the echo of such a TSval holds; and the clock of the connection began when it was sent, `lifetime` ago at most.
    pub(crate) fn begin_from_echo(&mut self, echo: u32, now: Instant, lifetime: Duration) -> u32 {
        let stamped = echo.wrapping_sub(self.offset);
        let age = Duration::from_millis(u64::from((millis(now) as u32).wrapping_sub(stamped)));
        let age = age.min(lifetime).min(Duration::from_nanos(now.as_nanos()));
        self.began = Instant::from_nanos(now.as_nanos() - age.as_nanos() as u64);
        stamped & PACKED_MASK
    }

    /// TSval: milliseconds.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-4.1
    //# Values of this
    //# clock MUST be at least approximately proportional to real time, in
    //# order to measure actual RTT.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.4
    //# It MUST tick at least once for each 2^31 bytes sent.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.4
    //# The recycling time of the timestamp clock MUST be greater than
    //# MSL seconds.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.4
    //# In fact, in order to be useful to the sender for round-trip timing, the clock SHOULD tick
    //# at least once per window's worth of data, and even with the window extension defined in
    //# Section 2.2, 2^31 bytes must be at least two windows.
    fn value(&self, now: Instant) -> u32 {
        self.offset.wrapping_add(millis(now) as u32)
    }

    /// TS.Recent.
    pub(crate) fn recent(&self) -> u32 {
        self.recent
    }

    /// The peer's SYN began its clock at `value`.
    pub(crate) fn begin(&mut self, value: u32, now: Instant) {
        self.recent = value;
        self.recent_at = now;
    }

    /// Whether a segment with this TSval is an old duplicate (PAWS, R1).
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.5
    //# The
    //# validity of TS.Recent needs to be checked only if the basic PAWS
    //# timestamp check fails, i.e., only if SEG.TSval < TS.Recent.
    pub(crate) fn is_old(&self, value: u32, now: Instant) -> bool {
        Seq(value).before(Seq(self.recent)) && now - self.recent_at <= RECENT_FOR
    }

    /// Takes the TSval of a segment that was accepted and that begins at or before `last_ack_sent`.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-4.3
    //# SEG.TSval >= TS.Recent and SEG.SEQ <= Last.ACK.sent
    //#
    //# then SEG.TSval is copied to TS.Recent; otherwise, it is ignored.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-4.3
    //# Thus, when delayed ACKs are in use, the receiver SHOULD reply with the TSval field from
    //# the earliest unacknowledged segment.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-4.3
    //# An <ACK> for an out-of-order segment SHOULD, therefore, contain the timestamp from the
    //# most recent segment that advanced RCV.NXT.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-4.3
    //# Thus, the timestamp from the latest segment (which filled the hole) MUST be echoed.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
    //# The choice of incoming timestamps to be saved for this comparison MUST guarantee a value
    //# that is monotonically non-decreasing.
    pub(crate) fn take(&mut self, value: u32, seq: Seq, last_ack_sent: Seq, now: Instant) {
        if seq.at_or_before(last_ack_sent) && !self.is_old(value, now) {
            self.begin(value, now);
        }
    }

    /// The round trip that an echo tells of; `None` where we never sent it.
    ///
    /// A millisecond is the least that the clock can tell.
    pub(crate) fn round_trip(&self, echo: u32, now: Instant) -> Option<Duration> {
        let elapsed = u64::from(self.value(now).wrapping_sub(echo));
        (elapsed <= millis(now) - millis(self.began)).then(|| Duration::from_millis(elapsed.max(1)))
    }

    /// The last instant at which a segment with the timestamp `echo` may have left; `None` where none did.
    pub(crate) fn sent_at(&self, echo: u32, now: Instant) -> Option<Instant> {
        let elapsed = u64::from(self.value(now).wrapping_sub(echo));
        let tick = millis(now).checked_sub(elapsed).filter(|tick| *tick >= millis(self.began))?;
        // The last tick that a clock can tell is not a whole one.
        Some(Instant::from_nanos((tick + 1).saturating_mul(1_000_000) - 1))
    }
}

fn millis(now: Instant) -> u64 {
    now.as_nanos() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn clock(now: Instant) -> Clock {
        let tuple = Tuple::new(([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 80).into());
        OffsetSecret::new(&mut Rng::from_u64(1)).clock(now, &tuple)
    }

    //= https://www.rfc-editor.org/rfc/rfc7323#section-4.1
    //= type=test
    //# Values of this clock MUST be at least approximately proportional to real time, in order to
    //# measure actual RTT.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.4
    //= type=test
    //# It MUST tick at least once for each 2^31 bytes sent.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.4
    //= type=test
    //# In fact, in order to be useful to the sender for round-trip timing, the clock SHOULD tick
    //# at least once per window's worth of data, and even with the window extension defined in
    //# Section 2.2, 2^31 bytes must be at least two windows.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.4
    //= type=test
    //# The recycling time of the timestamp clock MUST be greater than MSL seconds.
    #[test]
    fn the_clock_ticks_in_milliseconds_from_an_offset_of_the_tuples_own() {
        let now = Instant::ZERO;
        let clock = clock(now);
        assert_eq!(clock.value(now + Duration::from_micros(2999)), clock.value(now).wrapping_add(2));
        let secret = OffsetSecret::new(&mut Rng::from_u64(1));
        let tuple = |port| Tuple::new(([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], 80).into());
        let first = secret.clock(now, &tuple(1)).value(now);
        assert_eq!(first, secret.clock(now, &tuple(1)).value(now));
        let others = (2..50).map(|port| secret.clock(now, &tuple(port)).value(now));
        assert!(others.into_iter().all(|value| value.abs_diff(first) > 1000));
    }

    #[test]
    fn what_was_heard_last_counts_for_24_days() {
        let mut clock = clock(Instant::ZERO);
        clock.begin(5, Instant::ZERO);
        assert!(clock.is_old(4, Instant::ZERO + DAY * 24));
        assert!(!clock.is_old(5, Instant::ZERO));
        assert!(!clock.is_old(4, Instant::ZERO + DAY * 24 + Duration::from_millis(1)));
        assert!(clock.is_old(u32::MAX, Instant::ZERO), "the clock wraps");
    }

    #[test]
    fn an_echo_of_what_was_never_sent_measures_nothing() {
        let began = Instant::ZERO + DAY;
        let clock = clock(began);
        let now = began + Duration::from_millis(100);
        let sent = clock.value(began + Duration::from_millis(60));
        assert_eq!(clock.round_trip(sent, now), Some(Duration::from_millis(40)));
        assert_eq!(clock.round_trip(clock.value(now), now), Some(Duration::from_millis(1)));
        assert_eq!(clock.round_trip(clock.value(now).wrapping_add(1), now), None);
        assert_eq!(clock.round_trip(clock.value(began).wrapping_sub(1), now), None);
    }

    #[test]
    fn an_echo_is_dated_in_the_last_millisecond_of_the_clock() {
        let now = Instant::from_nanos(u64::MAX);
        let clock = clock(now);
        assert_eq!(clock.sent_at(clock.value(now), now), Some(Instant::from_nanos(u64::MAX - 1)));
    }
}
