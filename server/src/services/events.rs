//! The service `Events`: the hub's watch, over gRPC.
//!
//! It stands in for the generated `EventsServer`, whose responses are messages to be encoded: those of a watch are
//! [encoded already](Told), and only copied.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use sockwright_proto::v1::WatchRequest;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{BufferSettings, Codec, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, Service};
use tonic::server::{Grpc, NamedService, ServerStreamingService};
use tonic_prost::{ProstCodec, ProstDecoder};

use crate::access::caller::Access;
use crate::hub::{Hub, Told, WatchStream};

/// The service `Events`.
#[derive(Clone, Debug)]
pub(crate) struct EventsService {
    access: Arc<Access>,
    hub: Arc<Hub>,
}

impl EventsService {
    /// The service over this hub.
    pub(crate) fn new(access: Arc<Access>, hub: Arc<Hub>) -> Self {
        EventsService { access, hub }
    }
}

impl NamedService for EventsService {
    const NAME: &'static str = sockwright_proto::v1::events_server::SERVICE_NAME;
}

impl Service<Request<Body>> for EventsService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/sockwright.v1.Events/Watch" => {
                    Grpc::new(WatchCodec).server_streaming(service, request).await
                }
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}

impl ServerStreamingService<WatchRequest> for EventsService {
    type Response = Told;
    type ResponseStream = WatchStream;
    type Future = std::future::Ready<Result<tonic::Response<WatchStream>, Status>>;

    fn call(&mut self, request: tonic::Request<WatchRequest>) -> Self::Future {
        let watch = || {
            let caller = self.access.caller(request.extensions())?;
            self.hub.watch_for(request.into_inner(), &caller)
        };
        std::future::ready(watch().map(tonic::Response::new))
    }
}

/// The codec of a watch.
#[derive(Clone, Copy, Debug)]
struct WatchCodec;

impl Codec for WatchCodec {
    type Encode = Told;
    type Decode = WatchRequest;
    type Encoder = ToldEncoder;
    type Decoder = ProstDecoder<WatchRequest>;

    fn encoder(&mut self) -> ToldEncoder {
        ToldEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<(), WatchRequest>::raw_decoder(BufferSettings::default())
    }
}

/// Copies what is encoded already.
#[derive(Clone, Copy, Debug)]
struct ToldEncoder;

impl Encoder for ToldEncoder {
    type Item = Told;
    type Error = Status;

    fn encode(&mut self, told: Told, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        told.encode(to);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::policy::Policy;
    use crate::error::ERRNO_TRAILER;
    use crate::hub::{CompiledFilter, HubConfig};
    use crate::listen::Peer;
    use sockwright_engine::event::{Event, EventKind};
    use sockwright_engine::limits::Limit;
    use sockwright_engine::time::Instant;
    use sockwright_proto::v1::events_client::EventsClient;
    use sockwright_proto::v1::watch_response::Part;
    use sockwright_proto::v1::{Filter, event};
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::Code;
    use tonic::transport::{Channel, Endpoint, Server};

    async fn served(hub: Arc<Hub>) -> EventsClient<Channel> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let everybody = tower::util::MapRequestLayer::new(|mut request: Request<Body>| {
            request.extensions_mut().insert(Peer::server());
            request
        });
        let serving = Server::builder()
            .layer(everybody)
            .add_service(EventsService::new(Access::new(Policy::allowing(&[]), Default::default()), hub));
        tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
        EventsClient::new(Endpoint::from_shared(address).unwrap().connect().await.unwrap())
    }

    #[tokio::test]
    async fn a_watch_goes_over_the_wire_until_the_server_stops() {
        let hub = Hub::new(HubConfig::default());
        let mut client = served(Arc::clone(&hub)).await;
        let mut stream = client.watch(WatchRequest::default()).await.unwrap().into_inner();
        let Some(Part::Snapshot(snapshot)) = stream.message().await.unwrap().unwrap().part else { panic!() };
        assert!(snapshot.last);
        assert_eq!(snapshot.at, Some(hub.position()));

        let hit = Event { at: Instant::ZERO, socket: None, kind: EventKind::LimitHit(Limit::Sockets) };
        hub.publish(&"lab/a".into(), [hit.into()]);
        let Some(Part::Events(batch)) = stream.message().await.unwrap().unwrap().part else { panic!() };
        assert!(matches!(&batch.events[0].kind, Some(event::Kind::LimitHit(hit)) if hit.limit == "sockets"));

        hub.shutdown();
        assert_eq!(stream.message().await.unwrap_err().code(), Code::Unavailable);
    }

    #[tokio::test]
    async fn a_refused_watch_names_the_field_and_the_errno() {
        let mut client = served(Hub::new(HubConfig::default())).await;
        let filter = Filter { ports: vec![70_000], ..Default::default() };
        assert!(CompiledFilter::try_from(&filter).is_err());
        let request = WatchRequest { filter: Some(filter), ..Default::default() };
        let status = client.watch(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("filter.ports"), "{}", status.message());
        assert_eq!(status.metadata().get(ERRNO_TRAILER).unwrap(), "EINVAL");
        assert!(!status.details().is_empty());
    }
}
