//! What is on the wire can be read, fits the link, and is the segment that an event told of.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use sockwright_engine::event::{Event, EventKind};
use sockwright_engine::wire::{ChecksumPolicy, IpPacket, Protocol, TcpSegment, TcpSummary, UdpDatagram};

use super::Violation;
use crate::world::StackId;

/// The segments told of that are not on a wire yet.
#[derive(Debug, Default)]
pub struct Frames(BTreeMap<StackId, VecDeque<(SocketAddr, SocketAddr, TcpSummary)>>);

impl Frames {
    /// The event that a stack told.
    pub fn event(&mut self, stack: StackId, event: &Event) {
        if let EventKind::SegmentSent(segment) = &event.kind {
            let told = self.0.entry(stack).or_default();
            told.push_back((segment.source, segment.destination, segment.summary));
            // A segment to an address of our own is told of and never on a wire.
            if told.len() > TOLD_MAX {
                told.pop_front();
            }
        }
    }

    /// The frame that a stack put on a link.
    pub fn frame(&mut self, stack: StackId, frame: &[u8], mtu: usize) -> Result<(), Violation> {
        if frame.len() > mtu {
            return Err(Violation::new(
                "a frame fits the link",
                format_args!("{} octets on a link that carries {mtu}", frame.len()),
            ));
        }
        let unreadable = |malformed| Violation::new("a frame can be read", malformed);
        let packet = IpPacket::parse(frame).map_err(unreadable)?;
        // What fragments hold is read where they are put together again.
        if packet.fragment.is_some() {
            return Ok(());
        }
        let addresses = (packet.src, packet.dst);
        match packet.protocol {
            Protocol::Tcp => {
                let segment = TcpSegment::parse(packet.payload, addresses, ChecksumPolicy::Verify)
                    .map_err(unreadable)?;
                let source = SocketAddr::new(packet.src, segment.src_port);
                let destination = SocketAddr::new(packet.dst, segment.dst_port);
                self.told(stack, (source, destination, segment.summary()))
            }
            Protocol::Udp => UdpDatagram::parse(packet.payload, addresses, ChecksumPolicy::Verify)
                .map(|_| ())
                .map_err(unreadable),
            _ => Ok(()),
        }
    }

    fn told(&mut self, stack: StackId, sent: (SocketAddr, SocketAddr, TcpSummary)) -> Result<(), Violation> {
        let told = self.0.entry(stack).or_default();
        match told.iter().position(|told| *told == sent) {
            Some(index) => {
                told.remove(index);
                Ok(())
            }
            None => Err(Violation::new(
                "what is sent is told",
                format_args!("no event for {} > {} {}", sent.0, sent.1, sent.2),
            )),
        }
    }
}

/// Segments told of that are kept.
const TOLD_MAX: usize = 256;
