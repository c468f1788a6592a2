//! `sockwright`: every call of the contract as a verb of the command line.
//!
//! Owns: exit codes and what goes to standard error. 0: done; 1: the call failed; 2: the command line was wrong (clap's
//! own), there is no terminal for it, or a file is no trace; of a program that is traced, its own. An interrupt ends it as it ends any program (130 in a shell); so does, without a word, a reader of its output
//! that has gone away.
//!
//! ```text
//! args     what can be typed          parse    words to the contract's types
//! verbs    the calls                  render   the contract's types to text and JSON
//! top      the calls, looked at   trace    the files of traces
//! ```

mod args;
mod failure;
mod names;
mod parse;
mod render;
mod top;
mod trace;
mod verbs;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use clap::{CommandFactory, Parser};

use args::{Cli, Verb};
use failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Verb::Completions { shell } = cli.verb {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "sockwright", &mut script);
        // A reader that has had enough is no failure.
        _ = std::io::Write::write_all(&mut std::io::stdout(), &script);
        return ExitCode::SUCCESS;
    }
    let (verb, json) = (cli.verb.name(), cli.json);
    if let Verb::Doctor { arguments } = &cli.verb {
        return report(verb, json, &Failure::Other(see_a_doctor(arguments, json)));
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report(verb, json, &Failure::Other(error.to_string())),
    };
    let result = runtime.block_on(verbs::run(cli));
    // A read of standard input may never end; nobody waits for it.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(verb, json, &failure),
    }
}

/// Becomes `sockwrightd doctor`, which knows the machine as this program does not: why it could not.
fn see_a_doctor(arguments: &[OsString], json: bool) -> String {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name(SERVER));
    let server = beside.filter(|server| server.is_file()).unwrap_or_else(|| SERVER.into());
    let mut doctor = Command::new(&server);
    doctor.arg("doctor").args(json.then_some("--json")).args(arguments);
    format!("cannot run {}: {}", server.display(), doctor.exec())
}

/// The program that the server is.
const SERVER: &str = "sockwrightd";

fn report(verb: &str, json: bool, failure: &Failure) -> ExitCode {
    match failure {
        Failure::ReaderGone => return ExitCode::SUCCESS,
        Failure::Said => {}
        Failure::Ended(code) => return ExitCode::from(*code),
        Failure::Usage(message) => {
            eprintln!("sockwright: {verb}: {message}");
            return ExitCode::from(2);
        }
        Failure::Call(error) if json => eprintln!("{}", render::json::error(verb, error)),
        Failure::Call(error) => eprintln!("sockwright: {verb}: {}", render::safe(&error.to_string())),
        Failure::Other(message) if json => eprintln!("{}", render::json::failure(verb, message)),
        Failure::Other(message) => eprintln!("sockwright: {verb}: {message}"),
    }
    ExitCode::FAILURE
}
