//! What each call answers in each situation: the tables of `docs/calls.md`, made by getting there and asking.

mod common;
mod generated;

use std::time::Duration;

use common::{Host, Pair};
use generated::{hold_part, table};
use sockwright_engine::host::Errno;
use sockwright_engine::host::op::{Outcome, Reply, Request, ShutdownHow, SocketKind, SocketState, Wait};
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::config::OptionsPatch;

/// A way to get to a situation: the socket in question is one of `a`'s.
type Arrange = fn(&mut Pair) -> SocketId;

const STREAMS: &[(&str, Arrange)] = &[
    ("no such socket", |_| SocketId(99_999)),
    ("created", |pair| pair.a.stream()),
    ("bound", |pair| {
        let socket = pair.a.stream();
        pair.a.bind(socket, 1000);
        socket
    }),
    ("listening", |pair| pair.a.listen(80)),
    ("listening, a connection waits", |pair| {
        let listener = pair.a.listen(80);
        let client = pair.b.stream();
        pair.b.start_connect(client, pair.a.at(80));
        pair.run();
        listener
    }),
    ("not accepted yet, half open", |pair| {
        let listener = pair.a.listen(80);
        let client = pair.b.stream();
        pair.b.start_connect(client, pair.a.at(80));
        carry(&mut pair.b, &mut pair.a);
        child(&pair.a, listener)
    }),
    ("not accepted yet, open", |pair| {
        let listener = pair.a.listen(80);
        let client = pair.b.stream();
        pair.b.start_connect(client, pair.a.at(80));
        pair.run();
        child(&pair.a, listener)
    }),
    ("connecting", |pair| {
        let socket = pair.a.stream();
        start(&mut pair.a, socket, pair.b.at(80));
        socket
    }),
    ("connecting, so is the peer", |pair| {
        let [a, b] = [&mut pair.a, &mut pair.b].map(|host| {
            let socket = host.stream();
            host.bind(socket, 1000);
            socket
        });
        start(&mut pair.a, a, pair.b.at(1000));
        start(&mut pair.b, b, pair.a.at(1000));
        carry(&mut pair.b, &mut pair.a);
        a
    }),
    ("shut down while connecting", |pair| {
        let socket = pair.a.stream();
        start(&mut pair.a, socket, pair.b.at(80));
        pair.a.shutdown(socket, ShutdownHow::Write);
        socket
    }),
    ("refused", |pair| {
        let socket = pair.a.stream();
        start(&mut pair.a, socket, pair.b.at(80));
        pair.run();
        socket
    }),
    ("the same, and told so", |pair| {
        let socket = pair.a.stream();
        start(&mut pair.a, socket, pair.b.at(80));
        pair.run();
        assert_eq!(
            pair.a.errno(Request::Send { socket, data: vec![1], urgent: false, wait: Wait::Never }),
            Errno::ECONNREFUSED
        );
        socket
    }),
    ("open", |pair| pair.connected().0),
    ("open, data to read", |pair| {
        let (a, b) = pair.connected();
        pair.b.send(b, b"data");
        pair.run();
        a
    }),
    ("open, send buffer full", |pair| {
        let options = OptionsPatch { send_buffer: Some(10), ..OptionsPatch::default() };
        let (a, _) = pair.connected_with(options, OptionsPatch::default());
        pair.a.send(a, &[0; 10]);
        a
    }),
    ("open, shut down for reading", |pair| {
        let (a, _) = pair.connected();
        pair.a.shutdown(a, ShutdownHow::Read);
        a
    }),
    ("shut down for writing", |pair| {
        let (a, _) = pair.connected();
        pair.a.shutdown(a, ShutdownHow::Write);
        a
    }),
    ("the same, acknowledged", |pair| {
        let (a, _) = pair.connected();
        pair.a.shutdown(a, ShutdownHow::Write);
        pair.run();
        a
    }),
    ("both shut down at once", |pair| {
        let (a, b) = pair.connected();
        pair.a.shutdown(a, ShutdownHow::Write);
        pair.b.shutdown(b, ShutdownHow::Write);
        carry(&mut pair.b, &mut pair.a);
        a
    }),
    ("both shut down, we first", |pair| {
        let (a, b) = pair.connected();
        pair.a.shutdown(a, ShutdownHow::Write);
        pair.run();
        pair.b.shutdown(b, ShutdownHow::Write);
        pair.run();
        a
    }),
    ("the peer shut down", |pair| {
        let (a, b) = pair.connected();
        pair.b.shutdown(b, ShutdownHow::Write);
        pair.run();
        a
    }),
    ("the peer shut down, then we", |pair| {
        let (a, b) = pair.connected();
        pair.b.shutdown(b, ShutdownHow::Write);
        pair.run();
        pair.a.shutdown(a, ShutdownHow::Write);
        a
    }),
    ("the same, acknowledged: over", |pair| {
        let (a, b) = pair.connected();
        pair.b.shutdown(b, ShutdownHow::Write);
        pair.run();
        pair.a.shutdown(a, ShutdownHow::Write);
        pair.run();
        a
    }),
    ("reset by the peer", |pair| {
        let (a, b) = pair.connected();
        pair.b.abort(b);
        pair.run();
        a
    }),
    ("the same, and told so", |pair| {
        let (a, b) = pair.connected();
        pair.b.abort(b);
        pair.run();
        assert_eq!(
            pair.a.errno(Request::Send { socket: a, data: vec![1], urgent: false, wait: Wait::Never }),
            Errno::ECONNRESET
        );
        a
    }),
    ("given up after the user timeout", |pair| {
        let timeout = Duration::from_secs(1);
        let options = OptionsPatch { user_timeout: Some(timeout), ..OptionsPatch::default() };
        let (a, _) = pair.connected_with(options, OptionsPatch::default());
        pair.a.send(a, b"lost");
        pair.a.advance(timeout);
        a
    }),
    ("closed by its caller", |pair| {
        let (a, _) = pair.connected();
        pair.a.close(a);
        a
    }),
    ("the same, and by the peer", |pair| {
        let (a, b) = pair.connected();
        pair.a.close(a);
        pair.run();
        pair.b.close(b);
        pair.run();
        a
    }),
];

const DATAGRAMS: &[(&str, Arrange)] = &[
    ("created", |pair| datagram(&mut pair.a)),
    ("bound", |pair| {
        let socket = datagram(&mut pair.a);
        pair.a.bind(socket, 1000);
        socket
    }),
    ("bound, a datagram waits", |pair| {
        let socket = datagram(&mut pair.a);
        pair.a.bind(socket, 1000);
        say(pair, 2000);
        socket
    }),
    ("with a peer", connected_datagram),
    ("with a peer, a datagram waits", |pair| {
        let socket = connected_datagram(pair);
        say(pair, 80);
        socket
    }),
    ("with a peer who refuses", |pair| {
        let socket = connected_datagram(pair);
        pair.a.send(socket, b"anybody?");
        pair.run();
        socket
    }),
    ("with a peer, shut down for reading", |pair| {
        let socket = connected_datagram(pair);
        pair.a.shutdown(socket, ShutdownHow::Read);
        socket
    }),
    ("with a peer, shut down for writing", |pair| {
        let socket = connected_datagram(pair);
        pair.a.shutdown(socket, ShutdownHow::Write);
        socket
    }),
];

/// A call on the socket; the peer of the pair is at the other address.
type Ask = fn(&Pair, SocketId) -> Request;

const CALLS: [(&str, Ask); 14] = [
    ("Bind", |pair, socket| Request::Bind { socket, local: pair.a.at(4000) }),
    ("Listen", |_, socket| Request::Listen { socket, backlog: 1 }),
    ("Accept", |_, socket| Request::Accept { socket, wait: Wait::Never }),
    ("Connect", |pair, socket| Request::Connect {
        socket,
        remote: pair.b.at(80),
        data: vec![],
        wait: Wait::Never,
    }),
    ("Send", |_, socket| Request::Send { socket, data: vec![1], urgent: false, wait: Wait::Never }),
    ("Recv", |_, socket| Request::Recv { socket, max: 100, min: 1, peek: false, wait: Wait::Never }),
    ("SendTo", |pair, socket| Request::SendTo { socket, remote: pair.b.at(80), data: vec![1] }),
    ("RecvFrom", |_, socket| Request::RecvFrom { socket, max: 100, peek: false, wait: Wait::Never }),
    ("Shutdown READ", |_, socket| Request::Shutdown { socket, how: ShutdownHow::Read }),
    ("Shutdown WRITE", |_, socket| Request::Shutdown { socket, how: ShutdownHow::Write }),
    ("Close", |_, socket| Request::Close { socket }),
    ("Abort", |_, socket| Request::Abort { socket }),
    ("SetOptions", |_, socket| {
        let options = OptionsPatch { no_delay: Some(true), ..OptionsPatch::default() };
        Request::SetOptions { socket, options }
    }),
    ("SetOptions, early ones", |_, socket| {
        let options = OptionsPatch { max_segment_size: Some(1000), ..OptionsPatch::default() };
        Request::SetOptions { socket, options }
    }),
];

#[test]
fn the_page_tells_what_each_call_gives_on_a_stream_socket() {
    hold_part("calls.md", "stream calls", &matrix(STREAMS));
}

#[test]
fn the_page_tells_what_each_call_gives_on_a_datagram_socket() {
    hold_part("calls.md", "datagram calls", &matrix(DATAGRAMS));
}

#[test]
fn whichever_call_comes_first_is_told_of_a_failure_and_no_other() {
    let first = |(name, _): &(&str, Ask)| ["Connect", "Send", "Recv"].contains(name);
    for (name, ask) in CALLS.iter().filter(|call| first(call)) {
        let mut pair = Pair::new();
        let (a, b) = pair.connected();
        pair.b.abort(b);
        pair.run();
        let request = ask(&pair, a);
        assert_eq!(pair.a.engine.info(a).unwrap().error, Some(Errno::ECONNRESET));
        assert_eq!(pair.a.errno(request), Errno::ECONNRESET, "{name}");
        assert_eq!(pair.a.engine.info(a).unwrap().error, None, "{name}");
    }
}

#[test]
fn the_page_lists_the_errors() {
    let rows = Errno::ALL
        .iter()
        .map(|errno| [format!("`{}`", errno.name()), errno.number().to_string(), errno.meaning().to_owned()]);
    hold_part("calls.md", "errnos", &table(["Error", "Linux's number", "Means"], rows));
}

fn matrix(situations: &[(&str, Arrange)]) -> String {
    let mut head = ["Situation", "State"].to_vec();
    head.extend(CALLS.map(|(name, _)| name));
    let head: [&str; 2 + CALLS.len()] = head.try_into().unwrap();
    let rows = situations.iter().map(|(name, arrange)| {
        let mut row = vec![(*name).to_owned(), state(*arrange)];
        row.extend(CALLS.map(|(_, ask)| answer(*arrange, ask)));
        row.try_into().unwrap()
    });
    table(head, rows)
}

fn state(arrange: Arrange) -> String {
    let mut pair = Pair::new();
    let socket = arrange(&mut pair);
    let Some(info) = pair.a.engine.info(socket) else { return String::new() };
    let caller = format!("{:?}", info.socket_state).to_uppercase();
    info.tcp_state.map_or(caller.clone(), |tcp| format!("{caller}, {tcp}"))
}

fn answer(arrange: Arrange, ask: Ask) -> String {
    let mut pair = Pair::new();
    let socket = arrange(&mut pair);
    let before = pair.a.engine.info(socket).map(|info| (info.socket_state, info.tcp_state));
    let request = ask(&pair, socket);
    let connecting = matches!(request, Request::Connect { .. });
    let outcome = match pair.a.op(request).1 {
        Outcome::Done(outcome) => outcome,
        Outcome::Parked => panic!("a call that may not wait waits"),
    };
    let after = pair.a.engine.info(socket).map(|info| (info.socket_state, info.tcp_state));
    match outcome {
        Err(error) if error.errno == Errno::EAGAIN => "waits".into(),
        Err(error) if connecting && error.errno == Errno::EINPROGRESS => "begins".into(),
        Err(error) => {
            let what_it_is = |info: Option<(SocketState, _)>| info.map(|(_, tcp_state)| tcp_state);
            assert_eq!(what_it_is(before), what_it_is(after), "a call that fails changes nothing");
            format!("`{}`", error.errno)
        }
        Ok(Reply::Received { end_of_stream: true, data, .. }) if data.is_empty() => "end".into(),
        Ok(Reply::Received { data, .. } | Reply::ReceivedFrom { data, .. }) if !data.is_empty() => {
            "data".into()
        }
        Ok(Reply::ReceivedFrom { .. }) => "empty".into(),
        Ok(_) => match (before.and_then(|it| it.1), after.and_then(|it| it.1)) {
            (Some(before), Some(after)) if before != after => format!("ok: {after}"),
            (Some(before), None) if after.is_none() => {
                if before.name() == "CLOSED" {
                    "ok: gone".into()
                } else {
                    "ok: CLOSED, gone".into()
                }
            }
            (None, None) if after.is_none() => "ok: gone".into(),
            _ => "ok".into(),
        },
    }
}

fn carry(from: &mut Host, to: &mut Host) {
    from.sent.drain(..).for_each(|frame| to.frame(&frame));
}

fn start(host: &mut Host, socket: SocketId, remote: std::net::SocketAddr) {
    assert_eq!(
        host.errno(Request::Connect { socket, remote, data: vec![], wait: Wait::Never }),
        Errno::EINPROGRESS
    );
}

fn child(host: &Host, listener: SocketId) -> SocketId {
    host.engine.sockets().into_iter().find(|socket| *socket != listener).unwrap()
}

fn datagram(host: &mut Host) -> SocketId {
    host.create(SocketKind::Datagram, OptionsPatch::default())
}

/// A datagram socket of `a` with a peer at `b`'s port 80.
fn connected_datagram(pair: &mut Pair) -> SocketId {
    let socket = datagram(&mut pair.a);
    pair.a.bind(socket, 1000);
    pair.a.call(Request::Connect { socket, remote: pair.b.at(80), data: vec![], wait: Wait::Never }).unwrap();
    socket
}

/// `b` says something from `port` to `a`'s port 1000.
fn say(pair: &mut Pair, port: u16) {
    let speaker = datagram(&mut pair.b);
    pair.b.bind(speaker, port);
    pair.b
        .call(Request::SendTo { socket: speaker, remote: pair.a.at(1000), data: b"hello".to_vec() })
        .unwrap();
    pair.run();
}
