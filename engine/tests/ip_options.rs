//! IPv4 options on what a socket sends (RFC 791 §3.1): on every packet, and taken from the room of its data.

mod common;

use common::Host;
use common::script::{Script, octets};
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::{Family, Request, SocketKind};
use sockwright_engine::id::SessionId;
use sockwright_engine::tcp::config::{OptionsPatch, PathMtuDiscovery};
use sockwright_engine::wire::{IpOption, IpOptions, IpPacket};

const RECORD_ROUTE: [u8; 12] = [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const ROUTER_ALERT: [u8; 4] = [148, 4, 0, 0];

fn with(list: &[IpOption]) -> OptionsPatch {
    OptionsPatch { ip_options: Some(IpOptions::new(list).unwrap()), ..OptionsPatch::default() }
}

/// The options in the header of a frame, and the octets behind that header.
fn split(frame: &[u8]) -> (&[u8], usize) {
    let packet = IpPacket::parse(frame).expect("the header holds together, its checksum included");
    assert_eq!(packet.packet.len(), frame.len());
    let header = usize::from(frame[0] & 0xf) * 4;
    (&frame[20..header], packet.payload.len())
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
//= type=test
//# There MUST be a means for the transport layer to specify IP options to be included in
//# transmitted IP datagrams (see Section 3.4).
#[test]
fn every_segment_of_a_connection_has_the_options() {
    let mut s = Script::listening(with(&[IpOption::RecordRoute(2)]));
    s.inject("S 0:0(0) win 60000 <mss 1000>");
    assert_eq!(split(&s.host.sent[0]), (&RECORD_ROUTE[..], 24), "the SYN,ACK");
    s.sent();
    s.inject(". 1:1(0) ack 1 win 60000");
    let listener = s.listener.unwrap();
    s.socket = s.host.accept(listener);
    s.send(100);
    s.host.abort(s.socket);
    let sent: Vec<_> = s.host.sent.iter().map(|frame| split(frame)).collect();
    assert_eq!(sent, [(&RECORD_ROUTE[..], 120), (&RECORD_ROUTE[..], 20)], "data, and a reset");

    let s = Script::connecting(with(&[IpOption::RouterAlert(0)]));
    assert_eq!(split(&s.host.sent[0]), (&ROUTER_ALERT[..], 24), "the SYN");
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
//= type=test
//# Eff.snd.MSS = min(SendMSS+20, MMS_S) - TCPhdrsize - IPoptionsize
#[test]
fn the_options_take_their_octets_from_the_data() {
    // The peer takes segments of 1000 octets: packets of 1040, whatever their headers are.
    let at_once = OptionsPatch { no_delay: Some(true), ..with(&[IpOption::RecordRoute(9)]) };
    let mut s = Script::listening(at_once);
    s.handshake("S 0:0(0) win 60000 <mss 1000>", 60_000);
    s.host.sent.clear();
    s.send(2000);
    assert_eq!((s.info().snd_mss, s.info().rcv_mss), (960, 1460));
    let lens: Vec<_> = s.host.sent.iter().map(Vec::len).collect();
    assert_eq!(lens, [1040, 1040, 160], "a header of 60 octets, and one of 20");

    // The link takes packets of 1500.
    let timestamps = OptionsPatch { timestamps: Some(true), ..with(&[IpOption::RouterAlert(0)]) };
    let mut s = Script::listening(timestamps);
    s.inject("S 0:0(0) win 60000 <mss 9000,TS val 1 ecr 0>");
    s.sent();
    s.inject(". 1:1(0) ack 1 win 60000 <TS val 2 ecr 0>");
    s.socket = s.host.accept(s.listener.unwrap());
    s.host.sent.clear();
    s.send(4000);
    assert_eq!(s.info().snd_mss, 1444);
    assert_eq!(s.host.sent.iter().map(Vec::len).max(), Some(1500));
}

#[test]
fn the_announced_mss_knows_of_no_options() {
    let mut s = Script::connecting(with(&[IpOption::RecordRoute(9)]));
    s.expect(&["S 0:0(0) win 65535 <mss 1460>"]);
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.2
//= type=test
//# An application MUST be able to specify IP options to be sent in its UDP datagrams, and UDP
//# MUST pass these options to the IP layer.
//= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.4
//= type=test
//# An application-layer program MUST be able to set the TTL and TOS values as well as IP
//# options for sending a UDP datagram, and these values must be passed transparently to the
//# IP layer.
#[test]
fn datagrams_have_them_and_of_fragments_the_first_has_all() {
    let mut host = Host::new("10.0.0.1", 1);
    let both = [IpOption::RecordRoute(2), IpOption::RouterAlert(0)];
    let options = OptionsPatch { hop_limit: Some(9), dscp: Some(10), ..with(&both) };
    let options = OptionsPatch { path_mtu_discovery: Some(PathMtuDiscovery::Off), ..options };
    let socket = host.create(SocketKind::Datagram, options);
    let remote = "10.0.0.9:53".parse().unwrap();
    host.call(Request::SendTo { socket, remote, data: octets(0, 10) }).unwrap();
    let whole = [&RECORD_ROUTE[..11], &ROUTER_ALERT, &[0]].concat();
    assert_eq!(split(&host.sent[0]), (&whole[..], 18));
    let packet = IpPacket::parse(&host.sent[0]).unwrap();
    assert_eq!((packet.hop_limit, packet.dscp), (9, 10));

    host.sent.clear();
    host.call(Request::SendTo { socket, remote, data: octets(0, 3000) }).unwrap();
    let sent: Vec<_> = host.sent.iter().map(|frame| split(frame)).collect();
    assert_eq!(sent, [(&whole[..], 1464), (&ROUTER_ALERT[..], 1464), (&ROUTER_ALERT[..], 80)]);
}

#[test]
fn they_are_of_ipv4_and_set_before_the_connection_exists() {
    let mut host = Host::new("fd00::1", 1);
    let create = |options| Request::Create {
        kind: SocketKind::Stream,
        family: Family::V6,
        session: SessionId(0),
        label: "".into(),
        options,
    };
    assert_eq!(host.errno(create(with(&[IpOption::RouterAlert(0)]))), Errno::EINVAL);
    host.call(create(with(&[]))).unwrap();

    let mut s = Script::accepted();
    let set = Request::SetOptions { socket: s.socket, options: with(&[IpOption::RouterAlert(0)]) };
    assert_eq!(s.host.errno(set), Errno::EISCONN);
}
