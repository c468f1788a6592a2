//! ICMP at the host: errors to the sockets they are about, echo replies, port unreachable (RFC 1122 §3.2.2, RFC 4443).

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::egress::Packet;
use super::ingress::Arrived;
use super::socket::Phase;
use super::{Engine, Errno, PortKind};
use crate::event::{DropReason, EventKind};
use crate::limits::Limit;
use crate::tcp::connection::{Connection, IcmpError, icmp_errno};
use crate::tcp::cx::Tuple;
use crate::time::Instant;
use crate::wire::{IcmpMessage, IpPacket, Protocol, Quoted, Unreachable};

impl Engine {
    pub(super) fn take_icmp(&mut self, now: Instant, arrived: Arrived, packet: &IpPacket<'_>) {
        let message = match IcmpMessage::parse(packet.payload, (packet.src, packet.dst), arrived.checksums) {
            Ok(message) => message,
            Err(malformed) => return self.drop_frame(now, malformed.into()),
        };
        let (kind, code) = match packet.payload {
            [kind, code, ..] => (*kind, *code),
            _ => return self.drop_frame(now, DropReason::Malformed),
        };
        let v6 = packet.src.is_ipv6();
        match message {
            IcmpMessage::EchoRequest { ident, seq, data } if !arrived.shared_with_host => {
                let reply = IcmpMessage::EchoReply { ident, seq, data };
                self.queue_icmp(now, packet, &reply);
            }
            IcmpMessage::Unreachable { quoted, .. }
            | IcmpMessage::TimeExceeded { quoted, .. }
            | IcmpMessage::ParameterProblem { quoted, .. }
            | IcmpMessage::PacketTooBig { quoted, .. } => {
                let error = IcmpError { message, kind, code, v6 };
                if !self.deliver_error(now, &quoted, &error) {
                    self.drop_frame(now, DropReason::UnhandledIcmp);
                }
            }
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
            //# Source Quench TCP implementations MUST silently discard any received ICMP Source Quench
            //# messages (MUST-55).
            _ => self.drop_frame(now, DropReason::UnhandledIcmp),
        }
    }

    /// Gives an error to the socket whose packet it quotes; says whether there was one that believed it.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
    //# TCP implementations MUST act on an ICMP error message passed up from the IP layer,
    //# directing it to the connection that created the error (MUST-54).
    fn deliver_error(&mut self, now: Instant, quoted: &Quoted<'_>, error: &IcmpError<'_>) -> bool {
        let Some((kind, tuple)) = sender_of(quoted) else { return false };
        // Only a socket with that very peer: another one's errors are not its business (RFC 1122 §4.1.3.3).
        let Some(id) = self.demux.connected(kind, &tuple) else { return false };
        self.touch(id);
        let Some(socket) = self.sockets.get_mut(&id) else { return false };
        let mut cx = self.shared.cx(now);
        match &mut socket.phase {
            Phase::Connection(connection) => connection.on_icmp(&mut cx, quoted.seq, error),
            Phase::HalfOpen(half) => {
                let mut connection = Connection::thaw(half, now);
                let believed = connection.on_icmp(&mut cx, quoted.seq, error);
                if connection.is_closed() {
                    socket.phase = Phase::Gone;
                }
                believed
            }
            Phase::Datagram(_) => {
                let Some(errno) = icmp_errno(&error.message) else { return false };
                socket.error = Some(errno);
                let IcmpError { kind, code, v6, .. } = *error;
                cx.tell(id, EventKind::Icmp { kind, code, v6, fatal: false });
                cx.tell(id, EventKind::Failed(errno));
                true
            }
            _ => false,
        }
    }

    /// Takes note that the host could not send `packet`, which [`Engine::poll_transmit`] gave, because of `errno`.
    ///
    /// An attempt to open ends with it, as a `connect` of the host's own would; a datagram socket tells it at the next
    /// call; an open connection goes on, and tells it if it is given up later.
    pub fn handle_send_failure(&mut self, now: Instant, packet: &[u8], errno: Errno) {
        self.begin_input();
        let Ok(quoted) = Quoted::parse(packet) else { return };
        let Some((kind, tuple)) = sender_of(&quoted) else { return };
        let found = self.demux.connected(kind, &tuple).or_else(|| self.demux.bound(kind, tuple.local));
        let Some(id) = found else { return };
        self.touch(id);
        let mut cx = self.shared.cx(now);
        match self.sockets.get_mut(&id).map(|socket| (&mut socket.phase, &mut socket.error)) {
            Some((Phase::Connection(connection), _)) => connection.on_send_failure(&mut cx, errno),
            Some((Phase::Datagram(_), error)) => {
                *error = Some(errno);
                cx.tell(id, EventKind::Failed(errno));
            }
            _ => {}
        }
        self.settle(now);
    }

    /// Answers a datagram that nobody waits for.
    //= https://www.rfc-editor.org/rfc/rfc1122#section-4.1.3.1
    //# If a datagram arrives addressed to a UDP port for which
    //# there is no pending LISTEN call, UDP SHOULD send an ICMP
    //# Port Unreachable message.
    pub(super) fn send_port_unreachable(&mut self, now: Instant, packet: &IpPacket<'_>) {
        if !self.stray_replies.allows(now, self.shared.limits.stray_replies_per_second) {
            return self.shared.cx(now).limit_hit(None, Limit::StrayRepliesPerSecond);
        }
        if let Ok(quoted) = Quoted::parse(packet.packet) {
            self.queue_icmp(now, packet, &IcmpMessage::Unreachable { code: Unreachable::Port, quoted });
        }
    }

    /// Queues a message to whoever sent `packet`.
    fn queue_icmp(&mut self, now: Instant, packet: &IpPacket<'_>, message: &IcmpMessage<'_>) {
        let (src, dst) = (packet.dst, packet.src);
        let protocol = if src.is_ipv4() { Protocol::Icmpv4 } else { Protocol::Icmpv6 };
        let mut payload = Vec::new();
        message.emit(src, dst, &mut payload);
        self.queue_packet(now, None, Packet { src, dst, protocol, payload });
    }
}

/// Whose packet is quoted.
fn sender_of(quoted: &Quoted<'_>) -> Option<(PortKind, Tuple)> {
    let kind = match quoted.protocol {
        Protocol::Tcp => PortKind::Tcp,
        Protocol::Udp => PortKind::Udp,
        _ => return None,
    };
    let local = SocketAddr::new(quoted.src, quoted.src_port);
    Some((kind, Tuple { local, remote: SocketAddr::new(quoted.dst, quoted.dst_port) }))
}
