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

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
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
use super::{Found, data_up_to, unexpected};
use crate::access::audit::Deed;
use crate::convert::Invalid;
use crate::error::status;
use crate::stack::StackHandle;
use crate::stack::command::{At, Kept};
use crate::stack::receipt::Given;

/// The server's stream of a transfer.
pub(crate) struct Transfer {
    found: Found,
    /// The upward half, until it has ended.
    up: Option<Up>,
    progress: WatchStream<Option<(u64, Position)>>,
    /// How many octets were accepted, as of the last that is known.
    seen: watch::Receiver<Option<(u64, Position)>>,
    /// Octets that came down.
    received: u64,
    /// The downward half, until the stream has ended.
    down: Option<Receiving>,
    over: bool,
    /// What it ended with, if that was no end.
    failed: Option<Status>,
}

type Receiving = Pin<Box<dyn Future<Output = Result<At<Given>, OpError>> + Send>>;

impl Transfer {
    /// Starts both halves.
    pub(super) fn start(found: Found, parts: Streaming<TransferRequest>, sizes: Sizes) -> Self {
        let (progress, seen) = watch::channel(None);
        let (socket, stack) = (found.socket, found.stack.clone());
        found.tell_of_transfer("Sockets/Transfer", None, Ok(()));
        let sending = Sending { socket, stack: stack.clone(), progress, accepted: 0, piece: PIECE };
        let up = Some(Up(tokio::spawn(sending.run(parts, sizes))));
        let down = Some(receive(socket, stack));
        let progress = WatchStream::from_changes(seen.clone());
        Transfer { found, up, progress, seen, received: 0, down, over: false, failed: None }
    }

    /// The next octets, if there are any.
    fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<Result<TransferResponse, Status>> {
        let Some(down) = &mut self.down else { return Poll::Pending };
        let At { value: Given { reply, data, receipt }, at } = match std::task::ready!(down.as_mut().poll(cx))
        {
            Ok(given) => given,
            Err(error) => return Poll::Ready(Err(status(error, Some(self.found.socket)))),
        };
        let Reply::Received { end_of_stream, .. } = reply else {
            return Poll::Ready(Err(unexpected(&reply)));
        };
        receipt.settle();
        self.received += data.len() as u64;
        self.down = (!end_of_stream).then(|| receive(self.found.socket, self.found.stack.clone()));
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
            this.failed = result.as_ref().err().cloned();
            return Poll::Ready(Some(result));
        }
        if let Poll::Ready(Err(status)) = this.poll_up(cx) {
            this.over = true;
            this.failed = Some(status.clone());
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

impl Drop for Transfer {
    fn drop(&mut self) {
        let accepted = self.seen.borrow().map_or(0, |(accepted, _)| accepted);
        let cancelled = Status::cancelled("nobody waited for the end of it");
        let came = match &self.failed {
            Some(failed) => Err(failed),
            None if self.over => Ok(()),
            None => Err(&cancelled),
        };
        self.found.tell_of_transfer("Sockets/TransferEnd", Some(accepted + self.received), came);
    }
}

impl Found {
    /// Has it told that octets begin to flow, or have flown.
    fn tell_of_transfer(&self, method: &'static str, octets: Option<u64>, came: Result<(), &Status>) {
        if self.on_wire {
            self.caller.tell(&self.deed(Deed { method, octets, ..Deed::default() }), came);
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
    /// Octets in the next call.
    piece: usize,
}

/// Octets that came and are not in the send buffer yet.
#[derive(Debug, Default)]
struct Gathered {
    parts: VecDeque<Bytes>,
    octets: usize,
}

impl Gathered {
    /// Appends it. Nothing is kept of what is empty: however many such parts come, they would never be sent.
    fn push(&mut self, data: Bytes) {
        if !data.is_empty() {
            self.octets += data.len();
            self.parts.push_back(data);
        }
    }

    fn copy_of_first(&self, at_most: usize) -> Vec<u8> {
        let mut copy = Vec::with_capacity(self.octets.min(at_most));
        for part in &self.parts {
            let room = at_most - copy.len();
            copy.extend_from_slice(&part[..part.len().min(room)]);
        }
        copy
    }

    fn forget_first(&mut self, count: usize) {
        let mut left = count.min(self.octets);
        self.octets -= left;
        while let Some(part) = self.parts.front_mut() {
            let here = left.min(part.len());
            part.advance(here);
            left -= here;
            if !part.is_empty() {
                break;
            }
            self.parts.pop_front();
        }
    }
}

/// The next message, if it has come.
fn poll_message(
    parts: &mut Streaming<TransferRequest>,
    cx: &mut Context<'_>,
) -> Option<Result<Option<TransferRequest>, Status>> {
    match Pin::new(parts).poll_next(cx) {
        Poll::Ready(next) => Some(next.transpose()),
        Poll::Pending => None,
    }
}

impl Sending {
    async fn run(mut self, mut parts: Streaming<TransferRequest>, sizes: Sizes) -> Result<(), Status> {
        use transfer_request::Part;
        let (mut shut_down, mut gathered) = (false, Gathered::default());
        loop {
            // What has come already travels to the engine's thread together.
            let next = match gathered.octets {
                0 => Some(parts.message().await),
                1..PIECE_MAX => poll_fn(|cx| Poll::Ready(poll_message(&mut parts, cx))).await,
                _ => None,
            };
            let part = match next {
                Some(Ok(Some(TransferRequest { part: Some(Part::Data(data)) })))
                    if !shut_down && data.len() <= sizes.message =>
                {
                    gathered.push(data);
                    continue;
                }
                other => {
                    self.send(std::mem::take(&mut gathered)).await?;
                    match other.transpose()? {
                        None => continue,
                        Some(None) => return Ok(()),
                        Some(Some(TransferRequest { part })) => part,
                    }
                }
            };
            match part {
                Some(Part::Data(data)) => {
                    data_up_to(data.len(), sizes.message, "data")?;
                    return Err(Invalid::new("data", "there is more after shutdown_write").into());
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
    }

    /// Puts all of it into the send buffer, as that takes it: each call has as much as may fit, if there is so much, and no
    /// more, for what does not fit was copied for nothing.
    async fn send(&mut self, mut data: Gathered) -> Result<(), Status> {
        while data.octets > 0 {
            let piece = data.copy_of_first(self.piece);
            let request = Request::Send { socket: self.socket, data: piece, urgent: false, wait: Wait::Park };
            let At { value, at } = self.call(request).await?;
            let Reply::Sent { accepted } = value.reply else { return Err(unexpected(&value.reply)) };
            data.forget_first(accepted);
            self.piece = (accepted * 2).clamp(PIECE, PIECE_MAX);
            self.accepted += accepted as u64;
            self.progress.send_replace(Some((self.accepted, at)));
        }
        Ok(())
    }

    async fn call(&self, request: Request) -> Result<At<Given>, Status> {
        self.stack.call(request, Kept::default()).await.map_err(|error| status(error, Some(self.socket)))
    }
}

fn receive(socket: SocketId, stack: StackHandle) -> Receiving {
    Box::pin(async move {
        let request = Request::Recv { socket, max: PIECE_MAX, min: 1, peek: false, wait: Wait::Park };
        stack.call(request, Kept::default()).await
    })
}

/// Octets in one call to the engine: at least, where there are so many, and at most.
const PIECE: usize = 64 << 10;
const PIECE_MAX: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_gathered_is_sent_in_its_order_however_little_is_accepted() {
        let parts = [&b"abc"[..], b"", b"d", b"efghij", b""];
        for (at_most, accepted) in [(1, 1), (4, 3), (4, 4), (100, 2), (100, 100)] {
            let (mut gathered, mut sent) = (Gathered::default(), Vec::new());
            parts.iter().for_each(|part| gathered.push(Bytes::from_static(part)));
            assert_eq!(gathered.octets, 10);
            while gathered.octets > 0 {
                let piece = gathered.copy_of_first(at_most);
                assert_eq!(piece.len(), at_most.min(gathered.octets));
                let taken = accepted.min(piece.len());
                sent.extend_from_slice(&piece[..taken]);
                gathered.forget_first(taken);
            }
            assert_eq!(sent, b"abcdefghij", "{at_most}, {accepted}");
            assert!(gathered.copy_of_first(1).is_empty());
        }
    }

    #[test]
    fn empty_parts_take_no_room() {
        let mut gathered = Gathered::default();
        (0..1000).for_each(|_| gathered.push(Bytes::new()));
        assert!(gathered.parts.is_empty());
    }
}
