//! Where to: prefixes, ports and transports, as rules have them.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use ipnet::IpNet;

/// What carries ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        })
    }
}

/// A prefix of IP addresses: `10.0.0.0/24`, `fd00::/8`, or one address.
///
/// IPv4 addresses that are mapped into IPv6 are IPv4 addresses here: a rule has the one form and is asked about both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix(IpNet);

impl Prefix {
    /// Everything of both families.
    pub(crate) fn everything() -> [Prefix; 2] {
        [Prefix(IpNet::V4(ipnet::Ipv4Net::default())), Prefix(IpNet::V6(ipnet::Ipv6Net::default()))]
    }

    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        self.0.contains(&ip.to_canonical())
    }

    /// Whether all of it is in here.
    pub(crate) fn covers(&self, net: &IpNet) -> bool {
        self.0.contains(net)
    }
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let net = match text.parse::<IpAddr>() {
            Ok(ip) => IpNet::from(ip),
            Err(_) => text.parse().map_err(|_| {
                format!("{text:?} is neither an IP address nor a prefix such as 10.0.0.0/24 or fd00::/8")
            })?,
        };
        if net.addr().to_canonical() != net.addr() {
            return Err(format!(
                "{text:?} is IPv4 in IPv6: it is written as IPv4, which is asked about both"
            ));
        }
        if net.trunc() != net {
            let meant = net.trunc();
            return Err(format!("{text:?} has bits behind its prefix: {meant} or {} is meant", net.addr()));
        }
        Ok(Prefix(net))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Ports: a number, `8000-8100`, or all of them where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ports(Vec<RangeInclusive<u16>>);

impl Ports {
    pub(crate) fn of(ranges: Vec<RangeInclusive<u16>>) -> Ports {
        Ports(ranges)
    }

    pub(crate) fn are_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of these are among them.
    pub(crate) fn cover(&self, ports: &RangeInclusive<u16>) -> bool {
        self.0.is_empty()
            || self.0.iter().any(|range| range.contains(ports.start()) && range.contains(ports.end()))
    }

    pub(crate) fn contains(&self, port: u16) -> bool {
        self.0.is_empty() || self.0.iter().any(|range| range.contains(&port))
    }
}

/// Reads `80` or `8000-8100`.
pub(crate) fn port_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || format!("{text:?} is neither a port nor a range of ports such as 8000-8100");
    let port = |text: &str| text.parse().ok().filter(|port| *port > 0).ok_or_else(wrong);
    match text.split_once('-') {
        None => port(text).map(|port| port..=port),
        Some((first, last)) => {
            let (first, last) = (port(first)?, port(last)?);
            if first <= last { Ok(first..=last) } else { Err(wrong()) }
        }
    }
}
