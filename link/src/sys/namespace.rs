//! Namespaces, of networks and of users.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Moves the calling thread, and no other, into the network namespace that `namespace` is open on.
pub(crate) fn enter_network_namespace(namespace: &File) -> io::Result<()> {
    // SAFETY: takes a descriptor and a flag, and touches no memory of this process.
    let status = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Moves the process into a new user namespace and a new network namespace that belongs to it. Fails with `EINVAL` where
/// there is more than one thread.
pub(crate) fn enter_new_user_and_network_namespace() -> io::Result<()> {
    // SAFETY: takes flags, and touches no memory of this process.
    let status = unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The effective user and group of the process.
pub(crate) fn user_and_group() -> (u32, u32) {
    // SAFETY: neither call takes anything or can fail.
    unsafe { (libc::geteuid(), libc::getegid()) }
}
