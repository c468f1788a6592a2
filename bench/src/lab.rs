//! Figures of the engine alone: two stacks in a lab, driven without gRPC.

use std::net::SocketAddr;
use std::time::Instant;

use sockwright_engine::host::Config;
use sockwright_engine::host::op::{Family, Outcome, Reply, Request, SocketKind, Wait};
use sockwright_engine::id::{IdSource, OpId, SessionId, SocketId};
use sockwright_sim::{LinkConfig, StackId, World};

use crate::{Figure, MEMORY};

/// Connections opened and closed in one round.
const CONNECTIONS: u32 = 50_000;
/// Connections held open in one round.
const IDLE: usize = 20_000;

/// Connections opened (three-way handshake, accept) and closed (four-way, from the client) a second, on one core. Their
/// TIME-WAIT is over before the next hundred begin.
pub(crate) fn connections_per_second() -> Figure {
    let mut lab = Lab::new();
    let start = Instant::now();
    for _ in 0..CONNECTIONS / 100 {
        for _ in 0..100 {
            let (client, server) = lab.connect();
            lab.call(lab.a, Request::Close { socket: client });
            lab.run();
            lab.call(lab.b, Request::Close { socket: server });
            lab.run();
        }
        lab.run_to_the_end();
    }
    let value = f64::from(CONNECTIONS) / start.elapsed().as_secs_f64();
    Figure { figure: "connections opened and closed in a lab", value, unit: "/s", better: "higher" }
}

/// What one end of an established connection with nothing to do costs, all in.
pub(crate) fn bytes_per_idle_connection() -> Figure {
    let mut lab = Lab::new();
    // The tables have their first sizes.
    let _first = lab.connect();
    let before = MEMORY.current_usage();
    let held: Vec<_> = (0..IDLE).map(|_| lab.connect()).collect();
    let after = MEMORY.current_usage();
    let ends = (held.len() * 2) as f64;
    let list = held.capacity() * size_of::<(SocketId, SocketId)>();
    let value = (after - before - list) as f64 / ends;
    Figure { figure: "memory of an idle established connection", value, unit: "bytes", better: "lower" }
}

struct Lab {
    world: World,
    a: StackId,
    b: StackId,
    listener: SocketId,
    server: SocketAddr,
    op: u64,
}

impl Lab {
    fn new() -> Self {
        let mut world = World::new(1);
        let ids = IdSource::new();
        let (a, b) =
            (world.add_stack(Config::default(), ids.clone()), world.add_stack(Config::default(), ids));
        let server: SocketAddr = ([10, 0, 0, 2], 80).into();
        let members = [(a, vec![([10, 0, 0, 1].into(), 24)]), (b, vec![(server.ip(), 24)])];
        let config = LinkConfig::default();
        world.add_link(config, &members).expect("a link");
        let mut lab = Lab { world, a, b, listener: SocketId(0), server, op: 0 };
        lab.listener = lab.create(b);
        lab.call(b, Request::Bind { socket: lab.listener, local: server });
        lab.call(b, Request::Listen { socket: lab.listener, backlog: 0 });
        lab
    }

    fn call(&mut self, stack: StackId, request: Request) -> Option<Reply> {
        self.op += 1;
        match self.world.op(stack, OpId(self.op), request) {
            Outcome::Done(result) => Some(result.expect("the call succeeds")),
            Outcome::Parked => None,
        }
    }

    fn create(&mut self, stack: StackId) -> SocketId {
        let create = Request::Create {
            kind: SocketKind::Stream,
            family: Family::V4,
            session: SessionId(0),
            label: "".into(),
            options: Default::default(),
        };
        match self.call(stack, create) {
            Some(Reply::Created { socket }) => socket,
            other => unreachable!("{other:?}"),
        }
    }

    /// An open connection: both ends.
    fn connect(&mut self) -> (SocketId, SocketId) {
        let client = self.create(self.a);
        self.call(
            self.a,
            Request::Connect { socket: client, remote: self.server, data: vec![], wait: Wait::Park },
        );
        self.run();
        match self.call(self.b, Request::Accept { socket: self.listener, wait: Wait::Never }) {
            Some(Reply::Accepted { socket, .. }) => (client, socket),
            other => unreachable!("{other:?}"),
        }
    }

    /// Carries what is on its way now.
    fn run(&mut self) {
        self.world.advance_to(self.world.now());
        while self.world.poll_output().is_some() {}
    }

    /// Lets time jump until nothing is left to happen.
    fn run_to_the_end(&mut self) {
        while self.world.step() {
            while self.world.poll_output().is_some() {}
        }
    }
}
