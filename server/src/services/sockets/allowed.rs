//! What a caller may do with a socket on a real wire: each call that begins something there, asked of its grants.
//!
//! Labs are free: nothing is asked there.

use std::net::SocketAddr;
use std::sync::Arc;

use sockwright_engine::host::op::{Reply, Request as Op, SocketKind};
use sockwright_engine::id::SocketId;
use tonic::Status;

use super::{Found, SocketsService};
use crate::access::audit::Deed;
use crate::access::caller::Undertaking;
use crate::access::policy::{Denied, Leave, Reach, Transport};

/// What the audit log tells of a call before it is made.
fn deed_of(op: &Op) -> Deed<'static> {
    let (method, remote, octets) = match op {
        Op::Bind { .. } => ("Sockets/Bind", None, None),
        Op::Listen { .. } => ("Sockets/Listen", None, None),
        Op::Accept { .. } => ("Sockets/Accept", None, None),
        Op::Connect { remote, data, .. } => ("Sockets/Connect", Some(*remote), Some(data.len())),
        Op::Send { data, .. } => ("Sockets/Send", None, Some(data.len())),
        Op::SendTo { remote, data, .. } => ("Sockets/SendTo", Some(*remote), Some(data.len())),
        Op::Recv { .. } => ("Sockets/Recv", None, None),
        Op::RecvFrom { .. } => ("Sockets/RecvFrom", None, None),
        Op::Shutdown { .. } => ("Sockets/Shutdown", None, None),
        Op::Close { .. } => ("Sockets/Close", None, None),
        Op::Abort { .. } => ("Sockets/Abort", None, None),
        Op::SetOptions { .. } => ("Sockets/SetOptions", None, None),
        Op::Create { .. } => ("Sockets/Create", None, None),
        Op::Vanish { .. } | Op::Reassign { .. } => ("Sockets", None, None),
    };
    let local = if let Op::Bind { local, .. } = op { Some(*local) } else { None };
    let octets = octets.filter(|octets| *octets > 0).map(|octets| octets as u64);
    Deed { method, local, remote, octets, ..Deed::default() }
}

/// Adds what a call gave.
fn add(deed: &mut Deed<'_>, gave: &Reply) {
    match gave {
        Reply::Named { local } => deed.local = Some(*local),
        Reply::Connected { local, remote } | Reply::Accepted { local, remote, .. } => {
            (deed.local, deed.remote) = (Some(*local), Some(*remote));
        }
        Reply::ReceivedFrom { remote, .. } => deed.remote = Some(*remote),
        _ => {}
    }
}

impl Found {
    /// What the audit log tells of a call on it, unless nothing is told of it.
    pub(super) fn begins(&self, op: &Op) -> Option<Undertaking<'_>> {
        let told = self.on_wire && self.caller.is_audited();
        told.then(|| self.caller.begins(self.deed(deed_of(op))))
    }

    /// The same, with where it is done.
    pub(super) fn deed<'d>(&'d self, deed: Deed<'d>) -> Deed<'d> {
        let rule = self.rule.get().map(|rule| &**rule);
        Deed { stack: &self.name, socket: Some(self.socket.0), rule, ..deed }
    }

    /// The answer of the grants; the rule is kept for whoever tells of the call.
    fn by(&self, answer: Result<Arc<str>, Denied>) -> Result<(), Status> {
        // One call is asked about once.
        _ = self.rule.set(answer?);
        Ok(())
    }

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
            true => self.by(self.caller.grants().may_listen(Transport::Tcp, port)),
            false => Ok(()),
        }
    }

    /// Whether it may begin to talk to this address.
    pub(super) fn may_reach(&self, transport: Transport, remote: SocketAddr) -> Result<(), Status> {
        match self.on_wire {
            true => self.by(self.caller.grants().may_reach(Reach::Out(transport, remote))),
            false => Ok(()),
        }
    }
}

/// What carries what a socket sends.
pub(super) fn transport_of(kind: SocketKind) -> Transport {
    match kind {
        SocketKind::Stream => Transport::Tcp,
        SocketKind::Datagram => Transport::Udp,
    }
}

/// Tells what a call on a socket came to.
pub(super) fn tell(mut told: Undertaking<'_>, came: Result<&Reply, &Status>) {
    if let Ok(gave) = came {
        add(&mut told.deed, gave);
    }
    told.came_to(came);
}

impl SocketsService {
    /// Whether a connection may go on: it was allowed when it began, and the policy may be another one by now.
    pub(super) fn may_go_on(&self, found: &Found) -> Result<(), Status> {
        if !found.on_wire {
            return Ok(());
        }
        let Some(flow) = self.hub.flow_of(found.socket) else { return Ok(()) };
        let transport = transport_of(flow.kind);
        let grants = found.caller.grants();
        let allowed = match flow.answers {
            true => grants.may_answer(transport, flow.remote, flow.local.port()),
            false => grants.may_reach(Reach::Out(transport, flow.remote)),
        };
        Ok(allowed.map(drop)?)
    }

    /// Whether a datagram may be sent there: anything may, or an answer to who was heard from.
    pub(super) async fn may_send_to(&self, found: &Found, remote: SocketAddr) -> Result<(), Status> {
        if !found.on_wire {
            return Ok(());
        }
        let grants = found.caller.grants();
        let port = self.local_port(found.socket).unwrap_or(0);
        let allowed = match grants.may_leave(Transport::Udp, false, remote, port) {
            Leave::Freely => true,
            // A stack that is gone says so when it is called.
            Leave::WhereHeard => found.stack.has_heard(found.socket, remote).await.unwrap_or(true),
            Leave::Never => false,
        };
        match allowed {
            true => Ok(()),
            false => Ok(grants.may_reach(Reach::Out(Transport::Udp, remote)).map(drop)?),
        }
    }

    /// The port that a socket has.
    pub(super) fn local_port(&self, socket: SocketId) -> Option<u16> {
        let (local, _) = self.hub.ends_of(socket)?;
        local.map(|local| local.port())
    }
}
