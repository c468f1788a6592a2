//! One connection of a workload: what its role does each time that something happened to it.
//!
//! ```text
//! woken: readiness { readable: 65536, writable: 0 }   sink    -> takes 65,536, waits
//! woken: readiness { readable: 0, end_of_stream }     sink    -> is over
//! ```
//!
//! Owns: [`Connection`], what one role remembers of one connection, and [`Reach`], the few calls that it makes. What the
//! connections of a side share is in [`Shared`].

use sockwright_engine::host::op::{Outcome, Reply, Request, ShutdownHow};
use sockwright_engine::host::{Errno, OpError, Readiness};
use sockwright_engine::id::{OpId, SocketId};
use sockwright_engine::tcp::state::State;
use sockwright_engine::time::Instant;
use sockwright_sim::StackId;

use super::pattern::Pattern;
use super::plan::{Content, Part, Role, Then};
use super::tally::Tally;
use crate::stack::site::Site;

/// A connection, from its SYN on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    pub(super) socket: SocketId,
    began: Instant,
    /// Its handshake is over.
    pub(super) is_open: bool,
    /// Its FIN is on the way.
    shut: bool,
    /// How it ends, as soon as the peer has acknowledged what was sent.
    ending: Option<Fate>,
    /// An octet that it received was wrong.
    spoilt: bool,
    /// Octets given to TCP, acknowledged of these, and received.
    sent: u64,
    acknowledged: u64,
    received: u64,
    retransmissions: u64,
    /// Of an exchange: when it began, and what is left of it.
    asked: Instant,
    to_send: u32,
    to_receive: u32,
    in_exchange: bool,
}

/// What the connections of a side have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) role: Role,
    pub(super) tally: Tally,
    /// What the limits leave.
    pub(super) octets_left: Option<u64>,
    pub(super) exchanges_left: Option<u64>,
    /// Where octets are put that are sent back or made.
    pub(super) scratch: Vec<u8>,
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits for something to happen.
    Goes,
    /// It ended as it should, and is let go.
    Ends,
    /// The same, with a reset.
    Aborts,
    /// It failed.
    Fails(Errno),
}

/// How a connection reaches its socket.
pub(super) struct Reach<'a, S> {
    pub(super) site: &'a mut S,
    pub(super) stack: StackId,
    pub(super) socket: SocketId,
}

impl Connection {
    /// A connection whose SYN went out now.
    pub(super) fn connecting(socket: SocketId, now: Instant) -> Self {
        Connection {
            socket,
            began: now,
            is_open: false,
            shut: false,
            ending: None,
            spoilt: false,
            sent: 0,
            acknowledged: 0,
            received: 0,
            retransmissions: 0,
            asked: now,
            to_send: 0,
            to_receive: 0,
            in_exchange: false,
        }
    }

    /// One that was accepted.
    pub(super) fn accepted(socket: SocketId, now: Instant, shared: &mut Shared) -> Self {
        let mut connection = Connection { is_open: true, ..Connection::connecting(socket, now) };
        shared.tally.established(now, None);
        connection.begin_exchange(now, shared);
        connection
    }

    /// Does what there is to do.
    pub(super) fn attend<S: Site>(&mut self, mut reach: Reach<'_, S>, shared: &mut Shared) -> Fate {
        let now = reach.site.now();
        let Some(ready) = reach.readiness() else { return Fate::Fails(Errno::ECONNABORTED) };
        self.note(now, ready, shared);
        if !self.is_open {
            match ready.tcp_state {
                State::SynSent | State::SynReceived => return Fate::Goes,
                State::Closed => return Fate::Fails(ready.error.unwrap_or(Errno::ECONNABORTED)),
                _ => {}
            }
            self.is_open = true;
            shared.tally.established(now, Some(now - self.began));
            self.begin_exchange(now, shared);
        }
        let fate = match shared.role {
            _ if self.ending.is_some() => self.throw_away(&mut reach, shared, ready),
            Role::Stream { send, verify } => self.stream(&mut reach, shared, ready, send, verify),
            Role::Echo => self.echo(&mut reach, shared, ready),
            Role::Exchange { part, then, .. } => self.exchange(&mut reach, shared, ready, part, then),
            Role::Idle { .. } => self.idle(&mut reach, shared, ready),
        };
        let fate = match fate {
            Ok(fate @ (Fate::Ends | Fate::Aborts)) => self.end(&mut reach, ready, fate),
            fate => fate,
        };
        match (fate, ready.error) {
            (Ok(Fate::Goes), Some(errno)) | (Err(errno), _) => self.ended_by(errno, shared.role),
            (Ok(fate), _) => fate,
        }
    }

    /// An octet is due on a connection that is held open.
    pub(super) fn tick<S: Site>(&mut self, mut reach: Reach<'_, S>, shared: &mut Shared) -> Fate {
        match reach.send(&ZEROS[..1]) {
            Ok(sent) => {
                self.sent += sent as u64;
                shared.spend(sent as u64);
                Fate::Goes
            }
            Err(errno) => Fate::Fails(errno),
        }
    }

    /// It has done what it had to do. What it sent is counted before it is let go.
    fn end<S: Site>(
        &mut self,
        reach: &mut Reach<'_, S>,
        ready: Readiness,
        fate: Fate,
    ) -> Result<Fate, Errno> {
        self.ending = Some(fate);
        if self.acknowledged == self.sent || ready.tcp_state == State::Closed {
            return Ok(fate);
        }
        if fate == Fate::Ends && !std::mem::replace(&mut self.shut, true) {
            reach.shutdown_write()?;
        }
        Ok(Fate::Goes)
    }

    /// What comes while it ends is not to be answered with a reset.
    fn throw_away<S: Site>(
        &mut self,
        reach: &mut Reach<'_, S>,
        shared: &mut Shared,
        ready: Readiness,
    ) -> Result<Fate, Errno> {
        if ready.readable > 0 {
            self.take(reach, shared, ready.readable, None)?;
        }
        Ok(self.ending.unwrap_or(Fate::Ends))
    }

    /// Counts what TCP did since the last time.
    fn note(&mut self, now: Instant, ready: Readiness, shared: &mut Shared) {
        let acknowledged = ready.acknowledged - self.acknowledged;
        if acknowledged > 0 {
            self.acknowledged = ready.acknowledged;
            shared.tally.sent(now, acknowledged);
        }
        if ready.retransmissions > self.retransmissions {
            shared.tally.retransmitted(ready.retransmissions - self.retransmissions);
            self.retransmissions = ready.retransmissions;
        }
    }

    /// What an error means: a reset that was agreed on is none.
    fn ended_by(&self, errno: Errno, role: Role) -> Fate {
        match role {
            Role::Exchange { then: Then::PeerCloses, .. }
                if !self.in_exchange && errno == Errno::ECONNRESET =>
            {
                Fate::Ends
            }
            _ => Fate::Fails(errno),
        }
    }

    // ---- roles

    fn stream<S: Site>(
        &mut self,
        reach: &mut Reach<'_, S>,
        shared: &mut Shared,
        ready: Readiness,
        send: Option<Content>,
        verify: Option<Pattern>,
    ) -> Result<Fate, Errno> {
        // Of one that sends, the limit is of what it sends.
        let limit = if send.is_none() { shared.octets_left } else { None };
        let wanted = at_most(ready.readable, limit);
        if wanted > 0 {
            let taken = self.take(reach, shared, wanted, verify)?;
            if send.is_none() {
                shared.spend(taken as u64);
            }
        }
        if let Some(content) = send
            && !self.shut
        {
            if self.is_worth_sending(ready, shared.octets_left) {
                self.pour(reach, shared, ready.writable, content)?;
            }
            if shared.octets_left == Some(0) {
                reach.shutdown_write()?;
                self.shut = true;
            }
        }
        let all_taken = ready.end_of_stream && wanted == ready.readable;
        Ok(if all_taken && (send.is_none() || self.shut) { Fate::Ends } else { Fate::Goes })
    }

    /// Whether there is room for a large piece, or for all that is left.
    fn is_worth_sending(&self, ready: Readiness, left: Option<u64>) -> bool {
        let buffer = ready.writable as u64 + (self.sent - self.acknowledged);
        let worthwhile = (buffer / 8).clamp(1, BLOCK as u64).min(left.unwrap_or(u64::MAX));
        ready.writable > 0 && ready.writable as u64 >= worthwhile
    }

    /// Fills the send buffer.
    fn pour<S: Site>(
        &mut self,
        reach: &mut Reach<'_, S>,
        shared: &mut Shared,
        writable: usize,
        content: Content,
    ) -> Result<(), Errno> {
        let mut room = writable;
        while room > 0 {
            let length = at_most(BLOCK, shared.octets_left);
            if length == 0 {
                return Ok(());
            }
            let sent = match content {
                // More than there is room for: TCP is to know that there is more.
                Content::Zeros => reach.send_static(&ZEROS[..length])?,
                Content::Pattern(pattern) => {
                    let octets = &mut shared.scratch[..length.min(room)];
                    pattern.fill(self.sent, octets);
                    reach.send(octets)?
                }
            };
            if sent == 0 {
                return Ok(());
            }
            self.sent += sent as u64;
            shared.spend(sent as u64);
            room = room.saturating_sub(sent);
        }
        Ok(())
    }

    fn echo<S: Site>(
        &mut self,
        reach: &mut Reach<'_, S>,
        shared: &mut Shared,
        ready: Readiness,
    ) -> Result<Fate, Errno> {
        let (mut readable, mut writable) = (at_most(ready.readable, shared.octets_left), ready.writable);
        let now = reach.site.now();
        while readable > 0 && writable > 0 {
            let length = readable.min(writable).min(BLOCK);
            let mut scratch = std::mem::take(&mut shared.scratch);
            let mut filled = 0;
            let taken = reach.recv(length, |piece| {
                scratch[filled..filled + piece.len()].copy_from_slice(piece);
                filled += piece.len();
            });
            let sent = reach.send(&scratch[..filled]);
            shared.scratch = scratch;
            let taken = taken?;
            self.received += taken as u64;
            shared.tally.received(now, taken);
            shared.spend(taken as u64);
            self.sent += sent? as u64;
            (readable, writable) = (readable - length, writable - length);
            if taken < length {
                break;
            }
        }
        let all_taken = ready.end_of_stream && readable == 0;
        Ok(if all_taken { Fate::Ends } else { Fate::Goes })
    }

    /// Requests and responses, until one has to wait.
    fn exchange<S: Site>(
        &mut self,
        reach: &mut Reach<'_, S>,
        shared: &mut Shared,
        ready: Readiness,
        part: Part,
        then: Then,
    ) -> Result<Fate, Errno> {
        let mut readable = ready.readable;
        while self.in_exchange {
            let waits = match part {
                Part::Request => self.push(reach, shared)? || self.pull(reach, shared, &mut readable)?,
                Part::Respond => self.pull(reach, shared, &mut readable)? || self.push(reach, shared)?,
            };
            if waits {
                // The peer may have closed in between, and only there.
                return match (ready.end_of_stream && readable == 0, self.is_between(part, shared.role)) {
                    (true, true) => Ok(Fate::Ends),
                    (true, false) if self.to_receive > 0 => Err(Errno::EPIPE),
                    _ => Ok(Fate::Goes),
                };
            }
            self.in_exchange = false;
            if sizes(shared.role) != (0, 0) {
                let took = (part == Part::Request).then(|| reach.site.now() - self.asked);
                shared.tally.exchanged(took);
                shared.exchanges_left =
                    shared.exchanges_left.map(|left| left.saturating_sub((part == Part::Respond).into()));
            }
            if then == Then::Again {
                self.begin_exchange(reach.site.now(), shared);
            }
        }
        match then {
            // No more exchanges are to begin.
            Then::Again | Then::Close => Ok(Fate::Ends),
            Then::Abort => Ok(Fate::Aborts),
            Then::PeerCloses => {
                if readable > 0 {
                    self.take(reach, shared, readable, None)?;
                }
                Ok(if ready.end_of_stream { Fate::Ends } else { Fate::Goes })
            }
        }
    }

    /// Begins an exchange, if one is to begin.
    fn begin_exchange(&mut self, now: Instant, shared: &mut Shared) {
        let Role::Exchange { part, request, response, .. } = shared.role else { return };
        if shared.exchanges_left == Some(0) || shared.octets_left == Some(0) {
            return;
        }
        self.in_exchange = true;
        self.asked = now;
        (self.to_send, self.to_receive) = match part {
            Part::Request => {
                shared.exchanges_left = shared.exchanges_left.map(|left| left - 1);
                (request, response)
            }
            Part::Respond => (response, request),
        };
    }

    /// A responder that waits for a request of which nothing has come.
    fn is_between(&self, part: Part, role: Role) -> bool {
        let (request, _) = sizes(role);
        part == Part::Respond && self.to_receive == request
    }

    /// Sends what is to be sent. Whether some of it has to wait.
    fn push<S: Site>(&mut self, reach: &mut Reach<'_, S>, shared: &mut Shared) -> Result<bool, Errno> {
        while self.to_send > 0 {
            let sent = reach.send(&ZEROS[..BLOCK.min(self.to_send as usize)])?;
            if sent == 0 {
                return Ok(true);
            }
            self.to_send -= sent as u32;
            self.sent += sent as u64;
            shared.spend(sent as u64);
        }
        Ok(false)
    }

    /// Takes what is to come. Whether some of it has not come yet.
    fn pull<S: Site>(
        &mut self,
        reach: &mut Reach<'_, S>,
        shared: &mut Shared,
        readable: &mut usize,
    ) -> Result<bool, Errno> {
        let wanted = (*readable).min(self.to_receive as usize);
        if wanted > 0 {
            let taken = self.take(reach, shared, wanted, None)?;
            *readable -= taken;
            self.to_receive -= taken as u32;
            shared.spend(taken as u64);
        }
        Ok(self.to_receive > 0)
    }

    fn idle<S: Site>(
        &mut self,
        reach: &mut Reach<'_, S>,
        shared: &mut Shared,
        ready: Readiness,
    ) -> Result<Fate, Errno> {
        if ready.readable > 0 {
            let taken = self.take(reach, shared, ready.readable, None)?;
            shared.spend(taken as u64);
        }
        Ok(if ready.end_of_stream { Fate::Ends } else { Fate::Goes })
    }

    /// Receives so many octets, checks them where they are to be checked, and throws them away.
    fn take<S: Site>(
        &mut self,
        reach: &mut Reach<'_, S>,
        shared: &mut Shared,
        octets: usize,
        verify: Option<Pattern>,
    ) -> Result<usize, Errno> {
        let now = reach.site.now();
        let mut at = self.received;
        let mut checked = Ok(());
        let taken = reach.recv(octets, |piece| {
            if let (Some(pattern), false, Ok(())) = (verify, self.spoilt, checked) {
                checked = pattern.check(at, piece);
            }
            at += piece.len() as u64;
        })?;
        if verify.is_some() && !self.spoilt {
            let right = checked.map_or_else(|mismatch| mismatch.offset - self.received, |()| taken as u64);
            shared.tally.verified(right);
            if let Err(mismatch) = checked {
                self.spoilt = true;
                shared.tally.mismatch(self.socket, mismatch);
            }
        }
        self.received += taken as u64;
        shared.tally.received(now, taken);
        Ok(taken)
    }
}

impl Shared {
    /// So many octets of the limit are used up.
    fn spend(&mut self, octets: u64) {
        self.octets_left = self.octets_left.map(|left| left.saturating_sub(octets));
    }
}

impl<S: Site> Reach<'_, S> {
    fn readiness(&self) -> Option<Readiness> {
        self.site.engine(self.stack)?.readiness(self.socket)
    }

    fn send(&mut self, octets: &[u8]) -> Result<usize, Errno> {
        let socket = self.socket;
        called(self.site.input(self.stack, |engine, now| engine.send_slice(now, socket, octets)))
    }

    fn send_static(&mut self, octets: &'static [u8]) -> Result<usize, Errno> {
        let socket = self.socket;
        called(self.site.input(self.stack, |engine, now| engine.send_static(now, socket, octets)))
    }

    fn recv(&mut self, max: usize, take: impl FnMut(&[u8])) -> Result<usize, Errno> {
        let socket = self.socket;
        called(self.site.input(self.stack, |engine, now| engine.recv_with(now, socket, max, take)))
    }

    fn shutdown_write(&mut self) -> Result<(), Errno> {
        let request = Request::Shutdown { socket: self.socket, how: ShutdownHow::Write };
        self.call(request).map(drop)
    }

    /// Lets go of it.
    pub(super) fn close(&mut self) {
        // One that somebody else closed is closed.
        _ = self.call(Request::Close { socket: self.socket });
    }

    pub(super) fn abort(&mut self) {
        _ = self.call(Request::Abort { socket: self.socket });
    }

    /// A call that is over at once. A `Close` that lingers goes on without anybody who waits.
    pub(super) fn call(&mut self, request: Request) -> Result<Option<Reply>, Errno> {
        match self.site.op(self.stack, OWN_CALL, request) {
            Outcome::Done(result) => result.map(Some).map_err(|error| error.errno),
            Outcome::Parked => {
                self.site.cancel(self.stack, OWN_CALL);
                Ok(None)
            }
        }
    }
}

/// What a call gave; without a stack, it gave nothing.
fn called<T>(result: Option<Result<T, OpError>>) -> Result<T, Errno> {
    result.unwrap_or_else(|| Err(Errno::ENETDOWN.into())).map_err(|error| error.errno)
}

fn at_most(octets: usize, limit: Option<u64>) -> usize {
    limit.map_or(octets, |limit| usize::try_from(limit).unwrap_or(usize::MAX).min(octets))
}

/// Octets of a request and a response.
fn sizes(role: Role) -> (u32, u32) {
    match role {
        Role::Exchange { request, response, .. } => (request, response),
        _ => (0, 0),
    }
}

/// What is sent where it does not matter what.
static ZEROS: [u8; BLOCK] = [0; BLOCK];
/// Octets in one call to the engine.
pub(super) const BLOCK: usize = 256 << 10;
/// The name of the calls that a workload makes. None of them waits.
const OWN_CALL: OpId = OpId(0);
