//! Goodput of our sender beside the kernel's, to the same kernel receiver, through the same relay with the same seeds.
//!
//! ```text
//! sender ── 100 Mbit/s, a queue of one bandwidth-delay product, loss ──> kernel receiver
//!        <────────────────────────── acknowledgments ───────────────────
//!                     10 ms each way, all in namespaces of this host
//! ```
//!
//! Ours is a server with a raw stack, driven over gRPC; the kernel's is an ordinary socket with CUBIC, set before it
//! connects. The two take turns, and the median of the rounds is told.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use sockwright_link::impair::Impairments;
use sockwright_link::relay::Side;
use sockwright_proto::v1::attach_request::Link;
use sockwright_proto::v1::{self as pb, run_request};

use crate::figure::{Better, Bounds, Case, Curve, Figure, Point, Round, Sample};
use crate::net::Host;
use crate::net::path::Path;
use crate::{kernel, service};

pub(crate) const CASE: Case = Case {
    name: "recovery",
    figures: &[
        figure("goodput at a loss of 0 %", 0.0),
        figure("goodput at a loss of 0.1 %", 0.1),
        figure("goodput at a loss of 1 %", 1.0),
        figure("goodput at a loss of 3 %", 3.0),
        figure("goodput at a loss of 10 %", 10.0),
    ],
    measure,
    once: false,
};

const fn figure(name: &'static str, loss: f64) -> Figure {
    Figure {
        name,
        peer: "kernel to kernel",
        unit: "Mbit/s",
        better: Better::Higher,
        bounds: Bounds::Ratio { at_least: 0.8, aim: 1.0 },
        point: Some(Point { curve: &CURVE, x: loss }),
    }
}

const CURVE: Curve = Curve {
    name: "recovery",
    title: "Goodput through a relay that loses packets: 100 Mbit/s, 20 ms",
    x: "loss, per cent",
    x_is_logarithmic: false,
    y: "Mbit/s",
    y_is_logarithmic: true,
    lines: ["ours (CUBIC)", "the kernel (CUBIC)"],
};

fn measure(round: &Round) -> anyhow::Result<Vec<Sample>> {
    let seed = u64::from(round.number) + 1;
    // Losses are rare: a short time would see few of them.
    let length = round.length * 4;
    let compare = |figure: &Figure| {
        let loss = figure.point.map_or(0.0, |point| point.x) / 100.0;
        round.compare(
            || goodput(loss, seed, length, Sender::Ours),
            || goodput(loss, seed, length, Sender::Kernel),
        )
    };
    CASE.figures.iter().map(compare).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Ours,
    Kernel,
}

/// Mbit/s from one sender in one round.
fn goodput(loss: f64, seed: u64, length: Duration, sender: Sender) -> anyhow::Result<f64> {
    let path = Path::new(MTU, seed).ok_or_else(|| anyhow!("network namespaces are needed"))?;
    let back = Impairments { delay: RTT / 2, ..Impairments::default() };
    let there = Impairments { loss, rate_bps: Some(RATE_BPS), queue_limit: QUEUE, ..back };
    path.relay().set_impairments(Side::Left, there)?;
    path.relay().set_impairments(Side::Right, back)?;
    let (left, right) = (path.left(true), path.right(true));
    let listener = right.run(|| TcpListener::bind(right.port(0)))?;
    let remote = listener.local_addr()?;
    let receiver = thread::spawn(move || receive(&listener, length));
    match sender {
        Sender::Ours => left.run(|| send_from_ours(&left, remote, receiver)),
        Sender::Kernel => send_from_kernel(&left, remote, receiver),
    }
    .with_context(|| format!("{sender:?} at a loss of {loss}, seed {seed}"))
}

/// Takes in what comes for so long: Mbit/s, from the first octet on.
fn receive(listener: &TcpListener, length: Duration) -> anyhow::Result<f64> {
    let (mut stream, _) = listener.accept()?;
    // A path that loses much may be silent for a while.
    stream.set_read_timeout(Some(length))?;
    let mut buffer = vec![0; 256 << 10];
    let mut octets = stream.read(&mut buffer)?;
    let began = Instant::now();
    while began.elapsed() < length {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(anyhow!("the sender closed")),
            Ok(some) => octets += some,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(octets as f64 * 8.0 / 1e6 / began.elapsed().as_secs_f64())
}

type Receiver = JoinHandle<anyhow::Result<f64>>;

fn joined(receiver: Receiver) -> anyhow::Result<f64> {
    receiver.join().map_err(|_| anyhow!("the receiver panicked"))?
}

fn send_from_kernel(host: &Host, remote: SocketAddr, receiver: Receiver) -> anyhow::Result<f64> {
    let stream = host.run(|| kernel::connect(remote))?;
    // Ends when the receiver has gone.
    kernel::write_until(stream, &AtomicU64::new(0), &AtomicBool::new(false))?;
    joined(receiver)
}

fn send_from_ours(host: &Host, remote: SocketAddr, receiver: Receiver) -> anyhow::Result<f64> {
    service::with_server(Default::default(), async |channel| {
        let raw_ip = pb::RawIp { addresses: vec![host.address.to_string()], interface: String::new() };
        service::attach(&channel, "wire", Link::RawIp(raw_ip)).await?;
        let source = run_request::Role::Source(pb::TrafficSource {});
        let mut request = service::connecting("wire", &[remote], source);
        request.options = Some(pb::SocketOptions {
            congestion_control: pb::CongestionControl::Cubic.into(),
            ..Default::default()
        });
        // Ends when the receiver has gone, with its reset.
        service::traffic(&channel, request).await?;
        tokio::task::spawn_blocking(|| joined(receiver)).await?
    })
}

const MTU: usize = 1500;
const RTT: Duration = Duration::from_millis(20);
const RATE_BPS: u64 = 100_000_000;
/// Packets of full size in one bandwidth-delay product.
const QUEUE: usize = (RATE_BPS as usize / 8 / 50) / MTU;
