//! A rig whose stack is at the other end of a TUN or TAP interface of the host, `t0`.

use std::future::Future;

use sockwright_proto::v1::{self as pb, attach_request};
use tonic::Status;

use super::Rig;
use super::station::{MAC, on_both_families, with_prefix};
use crate::net::tunnels;

/// An interface, and who has which address.
#[derive(Clone, Debug)]
pub(crate) struct Tunnel {
    pub(crate) tap: bool,
    pub(crate) name: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) host_addresses: Vec<String>,
    pub(crate) mtu: u32,
    pub(crate) no_offload: bool,
}

impl Tunnel {
    /// `t0`, of the family of a rig.
    pub(crate) fn new(rig: &Rig, tap: bool) -> Tunnel {
        let (own, hosts) = match rig.ours.address.is_ipv4() {
            true => ("10.80.0.7/24", "10.80.0.1/24"),
            false => ("fd80::7/64", "fd80::1/64"),
        };
        let (addresses, host_addresses) = (vec![own.to_owned()], vec![hosts.to_owned()]);
        Tunnel { tap, name: "t0".to_owned(), addresses, host_addresses, mtu: 0, no_offload: false }
    }

    /// Attaches a stack, and gives it as lists show it.
    pub(crate) async fn attach(&self, rig: &Rig, stack: &str) -> Result<pb::Stack, Status> {
        let Tunnel { tap, name: interface, addresses, host_addresses, mtu, no_offload } = self.clone();
        let link = match tap {
            false => {
                attach_request::Link::Tun(pb::Tun { interface, addresses, host_addresses, mtu, no_offload })
            }
            true => attach_request::Link::Tap(pb::Tap {
                interface,
                addresses,
                host_addresses,
                mtu,
                no_offload,
                mac: MAC.into(),
                ..Default::default()
            }),
        };
        let request = pb::AttachRequest { name: stack.into(), link: Some(link), ..Default::default() };
        let attached = rig.networks.clone().attach(request).await?.into_inner();
        Ok(attached.stack.expect("a stack"))
    }
}

/// Runs `test` with a stack at the end of an interface as `change` has it: TUN and TAP, IPv4 and IPv6, each in a world of
/// its own. The host of the interface is the peer.
pub(crate) fn on_tunnels<F: Future<Output = ()>>(
    change: impl Fn(Tunnel) -> Tunnel + Sync,
    test: impl Fn(Rig) -> F + Sync,
) {
    if !tunnels() {
        return;
    }
    let (change, test) = (&change, &test);
    for tap in [false, true] {
        on_both_families(|mut rig| async move {
            let tunnel = change(Tunnel::new(&rig, tap));
            let detach = pb::DetachRequest { name: "wire".into() };
            rig.networks.clone().detach(detach).await.expect("detached");
            let stack = tunnel.attach(&rig, "wire").await.expect("attached");
            println!("{} {}", stack.link, if tunnel.no_offload { "without offload" } else { "with offload" });
            let kind = if tap { "tap" } else { "tun" };
            assert_eq!((stack.link.as_str(), stack.interface.as_str()), (kind, "t0"));
            let [own, hosts] = [&tunnel.addresses, &tunnel.host_addresses].map(|addresses| {
                let (ip, _) = addresses[0].split_once('/').expect("a prefix");
                ip.parse().expect("an address")
            });
            rig.theirs = rig.ours.clone();
            rig.theirs.address = hosts;
            rig.ours.address = own;
            assert_eq!(stack.addresses, [with_prefix(own)]);
            test(rig).await;
        });
    }
}
