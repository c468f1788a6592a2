//! Workloads opposite kernel sockets: each role once, on every wire.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use sockwright_proto::v1 as pb;
use sockwright_proto::v1::run_request::{Role, Side};
use sockwright_proto::v1::run_response::Part;
use tokio::task::spawn_blocking;
use tonic::Streaming;

use crate::rig::{PATIENCE, Rig, address, content, hash_of, kernel_exchange, on_every_wire, short_msl};

const MEGABYTES: u64 = 20;

fn workload(side: Side, role: Role, limits: pb::TrafficLimits) -> pb::RunRequest {
    pb::RunRequest {
        stack: "wire".into(),
        options: Some(short_msl()),
        side: Some(side),
        role: Some(role),
        limits: Some(limits),
        ..Default::default()
    }
}

fn to(remote: SocketAddr) -> Side {
    Side::Connecting(pb::ConnectingSide { remotes: vec![address(remote)], connections_per_second: 0.0 })
}

/// A workload that listens, and where.
async fn listening(
    rig: &Rig,
    role: Role,
    limits: pb::TrafficLimits,
) -> (SocketAddr, Streaming<pb::RunResponse>) {
    let side = pb::ListeningSide { local: Some(address(rig.ours.port(0))), backlog: 0 };
    let mut stream = run(rig, workload(Side::Listening(side), role, limits)).await;
    match stream.message().await.expect("told").and_then(|response| response.part) {
        Some(Part::Started(started)) => {
            (rig.ours.port(started.local.expect("an address").port as u16), stream)
        }
        other => panic!("{other:?}"),
    }
}

async fn run(rig: &Rig, request: pb::RunRequest) -> Streaming<pb::RunResponse> {
    rig.traffic.clone().run(request).await.expect("it runs").into_inner()
}

async fn ended(mut stream: Streaming<pb::RunResponse>) -> pb::TrafficFigures {
    loop {
        let response = stream.message().await.expect("told").expect("a report comes");
        if let Some(Part::Report(report)) = response.part {
            let figures = report.figures.expect("figures");
            assert_eq!((figures.open, figures.failed.len()), (0, 0), "{figures:?}");
            return figures;
        }
    }
}

fn octets(octets: u64) -> pb::TrafficLimits {
    pb::TrafficLimits { octets, ..Default::default() }
}

fn connections(connections: u64) -> pb::TrafficLimits {
    pb::TrafficLimits { connections, ..Default::default() }
}

#[test]
fn a_kernel_reads_what_a_source_sends() {
    on_every_wire(|rig| async move {
        let listener = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("the kernel listens");
        let remote = listener.local_addr().expect("an address");
        let reading = spawn_blocking(move || {
            let mut stream = listener.accept().expect("accepted").0;
            std::io::copy(&mut stream, &mut std::io::sink()).expect("the kernel reads")
        });
        let source = Role::Source(pb::TrafficSource {});
        let figures = ended(run(&rig, workload(to(remote), source, octets(MEGABYTES << 20))).await).await;
        assert_eq!(figures.octets_sent, MEGABYTES << 20);
        assert_eq!(reading.await.expect("read"), MEGABYTES << 20);
    });
}

#[test]
fn a_sink_takes_what_a_kernel_sends() {
    on_every_wire(|rig| async move {
        let sink = Role::Sink(pb::TrafficSink {});
        let (local, stream) = listening(&rig, sink, connections(1)).await;
        let theirs = rig.theirs.clone();
        let writing = spawn_blocking(move || {
            let mut stream = theirs.run(|| TcpStream::connect(local)).expect("the kernel connects");
            stream.set_write_timeout(Some(PATIENCE)).expect("set");
            content(1, MEGABYTES << 4).for_each(|chunk| stream.write_all(&chunk).expect("the kernel writes"));
        });
        let figures = ended(stream).await;
        writing.await.expect("written");
        assert_eq!((figures.octets_received, figures.closed), (MEGABYTES << 20, 1));
    });
}

#[test]
fn a_kernel_gets_back_from_an_echo_what_it_sent() {
    on_every_wire(|rig| async move {
        let echo = Role::Echo(pb::TrafficEcho {});
        let (local, stream) = listening(&rig, echo, connections(1)).await;
        let theirs = rig.theirs.clone();
        let exchanged = spawn_blocking(move || {
            let stream = theirs.run(|| TcpStream::connect(local)).expect("the kernel connects");
            kernel_exchange(stream, PATIENCE, content(7, 64))
        });
        let figures = ended(stream).await;
        assert_eq!(exchanged.await.expect("exchanged"), hash_of(content(7, 64)));
        assert_eq!((figures.octets_received, figures.octets_sent), (4 << 20, 4 << 20));
    });
}

#[test]
fn a_churn_is_answered_by_a_kernel_that_closes_first() {
    const CONNECTIONS: u64 = 200;
    on_every_wire(|rig| async move {
        let listener = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("the kernel listens");
        let remote = listener.local_addr().expect("an address");
        let serving = spawn_blocking(move || {
            for _ in 0..CONNECTIONS {
                let mut stream = listener.accept().expect("accepted").0;
                stream.set_read_timeout(Some(PATIENCE)).expect("set");
                stream.read_exact(&mut [0; 10]).expect("a request");
                stream.write_all(&[0; 1_000]).expect("a response");
                stream.shutdown(Shutdown::Write).expect("closed first");
                assert_eq!(stream.read(&mut [0]).expect("the end"), 0);
            }
        });
        let churn = pb::TrafficChurn {
            request_bytes: 10,
            response_bytes: 1_000,
            closes_first: pb::ChurnCloser::Listening.into(),
            reset: false,
        };
        let request = workload(to(remote), Role::Churn(churn), connections(CONNECTIONS));
        let figures = ended(run(&rig, pb::RunRequest { concurrency: 10, ..request }).await).await;
        serving.await.expect("served");
        assert_eq!((figures.closed, figures.exchanges), (CONNECTIONS, CONNECTIONS));
        assert_eq!(figures.response_time.expect("measured").count, CONNECTIONS);
    });
}

#[test]
fn what_a_churn_does_at_once_acknowledges_what_it_does_it_about() {
    const FIN: u32 = 1;
    const SYN: u32 = 2;
    const ACK: u32 = 16;
    on_every_wire(|rig| async move {
        let listener = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("the kernel listens");
        let remote = listener.local_addr().expect("an address");
        let serving = spawn_blocking(move || {
            let mut stream = listener.accept().expect("accepted").0;
            assert_eq!(stream.read(&mut [0]).expect("the end"), 0);
        });
        let mut watch = rig.watch(&[pb::EventKind::SegmentSent]).await;
        let request = workload(to(remote), Role::Churn(pb::TrafficChurn::default()), connections(1));
        let figures = ended(run(&rig, request).await).await;
        serving.await.expect("served");
        assert_eq!(figures.closed, 1);
        for flags in [SYN, FIN | ACK, ACK] {
            let sent = watch.find(|event| match &event.kind {
                Some(pb::event::Kind::SegmentSent(segment)) => Some(segment.flags),
                _ => None,
            });
            assert_eq!(sent.await, flags);
        }
    });
}

#[test]
fn a_kernel_asks_and_is_answered() {
    on_every_wire(|rig| async move {
        let role =
            pb::TrafficRequestResponse { request_bytes: 100, response_bytes: 3_000, ..Default::default() };
        let (local, stream) = listening(&rig, Role::RequestResponse(role), connections(1)).await;
        let theirs = rig.theirs.clone();
        let asking = spawn_blocking(move || {
            let mut stream = theirs.run(|| TcpStream::connect(local)).expect("the kernel connects");
            stream.set_read_timeout(Some(PATIENCE)).expect("set");
            for _ in 0..50 {
                stream.write_all(&[0; 100]).expect("asked");
                stream.read_exact(&mut [0; 3_000]).expect("answered");
            }
        });
        let figures = ended(stream).await;
        asking.await.expect("asked");
        assert_eq!((figures.exchanges, figures.octets_sent), (50, 150_000));
    });
}
