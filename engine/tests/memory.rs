//! What each kind of connection costs in memory, all in: counted at the allocator, so that no table and no buffer is left out.
//!
//! One test, since everything else that this process does at the same time would be counted too.

mod common;

use std::time::Duration;

use common::{Host, Pair};
use peak_alloc::PeakAlloc;
use sockwright_engine::event::Interest;
use sockwright_engine::host::Config;
use sockwright_engine::id::SocketId;
use sockwright_engine::limits::Limits;
use sockwright_engine::tcp::config::OptionsPatch;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Octets of one end of an open connection over which nothing went yet.
const IDLE_MAX: usize = 1250;
/// Of one over which something went, in both directions, and nothing goes now.
const AFTER_USE_MAX: usize = 1600;
/// Of a handshake under way at a listener.
const HALF_OPEN_MAX: usize = 480;
/// Of a closed connection in TIME-WAIT.
const TIME_WAIT_MAX: usize = 550;
/// Of one whose buffers are small by choice and that has an octet to be read, while another one has large buffers.
const SMALL_MAX: usize = 10_000;
/// So many that the tables are neither at their fullest nor at their emptiest.
const CONNECTIONS: usize = 10_000;

struct Bench {
    pair: Pair,
    listener: SocketId,
}

impl Bench {
    fn new() -> Self {
        let config =
            || Config { limits: Limits { half_open: CONNECTIONS, ..Limits::default() }, ..Config::default() };
        let host = |ip, seed| Host::with_config(ip, seed, config());
        let mut pair = Pair { a: host("10.0.0.1", 1), b: host("10.0.0.2", 2) };
        for host in [&mut pair.a, &mut pair.b] {
            host.engine.set_interest(Interest::NONE);
        }
        let listener = pair.b.listen(80);
        Bench { pair, listener }
    }

    fn connect(&mut self) -> (SocketId, SocketId) {
        let client = self.begin();
        self.pair.run();
        let server = self.pair.b.accept(self.listener);
        (client, server)
    }

    fn begin(&mut self) -> SocketId {
        let client = self.pair.a.stream();
        let remote = self.pair.b.at(80);
        self.pair.a.start_connect(client, remote);
        client
    }

    /// What the hosts hold, and nothing that the test took down about them.
    fn used(&mut self) -> usize {
        for host in [&mut self.pair.a, &mut self.pair.b] {
            (host.events, host.sent) = (Vec::new(), Vec::new());
            host.completions = Default::default();
        }
        MEMORY.current_usage()
    }
}

#[test]
fn connections_cost_no_more_than_their_budgets() {
    let mut bench = Bench::new();
    let mut held = Vec::with_capacity(CONNECTIONS);
    bench.connect();

    let empty = bench.used();
    for _ in 0..CONNECTIONS {
        held.push(bench.connect());
        bench.used();
    }
    let idle = (bench.used() - empty) / (2 * CONNECTIONS);

    for &(client, server) in &held {
        bench.pair.a.send(client, b"?");
        bench.pair.run();
        bench.pair.b.recv_some(server);
        bench.pair.b.send(server, b"!");
        bench.pair.run();
        bench.pair.a.recv_some(client);
        bench.used();
    }
    bench.pair.advance(Duration::from_secs(1));
    let after_use = (bench.used() - empty) / (2 * CONNECTIONS);

    for &(client, server) in &held {
        bench.pair.a.close(client);
        bench.pair.run();
        bench.pair.b.close(server);
        bench.pair.run();
        bench.used();
    }
    let time_wait = (bench.used() - empty) / CONNECTIONS;

    let mut bench = Bench::new();
    bench.begin();
    bench.pair.run();
    let empty = bench.used();
    let mut clients = 0;
    for _ in 0..CONNECTIONS {
        let before = bench.used();
        bench.begin();
        let syns = std::mem::take(&mut bench.pair.a.sent);
        let kept: usize =
            syns.iter().map(Vec::capacity).sum::<usize>() + syns.capacity() * size_of::<Vec<u8>>();
        clients += bench.used() - before - kept;
        syns.iter().for_each(|syn| bench.pair.b.frame(syn));
    }
    let half_open = (bench.used() - empty - clients) / CONNECTIONS;

    let small = with_small_buffers(&mut Bench::new());

    println!(
        "idle {idle}, after use {after_use}, TIME-WAIT {time_wait}, half open {half_open}, small {small}"
    );
    assert!(idle <= IDLE_MAX, "an idle end costs {idle}");
    assert!(after_use <= AFTER_USE_MAX, "an idle end that was used costs {after_use}");
    assert!(time_wait <= TIME_WAIT_MAX, "TIME-WAIT costs {time_wait}");
    assert!(half_open <= HALF_OPEN_MAX, "a handshake costs {half_open}");
    assert!(small <= SMALL_MAX, "an end with small buffers costs {small}");
}

/// What a driver took out of its large buffer is memory to spare; connections with small ones, each with an octet to be
/// read, do not get it.
fn with_small_buffers(bench: &mut Bench) -> usize {
    let options = || OptionsPatch { receive_buffer: Some(4096), ..OptionsPatch::default() };
    let (large_client, large) = bench.connect();
    bench.listener = bench.pair.b.listen_with(81, 16, options());
    let mut held = Vec::with_capacity(8);
    let mut empty = 0;
    for round in 0..9 {
        bench.pair.a.send(large_client, &[0; 500_000]);
        bench.pair.run();
        let (engine, now) = (&mut bench.pair.b.engine, bench.pair.b.now);
        assert!(engine.recv_with(now, large, usize::MAX, |_| ()).unwrap() > 400_000);
        bench.pair.b.drain();
        bench.pair.run();
        if round == 0 {
            // The large buffers are there.
            empty = bench.used();
            continue;
        }

        let client = bench.pair.a.stream();
        bench.pair.a.start_connect(client, bench.pair.b.at(81));
        bench.pair.run();
        held.push(bench.pair.b.accept(bench.listener));
        bench.pair.a.send(client, b"?");
        bench.pair.run();
    }
    // The large connection may come to hold less meanwhile.
    bench.used().saturating_sub(empty) / (2 * held.len())
}
