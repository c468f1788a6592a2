//! Netlink sockets: what they are told without asking.

use std::io;

use socket2::{SockAddr, SockAddrStorage, Socket};

/// Has a netlink socket be told of whatever becomes of an interface (`RTMGRP_LINK`).
pub(crate) fn tell_of_interfaces(socket: &Socket) -> io::Result<()> {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: `sockaddr_nl` is a socket address: plain data, no larger and no more aligned than the storage of any.
    let address = unsafe { storage.view_as::<libc::sockaddr_nl>() };
    address.nl_family = libc::AF_NETLINK as u16;
    address.nl_groups = libc::RTMGRP_LINK as u32;
    // SAFETY: the storage holds a whole `sockaddr_nl`, as its family says.
    let address = unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_nl>() as libc::socklen_t) };
    socket.bind(&address)
}
