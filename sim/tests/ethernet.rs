//! Stacks on an Ethernet of a world: they find each other, and a way to networks that are not theirs.

use std::net::IpAddr;

use sockwright_engine::host::Config;
use sockwright_engine::host::op::{Family, Outcome, Reply, Request, SocketKind, Wait};
use sockwright_engine::id::{IdSource, OpId, SessionId, SocketId};
use sockwright_engine::wire::Mac;
use sockwright_link::Impairments;
use sockwright_sim::{LinkConfig, LinkIndex, Output, StackId, Station, World};

fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Stacks with these addresses on one Ethernet.
fn ethernet(config: LinkConfig, addresses: &[(&str, u8)]) -> (World, Vec<StackId>, LinkIndex) {
    let mut world = World::new(1);
    let ids = IdSource::default();
    let stacks: Vec<_> = addresses.iter().map(|_| world.add_stack(Config::default(), ids.clone())).collect();
    let members: Vec<_> = stacks
        .iter()
        .zip(addresses)
        .zip(1..)
        .map(|((stack, (own, prefix)), number)| Station {
            stack: *stack,
            mac: mac(number),
            addresses: vec![(ip(own), *prefix)],
        })
        .collect();
    let link = world.add_ethernet(config, members).unwrap();
    (world, stacks, link)
}

fn call(world: &mut World, stack: StackId, request: Request) -> Reply {
    match world.op(stack, OpId(0), request) {
        Outcome::Done(Ok(reply)) => reply,
        other => panic!("{other:?}"),
    }
}

fn socket(world: &mut World, stack: StackId, family: Family) -> SocketId {
    let request = Request::Create {
        kind: SocketKind::Stream,
        family,
        session: SessionId(0),
        label: "".into(),
        options: Default::default(),
    };
    match call(world, stack, request) {
        Reply::Created { socket } => socket,
        other => panic!("{other:?}"),
    }
}

/// `a` connects to `b`; the first frames that they put on the link, as text without their times.
fn connect(world: &mut World, a: StackId, b: StackId, to: &str, frames: usize) -> Vec<String> {
    let remote = std::net::SocketAddr::new(ip(to), 80);
    let family = Family::from(remote.ip());
    let listener = socket(world, b, family);
    call(world, b, Request::Bind { socket: listener, local: remote });
    call(world, b, Request::Listen { socket: listener, backlog: 1 });
    let client = socket(world, a, family);
    let connect = Request::Connect { socket: client, remote, data: vec![], wait: Wait::Park };
    assert_eq!(world.op(a, OpId(1), connect), Outcome::Parked);
    let mut lines = Vec::new();
    for _ in 0..100 {
        while let Some(output) = world.poll_output() {
            if matches!(output, Output::Link { .. }) {
                let line = output.to_string();
                lines.push(line.split_once(' ').unwrap().1.split(" win").next().unwrap().to_owned());
            }
        }
        if lines.len() >= frames || !world.step() {
            break;
        }
    }
    lines.truncate(frames);
    lines
}

#[test]
fn neighbors_ask_for_each_other_before_the_first_segment() {
    let (mut world, stacks, _) = ethernet(LinkConfig::default(), &[("10.0.0.1", 24), ("10.0.0.2", 24)]);
    let frames = connect(&mut world, stacks[0], stacks[1], "10.0.0.2", 5);
    let without_times: Vec<_> =
        frames.iter().map(|line| line[line.find("02:").unwrap_or_default()..].to_owned()).collect();
    assert_eq!(
        without_times[..2],
        [
            "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff: who has 10.0.0.2 tell 10.0.0.1",
            "02:00:00:00:00:02 > 02:00:00:00:00:01: 10.0.0.2 is at 02:00:00:00:00:02",
        ]
    );
    let ends: Vec<_> =
        without_times[2..].iter().map(|line| line.split(' ').take(4).collect::<Vec<_>>()).collect();
    let forth = ["02:00:00:00:00:01", ">", "02:00:00:00:00:02:"];
    let back = ["02:00:00:00:00:02", ">", "02:00:00:00:00:01:"];
    assert_eq!(
        ends,
        [[&forth[..], &["S"]].concat(), [&back[..], &["S."]].concat(), [&forth[..], &["."]].concat()]
    );
}

#[test]
fn a_frame_for_a_group_reaches_every_other_station_once() {
    let (mut world, stacks, link) =
        ethernet(LinkConfig::default(), &[("fd00::1", 64), ("fd00::2", 64), ("fd00::3", 64)]);
    let frames = connect(&mut world, stacks[0], stacks[2], "fd00::3", 2);
    assert!(frames.iter().all(|line| line.contains("02:00:00:00:00:01 > 33:33:ff:00:00:03")), "{frames:?}");
    assert!(frames[0].starts_with("a -> b ") && frames[1].starts_with("a -> c "), "{frames:?}");
    while world.step() && world.frames_in_flight() > 0 {}
    let counters = world.link_counters(link).unwrap();
    assert_eq!((counters.no_such_host, counters.malformed), (0, 0));
}

#[test]
fn a_route_on_the_link_leads_to_another_network_and_one_by_a_router_asks_for_the_router() {
    let (mut world, stacks, link) =
        ethernet(LinkConfig::default(), &[("10.0.0.1", 24), ("10.5.0.2", 24), ("10.0.0.254", 24)]);
    let (a, b) = (stacks[0], stacks[1]);
    world.add_route(a, link, (ip("10.5.0.0"), 16), None).unwrap();
    world.add_route(b, link, (ip("10.0.0.0"), 24), None).unwrap();
    world.add_route(a, link, (ip("0.0.0.0"), 0), Some(ip("10.0.0.254"))).unwrap();
    assert!(world.add_route(a, link, (ip("::"), 0), None).is_err(), "it has no address of IPv6");
    let frames = connect(&mut world, a, b, "10.5.0.2", 8);
    assert!(frames[0].ends_with("who has 10.5.0.2 tell 10.0.0.1"), "{frames:?}");
    assert!(frames.iter().any(|line| line.contains(": S. ")), "{frames:?}");

    let client = socket(&mut world, a, Family::V4);
    let remote = "192.0.2.1:80".parse().unwrap();
    world.op(a, OpId(2), Request::Connect { socket: client, remote, data: vec![], wait: Wait::Park });
    let frames: Vec<_> =
        std::iter::from_fn(|| world.poll_output()).map(|output| output.to_string()).collect();
    assert!(frames.iter().any(|line| line.ends_with("who has 10.0.0.254 tell 10.0.0.1")), "{frames:?}");
}

#[test]
fn a_question_may_be_lost_as_any_other_frame() {
    let impairments = Impairments { loss: 1.0, ..Impairments::default() };
    let config = LinkConfig { impairments, ..LinkConfig::default() };
    let (mut world, stacks, link) = ethernet(config, &[("10.0.0.1", 24), ("10.0.0.2", 24)]);
    let frames = connect(&mut world, stacks[0], stacks[1], "10.0.0.2", 1);
    assert!(frames[0].contains("dropped"), "{frames:?}");
    assert_eq!(world.link_counters(link).unwrap().lost, 1);
}
