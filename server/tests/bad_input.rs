//! Bad input to every call: a clear status, no panic, nothing leaked, nobody else disturbed.

mod common;

use std::time::Duration;

use common::{World, address, duration, errno, lab_request};
use sockwright_proto::v1::{self as pb, Clock, WatchRequest};
use tonic::{Code, Response, Status};

/// What a client can be told about bad input. Never INTERNAL, UNKNOWN or a panic's UNAVAILABLE.
const CLEAR: [Code; 7] = [
    Code::InvalidArgument,
    Code::NotFound,
    Code::FailedPrecondition,
    Code::Unimplemented,
    Code::AlreadyExists,
    Code::OutOfRange,
    Code::ResourceExhausted,
];

fn told<T>(what: &str, result: Result<Response<T>, Status>) -> (Code, String) {
    let Err(status) = result else { panic!("{what} was accepted") };
    assert!(CLEAR.contains(&status.code()), "{what}: {status:?}");
    assert!(status.message().len() > 10, "{what}: {:?} says nothing", status.message());
    (status.code(), errno(&status).to_owned())
}

fn invalid<T>(what: &str, result: Result<Response<T>, Status>) {
    assert_eq!(told(what, result).0, Code::InvalidArgument, "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_sockets_are_ebadf_in_every_call() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    for socket in [0, 1, 7, u64::MAX] {
        let mut s = world.sockets.clone();
        let missing = (Code::NotFound, "EBADF".to_owned());
        let local = Some(address("10.0.0.1", 1));
        let remote = local.clone();
        let results = [
            ("bind", told("bind", s.bind(pb::BindRequest { socket, local }).await)),
            ("listen", told("listen", s.listen(pb::ListenRequest { socket, backlog: 0 }).await)),
            ("accept", told("accept", s.accept(pb::AcceptRequest { socket, ..Default::default() }).await)),
            (
                "connect",
                told(
                    "connect",
                    s.connect(pb::ConnectRequest {
                        socket,
                        remote: remote.clone(),
                        dont_wait: false,
                        data: Default::default(),
                    })
                    .await,
                ),
            ),
            ("send", told("send", s.send(pb::SendRequest { socket, ..Default::default() }).await)),
            ("recv", told("recv", s.recv(pb::RecvRequest { socket, ..Default::default() }).await)),
            (
                "send_to",
                told("send_to", s.send_to(pb::SendToRequest { socket, remote, ..Default::default() }).await),
            ),
            (
                "recv_from",
                told("recv_from", s.recv_from(pb::RecvFromRequest { socket, ..Default::default() }).await),
            ),
            ("shutdown", told("shutdown", s.shutdown(pb::ShutdownRequest { socket, how: 2 }).await)),
            ("close", told("close", s.close(pb::CloseRequest { socket }).await)),
            ("abort", told("abort", s.abort(pb::AbortRequest { socket }).await)),
            (
                "set_options",
                told("set_options", s.set_options(pb::SetOptionsRequest { socket, options: None }).await),
            ),
            ("get_options", told("get_options", s.get_options(pb::GetOptionsRequest { socket }).await)),
            ("get_info", told("get_info", s.get_info(pb::GetInfoRequest { socket }).await)),
        ];
        for (call, told) in results {
            assert_eq!(told, missing, "{call} of socket {socket}");
        }
        let condition = Some(pb::wait_for_request::Condition::Released(true));
        let wait = pb::WaitForRequest { socket, condition, after: None };
        assert_eq!(told("wait_for", s.wait_for(wait).await), missing);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_make_no_sense_are_refused_and_leave_nothing() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    // A bystander, who must not notice anything.
    let other = world.lab_named("other", Clock::Virtual, "").await;
    let (client, server) = world.pair(&other).await;
    let before = world.all().await.len();
    let mut s = world.sockets.clone();

    let create = |change: &dyn Fn(&mut pb::CreateRequest)| {
        let mut request = pb::CreateRequest { stack: format!("{lab}/a"), ..Default::default() };
        change(&mut request);
        request
    };
    told("no stack", s.create(pb::CreateRequest::default()).await);
    told("unknown stack", s.create(create(&|r| r.stack = "nowhere".to_owned())).await);
    told("the lab itself", s.create(create(&|r| r.stack = "lab".to_owned())).await);
    invalid("kind", s.create(create(&|r| r.kind = 99)).await);
    invalid("family", s.create(create(&|r| r.family = -1)).await);
    invalid("label", s.create(create(&|r| r.label = "x".repeat(129))).await);
    invalid("key", s.create(create(&|r| r.idempotency_key = "x".repeat(65))).await);
    told("session", s.create(create(&|r| r.session = "s-1".to_owned())).await);
    let msl = Some(prost_types::Duration { seconds: -1, nanos: 0 });
    let options = pb::SocketOptions { msl, ..Default::default() };
    invalid("options", s.create(create(&|r| r.options = Some(options.clone()))).await);

    let socket = world.socket(&format!("{lab}/a")).await;
    let bind = |local| pb::BindRequest { socket, local };
    invalid("not an address", s.bind(bind(Some(address("10.0.0", 1)))).await);
    invalid("a big port", s.bind(bind(Some(address("10.0.0.1", 65_536)))).await);
    let family = told("other family", s.bind(bind(Some(address("fd00::1", 1)))).await);
    assert_eq!(family, (Code::InvalidArgument, "EAFNOSUPPORT".to_owned()));
    let elsewhere = told("elsewhere", s.bind(bind(Some(address("10.9.9.9", 1)))).await);
    assert_eq!(elsewhere, (Code::FailedPrecondition, "EADDRNOTAVAIL".to_owned()));
    let connect = |remote| pb::ConnectRequest { socket, remote, dont_wait: false, data: Default::default() };
    assert_eq!(told("no remote", s.connect(connect(None)).await).1, "EDESTADDRREQ");
    invalid("empty remote", s.connect(connect(Some(address("", 0)))).await);
    invalid("other family", s.connect(connect(Some(address("fd00::2", 80)))).await);
    told("port 0", s.connect(connect(Some(address("10.0.0.2", 0)))).await);
    told("not connected", s.send(pb::SendRequest { socket, ..Default::default() }).await);
    let data = vec![0; (1 << 20) + 1].into();
    let big =
        told("big data", s.send(pb::SendRequest { socket, data, dont_wait: false, urgent: false }).await);
    assert_eq!(big, (Code::InvalidArgument, "EMSGSIZE".to_owned()));
    invalid("max", s.recv(pb::RecvRequest { socket, max_bytes: u32::MAX, ..Default::default() }).await);
    let min = pb::RecvRequest { socket, max_bytes: 1, min_bytes: 2, ..Default::default() };
    invalid("min", s.recv(min).await);
    told("not connected", s.recv(pb::RecvRequest { socket, ..Default::default() }).await);
    let stream = told("a stream", s.recv_from(pb::RecvFromRequest { socket, ..Default::default() }).await);
    assert_eq!(stream, (Code::Unimplemented, "EOPNOTSUPP".to_owned()));
    told("not listening", s.accept(pb::AcceptRequest { socket, ..Default::default() }).await);
    invalid("no direction", s.shutdown(pb::ShutdownRequest { socket, how: 0 }).await);
    invalid("no such direction", s.shutdown(pb::ShutdownRequest { socket, how: 9 }).await);
    let options = Some(pb::SocketOptions { receive_buffer: Some(0), ..Default::default() });
    invalid("option", s.set_options(pb::SetOptionsRequest { socket, options }).await);
    invalid("no condition", s.wait_for(pb::WaitForRequest { socket, ..Default::default() }).await);
    let filter = Some(pb::Filter { addresses: vec!["x".to_owned()], ..Default::default() });
    invalid("filter", s.list(pb::ListRequest { filter: filter.clone(), ..Default::default() }).await);
    invalid("token", s.list(pb::ListRequest { page_token: "-1".to_owned(), ..Default::default() }).await);
    invalid("watch", world.events.clone().watch(WatchRequest { filter, ..Default::default() }).await);
    world.close(socket).await.unwrap();
    let closed = told("closed", s.close(pb::CloseRequest { socket }).await);
    assert_eq!(closed.1, "EBADF");

    assert_eq!(world.all().await.len(), before);
    world.send(client, b"undisturbed").await.unwrap();
    assert_eq!(world.recv_exactly(server, 11).await, b"undisturbed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn networks_and_sessions_refuse_what_they_cannot_do() {
    let world = World::start().await;
    let mut n = world.networks.clone();
    invalid("no stacks", n.create_lab(pb::CreateLabRequest::default()).await);
    let lab = |change: &dyn Fn(&mut pb::CreateLabRequest)| {
        let mut request = lab_request("x", Clock::Virtual, "");
        change(&mut request);
        request
    };
    invalid("name", n.create_lab(lab(&|r| r.name = "a/b".to_owned())).await);
    invalid("clock", n.create_lab(lab(&|r| r.clock = 17)).await);
    invalid("address", n.create_lab(lab(&|r| r.stacks[0].addresses = vec!["224.0.0.1".to_owned()])).await);
    invalid(
        "the same address twice",
        n.create_lab(lab(&|r| {
            r.stacks.iter_mut().for_each(|s| s.addresses = vec!["10.0.0.1/24".to_owned()])
        }))
        .await,
    );
    invalid("link", n.create_lab(lab(&|r| r.links[0].stacks = vec![])).await);
    invalid("mtu", n.create_lab(lab(&|r| r.links[0].mtu = 100_000)).await);
    let bad = pb::Impairments { loss: f64::NAN, ..Default::default() };
    invalid("loss", n.create_lab(lab(&|r| r.links[0].impairments = Some(bad))).await);
    told("session", n.create_lab(lab(&|r| r.session = "nobody".to_owned())).await);
    told("no lab", n.delete_lab(pb::DeleteLabRequest::default()).await);
    told(
        "no lab",
        n.advance_time(pb::AdvanceTimeRequest {
            lab: "x".to_owned(),
            how: Some(pb::advance_time_request::How::Steps(1)),
        })
        .await,
    );
    let real = world.lab(Clock::Virtual).await;
    invalid("nothing", n.advance_time(pb::AdvanceTimeRequest { lab: real, how: None }).await);
    told("no stack", n.detach(pb::DetachRequest { name: "eth0".to_owned() }).await);
    invalid("no link", n.attach(pb::AttachRequest::default()).await);
    let raw = |addresses: &[&str]| pb::AttachRequest {
        link: Some(pb::attach_request::Link::RawIp(pb::RawIp {
            addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
            ..Default::default()
        })),
        ..Default::default()
    };
    invalid("no address", n.attach(raw(&[])).await);
    invalid("not an address", n.attach(raw(&["lo"])).await);
    invalid("two of a family", n.attach(raw(&["127.0.0.1", "127.0.0.2"])).await);
    invalid("any", n.attach(raw(&["0.0.0.0"])).await);
    let busy_poll = |time| pb::AttachRequest { busy_poll: Some(time), ..raw(&["127.0.0.1"]) };
    invalid("busy for too long", n.attach(busy_poll(duration(Duration::from_micros(1_000_001)))).await);
    invalid("busy for no time", n.attach(busy_poll(prost_types::Duration { seconds: 0, nanos: -1 })).await);

    let mut s = world.sessions.clone();
    let open = |lease| pb::OpenRequest { lease: Some(lease), ..Default::default() };
    invalid("short lease", s.open(open(duration(Duration::from_millis(99)))).await);
    invalid("long lease", s.open(open(duration(Duration::from_secs(86_401)))).await);
    invalid("no lease", s.open(open(prost_types::Duration { seconds: 1, nanos: -5 })).await);
    invalid("policy", s.open(pb::OpenRequest { on_expiry: 5, ..Default::default() }).await);
    invalid("label", s.open(pb::OpenRequest { label: "ä".repeat(65), ..Default::default() }).await);
    for session in ["", "s-", "s-1", "x", "s-99999999999999999999999"] {
        let session = session.to_owned();
        told("keep alive", s.keep_alive(pb::KeepAliveRequest { session: session.clone() }).await);
        told("close", s.close(pb::SessionsCloseRequest { session, on_expiry: 0 }).await);
    }
    let labs = n.list_labs(pb::ListLabsRequest::default()).await.unwrap().into_inner().labs;
    assert_eq!(labs.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_message_are_refused() {
    use tonic::codegen::http;
    let world = World::start().await;
    let mut client = tonic::client::Grpc::new(world.channel.clone());
    client.ready().await.unwrap();
    // A string where `Recv` has a number. Every gRPC server answers INTERNAL to what it cannot decode.
    let garbage = pb::DeleteLabRequest { name: "not a number".to_owned() };
    let codec = tonic_prost::ProstCodec::<pb::DeleteLabRequest, pb::RecvResponse>::default();
    let path = http::uri::PathAndQuery::from_static("/sockwright.v1.Sockets/Recv");
    let refused = client.unary(tonic::Request::new(garbage), path, codec).await.unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    assert_eq!(world.all().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_far_too_long_is_named_in_part() {
    let world = World::start().await;
    let lab = "ä".repeat(100_000);
    let create = world.create(pb::CreateRequest { stack: format!("{lab}/a"), ..Default::default() }).await;
    let advance = pb::AdvanceTimeRequest { lab: lab.clone(), how: None };
    let advance = world.networks.clone().advance_time(advance).await.map(drop);
    let delete = world.networks.clone().delete_lab(pb::DeleteLabRequest { name: lab }).await.map(drop);
    for refused in [create.map(drop), advance, delete] {
        let refused = refused.unwrap_err();
        assert!(!common::errno(&refused).is_empty(), "{refused:?}");
        assert!(refused.message().len() < 600, "{}", refused.message().len());
    }
}
