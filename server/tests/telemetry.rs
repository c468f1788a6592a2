//! What a server tells of its calls: spans in the traces of their callers, and log lines.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use sockwright_proto::v1 as pb;
use sockwright_proto::v1::events_client::EventsClient;
use sockwright_proto::v1::networks_client::NetworksClient;
use sockwright_proto::v1::sessions_client::SessionsClient;
use sockwright_proto::v1::sockets_client::SocketsClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// A server in a process of its own, which ends with it.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sockwrightd"))
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .env_remove("RUST_LOG")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
        Process { child, address }
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// Asks it to end, and gives what it wrote to stderr.
    fn end(mut self) -> String {
        let ended = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(ended.success());
        let mut written = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut written).unwrap();
        assert!(self.child.wait().unwrap().success());
        written
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The collector's side of OTLP.
struct Collector(mpsc::UnboundedSender<(Option<Resource>, Span)>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_resource in request.into_inner().resource_spans {
            for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                _ = self.0.send((of_resource.resource.clone(), span));
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Where a collector listens, and what it gets.
async fn collector() -> (String, mpsc::UnboundedReceiver<(Option<Resource>, Span)>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (spans, collected) = mpsc::unbounded_channel();
    let serving = tonic::transport::Server::builder().add_service(TraceServiceServer::new(Collector(spans)));
    tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
    (address, collected)
}

fn texts(attributes: &[KeyValue]) -> Vec<(&str, &str)> {
    attributes
        .iter()
        .filter_map(|attribute| match attribute.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => Some((attribute.key.as_str(), text.as_str())),
            _ => None,
        })
        .collect()
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A request of a caller that is in a trace.
fn traced<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let parent = format!("00-{TRACE}-{CALLER}-01");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    request
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_spans_of_calls_and_of_streams_are_in_the_trace_of_their_caller() {
    let (address, mut collected) = collector().await;
    let server =
        Process::start(&[], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &address), ("OTEL_BSP_SCHEDULE_DELAY", "20")]);
    let channel = server.channel().await;
    let open = traced(pb::OpenRequest { lease: None, ..Default::default() });
    SessionsClient::new(channel.clone()).open(open).await.unwrap();
    let mut events = EventsClient::new(channel.clone());
    let mut watch = events.watch(traced(pb::WatchRequest::default())).await.unwrap().into_inner();
    watch.message().await.unwrap().unwrap();
    // Nobody's trace.
    let unknown = pb::CreateRequest { stack: "nowhere".to_owned(), ..Default::default() };
    SocketsClient::new(channel.clone()).create(unknown).await.unwrap_err();
    drop(watch);

    let mut found = std::collections::BTreeMap::new();
    while found.len() < 3 {
        let (resource, span) = collected.recv().await.unwrap();
        let service = resource.unwrap();
        assert!(texts(&service.attributes).contains(&("service.name", "sockwrightd")));
        found.insert(span.name.clone(), span);
    }
    for (name, code) in [("sockwright.v1.Sessions/Open", "OK"), ("sockwright.v1.Events/Watch", "CANCELLED")] {
        let span = &found[name];
        assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.to_owned(), CALLER.to_owned()));
        assert_ne!(hex(&span.span_id), CALLER);
        assert_eq!(span.kind(), SpanKind::Server);
        assert!(span.end_time_unix_nano > span.start_time_unix_nano);
        let attributes = texts(&span.attributes);
        assert!(attributes.contains(&("rpc.system.name", "grpc")), "{attributes:?}");
        assert!(attributes.contains(&("rpc.method", name)), "{attributes:?}");
        assert!(attributes.contains(&("rpc.response.status_code", code)), "{attributes:?}");
        assert!(attributes.contains(&("client.address", "127.0.0.1")), "{attributes:?}");
        let status = span.status.clone().unwrap_or_default();
        assert_eq!(status.code(), StatusCode::Unset, "neither is an error of the server");
    }
    let own = &found["sockwright.v1.Sockets/Create"];
    assert!(own.parent_span_id.is_empty() && hex(&own.trace_id) != TRACE);
    assert_eq!(server.end(), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_spans_are_sent_as_the_server_ends() {
    let (address, mut collected) = collector().await;
    let server = Process::start(
        &[],
        &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &address), ("OTEL_BSP_SCHEDULE_DELAY", "3600000")],
    );
    let channel = server.channel().await;
    let list = traced(pb::ListLabsRequest::default());
    NetworksClient::new(channel).list_labs(list).await.unwrap();
    server.end();
    assert_eq!(collected.recv().await.unwrap().1.name, "sockwright.v1.Networks/ListLabs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_not_there_disturbs_nobody() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = Process::start(
        &["--log", "off"],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &address), ("OTEL_BSP_SCHEDULE_DELAY", "1")],
    );
    let channel = server.channel().await;
    for _ in 0..50 {
        NetworksClient::new(channel.clone()).list_labs(pb::ListLabsRequest::default()).await.unwrap();
    }
    assert_eq!(server.end(), "");
}

/// The fields of a line about a call: its own, and those of the span that it is in.
fn line_of(written: &str, method: &str) -> serde_json::Value {
    let lines = written.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut of_method = lines.filter(|line| line["message"] == "rpc" && line["span"]["method"] == method);
    of_method.next().unwrap_or_else(|| panic!("no line about {method}: {written}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_line_tells_a_call_its_peer_its_session_and_its_trace() {
    let server = Process::start(&["--log-format", "json", "--log", "sockwright_server=debug"], &[]);
    let channel = server.channel().await;
    let mut sessions = SessionsClient::new(channel.clone());
    let session = sessions.open(traced(pb::OpenRequest::default())).await.unwrap().into_inner().session;
    let stacks = vec![pb::LabStack { name: "a".to_owned(), ..Default::default() }];
    let lab = pb::CreateLabRequest {
        name: "lab".to_owned(),
        stacks,
        session: session.clone(),
        ..Default::default()
    };
    NetworksClient::new(channel.clone()).create_lab(traced(lab)).await.unwrap();
    let unknown = pb::AbortRequest { socket: 4711 };
    SocketsClient::new(channel).abort(unknown).await.unwrap_err();

    let written = server.end();
    let line = line_of(&written, "sockwright.v1.Networks/CreateLab");
    assert_eq!((line["level"].as_str(), line["code"].as_str()), (Some("DEBUG"), Some("OK")), "{line}");
    assert_eq!(line["target"], "sockwright_server::rpc");
    assert!(line["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{line}");
    assert_eq!(line["span"]["session"], session.as_str());
    assert_eq!(line["span"]["trace_id"], TRACE);
    assert!(line["span"]["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
    let line = line_of(&written, "sockwright.v1.Sockets/Abort");
    assert_eq!(line["code"], "NOT_FOUND");
    assert!(line["span"].get("trace_id").is_none(), "{line}");

    // What a call had done is told within it.
    let created = written.lines().find(|line| line.contains("lab created")).unwrap();
    let created: serde_json::Value = serde_json::from_str(created).unwrap();
    assert_eq!((created["lab"].as_str(), created["span"]["trace_id"].as_str()), (Some("lab"), Some(TRACE)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_lines_are_for_people_and_there_are_none_unless_asked() {
    for (arguments, told) in [(&["-v"][..], true), (&[], false)] {
        let server = Process::start(arguments, &[]);
        let channel = server.channel().await;
        NetworksClient::new(channel).list_labs(pb::ListLabsRequest::default()).await.unwrap();
        let written = server.end();
        let line = written.lines().find(|line| line.contains("sockwright.v1.Networks/ListLabs"));
        assert_eq!(line.is_some_and(|line| line.contains("code=\"OK\" ms=")), told, "{written}");
    }
}

#[test]
fn a_filter_that_cannot_be_read_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_sockwrightd")).args(["--log", "a=b=c"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--log"));
}
