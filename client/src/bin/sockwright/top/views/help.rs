//! What each key does.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::{Scene, line_of, row};
use crate::top::input::HELP;

pub(super) fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    for (line, (key, what)) in HELP.iter().enumerate() {
        let Some(line) = line_of(area, line) else { break };
        let words = vec![Span::styled(format!("{key:<12}"), scene.look.heading()), Span::raw(*what)];
        row(words, line, scene.look, buffer);
    }
}
