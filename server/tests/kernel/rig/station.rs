//! A rig whose stack is a station of its own, on the interface `wire` beside the host (`af_packet`).

use std::future::Future;
use std::net::IpAddr;

use sockwright_proto::v1::{self as pb, attach_request};
use tonic::Status;

use super::{Rig, on_wire};
use crate::net::World;

/// The station's address on its Ethernet.
pub(crate) const MAC: &str = "02:00:00:00:00:77";

/// Runs `test` with a raw stack on the host's address, IPv4 and IPv6, each in a world of its own.
pub(crate) fn on_both_families<F: Future<Output = ()>>(test: impl Fn(Rig) -> F + Sync) {
    for family in 0..2 {
        let Some(world) = World::new() else { return };
        let (ours, theirs) = &world.wire_pairs()[family];
        on_wire(ours, theirs, &test);
    }
}

/// Runs `test` with a station, IPv4 and IPv6, each in a world of its own.
pub(crate) fn as_a_station<F: Future<Output = ()>>(test: impl Fn(Rig) -> F + Sync) {
    let test = &test;
    on_both_families(|rig| async move { test(at_station(rig, vec![]).await).await });
}

/// The rig with a station in place of the raw stack, as if the station's address were the host's.
pub(crate) async fn at_station(mut rig: Rig, routes: Vec<pb::Route>) -> Rig {
    attach(&rig, &[&with_prefix(address_of(&rig))], routes).await.expect("attached");
    rig.ours.address = address_of(&rig);
    rig
}

/// Attaches a station in place of the raw stack.
pub(crate) async fn attach(rig: &Rig, addresses: &[&str], routes: Vec<pb::Route>) -> Result<(), Status> {
    // The rig's own stack is on the host's address.
    let detach = pb::DetachRequest { name: "wire".into() };
    rig.networks.clone().detach(detach).await.expect("detached");
    attach_beside(rig, "wire", addresses, routes).await
}

/// Attaches a station beside what is there.
pub(crate) async fn attach_beside(
    rig: &Rig,
    name: &str,
    addresses: &[&str],
    routes: Vec<pb::Route>,
) -> Result<(), Status> {
    let af_packet = pb::AfPacket {
        interface: "wire".into(),
        addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
        mac: MAC.into(),
        routes,
        ..Default::default()
    };
    let link = Some(attach_request::Link::AfPacket(af_packet));
    let request = pb::AttachRequest { name: name.into(), link, ..Default::default() };
    rig.networks.clone().attach(request).await.map(drop)
}

/// The station's address: number 7 of the host's network.
fn address_of(rig: &Rig) -> IpAddr {
    match rig.ours.address {
        IpAddr::V4(host) => {
            let [a, b, c, _] = host.octets();
            [a, b, c, 7].into()
        }
        IpAddr::V6(host) => {
            let [a, b, c, d, e, f, g, _] = host.segments();
            [a, b, c, d, e, f, g, 7].into()
        }
    }
}

pub(crate) fn with_prefix(ip: IpAddr) -> String {
    format!("{ip}/{}", if ip.is_ipv4() { 24 } else { 64 })
}
