//! Fragments at the host: those that arrive, and those whose rest never did.

use super::Engine;
use super::ingress::Arrived;
use super::report::Trouble;
use crate::event::DropReason;
use crate::ip::reassembly::Taken;
use crate::time::Instant;
use crate::wire::{Fragment, IpPacket};

impl Engine {
    /// Takes in a fragment of a packet for us, and the packet if it is whole with it.
    pub(super) fn take_fragment(
        &mut self,
        now: Instant,
        arrived: Arrived,
        packet: &IpPacket<'_>,
        fragment: Fragment,
    ) {
        let whole = match self.reassembly.take(&mut self.shared.cx(now), packet, fragment) {
            Taken::Kept => return,
            Taken::Dropped(reason) => return self.drop_frame(now, reason),
            Taken::Whole(whole) => whole,
        };
        match IpPacket::parse(&whole) {
            // A fragment in fragments: nobody has a use for it but to keep us busy.
            Ok(packet) if packet.fragment.is_some() => self.drop_frame(now, DropReason::Fragment),
            Ok(packet) => self.take_packet(now, arrived, &packet),
            Err(malformed) => self.refuse_frame(now, arrived, &whole, malformed),
        }
    }

    /// Gives up the packets whose fragments waited too long.
    pub(super) fn expire_fragments(&mut self, now: Instant) {
        while let Some(expired) = self.reassembly.expire(now) {
            self.drop_frame(now, DropReason::ReassemblyTimeout);
            let Some(first) = expired.first else { continue };
            let arrived = Arrived { from_wire: true, shared_with_host: false, ..Arrived::default() };
            self.report(now, arrived, &first, Trouble::ReassemblyTimeout);
        }
    }
}
