//! The verbs of the service `Traces`, and those of the files that it gives.

use std::ffi::OsString;

use clap::{Args, Subcommand, ValueEnum};
use sockwright_client::v1::{Filter, TraceLimits, TracesStartRequest};

use crate::parse::address::ip;
use crate::parse::number::size;

/// What to do with traces.
#[derive(Debug, Subcommand)]
pub(crate) enum TraceVerb {
    /// Begin a trace, and print its name
    Start {
        /// What it is of.
        #[command(flatten)]
        of: Of,
        /// The session that is to own it, and with which it ends; without a filter, what it is of
        #[arg(
            long,
            value_name = "SESSION",
            env = "SOCKWRIGHT_SESSION",
            default_value = "",
            hide_default_value = true
        )]
        session: String,
    },
    /// End a trace, and write its file
    Stop {
        /// The trace
        trace: String,
        /// The file; - is standard output
        #[arg(short, long, value_name = "FILE", required_unless_present = "discard")]
        output: Option<String>,
        /// Throw it away
        #[arg(long, conflicts_with = "output")]
        discard: bool,
    },
    /// List the traces that run, or wait to be fetched
    List,
    /// Run a program, and keep a trace of what the server did meanwhile
    #[command(long_about = RUN_ABOUT, after_help = RUN_EXAMPLES)]
    Run {
        /// The file
        #[arg(short, long, value_name = "FILE", default_value = "trace.zip")]
        output: String,
        /// When to keep it
        #[arg(long, value_name = "MODE", default_value = "on")]
        mode: Mode,
        /// Only what belongs to a session of its own, whose name the program has as SOCKWRIGHT_SESSION, and with which all ends
        #[arg(long)]
        own: bool,
        /// What it is of.
        #[command(flatten)]
        of: Of,
        /// The program, and its arguments
        #[arg(last = true, required = true, value_name = "PROGRAM")]
        program: Vec<OsString>,
    },
    /// Print what is in the file of a trace
    Show {
        /// The file
        file: String,
    },
    /// Write the events in the file of a trace in another format
    Export {
        /// The file
        file: String,
        /// Which
        #[arg(long, value_name = "FORMAT", default_value = "qlog")]
        format: Format,
    },
}

/// When the file of a trace is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Always
    On,
    /// Where the program fails
    RetainOnFailure,
}

/// A format that others read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// JSON text sequences with the envelope of qlog, and a namespace of our own
    Qlog,
}

/// What a trace is of, and how much of it.
#[derive(Debug, Args)]
pub(crate) struct Of {
    /// Any text, for people
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    title: String,
    /// Leave the packets out
    #[arg(long)]
    no_packets: bool,
    /// Octets of events at most, such as 8M [default: the server's limit]
    #[arg(long, value_name = "SIZE", default_value = "0", hide_default_value = true, value_parser = size)]
    event_bytes: u64,
    /// Octets of packets at most [default: the server's limit]
    #[arg(long, value_name = "SIZE", default_value = "0", hide_default_value = true, value_parser = size)]
    packet_bytes: u64,
    /// On these stacks
    #[arg(long = "stack", value_name = "STACK,...", value_delimiter = ',', help_heading = "Filter")]
    stacks: Vec<String>,
    /// Of these sockets
    #[arg(long = "socket", value_name = "ID,...", value_delimiter = ',', help_heading = "Filter")]
    sockets: Vec<u64>,
    /// Of sockets with one of these labels
    #[arg(long = "label", value_name = "LABEL,...", value_delimiter = ',', help_heading = "Filter")]
    labels: Vec<String>,
    /// With one of these IP addresses at either end
    #[arg(long = "address", value_name = "ADDR,...", value_delimiter = ',', value_parser = ip, help_heading = "Filter")]
    addresses: Vec<String>,
    /// With one of these ports at either end
    #[arg(long = "port", value_name = "PORT,...", value_delimiter = ',', help_heading = "Filter")]
    ports: Vec<u16>,
}

impl Of {
    /// The request. What the filter says counts; without one a trace is of the session if that `is_all`, or of everything.
    pub(crate) fn into_request(self, session: String, session_is_all: bool) -> TracesStartRequest {
        let Of { title, no_packets, event_bytes, packet_bytes, stacks, sockets, labels, addresses, ports } =
            self;
        let ports = ports.into_iter().map(u32::from).collect();
        let filter = Filter { stacks, sockets, labels, addresses, ports, ..Filter::default() };
        let filter = (!session_is_all || filter != Filter::default()).then_some(filter);
        let limits = Some(TraceLimits { event_bytes, packet_bytes, ..TraceLimits::default() });
        TracesStartRequest { session, filter, title, limits, no_packets, idempotency_key: String::new() }
    }
}

impl TraceVerb {
    /// The verb as typed.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "trace start",
            Self::Stop { .. } => "trace stop",
            Self::List => "trace list",
            Self::Run { .. } => "trace run",
            Self::Show { .. } => "trace show",
            Self::Export { .. } => "trace export",
        }
    }
}

/// The long help of `trace`.
pub(super) const ABOUT: &str = "\
Keep what the server knows of a session, or of what a filter admits, as one file

Events, calls with what they carried and how they ended, lines of the log, packets, and what all of it ran on, in one .zip \
file, which `trace show` prints and the server's page opens in a browser. docs/traces.md has its format. A file that is no \
trace, or not whole, is told with exit status 2.";

const RUN_ABOUT: &str = "\
Run a program, and keep a trace of what the server did meanwhile

The trace is of everything that happens on the server, unless a filter says otherwise, or --own. The program has the server's \
address as SOCKWRIGHT_SERVER, and the trace's name as SOCKWRIGHT_TRACE. Its exit status is passed on: 0 is success, anything \
else is a failure. The trace belongs to a lease, so that it is gone with this program whatever becomes of it.";

const RUN_EXAMPLES: &str = "\
Examples:
  sockwright trace run -o pass.zip -- pytest tests/
  sockwright trace run --mode retain-on-failure -o failed.zip -- ./client-under-test 10.0.0.2 80
  sockwright trace run --own -- sh -c 'sockwright lab create lab --stack a --stack b'";
