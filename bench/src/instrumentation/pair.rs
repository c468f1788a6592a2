//! Two engines joined in memory, one of which sends to the other. Made twice: of each build of the engine.

use std::collections::VecDeque;

use anyhow::{Context, bail};

use super::engine::host::op::{Family, Outcome, Reply, Request, SocketKind, Wait};
use super::engine::host::{Config, Engine, Interface, Medium, Offload};
use super::engine::id::{IdSource, LinkId, OpId, SessionId, SocketId};
use super::engine::time::Instant;
use super::engine::wire::ChecksumPolicy;

/// A connection between two engines, established.
pub(crate) struct Pair {
    sender: Engine,
    receiver: Engine,
    sending: SocketId,
    receiving: SocketId,
    now: Instant,
    data: Vec<u8>,
    /// Packets on their way to the receiver and to the sender, and what held others before.
    there: VecDeque<Vec<u8>>,
    back: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    segments: u64,
}

impl Pair {
    /// Opens the connection.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let ids = IdSource::new();
        let engine = |host: u8| {
            let mut engine = Engine::new(Config::default(), [host; 32], ids.clone());
            let interface = Interface {
                link: LinkId(0),
                addresses: vec![([10, 0, 0, host].into(), 24)],
                mtu: 1500,
                checksums: ChecksumPolicy::Verify,
                offload: Offload::default(),
                medium: Medium::Ip,
                shared_with_host: false,
            };
            engine.add_interface(interface).map_err(anyhow::Error::msg)?;
            anyhow::Ok(engine)
        };
        let mut pair = Pair {
            sender: engine(1)?,
            receiver: engine(2)?,
            sending: SocketId(0),
            receiving: SocketId(0),
            now: Instant::ZERO,
            data: vec![0; 64 << 10],
            there: VecDeque::new(),
            back: VecDeque::new(),
            spare: Vec::new(),
            segments: 0,
        };
        let remote = ([10, 0, 0, 2], 80).into();
        let listener = pair.create(true)?;
        pair.call(true, Request::Bind { socket: listener, local: remote })?;
        pair.call(true, Request::Listen { socket: listener, backlog: 1 })?;
        pair.sending = pair.create(false)?;
        let connect = Request::Connect { socket: pair.sending, remote, data: Vec::new(), wait: Wait::Never };
        pair.sender.handle_op(pair.now, OpId(1), connect);
        pair.carry();
        match pair.call(true, Request::Accept { socket: listener, wait: Wait::Never })? {
            Reply::Accepted { socket, .. } => pair.receiving = socket,
            other => bail!("{other:?}"),
        }
        Ok(pair)
    }

    /// Moves so many octets from one engine to the other, and says how many segments that took, both ways.
    pub(crate) fn send(&mut self, octets: usize) -> anyhow::Result<u64> {
        let before = self.segments;
        let mut received = 0;
        let mut left = octets;
        while received < octets {
            let piece = self.data.get(..left.min(self.data.len())).unwrap_or_default();
            let sent = self.sender.send_slice(self.now, self.sending, piece);
            let sent = sent.map_err(|error| anyhow::anyhow!("{error:?}"))?;
            left -= sent;
            self.carry();
            let taken = self.receiver.recv_with(self.now, self.receiving, usize::MAX, |_| {});
            let taken = taken.map_err(|error| anyhow::anyhow!("{error:?}"))?;
            received += taken;
            self.carry();
            if sent == 0 && taken == 0 {
                self.wait()?;
            }
        }
        Ok(self.segments - before)
    }

    fn create(&mut self, receiver: bool) -> anyhow::Result<SocketId> {
        let create = Request::Create {
            kind: SocketKind::Stream,
            family: Family::V4,
            session: SessionId(0),
            label: "".into(),
            options: Default::default(),
        };
        match self.call(receiver, create)? {
            Reply::Created { socket } => Ok(socket),
            other => bail!("{other:?}"),
        }
    }

    fn call(&mut self, receiver: bool, request: Request) -> anyhow::Result<Reply> {
        let engine = if receiver { &mut self.receiver } else { &mut self.sender };
        let outcome = engine.handle_op(self.now, OpId(1), request);
        self.carry();
        match outcome {
            Outcome::Done(result) => result.map_err(|error| anyhow::anyhow!("{error:?}")),
            Outcome::Parked => bail!("a call waits"),
        }
    }

    /// Lets the next timer fire.
    fn wait(&mut self) -> anyhow::Result<()> {
        let due = [self.sender.poll_timeout(), self.receiver.poll_timeout()].into_iter().flatten().min();
        self.now = self.now.max(due.context("nothing is left to happen")?);
        self.sender.handle_timeout(self.now);
        self.segments += drain(&mut self.sender, self.now, &mut self.there, &mut self.spare);
        self.receiver.handle_timeout(self.now);
        self.carry();
        Ok(())
    }

    /// Lets every packet arrive.
    fn carry(&mut self) {
        loop {
            self.segments += drain(&mut self.sender, self.now, &mut self.there, &mut self.spare);
            self.segments += drain(&mut self.receiver, self.now, &mut self.back, &mut self.spare);
            self.now += std::time::Duration::from_micros(1);
            let (engine, packet) = if let Some(packet) = self.there.pop_front() {
                (&mut self.receiver, packet)
            } else if let Some(packet) = self.back.pop_front() {
                (&mut self.sender, packet)
            } else {
                break;
            };
            engine.handle_frame(self.now, LinkId(0), &packet);
            self.spare.push(packet);
        }
    }
}

/// Takes out everything that an engine has to say; how many packets.
fn drain(
    engine: &mut Engine,
    now: Instant,
    packets: &mut VecDeque<Vec<u8>>,
    spare: &mut Vec<Vec<u8>>,
) -> u64 {
    let before = packets.len();
    loop {
        let mut packet = spare.pop().unwrap_or_default();
        if engine.poll_transmit(now, &mut packet).is_none() {
            spare.push(packet);
            break;
        }
        packets.push_back(packet);
    }
    while engine.poll_event().is_some() {}
    while engine.poll_completion().is_some() {}
    while engine.poll_released_port().is_some() {}
    (packets.len() - before) as u64
}
