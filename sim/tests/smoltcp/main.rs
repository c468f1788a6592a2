//! smoltcp, a TCP written by others, as the peer of ours in the same world: both roles, both families, half-close, and
//! paths that lose, reorder, duplicate, corrupt and delay. Every octet is checked, and every event of ours judged.
//!
//! `SMOLTCP_SEEDS=5000 cargo test --release -p sockwright-sim --test smoltcp` runs more; `SMOLTCP_SEED=7` one alone.

mod exchange;
mod goodput;
mod peer;
mod queues;

use std::env;
use std::time::Duration;

use smoltcp::socket::tcp::CongestionControl as Theirs;
use sockwright_engine::rng::Rng;
use sockwright_engine::tcp::config::{CongestionControl, Ecn, LossDetection, OptionsPatch};
use sockwright_link::impair::Impairments;
use sockwright_sim::swarm::dice::Dice;

use exchange::{Plan, Side, address, run};
use peer::Settings;

#[test]
fn random_exchanges_end_well() {
    let number = |name: &str| env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let seeds = match number("SMOLTCP_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SMOLTCP_SEEDS").unwrap_or(SEEDS),
    };
    let mut failures = Vec::new();
    for seed in seeds {
        let plan = random(seed);
        if let Err(why) = run(&plan) {
            failures.push(format!("SMOLTCP_SEED={seed}: {why}\n{plan:?}"));
        }
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn one_seed_is_one_story() {
    let plan = random(1);
    assert_eq!(run(&plan), run(&plan));
}

fn random(seed: u64) -> Plan {
    let mut dice = Rng::from_u64(seed ^ 0x0501_7c90);
    let dice = &mut dice;
    let v4 = dice.chance(0.5);
    let mtu = *dice.pick(if v4 { &[576, 1500, 1500, 9000] } else { &[1280, 1500, 1500, 9000] });
    let path = path(dice);
    let answers = *dice.pick(&[None, None, Some(Side::We), Some(Side::They)]);
    let congestion = *dice.pick(&[Theirs::None, Theirs::Reno, Theirs::Cubic]);
    Plan {
        seed,
        v4,
        we_connect: dice.chance(0.5),
        mtu,
        path,
        ours: octets(dice),
        theirs: octets(dice),
        answers,
        options: options(dice),
        peer: Settings {
            seed,
            address: address(v4, 2),
            mtu,
            receive_buffer: *dice.pick(&[2_000, 20_000, 65_535, 65_536, 500_000]),
            send_buffer: *dice.pick(&[2_000, 20_000, 65_535, 500_000]),
            congestion,
            ack_delay: dice.chance(0.5).then_some(Duration::from_millis(10)),
            nagle: dice.chance(0.5),
            timestamps: dice.chance(0.5),
        },
    }
}

fn octets(dice: &mut Rng) -> u64 {
    if dice.chance(0.15) { 0 } else { dice.log(1, 400_000) }
}

fn path(dice: &mut Rng) -> Impairments {
    let mut up_to = |most: f64| if dice.chance(0.5) { dice.unit() * most } else { 0.0 };
    let (loss, reorder, duplicate, corrupt) = (up_to(0.15), up_to(0.2), up_to(0.2), up_to(0.05));
    Impairments {
        loss,
        mark: 0.0,
        reorder,
        reorder_by: Duration::from_micros(dice.log(1, 50_000)),
        duplicate,
        corrupt,
        delay: Duration::from_micros(dice.log(1, 200_000)),
        jitter: Duration::from_micros(dice.log(1, 20_000)),
        rate_bps: dice.chance(0.3).then(|| dice.log(1_000_000, 100_000_000)),
        queue_limit: dice.log(10, 1000) as usize,
        bursts: None,
        mtu: None,
    }
}

fn options(dice: &mut Rng) -> OptionsPatch {
    use CongestionControl::{Bbr, Cubic, NewReno};
    OptionsPatch {
        msl: Some(Duration::from_secs(1)),
        no_delay: dice.chance(0.5).then_some(true),
        congestion: Some(*dice.pick(&[NewReno, Cubic, Bbr])),
        window_scaling: dice.chance(0.3).then_some(false),
        timestamps: dice.chance(0.3).then_some(false),
        sack: dice.chance(0.3).then_some(false),
        ecn: dice.chance(0.5).then_some(Ecn::Active),
        loss_detection: dice.chance(0.3).then_some(LossDetection::DuplicateAcks),
        tail_loss_probe: dice.chance(0.3).then_some(false),
        pacing: dice.chance(0.3).then_some(true),
        hystart: dice.chance(0.3).then_some(false),
        receive_buffer: dice.chance(0.5).then(|| *dice.pick(&[2_000, 20_000, 65_535, 500_000])),
        send_buffer: dice.chance(0.5).then(|| *dice.pick(&[2_000, 20_000, 65_535, 500_000])),
        ..OptionsPatch::default()
    }
}

/// Seeds of a run that is not told otherwise.
const SEEDS: u64 = 300;
