//! The laws of the two windows, read from the segments that each end tells of (RFC 9293 §3.4, §3.8.6).
//!
//! For each connection, from the events of one end alone:
//! - it sends no data beyond the right edge that the peer announced, but for a probe of one octet;
//! - new data begins where the last ended, and no segment is larger than the peer's MSS;
//! - it never acknowledges less than before, nor what never came;
//! - the right edge that it announces never moves left;
//! - it does not say the same thing for ever: two ends that answer each other's acknowledgments are at war.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use sockwright_engine::event::{Event, EventKind, SegmentRecord};
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{Flags, TcpSummary};

use super::Violation;
use crate::world::StackId;

/// What each end of each connection has announced and been told.
#[derive(Debug, Default)]
pub struct Windows {
    ends: BTreeMap<(StackId, SocketId), End>,
    /// The SYNs that came to a stack: from, to, and their sequence number. A listener hears a child's.
    syns: BTreeMap<(StackId, SocketAddr, SocketAddr, u32), TcpSummary>,
}

#[derive(Debug, Default)]
struct End {
    /// Our SYN.
    syn: Option<TcpSummary>,
    /// The peer's.
    peer_syn: Option<TcpSummary>,
    /// Behind the last octet sent, its FIN included.
    sent_to: Option<Seq>,
    /// The furthest right edge that the peer announced.
    may_send_to: Option<Seq>,
    /// Behind each segment that came before we acknowledged any, at the same instant as the last.
    came_together: (Instant, Vec<Seq>),
    /// Behind the last octet that came.
    came_to: Option<Seq>,
    acknowledged: Option<Seq>,
    announced: Option<Seq>,
    said: Said,
}

/// The last thing said, since when, and how often.
#[derive(Debug, Default)]
struct Said {
    last: TcpSummary,
    since: Instant,
    times: u32,
}

impl Windows {
    /// The event that a stack told.
    pub fn event(&mut self, stack: StackId, event: &Event) -> Result<(), Violation> {
        match (&event.kind, event.socket) {
            (EventKind::SegmentReceived(segment), socket) => {
                let summary = &segment.summary;
                if summary.flags.contains(Flags::SYN) {
                    let syn = (stack, segment.source, segment.destination, summary.seq.0);
                    self.syns.insert(syn, *summary);
                }
                if let Some(socket) = socket {
                    self.ends.entry((stack, socket)).or_default().received(event.at, summary);
                }
                Ok(())
            }
            (EventKind::SegmentSent(segment), Some(socket)) => {
                let end = self.ends.entry((stack, socket)).or_default();
                let summary = &segment.summary;
                if end.peer_syn.is_none() && acknowledges(summary) {
                    let last = summary.ack - 1;
                    let of_peer = |seq| (stack, segment.destination, segment.source, seq);
                    // What came together with the SYN is acknowledged with it.
                    let syns = self.syns.range(of_peer(0)..=of_peer(u32::MAX));
                    let before = syns.filter(|(_, syn)| (0..=GATHERED_MAX).contains(&(last - syn.seq)));
                    let syn = before.min_by_key(|(_, syn)| last - syn.seq).map(|(_, syn)| syn);
                    end.meet(event.at, syn, last);
                }
                let war = end.said.again(event.at, summary);
                end.sent(segment).and(war).map_err(|Broken(law, detail)| {
                    Violation::new(law, format_args!("#{socket} {}: {detail}", summary))
                })
            }
            (EventKind::Released, Some(socket)) => {
                self.ends.remove(&(stack, socket));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The law that was broken, and how.
struct Broken(&'static str, String);

impl Said {
    fn again(&mut self, at: Instant, segment: &TcpSummary) -> Result<(), Broken> {
        if self.last != *segment || at.since(self.since) > WAR_TIME {
            *self = Said { last: *segment, since: at, times: 0 };
        }
        self.times += 1;
        if self.times > WAR_SEGMENTS {
            return Err(Broken(
                "no war of acknowledgments",
                format!("{} times since {}", self.times, self.since),
            ));
        }
        Ok(())
    }
}

impl End {
    /// The peer's SYN is known: whatever comes later is measured by it.
    fn meet(&mut self, now: Instant, syn: Option<&TcpSummary>, acknowledged: Seq) {
        self.peer_syn = syn.copied();
        let mut begins = syn.map_or(acknowledged, |syn| syn.seq + syn.len) + 1;
        let (at, ends) = std::mem::take(&mut self.came_together);
        for end in ends.into_iter().filter(|_| at == now) {
            if (0..=GATHERED_MAX).contains(&(end - begins)) {
                begins = end;
            }
        }
        self.came_to = Some(self.came_to.map_or(begins, |came_to| came_to.max(begins)));
    }

    fn received(&mut self, now: Instant, segment: &TcpSummary) {
        let end = segment.seq + segment.len + syn_and_fin(segment);
        if self.came_to.is_none() {
            let (at, ends) = &mut self.came_together;
            if std::mem::replace(at, now) != now {
                ends.clear();
            }
            ends.push(end);
        }
        // What lies beyond the window (a forgery, an old duplicate) did not come as far as TCP is concerned.
        if let (Some(came_to), Some(edge)) = (self.came_to, self.announced)
            && end.at_or_before(edge + 1)
        {
            self.came_to = Some(came_to.max(end));
        }
        let (Some(syn), Some(sent_to)) = (self.syn, self.sent_to) else { return };
        let una = match segment.flags {
            flags if flags.contains(Flags::RST) => return,
            flags if flags.contains(Flags::ACK) => segment.ack,
            flags if flags.contains(Flags::SYN) => syn.seq + 1,
            _ => return,
        };
        if una.before(syn.seq) || una.after(sent_to) {
            return;
        }
        let edge = una + (u32::from(segment.window) << self.shift_of(segment, self.peer_syn.as_ref()));
        self.may_send_to = Some(self.may_send_to.map_or(edge, |before| before.max(edge)));
    }

    fn sent(&mut self, record: &SegmentRecord) -> Result<(), Broken> {
        let segment = &record.summary;
        if segment.flags.contains(Flags::RST) {
            return Ok(());
        }
        if segment.flags.contains(Flags::SYN) && self.syn.is_none() {
            self.syn = Some(*segment);
            // Fast Open may answer within the window of the peer's SYN.
            if let Some(peer_syn) = &self.peer_syn {
                let edge = segment.seq + 1 + u32::from(peer_syn.window);
                self.may_send_to = Some(self.may_send_to.map_or(edge, |before| before.max(edge)));
            }
        }
        self.sent_data(segment, if record.source.is_ipv4() { 536 } else { 1220 })?;
        if acknowledges(segment) { self.sent_ack(segment) } else { Ok(()) }
    }

    fn sent_data(&mut self, segment: &TcpSummary, mss_default: u16) -> Result<(), Broken> {
        let end = segment.seq + segment.len + syn_and_fin(segment);
        let sent_to = self.sent_to.unwrap_or(segment.seq);
        if segment.seq.after(sent_to) {
            return Err(Broken("nothing is skipped", format!("sent up to {sent_to}")));
        }
        self.sent_to = Some(sent_to.max(end));
        if segment.len == 0 {
            return Ok(());
        }
        let mss = self.peer_syn.and_then(|syn| syn.options.mss).unwrap_or(mss_default);
        if segment.len > u32::from(mss) {
            return Err(Broken("no segment is larger than the peer's MSS", format!("which is {mss}")));
        }
        let Some(edge) = self.may_send_to else {
            return Err(Broken("data is sent into a window", "the peer announced none yet".into()));
        };
        let data_end = segment.seq + segment.len;
        let probe = segment.len == 1 && data_end == edge + 1;
        if data_end.after(edge) && !probe {
            return Err(Broken("no data is sent beyond the window", format!("its right edge is {edge}")));
        }
        Ok(())
    }

    fn sent_ack(&mut self, segment: &TcpSummary) -> Result<(), Broken> {
        if let Some(before) = self.acknowledged.filter(|before| segment.ack.before(*before)) {
            return Err(Broken("the acknowledgment never decreases", format!("it was {before}")));
        }
        self.acknowledged = Some(segment.ack);
        if let Some(came_to) = self.came_to.filter(|came_to| segment.ack.after(*came_to)) {
            return Err(Broken("only what came is acknowledged", format!("it came up to {came_to}")));
        }
        let shift = self.shift_of(segment, self.syn.as_ref());
        let edge = segment.ack + (u32::from(segment.window) << shift);
        // A scaled window is announced rounded down (RFC 7323 §2.4).
        let slack = (1u32 << shift) - 1;
        // That of a SYN is never scaled, so one that is sent again cannot say what was said since.
        let syn = segment.flags.contains(Flags::SYN);
        if let Some(before) = self.announced.filter(|before| !syn && (edge + slack).before(*before)) {
            return Err(Broken("the right edge never moves left", format!("it was {before} and is {edge}")));
        }
        self.announced = Some(self.announced.map_or(edge, |before| before.max(edge)));
        Ok(())
    }

    /// How far the window of a segment is shifted, given the SYN of its sender.
    fn shift_of(&self, segment: &TcpSummary, senders: Option<&TcpSummary>) -> u32 {
        let scale = |syn: &TcpSummary| syn.options.window_scale;
        let both = self.syn.as_ref().and_then(scale).and(self.peer_syn.as_ref().and_then(scale));
        match senders.and_then(scale).filter(|_| both.is_some()) {
            Some(shift) if !segment.flags.contains(Flags::SYN) => u32::from(shift.min(SHIFT_MAX)),
            _ => 0,
        }
    }
}

fn acknowledges(segment: &TcpSummary) -> bool {
    segment.flags.contains(Flags::ACK) && !segment.flags.contains(Flags::RST)
}

fn syn_and_fin(segment: &TcpSummary) -> u32 {
    u32::from(segment.flags.contains(Flags::SYN)) + u32::from(segment.flags.contains(Flags::FIN))
}

/// More of the same than any window full of segments gives reason for, in less time than any peer is patient.
const WAR_SEGMENTS: u32 = 5_000;
const WAR_TIME: Duration = Duration::from_secs(60);
/// Octets that arrive together at most.
const GATHERED_MAX: i32 = 128 << 10;
/// RFC 7323 §2.3.
const SHIFT_MAX: u8 = 14;
