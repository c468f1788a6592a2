//! The verbs: a call, or a few, and what they print.

mod capture;
mod data;
mod events;
mod health;
mod networks;
mod sessions;
mod sockets;
mod trace;
mod traffic;
mod transfer;
mod wait;

use std::time::Duration;

use sockwright_client::{Client, Credentials, v1};
use tokio::time::Instant;
use tonic::{Status, Streaming};

use crate::args::{Cli, Verb};
use crate::failure::Failure;
use crate::parse::position::Point;
use crate::render::Output;
use crate::top;

/// What every verb works with.
struct Context {
    client: Client,
    out: Output,
    timeout: Option<Duration>,
}

/// Does what the command line says.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    if let Verb::Top(args) = &cli.verb {
        top::check(args, cli.json)?;
    }
    let mut out = Output::new(cli.json);
    let verb = match cli.verb {
        Verb::Trace(verb) => match trace::of_file(&mut out, verb)? {
            Some(verb) => Verb::Trace(verb),
            None => return Ok(()),
        },
        verb => verb,
    };
    let mut credentials = Credentials::from_env()?;
    if let Some(file) = &cli.token_file {
        credentials = credentials.with_token_file(file)?;
    }
    if let Some(file) = &cli.ca {
        credentials = credentials.with_ca_file(file)?;
    }
    if let (Some(cert), Some(key)) = (&cli.cert, &cli.key) {
        credentials = credentials.with_certificate_files(cert, key)?;
    }
    if cli.insecure {
        credentials = credentials.insecure();
    }
    let mut cx = Context::connect(&cli.server, &credentials, cli.timeout, out).await?;
    match verb {
        Verb::Socket(verb) => sockets::run(&mut cx, verb).await,
        Verb::Watch(watch) => events::watch(&mut cx, watch).await,
        Verb::Top(args) => top::run(cx.client, &cli.server, args, &mut cx.out).await,
        Verb::Capture(args) => capture::capture(&mut cx, args).await,
        Verb::Lab(verb) => networks::lab(&mut cx, verb).await,
        Verb::Stack(verb) => networks::stack(&mut cx, verb).await,
        Verb::Session(verb) => sessions::run(&mut cx, verb).await,
        Verb::Trace(verb) => trace::run(&mut cx, &cli.server, verb).await,
        Verb::Traffic(verb) => traffic::run(&mut cx, verb).await,
        Verb::Health { service } => health::check(&mut cx, service).await,
        Verb::Doctor { .. } | Verb::Completions { .. } => Ok(()),
    }
}

impl Context {
    async fn connect(
        server: &str,
        credentials: &Credentials,
        timeout: Option<Duration>,
        out: Output,
    ) -> Result<Self, Failure> {
        let connecting = Client::connect_with(server, credentials);
        let client = match timeout {
            None => connecting.await?,
            Some(timeout) => match tokio::time::timeout(timeout, connecting).await {
                Ok(client) => client?.with_timeout(timeout),
                Err(_) => return Err(Failure::Other(format!("no server at {server}: no answer"))),
            },
        };
        Ok(Self { client, out, timeout })
    }

    /// Completes a position with the epoch of the server's present run.
    async fn position(&mut self, point: Point) -> Result<v1::Position, Failure> {
        let epoch = match point.epoch {
            Some(epoch) => epoch,
            None => {
                let request = v1::ListRequest { page_size: 1, ..Default::default() };
                self.client.sockets.list(request).await?.into_inner().at.unwrap_or_default().epoch
            }
        };
        Ok(v1::Position { epoch, seq: point.seq })
    }

    /// When `--timeout`, counted from now, will be over.
    fn deadline(&self) -> Option<Instant> {
        self.timeout.and_then(|timeout| Instant::now().checked_add(timeout))
    }
}

/// The next message of a stream. The channel's deadline is over a stream's beginning only.
async fn next<T>(stream: &mut Streaming<T>, deadline: Option<Instant>) -> Result<Option<T>, Failure> {
    let message = match deadline {
        None => stream.message().await,
        Some(deadline) => tokio::time::timeout_at(deadline, stream.message())
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("the deadline has passed"))),
    };
    Ok(message?)
}
