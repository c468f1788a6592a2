//! Events to one LOSSLESS watcher, beside small messages that tonic streams alone.
//!
//! Connections inside a lab exchange requests and responses of an octet; the watch asks for every kind of event. The lab's
//! clock is moved by the client, a step ahead of what the watcher has received: so the watcher is never overtaken, and
//! engine, server and client work at the same time. Each number is looked at: one that is missing ends the benchmark.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use sockwright_proto::v1::events_client::EventsClient;
use sockwright_proto::v1::networks_client::NetworksClient;
use sockwright_proto::v1::{self as pb, advance_time_request, run_request, watch_response};
use sockwright_server::config::Config;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::bare::with_bare;
use crate::figure::{Better, Bounds, Case, Figure, Round, Sample};
use crate::service::with_server;
use crate::two_stacks::TwoStacks;

/// All kinds of event.
pub(crate) const CASE: Case = Case {
    name: "events",
    figures: &[Figure {
        name: "events to one LOSSLESS watcher",
        peer: "tonic alone, small messages by 64",
        unit: "/s",
        better: Better::Higher,
        bounds: Bounds::Value { at_least: 1e6, aim: 3e6 },
        point: None,
    }],
    measure,
    once: false,
};

fn measure(round: &Round) -> anyhow::Result<Vec<Sample>> {
    Ok(vec![round.compare(|| ours(round.length), || theirs(round.length))?])
}

fn ours(length: Duration) -> anyhow::Result<f64> {
    with_server(Config::default(), async |channel| {
        let lab = TwoStacks::create(&channel, pb::Clock::Manual, 1500).await?;
        told_to_one(channel, &lab, length).await
    })
}

/// Events a second that one LOSSLESS watcher of everything is told. A number that is missing is an error.
pub(crate) async fn told_to_one(channel: Channel, lab: &TwoStacks, length: Duration) -> anyhow::Result<f64> {
    let role = pb::TrafficRequestResponse { request_bytes: 1, response_bytes: 1, part: 0 };
    let _traffic = lab.between(run_request::Role::RequestResponse(role), CONNECTIONS).await?;
    let watch = EventsClient::new(channel.clone()).watch(everything(pb::Delivery::Lossless)).await?;
    let mut events = Watch::begin(watch.into_inner()).await?;
    let mut networks = NetworksClient::new(channel);
    let mut advance = async || {
        let how = Some(advance_time_request::How::Steps(STEPS));
        let request = pb::AdvanceTimeRequest { lab: "bench".into(), how };
        let at = networks.advance_time(request).await?.into_inner().at;
        anyhow::Ok(at.map_or(0, |at| at.seq))
    };
    let mut told = advance().await?;
    let (began, first) = (Instant::now(), events.last);
    while began.elapsed() < length {
        let (next, received) = tokio::join!(advance(), events.up_to(told));
        (told, _) = (next?, received?);
    }
    Ok((events.last - first) as f64 / began.elapsed().as_secs_f64())
}

/// A watch of every kind of event.
pub(crate) fn everything(delivery: pb::Delivery) -> pb::WatchRequest {
    let kinds = (1..).map_while(|kind| pb::EventKind::try_from(kind).ok()).map(i32::from).collect();
    let filter = pb::Filter { kinds, ..Default::default() };
    pb::WatchRequest { filter: Some(filter), delivery: delivery.into(), ..Default::default() }
}

/// A watch that looks at each number.
struct Watch {
    responses: Streaming<pb::WatchResponse>,
    last: u64,
}

impl Watch {
    /// Takes in the snapshot.
    async fn begin(mut responses: Streaming<pb::WatchResponse>) -> anyhow::Result<Self> {
        while let Some(response) = responses.message().await? {
            if let Some(watch_response::Part::Snapshot(pb::Snapshot { last: true, at: Some(at), .. })) =
                response.part
            {
                return Ok(Watch { responses, last: at.seq });
            }
        }
        bail!("the watch ended")
    }

    /// Receives until the event of this number is there.
    async fn up_to(&mut self, seq: u64) -> anyhow::Result<()> {
        while self.last < seq {
            let Some(response) = self.responses.message().await? else { bail!("the watch ended") };
            let Some(watch_response::Part::Events(batch)) = response.part else { bail!("{response:?}") };
            for event in batch.events {
                ensure!(event.seq == self.last + 1, "{} after {}", event.seq, self.last);
                self.last = event.seq;
            }
        }
        Ok(())
    }
}

fn theirs(length: Duration) -> anyhow::Result<f64> {
    with_bare(async |mut bare| {
        let (began, mut received) = (Instant::now(), 0);
        while began.elapsed() < length {
            bare.count(COUNT, BATCH).await?;
            received += COUNT;
        }
        Ok(received as f64 / began.elapsed().as_secs_f64())
    })
}

/// Connections that exchange octets.
const CONNECTIONS: u32 = 64;
/// Steps at a time: in each the segments of all connections may arrive, each told in a few events. Those of two times may
/// wait for the watcher, which is allowed 65,536.
const STEPS: u32 = 32;
/// Numbers in one call, and in one message of it.
const COUNT: u64 = 1 << 20;
const BATCH: u64 = 64;
