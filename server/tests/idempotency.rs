//! Idempotency keys: made once, however often it is asked for.

mod common;

use std::time::Duration;

use common::{World, lab_request, poll_once, refusal};
use sockwright_proto::v1::{self as pb, Clock};
use tonic::Code;

const KEY: &str = "the very same";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_a_lab_and_a_session_are_made_once() {
    let world = World::start().await;
    let mut request = lab_request("", Clock::Virtual, "");
    request.idempotency_key = KEY.to_owned();
    let mut networks = world.networks.clone();
    let first = networks.create_lab(request.clone()).await.unwrap().into_inner();
    assert_eq!(networks.create_lab(request).await.unwrap().into_inner(), first);
    let labs = networks.list_labs(pb::ListLabsRequest::default()).await.unwrap().into_inner().labs;
    assert_eq!(labs.len(), 1);

    let stack = first.lab.unwrap().stacks[0].clone();
    let create = pb::CreateRequest { stack, idempotency_key: KEY.to_owned(), ..Default::default() };
    let first = world.create(create.clone()).await.unwrap();
    let again = tokio::join!(
        world.create(create.clone()),
        world.create(create.clone()),
        world.create(create.clone())
    );
    assert_eq!((again.0.unwrap(), again.1.unwrap(), again.2.unwrap()), (first, first, first));
    assert_eq!(world.all().await.len(), 1);
    // Another key is another socket.
    let other = pb::CreateRequest { idempotency_key: "another".to_owned(), ..create };
    assert_ne!(world.create(other).await.unwrap(), first);

    let open = pb::OpenRequest { idempotency_key: KEY.to_owned(), ..Default::default() };
    let mut sessions = world.sessions.clone();
    let first = sessions.open(open.clone()).await.unwrap().into_inner();
    assert_eq!(first.lease, Some(common::duration(Duration::from_secs(30))));
    assert_eq!(sessions.open(open).await.unwrap().into_inner(), first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accept_is_repeated_without_taking_another_connection() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let listener = world.listener(&format!("{lab}/b")).await;
    let accept = |key: &str| {
        let mut sockets = world.sockets.clone();
        let request =
            pb::AcceptRequest { socket: listener, idempotency_key: key.to_owned(), ..Default::default() };
        Box::pin(async move { Ok(sockets.accept(request).await?.into_inner()) })
            as std::pin::Pin<Box<dyn Future<Output = Result<pb::AcceptResponse, tonic::Status>>>>
    };
    // Both wait; one of them goes away, and the other makes the call.
    let (mut first, mut second) = (accept("1"), accept("1"));
    poll_once(&mut first).await;
    poll_once(&mut second).await;
    drop(first);
    for _ in 0..2 {
        let client = world.socket(&format!("{lab}/a")).await;
        world.connect(client).await.unwrap();
    }
    let given = second.await.unwrap();
    assert_eq!(accept("1").await.unwrap(), given);
    assert_ne!(accept("2").await.unwrap().socket, given.socket);
    let none = pb::AcceptRequest { socket: listener, dont_wait: true, ..Default::default() };
    assert_eq!(refusal(world.sockets.clone().accept(none).await).0, Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_first_call_is_forgotten() {
    let world = World::start().await;
    let create = pb::CreateRequest {
        stack: "lab/a".to_owned(),
        idempotency_key: KEY.to_owned(),
        ..Default::default()
    };
    assert_eq!(refusal(world.create(create.clone()).await), (Code::NotFound, "ENODEV".to_owned()));
    world.lab(Clock::Virtual).await;
    world.create(create).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_calls_with_keys_lose_nothing_over_the_wire() {
    const TOTAL: usize = 100;
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let listener = world.listener(&format!("{lab}/b")).await;
    let connecting = {
        let (mut sockets, stack) = (world.sockets.clone(), format!("{lab}/a"));
        tokio::spawn(async move {
            for _ in 0..TOTAL {
                let create = pb::CreateRequest { stack: stack.clone(), ..Default::default() };
                let socket = sockets.create(create).await.unwrap().into_inner().socket;
                let remote = Some(common::address("10.0.0.2", 80));
                sockets
                    .connect(pb::ConnectRequest {
                        socket,
                        remote,
                        dont_wait: false,
                        data: Default::default(),
                    })
                    .await
                    .unwrap();
            }
        })
    };
    let mut accepted = std::collections::BTreeSet::new();
    for number in 0..TOTAL {
        let request =
            pb::AcceptRequest { socket: listener, idempotency_key: number.to_string(), ..Default::default() };
        // The patience of each try grows, so that the calls are dropped at every point of their way.
        for micros in (0..).map(|tries| tries * 37 + number as u64 % 37) {
            let mut sockets = world.sockets.clone();
            let call = sockets.accept(request.clone());
            if let Ok(response) = tokio::time::timeout(Duration::from_micros(micros), call).await {
                assert!(accepted.insert(response.unwrap().into_inner().socket));
                break;
            }
        }
    }
    connecting.await.unwrap();
    assert_eq!(accepted.len(), TOTAL);
}
