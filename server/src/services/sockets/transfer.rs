//! `Transfer`: bulk bytes both ways over one stream socket, at the pace of whoever is slower.
//!
//! ```text
//! client ── data ──> task: Send, Send, ... (reads on as the send buffer takes)       accepted ──┐
//! client <── data ── this stream: Recv when HTTP/2 asks for more            <── data, accepted ─┘
//! ```
//!
//! The upward half is a task of its own, so that a client that does not read is not kept from sending; what it reports
//! is one number, the latest. The downward half is polled by HTTP/2 itself: what it does not ask for stays in the
//! receive buffer. Dropping the stream ends the task and both waits, and nothing else.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use sockwright_engine::host::OpError;
use sockwright_engine::host::op::{Reply, Request, ShutdownHow, Wait};
use sockwright_engine::id::SocketId;
use sockwright_proto::v1::{
    Position, TransferRequest, TransferResponse, transfer_request, transfer_response,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;
use tonic::{Status, Streaming};

use super::parse::Sizes;
use super::{data_up_to, unexpected};
use crate::convert::Invalid;
use crate::error::status;
use crate::stack::StackHandle;
use crate::stack::command::At;
use crate::stack::receipt::Given;

/// The server's stream of a transfer.
pub(crate) struct Transfer {
    socket: SocketId,
    stack: StackHandle,
    /// The upward half, until it has ended.
    up: Option<Up>,
    progress: WatchStream<Option<(u64, Position)>>,
    /// The downward half, until the stream has ended.
    down: Option<Receiving>,
    over: bool,
}

type Receiving = Pin<Box<dyn Future<Output = Result<At<Given>, OpError>> + Send>>;

impl Transfer {
    /// Starts both halves.
    pub(super) fn start(
        socket: SocketId,
        stack: StackHandle,
        parts: Streaming<TransferRequest>,
        sizes: Sizes,
    ) -> Self {
        let (progress, seen) = watch::channel(None);
        let sending = Sending { socket, stack: stack.clone(), progress, accepted: 0 };
        let up = Some(Up(tokio::spawn(sending.run(parts, sizes))));
        let down = Some(receive(socket, stack.clone()));
        Transfer { socket, stack, up, progress: WatchStream::from_changes(seen), down, over: false }
    }

    /// The next octets, if there are any.
    fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<Result<TransferResponse, Status>> {
        let Some(down) = &mut self.down else { return Poll::Pending };
        let At { value: Given { reply, data, receipt }, at } = match std::task::ready!(down.as_mut().poll(cx))
        {
            Ok(given) => given,
            Err(error) => return Poll::Ready(Err(status(error, Some(self.socket)))),
        };
        let Reply::Received { end_of_stream, .. } = reply else {
            return Poll::Ready(Err(unexpected(&reply)));
        };
        receipt.settle();
        self.down = (!end_of_stream).then(|| receive(self.socket, self.stack.clone()));
        let part = match end_of_stream {
            true => transfer_response::Part::EndOfStream(true),
            false => transfer_response::Part::Data(data),
        };
        Poll::Ready(Ok(TransferResponse { part: Some(part), at: Some(at) }))
    }

    /// How the upward half ended, once it has.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let Some(Up(task)) = &mut self.up else { return Poll::Pending };
        let ended = std::task::ready!(Pin::new(task).poll(cx));
        self.up = None;
        Poll::Ready(ended.unwrap_or_else(|error| {
            tracing::error!(%error, "the upward half of a transfer failed");
            Err(Status::internal("the upward half of the transfer failed"))
        }))
    }
}

impl Stream for Transfer {
    type Item = Result<TransferResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(result) = this.poll_down(cx) {
            this.over = result.is_err();
            return Poll::Ready(Some(result));
        }
        if let Poll::Ready(Err(status)) = this.poll_up(cx) {
            this.over = true;
            return Poll::Ready(Some(Err(status)));
        }
        // Asked after the task, so that the last number is told before the end.
        if let Poll::Ready(Some(Some((accepted, at)))) = Pin::new(&mut this.progress).poll_next(cx) {
            let part = Some(transfer_response::Part::Accepted(accepted));
            return Poll::Ready(Some(Ok(TransferResponse { part, at: Some(at) })));
        }
        match (&this.up, &this.down) {
            (None, None) => {
                this.over = true;
                Poll::Ready(None)
            }
            _ => Poll::Pending,
        }
    }
}

/// The task of the upward half; it ends with the stream.
struct Up(JoinHandle<Result<(), Status>>);

impl Drop for Up {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The upward half.
struct Sending {
    socket: SocketId,
    stack: StackHandle,
    progress: watch::Sender<Option<(u64, Position)>>,
    accepted: u64,
}

impl Sending {
    async fn run(mut self, mut parts: Streaming<TransferRequest>, sizes: Sizes) -> Result<(), Status> {
        use transfer_request::Part;
        let mut shut_down = false;
        while let Some(TransferRequest { part }) = parts.message().await? {
            match part {
                Some(Part::Data(_)) if shut_down => {
                    return Err(Invalid::new("data", "there is more after shutdown_write").into());
                }
                Some(Part::Data(data)) => {
                    data_up_to(data.len(), sizes.message, "data")?;
                    self.send(data).await?;
                }
                Some(Part::ShutdownWrite(false)) => {}
                Some(Part::ShutdownWrite(true)) => {
                    shut_down = true;
                    self.call(Request::Shutdown { socket: self.socket, how: ShutdownHow::Write }).await?;
                }
                Some(Part::Socket(_)) => {
                    return Err(Invalid::new("socket", "the socket is named once, in the first part").into());
                }
                None => return Err(Invalid::new("part", "nothing is given").into()),
            }
        }
        Ok(())
    }

    /// Puts all of `data` into the send buffer, as it takes it.
    async fn send(&mut self, mut data: Bytes) -> Result<(), Status> {
        while !data.is_empty() {
            let piece = data.slice(..data.len().min(PIECE)).to_vec();
            let request = Request::Send { socket: self.socket, data: piece, urgent: false, wait: Wait::Park };
            let At { value, at } = self.call(request).await?;
            let Reply::Sent { accepted } = value.reply else { return Err(unexpected(&value.reply)) };
            data = data.slice(accepted.min(data.len())..);
            self.accepted += accepted as u64;
            self.progress.send_replace(Some((self.accepted, at)));
        }
        Ok(())
    }

    async fn call(&self, request: Request) -> Result<At<Given>, Status> {
        self.stack.call(request, None).await.map_err(|error| status(error, Some(self.socket)))
    }
}

fn receive(socket: SocketId, stack: StackHandle) -> Receiving {
    Box::pin(async move {
        let request = Request::Recv { socket, max: PIECE, min: 1, peek: false, wait: Wait::Park };
        stack.call(request, None).await
    })
}

/// Octets in one call to the engine. A blocked `Send` copies no more than this.
const PIECE: usize = 64 * 1024;
