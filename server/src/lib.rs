//! `sockwrightd` as a library: the services, the event hub, the engine threads.
#![forbid(unsafe_code)]

pub mod convert;
pub mod error;
pub mod hub;
pub mod services;
