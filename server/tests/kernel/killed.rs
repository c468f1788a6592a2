//! Sudden ends: of a server, after which the next one finds nothing in its way; and of a client, after which the kernel
//! opposite sees just what the policy of its session says.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pcap_file::pcap::PcapReader;
use sockwright_engine::wire::{ChecksumPolicy, EthernetFrame, Flags, IpPacket, Protocol, TcpSegment};
use sockwright_proto::v1::{self as pb, OnExpiry};

use crate::common::capture::Capture;
use crate::common::{lab_request, trace};
use crate::net::{Host, World, tunnels};
use crate::rig::process::Process;
use crate::rig::station::{attach_beside, with_prefix};
use crate::rig::tunnel::Tunnel;
use crate::rig::{Rig, address, at, given_back, short_msl};

/// Everything that a server can hold of a host: raw sockets with guards, a station, an interface, labs, captures, traces.
async fn hold_everything(rig: &Rig) -> (u64, u16) {
    rig.attach("wire").await.expect("raw sockets");
    let station = with_prefix(if rig.ours.address.is_ipv4() {
        "10.77.0.7".parse().expect("an address")
    } else {
        "fd77::7".parse().expect("an address")
    });
    attach_beside(rig, "station", &[&station], vec![]).await.expect("a station");
    if tunnels() {
        Tunnel::new(rig, false).attach(rig, "tunnel").await.expect("an interface");
    }
    let lab = lab_request("lab", pb::Clock::Virtual, "");
    rig.networks.clone().create_lab(lab).await.expect("a lab");
    let socket = rig.create_with(pb::SocketKind::Stream, short_msl()).await;
    let local = Some(address(rig.ours.port(PORT)));
    let mut sockets = rig.sockets.clone();
    sockets.bind(pb::BindRequest { socket, local }).await.expect("the port is free");
    sockets.listen(pb::ListenRequest { socket, backlog: 0 }).await.expect("listening");
    (socket, PORT)
}

/// A kernel client of a listener of ours: octets both ways.
async fn greeted(rig: &Rig, listener: u64, port: u16) -> TcpStream {
    let at = rig.ours.port(port);
    let mut theirs = rig.theirs.run(|| TcpStream::connect(at)).expect("connected");
    let socket = rig.accept(listener).await;
    rig.send(socket, b"from us").await;
    let mut buffer = [0; 7];
    theirs.read_exact(&mut buffer).expect("received");
    theirs
}

#[test]
fn a_server_that_is_killed_is_in_nobodys_way() {
    for family in 0..2 {
        let Some(world) = World::new() else { return };
        let [ours, theirs] = { world.wire_pairs()[family].clone().into() };
        let mut first = Process::start(&ours, &["--keep", "net-admin"]);
        let mut orphan = None;
        at(&ours, async || {
            let rig = first.rig(&ours, &theirs).await;
            let (listener, port) = hold_everything(&rig).await;
            let filter = pb::Filter { stacks: vec!["wire".to_owned()], ..Default::default() };
            let request = pb::TracesStartRequest { filter: Some(filter), ..Default::default() };
            trace::start(&rig.traces, request).await.expect("a trace");
            let mut capture =
                Capture::begin(&rig.networks, pb::CaptureRequest::default()).await.expect("begun");
            orphan = Some(greeted(&rig, listener, port).await);
            capture.packets(3).await;
        });
        first.child.kill().expect("killed");
        first.ended();

        // The kernel has its own again, and what was written nobody finds.
        drop(given_back(&ours, ours.port(PORT)));
        assert!(!ours.ip("-brief link").contains("t0"));
        let left: Vec<_> = fs::read_dir(first.temporary.path()).expect("a directory").collect();
        assert!(left.is_empty(), "{left:?}");
        // Who was connected with it learns it from the kernel, as of any program that was killed.
        let mut orphan = orphan.expect("connected");
        orphan.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        orphan.write_all(b"anybody there?").expect("the kernel believes in the connection");
        assert_eq!(orphan.read(&mut [0; 8]).expect_err("a RST").kind(), ErrorKind::ConnectionReset);

        // Where the first one listened too.
        let address = first.url.strip_prefix("http://").expect("a URL").to_owned();
        let second = Process::start(&ours, &["--keep", "net-admin", "--listen", &address]);
        at(&ours, async || {
            let rig = second.rig(&ours, &theirs).await;
            let (listener, port) = hold_everything(&rig).await;
            drop(greeted(&rig, listener, port).await);
        });
    }
}

/// A client as a process of its own: it holds a session with a connection, says so, and keeps it alive until it is killed.
#[test]
#[ignore = "run by the test below, in a process that is killed"]
fn a_client_that_is_going_to_be_killed() {
    let told = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("no {name}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let host = |address: String| Host {
            namespace: String::new(),
            address: address.parse().expect("an address"),
        };
        let remote: std::net::SocketAddr = told("KILLED_REMOTE").parse().expect("an address");
        let rig =
            Rig::of(told("KILLED_SERVER"), &host(remote.ip().to_string()), &host(remote.ip().to_string()))
                .await;
        let on_expiry = told("KILLED_POLICY").parse().expect("a number");
        let lease = Some(prost_types::Duration { seconds: 0, nanos: 700_000_000 });
        let open = pb::OpenRequest { lease, on_expiry, ..Default::default() };
        let session = rig.sessions.clone().open(open).await.expect("opened").into_inner().session;
        let family = if remote.is_ipv4() { pb::AddressFamily::Ipv4 } else { pb::AddressFamily::Ipv6 };
        let create = pb::CreateRequest {
            stack: "wire".into(),
            session: session.clone(),
            family: family.into(),
            options: Some(short_msl()),
            ..Default::default()
        };
        let socket = rig.sockets.clone().create(create).await.expect("created").into_inner().socket;
        let connect = pb::ConnectRequest { socket, remote: Some(address(remote)), ..Default::default() };
        rig.sockets.clone().connect(connect).await.expect("connected");
        println!("\nconnected {socket}");
        loop {
            rig.sessions
                .clone()
                .keep_alive(pb::KeepAliveRequest { session: session.clone() })
                .await
                .expect("kept");
        }
    });
}

/// tcpdump where the host is, listening.
fn tcpdump(host: &Host) -> Option<Child> {
    let mut command = Command::new("tcpdump");
    command.args(["-i", "wire", "-U", "--immediate-mode", "-w", "-", "tcp or udp"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = host.run(|| command.spawn()).ok()?;
    let mut said = BufReader::new(child.stderr.take()?);
    let mut line = String::new();
    while !line.contains("listening on") {
        line.clear();
        if said.read_line(&mut line).ok()? == 0 {
            println!("SKIPPED: there is no tcpdump");
            return None;
        }
    }
    Some(child)
}

/// The flags of the segments that a host sent to a port between two datagrams of its own, which mark the time.
fn sent_between_marks(tcpdump: &mut Child, ours: &Host, port: u16) -> Vec<Flags> {
    let mut reader = PcapReader::new(tcpdump.stdout.take().expect("piped")).expect("a pcap file");
    let (mut marks, mut sent) = (0, Vec::new());
    while marks < 2 {
        let packet = reader.next_packet().expect("it goes on").expect("a packet");
        let Ok(frame) = EthernetFrame::parse(&packet.data) else { continue };
        let Ok(packet) = IpPacket::parse(frame.payload) else { continue };
        if packet.src != ours.address {
            continue;
        }
        match TcpSegment::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Ignore) {
            _ if packet.protocol == Protocol::Udp => marks += 1,
            Ok(segment) if marks == 1 && segment.dst_port == port => sent.push(segment.flags),
            _ => {}
        }
    }
    sent
}

/// A client that holds a connection with the kernel is killed, its lease runs out, the kernel says something: what the server
/// sent of its own from then on.
fn after_a_kill(ours: &Host, theirs: &Host, policy: OnExpiry) -> Option<Vec<Flags>> {
    let server = Process::start(ours, &["--keep", "net-admin"]);
    let mut tcpdump = tcpdump(theirs)?;
    let mark = || {
        let sent = ours.run(|| UdpSocket::bind(ours.port(0))?.send_to(b"mark", theirs.port(9)));
        sent.expect("sent");
    };
    let listener = theirs.run(|| TcpListener::bind(theirs.port(0))).expect("the kernel listens");
    let listening = listener.local_addr().expect("an address");
    at(ours, async || {
        let rig = server.rig(ours, theirs).await;
        rig.attach("wire").await.expect("raw sockets");
        let mut client = Command::new(std::env::current_exe().expect("its name"));
        client.args(["--exact", "killed::a_client_that_is_going_to_be_killed", "--ignored", "--nocapture"]);
        client.env("KILLED_SERVER", &server.url).env("KILLED_POLICY", i32::from(policy).to_string());
        client.env("KILLED_REMOTE", listening.to_string());
        let mut client = ours.run(|| client.stdout(Stdio::piped()).spawn()).expect("a client");
        let mut said = BufReader::new(client.stdout.take().expect("piped")).lines();
        let socket = loop {
            let line = said.next().expect("it connects").expect("read");
            if let Some(socket) = line.strip_prefix("connected ") {
                break socket.parse::<u64>().expect("a number");
            }
        };
        let (mut kernel, _) = listener.accept().expect("accepted");
        client.kill().expect("killed");
        client.wait().expect("ended");
        mark();
        kernel.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        match policy {
            OnExpiry::Reset => {
                let end = kernel.read(&mut [0; 8]).expect_err("a RST");
                assert_eq!(end.kind(), ErrorKind::ConnectionReset);
            }
            OnExpiry::Fin => {
                assert_eq!(kernel.read(&mut [0; 8]).expect("a FIN"), 0);
                drop(kernel);
                rig.released(socket).await;
            }
            _ => {
                until_it_is_nobodys(&rig, socket).await;
                kernel.write_all(b"anybody there?").expect("the kernel believes in the connection");
                kernel.set_read_timeout(Some(Duration::from_millis(400))).expect("set");
                let silence = kernel.read(&mut [0; 8]).expect_err("nothing comes");
                assert!(matches!(silence.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silence}");
            }
        }
        mark();
    });
    let sent = sent_between_marks(&mut tcpdump, ours, listening.port());
    tcpdump.kill().expect("it ran");
    tcpdump.wait().expect("it ended");
    Some(sent)
}

/// Until the session is over: the socket is nobody's, or silent.
async fn until_it_is_nobodys(rig: &Rig, socket: u64) {
    loop {
        let info = rig.sockets.clone().get_info(pb::GetInfoRequest { socket }).await.expect("it is there");
        let summary = info.into_inner().summary.expect("a summary");
        if summary.session.is_empty() || summary.tcp_state() == pb::TcpState::Closed {
            return;
        }
    }
}

#[test]
fn of_a_client_that_is_killed_the_kernel_sees_what_the_policy_says() {
    for family in 0..2 {
        let Some(world) = World::new() else { return };
        let [ours, theirs] = { world.wire_pairs()[family].clone().into() };
        let sent = |policy| after_a_kill(&ours, &theirs, policy);
        let Some(reset) = sent(OnExpiry::Reset) else { return };
        assert!(reset.len() == 1 && reset[0].contains(Flags::RST), "{reset:?}");

        let fin = sent(OnExpiry::Fin).expect("as before");
        let fins = fin.iter().filter(|flags| flags.contains(Flags::FIN)).count();
        // And the acknowledgment of the kernel's.
        assert!(fins == 1 && fin.len() == 2 && fin[0].contains(Flags::FIN), "{fin:?}");
        assert!(!fin.iter().any(|flags| flags.contains(Flags::RST)), "{fin:?}");

        assert_eq!(sent(OnExpiry::Vanish).expect("as before"), [], "nothing, not even an answer");

        let keep = sent(OnExpiry::Keep).expect("as before");
        assert!(!keep.is_empty() && keep.iter().all(|flags| *flags == Flags::ACK), "{keep:?}");
    }
}

/// A connection with the kernel in a session of its own: the session, the socket, and the kernel's end.
async fn in_a_session_that_ends_with_fin(rig: &Rig) -> (String, u64, TcpStream) {
    let open = pb::OpenRequest { on_expiry: OnExpiry::Fin.into(), ..Default::default() };
    let session = rig.sessions.clone().open(open).await.expect("opened").into_inner().session;
    let create = pb::CreateRequest {
        stack: "wire".into(),
        session: session.clone(),
        options: Some(short_msl()),
        ..Default::default()
    };
    let socket = rig.sockets.clone().create(create).await.expect("created").into_inner().socket;
    let theirs = &rig.theirs;
    let listener = theirs.run(|| TcpListener::bind(theirs.port(0))).expect("the kernel listens");
    let remote = Some(address(listener.local_addr().expect("an address")));
    let connect = pb::ConnectRequest { socket, remote, ..Default::default() };
    rig.sockets.clone().connect(connect).await.expect("connected");
    (session, socket, listener.accept().expect("accepted").0)
}

#[test]
fn what_a_session_closed_that_ended_before_has_its_time_as_well() {
    let Some(world) = World::new() else { return };
    let [ours, theirs] = { world.wire_pairs()[0].clone().into() };
    let mut server = Process::start(&ours, &["--keep", "net-admin", "--drain", "20"]);
    at(&ours, async || {
        let rig = server.rig(&ours, &theirs).await;
        rig.attach("wire").await.expect("raw sockets");
        let (session, socket, mut kernel) = in_a_session_that_ends_with_fin(&rig).await;
        let close = pb::SessionsCloseRequest { session, ..Default::default() };
        rig.sessions.clone().close(close).await.expect("ended");
        assert_eq!(kernel.read(&mut [0; 8]).expect("a FIN"), 0);
        let mut watch = rig.watch(&[pb::EventKind::Draining, pb::EventKind::TcpStateChanged]).await;
        server.signal("-TERM");
        let drains =
            |event: &pb::Event| matches!(event.kind, Some(pb::event::Kind::Draining(_))).then_some(());
        watch.find(drains).await;
        // The kernel closes its end in its own time: no stack was taken down before, with a reset.
        drop(kernel);
        let closed = |event: &pb::Event| match &event.kind {
            Some(pb::event::Kind::TcpStateChanged(change)) if change.to() == pb::TcpState::TimeWait => {
                Some(event.socket)
            }
            _ => None,
        };
        assert_eq!(watch.find(closed).await, socket);
    });
    assert!(server.ended().success());
}

#[test]
fn a_server_that_is_asked_to_end_closes_what_its_sessions_have_closed_and_is_gone_in_time() {
    let Some(world) = World::new() else { return };
    let [ours, theirs] = { world.wire_pairs()[0].clone().into() };
    let mut server = Process::start(&ours, &["--keep", "net-admin", "--drain", "20"]);
    at(&ours, async || {
        let rig = server.rig(&ours, &theirs).await;
        rig.attach("wire").await.expect("raw sockets");
        let (_, socket, mut kernel) = in_a_session_that_ends_with_fin(&rig).await;
        let mut watch = rig.watch(&[pb::EventKind::Draining]).await;
        server.signal("-TERM");
        let within = |event: &pb::Event| match &event.kind {
            Some(pb::event::Kind::Draining(draining)) => draining.within,
            _ => None,
        };
        assert_eq!(watch.find(within).await.seconds, 20);
        assert_eq!(kernel.read(&mut [0; 8]).expect("a FIN"), 0);

        // It waits for the kernel's end, and serves meanwhile, but makes nothing new.
        let refused = rig.sessions.clone().open(pb::OpenRequest::default()).await.expect_err("it ends");
        assert_eq!(refused.code(), tonic::Code::Unavailable);
        assert!(refused.message().contains("about to end"), "{refused}");
        rig.sockets.clone().get_info(pb::GetInfoRequest { socket }).await.expect("it is there");
        drop(kernel);
        loop {
            if let Err(status) = watch.next().await {
                break assert_eq!(status.code(), tonic::Code::Unavailable);
            }
        }
    });
    assert!(server.ended().success());
}

/// The port of its listener: not one that the kernel chooses.
const PORT: u16 = 4242;
