//! Workloads in labs, most of them in virtual time, where every figure is exact.

mod common;

use std::time::Duration;

use common::{World, address, duration, lab_request, refusal};
use sockwright_proto::v1::run_request::{Role, Side};
use sockwright_proto::v1::run_response::Part;
use sockwright_proto::v1::{self as pb, Clock, TrafficEnd};
use sockwright_server::config::{Config, Limits};
use tonic::{Code, Streaming};

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
    let limits = octets(10_000_001);
    let report = report(&world, pb::RunRequest { limits, concurrency: 3, ..request(source()) }).await;
    assert_eq!(report.ended_by(), TrafficEnd::Octets);
    let (ours, peer) = (report.figures.unwrap(), report.peer.unwrap());
    for side in [&ours, &peer] {
        assert_eq!((side.opened, side.established, side.closed, side.open), (3, 3, 3, 0));
        assert_eq!((side.retransmissions, side.failed.len()), (0, 0));
    }
    assert_eq!((ours.octets_sent, ours.octets_received), (10_000_001, 0));
    assert_eq!((peer.octets_sent, peer.octets_received), (0, 10_000_001));
    // The SYN's way there and back; the last acknowledgment comes a round trip after the last octet went.
    let connect = ours.connect_time.unwrap();
    assert_eq!((connect.count, millis(connect.p50_ns), millis(connect.max_ns)), (3, 2, 2));
    let active = ours.active.unwrap();
    assert_eq!(ours.sent_bps, 10_000_001 * 8_000_000_000 / nanos(active));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_connects_is_served_by_a_source_that_listens() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let sink = Role::Sink(pb::TrafficSink {});
    let report = report(&world, pb::RunRequest { limits: octets(3_000_000), ..request(sink) }).await;
    assert_eq!(report.ended_by(), TrafficEnd::Octets);
    assert_eq!(report.figures.unwrap().octets_received, 3_000_000);
    assert_eq!(report.peer.unwrap().octets_sent, 3_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn either_side_may_be_the_one_that_listens() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let listening = pb::ListeningSide { local: Some(address("10.0.0.1", 7)), backlog: 0 };
    let side = Some(Side::Listening(listening));
    let request = pb::RunRequest { side, limits: octets(2_000_000), ..request(source()) };
    let mut stream = run(&world, request).await;
    assert_eq!(started(&mut stream).await.local, Some(address("10.0.0.1", 7)));
    let (_, report) = ended(stream).await;
    assert_eq!(report.ended_by(), TrafficEnd::Octets);
    assert_eq!(report.figures.unwrap().octets_sent, 2_000_000);
    assert_eq!(report.peer.unwrap().octets_received, 2_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_listens_on_each_port_that_is_connected_to() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let remotes = (7..10).map(|port| address("10.0.0.2", port)).collect();
    let side = Some(Side::Connecting(pb::ConnectingSide { remotes, ..Default::default() }));
    let limits = Some(pb::TrafficLimits { connections: 6, ..Default::default() });
    let churn = Role::Churn(pb::TrafficChurn::default());
    let report = report(&world, pb::RunRequest { side, limits, ..request(churn) }).await;
    assert_eq!(report.ended_by(), TrafficEnd::Connections);
    for figures in [report.figures.unwrap(), report.peer.unwrap()] {
        assert_eq!((figures.established, figures.closed, figures.failed.len()), (6, 6, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_is_checked_by_its_receiver_and_after_an_echo() {
    let world = World::start().await;
    let mut lab = lab_request("lab", Clock::Virtual, "");
    lab.links[0].impairments.as_mut().unwrap().loss = 0.02;
    world.networks.clone().create_lab(lab).await.unwrap();
    for (part, ours_checked, peer_checked) in [
        (pb::PatternPart::Unspecified, 0, 1_000_003),
        (pb::PatternPart::Verify, 1_000_003, 0),
        (pb::PatternPart::Both, 1_000_003, 0),
    ] {
        let pattern = Role::Pattern(pb::TrafficPattern { seed: 42, part: part.into() });
        let limits = octets(1_000_003);
        let report = report(&world, pb::RunRequest { limits, concurrency: 2, ..request(pattern) }).await;
        assert_eq!(report.ended_by(), TrafficEnd::Octets, "{part:?}");
        let (ours, peer) = (report.figures.unwrap(), report.peer.unwrap());
        assert!(ours.retransmissions + peer.retransmissions > 0, "{part:?}: nothing was lost");
        let checked = |side: &pb::TrafficFigures| side.pattern.as_ref().map_or(0, |found| found.verified);
        assert_eq!((checked(&ours), checked(&peer)), (ours_checked, peer_checked), "{part:?}");
        assert!(
            [ours, peer].iter().all(|side| side.pattern.as_ref().is_none_or(|found| found.mismatches == 0))
        );
    }
    let echo = Role::Echo(pb::TrafficEcho {});
    let report = report(&world, pb::RunRequest { limits: octets(100_000), ..request(echo) }).await;
    let (ours, peer) = (report.figures.unwrap(), report.peer.unwrap());
    assert_eq!((ours.octets_received, peer.pattern.unwrap().verified), (100_000, 100_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_cuts_segments_takes_and_delivers_them_joined() {
    let world = World::start().await;
    let mut frames = Vec::new();
    for segmentation_offload in [false, true] {
        let mut lab = lab_request("lab", Clock::Virtual, "");
        lab.links[0].segmentation_offload = segmentation_offload;
        let made = world.networks.clone().create_lab(lab).await.unwrap().into_inner().lab.unwrap();
        assert_eq!(made.links[0].segmentation_offload, segmentation_offload);
        let pattern = Role::Pattern(pb::TrafficPattern { seed: 42, ..Default::default() });
        let report = report(&world, pb::RunRequest { limits: octets(10_000_000), ..request(pattern) }).await;
        let checked = report.peer.unwrap().pattern.unwrap();
        assert_eq!((checked.verified, checked.mismatches), (10_000_000, 0));
        let stacks = world.networks.clone().list_stacks(pb::ListStacksRequest::default()).await.unwrap();
        frames.push(stacks.into_inner().stacks[0].counters.as_ref().unwrap().frames_out);
        world.networks.clone().delete_lab(pb::DeleteLabRequest { name: "lab".into() }).await.unwrap();
    }
    let least = 10_000_000 / 1448;
    assert!(frames[0] > least && frames[1] < least / 10, "{frames:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_octet_is_found_where_it_is() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    // The pattern of this seed, as its first numbers are published.
    let mut octets: Vec<u8> = [6_457_827_717_110_365_317_u64, 3_203_168_211_198_807_973]
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    octets[13] ^= 0x40;
    let pattern = Role::Pattern(pb::TrafficPattern { seed: 1_234_567, ..Default::default() });
    let listening = pb::ListeningSide { local: Some(address("10.0.0.2", 80)), backlog: 0 };
    let request = pb::RunRequest {
        stack: "lab/b".to_owned(),
        side: Some(Side::Listening(listening)),
        peer: None,
        limits: Some(pb::TrafficLimits { connections: 1, ..Default::default() }),
        ..request(pattern)
    };
    let mut stream = run(&world, request).await;
    started(&mut stream).await;
    let client = world.socket("lab/a").await;
    world.connect(client).await.unwrap();
    world.send(client, &octets).await.unwrap();
    world.close(client).await.unwrap();
    let (_, report) = ended(stream).await;
    assert_eq!(report.ended_by(), TrafficEnd::Connections);
    let found = report.figures.unwrap().pattern.unwrap();
    assert_eq!((found.verified, found.mismatches), (13, 1));
    let first = found.first.unwrap();
    assert_eq!((first.offset, first.expected ^ first.found), (13, 0x40));
    assert_eq!(first.found, u32::from(octets[13]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_answered_one_at_a_time_on_each_connection() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let exchange = pb::TrafficRequestResponse { request_bytes: 100, response_bytes: 1_000, part: 0 };
    let limits = Some(pb::TrafficLimits { exchanges: 1_000, ..Default::default() });
    let role = Role::RequestResponse(exchange);
    let report = report(&world, pb::RunRequest { limits, concurrency: 10, ..request(role) }).await;
    assert_eq!(report.ended_by(), TrafficEnd::Exchanges);
    let (ours, peer) = (report.figures.unwrap(), report.peer.unwrap());
    assert_eq!((ours.exchanges, peer.exchanges), (1_000, 1_000));
    assert_eq!((ours.octets_sent, ours.octets_received), (100_000, 1_000_000));
    assert_eq!((peer.octets_sent, peer.octets_received), (1_000_000, 100_000));
    let response = ours.response_time.unwrap();
    assert_eq!((response.count, millis(response.p50_ns), millis(response.max_ns)), (1_000, 2, 2));
    assert_eq!(peer.response_time.unwrap().count, 0);
    // A hundred exchanges of a round trip each, on each connection, after its handshake.
    assert_eq!(nanos(ours.active.unwrap()), 200_000_000);
    assert_eq!((ours.closed, peer.closed, ours.failed.len()), (10, 10, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_churn_opens_and_closes_whoever_closes_first() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    for closes_first in [pb::ChurnCloser::Connecting, pb::ChurnCloser::Listening] {
        for (reset, request_bytes, response_bytes) in
            [(false, 0, 0), (true, 0, 0), (false, 10, 3_000), (true, 10, 3_000)]
        {
            let closes_first = closes_first.into();
            let churn = pb::TrafficChurn { request_bytes, response_bytes, closes_first, reset };
            let limits = Some(pb::TrafficLimits { connections: 300, ..Default::default() });
            let request = pb::RunRequest { limits, concurrency: 20, ..request(Role::Churn(churn)) };
            let report = report(&world, request).await;
            assert_eq!(report.ended_by(), TrafficEnd::Connections, "{churn:?}");
            let (ours, peer) = (report.figures.unwrap(), report.peer.unwrap());
            for side in [&ours, &peer] {
                assert_eq!((side.opened, side.closed, side.open), (300, 300, 0), "{churn:?}: {side:?}");
                let exchanges = if request_bytes > 0 { 300 } else { 0 };
                assert_eq!(side.exchanges, exchanges, "{churn:?}");
            }
            assert_eq!(ours.octets_received, u64::from(response_bytes) * 300, "{churn:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_opened_at_the_rate_asked_for() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let connecting = pb::ConnectingSide { connections_per_second: 100.0, ..Default::default() };
    let request = pb::RunRequest {
        side: Some(Side::Connecting(connecting)),
        limits: Some(pb::TrafficLimits { connections: 51, ..Default::default() }),
        ..request(Role::Churn(pb::TrafficChurn::default()))
    };
    let report = report(&world, request).await;
    let ours = report.figures.unwrap();
    assert_eq!((ours.closed, ours.open), (51, 0));
    // The first is due at once, the last half a second later; its handshake takes a round trip, as does its end.
    let elapsed = nanos(ours.elapsed.unwrap());
    assert!((502_000_000..506_000_000).contains(&elapsed), "{elapsed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_are_held_and_an_octet_is_sent_on_each_every_so_often() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let idle = Role::Idle(pb::TrafficIdle { interval: Some(duration(Duration::from_secs(60))) });
    let request =
        pb::RunRequest { concurrency: 200, limits: time(Duration::from_secs(601)), ..request(idle) };
    let report = report(&world, request).await;
    assert_eq!(report.ended_by(), TrafficEnd::Time);
    let (ours, peer) = (report.figures.unwrap(), report.peer.unwrap());
    assert_eq!((ours.established, ours.closed, peer.closed), (200, 200, 200));
    // The handshake takes 2 ms, so that the tenth octet is due 600.002 s after the beginning.
    assert_eq!((ours.octets_sent, peer.octets_received), (2_000, 2_000));
    assert!(nanos(ours.elapsed.unwrap()) >= 601_000_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_told_by_the_clock_of_the_lab() {
    let world = World::start().await;
    let mut lab = lab_request("lab", Clock::Virtual, "");
    lab.links[0].impairments.as_mut().unwrap().rate_bps = 10_000_000;
    world.networks.clone().create_lab(lab).await.unwrap();
    let request = pb::RunRequest {
        limits: time(Duration::from_secs(5)),
        progress_interval: Some(duration(Duration::from_secs(1))),
        ..request(source())
    };
    let (progress, report) = ended(run(&world, request).await).await;
    assert_eq!(report.ended_by(), TrafficEnd::Time);
    assert_eq!(progress.len(), 4);
    for (number, progress) in (1..).zip(&progress) {
        let ours = progress.figures.as_ref().unwrap();
        assert_eq!(nanos(ours.elapsed.unwrap()) / 10_000_000, number * 100, "a frame takes 1.2 ms");
        // All that the link carries, but for the headers.
        let peer = progress.peer.as_ref().unwrap();
        assert!((9_000_000..=9_800_000).contains(&peer.received_bps) || number == 1, "{}", peer.received_bps);
    }
    let ours = report.figures.unwrap();
    assert_eq!((ours.closed, ours.open), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_workload_leaves_no_socket() {
    let world = World::start().await;
    for clock in [Clock::Virtual, Clock::Real] {
        let mut lab = lab_request("lab", clock, "");
        lab.links[0].impairments.as_mut().unwrap().rate_bps = 100_000_000;
        world.networks.clone().create_lab(lab).await.unwrap();
        let churn = Role::Churn(pb::TrafficChurn::default());
        let workload = pb::RunRequest {
            concurrency: 300,
            progress_interval: Some(duration(Duration::from_millis(1))),
            ..request(churn)
        };
        let mut stream = run(&world, workload).await;
        loop {
            if let Part::Progress(progress) = next(&mut stream).await
                && progress.figures.unwrap().closed > 100
            {
                break;
            }
        }
        let at = world.sockets.clone().list(pb::ListRequest::default()).await.unwrap().into_inner().at;
        drop(stream);
        for socket in world.all().await {
            world.wait_released(socket.socket, at).await;
        }
        // None was opened in the meantime.
        assert_eq!(world.all().await, []);
        world.networks.clone().delete_lab(pb::DeleteLabRequest { name: "lab".to_owned() }).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_fail_are_counted_by_errno() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let connecting = |remote| pb::ConnectingSide { remotes: vec![remote], ..Default::default() };
    for (remote, options, errno) in
        [(address("10.0.0.2", 9), None, "ECONNREFUSED"), (address("192.0.2.1", 9), None, "ENETUNREACH")]
    {
        let request = pb::RunRequest {
            side: Some(Side::Connecting(connecting(remote))),
            options,
            concurrency: 5,
            peer: None,
            ..request(source())
        };
        let report = report(&world, request).await;
        assert_eq!(report.ended_by(), TrafficEnd::Connections);
        let ours = report.figures.unwrap();
        assert_eq!((ours.opened, ours.established, ours.open), (5, 0, 0));
        assert_eq!(ours.failed.into_iter().collect::<Vec<_>>(), [(errno.to_owned(), 5)]);
    }
    assert_eq!(world.all().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workload_ends_with_its_session_and_its_stack() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let session = world.open_session(Duration::from_secs(60), pb::OnExpiry::Reset).await;
    let idle = || Role::Idle(pb::TrafficIdle { interval: None });
    let workload = pb::RunRequest { session: session.clone(), concurrency: 10, ..request(idle()) };
    let mut stream = run(&world, workload).await;
    started(&mut stream).await;
    let owned = world.all().await;
    assert!(!owned.is_empty() && owned.iter().all(|socket| socket.session == session));
    let close = pb::SessionsCloseRequest { session, ..Default::default() };
    world.sessions.clone().close(close).await.unwrap();
    let (_, report) = ended(stream).await;
    assert_eq!(report.ended_by(), TrafficEnd::Session);
    assert_eq!(world.all().await, []);

    let mut stream = run(&world, pb::RunRequest { concurrency: 10, ..request(idle()) }).await;
    started(&mut stream).await;
    world.networks.clone().delete_lab(pb::DeleteLabRequest { name: "lab".to_owned() }).await.unwrap();
    let gone = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            other => break refusal(other),
        }
    };
    assert_eq!(gone, (Code::Unavailable, "ENETDOWN".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_manual_lab_a_workload_waits_for_the_clock() {
    let world = World::start().await;
    let lab = world.lab(Clock::Manual).await;
    let exchange = pb::TrafficRequestResponse::default();
    let role = Role::RequestResponse(exchange);
    let limits = Some(pb::TrafficLimits { exchanges: 5, ..Default::default() });
    let mut stream = run(&world, pb::RunRequest { limits, ..request(role) }).await;
    started(&mut stream).await;
    assert_eq!(world.advance(&lab, Duration::from_millis(11)).await.time_ns, 11_000_000);
    // A handshake and four exchanges took 10 ms; the fifth is on its way.
    let before = world.all().await;
    assert!(before.iter().any(|socket| socket.tcp_state() == pb::TcpState::Established));
    world.advance(&lab, Duration::from_millis(10)).await;
    let (_, report) = ended(stream).await;
    let ours = report.figures.unwrap();
    assert_eq!((ours.exchanges, nanos(ours.active.unwrap())), (5, 10_000_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_clock_serves_too() {
    let world = World::start().await;
    world.lab(Clock::Real).await;
    let workload = pb::RunRequest {
        limits: time(Duration::from_millis(200)),
        progress_interval: Some(duration(Duration::from_millis(50))),
        ..request(source())
    };
    let (progress, report) = ended(run(&world, workload).await).await;
    assert!((2..=4).contains(&progress.len()), "{}", progress.len());
    assert_eq!(report.ended_by(), TrafficEnd::Time);
    let ours = report.figures.unwrap();
    assert!(ours.octets_sent > 0 && nanos(ours.elapsed.unwrap()) >= 200_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lab_that_is_never_idle_has_time_all_the_same() {
    let world = World::start().await;
    let mut lab = lab_request("lab", Clock::Real, "");
    lab.links[0].impairments = None;
    world.networks.clone().create_lab(lab).await.unwrap();
    let role = Role::RequestResponse(pb::TrafficRequestResponse::default());
    let limits = time(Duration::from_millis(100));
    let report = report(&world, pb::RunRequest { limits, ..request(role) }).await;
    assert_eq!(report.ended_by(), TrafficEnd::Time);
    let ours = report.figures.unwrap();
    let response = ours.response_time.unwrap();
    assert!(ours.exchanges > 1 && response.p50_ns > 0, "{response:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_by_the_name_of_its_field() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    world.lab_named("other", Clock::Virtual, "").await;
    let second = Duration::from_secs(1);
    let negative = Some(prost_types::Duration { seconds: -1, nanos: 0 });
    let connecting = |side| Some(Side::Connecting(side));
    let to = |ip: &str, port| pb::ConnectingSide { remotes: vec![address(ip, port)], ..Default::default() };
    let alone = |side| pb::RunRequest { side: connecting(side), peer: None, ..request(source()) };
    let with = |role| request(role);
    let limited = |limits| pb::RunRequest { limits: Some(limits), ..request(source()) };
    let rate = |connections_per_second| {
        let side = pb::ConnectingSide { connections_per_second, ..Default::default() };
        pb::RunRequest { side: connecting(side), ..request(source()) }
    };
    let peer = |stack: &str| {
        let peer = pb::TrafficPeer { stack: stack.to_owned(), options: None };
        pb::RunRequest { peer: Some(peer), ..request(source()) }
    };
    let exchange = |request_bytes, response_bytes, part| {
        Role::RequestResponse(pb::TrafficRequestResponse { request_bytes, response_bytes, part })
    };
    let churn = |request_bytes, response_bytes, closes_first| {
        Role::Churn(pb::TrafficChurn { request_bytes, response_bytes, closes_first, reset: false })
    };
    let listening = |ip: &str, port| {
        let side = pb::ListeningSide { local: Some(address(ip, port)), backlog: 0 };
        pb::RunRequest { side: Some(Side::Listening(side)), peer: None, ..request(source()) }
    };
    let msl = pb::SocketOptions { msl: negative, ..Default::default() };
    let mut mixed = to("10.0.0.2", 1);
    mixed.remotes.push(address("fd00::2", 1));
    let many = pb::ConnectingSide { remotes: vec![address("10.0.0.2", 1); 65], ..Default::default() };
    let cases = [
        ("side", pb::RunRequest { side: None, ..request(source()) }),
        ("role", pb::RunRequest { role: None, ..request(source()) }),
        ("label", pb::RunRequest { label: "x".repeat(129), ..request(source()) }),
        ("options.msl", pb::RunRequest { options: Some(msl.clone()), ..request(source()) }),
        ("concurrency", pb::RunRequest { concurrency: (1 << 20) + 1, ..request(source()) }),
        ("progress_interval", pb::RunRequest { progress_interval: negative, ..request(source()) }),
        (
            "progress_interval",
            pb::RunRequest { progress_interval: Some(duration(second / 10_000)), ..request(source()) },
        ),
        (
            "progress_interval",
            pb::RunRequest { progress_interval: Some(duration(second * 3_601)), ..request(source()) },
        ),
        ("connecting.remotes", alone(pb::ConnectingSide::default())),
        ("connecting.remotes", alone(many)),
        ("connecting.remotes[0].ip", alone(to("10.0.0", 1))),
        ("connecting.remotes[0].port", alone(to("10.0.0.2", 0))),
        ("connecting.remotes[0].port", alone(to("10.0.0.2", 65_536))),
        ("connecting.remotes[1].ip", alone(mixed)),
        ("connecting.connections_per_second", rate(-1.0)),
        ("connecting.connections_per_second", rate(f64::NAN)),
        ("connecting.connections_per_second", rate(1e8)),
        ("listening.local.ip", listening("nowhere", 1)),
        ("listening.local.port", listening("10.0.0.1", 65_536)),
        ("peer.stack", peer("")),
        ("peer.stack", peer("lab/a")),
        ("peer.stack", peer("other/b")),
        (
            "peer.options.msl",
            pb::RunRequest {
                peer: Some(pb::TrafficPeer { stack: "lab/b".to_owned(), options: Some(msl) }),
                ..request(source())
            },
        ),
        ("request_response.request_bytes", with(exchange((1 << 30) + 1, 0, 0))),
        ("request_response.response_bytes", with(exchange(0, u32::MAX, 0))),
        ("request_response.part", with(exchange(0, 0, 9))),
        ("pattern.part", with(Role::Pattern(pb::TrafficPattern { seed: 0, part: 9 }))),
        ("churn.request_bytes", with(churn(u32::MAX, 0, 0))),
        ("churn.response_bytes", with(churn(0, u32::MAX, 0))),
        ("churn.closes_first", with(churn(0, 0, 9))),
        ("idle.interval", with(Role::Idle(pb::TrafficIdle { interval: negative }))),
        ("idle.interval", with(Role::Idle(pb::TrafficIdle { interval: Some(duration(second / 10_000)) }))),
        ("limits.exchanges", limited(pb::TrafficLimits { exchanges: 1, ..Default::default() })),
        ("limits.time", limited(pb::TrafficLimits { time: negative, ..Default::default() })),
        (
            "limits.time",
            limited(pb::TrafficLimits { time: Some(duration(second * 400_000_000)), ..Default::default() }),
        ),
    ];
    for (field, request) in cases {
        let status = world.traffic.clone().run(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status:?}");
        assert!(status.message().starts_with(&format!("EINVAL: {field}: ")), "{field}: {}", status.message());
    }

    let refused = async |request| refusal(world.traffic.clone().run(request).await.map(drop));
    let elsewhere = pb::RunRequest { stack: "nowhere".to_owned(), ..request(source()) };
    assert_eq!(refused(elsewhere).await, (Code::NotFound, "ENODEV".to_owned()));
    assert_eq!(refused(peer("nowhere")).await, (Code::NotFound, "ENODEV".to_owned()));
    let nobody = pb::RunRequest { session: "s-1".to_owned(), ..request(source()) };
    assert_eq!(refused(nobody).await, (Code::NotFound, "ENOENT".to_owned()));
    assert_eq!(
        refused(listening("10.0.0.2", 80)).await,
        (Code::FailedPrecondition, "EADDRNOTAVAIL".to_owned())
    );
    let _taken = world.listener("lab/b").await;
    let taken = pb::RunRequest { side: connecting(to("10.0.0.2", 80)), ..request(source()) };
    assert_eq!(refused(taken).await, (Code::AlreadyExists, "EADDRINUSE".to_owned()));
    assert_eq!(world.all().await.len(), 1, "the listener alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_has_a_limit_of_workloads() {
    let limits = Limits { workloads: 2, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() }).await;
    world.lab(Clock::Virtual).await;
    let sink = |port| {
        let side = pb::ListeningSide { local: Some(address("10.0.0.1", port)), backlog: 0 };
        let role = Role::Sink(pb::TrafficSink {});
        pb::RunRequest { side: Some(Side::Listening(side)), peer: None, ..request(role) }
    };
    let mut held = Vec::new();
    for port in 1..=2 {
        held.push(run(&world, sink(port)).await);
    }
    let refused = refusal(world.traffic.clone().run(sink(3)).await.map(drop));
    assert_eq!(refused, (Code::ResourceExhausted, "ENOBUFS".to_owned()));
}

fn millis(nanos: u64) -> u64 {
    nanos / 1_000_000
}

fn nanos(time: prost_types::Duration) -> u64 {
    Duration::try_from(time).unwrap().as_nanos() as u64
}
