//! The way in for a driver: who wakes up when, and octets in place.

mod common;

use std::num::NonZeroU64;
use std::time::Duration;

use common::{Host, Pair};
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::SocketKind;
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::tcp::state::State;

fn name(number: u64) -> NonZeroU64 {
    NonZeroU64::new(number).unwrap()
}

/// The names of the sockets that woke up.
fn woken(host: &mut Host) -> Vec<u64> {
    std::iter::from_fn(|| host.engine.poll_woken()).map(|(_, name)| name.get()).collect()
}

fn send(host: &mut Host, socket: SocketId, data: &[u8]) -> Result<usize, Errno> {
    let sent = host.engine.send_slice(host.now, socket, data).map_err(|error| error.errno);
    host.drain();
    sent
}

fn recv(host: &mut Host, socket: SocketId, max: usize) -> Result<Vec<u8>, Errno> {
    let mut all = Vec::new();
    let received = host.engine.recv_with(host.now, socket, max, |piece| all.extend_from_slice(piece));
    host.drain();
    assert_eq!(received.as_ref().ok(), received.is_ok().then_some(&all.len()));
    received.map(|_| all).map_err(|error| error.errno)
}

#[test]
fn a_watched_socket_wakes_up_once_for_all_that_happens_to_it() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    assert!(pair.b.engine.watch(server, name(7)));
    assert!(pair.b.engine.has_woken());
    assert_eq!(woken(&mut pair.b), [7], "whatever happened before");
    assert!(!pair.b.engine.has_woken());
    for _ in 0..3 {
        pair.a.send(client, b"hello");
        pair.run();
    }
    assert_eq!(woken(&mut pair.b), [7]);
    assert_eq!(woken(&mut pair.a), [], "nobody watches there");

    pair.b.engine.watch(server, name(8));
    assert_eq!(pair.b.engine.watched_as(server), Some(name(8)));
    assert_eq!(woken(&mut pair.b), [8]);
    pair.a.abort(client);
    pair.run();
    assert_eq!(woken(&mut pair.b), [8]);
    pair.b.close(server);
    assert_eq!(woken(&mut pair.b), [8], "it is gone");
    assert_eq!(pair.b.engine.readiness(server), None);
    assert!(!pair.b.engine.watch(server, name(9)));
}

#[test]
fn a_socket_that_was_left_keeps_its_name_and_sleeps() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    pair.b.engine.watch(server, name(7));
    assert_eq!(woken(&mut pair.b), [7]);
    pair.b.engine.leave(server, name(8));
    assert_eq!(pair.b.engine.watched_as(server), Some(name(8)));
    pair.a.send(client, b"hello");
    pair.run();
    pair.b.close(server);
    assert_eq!(woken(&mut pair.b), []);
    assert!(!pair.b.engine.has_woken());

    pair.a.engine.watch(client, name(1));
    pair.a.engine.leave(client, name(2));
    assert_eq!(woken(&mut pair.a), [2], "it had woken up before");
    pair.a.engine.leave(SocketId(99), name(3));
}

#[test]
fn a_listener_wakes_up_when_a_connection_waits() {
    let mut pair = Pair::new();
    let listener = pair.b.listen(80);
    pair.b.engine.watch(listener, name(1));
    woken(&mut pair.b);
    let client = pair.a.stream();
    pair.a.engine.watch(client, name(2));
    pair.a.start_connect(client, pair.b.at(80));
    woken(&mut pair.a);
    assert_eq!(pair.a.engine.readiness(client).unwrap().tcp_state, State::SynSent);
    assert_eq!(pair.a.engine.readiness(client).unwrap().writable, 0);
    pair.run();
    assert_eq!(woken(&mut pair.a), [2]);
    assert_eq!(pair.a.engine.readiness(client).unwrap().tcp_state, State::Established);
    assert_eq!(woken(&mut pair.b), [1]);
    pair.b.accept(listener);
}

#[test]
fn octets_move_in_place_as_far_as_there_is_room() {
    let mut pair = Pair::new();
    let small = OptionsPatch { send_buffer: Some(10_000), no_delay: Some(true), ..OptionsPatch::default() };
    let (client, server) = pair.connected_with(small, OptionsPatch::default());
    let octets: Vec<u8> = (0..20_000u32).map(|i| i as u8).collect();
    assert_eq!(pair.a.engine.readiness(client).unwrap().writable, 10_000);
    assert_eq!(send(&mut pair.a, client, &octets), Ok(10_000));
    assert_eq!(send(&mut pair.a, client, &octets[10_000..]), Ok(0), "full");
    pair.advance(Duration::from_secs(1));
    let ready = pair.a.engine.readiness(client).unwrap();
    assert_eq!((ready.writable, ready.acknowledged, ready.retransmissions), (10_000, 10_000, 0));
    assert_eq!(send(&mut pair.a, client, &octets[10_000..]), Ok(10_000));
    pair.advance(Duration::from_secs(1));

    assert_eq!(pair.b.engine.readiness(server).unwrap().readable, 20_000);
    assert_eq!(recv(&mut pair.b, server, 1), Ok(octets[..1].to_vec()));
    assert_eq!(recv(&mut pair.b, server, 99_999), Ok(octets[1..].to_vec()));
    assert_eq!(recv(&mut pair.b, server, 99_999), Ok(vec![]));
    pair.a.close(client);
    pair.run();
    assert!(pair.b.engine.readiness(server).unwrap().end_of_stream);
    // The window is open again: it was told of the octets that were taken.
    assert_eq!(pair.a.engine.info(client).unwrap().tcp.unwrap().snd_wnd, 1 << 20);
}

#[test]
fn a_driver_is_refused_what_a_caller_is() {
    let mut pair = Pair::new();
    let idle = pair.a.stream();
    assert_eq!(send(&mut pair.a, idle, b"x"), Err(Errno::ENOTCONN));
    assert_eq!(recv(&mut pair.a, idle, 1), Err(Errno::ENOTCONN));
    assert_eq!(pair.a.engine.readiness(idle).unwrap().tcp_state, State::Closed);
    let datagrams = pair.a.create(SocketKind::Datagram, OptionsPatch::default());
    assert_eq!(send(&mut pair.a, datagrams, b"x"), Err(Errno::ENOTCONN));
    assert_eq!(pair.a.engine.readiness(datagrams), None);
    assert_eq!(send(&mut pair.a, SocketId(99), b"x"), Err(Errno::EBADF));
    assert_eq!(recv(&mut pair.a, SocketId(99), 1), Err(Errno::EBADF));

    let (client, server) = pair.connected();
    pair.b.abort(server);
    pair.run();
    assert_eq!(pair.a.engine.readiness(client).unwrap().error, Some(Errno::ECONNRESET));
    assert_eq!(send(&mut pair.a, client, b"x"), Err(Errno::ECONNRESET));
    assert_eq!(send(&mut pair.a, client, b"x"), Err(Errno::EPIPE));
}
