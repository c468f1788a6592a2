//! A kernel that routes to a network of smaller packets: it says so, or drops what is too large and says nothing.

use std::future::Future;
use std::net::TcpListener;

use sockwright_proto::v1 as pb;
use tokio::task::spawn_blocking;
use tokio_stream::iter;

use crate::net::routed::{NARROW, Routed};
use crate::rig::station::at_station;
use crate::rig::{PATIENCE, Rig, content, hash_of, kernel_exchange, on_wire, short_msl};

/// Each way, in chunks of 64 KiB.
const CHUNKS: u64 = 32;

#[test]
fn what_a_router_tells_makes_segments_that_fit() {
    on_every_stack(
        |_| {},
        |rig| async move {
            let mtus = exchange(&rig).await;
            assert_eq!(mtus, [NARROW as u32]);
        },
    );
}

#[test]
fn a_router_that_tells_nothing_is_found_out() {
    on_every_stack(Routed::silence, |rig| async move {
        let mtus = exchange(&rig).await;
        assert!(mtus.last().is_some_and(|mtu| *mtu <= NARROW as u32), "{mtus:?}");
    });
}

/// Runs `test` on raw sockets and as a station, IPv4 and IPv6, once the router is prepared.
fn on_every_stack<F: Future<Output = ()>>(prepare: impl Fn(&Routed), test: impl Fn(Rig) -> F + Sync) {
    for (v4, station) in [(true, false), (true, true), (false, false), (false, true)] {
        let Some(routed) = Routed::new() else { return };
        prepare(&routed);
        let (ours, theirs) = routed.hosts(v4);
        let (test, gateway) = (&test, routed.gateway(v4).to_string());
        on_wire(&ours, &theirs, &|rig| {
            let route = pb::Route { destination: String::new(), gateway: gateway.clone() };
            async move {
                let rig = if station { at_station(rig, vec![route]).await } else { rig };
                test(rig).await;
            }
        });
    }
}

/// Carries content both ways; gives what our socket learned of its path.
async fn exchange(rig: &Rig) -> Vec<u32> {
    let listener = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("the kernel listens");
    let remote = listener.local_addr().expect("an address");
    let kernel = spawn_blocking(move || {
        kernel_exchange(listener.accept().expect("accepted").0, PATIENCE, content(2, CHUNKS))
    });
    let mut watch = rig.watch(&[pb::EventKind::PathMtu, pb::EventKind::Released]).await;
    let socket = rig.connect(remote, short_msl()).await;
    let received = rig.transfer(socket, iter(content(1, CHUNKS))).await;
    assert_eq!(received, hash_of(content(2, CHUNKS)));
    assert_eq!(kernel.await.expect("the kernel's side"), hash_of(content(1, CHUNKS)));
    rig.close(socket).await;
    let mut mtus = Vec::new();
    loop {
        let event = watch.next().await.expect("an event");
        match event.kind {
            Some(pb::event::Kind::PathMtu(path)) if event.socket == socket => mtus.push(path.mtu),
            Some(pb::event::Kind::Released(_)) if event.socket == socket => return mtus,
            _ => {}
        }
    }
}
