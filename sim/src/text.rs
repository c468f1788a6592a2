//! One line of text for each thing that happened, as a person who knows tcpdump wants to read it.
//!
//! ```text
//! 0.000000 a #1 SYN-SENT <- CLOSED (Connect)
//! 0.000000 a #1 > 10.0.0.1:5000 > 10.0.0.2:80 S 0:0(0) win 65535 <mss 1460>
//! 0.000000 a -> lost S 305419896:305419896(0) win 65535 <mss 1460>
//! ```

use std::fmt;

use sockwright_engine::event::{Event, EventKind, SegmentRecord};
use sockwright_engine::host::OpError;
use sockwright_engine::host::op::Reply;
use sockwright_engine::wire::{
    Arp, ChecksumPolicy, EtherType, EthernetFrame, IpPacket, Protocol, TcpSegment,
};
use sockwright_link::virtual_link::{Medium, Path};

use crate::output::{Fate, Output};
use crate::world::StackId;

/// The line. Stacks are called a, b, c ... in their order.
impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.at(), stack_name(self.stack()))?;
        match self {
            Output::Event { event, .. } => fmt_event(f, event),
            Output::Completion { completion, .. } => {
                write!(f, "#{} op {} {}", completion.socket, completion.op, Brief(&completion.result))
            }
            Output::Link { fate, medium, frame, .. } => {
                match fate {
                    Fate::Dropped(cause) => write!(f, "-> dropped ({cause:?})")?,
                    Fate::Flying { to, original, copy } => {
                        write!(f, "-> {} ", stack_name(*to))?;
                        fmt_path(f, original)?;
                        if let Some(copy) = copy {
                            f.write_str(" and ")?;
                            fmt_path(f, copy)?;
                        }
                    }
                }
                fmt_octets(f, *medium, frame)
            }
            Output::Arrival { medium, frame, .. } => {
                f.write_str("<- ")?;
                fmt_octets(f, *medium, frame)
            }
        }
    }
}

/// What a stack is called in text: a, b, c ...
pub fn stack_name(stack: StackId) -> String {
    match u8::try_from(stack.0) {
        Ok(number) if number < 26 => char::from(b'a' + number).to_string(),
        _ => format!("stack{stack}"),
    }
}

fn fmt_octets(f: &mut fmt::Formatter<'_>, medium: Medium, frame: &[u8]) -> fmt::Result {
    match medium {
        Medium::Ip => fmt_packet(f, frame),
        Medium::Ethernet => fmt_frame(f, frame),
    }
}

fn fmt_event(f: &mut fmt::Formatter<'_>, event: &Event) -> fmt::Result {
    match event.socket {
        Some(socket) => write!(f, "#{socket} ")?,
        None => f.write_str("- ")?,
    }
    match &event.kind {
        EventKind::TcpState { from, to, cause, .. } => write!(f, "{from} => {to} ({cause:?})"),
        EventKind::SegmentSent(segment) => fmt_segment(f, "sent", segment),
        EventKind::SegmentReceived(segment) => fmt_segment(f, "received", segment),
        EventKind::SegmentDropped { segment, reason } => {
            fmt_segment(f, "dropped", segment)?;
            write!(f, " {}", reason.name())
        }
        EventKind::FrameDropped(reason) => write!(f, "frame dropped {}", reason.name()),
        EventKind::Failed(errno) => write!(f, "failed {errno}"),
        other => write!(f, "{other:?}"),
    }
}

fn fmt_segment(f: &mut fmt::Formatter<'_>, what: &str, segment: &SegmentRecord) -> fmt::Result {
    write!(f, "{what} {} > {} ", segment.source, segment.destination)?;
    match segment.relative {
        Some(relative) => write!(f, "{}", segment.summary.display_relative(relative.seq, relative.ack)),
        None => write!(f, "{}", segment.summary),
    }
}

/// What a call gave, without its data.
pub(crate) struct Brief<'a>(pub(crate) &'a Result<Reply, OpError>);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(Reply::Received { data, end_of_stream, .. }) => {
                let end = if *end_of_stream { ", end of stream" } else { "" };
                write!(f, "received {} octets{end}", data.len())
            }
            Ok(Reply::ReceivedFrom { data, remote, .. }) => {
                write!(f, "received {} octets from {remote}", data.len())
            }
            Ok(reply) => write!(f, "{reply:?}"),
            Err(error) => write!(f, "{error}"),
        }
    }
}

fn fmt_path(f: &mut fmt::Formatter<'_>, path: &Path) -> fmt::Result {
    write!(f, "at {}", path.at)?;
    if path.marks.reordered {
        f.write_str(" held back")?;
    }
    if path.marks.marked {
        f.write_str(" marked")?;
    }
    if let Some(bit) = path.marks.corrupted_bit {
        write!(f, " bit {bit} flipped")?;
    }
    Ok(())
}

fn fmt_frame(f: &mut fmt::Formatter<'_>, frame: &[u8]) -> fmt::Result {
    let Ok(frame) = EthernetFrame::parse(frame) else {
        return write!(f, " [{} octets, malformed]", frame.len());
    };
    write!(f, " {} > {}:", frame.src, frame.dst)?;
    match frame.ether_type {
        EtherType::Ipv4 | EtherType::Ipv6 => fmt_packet(f, frame.payload),
        EtherType::Arp => match Arp::parse(frame.payload) {
            Ok(arp) => write!(f, " {arp}"),
            Err(malformed) => write!(f, " [{malformed}]"),
        },
        EtherType::Unknown(number) => write!(f, " [type {number:#06x}]"),
    }
}

fn fmt_packet(f: &mut fmt::Formatter<'_>, frame: &[u8]) -> fmt::Result {
    let Ok(packet) = IpPacket::parse(frame) else {
        return write!(f, " [{} octets, malformed]", frame.len());
    };
    if let Some(fragment) = packet.fragment {
        let more = if fragment.more { "+" } else { "" };
        return write!(f, " [frag {}:{}@{}{more}]", fragment.ident, packet.payload.len(), fragment.offset);
    }
    match packet.protocol {
        Protocol::Tcp => {
            match TcpSegment::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Verify) {
                Ok(segment) => write!(f, " {segment}"),
                Err(malformed) => write!(f, " [{malformed}]"),
            }
        }
        other => write!(f, " [{other:?}, {} octets]", frame.len()),
    }
}
