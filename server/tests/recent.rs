//! Captures that begin with the recent past: what was kept, what was not, and how what follows joins it.

mod common;

use std::time::Duration;

use common::capture::{Capture, Contents};
use common::{World, duration, errno, lab_request, refusal};
use sockwright_proto::v1::{self as pb, Clock, record_request::What, since::Since};
use sockwright_server::config::{Config, Limits};
use tonic::{Code, Status};

async fn lab(world: &World, clock: Clock, record_bytes: u64) -> pb::Lab {
    let request = pb::CreateLabRequest { record_bytes, ..lab_request("lab", clock, "") };
    world.networks.clone().create_lab(request).await.unwrap().into_inner().lab.unwrap()
}

async fn record(world: &World, what: What, bytes: u64) -> Result<(), Status> {
    world.networks.clone().record(pb::RecordRequest { what: Some(what), bytes }).await.map(drop)
}

async fn delete(world: &World) {
    world.networks.clone().delete_lab(pb::DeleteLabRequest { name: "lab".to_owned() }).await.unwrap();
}

/// A capture of the lab's link that ends behind the past.
async fn past(world: &World, since: Since) -> Result<Capture, Status> {
    let since = Some(pb::Since { since: Some(since) });
    let link = "lab/link1".to_owned();
    let request = pb::CaptureRequest { link, since, no_follow: true, ..Default::default() };
    Capture::begin(&world.networks, request).await
}

async fn read_past(world: &World, since: Since) -> Contents {
    past(world, since).await.unwrap().read_to_end().await
}

/// The packets that a statistics block says are kept no more.
fn forgotten(contents: &Contents) -> u64 {
    let words = contents.statistics.iter().filter_map(|at| at.comment.strip_prefix("forgotten="));
    words.map(|rest| rest.split_once(':').unwrap().0.parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_past_is_what_a_capture_from_the_beginning_has() {
    let world = World::start().await;
    assert_eq!(lab(&world, Clock::Virtual, 8 << 20).await.record_bytes, 8 << 20);
    let mut live = Capture::of_link(&world.networks, "lab/link1").await;
    let (_, client, server) = world.pair_of("lab", "").await;
    world.send(client, &[7; 20_000]).await.unwrap();
    world.recv_exactly(server, 20_000).await;
    let mut past = past(&world, Since::All(true)).await.unwrap();
    let contents = past.read_to_end().await;
    delete(&world).await;
    let live = live.read_to_end().await;

    assert!(contents.packets.len() > 15 && forgotten(&contents) == 0);
    // The states, the causes, why it was sent: all of it was known then.
    assert_eq!(contents.packets, live.packets[..contents.packets.len()]);
    assert_eq!(contents.packets[0].says("state"), ["CLOSED->SYN-SENT"]);
    if let Some(lines) =
        past.tshark(&["tcp.checksum.status", "tcp.analysis.flags", "_ws.malformed", "frame.comment"])
    {
        let comments = contents.packets.iter().map(|packet| &packet.comment);
        assert_eq!(lines.len(), contents.packets.len());
        for (line, comment) in lines.iter().zip(comments) {
            assert_eq!(line, &["1", "", "", comment]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_joins_the_past_amid_traffic() {
    let world = World::start().await;
    lab(&world, Clock::Virtual, 64 << 20).await;
    let mut whole = Capture::of_link(&world.networks, "lab/link1").await;
    let whole = tokio::spawn(async move { whole.read_to_end().await });
    let (_, client, server) = world.pair_of("lab", "").await;
    let transfer = async {
        for _ in 0..100 {
            world.send(client, &[7; 20_000]).await.unwrap();
            world.recv_exactly(server, 20_000).await;
        }
    };
    let capture = async {
        let mut streams = Vec::new();
        for _ in 0..5 {
            let since = Some(pb::Since { since: Some(Since::All(true)) });
            let request = pb::CaptureRequest { link: "lab/link1".to_owned(), since, ..Default::default() };
            let mut capture = Capture::begin(&world.networks, request).await.unwrap();
            streams.push(tokio::spawn(async move { capture.read_to_end().await }));
        }
        streams
    };
    let ((), streams) = tokio::join!(transfer, capture);
    delete(&world).await;
    let whole = whole.await.unwrap();
    assert!(whole.packets.len() > 1400);
    for stream in streams {
        // Without a hole, and without a packet twice.
        assert_eq!(stream.await.unwrap().packets, whole.packets);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_age_and_a_time_are_on_the_clock_of_the_stack() {
    let world = World::start().await;
    lab(&world, Clock::Manual, 1 << 20).await;
    let mut datagrams = Vec::new();
    let create = pb::CreateRequest {
        stack: "lab/a".to_owned(),
        kind: pb::SocketKind::Datagram.into(),
        ..Default::default()
    };
    let socket = world.create(create).await.unwrap();
    for second in 1..=9u64 {
        world.advance("lab", Duration::from_secs(1)).await;
        let remote = Some(common::address("10.0.0.2", 9));
        let data = vec![7; second as usize].into();
        world.sockets.clone().send_to(pb::SendToRequest { socket, remote, data }).await.unwrap();
        datagrams.push(second * 1_000_000_000);
    }
    world.advance("lab", Duration::from_secs(1)).await;
    let sent = |contents: &Contents| -> Vec<u64> {
        let from_a = contents.packets.iter().filter(|packet| packet.interface == "lab/a/link1");
        from_a.map(|packet| packet.nanos).collect()
    };
    // It is 10 s, whatever the clock on the wall says.
    let last = read_past(&world, Since::Age(duration(Duration::from_millis(3500)))).await;
    assert_eq!(sent(&last), datagrams[6..]);
    assert_eq!(sent(&read_past(&world, Since::TimeNs(5_000_000_000)).await), datagrams[4..]);
    assert_eq!(sent(&read_past(&world, Since::Age(duration(Duration::from_secs(3600)))).await), datagrams);
    assert_eq!(sent(&read_past(&world, Since::TimeNs(10_000_000_000)).await), [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fell_out_is_told_and_only_where_it_was_asked_for() {
    let world = World::start().await;
    lab(&world, Clock::Virtual, 100_000).await;
    let mut whole = Capture::of_link(&world.networks, "lab/link1").await;
    let (_, client, server) = world.pair_of("lab", "").await;
    world.send(client, &[7; 200_000]).await.unwrap();
    world.recv_exactly(server, 200_000).await;
    let mut capture = past(&world, Since::All(true)).await.unwrap();
    let contents = capture.read_to_end().await;
    delete(&world).await;
    let whole = whole.read_to_end().await.packets;

    let octets: usize = contents.packets.iter().map(|packet| packet.octets.len() + 256).sum();
    assert!((10_000..=100_000).contains(&octets), "{octets}");
    let begin = whole.iter().position(|packet| *packet == contents.packets[0]).unwrap();
    assert_eq!(whole[begin..begin + contents.packets.len()], contents.packets);
    // The ring has each packet of the link twice, as it leaves and as it arrives.
    assert!(forgotten(&contents) >= begin as u64, "{} {begin}", forgotten(&contents));
    assert!(contents.statistics.iter().all(|at| at.dropped == 0));
    if let Some(lines) = capture.tshark(&["frame.number"]) {
        assert_eq!(lines.len(), contents.packets.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_past_of_a_session_and_a_label_is_known_when_their_sockets_are_gone() {
    let world = World::start().await;
    lab(&world, Clock::Virtual, 1 << 20).await;
    let session = world.open_session(Duration::from_secs(60), pb::OnExpiry::Unspecified).await;
    world.pair_of("lab", "").await;
    let (_, client, _) = world.pair_of("lab", &session).await;
    world.abort(client).await.unwrap();
    world.wait_released(client, None).await;
    let of = |filter: pb::Filter| {
        let since = Some(pb::Since { since: Some(Since::All(true)) });
        let request =
            pb::CaptureRequest { filter: Some(filter), since, no_follow: true, ..Default::default() };
        async { Capture::begin(&world.networks, request).await.unwrap().read_to_end().await.packets }
    };
    let all = of(pb::Filter::default()).await;
    let own = of(pb::Filter { sessions: vec![session], ..Default::default() }).await;
    assert!(!own.is_empty() && own.len() < all.len());
    assert!(own.iter().any(|packet| packet.says("socket") == [client.to_string()]));
    assert_eq!(of(pb::Filter { labels: vec!["none".to_owned()], ..Default::default() }).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recording_begins_and_ends_by_a_call_and_has_a_limit() {
    let limits = Limits { record_bytes: 1 << 20, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() }).await;
    let shown = || async {
        let labs = world.networks.clone().list_labs(pb::ListLabsRequest::default()).await.unwrap();
        let stacks = world.networks.clone().list_stacks(pb::ListStacksRequest::default()).await.unwrap();
        let stacks = stacks.into_inner().stacks.into_iter().map(|stack| stack.record_bytes);
        (labs.into_inner().labs[0].record_bytes, stacks.collect::<Vec<_>>())
    };
    let the_lab = || What::Lab("lab".to_owned());
    lab(&world, Clock::Virtual, 0).await;
    assert_eq!(shown().await, (0, vec![0, 0]));
    let none = past(&world, Since::All(true)).await.map(drop).unwrap_err();
    assert_eq!(none.code(), Code::FailedPrecondition);

    record(&world, the_lab(), 500_000).await.unwrap();
    assert_eq!(shown().await, (500_000, vec![500_000; 2]));
    world.pair_of("lab", "").await;
    let kept = read_past(&world, Since::All(true)).await.packets;
    assert!(kept.len() >= 3);
    // What was kept stays with another limit, if it has room.
    record(&world, the_lab(), 400_000).await.unwrap();
    assert_eq!(read_past(&world, Since::All(true)).await.packets, kept);

    assert_eq!(
        refusal(record(&world, the_lab(), 1 << 20).await),
        (Code::ResourceExhausted, "ENOBUFS".to_owned())
    );
    let request = pb::CreateLabRequest { record_bytes: 1 << 20, ..lab_request("more", Clock::Virtual, "") };
    let refused = world.networks.clone().create_lab(request).await.map(drop);
    assert_eq!(refusal(refused).0, Code::ResourceExhausted);
    assert_eq!(shown().await.0, 400_000);

    record(&world, the_lab(), 0).await.unwrap();
    assert_eq!(past(&world, Since::All(true)).await.map(drop).unwrap_err().code(), Code::FailedPrecondition);
    // The room is there again, and again when the lab is gone.
    for _ in 0..2 {
        record(&world, the_lab(), 1 << 20).await.unwrap();
        delete(&world).await;
        lab(&world, Clock::Virtual, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_recorded_or_recalled_is_refused_by_name() {
    let world = World::start().await;
    lab(&world, Clock::Virtual, 0).await;
    for what in [What::Lab("other".to_owned()), What::Stack("lab/a".to_owned())] {
        assert_eq!(record(&world, what, 1).await.unwrap_err().code(), Code::NotFound);
    }
    let nothing = world.networks.clone().record(pb::RecordRequest::default()).await.unwrap_err();
    assert!(nothing.message().contains("what:"), "{nothing}");
    let since = |since| pb::CaptureRequest { since: Some(pb::Since { since }), ..Default::default() };
    let age = prost_types::Duration { seconds: -1, nanos: 0 };
    for (request, field) in [
        (since(None), "since:"),
        (since(Some(Since::All(false))), "since.all:"),
        (since(Some(Since::Age(age))), "since.age:"),
        (pb::CaptureRequest { no_follow: true, ..Default::default() }, "no_follow:"),
    ] {
        let status = Capture::begin(&world.networks, request).await.map(drop).unwrap_err();
        assert_eq!((status.code(), errno(&status)), (Code::InvalidArgument, "EINVAL"));
        assert!(status.message().contains(field), "{status}");
    }
}
