//! Deterministic worlds: many engines and virtual links under one agenda and one clock that somebody moves.
//!
//! | module | what it is |
//! |---|---|
//! | [`world`] | [`World`]: stacks, links, the clock, and the order in which things happen |
//! | [`output`] | [`Output`]: what happened, in that order |
//! | [`text`] | one line of text for each output |
//! | [`content`] | what is sent, known by position alone |
//! | [`check`] | laws that are checked after every event |
//! | [`swarm`] | a random world for each seed, judged by all laws |
//!
//! No threads, no tokio, no real clock. One seed and the same calls give the same octets and the same events.
#![forbid(unsafe_code)]

mod agenda;
pub mod check;
pub mod content;
pub mod output;
pub mod swarm;
pub mod text;
pub mod world;

pub use output::{Fate, Output};
pub use world::{Arrival, LinkConfig, LinkIndex, StackId, Station, World, WorldError};
