//! TCP over the stacks of a server, as `tokio::net` has it over the kernel's: what runs over one runs over the other.
//!
//! Owns: octets on their way between a program and the buffers of a socket, and the end of sockets that nobody holds. Never
//! touches: what TCP does with them.
//!
//! ```text
//! write ── ahead, up to 256 KiB ── Send ──> send buffer ── TCP ──> receive buffer ── Recv ── unread ──> read
//!                     (a task of its own)                            (one call, which outlives who waits for it)
//! ```
//!
//! Errors are `io::Error`s of the kind that the kernel's would have; [`Error::of`](crate::Error::of) finds the errno in them, the
//! TCP state, and the server's words. The calls have the deadline of the [`Client`]: one without is meant here, with
//! `tokio::time::timeout` around what is not to wait for ever.
//!
//! ```no_run
//! use sockwright_client::net::{TcpListener, TcpStream};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # async fn example(client: sockwright_client::Client) -> std::io::Result<()> {
//! let listener = TcpListener::bind(&client.stack("lab/b"), "10.0.0.2:80".parse().unwrap()).await?;
//! let mut stream = TcpStream::connect(&client.stack("lab/a"), listener.local_addr()).await?;
//! let (mut accepted, from) = listener.accept().await?;
//! assert_eq!(from, stream.local_addr());
//!
//! stream.write_all(b"hello").await?;
//! stream.shutdown().await?; // the half-close: a FIN after the data
//! let mut heard = Vec::new();
//! accepted.read_to_end(&mut heard).await?;
//! assert_eq!(heard, b"hello");
//! # Ok(())
//! # }
//! ```

mod held;
mod listener;
mod socket;
mod stream;
mod writing;

use std::io;
use std::net::{IpAddr, SocketAddr};

pub use listener::TcpListener;
pub use socket::TcpSocket;
use sockwright_proto::v1;
pub use stream::{ReadHalf, TcpStream, WriteHalf};

use crate::{Client, Error};

/// A TCP/IP host inside the server: in a lab, or on a real link.
#[derive(Clone, Debug)]
pub struct Stack {
    client: Client,
    name: String,
}

impl Client {
    /// A stack by its name: `lab/a`, or one that was attached. That it is there shows when a socket is made on it.
    pub fn stack(&self, name: impl Into<String>) -> Stack {
        Stack { client: self.clone(), name: name.into() }
    }
}

impl Stack {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The connection to its server.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

/// The address that a call told. One that is not there is no address: port 0 of the unspecified one.
fn told(address: Option<v1::SocketAddress>) -> io::Result<SocketAddr> {
    let v1::SocketAddress { ip, port } = address.unwrap_or_default();
    let ip = match ip.as_str() {
        "" => Ok(IpAddr::from([0, 0, 0, 0])),
        ip => ip.parse(),
    };
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    Ok(SocketAddr::new(
        ip.map_err(invalid)?,
        u16::try_from(port).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?,
    ))
}

/// What a failed call is to a program.
fn failed(status: tonic::Status) -> io::Error {
    Error::from(status).into()
}
