//! `recvmmsg` and `sendmmsg`: many messages of a packet socket by one call.
//!
//! That spares more than calls: the kernel's code and the caller's, each of which fills the processor's first caches, take
//! turns less often.

use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::os::fd::AsRawFd;

use socket2::Socket;

use super::message::{Control, Message};

/// Messages of one call, at most.
pub(crate) const BATCH: usize = 32;

/// Receives as many messages as wait, at most `at_most` and [`BATCH`]: each at a multiple of `room` octets in `buffer`, which
/// is room for so many. There is at least one, or an error. That there are fewer than were asked for means that no more
/// wait, or that an error does, which the next call gives.
pub(crate) fn receive_several(
    socket: &Socket,
    buffer: &mut [u8],
    room: usize,
    at_most: usize,
    messages: &mut Vec<Message>,
) -> io::Result<()> {
    messages.clear();
    let mut control = [const { MaybeUninit::<Control>::uninit() }; BATCH];
    let mut parts = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
    // SAFETY: `mmsghdr` is plain data for which all zeroes is a value.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
    let rooms = buffer.chunks_exact_mut(room).zip(&mut control).zip(&mut parts);
    let mut asked = 0;
    for (header, ((room, control), part)) in headers.iter_mut().zip(rooms).take(at_most) {
        *part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
        header.msg_hdr.msg_iov = part;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_control = control.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = size_of::<Control>() as _;
        asked += 1;
    }
    // SAFETY: the first `asked` headers point to live buffers of the lengths beside them, each to its own.
    let received = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            asked,
            libc::MSG_DONTWAIT as _,
            std::ptr::null_mut(),
        )
    };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel filled in these headers, whose control buffers are alive and as long as they now say.
    let told = |header: &libc::mmsghdr| unsafe { Message::told(&header.msg_hdr, header.msg_len as usize) };
    messages.extend(headers.iter().take(received).map(told));
    Ok(())
}

/// Sends messages by a socket that knows where to: of `octets`, those from `from` up to the first of `ends`, those behind
/// them up to the second, and so on. At most [`BATCH`] of them: how many, at least one, or the error of the first.
pub(crate) fn send_several(
    socket: &Socket,
    octets: &[u8],
    mut from: usize,
    ends: &[usize],
) -> io::Result<usize> {
    let mut parts = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
    // SAFETY: `mmsghdr` is plain data for which all zeroes is a value.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
    let mut asked = 0;
    for ((header, part), &end) in headers.iter_mut().zip(&mut parts).zip(ends) {
        let message = &octets[from..end];
        *part = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
        header.msg_hdr.msg_iov = part;
        header.msg_hdr.msg_iovlen = 1;
        (from, asked) = (end, asked + 1);
    }
    // SAFETY: the first `asked` headers point to live octets, of the lengths beside them, which the kernel only reads.
    let sent =
        unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), asked, libc::MSG_DONTWAIT as _) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
