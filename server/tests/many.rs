//! Many calls at once.

mod common;

use common::{World, poll_once};
use sockwright_proto::v1::{self as pb, Clock};
use sockwright_server::config::{Config, Limits};
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_wait_on_one_connection_and_others_go_on() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let mut waiting = tokio::task::JoinSet::new();
    let mut bound = Vec::new();
    for _ in 0..1000 {
        let create = pb::CreateRequest {
            stack: format!("{lab}/a"),
            kind: pb::SocketKind::Datagram.into(),
            ..Default::default()
        };
        let socket = world.create(create).await.unwrap();
        let mut sockets = world.sockets.clone();
        let local = sockets.bind(pb::BindRequest { socket, local: None }).await.unwrap().into_inner().local;
        bound.push(local.unwrap().port);
        waiting.spawn(async move {
            let request = pb::RecvFromRequest { socket, ..Default::default() };
            sockets.recv_from(request).await.map(|response| response.into_inner().data)
        });
    }
    let (client, server) = world.pair(&lab).await;
    world.send(client, b"through").await.unwrap();
    assert_eq!(world.recv_exactly(server, 7).await, b"through");

    let create = pb::CreateRequest {
        stack: format!("{lab}/b"),
        kind: pb::SocketKind::Datagram.into(),
        ..Default::default()
    };
    let sender = world.create(create).await.unwrap();
    for port in bound {
        let remote = Some(common::address("10.0.0.1", port));
        let send = pb::SendToRequest { socket: sender, remote, data: bytes::Bytes::from_static(b"wake") };
        world.sockets.clone().send_to(send).await.unwrap();
    }
    for received in waiting.join_all().await {
        assert_eq!(received.unwrap(), "wake");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_calls_that_wait_on_one_socket_is_kept() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let listener = world.listener(&format!("{lab}/b")).await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..257 {
        let mut sockets = world.sockets.clone();
        waiting.spawn(async move {
            let request = pb::AcceptRequest { socket: listener, ..Default::default() };
            sockets.accept(request).await
        });
    }
    // The first to end is the one too many.
    let refused = waiting.join_next().await.unwrap().unwrap();
    assert_eq!(common::refusal(refused), (Code::ResourceExhausted, "ENOBUFS".to_owned()));
    world.close(listener).await.unwrap();
    for ended in waiting.join_all().await {
        assert_eq!(common::refusal(ended), (Code::Aborted, "ECONNABORTED".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limits_of_sessions_and_watchers_are_kept() {
    let limits = Limits { sessions: 1, watchers: 1, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() }).await;
    let mut sessions = world.sessions.clone();
    let first = sessions.open(pb::OpenRequest::default()).await.unwrap().into_inner().session;
    let refused = sessions.open(pb::OpenRequest::default()).await;
    assert_eq!(common::refusal(refused), (Code::ResourceExhausted, "ENOBUFS".to_owned()));
    sessions.close(pb::SessionsCloseRequest { session: first, on_expiry: 0 }).await.unwrap();
    sessions.open(pb::OpenRequest::default()).await.unwrap();

    let _watch = world.watch(&[]).await;
    let refused = world.events.clone().watch(pb::WatchRequest::default()).await;
    assert_eq!(refused.map(|_| ()).unwrap_err().code(), Code::ResourceExhausted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_dropped_by_the_thousand_leave_the_connection_and_the_socket_as_they_were() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let (client, server) = world.pair(&lab).await;
    for round in 0..3000 {
        let mut receiving = Box::pin(world.recv(server));
        poll_once(&mut receiving).await;
        if round % 3 == 0 {
            tokio::task::yield_now().await;
        }
    }
    world.info(server).await;
    let mut receiving = Box::pin(world.recv(server));
    poll_once(&mut receiving).await;
    world.info(server).await;
    world.send(client, b"x").await.unwrap();
    assert_eq!(receiving.await.unwrap().data, "x");
}
