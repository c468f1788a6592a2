//! A connection as the rows of a ladder: segments between two columns, states beside them.
//!
//! Owns: the order of rows, and which change of state stands beside which segment: one that a segment made, where that
//! arrived; one that a call or a timer made, where the segment left that it had sent. Knows no width.
//!
//! ```text
//! near                                            far
//! 0.000 SYN-SENT    |--- S 0:0(0) win 65535 --->| SYN-RECEIVED 0.010    Rung { ends: [End, End], what: Flight }
//! 0.020 ESTABLISHED |<-- S. 0:0(0) ack 1 ... ---|              0.010
//! ```

use std::collections::BTreeMap;

use sockwright_proto::v1;
use sockwright_proto::v1::cause::Cause;

use super::flights::{Flight, flights};
use super::road::{Step, road};
use super::{Connection, Side};

/// A row of a ladder.
#[derive(Clone, Debug, PartialEq)]
pub struct Rung<'a> {
    /// The near end and the far one.
    pub ends: [End<'a>; 2],
    /// What is between them.
    pub what: What<'a>,
}

/// One end of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct End<'a> {
    /// When something happened at this end, on its stack's clock.
    pub at_ns: Option<u64>,
    /// The state that it entered.
    pub step: Option<Step<'a>>,
}

/// What is between the ends.
#[derive(Clone, Debug, PartialEq)]
pub enum What<'a> {
    /// A segment.
    Flight(Flight<'a>),
    /// Nothing: an end entered a state, and no segment went along.
    State,
    /// So many nanoseconds in which nothing happened.
    Wait(u64),
    /// Events are missing.
    Gap(&'a v1::Gap),
}

impl<'a> Rung<'a> {
    /// An end.
    pub fn end(&self, side: Side) -> &End<'a> {
        &self.ends[side as usize]
    }

    fn new(what: What<'a>) -> Self {
        Self { ends: Default::default(), what }
    }
}

/// The rows, in the order of what happened.
pub fn ladder(connection: &Connection) -> Vec<Rung<'_>> {
    let flights: BTreeMap<u64, Flight<'_>> =
        flights(connection).into_iter().map(|flight| (flight.id, flight)).collect();
    let steps: BTreeMap<u64, (Side, Step<'_>)> = [Side::Near, Side::Far]
        .into_iter()
        .flat_map(|side| road(connection, side).into_iter().map(move |step| (step.seq, (side, step))))
        .collect();
    let mut rows = Rows { gaps: connection.gaps().clone(), ..Rows::default() };
    let arrivals: BTreeMap<u64, u64> =
        flights.values().filter_map(|flight| Some((flight.arrival?.0, flight.id))).collect();
    for event in connection.events() {
        let (flight, step) = (flights.get(&event.seq), steps.get(&event.seq));
        let arrival = arrivals.get(&event.seq);
        if flight.is_none() && step.is_none() && arrival.is_none() {
            continue;
        }
        rows.gaps_before(event.seq, connection.gaps());
        rows.wait_until(event.time_ns);
        if let Some(flight) = flight {
            rows.flight(flight.clone());
        }
        if let Some(flight) = arrival.and_then(|id| flights.get(id)) {
            rows.arrived(flight);
        }
        if let Some((side, step)) = step {
            rows.step(*side, step.clone());
        }
    }
    rows.end(connection.gaps())
}

#[derive(Default)]
struct Rows<'a> {
    rows: Vec<Rung<'a>>,
    gaps: BTreeMap<u64, v1::Gap>,
    /// The row of each flight.
    places: BTreeMap<u64, usize>,
    /// The row of the segment that arrived last, and when.
    arrived: [Option<(usize, u64)>; 2],
    /// A state that a segment may yet go with.
    held: [Option<Step<'a>>; 2],
    now_ns: Option<u64>,
}

impl<'a> Rows<'a> {
    fn gaps_before(&mut self, seq: u64, gaps: &'a BTreeMap<u64, v1::Gap>) {
        while let Some(after) = self.gaps.first_key_value().map(|(after, _)| *after).filter(|at| *at < seq) {
            self.gaps.remove(&after);
            self.release(None);
            self.rows.extend(gaps.get(&after).map(|gap| Rung::new(What::Gap(gap))));
            // What lies between is not known.
            self.now_ns = None;
        }
    }

    fn wait_until(&mut self, time_ns: u64) {
        let waited = time_ns.saturating_sub(self.now_ns.unwrap_or(time_ns));
        if waited > 0 {
            self.release(None);
        }
        if waited >= WORTH_TELLING_NS {
            self.rows.push(Rung::new(What::Wait(waited)));
        }
        self.now_ns = Some(time_ns);
    }

    fn flight(&mut self, flight: Flight<'a>) {
        let (from, to) = (flight.from, flight.from.other());
        self.release(Some(to));
        let mut rung = Rung::new(What::Flight(flight.clone()));
        rung.ends[from as usize] = End { at_ns: flight.sent_ns, step: self.held[from as usize].take() };
        rung.ends[to as usize].at_ns = flight.arrival.map(|(_, at_ns)| at_ns);
        self.places.insert(flight.id, self.rows.len());
        self.rows.push(rung);
    }

    fn arrived(&mut self, flight: &Flight<'a>) {
        if let (Some(row), Some((_, at_ns))) = (self.places.get(&flight.id), flight.arrival) {
            self.arrived[flight.from.other() as usize] = Some((*row, at_ns));
        }
    }

    fn step(&mut self, side: Side, step: Step<'a>) {
        self.release(Some(side));
        let arrived = self.arrived[side as usize].filter(|(_, at_ns)| *at_ns == step.at_ns);
        match (step.cause, arrived) {
            (Some(Cause::Segment(_)), Some((row, _))) if self.rows[row].end(side).step.is_none() => {
                self.rows[row].ends[side as usize].step = Some(step);
            }
            (Some(Cause::Segment(_)), _) => self.state(side, step),
            _ => match self.reset_by(side, step.at_ns) {
                Some(row) => self.rows[row].ends[side as usize].step = Some(step),
                None => self.held[side as usize] = Some(step),
            },
        }
    }

    /// A row for a state alone.
    fn state(&mut self, side: Side, step: Step<'a>) {
        let mut rung = Rung::new(What::State);
        rung.ends[side as usize] = End { at_ns: Some(step.at_ns), step: Some(step) };
        self.rows.push(rung);
    }

    /// The last row, if it is a reset that a side sent at this time: the state that goes with it is told after it.
    fn reset_by(&self, side: Side, at_ns: u64) -> Option<usize> {
        let last = self.rows.last()?;
        let What::Flight(flight) = &last.what else { return None };
        let is_reset =
            flight.segment.flags & RST != 0 && flight.from == side && flight.sent_ns == Some(at_ns);
        (is_reset && last.end(side).step.is_none()).then_some(self.rows.len() - 1)
    }

    /// A state that no segment took along gets a row of its own; that of `only` one side, or of both.
    fn release(&mut self, only: Option<Side>) {
        for side in [Side::Near, Side::Far].into_iter().filter(|side| only.is_none_or(|only| only == *side)) {
            if let Some(step) = self.held[side as usize].take() {
                self.state(side, step);
            }
        }
    }

    fn end(mut self, gaps: &'a BTreeMap<u64, v1::Gap>) -> Vec<Rung<'a>> {
        self.release(None);
        self.gaps_before(u64::MAX, gaps);
        self.rows
    }
}

const RST: u32 = 4;
/// A wait of half a second is a long time for a connection.
const WORTH_TELLING_NS: u64 = 500_000_000;
