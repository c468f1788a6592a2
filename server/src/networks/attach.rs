//! Attaching to the host's links: the request, parsed, and what can go wrong.

use std::io;
use std::net::IpAddr;

use sockwright_engine::host::Errno;
use sockwright_engine::wire::{Mac, NotAMac};
use sockwright_link::LinkError;
use sockwright_proto::v1::{self as pb, attach_request};
use tonic::Status;

use super::plan::{Address, address, at_most, check_name, routes};
use crate::config::{Config, Limits};
use crate::convert::Invalid;
use crate::error::status_saying;
use crate::stack::attached::{AttachedConfig, Place};

/// A request to attach, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttachPlan {
    /// The name asked for, or empty.
    pub(crate) name: String,
    place: Place,
}

impl AttachPlan {
    /// Parses a request.
    pub(crate) fn parse(request: &pb::AttachRequest, limits: &Limits) -> Result<Self, Invalid> {
        check_name(&request.name, "name")?;
        let place = match &request.link {
            Some(attach_request::Link::RawIp(link)) => raw_ip(link)?,
            Some(attach_request::Link::AfPacket(link)) => af_packet(link, limits)?,
            None => return Err(Invalid::new("link", "no link is given")),
        };
        Ok(AttachPlan { name: request.name.clone(), place })
    }

    /// The kind of link, as the contract names it.
    pub(super) fn link(&self) -> &'static str {
        self.place.kind()
    }

    /// What the stack's thread needs.
    pub(super) fn config(&self, config: &Config, origin: std::time::Instant) -> AttachedConfig {
        AttachedConfig {
            place: self.place.clone(),
            engine: config.engine.clone(),
            seed: seed(),
            guarded_ports: config.limits.guarded_ports,
            origin,
        }
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
    if link.addresses.is_empty() {
        return Err(Invalid::new("af_packet.addresses", "no address is given"));
    }
    at_most(link.addresses.len(), limits.addresses_per_stack, "af_packet.addresses")?;
    let mut addresses: Vec<Address> = Vec::new();
    for (number, text) in link.addresses.iter().enumerate() {
        let field = format!("af_packet.addresses[{number}]");
        let parsed = address(text, &field)?;
        if addresses.iter().any(|(other, _)| *other == parsed.0) {
            return Err(Invalid::new(field, format!("{} is there twice", parsed.0)));
        }
        addresses.push(parsed);
    }
    let mac = match link.mac.as_str() {
        "" => any_mac(),
        text => {
            text.parse().map_err(|problem: NotAMac| Invalid::new("af_packet.mac", problem.to_string()))?
        }
    };
    if !mac.is_unicast() {
        return Err(Invalid::new("af_packet.mac", format!("{mac} is not a unicast address")));
    }
    let vlan = match link.vlan {
        0 => None,
        id @ 1..=4094 => Some(id as u16),
        id => return Err(Invalid::new("af_packet.vlan", format!("{id} is not between 0 and 4094"))),
    };
    let routes = routes(&link.routes, &addresses, "af_packet.routes", limits)?;
    Ok(Place::AfPacket { interface: link.interface.clone(), addresses, mac, vlan, routes })
}

/// The status of a link that was not to be had.
pub(super) fn refused(error: &LinkError) -> Status {
    let errno = match error {
        LinkError::NotPermitted { .. } => Errno::EPERM,
        LinkError::NoSuchInterface(_) | LinkError::NoSuchNamespace(_) => Errno::ENODEV,
        LinkError::AddressNotOwned(_) => Errno::EADDRNOTAVAIL,
        LinkError::PortTaken(..) | LinkError::AddressTaken(_) => Errno::EADDRINUSE,
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
