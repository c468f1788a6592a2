//! Prints the figures of `docs/performance.md`. A benchmark, not a test: it asserts nothing about time.
//!
//! ```console
//! $ cargo run --release -p sockwright-bench -- all --json figures.json --pictures docs/pictures
//! $ cargo run --release -p sockwright-bench -- af_packet lab --rounds 3
//! ```
//!
//! Each figure is measured of ours and of its peer in turn, in the same process or beside it, and told as the ratio of the
//! medians of the rounds. Those on links of the host need root, for network namespaces of their own.
#![forbid(unsafe_code)]

mod bare;
mod bulk;
mod churn;
mod control;
mod events;
mod figure;
mod idle;
mod instrumentation;
mod kernel;
mod lab;
mod latency;
#[path = "../../link/tests/common/mod.rs"]
mod net;
mod picture;
#[path = "../../sim/tests/smoltcp/queues.rs"]
mod queues;
mod recovery;
mod service;
mod smoltcp_peer;
mod transfer;
mod turn;
mod two_stacks;
mod unary;
mod watchers;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Parser;

use crate::figure::{Case, Row};

/// Measures, prints a table, and writes it where told to.
#[derive(Debug, Parser)]
#[command(after_help = cases_in_words())]
struct Arguments {
    /// What is measured: names of the list below, or "all".
    #[arg(required_unless_present_any = ["hold", "serve"], value_name = "CASE")]
    cases: Vec<String>,
    /// Write the figures here, as a list of {figure, peer, unit, better, ours, theirs, ratio, bound, at_least, aim, meets, ...}.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the curves here, as SVG.
    #[arg(long, value_name = "DIRECTORY")]
    pictures: Option<PathBuf>,
    /// Rounds of each figure; the median is told.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each transfer is watched, in each round.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// What the case "idle" runs in a process of its own.
    #[arg(long, hide = true, exclusive = true, value_name = "CONNECTIONS")]
    hold: Option<u32>,
    /// The server of the case "watchers", in a process of its own.
    #[arg(long, hide = true, exclusive = true)]
    serve: bool,
}

/// Everything that can be measured.
const CASES: &[Case] = &[
    bulk::AF_PACKET,
    bulk::RAW_IP,
    bulk::TUNNELS,
    bulk::IPERF3,
    lab::FLOW,
    latency::CASE,
    churn::CASE,
    turn::CASE,
    idle::CASE,
    control::CASE,
    unary::CASE,
    events::CASE,
    watchers::CASE,
    transfer::CASE,
    instrumentation::CASE,
    recovery::CASE,
];

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(connections) = arguments.hold {
        return idle::hold(connections);
    }
    if arguments.serve {
        return watchers::serve();
    }
    let cases = chosen(&arguments.cases)?;
    let mut rows: Vec<Row> = Vec::new();
    let mut failed = Vec::new();
    for case in cases {
        eprintln!("{}", case.name);
        match figure::measure(case, arguments.rounds, Duration::from_secs(arguments.seconds)) {
            Ok(measured) => rows.extend(measured),
            // The others are measured all the same.
            Err(why) => {
                eprintln!("  failed: {why:#}");
                failed.push(case.name);
            }
        }
    }
    figure::print(&rows, std::io::stdout().lock())?;
    if let Some(path) = &arguments.json {
        figure::write_json(&rows, path)?;
    }
    if let Some(directory) = &arguments.pictures {
        picture::draw(&rows, directory)?;
    }
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join(", "));
    }
    Ok(())
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Case>> {
    if let Some(unknown) =
        names.iter().find(|name| *name != "all" && CASES.iter().all(|case| case.name != **name))
    {
        bail!("there is no case {unknown:?}; {}", cases_in_words());
    }
    let is_chosen = |case: &&Case| names.iter().any(|name| name == "all" || name == case.name);
    Ok(CASES.iter().filter(is_chosen).collect())
}

fn cases_in_words() -> String {
    let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
    format!("Cases: {}", names.join(", "))
}
