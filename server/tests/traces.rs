//! Traces: what is in the file, what is missing and told, and how they end.

mod common;

use std::time::Duration;

use common::capture::{self, Contents};
use common::trace::{self, Trace};
use common::watch::Watch;
use common::{World, address, lab_request, refusal};
use serde_json::{Value, json};
use sockwright_proto::v1::{self as pb, Clock, event};
use sockwright_server::config::{Config, Limits};
use sockwright_server::hub::HubConfig;
use tonic::{Code, Request};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

async fn session(world: &World) -> String {
    world.open_session(Duration::from_secs(3600), pb::OnExpiry::Unspecified).await
}

fn of_session(session: &str) -> pb::TracesStartRequest {
    pb::TracesStartRequest { session: session.to_owned(), ..Default::default() }
}

async fn start(world: &World, request: pb::TracesStartRequest) -> String {
    trace::start(&world.traces, request).await.unwrap().trace
}

async fn close(world: &World, session: &str) {
    let request = pb::SessionsCloseRequest { session: session.to_owned(), ..Default::default() };
    world.sessions.clone().close(request).await.unwrap();
}

/// A connection in the session's lab, which carries so much.
async fn talk(world: &World, session: &str, octets: usize) -> (u64, u64) {
    let (_, client, server) = world.pair_of("lab", session).await;
    world.send(client, &vec![7; octets]).await.unwrap();
    world.recv_exactly(server, octets).await;
    (client, server)
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

fn all_kinds() -> Vec<pb::EventKind> {
    (1..).map_while(|kind| pb::EventKind::try_from(kind).ok()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_of_a_session_has_what_happened_to_it_and_nothing_else() {
    let world = World::start().await;
    let own = session(&world).await;
    world.lab_named("other", Clock::Virtual, "").await;
    let mut watch = Watch::begin(world.events.clone(), &all_kinds()).await;
    let request = pb::TracesStartRequest { title: "a title".to_owned(), ..of_session(&own) };
    let started = trace::start(&world.traces, request).await.unwrap();

    // The lab comes when the trace runs already.
    let request = pb::CreateLabRequest { seed: 7, ..lab_request("lab", Clock::Virtual, &own) };
    world.networks.clone().create_lab(request).await.unwrap();
    let (client, server) = talk(&world, &own, 5000).await;
    // A socket of nobody on the session's stack, and a connection elsewhere.
    let nobodys = world.socket("lab/a").await;
    let request =
        pb::ConnectRequest { socket: nobodys, remote: Some(address("10.0.0.2", 9)), ..Default::default() };
    assert_eq!(refusal(world.sockets.clone().connect(request).await.map(drop)).1, "ECONNREFUSED");
    world.pair_of("other", "").await;
    let trace = trace::take(&world.traces, &started.trace).await;
    let end = trace.summary.at.unwrap().seq;
    world.lab_named("last", Clock::Virtual, "").await;
    let after = world.socket("last/a").await;

    let mut watched = Vec::new();
    loop {
        let event = watch.next().await.unwrap();
        if event.socket == after {
            break;
        }
        if event.stack.starts_with("lab/") && event.seq <= end {
            watched.push(event);
        }
    }
    assert_eq!(trace.events, watched);
    let segments = |event: &&pb::Event| matches!(event.kind, Some(event::Kind::SegmentSent(_)));
    assert!(watched.iter().filter(segments).count() > 6);

    let manifest = &trace.manifest;
    assert_eq!((&manifest["format"], &manifest["version"]), (&json!("sockwright-trace"), &json!(1)));
    assert_eq!((&manifest["title"], &manifest["trace"]), (&json!("a title"), &json!(started.trace)));
    assert_eq!(manifest["asked"], json!({ "session": own, "title": "a title" }));
    let at = started.at.unwrap();
    assert_eq!(manifest["server"]["epoch"], at.epoch.to_string());
    assert_eq!((number(&manifest["start"]["seq"]), number(&manifest["end"]["seq"])), (at.seq, end));
    assert_eq!((&manifest["end"]["by"], &manifest["missing"]), (&json!("STOP"), &json!([])));
    assert_eq!(manifest["environment"]["arch"], std::env::consts::ARCH);
    let labs = manifest["labs"].as_array().unwrap();
    assert_eq!(labs.len(), 1);
    assert_eq!((&labs[0]["lab"]["name"], &labs[0]["lab"]["seed"]), (&json!("lab"), &json!("7")));
    assert_eq!(labs[0]["lab"]["links"][0]["impairments"], json!({ "delay": "0.001s", "queueLimit": 1000 }));
    let stacks = manifest["stacks"].as_array().unwrap();
    assert_eq!(stacks.iter().map(|stack| &stack["stack"]["name"]).collect::<Vec<_>>(), ["lab/a", "lab/b"]);
    let last = watched.iter().filter(|event| event.stack == "lab/a").map(|event| event.time_ns).max();
    assert!(number(&stacks[0]["startNs"]) == 0 && number(&stacks[0]["endNs"]) >= last.unwrap());
    assert_eq!(stacks[0]["interfaces"], json!([{ "mtu": 1500, "checksums": false, "segmentation": false }]));

    // What went over the link is there twice: as it left and as it arrived.
    let packets = trace.packets.unwrap();
    let contents = Contents::of(&packets);
    assert_eq!(contents.packets.len() as u64, trace.summary.packets);
    assert!(contents.packets.iter().all(|packet| packet.interface.starts_with("lab/")));
    let sent = contents.packets.iter().filter(|packet| packet.flags == 2).count();
    assert_eq!(sent, watched.iter().filter(segments).count());
    assert_eq!(sent * 2, contents.packets.len());
    for socket in [client, server, nobodys] {
        let of = format!("socket={socket}");
        assert!(contents.packets.iter().any(|packet| packet.comment.split(' ').any(|word| word == of)));
    }
    if let Some(lines) = capture::tshark(&packets, &["tcp.checksum.status", "_ws.malformed"]) {
        assert_eq!(lines.len(), contents.packets.len());
        assert!(lines.iter().all(|line| line[0] == "1" && line[1].is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_told_with_what_they_carried_and_how_they_ended() {
    let limits = Limits { traces: 32, captures: 32, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() }).await;
    let own = session(&world).await;
    world.lab_named("lab", Clock::Virtual, &own).await;
    let there =
        world.create(pb::CreateRequest { stack: "lab/a".to_owned(), ..Default::default() }).await.unwrap();
    let mut traces = Vec::new();
    for _ in 0..32 {
        traces.push(start(&world, of_session(&own)).await);
    }
    world.socket("lab/b").await;
    let (client, server) = talk(&world, &own, 1000).await;
    let refused = world.create(pb::CreateRequest {
        stack: "lab/a".to_owned(),
        session: own.clone(),
        label: "web".to_owned(),
        ..Default::default()
    });
    let refused = refused.await.unwrap();
    assert!(world.connect(refused).await.is_err());
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut request = Request::new(pb::GetInfoRequest { socket: client });
    let parent = format!("00-{id}-00f067aa0ba902b7-01");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    world.sockets.clone().get_info(request).await.unwrap();
    // One that is under way, and one that nobody waits for any more.
    let mut sockets = world.sockets.clone();
    let waiting = tokio::spawn(async move {
        _ = sockets.recv(pb::RecvRequest { socket: server, ..Default::default() }).await;
    });
    let cancelled = tokio::time::timeout(Duration::from_millis(50), world.recv(client)).await;
    assert!(cancelled.is_err());
    // Calls of others, and of nobody.
    world.networks.clone().list_labs(pb::ListLabsRequest::default()).await.unwrap();
    session(&world).await;
    // The server hears of what is cancelled in its own time.
    let mut taken = None;
    for trace in traces {
        let trace = trace::take(&world.traces, &trace).await;
        let cancelled = |call: &&Value| call["status"]["code"] == "CANCELLED";
        if trace.calls_of("Sockets/Recv").iter().any(cancelled) {
            taken = Some(trace);
            break;
        }
    }
    let trace = taken.unwrap();
    waiting.abort();

    assert_eq!(trace.sockets.iter().map(|socket| socket.socket).collect::<Vec<_>>(), [there]);
    let creates = trace.calls_of("Sockets/Create");
    assert_eq!(creates.len(), 4);
    assert_eq!(creates[3]["request"], json!({ "stack": "lab/a", "session": own, "label": "web" }));
    assert_eq!(creates[3]["response"]["socket"], refused.to_string());
    for call in &trace.calls[..trace.calls.len() - 1] {
        let (start, end) = (&call["start"], &call["end"]);
        assert!(
            number(&start["seq"]) <= number(&end["seq"]) && start["time"].as_str() <= end["time"].as_str()
        );
    }
    let connect = trace.calls_of("Sockets/Connect");
    assert_eq!(connect[0]["status"], json!({ "code": "OK" }));
    assert_eq!(connect[1]["request"]["remote"], json!({ "ip": "10.0.0.2", "port": 80 }));
    assert_eq!(
        (&connect[1]["status"]["code"], &connect[1]["status"]["errno"]),
        (&json!("UNAVAILABLE"), &json!("ECONNREFUSED"))
    );
    assert!(connect[1].get("response").is_none());
    let send = trace.calls_of("Sockets/Send");
    assert_eq!(send[0]["cut"], json!({ "request.data": 1000 }));
    // 256 octets in base64.
    assert_eq!(send[0]["request"]["data"].as_str().unwrap().len(), 344);
    assert_eq!(send[0]["response"]["accepted"], 1000);
    assert_eq!(trace.calls_of("Sockets/GetInfo").last().unwrap()["traceId"], id);
    let receives = trace.calls_of("Sockets/Recv");
    let ended = |code: &str| receives.iter().filter(|call| call["status"]["code"] == code).count();
    assert!(ended("OK") > 0 && ended("CANCELLED") == 1, "{receives:?}");
    let open = trace.calls.last().unwrap();
    assert_eq!(
        (&open["method"], &open["request"]["socket"]),
        (&json!("/sockwright.v1.Sockets/Recv"), &json!(server.to_string()))
    );
    assert!(open.get("end").is_none() && open.get("status").is_none());
    for method in ["Networks/ListLabs", "Sessions/Open", "Traces/Stop", "Traces/Start"] {
        assert_eq!(trace.calls_of(method), Vec::<&Value>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_says_what_a_trace_is_of() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let (_, client, server) = world.pair_of("lab", "").await;
    let filter = pb::Filter { sockets: vec![client], ..Default::default() };
    let trace = start(&world, pb::TracesStartRequest { filter: Some(filter), ..Default::default() }).await;
    let kinds = vec![pb::EventKind::TcpStateChanged.into()];
    let request = pb::TracesStartRequest {
        filter: Some(pb::Filter { kinds, ..Default::default() }),
        no_packets: true,
        ..Default::default()
    };
    let states = start(&world, request).await;
    world.send(client, b"hello").await.unwrap();
    world.recv_exactly(server, 5).await;
    world.shutdown_write(client).await;
    let trace = trace::take(&world.traces, &trace).await;
    assert!(!trace.events.is_empty() && trace.events.iter().all(|event| event.socket == client));
    assert_eq!(trace.sockets.iter().map(|socket| socket.socket).collect::<Vec<_>>(), [client]);
    let methods: Vec<_> = trace.calls.iter().map(|call| call["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["/sockwright.v1.Sockets/Send", "/sockwright.v1.Sockets/Shutdown"]);
    let of = format!("socket={client}");
    let packets = Contents::of(&trace.packets.unwrap()).packets;
    assert!(!packets.is_empty() && packets.iter().all(|packet| packet.comment.contains(&of)));

    let states = trace::take(&world.traces, &states).await;
    assert!(!states.events.is_empty());
    assert!(states.events.iter().all(|event| matches!(event.kind, Some(event::Kind::TcpStateChanged(_)))));
    assert!(states.packets.is_none() && states.calls.len() == 3, "{:?}", states.calls);
    assert_eq!(states.manifest["files"].get("packets.pcapng"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_room_is_told() {
    let world = World::start().await;
    let own = session(&world).await;
    world.lab_named("lab", Clock::Virtual, &own).await;
    let limits =
        Some(pb::TraceLimits { event_bytes: 3000, packet_bytes: 4000, call_bytes: 1000, log_bytes: 0 });
    let trace = start(&world, pb::TracesStartRequest { limits, ..of_session(&own) }).await;
    talk(&world, &own, 50_000).await;
    let trace = trace::take(&world.traces, &trace).await;

    let missing = trace.manifest["missing"].as_array().unwrap();
    let of = |file: &str| missing.iter().find(|missing| missing["file"] == file).unwrap();
    for (file, limit) in [("events.binpb", 3000), ("packets.pcapng", 4000), ("calls.jsonl", 1000)] {
        assert_eq!(of(file)["why"], "LIMIT", "{file}");
        let bytes = number(&trace.manifest["files"][file]["bytes"]);
        assert!(bytes > limit / 2 - 500 && bytes <= limit, "{file}: {bytes}");
    }
    assert_eq!(trace.summary.incomplete, ["calls.jsonl", "events.binpb", "packets.pcapng"]);
    // Whole events, and behind them the hole, up to the end.
    let hole = of("events.binpb");
    assert_eq!(number(&hole["after"]), trace.events.last().unwrap().seq);
    assert_eq!(hole["through"], trace.manifest["end"]["seq"]);
    assert_eq!(trace.manifest["limits"]["eventBytes"], "3000");
    let packets = Contents::of(&trace.packets.unwrap()).packets;
    assert_eq!(packets.len() as u64, trace.summary.packets);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_were_forgotten_before_they_were_read_are_a_hole() {
    // Every turn of a thread that tells more than this leaves nothing behind of what it told first.
    let hub = HubConfig { remember: 8, ..HubConfig::default() };
    let world = World::with(Config { hub, ..Config::default() }).await;
    let own = session(&world).await;
    world.lab_named("lab", Clock::Virtual, &own).await;
    let trace = start(&world, of_session(&own)).await;
    talk(&world, &own, 400_000).await;
    let trace = trace::take(&world.traces, &trace).await;
    let holes: Vec<(u64, u64)> = trace.manifest["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hole| {
            assert_eq!((&hole["file"], &hole["why"]), (&json!("events.binpb"), &json!("TOO_SLOW")));
            (number(&hole["after"]), number(&hole["through"]))
        })
        .collect();
    assert!(!holes.is_empty());
    for (after, through) in holes {
        assert!(after < through);
        assert!(trace.events.iter().all(|event| event.seq <= after || event.seq > through));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_ends_with_its_session_and_waits_to_be_fetched_once() {
    let limits = Limits { trace_linger: Duration::from_millis(300), ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() }).await;
    let own = session(&world).await;
    world.lab_named("lab", Clock::Virtual, &own).await;
    let trace = start(&world, of_session(&own)).await;
    let (client, _) = talk(&world, &own, 10).await;
    close(&world, &own).await;
    world.lab_named("lab", Clock::Virtual, "").await;
    world.pair_of("lab", "").await;
    let listed = world.traces.clone().list(pb::TracesListRequest {}).await.unwrap().into_inner().traces;
    assert!(matches!(&listed[..], [only] if only.trace == trace && only.session == own));
    let name = trace;
    let trace = trace::take(&world.traces, &name).await;
    assert_eq!(trace.manifest["end"]["by"], "SESSION");
    // The end itself is in it, and the lab as it was; what came later is not.
    let released = |event: &&pb::Event| matches!(event.kind, Some(event::Kind::Released(_)));
    let ends: Vec<u64> = trace.events.iter().filter(released).map(|event| event.socket).collect();
    assert!(ends.contains(&client), "{ends:?}");
    let opened = trace.events.iter().filter(|event| matches!(event.kind, Some(event::Kind::Opened(_))));
    assert_eq!(opened.count(), 3);
    assert_eq!(trace.manifest["labs"][0]["lab"]["session"], own);
    assert_eq!(trace.calls_of("Sessions/Close").len(), 1);

    let again = trace::stop(&world.traces, &name, false).await.map(drop);
    assert_eq!(refusal(again), (Code::NotFound, "ENOENT".to_owned()));

    // Nobody comes for this one.
    let own = session(&world).await;
    let trace = start(&world, of_session(&own)).await;
    close(&world, &own).await;
    let gone = async {
        while !world
            .traces
            .clone()
            .list(pb::TracesListRequest {})
            .await
            .unwrap()
            .into_inner()
            .traces
            .is_empty()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    assert_eq!(refusal(trace::stop(&world.traces, &trace, false).await.map(drop)).0, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_goes_away_may_come_again() {
    let world = World::start().await;
    let own = session(&world).await;
    world.lab_named("lab", Clock::Virtual, &own).await;
    let trace = start(&world, of_session(&own)).await;
    let (_, client, server) = world.pair_of("lab", &own).await;
    // More than is on its way at once, and nothing that becomes less when it is compressed.
    let mut state = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(60_000)
    .collect();
    for _ in 0..100 {
        world.send(client, &noise).await.unwrap();
        world.recv_exactly(server, noise.len()).await;
    }
    let request = pb::TracesStopRequest { trace: trace.clone(), discard: false };
    let mut stream = world.traces.clone().stop(request).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    drop(stream);
    let whole = trace::take(&world.traces, &trace).await;
    assert_eq!(first.part, Some(pb::traces_stop_response::Part::Summary(whole.summary)));
    assert_eq!(refusal(trace::stop(&world.traces, &trace, false).await.map(drop)).0, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_are_so_many_and_one_that_is_discarded_makes_room() {
    let limits = Limits { traces: 2, captures: 2, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() }).await;
    let own = session(&world).await;
    let everything = || pb::TracesStartRequest { filter: Some(pb::Filter::default()), ..Default::default() };
    let first = start(&world, everything()).await;
    start(&world, of_session(&own)).await;
    let more = trace::start(&world.traces, everything()).await.map(drop);
    assert_eq!(refusal(more), (Code::ResourceExhausted, "ENOBUFS".to_owned()));
    let (summary, octets) = trace::stop(&world.traces, &first, true).await.unwrap();
    assert!(summary == pb::TraceSummary::default() && octets.is_empty());
    assert_eq!(refusal(trace::stop(&world.traces, &first, true).await.map(drop)).0, Code::NotFound);
    // Its thread lets go of the capture in its own time.
    let again = async {
        while let Err(status) = trace::start(&world.traces, everything()).await {
            assert_eq!(status.code(), Code::ResourceExhausted);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_traced_is_refused_by_name() {
    let world = World::start().await;
    let own = session(&world).await;
    let filter = pb::Filter { ports: vec![70_000], ..Default::default() };
    for (request, code, said) in [
        (pb::TracesStartRequest::default(), Code::InvalidArgument, "session:"),
        (of_session("s-1"), Code::NotFound, "s-1"),
        (
            pb::TracesStartRequest { title: "x".repeat(257), ..of_session(&own) },
            Code::InvalidArgument,
            "title:",
        ),
        (
            pb::TracesStartRequest { filter: Some(filter), ..Default::default() },
            Code::InvalidArgument,
            "filter.ports",
        ),
    ] {
        let status = trace::start(&world.traces, request).await.map(drop).unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(said), "{status}");
    }
    for name in ["", "t-", "t-1", "t-01", "1", &"x".repeat(1000)] {
        for discard in [false, true] {
            let status = trace::stop(&world.traces, name, discard).await.map(drop).unwrap_err();
            assert_eq!(status.code(), Code::NotFound, "{name}: {status}");
        }
    }
    // A second call with the same key begins nothing.
    let request = pb::TracesStartRequest { idempotency_key: "key".to_owned(), ..of_session(&own) };
    let first = start(&world, request.clone()).await;
    assert_eq!(start(&world, request).await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_is_gone_with_its_server() {
    let mut world = World::start().await;
    let own = session(&world).await;
    let trace = start(&world, of_session(&own)).await;
    world.stop().await.unwrap();
    let again = World::start().await;
    assert_eq!(refusal(trace::stop(&again.traces, &trace, false).await.map(drop)).0, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_the_log_are_those_of_the_trace() {
    _ = tracing_subscriber::registry().with(sockwright_server::traces::log_layer()).try_init();
    let world = World::start().await;
    let own = session(&world).await;
    let trace = start(&world, of_session(&own)).await;
    world.lab_named("own-lab", Clock::Virtual, &own).await;
    world.lab_named("others-lab", Clock::Virtual, "").await;
    tracing::info!(session = own, number = 3, "a line of the session");
    tracing::warn!("a line of nobody");
    tracing::debug!(session = own, "too little to be told");
    let Trace { log, manifest, .. } = trace::take(&world.traces, &trace).await;
    let find = |message: &str| log.iter().find(|line| line["message"] == message);
    let line = find("a line of the session").unwrap();
    assert_eq!((&line["level"], &line["target"]), (&json!("INFO"), &json!("traces")));
    assert_eq!(line["fields"], json!({ "session": own, "number": 3 }));
    assert!(line["time"].as_str() >= manifest["start"]["time"].as_str());
    assert_eq!(find("a line of nobody").unwrap()["level"], "WARN");
    assert!(find("too little to be told").is_none());
    let labs: Vec<&Value> = log.iter().map(|line| &line["fields"]["lab"]).collect();
    assert!(labs.contains(&&json!("own-lab")) && !labs.contains(&&json!("others-lab")), "{labs:?}");
}
