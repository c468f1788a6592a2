//! UDP, with kernel sockets opposite.

use std::net::UdpSocket;

use sockwright_proto::v1 as pb;

use crate::rig::{PATIENCE, address, errno, on_every_wire};

#[test]
fn datagrams_go_both_ways() {
    on_every_wire(|rig| async move {
        let kernel = rig.theirs.run(|| UdpSocket::bind(rig.theirs.port(0))).expect("a kernel socket");
        kernel.set_read_timeout(Some(PATIENCE)).expect("set");
        let remote = Some(address(kernel.local_addr().expect("an address")));
        let socket = rig.create(pb::SocketKind::Datagram).await;
        let request = pb::SendToRequest { socket, remote, data: "ping".into() };
        rig.sockets.clone().send_to(request).await.expect("sent");
        let mut buffer = [0; 16];
        let (n, from) = kernel.recv_from(&mut buffer).expect("received");
        assert_eq!((&buffer[..n], from.ip()), (&b"ping"[..], rig.ours.address));
        kernel.send_to(b"pong", from).expect("answered");
        let request = pb::RecvFromRequest { socket, ..Default::default() };
        let answer = rig.sockets.clone().recv_from(request).await.expect("received").into_inner();
        assert_eq!(&answer.data[..], b"pong");
        assert_eq!(answer.remote, Some(address(kernel.local_addr().expect("an address"))));
        rig.close(socket).await;
    });
}

#[test]
fn port_unreachable_reaches_a_connected_socket() {
    on_every_wire(|rig| async move {
        let kernel = rig.theirs.run(|| UdpSocket::bind(rig.theirs.port(0))).expect("a kernel socket");
        let remote = Some(address(kernel.local_addr().expect("an address")));
        drop(kernel);
        let socket = rig.create(pb::SocketKind::Datagram).await;
        let connect = pb::ConnectRequest { socket, remote, dont_wait: false, data: Default::default() };
        rig.sockets.clone().connect(connect).await.expect("a peer");
        rig.send(socket, b"anybody there?").await;
        let status = rig.recv(socket).await.expect_err("nobody");
        assert_eq!(errno(&status), "ECONNREFUSED");
        rig.close(socket).await;
    });
}
