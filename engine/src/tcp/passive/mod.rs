//! The passive side: listeners, handshakes under way, initial sequence numbers, SYN cookies.

pub(crate) mod cookie;
pub(crate) mod half_open;
pub(crate) mod isn;
pub(crate) mod listener;
