//! Stations of our own on an Ethernet (`af_packet`): the Linux kernel at the other end, as a neighbor and as a router.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Instant;

use sockwright_proto::v1 as pb;
use tonic::Code;

use crate::rig::station::{MAC, as_a_station, at_station, attach, on_both_families, with_prefix};
use crate::rig::{PATIENCE, Rig, address, errno, short_msl};

async fn exchange(rig: &Rig, ours: u64, mut theirs: TcpStream) {
    rig.send(ours, b"from us").await;
    theirs.set_read_timeout(Some(PATIENCE)).expect("set");
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
    as_a_station(|rig| async move {
        let (listener, at) = rig.listen(short_msl()).await;
        let theirs = rig.theirs.run(|| TcpStream::connect(at)).expect("connected");
        let accepted = rig.accept(listener).await;
        exchange(&rig, accepted, theirs).await;
        rig.close(listener).await;

        let kernel = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("a kernel socket");
        let remote = kernel.local_addr().expect("an address");
        let socket = rig.connect(remote, short_msl()).await;
        let (theirs, from) = kernel.accept().expect("accepted");
        assert_eq!(from.ip(), rig.ours.address);
        exchange(&rig, socket, theirs).await;

        let neighbors = rig.theirs.ip("neighbor show dev wire");
        let ours = neighbors.lines().find(|line| line.starts_with(&format!("{} ", rig.ours.address)));
        let ours = ours.unwrap_or_else(|| panic!("{neighbors}"));
        assert!(ours.contains(MAC) && ours.contains("REACHABLE"), "{ours}");
    });
}

#[test]
fn a_station_reaches_another_network_by_a_kernel_that_routes() {
    on_both_families(|rig| async move {
        // Behind the router: an address of its loopback interface.
        let (behind, gateway) = match rig.theirs.address.is_ipv4() {
            true => ("10.79.0.1/32", rig.theirs.address),
            false => ("fd79::1/128", rig.theirs.address),
        };
        rig.theirs.ip("link set lo up");
        rig.theirs.ip(&format!("address add {behind} dev lo"));
        let route = pb::Route { destination: String::new(), gateway: gateway.to_string() };
        let rig = at_station(rig, vec![route]).await;
        let behind: IpAddr = behind.split('/').next().expect("an address").parse().expect("an address");
        let kernel =
            rig.theirs.run(|| TcpListener::bind(SocketAddr::new(behind, 0))).expect("a kernel socket");
        let remote = kernel.local_addr().expect("an address");
        let socket = rig.connect(remote, short_msl()).await;
        let (theirs, _) = kernel.accept().expect("accepted");
        exchange(&rig, socket, theirs).await;
    });
}

#[test]
fn an_address_that_the_kernel_has_is_not_taken() {
    on_both_families(|rig| async move {
        let taken = with_prefix(rig.theirs.address);
        let status = attach(&rig, &[&taken], vec![]).await.expect_err("it is taken");
        assert_eq!((status.code(), errno(&status).as_str()), (Code::AlreadyExists, "EADDRINUSE"), "{status}");
        rig.attach("wire").await.expect("attached as it was");
    });
}

#[test]
fn a_neighbor_that_is_not_there_is_unreachable() {
    as_a_station(|rig| async move {
        let nobody = if rig.ours.address.is_ipv4() { "10.77.0.99:80" } else { "[fd77::99]:80" };
        let socket = rig.create(pb::SocketKind::Stream).await;
        let remote = Some(address(nobody.parse().expect("an address")));
        let connect = pb::ConnectRequest { socket, remote, ..Default::default() };
        let status = rig.sockets.clone().connect(connect).await.expect_err("nobody is there");
        assert_eq!(errno(&status), "EHOSTUNREACH");
        rig.close(socket).await;
    });
}

#[test]
fn neighbors_find_each_other_and_tell_that_they_are_still_there() {
    as_a_station(|rig| async move {
        let mut watch = rig.watch(&[pb::EventKind::Neighbor]).await;
        let (at, theirs) = (rig.ours.port(9), rig.theirs.address.to_string());
        let socket = rig.create(pb::SocketKind::Datagram).await;
        let remote = Some(address(rig.theirs.port(9)));
        let request = pb::SendToRequest { socket, remote, data: "ping".into() };
        rig.sockets.clone().send_to(request).await.expect("sent");
        let states = [pb::NeighborState::Incomplete, pb::NeighborState::Reachable];
        for state in states {
            let reached = |event: &pb::Event| match &event.kind {
                Some(pb::event::Kind::Neighbor(neighbor)) if neighbor.address == theirs => {
                    (neighbor.state() == state).then(|| neighbor.mac.clone())
                }
                _ => None,
            };
            let mac = watch.find(reached).await;
            let own = rig.theirs.ip("link show dev wire");
            assert!(state == pb::NeighborState::Incomplete || own.contains(&mac), "{mac} is not in {own}");
        }

        // The kernel asks by broadcast or multicast first, and us alone when in doubt.
        let kernel = rig.theirs.run(|| UdpSocket::bind(rig.theirs.port(0))).expect("a kernel socket");
        kernel.send_to(b"ping", at).expect("sent");
        until_the_kernel_knows(&rig, "REACHABLE");
        rig.theirs.ip(&format!("neighbor change {} lladdr {MAC} nud probe dev wire", at.ip()));
        until_the_kernel_knows(&rig, "REACHABLE");
        rig.close(socket).await;
    });
}

/// Waits until the kernel has our station in its table in this state.
fn until_the_kernel_knows(rig: &Rig, state: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let neighbors = rig.theirs.ip("neighbor show dev wire");
        let mut ours = neighbors.lines().filter(|line| line.starts_with(&format!("{} ", rig.ours.address)));
        if ours.any(|line| line.contains(MAC) && line.contains(state)) {
            return;
        }
        assert!(Instant::now() < deadline, "{state} is not in {neighbors}");
    }
}

#[test]
fn an_address_of_ours_that_the_kernel_takes_is_in_conflict() {
    as_a_station(|rig| async move {
        let mut watch = rig.watch(&[pb::EventKind::AddressConflict]).await;
        let ours = rig.ours.address;
        rig.theirs.ip(&format!("address add {} dev wire", with_prefix(ours)));
        if ours.is_ipv4() {
            // Linux asks nobody whether an IPv4 address is taken, nor listens to who says so: it uses it at once.
            let kernel = rig.theirs.run(|| UdpSocket::bind((ours, 0))).expect("a kernel socket");
            kernel.send_to(b"ping", "10.77.0.99:9").expect("sent");
        }
        let conflict = watch
            .find(|event| match &event.kind {
                Some(pb::event::Kind::AddressConflict(conflict)) => Some(conflict.clone()),
                _ => None,
            })
            .await;
        assert_eq!((conflict.address, conflict.lost), (ours.to_string(), false));
        let own = rig.theirs.ip("link show dev wire");
        assert!(own.contains(&conflict.mac), "{} is not in {own}", conflict.mac);
        let deadline = Instant::now() + PATIENCE;
        while ours.is_ipv6() && !rig.theirs.ip("address show dev wire").contains("dadfailed") {
            assert!(Instant::now() < deadline, "the kernel does not see that the address is taken");
        }
    });
}
