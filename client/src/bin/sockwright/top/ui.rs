//! What the viewer chose: the view, the order, the search, and where the cursors are.

use super::cursor::Cursor;
use super::table::{Order, Wanted};

/// What the viewer chose.
#[derive(Clone, Debug)]
pub(super) struct Ui {
    pub(super) view: View,
    pub(super) help: bool,
    /// A search is being typed.
    pub(super) typing: bool,
    pub(super) wanted: Wanted,
    pub(super) order: Order,
    /// In the table. It goes with the socket that it is on, which is `chosen`.
    pub(super) cursor: Cursor,
    pub(super) chosen: Option<u64>,
    /// The sockets of the rows that were drawn last.
    pub(super) in_sight: Vec<u64>,
    pub(super) log: Cursor,
    pub(super) ladder: Cursor,
    pub(super) events: Cursor,
    /// Something that the viewer should know, until the next key.
    pub(super) notice: Option<String>,
}

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// The table of sockets.
    Table,
    /// What happens to all of them.
    Events,
    /// One connection.
    Connection(Tab),
}

/// What is shown of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Details,
    Ladder,
    Events,
}

impl Tab {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Details => Self::Ladder,
            Self::Ladder => Self::Events,
            Self::Events => Self::Details,
        }
    }
}

impl Ui {
    pub(super) fn new(order: Order) -> Self {
        Self {
            view: View::Table,
            help: false,
            typing: false,
            wanted: Wanted::default(),
            order,
            cursor: Cursor::default(),
            chosen: None,
            in_sight: Vec::new(),
            log: Cursor::at_the_end(),
            ladder: Cursor::at_the_end(),
            events: Cursor::at_the_end(),
            notice: None,
        }
    }

    /// Opens a connection: its cursors begin anew.
    pub(super) fn open(&mut self, tab: Tab) {
        self.view = View::Connection(tab);
        self.ladder = Cursor::at_the_end();
        self.events = Cursor::at_the_end();
    }
}
