//! Was a recovery spurious? Timestamps (the Eifel detection, as RFC 4015 §3.1 and Linux have it) and D-SACK (RFC 2883 §5)
//! tell, after the fact.
//!
//! Owns: [`Undo`], the memory of one recovery: when its first retransmission went, and how many of its retransmissions
//! the peer has not yet reported as duplicates. What follows is RFC 4015's response: the congestion controller restores
//! its window, and nothing counts as lost any more.

use super::sack::Block;
use crate::tcp::seq::Seq;
use crate::time::Instant;

/// What is known of the recovery under way, or the last one while it may still turn out spurious.
//= https://www.rfc-editor.org/rfc/rfc4015#section-2
//# If the Eifel response algorithm is implemented at the TCP sender, it MUST be implemented
//# together with a detection algorithm that is specified in a standards track or experimental
//# RFC.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Undo {
    episode: Option<Episode>,
}

#[derive(Clone, Copy, Debug)]
struct Episode {
    /// SND.UNA when it began.
    begin: Seq,
    /// When its first retransmission went.
    first_resent_at: Option<Instant>,
    /// Retransmissions that were not reported as duplicates.
    unanswered: u32,
    /// It is over, and nothing will be reported once this is acknowledged.
    expires_at: Option<Seq>,
}

impl Undo {
    /// There is nothing to undo.
    pub(crate) const NOTHING: Self = Undo { episode: None };

    pub(crate) fn is_nothing(&self) -> bool {
        self.episode.is_none()
    }

    /// A recovery begins.
    pub(crate) fn begin(&mut self, una: Seq) {
        self.episode = Some(Episode { begin: una, first_resent_at: None, unanswered: 0, expires_at: None });
    }

    /// Nothing can be undone any more.
    pub(crate) fn end(&mut self) {
        self.episode = None;
    }

    /// The recovery is over. Reports may still come until `nxt` is acknowledged.
    pub(crate) fn expire_at(&mut self, nxt: Seq) {
        if let Some(episode) = &mut self.episode {
            episode.expires_at = Some(nxt);
        }
    }

    /// Everything before `una` is acknowledged.
    pub(crate) fn on_acknowledged(&mut self, una: Seq) {
        if self.episode.is_some_and(|episode| episode.expires_at.is_some_and(|at| una.after(at))) {
            self.episode = None;
        }
    }

    /// Something was sent again.
    pub(crate) fn on_resent(&mut self, now: Instant) {
        if let Some(episode) = &mut self.episode {
            episode.first_resent_at.get_or_insert(now);
            episode.unanswered += 1;
        }
    }

    /// The peer received `block` twice.
    pub(crate) fn on_dsack(&mut self, (left, _): Block) {
        if let Some(episode) = &mut self.episode
            && left.at_or_after(episode.begin)
        {
            episode.unanswered = episode.unanswered.saturating_sub(1);
        }
    }

    /// Whether an acknowledgment of new data answers what was sent before the first retransmission. `echo` is when that
    /// was sent, where timestamps tell.
    //= https://www.rfc-editor.org/rfc/rfc4015#section-3.3
    //# Once a spurious timeout has been detected (upon receipt of an ACK for
    //# an original transmit), it is safe to let the TCP sender resume the
    //# transmission with previously unsent data.
    pub(crate) fn is_answer_to_original(&self, echo: Option<Instant>) -> bool {
        let first_resent_at = self.episode.and_then(|episode| episode.first_resent_at);
        echo.zip(first_resent_at).is_some_and(|(echo, first)| echo < first)
    }

    /// Whether every retransmission was of something that had arrived.
    pub(crate) fn all_were_duplicates(&self) -> bool {
        self.episode.is_some_and(|episode| episode.first_resent_at.is_some() && episode.unanswered == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn an_echo_from_before_the_first_retransmission_shows_it_spurious() {
        let mut undo = Undo::default();
        undo.begin(Seq(1000));
        assert!(!undo.is_answer_to_original(Some(at(1))), "nothing was sent again");
        undo.on_resent(at(50));
        undo.on_resent(at(60));
        assert!(undo.is_answer_to_original(Some(at(49))));
        assert!(!undo.is_answer_to_original(Some(at(50))));
        assert!(!undo.is_answer_to_original(None));
        undo.end();
        assert!(!undo.is_answer_to_original(Some(at(49))));
    }

    #[test]
    fn a_report_of_each_retransmission_shows_them_spurious() {
        let mut undo = Undo::default();
        undo.begin(Seq(1000));
        assert!(!undo.all_were_duplicates());
        undo.on_resent(at(50));
        undo.on_resent(at(51));
        undo.on_dsack((Seq(1000), Seq(2000)));
        assert!(!undo.all_were_duplicates());
        undo.on_dsack((Seq(500), Seq(1000)));
        assert!(!undo.all_were_duplicates(), "that was of an earlier recovery");
        undo.on_dsack((Seq(2000), Seq(3000)));
        assert!(undo.all_were_duplicates());
    }
}
