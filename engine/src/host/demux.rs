//! Which socket a segment or datagram belongs to: by hash, the most exact match first.
//!
//! A connection's entry is a hash and the socket's name: the addresses themselves lie in the socket, which is looked up next
//! anyway.

use core::hash::BuildHasher;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use alloc::boxed::Box;
use hashbrown::{HashMap, HashTable};

use super::config::PortKind;
use super::socket::Socket;
use crate::hash::{IdHash, SipKeys};
use crate::id::SocketId;
use crate::rng::Rng;
use crate::tcp::cx::Tuple;

/// The sockets by name. Each by itself: a table keeps more places than it has entries.
pub(crate) type Sockets = HashMap<SocketId, Box<Socket>, IdHash>;

/// The sockets by address. No order of theirs shows in anything that leaves.
#[derive(Debug)]
pub(crate) struct Demux {
    /// Keyed, so that nobody outside can choose addresses that collide.
    keys: SipKeys,
    /// Connections, and datagram sockets with a peer.
    connected: HashTable<Connected>,
    /// The one that was looked for last: what comes next is often for it, too.
    last: Option<(Tuple, SocketId)>,
    /// Listeners, and datagram sockets without a peer, by local address; unspecified: any.
    bound: HashMap<(PortKind, SocketAddr), SocketId, SipKeys>,
}

/// A socket that hears one peer.
#[derive(Debug)]
struct Connected {
    hash: u64,
    socket: SocketId,
}

impl Connected {
    fn is(&self, hash: u64, sockets: &Sockets, kind: PortKind, tuple: &Tuple) -> bool {
        self.hash == hash && has_ends(sockets, self.socket, kind, tuple)
    }
}

fn has_ends(sockets: &Sockets, socket: SocketId, kind: PortKind, tuple: &Tuple) -> bool {
    sockets.get(&socket).is_some_and(|socket| socket.port_kind() == kind && socket.tuple() == Some(*tuple))
}

impl Demux {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let keys = SipKeys::new(rng);
        let bound = HashMap::with_hasher(keys.clone());
        Demux { connected: HashTable::new(), last: None, bound, keys }
    }

    pub(crate) fn connected(&self, sockets: &Sockets, kind: PortKind, tuple: &Tuple) -> Option<SocketId> {
        let hash = self.keys.hash_one((kind, tuple));
        self.connected.find(hash, |entry| entry.is(hash, sockets, kind, tuple)).map(|entry| entry.socket)
    }

    /// The same for what arrived.
    pub(crate) fn receiver(&mut self, sockets: &Sockets, kind: PortKind, tuple: &Tuple) -> Option<SocketId> {
        if let Some((ends, last)) = &self.last
            && ends == tuple
            && has_ends(sockets, *last, kind, tuple)
        {
            return Some(*last);
        }
        let found = self.connected(sockets, kind, tuple)?;
        self.last = Some((*tuple, found));
        Some(found)
    }

    /// The connection that a segment arrived for last.
    pub(crate) fn last(&self) -> Option<SocketId> {
        self.last.as_ref().map(|(_, socket)| *socket)
    }

    pub(crate) fn bound(&self, kind: PortKind, local: SocketAddr) -> Option<SocketId> {
        let any = SocketAddr::new(unspecified_like(local.ip()), local.port());
        self.bound.get(&(kind, local)).or_else(|| self.bound.get(&(kind, any))).copied()
    }

    /// The socket, whose ends these are, hears its peer: in place of one that had the same ends.
    pub(crate) fn connect(&mut self, sockets: &Sockets, kind: PortKind, tuple: Tuple, socket: SocketId) {
        self.last = None;
        let hash = self.keys.hash_one((kind, tuple));
        match self.connected.find_mut(hash, |entry| entry.is(hash, sockets, kind, &tuple)) {
            Some(entry) => entry.socket = socket,
            None => {
                self.connected.insert_unique(hash, Connected { hash, socket }, |entry| entry.hash);
            }
        }
    }

    pub(crate) fn bind(&mut self, kind: PortKind, local: SocketAddr, socket: SocketId) {
        self.bound.insert((kind, local), socket);
    }

    pub(crate) fn disconnect(&mut self, kind: PortKind, tuple: &Tuple, socket: SocketId) {
        self.last = None;
        let hash = self.keys.hash_one((kind, tuple));
        if let Ok(entry) =
            self.connected.find_entry(hash, |entry| entry.hash == hash && entry.socket == socket)
        {
            entry.remove();
        }
    }

    pub(crate) fn unbind(&mut self, kind: PortKind, local: SocketAddr, socket: SocketId) {
        if self.bound.get(&(kind, local)) == Some(&socket) {
            self.bound.remove(&(kind, local));
        }
    }
}

/// Any address of the family of `ip`.
pub(crate) fn unspecified_like(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
