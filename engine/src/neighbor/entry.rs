//! One neighbor: the state machine of RFC 4861 §7.3.3 and its appendix C.
//!
//! | state | left by |
//! |---|---|
//! | INCOMPLETE | an answer; too many requests without one |
//! | REACHABLE | time, seen when something is sent; a contradiction; doubt |
//! | STALE | something being sent; doubt |
//! | DELAY | a confirmation; five seconds without one; doubt |
//! | PROBE | a confirmation; too many requests without an answer |

use core::time::Duration;

use super::{NeighborState, Timings};
use crate::time::Instant;
use crate::wire::Mac;

/// A neighbor.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Known in every state but INCOMPLETE.
    mac: Option<Mac>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Incomplete { sent: u8, next: Instant },
    Reachable { until: Instant },
    Stale,
    Delay { until: Instant },
    Probe { sent: u8, next: Instant },
}

/// An answer, or what looks like one: a neighbor advertisement or an ARP reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advertisement {
    pub(crate) mac: Option<Mac>,
    /// It answers a request of ours.
    pub(crate) solicited: bool,
    /// It overrides another address that is known.
    pub(crate) overrides: bool,
}

/// What a timer of an entry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// To ask everybody, or the one station that had the address.
    Solicit(Option<Mac>),
    /// To give it up.
    Failed,
}

impl Entry {
    /// One that is asked for now.
    pub(super) fn incomplete(now: Instant, timings: &Timings) -> Self {
        Entry { mac: None, phase: Phase::Incomplete { sent: 1, next: now + timings.retransmit } }
    }

    /// One that told its address unasked.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.3
    //# If an entry does not already exist, the
    //# node SHOULD create a new one and set its reachability state to STALE
    //# as specified in Section 7.3.3.
    pub(super) fn stale(mac: Mac) -> Self {
        Entry { mac: Some(mac), phase: Phase::Stale }
    }

    pub(super) fn mac(&self) -> Option<Mac> {
        self.mac
    }

    /// Its state, were something sent now.
    pub(super) fn state(&self, now: Instant) -> NeighborState {
        match self.phase {
            Phase::Incomplete { .. } => NeighborState::Incomplete,
            Phase::Reachable { until } if now < until => NeighborState::Reachable,
            Phase::Reachable { .. } | Phase::Stale => NeighborState::Stale,
            Phase::Delay { .. } => NeighborState::Delay,
            Phase::Probe { .. } => NeighborState::Probe,
        }
    }

    /// When its timer fires. Becoming STALE needs none: it is seen when something is sent.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Incomplete { next, .. } | Phase::Probe { next, .. } => Some(next),
            Phase::Delay { until } => Some(until),
            Phase::Reachable { .. } | Phase::Stale => None,
        }
    }

    /// It waits for an answer.
    pub(super) fn was_asked(&self) -> bool {
        matches!(self.phase, Phase::Incomplete { .. } | Phase::Probe { .. })
    }

    /// Something is sent to it.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
    //# The first time a node sends a packet to a neighbor whose entry is
    //# STALE, the sender changes the state to DELAY and sets a timer to
    //# expire in DELAY_FIRST_PROBE_TIME seconds.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.4
    //# A particular gateway SHOULD NOT be used indefinitely in the absence of positive
    //# indications that it is functioning.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.1.4
    //# In particular, hosts MUST NOT actively check the status of a first-hop gateway by simply
    //# pinging the gateway continuously.
    pub(super) fn on_use(&mut self, now: Instant, timings: &Timings) {
        if self.state(now) == NeighborState::Stale {
            self.phase = Phase::Delay { until: now + timings.delay_first_probe };
        }
    }

    /// It told its address in a message that asks for something itself.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.3
    //# If an entry already exists, and the
    //# cached link-layer address differs from the one in the received Source
    //# Link-Layer option, the cached address should be replaced by the
    //# received address, and the entry's reachability state MUST be set to
    //# STALE.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
    //# In addition, should a cached link-layer address be modified due to receiving one of the
    //# above messages, the state SHOULD also be set to STALE to provide prompt verification that
    //# the path to the new link-layer address is working.
    pub(super) fn on_source(&mut self, mac: Mac) {
        if self.mac != Some(mac) {
            *self = Entry::stale(mac);
        }
    }

    /// It was advertised. A confirmation lasts for `reachable`.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
    //# II. If the Override flag is set, or the supplied link-layer address is the same as that in
    //# the cache, or no Target Link-Layer Address option was supplied, the received advertisement
    //# MUST update the Neighbor Cache entry as follows:
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
    //# If the Solicited flag is set, the state of the entry MUST be set to REACHABLE.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.1
    //# Receipt of other Neighbor Discovery messages, such as Router Advertisements and Neighbor
    //# Advertisement with the Solicited flag set to zero, MUST NOT be treated as a reachability
    //# confirmation.
    pub(super) fn on_advertisement(&mut self, now: Instant, told: &Advertisement, reachable: Duration) {
        let confirmed = Phase::Reachable { until: now + reachable };
        let Advertisement { mac, solicited, overrides } = *told;
        if let Phase::Incomplete { .. } = self.phase {
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
            //# If the
            //# link layer has addresses and no Target Link-Layer Address option is
            //# included, the receiving node SHOULD silently discard the received
            //# advertisement.
            if mac.is_some() {
                *self = Entry { mac, phase: if solicited { confirmed } else { Phase::Stale } };
            }
            return;
        }
        let differs = mac.is_some() && mac != self.mac;
        if differs && !overrides {
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
            //# a. If the state of the entry is REACHABLE, set it to STALE, but
            //# do not update the entry in any other way.
            //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
            //# b. Otherwise, the received advertisement should be ignored and
            //# MUST NOT update the cache.
            if let Phase::Reachable { .. } = self.phase {
                self.phase = Phase::Stale;
            }
            return;
        }
        //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
        //# The link-layer address in the Target Link-Layer Address option
        //# MUST be inserted in the cache (if one is supplied and differs
        //# from the already recorded address).
        self.mac = mac.or(self.mac);
        //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.5
        //# If the Solicited flag is set, the state of the entry MUST be
        //# set to REACHABLE.  If the Solicited flag is zero and the link-
        //# layer address was updated with a different address, the state
        //# MUST be set to STALE.  Otherwise, the entry's state remains
        //# unchanged.
        if solicited {
            self.phase = confirmed;
        } else if differs {
            self.phase = Phase::Stale;
        }
    }

    /// An upper layer saw that what we send arrives.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
    //# When a reachability confirmation is received (either through upper-
    //# layer advice or a solicited Neighbor Advertisement), an entry's state
    //# changes to REACHABLE.  The one exception is that upper-layer advice
    //# has no effect on entries in the INCOMPLETE state (e.g., for which no
    //# link-layer address is cached).
    pub(super) fn on_confirmation(&mut self, now: Instant, reachable: Duration) {
        if self.mac.is_some() {
            self.phase = Phase::Reachable { until: now + reachable };
        }
    }

    /// An upper layer has reason to think that what we send does not arrive. That is a hint, and no more (RFC 4861 appendix
    /// E): the neighbor is asked, the first time at `next`.
    pub(super) fn on_doubt(&mut self, next: Instant) {
        if !self.was_asked() {
            self.phase = Phase::Probe { sent: 0, next };
        }
    }

    /// Its timer fired.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
    //# Retransmissions MUST be rate-limited to at most one solicitation per
    //# neighbor every RetransTimer milliseconds.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.2.2
    //# While awaiting a response, the sender SHOULD retransmit Neighbor Solicitation messages
    //# approximately every RetransTimer milliseconds, even in the absence of additional traffic
    //# to the neighbor.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
    //# If no response is received after waiting RetransTimer milliseconds after sending the
    //# MAX_UNICAST_SOLICIT solicitations, retransmissions cease and the entry SHOULD be deleted.
    //= https://www.rfc-editor.org/rfc/rfc4861#section-7.3.3
    //# A node MUST NOT send Neighbor Solicitations to the same neighbor more frequently than once
    //# every RetransTimer milliseconds.
    pub(super) fn on_timeout(&mut self, now: Instant, timings: &Timings) -> Due {
        let next = now + timings.retransmit;
        let (sent, max) = match self.phase {
            Phase::Incomplete { sent, .. } => (sent, timings.multicast_max),
            Phase::Probe { sent, .. } => (sent, timings.unicast_max),
            _ => (0, timings.unicast_max),
        };
        if sent >= max {
            return Due::Failed;
        }
        let sent = sent + 1;
        self.phase = match self.phase {
            Phase::Incomplete { .. } => Phase::Incomplete { sent, next },
            _ => Phase::Probe { sent, next },
        };
        Due::Solicit(self.mac)
    }
}
