//! RACK (RFC 8985 §6): a segment is lost when one that was sent later has arrived, and a reordering window has passed.
//!
//! Owns: [`Rack`], the latest sent segment that arrived, and the reordering window. Time, not a count of duplicates,
//! decides; so it finds lost retransmissions and lost tails, too. Needs SACK.
//!
//! ```text
//!    sent 0 ms    1 ms    2 ms          now = 22 ms, RACK.rtt = 20 ms, RACK.reo_wnd = 5 ms
//!     | P1       | P2   | P3 sacked |   P1 is lost at 25 ms, P2 at 26 ms: the reordering timer runs for 4 ms
//! ```

use core::time::Duration;

use super::sent::{Record, Sent};
use crate::event::RetransmissionReason;
use crate::tcp::seq::Seq;
use crate::time::{Instant, Span};

/// Recoveries without a D-SACK after which the reordering window is again what it was in the beginning.
const PERSIST: u8 = 16;

/// The state of RACK. The names are those of RFC 8985 §5.3.
#[derive(Clone, Debug)]
pub(crate) struct Rack {
    /// RACK.xmit_ts and RACK.end_seq, once anything arrived.
    latest: Option<(Instant, Seq)>,
    /// They advanced since losses were last looked for: else there is nothing new to conclude.
    advanced: bool,
    /// RACK.rtt, of what arrived since there was nothing outstanding.
    rtt: Option<Span>,
    /// When the acknowledgment came that `rtt` is of, and when the segment was sent.
    rtt_of: Option<(Instant, Instant)>,
    fack: Option<Seq>,
    /// How often an original arrived after a later one.
    reordering_seen: u32,
    dsack_round: Option<Seq>,
    reo_wnd_mult: u32,
    reo_wnd_persist: u8,
    /// When the reordering timer fires.
    deadline: Option<Instant>,
}

/// What decides on the size of the reordering window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// RACK.rtt as it was when there was nothing outstanding.
    pub(crate) rtt_before: Duration,
    pub(crate) min_rtt: Option<Duration>,
    pub(crate) srtt: Option<Duration>,
    /// RACK.segs_sacked.
    pub(crate) segs_sacked: u32,
    /// In fast recovery or in that of a timeout.
    pub(crate) recovering: bool,
}

impl Rack {
    pub(crate) const NEW: Self = Rack {
        latest: None,
        advanced: false,
        rtt: None,
        rtt_of: None,
        fack: None,
        reordering_seen: 0,
        dsack_round: None,
        reo_wnd_mult: 1,
        reo_wnd_persist: PERSIST,
        deadline: None,
    };

    /// Nothing that it knows says anything of segments that are sent from now on, while nothing is outstanding.
    pub(crate) fn is_at_rest(&self) -> bool {
        // How long a wider window persists matters only where it is wider.
        self.deadline.is_none()
            && self.reordering_seen == 0
            && self.dsack_round.is_none()
            && self.reo_wnd_mult == 1
    }

    pub(crate) fn reordering_seen(&self) -> u32 {
        self.reordering_seen
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// RACK.rtt; `before` anything arrived.
    pub(crate) fn rtt(&self, before: Duration) -> Duration {
        self.rtt.map_or(before, Duration::from)
    }

    /// Steps 2 and 3: a segment arrived. `echo` is when the segment that the acknowledgment answers was sent, where the
    /// peer's timestamps tell.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-6.2
    //# To avoid spurious inferences, ignore a segment as invalid if any of
    //# its sequence range has been retransmitted before and if either of two
    //# conditions is true:
    pub(crate) fn on_delivered(
        &mut self,
        record: &Record,
        now: Instant,
        min_rtt: Option<Duration>,
        echo: Option<Instant>,
    ) {
        match self.fack {
            Some(fack) if !record.end.after(fack) => {
                if record.end.before(fack) && record.retransmissions == 0 {
                    self.reordering_seen = self.reordering_seen.saturating_add(record.segments() as u32);
                }
            }
            _ => self.fack = Some(record.end),
        }
        let rtt = now - record.sent_at;
        let ambiguous = record.retransmissions > 0;
        let answers_an_earlier = echo.is_some_and(|echo| echo < record.sent_at);
        if ambiguous && (answers_an_earlier || min_rtt.is_some_and(|min_rtt| rtt < min_rtt)) {
            return;
        }
        // Of all that one acknowledgment tells of, the latest sent counts.
        if self.rtt_of.is_none_or(|(at, sent_at)| at != now || sent_at <= record.sent_at) {
            self.rtt = Some(rtt.into());
            self.rtt_of = Some((now, record.sent_at));
        }
        let this = (record.sent_at, record.end);
        if self.latest.is_none_or(|latest| sent_after(this, latest)) {
            self.latest = Some(this);
            self.advanced = true;
        }
    }

    /// Step 4, what the acknowledgment changes: a D-SACK widens the window, once in a round trip.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //# The RACK reordering window SHOULD adaptively increase (using the
    //# algorithm in "Step 4: Update RACK reordering window" below) if
    //# the sender receives a Duplicate Selective Acknowledgment (DSACK)
    //# option [RFC2883].
    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //# 2. The RACK reordering window SHOULD adaptively increase (using the algorithm in "Step 4:
    //# Update RACK reordering window" below) if the sender receives a Duplicate Selective
    //# Acknowledgment (DSACK) option [RFC2883].
    //= https://www.rfc-editor.org/rfc/rfc8985#section-4
    //# 3. RACK DSACK-based reordering window adaptation is RECOMMENDED but is not required.
    pub(crate) fn on_ack(&mut self, una: Seq, nxt: Seq, dsack: bool) {
        if self.dsack_round.is_some_and(|round| una.at_or_after(round)) {
            self.dsack_round = None;
        }
        if dsack && self.dsack_round.is_none() {
            self.dsack_round = Some(nxt);
            self.reo_wnd_mult = self.reo_wnd_mult.saturating_add(1);
            self.reo_wnd_persist = PERSIST;
        }
    }

    /// Everything before `una` is acknowledged, and nothing is outstanding.
    pub(crate) fn on_empty(&mut self, una: Seq) {
        self.dsack_round = self.dsack_round.filter(|round| una.before(*round));
    }

    /// Step 4: a recovery is over.
    pub(crate) fn on_recovered(&mut self) {
        self.reo_wnd_persist = self.reo_wnd_persist.saturating_sub(1);
        if self.reo_wnd_persist == 0 {
            self.reo_wnd_mult = 1;
        }
    }

    /// RACK.reo_wnd.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //# The reordering window SHOULD be set to zero if no reordering has
    //# been observed on the connection so far, and either (a) three
    //# segments have been SACKed since the last recovery or (b) the
    //# sender is already in fast or RTO recovery.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //# 1. The reordering window SHOULD be set to zero if no reordering has been observed on the
    //# connection so far, and either (a) three segments have been SACKed since the last recovery
    //# or (b) the sender is already in fast or RTO recovery.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //# Otherwise, the reordering window SHOULD start from a small fraction of the round-trip time
    //# or zero if no round-trip time estimate is available.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //# 3. The RACK reordering window MUST be bounded, and this bound SHOULD be SRTT.
    pub(crate) fn reordering_window(&self, is: Circumstances) -> Duration {
        if self.reordering_seen == 0 && (is.recovering || is.segs_sacked >= super::DUPLICATE_THRESHOLD) {
            return Duration::ZERO;
        }
        //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
        //# The RACK reordering window MUST be bounded, and this bound SHOULD
        //# be SRTT.
        let window = is.min_rtt.unwrap_or_default() / 4 * self.reo_wnd_mult;
        window.min(is.srtt.unwrap_or_default())
    }

    /// Step 5: marks what is lost by now, and says how many octets that are. The reordering timer is set for the rest.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-6.2
    //# For timely loss detection, it is RECOMMENDED that the
    //# sender install a reordering timer.
    pub(crate) fn detect(&mut self, sent: &mut Sent, now: Instant, is: Circumstances) -> u32 {
        let due = self.deadline.is_some_and(|deadline| deadline <= now);
        let (Some(latest), true) = (self.latest, core::mem::take(&mut self.advanced) || due) else {
            return 0;
        };
        self.deadline = None;
        let allowance = self.rtt(is.rtt_before) + self.reordering_window(is);
        let mut lost = 0;
        for index in 0..sent.len() {
            let Some(record) = sent.get(index) else { break };
            if !sent_after(latest, (record.sent_at, record.end)) {
                if record.retransmissions == 0 {
                    // What follows was first sent later still.
                    break;
                }
                continue;
            }
            // Where the clock stood still, what was sent again may have gone after what has higher numbers: only what
            // was sent later tells of its loss.
            if record.retransmissions > 0 && record.sent_at == latest.0 {
                continue;
            }
            if record.sacked || record.lost.is_some() && !record.resent {
                continue;
            }
            let lost_at = record.sent_at + allowance;
            if lost_at <= now {
                lost += sent.mark_lost(index, RetransmissionReason::Rack);
            } else {
                self.deadline = self.deadline.max(Some(lost_at));
            }
        }
        lost
    }

    /// Marks what is lost as the retransmission timer fires: the first segment, and what had the time to arrive.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-6.3
    //# Upon RTO timer expiration, RACK marks the first outstanding segment
    //# as lost (since it was sent an RTO ago); for all the other segments,
    //# RACK only marks the segment as lost if the time elapsed since the
    //# segment was transmitted is at least the sum of the recent RTT and the
    //# reordering window.
    pub(crate) fn on_timeout(&mut self, sent: &mut Sent, now: Instant, is: Circumstances) {
        self.deadline = None;
        let allowance = self.rtt(is.rtt_before) + self.reordering_window(is);
        for index in 0..sent.len() {
            let late = sent.get(index).is_some_and(|record| record.sent_at + allowance <= now);
            if index == 0 {
                sent.mark_lost(index, RetransmissionReason::Timeout);
            } else if late {
                sent.mark_lost(index, RetransmissionReason::Recovery);
            }
        }
    }

    pub(crate) fn stop(&mut self) {
        self.deadline = None;
    }
}

/// RACK_sent_after: sequence numbers decide between what was sent at one time.
fn sent_after((at, end): (Instant, Seq), (other_at, other_end): (Instant, Seq)) -> bool {
    at > other_at || at == other_at && end.after(other_end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const MS: Duration = Duration::from_millis(1);
    const CALM: Circumstances = Circumstances {
        rtt_before: Duration::ZERO,
        min_rtt: Some(Duration::from_millis(20)),
        srtt: Some(Duration::from_millis(30)),
        segs_sacked: 0,
        recovering: false,
    };

    fn at(millis: u64) -> Instant {
        Instant::ZERO + MS * millis as u32
    }

    /// Segments of 1000 octets from 0 on, sent a millisecond after each other.
    fn flight(count: u32) -> Sent {
        let mut sent = Sent::default();
        for i in 0..count {
            sent.push(Seq(i * 1000), Seq(i * 1000 + 1000), at(i.into()), Default::default(), 0);
        }
        sent
    }

    fn sack(rack: &mut Rack, sent: &mut Sent, n: u32, now: Instant) {
        let echo = None;
        sent.sack(Seq(n * 1000), Seq(n * 1000 + 1000), 9, |r| rack.on_delivered(r, now, CALM.min_rtt, echo));
    }

    fn lost(sent: &Sent) -> Vec<u32> {
        sent.iter().filter(|r| r.lost.is_some()).map(|r| r.start.0 / 1000).collect()
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //= type=test
    //# Otherwise, the reordering window SHOULD start from a small fraction of the round-trip time
    //# or zero if no round-trip time estimate is available.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-4
    //= type=test
    //# 2. For each data segment sent, the sender MUST store its most recent transmission time
    //# with a timestamp whose granularity is finer than 1/4 of the minimum RTT of the connection.
    #[test]
    fn what_was_sent_before_what_arrived_is_lost_when_the_window_has_passed() {
        let (mut rack, mut sent) = (Rack::NEW, flight(4));
        sack(&mut rack, &mut sent, 2, at(22));
        assert_eq!(rack.detect(&mut sent, at(22), CALM), 0);
        assert_eq!(rack.deadline(), Some(at(1 + 20 + 5)), "the later of both");
        assert_eq!(rack.detect(&mut sent, at(25), CALM), 0);
        assert_eq!(rack.detect(&mut sent, at(26), CALM), 2000);
        assert_eq!((lost(&sent), rack.deadline()), (Vec::from([0, 1]), None));
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //= type=test
    //# 1. The reordering window SHOULD be set to zero if no reordering has been observed on the
    //# connection so far, and either (a) three segments have been SACKed since the last recovery
    //# or (b) the sender is already in fast or RTO recovery.
    #[test]
    fn three_sacked_segments_close_the_window_until_reordering_shows() {
        let (mut rack, mut sent) = (Rack::NEW, flight(4));
        let three = Circumstances { segs_sacked: 3, ..CALM };
        (1..4).for_each(|n| sack(&mut rack, &mut sent, n, at(23)));
        assert_eq!(rack.reordering_window(three), Duration::ZERO);
        sack(&mut rack, &mut sent, 0, at(23));
        assert_eq!(rack.reordering_seen, 1);
        assert_eq!(rack.reordering_window(three), MS * 5);
    }

    #[test]
    fn a_lost_retransmission_is_found_by_a_later_one() {
        let (mut rack, mut sent) = (Rack::NEW, flight(3));
        let recovering = Circumstances { recovering: true, ..CALM };
        sack(&mut rack, &mut sent, 2, at(22));
        assert_eq!(rack.detect(&mut sent, at(22), recovering), 2000);
        sent.on_resent(0, at(22), Default::default());
        sent.on_resent(1, at(23), Default::default());
        assert_eq!(rack.detect(&mut sent, at(40), recovering), 0);
        sack(&mut rack, &mut sent, 1, at(43));
        assert_eq!(rack.detect(&mut sent, at(43), recovering), 1000);
        assert_eq!(sent.next_due(), Some(0));
    }

    #[test]
    fn where_the_clock_stands_still_a_retransmission_is_not_taken_for_older_than_new_data() {
        let (mut rack, mut sent) = (Rack::NEW, flight(3));
        let recovering = Circumstances { recovering: true, ..CALM };
        sack(&mut rack, &mut sent, 2, at(22));
        assert_eq!(rack.detect(&mut sent, at(22), recovering), 2000);
        sent.push(Seq(3000), Seq(4000), at(22), Default::default(), 0);
        sent.on_resent(0, at(22), Default::default());
        sent.push(Seq(4000), Seq(5000), at(23), Default::default(), 0);
        sack(&mut rack, &mut sent, 3, at(42));
        assert_eq!(rack.detect(&mut sent, at(42), recovering), 0);
        sack(&mut rack, &mut sent, 4, at(43));
        assert_eq!(rack.detect(&mut sent, at(43), recovering), 1000);
    }

    #[test]
    fn a_retransmission_that_seems_to_arrive_too_soon_says_nothing() {
        let (mut rack, mut sent) = (Rack::NEW, flight(3));
        sent.on_resent(0, at(10), Default::default());
        let echo = |millis| Some(at(millis));
        let record = *sent.first().unwrap();
        rack.on_delivered(&record, at(20), CALM.min_rtt, None);
        assert_eq!(rack.latest, None, "ten milliseconds are less than any round trip");
        rack.on_delivered(&record, at(40), CALM.min_rtt, echo(0));
        assert_eq!(rack.latest, None, "the echo is of the original");
        rack.on_delivered(&record, at(40), CALM.min_rtt, echo(10));
        assert_eq!((rack.latest, rack.rtt), (Some((at(10), Seq(1000))), Some(Span::from(MS * 30))));
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //= type=test
    //# 2. The RACK reordering window SHOULD adaptively increase (using the algorithm in "Step 4:
    //# Update RACK reordering window" below) if the sender receives a Duplicate Selective
    //# Acknowledgment (DSACK) option [RFC2883].
    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //= type=test
    //# 3. The RACK reordering window MUST be bounded, and this bound SHOULD be SRTT.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-4
    //= type=test
    //# 3. RACK DSACK-based reordering window adaptation is RECOMMENDED but is not required.
    #[test]
    fn each_round_with_a_dsack_widens_the_window_and_sixteen_recoveries_reset_it() {
        let mut rack = Rack::NEW;
        rack.on_ack(Seq(0), Seq(100), true);
        rack.on_ack(Seq(50), Seq(150), true);
        assert_eq!(rack.reordering_window(CALM), MS * 10, "one in a round trip");
        rack.on_ack(Seq(100), Seq(200), true);
        assert_eq!(rack.reordering_window(CALM), MS * 15);
        (0..9).for_each(|i| rack.on_ack(Seq(200 + i * 100), Seq(300 + i * 100), true));
        assert_eq!(rack.reordering_window(CALM), MS * 30, "SRTT bounds it");
        (0..15).for_each(|_| rack.on_recovered());
        assert_eq!(rack.reordering_window(CALM), MS * 30);
        rack.on_recovered();
        assert_eq!(rack.reordering_window(CALM), MS * 5);
    }

    #[test]
    fn a_timeout_spares_what_was_sent_of_late() {
        let (mut rack, mut sent) = (Rack::NEW, flight(2));
        sent.push(Seq(2000), Seq(3000), at(195), Default::default(), 0);
        rack.on_delivered(sent.first().unwrap(), at(20), CALM.min_rtt, None);
        rack.on_timeout(&mut sent, at(200), CALM);
        assert_eq!(lost(&sent), [0, 1]);
    }
}
