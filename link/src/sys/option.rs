//! Socket options: a receive buffer beyond the system's limit, and a count of what overflowed it.

use std::io;
use std::os::fd::AsRawFd;

use socket2::Socket;

/// Sets the receive buffer to `bytes`, beyond `net.core.rmem_max` where `CAP_NET_ADMIN` allows, else up to it.
pub(crate) fn set_receive_buffer(socket: &Socket, bytes: usize) -> io::Result<()> {
    let forced = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    set_int(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, forced)
        .or_else(|_| socket.set_recv_buffer_size(bytes))
}

/// Has each message say how many before it were dropped because the receive buffer was full (`SO_RXQ_OVFL`).
pub(crate) fn count_receive_drops(socket: &Socket) -> io::Result<()> {
    set_int(socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1)
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
