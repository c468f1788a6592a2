//! How the thread of a stack waits: asleep, or looking for packets for a while first.

use std::time::Duration;

use sockwright_proto::v1::{self as pb, attach_request};

use crate::interfaces::{connected, exchange, nothing_spins, of_thread};
use crate::rig::Rig;
use crate::rig::station::on_both_families;

/// Attaches the rig's stack anew.
async fn attach_again(rig: &Rig, busy_poll: Duration) {
    let detach = pb::DetachRequest { name: "wire".into() };
    rig.networks.clone().detach(detach).await.expect("detached");
    let raw_ip = pb::RawIp { addresses: vec![rig.ours.address.to_string()], ..Default::default() };
    let request = pb::AttachRequest {
        name: "wire".into(),
        link: Some(attach_request::Link::RawIp(raw_ip)),
        busy_poll: Some(busy_poll.try_into().expect("a duration")),
        ..Default::default()
    };
    rig.networks.clone().attach(request).await.expect("attached");
}

/// How long the stack's thread has had a processor or waited for one, which others may have meanwhile.
fn awake(rig: &Rig) -> Duration {
    let told = of_thread(rig, "schedstat");
    Duration::from_nanos(told.split(' ').take(2).map(|time| time.parse::<u64>().expect("a number")).sum())
}

#[test]
fn a_thread_that_looks_for_packets_sleeps_after_a_while() {
    on_both_families(|rig| async move {
        attach_again(&rig, Duration::from_micros(200)).await;
        let (socket, mut kernel) = connected(&rig).await;
        exchange(&rig, socket, &mut kernel).await;
        nothing_spins(&rig, socket).await;
        drop(kernel);
        rig.close(socket).await;
    });
}

#[test]
fn a_thread_looks_for_packets_for_as_long_as_it_was_told() {
    on_both_families(|rig| async move {
        attach_again(&rig, Duration::from_secs(1)).await;
        let (socket, mut kernel) = connected(&rig).await;
        exchange(&rig, socket, &mut kernel).await;
        let before = awake(&rig);
        let receiving = tokio::time::timeout(Duration::from_secs(1), rig.recv(socket)).await;
        assert!(receiving.is_err(), "nothing can come: {receiving:?}");
        let awake = awake(&rig) - before;
        assert!(awake >= Duration::from_millis(500), "it was awake for {awake:?} of a second");
        drop(kernel);
        rig.close(socket).await;
    });
}
