//! A socket that is neither a connection nor a listener yet.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sockwright_proto::v1;

use super::held::Held;
use super::{Stack, TcpListener, TcpStream, failed, told};
use crate::{Client, address};

/// A TCP socket that becomes a [`TcpStream`] or a [`TcpListener`]: for those who set options or an address first. Dropping it
/// closes it.
#[derive(Debug)]
pub struct TcpSocket {
    held: Arc<Held>,
    local: Option<SocketAddr>,
}

impl TcpSocket {
    /// Makes an IPv4 socket. Errors: those of `Sockets.Create`.
    pub async fn new_v4(stack: &Stack) -> io::Result<Self> {
        Self::of_family(stack, v1::AddressFamily::Ipv4).await
    }

    /// Makes an IPv6 socket. Errors: those of `Sockets.Create`.
    pub async fn new_v6(stack: &Stack) -> io::Result<Self> {
        Self::of_family(stack, v1::AddressFamily::Ipv6).await
    }

    /// Makes a socket with all that can be said of one: its label, its session, its options. `request.kind` is a stream.
    ///
    /// Errors: those of `Sockets.Create`.
    pub async fn create(client: &Client, request: v1::CreateRequest) -> io::Result<Self> {
        let request = v1::CreateRequest { kind: v1::SocketKind::Stream.into(), ..request };
        let created = client.sockets.clone().create(request).await.map_err(failed)?.into_inner();
        let held = Arc::new(Held::new(client, created.socket, created.at));
        Ok(Self { held, local: None })
    }

    /// Its name in the contract, for every call that has no method here.
    pub fn id(&self) -> u64 {
        self.held.id
    }

    /// Its address, once it is bound.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local
    }

    /// Takes a local address; port 0 is any free one. Errors: those of `Sockets.Bind`.
    pub async fn bind(&mut self, local: SocketAddr) -> io::Result<()> {
        let request = v1::BindRequest { socket: self.id(), local: Some(address(local)) };
        let bound = self.held.client.sockets.clone().bind(request).await.map_err(failed)?;
        self.local = Some(told(bound.into_inner().local)?);
        Ok(())
    }

    /// Opens a connection, and waits through its three-way handshake. After an error, and when the future is dropped, the
    /// socket is closed.
    ///
    /// Errors: those of `Sockets.Connect`.
    pub async fn connect(self, remote: SocketAddr) -> io::Result<TcpStream> {
        let request =
            v1::ConnectRequest { socket: self.id(), remote: Some(address(remote)), ..Default::default() };
        let connected = self.held.client.sockets.clone().connect(request).await.map_err(failed)?.into_inner();
        Ok(TcpStream::new(self.held, told(connected.local)?, told(connected.remote)?))
    }

    /// Listens. From here on the stack completes handshakes, up to the backlog; 0 is the server's default.
    ///
    /// Errors: those of `Sockets.Listen`.
    pub async fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let request = v1::ListenRequest { socket: self.id(), backlog };
        let listening = self.held.client.sockets.clone().listen(request).await.map_err(failed)?.into_inner();
        Ok(TcpListener::new(self.held, told(listening.local)?))
    }

    /// A socket of the family of an address.
    pub(super) async fn to(stack: &Stack, other: SocketAddr) -> io::Result<Self> {
        match other {
            SocketAddr::V4(_) => Self::new_v4(stack).await,
            SocketAddr::V6(_) => Self::new_v6(stack).await,
        }
    }

    async fn of_family(stack: &Stack, family: v1::AddressFamily) -> io::Result<Self> {
        let request =
            v1::CreateRequest { stack: stack.name.clone(), family: family.into(), ..Default::default() };
        Self::create(&stack.client, request).await
    }
}
