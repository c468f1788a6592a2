//! Places of calls, over real connections.

use sockwright_proto::v1::WatchRequest;
use sockwright_proto::v1::events_client::EventsClient;
use sockwright_server::config::Limits;
use tonic::Code;

use crate::rig::{Rig, Ways, call};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_has_its_place_until_its_client_cancels_or_is_gone() {
    let rig = Rig::start(Ways::default(), Limits { calls_per_identity: 1, ..Limits::default() }).await;
    let channel = rig.http().await.unwrap();
    for gone in [false, true] {
        let held = rig.http().await.unwrap();
        let mut watch =
            EventsClient::new(held.clone()).watch(WatchRequest::default()).await.unwrap().into_inner();
        watch.message().await.unwrap().expect("a snapshot");
        let refused = call(channel.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.metadata().contains_key("grpc-retry-pushback-ms"), "{refused:?}");
        if gone {
            drop(held);
        }
        drop(watch);
        while call(channel.clone()).await.is_err() {}
    }
}
