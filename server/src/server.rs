//! A server: bound, serving, draining.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use sockwright_server::config::Config;
//! use sockwright_server::server::Server;
//!
//! let server = Server::bind("127.0.0.1:0", Config::default()).await?;
//! println!("listening on {}", server.local_addr());
//! server.serve(std::future::pending()).await
//! # }
//! ```

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use sockwright_proto::v1::networks_server::NetworksServer;
use sockwright_proto::v1::sessions_server::SessionsServer;
use sockwright_proto::v1::sockets_server::SocketsServer;
use sockwright_proto::v1::traces_server::TracesServer;
use sockwright_proto::v1::traffic_server::TrafficServer;
use tokio::net::ToSocketAddrs;
use tokio::task::AbortHandle;
use tonic::server::NamedService;
use tonic_health::server::HealthReporter;
use tonic_web::GrpcWebLayer;

use crate::access::audit::Audit;
use crate::access::caller::Access;
use crate::access::identity::Identities;
use crate::access::policy::Policy;
use crate::access::{Credentials, FollowedPolicy, address};
use crate::config::{Config, DRAIN};
use crate::hub::Hub;
use crate::layers::{
    Admission, Authorisation, Deadlines, Deliveries, Denials, Drains, Gate, Names, Pages, Panics, Scrapes,
    Witnesses, authentication, observers, whole_requests,
};
use crate::listen::{self, ListenAddress, Listener};
use crate::metrics::{Calls, Metrics};
use crate::networks::Networks;
use crate::services::events::EventsService;
use crate::services::networks::NetworksService;
use crate::services::sessions::SessionsService;
use crate::services::sockets::SocketsService;
use crate::services::traces::TracesService;
use crate::services::traffic::TrafficService;
use crate::sessions::Sessions;
use crate::traces::Traces;

/// A server that has its address.
pub struct Server {
    listeners: Vec<Listener>,
    config: Config,
    access: Credentials,
    parts: Parts,
}

/// What a server is made of. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) identities: Arc<Identities>,
    pub(crate) access: Arc<Access>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) networks: Arc<Networks>,
    pub(crate) sockets: Arc<SocketsService>,
    pub(crate) labs: Arc<NetworksService>,
    pub(crate) sessions: Arc<SessionsService>,
    pub(crate) traffic: Arc<TrafficService>,
    leases: Arc<Sessions>,
    pub(crate) traces: Arc<Traces>,
    pub(crate) tracing: Arc<TracesService>,
    metrics: Arc<Metrics>,
}

impl Parts {
    pub(crate) fn new(config: &Config) -> io::Result<Self> {
        let limits = &config.limits;
        let identities = Arc::new(Identities::new(limits.identities));
        let access = Access::new(policy(config)?, audit(config)?);
        let hub = Hub::new(config.hub.clone());
        let networks = Networks::new(config.clone(), Arc::clone(&hub));
        let traces = Traces::new(Arc::clone(&hub), Arc::clone(&networks));
        let sessions =
            Sessions::new(Arc::clone(&access), Arc::clone(&networks), Arc::clone(&traces), hub.epoch());
        let keys = limits.idempotency_keys;
        let (n, s, h) = (Arc::clone(&networks), Arc::clone(&sessions), Arc::clone(&hub));
        let sockets = Arc::new(SocketsService::new(Arc::clone(&access), n, s, h, keys));
        let (n, s, h) = (Arc::clone(&networks), Arc::clone(&sessions), Arc::clone(&hub));
        let labs = Arc::new(NetworksService::new(Arc::clone(&access), n, s, h, keys));
        let traffic = Arc::new(TrafficService::new(
            Arc::clone(&access),
            Arc::clone(&networks),
            Arc::clone(&sessions),
            Arc::clone(&hub),
        ));
        let (t, s, h) = (Arc::clone(&traces), Arc::clone(&sessions), Arc::clone(&hub));
        let tracing = Arc::new(TracesService::new(Arc::clone(&access), t, s, h, limits));
        let calls = Arc::new(Calls::of(&[
            sockwright_proto::v1::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ]));
        let (n, s, h) = (Arc::clone(&networks), Arc::clone(&sessions), Arc::clone(&hub));
        let metrics = Arc::new(Metrics::new(calls, h, n, s));
        let leases = Arc::clone(&sessions);
        let sessions = Arc::new(SessionsService::new(Arc::clone(&access), sessions, Arc::clone(&hub), keys));
        let parts = Parts {
            identities,
            access,
            hub,
            networks,
            sockets,
            labs,
            sessions,
            traffic,
            leases,
            traces,
            tracing,
            metrics,
        };
        Ok(parts)
    }
}

impl Server {
    /// Takes an address to listen on; port 0 is any free one.
    pub async fn bind(address: impl ToSocketAddrs, config: Config) -> io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(address).await?.into_std()?;
        Self::on(vec![listener.into()], config)
    }

    /// Takes sockets that listen already, each wherever it is: a socket keeps the network namespace that it was made in.
    ///
    /// Refuses addresses beyond loopback where callers would not have to say who they are, and files of [`Config::access`] that
    /// cannot be used.
    pub fn on(listeners: Vec<Listener>, config: Config) -> io::Result<Self> {
        for at in listeners.iter().filter_map(Listener::ip_address) {
            address::admit(at.ip(), &config.access).map_err(io::Error::other)?;
        }
        let parts = Parts::new(&config)?;
        let followed =
            config.policy.clone().map(|file| FollowedPolicy { file, by: Arc::clone(&parts.access) });
        let access = Credentials::open(&config.access, Arc::clone(&parts.identities), followed);
        let access = access.map_err(io::Error::other)?;
        Ok(Server { listeners, config, access, parts })
    }

    /// The first address of IP that it listens on, or the unspecified one where there is none.
    pub fn local_addr(&self) -> SocketAddr {
        let unspecified = || SocketAddr::from(([0; 4], 0));
        self.listeners.iter().find_map(Listener::ip_address).unwrap_or_else(unspecified)
    }

    /// Where it listens, everywhere.
    pub fn addresses(&self) -> io::Result<Vec<ListenAddress>> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// The last of the sockets that it was given.
    pub(crate) fn last_door(&self) -> Option<&Listener> {
        self.listeners.last()
    }

    /// Who may call it; also to have that read again.
    pub fn access(&self) -> &Credentials {
        &self.access
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Serves until `stop` is over, and then drains, within the time of its configuration:
    ///
    /// 1. nothing new is made any more (UNAVAILABLE), its health is NOT_SERVING, and watchers are told (`Draining`);
    /// 2. sessions end by their `on_expiry`; where connections are closed for them, it waits for the peers to close theirs;
    /// 3. streams end with UNAVAILABLE, calls that wait with `ENETDOWN`, attached stacks reset what connections they have and
    ///    give their ports back.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send) -> io::Result<()> {
        let within = self.config.drain.unwrap_or(DRAIN);
        let stop = async move {
            stop.await;
            within
        };
        self.serve_and_take(stop).await
    }

    /// The same, where `stop` says how long draining may take.
    pub(crate) async fn serve_and_take(self, stop: impl Future<Output = Duration> + Send) -> io::Result<()> {
        self.serve_until(Box::pin(stop)).await
    }

    /// Not generic, so that the services are compiled here and not once more in whatever embeds a server.
    fn serve_until<'s>(
        self,
        stop: Pin<Box<dyn Future<Output = Duration> + Send + 's>>,
    ) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + 's>> {
        Box::pin(self.serve_and_drain(stop))
    }

    async fn serve_and_drain(
        self,
        stop: Pin<Box<dyn Future<Output = Duration> + Send + '_>>,
    ) -> io::Result<()> {
        let Server { listeners, config, access, parts } = self;
        let (mut health, health_service) = tonic_health::server::health_reporter();
        set_health(&health, true).await;
        let keep_alive = config.keep_alive;
        let drains = Drains::default();
        let calls = config.limits.calls_per_connection;

        let (counted, callers) = (Arc::clone(parts.metrics.calls()), Arc::clone(&parts.access));
        let admission = Admission::new(counted, Arc::clone(&callers), &config.limits);
        let scrapes = Scrapes::new(Arc::clone(&parts.metrics), access.clone(), callers, admission.clone());
        let accepted = listen::accept(listeners, &access, &config.limits)?;
        let (drain, draining) = tokio::sync::oneshot::channel::<()>();
        let serving = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(keep_alive.interval))
            .http2_keepalive_timeout(Some(keep_alive.timeout))
            .max_concurrent_streams(calls)
            // Cancelling calls is a normal thing to do here; hyper takes many at once for an attack.
            .http2_max_pending_accept_reset_streams(Some(calls as usize))
            .max_frame_size(FRAME_SIZE)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            // Browsers speak HTTP/1 where there is no TLS.
            .accept_http1(true)
            // Outermost first.
            .layer(Gate(Names::new(&config.hosts)))
            .layer(authentication(access.clone()))
            .layer(Gate(scrapes))
            .layer(Gate(Pages))
            .layer(GrpcWebLayer::new())
            .layer(observers(Arc::clone(parts.metrics.calls()), config.spans))
            .layer(Denials(Arc::clone(&parts.access)))
            .layer(Gate(Authorisation(access.clone())))
            .layer(admission)
            .layer(Witnesses(Arc::clone(&parts.traces)))
            .layer(Gate(drains.clone()))
            .layer(Deadlines)
            .layer(Deliveries)
            .layer(whole_requests())
            .layer(Panics)
            .add_service(health_service)
            .add_service(reflection_v1()?)
            .add_service(reflection_v1alpha()?)
            .add_service(SocketsServer::from_arc(Arc::clone(&parts.sockets)))
            .add_service(EventsService::new(Arc::clone(&parts.access), Arc::clone(&parts.hub)))
            .add_service(SessionsServer::from_arc(Arc::clone(&parts.sessions)))
            .add_service(NetworksServer::from_arc(Arc::clone(&parts.labs)))
            .add_service(TracesServer::from_arc(Arc::clone(&parts.tracing)))
            .add_service(TrafficServer::from_arc(Arc::clone(&parts.traffic)))
            .serve_with_incoming_shutdown(accepted, async {
                // The sender is never dropped before it has sent.
                _ = draining.await;
            });
        tokio::pin!(serving);
        let following = tokio::spawn(access.follow_certificates());
        let _following = AbortOnDrop(following.abort_handle());
        let within = tokio::select! {
            ended = &mut serving => return ended.map_err(io::Error::other),
            within = stop => within,
        };
        let end = Instant::now() + within;
        tracing::info!(?within, "draining");
        drains.begin();
        set_health(&health, false).await;
        parts.hub.tell_draining(within);
        let leases = parts.end_leases();
        tokio::select! {
            ended = &mut serving => return ended.map_err(io::Error::other),
            over = timeout_at(end - LAST_WORDS.min(within / 4), leases) => {
                if over.is_err() {
                    tracing::warn!("some connections were not closed in time");
                }
            }
        }
        _ = drain.send(());
        // Who watches the health has heard of it, and would keep the server from ending.
        for name in WITH_HEALTH {
            health.clear_service_status(name).await;
        }
        let finish = async {
            parts.traces.shut_down();
            parts.hub.shutdown();
            parts.networks.shut_down().await;
        };
        let drained = async { tokio::join!(finish, &mut serving).1 };
        match timeout_at(end, drained).await {
            Ok(ended) => ended.map_err(io::Error::other),
            Err(_) => {
                tracing::warn!("some clients did not end their calls");
                Ok(())
            }
        }
    }
}

/// Where it is written what callers do.
fn audit(config: &Config) -> io::Result<Audit> {
    let refused = |error| io::Error::other(format!("the audit log cannot be written: {error}"));
    config.audit.as_deref().map_or(Ok(Audit::default()), |place| Audit::to(place).map_err(refused))
}

impl Parts {
    /// Ends all sessions by their policies, and waits for the peers of those whose connections are being closed, by this or by an
    /// end that came before.
    async fn end_leases(&self) {
        self.leases.end_all().await;
        while self.networks.has_peers() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// What callers may do, to begin with.
fn policy(config: &Config) -> io::Result<Policy> {
    match &config.policy {
        Some(file) => Policy::read(file).map_err(io::Error::other),
        None => Ok(Policy::allowing(&config.allow)),
    }
}

/// Ends a task with whoever has it.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn set_health(health: &HealthReporter, serving: bool) {
    use tonic_health::ServingStatus::{NotServing, Serving};
    let status = if serving { Serving } else { NotServing };
    for name in WITH_HEALTH {
        health.set_service_status(name, status).await;
    }
}

/// What health is told of.
const WITH_HEALTH: [&str; 7] = [
    "",
    SocketsServer::<SocketsService>::NAME,
    EventsService::NAME,
    SessionsServer::<SessionsService>::NAME,
    NetworksServer::<NetworksService>::NAME,
    TracesServer::<TracesService>::NAME,
    TrafficServer::<TrafficService>::NAME,
];

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(sockwright_proto::v1::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

fn reflection_v1() -> io::Result<
    tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection>,
> {
    reflection().build_v1().map_err(io::Error::other)
}

fn reflection_v1alpha() -> io::Result<
    tonic_reflection::server::v1alpha::ServerReflectionServer<
        impl tonic_reflection::server::v1alpha::ServerReflection,
    >,
> {
    reflection().build_v1alpha().map_err(io::Error::other)
}

/// What draining keeps of its time for the ends of calls and streams, at most.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often it is looked whether peers have closed their ends.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Octets of one HTTP/2 frame that a client may send: a quarter of a megabyte is two of them, not sixteen.
const FRAME_SIZE: u32 = 128 << 10;
/// Octets that a client may send ahead of one call, and of all calls of a connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
