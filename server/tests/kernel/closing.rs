//! Ends, with the kernel opposite: who closes first, half-close, resets.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use sockwright_proto::v1::{self as pb, TcpState};
use tokio::task::spawn_blocking;

use crate::rig::{Rig, errno, on_every_wire, short_msl};

/// A socket of ours connected to a kernel one.
async fn connected(rig: &Rig) -> (u64, TcpStream) {
    let listener = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("the kernel listens");
    let socket = rig.connect(listener.local_addr().expect("an address"), short_msl()).await;
    (socket, listener.accept().expect("accepted").0)
}

/// A kernel socket connected to one of ours.
async fn accepted(rig: &Rig) -> (u64, TcpStream) {
    let (listener, local) = rig.listen(short_msl()).await;
    let theirs = rig.theirs.clone();
    let connecting =
        spawn_blocking(move || theirs.run(|| TcpStream::connect(local)).expect("the kernel connects"));
    let socket = rig.accept(listener).await;
    rig.close(listener).await;
    (socket, connecting.await.expect("connected"))
}

#[test]
fn we_close_first_and_wait_2_msl() {
    on_every_wire(|rig| async move {
        let (socket, mut kernel) = connected(&rig).await;
        rig.close(socket).await;
        assert_eq!(kernel.read(&mut [0; 8]).expect("the end"), 0);
        drop(kernel);
        use TcpState::*;
        rig.went_through(socket, &[SynSent, Established, FinWait1, FinWait2, TimeWait, Closed]).await;
        rig.released(socket).await;
    });
}

#[test]
fn the_kernel_closes_first() {
    on_every_wire(|rig| async move {
        let (socket, kernel) = accepted(&rig).await;
        drop(kernel);
        assert!(rig.recv(socket).await.expect("the end").end_of_stream);
        rig.close(socket).await;
        use TcpState::*;
        rig.went_through(socket, &[SynReceived, Established, CloseWait, LastAck, Closed]).await;
        rig.released(socket).await;
    });
}

#[test]
fn our_half_close_leaves_the_other_half_open() {
    on_every_wire(|rig| async move {
        let (socket, mut kernel) = connected(&rig).await;
        rig.send(socket, b"question").await;
        rig.shutdown_write(socket).await;
        let mut question = String::new();
        kernel.read_to_string(&mut question).expect("to the end");
        assert_eq!(question, "question");
        kernel.write_all(b"answer").expect("the kernel's half is open");
        drop(kernel);
        assert_eq!(rig.recv_to_end(socket).await, b"answer");
        rig.went_through(socket, &[TcpState::FinWait1, TcpState::FinWait2, TcpState::TimeWait]).await;
        rig.close(socket).await;
    });
}

#[test]
fn the_kernels_half_close_leaves_our_half_open() {
    on_every_wire(|rig| async move {
        let (socket, mut kernel) = accepted(&rig).await;
        kernel.write_all(b"question").expect("written");
        kernel.shutdown(Shutdown::Write).expect("half-closed");
        assert_eq!(rig.recv_to_end(socket).await, b"question");
        rig.send(socket, b"answer").await;
        rig.close(socket).await;
        let mut answer = String::new();
        kernel.read_to_string(&mut answer).expect("to the end");
        assert_eq!(answer, "answer");
        rig.went_through(socket, &[TcpState::CloseWait, TcpState::LastAck, TcpState::Closed]).await;
    });
}

#[test]
fn a_reset_by_the_kernel_is_econnreset() {
    on_every_wire(|rig| async move {
        let (socket, kernel) = connected(&rig).await;
        // Linger of zero: close resets.
        socket2::SockRef::from(&kernel).set_linger(Some(Duration::ZERO)).expect("set");
        drop(kernel);
        let status = rig.recv(socket).await.expect_err("reset");
        assert_eq!((status.code(), errno(&status).as_str()), (tonic::Code::Aborted, "ECONNRESET"));
        rig.close(socket).await;
    });
}

#[test]
fn our_reset_is_econnreset_at_the_kernel() {
    on_every_wire(|rig| async move {
        let (socket, mut kernel) = accepted(&rig).await;
        rig.sockets.clone().abort(pb::AbortRequest { socket }).await.expect("aborted");
        let error = kernel.read(&mut [0; 8]).expect_err("reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        rig.released(socket).await;
    });
}
