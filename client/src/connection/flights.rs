//! What became of each segment of a connection: when it left, when it arrived, whether it was lost, and why it was sent.
//!
//! Owns: the matching of what one end sent with what the other received, where both ends are ours; of faults with the segment
//! that they hit; and of retransmissions with their reason. What happened at an end that is not ours is not guessed.
//!
//! ```text
//! SegmentSent at 0.000, SegmentReceived at 0.010  ->  Flight { from: Near, sent: 0.000, arrival: 0.010, fate: Arrived }
//! SegmentSent at 0.020, FrameLost LOST            ->  Flight { from: Near, sent: 0.020, fate: Lost, faults: [LOST] }
//! ```

use sockwright_proto::v1;
use sockwright_proto::v1::event::Kind;

use super::{Connection, Side};

/// A segment on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Flight<'a> {
    /// The `seq` of the event that told of it first.
    pub id: u64,
    /// Who sent it.
    pub from: Side,
    /// The segment as its sender told it, or else its receiver.
    pub segment: &'a v1::Segment,
    /// When it left, where its sender is ours.
    pub sent_ns: Option<u64>,
    /// The `seq` of its arrival and when that was, if it did and its receiver is ours.
    pub arrival: Option<(u64, u64)>,
    /// What became of it.
    pub fate: Fate,
    /// Why it was dropped, or what the link did: `OUTSIDE_WINDOW`, `LOST`, `REORDERED`.
    pub faults: Vec<&'a str>,
    /// Why it carries something again, if it does.
    pub again: Option<v1::RetransmissionReason>,
}

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was taken.
    Arrived,
    /// It arrived and was dropped.
    Dropped,
    /// A link lost it; or it did not arrive, and what was sent later did.
    Lost,
    /// It may yet arrive.
    UnderWay,
    /// Its other end is not ours.
    Unknown,
}

/// The flights of a connection, in the order in which they were first told of.
pub fn flights(connection: &Connection) -> Vec<Flight<'_>> {
    let mut matching = Matching::new(connection);
    for event in connection.events() {
        matching.take(event);
    }
    matching.end()
}

/// The sequence numbers that a segment takes: its data, and one each for SYN and FIN.
pub fn sequence_length(segment: &v1::Segment) -> u32 {
    segment.length + u32::from(segment.flags & SYN != 0) + u32::from(segment.flags & FIN != 0)
}

struct Matching<'a> {
    connection: &'a Connection,
    all: Vec<Flight<'a>>,
    ends: [Matched; 2],
}

/// What is under way from one side, and what it is about to send.
#[derive(Default)]
struct Matched {
    /// Flights of this side, by their place, that were not seen to arrive.
    pending: Vec<usize>,
    /// Why the next segment carries something again.
    again: Option<v1::RetransmissionReason>,
    /// The flight that arrived here last.
    arrived: Option<usize>,
}

impl<'a> Matching<'a> {
    fn new(connection: &'a Connection) -> Self {
        Self { connection, all: Vec::new(), ends: Default::default() }
    }

    fn take(&mut self, event: &'a v1::Event) {
        let Some(kind) = &event.kind else { return };
        if let Kind::FrameLost(lost) = kind {
            return self.fault(&lost.what, &lost.text);
        }
        let Some(side) = self.side_of(event, kind) else { return };
        match kind {
            Kind::Retransmission(retransmission) => self.of(side).again = Some(retransmission.reason()),
            Kind::SegmentSent(segment) => self.sent(event, side, segment),
            Kind::SegmentReceived(segment) => _ = self.received(event, side, segment),
            Kind::SegmentDropped(v1::SegmentDropped { segment: Some(segment), reason }) => {
                self.dropped(event, side, segment, reason);
            }
            _ => {}
        }
    }

    /// What was sent before something that arrived, and did not arrive itself, is lost as far as can be seen.
    fn end(mut self) -> Vec<Flight<'a>> {
        for side in [Side::Near, Side::Far] {
            let arrived = |flight: &Flight<'_>| flight.from == side && flight.arrival.is_some();
            let last = self.all.iter().rposition(arrived).unwrap_or(0);
            for place in std::mem::take(&mut self.of(side).pending) {
                if self.all[place].fate == Fate::UnderWay && place < last {
                    self.all[place].fate = Fate::Lost;
                }
            }
        }
        self.all
    }

    fn of(&mut self, side: Side) -> &mut Matched {
        &mut self.ends[side as usize]
    }

    /// The side that an event happened at; nothing where it belongs to neither.
    fn side_of(&self, event: &v1::Event, kind: &Kind) -> Option<Side> {
        let both = [Side::Near, Side::Far];
        let socket = |side| self.connection.end(side).map(|end| end.socket.summary.socket);
        if event.socket != 0
            && let Some(side) = both.into_iter().find(|side| socket(*side) == Some(event.socket))
        {
            return Some(side);
        }
        // A SYN arrives at the listener, and some of what is dropped at nobody: its addresses tell whose it is.
        let (segment, leaves) = match kind {
            Kind::SegmentSent(segment) => (segment, true),
            Kind::SegmentReceived(segment) => (segment, false),
            Kind::SegmentDropped(dropped) => (dropped.segment.as_ref()?, false),
            _ => return None,
        };
        both.into_iter().find(|side| {
            let from = if leaves { *side } else { side.other() };
            let is_there =
                self.connection.end(*side).is_some_and(|end| end.socket.summary.stack == event.stack);
            is_there && self.goes(segment, from)
        })
    }

    fn goes(&self, segment: &v1::Segment, from: Side) -> bool {
        let is = |one: &Option<v1::SocketAddress>, side| {
            one.is_some() && one.as_ref() == self.connection.address(side)
        };
        is(&segment.source, from) && is(&segment.destination, from.other())
    }

    fn sent(&mut self, event: &v1::Event, from: Side, segment: &'a v1::Segment) {
        let is_ours = self.connection.end(from.other()).is_some();
        let fate = if is_ours { Fate::UnderWay } else { Fate::Unknown };
        let place = self.fly(event.seq, from, segment, Some(event.time_ns), fate);
        if is_ours {
            self.of(from).pending.push(place);
        }
    }

    /// Gives the place of the flight that arrived.
    fn received(&mut self, event: &v1::Event, at: Side, segment: &'a v1::Segment) -> usize {
        let from = at.other();
        let place = match self.take_pending(from, segment) {
            Some(place) => place,
            None => self.fly(event.seq, from, segment, None, Fate::Arrived),
        };
        let flight = &mut self.all[place];
        flight.arrival = Some((event.seq, event.time_ns));
        flight.fate = Fate::Arrived;
        self.of(at).arrived = Some(place);
        place
    }

    fn dropped(&mut self, event: &v1::Event, at: Side, segment: &'a v1::Segment, reason: &'a str) {
        let told = self.of(at).arrived.filter(|place| {
            let flight = &self.all[*place];
            let now = flight.arrival.is_some_and(|(_, at_ns)| at_ns == event.time_ns);
            now && flight.fate == Fate::Arrived && same(flight.segment, segment)
        });
        let place = match told {
            Some(place) => place,
            None => self.received(event, at, segment),
        };
        self.all[place].fate = Fate::Dropped;
        self.all[place].faults.push(reason);
    }

    /// What a link did to a frame; its text has the numbers of the wire.
    fn fault(&mut self, what: &'a str, text: &str) {
        let Some(frame) = Frame::read(text) else { return };
        for from in [Side::Near, Side::Far] {
            let is =
                |end: &str, side| self.connection.address(side).is_some_and(|at| address_text(at) == end);
            if !is(frame.source, from) || !is(frame.destination, from.other()) {
                continue;
            }
            let pending = &self.ends[from as usize].pending;
            let Some(hit) = pending.iter().rposition(|place| frame.is(self.all[*place].segment)) else {
                continue;
            };
            let place = pending[hit];
            self.all[place].faults.push(what);
            if GONE.contains(&what) {
                self.all[place].fate = Fate::Lost;
                self.of(from).pending.remove(hit);
            }
            return;
        }
    }

    fn fly(
        &mut self,
        id: u64,
        from: Side,
        segment: &'a v1::Segment,
        sent_ns: Option<u64>,
        fate: Fate,
    ) -> usize {
        let again = self.of(from).again.take();
        self.all.push(Flight { id, from, segment, sent_ns, arrival: None, fate, faults: Vec::new(), again });
        self.all.len() - 1
    }

    /// The flight that a segment which arrived was. The same acknowledgment may be under way several times, and the first of
    /// them is meant; the same data is if the one before was lost. A link that cuts or joins segments gives parts of what was
    /// sent.
    fn take_pending(&mut self, from: Side, segment: &v1::Segment) -> Option<usize> {
        let pending = &self.ends[from as usize].pending;
        let equal = |place: &usize| same(self.all[*place].segment, segment);
        let whole = if sequence_length(segment) > 0 {
            pending.iter().rposition(equal)
        } else {
            pending.iter().position(equal)
        };
        let part = || pending.iter().rposition(|place| touches(self.all[*place].segment, segment));
        let found = whole.or_else(part)?;
        Some(self.of(from).pending.remove(found))
    }
}

/// A frame as it is printed: `10.0.0.1:49152 > 10.0.0.2:80: P. 4711:4721(10) ack ...`.
struct Frame<'a> {
    source: &'a str,
    destination: &'a str,
    flags: &'a str,
    seq: u32,
    length: u32,
}

impl<'a> Frame<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut words = text.split(' ');
        let (source, arrow, destination) = (words.next()?, words.next()?, words.next()?);
        let (flags, numbers) = (words.next()?, words.next()?);
        let (seq, rest) = numbers.split_once(':')?;
        let (_, length) = rest.trim_end_matches(')').split_once('(')?;
        let destination = destination.strip_suffix(':').filter(|_| arrow == ">")?;
        Some(Self { source, destination, flags, seq: seq.parse().ok()?, length: length.parse().ok()? })
    }

    fn is(&self, segment: &v1::Segment) -> bool {
        let flags = segment.text.split(' ').next();
        flags == Some(self.flags) && segment.seq == self.seq && segment.length == self.length
    }
}

/// As frames are printed: `10.0.0.1:80`, `[2001:db8::1]:80`.
pub(super) fn address_text(address: &v1::SocketAddress) -> String {
    let v1::SocketAddress { ip, port } = address;
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

fn same(one: &v1::Segment, two: &v1::Segment) -> bool {
    let key = |at: &v1::Segment| (at.seq, at.ack, at.flags, at.length, at.window);
    key(one) == key(two)
}

/// Whether a segment that arrived holds data of one that was sent.
fn touches(sent: &v1::Segment, arrived: &v1::Segment) -> bool {
    let offset = i64::from(arrived.seq.wrapping_sub(sent.seq).cast_signed());
    let (sent, arrived) = (i64::from(sent.length), i64::from(arrived.length));
    sent > 0 && arrived > 0 && offset < sent && offset > -arrived
}

const FIN: u32 = 1;
const SYN: u32 = 2;
/// What a link does to a frame that then never arrives.
const GONE: [&str; 4] = ["LOST", "QUEUE_FULL", "TOO_BIG", "NO_SUCH_HOST"];
