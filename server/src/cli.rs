//! What the command line of `sockwrightd` says, and what comes of it.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgAction, Parser};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::{BUSY_POLL_MAX, Config};
use crate::demo::{self, Ladder};
use crate::server::Server;

/// A gRPC server that owns TCP peers of its own.
#[derive(Clone, Debug, Parser)]
#[command(name = "sockwrightd", version, about)]
pub struct Cli {
    /// Where to listen; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    pub listen: String,
    /// How long the thread of a stack on a real link looks for packets before it sleeps, in microseconds: 20 to 100 spare a
    /// peer that answers at once the wait for the thread to wake, and cost a processor for as long each time.
    /// `Networks.Attach` can say it for one stack.
    #[arg(long, value_name = "MICROSECONDS", default_value = "0", value_parser = busy_poll)]
    pub busy_poll: Duration,
    /// Play the life of a connection in a lab called `demo`, print it as a ladder, and then serve.
    #[arg(long)]
    pub demo: bool,
    /// With --demo: exit after it.
    #[arg(long, requires = "demo")]
    pub exit: bool,
    /// Log more to stderr; twice for everything. RUST_LOG says it in detail.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
}

impl Cli {
    /// Does what the command line says, until SIGINT or SIGTERM.
    pub fn run(self) -> ExitCode {
        self.log();
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return fail(&format!("no threads to run on: {error}")),
        };
        let code = runtime.block_on(self.serve());
        // Whatever is still under way after draining is not waited for.
        runtime.shutdown_background();
        code
    }

    async fn serve(self) -> ExitCode {
        let signals =
            signal(SignalKind::interrupt()).and_then(|int| Ok((int, signal(SignalKind::terminate())?)));
        let (mut interrupt, mut terminate) = match signals {
            Ok(signals) => signals,
            Err(error) => return fail(&format!("signals cannot be handled: {error}")),
        };
        let config = Config { busy_poll: self.busy_poll, ..Config::default() };
        let server = match Server::bind(&self.listen, config).await {
            Ok(server) => server,
            Err(error) => return fail(&format!("cannot listen on {}: {error}", self.listen)),
        };
        if self.demo {
            let colour = io::stdout().is_terminal();
            match demo::play(&server).await {
                Ok(story) => print(&Ladder::of(&story).to_text(colour)),
                Err(status) => return fail(&format!("the demo failed: {}", status.message())),
            }
            if self.exit {
                return ExitCode::SUCCESS;
            }
        }
        print(&format!("listening on {}\n", server.local_addr()));
        let stop = async {
            either(&mut interrupt, &mut terminate).await;
            tokio::spawn(async move {
                either(&mut interrupt, &mut terminate).await;
                std::process::exit(130);
            });
        };
        match server.serve(stop).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&format!("serving failed: {error}")),
        }
    }

    fn log(&self) {
        let level = match self.verbose {
            0 => "warn",
            1 => "info,sockwright_server=debug",
            _ => "trace",
        };
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
        let ansi = io::stderr().is_terminal();
        // Somebody who embeds us may have set one already.
        _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .with_ansi(ansi)
            .try_init();
    }
}

fn busy_poll(text: &str) -> Result<Duration, String> {
    let time = text.parse().map(Duration::from_micros).map_err(|_| "not a number of microseconds")?;
    if time > BUSY_POLL_MAX { Err("longer than a second".into()) } else { Ok(time) }
}

async fn either(a: &mut Signal, b: &mut Signal) {
    tokio::select! {
        _ = a.recv() => {}
        _ = b.recv() => {}
    }
}

/// Written at once, and nobody may be there to read it.
fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn fail(problem: &str) -> ExitCode {
    _ = writeln!(io::stderr(), "sockwrightd: {problem}");
    ExitCode::FAILURE
}
