//! A watcher of a server's events.

use sockwright_proto::v1 as pb;
use sockwright_proto::v1::events_client::EventsClient;
use tonic::Status;
use tonic::transport::Channel;

/// A stream of events.
pub(crate) struct Watch {
    stream: tonic::Streaming<pb::WatchResponse>,
    batch: std::vec::IntoIter<pb::Event>,
}

impl Watch {
    /// A watch that has begun: what happens from now on is in it.
    pub(crate) async fn begin(mut events: EventsClient<Channel>, kinds: &[pb::EventKind]) -> Watch {
        let kinds = kinds.iter().map(|kind| (*kind).into()).collect();
        let filter = Some(pb::Filter { kinds, ..Default::default() });
        let request = pb::WatchRequest { filter, ..Default::default() };
        let stream = events.watch(request).await.unwrap().into_inner();
        let mut watch = Watch { stream, batch: Vec::new().into_iter() };
        watch.skip_snapshot().await;
        watch
    }

    async fn skip_snapshot(&mut self) {
        loop {
            match self.stream.message().await.unwrap().unwrap().part.unwrap() {
                pb::watch_response::Part::Snapshot(snapshot) if snapshot.last => return,
                pb::watch_response::Part::Snapshot(_) => {}
                other => panic!("no snapshot but {other:?}"),
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Result<pb::Event, Status> {
        loop {
            if let Some(event) = self.batch.next() {
                return Ok(event);
            }
            match self.stream.message().await? {
                Some(pb::WatchResponse { part: Some(pb::watch_response::Part::Events(batch)) }) => {
                    self.batch = batch.events.into_iter();
                }
                other => panic!("no events but {other:?}"),
            }
        }
    }

    /// The next event of which `found` makes something.
    pub(crate) async fn find<T>(&mut self, mut found: impl FnMut(&pb::Event) -> Option<T>) -> T {
        loop {
            let event = self.next().await.unwrap();
            if let Some(value) = found(&event) {
                return value;
            }
        }
    }
}
