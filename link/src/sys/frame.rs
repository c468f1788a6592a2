//! Packet sockets (`AF_PACKET`): what they are bound to and show, and waiting for them to the microsecond.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use socket2::{SockAddr, SockAddrStorage, Socket};

/// Binds a packet socket to the interface of this index, for frames of every protocol.
pub(crate) fn bind_to_interface(socket: &Socket, index: u32) -> io::Result<()> {
    bind(socket, index, EVERY_PROTOCOL)
}

/// Binds a packet socket to the interface of this index, to send alone: it receives nothing.
pub(crate) fn bind_to_interface_to_send(socket: &Socket, index: u32) -> io::Result<()> {
    bind(socket, index, NO_PROTOCOL)
}

fn bind(socket: &Socket, index: u32, protocol: u16) -> io::Result<()> {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: `sockaddr_ll` is a socket address: plain data, no larger and no more aligned than the storage of any.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol;
    address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
    // SAFETY: the storage holds a whole `sockaddr_ll`, as its family says.
    let address = unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t) };
    socket.bind(&address)
}

/// The index of the interface that a packet socket is bound to; `None` once that was removed.
pub(crate) fn bound_interface(socket: &Socket) -> Option<u32> {
    let address = socket.local_addr().ok()?;
    // SAFETY: behind the pointer is the storage of any address: larger than a `sockaddr_ll`, as aligned, and no octet of
    // it unset.
    let index = unsafe { (*address.as_ptr().cast::<libc::sockaddr_ll>()).sll_ifindex };
    u32::try_from(index).ok()
}

/// Has a packet socket not show what this host itself sends there (`PACKET_IGNORE_OUTGOING`), and say and be told with
/// each frame what of it is left to hardware (`PACKET_VNET_HDR`).
pub(crate) fn frames_from_outside_with_their_offloads(socket: &Socket) -> io::Result<()> {
    frames_with_their_offloads(socket)?;
    super::option::set_int(socket, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
}

/// Has a packet socket say and be told with each frame what of it is left to hardware (`PACKET_VNET_HDR`).
pub(crate) fn frames_with_their_offloads(socket: &Socket) -> io::Result<()> {
    super::option::set_int(socket, libc::SOL_PACKET, PACKET_VNET_HDR, 1)
}

/// Has a packet socket tell beside each frame the 802.1Q tag that was taken out of it (`PACKET_AUXDATA`).
pub(crate) fn frames_with_their_tags(socket: &Socket) -> io::Result<()> {
    super::option::set_int(socket, libc::SOL_PACKET, libc::PACKET_AUXDATA, 1)
}

/// Has the interface of this index let in, for as long as the socket lives, frames for the unicast address `mac`
/// (`PACKET_MR_UNICAST`) and for every group (`PACKET_MR_ALLMULTI`).
pub(crate) fn admit_station(socket: &Socket, index: u32, mac: [u8; 6]) -> io::Result<()> {
    add_membership(socket, index, libc::PACKET_MR_UNICAST, mac)?;
    add_membership(socket, index, libc::PACKET_MR_ALLMULTI, [0; 6])
}

fn add_membership(socket: &Socket, index: u32, kind: libc::c_int, mac: [u8; 6]) -> io::Result<()> {
    let mut address = [0; 8];
    address[..mac.len()].copy_from_slice(&mac);
    let request = libc::packet_mreq {
        mr_ifindex: i32::try_from(index).map_err(io::Error::other)?,
        mr_type: kind as libc::c_ushort,
        mr_alen: mac.len() as libc::c_ushort,
        mr_address: address,
    };
    // SAFETY: the pointer and the length describe `request`, which outlives the call; the kernel only reads it.
    let status = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            (&raw const request).cast(),
            size_of_val(&request) as libc::socklen_t,
        )
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Waits until one of `descriptors` can be read or has been hung up, at most for `timeout`: which of them.
pub(crate) fn wait_until_readable<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut polled =
        descriptors.map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 });
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `polled` is an array of N entries that nobody else has, `timeout` null or a live `timespec`; no mask of
    // signals is given.
    let ready = unsafe { libc::ppoll(polled.as_mut_ptr(), N as libc::nfds_t, timeout, std::ptr::null()) };
    match ready {
        0.. => Ok(polled.map(|one| one.revents != 0)),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok([false; N]),
            error => Err(error),
        },
    }
}

/// `ETH_P_ALL` in network byte order.
const EVERY_PROTOCOL: u16 = (libc::ETH_P_ALL as u16).to_be();
const NO_PROTOCOL: u16 = 0;
const PACKET_VNET_HDR: libc::c_int = 15;
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
