//! Marking a packet as a congested router does (RFC 3168 §5): CE in its IP header.

/// Congestion met, in the two ECN bits.
const CE: u8 = 0b11;
const IPV4_HEADER: usize = 20;
const IPV4_CHECKSUM: usize = 10;

/// Sets CE in an IP packet that says it is ECN-capable; whether it did. Others are left as they are.
pub(super) fn mark(packet: &mut [u8]) -> bool {
    match packet {
        // Version and header length, then the octet whose lowest two bits are meant.
        [first, tos, ..] if *first >> 4 == 4 && is_capable(*tos) => {
            let old = u16::from_be_bytes([*first, *tos]);
            *tos |= CE;
            let new = u16::from_be_bytes([*first, *tos]);
            if packet.len() >= IPV4_HEADER {
                update_checksum(&mut packet[IPV4_CHECKSUM..IPV4_CHECKSUM + 2], old, new);
            }
            true
        }
        // Four bits of version, eight of Traffic Class, of which the last two are meant.
        [first, second, ..] if *first >> 4 == 6 && is_capable(*second >> 4) => {
            *second |= CE << 4;
            true
        }
        _ => false,
    }
}

fn is_capable(bits: u8) -> bool {
    matches!(bits & CE, 0b01 | 0b10)
}

/// RFC 1624, equation 3: HC' = ~(~HC + ~m + m'). What was wrong before stays wrong.
fn update_checksum(checksum: &mut [u8], old: u16, new: u16) {
    let before = u16::from_be_bytes([checksum[0], checksum[1]]);
    let sum = u32::from(!before) + u32::from(!old) + u32::from(new);
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    checksum.copy_from_slice(&(!(folded as u16)).to_be_bytes());
}
