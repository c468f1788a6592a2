//! Events.

use std::time::Duration;

use sockwright_engine::event::{
    Cause, DropReason, Event, EventKind, Relative, RetransmissionReason, SegmentRecord, TimerAction,
};
use sockwright_engine::host::LinkState;
use sockwright_engine::id::SocketId;
use sockwright_engine::neighbor::NeighborState;
use sockwright_proto::v1 as pb;

use super::{
    address_to_proto, congestion_phase_to_proto, family_to_proto, kind_to_proto, recovery_cause_to_proto,
    recovery_phase_to_proto, socket_state_to_proto, tcp_state_to_proto, timer_to_proto, undo_cause_to_proto,
};
use crate::error::errno_to_proto;
use crate::hub::HubEvent;

/// The kind of an event, as filters name it.
pub fn event_kind(event: &HubEvent) -> pb::EventKind {
    match event {
        HubEvent::FrameLost { .. } => pb::EventKind::FrameLost,
        HubEvent::LimitHit { .. } => pb::EventKind::LimitHit,
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

/// What happened, as the contract tells it. `tcp_state` is the socket's state after the event.
pub fn event_to_proto(event: &HubEvent, tcp_state: pb::TcpState) -> pb::event::Kind {
    match event {
        HubEvent::FrameLost { what, text, frames, .. } => {
            let (what, text, frames) = ((*what).to_owned(), text.clone(), *frames);
            pb::event::Kind::FrameLost(pb::FrameLost { what, text, frames })
        }
        HubEvent::LimitHit { limit, .. } => {
            pb::event::Kind::LimitHit(pb::LimitHit { limit: (*limit).to_owned() })
        }
        HubEvent::Engine(event) => engine_event(&event.kind, event.socket, tcp_state),
    }
}

fn engine_event(kind: &EventKind, socket: Option<SocketId>, tcp_state: pb::TcpState) -> pb::event::Kind {
    use pb::event::Kind;
    match *kind {
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
        EventKind::SegmentSent(segment) => Kind::SegmentSent(segment_to_proto(&segment)),
        EventKind::SegmentReceived(segment) => Kind::SegmentReceived(segment_to_proto(&segment)),
        EventKind::SegmentDropped { segment, reason } => dropped(Some(segment_to_proto(&segment)), reason),
        EventKind::FrameDropped(reason) => dropped(None, reason),
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
    }
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

/// A segment, with its one-line text: relative to the connection's initial numbers where they are known.
pub fn segment_to_proto(segment: &SegmentRecord) -> pb::Segment {
    let summary = segment.summary;
    pb::Segment {
        source: Some(address_to_proto(segment.source)),
        destination: Some(address_to_proto(segment.destination)),
        seq: summary.seq.0,
        ack: summary.ack.0,
        flags: summary.flags.0.into(),
        window: summary.window.into(),
        length: summary.len,
        text: match segment.relative {
            Some(Relative { seq, ack }) => summary.display_relative(seq, ack).to_string(),
            None => summary.to_string(),
        },
    }
}

fn dropped(segment: Option<pb::Segment>, reason: DropReason) -> pb::event::Kind {
    pb::event::Kind::SegmentDropped(pb::SegmentDropped { segment, reason: reason.name().to_owned() })
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

fn retransmission_reason(reason: RetransmissionReason) -> pb::RetransmissionReason {
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
        let known = segment(Some(Relative { seq: Seq(1000), ack: Seq(500) }));
        let printed = segment_to_proto(&known);
        assert_eq!(printed.text, "P. 1:1001(1000) ack 1 win 257");
        assert_eq!((printed.seq, printed.ack, printed.flags, printed.window), (1001, 501, 0x18, 257));
        assert_eq!(segment_to_proto(&segment(None)).text, "P. 1001:2001(1000) ack 501 win 257");
    }

    #[test]
    fn causes_are_told_in_the_words_of_the_contract() {
        let told = |cause| cause_to_proto(cause).cause.unwrap();
        assert_eq!(told(Cause::Segment(Flags::SYN | Flags::ACK)), pb::cause::Cause::Segment("S.".to_owned()));
        assert_eq!(told(Cause::Invariant("x")), pb::cause::Cause::Limit("invariant".to_owned()));
    }
}
