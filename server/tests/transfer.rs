//! `Transfer`: bulk bytes both ways, with half-close, errors and cancellation.

mod common;

use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use common::{World, errno, refusal};
use sockwright_proto::v1::transfer_request::Part as Ask;
use sockwright_proto::v1::transfer_response::Part as Told;
use sockwright_proto::v1::{self as pb, Clock, TransferRequest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

const TOTAL: usize = 10 << 20;

/// An open transfer: parts to the server, and from it.
struct Open {
    parts: mpsc::Sender<TransferRequest>,
    told: Streaming<pb::TransferResponse>,
}

async fn open(world: &World, socket: u64) -> Result<Open, Status> {
    let (parts, asked) = mpsc::channel(1);
    parts.send(part(Ask::Socket(socket))).await.unwrap();
    let told = world.sockets.clone().transfer(ReceiverStream::new(asked)).await?.into_inner();
    Ok(Open { parts, told })
}

fn part(part: Ask) -> TransferRequest {
    TransferRequest { part: Some(part) }
}

/// The octets of one direction, in pieces of uneven sizes.
fn pieces(seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut state = seed;
    let mut left = TOTAL;
    std::iter::from_fn(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let length = left.min(1 + (state >> 40) as usize % 200_000);
        left -= length;
        (length > 0).then(|| (0..length).map(|place| (place as u64 ^ state >> 13) as u8).collect())
    })
}

fn hash_of(pieces: impl Iterator<Item = Vec<u8>>) -> u64 {
    let mut hasher = DefaultHasher::new();
    pieces.flatten().for_each(|octet| hasher.write_u8(octet));
    hasher.finish()
}

/// Sends all of one direction and receives all of the other; the hash of what came, and how much was accepted.
async fn exchange(world: World2, socket: u64, seed: u64) -> (u64, u64) {
    let Open { parts, mut told } = open(&world.0, socket).await.unwrap();
    let sending = tokio::spawn(async move {
        for piece in pieces(seed) {
            parts.send(part(Ask::Data(piece.into()))).await.unwrap();
        }
        parts.send(part(Ask::ShutdownWrite(true))).await.unwrap();
    });
    let (mut hasher, mut accepted, mut ended) = (DefaultHasher::new(), 0, false);
    while let Some(response) = told.message().await.unwrap() {
        match response.part.unwrap() {
            Told::Data(data) => {
                assert!(!ended && !data.is_empty());
                data.iter().for_each(|octet| hasher.write_u8(*octet));
            }
            Told::EndOfStream(end) => ended = end,
            Told::Accepted(so_far) => {
                assert!(so_far > accepted, "it only grows");
                accepted = so_far;
            }
        }
    }
    assert!(ended);
    sending.await.unwrap();
    (hasher.finish(), accepted)
}

/// A world that two tasks share.
#[derive(Clone)]
struct World2(std::sync::Arc<World>);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_megabytes_go_both_ways_and_end_with_half_closes() {
    let world = World::start().await;
    let lab = world.lab(Clock::Real).await;
    let (client, server) = world.pair(&lab).await;
    let world = World2(std::sync::Arc::new(world));
    let there = tokio::spawn(exchange(world.clone(), client, 1));
    let back = tokio::spawn(exchange(world.clone(), server, 2));
    let (there, back) = (there.await.unwrap(), back.await.unwrap());
    assert_eq!(back, (hash_of(pieces(1)), TOTAL as u64));
    assert_eq!(there, (hash_of(pieces(2)), TOTAL as u64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_clients_stream_shuts_down_nothing() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let (client, server) = world.pair(&lab).await;
    let Open { parts, mut told } = open(&world, client).await.unwrap();
    parts.send(part(Ask::Data(bytes::Bytes::from_static(b"up")))).await.unwrap();
    drop(parts);
    assert_eq!(world.recv_exactly(server, 2).await, b"up");
    world.send(server, b"down").await.unwrap();
    world.shutdown_write(server).await;
    let (mut data, mut accepted) = (Vec::new(), 0);
    while let Some(response) = told.message().await.unwrap() {
        match response.part.unwrap() {
            Told::Data(more) => data.extend_from_slice(&more),
            Told::Accepted(so_far) => accepted = so_far,
            Told::EndOfStream(_) => {}
        }
    }
    assert_eq!((&data[..], accepted), (&b"down"[..], 2));
    // The client may still send.
    world.send(client, b"more").await.unwrap();
    assert_eq!(world.recv_exactly(server, 4).await, b"more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_ends_a_transfer_with_its_errno() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let (client, server) = world.pair(&lab).await;
    let mut open = open(&world, client).await.unwrap();
    world.abort(server).await.unwrap();
    let ended = open.told.message().await.unwrap_err();
    assert_eq!((ended.code(), errno(&ended)), (Code::Aborted, "ECONNRESET"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_transfer_closes_nothing() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let (client, server) = world.pair(&lab).await;
    let mut open = open(&world, client).await.unwrap();
    world.send(server, b"a").await.unwrap();
    assert!(matches!(open.told.message().await.unwrap().unwrap().part, Some(Told::Data(_))));
    drop(open);
    world.send(client, b"still open").await.unwrap();
    assert_eq!(world.recv_exactly(server, 10).await, b"still open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_nobody_reads_from_is_held_back() {
    let world = World::start().await;
    let lab = world.lab(Clock::Real).await;
    let (client, server) = world.pair(&lab).await;
    // By default each of the buffers alone takes a megabyte.
    for socket in [client, server] {
        let options = pb::SocketOptions {
            send_buffer: Some(256 << 10),
            receive_buffer: Some(64 << 10),
            ..Default::default()
        };
        let request = pb::SetOptionsRequest { socket, options: Some(options) };
        world.sockets.clone().set_options(request).await.unwrap();
    }
    let Open { parts, mut told } = open(&world, client).await.unwrap();
    // The send buffer, the receive buffer and HTTP/2's windows together take less than this.
    let mut taken = 0;
    for _ in 0..64 {
        let piece = part(Ask::Data(vec![0; 1 << 20].into()));
        match tokio::time::timeout(Duration::from_secs(1), parts.send(piece)).await {
            Ok(sent) => sent.unwrap(),
            Err(_) => break,
        }
        taken += 1;
    }
    assert!(taken < 16, "{taken} MiB were taken without a reader");
    let Some(Told::Accepted(accepted)) = told.message().await.unwrap().unwrap().part else { panic!() };
    assert!(accepted < 1 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_that_makes_no_sense_is_refused() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let (client, _) = world.pair(&lab).await;
    assert_eq!(refusal(open(&world, 999).await.map(|_| ())), (Code::NotFound, "EBADF".to_owned()));

    let nothing = tokio_stream::empty::<TransferRequest>();
    let refused = world.sockets.clone().transfer(nothing).await.map(|_| ());
    assert_eq!(refusal(refused), (Code::InvalidArgument, "EINVAL".to_owned()));

    let idle = world.socket(&format!("{lab}/a")).await;
    let mut unconnected = open(&world, idle).await.unwrap();
    let ended = unconnected.told.message().await.unwrap_err();
    assert_eq!((ended.code(), errno(&ended)), (Code::FailedPrecondition, "ENOTCONN"));

    for wrong in [
        vec![part(Ask::Socket(client))],
        vec![TransferRequest { part: None }],
        vec![part(Ask::Data(vec![0; (1 << 20) + 1].into()))],
        vec![part(Ask::ShutdownWrite(true)), part(Ask::Data(vec![0].into()))],
    ] {
        let (client, _) = world.pair(&lab).await;
        let Open { parts, mut told } = open(&world, client).await.unwrap();
        for part in wrong {
            parts.send(part).await.unwrap();
        }
        let ended = loop {
            match told.message().await {
                Ok(message) => assert!(message.is_some(), "it ended well"),
                Err(status) => break status,
            }
        };
        assert_eq!(ended.code(), Code::InvalidArgument, "{ended:?}");
    }
}
