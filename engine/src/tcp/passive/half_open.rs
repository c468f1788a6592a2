//! A handshake under way at a listener: SYN-RECEIVED, as a small record without buffers.
//!
//! When its peer answers, it is thawed into a connection that processes the segment like any other
//! (`connection/open.rs`); if the answer did not open it, the record stays and the connection is thrown away.

use core::time::Duration;

use crate::event::Relative;
use crate::id::SocketId;
use crate::tcp::config::Options;
use crate::tcp::connection::SegmentSizes;
use crate::tcp::cx::{Stray, Tuple};
use crate::tcp::seq::Seq;
use crate::tcp::timers::TimerKind;
use crate::time::Instant;
use crate::wire::{Flags, TcpOptions, TcpSegment};

/// A connection in SYN-RECEIVED.
#[derive(Clone, Debug)]
pub(crate) struct HalfOpen {
    pub(crate) id: SocketId,
    pub(crate) listener: SocketId,
    pub(crate) tuple: Tuple,
    pub(crate) options: Options,
    pub(crate) sizes: SegmentSizes,
    pub(crate) iss: Seq,
    pub(crate) irs: Seq,
    pub(crate) peer_mss: Option<u16>,
    pub(crate) peer_window: u16,
    /// When the SYN,ACK last went.
    pub(crate) sent: Instant,
    pub(crate) retransmissions: u32,
    pub(crate) retransmit_at: Instant,
    pub(crate) give_up_at: Instant,
}

impl HalfOpen {
    /// The record of a handshake that `syn` begins. Data on the SYN is not kept: the peer sends it again.
    #[allow(clippy::too_many_arguments)] // The fields of a record, given once.
    pub(crate) fn new(
        now: Instant,
        id: SocketId,
        listener: SocketId,
        tuple: Tuple,
        options: Options,
        sizes: SegmentSizes,
        iss: Seq,
        syn: &TcpSegment<'_>,
    ) -> Self {
        HalfOpen {
            id,
            listener,
            tuple,
            sizes,
            iss,
            irs: syn.seq,
            peer_mss: syn.options.mss,
            peer_window: syn.window,
            sent: now,
            retransmissions: 0,
            retransmit_at: now + options.rto_initial.max(options.rto_min),
            give_up_at: now + options.user_timeout,
            options,
        }
    }

    /// `<SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>`.
    pub(crate) fn syn_ack(&self) -> Stray {
        Stray {
            tuple: self.tuple,
            socket: Some(self.id),
            seq: self.iss,
            ack: Some(self.irs + 1),
            flags: Flags::SYN | Flags::ACK,
            window: self.options.receive_buffer.min(u32::from(u16::MAX)) as u16,
            options: TcpOptions { mss: u16::try_from(self.sizes.announce).ok(), ..TcpOptions::NONE },
            relative: Some(self.relative_out()),
        }
    }

    pub(crate) fn relative_out(&self) -> Relative {
        Relative { seq: self.iss, ack: self.irs }
    }

    pub(crate) fn relative_in(&self) -> Relative {
        Relative { seq: self.irs, ack: self.iss }
    }

    /// The SYN that began this, once more.
    pub(crate) fn is_repeated_syn(&self, segment: &TcpSegment<'_>) -> bool {
        segment.syn() && !segment.ack() && !segment.rst() && segment.seq == self.irs
    }

    /// The timers that run.
    pub(crate) fn timers(&self) -> [(TimerKind, Instant); 2] {
        [(TimerKind::Retransmit, self.retransmit_at), (TimerKind::UserTimeout, self.give_up_at)]
    }

    /// When something is to be done next.
    pub(crate) fn next_timeout(&self) -> Instant {
        self.retransmit_at.min(self.give_up_at)
    }

    /// The SYN,ACK goes again, twice as late the next time.
    pub(crate) fn on_retransmit(&mut self, now: Instant) {
        self.retransmissions += 1;
        self.sent = now;
        let rto = self.options.rto_initial.max(self.options.rto_min);
        self.retransmit_at =
            now + rto.saturating_mul(1 << self.retransmissions.min(16)).min(Duration::from_secs(120));
    }
}
