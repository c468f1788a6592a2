//! The send half of a connection: what was taken from the user and is not yet acknowledged.

pub(crate) mod buffer;
pub(crate) mod nagle;
pub(crate) mod persist;
pub(crate) mod urgent;
