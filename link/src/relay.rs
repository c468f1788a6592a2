//! A bump in the wire: what arrives on one interface leaves on another, impaired on the way.
//!
//! ```text
//!  client ── left │ relay │ right ── server        from left:  Impairer ─> frames on their way ─> right
//!                                                  from right: Impairer ─> frames on their way ─> left
//! ```
//!
//! Owns a thread, a packet socket on each interface and the [`Impairer`] of each direction; knows nothing of the hosts
//! beyond. It impairs IP packets. Other Ethernet frames, such as ARP's, pass at once, so that only what is under test
//! suffers. Addresses are left alone: each host sees the other's.
//!
//! - **Checksums left to hardware** are filled in before the packet is impaired: no hardware comes after the relay.
//! - **Segments left to hardware to cut** (TSO, GSO) and those that it joined (GRO) are no packets of a wire. They are
//!   dropped and counted as [`Counters::aggregated`]; turn them off on both hosts (`ip link set DEV gso_max_segs 1`, or
//!   `ethtool -K DEV tso off gso off gro off`).
//! - **The interfaces should have no address**: a kernel with one there answers what the relay passes on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, PipeWriter};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use sockwright_engine::time::Instant;

use crate::error::LinkError;
use crate::impair::{Delivery, DropCause, Impairer, Impairments, InvalidImpairment, Verdict};
use crate::offload;
use crate::rng::Rng;
use crate::sys;

/// A relay that runs until it is dropped.
#[derive(Debug)]
pub struct Relay {
    lines: Arc<Mutex<[Line; 2]>>,
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

/// One of the two interfaces of a relay, in the order in which it was given them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The first.
    Left,
    /// The second.
    Right,
}

/// What became of the frames that arrived on one side, since the relay began.
///
/// `received + duplicated = sent + lost + queue_full + too_big + aggregated + refused + on their way`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames that arrived, of any kind.
    pub received: u64,
    /// Frames that left on the other side, copies included.
    pub sent: u64,
    /// Packets lost by chance.
    pub lost: u64,
    /// Packets dropped because too many waited for the line.
    pub queue_full: u64,
    /// Packets longer than the line's MTU.
    pub too_big: u64,
    /// Copies made by duplication.
    pub duplicated: u64,
    /// Packets and copies with a bit flipped.
    pub corrupted: u64,
    /// Packets and copies held back.
    pub reordered: u64,
    /// Frames of more than one packet, dropped.
    pub aggregated: u64,
    /// Frames that the interface of the other side did not take.
    pub refused: u64,
}

/// One direction.
#[derive(Debug)]
struct Line {
    impairer: Impairer,
    counters: Counters,
}

impl Relay {
    /// Starts a relay between two interfaces of the network namespace that the caller is in; `seed` decides all chance.
    /// Until told otherwise it passes everything on.
    ///
    /// Fails with [`LinkError::NoSuchInterface`] or, without `CAP_NET_RAW`, [`LinkError::NotPermitted`].
    pub fn start(left: &str, right: &str, seed: u64) -> Result<Relay, LinkError> {
        let sockets = [open(left)?, open(right)?];
        let mut seeds = Rng::from_seed(seed);
        let line =
            |()| Line { impairer: Impairer::unimpaired(seeds.next_u64()), counters: Counters::default() };
        let lines = Arc::new(Mutex::new([(); 2].map(line)));
        let (stopped, stop) = io::pipe().map_err(LinkError::io("make a pipe"))?;
        let courier = Courier {
            sockets,
            lines: lines.clone(),
            flights: Default::default(),
            started: std::time::Instant::now(),
            buffer: vec![0; offload::LEN + FRAME_MAX],
        };
        let thread = thread::Builder::new()
            .name(format!("relay {left} {right}"))
            .spawn(move || courier.run(&stopped))
            .map_err(LinkError::io("start the relay's thread"))?;
        Ok(Relay { lines, stop: Some(stop), thread: Some(thread) })
    }

    /// Changes what is done to packets that arrive on one side from here on.
    pub fn set_impairments(&self, from: Side, impairments: Impairments) -> Result<(), InvalidImpairment> {
        self.lines()[from.index()].impairer.set(impairments)
    }

    /// What became of the frames that arrived on one side.
    pub fn counters(&self, from: Side) -> Counters {
        self.lines()[from.index()].counters
    }

    fn lines(&self) -> MutexGuard<'_, [Line; 2]> {
        // No line is ever left half changed.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Relay {
    /// Stops the relay. Frames on their way are gone.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            _ = thread.join();
        }
    }
}

impl Side {
    fn index(self) -> usize {
        match self {
            Side::Left => 0,
            Side::Right => 1,
        }
    }
}

/// What the relay's thread has.
struct Courier {
    sockets: [Socket; 2],
    lines: Arc<Mutex<[Line; 2]>>,
    flights: [Flights; 2],
    started: std::time::Instant,
    buffer: Vec<u8>,
}

/// The frames on their way in one direction, earliest first; of those at the same time, the first sent.
#[derive(Default)]
struct Flights {
    frames: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    next: u64,
}

impl Courier {
    /// Carries frames until the other end of `stopped` is closed.
    fn run(mut self, stopped: &io::PipeReader) {
        loop {
            let now = self.now();
            let due = self.flights.iter().filter_map(Flights::due).min();
            let timeout = due.map(|due| if due > now { due - now } else { Duration::ZERO });
            let [left, right] = &self.sockets;
            let ready = sys::wait_until_readable([stopped.as_fd(), left.as_fd(), right.as_fd()], timeout);
            // Polling fails for want of memory only; then nothing can be carried.
            let Ok([false, left, right]) = ready else { return };
            for (side, readable) in [left, right].into_iter().enumerate() {
                if readable {
                    self.receive(side);
                }
            }
            self.deliver();
        }
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.started.elapsed()
    }

    /// Takes in what waits on one side.
    fn receive(&mut self, side: usize) {
        for _ in 0..FRAMES_PER_TURN {
            // An error, such as the interface going down, is told once and clears itself.
            let Ok(message) = sys::receive(&self.sockets[side], &mut self.buffer) else { return };
            let now = self.now();
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines[side].counters.received += 1;
            let whole = self.buffer.get_mut(..message.length).filter(|_| !message.truncated);
            match whole.and_then(finish) {
                Some(frame) => lines[side].accept(now, frame, &mut self.flights[side]),
                None => lines[side].counters.aggregated += 1,
            }
        }
    }

    /// Sends what is due.
    fn deliver(&mut self) {
        let now = self.now();
        for side in 0..2 {
            while let Some(frame) = self.flights[side].take_due(now) {
                let sent = self.sockets[1 - side].send(&frame);
                let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
                let counters = &mut lines[side].counters;
                match sent {
                    Ok(_) => counters.sent += 1,
                    Err(_) => counters.refused += 1,
                }
            }
        }
    }
}

impl Line {
    /// Impairs a frame, and sends what is left of it on its way.
    fn accept(&mut self, now: Instant, frame: &[u8], flights: &mut Flights) {
        let Line { impairer, counters } = self;
        let Some((head, packet)) = split(frame) else {
            return flights.add(now, &[], frame);
        };
        match impairer.apply(now, packet) {
            Verdict::Dropped(DropCause::Lost) => counters.lost += 1,
            Verdict::Dropped(DropCause::QueueFull) => counters.queue_full += 1,
            Verdict::Dropped(DropCause::TooBig) => counters.too_big += 1,
            Verdict::Delivered(original, copy) => {
                for Delivery { at, frame, marks } in [Some(original), copy].into_iter().flatten() {
                    counters.duplicated += u64::from(marks.duplicate);
                    counters.corrupted += u64::from(marks.corrupted_bit.is_some());
                    counters.reordered += u64::from(marks.reordered);
                    flights.add(at, head, &frame);
                }
            }
        }
    }
}

impl Flights {
    fn due(&self) -> Option<Instant> {
        self.frames.peek().map(|Reverse((at, ..))| *at)
    }

    /// Adds a frame in the form in which a packet socket takes it: nothing of it is left to hardware.
    fn add(&mut self, at: Instant, head: &[u8], rest: &[u8]) {
        let frame = [&offload::header(None)[..], head, rest].concat();
        self.frames.push(Reverse((at, self.next, frame)));
        self.next += 1;
    }

    fn take_due(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.due().filter(|due| *due <= now)?;
        self.frames.pop().map(|Reverse((.., frame))| frame)
    }
}

/// A packet socket on an interface, that sees what arrives there and nothing that leaves.
fn open(interface: &str) -> Result<Socket, LinkError> {
    let index =
        sys::interface_index(interface).ok_or_else(|| LinkError::NoSuchInterface(interface.to_owned()))?;
    // Of no protocol until it is bound: so nothing of another interface gets in.
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)
        .map_err(LinkError::privileged("open a packet socket", "CAP_NET_RAW"))?;
    sys::frames_from_outside_with_their_offloads(&socket)
        .and_then(|()| sys::set_receive_buffer(&socket, SOCKET_BUFFER))
        .and_then(|()| socket.set_send_buffer_size(SOCKET_BUFFER))
        .and_then(|()| socket.set_nonblocking(true))
        .and_then(|()| sys::bind_to_interface(&socket, index))
        .map_err(LinkError::io("prepare a packet socket"))?;
    Ok(socket)
}

/// What a packet socket gave, brought to the form it has on a wire; `None` for what is more than one packet.
fn finish(received: &mut [u8]) -> Option<&[u8]> {
    let (header, frame) = received.split_first_chunk_mut::<{ offload::LEN }>()?;
    if offload::is_joined(header) {
        return None;
    }
    if let Some((start, place)) = offload::sum_left_to_do(header) {
        let sum = ones_complement_sum(frame.get(start..)?);
        // RFC 768: a UDP checksum of zero means that there is none, so zero is sent as its equal.
        let checksum = if sum == u16::MAX { u16::MAX } else { !sum };
        frame.get_mut(place..)?.first_chunk_mut().map(|field| *field = checksum.to_be_bytes())?;
    }
    Some(frame)
}

/// The sum of the Internet checksum (RFC 1071), not complemented.
fn ones_complement_sum(bytes: &[u8]) -> u16 {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let last = odd.first().map_or(0, |octet| u64::from(*octet) << 8);
    let mut sum = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum::<u64>() + last;
    while sum > u64::from(u16::MAX) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// The Ethernet header and the IP packet of a frame that holds one. What pads a short frame is no part of the packet.
fn split(frame: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = frame.split_at_checked(ETHERNET_HEADER)?;
    let word = |at: usize| Some(usize::from(u16::from_be_bytes(*rest.get(at..)?.first_chunk()?)));
    let length = match head.last_chunk()? {
        [0x08, 0x00] => word(2)?,
        [0x86, 0xdd] => word(4)? + 40,
        _ => return None,
    };
    Some((head, rest.get(..length)?))
}

/// Octets of an Ethernet header without a VLAN tag.
const ETHERNET_HEADER: usize = 14;
/// The longest frame: an Ethernet header and the longest IP packet.
const FRAME_MAX: usize = ETHERNET_HEADER + 4 + 65535 + 40;
/// Frames taken in on one side before the other's turn, and what is due.
const FRAMES_PER_TURN: usize = 32;
/// Octets asked for in the buffers of each socket. The kernel counts its own overhead in them.
const SOCKET_BUFFER: usize = 8 << 20;

#[cfg(test)]
mod tests;
