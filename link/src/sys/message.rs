//! `recvmsg` with the ancillary data that raw and packet sockets need.
//!
//! socket2 receives into uninitialised memory and leaves control messages as bytes; both would need `unsafe` at
//! the caller.

use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::net::Ipv6Addr;
use std::os::fd::AsRawFd;

use socket2::Socket;

/// One message received, and what the kernel said about it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Message {
    /// Bytes written to the buffer.
    pub(crate) length: usize,
    /// Whether the message was longer than the buffer.
    pub(crate) truncated: bool,
    /// The sender, where it is an IPv6 address.
    pub(crate) source: Option<Ipv6Addr>,
    /// The traffic class, where the socket asks for it (`IPV6_RECVTCLASS`).
    pub(crate) traffic_class: Option<u8>,
    /// The hop limit, where the socket asks for it (`IPV6_RECVHOPLIMIT`).
    pub(crate) hop_limit: Option<u8>,
    /// The 802.1Q tag that the kernel took out of the frame, where the socket asks for it (`PACKET_AUXDATA`).
    pub(crate) tag: Option<[u8; 4]>,
}

/// Receives one message into `buffer`.
pub(crate) fn receive(socket: &Socket, buffer: &mut [u8]) -> io::Result<Message> {
    // SAFETY: `sockaddr_in6` and `msghdr` are plain data for which all zeroes is a value.
    let (mut source, mut header): (libc::sockaddr_in6, libc::msghdr) = unsafe { (zeroed(), zeroed()) };
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control = MaybeUninit::<Control>::uninit();
    header.msg_name = (&raw mut source).cast();
    header.msg_namelen = size_of_val(&source) as libc::socklen_t;
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of::<Control>() as _;

    // SAFETY: every pointer in `header` describes a live buffer of the length beside it, borrowed by nobody else.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: `recvmsg` filled `header`, whose control buffer is alive, aligned, and as long as it now says.
    let mut message = unsafe { Message::told(&header, length) };
    if i32::from(source.sin6_family) == libc::AF_INET6 {
        message.source = Some(Ipv6Addr::from(source.sin6_addr.s6_addr));
    }
    Ok(message)
}

impl Message {
    /// What the kernel said of a message of this length, its sender aside.
    ///
    /// # Safety
    ///
    /// The kernel filled in `header`, whose control buffer is alive, aligned, and as long as it says.
    pub(super) unsafe fn told(header: &libc::msghdr, length: usize) -> Message {
        let mut message =
            Message { length, truncated: header.msg_flags & libc::MSG_TRUNC != 0, ..Message::default() };
        // SAFETY: the caller vouches for `header`.
        let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
        // SAFETY: `next` is null or points to a whole control header within the buffer.
        while let Some(entry) = unsafe { next.as_ref() } {
            // SAFETY: both of the kinds that this is called for carries four bytes, which the kernel wrote behind the
            // header.
            let value = || unsafe { libc::CMSG_DATA(next).cast::<[u8; 4]>().read() };
            match (entry.cmsg_level, entry.cmsg_type) {
                (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                    message.traffic_class = u8::try_from(i32::from_ne_bytes(value())).ok();
                }
                (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                    message.hop_limit = u8::try_from(i32::from_ne_bytes(value())).ok();
                }
                (libc::SOL_PACKET, libc::PACKET_AUXDATA) => {
                    // SAFETY: this kind carries one `tpacket_auxdata`; read unaligned, as the header promises less.
                    let told =
                        unsafe { libc::CMSG_DATA(next).cast::<libc::tpacket_auxdata>().read_unaligned() };
                    message.tag = tag(&told);
                }
                _ => {}
            }
            // SAFETY: `next` is a control header of `header`, as above.
            next = unsafe { libc::CMSG_NXTHDR(header, next) };
        }
        message
    }
}

/// The tag that the kernel took out of a frame, as it was on the wire.
fn tag(told: &libc::tpacket_auxdata) -> Option<[u8; 4]> {
    let was_there = told.tp_status & libc::TP_STATUS_VLAN_VALID != 0;
    // Old kernels tell no type; then it is that of 802.1Q.
    let [t0, t1] = match told.tp_vlan_tpid {
        0 => 0x8100,
        kind => kind,
    }
    .to_be_bytes();
    let [c0, c1] = told.tp_vlan_tci.to_be_bytes();
    was_there.then_some([t0, t1, c0, c1])
}

/// Room for all of the control messages, aligned as their headers need.
#[repr(C, align(8))]
pub(super) struct Control([u8; 96]);
