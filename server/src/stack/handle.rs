//! The tokio side of an engine's thread: typed calls that wait without blocking, and end their wait when dropped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use sockwright_engine::host::op::{self, Request};
use sockwright_engine::host::{Errno, OpError};
use sockwright_engine::id::{OpId, SessionId, SocketId};
use sockwright_engine::time::Instant;
use sockwright_link::Impairments;
use sockwright_proto::v1::Position;
use sockwright_sim::{LinkIndex, StackId};
use tokio::sync::{OwnedRwLockReadGuard, mpsc, oneshot};

use super::clock::Clock;
use super::command::{
    Advance, AdvanceError, Advanced, Answer, At, Call, Command, Description, Inspection, Kept, Policy, Stop,
};
use super::receipt::Given;
use super::traffic::plan::Plan;
use super::traffic::{Feed, Running};
use crate::capture::Room;
use crate::metrics::Counted;

/// Reaches an engine's thread. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ThreadHandle {
    calls: mpsc::Sender<Command>,
    urgent: Urgent,
    ops: Arc<AtomicU64>,
    /// Calls under way that need not wait for a peer.
    in_a_hurry: Arc<AtomicUsize>,
}

/// Reaches one stack of an engine's thread.
#[derive(Clone, Debug)]
pub(crate) struct StackHandle {
    thread: ThreadHandle,
    stack: StackId,
}

/// The engine's thread is gone, and its stacks with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

impl From<Gone> for OpError {
    fn from(Gone: Gone) -> Self {
        Errno::ENETDOWN.into()
    }
}

impl StackHandle {
    /// Makes a call and waits for its end. Dropping the future ends the wait; what it was given but did not take goes
    /// back. What it keeps, it keeps until it was carried out.
    pub(crate) async fn call(&self, request: Request, kept: Kept) -> Result<At<Given>, OpError> {
        let op = OpId(self.thread.ops.fetch_add(1, Ordering::Relaxed));
        let socket = socket_of(&request);
        // Before anything can be dropped, so that it is given back to whoever waits for room in the queue.
        let room = self.thread.calls.reserve().await.map_err(|_| Gone)?;
        let (answer, answered) = oneshot::channel();
        let hurry = (!may_wait(&request)).then(|| Hurry::begin(&self.thread.in_a_hurry));
        room.send(Command::Call(Call { op, stack: self.stack, request, answer, kept }));
        let was_asleep = self.thread.urgent.wake.wake();
        let mut wait = Wait { answered, cancel: Some((op, socket, &self.thread.urgent)) };
        let futile = was_asleep || hurry.as_ref().is_none_or(|hurry| !hurry.alone);
        let answer = match wait.look(futile) {
            Some(answer) => answer,
            None => (&mut wait.answered).await.map_err(|_| Gone),
        };
        wait.cancel = None;
        answer?
    }

    /// Whether both are on one thread.
    pub(crate) fn shares_thread_with(&self, other: &StackHandle) -> bool {
        Arc::ptr_eq(&self.thread.ops, &other.thread.ops)
    }

    /// Which of its thread's stacks it is.
    pub(crate) fn id(&self) -> StackId {
        self.stack
    }

    /// Begins a workload on the thread, where there are fewer than `at_most`, which goes on until the result is dropped. `session` is kept from ending until
    /// then.
    pub(crate) async fn start_traffic(
        &self,
        plan: Plan,
        feed: Feed,
        at_most: usize,
        session: Option<OwnedRwLockReadGuard<()>>,
    ) -> Result<At<Running>, OpError> {
        let start = |answer| Command::StartTraffic { plan: Box::new(plan), feed, at_most, answer, session };
        self.thread.ask(start).await.map_err(OpError::from)?
    }

    /// Everything about a socket; `None` where there is no such socket.
    pub(crate) async fn inspect(&self, socket: SocketId) -> Result<At<Option<Inspection>>, Gone> {
        let stack = self.stack;
        self.thread.ask(|answer| Command::Inspect { stack, socket, answer }).await
    }

    /// Whether a datagram socket has heard from an address of late.
    pub(crate) async fn has_heard(&self, socket: SocketId, remote: SocketAddr) -> Result<bool, Gone> {
        let stack = self.stack;
        self.thread.ask(|answer| Command::HasHeard { stack, socket, remote, answer }).await
    }
}

impl ThreadHandle {
    /// One of its stacks.
    pub(crate) fn stack(&self, stack: StackId) -> StackHandle {
        StackHandle { thread: self.clone(), stack }
    }

    /// Everything about its stacks.
    pub(crate) async fn describe(&self) -> Result<At<Description>, Gone> {
        self.ask(|answer| Command::Describe { answer }).await
    }

    /// Asks what it counted. `None` where it has no room for the question now.
    pub(crate) fn ask_what_it_counted(&self) -> Option<oneshot::Receiver<Counted>> {
        let (answer, answered) = oneshot::channel();
        self.calls.try_send(Command::Count { answer }).ok()?;
        self.urgent.wake.wake();
        Some(answered)
    }

    /// Calls that wait in front of it.
    pub(crate) fn commands_waiting(&self) -> usize {
        self.calls.max_capacity() - self.calls.capacity()
    }

    /// Moves its clock.
    pub(crate) async fn advance(&self, how: Advance) -> Result<Result<At<Advanced>, AdvanceError>, Gone> {
        self.ask(|answer| Command::Advance { how, answer }).await
    }

    /// Changes how time passes from now on, and says what time it is.
    pub(crate) async fn set_clock(&self, clock: Clock) -> Result<At<Instant>, Gone> {
        self.ask(|answer| Command::SetClock { clock, answer }).await
    }

    /// Changes what a link does to frames from now on. They are valid; `false` where there is no such link.
    pub(crate) async fn impair(&self, link: LinkIndex, impairments: Impairments) -> Result<At<bool>, Gone> {
        self.ask(|answer| Command::Impair { link, impairments: Box::new(impairments), answer }).await
    }

    /// Keeps so much of the recent past from now on, or nothing.
    pub(crate) async fn record(&self, room: Option<Room>) -> Result<Position, Gone> {
        self.ask(|answer| Command::Record { room, answer }).await.map(|recorded| recorded.at)
    }

    /// The same, before any call that is made from now on.
    pub(crate) fn record_first(&self, room: Room) {
        let (answer, _) = oneshot::channel();
        self.urgent.send(Command::Record { room: Some(room), answer });
    }

    /// Treats the sockets of a session, and says how many there were.
    pub(crate) async fn end_session(&self, session: SessionId, policy: Policy) -> Result<At<u32>, Gone> {
        self.ask(|answer| Command::EndSession { session, policy, answer }).await
    }

    /// Has it end by itself, at once and without a segment.
    pub(crate) fn let_go(&self) {
        let (answer, _) = oneshot::channel();
        self.urgent.send(Command::Stop { how: Stop::Silently, answer });
    }

    /// Has it fail.
    #[cfg(test)]
    pub(crate) fn fail(&self) {
        self.urgent.send(Command::Panic);
    }

    /// Ends it. Asks urgently: it is heard however long the queue is.
    pub(crate) async fn stop(&self, how: Stop) -> Result<Position, Gone> {
        let (answer, answered) = oneshot::channel();
        self.urgent.send(Command::Stop { how, answer });
        answered.await.map_err(|_| Gone)
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Gone> {
        let (answer, answered) = oneshot::channel();
        self.calls.send(command(answer)).await.map_err(|_| Gone)?;
        self.urgent.wake.wake();
        answered.await.map_err(|_| Gone)
    }
}

/// The lane for what must neither wait nor be lost: at most a few messages for each call, so it needs no bound of
/// its own.
#[derive(Clone, Debug)]
pub(crate) struct Urgent {
    lane: mpsc::UnboundedSender<Command>,
    wake: Arc<Wake>,
}

impl Urgent {
    /// Sends, unless the thread is gone: then there is nothing left to cancel or restore.
    pub(super) fn send(&self, command: Command) {
        if self.lane.send(command).is_ok() {
            self.wake.wake();
        }
    }
}

/// The thread's end of the queues.
#[derive(Debug)]
pub(crate) struct Inbox {
    calls: mpsc::Receiver<Command>,
    urgent: mpsc::UnboundedReceiver<Command>,
    wake: Arc<Wake>,
}

impl Inbox {
    /// The next message, urgent ones first.
    pub(super) fn next(&mut self) -> Option<Command> {
        self.urgent.try_recv().ok().or_else(|| self.calls.try_recv().ok())
    }

    /// Whether no message waits.
    pub(super) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.calls.is_empty()
    }

    /// Whether the thread may sleep: from here on a message wakes it. Call [`Inbox::awake`] afterwards.
    pub(super) fn may_sleep(&self) -> bool {
        self.wake.asleep.store(true, Ordering::SeqCst);
        self.is_empty()
    }

    /// The thread is awake again and looks at the queues by itself.
    pub(super) fn awake(&self) {
        self.wake.asleep.store(false, Ordering::SeqCst);
    }

    /// Nobody can send any more.
    pub(super) fn close(&mut self) {
        self.calls.close();
        self.urgent.close();
    }
}

/// Wakes the thread if it sleeps, and costs next to nothing if it does not.
#[derive(Debug)]
pub(super) struct Wake {
    asleep: AtomicBool,
    by: Waker,
}

/// How a thread is woken.
#[derive(Debug)]
pub(super) enum Waker {
    /// It parks.
    Park(std::sync::OnceLock<std::thread::Thread>),
    /// It polls.
    Poll(mio::Waker),
}

impl Wake {
    /// Whether it slept.
    fn wake(&self) -> bool {
        if !self.asleep.swap(false, Ordering::SeqCst) {
            return false;
        }
        match &self.by {
            Waker::Park(thread) => {
                if let Some(thread) = thread.get() {
                    thread.unpark();
                }
            }
            // It fails where the poll is gone, and the thread with it.
            Waker::Poll(waker) => _ = waker.wake(),
        }
        true
    }

    /// The thread that is to be unparked is the one that calls this.
    pub(super) fn is_this_thread(&self) {
        if let Waker::Park(thread) = &self.by {
            thread.get_or_init(std::thread::current);
        }
    }
}

/// Both ends of the queues of a thread, with room for so many calls.
pub(super) fn queues(room: usize, by: Waker) -> (ThreadHandle, Inbox) {
    let (calls, calls_end) = mpsc::channel(room);
    let (lane, lane_end) = mpsc::unbounded_channel();
    let wake = Arc::new(Wake { asleep: AtomicBool::new(false), by });
    let urgent = Urgent { lane, wake: Arc::clone(&wake) };
    let handle = ThreadHandle { calls, urgent, ops: Arc::new(AtomicU64::new(1)), in_a_hurry: Arc::default() };
    (handle, Inbox { calls: calls_end, urgent: lane_end, wake })
}

impl Inbox {
    pub(super) fn wake(&self) -> &Wake {
        &self.wake
    }
}

impl ThreadHandle {
    pub(super) fn urgent(&self) -> Urgent {
        self.urgent.clone()
    }
}

/// A call that waits. Dropped before it has its answer, it cancels the call.
struct Wait<'a> {
    answered: oneshot::Receiver<Answer>,
    cancel: Option<(OpId, Option<SocketId>, &'a Urgent)>,
}

impl Wait<'_> {
    /// Looks for the answer for as long as it would take to be woken by it, unless that is known to be `futile`: a thread that
    /// is awake answers what need not wait within a few microseconds, and then nobody has to be woken at all. Where there are
    /// other such calls, this core has them to go on with, and nobody sleeps who had to be woken.
    fn look(&mut self, futile: bool) -> Option<Result<Answer, Gone>> {
        let began = std::time::Instant::now();
        while !futile && began.elapsed() < LOOK {
            match self.answered.try_recv() {
                Ok(answer) => return Some(Ok(answer)),
                Err(oneshot::error::TryRecvError::Empty) => std::hint::spin_loop(),
                // Seen once, it must not be waited for any more: that is a panic.
                Err(oneshot::error::TryRecvError::Closed) => return Some(Err(Gone)),
            }
        }
        None
    }
}

/// A call that need not wait for a peer, while it is under way.
struct Hurry<'a> {
    count: &'a AtomicUsize,
    /// Whether it was the only one when it began.
    alone: bool,
}

impl<'a> Hurry<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        Hurry { alone: count.fetch_add(1, Ordering::Relaxed) == 0, count }
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What waking a thread on another core takes, about.
const LOOK: Duration = Duration::from_micros(20);

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Some((op, socket, urgent)) = self.cancel.take() else { return };
        // Closed first: the engine's thread finds either this message or a receiver that is gone. An answer that has
        // come already is dropped here, and its receipt sends it back.
        self.answered.close();
        if self.answered.try_recv().is_err() {
            urgent.send(Command::Cancel { op, socket });
        }
    }
}

/// Whether a call may wait for a peer, and usually does.
fn may_wait(request: &Request) -> bool {
    matches!(
        request,
        Request::Accept { wait: op::Wait::Park, .. }
            | Request::Connect { wait: op::Wait::Park, .. }
            | Request::Recv { wait: op::Wait::Park, .. }
            | Request::RecvFrom { wait: op::Wait::Park, .. }
    )
}

/// The socket that a request names.
pub(super) fn socket_of(request: &Request) -> Option<SocketId> {
    match request {
        Request::Create { .. } => None,
        Request::Bind { socket, .. }
        | Request::Listen { socket, .. }
        | Request::Accept { socket, .. }
        | Request::Connect { socket, .. }
        | Request::Send { socket, .. }
        | Request::Recv { socket, .. }
        | Request::SendTo { socket, .. }
        | Request::RecvFrom { socket, .. }
        | Request::Shutdown { socket, .. }
        | Request::Close { socket }
        | Request::Abort { socket }
        | Request::Vanish { socket }
        | Request::Reassign { socket, .. }
        | Request::SetOptions { socket, .. } => Some(*socket),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_is_dropped_while_its_answer_is_looked_for_is_not_waited_for() {
        let (answer, answered) = oneshot::channel();
        let mut wait = Wait { answered, cancel: None };
        drop(answer);
        assert!(matches!(wait.look(false), Some(Err(Gone))));
    }
}
