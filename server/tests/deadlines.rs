//! gRPC deadlines, as the server keeps them.
//!
//! tonic's client has a timer of its own for `grpc-timeout`, so these calls go over a bare HTTP/2 connection.

mod common;

use std::time::{Duration, Instant};

use common::World;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use sockwright_proto::v1::{self as pb, Clock};

/// Calls a method with a deadline. The status in headers or trailers, and how many messages came before.
async fn call(world: &World, method: &str, message: impl Message, timeout: &str) -> (String, usize) {
    let tcp = tokio::net::TcpStream::connect(world.address).await.unwrap();
    let (mut http, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp)).await.unwrap();
    tokio::spawn(connection);
    let encoded = message.encode_to_vec();
    let mut body = vec![0];
    body.extend((encoded.len() as u32).to_be_bytes());
    body.extend(encoded);
    let request = http::Request::post(format!("http://{}/sockwright.v1.{method}", world.address))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", timeout)
        .body(Full::new(bytes::Bytes::from(body)))
        .unwrap();
    let response = http.send_request(request).await.unwrap();
    if let Some(status) = response.headers().get("grpc-status") {
        return (status.to_str().unwrap().to_owned(), 0);
    }
    let collected = response.into_body().collect().await.unwrap();
    let status = collected.trailers().unwrap()["grpc-status"].to_str().unwrap().to_owned();
    (status, usize::from(!collected.to_bytes().is_empty()))
}

const DEADLINE_EXCEEDED: &str = "4";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_too_long_is_deadline_exceeded_and_loses_nothing() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let (client, server) = world.pair(&lab).await;
    for _ in 0..20 {
        let began = Instant::now();
        let recv = pb::RecvRequest { socket: server, ..Default::default() };
        assert_eq!(call(&world, "Sockets/Recv", recv, "30m").await.0, DEADLINE_EXCEEDED);
        assert!(began.elapsed() >= Duration::from_millis(30), "never early");
    }
    world.send(client, b"still here").await.unwrap();
    assert_eq!(world.recv_exactly(server, 10).await, b"still here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_at_its_deadline_too() {
    let world = World::start().await;
    let (status, messages) = call(&world, "Events/Watch", pb::WatchRequest::default(), "30m").await;
    assert_eq!((status.as_str(), messages), (DEADLINE_EXCEEDED, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_over_in_time_is_not_touched() {
    let world = World::start().await;
    let (status, _) = call(&world, "Sockets/List", pb::ListRequest::default(), "5S").await;
    assert_eq!(status, "0");
}
