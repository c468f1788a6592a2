//! `sockwrightd` as a library: the services, the event hub, the engine threads.
//!
//! | module | what it is |
//! |---|---|
//! | [`server`] | a server: bound, serving, draining |
//! | [`cli`] | what the command line says |
//! | [`config`] | every limit, by name |
//! | [`access`] | who calls, and how that is proved |
//! | [`listen`] | where clients come in |
//! | [`confine`] | what the process may do to the machine, once it has begun |
//! | [`services`] | the contract's services, thin |
//! | [`hub`] | the one stream of events, and everyone who reads it |
//! | [`access`] | who calls, and what they may do |
//! | [`telemetry`] | log lines, and spans for OpenTelemetry |
//! | [`convert`], [`error`] | the engine's words and the contract's |
//! | [`traces`] | what is kept of a session, as one file |
//! | [`doctor`] | what a machine allows a server |
//! | [`demo`] | a connection's whole life, drawn as a ladder |
//!
//! Behind them, not public: `networks` (names, labs, attached stacks), `sessions` (leases), `stack` (the engines'
//! threads), `capture` (frames with what the engines knew of them, as pcapng), `idempotency`, `layers` (what stands
//! between HTTP and the services: the page of `dashboard/` among them), `metrics` (what Prometheus reads).
#![forbid(unsafe_code)]

pub mod access;
mod capture;
pub mod cli;
pub mod config;
pub mod confine;
pub mod convert;
pub mod demo;
pub mod doctor;
pub mod error;
pub mod hub;
mod idempotency;
mod layers;
pub mod listen;
mod metrics;
mod networks;
pub mod server;
pub mod services;
mod sessions;
mod stack;
pub mod telemetry;
pub mod traces;
