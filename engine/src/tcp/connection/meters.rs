//! What a connection measures for nobody but those who ask or watch: when it last did what, what held its sender up,
//! what it last dropped, and the levels that watchers were told last.
//!
//! Owns: [`Meters`]. Nothing here decides anything; `info.rs` reads it. Never touches a segment.

use alloc::boxed::Box;

use super::*;
use crate::event::{CongestionPhase, DropReason};
use crate::tcp::congestion::DeliveryRate;
use crate::tcp::info::{Delivery, Dropped, LastTimes, Stall, Stalls};
use crate::tcp::rest::AtRest;

/// What is measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Meters {
    pub(super) last: LastTimes,
    pub(super) dropped: Option<Box<Dropped>>,
    /// Nothing before something is sent.
    pub(super) sending: Rest<Sending>,
    /// The user has more to send than the buffer takes.
    pub(super) refused_room: bool,
    /// The window as last announced: RCV.WND shrinks without anything being told as data comes.
    announced: u32,
    told: Option<Box<Told>>,
}

/// The levels as watchers know them, if any ever watched.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    congestion: Option<(u32, u32, CongestionPhase)>,
    windows: Option<(u32, u32)>,
}

/// Of the sender.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sending {
    pub(super) stalls: Stalls,
    pub(super) delivery_rate: Option<Delivery>,
}

static NOTHING_SENT: Sending = Sending { stalls: Stalls::NONE, delivery_rate: None };

impl AtRest for Sending {
    fn at_rest() -> &'static Self {
        &NOTHING_SENT
    }

    fn is_at_rest(&self) -> bool {
        *self == NOTHING_SENT
    }
}

impl Meters {
    /// A segment with `len` octets of data went out; with an acknowledgment that announces `window`, where it has one.
    pub(super) fn on_sent(&mut self, now: Instant, len: u32, window: Option<u32>) {
        if len > 0 {
            self.last.data_sent = Some(now);
        }
        if let Some(window) = window {
            self.last.ack_sent = Some(now);
            self.announced = window;
        }
    }

    /// A segment arrived, and was not dropped.
    pub(super) fn on_received(&mut self, now: Instant, data: bool, ack: bool) {
        if data {
            self.last.data_recv = Some(now);
        }
        if ack {
            self.last.ack_recv = Some(now);
        }
    }

    /// An acknowledgment told how fast data was delivered. What the sender held back says nothing, unless it was more.
    pub(super) fn on_rate(&mut self, rate: Option<DeliveryRate>) {
        let Some(DeliveryRate { delivered, interval, app_limited, .. }) = rate else { return };
        let rate = u128::from(delivered) * 1_000_000_000 / interval.as_nanos().max(1);
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        if !app_limited || self.sending.delivery_rate.is_none_or(|known| rate >= known.rate) {
            self.sending.delivery_rate = Some(Delivery { rate, app_limited });
        }
    }

    fn told(&mut self) -> &mut Told {
        self.told.get_or_insert_default()
    }

    pub(super) fn on_dropped(&mut self, now: Instant, reason: DropReason) {
        self.dropped = Some(Box::new(Dropped { at: now, reason }));
    }
}

impl Connection {
    /// Tells the levels that are not what they were: the windows, and what congestion control makes of the path.
    pub(super) fn tell_levels(&mut self, cx: &mut Cx<'_>) {
        if cx.events.wants(Interest::CONGESTION) {
            let (cwnd, ssthresh) = (self.congestion.cwnd(), self.congestion.ssthresh());
            let phase = self.congestion.phase();
            let level = Some((cwnd, ssthresh, phase));
            if core::mem::replace(&mut self.meters.told().congestion, level) != level {
                cx.tell(self.id, EventKind::Congestion { cwnd, ssthresh, phase });
            }
        }
        if cx.events.wants(Interest::WINDOWS) {
            let (snd_wnd, rcv_wnd) = (self.snd.wnd, self.meters.announced);
            let level = Some((snd_wnd, rcv_wnd));
            if core::mem::replace(&mut self.meters.told().windows, level) != level {
                cx.tell(self.id, EventKind::Windows { snd_wnd, rcv_wnd });
            }
        }
    }

    /// What holds the sender up from now on, until this is called again.
    pub(super) fn measure_stalls(&mut self, now: Instant) {
        let stall = self.stall();
        if self.meters.sending.stalls.now() != stall {
            self.meters.sending.stalls.follow(now, stall);
        }
    }

    fn stall(&self) -> Stall {
        if self.snd.buffer.len() == 0 || self.is_closed() {
            return Stall::Idle;
        }
        let unsent = self.snd.buffer.end().octets_since(self.snd.nxt);
        let by_peer = (self.snd.una + self.snd.wnd).octets_since(self.snd.nxt);
        let path_has_room = self.flight() < self.congestion.cwnd();
        if unsent > by_peer && by_peer < self.snd.mss && path_has_room {
            return Stall::Window;
        }
        let full = self.snd.buffer.len() >= self.send_capacity();
        if unsent == 0 && full && self.meters.refused_room && path_has_room {
            return Stall::Buffer;
        }
        Stall::Busy
    }
}
