//! Any frame is understood or refused, never a panic; and what was understood, written again and read
//! again, means the same.
#![no_main]

use std::fmt::Write as _;

use libfuzzer_sys::fuzz_target;
use sockwright_engine::wire::{
    ChecksumPolicy, Fragment, IcmpMessage, IpPacket, Malformed, Protocol, TcpSegment, UdpDatagram,
};

fuzz_target!(|frame: &[u8]| {
    // A fuzzer does not guess checksums: the transports' are not looked at, and IPv4's is put right.
    let mut frame = frame.to_vec();
    correct_ipv4_checksum(&mut frame);
    _ = understand(&frame);
});

fn understand(frame: &[u8]) -> Result<(), Malformed> {
    // What is wrong with a packet is somewhere in it, and an error about it quotes it whatever it is.
    _ = IcmpMessage::is_error_or_later_fragment(frame);
    let packet = IpPacket::parse(frame).inspect_err(|malformed| {
        if let Some(problem) = malformed.problem() {
            assert!((problem.pointer as usize) < frame.len());
        }
    })?;
    if let Some(fragment) = packet.fragment {
        return fragment_is_what_it_was(&packet, fragment);
    }
    let (addresses, payload) = ((packet.src, packet.dst), packet.payload);
    let mut written = Vec::new();
    match packet.protocol {
        Protocol::Tcp => {
            let segment = TcpSegment::parse(payload, addresses, ChecksumPolicy::Ignore)?;
            write!(String::new(), "{segment}").expect("a String takes everything");
            // Options as others lay them out may be more than fit into our layout.
            segment.emit(packet.src, packet.dst, &mut written);
            let again = TcpSegment::parse(&written, addresses, ChecksumPolicy::Verify)
                .expect("what we write, we understand");
            let sack = again.options.sack;
            assert!(segment.options.sack.as_slice().starts_with(sack.as_slice()));
            let mut expected = segment;
            expected.options.sack = sack;
            assert_eq!(again, expected);
        }
        Protocol::Udp => {
            let datagram = UdpDatagram::parse(payload, addresses, ChecksumPolicy::Ignore)?;
            datagram.emit(packet.src, packet.dst, &mut written);
            assert_eq!(UdpDatagram::parse(&written, addresses, ChecksumPolicy::Verify), Ok(datagram));
        }
        Protocol::Icmpv4 | Protocol::Icmpv6 => {
            let message = IcmpMessage::parse(payload, addresses, ChecksumPolicy::Ignore)?;
            message.emit(packet.src, packet.dst, &mut written);
            // A quote that was longer than ours may be is cut, possibly in the headers that it quotes.
            if payload.len() <= 576 - 20 {
                let again = IcmpMessage::parse(&written, addresses, ChecksumPolicy::Verify);
                assert_eq!(again, Ok(message));
            }
        }
        Protocol::Unknown(_) => {}
    }
    Ok(())
}

/// A first fragment alone, taken for the whole, has the payload that it had.
fn fragment_is_what_it_was(packet: &IpPacket<'_>, fragment: Fragment) -> Result<(), Malformed> {
    assert!(fragment.offset % 8 == 0 && usize::from(fragment.offset) + packet.payload.len() <= 65_535);
    if fragment.offset == 0 && let Some(mut whole) = packet.header_of_whole(packet.payload.len(), packet.ecn) {
        whole.extend_from_slice(packet.payload);
        let addresses = IpPacket::addresses(&whole);
        assert_eq!(addresses, Ok((packet.src, packet.dst)));
        understand(&whole)?;
    }
    Ok(())
}

fn correct_ipv4_checksum(frame: &mut [u8]) {
    let header_len = match frame.first() {
        Some(first) if first >> 4 == 4 => usize::from(first & 0x0f) * 4,
        _ => return,
    };
    if let Some(header) = frame.get_mut(..header_len).filter(|header| header.len() >= 20) {
        header[10..12].fill(0);
        let checksum = sockwright_engine::wire::checksum::Sum::of(header).checksum();
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
}
