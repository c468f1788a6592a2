//! Queues of the host that are full: what is lost there is told and counted, and connections go on.

use std::io::Read;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use sockwright_proto::v1 as pb;

use crate::common::watch::Watch;
use crate::interfaces::{connected, exchange, nothing_spins};
use crate::rig::station::{as_a_station, on_both_families};
use crate::rig::tunnel::on_tunnels;
use crate::rig::{PATIENCE, Rig, content};

/// Waits until the loss of frames is told for this reason, and gives how many there were.
async fn until_lost(watch: &mut Watch, what: &str) -> u64 {
    let told = watch.find(|event| match &event.kind {
        Some(pb::event::Kind::FrameLost(lost)) => (lost.what == what).then_some(lost.frames),
        _ => None,
    });
    tokio::time::timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("{what} is never told"))
}

/// What the stack counted for this reason.
pub(crate) async fn lost(rig: &Rig, what: &str) -> u64 {
    let stacks = rig.networks.clone().list_stacks(pb::ListStacksRequest::default()).await.expect("listed");
    let stacks = stacks.into_inner().stacks;
    stacks[0].frames_lost.get(what).copied().unwrap_or_default()
}

/// Sends through an interface with a queue of a few packets.
async fn a_full_send_queue(rig: Rig) {
    let mut watch = rig.watch(&[pb::EventKind::FrameLost]).await;
    let (socket, mut kernel) = connected(&rig).await;
    exchange(&rig, socket, &mut kernel).await;
    assert_eq!(lost(&rig, "SEND_QUEUE_FULL").await, 0);
    if rig.ours.slow_wire("20mbit").is_some() {
        let sent: Vec<u8> = content(9, 8).flatten().collect();
        let mut received = vec![0; sent.len()];
        let reading = thread::spawn(move || kernel.read_exact(&mut received).map(|()| (kernel, received)));
        rig.send(socket, &sent).await;
        let told = until_lost(&mut watch, "SEND_QUEUE_FULL").await;
        assert!(told > 0 && lost(&rig, "SEND_QUEUE_FULL").await >= told);
        let reading =
            tokio::task::spawn_blocking(|| reading.join().expect("no panic").expect("all of it comes"));
        let (open, received) = reading.await.expect("no panic");
        assert!(received == sent, "others came");
        kernel = open;
        nothing_spins(&rig, socket).await;
    }
    drop(kernel);
    rig.close(socket).await;
}

#[test]
fn a_full_send_queue_is_told_and_a_connection_over_raw_sockets_goes_on() {
    on_both_families(a_full_send_queue);
}

#[test]
fn a_full_send_queue_is_told_and_a_connection_of_a_station_goes_on() {
    as_a_station(a_full_send_queue);
}

/// Says when it goes that it is enough.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// So many programs of the host send datagrams to nobody as fast as they can that the stack's thread, which gets its part of
/// the processors like each of them, cannot keep up.
async fn a_full_receive_queue(rig: Rig) {
    let mut watch = rig.watch(&[pb::EventKind::FrameLost]).await;
    let (socket, mut kernel) = connected(&rig).await;
    exchange(&rig, socket, &mut kernel).await;
    let enough = AtomicBool::new(false);
    let (theirs, to) = (rig.theirs.clone(), rig.ours.port(9));
    let flood = || {
        let socket = UdpSocket::bind(theirs.port(0)).expect("bound");
        while !enough.load(Ordering::Relaxed) {
            // Refused now and then, as nobody listens.
            _ = socket.send_to(&[0; 1400], to);
        }
    };
    let flooders = 8 * thread::available_parallelism().map_or(1, usize::from);
    let told = thread::scope(|scope| {
        // Whatever comes of the wait, they end.
        let _ends = Ends(&enough);
        for _ in 0..flooders {
            scope.spawn(|| theirs.run(flood));
        }
        let handle = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| handle.block_on(until_lost(&mut watch, "RECEIVE_QUEUE_FULL")))
    });
    assert!(told > 0 && lost(&rig, "RECEIVE_QUEUE_FULL").await >= told);
    exchange(&rig, socket, &mut kernel).await;
    nothing_spins(&rig, socket).await;
    drop(kernel);
    rig.close(socket).await;
}

#[test]
fn a_full_receive_queue_is_told_and_a_connection_over_raw_sockets_goes_on() {
    on_both_families(a_full_receive_queue);
}

#[test]
fn a_full_receive_queue_is_told_and_a_connection_of_a_station_goes_on() {
    as_a_station(a_full_receive_queue);
}

#[test]
fn a_full_queue_of_a_tunnel_is_told_and_a_connection_goes_on() {
    on_tunnels(|tunnel| tunnel, a_full_receive_queue);
}
