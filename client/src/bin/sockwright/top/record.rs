//! What the table's watch told that no mirror keeps: what happened, and who is gone.

use std::collections::VecDeque;

use sockwright_client::mirror::{Socket, Update};
use sockwright_client::v1;
use sockwright_client::watching::Line;
use tokio::time::{Duration, Instant};

/// A line of what happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Entry {
    Event(v1::Event),
    Gap(v1::Gap),
    Lost(String),
    Snapshot,
}

/// What happened lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) log: VecDeque<Entry>,
    /// Sockets that were released, and when: they are shown a moment longer.
    gone: VecDeque<(Instant, Socket)>,
}

impl Record {
    /// Takes what moved the mirror.
    pub(super) fn take(&mut self, update: Update, now: Instant) {
        match update {
            Update::Line(Line::Lost { message, .. }) => self.note(Entry::Lost(message)),
            Update::Line(_) => {}
            Update::Snapshot => {
                self.gone.clear();
                self.note(Entry::Snapshot);
            }
            Update::Events { events, released } => {
                for event in events {
                    self.note(Entry::Event(event));
                }
                self.gone.extend(released.into_iter().map(|socket| (now, socket)));
                while self.gone.len() > GONE_MAX {
                    self.gone.pop_front();
                }
            }
            Update::Gap(gap) => self.note(Entry::Gap(gap)),
        }
    }

    /// Those that are gone and still shown.
    pub(super) fn gone(&self) -> impl Iterator<Item = &Socket> {
        self.gone.iter().map(|(_, socket)| socket)
    }

    /// Lets go of those that were gone for long enough; true if there were any.
    pub(super) fn sweep(&mut self, now: Instant) -> bool {
        let before = self.gone.len();
        while self.gone.front().is_some_and(|(since, _)| now.duration_since(*since) >= GONE_FOR) {
            self.gone.pop_front();
        }
        self.gone.len() != before
    }

    fn note(&mut self, entry: Entry) {
        self.log.push_back(entry);
        if self.log.len() > LOG_MAX {
            self.log.pop_front();
        }
    }
}

/// For how long a socket that is gone is shown.
const GONE_FOR: Duration = Duration::from_secs(4);
const GONE_MAX: usize = 200;
const LOG_MAX: usize = 5000;
