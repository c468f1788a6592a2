//! Events, as the octets of the contract.
//!
//! Owns the one way in which an event gets onto the wire. Segments are written out field by field, with no string or message
//! made for them: there may be millions a second. Everything else goes through the generated types.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use prost::encoding::{WireType, encode_key, encode_varint};

use sockwright_engine::event::{
    Cause, DropReason, Event, EventKind, Relative, RetransmissionReason, SegmentRecord, TimerAction,
};
use sockwright_engine::host::LinkState;
use sockwright_engine::id::{SessionId, SocketId};
use sockwright_engine::neighbor::NeighborState;
use sockwright_proto::v1 as pb;

use super::{
    address_to_proto, congestion_phase_to_proto, family_to_proto, kind_to_proto, recovery_cause_to_proto,
    recovery_phase_to_proto, session_name, socket_state_to_proto, tcp_state_to_proto, timer_to_proto,
    undo_cause_to_proto,
};
use crate::access::owner::is_no_session;
use crate::error::errno_to_proto;
use crate::hub::HubEvent;

/// The kind of an event, as filters name it.
pub fn event_kind(event: &HubEvent) -> pb::EventKind {
    match event {
        HubEvent::FrameLost { .. } => pb::EventKind::FrameLost,
        HubEvent::LimitHit { .. } => pb::EventKind::LimitHit,
        HubEvent::StackFailed { .. } => pb::EventKind::StackFailed,
        HubEvent::Draining { .. } => pb::EventKind::Draining,
        HubEvent::Engine(Event { kind, .. }) => match kind {
            EventKind::Opened { .. } => pb::EventKind::Opened,
            EventKind::Named { .. } => pb::EventKind::Named,
            EventKind::SocketState { .. } => pb::EventKind::SocketStateChanged,
            EventKind::TcpState { .. } => pb::EventKind::TcpStateChanged,
            EventKind::SegmentSent(_) => pb::EventKind::SegmentSent,
            EventKind::SegmentReceived(_) => pb::EventKind::SegmentReceived,
            EventKind::SegmentDropped { .. } | EventKind::FrameDropped(_) => pb::EventKind::SegmentDropped,
            EventKind::Retransmission { .. } => pb::EventKind::Retransmission,
            EventKind::Timer { .. } => pb::EventKind::Timer,
            EventKind::Readable { .. } => pb::EventKind::Readable,
            EventKind::Acknowledged { .. } => pb::EventKind::Acknowledged,
            EventKind::AcceptReady { .. } => pb::EventKind::AcceptReady,
            EventKind::Failed(_) => pb::EventKind::Failed,
            EventKind::Icmp { .. } => pb::EventKind::IcmpReceived,
            EventKind::LimitHit(_) => pb::EventKind::LimitHit,
            EventKind::Datagram { .. } => pb::EventKind::Datagram,
            EventKind::Released => pb::EventKind::Released,
            EventKind::Recovery { .. } => pb::EventKind::Recovery,
            EventKind::Undo(_) => pb::EventKind::Undo,
            EventKind::Congestion { .. } => pb::EventKind::Congestion,
            EventKind::RttSample { .. } => pb::EventKind::RttSample,
            EventKind::Windows { .. } => pb::EventKind::Windows,
            EventKind::PathMtu { .. } => pb::EventKind::PathMtu,
            EventKind::Urgent { .. } => pb::EventKind::Urgent,
            EventKind::Neighbor { .. } => pb::EventKind::Neighbor,
            EventKind::AddressConflict { .. } => pb::EventKind::AddressConflict,
            EventKind::Link { .. } => pb::EventKind::LinkChanged,
        },
    }
}

/// What is told of an event beside what happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope<'e> {
    /// Its number.
    pub(crate) seq: u64,
    /// Where it happened.
    pub(crate) stack: &'e str,
    /// Whose the socket is.
    pub(crate) session: SessionId,
    /// What it is called.
    pub(crate) label: &'e str,
    /// Its state after the event.
    pub(crate) tcp_state: pb::TcpState,
}

/// Appends a message `Event`.
pub(crate) fn write_event(envelope: Envelope<'_>, event: &HubEvent, to: &mut Vec<u8>) {
    let Envelope { seq, stack, session, label, tcp_state } = envelope;
    number(1, seq, to);
    number(2, event.at().as_nanos(), to);
    string(3, stack, to);
    number(4, event.socket().map_or(0, |socket| socket.0), to);
    if !is_no_session(session) {
        string(5, &session_name(session), to);
    }
    string(6, label, to);
    match event {
        HubEvent::FrameLost { what, text, frames, .. } => {
            let lost = pb::FrameLost { what: (*what).to_owned(), text: text.clone(), frames: *frames };
            pb::event::Kind::FrameLost(lost).encode(to);
        }
        HubEvent::LimitHit { limit, .. } => {
            pb::event::Kind::LimitHit(pb::LimitHit { limit: (*limit).to_owned() }).encode(to);
        }
        HubEvent::StackFailed { message, .. } => {
            pb::event::Kind::StackFailed(pb::StackFailed { message: message.to_string() }).encode(to);
        }
        HubEvent::Draining { within } => {
            // At most some minutes.
            let within = prost_types::Duration::try_from(*within).ok();
            pb::event::Kind::Draining(pb::Draining { within }).encode(to);
        }
        HubEvent::Engine(Event { kind, socket, .. }) => write_kind(kind, *socket, tcp_state, to),
    }
}

fn write_kind(kind: &EventKind, socket: Option<SocketId>, tcp_state: pb::TcpState, to: &mut Vec<u8>) {
    use pb::event::Kind;
    let kind = match *kind {
        EventKind::SegmentSent(ref segment) => return message(14, to, |to| write_segment(segment, to)),
        EventKind::SegmentReceived(ref segment) => return message(15, to, |to| write_segment(segment, to)),
        EventKind::SegmentDropped { ref segment, reason } => return write_dropped(Some(segment), reason, to),
        EventKind::FrameDropped(reason) => return write_dropped(None, reason, to),
        // The session and the label are fields of every event.
        EventKind::Opened { kind, family, session: _, label: _, listener } => Kind::Opened(pb::Opened {
            kind: kind_to_proto(kind).into(),
            family: family_to_proto(family).into(),
            listener: listener.map_or(0, |listener| listener.0),
        }),
        EventKind::Named { local, remote } => Kind::Named(pb::Named {
            local: Some(address_to_proto(local)),
            remote: remote.map(address_to_proto),
        }),
        EventKind::SocketState { from, to } => Kind::SocketStateChanged(pb::SocketStateChanged {
            from: socket_state_to_proto(from).into(),
            to: socket_state_to_proto(to).into(),
        }),
        EventKind::TcpState { from, to, cause, local, remote } => {
            Kind::TcpStateChanged(pb::TcpStateChanged {
                from: tcp_state_to_proto(Some(from)).into(),
                to: tcp_state_to_proto(Some(to)).into(),
                cause: Some(cause_to_proto(cause)),
                local: Some(address_to_proto(local)),
                remote: remote.map(address_to_proto),
            })
        }
        EventKind::Retransmission { seq, len, reason } => Kind::Retransmission(pb::Retransmission {
            seq,
            length: len,
            reason: retransmission_reason(reason).into(),
        }),
        EventKind::Timer { timer, action } => Kind::Timer(timer_event(timer_to_proto(timer), action)),
        EventKind::Readable { available, end_of_stream } => {
            Kind::Readable(pb::Readable { available, end_of_stream })
        }
        EventKind::Acknowledged { bytes, outstanding } => {
            Kind::Acknowledged(pb::Acknowledged { bytes, outstanding })
        }
        EventKind::AcceptReady { child, queued } => {
            Kind::AcceptReady(pb::AcceptReady { socket: child.0, queued })
        }
        EventKind::Failed(errno) => Kind::Failed(errno_to_proto(errno, tcp_state, socket)),
        EventKind::Icmp { kind, code, v6, fatal } => {
            Kind::IcmpReceived(pb::IcmpReceived { icmp: Some(icmp(kind, code, v6)), fatal })
        }
        EventKind::LimitHit(limit) => Kind::LimitHit(pb::LimitHit { limit: limit.name().to_owned() }),
        EventKind::Datagram { source, destination, len, sent } => Kind::Datagram(pb::Datagram {
            source: Some(address_to_proto(source)),
            destination: Some(address_to_proto(destination)),
            length: len,
            sent,
        }),
        EventKind::Released => Kind::Released(pb::Released {}),
        EventKind::Recovery { from, to, cause } => Kind::Recovery(pb::Recovery {
            from: recovery_phase_to_proto(from).into(),
            to: recovery_phase_to_proto(to).into(),
            cause: recovery_cause_to_proto(cause).into(),
        }),
        EventKind::Undo(cause) => Kind::Undo(pb::Undo { cause: undo_cause_to_proto(cause).into() }),
        EventKind::Congestion { cwnd, ssthresh, phase } => Kind::Congestion(pb::Congestion {
            cwnd,
            ssthresh,
            phase: congestion_phase_to_proto(phase).into(),
        }),
        EventKind::RttSample { rtt, srtt, rttvar, rto } => Kind::RttSample(pb::RttSample {
            rtt_ns: nanos(rtt),
            srtt_ns: nanos(srtt),
            rttvar_ns: nanos(rttvar),
            rto_ns: nanos(rto),
        }),
        EventKind::Windows { snd_wnd, rcv_wnd } => Kind::Windows(pb::Windows { snd_wnd, rcv_wnd }),
        EventKind::PathMtu { mtu } => Kind::PathMtu(pb::PathMtu { mtu }),
        EventKind::Urgent { pointer } => Kind::Urgent(pb::Urgent { pointer }),
        EventKind::Neighbor { ip, mac, state } => Kind::Neighbor(pb::Neighbor {
            address: ip.to_string(),
            mac: mac.map_or_else(String::new, |mac| mac.to_string()),
            state: neighbor_state_to_proto(state).into(),
        }),
        EventKind::AddressConflict { ip, mac, lost } => {
            Kind::AddressConflict(pb::AddressConflict { address: ip.to_string(), mac: mac.to_string(), lost })
        }
        EventKind::Link { link: _, state, mtu } => {
            let state = match state {
                LinkState::Up => pb::LinkState::Up,
                LinkState::Down => pb::LinkState::Down,
                LinkState::Gone => pb::LinkState::Gone,
            };
            Kind::LinkChanged(pb::LinkChanged { state: state.into(), mtu })
        }
    };
    kind.encode(to);
}

fn neighbor_state_to_proto(state: Option<NeighborState>) -> pb::NeighborState {
    match state {
        Some(NeighborState::Incomplete) => pb::NeighborState::Incomplete,
        Some(NeighborState::Reachable) => pb::NeighborState::Reachable,
        Some(NeighborState::Stale) => pb::NeighborState::Stale,
        Some(NeighborState::Delay) => pb::NeighborState::Delay,
        Some(NeighborState::Probe) => pb::NeighborState::Probe,
        None => pb::NeighborState::Gone,
    }
}

/// Appends the fields of a `Segment`, with its one-line text: relative to the connection's initial numbers where they
/// are known.
fn write_segment(segment: &SegmentRecord, to: &mut Vec<u8>) {
    let summary = segment.summary;
    message(1, to, |to| write_address(segment.source, to));
    message(2, to, |to| write_address(segment.destination, to));
    fixed(3, summary.seq.0, to);
    fixed(4, summary.ack.0, to);
    number(5, summary.flags.0.into(), to);
    number(6, summary.window.into(), to);
    number(7, summary.len.into(), to);
    message(8, to, |to| {
        // Writing to a vector does not fail.
        _ = match segment.relative {
            Some(Relative { seq, ack }) => write!(to, "{}", summary.display_relative(seq, ack)),
            None => write!(to, "{summary}"),
        };
    });
}

/// Appends a field `segment_dropped` of an `Event`.
fn write_dropped(segment: Option<&SegmentRecord>, reason: DropReason, to: &mut Vec<u8>) {
    message(16, to, |to| {
        if let Some(segment) = segment {
            message(1, to, |to| write_segment(segment, to));
        }
        string(2, reason.name(), to);
    });
}

/// Appends the fields of a `SocketAddress`.
fn write_address(address: SocketAddr, to: &mut Vec<u8>) {
    message(1, to, |to| _ = write!(to, "{}", address.ip()));
    number(2, address.port().into(), to);
}

/// Appends a field of a varint, unless it is 0.
fn number(tag: u32, value: u64, to: &mut Vec<u8>) {
    if value != 0 {
        encode_key(tag, WireType::Varint, to);
        encode_varint(value, to);
    }
}

/// Appends a `fixed32` field, unless it is 0.
fn fixed(tag: u32, value: u32, to: &mut Vec<u8>) {
    if value != 0 {
        encode_key(tag, WireType::ThirtyTwoBit, to);
        to.extend_from_slice(&value.to_le_bytes());
    }
}

/// Appends a `string` field, unless it is empty.
fn string(tag: u32, value: &str, to: &mut Vec<u8>) {
    if !value.is_empty() {
        encode_key(tag, WireType::LengthDelimited, to);
        encode_varint(value.len() as u64, to);
        to.extend_from_slice(value.as_bytes());
    }
}

/// Appends a field of what `body` appends. Its length stands before it and is known after it: one octet is kept free, and
/// the body moves where that is too little.
pub(crate) fn message(tag: u32, to: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    encode_key(tag, WireType::LengthDelimited, to);
    let place = to.len();
    to.push(0);
    body(to);
    let length = to.len() - place - 1;
    match u8::try_from(length) {
        Ok(length @ ..0x80) => to[place] = length,
        _ => {
            let mut octets = Vec::with_capacity(10);
            encode_varint(length as u64, &mut octets);
            to.splice(place..=place, octets);
        }
    }
}

fn cause_to_proto(cause: Cause) -> pb::Cause {
    use pb::cause::Cause as Kind;
    let cause = match cause {
        Cause::Segment(flags) => Kind::Segment(flags.to_string()),
        Cause::Call(call) => Kind::Call(call.name().to_owned()),
        Cause::Timer(timer) => Kind::Timer(timer_to_proto(timer).into()),
        Cause::Icmp { kind, code, v6 } => Kind::Icmp(icmp(kind, code, v6)),
        Cause::Limit(limit) => Kind::Limit(limit.name().to_owned()),
        // Which one is a matter for the log, not for clients.
        Cause::Invariant(_) => Kind::Limit("invariant".to_owned()),
    };
    pb::Cause { cause: Some(cause) }
}

fn icmp(kind: u8, code: u8, v6: bool) -> pb::IcmpType {
    pb::IcmpType { r#type: kind.into(), code: code.into(), v6 }
}

/// In the contract's words.
pub(crate) fn retransmission_reason(reason: RetransmissionReason) -> pb::RetransmissionReason {
    match reason {
        RetransmissionReason::Timeout => pb::RetransmissionReason::Timeout,
        RetransmissionReason::Fast => pb::RetransmissionReason::Fast,
        RetransmissionReason::Recovery => pb::RetransmissionReason::Recovery,
        RetransmissionReason::WindowProbe => pb::RetransmissionReason::WindowProbe,
        RetransmissionReason::TailLossProbe => pb::RetransmissionReason::TailLossProbe,
        RetransmissionReason::Rack => pb::RetransmissionReason::Rack,
    }
}

fn timer_event(timer: pb::TimerKind, action: TimerAction) -> pb::Timer {
    let (action, deadline_ns) = match action {
        TimerAction::Started(deadline) => (pb::TimerAction::Started, deadline.as_nanos()),
        TimerAction::Stopped => (pb::TimerAction::Stopped, 0),
        TimerAction::Fired => (pb::TimerAction::Fired, 0),
    };
    pb::Timer { timer: timer.into(), action: action.into(), deadline_ns }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use sockwright_engine::tcp::seq::Seq;
    use sockwright_engine::wire::{Flags, TcpSummary};

    fn segment(relative: Option<Relative>) -> SegmentRecord {
        SegmentRecord {
            source: "192.0.2.1:40000".parse().unwrap(),
            destination: "192.0.2.2:80".parse().unwrap(),
            summary: TcpSummary {
                flags: Flags::ACK | Flags::PSH,
                seq: Seq(1001),
                ack: Seq(501),
                window: 257,
                len: 1000,
                ..TcpSummary::default()
            },
            relative,
        }
    }

    #[test]
    fn a_segment_is_printed_relative_where_its_connection_is_known() {
        let printed = |relative| {
            let mut octets = Vec::new();
            write_segment(&segment(relative), &mut octets);
            pb::Segment::decode(&*octets).unwrap()
        };
        assert_eq!(printed(None).text, "P. 1001:2001(1000) ack 501 win 257");
        let printed = printed(Some(Relative { seq: Seq(1000), ack: Seq(500) }));
        assert_eq!(printed.text, "P. 1:1001(1000) ack 1 win 257");
        assert_eq!((printed.seq, printed.ack, printed.flags, printed.window), (1001, 501, 0x18, 257));
        assert_eq!(printed.source, Some(pb::SocketAddress { ip: "192.0.2.1".into(), port: 40000 }));
        assert_eq!(printed.destination, Some(pb::SocketAddress { ip: "192.0.2.2".into(), port: 80 }));
        assert_eq!(printed.length, 1000);
    }

    /// A field that is added to one of these has to be written here as well.
    #[test]
    fn the_fields_that_are_written_out_are_those_of_the_contract() {
        let files = prost_types::FileDescriptorSet::decode(pb::FILE_DESCRIPTOR_SET).unwrap();
        let messages = || files.file.iter().flat_map(|file| &file.message_type);
        let fields = |message: &str| -> Vec<(i32, String)> {
            let message = messages().find(|other| other.name() == message).unwrap();
            let plain = message.field.iter().filter(|field| field.oneof_index.is_none());
            plain.map(|field| (field.number(), field.name().to_owned())).collect()
        };
        let known = |fields: &[(i32, &str)]| -> Vec<(i32, String)> {
            fields.iter().map(|(number, name)| (*number, (*name).to_owned())).collect()
        };
        let envelope =
            [(1, "seq"), (2, "time_ns"), (3, "stack"), (4, "socket"), (5, "session"), (6, "label")];
        assert_eq!(fields("Event"), known(&envelope));
        let segment = [
            (1, "source"),
            (2, "destination"),
            (3, "seq"),
            (4, "ack"),
            (5, "flags"),
            (6, "window"),
            (7, "length"),
            (8, "text"),
        ];
        assert_eq!(fields("Segment"), known(&segment));
        assert_eq!(fields("SegmentDropped"), known(&[(1, "segment"), (2, "reason")]));
        assert_eq!(fields("SocketAddress"), known(&[(1, "ip"), (2, "port")]));
        assert_eq!(fields("EventBatch"), known(&[(1, "epoch"), (2, "events")]));
    }

    #[test]
    fn an_event_is_written_whole() {
        let at = sockwright_engine::time::Instant::from_nanos(300);
        let written = |kind| {
            let event = Event { at, socket: Some(SocketId(7)), kind }.into();
            let (session, tcp_state) = (SessionId(3), pb::TcpState::Established);
            let envelope = Envelope { seq: 200, stack: "lab/a", session, label: "x", tcp_state };
            let mut octets = Vec::new();
            write_event(envelope, &event, &mut octets);
            pb::Event::decode(&*octets).unwrap()
        };
        let sent = written(EventKind::SegmentSent(Box::new(segment(None))));
        assert_eq!((sent.seq, sent.time_ns, sent.socket), (200, 300, 7));
        assert_eq!((&*sent.stack, &*sent.session, &*sent.label), ("lab/a", "s-3", "x"));
        assert!(matches!(sent.kind, Some(pb::event::Kind::SegmentSent(segment)) if segment.length == 1000));
        let kind = |kind| written(kind).kind.unwrap();
        assert!(matches!(
            kind(EventKind::SegmentReceived(Box::new(segment(None)))),
            pb::event::Kind::SegmentReceived(segment) if segment.ack == 501
        ));
        let reason = DropReason::OutsideWindow;
        assert!(matches!(
            kind(EventKind::SegmentDropped { segment: Box::new(segment(None)), reason }),
            pb::event::Kind::SegmentDropped(pb::SegmentDropped { segment: Some(_), reason })
                if reason == "OUTSIDE_WINDOW"
        ));
        assert!(matches!(
            kind(EventKind::FrameDropped(reason)),
            pb::event::Kind::SegmentDropped(pb::SegmentDropped { segment: None, reason })
                if reason == "OUTSIDE_WINDOW"
        ));
        let released = kind(EventKind::Released);
        assert!(matches!(released, pb::event::Kind::Released(pb::Released {})));
    }

    #[test]
    fn a_length_takes_as_many_octets_as_it_needs() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 3 << 20] {
            let text = "x".repeat(length);
            let mut octets = vec![7; 3];
            message(8, &mut octets, |to| to.extend_from_slice(text.as_bytes()));
            assert_eq!(octets[..3], [7; 3]);
            assert_eq!(pb::Segment::decode(&octets[3..]).unwrap().text, text);
        }
    }

    #[test]
    fn causes_are_told_in_the_words_of_the_contract() {
        let told = |cause| cause_to_proto(cause).cause.unwrap();
        assert_eq!(told(Cause::Segment(Flags::SYN | Flags::ACK)), pb::cause::Cause::Segment("S.".to_owned()));
        assert_eq!(told(Cause::Invariant("x")), pb::cause::Cause::Limit("invariant".to_owned()));
    }
}
