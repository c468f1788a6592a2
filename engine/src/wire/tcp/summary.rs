//! Segments in the notation of tcpdump and packetdrill.
//!
//! ```text
//! S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,wscale 7>
//! P. 1:1001(1000) ack 1 win 257
//! . 1:1(0) ack 1001 win 257 <sack 2001:3001>
//! ```

use core::fmt;

use super::{Flags, TcpOptions, Timestamps};
use crate::tcp::seq::Seq;

/// What there is to print of a segment: everything but its ports and its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpSummary {
    /// The control bits.
    pub flags: Flags,
    /// SEG.SEQ.
    pub seq: Seq,
    /// SEG.ACK: printed with ACK set.
    pub ack: Seq,
    /// The window field, not scaled.
    pub window: u16,
    /// The octets of data.
    pub len: u32,
    /// The urgent pointer: printed with URG set.
    pub urgent: u16,
    /// The options. Those that only fill are not kept, and not printed.
    pub options: TcpOptions,
}

impl TcpSummary {
    /// Prints sequence numbers relative to the initial ones, as people read them: the sequence number to
    /// the ISN of its sender, and the acknowledgment number and SACK blocks to the ISN of the other side.
    pub const fn display_relative(&self, isn_of_seq: Seq, isn_of_ack: Seq) -> impl fmt::Display {
        Relative { summary: *self, isn_of_seq, isn_of_ack }
    }
}

/// With absolute sequence numbers.
impl fmt::Display for TcpSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.display_relative(Seq(0), Seq(0)), f)
    }
}

struct Relative {
    summary: TcpSummary,
    isn_of_seq: Seq,
    isn_of_ack: Seq,
}

impl fmt::Display for Relative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TcpSummary { flags, seq, ack, window, len, urgent, options } = self.summary;
        let start = seq - self.isn_of_seq.0;
        write!(f, "{flags} {start}:{}({len})", start + len)?;
        if flags.contains(Flags::ACK) {
            write!(f, " ack {}", ack - self.isn_of_ack.0)?;
        }
        write!(f, " win {window}")?;
        if flags.contains(Flags::URG) {
            write!(f, " urg {urgent}")?;
        }
        if options == TcpOptions::NONE {
            return Ok(());
        }
        f.write_str(" <")?;
        self.fmt_options(f)?;
        f.write_str(">")
    }
}

impl Relative {
    /// In the order in which we write them on the wire.
    fn fmt_options(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TcpOptions { mss, window_scale, sack_permitted, timestamps, sack, user_timeout, fast_open } =
            self.summary.options;
        let mut list = CommaSeparated { f, started: false };
        if let Some(mss) = mss {
            list.item(format_args!("mss {mss}"))?;
        }
        if sack_permitted {
            list.item(format_args!("sackOK"))?;
        }
        if let Some(Timestamps { value, echo }) = timestamps {
            list.item(format_args!("TS val {value} ecr {echo}"))?;
        }
        if let Some(shift) = window_scale {
            list.item(format_args!("wscale {shift}"))?;
        }
        if let Some(timeout) = user_timeout {
            list.item(format_args!("uto {}s", timeout.as_secs()))?;
        }
        if let Some(cookie) = fast_open {
            list.item(format_args!("{cookie}"))?;
        }
        if !sack.is_empty() {
            list.item(format_args!("sack"))?;
        }
        for (left, right) in sack.iter() {
            write!(list.f, " {}:{}", left - self.isn_of_ack.0, right - self.isn_of_ack.0)?;
        }
        Ok(())
    }
}

struct CommaSeparated<'f, 'b> {
    f: &'f mut fmt::Formatter<'b>,
    started: bool,
}

impl CommaSeparated<'_, '_> {
    fn item(&mut self, item: fmt::Arguments<'_>) -> fmt::Result {
        if self.started {
            self.f.write_str(",")?;
        }
        self.started = true;
        self.f.write_fmt(item)
    }
}
