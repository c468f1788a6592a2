//! Which socket a segment or datagram belongs to: by hash, the most exact match first.

use core::hash::Hash;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hashbrown::HashMap;

use super::config::PortKind;
use crate::hash::SipKeys;
use crate::id::SocketId;
use crate::rng::Rng;
use crate::tcp::cx::Tuple;

/// A map whose order never shows in anything that leaves.
pub(crate) type KeyedMap<K, V> = HashMap<K, V, SipKeys>;

/// The sockets by address.
#[derive(Debug)]
pub(crate) struct Demux {
    /// Connections, and datagram sockets with a peer.
    connected: KeyedMap<(PortKind, Tuple), SocketId>,
    /// Listeners, and datagram sockets without a peer, by local address; unspecified: any.
    bound: KeyedMap<(PortKind, SocketAddr), SocketId>,
}

impl Demux {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let keys = SipKeys::new(rng);
        Demux { connected: HashMap::with_hasher(keys.clone()), bound: HashMap::with_hasher(keys) }
    }

    pub(crate) fn connected(&self, kind: PortKind, tuple: &Tuple) -> Option<SocketId> {
        self.connected.get(&(kind, *tuple)).copied()
    }

    pub(crate) fn bound(&self, kind: PortKind, local: SocketAddr) -> Option<SocketId> {
        let any = SocketAddr::new(unspecified_like(local.ip()), local.port());
        self.bound.get(&(kind, local)).or_else(|| self.bound.get(&(kind, any))).copied()
    }

    pub(crate) fn connect(&mut self, kind: PortKind, tuple: Tuple, socket: SocketId) {
        self.connected.insert((kind, tuple), socket);
    }

    pub(crate) fn bind(&mut self, kind: PortKind, local: SocketAddr, socket: SocketId) {
        self.bound.insert((kind, local), socket);
    }

    pub(crate) fn disconnect(&mut self, kind: PortKind, tuple: &Tuple, socket: SocketId) {
        remove_if_of(&mut self.connected, &(kind, *tuple), socket);
    }

    pub(crate) fn unbind(&mut self, kind: PortKind, local: SocketAddr, socket: SocketId) {
        remove_if_of(&mut self.bound, &(kind, local), socket);
    }
}

fn remove_if_of<K: Hash + Eq>(map: &mut KeyedMap<K, SocketId>, key: &K, socket: SocketId) {
    if map.get(key) == Some(&socket) {
        map.remove(key);
    }
}

/// Any address of the family of `ip`.
pub(crate) fn unspecified_like(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
