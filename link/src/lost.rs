//! What links lose on this host, in numbers.

/// Frames or packets that arrived at a link and never came out of it, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// The kernel dropped them because the receive queue was full: they were not taken fast enough. Modulo 2^32.
    pub overflowed: u32,
    /// Longer than an IP packet may be.
    pub oversized: u64,
    /// Of a form of super-segment that the kernel cannot describe.
    pub unreadable: u64,
}
