//! `/metrics`: what it says is what happened.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::metrics::Scrape;
use common::{World, address, duration, lab_request};
use sockwright_proto::v1::event::Kind;
use sockwright_proto::v1::{self as pb, Clock, EventKind, TcpState};

/// A lab whose link loses every fifth frame or so.
async fn lossy_lab(world: &World) -> String {
    let mut request = lab_request("lab", Clock::Virtual, "");
    let loss =
        pb::Impairments { delay: Some(duration(Duration::from_millis(1))), loss: 0.2, ..Default::default() };
    request.links[0].impairments = Some(loss);
    request.seed = 7;
    world.networks.clone().create_lab(request).await.unwrap().into_inner().lab.unwrap().name
}

/// Retransmissions by reason, with the names that counters have.
fn reasons(counts: &BTreeMap<&str, f64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(labels, count)| (labels.trim_matches(['"', '}']).to_owned(), *count as u64)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_and_retransmissions_by_reason_are_those_that_a_watcher_saw() {
    let world = World::start().await;
    let lab = lossy_lab(&world).await;
    let kinds = [
        EventKind::Released,
        EventKind::Retransmission,
        EventKind::SegmentSent,
        EventKind::SegmentReceived,
        EventKind::SegmentDropped,
    ];
    let mut watch = world.watch(&kinds).await;
    let (client, server) = world.pair(&lab).await;
    let data = vec![7; 200_000];
    let (sent, received) = tokio::join!(
        async {
            for part in data.chunks(10_000) {
                world.send(client, part).await.unwrap();
            }
            world.shutdown_write(client).await;
        },
        world.recv_exactly(server, data.len())
    );
    assert_eq!((sent, received.len()), ((), data.len()));
    world.close(server).await.unwrap();
    world.close(client).await.unwrap();
    world.wait_released(client, None).await;
    world.wait_released(server, None).await;

    // Nothing happens any more: what the watcher saw up to here is all there was.
    let (mut sent, mut received, mut released) = (0, 0, 0);
    let (mut again, mut drops) = (BTreeMap::new(), BTreeMap::new());
    while released < 2 {
        match watch.next().await.unwrap().kind.unwrap() {
            Kind::SegmentSent(_) => sent += 1,
            Kind::SegmentReceived(_) => received += 1,
            Kind::SegmentDropped(dropped) => *drops.entry(dropped.reason).or_insert(0) += 1,
            Kind::Retransmission(event) => {
                let name = event.reason().as_str_name().trim_start_matches("RETRANSMISSION_REASON_");
                *again.entry(name.to_owned()).or_insert(0) += 1;
            }
            Kind::Released(_) => released += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(again.values().sum::<u64>() > 10, "{again:?}");

    let scrape = Scrape::of(world.address).await;
    let of_labs = |name: &str| scrape.value(&format!("{name}{{stack=\"(labs)\"}}"));
    assert_eq!(of_labs("sockwright_segments_sent_total"), f64::from(sent));
    assert_eq!(of_labs("sockwright_segments_received_total"), f64::from(received));
    assert_eq!(of_labs("sockwright_received_bytes_total"), data.len() as f64);
    assert!(of_labs("sockwright_sent_bytes_total") > data.len() as f64);
    let counted = scrape.beginning("sockwright_retransmissions_total{stack=\"(labs)\",reason=");
    assert_eq!(reasons(&counted), again);
    let counted = scrape.beginning("sockwright_drops_total{stack=\"(labs)\",reason=");
    assert_eq!(reasons(&counted), drops);
    assert!(of_labs("sockwright_turn_duration_seconds_count") > 0.0);
    assert_eq!(scrape.value("sockwright_threads_silent"), 0.0);

    // An ended lab is not forgotten.
    let delete = pb::DeleteLabRequest { name: lab };
    world.networks.clone().delete_lab(delete).await.unwrap();
    let after = Scrape::of(world.address).await;
    assert_eq!((after.value("sockwright_labs"), scrape.value("sockwright_labs")), (0.0, 1.0));
    assert_eq!(reasons(&after.beginning("sockwright_retransmissions_total{stack=\"(labs)\",reason=")), again);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_are_counted_by_state() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let state = |scrape: &Scrape, kind: &str, state: &str| {
        scrape.value(&format!("sockwright_sockets{{kind=\"{kind}\",state=\"{state}\"}}"))
    };
    let (client, _) = world.pair(&lab).await;
    let datagram = pb::SocketKind::Datagram.into();
    let datagrams = pb::CreateRequest { stack: format!("{lab}/a"), kind: datagram, ..Default::default() };
    world.create(datagrams).await.unwrap();
    let scrape = Scrape::of(world.address).await;
    assert_eq!(state(&scrape, "STREAM", "ESTABLISHED"), 2.0);
    assert_eq!(state(&scrape, "STREAM", "LISTEN"), 1.0);
    assert_eq!(state(&scrape, "STREAM", "SYN_SENT"), 0.0);
    assert_eq!(state(&scrape, "DATAGRAM", "UNBOUND"), 1.0);
    assert_eq!(scrape.value("sockwright_sockets_opened_total{kind=\"STREAM\"}"), 3.0);

    world.shutdown_write(client).await;
    world.wait_for_state(client, TcpState::FinWait2, None).await;
    let scrape = Scrape::of(world.address).await;
    assert_eq!(state(&scrape, "STREAM", "FIN_WAIT_2"), 1.0);
    assert_eq!(state(&scrape, "STREAM", "CLOSE_WAIT"), 1.0);
    assert_eq!(state(&scrape, "STREAM", "ESTABLISHED"), 0.0);
    assert_eq!(scrape.beginning("sockwright_sockets{").values().sum::<f64>(), 4.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_counted_by_method_and_code() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let socket = world.socket(&format!("{lab}/a")).await;
    world.abort(socket).await.unwrap();
    world.recv(socket).await.unwrap_err();
    let listener = world.listener(&format!("{lab}/b")).await;
    let mut watch = world.watch(&[EventKind::Opened]).await;
    let mut waiting = Box::pin(world.accept(listener));
    // Its request is on its way, and once it is there the call is parked.
    let parked = async {
        loop {
            let scrape = Scrape::of(world.address).await;
            if scrape.value("sockwright_calls_parked{stack=\"(labs)\"}") == 1.0 {
                return scrape;
            }
        }
    };
    let scrape = tokio::select! {
        scrape = parked => scrape,
        accepted = &mut waiting => panic!("{accepted:?}"),
    };

    let labels =
        |service: &str, method: &str| format!("service=\"sockwright.v1.{service}\",method=\"{method}\"");
    let ended = |scrape: &Scrape, service: &str, method: &str, code: &str| {
        let labels = labels(service, method);
        scrape.value(&format!("sockwright_rpcs_total{{{labels},code=\"{code}\"}}"))
    };
    let of = |name: &str, service: &str, method: &str| format!("{name}{{{}}}", labels(service, method));
    assert_eq!(ended(&scrape, "Sockets", "Create", "OK"), 2.0);
    assert_eq!(ended(&scrape, "Sockets", "Recv", "NOT_FOUND"), 1.0);
    assert_eq!(scrape.value(&of("sockwright_rpc_duration_seconds_count", "Sockets", "Create")), 2.0);
    let quick = "sockwright_rpc_duration_seconds_bucket{le=\"+Inf\",";
    assert_eq!(scrape.value(&format!("{quick}{}}}", labels("Sockets", "Create"))), 2.0);
    assert_eq!(scrape.value(&of("sockwright_rpcs_under_way", "Sockets", "Accept")), 1.0);
    assert_eq!(scrape.value(&of("sockwright_rpcs_under_way", "Events", "Watch")), 1.0);
    assert_eq!(scrape.value(&of("sockwright_rpc_messages_sent_total", "Events", "Watch")), 1.0);
    assert_eq!(scrape.value(&of("sockwright_rpc_messages_received_total", "Events", "Watch")), 1.0);
    assert_eq!(scrape.value("sockwright_watchers{delivery=\"LOSSLESS\"}"), 1.0);

    // A client that goes away cancels.
    drop(waiting);
    let opened = world.socket(&format!("{lab}/a")).await;
    assert_eq!(watch.next().await.unwrap().socket, opened);
    drop(watch);
    let gone = loop {
        let scrape = Scrape::of(world.address).await;
        if scrape.value("sockwright_watchers{delivery=\"LOSSLESS\"}") == 0.0
            && scrape.value("sockwright_calls_parked{stack=\"(labs)\"}") == 0.0
        {
            break scrape;
        }
    };
    assert_eq!(ended(&gone, "Sockets", "Accept", "CANCELLED"), 1.0);
    assert_eq!(ended(&gone, "Events", "Watch", "CANCELLED"), 1.0);
    assert_eq!(gone.value(&of("sockwright_rpc_messages_sent_total", "Events", "Watch")), 2.0);
    assert_eq!(gone.value("sockwright_watch_events_total{delivery=\"LOSSLESS\"}"), 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_disturbs_no_virtual_clock() {
    let world = World::start().await;
    let lab = world.lab(Clock::Manual).await;
    let before = world.advance(&lab, Duration::from_secs(1)).await.time_ns;
    for _ in 0..10 {
        Scrape::of(world.address).await;
    }
    assert_eq!(world.advance(&lab, Duration::from_secs(1)).await.time_ns, before + 1_000_000_000);
}

/// Metrics that the queries of the dashboard name.
fn asked_for(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_part(c));
    words
        .filter(|word| ["sockwright_", "process_"].iter().any(|start| word.starts_with(start)))
        .map(str::to_owned)
        .collect()
}

/// Every expression of a query, wherever it is.
fn expressions(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("expr" | "query", serde_json::Value::String(text)) => found.push(text.clone()),
                    (_, value) => expressions(value, found),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grafana_dashboard_asks_for_what_there_is() {
    let world = World::start().await;
    let lab = lossy_lab(&world).await;
    let (client, server) = world.pair(&lab).await;
    world.send(client, &[7; 100_000]).await.unwrap();
    world.recv_exactly(server, 50_000).await;
    // What is told only once it happened.
    let refused = pb::ConnectRequest {
        socket: world.socket(&format!("{lab}/a")).await,
        remote: Some(address("10.0.0.2", 9)),
        ..Default::default()
    };
    world.sockets.clone().connect(refused).await.unwrap_err();
    let scrape = Scrape::of(world.address).await;

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/grafana/sockwright.json");
    let dashboard: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut found = Vec::new();
    expressions(&dashboard, &mut found);
    let asked: Vec<String> = found.iter().flat_map(|text| asked_for(text)).collect();
    assert!(asked.len() > 20, "{asked:?}");
    let names = scrape.names();
    let kind = |name: &str| scrape.kinds.contains_key(name.strip_suffix("_total").unwrap_or(name));
    for name in &asked {
        assert!(names.contains(name.as_str()) || kind(name), "{name} is not in /metrics");
    }
}
