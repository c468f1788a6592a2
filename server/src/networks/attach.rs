//! Attaching to the host's links: the request, parsed, and what can go wrong.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use sockwright_engine::host::{Errno, Ethernet, Medium};
use sockwright_engine::wire::{Mac, NotAMac};
use sockwright_link::tun::{self, Layer};
use sockwright_link::{InterfaceName, LinkError, NotAnInterfaceName};
use sockwright_proto::v1::{self as pb, attach_request};
use tonic::Status;

use super::plan::{Address, address, at_most, check_name, mtu_at_least, routes};
use crate::access::caller::Access;
use crate::config::{BUSY_POLL_MAX, Config, Limits};
use crate::convert::{Invalid, duration};
use crate::error::status_saying;
use crate::stack::attached::{AttachedConfig, Place, Station};
use crate::stack::busy_poll::BusyPoll;

/// A request to attach, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttachPlan {
    /// The name asked for, or empty.
    pub(crate) name: String,
    place: Place,
    /// `None`: as the server was told.
    busy_poll: Option<BusyPoll>,
    /// Octets of the recent past that it keeps.
    pub(super) record_bytes: u64,
}

impl AttachPlan {
    /// Parses a request.
    pub(crate) fn parse(request: &pb::AttachRequest, limits: &Limits) -> Result<Self, Invalid> {
        check_name(&request.name, "name")?;
        let place = match &request.link {
            Some(attach_request::Link::RawIp(link)) => raw_ip(link)?,
            Some(attach_request::Link::AfPacket(link)) => af_packet(link, limits)?,
            Some(attach_request::Link::Tun(link)) => tun(link, limits)?,
            Some(attach_request::Link::Tap(link)) => tap(link, limits)?,
            None => return Err(Invalid::new("link", "no link is given")),
        };
        let busy_poll = request.busy_poll.as_ref().map(busy_poll).transpose()?;
        Ok(AttachPlan { name: request.name.clone(), place, busy_poll, record_bytes: request.record_bytes })
    }

    /// Where.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The kind of link, as the contract names it.
    pub(super) fn link(&self) -> &'static str {
        self.place.kind()
    }

    /// What the stack's thread needs.
    pub(super) fn config(
        &self,
        config: &Config,
        origin: std::time::Instant,
        access: Arc<Access>,
    ) -> AttachedConfig {
        AttachedConfig {
            place: self.place.clone(),
            engine: config.engine.clone(),
            seed: seed(),
            guarded_ports: config.limits.guarded_ports,
            origin,
            busy_poll: self.busy_poll.unwrap_or(BusyPoll(config.busy_poll)),
            access,
        }
    }
}

fn busy_poll(time: &prost_types::Duration) -> Result<BusyPoll, Invalid> {
    match duration(time, "busy_poll")? {
        time if time > BUSY_POLL_MAX => Err(Invalid::new("busy_poll", "it is longer than a second")),
        time => Ok(BusyPoll(time)),
    }
}

fn raw_ip(link: &pb::RawIp) -> Result<Place, Invalid> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for (number, text) in link.addresses.iter().enumerate() {
        let field = format!("raw_ip.addresses[{number}]");
        let address: IpAddr =
            text.parse().map_err(|_| Invalid::new(&*field, format!("{text:?} is not an IP address")))?;
        if addresses.iter().any(|other| other.is_ipv4() == address.is_ipv4()) {
            return Err(Invalid::new(field, "there is another address of the same family"));
        }
        if address.is_unspecified() || address.is_multicast() {
            return Err(Invalid::new(field, format!("{address} is not a unicast address")));
        }
        addresses.push(address);
    }
    if addresses.is_empty() {
        return Err(Invalid::new("raw_ip.addresses", "no address is given"));
    }
    let interface = Some(&link.interface).filter(|name| !name.is_empty()).cloned();
    Ok(Place::RawIp { addresses, interface })
}

fn af_packet(link: &pb::AfPacket, limits: &Limits) -> Result<Place, Invalid> {
    if link.interface.is_empty() {
        return Err(Invalid::new("af_packet.interface", "no interface is given"));
    }
    let addresses = own_addresses(&link.addresses, "af_packet", limits)?;
    let routes = routes(&link.routes, &addresses, "af_packet.routes", limits)?;
    let medium = ethernet(&link.mac, link.vlan, "af_packet")?;
    Ok(Place::AfPacket { interface: link.interface.clone(), station: Station { addresses, medium, routes } })
}

fn tun(link: &pb::Tun, limits: &Limits) -> Result<Place, Invalid> {
    let pb::Tun { interface, addresses, host_addresses, mtu, no_offload } = link;
    let addresses = own_addresses(addresses, "tun", limits)?;
    let config = tun::Config {
        name: interface_name(interface, "tun")?,
        layer: Layer::Ip,
        host_addresses: hosts_addresses(host_addresses, &addresses, "tun", limits)?,
        mtu: mtu_within(*mtu, IP_PACKET_MAX, &addresses, "tun")?,
        offload: !no_offload,
    };
    // Nobody is there but the host, which routes what is not its own.
    let everywhere = addresses.iter().map(|(own, _)| match own {
        IpAddr::V4(_) => ((Ipv4Addr::UNSPECIFIED.into(), 0), None),
        IpAddr::V6(_) => ((Ipv6Addr::UNSPECIFIED.into(), 0), None),
    });
    let mut routes: Vec<_> = everywhere.collect();
    routes.sort_unstable();
    routes.dedup();
    Ok(Place::Tun { config, station: Station { addresses, medium: Medium::Ip, routes } })
}

fn tap(link: &pb::Tap, limits: &Limits) -> Result<Place, Invalid> {
    let pb::Tap { interface, addresses, host_addresses, mtu, no_offload, mac, vlan, routes: ways } = link;
    let addresses = own_addresses(addresses, "tap", limits)?;
    let config = tun::Config {
        name: interface_name(interface, "tap")?,
        layer: Layer::Ethernet,
        host_addresses: hosts_addresses(host_addresses, &addresses, "tap", limits)?,
        mtu: mtu_within(*mtu, IP_PACKET_MAX - ETHERNET_HEADER_LEN, &addresses, "tap")?,
        offload: !no_offload,
    };
    let routes = routes(ways, &addresses, "tap.routes", limits)?;
    let medium = ethernet(mac, *vlan, "tap")?;
    Ok(Place::Tun { config, station: Station { addresses, medium, routes } })
}

/// The addresses of a station.
fn own_addresses(texts: &[String], link: &str, limits: &Limits) -> Result<Vec<Address>, Invalid> {
    let field = format!("{link}.addresses");
    if texts.is_empty() {
        return Err(Invalid::new(field, "no address is given"));
    }
    distinct_addresses(texts, &[], &field, limits)
}

/// The addresses of the host at the other end of it.
fn hosts_addresses(
    texts: &[String],
    own: &[Address],
    link: &str,
    limits: &Limits,
) -> Result<Vec<Address>, Invalid> {
    distinct_addresses(texts, own, &format!("{link}.host_addresses"), limits)
}

/// Addresses, each there once, and none of `others`.
fn distinct_addresses(
    texts: &[String],
    others: &[Address],
    field: &str,
    limits: &Limits,
) -> Result<Vec<Address>, Invalid> {
    at_most(texts.len(), limits.addresses_per_stack, field)?;
    let mut addresses: Vec<Address> = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let field = format!("{field}[{number}]");
        let (ip, prefix) = address(text, &field)?;
        if addresses.iter().chain(others).any(|(other, _)| *other == ip) {
            return Err(Invalid::new(field, format!("{ip} is there twice")));
        }
        addresses.push((ip, prefix));
    }
    Ok(addresses)
}

/// A place on an Ethernet.
fn ethernet(mac: &str, vlan: u32, link: &str) -> Result<Medium, Invalid> {
    let mac = match mac {
        "" => any_mac(),
        text => text
            .parse()
            .map_err(|problem: NotAMac| Invalid::new(format!("{link}.mac"), problem.to_string()))?,
    };
    if !mac.is_unicast() {
        return Err(Invalid::new(format!("{link}.mac"), format!("{mac} is not a unicast address")));
    }
    let vlan = match vlan {
        0 => None,
        id @ 1..=4094 => Some(id as u16),
        id => return Err(Invalid::new(format!("{link}.vlan"), format!("{id} is not between 0 and 4094"))),
    };
    Ok(Medium::Ethernet(Ethernet { mac, vlan, detect_duplicates: true }))
}

fn interface_name(text: &str, link: &str) -> Result<Option<InterfaceName>, Invalid> {
    let wrong = |problem: NotAnInterfaceName| Invalid::new(format!("{link}.interface"), problem.to_string());
    Some(text).filter(|text| !text.is_empty()).map(|text| text.parse().map_err(wrong)).transpose()
}

/// An MTU that an interface of these addresses may have; `None`: the one it has.
fn mtu_within(mtu: u32, most: u32, addresses: &[Address], link: &str) -> Result<Option<u32>, Invalid> {
    let least = mtu_at_least(addresses);
    match mtu {
        0 => Ok(None),
        mtu if (least..=most).contains(&mtu) => Ok(Some(mtu)),
        mtu => {
            let problem =
                format!("{mtu} is not between {least} and {most}, as the addresses of the stack need");
            Err(Invalid::new(format!("{link}.mtu"), problem))
        }
    }
}

/// The status of a link that was not to be had.
pub(super) fn refused(error: &LinkError) -> Status {
    let errno = match error {
        LinkError::NotPermitted { .. } | LinkError::NoNamespaces(_) => Errno::EPERM,
        LinkError::NoSuchInterface(_) | LinkError::NoSuchNamespace(_) => Errno::ENODEV,
        LinkError::NoTunDevice(source) if source.kind() == io::ErrorKind::PermissionDenied => Errno::EPERM,
        LinkError::NoTunDevice(_) => Errno::ENODEV,
        LinkError::AddressNotOwned(_) => Errno::EADDRNOTAVAIL,
        LinkError::PortTaken(..) | LinkError::AddressTaken(_) | LinkError::InterfaceTaken(_) => {
            Errno::EADDRINUSE
        }
        LinkError::Io { source, .. } if source.kind() == io::ErrorKind::InvalidInput => Errno::EINVAL,
        LinkError::TooManyGuards { .. } => Errno::ENOBUFS,
        LinkError::Io { .. } => Errno::ENETDOWN,
    };
    status_saying(errno, error.to_string(), None)
}

/// One of the addresses that anybody may use: the second lowest bit of the first octet says so.
fn any_mac() -> Mac {
    let [_, b, c, d, e, f, ..] = seed();
    Mac([2, b, c, d, e, f])
}

/// Of the host's randomness: two stacks on real links must not choose the same numbers.
//= https://www.rfc-editor.org/rfc/rfc6528#section-4
//# If random numbers are used as the sole source of the secret, they MUST be chosen in
//# accordance with the recommendations given in [RFC4086].
fn seed() -> [u8; 32] {
    use std::hash::{BuildHasher, RandomState};
    let mut seed = [0; 32];
    for (number, word) in seed.chunks_exact_mut(8).enumerate() {
        // Each state has keys of its own, which nobody outside can know.
        word.copy_from_slice(&RandomState::new().hash_one(number).to_le_bytes());
    }
    seed
}

/// The longest IP packet, in octets.
const IP_PACKET_MAX: u32 = 65535;
/// Octets of an Ethernet header, which counts at a TAP interface.
const ETHERNET_HEADER_LEN: u32 = 14;

#[cfg(test)]
mod tests {
    use super::seed;

    //= https://www.rfc-editor.org/rfc/rfc6528#section-4
    //= type=test
    //# If random numbers are used as the sole source of the secret, they MUST be chosen in
    //# accordance with the recommendations given in [RFC4086].
    #[test]
    fn each_stack_has_secrets_of_its_own() {
        let (one, other) = (seed(), seed());
        assert!(one.chunks(8).zip(other.chunks(8)).all(|(one, other)| one != other));
    }
}
