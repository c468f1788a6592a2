//! The turn, with a site that does as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use sockwright_engine::event::{Event, EventKind, Interest};
use sockwright_engine::host::op::{Completion, Family, Outcome, Reply, Request, SocketKind, Wait};
use sockwright_engine::host::{Engine, Errno};
use sockwright_engine::id::{LinkId, OpId, SessionId, SocketId};
use sockwright_engine::time::Instant;
use sockwright_sim::{Output, StackId};

use super::StackHandle;
use super::command::{Advance, AdvanceError, Advanced, Kept, Stop};
use super::site::{Goal, Next, Site, SiteOutput};
use super::turn::spawn::spawn_site;
use super::turn::{Ears, LINGER};
use crate::capture::Captures;
use crate::config::Limits;
use crate::hub::{Hub, HubConfig};

const STACK: StackId = StackId(0);
const SOCKET: SocketId = SocketId(1);

/// Gives each `Recv` the next octet that the test has put in, parks where there is none, and panics at `Abort`.
struct Scripted {
    octets: mpsc::Receiver<u8>,
    /// What was given back, to be given first.
    restored: VecDeque<u8>,
    /// Each call, and whether it only peeks.
    parked: VecDeque<(OpId, bool)>,
    outputs: VecDeque<SiteOutput>,
    /// A message came in the turn that began then, and the thread did not sleep since.
    told: bool,
    turned: std::time::Instant,
    /// Hears of each sleep after a message, and how long after the turn began it comes.
    sleeps: mpsc::Sender<Duration>,
}

impl Scripted {
    fn serve(&mut self) {
        while let Some((op, peek)) = self.parked.front().copied() {
            let Some(octet) = self.restored.pop_front().or_else(|| self.octets.try_recv().ok()) else {
                return;
            };
            if peek {
                self.restored.push_front(octet);
            }
            self.parked.pop_front();
            let result = Ok(Reply::Received { data: vec![octet], end_of_stream: false, urgent: 0 });
            let completion = Completion { op, socket: SOCKET, result };
            let output = Output::Completion { stack: STACK, at: Instant::ZERO, completion };
            self.outputs.push_back(SiteOutput::World(output));
        }
    }
}

impl Site for Scripted {
    fn tick(&mut self) {
        if !self.told {
            self.turned = std::time::Instant::now();
        }
    }

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn stacks(&self) -> Vec<StackId> {
        vec![STACK]
    }

    fn engine(&self, _stack: StackId) -> Option<&Engine> {
        None
    }

    fn set_interest(&mut self, _interest: Interest, _frame_losses: bool) {}

    fn set_tap(&mut self, _open: bool) {}

    fn link_name(&self, _link: LinkId) -> Arc<str> {
        Arc::from("link1")
    }

    fn began(&self) -> Duration {
        Duration::ZERO
    }

    fn op(&mut self, _stack: StackId, op: OpId, request: Request) -> Outcome {
        match request {
            Request::Recv { wait: Wait::Park, peek, .. } => {
                self.parked.push_back((op, peek));
                self.serve();
                Outcome::Parked
            }
            Request::Create { kind, family, session, label, .. } => {
                let kind = EventKind::Opened { kind, family, session, label, listener: None };
                let event = Event { at: Instant::ZERO, socket: Some(SOCKET), kind };
                self.outputs.push_back(SiteOutput::World(Output::Event { stack: STACK, event }));
                Outcome::Done(Ok(Reply::Created { socket: SOCKET }))
            }
            Request::Abort { .. } => panic!("as the test asked"),
            _ => Outcome::Done(Err(Errno::EINVAL.into())),
        }
    }

    fn input<T>(&mut self, _stack: StackId, _input: impl FnOnce(&mut Engine, Instant) -> T) -> Option<T> {
        None
    }

    fn poll_woken(&mut self) -> Option<(StackId, SocketId, NonZeroU64)> {
        None
    }

    fn set_alarm(&mut self, _at: Option<Instant>) {}

    fn has_real_clock(&self) -> bool {
        true
    }

    fn cancel(&mut self, _stack: StackId, op: OpId) {
        self.parked.retain(|(parked, _)| *parked != op);
    }

    fn restore(&mut self, _stack: StackId, _socket: SocketId, reply: Reply) {
        let Reply::Received { data, .. } = reply else { panic!("{reply:?}") };
        for octet in data.into_iter().rev() {
            self.restored.push_front(octet);
        }
        self.serve();
    }

    fn called(&mut self) {
        self.told = true;
    }

    fn work(&mut self) -> Next {
        self.serve();
        Next::After(Duration::from_millis(1))
    }

    fn begin_advance(&self, _how: Advance) -> Result<Goal, AdvanceError> {
        Err(AdvanceError::RealClock)
    }

    fn advance(&mut self, _goal: &mut Goal) -> Option<Result<Advanced, AdvanceError>> {
        None
    }

    fn poll_output(&mut self) -> Option<SiteOutput> {
        self.outputs.pop_front()
    }

    fn limits_hit(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }

    fn frames_lost(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }

    fn sleeps_until_told(&self) -> bool {
        true
    }

    fn sleep(&mut self, at_most: Option<Duration>) {
        if std::mem::take(&mut self.told) {
            // Most tests do not want to know.
            _ = self.sleeps.send(self.turned.elapsed());
        }
        std::thread::park_timeout(at_most.unwrap_or(Duration::from_millis(1)));
    }
}

/// A thread with room for so many calls, and where its octets come from.
fn start(room: usize) -> (StackHandle, super::ThreadHandle, Arc<Hub>, mpsc::Sender<u8>) {
    start_telling(room, mpsc::channel().0)
}

/// The like, which tells of its sleeps.
fn start_telling(
    room: usize,
    sleeps: mpsc::Sender<Duration>,
) -> (StackHandle, super::ThreadHandle, Arc<Hub>, mpsc::Sender<u8>) {
    let hub = Hub::new(HubConfig::default());
    let (octets, site_octets) = mpsc::channel();
    let site = Scripted {
        octets: site_octets,
        restored: VecDeque::new(),
        parked: VecDeque::new(),
        outputs: VecDeque::new(),
        told: false,
        turned: std::time::Instant::now(),
        sleeps,
    };
    let ending = {
        let hub = Arc::clone(&hub);
        Box::new(move |at, _: &_| hub.remove_stack(&"lab/a".into(), at))
    };
    let names = BTreeMap::from([(STACK, "lab/a".into())]);
    let ears = Ears { hub: Arc::clone(&hub), captures: Captures::new(&Limits::default()) };
    let thread = spawn_site(site, names, ears, room, ending).unwrap();
    (thread.stack(STACK), thread, hub, octets)
}

fn create() -> Request {
    let (kind, family) = (SocketKind::Stream, Family::V4);
    Request::Create { kind, family, session: SessionId(0), label: "".into(), options: Default::default() }
}

fn recv() -> Request {
    Request::Recv { socket: SOCKET, max: 1, min: 1, peek: false, wait: Wait::Park }
}

fn peek() -> Request {
    Request::Recv { socket: SOCKET, max: 1, min: 1, peek: true, wait: Wait::Park }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_takes_its_own_stacks_down_and_nothing_else() {
    let (stack, thread, hub, _octets) = start(8);
    let created = stack.call(create(), Kept::default()).await.unwrap();
    assert_eq!(hub.place_of(SOCKET), Some(("lab/a".into(), SessionId(0))));
    created.value.receipt.settle();

    let waiting = stack.call(recv(), Kept::default());
    let panicking = stack.call(Request::Abort { socket: SOCKET }, Kept::default());
    let (waited, panicked) = tokio::join!(waiting, panicking);
    assert_eq!(waited.unwrap_err().errno, Errno::ENETDOWN);
    assert_eq!(panicked.unwrap_err().errno, Errno::ENETDOWN);
    assert_eq!(stack.call(recv(), Kept::default()).await.unwrap_err().errno, Errno::ENETDOWN);
    assert!(thread.stop(Stop::Silently).await.is_err());
    assert_eq!(hub.place_of(SOCKET), None, "its sockets were released");
    assert!(hub.ended(SOCKET).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_but_not_taken_comes_first_again() {
    let (stack, _thread, _hub, octets) = start(8);
    octets.send(1).unwrap();
    let first = stack.call(recv(), Kept::default()).await.unwrap();
    octets.send(2).unwrap();
    // The second has to wait: the first may still come back.
    let mut second = Box::pin(stack.call(recv(), Kept::default()));
    let early = tokio::time::timeout(Duration::from_millis(50), &mut second).await;
    assert!(early.is_err(), "it overtook what may come back");
    drop(first);
    let second = second.await.unwrap();
    assert_eq!(&second.value.data[..], [1]);
    second.value.receipt.settle();
    let third = stack.call(recv(), Kept::default()).await.unwrap();
    assert_eq!(&third.value.data[..], [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peek_sees_what_was_given_but_not_taken() {
    let (stack, _thread, _hub, octets) = start(8);
    octets.send(1).unwrap();
    let first = stack.call(recv(), Kept::default()).await.unwrap();
    octets.send(2).unwrap();
    // Both have to wait: the first may still come back.
    let mut looking = Box::pin(stack.call(peek(), Kept::default()));
    let early = tokio::time::timeout(Duration::from_millis(50), &mut looking).await;
    assert!(early.is_err(), "it saw what is behind what may come back");
    let behind = stack.call(recv(), Kept::default());
    drop(first);
    assert_eq!(&looking.await.unwrap().value.data[..], [1]);
    let second = behind.await.unwrap();
    assert_eq!(&second.value.data[..], [1], "it is still there");
    second.value.receipt.settle();
    assert_eq!(&stack.call(peek(), Kept::default()).await.unwrap().value.data[..], [2]);
    assert_eq!(&stack.call(recv(), Kept::default()).await.unwrap().value.data[..], [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_leaves_lets_the_next_one_go_on() {
    let (stack, _thread, _hub, octets) = start(8);
    for number in 0..100 {
        let mut calls: Vec<_> = (0..3).map(|_| Box::pin(stack.call(recv(), Kept::default()))).collect();
        for call in &mut calls {
            let poll = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx).is_pending()));
            assert!(poll.await);
        }
        let last = calls.pop().unwrap();
        drop(calls);
        octets.send(number).unwrap();
        let given = last.await.unwrap();
        assert_eq!(&given.value.data[..], [number]);
        given.value.receipt.settle();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_makes_callers_wait_and_loses_none() {
    let (stack, _thread, _hub, _octets) = start(1);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let stack = stack.clone();
        calls.spawn(async move { stack.call(Request::Close { socket: SOCKET }, Kept::default()).await });
    }
    for ended in calls.join_all().await {
        assert_eq!(ended.unwrap_err().errno, Errno::EINVAL);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_was_told_something_looks_for_more_before_it_sleeps() {
    let (sleeps, slept) = mpsc::channel();
    let (stack, _thread, _hub, _octets) = start_telling(8, sleeps);
    for _ in 0..50 {
        assert!(stack.inspect(SOCKET).await.unwrap().value.is_none());
        let looked = slept.recv_timeout(Duration::from_secs(10)).expect("it looks for ever");
        assert!(looked >= LINGER, "it slept after {looked:?}");
    }
}
