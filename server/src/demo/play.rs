//! The calls of the demo.

use sockwright_proto::v1::networks_server::Networks;
use sockwright_proto::v1::sockets_server::Sockets;
use sockwright_proto::v1::{
    self as pb, Event, EventKind, Position, ShutdownHow, SocketAddress, WatchRequest, watch_response,
};
use tokio_stream::StreamExt;
use tonic::{Response, Status};

use super::story::{CallPart, Moment, Party, Side, Story};
use crate::access::identity::by_server;
use crate::hub::WatchStream;
use crate::server::{Parts, Server};

/// Plays the life of a connection on a server that need not be serving yet. The lab `demo` stays.
pub async fn play(server: &Server) -> Result<Story, Status> {
    let parts = server.parts();
    make_lab(parts).await?;
    let mut watch = watch(parts)?;
    let mut scene = Scene { parts, calls: Vec::new() };
    let listener = scene.listen().await?;
    let (client, server) = scene.handshake(listener).await?;
    scene.talk(client, server).await?;
    scene.half_close(client, server).await?;
    scene.close(client, server).await?;
    let end = parts.hub.position();
    let calls = scene.calls;
    let events = take_until(&mut watch, end).await?;
    parts.sockets.close(by_server(pb::CloseRequest { socket: listener })).await?;
    let party = |stack: &str, title: &str| Party { stack: stack.to_owned(), title: title.to_owned() };
    Ok(Story::tell(party(CLIENT, "client 10.0.0.1"), party(SERVER, "server 10.0.0.2"), events, calls))
}

/// A call and its answer, once it has one.
struct Scene<'a> {
    parts: &'a Parts,
    calls: Vec<(u64, Moment)>,
}

impl Scene<'_> {
    async fn listen(&mut self) -> Result<u64, Status> {
        let socket = self.socket(SERVER).await?;
        let local = Some(SocketAddress { ip: String::new(), port: PORT });
        self.parts.sockets.bind(by_server(pb::BindRequest { socket, local })).await?;
        self.note(Side::Right, "listen()", CallPart::AtOnce);
        self.parts.sockets.listen(by_server(pb::ListenRequest { socket, backlog: 0 })).await?;
        Ok(socket)
    }

    async fn handshake(&mut self, listener: u64) -> Result<(u64, u64), Status> {
        let client = self.socket(CLIENT).await?;
        self.act("three-way handshake");
        self.note(Side::Right, "accept()", CallPart::Begins);
        self.note(Side::Left, "connect()", CallPart::Begins);
        let accept = pb::AcceptRequest { socket: listener, ..Default::default() };
        let remote = Some(SocketAddress { ip: "10.0.0.2".to_owned(), port: PORT });
        let connect =
            pb::ConnectRequest { socket: client, remote, dont_wait: false, data: Default::default() };
        // Each is in the queue of the lab's thread as soon as it was polled once, in this order.
        let (accepted, connected) = tokio::join!(
            self.parts.sockets.accept(by_server(accept)),
            self.parts.sockets.connect(by_server(connect)),
        );
        let (accepted, connected) = (taken(accepted?), taken(connected?));
        self.returned(Side::Left, "connect() = 0", connected.at);
        self.returned(Side::Right, &format!("accept() = {}", accepted.socket), accepted.at);
        Ok((client, accepted.socket))
    }

    async fn talk(&mut self, client: u64, server: u64) -> Result<(), Status> {
        self.act("data, both ways");
        self.send((Side::Left, client), server, REQUEST).await?;
        self.send((Side::Right, server), client, RESPONSE).await
    }

    /// The client ends its direction, and the server goes on sending.
    async fn half_close(&mut self, client: u64, server: u64) -> Result<(), Status> {
        self.act("half-close: the client is done sending");
        self.note(Side::Right, "recv()", CallPart::Begins);
        self.note(Side::Left, "shutdown(WR)", CallPart::AtOnce);
        let how = ShutdownHow::Write.into();
        let shutdown = pb::ShutdownRequest { socket: client, how };
        let (end, shut) = tokio::join!(
            self.parts.sockets.recv(by_server(recv(server, 0))),
            self.parts.sockets.shutdown(by_server(shutdown)),
        );
        shut?;
        self.returned(Side::Right, "recv() = end", taken(end?).at);

        self.act("the server goes on");
        self.send((Side::Right, server), client, REST).await
    }

    /// The server ends its direction too; the client waits 2·MSL.
    async fn close(&mut self, client: u64, server: u64) -> Result<(), Status> {
        self.act("the server closes, the client waits");
        self.note(Side::Left, "recv()", CallPart::Begins);
        self.note(Side::Right, "close()", CallPart::AtOnce);
        let (end, closed) = tokio::join!(
            self.parts.sockets.recv(by_server(recv(client, 0))),
            self.parts.sockets.close(by_server(pb::CloseRequest { socket: server })),
        );
        closed?;
        self.returned(Side::Left, "recv() = end", taken(end?).at);
        self.note(Side::Left, "close()", CallPart::AtOnce);
        self.parts.sockets.close(by_server(pb::CloseRequest { socket: client })).await?;
        Ok(())
    }

    /// One side sends while the other waits for all of it.
    async fn send(&mut self, (side, from): (Side, u64), to: u64, length: u32) -> Result<(), Status> {
        self.note(side.other(), "recv()", CallPart::Begins);
        self.note(side, &format!("send({length})"), CallPart::AtOnce);
        let data = vec![b'.'; length as usize].into();
        let send = pb::SendRequest { socket: from, data, dont_wait: false, urgent: false };
        let (received, sent) = tokio::join!(
            self.parts.sockets.recv(by_server(recv(to, length))),
            self.parts.sockets.send(by_server(send)),
        );
        sent?;
        let received = taken(received?);
        let text = format!("recv() = {}", received.data.len());
        self.returned(side.other(), &text, received.at);
        Ok(())
    }

    async fn socket(&self, stack: &str) -> Result<u64, Status> {
        // Of the segments the picture shows the numbers; there is no room beside them for options.
        let options = pb::SocketOptions {
            window_scaling: Some(false),
            timestamps: Some(false),
            sack: Some(false),
            receive_buffer: Some(65_535),
            ..Default::default()
        };
        let create =
            pb::CreateRequest { stack: stack.to_owned(), options: Some(options), ..Default::default() };
        Ok(taken(self.parts.sockets.create(by_server(create)).await?).socket)
    }

    fn act(&mut self, title: &str) {
        let now = self.parts.hub.position().seq;
        self.calls.push((now, Moment::Act(title.to_owned())));
    }

    /// Something happens now, behind everything that has.
    fn note(&mut self, side: Side, text: &str, part: CallPart) {
        let now = self.parts.hub.position().seq;
        self.calls.push((now, Moment::Call { side, text: text.to_owned(), part }));
    }

    fn returned(&mut self, side: Side, text: &str, at: Option<Position>) {
        let seq = at.map_or(0, |at| at.seq);
        let part = CallPart::Returns;
        self.calls.push((seq, Moment::Call { side, text: text.to_owned(), part }));
    }
}

async fn make_lab(parts: &Parts) -> Result<(), Status> {
    let stack = |name: &str| pb::LabStack { name: name.to_owned(), ..Default::default() };
    let delay = Some(prost_types::Duration { seconds: 0, nanos: DELAY_MS * 1_000_000 });
    let link = pb::LabLink {
        name: "wire".to_owned(),
        stacks: vec!["client".to_owned(), "server".to_owned()],
        impairments: Some(pb::Impairments { delay, ..Default::default() }),
        ..Default::default()
    };
    let lab = pb::CreateLabRequest {
        name: "demo".to_owned(),
        stacks: vec![stack("client"), stack("server")],
        links: vec![link],
        ..Default::default()
    };
    parts.labs.create_lab(by_server(lab)).await.map(drop)
}

fn watch(parts: &Parts) -> Result<WatchStream, Status> {
    let kinds = [
        EventKind::TcpStateChanged,
        EventKind::SegmentSent,
        EventKind::SegmentReceived,
        // Nothing of it is drawn, but it is the last thing that happens.
        EventKind::Released,
        // Nor of these; but they are remembered for the dashboard's curves because somebody watches them now.
        EventKind::Timer,
        EventKind::Congestion,
        EventKind::RttSample,
        EventKind::Windows,
    ];
    let filter = Some(pb::Filter {
        stacks: vec![CLIENT.to_owned(), SERVER.to_owned()],
        kinds: kinds.map(i32::from).to_vec(),
        ..Default::default()
    });
    parts.hub.watch(WatchRequest { filter, ..Default::default() })
}

/// The events up to a position, at which there is one: the client's socket was released.
async fn take_until(watch: &mut WatchStream, end: Position) -> Result<Vec<Event>, Status> {
    let mut events: Vec<Event> = Vec::new();
    while events.last().is_none_or(|last| last.seq < end.seq) {
        let Some(response) = watch.next().await else { break };
        if let Some(watch_response::Part::Events(batch)) = response?.into_response().part {
            events.extend(batch.events);
        }
    }
    Ok(events)
}

/// What a response holds; in process, holding it is having it.
fn taken<T>(response: Response<T>) -> T {
    crate::layers::delivered(response)
}

fn recv(socket: u64, min_bytes: u32) -> pb::RecvRequest {
    pb::RecvRequest { socket, min_bytes, ..Default::default() }
}

const CLIENT: &str = "demo/client";
const SERVER: &str = "demo/server";
const PORT: u32 = 80;
/// Of the link, in each direction.
const DELAY_MS: i32 = 10;
/// Octets: what the client asks, the answer, and what the server still has to say after the client's FIN.
const REQUEST: u32 = 100;
const RESPONSE: u32 = 1000;
const REST: u32 = 2920;
