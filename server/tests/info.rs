//! What `GetInfo` and `ListStacks` tell of connections whose past is known.

mod common;

use std::time::Duration;

use common::{World, address, duration, lab_request};
use sockwright_proto::v1::tcp_info::CongestionVariables;
use sockwright_proto::v1::{self as pb, Clock, CongestionPhase, Ecn};

/// A connection in a lab `lab` whose link is as given: its client, with these options, and its server.
async fn pair(world: &World, impairments: pb::Impairments, options: pb::SocketOptions) -> (u64, u64) {
    let mut lab = lab_request("lab", Clock::Virtual, "");
    lab.links[0].impairments = Some(impairments);
    world.networks.clone().create_lab(lab).await.unwrap();
    let listener = world.listener("lab/b").await;
    let create =
        pb::CreateRequest { stack: "lab/a".to_owned(), options: Some(options), ..Default::default() };
    let client = world.create(create).await.unwrap();
    world.connect(client).await.unwrap();
    (client, world.accept(listener).await.unwrap().socket)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marks_of_a_path_are_told_on_both_sides() {
    let world = World::start().await;
    let options = pb::SocketOptions { ecn: Ecn::Active.into(), ..Default::default() };
    let (client, server) = pair(&world, pb::Impairments { mark: 1.0, ..Default::default() }, options).await;
    world.send(client, &[7; 5000]).await.unwrap();
    world.recv_exactly(server, 5000).await;
    world.wait_for(client, pb::wait_for_request::Condition::AllAcknowledged(true), None).await.unwrap();

    let told = world.info(client).await.tcp.unwrap();
    assert_eq!(told.ecn, Some(pb::EcnInfo { marks: true, listens: true, ..Default::default() }));
    assert_eq!(told.delivered_ce, 5000, "every segment was marked");
    let told = world.info(server).await.tcp.unwrap().ecn.unwrap();
    assert!(told.marks && told.seen && told.echoes, "{told:?}");
    assert!(told.received_ce >= 4, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bbr_tells_what_it_believes_and_what_it_does() {
    let world = World::start().await;
    let options =
        pb::SocketOptions { congestion_control: pb::CongestionControl::Bbr.into(), ..Default::default() };
    let delay = Some(duration(Duration::from_millis(10)));
    let (client, server) = pair(&world, pb::Impairments { delay, ..Default::default() }, options).await;
    world.send(client, &[7; 20_000]).await.unwrap();
    world.recv_exactly(server, 20_000).await;
    world.wait_for(client, pb::wait_for_request::Condition::AllAcknowledged(true), None).await.unwrap();

    let told = world.info(client).await.tcp.unwrap();
    assert_eq!(told.congestion_phase(), CongestionPhase::Startup);
    let Some(CongestionVariables::Bbr(bbr)) = told.congestion_variables else { panic!("{told:?}") };
    assert_eq!((bbr.min_rtt_us, bbr.pacing_gain, bbr.cwnd_gain), (Some(20_000), 739, 739));
    assert!(bbr.bandwidth > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fast_open_that_failed_says_why() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let listener = world.listener("lab/b").await;
    let options = pb::SocketOptions { fast_open: Some(true), ..Default::default() };
    let create =
        pb::CreateRequest { stack: "lab/a".to_owned(), options: Some(options), ..Default::default() };
    let client = world.create(create).await.unwrap();
    let data = bytes::Bytes::from_static(b"early");
    let remote = Some(address("10.0.0.2", 80));
    let connect = pb::ConnectRequest { socket: client, remote, dont_wait: false, data };
    world.sockets.clone().connect(connect).await.unwrap();
    world.accept(listener).await.unwrap();
    let told = world.info(client).await.tcp.unwrap();
    assert!(!told.fast_open);
    assert_eq!(told.fast_open_failure(), pb::FastOpenFailure::CookieUnavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_tells_what_its_engine_counted() {
    let world = World::start().await;
    let (client, server) = pair(&world, pb::Impairments::default(), pb::SocketOptions::default()).await;
    world.send(client, &[7; 100]).await.unwrap();
    world.recv_exactly(server, 100).await;
    let stacks = world.networks.clone().list_stacks(pb::ListStacksRequest::default()).await.unwrap();
    for stack in stacks.into_inner().stacks {
        let counters = stack.counters.unwrap();
        assert!(counters.frames_in >= 2 && counters.frames_out >= 2, "{counters:?}");
        assert_eq!(counters.invariants_broken, 0);
    }
}
