//! Frames that come together: in order they are acknowledged together, and what must be answered by itself is.

mod common;

use common::script::{Script, octets};
use common::{Host, Pair};
use proptest::prelude::*;
use sockwright_engine::event::EventKind;
use sockwright_engine::host::op::{Outcome, Request, ShutdownHow};
use sockwright_engine::id::{LinkId, OpId};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::wire::ChecksumPolicy;
use std::time::Duration;

fn open() -> Script {
    let mut s = Script::listening(OptionsPatch::default());
    s.handshake("S 0:0(0) win 60000 <mss 1000>", 60_000);
    s
}

fn together(s: &mut Script, lines: &[&str]) -> usize {
    let frames: Vec<Vec<u8>> = lines.iter().map(|line| s.frame(line)).collect();
    s.host.frames_at_once(&frames);
    s.sent().len()
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# For example, if the TCP endpoint is processing a series of queued segments, it MUST
//# process them all before sending any ACK segments (MUST-59).
#[test]
fn segments_that_come_together_are_acknowledged_together() {
    let mut s = open();
    let four = [
        ". 1:1001(1000) ack 1",
        ". 1001:2001(1000) ack 1",
        ". 2001:3001(1000) ack 1",
        ". 3001:4001(1000) ack 1",
    ];
    assert_eq!(together(&mut s, &four), 1);
    assert_eq!(s.info().totals.bytes_received, 4000);
}

#[test]
fn each_segment_out_of_order_is_answered_by_itself() {
    let mut s = open();
    let gap = [". 1001:2001(1000) ack 1", ". 2001:3001(1000) ack 1", ". 3001:4001(1000) ack 1"];
    assert_eq!(together(&mut s, &gap), 3, "three duplicates, as the sender's fast retransmit wants them");
    assert_eq!(together(&mut s, &[". 1:1001(1000) ack 1", ". 4001:5001(1000) ack 1"]), 1);
}

#[test]
fn acknowledgments_that_come_together_release_one_burst() {
    let mut s = open();
    s.send(40_000);
    assert_eq!(s.sent().len(), 10);
    let acks = [". 1:1(0) ack 2001 win 60000", ". 1:1(0) ack 4001 win 60000", ". 1:1(0) ack 6001 win 60000"];
    assert_eq!(together(&mut s, &acks), 6 + 6, "as many as one by one: slow start");
}

/// Gives a segment and leaves its outputs where they are. Whether they may wait.
fn gather(s: &mut Script, line: &str) -> bool {
    let frame = s.frame(line);
    s.host.engine.handle_frame_of_batch(s.host.now, LinkId(0), ChecksumPolicy::Verify, &frame)
}

/// Ends the stream before the outputs are taken, as a driver does.
fn shutdown(s: &mut Script) {
    let request = Request::Shutdown { socket: s.socket, how: ShutdownHow::Write };
    let outcome = s.host.engine.handle_op(s.host.now, OpId(99), request);
    assert!(matches!(outcome, Outcome::Done(Ok(_))), "{outcome:?}");
}

fn connecting() -> Script {
    let mut s = Script::connecting(OptionsPatch::default());
    s.sent();
    s
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.3
//= type=test
//# Data or controls that were queued for transmission MAY be included.
#[test]
fn what_a_driver_does_at_once_acknowledges_the_syn() {
    let mut s = connecting();
    assert!(gather(&mut s, "S. 0:0(0) ack 1 win 10000 <mss 1000>"));
    assert_eq!(s.host.engine.send_slice(s.host.now, s.socket, &octets(1, 5)).unwrap(), 5);
    s.host.drain();
    s.expect(&["P. 1:6(5) ack 1 win 65535"]);

    let mut s = connecting();
    assert!(gather(&mut s, "S. 0:0(0) ack 1 win 10000 <mss 1000>"));
    shutdown(&mut s);
    s.host.drain();
    s.expect(&["F. 1:1(0) ack 1 win 65535"]);
    assert_eq!(s.state(), "FIN-WAIT-1");
}

#[test]
fn a_syn_that_nothing_is_done_about_is_acknowledged() {
    let mut s = connecting();
    assert!(gather(&mut s, "S. 0:0(0) ack 1 win 10000 <mss 1000>"));
    s.host.drain();
    s.expect(&[". 1:1(0) ack 1 win 65535"]);
}

#[test]
fn what_a_driver_does_at_once_acknowledges_the_fin() {
    let mut s = open();
    assert!(gather(&mut s, "P. 1:101(100) ack 1 win 60000"));
    assert!(gather(&mut s, "F. 101:101(0) ack 1 win 60000"));
    shutdown(&mut s);
    s.host.drain();
    s.expect(&["F. 1:1(0) ack 102 win 65434"]);
    assert_eq!(s.state(), "LAST-ACK");
    s.inject("F. 101:101(0) ack 1 win 60000");
    s.expect(&[". 2:2(0) ack 102 win 65434"]);
}

#[test]
fn nothing_waits_behind_what_is_no_segment_of_a_connection() {
    let mut s = open();
    assert!(gather(&mut s, "P. 1:101(100) ack 1 win 60000"));
    let now = s.host.now;
    assert!(!s.host.engine.handle_frame_of_batch(now, LinkId(0), ChecksumPolicy::Verify, &[0x45]));
    s.host.drain();
}

/// What kind of segment comes, and how much data it has.
fn any_line() -> impl Strategy<Value = (u8, u32)> {
    (prop_oneof![8 => Just(0u8), 2 => Just(1), 1 => 2u8..12], 500u32..1000)
}

proptest! {
    /// What comes together is taken in as what comes one by one, whatever is among it.
    #[test]
    fn a_batch_is_taken_in_as_its_frames_are(lines in prop::collection::vec(any_line(), 1..40)) {
        let (mut one_by_one, mut at_once) = (open(), open());
        let mut at = 1;
        let mut frames = vec![];
        for (kind, len) in lines {
            let end = at + len;
            let line = match kind {
                0 => format!(". {at}:{end}({len}) ack 1 win 60000"),
                1 => format!("P. {at}:{end}({len}) ack 1 win 60000"),
                2 => format!(". {at}:{end}({len}) ack 1 win 500"),
                3 => format!(". {at}:{end}({len}) ack 2 win 60000"),
                4 => format!(". {}:{}({len}) ack 1 win 60000", at + 1000, end + 1000),
                5 => format!("U. {at}:{end}({len}) ack 1 win 60000"),
                6 => format!(". {}:{}({len}) ack 1 win 60000", at - 1, end - 1),
                7 => format!("F. {at}:{end}({len}) ack 1 win 60000"),
                8 => format!("R. {at}:{at}(0) ack 1 win 60000"),
                9 => format!("S. {at}:{end}({len}) ack 1 win 60000"),
                10 => format!(". {}:{}({len}) ack 1 win 60000", at + 900_000, end + 900_000),
                _ => format!(". {at}:{end}({len}) ack 1 win 60000"),
            };
            let mut frame = one_by_one.frame(&line);
            if kind == 11 {
                *frame.last_mut().expect("an octet") ^= 1;
            }
            if matches!(kind, 0..=3 | 5) {
                at = end;
            }
            frames.push(frame);
        }
        for frame in &frames {
            one_by_one.host.frame(frame);
        }
        at_once.host.frames_at_once(&frames);
        let arrived = |s: &Script| {
            let of_arrival = |kind: &EventKind| {
                matches!(kind, EventKind::SegmentReceived(_) | EventKind::SegmentDropped { .. } | EventKind::FrameDropped(_)
                    | EventKind::TcpState { .. })
            };
            s.host.events.iter().map(|event| event.kind.clone()).filter(of_arrival).collect::<Vec<_>>()
        };
        prop_assert_eq!(arrived(&at_once), arrived(&one_by_one));
        prop_assert_eq!(at_once.state(), one_by_one.state());
        let counted = |s: &Script| {
            let counters = s.host.engine.counters();
            (counters.frames_in, counters.segments_in, counters.bytes_received)
        };
        prop_assert_eq!(counted(&at_once), counted(&one_by_one));
    }

    /// However frames are gathered and whichever are lost, the stream arrives whole.
    #[test]
    fn a_stream_arrives_whole(gather in prop::collection::vec(1usize..40, 1..20), lost in prop::collection::vec(0usize..300, 0..12)) {
        let mut pair = Pair::new();
        let (client, server) = pair.connected();
        let data: Vec<u8> = (0..300_000).map(|at| (at * 11 + at / 257) as u8).collect();
        let (mut sent, mut received, mut number) = (0, vec![], 0);
        for round in 0.. {
            prop_assert!(round < 20_000, "it stands still at {}", received.len());
            if sent < data.len() {
                sent += pair.a.send(client, &data[sent..]);
                if sent == data.len() {
                    pair.a.shutdown(client, ShutdownHow::Write);
                }
            }
            let carry = |from: &mut Host, to: &mut Host, number: &mut usize| {
                let frames = std::mem::take(&mut from.sent);
                let mut kept: Vec<Vec<u8>> = vec![];
                for frame in frames {
                    if !lost.contains(number) {
                        kept.push(frame);
                    }
                    *number += 1;
                }
                for together in kept.chunks(gather[round % gather.len()]) {
                    to.frames_at_once(together);
                }
            };
            carry(&mut pair.a, &mut pair.b, &mut number);
            carry(&mut pair.b, &mut pair.a, &mut number);
            let (more, end) = pair.b.recv_some(server);
            received.extend(more);
            if end {
                break;
            }
            pair.a.advance(Duration::from_millis(5));
            pair.b.advance(Duration::from_millis(5));
        }
        prop_assert!(received == data);
    }
}
