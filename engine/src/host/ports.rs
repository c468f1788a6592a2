//! Which ports are in use, by whom, and which one to take next (RFC 6056).

use alloc::collections::BTreeMap;
use core::hash::BuildHasher;
use core::net::{IpAddr, SocketAddr};

use super::config::{Port, PortKind};
use super::demux::unspecified_like;
use crate::hash::SipKeys;
use crate::id::SocketId;
use crate::rng::Rng;

/// The ephemeral ports: the upper half, as in Linux, which the well-known services stay out of.
//= https://www.rfc-editor.org/rfc/rfc6056#section-3.2
//# As a result, port numbers that may be needed for providing a particular service at the
//# local host SHOULD NOT be included in the pool of port numbers available for ephemeral port
//# randomization.
//= https://www.rfc-editor.org/rfc/rfc6056#section-3.2
//= type=exception
//= reason=the upper half alone, as in Linux: what is below may be needed by a service of the host's
//# Ephemeral port selection algorithms SHOULD use the largest possible port range, since this
//# reduces the chances of an off-path attacker of guessing the selected port numbers.
pub const EPHEMERAL_PORTS: core::ops::RangeInclusive<u16> = 32_768..=65_535;

/// How many there are.
const COUNT: u32 = (*EPHEMERAL_PORTS.end() - *EPHEMERAL_PORTS.start()) as u32 + 1;
/// Counts of ports that were passed: peers that share one pass each other's.
const SEQUENCES: usize = 64;

/// How a socket holds its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// By `bind` or `listen`, or a connection with such a port.
    Bound {
        /// SO_REUSEADDR.
        reuse: bool,
        /// Listening: nobody else may have it, whatever the options.
        listening: bool,
    },
    /// By `connect` alone: another connection may have it too, to another peer.
    Ephemeral,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    ip: IpAddr,
    hold: Hold,
}

/// The ports in use, and by which sockets.
#[derive(Debug)]
pub(crate) struct Ports {
    /// In one tree, for most ports have one socket and some have all.
    uses: BTreeMap<(PortKind, u16, SocketId), Use>,
    /// Of RFC 6056's algorithm 4: what tells where the ports towards a peer begin, and how many of them were passed.
    keys: SipKeys,
    passed: [u16; SEQUENCES],
}

impl Ports {
    /// None in use.
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Ports { uses: BTreeMap::new(), keys: SipKeys::new(rng), passed: [0; SEQUENCES] }
    }

    /// Whether `bind` to `local` has to fail.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
    //# A TCP implementation that supports multiple concurrent connections MUST provide an OPEN
    //# call that will functionally allow an application to LISTEN on a port while a connection
    //# block with the same local port is in SYN-SENT or SYN-RECEIVED state (MUST-42).
    pub(crate) fn conflicts(&self, kind: PortKind, local: SocketAddr, reuse: bool) -> bool {
        self.overlapping(kind, local).any(|used| match used.hold {
            Hold::Bound { reuse: theirs, listening } => !(reuse && theirs && !listening),
            Hold::Ephemeral => !reuse,
        })
    }

    /// Whether any socket uses the port.
    pub(crate) fn in_use(&self, kind: PortKind, local: SocketAddr) -> bool {
        self.overlapping(kind, local).next().is_some()
    }

    pub(crate) fn hold(&mut self, kind: PortKind, local: SocketAddr, socket: SocketId, hold: Hold) {
        self.uses.insert((kind, local.port(), socket), Use { ip: local.ip(), hold });
    }

    /// Changes how a socket holds its port.
    pub(crate) fn set_hold(&mut self, kind: PortKind, port: u16, socket: SocketId, hold: Hold) {
        if let Some(used) = self.uses.get_mut(&(kind, port, socket)) {
            used.hold = hold;
        }
    }

    /// SO_REUSEADDR of a socket that holds its port by `bind` changed.
    pub(crate) fn set_reuse(&mut self, kind: PortKind, port: u16, socket: SocketId, reuse: bool) {
        if let Some(Use { hold: Hold::Bound { reuse: held, .. }, .. }) =
            self.uses.get_mut(&(kind, port, socket))
        {
            *held = reuse;
        }
    }

    /// Whether somebody listens on the port, at an address that overlaps.
    pub(crate) fn has_listener(&self, kind: PortKind, local: SocketAddr) -> bool {
        self.overlapping(kind, local).any(|used| matches!(used.hold, Hold::Bound { listening: true, .. }))
    }

    /// Lets go of a socket's port; gives the port where no other socket uses it at an address that overlaps.
    ///
    /// A listener on any address and its connections on particular ones overlap: whichever goes last gives the port
    /// back, at its own address; whoever claimed it elsewhere has to take that for all that it claimed.
    pub(crate) fn release(&mut self, kind: PortKind, local: SocketAddr, socket: SocketId) -> Option<Port> {
        let Use { ip, .. } = self.uses.remove(&(kind, local.port(), socket))?;
        let still = self.in_use(kind, SocketAddr::new(ip, local.port()));
        (!still).then_some(Port { kind, ip, port: local.port() })
    }

    /// An ephemeral port that nobody uses, where `usable` agrees too: RFC 6056's algorithm 1, a random start and then one
    /// by one.
    //= https://www.rfc-editor.org/rfc/rfc6056#section-3.3
    //# Ephemeral port selection algorithms SHOULD obfuscate the selection of their ephemeral
    //# ports, since this helps to mitigate a number of attacks that depend on the attacker's
    //# ability to guess or know the five-tuple that identifies the transport-protocol instance to
    //# be attacked.
    pub(crate) fn ephemeral(
        &self,
        rng: &mut Rng,
        kind: PortKind,
        ip: IpAddr,
        usable: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        self.first_free(rng.below(COUNT) as u16, kind, ip, |_| false, usable)
    }

    /// A free ephemeral port of TCP towards `remote`, where `usable` agrees too: RFC 6056's algorithm 4. Each peer has the
    /// ports in a sequence of its own, so that the one that was used longest ago comes next, and what is told of it lies
    /// beside what was told of the last one.
    pub(crate) fn ephemeral_towards(
        &mut self,
        ip: IpAddr,
        remote: SocketAddr,
        usable: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        let hash = self.keys.hash_one((ip, remote));
        let (offset, sequence) = (hash as u16, (hash >> 32) as usize % SEQUENCES);
        let passed = self.passed.get(sequence).copied().unwrap_or_default();
        let start = offset.wrapping_add(passed);
        let port = self.first_free(start, PortKind::Tcp, ip, |used| used.hold == Hold::Ephemeral, usable)?;
        if let Some(passed) = self.passed.get_mut(sequence) {
            *passed = port.wrapping_sub(offset).wrapping_add(1);
        }
        Some(port)
    }

    /// The first port from the `start`th on, in a circle, whose uses can all be shared and that is `usable`.
    fn first_free(
        &self,
        start: u16,
        kind: PortKind,
        ip: IpAddr,
        shareable: impl Fn(&Use) -> bool,
        usable: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        let nth = |i| EPHEMERAL_PORTS.start() + ((u32::from(start) + i) % COUNT) as u16;
        (0..COUNT)
            .map(nth)
            .find(|&port| self.overlapping(kind, SocketAddr::new(ip, port)).all(&shareable) && usable(port))
    }

    fn overlapping(&self, kind: PortKind, local: SocketAddr) -> impl Iterator<Item = &Use> {
        let ip = local.ip();
        let any = unspecified_like(ip);
        // A range that has an end would be searched for from both ends.
        let from_port = self.uses.range((kind, local.port(), SocketId(0))..);
        let of_port =
            from_port.take_while(move |((of_kind, port, _), _)| (*of_kind, *port) == (kind, local.port()));
        of_port.map(|(_, used)| used).filter(move |used| {
            used.ip == ip || used.ip == any || ip == any && used.ip.is_ipv4() == ip.is_ipv4()
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use super::*;

    const TCP: PortKind = PortKind::Tcp;

    fn ports() -> Ports {
        Ports::new(&mut Rng::from_u64(1))
    }

    fn at(ip: [u8; 4], port: u16) -> SocketAddr {
        (ip, port).into()
    }

    #[test]
    fn any_address_overlaps_each() {
        let mut ports = ports();
        ports.hold(TCP, at([0; 4], 80), SocketId(1), Hold::Bound { reuse: false, listening: false });
        assert!(ports.conflicts(TCP, at([10, 0, 0, 1], 80), false));
        assert!(!ports.conflicts(TCP, at([10, 0, 0, 1], 81), false));
        assert!(!ports.conflicts(TCP, at([10, 0, 0, 1], 79), false));
        assert!(!ports.conflicts(PortKind::Udp, at([10, 0, 0, 1], 80), false));
        assert!(!ports.conflicts(TCP, "[::1]:80".parse().unwrap(), false));
        for (kind, other, port) in [(TCP, PortKind::Udp, 90), (PortKind::Udp, TCP, 91)] {
            let local = at([10, 0, 0, 1], port);
            ports.hold(kind, local, SocketId(2), Hold::Bound { reuse: false, listening: false });
            assert!(!ports.conflicts(other, local, false), "{other:?} is free where {kind:?} is not");
        }
    }

    #[test]
    fn reuse_needs_both_sides_and_no_listener() {
        let mut ports = ports();
        ports.hold(TCP, at([10, 0, 0, 1], 80), SocketId(1), Hold::Bound { reuse: true, listening: false });
        assert!(ports.conflicts(TCP, at([10, 0, 0, 1], 80), false));
        assert!(!ports.conflicts(TCP, at([10, 0, 0, 1], 80), true));
        ports.set_hold(TCP, 80, SocketId(1), Hold::Bound { reuse: true, listening: true });
        assert!(ports.conflicts(TCP, at([10, 0, 0, 1], 80), true));
    }

    #[test]
    fn the_last_use_gives_the_port_back() {
        let mut ports = ports();
        let local = at([10, 0, 0, 1], 80);
        ports.hold(TCP, local, SocketId(1), Hold::Bound { reuse: true, listening: true });
        ports.hold(TCP, local, SocketId(2), Hold::Bound { reuse: true, listening: false });
        assert_eq!(ports.release(TCP, local, SocketId(1)), None);
        assert_eq!(
            ports.release(TCP, local, SocketId(2)),
            Some(Port { kind: TCP, ip: local.ip(), port: 80 })
        );
        assert!(!ports.in_use(TCP, local));
    }

    #[test]
    fn a_listener_on_any_address_leaves_the_port_to_its_connections() {
        let mut ports = ports();
        let (any, own) = (at([0; 4], 80), at([10, 0, 0, 1], 80));
        ports.hold(TCP, any, SocketId(1), Hold::Bound { reuse: false, listening: true });
        ports.hold(TCP, own, SocketId(2), Hold::Bound { reuse: false, listening: false });
        assert_eq!(ports.release(TCP, any, SocketId(1)), None);
        assert_eq!(ports.release(TCP, own, SocketId(2)), Some(Port { kind: TCP, ip: own.ip(), port: 80 }));
    }

    #[test]
    fn ephemeral_ports_run_out_only_when_all_are_taken() {
        let mut ports = ports();
        let mut rng = Rng::from_u64(1);
        let ip = IpAddr::from([10, 0, 0, 1]);
        let last = |port| port == 40_000;
        let remote = at([10, 0, 0, 2], 80);
        assert_eq!(ports.ephemeral(&mut rng, TCP, ip, last), Some(40_000));
        ports.hold(TCP, SocketAddr::new(ip, 40_000), SocketId(1), Hold::Ephemeral);
        assert_eq!(ports.ephemeral(&mut rng, TCP, ip, last), None);
        assert_eq!(ports.ephemeral_towards(ip, remote, last), Some(40_000));
        ports.hold(
            TCP,
            SocketAddr::new(ip, 40_000),
            SocketId(2),
            Hold::Bound { reuse: true, listening: false },
        );
        assert_eq!(ports.ephemeral_towards(ip, remote, last), None);
    }

    //= https://www.rfc-editor.org/rfc/rfc6056#section-3.3
    //= type=test
    //# Ephemeral port selection algorithms SHOULD obfuscate the selection of their ephemeral
    //# ports, since this helps to mitigate a number of attacks that depend on the attacker's
    //# ability to guess or know the five-tuple that identifies the transport-protocol instance to
    //# be attacked.
    #[test]
    fn a_peer_gets_each_port_once_before_any_comes_again_and_begins_where_nobody_knows() {
        let ip = IpAddr::from([10, 0, 0, 1]);
        let first = |seed, remote| {
            let mut ports = Ports::new(&mut Rng::from_u64(seed));
            ports.ephemeral_towards(ip, remote, |_| true).unwrap()
        };
        let (near, far) = (at([10, 0, 0, 2], 80), at([10, 0, 0, 2], 81));
        let firsts: Vec<u16> = (0..8).flat_map(|seed| [first(seed, near), first(seed, far)]).collect();
        let distinct = BTreeSet::from_iter(&firsts);
        assert_eq!(distinct.len(), firsts.len(), "{firsts:?}");

        let mut ports = ports();
        let busy = |port| !(40_000..41_000).contains(&port);
        let mut came = BTreeSet::new();
        for _ in 0..COUNT - 1_000 {
            assert!(came.insert(ports.ephemeral_towards(ip, near, busy).unwrap()));
        }
        assert_eq!(
            ports.ephemeral_towards(ip, near, busy),
            came.iter().copied().find(|port| *port == first(1, near))
        );
    }
}
