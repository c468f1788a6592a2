//! What an engine counts is what it tells: the same numbers, for those who read figures and for those who watch.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Host, Pair};
use sockwright_engine::counters::Counters;
use sockwright_engine::event::{Event, EventKind, Interest};
use sockwright_engine::host::op::ShutdownHow;

/// What the events of a host say that its counters should say.
fn told(host: &Host) -> Counters {
    let mut told = Counters::default();
    for Event { kind, .. } in &host.events {
        match kind {
            EventKind::SegmentReceived(_) => told.segments_in += 1,
            EventKind::SegmentSent(segment) => {
                told.segments_out += 1;
                told.bytes_sent += u64::from(segment.summary.len);
            }
            EventKind::Retransmission { reason, .. } => {
                *told.retransmissions.entry(*reason).or_default() += 1;
            }
            EventKind::SegmentDropped { reason, .. } | EventKind::FrameDropped(reason) => {
                *told.drops.entry(*reason).or_default() += 1;
            }
            _ => {}
        }
    }
    told
}

fn assert_agrees(host: &Host) {
    let (counted, told) = (host.engine.counters(), told(host));
    assert_eq!(counted.segments_in, told.segments_in);
    assert_eq!(counted.segments_out, told.segments_out);
    assert_eq!(counted.bytes_sent, told.bytes_sent);
    assert_eq!(counted.retransmissions, told.retransmissions);
    assert_eq!(counted.drops, told.drops);
}

/// A connection that sends `len` octets each way and closes, on a wire that loses every so manyth packet.
fn life(len: usize, lose_each: usize) -> Pair {
    let mut pair = Pair::new();
    let listener = pair.b.listen(80);
    let client = pair.a.stream();
    let remote = pair.b.at(80);
    pair.a.start_connect(client, remote);
    let (mut passed, mut open, mut sent) = (0, Vec::new(), [0, 0]);
    let data = vec![7; len];
    for _ in 0..40_000 {
        for from_a in [true, false] {
            let Pair { a, b } = &mut pair;
            let (from, to) = if from_a { (a, b) } else { (b, a) };
            for frame in std::mem::take(&mut from.sent) {
                passed += 1;
                if passed % lose_each != 0 {
                    to.frame(&frame);
                }
            }
            from.advance(Duration::from_millis(5));
        }
        let waiting =
            pair.b.engine.info(listener).and_then(|info| info.queues).map(|queues| queues.accept_queue);
        if open.is_empty() && waiting > Some(0) {
            open = vec![client, pair.b.accept(listener)];
        }
        for (end, socket) in open.iter().enumerate() {
            let host = if end == 0 { &mut pair.a } else { &mut pair.b };
            if host.engine.info(*socket).is_none() {
                continue;
            }
            if sent[end] < len {
                sent[end] += host.send(*socket, &data[sent[end]..]);
                if sent[end] == len {
                    host.shutdown(*socket, ShutdownHow::Write);
                }
            }
            host.recv_some(*socket);
        }
    }
    assert_eq!(sent, [len, len]);
    pair
}

#[test]
fn counters_and_events_agree_on_a_wire_that_loses_segments() {
    let pair = life(200_000, 9);
    for host in [&pair.a, &pair.b] {
        assert_agrees(host);
        let counted = host.engine.counters();
        assert_eq!(counted.bytes_received, 200_000, "in order, and once");
        assert!(counted.bytes_sent > 200_000 && !counted.retransmissions.is_empty(), "{counted:?}");
    }
}

#[test]
fn what_nobody_watches_is_counted_all_the_same() {
    let mut pair = Pair::new();
    for host in [&mut pair.a, &mut pair.b] {
        host.engine.set_interest(Interest::NONE);
    }
    let (client, _) = pair.connected();
    let events = pair.a.events.len();
    pair.a.send(client, &[7; 1000]);
    pair.a.drain();
    pair.lose();
    pair.advance(Duration::from_secs(10));
    assert_eq!(pair.a.events.len(), events);
    let counted = pair.a.engine.counters();
    assert!(counted.bytes_sent > 1000 && !counted.retransmissions.is_empty(), "{counted:?}");
    assert_eq!(pair.b.engine.counters().bytes_received, 1000);
}

#[test]
fn the_counts_of_several_engines_add_up() {
    let pair = life(50_000, 7);
    let (a, b) = (pair.a.engine.counters(), pair.b.engine.counters());
    let mut both = Counters::default();
    both += a;
    both += b;
    assert_eq!(both.segments_in, a.segments_in + b.segments_in);
    assert_eq!(both.frames_out, a.frames_out + b.frames_out);
    let sum = |counts: &BTreeMap<_, u64>| counts.values().sum::<u64>();
    assert_eq!(sum(&both.retransmissions), sum(&a.retransmissions) + sum(&b.retransmissions));
}
