//! Connections as their events tell them, beside a real server.

use std::collections::BTreeMap;

use crate::common::{World, listener, socket};
use crate::labs::{close, connection, lab, lab_with, transfer};
use sockwright_client::connection::curves::{round_trips, windows};
use sockwright_client::connection::flights::{Fate, flights};
use sockwright_client::connection::following::Moved;
use sockwright_client::connection::ladder::{Rung, What, ladder};
use sockwright_client::connection::road::road;
use sockwright_client::connection::timers::timers;
use sockwright_client::connection::{Connection, Following, Side};
use sockwright_client::v1::event::Kind;
use sockwright_client::watching::{Line, Told, Watching};
use sockwright_client::{Client, address, v1};

/// Follows until something is true.
async fn until(following: &mut Following, mut is_true: impl FnMut(&Connection) -> bool) {
    while !is_true(following.connection()) {
        following.next().await.expect("it goes on");
    }
}

/// Whether an end went into this state.
fn was_in(connection: &Connection, side: Side, state: v1::TcpState) -> bool {
    road(connection, side).iter().any(|step| step.to == state)
}

/// A row as a line of text.
fn line(rung: &Rung<'_>) -> String {
    let end = |side| {
        let end = rung.end(side);
        let at = end.at_ns.map(|at| format!("{:.3}", at as f64 / 1e9)).unwrap_or_default();
        let state = end.step.as_ref().map(|step| step.to.as_str_name().trim_start_matches("TCP_STATE_"));
        format!("{at} {}", state.unwrap_or_default())
    };
    let what = match &rung.what {
        What::Flight(flight) => {
            let arrow = if flight.from == Side::Near { '>' } else { '<' };
            let text = flight.segment.text.split(" win").next().unwrap_or_default();
            format!("{arrow} {text} {:?} {:?}", flight.fate, flight.faults)
        }
        What::State => "state".to_owned(),
        What::Wait(ns) => format!("wait {:.3}", *ns as f64 / 1e9),
        What::Gap(gap) => format!("gap {}", gap.reason().as_str_name()),
    };
    format!("{} | {what} | {}", end(Side::Near), end(Side::Far))
}

async fn recv(client: &Client, socket: u64) {
    client.sockets.clone().recv(v1::RecvRequest { socket, ..Default::default() }).await.expect("received");
}

async fn shutdown(client: &Client, socket: u64) {
    let how = v1::ShutdownHow::Write.into();
    client.sockets.clone().shutdown(v1::ShutdownRequest { socket, how }).await.expect("shut down");
}

/// Waits until all that was sent is acknowledged, the FIN included.
async fn acknowledged(client: &Client, socket: u64) {
    let condition = Some(v1::wait_for_request::Condition::AllAcknowledged(true));
    let wait = v1::WaitForRequest { socket, condition, ..Default::default() };
    client.sockets.clone().wait_for(wait).await.expect("acknowledged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ladder_has_both_ends_and_every_segment_of_a_connection() {
    let world = World::start().await;
    let client = world.client().await;
    lab(&client).await;
    let listener = listener(&client).await;
    let opener = socket(&client, "lab/a", "").await;
    let mut following = Following::new(&client, opener);
    // Somebody has to watch while segments pass.
    until(&mut following, |connection| connection.events().count() > 0).await;
    let remote = Some(address(([10, 0, 0, 2], 80)));
    let connect = v1::ConnectRequest { socket: opener, remote, dont_wait: false, data: Default::default() };
    client.sockets.clone().connect(connect).await.unwrap();
    let accept = v1::AcceptRequest { socket: listener, ..Default::default() };
    let accepted = client.sockets.clone().accept(accept).await.unwrap().into_inner().socket;
    client.clone().send_all(opener, &b"hello"[..]).await.unwrap();
    acknowledged(&client, opener).await;
    recv(&client, accepted).await;
    shutdown(&client, opener).await;
    acknowledged(&client, opener).await;
    close(&client, accepted).await;
    until(&mut following, |connection| {
        was_in(connection, Side::Near, v1::TcpState::Closed)
            && was_in(connection, Side::Far, v1::TcpState::Closed)
    })
    .await;
    let rows: Vec<String> = ladder(following.connection()).iter().map(line).collect();
    assert_eq!(
        rows,
        [
            "0.000 SYN_SENT | > S 0:0(0) Arrived [] | 0.010 SYN_RECEIVED",
            "0.020 ESTABLISHED | < S. 0:0(0) ack 1 Arrived [] | 0.010 ",
            "0.020  | > . 1:1(0) ack 1 Arrived [] | 0.030 ESTABLISHED",
            "0.030  | > P. 1:6(5) ack 1 Arrived [] | 0.040 ",
            "0.090  | < . 1:1(0) ack 6 Arrived [] | 0.080 ",
            "0.090 FIN_WAIT_1 | > F. 6:6(0) ack 1 Arrived [] | 0.100 CLOSE_WAIT",
            "0.110 FIN_WAIT_2 | < . 1:1(0) ack 7 Arrived [] | 0.100 ",
            "0.120 TIME_WAIT | < F. 1:1(0) ack 7 Arrived [] | 0.110 LAST_ACK",
            "0.120  | > . 7:7(0) ack 2 Arrived [] | 0.130 CLOSED",
            "  | wait 59.990 |  ",
            "60.120 CLOSED | state |  ",
        ]
    );
    let dwelt: Vec<_> = road(following.connection(), Side::Near).iter().map(|step| step.dwell_ns).collect();
    let ms = |ms: u64| Some(ms * 1_000_000);
    assert_eq!(dwelt, [ms(20), ms(70), ms(20), ms(10), ms(60_000), None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_stands_beside_the_states_that_it_ends() {
    let world = World::start().await;
    let client = world.client().await;
    lab(&client).await;
    let listener = listener(&client).await;
    let (opener, accepted) = connection(&client, listener).await;
    let mut following = Following::new(&client, opener);
    until(&mut following, |connection| connection.end(Side::Far).is_some()).await;
    client.sockets.clone().abort(v1::AbortRequest { socket: accepted }).await.unwrap();
    until(&mut following, |connection| was_in(connection, Side::Near, v1::TcpState::Closed)).await;
    let rows = ladder(following.connection());
    let reset = rows.iter().map(line).find(|line| line.contains(" R"));
    assert_eq!(reset.unwrap(), "0.040 CLOSED | < R. 1:1(0) ack 1 Arrived [] | 0.030 CLOSED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_link_loses_breaks_off_and_what_is_sent_again_says_why() {
    let world = World::start().await;
    let client = world.client().await;
    lab_with(&client, v1::Impairments { loss: 0.03, duplicate: 0.01, ..Default::default() }).await;
    let listener = listener(&client).await;
    let (opener, accepted) = connection(&client, listener).await;
    let mut following = Following::new(&client, opener);
    until(&mut following, |connection| connection.end(Side::Far).is_some()).await;
    // What the whole server tells, beside it.
    let kinds = [v1::EventKind::FrameLost, v1::EventKind::Retransmission, v1::EventKind::Released];
    let filter = v1::Filter { kinds: kinds.map(i32::from).to_vec(), ..Default::default() };
    let mut all = Watching::new(&client, filter, v1::Delivery::Lossless);
    while all.position().is_none() {
        all.next().await.unwrap();
    }
    transfer(&client, opener, accepted, 400_000).await;
    close(&client, opener).await;
    close(&client, accepted).await;
    let (mut told, mut reasons, mut released) = (BTreeMap::new(), BTreeMap::new(), 0);
    while released < 2 {
        let Told::Events { events, .. } = all.next().await.unwrap() else { continue };
        for event in events {
            match event.kind {
                Some(Kind::FrameLost(lost)) => *told.entry(lost.what).or_insert(0) += 1,
                Some(Kind::Retransmission(again)) => *reasons.entry(again.reason).or_insert(0) += 1,
                Some(Kind::Released(_)) => released += 1,
                _ => {}
            }
        }
    }
    let losses: usize = told.values().sum();
    until(&mut following, |connection| {
        let is_loss = |event: &&v1::Event| matches!(event.kind, Some(Kind::FrameLost(_)));
        let are_over =
            [Side::Near, Side::Far].map(|side| connection.end(side).is_some_and(|end| end.released));
        are_over == [true; 2] && connection.events().filter(is_loss).count() == losses
    })
    .await;

    let (mut faults, mut again) = (BTreeMap::new(), BTreeMap::new());
    for flight in flights(following.connection()) {
        assert_eq!(flight.fate == Fate::Lost, flight.faults.contains(&"LOST"), "{flight:?}");
        // The second of two is dropped on arrival too, for a reason of its own.
        for fault in flight.faults.iter().filter(|fault| told.contains_key(**fault)) {
            *faults.entry((*fault).to_owned()).or_insert(0) += 1;
        }
        if let Some(reason) = flight.again {
            *again.entry(reason.into()).or_insert(0) += 1;
        }
    }
    assert!(told["LOST"] > 3 && !reasons.is_empty(), "{told:?} {reasons:?}");
    assert_eq!((faults, again), (told, reasons));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_guessed_of_a_peer_that_is_not_ours() {
    let world = World::start().await;
    let client = world.client().await;
    lab(&client).await;
    let opener = socket(&client, "lab/a", "").await;
    let mut following = Following::new(&client, opener);
    until(&mut following, |connection| connection.events().count() > 0).await;
    // On the link, but nobody is there.
    let remote = Some(address(([10, 0, 0, 9], 80)));
    let connect = v1::ConnectRequest { socket: opener, remote, dont_wait: false, data: Default::default() };
    client.sockets.clone().connect(connect).await.unwrap_err();
    until(&mut following, |connection| was_in(connection, Side::Near, v1::TcpState::Closed)).await;
    let connection = following.connection();
    assert!(connection.end(Side::Far).is_none());
    assert_eq!(connection.address(Side::Far).map(|at| at.port), Some(80));
    let flights = flights(connection);
    assert!(flights.len() > 3, "{flights:?}");
    assert!(flights.iter().all(|flight| flight.fate == Fate::Unknown && flight.arrival.is_none()));
    // Each wait for the answer is twice the one before.
    let waits: Vec<_> = ladder(connection)
        .iter()
        .filter_map(|rung| match rung.what {
            What::Wait(ns) => Some(ns / 1_000_000_000),
            _ => None,
        })
        .collect();
    assert_eq!(waits[..4], [1, 2, 4, 8]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_round_trips_and_timers_are_those_of_get_info() {
    let world = World::start().await;
    let client = world.client().await;
    lab(&client).await;
    let listener = listener(&client).await;
    let (opener, accepted) = connection(&client, listener).await;
    let mut following = Following::new(&client, opener);
    until(&mut following, |connection| connection.end(Side::Far).is_some()).await;
    transfer(&client, opener, accepted, 200_000).await;
    let info = v1::GetInfoRequest { socket: opener };
    let info = client.sockets.clone().get_info(info).await.unwrap().into_inner();
    let tcp = info.tcp.clone().unwrap();
    let at = info.at.unwrap().seq;
    until(&mut following, |connection| connection.events().next_back().is_some_and(|event| event.seq >= at))
        .await;

    let by_events = windows(following.connection(), &flights(following.connection()));
    let trips = round_trips(following.connection());
    assert_eq!(by_events.cwnd.last(), Some(tcp.cwnd.into()));
    assert_eq!(by_events.ssthresh.last(), None);
    assert_eq!(by_events.flight.last(), Some(tcp.unacked.into()));
    assert!(by_events.flight.largest() > Some(10_000), "{by_events:?}");
    assert_eq!(trips.srtt.last().map(|ns| ns / 1000), Some(tcp.rtt_us));
    assert_eq!(trips.rto.last().map(|ns| ns / 1000), Some(tcp.rto_us));
    assert_eq!(timers(following.connection()), tcp.timers);

    // Told by GetInfo alone they are the same.
    let mut told = Connection::new(opener);
    told.tell(info);
    assert_eq!(windows(&told, &[]).cwnd.last(), Some(tcp.cwnd.into()));
    assert_eq!(timers(&told), tcp.timers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_run_of_the_server_ends_it_with_a_gap_and_keeps_what_is_known() {
    let world = World::start().await;
    let client = world.client().await;
    lab(&client).await;
    let listener = listener(&client).await;
    let (opener, _) = connection(&client, listener).await;
    let mut following = Following::new(&client, opener);
    until(&mut following, |connection| was_in(connection, Side::Near, v1::TcpState::Established)).await;
    let _world = world.restart().await;
    let mut moved = Vec::new();
    while moved.last() != Some(&Moved::Over) {
        moved.push(following.next().await.unwrap());
    }
    assert!(moved.iter().any(|moved| matches!(moved, Moved::Line(Line::Lost { .. }))), "{moved:?}");
    let connection = following.connection();
    let gaps: Vec<_> = connection.gaps().values().map(|gap| gap.reason()).collect();
    assert_eq!(gaps, [v1::GapReason::OtherEpoch]);
    assert_eq!(ladder(connection).last().map(line).unwrap(), "  | gap GAP_REASON_OTHER_EPOCH |  ");
    assert!(was_in(connection, Side::Near, v1::TcpState::Established));
}
