//! The user timeout, and what the two ends tell each other of it (RFC 5482).
//!
//! With `user_timeout_option` we tell the peer ours, and follow the peer's unless the user set one: then the longer of the
//! two counts. What stays unacknowledged for that long ends the connection; `timeout.rs` sees to that.

use core::time::Duration;

use super::*;
use crate::time::Span;

//= https://www.rfc-editor.org/rfc/rfc5482#section-3
//# Hosts MUST impose upper and lower limits on the user timeouts they
//# use for a connection.
//= https://www.rfc-editor.org/rfc/rfc5482#section-3.1
//# To protect against these effects, implementations MUST impose limits
//# on the user timeout values they accept and use.
/// U_LIMIT: a peer cannot make us keep what is unacknowledged for longer.
const UPPER_LIMIT: Duration = Duration::from_secs(3600);
/// L_LIMIT, unless the retransmission timeout is longer.
//= https://www.rfc-editor.org/rfc/rfc5482#section-3.1
//# Consequently, the lower limit (L_LIMIT)
//# SHOULD be set to at least 100 seconds when following the RECOMMENDED
//# scheme described in this section.
const LOWER_LIMIT: Duration = Duration::from_secs(100);

/// What was told, and what was heard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UserTimeouts {
    /// Ours is to be told with the next segment.
    tell: bool,
    /// REMOTE_UTO: the peer's, as it told it last.
    peer: Option<Span>,
}

impl Connection {
    /// How long something may stay unacknowledged.
    //= https://www.rfc-editor.org/rfc/rfc5482#section-3.1
    //# Under the RECOMMENDED scheme, and when CHANGEABLE is true, each end
    //# SHOULD compute the local USER TIMEOUT for a connection according to
    //# this formula:
    //#
    //# USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT))
    //= https://www.rfc-editor.org/rfc/rfc5482#section-3.1
    //# If the CHANGEABLE flag is false, USER_TIMEOUT MUST NOT
    //# be changed, regardless of the received UTO option.
    //= https://www.rfc-editor.org/rfc/rfc5482#section-3.3
    //# Connections in other
    //# states MUST use the default timeout values defined in [RFC0793] and
    //# [RFC1122].
    pub(super) fn user_timeout(&self) -> Duration {
        let ours = self.options.user_timeout;
        let follows = self.options.user_timeout_option && !self.options.user_timeout_set;
        match self.peer_user_timeout() {
            //= https://www.rfc-editor.org/rfc/rfc5482#section-3.1
            //# Therefore, the lower limit (L_LIMIT) MUST be larger than the current
            //# retransmission timeout (RTO) for the connection.
            Some(peer) if follows && self.state.is_synchronized() => {
                let lower = LOWER_LIMIT.max(self.rtt.rto() * 2);
                ours.max(peer).max(lower).min(UPPER_LIMIT.max(lower))
            }
            _ => ours,
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc5482#section-3.1
    //# In this case TCP SHOULD, however, notify the application
    //# about the user timeout value received from the other end system.
    /// The peer's, as it told it.
    pub(super) fn peer_user_timeout(&self) -> Option<Duration> {
        self.user_timeouts.peer.map(Duration::from)
    }

    //= https://www.rfc-editor.org/rfc/rfc5482#section-3.1
    //# In general, unless the application on the local host has requested a
    //# specific USER TIMEOUT for the connection, CHANGEABLE will be true and
    //# hosts SHOULD adjust the local TCP USER TIMEOUT (USER_TIMEOUT) in
    //# response to receiving a UTO option, as described in the remainder of
    //# this section.
    //= https://www.rfc-editor.org/rfc/rfc5482#section-3.2
    //# Consequently, implementations MUST NOT assume that UTO options are
    //# transmitted reliably.
    /// Takes note of what an acceptable segment says. With the option off it is ignored.
    pub(super) fn hear_user_timeout(&mut self, cx: &mut Cx<'_>, options: &TcpOptions) {
        let heard = options.user_timeout.filter(|_| self.options.user_timeout_option);
        if heard.is_some() && heard != self.peer_user_timeout() {
            let before = self.user_timeout();
            self.user_timeouts.peer = heard.map(Span::from);
            self.on_user_timeout_changed(cx, before);
        }
    }

    /// How long a connection is idle before it is probed: with the option, longer than the user timeout.
    //= https://www.rfc-editor.org/rfc/rfc5482#section-4.2
    //# Therefore, if a connection that enables keep-alives is also using the
    //# TCP User Timeout Option, then the keep-alive timer MUST be set to a
    //# value larger than that of the adopted USER TIMEOUT.
    pub(super) fn keep_alive_idle(&self, idle: Duration) -> Duration {
        if self.options.user_timeout_option {
            idle.max(self.user_timeout() + Duration::from_secs(1))
        } else {
            idle
        }
    }

    /// The timer that runs goes by the new one.
    pub(super) fn on_user_timeout_changed(&mut self, cx: &mut Cx<'_>, before: Duration) {
        let now = self.user_timeout();
        if now != before && self.timers.is_running(TimerKind::UserTimeout) {
            self.start(cx, TimerKind::UserTimeout, now);
        }
    }

    /// Ours goes with the next segment: the connection is open, or ours is another now.
    //= https://www.rfc-editor.org/rfc/rfc5482#section-3
    //# a
    //# connection that has enabled UTO options SHOULD include a UTO option
    //# in the first packet that does not have the SYN flag set.
    //= https://www.rfc-editor.org/rfc/rfc5482#section-3
    //# A host that supports the UTO option SHOULD include one in the next
    //# possible outgoing segment whenever it starts using a new user timeout
    //# for the connection.
    pub(super) fn tell_user_timeout(&mut self) {
        self.user_timeouts.tell = self.options.user_timeout_option;
    }

    /// The option of a segment that leaves, if it is to carry one; the SYN always does.
    pub(super) fn user_timeout_to_tell(&self, syn: bool) -> Option<Duration> {
        let tell = if syn { self.options.user_timeout_option } else { self.user_timeouts.tell };
        if tell { TcpOptions::tellable(self.options.user_timeout) } else { None }
    }

    /// A segment without SYN left with it.
    pub(super) fn user_timeout_told(&mut self) {
        self.user_timeouts.tell = false;
    }
}
