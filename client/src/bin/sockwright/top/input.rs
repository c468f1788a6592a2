//! Keys, and what they ask for.
//!
//! Owns: the keys, and the help that names them: one table for both.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Quit,
    Help,
    Back,
    Pause,
    Move(Move),
    Open,
    /// The next view of a connection.
    Next,
    Details,
    Ladder,
    Events,
    /// Sort by the column to the right, or to the left.
    Sort {
        forward: bool,
    },
    Reverse,
    /// Show only the next state of those that are counted.
    State,
    Search,
    Typed(char),
    Erased,
    /// The search is what was typed.
    Entered,
}

/// Where the cursor goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

/// What a key asks for, if anything; `typing`: a search is being typed.
pub(super) fn action(key: KeyEvent, typing: bool) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(Action::Quit),
            KeyCode::Char('u') if typing => Some(Action::Back),
            _ => None,
        };
    }
    if typing {
        return match key.code {
            KeyCode::Char(letter) => Some(Action::Typed(letter)),
            KeyCode::Backspace => Some(Action::Erased),
            KeyCode::Enter => Some(Action::Entered),
            KeyCode::Esc => Some(Action::Back),
            code => movement(code).map(Action::Move),
        };
    }
    Some(match key.code {
        KeyCode::Char('q') => Action::Quit,
        KeyCode::Char('?') | KeyCode::F(1) => Action::Help,
        KeyCode::Esc | KeyCode::Backspace | KeyCode::Left => Action::Back,
        KeyCode::Char('p' | ' ') => Action::Pause,
        KeyCode::Enter | KeyCode::Right => Action::Open,
        KeyCode::Tab => Action::Next,
        KeyCode::Char('d') => Action::Details,
        KeyCode::Char('l') => Action::Ladder,
        KeyCode::Char('e') => Action::Events,
        KeyCode::Char('>' | '.') => Action::Sort { forward: true },
        KeyCode::Char('<' | ',') => Action::Sort { forward: false },
        KeyCode::Char('r') => Action::Reverse,
        KeyCode::Char('s') => Action::State,
        KeyCode::Char('/') => Action::Search,
        code => Action::Move(movement(code)?),
    })
}

fn movement(code: KeyCode) -> Option<Move> {
    Some(match code {
        KeyCode::Up | KeyCode::Char('k') => Move::Up,
        KeyCode::Down | KeyCode::Char('j') => Move::Down,
        KeyCode::PageUp => Move::PageUp,
        KeyCode::PageDown => Move::PageDown,
        KeyCode::Home | KeyCode::Char('g') => Move::First,
        KeyCode::End | KeyCode::Char('G') => Move::Last,
        _ => return None,
    })
}

/// All keys, for the help.
pub(super) const HELP: [(&str, &str); 14] = [
    ("arrows, j k", "move; further with Page up, Page down, Home (g), End (G)"),
    ("Enter", "the connection under the cursor"),
    ("Esc", "back; an end to the search, and to the choice of a state"),
    ("d  l  e", "its details, its ladder, its events; e in the table: all events"),
    ("Tab", "the next of these"),
    ("<  >", "sort by the column to the left, to the right"),
    ("r", "sort the other way round"),
    ("s", "only the sockets of the next state; after the last, all"),
    ("/", "search: only rows with all of these words in any column"),
    ("p, space", "hold what is shown, while the watch goes on"),
    ("?", "this help"),
    ("q, Ctrl-C", "end"),
    ("", ""),
    ("", "Times are on the clock of the stack. AGAIN: segments sent again."),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: KeyCode, typing: bool) -> Option<Action> {
        action(KeyEvent::new(code, KeyModifiers::NONE), typing)
    }

    #[test]
    fn a_search_takes_the_letters_that_are_keys_elsewhere() {
        assert_eq!(pressed(KeyCode::Char('q'), false), Some(Action::Quit));
        assert_eq!(pressed(KeyCode::Char('q'), true), Some(Action::Typed('q')));
        assert_eq!(pressed(KeyCode::Char('k'), false), Some(Action::Move(Move::Up)));
        assert_eq!(pressed(KeyCode::Char('k'), true), Some(Action::Typed('k')));
        assert_eq!(pressed(KeyCode::Up, true), Some(Action::Move(Move::Up)));
        assert_eq!(pressed(KeyCode::F(9), false), None);
    }

    #[test]
    fn an_interrupt_ends_it_whatever_is_being_typed() {
        let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!([action(key, false), action(key, true)], [Some(Action::Quit); 2]);
    }
}
