//! Data: send, recv, sendto, recvfrom, and giving back what nobody received.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::*;
use crate::event::Interest;
use crate::host::egress::{Routers, header};
use crate::host::{canonical, is_unicast};
use crate::tcp::connection::ReadyData;
use crate::tcp::send::buffer::Given;
use crate::udp::Received;
use crate::wire::{Protocol, UdpDatagram};

/// The most that one `recv` gives.
const RECV_MAX: usize = 1 << 20;

impl Engine {
    pub(in crate::host) fn try_send(
        &mut self,
        now: Instant,
        id: SocketId,
        data: &mut Vec<u8>,
        urgent: bool,
    ) -> Attempt {
        let Some(socket) = self.sockets.get_mut(&id) else { return Some(Err(Errno::EBADF.into())) };
        match &mut socket.phase {
            Phase::Connection(connection) => {
                let state = connection.state();
                let result = connection.send(&mut self.shared.cx(now), Given::Owned(data), urgent)?;
                self.touch(id);
                Some(result.map(|accepted| Reply::Sent { accepted }).map_err(|errno| in_state(errno, state)))
            }
            Phase::Datagram(_) if urgent => Some(Err(OpError {
                detail: Some("Datagrams know no urgent data."),
                ..Errno::EOPNOTSUPP.into()
            })),
            Phase::Datagram(_) => Some(self.send_to_peer(now, id, data)),
            _ => Some(Err(socket.refusal(Errno::ENOTCONN, Errno::ENOTCONN.meaning()))),
        }
    }

    pub(in crate::host) fn try_recv(
        &mut self,
        now: Instant,
        id: SocketId,
        max: usize,
        min: usize,
        peek: bool,
    ) -> Attempt {
        let Some(socket) = self.sockets.get_mut(&id) else { return Some(Err(Errno::EBADF.into())) };
        let max = max.min(RECV_MAX);
        match &mut socket.phase {
            Phase::Connection(connection) => {
                let state = connection.state();
                let result = connection.recv(&mut self.shared.cx(now), max, min, peek)?;
                self.touch(id);
                Some(result.map_err(|errno| in_state(errno, state)).map(
                    |ReadyData { data, end_of_stream, urgent }| Reply::Received {
                        data,
                        end_of_stream,
                        urgent,
                    },
                ))
            }
            Phase::Datagram(queue) if socket.remote.is_some() || !queue.queue.is_empty() => {
                // What an empty datagram is not.
                let end_of_stream = queue.shut_read && queue.queue.is_empty();
                Some(match self.try_recv_from(id, max, peek)? {
                    Ok(Reply::ReceivedFrom { data, .. }) => {
                        Ok(Reply::Received { data, end_of_stream, urgent: 0 })
                    }
                    other => other,
                })
            }
            Phase::Datagram(_) if socket.local.is_some() => None,
            _ => Some(Err(socket.refusal(Errno::ENOTCONN, Errno::ENOTCONN.meaning()))),
        }
    }

    pub(in crate::host) fn try_recv_from(&mut self, id: SocketId, max: usize, peek: bool) -> Attempt {
        let Some(socket) = self.sockets.get_mut(&id) else { return Some(Err(Errno::EBADF.into())) };
        if socket.local().is_none() && socket.kind == SocketKind::Datagram {
            return Some(Err(OpError {
                detail: Some("The socket has no address to receive at."),
                ..Errno::ENOTCONN.into()
            }));
        }
        let Phase::Datagram(queue) = &mut socket.phase else { return Some(Err(Errno::EOPNOTSUPP.into())) };
        if let Some(Received { mut data, remote, local }) = queue.take(peek) {
            let truncated = data.len() > max;
            data.truncate(max);
            return Some(Ok(Reply::ReceivedFrom { data, remote, local, truncated }));
        }
        if let Some(errno) = socket.error.take() {
            return Some(Err(errno.into()));
        }
        if queue.shut_read {
            return Some(Ok(Reply::ReceivedFrom {
                data: Vec::new(),
                remote: socket.remote()?,
                local: socket.local()?,
                truncated: false,
            }));
        }
        None
    }

    fn send_to_peer(&mut self, now: Instant, id: SocketId, data: &[u8]) -> Result<Reply, OpError> {
        let socket = self.open_socket(id)?;
        if let Some(errno) = socket.error.take() {
            return Err(errno.into());
        }
        let remote = socket.remote().ok_or(Errno::EDESTADDRREQ)?;
        self.send_datagram(now, id, remote, data)?;
        Ok(Reply::Sent { accepted: data.len() })
    }

    pub(super) fn send_to(
        &mut self,
        now: Instant,
        id: SocketId,
        remote: SocketAddr,
        data: &[u8],
    ) -> Result<Reply, OpError> {
        let remote = canonical(remote);
        let socket = self.open_socket(id)?;
        if socket.kind == SocketKind::Stream {
            let connected =
                matches!(socket.current_state(), SocketState::Connecting | SocketState::Connected);
            let errno = if connected { Errno::EISCONN } else { Errno::ENOTCONN };
            return Err(socket.refusal(errno, errno.meaning()));
        }
        if Family::from(remote.ip()) != socket.family {
            return Err(OpError {
                detail: Some("The address is of the other family."),
                ..Errno::EAFNOSUPPORT.into()
            });
        }
        if remote.port() == 0 || remote.ip().is_unspecified() {
            return Err(OpError {
                detail: Some("The destination needs an address and a port."),
                ..Errno::EINVAL.into()
            });
        }
        if socket.local().is_none() {
            let any =
                if socket.family == Family::V4 { IpAddr::from([0u8; 4]) } else { IpAddr::from([0u8; 16]) };
            self.bind(now, id, SocketAddr::new(any, 0))?;
        }
        let local = self.send_datagram(now, id, remote, data)?;
        //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.5
        //# There SHOULD be a way to communicate the chosen source address up to the application layer
        //# (e.g, so that the application can later receive a reply datagram only from the
        //# corresponding interface).
        Ok(Reply::Named { local })
    }

    //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.4
    //= type=exception
    //= reason=TTL, TOS and IP options are set by options of the socket; those that came with a datagram are
    //= not told
    //# The application interface to UDP MUST provide the full services of the IP/transport
    //# interface described in Section 3.4 of this document.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.2
    //# An application MUST be able to specify IP options to be sent in its UDP datagrams, and UDP
    //# MUST pass these options to the IP layer.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.4
    //# An application-layer program MUST be able to set the TTL and TOS values as well as IP
    //# options for sending a UDP datagram, and these values must be passed transparently to the
    //# IP layer.
    fn send_datagram(
        &mut self,
        now: Instant,
        id: SocketId,
        remote: SocketAddr,
        data: &[u8],
    ) -> Result<SocketAddr, OpError> {
        let own = self.route_for_call(remote.ip())?.source;
        if !is_unicast(remote.ip()) || self.is_broadcast(remote.ip()) {
            return Err(OpError {
                //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.6
                //= type=exception
                //= reason=sockets here talk to single hosts, to test them; groups and broadcasts are
                //= neither sent nor received
                //# Hosts SHOULD use the Limited Broadcast address to broadcast to a connected network.
                //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.7
                //= type=exception
                //= reason=sockets here talk to single hosts, to test them; groups and broadcasts are
                //= neither sent nor received
                //# A host SHOULD support local IP multicasting on all connected networks for which a
                //# mapping from Class D IP addresses to link-layer addresses has been specified (see
                //# below).
                //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.7
                //= type=exception
                //= reason=sockets here talk to single hosts, to test them; groups and broadcasts are
                //= neither sent nor received
                //# If IGMP is not implemented, a host SHOULD still join the "all- hosts" group
                //# (224.0.0.1) when the IP layer is initialized and remain a member for as long as the
                //# IP layer is active.
                //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.7
                //= type=exception
                //= reason=sockets here talk to single hosts, to test them; groups and broadcasts are
                //= neither sent nor received
                //# A host SHOULD provide a way for higher-layer protocols or applications to determine
                //# which of the host's connected network(s) support IP multicast addressing.
                detail: Some("Multicast and broadcast are not sent."),
                ..Errno::ENETUNREACH.into()
            });
        }
        let socket = self.open_socket(id)?;
        if matches!(&socket.phase, Phase::Datagram(queue) if queue.shut_write) {
            return Err(Errno::EPIPE.into());
        }
        let bound = socket.local().ok_or(Errno::EINVAL)?;
        //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.5
        //# An application program MUST be able to specify the IP source address to be used for
        //# sending a UDP datagram or to leave it unspecified (in which case the networking software
        //# will choose an appropriate source address).
        let local = if bound.ip().is_unspecified() { SocketAddr::new(own, bound.port()) } else { bound };
        let datagram = UdpDatagram { src_port: local.port(), dst_port: remote.port(), payload: data };
        let header = header((local.ip(), remote.ip()), Protocol::Udp, &socket.options);
        //= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
        //= type=exception
        //= reason=a datagram that is too large for its path is sent in fragments that are not
        //# In this approach, when an attempt is made to SEND a datagram with the DF bit set, and the
        //# datagram is larger than the PMTU estimate, the SEND function should fail and return a
        //# suitable error indication.
        //= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
        //= type=exception
        //= reason=a datagram that is too large for its path is sent in fragments that are not
        //# In this approach, when an attempt is made to SEND a packet that is larger than the PMTU
        //# estimate, the SEND function should fail and return a suitable error indication.
        let routers: Routers = socket.options.path_mtu_discovery.into();
        let len = header.len() + datagram.len();
        if routers == Routers::AreProbed && len > self.mtu_to(remote.ip()) && !self.is_own(remote.ip()) {
            let detail = "A datagram that probes its path is no longer than the MTU of the first link.";
            return Err(OpError { detail: Some(detail), ..Errno::EMSGSIZE.into() });
        }
        if datagram.len() > header.payload_len_max() {
            let detail = "The longest datagram has 65,507 octets over IPv4 and 65,527 over IPv6.";
            return Err(OpError { detail: Some(detail), ..Errno::EMSGSIZE.into() });
        }
        let mut payload = Vec::with_capacity(datagram.len());
        datagram.emit(local.ip(), remote.ip(), &mut payload);
        self.queue_packet(now, Some(id), header, &payload, routers).map_err(|_| OpError {
            detail: Some("More datagrams than the stack's limits allow."),
            ..Errno::ENOBUFS.into()
        })?;
        let kind =
            EventKind::Datagram { source: local, destination: remote, len: data.len() as u32, sent: true };
        self.shared.cx(now).tell_if(Interest::SEGMENTS, id, || kind);
        Ok(local)
    }

    pub(super) fn take_back(&mut self, now: Instant, id: SocketId, reply: Reply) {
        if let Reply::Accepted { socket: child, .. } = reply {
            return self.take_back_child(now, id, child);
        }
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let ends = (socket.remote(), socket.local());
        match (reply, &mut socket.phase) {
            (Reply::Received { data, .. }, Phase::Connection(connection)) => connection.unread(&data),
            (Reply::Received { data, .. }, Phase::Datagram(queue)) => {
                if let (Some(remote), Some(local)) = ends {
                    queue.unread(Received { data, remote, local });
                }
            }
            (Reply::ReceivedFrom { data, remote, local, .. }, Phase::Datagram(queue)) => {
                queue.unread(Received { data, remote, local });
            }
            _ => {}
        }
    }

    /// A connection that was accepted for nobody waits to be accepted again. Without its listener it ends as it would
    /// have ended with it.
    fn take_back_child(&mut self, now: Instant, listener: SocketId, child: SocketId) {
        let Ok(connection) = self.open_socket(child) else { return };
        connection.held = false;
        match self.sockets.get_mut(&listener).map(|socket| &mut socket.phase) {
            Some(Phase::Listener(listener)) => listener.accept_queue.push_front(child),
            _ => _ = self.abort(now, child, Call::Close),
        }
    }
}

fn in_state(errno: Errno, state: crate::tcp::state::State) -> OpError {
    OpError { errno, state: Some(state), detail: None }
}
