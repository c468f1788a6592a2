//! Nothing lies between a snapshot and the events after it, however they are timed.

use std::collections::BTreeMap;
use std::thread;

use tokio::sync::Barrier;

use super::*;

const STACKS: u64 = 4;
const ROUNDS: u64 = 400;
const MARK: HubEvent = HubEvent::Engine(Event {
    at: Instant::ZERO,
    socket: None,
    kind: EventKind::LimitHit(sockwright_engine::limits::Limit::Sockets),
});

/// What a client can know of a socket.
type Known = (String, i32, i32, Option<pb::SocketAddress>, Option<pb::SocketAddress>);

/// Sockets as a client builds them from what it is sent.
#[derive(Default)]
struct Client {
    sockets: BTreeMap<u64, Known>,
    /// Everything through here is in `sockets`.
    at: u64,
    gaps: usize,
    in_snapshot: bool,
}

impl Client {
    fn take(&mut self, part: Part) {
        match part {
            Part::Gap(gap) => {
                assert!(gap.after.unwrap().seq >= self.at, "what was sent is not in the gap");
                self.gaps += 1;
            }
            Part::Snapshot(snapshot) => {
                if !self.in_snapshot {
                    self.sockets.clear();
                }
                for row in snapshot.sockets {
                    let known = (row.label, row.socket_state, row.tcp_state, row.local, row.remote);
                    assert!(self.sockets.insert(row.socket, known).is_none(), "a socket twice");
                }
                self.in_snapshot = !snapshot.last;
                self.at = snapshot.at.unwrap().seq;
            }
            Part::Events(batch) => batch.events.into_iter().for_each(|event| self.event(event)),
        }
    }

    fn event(&mut self, event: pb::Event) {
        use pb::event::Kind;
        assert!(event.seq > self.at, "{} after {}", event.seq, self.at);
        self.at = event.seq;
        let known = self.sockets.entry(event.socket);
        match event.kind.unwrap() {
            Kind::Opened(_) => {
                let unbound = (pb::SocketState::Unbound.into(), pb::TcpState::Closed.into());
                known.or_insert((event.label, unbound.0, unbound.1, None, None));
            }
            Kind::Named(named) => {
                known.and_modify(|known| {
                    known.3 = named.local;
                    known.4 = named.remote.or(known.4.take());
                });
            }
            Kind::SocketStateChanged(change) => {
                known.and_modify(|known| known.1 = change.to);
            }
            Kind::TcpStateChanged(change) => {
                known.and_modify(|known| {
                    known.2 = change.to;
                    known.3 = change.local;
                    known.4 = change.remote.or(known.4.take());
                });
            }
            Kind::Released(_) => {
                assert!(self.sockets.remove(&event.socket).is_some(), "an unknown socket is released");
            }
            Kind::LimitHit(_) => {}
            other => panic!("{other:?} was not asked for"),
        }
    }
}

/// Sockets come, change and go; some stay.
fn play(hub: &Hub, number: u64) {
    let stack: Name = format!("stack {number}").into();
    for round in 0..ROUNDS {
        let socket = 1 + number + round * STACKS;
        hub.publish(&stack, connect(socket).into_iter().take(1 + (round % 5) as usize));
        if round % 3 != 0 {
            hub.publish(&stack, [tcp(socket, State::Established, State::CloseWait), readable(socket, 1)]);
        }
        if round % 4 != 0 {
            hub.publish(&stack, [tcp(socket, State::CloseWait, State::Closed), released(socket)]);
        }
        thread::yield_now();
    }
}

/// Watches to the end: the server stops after the last event, which streams end with.
async fn follow(hub: Arc<Hub>, request: pb::WatchRequest, lazy: usize, begun: Arc<Barrier>) -> (Client, u64) {
    // The watches begin all along the way.
    while hub.position().seq < lazy as u64 * 300 {
        tokio::task::yield_now().await;
    }
    let begin = hub.position().seq;
    let mut stream = hub.watch(request).unwrap();
    let mut client = Client::default();
    if let Some(Ok(first)) = stream.next().await {
        client.take(first.into_response().part.unwrap());
    }
    begun.wait().await;
    while let Ok(response) = stream.next().await.unwrap() {
        client.take(response.into_response().part.unwrap());
        for _ in 0..lazy {
            tokio::task::yield_now().await;
        }
    }
    (client, begin)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_watcher_comes_to_know_the_same_whenever_it_begins() {
    for (remember, queue_limit) in [(262_144, 0), (64, 16)] {
        let (hub, stack) = hub(HubConfig { remember, ..HubConfig::default() });
        let begun = Arc::new(Barrier::new(25));
        let conflate = |index: usize| remember < 1000 || index.is_multiple_of(2);
        let clients: Vec<_> = (0..24)
            .map(|index| {
                let delivery = if conflate(index) { pb::Delivery::Conflate } else { pb::Delivery::Lossless };
                let request =
                    pb::WatchRequest { delivery: delivery.into(), queue_limit, ..Default::default() };
                tokio::spawn(follow(Arc::clone(&hub), request, index, Arc::clone(&begun)))
            })
            .collect();
        let players: Vec<_> = (0..STACKS)
            .map(|number| {
                let hub = Arc::clone(&hub);
                thread::spawn(move || play(&hub, number))
            })
            .collect();
        begun.wait().await;
        players.into_iter().for_each(|player| player.join().unwrap());
        hub.publish(&stack, [MARK]);
        hub.shutdown();

        let (rows, at) = hub.list(&CompiledFilter::default(), 0, usize::MAX);
        let truth: BTreeMap<u64, Known> = rows
            .into_iter()
            .map(|row| (row.socket, (row.label, row.socket_state, row.tcp_state, row.local, row.remote)))
            .collect();
        assert!(truth.len() > 300);
        for client in clients {
            let (client, begin) = client.await.unwrap();
            assert_eq!(client.at, at.seq, "begun at {begin}");
            assert_eq!(client.sockets, truth, "begun at {begin}");
            assert!(remember < 1000 || client.gaps == 0);
        }
    }
}
