//! A connection: SYN-SENT, SYN-RECEIVED and the synchronized states.
//!
//! Owns: [`Connection`], the TCB of RFC 9293 §3.3.1, and the one function that changes its state. What arrives is
//! in `arrival/`, what leaves in `transmit.rs`, what the user does in `user.rs`, what time does in `timeout.rs`,
//! what ICMP says in `icmp.rs`. Never touches an IP header or another connection.
//!
//! ```text
//! snd:  iss ... una ........ nxt ............ buffer.end [FIN]
//!               | in flight  | not yet sent   |
//! rcv:  irs ... nxt ........ window.edge
//!               | acceptable |
//! ```

mod acknowledge;
mod arrival;
mod ecn;
mod fast_open;
mod icmp;
mod info;
mod invariants;
mod meters;
mod open;
mod pace;
mod path_mtu;
mod path_search;
mod recover;
mod tally;
mod timeout;
mod transmit;
mod user;
mod user_timeout;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;

use super::agreed::Agreed;
use super::config::{LossDetection, Options, PathMtuDiscovery};
use super::congestion::Controller;
use super::cx::{Cx, Stray, Tuple};
use super::ecn::EcnState;
use super::info::Totals;
use super::path_mtu::PathMtu;
use super::receive::ack_policy::AckPolicy;
use super::receive::assembler::Assembler;
use super::receive::sack::SackReport;
use super::receive::tuning::Tuning;
use super::receive::urgent::ReceiveUrgent;
use super::receive::window::{ReceiveWindow, Room};
use super::recovery::Recovery;
use super::recovery::rate::Rate;
use super::recovery::rtt::RttEstimator;
use super::rest::Rest;
use super::send::buffer::SendBuffer;
use super::send::persist::Persist;
use super::send::urgent::SendUrgent;
use super::seq::Seq;
use super::state::{State, Trigger};
use super::throttle::{Spacing, Throttle};
use super::timers::{TimerKind, Timers};
use super::timestamps::Clock;
use crate::event::{Cause, EventKind, Interest, Relative, TimerAction};
use crate::host::Errno;
use crate::id::SocketId;
use crate::time::Instant;
use crate::wire::{Flags, TcpOptions};

use meters::Meters;
use tally::Tally;

use fast_open::FastOpen;
pub(crate) use icmp::{IcmpError, errno as icmp_errno};
pub(crate) use open::{Origin, Owner, SegmentSizes};
pub(crate) use transmit::Outgoing;
pub(crate) use user::ReadyData;
use user_timeout::UserTimeouts;

/// How long an orphan waits for the peer's FIN: Linux's `tcp_fin_timeout`.
const ORPHAN_FIN_WAIT_2: core::time::Duration = core::time::Duration::from_secs(60);

/// The largest segment to send when the peer announced none (RFC 9293 §3.7.1).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
//# If an MSS Option is not received at connection setup, TCP
//# implementations MUST assume a default send MSS of 536 (576 - 40) for
//# IPv4 or 1220 (1280 - 60) for IPv6 (MUST-15).
pub(crate) const fn default_mss(v4: bool) -> u32 {
    if v4 { 536 } else { 1220 }
}

/// The send half's variables.
#[derive(Clone, Debug)]
struct Send {
    iss: Seq,
    una: Seq,
    nxt: Seq,
    /// `una` is behind the SYN. (That it is not `iss` says so only for the first four gigabytes.)
    syn_acknowledged: bool,
    /// SND.WND, scaled.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# The window size MUST be treated as an unsigned number, or else large window sizes will
    //# appear like negative windows and TCP will not work (MUST-1).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# It is RECOMMENDED that implementations will reserve 32-bit fields for the send and receive
    //# window sizes in the connection record and do all window computations with 32 bits (REC-
    //# 1).
    wnd: u32,
    wl1: Seq,
    wl2: Seq,
    /// The largest window the peer ever announced.
    max_wnd: u32,
    /// The rightmost edge the peer ever announced.
    edge: Seq,
    mss: u32,
    /// What the peer takes in a segment, or the user allows: octets of data and TCP options.
    peer_mss: u32,
    buffer: SendBuffer,
    /// The user closed: a FIN follows the buffer.
    fin: bool,
    persist: Persist,
    urgent: SendUrgent,
    /// The persist timer fired: the next segment goes whatever the window.
    probe: bool,
    /// The SYN,ACK of a connection that Fast Open opened was asked for again.
    syn_again: bool,
    /// A keep-alive probe is to go.
    keep_alive_probe: bool,
    /// Keep-alive probes sent without an answer.
    keep_alive_unanswered: u8,
    last_sent: Instant,
}

/// The receive half's variables.
#[derive(Clone, Debug)]
struct Receive {
    irs: Seq,
    nxt: Seq,
    /// Last.ACK.sent (RFC 7323 §4.3).
    last_ack_sent: Seq,
    window: ReceiveWindow,
    mss: u32,
    ready: VecDeque<u8>,
    /// What the buffer grew to, of a user who takes much.
    tuning: Option<Box<Tuning>>,
    assembler: Rest<Assembler>,
    sack: SackReport,
    /// The sequence number of the peer's FIN, once seen, in order or not.
    fin: Option<Seq>,
    urgent: ReceiveUrgent,
    acks: AckPolicy,
    /// Replies to what is of no use.
    replies: Spacing,
    keep_alive_answers: Throttle,
    last_heard: Instant,
}

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) id: SocketId,
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
    //# At all other times, a previous segment has either been sent or received on this
    //# connection, and TCP implementations MUST use the same local address that was used in those
    //# previous segments (MUST- 45).
    pub(crate) tuple: Tuple,
    pub(crate) options: Arc<Options>,
    state: State,
    /// It began at a listener.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.5
    //# Note that a TCP implementation MUST keep track of whether a connection has reached
    //# SYN-RECEIVED state as the result of a passive OPEN or an active OPEN (MUST-11).
    passive: bool,
    /// What our SYN offers; once the peer's is here, what both agreed on.
    agreed: Agreed,
    ecn: EcnState,
    clock: Clock,
    snd: Send,
    rcv: Receive,
    recovery: Rest<Recovery>,
    rate: Rate,
    rtt: RttEstimator,
    congestion: Controller,
    /// When the next segment with data may go, where the sender paces.
    next_send: Instant,
    path: PathMtu,
    /// So much goes again that the host is to look at the path.
    doubts_path: bool,
    timers: Timers,
    user_timeouts: UserTimeouts,
    fast_open: FastOpen,
    totals: Tally,
    meters: Meters,
    /// What ended it, or what ICMP said that may turn out to be the reason.
    error: Option<Errno>,
    soft_error: Option<Errno>,
    /// `shutdown` for reading, or `close`.
    shut_read: bool,
    /// The user let go of it.
    orphan: bool,
}

impl Connection {
    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// What moves only when packets arrive on both ends (RFC 4861 §7.3.1): SND.UNA and RCV.NXT.
    pub(crate) fn progress(&self) -> (Seq, Seq) {
        (self.snd.una, self.rcv.nxt)
    }

    /// Whether its path is in doubt, said once for each timeout.
    pub(crate) fn take_path_doubt(&mut self) -> bool {
        core::mem::take(&mut self.doubts_path)
    }

    /// Gives back the memory of what is not under way, and changes nothing else.
    pub(crate) fn rest(&mut self) {
        if let Some(recovery) = self.recovery.awake() {
            recovery.on_empty(self.snd.una);
            self.rtt.set_before_rest(recovery.rack.rtt(self.rtt.before_rest()));
        }
        // It knows what was sent before a timeout that was spurious.
        if !self.rtt.is_to_adapt() {
            self.recovery.rest();
        }
        self.timers.rest();
        self.snd.buffer.rest();
        self.rcv.assembler.rest();
        self.rcv.ready.shrink_to_fit();
    }

    /// The error that ended it, given once.
    pub(crate) fn take_error(&mut self) -> Option<Errno> {
        self.error.take()
    }

    pub(crate) fn error(&self) -> Option<Errno> {
        self.error
    }

    /// When a timer fires next.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Changes the state, as the table allows, and tells it.
    ///
    /// A trigger that the table does not know in this state is a bug of ours: the connection alone pays for it.
    fn transition(&mut self, cx: &mut Cx<'_>, trigger: Trigger, cause: Cause) {
        let Some(to) = self.state.after(trigger) else {
            debug_assert!(false, "no transition from {} on {trigger}", self.state);
            return self.break_invariant(cx, "transition");
        };
        let from = core::mem::replace(&mut self.state, to);
        let (local, remote) = (self.tuple.local(), self.tuple.remote());
        cx.tell(self.id, EventKind::TcpState { from, to, cause, local, remote: Some(remote) });
        match to {
            State::Closed => self.on_closed(cx),
            State::TimeWait => self.on_time_wait(cx),
            State::FinWait2 if self.orphan => self.start_fin_wait_2(cx),
            _ => {}
        }
    }

    /// Nothing more will come or go: what is left is what the user has not read.
    fn on_closed(&mut self, cx: &mut Cx<'_>) {
        for timer in TimerKind::ALL {
            self.stop(cx, timer);
        }
        self.snd.buffer.clear();
        if let Some(assembler) = self.rcv.assembler.awake() {
            assembler.clear();
        }
        if let Some(recovery) = self.recovery.awake() {
            recovery.clear();
        }
        self.snd.probe = false;
        self.snd.keep_alive_probe = false;
        self.rcv.acks.sent();
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
    //# When a connection is closed actively, it MUST linger in the TIME-
    //# WAIT state for a time 2xMSL (Maximum Segment Lifetime) (MUST-13).
    fn on_time_wait(&mut self, cx: &mut Cx<'_>) {
        for timer in TimerKind::ALL {
            self.stop(cx, timer);
        }
        self.restart_time_wait(cx);
    }

    fn restart_time_wait(&mut self, cx: &mut Cx<'_>) {
        self.start(cx, TimerKind::TimeWait, self.options.msl * 2);
    }

    /// A peer that never closes must not hold a connection that nobody has. A short MSL is no reason to be impatient with
    /// a peer that does.
    fn start_fin_wait_2(&mut self, cx: &mut Cx<'_>) {
        self.start(cx, TimerKind::FinWait2, ORPHAN_FIN_WAIT_2);
    }

    /// Ends the connection because of `error`, which the user will get; what was received is kept only where the
    /// end was in order.
    fn fail(&mut self, cx: &mut Cx<'_>, trigger: Trigger, cause: Cause, error: Errno) {
        self.error = Some(error);
        self.rcv.ready = VecDeque::new();
        self.transition(cx, trigger, cause);
        cx.tell(self.id, EventKind::Failed(error));
    }

    fn break_invariant(&mut self, cx: &mut Cx<'_>, what: &'static str) {
        cx.counters.invariants_broken += 1;
        if self.state == State::Closed {
            return;
        }
        self.send_reset(cx);
        self.fail(cx, Trigger::Limit, Cause::Invariant(what), Errno::ECONNABORTED);
    }

    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>`, as an ABORT sends it.
    fn send_reset(&mut self, cx: &mut Cx<'_>) {
        let ack = (self.state != State::SynSent).then_some(self.rcv.nxt);
        let flags = if ack.is_some() { Flags::RST | Flags::ACK } else { Flags::RST };
        self.totals.segments_out += 1;
        cx.send_stray(Stray {
            tuple: self.tuple,
            socket: Some(self.id),
            seq: self.acceptable_seq(),
            ack,
            flags,
            window: 0,
            options: self.reset_options(cx.now),
            relative: Some(self.relative_out()),
        });
    }

    fn start(&mut self, cx: &mut Cx<'_>, timer: TimerKind, after: core::time::Duration) {
        self.start_at(cx, timer, cx.now + after);
    }

    fn start_at(&mut self, cx: &mut Cx<'_>, timer: TimerKind, deadline: Instant) {
        self.timers.set(timer, Some(deadline));
        cx.tell_timer(self.id, timer, TimerAction::Started(deadline));
    }

    fn stop(&mut self, cx: &mut Cx<'_>, timer: TimerKind) {
        if self.timers.is_running(timer) {
            self.timers.set(timer, None);
            cx.tell_timer(self.id, timer, TimerAction::Stopped);
        }
    }

    /// The octet after the last one that there is to send, the FIN included.
    fn send_end(&self) -> Seq {
        self.snd.buffer.end() + u32::from(self.snd.fin)
    }

    /// Octets of sequence space outstanding.
    fn flight(&self) -> u32 {
        self.snd.nxt.octets_since(self.snd.una)
    }

    /// The congestion window; while it shrinks, what PRR makes of it.
    fn congestion_window(&self) -> u32 {
        if self.recovery.is_reducing() && self.congestion.uses_prr() {
            self.recovery.prr.window()
        } else {
            self.congestion.cwnd()
        }
    }

    /// Losses are found by RACK.
    fn loses_by_time(&self) -> bool {
        //= https://www.rfc-editor.org/rfc/rfc8985#section-4
        //# The connection MUST use selective acknowledgment (SACK) options
        //# [RFC2018], and the sender MUST keep SACK scoreboard information
        //# on a per-connection basis
        self.agreed.sack && self.options.loss_detection == LossDetection::Rack
    }

    /// Our FIN was sent and acknowledged.
    fn fin_acknowledged(&self) -> bool {
        self.snd.fin && self.snd.una == self.send_end()
    }

    /// What the receive window follows from. What waits out of order lies inside the announced window and is counted by
    /// it. A buffer made smaller than what a window can tell counts as that: else it would be closed for ever.
    fn receive_room(&self) -> Room {
        let capacity = self.receive_capacity().max(self.rcv.window.unit());
        let free = capacity.saturating_sub(self.rcv.ready.len() as u32);
        Room { nxt: self.rcv.nxt, free, capacity, mss: self.rcv.mss }
    }

    /// Octets that the receive buffer has.
    pub(super) fn receive_capacity(&self) -> u32 {
        let grown = self.rcv.tuning.as_ref().map_or(0, |tuning| tuning.capacity());
        self.options.receive_buffer.max(grown.min(self.options.receive_buffer_max))
    }

    /// Octets that the send buffer has: room for what is in flight, and for as much again that the user sends while that is
    /// acknowledged.
    pub(super) fn send_capacity(&self) -> u32 {
        let flights = self.congestion.cwnd().saturating_mul(2);
        self.options.send_buffer.max(flights.min(self.options.send_buffer_max))
    }

    /// The sequence number of the first octet that the user has not taken.
    fn consumed(&self) -> Seq {
        self.rcv.nxt - u32::from(self.state.peer_closed()) - self.rcv.ready.len() as u32
    }

    /// Octets of urgent data that the user has still to take; some of them may not be here yet.
    fn urgent_remaining(&self) -> u32 {
        self.rcv.urgent.remaining(self.consumed())
    }

    fn receive_window(&self) -> u32 {
        self.rcv.window.size(self.rcv.nxt)
    }

    /// What the numbers of our segments are relative to.
    pub(crate) fn relative_out(&self) -> Relative {
        Relative { seq: self.snd.iss, ack: self.rcv.irs }
    }

    /// What the numbers of the peer's segments are relative to. Before its SYN came, that is what comes.
    fn relative_in(&self, seq: Seq) -> Relative {
        let irs = if self.state == State::SynSent { seq } else { self.rcv.irs };
        Relative { seq: irs, ack: self.snd.iss }
    }

    fn tell_readable(&mut self, cx: &mut Cx<'_>) {
        let (available, end_of_stream) = (self.rcv.ready.len() as u32, self.state.peer_closed());
        cx.tell_if(Interest::DATA, self.id, || EventKind::Readable { available, end_of_stream });
    }
}
