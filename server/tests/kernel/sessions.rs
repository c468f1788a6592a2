//! What becomes of a raw stack that a session owns, seen by the kernel opposite.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use sockwright_proto::v1::{self as pb, OnExpiry};

use crate::rig::{Rig, address, on_every_wire, short_msl};

/// A stack of a session's, and a connection from it to a kernel socket.
async fn owned(rig: &Rig) -> (String, u64, TcpStream) {
    let opened = rig.sessions.clone().open(pb::OpenRequest::default()).await.expect("opened").into_inner();
    let session = opened.session;
    rig.attach_for("owned", &session).await.expect("attached");
    let family = if rig.ours.address.is_ipv4() { pb::AddressFamily::Ipv4 } else { pb::AddressFamily::Ipv6 };
    let create = pb::CreateRequest {
        stack: "owned".into(),
        session: session.clone(),
        family: family.into(),
        options: Some(short_msl()),
        ..Default::default()
    };
    let mut sockets = rig.sockets.clone();
    let socket = sockets.create(create).await.expect("created").into_inner().socket;
    let listener = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("the kernel listens");
    let remote = Some(address(listener.local_addr().expect("an address")));
    sockets
        .connect(pb::ConnectRequest { socket, remote, dont_wait: false, data: Default::default() })
        .await
        .expect("connected");
    (session, socket, listener.accept().expect("accepted").0)
}

async fn end(rig: &Rig, session: String, policy: OnExpiry) {
    let request = pb::SessionsCloseRequest { session, on_expiry: policy.into() };
    let closed = rig.sessions.clone().close(request).await.expect("closed").into_inner();
    assert_eq!(closed.sockets, 1);
}

async fn stacks(rig: &Rig) -> Vec<pb::Stack> {
    let listed = rig.networks.clone().list_stacks(pb::ListStacksRequest::default()).await.expect("listed");
    listed.into_inner().stacks.into_iter().filter(|stack| stack.name == "owned").collect()
}

#[test]
fn vanish_leaves_the_kernel_half_open() {
    on_every_wire(|rig| async move {
        let (session, _, mut kernel) = owned(&rig).await;
        end(&rig, session, OnExpiry::Vanish).await;
        // Neither a FIN nor a RST comes, now or in answer to data.
        kernel.write_all(b"anybody there?").expect("the kernel believes in the connection");
        kernel.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        let silence = kernel.read(&mut [0; 8]).expect_err("nothing can come");
        assert!(matches!(silence.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silence}");
        let left = stacks(&rig).await;
        assert_eq!(
            (left.len(), left[0].session.as_str()),
            (1, ""),
            "it keeps the kernel quiet until it is detached"
        );
        rig.networks.clone().detach(pb::DetachRequest { name: "owned".into() }).await.expect("detached");
    });
}

#[test]
fn reset_takes_the_stack_along() {
    on_every_wire(|rig| async move {
        let (session, _, mut kernel) = owned(&rig).await;
        end(&rig, session, OnExpiry::Reset).await;
        assert_eq!(kernel.read(&mut [0; 8]).expect_err("a RST").kind(), ErrorKind::ConnectionReset);
        assert_eq!(stacks(&rig).await, []);
    });
}

#[test]
fn fin_lets_the_connection_finish_before_the_stack_goes() {
    on_every_wire(|rig| async move {
        let (session, socket, mut kernel) = owned(&rig).await;
        end(&rig, session, OnExpiry::Fin).await;
        assert_eq!(kernel.read(&mut [0; 8]).expect("a FIN"), 0);
        assert_eq!(stacks(&rig).await.len(), 1);
        drop(kernel);
        rig.released(socket).await;
        while !stacks(&rig).await.is_empty() {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn a_detached_stack_resets_its_connections_and_gives_its_ports_back() {
    on_every_wire(|rig| async move {
        let (_, socket, mut kernel) = owned(&rig).await;
        let info = rig.sockets.clone().get_info(pb::GetInfoRequest { socket }).await.expect("told");
        let local = info.into_inner().summary.and_then(|summary| summary.local).expect("an address");
        let taken = rig.ours.run(|| TcpListener::bind(rig.ours.port(local.port as u16)));
        assert_eq!(taken.expect_err("it is ours").kind(), ErrorKind::AddrInUse);
        rig.networks.clone().detach(pb::DetachRequest { name: "owned".into() }).await.expect("detached");
        assert_eq!(kernel.read(&mut [0; 8]).expect_err("a RST").kind(), ErrorKind::ConnectionReset);
        rig.ours.run(|| TcpListener::bind(rig.ours.port(local.port as u16))).expect("it is free again");
    });
}
