//! What arrives: RFC 9293 §3.10.7.3 and §3.10.7.4, one file for each numbered check, in its order.
//!
//! Each check looks at the segment and says [`ControlFlow::Continue`] for the next one to look, or how it ended. A
//! dropped segment has a reason; that it was dropped does not mean that it was not answered.

mod ack;
mod fin;
mod predicted;
mod reset;
mod sequence;
mod syn;
mod syn_sent;
mod text;
mod timestamps;
mod urgent;

use core::ops::ControlFlow;

use super::*;
use crate::event::DropReason;
use crate::tcp::cx::arriving;
use crate::tcp::ecn::Codepoint;
use crate::wire::{SackBlocks, TcpSegment};

/// How the processing of a segment ended before the last check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was of use.
    Processed,
    /// It was of none.
    Dropped(DropReason),
}

/// Ends the processing with a reason.
fn drop_segment<T>(reason: DropReason) -> ControlFlow<End, T> {
    ControlFlow::Break(End::Dropped(reason))
}

impl Connection {
    /// SEGMENT ARRIVES.
    pub(crate) fn on_segment(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>, codepoint: Codepoint) {
        let (tuple, relative) = (self.tuple, Some(self.relative_in(segment.seq)));
        let record = || arriving(&tuple, segment, relative);
        self.totals.on_received(segment.payload.len());
        cx.received(self.id, record);
        let end = match self.state {
            State::Established if self.predicts(segment) => self.arrive_as_predicted(cx, segment, codepoint),
            State::SynSent => self.arrive_in_syn_sent(cx, segment),
            State::Closed => drop_segment(DropReason::ConnectionClosed),
            _ => self.arrive(cx, segment, codepoint),
        };
        if let ControlFlow::Break(End::Dropped(reason)) = end {
            self.meters.on_dropped(cx.now, reason);
            cx.dropped(Some(self.id), reason, record());
        } else {
            self.meters.on_received(cx.now, !segment.payload.is_empty(), segment.ack());
        }
        self.tell_levels(cx);
    }

    /// RFC 9293 §3.10.7.4.
    fn arrive(
        &mut self,
        cx: &mut Cx<'_>,
        segment: &TcpSegment<'_>,
        codepoint: Codepoint,
    ) -> ControlFlow<End> {
        let segment = &self.without_what_was_not_agreed(segment);
        self.check_timestamps(cx, segment)?;
        let trimmed = self.check_sequence(cx, segment)?;
        self.check_reset(cx, segment)?;
        self.check_syn(cx, segment, &trimmed)?;
        self.on_heard(cx);
        self.check_ack(cx, segment, &trimmed)?;
        self.hear_user_timeout(cx, &segment.options);
        self.check_urgent(cx, segment);
        self.hear_mark(segment, &trimmed, codepoint);
        self.take_text(cx, &trimmed)?;
        self.check_fin(cx, &trimmed)
    }

    /// What the SYNs did not agree on means nothing.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
    //# If a TSopt is received on a connection where TSopt was not negotiated
    //# in the initial three-way handshake, the TSopt MUST be ignored and the
    //# packet processed normally.
    fn without_what_was_not_agreed<'a>(&self, segment: &TcpSegment<'a>) -> TcpSegment<'a> {
        let mut segment = *segment;
        if !self.agreed.timestamps {
            segment.options.timestamps = None;
        }
        if !self.agreed.sack {
            segment.options.sack = SackBlocks::EMPTY;
        }
        segment
    }

    /// Asks for a challenge ACK, `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`, within the rates that are allowed to this
    /// connection and to all.
    fn challenge(&mut self, cx: &mut Cx<'_>) {
        if self.may_reply(cx) && cx.may_challenge(self.id) {
            self.rcv.acks.now();
        }
    }
}
