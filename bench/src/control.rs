//! Figures of the control plane: from a call to its segment, and from a segment to its watcher.
//!
//! The stack's clock and ours are two readings of one monotonic clock with different origins. The difference is taken from
//! a thousand `GetInfo` calls, each of which brackets the stack's reading between two of ours: the tightest bracket
//! bounds the error, and is printed.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use sockwright_proto::v1::events_client::EventsClient;
use sockwright_proto::v1::sockets_client::SocketsClient;
use sockwright_proto::v1::{self as pb, event, watch_response};
use sockwright_server::config::Config;
use tokio_stream::StreamExt;
use tonic::transport::Channel;

use crate::figure::{Better, Bounds, Case, Figure, Sample};
use crate::service;
use crate::two_stacks::TwoStacks;

/// Calls measured in one round.
const CALLS: usize = 5_000;

pub(crate) const CASE: Case = Case {
    name: "control",
    figures: &[
        figure("RPC to segment on the wire, p50"),
        figure("RPC to segment on the wire, p99"),
        figure("segment to event at a watcher, p50"),
        figure("segment to event at a watcher, p99"),
    ],
    measure: |_| service::with_server(Config::default(), in_a_real_lab),
    once: false,
};

const fn figure(name: &'static str) -> Figure {
    Figure { name, peer: "", unit: "us", better: Better::Lower, bounds: Bounds::None, point: None }
}

async fn in_a_real_lab(channel: Channel) -> anyhow::Result<Vec<Sample>> {
    let mut sockets = SocketsClient::new(channel.clone());
    TwoStacks::create(&channel, pb::Clock::Real, 1500).await?;
    let create = |stack: &str| pb::CreateRequest {
        stack: format!("bench/{stack}"),
        kind: pb::SocketKind::Datagram.into(),
        ..Default::default()
    };
    // Datagrams: each call is one packet at once, whatever windows and acknowledgments do.
    let receiver = sockets.create(create("b")).await?.into_inner().socket;
    let remote = pb::SocketAddress { ip: "10.0.0.2".into(), port: 9 };
    sockets.bind(pb::BindRequest { socket: receiver, local: Some(remote.clone()) }).await?;
    let sender = sockets.create(create("a")).await?.into_inner().socket;
    sockets
        .connect(pb::ConnectRequest {
            socket: sender,
            remote: Some(remote),
            dont_wait: false,
            data: Default::default(),
        })
        .await?;

    let filter = pb::Filter {
        sockets: vec![sender],
        kinds: vec![pb::EventKind::Datagram.into()],
        ..Default::default()
    };
    let watch = pb::WatchRequest { filter: Some(filter), ..Default::default() };
    let mut events = EventsClient::new(channel).watch(watch).await?.into_inner();
    let (clock, error) = calibrate(&mut sockets, sender).await?;
    eprintln!("clocks agree to within {error:?}");

    let mut to_wire = Histogram::<u64>::new(3)?;
    let mut to_watcher = Histogram::<u64>::new(3)?;
    for _ in 0..CALLS {
        let called = Instant::now();
        let send = sockets.send(pb::SendRequest {
            socket: sender,
            data: "x".into(),
            dont_wait: false,
            urgent: false,
        });
        let (sent, told) = tokio::join!(send, next_sent(&mut events));
        sent?;
        let (time_ns, seen) = told?;
        let wire = clock + Duration::from_nanos(time_ns);
        to_wire.record(wire.saturating_duration_since(called).as_nanos() as u64)?;
        to_watcher.record(seen.saturating_duration_since(wire).as_nanos() as u64)?;
        drain(&mut sockets, receiver).await?;
    }
    let sample = |histogram: &Histogram<u64>, quantile| Sample {
        ours: histogram.value_at_quantile(quantile) as f64 / 1e3,
        theirs: None,
    };
    Ok([&to_wire, &to_watcher]
        .into_iter()
        .flat_map(|times| [sample(times, 0.5), sample(times, 0.99)])
        .collect())
}

/// The instant that is 0 on the stack's clock, and the most that it may be wrong.
async fn calibrate(sockets: &mut SocketsClient<Channel>, socket: u64) -> anyhow::Result<(Instant, Duration)> {
    let mut best: Option<(Instant, Duration)> = None;
    for _ in 0..1000 {
        let before = Instant::now();
        let time_ns = sockets.get_info(pb::GetInfoRequest { socket }).await?.into_inner().time_ns;
        let bracket = before.elapsed();
        if best.is_none_or(|(_, error)| bracket / 2 < error) {
            best = Some((before + bracket / 2 - Duration::from_nanos(time_ns), bracket / 2));
        }
    }
    best.ok_or_else(|| anyhow::anyhow!("nothing was measured"))
}

/// When the next datagram left, on the stack's clock, and when we were told.
async fn next_sent(events: &mut tonic::Streaming<pb::WatchResponse>) -> anyhow::Result<(u64, Instant)> {
    while let Some(response) = events.next().await {
        let Some(watch_response::Part::Events(batch)) = response?.part else { continue };
        let seen = Instant::now();
        for event in batch.events {
            if let Some(event::Kind::Datagram(pb::Datagram { sent: true, .. })) = event.kind {
                return Ok((event.time_ns, seen));
            }
        }
    }
    anyhow::bail!("the watch ended")
}

/// Empties the receiver's queue, so that its limit is never met.
async fn drain(sockets: &mut SocketsClient<Channel>, socket: u64) -> anyhow::Result<()> {
    sockets.recv_from(pb::RecvFromRequest { socket, ..Default::default() }).await?;
    Ok(())
}
