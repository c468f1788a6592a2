//! The services of the contract, one file each.

pub mod events;
