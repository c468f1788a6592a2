//! What goes out: resets and other strays first, then whole packets, then the connections in turn.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::Engine;
use super::config::Transmit;
use super::ingress::Arrived;
use super::socket::Phase;
use crate::id::SocketId;
use crate::limits::Limit;
use crate::tcp::cx::Stray;
use crate::time::Instant;
use crate::wire::{ChecksumPolicy, IpHeader, Protocol};

/// The hop limit of our packets: the default of RFC 1700's successors and of Linux.
const HOP_LIMIT: u8 = 64;

/// An IP packet but for its header.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) protocol: Protocol,
    pub(super) payload: Vec<u8>,
}

/// Where a packet goes.
enum Way {
    Link(usize),
    Ourselves,
    Nowhere,
}

impl Engine {
    /// Writes the next packet into `buf`, which is cleared first; `None` when there is no more.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        loop {
            buf.clear();
            let Some(dst) = self.write_next(now, buf) else {
                // Only then what we sent to ourselves arrives, as it would from a wire.
                let frame = self.loopback.pop_front()?;
                let arrived =
                    Arrived { checksums: ChecksumPolicy::Ignore, shared_with_host: false, from_wire: false };
                self.take_frame(now, arrived, &frame);
                continue;
            };
            match self.way_to(dst) {
                Way::Link(i) => {
                    self.shared.counters.frames_out += 1;
                    let link = self.interfaces.get(i)?.link;
                    return Some(Transmit { link, len: buf.len(), gso: None });
                }
                Way::Ourselves if self.loopback.len() < self.shared.limits.loopback_frames => {
                    self.loopback.push_back(buf.clone());
                }
                Way::Ourselves => self.shared.cx(now).limit_hit(None, Limit::LoopbackFrames),
                Way::Nowhere => {}
            }
        }
    }

    /// Writes the next packet, and says where it goes.
    fn write_next(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<IpAddr> {
        if let Some(stray) = self.shared.strays.pop_front() {
            return Some(self.write_stray(&stray, buf));
        }
        if let Some(Packet { src, dst, protocol, payload }) = self.packets.pop_front() {
            header(src, dst, protocol).emit(payload.len(), buf);
            buf.extend_from_slice(&payload);
            return Some(dst);
        }
        while let Some(id) = self.ready.pop_front() {
            let Some(socket) = self.sockets.get_mut(&id) else { continue };
            socket.in_ready_queue = false;
            let Phase::Connection(connection) = &mut socket.phase else { continue };
            // It ended since it queued up: it was settled then.
            if connection.is_closed() {
                continue;
            }
            let mut cx = self.shared.cx(now);
            let Some(out) = connection.poll_segment(&mut cx) else {
                self.timers.schedule(id, socket.next_timeout(), &mut socket.registered);
                // Settling may have ended it, were an invariant broken.
                if socket.phase_is_closed() {
                    self.touch(id);
                    self.settle(now);
                    return self.write_next(now, buf);
                }
                continue;
            };
            let (src, dst) = (connection.tuple.local.ip(), connection.tuple.remote.ip());
            let segment = connection.segment(&out);
            let header = IpHeader { ecn: out.codepoint.bits(), ..header(src, dst, Protocol::Tcp) };
            header.emit(segment.header_len() + out.len as usize, buf);
            segment.emit_parts(src, dst, connection.payload(&out), buf);
            // In turn: whoever has more to send queues up again behind the others.
            socket.in_ready_queue = true;
            self.ready.push_back(id);
            return Some(dst);
        }
        None
    }

    fn write_stray(&self, stray: &Stray, buf: &mut Vec<u8>) -> IpAddr {
        let segment = stray.segment();
        let (src, dst) = (stray.tuple.local.ip(), stray.tuple.remote.ip());
        header(src, dst, Protocol::Tcp).emit(segment.len(), buf);
        segment.emit(src, dst, buf);
        dst
    }

    /// Queues a packet, if the limit allows.
    pub(super) fn queue_packet(&mut self, now: Instant, socket: Option<SocketId>, packet: Packet) {
        if self.packets.len() >= self.shared.limits.stray_packets {
            return self.shared.cx(now).limit_hit(socket, Limit::StrayPackets);
        }
        self.packets.push_back(packet);
    }

    fn way_to(&self, dst: IpAddr) -> Way {
        let Some((i, own)) = self.route(dst) else { return Way::Nowhere };
        let Some(interface) = self.interfaces.get(i) else { return Way::Nowhere };
        // A host's kernel brings back by itself what goes to its own address.
        if self.is_own(dst) && !interface.shared_with_host {
            return Way::Ourselves;
        }
        debug_assert_eq!(own.is_ipv4(), dst.is_ipv4());
        if self.links_down.contains(&interface.link) { Way::Nowhere } else { Way::Link(i) }
    }
}

fn header(src: IpAddr, dst: IpAddr, protocol: Protocol) -> IpHeader {
    // Our packets are atomic (RFC 6864 §4.1): never fragmented, so that the identification means nothing.
    IpHeader { src, dst, protocol, hop_limit: HOP_LIMIT, ecn: 0, dscp: 0, ident: 0 }
}
