//! Stations in a VLAN: the tags that the kernel takes out are seen again, and super-segments arrive whole or cut right.

use std::net::TcpListener;

use sockwright_proto::v1::{self as pb, attach_request};

use crate::interfaces::exchange;
use crate::rig::station::{MAC, on_both_families};
use crate::rig::{PATIENCE, Rig, address, content, hash_of, short_msl};

/// Attaches a station in VLAN 7.
async fn attach(rig: &Rig, name: &str, interface: &str, ip: &str, mac: &str) {
    let af_packet = pb::AfPacket {
        interface: interface.into(),
        addresses: vec![ip.into()],
        mac: mac.into(),
        vlan: 7,
        ..Default::default()
    };
    let link = Some(attach_request::Link::AfPacket(af_packet));
    let request = pb::AttachRequest { name: name.into(), link, ..Default::default() };
    rig.networks.clone().attach(request).await.expect("attached");
}

async fn detach(rig: &Rig, name: &str) -> pb::StackCounters {
    let stacks = rig.networks.clone().list_stacks(pb::ListStacksRequest::default()).await.expect("listed");
    let stacks = stacks.into_inner().stacks;
    let counters = stacks.into_iter().find(|stack| stack.name == name).and_then(|stack| stack.counters);
    rig.networks.clone().detach(pb::DetachRequest { name: name.into() }).await.expect("detached");
    counters.expect("counted")
}

async fn create(rig: &Rig, stack: &str) -> u64 {
    let request = pb::CreateRequest {
        stack: stack.into(),
        kind: pb::SocketKind::Stream.into(),
        family: pb::AddressFamily::Ipv4.into(),
        options: Some(short_msl()),
        ..Default::default()
    };
    rig.sockets.clone().create(request).await.expect("created").into_inner().socket
}

/// Content goes both ways between two stations, and the frames that each took in for it are counted.
async fn frames_for_bulk(rig: &Rig) -> [u64; 2] {
    attach(rig, "left", "left", "10.88.0.1/24", "02:00:00:00:00:01").await;
    attach(rig, "right", "right", "10.88.0.2/24", "02:00:00:00:00:02").await;
    let listener = create(rig, "right").await;
    let local = Some(address("10.88.0.2:9".parse().expect("an address")));
    rig.sockets
        .clone()
        .bind(pb::BindRequest { socket: listener, local: local.clone() })
        .await
        .expect("bound");
    rig.sockets.clone().listen(pb::ListenRequest { socket: listener, backlog: 0 }).await.expect("listening");
    let left = create(rig, "left").await;
    let request = pb::ConnectRequest { socket: left, remote: local, ..Default::default() };
    rig.sockets.clone().connect(request).await.expect("connected");
    let right = rig.accept(listener).await;
    let (to_left, to_right) = tokio::join!(
        rig.transfer(left, tokio_stream::iter(content(1, CHUNKS))),
        rig.transfer(right, tokio_stream::iter(content(2, CHUNKS)))
    );
    assert_eq!((to_left, to_right), (hash_of(content(2, CHUNKS)), hash_of(content(1, CHUNKS))));
    for socket in [left, right, listener] {
        rig.close(socket).await;
        rig.released(socket).await;
    }
    [detach(rig, "left").await.frames_in, detach(rig, "right").await.frames_in]
}

#[test]
fn super_segments_cross_a_vlan_whole_or_are_cut_by_the_kernel() {
    on_both_families(|rig| async move {
        rig.ours.ip("link add left type veth peer name right");
        rig.ours.ip("link set left up");
        rig.ours.ip("link set right up");
        let segments = CHUNKS * (64 << 10) / 1448;
        let whole = frames_for_bulk(&rig).await;
        assert!(whole.iter().all(|frames| frames * 2 < segments), "{whole:?} frames for {segments} segments");
        // Now the interfaces take one segment at a time.
        rig.ours.ip("link set left gso_max_size 1400");
        rig.ours.ip("link set right gso_max_size 1400");
        let cut = frames_for_bulk(&rig).await;
        assert!(cut.iter().all(|frames| *frames >= segments), "{cut:?} frames for {segments} segments");
    });
}

#[test]
fn a_station_and_the_kernel_talk_in_a_vlan() {
    on_both_families(|rig| async move {
        let make = || std::process::Command::new("ip").args(IP_LINK_ADD).output().expect("`ip` is called");
        let made = rig.theirs.run(make);
        if !made.status.success() {
            return println!("skipped: no VLANs here: {}", String::from_utf8_lossy(&made.stderr).trim());
        }
        rig.theirs.ip("address add 10.88.0.2/24 dev tagged");
        rig.theirs.ip("link set tagged up");
        rig.networks.clone().detach(pb::DetachRequest { name: "wire".into() }).await.expect("detached");
        attach(&rig, "wire", "wire", "10.88.0.1/24", MAC).await;
        let listener = rig.theirs.run(|| TcpListener::bind("10.88.0.2:0")).expect("the kernel listens");
        let socket = create(&rig, "wire").await;
        let remote = Some(address(listener.local_addr().expect("an address")));
        let request = pb::ConnectRequest { socket, remote, ..Default::default() };
        rig.sockets.clone().connect(request).await.expect("connected");
        let (mut kernel, _) = listener.accept().expect("accepted");
        kernel.set_read_timeout(Some(PATIENCE)).expect("set");
        exchange(&rig, socket, &mut kernel).await;
        drop(kernel);
        rig.close(socket).await;
    });
}

const IP_LINK_ADD: [&str; 10] = ["link", "add", "link", "wire", "name", "tagged", "type", "vlan", "id", "7"];
/// Chunks of 64 KiB each way.
const CHUNKS: u64 = 64;
