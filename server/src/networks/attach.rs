//! Attaching to the host's links: the request, parsed, and what can go wrong.

use std::net::IpAddr;

use sockwright_engine::host::Errno;
use sockwright_link::LinkError;
use sockwright_proto::v1::{self as pb, attach_request};
use tonic::Status;

use super::plan::check_name;
use crate::config::Config;
use crate::convert::Invalid;
use crate::error::status_saying;
use crate::stack::attached::AttachedConfig;

/// A request to attach, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttachPlan {
    /// The name asked for, or empty.
    pub(crate) name: String,
    addresses: Vec<IpAddr>,
    interface: Option<String>,
}

impl TryFrom<&pb::AttachRequest> for AttachPlan {
    type Error = Invalid;

    fn try_from(request: &pb::AttachRequest) -> Result<Self, Invalid> {
        check_name(&request.name, "name")?;
        let Some(attach_request::Link::RawIp(link)) = &request.link else {
            return Err(Invalid::new("link", "no link is given"));
        };
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
        Ok(AttachPlan { name: request.name.clone(), addresses, interface })
    }
}

impl AttachPlan {
    /// What the stack's thread needs.
    pub(super) fn config(&self, config: &Config, origin: std::time::Instant) -> AttachedConfig {
        AttachedConfig {
            addresses: self.addresses.clone(),
            interface: self.interface.clone(),
            engine: config.engine.clone(),
            seed: seed(),
            guarded_ports: config.limits.guarded_ports,
            origin,
        }
    }
}

/// The status of a link that was not to be had.
pub(super) fn refused(error: &LinkError) -> Status {
    let errno = match error {
        LinkError::NotPermitted { .. } => Errno::EPERM,
        LinkError::NoSuchInterface(_) | LinkError::NoSuchNamespace(_) => Errno::ENODEV,
        LinkError::AddressNotOwned(_) => Errno::EADDRNOTAVAIL,
        LinkError::PortTaken(..) => Errno::EADDRINUSE,
        LinkError::TooManyGuards { .. } => Errno::ENOBUFS,
        LinkError::Io { .. } => Errno::ENETDOWN,
    };
    status_saying(errno, error.to_string(), None)
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
