//! A link on a packet socket carries whole frames of its own station, with the quirks that its module lists.

mod common;

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use common::{Host, PATIENCE, UDP, World, packet, udp, wait_on};
use sockwright_engine::wire::{
    Arp, ArpOperation, ChecksumPolicy, EtherType, EthernetFrame, IpPacket, Mac, UdpDatagram, Vlan,
};
use sockwright_link::raw_ip::SendError;
use sockwright_link::{AfPacket, LinkError, Status};

const OURS: Mac = Mac([2, 0, 0, 0, 0, 0x77]);
/// Another station, at the far end.
const OTHER: Mac = Mac([2; 6]);

/// What nobody else sends (IEEE 802).
const EXPERIMENTAL: u16 = 0x88b5;

/// A station of our own beside `host`, on its end of the wire.
fn station(host: &Host) -> AfPacket {
    host.run(|| AfPacket::open("wire", OURS)).expect("a link")
}

/// The kernel finds the carrier of an interface a moment after its peer is up.
fn wait_for_carrier(link: &AfPacket) {
    let deadline = Instant::now() + PATIENCE;
    while !link.status().expect("it is there").running {
        assert!(Instant::now() < deadline, "waited in vain for the carrier");
        std::thread::yield_now();
    }
}

/// The first frame that `wanted` makes something of.
fn wait_for<T>(
    link: &mut AfPacket,
    what: &str,
    mut wanted: impl FnMut(&EthernetFrame<'_>) -> Option<T>,
) -> T {
    wait_on(link, AfPacket::register, AfPacket::deregister, what, |link| take(link, &mut wanted))
}

fn take<T>(link: &mut AfPacket, wanted: &mut impl FnMut(&EthernetFrame<'_>) -> Option<T>) -> Option<T> {
    while let Some(received) = link.recv().expect("received") {
        let found = wanted(&EthernetFrame::parse(received.frame).expect("an Ethernet frame"));
        if found.is_some() {
            return found;
        }
    }
    None
}

fn send(link: &mut AfPacket, dst: Mac, vlan: Option<Vlan>, ether_type: EtherType, payload: &[u8]) {
    let mut frame = Vec::new();
    EthernetFrame { dst, src: OURS, vlan, ether_type, payload }.emit(&mut frame);
    link.send(&frame, None).expect("sent");
}

/// Who has `ip`, asked by 10.77.0.7: his MAC address.
fn resolve(link: &mut AfPacket, ip: &Host) -> Mac {
    let std::net::IpAddr::V4(target_ip) = ip.address else { panic!("an IPv4 address") };
    let sender_ip = "10.77.0.7".parse().expect("an address");
    let request = Arp {
        operation: ArpOperation::Request,
        sender_mac: OURS,
        sender_ip,
        target_mac: Mac([0; 6]),
        target_ip,
    };
    let mut payload = Vec::new();
    request.emit(&mut payload);
    send(link, Mac::BROADCAST, None, EtherType::Arp, &payload);
    wait_for(link, "an ARP reply", |frame| {
        let reply = Arp::parse(frame.payload).ok().filter(|_| frame.ether_type == EtherType::Arp)?;
        (reply.operation == ArpOperation::Reply && frame.dst == OURS).then_some(reply.sender_mac)
    })
}

#[test]
fn a_station_of_our_own_talks_to_the_kernel_at_the_other_end() {
    let Some(world) = World::new() else { return };
    let [(near, far), _] = world.wire_pairs();
    let mut link = station(&near);
    wait_for_carrier(&link);
    assert_eq!(link.status(), Some(Status { running: true, mtu: 1500 }));
    let theirs = resolve(&mut link, &far);
    assert!(theirs.is_unicast() && theirs != OURS);
    let own = "10.77.0.7".parse().expect("an address");
    let kernel = far.run(|| std::net::UdpSocket::bind(far.port(0))).expect("a kernel socket");
    kernel.set_read_timeout(Some(PATIENCE)).expect("set");
    let to = kernel.local_addr().expect("an address").port();
    send(&mut link, theirs, None, EtherType::Ipv4, &packet(own, far.address, UDP, &udp(7, to, b"ping")));
    let mut buffer = [0; 16];
    let (n, from) = kernel.recv_from(&mut buffer).expect("received");
    assert_eq!((&buffer[..n], from), (&b"ping"[..], (own, 7).into()));
    // The kernel knows our MAC address by our question.
    kernel.send_to(b"pong", from).expect("answered");
    wait_for(&mut link, "the answer", |frame| {
        let packet = IpPacket::parse(frame.payload).ok()?;
        (frame.dst == OURS && packet.dst == own && packet.payload.ends_with(b"pong")).then_some(())
    });
}

#[test]
fn datagrams_that_the_kernel_sends_joined_come_one_by_one() {
    let Some(world) = World::new() else { return };
    for (near, far) in world.wire_pairs() {
        let mut link = station(&near);
        wait_for_carrier(&link);
        let own = if far.address.is_ipv4() { "10.77.0.7" } else { "fd77::7" };
        let neighbor = format!("neigh add {own} lladdr {OURS} dev wire nud permanent");
        far.ip(&neighbor);
        let kernel = far.run(|| std::net::UdpSocket::bind(far.port(0))).expect("a kernel socket");
        let each: libc::c_int = 1000;
        // SAFETY: the pointer and the length describe `each`, which outlives the call; the kernel only reads it.
        let status = unsafe {
            libc::setsockopt(
                kernel.as_raw_fd(),
                libc::SOL_UDP,
                libc::UDP_SEGMENT,
                (&raw const each).cast(),
                size_of_val(&each) as libc::socklen_t,
            )
        };
        assert_eq!(status, 0);
        let data: Vec<u8> = (0..2500u32).map(|at| (at % 251) as u8).collect();
        kernel.send_to(&data, (own.parse::<std::net::IpAddr>().expect("an address"), 7)).expect("sent");
        for part in data.chunks(1000) {
            wait_for(&mut link, "a datagram", |frame| {
                let packet = IpPacket::parse(frame.payload).ok()?;
                let datagram =
                    UdpDatagram::parse(packet.payload, (packet.src, packet.dst), ChecksumPolicy::Ignore)
                        .ok()?;
                assert!(datagram.payload == part, "{} octets", datagram.payload.len());
                Some(())
            });
        }
    }
}

#[test]
fn frames_for_other_stations_and_those_of_the_host_itself_are_not_seen() {
    let Some(world) = World::new() else { return };
    let [(near, far), _] = world.wire_pairs();
    let (mut link, mut other) = (station(&near), far.run(|| AfPacket::open("wire", OTHER)).expect("a link"));
    // The host itself asks, and so does a kernel to which the frames are not addressed.
    let kernel = near.run(|| std::net::UdpSocket::bind(near.port(0))).expect("a kernel socket");
    kernel.send_to(b"hello", far.port(9)).expect("sent");
    wait_for(&mut other, "the host's question", |frame| (frame.ether_type == EtherType::Arp).then_some(()));
    let for_another = |dst| {
        let mut frame = Vec::new();
        EthernetFrame {
            dst,
            src: OTHER,
            vlan: None,
            ether_type: EtherType::Unknown(0x88b5),
            payload: &[1; 46],
        }
        .emit(&mut frame);
        frame
    };
    other.send(&for_another(Mac([2, 0, 0, 0, 0, 0x78])), None).expect("sent");
    other.send(&for_another(OURS), None).expect("sent");
    let mut seen = Vec::new();
    wait_for(&mut link, "the frame for us", |frame| {
        seen.push((frame.src, frame.dst));
        (frame.dst == OURS).then_some(())
    });
    assert!(seen.iter().all(|(_, dst)| *dst == OURS || dst.is_group()), "{seen:?}");
    let host_asked = seen.iter().any(|(src, dst)| *dst == Mac::BROADCAST && *src != OTHER);
    assert!(!host_asked, "{seen:?}");
}

#[test]
fn tags_that_the_kernel_took_out_are_put_back() {
    let Some(world) = World::new() else { return };
    let [(near, far), _] = world.wire_pairs();
    let (mut link, mut other) = (station(&near), far.run(|| AfPacket::open("wire", OTHER)).expect("a link"));
    let vlan = Some(Vlan { id: 7, priority: 5 });
    let mut frame = Vec::new();
    let payload = [9; 100];
    EthernetFrame { dst: OURS, src: OTHER, vlan, ether_type: EtherType::Ipv4, payload: &payload }
        .emit(&mut frame);
    other.send(&frame, None).expect("sent");
    wait_for(&mut link, "the tagged frame", |frame| {
        (frame.vlan == vlan)
            .then(|| assert_eq!((frame.ether_type, frame.payload), (EtherType::Ipv4, &payload[..])))
    });
}

#[test]
fn a_frame_above_the_mtu_is_refused_by_name() {
    let Some(world) = World::new() else { return };
    let [(near, _), _] = world.wire_pairs();
    let mut link = station(&near);
    link.send(&[2; 14 + 1500], None).expect("sent");
    let error = link.send(&[2; 14 + 1501], None).expect_err("too big");
    assert!(matches!(error, SendError::TooBig { length: 1515, mtu: 1500 }), "{error}");
}

#[test]
fn queued_frames_leave_in_order_and_those_that_were_refused_are_told() {
    let Some(world) = World::new() else { return };
    let [(near, far), _] = world.wire_pairs();
    let (mut from, mut to) = (station(&near), far.run(|| AfPacket::open("wire", OTHER)).expect("a link"));
    wait_for_carrier(&from);
    // Short ones and long ones, two of them longer than the MTU, and more than leave or come by one call.
    let lengths = (0..100).map(|number| match number {
        3 | 90 => 1600,
        _ if number % 7 == 0 => 1000,
        _ => 40,
    });
    let mut expected = Vec::new();
    for (number, length) in lengths.enumerate() {
        let mut payload = vec![0; length];
        payload[0] = number as u8;
        let mut frame = Vec::new();
        let ether_type = EtherType::Unknown(EXPERIMENTAL);
        EthernetFrame { dst: OTHER, src: OURS, vlan: None, ether_type, payload: &payload }.emit(&mut frame);
        from.queue(&frame, None);
        if length <= 1500 {
            expected.push(payload);
        }
    }
    let refused = from.flush();
    let too_big =
        |error: &SendError| matches!(error, SendError::TooBig { length, mtu: 1500 } if *length == 14 + 1600);
    assert!(refused.len() == 2 && refused.iter().all(too_big), "{refused:?}");
    assert!(from.flush().is_empty(), "it is told once");
    let asked = Instant::now();
    while !to.waits().expect("asked") {
        assert!(asked.elapsed() < Duration::from_secs(5), "nothing came");
        std::thread::yield_now();
    }
    let mut came = Vec::new();
    while came.len() < expected.len() {
        wait_for(&mut to, "the next one", |frame| {
            (frame.ether_type == EtherType::Unknown(EXPERIMENTAL)).then(|| came.push(frame.payload.to_vec()))
        });
    }
    assert!(came == expected, "in another order, or others");
    while to.waits().expect("asked") {
        to.recv().expect("received").expect("what waits");
    }

    near.ip("link set wire down");
    for _ in 0..3 {
        from.queue(&[2; 60], None);
    }
    let refused = from.flush();
    assert!(
        refused.len() == 3 && refused.iter().all(|error| matches!(error, SendError::Io(_))),
        "{refused:?}"
    );
}

#[test]
fn an_interface_that_changes_goes_down_and_is_removed_is_seen_to() {
    let Some(world) = World::new() else { return };
    let [(near, far), _] = world.wire_pairs();
    let mut link = station(&near);
    wait_for_carrier(&link);
    near.ip("link set wire mtu 1400");
    assert_eq!(link.status(), Some(Status { running: true, mtu: 1400 }));
    near.ip("link set wire down");
    assert_eq!(link.status(), Some(Status { running: false, mtu: 1400 }));
    assert!(matches!(link.send(&[2; 60], None), Err(SendError::Io(_))));
    near.ip("link set wire name other");
    assert_eq!(link.status(), None, "under its name there is none");
    near.ip("link set other name wire");
    assert_eq!(link.status(), Some(Status { running: false, mtu: 1400 }));
    near.ip("link set wire up");
    // The peer's end goes down: there is no carrier.
    wait_for_carrier(&link);
    far.ip("link set wire down");
    while link.status().expect("it is there").running {
        std::thread::yield_now();
    }
    far.ip("link set wire up");
    wait_for_carrier(&link);
    resolve(&mut link, &far);
    near.ip("link delete wire");
    assert_eq!(link.status(), None);
    let error = link.take_up().expect_err("there is none");
    assert!(matches!(&error, LinkError::NoSuchInterface(name) if name == "wire"), "{error}");
}

#[test]
fn an_interface_that_comes_under_the_name_of_one_that_was_removed_is_taken_up() {
    let Some(world) = World::new() else { return };
    let [(near, far), _] = world.wire_pairs();
    let mut link = station(&near);
    wait_for_carrier(&link);
    // Even under the same number it is another.
    for index in [77, 78] {
        near.ip("link delete wire");
        near.ip(&format!("link add wire index {index} type veth peer name wire netns {}", far.namespace));
        far.ip(&format!("address add {}/24 dev wire", far.address));
        far.ip("link set wire up");
        near.ip("link set wire up");
        assert_eq!(link.status(), None, "another one under its name");
        // What its host had to say on the one that is gone may still be there.
        while link.recv().expect("no error comes").is_some() {}
        link.take_up().expect("there is one");
        wait_for_carrier(&link);
        resolve(&mut link, &far);
    }
}

#[test]
fn an_interface_that_is_not_there_is_named() {
    let Some(world) = World::new() else { return };
    let [(near, _), _] = world.wire_pairs();
    let error = near.run(|| AfPacket::open("nowhere", OURS)).expect_err("no interface");
    assert!(matches!(&error, LinkError::NoSuchInterface(name) if name == "nowhere"), "{error}");
}

#[test]
fn what_does_not_fit_the_receive_queue_is_counted_and_a_full_queue_of_the_interface_is_told() {
    let Some(world) = World::new() else { return };
    let [(near, far), _] = world.wire_pairs();
    let (mut from, mut to) = (station(&near), far.run(|| AfPacket::open("wire", OTHER)).expect("a link"));
    wait_for_carrier(&from);
    let own = "10.77.0.7".parse().expect("an address");
    let flood = packet(own, "10.77.0.8".parse().expect("an address"), UDP, &udp(7, 9, &[0; 1400]));
    let mut sent = 0_u32;
    while to.lost().overflowed == 0 {
        send(&mut from, OTHER, None, EtherType::Ipv4, &flood);
        sent += 1;
        assert!(sent < 1_000_000, "{sent} frames in a queue of a few megabytes");
    }
    while to.recv().expect("received").is_some() {}
    send(&mut from, OTHER, None, EtherType::Ipv4, &packet(own, own, UDP, &udp(7, 10, b"")));
    wait_for(&mut to, "the one after them", |frame| (frame.payload.len() == 28).then_some(()));

    let Some(()) = near.slow_wire("8kbit") else { return };
    let mut frame = Vec::new();
    EthernetFrame { dst: OTHER, src: OURS, vlan: None, ether_type: EtherType::Ipv4, payload: &flood }
        .emit(&mut frame);
    let refused = (0..100).find_map(|_| from.send(&frame, None).err()).expect("no queue is so long");
    assert!(matches!(refused, SendError::Busy), "{refused}");
}
