//! A link on a TUN or TAP interface is the host's neighbor there, with the quirks that its module lists.

mod common;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use common::{Host, PATIENCE, UDP, World, packet, tunnels, udp, wait_on};
use sockwright_engine::wire::{Arp, ArpOperation, EtherType, EthernetFrame, IpPacket, Mac};
use sockwright_link::raw_ip::SendError;
use sockwright_link::tun::{Config, Layer};
use sockwright_link::{LinkError, Status, Tun};

const OURS: Mac = Mac([2, 0, 0, 0, 0, 0x77]);

/// What a test opens: `t0`, with these addresses for the host.
fn config(layer: Layer) -> Config {
    Config {
        name: Some("t0".parse().expect("a name")),
        layer,
        host_addresses: vec![("10.80.0.1".parse().expect("one"), 24), ("fd80::1".parse().expect("one"), 64)],
        ..Config::default()
    }
}

fn open(host: &Host, config: &Config) -> Tun {
    host.run(|| Tun::open(config)).expect("a link")
}

/// The first packet or frame that `wanted` makes something of.
fn wait_for<T>(link: &mut Tun, what: &str, mut wanted: impl FnMut(&[u8]) -> Option<T>) -> T {
    wait_on(link, Tun::register, Tun::deregister, what, |link| take(link, &mut wanted))
}

fn take<T>(link: &mut Tun, wanted: &mut impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
    while let Some(received) = link.recv().expect("received") {
        let found = wanted(received.frame);
        if found.is_some() {
            return found;
        }
    }
    None
}

/// What comes to `kernel`, and from where, as `answer` is sent to it: again where it was too early for the host's IPv6
/// address.
fn answered(link: &mut Tun, answer: &[u8], kernel: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    kernel.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
    let (deadline, mut buffer) = (Instant::now() + PATIENCE, [0; 16]);
    loop {
        link.send(answer, None).expect("sent");
        match kernel.recv_from(&mut buffer) {
            Ok((length, from)) => return (buffer[..length].to_vec(), from),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
        assert!(Instant::now() < deadline, "waited in vain for the answer");
    }
}

/// A host in a world, where it can have TUN interfaces.
fn host() -> Option<(World, Host)> {
    let world = World::new().filter(|_| tunnels())?;
    let [(host, _), _] = world.wire_pairs();
    Some((world, host))
}

#[test]
fn packets_cross_a_tun_interface_both_ways() {
    let Some((_world, host)) = host() else { return };
    let mut link = open(&host, &config(Layer::Ip));
    assert_eq!((link.interface(), link.status()), ("t0", Some(Status { running: true, mtu: 1500 })));
    for (theirs, own) in [("10.80.0.1", "10.80.0.7"), ("fd80::1", "fd80::7")] {
        let [theirs, own]: [IpAddr; 2] = [theirs, own].map(|text| text.parse().expect("an address"));
        let kernel = host.run(|| UdpSocket::bind((theirs, 0))).expect("a kernel socket");
        kernel.send_to(b"ping", (own, 7)).expect("sent");
        wait_for(&mut link, "the datagram", |octets| {
            let packet = IpPacket::parse(octets).ok()?;
            (packet.dst == own && packet.payload.ends_with(b"ping")).then_some(())
        });
        let to = kernel.local_addr().expect("an address").port();
        let pong = packet(own, theirs, UDP, &udp(7, to, b"pong"));
        assert_eq!(answered(&mut link, &pong, &kernel), (b"pong".to_vec(), (own, 7).into()));
    }
}

#[test]
fn frames_cross_a_tap_interface_and_the_kernel_is_a_neighbor_there() {
    let Some((_world, host)) = host() else { return };
    let mut link = open(&host, &config(Layer::Ethernet));
    let request = Arp {
        operation: ArpOperation::Request,
        sender_mac: OURS,
        sender_ip: "10.80.0.7".parse().expect("an address"),
        target_mac: Mac([0; 6]),
        target_ip: "10.80.0.1".parse().expect("an address"),
    };
    let (mut payload, mut frame) = (Vec::new(), Vec::new());
    request.emit(&mut payload);
    let head = EthernetFrame {
        dst: Mac::BROADCAST,
        src: OURS,
        vlan: None,
        ether_type: EtherType::Arp,
        payload: &payload,
    };
    head.emit(&mut frame);
    link.send(&frame, None).expect("sent");
    let theirs = wait_for(&mut link, "an ARP reply", |octets| {
        let frame = EthernetFrame::parse(octets).ok()?;
        let reply = Arp::parse(frame.payload).ok().filter(|_| frame.ether_type == EtherType::Arp)?;
        (reply.operation == ArpOperation::Reply && frame.dst == OURS).then_some(reply.sender_mac)
    });
    assert!(host.ip("link show dev t0").contains(&theirs.to_string()));
}

#[test]
fn a_new_interface_goes_with_its_link_and_a_persistent_one_stays() {
    let Some((_world, host)) = host() else { return };
    let names = |host: &Host| host.ip("-brief link");
    let new = open(&host, &Config { name: None, layer: Layer::Ethernet, ..Config::default() });
    assert_eq!(new.interface(), "tap0");
    assert!(names(&host).contains("tap0"));
    drop(new);
    // A program that another test starts holds it from its fork to its exec.
    let began = Instant::now();
    while names(&host).contains("tap0") {
        assert!(began.elapsed() < PATIENCE, "it stays");
    }

    host.ip("tuntap add dev t0 mode tun vnet_hdr");
    let given = open(&host, &Config { mtu: Some(9000), ..config(Layer::Ip) });
    assert_eq!(given.status(), Some(Status { running: true, mtu: 9000 }));
    drop(given);
    let left = host.ip("address show dev t0");
    assert!(
        left.contains("NO-CARRIER") && left.contains("10.80.0.1/24") && left.contains("mtu 9000"),
        "{left}"
    );
    // Its addresses are there already.
    assert_eq!(open(&host, &config(Layer::Ip)).interface(), "t0");
}

#[test]
fn an_interface_of_another_kind_or_in_use_is_not_taken() {
    let Some((_world, host)) = host() else { return };
    let _first = open(&host, &config(Layer::Ip));
    let on_a_veth = Config { name: Some("wire".parse().expect("a name")), ..Config::default() };
    for wrong in [config(Layer::Ip), config(Layer::Ethernet), on_a_veth] {
        let error = host.run(|| Tun::open(&wrong)).expect_err("taken");
        let name = wrong.name.as_ref().map(|name| name.as_str());
        assert!(
            matches!(&error, LinkError::InterfaceTaken(taken) if Some(taken.as_str()) == name),
            "{error}"
        );
    }
}

#[test]
fn an_interface_that_goes_down_and_is_removed_is_seen_to() {
    let Some((_world, host)) = host() else { return };
    let mut link = open(&host, &config(Layer::Ip));
    let hello =
        packet("10.80.0.7".parse().expect("one"), "10.80.0.1".parse().expect("one"), UDP, &udp(7, 9, b""));
    link.send(&hello, None).expect("sent");
    host.ip("link set t0 down mtu 1400");
    assert_eq!(link.status(), Some(Status { running: false, mtu: 1400 }));
    assert!(
        matches!(link.send(&hello, None), Err(SendError::Io(why)) if why.raw_os_error() == Some(libc::EIO))
    );
    // The kernel has sent something by itself before.
    while link.recv().expect("received").is_some() {}
    host.ip("link set t0 up");
    link.send(&hello, None).expect("sent");
    host.ip("link delete t0");
    assert_eq!(link.status(), None);
    assert!(matches!(link.send(&hello, None), Err(SendError::Io(_))));
    assert_eq!(link.recv().expect("nothing comes"), None);
    assert!(matches!(link.take_up(), Err(LinkError::NoSuchInterface(name)) if name == "t0"));
}

#[test]
fn a_persistent_interface_that_comes_under_the_name_of_one_that_was_removed_is_taken_up() {
    for layer in [Layer::Ip, Layer::Ethernet] {
        let Some((_world, host)) = host() else { return };
        let mut link = open(&host, &Config { mtu: Some(1400), offload: false, ..config(layer) });
        let kind = if layer == Layer::Ip { "tun" } else { "tap" };
        for _ in 0..2 {
            host.ip("link delete t0");
            host.ip(&format!("tuntap add dev t0 mode {kind}"));
            assert_eq!(link.status(), None, "another one under its name");
            assert_eq!(link.recv().expect("nothing comes"), None);
            link.take_up().expect("there is one");
            assert_eq!(link.status(), Some(Status { running: true, mtu: 1400 }));
            host.run(|| UdpSocket::bind("10.80.0.1:0")).expect("the host has its address again");
            // It says something by itself.
            wait_for(&mut link, "a packet", |packet| (!packet.is_empty()).then_some(()));
        }
    }
}

#[test]
fn a_name_that_was_the_kernels_choice_is_not_taken_up() {
    let Some((_world, host)) = host() else { return };
    let mut link = open(&host, &Config { name: None, ..config(Layer::Ip) });
    host.ip("link delete tun0");
    host.ip("tuntap add dev tun0 mode tun");
    assert!(matches!(link.take_up(), Err(LinkError::NoSuchInterface(name)) if name == "tun0"));
    assert_eq!(link.status(), None);
}

#[test]
fn what_does_not_fit_the_queue_of_the_interface_is_counted() {
    let Some((_world, host)) = host() else { return };
    let mut link = open(&host, &config(Layer::Ip));
    let kernel = host.run(|| UdpSocket::bind("10.80.0.1:0")).expect("bound");
    let flood = |link: &mut Tun| {
        let sent = 1000;
        for _ in 0..sent {
            kernel.send_to(b"flood", "10.80.0.7:9").expect("sent");
        }
        let mut received = 0;
        while let Some(packet) = link.recv().expect("received") {
            received += u32::from(packet.frame[0] >> 4 == 4);
        }
        assert!(received > 0, "a queue has room for some");
        sent - received
    };
    assert_eq!(link.lost().overflowed, 0);
    let lost = flood(&mut link);
    assert!(lost > 0, "a queue of 500 frames took 1000");
    // The kernel may have said something by itself meanwhile.
    let told = link.lost().overflowed;
    assert!((lost..lost + 10).contains(&told), "{told} are told of {lost}");

    // Another interface begins to count anew, and the link goes on.
    host.ip("link delete t0");
    assert_eq!(link.lost().overflowed, told);
    host.ip("tuntap add dev t0 mode tun");
    link.take_up().expect("there is one");
    assert_eq!(link.lost().overflowed, told);
    let more = flood(&mut link);
    let all = link.lost().overflowed;
    assert!((told + more..told + more + 10).contains(&all), "{all} are told of {told} and {more}");
}
