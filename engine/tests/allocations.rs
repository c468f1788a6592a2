//! What is allocated on the steady path of a transfer, and of exchanges in turn: counted at the allocator, so that no
//! table and no buffer is left out.
//!
//! One test, since everything else that this process does at the same time would be counted too.

mod common;

use std::alloc::System;
use std::time::Duration;

use common::{Host, Pair};
use sockwright_engine::event::Interest;
use sockwright_engine::id::{LinkId, SocketId};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Segments with data before it is counted: buffers and windows have grown to what they stay.
const WARM_UP: usize = 50_000;
/// Segments with data while it is counted.
const COUNTED: usize = 10_000;
/// A round trip, and how often each side gets to send.
const STEP: Duration = Duration::from_millis(1);

/// Frames on their way, in buffers that are used again.
#[derive(Default)]
struct Way {
    frames: Vec<Vec<u8>>,
    used: usize,
}

impl Way {
    /// Takes what a host sends, and what else it has to say.
    fn take_from(&mut self, host: &mut Host) {
        loop {
            if self.used == self.frames.len() {
                self.frames.push(Vec::with_capacity(2048));
            }
            if host.engine.poll_transmit(host.now, &mut self.frames[self.used]).is_none() {
                break;
            }
            self.used += 1;
        }
        while host.engine.poll_event().is_some() {}
        while host.engine.poll_completion().is_some() {}
    }

    /// Gives all of them to a host, and what it answers to the way `back`: how many had data.
    fn deliver(&mut self, host: &mut Host, back: &mut Way) -> usize {
        let mut with_data = 0;
        for frame in &self.frames[..std::mem::take(&mut self.used)] {
            with_data += usize::from(frame.len() > 1000);
            host.engine.handle_frame(host.now, LinkId(0), frame);
            back.take_from(host);
        }
        with_data
    }
}

/// Two hosts, and so many connections between them, of which nothing is told.
fn open(connections: usize) -> (Pair, Vec<(SocketId, SocketId)>) {
    let mut pair = Pair::new();
    let listener = pair.b.listen(80);
    let connect = |_| {
        let client = pair.a.stream();
        let connect = pair.a.start_connect(client, pair.b.at(80));
        pair.run();
        pair.a.completed(connect).unwrap();
        (client, pair.b.accept(listener))
    };
    let ends = (0..connections).map(connect).collect();
    for host in [&mut pair.a, &mut pair.b] {
        host.engine.set_interest(Interest::NONE);
        host.drain();
    }
    (pair, ends)
}

struct Transfer {
    pair: Pair,
    client: SocketId,
    server: SocketId,
    there: Way,
    back: Way,
}

impl Transfer {
    fn new() -> Self {
        let (pair, ends) = open(1);
        let [(client, server)] = ends[..] else { panic!("{ends:?}") };
        Transfer { pair, client, server, there: Way::default(), back: Way::default() }
    }

    /// Goes on until so many segments with data have arrived.
    fn run(&mut self, segments: usize) {
        static DATA: [u8; 1 << 16] = [7; 1 << 16];
        let mut arrived = 0;
        while arrived < segments {
            let Pair { a, b } = &mut self.pair;
            for (host, way) in [(&mut *a, &mut self.there), (&mut *b, &mut self.back)] {
                host.now += STEP;
                if host.engine.poll_timeout().is_some_and(|at| at <= host.now) {
                    host.engine.handle_timeout(host.now);
                    way.take_from(host);
                }
            }
            let mut some = 1;
            while some > 0 {
                some = a.engine.send_slice(a.now, self.client, &DATA).unwrap();
                self.there.take_from(a);
            }
            arrived += self.there.deliver(b, &mut self.back);
            b.engine.recv_with(b.now, self.server, 1 << 22, |_| {}).unwrap();
            self.back.take_from(b);
            self.back.deliver(a, &mut self.there);
        }
    }
}

/// A few connections over which an octet goes there and back in turn.
struct Exchanges {
    pair: Pair,
    ends: Vec<(SocketId, SocketId)>,
    there: Way,
    back: Way,
}

impl Exchanges {
    fn new(connections: usize) -> Self {
        let (pair, ends) = open(connections);
        Exchanges { pair, ends, there: Way::default(), back: Way::default() }
    }

    /// Each connection has so many turns. Between two of them all that was sent is acknowledged.
    fn run(&mut self, turns: usize) {
        let Pair { a, b } = &mut self.pair;
        for _ in 0..turns {
            for &(client, server) in &self.ends {
                one_way((a, client), (b, server), &mut self.there, &mut self.back);
                one_way((b, server), (a, client), &mut self.back, &mut self.there);
                for (host, way) in [(&mut *a, &mut self.there), (&mut *b, &mut self.back)] {
                    host.now += Duration::from_millis(100);
                    if host.engine.poll_timeout().is_some_and(|at| at <= host.now) {
                        host.engine.handle_timeout(host.now);
                        way.take_from(host);
                    }
                }
                self.there.deliver(b, &mut self.back);
                self.back.deliver(a, &mut self.there);
            }
        }
    }
}

/// An octet goes from one host to another, and is read there.
fn one_way(
    (from, sender): (&mut Host, SocketId),
    (to, receiver): (&mut Host, SocketId),
    there: &mut Way,
    back: &mut Way,
) {
    assert_eq!(from.engine.send_slice(from.now, sender, b"x").unwrap(), 1);
    there.take_from(from);
    there.deliver(to, back);
    assert_eq!(to.engine.recv_with(to.now, receiver, 1, |_| {}).unwrap(), 1);
    back.take_from(to);
    back.deliver(from, there);
}

#[test]
fn what_is_under_way_allocates_nothing() {
    let mut transfer = Transfer::new();
    transfer.run(WARM_UP);
    let region = Region::new(MEMORY);
    transfer.run(COUNTED);
    let change = region.change();
    println!("{change:?}");
    assert_eq!((change.allocations, change.reallocations), (0, 0), "of {COUNTED} segments");

    // Few enough to keep what they work with from one exchange to the next.
    let mut exchanges = Exchanges::new(2);
    exchanges.run(1000);
    let region = Region::new(MEMORY);
    exchanges.run(1000);
    let change = region.change();
    println!("{change:?}");
    assert_eq!((change.allocations, change.reallocations), (0, 0), "of 1000 exchanges");
}
