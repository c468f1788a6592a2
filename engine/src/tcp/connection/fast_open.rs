//! TCP Fast Open (RFC 7413) on a connection: the client's SYN with its cookie and its data, and the server's user that
//! is served before the handshake is over.

use super::transmit::Outgoing;
use super::*;
use crate::limits::Limit;
use crate::tcp::fast_open::{Attempt, Path};
use crate::tcp::info::FastOpenFailure;
use crate::tcp::passive::half_open::HalfOpen;
use crate::tcp::send::buffer::Given;
use crate::wire::{FastOpenCookie, TcpSegment};

/// The largest MSS of a server that is believed before its SYN,ACK repeats it.
//= https://www.rfc-editor.org/rfc/rfc7413#section-4.1.3
//# Therefore, the client MAY limit the cached MSS
//# to 1460 bytes for IPv4 or 1440 for IPv6.
const fn mss_max(v4: bool) -> u16 {
    if v4 { 1460 } else { 1440 }
}

/// What a connection has to do with Fast Open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum FastOpen {
    /// Nothing, or nothing any more.
    #[default]
    Off,
    /// We are the client, and our SYN asks for a cookie.
    Asks,
    /// We are the client, and our SYN brings this cookie, and data if there is some.
    Offers(FastOpenCookie),
    /// We are the client, and the data of our SYN was acknowledged with it.
    WasTaken,
    /// We are the client, and no data went with our SYN, or none was taken.
    Failed(FastOpenFailure),
    /// We are the server, and took the data of the peer's SYN: FastOpened.
    Took,
}

impl Connection {
    /// Whether data went with a SYN and was taken.
    pub(super) fn fast_opened(&self) -> bool {
        matches!(self.fast_open, FastOpen::WasTaken | FastOpen::Took)
    }

    /// Why none did, or was, where it was to.
    pub(super) fn fast_open_failure(&self) -> Option<FastOpenFailure> {
        match self.fast_open {
            FastOpen::Failed(why) => Some(why),
            _ => None,
        }
    }

    /// Whether the user was served before the handshake was over.
    pub(super) fn serves_early(&self) -> bool {
        self.fast_open == FastOpen::Took
    }

    /// An active OPEN with Fast Open: `data` goes with the SYN where there is a cookie, and after the handshake where not.
    pub(crate) fn open_fast(&mut self, cx: &mut Cx<'_>, data: &[u8]) {
        let (local, remote) = (self.tuple.local(), self.tuple.remote());
        self.snd.buffer.push(Given::Lent(data), self.options.send_buffer, cx.spares);
        //= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
        //# To open a TFO connection, the client MUST have obtained a cookie from
        //# the server:
        //= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.1
        //# Any client attempting TFO MUST first request a cookie from the server
        //# with the following steps:
        self.fast_open = match cx.cookies.attempt(cx.now, local.ip(), remote) {
            Attempt::No => FastOpen::Failed(FastOpenFailure::CookieUnavailable),
            Attempt::Ask => FastOpen::Asks,
            Attempt::Use(cookie, mss) => {
                let sizes = SegmentSizes { announce: self.rcv.mss, send: self.rcv.mss };
                let v4 = local.is_ipv4();
                self.set_send_mss(sizes.effective(Some(mss.min(mss_max(v4))), v4));
                FastOpen::Offers(cookie)
            }
        };
    }

    /// Makes `syn`, the first one, the SYN of Fast Open.
    //= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
    //# a. If the SYN packet does not have enough option space for the
    //# Fast Open option, abort TFO and fall back to the regular 3WHS.
    pub(super) fn fill_first_syn(&mut self, now: Instant, syn: &mut Outgoing) {
        let cookie = match self.fast_open {
            FastOpen::Asks => FastOpenCookie::REQUEST,
            FastOpen::Offers(cookie) => cookie,
            FastOpen::Off | FastOpen::WasTaken | FastOpen::Failed(_) | FastOpen::Took => return,
        };
        let options = TcpOptions { fast_open: Some(cookie), ..self.options_of_syn(now) };
        if !options.fits() {
            self.fast_open = FastOpen::Off;
            return;
        }
        // On the SYN,ACK of a simultaneous open it would be a cookie that we give.
        syn.options.fast_open = Some(cookie).filter(|_| self.state == State::SynSent);
        if !cookie.is_request() {
            //= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
            //# Include any data up to the cached server MSS or
            //# default 536 bytes.
            let room = (self.snd.mss + self.agreed.option_len()).saturating_sub(options.len() as u32);
            // The SYN itself takes an octet of the record on the scoreboard.
            syn.len = self.snd.buffer.len().min(room.min(self.effective_send_mss().saturating_sub(1)));
        }
    }

    /// Our SYN is to go again: as an ordinary one, and with this server not so soon again.
    //= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
    //# To deal with network or servers dropping SYN packets with payload or
    //# unknown options, when the SYN timer fires, the client SHOULD
    //# retransmit a SYN packet without data and Fast Open options.
    //= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.1
    //# We also RECOMMEND the client to record the set of servers that failed
    //# to respond to cookie requests and only attempt another cookie request
    //# after a certain period.
    pub(super) fn on_fast_open_unanswered(&mut self, cx: &mut Cx<'_>) {
        let failure = match self.fast_open {
            FastOpen::Asks => FastOpenFailure::CookieUnavailable,
            FastOpen::Offers(_) => FastOpenFailure::SynRetransmitted,
            FastOpen::Off | FastOpen::WasTaken | FastOpen::Failed(_) | FastOpen::Took => return,
        };
        self.fast_open = FastOpen::Failed(failure);
        self.avoid_fast_open(cx);
    }

    fn avoid_fast_open(&mut self, cx: &mut Cx<'_>) {
        let (local, remote) = (self.tuple.local(), self.tuple.remote());
        if cx.cookies.avoid(cx.now, local.ip(), remote, cx.limits.fast_open_cookies) {
            cx.limit_hit(Some(self.id), Limit::FastOpenCookies);
        }
    }

    /// Our SYN is acknowledged: by a SYN,ACK, or where both sides opened at once by any segment.
    //= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
    //# The client SHOULD perform the following steps upon receiving the SYN-
    //# ACK:
    pub(super) fn on_fast_open_answer(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>) {
        let (local, remote) = (self.tuple.local(), self.tuple.remote());
        let given = segment.options.fast_open.filter(|cookie| segment.syn() && !cookie.is_request());
        if let Some(cookie) = given.filter(|_| self.options.fast_open) {
            let path = Path { local: local.ip(), remote: remote.ip() };
            let mss = segment.options.mss.unwrap_or(default_mss(local.is_ipv4()) as u16);
            if cx.cookies.keep(path, cookie, mss, cx.limits.fast_open_cookies) {
                cx.limit_hit(Some(self.id), Limit::FastOpenCookies);
            }
        }
        let sent_data = self.snd.nxt.after(self.snd.iss + 1);
        self.snd.buffer.acknowledge(self.snd.una, cx.spares);
        let taken = self.snd.una == self.snd.nxt;
        if sent_data && !taken {
            //= https://www.rfc-editor.org/rfc/rfc7413#section-4.1.3.1
            //# The client MUST cache negative responses from the server in order to
            //# avoid potential connection failures.
            if given.is_none() && matches!(self.fast_open, FastOpen::Offers(_)) {
                self.avoid_fast_open(cx);
            }
            //= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
            //# The client SHOULD retransmit
            //# any unacknowledged data in the first ACK packet in step 2.
            self.recovery.clear();
            self.snd.nxt = self.snd.una;
        }
        self.fast_open = match self.fast_open {
            _ if sent_data && taken => FastOpen::WasTaken,
            FastOpen::Asks => FastOpen::Failed(FastOpenFailure::CookieUnavailable),
            FastOpen::Offers(_) if sent_data => FastOpen::Failed(FastOpenFailure::DataNotAcked),
            FastOpen::Failed(why) => FastOpen::Failed(why),
            FastOpen::Off | FastOpen::Offers(_) | FastOpen::WasTaken | FastOpen::Took => FastOpen::Off,
        };
    }

    /// A passive connection in SYN-RECEIVED whose SYN brought a good cookie: its data is taken, and its SYN,ACK is still to
    /// be sent.
    pub(crate) fn open_fast_from(
        cx: &mut Cx<'_>,
        half: &HalfOpen,
        owner: Owner,
        syn: &TcpSegment<'_>,
    ) -> Self {
        //= https://www.rfc-editor.org/rfc/rfc7413#section-4.2.2
        //# If the FastOpened flag is set, the
        //# server MUST follow [RFC5681] (based on [RFC3390]) to set the
        //# initial congestion window for sending more data packets.
        let mut connection = Self::thaw(half, owner, cx.now);
        for timer in TimerKind::ALL {
            connection.timers.set(timer, None);
        }
        connection.fast_open = FastOpen::Took;
        connection.recovery.clear();
        connection.recovery.timeout_at = None;
        connection.snd.nxt = connection.snd.iss;
        let text = TcpSegment { seq: syn.seq + 1, flags: Flags::ACK, ..*syn };
        let room = connection.receive_window() as usize;
        let text = TcpSegment { payload: text.payload.get(..room).unwrap_or(text.payload), ..text };
        // It cannot end the connection: the socket is new.
        let _processed = connection.take_text(cx, &text);
        connection
    }
}
