//! What the command line prints.
//!
//! Owns: standard output, and the choice between text and JSON. A reader that has gone away ends the program quietly;
//! everything else that is printed reaches the reader at the end of each call.

pub(crate) mod event;
pub(crate) mod figures;
pub(crate) mod json;
pub(crate) mod network;
pub(crate) mod socket;
pub(crate) mod table;
pub(crate) mod traffic;

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::os::fd::AsFd;

use serde_json::Value;
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;

/// Standard output, as text or as JSON.
pub(crate) struct Output {
    json: bool,
    stdout: BufWriter<Stdout>,
}

impl Output {
    /// Standard output.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, stdout: BufWriter::new(io::stdout()) }
    }

    /// Whether JSON is printed.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a message of the contract, or else the text it comes to. An empty text prints nothing.
    pub(crate) fn message<M: prost::Message>(
        &mut self,
        message: &M,
        text: impl FnOnce(&M) -> String,
    ) -> io::Result<()> {
        if self.json {
            return self.value(&json::message(message));
        }
        match text(message) {
            text if text.is_empty() => Ok(()),
            text => self.line(&text),
        }
    }

    /// Prints one JSON object on a line.
    pub(crate) fn value(&mut self, value: &Value) -> io::Result<()> {
        self.line(&value.to_string())
    }

    /// Prints a line of text.
    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.stdout, "{line}")?;
        self.stdout.flush()
    }

    /// Whether a line can be written over the one before.
    pub(crate) fn is_terminal(&self) -> bool {
        self.stdout.get_ref().is_terminal()
    }

    /// Writes a line over the last one that was written so; an empty one takes it away.
    pub(crate) fn live(&mut self, line: &str) -> io::Result<()> {
        write!(self.stdout, "\r\x1b[K{line}")?;
        self.stdout.flush()
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stdout.write_all(bytes)?;
        self.stdout.flush()
    }
}

/// Waits until nobody reads standard output any more, which a program that has nothing to write would not notice: for ever
/// where that is no pipe.
pub(crate) async fn reader_gone() {
    // Watched and never written to, so that it does not matter that it blocks.
    let watched = io::stdout().as_fd().try_clone_to_owned().and_then(Sender::from_owned_fd_unchecked);
    match watched {
        Ok(stdout) if stdout.ready(Interest::ERROR).await.is_ok() => {}
        _ => std::future::pending().await,
    }
}

/// A time on a stack's clock in seconds, to the microsecond.
pub(crate) fn time(time_ns: u64) -> String {
    format!("{}.{:06}", time_ns / 1_000_000_000, time_ns % 1_000_000_000 / 1_000)
}

/// A label, a name or a message that a client chose, safe to print on a terminal and free of line ends.
pub(crate) fn safe(text: &str) -> String {
    if text.chars().any(char::is_control) { text.escape_debug().to_string() } else { text.to_owned() }
}
