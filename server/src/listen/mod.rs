//! Where clients come in: addresses of TCP and paths of Unix sockets, with or without TLS.
//!
//! | module | what it owns |
//! |---|---|
//! | [`address`] | what `--listen` says |
//! | [`unix`] | the file of a Unix socket: taken over, protected, removed |
//! | [`accept`] | connections, accepted and shaken hands with, each within a time, all within a number |
//! | [`places`] | how many there may be, at all and of one source |
//! | [`connection`] | one of them, and what is known of who is at its other end |
//! | [`presence`] | what goes on there, and how long nothing may |

mod accept;
mod address;
mod connection;
mod places;
mod presence;
mod unix;

use std::io;
use std::net::{SocketAddr, TcpListener};

pub(crate) use accept::accept;
pub use address::ListenAddress;
pub(crate) use connection::Peer;
pub(crate) use presence::Visit;
pub use unix::UnixDoor;

/// A socket that listens, wherever it is: it keeps the network namespace that it was made in.
#[derive(Debug)]
pub enum Listener {
    /// On addresses of IP.
    Tcp(TcpListener),
    /// At a path.
    Unix(UnixDoor),
}

impl Listener {
    /// Where it listens, as clients are told.
    pub fn address(&self) -> io::Result<ListenAddress> {
        Ok(match self {
            Listener::Tcp(listener) => ListenAddress::Tcp(listener.local_addr()?.to_string()),
            Listener::Unix(door) => ListenAddress::Unix { path: door.path().to_owned(), mode: door.mode() },
        })
    }

    /// Its address, where that is one of IP.
    pub fn ip_address(&self) -> Option<SocketAddr> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(_) => None,
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Listener::Tcp(listener)
    }
}

impl From<UnixDoor> for Listener {
    fn from(door: UnixDoor) -> Self {
        Listener::Unix(door)
    }
}
