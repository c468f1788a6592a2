//! Connections: connect and accept.

use core::net::SocketAddr;

use super::names::NO_PORT;
use super::*;
use crate::host::config::PortKind;
use crate::host::ports::Hold;
use crate::host::{canonical, is_unicast};
use crate::tcp::connection::{Connection, Origin, Owner, SegmentSizes};
use crate::tcp::cx::Tuple;
use crate::tcp::seq::Seq;
use crate::tcp::state::State;

impl Engine {
    /// Starts a connection; `None`: it has to be waited for.
    pub(super) fn connect(
        &mut self,
        now: Instant,
        id: SocketId,
        remote: SocketAddr,
        data: &[u8],
        wait: Wait,
    ) -> Attempt {
        match self.begin_connect(now, id, canonical(remote), data, wait) {
            Ok(true) => self.try_connected(id),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Whether the connection is there at once.
    fn begin_connect(
        &mut self,
        now: Instant,
        id: SocketId,
        remote: SocketAddr,
        data: &[u8],
        wait: Wait,
    ) -> Result<bool, OpError> {
        let socket = self.open_socket(id)?;
        if !data.is_empty() && (socket.kind != SocketKind::Stream || !socket.options.fast_open) {
            return Err(OpError {
                detail: Some("Data goes with the SYN of a stream socket whose option fast_open is on."),
                ..Errno::EOPNOTSUPP.into()
            });
        }
        if data.len() > socket.options.send_buffer as usize {
            return Err(OpError {
                detail: Some("The data does not fit the send buffer."),
                ..Errno::EMSGSIZE.into()
            });
        }
        match &socket.phase {
            Phase::Idle | Phase::Datagram(_) => {}
            Phase::Listener(_) => return Err(socket.refusal(Errno::EISCONN, "The socket is listening.")),
            Phase::Connection(_) => {
                return match socket.current_state() {
                    SocketState::Connecting if wait == Wait::Never || socket.remote() != Some(remote) => {
                        Err(socket.refusal(Errno::EALREADY, Errno::EALREADY.meaning()))
                    }
                    SocketState::Connecting => Ok(false),
                    SocketState::Disconnected => Err(socket.take_phase_error().map_or_else(
                        || socket.refusal(Errno::EISCONN, "The connection is over: create another socket."),
                        OpError::from,
                    )),
                    _ => Err(socket.refusal(Errno::EISCONN, "The socket is connected.")),
                };
            }
            _ => return Err(Errno::EBADF.into()),
        }
        let (family, kind) = (socket.family, socket.kind);
        if Family::from(remote.ip()) != family {
            return Err(OpError {
                detail: Some("The address is of the other family."),
                ..Errno::EAFNOSUPPORT.into()
            });
        }
        if remote.port() == 0 || remote.ip().is_unspecified() {
            return Err(OpError {
                detail: Some("The peer needs an address and a port."),
                ..Errno::EINVAL.into()
            });
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
        //# A TCP implementation MUST reject as an error a local OPEN call for
        //# an invalid remote IP address (e.g., a broadcast or multicast
        //# address) (MUST-46).
        if !is_unicast(remote.ip()) || self.is_broadcast(remote.ip()) {
            return Err(OpError {
                detail: Some("A multicast or broadcast address is no peer."),
                ..Errno::ENETUNREACH.into()
            });
        }
        match kind {
            SocketKind::Stream => self.open_stream(now, id, remote, data).map(|()| false),
            SocketKind::Datagram => self.set_peer(now, id, remote).map(|()| true),
        }
    }

    fn open_stream(
        &mut self,
        now: Instant,
        id: SocketId,
        remote: SocketAddr,
        data: &[u8],
    ) -> Result<(), OpError> {
        let local = self.local_for(now, id, remote)?;
        let tuple = Tuple::new(local, remote);
        if self.demux.connected(&self.sockets, PortKind::Tcp, &tuple).is_some() || local == remote {
            return Err(OpError {
                detail: Some("This connection exists already."),
                ..Errno::EADDRINUSE.into()
            });
        }
        let mtu = self.mtu_to(remote.ip());
        let hashed = self.isn.isn(now, &tuple);
        let clock = self.timestamp_offsets.clock(now, &tuple);
        let socket = self.open_socket(id)?;
        socket.set_local(local);
        socket.set_remote(remote);
        let options = socket.options.clone();
        let iss = options.initial_sequence_number.map_or(hashed, Seq);
        let sizes = SegmentSizes::new(mtu, local.is_ipv4(), &options);
        let mut cx = self.shared.cx(now);
        cx.tell(id, EventKind::Named { local, remote: Some(remote) });
        let fast_open = options.fast_open;
        let origin = Origin { owner: Owner { id, tuple, options }, sizes, iss, clock };
        let mut connection = Connection::connect(&mut cx, origin);
        if fast_open {
            connection.open_fast(&mut cx, data);
        }
        self.demux.connect(&self.sockets, PortKind::Tcp, tuple, id);
        self.open_socket(id)?.phase = Phase::Connection(Box::new(connection));
        self.touch(id);
        Ok(())
    }

    /// The local address of a connection to `remote`: as bound, and where that leaves something open, by the route.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
    //# If an application on a multihomed host does not specify the local IP address when actively
    //# opening a TCP connection, then the TCP implementation MUST ask the IP layer to select a
    //# local IP address before sending the (first) SYN (MUST-44).
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.4.2
    //# In the absence of such a specification, the networking software MUST choose a source
    //# address.
    fn local_for(&mut self, now: Instant, id: SocketId, remote: SocketAddr) -> Result<SocketAddr, OpError> {
        let bound = self.open_socket(id)?.local();
        let kind = self.open_socket(id)?.port_kind();
        // To ourselves we go from the very address we go to.
        let own = match self.is_own(remote.ip()) {
            true => remote.ip(),
            false => self.route_for_call(remote.ip())?.source,
        };
        match bound {
            Some(local) if local.ip().is_unspecified() => Ok(SocketAddr::new(own, local.port())),
            Some(local) => Ok(local),
            None => {
                let (demux, sockets) = (&self.demux, &self.sockets);
                let free = |port| {
                    let local = SocketAddr::new(own, port);
                    local != remote && demux.connected(sockets, kind, &Tuple::new(local, remote)).is_none()
                };
                let port = match kind {
                    PortKind::Tcp => self.ports.ephemeral_towards(own, remote, free),
                    PortKind::Udp => self.ports.ephemeral(&mut self.shared.rng, kind, own, free),
                };
                let port = port.ok_or(NO_PORT)?;
                let local = SocketAddr::new(own, port);
                self.take_name(now, id, local, Hold::Ephemeral);
                Ok(local)
            }
        }
    }

    fn set_peer(&mut self, now: Instant, id: SocketId, remote: SocketAddr) -> Result<(), OpError> {
        let local = self.local_for(now, id, remote)?;
        let tuple = Tuple::new(local, remote);
        if self.demux.connected(&self.sockets, PortKind::Udp, &tuple).is_some_and(|other| other != id) {
            return Err(Errno::EADDRINUSE.into());
        }
        let socket = self.open_socket(id)?;
        let old = socket.tuple();
        let bound = socket.local().unwrap_or(local);
        socket.set_remote(remote);
        if let Some(old) = old {
            self.demux.disconnect(PortKind::Udp, &old, id);
        }
        // It hears its peer alone from now on.
        self.demux.unbind(PortKind::Udp, bound, id);
        self.demux.connect(&self.sockets, PortKind::Udp, tuple, id);
        if bound != local {
            self.rename(id, bound, local);
        }
        self.shared.cx(now).tell(id, EventKind::Named { local, remote: Some(remote) });
        self.touch(id);
        Ok(())
    }

    /// A socket bound to any address got a particular one.
    fn rename(&mut self, id: SocketId, from: SocketAddr, to: SocketAddr) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        socket.set_local(to);
        let (kind, reuse) = (socket.port_kind(), socket.options.reuse_address);
        let _still_held = self.ports.release(kind, from, id);
        self.ports.hold(kind, to, id, Hold::Bound { reuse, listening: false });
    }

    /// What a waiting `connect` gives.
    pub(in crate::host) fn try_connected(&mut self, id: SocketId) -> Attempt {
        let Some(socket) = self.sockets.get_mut(&id) else { return Some(Err(Errno::EBADF.into())) };
        let (Some(local), Some(remote)) = (socket.local(), socket.remote()) else {
            return Some(Err(Errno::ENOTCONN.into()));
        };
        if let Phase::Connection(connection) = &mut socket.phase {
            match connection.state() {
                State::SynSent | State::SynReceived => return None,
                State::Closed => {
                    let errno = connection.take_error().unwrap_or(Errno::ECONNABORTED);
                    return Some(Err(OpError { errno, state: Some(State::Closed), detail: None }));
                }
                _ => {}
            }
        }
        Some(Ok(Reply::Connected { local, remote }))
    }

    /// Takes the oldest open connection.
    pub(in crate::host) fn try_accept(&mut self, id: SocketId) -> Attempt {
        let Some(socket) = self.sockets.get_mut(&id) else { return Some(Err(Errno::EBADF.into())) };
        let Phase::Listener(listener) = &mut socket.phase else {
            return Some(Err(match (socket.kind, socket.state) {
                (SocketKind::Datagram, _) => Errno::EOPNOTSUPP.into(),
                (_, SocketState::Closed) => Errno::ECONNABORTED.into(),
                _ => socket.refusal(Errno::EINVAL, "The socket is not listening."),
            }));
        };
        let child = listener.accept_queue.pop_front()?;
        let socket = self.sockets.get_mut(&child)?;
        socket.held = true;
        let (local, remote) = (socket.local()?, socket.remote()?);
        self.touch(child);
        Some(Ok(Reply::Accepted { socket: child, local, remote }))
    }
}

impl Socket {
    /// The pending error of a connection that is over.
    fn take_phase_error(&mut self) -> Option<Errno> {
        match &mut self.phase {
            Phase::Connection(connection) => connection.take_error(),
            _ => None,
        }
    }
}
