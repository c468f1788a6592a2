//! The one way out of the TCP machine.
//!
//! Everything that happens inside takes `cx: &mut Cx`: the time, the random numbers, the events, the counters, and
//! the queue of segments that no connection will be there to send.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::hash::{Hash, Hasher};
use core::net::{IpAddr, SocketAddr};

use super::agreed::SHIFT_MAX;
use super::fast_open::CookieCache;
use super::seq::Seq;
use super::spares::Spares;
use super::throttle::Budget;
use super::timers::TimerKind;
use crate::counters::Counters;
use crate::endpoint::Endpoint;
use crate::event::{
    DropReason, EventKind, Interest, Relative, RetransmissionReason, SegmentRecord, Sink, TimerAction,
};
use crate::id::SocketId;
use crate::ip::rate::{Exhausted, Limiter};
use crate::limits::{Limit, Limits};
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::{Flags, TcpOptions, TcpSegment, Timestamps};

/// The two ends of a connection, seen from ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tuple {
    local: Endpoint,
    remote: Endpoint,
}

impl Tuple {
    pub(crate) fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Tuple { local: local.into(), remote: remote.into() }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local.into()
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote.into()
    }
}

impl Hash for Tuple {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.local().hash(state);
        self.remote().hash(state);
    }
}

/// A segment without data that is sent as it is: a reset, mostly.
#[derive(Clone, Debug)]
pub(crate) struct Stray {
    pub(crate) tuple: Tuple,
    pub(crate) socket: Option<SocketId>,
    pub(crate) seq: Seq,
    pub(crate) ack: Option<Seq>,
    pub(crate) flags: Flags,
    pub(crate) window: u16,
    pub(crate) options: TcpOptions,
    pub(crate) relative: Option<Relative>,
}

impl Stray {
    /// The segment as the wire has it.
    pub(crate) fn segment(&self) -> TcpSegment<'static> {
        TcpSegment {
            src_port: self.tuple.local().port(),
            dst_port: self.tuple.remote().port(),
            seq: self.seq,
            ack: self.ack.unwrap_or_default(),
            flags: self.flags,
            window: self.window,
            urgent: 0,
            options: self.options,
            payload: &[],
        }
    }

    fn record(&self) -> SegmentRecord {
        let (local, remote) = (self.tuple.local(), self.tuple.remote());
        let summary = self.segment().summary();
        SegmentRecord { source: local, destination: remote, summary, relative: self.relative }
    }
}

/// What the machine may touch besides the connection at hand.
pub(crate) struct Cx<'a> {
    pub(crate) now: Instant,
    pub(crate) rng: &'a mut Rng,
    pub(crate) events: &'a mut Sink,
    pub(crate) counters: &'a mut Counters,
    pub(crate) limits: &'a Limits,
    pub(crate) strays: &'a mut VecDeque<Box<Stray>>,
    pub(crate) cookies: &'a mut CookieCache,
    pub(crate) challenges: &'a mut Budget,
    pub(crate) stray_replies: &'a mut Limiter,
    pub(crate) spares: &'a mut Spares,
    /// Who cuts what is longer than a segment.
    pub(crate) cutter: Cutter,
}

/// Who cuts a super-segment, which is several full segments in one, into those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cutter {
    /// Nobody: each segment goes by itself.
    Nobody,
    /// We do, before anything leaves: it spares the look at what goes next for each of them.
    Engine,
    /// The link on the way, up to so many octets of an IP packet.
    Link(u32),
}

impl Cx<'_> {
    pub(crate) fn tell(&mut self, socket: SocketId, kind: EventKind) {
        self.events.push(self.now, Some(socket), kind);
    }

    pub(crate) fn tell_if(&mut self, interest: Interest, socket: SocketId, kind: impl FnOnce() -> EventKind) {
        if self.events.wants(interest) {
            self.tell(socket, kind());
        }
    }

    pub(crate) fn tell_timer(&mut self, socket: SocketId, timer: TimerKind, action: TimerAction) {
        self.tell_if(Interest::TIMERS, socket, || EventKind::Timer { timer, action });
    }

    /// Counts and tells a segment that arrived for a socket.
    pub(crate) fn received(&mut self, socket: SocketId, record: impl FnOnce() -> SegmentRecord) {
        self.counters.segments_in += 1;
        self.tell_if(Interest::SEGMENTS, socket, || EventKind::SegmentReceived(Box::new(record())));
    }

    /// Counts and tells that `len` octets from `seq` on are sent again.
    pub(crate) fn retransmitted(
        &mut self,
        socket: SocketId,
        seq: Seq,
        len: u32,
        reason: RetransmissionReason,
    ) {
        self.counters.retransmitted(reason);
        let kind = EventKind::Retransmission { seq: seq.0, len, reason };
        self.tell_if(Interest::RETRANSMISSIONS, socket, || kind);
    }

    /// Counts and tells a dropped segment.
    pub(crate) fn dropped(&mut self, socket: Option<SocketId>, reason: DropReason, segment: SegmentRecord) {
        self.counters.dropped(reason);
        if self.events.wants(Interest::DROPS) {
            self.events.push(
                self.now,
                socket,
                EventKind::SegmentDropped { segment: Box::new(segment), reason },
            );
        }
    }

    pub(crate) fn limit_hit(&mut self, socket: Option<SocketId>, limit: Limit) {
        self.counters.limit(limit);
        self.events.push(self.now, socket, EventKind::LimitHit(limit));
    }

    /// The peer's SYN tells of a window scale that nobody may use.
    pub(crate) fn note_window_scale(&mut self, options: &TcpOptions) {
        if options.window_scale.is_some_and(|shift| shift > SHIFT_MAX) {
            self.counters.window_scales_lowered += 1;
        }
    }

    /// Queues a segment that no connection sends.
    pub(crate) fn send_stray(&mut self, stray: Stray) {
        if self.strays.len() >= self.limits.stray_packets {
            return self.limit_hit(stray.socket, Limit::StrayPackets);
        }
        self.counters.segments_out += 1;
        // Told at once: its socket may be released before the packet is taken out.
        if self.events.wants(Interest::SEGMENTS) {
            self.events.push(self.now, stray.socket, EventKind::SegmentSent(Box::new(stray.record())));
        }
        self.strays.push_back(Box::new(stray));
    }

    /// Answers a segment that belongs to nothing with a reset, if the rate allows.
    pub(crate) fn refuse(&mut self, tuple: Tuple, socket: Option<SocketId>, segment: &TcpSegment<'_>) {
        let Some(reset) = reset_for(tuple, socket, segment) else { return };
        if self.may_answer(socket, tuple.remote().ip()) {
            self.send_stray(reset);
        }
    }

    /// Whether something from `sender` that belongs to nothing may be answered.
    pub(crate) fn may_answer(&mut self, socket: Option<SocketId>, sender: IpAddr) -> bool {
        let Limits { stray_replies_per_second: all, stray_replies_per_destination: each, .. } = *self.limits;
        let limit = match self.stray_replies.allows(self.now, sender, all, each) {
            Ok(()) => return true,
            Err(Exhausted::Engine) => Limit::StrayRepliesPerSecond,
            Err(Exhausted::Destination) => Limit::StrayRepliesPerDestination,
        };
        self.limit_hit(socket, limit);
        false
    }

    /// Whether a challenge ACK may be sent now, as far as all connections together go.
    //= https://www.rfc-editor.org/rfc/rfc5961#section-7
    //# In order to alleviate multiple RSTs/SYNs from triggering multiple
    //# challenge ACKs, an ACK throttling mechanism is suggested
    //= https://www.rfc-editor.org/rfc/rfc5961#section-7
    //# An implementation SHOULD include an ACK throttling mechanism to be conservative.
    pub(crate) fn may_challenge(&mut self, socket: SocketId) -> bool {
        let allowed = self.challenges.allows(self.now, self.rng, self.limits.challenge_acks_per_second);
        if !allowed {
            self.limit_hit(Some(socket), Limit::ChallengeAcksPerSecond);
        }
        allowed
    }
}

/// The record of an arriving segment.
pub(crate) fn arriving(tuple: &Tuple, segment: &TcpSegment<'_>, relative: Option<Relative>) -> SegmentRecord {
    SegmentRecord { source: tuple.remote(), destination: tuple.local(), summary: segment.summary(), relative }
}

/// The reset that RFC 9293 §3.10.7.1 answers a segment with when there is no connection; none to a reset.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.5.2
//# As a general rule, reset (RST) is sent whenever a segment arrives that
//# apparently is not intended for the current connection.
fn reset_for(tuple: Tuple, socket: Option<SocketId>, segment: &TcpSegment<'_>) -> Option<Stray> {
    if segment.rst() {
        return None;
    }
    let (seq, ack, flags) = if segment.ack() {
        (segment.ack, None, Flags::RST)
    } else {
        (Seq(0), Some(segment.seq + segment.seq_len()), Flags::RST | Flags::ACK)
    };
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
    //# In the <RST> segment,
    //# SEG.TSecr SHOULD be set to SEG.TSval from the incoming segment and
    //# SEG.TSval SHOULD be set to zero.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
    //# While still under discussion, to enable research into this area it is now RECOMMENDED that
    //# when generating an <RST>, if the segment causing the <RST> to be generated contains a
    //# Timestamps option, the <RST> should also contain a Timestamps option.
    let timestamps =
        segment.options.timestamps.map(|Timestamps { value, .. }| Timestamps { value: 0, echo: value });
    let options = TcpOptions { timestamps, ..TcpOptions::NONE };
    Some(Stray { tuple, socket, seq, ack, flags, window: 0, options, relative: None })
}
