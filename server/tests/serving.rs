//! What a gRPC server is expected to have beside its services, and how it ends.

mod common;

use common::{World, errno, poll_once};
use sockwright_proto::v1::{self as pb, Clock};
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

const SERVICES: [&str; 4] =
    ["sockwright.v1.Sockets", "sockwright.v1.Events", "sockwright.v1.Networks", "sockwright.v1.Sessions"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_is_healthy() {
    let world = World::start().await;
    let mut health = HealthClient::new(world.channel.clone());
    for service in SERVICES.into_iter().chain([""]) {
        let request = tonic_health::pb::HealthCheckRequest { service: service.to_owned() };
        let status = health.check(request).await.unwrap().into_inner().status;
        assert_eq!(status, i32::from(ServingStatus::Serving), "{service}");
    }
    let request = tonic_health::pb::HealthCheckRequest { service: "nobody".to_owned() };
    assert_eq!(health.check(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_tells_every_service_in_both_versions() {
    let world = World::start().await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(world.channel.clone());
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut told = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let response = told.message().await.unwrap().unwrap().message_response.unwrap();
    let v1::server_reflection_response::MessageResponse::ListServicesResponse(list) = response else {
        panic!("{response:?}")
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for service in SERVICES {
        assert!(names.iter().any(|name| name == service), "{names:?}");
    }

    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(world.channel.clone());
    let symbol = "sockwright.v1.Sockets".to_owned();
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
            symbol,
        )),
    };
    let mut told = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let response = told.message().await.unwrap().unwrap().message_response.unwrap();
    assert!(matches!(
        response,
        v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_)
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_tells_everyone_who_waits() {
    let mut world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let listener = world.listener(&format!("{lab}/b")).await;
    let mut watch = world.watch(&[]).await;
    let (mut sockets, mut waiters) = (world.sockets.clone(), world.sockets.clone());
    let accept = pb::AcceptRequest { socket: listener, ..Default::default() };
    let mut accepting = Box::pin(sockets.accept(accept));
    poll_once(&mut accepting).await;
    let condition = Some(pb::wait_for_request::Condition::Released(true));
    let wait = pb::WaitForRequest { socket: listener, condition, after: None };
    let mut waiting = Box::pin(waiters.wait_for(wait));
    poll_once(&mut waiting).await;
    // All of it has arrived when this has.
    world.info(listener).await;

    let stopping = tokio::spawn(async move { world.stop().await });
    let accepted = accepting.await.unwrap_err();
    assert_eq!((accepted.code(), errno(&accepted)), (Code::Unavailable, "ENETDOWN"));
    assert_eq!(waiting.await.unwrap_err().code(), Code::Unavailable);
    let ended = loop {
        if let Err(status) = watch.next().await {
            break status;
        }
    };
    assert_eq!(ended.code(), Code::Unavailable);
    stopping.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_a_stopping_server_end_by_their_policies_and_watchers_hear_of_it_first() {
    let mut world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let session = world.open_session(std::time::Duration::from_secs(600), pb::OnExpiry::Reset).await;
    let (_, client, _) = world.pair_of(&lab, &session).await;
    // Of another stack, and told all the same.
    let filter = pb::Filter { stacks: vec!["elsewhere".to_owned()], ..Default::default() };
    let request = pb::WatchRequest { filter: Some(filter), ..Default::default() };
    let mut elsewhere = world.events.clone().watch(request).await.unwrap().into_inner();
    let mut watch = world.watch(&[pb::EventKind::Draining, pb::EventKind::Released]).await;
    elsewhere.message().await.unwrap().unwrap();
    let stopping = tokio::spawn(async move { world.stop().await });
    let mut kinds = Vec::new();
    while let Ok(event) = watch.next().await {
        kinds.push((event.socket, event.kind.unwrap()));
    }
    assert!(matches!(kinds[0], (0, pb::event::Kind::Draining(_))), "{kinds:?}");
    assert!(kinds.contains(&(client, pb::event::Kind::Released(pb::Released {}))), "{kinds:?}");
    let told = elsewhere.message().await.unwrap().unwrap().part.unwrap();
    let pb::watch_response::Part::Events(batch) = told else { panic!("{told:?}") };
    assert!(matches!(batch.events[0].kind, Some(pb::event::Kind::Draining(_))), "{batch:?}");
    stopping.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_the_health_of_a_stopping_server_hears_of_it_and_does_not_keep_it() {
    let mut world = World::start().await;
    let request = tonic_health::pb::HealthCheckRequest::default();
    let mut watch = HealthClient::new(world.channel.clone()).watch(request).await.unwrap().into_inner();
    let stopping = tokio::spawn(async move { world.stop().await });
    let mut told = Vec::new();
    // A connection that is cut would be an error.
    while let Some(response) = watch.message().await.unwrap() {
        told.push(response.status());
    }
    assert!(told.ends_with(&[ServingStatus::NotServing]), "{told:?}");
    stopping.await.unwrap().unwrap();
}
