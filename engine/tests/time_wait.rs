//! TIME-WAIT: the next connection with the same addresses (RFC 6191, RFC 9293 §3.6.1), and what must not end the wait
//! (RFC 1337).

mod common;

use common::script::{Script, plain};
use common::states;
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::{Request, ShutdownHow, SocketKind, Wait};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::tcp::seq::Seq;

fn stamped() -> OptionsPatch {
    OptionsPatch { timestamps: Some(true), ..plain(OptionsPatch::default()) }
}

/// A connection of a listener in TIME-WAIT, held by its caller or not. The peer sent up to 2 and its clock stood at 100,
/// where there are timestamps.
fn waiting(timestamps: bool, held: bool) -> Script {
    let stamp = if timestamps { " <TS val 100 ecr 0>" } else { "" };
    let mut s = Script::listening(if timestamps { stamped() } else { OptionsPatch::default() });
    s.inject(&format!("S 0:0(0) win 10000{stamp}"));
    s.sent();
    s.inject(&format!(". 1:1(0) ack 1 win 10000{stamp}"));
    s.socket = s.host.accept(s.listener.unwrap());
    if held {
        s.host.shutdown(s.socket, ShutdownHow::Write);
    } else {
        s.host.close(s.socket);
    }
    s.inject(&format!("F. 1:1(0) ack 2 win 10000{stamp}"));
    s.sent();
    assert_eq!(s.state(), "TIME-WAIT");
    s.advance(1000);
    s
}

//= https://www.rfc-editor.org/rfc/rfc6191#section-2
//= type=test
//# Processing of SYN segments received for connections in the TIME-WAIT
//# state SHOULD occur as follows:
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
//= type=test
//# However, it MAY accept a new SYN from the remote TCP endpoint to reopen the connection directly
//# from TIME-WAIT state (MAY-2), if it:
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
//= type=test
//# This algorithm for reducing TIME-WAIT is a Best Current Practice that SHOULD be implemented
//# since Timestamp Options are commonly used, and using them to reduce TIME-WAIT provides benefits
//# for busy Internet servers (SHLD-4).
#[test]
fn a_newer_syn_is_taken_and_any_other_is_challenged() {
    let with = |value: u32| format!(" <TS val {value} ecr 0>");
    for (timestamps, syn, stamp, taken) in [
        // Both used timestamps: the later one, or at the same time the later number.
        (true, -5000, with(101), true),
        (true, 5000, with(99), false),
        (true, 2, with(100), true),
        (true, 1, with(100), false),
        // The next one would use none.
        (true, 2, String::new(), true),
        (true, 1, String::new(), false),
        // The last one used none, and the listener agrees to none.
        (false, -5000, with(1), false),
        (false, 2, String::new(), true),
        (false, 1, String::new(), false),
        (false, -5000, String::new(), false),
    ] {
        for held in [false, true] {
            let mut s = waiting(timestamps, held);
            let syn = format!("S {syn}:{syn}(0) win 10000{stamp}");
            let answer = challenge(timestamps);
            s.inject(&syn);
            let sent = s.sent();
            assert_eq!(sent[0].starts_with("S. "), taken, "{timestamps} {held} {syn}: {sent:?}");
            assert_eq!(sent[0] == answer, !taken, "{timestamps} {held} {syn}: {sent:?}");
        }
    }
}

#[test]
fn timestamps_are_newer_than_none() {
    let mut s = Script::listening(stamped());
    s.handshake("S 0:0(0) win 10000", 10_000);
    s.host.close(s.socket);
    s.inject("F. 1:1(0) ack 2 win 10000");
    s.sent();
    s.inject("S -5000:-5000(0) win 10000 <TS val 1 ecr 0>");
    assert!(s.sent()[0].starts_with("S. "));
}

/// The answer to a SYN that begins nothing.
fn challenge(timestamps: bool) -> String {
    let stamp = if timestamps { " <TS val 1000 ecr 100>" } else { "" };
    format!(". 2:2(0) ack 2 win 65534{stamp}")
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
//= type=test
//# assigns its initial sequence number for the new connection to be
//# larger than the largest sequence number it used on the previous
//# connection incarnation
#[test]
fn the_next_connection_begins_beyond_the_numbers_of_the_last() {
    for held in [false, true] {
        let mut s = waiting(false, held);
        let (old, iss) = (s.socket, s.iss.unwrap());
        s.peer_iss += 5000;
        s.inject("S 0:0(0) win 10000 <mss 1000>");
        assert_eq!(s.sent(), ["S. 0:0(0) ack 1 win 65535 <mss 1460>"]);
        assert!(s.iss.unwrap().after(iss + 65_535));
        // Until it is open the last one waits on.
        assert_eq!(s.host.state(old), "TIME-WAIT");
        s.inject(". 1:1(0) ack 1 win 10000");
        s.socket = s.host.accept(s.listener.unwrap());
        assert_eq!((s.state(), s.host.state(old)), ("ESTABLISHED", if held { "CLOSED" } else { "gone" }));
        assert_eq!(states(&s.host.events, old).last(), Some(&"CLOSED"));
        s.inject("P. 1:11(10) ack 1 win 10000");
        s.recv(1, 10);
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
//= type=test
//# returns to TIME-WAIT state if the SYN turns out to be an old
//# duplicate
#[test]
fn an_old_duplicate_syn_leaves_the_wait_as_it_was() {
    let mut s = waiting(false, false);
    let (iss, deadline) = (s.iss, s.host.engine.poll_timeout());
    s.inject("S 5000:5000(0) win 10000");
    s.sent();
    // The peer knows nothing of a SYN, and resets what answers it.
    s.inject("R 5001:5001(0) win 0");
    assert_eq!(s.state(), "TIME-WAIT");
    assert_eq!(s.host.engine.poll_timeout(), deadline);
    s.iss = iss;
    s.exchange("F. 1:1(0) ack 2 win 10000", &[". 2:2(0) ack 2 win 65534"]);
    s.advance(60_000);
    assert_eq!(s.state(), "gone");
    assert_eq!(s.host.engine.sockets(), [s.listener.unwrap()]);
}

#[test]
fn the_wait_may_end_while_the_next_connection_opens() {
    for held in [false, true] {
        let mut s = waiting(false, held);
        let old = s.socket;
        s.advance(58_500);
        s.peer_iss += 5000;
        s.inject("S 0:0(0) win 10000");
        s.advance(600);
        s.sent();
        let over = if held { "CLOSED" } else { "gone" };
        assert_eq!(s.host.state(old), over);
        s.inject(". 1:1(0) ack 1 win 10000");
        s.socket = s.host.accept(s.listener.unwrap());
        assert_eq!(s.state(), "ESTABLISHED");
        assert_eq!(s.host.state(old), over);
    }
}

#[test]
fn nobody_listens_or_has_room_and_the_syn_is_challenged() {
    let answer = ". 2:2(0) ack 2 win 65534";
    let mut s = waiting(false, false);
    let listener = s.listener.unwrap();
    s.host.close(listener);
    s.exchange("S 5000:5000(0) win 10000", &[answer]);
    let mut s = waiting(false, false);
    for port in 5000..5016 {
        s.remote.set_port(port);
        s.inject("S 0:0(0) win 10000");
        s.sent();
        s.inject(". 1:1(0) ack 1 win 10000");
    }
    s.remote.set_port(4000);
    s.iss = Some(Seq(0));
    s.inject("S 5000:5000(0) win 10000");
    assert!(s.sent()[0].starts_with(". "));
}

//= https://www.rfc-editor.org/rfc/rfc1337#section-3
//= type=test
//# One could also argue that it is formally the correct thing to do;
//# since allowing time for old duplicate segments to die is one of
//# TIME-WAIT state's functions, the state should not be truncated by
//# a RST segment.
#[test]
fn a_reset_does_not_end_the_wait() {
    for held in [false, true] {
        let mut s = waiting(false, held);
        let deadline = s.host.engine.poll_timeout();
        for reset in ["R 2:2(0) win 0", "R. 2:2(0) ack 2 win 0"] {
            s.exchange(reset, &[]);
            assert_eq!(s.drops(), ["TIME_WAIT"], "{reset}");
        }
        s.exchange("R 5:5(0) win 0", &[". 2:2(0) ack 2 win 65534"]);
        assert_eq!((s.state(), s.host.engine.poll_timeout()), ("TIME-WAIT", deadline));
    }
}

/// How an assassination begins (RFC 1337 §2, figure 1): an old segment of the peer's is answered with an ACK, and the peer,
/// closed already, answers that with a reset.
fn assassinated() -> Script {
    let mut s = waiting(false, false);
    s.exchange("P. -5:1(6) ack 1 win 10000", &[". 2:2(0) ack 2 win 65534"]);
    s.exchange("R 2:2(0) win 0", &[]);
    s
}

#[test]
fn hazard_1_old_data_is_not_taken_for_new() {
    // The wait survived: data of the last connection meets it, and not the next one.
    let mut s = assassinated();
    s.exchange("P. 2:102(100) ack 2 win 10000", &[]);
    assert_eq!(s.state(), "TIME-WAIT");
    assert_eq!(s.host.engine.sockets().len(), 2, "it and the listener");
    // And the next one begins where the numbers of the last one end.
    s.inject("S 2:2(0) win 10000");
    s.peer_iss += 2;
    s.sent();
    s.inject(". 1:1(0) ack 1 win 10000");
    s.socket = s.host.accept(s.listener.unwrap());
    s.inject("P. -5:0(5) ack 1 win 10000");
    assert_eq!((s.info().receive_queue, s.info().out_of_order), (0, 0));
}

#[test]
fn hazard_2_old_acknowledgments_do_not_set_two_ends_at_variance() {
    // An old ACK of what the next connection has not sent yet: it meets the wait, and in the next connection it is of no use.
    let mut s = assassinated();
    s.exchange(". 2:2(0) ack 2 win 10000", &[]);
    let old = s.iss.unwrap();
    s.inject("S 5000:5000(0) win 10000");
    s.peer_iss += 5000;
    s.sent();
    s.inject(". 1:1(0) ack 1 win 10000");
    s.socket = s.host.accept(s.listener.unwrap());
    let new = s.iss.unwrap();
    assert!(new.after(old + 65_535), "no number is used twice");
    s.iss = Some(old);
    s.inject(". 1:1(0) ack 2 win 10000");
    s.iss = Some(new);
    s.sent();
    assert_eq!((s.state(), s.info().snd_una - s.info().iss), ("ESTABLISHED", 1));
}

#[test]
fn hazard_3_an_old_segment_does_not_kill_the_attempt_that_follows() {
    // In SYN-SENT an old ACK would provoke a reset that kills what the peer has just opened. As long as the wait lasts,
    // and no reset ends it, there is no such attempt.
    let reuse = OptionsPatch { reuse_address: Some(true), ..OptionsPatch::default() };
    let mut s = Script::connected_with(reuse.clone());
    s.host.close(s.socket);
    s.inject("F. 1:1(0) ack 2 win 10000");
    s.sent();
    s.exchange("R 2:2(0) win 0", &[]);
    assert_eq!(s.state(), "TIME-WAIT");
    let again = s.host.create(SocketKind::Stream, reuse);
    s.host.call(Request::Bind { socket: again, local: s.local }).unwrap();
    let connect = Request::Connect { socket: again, remote: s.remote, data: vec![], wait: Wait::Never };
    assert_eq!(s.host.errno(connect.clone()), Errno::EADDRINUSE);
    s.exchange(". 1:1(0) ack 1 win 10000", &[". 2:2(0) ack 2 win 65534"]);
    s.advance(60_000);
    assert_eq!(s.host.errno(connect), Errno::EINPROGRESS);
}
