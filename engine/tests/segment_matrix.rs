//! Every kind of segment, in every state, at every place: the tables of `docs/segments.md`, which were written from the
//! RFC, are held to what the engine does.
//!
//! Each cell is one engine, brought to the state by calls and segments, and one segment given to it.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::script::Script;
use sockwright_engine::event::{EventKind, TimerAction};
use sockwright_engine::host::op::ShutdownHow;
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::tcp::state::State;
use sockwright_engine::tcp::timers::TimerKind;

/// The window that the peer announces in every segment but the window update.
const PEER_WINDOW: u32 = 10_000;
/// The one in that.
const NEW_WINDOW: u32 = 9_000;

/// An engine in a state, and the numbers that places are counted from, relative to the initial ones.
struct Situation {
    script: Script,
    socket: SocketId,
    rcv_nxt: i64,
    rcv_wnd: i64,
    snd_una: i64,
    snd_nxt: i64,
    /// The cookie of a Fast Open SYN.
    cookie: String,
}

impl Situation {
    fn new(state: &str) -> Self {
        let options = OptionsPatch { receive_buffer: Some(1000), ..OptionsPatch::default() };
        let mut situation = match state {
            "CLOSED" => Self::opening(Script::connecting(options), 1),
            "LISTEN" => Self::opening(Script::listening(options), 1),
            "LISTEN, Fast Open" => Self::fast_open(options),
            "SYN-RECEIVED, Fast Open" => {
                let Situation { mut script, cookie, .. } = Self::fast_open(options);
                script.inject(&format!("S 0:5(5) win 10000 <mss 1000,{cookie}>"));
                script.socket = script.child();
                Situation { rcv_wnd: 995, cookie, ..Self::opening(script, 6) }
            }
            "SYN-SENT" => Self::opening(Script::connecting(options), 1),
            "SYN-RECEIVED" => {
                let mut script = Script::listening(options);
                script.inject("S 0:0(0) win 10000 <mss 1000>");
                script.socket = script.child();
                Self::opening(script, 1)
            }
            "SYN-RECEIVED, simultaneous open" => {
                let mut script = Script::connecting(options);
                script.sent();
                script.inject("S 0:0(0) win 10000 <mss 1000>");
                Self::opening(script, 1)
            }
            _ => Self::synchronized(state, options),
        };
        situation.script.sent();
        if state == "CLOSED" {
            situation.script.host.abort(situation.socket);
            situation.script.sent();
        }
        if ["CLOSED", "LISTEN", "LISTEN, Fast Open"].contains(&state) {
            // There is no number of ours to count from.
            situation.script.iss = Some(Seq(0));
        }
        situation.script.drops();
        situation.script.host.events.clear();
        situation
    }

    /// Before ESTABLISHED: our SYN, where there is one, is not acknowledged.
    fn opening(script: Script, rcv_nxt: i64) -> Self {
        let cookie = "FO 0102030405060708".to_owned();
        Situation { socket: script.socket, script, rcv_nxt, rcv_wnd: 1000, snd_una: 0, snd_nxt: 1, cookie }
    }

    /// A listener with Fast Open, and a cookie that it gave.
    fn fast_open(options: OptionsPatch) -> Self {
        let mut script = Script::listening(OptionsPatch { fast_open: Some(true), ..options });
        script.inject("S 0:0(0) win 10000 <mss 1000,FO>");
        let syn_ack = script.sent().remove(0);
        script.inject("R. 1:1(0) ack 1 win 0");
        let (_, cookie) = syn_ack.split_once(",FO ").expect("a cookie");
        let cookie = format!("FO {}", cookie.trim_end_matches('>'));
        Situation { cookie, ..Self::opening(script, 1) }
    }

    fn synchronized(state: &str, options: OptionsPatch) -> Self {
        let mut script = Script::accepted_with(options);
        if ["CLOSE-WAIT", "LAST-ACK"].contains(&state) {
            script.inject("F. 1:1(0) ack 1 win 10000");
        }
        if !["ESTABLISHED", "CLOSE-WAIT"].contains(&state) {
            script.host.shutdown(script.socket, ShutdownHow::Write);
        }
        match state {
            "FIN-WAIT-2" => script.inject(". 1:1(0) ack 2 win 10000"),
            "CLOSING" => script.inject("F. 1:1(0) ack 1 win 10000"),
            "TIME-WAIT" => script.inject("F. 1:1(0) ack 2 win 10000"),
            _ => {}
        }
        assert_eq!(script.state(), state);
        let info = script.info();
        Situation {
            socket: script.socket,
            cookie: "FO 0102030405060708".to_owned(),
            script,
            rcv_nxt: i64::from(info.rcv_nxt - info.irs),
            rcv_wnd: i64::from(info.rcv_wnd),
            snd_una: i64::from(info.snd_una - info.iss),
            snd_nxt: i64::from(info.snd_nxt - info.iss),
        }
    }

    /// The number at a place, as the head of a column names it; `None` for one that does not exist here.
    fn place(&self, column: &str) -> Place {
        let (nxt, edge) = (self.rcv_nxt, self.rcv_nxt + self.rcv_wnd);
        match column {
            "left of the window" => Place::Seq(nxt - 10),
            "left edge" => Place::Seq(nxt),
            "inside" => Place::Seq(nxt + 10),
            "right edge" => Place::Seq(edge - 1),
            "right of the window" => Place::Seq(edge + 1),
            "anywhere" => Place::Seq(10),
            "ACK before our SYN" => Place::Ack(self.snd_una),
            "ACK of our SYN" => Place::Ack(self.snd_nxt),
            "ACK beyond our SYN" => Place::Ack(self.snd_nxt + 1),
            "no ACK" => Place::Nowhere,
            other => panic!("{other} is no place"),
        }
    }

    /// Gives it the segment of a row, and tells what came of it in the words of the page.
    fn meet(mut self, kind: &str, place: Place) -> String {
        let (seq, placed_ack) = match place {
            Place::Seq(seq) => (seq, None),
            Place::Ack(ack) => (0, Some(ack)),
            Place::Nowhere => (0, None),
        };
        // In SYN-RECEIVED nothing older than our SYN was ever sent to acknowledge.
        let old = placed_ack.unwrap_or(if self.snd_una == 0 { self.snd_nxt } else { self.snd_una });
        let all = placed_ack.unwrap_or(self.snd_nxt);
        let (flags, seq, len, ack) = match kind {
            "SYN" => ("S", seq, 0, None),
            "SYN with data" | "Fast Open SYN" => ("S", seq, 5, None),
            "SYN-ACK" => ("S.", seq, 0, Some(all)),
            "ACK" => (".", seq, 0, Some(all)),
            "ACK of what was not sent" => (".", seq, 0, Some(all + 1)),
            "FIN" | "window update" => (if kind == "FIN" { "F." } else { "." }, seq, 0, Some(old)),
            "FIN, and ACK of ours" => ("F.", seq, 0, Some(all)),
            "the FIN again" => ("F.", seq - 1, 0, Some(old)),
            "RST" => ("R", seq, 0, None),
            "RST-ACK" => ("R.", seq, 0, Some(all)),
            "data" => ("P.", seq, 5, Some(old)),
            "data without ACK" => ("P", seq, 5, None),
            "keep-alive" => (".", seq - 1, 0, Some(old)),
            "urgent" => ("PU.", seq, 5, Some(old)),
            other => panic!("{other} is no kind of segment"),
        };
        let window = if kind == "window update" { NEW_WINDOW } else { PEER_WINDOW };
        let acknowledges = ack.map_or(String::new(), |ack| format!(" ack {ack}"));
        let segment = format!("{flags} {seq}:{}({len}){acknowledges} win {window}", seq + len);
        let segment = match kind {
            "Fast Open SYN" => format!("{segment} <mss 1000,{}>", self.cookie),
            _ => segment,
        };
        let end = seq + len + i64::from(flags.contains(['S', 'F']));
        self.script.inject(&segment);

        let mut words = Vec::new();
        let info = self.script.host.engine.info(self.socket).and_then(|info| info.tcp);
        let taken = info.as_ref().map_or(0, |info| i64::from(info.rcv_nxt - info.irs) - self.rcv_nxt);
        let held = info.as_ref().map_or(0, |info| info.out_of_order);
        match self.script.sent().as_slice() {
            [] if taken > 0 => words.push(format!("later {taken}")),
            [] => words.push("silent".to_owned()),
            [answer] => words.push(self.name_answer(answer, ack, (end, len), taken)),
            several => panic!("{several:?} in answer to {segment}"),
        }
        if held > 0 {
            words.push(format!("held {held}"));
        }
        let events = std::mem::take(&mut self.script.host.events);
        let last_state = events.iter().rev().find_map(|event| match event.kind {
            EventKind::TcpState { to, .. } => Some(to),
            _ => None,
        });
        if let Some(state) = last_state {
            words.push(format!("→{state}"));
        }
        let restarted = events.iter().any(|event| {
            matches!(
                event.kind,
                EventKind::Timer { timer: TimerKind::TimeWait, action: TimerAction::Started(_) }
            )
        });
        if restarted && last_state.is_none() {
            words.push("2·MSL anew".to_owned());
        }
        if info.is_some_and(|info| info.snd_wnd == NEW_WINDOW) && last_state != Some(State::Established) {
            words.push("window".to_owned());
        }
        for event in &events {
            if let EventKind::SegmentDropped { reason, .. } | EventKind::FrameDropped(reason) = event.kind {
                words.push(format!("`{}`", reason.name()));
            }
        }
        words.join(" ")
    }

    /// What an answer is called, once it is what that name says to the last number: in answer to a segment that
    /// acknowledges `ack`, carries `len` octets and ends at `end`, of which `taken` octets of sequence space were taken.
    fn name_answer(&self, answer: &str, ack: Option<i64>, (end, len): (i64, i64), taken: i64) -> String {
        let numbers: Vec<i64> = answer
            .split(|c: char| !c.is_ascii_digit() && c != '-')
            .filter_map(|word| word.parse().ok())
            .collect();
        match (answer.split(' ').next(), numbers.as_slice()) {
            (Some("."), [seq, _, 0, acked, ..]) if *seq == self.snd_nxt && acked - self.rcv_nxt == taken => {
                if taken == 0 {
                    "ack".to_owned()
                } else {
                    format!("ack {taken}")
                }
            }
            (Some("S."), [0, _, 0, acked, ..]) if *acked == end - len => "syn-ack".to_owned(),
            (Some("S."), [0, _, 0, acked, ..]) if *acked == end => format!("syn-ack {len}"),
            (Some("R"), [seq, _, 0, 0]) if Some(*seq) == ack => "rst".to_owned(),
            (Some("R."), [0, _, 0, acked, 0]) if *acked == end => "rst-ack".to_owned(),
            _ => answer.to_owned(),
        }
    }
}

/// Where a segment is put.
#[derive(Clone, Copy)]
enum Place {
    /// Its sequence number.
    Seq(i64),
    /// Its acknowledgment number, where no sequence number can be judged yet.
    Ack(i64),
    /// It has no acknowledgment to put anywhere.
    Nowhere,
}

/// The tables of the page: the state, the heads of the columns, the rows.
struct Table {
    state: String,
    columns: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

fn tables() -> Vec<Table> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/segments.md");
    let page = std::fs::read_to_string(path).unwrap();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut tables: Vec<Table> = Vec::new();
    for line in page.lines() {
        if let Some(state) = line.strip_prefix("## In ") {
            tables.push(Table { state: state.to_owned(), columns: vec![], rows: vec![] });
        }
        let Some(table) = tables.last_mut().filter(|_| line.starts_with('|')) else { continue };
        let mut row = cells(line);
        let first = row.remove(0);
        if table.columns.is_empty() {
            table.columns = row;
        } else if !first.starts_with("---") {
            assert_eq!(row.len(), table.columns.len(), "{}: {first}", table.state);
            table.rows.push((first, row));
        }
    }
    tables
}

#[test]
fn every_cell_is_what_happens() {
    let (mut cells, mut wrong) = (0, Vec::new());
    for Table { state, columns, rows } in tables() {
        for (kind, row) in rows {
            for (column, expected) in columns.iter().zip(row) {
                if expected == "none" {
                    continue;
                }
                cells += 1;
                let situation = Situation::new(&state);
                let place = situation.place(column);
                let found = situation.meet(&kind, place);
                if found != expected {
                    wrong.push(format!(
                        "{state}, {kind}, {column}: the page says {expected:?}, it is {found:?}"
                    ));
                }
            }
        }
    }
    assert!(cells > 500, "only {cells} cells were found");
    assert!(wrong.is_empty(), "{} of {cells} cells:\n{}", wrong.len(), wrong.join("\n"));
}

/// That a table has no row for a kind of segment, or no table a state, would be a hole that no cell shows.
#[test]
fn no_state_and_no_kind_of_segment_is_left_out() {
    let tables = tables();
    let states: BTreeSet<&str> =
        tables.iter().map(|table| table.state.split(',').next().unwrap_or_default()).collect();
    assert_eq!(states, State::ALL.iter().map(|state| state.name()).collect());
    let kinds = [
        "SYN",
        "SYN with data",
        "Fast Open SYN",
        "SYN-ACK",
        "ACK",
        "FIN",
        "RST",
        "RST-ACK",
        "data",
        "window update",
        "keep-alive",
        "urgent",
    ];
    for table in &tables {
        for kind in kinds {
            assert!(table.rows.iter().any(|(row, _)| row == kind), "{}: no row for {kind}", table.state);
        }
    }
}
