//! What is due when: at most one entry for each link and each stack, earliest first.
//!
//! Owns: the order in which a world goes on. Of what is due at the same instant the links come first, then the
//! stacks, each in the order in which they were made, so that the order never depends on anything but the calls.

use std::collections::BTreeSet;

use sockwright_engine::time::Instant;

use crate::world::{LinkIndex, StackId};

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A link has a frame to deliver.
    Link(LinkIndex),
    /// A stack has a timer to fire.
    Stack(StackId),
}

/// The earliest thing that each source waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agenda {
    due: BTreeSet<(Instant, Source)>,
    /// What each waits for, by its number.
    links: Vec<Option<Instant>>,
    stacks: Vec<Option<Instant>>,
}

impl Agenda {
    /// `source` waits for `at` now, and for nothing else.
    pub(crate) fn set(&mut self, source: Source, at: Option<Instant>) {
        let (entries, number) = match source {
            Source::Link(LinkIndex(number)) => (&mut self.links, number as usize),
            Source::Stack(StackId(number)) => (&mut self.stacks, number as usize),
        };
        if entries.len() <= number {
            entries.resize(number + 1, None);
        }
        let before = std::mem::replace(&mut entries[number], at);
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.due.remove(&(before, source));
        }
        if let Some(at) = at {
            self.due.insert((at, source));
        }
    }

    /// What `source` waits for.
    pub(crate) fn of(&self, source: Source) -> Option<Instant> {
        let entry = match source {
            Source::Link(LinkIndex(number)) => self.links.get(number as usize),
            Source::Stack(StackId(number)) => self.stacks.get(number as usize),
        };
        entry.copied().flatten()
    }

    /// What is due first, and when.
    pub(crate) fn next(&self) -> Option<(Instant, Source)> {
        self.due.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_is_next_and_links_precede_stacks() {
        let at = Instant::from_nanos;
        let (link, stack) = (Source::Link(LinkIndex(7)), Source::Stack(StackId(0)));
        let mut agenda = Agenda::default();
        assert_eq!(agenda.next(), None);
        agenda.set(stack, Some(at(5)));
        agenda.set(link, Some(at(5)));
        assert_eq!(agenda.next(), Some((at(5), link)));
        agenda.set(link, Some(at(9)));
        assert_eq!(agenda.next(), Some((at(5), stack)));
        agenda.set(stack, None);
        assert_eq!(agenda.next(), Some((at(9), link)));
        agenda.set(link, None);
        assert_eq!(agenda.next(), None);
    }
}
