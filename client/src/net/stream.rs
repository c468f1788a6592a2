//! A connection as a stream of octets, and its two directions.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use prost::bytes::Bytes;
use sockwright_proto::v1;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::Status;

use super::held::Held;
use super::writing::Writing;
use super::{Stack, TcpSocket, failed};

/// A TCP connection of a stack.
///
/// * Reading waits in the server. It takes no more from the receive buffer than is asked for or 16 KiB, whichever is more, and more
///   only as reads keep up; so the window that the peer sees closes when nobody reads.
/// * Writing is done when there is room ahead of the send buffer; `flush` waits until the send buffer has it all, and tells what
///   became of it. An error comes with the next write, flush or shutdown, and with all after it.
/// * `shutdown` is the half-close: a FIN goes after the data, and reading goes on.
/// * A future that is dropped loses nothing, and has written nothing.
/// * Dropping the stream closes it: what was written is delivered, a FIN follows; octets that nobody read make it a reset.
#[derive(Debug)]
pub struct TcpStream {
    read: ReadHalf,
    write: WriteHalf,
}

/// The direction that is read. See [`TcpStream::into_split`].
pub struct ReadHalf {
    connection: Arc<Connection>,
    receiving: Option<Pending<v1::RecvResponse>>,
    unread: Bytes,
    ended: bool,
    /// What the next call takes at least, where there is so much.
    size: usize,
}

/// The direction that is written. See [`TcpStream::into_split`].
pub struct WriteHalf {
    connection: Arc<Connection>,
    writing: Writing,
    finishing: Option<Pending<()>>,
    finished: bool,
    /// The other direction lives on without this one.
    alone: bool,
}

type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Status>> + Send>>;

#[derive(Debug)]
struct Connection {
    held: Arc<Held>,
    local: SocketAddr,
    remote: SocketAddr,
}

impl TcpStream {
    /// Opens a connection, and waits through its three-way handshake. [`TcpSocket::connect`] is the way with options and a
    /// local address.
    ///
    /// Errors: those of `Sockets.Create` and `Sockets.Connect`.
    pub async fn connect(stack: &Stack, remote: SocketAddr) -> io::Result<Self> {
        TcpSocket::to(stack, remote).await?.connect(remote).await
    }

    pub(super) fn new(held: Arc<Held>, local: SocketAddr, remote: SocketAddr) -> Self {
        let connection = Arc::new(Connection { held, local, remote });
        let read = ReadHalf {
            connection: connection.clone(),
            receiving: None,
            unread: Bytes::new(),
            ended: false,
            size: RECEIVE_MIN,
        };
        let writing = Writing::new(connection.held.clone());
        let write = WriteHalf { connection, writing, finishing: None, finished: false, alone: false };
        Self { read, write }
    }

    /// Its name in the contract, for every call that has no method here.
    pub fn id(&self) -> u64 {
        self.read.id()
    }

    /// Its own address.
    pub fn local_addr(&self) -> SocketAddr {
        self.read.connection.local
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> SocketAddr {
        self.read.connection.remote
    }

    /// The two directions, for as long as they are borrowed.
    pub fn split(&mut self) -> (&mut ReadHalf, &mut WriteHalf) {
        (&mut self.read, &mut self.write)
    }

    /// The two directions. Dropping the one that writes is the half-close; once both are dropped, the connection is closed.
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        let Self { read, mut write } = self;
        write.alone = true;
        (read, write)
    }

    /// Waits until the connection is in one of these states, or gives at once the event that brought it there: one that went
    /// through FIN-WAIT-2 was there. It looks back to where this stream began.
    ///
    /// Errors: those of `Sockets.WaitFor`.
    pub async fn wait_for(
        &self,
        states: impl IntoIterator<Item = v1::TcpState>,
    ) -> io::Result<v1::WaitForResponse> {
        let Held { client, id, born, .. } = &*self.read.connection.held;
        let states = states.into_iter().map(Into::into).collect();
        let condition = Some(v1::wait_for_request::Condition::TcpStates(v1::TcpStates { states }));
        let request = v1::WaitForRequest { socket: *id, condition, after: *born };
        Ok(client.sockets.clone().wait_for(request).await.map_err(failed)?.into_inner())
    }

    /// Closes it once all that was written is in the send buffer, and gives the TCP state after that.
    ///
    /// Errors: those of what was written, and of `Sockets.Close`.
    pub async fn close(self) -> io::Result<v1::TcpState> {
        let Self { read, write } = self;
        std::future::poll_fn(|cx| write.writing.poll_flush(cx)).await?;
        let held = read.connection.held.clone();
        // What is waited for ends first, so that it takes nothing out of what is closed.
        drop(read);
        held.let_go();
        let request = v1::CloseRequest { socket: held.id };
        Ok(held.client.sockets.clone().close(request).await.map_err(failed)?.into_inner().tcp_state())
    }

    /// Ends the connection at once, with a reset. What was written and not sent is lost.
    ///
    /// Errors: those of `Sockets.Abort`.
    pub async fn abort(self) -> io::Result<()> {
        let held = &self.read.connection.held;
        held.let_go();
        held.client.sockets.clone().abort(v1::AbortRequest { socket: held.id }).await.map_err(failed)?;
        Ok(())
    }
}

impl ReadHalf {
    /// The name of the socket in the contract.
    pub fn id(&self) -> u64 {
        self.connection.held.id
    }

    fn receive(&self, room: usize) -> Pending<v1::RecvResponse> {
        let mut sockets = self.connection.held.client.sockets.clone();
        let max_bytes = room.clamp(self.size, RECEIVE_MAX) as u32;
        let request = v1::RecvRequest { socket: self.id(), max_bytes, ..Default::default() };
        Box::pin(async move { sockets.recv(request).await.map(tonic::Response::into_inner) })
    }
}

impl WriteHalf {
    /// The name of the socket in the contract.
    pub fn id(&self) -> u64 {
        self.connection.held.id
    }

    fn poll_pieces<'a>(
        &self,
        cx: &mut Context<'_>,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Poll<io::Result<usize>> {
        if self.finished || self.finishing.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.writing.poll_write(cx, pieces).map_err(Into::into)
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 || self.ended {
            return Poll::Ready(Ok(()));
        }
        if self.unread.is_empty() {
            let mut receiving = self.receiving.take().unwrap_or_else(|| self.receive(buffer.remaining()));
            let Poll::Ready(outcome) = receiving.as_mut().poll(cx) else {
                self.receiving = Some(receiving);
                return Poll::Pending;
            };
            let v1::RecvResponse { data, end_of_stream, .. } = outcome.map_err(failed)?;
            if data.len() >= self.size {
                self.size = (self.size * 2).min(RECEIVE_MAX);
            }
            self.ended = end_of_stream;
            self.unread = data;
        }
        let count = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_pieces(cx, [octets])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_pieces(cx, pieces.iter().map(|piece| &**piece))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writing.poll_flush(cx).map_err(Into::into)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.finished {
            return Poll::Ready(Ok(()));
        }
        if self.finishing.is_none() {
            ready!(self.writing.poll_flush(cx))?;
            self.finishing = Some(finish(&self.connection.held));
        }
        if let Some(finishing) = &mut self.finishing {
            let outcome = ready!(finishing.as_mut().poll(cx));
            self.finishing = None;
            outcome.map_err(failed)?;
            self.finished = true;
        }
        Poll::Ready(Ok(()))
    }
}

/// The half-close.
fn finish(held: &Held) -> Pending<()> {
    let (mut sockets, socket) = (held.client.sockets.clone(), held.id);
    let request = v1::ShutdownRequest { socket, how: v1::ShutdownHow::Write.into() };
    Box::pin(async move { sockets.shutdown(request).await.map(drop) })
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        if !self.alone || self.finished {
            return;
        }
        let (connection, writing, finishing) =
            (self.connection.clone(), self.writing.clone(), self.finishing.take());
        self.connection.held.spawn(async move {
            if std::future::poll_fn(|cx| writing.poll_flush(cx)).await.is_ok() {
                // A connection that is over needs no FIN.
                _ = finishing.unwrap_or_else(|| finish(&connection.held)).await;
            }
        });
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(cx, buffer)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write(cx, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.write.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_shutdown(cx)
    }
}

impl std::fmt::Debug for ReadHalf {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { connection, unread, ended, .. } = self;
        let mut told = formatter.debug_struct("ReadHalf");
        told.field("connection", connection).field("unread", &unread.len()).field("ended", ended);
        told.finish_non_exhaustive()
    }
}

impl std::fmt::Debug for WriteHalf {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { connection, finished, .. } = self;
        formatter
            .debug_struct("WriteHalf")
            .field("connection", connection)
            .field("finished", finished)
            .finish_non_exhaustive()
    }
}

/// Octets that one call takes at most, and what a small read takes at first.
const RECEIVE_MAX: usize = 256 << 10;
const RECEIVE_MIN: usize = 16 << 10;
