//! `sockwrightd`: the server.

use std::process::ExitCode;

use clap::Parser;
use sockwright_server::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
