//! 100 MB each way at once, checked by hash, in both roles; a kernel peer that stops reading.

use std::io::Read;
use std::net::{TcpListener, TcpStream};

use sockwright_proto::v1 as pb;
use tokio::task::spawn_blocking;
use tokio_stream::iter;

use crate::rig::{PATIENCE, Rig, content, hash_of, kernel_exchange, on_every_wire, on_veth, short_msl};

/// 100 MB in chunks of 64 KiB.
const CHUNKS: u64 = 100_000_000 / (64 << 10) + 1;

/// So many chunks each way at once, on a connection that the kernel accepts.
pub(crate) async fn to_a_kernel_listener(rig: &Rig, chunks: u64) {
    let listener = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("the kernel listens");
    let remote = listener.local_addr().expect("an address");
    let kernel = spawn_blocking(move || {
        kernel_exchange(listener.accept().expect("accepted").0, PATIENCE, content(2, chunks))
    });
    let socket = rig.connect(remote, short_msl()).await;
    let received = rig.transfer(socket, iter(content(1, chunks))).await;
    assert_eq!(received, hash_of(content(2, chunks)));
    assert_eq!(kernel.await.expect("the kernel's side"), hash_of(content(1, chunks)));
    rig.close(socket).await;
}

/// So many chunks each way at once, on a connection that the kernel opens.
pub(crate) async fn from_a_kernel_client(rig: &Rig, chunks: u64) {
    let (listener, local) = rig.listen(short_msl()).await;
    let theirs = rig.theirs.clone();
    let kernel = spawn_blocking(move || {
        let stream = theirs.run(|| TcpStream::connect(local)).expect("the kernel connects");
        kernel_exchange(stream, PATIENCE, content(4, chunks))
    });
    let socket = rig.accept(listener).await;
    let received = rig.transfer(socket, iter(content(3, chunks))).await;
    assert_eq!(received, hash_of(content(4, chunks)));
    assert_eq!(kernel.await.expect("the kernel's side"), hash_of(content(3, chunks)));
    rig.close(socket).await;
    rig.close(listener).await;
}

#[test]
fn a_hundred_megabytes_each_way_to_a_kernel_listener() {
    on_every_wire(|rig| async move { to_a_kernel_listener(&rig, CHUNKS).await });
}

#[test]
fn a_hundred_megabytes_each_way_from_a_kernel_client() {
    on_every_wire(|rig| async move { from_a_kernel_client(&rig, CHUNKS).await });
}

#[test]
fn a_kernel_peer_that_stops_reading_is_probed_until_it_reads_on() {
    on_veth(|rig| async move {
        let listener = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("the kernel listens");
        let socket = rig.connect(listener.local_addr().expect("an address"), short_msl()).await;
        let (mut kernel, _) = listener.accept().expect("accepted");

        // Everything that the kernel takes without being read, and a send buffer beyond it.
        let mut sent = Vec::new();
        for chunk in content(5, 1 << 12) {
            let request =
                pb::SendRequest { socket, data: chunk.clone().into(), dont_wait: true, urgent: false };
            match rig.sockets.clone().send(request).await {
                Ok(response) => sent.extend_from_slice(&chunk[..response.into_inner().accepted as usize]),
                Err(_) if closed_window(&rig, socket).await => break,
                Err(_) => tokio::task::yield_now().await,
            }
        }
        // A zero-window probe is a retransmission event of its own kind: here the counter tells.
        let probed = until_info(&rig, socket, |tcp| tcp.snd_wnd == 0 && tcp.retransmissions > 0).await;
        assert!(probed.timers.iter().any(|running| running.timer() == pb::TimerKind::Persist));

        rig.shutdown_write(socket).await;
        let read = spawn_blocking(move || {
            let mut all = Vec::new();
            kernel.read_to_end(&mut all).expect("the kernel reads");
            all
        });
        let all = read.await.expect("read");
        assert!(all == sent, "{} octets of {} came", all.len(), sent.len());
        rig.close(socket).await;
    });
}

async fn closed_window(rig: &crate::rig::Rig, socket: u64) -> bool {
    info(rig, socket).await.snd_wnd == 0
}

async fn info(rig: &crate::rig::Rig, socket: u64) -> pb::TcpInfo {
    let request = pb::GetInfoRequest { socket };
    rig.sockets.clone().get_info(request).await.expect("told").into_inner().tcp.expect("a connection")
}

/// Waits, by the timer events of the socket, until its variables fit.
async fn until_info(rig: &crate::rig::Rig, socket: u64, fits: impl Fn(&pb::TcpInfo) -> bool) -> pb::TcpInfo {
    let mut after = None;
    loop {
        let tcp = info(rig, socket).await;
        if fits(&tcp) {
            return tcp;
        }
        let kinds = vec![pb::EventKind::Timer.into(), pb::EventKind::Retransmission.into()];
        let condition = Some(pb::wait_for_request::Condition::EventKinds(pb::EventKinds { kinds }));
        let request = pb::WaitForRequest { socket, condition, after };
        after = rig.sockets.clone().wait_for(request).await.expect("something happens").into_inner().at;
    }
}
