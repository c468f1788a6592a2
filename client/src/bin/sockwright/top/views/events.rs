//! What happens, as it happens: of all sockets, or of one connection.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use sockwright_client::connection::Connection;
use sockwright_client::v1::event::Kind;
use sockwright_client::v1::{Event, Gap};

use super::{Scene, line_of, row};
use crate::render::event::{event as event_text, missing};
use crate::render::safe;
use crate::top::look::Look;
use crate::top::record::Entry;
use crate::top::ui::Ui;

/// What happened to all that the filter admits.
pub(super) fn draw_log(scene: &Scene<'_>, ui: &mut Ui, area: Rect, buffer: &mut Buffer) {
    let sight = ui.log.sight(scene.log.len(), area.height.into());
    let chosen = (!ui.log.follows()).then_some(ui.log.at());
    for (line, place) in sight.enumerate() {
        let Some(entry) = scene.log.get(place) else { break };
        let (text, style) = match entry {
            Entry::Event(event) => (event_text(event), style(event, scene.look)),
            Entry::Gap(gap) => (format!("-- {}", missing(gap)), scene.look.bad()),
            Entry::Lost(message) => (format!("-- the line is lost: {}", safe(message)), scene.look.bad()),
            Entry::Snapshot => ("-- a snapshot: what was before is not told".to_owned(), scene.look.quiet()),
        };
        draw_line(text, style, Some(place) == chosen, line, scene.look, area, buffer);
    }
}

/// What happened to a connection.
pub(super) fn draw_connection(
    scene: &Scene<'_>,
    connection: &Connection,
    ui: &mut Ui,
    area: Rect,
    buffer: &mut Buffer,
) {
    let all = happened(connection);
    let sight = ui.events.sight(all.len(), area.height.into());
    let chosen = (!ui.events.follows()).then_some(ui.events.at());
    for (line, place) in sight.enumerate() {
        let (text, style) = match all[place] {
            Happened::Event(event) => (event_text(event), style(event, scene.look)),
            Happened::Gap(gap) => (format!("-- {}", missing(gap)), scene.look.bad()),
        };
        draw_line(text, style, Some(place) == chosen, line, scene.look, area, buffer);
    }
}

enum Happened<'a> {
    Event(&'a Event),
    Gap(&'a Gap),
}

/// The events, with the gaps where they are.
fn happened(connection: &Connection) -> Vec<Happened<'_>> {
    let mut gaps = connection.gaps().iter().peekable();
    let mut all = Vec::new();
    for event in connection.events() {
        while let Some((_, gap)) = gaps.next_if(|(after, _)| **after < event.seq) {
            all.push(Happened::Gap(gap));
        }
        all.push(Happened::Event(event));
    }
    all.extend(gaps.map(|(_, gap)| Happened::Gap(gap)));
    all
}

fn draw_line(
    text: String,
    style: Style,
    is_chosen: bool,
    line: usize,
    look: Look,
    area: Rect,
    buffer: &mut Buffer,
) {
    let Some(line) = line_of(area, line) else { return };
    let style = if is_chosen { look.chosen() } else { style };
    buffer.set_style(line, style);
    row(vec![Span::styled(text, style)], line, look, buffer);
}

fn style(event: &Event, look: Look) -> Style {
    match &event.kind {
        Some(Kind::TcpStateChanged(changed)) => look.state(&crate::render::socket::tcp_state(changed.to())),
        Some(Kind::SegmentDropped(_) | Kind::FrameLost(_) | Kind::Failed(_) | Kind::LimitHit(_)) => {
            look.bad()
        }
        Some(Kind::Retransmission(_) | Kind::Recovery(_) | Kind::Undo(_)) => look.again(),
        Some(Kind::Timer(_) | Kind::Readable(_) | Kind::Acknowledged(_)) => look.quiet(),
        _ => Style::new(),
    }
}
