//! How long, how often: the constants of RFC 4861 §10, and what ARP has in their place.

use core::time::Duration;

/// How neighbors are resolved and watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Of ARP (RFC 1122 §2.3.2.1).
    pub arp: Timings,
    /// Of neighbor discovery (RFC 4861 §10).
    pub ndp: Timings,
}

/// The timings of one protocol.
//= https://www.rfc-editor.org/rfc/rfc1122#section-2.3.2.1
//# An implementation of the Address Resolution Protocol (ARP)
//# [LINK:2] MUST provide a mechanism to flush out-of-date cache
//# entries.  If this mechanism involves a timeout, it SHOULD be
//# possible to configure the timeout value.
//= https://www.rfc-editor.org/rfc/rfc826
//# Also, as we know from experience, there is always the danger of incorrect routing
//# information accidentally getting transmitted through hardware or software error; it should
//# not be allowed to persist forever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timings {
    /// Between two requests for one neighbor: `RetransTimer`.
    pub retransmit: Duration,
    /// After a confirmation a neighbor is reachable for half to one and a half times this long: `BaseReachableTime`.
    pub reachable: Duration,
    /// How long an upper layer has to confirm before we ask: `DELAY_FIRST_PROBE_TIME`.
    pub delay_first_probe: Duration,
    /// Requests to everybody before a neighbor is given up: `MAX_MULTICAST_SOLICIT`.
    pub multicast_max: u8,
    /// Requests to the neighbor itself before its entry is deleted: `MAX_UNICAST_SOLICIT`.
    pub unicast_max: u8,
}

impl Default for Config {
    fn default() -> Self {
        let ndp = Timings {
            retransmit: Duration::from_secs(1),
            reachable: Duration::from_secs(30),
            delay_first_probe: Duration::from_secs(5),
            multicast_max: 3,
            unicast_max: 3,
        };
        // "the timeout should be on the order of a minute, and typically N is 2" (RFC 1122 §2.3.2.1).
        let arp = Timings { reachable: Duration::from_secs(60), unicast_max: 2, ..ndp.clone() };
        Config { arp, ndp }
    }
}
