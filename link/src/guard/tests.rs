//! Who holds a port. That the kernel is silent on it is shown in `tests/guard.rs`.
//!
//! These tests expect a port back at once, so none in this binary may start a child process.

use std::io::ErrorKind;
use std::net::{IpAddr, TcpListener, UdpSocket};

use super::*;

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn any_port(address: IpAddr) -> SocketAddr {
    SocketAddr::new(address, 0)
}

/// Whether guards may be made here; if not, says why.
fn permitted() -> bool {
    match PortGuard::claim(Protocol::Tcp, any_port(LOOPBACK)) {
        Err(why @ LinkError::NotPermitted { .. }) => {
            println!("skipped: {why}");
            false
        }
        _ => true,
    }
}

/// Has the kernel take `address`, for as long as the result lives.
fn kernel_takes(protocol: Protocol, address: SocketAddr) -> io::Result<(SocketAddr, Box<dyn std::any::Any>)> {
    match protocol {
        Protocol::Tcp => TcpListener::bind(address).and_then(|s| Ok((s.local_addr()?, Box::new(s) as _))),
        Protocol::Udp => UdpSocket::bind(address).and_then(|s| Ok((s.local_addr()?, Box::new(s) as _))),
    }
}

/// An IPv4 packet from 127.0.0.9, of `protocol`, to a port of the loopback address.
fn packet_to(protocol: u8, port: u16) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 24, 0, 0, 0, 0, 64, protocol, 0, 0, 127, 0, 0, 9, 127, 0, 0, 1, 0, 9];
    packet.extend(port.to_be_bytes());
    packet
}

#[test]
fn kernel_sockets_and_guards_exclude_each_other() {
    if !permitted() {
        return;
    }
    for ip in [LOOPBACK, std::net::Ipv6Addr::LOCALHOST.into()] {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let Ok((address, socket)) = kernel_takes(protocol, any_port(ip)) else {
                println!("skipped: no {ip} here");
                continue;
            };
            let error = PortGuard::claim(protocol, address).expect_err("taken by the kernel");
            assert!(matches!(error, LinkError::PortTaken(p, a) if (p, a) == (protocol, address)), "{error}");
            drop(socket);

            let guard = PortGuard::claim(protocol, address).expect("free again");
            assert!(matches!(PortGuard::claim(protocol, address), Err(LinkError::PortTaken(..))));
            assert_eq!(kernel_takes(protocol, address).expect_err("guarded").kind(), ErrorKind::AddrInUse);
            drop(guard);
            kernel_takes(protocol, address).expect("given back at once");
        }
    }
}

#[test]
fn the_two_protocols_and_the_two_families_do_not_exclude_each_other() {
    if !permitted() {
        return;
    }
    let any: IpAddr = std::net::Ipv6Addr::UNSPECIFIED.into();
    let Ok(six) = PortGuard::claim(Protocol::Tcp, any_port(any)) else {
        println!("skipped: no IPv6 here");
        return;
    };
    let four = SocketAddr::new(LOOPBACK, six.address().port());
    let _tcp = PortGuard::claim(Protocol::Tcp, four).expect("the same port of the other family");
    let _udp = PortGuard::claim(Protocol::Udp, four).expect("the same port of the other protocol");
}

#[test]
fn a_guard_needs_an_address_of_the_host() {
    if !permitted() {
        return;
    }
    let address = "192.0.2.1:8080".parse().expect("an address");
    let error = PortGuard::claim(Protocol::Tcp, address).expect_err("not ours");
    assert!(matches!(error, LinkError::AddressNotOwned(ip) if ip == address.ip()), "{error}");
}

#[test]
fn guards_are_shared_by_their_holders_and_limited() {
    if !permitted() {
        return;
    }
    let mut guards = Guards::new(1);
    let address = guards.claim(Protocol::Tcp, any_port(LOOPBACK)).expect("a guard");
    assert_eq!(guards.claim(Protocol::Tcp, address).expect("shared"), address);
    let another = guards.claim(Protocol::Tcp, any_port(LOOPBACK));
    assert!(matches!(another, Err(LinkError::TooManyGuards { limit: 1 })));

    assert!(guards.release(Protocol::Tcp, address));
    assert!(guards.holds(Protocol::Tcp, address));
    assert!(guards.release(Protocol::Tcp, address));
    assert!(guards.is_empty() && !guards.release(Protocol::Tcp, address));
    kernel_takes(Protocol::Tcp, address).expect("the kernel has it back");
}

#[test]
fn packets_for_guarded_ports_and_all_icmp_are_admitted() {
    if !permitted() {
        return;
    }
    const TCP: u8 = 6;
    const UDP: u8 = 17;
    const ICMP: u8 = 1;
    let mut guards = Guards::new(8);
    let port = guards.claim(Protocol::Tcp, any_port(LOOPBACK)).expect("a guard").port();
    assert!(guards.admit(&packet_to(TCP, port)));
    assert!(!guards.admit(&packet_to(TCP, port ^ 1)), "a port of the kernel");
    assert!(!guards.admit(&packet_to(UDP, port)), "another protocol");
    assert!(guards.admit(&packet_to(ICMP, port)));
}
