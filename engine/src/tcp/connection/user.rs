//! What the user does: send, receive, shut down, close, abort, change options (RFC 9293 §3.10.2 to §3.10.6).
//!
//! Each answers `None` where the call has to wait.

use alloc::vec::Vec;

use super::*;
use crate::host::Readiness;
use crate::host::op::Call;
use crate::limits::Limit;
use crate::tcp::send::buffer::Given;

/// Octets for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadyData {
    pub(crate) data: Vec<u8>,
    pub(crate) end_of_stream: bool,
    /// Octets of urgent data that remain after these.
    pub(crate) urgent: u32,
}

impl Connection {
    /// SEND: takes what fits; of urgent data SND.UP follows the last octet taken.
    pub(crate) fn send(
        &mut self,
        cx: &mut Cx<'_>,
        data: Given<'_>,
        urgent: bool,
    ) -> Option<Result<usize, Errno>> {
        if let Some(error) = self.take_error() {
            return Some(Err(error));
        }
        if self.never_opened() {
            return Some(Err(Errno::ENOTCONN));
        }
        if !self.state.may_send() || self.snd.fin {
            return Some(Err(Errno::EPIPE));
        }
        let given = data.as_slice().len();
        if given == 0 {
            return Some(Ok(0));
        }
        // While the handshake lasts the call waits, as `send(2)` does.
        let opening = matches!(self.state, State::SynSent | State::SynReceived);
        if opening && !self.serves_early() {
            return None;
        }
        let capacity = self.send_capacity();
        let taken = self.snd.buffer.push(data, capacity, cx.spares);
        let refused_room = taken < given;
        let Options { send_buffer, send_buffer_max, .. } = *self.options;
        let at_limit = capacity > send_buffer && capacity == send_buffer_max;
        // Told once for each time that it runs full.
        let refused_before = core::mem::replace(&mut self.meters.refused_room, refused_room);
        if refused_room && !refused_before && at_limit {
            cx.limit_hit(Some(self.id), Limit::TunedSendBuffer);
        }
        match taken {
            0 => None,
            taken => {
                if urgent {
                    self.snd.urgent.mark(self.snd.buffer.end());
                    // Where no window lets the data go, an acknowledgment takes the news.
                    self.rcv.acks.now();
                }
                Some(Ok(taken))
            }
        }
    }

    /// RECEIVE: gives at least `min` octets and at most `max`, or what there is when no more can come.
    pub(crate) fn recv(
        &mut self,
        cx: &mut Cx<'_>,
        max: usize,
        min: usize,
        peek: bool,
    ) -> Option<Result<ReadyData, Errno>> {
        let (available, ended) = (self.rcv.ready.len(), self.receive_ended());
        // What was put back after a failure still comes before the error.
        let last = ended || self.error.is_some();
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.3
        //# Note that data following the urgent pointer (non-urgent data)
        //# cannot be delivered to the user in the same buffer with preceding
        //# urgent data unless the boundary is clearly marked for the user.
        let before_the_mark = match self.urgent_remaining() {
            0 => usize::MAX,
            urgent => urgent as usize,
        };
        let enough = min.min(max).min(self.receivable()).min(before_the_mark).max(1);
        if available == 0 || available < enough && !last {
            if let Some(error) = self.take_error() {
                return Some(Err(error));
            }
            if self.never_opened() {
                return Some(Err(Errno::ENOTCONN));
            }
            if !ended {
                return None;
            }
        }
        let take = available.min(max).min(before_the_mark);
        let data: Vec<u8> = if peek {
            first(&self.rcv.ready, take)
        } else {
            let data = if take == available {
                // All of it changes hands, and is not copied.
                core::mem::take(&mut self.rcv.ready).into()
            } else {
                let data = first(&self.rcv.ready, take);
                self.rcv.ready.drain(..take);
                data
            };
            self.on_taken(cx);
            data
        };
        let left = if peek { take as u32 } else { 0 };
        let urgent = self.urgent_remaining().saturating_sub(left);
        // As with `recv(2)`: the end comes by itself, after the last octet.
        Some(Ok(ReadyData { data, end_of_stream: ended && available == 0, urgent }))
    }

    /// RECEIVE for a driver: shows what it takes, of at most `max` octets, where it lies. Any error is left for later.
    pub(crate) fn recv_with(&mut self, cx: &mut Cx<'_>, max: usize, take: &mut dyn FnMut(&[u8])) -> usize {
        let taken = self.rcv.ready.len().min(max);
        let (first, second) = self.rcv.ready.as_slices();
        let from_first = taken.min(first.len());
        for piece in [first.get(..from_first), second.get(..taken - from_first)].into_iter().flatten() {
            if !piece.is_empty() {
                take(piece);
            }
        }
        self.rcv.ready.drain(..taken);
        self.on_taken(cx);
        taken
    }

    /// What the user could do now.
    pub(crate) fn readiness(&self) -> Readiness {
        let may_send =
            self.state.may_send() && !self.snd.fin && (self.state.is_synchronized() || self.serves_early());
        let room = self.send_capacity().saturating_sub(self.snd.buffer.len());
        Readiness {
            tcp_state: self.state,
            readable: self.rcv.ready.len(),
            end_of_stream: self.receive_ended(),
            writable: if may_send { room as usize } else { 0 },
            acknowledged: self.totals.bytes_acked,
            retransmissions: self.totals.troubles.retransmissions,
            error: self.error,
        }
    }

    /// The user took octets.
    fn on_taken(&mut self, cx: &mut Cx<'_>) {
        if self.rcv.ready.is_empty() {
            // An idle connection keeps no memory.
            cx.spares.take_octets(&mut self.rcv.ready);
        }
        self.tune(cx);
        self.on_room(cx);
        self.rcv.urgent.on_consumed(self.consumed());
    }

    /// Lets the receive buffer grow with what the user takes, where nobody chose its size.
    fn tune(&mut self, cx: &mut Cx<'_>) {
        let (capacity, most) = (self.receive_capacity(), self.options.receive_buffer_max);
        // Most connections never come near the buffer that they begin with.
        if capacity >= most || self.totals.bytes_received < u64::from(self.options.receive_buffer / 4) {
            return;
        }
        let (taken, rtt, mss) = (self.consumed(), self.rtt.srtt(), self.rcv.mss);
        let tuning = self.rcv.tuning.get_or_insert_with(|| Box::new(Tuning::new(cx.now, taken, capacity)));
        if tuning.on_taken(cx.now, taken, rtt, mss, most) && tuning.capacity() >= most {
            cx.limit_hit(Some(self.id), Limit::TunedReceiveBuffer);
        }
    }

    /// The attempt to open failed or was given up: there is no stream that could have an end.
    fn never_opened(&self) -> bool {
        self.is_closed() && !self.snd.syn_acknowledged
    }

    /// Puts octets back that the user did not get after all.
    pub(crate) fn unread(&mut self, data: &[u8]) {
        if self.orphan {
            return;
        }
        let mut whole = VecDeque::from(data.to_vec());
        whole.append(&mut self.rcv.ready);
        self.rcv.ready = whole;
    }

    /// Octets that are sure to come together without any being taken: when fewer wait, silly-window avoidance opens the
    /// window again.
    fn receivable(&self) -> usize {
        let Room { capacity, mss, .. } = self.receive_room();
        let kept = (capacity / 2).min(2 * mss) + self.rcv.window.unit() - 1;
        capacity.saturating_sub(kept) as usize
    }

    /// No more octets will become readable, and no error will say why.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.6
    //# If the local TCP connection is closed by the remote side due to a FIN or RST received from
    //# the remote side, then the local application MUST be informed whether it closed normally or
    //# was aborted (MUST-12).
    fn receive_ended(&self) -> bool {
        self.shut_read || self.state.peer_closed() || self.is_closed() && self.error.is_none()
    }

    /// The user read: tell the peer of the room, if it matters to it.
    fn on_room(&mut self, _cx: &mut Cx<'_>) {
        if self.state.may_receive()
            && self.state.is_synchronized()
            && self.rcv.window.update_is_due(self.receive_room())
        {
            self.rcv.acks.now();
        }
    }

    /// CLOSE, or `shutdown` for writing: a FIN follows the data.
    pub(crate) fn shutdown_write(&mut self, cx: &mut Cx<'_>, call: Call) {
        if self.snd.fin {
            return;
        }
        match self.state {
            State::SynSent => self.transition(cx, Trigger::Close, Cause::Call(call)),
            State::SynReceived | State::Established | State::CloseWait => {
                self.snd.fin = true;
                self.transition(cx, Trigger::Close, Cause::Call(call));
            }
            _ => {}
        }
    }

    pub(crate) fn shutdown_read(&mut self) {
        self.shut_read = true;
    }

    /// `close`: the user lets go. Unread data turns it into a reset.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
    //# A host MAY implement a "half-duplex" TCP close sequence, so that an application that has
    //# called CLOSE cannot continue to read data from the connection (MAY-1).
    pub(crate) fn close(&mut self, cx: &mut Cx<'_>) {
        self.orphan = true;
        self.shut_read = true;
        if self.is_closed() {
            self.rcv.ready = VecDeque::new();
            return;
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
        //# If such a host issues a CLOSE call while received data is still pending in the TCP
        //# connection, or if new data is received after CLOSE is called, its TCP implementation
        //# SHOULD send a RST to show that data was lost (SHLD-3).
        if !self.rcv.ready.is_empty() && self.state != State::TimeWait {
            self.send_reset(cx);
            return self.end(cx, Call::Close);
        }
        self.rcv.ready = VecDeque::new();
        self.shutdown_write(cx, Call::Close);
        if self.state == State::FinWait2 {
            self.start_fin_wait_2(cx);
        }
    }

    /// ABORT: a reset, and the end.
    pub(crate) fn abort(&mut self, cx: &mut Cx<'_>, call: Call) {
        if self.is_closed() {
            return;
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.5
        //# All queued SENDs and RECEIVEs should be given "connection reset"
        //# notification; all segments queued for transmission (except for the
        //# RST formed above) or retransmission should be flushed.  Delete the
        //# TCB, enter CLOSED state, and return.
        if !matches!(self.state, State::SynSent | State::Closing | State::LastAck | State::TimeWait) {
            self.send_reset(cx);
        }
        self.end(cx, call);
    }

    fn end(&mut self, cx: &mut Cx<'_>, call: Call) {
        self.error = Some(Errno::ECONNABORTED);
        self.rcv.ready = VecDeque::new();
        self.transition(cx, Trigger::Abort, Cause::Call(call));
    }

    /// The end without a word to the peer.
    pub(crate) fn vanish(&mut self, cx: &mut Cx<'_>) {
        if !self.is_closed() {
            self.error = Some(Errno::ECONNABORTED);
            self.transition(cx, Trigger::Abort, Cause::Call(Call::Vanish));
        }
    }

    /// Everything the user sent, the FIN included, is acknowledged.
    pub(crate) fn all_acknowledged(&self) -> bool {
        self.snd.una == self.send_end() || self.is_closed()
    }

    pub(crate) fn linger(&mut self, cx: &mut Cx<'_>, time: core::time::Duration) {
        self.start(cx, TimerKind::Linger, time);
    }

    pub(crate) fn is_lingering(&self) -> bool {
        self.timers.is_running(TimerKind::Linger)
    }

    /// The options that take effect on a living connection do.
    pub(crate) fn set_options(&mut self, cx: &mut Cx<'_>, options: Arc<Options>) {
        self.rtt.set_min(options.rto_min);
        let keep_alive_changed = self.options.keep_alive != options.keep_alive;
        let told = (self.options.user_timeout, self.options.user_timeout_option);
        let user_timeout = self.user_timeout();
        self.options = options;
        if keep_alive_changed && self.state.is_synchronized() {
            self.arm_keep_alive(cx);
        }
        self.on_user_timeout_changed(cx, user_timeout);
        if told != (self.options.user_timeout, self.options.user_timeout_option) {
            self.tell_user_timeout();
        }
        if self.state.is_synchronized() {
            self.on_room(cx);
        }
    }
}

/// A copy of the first `len` octets. Octet by octet it would take ten times as long.
fn first(octets: &VecDeque<u8>, len: usize) -> Vec<u8> {
    let (head, tail) = octets.as_slices();
    let (head, rest) = (head.get(..len).unwrap_or(head), len.saturating_sub(head.len()));
    let mut copy = Vec::with_capacity(len);
    copy.extend_from_slice(head);
    copy.extend_from_slice(tail.get(..rest).unwrap_or(tail));
    copy
}
