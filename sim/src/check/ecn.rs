//! The laws of the two ECN bits (RFC 3168 §5, §6.1): only what says it may be marked is marked, and only data that is sent
//! for the first time says so.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use sockwright_engine::tcp::seq::Seq;
use sockwright_engine::wire::{ChecksumPolicy, IpPacket, Protocol, TcpSegment};

use super::Violation;
use crate::output::Fate;

/// How far each side of each pair of addresses has sent.
#[derive(Debug, Default)]
pub struct Ecn(BTreeMap<(SocketAddr, SocketAddr), Seq>);

impl Ecn {
    /// A frame that was put on a link, and what became of it.
    pub fn frame(&mut self, frame: &[u8], fate: &Fate) -> Result<(), Violation> {
        // What cannot be read is another law's business.
        let Ok(packet) = IpPacket::parse(frame) else { return Ok(()) };
        let capable = matches!(packet.ecn, 0b01 | 0b10);
        if let Fate::Flying { original, copy, .. } = fate
            && (original.marks.marked || copy.is_some_and(|copy| copy.marks.marked))
            && !capable
        {
            let detail = format_args!("its two bits are {:02b}", packet.ecn);
            return Err(Violation::new("what is not ECN-capable is not marked", detail));
        }
        if packet.protocol != Protocol::Tcp || packet.fragment.is_some() {
            return Ok(());
        }
        let addresses = (packet.src, packet.dst);
        match TcpSegment::parse(packet.payload, addresses, ChecksumPolicy::Ignore) {
            Ok(segment) => self.segment(addresses.0, addresses.1, &segment, packet.ecn),
            Err(_) => Ok(()),
        }
    }

    fn segment(
        &mut self,
        src: IpAddr,
        dst: IpAddr,
        segment: &TcpSegment<'_>,
        bits: u8,
    ) -> Result<(), Violation> {
        let stream = (SocketAddr::new(src, segment.src_port), SocketAddr::new(dst, segment.dst_port));
        let end = segment.seq + segment.payload.len() as u32;
        let sent_to = self.0.get(&stream).copied().filter(|_| !segment.syn());
        // A reset may speak for a connection of the same addresses that is over.
        if segment.syn() || !segment.payload.is_empty() {
            self.0.insert(stream, sent_to.map_or(end, |sent_to| sent_to.max(end)));
        }
        let first = sent_to.is_none_or(|sent_to| end.after(sent_to));
        if bits != 0 && (segment.syn() || segment.payload.is_empty() || !first) {
            return Err(Violation::new(
                "only data that is sent for the first time is ECN-capable",
                format_args!("{segment} has {bits:02b}, and was sent up to {sent_to:?}"),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::StackId;
    use sockwright_engine::time::Instant;
    use sockwright_engine::wire::{Flags, IpHeader};
    use sockwright_link::impair::Marks;
    use sockwright_link::virtual_link::Path;

    fn frame(flags: Flags, seq: u32, payload: &[u8], ecn: u8) -> Vec<u8> {
        let [src, dst]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let segment =
            TcpSegment { src_port: 1, dst_port: 2, seq: Seq(seq), flags, payload, ..Default::default() };
        let header = IpHeader {
            src,
            dst,
            protocol: Protocol::Tcp,
            hop_limit: 64,
            ecn,
            dscp: 0,
            ident: 0,
            options: Default::default(),
        };
        let mut frame = Vec::new();
        header.emit(segment.len(), &mut frame);
        segment.emit(src, dst, &mut frame);
        frame
    }

    fn fate(marked: bool) -> Fate {
        let original = Path { at: Instant::ZERO, marks: Marks { marked, ..Marks::default() } };
        Fate::Flying { to: StackId(1), original, copy: None }
    }

    /// The law that the last of these frames breaks; the others break none.
    fn last_breaks(frames: &[(Vec<u8>, Fate)]) -> Option<&'static str> {
        let (last, before) = frames.split_last().unwrap();
        let mut law = Ecn::default();
        for (frame, fate) in before {
            assert_eq!(law.frame(frame, fate), Ok(()));
        }
        law.frame(&last.0, &last.1).err().map(|violation| violation.law)
    }

    #[test]
    fn a_mark_on_what_is_not_capable_is_seen() {
        const LAW: Option<&str> = Some("what is not ECN-capable is not marked");
        assert_eq!(last_breaks(&[(frame(Flags::ACK, 1, b"data", 2), fate(true))]), None);
        assert_eq!(last_breaks(&[(frame(Flags::ACK, 1, b"data", 0), fate(true))]), LAW);
    }

    #[test]
    fn what_may_not_be_marked_and_says_so_is_seen() {
        const LAW: Option<&str> = Some("only data that is sent for the first time is ECN-capable");
        let data = |seq, ecn| (frame(Flags::ACK, seq, b"data", ecn), fate(false));
        assert_eq!(last_breaks(&[data(1, 2), data(5, 2), data(1, 0), data(9, 2)]), None);
        assert_eq!(last_breaks(&[data(1, 2), data(1, 2)]), LAW, "it was sent before");
        assert_eq!(last_breaks(&[(frame(Flags::ACK, 1, b"", 2), fate(false))]), LAW);
        assert_eq!(last_breaks(&[(frame(Flags::SYN, 1, b"data", 2), fate(false))]), LAW);
        let reset = (frame(Flags::RST, 100, b"", 0), fate(false));
        assert_eq!(last_breaks(&[data(1, 2), reset, data(5, 2)]), None, "of another connection");
        let again = (frame(Flags::SYN, 0, b"", 0), fate(false));
        assert_eq!(last_breaks(&[data(1, 2), again, data(1, 2)]), None, "another connection");
    }
}
