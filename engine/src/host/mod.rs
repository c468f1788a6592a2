//! The engine.

use alloc::vec::Vec;
use core::net::IpAddr;

pub mod config;
mod errno;
mod info;
pub mod op;

pub use config::{Config, Interface, LinkChange, Port, PortKind, Transmit};
pub use errno::{Errno, OpError};
pub use info::{DatagramInfo, ListenerInfo, SocketInfo};

use crate::counters::Counters;
use crate::event::{Event, Interest};
use crate::id::{IdSource, LinkId, OpId, SocketId};
use crate::tcp::config::Options;
use crate::time::Instant;
use op::{Completion, Outcome, Request};

/// A TCP/IP host. API SHAPE ONLY on this branch; bodies are being written on main.
pub struct Engine {}

#[allow(unused_variables, missing_docs, clippy::unimplemented)]
impl Engine {
    /// An engine whose every output follows from its inputs, their times and `seed`.
    pub fn new(config: Config, seed: [u8; 32], ids: IdSource) -> Self {
        unimplemented!()
    }
    /// Adds an interface. Err(text) when it makes no sense (mtu too small, duplicate link, bad address).
    pub fn add_interface(&mut self, interface: Interface) -> Result<(), &'static str> {
        unimplemented!()
    }
    /// Which of the frequent events are to be told.
    pub fn set_interest(&mut self, interest: Interest) {
        unimplemented!()
    }
    // ---- inputs. After each one, drain ALL outputs (transmit, completion, event, released port) until None.
    pub fn handle_frame(&mut self, now: Instant, link: LinkId, frame: &[u8]) {
        unimplemented!()
    }
    /// Carries out a call, or parks it under `op`.
    pub fn handle_op(&mut self, now: Instant, op: OpId, request: Request) -> Outcome {
        unimplemented!()
    }
    /// Ends the wait of a parked call and nothing else. No completion follows.
    pub fn cancel_op(&mut self, now: Instant, op: OpId) {
        unimplemented!()
    }
    /// Takes back what a successful completion (or Done reply) of Accept, Recv or RecvFrom gave but nobody received:
    /// the connection goes back to the front of the accept queue, the bytes to the front of the buffer. Anything else is ignored.
    pub fn restore(&mut self, now: Instant, socket: SocketId, reply: op::Reply) {
        unimplemented!()
    }
    pub fn handle_timeout(&mut self, now: Instant) {
        unimplemented!()
    }
    pub fn handle_link(&mut self, now: Instant, link: LinkId, change: LinkChange) {
        unimplemented!()
    }
    // ---- outputs
    /// Writes the next packet (a whole IP packet) into `buf` (cleared first).
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        unimplemented!()
    }
    pub fn poll_completion(&mut self) -> Option<Completion> {
        unimplemented!()
    }
    pub fn poll_event(&mut self) -> Option<Event> {
        unimplemented!()
    }
    /// A port that the last of our sockets let go of (to give back to the host's kernel).
    pub fn poll_released_port(&mut self) -> Option<Port> {
        unimplemented!()
    }
    /// When `handle_timeout` wants to be called next.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        unimplemented!()
    }
    // ---- getters
    pub fn info(&self, socket: SocketId) -> Option<SocketInfo> {
        unimplemented!()
    }
    pub fn options(&self, socket: SocketId) -> Option<&Options> {
        unimplemented!()
    }
    /// All sockets, ascending.
    pub fn sockets(&self) -> Vec<SocketId> {
        unimplemented!()
    }
    pub fn counters(&self) -> &Counters {
        unimplemented!()
    }
    pub fn interfaces(&self) -> &[Interface] {
        unimplemented!()
    }
    /// The port that carrying out `request` would have to bind first, where it would: `port` 0 means that any ephemeral one
    /// will do (ask `ephemeral_port`). For hosts that share their address with a kernel: claim it there, then
    /// `handle_op(Request::Bind{..})` with that very port, then the request (for a Bind: the Bind with the port filled in).
    pub fn port_needed(&self, request: &Request) -> Option<Port> {
        unimplemented!()
    }
    /// A free ephemeral port (RFC 6056), a new one each time.
    pub fn ephemeral_port(&mut self, kind: PortKind, ip: IpAddr) -> Option<u16> {
        unimplemented!()
    }
}
