//! What a caller may do to networks: what plans come to, asked of its grants.

use std::net::IpAddr;

use ipnet::IpNet;
use sockwright_proto::v1 as pb;

use super::attach::AttachPlan;
use crate::access::policy::{Denied, Grants};
use crate::stack::attached::Place;

/// Whether a stack may be attached so. The rule that allows it.
pub(super) fn attach(grants: &Grants, plan: &AttachPlan) -> Result<std::sync::Arc<str>, Denied> {
    let place = plan.place();
    let interface = match place {
        Place::RawIp { interface, .. } => interface.as_deref(),
        Place::AfPacket { interface, .. } => Some(interface.as_str()),
        Place::Tun { config, .. } => config.name.as_ref().map(|name| name.as_str()),
    };
    let one = |ip: &IpAddr| IpNet::from(ip.to_canonical());
    let addresses: Vec<IpNet> = match place {
        Place::RawIp { addresses, .. } => addresses.iter().map(one).collect(),
        Place::AfPacket { station, .. } => station.addresses.iter().map(|(ip, _)| one(ip)).collect(),
        Place::Tun { config, station } => {
            // Of those of the host all that is behind their prefix: the kernel sends it here from now on.
            let host = config.host_addresses.iter().filter_map(|(ip, length)| IpNet::new(*ip, *length).ok());
            station.addresses.iter().map(|(ip, _)| one(ip)).chain(host).collect()
        }
    };
    grants.may_attach(place.kind(), interface, &addresses)
}

/// Whether links may do this to frames.
pub(super) fn impair(grants: &Grants, shown: Option<&pb::Impairments>) -> Result<(), Denied> {
    let Some(shown) = shown else { return Ok(()) };
    let &pb::Impairments {
        loss,
        delay,
        jitter,
        reorder,
        reorder_by: _,
        duplicate,
        corrupt,
        rate_bps,
        queue_limit: _,
        mark,
        bursts,
    } = shown;
    let set = [
        ("loss", loss != 0.0),
        ("delay", delay.is_some()),
        ("jitter", jitter.is_some()),
        ("reorder", reorder != 0.0),
        ("duplicate", duplicate != 0.0),
        ("corrupt", corrupt != 0.0),
        ("rate", rate_bps != 0),
        ("mark", mark != 0.0),
        ("bursts", bursts.is_some()),
    ];
    set.into_iter().filter(|(_, set)| *set).try_for_each(|(name, _)| grants.may_impair(name))
}
