//! Connections on which nothing happens: they keep their places for a while, and those of one source for nobody else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use sockwright_server::config::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::rig::{Rig, Ways, call_with, within};

const TOKENS: Ways = Ways { tls: false, certificates: false, tokens: true };
/// The preface of HTTP/2, and SETTINGS that set nothing.
const BEGINNING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Until the server ends it.
async fn cut(stream: &mut (impl AsyncReadExt + Unpin)) {
    within(async { while stream.read(&mut [0; 1024]).await.is_ok_and(|octets| octets > 0) {} }).await;
}

/// Whether the server has not ended it.
fn is_there(stream: &TcpStream) -> bool {
    loop {
        match stream.try_read(&mut [0; 1024]) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }
}

/// A client that tells how often it had to connect.
async fn counting(rig: &Rig) -> (Channel, Arc<AtomicUsize>) {
    let (address, connected) = (rig.address, Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&connected);
    let connector = tower::service_fn(move |_: http::Uri| {
        count.fetch_add(1, Ordering::Relaxed);
        async move { TcpStream::connect(address).await.map(TokioIo::new) }
    });
    let endpoint = Endpoint::from_static("http://localhost");
    (endpoint.connect_with_connector(connector).await.unwrap(), connected)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_speaks_http_is_cut_with_tls_and_without_and_who_did_stays() {
    let limits = Limits { handshake_time: Duration::from_secs(2), ..Limits::default() };
    let rig = Rig::start(Ways::default(), limits.clone()).await;
    let mut begun = TcpStream::connect(rig.address).await.unwrap();
    begun.write_all(BEGINNING).await.unwrap();
    let mut half = TcpStream::connect(rig.address).await.unwrap();
    half.write_all(&BEGINNING[..20]).await.unwrap();
    let mut silent = TcpStream::connect(rig.address).await.unwrap();
    cut(&mut half).await;
    cut(&mut silent).await;
    assert!(is_there(&begun), "nobody is asked who he is here, and he has spoken");

    let rig = Rig::start(Ways { tls: true, ..Ways::default() }, limits).await;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(rig.authority.client_config()));
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut shaken = connector.connect(name, stream).await.unwrap();
    cut(&mut shaken).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_proved_nothing_is_cut_when_idle_and_who_has_or_has_a_stream_is_not() {
    let limits = Limits { idle_of_nobody: Duration::from_secs(2), ..Limits::default() };
    let rig = Rig::start(TOKENS, limits).await;
    let token = rig.write_token("ci");
    rig.access.reload().unwrap();
    let (known, connected) = counting(&rig).await;
    call_with(known.clone(), &token).await.unwrap();
    let (watching, _) = counting(&rig).await;
    let mut watch =
        HealthClient::new(watching).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    watch.message().await.unwrap().expect("it serves");

    let mut idle = TcpStream::connect(rig.address).await.unwrap();
    idle.write_all(BEGINNING).await.unwrap();
    cut(&mut idle).await;
    // Both have been silent for longer than that.
    let next = tokio::time::timeout(Duration::ZERO, watch.message()).await;
    assert!(next.is_err(), "the stream goes on: {next:?}");
    call_with(known, &token).await.unwrap();
    assert_eq!(connected.load(Ordering::Relaxed), 1, "by the same connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_of_nobody_leaves_calls_for_others_and_does_not_last() {
    let (few, age) = (4, Duration::from_secs(2));
    let limits = Limits { calls_of_nobody_per_connection: few, age_of_nobody: age, ..Limits::default() };
    let rig = Rig::start(TOKENS, limits).await;
    let (channel, connected) = counting(&rig).await;
    let mut client = HealthClient::new(channel);
    let mut watches = Vec::new();
    for _ in 0..few {
        watches.push(client.watch(HealthCheckRequest::default()).await.unwrap().into_inner());
    }
    assert_eq!(connected.load(Ordering::Relaxed), 1);
    let refused = client.watch(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted, "{refused}");
    assert!(refused.message().contains("on one connection"), "{refused}");
    let (other, _) = counting(&rig).await;
    HealthClient::new(other).check(HealthCheckRequest::default()).await.unwrap();
    for watch in &mut watches {
        within(async { while watch.message().await.is_ok_and(|told| told.is_some()) {} }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_source_has_its_share_of_connections() {
    let rig = Rig::start(Ways::default(), Limits { connections_per_source: 2, ..Limits::default() }).await;
    let from = async |ip: [u8; 4]| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((ip, 0))).unwrap();
        let mut stream = socket.connect(rig.address).await.unwrap();
        _ = stream.write_all(BEGINNING).await;
        stream
    };
    let taken =
        async |stream: &mut TcpStream| within(stream.read(&mut [0; 1])).await.is_ok_and(|octets| octets > 0);
    let (mut first, mut second) = (from([127, 0, 0, 1]).await, from([127, 0, 0, 1]).await);
    assert!(taken(&mut first).await && taken(&mut second).await);
    assert!(!taken(&mut from([127, 0, 0, 1]).await).await, "one too many");
    assert!(taken(&mut from([127, 0, 0, 2]).await).await, "there is room for others");
    drop(first);
    within(async { while !taken(&mut from([127, 0, 0, 1]).await).await {} }).await;
}
