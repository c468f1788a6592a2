//! A story as the rows of a ladder.
//!
//! Each segment is one row: its sender's time and state on one end, its receiver's on the other. Calls have rows of
//! their own. Nothing here knows how wide a terminal is.

use sockwright_proto::v1::{Event, Segment, TcpState, TimerKind, cause, event};

use super::story::{CallPart, Moment, Side, Story};

/// A ladder: a pure function of a [`Story`].
#[derive(Clone, Debug, PartialEq)]
pub struct Ladder {
    pub(super) titles: [String; 2],
    pub(super) rows: Vec<Row>,
}

/// One row: two ends, and what is between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    /// The left end and the right one.
    pub(super) ends: [End; 2],
    pub(super) between: Between,
}

/// One end of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct End {
    pub(super) time_ns: Option<u64>,
    pub(super) note: Option<Note>,
    pub(super) rail: Rail,
}

/// What stands beside the rail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    State(&'static str),
    Call(String),
}

/// Whether the side is blocked in a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rail {
    #[default]
    Free,
    Begins,
    Blocked,
    Returns,
}

/// What is between the rails.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Between {
    #[default]
    Nothing,
    Arrow {
        text: String,
        to: Side,
        /// It never arrived.
        lost: bool,
    },
    Wait(String),
    Title(String),
}

impl Ladder {
    /// Draws a story.
    pub fn of(story: &Story) -> Ladder {
        let mut draft = Draft::new(story);
        for moment in &story.moments {
            match moment {
                Moment::Event(event) => draft.event(event),
                Moment::Act(title) => draft.act(title),
                Moment::Call { side, text, part } => draft.call(*side, text, *part),
            }
        }
        for (row, _) in draft.under_way {
            if let Between::Arrow { lost, .. } = &mut draft.rows[row].between {
                *lost = true;
            }
        }
        Ladder { titles: [story.left.title.clone(), story.right.title.clone()], rows: draft.rows }
    }
}

/// A ladder that is being drawn.
struct Draft<'a> {
    story: &'a Story,
    rows: Vec<Row>,
    /// Segments that have not arrived: their rows, and themselves.
    under_way: Vec<(usize, Segment)>,
    /// Calls that each side is blocked in.
    blocked: [u32; 2],
    /// The row whose segment each side is dealing with, and since when.
    arrived: [Option<(usize, u64)>; 2],
    /// A state of each side that was entered by a call and is not shown yet, and since when.
    states: [Option<(&'static str, u64)>; 2],
}

impl<'a> Draft<'a> {
    fn new(story: &'a Story) -> Self {
        let (rows, under_way) = (Vec::new(), Vec::new());
        Draft { story, rows, under_way, blocked: [0; 2], arrived: [None; 2], states: [None; 2] }
    }

    fn event(&mut self, event: &Event) {
        let Some(side) = self.story.side_of(&event.stack) else { return };
        match &event.kind {
            Some(event::Kind::SegmentSent(segment)) => self.sent(side, event.time_ns, segment),
            Some(event::Kind::SegmentReceived(segment)) => self.received(side, event.time_ns, segment),
            Some(event::Kind::TcpStateChanged(changed)) => {
                let cause = changed.cause.as_ref().and_then(|cause| cause.cause.as_ref());
                self.state(side, event.time_ns, state_name(changed.to()), cause);
            }
            _ => {}
        }
    }

    fn sent(&mut self, side: Side, now: u64, segment: &Segment) {
        let text = segment.text.clone();
        let row = self.row(Between::Arrow { text, to: side.other(), lost: false });
        let end = self.end(row, side);
        end.time_ns = Some(now);
        if let Some((state, _)) = self.states[side as usize].take() {
            self.end(row, side).note = Some(Note::State(state));
        }
        self.under_way.push((row, segment.clone()));
    }

    fn received(&mut self, side: Side, now: u64, segment: &Segment) {
        self.show_state(side);
        // The same acknowledgment may be under way several times. The same data is if the one before was lost.
        let mut sent = self.under_way.iter();
        let place = match segment.length > 0 || segment.flags & SYN_OR_FIN != 0 {
            true => sent.rposition(|(_, sent)| sent == segment),
            false => sent.position(|(_, sent)| sent == segment),
        };
        let Some(place) = place else { return };
        let (row, _) = self.under_way.remove(place);
        self.end(row, side).time_ns = Some(now);
        self.arrived[side as usize] = Some((row, now));
    }

    fn state(&mut self, side: Side, now: u64, state: &'static str, cause: Option<&cause::Cause>) {
        match (cause, self.arrived[side as usize]) {
            (Some(cause::Cause::Segment(_)), Some((row, since))) if since == now => {
                self.end(row, side).note = Some(Note::State(state));
            }
            (Some(cause::Cause::Timer(timer)), _) => {
                self.show_state(side);
                let before = self.rows.iter().filter_map(|row| row.ends[side as usize].time_ns).next_back();
                let waited = now.saturating_sub(before.unwrap_or(now));
                let name = match TimerKind::try_from(*timer) {
                    Ok(TimerKind::TimeWait) => "2·MSL: ",
                    _ => "",
                };
                let row = self.row(Between::Wait(format!("{name}{} s later", waited as f64 / 1e9)));
                let end = self.end(row, side);
                end.time_ns = Some(now);
                end.note = Some(Note::State(state));
            }
            // By a call: shown with the segment that it sends, or by itself if it sends none.
            _ => {
                self.show_state(side);
                self.states[side as usize] = Some((state, now));
            }
        }
    }

    fn act(&mut self, title: &str) {
        self.show_state(Side::Left);
        self.show_state(Side::Right);
        self.row(Between::Nothing);
        self.row(Between::Title(title.to_owned()));
    }

    fn call(&mut self, side: Side, text: &str, part: CallPart) {
        self.show_state(side);
        let rail = match part {
            CallPart::Begins => Rail::Begins,
            CallPart::Returns => Rail::Returns,
            CallPart::AtOnce if self.blocked[side as usize] > 0 => Rail::Blocked,
            CallPart::AtOnce => Rail::Free,
        };
        let row = self.row(Between::Nothing);
        let end = self.end(row, side);
        end.note = Some(Note::Call(text.to_owned()));
        end.rail = rail;
        let blocked = &mut self.blocked[side as usize];
        match part {
            CallPart::Begins => *blocked += 1,
            CallPart::Returns => *blocked = blocked.saturating_sub(1),
            CallPart::AtOnce => {}
        }
    }

    /// A state that no segment took along gets a row of its own.
    fn show_state(&mut self, side: Side) {
        if let Some((state, since)) = self.states[side as usize].take() {
            let row = self.row(Between::Nothing);
            let end = self.end(row, side);
            end.time_ns = Some(since);
            end.note = Some(Note::State(state));
        }
    }

    /// A new row, with the rails as they are.
    fn row(&mut self, between: Between) -> usize {
        let rail = |blocked: u32| End {
            rail: if blocked > 0 { Rail::Blocked } else { Rail::Free },
            ..End::default()
        };
        self.rows.push(Row { ends: self.blocked.map(rail), between });
        self.rows.len() - 1
    }

    fn end(&mut self, row: usize, side: Side) -> &mut End {
        &mut self.rows[row].ends[side as usize]
    }
}

/// The flags that occupy a sequence number.
const SYN_OR_FIN: u32 = 3;

/// The name, as the RFC writes it.
fn state_name(state: TcpState) -> &'static str {
    match state {
        TcpState::Unspecified => "",
        TcpState::Closed => "CLOSED",
        TcpState::Listen => "LISTEN",
        TcpState::SynSent => "SYN-SENT",
        TcpState::SynReceived => "SYN-RECEIVED",
        TcpState::Established => "ESTABLISHED",
        TcpState::FinWait1 => "FIN-WAIT-1",
        TcpState::FinWait2 => "FIN-WAIT-2",
        TcpState::CloseWait => "CLOSE-WAIT",
        TcpState::Closing => "CLOSING",
        TcpState::LastAck => "LAST-ACK",
        TcpState::TimeWait => "TIME-WAIT",
    }
}
