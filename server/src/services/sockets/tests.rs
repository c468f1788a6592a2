//! Cancelling at any point loses nothing: futures dropped wherever they stand, responses dropped on their way out.

use std::sync::Arc;
use std::time::Duration;

use sockwright_proto::v1::networks_server::Networks as _;
use sockwright_proto::v1::sockets_server::Sockets;
use sockwright_proto::v1::{self as pb, Clock};
use tonic::{Response, Status};

use crate::access::identity::by_server;
use crate::config::Config;
use crate::layers::delivered;
use crate::server::Parts;

/// A seeded source of chance (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % sides
    }
}

async fn parts() -> Parts {
    let parts = Parts::new(&Config::default()).unwrap();
    let stack = |name: &str| pb::LabStack { name: name.to_owned(), ..Default::default() };
    let lab = pb::CreateLabRequest {
        name: "lab".to_owned(),
        stacks: vec![stack("a"), stack("b")],
        // Under a virtual clock a window that stays shut is probed for years between two calls.
        clock: Clock::Real.into(),
        ..Default::default()
    };
    parts.labs.create_lab(by_server(lab)).await.unwrap();
    parts
}

async fn socket(parts: &Parts, stack: &str) -> u64 {
    let create = pb::CreateRequest { stack: stack.to_owned(), ..Default::default() };
    delivered(parts.sockets.create(by_server(create)).await.unwrap()).socket
}

async fn listener(parts: &Parts) -> u64 {
    let socket = socket(parts, "lab/b").await;
    let local = Some(pb::SocketAddress { ip: String::new(), port: 80 });
    parts.sockets.bind(by_server(pb::BindRequest { socket, local })).await.unwrap();
    parts.sockets.listen(by_server(pb::ListenRequest { socket, backlog: 4096 })).await.unwrap();
    socket
}

async fn connect(parts: &Parts) -> u64 {
    let socket = socket(parts, "lab/a").await;
    let remote = Some(pb::SocketAddress { ip: "10.0.0.2".to_owned(), port: 80 });
    let request = pb::ConnectRequest { socket, remote, dont_wait: false, data: Default::default() };
    parts.sockets.connect(by_server(request)).await.unwrap();
    socket
}

/// Drops the call after a random time, or its response half of the times; gives what was delivered.
async fn at_random<T>(dice: &mut Dice, call: impl Future<Output = Result<Response<T>, Status>>) -> Option<T> {
    let patience = Duration::from_micros(dice.roll(300));
    let call = Box::pin(call);
    match tokio::time::timeout(patience, call).await {
        Ok(response) => {
            let response = response.unwrap();
            (dice.roll(2) == 0).then(|| delivered(response))
        }
        Err(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_cancelled_recv_loses_no_byte_and_no_order() {
    let parts = parts().await;
    let listener = listener(&parts).await;
    let client = connect(&parts).await;
    let accept = pb::AcceptRequest { socket: listener, ..Default::default() };
    let server = delivered(parts.sockets.accept(by_server(accept)).await.unwrap()).socket;

    const TOTAL: usize = 400_000;
    let sockets = Arc::clone(&parts.sockets);
    let sender = tokio::spawn(async move {
        let mut dice = Dice(7);
        let data: Vec<u8> = (0..TOTAL).map(content).collect();
        let mut sent = 0;
        while sent < TOTAL {
            let end = TOTAL.min(sent + 1 + dice.roll(500) as usize);
            let request = pb::SendRequest {
                socket: client,
                data: data[sent..end].to_vec().into(),
                dont_wait: false,
                urgent: false,
            };
            sent += sockets.send(by_server(request)).await.unwrap().into_inner().accepted as usize;
        }
        let shutdown = pb::ShutdownRequest { socket: client, how: pb::ShutdownHow::Write.into() };
        sockets.shutdown(by_server(shutdown)).await.unwrap();
    });

    let mut dice = Dice(42);
    let (mut received, mut cancelled) = (0, 0);
    loop {
        let request = pb::RecvRequest {
            socket: server,
            max_bytes: 1 + dice.roll(400) as u32,
            peek: dice.roll(10) == 0,
            ..Default::default()
        };
        let peeked = request.peek;
        match at_random(&mut dice, parts.sockets.recv(by_server(request))).await {
            None => cancelled += 1,
            Some(response) if response.end_of_stream => break,
            Some(response) => {
                for (place, octet) in response.data.iter().enumerate() {
                    assert_eq!(*octet, content(received + place), "at {}", received + place);
                }
                received += if peeked { 0 } else { response.data.len() };
            }
        }
    }
    sender.await.unwrap();
    assert_eq!(received, TOTAL);
    assert!(cancelled > 100, "only {cancelled} calls were cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_cancelled_accept_loses_no_connection() {
    const TOTAL: usize = 300;
    let parts = parts().await;
    let listener = listener(&parts).await;
    let connecting = {
        let parts = parts.clone();
        tokio::spawn(async move {
            for _ in 0..TOTAL {
                connect(&parts).await;
            }
        })
    };
    let mut dice = Dice(1);
    let mut accepted = std::collections::BTreeSet::new();
    while accepted.len() < TOTAL {
        let accept = pb::AcceptRequest { socket: listener, ..Default::default() };
        if let Some(response) = at_random(&mut dice, parts.sockets.accept(by_server(accept))).await {
            assert!(accepted.insert(response.socket), "{} was accepted twice", response.socket);
        }
    }
    connecting.await.unwrap();
    let none = pb::AcceptRequest { socket: listener, dont_wait: true, ..Default::default() };
    parts.sockets.accept(by_server(none)).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_created_socket_that_nobody_hears_of_is_closed() {
    let parts = parts().await;
    let mut dice = Dice(3);
    let mut delivered = 0;
    for _ in 0..300 {
        let create = pb::CreateRequest { stack: "lab/a".to_owned(), ..Default::default() };
        delivered +=
            usize::from(at_random(&mut dice, parts.sockets.create(by_server(create))).await.is_some());
    }
    // The thread carries messages out in order, those that give back first.
    let last = socket(&parts, "lab/a").await;
    let list = pb::ListRequest { page_size: 1000, ..Default::default() };
    let mut listed = parts.sockets.list(by_server(list)).await.unwrap().into_inner().sockets;
    listed.retain(|summary| summary.socket != last);
    assert_eq!(listed.len(), delivered);
}

/// The octet at a place of the stream.
fn content(place: usize) -> u8 {
    (place % 251) as u8
}
