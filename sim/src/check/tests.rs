//! The judges are judged: each law is shown a wrong event and must object, and a right one and must not.

use std::net::SocketAddr;
use std::time::Duration;

use sockwright_engine::event::{Cause, Event, EventKind, SegmentRecord, TimerAction};
use sockwright_engine::host::op::{Call, Family, SocketKind};
use sockwright_engine::id::{SessionId, SocketId};
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::tcp::state::State;
use sockwright_engine::tcp::timers::TimerKind;
use sockwright_engine::time::Instant;
use sockwright_engine::wire::{Flags, IpHeader, Protocol, TcpOptions, TcpSegment, TcpSummary};

use super::{
    Violation, frames::Frames, lifetimes::Lifetimes, states::States, timers::Timers, windows::Windows,
};
use crate::world::StackId;

const STACK: StackId = StackId(0);
const SOCKET: SocketId = SocketId(1);
const S: Flags = Flags::SYN;
const A: Flags = Flags::ACK;

fn local() -> SocketAddr {
    "10.0.0.1:1000".parse().unwrap()
}

fn remote() -> SocketAddr {
    "10.0.0.2:80".parse().unwrap()
}

fn at_ms(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

fn event(at: Instant, kind: EventKind) -> Event {
    Event { at, socket: Some(SOCKET), kind }
}

fn opened(listener: Option<SocketId>) -> EventKind {
    let (kind, family, session) = (SocketKind::Stream, Family::V4, SessionId(0));
    EventKind::Opened { kind, family, session, label: "".into(), listener }
}

fn transition(from: State, to: State, cause: Cause) -> EventKind {
    EventKind::TcpState { from, to, cause, local: local(), remote: None }
}

/// The law that the last of `kinds` breaks; the others break none.
fn last_breaks<C>(
    mut law: C,
    mut check: impl FnMut(&mut C, Event) -> Result<(), Violation>,
    kinds: Vec<(Instant, EventKind)>,
) -> Option<&'static str> {
    let count = kinds.len();
    for (index, (at, kind)) in kinds.into_iter().enumerate() {
        let result = check(&mut law, event(at, kind.clone()));
        if index + 1 == count {
            return result.err().map(|violation| violation.law);
        }
        assert_eq!(result, Ok(()), "event {index}: {kind:?}");
    }
    None
}

fn lifetimes(kinds: Vec<(Instant, EventKind)>) -> Option<&'static str> {
    last_breaks(Lifetimes::default(), |law, event| law.event(at_ms(1), STACK, &event), kinds)
}

fn states(kinds: Vec<EventKind>) -> Option<&'static str> {
    let kinds = kinds.into_iter().map(|kind| (at_ms(1), kind)).collect();
    last_breaks(States::default(), |law, event| law.event(STACK, &event), kinds)
}

fn timers(kinds: Vec<(Instant, EventKind)>) -> Option<&'static str> {
    let mut law = Timers::default();
    law.note_msl(STACK, SOCKET, Duration::from_millis(50));
    last_breaks(law, |law, event| law.event(STACK, &event), kinds)
}

fn windows(kinds: Vec<EventKind>) -> Option<&'static str> {
    let kinds = kinds.into_iter().map(|kind| (at_ms(1), kind)).collect();
    last_breaks(Windows::default(), |law, event| law.event(STACK, &event), kinds)
}

#[test]
fn an_event_from_another_time_is_seen() {
    assert_eq!(lifetimes(vec![(at_ms(1), opened(None))]), None);
    assert_eq!(lifetimes(vec![(at_ms(2), opened(None))]), Some("an event is told when it happens"));
}

#[test]
fn an_event_outside_a_sockets_life_is_seen() {
    let at = at_ms(1);
    let released = EventKind::Released;
    let life = vec![(at, opened(None)), (at, released.clone())];
    assert_eq!(lifetimes(life.clone()), None);
    let after = [life.clone(), vec![(at, sent(segment(A, 1, 1, 0)))]].concat();
    assert_eq!(lifetimes(after), Some("after Released there is nothing"));
    let twice = vec![(at, opened(None)), (at, opened(None))];
    assert_eq!(lifetimes(twice), Some("a socket opens once"));
    assert_eq!(lifetimes(vec![(at, released)]), Some("a socket opens before anything happens to it"));
}

#[test]
fn a_transition_that_is_not_in_the_table_is_seen() {
    let connect = Cause::Call(Call::Connect);
    let right = transition(State::Closed, State::SynSent, connect);
    assert_eq!(states(vec![opened(None), right.clone()]), None);
    let wrong = transition(State::Closed, State::Established, connect);
    assert_eq!(states(vec![opened(None), wrong]), Some("every transition is in the table"));
    let by_timer = transition(State::Closed, State::SynSent, Cause::Timer(TimerKind::TimeWait));
    assert_eq!(states(vec![opened(None), by_timer]), Some("every transition is in the table"));
    let reset = transition(State::SynSent, State::Established, Cause::Segment(Flags::RST));
    assert_eq!(states(vec![opened(None), right, reset]), Some("every transition is in the table"));
}

#[test]
fn a_transition_from_another_state_is_seen() {
    let first = transition(State::Listen, State::SynReceived, Cause::Segment(S));
    assert_eq!(states(vec![opened(Some(SocketId(9))), first.clone()]), None);
    assert_eq!(states(vec![opened(None), first]), Some("a transition begins where the one before ended"));
}

#[test]
fn a_timer_that_fires_at_another_time_is_seen() {
    let timer = |action| EventKind::Timer { timer: TimerKind::Retransmit, action };
    let started = |at, until| (at_ms(at), timer(TimerAction::Started(at_ms(until))));
    let fired = |at| (at_ms(at), timer(TimerAction::Fired));
    assert_eq!(timers(vec![started(1, 5), fired(5)]), None);
    assert_eq!(timers(vec![started(1, 5), fired(6)]), Some("a timer fires when it said"));
    assert_eq!(timers(vec![fired(6)]), Some("a timer fires when it said"));
    assert_eq!(timers(vec![started(5, 1)]), Some("a timer ends in the future"));
    let stopped = (at_ms(2), timer(TimerAction::Stopped));
    assert_eq!(timers(vec![started(1, 5), stopped, fired(5)]), Some("a timer fires when it said"));
}

#[test]
fn a_clock_that_leaps_over_a_timer_excuses_it_at_once_and_then_no_more() {
    let timer = |action| EventKind::Timer { timer: TimerKind::Retransmit, action };
    let told = |started, until, fired| {
        let mut law = Timers::default();
        law.leaps(STACK, at_ms(4), at_ms(100));
        let kinds = vec![
            (at_ms(started), timer(TimerAction::Started(at_ms(until)))),
            (at_ms(fired), timer(TimerAction::Fired)),
        ];
        last_breaks(law, |law, event| law.event(STACK, &event), kinds)
    };
    const LAW: Option<&str> = Some("a timer fires when it said");
    assert_eq!([told(1, 5, 100), told(1, 100, 100), told(100, 120, 120)], [None; 3]);
    assert_eq!([told(1, 5, 101), told(1, 4, 100), told(100, 120, 100)], [LAW; 3]);
}

#[test]
fn a_short_or_long_time_wait_is_seen() {
    let enter = (at_ms(0), transition(State::FinWait2, State::TimeWait, Cause::Segment(Flags::FIN)));
    let timer = EventKind::Timer { timer: TimerKind::TimeWait, action: TimerAction::Started(at_ms(130)) };
    let leave = |at| {
        let cause = Cause::Timer(TimerKind::TimeWait);
        (at_ms(at), transition(State::TimeWait, State::Closed, cause))
    };
    assert_eq!(timers(vec![enter.clone(), leave(100)]), None);
    assert_eq!(timers(vec![enter.clone(), leave(99)]), Some("TIME-WAIT lasts 2·MSL"));
    assert_eq!(timers(vec![enter.clone(), leave(101)]), Some("TIME-WAIT lasts 2·MSL"));
    assert_eq!(timers(vec![enter.clone(), (at_ms(30), timer.clone()), leave(130)]), None);
    assert_eq!(
        timers(vec![enter.clone(), (at_ms(30), timer.clone()), leave(100)]),
        Some("TIME-WAIT lasts 2·MSL")
    );
    let fin = |at| (at_ms(at), received(segment(Flags::FIN | A, 7, 1, 0)));
    assert_eq!(timers(vec![fin(0), enter.clone(), fin(30), (at_ms(30), timer), leave(130)]), None);
    assert_eq!(timers(vec![fin(0), enter, fin(30), leave(100)]), Some("TIME-WAIT lasts 2·MSL"));
}

fn segment(flags: Flags, seq: u32, ack: u32, len: u32) -> TcpSummary {
    TcpSummary {
        flags,
        seq: Seq(seq),
        ack: Seq(ack),
        window: 1000,
        len,
        urgent: 0,
        options: TcpOptions::NONE,
    }
}

fn with_window(window: u16, segment: TcpSummary) -> TcpSummary {
    TcpSummary { window, ..segment }
}

fn sent(summary: TcpSummary) -> EventKind {
    let (source, destination) = (local(), remote());
    EventKind::SegmentSent(Box::new(SegmentRecord { source, destination, summary, relative: None }))
}

fn received(summary: TcpSummary) -> EventKind {
    let (source, destination) = (remote(), local());
    EventKind::SegmentReceived(Box::new(SegmentRecord { source, destination, summary, relative: None }))
}

/// An active open: our ISN is u32::MAX, the peer's 500; both windows are 1000.
fn handshake(then: impl IntoIterator<Item = EventKind>) -> Vec<EventKind> {
    let iss = u32::MAX;
    let mut kinds =
        vec![sent(segment(S, iss, 0, 0)), received(segment(S | A, 500, 0, 0)), sent(segment(A, 0, 501, 0))];
    kinds.extend(then);
    kinds
}

#[test]
fn data_beyond_the_window_is_seen() {
    let (full, over) = (segment(A, 0, 501, 500), segment(A, 500, 501, 501));
    assert_eq!(windows(handshake([sent(full), sent(segment(A, 500, 501, 500))])), None);
    assert_eq!(
        windows(handshake([sent(full), sent(over)])),
        Some("no data is sent beyond the window"),
        "an octet too many"
    );
    let probe = segment(A, 1000, 501, 1);
    assert_eq!(windows(handshake([sent(full), sent(segment(A, 500, 501, 500)), sent(probe)])), None);
    let opened = received(with_window(1001, segment(A, 501, 0, 0)));
    assert_eq!(windows(handshake([opened, sent(full), sent(over)])), None);
}

#[test]
fn skipped_sequence_numbers_are_seen() {
    assert_eq!(windows(handshake([sent(segment(A, 1, 501, 5))])), Some("nothing is skipped"));
}

#[test]
fn a_segment_above_the_mss_is_seen() {
    let wide = received(with_window(2000, segment(A, 501, 0, 0)));
    let law = windows(handshake([wide, sent(segment(A, 0, 501, 537))]));
    assert_eq!(law, Some("no segment is larger than the peer's MSS"));
}

#[test]
fn an_acknowledgment_that_goes_back_is_seen() {
    let came = received(segment(A, 501, 0, 10));
    let ack = |ack, window| sent(with_window(window, segment(A, 0, ack, 0)));
    assert_eq!(windows(handshake([came.clone(), ack(511, 990)])), None);
    assert_eq!(
        windows(handshake([came, ack(511, 990), ack(510, 991)])),
        Some("the acknowledgment never decreases")
    );
}

#[test]
fn an_acknowledgment_of_what_never_came_is_seen() {
    let law = windows(handshake([sent(segment(A, 0, 502, 0))]));
    assert_eq!(law, Some("only what came is acknowledged"));
}

#[test]
fn what_came_with_the_syn_may_be_acknowledged_with_it_and_no_more() {
    const LAW: Option<&str> = Some("only what came is acknowledged");
    let acknowledges = |ack, came: &[(u64, u32, u32)]| {
        let came = came.iter().map(|&(at, seq, len)| (at_ms(at), received(segment(A, seq, 0, len))));
        let mut kinds = vec![(at_ms(0), sent(segment(S, u32::MAX, 0, 0)))];
        kinds.extend(came);
        kinds.insert(kinds.len() - 1, (at_ms(5), received(segment(S | A, 500, 0, 0))));
        kinds.push((at_ms(5), sent(segment(A, 0, ack, 0))));
        last_breaks(Windows::default(), |law, event| law.event(STACK, &event), kinds)
    };
    let (before, together) = ((4, 501, 100), (5, 501, 10));
    assert_eq!([acknowledges(501, &[together]), acknowledges(511, &[before, together])], [None; 2]);
    assert_eq!([acknowledges(512, &[together]), acknowledges(601, &[before, together])], [LAW; 2]);
}

#[test]
fn a_window_taken_back_is_seen() {
    let law = windows(handshake([sent(with_window(999, segment(A, 0, 501, 0)))]));
    assert_eq!(law, Some("the right edge never moves left"));
}

#[test]
fn a_war_of_acknowledgments_is_seen() {
    let ack = sent(segment(A, 0, 501, 0));
    assert_eq!(windows(handshake(vec![ack.clone(); 4_999])), None);
    assert_eq!(windows(handshake(vec![ack; 5_000])), Some("no war of acknowledgments"));
}

#[test]
fn a_frame_that_no_event_told_of_is_seen() {
    let frame = |segment: TcpSegment<'_>| {
        let (src, dst) = (local().ip(), remote().ip());
        let header = IpHeader {
            src,
            dst,
            protocol: Protocol::Tcp,
            hop_limit: 64,
            ecn: 0,
            dscp: 0,
            ident: 0,
            options: Default::default(),
        };
        let mut frame = Vec::new();
        header.emit(segment.len(), &mut frame);
        segment.emit(src, dst, &mut frame);
        frame
    };
    let segment = TcpSegment { src_port: 1000, dst_port: 80, flags: S, payload: b"x", ..Default::default() };
    let told = event(at_ms(0), sent(segment.summary()));
    let law = |mut frames: Frames, frame: &[u8], mtu| {
        frames.event(STACK, &told);
        frames.frame(STACK, frame, mtu).err().map(|violation| violation.law)
    };
    let right = frame(segment);
    assert_eq!(law(Frames::default(), &right, 1500), None);
    assert_eq!(law(Frames::default(), &right, right.len() - 1), Some("a frame fits the link"));
    let other = frame(TcpSegment { seq: Seq(1), ..segment });
    assert_eq!(law(Frames::default(), &other, 1500), Some("what is sent is told"));
    let mut corrupt = right;
    *corrupt.last_mut().unwrap() ^= 1;
    assert_eq!(law(Frames::default(), &corrupt, 1500), Some("a frame can be read"));
}
