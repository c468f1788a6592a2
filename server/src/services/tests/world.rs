//! A server whose callers say who they are, in a header that only these tests read.

use std::io::Write as _;
use std::sync::Arc;

use http::Request as HttpRequest;
use sockwright_proto::v1::events_client::EventsClient;
use sockwright_proto::v1::networks_client::NetworksClient;
use sockwright_proto::v1::networks_server::NetworksServer;
use sockwright_proto::v1::sessions_client::SessionsClient;
use sockwright_proto::v1::sessions_server::SessionsServer;
use sockwright_proto::v1::sockets_client::SocketsClient;
use sockwright_proto::v1::sockets_server::SocketsServer;
use sockwright_proto::v1::traces_client::TracesClient;
use sockwright_proto::v1::traces_server::TracesServer;
use sockwright_proto::v1::traffic_client::TrafficClient;
use sockwright_proto::v1::traffic_server::TrafficServer;
use sockwright_proto::v1::{self as pb};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Server};
use tonic::{Request, Status};

use crate::access::identity::{Identities, Proof};
use crate::config::Config;
use crate::layers::{Deliveries, Witnesses};
use crate::listen::Peer;
use crate::server::Parts;
use crate::services::events::EventsService;

/// The server.
pub(super) struct World {
    pub(super) parts: Parts,
    channel: Channel,
}

/// One who calls it.
pub(super) struct Somebody {
    pub(super) sockets: SocketsClient<Named>,
    pub(super) networks: NetworksClient<Named>,
    pub(super) sessions: SessionsClient<Named>,
    pub(super) events: EventsClient<Named>,
    pub(super) traces: TracesClient<Named>,
    pub(super) traffic: TrafficClient<Named>,
}

pub(super) type Named = InterceptedService<Channel, Saying>;

/// Says who calls.
#[derive(Clone)]
pub(super) struct Saying(&'static str);

impl Interceptor for Saying {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert(WHO, self.0.parse().map_err(|_| Status::internal("no name"))?);
        Ok(request)
    }
}

const WHO: &str = "who";

impl World {
    /// Under this policy.
    pub(super) async fn under(policy: &str) -> World {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(policy.as_bytes()).unwrap();
        let config = Config { policy: Some(file.path().to_owned()), ..Config::default() };
        let parts = Parts::new(&config).unwrap();
        let identities = Arc::new(Identities::new(8));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let who = move |mut request: HttpRequest<Body>| {
            let name = request.headers()[WHO].to_str().unwrap().to_owned();
            let identity = identities.known(&name, Proof::Token).unwrap();
            let mut peer = Peer::server();
            peer.is(Some(identity));
            request.extensions_mut().insert(peer);
            request
        };
        let serving = Server::builder()
            .layer(tower::util::MapRequestLayer::new(who))
            .layer(Witnesses(Arc::clone(&parts.traces)))
            .layer(Deliveries)
            .add_service(SocketsServer::from_arc(Arc::clone(&parts.sockets)))
            .add_service(EventsService::new(Arc::clone(&parts.access), Arc::clone(&parts.hub)))
            .add_service(SessionsServer::from_arc(Arc::clone(&parts.sessions)))
            .add_service(NetworksServer::from_arc(Arc::clone(&parts.labs)))
            .add_service(TracesServer::from_arc(Arc::clone(&parts.tracing)))
            .add_service(TrafficServer::from_arc(Arc::clone(&parts.traffic)));
        tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        World { parts, channel }
    }

    pub(super) fn somebody(&self, name: &'static str) -> Somebody {
        let (channel, who) = (self.channel.clone(), Saying(name));
        Somebody {
            sockets: SocketsClient::with_interceptor(channel.clone(), who.clone()),
            networks: NetworksClient::with_interceptor(channel.clone(), who.clone()),
            sessions: SessionsClient::with_interceptor(channel.clone(), who.clone()),
            events: EventsClient::with_interceptor(channel.clone(), who.clone()),
            traces: TracesClient::with_interceptor(channel.clone(), who.clone()),
            traffic: TrafficClient::with_interceptor(channel, who),
        }
    }
}

impl Somebody {
    /// A lab of two stacks, `a` and `b`.
    pub(super) async fn lab(&self, name: &str) -> Result<pb::Lab, Status> {
        let stack = |name: &str| pb::LabStack { name: name.to_owned(), ..Default::default() };
        let request = pb::CreateLabRequest {
            name: name.to_owned(),
            stacks: vec![stack("a"), stack("b")],
            ..Default::default()
        };
        Ok(self.networks.clone().create_lab(request).await?.into_inner().lab.unwrap())
    }

    pub(super) async fn socket(&self, stack: &str, session: &str) -> Result<u64, Status> {
        let (stack, session) = (stack.to_owned(), session.to_owned());
        let request = pb::CreateRequest { stack, session, ..Default::default() };
        Ok(self.sockets.clone().create(request).await?.into_inner().socket)
    }

    pub(super) async fn session(&self) -> Result<String, Status> {
        Ok(self.sessions.clone().open(pb::OpenRequest::default()).await?.into_inner().session)
    }

    pub(super) async fn list(&self) -> Vec<pb::SocketSummary> {
        let request = pb::ListRequest { page_size: 1000, ..Default::default() };
        self.sockets.clone().list(request).await.unwrap().into_inner().sockets
    }
}
