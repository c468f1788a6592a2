//! Where packets go: the networks that interfaces are on, and static routes through routers.
//!
//! The longest prefix wins; of equally long ones a network of our own, then the route that was added first and whose
//! router answers. What matches nothing has no route, but where an interface is shared with the host: the host's own
//! routes lead everywhere.
//!
//! The source address is the one of ours, on the interface that a packet leaves by, whose network the next hop is in;
//! else the first of the family that is link-local if the destination is, and else not.
//!
//! ```text
//! 10.1.0.2/24 on link 0, route 0.0.0.0/0 via 10.1.0.1, route 10.2.0.0/24 on the link itself
//! 10.1.0.9 ─> Hop { source: 10.1.0.2, next: 10.1.0.9 }
//! 192.0.2.1 ─> Hop { source: 10.1.0.2, next: 10.1.0.1 }
//! 10.2.0.9 ─> Hop { source: 10.1.0.2, next: 10.2.0.9 }
//! ```

use core::net::IpAddr;

use super::{Engine, Errno, Interface, Route, in_prefix, is_unicast};
use crate::limits::Limit;

/// The first step of a packet's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    /// The number of the interface.
    pub(super) interface: usize,
    /// Our address there.
    pub(super) source: IpAddr,
    /// The neighbor that it goes to: the destination itself, or a router.
    pub(super) next: IpAddr,
}

impl Engine {
    /// Adds a route, or says why it makes no sense.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.6
    //# The following information MUST be configurable:
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.6
    //# A manual method of entering this configuration data MUST be provided.
    pub fn add_route(&mut self, route: Route) -> Result<(), &'static str> {
        let Route { destination, prefix, gateway, link } = route;
        let Some(interface) = self.interfaces.iter().find(|interface| interface.link == link) else {
            return Err("there is no interface on this link");
        };
        if prefix > if destination.is_ipv4() { 32 } else { 128 } {
            return Err("a prefix is longer than its address");
        }
        let mut own = interface.addresses.iter().filter(|(own, _)| own.is_ipv4() == destination.is_ipv4());
        match gateway {
            Some(gateway) => check_gateway(gateway, destination, interface)?,
            None if own.next().is_none() => return Err("the interface has no address of the family"),
            None => {}
        }
        if self.routes.len() >= self.shared.limits.routes {
            self.shared.counters.limit(Limit::Routes);
            return Err("there are as many routes as the limit allows");
        }
        self.routes.push(route);
        Ok(())
    }

    /// The static routes, in the order in which they were added.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The first step to `ip`.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
    //# Addresses of this form MUST NOT appear outside a host.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.1
    //# To decide if the destination is on a connected network, the following algorithm MUST be
    //# used [see IP:3]:
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.1
    //# The host IP layer MUST operate correctly in a minimal network environment, and in
    //# particular, when there are no gateways.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.2
    //= type=exception
    //= reason=the table of routes is short and bounded: a cache of it by destination would tell nothing
    //= sooner
    //# To efficiently route a series of datagrams to the same destination, the source host MUST
    //# keep a "route cache" of mappings to next-hop gateways.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.3
    //= type=exception
    //= reason=the table of routes is short and bounded: a cache of it by destination would tell nothing
    //= sooner
    //# Field (3), the TOS, SHOULD be included.
    pub(super) fn route(&self, ip: IpAddr) -> Option<Hop> {
        // The first of equally long prefixes, so that the order of interfaces decides.
        let mut near: Option<(u8, Hop)> = None;
        for (interface, at) in self.interfaces.iter().enumerate() {
            for (source, prefix) in self.usable(at) {
                if near.is_none_or(|(longest, _)| prefix > longest) && in_prefix(ip, source, prefix) {
                    near = Some((prefix, Hop { interface, source, next: ip }));
                }
            }
        }
        if self.routes.is_empty()
            && let Some((_, hop)) = near
        {
            return Some(hop);
        }
        let covering = || self.routes.iter().filter(|route| in_prefix(ip, route.destination, route.prefix));
        match (near, covering().map(|route| route.prefix).max()) {
            (Some((length, hop)), far) if far.is_none_or(|far| length >= far) => Some(hop),
            (_, Some(length)) => self.hop_by(ip, covering().filter(move |route| route.prefix == length)),
            _ => self.hop_by_host(ip),
        }
    }

    /// The first step to `ip` for a call, which fails where there is none.
    pub(super) fn route_for_call(&self, ip: IpAddr) -> Result<Hop, Errno> {
        let hop = self.route(ip).ok_or(Errno::ENETUNREACH)?;
        let link = self.interfaces.get(hop.interface).map(|interface| interface.link);
        if link.is_some_and(|link| self.links_gone.contains(&link)) { Err(Errno::ENETDOWN) } else { Ok(hop) }
    }

    /// By one of several routes that are equally good.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.6
    //# 1) Routers that are reachable or probably reachable (i.e., in any
    //# state other than INCOMPLETE) SHOULD be preferred over routers
    //# whose reachability is unknown or suspect (i.e., in the
    //# INCOMPLETE state, or for which no Neighbor Cache entry exists).
    //= https://www.rfc-editor.org/rfc/rfc4861#section-6.3.6
    //# 2) When no routers on the list are known to be reachable or
    //# probably reachable, routers SHOULD be selected in a round-robin
    //# fashion, so that subsequent requests for a default router do not
    //# return the same router until all other routers have been
    //# selected.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.2
    //# When there is no route cache entry for the destination host address (and the destination
    //# is not on the connected network), the IP layer MUST pick a gateway from its list of
    //# "default" gateways.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.2
    //# The IP layer MUST support multiple default gateways.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.4
    //# The IP layer MUST be able to detect the failure of a "next- hop" gateway that is listed in
    //# its route cache and to choose an alternate gateway (see Section 3.3.1.5).
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.5
    //# If it is the current default that failed, the IP layer MUST select a different default
    //# gateway (assuming more than one default is known) for the failed route and for
    //# establishing new routes.
    fn hop_by<'a>(&'a self, ip: IpAddr, routes: impl Iterator<Item = &'a Route> + Clone) -> Option<Hop> {
        let answers = |route: &&Route| {
            let knows = |gateway| {
                self.stations.get(&route.link).is_some_and(|station| station.neighbors.knows(gateway))
            };
            route.gateway.is_none_or(knows)
        };
        let turn = self.failed_gateways.checked_rem(routes.clone().count())?;
        let route = routes.clone().find(answers).or_else(|| routes.clone().nth(turn))?;
        let interface = self.interfaces.iter().position(|interface| interface.link == route.link)?;
        let next = route.gateway.unwrap_or(ip);
        let source = self.source_towards(self.interfaces.get(interface)?, next, ip)?;
        Some(Hop { interface, source, next })
    }

    /// By an interface that is shared with the host.
    fn hop_by_host(&self, ip: IpAddr) -> Option<Hop> {
        let shared = self.interfaces.iter().enumerate().filter(|(_, interface)| interface.shared_with_host);
        let mut hops = shared.filter_map(|(interface, at)| {
            let (source, _) = self.usable(at).find(|(own, _)| own.is_ipv4() == ip.is_ipv4())?;
            Some(Hop { interface, source, next: ip })
        });
        hops.next()
    }

    fn source_towards(&self, interface: &Interface, gateway: IpAddr, ip: IpAddr) -> Option<IpAddr> {
        let own = || self.usable(interface).filter(|(own, _)| own.is_ipv4() == ip.is_ipv4());
        let fits = |own: &IpAddr| is_link_local(*own) == is_link_local(ip);
        own()
            .find(|(own, prefix)| fits(own) && in_prefix(gateway, *own, *prefix))
            .or_else(|| own().find(|(own, _)| fits(own)))
            .or_else(|| own().next())
            .map(|(own, _)| own)
    }

    /// The addresses of an interface that are ours by now.
    fn usable(&self, interface: &Interface) -> impl Iterator<Item = (IpAddr, u8)> {
        interface.addresses.iter().copied().filter(|(own, _)| !self.unusable.contains(own))
    }
}

/// Whether a router can be reached on an interface.
fn check_gateway(gateway: IpAddr, destination: IpAddr, interface: &Interface) -> Result<(), &'static str> {
    if gateway.is_ipv4() != destination.is_ipv4() {
        return Err("the gateway is of the other family");
    }
    if !is_unicast(gateway) || interface.addresses.iter().any(|(own, _)| *own == gateway) {
        return Err("the gateway is no neighbor");
    }
    let mut own = interface.addresses.iter().filter(|(own, _)| own.is_ipv4() == gateway.is_ipv4());
    let near = own.clone().any(|(own, prefix)| in_prefix(gateway, *own, *prefix));
    if !near && (own.next().is_none() || !is_link_local(gateway)) {
        return Err("the gateway is in no network of the interface");
    }
    Ok(())
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
