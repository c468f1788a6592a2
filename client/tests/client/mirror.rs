//! The mirror of a server's sockets, beside a real server.

use crate::common::{World, listener, socket};
use crate::labs::{close, connection, lab};
use crate::wire::Wire;
use sockwright_client::mirror::Update;
use sockwright_client::watching::{Line, Told, Watching};
use sockwright_client::{Client, StateMirror, v1};
use tonic::Code;

/// What the mirror has, as `List` would tell it.
fn summaries(mirror: &StateMirror) -> Vec<v1::SocketSummary> {
    mirror.sockets().iter().map(|socket| socket.summary.clone()).collect()
}

fn state(socket: u64, state: v1::TcpState) -> impl FnMut(&sockwright_client::mirror::SocketMap) -> bool {
    move |sockets| sockets.get(socket).is_some_and(|socket| socket.summary.tcp_state() == state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_that_heard_the_events_has_what_a_list_would_tell() {
    let world = World::start().await;
    let client = world.client().await;
    lab(&client).await;
    let mut mirror = StateMirror::new(&client, v1::Filter::default());
    mirror.until(|sockets| sockets.iter().count() == 0).await.unwrap();
    let listener = listener(&client).await;
    let (opener, accepted) = connection(&client, listener).await;
    mirror.until(state(accepted, v1::TcpState::Established)).await.unwrap();
    mirror.until(state(opener, v1::TcpState::Established)).await.unwrap();
    let datagram = v1::CreateRequest {
        stack: "lab/a".into(),
        kind: v1::SocketKind::Datagram.into(),
        ..Default::default()
    };
    let datagram = client.sockets.clone().create(datagram).await.unwrap().into_inner().socket;
    mirror.until(|sockets| sockets.get(datagram).is_some()).await.unwrap();
    assert_eq!(summaries(&mirror), client.clone().list_sockets(v1::Filter::default()).await.unwrap());

    // From a snapshot it is the same.
    let mut other = StateMirror::new(&client, v1::Filter::default());
    other.until(|_| true).await.unwrap();
    assert_eq!(summaries(&other), summaries(&mirror));

    // What is released is gone, and is told as it was last.
    close(&client, opener).await;
    close(&client, accepted).await;
    let mut gone = Vec::new();
    while gone.len() < 2 {
        if let Update::Events { released, .. } = mirror.next().await.unwrap() {
            gone.extend(
                released.into_iter().map(|socket| (socket.summary.socket, socket.summary.tcp_state())),
            );
        }
    }
    gone.sort();
    assert_eq!(gone, [(opener, v1::TcpState::Closed), (accepted, v1::TcpState::Closed)]);
    assert!(mirror.sockets().get(opener).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_by_state_lets_go_of_who_leaves_it() {
    let world = World::start().await;
    let client = world.client().await;
    lab(&client).await;
    let listening = vec![v1::TcpState::Listen.into()];
    let mut mirror = StateMirror::new(&client, v1::Filter { tcp_states: listening, ..Default::default() });
    let listener = listener(&client).await;
    mirror.until(|sockets| sockets.iter().count() == 1).await.unwrap();
    let (opener, _) = connection(&client, listener).await;
    close(&client, listener).await;
    mirror.until(|sockets| sockets.iter().count() == 0).await.unwrap();
    assert!(mirror.sockets().get(opener).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_breaks_costs_no_event_and_repeats_none() {
    let world = World::start().await;
    let wire = Wire::to(world.address).await;
    let client = world.client().await;
    lab(&client).await;
    let over_the_wire = Client::connect(&wire.address.to_string()).await.unwrap();
    let mut watching = Watching::new(&over_the_wire, v1::Filter::default(), v1::Delivery::Lossless);
    while watching.position().is_none() {
        watching.next().await.unwrap();
    }
    let listener = listener(&client).await;
    let mut seqs = Vec::new();
    let mut breaks = 0;
    for _ in 0..3 {
        let (opener, accepted) = connection(&client, listener).await;
        wire.cut();
        close(&client, opener).await;
        close(&client, accepted).await;
        // It hears of the end after the line is whole again.
        let mut ended = 0;
        while ended < 2 {
            match watching.next().await.unwrap() {
                Told::Line(Line::Lost { .. }) => {
                    breaks += 1;
                    wire.mend();
                }
                Told::Line(_) => {}
                Told::Events { events, .. } => {
                    let is_end =
                        |event: &&v1::Event| matches!(event.kind, Some(v1::event::Kind::Released(_)));
                    ended += events.iter().filter(is_end).count();
                    seqs.extend(events.iter().map(|event| event.seq));
                }
                told => panic!("{told:?}"),
            }
        }
    }
    assert!(breaks >= 3, "{breaks}");
    // What somebody hears who was never interrupted.
    let start = v1::Position { epoch: watching.position().unwrap().epoch, seq: seqs[0] - 1 };
    let mut whole = Watching::new(&client, v1::Filter::default(), v1::Delivery::Lossless).after(start);
    let mut expected = Vec::new();
    while whole.position() != watching.position() {
        if let Told::Events { events, .. } = whole.next().await.unwrap() {
            expected.extend(events.iter().map(|event| event.seq));
        }
    }
    assert_eq!(seqs, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_has_what_happened_while_its_line_was_lost() {
    let world = World::start().await;
    let wire = Wire::to(world.address).await;
    let client = world.client().await;
    lab(&client).await;
    let listener = listener(&client).await;
    let (opener, accepted) = connection(&client, listener).await;
    let over_the_wire = Client::connect(&wire.address.to_string()).await.unwrap();
    let mut mirror = StateMirror::new(&over_the_wire, v1::Filter::default());
    mirror.until(state(accepted, v1::TcpState::Established)).await.unwrap();
    let before = summaries(&mirror);

    wire.cut();
    while !matches!(mirror.line(), Line::Lost { .. }) {
        mirror.next().await.unwrap();
    }
    close(&client, opener).await;
    let (later, _) = connection(&client, listener).await;
    // What is known stays, until more is.
    assert_eq!(summaries(&mirror), before);
    wire.mend();
    let mut told = Vec::new();
    let mut half_closed = state(accepted, v1::TcpState::CloseWait);
    while !half_closed(mirror.sockets()) {
        told.push(mirror.next().await.unwrap());
    }
    mirror.until(state(later, v1::TcpState::Established)).await.unwrap();
    assert_eq!(mirror.line(), &Line::Live);
    assert_eq!(summaries(&mirror), client.clone().list_sockets(v1::Filter::default()).await.unwrap());
    assert!(
        !told.iter().any(|update| matches!(update, Update::Snapshot | Update::Gap(_))),
        "it went on where it was"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_run_of_the_server_is_a_gap_and_a_mirror_that_begins_anew() {
    let world = World::start().await;
    let client = world.client().await;
    lab(&client).await;
    listener(&client).await;
    let mut mirror = StateMirror::new(&client, v1::Filter::default());
    mirror.until(|sockets| sockets.iter().count() == 1).await.unwrap();

    let world = world.restart().await;
    let (mut lines, mut gap) = (Vec::new(), None);
    loop {
        match mirror.next().await.unwrap() {
            Update::Line(line) => lines.push(line),
            Update::Gap(told) => gap = Some(told),
            Update::Snapshot => break,
            Update::Events { .. } => {}
        }
    }
    assert!(matches!(lines[0], Line::Lost { .. }), "{lines:?}");
    assert_eq!(lines.last(), Some(&Line::Live));
    assert_eq!(gap.unwrap().reason(), v1::GapReason::OtherEpoch);
    assert_eq!(mirror.sockets().iter().count(), 0);
    let client = world.client().await;
    lab(&client).await;
    let again = socket(&client, "lab/a", "again").await;
    mirror
        .until(|sockets| sockets.get(again).is_some_and(|socket| socket.summary.label == "again"))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_trying_again_does_not_mend_is_an_error() {
    let world = World::start().await;
    let client = world.client().await;
    let mut mirror =
        StateMirror::new(&client, v1::Filter { addresses: vec!["nowhere".into()], ..Default::default() });
    let refused = loop {
        match mirror.next().await {
            Ok(update) => assert_eq!(update, Update::Line(Line::Connecting)),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code, Code::InvalidArgument);
}
