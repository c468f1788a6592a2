//! The kernel guard: ports of the host's address taken from the kernel's own TCP and UDP.
//!
//! A raw socket gets a copy of each packet; the kernel keeps the original and answers it: a reset for a segment to a
//! port that nobody listens on, "port unreachable" for a datagram. A guard is a kernel socket that takes the port and
//! says nothing. Its silence is a classic BPF filter that drops every packet, attached before the socket has an
//! address, so that no packet ever passes it and its queues stay empty:
//!
//! ```text
//! SYN to 192.0.2.1:80 ─┬─ copy ──────> raw socket ──> engine answers
//!                      └─ original ──> guard's filter ──> dropped, nobody answers
//! ```
//!
//! - A TCP guard listens. Bound without listening, it would hold the port and the kernel would still send resets,
//!   because segments are looked up among connections and listeners only.
//! - The filter also covers the answers to an active open: with no kernel connection to match, a SYN-ACK to the
//!   guarded port finds the listener.
//! - A guard never connects, so closing it leaves no TIME-WAIT, and the port is free at once.
//! - `SO_REUSEADDR` and `SO_REUSEPORT` stay off: nobody shares a guarded port.
//! - A port is free once the last copy of the guard's descriptor is closed. A child process has one between `fork`
//!   and `exec`, so a port given back while a child starts may stay taken for that moment.
//! - ICMP has no ports and no guard. The raw link leaves echo requests and neighbor discovery to the kernel.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

use crate::bpf;
use crate::error::LinkError;
use crate::packet;

/// A transport protocol whose ports can be guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Transmission Control Protocol, IP protocol 6.
    Tcp,
    /// User Datagram Protocol, IP protocol 17.
    Udp,
}

impl Protocol {
    pub(crate) fn from_ip_number(number: u8) -> Option<Protocol> {
        match i32::from(number) {
            libc::IPPROTO_TCP => Some(Protocol::Tcp),
            libc::IPPROTO_UDP => Some(Protocol::Udp),
            _ => None,
        }
    }
}

/// `TCP` or `UDP`.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        })
    }
}

/// One port on which the kernel stays silent for as long as this lives.
#[derive(Debug)]
pub struct PortGuard {
    protocol: Protocol,
    address: SocketAddr,
    /// Held, never read: dropping it gives the port back.
    _socket: Socket,
}

impl PortGuard {
    /// Takes `address` from the kernel. Port 0 takes a free one of the kernel's choice.
    ///
    /// Fails with [`LinkError::PortTaken`] where a kernel socket or another guard holds the port,
    /// [`LinkError::AddressNotOwned`] where the host lacks the address, and [`LinkError::NotPermitted`] for a port
    /// below `net.ipv4.ip_unprivileged_port_start` without `CAP_NET_BIND_SERVICE`, or on a kernel that keeps filters to
    /// those with `CAP_NET_ADMIN`.
    pub fn claim(protocol: Protocol, address: SocketAddr) -> Result<PortGuard, LinkError> {
        let kind = match protocol {
            Protocol::Tcp => Type::STREAM,
            Protocol::Udp => Type::DGRAM,
        };
        let socket = Socket::new(Domain::for_address(address), kind, None)
            .map_err(LinkError::io("open the guard's socket"))?;
        if address.is_ipv6() {
            socket.set_only_v6(true).map_err(LinkError::io("keep the guard to IPv6"))?;
        }
        socket
            .attach_filter(&bpf::drop_all())
            .map_err(LinkError::privileged("attach a filter to a socket", "CAP_NET_ADMIN"))?;
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => LinkError::PortTaken(protocol, address),
            io::ErrorKind::AddrNotAvailable => LinkError::AddressNotOwned(address.ip()),
            _ => LinkError::privileged("guard a privileged port", "CAP_NET_BIND_SERVICE")(source),
        };
        socket.bind(&address.into()).map_err(refused)?;
        if protocol == Protocol::Tcp {
            socket.listen(1).map_err(refused)?;
        }
        let bound = socket.local_addr().map_err(LinkError::io("read the guard's address"))?;
        let address =
            SocketAddr::new(address.ip(), bound.as_socket().map_or(address.port(), |bound| bound.port()));
        Ok(PortGuard { protocol, address, _socket: socket })
    }

    /// The protocol guarded.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The address and port guarded; the port is never 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The guards of one stack: which ports are the engine's, and how many of its sockets hold each.
#[derive(Debug)]
pub struct Guards {
    held: BTreeMap<(Protocol, SocketAddr), Held>,
    limit: usize,
}

#[derive(Debug)]
struct Held {
    _guard: PortGuard,
    holders: usize,
}

impl Guards {
    /// No guards yet, and never more than `limit`; each costs a file descriptor.
    pub fn new(limit: usize) -> Guards {
        Guards { held: BTreeMap::new(), limit }
    }

    /// Guards `address` for one more holder, and gives back the address with the port that is guarded.
    ///
    /// The first holder takes the port from the kernel, with the errors of [`PortGuard::claim`]; later ones share the
    /// guard, as a listener shares its port with the connections it accepted. Port 0 always takes a port of its own.
    pub fn claim(&mut self, protocol: Protocol, address: SocketAddr) -> Result<SocketAddr, LinkError> {
        let address = keyed(address);
        if let Some(held) = self.held.get_mut(&(protocol, address)) {
            held.holders += 1;
            return Ok(address);
        }
        if self.held.len() >= self.limit {
            return Err(LinkError::TooManyGuards { limit: self.limit });
        }
        let guard = PortGuard::claim(protocol, address)?;
        let address = guard.address();
        self.held.insert((protocol, address), Held { _guard: guard, holders: 1 });
        Ok(address)
    }

    /// Ends one holder's claim; the last one gives the port back to the kernel. False where nobody held it.
    pub fn release(&mut self, protocol: Protocol, address: SocketAddr) -> bool {
        let key = (protocol, keyed(address));
        let Some(held) = self.held.get_mut(&key) else {
            return false;
        };
        held.holders -= 1;
        if held.holders == 0 {
            self.held.remove(&key);
        }
        true
    }

    /// Whether the engine may see `packet`: one for a guarded port, or any that is neither TCP nor UDP.
    ///
    /// A raw link sees the segments of every connection of the host, its SSH sessions among them. An engine that saw
    /// one for a port not its own would answer with a reset, and cut the kernel's connection.
    pub fn admit(&self, packet: &[u8]) -> bool {
        match packet::destination_port(packet) {
            Some(key) => self.held.contains_key(&key),
            None => true,
        }
    }

    /// Whether a guard holds `address`.
    pub fn holds(&self, protocol: Protocol, address: SocketAddr) -> bool {
        self.held.contains_key(&(protocol, keyed(address)))
    }

    /// How many ports are guarded.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether no port is guarded.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

/// `address` without flow label and scope, which packets do not carry.
fn keyed(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

#[cfg(test)]
mod tests;
