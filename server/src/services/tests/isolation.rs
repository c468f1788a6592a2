//! To a stranger, what somebody owns is not there: every call of the contract is made about it, and about things that never were,
//! and gives the same. A call that is new has no row here, and the tests fail.

use std::collections::BTreeSet;

use prost_reflect::DescriptorPool;
use sockwright_proto::v1::transfer_request::Part as TransferPart;
use sockwright_proto::v1::wait_for_request::Condition;
use sockwright_proto::v1::watch_response::Part;
use sockwright_proto::v1::{self as pb, advance_time_request, attach_request, record_request, run_request};
use tonic::{Code, Status, Streaming};

use super::world::{Somebody, World};

const POLICY: &str = r#"
[identities]
"token:owner" = ["tester"]
"token:stranger" = ["tester"]
"token:auditor" = ["auditor"]
"token:admin" = ["admin"]

[roles.tester]
labs = true
attach = [{}]

[roles.auditor]
see = "all"
labs = true
attach = [{}]

[roles.admin]
drive = "all"
"#;

/// What a call is about.
#[derive(Clone, Debug)]
struct About {
    socket: u64,
    session: String,
    lab: String,
    trace: String,
    key: String,
}

impl About {
    /// Nothing that ever was.
    fn nothing() -> About {
        About {
            socket: 999_999_999,
            session: "s-999999999".to_owned(),
            lab: "no-lab".to_owned(),
            trace: "t-999999999".to_owned(),
            key: "another key".to_owned(),
        }
    }

    /// A text, with the names in it that are this one's as those of anybody.
    fn anonymous(&self, text: &str) -> String {
        let text = text.replace(&self.session, "SESSION").replace(&self.trace, "TRACE");
        let text = text.replace(&format!("{}/", self.lab), "LAB/").replace(&format!("{:?}", self.lab), "LAB");
        let words = text.split(' ').map(|word| if word == self.socket.to_string() { "SOCKET" } else { word });
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Everything that there is to own: a lab, a session, a listener in it, a trace.
async fn own(owner: &Somebody) -> About {
    let lab = owner.lab("secret").await.unwrap().name;
    let key = "the key".to_owned();
    let open = pb::OpenRequest { idempotency_key: key.clone(), ..Default::default() };
    let session = owner.sessions.clone().open(open).await.unwrap().into_inner().session;
    let socket = owner.socket("secret/a", &session).await.unwrap();
    owner.sockets.clone().listen(pb::ListenRequest { socket, backlog: 1 }).await.unwrap();
    let start = pb::TracesStartRequest { session: session.clone(), ..Default::default() };
    let trace = owner.traces.clone().start(start).await.unwrap().into_inner().trace;
    About { socket, session, lab, trace, key }
}

/// The first message of a stream, or its end.
async fn first<T: std::fmt::Debug>(
    stream: Result<tonic::Response<Streaming<T>>, Status>,
) -> Result<String, Status> {
    Ok(format!("{:?}", stream?.into_inner().message().await?))
}

fn said<T>(answer: Result<T, Status>) -> Result<String, Status> {
    answer.map(|_| "done".to_owned())
}

/// Makes a call about these things. `None`: there is no row for it.
async fn call(method: &str, who: &Somebody, about: &About) -> Option<Result<String, Status>> {
    let (mut sockets, mut networks) = (who.sockets.clone(), who.networks.clone());
    let (mut sessions, mut traces) = (who.sessions.clone(), who.traces.clone());
    let &About { socket, .. } = about;
    let About { session, lab, trace, key, .. } = about.clone();
    let filter = Some(pb::Filter { sockets: vec![socket], ..Default::default() });
    let stack = format!("{lab}/a");
    let address = Some(pb::SocketAddress { ip: "10.0.0.2".to_owned(), port: 80 });
    Some(match method {
        "Events/Watch" => {
            let watch = pb::WatchRequest { filter, ..Default::default() };
            match who.events.clone().watch(watch).await {
                Ok(stream) => match stream.into_inner().message().await.unwrap().unwrap().part {
                    Some(Part::Snapshot(snapshot)) => Ok(format!("{:?}", snapshot.sockets)),
                    other => Ok(format!("{other:?}")),
                },
                Err(status) => Err(status),
            }
        }
        "Sessions/Open" => {
            let request = pb::OpenRequest { idempotency_key: key, ..Default::default() };
            let opened = sessions.open(request).await.unwrap().into_inner();
            Ok(if opened.session == session { "the same" } else { "another" }.to_owned())
        }
        "Sessions/KeepAlive" => said(sessions.keep_alive(pb::KeepAliveRequest { session }).await),
        "Sessions/Close" => said(sessions.close(pb::SessionsCloseRequest { session, on_expiry: 0 }).await),
        "Traces/Start" => said(traces.start(pb::TracesStartRequest { session, ..Default::default() }).await),
        "Traces/Stop" => first(traces.stop(pb::TracesStopRequest { trace, discard: false }).await).await,
        "Traces/List" => {
            let listed = traces.list(pb::TracesListRequest::default()).await.unwrap().into_inner();
            Ok(format!("{:?}", listed.traces))
        }
        "Sockets/Create" => {
            let request = pb::CreateRequest { stack, session, ..Default::default() };
            said(sockets.create(request).await)
        }
        "Sockets/Bind" => said(sockets.bind(pb::BindRequest { socket, local: None }).await),
        "Sockets/Listen" => said(sockets.listen(pb::ListenRequest { socket, backlog: 1 }).await),
        "Sockets/Accept" => {
            let request = pb::AcceptRequest { socket, dont_wait: true, ..Default::default() };
            said(sockets.accept(request).await)
        }
        "Sockets/Connect" => {
            let request = pb::ConnectRequest { socket, remote: address, ..Default::default() };
            said(sockets.connect(request).await)
        }
        "Sockets/Send" => {
            said(sockets.send(pb::SendRequest { socket, data: "x".into(), ..Default::default() }).await)
        }
        "Sockets/Recv" => {
            said(sockets.recv(pb::RecvRequest { socket, dont_wait: true, ..Default::default() }).await)
        }
        "Sockets/SendTo" => {
            said(sockets.send_to(pb::SendToRequest { socket, remote: address, data: "x".into() }).await)
        }
        "Sockets/RecvFrom" => {
            let request = pb::RecvFromRequest { socket, dont_wait: true, ..Default::default() };
            said(sockets.recv_from(request).await)
        }
        "Sockets/Shutdown" => {
            let how = pb::ShutdownHow::Both.into();
            said(sockets.shutdown(pb::ShutdownRequest { socket, how }).await)
        }
        "Sockets/Close" => said(sockets.close(pb::CloseRequest { socket }).await),
        "Sockets/Abort" => said(sockets.abort(pb::AbortRequest { socket }).await),
        "Sockets/SetOptions" => {
            let options = Some(pb::SocketOptions::default());
            said(sockets.set_options(pb::SetOptionsRequest { socket, options }).await)
        }
        "Sockets/GetOptions" => said(sockets.get_options(pb::GetOptionsRequest { socket }).await),
        "Sockets/GetInfo" => said(sockets.get_info(pb::GetInfoRequest { socket }).await),
        "Sockets/List" => {
            let listed = sockets.list(pb::ListRequest { filter, ..Default::default() }).await;
            listed.map(|listed| format!("{:?}", listed.into_inner().sockets))
        }
        "Sockets/WaitFor" => {
            let states = pb::SocketStates { states: vec![pb::SocketState::Listening.into()] };
            let condition = Some(Condition::SocketStates(states));
            said(sockets.wait_for(pb::WaitForRequest { socket, condition, after: None }).await)
        }
        "Sockets/Transfer" => {
            let parts = [pb::TransferRequest { part: Some(TransferPart::Socket(socket)) }];
            first(sockets.transfer(tokio_stream::iter(parts)).await).await
        }
        "Networks/CreateLab" => {
            // The name is as free as any other.
            let made = who.lab(&lab).await;
            if made.is_ok() {
                networks.delete_lab(pb::DeleteLabRequest { name: lab }).await.unwrap();
            }
            said(made)
        }
        "Networks/DeleteLab" => said(networks.delete_lab(pb::DeleteLabRequest { name: lab }).await),
        "Networks/ListLabs" => {
            let listed = networks.list_labs(pb::ListLabsRequest::default()).await.unwrap().into_inner();
            Ok(format!("{:?}", listed.labs))
        }
        "Networks/Attach" => {
            let addresses = vec!["127.0.0.1".to_owned()];
            let raw = pb::RawIp { addresses, ..Default::default() };
            let link = Some(attach_request::Link::RawIp(raw));
            said(networks.attach(pb::AttachRequest { link, session, ..Default::default() }).await)
        }
        "Networks/Detach" => said(networks.detach(pb::DetachRequest { name: stack }).await),
        "Networks/ListStacks" => {
            let listed = networks.list_stacks(pb::ListStacksRequest::default()).await.unwrap().into_inner();
            Ok(format!("{:?}", listed.stacks))
        }
        "Networks/AdvanceTime" => {
            let how = Some(advance_time_request::How::Steps(1));
            said(networks.advance_time(pb::AdvanceTimeRequest { lab, how }).await)
        }
        "Networks/SetImpairments" => {
            let link = "link1".to_owned();
            said(networks.set_impairments(pb::SetImpairmentsRequest { lab, link, impairments: None }).await)
        }
        "Networks/SetClock" => {
            let clock = pb::Clock::Manual.into();
            said(networks.set_clock(pb::SetClockRequest { lab, clock, ..Default::default() }).await)
        }
        "Networks/Record" => {
            let what = Some(record_request::What::Lab(lab));
            said(networks.record(pb::RecordRequest { what, bytes: 1 << 16 }).await)
        }
        "Networks/Capture" => {
            let filter = Some(pb::Filter { stacks: vec![stack], ..Default::default() });
            said(networks.capture(pb::CaptureRequest { filter, ..Default::default() }).await)
        }
        "Traffic/Run" => {
            let side = run_request::Side::Listening(pb::ListeningSide::default());
            let role = run_request::Role::Echo(pb::TrafficEcho {});
            let request =
                pb::RunRequest { stack, session, side: Some(side), role: Some(role), ..Default::default() };
            first(who.traffic.clone().run(request).await).await
        }
        _ => return None,
    })
}

/// `Sockets/Create`, and so on: all that there are.
fn methods() -> Vec<String> {
    let pool = DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET).unwrap();
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    methods.map(|method| format!("{}/{}", method.parent_service().name(), method.name())).collect()
}

async fn told(method: &str, who: &Somebody, about: &About) -> String {
    let answer = call(method, who, about).await;
    let answer = answer.unwrap_or_else(|| panic!("{method} is new: what does it give a stranger?"));
    let text = match answer {
        Ok(text) => text,
        Err(status) => {
            format!(
                "{:?}: {} {:?}",
                status.code(),
                status.message(),
                status.metadata().get("sockwright-errno")
            )
        }
    };
    about.anonymous(&text)
}

/// What an owner has, as it sees it.
async fn possessions(owner: &Somebody) -> String {
    let labs =
        owner.networks.clone().list_labs(pb::ListLabsRequest::default()).await.unwrap().into_inner().labs;
    let traces =
        owner.traces.clone().list(pb::TracesListRequest::default()).await.unwrap().into_inner().traces;
    format!("{:?} {labs:?} {traces:?}", owner.list().await)
}

#[tokio::test]
async fn to_a_stranger_what_somebody_owns_is_not_there() {
    let world = World::under(POLICY).await;
    let (owner, stranger) = (world.somebody("token:owner"), world.somebody("token:stranger"));
    let about = own(&owner).await;
    let before = possessions(&owner).await;
    for method in methods() {
        let real = told(&method, &stranger, &about).await;
        let unreal = told(&method, &stranger, &About::nothing()).await;
        assert_eq!(real, unreal, "{method}");
    }
    assert_eq!(possessions(&owner).await, before);
    assert!(call("Sessions/KeepAlive", &owner, &about).await.unwrap().is_ok());
    // Once they are gone, too.
    owner.networks.clone().delete_lab(pb::DeleteLabRequest { name: about.lab.clone() }).await.unwrap();
    assert_eq!(call("Sockets/GetInfo", &owner, &about).await.unwrap().unwrap_err().code(), Code::Unavailable);
    for method in methods().iter().filter(|method| method.starts_with("Sockets/")) {
        let real = told(method, &stranger, &about).await;
        assert_eq!(real, told(method, &stranger, &About::nothing()).await, "{method} of what is gone");
    }
}

/// Calls that change nothing of what they are about.
const LOOKS: [&str; 9] = [
    "Events/Watch",
    "Sockets/GetOptions",
    "Sockets/GetInfo",
    "Sockets/List",
    "Sockets/WaitFor",
    "Networks/ListLabs",
    "Networks/ListStacks",
    "Networks/Capture",
    "Traces/List",
];
/// Calls that make something of the caller's own, whatever others have.
const MAKES: [&str; 3] = ["Sessions/Open", "Networks/CreateLab", "Networks/Detach"];

#[tokio::test]
async fn who_sees_all_looks_and_touches_nothing() {
    let world = World::under(POLICY).await;
    let (owner, auditor) = (world.somebody("token:owner"), world.somebody("token:auditor"));
    let about = own(&owner).await;
    let before = possessions(&owner).await;
    for method in methods() {
        let answer = call(&method, &auditor, &about).await.unwrap();
        match &*method {
            looks if LOOKS.contains(&looks) => {
                let shown = answer.unwrap_or_else(|status| panic!("{method}: {status}"));
                let told =
                    [about.socket.to_string(), about.lab.clone(), about.trace.clone(), "done".to_owned()];
                assert!(told.iter().any(|told| shown.contains(told)), "{method}: {shown}");
            }
            makes if MAKES.contains(&makes) => {}
            _ => {
                let status = answer.expect_err(&method);
                assert_eq!(status.code(), Code::PermissionDenied, "{method}: {status}");
            }
        }
    }
    assert_eq!(possessions(&owner).await, before);
}

#[tokio::test]
async fn who_drives_all_does_with_it_what_its_owner_may() {
    let world = World::under(POLICY).await;
    let (owner, admin) = (world.somebody("token:owner"), world.somebody("token:admin"));
    let about = own(&owner).await;
    for method in
        ["Sockets/GetInfo", "Sessions/KeepAlive", "Networks/SetClock", "Sockets/Close", "Networks/DeleteLab"]
    {
        call(method, &admin, &about).await.unwrap().unwrap_or_else(|status| panic!("{method}: {status}"));
    }
    assert!(owner.list().await.is_empty());
}

#[tokio::test]
async fn a_watch_tells_what_happens_to_its_own() {
    let world = World::under(POLICY).await;
    let (owner, stranger) = (world.somebody("token:owner"), world.somebody("token:stranger"));
    for who in [&owner, &stranger] {
        // Of the same names: they tell nobody apart.
        who.lab("lab").await.unwrap();
    }
    let kinds = (1..).map_while(|kind| pb::EventKind::try_from(kind).ok()).map(i32::from).collect();
    let all = |delivery: pb::Delivery| {
        let filter = Some(pb::Filter { kinds: Vec::clone(&kinds), ..Default::default() });
        pb::WatchRequest { filter, delivery: delivery.into(), ..Default::default() }
    };
    let before = world.parts.hub.position();
    let mut watches = Vec::new();
    for delivery in [pb::Delivery::Lossless, pb::Delivery::Conflate] {
        watches.push(stranger.events.clone().watch(all(delivery)).await.unwrap().into_inner());
    }
    let listener = owner.socket("lab/b", "").await.unwrap();
    let bind =
        pb::BindRequest { socket: listener, local: Some(pb::SocketAddress { ip: String::new(), port: 80 }) };
    owner.sockets.clone().bind(bind).await.unwrap();
    owner.sockets.clone().listen(pb::ListenRequest { socket: listener, backlog: 1 }).await.unwrap();
    let socket = owner.socket("lab/a", "").await.unwrap();
    let remote = Some(pb::SocketAddress { ip: "10.0.0.2".to_owned(), port: 80 });
    owner.sockets.clone().connect(pb::ConnectRequest { socket, remote, ..Default::default() }).await.unwrap();
    // A port of theirs that nobody has: the reset is nobody's, and their stack's.
    let refused = owner.socket("lab/a", "").await.unwrap();
    let remote = Some(pb::SocketAddress { ip: "10.0.0.2".to_owned(), port: 81 });
    let request = pb::ConnectRequest { socket: refused, remote, ..Default::default() };
    assert_eq!(owner.sockets.clone().connect(request).await.unwrap_err().code(), Code::Unavailable);
    let own = stranger.socket("lab/a", "").await.unwrap();
    stranger.sockets.clone().close(pb::CloseRequest { socket: own }).await.unwrap();

    let resume = pb::WatchRequest { resume: Some(before), ..all(pb::Delivery::Lossless) };
    watches.push(stranger.events.clone().watch(resume).await.unwrap().into_inner());
    for mut watch in watches {
        let mut seen = BTreeSet::new();
        while !seen.contains(&(own, pb::EventKind::Released)) {
            match watch.message().await.unwrap().unwrap().part.unwrap() {
                Part::Snapshot(snapshot) => assert_eq!(snapshot.sockets, []),
                Part::Events(batch) => {
                    seen.extend(batch.events.iter().map(|event| (event.socket, kind_of(event))));
                }
                Part::Gap(gap) => panic!("{gap:?}"),
            }
        }
        assert!(seen.iter().all(|(socket, _)| *socket == own), "{seen:?}");
    }
}

fn kind_of(event: &pb::Event) -> pb::EventKind {
    match &event.kind {
        Some(pb::event::Kind::Released(_)) => pb::EventKind::Released,
        _ => pb::EventKind::Unspecified,
    }
}

#[tokio::test]
async fn a_trace_has_nothing_of_others() {
    let world = World::under(POLICY).await;
    let (owner, stranger) = (world.somebody("token:owner"), world.somebody("token:stranger"));
    for who in [&owner, &stranger] {
        who.lab("lab").await.unwrap();
    }
    // Of everything, with everything: a filter without a field admits all.
    let start = pb::TracesStartRequest { filter: Some(pb::Filter::default()), ..Default::default() };
    let trace = stranger.traces.clone().start(start).await.unwrap().into_inner().trace;
    let label = "a secret of theirs".to_owned();
    let create = pb::CreateRequest { stack: "lab/a".to_owned(), label, ..Default::default() };
    owner.sockets.clone().create(create).await.unwrap();
    let label = "mine".to_owned();
    let create = pb::CreateRequest { stack: "lab/a".to_owned(), label, ..Default::default() };
    stranger.sockets.clone().create(create).await.unwrap();
    let stop = pb::TracesStopRequest { trace, discard: false };
    let mut parts = stranger.traces.clone().stop(stop).await.unwrap().into_inner();
    let mut bundle = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        if let Some(pb::traces_stop_response::Part::Zip(octets)) = part.part {
            bundle.extend_from_slice(&octets);
        }
    }
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bundle)).unwrap();
    let mut mine = 0;
    for number in 0..zip.len() {
        let mut octets = Vec::new();
        std::io::Read::read_to_end(&mut zip.by_index(number).unwrap(), &mut octets).unwrap();
        let text = String::from_utf8_lossy(&octets);
        assert!(!text.contains("secret"), "{text}");
        mine += usize::from(text.contains("mine"));
    }
    assert!(mine >= 2, "its own is in the events and the calls");
}
