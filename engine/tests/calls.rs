//! Calls that wait, are cancelled, given back, or made in the wrong state.

mod common;

use common::script::{Script, octets};
use common::{Host, Pair};
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::{Outcome, Reply, Request, ShutdownHow, SocketKind, SocketState, Wait};
use sockwright_engine::id::{OpId, SocketId};
use sockwright_engine::tcp::config::OptionsPatch;

fn recv(socket: SocketId, max: usize, min: usize) -> Request {
    Request::Recv { socket, max, min, peek: false, wait: Wait::Park }
}

fn parked(host: &mut Host, request: Request) -> OpId {
    let (op, outcome) = host.op(request);
    assert_eq!(outcome, Outcome::Parked);
    op
}

#[track_caller]
fn data(host: &mut Host, op: OpId) -> Vec<u8> {
    match host.completed(op) {
        Ok(Reply::Received { data, .. }) => data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn calls_of_one_kind_finish_in_the_order_in_which_they_were_made() {
    let mut s = Script::accepted();
    let first = parked(&mut s.host, recv(s.socket, 3, 3));
    let second = parked(&mut s.host, recv(s.socket, 3, 1));
    s.inject("P. 1:3(2) ack 1 win 10000");
    assert!(s.host.completions.is_empty(), "the second would overtake the first");
    // Another kind waits for nobody.
    assert_eq!(s.send(5), 5);
    s.inject("P. 3:6(3) ack 1 win 10000");
    assert_eq!(data(&mut s.host, first), octets(1, 3));
    assert_eq!(data(&mut s.host, second), octets(4, 2));
}

#[test]
fn a_call_that_does_not_wait_does_not_overtake_one_that_does() {
    let mut s = Script::accepted();
    let first = parked(&mut s.host, recv(s.socket, 10, 5));
    s.inject("P. 1:3(2) ack 1 win 10000");
    let hasty = Request::Recv { socket: s.socket, max: 1, min: 1, peek: false, wait: Wait::Never };
    assert_eq!(s.host.errno(hasty), Errno::EAGAIN);
    s.inject("P. 3:6(3) ack 1 win 10000");
    assert_eq!(data(&mut s.host, first), octets(1, 5));
}

#[test]
fn a_cancelled_call_loses_nothing_and_lets_the_next_one_on() {
    let mut s = Script::accepted();
    let first = parked(&mut s.host, recv(s.socket, 10, 10));
    let second = parked(&mut s.host, recv(s.socket, 2, 1));
    s.inject("P. 1:6(5) ack 1 win 10000");
    let now = s.host.now;
    s.host.engine.cancel_op(now, first);
    s.host.drain();
    assert_eq!(data(&mut s.host, second), octets(1, 2));
    assert!(!s.host.completions.contains_key(&first));
    s.recv(3, 3);
    // One that is over, or never was, is nobody's.
    s.host.engine.cancel_op(now, second);
    s.host.engine.cancel_op(now, OpId(9999));
    s.host.drain();
}

#[test]
fn octets_that_nobody_received_are_given_back_in_their_place() {
    let mut s = Script::accepted();
    s.inject("P. 1:11(10) ack 1 win 10000");
    let reply = s.host.call(recv(s.socket, 4, 1)).unwrap();
    let now = s.host.now;
    s.host.engine.restore(now, s.socket, reply);
    s.host.drain();
    s.recv(1, 10);
    // Given back, it finishes the call that waits.
    s.inject("P. 11:16(5) ack 1 win 10000");
    let reply = s.host.call(recv(s.socket, 5, 1)).unwrap();
    let waiting = parked(&mut s.host, recv(s.socket, 5, 1));
    s.host.engine.restore(now, s.socket, reply);
    s.host.drain();
    assert_eq!(data(&mut s.host, waiting), octets(11, 5));
}

#[test]
fn datagrams_that_nobody_received_are_given_back_in_their_place() {
    let mut pair = Pair::new();
    let (a, b) = (
        pair.a.create(SocketKind::Datagram, OptionsPatch::default()),
        pair.b.create(SocketKind::Datagram, OptionsPatch::default()),
    );
    pair.b.bind(b, 53);
    for text in ["one", "two"] {
        let data = text.as_bytes().to_vec();
        pair.a.call(Request::SendTo { socket: a, remote: pair.b.at(53), data }).unwrap();
    }
    pair.run();
    let take = Request::RecvFrom { socket: b, max: 10, peek: false, wait: Wait::Never };
    let first = pair.b.call(take.clone()).unwrap();
    pair.b.engine.restore(pair.b.now, b, first.clone());
    pair.b.drain();
    assert_eq!(pair.b.call(take), Ok(first));
}

#[test]
fn a_look_takes_nothing() {
    let mut s = Script::accepted();
    s.inject("FP. 1:6(5) ack 1 win 10000");
    let look = Request::Recv { socket: s.socket, max: 3, min: 1, peek: true, wait: Wait::Never };
    for _ in 0..2 {
        let reply = s.host.call(look.clone());
        assert_eq!(reply, Ok(Reply::Received { data: octets(1, 3), end_of_stream: false, urgent: 0 }));
    }
    s.recv_end(1, 5);
    let nothing = Ok(Reply::Received { data: vec![], end_of_stream: true, urgent: 0 });
    assert_eq!(s.host.call(look), nothing);
}

#[test]
fn octets_given_back_after_the_end_come_before_it() {
    let mut s = Script::accepted();
    s.inject("FP. 1:6(5) ack 1 win 10000");
    let reply = s.host.call(recv(s.socket, 9, 1)).unwrap();
    let now = s.host.now;
    s.host.engine.restore(now, s.socket, reply);
    s.host.drain();
    s.recv_end(1, 5);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6
//= type=test
//# If the local TCP connection is closed by the remote side due to a FIN or RST received from
//# the remote side, then the local application MUST be informed whether it closed normally or
//# was aborted (MUST-12).
#[test]
fn waiting_calls_learn_how_the_connection_ended() {
    let mut s = Script::accepted();
    let read = parked(&mut s.host, recv(s.socket, 10, 1));
    s.inject("R 1:1(0) win 0");
    assert_eq!(s.host.completed(read).unwrap_err().errno, Errno::ECONNRESET);
    let mut s = Script::accepted();
    let read = parked(&mut s.host, recv(s.socket, 10, 10));
    s.inject("P. 1:4(3) ack 1 win 10000");
    s.inject("F. 4:4(0) ack 1 win 10000");
    assert_eq!(data(&mut s.host, read), octets(1, 3));
    let mut s = Script::accepted();
    let read = parked(&mut s.host, recv(s.socket, 10, 1));
    s.host.close(s.socket);
    assert_eq!(s.host.completed(read).unwrap_err().errno, Errno::ECONNABORTED);
}

#[test]
fn calls_in_the_wrong_state_say_what_is_wrong() {
    let mut host = Host::new("10.0.0.1", 1);
    let listener = host.listen(80);
    let idle = host.stream();
    let datagram = host.create(SocketKind::Datagram, OptionsPatch::default());
    let never = Wait::Never;
    let peer = "10.0.0.2:80".parse().unwrap();
    let send = |socket| Request::Send { socket, data: vec![1], urgent: false, wait: Wait::Never };
    let accept = |socket| Request::Accept { socket, wait: Wait::Never };
    let shutdown = |socket| Request::Shutdown { socket, how: ShutdownHow::Both };
    let bind = |socket| Request::Bind { socket, local: "10.0.0.1:90".parse().unwrap() };
    let hasty = |socket| Request::Recv { socket, max: 1, min: 1, peek: false, wait: Wait::Never };
    let elsewhere = "10.0.0.77:1".parse().unwrap();
    for (request, errno) in [
        (send(idle), Errno::ENOTCONN),
        (send(listener), Errno::ENOTCONN),
        (send(datagram), Errno::EDESTADDRREQ),
        (hasty(idle), Errno::ENOTCONN),
        (hasty(listener), Errno::ENOTCONN),
        (hasty(datagram), Errno::ENOTCONN),
        (accept(idle), Errno::EINVAL),
        (accept(datagram), Errno::EOPNOTSUPP),
        (shutdown(idle), Errno::ENOTCONN),
        (shutdown(listener), Errno::ENOTCONN),
        (bind(listener), Errno::EINVAL),
        (Request::Bind { socket: idle, local: elsewhere }, Errno::EADDRNOTAVAIL),
        (Request::Listen { socket: datagram, backlog: 1 }, Errno::EOPNOTSUPP),
        (Request::Connect { socket: listener, remote: peer, data: vec![], wait: never }, Errno::EISCONN),
        (Request::SendTo { socket: idle, remote: peer, data: vec![1] }, Errno::ENOTCONN),
        (Request::RecvFrom { socket: idle, max: 1, peek: false, wait: never }, Errno::EOPNOTSUPP),
        (Request::Close { socket: SocketId(999) }, Errno::EBADF),
    ] {
        assert_eq!(host.errno(request.clone()), errno, "{request:?}");
    }
    assert_eq!(host.engine.info(idle).unwrap().socket_state, SocketState::Unbound);
    host.close(idle);
    assert_eq!(host.errno(send(idle)), Errno::EBADF);
}

#[test]
fn options_that_matter_only_before_a_connection_are_refused_on_one() {
    let mut s = Script::accepted();
    let mss = OptionsPatch { max_segment_size: Some(100), ..OptionsPatch::default() };
    assert_eq!(s.host.errno(Request::SetOptions { socket: s.socket, options: mss }), Errno::EISCONN);
    let nonsense = OptionsPatch { receive_buffer: Some(0), ..OptionsPatch::default() };
    assert_eq!(s.host.errno(Request::SetOptions { socket: s.socket, options: nonsense }), Errno::EINVAL);
    let user_timeout = Some(std::time::Duration::from_secs(1));
    let options = OptionsPatch { user_timeout, ..OptionsPatch::default() };
    s.send(1);
    s.host.call(Request::SetOptions { socket: s.socket, options }).unwrap();
    s.advance(1000);
    assert_eq!(s.state(), "CLOSED");
}

#[test]
fn buffers_keep_no_memory_of_what_is_gone() {
    let mut s = Script::accepted();
    s.send(5000);
    s.inject("P. 1:1001(1000) ack 1 win 10000");
    s.inject("P. 2001:3001(1000) ack 4001 win 10000");
    s.inject("P. 1001:2001(1000) ack 5001 win 10000");
    s.recv(1, 3000);
    let info = s.info();
    assert_eq!((info.send_queue, info.receive_queue, info.out_of_order), (0, 0, 0));
    // A reset drops what is left.
    s.send(5000);
    s.inject("P. 3001:4001(1000) ack 5001 win 10000");
    s.inject("P. 5001:6001(1000) ack 5001 win 10000");
    s.inject("R 4001:4001(0) win 0");
    let info = s.info();
    assert_eq!((info.send_queue, info.receive_queue, info.out_of_order), (0, 0, 0));
    assert!(info.timers.is_empty());
}
