//! Command-line text to the contract's types. What comes out of here needs no second check.

pub(crate) mod address;
pub(crate) mod duration;
pub(crate) mod link;
pub(crate) mod number;
pub(crate) mod position;
pub(crate) mod socket_options;
