//! Bulk beside the kernel: a stack of ours on a link of the host and the kernel's TCP, in turn, to and from the same
//! kernel peer.
//!
//! ```text
//! ours    engine ── AF_PACKET ── veth ════ veth ── kernel TCP (CUBIC) ── a thread that reads or writes
//! kernel  kernel TCP (CUBIC) ─── veth ════ veth ── kernel TCP (CUBIC) ── a thread that reads or writes
//! ```
//!
//! Ours is a source or a sink of the Traffic service. Goodput is what the receiver read, from 300 ms after the connection
//! was open.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use sockwright_proto::v1::attach_request::Link;
use sockwright_proto::v1::traffic_client::TrafficClient;
use sockwright_proto::v1::{self as pb, run_request, run_response};
use tokio_stream::StreamExt;
use tonic::transport::Channel;

use crate::figure::{Better, Bounds, Case, Figure, Round, Sample};
use crate::kernel;
use crate::net::{Host, World};
use crate::{service, smoltcp_peer};

pub(crate) const AF_PACKET: Case = Case {
    name: "af_packet",
    figures: &[
        figure("af_packet over veth, default offloads: sends", "kernel to kernel", 0.45, 0.7),
        figure("af_packet over veth, default offloads: receives", "kernel to kernel", 0.55, 0.9),
        figure("af_packet over veth, no offloads, MTU 1500: sends", "kernel to kernel", 0.5, 0.8),
        figure("af_packet over veth, no offloads, MTU 1500: receives", "kernel to kernel", 0.5, 0.8),
    ],
    measure: af_packet,
    once: false,
};

pub(crate) const RAW_IP: Case = Case {
    name: "raw_ip",
    figures: &[
        figure("raw_ip on loopback: sends", "kernel to kernel", 0.25, 0.4),
        figure("raw_ip on loopback: receives", "kernel to kernel", 0.35, 0.5),
    ],
    measure: raw_ip,
    once: false,
};

pub(crate) const TUNNELS: Case = Case {
    name: "tunnels",
    figures: &[
        figure("TUN with offload: sends", "smoltcp over TAP", 4.0, 8.0),
        figure("TUN with offload: receives", "smoltcp over TAP", 4.0, 8.0),
        figure("TAP with offload: sends", "smoltcp over TAP", 4.0, 8.0),
        figure("TAP with offload: receives", "smoltcp over TAP", 4.0, 8.0),
    ],
    measure: tunnels,
    once: false,
};

/// The kernel peer of the others beside iperf3: a weak one would flatter us.
pub(crate) const IPERF3: Case = Case {
    name: "iperf3",
    figures: &[Figure {
        name: "the kernel programs of this benchmark over veth",
        peer: "iperf3",
        ..figure("", "", 0.85, 1.0)
    }],
    measure: iperf3,
    once: false,
};

const fn figure(name: &'static str, peer: &'static str, at_least: f64, aim: f64) -> Figure {
    Figure {
        name,
        peer,
        unit: "Gbit/s",
        better: Better::Higher,
        bounds: Bounds::Ratio { at_least, aim },
        point: None,
    }
}

fn af_packet(round: &Round) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for offloads in [true, false] {
        for way in [Way::Sends, Way::Receives] {
            samples.push(round.compare(
                || over_veth(way, Who::Ours, offloads, round.length),
                || over_veth(way, Who::Kernel, offloads, round.length),
            )?);
        }
    }
    Ok(samples)
}

fn over_veth(way: Way, who: Who, offloads: bool, length: Duration) -> anyhow::Result<f64> {
    let world = world()?;
    let [(near, far), _] = world.wire_pairs();
    if !offloads {
        for host in [&near, &far] {
            kernel::run(host, "ethtool -K wire tso off gso off gro off tx off rx off sg off")?;
        }
    }
    let link = Link::AfPacket(pb::AfPacket {
        interface: "wire".into(),
        addresses: vec!["10.77.0.7/24".into()],
        ..Default::default()
    });
    goodput(&near, &far, way, who, link, length)
}

fn raw_ip(round: &Round) -> anyhow::Result<Vec<Sample>> {
    let measure = |way, who| {
        let world = world()?;
        let [(near, far), _] = world.loopback_pairs();
        let link =
            Link::RawIp(pb::RawIp { addresses: vec![near.address.to_string()], interface: String::new() });
        goodput(&near, &far, way, who, link, round.length)
    };
    let both = |way| round.compare(|| measure(way, Who::Ours), || measure(way, Who::Kernel));
    Ok(vec![both(Way::Sends)?, both(Way::Receives)?])
}

fn tunnels(round: &Round) -> anyhow::Result<Vec<Sample>> {
    let ours = |way, link: &Link| {
        let world = world()?;
        let host = world.wire_pairs()[0].0.clone();
        let kernel = Host { address: HOST.into(), ..host.clone() };
        goodput(&host, &kernel, way, Who::Ours, link.clone(), round.length)
    };
    let (addresses, host_addresses) = (vec![format!("{STACK}/24")], vec![format!("{HOST}/24")]);
    let tun = Link::Tun(pb::Tun {
        addresses: addresses.clone(),
        host_addresses: host_addresses.clone(),
        ..Default::default()
    });
    let tap = Link::Tap(pb::Tap { addresses, host_addresses, ..Default::default() });
    let mut samples = Vec::new();
    for link in [tun, tap] {
        for way in [Way::Sends, Way::Receives] {
            samples.push(round.compare(|| ours(way, &link), || smoltcp_over_tap(way, round.length))?);
        }
    }
    Ok(samples)
}

/// Gbit/s of a smoltcp on a TAP, to or from the kernel's TCP on the host's side of it.
fn smoltcp_over_tap(way: Way, length: Duration) -> anyhow::Result<f64> {
    let world = world()?;
    let host = world.wire_pairs()[0].0.clone();
    host.ip("tuntap add name tap0 mode tap");
    host.ip(&format!("address add {HOST}/24 dev tap0"));
    host.ip("link set tap0 up");
    let (stop, over) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let smoltcp = scope.spawn(|| host.run(|| smoltcp_peer::serve_on_tap("tap0", STACK, &over)));
        let port = if way == Way::Sends { smoltcp_peer::SOURCE } else { smoltcp_peer::SINK };
        let measured = host.run(|| {
            let stream = kernel::connect((STACK, port).into())?;
            let octets = AtomicU64::new(0);
            thread::scope(|scope| {
                let kernel = scope.spawn(|| match way {
                    Way::Sends => kernel::read_until(stream, &octets, &stop),
                    Way::Receives => kernel::write_until(stream, &octets, &stop),
                });
                let measured = rate(&octets, length);
                stop.store(true, Ordering::Relaxed);
                kernel.join().map_err(|_| anyhow!("the kernel's program panicked"))??;
                anyhow::Ok(measured)
            })
        });
        // It serves until the kernel's program, which may wait for it, has ended.
        over.store(true, Ordering::Relaxed);
        smoltcp.join().map_err(|_| anyhow!("smoltcp panicked"))??;
        measured
    })
}

fn iperf3(round: &Round) -> anyhow::Result<Vec<Sample>> {
    let sample = round.compare(
        || over_veth(Way::Sends, Who::Kernel, true, round.length),
        || {
            let world = world()?;
            let [(near, far), _] = world.wire_pairs();
            let server = thread::spawn({
                let far = far.clone();
                move || kernel::run(&far, "iperf3 --server --one-off --json")
            });
            let seconds = round.length.as_secs().max(1);
            let client = format!(
                "iperf3 --client {} --congestion cubic --omit 1 --time {seconds} --json",
                far.address
            );
            let began = Instant::now();
            let said = loop {
                match kernel::run(&near, &client) {
                    // The server takes a moment to listen.
                    Err(_) if began.elapsed() < PATIENCE => thread::yield_now(),
                    said => break said?,
                }
            };
            server.join().map_err(|_| anyhow!("iperf3 panicked"))??;
            let said: serde_json::Value = serde_json::from_str(&said)?;
            let rate = &said["end"]["sum_received"]["bits_per_second"];
            Ok(rate.as_f64().with_context(|| format!("iperf3 told no rate: {rate}"))? / 1e9)
        },
    )?;
    Ok(vec![sample])
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Ours,
    Kernel,
}

/// What he does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Sends,
    Receives,
}

/// Gbit/s between `near`, who is measured and connects, and the kernel's TCP at `far`.
pub(crate) fn goodput(
    near: &Host,
    far: &Host,
    way: Way,
    who: Who,
    link: Link,
    length: Duration,
) -> anyhow::Result<f64> {
    // On any address: an interface of ours gets the host's only when it is made.
    let peer = Peer::start(far.run(|| kernel::listen((Ipv4Addr::UNSPECIFIED, PORT).into()))?, way);
    let measured = match (who, way) {
        (Who::Ours, _) => {
            let remote = far.port(PORT);
            near.run(|| {
                service::with_server(Default::default(), async |channel| {
                    service::attach(&channel, "near", link).await?;
                    let role = match way {
                        Way::Sends => run_request::Role::Source(pb::TrafficSource {}),
                        Way::Receives => run_request::Role::Sink(pb::TrafficSink {}),
                    };
                    let mut request = service::connecting("near", &[remote], role);
                    request.limits = Some(pb::TrafficLimits {
                        time: Some((WARM_UP + length + WARM_UP).try_into()?),
                        ..Default::default()
                    });
                    match way {
                        Way::Sends => {
                            let run = tokio::spawn(async move { service::traffic(&channel, request).await });
                            let measured = tokio::task::block_in_place(|| peer.watch(length))?;
                            run.await??;
                            Ok(measured)
                        }
                        Way::Receives => received(&channel, request, length).await,
                    }
                })
            })?
        }
        (Who::Kernel, Way::Sends) => {
            let stream = near.run(|| kernel::connect(far.port(PORT)))?;
            let stop = Arc::clone(&peer.stop);
            let sender = thread::spawn(move || kernel::write_until(stream, &AtomicU64::new(0), &stop));
            let measured = peer.watch(length)?;
            peer.stop.store(true, Ordering::Relaxed);
            sender.join().map_err(|_| anyhow!("the sender panicked"))??;
            measured
        }
        (Who::Kernel, Way::Receives) => {
            let stream = near.run(|| kernel::connect(far.port(PORT)))?;
            let octets = Arc::new(AtomicU64::new(0));
            let receiver = thread::spawn({
                let octets = Arc::clone(&octets);
                move || kernel::read_until(stream, &octets, &AtomicBool::new(false))
            });
            let measured = rate(&octets, length);
            peer.stop.store(true, Ordering::Relaxed);
            receiver.join().map_err(|_| anyhow!("the receiver panicked"))??;
            measured
        }
    };
    peer.stop()?;
    Ok(measured)
}

/// Gbit/s that a sink of ours takes, by its own progress.
async fn received(channel: &Channel, mut request: pb::RunRequest, length: Duration) -> anyhow::Result<f64> {
    request.progress_interval = Some(INTERVAL.try_into()?);
    let mut responses = TrafficClient::new(channel.clone()).run(request).await?.into_inner();
    let (mut first, mut last): (Option<(u64, u64)>, _) = (None, None);
    while let Some(response) = responses.next().await {
        let Some(run_response::Part::Progress(progress)) = response?.part else { continue };
        let figures = progress.figures.unwrap_or_default();
        let active = Duration::try_from(figures.active.unwrap_or_default())?;
        if active < WARM_UP || active > WARM_UP + length + INTERVAL {
            continue;
        }
        let here = (figures.time_ns, figures.octets_received);
        first.get_or_insert(here);
        last = Some(here);
    }
    let (Some((from, before)), Some((to, after))) = (first, last) else { bail!("nothing came") };
    Ok((after - before) as f64 * 8.0 / (to - from) as f64)
}

/// The kernel's side.
struct Peer {
    octets: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    accepted: Mutex<mpsc::Receiver<()>>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Peer {
    fn start(listener: TcpListener, way: Way) -> Peer {
        let (octets, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (accepted, accepting) = mpsc::channel();
        let thread = thread::spawn({
            let (octets, stop) = (Arc::clone(&octets), Arc::clone(&stop));
            move || {
                let (stream, _) = listener.accept()?;
                _ = accepted.send(());
                match way {
                    Way::Sends => kernel::read_until(stream, &octets, &AtomicBool::new(false)),
                    Way::Receives => kernel::write_until(stream, &octets, &stop),
                }
            }
        });
        Peer { octets, stop, accepted: Mutex::new(accepting), thread }
    }

    /// Gbit/s that it reads, once there is a connection.
    fn watch(&self, length: Duration) -> anyhow::Result<f64> {
        let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        accepted.recv_timeout(PATIENCE).context("nobody connected")?;
        Ok(rate(&self.octets, length))
    }

    fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the peer panicked"))?.context("the peer")
    }
}

/// Gbit/s by which a counter grows, after the warm-up.
fn rate(octets: &AtomicU64, length: Duration) -> f64 {
    thread::sleep(WARM_UP);
    let (before, began) = (octets.load(Ordering::Relaxed), Instant::now());
    thread::sleep(length);
    let (after, took) = (octets.load(Ordering::Relaxed), began.elapsed());
    (after - before) as f64 * 8.0 / 1e9 / took.as_secs_f64()
}

/// Two namespaces and their wire.
pub(crate) fn world() -> anyhow::Result<World> {
    World::new().ok_or_else(|| anyhow!("network namespaces are needed: run it as root"))
}

/// Handshake and slow start.
const WARM_UP: Duration = Duration::from_millis(300);
/// Between two looks at a sink.
const INTERVAL: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(10);
const PORT: u16 = 5001;
/// Of the host, and of the stack, on a TUN or TAP interface.
const HOST: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 1);
const STACK: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 2);
