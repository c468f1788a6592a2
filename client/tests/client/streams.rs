//! The verbs that print as things happen, as processes: how they end.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use pcap_file::pcapng::{Block, PcapNgReader};
use sockwright_client::{Client, v1};
use sockwright_server::config::Config;
use sockwright_server::server::Server;

/// A server in process with a lab of two stacks, `lab/a` and `lab/b`, on `lab/link1`.
async fn server() -> (String, Client) {
    let config = Config { allow: vec!["127.0.0.0/8".parse().expect("a prefix")], ..Config::default() };
    let server = Server::bind("127.0.0.1:0", config).await.expect("bound");
    let address = server.local_addr().to_string();
    tokio::spawn(server.serve(std::future::pending()));
    let client = Client::connect(&address).await.expect("connected");
    let stack = |name: &str| v1::LabStack { name: name.to_owned(), ..Default::default() };
    let link = v1::LabLink { stacks: vec!["a".to_owned(), "b".to_owned()], ..Default::default() };
    let stacks = vec![stack("a"), stack("b")];
    let clock = v1::Clock::Real.into();
    let lab = v1::CreateLabRequest {
        name: "lab".to_owned(),
        stacks,
        links: vec![link],
        clock,
        ..Default::default()
    };
    client.networks.clone().create_lab(lab).await.expect("a lab");
    (address, client)
}

fn sockwright(server: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockwright"));
    command.args(["--server", server]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
}

/// Waits for its end. One that does not end is ended.
fn ended(child: &mut Child) -> ExitStatus {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        std::thread::yield_now();
    }
    child.kill().expect("it ran");
    child.wait().expect("it ended");
    panic!("it did not end");
}

/// Sends UDP datagrams from `lab/a` to `lab/b` for ever.
async fn traffic(client: &Client) {
    let create = v1::CreateRequest {
        stack: "lab/a".to_owned(),
        kind: v1::SocketKind::Datagram.into(),
        ..Default::default()
    };
    let mut sockets = client.sockets.clone();
    let socket = sockets.create(create).await.expect("a socket").into_inner().socket;
    let remote = Some(v1::SocketAddress { ip: "10.0.0.2".to_owned(), port: 9 });
    loop {
        let data = vec![7; 1000].into();
        let request = v1::SendToRequest { socket, remote: remote.clone(), data };
        // Nobody receives: that is told now and then.
        _ = sockets.send_to(request).await;
        // A call whose channel is gone fails at once, without waiting for anything. As the runtime ends, it waits for whoever never
        // lets go of a thread.
        tokio::task::yield_now().await;
    }
}

/// A name for a file that goes when it is dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_amid_traffic_ends_a_capture_behind_a_whole_packet() {
    let (address, client) = server().await;
    let sending = tokio::spawn(async move { traffic(&client).await });
    let file = Scratch(std::env::temp_dir().join(format!("sockwright-interrupted-{}", std::process::id())));
    for _ in 0..5 {
        let path = file.0.to_str().expect("a name");
        let mut child = sockwright(&address, &["capture", "-w", path]);
        let status = tokio::task::block_in_place(|| {
            let began = Instant::now();
            while std::fs::metadata(&file.0).map_or(0, |file| file.len()) < 100_000 {
                assert!(began.elapsed() < PATIENCE, "nothing is captured");
                std::thread::yield_now();
            }
            let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            assert!(killed.expect("kill runs").success());
            ended(&mut child)
        });
        assert!(status.success(), "{status}");
        let octets = std::fs::read(&file.0).expect("written");
        std::fs::remove_file(&file.0).expect("removed");
        let mut reader = PcapNgReader::new(&octets[..]).expect("a header");
        let (mut packets, mut last) = (0, None);
        while let Some(block) = reader.next_block() {
            let block = block.expect("whole blocks");
            packets += u32::from(matches!(block, Block::EnhancedPacket(_)));
            last = Some(block.into_owned());
        }
        assert!(packets >= 50, "{packets}: {last:?}");
    }
    sending.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_goes_ends_a_stream_that_has_nothing_to_say() {
    let (address, client) = server().await;
    let create = v1::CreateRequest { stack: "lab/a".to_owned(), ..Default::default() };
    client.sockets.clone().create(create).await.expect("a socket");
    for arguments in [&["capture", "-w", "-"][..], &["watch"][..]] {
        let mut child = sockwright(&address, arguments);
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (status, said) = tokio::task::block_in_place(|| {
            // It has begun.
            assert!(!stdout.fill_buf().expect("it writes").is_empty());
            drop(stdout);
            let status = ended(&mut child);
            let mut said = String::new();
            child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
            (status, said)
        });
        assert!(status.success() && said.is_empty(), "{arguments:?}: {status}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_seconds_are_written_to_a_file_that_ends_there() {
    let (address, client) = server().await;
    let said = |arguments: &[&str]| {
        let mut child = sockwright(&address, arguments);
        let status = tokio::task::block_in_place(|| ended(&mut child));
        let mut said = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        (status.success(), said)
    };
    let file = Scratch(std::env::temp_dir().join(format!("sockwright-past-{}", std::process::id())));
    let path = file.0.to_str().expect("a name").to_owned();
    let capture = ["capture", "--last", "1h", "--no-follow", "--link", "lab/link1", "-w", &path];
    let (succeeded, words) = said(&capture);
    assert!(!succeeded && words.contains("none of the stacks keeps its recent packets"), "{words}");

    assert_eq!(said(&["lab", "record", "lab", "1M"]), (true, String::new()));
    let create = v1::CreateRequest {
        stack: "lab/a".to_owned(),
        kind: v1::SocketKind::Datagram.into(),
        ..Default::default()
    };
    let socket = client.sockets.clone().create(create).await.expect("a socket").into_inner().socket;
    for length in 1..=5 {
        let remote = Some(v1::SocketAddress { ip: "10.0.0.2".to_owned(), port: 9 });
        let request = v1::SendToRequest { socket, remote, data: vec![7; length].into() };
        // That nobody receives is told once.
        _ = client.sockets.clone().send_to(request).await;
    }
    assert_eq!(said(&capture), (true, String::new()));
    let octets = std::fs::read(&file.0).expect("written");
    let mut reader = PcapNgReader::new(&octets[..]).expect("a header");
    let mut packets = 0;
    while let Some(block) = reader.next_block() {
        packets += u32::from(matches!(block.expect("whole blocks"), Block::EnhancedPacket(_)));
    }
    assert!((5..=10).contains(&packets), "{packets}");
}

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);
