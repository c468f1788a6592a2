//! The library and the command line beside a real server. One program, so that what the tests share is used by it.

#[path = "../common/mod.rs"]
mod common;
mod labs;
mod wire;

mod connection;
mod credentials;
mod examples;
mod mirror;
mod net;
mod story;
mod streams;
mod top;
mod traces;
