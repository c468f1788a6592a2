//! Connections as streams of octets: what they carry, how they end, and what runs over them.

use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;

use crate::common::World;
use crate::labs::lab;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sockwright_client::net::{TcpListener, TcpSocket, TcpStream};
use sockwright_client::{Client, Error, v1};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A connection from `lab/a` to `lab/b`, from both its ends.
async fn connected(client: &Client) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(&client.stack("lab/b"), web()).await.expect("listening");
    let opened = TcpStream::connect(&client.stack("lab/a"), web()).await.expect("connected");
    let (accepted, from) = listener.accept().await.expect("accepted");
    assert_eq!((from, accepted.local_addr()), (opened.local_addr(), opened.peer_addr()));
    (opened, accepted)
}

fn web() -> SocketAddr {
    "10.0.0.2:80".parse().expect("an address")
}

/// A server with a lab, and a client of it.
async fn world() -> (World, Client) {
    let world = World::start().await;
    let client = world.client().await;
    lab(&client).await;
    (world, client)
}

/// Octets of which none looks like its neighbours.
fn octets(count: usize) -> Vec<u8> {
    (0..count).map(|number| (number * 7 + number / 251) as u8).collect()
}

/// Asks once, and whether that was enough.
async fn once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn errno(error: &io::Error) -> Option<i32> {
    Error::of(error).and_then(|error| error.errno)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn octets_go_both_ways_and_each_direction_ends_by_itself() {
    let (_world, client) = world().await;
    let (mut opened, mut accepted) = connected(&client).await;
    opened.write_all(b"hello").await.unwrap();
    opened.shutdown().await.unwrap();
    opened.shutdown().await.unwrap();
    let mut heard = Vec::new();
    accepted.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"hello");
    // The other direction is still there.
    accepted.write_all(b"goodbye").await.unwrap();
    let state = accepted.close().await.unwrap();
    assert_eq!(state, v1::TcpState::LastAck);
    heard.clear();
    opened.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"goodbye");
    assert_eq!(opened.read(&mut [0; 1]).await.unwrap(), 0);
    let was_there = opened.wait_for([v1::TcpState::FinWait2]).await.unwrap();
    assert!(was_there.event.is_some());
    opened.wait_for([v1::TcpState::TimeWait]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_loses_nothing_and_has_written_nothing() {
    let (_world, client) = world().await;
    let (mut opened, mut accepted) = connected(&client).await;
    let mut heard = [0; 5];
    assert!(once(accepted.read(&mut heard)).await.is_none());
    assert!(once(accepted.read(&mut heard)).await.is_none());
    opened.write_all(b"hello").await.unwrap();
    assert_eq!(accepted.read(&mut heard[..2]).await.unwrap(), 2);
    accepted.read_exact(&mut heard[2..]).await.unwrap();
    assert_eq!(&heard, b"hello");

    // Until there is no room, every write is done at once; then one is given up, and another follows.
    let sent = octets(64 << 10);
    let mut written = Vec::new();
    while let Some(count) = once(opened.write(&sent)).await {
        written.extend_from_slice(&sent[..count.unwrap()]);
        tokio::task::yield_now().await;
    }
    let (mut reading, mut writing) = accepted.into_split();
    let reader = tokio::spawn(async move {
        let mut heard = Vec::new();
        reading.read_to_end(&mut heard).await.map(|_| heard)
    });
    opened.write_all(b"the end").await.unwrap();
    written.extend_from_slice(b"the end");
    opened.shutdown().await.unwrap();
    assert!(reader.await.unwrap().unwrap() == written, "{} octets were written", written.len());
    writing.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_stops_who_writes() {
    let (_world, client) = world().await;
    let options =
        v1::SocketOptions { send_buffer: Some(8 << 10), receive_buffer: Some(8 << 10), ..Default::default() };
    let small = |stack: &str| v1::CreateRequest {
        stack: stack.to_owned(),
        options: Some(options.clone()),
        ..Default::default()
    };
    let mut socket = TcpSocket::create(&client, small("lab/b")).await.unwrap();
    socket.bind(web()).await.unwrap();
    let listener = socket.listen(1).await.unwrap();
    let mut opened = TcpSocket::create(&client, small("lab/a")).await.unwrap().connect(web()).await.unwrap();
    let (mut accepted, _) = listener.accept().await.unwrap();

    let all = octets(4 << 20);
    let mut written = 0;
    // Nothing is read, and TCP is at rest once the window is closed.
    let closed = v1::wait_for_request::Condition::EventKinds(v1::EventKinds {
        kinds: vec![v1::EventKind::Timer.into()],
    });
    let request = v1::WaitForRequest { socket: opened.id(), condition: Some(closed), after: None };
    let mut sockets = client.sockets.clone();
    let mut probe = pin!(sockets.wait_for(request));
    loop {
        tokio::select! {
            biased;
            count = opened.write(&all[written..]) => written += count.unwrap(),
            fired = &mut probe => {
                fired.unwrap();
                break;
            }
        }
    }
    assert!(written <= (512 << 10) + (16 << 10), "{written}");
    let info = client.sockets.clone().get_info(v1::GetInfoRequest { socket: accepted.id() }).await.unwrap();
    let unread = info.into_inner().tcp.expect("a connection").bytes_received;
    assert!(unread <= 8 << 10, "{unread}");

    let writer = async {
        opened.write_all(&all[written..]).await.unwrap();
        opened.shutdown().await.unwrap();
    };
    let mut heard = Vec::new();
    let (_, count) = tokio::join!(writer, accepted.read_to_end(&mut heard));
    assert_eq!(count.unwrap(), all.len());
    assert!(heard == all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_are_those_of_the_standard_library_with_the_errno_inside() {
    let (_world, client) = world().await;
    let refused = TcpStream::connect(&client.stack("lab/a"), web()).await.unwrap_err();
    assert_eq!((refused.kind(), errno(&refused)), (ErrorKind::ConnectionRefused, Some(111)));
    assert!(refused.to_string().starts_with("ECONNREFUSED: "), "{refused}");
    let nowhere = TcpStream::connect(&client.stack("lab/none"), web()).await.unwrap_err();
    assert_eq!((nowhere.kind(), errno(&nowhere)), (ErrorKind::NotFound, Some(19)));

    let (mut opened, accepted) = connected(&client).await;
    accepted.abort().await.unwrap();
    let reset = opened.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!((reset.kind(), errno(&reset)), (ErrorKind::ConnectionReset, Some(104)));
    assert_eq!(Error::of(&reset).unwrap().tcp_state, Some(v1::TcpState::Closed));
    // A write is done before it is sent: what becomes of it is told by the flush, and by all that follow.
    opened.write_all(b"late").await.unwrap();
    for _ in 0..2 {
        let broken = opened.flush().await.unwrap_err();
        assert_eq!((broken.kind(), errno(&broken)), (ErrorKind::BrokenPipe, Some(32)));
    }
    assert_eq!(opened.write(b"later").await.unwrap_err().kind(), ErrorKind::BrokenPipe);

    let listener = TcpListener::bind(&client.stack("lab/b"), web()).await.unwrap();
    let taken = TcpListener::bind(&client.stack("lab/b"), web()).await.unwrap_err();
    assert_eq!((taken.kind(), errno(&taken)), (ErrorKind::AddrInUse, Some(98)));
    let mut opened = TcpStream::connect(&client.stack("lab/a"), web()).await.unwrap();
    opened.shutdown().await.unwrap();
    assert_eq!(opened.write(b"late").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    drop(listener);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lets_go_of_a_stream_closes_it_and_what_was_written_is_delivered() {
    let (_world, client) = world().await;
    let (mut opened, mut accepted) = connected(&client).await;
    let all = octets(1 << 20);
    let released = Some(v1::wait_for_request::Condition::Released(true));
    let request = v1::WaitForRequest { socket: opened.id(), condition: released, after: None };
    let mut sockets = client.sockets.clone();
    let released = tokio::spawn(async move { sockets.wait_for(request).await });
    let (sent, mut heard) = (all.clone(), Vec::new());
    tokio::spawn(async move { opened.write_all(&sent).await.expect("written") });
    accepted.read_to_end(&mut heard).await.unwrap();
    assert!(heard == all);
    assert_eq!(accepted.close().await.unwrap(), v1::TcpState::LastAck);
    released.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_end_one_by_one() {
    let (_world, client) = world().await;
    let (opened, mut accepted) = connected(&client).await;
    let (mut reading, mut writing) = opened.into_split();
    writing.write_all(b"hello").await.unwrap();
    drop(writing);
    let mut heard = Vec::new();
    accepted.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"hello");
    let (from, to) = accepted.split();
    assert_eq!(from.id(), to.id());
    to.write_all(b"goodbye").await.unwrap();
    let mut answer = [0; 7];
    reading.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"goodbye");
    drop(reading);
    accepted.wait_for([v1::TcpState::CloseWait]).await.unwrap();
    assert_eq!(accepted.close().await.unwrap(), v1::TcpState::LastAck);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accept_that_is_given_up_loses_no_connection() {
    let (_world, client) = world().await;
    let listener = TcpListener::bind(&client.stack("lab/b"), web()).await.unwrap();
    assert!(once(listener.accept()).await.is_none());
    let stack = client.stack("lab/a");
    let first = TcpStream::connect(&stack, web()).await.unwrap();
    let second = TcpStream::connect(&stack, web()).await.unwrap();
    // Two wait, and each has one.
    let (one, other) = tokio::join!(listener.accept(), listener.accept());
    let mut from = [one.unwrap().1, other.unwrap().1];
    let mut those = [first.local_addr(), second.local_addr()];
    from.sort();
    those.sort();
    assert_eq!(from, those);

    // What was taken for nobody ends with the listener.
    assert!(once(listener.accept()).await.is_none());
    let mut third = TcpStream::connect(&stack, web()).await.unwrap();
    drop(listener);
    let reset = third.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_utilities_of_tokio_run_over_it() {
    let (_world, client) = world().await;
    let (mut near, mut far) = connected(&client).await;
    let all = octets(3 << 20);
    // What comes in goes back, until its end.
    let echo = tokio::spawn(async move {
        let (mut from, mut to) = tokio::io::split(&mut far);
        let count = tokio::io::copy(&mut from, &mut to).await?;
        to.shutdown().await.map(|()| count)
    });
    let (from, to) = near.split();
    let write = async {
        assert!(to.is_write_vectored());
        let (head, tail) = all.split_at(11);
        let pieces = [IoSlice::new(head), IoSlice::new(&[]), IoSlice::new(tail)];
        let count = to.write_vectored(&pieces).await.unwrap();
        assert!(count > head.len(), "{count}");
        to.write_all(&all[count..]).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let mut heard = Vec::new();
    let (_, count) = tokio::join!(write, from.read_to_end(&mut heard));
    assert_eq!(count.unwrap(), all.len());
    assert!(heard == all);
    assert_eq!(echo.await.unwrap().unwrap(), all.len() as u64);
}

async fn answer(request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    let path = request.uri().path().to_owned();
    let asked = request.into_body().collect().await?.to_bytes();
    Ok(Response::new(Full::from([path.as_bytes(), &asked].concat())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_runs_over_it() {
    let (_world, client) = world().await;
    let listener = TcpListener::bind(&client.stack("lab/b"), web()).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = hyper::service::service_fn(answer);
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    let stream = TcpStream::connect(&client.stack("lab/a"), web()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    for size in [0, 1, 300_000] {
        let body = octets(size);
        let request =
            Request::post("/there").header("host", "web").body(Full::<Bytes>::from(body.clone())).unwrap();
        sender.ready().await.unwrap();
        let response = sender.send_request(request).await.unwrap();
        let heard = response.into_body().collect().await.unwrap().to_bytes();
        assert!(heard == [&b"/there"[..], &body].concat(), "{size}");
    }
    drop(sender);
    connection.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_runs_over_it() {
    let (_world, client) = world().await;
    let (near, far) = connected(&client).await;
    let service = hyper::service::service_fn(answer);
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    tokio::spawn(builder.serve_connection(TokioIo::new(far), service));
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    let ask = |number: usize| {
        let (mut sender, body) = (sender.clone(), octets(number * 10_000));
        async move {
            let request = Request::post(format!("http://web/{number}"))
                .body(Full::<Bytes>::from(body.clone()))
                .unwrap();
            let response = sender.send_request(request).await.unwrap();
            let heard = response.into_body().collect().await.unwrap().to_bytes();
            assert!(heard == [format!("/{number}").as_bytes(), &body].concat(), "{number}");
        }
    };
    tokio::join!(ask(1), ask(20), ask(3), ask(4));
}

/// The Linux kernel at the other end, on loopback; nothing where the server may not open raw sockets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kernel_is_a_peer_like_any_other() {
    let world = World::start().await;
    let client = world.client().await;
    let link = v1::RawIp { addresses: vec!["127.0.0.1".to_owned()], ..Default::default() };
    let request =
        v1::AttachRequest { link: Some(v1::attach_request::Link::RawIp(link)), ..Default::default() };
    let attached = match client.networks.clone().attach(request).await {
        Ok(attached) => attached.into_inner().stack.expect("a stack"),
        Err(status) if status.code() == tonic::Code::PermissionDenied => {
            println!("SKIPPED: no raw sockets here: {}", status.message());
            return;
        }
        Err(status) => panic!("{status}"),
    };
    let stack = client.stack(attached.name);

    // Who opens is ours.
    let kernel = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let opened = TcpStream::connect(&stack, kernel.local_addr().unwrap()).await.unwrap();
    let (accepted, from) = kernel.accept().await.unwrap();
    assert_eq!(from, opened.local_addr());
    exchange(opened, accepted).await;

    // Who accepts is ours.
    let listener = TcpListener::bind(&stack, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (kernel, accepted) =
        tokio::join!(tokio::net::TcpStream::connect(listener.local_addr()), listener.accept());
    exchange(accepted.unwrap().0, kernel.unwrap()).await;

    // Nothing but loopback is allowed.
    let denied = TcpStream::connect(&stack, "192.0.2.1:9".parse().unwrap()).await.unwrap_err();
    assert_eq!((denied.kind(), errno(&denied)), (ErrorKind::PermissionDenied, Some(1)));
}

/// Octets both ways at once, and both half-closes.
async fn exchange(ours: impl AsyncRead + AsyncWrite + Unpin, kernel: impl AsyncRead + AsyncWrite + Unpin) {
    let (there, back) = (octets(300_000), octets(200_000));
    async fn side(mut stream: impl AsyncRead + AsyncWrite + Unpin, says: &[u8]) -> Vec<u8> {
        let (mut from, mut to) = tokio::io::split(Pin::new(&mut stream));
        let write = async {
            to.write_all(says).await?;
            to.shutdown().await
        };
        let mut heard = Vec::new();
        let (written, read) = tokio::join!(write, from.read_to_end(&mut heard));
        written.and(read.map(drop)).expect("no error");
        heard
    }
    let (ours, kernel) = tokio::join!(side(ours, &there), side(kernel, &back));
    assert!(ours == back && kernel == there);
}
