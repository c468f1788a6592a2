//! Which ports are in use, by whom, and which one to take next (RFC 6056).

use alloc::collections::BTreeMap;
use core::net::{IpAddr, SocketAddr};

use super::config::{Port, PortKind};
use super::demux::unspecified_like;
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
const EPHEMERAL: core::ops::RangeInclusive<u16> = 32_768..=65_535;

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

/// The ports in use, and by which sockets: in one tree, for most ports have one socket and some have all.
#[derive(Debug, Default)]
pub(crate) struct Ports(BTreeMap<(PortKind, u16, SocketId), Use>);

impl Ports {
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
        self.0.insert((kind, local.port(), socket), Use { ip: local.ip(), hold });
    }

    /// Changes how a socket holds its port.
    pub(crate) fn set_hold(&mut self, kind: PortKind, port: u16, socket: SocketId, hold: Hold) {
        if let Some(used) = self.0.get_mut(&(kind, port, socket)) {
            used.hold = hold;
        }
    }

    /// SO_REUSEADDR of a socket that holds its port by `bind` changed.
    pub(crate) fn set_reuse(&mut self, kind: PortKind, port: u16, socket: SocketId, reuse: bool) {
        if let Some(Use { hold: Hold::Bound { reuse: held, .. }, .. }) = self.0.get_mut(&(kind, port, socket))
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
        let Use { ip, .. } = self.0.remove(&(kind, local.port(), socket))?;
        let still = self.in_use(kind, SocketAddr::new(ip, local.port()));
        (!still).then_some(Port { kind, ip, port: local.port() })
    }

    /// A free ephemeral port, where `usable` agrees too: RFC 6056's algorithm 1, a random start and then one by one.
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
        shareable: bool,
        usable: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        let count = u32::from(EPHEMERAL.end() - EPHEMERAL.start()) + 1;
        let start = rng.below(count);
        (0..count).map(|i| EPHEMERAL.start() + ((start + i) % count) as u16).find(|&port| {
            let free = self
                .overlapping(kind, SocketAddr::new(ip, port))
                .all(|used| shareable && used.hold == Hold::Ephemeral);
            free && usable(port)
        })
    }

    fn overlapping(&self, kind: PortKind, local: SocketAddr) -> impl Iterator<Item = &Use> {
        let ip = local.ip();
        let any = unspecified_like(ip);
        // A range that has an end would be searched for from both ends.
        let from_port = self.0.range((kind, local.port(), SocketId(0))..);
        let of_port =
            from_port.take_while(move |((of_kind, port, _), _)| (*of_kind, *port) == (kind, local.port()));
        of_port.map(|(_, used)| used).filter(move |used| {
            used.ip == ip || used.ip == any || ip == any && used.ip.is_ipv4() == ip.is_ipv4()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: PortKind = PortKind::Tcp;

    fn at(ip: [u8; 4], port: u16) -> SocketAddr {
        (ip, port).into()
    }

    #[test]
    fn any_address_overlaps_each() {
        let mut ports = Ports::default();
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
        let mut ports = Ports::default();
        ports.hold(TCP, at([10, 0, 0, 1], 80), SocketId(1), Hold::Bound { reuse: true, listening: false });
        assert!(ports.conflicts(TCP, at([10, 0, 0, 1], 80), false));
        assert!(!ports.conflicts(TCP, at([10, 0, 0, 1], 80), true));
        ports.set_hold(TCP, 80, SocketId(1), Hold::Bound { reuse: true, listening: true });
        assert!(ports.conflicts(TCP, at([10, 0, 0, 1], 80), true));
    }

    #[test]
    fn the_last_use_gives_the_port_back() {
        let mut ports = Ports::default();
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
        let mut ports = Ports::default();
        let (any, own) = (at([0; 4], 80), at([10, 0, 0, 1], 80));
        ports.hold(TCP, any, SocketId(1), Hold::Bound { reuse: false, listening: true });
        ports.hold(TCP, own, SocketId(2), Hold::Bound { reuse: false, listening: false });
        assert_eq!(ports.release(TCP, any, SocketId(1)), None);
        assert_eq!(ports.release(TCP, own, SocketId(2)), Some(Port { kind: TCP, ip: own.ip(), port: 80 }));
    }

    #[test]
    fn ephemeral_ports_run_out_only_when_all_are_taken() {
        let mut ports = Ports::default();
        let mut rng = Rng::from_u64(1);
        let ip = IpAddr::from([10, 0, 0, 1]);
        let last = |port| port == 40_000;
        assert_eq!(ports.ephemeral(&mut rng, TCP, ip, false, last), Some(40_000));
        ports.hold(TCP, SocketAddr::new(ip, 40_000), SocketId(1), Hold::Ephemeral);
        assert_eq!(ports.ephemeral(&mut rng, TCP, ip, false, last), None);
        assert_eq!(ports.ephemeral(&mut rng, TCP, ip, true, last), Some(40_000));
    }
}
