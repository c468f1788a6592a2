//! An address and a port as tables and connections keep them.

use core::net::{IpAddr, SocketAddr};

/// What a [`SocketAddr`] says without the scope and flow of a textual address, in twenty octets of its thirty-two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    ip: IpAddr,
    port: u16,
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Endpoint { ip: address.ip(), port: address.port() }
    }
}

impl From<Endpoint> for SocketAddr {
    fn from(endpoint: Endpoint) -> Self {
        SocketAddr::new(endpoint.ip, endpoint.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_small_and_says_what_its_address_says() {
        assert_eq!(size_of::<Option<Endpoint>>(), 20);
        for text in ["10.0.0.1:80", "[fd00::1]:65535", "[::ffff:10.0.0.1]:0"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(SocketAddr::from(Endpoint::from(address)), address);
        }
    }
}
