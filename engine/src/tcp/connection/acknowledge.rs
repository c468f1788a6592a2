//! What every segment says of our receiving half: its window, timestamps and selective acknowledgments.
//!
//! They are filled in last, when a segment leaves, whatever it leaves for; and so is what a SYN says of all that is to
//! come. What may be in the segment is `transmit.rs`'s business.
//!
//! ```text
//! P. 1:11(10) ack 1                       what transmit.rs made
//! P. 1:11(10) ack 1 win 2048 <TS val 20 ecr 7,sack 501:1001>
//! ```

use super::transmit::Outgoing;
use super::*;
use crate::tcp::receive::window;
use crate::wire::SackBlocks;

impl Connection {
    /// Whether what the last segment asks to be answered may wait for the next one, where that is here already.
    pub(crate) fn may_gather(&self) -> bool {
        self.state.is_synchronized() && self.rcv.acks.may_gather()
    }

    /// Fills in what a segment says of the receiving half, and takes note that it was said.
    pub(super) fn acknowledge(&mut self, cx: &mut Cx<'_>, out: &mut Outgoing) {
        if out.flags.contains(Flags::SYN) {
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
            //# TCP implementations SHOULD send an MSS Option in every SYN segment
            //# when its receive MSS differs from the default 536 for IPv4 or 1220
            //# for IPv6 (SHLD-5), and MAY send it always (MAY-3).
            out.options = TcpOptions { fast_open: out.options.fast_open, ..self.options_of_syn(cx.now) };
            // Fast Open may have brought something already.
            let taken = self.rcv.ready.len() as u32;
            out.window = window::on_syn(self.options.receive_buffer.saturating_sub(taken));
        } else {
            out.options = self.options_of_segment(cx.now);
            self.user_timeout_told();
            out.window = self.rcv.window.announce(self.receive_room());
        }
        let Some(ack) = out.ack else { return };
        self.rcv.last_ack_sent = ack;
        self.rcv.sack.sent();
        self.rcv.acks.sent();
        self.stop(cx, TimerKind::DelayedAck);
    }

    pub(super) fn options_of_syn(&self, now: Instant) -> TcpOptions {
        let user_timeout = self.user_timeout_to_tell(true);
        TcpOptions { user_timeout, ..self.agreed.on_syn(self.rcv.mss, &self.clock, now) }
    }

    //= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
    //# Once TSopt has been successfully negotiated, that is both <SYN> and
    //# <SYN,ACK> contain TSopt, the TSopt MUST be sent in every non-<RST>
    //# segment for the duration of the connection
    //= https://www.rfc-editor.org/rfc/rfc2018#section-4
    //# If sent at all, SACK options SHOULD be included in all ACKs which do
    //# not ACK the highest sequence number in the data receiver's queue.
    fn options_of_segment(&self, now: Instant) -> TcpOptions {
        let timestamps = self.agreed.timestamps.then(|| self.clock.option(now));
        if !self.has_options_to_tell() {
            return TcpOptions { timestamps, ..TcpOptions::NONE };
        }
        let user_timeout = self.user_timeout_to_tell(false);
        let options = TcpOptions { timestamps, user_timeout, ..TcpOptions::NONE };
        TcpOptions { sack: self.sack_blocks(options.sack_room()), ..options }
    }

    /// Whether a segment may have options besides the timestamps.
    fn has_options_to_tell(&self) -> bool {
        !self.rcv.assembler.is_empty() || self.has_news_to_tell()
    }

    /// Some of them are to be told once.
    pub(super) fn has_news_to_tell(&self) -> bool {
        self.rcv.sack.is_due() || self.user_timeout_to_tell(false).is_some()
    }

    //= https://www.rfc-editor.org/rfc/rfc2018#section-4
    //# If the data receiver has not received a
    //# SACK-Permitted option for a given connection, it MUST NOT send SACK
    //# options on that connection.
    //= https://www.rfc-editor.org/rfc/rfc2018#section-4
    //# If the data receiver generates SACK options under any circumstance, it SHOULD generate
    //# them under all permitted circumstances.
    fn sack_blocks(&self, room: usize) -> SackBlocks {
        if self.agreed.sack { self.rcv.sack.blocks(&self.rcv.assembler, room) } else { SackBlocks::EMPTY }
    }

    /// The options of a reset that we send by ourselves.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
    //# If an <RST> is being generated
    //# because of a user abort, and Snd.TS.OK is set, then a Timestamps
    //# option SHOULD be included in the <RST>.
    pub(super) fn reset_options(&self, now: Instant) -> TcpOptions {
        let agreed = self.agreed.timestamps && self.state != State::SynSent;
        TcpOptions { timestamps: agreed.then(|| self.clock.option(now)), ..TcpOptions::NONE }
    }

    /// Octets of data that a segment takes which leaves now: the timestamps are reckoned with in SND.MSS, blocks of
    /// selective acknowledgments and the user timeout come and go.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
    //# Note that some options
    //# might not be included on all segments, but that for each segment
    //# sent, the sender should adjust the data length accordingly, within
    //# the Eff.snd.MSS.
    pub(super) fn effective_send_mss(&self) -> u32 {
        if !self.has_options_to_tell() {
            return self.snd.mss.max(1);
        }
        let timestamps = self.agreed.timestamps.then(Default::default);
        let user_timeout = self.user_timeout_to_tell(false);
        let others = TcpOptions { timestamps, user_timeout, ..TcpOptions::NONE };
        let sack = self.sack_blocks(others.sack_room());
        let all = TcpOptions { sack, ..others };
        self.snd.mss.saturating_sub(all.len() as u32 - self.agreed.option_len()).max(1)
    }
}
