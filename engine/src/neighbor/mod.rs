//! Neighbors on a link: which link-layer address an IP address has, and whether it can still be reached.
//!
//! Owns: the cache ([`Cache`]), the state of one neighbor ([`Entry`](entry::Entry), RFC 4861 §7.3.2), and the claims to
//! addresses of our own ([`Claims`]). IPv6 neighbor discovery and ARP share all of it: what differs is the message that
//! asks and the [`Timings`]. Never touches a frame or a message: `host` reads them, and writes what an [`Action`] asks
//! for.
//!
//! ```text
//! resolve(10.0.0.2) ─> Incomplete, Action::Solicit      who has 10.0.0.2?
//! advertised(10.0.0.2, 02:..:02) ─> Reachable, Action::Send, for each packet that waited
//! ```

mod cache;
mod claims;
mod entry;
mod timings;

pub(crate) use cache::{Action, Cache, Resolution};
pub(crate) use claims::{Claims, Conflict, Step};
pub(crate) use entry::Advertisement;
pub use timings::{Config, Timings};

use core::fmt;
use core::net::IpAddr;

use crate::id::LinkId;
use crate::wire::Mac;

/// The state of a neighbor (RFC 4861 §7.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NeighborState {
    /// It was asked for, and has not answered.
    Incomplete,
    /// It was confirmed a short time ago that what we send arrives.
    Reachable,
    /// That was a long time ago, or never; nothing was sent since.
    Stale,
    /// Something was sent since; an upper layer may confirm yet that it arrived.
    Delay,
    /// It is being asked whether it is still there.
    Probe,
}

impl NeighborState {
    /// The name in the RFC.
    pub const fn name(self) -> &'static str {
        match self {
            NeighborState::Incomplete => "INCOMPLETE",
            NeighborState::Reachable => "REACHABLE",
            NeighborState::Stale => "STALE",
            NeighborState::Delay => "DELAY",
            NeighborState::Probe => "PROBE",
        }
    }
}

impl fmt::Display for NeighborState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is known of a neighbor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbor {
    /// The link that it is on.
    pub link: LinkId,
    /// Its address.
    pub ip: IpAddr,
    /// Its link-layer address, once it is known.
    pub mac: Option<Mac>,
    /// Its state.
    pub state: NeighborState,
}

/// Whether one of our addresses may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressState {
    /// Not yet: nobody has been asked yet whether it is his.
    Tentative,
    /// It may.
    Assigned,
    /// It may not: somebody else has it.
    Duplicate,
}
