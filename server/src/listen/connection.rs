//! One connection, and what is known of who is at its other end.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::access::identity::Identity;

/// What is known of who is at the other end: in the extensions of every request that comes from there.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Addresses of IP, here and there.
    at: Option<Arc<(SocketAddr, SocketAddr)>>,
    /// Who it is, if that is known: the connection proves it, or the call does.
    identity: Option<Identity>,
}

impl Peer {
    /// The server itself.
    pub(crate) fn server() -> Peer {
        Peer { at: None, identity: Some(Identity::server()) }
    }

    pub(super) fn new(at: Option<(SocketAddr, SocketAddr)>, identity: Option<Identity>) -> Peer {
        Peer { at: at.map(Arc::new), identity }
    }

    /// Our address, where there are addresses.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.at.as_ref().map(|at| at.0)
    }

    /// Its address, where there are addresses.
    pub(crate) fn remote_addr(&self) -> Option<SocketAddr> {
        self.at.as_ref().map(|at| at.1)
    }

    /// Who it is, if that is known.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The call has proved who makes it, or that it cannot.
    pub(crate) fn is(&mut self, identity: Option<Identity>) {
        self.identity = identity;
    }
}

#[cfg(test)]
impl Peer {
    /// Somebody who came to this address.
    pub(crate) fn at(local: SocketAddr) -> Peer {
        Peer::new(Some((local, local)), None)
    }
}

/// A connection, ready for HTTP.
pub(crate) struct Connection {
    io: Io,
    peer: Peer,
    _place: OwnedSemaphorePermit,
}

enum Io {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl Connection {
    /// It has its `place` among the connections of the server for as long as it lives.
    pub(super) fn tcp(socket: TcpStream, peer: Peer, place: OwnedSemaphorePermit) -> Self {
        Connection { io: Io::Tcp(socket), peer, _place: place }
    }

    /// The same, after a handshake.
    pub(super) fn tls(stream: TlsStream<TcpStream>, peer: Peer, place: OwnedSemaphorePermit) -> Self {
        Connection { io: Io::Tls(Box::new(stream)), peer, _place: place }
    }

    /// The same, of a Unix socket.
    pub(super) fn unix(socket: UnixStream, peer: Peer, place: OwnedSemaphorePermit) -> Self {
        Connection { io: Io::Unix(socket), peer, _place: place }
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_read(cx, buf),
            Io::Tls(io) => Pin::new(io).poll_read(cx, buf),
            Io::Unix(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_write(cx, buf),
            Io::Tls(io) => Pin::new(io).poll_write(cx, buf),
            Io::Unix(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Io::Tls(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Io::Unix(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Tcp(io) => io.is_write_vectored(),
            Io::Tls(io) => io.is_write_vectored(),
            Io::Unix(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_flush(cx),
            Io::Tls(io) => Pin::new(io).poll_flush(cx),
            Io::Unix(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_shutdown(cx),
            Io::Tls(io) => Pin::new(io).poll_shutdown(cx),
            Io::Unix(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}
