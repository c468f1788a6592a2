//! Each call of `Sockets`, as its comments in the contract promise it.

mod common;

use std::time::Duration;

use common::{World, address, duration, errno, poll_once, refusal};
use sockwright_proto::v1::wait_for_request::Condition;
use sockwright_proto::v1::{self as pb, Clock, SocketState, TcpState};
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_does_its_work_in_a_lab() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let mut sockets = world.sockets.clone();

    let create = pb::CreateRequest {
        stack: format!("{lab}/b"),
        label: "the listener".to_owned(),
        options: Some(pb::SocketOptions { no_delay: Some(true), ..Default::default() }),
        ..Default::default()
    };
    let created = sockets.create(create).await.unwrap().into_inner();
    let listener = created.socket;
    let at = created.at.unwrap();
    assert!(at.epoch != 0 && at.seq >= 1, "creating is an event");

    let bound =
        sockets.bind(pb::BindRequest { socket: listener, local: Some(address("", 0)) }).await.unwrap();
    let port = bound.into_inner().local.unwrap().port;
    assert_ne!(port, 0);
    let listening = sockets.listen(pb::ListenRequest { socket: listener, backlog: 7 }).await.unwrap();
    assert_eq!(listening.into_inner().local.unwrap().port, port);
    let info = world.info(listener).await;
    assert_eq!(info.listener.unwrap().backlog, 7);
    let summary = info.summary.unwrap();
    assert_eq!((summary.label.as_str(), summary.stack.as_str()), ("the listener", "lab/b"));
    assert_eq!((summary.socket_state(), summary.tcp_state()), (SocketState::Listening, TcpState::Listen));

    let client = world.socket(&format!("{lab}/a")).await;
    let connect = pb::ConnectRequest {
        socket: client,
        remote: Some(address("10.0.0.2", port)),
        dont_wait: false,
        data: Default::default(),
    };
    let connected = sockets.connect(connect).await.unwrap().into_inner();
    let accepted = world.accept(listener).await.unwrap();
    assert_eq!(accepted.remote, connected.local);
    let server = accepted.socket;
    assert_eq!(world.info(server).await.summary.unwrap().listener, listener);

    let sent = world.send(client, b"abc").await.unwrap();
    assert_eq!(sent.accepted, 3);
    let peek = pb::RecvRequest { socket: server, min_bytes: 3, peek: true, ..Default::default() };
    assert_eq!(sockets.recv(peek).await.unwrap().into_inner().data, "abc");
    assert_eq!(world.recv(server).await.unwrap().data, "abc");
    let tcp = world.info(client).await.tcp.unwrap();
    assert_eq!((tcp.bytes_sent, tcp.snd_mss), (3, 1448));

    let options = pb::SocketOptions { msl: Some(duration(Duration::from_secs(1))), ..Default::default() };
    let set = pb::SetOptionsRequest { socket: client, options: Some(options) };
    sockets.set_options(set).await.unwrap();
    let options = sockets.get_options(pb::GetOptionsRequest { socket: client }).await.unwrap().into_inner();
    assert_eq!(options.options.unwrap().msl, Some(duration(Duration::from_secs(1))));
    let options = sockets.get_options(pb::GetOptionsRequest { socket: server }).await.unwrap().into_inner();
    assert_eq!(options.options.unwrap().no_delay, Some(true), "options are inherited");

    assert_eq!(world.shutdown_write(client).await, TcpState::FinWait1);
    assert!(world.recv(server).await.unwrap().end_of_stream);
    assert_eq!(world.close(server).await.unwrap(), TcpState::LastAck);
    assert!(world.recv(client).await.unwrap().end_of_stream);
    world.wait_for_state(client, TcpState::Closed, None).await;
    world.abort(client).await.unwrap();
    world.abort(listener).await.unwrap();
    assert_eq!(world.all().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_travel_with_their_addresses() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let mut sockets = world.sockets.clone();
    let udp = |stack: &str| pb::CreateRequest {
        stack: format!("{lab}/{stack}"),
        kind: pb::SocketKind::Datagram.into(),
        ..Default::default()
    };
    let (a, b) = (world.create(udp("a")).await.unwrap(), world.create(udp("b")).await.unwrap());
    sockets.bind(pb::BindRequest { socket: b, local: Some(address("10.0.0.2", 53)) }).await.unwrap();

    let mut receiver = sockets.clone();
    let request = pb::RecvFromRequest { socket: b, max_bytes: 4, ..Default::default() };
    let mut waiting = Box::pin(receiver.recv_from(request));
    poll_once(&mut waiting).await;
    let send = pb::SendToRequest {
        socket: a,
        remote: Some(address("10.0.0.2", 53)),
        data: bytes::Bytes::from_static(b"question"),
    };
    let sent = sockets.send_to(send).await.unwrap().into_inner();
    let received = waiting.await.unwrap().into_inner();
    assert_eq!((&received.data[..], received.truncated), (&b"ques"[..], true));
    assert_eq!(received.remote.unwrap().port, sent.local.unwrap().port);
    assert_eq!(received.local, Some(address("10.0.0.2", 53)));

    let request = pb::RecvFromRequest { socket: b, dont_wait: true, ..Default::default() };
    assert_eq!(refusal(sockets.recv_from(request).await), (Code::Unavailable, "EAGAIN".to_owned()));
    assert_eq!(refusal(world.recv(world.pair(&lab).await.0 + 1000).await).0, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accept_connect_and_recv_wait_until_they_can_finish() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let listener = world.listener(&format!("{lab}/b")).await;
    let mut accepting = Box::pin(world.accept(listener));
    poll_once(&mut accepting).await;
    let client = world.socket(&format!("{lab}/a")).await;
    world.connect(client).await.unwrap();
    let server = accepting.await.unwrap().socket;

    let mut receiving = Box::pin(world.recv(server));
    poll_once(&mut receiving).await;
    world.send(client, b"x").await.unwrap();
    assert_eq!(receiving.await.unwrap().data, "x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_does_not_wait_says_so() {
    let world = World::start().await;
    let lab = world.lab(Clock::Manual).await;
    let mut sockets = world.sockets.clone();
    let listener = world.listener(&format!("{lab}/b")).await;
    let accept = pb::AcceptRequest { socket: listener, dont_wait: true, ..Default::default() };
    assert_eq!(refusal(sockets.accept(accept).await), (Code::Unavailable, "EAGAIN".to_owned()));

    let client = world.socket(&format!("{lab}/a")).await;
    let remote = Some(address("10.0.0.2", 80));
    let connect = pb::ConnectRequest { socket: client, remote, dont_wait: true, data: Default::default() };
    let refused = sockets.connect(connect.clone()).await.unwrap_err();
    assert_eq!((refused.code(), errno(&refused)), (Code::FailedPrecondition, "EINPROGRESS"));
    assert_eq!(refusal(sockets.connect(connect).await), (Code::FailedPrecondition, "EALREADY".to_owned()));
    world.advance(&lab, Duration::from_millis(10)).await;
    assert_eq!(world.info(client).await.summary.unwrap().tcp_state(), TcpState::Established);
    let recv = pb::RecvRequest { socket: client, dont_wait: true, ..Default::default() };
    assert_eq!(refusal(sockets.recv(recv).await), (Code::Unavailable, "EAGAIN".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_connection_tells_the_errno_in_details_and_trailer() {
    use prost::Message;
    /// `google.rpc.Status`.
    #[derive(Clone, PartialEq, prost::Message)]
    struct RpcStatus {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<prost_types::Any>,
    }
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let client = world.socket(&format!("{lab}/a")).await;
    let refused = world.connect(client).await.unwrap_err();
    assert_eq!((refused.code(), errno(&refused)), (Code::Unavailable, "ECONNREFUSED"));
    let status = RpcStatus::decode(refused.details()).unwrap();
    let detail = pb::SocketError::decode(&*status.details[0].value).unwrap();
    assert_eq!((detail.errno, detail.socket), (111, client));
    assert!(!detail.message.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_come_in_pages_and_by_filter() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    for number in 0..25 {
        let label = format!("n{number}");
        let stack = format!("{lab}/a");
        world.create(pb::CreateRequest { stack, label, ..Default::default() }).await.unwrap();
    }
    let mut sockets = world.sockets.clone();
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListRequest { page_size: 10, page_token, ..Default::default() };
        let page = sockets.list(request).await.unwrap().into_inner();
        found.extend(page.sockets.into_iter().map(|socket| socket.label));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found, (0..25).map(|number| format!("n{number}")).collect::<Vec<_>>());
    let filter = Some(pb::Filter { labels: vec!["n3".to_owned(), "n4".to_owned()], ..Default::default() });
    let page = sockets.list(pb::ListRequest { filter, ..Default::default() }).await.unwrap().into_inner();
    assert_eq!(page.sockets.len(), 2);
    let request = pb::ListRequest { page_token: "soon".to_owned(), ..Default::default() };
    assert_eq!(refusal(sockets.list(request).await), (Code::InvalidArgument, "EINVAL".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reply_is_behind_the_events_it_caused_and_before_those_that_follow() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let (_, client, server) = world.pair_of(&lab, "").await;
    world.send(client, b"x").await.unwrap();
    world.wait_for(client, Condition::AllAcknowledged(true), None).await.unwrap();
    world.wait_for(server, Condition::Readable(1), None).await.unwrap();
    world.recv(server).await.unwrap();

    // Under a virtual clock everything that follows from a call has happened when its reply comes.
    let shut = world.sockets.clone().shutdown(pb::ShutdownRequest { socket: client, how: 2 }).await.unwrap();
    let at = shut.into_inner().at;
    world.close(server).await.unwrap();
    world.wait_for_state(client, TcpState::Closed, None).await;
    for state in [TcpState::FinWait2, TcpState::TimeWait, TcpState::Closed] {
        let found = world.wait_for_state(client, state, at).await;
        assert!(found.event.is_some(), "{state:?}");
    }
}
