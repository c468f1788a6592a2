//! Workloads in labs, most of them in virtual time, where every figure is exact.

mod common;

use std::time::Duration;

use common::{World, address, duration, lab_request, refusal};
use sockwright_proto::v1::run_request::{Role, Side};
use sockwright_proto::v1::run_response::Part;
use sockwright_proto::v1::{self as pb, Clock, TrafficEnd};
use tonic::{Code, Status, Streaming};

/// A workload on `lab/a`, met by `lab/b`.
fn request(role: Role) -> pb::RunRequest {
    pb::RunRequest {
        stack: "lab/a".to_owned(),
        side: Some(Side::Connecting(pb::ConnectingSide::default())),
        role: Some(role),
        peer: Some(pb::TrafficPeer { stack: "lab/b".to_owned(), options: None }),
        ..Default::default()
    }
}

fn octets(octets: u64) -> Option<pb::TrafficLimits> {
    Some(pb::TrafficLimits { octets, ..Default::default() })
}

fn time(time: Duration) -> Option<pb::TrafficLimits> {
    Some(pb::TrafficLimits { time: Some(duration(time)), ..Default::default() })
}

fn source() -> Role {
    Role::Source(pb::TrafficSource {})
}

async fn run(world: &World, request: pb::RunRequest) -> Streaming<pb::RunResponse> {
    world.traffic.clone().run(request).await.unwrap().into_inner()
}

async fn next(stream: &mut Streaming<pb::RunResponse>) -> Part {
    stream.message().await.unwrap().unwrap().part.unwrap()
}

async fn started(stream: &mut Streaming<pb::RunResponse>) -> pb::TrafficStarted {
    match next(stream).await {
        Part::Started(started) => started,
        other => panic!("{other:?}"),
    }
}

/// The report, and what was told on the way.
async fn ended(mut stream: Streaming<pb::RunResponse>) -> (Vec<pb::TrafficProgress>, pb::TrafficReport) {
    let mut on_the_way = Vec::new();
    loop {
        match next(&mut stream).await {
            Part::Started(_) => {}
            Part::Progress(progress) => on_the_way.push(progress),
            Part::Report(report) => {
                assert_eq!(stream.message().await.unwrap(), None, "the report is the last");
                return (on_the_way, report);
            }
        }
    }
}

async fn report(world: &World, request: pb::RunRequest) -> pb::TrafficReport {
    ended(run(world, request).await).await.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_sends_exactly_its_limit_and_a_sink_takes_it() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let report = report(&world, pb::RunRequest { limits: octets(10_000_000), ..request(source()) }).await;
    println!("{report:#?}");
    assert_eq!(report.ended_by(), TrafficEnd::Octets);
    let (ours, peer) = (report.figures.unwrap(), report.peer.unwrap());
    assert_eq!((ours.opened, ours.established, ours.closed, ours.open), (1, 1, 1, 0));
    assert_eq!((ours.octets_sent, ours.octets_received), (10_000_000, 0));
    assert_eq!((peer.opened, peer.established, peer.closed, peer.open), (1, 1, 1, 0));
    assert_eq!((peer.octets_sent, peer.octets_received), (0, 10_000_000));
}
