//! What a browser gets at the server's address: the files of `dashboard/dist`, and the services by gRPC-Web, over HTTP/1.

mod common;

use std::io::Read;
use std::path::{Path, PathBuf};

use common::{World, lab_request};
use flate2::read::GzDecoder;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use prost::Message;
use sockwright_proto::v1::watch_response::Part;
use sockwright_proto::v1::{self as pb, Clock};
use sockwright_server::config::Config;

/// One request over a connection of its own.
async fn ask<B>(world: &World, request: Request<B>) -> Response<Incoming>
where
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

async fn get(world: &World, path: &str, headers: &[(&str, &str)]) -> (http::response::Parts, Bytes) {
    fetch(world, "GET", path, headers).await
}

async fn fetch(
    world: &World,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (http::response::Parts, Bytes) {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = ask(world, request.body(Empty::<Bytes>::new()).unwrap()).await;
    let (parts, body) = response.into_parts();
    (parts, body.collect().await.unwrap().to_bytes())
}

fn header_of<'p>(parts: &'p http::response::Parts, name: &str) -> &'p str {
    parts.headers.get(name).unwrap_or_else(|| panic!("no {name}: {parts:?}")).to_str().unwrap()
}

/// What a page of this server may run, show and call, and who may show it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn dist() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboard/dist")
}

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files_below(&path, found),
            false => found.push(path),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_file_of_the_build_is_served_as_it_is_and_compressed() {
    let world = World::start().await;
    let mut files = Vec::new();
    files_below(&dist(), &mut files);
    assert!(files.len() > 2, "{files:?}");
    for file in files {
        let path = format!("/{}", file.strip_prefix(dist()).unwrap().display());
        let octets = std::fs::read(&file).unwrap();

        let (plain, body) = get(&world, &path, &[]).await;
        assert_eq!(plain.status, StatusCode::OK, "{path}");
        assert!(!plain.headers.contains_key(header::CONTENT_ENCODING), "{path}");
        assert_eq!(body, octets, "{path}");

        let (packed, body) = get(&world, &path, &[("accept-encoding", "gzip, deflate, br")]).await;
        assert!(body.len() <= octets.len());
        if body != octets {
            assert_eq!(header_of(&packed, "content-encoding"), "gzip");
            assert_ne!(header_of(&packed, "etag"), header_of(&plain, "etag"), "{path}");
            let mut unpacked = Vec::new();
            GzDecoder::new(body.as_ref()).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, octets, "{path}");
        }
        assert_eq!(header_of(&packed, "vary"), "accept-encoding");

        let (_, body) = get(&world, &path, &[("accept-encoding", "gzip;q=0, br")]).await;
        assert_eq!(body, octets, "{path}: gzip was refused");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_for_traces_is_saved_and_not_shown() {
    let world = World::start().await;
    let (parts, body) = get(&world, "/trace.html", &[]).await;
    assert_eq!(header_of(&parts, "content-disposition"), "attachment; filename=\"sockwright-trace.html\"");
    let page = String::from_utf8(body.to_vec()).unwrap();
    let policy =
        page.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("connect-src") && !policy.contains("unsafe"), "{policy}");
    let (root, _) = get(&world, "/", &[]).await;
    assert!(!root.headers.contains_key(header::CONTENT_DISPOSITION));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_at_the_root_and_runs_only_what_this_server_serves() {
    let world = World::start().await;
    let (parts, body) = get(&world, "/", &[]).await;
    assert_eq!(parts.status, StatusCode::OK);
    assert_eq!(header_of(&parts, "content-type"), "text/html; charset=utf-8");
    assert_eq!(body, std::fs::read(dist().join("index.html")).unwrap());
    for path in ["/", "/assets/index.js", "/nothing"] {
        let (parts, _) = get(&world, path, &[]).await;
        assert_eq!(header_of(&parts, "content-security-policy"), POLICY, "{path}");
        assert_eq!(header_of(&parts, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header_of(&parts, "referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header_of(&parts, "cross-origin-opener-policy"), "same-origin", "{path}");
    }

    let (script, _) = get(&world, "/assets/index.js", &[]).await;
    assert_eq!(header_of(&script, "content-type"), "text/javascript; charset=utf-8");
    let (style, _) = get(&world, "/assets/index.css", &[]).await;
    assert_eq!(header_of(&style, "content-type"), "text/css; charset=utf-8");
    let (icon, _) = get(&world, "/icon.svg", &[]).await;
    assert_eq!(header_of(&icon, "content-type"), "image/svg+xml");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_still_holds_is_not_sent_again() {
    let world = World::start().await;
    let (first, _) = get(&world, "/assets/index.js", &[]).await;
    assert_eq!(header_of(&first, "cache-control"), "no-cache");
    let tag = header_of(&first, "etag");
    for known in [tag.to_owned(), format!("W/{tag}"), format!("\"another\", {tag}"), "*".to_owned()] {
        let (again, body) = get(&world, "/assets/index.js", &[("if-none-match", &known)]).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(header_of(&again, "etag"), tag);
        assert!(body.is_empty());
    }
    // The other form of the file is another representation.
    let packed = [("accept-encoding", "gzip"), ("if-none-match", tag)];
    let (packed, body) = get(&world, "/assets/index.js", &packed).await;
    assert_eq!((packed.status, body.is_empty()), (StatusCode::OK, false));
    let (other, body) = get(&world, "/assets/index.js", &[("if-none-match", "\"another\"")]).await;
    assert_eq!(other.status, StatusCode::OK);
    assert!(!body.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_tells_what_get_would_and_sends_nothing() {
    let world = World::start().await;
    let (got, body) = get(&world, "/", &[]).await;
    let (head, nothing) = fetch(&world, "HEAD", "/", &[]).await;
    assert_eq!(head.status, StatusCode::OK);
    assert!(nothing.is_empty());
    assert_eq!(header_of(&head, "content-length"), body.len().to_string());
    assert_eq!(header_of(&head, "etag"), header_of(&got, "etag"));
    let known = [("if-none-match", header_of(&got, "etag"))];
    assert_eq!(fetch(&world, "HEAD", "/", &known).await.0.status, StatusCode::NOT_MODIFIED);
    assert_eq!(fetch(&world, "HEAD", "/nothing", &[]).await.0.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_404() {
    let world = World::start().await;
    for path in [
        "/nothing",
        "/assets/",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/index.html/x",
        "/sockwright.v1.Sockets/List",
        "//",
    ] {
        let (parts, body) = get(&world, path, &[]).await;
        assert_eq!(parts.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(header_of(&parts, "content-type"), "text/plain; charset=utf-8");
        assert!(body.ends_with(b"The page is at /.\n"), "{path}: {body:?}");
    }
}

/// A unary request as gRPC-Web frames it: no flags, a length, the message.
fn framed(message: &impl Message) -> Bytes {
    let octets = message.encode_to_vec();
    let mut frame = vec![0];
    frame.extend(u32::try_from(octets.len()).unwrap().to_be_bytes());
    frame.extend(octets);
    frame.into()
}

async fn call(world: &World, method: &str, message: &impl Message) -> Response<Incoming> {
    let request = Request::post(format!("/sockwright.v1.{method}"))
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/grpc-web+proto")
        .header("x-grpc-web", "1")
        .body(Full::new(framed(message)))
        .unwrap();
    ask(world, request).await
}

/// Takes one frame from the front: its flags and what it holds.
async fn frame(response: &mut Response<Incoming>, held: &mut Vec<u8>) -> (u8, Vec<u8>) {
    loop {
        if let Some(length) = held.get(1..5) {
            let end = 5 + u32::from_be_bytes(length.try_into().unwrap()) as usize;
            if held.len() >= end {
                let rest = held.split_off(end);
                let frame = std::mem::replace(held, rest);
                return (frame[0], frame[5..].to_vec());
            }
        }
        let more = response.frame().await.expect("a frame").unwrap();
        held.extend(more.into_data().unwrap());
    }
}

/// The flag of a frame that holds trailers.
const TRAILERS: u8 = 0x80;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_by_grpc_web_is_answered_with_its_trailers_in_the_body() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let mut response = call(&world, "Networks/ListLabs", &pb::ListLabsRequest::default()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/grpc-web+proto");
    let mut held = Vec::new();
    let (flags, message) = frame(&mut response, &mut held).await;
    assert_eq!(flags, 0);
    let labs = pb::ListLabsResponse::decode(message.as_slice()).unwrap().labs;
    assert_eq!(labs.len(), 1);
    let (flags, trailers) = frame(&mut response, &mut held).await;
    assert_eq!(flags, TRAILERS);
    assert!(String::from_utf8(trailers).unwrap().contains("grpc-status:0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_by_grpc_web_names_its_errno() {
    let world = World::start().await;
    let response = call(&world, "Sockets/GetInfo", &pb::GetInfoRequest { socket: 7 }).await;
    // An answer that is nothing but trailers has them in its head.
    assert_eq!(response.headers()["grpc-status"], "5");
    assert_eq!(response.headers()["sockwright-errno"], "EBADF");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_by_grpc_web_streams_as_things_happen() {
    let world = World::start().await;
    let mut response = call(&world, "Events/Watch", &pb::WatchRequest::default()).await;
    let mut held = Vec::new();
    let mut part = async || {
        let (flags, message) = frame(&mut response, &mut held).await;
        assert_eq!(flags, 0);
        pb::WatchResponse::decode(message.as_slice()).unwrap().part.unwrap()
    };
    assert!(matches!(part().await, Part::Snapshot(snapshot) if snapshot.last));
    // Made after the first part came: the stream is not held back until its end.
    world.lab(Clock::Virtual).await;
    let socket = world.socket("lab/a").await;
    let Part::Events(batch) = part().await else { panic!("no events") };
    assert_eq!(batch.events[0].socket, socket);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_place_cannot_call_the_services() {
    // Of another program on this machine: others are refused whatever they ask.
    const ELSEWHERE: &str = "http://localhost:8080";
    let world = World::start().await;
    // Without leave from the server (there is none), a browser keeps the answer of any request that another place's page
    // made; and what it sends without asking first is no gRPC-Web.
    let asked = Request::options("/sockwright.v1.Networks/CreateLab")
        .header(header::HOST, "localhost")
        .header(header::ORIGIN, ELSEWHERE)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type,x-grpc-web")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = ask(&world, asked).await;
    assert!(!response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "{response:?}");
    let unasked = Request::post("/sockwright.v1.Networks/CreateLab")
        .header(header::HOST, "localhost")
        .header(header::ORIGIN, ELSEWHERE)
        .header(header::CONTENT_TYPE, "text/plain")
        .body(Full::new(framed(&lab_request("lab", Clock::Virtual, ""))))
        .unwrap();
    assert_eq!(ask(&world, unasked).await.status(), StatusCode::BAD_REQUEST);
    let labs =
        world.networks.clone().list_labs(pb::ListLabsRequest::default()).await.unwrap().into_inner().labs;
    assert!(labs.is_empty(), "{labs:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_was_made_to_lead_here_gets_nothing() {
    let world = World::start().await;
    for path in ["/", "/metrics", "/assets/index.js"] {
        let request = Request::get(path).header(header::HOST, "evil.example:50051");
        let response = ask(&world, request.body(Empty::<Bytes>::new()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
    }
    let call = |host: &str, origin: &str| {
        Request::post("/sockwright.v1.Sockets/List")
            .header(header::HOST, host)
            .header(header::ORIGIN, origin)
            .header(header::CONTENT_TYPE, "application/grpc-web+proto")
            .body(Full::new(Bytes::from_static(&[0, 0, 0, 0, 0])))
            .unwrap()
    };
    for (host, origin, status) in [
        ("evil.example:50051", "http://evil.example:50051", StatusCode::MISDIRECTED_REQUEST),
        ("localhost:50051", "http://evil.example", StatusCode::FORBIDDEN),
        ("localhost:50051", "http://localhost:50051", StatusCode::OK),
    ] {
        assert_eq!(ask(&world, call(host, origin)).await.status(), status, "{origin} to {host}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_was_told_is_ours() {
    let config = Config { hosts: vec!["peers.example".to_owned()], ..Config::default() };
    let world = World::with(config).await;
    let request = Request::get("/").header(header::HOST, "peers.example");
    let response = ask(&world, request.body(Empty::<Bytes>::new()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
}
