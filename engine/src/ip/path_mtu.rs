//! How large a packet each path takes, as Packet Too Big messages told (RFC 1191, RFC 8201).
//!
//! Owns: [`Paths`], a path being a destination, and what a message may claim ([`claim`]). Who may be believed is the
//! transports' business, since they know what they sent: TCP's in `tcp/path_mtu.rs`. What is remembered only ever lowers
//! the MTU of the first hop, and is forgotten after ten minutes: then the larger size is tried again.

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::IpAddr;
use core::time::Duration;

use crate::limits::Limit;
use crate::tcp::cx::Cx;
use crate::time::Instant;

/// How long a lower MTU is believed.
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//# An attempt to detect an increase (by sending a packet
//# larger than the current estimate) must not be done less than 5
//# minutes after a Packet Too Big message has been received for the
//# given path.
//= https://www.rfc-editor.org/rfc/rfc8201#section-5.3
//# No
//# such mechanism exists for realizing that a stale PMTU value is too
//# small, so an implementation should "age" cached values.  When a PMTU value
//# has not been decreased for a while (on the order of 10 minutes), it
//# should probe to find if a larger PMTU is supported.
//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//# Hosts MAY detect increases in Path MTU, but because doing so requires sending datagrams
//# larger than the current estimated PMTU, and because the likelihood is that the PMTU will
//# not have increased, this MUST be done at infrequent intervals.
//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//# An attempt to detect an increase (by sending a datagram larger than the current estimate)
//# MUST NOT be done less than 5 minutes after a Datagram Too Big message has been received
//# for the given destination, or less than 1 minute after a previous, successful attempted
//# increase.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.3
//# No such mechanism exists for realizing that a stale PMTU value is too small, so an
//# implementation should "age" cached values.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.3
//# When a PMTU value has not been decreased for a while (on the order of 10 minutes), the
//# PMTU estimate should be set to the first-hop data-link MTU, and the packetization layers
//# should be notified of the change.
//= https://www.rfc-editor.org/rfc/rfc1191#section-7.1
//# Since it is likely that this process will simply "rediscover" the current PTMU estimate,
//# at the cost of several dropped datagrams, it should not be done often.
//= https://www.rfc-editor.org/rfc/rfc1191#section-7.1
//# In no case should the timeout be shorter than the estimated round-trip time, if this is
//# known.
//= https://www.rfc-editor.org/rfc/rfc8201#section-3
//# Therefore, attempts to detect increases in a path's PMTU should be done infrequently.
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//# Nodes may detect increases in PMTU, but because doing so requires sending packets larger
//# than the current estimated PMTU, and because the likelihood is that the PMTU will not have
//# increased, this must be done at infrequent intervals.
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.3
//= type=exception
//= reason=ten minutes, as the RFC suggests; who wants no discovery turns it off
//# Note: an implementation should provide a means for changing the timeout duration,
//# including setting it to "infinity".
//= https://www.rfc-editor.org/rfc/rfc1191#section-6.6
//= type=exception
//= reason=ten minutes, as the RFC suggests; who wants no discovery turns it off
//# The implementation should also provide a way to change the timeout period for aging stale
//# PMTU information.
//= https://www.rfc-editor.org/rfc/rfc8201#section-5.3
//= type=exception
//= reason=ten minutes, as the RFC suggests
//# Note: an implementation should provide a means for changing the timeout duration,
//# including setting it to "infinity".
//= https://www.rfc-editor.org/rfc/rfc8201#section-5.6
//= type=exception
//= reason=ten minutes, as the RFC suggests
//# The implementation should also provide a way to change the timeout period for aging stale
//# PMTU information.
//= https://www.rfc-editor.org/rfc/rfc1191#section-7.1
//= type=exception
//= reason=after ten minutes the size of the first hop is tried at once, as section 6.3 has it, and not
//= plateau by plateau
//# Because it may take several such periods to discover a significant increase in the PMTU,
//# we recommend that a short timeout period should be used after the estimate is increased,
//# and a longer timeout be used
//= https://www.rfc-editor.org/rfc/rfc1191#section-7.1
//= type=exception
//= reason=after ten minutes the size of the first hop is tried at once, as section 6.3 has it, and not
//= plateau by plateau
//# For example, after the PTMU estimate is decreased, the timeout should be set to 10
//# minutes; once this timer expires and a larger MTU is attempted, the timeout can be set to
//# a much smaller value (say, 2 minutes).
pub(crate) const AGE: Duration = Duration::from_secs(600);

/// The least MTU that IPv4 is lowered to: Linux's `min_pmtu`. Whoever claims less may tell the truth, but each octet less
/// makes us send more packets for the same data; so packets of this size go then, and the path may cut them.
pub(crate) const MIN_IPV4: u32 = 552;

/// What every IPv6 path takes.
pub(crate) const MIN_IPV6: u32 = 1280;

/// The least that an IPv4 router may claim.
const LEAST_IPV4: u32 = 68;

/// The MTUs that networks have (RFC 1191 §7.1).
//= https://www.rfc-editor.org/rfc/rfc1191#section-7
//# Implementors should use up-to-date references to pick a set of plateaus; it is important
//# that the table not contain too many entries or the process of searching for a PMTU might
//# waste Internet resources.
//= https://www.rfc-editor.org/rfc/rfc1191#section-7
//= type=exception
//= reason=whoever runs it has the source
//# Implementors should also make it convenient for customers without source code to update
//# the table values in their systems (for example, the table in a BSD-derived Unix kernel
//# could be changed using a new "ioctl" command).
const PLATEAUS: [u32; 11] = [65_535, 32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, LEAST_IPV4];

/// What is known of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathMtu {
    /// The largest packet to send, in octets.
    pub(crate) mtu: u32,
    /// The path takes even less, and its routers have to cut what we send.
    pub(crate) cut: bool,
}

/// The paths that take less than their first hop.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
    //= type=exception
    //= reason=a destination is reached by one interface, and what is learnt on one is at worst too small
    //= for another
    //# For nodes with multiple interfaces, Path MTU information should be maintained for each
    //# IPv6 link.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-5.2
    //# Network or subnet numbers MUST NOT be used as representations of a path, because there is
    //# not a general mechanism to determine the network mask at the remote host.
    known: BTreeMap<IpAddr, (PathMtu, Instant)>,
    ages: BTreeSet<(Instant, IpAddr)>,
    /// How often something changed: who has seen this many changes knows all there is to know.
    changes: u64,
}

impl Paths {
    /// How often something changed until now.
    pub(crate) fn changes(&mut self, now: Instant) -> u64 {
        while let Some((_, ip)) = self.ages.first().copied().filter(|(at, _)| *at <= now) {
            self.forget(ip);
        }
        self.changes
    }

    /// A link changed: what is known here did not, but what follows from it may have.
    pub(crate) fn note_change(&mut self) {
        self.changes += 1;
    }

    /// What is known of the path to `ip`, if it is less than the link tells.
    pub(crate) fn get(&self, now: Instant, ip: IpAddr) -> Option<PathMtu> {
        self.known.get(&ip).filter(|(_, until)| *until > now).map(|(path, _)| *path)
    }

    /// The path to `ip` takes no more than this.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-4
    //# When a node receives a Packet Too Big message, it must reduce its
    //# estimate of the PMTU for the relevant path, based on the value of the
    //# MTU field in the message.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-3
    //# When a host receives a Datagram Too Big message, it MUST reduce its estimate of the PMTU
    //# for the relevant path, based on the value of the Next-Hop MTU field in the message (see
    //# section 4).
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.1
    //# We therefore believe that the IP layer should store PMTU information and that the ICMP
    //# layer should process received Datagram Too Big messages.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
    //# In general, the IP layer should associate each PMTU value that it has learned with a
    //# specific path.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
    //# A host will not have a route for every possible destination, but it should be able to
    //# cache a per-host route for every active destination.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
    //# Ideally, a PMTU value should be associated with a specific path traversed by packets
    //# exchanged between the source and destination nodes.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
    //# Rather, a node must associate a PMTU value with some local representation of a path.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-5.2
    //# Since Network Address Translators (NATs) and other forms of middle boxes may exhibit
    //# differing PMTUs simultaneously at a single IP address, the minimum value SHOULD be stored.
    pub(crate) fn learn(&mut self, cx: &mut Cx<'_>, ip: IpAddr, path: PathMtu) {
        let before = self.get(cx.now, ip);
        if before.is_some_and(|before| before.mtu < path.mtu || before == path) {
            return;
        }
        self.forget(ip);
        if self.known.len() >= cx.limits.path_mtus {
            cx.limit_hit(None, Limit::PathMtus);
            let Some((_, oldest)) = self.ages.first().copied() else { return };
            self.forget(oldest);
        }
        let until = cx.now + AGE;
        self.known.insert(ip, (path, until));
        self.ages.insert((until, ip));
        self.changes += 1;
    }

    fn forget(&mut self, ip: IpAddr) {
        if let Some((_, until)) = self.known.remove(&ip) {
            self.ages.remove(&(until, ip));
            self.changes += 1;
        }
    }
}

/// What a Packet Too Big message says that claims `mtu` for a packet of `len` octets; `None` where it cannot be meant.
//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//# Hosts MUST be able to deal with Datagram Too Big messages that do not
//# include the next-hop MTU, since it is not feasible to upgrade all the
//# routers in the Internet in any finite time.
//= https://www.rfc-editor.org/rfc/rfc1191#section-3
//# A host MUST never reduce its estimate of the Path MTU below 68
//# octets.
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//# If a node receives a Packet Too Big message reporting a next-hop MTU
//# that is less than the IPv6 minimum link MTU, it must discard it.
//= https://www.rfc-editor.org/rfc/rfc1191#section-5
//# Any search strategy must have some "memory" of previous estimates in order to chose the
//# next one.
//= https://www.rfc-editor.org/rfc/rfc1191#section-8
//# This should not entirely stop data flow, since the victim host should never set its PMTU
//# estimate below the absolute minimum, but at 8 octets of IP data per datagram, progress
//# could be slow.
//= https://www.rfc-editor.org/rfc/rfc8201#section-4
//# A node must not reduce its estimate of the Path MTU below the IPv6 minimum link MTU on
//# receipt of a Packet Too Big message.
//= https://www.rfc-editor.org/rfc/rfc8201#section-6
//# In response, the victim node should never set its PMTU estimate below the IPv6 minimum
//# link MTU.
pub(crate) fn claim(v4: bool, mtu: u32, len: usize) -> Option<PathMtu> {
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    let mtu = match mtu {
        //= https://www.rfc-editor.org/rfc/rfc1191#section-5
        //= type=exception
        //= reason=the routers of 4.2BSD that returned a wrong Total Length are gone
        //# Since it is impossible for the host receiving such a Datagram Too Big message to know if
        //# it sent by one of these routers, the host must be conservative and assume that it is.
        //= https://www.rfc-editor.org/rfc/rfc1191#section-5
        //= type=exception
        //= reason=the routers of 4.2BSD that returned a wrong Total Length are gone
        //# If the Total Length field returned is not less than the current PMTU estimate, it must be
        //# reduced by 4 times the value of the returned Header Length field.
        0 if v4 => PLATEAUS.into_iter().find(|plateau| *plateau < len)?,
        mtu => mtu,
    };
    let least = if v4 { LEAST_IPV4 } else { MIN_IPV6 };
    if mtu < least || mtu >= len {
        return None;
    }
    Some(if v4 {
        PathMtu { mtu: mtu.max(MIN_IPV4), cut: mtu < MIN_IPV4 }
    } else {
        PathMtu { mtu, cut: false }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(mtu: u32, len: usize) -> Option<(u32, bool)> {
        claim(true, mtu, len).map(|path| (path.mtu, path.cut))
    }

    //= https://www.rfc-editor.org/rfc/rfc1191#section-3
    //= type=test
    //# Hosts MUST be able to deal with Datagram Too Big messages that do not
    //# include the next-hop MTU, since it is not feasible to upgrade all the
    //# routers in the Internet in any finite time.
    #[test]
    fn a_router_that_claims_nothing_means_the_next_plateau() {
        assert_eq!(claimed(0, 1500), Some((1492, false)));
        assert_eq!(claimed(0, 1492), Some((1006, false)));
        assert_eq!(claimed(0, 65_535), Some((32_000, false)));
        assert_eq!(claimed(0, 68), None);
        assert_eq!(claim(false, 0, 1500), None);
    }

    //= https://www.rfc-editor.org/rfc/rfc1191#section-3
    //= type=test
    //# A host MUST never reduce its estimate of the Path MTU below 68
    //# octets.
    #[test]
    fn below_the_floor_packets_of_its_size_may_be_cut() {
        assert_eq!(claimed(552, 1500), Some((552, false)));
        assert_eq!(claimed(551, 1500), Some((552, true)));
        assert_eq!(claimed(68, 1500), Some((552, true)));
        assert_eq!(claimed(67, 1500), None);
    }

    //= https://www.rfc-editor.org/rfc/rfc8201#section-4
    //= type=test
    //# If a node receives a Packet Too Big message reporting a next-hop MTU
    //# that is less than the IPv6 minimum link MTU, it must discard it.
    #[test]
    fn an_ipv6_path_takes_1280_octets() {
        assert_eq!(claim(false, 1279, 1500), None);
        assert_eq!(claim(false, 1280, 1500), Some(PathMtu { mtu: 1280, cut: false }));
    }

    #[test]
    fn a_packet_that_fits_was_not_too_big() {
        assert_eq!(claimed(1500, 1500), None);
        assert_eq!(claimed(1499, 1500), Some((1499, false)));
    }
}
