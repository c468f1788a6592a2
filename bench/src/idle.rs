//! Connections that do nothing: what each costs, and how long it takes to open a million of them in a lab and to send
//! an octet on each.
//!
//! All in: by how much the process grows that runs a server, a lab and a workload of the Traffic service. It is a process
//! of its own, so that nothing of it was there before.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use sockwright_proto::v1::traffic_client::TrafficClient;
use sockwright_proto::v1::{self as pb, run_request, run_response};
use sockwright_server::config::Config;
use tokio_stream::StreamExt;
use tonic::transport::Channel;

use crate::figure::{Better, Bounds, Case, Figure, Sample};
use crate::service;
use crate::two_stacks::TwoStacks;

pub(crate) const CASE: Case = Case {
    name: "idle",
    figures: &[
        Figure {
            name: "memory of an idle established connection, each end, all in",
            peer: "",
            unit: "octets",
            better: Better::Lower,
            bounds: Bounds::Value { at_least: 2048.0, aim: 1024.0 },
            point: None,
        },
        Figure {
            name: "idle connections in a lab: established, then an octet on each",
            unit: "connections",
            better: Better::Higher,
            bounds: Bounds::Value { at_least: 500_000.0, aim: 1_000_000.0 },
            ..SECONDS
        },
        Figure { name: "until they were established", ..SECONDS },
        Figure { name: "from the first octet to the last", ..SECONDS },
    ],
    measure: |_| {
        let mut holds = Command::new(std::env::current_exe()?);
        let holds = holds.arg("--hold").arg(CONNECTIONS.to_string()).output()?;
        if !holds.status.success() {
            bail!("{}", String::from_utf8_lossy(&holds.stderr).trim());
        }
        let held: Held = serde_json::from_slice(&holds.stdout)?;
        let ours = |ours| Sample { ours, theirs: None };
        Ok(vec![
            ours(held.octets as f64 / held.established as f64 / 2.0),
            ours(held.touched as f64),
            ours(held.established_after),
            ours(held.touched_after),
        ])
    },
    once: true,
};

const SECONDS: Figure =
    Figure { name: "", peer: "", unit: "s", better: Better::Lower, bounds: Bounds::None, point: None };

/// What was held.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    established: u64,
    /// Seconds.
    established_after: f64,
    /// By which the process grew.
    octets: u64,
    /// Connections that an octet came on.
    touched: u64,
    /// Seconds, after the first octet.
    touched_after: f64,
}

/// Holds so many connections, and tells about it on standard output.
pub(crate) fn hold(connections: u32) -> anyhow::Result<()> {
    let held = service::with_server(Config::default(), async |channel| run(&channel, connections).await)?;
    println!("{}", serde_json::to_string(&held)?);
    Ok(())
}

async fn run(channel: &Channel, connections: u32) -> anyhow::Result<Held> {
    // Real: the octets are due while it runs, and progress is told.
    TwoStacks::create(channel, pb::Clock::Real, 1500).await?;
    let remotes: Vec<_> = (0..PORTS).map(|port| ([10, 0, 0, 2], 1000 + port).into()).collect();
    let before = resident()?;
    let interval = Duration::from_secs(u64::from(connections) / 10_000 + 1);
    let idle = pb::TrafficIdle { interval: Some(interval.try_into()?) };
    let mut request = service::connecting("bench/a", &remotes, run_request::Role::Idle(idle));
    request.concurrency = connections;
    if let Some(run_request::Side::Connecting(side)) = &mut request.side {
        // No more than the lab gets done: those that find no room in the backlog come back after seconds.
        side.connections_per_second = RATE;
    }
    request.peer = Some(pb::TrafficPeer { stack: "bench/b".into(), ..Default::default() });
    request.progress_interval = Some(Duration::from_millis(100).try_into()?);
    let mut responses = TrafficClient::new(channel.clone()).run(request).await?.into_inner();
    let connections = u64::from(connections);
    let mut established: Option<(f64, u64)> = None;
    let mut first_octet = None;
    while let Some(response) = responses.next().await {
        let Some(run_response::Part::Progress(progress)) = response?.part else { continue };
        let (ours, peers) = (progress.figures.unwrap_or_default(), progress.peer.unwrap_or_default());
        if let Some((errno, count)) = ours.failed.iter().next() {
            bail!("{count} connections failed with {errno}");
        }
        let seconds = Duration::try_from(ours.elapsed.unwrap_or_default())?.as_secs_f64();
        if established.is_none() && peers.established == connections {
            established = Some((seconds, resident()?.saturating_sub(before)));
        }
        if peers.octets_received > 0 {
            first_octet.get_or_insert(seconds);
        }
        let (Some((established_after, octets)), Some(first)) = (established, first_octet) else { continue };
        if peers.octets_received >= connections {
            return Ok(Held {
                established: connections,
                established_after,
                octets,
                touched: connections,
                touched_after: seconds - first,
            });
        }
    }
    bail!("the workload ended")
}

/// Octets of this process that are in memory.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}

const CONNECTIONS: u32 = 1_000_000;
/// Connections opened a second.
const RATE: f64 = 15_000.0;
/// Of the listening side: more connections than there are ports to connect from.
const PORTS: u16 = 64;
