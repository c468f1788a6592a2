//! The proof of `wire`: packets that Linux sent, laws that hold for all packets, and hostile bytes.

mod captured;
mod hostile;
mod laws;
mod notation;
mod strategies;
