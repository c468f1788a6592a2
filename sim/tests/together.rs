//! What arrives together at a stack is taken in together, within a bound. And on a link that cuts and sums for its stacks
//! what is sent together arrives together where nothing meets single frames, and in right segments everywhere else.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sockwright_engine::event::{EventKind, Interest};
use sockwright_engine::host::op::{Family, Outcome, Reply, Request, SocketKind, Wait};
use sockwright_engine::host::{Config, Engine};
use sockwright_engine::id::{IdSource, OpId, SessionId, SocketId};
use sockwright_engine::tcp::config::OptionsPatch;
use sockwright_engine::wire::{
    ChecksumPolicy, EthernetFrame, Flags, IpHeader, IpPacket, Mac, Protocol, TcpSegment,
};
use sockwright_link::Impairments;
use sockwright_sim::{LinkConfig, LinkIndex, Output, StackId, Station, World};

const A: StackId = StackId(0);
const B: StackId = StackId(1);
const LINK: LinkIndex = LinkIndex(0);
/// Octets of a transfer, and of the data of a full segment with timestamps at an MTU of 1500.
const OCTETS: usize = 300_000;
const FULL: [u32; 2] = [1448, 1428];

struct Two {
    world: World,
    ends: [SocketId; 2],
    /// Octets of data in each segment that A sent, and in each that B received; and those of each frame from A.
    sent: Vec<u32>,
    received: Vec<u32>,
    frames: Vec<Vec<u8>>,
    /// The most octets of data that B received in one step.
    most: usize,
}

impl Two {
    /// A connection from A to B, on a link that cuts, of this kind.
    fn connected(v6: bool, ethernet: bool, frames_told: bool) -> Two {
        let mut world = World::new(1);
        let ids = IdSource::default();
        let address = |host: u8| -> IpAddr {
            if v6 { format!("fd00::{host}").parse().unwrap() } else { IpAddr::from([10, 0, 0, host]) }
        };
        let stacks =
            [1, 2].map(|host| (world.add_stack(Config::default(), ids.clone()), vec![(address(host), 24)]));
        for stack in [A, B] {
            world.engine_mut(stack).unwrap().set_interest(Interest::ALL);
        }
        let config = LinkConfig { segmentation_offload: true, ..LinkConfig::default() };
        let link = if ethernet {
            let station = |(stack, addresses): (StackId, _)| Station {
                stack,
                mac: Mac([2, 0, 0, 0, 0, stack.0 as u8 + 1]),
                addresses,
            };
            world.add_ethernet(config, stacks.into_iter().map(station).collect())
        } else {
            world.add_link(config, &stacks)
        };
        assert_eq!(link, Ok(LINK));
        world.tell_frames(frames_told);
        let family = if v6 { Family::V6 } else { Family::V4 };
        let (ends, sent, received, frames) = ([SocketId(0); 2], Vec::new(), Vec::new(), Vec::new());
        let mut two = Two { world, ends, sent, received, frames, most: 0 };
        let remote = SocketAddr::new(address(2), 80);
        let [client, listener] = [A, B].map(|stack| two.create(stack, family));
        two.call(B, Request::Bind { socket: listener, local: remote });
        two.call(B, Request::Listen { socket: listener, backlog: 1 });
        let connect = Request::Connect { socket: client, remote, data: vec![], wait: Wait::Park };
        assert_eq!(two.world.op(A, OpId(1), connect), Outcome::Parked);
        while two.step() && two.world.now().as_nanos() < 100_000_000 {}
        match two.call(B, Request::Accept { socket: listener, wait: Wait::Never }) {
            Reply::Accepted { socket, .. } => two.ends = [client, socket],
            other => panic!("{other:?}"),
        }
        two
    }

    fn create(&mut self, stack: StackId, family: Family) -> SocketId {
        let (kind, session) = (SocketKind::Stream, SessionId(0));
        let options = OptionsPatch { no_delay: Some(true), ..OptionsPatch::default() };
        match self.call(stack, Request::Create { kind, family, session, label: "".into(), options }) {
            Reply::Created { socket } => socket,
            other => panic!("{other:?}"),
        }
    }

    fn call(&mut self, stack: StackId, request: Request) -> Reply {
        match self.world.op(stack, OpId(0), request) {
            Outcome::Done(Ok(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }

    fn step(&mut self) -> bool {
        let (stepped, before) = (self.world.step(), self.received.len());
        while let Some(output) = self.world.poll_output() {
            match output {
                Output::Event { stack: A, event } => {
                    if let EventKind::SegmentSent(segment) = event.kind {
                        self.sent.push(segment.summary.len);
                    }
                }
                Output::Event { event, .. } => {
                    if let EventKind::SegmentReceived(segment) = event.kind {
                        self.received.push(segment.summary.len);
                    }
                }
                Output::Link { from: A, frame, .. } => self.frames.push(frame),
                _ => {}
            }
        }
        let octets: u32 = self.received[before..].iter().sum();
        self.most = self.most.max(octets as usize);
        stepped
    }

    /// Moves octets from A to B, and checks each of them.
    fn transfer(&mut self) {
        let data: Vec<u8> = (0..OCTETS).map(|at| (at % 251) as u8).collect();
        let (mut sent, mut received) = (0, Vec::new());
        let [ours, theirs] = self.ends;
        while received.len() < OCTETS {
            let some =
                self.world.input(A, |engine, now| engine.send_slice(now, ours, &data[sent..])).unwrap();
            sent += some.unwrap();
            let take = |engine: &mut Engine, now| {
                engine.recv_with(now, theirs, usize::MAX, |piece| received.extend_from_slice(piece))
            };
            self.world.input(B, take).unwrap().unwrap();
            assert!(self.step() || received.len() == OCTETS, "it stands still at {}", received.len());
        }
        assert_eq!(received, data);
    }
}

#[test]
fn a_step_takes_in_what_came_together_within_a_bound() {
    let mut two = Two::connected(false, false, false);
    let [ours, theirs] = two.ends;
    for _ in 0..200 {
        two.world.input(A, |engine, now| engine.send_slice(now, ours, b"x")).unwrap().unwrap();
    }
    assert_eq!(two.world.frames_in_flight(), 200, "each octet went by itself");
    let mut taken = Vec::new();
    while two.received.len() < 200 {
        let before = two.world.inputs();
        assert!(two.step());
        taken.push(two.world.inputs() - before);
    }
    assert_eq!(taken, [64, 64, 64, 8]);
    let mut received = 0;
    let take =
        |engine: &mut Engine, now| engine.recv_with(now, theirs, 1000, |piece| received += piece.len());
    two.world.input(B, take).unwrap().unwrap();
    assert_eq!(received, 200);

    // On a line with a delay nothing has come while the other one still sends.
    let mut two = Two::connected(false, false, true);
    let delay = Duration::from_millis(1);
    two.world.set_impairments(LINK, Impairments { delay, ..Impairments::default() }).unwrap();
    two.transfer();
    let bound = 64 << 10;
    assert!((bound - 3000..bound + 1500).contains(&two.most), "{} octets in a step", two.most);
}

#[test]
fn what_has_reached_a_stack_is_taken_in_while_the_other_one_sends() {
    for (delay, early) in [(Duration::ZERO, true), (Duration::from_millis(1), false)] {
        let mut two = Two::connected(false, false, true);
        (0..3).for_each(|_| two.transfer());
        while two.step() && two.world.frames_in_flight() > 0 {}
        let impairments = Impairments { delay, ..Impairments::default() };
        two.world.set_impairments(LINK, impairments).unwrap();
        let [ours, theirs] = two.ends;
        let sent = two.world.input(A, |engine, now| engine.send_slice(now, ours, &[7; 200_000])).unwrap();
        assert_eq!(sent, Ok(200_000));
        let there = two.world.engine(B).unwrap().readiness(theirs).unwrap().readable;
        let flying = two.world.frames_in_flight();
        assert_eq!(
            (there > 100_000, there == 0),
            (early, !early),
            "{there} octets are there, {flying} frames not"
        );
        // An engine has told all that an input means before it has the next one.
        let outputs: Vec<Output> = std::iter::from_fn(|| two.world.poll_output()).collect();
        let at = |is: fn(&EventKind) -> bool, from: StackId| {
            let told = outputs.iter().enumerate().filter(
                |(_, output)| matches!(output, Output::Event { stack, event } if *stack == from && is(&event.kind)),
            );
            told.map(|(at, _)| at).collect::<Vec<_>>()
        };
        let sent = at(|kind| matches!(kind, EventKind::SegmentSent(_)), A);
        let received = at(|kind| matches!(kind, EventKind::SegmentReceived(_)), B);
        assert_eq!(received.first() < sent.last() && !received.is_empty(), early);
        assert_eq!(at(|kind| matches!(kind, EventKind::SegmentReceived(_)), A), [0usize; 0]);
        // It is given them in smaller parts than it answers.
        let answers = at(|kind| matches!(kind, EventKind::SegmentSent(_)), B).len();
        assert_eq!(answers, if early { 4 } else { 0 }, "139 frames, 44 to an answer");
        let first = received.iter().take_while(|place| Some(*place) < sent.last()).count();
        assert!(!early || first > 64, "{first} segments came before the last one left");
    }
}

#[test]
fn what_is_sent_together_arrives_together_and_is_told_by_segments() {
    for (v6, ethernet) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut two = Two::connected(v6, ethernet, false);
        two.transfer();
        let full = FULL[usize::from(v6)];
        assert_eq!(two.sent.iter().max(), Some(&full));
        assert!(two.received.iter().any(|len| *len > 10 * full), "{:?}", two.received);
        let counters = two.world.link_counters(LINK).unwrap();
        assert!(counters.sent < OCTETS as u64 / u64::from(full), "{counters:?}");
    }
}

#[test]
fn where_frames_are_watched_each_is_a_right_segment() {
    for (v6, ethernet) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut two = Two::connected(v6, ethernet, true);
        two.transfer();
        let full = FULL[usize::from(v6)];
        assert_eq!(two.received.iter().max(), Some(&full));
        let mut octets = 0;
        for frame in &two.frames {
            let packet = if ethernet { EthernetFrame::parse(frame).unwrap().payload } else { &frame[..] };
            assert!(packet.len() <= 1500, "{}", packet.len());
            // On an Ethernet there are others.
            let Ok(packet) = IpPacket::parse(packet) else { continue };
            let ends = (packet.src, packet.dst);
            if let Ok(segment) = TcpSegment::parse(packet.payload, ends, ChecksumPolicy::Verify) {
                octets += segment.payload.len();
            }
        }
        assert_eq!(octets, OCTETS, "all in segments with right checksums");
    }
}

#[test]
fn with_an_outsider_on_the_link_each_frame_is_a_right_segment() {
    let mut two = Two::connected(false, false, false);
    let outsider = two.world.add_outsider();
    two.world.join(LINK, outsider, vec![(IpAddr::from([10, 0, 0, 9]), 24)]).unwrap();
    two.transfer();
    assert_eq!(two.received.iter().max(), Some(&FULL[0]));
}

#[test]
fn a_line_that_loses_meets_single_frames() {
    let mut two = Two::connected(false, false, false);
    two.transfer();
    assert!(two.received.iter().any(|len| *len > FULL[0]));
    two.received.clear();
    let lossy = Impairments { loss: 0.02, ..Impairments::default() };
    two.world.set_impairments(LINK, lossy).unwrap();
    two.transfer();
    assert_eq!(two.received.iter().max(), Some(&FULL[0]));
    assert!(two.world.link_counters(LINK).unwrap().lost > 0);

    let far = Impairments { delay: Duration::from_millis(5), ..Impairments::default() };
    two.world.set_impairments(LINK, far).unwrap();
    two.received.clear();
    two.transfer();
    assert!(two.received.iter().any(|len| *len > FULL[0]), "a delay is the same for all");
}

/// A SYN to B of which nobody has summed more than the pseudo-header.
fn unsummed_syn(from: IpAddr) -> Vec<u8> {
    let (src, dst) = (from, IpAddr::from([10, 0, 0, 2]));
    let protocol = Protocol::Tcp;
    let header = IpHeader {
        src,
        dst,
        protocol,
        hop_limit: 64,
        ecn: 0,
        dscp: 0,
        ident: 0,
        options: Default::default(),
    };
    let segment = TcpSegment {
        src_port: 1000,
        dst_port: 80,
        flags: Flags::SYN,
        payload: &[0; 1000],
        ..TcpSegment::default()
    };
    let mut frame = Vec::new();
    header.emit(segment.len(), &mut frame);
    let at = frame.len();
    segment.emit(src, dst, &mut frame);
    let words = [10 << 8, 9, 10 << 8, 2, 6, segment.len() as u32];
    let sum = words.iter().sum::<u32>() as u16;
    frame[at + 16..at + 18].copy_from_slice(&sum.to_be_bytes());
    frame
}

#[test]
fn a_corrupt_frame_is_never_taken_for_one_that_nobody_summed() {
    let mut two = Two::connected(false, false, false);
    let (outsider, address) = (two.world.add_outsider(), IpAddr::from([10, 0, 0, 9]));
    two.world.join(LINK, outsider, vec![(address, 24)]).unwrap();
    let mut answers = |corrupt| {
        two.world.set_impairments(LINK, Impairments { corrupt, ..Impairments::default() }).unwrap();
        for _ in 0..100 {
            assert!(two.world.send_frame(LINK, outsider, &unsummed_syn(address)));
            while two.world.frames_in_flight() > 0 {
                two.step();
            }
        }
        std::iter::from_fn(|| two.world.poll_arrival(outsider)).count()
    };
    assert_eq!(answers(1.0), 0);
    assert!(answers(0.0) > 0, "whole frames are believed");
}
