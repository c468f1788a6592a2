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

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use serde::Serialize;
use socket2::{Domain, Socket, Type};
use sockwright_link::impair::Impairments;
use sockwright_link::relay::Side;
use sockwright_proto::v1::networks_client::NetworksClient;
use sockwright_proto::v1::sockets_client::SocketsClient;
use sockwright_proto::v1::{self as pb, attach_request, transfer_request};
use sockwright_server::config::Config;
use sockwright_server::server::Server;
use tokio_stream::{StreamExt, iter};
use tonic::transport::Endpoint;

use crate::median;
use crate::net::Host;
use crate::net::path::Path;

/// What is measured, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write the table here, as a list of {loss, ours, kernel, ratio}.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Rounds at each loss; the median is told.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each sender sends in each round.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Rates of loss, in per cent.
    #[arg(long, value_delimiter = ',', default_value = "0,0.1,1,3,10")]
    loss: Vec<f64>,
}

/// A line of the table.
#[derive(Clone, Debug, Serialize)]
struct Row {
    /// In per cent.
    loss: f64,
    /// Mbit/s of octets that were received in order.
    ours: f64,
    kernel: f64,
    ratio: f64,
}

/// Measures, prints the table, and writes it where told to.
pub(crate) fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let length = Duration::from_secs(arguments.seconds);
    println!("{:>8} {:>14} {:>14} {:>8}", "loss", "ours Mbit/s", "kernel Mbit/s", "ratio");
    let mut rows = Vec::new();
    for &loss in &arguments.loss {
        let (mut ours, mut kernel) = (Vec::new(), Vec::new());
        for round in 0..arguments.rounds {
            let seed = u64::from(round) + 1;
            ours.push(goodput(loss / 100.0, seed, length, Sender::Ours)?);
            kernel.push(goodput(loss / 100.0, seed, length, Sender::Kernel)?);
            eprintln!(
                "{loss} %, round {}: ours {:.2}, kernel {:.2} Mbit/s",
                round + 1,
                ours[ours.len() - 1],
                kernel[kernel.len() - 1]
            );
        }
        let (ours, kernel) = (median(ours), median(kernel));
        let row = Row { loss, ours, kernel, ratio: ours / kernel };
        println!("{:>6} % {:>14.2} {:>14.2} {:>8.2}", row.loss, row.ours, row.kernel, row.ratio);
        rows.push(row);
    }
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&rows)?)?;
    }
    Ok(())
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
    let socket = host.run(|| Socket::new(Domain::IPV4, Type::STREAM, None))?;
    socket.set_tcp_congestion(b"cubic").context("the kernel needs CUBIC")?;
    socket.connect(&remote.into())?;
    let mut stream = TcpStream::from(socket);
    let chunk = vec![0; CHUNK];
    // Ends when the receiver has gone.
    while stream.write_all(&chunk).is_ok() {}
    joined(receiver)
}

fn send_from_ours(host: &Host, remote: SocketAddr, receiver: Receiver) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let server = Server::bind("127.0.0.1:0", Config::default()).await?;
        let url = format!("http://{}", server.local_addr());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve(async move { _ = stopped.await }));
        let channel = Endpoint::from_shared(url)?.tcp_nodelay(true).connect().await?;
        let raw_ip = pb::RawIp { addresses: vec![host.address.to_string()], interface: String::new() };
        let link = Some(attach_request::Link::RawIp(raw_ip));
        let attach = pb::AttachRequest { name: "wire".into(), link, ..Default::default() };
        NetworksClient::new(channel.clone()).attach(attach).await?;
        let mut sockets = SocketsClient::new(channel);
        let create = pb::CreateRequest {
            stack: "wire".into(),
            kind: pb::SocketKind::Stream.into(),
            options: Some(pb::SocketOptions {
                congestion_control: pb::CongestionControl::Cubic.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let socket = sockets.create(create).await?.into_inner().socket;
        let remote = Some(pb::SocketAddress { ip: remote.ip().to_string(), port: remote.port().into() });
        sockets.connect(pb::ConnectRequest { socket, remote, ..Default::default() }).await?;
        let data = || transfer_request::Part::Data(vec![0; CHUNK].into());
        let parts = iter([transfer_request::Part::Socket(socket)]).chain(iter(std::iter::repeat_with(data)));
        let requests = parts.map(|part| pb::TransferRequest { part: Some(part) });
        let mut responses = sockets.clone().transfer(requests).await?.into_inner();
        // Ends when the receiver has gone, with its reset.
        while responses.next().await.is_some_and(|response| response.is_ok()) {}
        drop(responses);
        let measured = tokio::task::spawn_blocking(|| joined(receiver)).await?;
        _ = stop.send(());
        serving.await??;
        measured
    })
}

const MTU: usize = 1500;
const RTT: Duration = Duration::from_millis(20);
const RATE_BPS: u64 = 100_000_000;
/// Packets of full size in one bandwidth-delay product.
const QUEUE: usize = (RATE_BPS as usize / 8 / 50) / MTU;
/// Octets handed over at once.
const CHUNK: usize = 64 << 10;
