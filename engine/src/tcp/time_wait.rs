//! TIME-WAIT of a connection that nobody holds any more, as a small record without buffers.
//!
//! Like a half-open one it is thawed into a connection for each segment that arrives, and frozen again. Why the state
//! exists: the last ACK may be lost and the peer's FIN come again, and segments of this connection may still be on
//! their way when the next one with the same addresses begins. Both are over after 2·MSL.

use crate::event::Relative;
use crate::tcp::agreed::Agreed;
use crate::tcp::seq::Seq;
use crate::tcp::throttle::Spacing;
use crate::tcp::timestamps::Clock;
use crate::time::Instant;
use crate::wire::TcpSegment;

/// What of a connection in TIME-WAIT says whether another may follow it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    pub(crate) snd_nxt: Seq,
    pub(crate) rcv_nxt: Seq,
    pub(crate) timestamps: bool,
    /// TS.Recent.
    pub(crate) ts_recent: u32,
}

impl Past {
    /// Whether `syn` begins the next connection with the same addresses: it is newer than anything of the last one. With
    /// `timestamps` the next one would use them if the SYN has some. Any other SYN is challenged, as RFC 9293 §3.10.7.4
    /// has it, and not dropped in silence.
    //= https://www.rfc-editor.org/rfc/rfc6191#section-2
    //# Processing of SYN segments received for connections in the TIME-WAIT
    //# state SHOULD occur as follows:
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
    //# This algorithm for reducing TIME-WAIT is a Best Current Practice that SHOULD be implemented
    //# since Timestamp Options are commonly used, and using them to reduce TIME-WAIT provides
    //# benefits for busy Internet servers (SHLD-4).
    pub(crate) fn may_be_followed_by(&self, syn: &TcpSegment<'_>, timestamps: bool) -> bool {
        let newer = syn.seq.at_or_after(self.rcv_nxt);
        match (self.timestamps, syn.options.timestamps.filter(|_| timestamps)) {
            (true, Some(stamp)) => {
                Seq(stamp.value).after(Seq(self.ts_recent)) || stamp.value == self.ts_recent && newer
            }
            (false, Some(_)) => true,
            (_, None) => newer,
        }
    }

    /// The initial sequence number of the next connection, given the one that the clock says: beyond what this one used.
    pub(crate) fn next_iss(&self, clocked: Seq) -> Seq {
        // As far beyond as Linux goes: the largest window without scaling, and more.
        clocked.max(self.snd_nxt + 65_537)
    }
}

/// A connection in TIME-WAIT, apart from what its socket knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeWait {
    pub(crate) snd_nxt: Seq,
    pub(crate) rcv_nxt: Seq,
    /// RCV.WND, as last announced.
    pub(crate) rcv_wnd: u32,
    pub(crate) max_wnd: u32,
    pub(crate) agreed: Agreed,
    pub(crate) clock: Clock,
    pub(crate) replies: Spacing,
    pub(crate) relative: Relative,
    /// When 2·MSL are over.
    pub(crate) deadline: Instant,
}

impl TimeWait {
    pub(crate) fn past(&self) -> Past {
        Past {
            snd_nxt: self.snd_nxt,
            rcv_nxt: self.rcv_nxt,
            timestamps: self.agreed.timestamps,
            ts_recent: self.clock.recent(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_nothing_that_its_socket_keeps() {
        assert!(size_of::<TimeWait>() <= 72, "{}", size_of::<TimeWait>());
    }
}
