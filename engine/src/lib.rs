//! The Sockwright TCP/IP engine: a function of state, input, time and seed, with no I/O of its own.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod counters;
mod endpoint;
pub mod event;
mod hash;
pub mod host;
pub mod id;
mod ip;
pub mod limits;
pub mod neighbor;
pub mod rng;
pub mod tcp;
pub mod time;
mod udp;
pub mod wire;
