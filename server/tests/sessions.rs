//! Sessions: leases, and the four things that may become of what they own.

mod common;

use std::time::Duration;

use common::{World, errno, refusal};
use sockwright_proto::v1::{self as pb, Clock, EventKind, OnExpiry, TcpState, event};
use tonic::Code;

const LONG: Duration = Duration::from_secs(3600);

async fn close(world: &World, session: &str, on_expiry: OnExpiry) -> pb::SessionsCloseResponse {
    let request = pb::SessionsCloseRequest { session: session.to_owned(), on_expiry: on_expiry.into() };
    world.sessions.clone().close(request).await.unwrap().into_inner()
}

/// A connection whose client end belongs to a session, and whose server end to nobody.
async fn half_owned(world: &World, lab: &str, session: &str) -> (u64, u64) {
    let listener = world.listener(&format!("{lab}/b")).await;
    let create =
        pb::CreateRequest { stack: format!("{lab}/a"), session: session.to_owned(), ..Default::default() };
    let client = world.create(create).await.unwrap();
    world.connect(client).await.unwrap();
    let server = world.accept(listener).await.unwrap().socket;
    world.close(listener).await.unwrap();
    (client, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reset_gives_the_peer_a_rst() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let session = world.open_session(LONG, OnExpiry::Reset).await;
    let (client, server) = half_owned(&world, &lab, &session).await;
    assert_eq!(world.info(client).await.summary.unwrap().session, session);
    let closed = close(&world, &session, OnExpiry::Unspecified).await;
    assert_eq!(closed.sockets, 1);
    let reset = world.recv(server).await.unwrap_err();
    assert_eq!((reset.code(), errno(&reset)), (Code::Aborted, "ECONNRESET"));
    assert_eq!(refusal(world.recv(client).await).0, Code::NotFound);
    world.close(server).await.unwrap();
    assert_eq!(world.all().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fin_lets_connections_finish() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let session = world.open_session(LONG, OnExpiry::Reset).await;
    let (client, server) = half_owned(&world, &lab, &session).await;
    world.send(client, b"last words").await.unwrap();
    let closed = close(&world, &session, OnExpiry::Fin).await;
    assert_eq!(closed.sockets, 1);
    assert_eq!(world.recv_exactly(server, 10).await, b"last words");
    assert!(world.recv(server).await.unwrap().end_of_stream);
    world.close(server).await.unwrap();
    let ended = world.wait_released(client, closed.at).await;
    assert!(ended.summary.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lab_of_a_session_that_ends_with_fin_goes_with_its_last_connection() {
    let world = World::start().await;
    let session = world.open_session(LONG, OnExpiry::Fin).await;
    let lab = world.lab_named("owned", Clock::Manual, &session).await;
    let mut sockets = world.sockets.clone();
    let listener = world.listener(&format!("{lab}/b")).await;
    let create =
        pb::CreateRequest { stack: format!("{lab}/a"), session: session.clone(), ..Default::default() };
    let client = world.create(create).await.unwrap();
    let remote = Some(common::address("10.0.0.2", 80));
    sockets
        .connect(pb::ConnectRequest { socket: client, remote, dont_wait: true, data: Default::default() })
        .await
        .unwrap_err();
    world.advance(&lab, Duration::from_secs(1)).await;
    let server = world.accept(listener).await.unwrap().socket;

    let at = close(&world, &session, OnExpiry::Unspecified).await.at;
    // Time stands still, and the lab with it: the FIN has not even arrived.
    assert_eq!(
        world
            .networks
            .clone()
            .list_labs(pb::ListLabsRequest::default())
            .await
            .unwrap()
            .into_inner()
            .labs
            .len(),
        1
    );
    world.advance(&lab, Duration::from_secs(1)).await;
    world.wait_for_state(server, TcpState::CloseWait, at).await;
    world.close(server).await.unwrap();
    // The client's 2·MSL end the last connection; whether the call hears of it before the lab goes does not matter.
    let how = Some(pb::advance_time_request::How::By(common::duration(Duration::from_secs(100))));
    _ = world.networks.clone().advance_time(pb::AdvanceTimeRequest { lab: lab.clone(), how }).await;
    world.wait_released(client, at).await;
    world.wait_released(listener, at).await;
    assert_eq!(world.all().await, []);
    let request = pb::DeleteLabRequest { name: lab };
    assert_eq!(refusal(world.networks.clone().delete_lab(request).await).0, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vanish_leaves_the_peer_half_open_until_its_user_timeout() {
    let world = World::start().await;
    let lab = world.lab(Clock::Manual).await;
    let mut sockets = world.sockets.clone();
    let session = world.open_session(LONG, OnExpiry::Vanish).await;
    let listener = world.listener(&format!("{lab}/b")).await;
    let create =
        pb::CreateRequest { stack: format!("{lab}/a"), session: session.clone(), ..Default::default() };
    let client = world.create(create).await.unwrap();
    let remote = Some(common::address("10.0.0.2", 80));
    sockets
        .connect(pb::ConnectRequest { socket: client, remote, dont_wait: true, data: Default::default() })
        .await
        .unwrap_err();
    world.advance(&lab, Duration::from_secs(1)).await;
    let server = world.accept(listener).await.unwrap().socket;

    let mut watch = world.watch(&[EventKind::SegmentSent, EventKind::Failed]).await;
    assert_eq!(close(&world, &session, OnExpiry::Unspecified).await.sockets, 1);
    world.advance(&lab, Duration::from_secs(3600)).await;
    assert_eq!(world.info(server).await.summary.unwrap().tcp_state(), TcpState::Established);

    world.send(server, b"anybody there?").await.unwrap();
    world.advance(&lab, Duration::from_secs(3600)).await;
    let failed = world.recv(server).await.unwrap_err();
    assert_eq!((failed.code(), errno(&failed)), (Code::DeadlineExceeded, "ETIMEDOUT"));
    let (mut probes, mut answers) = (0, 0);
    watch
        .find(|event| {
            match &event.kind {
                Some(event::Kind::SegmentSent(_)) if event.stack == "lab/a" => answers += 1,
                Some(event::Kind::SegmentSent(_)) => probes += 1,
                Some(event::Kind::Failed(_)) => return Some(()),
                _ => {}
            }
            None
        })
        .await;
    assert_eq!(answers, 0, "not one segment came from where the client had been");
    assert!(probes > 3, "the peer tried {probes} times");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keep_lets_everything_live_on_as_nobodys() {
    let world = World::start().await;
    let session = world.open_session(LONG, OnExpiry::Keep).await;
    let lab = world.lab_named("kept", Clock::Virtual, &session).await;
    let (listener, client, server) = world.pair_of(&lab, &session).await;
    assert_eq!(close(&world, &session, OnExpiry::Unspecified).await.sockets, 3);
    world.send(client, b"on").await.unwrap();
    assert_eq!(world.recv_exactly(server, 2).await, b"on");
    for socket in [listener, client, server] {
        assert_eq!(world.info(socket).await.summary.unwrap().session, "");
    }
    assert!(world.all().await.iter().all(|socket| socket.session.is_empty()));
    let labs =
        world.networks.clone().list_labs(pb::ListLabsRequest::default()).await.unwrap().into_inner().labs;
    assert_eq!((labs.len(), labs[0].session.as_str()), (1, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lab_of_a_session_goes_with_it() {
    let world = World::start().await;
    let session = world.open_session(LONG, OnExpiry::Reset).await;
    let lab = world.lab_named("owned", Clock::Virtual, &session).await;
    let (listener, client, _) = world.pair_of(&lab, "").await;
    close(&world, &session, OnExpiry::Unspecified).await;
    assert_eq!(world.all().await, []);
    let gone = world.recv(client).await.unwrap_err();
    assert_eq!((gone.code(), errno(&gone)), (Code::Unavailable, "ENETDOWN"));
    assert_eq!(refusal(world.accept(listener).await), (Code::Unavailable, "ENETDOWN".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_runs_out_unless_it_is_kept() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let kept = world.open_session(Duration::from_millis(200), OnExpiry::Reset).await;
    let left = world.open_session(Duration::from_millis(100), OnExpiry::Reset).await;
    let create = |session: &str| pb::CreateRequest {
        stack: format!("{lab}/a"),
        session: session.to_owned(),
        ..Default::default()
    };
    let (mine, theirs) =
        (world.create(create(&kept)).await.unwrap(), world.create(create(&left)).await.unwrap());
    // The event is the clock: it comes when the lease has run out.
    let mut sessions = world.sessions.clone();
    let keeping = {
        let (mut sessions, session) = (sessions.clone(), kept.clone());
        tokio::spawn(async move {
            let mut heartbeat = tokio::time::interval(Duration::from_millis(40));
            loop {
                heartbeat.tick().await;
                let request = pb::KeepAliveRequest { session: session.clone() };
                sessions.keep_alive(request).await.unwrap();
            }
        })
    };
    world.wait_released(theirs, None).await;
    keeping.abort();
    let again = pb::KeepAliveRequest { session: left.clone() };
    assert_eq!(refusal(sessions.keep_alive(again).await), (Code::NotFound, "ENOENT".to_owned()));
    assert_eq!(refusal(world.create(create(&left)).await), (Code::NotFound, "ENOENT".to_owned()));
    world.wait_released(mine, None).await;
    assert_eq!(world.all().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_being_made_as_a_session_ends_goes_with_it() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    for _ in 0..30 {
        let session = world.open_session(LONG, OnExpiry::Reset).await;
        let mut making = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let mut sockets = world.sockets.clone();
            let (stack, session) = (format!("{lab}/a"), session.clone());
            making.spawn(async move {
                _ = sockets.create(pb::CreateRequest { stack, session, ..Default::default() }).await;
            });
        }
        close(&world, &session, OnExpiry::Unspecified).await;
        making.join_all().await;
        assert_eq!(world.all().await, []);
    }
}
