//! The search for what a path takes, by segments that are larger than what is known to arrive (RFC 4821 §7).
//!
//! Owns: [`Search`], the range that is searched and the probe that is under way. Never touches a segment, the scoreboard
//! or a congestion window: the connection sends the probe and says what became of it (`connection/path_search.rs`).
//!
//! ```text
//!  1024 .......................... 1500   the largest is tried first
//!  1024 ............ 1262 ........ 1499   it alone was lost; after a while half of the way
//!                    1262 .. 1381  1499   that arrived: all segments have this size now, and few of them are lost
//!                            1395..1401   and so on: close enough, until ten minutes have passed
//! ```

use core::time::Duration;

use super::seq::Seq;
use crate::ip::path_mtu::AGE;
use crate::time::Instant;

/// A range that is not worth a probe, in octets.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.3
//# Each Packetization Layer MUST determine when probing has converged,
//# that is, when the probe size range is small enough that further
//# probing is no longer worth its cost.
///
/// Linux's `tcp_probe_threshold`.
const CONVERGED: u32 = 8;

/// How long a size that was found is on trial, in retransmission timeouts, and for how many packets at the least.
const TRIAL_TIMEOUTS: u32 = 4;
const TRIAL_PACKETS: u32 = 20;

/// The share of what is sent, one in this many, that a size on trial may lose.
const TRIAL_LOSSES: u64 = 10;

/// How much longer to wait where a timeout found the loss.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.3
//# A time interval that is
//# five times the non-timeout failure case (Section 7.6.2) is
//# RECOMMENDED.
const TIMEOUT_FACTOR: u32 = 5;

/// What a path takes, as far as it is known. Sizes are of IP packets, in octets.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    /// `search_low`, which is `eff_pmtu` here: packets of this size arrive.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.1
    //= type=exception
    //= reason=no packet but a probe is larger than search_low, which is eff_pmtu
    //# When such a packet is acknowledged, it is effectively an "implicit probe" and search_low SHOULD
    //# be raised to the size of the acknowledged packet.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.1
    //= type=exception
    //= reason=no packet but a probe is larger than search_low, which is eff_pmtu
    //# However, if an "implicit probe" is lost, it MUST NOT be treated as a probe failure as a true
    //# probe would be.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.2
    //= type=exception
    //= reason=eff_pmtu is search_low, and each probe is larger
    //# If eff_pmtu is larger than the probe size, eff_pmtu MUST be reduced to no larger than
    //# search_high, and SHOULD be reduced to search_low, as the eff_pmtu has been determined to be
    //# invalid, similar to after a full-stop timeout (see Section 7.7).
    low: u32,
    /// `search_high`: the largest that may arrive.
    high: u32,
    /// What the link and the peer take.
    ceiling: u32,
    /// `high` is likely to arrive, and tried before anything smaller.
    likely: bool,
    probe: Option<Probe>,
    trial: Option<Trial>,
    /// No probe goes before.
    quiet_until: Option<Instant>,
    /// What was found is too old then.
    again_at: Option<Instant>,
}

/// A segment that is larger than what is known to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) start: Seq,
    pub(crate) end: Seq,
    /// Octets of the packet.
    pub(crate) size: u32,
    /// It was lost, and nothing else was so far. The rest of its flight is here when this is acknowledged.
    lost: Option<Seq>,
}

/// `low` was raised of late: only what gets lost now shows whether the whole flow takes a path of that MTU.
#[derive(Clone, Copy, Debug)]
struct Trial {
    /// `low` before.
    before: u32,
    until: Instant,
    delivered: u64,
    lost: u64,
}

/// The largest packets that can be sent as a probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Now.
    pub(crate) now: u32,
    /// Once what is in flight is acknowledged.
    pub(crate) soon: u32,
}

/// What to send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A probe of this many octets.
    Probe(u32),
    /// Nothing, until there is room for a probe.
    Wait,
    /// What would go anyhow.
    Data,
}

impl Probe {
    /// Whether the octets from `start` to `end` are some of its own.
    pub(crate) fn covers(&self, start: Seq, end: Seq) -> bool {
        start.at_or_after(self.start) && end.at_or_before(self.end)
    }

    /// It was lost already.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }
}

impl Search {
    /// Packets of `low` octets are taken to arrive, none above `ceiling` can. `likely` says that those of `ceiling` were
    /// not seen to fail.
    pub(crate) fn new(low: u32, ceiling: u32, likely: bool) -> Self {
        let high = ceiling.max(low);
        let low = low.min(ceiling);
        Search {
            low,
            high,
            ceiling: high,
            likely,
            probe: None,
            trial: None,
            quiet_until: None,
            again_at: None,
        }
    }

    /// The largest packet that is known to arrive.
    pub(crate) fn low(&self) -> u32 {
        self.low
    }

    /// The probe under way, and the gap that it left when it was lost.
    pub(crate) fn probe(&self) -> Option<Probe> {
        self.probe
    }

    /// The probe under way that is not known to be lost.
    pub(crate) fn awaited(&self) -> Option<Probe> {
        self.probe.filter(|probe| !probe.is_lost())
    }

    /// What to send next, where nothing is lost.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.1
    //# When transmitting probes, the Packetization Layer MUST select a probe
    //# size that is larger than search_low and smaller than or equal to
    //# search_high.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.4
    //# In this case, the state variables eff_pmtu, search_low,
    //# and search_high SHOULD NOT be updated, and the same-sized probe
    //# SHOULD be attempted again as soon as the probing preconditions are
    //# met (i.e., once the packetization layer has no outstanding
    //# unrecovered losses).
    pub(crate) fn next(&mut self, now: Instant, room: Room) -> Next {
        if self.again_at.is_some_and(|at| at <= now) {
            self.again_at = None;
            (self.high, self.likely) = (self.ceiling, true);
        }
        let quiet = self.quiet_until.is_some_and(|until| now < until);
        if quiet || self.probe.is_some() || self.trial.is_some() || self.has_converged() {
            return Next::Data;
        }
        let wanted = if self.likely { self.high } else { self.low + (self.high - self.low).div_ceil(2) };
        // Where that does not fit, half as much again as what arrives is worth a probe.
        let least = wanted.min(self.low + self.low / 2);
        if room.now >= least {
            Next::Probe(wanted.min(room.now))
        } else if room.soon >= least {
            Next::Wait
        } else {
            Next::Data
        }
    }

    /// A packet of `size` octets left with the data from `start` to `end`.
    pub(crate) fn on_sent(&mut self, start: Seq, end: Seq, size: u32) {
        self.probe = Some(Probe { start, end, size, lost: None });
    }

    /// The probe arrived, and the retransmission timeout is `rto`.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.8
    //# A RECOMMENDED strategy would be to save the value of eff_pmtu before
    //# raising it.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.6
    //# When a probe has completed, the result SHOULD be processed as follows, categorized by the
    //# probe's result type.
    pub(crate) fn on_arrived(&mut self, now: Instant, rto: Duration) {
        let Some(probe) = self.probe.take().filter(|probe| probe.size > self.low) else { return };
        self.trial =
            Some(Trial { before: self.low, until: now + rto * TRIAL_TIMEOUTS, delivered: 0, lost: 0 });
        self.low = probe.size;
        self.high = self.high.max(self.low);
        self.note_range(now);
    }

    /// So many octets arrived, and so many were found lost. Where a size on trial loses too many, what was before holds.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.8
    //# However, to increase robustness,
    //# an implementation SHOULD implement some form of MTU verification,
    //# such that if increasing eff_pmtu results in a sharp increase in loss
    //# rate, it will fall back to using a lower MTU.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.8
    //# The saved value of eff_pmtu SHOULD be
    //# restored, and search_high reduced in the same manner as in a probe
    //# failure.
    pub(crate) fn on_result(&mut self, now: Instant, interval: Duration, (delivered, lost): (u32, u32)) {
        let Some(trial) = &mut self.trial else { return };
        trial.delivered += u64::from(delivered);
        trial.lost += u64::from(lost);
        let all = trial.delivered + trial.lost;
        if now < trial.until || all < u64::from(TRIAL_PACKETS * self.low) {
            return;
        }
        if trial.lost * TRIAL_LOSSES > all {
            let size = core::mem::replace(&mut self.low, trial.before);
            self.probe = None;
            self.on_failure(size, now, interval);
        }
        self.trial = None;
    }

    /// The probe was lost, and nothing else of what was sent before `nxt` so far.
    pub(crate) fn on_lost(&mut self, nxt: Seq) {
        if let Some(probe) = &mut self.probe {
            probe.lost = Some(nxt);
        }
    }

    /// Everything before `una` arrived. Where that ends the flight of a lost probe, the next one waits for `interval`.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.2
    //# Because there is some small risk that suppressing congestion control
    //# might have unanticipated consequences (even for one isolated loss),
    //# it is REQUIRED that probe failure events be less frequent than the
    //# normal period for losses under standard congestion control.
    pub(crate) fn on_progress(&mut self, una: Seq, now: Instant, interval: Duration) {
        if let Some(probe) =
            self.probe.take_if(|probe| probe.lost.is_some_and(|until| una.at_or_after(until)))
        {
            self.on_failure(probe.size, now, interval);
        }
        // It went again in smaller segments, for another reason than loss: whether it arrived, nobody knows.
        self.probe.take_if(|probe| !probe.is_lost() && una.at_or_after(probe.end));
    }

    /// Packets of `size` octets do not arrive.
    fn on_failure(&mut self, size: u32, now: Instant, interval: Duration) {
        self.high = size - 1;
        self.likely = false;
        self.quiet_until = Some(now + interval);
        self.note_range(now);
    }

    /// More than the probe was lost: that tells nothing of its size.
    pub(crate) fn on_others_lost(&mut self) {
        self.probe = None;
    }

    /// The retransmission timer fired: it tells no size, and the next probe waits for longer than `interval`.
    pub(crate) fn on_timeout(&mut self, now: Instant, interval: Duration) {
        if self.probe.take().is_some() {
            self.quiet_until = Some(now + interval * TIMEOUT_FACTOR);
        }
    }

    /// A router says that it takes packets of `mtu` octets and not the probe; says whether that can be.
    pub(crate) fn on_too_big(&mut self, mtu: u32, now: Instant, interval: Duration) -> bool {
        if self.probe.take_if(|probe| mtu >= self.low && mtu < probe.size).is_none() {
            return false;
        }
        self.high = mtu;
        self.likely = true;
        self.quiet_until = Some(now + interval);
        self.note_range(now);
        true
    }

    /// The link or the peer takes packets of `ceiling` octets.
    pub(crate) fn set_ceiling(&mut self, ceiling: u32) {
        if ceiling > self.ceiling {
            self.again_at = None;
            (self.high, self.likely) = (ceiling, true);
        }
        self.probe.take_if(|probe| probe.size > ceiling);
        self.ceiling = ceiling;
        self.high = self.high.min(ceiling);
        if self.low > ceiling {
            self.low = ceiling;
            self.trial = None;
        }
    }

    fn has_converged(&self) -> bool {
        self.high - self.low < CONVERGED
    }

    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.3
    //# When probing has converged, a
    //# timer SHOULD be set.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.3
    //# The value for this timer
    //# MUST NOT be less than 5 minutes and is recommended to be 10 minutes,
    //# per RFC 1981.
    fn note_range(&mut self, now: Instant) {
        self.again_at = self.has_converged().then(|| now + AGE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Room = Room { now: 65_535, soon: 65_535 };
    const INTERVAL: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    /// Sends the next probe, if there is one: its size.
    fn probe(search: &mut Search, now: Instant) -> Option<u32> {
        let Next::Probe(size) = search.next(now, WIDE) else { return None };
        search.on_sent(Seq(0), Seq(size - 40), size);
        Some(size)
    }

    /// Sends probes over a path of `mtu` octets, a minute after each other: their sizes.
    fn sizes(search: &mut Search, mtu: u32) -> alloc::vec::Vec<u32> {
        let mut sizes = alloc::vec::Vec::new();
        let mut now = Instant::ZERO;
        while let Some(size) = probe(search, now) {
            sizes.push(size);
            if size <= mtu {
                search.on_arrived(now, INTERVAL);
                search.on_result(now + INTERVAL * 4, INTERVAL, (20 * size, 0));
            } else {
                search.on_lost(Seq(10_000));
                search.on_progress(Seq(10_000), now, INTERVAL);
            }
            now += Duration::from_secs(60);
        }
        sizes
    }

    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.3
    //= type=test
    //# Each Packetization Layer MUST determine when probing has converged,
    //# that is, when the probe size range is small enough that further
    //# probing is no longer worth its cost.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.1
    //= type=test
    //# When transmitting probes, the Packetization Layer MUST select a probe
    //# size that is larger than search_low and smaller than or equal to
    //# search_high.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.6
    //= type=test
    //# When a probe has completed, the result SHOULD be processed as
    //# follows, categorized by the probe's result type.
    #[test]
    fn the_largest_is_tried_first_and_then_half_of_the_way() {
        assert_eq!(sizes(&mut Search::new(1024, 1500, true), 1500), [1500]);
        assert_eq!(
            sizes(&mut Search::new(1024, 1500, true), 1400),
            [1500, 1262, 1381, 1440, 1410, 1395, 1402]
        );
        let mut after_black_hole = Search::new(1024, 1500, false);
        assert_eq!(sizes(&mut after_black_hole, 1400), [1262, 1381, 1441, 1411, 1396, 1403]);
        assert_eq!(after_black_hole.low(), 1396);
        assert_eq!(sizes(&mut Search::new(1500, 1500, true), 1500), [0u32; 0]);
    }

    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.3
    //= type=test
    //# When probing has converged, a
    //# timer SHOULD be set.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.3
    //= type=test
    //# The value for this timer
    //# MUST NOT be less than 5 minutes and is recommended to be 10 minutes,
    //# per RFC 1981.
    #[test]
    fn ten_minutes_after_it_ended_the_search_begins_anew() {
        let mut search = Search::new(1484, 1500, true);
        for (second, size) in [(0, 1500), (1, 1492)] {
            assert_eq!(probe(&mut search, at(second)), Some(size));
            search.on_lost(Seq(9000));
            search.on_progress(Seq(9000), at(second), INTERVAL);
        }
        assert_eq!(probe(&mut search, at(600)), None);
        assert_eq!(probe(&mut search, at(601)), Some(1500));
    }

    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.2
    //= type=test
    //# Because there is some small risk that suppressing congestion control
    //# might have unanticipated consequences (even for one isolated loss),
    //# it is REQUIRED that probe failure events be less frequent than the
    //# normal period for losses under standard congestion control.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.3
    //= type=test
    //# A time interval that is
    //# five times the non-timeout failure case (Section 7.6.2) is
    //# RECOMMENDED.
    #[test]
    fn a_failure_is_followed_by_silence_and_a_timeout_by_a_longer_one() {
        let mut search = Search::new(1024, 1500, true);
        probe(&mut search, at(0));
        search.on_lost(Seq(9000));
        search.on_progress(Seq(8999), at(1), INTERVAL);
        assert!(search.probe().is_some() && search.awaited().is_none(), "not all of the flight is here");
        search.on_progress(Seq(9000), at(1), INTERVAL);
        assert_eq!((search.next(at(1), WIDE), probe(&mut search, at(2))), (Next::Data, Some(1262)));
        search.on_timeout(at(2), INTERVAL);
        assert_eq!((probe(&mut search, at(6)), probe(&mut search, at(7))), (None, Some(1262)));
    }

    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.4
    //= type=test
    //# In this case, the state variables eff_pmtu, search_low,
    //# and search_high SHOULD NOT be updated, and the same-sized probe
    //# SHOULD be attempted again as soon as the probing preconditions are
    //# met (i.e., once the packetization layer has no outstanding
    //# unrecovered losses).
    #[test]
    fn a_loss_among_others_tells_nothing() {
        let mut search = Search::new(1024, 1500, true);
        probe(&mut search, at(0));
        search.on_lost(Seq(9000));
        search.on_others_lost();
        search.on_progress(Seq(9000), at(0), INTERVAL);
        assert_eq!(probe(&mut search, at(0)), Some(1500));
    }

    #[test]
    fn a_router_that_tells_is_taken_at_its_word() {
        let mut search = Search::new(1024, 1500, true);
        probe(&mut search, at(0));
        assert!(!search.on_too_big(1500, at(0), INTERVAL) && !search.on_too_big(1023, at(0), INTERVAL));
        assert!(search.on_too_big(1400, at(0), INTERVAL));
        assert_eq!((probe(&mut search, at(0)), probe(&mut search, at(1))), (None, Some(1400)));
        assert!(!Search::new(1024, 1500, true).on_too_big(1400, at(0), INTERVAL), "without a probe");
    }

    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.4
    //= type=test
    //# The delayed sending algorithm SHOULD use some self-scaling technique to appropriately limit
    //# the time that the data is delayed.
    #[test]
    fn a_probe_is_no_larger_than_its_room_and_no_smaller_than_is_worth_it() {
        let mut search = Search::new(1024, 9000, true);
        let mut next = |now, soon| search.next(Instant::ZERO, Room { now, soon });
        assert_eq!(next(8999, 9000), Next::Probe(8999));
        assert_eq!(next(1536, 1536), Next::Probe(1536));
        assert_eq!((next(1535, 1536), next(1535, 1535)), (Next::Wait, Next::Data));
    }

    #[test]
    fn a_wider_link_is_searched_and_a_narrower_one_followed() {
        let mut search = Search::new(1500, 1500, true);
        search.set_ceiling(9000);
        assert_eq!(probe(&mut search, at(0)), Some(9000));
        search.set_ceiling(1300);
        assert_eq!(search.low(), 1300);
        search.on_arrived(at(0), INTERVAL);
        assert_eq!(search.low(), 1300);
    }
}
