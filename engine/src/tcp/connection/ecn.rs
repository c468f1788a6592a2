//! Explicit congestion notification on the segments of a connection (RFC 3168 §6.1).
//!
//! Which segments carry which mark and flag, and which of those that come are listened to. What was agreed on, and what is
//! owed, is in `tcp/ecn.rs`; what an echo does to the window in `recover.rs`.

use super::transmit::Outgoing;
use super::*;
use crate::tcp::ecn::Codepoint;
use crate::wire::TcpSegment;

impl Connection {
    /// Puts the mark and the flags on a segment that goes out.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.2
    //# A TCP endpoint SHOULD implement ECN as described in RFC 3168 (SHLD- 8).
    pub(super) fn mark(&mut self, out: &mut Outgoing) {
        if out.flags.contains(Flags::SYN) {
            //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.1
            //# A host MUST NOT set ECT on SYN or SYN-ACK packets.
            out.flags |= self.ecn.setup.offer(self.options.ecn, out.ack.is_some());
            self.ecn.setup.on_sent(out.flags);
            return;
        }
        out.flags |= self.ecn.echo();
        //= https://www.rfc-editor.org/rfc/rfc3168#section-5.2
        //# To ensure the reliable delivery of the congestion indication of the
        //# CE codepoint, an ECT codepoint MUST NOT be set in a packet unless the
        //# loss of that packet in the network would be detected by the end nodes
        //# and interpreted as an indication of congestion.
        //
        //= https://www.rfc-editor.org/rfc/rfc3168#section-5.2
        //# We believe that this aspect is still the subject of research, so this document specifies
        //# that at this time, "pure" ACK packets MUST NOT indicate ECN-Capability.
        //
        //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.4
        //# For the current generation of TCP congestion control algorithms, pure
        //# acknowledgement packets (e.g., packets that do not contain any
        //# accompanying data) MUST be sent with the not-ECT codepoint.
        //
        //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.5
        //# This document specifies ECN-capable TCP implementations MUST NOT set
        //# either ECT codepoint (ECT(0) or ECT(1)) in the IP header for
        //# retransmitted data packets
        //
        //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.6
        //# Therefore, the TCP data sender MUST NOT set either an ECT codepoint
        //# or the CWR bit on window probe packets.
        //
        //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
        //# Thus, the
        //# CWR bit in the TCP header SHOULD NOT be set on retransmitted packets.
        let inside = (out.seq + out.len).at_or_before(self.snd.una + self.snd.wnd);
        if out.len > 0 && out.seq == self.snd.nxt && inside {
            let (codepoint, flag) = self.ecn.mark_new_data();
            out.codepoint = codepoint;
            out.flags |= flag;
        }
    }

    /// Listens to the mark of an acceptable segment with data, of which `trimmed` lies in the window, or which probes a
    /// closed one.
    pub(super) fn hear_mark(
        &mut self,
        segment: &TcpSegment<'_>,
        trimmed: &TcpSegment<'_>,
        codepoint: Codepoint,
    ) {
        let probes = segment.seq == self.rcv.nxt && !segment.payload.is_empty();
        if (probes || !trimmed.payload.is_empty()) && self.ecn.on_data(segment.flags, codepoint) {
            self.rcv.acks.now();
        }
    }
}
