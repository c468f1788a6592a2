//! `Transfer` of bulk octets through gRPC into a socket of a lab, and out of one, beside tonic's own streams.
//!
//! The other end of the connection is a workload inside the lab, a sink or a source: so what is measured is gRPC, the way
//! to the engine's thread and two engines, which share two cores. The lab's link has the MTU of a loopback.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sockwright_proto::v1::sockets_client::SocketsClient;
use sockwright_proto::v1::{self as pb, run_request, transfer_request, transfer_response};
use sockwright_server::config::Config;
use tokio_stream::{Stream, StreamExt};

use crate::bare::{CHUNK, with_bare};
use crate::figure::{Better, Bounds, Case, Figure, Round, Sample};
use crate::service::with_server;
use crate::two_stacks::TwoStacks;

/// Both directions, one at a time.
pub(crate) const CASE: Case = Case {
    name: "transfer",
    figures: &[figure("Transfer into a socket of a lab"), figure("Transfer out of a socket of a lab")],
    measure,
    once: false,
};

const fn figure(name: &'static str) -> Figure {
    Figure {
        name,
        peer: "tonic's stream of 64 KiB",
        unit: "Gbit/s",
        better: Better::Higher,
        bounds: Bounds::Ratio { at_least: 0.4, aim: 0.7 },
        point: None,
    }
}

fn measure(round: &Round) -> anyhow::Result<Vec<Sample>> {
    let length = round.length;
    let into = round.compare(|| ours_into(length), || theirs_into(length))?;
    let out = round.compare(|| ours_out(length), || theirs_out(length))?;
    Ok(vec![into, out])
}

fn ours_into(length: Duration) -> anyhow::Result<f64> {
    with_server(Config::default(), async |channel| {
        let lab = TwoStacks::create(&channel, pb::Clock::Real, MTU).await?;
        let (_sink, remote) = lab.listening(run_request::Role::Sink(pb::TrafficSink {})).await?;
        let socket = lab.connect(&remote).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let data = chunks(Arc::clone(&stop)).map(transfer_request::Part::Data);
        let parts = tokio_stream::once(transfer_request::Part::Socket(socket)).chain(data);
        let parts = parts.map(|part| pb::TransferRequest { part: Some(part) });
        let mut responses = SocketsClient::new(channel).transfer(parts).await?.into_inner();
        let mut meter = Meter::new(length);
        while let Some(response) = responses.message().await? {
            if let Some(transfer_response::Part::Accepted(octets)) = response.part
                && !meter.more(octets)
            {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
        Ok(meter.gbit_per_second())
    })
}

fn ours_out(length: Duration) -> anyhow::Result<f64> {
    with_server(Config::default(), async |channel| {
        let lab = TwoStacks::create(&channel, pb::Clock::Real, MTU).await?;
        let (_source, remote) = lab.listening(run_request::Role::Source(pb::TrafficSource {})).await?;
        let socket = lab.connect(&remote).await?;
        let socket = pb::TransferRequest { part: Some(transfer_request::Part::Socket(socket)) };
        // The upward half stays open and says nothing.
        let parts = tokio_stream::once(socket).chain(tokio_stream::pending());
        let mut responses = SocketsClient::new(channel).transfer(parts).await?.into_inner();
        let (mut meter, mut received) = (Meter::new(length), 0);
        while let Some(response) = responses.message().await? {
            if let Some(transfer_response::Part::Data(data)) = response.part {
                received += data.len() as u64;
                if !meter.more(received) {
                    break;
                }
            }
        }
        Ok(meter.gbit_per_second())
    })
}

fn theirs_into(length: Duration) -> anyhow::Result<f64> {
    with_bare(async |mut bare| {
        let stop = Arc::new(AtomicBool::new(false));
        let mut meter = Meter::new(length);
        let mut sent = 0;
        let until = Arc::clone(&stop);
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let data = chunks(Arc::clone(&stop)).map(move |data| {
            sent += data.len() as u64;
            if !meter.more(sent) {
                until.store(true, Ordering::Relaxed);
                _ = told.send(meter.gbit_per_second());
            }
            data
        });
        bare.up(data).await?;
        heard.recv().await.ok_or_else(|| anyhow::anyhow!("nothing was measured"))
    })
}

fn theirs_out(length: Duration) -> anyhow::Result<f64> {
    with_bare(async |mut bare| {
        let mut meter = Meter::new(length);
        bare.down(|received| meter.more(received)).await?;
        Ok(meter.gbit_per_second())
    })
}

/// Chunks of a bulk stream, until told to stop.
fn chunks(stop: Arc<AtomicBool>) -> impl Stream<Item = Bytes> + Send + 'static {
    let data = Bytes::from(vec![0; CHUNK]);
    let chunks = std::iter::from_fn(move || (!stop.load(Ordering::Relaxed)).then(|| data.clone()));
    tokio_stream::iter(chunks)
}

/// Octets over time, without the beginning, in which windows grow.
#[derive(Debug)]
struct Meter {
    length: Duration,
    began: Instant,
    first: Option<(Instant, u64)>,
    last: Option<(Instant, u64)>,
}

impl Meter {
    fn new(length: Duration) -> Self {
        Meter { length, began: Instant::now(), first: None, last: None }
    }

    /// So many octets in all; whether to go on.
    fn more(&mut self, octets: u64) -> bool {
        let now = Instant::now();
        if now - self.began < self.length / 5 {
            return true;
        }
        let (first, _) = *self.first.get_or_insert((now, octets));
        self.last = Some((now, octets));
        now - first < self.length
    }

    fn gbit_per_second(&self) -> f64 {
        let (Some((first, before)), Some((last, after))) = (self.first, self.last) else { return 0.0 };
        (after - before) as f64 * 8.0 / 1e9 / (last - first).as_secs_f64()
    }
}

/// Of the lab's link.
const MTU: u32 = 65_535;
