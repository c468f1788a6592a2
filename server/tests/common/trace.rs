//! The file of a trace, taken apart.

use std::io::{Cursor, Read};

use prost::Message;
use serde_json::Value;
use sockwright_proto::v1::traces_client::TracesClient;
use sockwright_proto::v1::{self as pb, traces_stop_response::Part};
use tonic::Status;
use tonic::transport::Channel;
use zip::ZipArchive;

/// What is in it.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) summary: pb::TraceSummary,
    pub(crate) manifest: Value,
    pub(crate) sockets: Vec<pb::SocketSummary>,
    pub(crate) events: Vec<pb::Event>,
    pub(crate) calls: Vec<Value>,
    pub(crate) log: Vec<Value>,
    pub(crate) packets: Option<Vec<u8>>,
}

/// Begins a trace.
pub(crate) async fn start(
    traces: &TracesClient<Channel>,
    request: pb::TracesStartRequest,
) -> Result<pb::TracesStartResponse, Status> {
    Ok(traces.clone().start(request).await?.into_inner())
}

/// Ends one: its summary, and its octets.
pub(crate) async fn stop(
    traces: &TracesClient<Channel>,
    trace: &str,
    discard: bool,
) -> Result<(pb::TraceSummary, Vec<u8>), Status> {
    let request = pb::TracesStopRequest { trace: trace.to_owned(), discard };
    let mut stream = traces.clone().stop(request).await?.into_inner();
    let Some(Part::Summary(summary)) = stream.message().await?.and_then(|response| response.part) else {
        panic!("it begins with a summary")
    };
    let mut octets = Vec::new();
    while let Some(response) = stream.message().await? {
        match response.part {
            Some(Part::Zip(more)) => octets.extend_from_slice(&more),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(summary.bytes, octets.len() as u64);
    Ok((summary, octets))
}

/// Ends one, and takes it apart.
pub(crate) async fn take(traces: &TracesClient<Channel>, trace: &str) -> Trace {
    let (summary, octets) = stop(traces, trace, false).await.unwrap();
    Trace::of(summary, octets)
}

impl Trace {
    pub(crate) fn of(summary: pb::TraceSummary, octets: Vec<u8>) -> Trace {
        let mut zip = ZipArchive::new(Cursor::new(octets)).unwrap();
        assert_eq!(zip.by_index(0).unwrap().name().unwrap(), "trace.json");
        let mut read = |name: &str| {
            let mut contents = Vec::new();
            zip.by_name(name).ok()?.read_to_end(&mut contents).unwrap();
            Some(contents)
        };
        let manifest: Value = serde_json::from_slice(&read("trace.json").unwrap()).unwrap();
        let files = manifest["files"].as_object().unwrap();
        for (name, figures) in files {
            assert_eq!(figures["bytes"], read(name).unwrap().len().to_string(), "{name}");
        }
        let trace = Trace {
            summary,
            sockets: messages(&read("sockets.binpb").unwrap()),
            events: messages(&read("events.binpb").unwrap()),
            calls: lines(&read("calls.jsonl").unwrap()),
            log: lines(&read("log.jsonl").unwrap()),
            packets: read("packets.pcapng"),
            manifest,
        };
        for (name, count) in [
            ("sockets.binpb", trace.sockets.len()),
            ("events.binpb", trace.events.len()),
            ("calls.jsonl", trace.calls.len()),
            ("log.jsonl", trace.log.len()),
        ] {
            assert_eq!(trace.manifest["files"][name]["count"], count.to_string(), "{name}");
        }
        assert_eq!(trace.summary.events, trace.events.len() as u64);
        assert_eq!(trace.summary.calls, trace.calls.len() as u64);
        trace
    }

    /// The calls of a method.
    pub(crate) fn calls_of(&self, method: &str) -> Vec<&Value> {
        let path = format!("/sockwright.v1.{method}");
        self.calls.iter().filter(|call| call["method"] == path.as_str()).collect()
    }
}

fn messages<M: Message + Default>(mut octets: &[u8]) -> Vec<M> {
    let mut messages = Vec::new();
    while !octets.is_empty() {
        messages.push(M::decode_length_delimited(&mut octets).unwrap());
    }
    messages
}

fn lines(octets: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(octets).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
