//! A bell rings whenever something becomes of an interface, and only then.

mod common;

use common::World;
use mio::{Events, Poll, Token};
use sockwright_link::Bell;

#[test]
fn a_bell_rings_for_what_becomes_of_an_interface() {
    let Some(world) = World::new() else { return };
    let [(near, far), _] = world.wire_pairs();
    let mut bell = near.run(Bell::hang).expect("hung");
    let mut poll = Poll::new().expect("a poll");
    bell.register(poll.registry(), Token(0)).expect("registered");
    let mut events = Events::with_capacity(4);
    let remake = format!("link add wire index 77 type veth peer name wire netns {}", far.namespace);
    for change in [
        "link set wire mtu 1400",
        "link set wire down",
        "link set wire name other",
        "link set other name wire",
        "link set wire up",
        "link delete wire",
        &remake,
    ] {
        // What the carrier does comes a moment later, and is of the change before.
        while bell.rang() {}
        near.ip(change);
        poll.poll(&mut events, Some(common::PATIENCE)).expect("polled");
        assert!(!events.is_empty(), "`ip {change}` wakes nobody");
        assert!(bell.rang(), "`ip {change}` is not heard");
    }
}

#[test]
fn a_bell_that_nobody_heard_for_long_has_rung_once() {
    let Some(world) = World::new() else { return };
    let [(near, _), _] = world.wire_pairs();
    let mut bell = near.run(Bell::hang).expect("hung");
    // More than the socket holds: some five hundred messages.
    let batch: String = (0..1000).map(|n| format!("link set lo mtu {}\n", 65_000 + n % 2)).collect();
    near.ip_batch(&batch);
    assert!(bell.rang());
    assert!(!bell.rang());
    near.ip("link set lo mtu 1500");
    assert!(bell.rang(), "it does not hear any more");
}
