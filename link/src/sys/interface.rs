//! The interfaces of the host: their addresses, index and MTU.

use std::ffi::{CStr, CString};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::ptr;

use socket2::Socket;

/// Every IP address of every interface, with the interface's name.
pub(crate) fn interface_addresses() -> io::Result<Vec<(String, IpAddr)>> {
    let mut head = ptr::null_mut();
    // SAFETY: `head` is a valid place for the pointer that the call writes.
    if unsafe { libc::getifaddrs(&mut head) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = head;
    // SAFETY: `next` is null or points into the list, which lives until `freeifaddrs` below.
    while let Some(entry) = unsafe { next.as_ref() } {
        // SAFETY: `ifa_name` is a NUL-terminated string and `ifa_addr` null or a socket address, both of the list.
        let (name, address) = unsafe { (CStr::from_ptr(entry.ifa_name), ip_of(entry.ifa_addr)) };
        if let Some(address) = address {
            found.push((name.to_string_lossy().into_owned(), address));
        }
        next = entry.ifa_next;
    }
    // SAFETY: `head` came from `getifaddrs`, is freed once, and no reference into the list is left.
    unsafe { libc::freeifaddrs(head) };
    Ok(found)
}

/// The index of the interface called `name`, if there is one.
pub(crate) fn interface_index(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: `name` is NUL-terminated and outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

/// The MTU of the interface called `name`, in the namespace that `socket` was made in.
///
/// Not read from `/sys/class/net`, which shows the namespace that mounted it rather than the thread's own.
pub(crate) fn interface_mtu(socket: &Socket, name: &str) -> io::Result<usize> {
    let answer = ask(socket, name, libc::SIOCGIFMTU as libc::c_ulong)?;
    // SAFETY: SIOCGIFMTU succeeded, so it wrote the member `ifru_mtu`.
    let mtu = unsafe { answer.ifr_ifru.ifru_mtu };
    usize::try_from(mtu).map_err(io::Error::other)
}

/// The index of the interface called `name`, in the namespace that `socket` was made in.
pub(crate) fn interface_index_of(socket: &Socket, name: &str) -> io::Result<u32> {
    let answer = ask(socket, name, libc::SIOCGIFINDEX as libc::c_ulong)?;
    // SAFETY: SIOCGIFINDEX succeeded, so it wrote the member `ifru_ifindex`.
    let index = unsafe { answer.ifr_ifru.ifru_ifindex };
    u32::try_from(index).map_err(io::Error::other)
}

/// The `IFF_` flags of the interface called `name`, in the namespace that `socket` was made in.
pub(crate) fn interface_flags(socket: &Socket, name: &str) -> io::Result<libc::c_int> {
    let answer = ask(socket, name, libc::SIOCGIFFLAGS as libc::c_ulong)?;
    // SAFETY: SIOCGIFFLAGS succeeded, so it wrote the member `ifru_flags`.
    Ok(unsafe { answer.ifr_ifru.ifru_flags }.into())
}

/// What the driver of the interface called `name` says to one of ethtool's questions that have a number for an answer, in the
/// namespace that `socket` was made in.
pub(crate) fn ethtool_value(socket: &Socket, name: &str, command: u32) -> io::Result<u32> {
    /// `struct ethtool_value`.
    #[repr(C)]
    struct Value {
        command: u32,
        data: u32,
    }
    let mut value = Value { command, data: 0 };
    let mut request = named(name)?;
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: SIOCETHTOOL reads and writes the `ethtool_value` that the request points to, which lives until here.
    let status = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    if status == 0 { Ok(value.data) } else { Err(io::Error::last_os_error()) }
}

/// Asks the kernel one thing about the interface called `name`: a request that reads and writes one `ifreq`.
fn ask(socket: &Socket, name: &str, what: libc::c_ulong) -> io::Result<libc::ifreq> {
    let mut request = named(name)?;
    // SAFETY: the callers' requests read and write one `ifreq`, which `request` is.
    let status = unsafe { libc::ioctl(socket.as_raw_fd(), what as _, &raw mut request) };
    if status == 0 { Ok(request) } else { Err(io::Error::last_os_error()) }
}

/// A request about the interface called `name`, of zeroes but for the name, which ends in one.
pub(super) fn named(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: `ifreq` is plain data for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::NotFound.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}

/// The IP address in `address`, if it holds one.
///
/// # Safety
/// `address` is null, or points to a socket address as large as its family says.
unsafe fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: by this function's contract; every socket address starts with its family.
    match i32::from(unsafe { address.as_ref() }?.sa_family) {
        libc::AF_INET => {
            // SAFETY: by this function's contract; read unaligned, as a `sockaddr` promises less alignment.
            let v4 = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes()).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}
