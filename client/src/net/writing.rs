//! What was written and is not in the send buffer yet.
//!
//! Owns: the octets ahead of `Send`, and the one call that is out. A write is done when its octets are here, as one to a
//! kernel's socket is when they are in its buffer: who gives up a write has written nothing, and what was written goes on its way
//! whether anybody waits or not. (`AsyncWrite` knows no write that is half done: a call that was out with octets of a
//! write that is given up could neither be forgotten nor be told.)

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use prost::bytes::BytesMut;

use super::held::Held;
use crate::Error;

/// The way out of a connection.
#[derive(Clone, Debug)]
pub(super) struct Writing {
    held: Arc<Held>,
    ahead: Arc<Mutex<Ahead>>,
}

#[derive(Debug, Default)]
struct Ahead {
    waiting: BytesMut,
    /// A task takes what waits to the send buffer.
    sending: bool,
    /// Why it cannot be taken there, from then on.
    failed: Option<Error>,
    /// Who waits for room, or for the end.
    waker: Option<Waker>,
}

impl Writing {
    pub(super) fn new(held: Arc<Held>) -> Self {
        Self { held, ahead: Arc::default() }
    }

    /// Takes as much as there is room for, at least one octet.
    pub(super) fn poll_write<'a>(
        &self,
        cx: &mut Context<'_>,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Poll<Result<usize, Error>> {
        let mut ahead = self.ahead();
        if let Some(error) = &ahead.failed {
            return Poll::Ready(Err(error.clone()));
        }
        let before = ahead.waiting.len();
        if before >= AHEAD_MAX {
            ahead.wake_later(cx);
            return Poll::Pending;
        }
        for piece in pieces {
            let room = AHEAD_MAX - ahead.waiting.len();
            ahead.waiting.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        let taken = ahead.waiting.len() - before;
        if taken > 0 && !ahead.sending {
            ahead.sending = true;
            self.held.spawn(self.clone().send());
        }
        Poll::Ready(Ok(taken))
    }

    /// Waits until the send buffer has all of it.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut ahead = self.ahead();
        if let Some(error) = &ahead.failed {
            return Poll::Ready(Err(error.clone()));
        }
        if ahead.sending {
            ahead.wake_later(cx);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what waits, until nothing does.
    async fn send(self) {
        loop {
            let data = {
                let mut ahead = self.ahead();
                ahead.wake();
                if ahead.waiting.is_empty() {
                    ahead.sending = false;
                    return;
                }
                ahead.waiting.split().freeze()
            };
            if let Err(error) = self.held.client.clone().send_all(self.held.id, data).await {
                let mut ahead = self.ahead();
                ahead.sending = false;
                ahead.failed = Some(error);
                ahead.waiting.clear();
                ahead.wake();
                return;
            }
        }
    }

    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        // Nothing that holds it panics half way.
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ahead {
    fn wake_later(&mut self, cx: &Context<'_>) {
        self.waker = Some(cx.waker().clone());
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Octets that may wait while as many are on their way to the send buffer.
const AHEAD_MAX: usize = 256 << 10;
