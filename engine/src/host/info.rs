//! What can be read of a socket.

use alloc::boxed::Box;
use core::net::SocketAddr;

use super::errno::Errno;
use super::op::{Family, SocketKind, SocketState};
use crate::id::{SessionId, SocketId};
use crate::tcp::info::TcpInfo;
use crate::tcp::state::State;
use crate::time::Instant;

/// Everything about a socket.
#[derive(Clone, Debug, PartialEq)]
pub struct SocketInfo {
    /// Its identifier.
    pub socket: SocketId,
    /// Whose it is.
    pub session: SessionId,
    /// What its creator called it.
    pub label: Box<str>,
    /// Stream or datagram.
    pub kind: SocketKind,
    /// IPv4 or IPv6.
    pub family: Family,
    /// What its caller did.
    pub socket_state: SocketState,
    /// What TCP made of it; `None` for datagram sockets.
    pub tcp_state: Option<State>,
    /// Its own address.
    pub local: Option<SocketAddr>,
    /// Its peer's.
    pub remote: Option<SocketAddr>,
    /// The listener that it arrived at.
    pub listener: Option<SocketId>,
    /// When it came to be.
    pub opened: Instant,
    /// The error that the next call will give.
    pub error: Option<Errno>,
    /// The connection's variables, while there is one.
    pub tcp: Option<TcpInfo>,
    /// The listener's queues.
    pub queues: Option<ListenerInfo>,
    /// The datagram socket's queue.
    pub datagrams: Option<DatagramInfo>,
}

/// The queues of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerInfo {
    /// Connections that may wait.
    pub backlog: u32,
    /// Handshakes under way.
    pub half_open: u32,
    /// Connections waiting.
    pub accept_queue: u32,
    /// SYNs and ACKs that found a queue full.
    pub overflows: u64,
}

/// The queue of a datagram socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramInfo {
    /// Datagrams waiting.
    pub queued: u32,
    /// Octets waiting.
    pub queued_bytes: u32,
    /// Datagrams that found the queue full.
    pub overflows: u64,
}
