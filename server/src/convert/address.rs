//! Transport addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sockwright_engine::host::Errno;
use sockwright_engine::host::op::Family;
use sockwright_proto::v1 as pb;

use super::Invalid;

/// An address as the contract writes it.
pub fn address_to_proto(address: SocketAddr) -> pb::SocketAddress {
    pb::SocketAddress { ip: address.ip().to_string(), port: address.port().into() }
}

/// The address that a request binds to. An absent address, or an empty `ip`, means any address of `family`; port 0
/// asks for an ephemeral one.
///
/// An address of the other family is not refused here: the engine does, with `EAFNOSUPPORT`.
pub fn bind_address(
    address: Option<&pb::SocketAddress>,
    family: Family,
    field: &str,
) -> Result<SocketAddr, Invalid> {
    let any = match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    match address {
        None => Ok(SocketAddr::new(any, 0)),
        Some(address) if address.ip.is_empty() => Ok(SocketAddr::new(any, port(address.port, field)?)),
        Some(address) => parse(address, field),
    }
}

/// The address of a peer: both parts have to be there.
pub fn remote_address(address: Option<&pb::SocketAddress>, field: &str) -> Result<SocketAddr, Invalid> {
    let address =
        address.ok_or_else(|| Invalid::new(field, "an address is needed").with_errno(Errno::EDESTADDRREQ))?;
    parse(address, field)
}

fn parse(address: &pb::SocketAddress, field: &str) -> Result<SocketAddr, Invalid> {
    Ok(SocketAddr::new(ip(&address.ip, &format!("{field}.ip"))?, port(address.port, field)?))
}

/// An IP address in any textual form, without a zone.
pub(crate) fn ip(text: &str, field: &str) -> Result<IpAddr, Invalid> {
    text.parse().map_err(|_| Invalid::new(field, format!("`{}` is not an IP address", shortened(text))))
}

/// A port; `field` is that of the address.
fn port(port: u32, field: &str) -> Result<u16, Invalid> {
    port.try_into().map_err(|_| Invalid::new(format!("{field}.port"), format!("{port} is more than 65535")))
}

/// Enough of a text to recognize it in a message.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(ip: &str, port: u32) -> pb::SocketAddress {
        pb::SocketAddress { ip: ip.into(), port }
    }

    #[test]
    fn an_empty_ip_means_any_address_of_the_family() {
        let any = |family| bind_address(Some(&address("", 80)), family, "local").unwrap().to_string();
        assert_eq!(any(Family::V4), "0.0.0.0:80");
        assert_eq!(any(Family::V6), "[::]:80");
        assert_eq!(bind_address(None, Family::V4, "local").unwrap().to_string(), "0.0.0.0:0");
    }

    #[test]
    fn what_is_wrong_names_its_field() {
        let refused =
            |ip, port| bind_address(Some(&address(ip, port)), Family::V4, "local").unwrap_err().field;
        assert_eq!(refused("192.0.2", 1), "local.ip");
        assert_eq!(refused("fe80::1%eth0", 1), "local.ip");
        assert_eq!(refused("[::1]", 1), "local.ip");
        assert_eq!(refused("192.0.2.1", 65_536), "local.port");
        assert_eq!(refused("", 65_536), "local.port");
        assert_eq!(remote_address(Some(&address("", 1)), "remote").unwrap_err().field, "remote.ip");
        assert_eq!(remote_address(None, "remote").unwrap_err().errno, Errno::EDESTADDRREQ);
    }

    #[test]
    fn an_address_survives_the_way_there_and_back() {
        for text in ["192.0.2.1:80", "[2001:db8::1]:65535"] {
            let there = address_to_proto(text.parse().unwrap());
            assert_eq!(remote_address(Some(&there), "remote").unwrap().to_string(), text);
        }
    }
}
