//! Quotas: what one has more than is given is refused, and what has come to its end, however, is counted no more.

use sockwright_proto::v1 as pb;
use tonic::{Code, Status};

use super::world::{Somebody, World};

const POLICY: &str = r#"
[identities]
"token:a" = ["some"]
"token:b" = ["some"]

[roles.some]
labs = true
limits = { sockets = 2, sessions = 1, labs = 1, watchers = 1, captures = 1, traces = 1, session_length = "1s" }
"#;

fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, told: &str) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.message().contains(told), "{status}");
}

async fn released(who: &Somebody, socket: u64) {
    let condition = Some(pb::wait_for_request::Condition::Released(true));
    who.sockets.clone().wait_for(pb::WaitForRequest { socket, condition, after: None }).await.unwrap();
}

#[tokio::test]
async fn sockets_are_counted_for_as_long_as_they_are_there() {
    let world = World::under(POLICY).await;
    let (a, b) = (world.somebody("token:a"), world.somebody("token:b"));
    a.lab("lab").await.unwrap();
    b.lab("lab").await.unwrap();
    for end in ["close", "abort", "session", "refused", "lab"] {
        let session = a.session().await.unwrap();
        let first = a.socket("lab/a", &session).await.unwrap();
        let second = a.socket("lab/a", &session).await.unwrap();
        refused(a.socket("lab/a", "").await, "gives token:a no more than 2 sockets");
        let others = b.socket("lab/a", "").await.expect("what one has is not another's");
        b.sockets.clone().close(pb::CloseRequest { socket: others }).await.unwrap();
        match end {
            "close" => {
                for socket in [first, second] {
                    a.sockets.clone().close(pb::CloseRequest { socket }).await.unwrap();
                }
            }
            "abort" => {
                for socket in [first, second] {
                    a.sockets.clone().abort(pb::AbortRequest { socket }).await.unwrap();
                }
            }
            "refused" => {
                let remote = Some(pb::SocketAddress { ip: "10.0.0.2".to_owned(), port: 9 });
                let request = pb::ConnectRequest { socket: first, remote, ..Default::default() };
                a.sockets.clone().connect(request).await.unwrap_err();
                for socket in [first, second] {
                    a.sockets.clone().close(pb::CloseRequest { socket }).await.unwrap();
                }
            }
            "lab" => {
                let name = "lab".to_owned();
                a.networks.clone().delete_lab(pb::DeleteLabRequest { name }).await.unwrap();
            }
            _ => {}
        }
        a.sessions.clone().close(pb::SessionsCloseRequest { session, on_expiry: 0 }).await.unwrap();
        if end != "lab" {
            released(&a, first).await;
            released(&a, second).await;
        }
        assert_eq!(counted(&world), 0, "{end}");
    }
}

#[tokio::test]
async fn everything_else_comes_back_when_it_ends() {
    let world = World::under(POLICY).await;
    let a = world.somebody("token:a");
    for _ in 0..3 {
        a.lab("one").await.unwrap();
        refused(a.lab("two").await, "no more than 1 labs");
        let session = a.session().await.unwrap();
        refused(a.session().await, "no more than 1 sessions");
        let watch = a.events.clone().watch(pb::WatchRequest::default()).await.unwrap();
        refused(a.events.clone().watch(pb::WatchRequest::default()).await, "no more than 1 watchers");
        let capture = a.networks.clone().capture(pb::CaptureRequest::default()).await.unwrap();
        refused(a.networks.clone().capture(pb::CaptureRequest::default()).await, "no more than 1 captures");
        let start = || pb::TracesStartRequest { session: session.clone(), ..Default::default() };
        let trace = a.traces.clone().start(start()).await.unwrap().into_inner().trace;
        refused(a.traces.clone().start(start()).await, "no more than 1 traces");

        a.traces.clone().stop(pb::TracesStopRequest { trace, discard: true }).await.unwrap();
        drop((watch, capture));
        a.sessions.clone().close(pb::SessionsCloseRequest { session, on_expiry: 0 }).await.unwrap();
        a.networks.clone().delete_lab(pb::DeleteLabRequest { name: "one".to_owned() }).await.unwrap();
        // The server hears of streams that nobody reads any more when it is told so: the next call is behind that.
        let watchers = || world.parts.hub.figures().watchers.iter().map(|(_, count)| count).sum::<usize>();
        while watchers() > 0 || world.parts.networks.captures().figures().running > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_session_is_not_kept_alive_for_longer_than_it_may_last() {
    let world = World::under(POLICY).await;
    let a = world.somebody("token:a");
    let session = a.session().await.unwrap();
    let began = std::time::Instant::now();
    let keep_alive = || pb::KeepAliveRequest { session: session.clone() };
    let mut kept = 0;
    while let Ok(answer) = a.sessions.clone().keep_alive(keep_alive()).await {
        let lease = answer.into_inner().lease.unwrap();
        assert!(lease.seconds <= 1, "{lease:?}");
        kept += 1;
    }
    assert!(kept > 0 && began.elapsed() >= std::time::Duration::from_secs(1));
}

const THREE_SOCKETS: &str = r#"
[identities]
"token:a" = ["some"]

[roles.some]
labs = true
limits = { sockets = 3 }
"#;

/// How many sockets `token:a` has, or has room for that is taken.
fn counted(world: &World) -> usize {
    world.parts.hub.sockets_of(crate::access::identity::IdentityId(2))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_of_one_instant_do_not_find_the_same_room() {
    let world = World::under(THREE_SOCKETS).await;
    let a = std::sync::Arc::new(world.somebody("token:a"));
    a.lab("lab").await.unwrap();
    for _ in 0..10 {
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let a = std::sync::Arc::clone(&a);
            calls.spawn(async move { a.socket("lab/a", "").await });
        }
        let made: Vec<u64> = calls.join_all().await.into_iter().flatten().collect();
        assert_eq!((made.len(), counted(&world)), (3, 3));
        for socket in made {
            a.sockets.clone().close(pb::CloseRequest { socket }).await.unwrap();
        }
        assert_eq!(counted(&world), 0);
    }
}

#[tokio::test]
async fn a_connection_is_counted_once_it_is_accepted_and_stays_in_the_queue_where_there_is_no_room() {
    let world = World::under(THREE_SOCKETS).await;
    let a = world.somebody("token:a");
    a.lab("lab").await.unwrap();
    let listener = a.socket("lab/b", "").await.unwrap();
    let local = Some(pb::SocketAddress { ip: String::new(), port: 80 });
    a.sockets.clone().bind(pb::BindRequest { socket: listener, local }).await.unwrap();
    a.sockets.clone().listen(pb::ListenRequest { socket: listener, backlog: 5 }).await.unwrap();
    let client = a.socket("lab/a", "").await.unwrap();
    let remote = Some(pb::SocketAddress { ip: "10.0.0.2".to_owned(), port: 80 });
    let connect = pb::ConnectRequest { socket: client, remote, ..Default::default() };
    a.sockets.clone().connect(connect).await.unwrap();
    assert_eq!(counted(&world), 2, "nobody has accepted the other end");
    let third = a.socket("lab/a", "").await.unwrap();

    let accept = || pb::AcceptRequest { socket: listener, ..Default::default() };
    refused(a.sockets.clone().accept(accept()).await, "gives token:a no more than 3 sockets");
    refused(a.socket("lab/a", "").await, "gives token:a no more than 3 sockets");
    a.sockets.clone().close(pb::CloseRequest { socket: third }).await.unwrap();
    let accepted = a.sockets.clone().accept(accept()).await.expect("it is still there").into_inner().socket;
    assert_eq!(counted(&world), 3);
    refused(a.socket("lab/a", "").await, "gives token:a no more than 3 sockets");
    a.sockets.clone().abort(pb::AbortRequest { socket: accepted }).await.unwrap();
    released(&a, accepted).await;

    // What waits for a connection has room for it, and gives it back with the wait.
    let mut waits = Box::pin(async { a.sockets.clone().accept(accept()).await });
    while counted(&world) < 3 {
        assert!(now_or_never(&mut waits).await.is_none());
        tokio::task::yield_now().await;
    }
    refused(a.socket("lab/a", "").await, "gives token:a no more than 3 sockets");
    drop(waits);
    while counted(&world) > 2 {
        tokio::task::yield_now().await;
    }
    a.socket("lab/a", "").await.unwrap();
}

const SOME_SOCKETS: &str = r#"
[identities]
"token:a" = ["some", "all"]
"token:b" = ["some"]

[roles.some]
labs = true
limits = { sockets = 4, stacks = 1 }

[roles.all]
see = "all"
drive = "all"
limits = { sockets = 4, stacks = 1 }
"#;

fn at(ip: &str, port: u32) -> Option<pb::SocketAddress> {
    Some(pb::SocketAddress { ip: ip.to_owned(), port })
}

/// A listener at port 80 of `lab/b`.
async fn listening(a: &Somebody, backlog: u32) -> u64 {
    let socket = a.socket("lab/b", "").await.unwrap();
    a.sockets.clone().bind(pb::BindRequest { socket, local: at("", 80) }).await.unwrap();
    a.sockets.clone().listen(pb::ListenRequest { socket, backlog }).await.unwrap();
    socket
}

/// A workload of so many connections at a time from `lab/a` to `lab/b`.
fn connects(concurrency: u32) -> pb::RunRequest {
    let side =
        pb::ConnectingSide { remotes: vec![at("10.0.0.2", 80).unwrap()], connections_per_second: 0.001 };
    pb::RunRequest {
        stack: "lab/a".to_owned(),
        concurrency,
        side: Some(pb::run_request::Side::Connecting(side)),
        role: Some(pb::run_request::Role::Idle(pb::TrafficIdle::default())),
        ..Default::default()
    }
}

#[tokio::test]
async fn what_a_workload_may_open_is_counted_until_it_ends() {
    let world = World::under(SOME_SOCKETS).await;
    let a = world.somebody("token:a");
    a.lab("lab").await.unwrap();
    // What is to be opened next takes a thousand seconds: a virtual clock would be there at once.
    let real =
        pb::SetClockRequest { lab: "lab".to_owned(), clock: pb::Clock::Real.into(), ..Default::default() };
    a.networks.clone().set_clock(real).await.unwrap();
    let listener = listening(&a, 8).await;
    refused(a.traffic.clone().run(connects(4)).await, "gives token:a no more than 4 sockets");
    let first = a.traffic.clone().run(connects(2)).await.unwrap();
    assert_eq!(counted(&world), 3, "though one is yet to be opened");
    refused(a.traffic.clone().run(connects(2)).await, "gives token:a no more than 4 sockets");
    let second = a.traffic.clone().run(connects(1)).await.unwrap();
    refused(a.socket("lab/a", "").await, "gives token:a no more than 4 sockets");
    drop((first, second));
    while counted(&world) > 1 {
        tokio::task::yield_now().await;
    }
    a.sockets.clone().close(pb::CloseRequest { socket: listener }).await.unwrap();
    assert_eq!(counted(&world), 0);
}

#[tokio::test]
async fn a_peer_that_listens_counts_as_many_as_connect_to_it() {
    let world = World::under(SOME_SOCKETS).await;
    let a = world.somebody("token:a");
    a.lab("lab").await.unwrap();
    let peer = || Some(pb::TrafficPeer { stack: "lab/b".to_owned(), ..Default::default() });
    let two = pb::RunRequest { peer: peer(), ..connects(2) };
    refused(a.traffic.clone().run(two).await, "gives token:a no more than 4 sockets");
    let limits = Some(pb::TrafficLimits { octets: 10_000, ..Default::default() });
    let role = Some(pb::run_request::Role::Source(pb::TrafficSource::default()));
    let one = pb::RunRequest { peer: peer(), limits, role, ..connects(1) };
    let mut told = a.traffic.clone().run(one).await.expect("it needs three").into_inner();
    let mut report = None;
    while let Some(response) = told.message().await.unwrap() {
        report = response.part;
    }
    assert!(matches!(report, Some(pb::run_response::Part::Report(_))), "{report:?}");
}

#[tokio::test]
async fn what_a_workload_accepts_is_counted_and_waits_where_there_is_no_room() {
    let world = World::under(SOME_SOCKETS).await;
    let a = world.somebody("token:a");
    a.lab("lab").await.unwrap();
    let side = pb::ListeningSide { local: at("", 80), ..Default::default() };
    let echo = pb::RunRequest {
        stack: "lab/b".to_owned(),
        side: Some(pb::run_request::Side::Listening(side)),
        role: Some(pb::run_request::Role::Echo(pb::TrafficEcho::default())),
        ..Default::default()
    };
    let _running = a.traffic.clone().run(echo).await.unwrap();
    let connected = async || {
        let socket = a.socket("lab/a", "").await.unwrap();
        let connect = pb::ConnectRequest { socket, remote: at("10.0.0.2", 80), ..Default::default() };
        a.sockets.clone().connect(connect).await.unwrap();
        let send = pb::SendRequest { socket, data: b"x".to_vec().into(), ..Default::default() };
        a.sockets.clone().send(send).await.unwrap();
        socket
    };
    let echoed = async |socket| {
        let recv = pb::RecvRequest { socket, max_bytes: 1, ..Default::default() };
        a.sockets.clone().recv(recv).await.unwrap().into_inner().data
    };
    let first = connected().await;
    assert_eq!(echoed(first).await, "x");
    assert_eq!(counted(&world), 3, "the listener, and both ends");
    let second = connected().await;
    assert_eq!(counted(&world), 4, "nobody has accepted the other end");
    refused(a.socket("lab/a", "").await, "gives token:a no more than 4 sockets");
    a.sockets.clone().abort(pb::AbortRequest { socket: first }).await.unwrap();
    assert_eq!(echoed(second).await, "x", "there is room for it now");
    assert_eq!(counted(&world), 3);
}

#[tokio::test]
async fn a_socket_in_anothers_session_is_the_others() {
    let world = World::under(SOME_SOCKETS).await;
    let (a, b) = (world.somebody("token:a"), world.somebody("token:b"));
    a.lab("lab").await.unwrap();
    let session = b.session().await.unwrap();
    let of_b = || world.parts.hub.sockets_of(crate::access::identity::IdentityId(3));
    for _ in 0..5 {
        let socket = a.socket("lab/a", &session).await.unwrap();
        assert_eq!((counted(&world), of_b()), (0, 1));
        a.sockets.clone().close(pb::CloseRequest { socket }).await.unwrap();
        assert_eq!((counted(&world), of_b()), (0, 0));
    }
}

#[tokio::test]
async fn no_more_connections_wait_at_a_listener_than_there_may_be_sockets() {
    let world = World::under(SOME_SOCKETS).await;
    let a = world.somebody("token:a");
    a.lab("lab").await.unwrap();
    let socket = listening(&a, 4096).await;
    let info = a.sockets.clone().get_info(pb::GetInfoRequest { socket }).await.unwrap().into_inner();
    assert_eq!(info.listener.unwrap().backlog, 4);
}

#[tokio::test]
async fn a_stack_has_its_place_before_it_is_opened() {
    let world = World::under(SOME_SOCKETS).await;
    let token = crate::access::identity::Proof::Token;
    let identity = crate::access::identity::Identities::new(8).known("token:a", token).unwrap();
    let caller = world.parts.access.known(identity);
    let begin = || world.parts.networks.begin_opening(&caller, caller.id()).map(|_place| ());
    let first = world.parts.networks.begin_opening(&caller, caller.id()).unwrap();
    refused(begin(), "gives token:a no more than 1 stacks");
    drop(first);
    begin().unwrap();
}

/// What a call gives at once, if it does.
async fn now_or_never<T>(call: &mut std::pin::Pin<Box<impl Future<Output = T>>>) -> Option<T> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match call.as_mut().poll(cx) {
            std::task::Poll::Ready(done) => Some(done),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
