//! The laws of congestion control, which hold for every algorithm unless one is named (RFC 5681 §3.1, 3168 §6.1.2, 7661
//! §4.4, 8312 §4.5): the window is never below a segment, does not grow while less than half of it is used, and falls with
//! a loss; marks make it fall once in a round trip; and nothing goes beyond it.
//!
//! What was told since the last input is kept until all that the input did is done, and judged by what the connection
//! then is:
//!
//! ```text
//! input ─> Recovery OPEN to RECOVERY, SegmentSent, SegmentSent, Congestion { cwnd, ssthresh } ─> settled(TcpInfo)
//! ```

use std::collections::{BTreeMap, BTreeSet};

use sockwright_engine::event::{Event, EventKind, RecoveryCause, RecoveryPhase};
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::config::CongestionControl;
use sockwright_engine::tcp::info::TcpInfo;
use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::tcp::state::State;
use sockwright_engine::wire::{Flags, TcpSummary};

use super::Violation;
use crate::world::StackId;

/// The windows of all senders.
#[derive(Debug, Default)]
pub struct Congestion {
    senders: BTreeMap<(StackId, SocketId), Sender>,
    /// Of whom something was told since the last input.
    touched: BTreeSet<(StackId, SocketId)>,
}

#[derive(Debug, Default)]
struct Sender {
    /// What is outstanding: behind the last octet acknowledged, and behind the last one sent.
    una: Seq,
    nxt: Seq,
    /// cwnd and ssthresh as last told.
    told: Option<(u32, u32)>,
    news: News,
    /// The largest segment size so far.
    mss_most: u32,
    /// The end of this round trip: what was sent when the first acknowledgment of it came.
    round: Option<Seq>,
    /// The most that was outstanding in this round trip and in those before it.
    most: [u32; ROUNDS],
    /// The same since the window fell last.
    most_since_fall: u32,
    /// What was sent when the window fell last, unless that turned out to be for nothing.
    fell_at: Option<Seq>,
}

/// What one input led to.
#[derive(Debug, Default)]
struct News {
    /// Segments with data or a FIN.
    sent: u32,
    /// The window before it grew.
    grew_from: Option<u32>,
    /// The window fell.
    fell: Option<Fall>,
    /// It was for nothing that it fell before.
    undone: bool,
}

/// The window fell, for a reason.
#[derive(Debug)]
struct Fall {
    cause: RecoveryCause,
    /// What was sent, and the window before.
    nxt: Seq,
    cwnd: u32,
}

impl Congestion {
    /// The event that a stack told.
    pub fn event(&mut self, stack: StackId, event: &Event) {
        let Some(socket) = event.socket else { return };
        let key = (stack, socket);
        let told = match &event.kind {
            // What is over sends no more, and tells no more of its window.
            EventKind::TcpState { to: State::Closed, .. } | EventKind::Released => {
                self.senders.remove(&key);
                return;
            }
            EventKind::SegmentSent(segment) => {
                let flags = segment.summary.flags;
                (segment.summary.len > 0 || flags.contains(Flags::SYN)) && !flags.contains(Flags::RST)
            }
            EventKind::Acknowledged { .. }
            | EventKind::Congestion { .. }
            | EventKind::Recovery { .. }
            | EventKind::Undo(_) => true,
            _ => false,
        };
        if told {
            self.senders.entry(key).or_default().hear(&event.kind);
            self.touched.insert(key);
        }
    }

    /// All that an input led to was told, and `info` tells what a connection is now, if it is one still.
    pub fn settled(&mut self, info: impl Fn(StackId, SocketId) -> Option<TcpInfo>) -> Result<(), Violation> {
        for (stack, socket) in std::mem::take(&mut self.touched) {
            let (Some(sender), Some(tcp)) = (self.senders.get_mut(&(stack, socket)), info(stack, socket))
            else {
                continue;
            };
            sender.settle(&tcp).map_err(|(law, detail)| {
                Violation::new(law, format_args!("#{socket} of stack {stack}: {detail}"))
            })?;
        }
        Ok(())
    }
}

type Broken = (&'static str, String);

impl Sender {
    fn hear(&mut self, kind: &EventKind) {
        match kind {
            EventKind::SegmentSent(segment) => self.sends(&segment.summary),
            EventKind::Acknowledged { bytes, .. } => self.una += *bytes,
            EventKind::Congestion { cwnd, ssthresh, .. } => {
                let before = self.told.replace((*cwnd, *ssthresh)).map_or(*cwnd, |(cwnd, _)| cwnd);
                if *cwnd > before {
                    self.news.grew_from.get_or_insert(before);
                }
            }
            EventKind::Recovery { from: RecoveryPhase::Cwr, to: RecoveryPhase::Recovery, .. } => {}
            EventKind::Recovery {
                to: RecoveryPhase::Cwr | RecoveryPhase::Recovery | RecoveryPhase::Loss,
                cause,
                ..
            } => {
                let cwnd = self.told.map_or(u32::MAX, |(cwnd, _)| cwnd);
                self.news.fell = Some(Fall { cause: *cause, nxt: self.nxt, cwnd });
            }
            EventKind::Undo(_) => {
                self.news = News { undone: true, fell: None, ..std::mem::take(&mut self.news) }
            }
            _ => {}
        }
    }

    fn sends(&mut self, segment: &TcpSummary) {
        let mut seq = segment.seq;
        if segment.flags.contains(Flags::SYN) {
            seq += 1;
            // A SYN that goes again begins nothing.
            if self.una != seq {
                (self.una, self.nxt, self.round) = (seq, seq, None);
            }
        }
        let fin = u32::from(segment.flags.contains(Flags::FIN));
        self.nxt = self.nxt.max(seq + segment.len + fin);
        self.news.sent += u32::from(segment.len > 0);
        let flight = self.nxt.octets_since(self.una);
        self.most_since_fall = self.most_since_fall.max(flight);
        self.most[0] = self.most[0].max(flight);
    }

    fn settle(&mut self, tcp: &TcpInfo) -> Result<(), Broken> {
        let news = std::mem::take(&mut self.news);
        let flight = self.nxt.octets_since(self.una);
        let same_mss = self.mss_most == tcp.snd_mss;
        self.mss_most = self.mss_most.max(tcp.snd_mss);
        // What was sent again is in flight twice.
        self.most[0] = self.most[0].max(tcp.pipe);
        if news.undone {
            self.fell_at = None;
        }
        self.judge_flight(&news, tcp)?;
        if let Some((cwnd, ssthresh)) = self.told {
            if cwnd < tcp.snd_mss {
                return Err((
                    "the congestion window is a segment at least",
                    format!("it is {cwnd}, and a segment {}", tcp.snd_mss),
                ));
            }
            if tcp.congestion != CongestionControl::Bbr {
                let grew_from = news.grew_from.filter(|_| same_mss && !news.undone);
                grew_from.map_or(Ok(()), |from| self.judge_growth(from, cwnd))?;
                news.fell.as_ref().map_or(Ok(()), |fall| self.judge_fall(fall, ssthresh, tcp.snd_una))?;
            }
        }
        if let Some(fall) = news.fell {
            self.most_since_fall = flight;
            self.fell_at = Some(fall.nxt);
        }
        if self.round.is_none_or(|end| self.una.at_or_after(end)) {
            self.round = Some(self.nxt);
            self.most.rotate_right(1);
            self.most[0] = flight;
        }
        Ok(())
    }

    /// What goes is within the window, save one segment: the first of a recovery, or a probe.
    fn judge_flight(&self, news: &News, tcp: &TcpInfo) -> Result<(), Broken> {
        const LAW: &str = "no more is in flight than the congestion window";
        // The FIN takes no room in it.
        if news.sent > 1 && tcp.pipe > tcp.cwnd.saturating_add(1) {
            let detail =
                format!("{} segments went, {} octets are in flight of {}", news.sent, tcp.pipe, tcp.cwnd);
            return Err((LAW, detail));
        }
        // The same from what was told alone, where nothing was lost and the peer says what it has; and a probe.
        let calm = matches!(tcp.ca_state, RecoveryPhase::Open | RecoveryPhase::Disorder);
        let in_flight = self.nxt.octets_since(self.una).saturating_sub(tcp.sacked + tcp.lost);
        if calm
            && tcp.options.sack
            && news.sent > 1
            && in_flight > tcp.cwnd.saturating_add(SPARE_SEGMENTS * self.mss_most)
        {
            return Err((LAW, format!("{in_flight} octets of {}", tcp.cwnd)));
        }
        Ok(())
    }

    fn judge_growth(&self, from: u32, to: u32) -> Result<(), Broken> {
        let most = self.most.into_iter().max().unwrap_or(0);
        if from > most.saturating_mul(2).saturating_add(self.mss_most) {
            return Err((
                "a window that is not used does not grow",
                format!("it grew from {from} to {to}, and {most} octets were outstanding at most"),
            ));
        }
        Ok(())
    }

    fn judge_fall(&self, fall: &Fall, ssthresh: u32, una: Seq) -> Result<(), Broken> {
        if let (RecoveryCause::Ecn, Some(fell_at)) = (fall.cause, self.fell_at)
            && !una.after(fell_at)
        {
            return Err((
                "marks reduce the window once in a round trip",
                format!("{una} is acknowledged, and {fell_at} was next when it fell before"),
            ));
        }
        // Where less than half of the window was in use, what counts is what was acknowledged in a round trip (RFC 7661).
        let used = self.most_since_fall.max(fall.cwnd / 2);
        let part = u64::from(used) * BETA_PERCENT / 100 + 1;
        if u64::from(ssthresh) > part.max(2 * u64::from(self.mss_most)) {
            return Err((
                "congestion takes the threshold below what was outstanding",
                format!("it is {ssthresh} after {:?}, of {used}", fall.cause),
            ));
        }
        Ok(())
    }
}

/// Round trips that say how much of a window is used: the acknowledgments of one come in the next, and which of two it
/// is that an acknowledgment belongs to may be seen in two ways.
const ROUNDS: usize = 3;
/// CUBIC's β; NewReno's is less.
const BETA_PERCENT: u64 = 70;
const SPARE_SEGMENTS: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use sockwright_engine::event::{CongestionPhase, SegmentRecord, UndoCause};
    use sockwright_engine::time::Instant;

    const MSS: u32 = 1000;
    const STACK: StackId = StackId(0);
    const SOCKET: SocketId = SocketId(1);

    /// A connection whose ISN is `u32::MAX`, with what the law is told of it.
    struct Told {
        law: Congestion,
        tcp: TcpInfo,
    }

    impl Told {
        fn new(cwnd: u32) -> Told {
            let options = sockwright_engine::tcp::info::OptionsInUse { sack: true, ..Default::default() };
            let tcp = TcpInfo { snd_mss: MSS, cwnd, options, ..TcpInfo::default() };
            let mut told = Told { law: Congestion::default(), tcp };
            assert_eq!(told.input(vec![sends(Flags::SYN, u32::MAX, 0), window(cwnd, u32::MAX)]), None);
            told
        }

        /// What the law says to what one input led to.
        fn input(&mut self, kinds: Vec<EventKind>) -> Option<&'static str> {
            for kind in kinds {
                if let EventKind::Congestion { cwnd, .. } = kind {
                    self.tcp.cwnd = cwnd;
                }
                self.law.event(STACK, &Event { at: Instant::ZERO, socket: Some(SOCKET), kind });
            }
            let tcp = self.tcp.clone();
            self.law.settled(|_, _| Some(tcp.clone())).err().map(|violation| violation.law)
        }

        /// `count` segments go, the first of them at `seq`, and `pipe` octets are in flight then.
        fn flight(&mut self, seq: u32, count: u32, pipe: u32) -> Option<&'static str> {
            self.tcp.pipe = pipe;
            self.input((0..count).map(|n| sends(Flags::ACK, seq + n * MSS, MSS)).collect())
        }
    }

    fn sends(flags: Flags, seq: u32, len: u32) -> EventKind {
        let (source, destination) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
        let summary = TcpSummary { flags, seq: Seq(seq), len, ..TcpSummary::default() };
        EventKind::SegmentSent(Box::new(SegmentRecord { source, destination, summary, relative: None }))
    }

    fn window(cwnd: u32, ssthresh: u32) -> EventKind {
        EventKind::Congestion { cwnd, ssthresh, phase: CongestionPhase::SlowStart }
    }

    fn acknowledged(bytes: u32) -> EventKind {
        EventKind::Acknowledged { bytes, outstanding: 0 }
    }

    fn phase(from: RecoveryPhase, to: RecoveryPhase, cause: RecoveryCause) -> EventKind {
        EventKind::Recovery { from, to, cause }
    }

    fn loss() -> EventKind {
        phase(RecoveryPhase::Open, RecoveryPhase::Recovery, RecoveryCause::Rack)
    }

    #[test]
    fn a_window_of_less_than_a_segment_is_seen() {
        assert_eq!(Told::new(10 * MSS).input(vec![window(MSS, 2 * MSS)]), None);
        let law = Told::new(10 * MSS).input(vec![window(MSS - 1, 2 * MSS)]);
        assert_eq!(law, Some("the congestion window is a segment at least"));
    }

    #[test]
    fn what_goes_beyond_the_window_is_seen() {
        const LAW: &str = "no more is in flight than the congestion window";
        assert_eq!(Told::new(10 * MSS).flight(0, 10, 10 * MSS), None);
        assert_eq!(Told::new(10 * MSS).flight(0, 11, 11 * MSS), Some(LAW));
        assert_eq!(Told::new(10 * MSS).flight(0, 12, 0), Some(LAW), "the books are wrong, too");
        let mut told = Told::new(10 * MSS);
        assert_eq!(told.flight(0, 10, 10 * MSS), None);
        assert_eq!(told.flight(10 * MSS, 1, 11 * MSS), None, "a probe");
    }

    #[test]
    fn growth_of_a_window_that_is_not_used_is_seen() {
        let grown = |flight| {
            let mut told = Told::new(10 * MSS);
            assert_eq!(told.flight(0, flight, flight * MSS), None);
            told.input(vec![acknowledged(MSS), window(11 * MSS, u32::MAX)])
        };
        assert_eq!(grown(5), None);
        assert_eq!(grown(4), Some("a window that is not used does not grow"));
    }

    #[test]
    fn a_window_that_comes_back_is_no_growth() {
        let mut told = Told::new(10 * MSS);
        assert_eq!(told.input(vec![window(MSS, 2 * MSS)]), None);
        let back = vec![EventKind::Undo(UndoCause::Timestamp), window(10 * MSS, u32::MAX)];
        assert_eq!(told.input(back), None);
    }

    #[test]
    fn a_loss_that_leaves_the_threshold_is_seen() {
        let lost = |ssthresh| {
            let mut told = Told::new(10 * MSS);
            assert_eq!(told.flight(0, 10, 10 * MSS), None);
            told.input(vec![loss(), window(10 * MSS, ssthresh)])
        };
        assert_eq!(lost(7 * MSS), None);
        assert_eq!(lost(7 * MSS + 2), Some("congestion takes the threshold below what was outstanding"));
    }

    #[test]
    fn two_reductions_by_marks_in_a_round_trip_are_seen() {
        use RecoveryPhase::{Cwr, Open};
        let marked = || vec![phase(Open, Cwr, RecoveryCause::Ecn), window(10 * MSS, 5 * MSS)];
        let over = || phase(Cwr, Open, RecoveryCause::Acknowledged);
        let twice = |una| {
            let mut told = Told::new(10 * MSS);
            assert_eq!(told.flight(0, 10, 10 * MSS), None);
            assert_eq!(told.input(marked()), None);
            told.tcp.snd_una = Seq(una);
            told.input([vec![over()], marked()].concat())
        };
        assert_eq!(twice(10 * MSS + 1), None);
        assert_eq!(twice(10 * MSS), Some("marks reduce the window once in a round trip"));
    }

    #[test]
    fn bbr_takes_no_loss_for_congestion() {
        let mut told = Told::new(10 * MSS);
        told.tcp.congestion = CongestionControl::Bbr;
        assert_eq!(told.input(vec![loss(), window(20 * MSS, u32::MAX)]), None);
    }
}
