//! Buffers of a size that nobody chose: the receive buffer grows with what the user takes in a round trip, the send buffer
//! with the congestion window; and the window that the peer is told of grows with the former.

mod common;

use common::Host;
use common::script::Script;
use sockwright_engine::host::Config;
use sockwright_engine::host::op::Request;
use sockwright_engine::limits::{Limit, Limits};
use sockwright_engine::tcp::config::{Options, OptionsPatch};

const RTT_MS: u64 = 10;

/// An open connection with a round trip of 10 ms: what it has to begin with are 40,000 octets in each direction, and
/// 200,000 at most. The peer's MSS is 1000.
fn accepted(options: OptionsPatch) -> Script {
    let limits = Limits { tuned_receive_buffer: 200_000, tuned_send_buffer: 50_000, ..Limits::default() };
    let first = Options { receive_buffer: 40_000, send_buffer: 25_000, ..Options::default() };
    let mut host = Host::with_config("10.0.0.1", 1, Config { limits, options: first, ..Config::default() });
    let (scaled, plain) = (Some(true), Some(false));
    let listener = host.listen_with(
        80,
        16,
        OptionsPatch { window_scaling: scaled, timestamps: plain, sack: plain, ..options },
    );
    let mut s = Script::listening_at(host, listener);
    s.inject("S 0:0(0) win 60000 <mss 1000,wscale 4>");
    s.sent();
    s.advance(RTT_MS);
    s.inject(". 1:1(0) ack 1 win 60000");
    s.socket = s.host.accept(listener);
    s
}

/// The peer sends 20,000 octets from `at` on, and the user takes them. What goes out in answer, last.
fn receive(s: &mut Script, at: u32) -> String {
    let half = at + 10_000;
    s.inject(&format!("P. {at}:{half}(10000) ack 1 win 60000"));
    s.inject(&format!("P. {half}:{}(10000) ack 1 win 60000", half + 10_000));
    s.recv(at, 20_000);
    s.sent().pop().expect("an acknowledgment")
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-2.3
//= type=test
//# The Window Scale option MUST be sent with shift.cnt = R, where R
//# is the value that the TCP would like to use for its receive
//# window.
#[test]
fn the_shift_is_for_the_largest_buffer_that_there_may_be() {
    let shift = |options| {
        let mut s = accepted(options);
        s.inject(". 1:1(0) ack 1 win 60000");
        s.host.engine.info(s.socket).unwrap().tcp.unwrap().rcv_wscale
    };
    assert_eq!(shift(OptionsPatch::default()), 2);
    assert_eq!(shift(OptionsPatch { receive_buffer: Some(40_000), ..OptionsPatch::default() }), 0);
}

#[test]
fn what_is_taken_in_a_round_trip_makes_the_buffer_grow_and_the_window_with_it() {
    let mut s = accepted(OptionsPatch::default());
    assert_eq!(receive(&mut s, 1), ". 1:1(0) ack 20001 win 10000", "the first measures");
    assert_eq!(receive(&mut s, 20_001), ". 1:1(0) ack 40001 win 10000", "the round trip is not over");
    s.advance(RTT_MS);
    assert_eq!(s.info().receive_buffer, 40_000);
    // 40,000 octets in a round trip, four times as much as was reckoned with: by far more than the limit.
    assert_eq!(receive(&mut s, 40_001), ". 1:1(0) ack 60001 win 50000");
    assert_eq!((s.info().receive_buffer, s.info().rcv_wnd), (200_000, 200_000));
    assert_eq!(s.host.limit_hits(Limit::TunedReceiveBuffer), 1);
    assert_eq!(s.host.engine.counters().limits_hit.get(&Limit::TunedReceiveBuffer), Some(&1));
    // It never shrinks, however little comes.
    for round in 0..3 {
        s.advance(RTT_MS);
        let last = receive(&mut s, 60_001 + round * 20_000);
        assert_eq!(last.rsplit(' ').next(), Some("45000"), "less the 20,000 octets that were not taken yet");
    }
    assert_eq!(s.info().receive_buffer, 200_000);
    assert_eq!(s.host.limit_hits(Limit::TunedReceiveBuffer), 1);
}

#[test]
fn a_buffer_that_the_application_chose_stays_as_it_is() {
    let chosen =
        OptionsPatch { receive_buffer: Some(40_000), send_buffer: Some(25_000), ..OptionsPatch::default() };
    let mut s = accepted(chosen);
    for round in 0..5 {
        s.advance(RTT_MS);
        assert_eq!(receive(&mut s, 1 + round * 20_000).rsplit(' ').next(), Some("40000"));
    }
    grow_window(&mut s);
    assert_eq!((s.info().receive_buffer, s.info().send_buffer), (40_000, 25_000));
}

#[test]
fn a_size_that_is_chosen_later_is_that_of_a_buffer_that_grew_too() {
    let mut s = accepted(OptionsPatch::default());
    for round in 0..3 {
        receive(&mut s, 1 + round * 20_000);
        s.advance(RTT_MS);
    }
    assert!(s.info().receive_buffer > 150_000);
    let edge = 60_000 + s.info().rcv_wnd;
    let options = OptionsPatch { receive_buffer: Some(30_000), ..OptionsPatch::default() };
    s.host.call(Request::SetOptions { socket: s.socket, options }).unwrap();
    assert_eq!(s.info().receive_buffer, 30_000);
    // What was announced is not taken back.
    let last = receive(&mut s, 60_001);
    assert_eq!(last, format!(". 1:1(0) ack 80001 win {}", (edge - 80_000) / 4));
}

/// Has the congestion window grow in slow start, with all that the send buffer takes acknowledged each round trip.
fn grow_window(s: &mut Script) {
    let peer = s.info().rcv_nxt - s.info().irs;
    for _ in 0..3 {
        s.send(100_000);
        s.advance(RTT_MS);
        s.sent();
        while s.info().send_queue > 0 {
            let nxt = s.info().snd_nxt - s.info().iss;
            s.inject(&format!(". {peer}:{peer}(0) ack {nxt} win 60000"));
            s.sent();
        }
    }
}

#[test]
fn the_send_buffer_has_room_for_two_flights() {
    let mut s = accepted(OptionsPatch::default());
    assert_eq!((s.info().cwnd, s.info().send_buffer), (10_000, 25_000));
    assert_eq!(s.send(100_000), 25_000);
    assert_eq!(s.host.limit_hits(Limit::TunedSendBuffer), 0, "it is not at the limit");
    s.sent();
    s.inject(". 1:1(0) ack 10001 win 60000");
    let info = s.info();
    assert_eq!((info.cwnd, info.send_buffer), (18_000, 36_000));
    assert_eq!(s.send(100_000), 21_000, "two flights, less the 15,000 octets that are there");
}

#[test]
fn the_send_buffer_does_not_grow_beyond_its_limit() {
    let mut s = accepted(OptionsPatch::default());
    grow_window(&mut s);
    assert!(s.info().cwnd > 30_000);
    assert_eq!((s.info().send_buffer, s.send(1), s.send(100_000)), (50_000, 1, 49_999));
    assert_eq!(s.host.limit_hits(Limit::TunedSendBuffer), 1);
    assert_eq!(s.host.engine.counters().limits_hit.get(&Limit::TunedSendBuffer), Some(&1));
}
