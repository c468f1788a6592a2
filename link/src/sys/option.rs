//! Socket options: a receive buffer beyond the system's limit, and a count of what did not fit it.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use socket2::Socket;

/// Sets the receive buffer to `bytes`, beyond `net.core.rmem_max` where `CAP_NET_ADMIN` allows, else up to it.
pub(crate) fn set_receive_buffer(socket: &Socket, bytes: usize) -> io::Result<()> {
    let forced = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    set_int(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, forced)
        .or_else(|_| socket.set_recv_buffer_size(bytes))
}

/// Messages that this socket has dropped so far because its receive buffer was full (`SO_MEMINFO`), modulo 2^32.
pub(crate) fn receive_drops(socket: &Socket) -> io::Result<u32> {
    // The last of nine words (`SK_MEMINFO_DROPS`).
    let mut words = [0_u32; 9];
    let mut length = size_of_val(&words) as libc::socklen_t;
    // SAFETY: the pointer and the length describe `words`, which nobody else has.
    let status = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            words.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if status == 0 { Ok(words[8]) } else { Err(io::Error::last_os_error()) }
}

/// Has a raw socket of this address's family tell that an interface's queue was full (`IP_RECVERR`, `IPV6_RECVERR`): the
/// kernel calls it sent otherwise.
pub(crate) fn tell_full_queues(socket: &Socket, address: IpAddr) -> io::Result<()> {
    match address {
        IpAddr::V4(_) => set_int(socket, libc::IPPROTO_IP, libc::IP_RECVERR, 1),
        IpAddr::V6(_) => set_int(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1),
    }
}

/// `setsockopt` for an option that is an `int`.
pub(super) fn set_int(
    socket: &Socket,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `value`, which outlives the call; the kernel only reads it.
    let status = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
