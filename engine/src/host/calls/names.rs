//! Addresses: bind, listen, and what the host's kernel has to know of them.

use core::net::{IpAddr, SocketAddr};

use super::*;
use crate::event::Cause;
use crate::host::canonical;
use crate::host::config::{Port, PortKind};
use crate::host::ports::Hold;
use crate::tcp::passive::listener::Listener;
use crate::tcp::state::{State, Trigger};

/// The backlog of a `listen` that names none.
const BACKLOG: u32 = 128;

impl Engine {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
    //# The optional "local IP address" parameter MUST be supported to allow the specification of
    //# the local IP address (MUST-43).
    pub(super) fn bind(&mut self, now: Instant, id: SocketId, local: SocketAddr) -> Result<Reply, OpError> {
        let local = canonical(local);
        let socket = self.open_socket(id)?;
        let (family, reuse, kind) = (socket.family, socket.options.reuse_address, socket.port_kind());
        // Two datagram sockets of one address could not both receive.
        let reuse = reuse && kind == PortKind::Tcp;
        if socket.state != SocketState::Unbound {
            return Err(socket.refusal(Errno::EINVAL, "The socket is bound already."));
        }
        if Family::from(local.ip()) != family {
            return Err(OpError {
                detail: Some("The address is of the other family."),
                ..Errno::EAFNOSUPPORT.into()
            });
        }
        //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
        //# When a host sends any datagram, the IP source address MUST be one of its own IP addresses
        //# (but not a broadcast or multicast address).
        //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.4.2
        //# An application MUST be able to explicitly specify the source address for initiating a
        //# connection or a request.
        //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.6
        //# When a host sends a UDP datagram, the source address MUST be (one of) the IP address(es)
        //# of the host.
        if !local.ip().is_unspecified() && !self.is_own(local.ip()) {
            return Err(OpError {
                detail: Some("It is not an address of this stack."),
                ..Errno::EADDRNOTAVAIL.into()
            });
        }
        let local = match local.port() {
            0 => {
                let port = self.ports.ephemeral(&mut self.shared.rng, kind, local.ip(), |_| true);
                SocketAddr::new(local.ip(), port.ok_or(NO_PORT)?)
            }
            _ if self.ports.conflicts(kind, local, reuse) => return Err(Errno::EADDRINUSE.into()),
            _ => local,
        };
        self.take_name(now, id, local, Hold::Bound { reuse, listening: false });
        Ok(Reply::Named { local })
    }

    pub(super) fn listen(&mut self, now: Instant, id: SocketId, backlog: u32) -> Result<Reply, OpError> {
        let limit = self.shared.limits.backlog;
        let socket = self.open_socket(id)?;
        if socket.kind == SocketKind::Datagram {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let wanted = if backlog == 0 { BACKLOG } else { backlog } as usize;
        let backlog = wanted.min(limit);
        if let Phase::Listener(listener) = &mut socket.phase {
            listener.backlog = backlog;
        } else if !matches!(socket.phase, Phase::Idle) {
            return Err(socket.refusal(Errno::EINVAL, "The socket is connecting or connected."));
        }
        let family = socket.family;
        if wanted > limit {
            self.shared.cx(now).limit_hit(Some(id), Limit::Backlog);
        }
        if self.sockets.get(&id).is_some_and(|socket| socket.local().is_none()) {
            let any = if family == Family::V4 { IpAddr::from([0u8; 4]) } else { IpAddr::from([0u8; 16]) };
            self.bind(now, id, SocketAddr::new(any, 0))?;
        }
        let socket = self.open_socket(id)?;
        let local = socket.local().ok_or(Errno::EINVAL)?;
        if matches!(socket.phase, Phase::Idle) {
            let reuse = socket.options.reuse_address;
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
            //# Every passive OPEN call either creates a new connection record in LISTEN state, or it
            //# returns an error; it MUST NOT affect any previously created connection record (MUST-41).
            if self.ports.has_listener(PortKind::Tcp, local) {
                return Err(OpError {
                    detail: Some("Another socket listens there."),
                    ..Errno::EADDRINUSE.into()
                });
            }
            self.demux.bind(PortKind::Tcp, local, id);
            self.ports.set_hold(PortKind::Tcp, local.port(), id, Hold::Bound { reuse, listening: true });
            let socket = self.open_socket(id)?;
            socket.phase = Phase::Listener(Box::new(Listener::new(backlog)));
            let (from, to) = (State::Closed, State::Listen);
            debug_assert_eq!(from.after(Trigger::PassiveOpen), Some(to));
            let cause = Cause::Call(Call::Listen);
            self.shared.cx(now).tell(id, EventKind::TcpState { from, to, cause, local, remote: None });
            self.touch(id);
        }
        Ok(Reply::Named { local })
    }

    /// Gives a socket its local address.
    pub(super) fn take_name(&mut self, now: Instant, id: SocketId, local: SocketAddr, hold: Hold) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        socket.set_local(local);
        let kind = socket.port_kind();
        self.ports.hold(kind, local, id, hold);
        if kind == PortKind::Udp {
            self.demux.bind(kind, local, id);
        }
        self.shared.cx(now).tell(id, EventKind::Named { local, remote: None });
        self.touch(id);
    }

    /// The port that carrying out `request` has to bind first, where it has to; 0: any ephemeral one.
    ///
    /// For hosts that share their address with a kernel: claim the port there, then carry out a `Bind` with that very
    /// port, then the request itself, unless that was the `Bind`.
    pub fn port_needed(&self, request: &Request) -> Option<Port> {
        let (id, ip, port) = match request {
            Request::Bind { socket, local } => (socket, Some(local.ip()), local.port()),
            Request::Listen { socket, .. } | Request::SendTo { socket, .. } => (socket, None, 0),
            Request::Connect { socket, remote, .. } => {
                (socket, self.route(remote.ip()).map(|hop| hop.source), 0)
            }
            _ => return None,
        };
        let socket = self.sockets.get(id)?;
        let wants = socket.held && socket.state == SocketState::Unbound;
        let any = || match socket.family {
            Family::V4 => IpAddr::from([0u8; 4]),
            Family::V6 => IpAddr::from([0u8; 16]),
        };
        wants.then(|| Port { kind: socket.port_kind(), ip: ip.unwrap_or_else(any), port })
    }

    /// A free ephemeral port (RFC 6056); likely another one each time.
    pub fn ephemeral_port(&mut self, kind: PortKind, ip: IpAddr) -> Option<u16> {
        self.ports.ephemeral(&mut self.shared.rng, kind, ip, |_| true)
    }
}

pub(super) const NO_PORT: OpError =
    OpError { errno: Errno::EADDRNOTAVAIL, state: None, detail: Some("No ephemeral port is free.") };

impl Socket {
    /// An error that tells the state in which the call found the socket.
    pub(super) fn refusal(&self, errno: Errno, detail: &'static str) -> OpError {
        OpError { errno, state: self.tcp_state(), detail: Some(detail) }
    }
}
