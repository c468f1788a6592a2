//! What was asked of each connection, at both of its ends: what the two sides must agree on.
//!
//! Owns: which socket is which end of which planned connection, what each end sent, received and closed, and the
//! laws that need both ends: what arrives is what was sent, on the wire too; the end of the stream is the end of what
//! was sent; a connection fails only where something explains it.
//!
//! An end is known by its initial sequence number, not by its address alone: a port may be used again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use sockwright_engine::event::{Cause, Event, EventKind, SegmentRecord};
use sockwright_engine::host::Errno;
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::tcp::state::State;
use sockwright_engine::tcp::timers::TimerKind;
use sockwright_engine::wire::{ChecksumPolicy, Flags, IpPacket, Protocol, TcpSegment};

use super::plan::{ConnectionPlan, Opening};
use crate::check::Violation;
use crate::content::Content;
use crate::output::Output;
use crate::world::StackId;

/// One end of one connection: its number, and 0 for the opener or 1 for its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndId {
    /// The connection.
    pub connection: usize,
    /// The side.
    pub side: usize,
}

impl EndId {
    /// The other end.
    pub fn peer(self) -> EndId {
        EndId { connection: self.connection, side: 1 - self.side }
    }
}

/// All connections.
#[derive(Debug, Default)]
pub struct Ledger {
    connections: Vec<Connection>,
    sockets: BTreeMap<(StackId, SocketId), EndId>,
    /// Which end sends from one address to another now, and from which sequence number.
    streams: BTreeMap<(SocketAddr, SocketAddr), (EndId, Seq)>,
    listeners_closed: Vec<bool>,
    /// How far each stack's clock leapt, all in all.
    leapt: BTreeMap<StackId, Duration>,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    /// What was planned.
    pub plan: ConnectionPlan,
    /// Its ends.
    pub ends: [End; 2],
    /// Why it need not end in order, once something happened that allows it.
    pub excuse: Option<&'static str>,
    /// Its addresses served another connection before, with sequence numbers that somebody fixed, or at the same moment:
    /// what is left of that one on the link fits this one, too.
    pub reincarnated: bool,
    /// One of its hosts restarted while it was open, and knows nothing of it.
    pub half_open: bool,
}

/// One end.
#[derive(Debug)]
pub struct End {
    /// What it sends.
    pub content: Content,
    /// Octets that the engine took to be sent.
    pub sent: u64,
    /// It was told to send no more: the peer may see the end of the stream.
    pub finished: bool,
    /// Octets received.
    pub received: u64,
    /// The end of the stream was received.
    pub end_of_stream: bool,
    /// It was told to receive no more.
    pub deaf: bool,
    /// Its socket.
    pub socket: Option<(StackId, SocketId)>,
    /// Its initial sequence number.
    pub iss: Option<Seq>,
    /// How it failed.
    pub failed: Option<Errno>,
    /// It is in CLOSED again, or its socket is gone.
    pub over: bool,
    /// Somebody looks after it.
    pub attended: bool,
    /// An old duplicate of its SYN made another socket of its address once it was over. Whoever still talks to the
    /// dead one gets no reset from the ghost, as long as it is half open.
    pub haunted: bool,
}

impl Ledger {
    /// The ledger of planned connections; `seed` decides their content.
    pub fn new(plans: &[ConnectionPlan], listeners: usize, seed: u64) -> Ledger {
        let end = |key| End {
            content: Content::new(key),
            sent: 0,
            finished: false,
            received: 0,
            end_of_stream: false,
            deaf: false,
            socket: None,
            iss: None,
            failed: None,
            over: false,
            attended: false,
            haunted: false,
        };
        let keyed = plans.iter().zip((seed << 16..).step_by(2));
        let connections = keyed.map(|(plan, key)| Connection {
            plan: plan.clone(),
            ends: [end(key), end(key + 1)],
            excuse: None,
            reincarnated: false,
            half_open: false,
        });
        Ledger {
            connections: connections.collect(),
            listeners_closed: vec![false; listeners],
            ..Ledger::default()
        }
    }

    /// All connections, in the order of the plan.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// An end.
    pub fn end(&self, id: EndId) -> &End {
        &self.connections[id.connection].ends[id.side]
    }

    /// An end, to write to.
    pub fn end_mut(&mut self, id: EndId) -> &mut End {
        &mut self.connections[id.connection].ends[id.side]
    }

    /// The end that a socket is.
    pub fn end_of(&self, stack: StackId, socket: SocketId) -> Option<EndId> {
        self.sockets.get(&(stack, socket)).copied()
    }

    /// A socket will be an end.
    pub fn attach(&mut self, id: EndId, stack: StackId, socket: SocketId) {
        self.sockets.insert((stack, socket), id);
        let end = self.end_mut(id);
        end.socket = Some((stack, socket));
        end.iss = None;
    }

    /// From here on a connection need not end in order.
    pub fn excuse(&mut self, connection: usize, why: &'static str) {
        self.connections[connection].excuse.get_or_insert(why);
    }

    /// A stack forgot all its connections. Whoever has the other end is reset once it speaks to the stack, or nothing
    /// answers it (RFC 9293 §3.5.1).
    pub fn restarted(&mut self, stack: StackId) {
        for connection in &mut self.connections {
            let its = |end: &End| end.socket.is_some_and(|(at, _)| at == stack);
            if connection.ends.iter().any(its) {
                connection.half_open = true;
                connection.excuse.get_or_insert("one of its hosts restarted");
            }
            for end in connection.ends.iter_mut().filter(|end| its(end)) {
                end.over = true;
            }
        }
    }

    /// The clock of a stack leapt.
    pub fn leapt(&mut self, stack: StackId, by: Duration) {
        *self.leapt.entry(stack).or_default() += by;
    }

    /// A listener stops to listen: whoever it has not accepted is reset.
    pub fn listener_closes(&mut self, listener: usize) {
        self.listeners_closed[listener] = true;
        for connection in &mut self.connections {
            let its =
                matches!(connection.plan.opening, Opening::ToListener { listener: at, .. } if at == listener);
            if its && !connection.ends[1].attended {
                connection.excuse.get_or_insert("its listener closed");
            }
        }
    }

    /// The engine took octets to be sent.
    pub fn sent(&mut self, stack: StackId, socket: SocketId, accepted: usize) {
        if let Some(id) = self.end_of(stack, socket) {
            self.end_mut(id).sent += accepted as u64;
        }
    }

    /// Octets that an end received, and whether the stream ended with them.
    pub fn received(&mut self, id: EndId, octets: &[u8], end_of_stream: bool) -> Result<(), Violation> {
        let position = self.end(id).received;
        self.peeked(id, octets)?;
        let received = position + octets.len() as u64;
        let end = self.end_mut(id);
        end.received = received;
        end.end_of_stream |= end_of_stream;
        let deaf = end.deaf;
        let peer = self.end(id.peer());
        if end_of_stream && !deaf && (!peer.finished || received != peer.sent) {
            let (sent, finished) = (peer.sent, peer.finished);
            return Err(Violation::new(
                "the stream ends where it ended",
                format_args!("{id:?} received {received}, the peer sent {sent}, finished: {finished}"),
            ));
        }
        Ok(())
    }

    /// Octets that an end saw and left where they were.
    pub fn peeked(&self, id: EndId, octets: &[u8]) -> Result<(), Violation> {
        let (position, peer) = (self.end(id).received, self.end(id.peer()));
        let received = position + octets.len() as u64;
        if received > peer.sent {
            return Err(Violation::new(
                "nothing is received that was not sent",
                format_args!("{id:?} received {received}, the peer sent {}", peer.sent),
            ));
        }
        peer.content.check(position, octets).map_err(|mismatch| {
            Violation::new("what is received is what was sent", format_args!("{id:?}: {mismatch:?}"))
        })
    }

    /// What a world told.
    pub fn output(&mut self, output: &Output) -> Result<(), Violation> {
        match output {
            Output::Event { stack, event } => self.event(*stack, event),
            Output::Link { frame, .. } => self.frame(frame),
            Output::Completion { .. } | Output::Arrival { .. } => Ok(()),
        }
    }

    /// At the very end: whatever had no excuse ended in order.
    pub fn verdict(&self) -> Result<(), Violation> {
        for (number, connection) in self.connections.iter().enumerate() {
            if connection.excuse.is_some() {
                continue;
            }
            for side in 0..2 {
                let (end, peer) = (&connection.ends[side], &connection.ends[1 - side]);
                let sent_all = peer.sent == connection.plan.sides[1 - side].send;
                if !(sent_all && end.received == peer.sent && end.end_of_stream) {
                    return Err(Violation::new(
                        "what closes in order is complete",
                        format_args!(
                            "connection {number} side {side}: received {} of {} (planned {}), end of stream {}",
                            end.received,
                            peer.sent,
                            connection.plan.sides[1 - side].send,
                            end.end_of_stream
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    fn event(&mut self, stack: StackId, event: &Event) -> Result<(), Violation> {
        let Some(socket) = event.socket else { return Ok(()) };
        match &event.kind {
            EventKind::SegmentSent(segment) if segment.summary.flags.contains(Flags::SYN) => {
                self.syn_sent(stack, socket, segment);
                Ok(())
            }
            EventKind::TcpState { to: State::Closed, cause, .. } => match self.end_of(stack, socket) {
                Some(id) => self.closed(id, *cause),
                None => Ok(()),
            },
            EventKind::Failed(errno) => match self.end_of(stack, socket) {
                Some(id) => self.failed(id, *errno),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn syn_sent(&mut self, stack: StackId, socket: SocketId, segment: &SegmentRecord) {
        let (source, destination) = (segment.source, segment.destination);
        let (seq, ack) = (segment.summary.seq, segment.summary.ack);
        // A child: the end that the SYN was for.
        let asked = self.streams.get(&(destination, source));
        let asked =
            asked.filter(|(opener, iss)| opener.side == 0 && *iss + 1 == ack).map(|(id, _)| id.peer());
        let id = match self.end_of(stack, socket) {
            // Of two connections that began at one moment from one port, the second has the SYN of the first again.
            Some(id) if id.side == 1 && !self.end(id).attended => asked.or(Some(id)),
            known => known.or(asked),
        };
        let Some(id) = id else {
            // The ghost is one that a forged SYN called up, where the one before was in TIME-WAIT.
            if let Some((opener, _)) = self.streams.get(&(destination, source)).copied() {
                self.end_mut(opener.peer()).haunted = true;
            }
            return;
        };
        if self.end(id).attended && self.end(id).socket.is_some_and(|of| of != (stack, socket)) {
            // The ghost of one that was accepted and is over.
            self.end_mut(id).haunted = true;
            self.sockets.insert((stack, socket), id);
            return;
        }
        if self.end(id).iss.is_none() || self.end(id).socket != Some((stack, socket)) {
            // A child whose handshake came to nothing may have a younger brother by the same SYN.
            self.attach(id, stack, socket);
            self.end_mut(id).iss = Some(seq);
            self.end_mut(id).over = false;
            let before = self.streams.insert((source, destination), (id, seq));
            let connection = &mut self.connections[id.connection];
            let fixed =
                connection.plan.sides.iter().any(|side| side.options.initial_sequence_number.is_some());
            let fits = |(end, iss): (EndId, Seq)| end.connection != id.connection && (fixed || iss == seq);
            connection.reincarnated |= before.is_some_and(fits);
        }
    }

    fn closed(&mut self, id: EndId, cause: Cause) -> Result<(), Violation> {
        self.end_mut(id).over = true;
        let Cause::Timer(timer) = cause else { return Ok(()) };
        match timer {
            TimerKind::TimeWait | TimerKind::FinWait2 => {}
            // A handshake at a listener is given up without a word.
            _ if self.may_time_out(id) => {
                self.excuse(id.connection, "it was given up");
            }
            _ => {
                let detail = format_args!("{id:?} is given up by {timer}");
                return Err(Violation::new("a connection is given up for a reason", detail));
            }
        }
        Ok(())
    }

    fn may_time_out(&self, id: EndId) -> bool {
        let connection = &self.connections[id.connection];
        let leapt = |end: &End| end.socket.and_then(|(at, _)| self.leapt.get(&at)).copied();
        connection.plan.sides[id.side].may_time_out()
            || connection.half_open
            || connection.reincarnated
            || connection.ends.iter().any(|end| end.haunted)
            || connection.ends.iter().filter_map(leapt).any(|leapt| leapt > LEAP_BORNE)
    }

    fn failed(&mut self, id: EndId, errno: Errno) -> Result<(), Violation> {
        self.end_mut(id).failed.get_or_insert(errno);
        let connection = &self.connections[id.connection];
        let peer = &connection.ends[1 - id.side];
        let explained = match errno {
            _ if connection.excuse.is_some() => true,
            Errno::ETIMEDOUT => self.may_time_out(id),
            Errno::ECONNRESET if connection.reincarnated => true,
            Errno::ECONNRESET => peer.over || connection.plan.sides[1 - id.side].may_time_out(),
            Errno::ECONNREFUSED => match connection.plan.opening {
                Opening::ToListener { listener, .. } => self.listeners_closed[listener],
                Opening::ToNobody { .. } | Opening::Crossing { .. } => true,
            },
            _ => false,
        };
        if !explained {
            let detail = format_args!("{id:?} failed with {errno}, and its peer did nothing to deserve it");
            return Err(Violation::new("a connection fails for a reason", detail));
        }
        self.excuse(id.connection, "it failed");
        Ok(())
    }

    /// Each octet of data on the wire is the one that was sent at its sequence number, at first and ever after.
    fn frame(&self, frame: &[u8]) -> Result<(), Violation> {
        let Ok(packet) = IpPacket::parse(frame) else { return Ok(()) };
        if packet.protocol != Protocol::Tcp {
            return Ok(());
        }
        let addresses = (packet.src, packet.dst);
        let Ok(segment) = TcpSegment::parse(packet.payload, addresses, ChecksumPolicy::Ignore) else {
            return Ok(());
        };
        let from = SocketAddr::new(packet.src, segment.src_port);
        let to = SocketAddr::new(packet.dst, segment.dst_port);
        let Some((id, iss)) = self.streams.get(&(from, to)) else { return Ok(()) };
        if segment.payload.is_empty() || segment.syn() {
            return Ok(());
        }
        let position = u64::from(segment.seq.0.wrapping_sub(iss.0).wrapping_sub(1));
        self.end(*id).content.check(position, segment.payload).map_err(|mismatch| {
            Violation::new(
                "each octet has one sequence number",
                format_args!("{id:?} {segment}: {mismatch:?}"),
            )
        })
    }
}

/// Leaps of a clock, in sum, that no connection is given up for: the user timeout is five minutes, and some of them pass
/// while a fault lasts.
const LEAP_BORNE: Duration = Duration::from_secs(60);
