//! Selective acknowledgments that the engine sends (RFC 2018), and the duplicates that it tells of (RFC 2883).

mod common;

use common::script::{Script, plain};
use sockwright_engine::host::Config;
use sockwright_engine::limits::Limits;
use sockwright_engine::tcp::config::OptionsPatch;

/// Selective acknowledgments alone.
fn sacked() -> OptionsPatch {
    OptionsPatch { sack: Some(true), ..plain(OptionsPatch::default()) }
}

fn accepted_with(options: OptionsPatch, syn: &str, extra: &str) -> Script {
    let mut s = Script::listening(options);
    s.inject(&format!("S 0:0(0) win 10000 <mss 1000,{syn}>"));
    s.sent();
    s.inject(&format!(". 1:1(0) ack 1 win 10000{extra}"));
    s.socket = s.host.accept(s.listener.unwrap());
    s
}

/// A connection that the peer began. Its window is 10,000 and its MSS 1000.
fn accepted() -> Script {
    accepted_with(sacked(), "sackOK", "")
}

/// Gives the segment from `from` to `to`, and asserts on the acknowledgment and the blocks of the answer.
#[track_caller]
fn arrives(s: &mut Script, (from, to): (u32, u32), ack: u32, blocks: &str) {
    s.inject(&format!("P. {from}:{to}({}) ack 1 win 10000", to - from));
    let sent = s.sent();
    let blocks = if blocks.is_empty() { String::new() } else { format!(" <sack {blocks}>") };
    let window = s.info().rcv_wnd;
    assert_eq!(sent, [format!(". 1:1(0) ack {ack} win {window}{blocks}")], "{from}:{to}");
}

#[test]
fn sack_is_agreed_on_by_both_syns() {
    let mut s = Script::connecting(sacked());
    s.expect(&["S 0:0(0) win 65535 <mss 1460,sackOK>"]);
    s.inject("S. 0:0(0) ack 1 win 10000 <mss 1000,sackOK>");
    s.sent();
    arrives(&mut s, (101, 201), 1, "101:201");
    let mut s = Script::listening(sacked());
    s.exchange("S 0:0(0) win 10000 <mss 1000,sackOK>", &["S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>"]);
}

//= https://www.rfc-editor.org/rfc/rfc2018#section-4
//= type=test
//# If the data receiver has not received a
//# SACK-Permitted option for a given connection, it MUST NOT send SACK
//# options on that connection.
//= https://www.rfc-editor.org/rfc/rfc2018#section-2
//= type=test
//# It MUST NOT be sent on
//# non-SYN segments.
#[test]
fn without_the_agreement_of_both_no_block_is_sent() {
    let mut s = Script::connecting(sacked());
    s.sent();
    s.inject("S. 0:0(0) ack 1 win 10000 <mss 1000>");
    s.sent();
    arrives(&mut s, (101, 201), 1, "");
    let mut s = Script::connecting(plain(OptionsPatch::default()));
    s.sent();
    s.inject("S. 0:0(0) ack 1 win 10000 <mss 1000,sackOK>");
    s.sent();
    arrives(&mut s, (101, 201), 1, "");
    let mut s = Script::listening(sacked());
    s.exchange("S 0:0(0) win 10000 <mss 1000>", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    // Permission that comes on anything but a SYN is none.
    s.inject(". 1:1(0) ack 1 win 10000 <sackOK>");
    s.socket = s.host.accept(s.listener.unwrap());
    s.inject("P. 1:2(1) ack 1 win 10000 <sackOK>");
    s.advance(40);
    s.sent();
    arrives(&mut s, (101, 201), 2, "");
}

//= https://www.rfc-editor.org/rfc/rfc2018#section-4
//= type=test
//# The first SACK block (i.e., the one immediately following the
//# kind and length fields in the option) MUST specify the contiguous
//# block of data containing the segment which triggered this ACK,
//# unless that segment advanced the Acknowledgment Number field in
//# the header.
//= https://www.rfc-editor.org/rfc/rfc2018#section-4
//= type=test
//# The SACK option SHOULD be filled out by repeating the most
//# recently reported SACK blocks (based on first SACK blocks in
//# previous SACK options) that are not subsets of a SACK block
//# already included in the SACK option being constructed.
//= https://www.rfc-editor.org/rfc/rfc2018#section-4
//= type=test
//# The data receiver SHOULD include as many distinct SACK blocks as
//# possible in the SACK option.
//= https://www.rfc-editor.org/rfc/rfc2018#section-4
//= type=test
//# The receiver SHOULD send an ACK for every valid segment that arrives containing new data,
//# and each of these "duplicate" ACKs SHOULD bear a SACK option.
//= https://www.rfc-editor.org/rfc/rfc2018#section-8
//= type=test
//# The first SACK block MUST reflect the newest segment.
#[test]
fn the_block_of_the_last_segment_comes_first_and_then_the_most_recent_others() {
    let mut s = accepted();
    arrives(&mut s, (101, 201), 1, "101:201");
    arrives(&mut s, (501, 601), 1, "501:601 101:201");
    arrives(&mut s, (301, 401), 1, "301:401 501:601 101:201");
    arrives(&mut s, (901, 1001), 1, "901:1001 301:401 501:601 101:201");
    // Of five only four have room: the one that was met longest ago is left out.
    arrives(&mut s, (701, 801), 1, "701:801 901:1001 301:401 501:601");
    // What joins others is one block with them.
    arrives(&mut s, (201, 301), 1, "101:401 701:801 901:1001 501:601");
    // A segment that advances the acknowledgment is in no block.
    arrives(&mut s, (1, 101), 401, "701:801 901:1001 501:601");
    arrives(&mut s, (401, 501), 601, "701:801 901:1001");
    arrives(&mut s, (601, 901), 1001, "701:801");
    arrives(&mut s, (1101, 1201), 1001, "1101:1201");
    arrives(&mut s, (1001, 1101), 1201, "");
}

//= https://www.rfc-editor.org/rfc/rfc2018#section-4
//= type=test
//# If sent at all, SACK options SHOULD be included in all ACKs which do
//# not ACK the highest sequence number in the data receiver's queue.
//= https://www.rfc-editor.org/rfc/rfc2018#section-4
//= type=test
//# If the data receiver generates SACK
//# options under any circumstance, it SHOULD generate them under all
//# permitted circumstances.
#[test]
fn data_carries_the_blocks_too_and_is_shorter_by_them() {
    let options = OptionsPatch { tail_loss_probe: Some(false), ..sacked() };
    let mut s = accepted_with(options, "sackOK", "");
    arrives(&mut s, (101, 201), 1, "101:201");
    arrives(&mut s, (301, 401), 1, "301:401 101:201");
    s.send(1000);
    s.expect(&[". 1:981(980) ack 1 win 65535 <sack 301:401 101:201>"]);
    s.advance(200);
    s.expect(&[". 1:981(980) ack 1 win 65535 <sack 301:401 101:201>"]);
}

#[test]
fn beside_timestamps_three_blocks_have_room() {
    let options = OptionsPatch { timestamps: Some(true), ..sacked() };
    let mut s = accepted_with(options, "sackOK,TS val 100 ecr 0", " <TS val 100 ecr 0>");
    let mut last = Vec::new();
    for at in [101, 301, 501, 701] {
        s.inject(&format!("P. {at}:{}(100) ack 1 win 10000 <TS val 100 ecr 0>", at + 100));
        last = s.sent();
    }
    assert_eq!(last, [". 1:1(0) ack 1 win 65535 <TS val 0 ecr 100,sack 701:801 501:601 301:401>"]);
    s.send(1000);
    assert!(s.sent()[0].starts_with(". 1:961(960) "), "28 octets of blocks and 12 of timestamps");
}

//= https://www.rfc-editor.org/rfc/rfc2018#section-8
//= type=test
//# Except for the newest segment, all SACK blocks MUST NOT report any old data which is no
//# longer actually held by the receiver.
#[test]
fn what_is_not_kept_is_not_acknowledged() {
    let limits = Limits { out_of_order_pieces: 1, ..Limits::default() };
    let host = common::Host::with_config("10.0.0.1", 1, Config { limits, ..Config::default() });
    let mut s = Script::listening_on(host, sacked());
    s.handshake("S 0:0(0) win 10000 <mss 1000,sackOK>", 10_000);
    arrives(&mut s, (101, 201), 1, "101:201");
    arrives(&mut s, (301, 401), 1, "101:201");
    // What lies beyond the window is cut off before it is kept.
    let mut s = Script::listening(OptionsPatch { receive_buffer: Some(150), ..sacked() });
    s.handshake("S 0:0(0) win 10000 <mss 1000,sackOK>", 10_000);
    arrives(&mut s, (101, 201), 1, "101:151");
}

//= https://www.rfc-editor.org/rfc/rfc2883#section-4
//= type=test
//# When D-SACK is used, the
//# first block of the SACK option should be a D-SACK block specifying
//# the sequence numbers for the duplicate segment that triggers the
//# acknowledgement.
#[test]
fn a_segment_that_comes_again_is_told_once() {
    // RFC 2883 §4.1.1 and §4.1.2.
    let mut s = accepted();
    s.inject("P. 1:501(500) ack 1 win 10000");
    s.inject("P. 501:1001(500) ack 1 win 10000");
    s.sent();
    arrives(&mut s, (1, 501), 1001, "1:501");
    arrives(&mut s, (1501, 2001), 1001, "1501:2001");
    arrives(&mut s, (1, 501), 1001, "1:501 1501:2001");
    // The next acknowledgment tells of it no more.
    arrives(&mut s, (2001, 2501), 1001, "1501:2501");
}

//= https://www.rfc-editor.org/rfc/rfc2883#section-4
//= type=test
//# If the D-SACK block reports a duplicate contiguous sequence from
//# a (possibly larger) block of data in the receiver's data queue above
//# the cumulative acknowledgement, then the second SACK block in that
//# SACK option should specify that (possibly larger) block of data.
#[test]
fn a_duplicate_of_what_waits_out_of_order_is_followed_by_its_block() {
    // RFC 2883 §4.1.3.
    let mut s = accepted();
    arrives(&mut s, (501, 1001), 1, "501:1001");
    arrives(&mut s, (1001, 1501), 1, "501:1501");
    arrives(&mut s, (2001, 2501), 1, "2001:2501 501:1501");
    arrives(&mut s, (1001, 1501), 1, "1001:1501 501:1501 2001:2501");
}

//= https://www.rfc-editor.org/rfc/rfc2883#section-4
//= type=test
//# Each duplicate contiguous sequence of data received is reported
//# in at most one D-SACK block.
#[test]
fn a_duplicate_is_told_with_one_segment_of_those_that_leave_together() {
    let mut s = accepted();
    s.send(20_000);
    s.inject("P. 1001:2001(1000) ack 1 win 10000");
    s.sent();
    // What was missing comes with what was here, and lets go what waits.
    s.inject("P. 1:2001(2000) ack 10001 win 10000");
    let sent = s.sent();
    let told = sent.iter().filter(|segment| segment.contains("sack 1001:2001")).count();
    assert!(told == 1 && sent.len() >= 8, "{sent:#?}");
}

//= https://www.rfc-editor.org/rfc/rfc2883#section-4
//= type=test
//# Each duplicate contiguous sequence of data received is reported
//# in at most one D-SACK block.
#[test]
fn of_a_segment_that_is_old_in_part_that_part_is_told() {
    // RFC 2883 §4.2.1: old on the left.
    let mut s = accepted();
    arrives(&mut s, (501, 1001), 1, "501:1001");
    s.inject("P. 1:501(500) ack 1 win 10000");
    s.sent();
    arrives(&mut s, (501, 1501), 1501, "501:1001");
    // §4.2.2: what waited is part of what fills the gap before it.
    let mut s = accepted();
    arrives(&mut s, (1001, 1501), 1, "1001:1501");
    arrives(&mut s, (1, 1501), 1501, "1001:1501");
    // §4.2.3: two runs in one segment. The first one is told.
    let mut s = accepted();
    arrives(&mut s, (501, 1001), 1, "501:1001");
    arrives(&mut s, (1501, 2001), 1, "1501:2001 501:1001");
    arrives(&mut s, (101, 2101), 1, "501:1001 101:2101");
}

#[test]
fn a_duplicate_from_before_the_window_is_cut_off_where_the_stream_begins() {
    let mut s = accepted();
    s.inject("P. 1:11(10) ack 1 win 10000");
    s.advance(40);
    s.sent();
    // The SYN is no octet, and neither is a FIN.
    s.inject("S 0:10(10) win 10000");
    assert_eq!(s.sent(), [". 1:1(0) ack 11 win 65525 <sack 1:11>"]);
    s.inject("FP. 11:21(10) ack 1 win 10000");
    s.sent();
    s.inject("FP. 11:21(10) ack 1 win 10000");
    assert_eq!(s.sent(), [". 1:1(0) ack 22 win 65514 <sack 11:21>"]);
    s.inject("F. 21:21(0) ack 1 win 10000");
    assert_eq!(s.sent(), [". 1:1(0) ack 22 win 65514"]);
}
