//! Two hosts and a kernel that routes between them, each in a namespace of its own.

use std::net::IpAddr;

use super::{Host, ip, namespace_names, steps};

/// Two networks and the router that joins them. Gone when dropped.
///
/// The left host has 10.81.0.1 and fd81::1, the right one 10.82.0.1 and fd82::1, each on a device `wire`; the router,
/// by which each reaches the other, is number 254 (IPv6: `::fe`) of both networks. All devices take 1500 octets.
pub struct Routed {
    names: [String; 3],
}

/// The largest packet that the router takes to the right.
pub const NARROW: usize = 1300;

impl Routed {
    /// `None`, after saying why, where namespaces cannot be made here.
    pub fn new() -> Option<Routed> {
        let routed = Routed { names: namespace_names(["l", "r", "m"]) };
        let [left, right, router] = &routed.names;
        if !steps(&routed.names.each_ref().map(|name| format!("netns add {name}"))) {
            return None;
        }
        let at_router = routed.host(2, "10.81.0.254");
        at_router.sysctl("ipv4/ip_forward", "1");
        at_router.sysctl("ipv6/conf/all/forwarding", "1");
        // While its link-local addresses are tentative, it asks for no neighbor.
        at_router.sysctl("ipv6/conf/default/accept_dad", "0");
        let mut made = Vec::new();
        for (host, end, net) in [(left, "left", "81"), (right, "right", "82")] {
            let (here, there) = (format!("-n {host}"), format!("-n {router}"));
            made.extend([
                // The indices differ, as those of the other worlds do.
                format!(
                    "{here} link add wire index 7{net} type veth peer name {end} index 8{net} netns {router}"
                ),
                format!("{here} address add 10.{net}.0.1/24 dev wire"),
                format!("{here} address add fd{net}::1/64 dev wire nodad"),
                format!("{there} address add 10.{net}.0.254/24 dev {end}"),
                format!("{there} address add fd{net}::fe/64 dev {end} nodad"),
                format!("{here} link set lo up"),
                format!("{here} link set wire up"),
                format!("{there} link set {end} up"),
                format!("{here} route add default via 10.{net}.0.254"),
                format!("{here} route add default via fd{net}::fe"),
            ]);
        }
        // The router's own limit, of which neither host's device knows.
        made.extend([
            format!("-n {router} route change 10.82.0.0/24 dev right src 10.82.0.254 mtu {NARROW}"),
            format!("-n {router} route add fd82::/64 dev right metric 1 mtu {NARROW}"),
        ]);
        steps(&made).then_some(routed)
    }

    /// The two hosts, by their IPv4 or IPv6 addresses.
    pub fn hosts(&self, v4: bool) -> (Host, Host) {
        match v4 {
            true => (self.host(0, "10.81.0.1"), self.host(1, "10.82.0.1")),
            false => (self.host(0, "fd81::1"), self.host(1, "fd82::1")),
        }
    }

    /// The router's address on the left.
    pub fn gateway(&self, v4: bool) -> IpAddr {
        if v4 { "10.81.0.254" } else { "fd81::fe" }.parse().expect("an address")
    }

    /// From now on the router drops what is too large and tells nobody: nothing of its own goes to the left.
    pub fn silence(&self) {
        let router = self.host(2, "10.81.0.254");
        router.ip("rule add pref 1 iif lo to 10.81.0.0/24 blackhole");
        router.ip("-6 rule add pref 1 iif lo to fd81::/64 blackhole");
    }

    fn host(&self, end: usize, address: &str) -> Host {
        Host { namespace: self.names[end].clone(), address: address.parse().expect("an address") }
    }
}

impl Drop for Routed {
    fn drop(&mut self) {
        for name in &self.names {
            // Fails for one that was never made, which is as well.
            let _ = ip(&format!("netns delete {name}"));
        }
    }
}
