//! Bearer tokens: given, missing, wrong, changed.

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use sockwright_proto::v1::WatchRequest;
use sockwright_proto::v1::events_client::EventsClient;
use sockwright_server::access::tokens::make;
use sockwright_server::config::Limits;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::rig::{Rig, Ways, bearing, call, call_with, is_asked_who, within};

/// One may read the figures, once a second.
const FIGURES: &str = r#"
    [identities]
    "token:prometheus" = ["viewer"]
    "*" = ["guest"]
    [roles.guest]
    [roles.viewer]
    see = "all"
    [roles.viewer.limits]
    calls_per_second = 1
"#;

const TOKENS: Ways = Ways { tls: false, certificates: false, tokens: true };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_known_is_all_it_takes_and_nothing_less_is_enough() {
    let rig = Rig::start(Ways { tls: true, ..TOKENS }, Limits::default()).await;
    let token = rig.write_token("ci");
    rig.access.reload().unwrap();
    let channel = rig.https(&rig.authority, None).await.unwrap();
    call_with(channel.clone(), &token).await.unwrap();
    assert!(is_asked_who(call(channel.clone()).await), "none");
    for wrong in ["sockwright_00", "", &token[..token.len() - 1], &format!("{token}0")] {
        assert!(is_asked_who(call_with(channel.clone(), wrong).await), "{wrong}");
    }
    call_with(channel, &token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_does_not_make_good_a_wrong_token() {
    let rig = Rig::start(Ways { tls: true, certificates: true, tokens: true }, Limits::default()).await;
    let own = rig.authority.client("spiffe://lab/ci");
    let channel = rig.https(&rig.authority, Some(&own)).await.unwrap();
    call(channel.clone()).await.unwrap();
    assert!(is_asked_who(call_with(channel, "sockwright_00").await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_change_while_a_stream_goes_on() {
    let rig = Rig::start(TOKENS, Limits::default()).await;
    let old = rig.write_token("ci");
    rig.access.reload().unwrap();
    let channel = rig.http().await.unwrap();
    let watch = bearing(WatchRequest::default(), &old);
    let mut watch = EventsClient::new(channel.clone()).watch(watch).await.unwrap().into_inner();
    watch.message().await.unwrap().expect("a snapshot");

    let new = rig.write_token("ci");
    call_with(channel.clone(), &old).await.expect("nothing changes before it is read");
    rig.access.reload().unwrap();
    call_with(channel.clone(), &new).await.unwrap();
    assert!(is_asked_who(call_with(channel.clone(), &old).await));
    let next = watch.message();
    tokio::pin!(next);
    let still = tokio::select! {
        biased;
        ended = &mut next => Some(ended),
        called = call_with(channel.clone(), &new) => { called.unwrap(); None }
    };
    assert!(still.is_none(), "the stream was begun by one who was known: {still:?}");

    std::fs::write(rig.file("tokens.toml"), "[[token]]\nname = \"ci\"\n").unwrap();
    assert!(rig.access.reload().unwrap_err().contains("tokens.toml"));
    call_with(channel, &new).await.expect("what was, stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_the_page_are_for_everybody_and_figures_are_not() {
    let rig = Rig::under(TOKENS, Limits::default(), Some(FIGURES)).await;
    let [(token, first), (guest, second)] = ["prometheus", "guest"].map(|name| make(name, &[]).unwrap());
    std::fs::write(rig.file("tokens.toml"), first + &second).unwrap();
    rig.access.reload().unwrap();
    let channel = rig.http().await.unwrap();
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap();
    let get = async |path: &str, token: Option<&str>| {
        let stream = tokio::net::TcpStream::connect(rig.address).await.unwrap();
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.unwrap();
        tokio::spawn(connection);
        let mut request = http::Request::get(path).header("host", "localhost");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
    };
    assert_eq!(get("/", None).await.0.status, 200);
    let (refused, said) = get("/metrics", None).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.headers["www-authenticate"], "Bearer");
    assert!(said.contains("authorization: Bearer"), "{said}");
    assert_eq!(get("/metrics", Some("wrong")).await.0.status, 401);
    let (refused, said) = get("/metrics", Some(&guest)).await;
    assert!(refused.status == 403 && said.contains("see = \"all\""), "{said}");
    let (told, figures) = get("/metrics", Some(&token)).await;
    assert!(told.status == 200 && figures.contains("# EOF"), "{figures}");
    let audited = within(async {
        loop {
            let text = std::fs::read_to_string(rig.file("audit.jsonl")).unwrap();
            if text.contains("token:guest") {
                break text;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let told = |identity: &str, code: &str| {
        let is_of = |line: &str| {
            line.contains(identity) && line.contains(code) && line.contains(r#""method":"metrics""#)
        };
        audited.lines().any(is_of)
    };
    assert!(told("nobody", "UNAUTHENTICATED") && told("token:guest", "PERMISSION_DENIED"), "{audited}");
    // They are admitted as calls are.
    let (refused, said) = within(async {
        loop {
            let got = get("/metrics", Some(&token)).await;
            if got.0.status != 200 {
                break got;
            }
        }
    })
    .await;
    assert!(refused.status == 429 && said.contains("1 calls in a second"), "{said}");
    assert_eq!(refused.headers["retry-after"], "1");
}

#[tokio::test]
async fn calls_of_nobody_are_in_the_audit_log_and_cannot_fill_it() {
    let rig = Rig::start(Ways { tokens: true, ..Ways::default() }, Limits::default()).await;
    let channel = rig.http().await.unwrap();
    let began = std::time::Instant::now();
    for _ in 0..50 {
        assert!(is_asked_who(call_with(channel.clone(), "sockwright_wrong").await));
    }
    let at_most = 1 + began.elapsed().as_secs() as usize;
    let lines = loop {
        let text = std::fs::read_to_string(rig.file("audit.jsonl")).unwrap();
        if text.contains('\n') {
            break text;
        }
        tokio::task::yield_now().await;
    };
    assert!((1..=at_most).contains(&lines.lines().count()), "{lines}");
    let told = r#""identity":"nobody","peer":"127.0.0.1:"#;
    assert!(lines.contains(told) && lines.contains(r#""method":"Sockets/List""#), "{lines}");
    assert!(lines.contains(r#""code":"UNAUTHENTICATED""#) && !lines.contains("sockwright_wrong"), "{lines}");
}
