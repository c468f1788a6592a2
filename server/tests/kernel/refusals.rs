//! What the host refuses, and that the server keeps serving.

use std::net::TcpListener;

use sockwright_proto::v1 as pb;
use tonic::Code;

use crate::rig::{address, errno, on_every_wire, on_veth, short_msl};

#[test]
fn nobody_listening_is_econnrefused() {
    on_every_wire(|rig| async move {
        // A port that was free a moment ago.
        let port = rig
            .theirs
            .run(|| TcpListener::bind(rig.theirs.port(0)))
            .expect("bound")
            .local_addr()
            .expect("an address");
        let socket = rig.create(pb::SocketKind::Stream).await;
        let request = pb::ConnectRequest { socket, remote: Some(address(port)), dont_wait: false };
        let status = rig.sockets.clone().connect(request).await.expect_err("refused");
        assert_eq!((status.code(), errno(&status).as_str()), (Code::Unavailable, "ECONNREFUSED"));
        rig.close(socket).await;
    });
}

#[test]
fn a_port_of_the_kernels_is_taken_and_one_of_ours_is_taken_from_it() {
    on_veth(|rig| async move {
        let theirs =
            rig.ours.run(|| TcpListener::bind(rig.ours.port(0))).expect("the kernel listens on our address");
        let taken = theirs.local_addr().expect("an address");
        let socket = rig.create(pb::SocketKind::Stream).await;
        let bind = pb::BindRequest { socket, local: Some(address(taken)) };
        let status = rig.sockets.clone().bind(bind.clone()).await.expect_err("taken");
        assert_eq!((status.code(), errno(&status).as_str()), (Code::AlreadyExists, "EADDRINUSE"));

        drop(theirs);
        rig.sockets.clone().bind(bind).await.expect("free now");
        let kernel = rig.ours.run(|| TcpListener::bind(taken)).expect_err("ours");
        assert_eq!(kernel.kind(), std::io::ErrorKind::AddrInUse);

        // Given back with the socket, before its release is told.
        rig.close(socket).await;
        rig.released(socket).await;
        rig.ours.run(|| TcpListener::bind(taken)).expect("given back");
    });
}

#[test]
fn an_address_or_interface_that_is_not_there_is_named_and_nothing_else_suffers() {
    on_veth(|rig| async move {
        let attach = |ip: &str, interface: &str| {
            let raw_ip = pb::RawIp { addresses: vec![ip.into()], interface: interface.into() };
            let link = Some(pb::attach_request::Link::RawIp(raw_ip));
            let mut networks = rig.networks.clone();
            async move {
                networks.attach(pb::AttachRequest { name: "other".into(), link, ..Default::default() }).await
            }
        };
        let status = attach("192.0.2.1", "").await.expect_err("not ours");
        assert_eq!((status.code(), errno(&status).as_str()), (Code::FailedPrecondition, "EADDRNOTAVAIL"));
        let status = attach(&rig.ours.address.to_string(), "nowhere0").await.expect_err("no such interface");
        assert_eq!((status.code(), errno(&status).as_str()), (Code::NotFound, "ENODEV"));
        assert!(status.message().contains("nowhere0"), "{}", status.message());

        let listener = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("the kernel listens");
        let socket = rig.connect(listener.local_addr().expect("an address"), short_msl()).await;
        rig.sockets.clone().abort(pb::AbortRequest { socket }).await.expect("aborted");
    });
}
