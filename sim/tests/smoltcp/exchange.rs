//! One connection between an engine of ours and smoltcp, from the handshake to the end, in virtual time.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use smoltcp::socket::tcp::State;
use sockwright_engine::event::Interest;
use sockwright_engine::host::Config;
use sockwright_engine::host::op::{Family, Outcome, Reply, Request, ShutdownHow, SocketKind, Wait};
use sockwright_engine::id::{IdSource, OpId, SessionId, SocketId};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::time::Instant;
use sockwright_link::impair::Impairments;
use sockwright_sim::check::Laws;
use sockwright_sim::content::Content;
use sockwright_sim::{LinkConfig, Output, StackId, World};

use crate::peer::{Peer, Settings};

/// All that an exchange depends on.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) v4: bool,
    pub(crate) we_connect: bool,
    pub(crate) mtu: usize,
    pub(crate) path: Impairments,
    /// Octets that each side sends.
    pub(crate) ours: u64,
    pub(crate) theirs: u64,
    /// Who sends only once the other's half of the connection is closed, if anybody does.
    pub(crate) answers: Option<Side>,
    pub(crate) options: OptionsPatch,
    pub(crate) peer: Settings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    We,
    They,
}

/// An exchange that ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    /// When everything had arrived, on both sides.
    pub(crate) transferred: Duration,
    /// When both sides were closed.
    pub(crate) lasted: Duration,
}

/// Runs an exchange to its end, and judges every event of ours on the way.
pub(crate) fn run(plan: &Plan) -> Result<Done, String> {
    Exchange::new(plan).run()
}

struct Exchange<'a> {
    plan: &'a Plan,
    world: World,
    laws: Laws,
    we: StackId,
    peer: Peer,
    ops: u64,
    /// Ours, once there is a connection.
    socket: Option<SocketId>,
    listener: Option<SocketId>,
    waits: Waits,
    sent: [u64; 2],
    received: [u64; 2],
    /// Whose stream ended: read to its end by the other.
    ended: [bool; 2],
    shut: [bool; 2],
    closed: bool,
}

/// Our calls that wait.
#[derive(Default)]
struct Waits {
    open: Option<OpId>,
    send: Option<OpId>,
    receive: Option<OpId>,
}

impl<'a> Exchange<'a> {
    fn new(plan: &'a Plan) -> Exchange<'a> {
        let mut world = World::new(plan.seed);
        let we = world.add_stack(Config::default(), IdSource::new());
        world.engine_mut(we).expect("added").set_interest(Interest::ALL);
        let they = world.add_outsider();
        let config = LinkConfig { impairments: plan.path, mtu: plan.mtu, ..LinkConfig::default() };
        let members = [(we, vec![(address(plan.v4, 1), 24)]), (they, vec![(address(plan.v4, 2), 24)])];
        let link = world.add_link(config, &members).expect("a link");
        let peer = Peer::new(they, link, &plan.peer);
        Exchange {
            plan,
            world,
            laws: Laws::default(),
            we,
            peer,
            ops: 0,
            socket: None,
            listener: None,
            waits: Waits::default(),
            sent: [0; 2],
            received: [0; 2],
            ended: [false; 2],
            shut: [false; 2],
            closed: false,
        }
    }

    fn run(mut self) -> Result<Done, String> {
        self.open()?;
        let mut transferred = None;
        let deadline = self.world.now() + PATIENCE;
        loop {
            self.work()?;
            if transferred.is_none() && self.ended == [true; 2] {
                transferred = Some(self.world.now());
            }
            let over = matches!(self.peer.socket().state(), State::Closed | State::TimeWait);
            if let Some(transferred) = transferred
                && over
                && self.world.engine(self.we).is_some_and(|engine| engine.sockets().is_empty())
            {
                let since = |at: Instant| at.since(Instant::ZERO);
                return Ok(Done { transferred: since(transferred), lasted: since(self.world.now()) });
            }
            let next = [self.world.next_time(), self.peer.next_time()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= deadline) else {
                return Err(self.stuck("nothing more happens, and it is not over"));
            };
            self.step(next)?;
        }
    }

    /// Does one thing that is due at `next`.
    fn step(&mut self, next: Instant) -> Result<(), String> {
        if self.world.next_time() == Some(next) {
            self.world.step();
        } else {
            self.world.advance_to(next);
        }
        self.peer.poll(&mut self.world);
        self.absorb()
    }

    fn open(&mut self) -> Result<(), String> {
        let family = if self.plan.v4 { Family::V4 } else { Family::V6 };
        let options = self.plan.options.clone();
        let session = SessionId(0);
        let create = Request::Create { kind: SocketKind::Stream, family, session, label: "".into(), options };
        let Some(Reply::Created { socket }) = self.call(create)? else { return Err("no socket".into()) };
        let (our_address, their_address) = (address(self.plan.v4, 1), address(self.plan.v4, 2));
        if self.plan.we_connect {
            self.peer.listen(PORT);
            self.socket = Some(socket);
            let remote = SocketAddr::new(their_address, PORT);
            self.waits.open =
                self.park(Request::Connect { socket, remote, data: vec![], wait: Wait::Park })?;
        } else {
            self.call(Request::Bind { socket, local: SocketAddr::new(our_address, PORT) })?;
            self.call(Request::Listen { socket, backlog: 1 })?;
            self.waits.open = self.park(Request::Accept { socket, wait: Wait::Park })?;
            self.listener = Some(socket);
            self.peer.connect(SocketAddr::new(our_address, PORT), 40_000);
        }
        Ok(())
    }

    /// Both sides do whatever they can do now.
    fn work(&mut self) -> Result<(), String> {
        self.peer_works()?;
        self.we_work()?;
        self.peer.poll(&mut self.world);
        self.absorb()
    }

    fn may_send(&self, side: Side) -> bool {
        self.plan.answers != Some(side) || self.ended[1 - side as usize]
    }

    fn peer_works(&mut self) -> Result<(), String> {
        let may_send = self.may_send(Side::They);
        let (content, total) = (self.content(Side::They), self.plan.theirs);
        let socket = self.peer.socket();
        while may_send && socket.can_send() && self.sent[1] < total {
            let left = usize::try_from(total - self.sent[1]).expect("a length").min(CHUNK);
            self.sent[1] += socket.send_slice(&content.slice(self.sent[1], left)).expect("open") as u64;
        }
        if may_send && socket.may_send() && self.sent[1] == total && !self.shut[1] {
            socket.close();
            self.shut[1] = true;
        }
        let (content, mut buffer) = (self.content(Side::We), [0; 4096]);
        let socket = self.peer.socket();
        while socket.can_recv() {
            let length = socket.recv_slice(&mut buffer).expect("open");
            content
                .check(self.received[1], &buffer[..length])
                .map_err(|mismatch| format!("smoltcp received {mismatch:?}"))?;
            self.received[1] += length as u64;
        }
        let came =
            matches!(socket.state(), State::CloseWait | State::Closing | State::LastAck | State::TimeWait);
        self.ended[0] |= came && !socket.can_recv() && self.received[1] == self.plan.ours;
        Ok(())
    }

    fn we_work(&mut self) -> Result<(), String> {
        let Some(socket) = self.socket.filter(|_| self.waits.open.is_none() && !self.closed) else {
            return Ok(());
        };
        let content = self.content(Side::We);
        while self.may_send(Side::We) && self.waits.send.is_none() && self.sent[0] < self.plan.ours {
            let left = usize::try_from(self.plan.ours - self.sent[0]).expect("a length").min(CHUNK);
            let data = content.slice(self.sent[0], left);
            self.waits.send = self.park(Request::Send { socket, data, urgent: false, wait: Wait::Park })?;
        }
        if self.may_send(Side::We) && self.sent[0] == self.plan.ours && !self.shut[0] {
            self.call(Request::Shutdown { socket, how: ShutdownHow::Write })?;
            self.shut[0] = true;
        }
        while self.waits.receive.is_none() && !self.ended[1] {
            let receive = Request::Recv { socket, max: CHUNK, min: 1, peek: false, wait: Wait::Park };
            self.waits.receive = self.park(receive)?;
        }
        if self.shut[0] && self.ended[1] {
            self.call(Request::Close { socket })?;
            self.closed = true;
            if let Some(listener) = self.listener {
                self.call(Request::Close { socket: listener })?;
            }
        }
        Ok(())
    }

    fn content(&self, side: Side) -> Content {
        Content::new(self.plan.seed ^ (side as u64 + 1))
    }

    /// Makes a call that does not park.
    fn call(&mut self, request: Request) -> Result<Option<Reply>, String> {
        let name = format!("{request:?}");
        match self.make(request) {
            (_, Outcome::Done(Ok(reply))) => Ok(Some(reply)),
            (_, Outcome::Done(Err(error))) => Err(self.stuck(&format!("{name}: {error:?}"))),
            (_, Outcome::Parked) => Err(format!("{name} waits")),
        }
    }

    /// Makes a call that may park: its number, if it does.
    fn park(&mut self, request: Request) -> Result<Option<OpId>, String> {
        match self.make(request) {
            (op, Outcome::Parked) => Ok(Some(op)),
            (_, Outcome::Done(Ok(reply))) => self.replied(reply).map(|()| None),
            (_, Outcome::Done(Err(error))) => Err(self.stuck(&format!("a call failed: {error:?}"))),
        }
    }

    fn make(&mut self, request: Request) -> (OpId, Outcome) {
        self.ops += 1;
        (OpId(self.ops), self.world.op(self.we, OpId(self.ops), request))
    }

    fn replied(&mut self, reply: Reply) -> Result<(), String> {
        match reply {
            Reply::Accepted { socket, .. } => self.socket = Some(socket),
            Reply::Sent { accepted } => self.sent[0] += accepted as u64,
            Reply::Received { data, end_of_stream, .. } => {
                let content = self.content(Side::They);
                content
                    .check(self.received[0], &data)
                    .map_err(|mismatch| format!("we received {mismatch:?}"))?;
                self.received[0] += data.len() as u64;
                self.ended[1] |= end_of_stream;
                if end_of_stream && self.received[0] != self.plan.theirs {
                    return Err(self.stuck("the stream ended early"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes in what the world has to say.
    fn absorb(&mut self) -> Result<(), String> {
        while let Some(output) = self.world.poll_output() {
            if output.stack() != self.we {
                continue;
            }
            self.laws.check(&self.world, &output).map_err(|violation| self.stuck(&violation.to_string()))?;
            let Output::Completion { completion, .. } = output else { continue };
            for wait in [&mut self.waits.open, &mut self.waits.send, &mut self.waits.receive] {
                if *wait == Some(completion.op) {
                    *wait = None;
                }
            }
            match completion.result {
                Ok(reply) => self.replied(reply)?,
                Err(error) => return Err(self.stuck(&format!("a call failed: {error:?}"))),
            }
        }
        self.laws.after_input(&self.world).map_err(|violation| violation.to_string())
    }

    /// What went wrong, and how far everybody had come.
    fn stuck(&mut self, what: &str) -> String {
        let state = self.peer.socket().state();
        let ours =
            self.world.engine(self.we).zip(self.socket).and_then(|(engine, socket)| engine.info(socket));
        format!(
            "{what}, at {}: sent {:?}, received {:?}, ended {:?}, smoltcp is in {state}, ours is {ours:?}",
            self.world.now(),
            self.sent,
            self.received,
            self.ended
        )
    }
}

pub(crate) fn address(v4: bool, host: u8) -> IpAddr {
    if v4 { [10, 0, 0, host].into() } else { [0xfd00, 0, 0, 0, 0, 0, 0, u16::from(host)].into() }
}

/// How long an exchange may take in the world's time.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// Octets sent or received in one call.
const CHUNK: usize = 65_536;
const PORT: u16 = 80;
