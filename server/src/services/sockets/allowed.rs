//! What a caller may do with a socket on a real wire: each call that begins something there, asked of its grants.
//!
//! Labs are free: nothing is asked there.

use std::net::SocketAddr;

use sockwright_engine::id::SocketId;
use tonic::Status;

use super::{Found, SocketsService};
use crate::access::policy::{Reach, Transport};

impl Found {
    /// Whether it may have this address for its own.
    pub(super) fn may_bind(&self, transport: Transport, local: SocketAddr) -> Result<(), Status> {
        match self.on_wire {
            true => Ok(self.caller.grants().may_bind(transport, local.port())?),
            false => Ok(()),
        }
    }

    /// Whether it may listen on this port; 0 is any that is free.
    pub(super) fn may_listen(&self, port: u16) -> Result<(), Status> {
        match self.on_wire {
            true => Ok(self.caller.grants().may_listen(Transport::Tcp, port).map(drop)?),
            false => Ok(()),
        }
    }

    /// Whether it may begin to talk to this address.
    pub(super) fn may_reach(&self, transport: Transport, remote: SocketAddr) -> Result<(), Status> {
        match self.on_wire {
            true => Ok(self.caller.grants().may_reach(Reach::Out(transport, remote)).map(drop)?),
            false => Ok(()),
        }
    }
}

impl SocketsService {
    /// Whether a connection may go on: it was allowed when it began, and the policy may be another one by now.
    pub(super) fn may_go_on(&self, found: &Found) -> Result<(), Status> {
        if !found.on_wire {
            return Ok(());
        }
        let Some((Some(local), Some(remote))) = self.hub.ends_of(found.socket) else { return Ok(()) };
        let (out, back) =
            (Reach::Out(Transport::Tcp, remote), Reach::In(Transport::Tcp, remote.ip(), local.port()));
        match found.caller.grants().may_leave(false, out, back) {
            true => Ok(()),
            false => Ok(found.caller.grants().may_reach(out).map(drop)?),
        }
    }

    /// Whether a datagram may be sent there, or back to who may ask.
    pub(super) fn may_send_to(&self, found: &Found, remote: SocketAddr) -> Result<(), Status> {
        let out = Reach::Out(Transport::Udp, remote);
        let port = || self.local_port(found.socket).unwrap_or(0);
        let grants = found.caller.grants();
        if !found.on_wire || grants.may_leave(false, out, Reach::In(Transport::Udp, remote.ip(), port())) {
            return Ok(());
        }
        Ok(grants.may_reach(out).map(drop)?)
    }

    /// The port that a socket has.
    pub(super) fn local_port(&self, socket: SocketId) -> Option<u16> {
        let (local, _) = self.hub.ends_of(socket)?;
        local.map(|local| local.port())
    }
}
