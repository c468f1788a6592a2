//! How connections begin: the active OPEN, and what a listener's handshake leaves.

use super::*;
use crate::tcp::congestion;
use crate::tcp::passive::half_open::HalfOpen;
use crate::tcp::time_wait::{Past, TimeWait};
use crate::wire::TcpSegment;

/// What the link and the options say of segment sizes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentSizes {
    /// The largest segment to announce and to accept (the MSS option).
    pub(crate) announce: u32,
    /// The largest segment that the link lets us send, in octets of data and TCP options.
    pub(crate) send: u32,
}

impl SegmentSizes {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
    //# The MSS value to be sent in an MSS Option should be equal to the
    //# effective MTU minus the fixed IP and TCP headers.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
    //# where MMS_R is the maximum size for a transport-layer message that can be received (and
    //# reassembled at the IP layer) (MUST-67).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.3
    //# As a result, when the effective MTU of an interface varies packet-to- packet, TCP
    //# implementations SHOULD use the smallest effective MTU of the interface to calculate the
    //# value to advertise in the MSS Option (SHLD-6).
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.2
    //# There MUST be a mechanism by which the transport layer can learn MMS_R, the maximum
    //# message size that can be received and reassembled in an IP datagram (see GET_MAXSIZES
    //# calls in Section 3.4).
    //= https://www.rfc-editor.org/rfc/rfc1191#section-3.1
    //# Moreover, doing this prevents PMTU Discovery from discovering PMTUs larger than 576, so
    //# hosts SHOULD no longer lower the value they send
    //= https://www.rfc-editor.org/rfc/rfc1191#section-3.1
    //= type=exception
    //= reason=the MTU of the link is announced, as Linux does and the next sentence allows
    //# The MSS option should be 40 octets less than the size of the largest datagram the host is
    //# able to reassemble (MMS_R, as defined in [1]); in many cases, this will be the
    //# architectural limit of 65495 (65535 - 40) octets.
    pub(crate) fn new(mtu: usize, v4: bool, options: &Options) -> Self {
        //= https://www.rfc-editor.org/rfc/rfc8200#section-8.3
        //# When computing the maximum payload size available for upper-layer data, an upper-layer
        //# protocol must take into account the larger size of the IPv6 header relative to the IPv4
        //# header.
        //= https://www.rfc-editor.org/rfc/rfc8200#section-8.3
        //# When using TCP over IPv6, the MSS must be computed as the maximum packet size minus 60
        //# octets, because the minimum-length IPv6 header (i.e., an IPv6 header with no extension
        //# headers) is 20 octets longer than a minimum-length IPv4 header.
        let headers = if v4 { 40 } else { 60 };
        let fits = u32::try_from(mtu.saturating_sub(headers)).unwrap_or(u32::MAX).clamp(1, 65_495);
        let size = options.max_segment_size.map_or(fits, |max| fits.min(u32::from(max)));
        SegmentSizes { announce: size, send: size }
    }

    /// SND.MSS for a peer that announced `peer`.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
    //# The maximum size of a segment that a TCP endpoint really sends, the "effective send MSS",
    //# MUST be the smaller (MUST-16) of the send MSS (that reflects the available reassembly
    //# buffer size at the remote host, the EMTU_R [19]) and the largest transmission size
    //# permitted by the IP layer (EMTU_S [19]):
    pub(crate) fn effective(self, peer: Option<u16>, v4: bool) -> u32 {
        // 0 and its neighbours would cost more in headers than any path costs in fragments.
        const FLOOR: u32 = 48;
        peer.map_or(default_mss(v4), u32::from).max(FLOOR).min(self.send)
    }
}

/// The socket that a connection, or the record of one, belongs to. Records do not keep what their socket keeps.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) id: SocketId,
    pub(crate) tuple: Tuple,
    pub(crate) options: Arc<Options>,
}

/// What every connection begins with, whoever opens it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) owner: Owner,
    pub(crate) sizes: SegmentSizes,
    /// Our initial sequence number.
    pub(crate) iss: Seq,
    /// Our timestamp clock.
    pub(crate) clock: Clock,
}

impl Connection {
    /// The active OPEN: SYN-SENT, with the SYN still to be sent.
    pub(crate) fn connect(cx: &mut Cx<'_>, origin: Origin) -> Self {
        let mut connection = Self::new(cx.now, origin);
        connection.state = State::Closed;
        connection.transition(cx, Trigger::ActiveOpen, Cause::Call(crate::host::op::Call::Connect));
        connection.start(cx, TimerKind::UserTimeout, connection.options.user_timeout);
        connection
    }

    /// A passive connection in SYN-RECEIVED, from its record: its SYN,ACK is sent and not yet acknowledged.
    pub(crate) fn thaw(half: &HalfOpen, owner: Owner, now: Instant) -> Self {
        let v4 = owner.tuple.local().is_ipv4();
        let origin = Origin { owner, sizes: half.sizes, iss: half.iss, clock: half.clock };
        let mut connection = Self::new(now, origin);
        connection.passive = true;
        connection.state = State::SynReceived;
        connection.snd.nxt = half.iss + 1;
        connection.agreed = half.agreed;
        connection.ecn.setup = half.ecn;
        connection.rcv.replies = half.replies;
        connection.begin_receiving(half.irs);
        connection.set_send_mss(half.sizes.effective(half.peer_mss, v4));
        connection.set_send_window(u32::from(half.peer_window), half.irs, Seq(0));
        // A cookie does not say when it was baked: as if it had been sent twice, nothing is measured by it.
        let again = half.retransmissions > 0 || half.sent.is_none();
        connection.note_sent(half.sent.unwrap_or(now), half.iss, half.iss + 1, u8::from(again));
        if half.retransmissions > 0 {
            connection.rtt.on_timeout();
        }
        connection.recovery.timeout_at = Some(half.retransmit_at);
        for (timer, at) in half.timers() {
            connection.timers.set(timer, Some(at));
        }
        connection
    }

    /// What the record of a handshake that goes on has to remember of a segment: that it was answered.
    pub(crate) fn refreeze(&self, half: &mut HalfOpen) {
        half.replies = self.rcv.replies;
    }

    /// Whether a record is enough: in TIME-WAIT, and nobody reads from it any more.
    pub(crate) fn may_freeze(&self) -> bool {
        self.state == State::TimeWait && self.orphan
    }

    /// The record of a connection in TIME-WAIT that nobody reads from any more.
    pub(crate) fn freeze(&self) -> Option<TimeWait> {
        let deadline = self.timers.get(TimerKind::TimeWait)?;
        self.may_freeze().then(|| TimeWait {
            snd_nxt: self.snd.nxt,
            rcv_nxt: self.rcv.nxt,
            rcv_wnd: self.receive_window(),
            max_wnd: self.snd.max_wnd,
            agreed: self.agreed,
            clock: self.clock,
            replies: self.rcv.replies,
            relative: self.relative_out(),
            deadline,
        })
    }

    /// What there is to know before another connection follows this one; `None` before TIME-WAIT.
    pub(crate) fn past(&self) -> Option<Past> {
        (self.state == State::TimeWait).then(|| Past {
            snd_nxt: self.snd.nxt,
            rcv_nxt: self.rcv.nxt,
            timestamps: self.agreed.timestamps,
            ts_recent: self.clock.recent(),
        })
    }

    /// The next connection with the same addresses is open: this one has waited long enough, if it waits still.
    pub(crate) fn supersede(&mut self, cx: &mut Cx<'_>, flags: Flags) {
        if self.state == State::TimeWait {
            self.transition(cx, Trigger::Syn, Cause::Segment(flags));
        }
    }

    /// A connection in TIME-WAIT, from its record.
    pub(crate) fn thaw_time_wait(record: &TimeWait, owner: Owner, now: Instant) -> Self {
        let options = Options {
            msl: owner.options.msl,
            receive_buffer: record.rcv_wnd,
            receive_buffer_max: 0,
            ..Options::default()
        };
        let sizes = SegmentSizes { announce: 1, send: 1 };
        let origin = Origin {
            owner: Owner { options: options.into(), ..owner },
            sizes,
            iss: record.relative.seq,
            clock: record.clock,
        };
        let mut connection = Self::new(now, origin);
        connection.agreed = record.agreed;
        connection.rcv.replies = record.replies;
        connection.state = State::TimeWait;
        connection.orphan = true;
        connection.shut_read = true;
        connection.snd.una = record.snd_nxt;
        connection.snd.nxt = record.snd_nxt;
        connection.snd.syn_acknowledged = true;
        connection.snd.max_wnd = record.max_wnd;
        connection.snd.buffer = SendBuffer::new(record.snd_nxt - 1);
        connection.snd.fin = true;
        connection.rcv.irs = record.relative.ack;
        connection.rcv.nxt = record.rcv_nxt;
        connection.rcv.last_ack_sent = record.rcv_nxt;
        connection.rcv.window =
            ReceiveWindow::until(record.rcv_nxt + record.rcv_wnd, record.agreed.rcv_shift());
        connection.timers.set(TimerKind::TimeWait, Some(record.deadline));
        connection
    }

    fn new(now: Instant, origin: Origin) -> Self {
        let Origin { owner: Owner { id, tuple, options }, sizes, iss, clock } = origin;
        let mss = sizes.effective(None, tuple.local().is_ipv4());
        Connection {
            id,
            tuple,
            state: State::Closed,
            passive: false,
            agreed: Agreed::offered(&options),
            ecn: EcnState::default(),
            clock,
            snd: Send {
                iss,
                una: iss,
                nxt: iss,
                syn_acknowledged: false,
                wnd: 0,
                wl1: Seq(0),
                wl2: Seq(0),
                max_wnd: 0,
                edge: iss,
                mss: mss.min(sizes.send),
                peer_mss: mss,
                buffer: SendBuffer::new(iss + 1),
                fin: false,
                persist: Persist::default(),
                urgent: SendUrgent::default(),
                probe: false,
                syn_again: false,
                keep_alive_probe: false,
                keep_alive_unanswered: 0,
                last_sent: now,
            },
            rcv: Receive {
                irs: Seq(0),
                nxt: Seq(0),
                last_ack_sent: Seq(0),
                window: ReceiveWindow::new(Seq(0), 0, 0),
                mss: sizes.announce,
                ready: VecDeque::new(),
                tuning: None,
                assembler: Rest::default(),
                sack: SackReport::default(),
                fin: None,
                urgent: ReceiveUrgent::default(),
                acks: AckPolicy::default(),
                replies: Spacing::default(),
                keep_alive_answers: Throttle::default(),
                last_heard: now,
            },
            recovery: Rest::new(Recovery::new()),
            rate: Rate::default(),
            rtt: RttEstimator::new(options.rto_initial, options.rto_min),
            congestion: Controller::new(&congestion(&options, mss, iss)),
            next_send: now,
            doubts_path: false,
            path: PathMtu::new(
                tuple.local().is_ipv4(),
                sizes.announce.saturating_add(if tuple.local().is_ipv4() { 40 } else { 60 }),
            ),
            timers: Timers::default(),
            totals: Tally::default(),
            meters: Meters::default(),
            error: None,
            soft_error: None,
            shut_read: false,
            orphan: false,
            user_timeouts: UserTimeouts::default(),
            fast_open: FastOpen::default(),
            options,
        }
    }

    /// The peer's SYN is here: its numbers, its MSS and its options are known.
    pub(super) fn on_peer_syn(&mut self, cx: &mut Cx<'_>, segment: &TcpSegment<'_>) {
        self.agreed = self.agreed.with(&segment.options);
        self.ecn.setup.on_received(segment.flags);
        if let Some(timestamps) = segment.options.timestamps {
            self.clock.begin(timestamps.value, cx.now);
        }
        cx.note_window_scale(&segment.options);
        self.begin_receiving(segment.seq);
        let sizes = SegmentSizes { announce: self.rcv.mss, send: self.rcv.mss };
        self.set_send_mss(sizes.effective(segment.options.mss, self.tuple.local().is_ipv4()));
        self.set_send_window(u32::from(segment.window), segment.seq, segment.ack);
    }

    /// The peer's numbers begin at `irs`.
    fn begin_receiving(&mut self, irs: Seq) {
        self.rcv.irs = irs;
        self.rcv.nxt = irs + 1;
        self.rcv.last_ack_sent = self.rcv.nxt;
        self.rcv.window =
            ReceiveWindow::new(self.rcv.nxt, self.options.receive_buffer, self.agreed.rcv_shift());
    }

    /// What fits into a segment to the peer, options included, is `mss`.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
    //# The maximum size of a segment that a TCP endpoint really sends, the
    //# "effective send MSS", MUST be the smaller (MUST-16) of the send MSS
    //# (that reflects the available reassembly buffer size at the remote
    //# host, the EMTU_R [19]) and the largest transmission size permitted by
    //# the IP layer (EMTU_S [19]):
    pub(super) fn set_send_mss(&mut self, mss: u32) {
        self.snd.peer_mss = mss;
        self.begin_path_search(mss);
        self.snd.mss = self.mss_of_path().saturating_sub(self.agreed.option_len()).max(1);
        self.congestion = Controller::new(&congestion(&self.options, self.snd.mss, self.snd.iss));
    }

    /// The peer announced `window` in a segment with these numbers.
    pub(super) fn set_send_window(&mut self, window: u32, seq: Seq, ack: Seq) {
        self.snd.wnd = window;
        self.snd.max_wnd = self.snd.max_wnd.max(window);
        self.snd.edge = self.snd.edge.max(self.snd.una + window);
        self.snd.wl1 = seq;
        self.snd.wl2 = ack;
    }

    /// The handshake is over: the timers that guard a connection take over from those that guard its opening.
    pub(super) fn on_established(&mut self, cx: &mut Cx<'_>) {
        self.rcv.last_heard = cx.now;
        if self.rtt.backoff() > 0 {
            self.congestion.on_lost_syn();
            self.rtt.on_lost_syn();
        }
        self.tell_user_timeout();
        self.arm_keep_alive(cx);
    }
}

/// What the congestion controller is made of.
fn congestion(options: &Options, mss: u32, iss: Seq) -> congestion::Config {
    let &Options { congestion: algorithm, initial_window, hystart, pacing, .. } = options;
    congestion::Config { algorithm, mss, initial_window, hystart, pacing, seed: iss.0 }
}
