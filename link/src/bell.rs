//! A bell that rings when something becomes of an interface of the host: it is made, removed or renamed, goes up or down,
//! gets or loses its carrier, or has another MTU.
//!
//! Owns the netlink socket that the kernel says so to. What became of which interface is not read from it: whoever hears
//! the bell looks at the interfaces that he cares for. So nothing is missed where more happens than the socket holds.
//!
//! ```text
//! kernel   RTM_NEWLINK wire ... down | RTM_DELLINK wire | RTM_NEWLINK wire ... | (more than fits: ENOBUFS)
//! bell     rang, once
//! ```

use std::io::{self, Read};
use std::os::fd::AsRawFd;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::LinkError;
use crate::sys;

/// Hears of the interfaces of the network namespace of the thread that hung it.
#[derive(Debug)]
pub struct Bell {
    socket: Socket,
}

impl Bell {
    /// Hangs it.
    pub fn hang() -> Result<Bell, LinkError> {
        let open = || {
            let route = Protocol::from(libc::NETLINK_ROUTE);
            let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(route))?;
            socket.set_nonblocking(true)?;
            sys::tell_of_interfaces(&socket)?;
            Ok(socket)
        };
        Ok(Bell { socket: open().map_err(LinkError::io("hear of changes of interfaces"))? })
    }

    /// Has `registry` report, under `token`, when it rings.
    ///
    /// Edge-triggered, as mio is: after a report, [`rang`](Bell::rang) once.
    pub fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.socket.as_raw_fd()), token, Interest::READABLE)
    }

    /// Whether it rang since it was asked last.
    pub fn rang(&mut self) -> bool {
        let mut rang = false;
        loop {
            match (&self.socket).read(&mut [0]) {
                Ok(_) => rang = true,
                // There was more than fits, and is told once.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => rang = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return rang,
            }
        }
    }
}
