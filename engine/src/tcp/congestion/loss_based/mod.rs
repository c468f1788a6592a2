//! What NewReno and CUBIC share: all but how the window grows in congestion avoidance, and by how much it falls.
//!
//! Owns: [`LossBased`]: `cwnd` and `ssthresh`, slow start with byte counting (RFC 5681, RFC 3465) and its end by
//! HyStart++, timeouts, what a spurious one gives back, restarts after idle times, the rate for pacing.
//!
//! ```text
//!                    .- ssthresh .   /|    /|    /      _____ ssthresh
//!                   /             \_/ |___/ |___/     /'
//!        slow start/                                 /
//!  IW _____.-----''   congestion avoidance      |___/  timeout, slow start
//! ```

use alloc::boxed::Box;
use core::time::Duration;

use crate::event::CongestionPhase;
use crate::tcp::congestion::cubic::Cubic;
use crate::tcp::congestion::hystart::{self, Advice, HyStart};
use crate::tcp::congestion::initial_window::{initial_window, rfc3390_window};
use crate::tcp::congestion::new_reno::NewReno;
use crate::tcp::congestion::repair::Repair;
use crate::tcp::congestion::sample::Sample;
use crate::tcp::congestion::usage::Usage;
use crate::tcp::congestion::{Config, pacing};
use crate::tcp::info::CongestionVariables;
use crate::tcp::rest::Rest;
use crate::time::{Instant, Span};

/// Congestion avoidance.
#[derive(Clone, Debug)]
pub(super) enum Avoidance {
    NewReno(NewReno),
    Cubic(Cubic),
}

/// A controller that takes loss, and marks, for congestion.
#[derive(Clone, Debug)]
pub(crate) struct LossBased {
    mss: u32,
    cwnd: u32,
    ssthresh: u32,
    /// IW, in octets.
    initial_window: u32,
    avoidance: Avoidance,
    /// Until the first slow start is over.
    hystart: Option<Rest<HyStart>>,
    usage: Rest<Usage>,
    start: Start,
    /// Congestion was told, and not yet that its recovery is over.
    reducing: bool,
    repair: Repair,
    /// What the last reduction took.
    before: Option<Box<Before>>,
    pacing: bool,
    srtt: Option<Span>,
    /// Octets that one acknowledgment may add in slow start, in segments; `None` is no limit.
    byte_limit: Option<u32>,
}

/// The window that a connection began with or restarted from, and what became of it.
#[derive(Clone, Debug)]
struct Start {
    window: u32,
    sent: u32,
    acked: u32,
    /// It was too much for the path.
    lossy: bool,
}

#[derive(Clone, Debug)]
struct Before {
    cwnd: u32,
    ssthresh: u32,
    avoidance: Avoidance,
}

impl LossBased {
    pub(super) fn new(config: &Config, avoidance: Avoidance) -> Self {
        let initial_window = initial_window(config);
        let byte_limit = match (config.hystart, config.pacing) {
            (true, true) => None,
            (true, false) => Some(hystart::SEGMENTS_PER_ACK),
            //= https://www.rfc-editor.org/rfc/rfc3465#section-2.3
            //# This document specifies that TCP implementations MAY use L=2*SMSS
            //# bytes
            (false, _) => Some(2),
        };
        LossBased {
            mss: config.mss,
            cwnd: initial_window,
            //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
            //# The initial value of ssthresh SHOULD be set arbitrarily high (e.g.,
            //# to the size of the largest possible advertised window)
            ssthresh: u32::MAX,
            initial_window,
            avoidance,
            hystart: config.hystart.then_some(Rest::default()),
            usage: Rest::default(),
            start: Start { window: initial_window, sent: 0, acked: 0, lossy: false },
            reducing: false,
            repair: Repair::Over,
            before: None,
            pacing: config.pacing,
            srtt: None,
            byte_limit,
        }
    }

    pub(super) fn cwnd(&self) -> u32 {
        self.cwnd
    }

    pub(super) fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    pub(super) fn phase(&self) -> CongestionPhase {
        match &self.hystart {
            _ if self.reducing => CongestionPhase::Recovery,
            _ if !self.in_slow_start() => CongestionPhase::CongestionAvoidance,
            Some(hystart) if hystart.is_conservative() => CongestionPhase::ConservativeSlowStart,
            _ => CongestionPhase::SlowStart,
        }
    }

    pub(super) fn variables(&self) -> CongestionVariables {
        match &self.avoidance {
            Avoidance::NewReno(_) => CongestionVariables::NewReno,
            Avoidance::Cubic(cubic) => cubic.variables(),
        }
    }

    pub(super) fn pacing_rate(&self) -> Option<u64> {
        let srtt = self.srtt.filter(|_| self.pacing)?.into();
        let window = if self.reducing { self.ssthresh } else { self.cwnd };
        Some(pacing::rate(window, srtt, self.cwnd < self.ssthresh / 2))
    }

    pub(super) fn on_handshake(&mut self, srtt: Duration) {
        self.srtt = Some(srtt.into());
    }

    pub(super) fn on_ack(&mut self, sample: &Sample) {
        self.srtt = sample.srtt.map(Span::from).or(self.srtt);
        self.start.acked = self.start.acked.saturating_add(sample.acked);
        let slow_start = self.in_slow_start();
        self.usage.on_ack(sample, self.cwnd);
        let may_grow = self.usage.allows_growth(sample, self.cwnd, slow_start);
        self.repair.ends_with(sample);
        //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
        //# The slow start and congestion avoidance algorithms MUST be used by a
        //# TCP sender to control the amount of outstanding data being injected
        //# into the network.
        //
        //= https://www.rfc-editor.org/rfc/rfc8312#section-4.8
        //# CUBIC MUST employ a slow-start algorithm, when the cwnd is no more
        //# than ssthresh.
        if slow_start {
            self.slow_start(sample, may_grow);
        } else if may_grow {
            self.avoid_congestion(sample);
        } else {
            self.pause(sample.now);
        }
    }

    /// Congestion showed with `flight` octets outstanding.
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //# ssthresh
    //# MUST be reduced in response to congestion.
    pub(super) fn on_congestion(&mut self, flight: u32) {
        self.remember();
        self.judge_start();
        let flight = self.usage.on_congestion(flight);
        self.ssthresh = match &mut self.avoidance {
            Avoidance::NewReno(reno) => reno.reduced(flight, self.mss),
            Avoidance::Cubic(cubic) => cubic.reduced(self.cwnd, flight, self.mss),
        };
        self.hystart = None;
        self.reducing = true;
    }

    //= https://www.rfc-editor.org/rfc/rfc5681#section-4.3
    //# Finally, after all loss in the given window of segments
    //# has been successfully retransmitted, cwnd MUST be set to no more than
    //# ssthresh and congestion avoidance MUST be used to further increase
    //# cwnd.
    //
    //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4.1
    //= type=exception
    //= reason=The window at the end of recovery is ssthresh, which is already part of what was in use and no less careful than RFC 5681.
    //# At the end of the recovery phase, the TCP sender MUST reset the cwnd
    //# using the method below:
    pub(super) fn on_recovered(&mut self) {
        if core::mem::take(&mut self.reducing) {
            self.cwnd = self.cwnd.min(self.ssthresh);
        }
    }

    pub(super) fn on_timeout(&mut self, flight: u32, again: bool) {
        //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
        //# On the other hand, when a TCP sender detects segment loss using the
        //# retransmission timer and the given segment has already been
        //# retransmitted by way of the retransmission timer at least once, the
        //# value of ssthresh is held constant.
        if !again {
            self.remember();
            self.judge_start();
            //= https://www.rfc-editor.org/rfc/rfc8312#section-4.7
            //# In case of timeout, CUBIC follows Standard TCP to reduce cwnd
            //# [RFC5681], but sets ssthresh using beta_cubic (same as in
            //# Section 4.5) that is different from Standard TCP [RFC5681].
            self.ssthresh = match &mut self.avoidance {
                Avoidance::NewReno(reno) => reno.reduced(flight, self.mss),
                Avoidance::Cubic(cubic) => cubic.timed_out(self.cwnd, flight, self.mss),
            };
        }
        //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
        //# Furthermore, upon a timeout (as specified in [RFC2988]) cwnd MUST be
        //# set to no more than the loss window, LW, which equals 1 full-sized
        //# segment (regardless of the value of IW).
        self.cwnd = self.mss;
        self.usage.forget();
        self.hystart = None;
        self.reducing = false;
        self.repair = Repair::Begun;
    }

    pub(super) fn on_undo(&mut self) {
        let Some(before) = self.before.take() else { return };
        self.cwnd = self.cwnd.max(before.cwnd);
        self.ssthresh = self.ssthresh.max(before.ssthresh);
        self.avoidance = before.avoidance;
        self.reducing = false;
        self.repair = Repair::Over;
    }

    //= https://www.rfc-editor.org/rfc/rfc5681#section-4.1
    //# Therefore, a TCP SHOULD set cwnd to no more than RW before beginning
    //# transmission if the TCP has not sent data in an interval exceeding
    //# the retransmission timeout.
    pub(super) fn on_idle(&mut self, idle: Duration, rto: Duration) {
        if idle <= rto {
            return;
        }
        //= https://www.rfc-editor.org/rfc/rfc6928#section-2
        //# implementations SHOULD fall back to RFC 3390 for the restart window
        //# (RW) if any packet loss is detected during either the initial window
        //# or a restart window, and more than 4 KB of data is sent.
        let most = if self.start.lossy { rfc3390_window(self.mss) } else { self.initial_window() };
        if self.cwnd > most {
            // What it was is remembered as in RFC 7661 §4.4.3: the way back to it is slow start.
            self.ssthresh = self.ssthresh.max(three_quarters(self.cwnd));
            self.cwnd = most;
        }
        self.start = Start { window: self.cwnd, sent: 0, acked: 0, lossy: self.start.lossy };
        if let Some(hystart) = self.hystart.as_mut().and_then(Rest::awake) {
            hystart.restart();
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //# Further, if the SYN or SYN/ACK is lost, the initial window used by a
    //# sender after a correctly transmitted SYN MUST be one segment
    //# consisting of at most SMSS bytes.
    //
    //= https://www.rfc-editor.org/rfc/rfc6928#section-2
    //# If the SYN or SYN/ACK is lost, the initial window used by a sender
    //# after a correctly transmitted SYN MUST be one segment consisting
    //# of MSS bytes.
    //
    //= https://www.rfc-editor.org/rfc/rfc6928#section-2
    //= type=exception
    //= reason=RFC 5681, which is on the standards track, demands one segment after any lost SYN.
    //# For this reason, it is RECOMMENDED that implementations refrain from
    //# resetting the initial window to 1 segment, unless there have been
    //# more than one SYN or SYN/ACK retransmissions or true loss detection
    //# has been made.
    pub(super) fn on_lost_syn(&mut self) {
        self.cwnd = self.mss;
        self.start.window = self.mss;
    }

    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //# Whenever the MTU is reduced (e.g., when processing ICMP PTB messages), the congestion state
    //# variable SHOULD be rescaled so as not to raise the window size in packets.
    pub(super) fn set_mss(&mut self, mss: u32) {
        let old = core::mem::replace(&mut self.mss, mss);
        if mss < old {
            //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
            //# When initial congestion windows of more than one segment are
            //# implemented along with Path MTU Discovery [RFC1191], and the MSS
            //# being used is found to be too large, the congestion window cwnd
            //# SHOULD be reduced to prevent large bursts of smaller segments.
            //
            //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
            //# Specifically, cwnd SHOULD be reduced by the ratio of the old segment
            //# size to the new segment size.
            let reduced = u64::from(self.cwnd) * u64::from(mss) / u64::from(old);
            self.cwnd = u32::try_from(reduced).unwrap_or(u32::MAX);
        }
        self.cwnd = self.cwnd.max(mss);
    }

    pub(super) fn on_sent(&mut self, now: Instant, len: u32, in_flight: u32) {
        let first = in_flight <= len;
        self.start.sent = self.start.sent.saturating_add(len);
        self.usage.on_sent(in_flight, first);
        if first {
            self.pause(now);
        }
        if self.usage.period_is_over(now) {
            //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4.3
            //# If the sender exits the non-validated phase after this
            //# period, it MUST update the ssthresh:
            //#
            //#       ssthresh = max(ssthresh, 3*cwnd/4).
            self.ssthresh = self.ssthresh.max(three_quarters(self.cwnd));
            //= https://www.rfc-editor.org/rfc/rfc7661#section-4.4.3
            //# The sender MUST then update cwnd to be not greater than:
            //#
            //#          cwnd = max((1/2)*cwnd, IW).
            self.cwnd = self.cwnd.min((self.cwnd / 2).max(self.initial_window()));
        }
    }

    /// IW, which is one segment at least where the path came to take larger ones.
    fn initial_window(&self) -> u32 {
        self.initial_window.max(self.mss)
    }

    fn in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }

    //= https://www.rfc-editor.org/rfc/rfc3465#section-2.2
    //# This document proposes that a TCP sender SHOULD increase cwnd
    //# by the number of previously unacknowledged bytes ACKed by each
    //# incoming acknowledgment, provided the increase is not more than L
    //# bytes.
    fn slow_start(&mut self, sample: &Sample, may_grow: bool) {
        let advice = self.hystart.as_mut().map_or(Advice::Grow, |hystart| hystart.on_ack(sample));
        if advice == Advice::Leave {
            self.hystart = None;
            self.ssthresh = self.cwnd;
            return;
        }
        if !may_grow {
            return;
        }
        let most = match self.byte_limit {
            //= https://www.rfc-editor.org/rfc/rfc3465#section-2.3
            //# The exception to the above suggestion is during a slow start phase
            //# that follows a retransmission timeout (RTO).  In this situation, a
            //# TCP MUST use L=1*SMSS as specified in RFC 2581
            _ if self.repair.is_under_way() => self.mss,
            //= https://www.rfc-editor.org/rfc/rfc3465#section-2.3
            //= type=exception
            //= reason=HyStart++ (RFC 9406) lets an acknowledgment add eight segments, which receivers that merge segments need; without it L is two.
            //# MUST NOT use L > 2*SMSS bytes.
            Some(segments) => segments * self.mss,
            None => u32::MAX,
        };
        let mut more = sample.acked.min(most);
        if advice == Advice::GrowSlowly {
            more /= hystart::GROWTH_DIVISOR;
        }
        self.cwnd = self.cwnd.saturating_add(more).min(self.ssthresh);
    }

    fn avoid_congestion(&mut self, sample: &Sample) {
        self.cwnd = match &mut self.avoidance {
            Avoidance::NewReno(reno) => reno.grown(self.cwnd, self.mss, sample.acked),
            Avoidance::Cubic(cubic) => {
                let srtt = sample.srtt.unwrap_or_default();
                cubic.grown(sample.now, self.cwnd, self.mss, sample.acked, srtt)
            }
        };
    }

    fn pause(&mut self, now: Instant) {
        if let Avoidance::Cubic(cubic) = &mut self.avoidance {
            cubic.pause(now);
        }
    }

    /// What the reduction that follows would give back. In recovery, what recovery would have led to.
    fn remember(&mut self) {
        let cwnd = if self.reducing { self.ssthresh } else { self.cwnd };
        let avoidance = self.avoidance.clone();
        self.before = Some(Box::new(Before { cwnd, ssthresh: self.ssthresh, avoidance }));
    }

    /// Congestion showed: if it was in the window that was sent at once, that was too much.
    fn judge_start(&mut self) {
        const LITTLE: u32 = 4096;
        self.start.lossy |= self.start.acked < self.start.window && self.start.sent > LITTLE;
    }
}

fn three_quarters(cwnd: u32) -> u32 {
    cwnd - cwnd / 4
}

#[cfg(test)]
mod tests;
