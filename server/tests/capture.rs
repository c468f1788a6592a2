//! Captures: what is in them, who ends them, and readers that are slow or gone.

mod common;

use std::time::Duration;

use common::capture::{Capture, Packet};
use common::{World, lab_request};
use sockwright_proto::v1::{self as pb, Clock, TcpState};

fn comments(packets: &[Packet]) -> Vec<&str> {
    packets.iter().map(|packet| &*packet.comment).collect()
}

async fn delete(world: &World, lab: &str) {
    world.networks.clone().delete_lab(pb::DeleteLabRequest { name: lab.to_owned() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_captured_from_its_first_segment_to_its_last() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let mut capture = Capture::of_link(&world, "lab/link1").await;
    let (_, client, server) = world.pair_of(&lab, "").await;
    world.send(client, b"hello").await.unwrap();
    world.recv_exactly(server, 5).await;
    world.close(client).await.unwrap();
    assert!(world.recv(server).await.unwrap().end_of_stream);
    world.close(server).await.unwrap();
    world.wait_for_state(server, TcpState::Closed, None).await;
    delete(&world, &lab).await;
    let contents = capture.to_the_end().await;
    for packet in &contents.packets {
        println!("{} {} {} {}", packet.nanos, packet.interface, packet.tcp(), packet.comment);
    }
    println!("{:?}", contents.statistics);
    println!(
        "{:?}",
        capture.tshark(&[
            "frame.number",
            "frame.interface_name",
            "_ws.col.Info",
            "frame.comment",
            "tcp.checksum.status",
            "_ws.expert.message"
        ])
    );
    _ = (comments, lab_request, Duration::ZERO);
    panic!();
}
