//! A server that has given away what it does not need still does all that it is there for, with a kernel opposite.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use sockwright_proto::v1 as pb;

use crate::common::capture::Capture;
use crate::common::metrics::Scrape;
use crate::common::{lab_request, trace};
use crate::net::{Host, World, tunnels_for_everybody};
use crate::rig::process::Process;
use crate::rig::station::{at_station, with_prefix};
use crate::rig::tunnel::Tunnel;
use crate::rig::{Rig, at, short_msl};

/// It refuses to start where any of it is missing.
const CONFINED: [&str; 6] = ["--confine", "on", "--user", "65534", "--keep", "net-admin"];

/// A connection from the stack `wire` to the kernel opposite, and octets both ways.
async fn talks_to_the_kernel(rig: &Rig) {
    let kernel = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("a kernel socket");
    let socket = rig.connect(kernel.local_addr().expect("an address"), short_msl()).await;
    let (mut theirs, _) = kernel.accept().expect("accepted");
    rig.send(socket, b"from us").await;
    let mut buffer = [0; 7];
    std::io::Read::read_exact(&mut theirs, &mut buffer).expect("received");
    std::io::Write::write_all(&mut theirs, &buffer).expect("sent");
    drop(theirs);
    assert_eq!(rig.recv_to_end(socket).await, b"from us");
    rig.close(socket).await;
    rig.released(socket).await;
}

async fn detach(rig: &Rig) {
    rig.networks.clone().detach(pb::DetachRequest { name: "wire".into() }).await.expect("detached");
}

/// What a list says, as the kernel writes sets of capabilities: bits 12 and 13.
fn assert_confined(process: &Process, ours: &Host) {
    let expected = [
        ("Uid", "65534\t65534\t65534\t65534"),
        ("Gid", "65534\t65534\t65534\t65534"),
        ("Groups", "65534"),
        ("CapInh", "0000000000000000"),
        ("CapPrm", "0000000000003000"),
        ("CapEff", "0000000000003000"),
        ("CapBnd", "0000000000003000"),
        ("CapAmb", "0000000000000000"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ];
    for (field, value) in expected {
        let threads = process.status(field);
        assert!(!threads.is_empty() && threads.iter().all(|thread| thread == value), "{field}: {threads:?}");
    }
    // The namespace is the test's: it did not move.
    let at = std::fs::read_link(process.proc("ns/net")).expect("a namespace");
    assert_eq!(at, ours.run(|| std::fs::read_link("/proc/thread-self/ns/net")).expect("a namespace"));
}

#[test]
fn a_confined_server_does_all_that_it_is_there_for() {
    for family in 0..2 {
        let Some(world) = World::new() else { return };
        let [ours, theirs] = { world.wire_pairs()[family].clone().into() };
        let process = Process::start(&ours, &CONFINED);
        at(&ours, async || {
            let mut rig = process.rig(&ours, &theirs).await;
            let filter = pb::Filter { stacks: vec!["wire".to_owned()], ..Default::default() };
            let request = pb::TracesStartRequest { filter: Some(filter), ..Default::default() };
            let traced = trace::start(&rig.traces, request).await.expect("it has where to write");

            // A lab, which needs nothing, and a raw stack with a guard.
            let lab = lab_request("lab", pb::Clock::Virtual, "");
            rig.networks.clone().create_lab(lab).await.expect("a lab");
            rig.attach("wire").await.expect("raw sockets");
            let filter = pb::Filter { stacks: vec!["wire".to_owned()], ..Default::default() };
            let request = pb::CaptureRequest { filter: Some(filter), ..Default::default() };
            let mut capture = Capture::begin(&rig.networks, request).await.expect("begun");
            talks_to_the_kernel(&rig).await;
            assert!(capture.packets(6).await.len() >= 6);
            drop(capture);

            // A station, beside the host.
            let host = ours.clone();
            rig = at_station(rig, vec![]).await;
            talks_to_the_kernel(&rig).await;
            detach(&rig).await;
            rig.ours = host;

            if tunnels_for_everybody() {
                for tap in [false, true] {
                    let tunnel = Tunnel::new(&rig, tap);
                    let stack = tunnel.attach(&rig, "wire").await.expect("an interface");
                    let (hosts, _) = tunnel.host_addresses[0].split_once('/').expect("a prefix");
                    let hosts = hosts.parse().expect("an address");
                    let (own, _) = stack.addresses[0].split_once('/').expect("a prefix");
                    let mut inside = rig.clone();
                    inside.theirs = Host { address: hosts, ..ours.clone() };
                    inside.ours.address = own.parse().expect("an address");
                    assert_eq!(stack.addresses, [with_prefix(inside.ours.address)]);
                    talks_to_the_kernel(&inside).await;
                    detach(&inside).await;
                }
            }
            assert_confined(&process, &ours);

            // What the kernel tells of a process is its own to read.
            let address = process.url.trim_start_matches("http://").parse().expect("an address");
            let scrape = Scrape::of(address).await;
            for figure in ["process_open_fds", "process_cpu_seconds_total", "process_threads"] {
                assert!(scrape.value(figure) > 0.0, "{figure}");
            }

            let trace = trace::take(&rig.traces, &traced.trace).await;
            assert!(trace.packets.is_some_and(|packets| !packets.is_empty()));
            assert!(!trace.events.is_empty() && !trace.calls.is_empty());
            let session = rig.sessions.clone().open(pb::OpenRequest::default()).await.expect("opened");
            let session = session.into_inner().session;
            let close = pb::SessionsCloseRequest { session, ..Default::default() };
            rig.sessions.clone().close(close).await.expect("closed");
        });
        process.signal("-TERM");
        let mut process = process;
        assert!(process.ended().success());
    }
}

#[test]
fn without_being_told_to_a_server_keeps_no_more_than_raw_sockets() {
    let Some(world) = World::new() else { return };
    let [ours, theirs] = { world.wire_pairs()[0].clone().into() };
    let process = Process::start(&ours, &CONFINED[..4]);
    for field in ["CapPrm", "CapEff", "CapBnd"] {
        assert!(process.status(field).iter().all(|set| set == "0000000000002000"), "{field}");
    }
    at(&ours, async || {
        let rig = process.rig(&ours, &theirs).await;
        rig.attach("wire").await.expect("raw sockets");
        let host = at_station(rig.clone(), vec![]).await;
        talks_to_the_kernel(&host).await;
        detach(&rig).await;
        if tunnels_for_everybody() {
            let refused = Tunnel::new(&rig, false).attach(&rig, "wire").await.expect_err("no interfaces");
            assert!(refused.message().contains("--keep net-admin"), "{refused}");
        }
    });
}

#[test]
fn what_is_not_said_is_found_out_and_root_has_its_raw_sockets_with_guards() {
    let Some(world) = World::new() else { return };
    let [ours, theirs] = { world.wire_pairs()[0].clone().into() };
    let process = Process::start(&ours, &[]);
    for field in ["CapPrm", "CapEff", "CapBnd"] {
        let sets = process.status(field);
        // The second where the kernel keeps the filters of TCP sockets to CAP_NET_ADMIN.
        let known = |set: &String| ["0000000000002000", "0000000000003000"].contains(&set.as_str());
        assert!(sets.iter().all(known), "{field}: {sets:?}");
    }
    at(&ours, async || {
        let rig = process.rig(&ours, &theirs).await;
        rig.attach("wire").await.expect("raw sockets");
        talks_to_the_kernel(&rig).await;
    });
}

#[test]
fn what_cannot_be_confined_and_must_be_does_not_start() {
    let said = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockwrightd"));
        let output = command.args(["--listen", "127.0.0.1:0"]).args(arguments).stdin(Stdio::null()).output();
        let output = output.expect("it ran");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let with_a_program = said(&["--confine", "on", "--", "true"]);
    assert!(with_a_program.contains("would confine the program"), "{with_a_program}");
    let off = said(&["--confine", "off", "--user", "65534"]);
    assert!(off.contains("--confine, which is off"), "{off}");
    if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        let root = said(&["--confine", "on"]);
        assert!(root.lines().count() == 1 && root.contains("--user NAME"), "{root}");
    }
}
