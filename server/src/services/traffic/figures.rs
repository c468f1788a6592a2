//! What a workload tells, in the contract's words.

use sockwright_proto::v1 as pb;
use sockwright_proto::v1::run_response::Part;

use crate::convert::duration_to_proto;
use crate::stack::traffic::{End, Figures, Latency, Told};

/// Progress, or the report.
pub(super) fn told_to_proto(told: Told) -> pb::RunResponse {
    let Told { figures, peer, end, at } = told;
    let (figures, peer) = (Some(figures_to_proto(&figures)), peer.as_ref().map(figures_to_proto));
    let part = match end {
        None => Part::Progress(pb::TrafficProgress { figures, peer }),
        Some(end) => Part::Report(pb::TrafficReport { figures, peer, ended_by: end_to_proto(end).into() }),
    };
    pb::RunResponse { part: Some(part), at: Some(at) }
}

fn end_to_proto(end: End) -> pb::TrafficEnd {
    match end {
        End::Octets => pb::TrafficEnd::Octets,
        End::Connections => pb::TrafficEnd::Connections,
        End::Exchanges => pb::TrafficEnd::Exchanges,
        End::Time => pb::TrafficEnd::Time,
        End::Session => pb::TrafficEnd::Session,
    }
}

fn figures_to_proto(figures: &Figures) -> pb::TrafficFigures {
    let counts = &figures.counts;
    let first = counts.first_mismatch.map(|(socket, mismatch)| pb::PatternMismatch {
        socket: socket.0,
        offset: mismatch.offset,
        expected: mismatch.expected.into(),
        found: mismatch.found.into(),
    });
    let checks = counts.verified > 0 || counts.mismatches > 0;
    pb::TrafficFigures {
        time_ns: figures.now.as_nanos(),
        elapsed: Some(duration_to_proto(figures.elapsed)),
        active: Some(duration_to_proto(figures.active)),
        opened: counts.opened,
        established: counts.established,
        closed: counts.closed,
        failed: counts.failed.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        open: figures.open as u64,
        octets_sent: counts.sent,
        octets_received: counts.received,
        sent_bps: figures.rates.0,
        received_bps: figures.rates.1,
        retransmissions: counts.retransmissions,
        exchanges: counts.exchanges,
        connect_time: Some(latency_to_proto(figures.connect_time)),
        response_time: Some(latency_to_proto(figures.response_time)),
        pattern: checks.then_some(pb::PatternFigures {
            verified: counts.verified,
            mismatches: counts.mismatches,
            first,
        }),
    }
}

fn latency_to_proto(latency: Latency) -> pb::Latency {
    let Latency { count, p50, p90, p99, p999, max } = latency;
    pb::Latency { count, p50_ns: p50, p90_ns: p90, p99_ns: p99, p999_ns: p999, max_ns: max }
}
