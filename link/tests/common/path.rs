//! Two hosts and a relay of ours between them, each in a namespace of its own.

use std::net::IpAddr;

use sockwright_link::impair::Impairments;
use sockwright_link::netns;
use sockwright_link::relay::{Counters, Relay, Side};

use super::{Host, ip, namespace_names, steps};

/// A path between two hosts. Gone when dropped.
///
/// The left host has 10.79.0.1 and fd79::1, the right one 10.79.0.2 and fd79::2, each on a device `wire` that sends no
/// packet longer than its MTU. Each knows the other's hardware address: nothing crosses but what a test sends.
pub struct Path {
    /// Stopped before the namespaces go.
    relay: Option<Relay>,
    names: [String; 3],
}

impl Path {
    /// `None`, after saying why, where namespaces cannot be made here. `seed` decides all chance on the path.
    pub fn new(mtu: usize, seed: u64) -> Option<Path> {
        let mut path = Path { relay: None, names: namespace_names(["l", "r", "m"]) };
        let [left, right, middle] = &path.names;
        let mut made = vec![format!("netns add {middle}")];
        for (host, end, own, other) in [(left, "left", 1, 2), (right, "right", 2, 1)] {
            let here = format!("-n {host}");
            made.extend([
                format!("netns add {host}"),
                // The indices differ: were both ends number 2 in their namespaces, the kernel would take them for one
                // device that is its own lower one, and let up to a second pass before the first packet out.
                format!(
                    "{here} link add wire index 7{own} mtu {mtu} address 02:00:00:00:00:0{own} gso_max_segs 1 \
                     type veth peer name {end} index 8{own} mtu {mtu} netns {middle}"
                ),
                format!("{here} address add 10.79.0.{own}/24 dev wire"),
                format!("{here} neighbor add 10.79.0.{other} lladdr 02:00:00:00:00:0{other} dev wire"),
                format!("{here} link set lo up"),
                format!("{here} link set wire up"),
                format!("-n {middle} link set {end} up"),
            ]);
            // IPv6 needs an MTU of 1280 (RFC 8200, section 5).
            if mtu >= 1280 {
                made.extend([
                    format!("{here} address add fd79::{own}/64 dev wire nodad"),
                    format!("{here} neighbor add fd79::{other} lladdr 02:00:00:00:00:0{other} dev wire"),
                ]);
            }
        }
        if !steps(&made) {
            return None;
        }
        let relay = netns::run_in(middle, || Relay::start("left", "right", seed))
            .expect("enter the namespace of the relay")
            .expect("a relay");
        path.relay = Some(relay);
        Some(path)
    }

    pub fn left(&self, v4: bool) -> Host {
        self.host(
            0,
            if v4 { [10, 79, 0, 1].into() } else { IpAddr::V6("fd79::1".parse().expect("an address")) },
        )
    }

    pub fn right(&self, v4: bool) -> Host {
        self.host(
            1,
            if v4 { [10, 79, 0, 2].into() } else { IpAddr::V6("fd79::2".parse().expect("an address")) },
        )
    }

    fn host(&self, end: usize, address: IpAddr) -> Host {
        Host { namespace: self.names[end].clone(), address }
    }

    /// Changes what the path does in both directions.
    pub fn impair(&self, impairments: Impairments) {
        for side in [Side::Left, Side::Right] {
            self.relay().set_impairments(side, impairments).expect("impairments within their ranges");
        }
    }

    /// What became of the frames from one side.
    pub fn counters(&self, from: Side) -> Counters {
        self.relay().counters(from)
    }

    pub fn relay(&self) -> &Relay {
        self.relay.as_ref().expect("running")
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        self.relay = None;
        for name in &self.names {
            // Fails for one that was never made, which is as well.
            let _ = ip(&format!("netns delete {name}"));
        }
    }
}
