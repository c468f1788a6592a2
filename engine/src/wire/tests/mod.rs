//! The proof of `wire`: packets that Linux sent, laws that hold for all packets, and hostile bytes.

mod captured;
mod hostile;
mod laws;
mod link_layer;
mod notation;
mod strategies;
