//! What the policy denies does not leave: the kernel at the other end says so.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use sockwright_proto::v1 as pb;
use tonic::Code;

use crate::common::watch::Watch;
use crate::losses::lost;
use crate::net::Host;
use crate::rig::{PATIENCE, address, errno, on_every_wire_under};

/// Everybody is `local`, who may attach, listen for callers from anywhere that these prefixes are, and reach them.
fn policy(from: &str, to: &str) -> String {
    format!(
        r#"
        identities = {{ local = ["tester"] }}
        [roles.tester]
        drive = "all"
        attach = [{{}}]
        listen = [{{ name = "callers", from = ["{from}"] }}]
        reach = [{{ name = "services", to = ["{to}"] }}]
        "#
    )
}

fn elsewhere(theirs: &Host) -> &'static str {
    if theirs.address.is_ipv4() { "203.0.113.0/24" } else { "2001:db8::/32" }
}

/// Whatever address of this family the others choose to call from.
fn everywhere(theirs: &Host) -> &'static str {
    if theirs.address.is_ipv4() { "0.0.0.0/0" } else { "::/0" }
}

async fn until_told(watch: &mut Watch, what: &str) {
    let told = watch.find(|event| match &event.kind {
        Some(pb::event::Kind::FrameLost(lost)) => (lost.what == what).then_some(()),
        _ => None,
    });
    tokio::time::timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("{what} is never told"));
}

#[test]
fn who_may_not_be_answered_hears_nothing() {
    let nobody = |theirs: &Host| policy(elsewhere(theirs), elsewhere(theirs));
    on_every_wire_under(&nobody, |rig, under| async move {
        let mut watch = rig.watch(&[pb::EventKind::FrameLost]).await;
        let (listener, there) = rig.listen(pb::SocketOptions::default()).await;
        // Neither a SYN,ACK nor a RST comes: the kernel asks again until it gives up.
        let theirs = rig.theirs.clone();
        let calling = tokio::task::spawn_blocking(move || {
            theirs.run(|| TcpStream::connect_timeout(&there, Duration::from_millis(700)))
        });
        until_told(&mut watch, "DENIED").await;
        let called = calling.await.expect("no panic").expect_err("nobody answers");
        assert_eq!(called.kind(), ErrorKind::TimedOut, "{called}");
        rig.close(listener).await;

        // What we begin is refused as it is asked for, with the rule that is missing.
        let kernel = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("bound");
        let remote = kernel.local_addr().expect("an address");
        let socket = rig.create(pb::SocketKind::Stream).await;
        let request = pb::ConnectRequest { socket, remote: Some(address(remote)), ..Default::default() };
        let status = rig.sockets.clone().connect(request).await.expect_err("denied");
        assert_eq!((status.code(), errno(&status).as_str()), (Code::PermissionDenied, "EPERM"));
        assert!(status.message().contains(&format!("no rule allows {remote} over tcp")), "{status}");
        let told = under.told("Sockets/Connect", 1);
        assert_eq!((&told[0]["code"], &told[0]["identity"]), (&"PERMISSION_DENIED".into(), &"local".into()));
        kernel.set_nonblocking(true).expect("set");
        assert_eq!(kernel.accept().expect_err("no SYN came").kind(), ErrorKind::WouldBlock);
        rig.close(socket).await;

        let kernel = rig.theirs.run(|| UdpSocket::bind(rig.theirs.port(0))).expect("bound");
        let remote = Some(address(kernel.local_addr().expect("an address")));
        let socket = rig.create(pb::SocketKind::Datagram).await;
        let request = pb::SendToRequest { socket, remote, data: "x".into() };
        let status = rig.sockets.clone().send_to(request).await.expect_err("denied");
        assert_eq!(status.code(), Code::PermissionDenied);
        kernel.set_nonblocking(true).expect("set");
        assert_eq!(kernel.recv(&mut [0]).expect_err("nothing came").kind(), ErrorKind::WouldBlock);
        rig.close(socket).await;
    });
}

#[test]
fn a_caller_from_where_it_may_is_answered() {
    let theirs_only = |theirs: &Host| policy(everywhere(theirs), elsewhere(theirs));
    on_every_wire_under(&theirs_only, |rig, under| async move {
        let (listener, there) = rig.listen(pb::SocketOptions::default()).await;
        let theirs = rig.theirs.clone();
        let calling = tokio::task::spawn_blocking(move || theirs.run(|| TcpStream::connect(there)));
        let accepted = rig.accept(listener).await;
        let mut kernel = calling.await.expect("no panic").expect("connected");
        rig.send(accepted, b"hello").await;
        let mut heard = [0; 5];
        kernel.read_exact(&mut heard).expect("read");
        assert_eq!(&heard, b"hello");
        let told = under.told("Sockets/Listen", 1);
        assert_eq!((&told[0]["rule"], &told[0]["stack"]), (&"callers".into(), &"wire".into()));
        let told = under.told("Sockets/Send", 1);
        assert_eq!((&told[0]["octets"], &told[0]["code"]), (&5.into(), &"OK".into()));
        assert!(!told[0].to_string().contains("hello"));
        drop(kernel);
        rig.close(accepted).await;
        rig.close(listener).await;
    });
}

#[test]
fn what_a_new_policy_denies_is_cut_at_once_and_a_broken_file_changes_nothing() {
    let theirs = |theirs: &Host| policy(elsewhere(theirs), &theirs.address.to_string());
    on_every_wire_under(&theirs, |rig, under| async move {
        let kernel = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("bound");
        let remote: SocketAddr = kernel.local_addr().expect("an address");
        let socket = rig.connect(remote, pb::SocketOptions::default()).await;
        let (mut kernel, _) = kernel.accept().expect("accepted");
        kernel.set_read_timeout(Some(PATIENCE)).expect("set");
        let mut heard = [0; 4];
        rig.send(socket, b"once").await;
        kernel.read_exact(&mut heard).expect("read");

        let told = under.change_to("[roles.tester]\nreech = []\n").expect_err("it is no policy");
        assert!(told.contains("line 2, column 1") && told.contains("reech"), "{told}");
        rig.send(socket, b"more").await;
        kernel.read_exact(&mut heard).expect("read");
        assert_eq!(&heard, b"more");

        let elsewhere = elsewhere(&rig.theirs);
        under.change_to(&policy(elsewhere, elsewhere)).expect("read again");
        let request = pb::SendRequest { socket, data: "less".into(), ..Default::default() };
        let status = rig.sockets.clone().send(request).await.expect_err("denied");
        assert_eq!(status.code(), Code::PermissionDenied, "{status}");
        // What is heard is acknowledged no more, and what ends it is not told either.
        let mut watch = rig.watch(&[pb::EventKind::FrameLost]).await;
        kernel.write_all(b"x").expect("written");
        until_told(&mut watch, "DENIED").await;
        rig.sockets.clone().abort(pb::AbortRequest { socket }).await.expect("aborted");
        kernel.set_read_timeout(Some(Duration::from_millis(300))).expect("set");
        assert_eq!(
            kernel.read(&mut heard).expect_err("neither data nor an end").kind(),
            ErrorKind::WouldBlock
        );
    });
}

#[test]
fn a_datagram_answers_who_asked_and_begins_nothing() {
    let theirs_only = |theirs: &Host| policy(everywhere(theirs), elsewhere(theirs));
    on_every_wire_under(&theirs_only, |rig, _| async move {
        let [asks, silent] = [(); 2].map(|()| {
            let kernel = rig.theirs.run(|| UdpSocket::bind(rig.theirs.port(0))).expect("bound");
            kernel.set_read_timeout(Some(PATIENCE)).expect("set");
            kernel
        });
        let at = |kernel: &UdpSocket| Some(address(kernel.local_addr().expect("an address")));
        let socket = rig.create(pb::SocketKind::Datagram).await;
        let bind = pb::BindRequest { socket, local: Some(address(rig.ours.port(0))) };
        let bound = rig.sockets.clone().bind(bind).await.expect("bound").into_inner().local;
        let ours = rig.ours.port(bound.expect("an address").port as u16);
        let send = async |kernel: &UdpSocket| {
            let request = pb::SendToRequest { socket, remote: at(kernel), data: "answer".into() };
            rig.sockets.clone().send_to(request).await.map_err(|status| status.code())
        };
        for kernel in [&asks, &silent] {
            assert_eq!(send(kernel).await.expect_err("nobody has asked"), Code::PermissionDenied);
        }
        asks.send_to(b"question", ours).expect("sent");
        let request = pb::RecvFromRequest { socket, ..Default::default() };
        let heard = rig.sockets.clone().recv_from(request).await.expect("received").into_inner();
        assert_eq!(heard.remote, at(&asks));
        send(&asks).await.expect("he asked");
        let mut buffer = [0; 16];
        let length = asks.recv(&mut buffer).expect("received");
        assert_eq!(&buffer[..length], b"answer");
        assert_eq!(send(&silent).await.expect_err("he did not"), Code::PermissionDenied);
        silent.set_nonblocking(true).expect("set");
        assert_eq!(silent.recv(&mut buffer).expect_err("nothing came").kind(), ErrorKind::WouldBlock);
        rig.close(socket).await;
    });
}

#[test]
fn no_more_packets_arrive_than_the_policy_gives() {
    const SENT: u64 = 500;
    const A_SECOND: u64 = 50;
    let measured = |theirs: &Host| {
        let rules = policy(elsewhere(theirs), &theirs.address.to_string());
        format!("{rules}\nlimits = {{ packets_per_second = {A_SECOND} }}")
    };
    on_every_wire_under(&measured, |rig, _| async move {
        let mut watch = rig.watch(&[pb::EventKind::FrameLost]).await;
        let kernel = rig.theirs.run(|| UdpSocket::bind(rig.theirs.port(0))).expect("bound");
        let remote = Some(address(kernel.local_addr().expect("an address")));
        let socket = rig.create(pb::SocketKind::Datagram).await;
        let began = Instant::now();
        for _ in 0..SENT {
            let request = pb::SendToRequest { socket, remote: remote.clone(), data: "x".into() };
            rig.sockets.clone().send_to(request).await.expect("it is the packet that is too much");
        }
        let at_most = A_SECOND + (began.elapsed().as_secs_f64() * A_SECOND as f64) as u64 + 1;
        until_told(&mut watch, "RATE_EXCEEDED").await;
        kernel.set_read_timeout(Some(Duration::from_millis(300))).expect("set");
        let mut arrived = 0;
        while kernel.recv(&mut [0]).is_ok() {
            arrived += 1;
        }
        assert!((A_SECOND..=at_most.min(SENT - 1)).contains(&arrived), "{arrived} of at most {at_most}");
        assert_eq!(lost(&rig, "RATE_EXCEEDED").await, SENT - arrived);
        rig.close(socket).await;
    });
}

#[test]
fn what_touches_a_wire_is_in_the_audit_log_however_it_ends() {
    let theirs_only = |theirs: &Host| policy(everywhere(theirs), &theirs.address.to_string());
    on_every_wire_under(&theirs_only, |rig, under| async move {
        let code = |told: &serde_json::Value| told["code"].as_str().map(str::to_owned).expect("a code");
        // A call whose end nobody awaits.
        let (listener, _) = rig.listen(pb::SocketOptions::default()).await;
        let accept = pb::AcceptRequest { socket: listener, ..Default::default() };
        let mut sockets = rig.sockets.clone();
        let waiting = tokio::time::timeout(Duration::from_millis(200), sockets.accept(accept));
        assert!(waiting.await.is_err(), "nobody called");
        let told = under.told("Sockets/Accept", 1);
        assert_eq!((code(&told[0]).as_str(), &told[0]["socket"]), ("CANCELLED", &listener.into()));
        rig.close(listener).await;

        // Streams, as they begin and as they end.
        let kernel = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("bound");
        let remote = kernel.local_addr().expect("an address");
        let socket = rig.connect(remote, pb::SocketOptions::default()).await;
        let (mut kernel, _) = kernel.accept().expect("accepted");
        kernel.write_all(b"hello").expect("written");
        kernel.shutdown(std::net::Shutdown::Write).expect("shut down");
        rig.transfer(socket, tokio_stream::iter([b"hi".to_vec()])).await;
        assert_eq!(under.told("Sockets/Transfer", 1).len(), 1);
        let ended = under.told("Sockets/TransferEnd", 1);
        assert_eq!((code(&ended[0]).as_str(), &ended[0]["octets"]), ("OK", &7.into()));
        drop(kernel);
        rig.close(socket).await;

        let capture = pb::CaptureRequest::default();
        drop(rig.networks.clone().capture(capture).await.expect("capturing"));
        assert_eq!(code(&under.told("Networks/Capture", 1)[0]), "OK");
        let what = Some(pb::record_request::What::Stack("wire".into()));
        let record = pb::RecordRequest { what, bytes: 1 << 16 };
        rig.networks.clone().record(record).await.expect("recording");
        let told = under.told("Networks/Record", 1);
        assert_eq!((&told[0]["stack"], &told[0]["octets"]), (&"wire".into(), &(1 << 16).into()));

        // What a session's end detaches.
        rig.networks.clone().detach(pb::DetachRequest { name: "wire".into() }).await.expect("detached");
        let open = pb::OpenRequest::default();
        let session = rig.sessions.clone().open(open).await.expect("a session").into_inner().session;
        rig.attach_for("wire", &session).await.expect("attached");
        let close = pb::SessionsCloseRequest { session: session.clone(), on_expiry: 0 };
        rig.sessions.clone().close(close).await.expect("closed");
        let told = under.told("Networks/Detach", 2);
        assert_eq!((&told[1]["stack"], &told[1]["session"]), (&"wire".into(), &session.into()));
        rig.attach("wire").await.expect("attached");
    });
}
