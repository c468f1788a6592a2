//! Labs, their clocks, and stacks that go away.

mod common;

use std::time::Duration;

use common::{World, duration, errno, lab_request, poll_once, refusal};
use sockwright_proto::v1::advance_time_request::How;
use sockwright_proto::v1::{self as pb, Clock, EventKind, TcpState, event};
use sockwright_server::config::{Config, Limits};
use tonic::Code;

async fn advance(world: &World, lab: &str, how: How) -> Result<pb::AdvanceTimeResponse, tonic::Status> {
    let request = pb::AdvanceTimeRequest { lab: lab.to_owned(), how: Some(how) };
    Ok(world.networks.clone().advance_time(request).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lab_is_made_listed_and_deleted() {
    let world = World::start().await;
    let mut networks = world.networks.clone();
    let created = networks.create_lab(lab_request("", Clock::Unspecified, "")).await.unwrap().into_inner();
    let lab = created.lab.unwrap();
    assert_eq!(lab.clock(), Clock::Virtual);
    assert_eq!(lab.stacks, [format!("{}/a", lab.name), format!("{}/b", lab.name)]);
    assert_eq!(lab.links[0].mtu, 1500);
    assert_eq!(lab.links[0].impairments.unwrap().queue_limit, 1000);
    let taken = networks.create_lab(lab_request(&lab.name, Clock::Virtual, "")).await;
    assert_eq!(refusal(taken).0, Code::AlreadyExists);

    let listed = networks.list_labs(pb::ListLabsRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.labs.as_slice(), std::slice::from_ref(&lab));
    let stacks =
        networks.list_stacks(pb::ListStacksRequest { page_size: 1, ..Default::default() }).await.unwrap();
    let stacks = stacks.into_inner();
    assert_eq!(stacks.stacks[0].name, lab.stacks[0]);
    assert_eq!(stacks.stacks[0].addresses, ["10.0.0.1/24", "fd00::1/64"]);
    assert_eq!((stacks.stacks[0].link.as_str(), stacks.stacks[0].mtu), ("virtual", 1500));
    let page_token = stacks.next_page_token;
    let request = pb::ListStacksRequest { page_size: 1, page_token };
    let stacks = networks.list_stacks(request).await.unwrap().into_inner();
    assert_eq!(
        (stacks.stacks[0].name.as_str(), stacks.next_page_token.as_str()),
        (lab.stacks[1].as_str(), "")
    );

    let (_, client, server) = world.pair_of(&lab.name, "").await;
    let mut waiting = Box::pin(world.recv(server));
    poll_once(&mut waiting).await;
    world.info(server).await;
    networks.delete_lab(pb::DeleteLabRequest { name: lab.name.clone() }).await.unwrap();
    assert_eq!(refusal(waiting.await), (Code::Unavailable, "ENETDOWN".to_owned()));
    assert_eq!(refusal(world.recv(client).await), (Code::Unavailable, "ENETDOWN".to_owned()));
    assert_eq!(world.all().await, []);
    assert_eq!(
        refusal(networks.delete_lab(pb::DeleteLabRequest { name: lab.name.clone() }).await).0,
        Code::NotFound
    );
    let create = pb::CreateRequest { stack: lab.stacks[0].clone(), ..Default::default() };
    assert_eq!(refusal(world.create(create).await), (Code::NotFound, "ENODEV".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_stands_still_in_a_manual_lab_until_it_is_moved() {
    let world = World::start().await;
    let lab = world.lab(Clock::Manual).await;
    let listener = world.listener(&format!("{lab}/b")).await;
    let client = world.socket(&format!("{lab}/a")).await;
    let mut connecting = Box::pin(world.connect(client));
    poll_once(&mut connecting).await;
    let mut accepting = Box::pin(world.accept(listener));
    poll_once(&mut accepting).await;
    let at = world.wait_for_state(client, TcpState::SynSent, None).await.at;
    assert_eq!(world.info(client).await.time_ns, 0);

    let step = advance(&world, &lab, How::Steps(1)).await.unwrap();
    assert_eq!((step.time_ns, step.steps), (1_000_000, 1));
    let to = advance(&world, &lab, How::ToTimeNs(2_000_000)).await.unwrap();
    assert_eq!((to.time_ns, to.steps), (2_000_000, 1));
    connecting.await.unwrap();
    let by = advance(&world, &lab, How::By(duration(Duration::from_millis(1)))).await.unwrap();
    assert_eq!(by.time_ns, 3_000_000);
    accepting.await.unwrap();
    let seen = world.wait_for_state(client, TcpState::Established, at).await;
    assert_eq!(seen.event.unwrap().time_ns, 2_000_000);
    assert!(by.at.unwrap().seq > seen.at.unwrap().seq);

    let past = advance(&world, &lab, How::ToTimeNs(1)).await;
    assert_eq!(refusal(past), (Code::InvalidArgument, "EINVAL".to_owned()));
    world.close(client).await.unwrap();
    let idle = advance(&world, &lab, How::UntilIdle(true)).await.unwrap();
    assert!(idle.steps > 0);
    let nothing = advance(&world, &lab, How::UntilIdle(true)).await.unwrap();
    assert_eq!((nothing.time_ns, nothing.steps), (idle.time_ns, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lab_that_is_never_idle_stops_by_itself() {
    let limits = Limits { virtual_jumps: 100, advance_steps: 1000, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() }).await;
    let lab = world.lab(Clock::Virtual).await;
    let mut watch = world.watch(&[EventKind::LimitHit]).await;
    let (client, _) = world.pair(&lab).await;
    let keep_alive = pb::KeepAlive { enabled: true, ..Default::default() };
    let options = Some(pb::SocketOptions { keep_alive: Some(keep_alive), ..Default::default() });
    let set = pb::SetOptionsRequest { socket: client, options };
    world.sockets.clone().set_options(set).await.unwrap();
    let hit = watch
        .find(|event| match &event.kind {
            Some(event::Kind::LimitHit(hit)) => Some(hit.limit.clone()),
            _ => None,
        })
        .await;
    assert_eq!(hit, "virtual_jumps");
    let stacks =
        world.networks.clone().list_stacks(pb::ListStacksRequest::default()).await.unwrap().into_inner();
    assert!(stacks.stacks[0].limits_hit["virtual_jumps"] >= 1);

    let endless = advance(&world, &lab, How::UntilIdle(true)).await.unwrap_err();
    assert_eq!(endless.code(), Code::ResourceExhausted);
    assert!(endless.message().contains("1000 steps"), "{}", endless.message());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_clock_moves_by_itself_and_by_nothing_else() {
    let world = World::start().await;
    let lab = world.lab(Clock::Real).await;
    let (client, server) = world.pair(&lab).await;
    world.send(client, b"x").await.unwrap();
    world.recv(server).await.unwrap();
    assert!(world.info(client).await.time_ns > 3_000_000, "the handshake took three trips of 1 ms");
    let refused = advance(&world, &lab, How::Steps(1)).await;
    assert_eq!(refusal(refused).0, Code::FailedPrecondition);
}

async fn set_clock(world: &World, lab: &str, clock: Clock, speed: f64) -> Result<u64, tonic::Status> {
    let request = pb::SetClockRequest { lab: lab.to_owned(), clock: clock.into(), speed };
    Ok(world.networks.clone().set_clock(request).await?.into_inner().time_ns)
}

/// How time passes in the only lab, and at which speed.
async fn clock_of_the_lab(world: &World) -> (Clock, f64) {
    let labs =
        world.networks.clone().list_labs(pb::ListLabsRequest::default()).await.unwrap().into_inner().labs;
    (labs[0].clock(), labs[0].speed)
}

/// A connection whose handshake is three trips of 3 s of the lab's time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_is_stopped_hurried_and_let_go_while_a_connection_opens() {
    let world = World::start().await;
    let lab = world.lab(Clock::Manual).await;
    let delay = pb::Impairments { delay: Some(duration(Duration::from_secs(3))), ..Default::default() };
    let impaired =
        pb::SetImpairmentsRequest { lab: lab.clone(), link: "link1".to_owned(), impairments: Some(delay) };
    world.networks.clone().set_impairments(impaired).await.unwrap();
    let listener = world.listener(&format!("{lab}/b")).await;
    let client = world.socket(&format!("{lab}/a")).await;
    let mut connecting = Box::pin(world.connect(client));
    poll_once(&mut connecting).await;
    world.wait_for_state(client, TcpState::SynSent, None).await;

    // At 2,000 times the pace of the host, which would take minutes; it goes on from where it stood. The pace
    // begins somewhere within the call, so what it takes here is measured from before it.
    let began = std::time::Instant::now();
    assert_eq!(set_clock(&world, &lab, Clock::Real, 2000.0).await.unwrap(), 0);
    assert_eq!(clock_of_the_lab(&world).await, (Clock::Real, 2000.0));
    connecting.await.unwrap();
    let accepted = world.accept(listener).await.unwrap().socket;
    let passed = world.info(client).await.time_ns;
    assert!(passed >= 9_000_000_000, "three trips of 3 s: {passed} ns");
    assert!(began.elapsed() >= Duration::from_millis(4), "they take 4.5 ms here");

    // It stands where it is stopped.
    let stopped = set_clock(&world, &lab, Clock::Manual, 0.0).await.unwrap();
    assert!(stopped >= passed);
    assert_eq!(clock_of_the_lab(&world).await, (Clock::Manual, 0.0));
    assert_eq!(world.info(client).await.time_ns, stopped);
    let stepped = advance(&world, &lab, How::By(duration(Duration::from_secs(1)))).await.unwrap();
    assert_eq!(stepped.time_ns, stopped + 1_000_000_000);

    // And jumps: TIME-WAIT is over at once.
    set_clock(&world, &lab, Clock::Virtual, 0.0).await.unwrap();
    assert_eq!(clock_of_the_lab(&world).await, (Clock::Virtual, 0.0));
    let mut watch = world.watch(&[EventKind::Released]).await;
    world.close(client).await.unwrap();
    world.close(accepted).await.unwrap();
    let released = watch.find(|event| (event.socket == client).then_some(event.time_ns)).await;
    assert!(released >= stepped.time_ns + 60_000_000_000, "2 MSL after the last segment: {released} ns");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_cannot_be_is_refused() {
    let world = World::start().await;
    let lab = world.lab(Clock::Manual).await;
    for (clock, speed) in
        [(Clock::Unspecified, 0.0), (Clock::Virtual, 1.0), (Clock::Real, -1.0), (Clock::Real, f64::NAN)]
    {
        let refused = set_clock(&world, &lab, clock, speed).await;
        assert_eq!(refusal(refused).0, Code::InvalidArgument, "{clock:?} {speed}");
    }
    assert_eq!(refusal(set_clock(&world, "no such lab", Clock::Manual, 0.0).await).0, Code::NotFound);
    assert_eq!(clock_of_the_lab(&world).await, (Clock::Manual, 0.0));
}

/// The journey has no end of its own: keep-alives go on for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_becomes_real_ends_the_journey_that_it_is_on() {
    let world = World::start().await;
    let lab = world.lab(Clock::Manual).await;
    let listener = world.listener(&format!("{lab}/b")).await;
    let client = world.socket(&format!("{lab}/a")).await;
    let mut connecting = Box::pin(world.connect(client));
    poll_once(&mut connecting).await;
    world.wait_for_state(client, TcpState::SynSent, None).await;
    advance(&world, &lab, How::UntilIdle(true)).await.unwrap();
    connecting.await.unwrap();
    world.accept(listener).await.unwrap();
    let keep_alive = pb::KeepAlive { enabled: true, ..Default::default() };
    let options = Some(pb::SocketOptions { keep_alive: Some(keep_alive), ..Default::default() });
    world.sockets.clone().set_options(pb::SetOptionsRequest { socket: client, options }).await.unwrap();
    let mut journey = Box::pin(advance(&world, &lab, How::UntilIdle(true)));
    poll_once(&mut journey).await;
    set_clock(&world, &lab, Clock::Real, 0.0).await.unwrap();
    assert_eq!(refusal(journey.await).0, Code::FailedPrecondition);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_seed_and_calls_give_the_same_segments() {
    async fn run(seed: u64) -> Vec<String> {
        let world = World::start().await;
        let mut lab = lab_request("lab", Clock::Virtual, "");
        lab.seed = seed;
        let impairments = pb::Impairments {
            loss: 0.2,
            jitter: Some(duration(Duration::from_millis(7))),
            ..Default::default()
        };
        lab.links[0].impairments = Some(impairments);
        world.networks.clone().create_lab(lab).await.unwrap();
        let mut watch = world.watch(&[EventKind::SegmentSent, EventKind::Released]).await;
        let listener = world.listener("lab/b").await;
        let client = world.socket("lab/a").await;
        world.connect(client).await.unwrap();
        let server = world.accept(listener).await.unwrap().socket;
        for _ in 0..20 {
            world.send(client, &[7; 5000]).await.unwrap();
            world.recv_exactly(server, 5000).await;
        }
        world.abort(client).await.unwrap();
        let mut seen = Vec::new();
        loop {
            let event = watch.next().await.unwrap();
            match event.kind.unwrap() {
                event::Kind::SegmentSent(segment) => {
                    seen.push(format!("{} {} {} {}", event.time_ns, event.stack, segment.seq, segment.text));
                }
                _ if event.socket == client => return seen,
                _ => {}
            }
        }
    }
    let first = run(1).await;
    assert!(first.len() > 100);
    assert_eq!(first, run(1).await);
    assert_ne!(first, run(2).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_bad_link_does_is_told() {
    let world = World::start().await;
    let mut lab = lab_request("lab", Clock::Virtual, "");
    let all = pb::Impairments { loss: 0.3, duplicate: 0.3, corrupt: 0.3, reorder: 0.3, ..Default::default() };
    lab.links[0].impairments = Some(all);
    world.networks.clone().create_lab(lab).await.unwrap();
    let mut watch = world.watch(&[EventKind::FrameLost, EventKind::SegmentDropped]).await;
    let udp = |stack: &str| pb::CreateRequest {
        stack: stack.to_owned(),
        kind: pb::SocketKind::Datagram.into(),
        ..Default::default()
    };
    let a = world.create(udp("lab/a")).await.unwrap();
    for _ in 0..100 {
        let remote = Some(common::address("10.0.0.2", 53));
        let send = pb::SendToRequest { socket: a, remote, data: bytes::Bytes::from_static(b"data") };
        world.sockets.clone().send_to(send).await.unwrap();
    }
    let mut missing: std::collections::BTreeSet<_> =
        ["LOST", "DUPLICATED", "CORRUPTED", "REORDERED"].into_iter().map(str::to_owned).collect();
    while !missing.is_empty() {
        let (what, text) = watch
            .find(|event| match &event.kind {
                Some(event::Kind::FrameLost(lost)) => Some((lost.what.clone(), lost.text.clone())),
                _ => None,
            })
            .await;
        assert!(text.contains("10.0.0.1"), "{text}");
        missing.remove(&what);
    }
}

/// The runs of datagrams, of 600 sent in a row, that a link with these impairments loses.
async fn runs_of_losses(impairments: pb::Impairments) -> Vec<usize> {
    let world = World::start().await;
    let mut lab = lab_request("lab", Clock::Virtual, "");
    lab.links[0].impairments = Some(impairments);
    world.networks.clone().create_lab(lab).await.unwrap();
    let mut watch = world.watch(&[EventKind::FrameLost, EventKind::Released]).await;
    let create = |stack: &str| pb::CreateRequest {
        stack: stack.to_owned(),
        kind: pb::SocketKind::Datagram.into(),
        ..Default::default()
    };
    let socket = world.create(create("lab/a")).await.unwrap();
    // Each is told from the others by its length.
    for length in 1..=600 {
        let remote = Some(common::address("10.0.0.2", 53));
        let send = pb::SendToRequest { socket, remote, data: vec![0; length].into() };
        world.sockets.clone().send_to(send).await.unwrap();
    }
    world.close(socket).await.unwrap();
    let mut runs = Vec::new();
    let mut last = 0;
    loop {
        let event = watch.next().await.unwrap();
        let Some(event::Kind::FrameLost(lost)) = event.kind else { return runs };
        let Some((_, length)) = lost.text.split_once("> 10.0.0.2:53: UDP, length ") else { continue };
        let length: usize = length.parse().unwrap();
        if last + 1 == length && last > 0 {
            *runs.last_mut().unwrap() += 1;
        } else {
            runs.push(1);
        }
        last = length;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_of_a_link_come_one_by_one_or_in_bursts() {
    let mean = |runs: &[usize]| runs.iter().sum::<usize>() as f64 / runs.len() as f64;
    let share = |runs: &[usize]| runs.iter().sum::<usize>() as f64 / 600.0;
    let single = runs_of_losses(pb::Impairments { loss: 0.2, ..Default::default() }).await;
    // A fifth of the time the line is bad, for eight frames in the mean.
    let bursts = pb::Bursts { begin: 1.0 / 32.0, end: 1.0 / 8.0, loss: None };
    let bursts = runs_of_losses(pb::Impairments { bursts: Some(bursts), ..Default::default() }).await;
    for runs in [&single, &bursts] {
        assert!((0.1..0.3).contains(&share(runs)), "{runs:?}");
    }
    assert!((1.1..1.5).contains(&mean(&single)), "{single:?}");
    assert!((5.0..12.0).contains(&mean(&bursts)), "{bursts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_link_does_is_listed_with_its_defaults() {
    let world = World::start().await;
    let mut lab = lab_request("lab", Clock::Virtual, "");
    let bursts = pb::Bursts { begin: 0.25, end: 0.5, loss: None };
    lab.links[0].impairments =
        Some(pb::Impairments { reorder: 0.5, bursts: Some(bursts), ..Default::default() });
    let lab = world.networks.clone().create_lab(lab).await.unwrap().into_inner().lab.unwrap();
    let shown = lab.links[0].impairments.unwrap();
    assert_eq!(shown.bursts, Some(pb::Bursts { loss: Some(1.0), ..bursts }));
    assert_eq!(shown.reorder_by, Some(duration(Duration::from_millis(1))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_labs_is_kept() {
    let limits = Limits { labs: 2, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() }).await;
    for name in ["one", "two"] {
        world.lab_named(name, Clock::Virtual, "").await;
    }
    let refused =
        world.networks.clone().create_lab(lab_request("three", Clock::Virtual, "")).await.unwrap_err();
    assert_eq!((refused.code(), errno(&refused)), (Code::ResourceExhausted, "ENOBUFS"));
    world.networks.clone().delete_lab(pb::DeleteLabRequest { name: "one".to_owned() }).await.unwrap();
    world.lab_named("three", Clock::Virtual, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_changed_while_a_connection_runs_over_it() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let (client, _) = world.pair("lab").await;
    let change = |impairments| pb::SetImpairmentsRequest {
        lab: "lab".to_owned(),
        link: "link1".to_owned(),
        impairments,
    };
    let far = pb::Impairments { delay: Some(duration(Duration::from_millis(250))), ..Default::default() };
    let changed = world.networks.clone().set_impairments(change(Some(far))).await.unwrap().into_inner();
    let shown = pb::Impairments { queue_limit: 1000, ..far };
    assert_eq!(changed.link.unwrap().impairments, Some(shown));
    assert!(changed.at.unwrap().epoch > 0);

    let before = world.info(client).await.time_ns;
    world.send(client, b"over the changed line").await.unwrap();
    world.wait_for(client, pb::wait_for_request::Condition::AllAcknowledged(true), None).await.unwrap();
    let round_trip = world.info(client).await.time_ns - before;
    assert!(round_trip >= 500_000_000, "there and back in {round_trip} ns");

    let labs =
        world.networks.clone().list_labs(pb::ListLabsRequest::default()).await.unwrap().into_inner().labs;
    assert_eq!(labs[0].links[0].impairments, Some(shown));
    let nothing = world.networks.clone().set_impairments(change(None)).await.unwrap().into_inner();
    assert_eq!(nothing.link.unwrap().impairments, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_link_that_cannot_be_says_why() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let ask = async |lab: &str, link: &str, impairments| {
        let request = pb::SetImpairmentsRequest { lab: lab.to_owned(), link: link.to_owned(), impairments };
        world.networks.clone().set_impairments(request).await.unwrap_err()
    };
    let refused = ask("nowhere", "link1", None).await;
    assert_eq!((refused.code(), errno(&refused)), (Code::NotFound, "ENOENT"));
    let refused = ask("lab", "link2", None).await;
    assert_eq!((refused.code(), errno(&refused)), (Code::NotFound, "ENODEV"));
    let lossy = pb::Impairments { loss: 1.5, ..Default::default() };
    let refused = ask("lab", "link1", Some(lossy)).await;
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("impairments.loss"), "{refused:?}");
}
