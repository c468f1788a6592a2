//! The command line, declared.
//!
//! Owns: verbs, flags and their help. Never touches: the network. Values arrive parsed: see `parse`.

pub(crate) mod capture;
pub(crate) mod events;
pub(crate) mod filter;
pub(crate) mod networks;
pub(crate) mod sessions;
pub(crate) mod sockets;
pub(crate) mod top;
pub(crate) mod trace;
pub(crate) mod traffic;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::parse::duration::std_duration;

/// Drive real TCP and UDP peers of a Sockwright server.
///
/// Sockets live in the server and are named by number. Each verb is one call of the contract; calls that block
/// (accept, connect, send, recv, wait) do so until they can finish or --timeout is over, and giving up loses nothing.
#[derive(Debug, Parser)]
#[command(name = "sockwright", version, after_help = EXAMPLES, disable_help_subcommand = true)]
#[command(subcommand_value_name = "VERB", subcommand_help_heading = "Verbs")]
pub(crate) struct Cli {
    /// The server: HOST:PORT, http://HOST:PORT, https://HOST:PORT or unix:/PATH
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "SOCKWRIGHT_SERVER",
        help_heading = "Global options"
    )]
    #[arg(default_value = "http://127.0.0.1:50051")]
    pub(crate) server: String,

    /// A file with the token to show; SOCKWRIGHT_TOKEN may hold the token itself
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) token_file: Option<PathBuf>,

    /// Whom to believe about an https:// server, in PEM [env: SOCKWRIGHT_CA]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) ca: Option<PathBuf>,

    /// The certificate to show to an https:// server, in PEM [env: SOCKWRIGHT_CERT]
    #[arg(long, global = true, value_name = "FILE", requires = "key", help_heading = "Global options")]
    pub(crate) cert: Option<PathBuf>,

    /// The key of --cert, in PEM [env: SOCKWRIGHT_KEY]
    #[arg(long, global = true, value_name = "FILE", requires = "cert", help_heading = "Global options")]
    pub(crate) key: Option<PathBuf>,

    /// Send the token in clear to another machine too, where the network is private [env: SOCKWRIGHT_INSECURE=1]
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) insecure: bool,

    /// Give up after so long (500ms, 2s, 1m)
    #[arg(long, global = true, value_name = "DURATION", value_parser = std_duration, help_heading = "Global options")]
    pub(crate) timeout: Option<Duration>,

    /// Print one JSON object a line: the contract's messages in canonical proto JSON
    ///
    /// Field names are lowerCamelCase, 64-bit numbers are strings, bytes are base64 (and, where they are UTF-8, also
    /// text in the field `utf8`), enums are their names in the contract. Errors go to standard error as an object
    /// with one field `error`.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,

    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// The socket calls, at the top.
    #[command(flatten)]
    Socket(sockets::SocketVerb),
    /// Print what happens, as it happens
    #[command(long_about = events::ABOUT, after_help = events::EXAMPLES)]
    Watch(events::Watch),
    /// Look at connections as they live, in a terminal
    #[command(long_about = top::ABOUT, after_help = top::EXAMPLES)]
    Top(top::Top),
    /// Write packets with what the server knew of them, as pcapng, until it is interrupted
    #[command(long_about = capture::ABOUT, after_help = capture::EXAMPLES)]
    Capture(capture::Capture),
    /// Labs: stacks joined by virtual links, with a clock of their own
    #[command(subcommand)]
    Lab(networks::LabVerb),
    /// Stacks, in labs and on real links
    #[command(subcommand)]
    Stack(networks::StackVerb),
    /// Leases: what belongs to a session goes when its client does
    #[command(subcommand)]
    Session(sessions::SessionVerb),
    /// Keep what the server knows of a session, or of what a filter admits, as one file
    #[command(subcommand, long_about = trace::ABOUT)]
    Trace(trace::TraceVerb),
    /// Workloads that run inside of the server: bulk, ping-pong, churn, idle connections
    #[command(subcommand, long_about = traffic::ABOUT, after_help = traffic::EXAMPLES)]
    Traffic(traffic::TrafficVerb),
    /// Ask whether the server, or one of its services, is serving
    Health {
        /// The service, e.g. sockwright.v1.Sockets [default: the whole server]
        #[arg(default_value = "", hide_default_value = true)]
        service: String,
    },
    /// Say what this machine allows a server: `sockwrightd doctor`, beside this program or where programs are
    #[command(disable_help_flag = true)]
    Doctor {
        /// What it takes: --help tells
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Verb {
    /// The verb as typed, for messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Socket(verb) => verb.name(),
            Self::Watch(_) => "watch",
            Self::Top(_) => "top",
            Self::Capture(_) => "capture",
            Self::Lab(verb) => verb.name(),
            Self::Stack(verb) => verb.name(),
            Self::Session(verb) => verb.name(),
            Self::Trace(verb) => verb.name(),
            Self::Traffic(verb) => verb.name(),
            Self::Health { .. } => "health",
            Self::Doctor { .. } => "doctor",
            Self::Completions { .. } => "completions",
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  A connection in virtual time, from LISTEN to TIME-WAIT, without privileges:
    sockwright lab create lab --stack a --stack b --clock virtual --seed 1
    sockwright watch &
    server=$(sockwright create --stack lab/b --label web)
    sockwright bind $server 10.0.0.2:80 && sockwright listen $server
    client=$(sockwright create --stack lab/a)
    sockwright connect $client 10.0.0.2:80
    child=$(sockwright accept $server)
    sockwright send $client 'hello'
    sockwright recv $child
    sockwright shutdown $client write
    sockwright wait $client --state FIN-WAIT-2 --after 0
    sockwright close $child
    sockwright lab advance lab --until-idle

  All of it in a terminal: states, curves, timers, ladders:
    sockwright top

  Every segment of one port, with lab time:
    sockwright watch --port 80 --segments

  The same in Wireshark, with why each was sent or dropped:
    sockwright capture --port 80 -w - | wireshark -k -i -

  Netcat over a lab's stack:
    sockwright transfer $client <request >response

Exit status: 0 done, 1 the call failed, 2 the command line was wrong.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_name_of_a_verb_is_the_one_typed() {
        for line in [
            "create --stack a",
            "send-to 1 10.0.0.1:1 x",
            "lab list",
            "stack detach x",
            "set 1 --msl 1s --no-delay true",
            "session keep-alive x",
            "traffic ping --stack a --peer b",
            "capture --stack a -w x",
            "capture --last 10s --no-follow -w x",
            "capture --last all -w x",
            "lab record lab 64M",
            "trace start --session s-1 --title x",
            "trace stop t-1 -o x.zip",
            "trace run --mode retain-on-failure -o x.zip -- false",
            "trace show x.zip",
            "trace export --format qlog x.zip",
            "stack record lo 0",
            "top 3 --sort sent --interval 1s",
        ] {
            let words = std::iter::once("sockwright").chain(line.split(' '));
            let cli = Cli::try_parse_from(words).unwrap();
            assert!(line.starts_with(cli.verb.name()), "{line}: {}", cli.verb.name());
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "",
            "create",
            "wait 1",
            "wait 1 --acked --released",
            "shutdown 1 up",
            "set 1",
            "bind 1 10.0.0.1",
            "get x",
            "capture",
            "capture --link lab -w x",
            "capture -w x --port 70000",
            "capture -w x --last 10",
            "capture -w x --no-follow",
            "lab record lab",
            "trace stop t-1",
            "trace stop t-1 -o x --discard",
            "trace run -o x",
            "trace run --mode maybe -- true",
            "trace export --format pcap x",
            "capture -w x --state LISTEN",
            "top --sort speed",
            "top 3 --once",
            "traffic source --stack a",
            "traffic sink --stack a --listen :1 --to 10.0.0.1:1",
        ] {
            let words = std::iter::once("sockwright").chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}
