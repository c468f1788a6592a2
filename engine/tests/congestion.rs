//! How fast: the congestion window of a connection, as its segments and its events show it (RFC 5681, RFC 6928).

mod common;

use common::script::Script;
use sockwright_engine::event::{EventKind, RetransmissionReason};
use sockwright_engine::tcp::config::{CongestionControl, OptionsPatch};

fn open() -> Script {
    let mut s = Script::listening(OptionsPatch::default());
    s.handshake("S 0:0(0) win 60000 <mss 1000>", 60_000);
    s
}

//= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
//= type=test
//# As specified in [RFC3390], the SYN/ACK and the acknowledgment of the
//# SYN/ACK MUST NOT increase the size of the congestion window.
//= https://www.rfc-editor.org/rfc/rfc5681#section-2
//= type=test
//# At any given time, a TCP MUST NOT send data with a sequence number higher than the sum of
//# the highest acknowledged sequence number and the minimum of cwnd and rwnd.
//= https://www.rfc-editor.org/rfc/rfc5681#section-3
//= type=test
//# In some situations, it may be beneficial for a TCP sender to be more conservative than the
//# algorithms allow; however, a TCP MUST NOT be more aggressive than the following algorithms
//# allow (that is, MUST NOT send data when the value of cwnd computed by the following
//# algorithms would not allow the data to be sent).
#[test]
fn the_handshake_grows_no_window() {
    let mut s = open();
    assert_eq!(s.info().cwnd, 10_000);
    s.send(20_000);
    assert_eq!(s.sent().len(), 10);
}

//= https://www.rfc-editor.org/rfc/rfc6928#section-12
//= type=test
//# An increased initial window MUST NOT be
//# turned on by default on systems without such monitoring capabilities.
#[test]
fn a_loss_in_the_initial_window_is_told() {
    let mut s = open();
    s.send(10_000);
    s.sent();
    s.advance(200);
    let told = s.host.events.iter().any(|event| {
        matches!(event.kind, EventKind::Retransmission { reason: RetransmissionReason::Timeout, .. })
    });
    assert!(told);
    assert_eq!(s.info().totals.retransmissions, 1);
}

/// In which millisecond each of ten segments leaves after a handshake with a round trip of 100 ms, begun by either side.
fn departures(options: &OptionsPatch, connects: bool) -> Vec<u64> {
    let mut s = match connects {
        true => Script::connecting(options.clone()),
        false => Script::listening(options.clone()),
    };
    if connects {
        s.sent();
        s.advance(100);
        s.inject("S. 0:0(0) ack 1 win 60000 <mss 1000>");
        s.expect(&[". 1:1(0) ack 1 win 65535"]);
    } else {
        s.inject("S 0:0(0) win 60000 <mss 1000>");
        s.sent();
        s.advance(100);
        s.inject(". 1:1(0) ack 1 win 60000");
        s.socket = s.host.accept(s.listener.unwrap());
    }
    s.send(10_000);
    let mut left = Vec::new();
    for millisecond in 0..100 {
        left.extend(s.sent().iter().map(|_| millisecond));
        s.advance(1);
    }
    left
}

#[test]
fn a_sender_that_paces_spreads_its_first_window_over_the_round_trip_of_the_handshake() {
    for connects in [true, false] {
        let paced = OptionsPatch { pacing: Some(true), ..OptionsPatch::default() };
        // Two windows in a round trip: one segment in 5 ms. A connection that was there before may make up for a
        // millisecond.
        let early = u64::from(connects);
        let every_five: Vec<u64> = std::iter::once(0).chain((1..10).map(|n| 5 * n - early)).collect();
        assert_eq!(departures(&paced, connects), every_five);
        let bbr = OptionsPatch { congestion: Some(CongestionControl::Bbr), ..OptionsPatch::default() };
        // 2.89 windows in a round trip, less one percent.
        let left = departures(&bbr, connects);
        assert_eq!(left.len(), 10);
        let gaps: Vec<u64> = left.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (2..=4).contains(gap)), "{left:?}");
        assert_eq!(departures(&OptionsPatch::default(), connects), [0; 10], "without, all leave at once");
    }
}
