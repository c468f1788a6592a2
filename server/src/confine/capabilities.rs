//! Capabilities: which are kept, in every set that a process has, and the change of the user among them.
//!
//! A process that was started as root loses what it may with its user, unless it says beforehand that it keeps its
//! capabilities; and it can make the bounding set smaller only as long as it has `CAP_SETPCAP`. Hence the order here.

use std::net::Ipv4Addr;

use caps::{CapSet, Capability, CapsHashSet};
use clap::ValueEnum;
use rustix::process::geteuid;
use rustix::thread::{set_keep_capabilities, set_no_new_privs};
use sockwright_link::{LinkError, PortGuard, Protocol};

use super::{Confined, User};

/// A capability that a server may keep besides `CAP_NET_RAW`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Keep {
    /// CAP_NET_ADMIN: to make TUN and TAP interfaces, to give the host addresses there, to have longer receive buffers.
    NetAdmin,
    /// CAP_NET_BIND_SERVICE: to have ports below 1024 on addresses that are shared with the host.
    NetBindService,
}

impl Keep {
    fn capability(self) -> Capability {
        match self {
            Keep::NetAdmin => Capability::CAP_NET_ADMIN,
            Keep::NetBindService => Capability::CAP_NET_BIND_SERVICE,
        }
    }
}

/// Makes effective what is permitted and a server may need: the file of a program can permit without that, as `setcap
/// cap_net_raw=p` has it. To be called before there is a second thread.
pub(crate) fn raise() {
    for capability in NEEDED {
        if holds(CapSet::Permitted, capability) && !holds(CapSet::Effective, capability) {
            // Where it fails, whoever needs it is told by what it is needed for.
            _ = caps::raise(None, CapSet::Effective, capability);
        }
    }
}

/// Whether the process has this in one of its sets.
pub(crate) fn holds(set: CapSet, capability: Capability) -> bool {
    caps::has_cap(None, set, capability).unwrap_or(false)
}

/// What a server may be of use with.
const NEEDED: [Capability; 3] =
    [Capability::CAP_NET_RAW, Capability::CAP_NET_ADMIN, Capability::CAP_NET_BIND_SERVICE];

/// Whether this kernel lets nobody have a port guarded without `CAP_NET_ADMIN`, which the process has: some keep the
/// filters of TCP sockets to it.
pub(crate) fn guards_need_net_admin() -> bool {
    let admin = Capability::CAP_NET_ADMIN;
    if caps::drop(None, CapSet::Effective, admin).is_err() {
        return false;
    }
    let tried = PortGuard::claim(Protocol::Tcp, (Ipv4Addr::LOCALHOST, 0).into());
    let needed = matches!(tried, Err(LinkError::NotPermitted { .. }));
    // It cannot be raised where it is not permitted: then it makes no difference.
    caps::raise(None, CapSet::Effective, admin).is_ok() && needed
}

/// Gives away every other capability for good, and root with them where there is another user to be.
pub(super) fn keep_alone(
    keep: &[Keep],
    user: Option<&User>,
    isolated: bool,
    confined: &mut Confined,
) -> Result<(), String> {
    let mut kept: CapsHashSet = keep.iter().map(|keep| keep.capability()).collect();
    kept.insert(Capability::CAP_NET_RAW);

    let unbounded = shrink_bounding_set(&kept);
    if let Some(user) = user {
        let refused = |what: &str| {
            let what = what.to_owned();
            move |error| format!("--user: {what}: {error}; it needs a server that is started as root")
        };
        set_keep_capabilities(true).map_err(refused("capabilities are not kept"))?;
        user.take_over().map_err(refused("the user is not changed"))?;
        set_keep_capabilities(false).map_err(refused("capabilities are kept"))?;
    }
    match shrink_sets(&kept) {
        Ok(held) => confined.done.push(format!("capabilities {}", names(&held))),
        Err(error) => confined.missing.push(format!("capabilities are as they were: {error}")),
    }
    if !unbounded.is_empty() {
        confined.missing.push(format!(
            "the bounding set has {} more (start as root with --user, or bound them where it is started)",
            unbounded.len()
        ));
    }
    match set_no_new_privs(true) {
        Ok(()) => confined.done.push("no new privileges".to_owned()),
        Err(error) => confined.missing.push(format!("new privileges: {error}")),
    }
    if geteuid().is_root() && !isolated {
        confined.missing.push("it is root's (--user NAME, or start it as another user)".to_owned());
    }
    Ok(())
}

/// What is left in the bounding set that is not to be there: only `CAP_SETPCAP` allows to take it out.
fn shrink_bounding_set(kept: &CapsHashSet) -> CapsHashSet {
    let bounding = || caps::read(None, CapSet::Bounding).unwrap_or_default();
    for other in bounding().difference(kept) {
        // Told by what is left.
        _ = caps::drop(None, CapSet::Bounding, *other);
    }
    bounding().difference(kept).copied().collect()
}

/// Leaves what is kept of the permitted set in it and in the effective set, and nothing in the others. What that is.
fn shrink_sets(kept: &CapsHashSet) -> Result<CapsHashSet, caps::errors::CapsError> {
    let permitted = caps::read(None, CapSet::Permitted)?;
    let held: CapsHashSet = permitted.intersection(kept).copied().collect();
    caps::clear(None, CapSet::Ambient)?;
    caps::set(None, CapSet::Effective, &held)?;
    caps::clear(None, CapSet::Inheritable)?;
    caps::set(None, CapSet::Permitted, &held)?;
    Ok(held)
}

/// `net_admin net_raw`, or `none`.
fn names(held: &CapsHashSet) -> String {
    let mut names: Vec<String> = held.iter().map(|held| held.to_string().to_lowercase()).collect();
    names.sort_unstable();
    let names: Vec<&str> = names.iter().map(|name| name.trim_start_matches("cap_")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}
