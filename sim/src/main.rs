//! The swarm on the command line: runs seeds, tells what fails and how to see it again.
//!
//! ```text
//! cargo run --release -p sockwright-sim -- --seeds 500
//! ...
//! 500 passed, 0 failed
//! ```

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use sockwright_sim::swarm::{self, Settings};

/// Random worlds, one for each seed, and judges that look at every event.
#[derive(Debug, Parser)]
#[command(name = "sockwright-sim")]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Print everything that happens.
    #[arg(long)]
    verbose: bool,
    /// Print the hash of everything that happens for each seed.
    #[arg(long)]
    digest: bool,
    /// Stop after so many failures.
    #[arg(long, default_value_t = 10)]
    failures: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let settings = Settings { verbose: arguments.verbose, digest: arguments.digest };
    let began = Instant::now();
    let (mut passed, mut failed, mut outputs) = (0u64, 0u64, 0u64);
    for seed in arguments.from..arguments.from.saturating_add(arguments.seeds) {
        match swarm::run(seed, settings) {
            Ok(report) => {
                passed += 1;
                outputs += report.outputs;
                if arguments.digest {
                    println!("seed {seed} {:016x}", report.digest);
                }
            }
            Err(report) => {
                failed += 1;
                println!("{report}\n");
            }
        }
        if failed >= arguments.failures {
            break;
        }
    }
    eprintln!("{outputs} events and frames judged in {:.1} s", began.elapsed().as_secs_f64());
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
