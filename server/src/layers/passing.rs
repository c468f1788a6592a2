//! Bodies of requests and responses that somebody watches as they pass.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// Watches what passes. Dropped with the body, to its end or before.
pub(super) trait Watcher: Send + Unpin + 'static {
    /// Does a step of the body's.
    fn step<T>(&mut self, step: impl FnOnce() -> T) -> T {
        step()
    }

    /// This passes: a frame, an error, or the end.
    fn sees(&mut self, _frame: Option<&Result<Frame<Bytes>, Status>>) {}
}

/// A body that is watched, and not changed.
pub(super) struct Passing<W> {
    body: Body,
    watcher: W,
}

impl<W: Watcher> Passing<W> {
    /// The body as others have it.
    pub(super) fn by(body: Body, watcher: W) -> Body {
        Body::new(Passing { body, watcher })
    }
}

impl<W: Watcher> HttpBody for Passing<W> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Passing { body, watcher } = &mut *self;
        let frame = ready!(watcher.step(|| Pin::new(body).poll_frame(cx)));
        watcher.sees(frame.as_ref());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
