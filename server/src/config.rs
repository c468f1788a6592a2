//! How the server is set up: every limit, by name.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sockwright_engine::host;

use crate::access::Allow;
use crate::hub::HubConfig;

/// The configuration of a server.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The limits of the server.
    pub limits: Limits,
    /// The limits of the event hub: what it remembers, watchers, waits.
    pub hub: HubConfig,
    /// How each engine is set up, its limits included.
    pub engine: host::Config,
    /// When HTTP/2 connections are found dead.
    pub keep_alive: Http2KeepAlive,
    /// Names by which browsers may call the server on a loopback address, besides `localhost` and addresses.
    pub hosts: Vec<String>,
    /// What may be reached on real wires, where there is no policy: nothing, unless it is here.
    pub allow: Vec<Allow>,
    /// The file that says what callers may do.
    pub policy: Option<PathBuf>,
    /// The file that is told of every call that touches a real wire, and of each that is denied; `-`: the standard output.
    pub audit: Option<PathBuf>,
    /// Who may call.
    pub access: AccessConfig,
    /// How long draining may take, up to [`DRAIN_MAX`]: see [`Server::serve`](crate::server::Server::serve). `None`: [`DRAIN`].
    pub drain: Option<Duration>,
    /// How long the thread of an attached stack looks for packets before it sleeps, where the call that attaches it says
    /// nothing: up to [`BUSY_POLL_MAX`].
    pub busy_poll: Duration,
    /// Whether calls make OpenTelemetry spans, for the process's global tracer provider: what nobody collects costs each call.
    pub spans: bool,
}

/// How long draining may take where nothing else is said.
pub const DRAIN: Duration = Duration::from_secs(3);

/// The longest that draining may take.
pub const DRAIN_MAX: Duration = Duration::from_secs(3600);

/// Who may call, and where that is written. Without anything said, whoever reaches the server is `local`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessConfig {
    /// TLS, for everything that comes over TCP.
    pub tls: Option<TlsFiles>,
    /// The file of the bearer tokens.
    pub tokens: Option<PathBuf>,
    /// Listen anywhere, whoever may come there.
    pub insecure: bool,
    /// How often the files of [`AccessConfig::tls`] are looked at, for a change.
    pub poll: Duration,
}

impl AccessConfig {
    /// Whether who comes over TCP has to prove who they are.
    pub fn asks(&self) -> bool {
        self.tokens.is_some() || self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some())
    }
}

impl Default for AccessConfig {
    fn default() -> Self {
        AccessConfig { tls: None, tokens: None, insecure: false, poll: Duration::from_secs(2) }
    }
}

/// The files of TLS, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Our certificate, and those between it and a root.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who is believed about the certificates of clients.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
    }
}

/// The longest that the thread of a stack looks for packets before it sleeps.
pub const BUSY_POLL_MAX: Duration = Duration::from_secs(1);

/// A limit on everything that clients can grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Labs. Each costs a thread.
    pub labs: usize,
    /// Attached stacks. Each costs a thread and some raw sockets.
    pub attached_stacks: usize,
    /// Stacks of one lab.
    pub stacks_per_lab: usize,
    /// Links of one lab.
    pub links_per_lab: usize,
    /// Addresses of one stack.
    pub addresses_per_stack: usize,
    /// Routes of one stack.
    pub routes_per_stack: usize,
    /// Names that callers go by, over the life of the server: at most 2^24. One more is refused with RESOURCE_EXHAUSTED.
    pub identities: usize,
    /// Connections of clients. One more is closed as it comes.
    pub connections: usize,
    /// Connections from one address of IPv4, one net of 64 bits of IPv6, or of one user of this machine. One more is closed as it
    /// comes.
    pub connections_per_source: usize,
    /// TLS handshakes under way at one listener. For one more, the oldest is ended.
    pub handshakes: usize,
    /// How long a TLS handshake may take, and after it, or where there is none, the first 24 octets of HTTP.
    pub handshake_time: Duration,
    /// How long a connection may be there without a call on which nobody has proved who he is.
    pub idle_of_nobody: Duration,
    /// How long such a connection may be there at all, whatever it is used for: who needs it longer connects again.
    pub age_of_nobody: Duration,
    /// Sessions.
    pub sessions: usize,
    /// Calls waiting for one engine thread. A call beyond it waits in front of the queue, and its client with it.
    pub commands_queued: usize,
    /// Workloads of one engine thread.
    pub workloads: usize,
    /// Captures at a time. One more is refused with RESOURCE_EXHAUSTED.
    pub captures: usize,
    /// Octets that may wait for the reader of one capture, and the default of `CaptureRequest.queue_bytes`. What comes when
    /// there is no room is counted in place of being kept.
    pub capture_bytes: usize,
    /// Octets of the recent packets that all labs and attached stacks together keep. Who asks for more than is left is refused
    /// with RESOURCE_EXHAUSTED.
    pub record_bytes: usize,
    /// Traces at a time, those that ended and were not fetched included. One more is refused with RESOURCE_EXHAUSTED.
    pub traces: usize,
    /// Octets of the events of one trace; what comes then is not in it.
    pub trace_event_bytes: u64,
    /// Octets of the packets of one trace, likewise.
    pub trace_packet_bytes: u64,
    /// Octets of the calls of one trace, likewise.
    pub trace_call_bytes: u64,
    /// Octets of the log of one trace, likewise.
    pub trace_log_bytes: u64,
    /// How long a trace that ended waits to be fetched, unless it is one that ends by being fetched.
    pub trace_linger: Duration,
    /// Ports that one attached stack takes from the host's kernel. Each costs a file descriptor.
    pub guarded_ports: usize,
    /// Calls under way on one HTTP/2 connection; more wait at the client.
    pub calls_per_connection: u32,
    /// Calls under way at all. One more is refused with UNAVAILABLE.
    pub calls: usize,
    /// Calls under way of one identity, unless its policy says less. One more is refused with RESOURCE_EXHAUSTED.
    pub calls_per_identity: usize,
    /// Calls under way of all who have no identity, together: whoever has one finds a place all the same. One more is refused with
    /// RESOURCE_EXHAUSTED.
    pub calls_of_nobody: usize,
    /// Those of one connection among them.
    pub calls_of_nobody_per_connection: usize,
    /// Calls that one identity may begin in a second, as many at once; none: as many as it likes. One more is refused with
    /// RESOURCE_EXHAUSTED.
    pub call_rate_per_identity: Option<NonZeroU32>,
    /// Octets of data in one call.
    pub message_bytes: usize,
    /// Idempotency keys remembered, for each kind of call. The oldest is forgotten for a new one.
    pub idempotency_keys: usize,
    /// Sockets remembered as those of a stack that is gone, to answer ENETDOWN in place of EBADF.
    pub gone_sockets: usize,
    /// Jumps of a lab with a virtual clock without a call in between.
    pub virtual_jumps: u64,
    /// Timers and deliveries of a lab with a virtual clock without a call in between, jumps or not.
    pub virtual_steps: u64,
    /// Steps of one `AdvanceTime`.
    pub advance_steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            labs: 1024,
            attached_stacks: 64,
            stacks_per_lab: 256,
            links_per_lab: 256,
            addresses_per_stack: 64,
            routes_per_stack: 64,
            identities: 65_536,
            connections: 16_384,
            connections_per_source: 4096,
            handshakes: 256,
            handshake_time: Duration::from_secs(10),
            idle_of_nobody: Duration::from_secs(60),
            age_of_nobody: Duration::from_secs(600),
            sessions: 65_536,
            commands_queued: 1024,
            workloads: 64,
            captures: 16,
            capture_bytes: 16 << 20,
            record_bytes: 256 << 20,
            traces: 16,
            trace_event_bytes: 64 << 20,
            trace_packet_bytes: 64 << 20,
            trace_call_bytes: 16 << 20,
            trace_log_bytes: 4 << 20,
            trace_linger: Duration::from_secs(60),
            guarded_ports: 16_384,
            calls_per_connection: 10_000,
            calls: 262_144,
            calls_per_identity: 65_536,
            calls_of_nobody: 1024,
            calls_of_nobody_per_connection: 16,
            call_rate_per_identity: None,
            message_bytes: 1 << 20,
            idempotency_keys: 65_536,
            gone_sockets: 65_536,
            virtual_jumps: 10_000,
            virtual_steps: 10_000_000,
            advance_steps: 10_000_000,
        }
    }
}

/// HTTP/2 PING frames, which find clients that are gone without saying so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2KeepAlive {
    /// Silence before a PING is sent.
    pub interval: Duration,
    /// How long its answer may take.
    pub timeout: Duration,
}

impl Default for Http2KeepAlive {
    fn default() -> Self {
        Http2KeepAlive { interval: Duration::from_secs(20), timeout: Duration::from_secs(20) }
    }
}
