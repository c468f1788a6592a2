//! The options of a socket: what `setsockopt` and Linux's `sysctl net.ipv4.tcp_*` set, typed, for each socket alone.
//!
//! Owns: [`Options`], their enums and defaults; [`OptionsPatch`], a change of them, with the ranges.

mod patch;

use core::time::Duration;

pub use patch::{OptionsPatch, OutOfRange};

use crate::wire::IpOptions;

/// Every option of a socket, with RFC 9293's and Linux's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Send small segments at once, without Nagle's algorithm.
    pub no_delay: bool,
    /// The largest segment to send or announce, in octets of data. `None`: what the link allows.
    pub max_segment_size: Option<u16>,
    /// The maximum segment lifetime. TIME-WAIT lasts twice as long.
    pub msl: Duration,
    /// Keep-alive probes, or `None`.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
    //# Implementers MAY include "keep-alives" in their TCP implementations (MAY-5), although this
    //# practice is not universally accepted.
    pub keep_alive: Option<KeepAlive>,
    /// How long something may stay unacknowledged before the connection is given up (RFC 9293 §3.8.3, R2).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
    //# An application MUST (MUST-21) be able to set the value for R2 for a particular
    //# connection.
    pub user_timeout: Duration,
    /// The user chose that time: the peer's is told to it and not followed (RFC 5482's CHANGEABLE, negated).
    pub user_timeout_set: bool,
    /// How long `close` waits; zero resets; `None` does not wait.
    pub linger: Option<Duration>,
    /// Octets that may be sent ahead of the peer, at first.
    pub send_buffer: u32,
    /// To how many octets that grows with the congestion window; no more than at first where it was chosen, and never more
    /// than `Limits::tuned_send_buffer`.
    pub send_buffer_max: u32,
    /// Octets that may wait to be received, at first; it bounds the window.
    pub receive_buffer: u32,
    /// To how many octets that grows with what the user takes in a round trip; no more than at first where it was chosen,
    /// and never more than `Limits::tuned_receive_buffer`.
    pub receive_buffer_max: u32,
    /// How long an acknowledgment may wait for company.
    pub delayed_ack: Duration,
    /// The floor of the retransmission timeout.
    pub rto_min: Duration,
    /// The retransmission timeout before the first measurement.
    pub rto_initial: Duration,
    /// Bind although connections of the port live on.
    pub reuse_address: bool,
    /// The congestion control algorithm.
    pub congestion: CongestionControl,
    /// The initial send sequence number, in place of the one of RFC 6528.
    pub initial_sequence_number: Option<u32>,
    /// Offer the window scale option and agree to it (RFC 7323 §2).
    pub window_scaling: bool,
    /// Offer the timestamps option and agree to it (RFC 7323 §3).
    pub timestamps: bool,
    /// Offer selective acknowledgments and agree to them (RFC 2018).
    pub sack: bool,
    /// Explicit congestion notification (RFC 3168).
    pub ecn: Ecn,
    /// NewReno and CUBIC leave slow start before it loses (HyStart++, RFC 9406).
    pub hystart: bool,
    /// Spread segments over the round trip, in place of bursts. BBR always does.
    pub pacing: bool,
    /// Segments that may be sent before the first acknowledgment (RFC 6928).
    pub initial_window: u8,
    /// How a loss is found.
    pub loss_detection: LossDetection,
    /// Probe for a loss at the end of a flight before the retransmission timeout (RFC 8985 §7).
    pub tail_loss_probe: bool,
    /// Data in the SYN (RFC 7413): a listener takes it, a connect asks for a cookie and uses it.
    pub fast_open: bool,
    /// Tell the peer the user timeout, and follow the one that it tells (RFC 5482).
    pub user_timeout_option: bool,
    /// The hop limit, or time to live, of packets sent.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.7
    //# When a fixed TTL value is used, it MUST be configurable.
    pub hop_limit: u8,
    /// The differentiated services codepoint of packets sent (RFC 2474).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
    //# The application layer MUST be able to specify the Differentiated Services field for
    //# segments that are sent on a connection (MUST-48).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
    //# It is not required, but the application SHOULD be able to change the Differentiated
    //# Services field during the connection lifetime (SHLD-21).
    pub dscp: u8,
    /// The options of IPv4 packets sent (RFC 791 §3.1). They take their octets from every segment.
    pub ip_options: IpOptions,
    /// How the path MTU is found.
    pub path_mtu_discovery: PathMtuDiscovery,
    /// On a listener: when a handshake is kept in the sequence number alone (RFC 4987 §3.6).
    pub syn_cookies: SynCookies,
}

/// The congestion control algorithms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CongestionControl {
    /// RFC 5681 and RFC 6582.
    NewReno,
    /// RFC 8312, with the changes of RFC 9438.
    #[default]
    Cubic,
    /// Bottleneck bandwidth and round-trip propagation time.
    Bbr,
}

/// Explicit congestion notification (RFC 3168).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ecn {
    /// Neither asked for nor agreed to.
    Off,
    /// Agreed to where the peer asks: Linux's `tcp_ecn=2`.
    #[default]
    Passive,
    /// Asked for, and agreed to.
    Active,
}

/// How a loss is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LossDetection {
    /// By time: RACK (RFC 8985). Where the peer sends no SACK, as [`LossDetection::DuplicateAcks`].
    #[default]
    Rack,
    /// By count: RFC 6675 with SACK, RFC 6582 without.
    DuplicateAcks,
}

/// How the path MTU is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathMtuDiscovery {
    /// Not at all: IPv4 packets may be fragmented on their way.
    Off,
    /// By ICMP (RFC 1191, RFC 8201). After three timeouts in a row a path counts as one that swallows large packets and
    /// tells nothing: then smaller ones go, and what it takes is searched as with [`PathMtuDiscovery::Probe`].
    #[default]
    Icmp,
    /// By ICMP and by larger segments (RFC 4821). A connection begins with packets of 1024 octets, 1280 over IPv6, and now
    /// and then sends one that is larger; where it is lost nothing else suffers. That takes SACK: without it this is
    /// [`PathMtuDiscovery::Icmp`], and a path that swallows packets gets smaller ones for ten minutes. Set on an open
    /// connection it begins no search.
    ///
    /// A datagram goes in one packet that nobody may cut, whatever is known of its path (RFC 4821 §9): at most as long as
    /// the MTU of the first link.
    Probe,
}

/// When a listener keeps a handshake in the sequence number of its SYN,ACK alone (RFC 4987 §3.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SynCookies {
    /// Never: a SYN that finds the queue full is dropped.
    Off,
    /// While the queue of handshakes is full.
    #[default]
    WhenFull,
    /// For every handshake.
    Always,
}

/// When keep-alive probes are sent (RFC 9293 §3.8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Idle time before the first probe.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Unanswered probes that end the connection.
    pub probes: u8,
}

impl Default for KeepAlive {
    fn default() -> Self {
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
        //# This interval MUST
        //# be configurable (MUST-27) and MUST default to no less than two hours
        //# (MUST-28).
        KeepAlive { idle: Duration::from_secs(7200), interval: Duration::from_secs(75), probes: 9 }
    }
}

impl Options {
    /// The most octets that the receive buffer can have.
    pub(crate) fn receive_buffer_most(&self) -> u32 {
        self.receive_buffer.max(self.receive_buffer_max)
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            no_delay: false,
            max_segment_size: None,
            msl: Duration::from_secs(30),
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
            //# If keep-alives are included, the application MUST be able to turn
            //# them on or off for each TCP connection (MUST-24), and they MUST
            //# default to off (MUST-25).
            keep_alive: None,
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
            //# The value of R2 SHOULD correspond to at least 100 seconds (SHLD-11).
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
            //# In particular, R2 for a SYN segment MUST be set large enough to provide retransmission
            //# of the segment for at least 3 minutes (MUST-23).
            user_timeout: Duration::from_secs(300),
            user_timeout_set: false,
            linger: None,
            send_buffer: 1 << 20,
            send_buffer_max: u32::MAX,
            receive_buffer: 1 << 20,
            receive_buffer_max: u32::MAX,
            //= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
            //# When using delayed ACKs, a TCP receiver MUST NOT excessively delay acknowledgments.
            //= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
            //# Finally, we repeat that an ACK MUST NOT be delayed for more than 500 ms waiting on a
            //# second full-sized segment to arrive.
            delayed_ack: Duration::from_millis(40),
            rto_min: Duration::from_millis(200),
            rto_initial: Duration::from_secs(1),
            reuse_address: false,
            congestion: CongestionControl::Cubic,
            initial_sequence_number: None,
            window_scaling: true,
            timestamps: true,
            sack: true,
            ecn: Ecn::Passive,
            hystart: true,
            pacing: false,
            initial_window: 10,
            loss_detection: LossDetection::Rack,
            tail_loss_probe: true,
            //= https://www.rfc-editor.org/rfc/rfc7413#section-2
            //# Therefore, TCP implementations MUST NOT use TFO by default, but only
            //# use TFO if requested explicitly by the application on a per-service-
            //# port basis.
            fast_open: false,
            user_timeout_option: false,
            hop_limit: 64,
            dscp: 0,
            ip_options: IpOptions::NONE,
            path_mtu_discovery: PathMtuDiscovery::Icmp,
            syn_cookies: SynCookies::WhenFull,
        }
    }
}
