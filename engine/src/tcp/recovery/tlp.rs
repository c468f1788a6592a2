//! The tail loss probe (RFC 8985 §7): when an acknowledgment is overdue, one segment asks for it before a timeout must.
//!
//! Owns: [`Tlp`], when the probe goes and whether one is under way. What RACK makes of its answer is RACK's; here only
//! the loss is found that the probe itself repaired.

use core::time::Duration;

use super::sack::Block;
use crate::tcp::seq::Seq;
use crate::time::Instant;

/// The PTO before any round trip was measured.
const PTO_INITIAL: Duration = Duration::from_secs(1);
/// TLP.max_ack_delay: Linux's worst delay of an acknowledgment.
const MAX_ACK_DELAY: Duration = Duration::from_millis(200);

/// A probe that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Probe {
    /// TLP.end_seq.
    end: Seq,
    /// TLP.is_retrans.
    is_retransmission: bool,
}

/// The state of tail loss probes.
#[derive(Clone, Debug)]
pub(crate) struct Tlp {
    probe: Option<Probe>,
    /// A round trip was measured since the last probe.
    measured: bool,
    /// When the probe goes.
    deadline: Option<Instant>,
}

/// What an acknowledgment tells of a probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) ack: Seq,
    pub(crate) dsack: Option<Block>,
    /// A duplicate acknowledgment without SACK blocks.
    pub(crate) bare_duplicate: bool,
}

impl Tlp {
    /// Of a new connection.
    pub(crate) const NEW: Self = Tlp { probe: None, measured: false, deadline: None };
    /// While nothing is outstanding.
    pub(crate) const AT_REST: Self = Tlp { measured: true, ..Self::NEW };

    pub(crate) fn is_at_rest(&self) -> bool {
        self.probe.is_none() && self.deadline.is_none() && self.measured
    }

    /// When the probe goes, if one is to.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// New data went out, or was acknowledged: a probe goes after the PTO, or in place of the timeout if that is sooner.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.2
    //# The sender SHOULD start or
    //# restart a loss probe PTO timer after transmitting new data (that was
    //# not itself a loss probe) or upon receiving an ACK that cumulatively
    //# acknowledges new data unless it is already in fast recovery, RTO
    //# recovery, or segments have been SACKed (i.e., RACK.segs_sacked is not
    //# zero).
    pub(crate) fn schedule(
        &mut self,
        now: Instant,
        srtt: Option<Duration>,
        one_segment: bool,
        rto_at: Instant,
    ) {
        self.deadline = Some((now + pto(srtt, one_segment)).min(rto_at));
    }

    pub(crate) fn stop(&mut self) {
        self.deadline = None;
    }

    /// Forgets the probe: a recovery begins.
    pub(crate) fn reset(&mut self) {
        self.probe = None;
        self.deadline = None;
    }

    /// Whether the segment that ends at `end` is the probe.
    pub(crate) fn is_probing_with(&self, end: Seq) -> bool {
        self.probe.is_some_and(|probe| !probe.is_retransmission && probe.end == end)
    }

    pub(crate) fn on_measured(&mut self) {
        self.measured = true;
    }

    /// The timer fired. Says whether a probe may go.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
    //# When the PTO timer expires, the sender MUST check whether both of the
    //# following conditions are met before sending a loss probe:
    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
    //# If either one of these two conditions is not met, then the sender MUST skip sending a loss
    //# probe and MUST proceed to re-arm the RTO timer, as specified at the end of this section.
    pub(crate) fn on_timer(&mut self) -> bool {
        self.deadline = None;
        self.probe.is_none() && self.measured
    }

    /// The probe went, and SND.NXT is `nxt`.
    pub(crate) fn on_sent(&mut self, nxt: Seq, is_retransmission: bool) {
        self.probe = Some(Probe { end: nxt, is_retransmission });
        self.measured = false;
    }

    /// TLP_process_ack: says whether the probe repaired a loss.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.4.2
    //# If the TLP
    //# sender does not receive such an indication, then it MUST assume that
    //# the original data segment, the TLP retransmission, or a corresponding
    //# ACK was lost for congestion control purposes.
    pub(crate) fn on_ack(&mut self, answer: Answer) -> bool {
        let Some(Probe { end, is_retransmission }) = self.probe.filter(|p| answer.ack.at_or_after(p.end))
        else {
            return false;
        };
        let both_arrived =
            answer.dsack.is_some_and(|(left, right)| left.before(end) && right.at_or_after(end))
                || answer.bare_duplicate && answer.ack == end;
        let repaired = is_retransmission && !both_arrived && answer.ack.after(end);
        if !is_retransmission || both_arrived || repaired {
            self.probe = None;
        }
        repaired
    }
}

/// TLP_calc_PTO, without the bound by the timeout.
//= https://www.rfc-editor.org/rfc/rfc8985#section-7.2
//# Second, when there is no SRTT estimate available, the PTO SHOULD be 1
//# second.
//= https://www.rfc-editor.org/rfc/rfc8985#section-7.2
//# Summarizing these considerations in pseudocode form, a sender SHOULD use the following
//# logic to select the duration of a PTO:
fn pto(srtt: Option<Duration>, one_segment: bool) -> Duration {
    match srtt {
        None => PTO_INITIAL,
        Some(srtt) if one_segment => srtt * 2 + MAX_ACK_DELAY,
        Some(srtt) => srtt * 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn answer(ack: u32) -> Answer {
        Answer { ack: Seq(ack), dsack: None, bare_duplicate: false }
    }

    fn probing(is_retransmission: bool) -> Tlp {
        let mut tlp = Tlp::NEW;
        tlp.on_measured();
        assert!(tlp.on_timer());
        tlp.on_sent(Seq(5000), is_retransmission);
        tlp
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.2
    //= type=test
    //# Second, when there is no SRTT estimate available, the PTO SHOULD be 1 second.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.2
    //= type=test
    //# Summarizing these considerations in pseudocode form, a sender SHOULD use the following
    //# logic to select the duration of a PTO:
    #[test]
    fn the_probe_goes_after_two_round_trips_or_with_the_timeout() {
        let mut tlp = Tlp::NEW;
        let rto_at = Instant::ZERO + MS * 250;
        let mut goes = |srtt, one| {
            tlp.schedule(Instant::ZERO, srtt, one, rto_at);
            tlp.deadline().unwrap() - Instant::ZERO
        };
        assert_eq!(goes(Some(MS * 20), false), MS * 40);
        assert_eq!(goes(Some(MS * 20), true), MS * 240);
        assert_eq!(goes(Some(MS * 30), true), MS * 250);
        assert_eq!(goes(None, true), MS * 250);
        assert_eq!(pto(None, true), MS * 1000);
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
    //= type=test
    //# When the PTO timer expires, the sender MUST check whether both of the following conditions
    //# are met before sending a loss probe:
    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
    //= type=test
    //# If either one of these two conditions is not met, then the sender MUST skip sending a loss
    //# probe and MUST proceed to re-arm the RTO timer, as specified at the end of this section.
    #[test]
    fn one_probe_for_each_tail_and_none_without_a_new_measurement() {
        let mut tlp = Tlp::NEW;
        assert!(!tlp.on_timer(), "nothing was measured");
        tlp = probing(true);
        tlp.on_measured();
        assert!(!tlp.on_timer(), "one is under way");
        tlp.on_ack(answer(5001));
        assert!(tlp.on_timer());
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.4.2
    //= type=test
    //# If the TLP sender does not receive such an indication, then it MUST assume that the
    //# original data segment, the TLP retransmission, or a corresponding ACK was lost for
    //# congestion control purposes.
    #[test]
    fn a_probe_that_repaired_a_loss_is_found_out_by_what_follows() {
        let mut tlp = probing(true);
        assert!(!tlp.on_ack(answer(4000)));
        assert!(!tlp.on_ack(answer(5000)), "the duplicate may still come");
        assert!(tlp.on_ack(answer(6000)));
        assert!(!tlp.on_ack(answer(7000)), "once");
    }

    #[test]
    fn a_probe_that_arrived_beside_its_original_repaired_nothing() {
        let dsack = Some((Seq(4000), Seq(5000)));
        assert!(!probing(true).on_ack(Answer { dsack, ..answer(5000) }));
        assert!(!probing(true).on_ack(Answer { dsack, ..answer(6000) }));
        let mut tlp = probing(true);
        tlp.on_ack(answer(5000));
        assert!(!tlp.on_ack(Answer { bare_duplicate: true, ..answer(5000) }));
        assert!(!tlp.on_ack(answer(6000)));
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
    //= type=test
    //# If both conditions are met, then the sender SHOULD transmit a previously unsent data
    //# segment, if one exists and the receive window allows, and increment the FlightSize
    //# accordingly.
    #[test]
    fn new_data_as_a_probe_repairs_nothing() {
        let mut tlp = probing(false);
        assert!(!tlp.on_ack(answer(5000)));
        assert!(!tlp.on_ack(answer(6000)));
    }
}
