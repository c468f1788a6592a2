//! TUN and TAP interfaces: the host's own kernel at the other end.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use sockwright_proto::v1 as pb;
use tonic::Code;

use crate::bulk::{from_a_kernel_client, to_a_kernel_listener};
use crate::interfaces::{connected, exchange, nothing_spins, send_into_the_void, until_link_is};
use crate::net::tunnels;
use crate::rig::station::on_both_families;
use crate::rig::tunnel::{Tunnel, on_tunnels};
use crate::rig::{PATIENCE, Rig, errno};

/// Some 10 MB.
const CHUNKS: u64 = 160;

/// How long frames were in the mean, by what the host counted on `t0`: what it received from us, and what it sent.
fn octets_a_frame(rig: &Rig) -> [u64; 2] {
    let table = rig.theirs.run(|| std::fs::read_to_string("/proc/thread-self/net/dev")).expect("a table");
    let line = table.lines().find_map(|line| line.trim().strip_prefix("t0:")).expect("the interface");
    let counts: Vec<u64> = line.split_whitespace().map(|count| count.parse().expect("a count")).collect();
    [counts[0] / counts[1], counts[8] / counts[9]]
}

/// Transfers both ways at once on a connection that the kernel accepts, and on one that it opens.
async fn transfer_both_ways(rig: &Rig) {
    to_a_kernel_listener(rig, CHUNKS).await;
    from_a_kernel_client(rig, CHUNKS).await;
}

#[test]
fn with_offload_segments_cross_that_are_longer_than_the_mtu() {
    on_tunnels(
        |tunnel| tunnel,
        |rig| async move {
            transfer_both_ways(&rig).await;
            let [ours, theirs] = octets_a_frame(&rig);
            assert!(ours > 1500 && theirs > 1500, "{ours} and {theirs} octets");
        },
    );
}

#[test]
fn without_offload_no_frame_is_longer_than_the_mtu() {
    on_tunnels(
        |tunnel| Tunnel { no_offload: true, mtu: 1400, ..tunnel },
        |rig| async move {
            let mut watch = rig.watch(&[pb::EventKind::SegmentReceived]).await;
            transfer_both_ways(&rig).await;
            let [ours, theirs] = octets_a_frame(&rig);
            assert!(ours <= 1414 && theirs <= 1414, "{ours} and {theirs} octets");
            // The kernel's SYN, and what it sent: nothing above what it was told.
            let length = |event: &pb::Event| match &event.kind {
                Some(pb::event::Kind::SegmentReceived(segment)) => Some(segment.length),
                _ => None,
            };
            for _ in 0..1000 {
                let length = watch.find(length).await;
                assert!(length < 1400, "{length} octets in one segment");
            }
        },
    );
}

#[test]
fn connections_survive_an_interface_that_goes_down_and_up_and_one_that_comes_back() {
    on_tunnels(
        |tunnel| tunnel,
        |rig| async move {
            let mut watch = rig.watch(&[pb::EventKind::LinkChanged]).await;
            let (socket, mut kernel) = connected(&rig).await;
            exchange(&rig, socket, &mut kernel).await;
            rig.theirs.ip("link set t0 down");
            until_link_is(&mut watch, pb::LinkState::Down, 1500).await;
            send_into_the_void(&rig, socket).await;
            nothing_spins(&rig, socket).await;
            rig.theirs.ip("link set t0 up");
            if rig.theirs.address.is_ipv6() {
                rig.theirs.ip(&format!("address replace {}/64 dev t0 nodad", rig.theirs.address));
            }
            until_link_is(&mut watch, pb::LinkState::Up, 1500).await;
            let mut late = [0; 4];
            kernel.read_exact(&mut late).expect("what waited arrives");
            assert_eq!(&late, b"lost");

            rig.theirs.ip("link set t0 mtu 1300");
            until_link_is(&mut watch, pb::LinkState::Up, 1300).await;
            exchange(&rig, socket, &mut kernel).await;

            rig.theirs.ip("link delete t0");
            until_link_is(&mut watch, pb::LinkState::Gone, 1300).await;
            send_into_the_void(&rig, socket).await;
            nothing_spins(&rig, socket).await;
            let kind = attached_kind(&rig).await;
            rig.theirs.ip(&format!("tuntap add dev t0 mode {kind}"));
            until_link_is(&mut watch, pb::LinkState::Up, 1500).await;
            kernel.read_exact(&mut late).expect("what waited arrives");
            assert_eq!(&late, b"lost");
            exchange(&rig, socket, &mut kernel).await;
            drop(kernel);
            rig.close(socket).await;
        },
    );
}

/// The kind of link that the rig's stack is on.
async fn attached_kind(rig: &Rig) -> String {
    let stacks = rig.networks.clone().list_stacks(pb::ListStacksRequest::default()).await.expect("listed");
    stacks.into_inner().stacks[0].link.clone()
}

/// Waits until the host has no such interface. A program that another test begins at that moment has our file open until it
/// runs, and the interface with it.
fn until_it_is_gone(rig: &Rig, interface: &str) {
    let deadline = Instant::now() + PATIENCE;
    while rig.ours.ip("-brief link").contains(interface) {
        assert!(Instant::now() < deadline, "{interface} is still there");
    }
}

#[test]
fn an_interface_that_was_made_goes_with_its_stack_and_a_persistent_one_stays() {
    if !tunnels() {
        return;
    }
    on_both_families(|rig| async move {
        for tap in [false, true] {
            let kind = if tap { "tap" } else { "tun" };
            let detach = pb::DetachRequest { name: "other".into() };
            let chosen = Tunnel { name: String::new(), ..Tunnel::new(&rig, tap) };
            let stack = chosen.attach(&rig, "other").await.expect("attached");
            assert_eq!(stack.interface, format!("{kind}0"));
            assert!(rig.ours.ip("-brief link").contains(&stack.interface));
            rig.networks.clone().detach(detach.clone()).await.expect("detached");
            until_it_is_gone(&rig, &stack.interface);

            rig.ours.ip(&format!("tuntap add dev t0 mode {kind}"));
            let stack = Tunnel::new(&rig, tap).attach(&rig, "other").await.expect("attached");
            assert_eq!((stack.interface.as_str(), stack.mtu), ("t0", 1500));
            rig.networks.clone().detach(detach).await.expect("detached");
            assert!(rig.ours.ip("-brief link").contains("t0"));
            rig.ours.ip("link delete t0");
        }
    });
}

#[test]
fn what_is_not_to_be_had_is_refused_by_name() {
    if !tunnels() {
        return;
    }
    on_both_families(|rig| async move {
        for tap in [false, true] {
            let good = Tunnel::new(&rig, tap);
            good.attach(&rig, "first").await.expect("attached");
            let elsewhere = Tunnel { name: "wire".to_owned(), ..good.clone() };
            // In use; of another kind.
            for taken in [good.clone(), Tunnel { tap: !tap, ..good.clone() }, elsewhere] {
                let status = taken.attach(&rig, "second").await.expect_err("taken");
                let expected = (Code::AlreadyExists, "EADDRINUSE");
                assert_eq!((status.code(), errno(&status).as_str()), expected, "{status}");
                assert!(status.message().contains(&format!("{:?}", taken.name)), "{status}");
            }
            let field = if tap { "tap" } else { "tun" };
            for (wrong, what) in [
                (Tunnel { name: "a/b".to_owned(), ..good.clone() }, "interface"),
                (Tunnel { name: "sixteen-octets..".to_owned(), ..good.clone() }, "interface"),
                (Tunnel { name: "t%d".to_owned(), ..good.clone() }, "interface"),
                (Tunnel { addresses: vec![], ..good.clone() }, "addresses"),
                (Tunnel { addresses: vec!["10.0.0.256".to_owned()], ..good.clone() }, "addresses[0]"),
                (Tunnel { host_addresses: good.addresses.clone(), ..good.clone() }, "host_addresses[0]"),
                (Tunnel { mtu: 500, ..good.clone() }, "mtu"),
                (Tunnel { mtu: 65536, ..good.clone() }, "mtu"),
            ] {
                let status = wrong.attach(&rig, "second").await.expect_err("nonsense");
                assert_eq!(status.code(), Code::InvalidArgument, "{status}");
                assert!(status.message().contains(&format!("{field}.{what}")), "{status}");
            }
            // What was refused left nothing behind.
            assert_eq!(rig.ours.ip("-brief link").matches("t0").count(), 1);
            let detach = pb::DetachRequest { name: "first".into() };
            rig.networks.clone().detach(detach).await.expect("detached");
        }
    });
}

/// A server of its own where the host of a rig is, as root without a capability, with one stack: what it says first, or
/// why it did not begin.
fn unprivileged(rig: &Rig, attach: &str) -> Result<Child, String> {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &rig.ours.namespace]);
    command.args(["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs", "--"]);
    command.args([env!("CARGO_BIN_EXE_sockwrightd"), "--listen", "127.0.0.1:0", "--allow", "all"]);
    command.args(["--attach", attach]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let (mut line, mut said) = (String::new(), String::new());
    BufReader::new(child.stdout.take().expect("an output")).read_line(&mut line).expect("read");
    if line.starts_with("listening on ") {
        return Ok(child);
    }
    child.stderr.take().expect("an output").read_to_string(&mut said).expect("read");
    child.wait().expect("ended");
    Err(said)
}

#[test]
fn the_owner_of_a_persistent_interface_needs_no_privilege_but_to_change_it() {
    if !tunnels() {
        return;
    }
    on_both_families(|rig| async move {
        let Tunnel { addresses, host_addresses, .. } = Tunnel::new(&rig, false);
        let (own, hosts) = (&addresses[0], &host_addresses[0]);
        rig.ours.ip("tuntap add dev t0 mode tun user 0");
        let refused = unprivileged(&rig, &format!("tun,interface=t0,address={own}")).expect_err("it is down");
        assert!(refused.contains("bring an interface up") && refused.contains("CAP_NET_ADMIN"), "{refused}");
        let refused = unprivileged(&rig, &format!("tun,interface=t0,address={own},host={hosts}"));
        let refused = refused.expect_err("an address is to be given");
        assert!(refused.contains("give an interface an address"), "{refused}");
        let refused = unprivileged(&rig, &format!("tun,interface=t1,address={own}")).expect_err("a new one");
        assert!(refused.contains("make or take a TUN or TAP interface"), "{refused}");

        rig.ours.ip("link set t0 up");
        rig.ours
            .ip(&format!("address add {hosts} dev t0{}", if hosts.contains(':') { " nodad" } else { "" }));
        let mut server = unprivileged(&rig, &format!("tun,interface=t0,address={own}")).expect("it serves");
        // Nobody listens at the stack, which says so.
        let at = own.split('/').next().expect("an address").parse().expect("an address");
        let refused =
            rig.ours.run(|| TcpStream::connect(SocketAddr::new(at, 9))).expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        server.kill().expect("killed");
        server.wait().expect("ended");
        assert!(rig.ours.ip("-brief link").contains("t0"));
    });
}
