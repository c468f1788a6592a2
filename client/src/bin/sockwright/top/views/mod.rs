//! What is drawn: a head, a view, and the keys at the foot.
//!
//! Owns: where everything stands. Draws what it is given: see [`Scene`].

mod connection;
mod details;
mod events;
mod help;
mod ladder;
mod table;

use std::collections::VecDeque;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::Widget;
use sockwright_client::connection::Connection;
use sockwright_client::mirror::{Socket, SocketMap};
use sockwright_client::watching::Line;

use super::look::Look;
use super::record::Entry;
use super::samples::Samples;
use super::ui::{Tab, Ui, View};
use crate::render::safe;

/// All that is shown.
pub(super) struct Scene<'a> {
    pub(super) server: &'a str,
    pub(super) line: &'a Line,
    pub(super) sockets: &'a SocketMap,
    /// Sockets that were released a moment ago.
    pub(super) gone: Vec<&'a Socket>,
    pub(super) samples: &'a Samples,
    pub(super) log: &'a VecDeque<Entry>,
    pub(super) connection: Option<&'a Connection>,
    pub(super) paused: bool,
    pub(super) look: Look,
}

/// The smallest terminal that everything has a place in.
const SMALLEST: (u16, u16) = (50, 10);

/// Draws everything.
pub(super) fn draw(scene: &Scene<'_>, ui: &mut Ui, area: Rect, buffer: &mut Buffer) {
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return too_small(area, buffer);
    }
    let [head, body, foot] = split(area);
    draw_head(scene, ui, head, buffer);
    if ui.help {
        help::draw(scene, body, buffer);
    } else {
        match (ui.view, scene.connection) {
            (View::Table, _) => table::draw(scene, ui, body, buffer),
            (View::Events, _) => events::draw_log(scene, ui, body, buffer),
            (View::Connection(tab), Some(connection)) => {
                connection::draw(scene, connection, tab, ui, body, buffer);
            }
            (View::Connection(_), None) => {}
        }
    }
    draw_foot(scene, ui, foot, buffer);
}

fn split(area: Rect) -> [Rect; 3] {
    let line = |y| Rect { y, height: 1, ..area };
    let body = Rect { y: area.y + 1, height: area.height - 2, ..area };
    [line(area.y), body, line(area.bottom() - 1)]
}

fn too_small(area: Rect, buffer: &mut Buffer) {
    let (width, height) = SMALLEST;
    let said =
        [format!("{}x{} is too small:", area.width, area.height), format!("{width}x{height} is needed")];
    for (y, said) in (area.y..area.bottom()).zip(said) {
        buffer.set_stringn(area.x, y, said, area.width.into(), Style::new());
    }
}

/// Which server, and how the line to it is.
fn draw_head(scene: &Scene<'_>, ui: &Ui, area: Rect, buffer: &mut Buffer) {
    let look = scene.look;
    let mut words =
        vec![Span::styled("sockwright top", look.heading()), Span::raw(format!("  {}", safe(scene.server)))];
    words.push(match scene.line {
        Line::Connecting => Span::styled("  connecting", look.again()),
        Line::Live => Span::raw(""),
        Line::Lost { message, .. } => Span::styled(format!("  lost: {}", safe(message)), look.bad()),
    });
    if scene.paused {
        words.push(Span::styled("  held", look.chosen()));
    }
    if let Some(notice) = &ui.notice {
        words.push(Span::styled(format!("  {notice}"), look.bad()));
    }
    row(words, area, scene.look, buffer);
}

/// The search as it is typed, or the keys of the view.
fn draw_foot(scene: &Scene<'_>, ui: &Ui, area: Rect, buffer: &mut Buffer) {
    let look = scene.look;
    if ui.typing {
        let typed = vec![Span::raw(format!("/{}", ui.wanted.search)), Span::styled(" ", look.chosen())];
        return row(typed, area, look, buffer);
    }
    let keys: &[(&str, &str)] = match ui.view {
        _ if ui.help => &[("?", "back"), ("q", "quit")],
        View::Table => &[
            ("?", "help"),
            ("q", "quit"),
            ("Enter", "open"),
            ("/", "search"),
            ("s", "state"),
            ("< >", "sort"),
            ("r", "reverse"),
            ("e", "events"),
            ("p", "hold"),
        ],
        View::Events => &[("?", "help"), ("q", "quit"), ("Esc", "back"), ("End", "follow"), ("p", "hold")],
        View::Connection(tab) => match tab {
            Tab::Details => &[
                ("?", "help"),
                ("q", "quit"),
                ("Esc", "back"),
                ("l", "ladder"),
                ("e", "events"),
                ("p", "hold"),
            ],
            Tab::Ladder => &[
                ("?", "help"),
                ("q", "quit"),
                ("Esc", "back"),
                ("d", "details"),
                ("e", "events"),
                ("End", "follow"),
                ("p", "hold"),
            ],
            Tab::Events => &[
                ("?", "help"),
                ("q", "quit"),
                ("Esc", "back"),
                ("d", "details"),
                ("l", "ladder"),
                ("End", "follow"),
                ("p", "hold"),
            ],
        },
    };
    let mut words = Vec::new();
    for (key, what) in keys {
        words.push(Span::styled(*key, look.heading()));
        words.push(Span::styled(format!(" {what}  "), look.quiet()));
    }
    row(words, area, look, buffer);
}

/// Writes words on a line; what does not fit is cut, and the cut is shown.
fn row(words: Vec<Span<'_>>, area: Rect, look: Look, buffer: &mut Buffer) {
    let text = Text::from(words);
    let is_cut = text.width() > usize::from(area.width);
    text.render(Rect { height: 1, ..area }, buffer);
    if is_cut && area.width > 0 {
        buffer.set_string(area.right() - 1, area.y, look.glyphs().cut, Style::new());
    }
}

/// A line of the area, counted from its top; nothing where it has no such line.
fn line_of(area: Rect, line: usize) -> Option<Rect> {
    let y = area.y.checked_add(u16::try_from(line).ok()?)?;
    (y < area.bottom()).then_some(Rect { y, height: 1, ..area })
}

/// Text cut to a width; the cut is shown.
fn fit(text: &str, width: usize, look: Look) -> String {
    if Text::from(text).width() <= width {
        return text.to_owned();
    }
    let mut fitted = String::new();
    let mut room = width.saturating_sub(1);
    for letter in text.chars() {
        let letter = letter.to_string();
        let Some(left) = room.checked_sub(Span::raw(&letter).width()) else { break };
        room = left;
        fitted += &letter;
    }
    if width > 0 { fitted + look.glyphs().cut } else { fitted }
}

/// A curve: a level for each value of those up to `largest`.
fn curve(values: &[Option<u64>], largest: u64, look: Look) -> String {
    let levels = look.glyphs().levels;
    let level = |value: u64| {
        let place = u128::from(value) * (levels.len() as u128 - 1) / u128::from(largest.max(1));
        levels[(place as usize).min(levels.len() - 1)]
    };
    values.iter().map(|value| value.map_or(" ", level)).collect()
}
