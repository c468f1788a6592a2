//! The kernel is silent on a guarded port, and on no other.

mod common;

use std::net::{SocketAddr, TcpListener, UdpSocket};

use common::{ACK, Host, RST, SYN, TCP, Tap, World, datagram_to, packet, segment, tcp, unreachable_port};
use mio::Interest;
use socket2::{Domain, Socket, Type};
use sockwright_link::{PortGuard, Protocol};

fn claim(host: &Host, protocol: Protocol) -> PortGuard {
    host.run(|| PortGuard::claim(protocol, host.port(0))).expect("a guard")
}

/// A kernel socket of `host` that has sent a SYN to `to`.
fn connecting(host: &Host, to: SocketAddr) -> Socket {
    host.run(|| {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a socket");
        socket.set_nonblocking(true).expect("non-blocking");
        socket.bind(&host.port(0).into()).expect("bound");
        let error = socket.connect(&to.into()).expect_err("nothing connects at once");
        assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS));
        socket
    })
}

/// Whether the kernel of `server` answers a SYN to `port`. It does answer one that follows, to a closed port; once
/// that answer is here, one to the first can no longer come.
fn answers_syn(server: &Host, client: &Host, port: u16) -> bool {
    let (mut at_server, mut at_client) = (server.link(), client.link());
    let _connecting = connecting(client, server.port(port));
    at_server
        .wait_for("the SYN", |packet| segment(packet).is_some_and(|s| s.to_port == port && s.flags == SYN));
    let _refused = connecting(client, server.port(MARKER));
    let mut answered = false;
    at_client.wait_for("the reset of the marker", |packet| {
        let Some(segment) = segment(packet) else {
            return false;
        };
        answered |= segment.from_port == port;
        segment.from_port == MARKER && segment.flags & RST != 0
    });
    answered
}

/// The like for a datagram and "port unreachable".
fn answers_datagram(server: &Host, client: &Host, port: u16) -> bool {
    let (mut at_server, mut at_client) = (server.link(), client.link());
    let socket = client.run(|| UdpSocket::bind(client.port(0))).expect("a socket");
    socket.send_to(b"hello", server.port(port)).expect("sent");
    at_server.wait_for("the datagram", |packet| datagram_to(packet) == Some(port));
    socket.send_to(b"hello", server.port(MARKER)).expect("sent");
    let mut answered = false;
    at_client.wait_for("the complaint about the marker", |packet| {
        answered |= unreachable_port(packet) == Some(port);
        unreachable_port(packet) == Some(MARKER)
    });
    answered
}

#[test]
fn no_reset_comes_from_a_guarded_port() {
    let Some(world) = World::new() else { return };
    for (server, client) in world.pairs() {
        let guard = claim(&server, Protocol::Tcp);
        assert!(!answers_syn(&server, &client, guard.address().port()), "{server:?} answered");
    }
}

#[test]
fn a_reset_comes_from_an_unguarded_port() {
    let Some(world) = World::new() else { return };
    for (server, client) in world.pairs() {
        assert!(answers_syn(&server, &client, UNGUARDED), "{server:?} was silent");
    }
}

#[test]
fn no_port_unreachable_comes_from_a_guarded_port() {
    let Some(world) = World::new() else { return };
    for (server, client) in world.pairs() {
        let guard = claim(&server, Protocol::Udp);
        assert!(!answers_datagram(&server, &client, guard.address().port()), "{server:?} answered");
    }
}

#[test]
fn port_unreachable_comes_from_an_unguarded_port() {
    let Some(world) = World::new() else { return };
    for (server, client) in world.pairs() {
        assert!(answers_datagram(&server, &client, UNGUARDED), "{server:?} was silent");
    }
}

#[test]
fn more_connections_than_any_queue_holds_leave_a_guard_silent() {
    let Some(world) = World::new() else { return };
    for (server, client) in world.loopback_pairs() {
        let guard = claim(&server, Protocol::Tcp);
        let flood: Vec<_> = (0..200).map(|_| connecting(&client, guard.address())).collect();
        assert!(!answers_syn(&server, &client, guard.address().port()));
        drop(flood);
    }
}

/// Waits for a segment to `port`, and gives its sender's port, sequence and acknowledgment numbers.
fn next_to(tap: &mut Tap, port: u16, flags: u8) -> (u16, u32, u32) {
    let wanted = |packet: &[u8]| segment(packet).is_some_and(|s| s.to_port == port && s.flags == flags);
    let got = tap.wait_for("a segment", wanted);
    let got = segment(&got).expect("a segment");
    (got.from_port, got.seq, got.ack)
}

#[test]
fn a_kernel_client_connects_to_whom_answers_on_a_guarded_port() {
    let Some(world) = World::new() else { return };
    for (server, client) in world.pairs() {
        let guard = claim(&server, Protocol::Tcp);
        let port = guard.address().port();
        let mut link = server.link();
        let socket = connecting(&client, guard.address());
        let (peer, seq, _) = next_to(&mut link, port, SYN);
        let syn_ack = tcp(port, peer, 1000, seq.wrapping_add(1), SYN | ACK);
        link.send(&packet(server.address, client.address, TCP, &syn_ack));
        wait_until_connected(&socket);
        assert_eq!(next_to(&mut link, port, ACK), (peer, seq.wrapping_add(1), 1001));
    }
}

fn wait_until_connected(socket: &Socket) {
    common::wait_until_ready("the connection", socket, Interest::WRITABLE);
    assert!(socket.take_error().expect("asked").is_none(), "the connection failed");
    socket.peer_addr().expect("connected");
}

#[test]
fn a_kernel_listener_accepts_a_connection_from_a_guarded_port() {
    let Some(world) = World::new() else { return };
    for (server, client) in world.pairs() {
        let listener = server.run(|| TcpListener::bind(server.port(0))).expect("a listener");
        listener.set_nonblocking(true).expect("non-blocking");
        let to = listener.local_addr().expect("its address").port();
        let guard = claim(&client, Protocol::Tcp);
        let from = guard.address().port();
        let mut link = client.link();
        link.send(&packet(client.address, server.address, TCP, &tcp(from, to, 5000, 0, SYN)));
        let (_, seq, ack) = next_to(&mut link, from, SYN | ACK);
        assert_eq!(ack, 5001);
        let ack = tcp(from, to, 5001, seq.wrapping_add(1), ACK);
        link.send(&packet(client.address, server.address, TCP, &ack));
        common::wait_until_ready("the connection", &listener, Interest::READABLE);
        let (_, peer) = listener.accept().expect("accepted");
        assert_eq!(peer, guard.address());
    }
}

/// Two ports that nobody has: below those the kernel picks from, in a namespace that the test has to itself.
const UNGUARDED: u16 = 7;
const MARKER: u16 = 9;
