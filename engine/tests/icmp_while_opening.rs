//! A hard ICMP error ends an opening in SYN-RECEIVED as it does in SYN-SENT.

mod common;

use common::{Host, Pair, states};
use sockwright_engine::event::EventKind;
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::{Request, Wait};
use sockwright_engine::wire::{IcmpMessage, IpHeader, Protocol, Quoted, Unreachable};

/// What a router says of a packet of ours.
fn prohibited(packet: &[u8]) -> Vec<u8> {
    let quoted = Quoted::parse(packet).unwrap();
    let (src, dst) = ("10.0.0.254".parse().unwrap(), quoted.src);
    let mut message = Vec::new();
    IcmpMessage::Unreachable { code: Unreachable::Prohibited, quoted }.emit(src, dst, &mut message);
    let header = IpHeader {
        src,
        dst,
        protocol: Protocol::Icmpv4,
        hop_limit: 64,
        ecn: 0,
        dscp: 0,
        ident: 0,
        options: Default::default(),
    };
    let mut frame = Vec::new();
    header.emit(message.len(), &mut frame);
    frame.extend(message);
    frame
}

fn carry(from: &mut Host, to: &mut Host) {
    from.sent.drain(..).for_each(|frame| to.frame(&frame));
}

#[test]
fn a_handshake_at_a_listener_ends_and_the_listener_does_not() {
    let mut pair = Pair::new();
    let listener = pair.a.listen(80);
    let client = pair.b.stream();
    pair.b.start_connect(client, pair.a.at(80));
    carry(&mut pair.b, &mut pair.a);
    let child = *pair.a.engine.sockets().last().unwrap();
    let syn_ack = pair.a.sent.pop().unwrap();
    pair.a.frame(&prohibited(&syn_ack));
    assert_eq!(states(&pair.a.events, child), ["LISTEN", "SYN-RECEIVED", "CLOSED"]);
    assert_eq!(pair.a.engine.sockets(), [listener]);
    assert_eq!(pair.a.engine.info(listener).unwrap().queues.unwrap().half_open, 0);
    assert!(!pair.a.events.iter().any(|event| matches!(event.kind, EventKind::Failed(_))));
}

#[test]
fn a_simultaneous_open_fails_with_the_error() {
    let mut pair = Pair::new();
    let [a, b] = [&mut pair.a, &mut pair.b].map(|host| {
        let socket = host.stream();
        host.bind(socket, 1000);
        socket
    });
    let connect = pair.a.start_connect(a, pair.b.at(1000));
    pair.b.start_connect(b, pair.a.at(1000));
    carry(&mut pair.b, &mut pair.a);
    assert_eq!(pair.a.state(a), "SYN-RECEIVED");
    let syn_ack = pair.a.sent.pop().unwrap();
    pair.a.frame(&prohibited(&syn_ack));
    assert_eq!(pair.a.completed(connect).unwrap_err().errno, Errno::EHOSTUNREACH);
    assert_eq!(pair.a.state(a), "CLOSED");
    assert_eq!(
        pair.a.errno(Request::Send { socket: a, data: vec![1], urgent: false, wait: Wait::Never }),
        Errno::ENOTCONN
    );
}
