//! Frames that come together: in order they are acknowledged together, and what must be answered by itself is.

mod common;

use common::script::Script;
use common::{Host, Pair};
use proptest::prelude::*;
use sockwright_engine::host::op::ShutdownHow;
use sockwright_engine::tcp::config::OptionsPatch;
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

proptest! {
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
