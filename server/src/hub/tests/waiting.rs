//! Waiting for what is, comes, or was.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use sockwright_engine::host::{DatagramInfo, SocketInfo};
use sockwright_engine::tcp::info::TcpInfo;
use sockwright_proto::v1::wait_for_request::Condition as Asked;

use super::super::wait::Current;
use super::*;
use crate::access::identity::IdentityId;
use crate::access::owner::no_session_of;
use crate::access::sight::Sight;
use crate::error::ERRNO_TRAILER;

type Answer = Result<pb::WaitForResponse, Status>;

const PATIENCE: Duration = Duration::from_secs(10);

fn states(states: &[pb::TcpState]) -> Asked {
    Asked::TcpStates(pb::TcpStates { states: states.iter().map(|state| i32::from(*state)).collect() })
}

fn event_kinds(kinds: &[pb::EventKind]) -> Asked {
    Asked::EventKinds(pb::EventKinds { kinds: kinds.iter().map(|kind| i32::from(*kind)).collect() })
}

fn request(socket: u64, condition: Asked, after: Option<Position>) -> pb::WaitForRequest {
    pb::WaitForRequest { socket, condition: Some(condition), after }
}

async fn nobody() -> Result<Option<Current>, Status> {
    panic!("the engine need not be asked")
}

async fn wait(hub: &Arc<Hub>, socket: u64, condition: Asked, after: Option<Position>) -> Answer {
    let answer = hub.wait_for(request(socket, condition, after), Sight::All, nobody);
    tokio::time::timeout(PATIENCE, answer).await.expect("waited in vain")
}

/// A wait that has begun and is waiting.
async fn begun(
    hub: &Arc<Hub>,
    socket: u64,
    condition: Asked,
    after: Option<Position>,
) -> tokio::task::JoinHandle<Answer> {
    let before = hub.lock().waiters.count;
    let there = Arc::clone(hub);
    let handle = tokio::spawn(async move { wait(&there, socket, condition, after).await });
    while hub.lock().waiters.count == before {
        assert!(!handle.is_finished(), "it did not wait");
        tokio::task::yield_now().await;
    }
    handle
}

fn seq(answer: &Answer) -> (Option<u64>, u64) {
    let answer = answer.as_ref().unwrap();
    (answer.event.as_ref().map(|event| event.seq), answer.at.as_ref().unwrap().seq)
}

fn errno(answer: Answer) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), status.metadata().get(ERRNO_TRAILER).unwrap().to_str().unwrap().to_owned())
}

fn tcp_info(receive_queue: u32, send_queue: u32) -> TcpInfo {
    TcpInfo { send_queue, receive_queue, ..TcpInfo::default() }
}

fn current(hub: &Hub, state: State, receive_queue: u32, send_queue: u32) -> Current {
    let info = SocketInfo {
        socket: SocketId(1),
        session: SessionId(0),
        label: "".into(),
        kind: SocketKind::Stream,
        family: Family::V4,
        socket_state: SocketState::Connected,
        tcp_state: Some(state),
        local: None,
        remote: None,
        listener: None,
        opened: Instant::ZERO,
        error: None,
        tcp: Some(tcp_info(receive_queue, send_queue)),
        queues: None,
        datagrams: None,
    };
    Current { info, at: hub.position() }
}

#[tokio::test]
async fn what_is_true_already_is_told_at_once_and_without_an_event() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, connect(1));
    let answer = wait(&hub, 1, states(&[pb::TcpState::Listen, pb::TcpState::Established]), None).await;
    assert_eq!(seq(&answer), (None, 5));
    assert_eq!(answer.unwrap().summary.unwrap().tcp_state(), pb::TcpState::Established);
    let connected = pb::SocketStates { states: vec![pb::SocketState::Connected.into()] };
    assert_eq!(seq(&wait(&hub, 1, Asked::SocketStates(connected), None).await), (None, 5));
}

#[tokio::test]
async fn what_comes_is_told_with_its_event() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, connect(1));
    let waits = begun(&hub, 1, states(&[pb::TcpState::CloseWait]), None).await;
    hub.publish(&stack, connect(2));
    hub.publish(&stack, [tcp(2, State::Established, State::CloseWait)]);
    hub.publish(
        &stack,
        [tcp(1, State::Established, State::CloseWait), tcp(1, State::CloseWait, State::LastAck)],
    );
    let answer = waits.await.unwrap();
    assert_eq!(seq(&answer), (Some(12), 12));
    // The socket as it is now, not as it was then.
    assert_eq!(answer.unwrap().summary.unwrap().tcp_state(), pb::TcpState::LastAck);
    assert_eq!(hub.lock().waiters.count, 0);
}

#[tokio::test]
async fn with_a_position_what_has_passed_counts() {
    let (hub, stack) = hub(HubConfig::default());
    let at = hub.publish(&stack, connect(1));
    let through = [
        tcp(1, State::Established, State::FinWait1),
        tcp(1, State::FinWait1, State::FinWait2),
        tcp(1, State::FinWait2, State::TimeWait),
        tcp(1, State::TimeWait, State::Closed),
        released(1),
    ];
    hub.publish(&stack, through);
    let fin_wait_2 = || states(&[pb::TcpState::FinWait2]);
    assert_eq!(seq(&wait(&hub, 1, fin_wait_2(), Some(at)).await), (Some(7), 7));
    assert_eq!(seq(&wait(&hub, 1, Asked::Released(true), Some(at)).await), (Some(10), 10));
    let kinds = event_kinds(&[pb::EventKind::Released, pb::EventKind::Failed]);
    assert_eq!(seq(&wait(&hub, 1, kinds, Some(at)).await), (Some(10), 10));
    // After it, or without a position, it cannot come true any more.
    let later = Some(hub.position_at(7));
    assert_eq!(
        errno(wait(&hub, 1, fin_wait_2(), later).await),
        (Code::FailedPrecondition, "ENOTCONN".into())
    );
    assert_eq!(errno(wait(&hub, 1, fin_wait_2(), None).await), (Code::FailedPrecondition, "ENOTCONN".into()));
    assert_eq!(seq(&wait(&hub, 1, Asked::Released(true), None).await), (None, 10));
}

#[tokio::test]
async fn with_a_position_and_nothing_after_it_the_present_counts() {
    let (hub, stack) = hub(HubConfig::default());
    let at = hub.publish(&stack, connect(1));
    let answer = wait(&hub, 1, states(&[pb::TcpState::Established]), Some(at)).await;
    assert_eq!(seq(&answer), (None, 5));
}

#[tokio::test]
async fn a_long_past_is_searched_to_its_end() {
    let (hub, stack) = hub(HubConfig::default());
    let at = hub.publish(&stack, connect(1));
    hub.publish(&stack, (2..20_000).map(opened));
    let last = hub.publish(&stack, [tcp(1, State::Established, State::CloseWait)]);
    let answer = wait(&hub, 1, states(&[pb::TcpState::CloseWait]), Some(at)).await;
    assert_eq!(seq(&answer), (Some(last.seq), last.seq));
}

#[tokio::test]
async fn a_position_that_cannot_be_searched_from_is_refused() {
    let (hub, stack) = hub(HubConfig { remember: 4, ..HubConfig::default() });
    hub.publish(&stack, connect(1));
    let established = || states(&[pb::TcpState::Established]);
    let out_of_range = (Code::OutOfRange, "EOVERFLOW".to_owned());
    assert_eq!(errno(wait(&hub, 1, established(), Some(hub.position_at(0))).await), out_of_range);
    let other = Position { epoch: hub.epoch() ^ 1, seq: 1 };
    assert_eq!(errno(wait(&hub, 1, established(), Some(other)).await), out_of_range);
    assert_eq!(seq(&wait(&hub, 1, established(), Some(hub.position_at(1))).await), (Some(4), 4));
    let future = wait(&hub, 1, established(), Some(hub.position_at(6))).await;
    assert_eq!(errno(future), (Code::InvalidArgument, "EINVAL".into()));
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, connect(1));
    let senseless = [
        states(&[]),
        states(&[pb::TcpState::Unspecified]),
        Asked::TcpStates(pb::TcpStates { states: vec![-1] }),
        Asked::SocketStates(pb::SocketStates { states: vec![99] }),
        event_kinds(&[]),
        Asked::AllAcknowledged(false),
        Asked::Released(false),
    ];
    for condition in senseless {
        assert_eq!(errno(wait(&hub, 1, condition, None).await), (Code::InvalidArgument, "EINVAL".into()));
    }
    let none = pb::WaitForRequest { socket: 1, ..Default::default() };
    assert_eq!(hub.wait_for(none, Sight::All, nobody).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(errno(wait(&hub, 9, Asked::Released(true), None).await), (Code::NotFound, "EBADF".into()));
}

#[tokio::test]
async fn a_release_ends_every_other_wait() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, connect(1));
    let waits = begun(&hub, 1, states(&[pb::TcpState::TimeWait]), None).await;
    let waits_for_it = begun(&hub, 1, Asked::Released(true), None).await;
    hub.publish(&stack, [released(1)]);
    assert_eq!(errno(waits.await.unwrap()), (Code::FailedPrecondition, "ENOTCONN".into()));
    assert_eq!(seq(&waits_for_it.await.unwrap()), (Some(6), 6));
}

#[tokio::test]
async fn a_wait_raises_interest_and_a_cancelled_one_lowers_it() {
    let (hub, stack) = hub(HubConfig { waiters: 1, ..HubConfig::default() });
    hub.publish(&stack, connect(1));
    let waits = begun(&hub, 1, event_kinds(&[pb::EventKind::Retransmission]), None).await;
    assert_eq!(hub.interest(), Interest::RETRANSMISSIONS);
    let one_more = wait(&hub, 1, Asked::Released(true), None).await;
    assert_eq!(errno(one_more), (Code::ResourceExhausted, "ENOBUFS".into()));
    waits.abort();
    assert!(waits.await.unwrap_err().is_cancelled());
    assert_eq!((hub.interest(), hub.lock().waiters.count), (Interest::NONE, 0));
}

#[tokio::test]
async fn readable_is_what_the_engine_says_and_then_what_events_say() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, connect(1));
    let ask = |queue| {
        let hub = &hub;
        move || async move {
            assert_eq!(hub.interest(), Interest::DATA, "interest comes before the question");
            Ok(Some(current(hub, State::Established, queue, 0)))
        }
    };
    let present = hub.wait_for(request(1, Asked::Readable(10), None), Sight::All, ask(10)).await;
    assert_eq!(seq(&present), (None, 5));

    // What arrives while the engine is being asked is not lost.
    let asked = AtomicU32::new(0);
    let late = || async {
        let answer = current(&hub, State::Established, 9, 0);
        if asked.fetch_add(1, Ordering::Relaxed) == 0 {
            hub.publish(&stack, [readable(1, 9), readable(1, 10), readable(1, 11)]);
        }
        Ok(Some(answer))
    };
    let answer = hub.wait_for(request(1, Asked::Readable(10), None), Sight::All, late).await;
    assert_eq!(seq(&answer), (Some(7), 7));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_engine_is_asked_again_when_something_may_have_changed() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, connect(1));
    let asked = AtomicU32::new(0);
    let ask = || async {
        let queue = asked.fetch_add(1, Ordering::Relaxed);
        hub.publish(&stack, [readable(1, 1)]);
        Ok(Some(current(&hub, State::Established, queue, 0)))
    };
    let answer = hub.wait_for(request(1, Asked::Readable(3), None), Sight::All, ask).await;
    assert_eq!(seq(&answer), (None, 9));
}

#[tokio::test]
async fn the_end_of_the_stream_is_readable() {
    let (hub, stack) = hub(HubConfig::default());
    let ask = |state| {
        let hub = &hub;
        move || async move { Ok(Some(current(hub, state, 0, 0))) }
    };
    hub.publish(&stack, connect(1));
    let present = hub.wait_for(request(1, Asked::Readable(1), None), Sight::All, ask(State::CloseWait)).await;
    assert_eq!(seq(&present), (None, 5));
    let at = hub.position();
    hub.publish(&stack, [tcp(1, State::Established, State::CloseWait)]);
    let past =
        hub.wait_for(request(1, Asked::Readable(1), Some(at)), Sight::All, ask(State::Established)).await;
    assert_eq!(seq(&past), (Some(6), 6));
}

#[tokio::test]
async fn listeners_and_datagram_sockets_are_readable_by_count() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, [opened(1)]);
    let at = hub.position();
    hub.publish(&stack, [event(1, EventKind::AcceptReady { child: SocketId(2), queued: 1 })]);
    hub.publish(&stack, [event(1, EventKind::AcceptReady { child: SocketId(3), queued: 2 })]);
    assert_eq!(seq(&wait(&hub, 1, Asked::Readable(2), Some(at)).await), (Some(3), 3));
    let ask = || async {
        let mut now = current(&hub, State::Established, 0, 0);
        now.info.tcp = None;
        now.info.datagrams = Some(DatagramInfo { queued: 2, queued_bytes: 9, overflows: 0 });
        Ok(Some(now))
    };
    assert_eq!(seq(&hub.wait_for(request(1, Asked::Readable(2), None), Sight::All, ask).await), (None, 3));
}

#[tokio::test]
async fn all_is_acknowledged_when_the_fin_is_too() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, connect(1));
    let acknowledged = |outstanding| event(1, EventKind::Acknowledged { bytes: 1, outstanding });
    let late = || async {
        let answer = current(&hub, State::Established, 0, 9);
        if hub.position().seq == 5 {
            hub.publish(&stack, [acknowledged(3), tcp(1, State::Established, State::FinWait1)]);
            hub.publish(&stack, [acknowledged(0), tcp(1, State::FinWait1, State::FinWait2)]);
        }
        Ok(Some(answer))
    };
    let answer = hub.wait_for(request(1, Asked::AllAcknowledged(true), None), Sight::All, late).await;
    assert_eq!(seq(&answer), (Some(9), 9));

    let ask = |state, queue| {
        let hub = &hub;
        move || async move { Ok(Some(current(hub, state, 0, queue))) }
    };
    let present = hub
        .wait_for(request(1, Asked::AllAcknowledged(true), None), Sight::All, ask(State::FinWait2, 0))
        .await;
    assert_eq!(seq(&present), (None, 9));
}

#[tokio::test]
async fn the_last_ack_may_be_the_end_of_the_socket_and_acknowledges_all() {
    for (cause, expected) in [(Flags::ACK, Ok((Some(6), 6))), (Flags::RST, Err(Code::FailedPrecondition))] {
        let (hub, stack) = hub(HubConfig::default());
        hub.publish(&stack, connect(1));
        let gone = || async {
            let closed = tcp_by(1, State::LastAck, State::Closed, Cause::Segment(cause));
            hub.publish(&stack, [closed, released(1)]);
            Ok(None)
        };
        let answer = hub.wait_for(request(1, Asked::AllAcknowledged(true), None), Sight::All, gone).await;
        let answer = answer.map_err(|status| status.code()).map(|answer| seq(&Ok(answer)));
        assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn what_failed_is_never_acknowledged() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, connect(1));
    hub.publish(&stack, [event(1, EventKind::Failed(Errno::ECONNRESET))]);
    let ask = || async { Ok(Some(current(&hub, State::Closed, 0, 0))) };
    let answer = hub.wait_for(request(1, Asked::AllAcknowledged(true), None), Sight::All, ask).await;
    assert_eq!(errno(answer), (Code::FailedPrecondition, "ENOTCONN".into()));
}

#[tokio::test]
async fn what_vanished_is_never_acknowledged() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, connect(1));
    let ask = || async {
        let mut now = current(&hub, State::Closed, 0, 0);
        (now.info.tcp, now.info.remote) = (None, Some(remote()));
        Ok(Some(now))
    };
    let answer = hub.wait_for(request(1, Asked::AllAcknowledged(true), None), Sight::All, ask).await;
    assert_eq!(errno(answer), (Code::FailedPrecondition, "ENOTCONN".into()));
}

#[tokio::test]
async fn an_error_of_the_engine_thread_ends_the_wait() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, connect(1));
    let gone = || async { Err(Status::unavailable("the stack is gone")) };
    let answer = hub.wait_for(request(1, Asked::Readable(1), None), Sight::All, gone).await;
    assert_eq!(answer.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_stopping_server_ends_all_waits() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, connect(1));
    let waits = begun(&hub, 1, Asked::Released(true), None).await;
    hub.shutdown();
    assert_eq!(waits.await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert_eq!(wait(&hub, 1, Asked::Released(true), None).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_wakeup_is_lost_however_wait_and_event_are_timed() {
    let (hub, stack) = hub(HubConfig::default());
    const SOCKETS: u64 = 2000;
    hub.publish(&stack, (1..=SOCKETS).map(opened));
    let there = Arc::clone(&hub);
    let player = std::thread::spawn(move || {
        for socket in 1..=SOCKETS {
            let at = there.publish(&stack, [tcp(socket, State::SynSent, State::Established)]);
            assert_eq!(at.seq, SOCKETS + socket);
            std::thread::yield_now();
        }
    });
    let waits: Vec<_> = (1..=SOCKETS)
        .map(|socket| {
            let hub = Arc::clone(&hub);
            tokio::spawn(async move { wait(&hub, socket, states(&[pb::TcpState::Established]), None).await })
        })
        .collect();
    for (index, waits) in waits.into_iter().enumerate() {
        let answer = waits.await.unwrap();
        let (event, at) = seq(&answer);
        assert!(event.is_none_or(|event| event == at && event == SOCKETS + index as u64 + 1));
    }
    player.join().unwrap();
    assert_eq!(hub.lock().waiters.count, 0);
}

#[tokio::test]
async fn what_somebody_does_not_see_is_not_there_for_him() {
    let (hub, stack) = hub(HubConfig::default());
    let stranger = Sight::Own(IdentityId(7));
    let refused = async |after| {
        let answer = hub.wait_for(request(1, Asked::Released(true), after), stranger, nobody);
        let (code, _) = errno(tokio::time::timeout(PATIENCE, answer).await.expect("he waits for it"));
        assert_eq!(code, Code::NotFound);
        assert_eq!(hub.lock().waiters.count, 0);
    };
    // It came between his being asked who he is and his waiting, or has gone again.
    let at = hub.publish(&stack, connect(1));
    refused(None).await;
    hub.publish(&stack, [released(1)]);
    refused(None).await;
    refused(Some(at)).await;

    hub.publish(&stack, connect(2));
    hub.reassign(SocketId(2), no_session_of(IdentityId(7)));
    let own = hub.wait_for(request(2, states(&[pb::TcpState::Established]), None), stranger, nobody);
    assert_eq!(seq(&own.await).0, None, "it is so now");
}
