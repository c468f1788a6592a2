//! Stacks that a server begins with, as its command line gives them.
//!
//! ```text
//! --attach raw-ip,name=lo,address=127.0.0.1        ->  AttachRequest { name: "lo", link: RawIp { addresses: [..] } }
//! --attach tun,address=10.9.0.2/24,host=10.9.0.1/24
//! --lab lab=a,b                                    ->  CreateLabRequest { name: "lab", stacks: [a, b] }
//! ```
//!
//! Whether names, addresses and numbers make sense is told by the service that gets the request.

use sockwright_proto::v1::{self as pb, attach_request::Link};

/// Reads `KIND[,KEY=VALUE...]`.
pub(super) fn attached(text: &str) -> Result<pb::AttachRequest, String> {
    let mut words = text.split(',');
    let mut link = match words.next() {
        Some("raw-ip") => Link::RawIp(pb::RawIp::default()),
        Some("af-packet") => Link::AfPacket(pb::AfPacket::default()),
        Some("tun") => Link::Tun(pb::Tun::default()),
        Some("tap") => Link::Tap(pb::Tap::default()),
        kind => return Err(format!("`{}` is no kind of link: {KINDS}", kind.unwrap_or_default())),
    };
    let (mut name, mut once) = (String::new(), Vec::new());
    for word in words {
        let (key, value) = match word.split_once('=') {
            Some(pair) => pair,
            None if word == "no-offload" => (word, ""),
            None => return Err(format!("`{word}` is without a value: {word}=...")),
        };
        if !MANY.contains(&key) {
            if once.contains(&key) {
                return Err(format!("`{key}` is there twice"));
            }
            once.push(key);
        }
        match key {
            "name" => value.clone_into(&mut name),
            key => set(&mut link, key, value)?,
        }
    }
    Ok(pb::AttachRequest { name, link: Some(link), ..Default::default() })
}

/// Reads `NAME=STACK,STACK...`.
pub(super) fn lab(text: &str) -> Result<pb::CreateLabRequest, String> {
    let (name, stacks) = text.split_once('=').ok_or("a lab has a name and stacks: lab=a,b")?;
    let stacks = stacks.split(',').map(|name| pb::LabStack { name: name.to_owned(), ..Default::default() });
    Ok(pb::CreateLabRequest { name: name.to_owned(), stacks: stacks.collect(), ..Default::default() })
}

/// Sets what `key` says of a link.
fn set(link: &mut Link, key: &str, value: &str) -> Result<(), String> {
    let text = value.to_owned();
    match (link, key) {
        (Link::RawIp(link), "address") => link.addresses.push(text),
        (Link::AfPacket(link), "address") => link.addresses.push(text),
        (Link::Tun(link), "address") => link.addresses.push(text),
        (Link::Tap(link), "address") => link.addresses.push(text),
        (Link::RawIp(link), "interface") => link.interface = text,
        (Link::AfPacket(link), "interface") => link.interface = text,
        (Link::Tun(link), "interface") => link.interface = text,
        (Link::Tap(link), "interface") => link.interface = text,
        (Link::Tun(link), "host") => link.host_addresses.push(text),
        (Link::Tap(link), "host") => link.host_addresses.push(text),
        (Link::Tun(link), "mtu") => link.mtu = number(key, value)?,
        (Link::Tap(link), "mtu") => link.mtu = number(key, value)?,
        (Link::Tun(link), "no-offload") if value.is_empty() => link.no_offload = true,
        (Link::Tap(link), "no-offload") if value.is_empty() => link.no_offload = true,
        (Link::AfPacket(link), "mac") => link.mac = text,
        (Link::Tap(link), "mac") => link.mac = text,
        (Link::AfPacket(link), "vlan") => link.vlan = number(key, value)?,
        (Link::Tap(link), "vlan") => link.vlan = number(key, value)?,
        (Link::AfPacket(link), "gateway") => link.routes.push(route("", value)),
        (Link::Tap(link), "gateway") => link.routes.push(route("", value)),
        (Link::AfPacket(link), "route") => link.routes.push(way(value)),
        (Link::Tap(link), "route") => link.routes.push(way(value)),
        _ => return Err(format!("`{key}` is not of this link: {KEYS}")),
    }
    Ok(())
}

/// `NETWORK=GATEWAY`, or a network that is on the link itself.
fn way(text: &str) -> pb::Route {
    let (destination, gateway) = text.split_once('=').unwrap_or((text, ""));
    route(destination, gateway)
}

fn route(destination: &str, gateway: &str) -> pb::Route {
    pb::Route { destination: destination.to_owned(), gateway: gateway.to_owned() }
}

fn number(key: &str, value: &str) -> Result<u32, String> {
    value.parse().map_err(|_| format!("`{key}={value}` is not a whole number"))
}

/// The keys that a link may have more than once.
const MANY: [&str; 4] = ["address", "host", "gateway", "route"];
const KINDS: &str = "raw-ip, af-packet, tun, tap";
const KEYS: &str = "name, address and interface are of all; mac, vlan, gateway and route of af-packet and tap; host, mtu and \
                    no-offload of tun and tap";

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
        texts.map(str::to_owned).to_vec()
    }

    #[test]
    fn every_kind_of_link_can_be_given() {
        let told = |text| attached(text).unwrap();
        let request = told("raw-ip,name=lo,address=127.0.0.1,address=::1");
        assert_eq!(request.name, "lo");
        let raw = pb::RawIp { addresses: texts(["127.0.0.1", "::1"]), interface: String::new() };
        assert_eq!(request.link, Some(Link::RawIp(raw)));

        let packet = pb::AfPacket {
            interface: "wire".to_owned(),
            addresses: texts(["10.0.0.7/24"]),
            mac: "02:00:00:00:00:01".to_owned(),
            vlan: 5,
            routes: vec![
                route("", "10.0.0.1"),
                route("192.0.2.0/24", "10.0.0.2"),
                route("198.51.100.0/24", ""),
            ],
        };
        let text = "af-packet,interface=wire,address=10.0.0.7/24,mac=02:00:00:00:00:01,vlan=5,gateway=10.0.0.1,\
                    route=192.0.2.0/24=10.0.0.2,route=198.51.100.0/24";
        assert_eq!(told(text).link, Some(Link::AfPacket(packet)));

        let tun = pb::Tun {
            interface: "t0".to_owned(),
            addresses: texts(["10.9.0.2/24"]),
            host_addresses: texts(["10.9.0.1/24", "fd09::1/64"]),
            mtu: 9000,
            no_offload: true,
        };
        let text =
            "tun,interface=t0,address=10.9.0.2/24,host=10.9.0.1/24,host=fd09::1/64,mtu=9000,no-offload";
        assert_eq!(told(text).link, Some(Link::Tun(tun)));

        let tap = pb::Tap { addresses: texts(["10.9.0.2"]), vlan: 7, ..Default::default() };
        assert_eq!(told("tap,address=10.9.0.2,vlan=7").link, Some(Link::Tap(tap)));
    }

    #[test]
    fn a_lab_has_a_name_and_stacks() {
        let lab = lab("lab=a,b").unwrap();
        let stacks: Vec<_> = lab.stacks.iter().map(|stack| stack.name.as_str()).collect();
        assert_eq!((lab.name.as_str(), stacks), ("lab", vec!["a", "b"]));
        assert_eq!(super::lab("lab").unwrap_err(), "a lab has a name and stacks: lab=a,b");
    }

    #[test]
    fn what_is_wrong_with_a_link_is_said() {
        assert_eq!(attached("").unwrap_err(), format!("`` is no kind of link: {KINDS}"));
        assert_eq!(attached("wifi,name=a").unwrap_err(), format!("`wifi` is no kind of link: {KINDS}"));
        for (text, key) in [
            ("raw-ip,mac=02:00:00:00:00:01", "mac"),
            ("af-packet,host=10.0.0.1", "host"),
            ("tun,gateway=10.0.0.1", "gateway"),
            ("tun,no-offload=yes", "no-offload"),
        ] {
            assert_eq!(attached(text).unwrap_err(), format!("`{key}` is not of this link: {KEYS}"));
        }
        assert_eq!(attached("tun,name=a,name=b").unwrap_err(), "`name` is there twice");
        assert_eq!(attached("tap,vlan=5,mac=,vlan=6").unwrap_err(), "`vlan` is there twice");
        assert_eq!(attached("tun,address").unwrap_err(), "`address` is without a value: address=...");
        assert_eq!(attached("tap,mtu=x").unwrap_err(), "`mtu=x` is not a whole number");
    }
}
