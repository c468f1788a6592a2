//! A real server in process, on a port of its own, and clients of it.
#![allow(dead_code, reason = "each program of tests uses its part")]

pub(crate) mod capture;
pub(crate) mod metrics;
pub(crate) mod trace;
pub(crate) mod watch;

use std::time::Duration;

use sockwright_proto::v1::events_client::EventsClient;
use sockwright_proto::v1::networks_client::NetworksClient;
use sockwright_proto::v1::sessions_client::SessionsClient;
use sockwright_proto::v1::sockets_client::SocketsClient;
use sockwright_proto::v1::traces_client::TracesClient;
use sockwright_proto::v1::traffic_client::TrafficClient;
use sockwright_proto::v1::{self as pb, Clock, Position, TcpState, wait_for_request::Condition};
use sockwright_server::config::Config;
use sockwright_server::server::Server;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Status};
use watch::Watch;

/// A server, and a connection to it.
pub(crate) struct World {
    pub(crate) sockets: SocketsClient<Channel>,
    pub(crate) networks: NetworksClient<Channel>,
    pub(crate) sessions: SessionsClient<Channel>,
    pub(crate) events: EventsClient<Channel>,
    pub(crate) traffic: TrafficClient<Channel>,
    pub(crate) traces: TracesClient<Channel>,
    pub(crate) channel: Channel,
    pub(crate) address: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<std::io::Result<()>>>,
}

impl World {
    /// With the default limits.
    pub(crate) async fn start() -> World {
        World::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> World {
        let server = Server::bind("127.0.0.1:0", config).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve(async {
            _ = stopped.await;
        }));
        let channel = connect(address).await;
        World {
            sockets: SocketsClient::new(channel.clone()),
            networks: NetworksClient::new(channel.clone()),
            sessions: SessionsClient::new(channel.clone()),
            events: EventsClient::new(channel.clone()),
            traffic: TrafficClient::new(channel.clone()),
            traces: TracesClient::new(channel.clone()),
            channel,
            address,
            stop: Some(stop),
            serving: Some(serving),
        }
    }

    /// Stops it, and waits until it has drained.
    pub(crate) async fn stop(&mut self) -> std::io::Result<()> {
        _ = self.stop.take().unwrap().send(());
        self.serving.take().unwrap().await.unwrap()
    }

    // ---- labs

    /// A lab `lab` of two stacks `a` (10.0.0.1) and `b` (10.0.0.2), 1 ms apart.
    pub(crate) async fn lab(&self, clock: Clock) -> String {
        self.lab_named("lab", clock, "").await
    }

    pub(crate) async fn lab_named(&self, name: &str, clock: Clock, session: &str) -> String {
        let lab =
            self.networks.clone().create_lab(lab_request(name, clock, session)).await.unwrap().into_inner();
        lab.lab.unwrap().name
    }

    // ---- sockets

    pub(crate) async fn socket(&self, stack: &str) -> u64 {
        self.create(pb::CreateRequest { stack: stack.to_owned(), ..Default::default() }).await.unwrap()
    }

    pub(crate) async fn create(&self, request: pb::CreateRequest) -> Result<u64, Status> {
        Ok(self.sockets.clone().create(request).await?.into_inner().socket)
    }

    /// A listener on `b`'s port 80.
    pub(crate) async fn listener(&self, stack: &str) -> u64 {
        let socket = self.socket(stack).await;
        let local = Some(address("10.0.0.2", 80));
        self.sockets.clone().bind(pb::BindRequest { socket, local }).await.unwrap();
        self.sockets.clone().listen(pb::ListenRequest { socket, backlog: 0 }).await.unwrap();
        socket
    }

    pub(crate) async fn connect(&self, socket: u64) -> Result<pb::ConnectResponse, Status> {
        let remote = Some(address("10.0.0.2", 80));
        let request = pb::ConnectRequest { socket, remote, dont_wait: false, data: Default::default() };
        Ok(self.sockets.clone().connect(request).await?.into_inner())
    }

    pub(crate) async fn accept(&self, socket: u64) -> Result<pb::AcceptResponse, Status> {
        let request = pb::AcceptRequest { socket, ..Default::default() };
        Ok(self.sockets.clone().accept(request).await?.into_inner())
    }

    /// A connection in the lab: its ends on `a` and `b`.
    pub(crate) async fn pair(&self, lab: &str) -> (u64, u64) {
        let (_, client, server) = self.pair_of(lab, "").await;
        (client, server)
    }

    /// The listener too; all owned by a session.
    pub(crate) async fn pair_of(&self, lab: &str, session: &str) -> (u64, u64, u64) {
        let create = |stack: &str| pb::CreateRequest {
            stack: format!("{lab}/{stack}"),
            session: session.to_owned(),
            ..Default::default()
        };
        let listener = self.create(create("b")).await.unwrap();
        self.sockets.clone().listen(pb::ListenRequest { socket: listener, backlog: 0 }).await.unwrap();
        let info = self.info(listener).await.summary.unwrap();
        let client = self.create(create("a")).await.unwrap();
        let remote = Some(address("10.0.0.2", info.local.unwrap().port));
        let connect =
            pb::ConnectRequest { socket: client, remote, dont_wait: false, data: Default::default() };
        let mut sockets = self.sockets.clone();
        let (connected, accepted) = tokio::join!(sockets.connect(connect), self.accept(listener));
        connected.unwrap();
        (listener, client, accepted.unwrap().socket)
    }

    pub(crate) async fn send(&self, socket: u64, data: &[u8]) -> Result<pb::SendResponse, Status> {
        let request = pb::SendRequest { socket, data: data.to_vec().into(), dont_wait: false, urgent: false };
        Ok(self.sockets.clone().send(request).await?.into_inner())
    }

    pub(crate) async fn recv(&self, socket: u64) -> Result<pb::RecvResponse, Status> {
        let request = pb::RecvRequest { socket, ..Default::default() };
        Ok(self.sockets.clone().recv(request).await?.into_inner())
    }

    /// Exactly so many octets.
    pub(crate) async fn recv_exactly(&self, socket: u64, length: usize) -> Vec<u8> {
        let mut data = Vec::new();
        while data.len() < length {
            let max_bytes = (length - data.len()) as u32;
            let request = pb::RecvRequest { socket, max_bytes, ..Default::default() };
            let response = self.sockets.clone().recv(request).await.unwrap().into_inner();
            assert!(!response.end_of_stream, "the stream ended after {} octets", data.len());
            data.extend_from_slice(&response.data);
        }
        data
    }

    pub(crate) async fn close(&self, socket: u64) -> Result<TcpState, Status> {
        Ok(self.sockets.clone().close(pb::CloseRequest { socket }).await?.into_inner().tcp_state())
    }

    pub(crate) async fn shutdown_write(&self, socket: u64) -> TcpState {
        let how = pb::ShutdownHow::Write.into();
        let response = self.sockets.clone().shutdown(pb::ShutdownRequest { socket, how }).await.unwrap();
        response.into_inner().tcp_state()
    }

    pub(crate) async fn abort(&self, socket: u64) -> Result<(), Status> {
        self.sockets.clone().abort(pb::AbortRequest { socket }).await.map(drop)
    }

    pub(crate) async fn info(&self, socket: u64) -> pb::GetInfoResponse {
        self.sockets.clone().get_info(pb::GetInfoRequest { socket }).await.unwrap().into_inner()
    }

    pub(crate) async fn wait_for(
        &self,
        socket: u64,
        condition: Condition,
        after: Option<Position>,
    ) -> Result<pb::WaitForResponse, Status> {
        let request = pb::WaitForRequest { socket, condition: Some(condition), after };
        Ok(self.sockets.clone().wait_for(request).await?.into_inner())
    }

    pub(crate) async fn wait_for_state(
        &self,
        socket: u64,
        state: TcpState,
        after: Option<Position>,
    ) -> pb::WaitForResponse {
        let condition = Condition::TcpStates(pb::TcpStates { states: vec![state.into()] });
        self.wait_for(socket, condition, after).await.unwrap()
    }

    pub(crate) async fn wait_released(&self, socket: u64, after: Option<Position>) -> pb::WaitForResponse {
        self.wait_for(socket, Condition::Released(true), after).await.unwrap()
    }

    /// All sockets there are.
    pub(crate) async fn all(&self) -> Vec<pb::SocketSummary> {
        let request = pb::ListRequest { page_size: 1000, ..Default::default() };
        self.sockets.clone().list(request).await.unwrap().into_inner().sockets
    }

    pub(crate) async fn advance(&self, lab: &str, by: Duration) -> pb::AdvanceTimeResponse {
        use pb::advance_time_request::How;
        let how = Some(How::By(duration(by)));
        let request = pb::AdvanceTimeRequest { lab: lab.to_owned(), how };
        self.networks.clone().advance_time(request).await.unwrap().into_inner()
    }

    /// A watch that has begun: what happens from now on is in it.
    pub(crate) async fn watch(&self, kinds: &[pb::EventKind]) -> Watch {
        Watch::begin(self.events.clone(), kinds).await
    }

    pub(crate) async fn open_session(&self, lease: Duration, on_expiry: pb::OnExpiry) -> String {
        let request = pb::OpenRequest {
            lease: Some(duration(lease)),
            on_expiry: on_expiry.into(),
            ..Default::default()
        };
        self.sessions.clone().open(request).await.unwrap().into_inner().session
    }
}

pub(crate) async fn connect(address: std::net::SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

pub(crate) fn lab_request(name: &str, clock: Clock, session: &str) -> pb::CreateLabRequest {
    let stack = |name: &str| pb::LabStack { name: name.to_owned(), ..Default::default() };
    let impairments =
        pb::Impairments { delay: Some(duration(Duration::from_millis(1))), ..Default::default() };
    let link = pb::LabLink {
        stacks: vec!["a".to_owned(), "b".to_owned()],
        impairments: Some(impairments),
        ..Default::default()
    };
    pb::CreateLabRequest {
        name: name.to_owned(),
        stacks: vec![stack("a"), stack("b")],
        links: vec![link],
        clock: clock.into(),
        session: session.to_owned(),
        ..Default::default()
    }
}

pub(crate) fn address(ip: &str, port: u32) -> pb::SocketAddress {
    pb::SocketAddress { ip: ip.to_owned(), port }
}

pub(crate) fn duration(duration: Duration) -> prost_types::Duration {
    duration.try_into().unwrap()
}

/// The errno's name, from the trailer.
pub(crate) fn errno(status: &Status) -> &str {
    status.metadata().get("sockwright-errno").map_or("", |name| name.to_str().unwrap())
}

/// A failed call's code and errno.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
    let status = result.unwrap_err();
    (status.code(), errno(&status).to_owned())
}

/// Polls it once, which must not be enough.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) {
    std::future::poll_fn(|cx| {
        assert!(std::pin::Pin::new(&mut *future).poll(cx).is_pending(), "it ended at once");
        std::task::Poll::Ready(())
    })
    .await;
}

/// Logs to stderr what `RUST_LOG` asks for.
pub(crate) fn log() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
