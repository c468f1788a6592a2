//! Places of calls, over real connections.

use sockwright_proto::v1::WatchRequest;
use sockwright_proto::v1::events_client::EventsClient;
use sockwright_server::config::Limits;
use tonic::Code;

use crate::rig::{Rig, Ways, bearing, call, call_with, is_asked_who, within};

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
        within(async { while call(channel.clone()).await.is_err() {} }).await;
    }
}

/// Everybody may have so many calls under way, and make so many in a second.
fn policy(calls: usize, per_second: u32) -> String {
    format!(
        "[identities]\n\"*\" = [\"anybody\"]\n[roles.anybody]\n[roles.anybody.limits]\ncalls = {calls}\n\
         calls_per_second = {per_second}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_says_how_many_calls_and_is_read_again_with_the_tokens_or_not_at_all() {
    let tokens = Ways { tokens: true, ..Ways::default() };
    let rig = Rig::under(tokens, Limits::default(), Some(&policy(1, 1000))).await;
    let token = rig.write_token("ci");
    rig.access.reload().unwrap();
    let channel = rig.http().await.unwrap();
    let watch = bearing(WatchRequest::default(), &token);
    let _watch = EventsClient::new(channel.clone()).watch(watch).await.unwrap();
    let refused = call_with(channel.clone(), &token).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("token:ci may have 1 calls"), "{refused}");

    std::fs::write(rig.file("policy.toml"), policy(2, 1)).unwrap();
    rig.access.reload().unwrap();
    let refused = within(async {
        loop {
            if let Err(refused) = call_with(channel.clone(), &token).await {
                break refused;
            }
        }
    })
    .await;
    assert!(refused.message().contains("1 calls in a second"), "{refused}");

    std::fs::write(rig.file("policy.toml"), "[identities").unwrap();
    let other = rig.write_token("other");
    assert!(rig.access.reload().unwrap_err().contains("policy.toml"));
    assert!(is_asked_who(call_with(channel, &other).await), "the tokens stay as well");
}
