//! The verbs of the service `Traffic`.

use clap::{Args, Subcommand};
use sockwright_client::v1::{ChurnCloser, PatternPart, RequestResponsePart, SocketAddress};

use super::sockets::OptionArgs;
use crate::names::Words;
use crate::parse::address::{peer_address, socket_address};
use crate::parse::duration::duration;
use crate::parse::number::{octets, size};

/// A workload, by what is done on each connection.
#[derive(Debug, Subcommand)]
pub(crate) enum TrafficVerb {
    /// Send as fast as TCP takes
    Source(Workload),
    /// Take and throw away
    Sink(Workload),
    /// Send back what comes
    Echo(Workload),
    /// Requests and responses, one at a time on each connection
    Ping {
        /// Octets of a request [default: 1]
        #[arg(long, value_name = "OCTETS", value_parser = octets, default_value = "0", hide_default_value = true)]
        request: u32,
        /// Octets of a response [default: 1]
        #[arg(long, value_name = "OCTETS", value_parser = octets, default_value = "0", hide_default_value = true)]
        response: u32,
        /// Which part is this side's [default: who connects asks]
        #[arg(long, value_name = "PART", value_parser = Words::<RequestResponsePart>::parser())]
        part: Option<RequestResponsePart>,
        /// End after so many
        #[arg(long, value_name = "N", default_value = "0", hide_default_value = true)]
        exchanges: u64,
        /// The workload.
        #[command(flatten)]
        workload: Workload,
    },
    /// Octets that follow from a seed, checked one by one
    Pattern {
        /// The seed, of both sides
        #[arg(long, value_name = "N", default_value = "0")]
        seed: u64,
        /// Which part is this side's [default: who connects sends]
        #[arg(long, value_name = "PART", value_parser = Words::<PatternPart>::parser())]
        part: Option<PatternPart>,
        /// The workload.
        #[command(flatten)]
        workload: Workload,
    },
    /// Open connections and close them
    Churn {
        /// Octets from the side that connects
        #[arg(long, value_name = "OCTETS", value_parser = octets, default_value = "0")]
        request: u32,
        /// Octets from the side that listens, then
        #[arg(long, value_name = "OCTETS", value_parser = octets, default_value = "0")]
        response: u32,
        /// Who closes first, and waits in TIME-WAIT
        #[arg(
            long,
            value_name = "SIDE",
            value_parser = Words::<ChurnCloser>::parser(),
            default_value = "connecting"
        )]
        closes_first: ChurnCloser,
        /// Who closes first does so with a RST
        #[arg(long)]
        reset: bool,
        /// The workload.
        #[command(flatten)]
        workload: Workload,
    },
    /// Hold connections open
    Idle {
        /// Send an octet on each so often
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        every: Option<prost_types::Duration>,
        /// The workload.
        #[command(flatten)]
        workload: Workload,
    },
}

/// What all workloads have in common. See `Traffic.Run`.
#[derive(Debug, Args)]
pub(crate) struct Workload {
    /// The stack, as `lab create` or `stack attach` named it: lab/a
    #[arg(long, value_name = "STACK", env = "SOCKWRIGHT_STACK")]
    pub(crate) stack: String,
    /// Connect to these, in turn
    #[arg(
        long,
        value_name = "ADDR:PORT,...",
        value_delimiter = ',',
        value_parser = peer_address,
        required_unless_present_any = ["listen", "peer"]
    )]
    pub(crate) to: Vec<SocketAddress>,
    /// Listen in place of connecting; `:PORT` for any address, port 0 for any port
    #[arg(long, value_name = "ADDR:PORT", value_parser = socket_address, conflicts_with_all = ["to", "rate"])]
    pub(crate) listen: Option<SocketAddress>,
    /// Play the other side, too, on this stack of the same lab
    #[arg(long, value_name = "STACK")]
    pub(crate) peer: Option<String>,
    /// Connections at a time [default: 1; churn: 1024; listening: no limit]
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true)]
    pub(crate) concurrency: u32,
    /// Connections opened a second [default: as soon as may be]
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true)]
    pub(crate) rate: f64,
    /// End after so many octets
    #[arg(
        long,
        value_name = "OCTETS",
        value_parser = size,
        default_value = "0",
        hide_default_value = true,
        help_heading = "Limits"
    )]
    pub(crate) octets: u64,
    /// End after so many connections
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true, help_heading = "Limits")]
    pub(crate) connections: u64,
    /// End after so long, on the stack's clock
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Limits")]
    pub(crate) time: Option<prost_types::Duration>,
    /// Tell how it goes so often, on the stack's clock [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) interval: Option<prost_types::Duration>,
    /// A name to find its sockets by; shown in events
    #[arg(long, value_name = "LABEL", default_value = "", hide_default_value = true)]
    pub(crate) label: String,
    /// The session that is to own its sockets
    #[arg(
        long,
        value_name = "SESSION",
        env = "SOCKWRIGHT_SESSION",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) session: String,
    /// Options of its sockets, and of its peer's.
    #[command(flatten)]
    pub(crate) options: OptionArgs,
}

impl TrafficVerb {
    /// The verb as typed.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Source(_) => "traffic source",
            Self::Sink(_) => "traffic sink",
            Self::Echo(_) => "traffic echo",
            Self::Ping { .. } => "traffic ping",
            Self::Pattern { .. } => "traffic pattern",
            Self::Churn { .. } => "traffic churn",
            Self::Idle { .. } => "traffic idle",
        }
    }
}

/// The long help.
pub(super) const ABOUT: &str = "\
Run a workload inside of the server, and print how it goes

The workload runs on the thread of the stack itself. On a terminal one line tells how it goes; otherwise, each time, a \
line of its own. Then comes a report. An interrupt ends the workload at once, and its connections with it.

With --json each line is a RunResponse: the first says where it listens, the last is the report.";

pub(super) const EXAMPLES: &str = "\
Examples:
  In a lab, both sides at once:
    sockwright traffic source --stack lab/a --peer lab/b --octets 1G
    sockwright traffic ping --stack lab/a --peer lab/b --exchanges 1000 --response 16k
    sockwright traffic churn --stack lab/a --peer lab/b --rate 500 --connections 1000 --closes-first listening

  Against somebody else:
    sockwright traffic sink --stack wire --listen :5001
    sockwright traffic pattern --stack wire --to 192.0.2.7:7 --part both --time 10s
    sockwright traffic idle --stack wire --to 192.0.2.7:80 --concurrency 10000 --every 30s";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Verb};

    fn parsed(line: &str) -> TrafficVerb {
        let words = ["sockwright", "traffic"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words).unwrap().verb {
            Verb::Traffic(verb) => verb,
            verb => panic!("{verb:?}"),
        }
    }

    #[test]
    fn a_workload_has_a_side_limits_and_options() {
        let TrafficVerb::Source(workload) =
            parsed("source --stack s --to 10.0.0.2:1,[::1]:2 --octets 10G --rate 2.5 --no-delay true")
        else {
            panic!()
        };
        assert_eq!((workload.to.len(), workload.octets, workload.rate), (2, 10 << 30, 2.5));
        let options = sockwright_client::v1::SocketOptions::from(workload.options);
        assert_eq!(options.no_delay, Some(true));
        let TrafficVerb::Churn { closes_first, reset, .. } =
            parsed("churn --stack s --listen :0 --closes-first listening --reset")
        else {
            panic!()
        };
        assert_eq!((closes_first, reset), (ChurnCloser::Listening, true));
    }
}
