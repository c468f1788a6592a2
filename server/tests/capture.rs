//! Captures: what is in them, who ends them, and readers that are slow or gone.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::capture::{Capture, Packet};
use common::{World, address, duration, errno, lab_request, refusal};
use sockwright_engine::wire::Flags;
use sockwright_proto::v1::{self as pb, Clock, EventKind, event};
use sockwright_server::config::{Config, Limits};
use tonic::Code;

/// A lab whose link does this.
async fn lab(world: &World, clock: Clock, impairments: pb::Impairments) -> String {
    let mut request = lab_request("lab", clock, "");
    request.seed = 4;
    request.links[0].impairments =
        Some(pb::Impairments { delay: Some(duration(Duration::from_millis(10))), ..impairments });
    world.networks.clone().create_lab(request).await.unwrap().into_inner().lab.unwrap().name
}

async fn delete(world: &World, lab: &str) {
    world.networks.clone().delete_lab(pb::DeleteLabRequest { name: lab.to_owned() }).await.unwrap();
}

/// Sends so much from one end to the other, while it is received.
async fn transfer(world: &World, from: u64, to: u64, octets: usize) {
    let data = vec![7; 60_000];
    let send = async {
        let mut left = octets;
        while left > 0 {
            left -= world.send(from, &data[..left.min(data.len())]).await.unwrap().accepted as usize;
        }
    };
    let receive = async {
        for begin in (0..octets).step_by(1 << 20) {
            world.recv_exactly(to, (octets - begin).min(1 << 20)).await;
        }
    };
    tokio::join!(send, receive);
}

/// Closes both ends, the client's first.
async fn close(world: &World, client: u64, server: u64) {
    world.shutdown_write(client).await;
    assert!(world.recv(server).await.unwrap().end_of_stream);
    world.close(server).await.unwrap();
    world.wait_released(server, None).await;
}

fn words(packets: &[Packet], name: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for word in packets.iter().flat_map(|packet| packet.says(name)) {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_shows_each_frame_once_with_what_its_sender_knew() {
    let world = World::start().await;
    let lab = lab(&world, Clock::Virtual, pb::Impairments::default()).await;
    let mut capture = Capture::of_link(&world.networks, "lab/link1").await;
    let (_, client, server) = world.pair_of(&lab, "").await;
    world.send(client, b"hello").await.unwrap();
    world.recv_exactly(server, 5).await;
    close(&world, client, server).await;
    // It ends with what was named.
    delete(&world, &lab).await;
    let contents = capture.read_to_end().await;

    let seen: Vec<_> = contents
        .packets
        .iter()
        .map(|packet| (packet.nanos / 1_000_000, packet.interface.as_str(), packet.comment.as_str()))
        .collect();
    let (c, s) = (format!("socket={client}"), format!("socket={server}"));
    assert_eq!(
        seen,
        [
            (0, "lab/a/link1", &*format!("out {c} state=CLOSED->SYN-SENT cause=Connect arrives=0.010000000")),
            (10, "lab/b/link1", &*format!("out {s} state=SYN-RECEIVED arrives=0.020000000")),
            (20, "lab/a/link1", &*format!("out {c} state=ESTABLISHED arrives=0.030000000")),
            (30, "lab/a/link1", &*format!("out {c} state=ESTABLISHED arrives=0.040000000")),
            (80, "lab/b/link1", &*format!("out {s} state=ESTABLISHED timer=DELAYED_ACK arrives=0.090000000")),
            (
                90,
                "lab/a/link1",
                &*format!("out {c} state=ESTABLISHED->FIN-WAIT-1 cause=Shutdown arrives=0.100000000")
            ),
            (100, "lab/b/link1", &*format!("out {s} state=CLOSE-WAIT arrives=0.110000000")),
            (
                110,
                "lab/b/link1",
                &*format!("out {s} state=CLOSE-WAIT->LAST-ACK cause=Close arrives=0.120000000")
            ),
            (120, "lab/a/link1", &*format!("out {c} state=TIME-WAIT arrives=0.130000000")),
        ]
    );
    assert!(contents.packets.iter().all(|packet| packet.flags == 2));
    assert_eq!(contents.packets[0].tcp().flags, Flags::SYN);
    let totals: Vec<_> = contents.statistics.iter().map(|at| (at.received, at.dropped)).collect();
    assert_eq!(totals, [(5, 0), (4, 0)]);

    // tshark: no complaint, the checksums are right, and nothing strange about the connection.
    if let Some(lines) =
        capture.tshark(&["tcp.checksum.status", "tcp.analysis.flags", "_ws.malformed", "frame.comment"])
    {
        assert_eq!(lines.len(), 9);
        for (line, packet) in lines.iter().zip(&contents.packets) {
            assert_eq!(line, &["1", "", "", &packet.comment]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_shows_both_ways_and_why_it_dropped() {
    let world = World::start().await;
    let lab = lab(&world, Clock::Virtual, pb::Impairments::default()).await;
    let filter = pb::Filter { stacks: vec!["lab/b".to_owned()], ..Default::default() };
    let mut capture = Capture::of(&world.networks, filter).await;
    let refused = world.socket("lab/a").await;
    assert_eq!(refusal(world.connect(refused).await).1, "ECONNREFUSED");
    let (listener, client, server) = world.pair_of(&lab, "").await;
    close(&world, client, server).await;
    delete(&world, &lab).await;
    let contents = capture.read_to_end().await;

    let seen: Vec<_> =
        contents.packets.iter().map(|packet| (packet.flags, packet.comment.as_str())).collect();
    let s = format!("socket={server}");
    assert_eq!(
        seen,
        [
            (1, "in drop=NO_SOCKET"),
            (2, "out arrives=0.020000000"),
            (1, &*format!("in {s} state=LISTEN->SYN-RECEIVED")),
            (2, &*format!("out {s} state=SYN-RECEIVED arrives=0.040000000")),
            (1, &*format!("in {s} state=SYN-RECEIVED->ESTABLISHED")),
            (1, &*format!("in {s} state=ESTABLISHED->CLOSE-WAIT")),
            (2, &*format!("out {s} state=CLOSE-WAIT arrives=0.070000000")),
            (2, &*format!("out {s} state=CLOSE-WAIT->LAST-ACK cause=Close arrives=0.080000000")),
            (1, &*format!("in {s} state=LAST-ACK->CLOSED")),
        ],
        "listener {listener}"
    );
    assert!(contents.packets.iter().all(|packet| packet.interface == "lab/b/link1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_and_what_follows_are_told_as_tshark_finds_them() {
    let world = World::start().await;
    let lab = lab(&world, Clock::Virtual, pb::Impairments { loss: 0.02, ..Default::default() }).await;
    let mut link = Capture::of_link(&world.networks, "lab/link1").await;
    let filter = pb::Filter { stacks: vec!["lab/b".to_owned()], ..Default::default() };
    let mut receiver = Capture::of(&world.networks, filter).await;
    let (_, client, server) = world.pair_of(&lab, "").await;
    transfer(&world, client, server, 600_000).await;
    close(&world, client, server).await;
    delete(&world, &lab).await;
    let (link_contents, receiver_contents) = (link.read_to_end().await, receiver.read_to_end().await);

    let sent: Vec<_> = link_contents.packets.iter().filter(|at| at.interface == "lab/a/link1").collect();
    let lost = sent.iter().filter(|packet| packet.says("fault") == ["LOST"]).count();
    let arrived = receiver_contents.packets.iter().filter(|packet| packet.flags == 1).count();
    assert!(lost > 3, "{lost}");
    assert_eq!(sent.len(), lost + arrived);
    assert!(sent.iter().all(|packet| packet.says("fault").is_empty() != packet.says("arrives").is_empty()));

    // What is said to be sent again was sent before, and the rest was not.
    let mut highest = None;
    for packet in &sent {
        let segment = packet.tcp();
        if segment.len > 0 {
            let again = highest.is_some_and(|highest| segment.seq.before(highest));
            assert_eq!(again, !packet.says("retransmission").is_empty(), "{}", packet.comment);
            highest = Some(match highest {
                Some(highest) if again => highest,
                _ => segment.seq + segment.len,
            });
        }
    }
    let reasons = words(&link_contents.packets, "retransmission");
    assert!(reasons.contains_key("RACK"), "{reasons:?}");

    let flags =
        ["tcp.analysis.retransmission", "tcp.analysis.out_of_order", "tcp.checksum.status", "_ws.malformed"];
    if let Some(lines) = link.tshark(&flags) {
        let found: Vec<bool> = lines.iter().map(|line| !(line[0].is_empty() && line[1].is_empty())).collect();
        let told: Vec<bool> =
            link_contents.packets.iter().map(|packet| !packet.says("retransmission").is_empty()).collect();
        assert_eq!(found, told);
        assert!(lines.iter().all(|line| line[2] == "1" && line[3].is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_link_is_told_with_its_packet() {
    let world = World::start().await;
    let impairments =
        pb::Impairments { loss: 0.02, corrupt: 0.02, duplicate: 0.02, reorder: 0.02, ..Default::default() };
    let lab = lab(&world, Clock::Virtual, impairments).await;
    let mut watch = world.watch(&[EventKind::FrameLost, EventKind::Released]).await;
    let mut capture = Capture::of_link(&world.networks, "lab/link1").await;
    let (_, client, server) = world.pair_of(&lab, "").await;
    transfer(&world, client, server, 600_000).await;
    delete(&world, &lab).await;
    let contents = capture.read_to_end().await;

    let mut told = BTreeMap::<String, usize>::new();
    loop {
        match watch.next().await.unwrap().kind {
            Some(event::Kind::FrameLost(lost)) => *told.entry(lost.what).or_default() += 1,
            // With the lab, at the end.
            Some(event::Kind::Released(_)) => break,
            _ => {}
        }
    }
    assert_eq!(words(&contents.packets, "fault"), told);
    assert_eq!(told.keys().collect::<Vec<_>>(), ["CORRUPTED", "DUPLICATED", "LOST", "REORDERED"]);
    for packet in contents.packets.iter().filter(|packet| packet.says("fault").contains(&"CORRUPTED")) {
        let bit: usize = packet.says("bit")[0].parse().unwrap();
        assert!(bit < packet.octets.len() * 8);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_admits_the_frames_of_its_sockets_sessions_labels_and_ends() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let session = world.open_session(Duration::from_secs(3600), pb::OnExpiry::Unspecified).await;
    let (listener, client, server) = world.pair_of(&lab, "").await;
    let (_, own_client, own_server) = world.pair_of(&lab, &session).await;
    let label = "named".to_owned();
    let named = world
        .create(pb::CreateRequest { stack: "lab/a".to_owned(), label: label.clone(), ..Default::default() })
        .await
        .unwrap();
    let port = world.info(listener).await.summary.unwrap().local.unwrap().port;
    let remote = Some(address("10.0.0.2", port));
    let connect = pb::ConnectRequest { socket: named, remote, dont_wait: false, data: Default::default() };
    world.sockets.clone().connect(connect).await.unwrap();
    world.accept(listener).await.unwrap();

    let mut by_socket =
        Capture::of(&world.networks, pb::Filter { sockets: vec![client], ..Default::default() }).await;
    let mut by_session =
        Capture::of(&world.networks, pb::Filter { sessions: vec![session.clone()], ..Default::default() })
            .await;
    let mut by_label =
        Capture::of(&world.networks, pb::Filter { labels: vec![label], ..Default::default() }).await;
    let mut by_port =
        Capture::of(&world.networks, pb::Filter { ports: vec![port], ..Default::default() }).await;
    let mut by_address = Capture::of(
        &world.networks,
        pb::Filter { addresses: vec!["fd00::1".to_owned()], ..Default::default() },
    )
    .await;
    for (socket, octets) in [(client, 1), (own_client, 2), (own_server, 3), (named, 4)] {
        world.send(socket, &vec![0; octets]).await.unwrap();
    }
    world.recv_exactly(server, 1).await;

    // The delayed acknowledgment, or data the other way, ends each.
    let seen = |packets: Vec<Packet>| -> Vec<(u32, u32)> {
        packets.iter().map(|packet| (packet.flags, packet.tcp().len)).collect()
    };
    assert_eq!(seen(by_socket.packets(2).await), [(2, 1), (1, 0)]);
    // Both ends are of the session: each frame is there as it leaves and as it arrives.
    let of_session = seen(by_session.packets(6).await);
    for frame in [(2, 2), (1, 2), (2, 3), (1, 3)] {
        assert_eq!(of_session.iter().filter(|seen| **seen == frame).count(), 1, "{of_session:?}");
    }
    assert_eq!(seen(by_label.packets(2).await), [(2, 4), (1, 0)]);
    let of_port = seen(by_port.packets(4).await);
    assert!(of_port.contains(&(2, 1)) && of_port.contains(&(1, 1)), "{of_port:?}");
    assert!(!of_port.contains(&(2, 2)), "{of_port:?}");
    delete(&world, &lab).await;
    // Nobody spoke of IPv6, and a capture that names no stack goes on when they are gone.
    assert!(tokio::time::timeout(Duration::from_millis(50), by_address.read()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_is_told_what_it_missed_and_another_misses_nothing() {
    let world = World::start().await;
    let lab = lab(&world, Clock::Virtual, pb::Impairments::default()).await;
    let request =
        pb::CaptureRequest { link: "lab/link1".to_owned(), queue_bytes: 100_000, ..Default::default() };
    let mut slow = Capture::begin(&world.networks, request).await.unwrap();
    let mut quick = Capture::of_link(&world.networks, "lab/link1").await;
    let reading = tokio::spawn(async move { quick.read_to_end().await });
    let (_, client, server) = world.pair_of(&lab, "").await;
    transfer(&world, client, server, 8_000_000).await;
    // Now it reads, and there is room again for what follows.
    slow.packets(100).await;
    transfer(&world, client, server, 10_000).await;
    close(&world, client, server).await;
    delete(&world, &lab).await;
    let (slow_contents, all) = (slow.read_to_end().await, reading.await.unwrap());

    assert_eq!(all.statistics.iter().map(|at| at.dropped).sum::<u64>(), 0);
    let missed: u64 = slow_contents.statistics.iter().map(|at| missed(&at.comment)).sum();
    assert!(missed > 1000, "{missed}");
    assert_eq!(slow_contents.packets.len() as u64 + missed, all.packets.len() as u64);
    // The last statistics of both interfaces say the same, and so do the packets behind the gaps.
    let last = slow_contents.statistics.len() - 2;
    assert_eq!(slow_contents.statistics[last..].iter().map(|at| at.dropped).sum::<u64>(), missed);
    assert_eq!(slow_contents.packets.iter().map(|packet| packet.missed).sum::<u64>(), missed);
    // What it has is what the other has.
    let mut rest = all.packets.iter();
    for packet in &slow_contents.packets {
        let same = |other: &&Packet| (other.nanos, &other.octets) == (packet.nanos, &packet.octets);
        assert!(rest.any(|other| same(&other)), "{}", packet.comment);
    }
    if let Some(lines) = slow.tshark(&["frame.number"]) {
        assert_eq!(lines.len(), slow_contents.packets.len());
    }
}

/// The packets that a statistics block says are missing where it stands.
fn missed(comment: &str) -> u64 {
    let words = comment.strip_prefix("missed=").and_then(|rest| rest.split_once(':'));
    words.map_or(0, |(packets, _)| packets.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn captures_are_so_many_and_one_whose_reader_goes_makes_room() {
    let limits = Limits { captures: 1, ..Limits::default() };
    let world = World::with(Config { limits, ..Config::default() }).await;
    world.lab(Clock::Virtual).await;
    let first = Capture::of_link(&world.networks, "lab/link1").await;
    let more = Capture::begin(&world.networks, pb::CaptureRequest::default()).await.map(drop);
    assert_eq!(refusal(more), (Code::ResourceExhausted, "ENOBUFS".to_owned()));
    drop(first);
    // The server hears of it in its own time.
    let again = async {
        while let Err(status) = Capture::begin(&world.networks, pb::CaptureRequest::default()).await {
            assert_eq!(status.code(), Code::ResourceExhausted);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_captured_is_refused_by_name() {
    let world = World::start().await;
    world.lab(Clock::Virtual).await;
    let link = |link: &str| pb::CaptureRequest { link: link.to_owned(), ..Default::default() };
    let filter = |filter| pb::CaptureRequest { filter: Some(filter), ..Default::default() };
    let stacks = vec!["lab/c".to_owned()];
    for (request, code, said) in [
        (link("lab"), Code::InvalidArgument, "link: it is named by its lab and itself: LAB/LINK"),
        (link("lab/link2"), Code::NotFound, "lab \"lab\" has no link \"link2\""),
        (link("other/link1"), Code::NotFound, "other"),
        (filter(pb::Filter { stacks, ..Default::default() }), Code::NotFound, "lab/c"),
        (filter(pb::Filter { kinds: vec![1], ..Default::default() }), Code::InvalidArgument, "filter.kinds"),
        (
            filter(pb::Filter { tcp_states: vec![1], ..Default::default() }),
            Code::InvalidArgument,
            "filter.tcp_states",
        ),
        (
            filter(pb::Filter { ports: vec![70_000], ..Default::default() }),
            Code::InvalidArgument,
            "filter.ports",
        ),
    ] {
        let status = Capture::begin(&world.networks, request).await.map(drop).unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(said), "{status}");
        assert!(!errno(&status).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_are_told_no_more_because_somebody_captures() {
    let world = World::start().await;
    let lab = world.lab(Clock::Virtual).await;
    let mut capture = Capture::of_link(&world.networks, "lab/link1").await;
    let before = world.networks.clone().list_labs(pb::ListLabsRequest::default()).await.unwrap().into_inner();
    let (_, client, server) = world.pair_of(&lab, "").await;
    let quiet = world.networks.clone().list_labs(pb::ListLabsRequest::default()).await.unwrap().into_inner();
    transfer(&world, client, server, 100_000).await;
    let after = world.networks.clone().list_labs(pb::ListLabsRequest::default()).await.unwrap().into_inner();
    assert!(quiet.at.unwrap().seq > before.at.unwrap().seq);
    // Not one of the segments went through the hub.
    assert!(capture.packets(70).await.len() >= 70);
    assert!(after.at.unwrap().seq - quiet.at.unwrap().seq < 70, "{after:?} {quiet:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capture_ends_with_the_server() {
    let mut world = World::start().await;
    let mut capture = Capture::begin(&world.networks, pb::CaptureRequest::default()).await.unwrap();
    let (ended, stopped) = tokio::join!(capture.read(), world.stop());
    assert_eq!(ended.unwrap_err().code(), Code::Unavailable);
    stopped.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_an_ethernet_are_whole_over_ipv6_and_nobody_has_those_of_an_unknown_socket() {
    let world = World::start().await;
    let mut request = lab_request("lab", Clock::Virtual, "");
    request.links[0].medium = pb::Medium::Ethernet.into();
    let lab = world.networks.clone().create_lab(request).await.unwrap().into_inner().lab.unwrap().name;
    let filter = |sockets, addresses| pb::Filter {
        stacks: vec!["lab/a".to_owned()],
        sockets,
        addresses,
        ..Default::default()
    };
    let mut link = Capture::of_link(&world.networks, "lab/link1").await;
    let mut own = Capture::of(&world.networks, filter(vec![], vec!["fd00::2".to_owned()])).await;
    let mut unknown = Capture::of(&world.networks, filter(vec![4711], vec![])).await;
    let socket_on = |stack: &str| pb::CreateRequest {
        stack: stack.to_owned(),
        family: pb::AddressFamily::Ipv6.into(),
        ..Default::default()
    };
    let listener = world.create(socket_on("lab/b")).await.unwrap();
    let local = Some(address("fd00::2", 80));
    world.sockets.clone().bind(pb::BindRequest { socket: listener, local: local.clone() }).await.unwrap();
    world.sockets.clone().listen(pb::ListenRequest { socket: listener, backlog: 0 }).await.unwrap();
    let socket = world.create(socket_on("lab/a")).await.unwrap();
    let connect = pb::ConnectRequest { socket, remote: local, dont_wait: false, data: Default::default() };
    world.sockets.clone().connect(connect).await.unwrap();
    world.accept(listener).await.unwrap();
    delete(&world, &lab).await;
    let (link_contents, own) = (link.read_to_end().await, own.read_to_end().await);
    assert_eq!(unknown.read_to_end().await.packets, []);

    let handshake: Vec<_> = own
        .packets
        .iter()
        .filter(|packet| packet.says("socket") == [socket.to_string()])
        .map(|packet| (packet.flags, packet.says("state").join(" ")))
        .collect();
    assert_eq!(
        handshake[..3],
        [
            (2, "CLOSED->SYN-SENT".to_owned()),
            (1, "SYN-SENT->ESTABLISHED".to_owned()),
            (2, "ESTABLISHED".to_owned())
        ],
        "{handshake:?}"
    );
    // Those who look for a neighbor are on the link too, and are nobody's.
    let (segments, others): (Vec<_>, Vec<_>) =
        link_contents.packets.iter().partition(|packet| !packet.says("socket").is_empty());
    assert!(segments.len() >= 3 && !others.is_empty(), "{} {}", segments.len(), others.len());
    assert!(link_contents.packets.iter().all(|packet| packet.octets[12..14] == [0x86, 0xdd]));
    if let Some(lines) = link.tshark(&["tcp.checksum.status", "icmpv6.checksum.status", "_ws.malformed"]) {
        assert_eq!(lines.len(), link_contents.packets.len());
        assert!(
            lines.iter().all(|line| format!("{}{}", line[0], line[1]) == "1" && line[2].is_empty()),
            "{lines:?}"
        );
    }
}
