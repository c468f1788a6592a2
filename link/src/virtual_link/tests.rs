use std::time::Duration;

use super::*;
use proptest::prelude::*;

fn address(host: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, host])
}

fn ms(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// A 24-byte IPv4 packet to 10.0.0.`to`, with `mark` as its payload.
fn frame(to: u8, mark: u32) -> Vec<u8> {
    let mut frame = vec![0x45, 0, 0, 24, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 99, 10, 0, 0, to];
    frame.extend(mark.to_be_bytes());
    frame
}

/// A segment of `hosts` endpoints, 10.0.0.0 and up.
fn segment(hosts: u8) -> (VirtualLink, Vec<EndpointId>) {
    let mut link = VirtualLink::new(1, Limits::default());
    let ids = (0..hosts).map(|host| link.attach(&[address(host)]).expect("attached")).collect();
    (link, ids)
}

fn drain(link: &mut VirtualLink, now: Instant) -> Vec<Arrival> {
    std::iter::from_fn(|| link.poll_deliver(now)).collect()
}

#[test]
fn a_frame_arrives_at_the_owner_of_its_destination_and_nowhere_else() {
    let (mut link, ids) = segment(3);
    let sent = link.send(ms(1), ids[0], &frame(2, 7));
    let path = Path { at: ms(1), marks: Marks::default() };
    assert_eq!(sent, Sent::Flying { to: ids[2], original: path, copy: None });
    let arrival =
        Arrival { at: ms(1), from: ids[0], to: ids[2], frame: frame(2, 7), marks: Marks::default() };
    assert_eq!(drain(&mut link, ms(1)), [arrival]);
}

#[test]
fn a_frame_of_an_ethernet_goes_to_its_station_or_to_all_others() {
    let mut link = VirtualLink::ethernet(1, Limits::default());
    let mac = |number| Mac([2, 0, 0, 0, 0, number]);
    let ids: Vec<_> = (0..3).map(|number| link.attach_station(mac(number)).expect("attached")).collect();
    assert_eq!(link.attach_station(mac(2)), Err(AttachError::MacTaken(mac(2))));
    let frame = |to: Mac| [&to.0[..], &mac(0).0, &[8, 6], &[7; 28]].concat();
    let receivers = |link: &mut VirtualLink| drain(link, ms(1)).iter().map(|at| at.to).collect::<Vec<_>>();

    assert_eq!(link.flood(ms(1), ids[0], &frame(mac(2))), None);
    assert!(matches!(link.send(ms(1), ids[0], &frame(mac(2))), Sent::Flying { to, .. } if to == ids[2]));
    assert_eq!(receivers(&mut link), [ids[2]]);
    assert_eq!(link.flood(ms(1), ids[0], &frame(Mac::BROADCAST)).map(|sent| sent.len()), Some(2));
    assert_eq!(receivers(&mut link), [ids[1], ids[2]]);

    assert_eq!(link.send(ms(1), ids[0], &frame(mac(9))), Sent::Dropped(DropCause::NoSuchHost));
    assert_eq!(link.send(ms(1), ids[0], &[2; 13]), Sent::Dropped(DropCause::Malformed));
    link.detach(ids[2]);
    assert_eq!(link.send(ms(1), ids[0], &frame(mac(2))), Sent::Dropped(DropCause::NoSuchHost));
    let counters = link.counters();
    assert_eq!(counters.sent, counters.delivered + counters.dropped());
}

#[test]
fn ipv6_destinations_are_known_as_well() {
    let (mut link, ids) = segment(1);
    let host: IpAddr = "2001:db8::2".parse().unwrap();
    let six = link.attach(&[address(50), host]).expect("attached");
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, 59, 64];
    packet.extend([0; 16]);
    packet.extend("2001:db8::2".parse::<std::net::Ipv6Addr>().unwrap().octets());
    assert!(matches!(link.send(ms(0), ids[0], &packet), Sent::Flying { to, .. } if to == six));
}

#[test]
fn a_frame_waits_for_its_delay_in_each_direction_of_its_own() {
    let (mut link, ids) = segment(2);
    let delay = Duration::from_millis(30);
    link.set_impairments(ids[0], Impairments { delay, ..Impairments::default() }).expect("valid");
    link.send(ms(0), ids[0], &frame(1, 1));
    link.send(ms(0), ids[1], &frame(0, 2));
    assert_eq!(link.next_delivery(), Some(ms(0)));
    assert_eq!(drain(&mut link, ms(29)).len(), 1);
    assert_eq!(link.next_delivery(), Some(ms(30)));
    assert_eq!(drain(&mut link, ms(30)).len(), 1);
    assert_eq!(link.next_delivery(), None);
}

#[test]
fn every_cause_of_a_drop_is_named_and_counted() {
    let mut link = VirtualLink::new(1, Limits { frames_in_flight: 1, ..Limits::default() });
    let (a, gone) = (link.attach(&[address(1)]).unwrap(), link.attach(&[address(2)]).unwrap());
    link.detach(gone);
    let impaired = |cause| DropCause::Impaired(cause);
    assert_eq!(link.send(ms(0), gone, &frame(1, 0)), Sent::Dropped(DropCause::NoSuchEndpoint));
    assert_eq!(link.send(ms(0), a, &[0x45, 0]), Sent::Dropped(DropCause::Malformed));
    assert_eq!(link.send(ms(0), a, &frame(2, 0)), Sent::Dropped(DropCause::NoSuchHost));
    assert!(matches!(link.send(ms(0), a, &frame(1, 0)), Sent::Flying { .. }));
    assert_eq!(link.send(ms(0), a, &frame(1, 0)), Sent::Dropped(DropCause::LinkFull));
    link.set_impairments(a, Impairments { loss: 1.0, mtu: Some(68), ..Impairments::default() })
        .expect("valid");
    assert_eq!(link.send(ms(0), a, &frame(1, 0)), Sent::Dropped(impaired(impair::DropCause::Lost)));
    let mut long = frame(1, 0);
    long.resize(69, 0);
    assert_eq!(link.send(ms(0), a, &long), Sent::Dropped(impaired(impair::DropCause::TooBig)));
    let slow = Impairments { rate_bps: Some(8), queue_limit: 1, ..Impairments::default() };
    link.set_impairments(a, slow).expect("valid");
    assert_eq!(link.send(ms(0), a, &frame(1, 0)), Sent::Dropped(DropCause::LinkFull));
    assert_eq!(link.send(ms(0), a, &frame(1, 0)), Sent::Dropped(impaired(impair::DropCause::QueueFull)));
    let expected = Counters {
        sent: 9,
        no_such_endpoint: 1,
        malformed: 1,
        no_such_host: 1,
        link_full: 2,
        lost: 1,
        queue_full: 1,
        too_big: 1,
        ..Counters::default()
    };
    assert_eq!(*link.counters(), expected);
    assert_eq!((expected.dropped(), link.in_flight()), (8, 1));
}

#[test]
fn an_address_belongs_to_one_endpoint_until_it_is_detached() {
    let (mut link, ids) = segment(2);
    assert_eq!(link.attach(&[address(9), address(1)]), Err(AttachError::AddressTaken(address(1))));
    assert_eq!(link.attach(&[address(9), address(9)]), Err(AttachError::AddressTaken(address(9))));
    link.send(ms(0), ids[0], &frame(1, 0));
    link.detach(ids[1]);
    assert_eq!((link.in_flight(), link.counters().orphaned), (0, 1));
    let again = link.attach(&[address(1)]).expect("free again");
    assert_ne!(again, ids[1]);
}

#[test]
fn the_limits_hold() {
    let mut link = VirtualLink::new(1, Limits { endpoints: 1, addresses: 2, ..Limits::default() });
    let three = [address(1), address(2), address(3)];
    assert_eq!(link.attach(&three), Err(AttachError::TooManyAddresses(2)));
    link.attach(&three[..2]).expect("within the limits");
    assert_eq!(link.attach(&[]), Err(AttachError::TooManyEndpoints(1)));
}

#[test]
fn a_recycled_buffer_carries_nothing_over() {
    let (mut link, ids) = segment(2);
    link.recycle(vec![0xff; 1500]);
    link.send(ms(0), ids[0], &frame(1, 5));
    assert_eq!(drain(&mut link, ms(0))[0].frame, frame(1, 5));
}

/// One thing that a user of a segment does.
#[derive(Clone, Debug)]
enum Step {
    Send { from: usize, to: u8, wait_ms: u64 },
    Deliver,
    Detach(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0usize..3, 0u8..4, 0u64..3).prop_map(|(from, to, wait_ms)| Step::Send { from, to, wait_ms }),
        10 => Just(Step::Deliver),
        1 => (0usize..3).prop_map(Step::Detach),
    ]
}

/// Runs `steps` on a bad segment, checking conservation and order after each; every arrival, in order.
fn run(seed: u64, steps: &[Step]) -> Result<Vec<Arrival>, TestCaseError> {
    let mut link = VirtualLink::new(seed, Limits { frames_in_flight: 8, ..Limits::default() });
    let ids: Vec<_> = (0..3).map(|host| link.attach(&[address(host)]).expect("attached")).collect();
    let bad = Impairments {
        loss: 0.1,
        duplicate: 0.2,
        corrupt: 0.1,
        reorder: 0.1,
        delay: Duration::from_millis(2),
        jitter: Duration::from_millis(2),
        rate_bps: Some(200_000),
        queue_limit: 4,
        ..Impairments::default()
    };
    ids.iter().for_each(|id| link.set_impairments(*id, bad).expect("valid"));
    let (mut now, mut arrivals) = (ms(0), Vec::new());
    for (mark, step) in steps.iter().enumerate() {
        match *step {
            Step::Send { from, to, wait_ms } => {
                now += Duration::from_millis(wait_ms);
                link.send(now, ids[from], &frame(to, mark as u32));
            }
            Step::Deliver => {
                let new = drain(&mut link, now);
                prop_assert!(new.iter().all(|arrival| arrival.at <= now));
                prop_assert!(new.is_sorted_by_key(|arrival| arrival.at));
                arrivals.extend(new);
            }
            Step::Detach(host) => link.detach(ids[host]),
        }
        let counted = *link.counters();
        let ended = counted.delivered + counted.dropped() + counted.orphaned;
        prop_assert_eq!(counted.sent + counted.duplicated, ended + link.in_flight() as u64);
        prop_assert!(link.in_flight() <= 8);
    }
    Ok(arrivals)
}

proptest! {
    #[test]
    fn frames_are_conserved_and_the_same_seed_gives_the_same_arrivals(
        seed: u64, steps in proptest::collection::vec(any_step(), 0..200),
    ) {
        prop_assert_eq!(run(seed, &steps)?, run(seed, &steps)?);
    }
}
