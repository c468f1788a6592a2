//! What can be read of a connection, under the names of RFC 9293 §3.3.1 and of Linux's TCP_INFO.
//!
//! Owns the types; `connection/info.rs` fills them in. Which fields of `struct tcp_info` have no place here, and why, is
//! said in `docs/tcp-info.md`.

use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use super::config::CongestionControl;
use super::seq::Seq;
use super::timers::TimerKind;
use crate::event::{CongestionPhase, DropReason, RecoveryPhase};
use crate::time::{Instant, Span};

/// The variables of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// Initial send sequence number.
    pub iss: Seq,
    /// Oldest unacknowledged sequence number.
    pub snd_una: Seq,
    /// Next sequence number to be sent.
    pub snd_nxt: Seq,
    /// Send window, in octets.
    pub snd_wnd: u32,
    /// Initial receive sequence number.
    pub irs: Seq,
    /// Next sequence number expected.
    pub rcv_nxt: Seq,
    /// Receive window as last announced, in octets.
    pub rcv_wnd: u32,
    /// Largest segment sent, in octets of data.
    pub snd_mss: u32,
    /// Largest IP packet that the path is believed to take, in octets.
    pub pmtu: u32,
    /// Largest segment the peer was told to send.
    pub rcv_mss: u32,
    /// Octets in the send buffer.
    pub send_queue: u32,
    /// Octets that can be received by the user.
    pub receive_queue: u32,
    /// Octets that the send buffer takes now: as the option says, or what it grew to with the congestion window.
    pub send_buffer: u32,
    /// Octets that the receive buffer takes now: as the option says, or what it grew to with what the user takes.
    pub receive_buffer: u32,
    /// Octets of urgent data that the user has still to take; some may not be here yet.
    pub urgent: u32,
    /// Octets held out of order.
    pub out_of_order: u32,
    /// Smoothed round-trip time, once measured.
    pub srtt: Option<Duration>,
    /// Its variation.
    pub rttvar: Duration,
    /// Retransmission timeout, back-off included.
    pub rto: Duration,
    /// Congestion window, in octets.
    pub cwnd: u32,
    /// Slow-start threshold, in octets.
    pub ssthresh: u32,
    /// Timeouts in a row.
    pub backoff: u32,
    /// The user timeout that the peer told of itself (RFC 5482), where `user_timeout_option` is on and it did.
    pub peer_user_timeout: Option<Duration>,
    /// Data came or went with the SYN and was taken (RFC 7413).
    pub fast_open: bool,
    /// Why it did not go so, where it was to (`tcpi_fastopen_client_fail`).
    pub fast_open_failure: Option<FastOpenFailure>,
    /// Totals.
    pub totals: Totals,
    /// No more is sent after the FIN.
    pub shutdown_write: bool,
    /// No more is received by the user.
    pub shutdown_read: bool,
    /// The timers that run, and when they fire.
    pub timers: Vec<(TimerKind, Instant)>,
    /// The phase of loss recovery (`tcpi_ca_state`).
    pub ca_state: RecoveryPhase,
    /// What the RETRANSMIT timer means while it runs.
    pub recovery_timer: RecoveryTimer,
    /// Octets that are believed to be in the network (RFC 6675's pipe).
    pub pipe: u32,
    /// Octets outstanding (`tcpi_unacked`).
    pub unacked: u32,
    /// Those of them that the peer has, by its SACK (`tcpi_sacked`).
    pub sacked: u32,
    /// Those that count as lost (`tcpi_lost`), their retransmission under way or not.
    pub lost: u32,
    /// Those that were sent again and are under way (`tcpi_retrans`).
    pub retrans: u32,
    /// All that is outstanding, ascending and without a gap; neighbours of one fate are one range.
    pub scoreboard: Vec<SentRange>,
    /// The shortest round trip of late (`tcpi_min_rtt`).
    pub min_rtt: Option<Duration>,
    /// RACK's reordering window: how much later than it should a segment may arrive before it counts as lost.
    pub reordering_window: Duration,
    /// Segments of ours that arrived after later ones (`tcpi_reord_seen`).
    pub reordering_seen: u32,
    /// How fast data was delivered of late (`tcpi_delivery_rate`).
    pub delivery_rate: Option<Delivery>,
    /// Octets known to have arrived, sacked ones included (`tcpi_delivered`).
    pub delivered: u64,
    /// Retransmission timeouts in a row for what is outstanding now (`tcpi_retransmits`).
    pub retransmits: u32,
    /// Zero-window or keep-alive probes that nothing answered (`tcpi_probes`).
    pub probes: u32,
    /// What the two sides use (`tcpi_options`); nothing before the peer's SYN is here.
    pub options: OptionsInUse,
    /// What came of explicit congestion notification (`TCPI_OPT_ECN`, `TCPI_OPT_ECN_SEEN`).
    pub ecn: EcnInfo,
    /// Snd.Wind.Shift, applied to the windows that come (`tcpi_snd_wscale`).
    pub snd_wscale: u8,
    /// Rcv.Wind.Shift, applied to the windows that are announced (`tcpi_rcv_wscale`).
    pub rcv_wscale: u8,
    /// How long an acknowledgment may wait (`tcpi_ato`).
    pub ato: Duration,
    /// The largest segment that came, which is what the peer takes for a full one (`tcpi_rcv_mss`).
    pub rcv_mss_estimate: u32,
    /// Octets that were never sent (`tcpi_notsent_bytes`).
    pub notsent_bytes: u32,
    /// When what was last done.
    pub last: LastTimes,
    /// What held the sender up.
    pub stalls: Stalls,
    /// The last segment that was dropped.
    pub dropped: Option<Dropped>,
    /// What arrived out of order and waits, ascending.
    pub reassembly: Vec<Range<Seq>>,
    /// The congestion control algorithm.
    pub congestion: CongestionControl,
    /// What it is doing.
    pub congestion_phase: CongestionPhase,
    /// What it remembers of the path.
    pub congestion_variables: CongestionVariables,
    /// How fast it lets segments go, in octets a second (`tcpi_pacing_rate`); `None` where they are not paced.
    pub pacing_rate: Option<u64>,
}

/// What the two sides use of what they could.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptionsInUse {
    /// Timestamps (`TCPI_OPT_TIMESTAMPS`).
    pub timestamps: bool,
    /// Selective acknowledgments (`TCPI_OPT_SACK`).
    pub sack: bool,
    /// Window scaling (`TCPI_OPT_WSCALE`).
    pub window_scaling: bool,
}

/// Explicit congestion notification on a connection (RFC 3168).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EcnInfo {
    /// Both sides agreed: our data says that it may be marked.
    pub marks: bool,
    /// The peer is told of marks on its data. That alone, where the answer to our first SYN came after a second one, which
    /// did not ask.
    pub listens: bool,
    /// Data came that said that it may be marked, or was.
    pub seen: bool,
    /// Our acknowledgments tell of a mark, until the peer says that it slowed down.
    pub echoes: bool,
    /// Segments with data that came marked.
    pub received_ce: u64,
}

/// Why data did not go with a SYN, or was not taken with it (RFC 7413).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastOpenFailure {
    /// There was no cookie of the server (`TFO_COOKIE_UNAVAILABLE`).
    CookieUnavailable,
    /// The server acknowledged the SYN without its data (`TFO_DATA_NOT_ACKED`).
    DataNotAcked,
    /// Nothing answered, and the SYN went again without data (`TFO_SYN_RETRANSMITTED`).
    SynRetransmitted,
}

/// What the RETRANSMIT timer means: loss recovery has three uses for it (RFC 8985 §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecoveryTimer {
    /// The retransmission timeout (RFC 6298).
    #[default]
    Timeout,
    /// The tail loss probe (RFC 8985 §7).
    LossProbe,
    /// RACK's reordering timer (RFC 8985 §6).
    Reordering,
}

/// Octets outstanding that share a fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRange {
    /// Which.
    pub range: Range<Seq>,
    /// The peer has them, by its SACK.
    pub sacked: bool,
    /// They count as lost, if their retransmission is under way still.
    pub lost: bool,
    /// A retransmission of them is under way.
    pub resent: bool,
    /// How often they were sent again; 255 is that or more.
    pub retransmissions: u8,
}

impl SentRange {
    pub(crate) fn shares_fate_with(&self, other: &SentRange) -> bool {
        let fate = |of: &SentRange| (of.sacked, of.lost, of.resent, of.retransmissions);
        fate(self) == fate(other)
    }
}

/// How fast data was delivered (draft-cheng-iccrg-delivery-rate-estimation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Octets a second.
    pub rate: u64,
    /// There was not always something to send: the path may be faster (`tcpi_delivery_rate_app_limited`).
    pub app_limited: bool,
}

/// What an algorithm of congestion control remembers of the path. Windows are in octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CongestionVariables {
    /// NewReno: nothing but the window and the threshold.
    #[default]
    NewReno,
    /// CUBIC (RFC 8312).
    Cubic {
        /// W_max, the window at which congestion showed; 0 where that is not known.
        w_max: u32,
        /// The stage of congestion avoidance, while there is one.
        epoch: Option<CubicEpoch>,
    },
    /// BBR.
    Bbr {
        /// The largest delivery rate of late, in octets a second; 0 before the first (`bbr_bw_lo`, `bbr_bw_hi`).
        bandwidth: u64,
        /// The shortest round trip of late (`bbr_min_rtt`).
        min_rtt: Option<Duration>,
        /// How much faster than the bandwidth it sends, in 256ths (`bbr_pacing_gain`).
        pacing_gain: u32,
        /// How much more than the product of the two may be in flight, in 256ths (`bbr_cwnd_gain`).
        cwnd_gain: u32,
    },
}

/// A stage of CUBIC's congestion avoidance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CubicEpoch {
    /// When it began.
    pub start: Instant,
    /// K, the time from there to the plateau of the curve.
    pub k: Duration,
    /// The window at the plateau.
    pub origin: u32,
    /// W_est, what Reno's window would be.
    pub w_est: u32,
}

/// When a connection last did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastTimes {
    /// Sent data (`tcpi_last_data_sent`).
    pub data_sent: Option<Instant>,
    /// Sent an acknowledgment (`tcpi_last_ack_sent`, which Linux does not remember).
    pub ack_sent: Option<Instant>,
    /// Received data (`tcpi_last_data_recv`).
    pub data_recv: Option<Instant>,
    /// Received an acknowledgment (`tcpi_last_ack_recv`).
    pub ack_recv: Option<Instant>,
}

/// A segment that was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// When.
    pub at: Instant,
    /// Why.
    pub reason: DropReason,
}

/// What holds a sender up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stall {
    /// Nothing is outstanding or unsent.
    #[default]
    Idle,
    /// The path, or nothing: it is sending.
    Busy,
    /// The window that the peer announced.
    Window,
    /// The send buffer: all of it is outstanding, and the user has more.
    Buffer,
}

/// For how long what held a sender up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stalls {
    busy: Span,
    rwnd_limited: Span,
    sndbuf_limited: Span,
    now: Stall,
    since: Instant,
}

/// See [`Stalls::until`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StallTotals {
    /// Something was outstanding or unsent (`tcpi_busy_time`). The other two are parts of it.
    pub busy: Duration,
    /// The peer's window held data back (`tcpi_rwnd_limited`).
    pub rwnd_limited: Duration,
    /// The send buffer held the user back (`tcpi_sndbuf_limited`).
    pub sndbuf_limited: Duration,
}

impl Stalls {
    /// Nothing was sent yet.
    pub(crate) const NONE: Self = Stalls {
        busy: Span::ZERO,
        rwnd_limited: Span::ZERO,
        sndbuf_limited: Span::ZERO,
        now: Stall::Idle,
        since: Instant::ZERO,
    };

    /// From `now` on, `stall` is what holds the sender up.
    pub(crate) fn follow(&mut self, now: Instant, stall: Stall) {
        if stall != self.now {
            let StallTotals { busy, rwnd_limited, sndbuf_limited } = self.until(now);
            *self = Stalls {
                busy: busy.into(),
                rwnd_limited: rwnd_limited.into(),
                sndbuf_limited: sndbuf_limited.into(),
                now: stall,
                since: now,
            };
        }
    }

    /// What holds it up.
    pub(crate) fn now(&self) -> Stall {
        self.now
    }

    /// The totals at `now`.
    pub fn until(&self, now: Instant) -> StallTotals {
        let mut totals = StallTotals {
            busy: self.busy.into(),
            rwnd_limited: self.rwnd_limited.into(),
            sndbuf_limited: self.sndbuf_limited.into(),
        };
        let lasted = now - self.since;
        match self.now {
            Stall::Idle => return totals,
            Stall::Busy => {}
            Stall::Window => totals.rwnd_limited += lasted,
            Stall::Buffer => totals.sndbuf_limited += lasted,
        }
        totals.busy += lasted;
        totals
    }
}

/// What a connection counted in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Segments sent again.
    pub retransmissions: u64,
    /// Octets of data sent, retransmissions included.
    pub bytes_sent: u64,
    /// Octets of data acknowledged by the peer.
    pub bytes_acked: u64,
    /// Octets of data received in order.
    pub bytes_received: u64,
    /// Segments sent.
    pub segments_out: u64,
    /// Segments received.
    pub segments_in: u64,
    /// Segments with data sent (`tcpi_data_segs_out`).
    pub data_segs_out: u64,
    /// Segments with data received (`tcpi_data_segs_in`).
    pub data_segs_in: u64,
    /// Octets of data sent again (`tcpi_bytes_retrans`).
    pub bytes_retrans: u64,
    /// Segments that came out of order (`tcpi_rcv_ooopack`).
    pub rcv_ooopack: u64,
    /// Octets delivered by acknowledgments that told of a mark (`tcpi_delivered_ce`).
    pub delivered_ce: u64,
    /// Duplicates that the peer told of (`tcpi_dsack_dups`).
    pub dsack_dups: u64,
    /// Retransmission timeouts (`tcpi_total_rto`).
    pub total_rto: u64,
    /// Recoveries that such a timeout began (`tcpi_total_rto_recoveries`).
    pub total_rto_recoveries: u64,
    /// The time that those of them took that are over (`tcpi_total_rto_time`).
    pub total_rto_time: Duration,
}
