//! The requests that `/dev/net/tun` knows.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Makes `device` the program's end of the interface called `name`, which is made where there is none; an empty name has
/// the kernel choose. What it is then called.
pub(crate) fn become_interface(device: &File, name: &str, flags: libc::c_int) -> io::Result<String> {
    let mut request = super::interface::named(name)?;
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which `request` is.
    if unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel ends the name that it wrote with a zero, within the field.
    let name = unsafe { CStr::from_ptr(request.ifr_name.as_ptr()) };
    Ok(name.to_string_lossy().into_owned())
}

/// The name of the interface that `device` is the program's end of; `None` once that was removed.
pub(crate) fn interface_of(device: &File) -> Option<String> {
    let mut request = super::interface::named("").ok()?;
    // SAFETY: TUNGETIFF writes one `ifreq`, which `request` is.
    if unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNGETIFF as _, &raw mut request) } != 0 {
        return None;
    }
    // SAFETY: the kernel ends the name that it wrote with a zero, within the field.
    let name = unsafe { CStr::from_ptr(request.ifr_name.as_ptr()) };
    Some(name.to_string_lossy().into_owned())
}

/// Says how many octets stand before each frame.
pub(crate) fn set_header_length(device: &File, octets: usize) -> io::Result<()> {
    let octets = libc::c_int::try_from(octets).map_err(io::Error::other)?;
    // SAFETY: TUNSETVNETHDRSZ reads one `int`, which `octets` is.
    let status = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETVNETHDRSZ as _, &raw const octets) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Says what `device` takes unfinished from the kernel.
pub(crate) fn set_offloads(device: &File, offloads: libc::c_uint) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value, and touches no memory of this process.
    let status =
        unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETOFFLOAD as _, libc::c_ulong::from(offloads)) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
