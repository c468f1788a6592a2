//! The laws of selective acknowledgments and timestamps, read from the segments that each end tells of (RFC 2018 §4,
//! 2883 §3, 7323 §3), and the oldest law of a retransmission: what was acknowledged is never sent again.

use std::collections::{BTreeMap, BTreeSet};

use sockwright_engine::event::{Event, EventKind};
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::wire::{Flags, TcpSummary};

use super::Violation;
use crate::world::StackId;

/// What each end of each connection has heard.
#[derive(Debug, Default)]
pub struct Selective {
    ends: BTreeMap<(StackId, SocketId), End>,
    /// The clock readings in the SYNs that came to a stack. A listener hears those of its children.
    syns: BTreeSet<(StackId, u32)>,
}

#[derive(Debug, Default)]
struct End {
    /// The octets of data that came, from where the first of them stood: start and end of runs that do not touch.
    came: BTreeMap<u32, u32>,
    origin: Option<Seq>,
    /// The clock readings of the peer's that came.
    heard: BTreeSet<u32>,
    /// Behind the last octet of ours that was acknowledged.
    una: Option<Seq>,
    /// Our clock as last told.
    told: Option<u32>,
}

impl Selective {
    /// The event that a stack told.
    pub fn event(&mut self, stack: StackId, event: &Event) -> Result<(), Violation> {
        let Some(socket) = event.socket else { return Ok(()) };
        match &event.kind {
            EventKind::SegmentReceived(segment) => {
                let summary = &segment.summary;
                if let Some(timestamps) =
                    summary.options.timestamps.filter(|_| summary.flags.contains(Flags::SYN))
                {
                    self.syns.insert((stack, timestamps.value));
                }
                self.ends.entry((stack, socket)).or_default().received(summary);
                Ok(())
            }
            EventKind::SegmentSent(segment) => {
                let summary = &segment.summary;
                let end = self.ends.entry((stack, socket)).or_default();
                let in_a_syn = |value| self.syns.contains(&(stack, value));
                let judged = end.sent(summary, in_a_syn);
                judged.map_err(|(law, detail)| {
                    Violation::new(law, format_args!("#{socket} {summary}: {detail}"))
                })
            }
            EventKind::Acknowledged { bytes, .. } => {
                let end = self.ends.entry((stack, socket)).or_default();
                end.una = end.una.map(|una| una + *bytes);
                Ok(())
            }
            EventKind::Released => {
                self.ends.remove(&(stack, socket));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

type Broken = (&'static str, String);

impl End {
    fn received(&mut self, segment: &TcpSummary) {
        if let Some(timestamps) = segment.options.timestamps {
            self.heard.insert(timestamps.value);
        }
        // A SYN and a FIN have numbers of their own, and may be told of in a block.
        let flags = segment.flags;
        let numbers =
            segment.len + u32::from(flags.contains(Flags::SYN)) + u32::from(flags.contains(Flags::FIN));
        if numbers == 0 {
            return;
        }
        let origin = *self.origin.get_or_insert(segment.seq - ROOM);
        let begins = segment.seq.octets_since(origin);
        let (mut start, mut end) = (begins, begins.saturating_add(numbers));
        // Runs that it touches become one with it.
        while let Some((&from, &to)) = self.came.range(..=end).next_back().filter(|(_, to)| **to >= start) {
            self.came.remove(&from);
            (start, end) = (start.min(from), end.max(to));
        }
        self.came.insert(start, end);
    }

    fn sent(&mut self, segment: &TcpSummary, in_a_syn: impl Fn(u32) -> bool) -> Result<(), Broken> {
        if segment.flags.contains(Flags::RST) {
            return Ok(());
        }
        if segment.flags.contains(Flags::SYN) {
            self.una.get_or_insert(segment.seq + 1);
        }
        let una = self.una.filter(|una| segment.len > 0 && (segment.seq + segment.len).at_or_before(*una));
        if let Some(una) = una {
            return Err(("what was acknowledged is never sent again", format!("that is all up to {una}")));
        }
        for block in segment.options.sack.iter() {
            let origin = self.origin.unwrap_or(block.0);
            let (start, end) = (block.0.octets_since(origin), block.1.octets_since(origin));
            let covered = self.came.range(..=start).next_back().is_some_and(|(_, to)| *to >= end);
            if !covered || start >= end {
                return Err((
                    "each octet of a SACK block was received",
                    format!("{}:{} was not", block.0, block.1),
                ));
            }
        }
        if let Some(timestamps) = segment.options.timestamps {
            let echo = timestamps.echo;
            if echo != 0 && !self.heard.contains(&echo) && !in_a_syn(echo) {
                return Err(("a timestamp that is echoed was heard", format!("{echo} was not")));
            }
            if let Some(before) = self.told.replace(timestamps.value)
                && timestamps.value.wrapping_sub(before) > u32::MAX / 2
            {
                return Err(("a clock of timestamps never runs back", format!("it was at {before}")));
            }
        }
        Ok(())
    }
}

/// What may lie before the first segment that comes: more than any window.
const ROOM: u32 = 1 << 30;
