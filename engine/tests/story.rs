//! The whole story of a connection between two engines, on a wire without time.

mod common;

use common::{Pair, states};
use sockwright_engine::host::op::{Reply, ShutdownHow};
use std::time::Duration;

#[test]
fn listen_connect_talk_half_close_close_time_wait() {
    let mut pair = Pair::new();
    let listener = pair.b.listen(80);
    let client = pair.a.stream();
    let connect = pair.a.start_connect(client, pair.b.at(80));
    pair.run();
    assert!(matches!(pair.a.completed(connect), Ok(Reply::Connected { .. })));
    let child = pair.b.accept(listener);

    pair.a.send(client, b"hello");
    pair.run();
    assert_eq!(pair.b.recv(child), (b"hello".to_vec(), false));

    pair.a.shutdown(client, ShutdownHow::Write);
    pair.run();
    assert_eq!(pair.b.recv(child), (b"".to_vec(), true));
    pair.b.send(child, b"still here");
    pair.run();
    assert_eq!(pair.a.recv(client), (b"still here".to_vec(), false));

    pair.b.close(child);
    pair.run();
    pair.a.close(client);
    pair.run();
    pair.advance(Duration::from_secs(60));

    assert_eq!(
        states(&pair.a.events, client),
        ["CLOSED", "SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED"]
    );
    assert_eq!(
        states(&pair.b.events, child),
        ["LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"]
    );
    pair.b.close(listener);
    pair.run();
    assert!(pair.a.engine.sockets().is_empty() && pair.b.engine.sockets().is_empty());
}
