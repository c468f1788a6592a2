//! What `GetInfo` tells of a connection whose past is known: counts, times, what held it up, what it dropped.

mod common;

use std::time::Duration;

use common::Pair;
use common::script::Script;
use sockwright_engine::event::{CongestionPhase, DropReason, EventKind, RecoveryPhase};
use sockwright_engine::tcp::config::{CongestionControl, Ecn, KeepAlive, OptionsPatch};
use sockwright_engine::tcp::info::{
    CongestionVariables, Delivery, Dropped, EcnInfo, OptionsInUse, RecoveryTimer, SentRange, StallTotals,
};
use sockwright_engine::time::Instant;

fn at(millis: u64) -> Instant {
    Instant::ZERO + ms(millis)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Script {
    fn stalls(&self) -> StallTotals {
        self.info().stalls.until(self.host.now)
    }
}

#[test]
fn segments_and_octets_are_counted_in_both_directions() {
    let options = OptionsPatch { no_delay: Some(true), ..OptionsPatch::default() };
    let mut s = Script::accepted_with(options);
    let before = s.info().totals;
    s.send(2500);
    s.sent();
    s.inject("P. 1:101(100) ack 1 win 10000");
    s.inject("P. 201:301(100) ack 1 win 10000");
    let now = s.info().totals;
    assert_eq!((now.data_segs_out, now.bytes_sent, now.bytes_retrans), (3, 2500, 0));
    assert_eq!((now.data_segs_in - before.data_segs_in, now.bytes_received), (2, 100));
    assert_eq!((now.rcv_ooopack, now.segments_in - before.segments_in), (1, 2));
    s.inject(". 301:301(0) ack 2001 win 10000");
    s.sent();
    s.advance(1000);
    let now = s.info().totals;
    let resent = now.bytes_retrans;
    assert!(resent > 0 && resent.is_multiple_of(500), "{resent}");
    assert_eq!(now.bytes_sent, 2500 + resent);
}

#[test]
fn a_connection_knows_when_it_last_did_what() {
    let mut s = Script::accepted();
    let last = s.info().last;
    assert_eq!((last.data_sent, last.data_recv, last.ack_recv), (None, None, Some(at(0))));
    s.advance(10);
    s.send(100);
    s.advance(20);
    s.inject(". 1:1(0) ack 101 win 10000");
    s.advance(30);
    s.inject("P. 1:51(50) ack 101 win 10000");
    s.advance(40);
    let last = s.info().last;
    assert_eq!((last.data_sent, last.data_recv, last.ack_recv), (Some(at(10)), Some(at(60)), Some(at(60))));
    assert_eq!(last.ack_sent, Some(at(100)), "the delayed acknowledgment");
}

#[test]
fn what_held_the_sender_up_is_timed() {
    let options = OptionsPatch { send_buffer: Some(3000), ..OptionsPatch::default() };
    let mut s = Script::accepted_with(options);
    s.advance(100);
    assert_eq!(s.stalls(), StallTotals::default(), "there was nothing to send");

    // The path alone: a hundred milliseconds to the acknowledgment.
    s.send(1000);
    s.advance(100);
    s.inject(". 1:1(0) ack 1001 win 1500");
    assert_eq!(s.stalls(), StallTotals { busy: ms(100), ..StallTotals::default() });

    // A window with room for one segment of three, for fifty milliseconds.
    s.advance(7);
    s.send(2500);
    s.advance(50);
    s.inject(". 1:1(0) ack 2001 win 10000");
    let so_far = StallTotals { busy: ms(150), rwnd_limited: ms(50), ..StallTotals::default() };
    assert_eq!(s.stalls(), so_far);
    s.inject(". 1:1(0) ack 3001 win 10000");
    s.inject(". 1:1(0) ack 3501 win 10000");

    // A buffer of 3000 octets, of which all are outstanding while the user has 4000.
    s.advance(1000);
    assert_eq!(s.stalls(), so_far);
    s.send(4000);
    s.advance(30);
    assert_eq!(s.stalls(), StallTotals { busy: ms(180), sndbuf_limited: ms(30), ..so_far });
}

#[test]
fn the_last_drop_is_remembered_with_its_reason() {
    let mut s = Script::accepted();
    assert_eq!(s.info().dropped, None);
    s.advance(5);
    s.inject(". 1:1(0) ack 1001 win 10000");
    assert_eq!(s.info().dropped, Some(Dropped { at: at(5), reason: DropReason::AckOfUnsent }));
    s.advance(5);
    s.inject("R. 20:20(0) ack 1 win 0");
    s.inject(". 1:1(0) ack 1 win 10000");
    assert_eq!(s.info().dropped, Some(Dropped { at: at(10), reason: DropReason::RstChallenged }));
}

#[test]
fn the_reassembly_queue_is_told_as_ranges() {
    let mut s = Script::accepted();
    for line in ["P. 101:201(100) ack 1 win 10000", "P. 301:401(100) ack 1 win 10000"] {
        s.inject(line);
    }
    let irs = s.info().irs;
    let range = |from: u32, to: u32| irs + from..irs + to;
    assert_eq!(s.info().reassembly, [range(101, 201), range(301, 401)]);
    s.inject("P. 201:301(100) ack 1 win 10000");
    assert_eq!(s.info().reassembly, [range(101, 401)]);
    s.inject("P. 1:101(100) ack 1 win 10000");
    assert_eq!((s.info().reassembly, s.info().receive_queue), (vec![], 400));
}

#[test]
fn probes_that_nothing_answers_are_counted() {
    let keep = KeepAlive { idle: ms(1000), interval: ms(100), probes: 9 };
    let options = OptionsPatch { keep_alive: Some(Some(keep)), ..OptionsPatch::default() };
    let mut s = Script::accepted_with(options);
    s.advance(1150);
    assert_eq!(s.info().probes, 2);
    s.inject(". 1:1(0) ack 1 win 10000");
    assert_eq!(s.info().probes, 0);

    let mut s = Script::accepted();
    s.send(1000);
    s.inject(". 1:1(0) ack 1001 win 0");
    s.send(500);
    s.advance(700);
    assert_eq!((s.info().probes, s.info().backoff, s.info().retransmits), (2, 2, 0));
    s.inject(". 1:1(0) ack 1001 win 0");
    assert_eq!((s.info().probes, s.info().backoff), (0, 2), "answered, and no more often than before");
}

#[test]
fn timeouts_in_a_row_are_counted_until_one_is_answered() {
    let mut s = Script::accepted();
    s.send(1000);
    s.advance(700);
    assert_eq!((s.info().retransmits, s.info().backoff, s.info().probes), (2, 2, 0));
}

#[test]
fn the_acknowledgment_may_wait_and_the_peers_segments_are_measured() {
    let options = OptionsPatch { delayed_ack: Some(ms(77)), ..OptionsPatch::default() };
    let mut s = Script::accepted_with(options);
    s.send(15_000);
    s.inject("P. 1:537(536) ack 1 win 10000");
    s.inject("P. 537:600(63) ack 1 win 10000");
    let info = s.info();
    assert_eq!((info.ato, info.rcv_mss_estimate), (ms(77), 536));
    assert_eq!(info.notsent_bytes, 5000, "of 15,000 the window holds 10,000");
}

#[test]
fn windows_are_told_as_they_are_announced() {
    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    pair.b.events.clear();
    let announced = |pair: &Pair| -> Vec<u32> {
        let of_it = pair.b.events.iter().filter(|event| event.socket == Some(server));
        of_it
            .filter_map(|event| match event.kind {
                EventKind::Windows { rcv_wnd, .. } => Some(rcv_wnd),
                _ => None,
            })
            .collect()
    };
    // The reader is slow: what is announced shrinks, and opens again as it reads.
    pair.a.send(client, &[7; 20_000]);
    pair.run();
    let before = announced(&pair);
    assert!(before.windows(2).all(|pair| pair[0] > pair[1]), "{before:?}");
    pair.b.recv(server);
    pair.a.send(client, &[7; 3000]);
    pair.advance(ms(100));
    let after = announced(&pair);
    assert!(after.len() > before.len() && after.last() > before.last(), "{after:?}");
    let info = pair.b.engine.info(server).and_then(|info| info.tcp).unwrap();
    assert_eq!(after.last(), Some(&info.rcv_wnd));
}

#[test]
fn the_options_in_use_are_those_that_both_sides_have() {
    let offered = OptionsPatch {
        timestamps: Some(true),
        sack: Some(true),
        window_scaling: Some(true),
        receive_buffer: Some(1 << 20),
        ..OptionsPatch::default()
    };
    let mut s = Script::connecting(offered);
    assert_eq!(s.info().options, OptionsInUse::default(), "an offer is not yet in use");
    s.sent();
    s.inject("S. 0:0(0) ack 1 win 10000 <mss 1000,sackOK,wscale 7>");
    let info = s.info();
    assert_eq!(info.options, OptionsInUse { timestamps: false, sack: true, window_scaling: true });
    assert_eq!((info.snd_wscale, info.rcv_wscale), (7, 5), "a buffer of a megabyte needs five");

    let mut pair = Pair::new();
    let (client, server) = pair.connected();
    for info in [pair.a.engine.info(client), pair.b.engine.info(server)] {
        let options = info.and_then(|info| info.tcp).unwrap().options;
        assert_eq!(options, OptionsInUse { timestamps: true, sack: true, window_scaling: true });
    }
}

/// A connection with SACK and a round trip of 20 ms, whose peer's window is 60,000 and its MSS 1000, and ten segments
/// under way.
fn ten_under_way(options: OptionsPatch) -> Script {
    let options = OptionsPatch { sack: Some(true), tail_loss_probe: Some(false), ..options };
    let mut s = Script::listening(options);
    s.inject("S 0:0(0) win 60000 <mss 1000,sackOK>");
    s.sent();
    s.advance(20);
    s.inject(". 1:1(0) ack 1 win 60000");
    s.socket = s.host.accept(s.listener.unwrap());
    s.send(10_000);
    s.sent();
    s
}

/// What a range of the scoreboard says, in words, relative to the initial sequence number.
fn board(s: &Script) -> Vec<String> {
    let info = s.info();
    let words = |range: &SentRange| {
        let SentRange { range, sacked, lost, resent, retransmissions } = range;
        let flags = [(*sacked, "sacked"), (*lost, "lost"), (*resent, "resent")];
        let flags: Vec<_> = flags.iter().filter(|(so, _)| *so).map(|(_, word)| *word).collect();
        format!("{}..{} {} x{retransmissions}", range.start - info.iss, range.end - info.iss, flags.join(" "))
    };
    info.scoreboard.iter().map(words).collect()
}

#[test]
fn the_scoreboard_is_told_as_ranges_of_one_fate() {
    let mut s = ten_under_way(OptionsPatch::default());
    assert_eq!(board(&s), ["1..10001  x0"]);
    s.advance(20);
    s.inject(". 1:1(0) ack 1001 win 60000");
    s.inject(". 1:1(0) ack 1001 win 60000 <sack 2001:3001>");
    assert_eq!(board(&s), ["1001..2001  x0", "2001..3001 sacked x0", "3001..10001  x0"]);
    let info = s.info();
    assert_eq!(
        (info.ca_state, info.unacked, info.sacked, info.lost),
        (RecoveryPhase::Disorder, 9000, 1000, 0)
    );
    assert_eq!((info.pipe, info.delivered, info.totals.bytes_acked), (8000, 2000, 1000));
    assert_eq!(info.recovery_timer, RecoveryTimer::Reordering);

    s.inject(". 1:1(0) ack 1001 win 60000 <sack 2001:5001>");
    let info = s.info();
    assert_eq!(info.ca_state, RecoveryPhase::Recovery);
    assert_eq!((info.unacked, info.sacked, info.lost, info.retrans), (9000, 3000, 1000, 1000));
    assert_eq!(board(&s), ["1001..2001 lost resent x1", "2001..5001 sacked x0", "5001..10001  x0"]);
    assert_eq!((info.totals.retransmissions, info.totals.bytes_retrans), (1, 1000));
    assert_eq!(info.congestion_phase, CongestionPhase::Recovery);

    s.advance(20);
    s.inject(". 1:1(0) ack 10001 win 60000");
    let info = s.info();
    assert_eq!((info.ca_state, info.unacked, info.scoreboard.len()), (RecoveryPhase::Open, 0, 0));
    assert_eq!(info.reordering_seen, 0, "it was a loss");
    assert_eq!(info.min_rtt, Some(ms(20)));
}

#[test]
fn how_fast_data_is_delivered_is_told() {
    let mut s = ten_under_way(OptionsPatch::default());
    assert_eq!(s.info().delivery_rate, None);
    s.advance(20);
    s.inject(". 1:1(0) ack 10001 win 60000");
    // Ten thousand octets in twenty milliseconds, and no more to send.
    assert_eq!(s.info().delivery_rate, Some(Delivery { rate: 500_000, app_limited: true }));
}

#[test]
fn what_timeouts_cost_is_told() {
    let mut s = ten_under_way(OptionsPatch::default());
    s.advance(20);
    s.inject(". 1:1(0) ack 1001 win 60000");
    let rto = s.info().rto;
    s.host.advance(rto);
    let totals = s.info().totals;
    assert_eq!((s.info().ca_state, s.info().retransmits), (RecoveryPhase::Loss, 1));
    assert_eq!((totals.total_rto, totals.total_rto_recoveries), (1, 1));
    assert_eq!(totals.total_rto_time, Duration::ZERO, "it is not over");
    s.host.advance(rto * 2);
    let totals = s.info().totals;
    assert_eq!((totals.total_rto, totals.total_rto_recoveries), (2, 1));
    s.advance(30);
    s.inject(". 1:1(0) ack 10001 win 60000");
    assert_eq!(s.info().ca_state, RecoveryPhase::Open);
    assert_eq!(s.info().totals.total_rto_time, rto * 2 + ms(30));
}

#[test]
fn duplicates_that_the_peer_tells_of_are_counted() {
    let mut s = ten_under_way(OptionsPatch::default());
    s.inject(". 1:1(0) ack 2001 win 60000 <sack 1:1001>");
    s.inject(". 1:1(0) ack 3001 win 60000 <sack 1001:2001>");
    s.inject(". 1:1(0) ack 4001 win 60000");
    assert_eq!(s.info().totals.dsack_dups, 2);
}

#[test]
fn each_algorithm_tells_what_it_remembers() {
    let with = |congestion| OptionsPatch { congestion: Some(congestion), ..OptionsPatch::default() };
    let loses = |s: &mut Script| {
        s.advance(20);
        s.inject(". 1:1(0) ack 1 win 60000 <sack 1001:5001>");
        s.advance(20);
        s.inject(". 1:1(0) ack 10001 win 60000");
    };
    let mut s = ten_under_way(with(CongestionControl::NewReno));
    loses(&mut s);
    assert_eq!(s.info().congestion_variables, CongestionVariables::NewReno);

    let mut s = ten_under_way(with(CongestionControl::Cubic));
    assert_eq!(s.info().congestion_variables, CongestionVariables::Cubic { w_max: 0, epoch: None });
    let before = s.info().cwnd;
    loses(&mut s);
    assert_eq!(s.info().congestion_variables, CongestionVariables::Cubic { w_max: before, epoch: None });
}

#[test]
fn bbr_tells_its_gains() {
    let bbr = OptionsPatch { congestion: Some(CongestionControl::Bbr), ..OptionsPatch::default() };
    let mut s = ten_under_way(bbr);
    s.advance(20);
    s.inject(". 1:1(0) ack 10001 win 60000");
    let info = s.info();
    assert_eq!(info.congestion_phase, CongestionPhase::Startup);
    let bandwidth = info.delivery_rate.unwrap().rate;
    assert!(bandwidth > 0);
    assert_eq!(
        info.congestion_variables,
        CongestionVariables::Bbr { bandwidth, min_rtt: Some(ms(20)), pacing_gain: 739, cwnd_gain: 739 }
    );
}

#[test]
fn originals_that_arrive_late_are_counted() {
    let mut s = ten_under_way(OptionsPatch::default());
    s.advance(20);
    s.inject(". 1:1(0) ack 1 win 60000 <sack 2001:3001>");
    s.inject(". 1:1(0) ack 3001 win 60000");
    assert_eq!(s.info().reordering_seen, 2);
    s.inject(". 1:1(0) ack 10001 win 60000");
    assert_eq!(s.info().reordering_seen, 2);
}

#[test]
fn congestion_that_the_network_marks_is_told_on_both_sides() {
    const CE: u8 = 3;
    let passive = |ecn| OptionsPatch { ecn: Some(ecn), ..OptionsPatch::default() };
    let mut s = Script::listening(passive(Ecn::Passive));
    s.handshake("SEW 0:0(0) win 60000 <mss 1000>", 60_000);
    let agreed = EcnInfo { marks: true, listens: true, ..EcnInfo::default() };
    assert_eq!(s.info().ecn, agreed);
    s.inject_marked("P. 1:101(100) ack 1 win 60000", CE);
    assert_eq!(s.info().ecn, EcnInfo { seen: true, echoes: true, received_ce: 1, ..agreed });
    s.inject("PW. 101:201(100) ack 1 win 60000");
    assert_eq!(s.info().ecn, EcnInfo { seen: true, received_ce: 1, ..agreed });

    // Of three segments the second was marked: the acknowledgment of two says so, that of the last does not.
    s.send(3000);
    s.inject("E. 201:201(0) ack 2001 win 60000");
    s.inject(". 201:201(0) ack 3001 win 60000");
    let info = s.info();
    assert_eq!((info.delivered, info.totals.delivered_ce), (3000, 2000));

    // Nobody asked: a mark means nothing.
    let mut s = Script::listening(passive(Ecn::Passive));
    s.handshake("S 0:0(0) win 60000 <mss 1000>", 60_000);
    s.inject_marked("P. 1:101(100) ack 1 win 60000", CE);
    assert_eq!(s.info().ecn, EcnInfo::default());
}
