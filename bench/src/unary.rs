//! A call that puts a segment on the wire, beside one that does nothing.
//!
//! Ours is `Send` of an octet on a connection inside a lab whose clock is real: when it returns, the segment has left and
//! its events are published. Client, server and engine are in one process, over TCP on loopback.

use std::time::Instant;

use hdrhistogram::Histogram;
use sockwright_proto::v1::sockets_client::SocketsClient;
use sockwright_proto::v1::{self as pb, run_request};
use sockwright_server::config::Config;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::bare::{Bare, with_bare};
use crate::figure::{Better, Bounds, Case, Figure, Round, Sample};
use crate::service::with_server;
use crate::two_stacks::TwoStacks;

/// One call at a time, and sixty-four.
pub(crate) const CASE: Case = Case {
    name: "unary",
    figures: &[
        figure("a call that sends a segment, one in flight, p50"),
        figure("a call that sends a segment, 64 in flight, p50"),
    ],
    measure,
    once: false,
};

const fn figure(name: &'static str) -> Figure {
    Figure {
        name,
        peer: "an empty tonic call",
        unit: "us",
        better: Better::Lower,
        bounds: Bounds::Ratio { at_least: 1.5, aim: 1.2 },
        point: None,
    }
}

fn measure(round: &Round) -> anyhow::Result<Vec<Sample>> {
    let samples = [1, MANY].map(|in_flight| round.compare(|| ours(in_flight), || theirs(in_flight)));
    samples.into_iter().collect()
}

fn ours(in_flight: usize) -> anyhow::Result<f64> {
    with_server(Config::default(), async |channel| {
        let lab = TwoStacks::create(&channel, pb::Clock::Real, 1500).await?;
        let (_sink, remote) = lab.listening(run_request::Role::Sink(pb::TrafficSink {})).await?;
        let mut tasks = JoinSet::new();
        for _ in 0..in_flight {
            let socket = lab.connect(&remote).await?;
            tasks.spawn(sends(SocketsClient::new(channel.clone()), socket, CALLS / in_flight));
        }
        median(tasks).await
    })
}

fn theirs(in_flight: usize) -> anyhow::Result<f64> {
    with_bare(async |bare| {
        let mut tasks = JoinSet::new();
        for _ in 0..in_flight {
            tasks.spawn(nothings(bare.clone(), CALLS / in_flight));
        }
        median(tasks).await
    })
}

async fn sends(
    mut client: SocketsClient<Channel>,
    socket: u64,
    calls: usize,
) -> anyhow::Result<Histogram<u64>> {
    let mut times = Histogram::new(3)?;
    for _ in 0..calls {
        let called = Instant::now();
        client.send(pb::SendRequest { socket, data: "x".into(), ..Default::default() }).await?;
        times.record(called.elapsed().as_nanos() as u64)?;
    }
    Ok(times)
}

async fn nothings(mut bare: Bare, calls: usize) -> anyhow::Result<Histogram<u64>> {
    let mut times = Histogram::new(3)?;
    for _ in 0..calls {
        let called = Instant::now();
        bare.nothing().await?;
        times.record(called.elapsed().as_nanos() as u64)?;
    }
    Ok(times)
}

/// Of all tasks, in microseconds.
async fn median(mut tasks: JoinSet<anyhow::Result<Histogram<u64>>>) -> anyhow::Result<f64> {
    let mut all = Histogram::<u64>::new(3)?;
    while let Some(times) = tasks.join_next().await {
        all.add(times??)?;
    }
    Ok(all.value_at_quantile(0.5) as f64 / 1e3)
}

/// Calls in flight.
const MANY: usize = 64;
/// Calls that are measured.
const CALLS: usize = 10_048;
