//! The search for the path MTU by larger segments (RFC 4821): data goes on while it lasts.

mod common;

use common::Pair;
use common::router::{Manner, Router};
use common::script::Script;
use sockwright_engine::event::EventKind;
use sockwright_engine::id::SocketId;
use sockwright_engine::tcp::config::{OptionsPatch, PathMtuDiscovery};
use sockwright_engine::tcp::info::TcpInfo;
use sockwright_engine::time::Instant;
use std::time::Duration;

/// The time from one host to the other.
const DELAY: Duration = Duration::from_millis(50);

/// After this many octets the data begins again.
const PERIOD: usize = 251;

/// What the receiver takes in a round trip, and half of what waits to be sent.
const WINDOW: u32 = 32_000;

/// Enough for a probe, and for a search.
const SOON: Duration = Duration::from_secs(10);
const SEARCHED: Duration = Duration::from_secs(120);

fn probing() -> OptionsPatch {
    OptionsPatch { path_mtu_discovery: Some(PathMtuDiscovery::Probe), ..OptionsPatch::default() }
}

fn receiving() -> OptionsPatch {
    OptionsPatch { receive_buffer: Some(WINDOW), ..OptionsPatch::default() }
}

fn octets(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % PERIOD) as u8).collect()
}

/// A connection from `a`, which has much to send, to `b`.
struct Flow {
    pair: Pair,
    client: SocketId,
    server: SocketId,
    sent: usize,
    received: usize,
    /// The path MTUs that `a` was told of.
    told: Vec<u32>,
}

impl Flow {
    fn new(mut pair: Pair, a: OptionsPatch, b: OptionsPatch) -> Self {
        let (client, server) = pair.connected_with(a, b);
        Flow { pair, client, server, sent: 0, received: 0, told: Vec::new() }
    }

    /// One way through the path, with data waiting at its start.
    fn step(&mut self, router: &mut Router) {
        if self.info().send_queue < 2 * WINDOW {
            self.send(WINDOW as usize);
        }
        router.carry_for(&mut self.pair, DELAY);
        self.receive();
    }

    fn run(&mut self, router: &mut Router, by: Duration) {
        let end = self.pair.a.now + by;
        while self.pair.a.now < end {
            self.step(router);
        }
    }

    /// Lets time pass in which the user writes nothing.
    fn rest(&mut self, router: &mut Router, by: Duration) {
        router.advance(&mut self.pair, by);
        self.receive();
    }

    fn send(&mut self, len: usize) {
        let from = self.sent % PERIOD;
        self.sent += self.pair.a.send(self.client, &octets(from + len)[from..]);
    }

    /// Takes what arrived, which is to be what was sent, and what was told.
    fn receive(&mut self) {
        while self.pair.b.engine.info(self.server).unwrap().tcp.unwrap().receive_queue > 0 {
            let (data, from) = (self.pair.b.recv(self.server).0, self.received % PERIOD);
            assert!(data == octets(from + data.len())[from..]);
            self.received += data.len();
        }
        self.told.extend(self.pair.a.events.drain(..).filter_map(|event| match event.kind {
            EventKind::PathMtu { mtu } => Some(mtu),
            _ => None,
        }));
        self.pair.b.events.clear();
    }

    fn info(&self) -> TcpInfo {
        self.pair.a.engine.info(self.client).unwrap().tcp.unwrap()
    }

    fn pmtu(&self) -> u32 {
        self.info().pmtu
    }

    fn cwnd(&self) -> u32 {
        self.info().cwnd
    }

    /// The longest packet that waits to leave.
    fn longest(&self) -> Option<usize> {
        self.pair.a.sent.iter().map(Vec::len).max()
    }
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=test
//# In this case alone, the normal congestion (window or data rate) reduction SHOULD be suppressed.
//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=test
//# Suppressed congestion control MUST be rate limited such that it occurs less frequently than the
//# worst-case loss rate for TCP congestion control at a comparable data rate over the same path
//# (i.e., less than the "TCP-friendly" loss rate [tcp-friendly]).
//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=test
//# This SHOULD be enforced by requiring a minimum headway between a suppressed congestion
//# adjustment (due to a failed probe) and the next attempted probe, which is equal to one
//# round-trip time for each packet permitted by the congestion window.
//= https://www.rfc-editor.org/rfc/rfc4821#section-5.1
//= type=test
//# When conducting a probe, the Packetization Layer MUST determine the probe packet's final size
//# including IP headers.
//= https://www.rfc-editor.org/rfc/rfc4821#section-6.1
//= type=test
//# PLPMTUD can also be implemented in protocols that rely on timeouts as their primary mechanism
//# for loss recovery; however, timeouts SHOULD NOT be used as the primary mechanism for loss
//# indication unless there are no other alternatives.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.1
//= type=test
//# When transmitting non-probes, the Packetization Layer SHOULD create packets of a size less than
//# or equal to eff_pmtu.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.3
//= type=test
//# Each Packetization Layer MUST determine when probing has converged, that is, when the probe size
//# range is small enough that further probing is no longer worth its cost.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.3
//= type=test
//# When probing has converged, a timer SHOULD be set.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.3
//= type=test
//# The value for this timer MUST NOT be less than 5 minutes and is recommended to be 10 minutes,
//# per RFC 1981.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.6
//= type=test
//# When a probe has completed, the result SHOULD be processed as follows, categorized by the
//# probe's result type.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.2
//= type=test
//# In this case alone, the loss SHOULD NOT be interpreted as congestion signal.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.2
//= type=test
//# A probe failure event is the one situation under which the Packetization Layer SHOULD ignore
//# loss as a congestion signal.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.2
//= type=test
//# Because there is some small risk that suppressing congestion control might have unanticipated
//# consequences (even for one isolated loss), it is REQUIRED that probe failure events be less
//# frequent than the normal period for losses under standard congestion control.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.2
//= type=test
//# Specifically, after a probe failure event and suppressed congestion control, PLPMTUD MUST NOT
//# probe again until an interval that is larger than the expected interval between congestion
//# control events.
//= https://www.rfc-editor.org/rfc/rfc4821#section-8
//= type=test
//# Packetization Layers SHOULD avoid sending messages that will require fragmentation [Kent87]
//# [frag-errors].
#[test]
fn a_narrow_path_that_tells_nothing_is_searched_without_a_stall() {
    for (pair, found) in [(Pair::new(), 1395), (Pair::v6(), 1396)] {
        let mut flow = Flow::new(pair, probing(), receiving());
        let mut router = Router::new(1400, Manner::BlackHole);
        let (mut cwnd, mut arrived_at) = (0, flow.pair.a.now + DELAY);
        let mut failures = Vec::new();
        while flow.pair.a.now < Instant::ZERO + SEARCHED {
            let (received, too_long) = (flow.received, router.too_long);
            flow.step(&mut router);
            assert!(flow.cwnd() >= cwnd, "{} of {cwnd}", flow.cwnd());
            cwnd = flow.cwnd();
            if router.too_long > too_long {
                failures.push((flow.pair.a.now, cwnd / 1448));
            }
            // The gap that a lost probe leaves is filled after a round trip and RACK's reordering window.
            let stall = flow.pair.a.now - arrived_at;
            assert!(stall <= 4 * DELAY, "{stall:?} without data");
            if flow.received > received {
                arrived_at = flow.pair.a.now;
            }
        }
        assert_eq!((flow.pmtu(), flow.told.last().copied()), (found, Some(found)));
        assert_eq!((flow.info().totals.total_rto, router.too_long), (0, failures.len()));
        assert!((4..=5).contains(&failures.len()), "{failures:?}");
        for pair in failures.windows(2) {
            assert!(
                pair[1].0 - pair[0].0 > 2 * DELAY * pair[0].1,
                "a round trip for each packet: {failures:?}"
            );
        }
        // Ten minutes later all of it is looked at again.
        let too_long = router.too_long;
        flow.rest(&mut router, Duration::from_secs(400));
        flow.run(&mut router, SOON);
        assert_eq!(router.too_long, too_long, "the search is over");
        router.mtu = 1500;
        flow.rest(&mut router, Duration::from_secs(200));
        flow.run(&mut router, SOON);
        assert_eq!((flow.pmtu(), router.too_long), (1500, too_long));
    }
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-7.2
//= type=test
//# The initial value for search_high SHOULD be the largest possible packet that might be supported
//# by the flow.
#[test]
fn a_path_as_wide_as_the_link_takes_one_probe() {
    let mut flow = Flow::new(Pair::new(), probing(), receiving());
    let mut router = Router::new(1500, Manner::BlackHole);
    flow.run(&mut router, SOON);
    assert_eq!((flow.pmtu(), flow.told), (1500, vec![1500]));
}

#[test]
fn whoever_was_called_searches_as_well() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected_with(OptionsPatch::default(), probing());
    pair.b.send(server, &octets(40_000));
    assert_eq!(pair.b.sent.iter().filter(|frame| frame.len() > 1024).count(), 1);
    pair.advance(Duration::from_secs(1));
    let info = pair.b.engine.info(server).unwrap().tcp.unwrap();
    assert_eq!((info.pmtu, pair.a.recv(client).0.len()), (1500, 40_000));
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=test
//# Whenever the MTU is raised, the congestion state variables MUST be rescaled so as not to raise
//# the window size in bytes (or data rate in bytes per seconds).
#[test]
fn the_window_in_octets_is_that_of_before_when_segments_grow() {
    let mut flow = Flow::new(Pair::new(), probing(), receiving());
    let mut router = Router::new(1500, Manner::BlackHole);
    while flow.told.is_empty() {
        let before = flow.info();
        flow.step(&mut router);
        let grown = (flow.info().totals.bytes_acked - before.totals.bytes_acked) as u32;
        assert!(flow.cwnd() <= before.cwnd + grown, "{} after {}, {grown}", flow.cwnd(), before.cwnd);
    }
    assert_eq!(flow.pmtu(), 1500);
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-5.2
//= type=test
//# The IP layer SHOULD be used to store the cached PMTU value and other shared state such as MTU
//# values reported by ICMP PTB messages.
#[test]
fn what_a_router_tells_of_a_probe_is_the_next_size_and_known_to_all() {
    let mut flow = Flow::new(Pair::new(), probing(), receiving());
    let mut router = Router::new(1400, Manner::Tells);
    let cwnd = flow.cwnd();
    flow.run(&mut router, SOON);
    assert_eq!((&flow.told, router.too_long), (&vec![1400], 1));
    assert!(flow.cwnd() >= cwnd);
    let other = flow.pair.a.stream();
    let remote = flow.pair.b.at(80);
    flow.pair.a.start_connect(other, remote);
    router.run(&mut flow.pair);
    flow.pair.a.send(other, &octets(5000));
    assert_eq!(flow.longest(), Some(1400));
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-7.7
//= type=test
//# Under all conditions, a full-stop timeout (also known as a "persistent timeout" in other
//# documents) SHOULD be taken as an indication of some significantly disruptive event in the
//# network, such as a router failure or a routing change to a path with a smaller MTU.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.7
//= type=test
//# If there is a full-stop timeout and there was not an ICMP message indicating a reason (PTB, Net
//# unreachable, etc., or the ICMP message was ignored for some reason), the RECOMMENDED first
//# recovery action is to treat this as a detected ICMP black hole as defined in [RFC2923].
#[test]
fn a_path_that_grows_narrow_is_survived_and_searched_from_below() {
    for discovery in [PathMtuDiscovery::Icmp, PathMtuDiscovery::Probe] {
        for (pair, from) in [(Pair::new(), 1024), (Pair::v6(), 1280)] {
            let options = OptionsPatch { path_mtu_discovery: Some(discovery), ..OptionsPatch::default() };
            let mut flow = Flow::new(pair, options, receiving());
            let mut router = Router::new(1500, Manner::BlackHole);
            flow.run(&mut router, SOON);
            assert_eq!(flow.pmtu(), 1500);
            let wide = flow.told.len();
            router.mtu = 1400;
            flow.run(&mut router, SEARCHED);
            assert_eq!((flow.told[wide], flow.pmtu()), (from, 1396));
            // The path grows wide again: that is seen after ten minutes.
            router.mtu = 1500;
            flow.rest(&mut router, Duration::from_secs(601));
            flow.run(&mut router, SOON);
            assert_eq!(flow.pmtu(), 1500);
        }
    }
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.1
//= type=test
//# To be robust in such a case, the Packetization Layer SHOULD conduct MTU verification as
//# described in Section 7.8.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.8
//= type=test
//# However, to increase robustness, an implementation SHOULD implement some form of MTU
//# verification, such that if increasing eff_pmtu results in a sharp increase in loss rate, it will
//# fall back to using a lower MTU.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.8
//= type=test
//# A RECOMMENDED strategy would be to save the value of eff_pmtu before raising it.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.8
//= type=test
//# The saved value of eff_pmtu SHOULD be restored, and search_high reduced in the same manner as in
//# a probe failure.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.8
//= type=test
//# PLPMTUD implementations SHOULD implement MTU verification.
#[test]
fn where_larger_segments_are_lost_more_often_the_smaller_ones_come_back() {
    let mut flow = Flow::new(Pair::new(), probing(), receiving());
    let mut router = Router::new(1400, Manner::Striped);
    flow.run(&mut router, 4 * SEARCHED);
    assert_eq!(flow.told[..2], [1500, 1024], "half of the first were lost");
    assert!((1388..=1400).contains(&flow.pmtu()), "{:?}", flow.told);
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=test
//# To use PLPMTUD, a Packetization Layer MUST have a loss reporting mechanism that provides the
//# sender with timely and accurate indications of which packets were lost in the network.
#[test]
fn without_sack_no_probe_goes_and_a_black_hole_is_one_for_ten_minutes() {
    let no_sack = OptionsPatch { sack: Some(false), ..probing() };
    let mut flow = Flow::new(Pair::new(), no_sack, OptionsPatch::default());
    let mut router = Router::new(1400, Manner::BlackHole);
    flow.send(20_000);
    assert_eq!(flow.longest(), Some(1500));
    flow.rest(&mut router, Duration::from_secs(30));
    assert_eq!((&flow.told, flow.received), (&vec![1024], 20_000));
    router.mtu = 1500;
    flow.rest(&mut router, Duration::from_secs(550));
    flow.send(20_000);
    assert_eq!(flow.longest(), Some(1024));
    flow.rest(&mut router, Duration::from_secs(50));
    flow.send(20_000);
    assert_eq!(flow.longest(), Some(1500));
}

#[test]
fn no_probe_is_larger_than_the_peer_takes() {
    let small = OptionsPatch { max_segment_size: Some(1260), ..OptionsPatch::default() };
    let mut flow = Flow::new(Pair::new(), probing(), small);
    let mut router = Router::new(1300, Manner::BlackHole);
    flow.run(&mut router, SOON);
    assert_eq!((flow.told, router.too_long), (vec![1300], 0));
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=test
//# Normal congestion control algorithms MUST remain in effect under all conditions except when only
//# an isolated probe packet is detected as lost.
//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//= type=test
//# If any other data loss is detected, standard congestion control MUST take place.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.4
//= type=test
//# In this case, the state variables eff_pmtu, search_low, and search_high SHOULD NOT be updated,
//# and the same-sized probe SHOULD be attempted again as soon as the probing preconditions are met
//# (i.e., once the packetization layer has no outstanding unrecovered losses).
#[test]
fn a_probe_that_is_lost_among_others_is_tried_again() {
    let mut flow = Flow::new(Pair::new(), probing(), receiving());
    let mut router = Router::new(1500, Manner::BlackHole);
    flow.send(100_000);
    let probe = flow.pair.a.sent.iter().position(|frame| frame.len() == 1500).unwrap();
    // The network is congested.
    flow.pair.a.sent.remove(probe + 1);
    flow.pair.a.sent.remove(probe);
    let cwnd = flow.cwnd();
    let mut least = cwnd;
    for _ in 0..100 {
        flow.step(&mut router);
        least = least.min(flow.cwnd());
    }
    assert!(least < cwnd * 8 / 10, "{least} of {cwnd}: other data was lost");
    assert_eq!(flow.told, [1500]);
}

#[test]
fn a_probe_that_went_again_for_another_reason_than_loss_is_tried_again() {
    let mut s = Script::listening(OptionsPatch { sack: Some(true), ..probing() });
    s.handshake("S 0:0(0) win 40000 <mss 1460,sackOK>", 40_000);
    // The probe, and four segments of 984 octets.
    s.send(1460 + 4 * 984);
    assert!(s.sent()[0].starts_with(". 1:1461(1460)"));
    // The peer takes back what it offered: all that it did not take goes again when the window opens.
    s.inject(". 1:1(0) ack 1 win 0");
    s.inject(". 1:1(0) ack 1 win 40000");
    assert!(s.sent()[0].starts_with(". 1:985(984)"));
    s.inject(". 1:1(0) ack 5397 win 40000");
    s.send(1460 + 4 * 984);
    assert!(s.sent()[0].starts_with(". 5397:6857(1460)"));
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-7.6.3
//= type=test
//# A time interval that is five times the non-timeout failure case (Section 7.6.2) is RECOMMENDED.
#[test]
fn a_probe_that_a_timeout_finds_lost_is_followed_by_a_long_silence() {
    let no_tail_loss_probe = OptionsPatch { tail_loss_probe: Some(false), ..probing() };
    let mut flow = Flow::new(Pair::new(), no_tail_loss_probe, receiving());
    let mut router = Router::new(1400, Manner::BlackHole);
    let next_probe = |flow: &mut Flow, router: &mut Router| {
        while flow.longest() <= Some(flow.pmtu() as usize) {
            flow.step(router);
        }
    };
    flow.run(&mut router, SOON);
    next_probe(&mut flow, &mut router);
    let packets = flow.cwnd() / flow.info().snd_mss;
    while flow.info().totals.total_rto == 0 {
        flow.pair.lose();
        flow.rest(&mut router, DELAY);
    }
    let timed_out = flow.pair.a.now;
    flow.step(&mut router);
    next_probe(&mut flow, &mut router);
    let silence = flow.pair.a.now - timed_out;
    let failure = 2 * DELAY * packets;
    assert!(silence > 5 * failure && silence < 8 * failure, "{silence:?} {failure:?}");
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-7.1
//= type=test
//# The initial value of search_low SHOULD be conservatively low, but performance may be better if
//# eff_pmtu starts at a higher, less conservative, value.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.2
//= type=test
//# It is RECOMMENDED that search_low be initially set to an MTU size that is likely to work over a
//# very wide range of environments.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.4
//= type=test
//# Before sending a probe, the flow MUST meet at least the following conditions:
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.4
//= type=test
//# In addition, the timely loss detection algorithms in most protocols have pre-conditions that
//# SHOULD be satisfied before sending a probe.
//= https://www.rfc-editor.org/rfc/rfc4821#section-7.4
//= type=test
//# For example, TCP Fast Retransmit is not robust unless there are sufficient segments following a
//# probe; that is, the sender SHOULD have enough data queued and sufficient receiver window to send
//# the probe plus at least Tcprexmtthresh [RFC2760] additional segments.
#[test]
fn no_probe_goes_before_there_is_enough_behind_it() {
    let mut flow = Flow::new(Pair::new(), probing(), receiving());
    // One of 1448 octets, and three of 972 behind it.
    flow.send(1448 + 3 * 972 - 1);
    assert!(flow.longest() <= Some(1024));
    flow.pair.run();
    flow.send(1448 + 3 * 972);
    assert_eq!(flow.longest(), Some(1500));
}
