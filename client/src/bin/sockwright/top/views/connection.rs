//! One connection: who it is, above one of its three views.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;
use sockwright_client::connection::{Connection, Side};

use super::{Scene, details, events, ladder, row};
use crate::render::figures::span;
use crate::render::safe;
use crate::render::socket::{address, tcp_state};
use crate::top::ui::{Tab, Ui};

pub(super) fn draw(
    scene: &Scene<'_>,
    connection: &Connection,
    tab: Tab,
    ui: &mut Ui,
    area: Rect,
    buffer: &mut Buffer,
) {
    draw_head(scene, connection, area, buffer);
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    match tab {
        Tab::Details => details::draw(scene, connection, body, buffer),
        Tab::Ladder => ladder::draw(scene, connection, ui, body, buffer),
        Tab::Events => events::draw_connection(scene, connection, ui, body, buffer),
    }
}

/// `#3 web  lab/b  10.0.0.2:80 - 10.0.0.1:49152  ESTABLISHED for 1.20 s`.
fn draw_head(scene: &Scene<'_>, connection: &Connection, area: Rect, buffer: &mut Buffer) {
    let look = scene.look;
    let mut words = vec![Span::styled(format!("#{}", connection.socket()), look.heading())];
    match connection.end(Side::Near) {
        None => words.push(Span::raw("  nothing is known of this socket")),
        Some(end) => {
            let summary = &end.socket.summary;
            if !summary.label.is_empty() {
                words.push(Span::raw(format!(" {}", safe(&summary.label))));
            }
            words.push(Span::raw(format!("  {}", safe(&summary.stack))));
            words.push(Span::raw(format!("  {}", address(summary.local.as_ref()))));
            if summary.remote.is_some() {
                words.push(Span::raw(format!(" - {}", address(summary.remote.as_ref()))));
            }
            let state = tcp_state(summary.tcp_state());
            words.push(Span::styled(format!("  {state}"), look.state(&state)));
            match end.released {
                true => words.push(Span::styled("  released", look.quiet())),
                false => {
                    let since = connection.now_ns().saturating_sub(summary.state_time_ns);
                    words.push(Span::raw(format!(" for {}", span(since))));
                }
            }
            if let Some(error) = &end.socket.failed {
                words.push(Span::styled(format!("  {}", safe(&error.errno_name)), look.bad()));
            }
        }
    }
    row(words, area, look, buffer);
}
