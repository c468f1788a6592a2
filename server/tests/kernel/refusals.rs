//! What the host refuses, and that the server keeps serving.

use std::net::TcpListener;

use sockwright_proto::v1 as pb;
use tonic::Code;

use crate::rig::{address, errno, given_back, on_every_wire, on_veth, short_msl};

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
        let request = pb::ConnectRequest {
            socket,
            remote: Some(address(port)),
            dont_wait: false,
            data: Default::default(),
        };
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
        given_back(&rig.ours, taken);
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

#[test]
fn no_route_is_enetunreach_at_once() {
    on_veth(|rig| async move {
        let nowhere = if rig.ours.address.is_ipv4() { "192.0.2.1:9" } else { "[2001:db8::1]:9" };
        let socket = rig.create(pb::SocketKind::Stream).await;
        let remote = Some(address(nowhere.parse().expect("an address")));
        let status = rig
            .sockets
            .clone()
            .connect(pb::ConnectRequest { socket, remote, dont_wait: false, data: Default::default() })
            .await;
        let status = status.expect_err("there is no way there");
        assert_eq!((status.code(), errno(&status).as_str()), (Code::Unavailable, "ENETUNREACH"));
        rig.close(socket).await;
    });
}

#[test]
fn connections_outlive_their_listener_on_any_address() {
    on_veth(|rig| async move {
        let listener = rig.create_with(pb::SocketKind::Stream, short_msl()).await;
        let bind = pb::BindRequest { socket: listener, local: None };
        let any = pb::SocketAddress { ip: String::new(), port: 0 };
        let bound =
            rig.sockets.clone().bind(pb::BindRequest { local: Some(any), ..bind }).await.expect("bound");
        let port = bound.into_inner().local.expect("an address").port as u16;
        rig.sockets
            .clone()
            .listen(pb::ListenRequest { socket: listener, backlog: 0 })
            .await
            .expect("listening");
        let (theirs, local) = (rig.theirs.clone(), rig.ours.port(port));
        let connecting = tokio::task::spawn_blocking(move || {
            theirs.run(|| std::net::TcpStream::connect(local)).expect("the kernel connects")
        });
        let socket = rig.accept(listener).await;
        let mut kernel = connecting.await.expect("connected");
        rig.close(listener).await;
        rig.released(listener).await;

        rig.send(socket, b"still here").await;
        let mut buffer = [0; 10];
        std::io::Read::read_exact(&mut kernel, &mut buffer).expect("the guard is still there");
        assert_eq!(&buffer, b"still here");
        drop(kernel);
        rig.close(socket).await;
        rig.released(socket).await;
        given_back(&rig.ours, local);
    });
}
