//! A socket of the server that ends with those who hold it.

use std::sync::atomic::{AtomicBool, Ordering};

use sockwright_proto::v1;
use tokio::runtime::Handle;

use crate::Client;

/// A socket, closed once nobody holds it: as `close(2)` does when the last descriptor goes.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) client: Client,
    pub(super) id: u64,
    /// Where it began: what waits look back to.
    pub(super) born: Option<v1::Position>,
    /// It was closed, or aborted: nothing is left to do.
    ended: AtomicBool,
    runtime: Handle,
}

impl Held {
    /// Takes a socket into custody. Has to be called within a runtime of tokio's.
    pub(super) fn new(client: &Client, id: u64, born: Option<v1::Position>) -> Self {
        Self { client: client.clone(), id, born, ended: AtomicBool::new(false), runtime: Handle::current() }
    }

    /// From here on somebody else sees to its end.
    pub(super) fn let_go(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Runs what outlives whoever asked for it.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if *self.ended.get_mut() {
            return;
        }
        let (mut sockets, socket) = (self.client.sockets.clone(), self.id);
        // One that is gone already needs no closing, and a server that is gone ends it by itself.
        self.spawn(async move { _ = sockets.close(v1::CloseRequest { socket }).await });
    }
}
