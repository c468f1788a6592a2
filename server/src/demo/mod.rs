//! `--demo`: the life of one connection, from `listen()` to the end of TIME-WAIT, drawn as a ladder.
//!
//! The demo is a client like any other: it makes a lab, calls the services and watches the events; and what it draws
//! it knows from the events alone. Time is virtual, so that the sixty seconds of TIME-WAIT take none.
//!
//! | module | what it is |
//! |---|---|
//! | [`play`](mod@play) | the calls |
//! | [`story`] | what happened: events, and when calls began and ended |
//! | [`ladder`] | the story as rows |
//! | [`paint`] | the rows as text |

pub mod ladder;
pub mod paint;
pub mod play;
pub mod story;

pub use ladder::Ladder;
pub use play::play;
pub use story::{CallPart, Moment, Side, Story};

#[cfg(test)]
mod tests;
