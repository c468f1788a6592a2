//! How large a packet a connection sends: what it was told, whom it believes (RFC 1191, RFC 8201, RFC 5927 §7), and
//! what it concludes when nobody tells (RFC 4821 §7.7).
//!
//! Owns: [`PathMtu`], one connection's view of its path. Never touches a segment or the scoreboard: the connection asks,
//! and makes its segments as large as it is told (`connection/path_mtu.rs`).
//!
//! ```text
//! 1500 sent ... PTB 1400 -> 1400, at once: nothing of that size ever arrived
//! 1400 acknowledged ... PTB 600 -> waits: data of that size arrives, so it may be forged
//!                       RTO -> 600: it does not any more
//! 1500 sent, three RTOs -> 1024: a black hole, and a search from there
//! ```

use alloc::boxed::Box;

use super::path_search::Search;
use super::seq::Seq;
use crate::ip::path_mtu::{self, AGE, MIN_IPV4, MIN_IPV6};
use crate::time::Instant;

/// The least that every path takes.
const LEAST_IPV4: u32 = 68;

/// Timeouts of a segment after which a message about it is believed: MAXSEGRTO.
//= https://www.rfc-editor.org/rfc/rfc5927#section-7.2
//# A
//# MAXSEGRTO of 1 provides enough protection for most cases.
const TIMEOUTS_TO_BELIEVE: u32 = 1;

/// Timeouts in a row after which a path that tells nothing is taken for a black hole: R1 of RFC 1122 §4.2.3.5, and Linux's
/// `tcp_retries1`.
const TIMEOUTS_OF_BLACK_HOLE: u32 = 3;

/// What a path is likely to take that swallows larger packets.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.2
//# It is RECOMMENDED that search_low be initially set to an MTU size
//# that is likely to work over a very wide range of environments.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.2
//= type=exception
//= reason=1024 octets, as the RFC has it for safe enough; the option chooses between that and search_high
//# The initial value for search_low SHOULD be configurable.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.2
//= type=exception
//= reason=path_mtu_discovery and max_segment_size are options of each socket, and the MTU is one of
//= each link; a route has none
//# There SHOULD be per-protocol and per-route configuration options to override initial values for
//# eff_pmtu and other PLPMTUD state variables.
//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=exception
//= reason=path_mtu_discovery and max_segment_size are options of each socket, and the MTU is one of
//= each link; a route has none
//# There SHOULD be per-protocol and per-route limits on the initial effective Path MTU (eff_pmtu)
//# and the upper searching limit (search_high).
const BLACK_HOLE_MTU: u32 = 1024;

/// One connection's view of its path.
#[derive(Clone, Debug)]
pub(crate) struct PathMtu {
    v4: bool,
    /// What the connection's packets may have, in octets: `eff_pmtu`.
    mtu: u32,
    /// What the host knows of the path.
    link: u32,
    /// Routers have to cut even these.
    cut: bool,
    /// How many changes of the host's paths it has seen; `None` before the first look.
    seen: Option<u64>,
    /// The host said what it knows of the path.
    known: bool,
    /// `maxsizesent`: the largest packet sent since the MTU was last lowered.
    largest_sent: u32,
    /// `maxsizeacked`: the largest that is known to have arrived.
    largest_acked: u32,
    /// One larger than that, and the sequence number whose acknowledgment says that it arrived.
    awaited: Option<(Seq, u32)>,
    /// A message that is not believed yet.
    pending: Option<Pending>,
    /// Timeouts since the last progress: `nsegrto`.
    timeouts: u32,
    /// The path was found to be a black hole, and is taken for one until then where there can be no search.
    black_hole_until: Option<Instant>,
    /// The largest packet that the peer takes, where larger segments may be sent to search for what the path takes.
    peer: Option<u32>,
    /// The search, once there is a reason for one: `mtu` is what it found so far.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //= type=exception
    //= reason=what a search finds is one connection's, since flows to one address may take
    //= different paths; what a router tells is shared
    //# If PLPMTUD updates the MTU for a particular path, all Packetization Layer sessions that
    //# share the path representation (as described in Section 5.2) SHOULD be notified to make use
    //# of the new MTU and make the required congestion control adjustments.
    search: Option<Box<Search>>,
    /// What a router told, and the host is to know.
    learnt: Option<path_mtu::PathMtu>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    claimed: path_mtu::PathMtu,
    seq: Seq,
}

/// When a path is searched by larger segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchStart {
    /// From the start.
    AtOnce,
    /// When it was found to be a black hole.
    BlackHole,
}

/// What a Packet Too Big message comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It cannot be true.
    Forged,
    /// It is believed if what it quotes times out.
    Pending,
    /// The MTU is lower now.
    Lowered,
}

impl PathMtu {
    /// Of a path whose first hop takes packets of `mtu` octets.
    pub(crate) fn new(v4: bool, mtu: u32) -> Self {
        let least = if v4 { LEAST_IPV4 } else { MIN_IPV6 };
        PathMtu {
            v4,
            mtu,
            link: mtu,
            cut: false,
            seen: None,
            known: false,
            largest_sent: least,
            largest_acked: least,
            awaited: None,
            pending: None,
            timeouts: 0,
            black_hole_until: None,
            peer: None,
            search: None,
            learnt: None,
        }
    }

    /// The largest packet to send, in octets.
    pub(crate) fn mtu(&self) -> u32 {
        self.mtu
    }

    /// The handshake told what there is to know of the peer: `peer` is the largest packet that it takes, where larger
    /// segments may search for what the path takes, and that is done from the `start`.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.1
    //# The initial value of
    //# search_low SHOULD be conservatively low, but performance may be
    //# better if eff_pmtu starts at a higher, less conservative, value.
    pub(crate) fn on_handshake(&mut self, peer: Option<u32>, start: SearchStart) {
        self.peer = peer;
        if self.search.take().is_some() {
            self.mtu = self.link;
        }
        if start == SearchStart::AtOnce {
            let low = if self.v4 { BLACK_HOLE_MTU } else { MIN_IPV6 };
            self.start_search(low.min(self.mtu), true);
        }
    }

    pub(crate) fn search(&self) -> Option<&Search> {
        self.search.as_deref()
    }

    /// Lets the search go on: says whether the MTU is another for what it found.
    pub(crate) fn update_search(&mut self, update: impl FnOnce(&mut Search)) -> bool {
        let Some(search) = &mut self.search else { return false };
        update(search);
        let before = core::mem::replace(&mut self.mtu, search.low());
        self.mtu != before
    }

    /// The probe that is acknowledged at `end` did not arrive: what is acknowledged there went in smaller packets.
    pub(crate) fn on_probe_lost(&mut self, end: Seq) {
        self.awaited.take_if(|(awaited, _)| *awaited == end);
    }

    /// A router told that the probe which ends at `end` was too large for it, and that it takes `mtu` octets.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-5.2
    //# The IP layer
    //# SHOULD be used to store the cached PMTU value and other shared state
    //# such as MTU values reported by ICMP PTB messages.
    pub(crate) fn on_probe_too_big(&mut self, end: Seq, mtu: u32) {
        self.on_probe_lost(end);
        self.learnt = Some(path_mtu::PathMtu { mtu, cut: false });
    }

    /// Searches from `low` up to what the link and the peer take.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.2
    //# The initial value for search_high SHOULD be the largest possible
    //# packet that might be supported by the flow.
    fn start_search(&mut self, low: u32, likely: bool) {
        let Some(peer) = self.peer else { return };
        self.search = Some(Box::new(Search::new(low, self.link.min(peer).max(low), likely)));
        self.mtu = low;
    }

    /// Routers have to cut what is sent: the path takes less than the least that we go down to.
    pub(crate) fn must_be_cut(&self) -> bool {
        self.cut
    }

    /// Whether what the host knows of the path is to be looked at: it changed since the last look, which this is, or what
    /// was concluded since is too old.
    pub(crate) fn has_news(&mut self, now: Instant, changes: u64) -> bool {
        let stale = self.black_hole_until.take_if(|until| *until <= now).is_some();
        self.seen.replace(changes) != Some(changes) || stale
    }

    /// The host knows this of the path; says whether that is something else. At first it is not, unless it is less than
    /// the connection was made for.
    pub(crate) fn set(&mut self, path: path_mtu::PathMtu) -> bool {
        let first = !core::mem::replace(&mut self.known, true);
        self.cut = path.cut;
        self.link = path.mtu;
        let ceiling = path.mtu.min(self.peer.unwrap_or(path.mtu).max(self.mtu));
        let mtu = match &mut self.search {
            Some(search) => {
                search.set_ceiling(ceiling);
                search.low()
            }
            None if self.black_hole_until.is_some() => path.mtu.min(self.mtu),
            None => path.mtu,
        };
        if mtu < self.mtu {
            self.start_anew();
        }
        let before = core::mem::replace(&mut self.mtu, mtu);
        mtu < before || mtu > before && !first
    }

    /// What the host is to know of the path, once.
    pub(crate) fn take_learnt(&mut self) -> Option<path_mtu::PathMtu> {
        self.learnt.take()
    }

    /// A packet of `size` octets left that is acknowledged at `end`.
    pub(crate) fn on_sent(&mut self, end: Seq, size: u32) {
        self.largest_sent = self.largest_sent.max(size);
        if size > self.largest_acked && self.awaited.is_none_or(|(_, awaited)| awaited < size) {
            self.awaited = Some((end, size));
        }
    }

    /// Everything before `una` arrived.
    pub(crate) fn on_progress(&mut self, una: Seq) {
        self.timeouts = 0;
        if let Some((end, size)) = self.awaited
            && una.at_or_after(end)
        {
            self.largest_acked = self.largest_acked.max(size);
            self.awaited = None;
        }
        //= https://www.rfc-editor.org/rfc/rfc5927#section-7.2
        //# If, while there is a pending ICMP "Packet Too Big" error message, the
        //# TCP SEQ claimed by the pending message is acknowledged (i.e., an ACK
        //# that acknowledges that sequence number is received), then the
        //# "pending error" condition is cleared.
        if self.pending.is_some_and(|pending| una.after(pending.seq)) {
            self.pending = None;
        }
    }

    /// A message about the segment at `seq`, which is in flight.
    pub(crate) fn on_too_big(&mut self, seq: Seq, claimed: path_mtu::PathMtu) -> Verdict {
        //= https://www.rfc-editor.org/rfc/rfc5927#section-7.2
        //# If claimedmtu is larger than maxsizesent, then the
        //# ICMP error message is silently discarded.
        //= https://www.rfc-editor.org/rfc/rfc8201#section-4
        //# A node must not increase its estimate of the Path MTU in response to
        //# the contents of a Packet Too Big message.
        //= https://www.rfc-editor.org/rfc/rfc1191#section-3
        //# A host MUST not increase its estimate of the Path MTU in response to the contents of a
        //# Datagram Too Big message.
        //= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
        //# Note: One MUST not retransmit in response to every Datagram Too Big message, since a burst
        //# of several oversized segments will give rise to several such messages and hence several
        //# retransmissions of the same data.
        //= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
        //# This means that the TCP layer must be able to recognize when a Datagram Too Big
        //# notification actually decreases the PMTU that it has already used to send a datagram on
        //# the given connection, and should ignore any other notifications.
        //= https://www.rfc-editor.org/rfc/rfc1191#section-8
        //# A host, however, should never raise its estimate of the PMTU based on a Datagram Too Big
        //# message, so should not be vulnerable to this attack.
        //= https://www.rfc-editor.org/rfc/rfc8201#section-6
        //# A node, however, must not raise its estimate of the PMTU based on a Packet Too Big
        //# message, so it should not be vulnerable to this attack.
        let lower = claimed.mtu < self.mtu || claimed.cut && !self.cut;
        if claimed.mtu > self.largest_sent || !lower {
            //= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
            //= type=exception
            //= reason=a message that lowers nothing may be forged; what it quotes is found lost like
            //= anything else
            //# Also, the instance that sent the datagram that elicited the Datagram Too Big message
            //# should be notified that its datagram has been dropped, even if the PMTU estimate has not
            //# changed, so that it may retransmit the dropped datagram.
            //= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
            //= type=exception
            //= reason=a message that lowers nothing may be forged; what it quotes is found lost like
            //= anything else
            //# Also, the instance that sent the packet that elicited the Packet Too Big message should
            //# be notified that its packet has been dropped, even if the PMTU estimate has not changed,
            //# so that it may retransmit the dropped data.
            return Verdict::Forged;
        }
        //= https://www.rfc-editor.org/rfc/rfc5927#section-7.2
        //# If claimedmtu is equal to or larger than maxsizeacked, TCP is
        //# supposed to be at the Initial Path-MTU Discovery stage, and thus the
        //# ICMP "Packet Too Big" error message is honored immediately.
        if claimed.mtu >= self.largest_acked || self.timeouts >= TIMEOUTS_TO_BELIEVE {
            self.lower(claimed);
            return Verdict::Lowered;
        }
        //= https://www.rfc-editor.org/rfc/rfc5927#section-7.2
        //# At this stage, these
        //# implementations are more cautious with the errors being reported by
        //# the network, and therefore just record the received error message,
        //# and delay the update of the assumed Path-MTU.
        self.pending = Some(Pending { claimed, seq });
        Verdict::Pending
    }

    /// The retransmission timer fired with `in_flight` octets outstanding; says whether the MTU is lower for it.
    //= https://www.rfc-editor.org/rfc/rfc5927#section-7.2
    //# Thus, if nsegrto is greater than or equal to MAXSEGRTO, and there's a
    //# pending ICMP "Packet Too Big" error message, the corresponding error
    //# message is processed.
    pub(crate) fn on_timeout(&mut self, now: Instant, in_flight: u32) -> bool {
        self.timeouts += 1;
        if let Some(pending) = self.pending
            && self.timeouts >= TIMEOUTS_TO_BELIEVE
        {
            self.lower(pending.claimed);
            self.largest_acked = pending.claimed.mtu;
            return true;
        }
        self.timeouts >= TIMEOUTS_OF_BLACK_HOLE && self.suspect_black_hole(now, in_flight)
    }

    /// Nothing gets through, and nobody says why: smaller packets may. Others are not told, since it may as well be that
    /// the path is cut off.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.7
    //# If there is a full-stop timeout and there was not an ICMP message
    //# indicating a reason (PTB, Net unreachable, etc., or the ICMP message
    //# was ignored for some reason), the RECOMMENDED first recovery action
    //# is to treat this as a detected ICMP black hole as defined in
    //# [RFC2923].
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.7
    //# Under all conditions, a full-stop timeout (also known as a
    //# "persistent timeout" in other documents) SHOULD be taken as an
    //# indication of some significantly disruptive event in the network,
    //# such as a router failure or a routing change to a path with a smaller
    //# MTU.
    fn suspect_black_hole(&mut self, now: Instant, in_flight: u32) -> bool {
        let mtu = match (self.v4, self.mtu) {
            (true, mtu) if mtu > BLACK_HOLE_MTU => BLACK_HOLE_MTU,
            //= https://www.rfc-editor.org/rfc/rfc4821#section-7.7
            //= type=exception
            //= reason=the floor is 552 octets, as for what ICMP claims: an IPv4 path below that may cut what we send
            //# Upon additional
            //# successive timeouts, search_low and eff_pmtu SHOULD be halved, with a
            //# lower bound of 68 bytes for IPv4 and 1280 bytes for IPv6.
            (true, _) => MIN_IPV4,
            (false, _) => MIN_IPV6,
        };
        // Where nothing large is under way, its size is not what keeps it.
        if mtu >= self.mtu || in_flight <= mtu {
            return false;
        }
        self.mtu = mtu;
        self.largest_acked = self.largest_acked.min(mtu);
        if self.peer.is_some() {
            self.start_search(mtu, false);
        } else {
            self.black_hole_until = Some(now + AGE);
        }
        self.start_anew();
        true
    }

    fn lower(&mut self, claimed: path_mtu::PathMtu) {
        self.mtu = self.mtu.min(claimed.mtu);
        if let Some(search) = &mut self.search {
            search.set_ceiling(self.mtu);
        }
        self.cut = claimed.cut;
        self.learnt = Some(path_mtu::PathMtu { mtu: self.mtu, cut: self.cut });
        self.start_anew();
    }

    fn start_anew(&mut self) {
        self.largest_sent = if self.v4 { LEAST_IPV4 } else { MIN_IPV6 };
        self.awaited = None;
        self.pending = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(mtu: u32) -> path_mtu::PathMtu {
        path_mtu::PathMtu { mtu, cut: false }
    }

    fn path() -> PathMtu {
        PathMtu::new(true, 1500)
    }

    #[test]
    fn what_is_larger_than_anything_that_arrived_is_believed_at_once() {
        let mut path = path();
        path.on_sent(Seq(1000), 1500);
        assert_eq!(path.on_too_big(Seq(1), claim(1400)), Verdict::Lowered);
        assert_eq!((path.mtu(), path.take_learnt(), path.take_learnt()), (1400, Some(claim(1400)), None));
    }

    #[test]
    fn nobody_asks_for_more_than_was_sent_or_is_allowed() {
        let mut path = path();
        path.on_sent(Seq(1000), 1000);
        assert_eq!(path.on_too_big(Seq(1), claim(1001)), Verdict::Forged);
        path.on_sent(Seq(2000), 1500);
        assert_eq!(path.on_too_big(Seq(1), claim(1500)), Verdict::Forged);
        assert_eq!(path.mtu(), 1500);
    }

    #[test]
    fn what_contradicts_what_arrived_waits_for_a_timeout_and_progress_refutes_it() {
        let mut path = path();
        path.on_sent(Seq(1000), 1500);
        path.on_progress(Seq(1000));
        path.on_sent(Seq(2000), 1500);
        assert_eq!(path.on_too_big(Seq(1000), claim(600)), Verdict::Pending);
        path.on_progress(Seq(1001));
        assert!(!path.on_timeout(Instant::ZERO, 1460));
        path.on_progress(Seq(1500));
        assert_eq!(path.on_too_big(Seq(1500), claim(600)), Verdict::Pending);
        assert!(path.on_timeout(Instant::ZERO, 1460));
        assert_eq!(path.mtu(), 600);
    }

    #[test]
    fn after_a_timeout_a_message_is_believed_at_once() {
        let mut path = path();
        path.on_sent(Seq(1000), 1500);
        path.on_progress(Seq(1000));
        path.on_sent(Seq(2000), 1500);
        assert!(!path.on_timeout(Instant::ZERO, 1460));
        assert_eq!(path.on_too_big(Seq(1000), claim(600)), Verdict::Lowered);
    }

    #[test]
    fn three_timeouts_of_large_packets_are_a_black_hole_for_ten_minutes() {
        let mut path = path();
        let timeouts = [(); 6].map(|()| path.on_timeout(Instant::ZERO, 5000));
        assert_eq!(timeouts, [false, false, true, true, false, false]);
        assert_eq!((path.mtu(), path.take_learnt()), (552, None));
        assert!(path.has_news(Instant::ZERO, 1));
        path.set(claim(1500));
        assert_eq!(path.mtu(), 552, "what the host knows does not contradict it");
        assert!(!path.has_news(Instant::ZERO, 1));
        assert!(path.has_news(Instant::ZERO + AGE, 1));
        assert!(path.set(claim(1500)));
    }

    #[test]
    fn small_packets_tell_nothing_of_the_size_and_progress_begins_the_count_anew() {
        let mut path = path();
        assert!((0..10).all(|_| !path.on_timeout(Instant::ZERO, 500)));
        path.on_progress(Seq(500));
        assert!((0..2).all(|_| !path.on_timeout(Instant::ZERO, 5000)));
        assert_eq!(path.mtu(), 1500);
    }
}
