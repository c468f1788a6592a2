//! Events on one line each, in the field's notation.
//!
//! ```text
//! 0.001500 lab/b #3 web  LISTEN -> SYN-RECEIVED  (S)  10.0.0.2:80 < 10.0.0.1:49152
//! 0.001500 lab/b #3 web > S. 0:0(0) ack 1 win 65535 <mss 1460>
//! TIME     STACK #ID LABEL  WHAT
//! ```

use sockwright_client::v1::event::Kind;
use sockwright_client::v1::{
    Cause, Congestion, Datagram, Event, Gap, IcmpType, Opened, RttSample, Segment, SocketSummary,
    TcpStateChanged, Timer,
};
use sockwright_client::v1::{Retransmission, TimerAction, cause};

use super::socket::{address, line, tcp_state};
use super::{safe, time};
use crate::names::Worded;
use crate::parse::position;

/// An event.
pub(crate) fn event(event: &Event) -> String {
    let mut text = format!("{} {}", time(event.time_ns), safe(&event.stack));
    text += &if event.socket == 0 { " -".to_string() } else { format!(" #{}", event.socket) };
    if !event.label.is_empty() {
        text += &format!(" {}", safe(&event.label));
    }
    text + &what(event.kind.as_ref())
}

/// A socket that was there when the watch began.
pub(crate) fn snapshot(summary: &SocketSummary) -> String {
    format!("{} {}", time(summary.state_time_ns), line(summary))
}

/// A hole in the stream.
pub(crate) fn gap(gap: &Gap) -> String {
    let end = |end: &Option<_>| end.as_ref().map(position::text).unwrap_or_default();
    format!(
        "-- gap: the events after {} through {} are lost ({})",
        end(&gap.after),
        end(&gap.through),
        gap.reason().word()
    )
}

/// The same in few words: `events are missing: watcher-too-slow`.
pub(crate) fn missing(gap: &Gap) -> String {
    format!("events are missing: {}", gap.reason().word())
}

fn what(kind: Option<&Kind>) -> String {
    match kind {
        Some(Kind::SegmentSent(segment)) => format!(" > {}", safe(&segment.text)),
        Some(Kind::SegmentReceived(segment)) => format!(" < {}", safe(&segment.text)),
        Some(Kind::SegmentDropped(dropped)) => {
            format!(" x {}", dropped_text(dropped.segment.as_ref(), &dropped.reason))
        }
        Some(Kind::Datagram(datagram)) => datagram_text(datagram),
        Some(kind) => format!("  {}", other(kind)),
        None => "  an event of a newer server".into(),
    }
}

fn other(kind: &Kind) -> String {
    match kind {
        Kind::Opened(opened) => opened_text(opened),
        Kind::Named(named) => {
            let mut text = format!("local {}", address(named.local.as_ref()));
            if named.remote.is_some() {
                text += &format!("  remote {}", address(named.remote.as_ref()));
            }
            text
        }
        Kind::SocketStateChanged(changed) => format!("{} -> {}", changed.from().word(), changed.to().word()),
        Kind::TcpStateChanged(changed) => tcp_state_changed(changed),
        Kind::Retransmission(retransmission) => retransmission_text(retransmission),
        Kind::Timer(timer) => timer_text(timer),
        Kind::Readable(readable) => {
            let end = if readable.end_of_stream { ", then the end of the stream" } else { "" };
            format!("readable {}{end}", readable.available)
        }
        Kind::Acknowledged(acked) => {
            format!("acknowledged {}, {} outstanding", acked.bytes, acked.outstanding)
        }
        Kind::AcceptReady(ready) => format!("accept ready #{}, {} queued", ready.socket, ready.queued),
        Kind::Failed(error) => format!("failed {}: {}", error.errno_name, safe(&error.message)),
        Kind::IcmpReceived(icmp) => {
            let fatal = if icmp.fatal { ", fatal" } else { "" };
            format!("{}{fatal}", icmp_text(&icmp.icmp.unwrap_or_default()))
        }
        Kind::LimitHit(hit) => format!("limit hit: {}", safe(&hit.limit)),
        Kind::Released(_) => "released".into(),
        Kind::FrameLost(lost) => {
            let times = if lost.frames > 1 { format!(" x{}", lost.frames) } else { String::new() };
            format!("frame {}{times}  {}", safe(&lost.what), safe(&lost.text)).trim_end().into()
        }
        Kind::Recovery(recovery) => {
            let (from, to) = (recovery.from().word(), recovery.to().word());
            format!("recovery {from} -> {to}  ({})", recovery.cause().word())
        }
        Kind::Undo(undo) => format!("recovery undone  ({})", undo.cause().word()),
        Kind::Congestion(congestion) => congestion_text(congestion),
        Kind::RttSample(sample) => {
            let RttSample { rtt_ns, srtt_ns, rttvar_ns, rto_ns } = *sample;
            let [rtt, srtt, rttvar, rto] = [rtt_ns, srtt_ns, rttvar_ns, rto_ns].map(time);
            format!("rtt {rtt}  srtt {srtt}  rttvar {rttvar}  rto {rto}")
        }
        Kind::Windows(windows) => format!("windows snd {}  rcv {}", windows.snd_wnd, windows.rcv_wnd),
        Kind::PathMtu(path) => format!("path mtu {}", path.mtu),
        Kind::Urgent(urgent) => format!("urgent data before {}", urgent.pointer),
        Kind::Neighbor(neighbor) => {
            let (address, mac) = (safe(&neighbor.address), safe(&neighbor.mac));
            format!("neighbor {address} {}  {mac}", neighbor.state().word()).trim_end().into()
        }
        Kind::AddressConflict(conflict) => {
            let lost = if conflict.lost { ", and is not ours" } else { "" };
            format!("address {} is also at {}{lost}", safe(&conflict.address), safe(&conflict.mac))
        }
        Kind::LinkChanged(link) => format!("link {}  mtu {}", link.state().word(), link.mtu),
        Kind::StackFailed(fault) => format!("stack failed: {}", safe(&fault.message)),
        Kind::Draining(draining) => match &draining.within {
            Some(within) => format!("the server ends within {} s", within.seconds),
            None => "the server ends".into(),
        },
        // The four that `what` has a sign of its own for.
        Kind::SegmentSent(_) | Kind::SegmentReceived(_) | Kind::SegmentDropped(_) | Kind::Datagram(_) => {
            what(Some(kind))
        }
    }
}

fn opened_text(opened: &Opened) -> String {
    let mut text = format!("opened {}/{}", opened.kind().word(), opened.family().word());
    if opened.listener != 0 {
        text += &format!(" at #{}", opened.listener);
    }
    text
}

fn tcp_state_changed(changed: &TcpStateChanged) -> String {
    let mut text = format!("{} -> {}", tcp_state(changed.from()), tcp_state(changed.to()));
    let cause = changed.cause.as_ref().and_then(|Cause { cause }| cause.as_ref());
    text += &cause.map(|cause| format!("  ({})", cause_text(cause))).unwrap_or_default();
    if changed.local.is_some() {
        text += &format!("  {}", address(changed.local.as_ref()));
    }
    if changed.remote.is_some() {
        // The peer's doing, or ours.
        let arrow =
            if matches!(cause, Some(cause::Cause::Segment(_) | cause::Cause::Icmp(_))) { '<' } else { '>' };
        text += &format!(" {arrow} {}", address(changed.remote.as_ref()));
    }
    text
}

/// What made a change of state.
pub(crate) fn cause_text(cause: &cause::Cause) -> String {
    match cause {
        cause::Cause::Segment(flags) => safe(flags),
        cause::Cause::Call(call) => safe(call),
        cause::Cause::Timer(timer) => {
            let timer = sockwright_client::v1::TimerKind::try_from(*timer).unwrap_or_default();
            format!("{} timer", timer.word())
        }
        cause::Cause::Icmp(icmp) => icmp_text(icmp),
        cause::Cause::Limit(limit) => format!("limit {}", safe(limit)),
    }
}

fn icmp_text(icmp: &IcmpType) -> String {
    format!("{} {}/{}", if icmp.v6 { "ICMPv6" } else { "ICMP" }, icmp.r#type, icmp.code)
}

fn retransmission_text(retransmission: &Retransmission) -> String {
    let Retransmission { seq, length, .. } = retransmission;
    format!("retransmits {seq}:{}({length})  ({})", seq.wrapping_add(*length), retransmission.reason().word())
}

fn timer_text(timer: &Timer) -> String {
    let mut text = format!("{} timer {}", timer.timer().word(), timer.action().word());
    if timer.action() == TimerAction::Started {
        text += &format!(", fires at {}", time(timer.deadline_ns));
    }
    text
}

fn congestion_text(congestion: &Congestion) -> String {
    let Congestion { cwnd, ssthresh, .. } = congestion;
    let phase = congestion.phase().word();
    match *ssthresh {
        u32::MAX => format!("cwnd {cwnd}  {phase}"),
        ssthresh => format!("cwnd {cwnd}  ssthresh {ssthresh}  {phase}"),
    }
}

fn dropped_text(segment: Option<&Segment>, reason: &str) -> String {
    match segment {
        Some(segment) => format!("{}  {}", safe(&segment.text), safe(reason)),
        None => safe(reason),
    }
}

fn datagram_text(datagram: &Datagram) -> String {
    let Datagram { source, destination, length, sent } = datagram;
    let sign = if *sent { '>' } else { '<' };
    format!(" {sign} UDP {} > {} length {length}", address(source.as_ref()), address(destination.as_ref()))
}

#[cfg(test)]
mod tests {
    use sockwright_client::v1::*;

    use super::*;

    fn shown(label: &str, kind: Kind) -> String {
        event(&Event {
            seq: 9,
            time_ns: 1_500_000,
            stack: "lab/b".into(),
            socket: 3,
            session: "s".into(),
            label: label.into(),
            kind: Some(kind),
        })
    }

    fn at(ip: &str, port: u32) -> Option<SocketAddress> {
        Some(SocketAddress { ip: ip.into(), port })
    }

    fn change(from: TcpState, to: TcpState, cause: cause::Cause) -> Kind {
        Kind::TcpStateChanged(TcpStateChanged {
            from: from.into(),
            to: to.into(),
            cause: Some(Cause { cause: Some(cause) }),
            local: at("10.0.0.2", 80),
            remote: (from != TcpState::Closed).then(|| at("10.0.0.1", 49152).unwrap()),
        })
    }

    #[test]
    fn a_change_of_state_points_at_who_caused_it() {
        let syn = change(TcpState::Listen, TcpState::SynReceived, cause::Cause::Segment("S".into()));
        assert_eq!(
            shown("web", syn),
            "0.001500 lab/b #3 web  LISTEN -> SYN-RECEIVED  (S)  10.0.0.2:80 < 10.0.0.1:49152"
        );
        let close = change(TcpState::CloseWait, TcpState::LastAck, cause::Cause::Call("Close".into()));
        assert_eq!(
            shown("", close),
            "0.001500 lab/b #3  CLOSE-WAIT -> LAST-ACK  (Close)  10.0.0.2:80 > 10.0.0.1:49152"
        );
        let timer = cause::Cause::Timer(TimerKind::TimeWait.into());
        assert_eq!(
            shown("", change(TcpState::TimeWait, TcpState::Closed, timer)),
            "0.001500 lab/b #3  TIME-WAIT -> CLOSED  (TIME-WAIT timer)  10.0.0.2:80 > 10.0.0.1:49152"
        );
        let listen = change(TcpState::Closed, TcpState::Listen, cause::Cause::Call("Listen".into()));
        assert_eq!(shown("", listen), "0.001500 lab/b #3  CLOSED -> LISTEN  (Listen)  10.0.0.2:80");
        let icmp = cause::Cause::Icmp(IcmpType { r#type: 3, code: 1, v6: false });
        assert!(
            shown("", change(TcpState::SynSent, TcpState::Closed, icmp))
                .contains("(ICMP 3/1)  10.0.0.2:80 < ")
        );
    }

    #[test]
    fn segments_are_sent_received_or_dropped() {
        let segment = |text: &str| Segment { text: text.into(), ..Default::default() };
        assert_eq!(
            shown("", Kind::SegmentSent(segment("S 0:0(0) win 65535 <mss 1460>"))),
            "0.001500 lab/b #3 > S 0:0(0) win 65535 <mss 1460>"
        );
        assert_eq!(
            shown("web", Kind::SegmentReceived(segment(". ack 1 win 257"))),
            "0.001500 lab/b #3 web < . ack 1 win 257"
        );
        let dropped =
            SegmentDropped { segment: Some(segment("R 5:5(0) win 0")), reason: "OUTSIDE_WINDOW".into() };
        assert_eq!(
            shown("", Kind::SegmentDropped(dropped)),
            "0.001500 lab/b #3 x R 5:5(0) win 0  OUTSIDE_WINDOW"
        );
        let unread = SegmentDropped { segment: None, reason: "CHECKSUM".into() };
        assert_eq!(
            event(&Event {
                stack: "lab/b".into(),
                kind: Some(Kind::SegmentDropped(unread)),
                ..Default::default()
            }),
            "0.000000 lab/b - x CHECKSUM"
        );
        let datagram = Datagram {
            source: at("10.0.0.2", 53),
            destination: at("10.0.0.1", 5000),
            length: 12,
            sent: true,
        };
        assert_eq!(
            shown("", Kind::Datagram(datagram)),
            "0.001500 lab/b #3 > UDP 10.0.0.2:53 > 10.0.0.1:5000 length 12"
        );
    }

    #[test]
    fn every_other_kind_has_its_line() {
        let cases = [
            (
                Kind::Opened(Opened {
                    kind: SocketKind::Stream.into(),
                    family: AddressFamily::Ipv4.into(),
                    listener: 1,
                }),
                "opened stream/ipv4 at #1",
            ),
            (
                Kind::Named(Named { local: at("10.0.0.2", 80), remote: at("fd00::1", 9) }),
                "local 10.0.0.2:80  remote [fd00::1]:9",
            ),
            (Kind::Named(Named { local: at("10.0.0.2", 80), remote: None }), "local 10.0.0.2:80"),
            (
                Kind::SocketStateChanged(SocketStateChanged {
                    from: SocketState::Bound.into(),
                    to: SocketState::Listening.into(),
                }),
                "bound -> listening",
            ),
            (
                Kind::Retransmission(Retransmission {
                    seq: 1001,
                    length: 1460,
                    reason: RetransmissionReason::Timeout.into(),
                }),
                "retransmits 1001:2461(1460)  (timeout)",
            ),
            (
                Kind::Timer(Timer {
                    timer: TimerKind::DelayedAck.into(),
                    action: TimerAction::Started.into(),
                    deadline_ns: 41_500_000,
                }),
                "DELAYED-ACK timer started, fires at 0.041500",
            ),
            (
                Kind::Timer(Timer {
                    timer: TimerKind::Retransmit.into(),
                    action: TimerAction::Fired.into(),
                    deadline_ns: 0,
                }),
                "RETRANSMIT timer fired",
            ),
            (Kind::Readable(Readable { available: 5, end_of_stream: false }), "readable 5"),
            (
                Kind::Readable(Readable { available: 0, end_of_stream: true }),
                "readable 0, then the end of the stream",
            ),
            (Kind::Acknowledged(Acknowledged { bytes: 5, outstanding: 2 }), "acknowledged 5, 2 outstanding"),
            (Kind::AcceptReady(AcceptReady { socket: 4, queued: 2 }), "accept ready #4, 2 queued"),
            (
                Kind::Failed(SocketError {
                    errno_name: "ECONNRESET".into(),
                    message: "the peer sent a RST".into(),
                    ..Default::default()
                }),
                "failed ECONNRESET: the peer sent a RST",
            ),
            (
                Kind::IcmpReceived(IcmpReceived {
                    icmp: Some(IcmpType { r#type: 1, code: 4, v6: true }),
                    fatal: true,
                }),
                "ICMPv6 1/4, fatal",
            ),
            (Kind::LimitHit(LimitHit { limit: "sockets".into() }), "limit hit: sockets"),
            (Kind::Released(Released {}), "released"),
            (
                Kind::FrameLost(FrameLost { what: "LOST".into(), text: String::new(), frames: 1 }),
                "frame LOST",
            ),
            (
                Kind::FrameLost(FrameLost { what: "TOO_BIG".into(), text: String::new(), frames: 700 }),
                "frame TOO_BIG x700",
            ),
            (
                Kind::Recovery(Recovery {
                    from: RecoveryPhase::Disorder.into(),
                    to: RecoveryPhase::Recovery.into(),
                    cause: RecoveryCause::DuplicateAcks.into(),
                }),
                "recovery DISORDER -> RECOVERY  (duplicate-acks)",
            ),
            (Kind::Undo(Undo { cause: UndoCause::ForwardRto.into() }), "recovery undone  (forward-rto)"),
            (
                Kind::Congestion(Congestion {
                    cwnd: 14_600,
                    ssthresh: u32::MAX,
                    phase: CongestionPhase::SlowStart.into(),
                }),
                "cwnd 14600  slow-start",
            ),
            (
                Kind::Congestion(Congestion {
                    cwnd: 14_600,
                    ssthresh: 7300,
                    phase: CongestionPhase::CongestionAvoidance.into(),
                }),
                "cwnd 14600  ssthresh 7300  congestion-avoidance",
            ),
            (
                Kind::RttSample(RttSample {
                    rtt_ns: 20_000_000,
                    srtt_ns: 19_500_000,
                    rttvar_ns: 1_000_000,
                    rto_ns: 219_500_000,
                }),
                "rtt 0.020000  srtt 0.019500  rttvar 0.001000  rto 0.219500",
            ),
            (Kind::Windows(Windows { snd_wnd: 65_535, rcv_wnd: 1 << 20 }), "windows snd 65535  rcv 1048576"),
            (Kind::PathMtu(PathMtu { mtu: 1280 }), "path mtu 1280"),
            (Kind::Urgent(Urgent { pointer: 7 }), "urgent data before 7"),
            (
                Kind::Neighbor(Neighbor {
                    address: "10.0.0.2".into(),
                    mac: "02:00:00:00:00:02".into(),
                    state: NeighborState::Reachable.into(),
                }),
                "neighbor 10.0.0.2 REACHABLE  02:00:00:00:00:02",
            ),
            (
                Kind::Neighbor(Neighbor {
                    address: "10.0.0.2".into(),
                    mac: String::new(),
                    state: NeighborState::Gone.into(),
                }),
                "neighbor 10.0.0.2 GONE",
            ),
            (
                Kind::AddressConflict(AddressConflict {
                    address: "10.0.0.1".into(),
                    mac: "02:00:00:00:00:02".into(),
                    lost: true,
                }),
                "address 10.0.0.1 is also at 02:00:00:00:00:02, and is not ours",
            ),
            (
                Kind::LinkChanged(LinkChanged { state: LinkState::Down.into(), mtu: 1500 }),
                "link down  mtu 1500",
            ),
            (
                Kind::StackFailed(StackFailed { message: "index\nout of bounds".into() }),
                r"stack failed: index\nout of bounds",
            ),
            (
                Kind::Draining(Draining { within: Some(prost_types::Duration { seconds: 3, nanos: 0 }) }),
                "the server ends within 3 s",
            ),
        ];
        for (kind, text) in cases {
            assert_eq!(shown("", kind), format!("0.001500 lab/b #3  {text}"));
        }
    }

    #[test]
    fn a_label_cannot_forge_a_line() {
        assert_eq!(
            shown("a\n\u{1b}[2J", Kind::Released(Released {})),
            r"0.001500 lab/b #3 a\n\u{1b}[2J  released"
        );
    }

    #[test]
    fn a_gap_tells_its_ends_and_why() {
        let hole = Gap {
            after: Some(Position { epoch: 7, seq: 12 }),
            through: Some(Position { epoch: 7, seq: 40 }),
            reason: GapReason::WatcherTooSlow.into(),
        };
        assert_eq!(missing(&hole), "events are missing: watcher-too-slow");
        assert_eq!(gap(&hole), "-- gap: the events after 7:12 through 7:40 are lost (watcher-too-slow)");
    }
}
