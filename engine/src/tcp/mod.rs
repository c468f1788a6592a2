//! The TCP machine.
pub mod config;
pub mod info;
pub mod seq;
pub mod state;
pub mod timers;
