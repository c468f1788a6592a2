//! What fuzzing found, each as a story short enough to read.

mod common;

use std::time::Duration;

use common::{Host, Pair};
use sockwright_engine::host::op::{Reply, Request, SocketKind, Wait};
use sockwright_engine::id::{LinkId, SocketId};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::wire::{Flags, IpHeader, Protocol, TcpSegment};

/// An open connection of `host` at port 80 with a peer whose next octet is number 1, and which has the port 1000.
fn open(host: &mut Host) -> SocketId {
    let options = OptionsPatch { initial_sequence_number: Some(0), ..OptionsPatch::default() };
    let listener = host.listen_with(80, 4, options);
    host.frame(&segment(0, 0, Flags::SYN, b""));
    host.frame(&segment(1, 1, Flags::ACK, b""));
    host.accept(listener)
}

/// A segment to port 80 of 10.0.0.1.
fn segment(seq: u32, ack: u32, flags: Flags, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = ("10.0.0.2".parse().unwrap(), "10.0.0.1".parse().unwrap());
    let (seq, ack) = (sockwright_engine::tcp::seq::Seq(seq), sockwright_engine::tcp::seq::Seq(ack));
    let ports = TcpSegment { src_port: 1000, dst_port: 80, ..TcpSegment::default() };
    let segment = TcpSegment { seq, ack, flags, window: 1000, payload, ..ports };
    let mut frame = Vec::new();
    IpHeader {
        src,
        dst,
        protocol: Protocol::Tcp,
        hop_limit: 64,
        ecn: 0,
        dscp: 0,
        ident: 0,
        options: Default::default(),
    }
    .emit(segment.len(), &mut frame);
    segment.emit(src, dst, &mut frame);
    frame
}

#[test]
fn what_lies_behind_a_fin_is_never_delivered_whichever_came_first() {
    for data_first in [true, false] {
        let mut host = Host::new("10.0.0.1", 1);
        let socket = open(&mut host);
        let behind = segment(11, 1, Flags::ACK, b"behind the FIN");
        let fin = segment(5, 1, Flags::FIN | Flags::ACK, b"");
        let frames = if data_first { [behind, fin] } else { [fin, behind] };
        frames.iter().for_each(|frame| host.frame(frame));
        host.frame(&segment(1, 1, Flags::ACK, b"data"));
        assert_eq!(host.recv(socket), (b"data".to_vec(), false));
        assert_eq!(host.recv(socket), (b"".to_vec(), true));
        assert_eq!(host.state(socket), "CLOSE-WAIT");
    }
}

#[test]
fn a_piece_that_a_fin_cuts_keeps_what_is_before_it() {
    let mut host = Host::new("10.0.0.1", 1);
    let socket = open(&mut host);
    host.frame(&segment(3, 1, Flags::ACK, b"ta, and more"));
    host.frame(&segment(5, 1, Flags::FIN | Flags::ACK, b""));
    host.frame(&segment(1, 1, Flags::ACK, b"da"));
    assert_eq!(host.recv(socket), (b"data".to_vec(), false));
    assert_eq!(host.recv(socket), (b"".to_vec(), true));
}

#[test]
fn a_connection_given_back_that_is_gone_is_not_accepted_again() {
    let (mut host, listener, child, accepted) = accepted();
    host.abort(child);
    host.engine.restore(host.now, listener, accepted);
    host.drain();
    let accept = Request::Accept { socket: listener, wait: Wait::Never };
    assert_eq!(host.errno(accept).name(), "EAGAIN");
    host.close(listener);
    assert!(host.engine.sockets().is_empty());
}

#[test]
fn a_connection_given_back_without_its_listener_is_reset() {
    let (mut host, listener, child, accepted) = accepted();
    host.close(listener);
    host.sent.clear();
    host.engine.restore(host.now, listener, accepted);
    host.drain();
    assert_eq!(host.state(child), "gone");
    assert!(host.take_sent()[0].starts_with("R."));
}

/// A server with an accepted connection, and the reply that gave it.
fn accepted() -> (Host, SocketId, SocketId, Reply) {
    let mut pair = Pair::new();
    let listener = pair.b.listen(80);
    let client = pair.a.stream();
    pair.a.start_connect(client, pair.b.at(80));
    pair.run();
    let accepted = pair.b.call(Request::Accept { socket: listener, wait: Wait::Never }).unwrap();
    let Reply::Accepted { socket: child, .. } = accepted else { panic!("{accepted:?}") };
    (pair.b, listener, child, accepted)
}

#[test]
fn empty_datagrams_do_not_wait_without_limit() {
    let mut pair = Pair::new();
    let receiver = pair.b.create(SocketKind::Datagram, OptionsPatch::default());
    pair.b.bind(receiver, 7);
    let sender = pair.a.create(SocketKind::Datagram, OptionsPatch::default());
    let send = Request::SendTo { socket: sender, remote: pair.b.at(7), data: vec![] };
    pair.a.call(send).unwrap();
    let frame = pair.a.sent.remove(0);
    for _ in 0..100_000 {
        pair.b.engine.handle_frame(pair.b.now, LinkId(0), &frame);
        pair.b.drain();
    }
    let queue = pair.b.engine.info(receiver).unwrap().datagrams.unwrap();
    assert!(queue.queued < 10_000 && queue.overflows > 90_000, "{queue:?}");
}

#[test]
fn probes_that_cross_after_lost_window_updates_end_in_an_open_window() {
    let options = OptionsPatch { receive_buffer: Some(100), ..OptionsPatch::default() };
    let mut pair = Pair::new();
    let (a, b) = pair.connected_with(options.clone(), options);
    pair.a.send(a, &[1; 300]);
    pair.b.send(b, &[2; 300]);
    pair.advance(Duration::from_millis(100));
    // Each probes the other's closed window.
    let probes = [&mut pair.a, &mut pair.b].map(|host| {
        host.advance(Duration::from_secs(1));
        std::mem::take(&mut host.sent).pop().unwrap()
    });
    // Both read, and neither hears of it; now the probes arrive, and are no longer beyond the window.
    let mut received = [pair.a.recv(a).0.len(), pair.b.recv(b).0.len()];
    assert_eq!(received, [100, 100]);
    pair.a.sent.clear();
    pair.b.sent.clear();
    let [from_a, from_b] = probes;
    pair.a.frame(&from_b);
    pair.b.frame(&from_a);
    for _ in 0..10 {
        pair.advance(Duration::from_secs(1));
        received[0] += drained(&mut pair.a, a);
        received[1] += drained(&mut pair.b, b);
    }
    assert_eq!(received, [300, 300]);
}

/// How many octets there are to take now.
fn drained(host: &mut Host, socket: SocketId) -> usize {
    let recv = Request::Recv { socket, max: 1000, min: 1, peek: false, wait: Wait::Never };
    match host.call(recv) {
        Ok(Reply::Received { data, .. }) => data.len(),
        _ => 0,
    }
}
