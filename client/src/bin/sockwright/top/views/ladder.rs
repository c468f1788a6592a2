//! The ladder of a connection: segments as arrows between two columns, with states and times at their sides.
//!
//! ```text
//!    0.000 SYN-SENT     │──── S 0:0(0) win 65535 ───>│ SYN-RECEIVED    0.010
//!    0.090              │── P. 1:101(100) LOST ──╳   │
//!                       │······ 1.00 s later ········│
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use sockwright_client::connection::flights::{Fate, Flight};
use sockwright_client::connection::ladder::{End, Rung, What, ladder};
use sockwright_client::connection::{Connection, Side};

use super::{Scene, fit, line_of, row};
use crate::names::Worded;
use crate::render::event::cause_text;
use crate::render::figures::span;
use crate::render::socket::{address, tcp_state};
use crate::render::{safe, time};
use crate::top::look::Look;
use crate::top::ui::Ui;

/// Draws the ladder, and below it what is to be said of the row under the cursor.
pub(super) fn draw(scene: &Scene<'_>, connection: &Connection, ui: &mut Ui, area: Rect, buffer: &mut Buffer) {
    let look = scene.look;
    let rungs = ladder(connection);
    let origin_ns =
        rungs.iter().find_map(|rung| rung.ends.iter().filter_map(|end| end.at_ns).min()).unwrap_or(0);
    let columns = Columns::of(area.width.into());
    draw_titles(connection, &columns, area, look, buffer);
    let room = usize::from(area.height).saturating_sub(1 + BELOW);
    let sight = ui.ladder.sight(rungs.len(), room);
    let chosen = ui.ladder.at();
    for (line, place) in sight.enumerate() {
        let Some(line) = line_of(area, line + 1) else { break };
        draw_rung(&rungs[place], origin_ns, &columns, line, look, buffer);
        if place == chosen && !ui.ladder.follows() {
            buffer.set_style(line, look.chosen());
        }
    }
    let below = usize::from(area.height).saturating_sub(BELOW);
    let said = match rungs.get(chosen) {
        Some(rung) => about(rung, look),
        None => [
            vec![Span::styled("no segment was seen yet: they are told while somebody watches", look.quiet())],
            vec![],
        ],
    };
    for (place, words) in said.into_iter().enumerate() {
        if let Some(line) = line_of(area, below + place) {
            row(words, line, look, buffer);
        }
    }
}

/// How wide what is.
struct Columns {
    /// Beside each of the two columns.
    side: usize,
    /// Whether the times have room there.
    times: bool,
    /// Between the columns.
    between: usize,
}

impl Columns {
    fn of(width: usize) -> Self {
        let times = width >= WITH_TIMES;
        let side = if times { TIME + STATE + 2 } else { STATE + 1 };
        Self { side, times, between: width.saturating_sub(2 * side + 2) }
    }
}

/// Who is at the two ends.
fn draw_titles(connection: &Connection, columns: &Columns, area: Rect, look: Look, buffer: &mut Buffer) {
    let title = |side| {
        let stack = connection.end(side).map(|end| safe(&end.socket.summary.stack));
        let address = address(connection.address(side));
        [stack.unwrap_or_default(), address]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let half = columns.side + 1 + columns.between / 2;
    let near = fit(&title(Side::Near), half.saturating_sub(1), look);
    let far = fit(&title(Side::Far), half.saturating_sub(1), look);
    let room = usize::from(area.width).saturating_sub(Span::raw(&far).width());
    let gap = room.saturating_sub(Span::raw(&near).width());
    row(vec![Span::styled(format!("{near}{}{far}", " ".repeat(gap)), look.heading())], area, look, buffer);
}

fn draw_rung(
    rung: &Rung<'_>,
    origin_ns: u64,
    columns: &Columns,
    line: Rect,
    look: Look,
    buffer: &mut Buffer,
) {
    let column = look.glyphs().column;
    let (near_time, near_state) = beside(rung.end(Side::Near), origin_ns);
    let (far_time, far_state) = beside(rung.end(Side::Far), origin_ns);
    let mut words = Vec::new();
    if columns.times {
        words.push(Span::styled(format!("{near_time:>TIME$} "), look.quiet()));
    }
    words.push(Span::styled(format!("{near_state:<STATE$} "), look.state(&near_state)));
    words.push(Span::raw(column));
    words.push(between(&rung.what, columns.between, look));
    words.push(Span::raw(column));
    words.push(Span::styled(format!(" {far_state:<STATE$}"), look.state(&far_state)));
    if columns.times {
        words.push(Span::styled(format!(" {far_time:>TIME$}"), look.quiet()));
    }
    row(words, line, look, buffer);
}

/// The time and the state beside a column.
fn beside(end: &End<'_>, origin_ns: u64) -> (String, String) {
    let at = end.at_ns.map(|at_ns| at_ns.saturating_sub(origin_ns) as f64 / 1e9);
    let state = end.step.as_ref().map(|step| tcp_state(step.to));
    (at.map(|at| format!("{at:.3}")).unwrap_or_default(), state.unwrap_or_default())
}

fn between(what: &What<'_>, width: usize, look: Look) -> Span<'static> {
    let glyphs = look.glyphs();
    match what {
        What::Flight(flight) => arrow(flight, width, look),
        What::State => Span::raw(" ".repeat(width)),
        What::Wait(ns) => {
            Span::styled(centred(&format!("{} later", span(*ns)), glyphs.wait, width, look), look.quiet())
        }
        What::Gap(gap) => Span::styled(
            centred(&format!("gap: {}", gap.reason().word()), glyphs.gap, width, look),
            look.bad(),
        ),
    }
}

/// A segment: `---- text --->`; one that never arrived breaks off, one that was dropped is stopped.
fn arrow(flight: &Flight<'_>, width: usize, look: Look) -> Span<'static> {
    let glyphs = look.glyphs();
    let (head, shaft, reach) = match flight.fate {
        Fate::Arrived | Fate::Unknown => {
            (if flight.from == Side::Near { ">" } else { "<" }, glyphs.shaft, width)
        }
        Fate::UnderWay => (if flight.from == Side::Near { ">" } else { "<" }, glyphs.wait, width),
        Fate::Dropped => (glyphs.stopped, glyphs.shaft, width),
        Fate::Lost => (glyphs.broken, glyphs.shaft, width - width / 8),
    };
    let body = centred(&label(flight, reach.saturating_sub(5)), shaft, reach.saturating_sub(1), look);
    let blank = " ".repeat(width - reach);
    let text = match flight.from {
        Side::Near => format!("{body}{head}{blank}"),
        Side::Far => format!("{blank}{head}{body}"),
    };
    let style = match (flight.fate, flight.again) {
        (Fate::Lost | Fate::Dropped, _) => look.bad(),
        _ if flight.segment.flags & RST != 0 => look.bad(),
        (_, Some(_)) => look.again(),
        _ => Style::new(),
    };
    Span::styled(text, style)
}

/// As much of a segment as there is room for, with what befell it: that comes first to its place.
fn label(flight: &Flight<'_>, room: usize) -> String {
    let text = safe(&flight.segment.text);
    let mut notes: Vec<String> = flight.faults.iter().map(|fault| safe(fault)).collect();
    notes.extend(flight.again.map(|reason| reason.word()));
    let without = |end: &str| text.split(end).next().unwrap_or_default().to_owned();
    let forms = [text.clone(), without(" <"), without(" win "), without(" ack ")];
    let whole = |form: &String| std::iter::once(form).chain(&notes).cloned().collect::<Vec<_>>().join(" ");
    let fitting = forms.iter().map(whole).find(|label| label.chars().count() <= room);
    fitting.unwrap_or_else(|| whole(&forms[3]))
}

/// Text amid a line of one glyph.
fn centred(text: &str, glyph: &str, width: usize, look: Look) -> String {
    let text = fit(text, width.saturating_sub(4), look);
    let room = width.saturating_sub(Span::raw(&text).width() + 2);
    let before = room / 2;
    format!("{} {text} {}", glyph.repeat(before), glyph.repeat(room - before))
}

/// All there is to say of a row, in two lines.
fn about(rung: &Rung<'_>, look: Look) -> [Vec<Span<'static>>; 2] {
    let mut first = Vec::new();
    if let What::Flight(flight) = &rung.what {
        let style = if flight.fate == Fate::Lost { look.bad() } else { Style::new() };
        first.push(Span::styled(safe(&flight.segment.text), style));
        for fault in &flight.faults {
            first.push(Span::styled(format!("  {}", safe(fault)), look.bad()));
        }
        if let Some(reason) = flight.again {
            first.push(Span::styled(format!("  sent again: {}", reason.word()), look.again()));
        }
        if flight.fate == Fate::UnderWay {
            first.push(Span::styled("  under way", look.quiet()));
        }
    }
    let mut second = Vec::new();
    for side in [Side::Near, Side::Far] {
        let end = rung.end(side);
        let name = if side == Side::Near { "here" } else { "there" };
        if let Some(at_ns) = end.at_ns {
            second.push(Span::raw(format!("{name} {}  ", time(at_ns))));
        }
        if let Some(step) = &end.step {
            let (from, to) = (tcp_state(step.from), tcp_state(step.to));
            let cause = step.cause.map(|cause| format!(" ({})", cause_text(cause))).unwrap_or_default();
            second.push(Span::raw(format!("{from} {} {to}{cause}  ", look.glyphs().to)));
        }
    }
    [first, second]
}

/// Lines below the ladder.
const BELOW: usize = 2;
/// Seconds, with room for a day.
const TIME: usize = 9;
/// The longest name of a state.
const STATE: usize = 12;
/// From this width on the times have room.
const WITH_TIMES: usize = 76;
const RST: u32 = 4;
