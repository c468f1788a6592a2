//! Any frame is understood or refused, never a panic; and what was understood, written again and read
//! again, means the same.
#![no_main]

use std::fmt::Write as _;

use libfuzzer_sys::fuzz_target;
use sockwright_engine::wire::{
    ChecksumPolicy, IcmpMessage, IpPacket, Malformed, Protocol, TcpSegment, UdpDatagram,
};

fuzz_target!(|frame: &[u8]| {
    // A fuzzer does not guess checksums: the transports' are not looked at, and IPv4's is put right.
    let mut frame = frame.to_vec();
    correct_ipv4_checksum(&mut frame);
    _ = understand(&frame);
});

fn understand(frame: &[u8]) -> Result<(), Malformed> {
    let packet = IpPacket::parse(frame)?;
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
