//! Labs and stacks as text.

use std::collections::BTreeMap;
use std::collections::HashMap;

use sockwright_client::v1::{
    AdvanceTimeResponse, Clock, Impairments, Lab, LabLink, Medium, Route, SetClockResponse, Stack,
    StackCounters,
};

use super::socket::duration;
use super::table::table;
use super::{safe, time};
use crate::names::Worded;

/// A table of labs.
pub(crate) fn labs(labs: &[Lab]) -> String {
    let rows: Vec<_> = labs
        .iter()
        .map(|lab| {
            [
                safe(&lab.name),
                clock(lab),
                lab.seed.to_string(),
                time(lab.time_ns),
                safe(&lab.stacks.join(" ")),
                lab.links.iter().map(link).collect::<Vec<_>>().join(" "),
                safe(&lab.session),
            ]
        })
        .collect();
    table(["LAB", "CLOCK", "SEED", "TIME", "STACKS", "LINKS", "SESSION"], &rows)
}

/// A table of stacks; under it the limits that were hit, what was dropped, and what else was counted, if anything.
pub(crate) fn stacks(stacks: &[Stack]) -> String {
    let rows: Vec<_> = stacks
        .iter()
        .map(|stack| {
            [
                safe(&stack.name),
                safe(&stack.link),
                stack.mtu.to_string(),
                time(stack.time_ns),
                stack.sockets.to_string(),
                safe(&stack.addresses.join(" ")),
                safe(&stack.session),
            ]
        })
        .collect();
    let mut text = table(["STACK", "LINK", "MTU", "TIME", "SOCKETS", "ADDRESSES", "SESSION"], &rows);
    for stack in stacks {
        for (what, counts) in [
            ("limits hit", &stack.limits_hit),
            ("dropped", &stack.drops),
            ("sent again", &stack.retransmissions),
            ("lost by the host", &stack.frames_lost),
        ] {
            if !counts.is_empty() {
                text += &format!("\n{} {what}: {}", safe(&stack.name), counted(counts));
            }
        }
        if !stack.interface.is_empty() {
            text += &format!("\n{} interface: {}", safe(&stack.name), safe(&stack.interface));
        }
        if !stack.macs.is_empty() {
            text += &format!("\n{} macs: {}", safe(&stack.name), safe(&stack.macs.join(" ")));
        }
        for route in &stack.routes {
            text += &format!("\n{} route: {}", safe(&stack.name), safe(&way(route)));
        }
        let counts = stack.counters.iter().flat_map(counters).filter(|(_, count)| *count > 0);
        let counts: Vec<_> = counts.map(|(what, count)| format!("{what} {count}")).collect();
        if !counts.is_empty() {
            text += &format!("\n{} counted: {}", safe(&stack.name), counts.join(", "));
        }
    }
    text
}

/// A route as it is given: `192.0.2.0/24=10.0.0.254`.
fn way(route: &Route) -> String {
    let Route { destination, gateway } = route;
    if gateway.is_empty() { destination.clone() } else { format!("{destination}={gateway}") }
}

fn counters(counters: &StackCounters) -> [(&'static str, u64); 13] {
    let StackCounters {
        frames_in,
        frames_out,
        cookies_sent,
        cookies_accepted,
        cookies_refused,
        acks_withheld,
        window_scales_lowered,
        sack_blocks_ignored,
        invariants_broken,
        segments_in,
        segments_out,
        bytes_sent,
        bytes_received,
    } = *counters;
    [
        ("frames in", frames_in),
        ("frames out", frames_out),
        ("segments in", segments_in),
        ("segments out", segments_out),
        ("bytes sent", bytes_sent),
        ("bytes received", bytes_received),
        ("cookies sent", cookies_sent),
        ("cookies accepted", cookies_accepted),
        ("cookies refused", cookies_refused),
        ("acks withheld", acks_withheld),
        ("window scales lowered", window_scales_lowered),
        ("sack blocks ignored", sack_blocks_ignored),
        ("invariants broken", invariants_broken),
    ]
}

/// Where the clock of a lab is.
pub(crate) fn advanced(response: &AdvanceTimeResponse) -> String {
    time(response.time_ns)
}

/// What time it was in a lab as its clock was changed.
pub(crate) fn clock_set(response: &SetClockResponse) -> String {
    time(response.time_ns)
}

/// How time passes in a lab, and at which speed where it is not the usual one: `real x0.1`.
fn clock(lab: &Lab) -> String {
    match lab.clock() {
        clock @ Clock::Real if lab.speed != 1.0 => format!("{} x{}", clock.word(), lab.speed),
        clock => clock.word(),
    }
}

/// A link as it is given: `a,b,delay=10ms,loss=0.1`.
fn link(link: &LabLink) -> String {
    let mut words = link.stacks.clone();
    if !link.name.is_empty() {
        words.push(format!("name={}", link.name));
    }
    if link.mtu != 0 {
        words.push(format!("mtu={}", link.mtu));
    }
    if link.medium() == Medium::Ethernet {
        words.push("medium=ethernet".to_owned());
        words.extend(link.macs.iter().map(|mac| format!("mac={mac}")));
    }
    if link.segmentation_offload {
        words.push("offload=segmentation".to_owned());
    }
    words.extend(link.impairments.iter().flat_map(impairments));
    safe(&words.join(","))
}

fn impairments(impairments: &Impairments) -> Vec<String> {
    let bursts = impairments.bursts.unwrap_or_default();
    let probabilities = [
        ("loss", impairments.loss),
        ("burst-begin", bursts.begin),
        ("burst-end", bursts.end),
        ("burst-loss", bursts.loss.unwrap_or_default()),
        ("mark", impairments.mark),
        ("reorder", impairments.reorder),
        ("duplicate", impairments.duplicate),
        ("corrupt", impairments.corrupt),
    ];
    let durations = [
        ("delay", impairments.delay),
        ("jitter", impairments.jitter),
        ("reorder-by", impairments.reorder_by),
    ];
    let numbers = [("rate", impairments.rate_bps), ("queue", u64::from(impairments.queue_limit))];
    let mut words = Vec::new();
    for (key, value) in durations {
        words.extend(
            value
                .filter(|value| *value != Default::default())
                .map(|value| format!("{key}={}", duration(&value))),
        );
    }
    words.extend(
        probabilities
            .into_iter()
            .filter(|(_, value)| *value != 0.0)
            .map(|(key, value)| format!("{key}={value}")),
    );
    words.extend(
        numbers.into_iter().filter(|(_, value)| *value != 0).map(|(key, value)| format!("{key}={value}")),
    );
    words
}

fn counted(counts: &HashMap<String, u64>) -> String {
    let sorted: BTreeMap<_, _> = counts.iter().collect();
    sorted.iter().map(|(name, count)| format!("{} {count}", safe(name))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::link::lab_link;

    #[test]
    fn labs_are_a_table_with_links_as_they_were_given() {
        let lab = Lab {
            name: "lab".into(),
            stacks: vec!["lab/a".into(), "lab/b".into()],
            links: vec![
                lab_link("a,b,name=link1,mtu=1500,offload=segmentation,delay=10ms,loss=0.1,burst-end=0.5")
                    .unwrap(),
            ],
            clock: Clock::Virtual.into(),
            seed: 1,
            time_ns: 60_000_000_000,
            record_bytes: 0,
            session: String::new(),
            speed: 0.0,
        };
        let slow = Lab { name: "slow".into(), clock: Clock::Real.into(), speed: 0.1, ..Lab::default() };
        assert_eq!(
            labs(&[lab, slow]),
            "\
LAB   CLOCK      SEED  TIME       STACKS       LINKS                                                                           SESSION
lab   virtual    1     60.000000  lab/a lab/b  a,b,name=link1,mtu=1500,offload=segmentation,delay=10ms,loss=0.1,burst-end=0.5  -
slow  real x0.1  0     0.000000   -            -                                                                               -"
        );
    }

    #[test]
    fn stacks_are_a_table_and_what_went_wrong_on_them() {
        let stack = Stack {
            name: "lab/a".into(),
            addresses: vec!["10.0.0.1/24".into(), "fd00::1/64".into()],
            link: "virtual".into(),
            mtu: 1500,
            sockets: 2,
            limits_hit: HashMap::from([("sockets".into(), 1)]),
            drops: HashMap::from([("OUTSIDE_WINDOW".into(), 2), ("CHECKSUM".into(), 4)]),
            interface: "tap0".into(),
            macs: vec!["02:00:00:00:00:0a".into()],
            routes: vec![
                Route { destination: "0.0.0.0/0".into(), gateway: "10.0.0.254".into() },
                Route { destination: "10.5.0.0/16".into(), gateway: String::new() },
            ],
            counters: Some(StackCounters { frames_in: 7, sack_blocks_ignored: 1, ..Default::default() }),
            ..Default::default()
        };
        assert_eq!(
            stacks(&[stack]),
            "\
STACK  LINK     MTU   TIME      SOCKETS  ADDRESSES               SESSION
lab/a  virtual  1500  0.000000  2        10.0.0.1/24 fd00::1/64  -
lab/a limits hit: sockets 1
lab/a dropped: CHECKSUM 4, OUTSIDE_WINDOW 2
lab/a interface: tap0
lab/a macs: 02:00:00:00:00:0a
lab/a route: 0.0.0.0/0=10.0.0.254
lab/a route: 10.5.0.0/16
lab/a counted: frames in 7, sack blocks ignored 1"
        );
    }
}
