//! Every metric, by name: what it is called, what it counts, in which unit, and what tells its series apart.
//!
//! The one list: what is not here cannot be written, and the table in `docs/metrics.md` is held against it.

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// A metric.
#[derive(Debug)]
pub(super) struct Described {
    /// Without the unit and without `_total`, which are appended as OpenMetrics asks.
    pub(super) stem: &'static str,
    pub(super) unit: Option<Unit>,
    pub(super) kind: Kind,
    /// What tells its series apart. None of them can be made to grow without end: see the documentation.
    pub(super) labels: &'static [&'static str],
    /// One sentence.
    pub(super) help: &'static str,
}

/// What a metric's value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It counts how long things took.
    Histogram,
    /// It is 1; its labels tell.
    Info,
}

impl Kind {
    pub(super) fn metric_type(self) -> MetricType {
        match self {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
            Kind::Info => MetricType::Info,
        }
    }
}

macro_rules! metrics {
    ($($name:ident = $kind:ident $stem:literal $(in $unit:ident)? $([$($label:literal),*])? $help:literal;)*) => {
        $(
            pub(super) static $name: Described = Described {
                stem: $stem,
                unit: unit!($($unit)?),
                kind: Kind::$kind,
                labels: &[$($($label),*)?],
                help: $help,
            };
        )*

        /// All of them, as they are written.
        #[cfg(test)]
        pub(super) static ALL: &[&Described] = &[$(&$name),*];
    };
}

macro_rules! unit {
    () => {
        None
    };
    ($unit:ident) => {
        Some(Unit::$unit)
    };
}

metrics! {
    // ---- RPCs
    RPCS = Counter "sockwright_rpcs" ["service", "method", "code"] "RPCs that ended, by the name of their status code.";
    RPCS_UNDER_WAY = Gauge "sockwright_rpcs_under_way" ["service", "method"] "RPCs that have begun and not ended.";
    RPC_DURATION = Histogram "sockwright_rpc_duration" in Seconds ["service", "method"] "How long unary RPCs took, the wait of those that wait for a peer included.";
    RPC_MESSAGES_RECEIVED = Counter "sockwright_rpc_messages_received" ["service", "method"] "Messages that clients sent.";
    RPC_MESSAGES_SENT = Counter "sockwright_rpc_messages_sent" ["service", "method"] "Messages that clients were sent.";

    // ---- sockets
    SOCKETS = Gauge "sockwright_sockets" ["kind", "state"] "Sockets: of streams by TCP state, of datagrams by what the socket is.";
    SOCKETS_OPENED = Counter "sockwright_sockets_opened" ["kind"] "Sockets that came to be, by a call or as a SYN arrived.";

    // ---- what the engines counted
    FRAMES_RECEIVED = Counter "sockwright_frames_received" ["stack"] "Packets and frames that engines took in.";
    FRAMES_SENT = Counter "sockwright_frames_sent" ["stack"] "Packets and frames that engines gave out.";
    FRAMES_LOST = Counter "sockwright_frames_lost" ["stack", "reason"] "Frames that the host lost between a stack and its wire.";
    SEGMENTS_RECEIVED = Counter "sockwright_segments_received" ["stack"] "TCP segments that arrived for a socket.";
    SEGMENTS_SENT = Counter "sockwright_segments_sent" ["stack"] "TCP segments sent.";
    RECEIVED_BYTES = Counter "sockwright_received" in Bytes ["stack"] "Data that TCP received in order.";
    SENT_BYTES = Counter "sockwright_sent" in Bytes ["stack"] "Data in TCP segments sent, those sent again included.";
    RETRANSMISSIONS = Counter "sockwright_retransmissions" ["stack", "reason"] "What TCP sent again.";
    DROPS = Counter "sockwright_drops" ["stack", "reason"] "Segments and frames that arrived and were not used.";
    LIMITS_HIT = Counter "sockwright_limits_hit" ["stack", "limit"] "Hits of the limits of engines and their threads.";
    SYN_COOKIES = Counter "sockwright_syn_cookies" ["stack", "event"] "SYN cookies: sent, accepted, refused.";
    ACKS_WITHHELD = Counter "sockwright_acks_withheld" ["stack"] "ACKs in reply to segments of no use that were not sent, for another had just been.";
    WINDOW_SCALES_LOWERED = Counter "sockwright_window_scales_lowered" ["stack"] "SYNs with a window scale above 14, which was used as 14.";
    SACK_BLOCKS_IGNORED = Counter "sockwright_sack_blocks_ignored" ["stack"] "SACK blocks that were empty, reversed, or of nothing that waits for an acknowledgment.";
    INVARIANTS_BROKEN = Counter "sockwright_invariants_broken" ["stack"] "Connections that were ended because an invariant of the engine was broken. Each is a bug.";

    // ---- the engines' threads
    TURN_DURATION = Histogram "sockwright_turn_duration" in Seconds ["stack"] "How long the turns of engine threads took, without the sleep after them.";
    COMMANDS_WAITING = Gauge "sockwright_commands_waiting" ["stack"] "Calls in front of engine threads: each has room for a limited number.";
    CALLS_PARKED = Gauge "sockwright_calls_parked" ["stack"] "Calls that wait for something to happen to their socket.";
    WORKLOADS = Gauge "sockwright_workloads" ["stack"] "Workloads that run.";
    THREADS_SILENT = Gauge "sockwright_threads_silent" "Engine threads that did not answer in time: what is told of them is what they said before.";

    // ---- what there is
    LABS = Gauge "sockwright_labs" "Labs.";
    ATTACHED_STACKS = Gauge "sockwright_attached_stacks" "Stacks on real links.";
    SESSIONS = Gauge "sockwright_sessions" "Sessions.";

    // ---- events and who hears of them
    EVENTS = Counter "sockwright_events" "Events that were published.";
    EVENTS_REMEMBERED = Gauge "sockwright_events_remembered" "Events in the ring, from which watchers read.";
    EVENTS_REMEMBERED_LIMIT = Gauge "sockwright_events_remembered_limit" "Events for which the ring has room; beyond it the oldest gives way.";
    WATCHERS = Gauge "sockwright_watchers" ["delivery"] "Watches.";
    WATCHERS_LAG = Gauge "sockwright_watchers_lag" "Events that the watcher furthest behind has not looked at.";
    WATCHERS_WAITING = Gauge "sockwright_watchers_waiting" in Bytes "What waits for watchers, the ring aside.";
    WATCH_EVENTS = Counter "sockwright_watch_events" ["delivery"] "Events that watchers were told.";
    WATCH_GAPS = Counter "sockwright_watch_gaps" ["reason"] "Gaps that watchers were told of.";
    WAITERS = Gauge "sockwright_waiters" "WaitFor calls.";

    // ---- captures
    CAPTURES = Gauge "sockwright_captures" "Captures.";
    CAPTURE_PACKETS = Counter "sockwright_capture_packets" "Packets that captures wanted, those they missed included.";
    CAPTURE_PACKETS_MISSED = Counter "sockwright_capture_packets_missed" "Packets that captures missed because their reader was slow.";

    // ---- the server itself
    BUILD = Info "sockwright_build" ["version"] "The server's version.";
    CPU = Counter "process_cpu" in Seconds "Time that the process spent on processors.";
    START_TIME = Gauge "process_start_time" in Seconds "When the process began, since 1970.";
    RESIDENT_MEMORY = Gauge "process_resident_memory" in Bytes "Memory of the process that is in RAM.";
    VIRTUAL_MEMORY = Gauge "process_virtual_memory" in Bytes "Address space of the process.";
    THREADS = Gauge "process_threads" "Threads of the process.";
    OPEN_FDS = Gauge "process_open_fds" "File descriptors that are open.";
    MAX_FDS = Gauge "process_max_fds" "File descriptors that may be open.";
}

#[cfg(test)]
impl Described {
    /// The name as queries have it.
    pub(super) fn name(&self) -> String {
        let unit = self.unit.as_ref().map(|unit| format!("_{}", unit.as_str())).unwrap_or_default();
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{unit}{suffix}", self.stem)
    }
}
