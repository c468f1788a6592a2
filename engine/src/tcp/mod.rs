//! The TCP machine. Knows no IP header: only a tuple, segment sizes and the time.

pub mod config;
pub mod info;
pub mod seq;
pub mod state;
pub mod timers;

pub(crate) mod agreed;
mod congestion;
pub(crate) mod connection;
pub(crate) mod cx;
pub(crate) mod ecn;
pub(crate) mod fast_open;
pub(crate) mod passive;
mod path_mtu;
mod path_search;
mod receive;
mod recovery;
pub(crate) mod rest;
pub(crate) mod send;
pub(crate) mod spares;
pub(crate) mod throttle;
pub(crate) mod time_wait;
pub(crate) mod timestamps;
