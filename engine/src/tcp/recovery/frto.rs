//! F-RTO (RFC 5682): was the timeout spurious? The first acknowledgments after it tell, if new data is sent instead of
//! the rest of the flight.
//!
//! Owns: [`Frto`], the steps of the algorithm, with SACK and without.
//!
//! ```text
//! timeout: segment 1 again | ack of 1..2: two new segments | ack or sack of what was sent once: spurious
//!                          | duplicate: a real loss        | duplicate: a real loss
//! ```

/// Where the algorithm is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Frto {
    /// Not under way.
    #[default]
    Off,
    /// Step 2: the first segment went again, its acknowledgment is awaited.
    Waiting,
    /// Step 3: new data went, its or an earlier acknowledgment is awaited.
    Probing,
}

/// What an acknowledgment says, as F-RTO sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News {
    /// It acknowledges, cumulatively or selectively, something that was sent before the timeout and never again, and
    /// nothing that was sent after it.
    pub(crate) original: bool,
    /// SND.UNA advanced.
    pub(crate) advances: bool,
    /// All that was outstanding when the timer fired is acknowledged.
    pub(crate) covers_all: bool,
    /// It is a duplicate, or sacks something.
    pub(crate) duplicate: bool,
    /// The connection uses SACK.
    pub(crate) sack: bool,
    /// There is new data that the peer's window has room for.
    pub(crate) can_send: bool,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is known: what is lost goes again.
    Conventional,
    /// Up to two new segments go, and nothing else.
    SendNew,
    /// The timeout was spurious.
    Spurious,
}

impl Frto {
    /// Step 1: the timer fired. `eligible`: it did so outside of a recovery, or for the same segment again.
    //= https://www.rfc-editor.org/rfc/rfc5682#section-3.1
    //# This algorithm
    //# SHOULD NOT be applied if the TCP sender is already in loss recovery
    //# when a retransmission timeout occurs.
    //= https://www.rfc-editor.org/rfc/rfc5682#section-3.1
    //# If the retransmission timer expires again during the
    //# execution of the SACK-enhanced F-RTO algorithm, the TCP sender MUST
    //# re-start the algorithm processing from step 1.
    //= https://www.rfc-editor.org/rfc/rfc5682#section-2.1
    //# If the retransmission timer expires again during the execution of the F-RTO algorithm, the
    //# TCP sender MUST re-start the algorithm processing from step 1.
    //= https://www.rfc-editor.org/rfc/rfc5682#section-2.1
    //# If the sender implements some loss recovery algorithm other than Reno or NewReno [FHG04],
    //# the F-RTO algorithm SHOULD NOT be entered when earlier fast recovery is underway.
    pub(crate) fn on_timeout(&mut self, eligible: bool) {
        *self = if eligible { Frto::Waiting } else { Frto::Off };
    }

    /// Steps 2 and 3.
    //= https://www.rfc-editor.org/rfc/rfc5682#section-2.1
    //# A TCP sender implementing the basic F-RTO algorithm MUST take the following steps after
    //# the retransmission timer expires.
    //= https://www.rfc-editor.org/rfc/rfc5682#section-3.1
    //# If the sender applies the SACK-enhanced F-RTO algorithm, it MUST follow the steps below.
    pub(crate) fn on_ack(&mut self, news: News) -> Verdict {
        match *self {
            Frto::Off => Verdict::Conventional,
            // Step 3.b.
            Frto::Probing if news.original => {
                *self = Frto::Off;
                Verdict::Spurious
            }
            //= https://www.rfc-editor.org/rfc/rfc5682#section-2.1
            //# The TCP sender SHOULD ignore
            //# such segments and wait for a segment that either acknowledges new
            //# data or is a duplicate acknowledgment.
            _ if !news.advances && !news.duplicate => Verdict::Conventional,
            // Step 2.b.
            Frto::Waiting if news.advances && !news.covers_all && news.can_send => {
                *self = Frto::Probing;
                Verdict::SendNew
            }
            // With SACK, step 2 waits through duplicates.
            Frto::Waiting if news.sack && !news.advances => Verdict::Conventional,
            // Steps 2.a and 3.a.
            Frto::Waiting | Frto::Probing => {
                *self = Frto::Off;
                Verdict::Conventional
            }
        }
    }

    pub(crate) fn stop(&mut self) {
        *self = Frto::Off;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const NOTHING: News = News {
        original: false,
        advances: false,
        covers_all: false,
        duplicate: false,
        sack: false,
        can_send: true,
    };
    const ADVANCE: News = News { advances: true, ..NOTHING };
    const DUPLICATE: News = News { duplicate: true, ..NOTHING };

    fn play(news: &[News]) -> Vec<Verdict> {
        let mut frto = Frto::default();
        frto.on_timeout(true);
        news.iter().map(|news| frto.on_ack(*news)).collect()
    }

    //= https://www.rfc-editor.org/rfc/rfc5682#section-2.1
    //= type=test
    //# A TCP sender implementing the basic F-RTO algorithm MUST take the following steps after
    //# the retransmission timer expires.
    //= https://www.rfc-editor.org/rfc/rfc5682#section-3.1
    //= type=test
    //# If the sender applies the SACK-enhanced F-RTO algorithm, it MUST follow the steps below.
    #[test]
    fn two_acknowledgments_that_advance_show_a_spurious_timeout() {
        let second = News { original: true, ..ADVANCE };
        assert_eq!(play(&[ADVANCE, second]), [Verdict::SendNew, Verdict::Spurious]);
    }

    #[test]
    fn the_first_acknowledgment_proves_nothing() {
        let first = News { original: true, ..ADVANCE };
        assert_eq!(play(&[first]), [Verdict::SendNew]);
        assert_eq!(play(&[News { sack: true, ..first }]), [Verdict::SendNew]);
    }

    #[test]
    fn a_duplicate_shows_a_real_loss() {
        let late = News { original: true, ..ADVANCE };
        assert_eq!(play(&[DUPLICATE, late]), [Verdict::Conventional; 2]);
        assert_eq!(play(&[ADVANCE, DUPLICATE, late])[1..], [Verdict::Conventional; 2]);
        assert_eq!(
            play(&[News { sack: true, ..DUPLICATE }, News { sack: true, ..ADVANCE }]),
            [Verdict::Conventional, Verdict::SendNew],
            "with SACK step 2 waits"
        );
    }

    //= https://www.rfc-editor.org/rfc/rfc5682#section-2.1
    //= type=test
    //# If the retransmission timer expires again during the execution of the F-RTO algorithm, the
    //# TCP sender MUST re-start the algorithm processing from step 1.
    //= https://www.rfc-editor.org/rfc/rfc5682#section-2.1
    //= type=test
    //# If the sender implements some loss recovery algorithm other than Reno or NewReno [FHG04],
    //# the F-RTO algorithm SHOULD NOT be entered when earlier fast recovery is underway.
    //= https://www.rfc-editor.org/rfc/rfc5682#section-3.1
    //= type=test
    //# This algorithm SHOULD NOT be applied if the TCP sender is already in loss recovery when a
    //# retransmission timeout occurs.
    //= https://www.rfc-editor.org/rfc/rfc5682#section-3.1
    //= type=test
    //# If the retransmission timer expires again during the execution of the SACK-enhanced F-RTO
    //# algorithm, the TCP sender MUST re-start the algorithm processing from step 1.
    #[test]
    fn a_timeout_within_a_recovery_is_taken_for_a_loss_and_one_that_repeats_begins_anew() {
        let late = News { original: true, ..ADVANCE };
        let mut frto = Frto::default();
        frto.on_timeout(false);
        assert_eq!([frto.on_ack(ADVANCE), frto.on_ack(late)], [Verdict::Conventional; 2]);
        frto.on_timeout(true);
        assert_eq!(frto.on_ack(ADVANCE), Verdict::SendNew);
        frto.on_timeout(true);
        assert_eq!([frto.on_ack(late), frto.on_ack(late)], [Verdict::SendNew, Verdict::Spurious]);
    }

    #[test]
    fn without_new_data_or_with_all_acknowledged_the_recovery_is_the_usual_one() {
        let late = News { original: true, ..ADVANCE };
        assert_eq!(play(&[News { can_send: false, ..ADVANCE }, late]), [Verdict::Conventional; 2]);
        assert_eq!(play(&[News { covers_all: true, ..ADVANCE }, late]), [Verdict::Conventional; 2]);
    }

    //= https://www.rfc-editor.org/rfc/rfc5682#section-2.1
    //= type=test
    //# The TCP sender SHOULD ignore such segments and wait for a segment that either acknowledges
    //# new data or is a duplicate acknowledgment.
    #[test]
    fn a_window_update_is_waited_through() {
        let late = News { original: true, ..ADVANCE };
        assert_eq!(play(&[ADVANCE, NOTHING, late])[2], Verdict::Spurious);
    }
}
