//! What tshark finds by looking at packets, beside what the stacks that made them say.
//!
//! Each test is one thing that happens on an ordinary connection, in a lab whose time passes by hand. A row is a packet of a
//! capture: when, who sent it, its flags and octets of data; what the stacks say of it; what tshark found.
//!
//! ```text
//! 230 a P. 5 | TAIL_LOSS_PROBE timer=RETRANSMIT | retransmission
//! ```

mod common;

use std::time::Duration;

use common::capture::{Capture, Packet};
use common::{World, address, duration, lab_request};
use sockwright_proto::v1::{self as pb, Clock, SocketOptions};

/// A connection in a lab, and captures that see all of it.
struct Scene {
    world: World,
    lab: String,
    /// On `a`, who opened it.
    client: u64,
    /// On `b`.
    server: u64,
    /// Each frame as it enters the link.
    link: Capture,
    /// What `b` receives and sends.
    receiver: Capture,
}

impl Scene {
    /// A connection over a link of 10 ms, whose ends have these options, 100 ms after the lab began.
    async fn with(client: SocketOptions, server: SocketOptions) -> Scene {
        let world = World::start().await;
        let mut request = lab_request("lab", Clock::Manual, "");
        request.seed = 1;
        request.links[0].impairments = Some(impairments(10));
        let lab = world.networks.clone().create_lab(request).await.unwrap().into_inner().lab.unwrap().name;
        let link = Capture::of_link(&world.networks, "lab/link1").await;
        let filter = pb::Filter { stacks: vec!["lab/b".to_owned()], ..Default::default() };
        let receiver = Capture::of(&world.networks, filter).await;
        let create = |stack: &str, options| pb::CreateRequest {
            stack: format!("{lab}/{stack}"),
            options: Some(options),
            ..Default::default()
        };
        let listener = world.create(create("b", server)).await.unwrap();
        let local = Some(address("10.0.0.2", 80));
        world.sockets.clone().bind(pb::BindRequest { socket: listener, local: local.clone() }).await.unwrap();
        world.sockets.clone().listen(pb::ListenRequest { socket: listener, backlog: 0 }).await.unwrap();
        let client = world.create(create("a", client)).await.unwrap();
        let connect =
            pb::ConnectRequest { socket: client, remote: local, dont_wait: true, data: Default::default() };
        // It is under way.
        world.sockets.clone().connect(connect).await.unwrap_err();
        world.advance(&lab, Duration::from_millis(100)).await;
        let server = world.accept(listener).await.unwrap().socket;
        Scene { world, lab, client, server, link, receiver }
    }

    async fn advance(&self, ms: u64) {
        self.world.advance(&self.lab, Duration::from_millis(ms)).await;
    }

    async fn send(&self, octets: usize) {
        assert_eq!(self.world.send(self.client, &vec![7; octets]).await.unwrap().accepted as usize, octets);
    }

    /// What the link does to frames from now on.
    async fn impair(&self, impairments: pb::Impairments) {
        let request = pb::SetImpairmentsRequest {
            lab: self.lab.clone(),
            link: "link1".to_owned(),
            impairments: Some(impairments),
        };
        self.world.networks.clone().set_impairments(request).await.unwrap();
    }

    /// Ends it, and tells what the link and `b` saw after the handshake; nothing where there is no tshark.
    async fn end(mut self) -> Option<(Vec<String>, Vec<String>)> {
        self.world
            .networks
            .clone()
            .delete_lab(pb::DeleteLabRequest { name: self.lab.clone() })
            .await
            .unwrap();
        Some((rows(&mut self.link).await?, rows(&mut self.receiver).await?))
    }
}

fn impairments(delay_ms: u64) -> pb::Impairments {
    pb::Impairments { delay: Some(duration(Duration::from_millis(delay_ms))), ..Default::default() }
}

/// The packets of a capture that has ended, but for the handshake.
async fn rows(capture: &mut Capture) -> Option<Vec<String>> {
    let packets = capture.read_to_end().await.packets;
    let fields: Vec<String> = FOUND.iter().map(|name| format!("tcp.{name}")).collect();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let found = capture.tshark(&fields)?;
    assert_eq!(found.len(), packets.len());
    Some(packets.iter().zip(&found).skip(3).map(|(packet, found)| row(packet, found)).collect())
}

fn row(packet: &Packet, found: &[String]) -> String {
    let segment = packet.tcp();
    let is_of_a = packet.interface.starts_with("lab/a/") == (packet.flags == OUT);
    let from = if is_of_a { "a" } else { "b" };
    let mut said: Vec<String> = ["retransmission", "fault", "drop"]
        .iter()
        .flat_map(|word| packet.says(word))
        .map(str::to_owned)
        .collect();
    said.extend(packet.says("timer").iter().map(|timer| format!("timer={timer}")));
    let names = FOUND.iter().zip(found).filter(|(_, value)| !value.is_empty());
    let names: Vec<&str> = names.map(|(name, _)| name.rsplit('.').next().unwrap_or_default()).collect();
    let ms = packet.nanos / 1_000_000;
    format!("{ms} {from} {} {} | {} | {}", segment.flags, segment.len, said.join(" "), names.join(" "))
}

/// A packet that leaves, by `epb_flags`.
const OUT: u32 = 2;
/// What tshark is asked for.
const FOUND: [&str; 15] = [
    "analysis.retransmission",
    "analysis.fast_retransmission",
    "analysis.spurious_retransmission",
    "analysis.out_of_order",
    "analysis.lost_segment",
    "analysis.ack_lost_segment",
    "analysis.duplicate_ack",
    "analysis.keep_alive",
    "analysis.keep_alive_ack",
    "analysis.zero_window",
    "analysis.zero_window_probe",
    "analysis.zero_window_probe_ack",
    "analysis.window_full",
    "analysis.window_update",
    "connection.rst",
];

/// After the first data a segment is lost, and so many that follow it are not. What the link saw, and what `b` saw.
async fn one_loss(
    delay_ms: u64,
    following: usize,
    options: SocketOptions,
) -> Option<(Vec<String>, Vec<String>)> {
    let scene = Scene::with(options.clone(), options).await;
    scene.impair(impairments(delay_ms)).await;
    scene.send(1448).await;
    scene.advance(200).await;
    scene.impair(pb::Impairments { loss: 1.0, ..impairments(delay_ms) }).await;
    scene.send(1448).await;
    scene.impair(impairments(delay_ms)).await;
    scene.send(following * 1448).await;
    scene.advance(1000).await;
    scene.end().await
}

/// After the first data a segment is overtaken by the next, for so long. What the link saw, and what `b` saw.
async fn one_overtaken(by_ms: u64) -> Option<(Vec<String>, Vec<String>)> {
    let scene = Scene::with(SocketOptions::default(), SocketOptions::default()).await;
    scene.send(1448).await;
    scene.advance(200).await;
    let reorder_by = Some(duration(Duration::from_millis(by_ms)));
    scene.impair(pb::Impairments { reorder: 1.0, reorder_by, ..impairments(10) }).await;
    scene.send(1448).await;
    scene.impair(impairments(10)).await;
    scene.send(1448).await;
    scene.advance(1000).await;
    scene.end().await
}

fn without_sack() -> SocketOptions {
    SocketOptions { sack: Some(false), ..Default::default() }
}

/// The rows of a capture in which tshark found something, or of which a stack said something.
fn told(rows: &[String]) -> Vec<&str> {
    rows.iter().map(String::as_str).filter(|row| !row.ends_with(" |  | ")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keep_alives_and_their_answers_are_found() {
    let keep_alive = pb::KeepAlive {
        enabled: true,
        idle: Some(duration(Duration::from_secs(60))),
        interval: Some(duration(Duration::from_secs(10))),
        probes: 3,
    };
    let options = SocketOptions { keep_alive: Some(keep_alive), ..Default::default() };
    let scene = Scene::with(options, SocketOptions::default()).await;
    scene.send(5).await;
    scene.advance(130_000).await;
    scene.impair(pb::Impairments { loss: 1.0, ..impairments(10) }).await;
    scene.advance(120_000).await;
    let Some((link, receiver)) = scene.end().await else { return };
    assert_eq!(
        link,
        [
            "100 a P. 5 |  | ",
            "150 b . 0 | timer=DELAYED_ACK | ",
            "60160 a . 0 | timer=KEEP_ALIVE | keep_alive",
            "60170 b . 0 |  | keep_alive_ack",
            "120180 a . 0 | timer=KEEP_ALIVE | keep_alive",
            "120190 b . 0 |  | keep_alive_ack",
            "180200 a . 0 | LOST timer=KEEP_ALIVE | keep_alive",
            "190200 a . 0 | LOST timer=KEEP_ALIVE | keep_alive",
            "200200 a . 0 | LOST timer=KEEP_ALIVE | keep_alive",
            "210200 a R. 0 | LOST timer=KEEP_ALIVE | rst",
        ]
    );
    // Who receives one knows that it is not in the window, which is why it is answered.
    assert_eq!(
        told(&receiver),
        [
            "150 b . 0 | timer=DELAYED_ACK | ",
            "60170 a . 0 | OUTSIDE_WINDOW | keep_alive",
            "60170 b . 0 |  | keep_alive_ack",
            "120190 a . 0 | OUTSIDE_WINDOW | keep_alive",
            "120190 b . 0 |  | keep_alive_ack",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_closes_its_probes_and_its_opening_are_found() {
    let small = SocketOptions { receive_buffer: Some(8192), ..Default::default() };
    let scene = Scene::with(SocketOptions::default(), small).await;
    scene.send(12_000).await;
    scene.advance(3000).await;
    scene.world.recv_exactly(scene.server, 8000).await;
    scene.advance(1000).await;
    let Some((link, receiver)) = scene.end().await else { return };
    assert_eq!(
        link[5..],
        [
            "110 b . 0 |  | ",
            "320 a . 952 | timer=PERSIST | window_full",
            "370 b . 0 | timer=DELAYED_ACK | zero_window",
            "580 a . 1 | WINDOW_PROBE timer=PERSIST | zero_window_probe",
            "590 b . 0 |  | zero_window zero_window_probe_ack",
            "980 a . 1 | WINDOW_PROBE timer=PERSIST | zero_window_probe",
            "990 b . 0 |  | zero_window zero_window_probe_ack",
            "1780 a . 1 | WINDOW_PROBE timer=PERSIST | zero_window_probe",
            "1790 b . 0 |  | zero_window zero_window_probe_ack",
            "3100 b . 0 |  | window_update",
            // The octet of the probes goes again, and its sender says so. tshark does not count what a probe carried.
            "3110 a . 1 | RECOVERY | ",
            "3110 a . 1448 |  | ",
            "3110 a . 1448 |  | ",
            "3120 b . 0 |  | ",
            "3130 a P. 911 |  | ",
            "3180 b . 0 | timer=DELAYED_ACK | ",
        ]
    );
    let probes: Vec<_> = told(&receiver).into_iter().filter(|row| row.contains("probe")).collect();
    assert_eq!(
        probes[..2],
        [
            "590 a . 1 | OUTSIDE_WINDOW | zero_window_probe",
            "590 b . 0 |  | zero_window zero_window_probe_ack"
        ]
    );
    assert_eq!(probes.len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicate_acknowledgments_and_what_is_sent_again_because_of_them_are_found() {
    for (options, reason) in [(without_sack(), "FAST"), (SocketOptions::default(), "RACK")] {
        let Some((link, receiver)) = one_loss(10, 4, options).await else { return };
        assert_eq!(
            link[2..],
            [
                "300 a P. 1448 | LOST | ".to_owned(),
                "300 a . 1448 |  | ".to_owned(),
                "300 a . 1448 |  | ".to_owned(),
                "300 a . 1448 |  | ".to_owned(),
                "300 a P. 1448 |  | ".to_owned(),
                "310 b . 0 |  | duplicate_ack".to_owned(),
                "310 b . 0 |  | duplicate_ack".to_owned(),
                "310 b . 0 |  | duplicate_ack".to_owned(),
                "310 b . 0 |  | duplicate_ack".to_owned(),
                format!("320 a . 1448 | {reason} | retransmission fast_retransmission"),
                "330 b . 0 |  | ".to_owned(),
            ]
        );
        // Behind the loss there is a hole in place of a segment that was lost.
        assert_eq!(
            told(&receiver),
            [
                "150 b . 0 | timer=DELAYED_ACK | ",
                "310 a . 1448 |  | lost_segment",
                "310 b . 0 |  | duplicate_ack",
                "310 b . 0 |  | duplicate_ack",
                "310 b . 0 |  | duplicate_ack",
                "310 b . 0 |  | duplicate_ack",
                "330 a . 1448 |  | retransmission",
            ]
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tshark_goes_by_the_clock_where_the_sender_knows() {
    // More than 20 ms after the duplicates, a fast retransmission is not called one.
    let Some((link, _)) = one_loss(40, 4, without_sack()).await else { return };
    assert!(link.contains(&"380 a . 1448 | FAST | retransmission".to_owned()), "{link:#?}");
    // Within a round trip, and without duplicates enough, it is taken for what was overtaken: by who saw it the first time too.
    let Some((link, receiver)) = one_loss(1, 1, SocketOptions::default()).await else { return };
    assert!(link.contains(&"302 a . 1448 | RACK timer=RETRANSMIT | out_of_order".to_owned()), "{link:#?}");
    assert!(receiver.contains(&"303 a . 1448 |  | out_of_order".to_owned()), "{receiver:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_was_overtaken_is_found_where_it_arrives() {
    let Some((link, receiver)) = one_overtaken(2).await else { return };
    // On the link it is in its place.
    assert_eq!(
        link[2..],
        [
            "300 a P. 1448 | REORDERED | ",
            "300 a P. 1448 |  | ",
            "310 b . 0 |  | duplicate_ack",
            "312 b . 0 |  | ",
        ]
    );
    assert_eq!(
        receiver[2..],
        [
            "310 a P. 1448 |  | lost_segment",
            "310 b . 0 |  | duplicate_ack",
            "312 a P. 1448 | REORDERED | out_of_order",
            "312 b . 0 |  | ",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_comes_after_its_retransmission_is_taken_for_another_one() {
    let Some((link, receiver)) = one_overtaken(100).await else { return };
    assert_eq!(
        link[2..],
        [
            "300 a P. 1448 | REORDERED | ",
            "300 a P. 1448 |  | ",
            "310 b . 0 |  | duplicate_ack",
            "325 a . 1448 | RACK timer=RETRANSMIT | retransmission",
            "335 b . 0 |  | ",
            "410 b . 0 |  | duplicate_ack",
        ]
    );
    // It was sent once, and late; tshark says that it was sent again, for nothing.
    assert_eq!(
        receiver[2..],
        [
            "310 a P. 1448 |  | lost_segment",
            "310 b . 0 |  | duplicate_ack",
            "335 a . 1448 |  | retransmission",
            "335 b . 0 |  | ",
            "410 a P. 1448 | REORDERED OLD_TIMESTAMP | retransmission spurious_retransmission",
            "410 b . 0 |  | duplicate_ack",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_again_for_nothing_and_resets_are_found() {
    let scene = Scene::with(SocketOptions::default(), SocketOptions::default()).await;
    scene.send(1448).await;
    scene.advance(200).await;
    // Its acknowledgment is lost.
    scene.send(1448).await;
    scene.advance(15).await;
    scene.impair(pb::Impairments { loss: 1.0, ..impairments(10) }).await;
    scene.advance(60).await;
    scene.impair(impairments(10)).await;
    scene.advance(1000).await;
    scene.world.abort(scene.server).await.unwrap();
    scene.advance(1000).await;
    let Some((link, receiver)) = scene.end().await else { return };
    assert_eq!(
        link[2..],
        [
            "300 a P. 1448 |  | ",
            "350 b . 0 | LOST timer=DELAYED_ACK | ",
            "500 a P. 1448 | TAIL_LOSS_PROBE timer=RETRANSMIT | retransmission spurious_retransmission",
            "510 b . 0 |  | duplicate_ack",
            "1375 b R. 0 |  | rst",
        ]
    );
    assert_eq!(
        told(&receiver)[2..],
        [
            "510 a P. 1448 | OUTSIDE_WINDOW | retransmission spurious_retransmission",
            "510 b . 0 |  | duplicate_ack",
            "1375 b R. 0 |  | rst",
        ]
    );
}
