//! Tests of the hub as a whole, fed with events as an engine would tell them.

mod conflation;
mod consistency;
mod lists;
mod waiting;
mod watching;

use std::net::SocketAddr;

use sockwright_engine::event::Cause;
use sockwright_engine::host::op::{Call, Family, SocketKind, SocketState};
use sockwright_engine::tcp::state::State;
use sockwright_engine::wire::Flags;
use sockwright_proto::v1::watch_response::Part;
use tokio_stream::StreamExt;
use tonic::Code;

use super::*;

fn hub(config: HubConfig) -> (Arc<Hub>, Name) {
    (Hub::new(config), "lab/a".into())
}

fn local() -> SocketAddr {
    "192.0.2.1:80".parse().unwrap()
}

fn remote() -> SocketAddr {
    "192.0.2.2:40000".parse().unwrap()
}

fn event(socket: u64, kind: EventKind) -> HubEvent {
    Event { at: Instant::from_nanos(socket), socket: Some(SocketId(socket)), kind }.into()
}

fn opened(socket: u64) -> HubEvent {
    event(
        socket,
        EventKind::Opened {
            kind: SocketKind::Stream,
            family: Family::V4,
            session: SessionId(socket % 3),
            label: format!("label {}", socket % 5).into(),
            listener: None,
        },
    )
}

fn named(socket: u64) -> HubEvent {
    event(socket, EventKind::Named { local: local(), remote: None })
}

fn tcp_by(socket: u64, from: State, to: State, cause: Cause) -> HubEvent {
    let remote = (to != State::Listen).then(remote);
    event(socket, EventKind::TcpState { from, to, cause, local: local(), remote })
}

fn tcp(socket: u64, from: State, to: State) -> HubEvent {
    tcp_by(socket, from, to, Cause::Segment(Flags::ACK))
}

fn sockets(socket: u64, from: SocketState, to: SocketState) -> HubEvent {
    event(socket, EventKind::SocketState { from, to })
}

fn connect(socket: u64) -> [HubEvent; 5] {
    [
        opened(socket),
        named(socket),
        tcp_by(socket, State::Closed, State::SynSent, Cause::Call(Call::Connect)),
        tcp(socket, State::SynSent, State::Established),
        sockets(socket, SocketState::Connecting, SocketState::Connected),
    ]
}

fn readable(socket: u64, available: u32) -> HubEvent {
    event(socket, EventKind::Readable { available, end_of_stream: false })
}

fn released(socket: u64) -> HubEvent {
    event(socket, EventKind::Released)
}

/// The next part; the stream must not end.
async fn part(stream: &mut WatchStream) -> Part {
    let told = stream.next().await.expect("the stream ended").expect("the stream failed");
    told.into_response().part.unwrap()
}

async fn snapshot(stream: &mut WatchStream) -> (Vec<u64>, bool, u64) {
    match part(stream).await {
        Part::Snapshot(part) => {
            (part.sockets.iter().map(|row| row.socket).collect(), part.last, part.at.unwrap().seq)
        }
        other => panic!("{other:?} is not a snapshot"),
    }
}

async fn gap(stream: &mut WatchStream) -> (u64, u64, pb::GapReason) {
    match part(stream).await {
        Part::Gap(gap) => (gap.after.unwrap().seq, gap.through.unwrap().seq, gap.reason()),
        other => panic!("{other:?} is not a gap"),
    }
}

/// The numbers of the next batch.
async fn numbers(stream: &mut WatchStream) -> Vec<u64> {
    match part(stream).await {
        Part::Events(batch) => batch.events.iter().map(|event| event.seq).collect(),
        other => panic!("{other:?} are not events"),
    }
}

/// What the stream ends with.
async fn end(stream: &mut WatchStream) -> Code {
    let code = stream.next().await.expect("the stream ended without a status").unwrap_err().code();
    assert!(stream.next().await.is_none(), "something follows the status");
    code
}

fn conflated() -> pb::WatchRequest {
    pb::WatchRequest { delivery: pb::Delivery::Conflate.into(), ..Default::default() }
}

fn kinds(kinds: &[pb::EventKind]) -> Option<pb::Filter> {
    Some(pb::Filter { kinds: kinds.iter().map(|kind| i32::from(*kind)).collect(), ..Default::default() })
}
