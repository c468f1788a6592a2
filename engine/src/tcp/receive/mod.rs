//! The receive half of a connection: what came and the user has not taken.

pub(crate) mod ack_policy;
pub(crate) mod assembler;
pub(crate) mod sack;
pub(crate) mod tuning;
pub(crate) mod urgent;
pub(crate) mod window;
