//! One connection, and what is known of who is at its other end.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::places::Place;
use super::presence::{Patience, Presence, Times, Visit, Wait};
use crate::access::identity::Identity;

/// What is known of who is at the other end: in the extensions of every request that comes from there.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The connection; none for the server itself.
    presence: Option<Arc<Presence>>,
    /// Who it is, if that is known: the connection proves it, or the call does.
    identity: Option<Identity>,
}

impl Peer {
    /// The server itself.
    pub(crate) fn server() -> Peer {
        Peer { presence: None, identity: Some(Identity::server()) }
    }

    pub(super) fn new(at: Option<(SocketAddr, SocketAddr)>, identity: Option<Identity>) -> Peer {
        Peer { presence: Some(Presence::new(at, identity.is_some())), identity }
    }

    /// Our address, where there are addresses.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        Some(self.presence.as_ref()?.at?.0)
    }

    /// Its address, where there are addresses.
    pub(crate) fn remote_addr(&self) -> Option<SocketAddr> {
        Some(self.presence.as_ref()?.at?.1)
    }

    /// Who it is, if that is known.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The call has proved who makes it, or that it cannot.
    pub(crate) fn is(&mut self, identity: Option<Identity>) {
        if let (Some(_), Some(presence)) = (&identity, &self.presence) {
            presence.prove();
        }
        self.identity = identity;
    }

    /// It asks for something. Nobody who does is cut off for his silence a while.
    pub(crate) fn asks(&self) {
        if let (None, Some(presence)) = (&self.identity, &self.presence) {
            presence.asked();
        }
    }

    /// A call of nobody begins: the connection is not cut before it has ended.
    pub(crate) fn visit(&self) -> Option<Visit> {
        self.presence.as_ref().map(Visit::begin)
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
    /// For as long as it may turn out to be of no use.
    patience: Option<Patience>,
    _place: Place,
}

/// What its octets come by.
pub(super) enum Io {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl Connection {
    /// It has its `place` among the connections of the server for as long as it lives.
    pub(super) fn new(io: Io, peer: Peer, times: Times, place: Place) -> Self {
        let patience = peer.presence.clone().map(|presence| Patience::new(presence, times));
        Connection { io, peer, patience, _place: place }
    }

    /// Whether it may go on. An error is the end of it.
    fn may_go_on(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.patience.as_mut().map(|patience| patience.poll(cx)) {
            None | Some(Wait::On) => {}
            Some(Wait::NoMore) => self.patience = None,
            Some(Wait::InVain) => return Err(io::ErrorKind::TimedOut.into()),
        }
        Ok(())
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
        self.may_go_on(cx)?;
        let before = buf.filled().len();
        let read = match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_read(cx, buf),
            Io::Tls(io) => Pin::new(io).poll_read(cx, buf),
            Io::Unix(io) => Pin::new(io).poll_read(cx, buf),
        };
        if let Some(patience) = &mut self.patience {
            patience.heard(buf.filled().len() - before);
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.may_go_on(cx)?;
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
        self.may_go_on(cx)?;
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
        // Who reads nothing may keep us from reading as well.
        self.may_go_on(cx)?;
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
