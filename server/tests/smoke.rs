//! One connection, from its beginning to its end.

mod common;

use common::World;
use sockwright_proto::v1::{Clock, TcpState};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lives_and_ends_in_a_lab() {
    let mut world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let (listener, client, server) = world.pair_of(&lab, "").await;
    world.send(client, b"hello").await.unwrap();
    assert_eq!(world.recv(server).await.unwrap().data, "hello");
    world.send(server, b"world").await.unwrap();
    assert_eq!(world.recv(client).await.unwrap().data, "world");

    world.shutdown_write(client).await;
    assert!(world.recv(server).await.unwrap().end_of_stream);
    let closing =
        world.sockets.clone().close(sockwright_proto::v1::CloseRequest { socket: server }).await.unwrap();
    let before = closing.into_inner().at;
    world.wait_for_state(client, TcpState::TimeWait, before).await;
    world.wait_for_state(client, TcpState::Closed, before).await;
    world.close(client).await.unwrap();
    world.close(listener).await.unwrap();
    assert_eq!(world.all().await, []);
    world.stop().await.unwrap();
}
