//! One frame with what the engine knew of it: what a capture shows as a packet.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sockwright_engine::event::{Cause, DropReason, RetransmissionReason};
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::state::State;
use sockwright_engine::tcp::timers::TimerKind;
use sockwright_engine::time::Instant;
use sockwright_link::virtual_link::Medium;

use crate::convert::retransmission_reason;
use crate::hub::Name;

/// A place where frames pass: a stack's end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Interface {
    /// The stack.
    pub(crate) stack: Name,
    /// The link, as the stack's lab calls it, or the host.
    pub(crate) link: Arc<str>,
    /// What the link carries.
    pub(crate) medium: Medium,
    /// When the stack's clock began, since 1970; 0 for the clock of a lab.
    pub(crate) began: Duration,
}

/// Which way a frame goes, as its stack sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// It arrives.
    In,
    /// It leaves.
    Out,
}

/// A frame, and what was known of it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// When, on the stack's clock.
    pub(crate) at: Instant,
    /// Where.
    pub(crate) interface: Arc<Interface>,
    /// Which way.
    pub(crate) direction: Direction,
    /// Its octets.
    pub(crate) frame: Vec<u8>,
    /// What else.
    pub(crate) known: Known,
}

/// What an engine knew of a frame. Its text is the comment of a packet: words `name=value`, which docs/captures.md lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Whose it is.
    pub(crate) socket: Option<SocketId>,
    /// The state of the socket before the frame, and after it.
    pub(crate) states: Option<(State, State)>,
    /// Why that changed, where it was something else than an arriving segment.
    pub(crate) cause: Option<Cause>,
    /// The timer that fired and had it sent.
    pub(crate) timer: Option<TimerKind>,
    /// Why it is sent again.
    pub(crate) retransmission: Option<RetransmissionReason>,
    /// Why it was dropped on arrival.
    pub(crate) dropped: Option<DropReason>,
    /// What befell it on the link.
    pub(crate) faults: Vec<Fault>,
    /// The octets of data in each of the segments that the link cuts it into.
    pub(crate) cut: Option<u16>,
    /// When it arrives at the other end of a virtual link.
    pub(crate) arrives: Vec<Instant>,
}

/// What befell a frame on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// As `FrameLost.what` names it.
    Named(&'static str),
    /// This bit was flipped, counted from the first one on the wire.
    Corrupted(usize),
    /// It was marked as having met congestion.
    Marked,
}

impl Record {
    /// What it costs to keep it.
    pub(super) fn cost(&self) -> usize {
        self.frame.len() + OVERHEAD
    }
}

impl Interface {
    /// The name of the block that describes it.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.stack, self.link)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::In => "in",
            Direction::Out => "out",
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.direction, self.known)
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(socket) = self.socket {
            write!(f, " socket={socket}")?;
        }
        match self.states {
            Some((before, after)) if before == after => write!(f, " state={after}")?,
            Some((before, after)) => write!(f, " state={before}->{after}")?,
            None => {}
        }
        match self.cause {
            Some(Cause::Call(call)) => write!(f, " cause={}", call.name())?,
            Some(Cause::Timer(timer)) => write!(f, " cause={}", timer.name())?,
            Some(Cause::Limit(limit)) => write!(f, " cause={}", limit.name())?,
            // The segment is the frame itself, or the one before it.
            Some(Cause::Segment(_) | Cause::Icmp { .. } | Cause::Invariant(_)) | None => {}
        }
        if let Some(timer) = self.timer {
            write!(f, " timer={}", timer.name())?;
        }
        if let Some(reason) = self.retransmission {
            let name = retransmission_reason(reason).as_str_name();
            write!(f, " retransmission={}", name.trim_start_matches("RETRANSMISSION_REASON_"))?;
        }
        if let Some(reason) = self.dropped {
            write!(f, " drop={}", reason.name())?;
        }
        for fault in &self.faults {
            match fault {
                Fault::Named(name) => write!(f, " fault={name}")?,
                Fault::Corrupted(bit) => write!(f, " fault=CORRUPTED bit={bit}")?,
                Fault::Marked => f.write_str(" fault=MARKED")?,
            }
        }
        if let Some(cut) = self.cut {
            write!(f, " cut={cut}")?;
        }
        for at in &self.arrives {
            let nanos = at.as_nanos();
            write!(f, " arrives={}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)?;
        }
        Ok(())
    }
}

/// What a record costs besides its frame, about.
const OVERHEAD: usize = 256;
