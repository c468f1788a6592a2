//! What links on interfaces of the host share: how interfaces are called, and what becomes of them.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use socket2::Socket;

use crate::sys;

/// What an interface is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// It is up and has a carrier.
    pub running: bool,
    /// The longest IP packet, in octets, that it carries: at most 65535.
    pub mtu: usize,
}

impl Status {
    /// Of the interface of this name in the namespace that `socket` was made in; `None` if there is none. It is running
    /// with these of its `IFF_` flags.
    pub(crate) fn of(socket: &Socket, name: &str, running: libc::c_int) -> Option<Status> {
        let running = sys::interface_flags(socket, name).ok()? & running == running;
        let mtu = sys::interface_mtu(socket, name).ok()?;
        Some(Status { running, mtu: mtu.min(IP_PACKET_MAX) })
    }
}

/// A name that Linux takes for an interface: 1 to 15 octets, no white space, `/`, `:` or `%` in it, neither `.` nor `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceName(String);

impl InterfaceName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InterfaceName {
    type Err = NotAnInterfaceName;

    fn from_str(text: &str) -> Result<Self, NotAnInterfaceName> {
        // In a `%d` the kernel would put a number.
        let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | ':' | '%');
        if text.is_empty() || text.len() > NAME_MAX || matches!(text, "." | "..") || text.contains(bad) {
            return Err(NotAnInterfaceName(text.to_owned()));
        }
        Ok(InterfaceName(text.to_owned()))
    }
}

/// No interface can be called so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnInterfaceName(String);

impl fmt::Display for NotAnInterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no name for an interface: 1 to {NAME_MAX} octets, without space, /, : and %",
            self.0
        )
    }
}

impl Error for NotAnInterfaceName {}

/// The longest name, in octets.
const NAME_MAX: usize = 15;
/// The longest IP packet: what 16 bits of length can say.
pub(crate) const IP_PACKET_MAX: usize = 65535;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_linux_takes() {
        for good in ["t", "tun0", "a-b_c.d@e", "fifteen-octets."] {
            assert_eq!(good.parse::<InterfaceName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a/b", "a:1", "a b", "tun%d", "a\n", "a\0", "sixteen-octets.."] {
            assert_eq!(bad.parse::<InterfaceName>(), Err(NotAnInterfaceName(bad.to_owned())));
        }
    }
}
