//! A capture of a station, beside what tcpdump sees at the kernel's end of the same wire.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use pcap_file::pcap::PcapReader;
use sockwright_engine::wire::{ChecksumPolicy, EthernetFrame, IpPacket, TcpSegment};
use sockwright_proto::v1 as pb;

use crate::common::capture::Capture;
use crate::rig::station::as_a_station;
use crate::rig::{Rig, short_msl};

/// The direction, the source's port, and the segment without its checksum, which a link may fill in later.
type Seen = (u16, Vec<u8>);

fn seen(frame: &[u8]) -> Seen {
    let packet = IpPacket::parse(EthernetFrame::parse(frame).expect("a frame").payload).expect("a packet");
    let ends = (packet.src, packet.dst);
    let port = TcpSegment::parse(packet.payload, ends, ChecksumPolicy::Ignore).expect("a segment").src_port;
    let mut octets = packet.payload.to_vec();
    octets[16..18].fill(0);
    (port, octets)
}

/// tcpdump at the kernel's end, listening.
fn tcpdump(rig: &Rig) -> Option<Child> {
    let mut command = Command::new("timeout");
    command.args(["20", "tcpdump", "-i", "wire", "-U", "--immediate-mode", "-w", "-", "tcp"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = rig.theirs.run(|| command.spawn()).ok()?;
    let mut said = std::io::BufReader::new(child.stderr.take()?);
    let mut line = String::new();
    while !line.contains("listening on") {
        line.clear();
        if std::io::BufRead::read_line(&mut said, &mut line).ok()? == 0 {
            println!("SKIPPED: there is no tcpdump");
            return None;
        }
    }
    Some(child)
}

#[test]
fn a_capture_holds_what_tcpdump_sees_at_the_other_end() {
    as_a_station(|rig| async move {
        let Some(mut tcpdump) = tcpdump(&rig) else { return };
        let filter = pb::Filter { stacks: vec!["wire".to_owned()], ..Default::default() };
        let request = pb::CaptureRequest { filter: Some(filter), ..Default::default() };
        let mut capture = Capture::begin(&rig.networks, request).await.expect("begun");
        let kernel = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("a kernel socket");
        let remote = kernel.local_addr().expect("an address");
        let socket = rig.connect(remote, short_msl()).await;
        let (mut theirs, _) = kernel.accept().expect("accepted");
        rig.send(socket, &[7; 30_000]).await;
        let mut buffer = vec![0; 30_000];
        std::io::Read::read_exact(&mut theirs, &mut buffer).expect("received");
        drop(theirs);
        assert!(rig.recv(socket).await.expect("received").end_of_stream);
        rig.close(socket).await;
        rig.released(socket).await;

        // The last acknowledgment of the kernel is the end of it.
        let is_over = |packets: &[crate::common::capture::Packet]| {
            packets.iter().any(|packet| packet.comment.contains("state=LAST-ACK->CLOSED"))
        };
        while !is_over(&capture.contents().packets) {
            assert!(capture.read().await.expect("it goes on"));
        }
        let packets = capture.contents().packets;
        assert!(packets.iter().all(|packet| packet.interface == "wire/wire"));
        let ours: Vec<Seen> = packets
            .iter()
            .filter(|packet| !packet.says("state").is_empty())
            .map(|packet| seen(&packet.octets))
            .collect();
        let mut reader = PcapReader::new(tcpdump.stdout.take().expect("piped")).expect("a pcap file");
        let theirs: Vec<Seen> = (0..ours.len())
            .map(|_| seen(&reader.next_packet().expect("as many packets").expect("a packet").data))
            .collect();
        // Each way by itself: the two ends see the ways at different times.
        for port in [remote.port(), ours[0].0] {
            let of = |seen: &[Seen]| -> Vec<Seen> {
                seen.iter().filter(|(from, _)| *from == port).cloned().collect()
            };
            assert_eq!(of(&ours), of(&theirs));
        }
        drop(reader);
        tcpdump.kill().expect("it ran");
        tcpdump.wait().expect("it ended");

        if let Some(lines) = capture.tshark(&["_ws.malformed", "tcp.analysis.flags", "eth.type"]) {
            assert_eq!(lines.len(), packets.len());
            assert!(lines.iter().all(|line| line[0].is_empty() && line[1].is_empty()), "{lines:?}");
        }
    });
}
