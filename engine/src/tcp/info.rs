//! What can be read of a connection, under the names of RFC 9293 §3.3.1 and of Linux's TCP_INFO.

use alloc::vec::Vec;
use core::time::Duration;

use super::seq::Seq;
use super::timers::TimerKind;
use crate::time::Instant;

/// The variables of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Largest segment the peer was told to send.
    pub rcv_mss: u32,
    /// Octets in the send buffer.
    pub send_queue: u32,
    /// Octets that can be received by the user.
    pub receive_queue: u32,
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
    /// Totals.
    pub totals: Totals,
    /// No more is sent after the FIN.
    pub shutdown_write: bool,
    /// No more is received by the user.
    pub shutdown_read: bool,
    /// The timers that run, and when they fire.
    pub timers: Vec<(TimerKind, Instant)>,
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
}
