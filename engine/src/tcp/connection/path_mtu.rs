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
    pub(crate) fn has_path_news(&mut self, changes: u64) -> bool {
        self.path.has_news(changes)
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
    pub(super) fn on_packet_too_big(
        &mut self,
        cx: &mut Cx<'_>,
        (mtu, quoted): (u32, &Quoted<'_>),
        seq: Seq,
        icmp: &IcmpError<'_>,
    ) -> bool {
        let v4 = self.tuple.local.is_ipv4();
        if v4 && self.options.path_mtu_discovery == PathMtuDiscovery::Off {
            return false;
        }
        let Some(claimed) = claim(v4, mtu, quoted.len) else { return false };
        let before = self.path.mtu();
        let verdict = self.path.on_too_big(seq, claimed);
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
        if self.path.on_timeout() {
            self.follow_path(cx, before);
        }
    }

    /// A segment leaves with `headers` octets of TCP header.
    pub(super) fn path_takes(&mut self, end: Seq, headers: usize, len: u32) {
        self.path.on_sent(end, self.ip_header_len() + headers as u32 + len);
    }

    /// The largest segment that the path and the peer take, in octets of data and TCP options.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-5.4
    //# A TCP implementation must also store the Maximum Segment Size (MSS)
    //# value received from its peer, which represents the EMTU_R, the
    //# largest packet that can be reassembled by the receiver, and must not
    //# send any segment larger than this MSS, regardless of the PMTU.
    pub(super) fn mss_of_path(&self) -> u32 {
        let fits = self.path.mtu().saturating_sub(self.ip_header_len() + TCP_HEADER_LEN);
        fits.min(self.snd.peer_mss)
    }

    fn ip_header_len(&self) -> u32 {
        if self.tuple.local.is_ipv4() { 20 } else { 40 }
    }

    /// The MTU is another: so is SND.MSS.
    //= https://www.rfc-editor.org/rfc/rfc8201#section-4
    //# The node
    //# must reduce the size of the packets it is sending along the path.
    fn follow_path(&mut self, cx: &mut Cx<'_>, before: u32) {
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
    fn resend_too_large(&mut self) {
        let mss = self.snd.mss;
        self.resend_where(|record| record.len() > mss);
    }
}

/// The TCP header without options.
const TCP_HEADER_LEN: u32 = 20;
