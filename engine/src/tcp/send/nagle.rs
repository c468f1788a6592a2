//! When a small segment may go: Nagle's algorithm and the sender's side of silly-window avoidance.

/// What decides whether a segment of new data may be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// Octets waiting to be sent for the first time (D).
    pub(crate) waiting: u32,
    /// Octets that both windows allow (U).
    pub(crate) usable: u32,
    /// The largest segment (Eff.snd.MSS).
    pub(crate) mss: u32,
    /// The largest window the peer ever announced (Max(SND.WND)).
    pub(crate) max_window: u32,
    /// Sent octets are unacknowledged (SND.NXT > SND.UNA).
    pub(crate) in_flight: bool,
    /// Nagle's algorithm is off.
    pub(crate) no_delay: bool,
    /// A FIN follows the data: nothing will come to fill the segment.
    pub(crate) fin_follows: bool,
    /// The override timeout passed.
    pub(crate) override_silly: bool,
}

impl Candidate {
    /// How many octets to send in one segment now; 0: wait.
    ///
    /// All data counts as pushed: the socket calls have no way to hold a push back.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2.1
    //# A TCP implementation MUST include a SWS avoidance algorithm in the sender (MUST-38).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4
    //# A TCP implementation SHOULD implement the Nagle algorithm to coalesce short segments
    //# (SHLD-7).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4
    //# However, there MUST be a way for an application to disable the Nagle algorithm on an
    //# individual connection (MUST-17).
    pub(crate) fn segment_len(&self) -> u32 {
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
        //# The transmitter SHOULD collapse successive bits when it packetizes data, to send the
        //# largest possible segment (SHLD-27).
        let len = self.waiting.min(self.usable).min(self.mss);
        if len == 0 {
            return 0;
        }
        // (1) A maximum-sized segment can be sent.
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
        //# However, a TCP implementation SHOULD send a maximum-sized segment whenever possible
        //# (SHLD-28) to improve performance (see Section 3.8.6.2.1).
        let full = len >= self.mss;
        // (2) All of it can be sent, and Nagle's algorithm allows it.
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4
        //# If there is unacknowledged data (i.e., SND.NXT > SND.UNA), then
        //# the sending TCP endpoint buffers all user data (regardless of the
        //# PSH bit) until the outstanding data has been acknowledged or
        //# until the TCP endpoint can send a full-sized segment
        let all = self.waiting <= self.usable && (!self.in_flight || self.no_delay || self.fin_follows);
        // (3) At least half of the largest window can be sent.
        let half = len >= self.max_window / 2 && (!self.in_flight || self.no_delay);
        if full || all || half || self.override_silly { len } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Candidate = Candidate {
        waiting: 0,
        usable: 10_000,
        mss: 1000,
        max_window: 10_000,
        in_flight: false,
        no_delay: false,
        fin_follows: false,
        override_silly: false,
    };

    #[test]
    fn a_small_segment_waits_for_the_one_before_it() {
        assert_eq!(Candidate { waiting: 10, ..QUIET }.segment_len(), 10);
        assert_eq!(Candidate { waiting: 10, in_flight: true, ..QUIET }.segment_len(), 0);
        assert_eq!(Candidate { waiting: 10, in_flight: true, no_delay: true, ..QUIET }.segment_len(), 10);
        assert_eq!(Candidate { waiting: 10, in_flight: true, fin_follows: true, ..QUIET }.segment_len(), 10);
        assert_eq!(Candidate { waiting: 1010, in_flight: true, ..QUIET }.segment_len(), 1000);
    }

    #[test]
    fn a_silly_window_is_not_filled_until_the_override() {
        let silly = Candidate { waiting: 5000, usable: 100, ..QUIET };
        assert_eq!(silly.segment_len(), 0);
        assert_eq!(Candidate { override_silly: true, ..silly }.segment_len(), 100);
        assert_eq!(Candidate { max_window: 150, ..silly }.segment_len(), 100);
    }
}
