//! A handshake under way at a listener: SYN-RECEIVED, as a small record without buffers.
//!
//! When its peer answers, it is thawed into a connection that processes the segment like any other
//! (`connection/open.rs`); if the answer did not open it, the record stays and the connection is thrown away.

use core::time::Duration;

use crate::event::Relative;
use crate::tcp::agreed::Agreed;
use crate::tcp::config::Options;
use crate::tcp::connection::{Origin, Owner, SegmentSizes};
use crate::tcp::cx::Stray;
use crate::tcp::ecn::EcnSetup;
use crate::tcp::passive::cookie;
use crate::tcp::receive::window;
use crate::tcp::seq::Seq;
use crate::tcp::throttle::Spacing;
use crate::tcp::timers::TimerKind;
use crate::tcp::timestamps::Clock;
use crate::time::Instant;
use crate::wire::{FastOpenCookie, Flags, TcpOptions, TcpSegment};

/// A connection in SYN-RECEIVED, apart from what its socket knows.
#[derive(Clone, Debug)]
pub(crate) struct HalfOpen {
    pub(crate) sizes: SegmentSizes,
    pub(crate) iss: Seq,
    pub(crate) irs: Seq,
    pub(crate) peer_mss: Option<u16>,
    pub(crate) peer_window: u16,
    pub(crate) agreed: Agreed,
    pub(crate) ecn: EcnSetup,
    pub(crate) clock: Clock,
    pub(crate) replies: Spacing,
    /// The Fast Open cookie that the first SYN,ACK brings.
    pub(crate) cookie: Option<FastOpenCookie>,
    /// When the SYN,ACK last went, where that is known.
    pub(crate) sent: Option<Instant>,
    pub(crate) retransmissions: u32,
    pub(crate) retransmit_at: Instant,
    pub(crate) give_up_at: Instant,
}

impl HalfOpen {
    /// The record of a handshake that `syn` begins. Data on the SYN is not kept: the peer sends it again.
    pub(crate) fn new(now: Instant, origin: &Origin, syn: &TcpSegment<'_>) -> Self {
        let Origin { owner: Owner { ref options, .. }, sizes, iss, mut clock } = *origin;
        let mut ecn = EcnSetup::default();
        ecn.on_received(syn.flags);
        clock.begin(syn.options.timestamps.unwrap_or_default().value, now);
        HalfOpen {
            sizes,
            iss,
            irs: syn.seq,
            peer_mss: syn.options.mss,
            peer_window: syn.window,
            agreed: Agreed::offered(options).with(&syn.options),
            ecn,
            clock,
            replies: Spacing::default(),
            cookie: None,
            sent: Some(now),
            retransmissions: 0,
            retransmit_at: now + options.rto_initial.max(options.rto_min),
            give_up_at: now + options.user_timeout,
        }
    }

    /// The record of a handshake that was kept in a cookie, from the acknowledgment that brings it back.
    pub(crate) fn from_cookie(now: Instant, origin: &Origin, mss: u16, ack: &TcpSegment<'_>) -> Self {
        let options = &origin.owner.options;
        let irs = ack.seq - 1;
        let syn = TcpSegment { seq: irs, ..TcpSegment::default() };
        let mut half = Self::new(now, origin, &syn);
        half.peer_mss = Some(mss);
        half.ecn = EcnSetup::default();
        half.sent = None;
        if let Some(timestamps) = ack.options.timestamps.filter(|_| options.timestamps) {
            let packed = half.clock.begin_from_echo(timestamps.echo, now, cookie::LIFETIME);
            half.agreed = Agreed::offered(options).unpack(packed);
            half.ecn = EcnSetup::unpack(packed, options.ecn);
            half.clock.begin(timestamps.value, now);
        }
        half
    }

    /// The SYN,ACK of a handshake that only a cookie keeps, `iss`, and that belongs to its listener. Without timestamps
    /// nothing can be agreed on.
    //= https://www.rfc-editor.org/rfc/rfc4987#section-3.6
    //= type=exception
    //= reason=where SACK was agreed on the timestamps say so, and where they do not it is never offered
    //# Note that SACK blocks should normally not be sent by a host using TCP
    //# cookies unless they are first received.
    pub(crate) fn syn_ack_with_cookie(mut self, owner: &Owner, now: Instant) -> Stray {
        if !self.agreed.timestamps {
            self.agreed = Agreed::default();
            self.ecn = EcnSetup::default();
        }
        let mut syn_ack = self.syn_ack(owner, now);
        if let Some(timestamps) = &mut syn_ack.options.timestamps {
            *timestamps = self.clock.option_with(self.agreed.pack() | self.ecn.pack(), now);
        }
        syn_ack
    }

    /// `<SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>`.
    pub(crate) fn syn_ack(&mut self, owner: &Owner, now: Instant) -> Stray {
        let Owner { id, tuple, ref options } = *owner;
        let flags = Flags::SYN | Flags::ACK | self.ecn.offer(options.ecn, true);
        self.ecn.on_sent(flags);
        Stray {
            tuple,
            socket: Some(id),
            seq: self.iss,
            ack: Some(self.irs + 1),
            flags,
            window: window::on_syn(options.receive_buffer),
            //= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
            //# If the SYN-ACK timer fires, the server SHOULD retransmit a SYN-ACK
            //# segment with neither data nor Fast Open options for compatibility
            //# reasons.
            options: TcpOptions {
                fast_open: self.cookie.filter(|_| self.retransmissions == 0),
                user_timeout: TcpOptions::tellable(options.user_timeout)
                    .filter(|_| options.user_timeout_option),
                ..self.agreed.on_syn(self.sizes.announce, &self.clock, now)
            },
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

    /// The peer repeated its SYN: what it times from now on is this one.
    pub(crate) fn on_repeated_syn(&mut self, syn: &TcpSegment<'_>, now: Instant) {
        self.ecn.on_received(syn.flags);
        if let Some(timestamps) = syn.options.timestamps {
            self.clock.take(timestamps.value, syn.seq, self.irs + 1, now);
        }
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
    pub(crate) fn on_retransmit(&mut self, options: &Options, now: Instant) {
        self.retransmissions += 1;
        self.sent = Some(now);
        let rto = options.rto_initial.max(options.rto_min);
        self.retransmit_at =
            now + rto.saturating_mul(1 << self.retransmissions.min(16)).min(Duration::from_secs(120));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_nothing_that_its_socket_keeps() {
        assert!(size_of::<HalfOpen>() <= 112, "{}", size_of::<HalfOpen>());
    }
}
