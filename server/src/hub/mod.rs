//! skeleton
#![allow(missing_docs, clippy::todo, unused_variables)]
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use sockwright_engine::event::{Event, Interest};
use sockwright_engine::host::{Errno, SocketInfo};
use sockwright_engine::id::{SessionId, SocketId};
use sockwright_engine::time::Instant;
use sockwright_proto::v1::{self as pb, Position};
use tonic::Status;

use crate::convert::Invalid;

#[derive(Clone, Debug)]
pub struct HubConfig {
    pub remember: usize,
    pub remember_released: usize,
    pub watchers: usize,
    pub watcher_queue: usize,
    pub waiters: usize,
}
impl Default for HubConfig {
    fn default() -> Self {
        HubConfig {
            remember: 262_144,
            remember_released: 65_536,
            watchers: 256,
            watcher_queue: 65_536,
            waiters: 65_536,
        }
    }
}

/// What is published.
#[derive(Clone, Debug, PartialEq)]
pub enum HubEvent {
    Engine(Event),
    FrameLost { at: Instant, what: &'static str, text: String },
}
impl From<Event> for HubEvent {
    fn from(event: Event) -> Self {
        HubEvent::Engine(event)
    }
}

/// How a released socket ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub summary: pb::SocketSummary,
    pub error: Option<Errno>,
    pub at: Position,
}

/// What an engine answers to `wait_for`'s question.
#[derive(Clone, Debug)]
pub struct Current {
    pub info: SocketInfo,
    pub at: Position,
}

#[derive(Clone, Debug)]
pub struct CompiledFilter {}
impl TryFrom<&pb::Filter> for CompiledFilter {
    type Error = Invalid;
    fn try_from(filter: &pb::Filter) -> Result<Self, Invalid> {
        todo!()
    }
}

/// Dropping it unregisters the hook.
#[derive(Debug)]
pub struct InterestHook {}

#[derive(Debug)]
pub struct Hub {}

impl Hub {
    pub fn new(config: HubConfig) -> Arc<Hub> {
        todo!()
    }
    pub fn epoch(&self) -> u64 {
        todo!()
    }
    pub fn position(&self) -> Position {
        todo!()
    }
    /// The position `seq` of this epoch.
    pub fn position_at(&self, seq: u64) -> Position {
        todo!()
    }
    /// One batch a turn. The position after it is `at` for the calls that the turn carried out.
    pub fn publish(&self, stack: &Arc<str>, events: impl IntoIterator<Item = HubEvent>) -> Position {
        todo!()
    }
    /// Publishes Released for every socket that is left on it.
    pub fn remove_stack(&self, stack: &str, at: Instant) -> Position {
        todo!()
    }
    /// The session of a socket changed (there is no event for it).
    pub fn reassign(&self, socket: SocketId, session: SessionId) {
        todo!()
    }
    /// To be read by an engine thread after it took commands and before it carries them out.
    pub fn interest(&self) -> Interest {
        todo!()
    }
    /// Whether anybody wants FrameLost events.
    pub fn wants_frame_losses(&self) -> bool {
        todo!()
    }
    /// `wake` is called (on any thread, never under a lock of the hub) when `interest` changed.
    pub fn on_interest_change(self: &Arc<Self>, wake: impl Fn() + Send + Sync + 'static) -> InterestHook {
        todo!()
    }
    /// Of a socket that is there.
    pub fn summary(&self, socket: SocketId) -> Option<pb::SocketSummary> {
        todo!()
    }
    /// Of a socket that is gone, while remembered.
    pub fn ended(&self, socket: SocketId) -> Option<Ended> {
        todo!()
    }
    pub fn stack_of(&self, socket: SocketId) -> Option<Arc<str>> {
        todo!()
    }
    pub fn list(
        &self,
        filter: &CompiledFilter,
        after_socket: u64,
        limit: usize,
    ) -> (Vec<pb::SocketSummary>, Position) {
        todo!()
    }
    pub fn watch(self: &Arc<Self>, request: pb::WatchRequest) -> Result<WatchStream, Status> {
        todo!()
    }
    /// `current` asks the socket's engine; `Ok(None)`: the engine has no such socket any more.
    pub async fn wait_for<F, A>(
        self: &Arc<Self>,
        request: pb::WaitForRequest,
        current: F,
    ) -> Result<pb::WaitForResponse, Status>
    where
        F: Fn() -> A + Send + Sync,
        A: Future<Output = Result<Option<Current>, Status>> + Send,
    {
        todo!()
    }
    /// Ends all watches and waits with UNAVAILABLE, now and from now on.
    pub fn shutdown(&self) {
        todo!()
    }
}

#[derive(Debug)]
pub struct WatchStream {}
impl tokio_stream::Stream for WatchStream {
    type Item = Result<pb::WatchResponse, Status>;
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        todo!()
    }
}
