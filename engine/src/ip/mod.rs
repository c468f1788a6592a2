//! What the IP layer of a host remembers between packets: fragments that wait for the rest, identifications that were
//! used, how fast it may answer strangers, and how large a packet each path takes.
//!
//! Never touches a socket or a link: `host/` hands packets in and sends what comes out. The formats are in `wire/`.

pub(crate) mod fragment;
pub(crate) mod ident;
pub(crate) mod path_mtu;
pub(crate) mod rate;
pub(crate) mod reassembly;
