//! What one side of a workload counts.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use sockwright_engine::host::Errno;
use sockwright_engine::id::SocketId;
use sockwright_engine::time::Instant;

use super::pattern::Mismatch;

/// The counters of a side.
#[derive(Debug)]
pub(super) struct Tally {
    counts: Counts,
    connect_time: Histogram<u64>,
    response_time: Histogram<u64>,
    /// From the first connection that was established to the last octet.
    active: Option<(Instant, Instant)>,
    /// What was told last: when, and how many octets there were each way.
    told: (Instant, u64, u64),
    /// Changes whenever anything else does.
    moves: u64,
}

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Connections that were tried, or came.
    pub(crate) opened: u64,
    /// Those whose handshake succeeded.
    pub(crate) established: u64,
    /// Those that ended as they should.
    pub(crate) closed: u64,
    /// Those that did not.
    pub(crate) failed: BTreeMap<&'static str, u64>,
    /// Octets acknowledged.
    pub(crate) sent: u64,
    /// Octets that came.
    pub(crate) received: u64,
    /// Segments sent again.
    pub(crate) retransmissions: u64,
    /// Requests answered.
    pub(crate) exchanges: u64,
    /// Octets checked and found right.
    pub(crate) verified: u64,
    /// Connections with a wrong one.
    pub(crate) mismatches: u64,
    /// The first of these.
    pub(crate) first_mismatch: Option<(SocketId, Mismatch)>,
}

/// What a side has counted by now.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// When.
    pub(crate) now: Instant,
    /// Since the beginning.
    pub(crate) elapsed: Duration,
    /// See `TrafficFigures.active`.
    pub(crate) active: Duration,
    /// Connections that are there.
    pub(crate) open: usize,
    /// The counters.
    pub(crate) counts: Counts,
    /// Bits a second out and in.
    pub(crate) rates: (u64, u64),
    /// Of handshakes.
    pub(crate) connect_time: Latency,
    /// Of exchanges.
    pub(crate) response_time: Latency,
}

/// Figures of a histogram, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latency {
    /// Measurements.
    pub(crate) count: u64,
    /// The median.
    pub(crate) p50: u64,
    /// The 90th percentile.
    pub(crate) p90: u64,
    /// The 99th.
    pub(crate) p99: u64,
    /// The 99.9th.
    pub(crate) p999: u64,
    /// The most.
    pub(crate) max: u64,
}

impl Tally {
    pub(super) fn new(now: Instant) -> Self {
        Tally {
            counts: Counts::default(),
            connect_time: histogram(),
            response_time: histogram(),
            active: None,
            told: (now, 0, 0),
            moves: 0,
        }
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A number that changes whenever something is counted.
    pub(super) fn moves(&self) -> u64 {
        self.moves
    }

    pub(super) fn opened(&mut self) {
        self.counts.opened += 1;
        self.moves += 1;
    }

    /// A handshake is over; where it began here, it took so long.
    pub(super) fn established(&mut self, now: Instant, took: Option<Duration>) {
        self.counts.established += 1;
        self.moves += 1;
        self.active.get_or_insert((now, now));
        if let Some(took) = took {
            record(&mut self.connect_time, took);
        }
    }

    pub(super) fn closed(&mut self) {
        self.counts.closed += 1;
        self.moves += 1;
    }

    pub(super) fn failed(&mut self, errno: Errno) {
        *self.counts.failed.entry(errno.name()).or_default() += 1;
        self.moves += 1;
    }

    /// The peer acknowledged octets.
    pub(super) fn sent(&mut self, now: Instant, octets: u64) {
        self.counts.sent += octets;
        self.moved(now);
    }

    pub(super) fn received(&mut self, now: Instant, octets: usize) {
        self.counts.received += octets as u64;
        self.moved(now);
    }

    pub(super) fn retransmitted(&mut self, segments: u64) {
        self.counts.retransmissions += segments;
    }

    pub(super) fn verified(&mut self, octets: u64) {
        self.counts.verified += octets;
    }

    pub(super) fn mismatch(&mut self, socket: SocketId, mismatch: Mismatch) {
        self.counts.mismatches += 1;
        self.counts.first_mismatch.get_or_insert((socket, mismatch));
    }

    /// A response came whole, or was given; to the one who asked it took so long.
    pub(super) fn exchanged(&mut self, took: Option<Duration>) {
        self.counts.exchanges += 1;
        if let Some(took) = took {
            record(&mut self.response_time, took);
        }
    }

    fn moved(&mut self, now: Instant) {
        self.moves += 1;
        if let Some((_, last)) = &mut self.active {
            *last = now;
        }
    }

    /// What was counted, with the rates since the last time that it was asked.
    pub(super) fn progress(&mut self, began: Instant, now: Instant, open: usize) -> Figures {
        let (since, sent, received) =
            std::mem::replace(&mut self.told, (now, self.counts.sent, self.counts.received));
        let lately = now - since;
        let rates = (rate(self.counts.sent - sent, lately), rate(self.counts.received - received, lately));
        self.figures(began, now, open, rates)
    }

    /// What was counted, with the rates over all.
    pub(super) fn total(&self, began: Instant, now: Instant, open: usize) -> Figures {
        let active = self.active_for();
        let rates = (rate(self.counts.sent, active), rate(self.counts.received, active));
        self.figures(began, now, open, rates)
    }

    fn figures(&self, began: Instant, now: Instant, open: usize, rates: (u64, u64)) -> Figures {
        Figures {
            now,
            elapsed: now - began,
            active: self.active_for(),
            open,
            counts: self.counts.clone(),
            rates,
            connect_time: latency(&self.connect_time),
            response_time: latency(&self.response_time),
        }
    }

    fn active_for(&self) -> Duration {
        self.active.map_or(Duration::ZERO, |(first, last)| last - first)
    }
}

/// Bits a second.
fn rate(octets: u64, time: Duration) -> u64 {
    match time.as_nanos() {
        0 => 0,
        nanos => u64::try_from(u128::from(octets) * 8_000_000_000 / nanos).unwrap_or(u64::MAX),
    }
}

fn record(histogram: &mut Histogram<u64>, took: Duration) {
    histogram.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    let at = |quantile| histogram.value_at_quantile(quantile);
    match histogram.len() {
        0 => Latency::default(),
        count => Latency {
            count,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max(),
        },
    }
}

/// Up to ten hours in nanoseconds; what takes longer counts as so long. Three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 36_000_000_000_000, 3).expect("the bounds are those of a histogram")
}
