//! TCP segments as they travel (RFC 9293 §3.1), and as people write them down.
//!
//! Owns: the header with its [`Flags`] and [`TcpOptions`], and the notation of tcpdump and packetdrill
//! ([`TcpSummary`]). What a segment does to a connection is the business of `crate::tcp`.

mod cookie;
mod flags;
mod header;
mod options;
mod summary;

pub use cookie::FastOpenCookie;
pub use flags::Flags;
pub use header::TcpSegment;
pub use options::{SackBlocks, TcpOptions, Timestamps};
pub use summary::TcpSummary;
