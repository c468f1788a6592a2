//! A socket that listens, and the wait for the connections that arrive.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use sockwright_proto::v1;
use tokio::sync::Mutex;
use tonic::Status;

use super::held::Held;
use super::{Stack, TcpSocket, TcpStream, failed, told};

/// A listener on a stack. Dropping it closes it; connections that nobody has accepted are reset.
pub struct TcpListener {
    held: Arc<Held>,
    local: SocketAddr,
    /// The call that takes the next connection. It outlives who waits for it, so that what it takes is never lost.
    accepting: Mutex<Option<Accepting>>,
}

type Accepting = Pin<Box<dyn Future<Output = Result<v1::AcceptResponse, Status>> + Send>>;

impl TcpListener {
    /// Binds a socket and listens; port 0 is any free one. [`TcpSocket::listen`] is the way with options and a backlog.
    ///
    /// Errors: those of `Sockets.Create`, `Bind` and `Listen`.
    pub async fn bind(stack: &Stack, local: SocketAddr) -> io::Result<Self> {
        let mut socket = TcpSocket::to(stack, local).await?;
        socket.bind(local).await?;
        socket.listen(0).await
    }

    pub(super) fn new(held: Arc<Held>, local: SocketAddr) -> Self {
        Self { held, local, accepting: Mutex::default() }
    }

    /// Its name in the contract, for every call that has no method here.
    pub fn id(&self) -> u64 {
        self.held.id
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Takes the oldest connection whose handshake is over, and says where it comes from; waits while there is none. Several
    /// may wait: each connection is given to one. Dropping the future loses no connection.
    ///
    /// Errors: those of `Sockets.Accept`.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let mut accepting = self.accepting.lock().await;
        let call = accepting.get_or_insert_with(|| {
            let (mut sockets, socket) = (self.held.client.sockets.clone(), self.id());
            let request = v1::AcceptRequest { socket, ..Default::default() };
            Box::pin(async move { sockets.accept(request).await.map(tonic::Response::into_inner) })
        });
        let outcome = call.as_mut().await;
        *accepting = None;
        let accepted = outcome.map_err(failed)?;
        let held = Arc::new(Held::new(&self.held.client, accepted.socket, accepted.at));
        let remote = told(accepted.remote)?;
        Ok((TcpStream::new(held, told(accepted.local)?, remote), remote))
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        let Some(accepting) = self.accepting.get_mut().take() else { return };
        let mut sockets = self.held.client.sockets.clone();
        // It ends as the listener is closed. A connection that it took before nobody will ever have.
        self.held.spawn(async move {
            if let Ok(v1::AcceptResponse { socket, .. }) = accepting.await {
                _ = sockets.abort(v1::AbortRequest { socket }).await;
            }
        });
    }
}

impl std::fmt::Debug for TcpListener {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { held, local, .. } = self;
        formatter
            .debug_struct("TcpListener")
            .field("id", &held.id)
            .field("local", local)
            .finish_non_exhaustive()
    }
}
