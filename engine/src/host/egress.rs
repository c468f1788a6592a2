//! What goes out: frames that are whole, resets and other strays, whole packets, and then the connections in turn.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::Engine;
use super::config::{Offload, Transmit};
use super::ingress::Arrived;
use super::routes::Hop;
use super::socket::Phase;
use crate::id::SocketId;
use crate::ip::fragment;
use crate::limits::Limit;
use crate::tcp::config::{Options, PathMtuDiscovery};
use crate::tcp::connection::Outgoing;
use crate::tcp::cx::{Cutter, Cx, Stray};
use crate::time::Instant;
use crate::wire::{ChecksumPolicy, IpHeader, Protocol, SegmentHeaders, Summing, Unfinished};

/// A datagram or ICMP message on its way out: one frame, or the fragments of one.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    /// From where to where.
    ends: (IpAddr, IpAddr),
    frames: VecDeque<Vec<u8>>,
}

/// Whether IPv4 routers may cut a packet that they cannot forward whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Routers {
    MayCut,
    MayNotCut,
    /// Nor do we: the packet is to find out whether they forward it.
    AreProbed,
}

//= https://www.rfc-editor.org/rfc/rfc4821#section-8
//# This approach is NOT RECOMMENDED.
//= https://www.rfc-editor.org/rfc/rfc4821#section-4
//# All implementations MUST include mechanisms for applications to selectively transmit packets
//# larger than the current effective Path MTU, but smaller than the first-hop link MTU.
//= https://www.rfc-editor.org/rfc/rfc4821#section-9
//# All implementations MUST include a mechanism where applications using connectionless protocols
//# can send their own probes.
//= https://www.rfc-editor.org/rfc/rfc4821#section-9
//# There MUST be a mechanism that permits an application to send datagrams that are larger than
//# eff_pmtu, the operating systems estimate of the Path MTU, without being fragmented.
//= https://www.rfc-editor.org/rfc/rfc4821#section-9
//# If these are IPv4 packets, they MUST have the DF bit set.
//= https://www.rfc-editor.org/rfc/rfc4821#section-9
//# A third mode is REQUIRED where the datagram is sent even if it is larger than the current
//# estimate of the Path MTU.
impl From<PathMtuDiscovery> for Routers {
    fn from(discovery: PathMtuDiscovery) -> Self {
        match discovery {
            PathMtuDiscovery::Off => Routers::MayCut,
            PathMtuDiscovery::Icmp => Routers::MayNotCut,
            PathMtuDiscovery::Probe => Routers::AreProbed,
        }
    }
}

/// A segment on its way out, or what is left of a super-segment.
#[derive(Debug)]
pub(super) struct Cutting {
    id: SocketId,
    out: Outgoing,
    way: Way,
    /// What the link on the way does.
    offload: Offload,
    /// Those of the first segment, for the others.
    headers: Option<SegmentHeaders>,
    /// The piece of the send buffer that the data of the last one began in.
    near: usize,
}

/// A packet that was written.
struct Written {
    src: IpAddr,
    way: Way,
    /// What the link is to do with it; the offsets are those of the IP packet.
    unfinished: Option<Unfinished>,
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug)]
enum Way {
    Link(Hop),
    Ourselves,
    Nowhere,
}

impl Engine {
    /// Writes the next packet into `buf`, which is cleared first; `None` when there is no more.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        loop {
            buf.clear();
            if let Some((link, frame)) = self.frames.pop_front() {
                self.shared.counters.frames_out += 1;
                buf.extend_from_slice(&frame);
                return Some(Transmit { link, len: buf.len(), unfinished: None });
            }
            buf.resize(self.headroom, 0);
            let Some(written) = self.write_next(now, buf) else {
                // Only then what we sent to ourselves arrives, as it would from a wire.
                let Some(frame) = self.loopback.pop_front() else {
                    self.gathers = false;
                    return None;
                };
                let arrived = Arrived {
                    checksums: ChecksumPolicy::Ignore,
                    shared_with_host: false,
                    from_wire: false,
                    enclosed: None,
                };
                self.run = None;
                self.take_frame(now, arrived, &frame);
                continue;
            };
            match &written.way {
                Way::Link(hop) => {
                    let (before, unfinished) = (buf.len(), written.unfinished);
                    if !self.enclose(now, hop, written.src, unfinished, buf) {
                        continue;
                    }
                    self.shared.counters.frames_out += 1;
                    let link = self.interfaces.get(hop.interface)?.link;
                    let header = buf.len() - (before - self.headroom);
                    let unfinished = unfinished.map(|rest| rest.behind(header));
                    return Some(Transmit { link, len: buf.len(), unfinished });
                }
                Way::Ourselves if self.loopback.len() < self.shared.limits.loopback_frames => {
                    self.loopback.push_back(buf.split_off(self.headroom));
                }
                Way::Ourselves => self.shared.cx(now).limit_hit(None, Limit::LoopbackFrames),
                Way::Nowhere => {}
            }
        }
    }

    /// Appends the next packet, and says what it is.
    fn write_next(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Written> {
        if let Some(stray) = self.shared.strays.pop_front() {
            let ends = self.write_stray(now, &stray, buf);
            return Some(self.whole(ends));
        }
        while let Some(packet) = self.packets.front_mut() {
            if let Some(frame) = packet.frames.pop_front() {
                buf.extend_from_slice(&frame);
                let ends = packet.ends;
                return Some(self.whole(ends));
            }
            self.packets.pop_front();
        }
        if let Some(written) = self.write_segment(now, buf) {
            return Some(written);
        }
        let path_changes = self.paths.changes(now);
        while let Some(id) = self.ready.pop_front() {
            let known = self.way_with_offload(id);
            let offload = known.map_or_else(Offload::default, |(_, offload)| offload);
            let Some(socket) = self.sockets.get_mut(&id) else { continue };
            socket.in_ready_queue = false;
            let Phase::Connection(connection) = &mut socket.phase else { continue };
            // It ended since it queued up: it was settled then.
            if connection.is_closed() {
                continue;
            }
            if connection.has_path_news(now, path_changes) {
                socket.in_ready_queue = true;
                self.ready.push_front(id);
                self.tell_path(now, id);
                continue;
            }
            // In turn, segment by segment, while others may have something to send too.
            let cutter = match offload.segmentation {
                0 if self.ready.is_empty() => Cutter::Engine,
                0 => Cutter::Nobody,
                longest => Cutter::Link(longest),
            };
            let mut cx = Cx { cutter, ..self.shared.cx(now) };
            let polled = connection.poll_segment(&mut cx);
            if let Some(learnt) = connection.take_learnt_mtu() {
                self.paths.learn(&mut cx, connection.tuple.remote().ip(), learnt);
            }
            let Some(out) = polled else {
                self.timers.schedule(id, socket.next_timeout(), &mut socket.registered);
                // Settling may have ended it, were an invariant broken.
                if socket.phase_is_closed() {
                    self.touch(id);
                    self.settle(now);
                    return self.write_next(now, buf);
                }
                continue;
            };
            // Whoever has more to send queues up again behind the others.
            socket.in_ready_queue = true;
            self.ready.push_back(id);
            let remote = connection.tuple.remote().ip();
            let way = known.map_or_else(|| self.way_of_segment(remote), |(way, _)| way);
            self.cutting = Some(Cutting { id, out, way, offload, headers: None, near: 0 });
            return self.write_segment(now, buf);
        }
        None
    }

    /// Appends the segment that is on its way out, or the next one of a super-segment that no link cuts.
    fn write_segment(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Written> {
        let cutting = self.cutting.as_mut()?;
        let &mut Cutting { id, way, offload, .. } = cutting;
        let (out, is_last) = if offload.segmentation > 0 {
            (cutting.out, true)
        } else {
            let first = cutting.out.cut_first();
            (first, cutting.out.len == 0)
        };
        let connection = match self.sockets.get_mut(&id).map(|socket| &mut socket.phase) {
            Some(Phase::Connection(connection)) if !connection.is_closed() => connection,
            // It ended meanwhile: what is left of it goes nowhere.
            _ => {
                self.cutting = None;
                return None;
            }
        };
        connection.tell_sent(&mut self.shared.cx(now), &out);
        let (src, dst) = (connection.tuple.local().ip(), connection.tuple.remote().ip());
        let data = connection.payload(&out, &mut cutting.near);
        let summing = if offload.checksums { Summing::Pseudo } else { Summing::All };
        let (tcp_at, data_at) = if let Some(headers) = &cutting.headers {
            headers.emit((out.seq, out.flags), data, summing, buf);
            headers.ends()
        } else {
            let ip_at = buf.len();
            let segment = connection.segment(&out);
            let ecn = out.codepoint.bits();
            let header = IpHeader { ecn, ..header((src, dst), Protocol::Tcp, &connection.options) };
            let len = segment.header_len() + out.len as usize;
            if connection.may_be_cut() {
                let burst = self.shared.limits.identifications;
                let ident = self.idents.next(now, (src, dst), Protocol::Tcp, burst);
                emit_with_ident(header, ident, len, buf);
            } else {
                header.emit(len, buf);
            }
            let tcp_at = buf.len() - ip_at;
            let data_at = tcp_at + segment.header_len();
            match summing {
                Summing::Pseudo => segment.emit_partial(src, dst, data, buf),
                Summing::All => segment.emit_parts(src, dst, data, buf),
            }
            // Routers may cut each by an identification of its own.
            if !is_last && !connection.may_be_cut() {
                let headers = buf.get(ip_at..ip_at + data_at).unwrap_or_default();
                cutting.headers = SegmentHeaders::of(headers, tcp_at, src.is_ipv6());
            }
            (tcp_at, data_at)
        };
        let unfinished = offload.checksums.then_some(Unfinished {
            ip_at: 0,
            tcp_at: tcp_at as u16,
            data_at: data_at as u16,
            v6: src.is_ipv6(),
            cut: out.cut,
        });
        if is_last {
            self.cutting = None;
        }
        Some(Written { src, way, unfinished })
    }

    fn whole(&self, (src, dst): (IpAddr, IpAddr)) -> Written {
        Written { src, way: self.way_to(dst), unfinished: None }
    }

    /// The way of a connection, and what the link on it does for it: looked up before there is anything to send only
    /// where a link does something.
    fn way_with_offload(&self, id: SocketId) -> Option<(Way, Offload)> {
        if self.interfaces.iter().all(|interface| interface.offload == Offload::default()) {
            return None;
        }
        let way = self.way_to(self.sockets.get(&id)?.tuple()?.remote().ip());
        let Way::Link(hop) = way else { return Some((way, Offload::default())) };
        let offload = self.interfaces.get(hop.interface).map_or_else(Offload::default, |at| at.offload);
        // Who cuts has new headers to sum.
        Some((way, Offload { checksums: offload.checksums || offload.segmentation > 0, ..offload }))
    }

    fn write_stray(&mut self, now: Instant, stray: &Stray, buf: &mut Vec<u8>) -> (IpAddr, IpAddr) {
        let segment = stray.segment();
        let (src, dst) = (stray.tuple.local().ip(), stray.tuple.remote().ip());
        let socket = stray.socket.and_then(|id| self.sockets.get(&id));
        let options = socket.map_or(&self.defaults, |socket| &socket.options);
        let header = header((src, dst), Protocol::Tcp, options);
        match options.path_mtu_discovery.into() {
            Routers::MayNotCut | Routers::AreProbed => header.emit(segment.len(), buf),
            Routers::MayCut => {
                let burst = self.shared.limits.identifications;
                let ident = self.idents.next(now, (src, dst), Protocol::Tcp, burst);
                emit_with_ident(header, ident, segment.len(), buf);
            }
        }
        segment.emit(src, dst, buf);
        (src, dst)
    }

    /// Tells a connection what is known of its path.
    fn tell_path(&mut self, now: Instant, id: SocketId) {
        let Some(socket) = self.sockets.get(&id) else { return };
        let Some(tuple) = socket.tuple() else { return };
        let path = self.path_to(now, tuple.remote().ip());
        let off = socket.options.path_mtu_discovery == PathMtuDiscovery::Off && tuple.local().is_ipv4();
        let path = if off { self.first_hop_to(tuple.remote().ip()) } else { path };
        if let Some(Phase::Connection(connection)) = self.sockets.get_mut(&id).map(|socket| &mut socket.phase)
        {
            connection.set_path_mtu(&mut self.shared.cx(now), path);
        }
    }

    /// Writes the strays of a socket that goes, while it is known what options they have.
    pub(super) fn write_strays_of(&mut self, now: Instant, id: SocketId) {
        if !self.shared.strays.iter().any(|stray| stray.socket == Some(id)) {
            return;
        }
        let (of_socket, others) =
            core::mem::take(&mut self.shared.strays).into_iter().partition(|stray| stray.socket == Some(id));
        self.shared.strays = others;
        let of_socket: VecDeque<Box<Stray>> = of_socket;
        for stray in of_socket {
            let mut frame = Vec::new();
            let ends = self.write_stray(now, &stray, &mut frame);
            self.packets.push_back(Packet { ends, frames: [frame].into() });
        }
    }

    /// Queues a packet with this header and payload, in fragments where the way takes no longer ones and is not to be
    /// probed; says which limit keeps it back.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //# All hosts SHOULD use IPv4 fragmentation in a mode that mimics IPv6 functionality.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-8
    //# It is RECOMMENDED that IPv4 implementations use a strategy that mimics IPv6 functionality.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-8
    //# When an application sends datagrams that are larger than the effective Path MTU, they SHOULD
    //# be fragmented to the Path MTU in the host IP layer even if they are smaller than the MTU of
    //# the first link, directly attached to the host.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //= type=exception
    //= reason=the fragments of a datagram go without DF, as those of Linux: nobody finds out
    //= whether a path takes them whole
    //# All fragmentation SHOULD be done on the host, and all IPv4 packets, including fragments,
    //# SHOULD have the DF bit set such that they will not be fragmented (again) in the network.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-8
    //= type=exception
    //= reason=the fragments of a datagram go without DF, as those of Linux: nobody finds out
    //= whether a path takes them whole
    //# The DF bit SHOULD be set on the fragments, so they will not be fragmented again in the
    //# network.
    //= https://www.rfc-editor.org/rfc/rfc4821#section-4
    //= type=exception
    //= reason=datagrams have no MTU of their own: they begin with that of the first link, and go in
    //= fragments where a router tells less
    //# Connectionless protocols and protocols that do not support PLPMTUD SHOULD have their own
    //# default value for the initial effective Path MTU, which can be set to a more conservative
    //# (smaller) value than the initial value used by TCP and other protocols that are well suited
    //# to PLPMTUD.
    pub(super) fn queue_packet(
        &mut self,
        now: Instant,
        socket: Option<SocketId>,
        header: IpHeader,
        payload: &[u8],
        routers: Routers,
    ) -> Result<(), Limit> {
        let refused = |engine: &mut Self, limit| {
            engine.shared.cx(now).limit_hit(socket, limit);
            Err(limit)
        };
        if self.packets.len() >= self.shared.limits.stray_packets {
            return refused(self, Limit::StrayPackets);
        }
        let (ends, protocol) = ((header.src, header.dst), header.protocol);
        let len = header.len() + payload.len();
        let path = self.path_to(now, header.dst);
        let probes = routers == Routers::AreProbed;
        let routers = if path.cut && !probes { Routers::MayCut } else { routers };
        let mtu = path.mtu as usize;
        let whole = probes || len <= mtu || matches!(self.way_to(header.dst), Way::Ourselves);
        let ident = if whole && routers != Routers::MayCut {
            None
        } else {
            let burst = self.shared.limits.identifications;
            self.idents.next(now, ends, protocol, burst)
        };
        let frames = match ident {
            None if !whole => return refused(self, Limit::Identifications),
            Some(ident) if !whole => fragment::cut(&header, payload, mtu, ident).collect(),
            ident => {
                let mut frame = Vec::with_capacity(len);
                emit_with_ident(header, ident, payload.len(), &mut frame);
                frame.extend_from_slice(payload);
                [frame].into()
            }
        };
        self.packets.push_back(Packet { ends, frames });
        Ok(())
    }

    /// As [`Engine::way_to`]: of a flow, the way is the one that the last segment went.
    fn way_of_segment(&mut self, dst: IpAddr) -> Way {
        let plain = self.routes.is_empty() && self.unusable.is_empty() && self.links_down.is_empty();
        match self.last_hop {
            Some((last, hop)) if plain && last == dst => Way::Link(hop),
            _ => {
                let way = self.way_to(dst);
                if let (Way::Link(hop), true) = (way, plain) {
                    self.last_hop = Some((dst, hop));
                }
                way
            }
        }
    }

    fn way_to(&self, dst: IpAddr) -> Way {
        let Some(hop) = self.route(dst) else { return Way::Nowhere };
        let Some(interface) = self.interfaces.get(hop.interface) else { return Way::Nowhere };
        // A host's kernel brings back by itself what goes to its own address.
        if self.is_own(dst) && !interface.shared_with_host {
            return Way::Ourselves;
        }
        debug_assert_eq!(hop.next.is_ipv4(), dst.is_ipv4());
        if self.links_down.contains(&interface.link) { Way::Nowhere } else { Way::Link(hop) }
    }
}

/// The header of a packet that has these options.
///
/// A packet that nobody may cut is atomic, and its identification means nothing: it is 0, as that of Linux's segments
/// without a socket is. (A raw socket's kernel fills in a number of its own.)
//= https://www.rfc-editor.org/rfc/rfc6864#section-4.1
//# Originating sources MAY set the IPv4 ID field of atomic datagrams
//# to any value.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2
//# The TTL value used to send TCP segments MUST be
//# configurable (MUST-49).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
//# TCP implementations
//# SHOULD pass the current Differentiated Services field value without
//# change to the IP layer, when it sends segments on the connection
//# (SHLD-22).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.1
//= type=exception
//= reason=an identification that is used twice may mix the fragments of two packets: RFC 6864 has each
//= packet that can be cut take a new one
//# RFC 1122 allows that if a retransmitted packet is identical to the original packet (which
//# implies not only that the data boundaries have not changed, but also that none of the
//# headers have changed), then the same IPv4 Identification field MAY be used (see Section
//# 3.2.1.5 of RFC 1122) (MAY-4).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.8
//# There MUST be a means for the transport layer to specify IP options to be included in
//# transmitted IP datagrams (see Section 3.4).
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.6
//# The IP layer MUST provide a means for the transport layer to set the TOS field of every
//# datagram that is sent; the default is all zero bits.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.7
//# The IP layer MUST provide a means for the transport layer to set the TTL field of every
//# datagram that is sent.
//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.2
//# An ICMP error message SHOULD be sent with normal (i.e., zero) TOS bits.
//= https://www.rfc-editor.org/rfc/rfc8200#section-8.4
//# When an upper-layer protocol sends one or more packets in response to a received packet
//# that included a Routing header, the response packet(s) must not include a Routing header
//# that was automatically derived by "reversing" the received Routing header UNLESS the
//# integrity and authenticity of the received Source Address and Routing header have been
//# verified (e.g., via the use of an Authentication header in the received packet).
//= https://www.rfc-editor.org/rfc/rfc6864#section-4.1
//# The IPv4 ID field MUST NOT be used for purposes other than fragmentation and reassembly.
//= https://www.rfc-editor.org/rfc/rfc6864#section-4.1
//# The IPv4 ID field MUST NOT be used for purposes other than fragmentation and reassembly.
pub(super) fn header((src, dst): (IpAddr, IpAddr), protocol: Protocol, options: &Options) -> IpHeader {
    let &Options { hop_limit, dscp, ip_options, .. } = options;
    IpHeader { src, dst, protocol, hop_limit, ecn: 0, dscp, ident: 0, options: ip_options }
}

/// Appends the header of a packet that routers may cut, if there is a number for it. Without one they may not: an
/// identification that comes again too soon would let the fragments of two packets be taken for those of one.
fn emit_with_ident(header: IpHeader, ident: Option<u32>, payload_len: usize, out: &mut Vec<u8>) {
    match ident {
        Some(ident) => IpHeader { ident: ident as u16, ..header }.emit_fragmentable(payload_len, out),
        None => header.emit(payload_len, out),
    }
}
