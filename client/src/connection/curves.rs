//! The variables of the socket over time: windows, and round trips.
//!
//! Owns: the points that curves are drawn from, which events and `GetInfo` told. A value holds until the next one. Times are
//! nanoseconds on the stack's clock; windows are octets, round trips are nanoseconds.

use sockwright_proto::v1;
use sockwright_proto::v1::event::Kind;

use super::flights::{Fate, Flight, sequence_length};
use super::{Connection, Side};

/// The points of one variable: times ascending, and values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    points: Vec<(u64, u64)>,
}

/// The windows of the sender, in octets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Windows {
    /// The congestion window.
    pub cwnd: Curve,
    /// The slow-start threshold; no points before the first loss.
    pub ssthresh: Curve,
    /// SND.NXT less SND.UNA.
    pub flight: Curve,
    /// What the peer takes: SND.WND.
    pub rwnd: Curve,
}

/// The round trips, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoundTrips {
    /// Each as it was measured.
    pub rtt: Curve,
    /// Smoothed.
    pub srtt: Curve,
    /// The retransmission timeout that follows.
    pub rto: Curve,
}

impl Curve {
    /// The last value.
    pub fn last(&self) -> Option<u64> {
        self.points.last().map(|(_, value)| *value)
    }

    /// The largest value.
    pub fn largest(&self) -> Option<u64> {
        self.points.iter().map(|(_, value)| *value).max()
    }

    /// When the first value was told.
    pub fn since_ns(&self) -> Option<u64> {
        self.points.first().map(|(at, _)| *at)
    }

    /// The value at the end of each of `count` equal parts of a span of time; nothing before the first value.
    pub fn sampled(&self, from_ns: u64, to_ns: u64, count: usize) -> Vec<Option<u64>> {
        let span = u128::from(to_ns.saturating_sub(from_ns));
        let mut points = self.points.iter().peekable();
        let mut value = None;
        (1..=count as u128)
            .map(|part| {
                let until = from_ns + (span * part / count as u128) as u64;
                while let Some((_, next)) = points.next_if(|(at, _)| *at <= until) {
                    value = Some(*next);
                }
                value
            })
            .collect()
    }

    fn push(&mut self, at_ns: u64, value: u64) {
        self.points.push((at_ns, value));
    }

    /// Into the order of time. Two points of one time keep theirs.
    fn settle(&mut self) {
        self.points.sort_by_key(|(at, _)| *at);
    }
}

/// The windows of the socket.
pub fn windows(connection: &Connection, flights: &[Flight<'_>]) -> Windows {
    let mut windows = Windows::default();
    for event in own_events(connection) {
        match &event.kind {
            Some(Kind::Congestion(congestion)) => {
                windows.cwnd.push(event.time_ns, congestion.cwnd.into());
                windows.threshold(event.time_ns, congestion.ssthresh);
            }
            Some(Kind::Windows(changed)) => windows.rwnd.push(event.time_ns, changed.snd_wnd.into()),
            _ => {}
        }
    }
    windows.in_flight(flights);
    for (time_ns, tcp) in told(connection) {
        windows.cwnd.push(time_ns, tcp.cwnd.into());
        windows.threshold(time_ns, tcp.ssthresh);
        windows.flight.push(time_ns, tcp.unacked.into());
        windows.rwnd.push(time_ns, tcp.snd_wnd.into());
    }
    for curve in [&mut windows.cwnd, &mut windows.ssthresh, &mut windows.flight, &mut windows.rwnd] {
        curve.settle();
    }
    windows
}

/// The round trips that the socket measured.
pub fn round_trips(connection: &Connection) -> RoundTrips {
    let mut trips = RoundTrips::default();
    for event in own_events(connection) {
        if let Some(Kind::RttSample(sample)) = &event.kind {
            trips.rtt.push(event.time_ns, sample.rtt_ns);
            trips.srtt.push(event.time_ns, sample.srtt_ns);
            trips.rto.push(event.time_ns, sample.rto_ns);
        }
    }
    for (time_ns, tcp) in told(connection) {
        if tcp.rtt_us > 0 {
            trips.srtt.push(time_ns, tcp.rtt_us * 1000);
        }
        trips.rto.push(time_ns, tcp.rto_us * 1000);
    }
    for curve in [&mut trips.rtt, &mut trips.srtt, &mut trips.rto] {
        curve.settle();
    }
    trips
}

impl Windows {
    fn threshold(&mut self, at_ns: u64, ssthresh: u32) {
        if ssthresh != NO_THRESHOLD {
            self.ssthresh.push(at_ns, ssthresh.into());
        }
    }

    /// From what was sent and what was acknowledged.
    fn in_flight(&mut self, flights: &[Flight<'_>]) {
        let mut points: Vec<(u64, u64, Point)> = Vec::new();
        for flight in flights {
            let segment = flight.segment;
            match (flight.from, flight.sent_ns, flight.arrival) {
                (Side::Near, Some(sent_ns), _) if sequence_length(segment) > 0 => {
                    let next = segment.seq.wrapping_add(sequence_length(segment));
                    points.push((flight.id, sent_ns, Point::Next(next)));
                }
                (Side::Far, _, Some((id, at_ns)))
                    if flight.fate == Fate::Arrived && segment.flags & ACK != 0 =>
                {
                    points.push((id, at_ns, Point::Una(segment.ack)));
                }
                _ => {}
            }
        }
        points.sort_by_key(|(id, ..)| *id);
        let (mut next, mut una): (Option<u32>, Option<u32>) = (None, None);
        let later = |known: Option<u32>, told: u32| match known {
            Some(known) if told.wrapping_sub(known).cast_signed() <= 0 => Some(known),
            _ => Some(told),
        };
        for (_, at_ns, point) in points {
            match point {
                Point::Next(told) => next = later(next, told),
                Point::Una(told) => una = later(una, told),
            }
            if let (Some(next), Some(una)) = (next, una) {
                self.flight.push(at_ns, next.wrapping_sub(una).cast_signed().max(0).cast_unsigned().into());
            }
        }
    }
}

enum Point {
    Next(u32),
    Una(u32),
}

fn own_events(connection: &Connection) -> impl Iterator<Item = &v1::Event> {
    connection.events().filter(|event| event.socket == connection.socket())
}

fn told(connection: &Connection) -> impl Iterator<Item = (u64, &v1::TcpInfo)> {
    connection.told.iter().filter_map(|info| Some((info.time_ns, info.tcp.as_ref()?)))
}

const ACK: u32 = 16;
/// The slow-start threshold before the first loss.
const NO_THRESHOLD: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_holds_until_the_next_one() {
        let curve = Curve { points: vec![(10, 1), (10, 2), (25, 3), (40, 4)] };
        assert_eq!(curve.sampled(0, 50, 5), [Some(2), Some(2), Some(3), Some(4), Some(4)]);
        assert_eq!(curve.sampled(0, 9, 3), [None; 3]);
        assert_eq!(curve.sampled(30, 30, 2), [Some(3); 2]);
        assert_eq!((curve.last(), curve.largest(), curve.since_ns()), (Some(4), Some(4), Some(10)));
    }
}
