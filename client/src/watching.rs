//! A watch that outlives the connection it runs over: it resumes where it was, by `seq`.
//!
//! Owns: what is asked of `Events.Watch`, when it is asked again, and which events were told already. Never touches: what
//! events mean.
//!
//! ```text
//! Line(Live)  Snapshot{begins, ends}  Events  Events  Line(Lost)  Line(Connecting)  Line(Live)  Events  Gap  Snapshot ...
//! ```

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use sockwright_proto::v1;
use sockwright_proto::v1::watch_response::Part;
use tokio::time::Sleep;
use tonic::{Code, Status, Streaming};

use crate::{Client, Error};

/// A watch without an end. Dropping it ends the watch at the server.
pub struct Watching {
    client: Client,
    filter: v1::Filter,
    delivery: v1::Delivery,
    place: Place,
    stage: Stage,
    failures: usize,
}

/// What a watch tells, in the order of the stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The line to the server changed.
    Line(Line),
    /// A part of a snapshot.
    Snapshot {
        /// The sockets of this part.
        sockets: Vec<v1::SocketSummary>,
        /// The first part: what was known of sockets before is void.
        begins: bool,
        /// The last part: the snapshot is complete, and the events after it follow.
        ends: bool,
    },
    /// What happened next: each event once, in the order of `seq`.
    Events {
        /// The run of the server that their `seq` belongs to.
        epoch: u64,
        /// At least one.
        events: Vec<v1::Event>,
    },
    /// Events that are not going to come. A snapshot follows, unless a LOSSLESS watch was too slow: that goes on behind them.
    Gap(v1::Gap),
}

/// The state of the line to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The server is asked, and has not answered.
    Connecting,
    /// The server has answered.
    Live,
    /// It failed, with this message, and is tried again after this long.
    Lost {
        /// Why.
        message: String,
        /// How long until the next attempt.
        again: Duration,
    },
}

impl Watching {
    /// A watch of what `filter` admits, from a snapshot on. It begins as [`Watching::next`] is first called.
    pub fn new(client: &Client, filter: v1::Filter, delivery: v1::Delivery) -> Self {
        let place = Place { lossless: delivery != v1::Delivery::Conflate, ..Place::default() };
        Self { client: client.clone(), filter, delivery, place, stage: Stage::Resting, failures: 0 }
    }

    /// The same, from behind a position on, without a snapshot.
    pub fn after(mut self, position: v1::Position) -> Self {
        self.place.position = Some(position);
        self
    }

    /// The last position that was told; nothing while a snapshot is not complete.
    pub fn position(&self) -> Option<v1::Position> {
        self.place.position
    }

    /// What comes next. Waits as long as nothing does. Dropping the future before it is ready loses nothing.
    ///
    /// Errors: what trying again does not mend, such as `INVALID_ARGUMENT` for a filter that cannot be understood.
    pub async fn next(&mut self) -> Result<Told, Error> {
        loop {
            match &mut self.stage {
                Stage::Resting => return Ok(self.call()),
                Stage::Waiting(sleep) => {
                    sleep.as_mut().await;
                    return Ok(self.call());
                }
                Stage::Calling(answer) => match answer.as_mut().await {
                    Ok(responses) => {
                        self.stage = Stage::Streaming(Box::new(responses));
                        return Ok(Told::Line(Line::Live));
                    }
                    Err(status) => return self.lost(status),
                },
                Stage::Streaming(responses) => match responses.message().await {
                    Ok(Some(response)) => {
                        self.failures = 0;
                        if let Some(told) = self.place.take(response) {
                            return Ok(told);
                        }
                    }
                    // It was told where to go on, and that is no fault of the line.
                    Err(_) if std::mem::take(&mut self.place.cut_off) => _ = self.call(),
                    Ok(None) => return self.lost(Status::unavailable("the server ended the stream")),
                    Err(status) => return self.lost(status),
                },
            }
        }
    }

    fn call(&mut self) -> Told {
        let mut events = self.client.events.clone();
        let request = v1::WatchRequest {
            filter: Some(self.filter.clone()),
            delivery: self.delivery.into(),
            resume: self.place.position,
            queue_limit: 0,
        };
        self.stage = Stage::Calling(Box::pin(async move { Ok(events.watch(request).await?.into_inner()) }));
        Told::Line(Line::Connecting)
    }

    fn lost(&mut self, status: Status) -> Result<Told, Error> {
        self.place.interrupted();
        let again = WAITS[self.failures.min(WAITS.len() - 1)];
        self.failures += 1;
        self.stage = Stage::Waiting(Box::pin(tokio::time::sleep(again)));
        let error = Error::from(status);
        match error.code {
            Code::InvalidArgument | Code::Unimplemented | Code::PermissionDenied | Code::Unauthenticated => {
                Err(error)
            }
            _ => Ok(Told::Line(Line::Lost { message: error.message, again })),
        }
    }
}

impl std::fmt::Debug for Watching {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { filter, delivery, place, .. } = self;
        formatter
            .debug_struct("Watching")
            .field("filter", filter)
            .field("delivery", delivery)
            .field("place", place)
            .finish_non_exhaustive()
    }
}

/// What a watch is at. What it waits for is kept here, so that a call of `next` that is given up loses nothing.
enum Stage {
    Resting,
    Calling(Pin<Box<dyn Future<Output = Result<Streaming<v1::WatchResponse>, Status>> + Send>>),
    Streaming(Box<Streaming<v1::WatchResponse>>),
    Waiting(Pin<Box<Sleep>>),
}

/// Where a watch is in the stream.
#[derive(Debug, Default)]
struct Place {
    lossless: bool,
    position: Option<v1::Position>,
    /// A snapshot has begun and not ended: if the line breaks now, the next one begins anew.
    in_snapshot: bool,
    /// It was too slow: the stream ends now, and is asked to go on behind the gap.
    cut_off: bool,
}

impl Place {
    /// What a response tells that was not told before.
    fn take(&mut self, response: v1::WatchResponse) -> Option<Told> {
        match response.part? {
            Part::Snapshot(v1::Snapshot { sockets, last, at }) => {
                let begins = !self.in_snapshot;
                self.in_snapshot = !last;
                self.position = if last { at } else { None };
                Some(Told::Snapshot { sockets, begins, ends: last })
            }
            Part::Events(v1::EventBatch { epoch, mut events }) => {
                let known = self.position.filter(|position| position.epoch == epoch).map_or(0, |at| at.seq);
                events.retain(|event| event.seq > known);
                let seq = events.last()?.seq;
                self.position = Some(v1::Position { epoch, seq });
                Some(Told::Events { epoch, events })
            }
            Part::Gap(gap) => {
                // Any other gap is followed by a snapshot, without which nothing that is known holds.
                self.cut_off = self.lossless && gap.reason() == v1::GapReason::WatcherTooSlow;
                self.position = if self.cut_off { gap.through } else { None };
                Some(Told::Gap(gap))
            }
        }
    }

    /// The line broke: half a snapshot is none.
    fn interrupted(&mut self) {
        if std::mem::take(&mut self.in_snapshot) {
            self.position = None;
        }
    }
}

/// How long to wait after the first, the second, ... failure in a row; the last one is repeated.
const WAITS: [Duration; 5] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn events(epoch: u64, seqs: &[u64]) -> v1::WatchResponse {
        let events = seqs.iter().map(|seq| v1::Event { seq: *seq, ..Default::default() }).collect();
        v1::WatchResponse { part: Some(Part::Events(v1::EventBatch { epoch, events })) }
    }

    fn snapshot(last: bool) -> v1::WatchResponse {
        let at = Some(v1::Position { epoch: 7, seq: 40 });
        v1::WatchResponse { part: Some(Part::Snapshot(v1::Snapshot { sockets: Vec::new(), last, at })) }
    }

    fn gap(reason: v1::GapReason) -> v1::WatchResponse {
        let at = |seq| Some(v1::Position { epoch: 7, seq });
        let gap = v1::Gap { after: at(10), through: at(20), reason: reason.into() };
        v1::WatchResponse { part: Some(Part::Gap(gap)) }
    }

    fn seqs(told: Option<Told>) -> Vec<u64> {
        match told {
            Some(Told::Events { events, .. }) => events.iter().map(|event| event.seq).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn each_event_is_told_once_and_another_run_counts_anew() {
        let mut place = Place::default();
        assert_eq!(seqs(place.take(events(7, &[3, 5]))), [3, 5]);
        assert_eq!(seqs(place.take(events(7, &[4, 5, 6]))), [6]);
        assert_eq!(place.take(events(7, &[6])), None);
        assert_eq!(seqs(place.take(events(8, &[1]))), [1]);
        assert_eq!(place.position, Some(v1::Position { epoch: 8, seq: 1 }));
    }

    #[test]
    fn half_a_snapshot_is_none() {
        let mut place = Place::default();
        let begins = |told| matches!(told, Some(Told::Snapshot { begins: true, .. }));
        assert!(begins(place.take(snapshot(false))));
        place.interrupted();
        assert_eq!(place.position, None);
        assert!(begins(place.take(snapshot(false))));
        assert!(!begins(place.take(snapshot(true))));
        place.interrupted();
        assert_eq!(place.position, Some(v1::Position { epoch: 7, seq: 40 }));
    }

    #[test]
    fn only_a_lossless_watch_that_was_too_slow_goes_on_behind_its_gap() {
        for (lossless, reason, goes_on) in [
            (true, v1::GapReason::WatcherTooSlow, true),
            (true, v1::GapReason::Forgotten, false),
            (false, v1::GapReason::WatcherTooSlow, false),
            (false, v1::GapReason::OtherEpoch, false),
        ] {
            let mut place = Place { lossless, ..Place::default() };
            place.take(events(7, &[9]));
            place.take(gap(reason));
            assert_eq!(place.cut_off, goes_on);
            assert_eq!(place.position.map(|at| at.seq), goes_on.then_some(20));
        }
    }
}
