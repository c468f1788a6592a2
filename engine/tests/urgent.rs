//! Urgent data (RFC 9293 §3.8.5, RFC 6093): the pointer in what we send, and what the user hears of the peer's.

mod common;

use common::script::{Script, octets};
use sockwright_engine::event::EventKind;
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::{Reply, Request, SocketKind, Wait};
use sockwright_engine::tcp::config::OptionsPatch;

/// Sends the next `len` octets of the pattern as urgent ones.
fn send_urgent(s: &mut Script, at: u32, len: usize) -> usize {
    let data = octets(at, len);
    match s.host.call(Request::Send { socket: s.socket, data, urgent: true, wait: Wait::Never }) {
        Ok(Reply::Sent { accepted }) => accepted,
        other => panic!("{other:?}"),
    }
}

/// What one call receives: how many octets, and how many urgent ones remain.
fn recv(s: &mut Script, max: usize, peek: bool) -> (usize, u32) {
    match s.host.call(Request::Recv { socket: s.socket, max, min: 1, peek, wait: Wait::Never }) {
        Ok(Reply::Received { data, urgent, .. }) => (data.len(), urgent),
        other => panic!("{other:?}"),
    }
}

/// The pointers that the user was told of since the last look, relative to the peer's initial sequence number.
fn told(s: &mut Script) -> Vec<u32> {
    let told = s.host.events.iter().filter_map(|event| match event.kind {
        EventKind::Urgent { pointer } => Some(pointer.wrapping_sub(s.peer_iss.0)),
        _ => None,
    });
    let told = told.collect();
    s.host.events.clear();
    told
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
//= type=test
//# The urgent pointer MUST point to the sequence number of the octet
//# following the urgent data (MUST-62).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
//= type=test
//# However, TCP implementations MUST still include support for the urgent mechanism
//# (MUST-30).
//= https://www.rfc-editor.org/rfc/rfc6093#section-5
//= type=test
//# However, TCP implementations MUST still include support for the urgent mechanism such that
//# existing applications can still use it.
#[test]
fn the_pointer_leads_to_the_octet_after_the_urgent_ones() {
    let mut s = Script::accepted();
    send_urgent(&mut s, 1, 10);
    s.expect(&["P.U 1:11(10) ack 1 win 65535 urg 10"]);
    // Once they are acknowledged, nothing is urgent.
    s.inject(". 1:1(0) ack 11 win 10000");
    s.send(5);
    s.expect(&["P. 11:16(5) ack 1 win 65535"]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
//= type=test
//# A TCP implementation MUST support a sequence of urgent data of any
//# length (MUST-31) [19].
#[test]
fn urgent_data_may_be_longer_than_a_segment_and_than_the_field() {
    let mut s = Script::accepted_with(OptionsPatch { send_buffer: Some(200_000), ..OptionsPatch::default() });
    send_urgent(&mut s, 1, 100_000);
    // Each segment says how far the end is, or that it is further than can be said.
    let first = s.sent();
    assert_eq!(first[0], ".U 1:1001(1000) ack 1 win 65535 urg 65535");
    assert!(first.iter().all(|segment| segment.ends_with(" urg 65535")), "{first:?}");
    let mut last = None;
    while s.info().snd_una - s.info().iss < 100_001 {
        let acked = s.info().snd_nxt - s.info().iss;
        s.inject(&format!(". 1:1(0) ack {acked} win 60000"));
        last = s.sent().pop().or(last);
    }
    assert_eq!(last.as_deref(), Some("P.U 99001:100001(1000) ack 1 win 65535 urg 1000"));
}

#[test]
fn a_later_urgent_send_moves_the_pointer_and_an_ordinary_one_does_not() {
    let mut s = Script::accepted();
    send_urgent(&mut s, 1, 10);
    s.expect(&["P.U 1:11(10) ack 1 win 65535 urg 10"]);
    s.send(1000);
    s.expect(&["P. 11:1011(1000) ack 1 win 65535"]);
    send_urgent(&mut s, 1011, 5);
    s.expect(&["P.U 1011:1016(5) ack 1 win 65535 urg 5"]);
    // What goes again says it again, with the pointer of now.
    s.advance(1000);
    assert_eq!(s.sent()[0], ".U 1:1001(1000) ack 1 win 65535 urg 1015");
}

#[test]
fn the_news_passes_a_closed_window() {
    let mut s = Script::accepted();
    s.inject(". 1:1(0) ack 1 win 0");
    send_urgent(&mut s, 1, 10);
    s.expect(&[".U 1:1(0) ack 1 win 65535 urg 10"]);
    // It takes no time of Nagle's algorithm either.
    s.inject(". 1:1(0) ack 1 win 10000");
    s.expect(&["P.U 1:11(10) ack 1 win 65535 urg 10"]);
    send_urgent(&mut s, 11, 1);
    s.expect(&["P.U 11:12(1) ack 1 win 65535 urg 1"]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
//= type=test
//# A TCP implementation MUST (MUST-32) inform the application layer
//# asynchronously whenever it receives an urgent pointer and there was
//# previously no pending urgent data, or whenever the urgent pointer
//# advances in the data stream.
#[test]
fn the_user_is_told_of_each_advance_of_the_pointer_and_of_nothing_else() {
    let mut s = Script::accepted();
    s.inject("PU. 1:11(10) ack 1 win 10000 urg 10");
    assert_eq!(told(&mut s), [11]);
    s.inject("PU. 11:21(10) ack 1 win 10000 urg 20");
    assert_eq!(told(&mut s), [31]);
    // The same pointer, and one that recedes, are no news; neither is one without the flag.
    s.inject("PU. 21:31(10) ack 1 win 10000 urg 10");
    s.inject("PU. 31:41(10) ack 1 win 10000 urg 0");
    s.inject("P. 41:51(10) ack 1 win 10000 urg 1000");
    assert_eq!(told(&mut s), [0; 0]);
    // It need not come with its data, nor in order.
    s.inject("U. 51:51(0) ack 1 win 10000 urg 500");
    assert_eq!(told(&mut s), [551]);
    s.inject("PU. 71:81(10) ack 1 win 10000 urg 600");
    assert_eq!(told(&mut s), [671]);
    s.inject("F. 51:51(0) ack 1 win 10000");
    told(&mut s);
    s.inject("U. 52:52(0) ack 1 win 10000 urg 700");
    assert_eq!(told(&mut s), [0; 0], "nothing follows a FIN");
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.5
//= type=test
//# The TCP implementation MUST (MUST-33)
//# provide a way for the application to learn how much urgent data
//# remains to be read from the connection, or at least to determine
//# whether more urgent data remains to be read [19].
#[test]
fn each_call_says_how_much_urgent_data_remains() {
    let mut s = Script::accepted();
    s.inject("PU. 1:11(10) ack 1 win 10000 urg 15");
    s.inject("P. 11:31(20) ack 1 win 10000");
    assert_eq!(recv(&mut s, 4, false), (4, 11));
    assert_eq!(recv(&mut s, 4, true), (4, 7), "after what is peeked at");
    assert_eq!(recv(&mut s, 4, false), (4, 7));
    // A call that would pass the mark stops there.
    assert_eq!(recv(&mut s, 100, false), (7, 0));
    assert_eq!(recv(&mut s, 100, false), (15, 0));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.3
//= type=test
//# Note that data following the urgent pointer (non-urgent data)
//# cannot be delivered to the user in the same buffer with preceding
//# urgent data unless the boundary is clearly marked for the user.
#[test]
fn no_call_gives_urgent_octets_and_what_follows_them_together() {
    let mut s = Script::accepted();
    s.inject("PU. 1:31(30) ack 1 win 10000 urg 10");
    // Not even one that wants more than there is before the mark.
    let wants = Request::Recv { socket: s.socket, max: 100, min: 20, peek: false, wait: Wait::Never };
    let Ok(Reply::Received { data, urgent, .. }) = s.host.call(wants) else { panic!() };
    assert_eq!((data, urgent), (octets(1, 10), 0));
    assert_eq!(recv(&mut s, 100, false), (20, 0));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.4
//= type=test
//# A TCP receiver MUST process the RST and URG
//# fields of all incoming segments, even when the receive window is zero (MUST-66).
#[test]
fn a_pointer_is_heard_behind_a_closed_window() {
    let mut s = Script::accepted_with(OptionsPatch { receive_buffer: Some(1000), ..OptionsPatch::default() });
    s.inject("P. 1:1001(1000) ack 1 win 10000");
    s.sent();
    assert_eq!(s.info().rcv_wnd, 0);
    s.inject("PU. 1001:1011(10) ack 1 win 10000 urg 10");
    assert_eq!(told(&mut s), [1011]);
    assert_eq!(recv(&mut s, 2000, false), (1000, 10));
}

#[test]
fn what_is_given_back_is_urgent_again() {
    let mut s = Script::accepted();
    s.inject("PU. 1:11(10) ack 1 win 10000 urg 10");
    let request = Request::Recv { socket: s.socket, max: 100, min: 1, peek: false, wait: Wait::Never };
    let reply = s.host.call(request).unwrap();
    s.host.engine.restore(s.host.now, s.socket, reply);
    s.host.drain();
    assert_eq!(recv(&mut s, 6, false), (6, 4));
}

#[test]
fn datagrams_are_not_urgent() {
    let mut s = Script::accepted();
    let socket = s.host.create(SocketKind::Datagram, OptionsPatch::default());
    let send = Request::Send { socket, data: vec![1], urgent: true, wait: Wait::Never };
    assert_eq!(s.host.errno(send), Errno::EOPNOTSUPP);
}
