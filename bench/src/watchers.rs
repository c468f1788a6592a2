//! A thousand watchers of everything: what one LOSSLESS watcher among them is told, and what the server grows by.
//!
//! The one is as in the case "events": it reads at once, and the lab's clock goes as fast as it does; a number that is
//! missing ends the benchmark. Of the others 900 conflate and read as they can, 89 are LOSSLESS and take a response every
//! 100 ms, and 10 never read at all. Those that fall behind are told so and watch anew. The server is a process of its own, so
//! that what it grows by is its own; the clients share the machine with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use sockwright_proto::v1::events_client::EventsClient;
use sockwright_proto::v1::{self as pb, watch_response};
use sockwright_server::config::Config;
use sockwright_server::server::Server;
use tonic::transport::{Channel, Endpoint};

use crate::events::{everything, told_to_one};
use crate::figure::{Better, Bounds, Case, Figure, Sample};
use crate::two_stacks::TwoStacks;

pub(crate) const CASE: Case = Case {
    name: "watchers",
    figures: &[
        Figure {
            name: "events to one LOSSLESS watcher among 1,000 of everything",
            peer: "the same watcher alone",
            unit: "/s",
            better: Better::Higher,
            bounds: Bounds::None,
            point: None,
        },
        Figure {
            name: "what the server grew by meanwhile, at most",
            peer: "with that watcher alone",
            unit: "MB",
            ..OTHERS
        },
        Figure {
            name: "events to the 900 that conflate, together",
            unit: "/s",
            better: Better::Higher,
            ..OTHERS
        },
        Figure { name: "gaps told to those that fell behind", unit: "/s", ..OTHERS },
    ],
    measure: |round| {
        let (among, alone) = round.in_turn(|| run(true, round.length), || run(false, round.length))?;
        Ok(vec![
            Sample { ours: among.told, theirs: Some(alone.told) },
            Sample { ours: among.grown, theirs: Some(alone.grown) },
            Sample { ours: among.conflated, theirs: None },
            Sample { ours: among.gaps, theirs: None },
        ])
    },
    once: false,
};

const OTHERS: Figure =
    Figure { name: "", peer: "", unit: "", better: Better::Lower, bounds: Bounds::None, point: None };

/// What a run gave.
struct Told {
    /// Events a second, to the one.
    told: f64,
    /// Megabytes.
    grown: f64,
    /// Events a second, to those that conflate.
    conflated: f64,
    /// A second.
    gaps: f64,
}

/// Of those that are not the one.
#[derive(Default)]
struct Counted {
    /// Watches that have begun.
    begun: AtomicU64,
    conflated: AtomicU64,
    gaps: AtomicU64,
}

fn run(with_others: bool, length: Duration) -> anyhow::Result<Told> {
    let server = Process::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let channel = server.channel().await?;
        let lab = TwoStacks::create(&channel, pb::Clock::Manual, 1500).await?;
        let counted = Arc::new(Counted::default());
        let before = server.resident()?;
        let mut others = tokio::task::JoinSet::new();
        if with_others {
            for _ in 0..CONNECTIONS {
                let channel = server.channel().await?;
                for _ in 0..CONFLATING / CONNECTIONS {
                    others.spawn(conflate(channel.clone(), Arc::clone(&counted)));
                }
            }
            for _ in 0..SLOW {
                others.spawn(read_slowly(server.channel().await?, Arc::clone(&counted)));
            }
            for _ in 0..NEVER {
                others.spawn(never_read(server.channel().await?, Arc::clone(&counted)));
            }
            while counted.begun.load(Ordering::Relaxed) < u64::from(CONFLATING + SLOW + NEVER) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        let (mut most, measured) = (before, told_to_one(channel, &lab, length));
        tokio::pin!(measured);
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        let told = loop {
            tokio::select! {
                told = &mut measured => break told?,
                _ = looks.tick() => most = most.max(server.resident()?),
            }
        };
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed) as f64 / length.as_secs_f64();
        others.abort_all();
        Ok(Told {
            told,
            grown: (most - before) as f64 / 1e6,
            conflated: count(&counted.conflated),
            gaps: count(&counted.gaps),
        })
    })
}

/// Reads whatever comes. What it ends with is the end of the server.
async fn conflate(channel: Channel, counted: Arc<Counted>) -> anyhow::Result<()> {
    let mut watch = EventsClient::new(channel).watch(everything(pb::Delivery::Conflate)).await?.into_inner();
    counted.begun.fetch_add(1, Ordering::Relaxed);
    while let Some(response) = watch.message().await? {
        match response.part {
            Some(watch_response::Part::Events(batch)) => {
                counted.conflated.fetch_add(batch.events.len() as u64, Ordering::Relaxed);
            }
            Some(watch_response::Part::Gap(_)) => _ = counted.gaps.fetch_add(1, Ordering::Relaxed),
            _ => {}
        }
    }
    Ok(())
}

/// Takes a response every 100 ms; watches anew when it has fallen behind.
async fn read_slowly(channel: Channel, counted: Arc<Counted>) -> anyhow::Result<()> {
    let mut events = EventsClient::new(channel);
    let mut begins = 1;
    loop {
        let mut watch = events.watch(everything(pb::Delivery::Lossless)).await?.into_inner();
        counted.begun.fetch_add(std::mem::take(&mut begins), Ordering::Relaxed);
        while let Ok(Some(response)) = watch.message().await {
            if let Some(watch_response::Part::Gap(_)) = response.part {
                counted.gaps.fetch_add(1, Ordering::Relaxed);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn never_read(channel: Channel, counted: Arc<Counted>) -> anyhow::Result<()> {
    let _watch = EventsClient::new(channel).watch(everything(pb::Delivery::Lossless)).await?;
    counted.begun.fetch_add(1, Ordering::Relaxed);
    std::future::pending().await
}

/// A server in a process of its own, which ends with it.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn start() -> anyhow::Result<Process> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut address)?;
        Ok(Process { child, address: address.trim_end().to_owned() })
    }

    async fn channel(&self) -> anyhow::Result<Channel> {
        Ok(Endpoint::from_shared(format!("http://{}", self.address))?.tcp_nodelay(true).connect().await?)
    }

    /// Octets of it that are in memory.
    fn resident(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Serves until nobody holds its standard input any more.
pub(crate) fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let server = Server::bind("127.0.0.1:0", Config::default()).await?;
        println!("{}", server.local_addr());
        std::io::stdout().flush()?;
        let closed = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        Ok(server.serve(async { _ = closed.await }).await?)
    })
}

/// Those that conflate, and the connections that they share: 36 watches each.
const CONFLATING: u32 = 900;
const CONNECTIONS: u32 = 25;
const SLOW: u32 = 89;
const NEVER: u32 = 10;
