//! The connection's segments follow the MTU of its path (RFC 1191 §6, RFC 8201 §5.4). Whom to believe is decided in
//! `tcp/path_mtu.rs`.

use super::icmp::IcmpError;
use super::*;
use crate::ip::path_mtu::{self, claim};
use crate::tcp::path_mtu::Verdict;
use crate::wire::Quoted;

impl Connection {
    /// What the host is to know of the path, once.
    pub(crate) fn take_learnt_mtu(&mut self) -> Option<path_mtu::PathMtu> {
        self.path.take_learnt()
    }

    /// Whether the host's paths, which changed so often, are to be looked at.
    pub(crate) fn has_path_news(&mut self, now: Instant, changes: u64) -> bool {
        self.path.has_news(now, changes)
    }

    /// Whether IPv4 routers may cut what is sent.
    pub(crate) fn may_be_cut(&self) -> bool {
        self.options.path_mtu_discovery == PathMtuDiscovery::Off || self.path.must_be_cut()
    }

    /// The host knows this of the path.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
    //# Any packetization layer instance
    //# (for example, a TCP connection) that is actively using the path
    //# must be notified if the PMTU estimate is decreased.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
    //# The packetization layers must be notified about decreases in the PMTU.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
    //# Any packetization layer instance (for example, a TCP connection) that is actively using
    //# the path must be notified if the PMTU estimate is decreased.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
    //# Note: even if the Datagram Too Big message contains an Original Datagram Header that
    //# refers to a UDP packet, the TCP layer must be notified if any of its connections use the
    //# given
    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
    //# The packetization layers must be notified about decreases in the PMTU.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
    //# Note: even if the Packet Too Big message contains an Original Packet Header that refers to
    //# a UDP packet, the TCP layer must be notified if any of its connections use the given path.
    pub(crate) fn set_path_mtu(&mut self, cx: &mut Cx<'_>, path: path_mtu::PathMtu) {
        let before = self.path.mtu();
        if self.path.set(path) {
            self.follow_path(cx, before);
        }
    }

    /// A router says that the segment at `seq` was too large for it; says whether that can be.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-4
    //# Nodes should appropriately validate the payload of ICMPv6 PTB
    //# messages to ensure these are received in response to transmitted
    //# traffic (i.e., a reported error condition that corresponds to an IPv6
    //# packet actually sent by the application) per [ICMPv6].
    //= https://www.rfc-editor.org/rfc/rfc1191#section-3
    //# We do require that after receiving a Datagram Too Big message, a host MUST attempt to
    //# avoid eliciting more such messages in the near future.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-3
    //# Clearly, the former strategy may continue to elicit Datagram Too Big messages for a while,
    //# but since each of these messages (and the dropped datagrams they respond to) consume
    //# Internet resources, the host MUST force the PMTU Discovery process to converge.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-3
    //# Hosts using PMTU Discovery MUST detect decreases in Path MTU as fast as possible.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
    //# The latter should be done as soon as practical (i.e., asynchronously from the point of
    //# view of the packetization layer instance), while the former may be delayed until a
    //# packetization layer instance wants to create a packet.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-1
    //# IPv6 nodes should implement Path MTU Discovery in order to discover and take advantage of
    //# paths with PMTU greater than the IPv6 minimum link MTU [RFC8200].
    //= https://www.rfc-editor.org/rfc/rfc8201#section-3
    //# Note that Path MTU Discovery must be performed even in cases where a node "thinks" a
    //# destination is attached to the same link as itself, as it might have a PMTU lower than the
    //# link MTU.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-4
    //# After receiving a Packet Too Big message, a node must attempt to avoid eliciting more such
    //# messages in the near future.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-4
    //# Because each of these messages (and the dropped packets they respond to) consume network
    //# resources, nodes using Path MTU Discovery must detect decreases in PMTU as fast as
    //# possible.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.2
    //# The latter should be done as soon as practical (i.e., asynchronously from the point of
    //# view of the packetization layer instance), while the former may be delayed until a
    //# packetization layer instance wants to create a packet.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.7
    //# Setting the DF bit implies the use of Path MTU Discovery as described in [RFC1191],
    //# [RFC1981], and [RFC4821]; thus, any TCP implementation that implements PAWS MUST also
    //# implement Path MTU Discovery.
    pub(super) fn on_packet_too_big(
        &mut self,
        cx: &mut Cx<'_>,
        (mtu, quoted): (u32, &Quoted<'_>),
        seq: Seq,
        icmp: &IcmpError<'_>,
    ) -> bool {
        let v4 = self.tuple.local().is_ipv4();
        if v4 && self.options.path_mtu_discovery == PathMtuDiscovery::Off {
            return false;
        }
        let Some(claimed) = claim(v4, mtu, quoted.len) else { return false };
        let before = self.path.mtu();
        // That it was too large says nothing of what goes beside it.
        let of_probe = self.probe_was_too_big(cx, (claimed.mtu, quoted.len), seq);
        let verdict = if of_probe { Verdict::Pending } else { self.path.on_too_big(seq, claimed) };
        if verdict == Verdict::Forged {
            return false;
        }
        let IcmpError { kind, code, v6, .. } = *icmp;
        cx.tell(self.id, EventKind::Icmp { kind, code, v6, fatal: false });
        if verdict == Verdict::Lowered {
            self.follow_path(cx, before);
            self.resend_too_large();
        }
        true
    }

    /// The retransmission timer fired.
    pub(super) fn path_timed_out(&mut self, cx: &mut Cx<'_>) {
        let before = self.path.mtu();
        // A path that routers cut for has no size to find out; one that never answered is no path yet.
        if self.may_be_cut() || !self.state.is_synchronized() {
            return;
        }
        self.probe_timed_out(cx.now);
        // What lies beyond a window that shrank is not taken, whatever its size.
        let in_flight = self.flight().min(self.snd.wnd);
        if self.path.on_timeout(cx.now, in_flight) {
            self.follow_path(cx, before);
        }
    }

    /// A segment leaves with `len` octets of data and TCP options.
    pub(super) fn path_takes(&mut self, end: Seq, len: u32) {
        self.path.on_sent(end, self.headers_len() + len);
    }

    /// The largest segment that the path and the peer take, in octets of data and TCP options.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.4
    //# A TCP implementation must also store the Maximum Segment Size (MSS)
    //# value received from its peer, which represents the EMTU_R, the
    //# largest packet that can be reassembled by the receiver, and must not
    //# send any segment larger than this MSS, regardless of the PMTU.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-3.1
    //# A host doing PMTU Discovery must obey the rule that it not send IP datagrams larger than
    //# 576 octets unless it has permission from the receiver.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-3.1
    //# For TCP connections, this means that a host must not send datagrams larger than 40 octets
    //# plus the Maximum Segment Size (MSS) sent by its peer.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
    //# The TCP layer must track the PMTU for the destination of a connection; it should not send
    //# datagrams that would be larger than this.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
    //# A TCP implementation must also store the MSS value received from its peer (which defaults
    //# to 536), and not send any segment larger than this MSS, regardless of the PMTU.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.1
    //# The packetization layers must still be able to respond to changes in the Path MTU, by
    //# changing the size of the datagrams they send, and must also be able to specify that
    //# datagrams are sent with the DF bit set.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.4
    //# A packetization layer (e.g., TCP) must use the PMTU for the path(s) in use by a
    //# connection; it should not send segments that would result in packets larger than the PMTU,
    //# except to probe during PMTU Discovery (this probe packet must not be fragmented to the
    //# PMTU).
    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.1
    //# When transmitting non-probes, the Packetization Layer SHOULD create packets of a size less
    //# than or equal to eff_pmtu.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-8
    //# Packetization Layers SHOULD avoid sending messages that will require fragmentation [Kent87]
    //# [frag-errors].
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
    //# Eff.snd.MSS = min(SendMSS+20, MMS_S) - TCPhdrsize - IPoptionsize
    pub(super) fn mss_of_path(&self) -> u32 {
        let fits = self.path.mtu().saturating_sub(self.headers_len());
        fits.min(self.snd.peer_mss.saturating_sub(self.ip_option_len()))
    }

    /// The headers of a segment without TCP options.
    pub(super) fn headers_len(&self) -> u32 {
        self.ip_header_len() + TCP_HEADER_LEN
    }

    fn ip_header_len(&self) -> u32 {
        if self.tuple.local().is_ipv4() { 20 + self.ip_option_len() } else { 40 }
    }

    pub(super) fn ip_option_len(&self) -> u32 {
        self.options.ip_options.len() as u32
    }

    /// The MTU is another: so is SND.MSS.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-4
    //# The node
    //# must reduce the size of the packets it is sending along the path.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.3
    //# An upper layer MUST not retransmit datagrams in response to an increase in the PMTU
    //# estimate, since this increase never comes in response to an indication of a dropped
    //# datagram.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
    //= type=exception
    //= reason=a sender's window is counted in octets now, and the one segment that is short costs little
    //# The maximum window size should be set to the greatest multiple of the segment size (PMTU -
    //# 40) that is less than or equal to the sender's buffer space size.
    pub(super) fn follow_path(&mut self, cx: &mut Cx<'_>, before: u32) {
        let mtu = self.path.mtu();
        if mtu != before {
            cx.tell(self.id, EventKind::PathMtu { mtu });
        }
        if !self.snd.syn_acknowledged && self.state == State::SynSent {
            return;
        }
        let mss = self.mss_of_path().saturating_sub(self.agreed.option_len()).max(1);
        if mss != self.snd.mss {
            self.snd.mss = mss;
            self.congestion.set_mss(mss);
        }
    }

    /// Sends again what was lost for being too large.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.4
    //# A loss caused by a PMTU probe indicated by the reception of a Packet
    //# Too Big message must not be considered as a congestion notification,
    //# and hence the congestion window may not change.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.4
    //# The packet size used in the retransmission should be
    //# no larger than the new PMTU.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
    //# The datagram size used in the retransmission should, of course, be no larger than the new
    //# PMTU.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
    //# Unlike a retransmission caused by a TCP retransmission timeout, a retransmission caused by
    //# a Datagram Too Big message should not change the congestion window.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.4
    //= type=exception
    //= reason=RFC 8201 has the window stay as it is
    //# It should, however, trigger the slow-start mechanism (i.e., only one segment should be
    //# retransmitted until acknowledgements begin to arrive again).
    //= https://www.rfc-editor.org/rfc/rfc1191#section-6.2
    //# Retransmission should be done for only for those packets that are known to be dropped, as
    //# indicated by a Datagram Too Big message.
    fn resend_too_large(&mut self) {
        let mss = self.snd.mss;
        self.resend_where(|record| record.len() > mss);
    }
}

/// The TCP header without options.
const TCP_HEADER_LEN: u32 = 20;
