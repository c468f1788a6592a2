//! Bulk over a veth pair between two namespaces: the engine on a packet socket and the kernel beside each other, to and
//! from the same kernel peer, in turn.
//!
//! ```text
//! ours    engine ── AF_PACKET ── veth ════ veth ── kernel TCP (CUBIC) ── a thread that reads or writes
//! kernel  kernel TCP (CUBIC) ─── veth ════ veth ── kernel TCP (CUBIC) ── a thread that reads or writes
//! ```
//!
//! The engine is driven without gRPC, by one thread that spins a little before it sleeps, as a server's does.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use mio::{Events, Poll, Token};
use serde::Serialize;
use socket2::{Domain, Socket, Type};
use sockwright_engine::host::op::{Family, Outcome, Reply, Request, ShutdownHow, SocketKind, Wait};
use sockwright_engine::host::{Config, Engine, Ethernet, Interface, LinkChange, Medium};
use sockwright_engine::id::{IdSource, LinkId, OpId, SessionId, SocketId};
use sockwright_engine::wire::{ChecksumPolicy, Mac};
use sockwright_link::AfPacket;

use crate::median;
use crate::net::{Host, World};

/// What is measured, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write the table here, as a list of {figure, ours, kernel, ratio}.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Rounds of each figure; the median is told.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each transfer is watched.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
}

/// A line of the table; Gbit/s of octets that were received in order.
#[derive(Clone, Debug, Serialize)]
struct Row {
    figure: String,
    ours: f64,
    kernel: f64,
    ratio: f64,
}

/// Measures, prints the table, and writes it where told to.
pub(crate) fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let length = Duration::from_secs(arguments.seconds);
    println!("{:<36} {:>12} {:>14} {:>7}", "", "ours Gbit/s", "kernel Gbit/s", "ratio");
    let mut rows = Vec::new();
    for offloads in [true, false] {
        for way in [Way::Sends, Way::Receives] {
            let (mut ours, mut kernel) = (Vec::new(), Vec::new());
            for round in 1..=arguments.rounds {
                ours.push(goodput(Who::Ours, way, offloads, length)?);
                kernel.push(goodput(Who::Kernel, way, offloads, length)?);
                eprintln!(
                    "round {round}: ours {:.2}, kernel {:.2} Gbit/s",
                    ours[ours.len() - 1],
                    kernel[kernel.len() - 1]
                );
            }
            let (ours, kernel) = (median(ours), median(kernel));
            let verb = if way == Way::Sends { "sends" } else { "receives" };
            let figure = format!("{verb}, {}", if offloads { "default offloads" } else { "no offloads" });
            println!("{figure:<36} {ours:>12.2} {kernel:>14.2} {:>7.2}", ours / kernel);
            rows.push(Row { figure, ours, kernel, ratio: ours / kernel });
        }
    }
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&rows)?)?;
    }
    Ok(())
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Ours,
    Kernel,
}

/// What he does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Sends,
    Receives,
}

fn goodput(who: Who, way: Way, offloads: bool, length: Duration) -> anyhow::Result<f64> {
    let world = World::new().ok_or_else(|| anyhow!("network namespaces are needed"))?;
    let [(near, far), _] = world.wire_pairs();
    if !offloads {
        for host in [&near, &far] {
            run(host, "ethtool -K wire tso off gso off gro off tx off rx off sg off")?;
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let octets = Arc::new(AtomicU64::new(0));
    let listener = far.run(|| listen(far.port(5001)))?;
    let peer = thread::spawn({
        let (stop, octets) = (stop.clone(), octets.clone());
        move || {
            let (stream, _) = listener.accept()?;
            match way {
                Way::Sends => read_all(stream, &octets),
                Way::Receives => write_until(stream, &stop),
            }
        }
    });
    let ours = match who {
        Who::Ours => {
            let link = near.run(|| AfPacket::open("wire", MAC))?;
            let mut station = Station::new(link, octets.clone())?;
            let (remote, stop) = (far.port(5001), stop.clone());
            thread::spawn(move || station.run(remote, way, &stop))
        }
        Who::Kernel => {
            let stream = near.run(|| connect(far.port(5001)))?;
            let (stop, octets) = (stop.clone(), octets.clone());
            thread::spawn(move || match way {
                Way::Sends => write_until(stream, &stop),
                Way::Receives => read_all(stream, &octets),
            })
        }
    };
    // Handshake and slow start.
    thread::sleep(Duration::from_millis(300));
    let (before, began) = (octets.load(Ordering::Relaxed), Instant::now());
    thread::sleep(length);
    let (after, took) = (octets.load(Ordering::Relaxed), began.elapsed());
    stop.store(true, Ordering::Relaxed);
    peer.join().map_err(|_| anyhow!("the peer panicked"))?.context("the peer")?;
    ours.join().map_err(|_| anyhow!("the measured one panicked"))?.context("the measured one")?;
    Ok((after - before) as f64 * 8.0 / 1e9 / took.as_secs_f64())
}

fn run(host: &Host, command: &str) -> anyhow::Result<()> {
    let mut words = command.split(' ');
    let output = host
        .run(|| Command::new(words.next().unwrap_or_default()).args(words).output())
        .context("ethtool")?;
    if !output.status.success() {
        bail!("`{command}`: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn cubic() -> anyhow::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_tcp_congestion(b"cubic").context("the kernel needs CUBIC")?;
    Ok(socket)
}

fn listen(at: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = cubic()?;
    socket.bind(&at.into())?;
    socket.listen(1)?;
    Ok(socket.into())
}

fn connect(to: SocketAddr) -> anyhow::Result<TcpStream> {
    let socket = cubic()?;
    socket.connect(&to.into())?;
    Ok(socket.into())
}

fn read_all(mut stream: TcpStream, octets: &AtomicU64) -> anyhow::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            some => octets.fetch_add(some as u64, Ordering::Relaxed),
        };
    }
}

fn write_until(mut stream: TcpStream, stop: &AtomicBool) -> anyhow::Result<()> {
    let chunk = vec![7; CHUNK];
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(&chunk)?;
    }
    Ok(())
}

/// The engine, its link and its one socket.
struct Station {
    engine: Engine,
    link: AfPacket,
    poll: Poll,
    events: Events,
    began: Instant,
    buffer: Vec<u8>,
    chunk: Vec<u8>,
    octets: Arc<AtomicU64>,
    op: u64,
}

impl Station {
    fn new(link: AfPacket, octets: Arc<AtomicU64>) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        link.register(poll.registry(), Token(0))?;
        let mut engine = Engine::new(Config::default(), [7; 32], IdSource::new());
        let interface = Interface {
            link: LinkId(0),
            addresses: vec![(IpAddr::from([10, 77, 0, 7]), 24)],
            mtu: link.status().ok_or_else(|| anyhow!("the interface is gone"))?.mtu,
            checksums: ChecksumPolicy::Verify,
            offload: AfPacket::OFFLOAD,
            medium: Medium::Ethernet(Ethernet { mac: MAC, vlan: None, detect_duplicates: false }),
            shared_with_host: false,
        };
        engine.add_interface(interface).map_err(|why| anyhow!(why))?;
        engine.handle_link(Self::at(Instant::now(), Instant::now()), LinkId(0), LinkChange::Up);
        let mut station = Station {
            engine,
            link,
            poll,
            events: Events::with_capacity(1),
            began: Instant::now(),
            buffer: Vec::new(),
            chunk: vec![7; CHUNK],
            octets,
            op: 0,
        };
        station.drain();
        Ok(station)
    }

    fn at(now: Instant, began: Instant) -> sockwright_engine::time::Instant {
        sockwright_engine::time::Instant::ZERO + now.duration_since(began)
    }

    fn now(&self) -> sockwright_engine::time::Instant {
        Self::at(Instant::now(), self.began)
    }

    /// Transfers until told to stop, and closes.
    fn run(&mut self, remote: SocketAddr, way: Way, stop: &AtomicBool) -> anyhow::Result<()> {
        let create = Request::Create {
            kind: SocketKind::Stream,
            family: Family::V4,
            session: SessionId(0),
            label: "".into(),
            options: Default::default(),
        };
        let Ok(Reply::Created { socket }) = self.call(create) else { bail!("no socket") };
        self.call_later(Request::Connect { socket, remote, data: vec![], wait: Wait::Park });
        let mut idle_since = Instant::now();
        let mut ended = false;
        while !ended {
            let mut worked = self.take_frames()?;
            if self.engine.poll_timeout().is_some_and(|at| at <= self.now()) {
                self.engine.handle_timeout(self.now());
                self.drain();
            }
            match way {
                Way::Sends if stop.load(Ordering::Relaxed) => {
                    self.call(Request::Shutdown { socket, how: ShutdownHow::Write })?;
                    ended = true;
                }
                Way::Sends => worked |= self.send(socket),
                Way::Receives => {
                    let (some, end) = self.receive(socket);
                    worked |= some;
                    ended = end;
                }
            }
            if worked {
                idle_since = Instant::now();
            } else if idle_since.elapsed() > SPIN {
                let next = self.engine.poll_timeout().map(|at| at - self.now());
                self.poll.poll(&mut self.events, Some(next.unwrap_or(NAP).min(NAP)))?;
            }
        }
        // The rest of what is to be sent, and the peer's FIN.
        let patience = Instant::now() + Duration::from_secs(2);
        while Instant::now() < patience
            && self.engine.info(socket).is_some_and(|info| info.tcp_state.is_some())
        {
            self.take_frames()?;
            if self.engine.poll_timeout().is_some_and(|at| at <= self.now()) {
                self.engine.handle_timeout(self.now());
                self.drain();
            }
            if self.receive(socket).1 {
                self.call(Request::Close { socket })?;
                break;
            }
        }
        Ok(())
    }

    fn call(&mut self, request: Request) -> anyhow::Result<Reply> {
        self.op += 1;
        let outcome = self.engine.handle_op(self.now(), OpId(self.op), request);
        self.drain();
        match outcome {
            Outcome::Done(result) => result.map_err(|error| anyhow!("{error:?}")),
            Outcome::Parked => bail!("the call waits"),
        }
    }

    fn call_later(&mut self, request: Request) {
        self.op += 1;
        _ = self.engine.handle_op(self.now(), OpId(self.op), request);
        self.drain();
    }

    fn send(&mut self, socket: SocketId) -> bool {
        let sent = self.engine.send_slice(self.now(), socket, &self.chunk);
        self.drain();
        matches!(sent, Ok(1..))
    }

    /// Whether something came, and whether it was the last.
    fn receive(&mut self, socket: SocketId) -> (bool, bool) {
        let taken = self.engine.recv_with(self.now(), socket, usize::MAX, |_| {}).unwrap_or(0);
        self.drain();
        self.octets.fetch_add(taken as u64, Ordering::Relaxed);
        (taken > 0, self.engine.readiness(socket).is_none_or(|readiness| readiness.end_of_stream))
    }

    fn take_frames(&mut self) -> anyhow::Result<bool> {
        let mut gathered = 0;
        while gathered < GATHERED_MAX {
            let now = Self::at(Instant::now(), self.began);
            let Some(received) = self.link.recv()? else { break };
            gathered += received.frame.len();
            if !self.engine.handle_frame_of_batch(now, LinkId(0), received.checksums, received.frame) {
                self.drain();
            }
        }
        self.drain();
        Ok(gathered > 0)
    }

    fn drain(&mut self) {
        let now = self.now();
        while let Some(transmit) = self.engine.poll_transmit(now, &mut self.buffer) {
            _ = self.link.send(&self.buffer, transmit.unfinished);
        }
        while self.engine.poll_event().is_some() {}
        while self.engine.poll_completion().is_some() {}
        while self.engine.poll_released_port().is_some() {}
    }
}

const MAC: Mac = Mac([2, 0, 0, 0, 0, 0x77]);
/// Octets that programs read and write at once.
const CHUNK: usize = 256 << 10;
/// Octets of frames that are answered together.
const GATHERED_MAX: usize = 32 << 10;
/// How long it looks for more before it sleeps.
const SPIN: Duration = Duration::from_micros(50);
/// How long it sleeps at most.
const NAP: Duration = Duration::from_millis(10);
