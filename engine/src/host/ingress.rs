//! What comes in: a frame, its IP packet, its segment, datagram or message, and whose it is.

use alloc::boxed::Box;
use core::net::{IpAddr, SocketAddr};

use super::settle::flush_thawed;
use super::socket::Phase;
use super::{Engine, Interface, PortKind, is_unicast};
use crate::event::{DropReason, EventKind, Interest};
use crate::id::{LinkId, SocketId};
use crate::limits::Limit;
use crate::tcp::connection::Connection;
use crate::tcp::cx::{Tuple, arriving};
<<<<<<< HEAD
use crate::tcp::ecn::Codepoint;
use crate::tcp::passive::half_open::HalfOpen;
use crate::tcp::state::State;
=======
>>>>>>> refs/heads/main
use crate::time::Instant;
use crate::udp::Received;
use crate::wire::{ChecksumPolicy, IpPacket, Protocol, TcpSegment, UdpDatagram};

/// What ingress knows of the interface that a packet came in by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrived {
    pub(super) checksums: ChecksumPolicy,
    pub(super) shared_with_host: bool,
    /// It came by a link, not from ourselves.
    pub(super) from_wire: bool,
}

impl Engine {
    /// Takes in a frame: one IP packet.
    pub fn handle_frame(&mut self, now: Instant, link: LinkId, frame: &[u8]) {
        self.begin_input();
        let arrived = self.interfaces.iter().find(|interface| interface.link == link).map(|interface| {
            let Interface { checksums, shared_with_host, .. } = *interface;
            Arrived { checksums, shared_with_host, from_wire: true }
        });
        let Some(arrived) = arrived else { return self.drop_frame(now, DropReason::NotOurAddress) };
        self.take_frame(now, arrived, frame);
    }

    /// Takes in a frame that came by a link, or from ourselves.
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
        (src, dst): (IpAddr, IpAddr),
        codepoint: Codepoint,
        segment: &TcpSegment<'_>,
    ) {
        let tuple = Tuple {
            local: SocketAddr::new(dst, segment.dst_port),
            remote: SocketAddr::new(src, segment.src_port),
        };
        // Nobody talks to itself through one socket; answered, such a segment would be answered without end.
        if tuple.local == tuple.remote {
            return self.drop_frame(now, DropReason::BadAddress);
        }
        let found = self
            .demux
            .connected(PortKind::Tcp, &tuple)
            .or_else(|| self.demux.bound(PortKind::Tcp, tuple.local));
        match found {
            Some(id) => self.deliver_segment(now, id, tuple, codepoint, segment),
            None => self.refuse_segment(now, arrived, tuple, segment),
        }
    }

    /// Nobody has this address and port.
    fn refuse_segment(&mut self, now: Instant, arrived: Arrived, tuple: Tuple, segment: &TcpSegment<'_>) {
        // The host's kernel answers for the ports that are its own.
        if arrived.shared_with_host && !self.ports.in_use(PortKind::Tcp, tuple.local) {
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
            Phase::Connection(connection) => connection.on_segment(&mut cx, segment, codepoint),
            Phase::Listener(_) => self.segment_at_listener(now, id, tuple, segment),
            Phase::HalfOpen(_) => self.segment_at_half_open(now, id, codepoint, segment),
            Phase::TimeWait(record) => {
                let mut connection = Connection::thaw_time_wait(record, now);
                connection.on_segment(&mut cx, segment, codepoint);
                flush_thawed(&mut connection, &mut cx);
                match connection.freeze() {
                    Some(frozen) => **record = frozen,
                    None => socket.phase = Phase::Connection(Box::new(connection)),
                }
            }
            Phase::Vanished => cx.dropped(Some(id), DropReason::Vanished, arriving(&tuple, segment, None)),
            Phase::Idle | Phase::Datagram(_) | Phase::Gone => {}
        }
    }

<<<<<<< HEAD
    /// RFC 9293 §3.10.7.2: LISTEN.
    fn segment_at_listener(&mut self, now: Instant, id: SocketId, tuple: Tuple, segment: &TcpSegment<'_>) {
        let record = arriving(&tuple, segment, None);
        let mut cx = self.shared.cx(now);
        if segment.rst() || segment.ack() || !segment.syn() {
            cx.dropped(Some(id), DropReason::ListenerWantsSyn, record);
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.2
            //# Any acknowledgment is bad if it arrives on a connection still
            //# in the LISTEN state.  An acceptable reset segment should be
            //# formed for any arriving ACK-bearing segment.
            if segment.ack() {
                cx.refuse(tuple, None, segment);
            }
            return;
        }
        let limits = cx.limits;
        let sockets_full = self.sockets.len() >= limits.sockets;
        let Some(Phase::Listener(listener)) = self.sockets.get_mut(&id).map(|s| &mut s.phase) else { return };
        let refused = if sockets_full {
            Some((DropReason::SocketLimit, Some(Limit::Sockets)))
        } else {
            listener.refuses_syn(limits)
        };
        if let Some((reason, limit)) = refused {
            cx.dropped(Some(id), reason, record);
            if let Some(limit) = limit {
                cx.limit_hit(Some(id), limit);
            }
            return;
        }
        self.begin_handshake(now, id, tuple, segment);
    }

    /// A SYN that a listener takes: the child is half open, and its SYN,ACK goes.
    fn begin_handshake(
        &mut self,
        now: Instant,
        listener_id: SocketId,
        tuple: Tuple,
        segment: &TcpSegment<'_>,
    ) {
        //= https://www.rfc-editor.org/rfc/rfc7413#section-4.2
        //# FastOpenEnabled: default is off.  It MUST be turned on explicitly by
        //# the application.  When this flag is off, the server does not
        //# perform any TFO-related operations and MUST ignore all cookie
        //# options.
        let fast_open = match self.sockets.get(&listener_id).is_some_and(|parent| parent.options.fast_open) {
            true => self.answer_fast_open(now, listener_id, tuple, segment),
            false => fast_open::Answer::Ignore,
        };
        let child = self.ids.next_socket();
        let mtu = self.mtu_to(tuple.remote.ip());
        let Some(parent) = self.sockets.get_mut(&listener_id) else { return };
        let options = parent.options.clone();
        let sizes = SegmentSizes::new(mtu, tuple.local.is_ipv4(), &options);
        let iss = match options.initial_sequence_number {
            Some(iss) => crate::tcp::seq::Seq(iss),
            None => self.isn.isn(now, &tuple),
        };
        let clock = self.timestamp_offsets.clock(now, &tuple);
        let mut half =
            HalfOpen::new(now, child, listener_id, tuple, options.clone(), sizes, iss, clock, segment);
        if let fast_open::Answer::Give(cookie) = fast_open {
            half.cookie = Some(cookie);
        }
        let socket = Socket {
            id: child,
            session: parent.session,
            label: parent.label.clone(),
            kind: parent.kind,
            family: parent.family,
            state: SocketState::Connecting,
            options,
            local: Some(tuple.local),
            remote: Some(tuple.remote),
            listener: Some(listener_id),
            opened: now,
            error: None,
            held: false,
            phase: Phase::Gone,
            parked: Default::default(),
            frozen: None,
            in_ready_queue: false,
            registered: None,
        };
        let opens_fast = fast_open == fast_open::Answer::Open;
        let mut queued = 0;
        if let Phase::Listener(listener) = &mut parent.phase {
            if opens_fast {
                listener.fast_open_pending.insert(child);
                listener.accept_queue.push_back(child);
            } else {
                listener.half_open.insert(child);
            }
            queued = listener.accept_queue.len() as u32;
        }
        let hold = Hold::Bound { reuse: socket.options.reuse_address, listening: false };
        self.ports.hold(PortKind::Tcp, tuple.local, child, hold);
        self.demux.connect(PortKind::Tcp, tuple, child);

        let mut cx = self.shared.cx(now);
        let Tuple { local, remote } = tuple;
        cx.tell(
            child,
            EventKind::Opened {
                kind: socket.kind,
                family: socket.family,
                session: socket.session,
                label: socket.label.clone(),
                listener: Some(listener_id),
            },
        );
        cx.tell(child, EventKind::Named { local, remote: Some(remote) });
        let record = arriving(&tuple, segment, Some(half.relative_in()));
        cx.tell_if(Interest::SEGMENTS, child, || EventKind::SegmentReceived(record));
        cx.tell(child, EventKind::SocketState { from: SocketState::Unbound, to: SocketState::Connecting });
        let cause = Cause::Segment(segment.flags);
        cx.tell(
            child,
            EventKind::TcpState {
                from: State::Listen,
                to: State::SynReceived,
                cause,
                local,
                remote: Some(remote),
            },
        );
        cx.note_window_scale(&segment.options);
        if opens_fast {
            let connection = Connection::open_fast_from(&mut cx, &half, segment);
            cx.tell(listener_id, EventKind::AcceptReady { child, queued });
            self.sockets.insert(child, Socket { phase: Phase::Connection(Box::new(connection)), ..socket });
            self.touch(child);
            return self.touch(listener_id);
        }
        for (timer, at) in half.timers() {
            cx.tell_timer(child, timer, TimerAction::Started(at));
        }
        cx.send_stray(half.syn_ack(now));
        self.sockets.insert(child, Socket { phase: Phase::HalfOpen(Box::new(half)), ..socket });
        self.touch(child);
    }

    /// A segment for a handshake under way.
    fn segment_at_half_open(
        &mut self,
        now: Instant,
        id: SocketId,
        codepoint: Codepoint,
        segment: &TcpSegment<'_>,
    ) {
        let Some(socket) = self.sockets.get(&id) else { return };
        let Phase::HalfOpen(half) = &socket.phase else { return };
        let (mut half, listener_id) = ((**half).clone(), half.listener);
        let record = arriving(&half.tuple, segment, Some(half.relative_in()));
        let Some(Phase::Listener(listener)) = self.sockets.get_mut(&listener_id).map(|s| &mut s.phase) else {
            return;
        };
        let mut cx = self.shared.cx(now);
        if half.is_repeated_syn(segment) {
            // Our SYN,ACK was lost, or is late.
            cx.tell_if(Interest::SEGMENTS, id, || EventKind::SegmentReceived(record));
            cx.dropped(Some(id), DropReason::DuplicateSyn, record);
            half.on_repeated_syn(segment, now);
            cx.send_stray(half.syn_ack(now));
            return self.set_phase(id, Phase::HalfOpen(Box::new(half)));
        }
        let opens = segment.ack() && !segment.rst() && !segment.syn();
        if opens && listener.refuses_connection() {
            cx.tell_if(Interest::SEGMENTS, id, || EventKind::SegmentReceived(record));
            return cx.dropped(Some(id), DropReason::AcceptQueueFull, record);
        }
        let mut connection = Connection::thaw(&half, now);
        connection.on_segment(&mut cx, segment, codepoint);
        let after = connection.state();
        if after == State::SynReceived {
            flush_thawed(&mut connection, &mut cx);
            connection.refreeze(&mut half);
            return self.set_phase(id, Phase::HalfOpen(Box::new(half)));
        }
        listener.half_open.remove(&id);
        if after == State::Closed {
            // Back to LISTEN, which the listener never left: the child is no more.
            return self.set_phase(id, Phase::Gone);
        }
        listener.accept_queue.push_back(id);
        let queued = listener.accept_queue.len() as u32;
        cx.tell(listener_id, EventKind::AcceptReady { child: id, queued });
        self.set_phase(id, Phase::Connection(Box::new(connection)));
        self.touch(listener_id);
    }

    fn set_phase(&mut self, id: SocketId, phase: Phase) {
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.phase = phase;
        }
    }

=======
>>>>>>> refs/heads/main
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
            .connected(PortKind::Udp, &Tuple { local, remote })
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
        let kept = queue.push(Received { data: datagram.payload.to_vec(), remote, local }, limit);
        let available = queue.queue.len() as u32;
        if !kept {
            self.shared.cx(now).limit_hit(Some(id), Limit::DatagramBytes);
            //= https://www.rfc-editor.org/rfc/rfc4443#section-3.1
            //# (An ICMPv6 message MUST NOT be generated if a packet is dropped due to congestion.)
            return self.drop_frame(now, DropReason::DatagramQueueFull);
        }
        let mut cx = self.shared.cx(now);
        let kind = EventKind::Datagram { source: remote, destination: local, len, sent: false };
        cx.tell_if(Interest::SEGMENTS, id, || kind);
        cx.tell_if(Interest::DATA, id, || EventKind::Readable { available, end_of_stream: false });
    }
}
