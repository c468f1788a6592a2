//! What a segment costs as there are more connections: two engines in a world, driven without gRPC, so many connections
//! between them, and one octet at a time on one after another in an order that no cache foresees.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use sockwright_engine::host::Config;
use sockwright_engine::host::op::{Family, Outcome, Reply, Request, SocketKind, Wait};
use sockwright_engine::id::{IdSource, OpId, SessionId, SocketId};
use sockwright_engine::rng::Rng;
use sockwright_sim::{LinkConfig, StackId, World};

use crate::figure::{Better, Bounds, Case, Curve, Figure, Point, Round, Sample};

pub(crate) const CASE: Case = Case {
    name: "turn",
    figures: &[
        figure("time per segment at 100 connections", 100, false),
        figure("time per segment at 1,000 connections", 1_000, false),
        figure("time per segment at 10,000 connections", 10_000, false),
        figure("time per segment at 100,000 connections", 100_000, false),
        figure("time per segment at 1,000,000 connections", 1_000_000, true),
    ],
    measure,
    once: true,
};

const fn figure(name: &'static str, connections: u32, is_bound: bool) -> Figure {
    Figure {
        name,
        peer: "itself at 10 connections",
        unit: "ns",
        better: Better::Lower,
        bounds: if is_bound { Bounds::Ratio { at_least: 3.0, aim: 1.5 } } else { Bounds::None },
        point: Some(Point { curve: &CURVE, x: connections as f64 }),
    }
}

const CURVE: Curve = Curve {
    name: "turn",
    title: "Time per segment, with so many connections open",
    x: "connections",
    x_is_logarithmic: true,
    y: "nanoseconds",
    y_is_logarithmic: false,
    lines: ["with so many", "with ten"],
};

/// All sizes in one lab that grows, and ten connections in another beside it.
fn measure(round: &Round) -> anyhow::Result<Vec<Sample>> {
    let (mut many, mut few) = (Lab::new()?, Lab::new()?);
    few.grow(10)?;
    let one = |figure: &Figure| {
        many.grow(figure.point.map_or(0, |point| point.x as usize))?;
        let length = round.length / 2;
        round.compare(|| many.time_per_segment(length), || few.time_per_segment(length))
    };
    CASE.figures.iter().map(one).collect()
}

struct Lab {
    world: World,
    a: StackId,
    b: StackId,
    listeners: Vec<(SocketId, SocketAddr)>,
    connections: Vec<(SocketId, SocketId)>,
    order: Rng,
    op: u64,
}

impl Lab {
    fn new() -> anyhow::Result<Self> {
        let mut world = World::new(1);
        let ids = IdSource::new();
        let limits = Config::default();
        let (a, b) = (world.add_stack(limits.clone(), ids.clone()), world.add_stack(limits, ids));
        let server = IpAddr::from(Ipv4Addr::new(10, 0, 0, 2));
        let members = [(a, vec![(Ipv4Addr::new(10, 0, 0, 1).into(), 24)]), (b, vec![(server, 24)])];
        world.add_link(LinkConfig::default(), &members).map_err(|why| anyhow!("{why}"))?;
        let mut lab =
            Lab { world, a, b, listeners: vec![], connections: vec![], order: Rng::from_u64(3), op: 0 };
        for port in 0..PORTS {
            let at = SocketAddr::new(server, 1000 + port);
            let listener = lab.create(b)?;
            lab.call(b, Request::Bind { socket: listener, local: at })?;
            lab.call(b, Request::Listen { socket: listener, backlog: 0 })?;
            lab.listeners.push((listener, at));
        }
        Ok(lab)
    }

    /// Opens connections until there are so many.
    fn grow(&mut self, connections: usize) -> anyhow::Result<()> {
        while self.connections.len() < connections {
            let (listener, remote) = self.listeners[self.connections.len() % self.listeners.len()];
            let client = self.create(self.a)?;
            self.call(self.a, Request::Connect { socket: client, remote, data: vec![], wait: Wait::Park })?;
            self.run();
            match self.call(self.b, Request::Accept { socket: listener, wait: Wait::Never })? {
                Some(Reply::Accepted { socket, .. }) => self.connections.push((client, socket)),
                other => bail!("not accepted: {other:?}"),
            }
        }
        Ok(())
    }

    /// Nanoseconds that a segment takes: it is made, carried, taken in and read, and so is the next in its turn.
    fn time_per_segment(&mut self, length: Duration) -> anyhow::Result<f64> {
        let (began, before) = (Instant::now(), self.segments());
        while began.elapsed() < length {
            for _ in 0..64 {
                let chosen = self.order.below(self.connections.len() as u32) as usize;
                let (client, server) = self.connections[chosen];
                // There and back: the answer carries the acknowledgment.
                self.octet(self.a, client, self.b, server)?;
                self.octet(self.b, server, self.a, client)?;
                // Timers are set and fire as they do elsewhere: the last acknowledgment comes by itself where nothing
                // else goes there in time.
                self.world.advance_to(self.world.now() + BETWEEN);
            }
        }
        Ok(began.elapsed().as_nanos() as f64 / (self.segments() - before) as f64)
    }

    /// That were sent so far.
    fn segments(&self) -> u64 {
        let sent = |stack| self.world.engine(stack).map_or(0, |engine| engine.counters().frames_out);
        sent(self.a) + sent(self.b)
    }

    fn octet(
        &mut self,
        from: StackId,
        sender: SocketId,
        to: StackId,
        receiver: SocketId,
    ) -> anyhow::Result<()> {
        let sent = self.world.input(from, |engine, now| engine.send_slice(now, sender, &[7]));
        self.run();
        let came = self.world.input(to, |engine, now| engine.recv_with(now, receiver, 1, |_| {}));
        self.run();
        match (sent, came) {
            (Some(Ok(1)), Some(Ok(1))) => Ok(()),
            other => bail!("the octet did not come: {other:?}"),
        }
    }

    fn create(&mut self, stack: StackId) -> anyhow::Result<SocketId> {
        let create = Request::Create {
            kind: SocketKind::Stream,
            family: Family::V4,
            session: SessionId(0),
            label: "".into(),
            options: Default::default(),
        };
        match self.call(stack, create)? {
            Some(Reply::Created { socket }) => Ok(socket),
            other => bail!("not created: {other:?}"),
        }
    }

    fn call(&mut self, stack: StackId, request: Request) -> anyhow::Result<Option<Reply>> {
        self.op += 1;
        match self.world.op(stack, OpId(self.op), request) {
            Outcome::Done(result) => Ok(Some(result.map_err(|why| anyhow!("{why:?}"))?)),
            Outcome::Parked => Ok(None),
        }
    }

    /// Carries what is on its way now.
    fn run(&mut self) {
        self.world.advance_to(self.world.now());
        while self.world.poll_output().is_some() {}
    }
}

/// Of the clock, between one exchange and the next.
const BETWEEN: Duration = Duration::from_micros(10);
/// Of the listening side: more connections than there are ports to connect from.
const PORTS: u16 = 64;
