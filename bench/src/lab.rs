//! One flow between the two stacks of a lab, beside two smoltcp.

use std::time::Duration;

use sockwright_proto::v1::{self as pb, run_request};
use sockwright_server::config::Config;

use crate::figure::{Better, Bounds, Case, Curve, Figure, Point};
use crate::two_stacks::TwoStacks;
use crate::{service, smoltcp_peer};

pub(crate) const FLOW: Case = Case {
    name: "lab",
    figures: &[
        flow("two stacks in a lab, one flow, MTU 1500, with segmentation offload", &JOINED, 1500),
        flow("two stacks in a lab, one flow, MTU 9000, with segmentation offload", &JOINED, 9000),
        flow("two stacks in a lab, one flow, MTU 65,535, with segmentation offload", &JOINED, 65_535),
        flow("two stacks in a lab, one flow, MTU 1500", &ONE_BY_ONE, 1500),
        flow("two stacks in a lab, one flow, MTU 9000", &ONE_BY_ONE, 9000),
        flow("two stacks in a lab, one flow, MTU 65,535", &ONE_BY_ONE, 65_535),
    ],
    measure: |round| {
        let one = |figure: &Figure| {
            let mtu = figure.point.map_or(1500, |point| point.x as u32);
            let segmentation_offload = figure.point.is_some_and(|point| point.curve.name == JOINED.name);
            round.compare(
                || flow_in_a_lab(mtu, segmentation_offload, round.length),
                || smoltcp_peer::pair_in_memory(mtu as usize, round.length),
            )
        };
        FLOW.figures.iter().map(one).collect()
    },
    once: false,
};

const fn flow(name: &'static str, curve: &'static Curve, mtu: u32) -> Figure {
    Figure {
        name,
        peer: "two smoltcp in memory",
        unit: "Gbit/s",
        better: Better::Higher,
        bounds: Bounds::Ratio { at_least: 1.0, aim: 2.0 },
        point: Some(Point { curve, x: mtu as f64 }),
    }
}

const ONE_BY_ONE: Curve = Curve {
    name: "lab",
    title: "One flow between two stacks in memory, one thread",
    x: "MTU, octets",
    x_is_logarithmic: true,
    y: "Gbit/s",
    y_is_logarithmic: false,
    lines: ["a lab of ours", "two smoltcp"],
};
const JOINED: Curve =
    Curve { name: "lab-offload", title: "The same, on a link of the lab that cuts segments", ..ONE_BY_ONE };

/// Gbit/s of one flow: a source and its sink in a lab with a virtual clock, which goes as fast as the machine computes.
fn flow_in_a_lab(mtu: u32, segmentation_offload: bool, length: Duration) -> anyhow::Result<f64> {
    service::with_server(Config::default(), async |channel| {
        let link = pb::LabLink { mtu, segmentation_offload, ..Default::default() };
        TwoStacks::create_on(&channel, pb::Clock::Virtual, link).await?;
        // So many octets that they take about as long as the peer is watched.
        let mut octets = 100_000_000;
        loop {
            let mut request = source();
            request.limits = Some(pb::TrafficLimits { octets, ..Default::default() });
            let began = std::time::Instant::now();
            service::traffic(&channel, request).await?;
            let took = began.elapsed();
            if took * 2 > length {
                return Ok(octets as f64 * 8.0 / 1e9 / took.as_secs_f64());
            }
            octets = (octets as f64 * length.as_secs_f64() / took.as_secs_f64()) as u64;
        }
    })
}

fn source() -> pb::RunRequest {
    let mut request = service::connecting("bench/a", &[], run_request::Role::Source(pb::TrafficSource {}));
    request.peer = Some(pb::TrafficPeer { stack: "bench/b".into(), ..Default::default() });
    request
}
