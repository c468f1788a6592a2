//! Prints the figures of `docs/performance.md`. A benchmark, not a test: it asserts nothing about time.
//!
//! ```console
//! $ cargo run --release -p sockwright-bench -- --json figures.json
//! $ cargo run --release -p sockwright-bench -- recovery --json recovery.json
//! ```
#![forbid(unsafe_code)]

mod control;
mod lab;
#[path = "../../link/tests/common/mod.rs"]
mod net;
mod recovery;
mod wire;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use peak_alloc::PeakAlloc;
use serde::Serialize;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Measures, prints a table, and with --json writes the figures to a file.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    /// Write the figures here, as a list of {figure, value, unit, better}.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Rounds of each figure; the median is told.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// Other measurements than those of one process.
#[derive(Debug, Subcommand)]
enum Other {
    /// How fast our sender is beside the kernel's on a path that loses packets. Needs network namespaces.
    Recovery(recovery::Arguments),
    /// How fast bulk goes over a veth pair, beside the kernel. Needs network namespaces and `ethtool`.
    Wire(wire::Arguments),
}

/// A figure.
#[derive(Clone, Debug, Serialize)]
struct Figure {
    figure: &'static str,
    value: f64,
    unit: &'static str,
    better: &'static str,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match &arguments.other {
        Some(Other::Recovery(arguments)) => return recovery::measure(arguments),
        Some(Other::Wire(arguments)) => return wire::measure(arguments),
        None => {}
    }
    let mut rounds: Vec<Vec<Figure>> = Vec::new();
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        let mut figures = control::latencies()?;
        figures.push(lab::connections_per_second());
        figures.push(lab::bytes_per_idle_connection());
        rounds.push(figures);
    }
    let medians = medians(&rounds);
    for Figure { figure, value, unit, .. } in &medians {
        println!("{figure:<60} {value:>12.1} {unit}");
    }
    if let Some(path) = arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&medians)?)?;
    }
    Ok(())
}

/// The median of each figure over the rounds.
fn medians(rounds: &[Vec<Figure>]) -> Vec<Figure> {
    let Some(first) = rounds.first() else { return Vec::new() };
    let of_figure = |index: usize, figure: &Figure| {
        let values = rounds.iter().filter_map(|round| Some(round.get(index)?.value)).collect();
        Figure { value: median(values), ..figure.clone() }
    };
    first.iter().enumerate().map(|(index, figure)| of_figure(index, figure)).collect()
}

/// The middle one of some values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
