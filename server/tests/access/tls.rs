//! TLS: who is let in, what a stranger sees, and what does not hold up anybody else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use sockwright_server::config::{AccessConfig, Config, Limits, TlsFiles};
use sockwright_server::server::Server;
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsConnector;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::authority::Authority;
use crate::rig::{Rig, Ways, call, is_asked_who, within};

const TLS: Ways = Ways { tls: true, certificates: false, tokens: false };
const MUTUAL: Ways = Ways { tls: true, certificates: true, tokens: false };

/// A call over TLS, whatever goes wrong at whichever step: with TLS 1.3 a client learns only after its own handshake that its
/// certificate is not wanted.
async fn succeeds(channel: Result<Channel, tonic::transport::Error>) -> bool {
    match channel {
        Ok(channel) => call(channel).await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_over_tls_to_who_believes_the_server() {
    let rig = Rig::start(TLS, Limits::default()).await;
    assert!(succeeds(rig.https(&rig.authority, None).await).await);
    assert!(rig.https(&Authority::new("of nobody"), None).await.is_err(), "the client is not deceived");
    assert!(!succeeds(rig.http().await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_certificates_are_all_there_is_only_who_has_a_good_one_comes_in() {
    let rig = Rig::start(MUTUAL, Limits::default()).await;
    let ours = &rig.authority;
    let good = ours.client("spiffe://lab/ci");
    assert!(succeeds(rig.https(ours, Some(&good)).await).await);
    // Health is for everybody: it is the handshake that fails.
    let asked = async {
        let mut health = HealthClient::new(rig.https(ours, None).await.ok()?);
        health.check(HealthCheckRequest::default()).await.ok()
    };
    assert!(asked.await.is_none(), "without one");
    let other = Authority::new("of the lab").client("spiffe://lab/ci");
    assert!(!succeeds(rig.https(ours, Some(&other)).await).await, "by an authority of the same name");
    let old = ours.expired_client("spiffe://lab/ci");
    assert!(!succeeds(rig.https(ours, Some(&old)).await).await, "one that is too old");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_tokens_are_taken_too_a_certificate_may_be_missing_but_not_wrong() {
    let ways = Ways { tokens: true, ..MUTUAL };
    let rig = Rig::start(ways, Limits::default()).await;
    let ours = &rig.authority;
    let good = ours.client("spiffe://lab/ci");
    assert!(succeeds(rig.https(ours, Some(&good)).await).await);
    assert!(is_asked_who(call(rig.https(ours, None).await.unwrap()).await));
    let old = ours.expired_client("spiffe://lab/ci");
    assert!(!succeeds(rig.https(ours, Some(&old)).await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_text_at_a_tls_port_gets_an_alert_and_an_end() {
    let rig = Rig::start(TLS, Limits::default()).await;
    let address = rig.address;
    let got = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).map(|_| got)
    });
    let got = got.await.unwrap().expect("a FIN, not a RST");
    // A record of type alert (21), and in it a fatal one (2).
    assert_eq!((got.first(), got.get(5)), (Some(&21), Some(&2)), "{got:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_slow_to_shake_hands_holds_up_nobody_and_gives_way() {
    let limits = Limits { handshakes: 4, handshake_time: Duration::from_secs(3600), ..Limits::default() };
    let rig = Rig::start(TLS, limits).await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(tokio::net::TcpStream::connect(rig.address).await.unwrap());
    }
    assert!(succeeds(rig.https(&rig.authority, None).await).await);
    // The oldest ones were closed for those that came after them.
    for stream in &mut slow[..4] {
        assert_eq!(within(stream.read(&mut [0; 1])).await.unwrap_or(0), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_has_its_time_and_no_more() {
    let limits = Limits { handshake_time: Duration::from_millis(50), ..Limits::default() };
    let rig = Rig::start(TLS, limits).await;
    let mut slow = tokio::net::TcpStream::connect(rig.address).await.unwrap();
    assert_eq!(within(slow.read(&mut [0; 1])).await.unwrap_or(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_too_many_is_closed_and_its_place_comes_back() {
    let rig = Rig::start(TLS, Limits { connections: 1, ..Limits::default() }).await;
    let first = rig.https(&rig.authority, None).await.unwrap();
    call(first.clone()).await.unwrap();
    assert!(!succeeds(rig.https(&rig.authority, None).await).await);
    drop(first);
    within(async { while !succeeds(rig.https(&rig.authority, None).await).await {} }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_used_when_its_files_are_there_and_old_connections_stay() {
    let rig = Rig::start(TLS, Limits::default()).await;
    let old = rig.https(&rig.authority, None).await.unwrap();
    call(old.clone()).await.unwrap();
    let next = Authority::new("of the next year");
    rig.write_pair(&next.server());
    within(async { while !succeeds(rig.https(&next, None).await).await {} }).await;
    call(old).await.expect("a connection keeps what it began with");
    assert!(rig.https(&rig.authority, None).await.is_err(), "the old one is not shown any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_do_not_fit_together_change_nothing() {
    let rig = Rig::start(TLS, Limits::default()).await;
    let next = Authority::new("of the next year").server();
    std::fs::write(rig.file("cert.pem"), &next.cert).unwrap();
    let problem = rig.access.reload().unwrap_err();
    assert!(problem.contains("cert.pem") && problem.contains("key.pem"), "{problem}");
    assert!(succeeds(rig.https(&rig.authority, None).await).await);
    std::fs::write(rig.file("key.pem"), "nothing").unwrap();
    assert!(rig.access.reload().unwrap_err().contains("no private key"));
    std::fs::remove_file(rig.file("cert.pem")).unwrap();
    assert!(rig.access.reload().unwrap_err().contains("cert.pem"));
    assert!(succeeds(rig.https(&rig.authority, None).await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_calls_over_tls_in_http_1() {
    let rig = Rig::start(TLS, Limits::default()).await;
    let mut config = rig.authority.client_config();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = tokio::net::TcpStream::connect(rig.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post("/sockwright.v1.Sockets/List")
        .header("host", "localhost")
        .header("content-type", "application/grpc-web+proto")
        .body(Full::new(Bytes::from_static(&[0; 5])))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains("grpc-status:0"), "{text}");
}

#[tokio::test]
async fn an_address_for_everybody_is_refused_by_the_library_too() {
    let refused = Server::bind("0.0.0.0:0", Config::default()).await.err().unwrap();
    assert!(refused.to_string().contains("--insecure"), "{refused}");
    let insecure = AccessConfig { insecure: true, ..AccessConfig::default() };
    Server::bind("0.0.0.0:0", Config { access: insecure, ..Config::default() }).await.unwrap();
    let tls = TlsFiles { cert: "/nothing.pem".into(), key: "/nothing.key".into(), client_ca: None };
    let access = AccessConfig { tls: Some(tls), ..AccessConfig::default() };
    let refused = Server::bind("127.0.0.1:0", Config { access, ..Config::default() }).await.err().unwrap();
    assert!(refused.to_string().contains("/nothing.pem"), "{refused}");
}
