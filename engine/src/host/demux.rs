//! Which socket a segment or datagram belongs to: by hash, the most exact match first.

use core::hash::{BuildHasher, Hash};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hashbrown::HashMap;
use siphasher::sip::SipHasher13;

use super::config::PortKind;
use crate::id::SocketId;
use crate::rng::Rng;
use crate::tcp::cx::Tuple;

/// Keyed, so that nobody outside can choose addresses that collide.
#[derive(Clone, Debug)]
pub(crate) struct SipKeys(u64, u64);

impl SipKeys {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        SipKeys(rng.next_u64(), rng.next_u64())
    }
}

impl BuildHasher for SipKeys {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}

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
