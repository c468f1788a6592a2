//! A capture that is read to its end, and what is in it.

use std::path::PathBuf;
use std::process::Command;

use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::blocks::interface_statistics::InterfaceStatisticsOption;
use pcap_file::pcapng::{Block, PcapNgReader};
use sockwright_engine::wire::{ChecksumPolicy, IpPacket, TcpSegment, TcpSummary};
use sockwright_proto::v1 as pb;
use sockwright_proto::v1::networks_client::NetworksClient;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

/// A capture that has begun.
pub(crate) struct Capture {
    stream: Streaming<pb::CaptureResponse>,
    /// The file so far.
    pub(crate) octets: Vec<u8>,
}

/// A packet of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packet {
    pub(crate) interface: String,
    pub(crate) nanos: u64,
    /// 1: in, 2: out.
    pub(crate) flags: u32,
    pub(crate) comment: String,
    /// Packets that are missing before it.
    pub(crate) missed: u64,
    pub(crate) octets: Vec<u8>,
}

/// A statistics block.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) received: u64,
    pub(crate) dropped: u64,
    pub(crate) comment: String,
}

/// What is in a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    pub(crate) packets: Vec<Packet>,
    pub(crate) statistics: Vec<Statistics>,
}

impl Capture {
    /// Begins one. What happens from here on is in it.
    pub(crate) async fn begin(
        networks: &NetworksClient<Channel>,
        request: pb::CaptureRequest,
    ) -> Result<Capture, Status> {
        let stream = networks.clone().capture(request).await?.into_inner();
        let mut capture = Capture { stream, octets: Vec::new() };
        assert!(capture.read().await?, "a capture begins with a header");
        Ok(capture)
    }

    pub(crate) async fn of_link(networks: &NetworksClient<Channel>, link: &str) -> Capture {
        let request = pb::CaptureRequest { link: link.to_owned(), ..Default::default() };
        Capture::begin(networks, request).await.unwrap()
    }

    pub(crate) async fn of(networks: &NetworksClient<Channel>, filter: pb::Filter) -> Capture {
        let request = pb::CaptureRequest { filter: Some(filter), ..Default::default() };
        Capture::begin(networks, request).await.unwrap()
    }

    /// Reads a response; `false` at the end.
    pub(crate) async fn read(&mut self) -> Result<bool, Status> {
        let response = self.stream.message().await?;
        let more = response.is_some();
        self.octets.extend(response.unwrap_or_default().pcapng);
        Ok(more)
    }

    /// Reads until there are so many packets.
    pub(crate) async fn packets(&mut self, at_least: usize) -> Vec<Packet> {
        while self.contents().packets.len() < at_least {
            assert!(self.read().await.unwrap(), "the capture ended");
        }
        self.contents().packets
    }

    /// Reads to the end, which comes when what is captured goes.
    pub(crate) async fn read_to_end(&mut self) -> Contents {
        while self.read().await.unwrap() {}
        self.contents()
    }

    /// What was read so far.
    pub(crate) fn contents(&self) -> Contents {
        Contents::of(&self.octets)
    }

    /// What tshark prints of these fields, a line for each packet; `None` where there is no tshark.
    pub(crate) fn tshark(&self, fields: &[&str]) -> Option<Vec<Vec<String>>> {
        tshark(&self.octets, fields)
    }
}

impl Contents {
    /// Of a file.
    pub(crate) fn of(octets: &[u8]) -> Contents {
        let mut contents = Contents::default();
        let mut interfaces = Vec::new();
        let mut reader = PcapNgReader::new(octets).unwrap();
        while let Some(block) = reader.next_block() {
            match block.unwrap() {
                Block::SectionHeader(_) => interfaces.clear(),
                Block::InterfaceDescription(block) => {
                    assert!(block.options.contains(&InterfaceDescriptionOption::IfTsResol(9)));
                    interfaces.extend(block.options.iter().find_map(|option| match option {
                        InterfaceDescriptionOption::IfName(name) => Some(name.to_string()),
                        _ => None,
                    }));
                }
                Block::EnhancedPacket(block) => {
                    let mut packet = Packet {
                        interface: interfaces[block.interface_id as usize].clone(),
                        nanos: block.timestamp.as_nanos() as u64,
                        flags: 0,
                        comment: String::new(),
                        missed: 0,
                        octets: block.data.to_vec(),
                    };
                    assert_eq!(block.original_len as usize, packet.octets.len());
                    for option in &block.options {
                        match option {
                            EnhancedPacketOption::Comment(comment) => packet.comment = comment.to_string(),
                            EnhancedPacketOption::Flags(flags) => packet.flags = *flags,
                            EnhancedPacketOption::DropCount(missed) => packet.missed = *missed,
                            other => panic!("{other:?}"),
                        }
                    }
                    contents.packets.push(packet);
                }
                Block::InterfaceStatistics(block) => {
                    let mut statistics = Statistics::default();
                    for option in &block.options {
                        match option {
                            InterfaceStatisticsOption::Comment(comment) => {
                                statistics.comment = comment.to_string();
                            }
                            InterfaceStatisticsOption::IsbIfRecv(packets) => statistics.received = *packets,
                            InterfaceStatisticsOption::IsbIfDrop(packets) => statistics.dropped = *packets,
                            other => panic!("{other:?}"),
                        }
                    }
                    contents.statistics.push(statistics);
                }
                other => panic!("{other:?}"),
            }
        }
        contents
    }
}

/// What tshark prints of these fields of a file, a line for each packet; `None` where there is no tshark.
pub(crate) fn tshark(octets: &[u8], fields: &[&str]) -> Option<Vec<Vec<String>>> {
    let file = Scratch::new(octets);
    let mut tshark = Command::new("tshark");
    tshark.args(["-r", file.0.to_str()?, "-T", "fields", "-E", "occurrence=a"]);
    tshark.args(["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]);
    tshark.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = match tshark.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("SKIPPED: there is no tshark");
            return None;
        }
        output => output.unwrap(),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<&str> = said.lines().filter(|line| !line.starts_with("Running as user")).collect();
    assert!(output.status.success() && complaints.is_empty(), "tshark: {said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    Some(lines.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

impl Packet {
    /// The TCP segment in an IP packet.
    pub(crate) fn tcp(&self) -> TcpSummary {
        let packet = IpPacket::parse(&self.octets).unwrap();
        TcpSegment::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Verify).unwrap().summary()
    }

    /// The value of a word of its comment; a word that is there more than once has several.
    pub(crate) fn says(&self, name: &str) -> Vec<&str> {
        let words = self.comment.split(' ').filter_map(|word| word.split_once('='));
        words.filter(|(word, _)| *word == name).map(|(_, value)| value).collect()
    }
}

/// A file that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(octets: &[u8]) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sockwright-{}-{number}.pcapng", std::process::id()));
        std::fs::write(&path, octets).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}
