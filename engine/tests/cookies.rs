//! SYN cookies (RFC 4987 §3.6): a handshake that nothing is kept of, and what is known of it when it ends all the same.

mod common;

use common::script::{Script, modern, plain};
use common::{Host, Pair};
use sockwright_engine::event::{Event, EventKind, Interest};
use sockwright_engine::host::Config;
use sockwright_engine::limits::{Limit, Limits};
use sockwright_engine::tcp::config::{OptionsPatch, SynCookies};
use sockwright_engine::tcp::seq::Seq;
use std::time::Duration;

fn always(options: OptionsPatch) -> OptionsPatch {
    OptionsPatch { syn_cookies: Some(SynCookies::Always), ..options }
}

fn counted(s: &Script) -> (u64, u64, u64) {
    let counters = s.host.engine.counters();
    (counters.cookies_sent, counters.cookies_accepted, counters.cookies_refused)
}

#[test]
fn a_handshake_in_a_cookie_leaves_nothing_until_it_ends_and_then_a_connection() {
    let mut s = Script::listening(always(OptionsPatch::default()));
    s.exchange("S 0:0(0) win 5000 <mss 1400>", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    assert_eq!(s.host.engine.sockets(), [s.socket], "nothing but the listener");
    let sent = |event: &&Event| matches!(event.kind, EventKind::SegmentSent(_));
    let by: Vec<_> = s.host.events.iter().filter(sent).map(|event| event.socket).collect();
    assert_eq!(by, [Some(s.socket)], "the listener answers for it");
    assert_eq!(s.host.engine.poll_timeout(), None);
    s.advance(3000);
    s.exchange("P. 1:11(10) ack 1 win 6000", &[]);
    s.socket = s.host.accept(s.listener.unwrap());
    s.recv(1, 10);
    // The cookie tells a few sizes apart: of 1400 it kept 1300.
    let info = s.info();
    assert_eq!((s.state(), info.snd_mss, info.snd_wnd, info.srtt), ("ESTABLISHED", 1300, 6000, None));
    assert_eq!(counted(&s), (1, 1, 0));
    assert_eq!(
        common::states(&s.host.events, s.socket),
        ["LISTEN", "SYN-RECEIVED", "ESTABLISHED"],
        "as if its record had been kept"
    );
    s.send(10);
    s.expect(&["P. 1:11(10) ack 11 win 65525"]);
}

//= https://www.rfc-editor.org/rfc/rfc4987#section-4
//= type=test
//# When a SYN cache and/or SYN cookies are implemented with IPv6, the IPv6 flow label value used on
//# the SYN-ACK should be consistent with the flow label used for the rest of the packets within
//# that flow.
#[test]
fn a_cookie_and_what_follows_it_have_one_flow_label() {
    let mut pair = Pair::v6();
    let listener = pair.b.listen_with(80, 1, always(OptionsPatch::default()));
    let client = pair.a.stream();
    let remote = pair.b.at(80);
    pair.a.start_connect(client, remote);
    let mut labels = Vec::new();
    let mut carry = |pair: &mut Pair| {
        for frame in std::mem::take(&mut pair.a.sent) {
            pair.b.frame(&frame);
        }
        for frame in std::mem::take(&mut pair.b.sent) {
            labels.push([frame[1] & 0x0f, frame[2], frame[3]]);
            pair.a.frame(&frame);
        }
    };
    carry(&mut pair);
    carry(&mut pair);
    let server = pair.b.accept(listener);
    pair.b.send(server, &[7; 3000]);
    carry(&mut pair);
    assert!(labels.len() == 3 && labels.iter().all(|label| *label == labels[0]), "{labels:?}");
}

#[test]
fn timestamps_bring_back_what_a_cookie_has_no_room_for() {
    let mut s = Script::listening(always(modern()));
    s.advance(10_000);
    s.inject("S 0:0(0) win 5000 <mss 1460,sackOK,TS val 100 ecr 0,wscale 7>");
    let sent = s.sent();
    // Of the timestamp the low bits are the agreement: scale 7 and SACK, 23 in all.
    let echo: u32 = sent[0].split("TS val ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert_eq!(
        sent[0],
        format!("S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS val {echo} ecr 100,wscale 5>")
    );
    s.advance(300);
    // `echo` is printed as if the clock had stood at it.
    s.inject(&format!(". 1:1(0) ack 1 win 1000 <TS val 400 ecr {echo}>"));
    s.socket = s.host.accept(s.listener.unwrap());
    let info = s.info();
    assert_eq!((info.snd_wnd, info.snd_mss), (128_000, 1448));
    // The round trip is measured to within the bits that were taken from the timestamp.
    let rtt = info.srtt.unwrap();
    assert!(rtt >= Duration::from_millis(300) && rtt <= Duration::from_millis(364), "{rtt:?}");
    s.inject("P. 101:201(100) ack 1 win 1000 <TS val 401 ecr 10300>");
    assert!(s.sent()[0].contains("sack 101:201"));
    s.inject("P. 1:101(100) ack 1 win 1000 <TS val 399 ecr 10300>");
    assert_eq!(s.drops(), ["OLD_TIMESTAMP"]);
}

#[test]
fn without_timestamps_nothing_is_offered_that_would_be_forgotten() {
    let mut s = Script::listening(always(modern()));
    s.exchange("S 0:0(0) win 5000 <mss 1460,sackOK,wscale 7>", &["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
    s.inject(". 1:1(0) ack 1 win 1000");
    s.socket = s.host.accept(s.listener.unwrap());
    assert_eq!(s.info().snd_wnd, 1000);
    // What the peer agrees on in its timestamps it must have been offered.
    let mut s =
        Script::listening(always(OptionsPatch { timestamps: Some(true), ..plain(OptionsPatch::default()) }));
    s.inject("S 0:0(0) win 5000 <mss 1460,sackOK,TS val 100 ecr 0,wscale 7>");
    s.sent();
    s.inject(". 1:1(0) ack 1 win 1000 <TS val 101 ecr -41>");
    s.socket = s.host.accept(s.listener.unwrap());
    assert_eq!((s.info().snd_wnd, s.info().snd_mss), (1000, 1448));
}

//= https://www.rfc-editor.org/rfc/rfc4987#section-3.6
//= type=test
//# A common consideration is that to prevent replay,
//# some time-dependent random bits must be embedded in the sequence
//# number.
#[test]
fn a_cookie_that_is_old_or_forged_or_of_somebody_else_is_refused_with_a_reset() {
    let bake = || {
        let mut s = Script::listening(always(OptionsPatch::default()));
        s.inject("S 0:0(0) win 5000 <mss 1460>");
        s.sent();
        s
    };
    let refused = |s: &mut Script, ack: &str| {
        let reset =
            format!("R {0}:{0}(0) win 0", ack.split("ack ").nth(1).unwrap().split(' ').next().unwrap());
        s.exchange(ack, &[&reset]);
        assert_eq!(s.drops(), ["COOKIE_REFUSED"]);
        assert_eq!(counted(s), (1, 0, 1));
        assert_eq!(s.host.engine.sockets(), [s.socket]);
    };
    // Guessed.
    refused(&mut bake(), ". 1:1(0) ack 2 win 5000");
    refused(&mut bake(), ". 1:1(0) ack 16777217 win 5000");
    // Of another initial sequence number, as behind a segment that was lost.
    refused(&mut bake(), "P. 11:21(10) ack 1 win 5000");
    // Of another port.
    let mut s = bake();
    s.remote.set_port(4001);
    refused(&mut s, ". 1:1(0) ack 1 win 5000");
    // Of two periods ago: 128 seconds is the longest that one can live.
    let mut s = bake();
    s.advance(127_999);
    s.exchange(". 1:1(0) ack 1 win 5000", &[]);
    assert_eq!(counted(&s), (1, 1, 0));
    let mut s = bake();
    s.advance(128_000);
    refused(&mut s, ". 1:1(0) ack 1 win 5000");
    // And later no cookie is expected at all.
    s.advance(1);
    s.exchange(". 1:1(0) ack 1 win 5000", &["R 1:1(0) win 0"]);
    assert_eq!(s.drops(), ["LISTENER_WANTS_SYN"]);
}

#[test]
fn a_cookie_that_was_used_makes_no_second_connection_while_the_first_is_there() {
    let mut s = Script::listening(always(OptionsPatch::default()));
    s.inject("S 0:0(0) win 5000 <mss 1460>");
    s.sent();
    s.inject(". 1:1(0) ack 1 win 5000");
    s.inject(". 1:1(0) ack 1 win 5000");
    assert_eq!(counted(&s), (1, 1, 0));
    assert_eq!(s.host.engine.sockets().len(), 2);
}

#[test]
fn a_full_accept_queue_takes_neither_syn_nor_cookie() {
    let mut host = Host::new("10.0.0.1", 1);
    let listener = host.listen_with(80, 1, always(plain(OptionsPatch::default())));
    let mut s = Script::listening_at(host, listener);
    let mut isns = Vec::new();
    for port in [4000, 4001] {
        s.remote.set_port(port);
        s.inject("S 0:0(0) win 5000");
        s.sent();
        isns.push(s.iss);
    }
    s.inject(". 1:1(0) ack 1 win 5000");
    s.remote.set_port(4000);
    s.iss = isns[0];
    s.exchange(". 1:1(0) ack 1 win 5000", &[]);
    s.exchange("S 0:0(0) win 5000", &[]);
    assert_eq!(s.drops(), ["ACCEPT_QUEUE_FULL", "ACCEPT_QUEUE_FULL"]);
    // With room, what comes next from the peer brings the cookie again.
    s.host.accept(listener);
    s.exchange(". 1:1(0) ack 1 win 5000", &[]);
    assert_eq!(counted(&s), (2, 2, 0));
}

//= https://www.rfc-editor.org/rfc/rfc4987#section-4
//= type=test
//# TCP implementers should provide some means of defense to SYN
//# flooding attacks in end-host implementations.
#[test]
fn a_flood_of_syns_takes_no_more_memory_than_the_limit_and_an_honest_client_connects() {
    let limits = Limits { half_open: 100, ..Limits::default() };
    let mut host = Host::with_config("10.0.0.1", 1, Config { limits, ..Config::default() });
    host.engine.set_interest(Interest::NONE);
    let mut s = Script::listening_on(host, modern());
    // As many addresses as a test has the patience for; a million would leave as much.
    for i in 0..100_000u32 {
        s.remote = ([10, 0, 0, 10 + (i % 200) as u8], 1024 + (i / 200) as u16).into();
        s.peer_iss = Seq(i.wrapping_mul(2_654_435_761));
        s.inject("S 0:0(0) win 5000 <mss 1460,sackOK,TS val 100 ecr 0,wscale 7>");
        assert_eq!(s.host.sent.len(), 1, "one answer to one segment");
        s.host.sent.clear();
        s.host.events.clear();
    }
    assert_eq!(s.host.engine.sockets().len(), 101);
    assert_eq!(counted(&s), (99_900, 0, 0));
    assert_eq!(s.host.engine.counters().limits_hit[&Limit::HalfOpen], 99_900);
    s.remote = "10.0.0.9:4000".parse().unwrap();
    s.inject("S 0:0(0) win 5000 <mss 1460,sackOK,TS val 100 ecr 0,wscale 7>");
    s.sent();
    s.inject(". 1:1(0) ack 1 win 1000 <TS val 101 ecr 0>");
    s.socket = s.host.accept(s.listener.unwrap());
    assert_eq!(s.state(), "ESTABLISHED");
}

#[test]
fn cookies_can_be_turned_off() {
    let limits = Limits { half_open: 1, ..Limits::default() };
    let host = Host::with_config("10.0.0.1", 1, Config { limits, ..Config::default() });
    let options = OptionsPatch { syn_cookies: Some(SynCookies::Off), ..OptionsPatch::default() };
    let mut s = Script::listening_on(host, options);
    for (port, answers) in [(4000, 1), (4001, 0)] {
        s.remote.set_port(port);
        s.inject("S 0:0(0) win 100");
        assert_eq!(s.sent().len(), answers);
    }
    assert_eq!((s.drops(), counted(&s)), (vec!["SYN_QUEUE_FULL"], (0, 0, 0)));
}
