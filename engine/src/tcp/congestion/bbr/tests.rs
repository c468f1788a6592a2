use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::*;
use crate::tcp::config::CongestionControl;
use crate::tcp::congestion::testing::{MSS, ack, at, config};

/// A path: a line with a queue without end, and a delay. Its sender paces, and acknowledgments come one by one.
struct Path {
    bbr: Bbr,
    now: Instant,
    /// Octets a second.
    line: u64,
    rtt: Duration,
    /// When the line is free.
    free: Instant,
    /// Acknowledgments to come.
    flight: VecDeque<Sent>,
    next_send: Instant,
    delivered: u64,
    delivered_at: Instant,
    first_sent: Instant,
    phases: Vec<CongestionPhase>,
    queue_max: u64,
}

#[derive(Clone, Copy)]
struct Sent {
    at: Instant,
    acked: Instant,
    delivered: u64,
    delivered_at: Instant,
    first_sent: Instant,
}

impl Path {
    fn new(line: u64, rtt_ms: u64) -> Self {
        let now = at(1000);
        Path {
            bbr: Bbr::new(&config(CongestionControl::Bbr)),
            now,
            line,
            rtt: Duration::from_millis(rtt_ms),
            free: now,
            flight: VecDeque::new(),
            next_send: now,
            delivered: 0,
            delivered_at: now,
            first_sent: now,
            phases: Vec::new(),
            queue_max: 0,
        }
    }

    fn in_flight(&self) -> u32 {
        self.flight.len() as u32 * MSS
    }

    /// A sender with data without end, for so long.
    fn run(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        loop {
            let may_send = self.in_flight() + MSS <= self.bbr.cwnd();
            let send = may_send.then_some(self.next_send.max(self.now));
            let acked = self.flight.front().map(|sent| sent.acked);
            match (send, acked) {
                (Some(send), acked) if acked.is_none_or(|acked| send < acked) && send < end => {
                    self.send(send)
                }
                (_, Some(acked)) if acked < end => self.acknowledge(acked),
                _ => break,
            }
        }
        self.now = end;
    }

    fn send(&mut self, now: Instant) {
        self.now = now;
        if self.flight.is_empty() {
            (self.first_sent, self.delivered_at) = (now, now);
        }
        self.next_send =
            now + Duration::from_nanos(1_000_000_000 * u64::from(MSS) / self.bbr.pacing_rate().max(1));
        let starts = self.free.max(now);
        self.queue_max = self.queue_max.max((starts - now).as_millis() as u64);
        self.free = starts + Duration::from_nanos(1_000_000_000 * u64::from(MSS) / self.line);
        let Path { delivered, delivered_at, first_sent, .. } = *self;
        self.flight.push_back(Sent {
            at: now,
            acked: self.free + self.rtt,
            delivered,
            delivered_at,
            first_sent,
        });
    }

    fn acknowledge(&mut self, now: Instant) {
        self.now = now;
        let prior_in_flight = self.in_flight();
        let Some(sent) = self.flight.pop_front() else { return };
        self.delivered += u64::from(MSS);
        self.delivered_at = now;
        self.first_sent = sent.at;
        let rate = DeliveryRate {
            delivered: (self.delivered - sent.delivered) as u32,
            interval: (sent.at - sent.first_sent).max(now - sent.delivered_at),
            app_limited: false,
            prior_delivered: sent.delivered,
            total_delivered: self.delivered,
        };
        let rtt = Some(now - sent.at);
        let in_flight = self.in_flight();
        self.bbr.on_ack(&Sample {
            now,
            in_flight,
            prior_in_flight,
            rtt,
            srtt: rtt,
            rate: Some(rate),
            ..ack(MSS)
        });
        if self.phases.last() != Some(&self.bbr.phase()) {
            self.phases.push(self.bbr.phase());
        }
    }
}

use CongestionPhase::{Drain, ProbeBandwidth, ProbeRtt, Startup};

#[test]
fn it_finds_the_bandwidth_and_the_round_trip_and_keeps_their_product_in_flight() {
    let mut path = Path::new(1_250_000, 20);
    path.run(1000);
    assert_eq!(path.phases, [Startup, Drain, ProbeBandwidth]);
    let bandwidth = path.bbr.bandwidth.max();
    assert!((1_200_000..=1_260_000).contains(&bandwidth), "{bandwidth}");
    assert!(path.bbr.min_rtt.unwrap() < Duration::from_millis(22));
    // What the line carries in a round trip is 26 segments with the one on the line.
    assert!((45 * MSS..=70 * MSS).contains(&path.bbr.cwnd()), "{}", path.bbr.cwnd());
    // Without a queue that stays: at most a quarter of the product for a round trip.
    path.queue_max = 0;
    let before = path.delivered;
    path.run(4000);
    let rate = (path.delivered - before) / 4;
    assert!(rate > 1_250_000 * 95 / 100, "{rate}");
    assert!(path.queue_max <= 12, "{} ms", path.queue_max);
}

#[test]
fn after_ten_seconds_without_a_shorter_round_trip_it_looks_for_one() {
    let mut path = Path::new(1_250_000, 20);
    path.run(10_000);
    assert_eq!(path.phases, [Startup, Drain, ProbeBandwidth]);
    path.run(150);
    assert_eq!(path.phases.last(), Some(&ProbeRtt));
    assert_eq!(path.bbr.cwnd(), 4 * MSS);
    path.run(1000);
    assert_eq!(path.phases.last(), Some(&ProbeBandwidth));
    let bandwidth = path.bbr.bandwidth.max();
    assert!(bandwidth > 1_150_000, "PROBE_RTT's own rate is not the path's: {bandwidth}");
}

#[test]
fn it_follows_a_line_that_becomes_faster_and_one_that_becomes_slower() {
    let mut path = Path::new(500_000, 20);
    path.run(2000);
    path.line = 2_000_000;
    path.run(3000);
    let bandwidth = path.bbr.bandwidth.max();
    assert!((1_900_000..=2_050_000).contains(&bandwidth), "{bandwidth}");
    path.line = 250_000;
    path.run(12_000);
    let bandwidth = path.bbr.bandwidth.max();
    assert!((230_000..=270_000).contains(&bandwidth), "{bandwidth}");
}

#[test]
fn a_loss_lowers_nothing_for_long() {
    let mut path = Path::new(1_250_000, 20);
    path.run(1000);
    let before = path.bbr.cwnd();
    let in_flight = path.in_flight();
    path.bbr.on_loss();
    path.bbr.on_ack(&Sample { now: path.now, in_flight, lost: MSS, ..ack(MSS) });
    assert_eq!(path.bbr.cwnd(), in_flight + MSS, "as much goes as arrives");
    path.bbr.on_recovered();
    assert_eq!(path.bbr.cwnd(), before);
}

#[test]
fn a_loss_among_segments_of_an_octet_leaves_the_window_of_a_full_one() {
    let mut path = Path::new(1_250_000, 20);
    path.run(1000);
    path.bbr.on_loss();
    path.bbr.on_ack(&Sample { now: path.now, delivered: 1, in_flight: 2, lost: 1, ..ack(1) });
    assert_eq!(path.bbr.cwnd(), MSS);
}

#[test]
fn a_timeout_leaves_one_segment_until_what_was_outstanding_is_acknowledged() {
    let mut path = Path::new(1_250_000, 20);
    path.run(1000);
    let before = path.bbr.cwnd();
    path.bbr.on_timeout();
    assert_eq!(path.bbr.cwnd(), MSS);
    let nxt = crate::tcp::seq::Seq(50 * MSS);
    let of = |una: u32| Sample { now: path.now, una: crate::tcp::seq::Seq(una * MSS), nxt, ..ack(MSS) };
    path.bbr.on_ack(&of(1));
    assert!(path.bbr.cwnd() < before);
    path.bbr.on_ack(&of(50));
    assert!(path.bbr.cwnd() >= before);
}

#[test]
fn a_spurious_timeout_gives_the_window_back() {
    let mut path = Path::new(1_250_000, 20);
    path.run(1000);
    let before = path.bbr.cwnd();
    path.bbr.on_timeout();
    path.bbr.on_undo();
    assert_eq!(path.bbr.cwnd(), before);
}

#[test]
fn one_seed_begins_with_one_phase_and_the_seeds_with_all_but_the_slow_one() {
    let first = |seed| {
        let mut bbr = Bbr::new(&Config { seed, ..config(CongestionControl::Bbr) });
        bbr.begin_probe_bandwidth(at(0));
        bbr.cycle
    };
    assert_eq!(first(7), first(7));
    let mut phases: Vec<usize> = (0..100u32).map(|seed| first(seed.wrapping_mul(0x9e37_79b9))).collect();
    phases.sort_unstable();
    phases.dedup();
    assert_eq!(phases, [0, 2, 3, 4, 5, 6, 7]);
}
