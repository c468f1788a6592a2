//! Interfaces that go down, change and vanish under connections that live: what is told, and what survives.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use sockwright_proto::v1::{self as pb, attach_request};
use tonic::{Code, Status};

use crate::common::watch::Watch;
use crate::net::Host;
use crate::rig::station::{as_a_station, attach_beside, on_both_families, with_prefix};
use crate::rig::{PATIENCE, Rig, address, content, errno, short_msl};

/// A socket of ours, connected to a kernel socket.
pub(crate) async fn connected(rig: &Rig) -> (u64, TcpStream) {
    let listener = rig.theirs.run(|| TcpListener::bind(rig.theirs.port(0))).expect("the kernel listens");
    let socket = rig.connect(listener.local_addr().expect("an address"), short_msl()).await;
    let (kernel, _) = listener.accept().expect("accepted");
    kernel.set_read_timeout(Some(PATIENCE)).expect("set");
    (socket, kernel)
}

/// Octets go both ways on a connection.
pub(crate) async fn exchange(rig: &Rig, socket: u64, kernel: &mut TcpStream) {
    let sent: Vec<u8> = content(socket, 1).flatten().collect();
    rig.send(socket, &sent).await;
    let mut received = vec![0; sent.len()];
    kernel.read_exact(&mut received).expect("received");
    assert!(received == sent, "others came");
    kernel.write_all(b"from them").expect("sent");
    assert_eq!(&rig.recv(socket).await.expect("received").data[..], b"from them");
}

pub(crate) async fn until_link_is(watch: &mut Watch, state: pb::LinkState, mtu: u32) {
    let reached = watch.find(|event| match &event.kind {
        Some(pb::event::Kind::LinkChanged(link)) => (link.state() == state && link.mtu == mtu).then_some(()),
        _ => None,
    });
    tokio::time::timeout(PATIENCE, reached)
        .await
        .unwrap_or_else(|_| panic!("the link is never {state:?}, {mtu}"));
}

async fn connect(rig: &Rig) -> Result<(), Status> {
    let socket = rig.create(pb::SocketKind::Stream).await;
    let remote = Some(address(rig.theirs.port(9)));
    let request = pb::ConnectRequest { socket, remote, ..Default::default() };
    let connected = rig.sockets.clone().connect(request).await.map(drop);
    rig.close(socket).await;
    connected
}

/// Octets that nobody waits for to arrive.
pub(crate) async fn send_into_the_void(rig: &Rig, socket: u64) {
    let request = pb::SendRequest { socket, data: "lost".into(), dont_wait: true, urgent: false };
    rig.sockets.clone().send(request).await.expect("kept for later");
}

/// They arrive all the same, before anything else.
fn arrives_late(kernel: &mut TcpStream) {
    let mut late = [0; 4];
    kernel.read_exact(&mut late).expect("what waited arrives");
    assert_eq!(&late, b"lost");
}

/// Asserts that the thread of the stack sleeps nearly all the time, while a call of ours waits for nothing.
pub(crate) async fn nothing_spins(rig: &Rig, socket: u64) {
    let (began, before) = (Instant::now(), cpu_time(rig));
    let receiving = tokio::time::timeout(Duration::from_secs(2), rig.recv(socket)).await;
    assert!(receiving.is_err(), "nothing can come: {receiving:?}");
    let (wall, used) = (began.elapsed(), cpu_time(rig) - before);
    assert!(used * 4 < wall, "the thread worked for {used:?} in {wall:?}");
}

/// The processor time that the rig's stack took so far.
fn cpu_time(rig: &Rig) -> Duration {
    let stat = of_thread(rig, "stat");
    // proc_pid_stat(5): utime and stime, in units of 10 ms, are the 14th and 15th field; its name ends the second.
    let (_, rest) = stat.rsplit_once(") ").expect("a name");
    let ticks: u32 =
        rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u32>().expect("a number")).sum();
    Duration::from_millis(10) * ticks
}

/// What the kernel tells in this file of the thread of the rig's stack, which is where the host is.
pub(crate) fn of_thread(rig: &Rig, file: &str) -> String {
    let namespace = rig.ours.run(|| fs::read_link("/proc/thread-self/ns/net")).expect("a namespace");
    let threads = fs::read_dir("/proc/self/task").expect("the threads");
    let threads = threads.map(|thread| thread.expect("one").path());
    let here =
        threads.filter(|thread| fs::read_link(thread.join("ns/net")).is_ok_and(|other| other == namespace));
    // One of another test may end while it is looked at.
    let mut stacks = here.filter(|thread| {
        fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.trim_end() == "stack wire")
    });
    let thread = stacks.next().expect("the thread of the stack");
    fs::read_to_string(thread.join(file)).expect("it is told")
}

#[test]
fn connections_survive_an_interface_that_goes_down_and_up() {
    as_a_station(|rig| async move {
        let mut watch = rig.watch(&[pb::EventKind::LinkChanged]).await;
        let (socket, mut kernel) = connected(&rig).await;
        exchange(&rig, socket, &mut kernel).await;
        rig.ours.ip("link set wire down");
        until_link_is(&mut watch, pb::LinkState::Down, 1500).await;
        send_into_the_void(&rig, socket).await;
        nothing_spins(&rig, socket).await;
        rig.ours.ip("link set wire up");
        until_link_is(&mut watch, pb::LinkState::Up, 1500).await;
        arrives_late(&mut kernel);
        exchange(&rig, socket, &mut kernel).await;

        // The other end goes down: there is no carrier.
        rig.theirs.ip("link set wire down");
        until_link_is(&mut watch, pb::LinkState::Down, 1500).await;
        raise(&rig.theirs);
        until_link_is(&mut watch, pb::LinkState::Up, 1500).await;
        exchange(&rig, socket, &mut kernel).await;
        drop(kernel);
        rig.close(socket).await;
    });
}

#[test]
fn connections_follow_the_mtu_of_an_interface() {
    as_a_station(|rig| async move {
        let mut watch = rig.watch(&[pb::EventKind::LinkChanged]).await;
        let (socket, mut kernel) = connected(&rig).await;
        exchange(&rig, socket, &mut kernel).await;
        for mtu in [1300, 1500] {
            rig.ours.ip(&format!("link set wire mtu {mtu}"));
            until_link_is(&mut watch, pb::LinkState::Up, mtu).await;
            exchange(&rig, socket, &mut kernel).await;
            let request = pb::GetInfoRequest { socket };
            let info = rig.sockets.clone().get_info(request).await.expect("told").into_inner();
            // Behind the headers of IP and TCP, the latter with a timestamp.
            let headers = if rig.ours.address.is_ipv4() { 20 + 32 } else { 40 + 32 };
            assert_eq!(info.tcp.expect("a connection").snd_mss, mtu - headers);
        }
        drop(kernel);
        rig.close(socket).await;
    });
}

#[test]
fn a_removed_interface_is_told_and_nothing_spins() {
    as_a_station(|rig| async move {
        let mut watch = rig.watch(&[pb::EventKind::LinkChanged]).await;
        let (socket, mut kernel) = connected(&rig).await;
        exchange(&rig, socket, &mut kernel).await;
        rig.ours.ip("link delete wire");
        until_link_is(&mut watch, pb::LinkState::Gone, 1500).await;
        send_into_the_void(&rig, socket).await;
        nothing_spins(&rig, socket).await;
        assert_eq!(errno(&connect(&rig).await.expect_err("there is no interface")), "ENETDOWN");

        let status = attach_beside(&rig, "late", &[&with_prefix(rig.ours.address)], vec![]).await;
        let status = status.expect_err("there is no interface");
        assert_eq!((status.code(), errno(&status).as_str()), (Code::NotFound, "ENODEV"), "{status}");
        rig.sockets.clone().abort(pb::AbortRequest { socket }).await.expect("aborted");
    });
}

/// Makes the wire again that was removed, its end on our side with this number, and the address at the other end.
fn remake_wire(rig: &Rig, index: u32) {
    let Rig { ours, theirs, .. } = rig;
    ours.ip(&format!("link add wire index {index} type veth peer name wire netns {}", theirs.namespace));
    raise(theirs);
}

/// Sets an end of the wire up, with its address, which an end that goes down may lose.
fn raise(end: &Host) {
    end.ip("link set wire up");
    let nodad = if end.address.is_ipv6() { " nodad" } else { "" };
    end.ip(&format!("address replace {} dev wire{nodad}", with_prefix(end.address)));
}

#[test]
fn connections_survive_an_interface_that_is_removed_and_comes_back_under_its_name() {
    as_a_station(|rig| async move {
        let mut watch = rig.watch(&[pb::EventKind::LinkChanged]).await;
        let (socket, mut kernel) = connected(&rig).await;
        exchange(&rig, socket, &mut kernel).await;
        // Even under the same number it is another.
        for index in [77, 78] {
            rig.ours.ip("link delete wire");
            until_link_is(&mut watch, pb::LinkState::Gone, 1500).await;
            send_into_the_void(&rig, socket).await;
            nothing_spins(&rig, socket).await;
            assert_eq!(errno(&connect(&rig).await.expect_err("there is no interface")), "ENETDOWN");
            remake_wire(&rig, index);
            until_link_is(&mut watch, pb::LinkState::Down, 1500).await;
            rig.ours.ip("link set wire up");
            until_link_is(&mut watch, pb::LinkState::Up, 1500).await;
            arrives_late(&mut kernel);
            exchange(&rig, socket, &mut kernel).await;
            let (another, kernel) = connected(&rig).await;
            drop(kernel);
            rig.close(another).await;
        }
        nothing_spins(&rig, socket).await;
        drop(kernel);
        rig.close(socket).await;
    });
}

#[test]
fn connections_over_raw_sockets_on_an_interface_follow_it_when_it_comes_back() {
    on_both_families(|rig| async move {
        let detach = pb::DetachRequest { name: "wire".into() };
        rig.networks.clone().detach(detach).await.expect("detached");
        let raw_ip = pb::RawIp { addresses: vec![rig.ours.address.to_string()], interface: "wire".into() };
        let link = Some(attach_request::Link::RawIp(raw_ip));
        let request = pb::AttachRequest { name: "wire".into(), link, ..Default::default() };
        rig.networks.clone().attach(request).await.expect("attached");
        let (socket, mut kernel) = connected(&rig).await;
        exchange(&rig, socket, &mut kernel).await;
        rig.ours.ip("link delete wire");
        send_into_the_void(&rig, socket).await;
        nothing_spins(&rig, socket).await;
        remake_wire(&rig, 78);
        raise(&rig.ours);
        arrives_late(&mut kernel);
        exchange(&rig, socket, &mut kernel).await;
        drop(kernel);
        rig.close(socket).await;
    });
}

#[test]
fn an_interface_that_vanishes_while_a_station_asks_for_its_address_is_no_interface() {
    on_both_families(|rig| async move {
        let address = with_prefix(rig.ours.port(0).ip());
        let other = address.replacen("1/", "7/", 1);
        let (attaching, rig) = (rig.clone(), rig);
        let attaching =
            tokio::spawn(async move { attach_beside(&attaching, "late", &[&other], vec![]).await });
        // Its packet socket is on the interface, of the number 77.
        let on_wire = || rig.ours.run(|| fs::read_to_string("/proc/thread-self/net/packet").expect("a list"));
        let deadline = Instant::now() + PATIENCE;
        while !on_wire().lines().any(|line| line.split_whitespace().nth(4) == Some("77")) {
            assert!(Instant::now() < deadline, "no packet socket is on the interface");
            tokio::task::yield_now().await;
        }
        rig.ours.ip("link delete wire");
        let status = attaching.await.expect("no panic").expect_err("it vanished");
        assert_eq!((status.code(), errno(&status).as_str()), (Code::NotFound, "ENODEV"), "{status}");
    });
}

#[test]
fn connections_over_raw_sockets_survive_an_address_that_is_removed_and_added() {
    on_both_families(|rig| async move {
        let (socket, mut kernel) = connected(&rig).await;
        exchange(&rig, socket, &mut kernel).await;
        let datagrams = rig.create(pb::SocketKind::Datagram).await;
        let remote = Some(address(rig.theirs.port(9)));
        let request = pb::ConnectRequest { socket: datagrams, remote, ..Default::default() };
        rig.sockets.clone().connect(request).await.expect("a peer");
        let own = with_prefix(rig.ours.address);
        rig.ours.ip(&format!("address delete {own} dev wire"));
        send_into_the_void(&rig, socket).await;
        nothing_spins(&rig, socket).await;
        // The kernel has no way from there, and no port there for another socket.
        rig.send(datagrams, b"lost").await;
        assert_eq!(errno(&rig.recv(datagrams).await.expect_err("there is no way")), "ENETUNREACH");
        assert_eq!(errno(&connect(&rig).await.expect_err("there is no address")), "EADDRNOTAVAIL");
        let status = rig.attach("late").await.expect_err("the host does not have the address");
        assert_eq!(errno(&status), "EADDRNOTAVAIL", "{status}");
        rig.ours.ip(&format!("address add {own} dev wire{}", if own.contains(':') { " nodad" } else { "" }));
        arrives_late(&mut kernel);
        exchange(&rig, socket, &mut kernel).await;
        rig.close(datagrams).await;
        drop(kernel);
        rig.close(socket).await;
    });
}

#[test]
fn connections_over_raw_sockets_follow_the_mtu_of_the_hosts_interface() {
    on_both_families(|rig| async move {
        let mut watch = rig.watch(&[pb::EventKind::LinkChanged]).await;
        let (socket, mut kernel) = connected(&rig).await;
        exchange(&rig, socket, &mut kernel).await;
        for mtu in [1300, 1500] {
            rig.ours.ip(&format!("link set wire mtu {mtu}"));
            // What is too long by now is refused, and tells that it is.
            exchange(&rig, socket, &mut kernel).await;
            until_link_is(&mut watch, pb::LinkState::Up, mtu).await;
            exchange(&rig, socket, &mut kernel).await;
        }
        drop(kernel);
        rig.close(socket).await;
    });
}
