//! Stations of our own on an Ethernet (`af_packet`): the Linux kernel at the other end, as a neighbor and as a router.

use std::future::Future;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use sockwright_proto::v1::{self as pb, attach_request};
use tonic::{Code, Status};

use crate::net::{Host, World};
use crate::rig::{Rig, address, errno, on_wire};

/// A stack named `wire`, as the rig wants it, beside the host.
async fn attach(rig: &Rig, addresses: &[&str], routes: Vec<pb::Route>) -> Result<(), Status> {
    // The rig's own stack is on the host's address.
    let detach = pb::DetachRequest { name: "wire".into() };
    rig.networks.clone().detach(detach).await.expect("detached");
    let af_packet = pb::AfPacket {
        interface: "wire".into(),
        addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
        mac: "02:00:00:00:00:77".into(),
        routes,
        ..Default::default()
    };
    let link = Some(attach_request::Link::AfPacket(af_packet));
    let request = pb::AttachRequest { name: "wire".into(), link, ..Default::default() };
    rig.networks.clone().attach(request).await.map(drop)
}

/// Our station's address in the network of the pair.
fn station(rig: &Rig) -> IpAddr {
    if rig.ours.address.is_ipv4() { "10.77.0.7" } else { "fd77::7" }.parse().expect("an address")
}

fn with_prefix(ip: IpAddr) -> String {
    format!("{ip}/{}", if ip.is_ipv4() { 24 } else { 64 })
}

/// The rig, as if our station's address were the host's.
fn at_station(mut rig: Rig) -> Rig {
    rig.ours.address = station(&rig);
    rig
}

fn output(host: &Host, command: &str) -> String {
    let mut words = command.split(' ');
    let run = || Command::new(words.next().expect("a program")).args(words).output().expect("it runs");
    let output = host.run(run);
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn on_both_wires<F: Future<Output = ()>>(test: impl Fn(Rig) -> F + Sync) {
    for family in 0..2 {
        let Some(world) = World::new() else { return };
        let (ours, theirs) = &world.wire_pairs()[family];
        on_wire(ours, theirs, &test);
    }
}

async fn exchange(rig: &Rig, ours: u64, mut theirs: TcpStream) {
    rig.send(ours, b"from us").await;
    let mut buffer = [0; 7];
    std::io::Read::read_exact(&mut theirs, &mut buffer).expect("received");
    assert_eq!(&buffer, b"from us");
    std::io::Write::write_all(&mut theirs, b"from them").expect("sent");
    assert_eq!(&rig.recv(ours).await.expect("received").data[..], b"from them");
    // The kernel closes first, and has the TIME-WAIT: a server that stops waits for those of its own.
    drop(theirs);
    assert!(rig.recv(ours).await.expect("received").end_of_stream);
    rig.close(ours).await;
}

#[test]
fn the_kernel_connects_to_a_station_and_a_station_to_the_kernel() {
    on_both_wires(|rig| async move {
        attach(&rig, &[&with_prefix(station(&rig))], vec![]).await.expect("attached");
        let rig = at_station(rig);
        let (listener, at) = rig.listen(pb::SocketOptions::default()).await;
        let theirs = rig.theirs.run(|| TcpStream::connect(at)).expect("connected");
        let accepted = rig.accept(listener).await;
        exchange(&rig, accepted, theirs).await;
        rig.close(listener).await;

        let kernel = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("a kernel socket");
        let remote = kernel.local_addr().expect("an address");
        let socket = rig.connect(remote, pb::SocketOptions::default()).await;
        let (theirs, from) = kernel.accept().expect("accepted");
        assert_eq!(from.ip(), rig.ours.address);
        exchange(&rig, socket, theirs).await;

        let neighbors = output(&rig.theirs, "ip neighbor show dev wire");
        let ours = neighbors.lines().find(|line| line.starts_with(&format!("{} ", rig.ours.address)));
        let ours = ours.unwrap_or_else(|| panic!("{neighbors}"));
        assert!(ours.contains("02:00:00:00:00:77") && ours.contains("REACHABLE"), "{ours}");
    });
}

#[test]
fn a_station_reaches_another_network_by_a_kernel_that_routes() {
    on_both_wires(|rig| async move {
        // Behind the router: an address of its loopback interface.
        let (behind, gateway) = match rig.theirs.address.is_ipv4() {
            true => ("10.79.0.1/32", rig.theirs.address),
            false => ("fd79::1/128", rig.theirs.address),
        };
        output(&rig.theirs, "ip link set lo up");
        output(&rig.theirs, &format!("ip address add {behind} dev lo"));
        let route = pb::Route { destination: String::new(), gateway: gateway.to_string() };
        attach(&rig, &[&with_prefix(station(&rig))], vec![route]).await.expect("attached");
        let rig = at_station(rig);
        let behind: IpAddr = behind.split('/').next().expect("an address").parse().expect("an address");
        let kernel =
            rig.theirs.run(|| TcpListener::bind(SocketAddr::new(behind, 0))).expect("a kernel socket");
        let remote = kernel.local_addr().expect("an address");
        let socket = rig.connect(remote, pb::SocketOptions::default()).await;
        let (theirs, _) = kernel.accept().expect("accepted");
        exchange(&rig, socket, theirs).await;
    });
}

#[test]
fn an_address_that_the_kernel_has_is_not_taken() {
    on_both_wires(|rig| async move {
        let taken = with_prefix(rig.theirs.address);
        let status = attach(&rig, &[&taken], vec![]).await.expect_err("it is taken");
        assert_eq!((status.code(), errno(&status).as_str()), (Code::AlreadyExists, "EADDRINUSE"), "{status}");
        rig.attach("wire").await.expect("attached as it was");
    });
}

#[test]
fn a_neighbor_that_is_not_there_is_unreachable() {
    on_both_wires(|rig| async move {
        attach(&rig, &[&with_prefix(station(&rig))], vec![]).await.expect("attached");
        let rig = at_station(rig);
        let nobody = if rig.ours.address.is_ipv4() { "10.77.0.99:80" } else { "[fd77::99]:80" };
        let socket = rig.create(pb::SocketKind::Stream).await;
        let remote = Some(address(nobody.parse().expect("an address")));
        let connect = pb::ConnectRequest { socket, remote, ..Default::default() };
        let status = rig.sockets.clone().connect(connect).await.expect_err("nobody is there");
        assert_eq!(errno(&status), "EHOSTUNREACH");
        rig.close(socket).await;
    });
}
