//! The engines' threads, and how tokio reaches them.
//!
//! One OS thread owns a lab (a [`World`](sockwright_sim::World) of engines and virtual links) or an attached stack (an
//! engine, its links and the ports it holds). Everyone else sends it [messages](command) and waits; there is no
//! lock between them.
//!
//! ```text
//!  handler ── Call ──> queue ──> thread: now → commands → frames → timers → transmits → completions → events ──> hub
//!     ^                             │                                                                    │
//!     └────────── answer, at {epoch, seq} ──────────── released after its events are published ──────────┘
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`handle`] | what tokio sees: calls that wait, and end their wait when dropped |
//! | [`command`] | what crosses the border |
//! | [`receipt`] | what a call gave, until somebody has it |
//! | [`order`] | one receiver at a time, so that what is given back comes first again |
//! | [`turn`] | one turn of a thread, with its budgets |
//! | [`traffic`] | workloads, which drive sockets from inside of the thread |
//! | [`wire`] | the links of an attached stack, and what becomes of them |
//! | [`egress`] | what may leave by such a stack's wires |
//! | [`host_losses`] | what the host loses between such a stack and its wires |
//! | [`tap`] | each frame, joined with what the engines told of it, for who captures |
//! | [`busy_poll`] | looking for packets before sleeping |
//! | [`clock`] | how time passes in a lab |
//! | [`lab`], [`attached`] | the two kinds of [`Site`](site::Site) that a thread owns |

pub(crate) mod attached;
pub(crate) mod busy_poll;
pub(crate) mod clock;
pub(crate) mod command;
mod egress;
pub(crate) mod handle;
mod host_losses;
pub(crate) mod lab;
mod losses;
mod order;
mod ports;
pub(crate) mod receipt;
mod site;
mod tap;
#[cfg(test)]
mod tests;
pub(crate) mod traffic;
mod turn;
mod wire;

pub(crate) use handle::{StackHandle, ThreadHandle};
pub(crate) use turn::{Ears, Ending, Name, spawn_attached, spawn_lab};
