//! What the reader of a capture reads.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pcap_file::PcapError;
use sockwright_proto::v1::CaptureResponse;
use tokio_stream::Stream;
use tonic::Status;

use super::pcapng::Blocks;
use super::queue::End;
use super::{Capture, Captures};

/// Whole blocks of pcapng, in order. Dropping it ends the capture.
pub(crate) struct CaptureStream {
    captures: Arc<Captures>,
    key: u64,
    capture: Arc<Capture>,
    blocks: Blocks,
    /// What begins the file is told at once: with it the reader knows that the capture has begun.
    begins: bool,
    ended: bool,
}

impl CaptureStream {
    pub(super) fn new(captures: Arc<Captures>, key: u64, capture: Arc<Capture>) -> Result<Self, Status> {
        let blocks = Blocks::begin().map_err(not_written)?;
        Ok(CaptureStream { captures, key, capture, blocks, begins: true, ended: false })
    }

    /// How many packets it gave, and how many were missed.
    pub(crate) fn figures(&self) -> (u64, u64) {
        self.blocks.figures()
    }

    /// Ends it behind what is there.
    pub(crate) fn end(&self) {
        self.capture.queue.end(End::Gone);
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<CaptureResponse, Status>>> {
        if std::mem::take(&mut self.begins) {
            return Poll::Ready(Some(Ok(self.response())));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        match self.capture.queue.poll_take(cx, RESPONSE) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(entries)) => {
                let written = entries.iter().try_for_each(|entry| self.blocks.entry(entry));
                self.ended = written.is_err();
                Poll::Ready(Some(written.map(|()| self.response()).map_err(not_written)))
            }
            Poll::Ready(Err(end)) => {
                self.ended = true;
                Poll::Ready(match end {
                    End::Gone => self.blocks.statistics().is_ok().then(|| Ok(self.response())),
                    End::Stopping => Some(Err(Status::unavailable("the server is stopping"))),
                })
            }
        }
    }

    fn response(&mut self) -> CaptureResponse {
        CaptureResponse { pcapng: self.blocks.take().into() }
    }
}

impl Stream for CaptureStream {
    type Item = Result<CaptureResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.read(cx)
    }
}

impl Drop for CaptureStream {
    fn drop(&mut self) {
        self.captures.forget(self.key);
    }
}

/// Writing to memory fails only where a block contradicts those before it.
fn not_written(error: PcapError) -> Status {
    Status::internal(format!("a block of the capture could not be written: {error}"))
}

/// Octets of frames in one response, about.
const RESPONSE: usize = 64 << 10;
