use super::*;
use proptest::prelude::*;
use sockwright_engine::wire::{IpHeader, Protocol};

const FRAME: [u8; 100] = [0x55; 100];

fn ms(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn line(impairments: Impairments) -> Impairer {
    Impairer::new(impairments, 7).expect("valid impairments")
}

/// The arrival of a frame that must arrive exactly once.
fn arrival(verdict: Verdict<'_>) -> Delivery<'_> {
    match verdict {
        Verdict::Delivered(delivery, None) => delivery,
        other => panic!("not delivered once: {other:?}"),
    }
}

/// The share of 100,000 frames, a millisecond apart, whose verdict satisfies `is`.
fn share(impairments: Impairments, is: impl Fn(&Verdict<'_>) -> bool) -> f64 {
    let mut line = line(impairments);
    let hits = (0..100_000).filter(|&i| is(&line.apply(ms(i), &FRAME))).count();
    hits as f64 / 100_000.0
}

/// Within five standard deviations of a binomial share.
fn assert_share(got: f64, expected: f64) {
    let deviation = (expected * (1.0 - expected) / 100_000.0).sqrt();
    assert!((got - expected).abs() <= 5.0 * deviation, "share {got}, expected {expected}");
}

#[test]
fn a_default_line_delivers_at_once_and_unchanged() {
    let mut line = Impairer::unimpaired(1);
    let delivery = arrival(line.apply(ms(5), &FRAME));
    assert_eq!(delivery, Delivery { at: ms(5), frame: Cow::Borrowed(&FRAME), marks: Marks::default() });
}

#[test]
fn a_line_that_only_delays_says_so_and_when() {
    let delayed = Impairments { delay: Duration::from_millis(3), ..Impairments::default() };
    let (mut one, mut other) = (line(delayed), line(delayed));
    for at in [0, 0, 5] {
        assert_eq!(one.delay(ms(at)), Some(arrival(other.apply(ms(at), &FRAME)).at));
    }
    // Nothing overtakes what was sent before the delay was shorter.
    for line in [&mut one, &mut other] {
        line.set(Impairments::default()).expect("valid");
    }
    assert_eq!(one.delay(ms(6)), Some(ms(8)));
    assert_eq!(arrival(other.apply(ms(6), &FRAME)).at, ms(8));

    let no_line_at_all = Impairments::default();
    for impairments in [
        Impairments { loss: 0.1, ..no_line_at_all },
        Impairments { jitter: Duration::from_millis(1), ..no_line_at_all },
        Impairments { rate_bps: Some(1_000_000), ..no_line_at_all },
        Impairments { mtu: Some(1500), ..no_line_at_all },
    ] {
        assert_eq!(line(impairments).delay(ms(0)), None, "{impairments:?}");
    }
    // What waits for the line it once had is waited for.
    let mut slow = line(Impairments { rate_bps: Some(8_000), ..no_line_at_all });
    assert_eq!(arrival(slow.apply(ms(0), &FRAME)).at, ms(100));
    slow.set(no_line_at_all).expect("valid");
    assert_eq!(slow.delay(ms(1)), None);
    assert_eq!(arrival(slow.apply(ms(100), &FRAME)).at, ms(100));
    assert_eq!(slow.delay(ms(101)), Some(ms(101)));
}

#[test]
fn losses_come_in_bursts_and_leave_the_other_dice_alone() {
    let bursts = Some(Bursts { begin: 0.01, end: 0.2, loss: 1.0 });
    let fates = |bursts| {
        let mut line =
            Impairer::new(Impairments { loss: 0.1, bursts, ..Impairments::default() }, 1).expect("valid");
        let lost = |_| matches!(line.apply(Instant::ZERO, &[0]), Verdict::Dropped(DropCause::Lost));
        (0..100_000).map(lost).collect::<Vec<bool>>()
    };
    let (with, without) = (fates(bursts), fates(None));
    assert!(without.iter().zip(&with).all(|(alone, both)| !alone || *both));
    // A line that turns bad once in 100 packets and is so for 5 of them is bad for 5 of 105.
    let mut burst = Impairer::new(Impairments { bursts, ..Impairments::default() }, 2).expect("valid");
    let lost = |_| matches!(burst.apply(Instant::ZERO, &[0]), Verdict::Dropped(DropCause::Lost));
    let lost: Vec<bool> = (0..100_000).map(lost).collect();
    let share = lost.iter().filter(|lost| **lost).count() as f64 / 1e5;
    assert!((share - 5.0 / 105.0).abs() < 0.01, "{share}");
    let runs = lost.windows(2).filter(|two| !two[0] && two[1]).count() as f64;
    let mean = share * 1e5 / runs;
    assert!((mean - 5.0).abs() < 0.5, "bursts of {mean}");
}

#[test]
fn probabilities_are_met() {
    let first = |verdict: &Verdict<'_>| match verdict {
        Verdict::Delivered(delivery, _) => delivery.marks,
        Verdict::Dropped(cause) => panic!("dropped: {cause:?}"),
    };
    for p in [0.0, 0.001, 0.3, 1.0] {
        let some = Impairments::default;
        assert_share(
            share(Impairments { loss: p, ..some() }, |v| *v == Verdict::Dropped(DropCause::Lost)),
            p,
        );
        assert_share(
            share(Impairments { duplicate: p, ..some() }, |v| matches!(v, Verdict::Delivered(_, Some(_)))),
            p,
        );
        assert_share(share(Impairments { corrupt: p, ..some() }, |v| first(v).corrupted_bit.is_some()), p);
        assert_share(share(Impairments { reorder: p, ..some() }, |v| first(v).reordered), p);
    }
}

#[test]
fn corruption_flips_exactly_the_bit_that_it_names_and_reaches_every_byte() {
    let mut line = line(Impairments { corrupt: 1.0, ..Impairments::default() });
    let mut hit = [false; FRAME.len()];
    for i in 0..10_000 {
        let delivery = arrival(line.apply(ms(i), &FRAME));
        let bit = delivery.marks.corrupted_bit.expect("always corrupted");
        let mut expected = FRAME;
        expected[bit / 8] ^= 0x80 >> (bit % 8);
        assert_eq!(delivery.frame, &expected[..]);
        hit[bit / 8] = true;
    }
    assert_eq!(hit, [true; FRAME.len()]);
}

#[test]
fn jitter_spreads_evenly_between_delay_and_delay_plus_jitter() {
    let (delay, jitter) = (Duration::from_millis(50), Duration::from_millis(10));
    let mut line = line(Impairments { delay, jitter, ..Impairments::default() });
    // Further apart than the jitter, so that no frame waits for the one before.
    let times: Vec<f64> = (0..10_000)
        .map(|i| arrival(line.apply(ms(i * 20), &FRAME)).at.since(ms(i * 20)).as_secs_f64() * 1e3)
        .collect();
    assert!(times.iter().all(|t| (50.0..=60.0).contains(t)));
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    assert!((mean - 55.0).abs() < 0.2, "mean {mean}");
    let late = times.iter().filter(|t| **t > 59.0).count();
    assert!((800..1200).contains(&late), "{late} of 10000 in the last tenth");
}

#[test]
fn a_reordered_frame_is_overtaken() {
    let reorder_by = Duration::from_millis(3);
    let mut line = line(Impairments { reorder: 1.0, reorder_by, ..Impairments::default() });
    let held = arrival(line.apply(ms(0), &FRAME)).at;
    line.set(Impairments::default()).expect("valid");
    let next = arrival(line.apply(ms(1), &FRAME)).at;
    assert_eq!((held, next), (ms(3), ms(1)));
}

#[test]
fn a_rate_spaces_frames_by_their_time_on_the_line() {
    // 100 bytes at 800,000 bit/s take a millisecond.
    let mut line = line(Impairments { rate_bps: Some(800_000), ..Impairments::default() });
    let burst = [(); 3].map(|()| arrival(line.apply(ms(0), &FRAME)).at);
    assert_eq!(burst, [ms(1), ms(2), ms(3)]);
    assert_eq!(arrival(line.apply(ms(10), &FRAME)).at, ms(11), "an idle line owes nothing");
}

#[test]
fn a_full_queue_drops_until_a_frame_has_left() {
    let mut line = line(Impairments { rate_bps: Some(800_000), queue_limit: 2, ..Impairments::default() });
    arrival(line.apply(ms(0), &FRAME));
    arrival(line.apply(ms(0), &FRAME));
    assert_eq!(line.apply(ms(0), &FRAME), Verdict::Dropped(DropCause::QueueFull));
    assert_eq!(arrival(line.apply(ms(1), &FRAME)).at, ms(3));
}

#[test]
fn frames_up_to_the_mtu_pass() {
    let mut line = line(Impairments { mtu: Some(100), ..Impairments::default() });
    arrival(line.apply(ms(0), &FRAME));
    assert_eq!(line.apply(ms(0), &[0; 101]), Verdict::Dropped(DropCause::TooBig));
}

#[test]
fn a_live_change_does_not_overtake_what_is_under_way() {
    let mut line = line(Impairments { delay: Duration::from_millis(30), ..Impairments::default() });
    assert_eq!(arrival(line.apply(ms(0), &FRAME)).at, ms(30));
    line.set(Impairments::default()).expect("valid");
    assert_eq!(arrival(line.apply(ms(1), &FRAME)).at, ms(30));
    assert_eq!(arrival(line.apply(ms(40), &FRAME)).at, ms(40));
}

#[test]
fn an_invalid_field_is_named_and_changes_nothing() {
    let ok = Impairments::default();
    let long = Duration::from_secs(3601);
    let cases = [
        (Impairments { loss: 1.5, ..ok }, "loss must be a probability from 0 to 1, not 1.5"),
        (Impairments { corrupt: f64::NAN, ..ok }, "corrupt must be a probability from 0 to 1, not NaN"),
        (Impairments { duplicate: -0.1, ..ok }, "duplicate must be a probability from 0 to 1, not -0.1"),
        (Impairments { delay: long, ..ok }, "delay must be at most one hour, not 3601s"),
        (
            Impairments { reorder: 0.1, reorder_by: Duration::ZERO, ..ok },
            "reorder_by must be more than zero where reorder is set, not 0s",
        ),
        (Impairments { rate_bps: Some(0), ..ok }, "rate_bps must be at least 1 bit per second, not 0"),
        (Impairments { queue_limit: 0, ..ok }, "queue_limit must be from 1 to 1000000, not 0"),
        (Impairments { mtu: Some(67), ..ok }, "mtu must be from 68 to 65535 bytes, not 67"),
    ];
    let mut line = line(ok);
    for (impairments, message) in cases {
        let error = line.set(impairments).expect_err(message);
        assert_eq!(error.to_string(), message);
        assert_eq!(*line.impairments(), ok);
    }
}

prop_compose! {
    fn any_impairments()(
        loss in 0.0..=1.0, duplicate in 0.0..=1.0, corrupt in 0.0..=1.0, reorder in 0.0..=1.0,
        delay_ms in 0u64..50, jitter_ms in 0u64..50, reorder_by_ms in 1u64..50,
        rate_bps in proptest::option::of(100_000u64..10_000_000), queue_limit in 1usize..20,
    ) -> Impairments {
        let [delay, jitter, reorder_by] = [delay_ms, jitter_ms, reorder_by_ms].map(Duration::from_millis);
        Impairments { loss, duplicate, corrupt, reorder, delay, jitter, reorder_by, rate_bps, queue_limit, ..Impairments::default() }
    }
}

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_verdicts(impairments in any_impairments(), seed: u64) {
        let run = || {
            let mut line = Impairer::new(impairments, seed).expect("valid impairments");
            (0..50).map(|i| line.apply(ms(i), &FRAME)).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn without_reorder_frames_arrive_in_order_and_never_before_their_delay(
        impairments in any_impairments(), seed: u64, gaps in proptest::collection::vec(0u64..5, 50),
    ) {
        let impairments = Impairments { reorder: 0.0, ..impairments };
        let mut line = Impairer::new(impairments, seed).expect("valid impairments");
        let (mut now, mut last) = (ms(0), ms(0));
        for gap in gaps {
            now += Duration::from_millis(gap);
            if let Verdict::Delivered(original, copy) = line.apply(now, &FRAME) {
                for delivery in [Some(original), copy].into_iter().flatten() {
                    prop_assert!(delivery.at >= last && delivery.at >= now + impairments.delay);
                    last = delivery.at;
                }
            }
        }
    }

    #[test]
    fn more_loss_loses_the_same_frames_and_more_whatever_else_is_set(
        other in any_impairments(), seed: u64, low in 0.0..0.5, more in 0.0..0.5,
    ) {
        let lost = |impairments: Impairments| {
            let mut line = Impairer::new(impairments, seed).expect("valid impairments");
            (0..100).filter(|&i| line.apply(ms(i), &FRAME) == Verdict::Dropped(DropCause::Lost)).collect::<Vec<_>>()
        };
        let few = lost(Impairments { loss: low, ..Impairments::default() });
        let many = lost(Impairments { loss: low + more, rate_bps: None, ..other });
        prop_assert!(few.iter().all(|i| many.contains(i)));
    }
}

/// An IP packet of 40 octets with these ECN bits, as the engine writes it.
fn packet(v4: bool, ecn: u8) -> Vec<u8> {
    let (src, dst) = if v4 { ("10.0.0.1", "10.0.0.2") } else { ("fd00::1", "fd00::2") };
    let (src, dst) = (src.parse().expect("an address"), dst.parse().expect("an address"));
    let mut packet = Vec::new();
    let header = IpHeader {
        src,
        dst,
        protocol: Protocol::Udp,
        hop_limit: 64,
        ecn,
        dscp: 0x2e,
        ident: 0,
        options: Default::default(),
    };
    header.emit(20, &mut packet);
    packet.extend([0; 20]);
    packet
}

#[test]
fn a_packet_that_may_be_marked_is_and_others_are_not() {
    let mut line = line(Impairments { mark: 1.0, ..Impairments::default() });
    for (v4, ecn) in
        [(true, 0), (true, 1), (true, 2), (true, 3), (false, 0), (false, 1), (false, 2), (false, 3)]
    {
        let sent = packet(v4, ecn);
        let delivery = arrival(line.apply(ms(0), &sent));
        let capable = ecn == 1 || ecn == 2;
        // The engine's writer makes what the line should have made of it, checksum and all.
        assert_eq!(&delivery.frame[..], packet(v4, if capable { 3 } else { ecn }), "{v4} {ecn}");
        assert_eq!(delivery.marks.marked, capable);
    }
    for frame in [&[][..], &[0x45], &[0x45, 2], &[0x60], &[0x60, 0x20]] {
        arrival(line.apply(ms(0), frame));
    }
}

#[test]
fn what_lies_before_a_packet_is_neither_marked_nor_counted() {
    let packet = |ecn| [&packet(true, ecn)[..], &[0; 40]].concat();
    let impairments =
        Impairments { mark: 1.0, mtu: Some(80), rate_bps: Some(8000), ..Impairments::default() };
    let mut line = Impairer::new(impairments, 1).expect("valid impairments").with_header(14);
    let behind = |packet: &[u8]| [&[0x45; 14], packet].concat();
    let sent = behind(&packet(2));
    let delivery = arrival(line.apply(ms(0), &sent));
    assert_eq!((&delivery.frame[..], delivery.marks.marked), (&behind(&packet(3))[..], true));
    assert_eq!(delivery.at, ms(80), "a millisecond for each of the packet's octets");
    let too_big = [&sent[..], &[0]].concat();
    assert_eq!(line.apply(ms(0), &too_big), Verdict::Dropped(DropCause::TooBig));
    arrival(line.apply(ms(1000), &[0x45; 3]));
}

#[test]
fn marks_are_as_frequent_as_asked() {
    let mut line = line(Impairments { mark: 0.3, ..Impairments::default() });
    let sent = packet(true, 2);
    let marked = (0..10_000).filter(|_| arrival(line.apply(ms(0), &sent)).marks.marked).count();
    assert!((2800..3200).contains(&marked), "{marked}");
}
