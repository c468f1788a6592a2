//! The parts of a relay that need no wire. The whole of it is in `link/tests/relay.rs`.

use super::*;

/// An Ethernet frame of `ethertype` around `packet`.
fn framed(ethertype: [u8; 2], packet: &[u8]) -> Vec<u8> {
    [&[1; 12][..], &ethertype, packet].concat()
}

#[test]
fn the_padding_of_a_short_frame_is_no_part_of_its_packet() {
    let mut packet = [0; 46];
    packet[..4].copy_from_slice(&[0x45, 0, 0, 40]);
    let frame = framed([8, 0], &packet);
    assert_eq!(split(&frame), Some((&frame[..14], &packet[..40])));
}

#[test]
fn what_is_no_ip_packet_passes_as_it_is() {
    let arp = framed([8, 6], &[0; 28]);
    assert_eq!(split(&arp), None);
    let cut = framed([0x86, 0xdd], &[0x60, 0, 0, 0, 0, 8]);
    assert_eq!(split(&cut), None);
    let mut line = Line {
        impairer: Impairer::new(Impairments { loss: 1.0, ..Default::default() }, 1).expect("a probability"),
        counters: Counters::default(),
    };
    let mut flights = Flights::default();
    line.accept(Instant::ZERO, &arp, &mut flights);
    let passed = flights.take_due(Instant::ZERO).expect("passed");
    assert_eq!(passed[offload::LEN..], arp);
    assert_eq!(line.counters.lost, 0);
}

#[test]
fn a_checksum_left_to_hardware_is_filled_in() {
    // The example of RFC 1071, section 3, with room for its sum behind it.
    let mut received = [0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7, 0, 0].to_vec();
    let mut offloads = [0; offload::LEN];
    offloads[0] = 1;
    offloads[8..].copy_from_slice(&8u16.to_ne_bytes());
    received.splice(0..0, offloads);
    let frame = finish(&mut received).expect("one packet");
    assert_eq!(frame[8..], (!0xddf2u16).to_be_bytes());
    assert_eq!(ones_complement_sum(frame), u16::MAX);
}

#[test]
fn what_was_left_to_hardware_to_cut_is_no_packet() {
    let mut received = vec![0; offload::LEN + 100];
    received[1] = 1;
    assert_eq!(finish(&mut received), None);
}

#[test]
fn no_octets_make_the_relay_panic() {
    let mut rng = Rng::from_seed(1);
    for length in 0..200 {
        let mut received: Vec<u8> = (0..length).map(|_| rng.next_u64() as u8).collect();
        if let Some(segmentation) = received.get_mut(1) {
            *segmentation = 0;
        }
        finish(&mut received).map(split);
    }
}
