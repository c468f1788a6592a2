//! Namespaces of the process's own, in which an ordinary user may have every link.
//!
//! Linux lets an ordinary user make a user namespace, in which he is root, and a network namespace that belongs to it:
//! there raw sockets, packet sockets and interfaces are his, and nothing of it touches the host's network. This is what
//! `unshare -Urn` does for a program; here a process does it to itself.
//!
//! ```text
//!                  the process's own network namespace
//!  ┌──────────────────────────────────────────────────────────────────┐
//!  │  lo 127.0.0.1, ::1           raw_ip: on these, or on the host's   │
//!  │                                                                  │
//!  │  host 10.0.0.1/24, fd00::1/64 ════ wire        (a veth pair)      │
//!  │       the kernel, as a host             af_packet: a station here │
//!  └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! - **Sockets keep their namespace**: what the process listens on before stays where it was, and serves from inside.
//! - **A process moves as a whole or not at all**: Linux refuses where there is a second thread. So this comes first.
//! - **Outside, nothing is gained**: files and the host's network are what they were for the user. Only one user and one
//!   group are known inside, as root; `/sys/class/net` still shows the host's interfaces.
//! - **Buffers are smaller**: beyond `net.core.rmem_max` only the host's own root may ask.
//! - **TUN and TAP** need `/dev/net/tun`, which most systems let everybody open, and containers often lack.
//! - **It goes with the last process in it.** Another one comes in by `nsenter --preserve-credentials -U -n -t PID`.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use socket2::{Domain, Socket, Type};

use crate::error::LinkError;
use crate::netlink::Netlink;
use crate::sys;

/// The end of the veth pair that the kernel is on.
pub const HOST: &str = "host";
/// The end that is left to stations. The kernel has no address there.
pub const WIRE: &str = "wire";
/// The kernel's addresses on [`HOST`], with the lengths of their prefixes. Of IPv6, where the kernel has it.
pub const HOST_ADDRESSES: [(IpAddr, u8); 2] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 24),
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)), 64),
];

/// Moves the calling process, which has no second thread, into namespaces of its own, and makes there what links need.
/// Gives the kernel's addresses on [`HOST`]: [`HOST_ADDRESSES`], without that of IPv6 where IPv6 is off.
///
/// Fails with [`LinkError::NoNamespaces`] where ordinary users may not do so.
pub fn isolate() -> Result<Vec<IpAddr>, LinkError> {
    let (user, group) = sys::user_and_group();
    sys::enter_new_user_and_network_namespace().map_err(LinkError::NoNamespaces)?;
    become_root(user, group).map_err(LinkError::NoNamespaces)?;
    furnish().map_err(LinkError::privileged("make interfaces in a namespace of its own", "CAP_NET_ADMIN"))
}

/// The user and the group that the process had outside are root inside.
fn become_root(user: u32, group: u32) -> io::Result<()> {
    // Otherwise Linux does not let an ordinary user say whose group is whose.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

fn furnish() -> io::Result<Vec<IpAddr>> {
    let netlink = Netlink::open()?;
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    netlink.set_up(sys::interface_index_of(&socket, "lo")?)?;
    netlink.add_veth([HOST, WIRE])?;
    let host = sys::interface_index_of(&socket, HOST)?;
    let addresses = give_addresses(|address| netlink.add_address(host, address))?;
    netlink.set_up(host)?;
    netlink.set_up(sys::interface_index_of(&socket, WIRE)?)?;
    Ok(addresses)
}

/// Gives each of the addresses, but those of IPv6 where that is off: which were given.
fn give_addresses(give: impl Fn((IpAddr, u8)) -> io::Result<()>) -> io::Result<Vec<IpAddr>> {
    let mut given = Vec::new();
    for address in HOST_ADDRESSES {
        match give(address) {
            Ok(()) => given.push(address.0),
            Err(error) if address.0.is_ipv6() && is_off(&error) => {}
            Err(error) => {
                let what = format!("the address {} on the interface {HOST}: {error}", address.0);
                return Err(io::Error::new(error.kind(), what));
            }
        }
    }
    Ok(given)
}

/// Whether a kernel that has no IPv6, or has it switched off (`disable_ipv6`), says this of an address.
fn is_off(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT | libc::EACCES))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of it where the kernel says this of every address of a family.
    fn given(v6: bool, errno: i32) -> io::Result<Vec<IpAddr>> {
        give_addresses(|(ip, _)| match ip.is_ipv6() == v6 {
            true => Err(io::Error::from_raw_os_error(errno)),
            false => Ok(()),
        })
    }

    #[test]
    fn without_ipv6_the_host_has_its_ipv4_address_alone() {
        let [(v4, _), (v6, _)] = HOST_ADDRESSES;
        assert_eq!(give_addresses(|_| Ok(())).expect("given"), [v4, v6]);
        for errno in [libc::EOPNOTSUPP, libc::EAFNOSUPPORT, libc::EACCES] {
            assert_eq!(given(true, errno).expect("given"), [v4]);
            given(false, errno).expect_err("IPv4 is never off");
        }
    }

    #[test]
    fn an_address_that_cannot_be_given_is_named() {
        for errno in [libc::EINVAL, libc::ENODEV, libc::EPERM, libc::ENOBUFS] {
            let error = given(true, errno).expect_err("IPv6 is there");
            assert!(error.to_string().contains("fd00::1 on the interface host"), "{error}");
        }
    }
}
