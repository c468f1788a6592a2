//! What befalls hosts: one that restarts knows nothing of its connections, and their other ends find out (RFC 9293 §3.5.1);
//! one that sleeps finds its timers overdue. And what a network keeps back and delivers in a later connection of the same
//! addresses and sequence numbers (RFC 7323 §5) is not taken for that one's.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockwright_engine::event::{EventKind, Interest, TimerAction};
use sockwright_engine::host::op::{Family, Outcome, Reply, Request, SocketKind, Wait};
use sockwright_engine::host::{Config, Errno};
use sockwright_engine::id::{IdSource, OpId, SessionId, SocketId};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::tcp::state::State;
use sockwright_engine::tcp::timers::TimerKind;
use sockwright_engine::time::Instant;
use sockwright_sim::check::Laws;
use sockwright_sim::{LinkConfig, LinkIndex, Output, StackId, World};

const A: StackId = StackId(0);
const B: StackId = StackId(1);
const LINK: LinkIndex = LinkIndex(0);
const PORT: u16 = 80;
const OUR_PORT: u16 = 4000;

struct Two {
    world: World,
    laws: Laws,
    ids: IdSource,
    outputs: Vec<Output>,
    ops: u64,
}

impl Two {
    /// Two stacks on a perfect link; B listens.
    fn new() -> Two {
        let (mut world, ids) = (World::new(1), IdSource::new());
        let address = |host: u8| vec![(IpAddr::from([10, 0, 0, host]), 24)];
        let members = [1, 2].map(|host| (world.add_stack(Config::default(), ids.clone()), address(host)));
        for stack in [A, B] {
            world.engine_mut(stack).unwrap().set_interest(Interest::ALL);
        }
        world.add_link(LinkConfig::default(), &members).unwrap();
        let mut two = Two { world, laws: Laws::default(), ids, outputs: Vec::new(), ops: 0 };
        two.listen(OptionsPatch::default());
        two
    }

    fn listen(&mut self, options: OptionsPatch) -> SocketId {
        let socket = self.create(B, options);
        self.op(B, Request::Bind { socket, local: server() }).unwrap();
        self.op(B, Request::Listen { socket, backlog: 5 }).unwrap();
        socket
    }

    fn create(&mut self, stack: StackId, options: OptionsPatch) -> SocketId {
        let (family, session) = (Family::V4, SessionId(0));
        let create = Request::Create { kind: SocketKind::Stream, family, session, label: "".into(), options };
        match self.op(stack, create) {
            Ok(Reply::Created { socket }) => socket,
            other => panic!("{other:?}"),
        }
    }

    /// A connection from one port of A to B.
    fn connect(&mut self, options: OptionsPatch) -> SocketId {
        let socket = self.create(A, OptionsPatch { reuse_address: Some(true), ..options });
        self.op(A, Request::Bind { socket, local: SocketAddr::from(([10, 0, 0, 1], OUR_PORT)) }).unwrap();
        self.ops += 1;
        let connect = Request::Connect { socket, remote: server(), data: vec![], wait: Wait::Park };
        assert_eq!(self.world.op(A, OpId(self.ops), connect), Outcome::Parked);
        socket
    }

    fn op(&mut self, stack: StackId, request: Request) -> Result<Reply, Errno> {
        self.ops += 1;
        let outcome = self.world.op(stack, OpId(self.ops), request);
        self.absorb();
        match outcome {
            Outcome::Done(result) => result.map_err(|error| error.errno),
            Outcome::Parked => panic!("it waits"),
        }
    }

    fn send(&mut self, socket: SocketId) -> Result<Reply, Errno> {
        self.op(A, Request::Send { socket, data: b"hello".to_vec(), urgent: false, wait: Wait::Never })
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.world.now() + time;
        while self.world.next_time().is_some_and(|next| next <= end) {
            self.world.step();
            self.absorb();
        }
        self.world.advance_to(end);
    }

    fn absorb(&mut self) {
        while let Some(output) = self.world.poll_output() {
            self.laws.check(&self.world, &output).unwrap();
            self.outputs.push(output);
        }
        self.laws.after_input(&self.world).unwrap();
    }

    fn leap(&mut self, stack: StackId, by: Duration) {
        let from = self.world.clock(stack);
        self.laws.leaps(stack, from, from + by);
        self.world.leap_clock(stack, by);
        self.absorb();
    }

    fn restart(&mut self, stack: StackId) {
        self.world.restart_stack(stack, Config::default(), self.ids.clone()).unwrap();
        self.world.engine_mut(stack).unwrap().set_interest(Interest::ALL);
        self.absorb();
    }

    fn state(&self, socket: SocketId) -> Option<State> {
        self.world.engine(A)?.info(socket)?.tcp_state
    }

    /// How a socket of A failed.
    fn failure(&self, socket: SocketId) -> Option<Errno> {
        self.outputs.iter().find_map(|output| match output {
            Output::Event { stack: A, event } if event.socket == Some(socket) => match event.kind {
                EventKind::Failed(errno) => Some(errno),
                _ => None,
            },
            _ => None,
        })
    }

    /// When a timer of A fired, by its clock.
    fn fired(&self, kind: TimerKind) -> Vec<Instant> {
        let fired = |output: &Output| match output {
            Output::Event { stack: A, event } => match event.kind {
                EventKind::Timer { timer, action: TimerAction::Fired } if timer == kind => Some(event.at),
                _ => None,
            },
            _ => None,
        };
        self.outputs.iter().filter_map(fired).collect()
    }
}

fn server() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 2], PORT))
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn who_speaks_to_a_host_that_restarted_is_reset() {
    let mut two = Two::new();
    let socket = two.connect(OptionsPatch::default());
    two.run_for(SECOND);
    assert_eq!(two.state(socket), Some(State::Established));
    two.restart(B);
    two.listen(OptionsPatch::default());
    two.run_for(60 * SECOND);
    assert_eq!(two.state(socket), Some(State::Established), "nothing was said");
    two.send(socket).unwrap();
    two.run_for(SECOND);
    assert_eq!(two.failure(socket), Some(Errno::ECONNRESET));
    assert!(two.world.engine(B).unwrap().sockets().len() == 1, "the listener alone");
}

/// RFC 9293 §3.5.1, figure 9: the one that restarted is the one that connects again, from the same port.
#[test]
fn who_restarted_may_connect_again_from_the_same_port() {
    let mut two = Two::new();
    let before = two.connect(OptionsPatch::default());
    two.run_for(SECOND);
    two.send(before).unwrap();
    two.run_for(SECOND);
    two.restart(A);
    let after = two.connect(OptionsPatch::default());
    assert_ne!(before, after);
    // A challenge, a reset, and the SYN again after a second.
    two.run_for(10 * SECOND);
    assert_eq!(two.state(after), Some(State::Established));
    let engine = two.world.engine(B).unwrap();
    let received: Vec<u64> = engine
        .sockets()
        .iter()
        .filter_map(|socket| Some(engine.info(*socket)?.tcp?.totals.bytes_received))
        .collect();
    assert!(received.contains(&0), "the new connection has nothing of the old one: {received:?}");
    assert_eq!(two.failure(after), None);
}

#[test]
fn a_timer_that_a_clock_leapt_over_fires_once() {
    let mut two = Two::new();
    let socket = two.connect(OptionsPatch { user_timeout: Some(86_400 * SECOND), ..OptionsPatch::default() });
    two.run_for(SECOND);
    // Nobody answers any more.
    two.world.remove_stack(B);
    two.send(socket).unwrap();
    two.run_for(SECOND / 100);
    assert_eq!(two.fired(TimerKind::Retransmit), []);
    two.leap(A, 3600 * SECOND);
    two.run_for(Duration::ZERO);
    assert_eq!(two.fired(TimerKind::Retransmit), [two.world.clock(A)]);
    // From there it goes on as ever: a probe, the timeout, and twice that.
    two.run_for(SECOND);
    let fired = two.fired(TimerKind::Retransmit);
    assert!((2..=4).contains(&fired.len()), "{fired:?}");
    assert_eq!(two.state(socket), Some(State::Established));
}

#[test]
fn a_host_that_slept_longer_than_its_user_timeout_gives_up_what_was_outstanding() {
    let mut two = Two::new();
    let socket = two.connect(OptionsPatch { user_timeout: Some(30 * SECOND), ..OptionsPatch::default() });
    two.run_for(SECOND);
    two.world.remove_stack(B);
    two.send(socket).unwrap();
    two.leap(A, 31 * SECOND);
    two.run_for(Duration::ZERO);
    assert_eq!(two.failure(socket), Some(Errno::ETIMEDOUT));
}

/// Connections of one tuple, all with the same sequence numbers, one after the other; in each of them, before it sends, the
/// network delivers what it kept of the data of those before. How many got something that was not theirs.
fn mixed_up(timestamps: bool) -> usize {
    const CONNECTIONS: u8 = 8;
    let mut two = Two::new();
    let options = OptionsPatch {
        timestamps: Some(timestamps),
        initial_sequence_number: Some(u32::MAX - 2),
        msl: Some(Duration::ZERO),
        reuse_address: Some(true),
        ..OptionsPatch::default()
    };
    let first = two.world.engine(B).unwrap().sockets()[0];
    two.op(B, Request::Close { socket: first }).unwrap();
    let listener = two.listen(options.clone());
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut mixed = 0;
    for number in 0..CONNECTIONS {
        let ours = two.connect(options.clone());
        two.run_for(SECOND);
        let Ok(Reply::Accepted { socket: theirs, .. }) =
            two.op(B, Request::Accept { socket: listener, wait: Wait::Never })
        else {
            panic!("connection {number} did not open")
        };
        for frame in &kept {
            two.world.inject(LINK, B, frame);
            two.outputs.extend(std::iter::from_fn(|| two.world.poll_output()));
        }
        two.outputs.clear();
        let data = vec![number; 100];
        two.op(A, Request::Send { socket: ours, data: data.clone(), urgent: false, wait: Wait::Never })
            .unwrap();
        two.run_for(SECOND);
        let frames = two.outputs.iter().filter_map(|output| match output {
            Output::Link { from: A, frame, .. } if frame.len() > data.len() => Some(frame.clone()),
            _ => None,
        });
        kept.extend(frames);
        let receive = Request::Recv { socket: theirs, max: 1000, min: 1, peek: false, wait: Wait::Never };
        match two.op(B, receive) {
            Ok(Reply::Received { data: received, .. }) => mixed += usize::from(received != data),
            other => panic!("{other:?}"),
        }
        for (stack, socket) in [(A, ours), (B, theirs)] {
            two.op(stack, Request::Close { socket }).unwrap();
            two.run_for(SECOND);
        }
    }
    assert_eq!(kept.len(), usize::from(CONNECTIONS));
    mixed
}

#[test]
fn an_old_duplicate_is_never_delivered_where_timestamps_tell() {
    assert_eq!(mixed_up(true), 0);
}

/// The trial above is one: without timestamps nothing tells what is old.
#[test]
fn without_timestamps_the_same_duplicates_are_delivered() {
    assert_eq!(mixed_up(false), 7);
}
