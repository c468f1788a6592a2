//! Ports that an attached stack takes from the host's kernel, so that the kernel does not answer for us.
//!
//! The engine says which port a call would have to bind ([`Engine::port_needed`]); it is claimed here first and
//! given back when the last of our sockets lets go of it. An ephemeral one may be the host's already: then another is
//! tried.

use std::net::{IpAddr, SocketAddr};

use sockwright_engine::host::{Engine, Errno, OpError, Port, PortKind};
use sockwright_link::{Guards, LinkError, Protocol};

/// The ports of one attached stack.
#[derive(Debug)]
pub(super) struct Ports {
    guards: Guards,
    /// At most one of each family.
    addresses: Vec<IpAddr>,
}

impl Ports {
    /// None yet, and never more than `limit`.
    pub(super) fn new(addresses: Vec<IpAddr>, limit: usize) -> Self {
        Ports { guards: Guards::new(limit), addresses }
    }

    /// Takes a port that the engine needs, and says which address to bind.
    pub(super) fn claim(&mut self, engine: &mut Engine, needed: Port) -> Result<SocketAddr, OpError> {
        if needed.port != 0 {
            return self.claim_one(needed).map_err(refused);
        }
        for _ in 0..EPHEMERAL_TRIES {
            let Some(port) = engine.ephemeral_port(needed.kind, needed.ip) else { break };
            match self.claim_one(Port { port, ..needed }) {
                Err(LinkError::PortTaken(..)) => continue,
                other => return other.map_err(refused),
            }
        }
        Err(OpError { detail: Some("no ephemeral port is free"), ..Errno::EADDRNOTAVAIL.into() })
    }

    /// Gives a port back.
    pub(super) fn release(&mut self, port: Port) {
        if let Some(ip) = self.on_the_wire(port.ip) {
            self.guards.release(protocol(port.kind), SocketAddr::new(ip, port.port));
        }
    }

    /// Whether the engine may see a packet: one for a port that it holds, or any that has no port.
    pub(super) fn admit(&self, packet: &[u8]) -> bool {
        self.guards.admit(packet)
    }

    /// The address to bind is as the engine asked for it; the one that is claimed is as packets will have it.
    fn claim_one(&mut self, port: Port) -> Result<SocketAddr, LinkError> {
        let ip = self.on_the_wire(port.ip).ok_or(LinkError::AddressNotOwned(port.ip))?;
        self.guards.claim(protocol(port.kind), SocketAddr::new(ip, port.port))?;
        Ok(SocketAddr::new(port.ip, port.port))
    }

    /// The stack's address that stands for `ip`: itself, or for any address the one of that family.
    fn on_the_wire(&self, ip: IpAddr) -> Option<IpAddr> {
        self.addresses
            .iter()
            .copied()
            .find(|own| *own == ip || ip.is_unspecified() && own.is_ipv4() == ip.is_ipv4())
    }
}

fn protocol(kind: PortKind) -> Protocol {
    match kind {
        PortKind::Tcp => Protocol::Tcp,
        PortKind::Udp => Protocol::Udp,
    }
}

fn refused(error: LinkError) -> OpError {
    tracing::info!(%error, "a port was not to be had");
    let (errno, detail) = match error {
        LinkError::PortTaken(..) => (Errno::EADDRINUSE, "another socket of this host holds the port"),
        LinkError::AddressNotOwned(_) => (Errno::EADDRNOTAVAIL, "the host no longer has the address"),
        LinkError::NotPermitted { capability: "CAP_NET_ADMIN", .. } => (
            Errno::EPERM,
            "this kernel keeps the ports of TCP to servers with CAP_NET_ADMIN: sockwrightd --keep net-admin",
        ),
        LinkError::NotPermitted { .. } => (
            Errno::EPERM,
            "the server lacks the privilege to take the port, CAP_NET_BIND_SERVICE: sockwrightd --keep \
             net-bind-service",
        ),
        LinkError::TooManyGuards { .. } => {
            (Errno::ENOBUFS, "the stack holds as many ports as its limit allows")
        }
        LinkError::NoSuchInterface(_)
        | LinkError::NoSuchNamespace(_)
        | LinkError::AddressTaken(_)
        | LinkError::InterfaceTaken(_)
        | LinkError::NoTunDevice(_)
        | LinkError::NoNamespaces(_)
        | LinkError::Io { .. } => {
            (Errno::ENOBUFS, "the host's kernel refused a socket to hold the port; the server's log says why")
        }
    };
    OpError { detail: Some(detail), ..errno.into() }
}

/// Ephemeral ports that are tried before giving up. The host's own are a few among many thousands.
const EPHEMERAL_TRIES: usize = 32;
