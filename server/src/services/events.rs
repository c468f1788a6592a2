//! The service `Events`: the hub's watch, over gRPC.

use std::sync::Arc;

use sockwright_proto::v1::WatchRequest;
use sockwright_proto::v1::events_server::Events;
use tonic::{Request, Response, Status};

use crate::hub::{Hub, WatchStream};

/// The service `Events`. Wrap it in `EventsServer::new`.
#[derive(Clone, Debug)]
pub struct EventsService {
    hub: Arc<Hub>,
}

impl EventsService {
    /// The service over this hub.
    pub fn new(hub: Arc<Hub>) -> Self {
        EventsService { hub }
    }
}

#[tonic::async_trait]
impl Events for EventsService {
    type WatchStream = WatchStream;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<WatchStream>, Status> {
        self.hub.watch(request.into_inner()).map(Response::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ERRNO_TRAILER;
    use crate::hub::{CompiledFilter, HubConfig};
    use sockwright_engine::event::{Event, EventKind};
    use sockwright_engine::limits::Limit;
    use sockwright_engine::time::Instant;
    use sockwright_proto::v1::events_client::EventsClient;
    use sockwright_proto::v1::events_server::EventsServer;
    use sockwright_proto::v1::watch_response::Part;
    use sockwright_proto::v1::{Filter, event};
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::Code;
    use tonic::transport::{Channel, Endpoint, Server};

    async fn served(hub: Arc<Hub>) -> EventsClient<Channel> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let service = EventsServer::new(EventsService::new(hub));
        let serving = Server::builder().add_service(service);
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
