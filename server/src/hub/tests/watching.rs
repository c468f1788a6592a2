//! Streams: snapshot, deltas, gaps, resumption, ends.

use sockwright_engine::event::{CongestionPhase, Interest, RecoveryCause, RecoveryPhase, UndoCause};

use super::*;

#[tokio::test]
async fn a_snapshot_comes_in_chunks_and_stays_as_it_was() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, (1..=600).map(opened));
    let mut stream = hub.watch(pb::WatchRequest::default()).unwrap();
    let first = snapshot(&mut stream).await;
    assert_eq!((first.0.len(), first.1, first.2), (256, false, 600));

    hub.publish(&stack, (1..=600).map(released));
    let second = snapshot(&mut stream).await;
    let third = snapshot(&mut stream).await;
    assert_eq!((second.0.len(), second.1, second.2), (256, false, 600));
    assert_eq!((third.0.len(), third.1, third.2), (88, true, 600));
    let all: Vec<u64> = [first.0, second.0, third.0].concat();
    assert_eq!(all, (1..=600).collect::<Vec<_>>());
    assert_eq!(numbers(&mut stream).await, (601..=856).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_empty_snapshot_comes_too() {
    let (hub, _) = hub(HubConfig::default());
    let mut stream = hub.watch(pb::WatchRequest::default()).unwrap();
    assert_eq!(snapshot(&mut stream).await, (vec![], true, 0));
}

#[tokio::test]
async fn events_tell_the_session_and_label_that_were_told_once() {
    let (hub, stack) = hub(HubConfig::default());
    let mut stream = hub.watch(pb::WatchRequest::default()).unwrap();
    snapshot(&mut stream).await;
    hub.publish(&stack, [opened(7), named(7), released(7)]);
    let Part::Events(batch) = part(&mut stream).await else { panic!() };
    assert_eq!(batch.epoch, hub.epoch());
    for event in &batch.events {
        assert_eq!((event.socket, event.session.as_str(), event.label.as_str()), (7, "s-1", "label 2"));
        assert_eq!((event.stack.as_str(), event.time_ns), ("lab/a", 7));
    }
}

#[tokio::test]
async fn events_of_several_sockets_at_once_are_each_told_of_their_own() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, [opened(1), opened(2)]);
    let filter = kinds(&[pb::EventKind::Readable]);
    let mut stream = hub.watch(pb::WatchRequest { filter, ..Default::default() }).unwrap();
    snapshot(&mut stream).await;
    hub.publish(&stack, [readable(1, 1), readable(2, 1), readable(2, 2), readable(1, 2)]);
    let Part::Events(batch) = part(&mut stream).await else { panic!("there are events") };
    let told: Vec<_> =
        batch.events.iter().map(|event| (event.socket, &*event.session, &*event.label)).collect();
    let [one, two] = [(1, "s-1", "label 1"), (2, "s-2", "label 2")];
    assert_eq!(told, [one, two, two, one]);
}

#[tokio::test]
async fn a_filter_leaves_holes() {
    let (hub, stack) = hub(HubConfig::default());
    let filter = pb::Filter { sockets: vec![2], ..Default::default() };
    let mut stream = hub.watch(pb::WatchRequest { filter: Some(filter), ..Default::default() }).unwrap();
    snapshot(&mut stream).await;
    // Readable is told only to those who ask for it.
    hub.publish(&stack, [opened(1), opened(2), named(1), readable(2, 1), named(2), released(1)]);
    assert_eq!(numbers(&mut stream).await, [2, 5]);
}

#[tokio::test]
async fn a_state_filter_matches_the_state_after_the_event() {
    let (hub, stack) = hub(HubConfig::default());
    let tcp_states = vec![pb::TcpState::Established.into()];
    let filter = pb::Filter { tcp_states, ..Default::default() };
    let mut stream = hub.watch(pb::WatchRequest { filter: Some(filter), ..Default::default() }).unwrap();
    snapshot(&mut stream).await;
    hub.publish(&stack, connect(1));
    hub.publish(&stack, [tcp(1, State::Established, State::CloseWait), named(1)]);
    assert_eq!(numbers(&mut stream).await, [4, 5]);
}

#[tokio::test]
async fn a_slow_lossless_watcher_gets_a_gap_and_the_end() {
    let (hub, stack) = hub(HubConfig::default());
    let request = pb::WatchRequest { queue_limit: 10, ..Default::default() };
    let mut stream = hub.watch(request).unwrap();
    snapshot(&mut stream).await;
    hub.publish(&stack, (1..=10).map(opened));
    assert_eq!(numbers(&mut stream).await, (1..=10).collect::<Vec<_>>());
    hub.publish(&stack, (11..=21).map(opened));
    assert_eq!(gap(&mut stream).await, (10, 21, pb::GapReason::WatcherTooSlow));
    assert_eq!(end(&mut stream).await, Code::ResourceExhausted);
}

/// What is read only when it is sent counts as waiting all the same.
#[tokio::test]
async fn a_limit_of_more_than_one_response_is_kept_to() {
    let (hub, stack) = hub(HubConfig::default());
    let request = pb::WatchRequest { queue_limit: 600, ..Default::default() };
    let mut stream = hub.watch(request).unwrap();
    snapshot(&mut stream).await;
    hub.publish(&stack, (1..=600).map(opened));
    let mut told = Vec::new();
    while told.len() < 600 {
        told.extend(numbers(&mut stream).await);
    }
    assert_eq!(told, (1..=600).collect::<Vec<_>>());
    hub.publish(&stack, (601..=1201).map(opened));
    assert_eq!(gap(&mut stream).await, (600, 1201, pb::GapReason::WatcherTooSlow));
    assert_eq!(end(&mut stream).await, Code::ResourceExhausted);
}

#[tokio::test]
async fn events_that_are_not_admitted_do_not_fill_the_queue() {
    let (hub, stack) = hub(HubConfig::default());
    let filter = pb::Filter { sockets: vec![99], ..Default::default() };
    let request = pb::WatchRequest { filter: Some(filter), queue_limit: 1, ..Default::default() };
    let mut stream = hub.watch(request).unwrap();
    snapshot(&mut stream).await;
    hub.publish(&stack, (1..=5000).map(opened));
    assert_eq!(numbers(&mut stream).await, [99]);
}

#[tokio::test]
async fn who_is_overrun_by_the_ring_has_fallen_behind_whatever_the_filter() {
    let (hub, stack) = hub(HubConfig { remember: 8, ..HubConfig::default() });
    let filter = pb::Filter { sockets: vec![99], ..Default::default() };
    let mut stream = hub.watch(pb::WatchRequest { filter: Some(filter), ..Default::default() }).unwrap();
    snapshot(&mut stream).await;
    hub.publish(&stack, (1..=9).map(opened));
    assert_eq!(gap(&mut stream).await, (0, 9, pb::GapReason::WatcherTooSlow));
    assert_eq!(end(&mut stream).await, Code::ResourceExhausted);
}

#[tokio::test]
async fn a_slow_conflated_watcher_goes_on_from_a_new_snapshot() {
    let (hub, stack) = hub(HubConfig { remember: 8, ..HubConfig::default() });
    let mut stream = hub.watch(conflated()).unwrap();
    snapshot(&mut stream).await;
    hub.publish(&stack, (1..=9).map(opened));
    hub.publish(&stack, [released(1)]);
    assert_eq!(gap(&mut stream).await, (0, 10, pb::GapReason::WatcherTooSlow));
    assert_eq!(snapshot(&mut stream).await, ((2..=9).collect(), true, 10));
    hub.publish(&stack, [released(2)]);
    assert_eq!(numbers(&mut stream).await, [11]);
}

#[tokio::test]
async fn conflation_keeps_the_last_state_and_the_end() {
    let (hub, stack) = hub(HubConfig::default());
    let mut stream = hub.watch(conflated()).unwrap();
    snapshot(&mut stream).await;
    hub.publish(&stack, connect(1));
    hub.publish(
        &stack,
        [tcp(1, State::Established, State::CloseWait), tcp(1, State::CloseWait, State::Closed)],
    );
    hub.publish(&stack, [released(1)]);
    // Opened, Named, the socket's state, the last of four TCP states, Released.
    assert_eq!(numbers(&mut stream).await, [1, 2, 5, 7, 8]);
}

#[tokio::test]
async fn a_watch_resumes_exactly_where_it_was() {
    let (hub, stack) = hub(HubConfig::default());
    let at = hub.publish(&stack, connect(1));
    hub.publish(&stack, connect(2));
    for seq in 0..=10 {
        let resume = Some(hub.position_at(seq));
        let mut stream = hub.watch(pb::WatchRequest { resume, ..Default::default() }).unwrap();
        if seq == 10 {
            hub.publish(&stack, [released(1)]);
            assert_eq!(numbers(&mut stream).await, [11]);
        } else {
            assert_eq!(numbers(&mut stream).await, (seq + 1..=10).collect::<Vec<_>>());
        }
    }
    assert_eq!(at, hub.position_at(5));
}

#[tokio::test]
async fn catching_up_is_not_falling_behind() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, (1..=1000).map(opened));
    let resume = Some(hub.position_at(0));
    let mut stream = hub.watch(pb::WatchRequest { resume, queue_limit: 3, ..Default::default() }).unwrap();
    hub.publish(&stack, [opened(1001), opened(1002)]);
    let mut told = Vec::new();
    while told.len() < 1002 {
        told.extend(numbers(&mut stream).await);
    }
    assert_eq!(told, (1..=1002).collect::<Vec<_>>());
    hub.publish(&stack, (1003..=1006).map(opened));
    assert_eq!(gap(&mut stream).await, (1002, 1006, pb::GapReason::WatcherTooSlow));
}

#[tokio::test]
async fn resuming_at_a_forgotten_position_begins_with_a_gap_and_a_snapshot() {
    for delivery in [pb::Delivery::Lossless, pb::Delivery::Conflate] {
        let (hub, stack) = hub(HubConfig { remember: 4, ..HubConfig::default() });
        hub.publish(&stack, (1..=9).map(opened));
        let resume = Some(hub.position_at(4));
        let request = pb::WatchRequest { resume, delivery: delivery.into(), ..Default::default() };
        let mut stream = hub.watch(request).unwrap();
        assert_eq!(gap(&mut stream).await, (4, 9, pb::GapReason::Forgotten));
        assert_eq!(snapshot(&mut stream).await, ((1..=9).collect(), true, 9));
        hub.publish(&stack, [opened(10)]);
        assert_eq!(numbers(&mut stream).await, [10]);
        let resume = Some(hub.position_at(6));
        let mut stream = hub.watch(pb::WatchRequest { resume, ..Default::default() }).unwrap();
        assert_eq!(numbers(&mut stream).await, [7, 8, 9, 10]);
    }
}

#[tokio::test]
async fn a_position_of_another_epoch_begins_with_a_gap_and_a_snapshot() {
    let (hub, stack) = hub(HubConfig::default());
    hub.publish(&stack, [opened(1)]);
    let resume = Some(Position { epoch: hub.epoch() ^ 1, seq: 77 });
    let mut stream = hub.watch(pb::WatchRequest { resume, ..Default::default() }).unwrap();
    assert_eq!(gap(&mut stream).await, (77, 1, pb::GapReason::OtherEpoch));
    assert_eq!(snapshot(&mut stream).await, (vec![1], true, 1));
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let (hub, _) = hub(HubConfig::default());
    let refused = |request| hub.watch(request).unwrap_err();
    let resume = Some(hub.position_at(1));
    let future = refused(pb::WatchRequest { resume, ..Default::default() });
    assert_eq!(future.code(), Code::InvalidArgument);
    assert_eq!(refused(pb::WatchRequest { delivery: 9, ..Default::default() }).code(), Code::InvalidArgument);
    let fields = [
        ("filter.sessions", pb::Filter { sessions: vec!["x".into()], ..Default::default() }),
        ("filter.addresses", pb::Filter { addresses: vec!["192.0.2".into()], ..Default::default() }),
        ("filter.ports", pb::Filter { ports: vec![65_536], ..Default::default() }),
        ("filter.tcp_states", pb::Filter { tcp_states: vec![99], ..Default::default() }),
        ("filter.kinds", pb::Filter { kinds: vec![-1], ..Default::default() }),
        ("filter.sockets", pb::Filter { sockets: vec![1; 4097], ..Default::default() }),
    ];
    for (field, filter) in fields {
        let status = refused(pb::WatchRequest { filter: Some(filter), ..Default::default() });
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(field), "{}", status.message());
    }
}

#[tokio::test]
async fn a_dropped_watch_frees_its_place_and_its_interest() {
    let (hub, _) = hub(HubConfig { watchers: 1, ..HubConfig::default() });
    let request = || pb::WatchRequest { filter: kinds(&[pb::EventKind::SegmentSent]), ..Default::default() };
    let stream = hub.watch(request()).unwrap();
    assert_eq!(hub.interest(), Interest::SEGMENTS);
    assert_eq!(hub.watch(conflated()).unwrap_err().code(), Code::ResourceExhausted);
    drop(stream);
    assert_eq!(hub.interest(), Interest::NONE);
    assert!(hub.watch(request()).is_ok());
    assert_eq!(hub.interest(), Interest::NONE);
}

#[tokio::test]
async fn a_watcher_that_does_not_read_holds_up_nobody() {
    let (hub, stack) = hub(HubConfig { remember: 100, ..HubConfig::default() });
    let mut idle = hub.watch(pb::WatchRequest::default()).unwrap();
    let mut keen = hub.watch(pb::WatchRequest::default()).unwrap();
    snapshot(&mut keen).await;
    for socket in 1..=1000 {
        hub.publish(&stack, [opened(socket)]);
        assert_eq!(numbers(&mut keen).await, [socket]);
    }
    assert_eq!(snapshot(&mut idle).await, (vec![], true, 0));
    assert_eq!(gap(&mut idle).await, (0, 1000, pb::GapReason::WatcherTooSlow));
}

#[tokio::test]
async fn a_stopping_server_sends_what_there_is_and_ends_the_streams() {
    let (hub, stack) = hub(HubConfig::default());
    let mut reads = hub.watch(pb::WatchRequest::default()).unwrap();
    let mut waits = hub.watch(conflated()).unwrap();
    snapshot(&mut reads).await;
    snapshot(&mut waits).await;
    let waiting = tokio::spawn(async move { end(&mut waits).await });
    tokio::task::yield_now().await;
    hub.shutdown();
    assert_eq!(waiting.await.unwrap(), Code::Unavailable);
    hub.publish(&stack, [opened(1)]);
    assert_eq!(numbers(&mut reads).await, [1]);
    assert_eq!(end(&mut reads).await, Code::Unavailable);
    assert_eq!(hub.watch(conflated()).unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn frames_lost_by_links_belong_to_a_stack_and_to_no_socket() {
    let (hub, stack) = hub(HubConfig::default());
    let stacks = vec!["lab/a".to_owned()];
    let filter = pb::Filter { stacks, ..kinds(&[pb::EventKind::FrameLost]).unwrap() };
    let mut stream = hub.watch(pb::WatchRequest { filter: Some(filter), ..Default::default() }).unwrap();
    assert!(hub.wants_frame_losses());
    snapshot(&mut stream).await;
    let lost =
        HubEvent::FrameLost { at: Instant::from_nanos(5), what: "LOST", text: "S 0:0(0)".into(), frames: 1 };
    hub.publish(&"lab/b".into(), [lost.clone()]);
    hub.publish(&stack, [lost]);
    let Part::Events(batch) = part(&mut stream).await else { panic!() };
    let expected = pb::FrameLost { what: "LOST".into(), text: "S 0:0(0)".into(), frames: 1 };
    assert_eq!((batch.events.len(), batch.events[0].seq, batch.events[0].socket), (1, 2, 0));
    assert_eq!(batch.events[0].kind, Some(pb::event::Kind::FrameLost(expected)));
}

#[tokio::test]
async fn what_the_sender_goes_through_is_told_to_those_who_ask_for_it() {
    use pb::event::Kind;
    let ms = std::time::Duration::from_millis;
    let (from, to) = (RecoveryPhase::Disorder, RecoveryPhase::Recovery);
    let cases = [
        (
            EventKind::Recovery { from, to, cause: RecoveryCause::Rack },
            pb::EventKind::Recovery,
            Interest::RECOVERY,
            Kind::Recovery(pb::Recovery {
                from: pb::RecoveryPhase::Disorder.into(),
                to: pb::RecoveryPhase::Recovery.into(),
                cause: pb::RecoveryCause::Rack.into(),
            }),
        ),
        (
            EventKind::Undo(UndoCause::Timestamp),
            pb::EventKind::Undo,
            Interest::RECOVERY,
            Kind::Undo(pb::Undo { cause: pb::UndoCause::Timestamp.into() }),
        ),
        (
            EventKind::Congestion { cwnd: 7, ssthresh: 5, phase: CongestionPhase::ProbeRtt },
            pb::EventKind::Congestion,
            Interest::CONGESTION,
            Kind::Congestion(pb::Congestion {
                cwnd: 7,
                ssthresh: 5,
                phase: pb::CongestionPhase::ProbeRtt.into(),
            }),
        ),
        (
            EventKind::RttSample { rtt: ms(1), srtt: ms(2), rttvar: ms(3), rto: ms(4) },
            pb::EventKind::RttSample,
            Interest::RTT,
            Kind::RttSample(pb::RttSample {
                rtt_ns: 1_000_000,
                srtt_ns: 2_000_000,
                rttvar_ns: 3_000_000,
                rto_ns: 4_000_000,
            }),
        ),
        (
            EventKind::Windows { snd_wnd: 1, rcv_wnd: 2 },
            pb::EventKind::Windows,
            Interest::WINDOWS,
            Kind::Windows(pb::Windows { snd_wnd: 1, rcv_wnd: 2 }),
        ),
        (
            EventKind::PathMtu { mtu: 1280 },
            pb::EventKind::PathMtu,
            Interest::NONE,
            Kind::PathMtu(pb::PathMtu { mtu: 1280 }),
        ),
        (
            EventKind::Urgent { pointer: 9 },
            pb::EventKind::Urgent,
            Interest::NONE,
            Kind::Urgent(pb::Urgent { pointer: 9 }),
        ),
    ];
    let (hub, stack) = hub(HubConfig::default());
    for (_, wanted, interest, _) in &cases {
        let watch = hub.watch(pb::WatchRequest { filter: kinds(&[*wanted]), ..Default::default() }).unwrap();
        assert_eq!(hub.interest(), *interest, "{wanted:?}");
        drop(watch);
    }
    for (happened, wanted, _, told) in &cases {
        let request = pb::WatchRequest { filter: kinds(&[*wanted]), ..Default::default() };
        let mut stream = hub.watch(request).unwrap();
        snapshot(&mut stream).await;
        hub.publish(&stack, cases.iter().map(|(kind, ..)| event(1, kind.clone())));
        let Part::Events(batch) = part(&mut stream).await else { panic!("{happened:?}") };
        let kinds: Vec<_> = batch.events.iter().map(|event| event.kind.as_ref()).collect();
        assert_eq!(kinds, [Some(told)]);
    }
}

/// Events that are told as they are, however often they come.
fn hits(count: u64) -> impl Iterator<Item = HubEvent> {
    (0..count).map(|_| event(1, EventKind::LimitHit(sockwright_engine::limits::Limit::Sockets)))
}

#[tokio::test]
async fn where_too_much_waits_for_all_who_has_more_than_its_share_has_fallen_behind() {
    let (hub, stack) = hub(HubConfig { watcher_bytes: 40_000, ..HubConfig::default() });
    let mut whole = hub.watch(conflated()).unwrap();
    let mut quick = hub.watch(pb::WatchRequest::default()).unwrap();
    for stream in [&mut whole, &mut quick] {
        snapshot(stream).await;
    }
    // One that conflates looks at all that there is.
    let last = hub.publish(&stack, hits(5000)).seq;
    assert_eq!(gap(&mut whole).await, (0, last, pb::GapReason::WatcherTooSlow));
    assert_eq!(snapshot(&mut whole).await, (vec![], true, last));
    // One that sees each takes what it is sent next, and loses nothing.
    let mut seen = Vec::new();
    while seen.len() < 5000 {
        seen.extend(numbers(&mut quick).await);
        assert!(hub.figures().waiting_bytes < 40_000);
    }
    assert_eq!(seen, (1..=last).collect::<Vec<_>>());
    drop((whole, quick));
    assert_eq!(hub.figures().waiting_bytes, 0);
}
