//! Which sockets and events are meant.

use clap::Args;
use sockwright_client::v1::{Filter, TcpState};

use crate::names::Words;
use crate::parse::address::ip;

/// A filter: different flags are combined with AND, the values of one flag with OR.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filter")]
pub(crate) struct FilterArgs {
    /// Of these sessions
    #[arg(long = "session", value_name = "SESSION,...", value_delimiter = ',')]
    sessions: Vec<String>,
    /// These sockets
    #[arg(long = "socket", value_name = "ID,...", value_delimiter = ',')]
    sockets: Vec<u64>,
    /// With one of these labels
    #[arg(long = "label", value_name = "LABEL,...", value_delimiter = ',')]
    labels: Vec<String>,
    /// On these stacks
    #[arg(long = "stack", value_name = "STACK,...", value_delimiter = ',')]
    stacks: Vec<String>,
    /// With one of these IP addresses at either end
    #[arg(long = "address", value_name = "ADDR,...", value_delimiter = ',', value_parser = ip)]
    addresses: Vec<String>,
    /// With one of these ports at either end
    #[arg(long = "port", value_name = "PORT,...", value_delimiter = ',')]
    ports: Vec<u16>,
    /// In one of these TCP states
    #[arg(long = "state", value_name = "STATE,...", value_delimiter = ',', value_parser = Words::<TcpState>::parser())]
    tcp_states: Vec<TcpState>,
}

impl From<FilterArgs> for Filter {
    fn from(args: FilterArgs) -> Self {
        Self {
            sessions: args.sessions,
            sockets: args.sockets,
            labels: args.labels,
            stacks: args.stacks,
            addresses: args.addresses,
            ports: args.ports.into_iter().map(u32::from).collect(),
            tcp_states: args.tcp_states.into_iter().map(i32::from).collect(),
            kinds: Vec::new(),
        }
    }
}
