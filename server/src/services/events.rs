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
