//! The verbs of the service `Sockets`.

use clap::{Args, Subcommand};
use sockwright_client::v1::{
    CongestionControl, Ecn, EventKind, IpOptions, KeepAlive, Linger, LossDetection, PathMtuDiscovery,
    ShutdownHow, SocketAddress, SocketOptions, SocketState, SynCookies, TcpState,
};

use super::filter::FilterArgs;
use crate::names::Words;
use crate::parse::address::{peer_address, socket_address};
use crate::parse::duration::duration;
use crate::parse::number::octets;
use crate::parse::position::{Point, point};
use crate::parse::socket_options::{ip_options, keep_alive, linger};

/// A socket call.
#[derive(Debug, Subcommand)]
pub(crate) enum SocketVerb {
    /// Make a socket, and print its number
    Create(Create),
    /// Give a socket its own address, and print it
    Bind {
        /// The socket
        id: u64,
        /// The address; `:PORT` for any address, port 0 for an ephemeral one
        #[arg(value_name = "ADDR:PORT", value_parser = socket_address)]
        local: SocketAddress,
    },
    /// Listen for connections, and print the address
    Listen {
        /// The socket
        id: u64,
        /// Connections that may wait to be accepted [default: 128]
        #[arg(long, value_name = "N", default_value = "0", hide_default_value = true)]
        backlog: u32,
    },
    /// Take the oldest connection of a listener, and print its socket
    Accept {
        /// The listening socket
        id: u64,
        /// Fail with EAGAIN rather than wait
        #[arg(long)]
        dont_wait: bool,
        /// A second call with the same key takes no other connection
        #[arg(long, value_name = "KEY", default_value = "", hide_default_value = true)]
        idempotency_key: String,
    },
    /// Open a connection, and print both addresses
    Connect {
        /// The socket
        id: u64,
        /// The peer
        #[arg(value_name = "ADDR:PORT", value_parser = peer_address)]
        remote: SocketAddress,
        /// Send the SYN and fail with EINPROGRESS rather than wait
        #[arg(long)]
        dont_wait: bool,
        /// The first bytes: with the SYN, where Fast Open is on and the server gave a cookie before
        #[arg(long, value_name = "TEXT|-|@FILE", allow_hyphen_values = true)]
        data: Option<String>,
    },
    /// Send bytes, and print how many the send buffer took
    Send {
        /// The socket
        id: u64,
        /// The bytes
        #[arg(value_name = "TEXT|-|@FILE", allow_hyphen_values = true)]
        data: String,
        /// Go on until all are taken
        #[arg(long, conflicts_with_all = ["dont_wait", "urgent"])]
        all: bool,
        /// Set URG, with the urgent pointer behind the last byte that is taken
        #[arg(long)]
        urgent: bool,
        /// Fail with EAGAIN rather than wait
        #[arg(long)]
        dont_wait: bool,
    },
    /// Take bytes, and write them to standard output as they are
    Recv {
        /// The socket
        id: u64,
        /// The most octets to take [default: 64k]
        #[arg(long, value_name = "OCTETS", value_parser = octets, default_value = "0", hide_default_value = true)]
        max: u32,
        /// Wait until so many are there, or the stream has ended [default: 1]
        #[arg(long, value_name = "OCTETS", value_parser = octets, default_value = "0", hide_default_value = true)]
        min: u32,
        /// Leave them in the buffer
        #[arg(long)]
        peek: bool,
        /// Fail with EAGAIN rather than wait
        #[arg(long)]
        dont_wait: bool,
        /// Go on until the peer has sent all it will send
        #[arg(long, conflicts_with_all = ["peek", "dont_wait"])]
        until_end: bool,
    },
    /// Send one datagram to an address
    SendTo {
        /// The socket
        id: u64,
        /// The destination
        #[arg(value_name = "ADDR:PORT", value_parser = peer_address)]
        remote: SocketAddress,
        /// The bytes
        #[arg(value_name = "TEXT|-|@FILE", allow_hyphen_values = true)]
        data: String,
    },
    /// Take one datagram; its source goes to standard error
    RecvFrom {
        /// The socket
        id: u64,
        /// The most octets to take; the rest is lost [default: 64k]
        #[arg(long, value_name = "OCTETS", value_parser = octets, default_value = "0", hide_default_value = true)]
        max: u32,
        /// Leave it in the queue
        #[arg(long)]
        peek: bool,
        /// Fail with EAGAIN rather than wait
        #[arg(long)]
        dont_wait: bool,
    },
    /// Standard input to the socket, the socket to standard output
    ///
    /// At the end of the input the connection is shut down for writing. Ends when both directions have.
    Transfer {
        /// The connected socket
        id: u64,
        /// Leave the connection open for writing at the end of the input
        #[arg(long)]
        keep_open: bool,
    },
    /// End one direction of a connection, or both, and print the TCP state
    Shutdown {
        /// The socket
        id: u64,
        /// The direction; write sends a FIN and is the half-close
        #[arg(value_parser = Words::<ShutdownHow>::parser())]
        how: ShutdownHow,
    },
    /// Let go of a socket, and print the TCP state; its connection finishes by itself
    Close {
        /// The socket
        id: u64,
    },
    /// End a connection at once with a reset
    Abort {
        /// The socket
        id: u64,
    },
    /// Set options: sockwright set 3 --no-delay true --msl 1s
    #[command(override_usage = "sockwright set <ID> --<OPTION> <VALUE>...")]
    #[command(mut_group("OptionArgs", |options| options.required(true).multiple(true)))]
    Set {
        /// The socket
        id: u64,
        /// The options.
        #[command(flatten)]
        options: OptionArgs,
    },
    /// Print every option, as `set` takes them
    Get {
        /// The socket
        id: u64,
    },
    /// Print all there is to know about a socket
    Info {
        /// The socket
        id: u64,
    },
    /// List sockets
    List {
        /// Which ones.
        #[command(flatten)]
        filter: FilterArgs,
    },
    /// Wait until something is true of a socket, and print what made it so
    ///
    /// With --after, whatever happened after that position counts, even if it has passed.
    #[command(after_help = WAIT_EXAMPLES)]
    Wait(Wait),
}

/// See `Sockets.Create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The stack, as `lab create` or `stack attach` named it: lab/a
    #[arg(long, value_name = "STACK", env = "SOCKWRIGHT_STACK")]
    pub(crate) stack: String,
    /// A datagram socket in place of a stream
    #[arg(long)]
    pub(crate) udp: bool,
    /// IPv6 in place of IPv4
    #[arg(long)]
    pub(crate) v6: bool,
    /// A name to find it by; shown in events
    #[arg(long, value_name = "LABEL", default_value = "", hide_default_value = true)]
    pub(crate) label: String,
    /// The session that is to own it
    #[arg(
        long,
        value_name = "SESSION",
        env = "SOCKWRIGHT_SESSION",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) session: String,
    /// A second call with the same key creates nothing
    #[arg(long, value_name = "KEY", default_value = "", hide_default_value = true)]
    pub(crate) idempotency_key: String,
    /// Options to begin with.
    #[command(flatten)]
    pub(crate) options: OptionArgs,
}

/// See `Sockets.WaitFor`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// The socket
    pub(crate) id: u64,
    /// What to wait for.
    #[command(flatten)]
    pub(crate) condition: Condition,
    /// From this position on; a SEQ alone is one of the present run of the server, and 0 its beginning
    #[arg(long, value_name = "[EPOCH:]SEQ", value_parser = point)]
    pub(crate) after: Option<Point>,
}

/// What to wait for.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Condition {
    /// The connection is in one of these states: FIN-WAIT-2, or ESTABLISHED,CLOSE-WAIT
    #[arg(long, value_name = "STATE,...", value_delimiter = ',', value_parser = Words::<TcpState>::parser())]
    pub(crate) state: Vec<TcpState>,
    /// The socket is in one of these states
    #[arg(long, value_name = "STATE,...", value_delimiter = ',', value_parser = Words::<SocketState>::parser())]
    pub(crate) socket_state: Vec<SocketState>,
    /// An event of one of these kinds
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', value_parser = Words::<EventKind>::parser())]
    pub(crate) event: Vec<EventKind>,
    /// So many octets (a listener: connections; datagrams) can be taken, or the stream ended
    #[arg(long, value_name = "N")]
    pub(crate) readable: Option<u32>,
    /// All that was sent is acknowledged, the FIN included
    #[arg(long)]
    pub(crate) acked: bool,
    /// The socket is gone: closed by its caller and finished by TCP
    #[arg(long)]
    pub(crate) released: bool,
}

/// Options of a socket.
#[derive(Debug, Args)]
#[command(next_help_heading = "Socket options")]
pub(crate) struct OptionArgs {
    /// Send small segments at once: no Nagle algorithm
    #[arg(long, value_name = "BOOL")]
    no_delay: Option<bool>,
    /// The largest segment, in octets of data
    #[arg(long, value_name = "OCTETS")]
    max_segment_size: Option<u32>,
    /// The maximum segment lifetime; TIME-WAIT lasts twice as long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    msl: Option<prost_types::Duration>,
    /// on, off, or idle=2h,interval=75s,probes=9
    #[arg(long, value_name = "WHEN", value_parser = keep_alive)]
    keep_alive: Option<KeepAlive>,
    /// How long data may stay unacknowledged before the connection is given up
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    user_timeout: Option<prost_types::Duration>,
    /// off, or how long `close` waits; 0 makes it an abort
    #[arg(long, value_name = "DURATION|off", value_parser = linger)]
    linger: Option<Linger>,
    /// Octets that may be put ahead of the peer
    #[arg(long, value_name = "OCTETS", value_parser = octets)]
    send_buffer: Option<u32>,
    /// Octets that may wait to be taken; bounds the window
    #[arg(long, value_name = "OCTETS", value_parser = octets)]
    receive_buffer: Option<u32>,
    /// How long an acknowledgment may wait for company
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    delayed_ack: Option<prost_types::Duration>,
    /// The floor of the retransmission timeout
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    rto_min: Option<prost_types::Duration>,
    /// The retransmission timeout before the first measurement
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    rto_initial: Option<prost_types::Duration>,
    /// Bind though connections of the port live on
    #[arg(long, value_name = "BOOL")]
    reuse_address: Option<bool>,
    /// The congestion control algorithm
    #[arg(long, value_name = "NAME", value_parser = Words::<CongestionControl>::parser())]
    congestion_control: Option<CongestionControl>,
    /// The initial send sequence number
    #[arg(long, value_name = "N")]
    initial_sequence_number: Option<u32>,
    /// Windows above 65,535 octets, where the peer agrees
    #[arg(long, value_name = "BOOL")]
    window_scaling: Option<bool>,
    /// Timestamps in every segment, where the peer agrees
    #[arg(long, value_name = "BOOL")]
    timestamps: Option<bool>,
    /// Selective acknowledgments, where the peer agrees
    #[arg(long, value_name = "BOOL")]
    sack: Option<bool>,
    /// Explicit congestion notification
    #[arg(long, value_name = "WHEN", value_parser = Words::<Ecn>::parser())]
    ecn: Option<Ecn>,
    /// CUBIC leaves slow start as round trips grow
    #[arg(long, value_name = "BOOL")]
    hystart: Option<bool>,
    /// Spread segments over the round trip, in place of bursts
    #[arg(long, value_name = "BOOL")]
    pacing: Option<bool>,
    /// Segments that may be sent before the first acknowledgment
    #[arg(long, value_name = "SEGMENTS")]
    initial_window: Option<u32>,
    /// How a loss is found
    #[arg(long, value_name = "HOW", value_parser = Words::<LossDetection>::parser())]
    loss_detection: Option<LossDetection>,
    /// Probe for a loss at the end of a flight
    #[arg(long, value_name = "BOOL")]
    tail_loss_probe: Option<bool>,
    /// Data in the SYN
    #[arg(long, value_name = "BOOL")]
    fast_open: Option<bool>,
    /// Tell the peer the user timeout, and follow the one that it tells
    #[arg(long, value_name = "BOOL")]
    user_timeout_option: Option<bool>,
    /// The hop limit, or time to live, of packets sent
    #[arg(long, value_name = "HOPS")]
    hop_limit: Option<u32>,
    /// The differentiated services codepoint of packets sent
    #[arg(long, value_name = "N")]
    dscp: Option<u32>,
    /// IPv4 options on every packet sent: `none`, or any of `record-route=ADDRESSES`, `router-alert[=VALUE]`, `raw=HEX`
    #[arg(long, value_name = "OPTION,...", value_parser = ip_options)]
    ip_options: Option<IpOptions>,
    /// How the path MTU is found
    #[arg(long, value_name = "HOW", value_parser = Words::<PathMtuDiscovery>::parser())]
    path_mtu_discovery: Option<PathMtuDiscovery>,
    /// When a listener keeps a handshake in the sequence number alone
    #[arg(long, value_name = "WHEN", value_parser = Words::<SynCookies>::parser())]
    syn_cookies: Option<SynCookies>,
}

impl From<OptionArgs> for SocketOptions {
    fn from(args: OptionArgs) -> Self {
        Self {
            no_delay: args.no_delay,
            max_segment_size: args.max_segment_size,
            msl: args.msl,
            keep_alive: args.keep_alive,
            user_timeout: args.user_timeout,
            linger: args.linger,
            send_buffer: args.send_buffer,
            receive_buffer: args.receive_buffer,
            delayed_ack: args.delayed_ack,
            rto_min: args.rto_min,
            rto_initial: args.rto_initial,
            reuse_address: args.reuse_address,
            congestion_control: args.congestion_control.unwrap_or_default().into(),
            initial_sequence_number: args.initial_sequence_number,
            window_scaling: args.window_scaling,
            timestamps: args.timestamps,
            sack: args.sack,
            ecn: args.ecn.unwrap_or_default().into(),
            hystart: args.hystart,
            pacing: args.pacing,
            initial_window: args.initial_window,
            loss_detection: args.loss_detection.unwrap_or_default().into(),
            tail_loss_probe: args.tail_loss_probe,
            fast_open: args.fast_open,
            user_timeout_option: args.user_timeout_option,
            hop_limit: args.hop_limit,
            dscp: args.dscp,
            ip_options: args.ip_options,
            path_mtu_discovery: args.path_mtu_discovery.unwrap_or_default().into(),
            syn_cookies: args.syn_cookies.unwrap_or_default().into(),
        }
    }
}

impl SocketVerb {
    /// The verb as typed.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Bind { .. } => "bind",
            Self::Listen { .. } => "listen",
            Self::Accept { .. } => "accept",
            Self::Connect { .. } => "connect",
            Self::Send { .. } => "send",
            Self::Recv { .. } => "recv",
            Self::SendTo { .. } => "send-to",
            Self::RecvFrom { .. } => "recv-from",
            Self::Transfer { .. } => "transfer",
            Self::Shutdown { .. } => "shutdown",
            Self::Close { .. } => "close",
            Self::Abort { .. } => "abort",
            Self::Set { .. } => "set",
            Self::Get { .. } => "get",
            Self::Info { .. } => "info",
            Self::List { .. } => "list",
            Self::Wait(_) => "wait",
        }
    }
}

const WAIT_EXAMPLES: &str = "\
Examples:
  sockwright wait 3 --state ESTABLISHED --timeout 5s
  sockwright wait 3 --state TIME-WAIT --after 0          it was there at some time
  sockwright wait 3 --readable 100
  sockwright wait 3 --event segment-dropped,retransmission
  at=$(sockwright send 3 hello --json | jq -r '\"\\(.at.epoch):\\(.at.seq)\"')
  sockwright wait 3 --acked --after $at";
