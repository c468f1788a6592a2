//! Datagrams beside the connections: senders, receivers, and the law that a datagram arrives whole, from whom it
//! came, and no more often than it was sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sockwright_engine::host::op::{Family, Outcome, Reply, Request, SocketKind, Wait};
use sockwright_engine::host::{Errno, OpError};
use sockwright_engine::id::{OpId, SessionId, SocketId};

use super::dice::Dice;
use super::plan::{FlowPlan, address};
use super::run::{ActorId, Run};
use crate::check::Violation;
use crate::content::Content;
use crate::world::StackId;

/// What was sent and received of each flow.
#[derive(Debug, Default)]
pub struct Flows {
    flows: Vec<Flow>,
    by_source: BTreeMap<SocketAddr, usize>,
}

#[derive(Debug)]
struct Flow {
    content: Content,
    /// The length of each datagram sent, and how often it arrived.
    sent: Vec<(usize, u32)>,
}

impl Flows {
    /// The flows of a plan; `seed` decides their content.
    pub fn new(plans: &[FlowPlan], seed: u64) -> Flows {
        let flow = |number| Flow { content: Content::new(!seed ^ number << 48), sent: Vec::new() };
        Flows { flows: (0..plans.len() as u64).map(flow).collect(), by_source: BTreeMap::new() }
    }

    /// The data of datagram `number` of a flow: its number, then content that follows from it.
    pub fn datagram(&self, flow: usize, number: usize, len: usize) -> Vec<u8> {
        let mut data = (number as u32).to_be_bytes().to_vec();
        data.extend(self.flows[flow].content.slice((number as u64) << 20, len.saturating_sub(NUMBER)));
        data.truncate(len);
        data
    }

    /// A flow comes from here.
    pub fn comes_from(&mut self, flow: usize, source: SocketAddr) {
        self.by_source.insert(source, flow);
    }

    /// The next datagram of a flow was sent.
    pub fn sent(&mut self, flow: usize, len: usize) {
        self.flows[flow].sent.push((len, 0));
    }

    /// How many were sent.
    pub fn count(&self, flow: usize) -> usize {
        self.flows[flow].sent.len()
    }

    /// A datagram arrived.
    pub fn received(&mut self, from: SocketAddr, data: &[u8], truncated: bool) -> Result<(), Violation> {
        const LAW: &str = "a datagram arrives as it was sent";
        let Some(flow) = self.by_source.get(&from).copied() else {
            return Err(Violation::new(LAW, format_args!("nobody sends from {from}")));
        };
        let Some(number) = data.first_chunk::<NUMBER>().map(|number| u32::from_be_bytes(*number) as usize)
        else {
            // Too short to tell which it was.
            let known = self.flows[flow].sent.iter().any(|(len, _)| *len == data.len() || truncated);
            return if known {
                Ok(())
            } else {
                Err(Violation::new(LAW, format_args!("{} octets", data.len())))
            };
        };
        let Some((len, _)) = self.flows[flow].sent.get(number).copied() else {
            return Err(Violation::new(LAW, format_args!("number {number} of flow {flow} was not sent")));
        };
        let right_length = if truncated { data.len() < len } else { data.len() == len };
        if !right_length || self.datagram(flow, number, len)[..data.len()] != *data {
            let detail = format_args!("number {number} of flow {flow}: {} of {len} octets", data.len());
            return Err(Violation::new(LAW, detail));
        }
        let times = &mut self.flows[flow].sent[number].1;
        *times += 1;
        // The link copies a packet once, and never a copy.
        if *times > 2 {
            return Err(Violation::new(
                "a datagram arrives at most as often as the link has it",
                format_args!("{number}"),
            ));
        }
        Ok(())
    }

    /// At the very end of a world that lost nothing: everything arrived.
    pub fn verdict_lossless(&self) -> Result<(), Violation> {
        for (number, flow) in self.flows.iter().enumerate() {
            let lost = flow.sent.iter().position(|(len, times)| *len >= NUMBER && *times == 0);
            if let Some(lost) = lost {
                let detail = format_args!("number {lost} of flow {number}");
                return Err(Violation::new("a datagram that nobody lost arrives", detail));
            }
        }
        Ok(())
    }
}

/// Sends one flow.
#[derive(Debug)]
pub struct Sender {
    actor: ActorId,
    number: usize,
    plan: FlowPlan,
    socket: Option<SocketId>,
    done: bool,
}

impl Sender {
    /// The sender of the flow of that number.
    pub fn new(actor: ActorId, number: usize, plan: FlowPlan) -> Sender {
        Sender { actor, number, plan, socket: None, done: false }
    }

    /// Where it is.
    pub fn stack(&self) -> StackId {
        StackId(self.plan.from)
    }

    /// Its host restarted: it goes on from another port.
    pub fn restarted(&mut self) {
        self.socket = None;
    }

    /// Whether everything is sent.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Its time has come.
    pub fn wake(&mut self, run: &mut Run) {
        let stack = StackId(self.plan.from);
        let socket = match self.socket {
            Some(socket) => socket,
            None => {
                let local = SocketAddr::new(address(self.plan.from, self.plan.family), 0);
                let Some((socket, local)) = open(run, self.actor, stack, self.plan.family, local) else {
                    return;
                };
                run.flows.comes_from(self.number, local);
                self.socket = Some(socket);
                socket
            }
        };
        if run.flows.count(self.number) as u32 >= self.plan.count {
            self.done = true;
            let closed = run.call_now(self.actor, stack, Request::Close { socket });
            if closed.is_err() {
                unexpected(run, "Close", &closed);
            }
            return;
        }
        self.send(run, stack, socket);
        run.wake_in(self.actor, self.plan.pause);
    }

    fn send(&mut self, run: &mut Run, stack: StackId, socket: SocketId) {
        let len = run.dice.below(self.plan.size as u32 + 1) as usize;
        let data = run.flows.datagram(self.number, run.flows.count(self.number), len);
        let port = if run.dice.chance(0.05) { NOBODYS_PORT } else { PORT };
        let remote = SocketAddr::new(address(self.plan.to, self.plan.family), port);
        if port == PORT {
            run.flows.sent(self.number, len);
        }
        match run.call_now(self.actor, stack, Request::SendTo { socket, remote, data }) {
            Ok(Reply::Named { .. }) => {}
            // Of an earlier one, to nobody.
            Err(error) if error.errno == Errno::ECONNREFUSED => {}
            other => unexpected(run, "SendTo", &other),
        }
    }
}

/// Receives whatever comes to a stack.
#[derive(Debug)]
pub struct Receiver {
    actor: ActorId,
    stack: StackId,
    family: Family,
    socket: Option<SocketId>,
    receive: Option<OpId>,
}

impl Receiver {
    /// The receiver of a stack.
    pub fn new(actor: ActorId, stack: StackId, family: Family) -> Receiver {
        Receiver { actor, stack, family, socket: None, receive: None }
    }

    /// Where it is.
    pub fn stack(&self) -> StackId {
        self.stack
    }

    /// Its host restarted: it receives again, at once.
    pub fn restarted(&mut self, run: &mut Run) {
        (self.socket, self.receive) = (None, None);
        self.wake(run);
    }

    /// Its time has come.
    pub fn wake(&mut self, run: &mut Run) {
        if self.socket.is_none() {
            let local = SocketAddr::new(address(self.stack.0, self.family), PORT);
            self.socket = open(run, self.actor, self.stack, self.family, local).map(|(socket, _)| socket);
        }
        self.go(run);
    }

    /// Its call ended.
    pub fn completed(&mut self, run: &mut Run, op: OpId, result: Result<Reply, OpError>) {
        if self.receive == Some(op) {
            self.receive = None;
            self.received(run, result);
        }
        self.go(run);
    }

    /// Receives no more.
    pub fn close(&mut self, run: &mut Run) {
        let Some(socket) = self.socket.take() else { return };
        let closed = run.call_now(self.actor, self.stack, Request::Close { socket });
        if closed.is_err() {
            unexpected(run, "Close", &closed);
        }
    }

    fn go(&mut self, run: &mut Run) {
        while let Some(socket) = self.socket
            && self.receive.is_none()
            && run.violation().is_none()
        {
            let max = if run.dice.chance(0.1) { run.dice.log(NUMBER as u64, 2_000) as usize } else { 65_536 };
            let peek = run.dice.chance(0.05);
            let wait = if peek { Wait::Never } else { Wait::Park };
            match run.call(self.actor, self.stack, Request::RecvFrom { socket, max, peek, wait }) {
                (op, Outcome::Parked) => self.receive = Some(op),
                (_, Outcome::Done(_)) if peek => {}
                (_, Outcome::Done(result)) => self.received(run, result),
            }
        }
    }

    fn received(&mut self, run: &mut Run, result: Result<Reply, OpError>) {
        match result {
            Ok(reply @ Reply::ReceivedFrom { truncated: false, .. }) if run.dice.chance(0.05) => {
                if let Some(socket) = self.socket {
                    run.restore(self.stack, socket, reply);
                }
            }
            Ok(Reply::ReceivedFrom { data, remote, truncated, .. }) => {
                let judged = run.flows.received(remote, &data, truncated);
                run.judge(judged);
            }
            Err(_) if self.socket.is_none() => {}
            other => unexpected(run, "RecvFrom", &other),
        }
    }
}

fn open(
    run: &mut Run,
    actor: ActorId,
    stack: StackId,
    family: Family,
    local: SocketAddr,
) -> Option<(SocketId, SocketAddr)> {
    let create = Request::Create {
        kind: SocketKind::Datagram,
        family,
        session: SessionId(1),
        label: "".into(),
        options: Default::default(),
    };
    let socket = match run.call_now(actor, stack, create) {
        Ok(Reply::Created { socket }) => socket,
        other => {
            unexpected(run, "Create", &other);
            return None;
        }
    };
    match run.call_now(actor, stack, Request::Bind { socket, local }) {
        Ok(Reply::Named { local }) => Some((socket, local)),
        other => {
            unexpected(run, "Bind", &other);
            None
        }
    }
}

fn unexpected(run: &mut Run, call: &str, result: &Result<Reply, OpError>) {
    let detail = format_args!("datagram {call} gave {result:?}");
    run.violate(Violation::new("a call gives what it promises", detail));
}

/// The receivers' port, and one that nobody has.
const PORT: u16 = 53;
const NOBODYS_PORT: u16 = 9;
/// Octets of a datagram's number.
const NUMBER: usize = 4;
