//! A place in a list, and the part of the list that is in sight.

use std::ops::Range;

use super::input::Move;

/// A place in a list of which the length changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cursor {
    at: usize,
    /// The first that is in sight.
    top: usize,
    count: usize,
    height: usize,
    /// It stays at the end while the list grows.
    follows: bool,
}

impl Cursor {
    /// At the end, as long as it is not moved.
    pub(super) fn at_the_end() -> Self {
        Self { follows: true, ..Self::default() }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whether it stays at the end.
    pub(super) fn follows(&self) -> bool {
        self.follows
    }

    /// Goes to a place.
    pub(super) fn go(&mut self, at: usize) {
        self.at = at;
    }

    /// Moves. In a list that is followed, to go to the end is to follow again.
    pub(super) fn step(&mut self, step: Move, may_follow: bool) {
        let page = self.height.saturating_sub(1).max(1);
        let last = self.count.saturating_sub(1);
        self.at = match step {
            Move::Up => self.at.saturating_sub(1),
            Move::Down => self.at + 1,
            Move::PageUp => self.at.saturating_sub(page),
            Move::PageDown => self.at + page,
            Move::First => 0,
            Move::Last => last,
        }
        .min(last);
        self.follows = may_follow && self.at == last;
    }

    /// What is in sight of so many, where there is room for so many, the cursor included.
    pub(super) fn sight(&mut self, count: usize, height: usize) -> Range<usize> {
        (self.count, self.height) = (count, height);
        let last = count.saturating_sub(1);
        self.at = if self.follows { last } else { self.at.min(last) };
        self.top = self.top.min(self.at).max((self.at + 1).saturating_sub(height));
        // No room is left empty that could be filled.
        self.top = self.top.min(count.saturating_sub(height));
        self.top..(self.top + height).min(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_always_in_sight_and_no_room_is_wasted() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.sight(100, 10), 0..10);
        cursor.step(Move::PageDown, false);
        assert_eq!((cursor.at(), cursor.sight(100, 10)), (9, 0..10));
        cursor.step(Move::Down, false);
        assert_eq!(cursor.sight(100, 10), 1..11);
        cursor.step(Move::Last, false);
        assert_eq!(cursor.sight(100, 10), 90..100);
        assert_eq!((cursor.sight(5, 10), cursor.at()), (0..5, 4));
        assert_eq!((cursor.sight(0, 10), cursor.at()), (0..0, 0));
        cursor.step(Move::Down, false);
        assert!(cursor.sight(3, 0).is_empty());
    }

    #[test]
    fn a_list_that_grows_is_followed_until_the_cursor_is_moved_away_and_again_from_its_end() {
        let mut cursor = Cursor::at_the_end();
        assert_eq!(cursor.sight(20, 5), 15..20);
        assert_eq!(cursor.sight(30, 5), 25..30);
        cursor.step(Move::Up, true);
        assert_eq!((cursor.sight(40, 5), cursor.at()), (25..30, 28));
        cursor.step(Move::Last, true);
        assert_eq!(cursor.sight(50, 5), 45..50);
    }
}
