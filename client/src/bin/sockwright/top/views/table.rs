//! The table of sockets.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::{Scene, curve, fit, line_of, row};
use crate::top::look::Look;
use crate::top::table::{Column, Order, Row, arrange, count, rows, state};
use crate::top::ui::Ui;

/// Draws the counts, the headings and the rows, and says which rows are in sight.
pub(super) fn draw(scene: &Scene<'_>, ui: &mut Ui, area: Rect, buffer: &mut Buffer) {
    let all = rows(scene.sockets, scene.gone.iter().copied(), scene.samples);
    draw_counts(scene, ui, &all, area, buffer);
    let shown = arrange(all, &ui.wanted, ui.order);
    // The cursor goes with the socket that it is on.
    let id = |row: &Row<'_>| row.socket.summary.socket;
    if let Some(place) = ui.chosen.and_then(|chosen| shown.iter().position(|row| id(row) == chosen)) {
        ui.cursor.go(place);
    }
    let sight = ui.cursor.sight(shown.len(), usize::from(area.height.saturating_sub(2)));
    ui.chosen = shown.get(ui.cursor.at()).map(id);
    ui.in_sight = shown[sight.clone()].iter().filter(|row| !row.gone).map(id).collect();

    let columns = columns(&shown[sight.clone()], ui.order, area.width.into());
    if let Some(line) = line_of(area, 1) {
        draw_row(
            &columns,
            |column| heading(column, ui.order, scene.look),
            line,
            scene.look.heading(),
            scene.look,
            buffer,
        );
    }
    for (line, shown_row) in shown[sight].iter().enumerate() {
        let Some(line) = line_of(area, line + 2) else { break };
        let style = if Some(id(shown_row)) == ui.chosen {
            scene.look.chosen()
        } else if shown_row.gone {
            scene.look.quiet()
        } else {
            Style::new()
        };
        draw_row(&columns, |column| cell(column, shown_row, scene.look), line, style, scene.look, buffer);
        if Some(id(shown_row)) != ui.chosen && !shown_row.gone {
            colour_state(&columns, shown_row, line, scene.look, buffer);
        }
    }
}

/// How many sockets there are, by state.
fn draw_counts(scene: &Scene<'_>, ui: &Ui, all: &[Row<'_>], area: Rect, buffer: &mut Buffer) {
    let look = scene.look;
    let there = all.iter().filter(|row| !row.gone).count();
    let mut words = vec![Span::raw(format!("{there} socket{}", if there == 1 { "" } else { "s" }))];
    if !ui.wanted.search.is_empty() {
        words.push(Span::styled(format!("  /{}", ui.wanted.search), look.heading()));
    }
    for (state, count) in count(all) {
        let style = if ui.wanted.state.as_ref() == Some(&state) { look.chosen() } else { look.state(&state) };
        words.push(Span::raw("  "));
        words.push(Span::styled(format!("{state} {count}"), style));
    }
    // One that none is in is still what is asked for.
    if let Some(state) =
        ui.wanted.state.as_ref().filter(|state| !count(all).iter().any(|(at, _)| at == *state))
    {
        words.push(Span::styled(format!("  {state} 0"), look.chosen()));
    }
    row(words, area, look, buffer);
}

/// The columns that there is room for, and their widths. The one that is sorted by is always among them.
fn columns(rows: &[Row<'_>], order: Order, room: usize) -> Vec<(Column, usize)> {
    let width = |column: Column| {
        if column == Column::Moved {
            return CURVE;
        }
        let cells = rows.iter().map(|row| Span::raw(column.text(row)).width());
        // Room for the sign of the order, so that nothing moves as another column is chosen.
        let heading = column.heading().len() + 1;
        cells.max().unwrap_or(0).clamp(heading, WIDEST)
    };
    let mut left = room + BETWEEN;
    let mut taken = Vec::new();
    let by_worth = std::iter::once(order.column)
        .chain(Column::BY_WORTH.into_iter().filter(|column| *column != order.column));
    for column in by_worth {
        let width = width(column);
        if let Some(rest) = left.checked_sub(width + BETWEEN) {
            left = rest;
            taken.push((column, width));
        }
    }
    let place = |column: &Column| Column::ALL.iter().position(|at| at == column);
    taken.sort_by_key(|(column, _)| place(column));
    taken
}

fn heading(column: Column, order: Order, look: Look) -> String {
    let glyphs = look.glyphs();
    match (column == order.column, order.descending) {
        (false, _) => column.heading().to_owned(),
        (true, false) => format!("{}{}", column.heading(), glyphs.ascending),
        (true, true) => format!("{}{}", column.heading(), glyphs.descending),
    }
}

fn cell(column: Column, row: &Row<'_>, look: Look) -> String {
    match (column, row.sample) {
        (Column::Moved, Some(sample)) => {
            let newest = sample.moved.len().saturating_sub(CURVE);
            let values: Vec<_> = sample.moved.iter().skip(newest).map(|moved| Some(*moved)).collect();
            let largest = values.iter().flatten().max().copied().unwrap_or(0);
            curve(&values, largest, look)
        }
        _ => column.text(row),
    }
}

fn draw_row(
    columns: &[(Column, usize)],
    text: impl Fn(Column) -> String,
    line: Rect,
    style: Style,
    look: Look,
    buffer: &mut Buffer,
) {
    let cells: Vec<String> = columns
        .iter()
        .map(|(column, width)| {
            let text = fit(&text(*column), *width, look);
            let room = " ".repeat(width.saturating_sub(Span::raw(&text).width()));
            if column.is_figure() { room + &text } else { text + &room }
        })
        .collect();
    buffer.set_style(line, style);
    buffer.set_stringn(line.x, line.y, cells.join("  "), line.width.into(), style);
}

fn colour_state(columns: &[(Column, usize)], row: &Row<'_>, line: Rect, look: Look, buffer: &mut Buffer) {
    let before = columns.iter().take_while(|(column, _)| *column != Column::State);
    let x: usize = before.map(|(_, width)| width + BETWEEN).sum();
    let Some((_, width)) = columns.iter().find(|(column, _)| *column == Column::State) else { return };
    let state = state(row);
    let x = line.x + u16::try_from(x).unwrap_or(line.width).min(line.width);
    buffer.set_stringn(x, line.y, fit(&state, *width, look), *width, look.state(&state));
}

/// The widest a column becomes.
const WIDEST: usize = 24;
/// The curve of what moved.
const CURVE: usize = 12;
/// Between two columns.
const BETWEEN: usize = 2;
