//! Transport addresses, and the stacks of a lab with theirs.
//!
//! ```text
//! 10.0.0.2:80        ->  SocketAddress { ip: "10.0.0.2", port: 80 }
//! [2001:db8::1]:80   ->  SocketAddress { ip: "2001:db8::1", port: 80 }
//! :80                ->  SocketAddress { ip: "", port: 80 }            any address
//! 192.0.2.0/24=10.0.0.254   ->  Route { destination: "192.0.2.0/24", gateway: "10.0.0.254" }
//! a:10.5.0.0/16             ->  ("a", Route { destination: "10.5.0.0/16", gateway: "" })   on the link
//! a=10.0.0.1/24,fd00::1/64  ->  LabStack { name: "a", addresses: [..] }
//! ```

use std::net::{IpAddr, Ipv6Addr};

use sockwright_client::v1::{LabStack, Route, SocketAddress};

/// Reads `ADDR:PORT`, `[ADDR]:PORT` for IPv6, or `:PORT`.
pub(crate) fn socket_address(text: &str) -> Result<SocketAddress, String> {
    let (ip, port) = text.rsplit_once(':').ok_or("a port is needed: ADDR:PORT")?;
    let port = port.parse::<u16>().map_err(|_| format!("`{port}` is not a port (0 to 65535)"))?;
    let ip = match ip {
        "" | "*" => String::new(),
        bracketed if bracketed.starts_with('[') => {
            let inner = bracketed[1..].strip_suffix(']').ok_or("a `]` is missing")?;
            inner.parse::<Ipv6Addr>().map_err(|_| format!("`{inner}` is not an IPv6 address"))?.to_string()
        }
        bare => match bare.parse() {
            Ok(IpAddr::V4(ip)) => ip.to_string(),
            Ok(IpAddr::V6(_)) => return Err(format!("an IPv6 address needs brackets: [{bare}]:{port}")),
            Err(_) => return Err(format!("`{bare}` is not an IP address")),
        },
    };
    Ok(SocketAddress { ip, port: u32::from(port) })
}

/// Reads an address that must be a whole one: `ADDR:PORT` with neither left open.
pub(crate) fn peer_address(text: &str) -> Result<SocketAddress, String> {
    let address = socket_address(text)?;
    if address.ip.is_empty() { Err("an address is needed: ADDR:PORT".into()) } else { Ok(address) }
}

/// Reads an IP address, and gives it in its canonical form.
pub(crate) fn ip(text: &str) -> Result<String, String> {
    let ip = text.parse::<IpAddr>().map_err(|_| format!("`{text}` is not an IP address"))?;
    Ok(ip.to_string())
}

/// Reads `NETWORK[=ADDR]`: a network, and the router that leads there; without one it is on the link.
pub(crate) fn route(text: &str) -> Result<Route, String> {
    let (destination, gateway) = match text.split_once('=') {
        Some((destination, gateway)) => (destination, ip(gateway)?),
        None => (text, String::new()),
    };
    Ok(Route { destination: interface_address(destination)?, gateway })
}

/// Reads `STACK:NETWORK[=ADDR]`, or `STACK:=ADDR` for the router that leads everywhere.
pub(crate) fn lab_route(text: &str) -> Result<(String, Route), String> {
    let (stack, way) = text.split_once(':').ok_or("a stack is needed: STACK:NETWORK[=ADDR]")?;
    let route = match way.strip_prefix('=') {
        Some(gateway) => Route { destination: String::new(), gateway: ip(gateway)? },
        None => route(way)?,
    };
    Ok((stack.into(), route))
}

/// Reads `NAME[=ADDR[/LENGTH],...]`.
pub(crate) fn lab_stack(text: &str) -> Result<LabStack, String> {
    let (name, addresses) = text.split_once('=').unwrap_or((text, ""));
    if name.is_empty() {
        return Err("a name is needed: NAME[=ADDR[/LENGTH],...]".into());
    }
    let addresses = addresses.split(',').filter(|address| !address.is_empty()).map(interface_address);
    Ok(LabStack { name: name.into(), addresses: addresses.collect::<Result<_, _>>()?, routes: Vec::new() })
}

/// Reads `ADDR[/LENGTH]`.
pub(crate) fn interface_address(text: &str) -> Result<String, String> {
    let (ip, length) = match text.split_once('/') {
        Some((ip, length)) => (ip, Some(length)),
        None => (text, None),
    };
    let parsed = ip.parse::<IpAddr>().map_err(|_| format!("`{ip}` is not an IP address"))?;
    let longest = if parsed.is_ipv4() { 32 } else { 128 };
    match length {
        Some(length) if !length.parse::<u8>().is_ok_and(|length| length <= longest) => {
            Err(format!("`/{length}` is not a prefix length (0 to {longest})"))
        }
        Some(length) => Ok(format!("{parsed}/{length}")),
        None => Ok(parsed.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, u32), String> {
        socket_address(text).map(|address| (address.ip, address.port))
    }

    #[test]
    fn addresses_of_both_families_and_open_ones() {
        assert_eq!(read("10.0.0.2:80"), Ok(("10.0.0.2".into(), 80)));
        assert_eq!(read("[2001:DB8:0::1]:80"), Ok(("2001:db8::1".into(), 80)));
        assert_eq!(read(":80"), Ok((String::new(), 80)));
        assert_eq!(read("*:0"), Ok((String::new(), 0)));
        assert_eq!(read("[::]:443"), Ok(("::".into(), 443)));
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        assert_eq!(read("10.0.0.2").unwrap_err(), "a port is needed: ADDR:PORT");
        assert_eq!(read("10.0.0.2:http").unwrap_err(), "`http` is not a port (0 to 65535)");
        assert_eq!(read("10.0.0.2:65536").unwrap_err(), "`65536` is not a port (0 to 65535)");
        assert_eq!(read("fd00::1:80").unwrap_err(), "an IPv6 address needs brackets: [fd00::1]:80");
        assert_eq!(read("example.org:80").unwrap_err(), "`example.org` is not an IP address");
        assert_eq!(read("[fd00::1:80").unwrap_err(), "a `]` is missing");
        assert_eq!(peer_address(":80").unwrap_err(), "an address is needed: ADDR:PORT");
    }

    #[test]
    fn routes_lead_over_a_router_or_stay_on_the_link() {
        let read = |text: &str| {
            lab_route(text).map(|(stack, route)| format!("{stack} {} {}", route.destination, route.gateway))
        };
        assert_eq!(read("a:=10.0.0.254"), Ok("a  10.0.0.254".into()));
        assert_eq!(read("a:192.0.2.0/24=10.0.0.254"), Ok("a 192.0.2.0/24 10.0.0.254".into()));
        assert_eq!(read("a:2001:db8::/32"), Ok("a 2001:db8::/32 ".into()));
        assert_eq!(read("10.0.0.0").unwrap_err(), "a stack is needed: STACK:NETWORK[=ADDR]");
        assert!(read("a:").is_err());
    }

    #[test]
    fn stacks_come_with_addresses_or_without() {
        let stack = lab_stack("a=10.0.0.1/24,fd00::1/64").unwrap();
        assert_eq!(
            (stack.name.as_str(), stack.addresses),
            ("a", vec!["10.0.0.1/24".into(), "fd00::1/64".to_string()])
        );
        assert_eq!(lab_stack("b").unwrap().addresses, Vec::<String>::new());
        assert_eq!(lab_stack("b=10.0.0.1/33").unwrap_err(), "`/33` is not a prefix length (0 to 32)");
        assert_eq!(lab_stack("=10.0.0.1").unwrap_err(), "a name is needed: NAME[=ADDR[/LENGTH],...]");
    }
}
