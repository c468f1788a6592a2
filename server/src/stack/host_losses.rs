//! What the host loses between an attached stack and the wire: counted as it happens, told at most once a second.
//!
//! ```text
//! 12.000 s   a send is refused: the queue is full       told at once: SEND_QUEUE_FULL, 1 frame
//! 12.001 s   700 more
//! 13.000 s                                              told: SEND_QUEUE_FULL, 700 frames
//! ```
//!
//! Nothing of this repairs anything: to the flows these are losses like any on the way. The kernel is asked only where
//! something came or went since, so that a stack that idles sleeps.

use std::collections::BTreeMap;
use std::time::Duration;

use sockwright_engine::time::Instant;
use sockwright_link::Lost;
use sockwright_link::raw_ip::SendError;

/// Why the host lost a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loss {
    /// It arrived while the receive queue was full.
    ReceiveQueueFull,
    /// It was to be sent while a queue was full.
    SendQueueFull,
    /// It is longer than an IP packet can be, or than the interface takes.
    TooBig,
    /// It is a super-segment of a kind that the kernel cannot describe.
    Unreadable,
    /// The policy denies it.
    Denied,
    /// It was more than the policy lets its sender send in that time.
    RateExceeded,
    /// The host refused to send it: it has no way there, a filter dropped it, or the interface is down.
    Refused,
}

impl Loss {
    /// As `FrameLost.what` lists them.
    pub(super) fn name(self) -> &'static str {
        match self {
            Loss::ReceiveQueueFull => "RECEIVE_QUEUE_FULL",
            Loss::SendQueueFull => "SEND_QUEUE_FULL",
            Loss::TooBig => "TOO_BIG",
            Loss::Unreadable => "UNREADABLE",
            Loss::Denied => "DENIED",
            Loss::RateExceeded => "RATE_EXCEEDED",
            Loss::Refused => "REFUSED",
        }
    }
}

/// The losses of one link.
#[derive(Debug, Default)]
pub(super) struct Losses {
    counts: BTreeMap<Loss, u64>,
    /// Of these, how many were told.
    told: BTreeMap<Loss, u64>,
    /// What the link had counted when it was looked at.
    seen: Lost,
    /// Something came or went since the last look: when the next is due.
    next_look: Option<Instant>,
    last_look: Option<Instant>,
}

impl Losses {
    /// Takes note that frames came or went.
    pub(super) fn stir(&mut self, now: Instant) {
        if self.next_look.is_none() {
            self.next_look = Some(self.last_look.map_or(now, |last| now.max(last + BETWEEN_LOOKS)));
        }
    }

    /// Takes note of a frame that was not sent.
    pub(super) fn not_sent(&mut self, now: Instant, error: &SendError) {
        let loss = match error {
            SendError::Busy => Loss::SendQueueFull,
            SendError::TooBig { .. } => Loss::TooBig,
            SendError::Malformed | SendError::Filtered | SendError::Io(_) => Loss::Refused,
        };
        self.kept_back(now, loss);
    }

    /// Takes note of a frame that was not given to the link.
    pub(super) fn kept_back(&mut self, now: Instant, loss: Loss) {
        *self.counts.entry(loss).or_default() += 1;
        self.stir(now);
    }

    /// When [`Losses::look`] wants to be called.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    /// Compares with what the link has counted, and says what was lost since the last look.
    pub(super) fn look(&mut self, now: Instant, lost: Lost) -> Vec<(Loss, u64)> {
        self.next_look = None;
        self.last_look = Some(now);
        let seen = std::mem::replace(&mut self.seen, lost);
        let received = [
            (Loss::ReceiveQueueFull, lost.overflowed.wrapping_sub(seen.overflowed).into()),
            (Loss::TooBig, lost.oversized - seen.oversized),
            (Loss::Unreadable, lost.unreadable - seen.unreadable),
        ];
        for (loss, more) in received {
            if more > 0 {
                *self.counts.entry(loss).or_default() += more;
            }
        }
        let told = std::mem::replace(&mut self.told, self.counts.clone());
        let new = self.counts.iter().map(|(loss, count)| (*loss, count - told.get(loss).unwrap_or(&0)));
        new.filter(|(_, more)| *more > 0).collect()
    }

    /// All so far, by reason.
    pub(super) fn counts(&self) -> &BTreeMap<Loss, u64> {
        &self.counts
    }
}

/// How often what links have counted is looked at, at most.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn the_first_loss_is_told_at_once_and_the_next_a_second_later() {
        let mut losses = Losses::default();
        assert_eq!(losses.next_look(), None);
        losses.not_sent(at(10), &SendError::Busy);
        assert_eq!(losses.next_look(), Some(at(10)));
        assert_eq!(losses.look(at(10), Lost::default()), [(Loss::SendQueueFull, 1)]);
        assert_eq!(losses.next_look(), None);
        for _ in 0..700 {
            losses.not_sent(at(11), &SendError::Busy);
        }
        losses.not_sent(at(12), &SendError::TooBig { length: 1501, mtu: 1500 });
        losses.not_sent(at(12), &SendError::Filtered);
        assert_eq!(losses.next_look(), Some(at(1010)));
        let told = losses.look(at(1010), Lost::default());
        assert_eq!(told, [(Loss::SendQueueFull, 700), (Loss::TooBig, 1), (Loss::Refused, 1)]);
        assert_eq!(losses.look(at(2010), Lost::default()), []);
        assert_eq!(losses.counts()[&Loss::SendQueueFull], 701);
    }

    #[test]
    fn what_a_link_counts_is_told_as_the_difference_even_where_the_count_begins_anew() {
        let mut losses = Losses::default();
        let lost = Lost { overflowed: u32::MAX, oversized: 1, unreadable: 2 };
        let all = [(Loss::ReceiveQueueFull, u32::MAX.into()), (Loss::TooBig, 1), (Loss::Unreadable, 2)];
        assert_eq!(losses.look(at(0), lost), all);
        losses.stir(at(500));
        assert_eq!(losses.next_look(), Some(at(1000)));
        assert_eq!(losses.look(at(1000), Lost { overflowed: 4, ..lost }), [(Loss::ReceiveQueueFull, 5)]);
    }

    #[test]
    fn where_nothing_comes_or_goes_nothing_is_looked_at() {
        let mut losses = Losses::default();
        losses.stir(at(0));
        assert_eq!(losses.look(at(0), Lost::default()), []);
        assert_eq!(losses.next_look(), None);
        losses.stir(at(5000));
        assert_eq!(losses.next_look(), Some(at(5000)));
    }
}
