//! A server on a raw stack, its client, and kernel sockets opposite.

pub(crate) mod process;
pub(crate) mod station;
pub(crate) mod tunnel;

use std::future::Future;
use std::hash::{DefaultHasher, Hasher};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use sockwright_proto::v1::events_client::EventsClient;
use sockwright_proto::v1::networks_client::NetworksClient;
use sockwright_proto::v1::sessions_client::SessionsClient;
use sockwright_proto::v1::sockets_client::SocketsClient;
use sockwright_proto::v1::traces_client::TracesClient;
use sockwright_proto::v1::traffic_client::TrafficClient;
use sockwright_proto::v1::{self as pb, TcpState, attach_request, transfer_request, wait_for_request};
use sockwright_server::access::{Allow, Credentials};
use sockwright_server::config::Config;
use sockwright_server::server::Server;
use tokio_stream::{Stream, StreamExt, iter};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::common::watch::Watch;
use crate::net::{Host, World};

/// What a test of ours drives: a server in its namespace, with the stack `wire` on the host's address.
#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) sockets: SocketsClient<Channel>,
    pub(crate) networks: NetworksClient<Channel>,
    pub(crate) sessions: SessionsClient<Channel>,
    pub(crate) events: EventsClient<Channel>,
    pub(crate) traces: TracesClient<Channel>,
    pub(crate) traffic: TrafficClient<Channel>,
    pub(crate) ours: Host,
    pub(crate) theirs: Host,
}

/// Runs `test` on each pair of hosts: loopback and veth, IPv4 and IPv6.
pub(crate) fn on_every_wire<F: Future<Output = ()>>(test: impl Fn(Rig) -> F + Sync) {
    let Some(world) = World::new() else { return };
    for (ours, theirs) in world.pairs() {
        on_wire(&ours, &theirs, &test);
    }
}

/// Runs `test` on the veth pair, IPv4 and IPv6.
pub(crate) fn on_veth<F: Future<Output = ()>>(test: impl Fn(Rig) -> F + Sync) {
    let Some(world) = World::new() else { return };
    for (ours, theirs) in world.wire_pairs() {
        on_wire(&ours, &theirs, &test);
    }
}

/// Runs `test` on each pair of hosts under a policy, which depends on who the others are.
pub(crate) fn on_every_wire_under<F: Future<Output = ()>>(
    policy: &(impl Fn(&Host) -> String + Sync),
    test: impl Fn(Rig, Under) -> F + Sync,
) {
    let Some(world) = World::new() else { return };
    for (ours, theirs) in world.pairs() {
        let file = tempfile::NamedTempFile::new().expect("a file").into_temp_path();
        std::fs::write(&file, policy(&theirs)).expect("written");
        let audit = tempfile::NamedTempFile::new().expect("a file").into_temp_path();
        let config = Config {
            policy: Some(file.to_path_buf()),
            audit: Some(audit.to_path_buf()),
            ..Config::default()
        };
        on_wire_with(&ours, &theirs, config, &|rig, reload| {
            test(rig, Under { file: file.to_path_buf(), audit: audit.to_path_buf(), reload })
        });
    }
}

/// The policy of a server.
pub(crate) struct Under {
    file: std::path::PathBuf,
    audit: std::path::PathBuf,
    reload: Credentials,
}

impl Under {
    /// What the audit log has of a method, once it has as many lines of it.
    pub(crate) fn told(&self, method: &str, lines: usize) -> Vec<serde_json::Value> {
        let began = Instant::now();
        loop {
            let text = std::fs::read_to_string(&self.audit).expect("read");
            let all = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            let told: Vec<_> = all.filter(|line| line["method"] == method).collect();
            if told.len() >= lines {
                return told;
            }
            assert!(began.elapsed() < PATIENCE, "{method} in {text}");
            std::thread::yield_now();
        }
    }

    /// Makes it another one.
    pub(crate) fn change_to(&self, policy: &str) -> Result<(), String> {
        std::fs::write(&self.file, policy).expect("written");
        self.reload.reload()
    }
}

/// Runs `test` on one pair of hosts.
pub(crate) fn on_wire<F: Future<Output = ()>>(ours: &Host, theirs: &Host, test: &(impl Fn(Rig) -> F + Sync)) {
    // The namespaces lead nowhere.
    let config = Config { allow: vec![Allow::everything()], ..Config::default() };
    on_wire_with(ours, theirs, config, &|rig, _| test(rig));
}

fn on_wire_with<F: Future<Output = ()>>(
    ours: &Host,
    theirs: &Host,
    config: Config,
    test: &(impl Fn(Rig, Credentials) -> F + Sync),
) {
    at(ours, async || {
        let server = Server::bind("127.0.0.1:0", config).await.expect("bound");
        let reload = server.access().clone();
        let url = format!("http://{}", server.local_addr());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve(async move { _ = stopped.await }));
        let rig = Rig::of(url, ours, theirs).await;
        rig.attach("wire").await.expect("attached");
        println!("{} -> {}", ours.address, theirs.address);
        test(rig.clone(), reload).await;
        rig.nothing_is_left().await;
        drop(rig);
        stop.send(()).expect("the server serves still");
        serving.await.expect("no panic").expect("served to the end");
    });
}

/// Runs `test` where a host is, with every thread that it starts.
pub(crate) fn at<F: Future<Output = ()>>(host: &Host, test: impl FnOnce() -> F + Send) {
    // Threads inherit the namespace: the runtime, and every engine thread that it starts, live in it.
    host.run(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(test());
    });
}

impl Rig {
    /// A client of the server there.
    pub(crate) async fn of(url: String, ours: &Host, theirs: &Host) -> Rig {
        let endpoint = Endpoint::from_shared(url).expect("a url").timeout(PATIENCE);
        let channel = endpoint.connect().await.expect("connected");
        Rig {
            sockets: SocketsClient::new(channel.clone()).max_decoding_message_size(1 << 24),
            networks: NetworksClient::new(channel.clone()),
            sessions: SessionsClient::new(channel.clone()),
            events: EventsClient::new(channel.clone()),
            traces: TracesClient::new(channel.clone()),
            traffic: TrafficClient::new(channel),
            ours: ours.clone(),
            theirs: theirs.clone(),
        }
    }

    pub(crate) async fn attach(&self, name: &str) -> Result<(), Status> {
        self.attach_for(name, "").await
    }

    /// The same, owned by a session.
    pub(crate) async fn attach_for(&self, name: &str, session: &str) -> Result<(), Status> {
        let raw_ip = pb::RawIp { addresses: vec![self.ours.address.to_string()], interface: String::new() };
        let link = Some(attach_request::Link::RawIp(raw_ip));
        let session = session.to_owned();
        let request = pb::AttachRequest { name: name.into(), link, session, ..Default::default() };
        self.networks.clone().attach(request).await.map(drop)
    }

    pub(crate) async fn create(&self, kind: pb::SocketKind) -> u64 {
        self.create_with(kind, pb::SocketOptions::default()).await
    }

    pub(crate) async fn create_with(&self, kind: pb::SocketKind, options: pb::SocketOptions) -> u64 {
        let family =
            if self.ours.address.is_ipv4() { pb::AddressFamily::Ipv4 } else { pb::AddressFamily::Ipv6 };
        let request = pb::CreateRequest {
            stack: "wire".into(),
            kind: kind.into(),
            family: family.into(),
            options: Some(options),
            ..Default::default()
        };
        self.sockets.clone().create(request).await.expect("created").into_inner().socket
    }

    /// A socket of ours, connected to a kernel listener.
    pub(crate) async fn connect(&self, remote: SocketAddr, options: pb::SocketOptions) -> u64 {
        let socket = self.create_with(pb::SocketKind::Stream, options).await;
        let request = pb::ConnectRequest {
            socket,
            remote: Some(address(remote)),
            dont_wait: false,
            data: Default::default(),
        };
        self.sockets.clone().connect(request).await.expect("connected");
        socket
    }

    /// A listener of ours, and where it listens.
    pub(crate) async fn listen(&self, options: pb::SocketOptions) -> (u64, SocketAddr) {
        let socket = self.create_with(pb::SocketKind::Stream, options).await;
        let local = Some(address(self.ours.port(0)));
        let bound =
            self.sockets.clone().bind(pb::BindRequest { socket, local }).await.expect("bound").into_inner();
        self.sockets.clone().listen(pb::ListenRequest { socket, backlog: 0 }).await.expect("listening");
        (socket, self.ours.port(bound.local.expect("an address").port as u16))
    }

    pub(crate) async fn accept(&self, listener: u64) -> u64 {
        let request = pb::AcceptRequest { socket: listener, ..Default::default() };
        self.sockets.clone().accept(request).await.expect("accepted").into_inner().socket
    }

    pub(crate) async fn close(&self, socket: u64) -> pb::Position {
        let closed =
            self.sockets.clone().close(pb::CloseRequest { socket }).await.expect("closed").into_inner();
        closed.at.expect("a position")
    }

    pub(crate) async fn shutdown_write(&self, socket: u64) {
        let request = pb::ShutdownRequest { socket, how: pb::ShutdownHow::Write.into() };
        self.sockets.clone().shutdown(request).await.expect("shut down");
    }

    pub(crate) async fn send(&self, socket: u64, data: &[u8]) {
        let mut sent = 0;
        while sent < data.len() {
            let request = pb::SendRequest {
                socket,
                data: data[sent..data.len().min(sent + (1 << 20))].to_vec().into(),
                dont_wait: false,
                urgent: false,
            };
            sent += self.sockets.clone().send(request).await.expect("sent").into_inner().accepted as usize;
        }
    }

    pub(crate) async fn recv(&self, socket: u64) -> Result<pb::RecvResponse, Status> {
        let request = pb::RecvRequest { socket, ..Default::default() };
        self.sockets.clone().recv(request).await.map(tonic::Response::into_inner)
    }

    /// Everything to the end of the stream.
    pub(crate) async fn recv_to_end(&self, socket: u64) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let part = self.recv(socket).await.expect("received");
            all.extend_from_slice(&part.data);
            if part.end_of_stream {
                return all;
            }
        }
    }

    /// A watch that has begun: what happens from now on is in it.
    pub(crate) async fn watch(&self, kinds: &[pb::EventKind]) -> Watch {
        Watch::begin(self.events.clone(), kinds).await
    }

    /// Waits until a socket has been in each of these states, in this order, since the beginning.
    pub(crate) async fn went_through(&self, socket: u64, states: &[TcpState]) {
        let mut after = self.start().await;
        for state in states {
            let condition =
                wait_for_request::Condition::TcpStates(pb::TcpStates { states: vec![(*state).into()] });
            let request = pb::WaitForRequest { socket, condition: Some(condition), after: Some(after) };
            let reached = self
                .sockets
                .clone()
                .wait_for(request)
                .await
                .unwrap_or_else(|status| panic!("{state:?}: {status}"));
            after = reached.into_inner().at.expect("a position");
        }
    }

    pub(crate) async fn released(&self, socket: u64) {
        let condition = Some(wait_for_request::Condition::Released(true));
        let request = pb::WaitForRequest { socket, condition, after: Some(self.start().await) };
        self.sockets.clone().wait_for(request).await.expect("released");
    }

    /// The position before all events.
    async fn start(&self) -> pb::Position {
        let list = self.sockets.clone().list(pb::ListRequest::default()).await.expect("listed").into_inner();
        pb::Position { seq: 0, ..list.at.expect("a position") }
    }

    pub(crate) async fn nothing_is_left(&self) {
        let listed =
            self.sockets.clone().list(pb::ListRequest::default()).await.expect("listed").into_inner();
        for socket in listed.sockets {
            self.released(socket.socket).await;
        }
        self.networks.clone().detach(pb::DetachRequest { name: "wire".into() }).await.expect("detached");
    }

    /// Sends `content` by Transfer and a FIN after it, while receiving to the end; gives the hash of what came.
    pub(crate) async fn transfer(
        &self,
        socket: u64,
        content: impl Stream<Item = Vec<u8>> + Send + 'static,
    ) -> u64 {
        let part = |part| pb::TransferRequest { part: Some(part) };
        let requests = iter([part(transfer_request::Part::Socket(socket))])
            .chain(content.map(move |data| part(transfer_request::Part::Data(data.into()))))
            .chain(iter([part(transfer_request::Part::ShutdownWrite(true))]));
        let mut responses = self.sockets.clone().transfer(requests).await.expect("transferring").into_inner();
        let mut hash = DefaultHasher::new();
        while let Some(response) = responses.next().await {
            if let Some(pb::transfer_response::Part::Data(data)) = response.expect("a part").part {
                hash.write(&data);
            }
        }
        hash.finish()
    }
}

/// No call of these tests waits for so long: one that does has met a failure elsewhere, which is then seen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Takes a port as the kernel's, once it is given back. That can be a moment later than told: a child that another
/// test's thread forked holds every descriptor until it has become its program.
pub(crate) fn given_back(host: &Host, address: SocketAddr) -> TcpListener {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match host.run(|| TcpListener::bind(address)) {
            Ok(listener) => return listener,
            Err(error) => {
                assert!(Instant::now() < deadline, "{address} is not given back: {error}")
            }
        }
    }
}

/// The errno that a failed call tells.
pub(crate) fn errno(status: &Status) -> String {
    status
        .metadata()
        .get("sockwright-errno")
        .map(|value| value.to_str().expect("text").to_owned())
        .unwrap_or_default()
}

pub(crate) fn address(address: SocketAddr) -> pb::SocketAddress {
    pb::SocketAddress { ip: address.ip().to_string(), port: address.port().into() }
}

/// A TIME-WAIT that a test can wait for on a real clock.
pub(crate) fn short_msl() -> pb::SocketOptions {
    pb::SocketOptions {
        msl: Some(prost_types::Duration { seconds: 0, nanos: 20_000_000 }),
        ..Default::default()
    }
}

/// Content that is nowhere alike: `chunks` of 64 KiB.
pub(crate) fn content(seed: u64, chunks: u64) -> impl Iterator<Item = Vec<u8>> + Clone {
    (0..chunks).map(move |chunk| {
        let mut x = (seed << 32) ^ chunk ^ 0x9e37_79b9_7f4a_7c15;
        let mut octets = Vec::with_capacity(64 << 10);
        for _ in 0..(64 << 10) / 8 {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            octets.extend_from_slice(&x.to_le_bytes());
        }
        octets
    })
}

pub(crate) fn hash_of(content: impl Iterator<Item = Vec<u8>>) -> u64 {
    let mut hash = DefaultHasher::new();
    content.for_each(|chunk| hash.write(&chunk));
    hash.finish()
}

/// The kernel's side of a bulk transfer: writes all and closes its half on one thread, hashes what comes on another.
/// Neither may stand still for longer than `patience`.
pub(crate) fn kernel_exchange(
    stream: TcpStream,
    patience: Duration,
    content: impl Iterator<Item = Vec<u8>> + Send + 'static,
) -> u64 {
    stream
        .set_read_timeout(Some(patience))
        .and_then(|()| stream.set_write_timeout(Some(patience)))
        .expect("set");
    let mut writer = stream.try_clone().expect("cloned");
    let writing = std::thread::spawn(move || {
        content.for_each(|chunk| writer.write_all(&chunk).expect("the kernel writes"));
        writer.shutdown(std::net::Shutdown::Write).expect("the kernel closes its half");
    });
    let (mut reader, mut hash, mut buffer) = (stream, DefaultHasher::new(), vec![0; 256 << 10]);
    loop {
        match reader.read(&mut buffer).expect("the kernel reads") {
            0 => break,
            n => hash.write(&buffer[..n]),
        }
    }
    writing.join().expect("the writer ends");
    hash.finish()
}
