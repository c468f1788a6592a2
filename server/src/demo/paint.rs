//! The rows of a ladder as text, at most 100 columns wide.
//!
//! ```text
//!           connect() ═════╗                                              ║
//!    0.000  SYN-SENT       ║──── S 0:0(0) win 65535 <mss 1460> ──────────>║ SYN-RECEIVED        0.010
//!    0.020  ESTABLISHED    ║<─── S. 0:0(0) ack 1 win 65535 <mss 1460> ────║                     0.010
//! ```

use super::ladder::{Between, End, Ladder, Note, Rail, Row};
use super::story::Side;

impl Ladder {
    /// The picture; in colour for a terminal.
    pub fn to_text(&self, colour: bool) -> String {
        let pen = Pen { colour };
        let [left, right] = &self.titles;
        let mut text = format!(
            "{}  {}{}  {}\n",
            pen.dim(&format!("{:>TIME$}", "seconds")),
            pen.bold(&format!("{left:<NOTE$}")),
            " ".repeat(MIDDLE + 1),
            pen.bold(right),
        );
        for row in &self.rows {
            text += pen.row(row).trim_end();
            text.push('\n');
        }
        text + &pen.dim(LEGEND)
    }
}

struct Pen {
    colour: bool,
}

impl Pen {
    fn row(&self, row: &Row) -> String {
        let [left, right] = &row.ends;
        let (left_note, left_width) = self.note(left, Side::Left);
        let (right_note, right_width) = self.note(right, Side::Right);
        format!(
            "{}  {left_note}{}{}{}{}{right_note}{}  {}",
            self.dim(&time(left)),
            " ".repeat(NOTE.saturating_sub(left_width)),
            self.rail(left, Side::Left),
            self.between(&row.between),
            self.rail(right, Side::Right),
            " ".repeat(NOTE.saturating_sub(right_width)),
            self.dim(time(right).trim_end()),
        )
    }

    /// What stands beside the rail, and how wide it is.
    fn note(&self, end: &End, side: Side) -> (String, usize) {
        let Some(note) = &end.note else { return (String::new(), 0) };
        match note {
            Note::State(state) => match side {
                Side::Left => (self.state(state), state.len()),
                Side::Right => (format!(" {}", self.state(state)), state.len() + 1),
            },
            Note::Call(call) => {
                let width = call.chars().count();
                match (end.rail, side) {
                    (Rail::Begins | Rail::Returns, Side::Left) => {
                        let line = "═".repeat(NOTE.saturating_sub(width + 1));
                        (format!("{} {line}", self.call(call)), NOTE)
                    }
                    (Rail::Begins | Rail::Returns, Side::Right) => {
                        (format!("══ {}", self.call(call)), width + 3)
                    }
                    (_, Side::Left) => (self.call(call), width),
                    (_, Side::Right) => (format!(" {}", self.call(call)), width + 1),
                }
            }
        }
    }

    fn rail(&self, end: &End, side: Side) -> &'static str {
        match (end.rail, side) {
            (Rail::Free, _) => "│",
            (Rail::Blocked, _) => "║",
            (Rail::Begins, Side::Left) => "╗",
            (Rail::Begins, Side::Right) => "╔",
            (Rail::Returns, Side::Left) => "╝",
            (Rail::Returns, Side::Right) => "╚",
        }
    }

    fn between(&self, between: &Between) -> String {
        match between {
            Between::Nothing => " ".repeat(MIDDLE),
            Between::Title(text) => self.title(&centred(text, ' ')),
            Between::Wait(text) => self.dim(&centred(&format!(" {text} "), '·')),
            Between::Arrow { text, to, lost } => {
                let text = shortened(text);
                let label = format!(" {text} ");
                let line = centred(&label, '─');
                let mut line: Vec<char> = line.chars().collect();
                let head = if *lost { 'X' } else { head(*to) };
                match to {
                    Side::Left => line[0] = head,
                    Side::Right => line[MIDDLE - 1] = head,
                }
                let line: String = line.into_iter().collect();
                line.replace(&label, &format!(" {} ", self.segment(&text)))
            }
        }
    }

    fn segment(&self, text: &str) -> String {
        let flags = text.split(' ').next().unwrap_or_default();
        let code = match flags {
            _ if flags.contains('R') => "31",
            _ if flags.contains('S') => "32",
            _ if flags.contains('F') => "33",
            _ if flags.contains('P') => "36",
            _ => "39",
        };
        self.in_colour(text, code)
    }

    fn state(&self, text: &str) -> String {
        self.in_colour(text, "1")
    }

    fn call(&self, text: &str) -> String {
        self.in_colour(text, "35")
    }

    fn title(&self, text: &str) -> String {
        self.in_colour(text, "3")
    }

    fn bold(&self, text: &str) -> String {
        self.in_colour(text, "1")
    }

    fn dim(&self, text: &str) -> String {
        self.in_colour(text, "2")
    }

    fn in_colour(&self, text: &str, code: &str) -> String {
        match self.colour && !text.trim().is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

fn head(to: Side) -> char {
    match to {
        Side::Left => '<',
        Side::Right => '>',
    }
}

/// Seconds with milliseconds, or nothing.
fn time(end: &End) -> String {
    match end.time_ns {
        Some(time) => format!("{:>TIME$.3}", time as f64 / 1e9),
        None => " ".repeat(TIME),
    }
}

/// A segment's text, cut at its options if it does not fit.
fn shortened(text: &str) -> String {
    let room = MIDDLE - 6;
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let plain = text.split(" <").next().unwrap_or(text);
    plain.chars().take(room).collect()
}

fn centred(text: &str, fill: char) -> String {
    let room = MIDDLE.saturating_sub(text.chars().count());
    let before: String = std::iter::repeat_n(fill, room / 2).collect();
    let after: String = std::iter::repeat_n(fill, room - room / 2).collect();
    format!("{before}{text}{after}")
}

/// How to read it.
const LEGEND: &str =
    "\n          ║ blocked in a call   S SYN   F FIN   P PSH   . ACK   seq:end(octets)   virtual time\n";
/// Columns of a time.
const TIME: usize = 8;
/// Columns of what stands beside a rail.
const NOTE: usize = 17;
/// Columns between the rails.
const MIDDLE: usize = 44;
