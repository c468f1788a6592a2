//! What comes in: a frame, its IP packet, its segment, datagram or message, and whose it is.

use alloc::boxed::Box;
use core::net::{IpAddr, SocketAddr};

use super::config::Medium;
use super::ethernet::Enclosed;
use super::settle::flush_thawed;
use super::socket::Phase;
use super::{Engine, Interface, PortKind, is_unicast};
use crate::event::{DropReason, EventKind, Interest};
use crate::id::{LinkId, SocketId};
use crate::limits::Limit;
use crate::tcp::connection::Connection;
use crate::tcp::cx::{Tuple, arriving};
use crate::tcp::ecn::Codepoint;
use crate::tcp::seq::Seq;
use crate::time::Instant;
use crate::udp::Received;
use crate::wire::{
    ChecksumPolicy, EthernetFrame, IpPacket, NdpMessage, Protocol, TcpSegment, Template, UdpDatagram,
    ethernet_header_len,
};

/// What ingress knows of the interface that a packet came in by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrived {
    pub(super) checksums: ChecksumPolicy,
    pub(super) shared_with_host: bool,
    /// It came by a link, not from ourselves.
    pub(super) from_wire: bool,
    /// The Ethernet frame that it was in.
    pub(super) enclosed: Option<Enclosed>,
}

/// Whose the last frame was, and the headers that it had: until a frame that is not like it, or any other input.
#[derive(Debug)]
pub(super) struct Run {
    link: LinkId,
    template: Template,
    tuple: Tuple,
    socket: SocketId,
}

impl Engine {
    /// Takes in a frame: one IP packet, or on Ethernet an Ethernet frame. Its checksums are to be believed as those of
    /// its interface are.
    pub fn handle_frame(&mut self, now: Instant, link: LinkId, frame: &[u8]) {
        self.begin_input();
        self.take_frame_of(now, link, None, frame);
    }

    /// Takes in one frame of several that came together, and says whether the next one may be taken in before the outputs
    /// are taken: then one acknowledgment may do for both. What has to be answered by itself, such as a segment out of
    /// order, is: its outputs are to be taken first.
    ///
    /// Where the next frame may come first, so may other inputs, such as those of a driver that the frames woke up
    /// ([`Engine::has_woken`]): then what it sends acknowledges what came.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
    //# In general, the processing of received segments MUST be implemented to aggregate ACK
    //# segments whenever possible (MUST-58).
    pub fn handle_frame_of_batch(
        &mut self,
        now: Instant,
        link: LinkId,
        checksums: ChecksumPolicy,
        frame: &[u8],
    ) -> bool {
        self.check_outputs();
        self.gathers = false;
        if self.take_next_of_run(now, link, checksums, frame) {
            return self.gathers;
        }
        self.run = None;
        let before = self.demux.last();
        self.take_frame_of(now, link, Some(checksums), frame);
        // Two for one connection are likely to be the beginning of more.
        if self.gathers && frame.len() >= RUN_MIN && before.is_some() && before == self.demux.last() {
            self.begin_run(link, frame);
        }
        self.gathers
    }

    /// Whoever got a frame is likely to get the next one, with nearly the same headers.
    fn begin_run(&mut self, link: LinkId, frame: &[u8]) {
        let ip_at = match self.interfaces.iter().find(|interface| interface.link == link) {
            Some(Interface { medium: Medium::Ip, .. }) => Some(0),
            Some(Interface { medium: Medium::Ethernet(_), .. }) => {
                // Behind the header of 802.3 there is no IP, and so no template: what a length tells there is not compared.
                EthernetFrame::parse(frame).ok().map(|read| ethernet_header_len(read.vlan))
            }
            None => None,
        };
        let Some(template) = ip_at.and_then(|ip_at| Template::of(frame, ip_at)) else { return };
        let tuple = arrived_at(template.ends(), template.segment());
        let socket = self.demux.receiver(&self.sockets, PortKind::Tcp, &tuple);
        self.run = socket.map(|socket| Run { link, template, tuple, socket });
    }

    /// Takes in a frame that differs from the one before as its successor does; says whether it is one.
    fn take_next_of_run(
        &mut self,
        now: Instant,
        link: LinkId,
        checksums: ChecksumPolicy,
        frame: &[u8],
    ) -> bool {
        let Some(run) = self.run.as_ref().filter(|run| run.link == link) else { return false };
        let Some(segment) = run.template.read(frame, checksums) else { return false };
        let (id, tuple) = (run.socket, run.tuple);
        let codepoint = Codepoint::from_bits(run.template.ecn());
        // What is over answers as one that nobody knows.
        let Some(socket) = self.sockets.get_mut(&id) else { return false };
        let Phase::Connection(connection) = &mut socket.phase else { return false };
        if connection.is_closed() {
            return false;
        }
        self.shared.counters.frames_in += 1;
        let before = connection.progress();
        connection.on_segment(&mut self.shared.cx(now), &segment, codepoint);
        self.gathers = connection.may_gather();
        let moved = !connection.is_closed() && connection.progress() != before;
        // It was touched by the one before: what most segments change needs no settling.
        if !(socket.is_settled() && socket.is_noted()) {
            self.touch(id);
        }
        if moved && !self.stations.is_empty() {
            self.confirm_path(now, tuple.remote().ip());
        }
        self.settle(now);
        true
    }

    /// As [`Engine::handle_frame`], of a link that tells with each frame what is to be believed of its checksums.
    pub fn handle_frame_with(&mut self, now: Instant, link: LinkId, checksums: ChecksumPolicy, frame: &[u8]) {
        self.begin_input();
        self.take_frame_of(now, link, Some(checksums), frame);
    }

    /// `checksums`: what the link told of them; else they are believed as those of the interface are.
    fn take_frame_of(&mut self, now: Instant, link: LinkId, checksums: Option<ChecksumPolicy>, frame: &[u8]) {
        let found = self.interfaces.iter().find(|interface| interface.link == link);
        let Some(Interface { medium, checksums: of_interface, shared_with_host, .. }) = found else {
            return self.drop_frame(now, DropReason::NotOurAddress);
        };
        let (checksums, shared_with_host) = (checksums.unwrap_or(*of_interface), *shared_with_host);
        let arrived = Arrived { checksums, shared_with_host, from_wire: true, enclosed: None };
        match medium {
            Medium::Ip => self.take_frame(now, arrived, frame),
            Medium::Ethernet(_) => self.take_ethernet(now, link, arrived, frame),
        }
    }

    /// Takes in an IP packet that came by a link, or from ourselves.
    pub(super) fn take_frame(&mut self, now: Instant, arrived: Arrived, frame: &[u8]) {
        self.shared.counters.frames_in += 1;
        match IpPacket::parse(frame) {
            Ok(packet) => self.take_packet(now, arrived, &packet),
            Err(malformed) => self.refuse_frame(now, arrived, frame, malformed),
        }
        self.settle(now);
    }

    pub(super) fn drop_frame(&mut self, now: Instant, reason: DropReason) {
        self.shared.counters.dropped(reason);
        if self.shared.events.wants(Interest::DROPS) {
            self.shared.events.push(now, None, EventKind::FrameDropped(reason));
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.7
    //# A host MUST NOT discard a datagram just because it was received with TTL less than 2.
    pub(super) fn take_packet(&mut self, now: Instant, arrived: Arrived, packet: &IpPacket<'_>) {
        if let Some(enclosed) = &arrived.enclosed {
            let icmpv6 = packet.protocol == Protocol::Icmpv6 && packet.fragment.is_none();
            let kind = packet.payload.first().copied().filter(|_| icmpv6);
            if kind.is_some_and(NdpMessage::is_type) {
                return self.take_ndp(now, enclosed, arrived.checksums, packet);
            }
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.6
            //# A host SHOULD silently discard a datagram that is received via
            //# a link-layer broadcast (see Section 2.4) but does not specify
            //# an IP multicast or broadcast destination address.
            if enclosed.for_many && is_unicast(packet.dst) {
                return self.drop_frame(now, DropReason::LinkBroadcast);
            }
        }
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.3
        //# A TCP implementation MUST silently discard an incoming SYN
        //# segment that is addressed to a broadcast or multicast address [(MUST-57)].
        // A packet from ourselves that came by a wire is forged: what we send to ourselves takes no wire. Answered, it
        // would be answered again (the LAND attack).
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.3
        //# An incoming SYN with an invalid source address MUST be ignored either by TCP or by the IP
        //# layer [(MUST-63)] (see Section 3.2.1.3).
        let forged = arrived.from_wire && !arrived.shared_with_host && self.is_own(packet.src);
        //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
        //# A host MUST silently discard an incoming datagram containing an IP source address that is
        //# invalid by the rules of this section.
        if !is_unicast(packet.src) || !is_unicast(packet.dst) || forged {
            //= https://www.rfc-editor.org/rfc/rfc4443#section-4.2
            //= type=exception
            //= reason=a request to a group would have many answer one sender, who may be forged
            //# An Echo Reply SHOULD be sent in response to an Echo Request message sent to an IPv6
            //# multicast or anycast address.
            //= https://www.rfc-editor.org/rfc/rfc4443#section-4.2
            //= type=exception
            //= reason=a request to a group would have many answer one sender, who may be forged
            //# In this case, the source address of the reply MUST be a unicast address belonging to the
            //# interface on which the Echo Request message was received.
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.6
            //= type=exception
            //= reason=sockets here talk to single hosts, to test them; what is for all hosts of a network
            //= is dropped
            //# A host MUST recognize any of these forms in the destination address of an incoming
            //# datagram.
            //= https://www.rfc-editor.org/rfc/rfc1122#section-3.3.6
            //= type=exception
            //= reason=sockets here talk to single hosts, to test them; what is for all hosts of a network
            //= is dropped
            //# All hosts SHOULD _________________________ *4.2BSD Unix and its derivatives, but not
            //# 4.3BSD. recognize and accept any of these non-standard broadcast addresses as the
            //# destination address of an incoming datagram.
            return self.drop_frame(now, DropReason::BadAddress);
        }
        //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.3
        //# A host MUST silently discard an incoming datagram that is not destined for the host.
        if !self.is_own(packet.dst) {
            return self.drop_frame(now, DropReason::NotOurAddress);
        }
        if let Some(fragment) = packet.fragment {
            return self.take_fragment(now, arrived, packet, fragment);
        }
        let ends = (packet.src, packet.dst);
        match packet.protocol {
            Protocol::Tcp => match TcpSegment::parse(packet.payload, ends, arrived.checksums) {
                Ok(segment) => {
                    self.take_segment(now, arrived, ends, Codepoint::from_bits(packet.ecn), &segment);
                }
                Err(malformed) => self.drop_frame(now, malformed.into()),
            },
            Protocol::Udp => match UdpDatagram::parse(packet.payload, ends, arrived.checksums) {
                Ok(datagram) => self.take_datagram(now, arrived, packet, &datagram),
                Err(malformed) => self.drop_frame(now, malformed.into()),
            },
            Protocol::Icmpv4 if packet.src.is_ipv4() => self.take_icmp(now, arrived, packet),
            Protocol::Icmpv6 if packet.src.is_ipv6() => self.take_icmp(now, arrived, packet),
            _ => self.refuse_protocol(now, arrived, packet),
        }
    }

    fn take_segment(
        &mut self,
        now: Instant,
        arrived: Arrived,
        ends: (IpAddr, IpAddr),
        codepoint: Codepoint,
        segment: &TcpSegment<'_>,
    ) {
        let tuple = arrived_at(ends, segment);
        // Nobody talks to itself through one socket; answered, such a segment would be answered without end.
        if tuple.local() == tuple.remote() {
            return self.drop_frame(now, DropReason::BadAddress);
        }
        let found = self
            .demux
            .receiver(&self.sockets, PortKind::Tcp, &tuple)
            .or_else(|| self.demux.bound(PortKind::Tcp, tuple.local()));
        match found {
            Some(id) => self.hand_over(now, id, tuple, codepoint, segment),
            None => self.refuse_segment(now, arrived, tuple, segment),
        }
    }

    /// Gives a segment to the socket that it is for; what moves a connection on came by a neighbor that is there.
    fn hand_over(
        &mut self,
        now: Instant,
        id: SocketId,
        tuple: Tuple,
        codepoint: Codepoint,
        segment: &TcpSegment<'_>,
    ) {
        let before = self.progress(id);
        self.deliver_segment(now, id, tuple, codepoint, segment);
        if self.progress(id).is_some_and(|after| before != Some(after)) {
            self.confirm_path(now, tuple.remote().ip());
        }
    }

    /// How far the data of a connection have come in both directions, where that says something of a neighbor.
    fn progress(&self, id: SocketId) -> Option<(Seq, Seq)> {
        if self.stations.is_empty() {
            return None;
        }
        match &self.sockets.get(&id)?.phase {
            Phase::Connection(connection) if !connection.is_closed() => Some(connection.progress()),
            _ => None,
        }
    }

    /// Nobody has this address and port.
    fn refuse_segment(&mut self, now: Instant, arrived: Arrived, tuple: Tuple, segment: &TcpSegment<'_>) {
        // The host's kernel answers for the ports that are its own.
        if arrived.shared_with_host && !self.ports.in_use(PortKind::Tcp, tuple.local()) {
            return;
        }
        let mut cx = self.shared.cx(now);
        cx.dropped(None, DropReason::NoSocket, arriving(&tuple, segment, None));
        cx.refuse(tuple, None, segment);
    }

    fn deliver_segment(
        &mut self,
        now: Instant,
        id: SocketId,
        tuple: Tuple,
        codepoint: Codepoint,
        segment: &TcpSegment<'_>,
    ) {
        self.touch(id);
        if self.follow_time_wait(now, id, tuple, segment) {
            return;
        }
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let mut cx = self.shared.cx(now);
        match &mut socket.phase {
            Phase::Connection(connection) => {
                connection.on_segment(&mut cx, segment, codepoint);
                self.gathers = connection.may_gather();
            }
            Phase::Listener(_) => self.segment_at_listener(now, id, tuple, codepoint, segment),
            Phase::HalfOpen(_) => self.segment_at_half_open(now, id, codepoint, segment),
            Phase::TimeWait(record) => {
                let record = **record;
                let Some(owner) = socket.owner() else { return };
                let mut connection = Connection::thaw_time_wait(&record, owner, now);
                connection.on_segment(&mut cx, segment, codepoint);
                flush_thawed(&mut connection, &mut cx);
                socket.phase = match connection.freeze() {
                    Some(frozen) => Phase::TimeWait(Box::new(frozen)),
                    None => Phase::Connection(Box::new(connection)),
                };
            }
            Phase::Vanished => cx.dropped(Some(id), DropReason::Vanished, arriving(&tuple, segment, None)),
            Phase::Idle | Phase::Datagram(_) | Phase::Gone => {}
        }
    }

    fn take_datagram(
        &mut self,
        now: Instant,
        arrived: Arrived,
        packet: &IpPacket<'_>,
        datagram: &UdpDatagram<'_>,
    ) {
        let local = SocketAddr::new(packet.dst, datagram.dst_port);
        let remote = SocketAddr::new(packet.src, datagram.src_port);
        let found = self
            .demux
            .connected(&self.sockets, PortKind::Udp, &Tuple::new(local, remote))
            .or_else(|| self.demux.bound(PortKind::Udp, local));
        let Some(id) = found else {
            if !arrived.shared_with_host || self.ports.in_use(PortKind::Udp, local) {
                self.drop_frame(now, DropReason::NoSocket);
                self.send_port_unreachable(now, packet);
            }
            return;
        };
        self.touch(id);
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let Phase::Datagram(queue) = &mut socket.phase else { return };
        let len = datagram.payload.len() as u32;
        let limit = self.shared.limits.datagram_bytes;
        let connected = socket.remote.is_some();
        let kept = queue.push(Received { data: datagram.payload.to_vec(), remote, local }, limit);
        let available = queue.queue.len() as u32;
        if !kept {
            self.shared.cx(now).limit_hit(Some(id), Limit::DatagramBytes);
            //= https://www.rfc-editor.org/rfc/rfc4443#section-3.1
            //# (An ICMPv6 message MUST NOT be generated if a packet is dropped due to congestion.)
            return self.drop_frame(now, DropReason::DatagramQueueFull);
        }
        let forgotten = !connected && queue.heard.hear(now, remote, self.shared.limits.heard_remotes);
        let mut cx = self.shared.cx(now);
        if forgotten {
            cx.limit_hit(Some(id), Limit::HeardRemotes);
        }
        let kind = EventKind::Datagram { source: remote, destination: local, len, sent: false };
        cx.tell_if(Interest::SEGMENTS, id, || kind);
        cx.tell_if(Interest::DATA, id, || EventKind::Readable { available, end_of_stream: false });
    }
}

/// The ends of the connection that a segment is part of, which came between the addresses `(src, dst)`.
fn arrived_at((src, dst): (IpAddr, IpAddr), segment: &TcpSegment<'_>) -> Tuple {
    Tuple::new(SocketAddr::new(dst, segment.dst_port), SocketAddr::new(src, segment.src_port))
}

/// Octets of a frame that others like it are likely to follow.
const RUN_MIN: usize = 512;
