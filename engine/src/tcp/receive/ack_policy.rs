//! When to acknowledge (RFC 9293 §3.8.6.3).

/// Whether an acknowledgment is owed, and how urgently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Owed {
    /// None.
    #[default]
    Nothing,
    /// One that may wait for company.
    Soon,
    /// One that goes with the next segment out, now.
    Now,
}

/// The state of acknowledging.
#[derive(Clone, Debug, Default)]
pub(crate) struct AckPolicy {
    owed: Owed,
    /// Octets received since the last acknowledgment.
    octets: u32,
    /// The largest segment seen: the peer's idea of a full-sized one.
    largest: u32,
    /// The acknowledgment that is owed answers one segment, and none that comes after it.
    alone: bool,
}

impl AckPolicy {
    pub(crate) fn owed(&self) -> Owed {
        self.owed
    }

    /// The largest segment seen.
    pub(crate) fn largest(&self) -> u32 {
        self.largest
    }

    /// Acknowledge at once; what is here already may be acknowledged with it.
    pub(crate) fn at_once(&mut self) {
        self.owed = Owed::Now;
    }

    /// Acknowledge at once, and nothing but what is here.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
    //# A TCP receiver MUST NOT generate more than one ACK for every incoming segment, other than
    //# to update the offered window as the receiving application consumes new data (see [RFC813]
    //# and page 42 of [RFC793]).
    pub(crate) fn now(&mut self) {
        self.owed = Owed::Now;
        self.alone = true;
    }

    /// Whether what is owed may acknowledge the next segment too.
    pub(crate) fn may_gather(&self) -> bool {
        !self.alone
    }

    /// `len` octets arrived in order.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.3
    //# A TCP endpoint SHOULD implement a delayed ACK (SHLD-18), but an ACK
    //# should not be excessively delayed; in particular, the delay MUST be
    //# less than 0.5 seconds (MUST-40).  An ACK SHOULD be generated for at
    //# least every second full-sized segment or 2*RMSS bytes of new data
    //# (where RMSS is the MSS specified by the TCP endpoint receiving the
    //# segments to be acknowledged, or the default value if not specified)
    //# (SHLD-19).
    //= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
    //# The delayed ACK algorithm specified in [RFC1122] SHOULD be used by a TCP receiver.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-4.2
    //# Specifically, an ACK SHOULD be generated for at least every second full-sized segment, and
    //# MUST be generated within 500 ms of the arrival of the first unacknowledged packet.
    pub(crate) fn on_data(&mut self, len: u32, rcv_mss: u32) {
        self.largest = self.largest.max(len.min(rcv_mss));
        self.octets = self.octets.saturating_add(len);
        if self.octets >= 2 * self.largest {
            self.owed = Owed::Now;
        } else if self.owed == Owed::Nothing {
            self.owed = Owed::Soon;
        }
    }

    /// An acknowledgment of everything was sent.
    pub(crate) fn sent(&mut self) {
        self.owed = Owed::Nothing;
        self.octets = 0;
        self.alone = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_full_sized_segment_is_acknowledged_at_once() {
        let mut acks = AckPolicy::default();
        acks.on_data(1000, 1460);
        assert_eq!(acks.owed(), Owed::Soon);
        acks.on_data(1000, 1460);
        assert_eq!(acks.owed(), Owed::Now);
        acks.sent();
        acks.on_data(10, 1460);
        assert_eq!(acks.owed(), Owed::Soon);
    }
}
