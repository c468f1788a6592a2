//! Follows one connection: fills it with what the server remembers of it and then with what happens, and finds its other end
//! where that is a socket of the same lab.
//!
//! Owns: which watches run. First one by the socket's identifier; once it is known which run of the server this is, one from
//! the beginning of what is remembered: by the identifier, or, once the addresses are known and are a lab's, by these, which
//! has both ends; and one of the frames that the lab's links lose, which belong to no socket.

use std::collections::BTreeMap;

use sockwright_proto::v1;
use sockwright_proto::v1::event::Kind;

use super::flights::address_text;
use super::{Connection, Side};
use crate::watching::{Line, Told, Watching};
use crate::{Client, Error};

/// A connection that is followed, over lost lines to the server, until the server is another run.
///
/// Nothing runs in the background: it moves while [`Following::next`] is awaited.
#[derive(Debug)]
pub struct Following {
    client: Client,
    connection: Connection,
    leading: Watching,
    /// The watch before, which keeps the server observing until the leading one has begun.
    held: Option<Watching>,
    losses: Option<Watching>,
    /// Before all events of this run.
    start: Option<v1::Position>,
    pair: Option<Pair>,
    over: bool,
}

/// What moved.
#[derive(Clone, Debug, PartialEq)]
pub enum Moved {
    /// The line to the server changed.
    Line(Line),
    /// The connection did, or more of its past is known.
    Connection,
    /// Events are not going to come; the connection has the gap too.
    Gap(v1::Gap),
    /// The server is another run, where the same number is another socket. What is known stays; nothing more will come.
    Over,
}

impl Following {
    /// Follows the connection of a socket. It begins as [`Following::next`] is first called.
    pub fn new(client: &Client, socket: u64) -> Self {
        let filter = v1::Filter { sockets: vec![socket], kinds: all_kinds(), ..Default::default() };
        Self {
            client: client.clone(),
            connection: Connection::new(socket),
            leading: Watching::new(client, filter, v1::Delivery::Lossless),
            held: None,
            losses: None,
            start: None,
            pair: None,
            over: false,
        }
    }

    /// What is known.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What `GetInfo` tells of the socket, for those who ask it.
    pub fn tell(&mut self, info: v1::GetInfoResponse) {
        self.connection.tell(info);
    }

    /// Waits until something moved. Waits for ever once it is over. Dropping the future before it is ready loses nothing.
    ///
    /// Errors: as [`Watching::next`].
    pub async fn next(&mut self) -> Result<Moved, Error> {
        while !self.over {
            let losses = async {
                match &mut self.losses {
                    Some(losses) => losses.next().await,
                    None => std::future::pending().await,
                }
            };
            let moved = tokio::select! {
                told = self.leading.next() => self.told(told?),
                lost = losses => self.lost(lost?),
            };
            if let Some(moved) = moved {
                return Ok(moved);
            }
        }
        std::future::pending().await
    }

    /// What the leading watch told.
    fn told(&mut self, told: Told) -> Option<Moved> {
        match told {
            Told::Line(line) => {
                if line == Line::Live {
                    self.held = None;
                }
                Some(Moved::Line(line))
            }
            Told::Snapshot { sockets, ends, .. } => {
                for summary in sockets {
                    self.summarise(summary);
                }
                if ends && self.start.is_none() {
                    let epoch = self.leading.position().map_or(0, |at| at.epoch);
                    let start = v1::Position { epoch, seq: 0 };
                    self.start = Some(start);
                    let filter = v1::Filter {
                        sockets: vec![self.connection.socket()],
                        kinds: all_kinds(),
                        ..Default::default()
                    };
                    self.lead(Watching::new(&self.client, filter, v1::Delivery::Lossless).after(start));
                    self.pair_up();
                }
                Some(Moved::Connection)
            }
            Told::Events { events, .. } => {
                // What comes before the start is known will come again.
                self.start?;
                let events = match &mut self.pair {
                    Some(pair) => pair.admit(events),
                    None => events,
                };
                self.connection.push(events);
                self.pair_up();
                self.look_for_losses();
                Some(Moved::Connection)
            }
            Told::Gap(gap) => Some(self.missed(gap)),
        }
    }

    /// What the watch of lost frames told.
    fn lost(&mut self, told: Told) -> Option<Moved> {
        match (told, &self.pair) {
            (Told::Events { mut events, .. }, Some(pair)) => {
                events.retain(|event| {
                    matches!(&event.kind, Some(Kind::FrameLost(lost)) if pair.is_named_in(&lost.text))
                });
                let is_news = !events.is_empty();
                self.connection.push(events);
                is_news.then_some(Moved::Connection)
            }
            (Told::Gap(gap), _) => Some(self.missed(gap)),
            _ => None,
        }
    }

    fn missed(&mut self, gap: v1::Gap) -> Moved {
        // Whichever watch hears first of another run ends all of them, so it is the one that tells.
        self.over = gap.reason() == v1::GapReason::OtherEpoch;
        self.connection.gap(gap);
        if self.over { Moved::Over } else { Moved::Gap(gap) }
    }

    fn summarise(&mut self, summary: v1::SocketSummary) {
        if summary.socket == self.connection.socket() {
            self.connection.summarise(Side::Near, summary);
        } else if self.pair.as_ref().is_some_and(|pair| pair.is_far(&summary)) {
            self.connection.summarise(Side::Far, summary);
        }
    }

    fn lead(&mut self, watching: Watching) {
        let before = std::mem::replace(&mut self.leading, watching);
        // One that never began observes nothing.
        self.held = self.held.take().or(Some(before));
    }

    /// Watches both ends, as soon as it is known who they are.
    fn pair_up(&mut self) {
        let (None, Some(start)) = (&self.pair, self.start) else { return };
        let Some(pair) = Pair::of(&self.connection) else { return };
        // Of the two ports the higher one is most likely the opener's, and this connection's alone.
        let opener = if pair.local.port > pair.remote.port { &pair.local } else { &pair.remote };
        let filter = v1::Filter {
            addresses: vec![opener.ip.clone()],
            ports: vec![opener.port],
            kinds: all_kinds(),
            ..Default::default()
        };
        self.pair = Some(pair);
        self.lead(Watching::new(&self.client, filter, v1::Delivery::Lossless).after(start));
    }

    /// Watches the frames that are lost between the two ends, as soon as it is known where they are.
    fn look_for_losses(&mut self) {
        let (Some(near), Some(far)) = (self.connection.end(Side::Near), self.connection.end(Side::Far))
        else {
            return;
        };
        if self.losses.is_some() {
            return;
        }
        let mut stacks = vec![near.socket.summary.stack.clone(), far.socket.summary.stack.clone()];
        stacks.dedup();
        let filter =
            v1::Filter { stacks, kinds: vec![v1::EventKind::FrameLost.into()], ..Default::default() };
        let watching = Watching::new(&self.client, filter, v1::Delivery::Lossless);
        self.losses = Some(match self.start {
            Some(start) => watching.after(start),
            None => watching,
        });
    }
}

/// Which events belong to a connection, of all that have one of its addresses and ports.
#[derive(Debug)]
struct Pair {
    near: u64,
    lab: String,
    local: v1::SocketAddress,
    remote: v1::SocketAddress,
    /// Of other sockets, whether they are the other end.
    others: BTreeMap<u64, bool>,
    /// Events of sockets that have not said yet who they are.
    unknown: Vec<v1::Event>,
}

impl Pair {
    /// The pair that a socket is one of, if its stack is a lab's and its addresses are known.
    fn of(connection: &Connection) -> Option<Self> {
        let summary = &connection.end(Side::Near)?.socket.summary;
        let (lab, _) = summary.stack.split_once('/')?;
        Some(Self {
            near: summary.socket,
            lab: lab.to_owned(),
            local: summary.local.clone()?,
            remote: summary.remote.clone()?,
            others: BTreeMap::new(),
            unknown: Vec::new(),
        })
    }

    fn admit(&mut self, events: Vec<v1::Event>) -> Vec<v1::Event> {
        let mut admitted = Vec::new();
        for event in events {
            let socket = event.socket;
            if socket == self.near || (socket == 0 && self.is_its_drop(&event)) {
                admitted.push(event);
            } else if socket != 0 {
                self.admit_other(event, &mut admitted);
            }
        }
        admitted
    }

    fn admit_other(&mut self, event: v1::Event, admitted: &mut Vec<v1::Event>) {
        let socket = event.socket;
        if let Some(is_far) = self.others.get(&socket) {
            admitted.extend(is_far.then_some(event));
            return;
        }
        let Some(is_far) = self.who_says(&event) else {
            if self.unknown.len() >= UNKNOWN_MAX {
                self.unknown.remove(0);
            }
            self.unknown.push(event);
            return;
        };
        self.others.insert(socket, is_far);
        let (before, rest) =
            std::mem::take(&mut self.unknown).into_iter().partition(|before| before.socket == socket);
        self.unknown = rest;
        if is_far {
            let before: Vec<v1::Event> = before;
            admitted.extend(before.into_iter().chain([event]));
        }
    }

    /// Whether a socket is the other end.
    fn is_far(&self, summary: &v1::SocketSummary) -> bool {
        self.is_of_the_lab(&summary.stack)
            && self.are_mirrored(summary.local.as_ref(), summary.remote.as_ref())
    }

    /// Whether a frame, as it is printed, is of this connection.
    fn is_named_in(&self, text: &str) -> bool {
        let (one, two) = (address_text(&self.local), address_text(&self.remote));
        text.contains(&format!("{one} > {two}:")) || text.contains(&format!("{two} > {one}:"))
    }

    fn is_of_the_lab(&self, stack: &str) -> bool {
        stack.split_once('/').is_some_and(|(lab, _)| lab == self.lab)
    }

    fn are_mirrored(&self, local: Option<&v1::SocketAddress>, remote: Option<&v1::SocketAddress>) -> bool {
        local == Some(&self.remote) && remote == Some(&self.local)
    }

    /// Whether the socket of an event is the other end; nothing where the event does not tell.
    fn who_says(&self, event: &v1::Event) -> Option<bool> {
        if !self.is_of_the_lab(&event.stack) {
            return Some(false);
        }
        let (local, remote) = match &event.kind {
            Some(Kind::Named(named)) => (named.local.as_ref(), named.remote.as_ref()),
            Some(Kind::TcpStateChanged(changed)) => (changed.local.as_ref(), changed.remote.as_ref()),
            _ => return None,
        };
        // A listener has no peer, and a socket that connects has none yet.
        remote.map(|_| self.are_mirrored(local, remote))
    }

    fn is_its_drop(&self, event: &v1::Event) -> bool {
        let Some(Kind::SegmentDropped(v1::SegmentDropped { segment: Some(segment), .. })) = &event.kind
        else {
            return false;
        };
        let (source, destination) = (segment.source.as_ref(), segment.destination.as_ref());
        self.is_of_the_lab(&event.stack)
            && (self.are_mirrored(source, destination) || self.are_mirrored(destination, source))
    }
}

/// Every kind of event.
fn all_kinds() -> Vec<i32> {
    (1..).take_while(|kind| v1::EventKind::try_from(*kind).is_ok()).collect()
}

/// Events of sockets that have not said who they are, kept at most: what comes before a name is a few.
const UNKNOWN_MAX: usize = 256;
