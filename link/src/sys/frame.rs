//! Packet sockets (`AF_PACKET`), and waiting for them to the microsecond.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use socket2::{SockAddr, SockAddrStorage, Socket};

/// Binds a packet socket to the interface of this index, for frames of every protocol.
pub(crate) fn bind_to_interface(socket: &Socket, index: u32) -> io::Result<()> {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: `sockaddr_ll` is a socket address: plain data, no larger and no more aligned than the storage of any.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = EVERY_PROTOCOL;
    address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
    // SAFETY: the storage holds a whole `sockaddr_ll`, as its family says.
    let address = unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t) };
    socket.bind(&address)
}

/// Has a packet socket say with each frame what of it the sender left to hardware (`PACKET_VNET_HDR`), and not show it
/// what this host itself sends there (`PACKET_IGNORE_OUTGOING`).
pub(crate) fn frames_from_outside_with_their_offloads(socket: &Socket) -> io::Result<()> {
    super::option::set_int(socket, libc::SOL_PACKET, PACKET_VNET_HDR, 1)?;
    super::option::set_int(socket, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
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
const PACKET_VNET_HDR: libc::c_int = 15;
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
